"""Census totals by municipality and by pre-merger area, and densely inhabited districts: what 推計 is made from.

The table is 国勢調査「人口等基本集計」 as it comes (columns ``code``, ``id_code``, ``name``, ``pop_<year>``, and if there
``households_<year>``, ``area_km2``). It holds several levels; ``id_code`` tells them apart: 2 city, 3 town or village
(0 ward, 1 designated city), 9 former municipality at its 2000 boundary (with the code of the present one), d the
densely inhabited part, a b c totals. Only the finest level is taken, each person once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from coverage.domain.municipality_code import is_valid
from coverage.errors import FileFormatError
from coverage.readers.text import Row, Table, plain, read_table
from coverage.readers.vector import read_features

_FORMER = re.compile(r"旧\s*\d*\s*(.+?)\)?$")
_WHOLE = ("0", "1", "2", "3")


@dataclass(frozen=True, slots=True)
class CensusArea:
    """The finest area with a total of its own. ``former`` is the pre-merger name, "" for a municipality as a whole."""

    code: str
    former: str
    population: int
    households: int | None = None
    area_km2: float | None = None


@dataclass(frozen=True)
class Census:
    """``did_population``: residents of the densely inhabited districts by municipality code, in the census year."""

    year: int
    areas: tuple[CensusArea, ...]
    did_population: dict[str, int]

    @property
    def total(self) -> int:
        """All residents."""
        return sum(area.population for area in self.areas)


@dataclass(frozen=True, slots=True)
class DenseDistrict:
    """人口集中地区 (DID): polygon in longitude, latitude, with its residents in the year of the polygons."""

    code: str
    population: int
    geometry: BaseGeometry


def read_census(path: Path, *, codes: Collection[str]) -> Census:
    """The census areas of the municipalities ``codes``.

    Raises FileFormatError: "census-columns", "census-value", "census-code-missing" (a municipality without a total),
    "census-code-unknown" (a total without a municipality), "census-areas-sum" (former municipalities do not add up).
    """
    table = read_table(path, require=("code", "id_code", "name"))
    year, population, households = _columns(table)
    wholes: dict[str, CensusArea] = {}
    formers: dict[str, list[CensusArea]] = {}
    dense: dict[str, int] = {}
    for row in table.rows:
        kind, code = row.cells["id_code"], row.cells["code"]
        if kind == "d" and code in codes:
            dense[code] = _whole_number(table, row, population)
        if kind not in (*_WHOLE, "9"):
            continue
        if code not in codes:
            if kind in ("2", "3", "9"):
                raise FileFormatError(
                    "census-code-unknown",
                    f"「{table.name}」の {row.number} 行目の市区町村 {code}（{row.cells['name']}）が境界データにありません。"
                    "年次をそろえてください。",
                    f"Row {row.number} of '{table.name}' has the municipality {code}, which the boundaries lack; "
                    "use layers of the same date.",
                )
            continue  # a designated city whose wards are counted
        area = CensusArea(
            code,
            _former_name(row.cells["name"]) if kind == "9" else "",
            _whole_number(table, row, population),
            _whole_number(table, row, households) if households else None,
            float(row.cells["area_km2"]) if row.cells.get("area_km2") else None,
        )
        if kind == "9":
            formers.setdefault(code, []).append(area)
        elif code in wholes:
            raise FileFormatError(
                "census-value",
                f"「{table.name}」の {row.number} 行目の市区町村 {code} は二度出ています。重複を除いてください。",
                f"Row {row.number} of '{table.name}' repeats the municipality {code}; remove one.",
            )
        else:
            wholes[code] = area
    _check(table.name, wholes, formers, codes)
    areas = [a for code in sorted(wholes) for a in formers.get(code, [wholes[code]])]
    return Census(year, tuple(areas), dense)


def read_dense_districts(
    path: Path, *, code_field: str | None = None, population_field: str | None = None
) -> tuple[DenseDistrict, ...]:
    """DID polygons with their residents.

    By default the attributes of KSJ A16 (A16_002 code, A16_005 residents) or of e-Stat (KEN "24" + CITY "201", JINKO),
    whichever the file has. Raises FileFormatError "column-missing", "did-value", and what the vector formats raise.
    """
    table = read_features(path)
    if "A16_002" in table.columns:
        code_field, population_field = code_field or "A16_002", population_field or "A16_005"
    population_field = population_field or "JINKO"
    table.require(population_field, *((code_field,) if code_field else ("KEN", "CITY")))
    found = []
    for feature in table.features:
        own = (
            feature.text(code_field) if code_field else f"{feature.text('KEN'):0>2}{feature.text('CITY'):0>3}"
        )
        code = plain(own).zfill(5)
        try:
            residents = feature.integer(population_field)
        except ValueError:
            residents = None
        geometry = feature.geometry
        areal = geometry is not None and geometry.geom_type in ("Polygon", "MultiPolygon")
        if geometry is None or not areal or not is_valid(code) or residents is None or residents < 0:
            raise FileFormatError(
                "did-value",
                f"「{table.name}」の {feature.number} 番目の人口集中地区（コード {code}）の面・コード・人口のいずれかが読めません。",
                f"Densely inhabited district {feature.number} of '{table.name}' (code {code}) lacks a polygon, a "
                "municipality code or a population; get the file again.",
            )
        found.append(DenseDistrict(code, residents, geometry))
    return tuple(found)


def _columns(table: Table) -> tuple[int, str, str | None]:
    years = sorted((int(m[1]) for c in table.columns if (m := re.fullmatch(r"pop_(\d{4})", c))), reverse=True)
    if not years:
        raise FileFormatError(
            "census-columns",
            f"「{table.name}」に人口の列（pop_2015 など）がありません（ある列: {'、'.join(table.columns)}）。",
            f"'{table.name}' has no column of residents such as pop_2015 (it has: {', '.join(table.columns)}).",
        )
    households = f"households_{years[0]}"
    return years[0], f"pop_{years[0]}", households if households in table.columns else None


def _whole_number(table: Table, row: Row, column: str) -> int:
    text = plain(row.cells[column]).replace(",", "")
    if re.fullmatch(r"[0-9]+", text):
        return int(text)
    raise FileFormatError(
        "census-value",
        f"「{table.name}」の {row.number} 行目・列「{column}」の値「{row.cells[column]}」は人数・世帯数ではありません。",
        f"Row {row.number}, column '{column}' of '{table.name}' holds '{row.cells[column]}', which is no count.",
    )


def _former_name(text: str) -> str:
    name = plain(text)
    match = _FORMER.search(name)
    return match[1] if match else name


def _check(
    name: str, wholes: dict[str, CensusArea], formers: dict[str, list[CensusArea]], codes: Collection[str]
) -> None:
    missing: Sequence[str] = sorted(set(codes) - set(wholes))
    if missing:
        raise FileFormatError(
            "census-code-missing",
            f"「{name}」に市区町村 {'、'.join(missing[:5])} の人口がありません。年次をそろえてください。",
            f"'{name}' has no residents for {', '.join(missing[:5])}; use layers of the same date.",
        )
    for code, parts in formers.items():
        total = sum(p.population for p in parts)
        if total != wholes[code].population:
            raise FileFormatError(
                "census-areas-sum",
                f"「{name}」の市区町村 {code} の旧市町村の人口の合計 {total:,} が、全体の {wholes[code].population:,} と合いません。",
                f"The former municipalities of {code} in '{name}' add up to {total:,} residents instead of "
                f"{wholes[code].population:,}; correct the table.",
            )
