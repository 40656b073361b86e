"""Rasters as pictures: where they lie, what they say, how small they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyproj import Transformer
from shapely.geometry import box

from coverage.domain.grid import Grid
from coverage.gaps.classes import NO_DATA_CLASS, OUTSIDE_CLASS
from coverage.report.pictures import (
    SEA,
    UNKNOWN,
    around,
    class_pixels,
    class_png,
    hillshade,
    mercator_frame,
    year_stack,
)
from coverage.runs.rasters import write_cog

GRID = Grid(epsg=6674, x0_m=40_000.0, y0_m=-260_000.0, cell_m=100.0, rows=120, cols=160)


def _decode(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def test_the_frame_holds_every_corner_of_the_grid() -> None:
    frame = mercator_frame(GRID)
    (south, west), (north, east) = frame.corners
    to_lonlat = Transformer.from_crs(GRID.epsg, 4326, always_xy=True)
    x0, y0, x1, y1 = GRID.bounds
    for x, y in ((x0, y0), (x0, y1), (x1, y0), (x1, y1)):
        lon, lat = to_lonlat.transform(x, y)
        assert west - 1e-9 <= lon <= east + 1e-9
        assert south - 1e-9 <= lat <= north + 1e-9


def test_the_frame_keeps_the_grids_resolution_until_the_limit() -> None:
    assert 150 <= mercator_frame(GRID).width <= 175
    assert max(mercator_frame(GRID, max_pixels=50).width, mercator_frame(GRID, max_pixels=50).height) == 50


def test_a_class_stays_at_its_place_when_projected(tmp_path: Path) -> None:
    classes = np.full(GRID.shape, 3, dtype=np.uint8)
    classes[40:44, 100:104] = 0
    write_cog(tmp_path / "class.tif", GRID, classes)
    frame = mercator_frame(GRID)
    pixels = class_pixels(tmp_path / "class.tif", frame, GRID)
    x, y = GRID.xy(np.array([41.5]), np.array([101.5]))
    mx, my = Transformer.from_crs(GRID.epsg, 3857, always_xy=True).transform(float(x[0]), float(y[0]))
    west, _, _, north = frame.bounds_m
    col, row = int((mx - west) / frame.transform.a), int((my - north) / frame.transform.e)
    assert pixels[row, col] == 0
    assert (pixels == 0).sum() == pytest.approx(16, abs=6)


def test_no_data_and_outside_are_told_apart(tmp_path: Path) -> None:
    classes = np.full(GRID.shape, OUTSIDE_CLASS, dtype=np.uint8)
    classes[20:100, 20:140] = NO_DATA_CLASS
    classes[50:60, 50:60] = 1
    write_cog(tmp_path / "class.tif", GRID, classes)
    pixels = class_pixels(tmp_path / "class.tif", mercator_frame(GRID), GRID)
    assert set(np.unique(pixels).tolist()) == {1, OUTSIDE_CLASS, NO_DATA_CLASS}
    image = Image.open(io.BytesIO(class_png(pixels, ["#1b7837", "#7fbf7b", "#e6e08f", "#762a83"]))).convert(
        "RGBA"
    )
    colours = {tuple(c) for c in np.asarray(image).reshape(-1, 4).tolist()}
    assert (127, 191, 123, 255) in colours
    assert any(c[3] == 0 for c in colours)
    assert (154, 154, 154, 255) in colours


def test_a_stack_of_years_reads_back_exactly() -> None:
    rng = np.random.default_rng(4)
    years = [rng.integers(0, 5, (61, 83)).astype(np.uint8) for _ in range(6)]
    stack = year_stack(years)
    pixels = _decode(stack.picture).astype(int)
    index = pixels[..., 0] + 256 * pixels[..., 1]
    rows = np.array(stack.rows)
    for k, year in enumerate(years):
        assert np.array_equal(rows[index][..., k], year)


def test_six_years_with_few_changes_weigh_little_more_than_one() -> None:
    rng = np.random.default_rng(5)
    first = np.kron(rng.integers(0, 4, (60, 80)), np.ones((10, 10), dtype=int)).astype(np.uint8)
    years = [first]
    for k in range(5):
        nxt = years[-1].copy()
        nxt[100 * k : 100 * k + 40, 200:260] = 0
        years.append(nxt)
    assert len(year_stack(years).picture) < 1.5 * len(year_stack(years[:1]).picture)


def test_a_stack_needs_a_year() -> None:
    with pytest.raises(ValueError, match="at least one year"):
        year_stack([])


def test_sea_is_blue_and_missing_height_is_not_taken_for_sea(tmp_path: Path) -> None:
    height = np.full(GRID.shape, 120.0, dtype=np.float32)
    height[:40] = 0.0
    height[90:, :40] = np.nan
    write_cog(tmp_path / "terrain.tif", GRID, height)
    to_lonlat = Transformer.from_crs(GRID.epsg, 6668, always_xy=True)
    west, south, east, north = GRID.bounds
    land = box(*to_lonlat.transform_bounds(west, south, east, north - 4_000.0))
    pixels = _decode(
        hillshade(tmp_path / "terrain.tif", mercator_frame(GRID), GRID, land=[land], quality=95)
    ).astype(int)
    assert np.abs(pixels[12, 80] - SEA).max() <= 4
    assert np.abs(pixels[-12, 15] - UNKNOWN).max() <= 4
    assert np.abs(pixels[-12, 15] - SEA).max() > 8


def test_the_colour_around_the_map_is_the_commonest_of_its_border() -> None:
    pixels = np.full((20, 30, 3), 240, dtype=np.uint8)
    pixels[:, :4] = SEA
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="WEBP", lossless=True)
    assert around(out.getvalue()) == "#f0f0f0"


def test_slopes_to_the_north_west_are_light_and_to_the_south_east_dark(tmp_path: Path) -> None:
    _rows, cols = np.mgrid[0 : GRID.rows, 0 : GRID.cols]
    ridge = (3000.0 - 35.0 * np.abs(cols - 80)).clip(1.0).astype(np.float32)
    write_cog(tmp_path / "terrain.tif", GRID, ridge)
    to_lonlat = Transformer.from_crs(GRID.epsg, 6668, always_xy=True)
    land = box(*to_lonlat.transform_bounds(*GRID.bounds))
    pixels = _decode(
        hillshade(tmp_path / "terrain.tif", mercator_frame(GRID), GRID, land=[land], quality=95)
    ).astype(int)
    middle = pixels.shape[0] // 2
    assert pixels[middle, 45, 0] > pixels[middle, 125, 0] + 15
