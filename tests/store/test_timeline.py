"""Steps and corrections laid over each other, against a day-by-day model."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from coverage.domain.ledger import Status
from coverage.store.events import BEGINNING, TABLES, EventRow, Kind
from coverage.store.timeline import Segment, correct, create, in_force, remove, restore, step, timeline

TABLE = TABLES[Kind.SITE]
FIRST = date(2016, 4, 1)
DAYS = 12
BASE = {
    "site_id": "T-1",
    "name": "a",
    "municipality_code": "24209",
    "lat": 34.0,
    "lon": 136.0,
    "status": "計画",
}


def _row(segment: Segment, version: int, tx: int) -> EventRow:
    return EventRow(
        Kind.SITE,
        "T-1",
        version,
        tx,
        segment.valid_from,
        segment.known_tx,
        segment.known_since,
        segment.deleted,
        segment.values,
    )


class Record:
    """A record's events, written as the store writes them."""

    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.tx = 0

    def write(self, segments: list[Segment]) -> None:
        for segment in segments:
            self.rows.append(_row(segment, len(self.rows) + 1, self.tx))

    @property
    def segments(self) -> list[Segment]:
        return timeline(self.rows)

    def say(self, values: dict[str, Any], day: date | None) -> None:
        self.tx += 1
        if not self.rows:
            self.write(create(TABLE, {**BASE, **values}, valid_from=day, tx=self.tx))
        elif day is None:
            self.write(correct(TABLE, self.segments, values, tx=self.tx))
        else:
            self.write(step(TABLE, self.segments, values, valid_from=day, tx=self.tx))

    def on(self, day: date | None, column: str) -> Any:
        segment = in_force(self.segments, day)
        return None if segment is None else segment.values[column]


columns = st.sampled_from(["name", "height_m"])
values = {"name": st.sampled_from(["a", "b", "c"]), "height_m": st.sampled_from([10.0, 20.0, 30.0])}
days = st.integers(0, DAYS - 1).map(lambda n: FIRST + timedelta(days=n))
statements = st.lists(
    st.tuples(columns.flatmap(lambda c: st.tuples(st.just(c), values[c])), st.one_of(st.none(), days)),
    max_size=8,
)


class DayByDay:
    """The same rules on a plain list of days (before the first day = the beginning), column by column."""

    def __init__(self) -> None:
        self.table = {"name": ["a"] * (DAYS + 1), "height_m": [None] * (DAYS + 1)}
        self.changes: dict[str, set[int]] = {"name": set(), "height_m": set()}

    def say(self, column: str, value: Any, day: date | None) -> None:
        held = self.table[column]
        if day is None:
            old = held[-1]
            i = DAYS
            while i >= 0 and held[i] == old:
                held[i] = value
                i -= 1
        else:
            start = (day - FIRST).days + 1
            old = held[start]
            i = start
            while i <= DAYS and held[i] == old:
                held[i] = value
                i += 1


@given(statements)
def test_steps_and_corrections_give_the_same_as_a_day_by_day_model(said: list[Any]) -> None:
    record, model = Record(), DayByDay()
    record.say({}, None)
    for (column, value), day in said:
        record.say({column: value}, day)
        model.say(column, value, day)
    for column, held in model.table.items():
        assert record.on(BEGINNING, column) == held[0]
        assert [record.on(FIRST + timedelta(days=n), column) for n in range(DAYS)] == held[1:]


@given(statements)
def test_saying_a_thing_twice_says_nothing_new(said: list[Any]) -> None:
    record = Record()
    record.say({}, None)
    for (column, value), day in said:
        record.say({column: value}, day)
        before = len(record.rows)
        record.say({column: value}, day)
        assert len(record.rows) == before


@given(statements, st.integers(0, 8))
def test_restoring_gives_the_timeline_of_then_whatever_came_after(said: list[Any], kept: int) -> None:
    record = Record()
    record.say({}, None)
    for (column, value), day in said[:kept]:
        record.say({column: value}, day)
    before = record.segments
    for (column, value), day in said[kept:]:
        record.say({column: value}, day)
    record.tx += 1
    record.write(restore(before, record.segments, tx=record.tx))
    assert [s.content for s in record.segments] == [s.content for s in before]
    assert [s.known_tx for s in record.segments] == [s.known_tx for s in before]


@given(statements)
def test_a_removed_record_is_nowhere(said: list[Any]) -> None:
    record = Record()
    record.say({}, None)
    for (column, value), day in said:
        record.say({column: value}, day)
    record.write(remove(record.segments, tx=99))
    assert record.on(None, "name") is None
    assert record.on(FIRST, "name") is None
    assert record.on(BEGINNING, "name") is None


def test_a_record_may_begin_on_a_day_and_earlier_by_a_later_word() -> None:
    record = Record()
    record.say({"height_m": 10.0}, date(2016, 4, 5))
    assert record.on(date(2016, 4, 4), "name") is None
    record.say({"name": "b"}, date(2016, 4, 2))
    assert record.on(date(2016, 4, 1), "name") is None
    assert record.on(date(2016, 4, 2), "name") == "b"
    assert record.on(date(2016, 4, 5), "name") == "a"
    assert record.on(date(2016, 4, 2), "height_m") == 10.0


def test_only_what_the_count_reads_makes_a_record_known_anew() -> None:
    record = Record()
    record.say({}, None)
    record.say({"name": "b", "height_m": 20.0}, None)
    record.say({"status": Status.GRANT_DECIDED.value}, date(2016, 4, 3))
    assert {s.known_tx for s in record.segments} == {1}
    record.say({"status": Status.IN_SERVICE.value}, date(2016, 4, 6))
    assert [s.known_tx for s in record.segments] == [1, 1, 4]
    record.say({"funding": "国補助"}, None)
    assert {s.known_tx for s in record.segments} == {5}
