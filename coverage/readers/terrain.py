"""Elevation and land cover on the metric grid of a run, from one file or thousands of tiles.

Formats (``layer.format``): ``geotiff``, ``srtm-hgt``, ``jpgis-dem``, ``gsi-dem-png``, ``gsi-dem-txt``; docs/terrain.md.

A hole, a missing tile and everything beyond the tiles is NO DATA (NaN). Sea is 0 m and flagged, and only where the data
say so by the rule that ``options.sea`` names. Peak memory beyond the result itself (5 bytes a pixel) is bounded: see
``BLOCK_SAMPLES``, ``terrain_mosaic.TILE_CACHE_BYTES`` and ``GDAL_CACHE_MB``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import pyproj
import rasterio
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from shapely.geometry.base import BaseGeometry

from coverage.domain.grid import Grid
from coverage.domain.region import LayerConfig
from coverage.domain.terrain import Terrain
from coverage.errors import RegionError
from coverage.readers import terrain_formats as formats
from coverage.readers.terrain_jpgis import jpgis_tiles
from coverage.readers.terrain_mosaic import (
    Bool,
    Float32,
    Float64,
    Lattice,
    Patch,
    Tile,
    bilinear,
    frame_step_m,
    lattices_of,
    nearest,
)

__all__ = [
    "TerrainReading",
    "read_clutter",
    "read_terrain",
    "region_grid",
    "terrain_from_array",
    "with_clutter",
]

BLOCK_PIXELS = 256
"""Side of an output block, pixels."""

BLOCK_SAMPLES = 1_000_000
"""Source samples held for one block; finer sources get smaller blocks."""

GDAL_CACHE_MB = 64
MAX_GRID_PIXELS = 250_000_000
ABSENT_LIST = "absent-tiles.txt"

_SUFFIXES = {
    "geotiff": (".tif", ".tiff"),
    "srtm-hgt": (".hgt", ".hgt.gz", ".hgt.zip"),
    "jpgis-dem": (".xml", ".zip"),
    "gsi-dem-png": (".png",),
    "gsi-dem-txt": (".txt",),
}

OptionsT = TypeVar("OptionsT", bound=BaseModel)

SeaRule = Literal["none", "class", "zero-is-sea", "outline", "nodata-outside-outline"]


class TerrainOptions(BaseModel):
    """``options`` of a terrain layer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    surface_model: bool | None = None
    """Heights include trees and roofs. Default: true for SRTM and for files whose name says DSM, else false."""
    sea: SeaRule | None = None
    """Default: ``class`` for JPGIS, ``none`` elsewhere."""
    crs: str | None = None
    nodata: float | None = None
    overlap_tolerance_m: float = Field(default=1.0, ge=0)
    tile_order: Literal["zxy", "zyx"] = "zxy"


class ClutterOptions(BaseModel):
    """``options`` of a clutter layer: height of every land-cover class, metres."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heights_m: dict[int, float] = Field(min_length=1)
    outside_m: float | None = Field(default=None, ge=0, le=100)
    """Clutter height where the land-cover raster has no class; without it such a place on land is refused."""
    crs: str | None = None
    nodata: float | None = None


class TerrainReading(NamedTuple):
    """The terrain and the files whose samples it holds, sorted by path."""

    terrain: Terrain
    files: list[Path]


def region_grid(
    bounds_lonlat: tuple[float, float, float, float], *, epsg: int, cell_m: float, margin_m: float
) -> Grid:
    """The grid that covers (west, south, east, north) in degrees plus a margin, edges on multiples of ``cell_m``.

    Snapping makes grids of different regions and editions share pixel edges. Raises RegionError for an impossible box or
    more than 250 million pixels.
    """
    west, south, east, north = bounds_lonlat
    if not (-180 <= west < east <= 180 and -90 < south < north < 90):
        raise RegionError(
            "region-bounds-impossible",
            f"地域の範囲（西{west}、南{south}、東{east}、北{north}）が経緯度として成り立ちません。境界データを確かめてください。",
            f"the region's bounds (west {west}, south {south}, east {east}, north {north}) are no box in degrees; "
            "check the boundary layer.",
        )
    transformer = pyproj.Transformer.from_crs(formats.GEODETIC_CRS, f"EPSG:{epsg}", always_xy=True)
    # Meridians and parallels are curved in the plane: the extremes need not be at the corners.
    left, bottom, right, top = transformer.transform_bounds(west, south, east, north, densify_pts=64)
    if not all(math.isfinite(v) for v in (left, bottom, right, top)):
        raise RegionError(
            "region-outside-plane",
            f"地域の範囲を平面直角座標系 EPSG:{epsg} に投影できません。plane_epsg を確かめてください。",
            f"the region cannot be projected to EPSG:{epsg}; check plane_epsg.",
        )
    x0, x1 = math.floor((left - margin_m) / cell_m) * cell_m, math.ceil((right + margin_m) / cell_m) * cell_m
    y0, y1 = math.floor((bottom - margin_m) / cell_m) * cell_m, math.ceil((top + margin_m) / cell_m) * cell_m
    rows, cols = round((y1 - y0) / cell_m), round((x1 - x0) / cell_m)
    if rows * cols > MAX_GRID_PIXELS:
        raise RegionError(
            "grid-too-large",
            f"格子が{rows:,}×{cols:,}画素になります（上限{MAX_GRID_PIXELS:,}画素）。grid.cell_m を大きくしてください。",
            f"the grid would have {rows:,} × {cols:,} pixels (limit {MAX_GRID_PIXELS:,}); use a larger grid.cell_m.",
        )
    return Grid(epsg, float(x0), float(y1), float(cell_m), rows, cols)


def terrain_from_array(
    grid: Grid,
    height_m: NDArray[Any],
    *,
    sea: NDArray[np.bool_] | None = None,
    surface_model: bool = False,
    source: str = "array",
) -> Terrain:
    """Terrain from numbers in memory; NaN is NO DATA, sea only where ``sea`` says so (its height becomes 0)."""
    flag = np.zeros(grid.shape, dtype=np.bool_) if sea is None else np.asarray(sea, dtype=np.bool_)
    height = np.where(flag, 0.0, height_m).astype(np.float32)
    return Terrain(grid, height, flag, surface_model=surface_model, source=source, source_step_m=grid.cell_m)


def read_terrain(
    layer: LayerConfig, root: Path, *, grid: Grid, sea_outline: BaseGeometry | None = None
) -> TerrainReading:
    """Read a terrain layer onto ``grid``.

    ``root``: folder that the layer's paths are relative to. ``sea_outline``: land outline in lon/lat (EPSG:6668), for
    the rules ``outline`` and ``nodata-outside-outline``. Heights are bilinear between source samples.

    Raises RegionError for a wrong option, a missing file or a terrain elsewhere; FileFormatError for a file that is
    damaged, misnamed, without CRS, or that disagrees with its neighbour.
    """
    options = _options(TerrainOptions, layer, "terrain")
    files = layer_files(layer, root, "terrain")
    rule = options.sea or ("class" if layer.format == "jpgis-dem" else "none")
    _check_rule(rule, layer.format, sea_outline)
    with rasterio.Env(
        GDAL_CACHEMAX=GDAL_CACHE_MB, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"
    ):
        tiles = _tiles(layer.format, files, options, root, layer)
        lattices = lattices_of(tiles, overlap_tolerance_m=options.overlap_tolerance_m)
        height, sea, shares = _fill(grid, lattices, rule, sea_outline)
    used = sorted({lattice.tiles[i].path for lattice in lattices for i in lattice.used})
    if not used:
        raise RegionError(
            "terrain-elsewhere",
            "標高データが地域とまったく重なりません。ファイルと plane_epsg を確かめてください。",
            "the terrain does not overlap the region at all; check the files and plane_epsg.",
        )
    surface = options.surface_model
    if surface is None:
        surface = layer.format == "srtm-hgt" or any("DSM" in path.name.upper() for path in used)
    main = lattices[int(np.argmax(shares))]
    terrain = Terrain(
        grid,
        height,
        sea,
        surface_model=surface,
        source=f"{layer.credit} {layer.edition}".strip(),
        source_step_m=frame_step_m(main.tiles[0].frame),
    )
    return TerrainReading(terrain, used)


def read_clutter(layer: LayerConfig, root: Path, *, terrain: Terrain) -> tuple[Float32, list[Path]]:
    """Heights of trees and roofs above bare earth (float32 m, shape of the grid) from a land-cover class raster.

    Nearest class, looked up in ``options.heights_m``. 0 on sea; NaN where the terrain itself is NO DATA. Raises
    RegionError for a class without a height, or land without a class unless ``options.outside_m`` is given.
    """
    if layer.format != "geotiff":
        raise _unknown_format(layer.format, "clutter", ["geotiff"])
    options = _options(ClutterOptions, layer, "clutter")
    wrong = {c: h for c, h in options.heights_m.items() if not 0 <= h <= 100}
    if wrong:
        raise RegionError(
            "clutter-height-impossible",
            f"土地被覆の高さ表にある{wrong}は 0〜100 m の範囲にありません。heights_m を直してください。",
            f"the clutter heights {wrong} are not within 0–100 m; correct heights_m.",
        )
    files = layer_files(layer, root, "clutter")
    grid = terrain.grid
    clutter = np.full(grid.shape, np.nan, dtype=np.float32)
    with rasterio.Env(
        GDAL_CACHEMAX=GDAL_CACHE_MB, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"
    ):
        tiles = formats.geotiff_tiles(files, declared_crs=options.crs, nodata=options.nodata, heights=False)
        lattices = lattices_of(tiles, overlap_tolerance_m=0.0)
        for block, points in _blocks(grid, lattices):
            target = clutter[block]
            for lattice in lattices:
                row, col = points(lattice)
                patch = lattice.patch(row, col)
                if patch is None:
                    continue
                target[...] = np.where(
                    np.isnan(target), _class_heights(nearest(patch, lattice, row, col), options), target
                )
    land = np.isfinite(terrain.height_m) & ~terrain.sea
    missing = land & np.isnan(clutter)
    if missing.any() and options.outside_m is None:
        raise RegionError(
            "clutter-has-holes",
            f"土地被覆が無い陸地が{int(missing.sum()):,}画素あります。範囲を広げるか options.outside_m に高さを書いてください。",
            f"{int(missing.sum()):,} pixels of land have no land-cover class; extend the raster or state options.outside_m.",
        )
    clutter[missing] = options.outside_m or 0.0
    clutter[terrain.sea] = 0.0
    clutter[np.isnan(terrain.height_m)] = np.nan
    return clutter, sorted({lattice.tiles[i].path for lattice in lattices for i in lattice.used})


def with_clutter(terrain: Terrain, clutter_m: Float32) -> Terrain:
    """The same terrain with clutter. Raises RegionError for a surface model: it holds trees and roofs already."""
    if terrain.surface_model:
        raise RegionError(
            "clutter-on-surface-model",
            "標高が表層モデル（樹木・建物を含む）なので、土地被覆の高さは足せません。clutter の層を外すか地表モデルにしてください。",
            "the terrain is a surface model that already holds trees and roofs; remove the clutter layer or use bare earth.",
        )
    return replace(terrain, clutter_m=clutter_m)


def layer_files(layer: LayerConfig, root: Path, name: str) -> list[Path]:
    """Files that a layer's paths name: a file, a folder (all files of the format below it) or a glob, sorted."""
    if layer.format not in _SUFFIXES:
        raise _unknown_format(layer.format, name, sorted(_SUFFIXES))
    suffixes = _SUFFIXES[layer.format]
    found: list[Path] = []
    for text in layer.paths:
        if Path(text).is_absolute() or ".." in Path(text).parts or ":" in text:
            raise RegionError(
                "layer-path-outside",
                f"層 {name} のパス「{text}」は層のフォルダーの外を指しています。相対パスで書いてください。",
                f"path {text!r} of layer {name} leaves the layer folder; write a relative path.",
            )
        place = root / text
        if place.is_file():
            here = [place]
        elif place.is_dir():
            here = sorted(p for p in place.rglob("*") if p.is_file() and p.name.lower().endswith(suffixes))
        elif any(sign in text for sign in "*?["):
            here = sorted(p for p in root.glob(text) if p.is_file())
        else:
            here = []
        here = [p for p in here if p.name != ABSENT_LIST]
        if not here:
            raise RegionError(
                "layer-file-missing",
                f"層 {name} のファイル「{text}」がありません（形式 {layer.format}）。パスを確かめてください。",
                f"layer {name} has no file at {text!r} (format {layer.format}); check the path.",
            )
        found += here
    return list(dict.fromkeys(found))


def _unknown_format(given: str, layer: str, known: Sequence[str]) -> RegionError:
    return RegionError(
        "layer-format-unknown",
        f"層 {layer} の形式「{given}」を知りません。{'・'.join(known)} のどれかにしてください。",
        f"layer {layer} has the unknown format {given!r}; use one of {', '.join(known)}.",
    )


def _options(model: type[OptionsT], layer: LayerConfig, name: str) -> OptionsT:
    try:
        return model.model_validate(layer.options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RegionError(
            "layer-option-wrong",
            f"層 {name} の options.{where} が正しくありません（{first['msg']}）。docs/terrain.md を見てください。",
            f"options.{where} of layer {name} is wrong ({first['msg']}); see docs/terrain.md.",
        ) from error


def _check_rule(rule: str, layer_format: str, outline: BaseGeometry | None) -> None:
    if rule == "class" and layer_format != "jpgis-dem":
        raise RegionError(
            "sea-class-unavailable",
            f"形式 {layer_format} には海水面の区分がありません。options.sea を別の規則にしてください。",
            f"format {layer_format} has no sea class; choose another rule for options.sea.",
        )
    if rule in ("outline", "nodata-outside-outline") and (outline is None or outline.is_empty):
        raise RegionError(
            "sea-outline-missing",
            f"options.sea = {rule} には陸地の輪郭（境界データ）が要ります。",
            f"options.sea = {rule} needs the outline of the land (the boundary layer).",
        )


def _tiles(
    layer_format: str, files: Sequence[Path], options: TerrainOptions, root: Path, layer: LayerConfig
) -> list[Tile]:
    if layer_format == "geotiff":
        return formats.geotiff_tiles(files, declared_crs=options.crs, nodata=options.nodata)
    if layer_format == "srtm-hgt":
        return formats.hgt_tiles(files)
    if layer_format == "jpgis-dem":
        return jpgis_tiles(files)
    absent = [
        entry
        for text in layer.paths
        if (root / text / ABSENT_LIST).is_file()
        for entry in formats.read_absent_list(root / text / ABSENT_LIST)
    ]
    suffix = _SUFFIXES[layer_format][0]
    return formats.gsi_tiles(files, suffix=suffix, order=options.tile_order, absent=absent)


class _Points:
    """Pixel centres of one block, transformed to a lattice's CRS on request."""

    def __init__(self, x: Float64, y: Float64, transformers: dict[str, Any]) -> None:
        self._x, self._y, self._transformers = x, y, transformers

    def __call__(self, lattice: Lattice) -> tuple[Float64, Float64]:
        x, y = self._transformers[lattice.crs].transform(self._x, self._y)
        return lattice.positions(np.asarray(x), np.asarray(y))


def _blocks(grid: Grid, lattices: Sequence[Lattice]) -> Iterator[tuple[tuple[slice, slice], _Points]]:
    transformers = {
        crs: pyproj.Transformer.from_crs(f"EPSG:{grid.epsg}", crs, always_xy=True)
        for crs in {t.crs for t in lattices}
    }
    finest = min(frame_step_m(lattice.tiles[0].frame) for lattice in lattices)
    side = int(math.sqrt(BLOCK_SAMPLES) * min(1.0, finest / grid.cell_m))
    side = max(4, min(BLOCK_PIXELS, side))
    for row0 in range(0, grid.rows, side):
        for col0 in range(0, grid.cols, side):
            block = (slice(row0, min(grid.rows, row0 + side)), slice(col0, min(grid.cols, col0 + side)))
            rows, cols = np.mgrid[block]
            x, y = grid.xy(rows, cols)
            yield block, _Points(x, y, transformers)


def _fill(
    grid: Grid, lattices: Sequence[Lattice], rule: SeaRule, outline: BaseGeometry | None
) -> tuple[Float32, Bool, list[int]]:
    height = np.full(grid.shape, np.nan, dtype=np.float32)
    sea = np.zeros(grid.shape, dtype=np.bool_)
    shares = [0] * len(lattices)
    outlines = (
        {crs: _Outline(outline, crs) for crs in {t.crs for t in lattices}} if outline is not None else {}
    )
    for block, points in _blocks(grid, lattices):
        h, s = height[block], sea[block]
        seen = []
        for number, lattice in enumerate(lattices):
            row, col = points(lattice)
            patch = lattice.patch(row, col)
            if patch is None:
                continue
            seen.append((lattice, patch, row, col))
            new, new_sea, _ = bilinear(_with_sea(patch, rule, outlines.get(lattice.crs)), lattice, row, col)
            shares[number] += _take(h, s, new, new_sea)
        if rule == "nodata-outside-outline" and np.isnan(h).any():
            # Only now, when no lattice has a height there, may NO DATA beyond the coast be read as sea.
            for lattice, patch, row, col in seen:
                new, new_sea, _ = bilinear(_void_to_sea(patch, outlines[lattice.crs]), lattice, row, col)
                _take(h, s, new, new_sea)
    height[sea] = 0.0
    return height, sea, shares


def _take(height: Float32, sea: Bool, new: Float64, new_sea: Bool) -> int:
    """Fill what is still unknown; returns how many pixels."""
    fill = np.isnan(height) & np.isfinite(new)
    height[fill] = new[fill]
    sea[fill] = new_sea[fill]
    return int(fill.sum())


def _with_sea(patch: Patch, rule: SeaRule, outline: _Outline | None) -> Patch:
    if rule in ("class", "none", "nodata-outside-outline"):
        return patch if rule == "class" else replace(patch, sea=np.zeros_like(patch.sea))
    zero = patch.height_m == 0.0
    if rule == "outline" and outline is not None and zero.any():
        zero &= ~outline.land(patch)
    return replace(patch, sea=zero)


def _void_to_sea(patch: Patch, outline: _Outline) -> Patch:
    """Samples that some tile covers but has no height for are sea beyond the coast line and on it."""
    void = np.isnan(patch.height_m) & patch.inside
    if void.any():
        # A sample that the line runs through belongs to neither side; without it every coast would be a row of holes.
        void &= ~outline.land(patch) | outline.coast(patch)
    return replace(patch, height_m=np.where(void, np.float32(0.0), patch.height_m), sea=void)


class _Outline:
    """The land's outline in a lattice's CRS, burnt onto patches."""

    def __init__(self, outline: BaseGeometry, crs: str) -> None:
        transformer = pyproj.Transformer.from_crs(formats.GEODETIC_CRS, crs, always_xy=True)

        def project(xy: Float64) -> Float64:
            return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

        projected = shapely.transform(outline, project)
        self._parts = [part for part in shapely.get_parts(projected) if part.geom_type == "Polygon"]
        self._tree = shapely.STRtree(self._parts)

    def _near(self, patch: Patch) -> list[BaseGeometry]:
        rows, cols = patch.height_m.shape
        box = shapely.box(patch.x0, patch.y0 - rows * patch.dy, patch.x0 + cols * patch.dx, patch.y0)
        return [self._parts[i] for i in sorted(self._tree.query(box))]

    def _burn(self, patch: Patch, shapes: list[BaseGeometry], *, touched: bool) -> Bool:
        if not shapes:
            return np.zeros(patch.height_m.shape, dtype=np.bool_)
        transform = Affine(patch.dx, 0.0, patch.x0, 0.0, -patch.dy, patch.y0)
        burnt = rasterio.features.rasterize(
            shapes, out_shape=patch.height_m.shape, transform=transform, all_touched=touched, dtype="uint8"
        )
        return np.asarray(burnt, dtype=np.bool_)

    def land(self, patch: Patch) -> Bool:
        """Samples whose centre lies on land."""
        return self._burn(patch, self._near(patch), touched=False)

    def coast(self, patch: Patch) -> Bool:
        """Samples that the outline runs through."""
        return self._burn(patch, [part.boundary for part in self._near(patch)], touched=True)


def _class_heights(classes: Float64, options: ClutterOptions) -> Float64:
    height = np.full(classes.shape, np.nan)
    known = np.isfinite(classes)
    for value in np.unique(classes[known]):
        if value not in options.heights_m:
            raise RegionError(
                "clutter-class-unknown",
                f"土地被覆の区分{value:g}の高さが heights_m にありません。表に足してください。",
                f"land-cover class {value:g} has no height in heights_m; add it to the table.",
            )
        height[classes == value] = options.heights_m[int(value)]
    return height
