"""見本県 looks and behaves like a prefecture, and like no real one."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely

from coverage.domain.distinct_sites import distance_m
from coverage.domain.ledger import Inventory, Site
from coverage.domain.municipality_code import check_digit, is_valid, prefecture_code
from coverage.domain.projection import lonlat_to_plane
from coverage.domain.region import RegionData
from coverage.radio.linkbudget import rsrp_reduction_db
from coverage.radio.p1812 import basic_transmission_loss
from coverage.radio.path_geometry import COASTAL_LAND, INLAND, SEA, Profile

BOX = (136.35, 33.42, 136.95, 33.88)


def test_everything_lies_in_the_open_pacific_off_kumano(sample: RegionData) -> None:
    land = shapely.union_all([m.geometry for m in sample.municipalities])
    assert shapely.box(*BOX).contains(land)
    points = [(s.lon, s.lat) for s in (*sample.ledger.sites, *sample.settlements, *sample.shelters)]
    shore = land.buffer(0.0005)
    shapely.prepare(shore)
    assert shapely.contains_xy(shore, np.array(points)).all(), (
        "sites, settlements and shelters stand on the land of the prefecture"
    )


def test_no_real_land_lies_there(shared_dir: Path) -> None:
    real = json.loads(
        (shared_dir / "data" / "boundaries" / "N03-21_210101_japan_s0001.geojson").read_text(encoding="utf-8")
    )
    box = shapely.box(*BOX)
    assert not any(
        shapely.geometry.shape(f["geometry"]).intersects(box) for f in real["features"] if f["geometry"]
    )


def test_names_and_codes_are_no_real_ones(shared_dir: Path, sample: RegionData) -> None:
    real = json.loads(
        (shared_dir / "data" / "boundaries" / "N03-21_210101_japan_s0001.geojson").read_text(encoding="utf-8")
    )
    known = {str(f["properties"][key]) for f in real["features"] for key in ("N03_001", "N03_003", "N03_004")}
    codes = {str(f["properties"]["N03_007"])[:2] for f in real["features"]}
    with (shared_dir / "data" / "settlements" / "mie_towns.csv").open(encoding="utf-8", newline="") as stream:
        towns = {row["town"] for row in csv.DictReader(stream)}
    ours = {m.name for m in sample.municipalities} | {m.county for m in sample.municipalities if m.county}
    assert ours.isdisjoint(known)
    assert {name[:-1] for name in ours}.isdisjoint({name[:-1] for name in known})
    assert sample.config.prefecture_code not in codes
    assert {s.name for s in sample.settlements}.isdisjoint(towns)


def test_codes_have_the_structure_of_jis_x_0402(sample: RegionData) -> None:
    assert 8 <= len(sample.municipalities) <= 12
    for municipality in sample.municipalities:
        assert is_valid(municipality.code)
        assert prefecture_code(municipality.code) == "99"
        assert 0 <= check_digit(municipality.code) <= 9
        number = int(municipality.code[2:])
        if municipality.name.endswith("市"):
            assert 201 <= number < 300
            assert municipality.county == ""
        else:
            assert 301 <= number < 500
            assert municipality.county.endswith("郡")


def test_the_boundary_file_has_a_feature_per_polygon_and_one_without_a_code(sample_dir: Path) -> None:
    layer = json.loads((sample_dir / "shapes" / "N03-16_99_sample.geojson").read_text(encoding="utf-8"))
    codes = Counter(f["properties"]["N03_007"] for f in layer["features"])
    assert codes[None] == 1
    assert max(codes.values()) >= 3
    shapes = [shapely.geometry.shape(f["geometry"]) for f in layer["features"]]
    assert all(shape.is_valid and shape.exterior.is_ccw for shape in shapes)
    # Neighbours share their border to the last digit: nothing overlaps and no sliver lies between.
    assert shapely.coverage_is_valid(shapes)


def test_people_are_about_two_hundred_thousand_and_live_low(sample: RegionData) -> None:
    people = sample.population
    assert 180_000 <= people.total <= 250_000
    assert 0.35 < float(people.households.sum()) / people.total < 0.55
    lat, lon = _cell_centres(sample)
    row, col = _cells(sample, lon, lat)
    height = sample.terrain.height_m[row, col]
    high = float(people.population[height > 200].sum()) / people.total
    assert 0.002 < high < 0.05, "few people live above 200 m, but some do"


def test_the_land_has_mountains_above_1000_m_a_ria_coast_and_islands(sample: RegionData) -> None:
    terrain = sample.terrain
    assert not np.isnan(terrain.height_m).any(), "the terrain covers the region and its margin"
    assert 1000.0 < float(terrain.height_m.max()) < 1500.0
    assert (terrain.height_m[~terrain.sea] > 0).all()
    land = shapely.union_all([m.geometry for m in sample.municipalities])
    km = 111.0
    # A round island of this area would have a shore of 2·√(π·A).
    area, shore = land.area * km * km * math.cos(math.radians(33.6)), land.length * km * 0.92
    assert shore > 3.0 * 2.0 * math.sqrt(math.pi * area)
    assert len(land.geoms) >= 6


def test_three_operators_have_about_150_sites_and_complete_inventories(sample: RegionData) -> None:
    operators = sample.config.operators
    assert [o.name_ja for o in operators.values()] == ["見本モバイルA", "見本モバイルB", "見本モバイルC"]
    assert all(o.inventory is Inventory.COMPLETE for o in operators.values())
    assert 140 <= len(sample.ledger.sites) <= 170
    per_site = Counter(row.site_id for row in sample.ledger.site_operators)
    assert sum(count > 1 for count in per_site.values()) >= 8, "some masts are shared"
    pairs = Counter((row.site_id, row.operator) for row in sample.ledger.site_operators)
    assert max(pairs.values()) == 1
    frequencies = [row.frequency_mhz for row in sample.ledger.site_operators if row.frequency_mhz]
    for low, high in ((700, 960), (1700, 2170), (3400, 3600)):
        assert sum(low <= f <= high for f in frequencies) >= 5


def test_only_one_pair_of_sites_stands_within_50_m(sample: RegionData) -> None:
    sites = sample.ledger.sites
    near = [
        (a.site_id, b.site_id)
        for i, a in enumerate(sites)
        for b in sites[i + 1 :]
        if abs(a.lat - b.lat) < 0.001 and distance_m(a, b) <= 50.0
    ]
    assert near == [("MH-0205", "MH-0206")]


def test_the_register_agrees_with_the_radio_model(sample: RegionData) -> None:
    """A district resolved by a site of the ledger hears that site; one that waits hears no site on the air."""
    stays = {d.district_id: d for d in sample.ledger.districts}
    served: dict[str, list[str]] = {}
    for link in sample.ledger.site_districts:
        served.setdefault(link.district_id, []).append(link.site_id)
    on_air = [s for s in sample.ledger.sites if s.status.value == "供用中"]
    resolved = [d for d in stays.values() if d.resolved_on is not None]
    waiting = [d for d in stays.values() if d.resolved_on is None]
    unheard = [d.district_id for d in resolved if _best_dbm(sample, d.geometry, on_air) < -115]
    assert not unheard
    silent = [d.district_id for d in waiting if _best_dbm(sample, d.geometry, on_air) < -115]
    # Two have a site that the register still waits for: one without tags, one with a bare year.
    assert len(silent) >= len(waiting) - 4


def _best_dbm(sample: RegionData, where: shapely.Geometry, sites: list[Site]) -> float:
    """Strongest RSRP at a district's centre by the readable P.1812, from every operator of its nearest 14 sites."""
    x, y = lonlat_to_plane(where.centroid.x, where.centroid.y, sample.config.plane_epsg)
    rows = {s.site_id: [r for r in sample.ledger.site_operators if r.site_id == s.site_id] for s in sites}
    spots = [(s, *lonlat_to_plane(s.lon, s.lat, sample.config.plane_epsg)) for s in sites]
    spots.sort(key=lambda spot: (float(spot[1]) - float(x)) ** 2 + (float(spot[2]) - float(y)) ** 2)
    best = -200.0
    for site, sx, sy in spots[:14]:
        length_km = math.hypot(float(sx) - float(x), float(sy) - float(y)) / 1000.0
        if length_km < 0.25:
            return 0.0
        steps = max(3, int(length_km / 0.05) + 1)
        row, col = _cells_plane(sample, np.linspace(sx, x, steps), np.linspace(sy, y, steps))
        height = sample.terrain.height_m[row, col].astype(float)
        sea = sample.terrain.sea[row, col]
        zone = np.where(sea, SEA, np.where(height < 100.0, COASTAL_LAND, INLAND))
        for carrier in rows[site.site_id]:
            defaults = sample.config.operators[carrier.operator].bands[str(carrier.band)]
            loss = basic_transmission_loss(
                Profile(np.linspace(0.0, length_km, steps), height, zone=zone),
                frequency_ghz=(carrier.frequency_mhz or defaults.frequency_mhz) / 1000.0,
                time_percent=50.0,
                tx_height_m=site.height_m or defaults.height_m,
                rx_height_m=1.5,
                latitude_deg=33.65,
            ).loss_db
            blocks = round(5 * (carrier.bandwidth_mhz or defaults.bandwidth_mhz))
            best = max(best, (carrier.eirp_dbm or defaults.eirp_dbm) - rsrp_reduction_db(blocks) - loss)
    return best


def _cell_centres(sample: RegionData) -> tuple[np.ndarray, np.ndarray]:
    from coverage.domain import mesh

    return mesh.centre(sample.population.mesh_code)


def _cells(sample: RegionData, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _cells_plane(sample, *lonlat_to_plane(lon, lat, sample.config.plane_epsg))


def _cells_plane(sample: RegionData, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grid = sample.terrain.grid
    return np.floor((grid.y0_m - y) / grid.cell_m).astype(int), np.floor(
        (x - grid.x0_m) / grid.cell_m
    ).astype(int)


@pytest.mark.parametrize("layer", ["boundaries", "population", "terrain", "sites", "settlements", "shelters"])
def test_every_layer_says_that_it_is_made_up(sample: RegionData, layer: str) -> None:
    config = getattr(sample.config.layers, layer)
    assert "架空" in config.credit
    assert config.licence == "CC0-1.0"
    assert sample.config.fictional
    assert "架空" in sample.config.notice_ja
