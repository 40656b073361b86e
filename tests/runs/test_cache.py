"""Footprint cache: what a key depends on, and damage of every kind noticed, logged and never used."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coverage.domain.grid import Grid, Window
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import StorageError
from coverage.radio.footprint import Cell, Footprint
from coverage.runs.cache import BAND_ROWS, FootprintCache, footprint_key, model_digest, terrain_digest

KEY, OTHER_KEY = "ab" * 32, "cd" * 32


@pytest.fixture
def cell() -> Cell:
    return Cell("24-0001", "docomo", 12_340.0, -150_000.0, 20.0, 800.0, 57.0, 27.78)


@pytest.fixture
def footprint() -> Footprint:
    rng = np.random.default_rng(1)
    level = rng.normal(-90, 15, (170, 90)).astype(np.float32)
    level[:3, :5] = np.nan
    level[-1] = -200.0
    return Footprint(Window(37, 11, 170, 90), level)


@pytest.fixture
def cache(tmp_path: Path) -> FootprintCache:
    return FootprintCache(tmp_path / "footprints")


def _same(a: Footprint, b: Footprint) -> bool:
    return a.window == b.window and a.level_dbm.tobytes() == b.level_dbm.tobytes()


def _terrain() -> Terrain:
    grid = Grid(6674, 0.0, 0.0, 50.0, 6, 5)
    height = np.arange(30, dtype=np.float32).reshape(6, 5)
    height[2, 2] = np.nan
    return Terrain(grid, height, np.zeros((6, 5), dtype=np.bool_))


def test_a_footprint_comes_back_bit_for_bit(cache: FootprintCache, footprint: Footprint) -> None:
    assert cache.read(KEY) is None
    assert not cache.has(KEY)
    cache.write(KEY, footprint)
    assert cache.has(KEY)
    back = cache.read(KEY)
    assert back is not None
    assert _same(back, footprint)
    assert cache.damaged == []


def test_levels_take_less_room_than_plain_floats(cache: FootprintCache) -> None:
    distance = np.hypot(*np.mgrid[-200:201, -200:201]) + 1
    level = np.where(distance < 200, -50 - 35 * np.log10(distance), -200).astype(np.float32)
    cache.write(KEY, Footprint(Window(0, 0, 401, 401), level))
    assert cache.size_bytes() < 0.6 * level.nbytes


@pytest.mark.parametrize(("row0", "row1"), [(0, 40), (37, 38), (63, 65), (64, 128), (150, 1000), (0, 1000)])
def test_some_rows_can_be_read_alone(
    cache: FootprintCache, footprint: Footprint, row0: int, row1: int
) -> None:
    cache.write(KEY, footprint)
    part = cache.read_rows(KEY, row0, row1)
    assert part is not None
    top, bottom = max(row0, 37), min(row1, 37 + 170)
    assert part.window.row0 <= top
    assert part.window.row0 + part.window.rows >= bottom
    assert part.window.rows <= bottom - top + 2 * BAND_ROWS
    here = slice(part.window.row0 - 37, part.window.row0 - 37 + part.window.rows)
    assert part.level_dbm.tobytes() == footprint.level_dbm[here].tobytes()


def test_rows_that_a_footprint_does_not_have_are_an_empty_window(
    cache: FootprintCache, footprint: Footprint
) -> None:
    cache.write(KEY, footprint)
    part = cache.read_rows(KEY, 1000, 1100)
    assert part is not None
    assert part.window.rows == 0
    assert cache.damaged == []


def _flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))


def _flip_a_bit_of_the_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[44] ^= 0x01
    path.write_bytes(bytes(data))


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 7)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(5).bytes(path.stat().st_size))


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


@pytest.mark.parametrize("harm", [_flip_a_bit, _flip_a_bit_of_the_header, _cut, _empty, _noise, _append])
def test_damage_is_noticed_logged_and_never_used(
    cache: FootprintCache, footprint: Footprint, harm: object, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write(KEY, footprint)
    harm(cache.path(KEY))  # type: ignore[operator]
    with caplog.at_level(logging.WARNING):
        assert cache.read(KEY) is None
    assert cache.damaged == [KEY]
    assert KEY in caplog.text
    assert not cache.path(KEY).exists(), "the next run computes it again"
    cache.write(KEY, footprint)
    assert _same(cache.read(KEY) or Footprint(Window(0, 0, 0, 0), footprint.level_dbm), footprint)


def test_a_sound_file_under_another_keys_name_is_noticed(
    cache: FootprintCache, footprint: Footprint, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write(KEY, footprint)
    cache.write(OTHER_KEY, replace(footprint, level_dbm=footprint.level_dbm + np.float32(3)))
    a, b = cache.path(KEY), cache.path(OTHER_KEY)
    shutil.copy(a, a.with_suffix(".x"))
    shutil.copy(b, a)
    shutil.copy(a.with_suffix(".x"), b)
    with caplog.at_level(logging.WARNING):
        assert not cache.has(KEY)
        assert cache.read(OTHER_KEY) is None
    assert cache.damaged == [KEY, OTHER_KEY]
    assert "another key" in caplog.text


@pytest.mark.parametrize("harm", [_cut, _empty, _append])
def test_a_wrong_length_is_seen_without_reading_the_content(
    cache: FootprintCache, footprint: Footprint, harm: object
) -> None:
    cache.write(KEY, footprint)
    harm(cache.path(KEY))  # type: ignore[operator]
    assert not cache.has(KEY)


def test_bands_cannot_change_places(cache: FootprintCache) -> None:
    flat = Footprint(Window(0, 0, 2 * BAND_ROWS, 40), np.full((2 * BAND_ROWS, 40), -80.0, dtype=np.float32))
    flat.level_dbm[BAND_ROWS:] = -90.0
    cache.write(KEY, flat)
    data = cache.path(KEY).read_bytes()
    first = 8 + 32 + 32 + 32 + 2 * 40
    half = (len(data) - first) // 2
    assert (len(data) - first) % 2 == 0, "two bands of equal length for this test"
    cache.path(KEY).write_bytes(data[:first] + data[first + half :] + data[first : first + half])
    assert cache.read(KEY) is None


def test_everything_that_shapes_a_footprint_changes_its_key(cell: Cell) -> None:
    terrain, radio = _terrain(), RadioConfig()
    sea = terrain.sea.copy()
    sea[0, 0] = True
    higher = terrain.height_m.copy()
    higher[5, 4] += 1
    hole = terrain.height_m.copy()
    hole[5, 4] = np.nan
    terrains = [
        terrain,
        replace(terrain, sea=sea),
        replace(terrain, height_m=higher),
        replace(terrain, height_m=hole),
        replace(terrain, clutter_m=np.zeros((6, 5), dtype=np.float32)),
        replace(terrain, surface_model=True),
        replace(terrain, grid=replace(terrain.grid, x0_m=50.0)),
    ]
    radios = [radio, *(radio.model_copy(update=change) for change in (
        {"time_percent": 10.0}, {"location_percent": 90.0}, {"polarisation": "horizontal"}, {"delta_n": 40.0},
        {"n0": 320.0}, {"receiver_height_m": 2.0}, {"receiver_clutter_m": 5.0}, {"max_range_m": 10_000.0},
        {"offset_db": 1.0}, {"model": "free-space"},
    ))]  # fmt: skip
    cells = [cell, *(replace(cell, **change) for change in (
        {"x_m": 12_341.0}, {"y_m": -150_001.0}, {"antenna_height_m": 21.0}, {"frequency_mhz": 2100.0},
        {"eirp_dbm": 58.0}, {"rsrp_reduction_db": 30.8}, {"azimuth_deg": 0.0},
        {"azimuth_deg": 0.0, "electrical_tilt_deg": 4.0}, {"azimuth_deg": 0.0, "mechanical_tilt_deg": 4.0},
    ))]  # fmt: skip
    keys = {footprint_key(c, terrain=terrain_digest(terrain), model=model_digest(radio)) for c in cells}
    keys |= {footprint_key(cell, terrain=terrain_digest(t), model=model_digest(radio)) for t in terrains}
    keys |= {footprint_key(cell, terrain=terrain_digest(terrain), model=model_digest(r)) for r in radios}
    assert len(keys) == len(terrains) + len(radios) + len(cells) - 2


def test_what_does_not_shape_a_footprint_leaves_its_key(cell: Cell) -> None:
    terrain = _terrain()
    assert replace(cell, operator="kddi", site_id="24-0002").digest() == cell.digest()
    assert model_digest(RadioConfig(model_error_db=6.0)) == model_digest(RadioConfig())
    other_nan = terrain.height_m.copy()
    other_nan.view(np.uint32)[2, 2] ^= 0x80000001
    assert np.isnan(other_nan[2, 2])
    assert terrain_digest(replace(terrain, height_m=other_nan)) == terrain_digest(terrain)
    assert terrain_digest(replace(terrain, source="another name")) == terrain_digest(terrain)


def test_the_oldest_footprints_go_first_and_those_in_use_stay(
    cache: FootprintCache, footprint: Footprint
) -> None:
    keys = [f"{i:02x}" * 32 for i in range(4)]
    for age, key in enumerate(keys):
        cache.write(key, footprint)
        os.utime(cache.path(key), ns=(10**18 + age, 10**18 + age))
    left_over = cache.path(keys[1]).with_name(".interrupted.part")
    left_over.write_bytes(b"half")
    one = cache.size_bytes() // 4
    assert cache.trim(keep={keys[0]}, limit_bytes=4 * one) == 1, "what a kill left goes in any case"
    assert not left_over.exists()
    assert cache.trim(keep={keys[0]}, limit_bytes=2 * one) == 2
    assert [cache.has(key) for key in keys] == [True, False, False, True]
    assert cache.trim(keep=set(keys), limit_bytes=0) == 0


def test_the_source_of_the_radio_package_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = model_digest(RadioConfig())
    monkeypatch.setattr("coverage.runs.cache._radio_source", lambda: "another formula")
    assert model_digest(RadioConfig()) != before


def test_a_folder_that_cannot_be_written_is_a_plain_message(tmp_path: Path, footprint: Footprint) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError) as caught:
        FootprintCache(tmp_path / "file").write(KEY, footprint)
    assert caught.value.code == "cache-not-writable"


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits of POSIX")
def test_the_server_can_read_what_the_command_line_wrote(cache: FootprintCache, footprint: Footprint) -> None:
    cache.write(KEY, footprint)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(cache.path(KEY).stat().st_mode) == 0o666 & ~umask
