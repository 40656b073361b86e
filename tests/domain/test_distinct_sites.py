"""Nearness on the ground, found by hashing and by looking at every pair."""

from __future__ import annotations

import math
from time import perf_counter

import numpy as np
import pytest
from pyproj import Geod

from coverage.domain.distinct_sites import NearIndex, distance_m, masts
from coverage.domain.ledger import Site, Status


def site(number: int, lat: float, lon: float) -> Site:
    return Site(f"S-{number:06d}", "", "24201", lat, lon, Status.IN_SERVICE)


def test_the_distance_is_that_of_the_ellipsoid_to_half_a_percent() -> None:
    geod = Geod(ellps="GRS80")
    random = np.random.default_rng(20160401)
    for lat, lon, d_lat, d_lon in random.uniform([24, 123, -1e-3, -1e-3], [46, 154, 1e-3, 1e-3], (200, 4)):
        one, other = site(1, lat, lon), site(2, lat + d_lat, lon + d_lon)
        exact = geod.inv(lon, lat, lon + d_lon, lat + d_lat)[2]
        assert distance_m(one, other) == pytest.approx(exact, rel=0.006)


@pytest.mark.parametrize("limit", [0.0, 50.0, 400.0])
def test_hashing_finds_exactly_what_looking_at_every_pair_finds(limit: float) -> None:
    random = np.random.default_rng(20170331)
    sites = [
        site(n, lat, lon)
        for n, (lat, lon) in enumerate(random.uniform([33.4, 136.4], [33.42, 136.42], (300, 2)))
    ]
    sites.append(site(300, sites[0].lat, sites[0].lon))
    index = NearIndex(within_m=limit, apart=(), max_abs_lat=33.42)
    found = 0
    for number, one in enumerate(sites):
        near = index.nearest(one, municipality="24201", mast_id=one.site_id)
        pairs = [(distance_m(one, other), other.site_id) for other in sites[:number]]
        within = min((pair for pair in pairs if pair[0] <= limit), default=None)
        assert (None if near is None else (near.distance_m, near.other)) == within
        found += within is not None
        index.add(one, municipality="24201", mast_id=one.site_id)
    assert found > 0


@pytest.mark.parametrize("lat", [24.0, 34.5, 45.5])
def test_a_neighbour_in_any_direction_is_found(lat: float) -> None:
    random = np.random.default_rng(20180401)
    for lon, azimuth in random.uniform([123, 0], [154, 2 * math.pi], (300, 2)):
        north, east = 49.9 * math.cos(azimuth), 49.9 * math.sin(azimuth)
        there = lat + north / 111_195.08, lon + east / (111_195.08 * math.cos(math.radians(lat)))
        index = NearIndex(within_m=50, apart=(), max_abs_lat=lat + 0.001)
        index.add(site(1, lat, lon), municipality="24201", mast_id="a")
        near = index.nearest(site(2, *there), municipality="24201", mast_id="b")
        assert near is not None
        assert near.distance_m == pytest.approx(49.9, abs=0.01)


def test_answers_tie_masts_whatever_their_order() -> None:
    pairs = [("a", "b"), ("c", "d"), ("b", "c")]
    expected = ("a", "b", "c", "d")
    for order in (pairs, pairs[::-1], [pairs[2], pairs[0], pairs[1]]):
        ties = masts({"a", "b", "c", "d", "e"}, dict.fromkeys(order, True))
        assert all(ties.members(name) == expected for name in expected)
        assert ties.members("e") == ("e",)
        assert ties.mast_id("d") == "a"


def test_calling_two_masts_apart_holds_for_all_ids_of_both() -> None:
    ties = masts({"a", "b", "c"}, {("a", "b"): True, ("b", "c"): False})
    assert ties.apart == {("a", "c")}
    assert not ties.contradictions
    index = NearIndex(within_m=50, apart=ties.apart, max_abs_lat=34)
    index.add(site(1, 34.0, 136.0), municipality="24201", mast_id="a")
    assert index.nearest(site(2, 34.0, 136.0), municipality="24201", mast_id="c") is None
    assert index.nearest(site(2, 34.0, 136.0), municipality="24201", mast_id="d") is not None
    assert masts({"a"}, {("a", "z"): True}).members("a") == ("a",)


def test_a_site_without_a_position_is_near_to_nothing() -> None:
    index = NearIndex(within_m=50, apart=(), max_abs_lat=34)
    index.add(site(1, math.nan, 136.0), municipality="24201", mast_id="a")
    assert index.nearest(site(2, 34.0, math.nan), municipality="24201", mast_id="b") is None


def test_ten_thousand_sites_on_one_spot_are_no_quadratic_search() -> None:
    index = NearIndex(within_m=50, apart=(), max_abs_lat=34)
    index.add(site(0, 34.0, 136.0), municipality="24201", mast_id="a")
    started = perf_counter()
    held = sum(
        index.nearest(site(n, 34.0, 136.0), municipality="24201", mast_id=str(n)) is not None
        for n in range(1, 10_001)
    )
    assert held == 10_000
    assert perf_counter() - started < 5
