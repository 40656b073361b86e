"""What is written: a change as an upload states it, and the event that it becomes.

One table ``<kind>_event`` per kind (coverage/store/tables.py). All share the same envelope:

``key``          the record's identity, built from the key columns
``version``      1, 2, 3 … per key; what ``expected_version`` is compared with
``tx``           the row of the audit chain (``audit.seq``) that wrote it
``valid_from``   the event says what holds from this day on, until an event of a higher version says otherwise
``known_tx``     the audit row since which the facts that the count reads have stood unchanged
``known_since``  for history taken over from an older ledger: when that ledger recorded it
``deleted``      the record does not exist from ``valid_from`` on
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from coverage.store.canonical import canonical_json, instant_text, plain_json, sha256_hex
from coverage.store.columns import BEGINNING, Column, Kind, Table, join_key
from coverage.store.tables import LEDGER_KINDS, TABLES, UPLOAD_KINDS, ever_in_service
from coverage.store.values import from_json

__all__ = [
    "BEGINNING",
    "LEDGER_KINDS",
    "TABLES",
    "UPLOAD_KINDS",
    "Change",
    "Column",
    "EventRow",
    "Kind",
    "Table",
    "change_of",
    "ever_in_service",
    "join_key",
    "json_values",
    "kind_of",
    "packed_changes",
    "unpacked_changes",
]

_KIND_OF_RECORD = {table.record: kind for kind, table in TABLES.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """What one row of an upload states about one record: only the columns that it states.

    A column that is absent keeps its value; a column stated as None is emptied. ``row`` is the row's number in the
    file (from 0), carried along so that the difference can point at it.
    """

    kind: Kind
    values: Mapping[str, Any]
    valid_from: date | None = None
    row: int | None = None
    known_since: datetime | None = None
    checked: bool = field(default=False, compare=False, repr=False)
    """Set by :meth:`plain`: of a long list it is asked for more than once."""

    def plain(self) -> Change:
        """The same change with its values checked and in stored form. Raises InputError naming the column."""
        if self.checked:
            return self
        values = TABLES[self.kind].plain(self.values)
        return Change(self.kind, values, self.valid_from, self.row, self.known_since, checked=True)


def packed_changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Plain changes as JSON: one table for each kind and set of columns, rows led by place, file row and day."""
    tables: dict[tuple[Kind, tuple[str, ...]], list[list[Any]]] = {}
    for place, change in enumerate(changes):
        day = None if change.valid_from is None else change.valid_from.isoformat()
        rows = tables.setdefault((change.kind, tuple(change.values)), [])
        rows.append([place, change.row, day, *json_values(change.values).values()])
    return [
        {"kind": k.value, "columns": list(columns), "rows": rows} for (k, columns), rows in tables.items()
    ]


def unpacked_changes(tables: Iterable[Mapping[str, Any]]) -> list[Change]:
    """The changes that :func:`packed_changes` packed, in their order."""
    placed: list[tuple[int, Change]] = []
    for packed in tables:
        table = TABLES[Kind(packed["kind"])]
        names = packed["columns"]
        types = [table.by_name[name].kind for name in names]
        for place, row, day, *values in packed["rows"]:
            plain = {n: from_json(t, v) for n, t, v in zip(names, types, values, strict=True)}
            placed.append((place, Change(table.kind, plain, date.fromisoformat(day) if day else None, row)))
    return [change for _, change in sorted(placed, key=lambda pair: pair[0])]


def change_of(
    record: Any,
    *,
    fields: Sequence[str] | None = None,
    valid_from: date | None = None,
    row: int | None = None,
    known_since: datetime | None = None,
) -> Change:
    """A record of the ledger as a change. ``fields``: the columns that the file states (None = all of them)."""
    kind = kind_of(record)
    stated = _stated(kind, None if fields is None else tuple(fields))
    return Change(kind, {n: getattr(record, n) for n in stated}, valid_from, row, known_since)


@lru_cache(maxsize=4096)
def _stated(kind: Kind, fields: tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns of a change, in the record's order: a list has hundreds of thousands of rows that state the same."""
    table = TABLES[kind]
    names = [f.name for f in dataclasses.fields(table.record) if f.name in table.by_name]
    return tuple(n for n in names if fields is None or n in fields or n in table.key)


def kind_of(record: Any) -> Kind:
    """The kind of a record. Raises TypeError for anything that the store has no table for."""
    kind = _KIND_OF_RECORD.get(type(record))
    if kind is None:
        raise TypeError(f"the store keeps no records of type {type(record).__name__}")
    return kind


@dataclass(frozen=True, slots=True)
class EventRow:
    """One row of an event table."""

    kind: Kind
    key: str
    version: int
    tx: int
    valid_from: date
    known_tx: int
    known_since: datetime | None
    deleted: bool
    values: Mapping[str, Any] = field(repr=False)

    def sha256(self) -> str:
        """SHA-256 of the row's canonical JSON: what the audit row's ``after_sha256`` is made of."""
        return sha256_hex(
            canonical_json(
                {
                    "kind": self.kind.value,
                    "key": self.key,
                    "version": self.version,
                    "tx": self.tx,
                    "valid_from": self.valid_from.isoformat(),
                    "known_tx": self.known_tx,
                    "known_since": None if self.known_since is None else instant_text(self.known_since),
                    "deleted": self.deleted,
                    "values": json_values(self.values),
                }
            )
        )


_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
"""What JSON has too; asked by class first, because this is asked for every value of an import."""


def json_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as JSON: dates ISO, geometries as hexadecimal WKB."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        if value.__class__ in _AS_THEY_ARE or isinstance(value, str | int | float):
            out[name] = value
        elif isinstance(value, bytes):
            out[name] = value.hex()
        elif isinstance(value, date):
            out[name] = value.isoformat()
        else:
            out[name] = plain_json(value, where=name)
    return out
