"""What the tests of executors have workers do. It imports nothing from beside it: workers know it by its name alone."""

from __future__ import annotations

import os
from pathlib import Path

from coverage.errors import InputError


def die_once(marker: str) -> int:
    path = Path(marker)
    if not path.exists():
        path.write_text("died", encoding="ascii")
        os._exit(9)
    return 7


def die_always(_: int) -> int:
    os._exit(9)


def refuse(_: int) -> int:
    raise InputError("no-such-thing", "だめです。", "it is refused.")


def square(value: int) -> int:
    return value * value
