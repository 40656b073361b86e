"""One write transaction: what changes say is laid over what the ledger holds, and becomes events and one audit row."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from coverage.domain.ledger import Status
from coverage.errors import InputError
from coverage.store import timeline as lines
from coverage.store.audit import AuditEntry, Head, ordered
from coverage.store.canonical import digest_of, plain_json, sha256_hex, stored_text
from coverage.store.clock import day_in_japan
from coverage.store.events import TABLES, Change, EventRow, Kind, Table, ever_in_service
from coverage.store.identity import Sibling, group_of, identify, settle
from coverage.store.protocol import Actor, Difference, EventRef, FieldChange
from coverage.store.session import Session, events_by, insert_audit, insert_events
from coverage.store.timeline import Segment


class Books:
    """The events of the records that a transaction touches, read once, with what it adds laid on top."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[Kind, dict[str, list[EventRow]]] = {kind: {} for kind in Kind}
        self._groups: dict[Kind, dict[tuple[Any, ...], list[str]]] = {kind: {} for kind in Kind}
        self._loaded: dict[Kind, set[Any]] = {kind: set() for kind in Kind}
        self._loaded_keys: dict[Kind, set[str]] = {kind: set() for kind in Kind}

    def load(self, kind: Kind, parents: Iterable[Any]) -> None:
        """Fetch every record whose parent column is one of ``parents``."""
        table = TABLES[kind]
        missing = {p for p in parents if p is not None} - self._loaded[kind]
        if missing:
            self._loaded[kind] |= missing
            self._take(table, events_by(self._session, table, table.parent, missing))

    def load_keys(self, kind: Kind, keys: Iterable[str]) -> None:
        missing = set(keys) - self._loaded_keys[kind] - set(self._rows[kind])
        if missing:
            self._loaded_keys[kind] |= missing
            self._take(TABLES[kind], events_by(self._session, TABLES[kind], "key", missing))

    def _take(self, table: Table, rows: Iterable[EventRow]) -> None:
        held = self._rows[table.kind]
        fresh: dict[str, list[EventRow]] = {}
        for row in rows:
            if row.key not in held:
                fresh.setdefault(row.key, []).append(row)
        for key, versions in fresh.items():
            held[key] = versions
            group = group_of(table, versions[-1].values)
            self._groups[table.kind].setdefault(group, []).append(key)

    def rows(self, kind: Kind, key: str) -> list[EventRow]:
        """Every version of a record, ascending; empty for one that never was."""
        return self._rows[kind].get(key, [])

    def siblings(self, table: Table, values: Mapping[str, Any]) -> list[Sibling]:
        keys = self._groups[table.kind].get(group_of(table, values), ())
        last = (self._rows[table.kind][key][-1] for key in keys)
        return [Sibling(row.values, row.deleted) for row in last]

    def of_parents(self, table: Table, parents: set[Any]) -> list[str]:
        """Keys of the existing records whose parent column is one of ``parents`` (loaded before)."""
        return [
            key
            for key, rows in self._rows[table.kind].items()
            if not rows[-1].deleted and rows[-1].values[table.parent] in parents
        ]

    def exists(self, kind: Kind, key: str) -> bool:
        rows = self.rows(kind, key)
        return bool(rows) and not rows[-1].deleted

    def add(self, row: EventRow) -> None:
        rows = self._rows[row.kind].setdefault(row.key, [])
        if not rows:
            group = group_of(TABLES[row.kind], row.values)
            self._groups[row.kind].setdefault(group, []).append(row.key)
        rows.append(row)


class Writing:
    """A write transaction in the making. Nothing reaches the database before :meth:`finish`."""

    def __init__(self, session: Session, head: Head, at: datetime, by: Actor) -> None:
        self.session = session
        self.at = at
        self.by = by
        self.tx = head.seq + 1
        self.books = Books(session)
        self._head = head
        self._new: list[EventRow] = []
        self._before: dict[tuple[Kind, str], EventRow] = {}

    @property
    def today(self) -> date:
        return day_in_japan(self.at)

    @property
    def events(self) -> tuple[EventRef, ...]:
        return tuple(EventRef(row.kind, row.key, row.version, row.valid_from) for row in ordered(self._new))

    def segments(self, kind: Kind, key: str) -> list[Segment]:
        return lines.timeline(self.books.rows(kind, key))

    def current(self, kind: Kind, key: str) -> Mapping[str, Any] | None:
        """The last word on a record, this transaction's own included; None where it does not exist."""
        segment = lines.in_force(self.segments(kind, key), None)
        return None if segment is None else segment.values

    def apply_all(self, changes: Sequence[Change], *, valid_from: date | None) -> tuple[Difference, ...]:
        """Lay an upload (its values plain) over the ledger, row by row. Raises InputError for a site nobody knows."""
        plain = [settle(TABLES[c.kind], c.values) for c in changes]
        parents: dict[Kind, set[Any]] = {}
        alone: Counter[tuple[Kind, tuple[Any, ...]]] = Counter()
        for change, values in zip(changes, plain, strict=True):
            table = TABLES[change.kind]
            parents.setdefault(change.kind, set()).add(values.get(table.parent))
            alone[change.kind, group_of(table, values)] += 1
        for kind, wanted in parents.items():
            self.books.load(kind, wanted)
        self.books.load(Kind.SITE, {v["site_id"] for v in plain if v.get("site_id") is not None})
        # Sites first: an operator's row may come before its site's in the same upload.
        order = sorted(range(len(changes)), key=lambda i: changes[i].kind is not Kind.SITE)
        done: dict[int, Difference] = {}
        for i in order:
            change, values = changes[i], plain[i]
            table = TABLES[change.kind]
            only = alone[change.kind, group_of(table, values)] == 1
            done[i] = self.apply(change, values, valid_from=valid_from, alone=only)
        return tuple(done[i] for i in range(len(changes)))

    def apply(
        self, change: Change, values: Mapping[str, Any], *, valid_from: date | None = None, alone: bool = True
    ) -> Difference:
        """Lay one change (its values already plain, its records loaded) over the ledger."""
        table = TABLES[change.kind]
        _require_key_columns(table, values)
        values = identify(table, values, self.books.siblings(table, values), alone=alone)
        key = table.key_of(values)
        if change.kind in (Kind.SITE_OPERATOR, Kind.SITE_DISTRICT, Kind.ALLOCATION):
            self._require_site(table, values)
        rows = self.books.rows(change.kind, key)
        version = rows[-1].version if rows else 0
        segments = lines.timeline(rows)
        day = change.valid_from or valid_from
        if not segments or segments[-1].deleted:
            full = lines.create(
                table,
                values,
                valid_from=day,
                tx=self.tx,
                known_since=change.known_since if not rows else None,
            )
            self.write(change.kind, key, full)
            return Difference(change.kind, key, "new", (), version, change.row)
        reference = (lines.in_force(segments, day) or segments[-1]).values if day else segments[-1].values
        shown = _field_changes(table, reference, values)
        self._lay(table, key, segments, values, day)
        return Difference(change.kind, key, "changed" if shown else "unchanged", shown, version, change.row)

    def _lay(
        self, table: Table, key: str, segments: list[Segment], values: Mapping[str, Any], day: date | None
    ) -> None:
        if day is not None:
            self.write(table.kind, key, lines.step(table, segments, values, valid_from=day, tx=self.tx))
            return
        stated, last = dict(values), segments[-1]
        new_status = stated.get("status") if table.kind is Kind.SITE else None
        if (
            new_status is not None
            and new_status != last.values["status"]
            and ever_in_service(last.values["status"])
        ):
            # A site that served and is now said to stand in another state went there after it served: from the day it
            # went off the air, or from today on; or its years of service would be gone.
            del stated["status"]
            since = max(stated.pop("closed_on", None) or self.today, last.valid_from)
            self.write(table.kind, key, lines.correct(table, segments, stated, tx=self.tx))
            segments = self.segments(table.kind, key)
            moved = status_columns(new_status, since)
            self.write(table.kind, key, lines.step(table, segments, moved, valid_from=since, tx=self.tx))
            return
        self.write(table.kind, key, lines.correct(table, segments, stated, tx=self.tx))

    def write(self, kind: Kind, key: str, segments: Iterable[Segment]) -> None:
        """Add segments as the next versions of a record."""
        for segment in segments:
            rows = self.books.rows(kind, key)
            if rows and (kind, key) not in self._before and rows[-1].tx != self.tx:
                self._before[kind, key] = rows[-1]
            row = EventRow(
                kind,
                key,
                rows[-1].version + 1 if rows else 1,
                self.tx,
                segment.valid_from,
                segment.known_tx,
                segment.known_since,
                segment.deleted,
                segment.values,
            )
            self.books.add(row)
            self._new.append(row)

    def replace(self, kind: Kind, key: str, values: Mapping[str, Any]) -> None:
        """The next version of a record that has no valid dates of its own (imports, tokens, challenges)."""
        table = TABLES[kind]
        segments = self.segments(kind, key)
        plain = table.plain(values)
        if not segments:
            self.write(kind, key, lines.create(table, plain, valid_from=None, tx=self.tx))
        else:
            self.write(kind, key, lines.correct(table, segments, plain, tx=self.tx))

    def store_content(self, content: bytes) -> str:
        """Keep bytes under their SHA-256; the same bytes are kept once."""
        digest = sha256_hex(content)
        if not self.session.all("SELECT 1 FROM content WHERE sha256 = :sha256", {"sha256": digest}):
            self.session.insert("content", ("sha256", "bytes"), [(digest, content)])
        return digest

    def forget(self) -> None:
        """Drop what was read and written: after :meth:`finish` it stands in the database."""
        self.books = Books(self.session)
        self._new, self._before = [], {}

    @property
    def wrote_nothing(self) -> bool:
        return not self._new

    def finish(self, action: str, object_: str, detail: Mapping[str, Any], *, for_good: bool = True) -> Head:
        """Write the audit row and the events; returns the chain's new head. To be followed by the commit.

        ``for_good`` False: by a rollback instead, so that nobody will ever hold the rows to their digests.
        """
        rows = ordered(self._new)
        before = ordered(self._before.values())
        entry = AuditEntry(
            self.tx,
            self.at,
            self.by.user_id,
            self.by.role,
            action,
            stored_text(object_, where="audit.object").replace("\n", " ")[:500],
            digest_of(row.sha256() for row in before if for_good),
            digest_of(row.sha256() for row in rows if for_good),
            plain_json(detail, where="audit.detail"),
            self._head.hash,
            "",
        )
        sealed = dataclasses.replace(entry, hash=entry.computed_hash())
        insert_audit(self.session, sealed)
        by_kind: dict[Kind, list[EventRow]] = {}
        for row in rows:
            by_kind.setdefault(row.kind, []).append(row)
        for kind, listed in by_kind.items():
            insert_events(self.session, TABLES[kind], listed)
        return Head(sealed.seq, sealed.hash)

    def _require_site(self, table: Table, values: Mapping[str, Any]) -> None:
        key = TABLES[Kind.SITE].key_of(values)
        self.books.load(Kind.SITE, (values["site_id"],))
        if not self.books.exists(Kind.SITE, key):
            site_id = values["site_id"]
            raise InputError(
                "unknown-site",
                f"{table.ja}が指す局番号「{site_id}」は台帳にありません。基地局を先に登録するか、番号を直してください。",
                f'There is no site "{site_id}" that this {table.kind.value} could belong to; add the site first or '
                "correct the id.",
            )


def status_columns(status: str, on: date) -> dict[str, Any]:
    """What a step of the life-cycle on the day ``on`` states: 停止 and 廃止 are off the air from that day."""
    off_air = status in (Status.SUSPENDED, Status.CLOSED)
    return {"status": str(status), "closed_on": on if off_air else None}


def _require_key_columns(table: Table, values: Mapping[str, Any]) -> None:
    for name in table.key:
        column = table.by_name[name]
        if not column.hidden and values.get(name) is None:
            raise InputError(
                "missing-value",
                f"{table.ja}の「{column.ja}」({name}) がありません。値を入れてください。",
                f"{table.kind.value} lacks {name}; give a value.",
            )


def _field_changes(
    table: Table, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(c.name, c.ja, before.get(c.name), after[c.name])
        for c in table.visible
        if c.name in after and before.get(c.name) != after[c.name]
    )


def differing(table: Table, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The columns in which two full rows differ."""
    return _field_changes(table, before, {c.name: after.get(c.name) for c in table.visible})
