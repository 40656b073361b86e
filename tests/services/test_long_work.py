"""The interpreter's collector rests during long work, and is what it was before when the last of it has ended."""

from __future__ import annotations

import gc

import pytest

from coverage.services.long_work import LONG, collector_rests


def test_short_work_leaves_the_collector_alone() -> None:
    assert gc.isenabled()
    with collector_rests(LONG - 1):
        assert gc.isenabled()


def test_it_wakes_when_the_last_long_work_has_ended_whatever_became_of_it() -> None:
    with collector_rests(LONG):
        assert not gc.isenabled()
        with pytest.raises(KeyError), collector_rests(LONG):
            raise KeyError
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_had_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with collector_rests(LONG):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
