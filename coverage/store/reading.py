"""Queries: the ledger, single records, their history and the audit chain, at any ``as_of`` and ``valid_on``."""

from __future__ import annotations

import dataclasses
import gc
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from coverage.domain.ledger import District, Ledger, Site
from coverage.errors import InputError, NotFoundError
from coverage.store.audit import (
    CONTENT_COLUMNS,
    AuditEntry,
    AuditReport,
    Finding,
    Head,
    RowDigests,
    check_chain,
    content_damaged,
    guard_missing,
)
from coverage.store.canonical import one_line, sha256_hex
from coverage.store.clock import Clock, in_sequence, last_at
from coverage.store.events import LEDGER_KINDS, TABLES, EventRow, Kind, Table
from coverage.store.protocol import AsOf, Bounds, HistoryEntry, Versioned
from coverage.store.session import (
    ENVELOPE,
    Reach,
    Row,
    Session,
    columns_sql,
    event_of,
    read_audit,
    read_events,
    read_head,
)
from coverage.store.timeline import in_force, timeline
from coverage.store.values import read_instant
from coverage.store.writing import differing

UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)

_LEDGER_FIELDS = {
    Kind.SITE: "sites",
    Kind.SITE_OPERATOR: "site_operators",
    Kind.SITE_DISTRICT: "site_districts",
    Kind.DISTRICT: "districts",
    Kind.OPENING_BALANCE: "opening_balances",
    Kind.ALLOCATION: "allocations",
    Kind.RESTATEMENT: "restatements",
    Kind.FROZEN_YEAR: "frozen_years",
    Kind.DISTINCT_ANSWER: "distinct_answers",
    Kind.ACTUAL: "actuals",
    Kind.FOOTNOTE: "footnotes",
}


_IDENTITY = {Kind.SITE_OPERATOR: ("band", "azimuth_deg"), Kind.DISTRICT: ("designated_on",)}


class Times:
    """When each transaction was recorded, in sequence whatever the clock did."""

    def __init__(self, session: Session, earlier: Times | None = None) -> None:
        """``earlier``: the times as they were read before; only the rows after them are fetched."""
        since = earlier.last if earlier is not None else 0
        rows = session.all('SELECT seq, "at" FROM audit WHERE seq > :seq ORDER BY seq', {"seq": since})
        self._readings: list[datetime] = [read_instant(at) for _, at in rows]
        self._seqs: list[int] = [int(seq) for seq, _ in rows]
        if earlier is not None:
            self._readings = [*earlier._readings, *self._readings]
            self._seqs = [*earlier._seqs, *self._seqs]
        self._at = in_sequence(self._readings)
        self.honest = self._at == self._readings
        """Whether the clock never disagreed with the sequence; else later rows may move the times of earlier ones."""
        self._of: dict[int, datetime] = dict(zip(self._seqs, self._at, strict=True))

    @property
    def last(self) -> int:
        return self._seqs[-1] if self._seqs else 0

    def __getitem__(self, tx: int) -> datetime:
        # A row whose audit row was removed from outside is still shown; verify_audit reports it.
        return self._of.get(tx, UNKNOWN_TIME)

    def at(self, txs: Iterable[int]) -> list[datetime]:
        """When each of the transactions was recorded."""
        of = self._of
        return [of.get(tx, UNKNOWN_TIME) for tx in txs]

    def tx_at(self, moment: datetime) -> int:
        """The last transaction recorded at or before ``moment``; 0 for none."""
        count = last_at(self._at, moment)
        return self._seqs[count - 1] if count else 0


class Reading(ABC):
    """The reading half of a store, on any adapter."""

    _clock: Clock
    _times: Times | None
    _current: dict[Kind, tuple[Head, tuple[Any, ...]]]
    """The current records of each kind, and the head of the chain at which they were read."""

    @abstractmethod
    def _read(self) -> AbstractContextManager[Session]:
        """A read-only transaction: every query in it sees the same state."""

    @property
    @abstractmethod
    def schema_version(self) -> int:
        """Number of the last migration that the database has."""

    @abstractmethod
    def _missing_guards(self, session: Session) -> list[str]:
        """Names of triggers against UPDATE and DELETE that should be there and are not."""

    # the state of things -------------------------------------------------------------------------------------
    def ledger(self, *, as_of: AsOf = None, valid_on: date | None = None, versions: bool = False) -> Ledger:
        """Everything the count, the indicators and the site map read, in order of key.

        One row a record, whose ``recorded_at`` is when the facts that the count reads became known: putting a name
        right later does not make a site late. With ``versions`` every record comes in all its recorded versions,
        oldest first, each with its own ``recorded_at``: what :func:`coverage.domain.counting` needs to judge a
        published year by what was known then. Records that were taken out are in neither.
        """
        with self._read() as session:
            times = self._read_times(session)
            reach = self._reach(times, as_of, valid_on)
            read = self._recorded if versions else self._all_records
            return _ledger_of(
                {t.kind: read(session, times, t, reach) for t in self._tables() if t.kind in LEDGER_KINDS}
            )

    def records(self, kind: Kind, *, as_of: AsOf = None, valid_on: date | None = None) -> tuple[Any, ...]:
        """The records of one kind, in order of key."""
        with self._read() as session:
            times = self._read_times(session)
            return self._all_records(session, times, TABLES[kind], self._reach(times, as_of, valid_on))

    def versioned(
        self, kind: Kind, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> tuple[Versioned, ...]:
        """The records of one kind with their keys and versions, for editors."""
        with self._read() as session:
            times = self._read_times(session)
            return tuple(self._versioned(session, times, TABLES[kind], self._reach(times, as_of, valid_on)))

    def get(
        self, kind: Kind, key: str, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> Versioned | None:
        """One record, or None where it does not exist (then, or any more)."""
        with self._read() as session:
            times = self._read_times(session)
            reach = self._reach(times, as_of, valid_on)
            found = list(self._versioned(session, times, TABLES[kind], reach, "e.key = :key", {"key": key}))
        return found[0] if found else None

    def sites_within(
        self, bounds: Bounds, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> tuple[Site, ...]:
        """Sites in a box of degrees (west, south, east, north), edges included."""
        with self._read() as session:
            times = self._read_times(session)
            where, params = self._within(Kind.SITE, bounds)
            found = self._records(
                session, times, TABLES[Kind.SITE], self._reach(times, as_of, valid_on), where, params
            )
        return tuple(found)

    def districts_within(
        self, bounds: Bounds, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> tuple[District, ...]:
        """Districts that touch a box of degrees (west, south, east, north)."""
        import shapely

        with self._read() as session:
            times = self._read_times(session)
            where, params = self._within(Kind.DISTRICT, bounds)
            found = self._records(
                session, times, TABLES[Kind.DISTRICT], self._reach(times, as_of, valid_on), where, params
            )
        box = shapely.box(*bounds)
        return tuple(district for district in found if district.geometry.intersects(box))

    def _within(self, kind: Kind, bounds: Bounds) -> tuple[str, dict[str, Any]]:
        """SQL condition on alias ``e`` that narrows to a box; for districts it may let some outside through."""
        if kind is not Kind.SITE:
            return "", {}
        west, south, east, north = bounds
        return (
            "e.lon BETWEEN :west AND :east AND e.lat BETWEEN :south AND :north",
            {"west": west, "south": south, "east": east, "north": north},
        )

    def history(self, kind: Kind, key: str) -> tuple[HistoryEntry, ...]:
        """Every version of a record, oldest first: who changed what, when, and since which day it holds."""
        table = TABLES[kind]
        with self._read() as session:
            times = self._read_times(session)
            rows = list(read_events(session, table, "e.key = :key", {"key": key}))
            audit = {}
            for tx in {row.tx for row in rows}:
                audit[tx] = next(iter(read_audit(session, "e.seq = :seq", {"seq": tx})))
        entries = []
        for row in rows:
            # Compared with what stood on that day before the transaction: one statement may write several versions.
            before = in_force(timeline(r for r in rows if r.tx < row.tx), row.valid_from)
            done = audit[row.tx]
            entries.append(
                HistoryEntry(
                    row.version,
                    row.tx,
                    times[row.tx],
                    done.actor,
                    done.role,
                    done.action,
                    row.valid_from,
                    row.deleted,
                    ()
                    if row.deleted
                    else differing(table, {} if before is None else before.values, row.values),
                    str(done.detail.get("reason", "")),
                )
            )
        return tuple(entries)

    def find_keys(self, kind: Kind, text: str, *, limit: int = 200) -> tuple[str, ...]:
        """Keys of one kind that contain ``text``, in whatever case; also of records that were taken out.

        The shortest come first, then by key: a key that is ``text`` as a whole leads.
        """
        escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
        sql = (
            f"SELECT e.key FROM {TABLES[kind].name} e WHERE LOWER(e.key) LIKE LOWER(:pattern) ESCAPE '!' "
            "GROUP BY e.key ORDER BY LENGTH(e.key), e.key LIMIT :limit"
        )
        with self._read() as session:
            return tuple(str(key) for (key,) in session.all(sql, {"pattern": f"%{escaped}%", "limit": limit}))

    def timeline(self, kind: Kind, key: str, *, as_of: AsOf = None) -> tuple[Versioned, ...]:
        """What holds from which day on, earliest first: the life-cycle of a site with the date of each step.

        Days on which the record does not exist are left out.
        """
        table = TABLES[kind]
        with self._read() as session:
            times = self._read_times(session)
            reach = self._reach(times, as_of, None)
            found = read_events(session, table, "e.key = :key", {"key": key})
            rows = [row for row in found if reach.reaches(row)]
        standing: list[EventRow] = []
        for row in rows:
            standing = [earlier for earlier in standing if earlier.valid_from < row.valid_from]
            standing.append(row)
        last = rows[-1].version if rows else 0
        return tuple(
            Versioned(
                kind,
                key,
                last,
                table.record_from(row.values, row.known_since or times[row.known_tx]),
                row.valid_from,
                times[row.tx],
                row.tx,
            )
            for row in standing
            if not row.deleted
        )

    def content(self, sha256: str) -> bytes:
        """Stored bytes. Raises NotFoundError when there are none of that digest."""
        with self._read() as session:
            rows = session.all("SELECT bytes FROM content WHERE sha256 = :sha256", {"sha256": sha256})
        if not rows:
            raise NotFoundError(
                "content-not-found",
                f"要約値 {one_line(sha256[:16])}… のファイルは保存されていません。番号を確かめてください。",
                f"No file with digest {one_line(sha256[:16])}… is stored; check the id.",
            )
        return bytes(rows[0][0])

    def counts(self) -> Mapping[str, int]:
        """Rows of every table: what a restored backup is compared with."""
        with self._read() as session:
            names = [t.name for t in self._tables()] + ["audit", "content"]
            return {name: int(session.all(f"SELECT COUNT(*) FROM {name}")[0][0]) for name in sorted(names)}

    # the chain -----------------------------------------------------------------------------------------------
    def head(self) -> Head:
        """The last row of the audit chain."""
        with self._read() as session:
            return read_head(session)

    def audit(
        self,
        *,
        after_seq: int = 0,
        limit: int = 1000,
        actor: str | None = None,
        object_prefix: str | None = None,
        action: str | None = None,
    ) -> tuple[AuditEntry, ...]:
        """Rows of the chain in sequence, from ``after_seq`` on, narrowed by actor, action or the object's beginning."""
        where, params = ["e.seq > :after_seq"], {"after_seq": after_seq, "limit": limit}
        narrowed: dict[str, Any] = dict(params)
        if actor is not None:
            where.append("e.actor = :actor")
            narrowed["actor"] = actor
        if action is not None:
            where.append("e.action = :action")
            narrowed["action"] = action
        if object_prefix is not None:
            where.append("substr(e.object, 1, :prefix_length) = :prefix")
            narrowed |= {"prefix": object_prefix, "prefix_length": len(object_prefix)}
        with self._read() as session:
            return tuple(read_audit(session, " AND ".join(where), narrowed, "LIMIT :limit"))

    def verify_audit(self, anchors: Iterable[Head] = ()) -> AuditReport:
        """Compute every hash and digest again, from the stored bytes up.

        ``anchors``: heads that were put down elsewhere (on backups, in a log). Without them a chain that was cut off
        cleanly at its end looks whole.
        """
        anchored = tuple(anchors)
        with self._read() as session:
            digests = RowDigests()
            wanted: set[str] = set()
            for table in self._tables():
                columns = [column for kind, column in CONTENT_COLUMNS if kind is table.kind]
                for_content = read_events(session, table, "", {})
                if columns:
                    rows = list(for_content)
                    wanted |= {row.values[column] for row in rows for column in columns}
                    for_content = iter(rows)
                digests.add(for_content)
            findings = list(check_chain(read_audit(session, "", {}), digests, anchored))
            findings += digests.findings
            contents, damaged = _check_contents(session, wanted)
            findings += damaged
            findings += [guard_missing(name) for name in self._missing_guards(session)]
            head = read_head(session)
        entries = int(head.seq)
        return AuditReport(head, entries, digests.rows, contents, len(anchored), tuple(findings))

    # inside --------------------------------------------------------------------------------------------------
    def _tables(self) -> list[Table]:
        """The event tables that a database of this schema has."""
        return [table for table in TABLES.values() if table.since <= self.schema_version]

    def _read_times(self, session: Session) -> Times:
        known, head = self._times, read_head(session)
        if known is None or known.last > head.seq:
            known = Times(session)
        elif known.last < head.seq:
            known = Times(session, known)
        self._times = known
        return known

    def _reach(self, times: Times, as_of: AsOf, valid_on: date | None) -> Reach:
        if isinstance(as_of, datetime):
            if as_of.tzinfo is None:
                raise InputError(
                    "as-of-without-zone",
                    "時点（as_of）に時差がありません。2026-04-01T00:00:00+09:00 のように書いてください。",
                    "as_of has no UTC offset; write it like 2026-04-01T00:00:00+09:00.",
                )
            moment = as_of.astimezone(UTC)
            return Reach(times.tx_at(moment), moment, valid_on)
        return Reach(as_of, None, valid_on)

    def _state_query(
        self,
        session: Session,
        table: Table,
        reach: Reach,
        names: Iterable[str],
        where: str,
        params: Mapping[str, Any],
    ) -> tuple[str, Mapping[str, Any]]:
        """SQL and parameters of the columns ``names`` of what stands, in order of key."""
        listed = columns_sql(names)
        if where and reach.everything:
            return f"SELECT {listed} FROM {table.kind.value}_current e WHERE {where} ORDER BY e.key", params
        latest = session.latest if where else session.latest_of_all
        source = latest(table.name, reach.conditions())
        narrowed = f" AND {where}" if where else ""
        sql = f"SELECT {listed} {source} AND NOT e.deleted{narrowed} ORDER BY e.key"
        return sql, {**params, **reach.params()}

    def _records(
        self,
        session: Session,
        times: Times,
        table: Table,
        reach: Reach,
        where: str = "",
        params: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        names = ("known_tx", "known_since", *table.column_names)
        query = self._state_query(session, table, reach, names, where, params or {})
        found: list[Any] = []
        with _uncollected():
            # Batch by batch, so that the rows of one are still in the processor's cache when they become records,
            # and their memory is used again by the next.
            for rows in session.batches(*query):
                found += _built(times, table, rows)
        return found

    def _all_records(self, session: Session, times: Times, table: Table, reach: Reach) -> tuple[Any, ...]:
        """Every record of a kind; the current ones are kept until an event of that kind is written."""
        if not reach.everything or not times.honest:
            return tuple(self._records(session, times, table, reach))
        kept = self._current.get(table.kind)
        if kept is not None:
            head, found = kept
            same_chain = session.all("SELECT 1 FROM audit WHERE seq = :seq AND hash = :hash", _params(head))
            newer = f"SELECT 1 FROM {table.name} WHERE tx > :seq LIMIT 1"
            if (same_chain or head.seq == 0) and not session.all(newer, {"seq": head.seq}):
                return found
        found = tuple(self._records(session, times, table, reach))
        self._current[table.kind] = (read_head(session), found)
        return found

    def _trial_ledger(self, session: Session, *, versions: bool) -> Ledger:
        """The ledger inside a transaction that will be rolled back: nothing of it may be kept in memory."""
        times = Times(session)
        read = self._recorded if versions else self._records
        return _ledger_of({kind: read(session, times, TABLES[kind], Reach()) for kind in LEDGER_KINDS})

    def _recorded(self, session: Session, times: Times, table: Table, reach: Reach) -> tuple[Any, ...]:
        """Every recorded version of each existing record, as it stood on ``valid_on``."""
        found: list[Any] = []
        for _, group in groupby(read_events(session, table, "", {}), key=lambda row: row.key):
            rows = [row for row in group if reach.reaches(row)]
            if len(rows) == 1 and reach.valid_on is None:
                # Of a long list nearly every record: said once.
                only = rows[0]
                if not only.deleted:
                    known = only.known_since if only.version == 1 else None
                    found.append(table.record_from(only.values, known or times[only.tx]))
                continue
            states: list[tuple[datetime, Mapping[str, Any] | None]] = []
            for i, row in enumerate(rows):
                if i + 1 < len(rows) and rows[i + 1].tx == row.tx:
                    continue
                segment = in_force(timeline(rows[: i + 1]), reach.valid_on)
                first = row.known_since if row.version == 1 else None
                states.append((first or times[row.tx], None if segment is None else segment.values))
            last = states[-1][1] if states else None
            if last is None:
                continue
            # Versions of one record share what the count takes for its identity, or they would be two records.
            pinned = {name: last[name] for name in _IDENTITY.get(table.kind, ())}
            before: Mapping[str, Any] | None = None
            for when, values in states:
                if values is not None:
                    shown = {**values, **pinned}
                    if shown != before:
                        found.append(table.record_from(shown, when))
                    before = shown
        return tuple(found)

    def _versioned(
        self,
        session: Session,
        times: Times,
        table: Table,
        reach: Reach,
        where: str = "",
        params: Mapping[str, Any] | None = None,
    ) -> Iterable[Versioned]:
        names = (*ENVELOPE, *table.column_names)
        last = self._last_versions(session, table, reach, where, params or {})
        for row in session.all(*self._state_query(session, table, reach, names, where, params or {})):
            event = event_of(table, row)
            known = times[event.known_tx] if event.known_since is None else event.known_since
            record = table.record_from(event.values, known)
            version = last.get(event.key, event.version)
            yield Versioned(
                table.kind, event.key, version, record, event.valid_from, times[event.tx], event.tx
            )

    def _last_versions(
        self, session: Session, table: Table, reach: Reach, where: str, params: Mapping[str, Any]
    ) -> dict[str, int]:
        """The last known version by key. What holds today may be an earlier one, where a step lies in the future."""
        if reach.valid_on is None:
            return {}
        without_day = dataclasses.replace(reach, valid_on=None)
        conditions = " AND ".join(
            part for part in (without_day.conditions(), where.replace("e.", "x.")) if part
        )
        sql = f"SELECT x.key, MAX(x.version) FROM {table.name} x WHERE {conditions or '1 = 1'} GROUP BY x.key"
        return {key: int(version) for key, version in session.all(sql, {**params, **without_day.params()})}


def _built(times: Times, table: Table, rows: list[Row]) -> list[Any]:
    """Records from rows of known_tx, known_since and the table's columns."""
    known_tx, known_since, *columns = zip(*rows, strict=True)
    known = times.at(known_tx)
    for i, since in enumerate(known_since):
        if since is not None:
            known[i] = read_instant(since)
    return table.records_of(columns, known)


def _ledger_of(parts: Mapping[Kind, Iterable[Any]]) -> Ledger:
    # A database of an older schema has no table for what was not thought of yet.
    fields = {name: tuple(parts.get(kind, ())) for kind, name in _LEDGER_FIELDS.items()}
    return Ledger(**fields, municipality_mergers={m.old_code: m.new_code for m in parts[Kind.MERGER]})


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector: 100,000 new rows would make it walk the whole heap again and again."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _params(head: Head) -> dict[str, Any]:
    return {"seq": head.seq, "hash": head.hash}


def _check_contents(session: Session, wanted: set[str]) -> tuple[int, list[Finding]]:
    findings = []
    present = [str(row[0]) for row in session.all("SELECT sha256 FROM content ORDER BY sha256")]
    for sha256 in present:
        rows = session.all("SELECT bytes FROM content WHERE sha256 = :sha256", {"sha256": sha256})
        if not rows or sha256_hex(bytes(rows[0][0])) != sha256:
            findings.append(content_damaged(sha256))
    findings += [content_damaged(sha256) for sha256 in sorted(wanted - set(present))]
    return len(present), findings
