"""Residents by mesh cell, whatever they come from: e-Stat, KSJ projections, a gridded raster, a CSV, or 推計.

Formats of the layer: ``estat-mesh``, ``ksj-mesh``, ``geotiff``, ``polygons``, ``mesh-csv``, ``estimate``; docs/layers.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.municipality_code import parse_municipality_code, present_code
from coverage.domain.places import Municipality, Settlement
from coverage.domain.population import PopulationMesh
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError, InputError, RegionError
from coverage.readers.boundaries import bounds_of
from coverage.readers.layer_files import Options, files_of, unknown_format
from coverage.readers.mesh_codes import BadMeshCodeError, parse_mesh_codes
from coverage.readers.text import located, plain, read_table

FORMATS = ("estat-mesh", "ksj-mesh", "geotiff", "polygons", "mesh-csv", "estimate")

_MESH_DIGITS = (8, 9, 10, 11)


@dataclass(frozen=True)
class PopulationReading:
    """The mesh, the files it came from, and one (Japanese, English) sentence for each thing to know about it."""

    mesh: PopulationMesh
    files: tuple[Path, ...]
    notes: tuple[tuple[str, str], ...] = ()


def read_population(
    layer: LayerConfig,
    root: Path,
    *,
    municipalities: Sequence[Municipality] = (),
    settlements: Sequence[Settlement] = (),
    prefecture_code: str | None = None,
    mergers: Mapping[str, str] | None = None,
) -> PopulationReading:
    """The population layer in any of its formats.

    ``municipalities`` bounds a raster and is needed by ``estimate``, as are ``settlements``. ``mergers`` maps old
    municipality codes to present ones. Raises RegionError for options and formats, FileFormatError for files; a
    layer is read whole or not at all.
    """
    options = Options("population", layer)
    if layer.format == "estat-mesh":
        return _estat(layer, root, options, municipalities)
    if layer.format == "ksj-mesh":
        return _ksj(layer, root, options, prefecture_code, mergers or {})
    if layer.format == "geotiff":
        return _raster(layer, root, options, municipalities)
    if layer.format == "polygons":
        return _polygons(layer, root, options, municipalities, mergers or {})
    if layer.format == "mesh-csv":
        return _csv(layer, root, options, mergers or {})
    if layer.format == "estimate":
        from coverage.readers.estimation import estimate_layer

        estimate, files = estimate_layer(
            layer, root, options, municipalities=municipalities, settlements=settlements
        )
        return PopulationReading(estimate.mesh, files, estimate.notes)
    raise unknown_format("population", layer, FORMATS)


def restrict_to(population: PopulationMesh, municipalities: Sequence[Municipality]) -> PopulationMesh:
    """The rows of a mesh that belong to ``municipalities``, in their order.

    A row with a municipality stays if it is one of them; a row without one stays, whole, if its cell touches the
    land of any of them (sharing a border cell out is the run's job).
    """
    codes = {m.code for m in municipalities}
    keep = np.array([str(c) in codes for c in population.municipality_code], dtype=bool)
    open_rows = np.flatnonzero(population.municipality_code == "")
    if len(open_rows):
        keep[open_rows] = _touching(population.mesh_code[open_rows], municipalities)
    return replace(
        population,
        mesh_code=population.mesh_code[keep],
        municipality_code=population.municipality_code[keep],
        population=population.population[keep],
        households=population.households[keep],
    )


def _touching(codes: NDArray[np.int64], municipalities: Sequence[Municipality]) -> NDArray[np.bool_]:
    boxes = shapely.box(*mesh.bounds_array(codes).T)
    touched = np.zeros(len(codes), dtype=np.bool_)
    tree = shapely.STRtree(boxes)
    for municipality in municipalities:
        shapely.prepare(municipality.geometry)
        touched[tree.query(municipality.geometry, predicate="intersects")] = True
    return touched


def _estat(
    layer: LayerConfig, root: Path, options: Options, municipalities: Sequence[Municipality]
) -> PopulationReading:
    from coverage.readers.estat_mesh import combine, read_estat_file

    census_year = options.integer("census_year")
    options.finish()
    paths = [p for p in files_of(layer, root) if p.suffix.lower() in (".zip", ".txt", ".csv")]
    if not paths:
        raise _no_file(layer, ".zip・.txt")
    files = [read_estat_file(path) for path in paths]
    combined = combine(files, census_year=census_year)
    notes = () if files[0].by_prefecture else _border_note(combined, municipalities)
    return PopulationReading(combined, tuple(paths), notes)


def _border_note(
    population: PopulationMesh, municipalities: Sequence[Municipality]
) -> tuple[tuple[str, str], ...]:
    """How many people live in cells that reach beyond the region: a first-level file cannot say on which side."""
    if not municipalities:
        return ()
    inside = restrict_to(population, municipalities)
    land = shapely.union_all([m.geometry for m in municipalities])
    shapely.prepare(land)
    crossing = ~shapely.covers(land, shapely.box(*mesh.bounds_array(inside.mesh_code).T))
    people = int(inside.population[crossing].sum())
    if not people:
        return ()
    return (
        (
            f"1次メッシュ別のファイルのため、県境・海岸にまたがる {int(crossing.sum()):,} メッシュ（{people:,} 人）は"
            "隣県分を含むことがある。都道府県別のファイルなら含まない。",
            f"From files by first-level mesh: {int(crossing.sum()):,} cells across the border or coast ({people:,} "
            "people) may hold residents of the neighbouring prefecture; files by prefecture do not.",
        ),
    )


def _ksj(
    layer: LayerConfig, root: Path, options: Options, prefecture_code: str | None, mergers: Mapping[str, str]
) -> PopulationReading:
    from coverage.readers.ksj_mesh import read_ksj_mesh

    year = options.integer("year")
    member, encoding = options.text("member"), options.text("encoding")
    options.finish()
    paths = [root / p for p in layer.paths]
    found = read_ksj_mesh(
        paths, year=year, prefecture_code=prefecture_code, mergers=mergers, member=member, encoding=encoding
    )
    return PopulationReading(found, tuple(files_of(layer, root)))


def _raster(
    layer: LayerConfig, root: Path, options: Options, municipalities: Sequence[Municipality]
) -> PopulationReading:
    from coverage.readers.population_raster import read_population_raster

    digits = options.integer("digits", 8, choices=_MESH_DIGITS) or 8
    census_year, nodata = options.integer("census_year"), options.number("nodata")
    options.finish()
    paths = [p for p in files_of(layer, root) if p.suffix.lower() in (".tif", ".tiff")]
    if not paths:
        raise _no_file(layer, ".tif")
    bounds = _cell_bounds(municipalities, digits)
    found = read_population_raster(
        paths, digits=digits, bounds=bounds, nodata=nodata, census_year=census_year
    )
    return PopulationReading(found, tuple(paths))


def _polygons(
    layer: LayerConfig,
    root: Path,
    options: Options,
    municipalities: Sequence[Municipality],
    mergers: Mapping[str, str],
) -> PopulationReading:
    from coverage.readers.population_polygons import read_population_polygons

    digits = options.integer("digits", 10, choices=_MESH_DIGITS) or 10
    census_year = options.integer("census_year")
    names = ("id_field", "population_field", "households_field", "layer", "member", "encoding")
    chosen = {name: options.text(name) for name in names}
    options.finish()
    found = read_population_polygons(
        [root / p for p in layer.paths],
        digits=digits,
        bounds=_cell_bounds(municipalities, digits),
        mergers=mergers,
        census_year=census_year,
        **chosen,
    )
    return PopulationReading(found, tuple(files_of(layer, root)))


def _cell_bounds(
    municipalities: Sequence[Municipality], digits: int
) -> tuple[float, float, float, float] | None:
    """Extent of the region out to the edges of its cells, so that no cell is read in part."""
    if not municipalities:
        return None
    west, south, east, north = bounds_of(municipalities)
    corners = mesh.bounds_array(mesh.encode([south, north], [west, east], digits))
    return float(corners[0, 0]), float(corners[0, 1]), float(corners[1, 2]), float(corners[1, 3])


def _csv(layer: LayerConfig, root: Path, options: Options, mergers: Mapping[str, str]) -> PopulationReading:
    estimated, census_year = options.flag("estimated"), options.integer("census_year")
    options.finish()
    rows: dict[tuple[int, str], tuple[float, float]] = {}
    digits = 0
    for path in (root / p for p in layer.paths):
        table = read_table(path, require=("mesh_code", "population"))
        try:
            codes = parse_mesh_codes([row.cells["mesh_code"] for row in table.rows], one_level=digits)
        except BadMeshCodeError as bad:
            number = table.rows[bad.position].number
            raise located(bad.problem, name=table.name, row=number, column="mesh_code") from None
        digits = len(str(int(codes[0]))) if len(codes) else digits
        for row, code in zip(table.rows, codes.tolist(), strict=True):
            own = row.cells.get("municipality_code", "")
            try:
                own = present_code(parse_municipality_code(own), mergers) if own else ""
            except InputError as problem:
                raise located(problem, name=table.name, row=row.number, column="municipality_code") from None
            people = _count(row.cells["population"], table.name, row.number, "population")
            homes = row.cells.get("households", "")
            value = (people, _count(homes, table.name, row.number, "households") if homes else np.nan)
            if (code, own) in rows:
                raise FileFormatError(
                    "mesh-cell-twice",
                    f"「{table.name}」の {row.number} 行目のメッシュ {code}（{own or '市区町村なし'}）は既に出ています。"
                    "重なりを除いてください。",
                    f"Row {row.number} of '{table.name}' repeats the cell {code} ({own or 'no municipality'}); "
                    "remove the repetition.",
                )
            rows[code, own] = value
    if digits not in _MESH_DIGITS:
        raise FileFormatError(
            "mesh-level",
            f"「{'、'.join(layer.paths)}」に 8〜11 桁のメッシュの行がありません。mesh_code を確かめてください。",
            f"'{', '.join(layer.paths)}' has no rows with mesh codes of 8 to 11 digits; check mesh_code.",
        )
    order = sorted(rows)
    return PopulationReading(
        PopulationMesh(
            mesh_code=np.array([code for code, _ in order], dtype=np.int64),
            municipality_code=np.array([own for _, own in order], dtype="<U5"),
            population=np.array([rows[key][0] for key in order]),
            households=np.array([rows[key][1] for key in order]),
            estimated=estimated,
            census_year=census_year,
        ),
        tuple(root / p for p in layer.paths),
    )


def _count(text: str, name: str, row: int, column: str) -> float:
    try:
        value = float(plain(text).replace(",", ""))
    except ValueError:
        value = -1.0
    if not np.isfinite(value) or value < 0 or "_" in text:
        raise FileFormatError(
            "count-wrong",
            f"「{name}」の {row} 行目・列「{column}」の値「{text}」は0以上の数ではありません。値を直してください。",
            f"Row {row}, column '{column}' of '{name}' holds '{text}', which is no number of 0 or more; correct it.",
        )
    return value


def _no_file(layer: LayerConfig, suffixes: str) -> RegionError:
    return RegionError(
        "layer-file-missing",
        f"層 population の「{'、'.join(layer.paths)}」に {suffixes} のファイルがありません。置き場所を確かめてください。",
        f"The layer population has no file of its format in '{', '.join(layer.paths)}'; check the folder.",
    )
