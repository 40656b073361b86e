"""Text on its way into a spreadsheet: what would run as a formula gets one apostrophe in front (upload contract §3.9).

The only formula guard of the product. Every CSV and XLSX writer goes through :func:`guard`, every reader of our own
tables through :func:`unguard`, so that a table that is written and read back is the same table.
"""

from __future__ import annotations

import re
from typing import Final

_STARTS: Final = r"[=+\-@\t\r\n＝＋－＠]"
_NEEDS_GUARD: Final = re.compile(f"'*{_STARTS}")
_GUARDED: Final = re.compile(f"'+{_STARTS}")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def guard(text: str) -> str:
    """``text`` for a cell: an apostrophe before ``= + - @``, TAB, CR, LF and the full-width twins of the first four.

    A plain number in ASCII (-5, +81, 1e-3) stays as it is. Text that has apostrophes before such a sign gets one more,
    so that :func:`unguard` is exact.
    """
    return f"'{text}" if _NEEDS_GUARD.match(text) and not _NUMBER.fullmatch(text) else text


def unguard(text: str) -> str:
    """The inverse of :func:`guard`."""
    return text[1:] if _GUARDED.match(text) else text
