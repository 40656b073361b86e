"""The few things that an adapter does with its connection; all SQL that both understand is written once on top.

SQL uses ``:name`` parameters and quotes every column name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from coverage.store.audit import GENESIS, AuditEntry, Head
from coverage.store.canonical import canonical_json
from coverage.store.events import EventRow, Table
from coverage.store.values import read_date, read_instant

Row = Sequence[Any]

ENVELOPE = ("key", "version", "tx", "valid_from", "known_tx", "known_since", "deleted")
AUDIT_COLUMNS = (
    "seq",
    "at",
    "actor",
    "role",
    "action",
    "object",
    "before_sha256",
    "after_sha256",
    "detail",
    "prev_hash",
    "hash",
)
CHUNK = 500
"""Keys per query where a list of them is fetched."""
BATCH = 1_000
"""Rows at a time where a large table is read whole."""


class Session(Protocol):
    """One transaction on one connection."""

    def all(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Every row of a query."""
        ...

    def iterate(self, sql: str, params: Mapping[str, Any] | None = None) -> Iterator[Row]:
        """The rows of a query one by one, without holding them all."""
        ...

    def batches(self, sql: str, params: Mapping[str, Any] | None = None) -> Iterator[list[Row]]:
        """The rows of a query, :data:`BATCH` at a time; no batch is empty."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Append rows of plain values (dates, instants, booleans and bytes as Python has them)."""
        ...

    def latest(self, table: str, conditions: str) -> str:
        """SQL of the events that are the last of their key under ``conditions`` (on alias ``x``), as alias ``e``."""
        ...

    def latest_of_all(self, table: str, conditions: str) -> str:
        """The same events as ``latest``, asked for where all keys of a large table are to be read in one go."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """``as_of`` and ``valid_on`` resolved against the chain: what a query may see."""

    tx: int | None = None
    at: datetime | None = None
    valid_on: date | None = None

    @property
    def everything(self) -> bool:
        return self.tx is None and self.valid_on is None

    def conditions(self) -> str:
        """On alias ``x``. History taken over from an older ledger (version 1 only) is known since that recorded it."""
        parts: list[str] = []
        if self.tx is not None:
            older = " OR (x.version = 1 AND x.known_since <= :as_of_at)" if self.at is not None else ""
            parts.append(f"(x.tx <= :as_of_tx{older})")
        if self.valid_on is not None:
            parts.append("x.valid_from <= :valid_on")
        return " AND ".join(parts)

    def reaches(self, row: EventRow) -> bool:
        """Whether ``conditions`` lets an event through, its valid date aside."""
        if self.tx is None or row.tx <= self.tx:
            return True
        if self.at is None or row.version != 1 or row.known_since is None:
            return False
        return row.known_since <= self.at

    def params(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if self.tx is not None:
            out["as_of_tx"] = self.tx
            if self.at is not None:
                out["as_of_at"] = self.at
        if self.valid_on is not None:
            out["valid_on"] = self.valid_on
        return out


def columns_sql(names: Iterable[str], alias: str = "e") -> str:
    return ", ".join(f'{alias}."{name}"' for name in names)


def read_events(session: Session, table: Table, where: str, params: Mapping[str, Any]) -> Iterator[EventRow]:
    """Events of a kind in order of key and version."""
    sql = (
        f"SELECT {columns_sql((*ENVELOPE, *table.column_names))} FROM {table.name} e "
        f"{f'WHERE {where}' if where else ''} ORDER BY e.key, e.version"
    )
    for row in session.iterate(sql, params):
        yield event_of(table, row)


def event_of(table: Table, row: Row) -> EventRow:
    key, version, tx, valid_from, known_tx, known_since, deleted = row[:7]
    return EventRow(
        table.kind,
        key,
        version,
        tx,
        read_date(valid_from),
        known_tx,
        None if known_since is None else read_instant(known_since),
        bool(deleted),
        table.read(row[7:]),
    )


def events_by(session: Session, table: Table, column: str, values: Iterable[Any]) -> Iterator[EventRow]:
    """Every event of the records whose ``column`` is one of ``values``."""
    wanted = sorted(set(values), key=str)
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        names = {f"v{i}": value for i, value in enumerate(part)}
        yield from read_events(
            session, table, f'e."{column}" IN ({", ".join(f":{n}" for n in names)})', names
        )


def insert_events(session: Session, table: Table, rows: Iterable[EventRow]) -> None:
    types = [c.kind for c in table.columns]
    encoders = [canonical_json if t in ("json", "list") else None for t in types]

    def encoded(row: EventRow) -> Row:
        values = [row.values[name] for name in table.column_names]
        for i, encode in enumerate(encoders):
            if encode is not None and values[i] is not None:
                values[i] = encode(values[i])
        return (
            row.key,
            row.version,
            row.tx,
            row.valid_from,
            row.known_tx,
            row.known_since,
            row.deleted,
            *values,
        )

    session.insert(table.name, (*ENVELOPE, *table.column_names), (encoded(row) for row in rows))


def read_head(session: Session) -> Head:
    rows = session.all("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return Head(int(rows[0][0]), str(rows[0][1])) if rows else Head(0, GENESIS)


def read_audit(
    session: Session, where: str, params: Mapping[str, Any], tail: str = ""
) -> Iterator[AuditEntry]:
    sql = f"SELECT {columns_sql(AUDIT_COLUMNS)} FROM audit e {f'WHERE {where}' if where else ''} ORDER BY e.seq {tail}"
    for row in session.iterate(sql, params):
        seq, at, actor, role, action, object_, before, after, detail, prev_hash, hash_ = row
        yield AuditEntry(
            seq,
            read_instant(at),
            actor,
            role,
            action,
            object_,
            before,
            after,
            json.loads(detail),
            prev_hash,
            hash_,
        )


def insert_audit(session: Session, entry: AuditEntry) -> None:
    session.insert(
        "audit",
        AUDIT_COLUMNS,
        [
            (
                entry.seq,
                entry.at,
                entry.actor,
                entry.role,
                entry.action,
                entry.object,
                entry.before_sha256,
                entry.after_sha256,
                canonical_json(entry.detail),
                entry.prev_hash,
                entry.hash,
            )
        ],
    )
