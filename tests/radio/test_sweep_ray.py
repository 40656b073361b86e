"""The sweep's kernel against the readable reference: the same ray, every receiver, every option."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coverage.errors import InputError
from coverage.radio.p1812 import basic_transmission_loss
from coverage.radio.path_geometry import COASTAL_LAND, INLAND, SEA, Profile
from coverage.radio.sweep import ray_loss_db
from coverage.radio.sweep_formulas import time_distribution_db

FloatArray = NDArray[np.float64]
TARGET_POINTS = 100_000
TOLERANCE_DB = 1e-6


def _hills(rng: np.random.Generator, points: int) -> FloatArray:
    """Mountains, rolling land, islands, or land that touches the sea."""
    along = np.linspace(0.0, 1.0, points)
    height = np.zeros(points)
    roughness = rng.uniform(0.4, 1.0)
    size = rng.uniform(30.0, 600.0)
    for octave in range(1, 9):
        knots = 2**octave + 1
        values = rng.normal(size=knots) * size * 2.0 ** (-octave * roughness)
        height += np.interp(along, np.linspace(0.0, 1.0, knots), values)
    kind = rng.integers(5)
    if kind == 0:
        return np.maximum(height, 0.0)
    if kind == 1:
        return np.maximum(height - height.mean(), 0.0) * 0.2
    if kind == 2:
        return np.zeros(points)
    return height - height.min()


def _random_ray(rng: np.random.Generator) -> tuple[Profile, dict[str, Any], float, float]:
    """(profile, parameters, latitude at the mast, degrees per km along the ray)."""
    points = int(rng.integers(40, 320))
    step = float(rng.choice([0.01, 0.03, 0.05, 0.09, 0.1, 0.3]))
    distance = np.arange(points) * step
    if rng.random() < 0.25:
        distance = np.concatenate([[0.0], np.cumsum(rng.exponential(step, points - 1) + 1e-3)])
    height = _hills(rng, points)
    zone = None
    if rng.random() < 0.6:
        zone = np.where(height <= 0.0, SEA, np.where(height < 100.0, COASTAL_LAND, INLAND))
    clutter = None
    if rng.random() < 0.5:
        clutter = np.where(rng.random(points) < 0.4, rng.choice([5.0, 10.0, 15.0, 20.0], points), 0.0)
    parameters = {
        "frequency_ghz": float(np.exp(rng.uniform(np.log(0.03), np.log(6.0)))),
        "time_percent": float(rng.choice([50.0, 50.0, 1.0, 3.0, 7.3, 10.0, 20.0, 49.0])),
        "tx_height_m": float(rng.choice([1.0, 10.0, 30.0, 60.0, 300.0])),
        "rx_height_m": float(rng.choice([1.5, 1.5, 10.0, 30.0])),
        "polarisation": str(rng.choice(["vertical", "horizontal"])),
        "delta_n": float(rng.uniform(30.0, 70.0)),
        "n0": float(rng.uniform(300.0, 370.0)),
        "location_percent": float(rng.choice([50.0, 50.0, 90.0, 10.0, 99.0])),
        "location_sigma_db": float(rng.choice([0.0, 2.0, 5.5])),
        "clutter_gap_km": float(rng.choice([0.0, 0.0, 0.03, 0.1, 0.25])),
    }
    profile = Profile(distance, height, clutter_m=clutter, zone=zone)
    return profile, parameters, float(rng.uniform(20.0, 75.0)), float(rng.uniform(-0.009, 0.009))


def _path_to(profile: Profile, k: int) -> Profile:
    end = slice(0, k + 1)
    return Profile(
        profile.distance_km[end],
        profile.height_m[end],
        clutter_m=profile.clutter_m[end],
        zone=profile.zone[end],
    )


def _worst_error(
    rng: np.random.Generator,
    profile: Profile,
    parameters: dict[str, Any],
    latitude: float,
    slope: float,
    count: int,
) -> tuple[float, int]:
    """(largest |sweep − reference| dB, receivers compared) at ``count`` random receivers of a ray."""
    swept = ray_loss_db(profile, latitude_deg=latitude, latitude_slope=slope, **parameters)
    assert np.isnan(swept[:2]).all()
    receivers = np.unique(rng.integers(2, swept.size, count))
    worst = 0.0
    for k in receivers:
        middle = latitude + 0.5 * slope * float(profile.distance_km[k])
        expected = basic_transmission_loss(
            _path_to(profile, int(k)), latitude_deg=middle, **parameters
        ).loss_db
        error = abs(float(swept[k]) - expected)
        assert error <= TOLERANCE_DB, (
            f"receiver {k}: sweep {swept[k]} dB, reference {expected} dB, {parameters}"
        )
        worst = max(worst, error)
    return worst, receivers.size


def test_random_rays_with_all_options_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1812)
    worst, compared = 0.0, 0
    while compared < TARGET_POINTS:
        error, count = _worst_error(rng, *_random_ray(rng), count=150)
        worst, compared = max(worst, error), compared + count
    with capsys.disabled():
        print(f"\nP.1812 sweep against reference, {compared} random ray points: max |error| = {worst:.2e} dB")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    heights=st.lists(st.floats(0.0, 2500.0), min_size=3, max_size=40),
    step_km=st.floats(0.01, 1.0),
    ghz=st.floats(0.03, 6.0),
    percent=st.floats(1.0, 50.0),
    tx=st.floats(1.0, 300.0),
    rx=st.floats(1.0, 50.0),
    sea_above=st.integers(0, 40),
    clutter=st.sampled_from([None, 5.0, 20.0]),
)
def test_any_ray_equals_the_reference(
    heights: list[float],
    step_km: float,
    ghz: float,
    percent: float,
    tx: float,
    rx: float,
    sea_above: int,
    clutter: float | None,
) -> None:
    height = np.array(heights)
    index = np.arange(height.size)
    zone = np.where(index >= sea_above, SEA, np.where(height < 100.0, COASTAL_LAND, INLAND))
    profile = Profile(
        index * step_km,
        height,
        clutter_m=None if clutter is None else np.where(index % 3 == 1, clutter, 0.0),
        zone=zone,
    )
    parameters = {"frequency_ghz": ghz, "time_percent": percent, "tx_height_m": tx, "rx_height_m": rx}
    _worst_error(np.random.default_rng(0), profile, parameters, 34.5, 0.0, count=4)


def test_synthetic_reference_paths(synthetic_cases: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    errors = [abs(_swept(case) - case.expected_db) for case in synthetic_cases]
    with capsys.disabled():
        print(f"\nP.1812 sweep, 300 synthetic paths: max |error| = {max(errors):.2e} dB")
    assert max(errors) <= 1e-9


@pytest.mark.shared
def test_itu_validation_profiles_by_the_sweep(
    itu_cases: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    errors = [abs(_swept(case) - case.expected_db) for case in itu_cases]
    with capsys.disabled():
        print(
            f"\nP.1812 sweep, ITU-R validation set, {len(errors)} cases: max |error| = {max(errors):.2e} dB"
        )
    assert max(errors) <= 1e-6


def _swept(case: Any) -> float:
    return float(ray_loss_db(case.profile, **case.parameters)[-1])


def test_a_flat_sea_is_exact_where_every_point_is_a_vertex_of_the_hull() -> None:
    profile = Profile(np.arange(2001) * 0.03, np.zeros(2001), zone=np.full(2001, SEA))
    parameters = {"frequency_ghz": 0.8, "time_percent": 3.0, "tx_height_m": 30.0, "rx_height_m": 1.5}
    worst, _ = _worst_error(np.random.default_rng(3), profile, parameters, 34.5, 0.0, count=60)
    assert worst <= 1e-9


def test_antennas_of_one_height_over_flat_ground_have_two_equal_obstructions() -> None:
    profile = Profile(np.arange(200) * 0.05, np.full(200, 20.0))
    parameters = {"frequency_ghz": 2.0, "time_percent": 1.0, "tx_height_m": 10.0, "rx_height_m": 10.0}
    worst, _ = _worst_error(np.random.default_rng(4), profile, parameters, 34.5, 0.0, count=100)
    assert worst <= 1e-9


@pytest.mark.parametrize("percent", [50.0, 1.0])
def test_the_cost_of_a_receiver_hardly_grows_with_its_distance(percent: float) -> None:
    """O(log n) a receiver: sixteen times the ray takes about sixteen times as long, where O(n) would take 256 times."""
    rng = np.random.default_rng(7)
    parameters = {"frequency_ghz": 0.8, "time_percent": percent, "tx_height_m": 30.0, "rx_height_m": 1.5}

    def seconds(points: int, rays: int) -> float:
        distance = np.arange(points) * 0.03
        waves = [20.0, 10.0, 5.0, 2.5, 1.2, 0.6, 0.3]
        height = np.zeros(points)
        for wave in waves:
            knots = np.arange(int(distance[-1] / wave) + 3)
            height += (
                np.interp(distance, knots * wave, rng.normal(size=knots.size)) * 200.0 * (wave / 20.0) ** 0.8
            )
        profile = Profile(distance, height - height.min())
        best = float("inf")
        for _ in range(5):
            start = time.thread_time()
            for _ in range(rays):
                ray_loss_db(profile, latitude_deg=34.5, **parameters)
            best = min(best, time.thread_time() - start)
        return best / rays

    seconds(100, 1)  # compiles or loads the kernel
    assert seconds(8_000, 1) / seconds(500, 16) < 16.0 * 2.5


def test_the_bound_that_spares_the_ducting_loss_holds() -> None:
    """A(p) of equation (53) never rises with β: its value at the largest β0 is a lower bound (docs/radial-sweep.md)."""
    log_beta = np.linspace(-20.0, np.log10(47.0), 300)
    for percent in (1.0, 3.0, 10.0, 50.0):
        for km in (0.1, 1.0, 10.0, 50.0, 200.0, 1000.0):
            values = [time_distribution_db(np.log10(percent), b, km, 1e-6 * km**1.13) for b in log_beta]
            assert np.all(np.diff(values) <= 1e-9), f"p = {percent} %, {km} km"


def test_the_sweep_refuses_what_the_reference_refuses() -> None:
    profile = Profile([0.0, 0.1, 0.2], [5.0, 5.0, 5.0])
    with pytest.raises(InputError) as refused:
        ray_loss_db(
            profile,
            frequency_ghz=0.0,
            time_percent=50.0,
            tx_height_m=30.0,
            rx_height_m=1.5,
            latitude_deg=34.5,
        )
    assert refused.value.code == "frequency-out-of-range"
