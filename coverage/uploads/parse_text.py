"""CSV and XLSX uploads → :class:`~coverage.uploads.tables.RawTable`. Runs in the child process only."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from coverage.errors import FileFormatError
from coverage.readers.text import decode
from coverage.uploads.archive import read_member
from coverage.uploads.limits import Limits
from coverage.uploads.report import Remark
from coverage.uploads.tables import RawRow, RawTable

_SEPARATORS = {"\t": ("タブ", "tab"), ";": ("セミコロン", "semicolon")}


def parse_csv(data: bytes, label: str, limits: Limits) -> RawTable:
    """Strict CSV. Raises FileFormatError "encoding-unknown", "truncated", "too-many-rows", "too-many-columns", …"""
    text, encoding = decode(data, name=label)
    if "\x00" in text:
        raise _refused("csv-binary", label, "に文字でないデータが含まれています", "holds bytes that are no text")
    guesses: list[Remark] = []
    if encoding == "cp932":
        guesses.append(
            Remark("encoding-guessed", "文字コードは CP932（Shift_JIS）として読みました。", "Read as CP932 (Shift_JIS).")
        )
    separator = _separator(text)
    if separator != ",":
        ja, en = _SEPARATORS[separator]
        guesses.append(Remark("separator-guessed", f"区切り文字を{ja}として読みました。", f"Read with the {en} as separator."))
    csv.field_size_limit(max(limits.cell_characters * 4, 131072))
    lines: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            lines.append(cells)
            if len(lines) > limits.rows + 30:
                raise _too_many_rows(label, limits)
    except csv.Error as problem:
        raise _refused(
            "truncated", label,
            f"の {len(lines) + 1} 行目の引用符が閉じていません。途中で切れていないかを確かめてください",
            f"has a quote in row {len(lines) + 1} that is not closed ({problem}); it may end early",
        ) from None  # fmt: skip
    ends_open = bool(text) and not text.endswith(("\n", "\r"))
    return build_table(
        lines, label, limits, guesses,
        understood={"format": "CSV", "encoding": encoding}, ends_open=ends_open,
    )  # fmt: skip


def _separator(text: str) -> str:
    head = text[:4000].lstrip("\ufeff").split("\n", 1)[0]
    if head.count(",") == 0:
        for separator in _SEPARATORS:
            if head.count(separator) >= 2:
                return separator
    return ","


def build_table(
    lines: list[list[str]],
    label: str,
    limits: Limits,
    guesses: list[Remark],
    *,
    understood: dict[str, str],
    ends_open: bool = False,
) -> RawTable:
    """Find the header and turn the lines under it into rows. A line of another length is a spoilt row; the last one,
    cut off without a line end, means that the file ends early and is refused whole ("truncated")."""
    from coverage.uploads.headers import header_score

    filled = [i for i, cells in enumerate(lines) if any(c.strip() for c in cells)]
    if not filled:
        raise _refused("empty-file", label, "に行がありません", "holds no rows")
    best = max(filled[:20], key=lambda i: (header_score(lines[i]), -i))
    header_at = best if header_score(lines[best]) >= 2 else filled[0]
    if header_at != filled[0]:
        guesses.append(
            Remark(
                "header-row-guessed",
                f"{header_at + 1} 行目を見出しとして読み、その上の行は読みませんでした。",
                f"Line {header_at + 1} was taken as the header; the lines above it were not read.",
            )
        )
    header = [c.strip() for c in lines[header_at]]
    while header and not header[-1]:
        header.pop()
    width = len(header)
    if width > limits.columns:
        raise _refused(
            "too-many-columns", label, f"の列数 {width} が上限 {limits.columns} を超えています", f"has {width} columns, over the limit of {limits.columns}"
        )
    rows: list[RawRow] = []
    body = [(i, lines[i]) for i in filled if i > header_at]
    if len(body) > limits.rows:
        raise _too_many_rows(label, limits)
    for number, (at, cells) in enumerate(body):
        if any(len(c) > limits.cell_characters for c in cells):
            raise _refused(
                "cell-too-long", label,
                f"の {at + 1} 行目に {limits.cell_characters:,} 文字を超える欄があります",
                f"has a cell of more than {limits.cell_characters:,} characters in line {at + 1}",
            )  # fmt: skip
        extra = [c for c in cells[width:] if c.strip()]
        if len(cells) < width or extra:
            if len(cells) < width and at == filled[-1] and ends_open:
                raise _refused(
                    "truncated", label,
                    f"は {at + 1} 行目の途中で終わっています。元のデータから作り直してください",
                    f"ends in the middle of line {at + 1}; export it again",
                )  # fmt: skip
            spoilt = Remark(
                "row-length",
                f"{at + 1} 行目は {len(cells)} 列で、見出しの {width} 列と合いません。",
                f"Line {at + 1} has {len(cells)} cells where the header has {width}.",
                row=number,
            )
            rows.append(RawRow(number, cells[:width] + [""] * (width - len(cells)), spoilt=spoilt))
            continue
        rows.append(RawRow(number, cells[:width]))
    return RawTable(header, rows, guesses=guesses, understood=understood)


def parse_xlsx(path: Path, label: str, limits: Limits, sheet: str | None) -> RawTable:
    """One sheet of a workbook, read by rows within bounds; formulas by their stored results.

    Raises FileFormatError "xml-doctype", "workbook-damaged", "sheet-choose" (several sheets with data), "too-many-…".
    """
    _scan_parts(path, label)
    import openpyxl

    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and validations that it leaves out; only values are read here.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            try:
                return _one_sheet(book, label, limits, sheet)
            finally:
                book.close()
    except FileFormatError:
        raise
    except Exception as problem:
        # openpyxl raises whatever its XML made it stumble over; all of it means the same to the sender.
        raise _refused(
            "workbook-damaged", label,
            f"は XLSX として読めません（{type(problem).__name__}）。Excel で開いて保存し直してください",
            f"cannot be read as XLSX ({type(problem).__name__}); open it in Excel and save it again",
        ) from None  # fmt: skip


def _scan_parts(path: Path, label: str) -> None:
    """No part of a workbook has a use for a DOCTYPE; entity bombs and outside files begin with one."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.lower().endswith((".xml", ".rels", ".vml")):
                part = read_member(archive, info, label)
                if re.search(rb"<!DOCTYPE|<!ENTITY", part, re.IGNORECASE) or re.search(
                    "<!DOCTYPE|<!ENTITY".encode("utf-16-le"), part
                ):
                    raise _refused(
                        "xml-doctype", label, "に DOCTYPE 宣言が含まれています。安全のため読めません", "holds a DOCTYPE, which is not read for safety"
                    )


def _one_sheet(book: Any, label: str, limits: Limits, wanted: str | None) -> RawTable:
    found: dict[str, list[list[str]]] = {}
    for sheet in book.worksheets:
        if wanted is not None and sheet.title != wanted:
            continue
        if (sheet.max_column or 0) > limits.columns:
            raise _refused(
                "too-many-columns", label,
                f"のシート「{sheet.title}」の列が上限 {limits.columns} を超えています。離れたところの値を消してください",
                f"has a sheet '{sheet.title}' with more than {limits.columns} columns; delete stray cells",
            )  # fmt: skip
        if (sheet.max_row or 0) > limits.rows + 30:
            raise _too_many_rows(label, limits)
        lines = [
            [_cell_text(value) for value in row]
            for row in sheet.iter_rows(max_row=limits.rows + 31, max_col=limits.columns + 1, values_only=True)
        ]
        if any(len(line) > limits.columns and line[limits.columns] for line in lines):
            raise _refused(
                "too-many-columns", label, f"の列数が上限 {limits.columns} を超えています", f"has more than {limits.columns} columns"
            )
        if any(any(cell for cell in line) for line in lines):
            found[sheet.title] = lines
    if wanted is not None and wanted not in found:
        raise _refused("sheet-missing", label, f"にデータのあるシート「{wanted[:60]}」がありません", f"has no sheet '{wanted[:60]}' with data")
    if not found:
        raise _refused("empty-file", label, "に行がありません", "holds no rows")
    if len(found) > 1:
        names = "、".join(found)
        raise _refused(
            "sheet-choose", label,
            f"にはデータのあるシートが {len(found)} 枚あります（{names}）。どれを読むか選んでください（mapping の sheet）",
            f"has {len(found)} sheets with data ({', '.join(found)}); choose one (mapping: sheet)",
        )  # fmt: skip
    title, lines = next(iter(found.items()))
    width = max(len(line) for line in lines)
    lines = [line + [""] * (width - len(line)) for line in lines]
    while width and not any(line[width - 1] for line in lines):
        lines = [line[: width - 1] for line in lines]
        width -= 1
    return build_table(lines, label, limits, [], understood={"format": "XLSX", "sheet": title})


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


def _too_many_rows(label: str, limits: Limits) -> FileFormatError:
    return _refused(
        "too-many-rows", label, f"の行数が上限 {limits.rows:,} を超えています。分けて登録してください", f"has more than {limits.rows:,} rows; split it"
    )


def _refused(code: str, label: str, ja: str, en: str) -> FileFormatError:
    return FileFormatError(code, f"「{label}」{ja}。", f"'{label}' {en}.")
