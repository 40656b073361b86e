"""推計: exact sums, people where towns are, nobody across a border."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from coverage.domain import mesh
from coverage.domain.places import Municipality, Settlement
from coverage.errors import InputError, RegionError
from coverage.readers.boundaries import read_boundaries
from coverage.readers.census import Census, CensusArea, DenseDistrict, read_census, read_dense_districts
from coverage.readers.estimation import KERNEL_RADIUS_M, Estimate, estimate
from coverage.readers.places import read_settlements
from coverage.readers.population import read_population

# A merged town: 旧山村 in the west, 旧見本町 (the core, whose name no town carries) in the east.
LAND = shapely.box(136.40, 33.50, 136.60, 33.56)
TOWN = Municipality("99301", "見本町", "見本郡", LAND)
NEXT = Municipality("99302", "隣町", "見本郡", shapely.box(136.60, 33.50, 136.66, 33.56))
WEST = [
    Settlement("99301", f"山町{name}", 33.51 + 0.01 * i, 136.42 + 0.015 * i)
    for i, name in enumerate("上中下奥")
]
EAST = [
    Settlement("99301", name, 33.515 + 0.01 * i, 136.52 + 0.015 * i)
    for i, name in enumerate(["港町", "元町", "浜", "山町屋敷"[2:]])
]
BESIDE = [Settlement("99302", "隣", 33.53, 136.603)]
TOWNS = [*WEST, *EAST, *BESIDE]
CENSUS = Census(
    2015,
    (
        CensusArea("99301", "見本町", 1000, 420, 60.0),
        CensusArea("99301", "山村", 137, 61, 60.0),
        CensusArea("99302", "", 253, 101, 37.0),
    ),
    {"99301": 400},
)
DID = [DenseDistrict("99301", 500, shapely.box(136.55, 33.53, 136.565, 33.545))]


def places_of(made: Estimate, former: str) -> tuple[Any, Any]:
    """(lon, lat) of the cells where a former municipality's residents were put."""
    placed = next(p for p in made.areas if p.area.former == former)
    lat, lon = mesh.centre(placed.mesh_code)
    return lon, lat


@pytest.mark.parametrize("digits", [9, 10])
def test_every_person_and_household_of_every_area_is_placed_once(digits: int) -> None:
    made = estimate(CENSUS, TOWNS, DID, [TOWN, NEXT], digits=digits)
    for placed in made.areas:
        assert placed.population.sum() == placed.area.population
        assert placed.households is not None
        assert placed.households.sum() == placed.area.households
        assert (placed.population > 0).all()
        assert (placed.households <= placed.population).all()
    people = made.mesh.population
    assert people.sum() == CENSUS.total == 1390
    assert (people == np.floor(people)).all()
    for code, total in (("99301", 1137), ("99302", 253)):
        assert people[made.mesh.municipality_code == code].sum() == total
    assert (made.mesh.estimated, made.mesh.census_year) == (True, 2015)
    assert set(mesh.level_of(made.mesh.mesh_code)) == {digits}
    assert made.notes[0][0].startswith("推計")


def test_a_former_village_lives_around_the_towns_that_carry_its_name() -> None:
    made = estimate(CENSUS, TOWNS, DID, [TOWN, NEXT])
    lon, lat = places_of(made, "山村")
    for x, y in zip(lon, lat, strict=True):
        nearest = min(np.hypot((x - t.lon) * 92_600, (y - t.lat) * 110_950) for t in WEST)
        assert nearest <= KERNEL_RADIUS_M
    assert (places_of(made, "見本町")[0] > 136.50).all()


def test_a_name_that_holds_too_little_land_is_not_believed() -> None:
    # 旧大市 had 100 km² and one housing estate is still called 大…: its people are not squeezed into it.
    census = Census(
        2015,
        (CensusArea("99301", "大市", 900, None, 100.0), CensusArea("99301", "小町", 300, None, 20.0)),
        {},
    )
    towns = [
        Settlement("99301", "大ヶ丘", 33.53, 136.44),
        *EAST,
        Settlement("99301", "小町一丁目", 33.53, 136.42),
    ]
    made = estimate(census, towns, [], [TOWN])
    big = next(p for p in made.areas if p.area.former == "大市")
    assert big.towns > 1
    assert big.population.sum() == 900


def test_areas_that_no_town_is_named_after_share_the_rest_exactly() -> None:
    census = Census(
        2015,
        (
            CensusArea("99301", "甲町", 501),
            CensusArea("99301", "乙町", 300),
            CensusArea("99301", "山村", 100),
        ),
        {},
    )
    made = estimate(census, TOWNS[:-1], [], [TOWN])
    by_name = {p.area.former: p for p in made.areas}
    assert by_name["甲町"].pooled_with == ("乙町",)
    assert by_name["甲町"].towns == by_name["乙町"].towns == len(EAST)
    assert by_name["山村"].pooled_with == ()
    assert [int(by_name[n].population.sum()) for n in ("甲町", "乙町", "山村")] == [501, 300, 100]


@pytest.mark.parametrize(
    ("former", "town", "fits"),
    [
        ("美杉村", "美杉町八知", True),
        ("久居市", "久居新町", True),
        ("島ケ原村", "島ヶ原", True),  # two spellings of one place
        ("関町", "関町木崎", True),
        ("関町", "関ケ丘", False),  # a single character must be followed by 市・町・村・区
        ("津市", "津興", False),
        ("紀伊長島町", "紀伊長島区東長島", True),
        ("美里村", "美杉町八知", False),
    ],
)
def test_names_of_towns_and_former_municipalities(former: str, town: str, fits: bool) -> None:
    towns = [Settlement("99301", town, 33.53, 136.45), Settlement("99301", "そのほか", 33.53, 136.55)]
    census = Census(
        2015,
        (CensusArea("99301", former, 50, None, 60.0), CensusArea("99301", "無関係市", 50, None, 60.0)),
        {},
    )
    placed = next(p for p in estimate(census, towns, [], [TOWN]).areas if p.area.former == former)
    assert placed.towns == (1 if fits else 2)


def test_of_two_names_that_fit_the_longer_wins() -> None:
    towns = [Settlement("99301", "長島町", 33.53, 136.45), Settlement("99301", "長島浦町", 33.53, 136.55)]
    census = Census(2015, (CensusArea("99301", "長島町", 70), CensusArea("99301", "長島浦村", 30)), {})
    made = estimate(census, towns, [], [TOWN])
    assert [p.towns for p in made.areas] == [1, 1]
    assert (places_of(made, "長島浦村")[0] > 136.5).all()


def test_densely_inhabited_people_stay_inside_their_polygon_in_the_number_of_the_census() -> None:
    made = estimate(CENSUS, TOWNS, DID, [TOWN, NEXT])
    lat, lon = mesh.centre(made.mesh.mesh_code)
    inside = shapely.contains_xy(DID[0].geometry, lon, lat)
    # the polygon's own 500 are of another year; the census says 400
    assert made.mesh.population[inside].sum() == 400
    without = estimate(CENSUS, TOWNS, [], [TOWN, NEXT])
    lat, lon = mesh.centre(without.mesh.mesh_code)
    assert without.mesh.population[shapely.contains_xy(DID[0].geometry, lon, lat)].sum() < 400


def test_more_dense_residents_than_people_never_makes_anyone_up() -> None:
    crowded = [DenseDistrict("99302", 10_000, shapely.box(136.61, 33.51, 136.65, 33.55))]
    made = estimate(CENSUS, TOWNS, crowded, [TOWN, NEXT])
    assert made.mesh.population[made.mesh.municipality_code == "99302"].sum() == 253


def test_people_stay_inside_their_municipality() -> None:
    made = estimate(CENSUS, TOWNS, DID, [TOWN, NEXT])
    lat, lon = mesh.centre(made.mesh.mesh_code)
    for town in (TOWN, NEXT):
        own = made.mesh.municipality_code == town.code
        assert shapely.contains_xy(town.geometry, lon[own], lat[own]).all()
    # 隣 stands 300 m from the border, so a plain kernel would have crossed it
    assert (lon[made.mesh.municipality_code == "99302"] > 136.60).all()


def test_a_town_point_on_an_islet_smaller_than_a_cell_keeps_its_people() -> None:
    islet = Municipality(
        "99301",
        "島村",
        "",
        shapely.union_all(
            [shapely.box(136.40, 33.50, 136.42, 33.52), shapely.box(136.4501, 33.5501, 136.4503, 33.5503)]
        ),
    )
    towns = [Settlement("99301", "本村", 33.51, 136.41), Settlement("99301", "離島", 33.5502, 136.4502)]
    made = estimate(Census(2015, (CensusArea("99301", "", 100),), {}), towns, [], [islet])
    cell = mesh.encode_point(33.5502, 136.4502, 10)
    assert made.mesh.population[made.mesh.mesh_code == cell].sum() == 50
    assert np.isnan(made.mesh.households).all()


def test_a_municipality_without_town_points_keeps_its_people() -> None:
    made = estimate(Census(2015, (CensusArea("99302", "", 253),), {}), [], [], [NEXT])
    assert made.mesh.total == 253


def test_a_municipality_smaller_than_a_cell_keeps_its_people() -> None:
    tiny = Municipality("99303", "小島村", "", shapely.box(136.4001, 33.5001, 136.4002, 33.5002))
    made = estimate(Census(2015, (CensusArea("99303", "", 7, 3),), {}), [], [], [tiny])
    assert (made.mesh.total, made.mesh.households.sum()) == (7, 3)


def test_nobody_lives_in_an_area_of_nobody() -> None:
    census = Census(2020, (CensusArea("99302", "", 0, 0),), {})
    assert len(estimate(census, BESIDE, [], [NEXT]).mesh) == 0


def test_the_mesh_does_not_depend_on_the_order_of_its_inputs() -> None:
    once = estimate(CENSUS, TOWNS, DID, [TOWN, NEXT]).mesh
    turned = estimate(CENSUS, TOWNS[::-1], DID, [NEXT, TOWN]).mesh
    for name in ("mesh_code", "municipality_code", "population", "households"):
        assert np.array_equal(getattr(once, name), getattr(turned, name)), name


def test_other_levels_and_other_years_are_refused() -> None:
    with pytest.raises(RegionError) as caught:
        estimate(CENSUS, TOWNS, DID, [TOWN, NEXT], digits=8)
    assert caught.value.code == "estimate-digits"
    with pytest.raises(RegionError) as caught:
        estimate(CENSUS, TOWNS, DID, [TOWN])
    assert caught.value.code == "estimate-census"
    assert "99302" in caught.value.ja


# --- the census table ------------------------------------------------------------------------------------------------

HEADER = "code,id_code,name,pop_2015,pop_2010_on_2015_boundary,households_2015,area_km2\n"
ROWS = (
    "99000,a,見本県,1390,1500,582,157\n"
    "99300,c,見本郡,1390,1500,582,157\n"
    "99301,3,見本町,1137,1200,481,120\n"
    "99301,9,(旧 301 見本町),1000,1050,420,60\n"
    "99301,9,（旧 302 山村）,137,150,61,60\n"
    "99302,3,隣町,253,300,101,37\n"
    "99000,d,見本県　人口集中地区,400,0,0,1\n"
    "99301,d,見本町　人口集中地区,400,0,0,1\n"
)


def test_the_census_table_is_read_at_its_finest_level_and_each_person_once(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes((HEADER + ROWS).encode("cp932"))
    census = read_census(tmp_path / "c.csv", codes={"99301", "99302"})
    assert census == CENSUS
    assert census.total == 1390


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("137,150", "138,150", "census-areas-sum"),
        ("253,300", "x,300", "census-value"),
        ("253,300", "2_5,300", "census-value"),
        ("99302,3,隣町,253,300,101,37\n", "", "census-code-missing"),
        ("99302,3,隣町,253,300,101,37\n", "99302,3,隣町,253,300,101,37\n" * 2, "census-value"),
        ("99302,3,隣町", "99309,3,隣町", "census-code-unknown"),
        ("pop_2015", "people", "census-columns"),
        ("id_code", "level", "column-missing"),
    ],
)
def test_a_census_table_that_does_not_add_up_is_refused(
    tmp_path: Path, old: str, new: str, code: str
) -> None:
    assert old in HEADER + ROWS
    (tmp_path / "c.csv").write_bytes((HEADER + ROWS).replace(old, new).encode("cp932"))
    with pytest.raises(InputError) as caught:
        read_census(tmp_path / "c.csv", codes={"99301", "99302"})
    assert caught.value.code == code
    assert "c.csv" in caught.value.ja


def did_feature(**properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": shapely.geometry.mapping(DID[0].geometry),
    }


def test_dense_districts_of_e_stat_and_of_ksj(tmp_path: Path, write_geojson: Any) -> None:
    estat = write_geojson(tmp_path / "e.geojson", [did_feature(KEN="99", CITY="301", JINKO=500)])
    ksj = write_geojson(tmp_path / "k.geojson", [did_feature(A16_002="99301", A16_005=500.0)])
    named = write_geojson(tmp_path / "n.geojson", [did_feature(JCODE=99301, POP="500")])
    assert read_dense_districts(estat) == tuple(DID)
    assert read_dense_districts(ksj) == tuple(DID)
    assert read_dense_districts(named, code_field="JCODE", population_field="POP") == tuple(DID)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (did_feature(KEN="99", CITY="301"), "column-missing"),
        (did_feature(KEN="99", CITY="301", JINKO="many"), "did-value"),
        (did_feature(KEN="99", CITY="301", JINKO=-1), "did-value"),
        (did_feature(KEN="x", CITY="301", JINKO=1), "did-value"),
        (
            {"type": "Feature", "properties": {"KEN": "99", "CITY": "301", "JINKO": 1}, "geometry": None},
            "did-value",
        ),
    ],
)
def test_broken_dense_districts_are_refused(tmp_path: Path, write_geojson: Any, item: Any, code: str) -> None:
    path = write_geojson(tmp_path / "e.geojson", [item])
    with pytest.raises(InputError) as caught:
        read_dense_districts(path)
    assert caught.value.code == code


def test_the_estimate_as_a_layer(tmp_path: Path, make_layer: Any, write_geojson: Any) -> None:
    (tmp_path / "c.csv").write_bytes((HEADER + ROWS).encode("cp932"))
    write_geojson(tmp_path / "d.geojson", [did_feature(KEN="99", CITY="301", JINKO=500)])
    layer = make_layer("estimate", ["c.csv", "d.geojson"], digits=9)
    reading = read_population(layer, tmp_path, municipalities=[TOWN, NEXT], settlements=TOWNS)
    assert reading.mesh.total == 1390
    assert reading.mesh.estimated
    assert [p.name for p in reading.files] == ["c.csv", "d.geojson"]
    alone = read_population(
        make_layer("estimate", "c.csv"), tmp_path, municipalities=[TOWN, NEXT], settlements=TOWNS
    )
    assert alone.mesh.total == 1390
    bad: Sequence[tuple[Any, Any, str]] = (
        (make_layer("estimate", ["c.csv", "c.csv"]), TOWNS, "estimate-files"),
        (make_layer("estimate", "d.geojson"), TOWNS, "estimate-files"),
        (make_layer("estimate", "c.csv"), [], "estimate-needs-towns"),
        (make_layer("estimate", "c.csv", digits=8), TOWNS, "layer-option-wrong"),
    )
    for layer, towns, code in bad:
        with pytest.raises(RegionError) as caught:
            read_population(layer, tmp_path, municipalities=[TOWN, NEXT], settlements=towns)
        assert caught.value.code == code


@pytest.mark.shared
@pytest.mark.parametrize("digits", [9, 10])
def test_mie_is_exact_for_all_69_areas_and_29_municipalities(
    shared_dir: Path, make_layer: Any, digits: int
) -> None:
    root = shared_dir / "data"
    boundaries = read_boundaries(make_layer("n03", "boundaries/N03-21_24_210101.geojson"), root)
    towns = read_settlements(make_layer("csv", "settlements/mie_towns.csv"), root).settlements
    census = read_census(
        root / "population" / "census2015_mie_all_levels.csv",
        codes={m.code for m in boundaries.municipalities},
    )
    did = read_dense_districts(root / "population" / "did2010_24_mie.geojson")
    assert (len(census.areas), census.total) == (69, 1_815_865)
    made = estimate(census, towns, did, boundaries.municipalities, digits=digits)
    assert made.mesh.total == 1_815_865
    assert made.mesh.households.sum() == 720_292
    for placed in made.areas:
        assert placed.population.sum() == placed.area.population, placed.area
        assert placed.households is not None
        assert placed.households.sum() == placed.area.households, placed.area
    own: dict[str, int] = {}
    for area in census.areas:
        own[area.code] = own.get(area.code, 0) + area.population
    for code, total in own.items():
        assert made.mesh.population[made.mesh.municipality_code == code].sum() == total, code
    # 旧美杉村 lives in the mountains of 美杉町, 旧津市 does not
    misugi = next(p for p in made.areas if p.area.former == "美杉村")
    lat, lon = mesh.centre(misugi.mesh_code)
    assert (lon < 136.36).all()
    assert (lat < 34.65).all()
    # 2010's polygons hold what the census of 2015 counted in densely inhabited districts, but for the cells where the
    # simplified outline of a municipality leaves its own polygons
    lat, lon = mesh.centre(made.mesh.mesh_code)
    dense = shapely.contains_xy(shapely.union_all([d.geometry for d in did]), lon, lat)
    assert made.mesh.population[dense].sum() == pytest.approx(sum(census.did_population.values()), rel=0.002)


def test_when_every_area_is_found_a_nameless_town_joins_its_nearest() -> None:
    towns = [
        Settlement("99301", "山町上", 33.53, 136.42),
        Settlement("99301", "浜町", 33.53, 136.58),
        Settlement("99301", "新田", 33.53, 136.57),
    ]
    census = Census(2015, (CensusArea("99301", "山村", 100), CensusArea("99301", "浜町", 200)), {})
    made = estimate(census, towns, [], [TOWN])
    assert {p.area.former: p.towns for p in made.areas} == {"山村": 1, "浜町": 2}


def test_when_every_town_is_named_after_others_a_nameless_area_shares_them_all() -> None:
    towns = [Settlement("99301", "山町上", 33.53, 136.42), Settlement("99301", "山町下", 33.53, 136.58)]
    census = Census(2015, (CensusArea("99301", "山村", 100), CensusArea("99301", "浜町", 200)), {})
    made = estimate(census, towns, [], [TOWN])
    assert {p.area.former: (p.towns, int(p.population.sum())) for p in made.areas} == {
        "山村": (2, 100),
        "浜町": (2, 200),
    }


def test_a_dense_district_smaller_than_a_cell_takes_the_cells_that_it_touches() -> None:
    small = DenseDistrict("99302", 200, shapely.box(136.6401, 33.5401, 136.6403, 33.5403))
    made = estimate(Census(2015, (CensusArea("99302", "", 253),), {}), BESIDE, [small], [NEXT])
    boxes = shapely.box(*mesh.bounds_array(made.mesh.mesh_code).T)
    assert made.mesh.population[shapely.intersects(small.geometry, boxes)].sum() == 200


def test_a_place_that_is_dense_throughout_has_no_sparse_people() -> None:
    all_dense = DenseDistrict("99302", 100, NEXT.geometry)
    made = estimate(Census(2015, (CensusArea("99302", "", 253),), {}), BESIDE, [all_dense], [NEXT])
    assert made.mesh.total == 253
    assert made.mesh.population.max() - made.mesh.population.min() <= 1  # even over the polygon
