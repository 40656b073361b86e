"""The share of a district with signal: one rule for the run's prediction and for plans."""

from __future__ import annotations

import math

import numpy as np

from coverage.gaps.districts import served_share
from coverage.gaps.population_coverage import SERVED, UNKNOWN, UNSERVED
from coverage.services.plan_ground import resolved


def test_no_data_is_neither_served_nor_unserved() -> None:
    state = np.array([SERVED, UNSERVED, UNKNOWN, UNKNOWN, SERVED], dtype=np.uint8)
    assert served_share(state, np.array([0, 1, 2, 3])) == 0.5
    assert served_share(state, np.array([0, 2])) == 1.0
    assert math.isnan(served_share(state, np.array([2, 3])))
    assert math.isnan(served_share(state, np.zeros(0, dtype=np.int64)))


def test_a_plan_judges_a_district_as_the_run_does() -> None:
    state = np.array([SERVED, UNSERVED, UNKNOWN, UNKNOWN, UNSERVED], dtype=np.uint8)
    assert resolved(state, np.array([0, 1, 2, 3])), "half of what is known has signal"
    assert not resolved(state, np.array([0, 1, 4]))
    assert not resolved(state, np.array([2, 3])), "nothing known is not resolved"
    assert not resolved(state, np.zeros(0, dtype=np.int64))
