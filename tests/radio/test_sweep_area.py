"""Losses of whole discs: accuracy on pixels, NO DATA, the near mast, options, determinism."""

from __future__ import annotations

import csv
import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject

from coverage.domain.grid import Grid
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import InputError, OutsideTerrainError
from coverage.radio.freespace import free_space_loss_db
from coverage.radio.path_geometry import SEA, Profile
from coverage.radio.position import Latitude, grid_latitude
from coverage.radio.profile import terrain_profile
from coverage.radio.sweep import AreaLoss, area_loss_db, mast_ground_m, ray_loss_db

SYNTHETIC = Path(__file__).resolve().parent.parent / "data" / "p1812_synthetic"
PLANE = 6674
MAST: dict[str, Any] = {"antenna_height_m": 30.0, "frequency_mhz": 800.0, "radio": RadioConfig()}


def _hills(cell_m: float = 50.0, size: int = 201, seed: int = 11) -> Terrain:
    """Rolling mountains round a mast in the middle; south-east of Kumano in zone VI."""
    rng = np.random.default_rng(seed)
    along = np.linspace(0.0, 1.0, size)
    height = np.zeros((size, size))
    for octave in range(2, 7):
        knots = np.linspace(0.0, 1.0, 2**octave + 1)
        values = rng.normal(size=(knots.size, knots.size)) * 260.0 * 2.0 ** (-0.8 * octave)
        rows = np.array([np.interp(along, knots, row) for row in values])
        height += np.array([np.interp(along, knots, column) for column in rows.T]).T
    height -= height.min() - 5.0
    grid = Grid(PLANE, 10_000.0, -250_000.0, cell_m, size, size)
    return Terrain(grid, height.astype(np.float32), np.zeros((size, size), dtype=np.bool_))


def _middle(terrain: Terrain) -> tuple[float, float]:
    """The centre of the middle pixel."""
    x, y = terrain.grid.xy(np.array([terrain.grid.rows // 2]), np.array([terrain.grid.cols // 2]))
    return float(x[0]), float(y[0])


def _disc(terrain: Terrain, radius_m: float = 4_000.0, **changes: Any) -> AreaLoss:
    x, y = _middle(terrain)
    return area_loss_db(terrain, x_m=x, y_m=y, radius_m=radius_m, **{**MAST, **changes})


def _distance_m(terrain: Terrain, area: AreaLoss) -> NDArray[np.float64]:
    x0, y0 = _middle(terrain)
    x, y = terrain.grid.xy(
        np.arange(area.window.row0, area.window.row0 + area.window.rows),
        np.arange(area.window.col0, area.window.col0 + area.window.cols),
    )
    return np.hypot(x[np.newaxis, :] - x0, y[:, np.newaxis] - y0)


def _synthetic_terrain(cell_m: float, reach_m: float) -> tuple[Terrain, float, float]:
    """The synthetic 3″ terrain on a metric grid round its transmitter, on the plane its points were measured on."""
    with rasterio.open(SYNTHETIC / "dem_synth_3as.tif") as source:
        heights, from_transform, from_crs = source.read(1).astype(np.float32), source.transform, source.crs
    size = 2 * int(reach_m / cell_m) + 1
    half = size * cell_m / 2.0
    # 111.195 km a degree and cos 34.5° everywhere: an equirectangular plane on a sphere of that size.
    radius = 111_195.0 * 180.0 / np.pi
    plane = f"+proj=eqc +lat_ts=34.5 +lat_0=34.5 +lon_0=136.4 +R={radius!r} +units=m +no_defs"
    grid = Grid(PLANE, -half, half, cell_m, size, size)
    # The same geographic degrees on that sphere: no datum shift may move the terrain.
    source_crs = rasterio.CRS.from_proj4(f"+proj=longlat +R={radius!r} +no_defs")
    assert from_crs.is_geographic
    on_grid = np.full((size, size), np.nan, dtype=np.float32)
    reproject(
        heights, on_grid, src_transform=from_transform, src_crs=source_crs,
        dst_transform=rasterio.Affine(*grid.transform), dst_crs=rasterio.CRS.from_proj4(plane),
        dst_nodata=np.nan, resampling=Resampling.bilinear,
    )  # fmt: skip
    terrain = Terrain(grid, on_grid, np.zeros(grid.shape, dtype=np.bool_), source_step_m=111_195.0 / 1200.0)
    return terrain, 0.0, 0.0


def _fix_latitude(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's plane is no registered CRS; the mast's latitude, which only β0 depends on, is given."""
    monkeypatch.setattr(
        "coverage.radio.sweep.grid_latitude", lambda epsg, x, y: Latitude(34.5, 1.0 / 111.195, 0.0)
    )


def _area_points() -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, NDArray[np.float64]]]:
    """(x, y) metres from the transmitter and the expected losses by MHz."""
    with open(SYNTHETIC / "area_points_90m.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lat = np.array([float(row["lat"]) for row in rows])
    lon = np.array([float(row["lon"]) for row in rows])
    x = (lon - 136.4) * 111_195.0 * np.cos(np.radians(34.5))
    y = (lat - 34.5) * 111_195.0
    return x, y, {mhz: np.array([float(row[f"Lb_{mhz}MHz"]) for row in rows]) for mhz in (800, 2000)}


def _at(
    terrain: Terrain, area: AreaLoss, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The raster read at points, bilinear between the centres of its pixels."""
    grid = terrain.grid
    row = (grid.y0_m - y) / grid.cell_m - 0.5 - area.window.row0
    col = (x - grid.x0_m) / grid.cell_m - 0.5 - area.window.col0
    i, j = np.floor(row).astype(int), np.floor(col).astype(int)
    di, dj = row - i, col - j
    loss = area.loss_db.astype(np.float64)
    upper = loss[i, j] * (1.0 - dj) + loss[i, j + 1] * dj
    lower = loss[i + 1, j] * (1.0 - dj) + loss[i + 1, j + 1] * dj
    return upper * (1.0 - di) + lower * di


def test_area_points_of_the_synthetic_terrain(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rays at the source's own 3″ step against points with profiles of their own.

    The grid is finer than the source, so that the points are compared and not the loss of a second resampling.
    """
    _fix_latitude(monkeypatch)
    terrain, x0, y0 = _synthetic_terrain(10.0, 20_700.0)
    x, y, expected = _area_points()
    for mhz, losses in expected.items():
        area = area_loss_db(
            terrain,
            x_m=x0,
            y_m=y0,
            antenna_height_m=30.0,
            frequency_mhz=mhz,
            radius_m=20_500.0,
            radio=RadioConfig(),
        )
        off = np.abs(_at(terrain, area, x, y) - losses)
        median, p99 = float(np.median(off)), float(np.percentile(off, 99))
        with capsys.disabled():
            print(
                f"\narea raster, rays 92.7 m, {mhz} MHz, 800 points: median {median:.3f} dB, p99 {p99:.2f} dB"
            )
        assert median <= 0.1
        assert p99 <= 5.0


def test_area_points_on_a_ninety_metre_grid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same points where terrain and result both lie on a 90 m grid: resampling once more smooths the ridges."""
    _fix_latitude(monkeypatch)
    terrain, x0, y0 = _synthetic_terrain(90.0, 20_700.0)
    x, y, expected = _area_points()
    for mhz, losses in expected.items():
        area = area_loss_db(
            terrain,
            x_m=x0,
            y_m=y0,
            antenna_height_m=30.0,
            frequency_mhz=mhz,
            radius_m=20_500.0,
            radio=RadioConfig(),
        )
        off = np.abs(_at(terrain, area, x, y) - losses)
        median, p99 = float(np.median(off)), float(np.percentile(off, 99))
        with capsys.disabled():
            print(
                f"\narea raster, 90 m grid, {mhz} MHz, 800 points: median {median:.3f} dB, p99 {p99:.2f} dB"
            )
        assert median <= 0.45
        assert p99 <= 7.5


def test_the_synthetic_area_points_themselves_by_the_ray() -> None:
    """Each point on its own profile, heights bilinear from the 3″ source: the point function to 1e-6 dB."""
    with rasterio.open(SYNTHETIC / "dem_synth_3as.tif") as source:
        heights = source.read(1).astype(np.float64)
        left, top = source.transform.c, source.transform.f
    with open(SYNTHETIC / "area_points_90m.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::8]
    for row in rows:
        along = np.linspace(0.0, 1.0, int(row["n_intervals"]) + 1)
        lat = 34.5 + (float(row["lat"]) - 34.5) * along
        lon = 136.4 + (float(row["lon"]) - 136.4) * along
        i, j = (top - lat) * 1200.0 - 0.5, (lon - left) * 1200.0 - 0.5
        i0, j0 = np.floor(i).astype(int), np.floor(j).astype(int)
        di, dj = i - i0, j - j0
        upper = heights[i0, j0] * (1.0 - dj) + heights[i0, j0 + 1] * dj
        lower = heights[i0 + 1, j0] * (1.0 - dj) + heights[i0 + 1, j0 + 1] * dj
        length = float(
            np.hypot(
                (float(row["lat"]) - 34.5) * 111.195,
                (float(row["lon"]) - 136.4) * 111.195 * np.cos(np.radians(34.5)),
            )
        )
        profile = Profile(along * length, upper * (1.0 - di) + lower * di)
        for mhz in (800, 2000):
            loss = ray_loss_db(
                profile, frequency_ghz=mhz / 1000.0, time_percent=50.0, tx_height_m=30.0, rx_height_m=1.5,
                latitude_deg=34.5,
            )[-1]  # fmt: skip
            assert loss == pytest.approx(float(row[f"Lb_{mhz}MHz"]), abs=1e-6)


def test_pixels_on_the_axes_are_the_ray_itself() -> None:
    terrain = _hills()
    area = _disc(terrain)
    x, y = _middle(terrain)
    row, col = terrain.grid.row_col(x, y)
    for d_row, d_col in ((-1, 0), (1, 0), (0, 1), (0, -1)):
        profile = terrain_profile(terrain, x, y, x + d_col * 4_000.0, y - d_row * 4_000.0)
        swept = ray_loss_db(
            profile,
            frequency_ghz=0.8,
            time_percent=50.0,
            tx_height_m=30.0,
            rx_height_m=1.5,
            latitude_deg=33.7,
        )
        for k in range(6, 80):
            pixel = area.loss_db[row + k * d_row - area.window.row0, col + k * d_col - area.window.col0]
            assert pixel == pytest.approx(swept[k], abs=2e-4)


def test_beyond_the_radius_is_infinite_and_not_missing() -> None:
    terrain = _hills()
    area = _disc(terrain, radius_m=3_000.0)
    outside = _distance_m(terrain, area) > 3_000.0
    assert np.isposinf(area.loss_db[outside]).all()
    assert np.isfinite(area.loss_db[~outside]).all()
    assert area.loss_db.dtype == np.float32


def test_everything_behind_a_hole_is_no_data_and_nothing_before_it_changes() -> None:
    terrain = _hills()
    height = terrain.height_m.copy()
    height[60:64, 96:106] = np.nan  # about 2 km north of the mast
    whole, area = _disc(terrain), _disc(dataclasses.replace(terrain, height_m=height))
    assert area.window == whole.window
    inside = np.isfinite(whole.loss_db)
    lost = np.isnan(area.loss_db)
    row0, col0 = area.window.row0, area.window.col0
    shadow = np.zeros_like(lost)
    shadow[: 64 - row0, 98 - col0 : 104 - col0] = True
    assert lost[shadow & inside].all()
    # The shadow widens with distance and is nothing but a shadow: no pixel south of the hole, few beside it.
    assert not lost[65 - row0 :].any()
    assert lost.sum() < 0.05 * inside.sum()
    kept = inside & ~lost
    # At the shadow's rim a pixel rests on one of its two rays.
    assert np.isclose(area.loss_db[kept], whole.loss_db[kept], atol=1e-4).mean() > 0.99
    assert np.array_equal(area.loss_db[70 - row0 :], whole.loss_db[70 - row0 :])


def test_a_hole_is_not_the_sea() -> None:
    terrain = _hills()
    height = terrain.height_m.copy()
    height[40:60, 90:110] = np.nan
    holed = _disc(dataclasses.replace(terrain, height_m=height))
    filled = _disc(dataclasses.replace(terrain, height_m=np.nan_to_num(height, nan=0.0)))
    row = 35 - holed.window.row0
    col = 100 - holed.window.col0
    assert np.isnan(holed.loss_db[row, col])
    assert np.isfinite(filled.loss_db[row, col])


def test_pixels_at_the_terrains_edge_have_values_and_the_window_ends_there() -> None:
    terrain = _hills()
    x, y = terrain.grid.xy(np.array([100]), np.array([2]))
    area = area_loss_db(terrain, x_m=float(x[0]), y_m=float(y[0]), radius_m=2_000.0, **MAST)
    assert (area.window.col0, area.window.cols) == (0, 44)
    column = area.loss_db[:, 0]
    assert np.isfinite(column[np.abs(np.arange(area.window.rows) + area.window.row0 - 100) <= 39]).all()


def test_a_mast_off_the_terrain_or_on_a_hole_is_refused_by_name() -> None:
    terrain = _hills()
    with pytest.raises(OutsideTerrainError) as off:
        area_loss_db(terrain, x_m=0.0, y_m=0.0, radius_m=1_000.0, **MAST)
    assert off.value.code == "site-off-terrain"
    height = terrain.height_m.copy()
    height[100, 100] = np.nan
    with pytest.raises(OutsideTerrainError) as hole:
        _disc(dataclasses.replace(terrain, height_m=height))
    assert hole.value.code == "site-on-hole"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"antenna_height_m": -3.0}, "antenna-height-out-of-range"),
        ({"frequency_mhz": 0.0}, "frequency-out-of-range"),
        ({"radius_m": 0.0}, "radius-out-of-range"),
        ({"radius_m": float("nan")}, "radius-out-of-range"),
        ({"step_m": 0.0}, "step-out-of-range"),
        ({"step_m": 500.0}, "step-out-of-range"),
        ({"radio": RadioConfig(delta_n=160.0)}, "delta-n-out-of-range"),
    ],
)
def test_inputs_out_of_range_are_refused_by_name(change: dict[str, Any], code: str) -> None:
    terrain = _hills(size=41)
    with pytest.raises(InputError) as refused:
        _disc(terrain, **change)
    assert refused.value.code == code


def test_zones_of_another_terrain_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        _disc(_hills(size=41), zones=np.ones((3, 3), dtype=np.uint8))


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    terrain = _hills()
    one, two, five = (_disc(terrain, workers=n).loss_db for n in (1, 2, 5))
    assert one.tobytes() == two.tobytes() == five.tobytes()


def test_next_to_the_mast_free_space_rules_and_then_passes_into_the_model() -> None:
    terrain = _hills(cell_m=10.0)
    terrain = dataclasses.replace(terrain, height_m=terrain.height_m * np.float32(0.1))
    x, y = _middle(terrain)
    area = _disc(terrain, radius_m=900.0)
    distance = _distance_m(terrain, area)
    ground = terrain.height_m[area.window.slices].astype(np.float64)
    mast = mast_ground_m(terrain, x, y) + 30.0
    inside = (distance > 0.0) & (distance <= 120.0)
    free = np.array(
        [
            free_space_loss_db(d / 1000.0, mast - h - 1.5, 0.8)
            for d, h in zip(distance[inside], ground[inside], strict=True)
        ]
    )
    assert area.loss_db[inside] == pytest.approx(free, abs=1e-3)
    row, col = np.unravel_index(np.argmin(distance), distance.shape)
    assert area.loss_db[row, col] == pytest.approx(free_space_loss_db(0.0, 28.5, 0.8), abs=0.01)
    profile = terrain_profile(terrain, x, y, x + 900.0, y)
    model = ray_loss_db(
        profile, frequency_ghz=0.8, time_percent=50.0, tx_height_m=30.0, rx_height_m=1.5, latitude_deg=33.7
    )
    eastward = area.loss_db[row, col:]
    assert eastward[25:60] == pytest.approx(model[25:60], abs=2e-4)
    for k in range(13, 25):
        clear = free_space_loss_db(0.01 * k, mast - float(profile.height_m[k]) - 1.5, 0.8)
        assert eastward[k] == pytest.approx(clear + (2.0 * k / 25.0 - 1.0) * (model[k] - clear), abs=2e-4)
    assert np.isfinite(area.loss_db[distance <= 900.0]).all()


def test_free_space_is_a_model_behind_the_same_interface() -> None:
    terrain = _hills()
    height = terrain.height_m.copy()
    height[80, 80] = np.nan
    area = _disc(
        dataclasses.replace(terrain, height_m=height), radius_m=3_000.0, radio=RadioConfig(model="free-space")
    )
    assert np.isnan(area.loss_db).sum() == 1  # the pixel itself; nothing hides what lies behind it
    distance = _distance_m(terrain, area)
    assert np.isposinf(area.loss_db[distance > 3_000.0]).all()
    mast = mast_ground_m(terrain, *_middle(terrain)) + 30.0
    h = float(terrain.height_m[100, 130])
    expected = free_space_loss_db(1.5, mast - h - 1.5, 0.8)
    assert area.loss_db[100 - area.window.row0, 130 - area.window.col0] == pytest.approx(expected, abs=1e-4)
    model = _disc(terrain, radius_m=3_000.0)
    reachable = np.isfinite(area.loss_db) & (distance > 250.0)
    assert (model.loss_db[reachable] > area.loss_db[reachable] - 1e-3).all()


def test_clutter_hides_receivers_but_not_on_their_own_pixel() -> None:
    flat = _hills()
    flat = dataclasses.replace(flat, height_m=np.full_like(flat.height_m, 20.0))
    clutter = np.zeros(flat.grid.shape, dtype=np.float32)
    clutter[100, 130] = 15.0
    with_tree = dataclasses.replace(flat, clutter_m=clutter)
    bare, area = _disc(flat), _disc(with_tree)
    row = 100 - area.window.row0
    at, behind = 130 - area.window.col0, 131 - area.window.col0
    assert area.loss_db[row, at] == pytest.approx(bare.loss_db[row, at], abs=1e-4)
    assert area.loss_db[row, behind] > bare.loss_db[row, behind] + 3.0
    assert area.loss_db[row, at - 3] == bare.loss_db[row, at - 3]


def test_clutter_in_front_of_the_receiver_can_be_left_out() -> None:
    flat = _hills()
    flat = dataclasses.replace(flat, height_m=np.full_like(flat.height_m, 20.0))
    clutter = np.zeros(flat.grid.shape, dtype=np.float32)
    clutter[100, 130] = 15.0
    with_tree = dataclasses.replace(flat, clutter_m=clutter)
    area = _disc(with_tree, radio=RadioConfig(receiver_clutter_distance_m=120.0))
    bare, full = _disc(flat), _disc(with_tree)
    row, first = 100 - area.window.row0, 131 - area.window.col0
    assert np.array_equal(
        area.loss_db[row, first : first + 2], bare.loss_db[row, first : first + 2]
    )  # 50, 100 m behind
    assert area.loss_db[row, first + 2] == pytest.approx(
        full.loss_db[row, first + 2], abs=1e-4
    )  # 150 m behind
    assert full.loss_db[row, first + 2] > bare.loss_db[row, first + 2] + 1.0


def test_missing_clutter_is_no_data() -> None:
    terrain = _hills(size=81)
    clutter = np.zeros(terrain.grid.shape, dtype=np.float32)
    clutter[20:30, 38:43] = np.nan
    area = _disc(dataclasses.replace(terrain, clutter_m=clutter), radius_m=1_900.0)
    assert np.isnan(area.loss_db[10 - area.window.row0, 40 - area.window.col0])


def test_zones_matter_where_ducts_do() -> None:
    terrain = _hills()
    sea = dataclasses.replace(
        terrain, height_m=np.zeros_like(terrain.height_m), sea=np.ones(terrain.grid.shape, dtype=np.bool_)
    )
    rare = RadioConfig(time_percent=1.0)
    zones = np.full(sea.grid.shape, SEA, dtype=np.uint8)
    inland, at_sea = _disc(sea, radio=rare), _disc(sea, radio=rare, zones=zones)
    far = (_distance_m(sea, inland) > 3_000.0) & np.isfinite(inland.loss_db)
    assert np.abs(inland.loss_db[far] - at_sea.loss_db[far]).max() > 0.3


def test_every_radio_parameter_moves_the_result() -> None:
    terrain = _hills()
    plain = _disc(terrain).loss_db
    inside = np.isfinite(plain) & (_distance_m(terrain, _disc(terrain)) > 500.0)

    def shift(**changes: Any) -> float:
        return float(np.mean(_disc(terrain, radio=RadioConfig(**changes)).loss_db[inside] - plain[inside]))

    assert shift(location_percent=90.0) > 1.0
    assert shift(location_percent=10.0) < -1.0
    assert shift(location_percent=90.0, receiver_clutter_m=15.0) > shift(location_percent=90.0)
    assert shift(receiver_height_m=10.0) < -1.0
    assert shift(time_percent=1.0) < -0.01
    assert shift(delta_n=70.0) < -0.001
    assert abs(shift(n0=300.0)) > 0.0
    assert float(np.mean(_disc(terrain, frequency_mhz=2_100.0).loss_db[inside] - plain[inside])) > 8.0
    horizontal = RadioConfig(polarisation="horizontal")
    low = [_disc(terrain, frequency_mhz=30.0, radio=r).loss_db[inside] for r in (RadioConfig(), horizontal)]
    assert np.abs(low[0] - low[1]).max() > 0.01


def test_latitude_on_the_grid() -> None:
    latitude = grid_latitude(PLANE, 0.0, -166_000.0)
    assert latitude.degrees == pytest.approx(36.0 - 166.0 / 110.95, abs=0.01)
    assert latitude.north_per_km == pytest.approx(1.0 / 110.93, rel=1e-3)
    assert abs(latitude.east_per_km) < 1e-6


def test_a_coarse_source_sets_the_step_of_the_rays() -> None:
    terrain = _hills(cell_m=25.0)
    coarse = dataclasses.replace(terrain, source_step_m=75.0)
    by_source, by_step = _disc(coarse, radius_m=2_000.0), _disc(terrain, radius_m=2_000.0, step_m=75.0)
    assert by_source.loss_db.tobytes() == by_step.loss_db.tobytes()
    assert by_source.loss_db.tobytes() != _disc(terrain, radius_m=2_000.0).loss_db.tobytes()


def test_a_grid_coarser_than_the_shortest_path_still_has_profiles() -> None:
    terrain = _hills(cell_m=400.0)
    area = _disc(terrain, radius_m=5_000.0)
    distance = _distance_m(terrain, area)
    assert np.isfinite(area.loss_db[distance <= 5_000.0]).all()


def test_twice_the_radius_takes_about_four_times_as_long() -> None:
    terrain = _hills(cell_m=30.0, size=801)

    def seconds(radius_m: float) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.thread_time()
            _disc(terrain, radius_m=radius_m)
            best = min(best, time.thread_time() - start)
        return best

    seconds(500.0)
    # R^2.2 is the goal that the benchmark gates on quiet machines; here a shared one may add half.
    assert seconds(11_500.0) / seconds(5_750.0) < 1.5 * 2.0**2.2
