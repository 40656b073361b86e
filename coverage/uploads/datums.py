"""What a site list says of its own system: the datum (Tokyo or JGD2011) and the plane rectangular zone.

Both may stand in a column, in the headers, in a title or a note, in the name of the sheet or the file, in the file's own
CRS, or in a person's answer. Statements that differ are asked about: a wrong datum is 450 m that nobody sees.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Literal

from coverage.uploads.headers import plain_header, says_tokyo, says_world, zone_in
from coverage.uploads.positions import TOKYO_WORDS, WORLD_WORDS
from coverage.uploads.report import Remark
from coverage.uploads.tables import RawRow, RawTable
from coverage.uploads.values import is_blank

_TOKYO_TITLE = re.compile(r"日本測地系(?!\s*20)|旧測地系|tokyo\s*datum", re.IGNORECASE)
_CONVERTED = re.compile(r"変換|換算|convert|transform", re.IGNORECASE)
_ZONE_TITLE = re.compile(r"平面直角[^\d第IVX]{0,12}(?:第\s*)?(\d{1,2}|[IVX]{1,5})\s*系")
_SYSTEM_HEADER = re.compile(r"座標系|測地|基準系|(?<![a-z])(?:crs|srid|epsg|datum)(?![a-z])")
_TOKYO: Final = "tokyo"
_WORLD: Final = "jgd2011"

Datum = Literal["tokyo", "jgd2011", "unknown", "contradicts"]
CONTRADICTS: Final = (
    "測地系の記載が食い違っています。世界測地系か日本測地系かを確認してください（mapping の datum）。",
    "The datum is stated in two ways; confirm which one holds (mapping: datum).",
)


class Datums:
    """The statements of one file. ``label``: the client's name of it; ``answers``: those of a person."""

    def __init__(self, table: RawTable, place: Mapping[str, int], label: str, answers: Mapping[str, Any]) -> None:
        self._answer = answers.get("datum")
        self._declared = table.datum
        axes = [table.columns[place[name]] for name in ("lat", "lon", "x", "y") if name in place]
        old = any(map(says_tokyo, axes))
        self._headers = {
            *((_TOKYO,) if old else ()),
            *((_WORLD,) if any(map(says_world, axes)) or (old and any(map(_CONVERTED.search, axes))) else ()),
        }
        text = unicodedata.normalize("NFKC", " ".join([label, table.titles, *_notes(table, place)]))
        self._text = {
            *((_TOKYO,) if _TOKYO_TITLE.search(text) else ()),
            # 「旧測地系から変換」: to what and whether already is for a person to say.
            *((_WORLD,) if WORLD_WORDS.search(text) or (_TOKYO_TITLE.search(text) and _CONVERTED.search(text)) else ()),
        }
        in_headers = {zone_in(table.columns[place[name]]) for name in ("x", "y") if name in place} - {""}
        zones = in_headers or set(_ZONE_TITLE.findall(text))
        self.zone = zones.pop() if len(zones) == 1 else ""
        """The plane rectangular zone by headers or title, "" where they name none or more than one."""

        used = set(place.values())
        others = [i for i in range(len(table.columns)) if i not in used]
        self._systems = [i for i in others if _SYSTEM_HEADER.search(plain_header(table.columns[i]))]
        remarks = [i for i in others if i not in self._systems]
        # Looked for by plain substring first: a large list has millions of cells.
        self._doubtful = set() if table.datum is not None or self._answer is not None or self._headers else {
            row.number for row in table.rows for i in remarks
            if "測地系" in row.cells[i] and _TOKYO_TITLE.search(unicodedata.normalize("NFKC", row.cells[i]))
        }  # fmt: skip

    def stated(self, row: RawRow, datum: str, zone: str) -> str:
        """What the row's columns say: that of the datum, else one of zones or systems that names a datum (「座標系」)."""
        if not is_blank(datum):
            return datum
        named = (unicodedata.normalize("NFKC", text) for text in (zone, *(row.cells[i] for i in self._systems)))
        return next((text for text in named if TOKYO_WORDS.search(text) or WORLD_WORDS.search(text)), "")

    def doubt(self, row: int, stated: str) -> Remark | None:
        """A remark of the row speaks of the old datum, and nothing else says which one its position is of."""
        if row not in self._doubtful or not is_blank(stated):
            return None
        return Remark(
            "datum-doubtful",
            f"{row + 1} 件目: 備考などに旧い測地系の記載がありますが、世界測地系として読みました。確かめてください（mapping の datum）。",
            f"Row {row + 1}: a remark speaks of the Tokyo datum, yet the position was taken as JGD2011; check it (mapping: datum).",
            row,
            "lat",
        )

    def of(self, stated: str, *, geometry: bool) -> Datum:
        """The datum of a position beside which a column says ``stated``; JGD2011 where nothing is said at all.

        A ``geometry`` follows its file's CRS; headers of columns say nothing about it. The column counts more than the
        answer, which is given for the whole file, unless something else contradicts the column.
        """
        cell = self._by_cell(stated)
        if cell == "unknown" and self._answer is None:
            return "unknown"
        cells = {cell} if cell in (_TOKYO, _WORLD) else set()
        if geometry and self._declared is not None:
            around = {self._declared}
        else:
            around = self._text if geometry else self._headers | self._text
        said = cells | around
        if self._answer is not None and (len(said) > 1 or not cells):
            said = {_TOKYO if self._answer == _TOKYO else _WORLD}
        if len(said) > 1 or cell == "contradicts" or (geometry and self._declared == _TOKYO and _WORLD in said):
            return "contradicts"
        return "tokyo" if _TOKYO in said else "jgd2011"

    def _by_cell(self, stated: str) -> Datum | None:
        text = unicodedata.normalize("NFKC", stated)
        if is_blank(text):
            return None
        tokyo, world = TOKYO_WORDS.search(text), WORLD_WORDS.search(text)
        if tokyo and world:
            return "contradicts"
        return "tokyo" if tokyo else "jgd2011" if world else "unknown"


def _notes(table: RawTable, place: Mapping[str, int]) -> list[str]:
    """Lines of one cell and no position, as notes under a table are: 「※座標は日本測地系」. What a row says of itself in
    its remarks is no word on the others."""
    at = place.get("lat", place.get("x"))
    if at is None or table.spatial:
        return []
    alone = ([cell for cell in row.cells if cell] for row in table.rows if not row.cells[at])
    return [cells[0] for cells in alone if len(cells) == 1]
