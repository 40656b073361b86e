"""JIS X 0410 codes: known cells, edges, round trips, and text as files carry it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.domain import mesh
from coverage.errors import InputError

Cell = tuple[int, Fraction, Fraction, Fraction, Fraction]
LEVELS = st.sampled_from(mesh.DIGITS)
TSU = (34.7303, 136.5086)  # the prefectural office in Tsu


def rows_and_cols(digits: int) -> tuple[int, int]:
    """Number of cells of a level between 0 N and 66 deg 40' N, and between 100 E and 180 E."""
    per_first = {4: 1, 6: 8, 8: 80, 9: 160, 10: 320, 11: 640}[digits]
    return 100 * per_first, 80 * per_first


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """(digits, exact south, exact west, exact height, exact width) of any cell of the code's range."""
    digits = draw(LEVELS)
    rows, cols = rows_and_cols(digits)
    height, width = Fraction(200, 3) / rows, Fraction(80) / cols
    row, col = draw(st.integers(0, rows - 1)), draw(st.integers(0, cols - 1))
    return digits, row * height, 100 + col * width, height, width


@pytest.mark.parametrize(
    ("lat", "lon", "digits", "code"),
    [
        # The Statistics Bureau in Shinjuku, Tokyo.
        (35.7007800, 139.7147500, 4, 5339),
        (35.7007800, 139.7147500, 6, 533945),
        (35.7007800, 139.7147500, 8, 53394547),
        (35.7007800, 139.7147500, 9, 533945471),
        (35.7007800, 139.7147500, 10, 5339454711),
        (35.7007800, 139.7147500, 11, 53394547112),
        (*TSU, 8, 52360470),
        (34.0, 136.0, 8, 51360000),
    ],
)
def test_known_positions_have_their_published_codes(lat: float, lon: float, digits: int, code: int) -> None:
    assert mesh.encode_point(lat, lon, digits) == code


def test_quadrants_run_south_west_south_east_north_west_north_east() -> None:
    south, west, height, width = 34.0, 136.0, 1 / 120, 1 / 80
    up, right = np.array([0.25, 0.25, 0.75, 0.75]), np.array([0.25, 0.75, 0.25, 0.75])
    got = mesh.encode(south + height * up, west + width * right, 9)
    assert got.tolist() == [513600001, 513600002, 513600003, 513600004]


@given(cells())
def test_south_west_corner_belongs_to_its_own_cell(cell: Cell) -> None:
    digits, south, west, _, _ = cell
    code = mesh.encode_point(float(south), float(west), digits)
    lat, lon = mesh.south_west(code, digits=digits)
    assert (float(lat), float(lon)) == (float(south), float(west))


@given(cells())
def test_edges_go_north_and_east_and_the_rest_stays(cell: Cell) -> None:
    digits, south, west, height, width = cell
    code = mesh.encode_point(float(south), float(west), digits)
    last = Fraction(1, 10**6)
    north_east = float(south + height * (1 - last)), float(west + width * (1 - last))
    assert mesh.encode_point(*north_east, digits) == code
    if south > 0:
        below = mesh.encode_point(float(south - height * last), float(west), digits)
        assert below != code
        assert mesh.bounds(below, digits=digits).north == mesh.bounds(code, digits=digits).south


@given(cells(), st.floats(0, 0.999), st.floats(0, 0.999))
def test_any_point_lies_within_the_bounds_of_its_cell(cell: Cell, up: float, right: float) -> None:
    digits, south, west, height, width = cell
    lat, lon = float(south) + up * float(height), float(west) + right * float(width)
    code = mesh.encode_point(lat, lon, digits)
    box = mesh.bounds(code, digits=digits)
    assert box.south - 1e-11 <= lat < box.north
    assert box.west - 1e-11 <= lon < box.east
    mid_lat, mid_lon = mesh.centre(code, digits=digits)
    assert mesh.encode_point(float(mid_lat), float(mid_lon), digits) == code


def test_an_edge_summed_up_in_floating_point_is_still_an_edge() -> None:
    # 34 deg 40' + 5' + 30" the way people add it; the sum misses the edge by some 1e-14 degrees.
    steps = np.arange(0, 640)
    summed = np.cumsum(np.full(640, 1 / 960)) - 1 / 960 + 34.0
    codes = mesh.encode(summed, np.full(640, 136.0), 11)
    assert np.array_equal(codes, mesh.encode((34 * 960 + steps) / 960, np.full(640, 136.0), 11))
    assert len(np.unique(codes)) == 640


@given(cells(), LEVELS)
def test_a_child_knows_its_parent(cell: Cell, coarse: int) -> None:
    digits, south, west, _, _ = cell
    code = mesh.encode_point(float(south), float(west), digits)
    if coarse > digits:
        with pytest.raises(InputError) as caught:
            mesh.parent(code, coarse, code_digits=digits)
        assert caught.value.code == "mesh-level-wrong"
        return
    up = int(mesh.parent(code, coarse, code_digits=digits))
    assert up == mesh.encode_point(float(south), float(west), coarse)
    assert mesh.format_code(code, digits)[: coarse if coarse <= 8 else None].startswith(
        mesh.format_code(up, coarse)[: min(coarse, 8)]
    )


@pytest.mark.parametrize(
    ("code", "count"), [(5136, 64), (513642, 100), (51364255, 4), (513642551, 4), (5136425514, 4)]
)
def test_children_tile_their_cell_without_gap_or_overlap(code: int, count: int) -> None:
    inside = mesh.children(code)
    assert len(set(inside.tolist())) == count
    boxes, outer = mesh.bounds_array(inside), mesh.bounds(code)
    assert boxes.min(axis=0)[:2].tolist() == [outer.west, outer.south]
    assert boxes.max(axis=0)[2:].tolist() == [outer.east, outer.north]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert areas.sum() == pytest.approx((outer.east - outer.west) * (outer.north - outer.south), rel=1e-9)


def test_children_skip_levels_and_keep_the_shape_of_the_input() -> None:
    assert mesh.children(np.array([[51364255], [51364256]]), 10).shape == (2, 1, 16)
    assert mesh.children(51364255, 9).tolist() == [513642551, 513642552, 513642553, 513642554]


@pytest.mark.parametrize(
    ("codes", "digits"), [([5136, 513642], None), ([51364255], 8), ([51364255111], None), ([5136], 7)]
)
def test_children_of_mixed_or_finest_levels_are_refused(codes: list[int], digits: int | None) -> None:
    with pytest.raises(InputError) as caught:
        mesh.children(codes, digits)
    assert caught.value.code == "mesh-level-wrong"


def test_neighbours_cross_the_border_of_first_level_cells() -> None:
    got = mesh.neighbours(51360000)
    assert sorted(got.tolist()) == sorted(
        [50357799, 50367090, 50367091, 51350709, 51350719, 51360001, 51360010, 51360011]
    )
    assert len(mesh.neighbours(51364255, ring=2)) == 24


def test_neighbours_at_the_corner_of_the_range_are_fewer() -> None:
    assert mesh.neighbours(0, digits=4).tolist() == [1, 100, 101]
    with pytest.raises(InputError):
        mesh.neighbours(5136, ring=0)


def test_vectorised_and_scalar_agree_on_a_prefecture_of_points() -> None:
    random = np.random.default_rng(20160401)
    lat, lon = random.uniform(33.4, 35.3, 500), random.uniform(135.8, 137.0, 500)
    for digits in mesh.DIGITS:
        whole = mesh.encode(lat, lon, digits)
        assert whole.dtype == np.int64
        assert whole.tolist() == [mesh.encode_point(a, b, digits) for a, b in zip(lat, lon, strict=True)]
        assert (mesh.level_of(whole) == digits).all()
        assert mesh.is_valid(whole, digits=digits).all()


def test_cell_sizes_are_those_of_the_standard() -> None:
    assert mesh.cell_size_deg(4) == (40 / 60, 1.0)
    assert mesh.cell_size_deg(6) == (5 / 60, 7.5 / 60)
    assert mesh.cell_size_deg(8) == (30 / 3600, 45 / 3600)
    assert mesh.cell_size_deg(11) == (3.75 / 3600, 5.625 / 3600)
    with pytest.raises(InputError) as caught:
        mesh.cell_size_deg(7)
    assert caught.value.code == "mesh-level-unknown"


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (-0.001, 136),
        (66.67, 136),
        (34, 99.99),
        (34, 180.0),
        (136.5, 34.7),
        (float("nan"), 136),
        (34, float("inf")),
    ],
)
def test_points_outside_the_range_of_the_code_are_refused(lat: float, lon: float) -> None:
    with pytest.raises(InputError) as caught:
        mesh.encode([34.0, lat], [136.0, lon], 8)
    assert caught.value.code == "mesh-position-out-of-range"
    assert "2" in caught.value.en


@pytest.mark.parametrize(
    "code",
    [
        0,
        51,
        51361,
        5180,
        513682,
        513628,
        5136425,
        513642550,
        513642555,
        5136425515,
        51364255110,
        513642551111,
        -5136,
    ],
)
def test_codes_that_the_standard_does_not_have_are_refused(code: int) -> None:
    assert not mesh.is_valid(code)
    with pytest.raises(InputError) as caught:
        mesh.south_west([5136, code])
    assert caught.value.code == "mesh-code-invalid"


def test_codes_near_the_equator_need_their_level_told() -> None:
    code = mesh.encode_point(1.0, 136.5, 8)
    assert mesh.format_code(code, 8) == "01364400"
    assert not mesh.is_valid(code)
    assert mesh.is_valid(code, digits=8)
    lat, lon = mesh.south_west(code, digits=8)
    assert (float(lat), float(lon)) == (1.0, 136.5)


@pytest.mark.parametrize(
    "text",
    [
        "51360000",
        " 51360000 ",
        "51360000.0",
        "51360000.",
        "５１３６００００",
        "5136 0000",
        51360000,
        51360000.0,
        "　51360000\t",
    ],
)
def test_codes_are_read_as_files_carry_them(text: str | int | float) -> None:
    assert mesh.parse_code(text) == 51360000


@pytest.mark.parametrize("text", ["5.136E+07", "5.136e7", "５．１３６Ｅ＋０７", "51360000E0"])
def test_scientific_notation_is_refused_because_digits_are_lost(text: str) -> None:
    with pytest.raises(InputError) as caught:
        mesh.parse_code(text)
    assert caught.value.code == "mesh-code-scientific"


@pytest.mark.parametrize(
    "text",
    ["", "5136-00", "51360000.5", "abc", "513600000", "nan", float("nan"), "5_1360000", "-5136", "5190"],
)
def test_text_that_is_no_code_is_refused(text: str | float) -> None:
    with pytest.raises(InputError) as caught:
        mesh.parse_code(text)
    assert caught.value.code == "mesh-code-invalid"


def test_a_column_of_codes_must_be_of_the_level_it_claims() -> None:
    assert mesh.parse_codes(["513600001", "513600002.0"], digits=9).tolist() == [513600001, 513600002]
    with pytest.raises(InputError) as caught:
        mesh.parse_codes(["513600001", "51360000"], digits=9)
    assert "51360000" in caught.value.ja
    with pytest.raises(InputError):
        mesh.south_west(np.array(["51360000"]))
