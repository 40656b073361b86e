"""Town points and evacuation shelters: the places that people unserved are named after and counted in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coverage.domain.municipality_code import parse_municipality_code
from coverage.domain.places import Settlement, Shelter
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError, InputError
from coverage.readers.archives import only_member
from coverage.readers.layer_files import Options, unknown_format
from coverage.readers.table_cells import Cells
from coverage.readers.text import Table, parse_table

SETTLEMENT_FORMATS = ("csv", "isj")
SHELTER_FORMATS = ("csv", "gsi")

_KINDS = ("evacuation", "emergency")


@dataclass(frozen=True)
class SettlementReading:
    """Town points, and the names of those that the source lists without a position."""

    settlements: tuple[Settlement, ...]
    without_position: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Towns that the source lists, with a position or without."""
        return len(self.settlements) + len(self.without_position)

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """A (Japanese, English) sentence on the towns without a position."""
        return _note(self.without_position, "町字", "Towns")


@dataclass(frozen=True)
class ShelterReading:
    """Shelters, and the names of those that the source lists without a position."""

    shelters: tuple[Shelter, ...]
    without_position: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Shelters that the source lists, with a position or without."""
        return len(self.shelters) + len(self.without_position)

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """A (Japanese, English) sentence on the shelters without a position."""
        return _note(self.without_position, "避難所", "Shelters")


def read_settlements(
    layer: LayerConfig, root: Path, *, prefecture_code: str | None = None
) -> SettlementReading:
    """Town points of a settlement layer, in file order.

    ``csv``: municipality_code, town, lat, lon, optionally koaza. ``isj``: 位置参照情報（大字・町丁目レベル）
    as published (CP932; also the zip). ``prefecture_code`` keeps that prefecture. Raises RegionError "layer-format-unknown",
    FileFormatError with file, row and column; a row with only one of lat and lon is an error, one with neither is
    listed.
    """
    if layer.format not in SETTLEMENT_FORMATS:
        raise unknown_format("settlements", layer, SETTLEMENT_FORMATS)
    Options("settlements", layer).finish()
    found: list[Settlement] = []
    nowhere: list[str] = []
    for path in (root / p for p in layer.paths):
        table = _table(path)
        names = (
            ("municipality_code", "town", "lat", "lon")
            if layer.format == "csv"
            else ("市区町村コード", "大字町丁目名", "緯度", "経度")
        )
        table.require(names)
        code_column, name_column, lat, lon = names
        for cells in _rows(table, code_column, prefecture_code):
            name = cells.text(name_column) + (cells.optional("koaza") or "")
            position = _position(cells, lat, lon)
            if position is None:
                nowhere.append(name)
            else:
                found.append(Settlement(cells.municipality(code_column), name, *position))
    _not_empty(found, layer)
    return SettlementReading(tuple(found), tuple(nowhere))


def read_shelters(layer: LayerConfig, root: Path, *, prefecture_code: str | None = None) -> ShelterReading:
    """Evacuation shelters and emergency sites of a shelter layer, in file order; one building may be both.

    ``csv``: kind, common_id, municipality_code6 or municipality_code, name, lat, lon. ``gsi``: the files of
    国土地理院 by municipality or prefecture; which of the two kinds a file holds is told by its columns (each names the
    other kind), not by the ``_1`` or ``_2`` of its name, and the municipality by the 共通ID. Raises as
    :func:`read_settlements`, "shelter-twice", "shelters-kind" and "shelter-id".
    """
    if layer.format not in SHELTER_FORMATS:
        raise unknown_format("shelters", layer, SHELTER_FORMATS)
    Options("shelters", layer).finish()
    found: dict[tuple[str, str], Shelter] = {}
    nowhere: list[str] = []
    for path in (root / p for p in layer.paths):
        table = _table(path)
        make = _plain_shelter if layer.format == "csv" else _gsi_shelter(table)
        code_column = "共通ID"
        if layer.format == "csv":
            code_column = (
                "municipality_code6" if "municipality_code6" in table.columns else "municipality_code"
            )
            table.require(("kind", "common_id", code_column, "name", "lat", "lon"))
        for cells in _rows(table, code_column, None):
            shelter = make(cells, code_column)
            if isinstance(shelter, str):
                nowhere.append(shelter)
                continue
            if prefecture_code is not None and not shelter.municipality_code.startswith(prefecture_code):
                continue
            key = (shelter.kind, shelter.shelter_id)
            if key in found:
                raise cells.problem(
                    "shelter-twice",
                    "common_id",
                    f"避難所 {shelter.shelter_id}（{shelter.kind}）は前にもあります。同じファイルを二度指定していないか"
                    "確かめてください。",
                    f"the shelter {shelter.shelter_id} ({shelter.kind}) came before; check that no file is given twice.",
                )
            found[key] = shelter
    _not_empty(list(found.values()), layer)
    return ShelterReading(tuple(found.values()), tuple(nowhere))


def _plain_shelter(cells: Cells, code_column: str) -> Shelter | str:
    position = _position(cells, "lat", "lon")
    if position is None:
        return cells.text("name")
    return Shelter(
        shelter_id=cells.text("common_id"),
        municipality_code=cells.municipality(code_column),
        name=cells.text("name"),
        lat=position[0],
        lon=position[1],
        kind=cells.one_of("kind", _KINDS),
    )


def _gsi_shelter(table: Table) -> Callable[[Cells, str], Shelter | str]:
    table.require(("共通ID", "施設・場所名", "緯度", "経度"))
    emergency = "指定避難所との住所同一" in table.columns
    if emergency == ("指定緊急避難場所との住所同一" in table.columns):
        raise FileFormatError(
            "shelters-kind",
            f"「{table.name}」が指定緊急避難場所と指定避難所のどちらの一覧か、列から決められません。"
            "国土地理院のファイルをそのまま置いてください。",
            f"The columns of '{table.name}' do not tell whether it lists emergency sites or shelters; use the file "
            "as published by GSI.",
        )
    kind = "emergency" if emergency else "evacuation"

    def make(cells: Cells, code_column: str) -> Shelter | str:
        shelter_id = cells.text(code_column)
        try:
            # 共通ID: a letter, the five-digit municipality code, a number.
            code = parse_municipality_code(shelter_id[1:6])
        except InputError as problem:
            raise cells.problem("shelter-id", code_column, problem.ja, problem.en) from None
        name = cells.text("施設・場所名")
        position = _position(cells, "緯度", "経度")
        return name if position is None else Shelter(shelter_id, code, name, *position, kind)

    return make


def _table(path: Path) -> Table:
    name, data = only_member(path, ".csv")
    return parse_table(data, name=name)


def _rows(table: Table, code_column: str, prefecture_code: str | None) -> list[Cells]:
    rows = [Cells(table.name, row.number, row.cells) for row in table.rows]
    if prefecture_code is None:
        return rows
    return [cells for cells in rows if cells.municipality(code_column).startswith(prefecture_code)]


def _position(cells: Cells, lat: str, lon: str) -> tuple[float, float] | None:
    if cells.optional(lat) is None and cells.optional(lon) is None:
        return None
    return cells.position(lat=lat, lon=lon)


def _not_empty(found: object, layer: LayerConfig) -> None:
    if not found:
        raise FileFormatError(
            "places-empty",
            f"「{'、'.join(layer.paths)}」に対象の都道府県の行がありません。ファイルを確かめてください。",
            f"'{', '.join(layer.paths)}' has no row of this prefecture; check the file.",
        )


def _note(names: tuple[str, ...], ja: str, en: str) -> tuple[tuple[str, str], ...]:
    if not names:
        return ()
    shown = "、".join(names[:5]) + ("、ほか" if len(names) > 5 else "")
    return (
        (
            f"位置のない{ja} {len(names)} 件（{shown}）は地図と集計に使えない。",
            f"{en} without a position, which cannot be mapped or counted: {len(names)} ({shown}).",
        ),
    )
