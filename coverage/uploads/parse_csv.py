"""CSV uploads, and the step from lines to a table that they share with workbooks. Runs in the child process only."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from coverage.errors import FileFormatError
from coverage.uploads.headers import header_score
from coverage.uploads.limits import Limits
from coverage.uploads.report import Remark
from coverage.uploads.tables import RawRow, RawTable
from coverage.uploads.text import decode_upload

_SEPARATORS = {",": ("コンマ", "comma"), "\t": ("タブ", "tab"), ";": ("セミコロン", "semicolon")}
_TITLE_LINES = 20
_BESIDES = 30
"""Lines above the header that a file may have beyond the limit of rows."""

Line = tuple[int, list[str]]
"""(number as a spreadsheet counts, cells); lines without any text are left out."""


def parse_csv(data: bytes, label: str, limits: Limits) -> RawTable:
    """Strict CSV. Raises FileFormatError "encoding-unknown", "truncated", "too-many-rows", "too-many-columns", …"""
    text, encoding, guesses = decode_upload(data, label)
    if text[:5].lower() == "sep=;" or text[:5].lower() == "sep=,":  # a line that Excel writes for itself
        text = text.partition("\n")[2]
    separator = _separator(text)
    if separator != ",":
        ja, en = _SEPARATORS[separator]
        guesses.append(Remark("separator-guessed", f"区切り文字を{ja}として読みました。", f"Read with the {en} as separator."))
    # Wider than a cell may be, so that a cell that is too long gets its own sentence and a lost quote still ends.
    csv.field_size_limit(max(limits.cell_characters * 4, 131_072))
    lines: list[Line] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if any(c.strip() for c in cells):
                check_line(number, cells, label, limits)
                lines.append((number, cells))
                if len(lines) > limits.rows + _BESIDES:
                    raise too_many_rows(label, limits)
    except csv.Error as problem:
        if "field larger" in str(problem):
            raise _too_long(number + 1, label, limits) from None
        raise refused(
            "truncated", label,
            f"の {number + 1} 行目の引用符が閉じていません。途中で切れていないかを確かめてください",
            f"has a quote in row {number + 1} that is not closed ({problem}); it may end early",
        ) from None  # fmt: skip
    return build_table(
        lines, label, limits, guesses,
        understood={"format": "CSV", "encoding": encoding, "separator": separator}, ends_open=not text.endswith(("\n", "\r")),
    )  # fmt: skip


def _separator(text: str) -> str:
    """The separator by which one of the first lines reads as our header; the comma where none does."""
    head = text[:20_000].lstrip("\ufeff").splitlines()[:_TITLE_LINES]

    def score(separator: str) -> int:
        try:
            return max((header_score(cells) for cells in csv.reader(head, delimiter=separator)), default=0)
        except csv.Error:
            return 0

    best = max(_SEPARATORS, key=score)
    return best if score(best) >= 2 else ","


def check_line(number: int, cells: list[str], label: str, limits: Limits) -> None:
    """Bounds of one line, before it is kept. Raises "too-many-columns" or "cell-too-long"."""
    if len(cells) > limits.columns:
        if any(c.strip() for c in cells[limits.columns :]):
            raise refused(
                "too-many-columns", label,
                f"の {number} 行目は {len(cells)} 列で、上限 {limits.columns} 列を超えています。離れたところの値を消してください",
                f"has {len(cells)} columns in line {number}, over the limit of {limits.columns}; delete stray cells",
            )  # fmt: skip
        del cells[limits.columns :]
    if max(map(len, cells)) > limits.cell_characters:
        raise _too_long(number, label, limits)


def build_table(
    lines: Sequence[Line],
    label: str,
    limits: Limits,
    guesses: list[Remark],
    *,
    understood: dict[str, Any],
    ends_open: bool = False,
) -> RawTable:
    """Find the header and turn the lines under it into rows. A line of another length is a spoilt row; the last one,
    cut off without a line end, means that the file ends early and is refused whole ("truncated")."""
    if not lines:
        raise refused("empty-file", label, "に行がありません", "holds no rows")
    at = header_at(lines)
    if at:
        guesses.append(
            Remark(
                "header-row-guessed",
                f"{lines[at][0]} 行目を見出しとして読み、その上の行は読みませんでした。",
                f"Line {lines[at][0]} was taken as the header; the lines above it were not read.",
            )
        )
    header = header_cells(lines[at][1])
    body = lines[at + 1 :]
    if len(body) > limits.rows:
        raise too_many_rows(label, limits)
    header += [""] * _unnamed(len(header), len(lines[at][1]), body)
    width = len(header)
    rows: list[RawRow] = []
    for number, (line, cells) in enumerate(body):
        if len(cells) < width and ends_open and number == len(body) - 1:
            raise refused(
                "truncated", label,
                f"は {line} 行目の途中で終わっています。元のデータから作り直してください",
                f"ends in the middle of line {line}; export it again",
            )  # fmt: skip
        if len(cells) < width or any(c.strip() for c in cells[width:]):
            spoilt = Remark(
                "row-length",
                f"{line} 行目は {len(cells)} 列で、見出しの {width} 列と合いません。",
                f"Line {line} has {len(cells)} cells where the header has {width}.",
                row=number,
            )
            rows.append(RawRow(number, cells[:width] + [""] * (width - len(cells)), spoilt=spoilt, line=line))
            continue
        rows.append(RawRow(number, cells[:width], line=line))
    titles = " ".join(c for _, cells in lines[:at] for c in cells if c)
    understood = {**understood, "header_row": lines[at][0]}
    return RawTable(header, rows, guesses=guesses, understood=understood, titles=titles, ends_open=ends_open)


def _unnamed(named: int, whole: int, body: Sequence[Line]) -> int:
    """Columns with text to the right of the last header: remarks beside the table. Only where every line has the length
    of the header's, so that a cell too many, which shifts its row, is never taken for one."""
    if named == whole or not all(len(cells) == whole for _, cells in body):
        return 0
    return max((i + 1 for _, cells in body for i in range(named, whole) if cells[i].strip()), default=named) - named


def header_at(lines: Sequence[Line]) -> int:
    """Which of the first lines is the header: the one that names most of our columns; the first where none names two."""
    best = max(range(min(len(lines), _TITLE_LINES)), key=lambda i: (header_score(lines[i][1]), -i))
    return best if header_score(lines[best][1]) >= 2 else 0


def header_cells(cells: Sequence[str]) -> list[str]:
    """The headers of a line, without invisible characters and empty ends."""
    header = [re.sub(r"[\u200b\u2060\ufeff]", "", c).strip() for c in cells]
    while header and not header[-1]:
        header.pop()
    return header


def too_many_rows(label: str, limits: Limits) -> FileFormatError:
    return refused(
        "too-many-rows", label, f"の行数が上限 {limits.rows:,} を超えています。分けて登録してください", f"has more than {limits.rows:,} rows; split it"
    )


def _too_long(line: int, label: str, limits: Limits) -> FileFormatError:
    return refused(
        "cell-too-long", label,
        f"の {line} 行目に {limits.cell_characters:,} 文字を超える欄があります",
        f"has a cell of more than {limits.cell_characters:,} characters in line {line}",
    )  # fmt: skip


def refused(code: str, label: str, ja: str, en: str) -> FileFormatError:
    return FileFormatError(code, f"「{label}」{ja}。", f"'{label}' {en}.")
