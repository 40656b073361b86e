"""Single edits: one record, the version that the editor saw, and who was faster if somebody was."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from typing import Any

from coverage.domain.ledger import Status
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.store import timeline as lines
from coverage.store.canonical import one_line
from coverage.store.clock import JAPAN
from coverage.store.events import TABLES, Change, EventRow, Kind, join_key
from coverage.store.identity import identify, settle
from coverage.store.protocol import Actor, EditConflictError, FieldChange, Receipt
from coverage.store.reading import Reading
from coverage.store.session import Session, read_audit, read_head
from coverage.store.tables import EDITABLE_KINDS, RETIRABLE_KINDS
from coverage.store.writing import Writing, differing, status_columns


class _RolledBackError(Exception):
    """Leaves a trial's transaction so that it is rolled back."""


class Editing(Reading):
    """The writing half of a store that all its doors share."""

    @abstractmethod
    def _write(self) -> AbstractContextManager[Session]:
        """The one write transaction at a time; committed and on disk when the block ends, undone if it raises."""

    @contextmanager
    def _transaction(self, by: Actor) -> Iterator[Writing]:
        with self._write() as session:
            yield Writing(session, read_head(session), self._clock(), by)

    @contextmanager
    def _trial(self, by: Actor) -> Iterator[Writing]:
        """A transaction that is undone when the block ends, whatever was written in it."""
        with suppress(_RolledBackError), self._transaction(by) as writing:
            yield writing
            raise _RolledBackError

    def put(
        self,
        kind: Kind,
        values: Mapping[str, Any],
        *,
        by: Actor,
        expected_version: int,
        key: str | None = None,
        valid_from: date | None = None,
        reason: str = "",
        action: str = "edit",
    ) -> Receipt:
        """State ``values`` of one record; columns that are not named stay as they are.

        ``expected_version``: the version the editor saw, 0 for a new record. ``key``: of an existing record; None =
        from the values. ``valid_from``: None corrects, a date is a step from that day on (docs/ledger.md).

        Raises EditConflictError when somebody changed the record since, InputError for a value that cannot be.
        """
        _require_door(kind, EDITABLE_KINDS)
        with self._transaction(by) as writing:
            written = edit(
                writing, kind, values, expected_version=expected_version, key=key, valid_from=valid_from
            )
            return _close(writing, action, f"{kind.value}:{written}", reason)

    def retire(self, kind: Kind, key: str, *, by: Actor, expected_version: int, reason: str) -> Receipt:
        """Take a record out, as an event: it stays in the history.

        Raises NotFoundError, EditConflictError, and ConflictError for a site that has operators, districts or an
        allocation: take these out first.
        """
        _require_door(kind, RETIRABLE_KINDS)
        with self._transaction(by) as writing:
            writing.books.load_keys(kind, [key])
            require_version(writing, kind, key, expected_version)
            segments = writing.segments(kind, key)
            if lines.in_force(segments, None) is None:
                raise not_found(kind, key)
            writing.write(kind, key, lines.remove(segments, tx=writing.tx))
            for child, child_key in dependents(writing):
                raise ConflictError(
                    "record-has-dependents",
                    f"「{one_line(key, limit=80)}」には{TABLES[child].ja}「{one_line(child_key, limit=80)}」があります。先にそちらを削除してください。",
                    f'"{one_line(key, limit=80)}" still has the {child.value} "{one_line(child_key, limit=80)}"; take '
                    "that out first.",
                )
            return _close(writing, "retire", f"{kind.value}:{key}", reason)

    def set_status(
        self, site_id: str, status: Status, *, on: date, by: Actor, expected_version: int, reason: str = ""
    ) -> Receipt:
        """A step of a site's life-cycle from the day ``on``; steps recorded for later days stand."""
        with self._transaction(by) as writing:
            key = join_key([TABLES[Kind.SITE].plain({"site_id": site_id})["site_id"]])
            moved = status_columns(status, on)
            edit(writing, Kind.SITE, moved, expected_version=expected_version, key=key, valid_from=on)
            return _close(writing, "status", f"{Kind.SITE.value}:{key}", reason)


def edit(
    writing: Writing,
    kind: Kind,
    values: Mapping[str, Any],
    *,
    expected_version: int,
    key: str | None = None,
    valid_from: date | None = None,
) -> str:
    """Lay an edit over the ledger inside a transaction; returns the record's key."""
    table = TABLES[kind]
    plain = settle(table, table.plain(values))
    if key is not None:
        writing.books.load_keys(kind, [key])
        held = writing.current(kind, key)
        if held is None and expected_version > 0:
            require_version(writing, kind, key, expected_version)
            raise not_found(kind, key)
        if held is not None:
            named = {name: plain[name] for name in table.key if name in plain and plain[name] != held[name]}
            if named:
                raise InputError(
                    "key-cannot-change",
                    f"{table.ja}の番号（{'・'.join(named)}）は変えられません。新しい記録として登録してください。",
                    f"The identifying columns of a {kind.value} ({', '.join(named)}) cannot be changed; "
                    "enter a new record.",
                )
            plain = {**{name: held[name] for name in table.key}, **plain}
    else:
        writing.books.load(kind, [plain.get(table.parent)])
        if all(plain.get(name) is not None or table.by_name[name].hidden for name in table.key):
            plain = identify(table, plain, writing.books.siblings(table, plain), alone=True)
            key = table.key_of(plain)
    if key is not None:
        require_version(writing, kind, key, expected_version)
    return writing.apply(Change(kind, plain), plain, valid_from=valid_from).key


def dependents(writing: Writing) -> list[tuple[Kind, str]]:
    """Existing operators, districts and allocations of the sites that the transaction takes out: (kind, key)."""
    gone = {
        writing.books.rows(Kind.SITE, ref.key)[-1].values["site_id"]
        for ref in writing.events
        if ref.kind is Kind.SITE and not writing.books.exists(Kind.SITE, ref.key)
    }
    found: list[tuple[Kind, str]] = []
    for kind in (Kind.SITE_OPERATOR, Kind.SITE_DISTRICT, Kind.ALLOCATION):
        writing.books.load(kind, gone)
        found += [(kind, key) for key in writing.books.of_parents(TABLES[kind], gone)]
    return found


def _require_door(kind: Kind, allowed: Sequence[Kind]) -> None:
    if kind not in allowed:
        raise InputError(
            "kind-has-own-door",
            f"{TABLES[kind].ja}は、この方法では変更できません。専用の画面かコマンドを使ってください。",
            f"A {kind.value} cannot be changed this way; use its own page or command.",
        )


def require_version(writing: Writing, kind: Kind, key: str, expected_version: int) -> None:
    """Raise EditConflictError, saying who changed what and when, unless the record is at ``expected_version``."""
    rows = writing.books.rows(kind, key)
    version = rows[-1].version if rows else 0
    gone = bool(rows) and rows[-1].deleted
    if version == expected_version or (gone and expected_version == 0):
        return
    if version < expected_version:
        raise not_found(kind, key)
    raise conflict(writing, rows, expected_version)


def conflict(writing: Writing, rows: list[EventRow], seen_version: int) -> EditConflictError:
    """The error for somebody who saw ``seen_version`` of a record that has moved on."""
    last = rows[-1]
    table = TABLES[last.kind]
    done = next(iter(read_audit(writing.session, "e.seq = :seq", {"seq": last.tx})))
    before = rows[seen_version - 1].values if 0 < seen_version <= len(rows) else {}
    changes: tuple[FieldChange, ...] = () if last.deleted else differing(table, before, last.values)
    when = done.at.astimezone(JAPAN).strftime("%Y-%m-%d %H:%M")
    name = one_line(f"{last.key}", limit=80)
    what_ja = "削除" if last.deleted else "、".join(c.text("ja") for c in changes[:8]) or "同じ内容で登録"
    what_en = "removed" if last.deleted else ", ".join(c.text("en") for c in changes[:8]) or "entered alike"
    return EditConflictError(
        "edit-conflict",
        f"{table.ja}「{name}」は {done.actor} さんが {when} に変更しました（{what_ja}）。"
        "あなたの変更は保存していません。最新の内容を読み直して、もう一度変更してください。",
        f'{last.kind.value} "{name}" was changed by {done.actor} at {when} JST ({what_en}). Your change was not '
        "saved; load it again and repeat your change.",
        actor=done.actor,
        at=done.at,
        changes=changes,
    )


def not_found(kind: Kind, key: str) -> NotFoundError:
    table, name = TABLES[kind], one_line(key, limit=80)
    return NotFoundError(
        "record-not-found",
        f"{table.ja}「{name}」は台帳にありません。番号を確かめてください。",
        f'There is no {kind.value} "{name}" in the ledger; check the id.',
    )


def close(writing: Writing, action: str, object_: str, detail: Mapping[str, Any]) -> Receipt:
    """End a transaction with its audit row; where nothing differed, nothing is written."""
    if writing.wrote_nothing:
        return Receipt(read_head(writing.session), ())
    return Receipt(writing.finish(action, object_, detail), writing.events)


def _close(writing: Writing, action: str, object_: str, reason: str) -> Receipt:
    return close(writing, action, object_, {"reason": reason} if reason else {})


def require_text(value: str, *, ja: str, en: str, limit: int = 2000) -> str:
    """A reason, note or answer: not empty, not endless."""
    text = value.strip()
    if not text or len(text) > limit:
        raise InputError(
            "text-missing",
            f"{ja}が空か、{limit} 文字を超えています。1〜{limit} 文字で書いてください。",
            f"The {en} is empty or longer than {limit} characters; write 1 to {limit} characters.",
        )
    return text
