"""Residents of small polygons (census small areas, hexagons of Kontur) → JIS mesh, shared by area.

Finer than any estimate from town points and available for every prefecture: 国勢調査 小地域 (町丁・字等) has a polygon, its
residents and its households. Inside a polygon people are taken as evenly spread, so the mesh is marked 推計.

One small area may be several polygons (飛び地, islands) with one KEY_CODE. Its residents stand either on one of them or
on all: equal values are one count that is repeated and are taken once, different values are counts of parts and are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from coverage.domain import mesh
from coverage.domain.municipality_code import is_valid, present_code
from coverage.domain.population import PopulationMesh
from coverage.errors import FileFormatError
from coverage.readers.features import Feature, FeatureTable
from coverage.readers.vector import read_features

KNOWN_FIELDS = (("KEY_CODE", "JINKO", "SETAI"), ("h3", "population", None))
"""(id, residents, households) of the sources that are recognised by their attributes: e-Stat small areas, Kontur."""


@dataclass
class _Area:
    values: list[tuple[float, float]]
    polygons: list[BaseGeometry] = field(default_factory=list)

    def total(self) -> tuple[float, float]:
        """Residents and households by the rule above."""
        if len(set(self.values)) == 1:
            return self.values[0]
        return sum(v[0] for v in self.values), sum(v[1] for v in self.values)


def read_population_polygons(
    paths: Sequence[Path],
    *,
    digits: int,
    id_field: str | None = None,
    population_field: str | None = None,
    households_field: str | None = None,
    bounds: tuple[float, float, float, float] | None = None,
    mergers: Mapping[str, str] | None = None,
    census_year: int | None = None,
    layer: str | None = None,
    member: str | None = None,
    encoding: str | None = None,
) -> PopulationMesh:
    """Persons per mesh cell of ``digits`` digits, marked 推計; the sum over each area is exact.

    Fields default to those of :data:`KNOWN_FIELDS`. An id that begins with a municipality code (KEY_CODE 99201…) gives
    the municipality, mapped by ``mergers``; other ids leave it open. Whole residents stay whole (largest remainder),
    fractions stay fractions. ``bounds`` (west, south, east, north) leaves out areas that lie outside. Raises
    FileFormatError "column-missing", "polygons-not", "polygons-value", "polygons-empty", and what the formats raise.
    """
    found: dict[str, _Area] = {}
    for path in paths:
        table = read_features(path, layer=layer, member=member, encoding=encoding)
        fields = _fields(table, id_field, population_field, households_field)
        for feature in table.features:
            key, value, geometry = _row(table, feature, fields)
            if bounds is not None and not shapely.box(*bounds).intersects(shapely.box(*geometry.bounds)):
                continue
            area = found.setdefault(key, _Area([]))
            area.values.append(value)
            area.polygons.append(geometry)
    if not found:
        raise FileFormatError(
            "polygons-empty",
            f"「{'、'.join(p.name for p in paths)}」に地域と重なる面がありません。ファイルを確かめてください。",
            f"'{', '.join(p.name for p in paths)}' has no polygon in the region; check the file.",
        )
    rows: dict[tuple[int, str], list[float]] = {}
    for key in sorted(found):
        people, homes = found[key].total()
        code = present_code(key[:5], mergers or {}) if is_valid(key[:5]) and key.isdigit() else ""
        cells, shares = _shares(found[key].polygons, digits)
        for cell, p, h in zip(cells.tolist(), _split(people, shares), _split(homes, shares), strict=True):
            sums = rows.setdefault((cell, code), [0.0, 0.0])
            sums[0] += p
            sums[1] += h
    order = [k for k in sorted(rows) if rows[k][0] > 0 or rows[k][1] > 0]
    return PopulationMesh(
        mesh_code=np.array([cell for cell, _ in order], dtype=np.int64),
        municipality_code=np.array([code for _, code in order], dtype="<U5"),
        population=np.array([rows[k][0] for k in order]),
        households=np.array([rows[k][1] for k in order]),
        estimated=True,
        census_year=census_year,
    )


def _fields(
    table: FeatureTable, id_field: str | None, population_field: str | None, households_field: str | None
) -> tuple[str, str, str | None]:
    for known_id, known_people, known_homes in KNOWN_FIELDS:
        if known_id in table.columns and known_people in table.columns:
            homes = known_homes if known_homes in table.columns else None
            return id_field or known_id, population_field or known_people, households_field or homes
    table.require(id_field or KNOWN_FIELDS[0][0], population_field or KNOWN_FIELDS[0][1])
    assert id_field is not None
    assert population_field is not None
    return id_field, population_field, households_field


def _row(
    table: FeatureTable, feature: Feature, fields: tuple[str, str, str | None]
) -> tuple[str, tuple[float, float], BaseGeometry]:
    id_field, population_field, households_field = fields
    geometry = feature.geometry
    if geometry is None or geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise FileFormatError(
            "polygons-not",
            f"「{table.name}」の {feature.number} 番目の地物は面ではありません。小地域などの面データを置いてください。",
            f"Feature {feature.number} of '{table.name}' is not a polygon; use polygons such as small areas.",
        )
    key = feature.text(id_field)
    people = _number(feature.text(population_field))
    homes = np.nan if households_field is None else _number(feature.text(households_field))
    if not key or people is None or homes is None:
        raise FileFormatError(
            "polygons-value",
            f"「{table.name}」の {feature.number} 番目の地物の {id_field}・{population_field} などの値が読めません。"
            "入手元から取り直してください。",
            f"Feature {feature.number} of '{table.name}' has an unreadable {id_field}, {population_field} or "
            "household count; get the file again.",
        )
    return key, (people, homes), geometry


def _number(text: str) -> float | None:
    if not text:
        return 0.0  # water and parks have no residents and often no value
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and value >= 0 else None


def _shares(polygons: Sequence[BaseGeometry], digits: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Mesh cells that a small area touches and the share of its surface in each.

    Degrees serve as surface: the cosine of the latitude changes by less than a thousandth across a small area.
    """
    parts = np.array(polygons, dtype=object)
    broken = ~shapely.is_valid(parts)
    parts[broken] = shapely.make_valid(parts[broken])
    area = shapely.union_all(parts)
    west, south, east, north = area.bounds
    height, width = mesh.cell_size_deg(digits)
    lat = np.append(np.arange(south, north, height), north)
    lon = np.append(np.arange(west, east, width), east)
    lats, lons = np.meshgrid(lat, lon, indexing="ij")
    cells = np.unique(mesh.encode(lats, lons, digits))
    shapely.prepare(area)
    boxes = shapely.box(*mesh.bounds_array(cells).T)
    inside = shapely.contains_properly(area, boxes)
    surface = np.where(inside, height * width, 0.0)
    surface[~inside] = shapely.area(shapely.intersection(area, boxes[~inside]))
    touched = surface > 0
    return cells[touched], surface[touched] / surface.sum()


def _split(total: float, shares: NDArray[np.float64]) -> list[float]:
    if np.isnan(total) or total != np.floor(total):
        return [float(v) for v in total * shares]
    quota = total * shares
    parts = np.floor(quota)
    order = np.argsort(-np.round(quota - parts, 9), kind="stable")
    parts[order[: round(total - parts.sum())]] += 1
    return [float(v) for v in parts]
