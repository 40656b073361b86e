"""Reading the audit trail: who changed what, when, from what to what; as rows, and as a CSV file for Excel.

A search by a record's number reads that record's own history, so that a change which came by an accepted upload is found
as well as one that was typed in. A search without one walks the chain backwards from its end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

from coverage.domain.fiscal import TOKYO
from coverage.runs.tables import cell_text
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.store.audit import AuditEntry
from coverage.store.canonical import one_line
from coverage.store.events import TABLES, Kind
from coverage.store.protocol import FieldChange, HistoryEntry, Store

__all__ = [
    "KINDS",
    "Change",
    "FieldChange",
    "Found",
    "HistoryEntry",
    "Kind",
    "Query",
    "as_csv",
    "audit_kind_ja",
    "field_names",
    "of_entry",
    "only_field",
    "search",
    "shown",
]

_AUDIT = Resource(Object.AUDIT)
_WINDOW: Final = 5000
_KEYS: Final = 60
"""Records that one search reads the history of."""
_HIDDEN: Final = frozenset(
    {
        "token_sha256",
        "records_sha256",
        "report",
        "mapping",
        "result",
        "base_tx",
        "idempotency_key",
        "file_bytes",
    }
)
"""Columns that say nothing to a person."""
VALUE_CHARACTERS: Final = 200
KINDS: Final = tuple(kind for kind in TABLES if kind is not Kind.RUN)
"""Kinds of records that a search can be narrowed to."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. ``text``: a part of the number, or of a site's name; ``since`` and ``until``: days in Japan."""

    text: str = ""
    kind: Kind | None = None
    actor: str = ""
    since: date | None = None
    until: date | None = None

    def covers(self, at: datetime) -> bool:
        """Whether a moment lies on the days asked for."""
        day = at.astimezone(TOKYO).date()
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Change:
    """One writing to one record, or one row of the chain that wrote no single record (``kind`` None).

    ``fields``: what it changed; empty where the record was taken out (``removed``) or nothing but its state was written.
    """

    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    object: str
    kind: Kind | None
    key: str
    fields: tuple[FieldChange, ...] = ()
    valid_from: date | None = None
    removed: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Newest first. ``more``: there are others beyond ``limit``."""

    changes: tuple[Change, ...]
    more: bool


def search(store: Store, query: Query, *, principal: Principal, limit: int = 100) -> Found:
    """What the trail knows about ``query``. Raises PermissionDeniedError for those who may not read it."""
    authorise(principal, Action.VIEW, _AUDIT)
    if query.text.strip():
        keys = _keys(store, query)
        found = sorted(
            _of_records(store, query, keys), key=lambda c: (c.seq, c.kind or "", c.key), reverse=True
        )
        return Found(tuple(found[:limit]), len(found) > limit or len(keys) > _KEYS)
    rows: list[Change] = []
    for entry in _backwards(store, query):
        if len(rows) == limit:
            return Found(tuple(rows), True)
        rows += _shown(store, entry)
    return Found(tuple(rows[:limit]), len(rows) > limit)


def of_entry(store: Store, change: Change, *, principal: Principal, limit: int = 300) -> Found:
    """What an accepted or undone upload wrote, record by record; nothing for another row of the chain."""
    authorise(principal, Action.VIEW, _AUDIT)
    if change.kind is not Kind.IMPORT:
        return Found((), False)
    found: list[Change] = []
    events = [ref for ref in store.import_events(change.key) if ref.kind is not Kind.IMPORT]
    for kind, key in dict.fromkeys((ref.kind, ref.key) for ref in events):
        if len(found) >= limit:
            return Found(tuple(found), True)
        found += [c for c in _history(store, kind, key) if c.seq == change.seq]
    return Found(tuple(found), False)


def field_names(changes: Iterable[Change]) -> dict[str, str]:
    """Column → its Japanese word, of everything that ``changes`` touched, in order of appearance."""
    return {f.field: f.ja for change in changes for f in change.fields}


def only_field(changes: Iterable[Change], field: str) -> tuple[Change, ...]:
    """The changes of one column, with nothing else of what the same writing changed."""
    narrowed = []
    for change in changes:
        kept = tuple(f for f in change.fields if f.field == field)
        if kept:
            narrowed.append(Change(**{n: getattr(change, n) for n in Change.__slots__} | {"fields": kept}))
    return tuple(narrowed)


def as_csv(changes: Iterable[Change], *, principal: Principal) -> bytes:
    """One row a changed field, UTF-8 with byte order mark; a cell that Excel would compute is kept from it."""
    authorise(principal, Action.VIEW, _AUDIT)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        [
            "seq",
            "at_jst",
            "actor",
            "role",
            "action",
            "kind",
            "key",
            "field",
            "field_ja",
            "before",
            "after",
            "valid_from",
            "reason",
        ]
    )
    for change in changes:
        base = [
            change.seq,
            change.at.astimezone(TOKYO).isoformat(timespec="seconds"),
            change.actor,
            change.role,
            change.action,
            change.kind.value if change.kind is not None else change.object,
            change.key,
        ]
        day = "" if change.valid_from in (None, date.min) else str(change.valid_from)
        for field in change.fields or (None,):
            said = (
                ["", "", "", ""]
                if field is None
                else [field.field, field.ja, shown(field.before), shown(field.after)]
            )
            writer.writerow([cell_text(v) for v in (*base, *said, day, change.reason)])
    return out.getvalue().encode("utf-8-sig")


def shown(value: Any, *, limit: int = VALUE_CHARACTERS) -> str:
    """A value of a record as text; "" for none, a sign for a shape."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return "◇"
    return one_line(str(value), limit=limit)


@lru_cache
def audit_kind_ja(kind: Kind) -> str:
    """The Japanese word of a kind of record."""
    return TABLES[kind].ja


def _keys(store: Store, query: Query) -> list[tuple[Kind, str]]:
    """Records whose number or, for sites, name holds the text; sites first, those of a whole number before others."""
    text = query.text.strip()
    kinds = (query.kind,) if query.kind is not None else tuple(TABLES)
    wanted: dict[tuple[Kind, str], None] = {}
    for part in (text, *_sites_named(store, text)):
        for kind in kinds:
            for key in store.find_keys(kind, part, limit=_KEYS + 1):
                wanted.setdefault((kind, key))
    return sorted(wanted, key=lambda found: text.lower() not in found[1].lower().split("/"))


def _of_records(store: Store, query: Query, keys: list[tuple[Kind, str]]) -> Iterator[Change]:
    for kind, key in keys[:_KEYS]:
        for change in _history(store, kind, key):
            if query.covers(change.at) and query.actor in ("", change.actor):
                yield change


def _sites_named(store: Store, text: str) -> list[str]:
    """Numbers of the sites whose name holds the text."""
    return [s.site_id for s in store.records(Kind.SITE) if text in s.name][:5]


def _history(store: Store, kind: Kind, key: str) -> list[Change]:
    return [_change(kind, key, entry) for entry in store.history(kind, key)]


def _change(kind: Kind, key: str, entry: HistoryEntry) -> Change:
    return Change(
        entry.tx,
        entry.at,
        entry.actor,
        entry.role,
        entry.action,
        f"{kind.value}:{key}",
        kind,
        key,
        tuple(f for f in entry.changes if f.field not in _HIDDEN),
        entry.valid_from,
        entry.deleted,
        entry.reason,
    )


def _backwards(store: Store, query: Query) -> Iterator[AuditEntry]:
    """Rows of the chain, newest first, window by window."""
    prefix = None if query.kind is None else f"{query.kind.value}:"
    # A clock that was put back moves single rows; a day of margin keeps the search from ending too early.
    floor = None if query.since is None else datetime.combine(query.since, time(), TOKYO) - timedelta(days=1)
    high = store.head().seq
    while high > 0:
        low = max(0, high - _WINDOW)
        rows = store.audit(after_seq=low, limit=_WINDOW, actor=query.actor or None, object_prefix=prefix)
        inside = [row for row in rows if row.seq <= high]
        yield from (row for row in reversed(inside) if query.covers(row.at))
        if floor is not None and inside and inside[0].at < floor:
            return
        high = low


def _shown(store: Store, entry: AuditEntry) -> list[Change]:
    """A row of the chain with what it changed, where it wrote one record."""
    name, _, key = entry.object.partition(":")
    kind = Kind(name) if name in {k.value for k in TABLES} else None
    if kind is not None:
        written = [change for change in _history(store, kind, key) if change.seq == entry.seq]
        if written:
            return written
    detail = entry.detail
    reason = str(detail.get("reason") or detail.get("note") or detail.get("source") or "")
    return [
        Change(
            entry.seq, entry.at, entry.actor, entry.role, entry.action, entry.object, kind, key, reason=reason
        )
    ]
