"""What every workbook of ours has in common: tables with a heading, numbers as numbers, no formula, no clock."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from coverage.runs.tables import cell_text

PERCENT: Final = "0.00%"
WHOLE: Final = "#,##0"
_MODIFIED: Final = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")
_HEAD: Final = PatternFill("solid", fgColor="FFEEF2F5")


def add_sheet(book: Workbook, title: str) -> Worksheet:
    """A further sheet."""
    sheet = book.create_sheet(title)
    assert isinstance(sheet, Worksheet)
    return sheet


def put_table(
    sheet: Worksheet,
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    formats: Sequence[str | None],
    notes: Sequence[str] = (),
) -> None:
    """A heading row that stays in view, ``rows`` with number ``formats`` by column, and notes below.

    Text that a spreadsheet would run as a formula gets a leading apostrophe; truth is ○ or blank.
    """
    sheet.append([cell_text(h) for h in head])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.fill = _HEAD
        cell.alignment = Alignment(wrap_text=True, vertical="center")
    widths = [_width(h) for h in head]
    for row in rows:
        plain = [_plain(value) for value in row]
        sheet.append(plain)
        widths = [max(w, min(_width(v), 48.0)) for w, v in zip(widths, plain, strict=True)]
        for cell, form in zip(sheet[sheet.max_row], formats, strict=True):
            if form is not None and isinstance(cell.value, (int, float)):
                cell.number_format = form
    for i, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(i)].width = width
    sheet.freeze_panes = "A2"
    if notes:
        sheet.append([])
    for note in notes:
        sheet.append([cell_text(note)])


def _plain(value: Any) -> Any:
    """A cell's value: numbers stay numbers, text is made harmless, NaN and None are blank."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool):
        return "○" if value else ""
    if hasattr(value, "item"):
        return _plain(value.item())
    return value if isinstance(value, (int, float)) else cell_text(value)


def _width(value: Any) -> float:
    """Characters, full-width ones counted as two, with some air."""
    return 3.0 + sum(1.9 if ord(c) > 0x2000 else 1.05 for c in str(value if value is not None else ""))


def without_clock(book: bytes, year: int, month: int, day: int) -> bytes:
    """The same archive with one date on every member, in the order it was written."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            member = zipfile.ZipInfo(name, (year, month, day, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o600 << 16
            content = source.read(name)
            if name == "docProps/core.xml":
                # openpyxl writes the moment of saving over the date it was given.
                content = _MODIFIED.sub(
                    rf"\g<1>{year:04d}-{month:02d}-{day:02d}T00:00:00Z\g<2>".encode(), content
                )
            target.writestr(member, content)
    return out.getvalue()
