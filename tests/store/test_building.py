"""Records made in bulk are those that the constructor makes one by one."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from coverage.domain.ledger import Funding, Site, Status
from coverage.store.building import records_from
from coverage.store.columns import Column
from coverage.store.events import TABLES, Kind, Table
from coverage.store.sqlite import _plain
from coverage.store.values import ColumnType

WORDS = st.text(alphabet="尾鷲九鬼A1/% ", max_size=8)
POINT = st.builds(shapely.Point, st.floats(135.5, 137), st.floats(33.5, 35))
VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    "text": WORDS,
    "int": st.integers(-(2**63) + 1, 2**63 - 1),
    "real": st.floats(allow_nan=False, allow_infinity=False),
    "latitude": st.floats(-90, 90),
    "longitude": st.floats(-180, 180),
    "bool": st.booleans(),
    "date": st.dates(),
    "geometry": POINT.map(lambda p: shapely.to_wkb(p, byte_order=1)),
    "json": st.recursive(st.none() | st.booleans() | WORDS, st.lists, max_leaves=4),
    "list": st.lists(WORDS | st.lists(WORDS, max_size=2), max_size=3),
}
TIMES = st.datetimes(timezones=st.just(UTC))


def _in_sqlite(column: Column, value: Any) -> Any:
    if value is not None and column.kind in ("json", "list"):
        return json.dumps(value)
    return _plain(value)


def _in_postgis(column: Column, value: Any) -> Any:
    return json.dumps(value) if value is not None and column.kind in ("json", "list") else value


def _stored(column: Column) -> st.SearchStrategy[Any]:
    values = st.sampled_from([str(m.value) for m in column.enum]) if column.enum else VALUES[column.kind]
    # A column of JSON holds JSON's own null, as the writer puts it down.
    return values if column.required else st.none() | values


def _rows(table: Table) -> st.SearchStrategy[list[tuple[list[Any], datetime]]]:
    row = st.tuples(*(_stored(column) for column in table.columns)).map(list)
    return st.lists(st.tuples(row, TIMES), min_size=1, max_size=6)


@pytest.mark.parametrize("as_stored", [_in_sqlite, _in_postgis])
@pytest.mark.parametrize("kind", list(TABLES))
@settings(max_examples=25)
@given(data=st.data())
def test_columns_give_the_records_that_rows_give(
    kind: Kind, as_stored: Callable[[Column, Any], Any], data: st.DataObject
) -> None:
    table = TABLES[kind]
    drawn = data.draw(_rows(table))
    rows = [[as_stored(c, v) for c, v in zip(table.columns, row, strict=True)] for row, _ in drawn]
    times = [when for _, when in drawn]
    one_by_one = [table.record_from(table.read(row), when) for row, when in zip(rows, times, strict=True)]
    at_once = table.records_of(list(zip(*rows, strict=True)), times)
    assert at_once == one_by_one
    assert [type(record) for record in at_once] == [table.record] * len(rows)
    for made, expected in zip(at_once, one_by_one, strict=True):
        for field in dataclasses.fields(table.record):
            assert type(getattr(made, field.name)) is type(getattr(expected, field.name)), field.name


SITE = Site(
    "T-1", "九鬼", "24209", 34.0, 136.2, Status.PLANNED, funding=Funding.OPERATOR, closed_on=date(2020, 1, 1)
)
COLUMNS = [[getattr(SITE, f.name)] for f in dataclasses.fields(Site)]


def test_a_record_made_in_bulk_is_as_frozen_as_any_other() -> None:
    (made,) = records_from(Site, COLUMNS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.name = "九木"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.name
    assert not hasattr(made, "__dict__")
    assert (made.name, type(made)) == ("九鬼", Site)


def test_a_record_made_in_bulk_travels_and_compares_as_any_other() -> None:
    (made,) = records_from(Site, COLUMNS)
    assert {made: 1}[SITE] == 1
    assert repr(made) == repr(SITE)
    assert pickle.loads(pickle.dumps(made)) == SITE
    assert copy.deepcopy(made) == SITE
    assert dataclasses.replace(made, name="早田").name == "早田"


@dataclasses.dataclass(frozen=True, slots=True)
class _Checked:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("negative")


@dataclasses.dataclass(frozen=True)
class _WithoutSlots:
    value: int


@dataclasses.dataclass(frozen=True, slots=True)
class _WithDefault:
    value: int
    note: str = "as stated"


def test_a_class_whose_constructor_does_more_is_made_by_its_constructor() -> None:
    assert records_from(_Checked, [[1, 2]]) == [_Checked(1), _Checked(2)]
    with pytest.raises(ValueError, match="negative"):
        records_from(_Checked, [[1, -2]])
    assert records_from(_WithoutSlots, [[1]]) == [_WithoutSlots(1)]
    assert records_from(_WithDefault, [[1]]) == [_WithDefault(1)]


def test_a_word_that_the_table_does_not_allow_is_never_read_as_unknown() -> None:
    table = TABLES[Kind.SITE]
    row = ["T-1", "九鬼", "24209", 34.0, 136.2, "建設中", *[None] * (len(table.columns) - 6)]
    with pytest.raises(KeyError, match="建設中"):
        table.records_of([[value] for value in row], [datetime.now(UTC)])
