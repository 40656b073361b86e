"""e-Stat census mesh text: population and households by 1 km, 500 m or 250 m cell.

Two header rows (codes, then Japanese labels), CP932, CRLF, comma, no quotes. A total is never suppressed: a row with
HTKSYORI 2 (details moved to the cell HTKSAKI, shown as ``*``) still carries its own total, so totals are taken from
every row as they stand and HTKSAKI and GASSAN are never followed; adding them would count people twice.

A file by prefecture holds only that prefecture's part of a border cell, a file by first-level mesh the whole cell: the
two kinds are never added.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.population import PopulationMesh
from coverage.errors import FileFormatError
from coverage.readers.archives import is_zip, open_archive
from coverage.readers.mesh_codes import BadMeshCodeError, first_repeat, parse_mesh_codes
from coverage.readers.text import decode, located, read_bytes, records

CENSUS_YEARS: Final = {
    "T001100": 2020, "T001101": 2020, "T001102": 2020, "T001140": 2020, "T001141": 2020, "T001142": 2020,
    "T000846": 2015, "T000847": 2015, "T000876": 2015,
    "T000608": 2010, "T000609": 2010,
}  # fmt: skip
"""statsId → census year, as far as they are known; others take the option ``census_year``."""

_DIGITS_OF_UNIT: Final = {"S": 8, "H": 9, "Q": 10}
_FILE_NAME = re.compile(r"tbl(T\d{6})([SHQ])(\d{4}|\d{2})", re.IGNORECASE)
_TOTAL: Final = frozenset({"人口総数", "人口(総数)"})
_HOUSEHOLDS: Final = frozenset({"世帯総数", "世帯数"})
_KEY = "KEY_CODE"


@dataclass(frozen=True)
class EstatFile:
    """One file: int64 codes of one level, persons, households (NaN where the file has none).

    ``area`` is the code in the file's name: two digits a prefecture, four a first-level mesh, "" where the name was
    changed; ``stats_id`` the table, from its column codes.
    """

    name: str
    stats_id: str
    area: str
    mesh_code: NDArray[np.int64]
    population: NDArray[np.float64]
    households: NDArray[np.float64]

    @property
    def by_prefecture(self) -> bool:
        """Whether border cells hold one prefecture's part only."""
        if self.area:
            return len(self.area) == 2
        return len(np.unique(self.mesh_code // 10 ** (_digits(self.mesh_code) - 4))) > 1


def read_estat_file(path: Path) -> EstatFile:
    """One .txt/.csv, or a .zip with one such member.

    Raises FileFormatError: "estat-member" (a zip with none or several), "estat-not" (no KEY_CODE), "estat-labels" (no
    label of the total), "estat-truncated", "estat-value", "estat-cell-twice", "estat-level", mesh code errors with
    their row.
    """
    if is_zip(path):
        with open_archive(path) as archive:
            members = archive.with_suffix(".txt", ".csv")
            if len(members) != 1:
                raise FileFormatError(
                    "estat-member",
                    f"「{path.name}」の中のテキストは {len(members)} 個です。e-Stat の zip（中身は一つ）をそのまま置いてください。",
                    f"'{path.name}' holds {len(members)} text files; use e-Stat's own zip with one member.",
                )
            return parse_estat(
                archive.read(members[0]), name=path.name, member=PurePosixPath(members[0]).name
            )
    return parse_estat(read_bytes(path), name=path.name, member=path.name)


def parse_estat(data: bytes, *, name: str, member: str) -> EstatFile:
    """As :func:`read_estat_file`, from bytes; ``member`` is the name that carries statsId, unit and area code."""
    text = decode(data, name=name).text
    lines = list(records(text, name=name))
    if not lines or lines[0][1][0].strip() != _KEY:
        raise FileFormatError(
            "estat-not",
            f"「{name}」は e-Stat のメッシュ統計ではありません（1行目が {_KEY} で始まりません）。ファイルを確かめてください。",
            f"'{name}' is not an e-Stat mesh table (row 1 does not begin with {_KEY}); check the file.",
        )
    header = [cell.strip() for cell in lines[0][1]]
    labels = _labels(lines, header, name)
    total = _column(labels, _TOTAL, name)
    homes = _column(labels, _HOUSEHOLDS, name) if _HOUSEHOLDS & set(labels) else None
    if not text.endswith(("\n", "\r")):
        raise _truncated(name, lines[-1][0])
    rows = lines[2:]
    for number, cells in rows:
        if len(cells) != len(header):
            raise _truncated(name, number)
    try:
        codes = parse_mesh_codes([cells[0] for _, cells in rows])
    except BadMeshCodeError as bad:
        raise located(bad.problem, name=name, row=rows[bad.position][0], column=_KEY) from None
    twice = first_repeat(codes)
    if twice is not None:
        number, code = rows[twice][0], int(codes[twice])
        raise FileFormatError(
            "estat-cell-twice",
            f"「{name}」の {number} 行目のメッシュ {code} は既に出ています。入手元から取り直してください。",
            f"Row {number} of '{name}' repeats the mesh cell {code}; get the file again.",
        )
    people = _counts(rows, total, name, header[total])
    households = np.full(len(rows), np.nan) if homes is None else _counts(rows, homes, name, header[homes])
    named = _FILE_NAME.search(member)
    file = EstatFile(
        name=name,
        stats_id=re.sub(r"\d{3}$", "", header[total]) if re.fullmatch(r"T\d{9}", header[total]) else "",
        area=named[3] if named else "",
        mesh_code=codes,
        population=people,
        households=households,
    )
    _check_level(file, _DIGITS_OF_UNIT[named[2].upper()] if named else None)
    return file


def combine(files: Sequence[EstatFile], *, census_year: int | None = None) -> PopulationMesh:
    """One mesh from files that do not overlap; ``municipality_code`` is "" (e-Stat does not say).

    A cell in two *prefecture* files is two parts of it, which are added. Raises FileFormatError "estat-overlap" for
    everything else that would count people twice, "estat-kinds-mixed" for files by prefecture beside files by
    first-level mesh, "estat-tables-mixed" for tables of different censuses or levels.
    """
    first = files[0]
    for file in files[1:]:
        if file.stats_id != first.stats_id or _digits(file.mesh_code) != _digits(first.mesh_code):
            raise FileFormatError(
                "estat-tables-mixed",
                f"「{first.name}」（{first.stats_id}）と「{file.name}」（{file.stats_id}）は別の調査年か別の細かさの表です。"
                "一種類にそろえてください。",
                f"'{first.name}' ({first.stats_id}) and '{file.name}' ({file.stats_id}) are tables of different "
                "censuses or mesh sizes; use one kind.",
            )
        if file.by_prefecture != first.by_prefecture:
            raise FileFormatError(
                "estat-kinds-mixed",
                f"「{first.name}」と「{file.name}」は、片方が都道府県別、片方が1次メッシュ別です。"
                "合わせると人口が二重になるため、どちらか一種類にしてください。",
                f"Of '{first.name}' and '{file.name}' one is by prefecture and one by first-level mesh; together they "
                "would count people twice, so use one kind.",
            )
    codes = np.concatenate([f.mesh_code for f in files])
    unique, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    areas = [f.area for f in files]
    parts_of_a_cell = first.by_prefecture and "" not in areas and len(set(areas)) == len(areas)
    if (counts > 1).any() and not parts_of_a_cell:
        cell = int(unique[counts > 1][0])
        holders = [f.name for f in files if cell in f.mesh_code]
        raise FileFormatError(
            "estat-overlap",
            f"メッシュ {cell} が「{'」と「'.join(holders[:2])}」の両方にあります。同じ範囲のファイルを二度指定していないかを"
            "確かめてください。",
            f"The mesh cell {cell} is in both '{holders[0]}' and '{holders[1]}'; check that no area is given twice.",
        )
    year = census_year if census_year is not None else CENSUS_YEARS.get(first.stats_id)
    return PopulationMesh(
        mesh_code=unique,
        municipality_code=np.full(len(unique), "", dtype="<U5"),
        population=_added(inverse, [f.population for f in files], len(unique)),
        households=_added(inverse, [f.households for f in files], len(unique)),
        census_year=year,
    )


def _added(inverse: NDArray[np.int64], parts: list[NDArray[np.float64]], count: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(inverse, np.concatenate(parts), count), dtype=np.float64)


def _labels(lines: list[tuple[int, list[str]]], header: list[str], name: str) -> list[str]:
    second = lines[1][1] if len(lines) > 1 else []
    if len(second) != len(header) or second[0].strip():
        raise FileFormatError(
            "estat-labels",
            f"「{name}」の2行目に項目名がありません。e-Stat からダウンロードしたままのファイルを置いてください。",
            f"'{name}' has no labels in row 2; use the file as downloaded from e-Stat.",
        )
    return [re.sub(r"\s+", "", unicodedata.normalize("NFKC", label)) for label in second]


def _column(labels: list[str], wanted: frozenset[str], name: str) -> int:
    found = [position for position, label in enumerate(labels) if label in wanted]
    if len(found) == 1:
        return found[0]
    raise FileFormatError(
        "estat-labels",
        f"「{name}」の項目名から「{'・'.join(sorted(wanted))}」の列を一つに決められません（{len(found)} 列）。"
        "人口と世帯の表を置いてください。",
        f"The labels of '{name}' name {len(found)} columns {' or '.join(sorted(wanted))} instead of one; "
        "use the table of population and households.",
    )


def _counts(rows: list[tuple[int, list[str]]], position: int, name: str, column: str) -> NDArray[np.float64]:
    values = np.empty(len(rows))
    for i, (number, cells) in enumerate(rows):
        text = cells[position].strip()
        if not (text.isascii() and text.isdigit()):
            raise FileFormatError(
                "estat-value",
                f"「{name}」の {number} 行目・列「{column}」の値「{text}」は人数・世帯数ではありません。入手元から取り直してください。",
                f"Row {number}, column '{column}' of '{name}' holds '{text}', which is no count; get the file again.",
            )
        values[i] = int(text)
    return values


def _check_level(file: EstatFile, digits: int | None) -> None:
    levels = np.unique(mesh.level_of(file.mesh_code))
    if len(levels) == 0:
        raise _truncated(file.name, 2)
    if len(levels) > 1 or levels[0] < 8 or (digits is not None and levels[0] != digits):
        raise FileFormatError(
            "estat-level",
            f"「{file.name}」のメッシュコードの桁数（{'・'.join(str(v) for v in levels)}）が、ファイル名の単位や他の行と合いません。",
            f"The mesh codes of '{file.name}' have {', '.join(str(v) for v in levels)} digits, against its name or its "
            "other rows; get the file again.",
        )


def _digits(codes: NDArray[np.int64]) -> int:
    return len(str(int(codes[0])))


def _truncated(name: str, row: int) -> FileFormatError:
    return FileFormatError(
        "estat-truncated",
        f"「{name}」は {row} 行目で途切れています。ダウンロードし直してください。",
        f"'{name}' ends early, at row {row}; download it again.",
    )
