"""A report whose rows stay in a file: 200,000 rows are 200 MB as Python has them, and a server has more to do.

The file is the one that the reading process writes: the report without its rows, as one line of JSON with ``count``, the
number of rows; then the rows, 500 a line. Packed (gzip) it is a tenth as large.
"""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO, cast, overload

from coverage.errors import StorageError
from coverage.uploads.report import Report

ROWS_A_LINE: Final = 500
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, zlib.error)
"""What reading a file raises that is not what was written."""

Row = dict[str, Any]


class StoredRows(Sequence[Row]):
    """The rows of a report in their file, read in order whenever they are asked for. ``holder`` lives as long as they do.

    Raises StorageError "upload-rows-gone" where the file is gone or no longer what was written.
    """

    def __init__(self, path: Path, count: int, holder: object = None) -> None:
        self.path = path
        self.holder = holder
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        read = 0
        try:
            with open_report(self.path) as stream:
                stream.readline()
                for line in stream:
                    rows = json.loads(line)
                    read += len(rows)
                    yield from rows
        except DAMAGED as problem:
            raise gone() from problem
        if read != self._count:
            raise gone()

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return list(self)[index]


def gone() -> StorageError:
    return StorageError(
        "upload-rows-gone",
        "調べた一覧の控えが、なくなったか壊れています。台帳は変わっていません。もう一度ファイルを選んで調べてください。",
        "What was kept of the checked list is gone or damaged. The ledger is as it was; choose the file and check it again.",
    )


def open_report(path: Path) -> TextIO:
    """The lines of a report's file, packed or not."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="\n")
    return path.open(encoding="utf-8", newline="\n")


def write_report(report: Report, path: Path) -> None:
    """Put a report down, packed where the name ends in ``.gz``. Raises OSError."""
    head = {**report.as_dict(), "rows": [], "count": len(report.rows)}
    if path.suffix == ".gz":
        with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="\n") as packed:
            packed.writelines(lines_of(head, report.rows))
        return
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(lines_of(head, report.rows))


def lines_of(head: dict[str, Any], rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a report's file."""
    yield json.dumps(head, ensure_ascii=False, allow_nan=False) + "\n"
    part: list[Row] = []
    for row in rows:
        part.append(row)
        if len(part) == ROWS_A_LINE:
            yield json.dumps(part, ensure_ascii=False, allow_nan=False) + "\n"
            part = []
    if part:
        yield json.dumps(part, ensure_ascii=False, allow_nan=False) + "\n"


def read_report(path: Path, *, at_most: int | None = None, holder: object = None) -> Report:
    """The report of a file; one of more than ``at_most`` rows leaves them where they are (None = never).

    Raises ValueError, KeyError, TypeError, AttributeError, EOFError or OSError for a file that holds no report.
    """
    with open_report(path) as stream:
        data = json.loads(stream.readline())
        count = data["count"]
        if type(count) is not int or count < 0 or data["rows"]:
            raise ValueError("not the head of a report")
        left = at_most is not None and count > at_most
        if not left:
            for line in stream:
                data["rows"].extend(json.loads(line))
            if len(data["rows"]) != count:
                raise ValueError("not the rows that the head tells of")
    report = Report.from_dict(data)
    if left:
        # A sequence like the list that it stands for; nothing changes the rows of a report that was read.
        report.rows = cast(list[Row], StoredRows(path, count, holder))
    return report


def in_memory(report: Report) -> Report:
    """The report with its rows as a list. Raises StorageError "upload-rows-gone"."""
    if isinstance(report.rows, StoredRows):
        report.rows = list(report.rows)
    return report


def pack(path: Path, target: Path) -> None:
    """The same file, packed. Raises OSError."""
    with path.open("rb") as stream, gzip.open(target, "wb", compresslevel=1) as packed:
        shutil.copyfileobj(stream, packed, 1 << 20)
