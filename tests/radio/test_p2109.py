"""Building entry loss: the figures planners quote, and the whole distribution."""

from __future__ import annotations

import pytest

from coverage.errors import InputError
from coverage.radio.p2109 import building_entry_loss_db, median_horizontal_loss_db


@pytest.mark.parametrize(("ghz", "loss"), [(0.7, 12.1), (0.8, 12.3), (2.1, 13.9), (3.5, 14.9)])
def test_the_median_for_traditional_buildings_in_mobile_bands(ghz: float, loss: float) -> None:
    assert median_horizontal_loss_db(ghz) == pytest.approx(loss, abs=0.06)


def test_the_median_of_the_whole_distribution_lies_above_that_of_the_main_mechanism() -> None:
    assert 1.5 < building_entry_loss_db(0.8) - median_horizontal_loss_db(0.8) < 2.5


def test_a_thermally_efficient_building_keeps_far_more_out() -> None:
    assert building_entry_loss_db(0.8, building="thermally-efficient") > building_entry_loss_db(0.8) + 14.0


def test_the_loss_rises_with_probability_and_elevation() -> None:
    losses = [building_entry_loss_db(2.0, probability=p) for p in (0.001, 0.1, 0.5, 0.9, 0.999)]
    assert losses == sorted(losses)
    assert building_entry_loss_db(2.0, elevation_deg=-30.0) == building_entry_loss_db(2.0, elevation_deg=30.0)
    assert building_entry_loss_db(2.0, elevation_deg=30.0) > building_entry_loss_db(2.0)


def test_the_loss_never_falls_below_minus_three_decibels() -> None:
    assert building_entry_loss_db(0.1, probability=1e-12) == pytest.approx(-3.0, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"frequency_ghz": 0.05}, "frequency-out-of-range"),
        ({"frequency_ghz": 0.8, "probability": 1.0}, "probability-out-of-range"),
        ({"frequency_ghz": 0.8, "elevation_deg": 91.0}, "elevation-out-of-range"),
        ({"frequency_ghz": 0.8, "building": "tent"}, "building-unknown"),
    ],
)
def test_inputs_outside_the_recommendation_are_refused(arguments: dict[str, object], code: str) -> None:
    with pytest.raises(InputError) as refused:
        building_entry_loss_db(**arguments)  # type: ignore[arg-type]
    assert refused.value.code == code
