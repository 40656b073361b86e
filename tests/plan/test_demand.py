from __future__ import annotations

import numpy as np
import pytest

from coverage.plan.demand import demand_of, reach_lists, register_people


def test_demand_is_where_people_or_shelters_lack_signal():
    unserved = np.array([[True, True, False], [True, False, True]])
    people = np.array([[2.0, 0.0, 5.0], [0.0, 1.0, 3.0]])
    demand = demand_of(unserved, people, people / 2, np.array([3, 3, 1, 2, -1]))
    assert demand.pixel.tolist() == [0, 1, 3, 5]
    assert demand.people.tolist() == [2.0, 0.0, 0.0, 3.0]
    assert demand.households.tolist() == [1.0, 0.0, 0.0, 1.5]
    assert demand.shelters.tolist() == [0, 1, 2, 0], "a shelter with signal and one off the grid are no demand"


def test_reach_counts_only_demand_pixels():
    unserved = np.array([[True, False, True, True]])
    demand = demand_of(unserved, np.ones((1, 4)), np.ones((1, 4)), np.zeros(0, dtype=np.int64))
    indptr, indices = reach_lists(demand, [np.array([3, 0, 1]), np.array([1]), np.array([2])])
    assert indptr.tolist() == [0, 2, 2, 3]
    assert indices.tolist() == [0, 2, 1]
    assert indices.dtype == np.int32


def test_register_spreads_residents_and_takes_off_those_whom_signal_reaches():
    served = np.array([[False, True], [False, False]])
    people = register_people((2, 2), [np.array([0, 1]), np.array([2]), np.zeros(0, dtype=np.int64)], [10.0, 4.0, 99.0], served)
    assert people.tolist() == [[5.0, 0.0], [4.0, 0.0]]
    assert people.sum() == pytest.approx(9.0)
