"""Times are put into the order of events; the readings that disagree with it are the ones that move."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from coverage.store.clock import day_in_japan, in_sequence, last_at

START = datetime(2017, 4, 10, tzinfo=UTC)


def _hours(*hours: float) -> list[datetime]:
    return [START + timedelta(hours=h) for h in hours]


def test_honest_readings_stay_as_they_are() -> None:
    assert in_sequence(_hours(1, 2, 2, 3)) == _hours(1, 2, 2, 3)
    assert in_sequence([]) == []


def test_a_jump_ahead_and_a_jump_back_are_both_recognised() -> None:
    for wrong in (48.0, -48.0, -40 * 8766.0):
        adjusted = in_sequence(_hours(1, 2, 3, wrong + 4, wrong + 5, 6, 7, 8))
        assert adjusted[:3] + adjusted[5:] == _hours(1, 2, 3, 6, 7, 8)
        assert START + timedelta(hours=3) < adjusted[3] < adjusted[4] < START + timedelta(hours=6)


def test_a_wrong_first_reading_gets_the_place_of_the_next() -> None:
    adjusted = in_sequence(_hours(99, 1, 2, 3))
    assert adjusted[1:] == _hours(1, 2, 3)
    assert adjusted[0] == START + timedelta(hours=1, microseconds=-1)


@given(st.lists(st.integers(-1000, 1000), max_size=40))
def test_the_result_never_runs_backwards_and_keeps_most_readings(hours: list[int]) -> None:
    readings = _hours(*hours)
    adjusted = in_sequence(readings)
    assert adjusted == sorted(adjusted)
    assert len(adjusted) == len(readings)
    best = [1] * len(hours)
    for i in range(len(hours)):
        best[i] = 1 + max((best[j] for j in range(i) if hours[j] <= hours[i]), default=0)
    near = timedelta(milliseconds=1)
    kept = sum(abs(a - b) < near for a, b in zip(adjusted, readings, strict=True))
    assert kept >= max(best, default=0)


def test_how_many_readings_lie_before_a_moment() -> None:
    readings = _hours(1, 2, 2, 3)
    assert [last_at(readings, moment) for moment in _hours(0, 1, 2, 2.5, 9)] == [0, 1, 3, 3, 4]


def test_today_is_the_day_in_japan() -> None:
    assert day_in_japan(datetime(2018, 3, 31, 14, 59, tzinfo=UTC)) == date(2018, 3, 31)
    assert day_in_japan(datetime(2018, 3, 31, 15, 0, tzinfo=UTC)) == date(2018, 4, 1)
