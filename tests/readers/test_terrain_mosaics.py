"""Terrain of many tiles: what the whole raster gives, holes, seams, memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from coverage.domain.grid import Grid
from coverage.errors import FileFormatError
from coverage.readers.terrain import region_grid

from .terrain_files import NORTH, STEP, WEST, from_origin, layer, plane, plane_at, read, tiles, write_tif


@pytest.mark.parametrize("overlap", [0, 1])
def test_tiles_give_what_the_whole_raster_gives(tmp_path: Path, grid: Grid, overlap: int) -> None:
    rough = plane(200, 200) + np.random.default_rng(1).normal(0, 20, (200, 200)).astype(np.float32)
    rough[60:64, 98:103] = np.nan
    write_tif(tmp_path / "dem.tif", rough)
    tiles(tmp_path, rough, overlap=overlap)
    one = read(tmp_path, grid).terrain.height_m
    many = read(tmp_path, grid, layer("dem"))
    assert np.array_equal(one, many.terrain.height_m, equal_nan=True)
    assert np.isnan(one).any()
    named = sorted(path.name for path in many.files)
    assert "00.tif" not in named, "a tile that the region does not touch is not an input"
    assert "11.tif" in named


def test_a_missing_tile_is_no_data(tmp_path: Path, grid: Grid) -> None:
    tiles(tmp_path, plane(200, 200))
    (tmp_path / "dem" / "21.tif").unlink()
    terrain = read(tmp_path, grid, layer("dem")).terrain
    assert 0.05 < np.isnan(terrain.height_m).mean() < 0.7
    assert not terrain.sea.any()


def test_tiles_that_disagree_where_they_overlap_are_refused(tmp_path: Path, grid: Grid) -> None:
    tiles(tmp_path, plane(200, 200), overlap=1)
    write_tif(
        tmp_path / "dem" / "12.tif", plane(51, 51) + 300, west=WEST + 100 * STEP, north=NORTH - 50 * STEP
    )
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid, layer("dem"))
    assert caught.value.code == "terrain-tiles-disagree"
    assert "12.tif" in caught.value.ja
    assert "12.tif" in caught.value.en


def test_small_differences_in_the_overlap_can_be_allowed(tmp_path: Path, grid: Grid) -> None:
    heights = plane(200, 200)
    tiles(tmp_path, heights, overlap=1)
    write_tif(
        tmp_path / "dem" / "12.tif",
        heights[50:101, 100:151] + 2,
        west=WEST + 100 * STEP,
        north=NORTH - 50 * STEP,
    )
    with pytest.raises(FileFormatError):
        read(tmp_path, grid, layer("dem"))
    terrain = read(tmp_path, grid, layer("dem", overlap_tolerance_m=3.0)).terrain
    assert np.abs(terrain.height_m - plane_at(grid)).max() < 2.1


def test_a_tile_in_the_wrong_place_is_noticed_at_its_seams(tmp_path: Path, grid: Grid) -> None:
    heights = plane(200, 200) * 3
    tiles(tmp_path, heights)
    write_tif(
        tmp_path / "dem" / "12.tif",
        heights[150:200, 150:200],
        west=WEST + 100 * STEP,
        north=NORTH - 50 * STEP,
    )
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid, layer("dem"))
    assert caught.value.code == "terrain-tiles-do-not-join"
    assert "12.tif" in caught.value.en


def test_a_coarse_product_fills_what_a_fine_one_leaves(tmp_path: Path, grid: Grid) -> None:
    fine = plane(200, 200)
    fine[:, 100:] = np.nan
    write_tif(tmp_path / "dem" / "fine.tif", fine)
    coarse = plane(200, 200)[2::5, 2::5] + 1.0
    write_tif(tmp_path / "dem" / "coarse.tif", coarse, transform=from_origin(WEST, NORTH, 5 * STEP, 5 * STEP))
    terrain = read(tmp_path, grid, layer("dem")).terrain
    difference = terrain.height_m - plane_at(grid)
    assert not np.isnan(difference).any()
    assert set(np.round(np.unique(np.round(difference, 2)), 1)) == {0.0, 1.0}
    assert terrain.source_step_m in (pytest.approx(61.8, abs=0.1), pytest.approx(308.9, abs=0.1))


def test_memory_does_not_grow_with_the_number_of_tiles(tmp_path: Path) -> None:
    side, parts = 500, 8
    rough = (np.add.outer(np.arange(side * parts), np.arange(side * parts)) % 900).astype(np.int16)
    tiles(tmp_path, rough, parts=parts)
    span = side * parts * STEP
    grid = region_grid((WEST, NORTH - span, WEST + span, NORTH), epsg=6674, cell_m=500.0, margin_m=0.0)
    tracemalloc.start()
    try:
        terrain = read(tmp_path, grid, layer("dem")).terrain
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.isfinite(terrain.height_m).mean() > 0.9
    as_floats = rough.size * 4
    assert peak < 0.75 * as_floats, f"{peak / 1e6:.0f} MB for a mosaic of {as_floats / 1e6:.0f} MB"
