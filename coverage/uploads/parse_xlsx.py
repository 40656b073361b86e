"""XLSX uploads → :class:`~coverage.uploads.tables.RawTable`: rows as the file has them, never as it claims to have.

openpyxl's row parser is used without its worksheet: the stated dimensions of a sheet (one stray cell at XFD1048576) are
never believed, nothing is filled up to them, and a formula without a stored result is noticed. Child process only.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import warnings
import xml.parsers.expat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl.chartsheet import Chartsheet
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import column_index_from_string
from openpyxl.worksheet._reader import WorkSheetParser

from coverage.errors import FileFormatError
from coverage.uploads.archive import read_member
from coverage.uploads.limits import Limits
from coverage.uploads.parse_csv import (
    Line,
    build_table,
    check_line,
    header_at,
    header_cells,
    refused,
    too_many_rows,
)
from coverage.uploads.report import Remark
from coverage.uploads.tables import TEMPLATE_SHEETS, ChoiceError, RawTable

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_FORMULA, _VALUE, _TEXT = f"{_MAIN}f", f"{_MAIN}v", f"{_MAIN}t"
_DEPTH_COUNTED_BYTES = 8_000_000
"""Counting the depth of a larger part (a sheet of many rows) would cost seconds; time and memory bound what it can do."""
UNCOMPUTED = "#UNCOMPUTED!"
"""Stands for a formula whose result is not in the file: no number and no date, so that it is named and left out."""


class _Book(ExcelReader):  # type: ignore[misc]
    """Leaves chart sheets alone: they hold no rows, and openpyxl stumbles over an empty one."""

    def read_chartsheet(self, sheet: Any, rel: Any) -> None:
        # In its place, because names of the workbook tell sheets by their position.
        self.wb._sheets.append(Chartsheet(parent=self.wb, title=sheet.name))


class _Rows(WorkSheetParser):  # type: ignore[misc]
    """Notes formulas without a stored result, and pads numbers that the sheet shows with leading zeros."""

    def __init__(self, source: Any, book: Any, shared_strings: Any) -> None:
        super().__init__(
            source, shared_strings, data_only=True, epoch=book.epoch,
            date_formats=book._date_formats, timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        self.zeros = _zero_formats(book)
        self.letters: dict[str, int] = {}

    def parse_cell(self, element: Any) -> dict[str, Any]:
        plain = self._plain_cell(element)
        if plain is not None:
            return plain
        cell: dict[str, Any] = super().parse_cell(element)
        value = cell["value"]
        if value is None:
            if element.find(_FORMULA) is not None:
                cell["value"] = UNCOMPUTED
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            width = self.zeros.get(cell["style_id"], 0)
            if width and 0 <= value < 10**width and float(value).is_integer():
                cell["value"] = f"{int(value):0{width}d}"
        return cell

    def _plain_cell(self, element: Any) -> dict[str, Any] | None:
        """Shared strings and simple inline ones, most cells of a large list, by the short way; None for all others."""
        kind, reference = element.get("t"), element.get("r")
        if kind == "s":
            index = element.findtext(_VALUE)
            if not index:
                return None
            value = self.shared_strings[int(index)]
        elif kind == "inlineStr":
            if len(element) != 1 or len(element[0]) != 1 or element[0][0].tag != _TEXT:
                return None
            value = element[0][0].text
        else:
            return None
        if reference:
            letters = reference.rstrip("0123456789")
            column = self.letters.get(letters)
            if column is None:
                column = self.letters[letters] = column_index_from_string(letters)
        else:
            column = int(self.col_counter) + 1
        self.col_counter: int = column
        return {"row": self.row_counter, "column": column, "value": value, "data_type": "s", "style_id": 0}


def _zero_formats(book: Any) -> dict[int, int]:
    """Style id → digits, for number formats like 00000: the id 00123 is shown by them and stored as 123."""
    found: dict[int, int] = {}
    custom = list(book._number_formats)
    for index, style in enumerate(book._cell_styles):
        at = style.numFmtId - 164
        text = custom[at] if 0 <= at < len(custom) else ""
        if re.fullmatch(r"0{2,20}", text):
            found[index] = len(text)
    return found


def parse_xlsx(path: Path, label: str, limits: Limits, sheet: str | None) -> RawTable:
    """One sheet of a workbook, row by row within bounds; formulas by their stored results.

    Raises FileFormatError "xml-doctype", "xml-too-deep", "workbook-damaged", "sheet-choose" (several sheets with data), "sheet-missing",
    "too-many-…", "cell-too-long".
    """
    _scan_parts(path, label, limits)
    try:
        # A stream: openpyxl judges paths by their extension, and ours in quarantine has none.
        with path.open("rb") as stream, warnings.catch_warnings():
            # openpyxl warns of styles and validations that it leaves out; only values are read here.
            warnings.simplefilter("ignore")
            reader = _Book(stream, read_only=True, data_only=True, keep_links=False)
            reader.read()
            book = reader.wb
            try:
                return _one_sheet(book, label, limits, sheet)
            finally:
                book.close()
    except (FileFormatError, MemoryError):
        raise
    except Exception as problem:
        # openpyxl raises whatever its XML made it stumble over; all of it means the same to the sender.
        raise refused(
            "workbook-damaged", label,
            f"は XLSX として読めません（{type(problem).__name__}）。Excel で開いて保存し直してください",
            f"cannot be read as XLSX ({type(problem).__name__}); open it in Excel and save it again",
        ) from None  # fmt: skip


def _scan_parts(path: Path, label: str, limits: Limits) -> None:
    """No part of a workbook has a use for a DOCTYPE (entity bombs and outside files begin with one) or for deep nesting."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            part = read_member(archive, info, label)
            if not part[:200].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
                continue
            if re.search(rb"<!DOCTYPE|<!ENTITY", part, re.IGNORECASE) or re.search(
                "<!DOCTYPE|<!ENTITY".encode("utf-16-le")[:-1], part, re.IGNORECASE
            ):
                raise refused(
                    "xml-doctype", label, "に DOCTYPE 宣言が含まれています。安全のため読めません", "holds a DOCTYPE, which is not read for safety"
                )
            if len(part) <= _DEPTH_COUNTED_BYTES and _too_deep(part, limits.depth):
                raise refused(
                    "xml-too-deep", label, f"の入れ子が {limits.depth} 段を超えています", f"is nested deeper than {limits.depth}"
                )


def _too_deep(part: bytes, most: int) -> bool:
    """Whether the elements of an XML part are nested deeper than ``most``, as far as it can be read."""
    depth = 0

    def start(name: str, attributes: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > most:
            raise _TooDeepError

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(part, True)
    except _TooDeepError:
        return True
    except xml.parsers.expat.ExpatError:
        return False  # openpyxl says what is wrong with it
    return False


class _TooDeepError(Exception):
    """An element deeper than the limit."""


def _one_sheet(book: Any, label: str, limits: Limits, wanted: str | None) -> RawTable:
    found: dict[str, list[Line]] = {}
    for sheet in book.worksheets:
        if wanted is None or sheet.title == wanted:
            lines = list(_lines(sheet, book, label, limits))
            if lines:
                found[sheet.title] = lines
    offers = _offers(book, found, label, limits, wanted)
    if wanted is None and any(title not in TEMPLATE_SHEETS for title in found):
        # The sheets of our own template that explain it are no data, whoever has typed beside them.
        found = {title: lines for title, lines in found.items() if title not in TEMPLATE_SHEETS}
    prose = [name for name, lines in found.items() if _is_prose(lines)] if wanted is None else []
    notes: list[str] = []
    if prose and len(found) - len(prose) == 1:
        # What they say of the datum or the zone holds for the table.
        notes = [cell for name in prose for _, cells in found[name] for cell in cells if cell]
        found = {name: lines for name, lines in found.items() if name not in prose}
    if wanted is not None and wanted not in found:
        raise refused("sheet-missing", label, f"にデータのあるシート「{wanted[:60]}」がありません", f"has no sheet '{wanted[:60]}' with data")
    if not found:
        raise refused("empty-file", label, "に行がありません", "holds no rows")
    if len(found) > 1:
        names = [name[:60] for name in found][:20]
        asked = refused(
            "sheet-choose", label,
            f"にはデータのあるシートが {len(found)} 枚あります（{'、'.join(names)}）。どれを読むか選んでください（mapping の sheet）",
            f"has {len(found)} sheets with data ({', '.join(names)}); choose one (mapping: sheet)",
        )  # fmt: skip
        raise ChoiceError(asked.code, asked.ja, asked.en, {"sheets": offers})
    title, lines = next(iter(found.items()))
    width = max(len(cells) for _, cells in lines)
    for _, cells in lines:
        cells += [""] * (width - len(cells))
    guesses = []
    if notes:
        shown = "、".join(name[:60] for name in prose[:20])
        guesses.append(
            Remark("sheet-prose", f"説明文だけのシート（{shown}）は読みませんでした。", f"Sheets that hold sentences and no table were not read ({shown}).")
        )
    states = {sheet.title: sheet.sheet_state for sheet in book.worksheets}
    if wanted is None and states.get(title) != "visible":
        guesses.append(
            Remark("sheet-hidden", f"データは非表示のシート「{title[:60]}」にだけありました。", f"The data stand in the hidden sheet '{title[:60]}' only.")
        )
    understood = {"format": "XLSX", "sheet": title, "sheets": offers}
    table = build_table(lines, label, limits, guesses, understood=understood)
    table.titles = " ".join([title, table.titles, *notes])
    return table


def _is_prose(lines: list[Line]) -> bool:
    """Sentences, one to a line, beside the table proper: no table of ours has but one column."""
    return all(sum(map(bool, cells)) == 1 for _, cells in lines)


def _offers(
    book: Any, found: dict[str, list[Line]], label: str, limits: Limits, wanted: str | None
) -> list[dict[str, Any]]:
    """The sheets with data. Those that were not asked for are read as far as their header only."""
    offers = []
    for sheet in book.worksheets:
        lines = found.get(sheet.title)
        counted = lines is not None
        if lines is None and wanted is not None:
            try:
                lines = list(itertools.islice(_lines(sheet, book, label, limits), 20))
            except FileFormatError:
                continue  # a sheet that nobody wants may be as it likes
        if not lines or sheet.title in TEMPLATE_SHEETS:
            continue
        at = header_at(lines)
        offers.append(
            {
                "name": sheet.title,
                "rows": len(lines) - at - 1 if counted else None,
                "columns": header_cells(lines[at][1])[:40],
            }
        )
    return offers[:20]


def _lines(sheet: Any, book: Any, label: str, limits: Limits) -> Iterator[Line]:
    """Lines with text. A value outside the bounds is refused where it stands, whatever the sheet says of its size."""
    kept = 0
    with sheet._get_source() as source:
        for number, row in _Rows(source, book, sheet._shared_strings).parse():
            cells: list[str] = []
            for cell in row:
                text = _cell_text(cell["value"])
                if not text.strip():
                    continue
                at = cell["column"] - 1
                if at >= limits.columns:
                    check_line(number, [""] * limits.columns + [text], label, limits)
                cells += [""] * (at + 1 - len(cells))
                cells[at] = text
            if not cells:
                continue
            kept += 1
            if kept > limits.rows + 30:
                raise too_many_rows(label, limits)
            check_line(number, cells, label, limits)
            yield number, cells


def _cell_text(value: Any) -> str:
    """A cell as a person sees it: dates ISO (both epochs are openpyxl's affair), whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
