"""Kinds of record, and how a kind's columns are checked, read and keyed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from coverage.errors import InputError
from coverage.store.building import records_from
from coverage.store.canonical import identifier
from coverage.store.values import ColumnType, from_database, to_plain

BEGINNING = date(1, 1, 1)
"""``valid_from`` of what is said to hold as ever, with no day named."""


class Kind(StrEnum):
    SITE = "site"
    SITE_OPERATOR = "site_operator"
    SITE_DISTRICT = "site_district"
    DISTRICT = "district"
    OPENING_BALANCE = "opening_balance"
    ALLOCATION = "allocation"
    RESTATEMENT = "restatement"
    FROZEN_YEAR = "frozen_year"
    DISTINCT_ANSWER = "distinct_answer"
    ACTUAL = "actual"
    MERGER = "merger"
    SETTING = "setting"
    USER = "user"
    READ_TOKEN = "read_token"
    CHALLENGE = "challenge"
    IMPORT = "import"
    DATASET = "dataset"
    RUN = "run"
    PUBLICATION = "publication"
    MEASUREMENT = "measurement"
    SCENARIO = "scenario"
    FOOTNOTE = "footnote"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an event table, in the order of the record's fields."""

    name: str
    kind: ColumnType
    ja: str
    """The field's word, for messages and the difference shown to people."""
    required: bool = False
    default: Any = None
    enum: type[StrEnum] | None = None
    ident: bool = False
    """Compared after NFKC, so stored in that form."""
    hidden: bool = False
    """Part of the key only; not a field of the record."""


@dataclass(frozen=True)
class Table:
    """A kind's table. ``record`` is the dataclass that its rows are read as."""

    kind: Kind
    ja: str
    record: type[Any]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    parent: str
    """Column by which the rows that an upload may touch are fetched."""
    counts: Callable[[Mapping[str, Any]], Any] | None = None
    """The facts that the count reads; None = every column."""
    since: Literal[1, 2, 3] = 1
    """Number of the migration that made the table."""

    @property
    def name(self) -> str:
        return f"{self.kind.value}_event"

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}

    @cached_property
    def visible(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if not c.hidden)

    @cached_property
    def _plain_decoders(self) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
        pairs = ((i, from_database(c.kind)) for i, c in enumerate(self.columns))
        return tuple((i, decode) for i, decode in pairs if decode is not None)

    @cached_property
    def _enum_members(self) -> tuple[tuple[int, dict[Any, Any]], ...]:
        return tuple(
            (i, {None: None, **c.enum._value2member_map_}) for i, c in enumerate(self.columns) if c.enum
        )

    @cached_property
    def _enums(self) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
        return tuple((i, c.enum) for i, c in enumerate(self.visible) if c.enum is not None)

    @cached_property
    def _visible_at(self) -> tuple[int, ...]:
        return tuple(i for i, c in enumerate(self.columns) if not c.hidden)

    def facts(self, values: Mapping[str, Any]) -> Any:
        """What of ``values`` the count reads; equal facts mean that the record was known all along."""
        return self.counts(values) if self.counts else tuple(values[name] for name in self.column_names)

    def read(self, row: Sequence[Any]) -> dict[str, Any]:
        """A database row (the columns, in order) as plain values by column name."""
        values = list(row)
        for i, decode in self._plain_decoders:
            if values[i] is not None:
                values[i] = decode(values[i])
        return dict(zip(self.column_names, values, strict=True))

    def records_of(self, columns: Sequence[Sequence[Any]], recorded_at: Sequence[datetime]) -> list[Any]:
        """The kind's records from database values column by column: 100,000 sites in one go.

        The same as :meth:`read` and :meth:`record_from` row by row, which a test holds it to.
        """
        columns = list(columns)
        for i, decode in self._plain_decoders:
            columns[i] = [None if value is None else decode(value) for value in columns[i]]
        for i, members in self._enum_members:
            # The tables' CHECK lets no other text in; past it, an unknown word must not become "unknown".
            columns[i] = list(map(members.__getitem__, columns[i]))
        visible = [columns[i] for i in self._visible_at]
        for i in self._geometries:
            import shapely

            visible[i] = shapely.from_wkb(visible[i])
        for i in self._tuples:
            visible[i] = [_tuples(value) for value in visible[i]]
        return records_from(self.record, [*visible, recorded_at])

    def record_from(self, values: Mapping[str, Any], recorded_at: datetime | None = None) -> Any:
        """Plain values by column name as the kind's record."""
        listed = [values[c.name] for c in self.visible]
        for i, enum in self._enums:
            if listed[i] is not None:
                listed[i] = enum(listed[i])
        for i in self._geometries:
            import shapely

            listed[i] = shapely.from_wkb(listed[i])
        for i in self._tuples:
            listed[i] = _tuples(listed[i])
        return self.record(*listed, recorded_at=recorded_at)

    @cached_property
    def _geometries(self) -> tuple[int, ...]:
        return tuple(i for i, c in enumerate(self.visible) if c.kind == "geometry")

    @cached_property
    def _tuples(self) -> tuple[int, ...]:
        return tuple(i for i, c in enumerate(self.visible) if c.kind == "list")

    def plain(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` checked and in stored form: ids NFKC, numbers finite, geometries as WKB, enums as their text.

        Raises InputError naming the column where a value is of the wrong kind, or the column does not exist.
        """
        checked: dict[str, Any] = {}
        places = self._places
        for name, value in values.items():
            place = places.get(name)
            if place is None:
                raise InputError(
                    "unknown-column",
                    f"{self.ja}に「{name}」という項目はありません。項目名を確かめてください。",
                    f'{self.kind.value} has no column "{name}"; check the name.',
                )
            if value is None:
                checked[name] = None
                continue
            column, where = place
            if column.ident:
                checked[name] = identifier(str(value), where=where)
            else:
                checked[name] = to_plain(column.kind, value, column.enum, where=where)
        return checked

    @cached_property
    def _places(self) -> dict[str, tuple[Column, str]]:
        """Each column with what messages call it."""
        return {c.name: (c, f"{self.ja}「{c.ja}」({self.kind.value}.{c.name})") for c in self.columns}

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` with every column, defaults filled in. Raises InputError when a required one is missing."""
        full: dict[str, Any] = {}
        for column in self.columns:
            value = values.get(column.name)
            if value is None:
                value = column.default
            if value is None and column.required:
                raise InputError(
                    "missing-value",
                    f"{self.ja}の「{column.ja}」({column.name}) がありません。値を入れてください。",
                    f"{self.kind.value} lacks {column.name}; give a value.",
                )
            full[column.name] = value
        return full

    def key_of(self, values: Mapping[str, Any]) -> str:
        """The key: the key columns, parted by ``/`` (``%`` and ``/`` inside them are percent-escaped)."""
        return join_key(values[name] for name in self.key)


def _tuples(value: Any) -> tuple[Any, ...]:
    return tuple(tuple(v) if isinstance(v, list) else v for v in value or ())


def join_key(parts: Iterable[Any]) -> str:
    """A key from its parts, so that no two lists of parts give the same key."""
    return "/".join(("" if p is None else str(p)).replace("%", "%25").replace("/", "%2F") for p in parts)
