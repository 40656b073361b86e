from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box, shape

from coverage.runs.geojson import collection, feature, write_geojson


def _ring_is_counter_clockwise(ring) -> bool:
    return sum((x1 - x0) * (y1 + y0) for (x0, y0), (x1, y1) in itertools.pairwise(ring)) < 0


def test_exterior_rings_run_counter_clockwise_and_holes_clockwise():
    clockwise = Polygon([(0, 0), (0, 2), (2, 2), (2, 0)], holes=[[(0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)]])
    written = feature(clockwise, {}, "a")["geometry"]["coordinates"]
    assert _ring_is_counter_clockwise(written[0])
    assert not _ring_is_counter_clockwise(written[1])


def test_coordinates_have_six_decimals_at_most():
    written = feature(Point(136.123456789, 33.987654321), {}, "p")["geometry"]["coordinates"]
    assert list(written) == [136.123457, 33.987654]


def test_nan_among_the_figures_becomes_null_because_nan_is_not_json():
    written = feature(None, {"people": math.nan, "share": math.inf, "ok": 1.5}, "x")
    assert written["properties"] == {"people": None, "share": None, "ok": 1.5}
    assert written["geometry"] is None


def test_speck_smaller_than_the_rounding_keeps_its_place():
    speck = box(136.0, 33.0, 136.0 + 1e-8, 33.0 + 1e-8)
    written = feature(speck, {}, "s")["geometry"]
    assert written["type"] == "Point"


def test_file_is_strict_json_without_bom_and_without_crs(tmp_path):
    document = collection(
        [feature(box(0, 0, 1, 1), {"name": "見本市"}, "1"), feature(box(1, 0, 2, 1), {"name": "例町"}, "2")],
        {"name": "見本県", "fiscal_year": 2016},
    )
    path = tmp_path / "a" / "m.geojson"
    write_geojson(path, document)
    raw = path.read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    loaded = json.loads(raw, parse_constant=lambda token: pytest.fail(f"{token} is not JSON"))
    assert loaded["type"] == "FeatureCollection"
    assert "crs" not in loaded
    assert [f["properties"]["name"] for f in loaded["features"]] == ["見本市", "例町"]


@given(
    st.lists(
        st.tuples(st.floats(136, 137), st.floats(33, 34), st.floats(0.001, 0.2), st.floats(0.001, 0.2)),
        min_size=1,
        max_size=5,
    )
)
def test_written_polygons_stay_valid_and_near_what_they_were(boxes):
    from shapely.ops import unary_union

    whole = unary_union([box(x, y, x + w, y + h) for x, y, w, h in boxes])
    back = shape(feature(whole, {}, "w")["geometry"])
    assert back.is_valid
    assert back.symmetric_difference(whole).area < 1e-5
    polygons = back.geoms if isinstance(back, MultiPolygon) else [back]
    assert all(_ring_is_counter_clockwise(list(p.exterior.coords)) for p in polygons)
