"""Terrain on the metric grid: sampling, holes, sea, surface models and clutter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.errors
from shapely.geometry import Polygon, box

from coverage.domain.grid import Grid
from coverage.domain.projection import plane_to_lonlat
from coverage.errors import RegionError
from coverage.readers.terrain import (
    read_clutter,
    region_grid,
    terrain_from_array,
    with_clutter,
)

from .terrain_files import NORTH, STEP, WEST, from_origin, layer, plane, plane_at, read, tiles, write_tif

# --- The grid --------------------------------------------------------------------------------------------------------


def test_the_grid_covers_the_region_and_its_margin_on_multiples_of_the_cell() -> None:
    bounds = (135.85, 33.72, 136.99, 35.26)
    grid = region_grid(bounds, epsg=6674, cell_m=50.0, margin_m=2_000.0)
    assert grid.x0_m % 50 == grid.y0_m % 50 == 0
    lon = np.linspace(bounds[0], bounds[2], 200)
    lat = np.linspace(bounds[1], bounds[3], 200)
    from coverage.domain.projection import lonlat_to_plane

    west, south, east, north = grid.bounds
    for edge in ((lon, np.full(200, bounds[1])), (lon, np.full(200, bounds[3]))):
        x, y = lonlat_to_plane(*edge, 6674)
        assert min(x.min() - west, east - x.max()) >= 2_000 - 1e-6
        assert min(y.min() - south, north - y.max()) >= 2_000 - 1e-6
    x, _ = lonlat_to_plane(np.full(200, bounds[0]), lat, 6674)
    assert 2_000 - 1e-6 <= x.min() - west <= 2_051


def test_grids_of_neighbouring_regions_share_pixel_edges() -> None:
    a = region_grid((136.1, 34.1, 136.3, 34.3), epsg=6674, cell_m=30.0, margin_m=77.0)
    b = region_grid((136.2, 34.2, 136.6, 34.5), epsg=6674, cell_m=30.0, margin_m=0.0)
    assert (a.x0_m - b.x0_m) % 30 == (a.y0_m - b.y0_m) % 30 == 0


@pytest.mark.parametrize(
    ("bounds", "cell_m", "code"),
    [
        ((137.0, 34.0, 136.0, 35.0), 50.0, "region-bounds-impossible"),
        ((136.0, -95.0, 137.0, 35.0), 50.0, "region-bounds-impossible"),
        ((122.0, 24.0, 146.0, 46.0), 50.0, "grid-too-large"),
    ],
)
def test_an_impossible_region_is_refused(
    bounds: tuple[float, float, float, float], cell_m: float, code: str
) -> None:
    with pytest.raises(RegionError) as caught:
        region_grid(bounds, epsg=6674, cell_m=cell_m, margin_m=0.0)
    assert caught.value.code == code


# --- Sampling and holes ----------------------------------------------------------------------------------------------


def test_bilinear_sampling_reproduces_a_plane_through_the_projection(tmp_path: Path, grid: Grid) -> None:
    path = write_tif(tmp_path / "dem.tif", plane(200, 200))
    found = read(tmp_path, grid)
    assert found.files == [path]
    assert np.nanmax(np.abs(found.terrain.height_m - plane_at(grid))) < 1e-3
    assert not np.isnan(found.terrain.height_m).any()
    assert not found.terrain.sea.any()
    assert found.terrain.source_step_m == pytest.approx(61.8, abs=0.1)
    assert not found.terrain.surface_model


def test_a_hole_stays_a_hole_and_neither_bleeds_nor_shrinks(tmp_path: Path, grid: Grid) -> None:
    heights = plane(200, 200)
    heights[90:95, 100:105] = -9999
    write_tif(tmp_path / "dem.tif", heights, nodata=-9999)
    height = read(tmp_path, grid).terrain.height_m
    hole = np.isnan(height)
    assert np.abs(height - plane_at(grid))[~hole].max() < 1e-3, "what is left is not touched by the hole"
    rows, cols = np.mgrid[0 : grid.rows, 0 : grid.cols]
    lon, lat = plane_to_lonlat(*grid.xy(rows, cols), grid.epsg)
    col, row = (lon - WEST) / STEP - 0.5, (NORTH - lat) / STEP - 0.5
    inside = (row > 89.5) & (row < 94.5) & (col > 99.5) & (col < 104.5)
    near = (row > 89) & (row < 95) & (col > 99) & (col < 105)
    assert hole[inside].all()
    assert not hole[~near].any()


def test_a_single_missing_sample_is_seen_even_where_the_grid_is_finer(tmp_path: Path) -> None:
    heights = plane(200, 200)
    heights[100, 100] = np.nan
    write_tif(tmp_path / "dem.tif", heights)
    fine = region_grid((136.354, 34.543, 136.358, 34.546), epsg=6674, cell_m=10.0, margin_m=0.0)
    hole = np.isnan(read(tmp_path, fine).terrain.height_m)
    sample_m2 = (STEP * 111_195) * (STEP * 91_600)
    assert 1.0 * sample_m2 <= hole.sum() * 100 <= 4.2 * sample_m2


def test_beyond_the_raster_is_no_data_and_the_edge_pixel_holds_to_its_edge(tmp_path: Path) -> None:
    write_tif(tmp_path / "dem.tif", plane(200, 200))
    around = region_grid(
        (WEST - 0.01, NORTH - 0.05, WEST + 0.02, NORTH + 0.01), epsg=6674, cell_m=20.0, margin_m=0.0
    )
    terrain = read(tmp_path, around).terrain
    rows, cols = np.mgrid[0 : around.rows, 0 : around.cols]
    lon, lat = plane_to_lonlat(*around.xy(rows, cols), around.epsg)
    covered = (lon > WEST) & (lat < NORTH)
    assert np.array_equal(np.isfinite(terrain.height_m), covered)
    assert not terrain.sea.any()


def test_declared_scale_and_offset_are_applied(tmp_path: Path, grid: Grid) -> None:
    path = write_tif(tmp_path / "dem.tif", (plane(200, 200) * 10 - 500).astype(np.int16))
    with rasterio.open(path, "r+") as out:
        out.scales, out.offsets = (0.1,), (50.0,)
    assert np.abs(read(tmp_path, grid).terrain.height_m - plane_at(grid)).max() < 0.06


def test_a_raster_in_the_plane_of_the_grid_and_one_in_the_old_datum(tmp_path: Path, grid: Grid) -> None:
    west, _, _, north = grid.bounds
    values = np.arange(grid.rows * grid.cols, dtype=np.float32).reshape(grid.shape) % 997
    with rasterio.open(
        tmp_path / "dem.tif", "w", driver="GTiff", height=grid.rows, width=grid.cols, count=1, dtype="float32",
        crs="EPSG:6674", transform=from_origin(west, north, 50.0, 50.0),
    ) as out:  # fmt: skip
        out.write(values, 1)
    same = read(tmp_path, grid).terrain
    assert np.array_equal(same.height_m, values), "pixel on pixel, nothing may be interpolated"
    assert same.source_step_m == 50.0
    write_tif(tmp_path / "tokyo.tif", plane(200, 200), crs="EPSG:4301")
    moved = read(tmp_path, grid, layer("tokyo.tif")).terrain.height_m - plane_at(grid)
    # 450 m to the north-west: 11.6″ of latitude and 10.5″ of longitude at 2″ a sample.
    assert np.median(moved) == pytest.approx(-11.7 / 2 * -1 * 1.0 + 10.6 / 2 * 2.0, abs=0.7)


# --- Sea -------------------------------------------------------------------------------------------------------------


def _coast(tmp_path: Path, sea_value: float, **more: Any) -> Polygon:
    """Sea east of the middle, a lowland of 0 m west of it; returns the land's outline."""
    heights = plane(200, 200)
    heights[:, 100:] = sea_value
    heights[100:110, 90:100] = 0.0
    write_tif(tmp_path / "dem.tif", heights, **more)
    return box(WEST - 1, NORTH - 1, WEST + 100 * STEP, NORTH + 1)


def test_without_a_rule_nothing_is_sea(tmp_path: Path, grid: Grid) -> None:
    outline = _coast(tmp_path, 0.0)
    assert not read(tmp_path, grid, outline=outline).terrain.sea.any()


def test_zero_outside_the_outline_is_sea_and_inside_it_is_land(tmp_path: Path, grid: Grid) -> None:
    outline = _coast(tmp_path, 0.0)
    terrain = read(tmp_path, grid, layer(sea="outline"), outline).terrain
    rows, cols = np.mgrid[0 : grid.rows, 0 : grid.cols]
    lon, _ = plane_to_lonlat(*grid.xy(rows, cols), grid.epsg)
    assert np.array_equal(terrain.sea, lon > WEST + 100 * STEP)
    assert (terrain.height_m[terrain.sea] == 0).all()
    lowland = (terrain.height_m == 0) & ~terrain.sea
    assert lowland.any(), "land at 0 m is not sea"
    everywhere = read(tmp_path, grid, layer(sea="zero-is-sea")).terrain
    assert everywhere.sea.sum() > terrain.sea.sum()


def test_land_outside_the_outline_is_not_sea(tmp_path: Path, grid: Grid) -> None:
    _coast(tmp_path, 0.0)
    small = box(WEST - 1, NORTH - 1, WEST + 60 * STEP, NORTH + 1)
    terrain = read(tmp_path, grid, layer(sea="outline"), small).terrain
    assert (terrain.height_m[~terrain.sea] > 0).any()
    assert (terrain.height_m[terrain.sea] == 0).all()


def test_no_data_beyond_the_coast_is_sea_and_inland_it_is_a_hole(tmp_path: Path, grid: Grid) -> None:
    outline = _coast(tmp_path, -9999.0, nodata=-9999.0)
    with rasterio.open(tmp_path / "dem.tif", "r+") as out:
        heights = out.read(1)
        heights[120:124, 70:75] = -9999.0
        out.write(heights, 1)
    terrain = read(tmp_path, grid, layer(sea="nodata-outside-outline"), outline).terrain
    rows, cols = np.mgrid[0 : grid.rows, 0 : grid.cols]
    lon, lat = plane_to_lonlat(*grid.xy(rows, cols), grid.epsg)
    off_shore = lon > WEST + 101 * STEP
    assert terrain.sea[off_shore].all()
    assert not terrain.sea[lon < WEST + 99 * STEP].any()
    hole = np.isnan(terrain.height_m)
    assert hole.any()
    assert (np.abs((NORTH - lat) / STEP - 122)[hole] < 4).all(), (
        "the only hole is the one inland: none along the coast"
    )
    none = read(tmp_path, grid, layer()).terrain
    assert not none.sea.any()
    assert np.isnan(none.height_m[off_shore]).all()


def test_a_missing_tile_off_the_coast_is_not_sea(tmp_path: Path, grid: Grid) -> None:
    heights = plane(200, 200)
    heights[:, 100:] = np.nan
    tiles(tmp_path, heights)
    outline = box(WEST - 1, NORTH - 1, WEST + 100 * STEP, NORTH + 1)
    with_all = read(tmp_path, grid, layer("dem", sea="nodata-outside-outline"), outline).terrain
    (tmp_path / "dem" / "22.tif").unlink()
    terrain = read(tmp_path, grid, layer("dem", sea="nodata-outside-outline"), outline).terrain
    lost = with_all.sea & ~terrain.sea
    assert lost.sum() > 1_000
    assert np.isnan(terrain.height_m[lost]).all()


@pytest.mark.parametrize("rule", ["outline", "nodata-outside-outline"])
def test_a_rule_that_needs_the_outline_says_so(tmp_path: Path, grid: Grid, rule: str) -> None:
    _coast(tmp_path, 0.0)
    with pytest.raises(RegionError) as caught:
        read(tmp_path, grid, layer(sea=rule))
    assert caught.value.code == "sea-outline-missing"


def test_a_sea_class_needs_a_format_that_has_one(tmp_path: Path, grid: Grid) -> None:
    _coast(tmp_path, 0.0)
    with pytest.raises(RegionError) as caught:
        read(tmp_path, grid, layer(sea="class"))
    assert caught.value.code == "sea-class-unavailable"


# --- Surface models and clutter --------------------------------------------------------------------------------------


def test_a_surface_model_is_known_by_name_or_by_option(tmp_path: Path, grid: Grid) -> None:
    write_tif(tmp_path / "ALPSMLC30_N034E136_DSM.tif", plane(200, 200))
    write_tif(tmp_path / "dem.tif", plane(200, 200))
    assert read(tmp_path, grid, layer("ALPSMLC30_N034E136_DSM.tif")).terrain.surface_model
    assert not read(
        tmp_path, grid, layer("ALPSMLC30_N034E136_DSM.tif", surface_model=False)
    ).terrain.surface_model
    assert read(tmp_path, grid, layer("dem.tif", surface_model=True)).terrain.surface_model


def _classes(tmp_path: Path) -> None:
    classes = np.ones((200, 200), dtype=np.uint8)
    classes[:, 80:120] = 5
    classes[:, 120:] = 0
    write_tif(tmp_path / "cover.tif", classes, nodata=0)


def test_clutter_heights_come_from_the_class_of_the_pixel(tmp_path: Path, grid: Grid) -> None:
    write_tif(tmp_path / "dem.tif", plane(200, 200))
    _classes(tmp_path)
    terrain = read(tmp_path, grid).terrain
    config = layer("cover.tif", heights_m={"1": 0.0, "5": 15.0}, outside_m=3.0)
    clutter, files = read_clutter(config, tmp_path, terrain=terrain)
    assert files == [tmp_path / "cover.tif"]
    assert set(np.unique(clutter)) == {0.0, 3.0, 15.0}, "classes are never mixed"
    assert with_clutter(terrain, clutter).clutter_m is clutter


def test_clutter_is_zero_on_the_sea_and_unknown_on_holes(tmp_path: Path, grid: Grid) -> None:
    heights = plane(200, 200)
    heights[:, 100:] = 0.0
    heights[60:66, 60:66] = np.nan
    write_tif(tmp_path / "dem.tif", heights)
    _classes(tmp_path)
    terrain = read(tmp_path, grid, layer(sea="zero-is-sea")).terrain
    clutter, _ = read_clutter(layer("cover.tif", heights_m={1: 2.0, 5: 15.0}), tmp_path, terrain=terrain)
    assert (clutter[terrain.sea] == 0).all()
    assert np.array_equal(np.isnan(clutter), np.isnan(terrain.height_m))


def test_clutter_on_a_surface_model_is_refused(grid: Grid) -> None:
    surface = terrain_from_array(grid, np.zeros(grid.shape), surface_model=True)
    with pytest.raises(RegionError) as caught:
        with_clutter(surface, np.zeros(grid.shape, dtype=np.float32))
    assert caught.value.code == "clutter-on-surface-model"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"heights_m": {1: 0.0}, "outside_m": 0.0}, "clutter-class-unknown"),
        ({"heights_m": {1: 0.0, 5: 15.0}}, "clutter-has-holes"),
        ({"heights_m": {1: 0.0, 5: 400.0}}, "clutter-height-impossible"),
        ({"heights_m": {}}, "layer-option-wrong"),
        ({}, "layer-option-wrong"),
    ],
)
def test_a_wrong_height_table_is_refused(
    tmp_path: Path, grid: Grid, options: dict[str, Any], code: str
) -> None:
    write_tif(tmp_path / "dem.tif", plane(200, 200))
    _classes(tmp_path)
    terrain = read(tmp_path, grid).terrain
    with pytest.raises(RegionError) as caught:
        read_clutter(layer("cover.tif", **options), tmp_path, terrain=terrain)
    assert caught.value.code == code


def test_arrays_in_memory_obey_the_same_rules(grid: Grid) -> None:
    heights = np.full(grid.shape, 12.0)
    heights[0, 0] = np.nan
    sea = np.zeros(grid.shape, dtype=np.bool_)
    sea[-1] = True
    terrain = terrain_from_array(grid, heights, sea=sea)
    assert np.isnan(terrain.height_m[0, 0])
    assert (terrain.height_m[-1] == 0).all()


@pytest.mark.shared
def test_the_real_heights_of_mie(shared_dir: Path) -> None:
    import json

    from shapely import union_all
    from shapely.geometry import shape

    text = (shared_dir / "data/boundaries/N03-21_24_210101.geojson").read_text(encoding="utf-8")
    outline = union_all([shape(feature["geometry"]) for feature in json.loads(text)["features"]])
    grid = region_grid(outline.bounds, epsg=6674, cell_m=200.0, margin_m=2_000.0)
    terrain = read(
        shared_dir / "data/dem", grid, layer("mie_dem_15s_derived.tif", sea="outline"), outline
    ).terrain
    assert float(np.nanmax(terrain.height_m)) == pytest.approx(1_820, abs=15)
    assert 0.30 < terrain.sea.mean() < 0.37, "Ise Bay and the Pacific"
    row, col = grid.row_col(*(float(v[0]) for v in _plane(136.9, 34.2)))
    assert terrain.sea[row, col], "off Shima"
    row, col = grid.row_col(*(float(v[0]) for v in _plane(136.09, 34.18)))
    assert terrain.height_m[row, col] > 1_000, "Mt Odaigahara"
    gtopo = read(
        shared_dir / "data/dem", grid, layer("mie_gtopo30_74s.tif", sea="nodata-outside-outline"), outline
    ).terrain
    both = np.isfinite(terrain.height_m) & np.isfinite(gtopo.height_m)
    assert np.corrcoef(terrain.height_m[both], gtopo.height_m[both])[0, 1] > 0.95


def _plane(lon: float, lat: float) -> tuple[np.ndarray, np.ndarray]:
    from coverage.domain.projection import lonlat_to_plane

    return lonlat_to_plane([lon], [lat], 6674)
