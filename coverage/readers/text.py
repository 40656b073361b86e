"""Text as Japanese offices keep it: UTF-8 with or without BOM, CP932 (Excel's CSV), UTF-16 with BOM.

Nothing else is guessed. Latin-1 in particular decodes every byte string, so falling back to it turns Japanese into
mojibake without a word; it is never tried. Strict ``shift_jis`` is not tried either, because it lacks ①㈱髙.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from coverage.errors import FileFormatError, InputError

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\uf8f0-\uf8f3]")
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")
_CELL_LIMIT = 4 * 1024 * 1024


class Decoded(NamedTuple):
    """Text and the encoding it came in: "utf-8", "utf-8-sig", "utf-16" or "cp932"."""

    text: str
    encoding: str


def read_bytes(path: Path) -> bytes:
    """The bytes of a local file. Raises InputError "file-missing" or "file-unreadable"."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            "file-missing",
            f"ファイル「{path.name}」がありません。名前と置き場所を確かめてください。",
            f"There is no file '{path.name}'; check its name and folder.",
        ) from None
    except OSError as problem:
        raise InputError(
            "file-unreadable",
            f"ファイル「{path.name}」を開けません（{problem.strerror}）。読み取り権限を確かめてください。",
            f"The file '{path.name}' cannot be opened ({problem.strerror}); check that it may be read.",
        ) from None


def decode(data: bytes, *, name: str) -> Decoded:
    """Text of ``data``: by its BOM, else strictly UTF-8, else strictly CP932.

    ``name`` is used in the error only. Raises FileFormatError "encoding-unknown" or "text-truncated".
    """
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise _unknown_encoding(name)
    if data.startswith(b"\xef\xbb\xbf"):
        candidates = ["utf-8-sig"]
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    else:
        candidates = ["utf-8", "cp932"]
    for encoding in candidates:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as problem:
            if (
                encoding == "utf-8"
                and problem.reason == "unexpected end of data"
                and not data[: problem.start].isascii()
            ):
                # UTF-8 up to a cut inside its last character; CP932 would often take it as mojibake.
                raise FileFormatError(
                    "text-truncated",
                    f"「{name}」は文字の途中で切れています。入手し直してください。",
                    f"'{name}' ends inside a character; get the file again.",
                ) from None
            continue
        if _CONTROL.search(text) or (encoding == "cp932" and _is_euc_jp(data, text)):
            continue
        return Decoded(text, encoding)
    raise _unknown_encoding(name)


def read_text(path: Path) -> str:
    """The text of a local file. Errors as :func:`read_bytes` and :func:`decode`."""
    return decode(read_bytes(path), name=path.name).text


def plain(text: str) -> str:
    """``text`` in NFKC without blanks around it: full-width digits and letters become the plain ones."""
    return unicodedata.normalize("NFKC", text).strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One record. ``number`` counts as a spreadsheet does: the header is row 1, and a record is one row however
    many line breaks its cells hold."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A CSV file with one header row. ``name`` is the file's name, for messages."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    encoding: str = "utf-8"

    def require(self, columns: Iterable[str]) -> None:
        """Raise FileFormatError "column-missing" unless all ``columns`` are there."""
        missing = [c for c in columns if c not in self.columns]
        if missing:
            there = "、".join(self.columns)
            raise FileFormatError(
                "column-missing",
                f"「{self.name}」に列「{'、'.join(missing)}」がありません（ある列: {there}）。見出し行を確かめてください。",
                f"'{self.name}' lacks the column {', '.join(missing)} (it has: {', '.join(self.columns)}); "
                "check its header row.",
            )


def records(text: str, *, name: str) -> Iterable[tuple[int, list[str]]]:
    """(row number from 1, cells) of CSV text; blank lines are passed over but counted.

    Raises FileFormatError "csv-broken" for a quote that is never closed, as in a file that ends early.
    """
    csv.field_size_limit(_CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise FileFormatError(
                "csv-broken",
                f"「{name}」の {number} 行目が CSV として読めません（引用符が閉じていないか、ファイルが途中で切れています）。"
                "元のデータから作り直してください。",
                f"Row {number} of '{name}' is not CSV ({problem}); a quote is not closed or the file ends early: "
                "export it again.",
            ) from None
        if any(cell.strip() for cell in cells):
            yield number, cells


def located(problem: InputError, *, name: str, row: int, column: str) -> FileFormatError:
    """The same error with file, row and column in front of its sentences; ``code`` stays."""
    return FileFormatError(
        problem.code,
        f"「{name}」の {row} 行目・列「{column}」: {problem.ja}",
        f"Row {row}, column '{column}' of '{name}': {problem.en}",
    )


def parse_table(data: bytes, *, name: str) -> Table:
    """A CSV table from its bytes; every cell is text, blanks around it removed, nothing else changed.

    Raises FileFormatError: "table-empty" (no header), "column-twice", "column-unnamed", "row-length" (a row with
    more or fewer cells than the header), and what :func:`decode` and :func:`records` raise.
    """
    text, encoding = decode(data, name=name)
    lines = iter(records(text, name=name))
    header_row = next(lines, None)
    if header_row is None:
        raise FileFormatError(
            "table-empty",
            f"「{name}」は空です。見出し行のある CSV を置いてください。",
            f"'{name}' is empty; a CSV file with a header row is needed.",
        )
    header = _header(header_row[1], name)
    rows = []
    for number, cells in lines:
        if len(cells) != len(header):
            raise FileFormatError(
                "row-length",
                f"「{name}」の {number} 行目は {len(cells)} 列で、見出しの {len(header)} 列と合いません。"
                "区切りの過不足や途中で切れていないかを確かめてください。",
                f"Row {number} of '{name}' has {len(cells)} cells where the header has {len(header)}; "
                "check for a missing or extra comma, or a file that ends early.",
            )
        rows.append(Row(number, {c: v.strip() for c, v in zip(header, cells, strict=True)}))
    return Table(name, tuple(header), tuple(rows), encoding)


def read_table(path: Path, *, require: Iterable[str] = ()) -> Table:
    """A CSV file as a table. Errors as :func:`read_bytes`, :func:`parse_table` and :meth:`Table.require`."""
    table = parse_table(read_bytes(path), name=path.name)
    table.require(require)
    return table


def _header(cells: list[str], name: str) -> list[str]:
    header = [plain(cell) for cell in cells]
    for position, column in enumerate(header, start=1):
        if not column:
            raise FileFormatError(
                "column-unnamed",
                f"「{name}」の見出し行の {position} 列目に名前がありません。列名を付けるか列を消してください。",
                f"Column {position} of '{name}' has no name in the header row; name it or delete it.",
            )
        if column in header[: position - 1]:
            raise FileFormatError(
                "column-twice",
                f"「{name}」に列「{column}」が二つあります。どちらか一方にしてください。",
                f"'{name}' has the column '{column}' twice; keep one.",
            )
    return header


def _is_euc_jp(data: bytes, as_cp932: str) -> bool:
    """Whether bytes that CP932 also accepts are EUC-JP: its kanji look like rows of half-width katakana there."""
    kana = len(_HALF_WIDTH_KANA.findall(as_cp932))
    other = len(as_cp932) - len(as_cp932.encode("ascii", "ignore"))
    if not kana or kana < 0.6 * other:
        return False
    try:
        data.decode("euc_jp")
    except UnicodeDecodeError:
        return False
    return True


def _unknown_encoding(name: str) -> FileFormatError:
    return FileFormatError(
        "encoding-unknown",
        f"「{name}」の文字コードが分かりません。UTF-8、CP932（Excel の CSV）、BOM 付き UTF-16 のいずれかで保存し直してください。",
        f"The text encoding of '{name}' is unknown; save it as UTF-8, CP932 (Excel's CSV) or UTF-16 with a BOM.",
    )
