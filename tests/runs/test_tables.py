from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from coverage.domain.grid import Grid, Window
from coverage.runs.digest import canonical_json
from coverage.runs.rasters import read_raster, rounded_level, write_cog
from coverage.runs.tables import cell_text, rounded, write_csv


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+81", "-cmd", "@SUM(A1)", "\tx", "\rx", "＝1+1", "＋1", "－1", "＠x"],
)
def test_text_that_excel_would_run_is_neutralised(text):
    if text in {"+81"}:
        assert cell_text(text) == "+81"
    else:
        assert cell_text(text) == "'" + text


@pytest.mark.parametrize(("value", "text"), [(None, ""), (True, "true"), (12, "12"), (0.5, "0.5"), ("津市", "津市"), ("-5", "-5")])
def test_plain_values_stay_plain(value, text):
    assert cell_text(value) == text


def test_people_have_one_decimal_and_whole_numbers_no_point():
    assert rounded("unserved_people_area", 12.3456) == 12.3
    assert rounded("population", 1815865.0) == 1815865
    assert repr(rounded("population", 1815865.0)) == "1815865"
    assert rounded("coverage_area", 1 / 3) == 0.33333
    assert rounded("households", math.nan) is None
    assert rounded("area_km2", np.float64(5772.12345)) == 5772.123


def test_csv_opens_in_excel_as_it_is(tmp_path):
    path = tmp_path / "t.csv"
    write_csv(path, [{"name": "見本市", "people": 1.25}, {"name": '"引用", 改行\n', "people": math.nan}], ["name", "people"])
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\r\n") == 3
    with path.open(encoding="utf-8-sig", newline="") as source:
        assert list(csv.reader(source)) == [["name", "people"], ["見本市", "1.2"], ['"引用", 改行\n', ""]]


def test_raster_comes_back_as_written_and_is_written_alike_twice(tmp_path):
    grid = Grid(6674, 50_000.0, -200_000.0, 50.0, 300, 270)
    rng = np.random.default_rng(5)
    level = rounded_level(rng.uniform(-150, -50, grid.shape))
    level[3, 4] = np.nan
    first, second = tmp_path / "a" / "x.tif", tmp_path / "b" / "x.tif"
    write_cog(first, grid, level)
    write_cog(second, grid, level)
    assert first.read_bytes() == second.read_bytes()
    back = read_raster(first)
    assert np.array_equal(back, level, equal_nan=True)
    part = read_raster(first, Window(2, 3, 5, 7))
    assert np.array_equal(part, level[2:7, 3:10], equal_nan=True)


def test_levels_are_kept_to_a_hundredth_of_a_decibel():
    assert rounded_level(np.array([-100.004, np.nan]))[0] == np.float32(-100.0)


def test_canonical_json_has_one_spelling_and_no_nan():
    assert canonical_json({"b": 1, "a": "県"}) == '{"a":"県","b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": math.nan})
