"""What 承認 remembers of the lists that wait: a comparison that is overtaken gives its turn back."""

from __future__ import annotations

from datetime import date

from coverage.services.upload_jobs import StagedDifference
from coverage.web.views import approvals
from coverage.web.views.approvals import Differences, make_room

DAY = date(2026, 11, 23)


def _kept(*keys: tuple[str, str, date]) -> Differences:
    return {key: StagedDifference(key[0]) for key in keys}


def _cancelled(made: StagedDifference) -> bool:
    return made._cancel.is_set()


def test_a_comparison_with_a_ledger_or_a_day_that_is_over_is_ended() -> None:
    kept = _kept(("I1", "old", DAY), ("I2", "old", DAY), ("I1", "new", DAY))
    first, other, second = kept.values()
    make_room(kept, "I1")
    assert list(kept) == [("I2", "old", DAY)]
    assert (_cancelled(first), _cancelled(second), _cancelled(other)) == (True, True, False)


def test_the_oldest_goes_first_where_many_lists_wait() -> None:
    kept = _kept(*((f"I{i}", "head", DAY) for i in range(approvals._KEPT)))
    every = list(kept.values())
    make_room(kept, "I99")
    assert len(kept) == approvals._KEPT - 1
    assert [_cancelled(made) for made in every] == [True] + [False] * (approvals._KEPT - 1)
