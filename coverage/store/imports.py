"""Uploads: staged, accepted or returned, undone as a whole. Each step is one transaction and one row of the chain."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from coverage.domain.ledger import Ledger
from coverage.errors import ConflictError, InputError
from coverage.store import timeline as lines
from coverage.store.canonical import canonical_json, one_line, sha256_hex
from coverage.store.clock import JAPAN
from coverage.store.editing import Editing, close, conflict, dependents, not_found, require_text
from coverage.store.events import (
    LEDGER_KINDS,
    TABLES,
    UPLOAD_KINDS,
    Change,
    EventRow,
    Kind,
    change_of,
    packed_changes,
    unpacked_changes,
)
from coverage.store.protocol import Actor, Comparison, EventRef, ImportReceipt, Receipt
from coverage.store.records import ImportRecord, ImportState, Merger
from coverage.store.session import read_events, read_head
from coverage.store.values import read_instant
from coverage.store.writing import Writing

_STATES_JA = {
    ImportState.STAGED: "承認待ち",
    ImportState.ACCEPTED: "承認済み",
    ImportState.RETURNED: "差戻し",
    ImportState.WITHDRAWN: "取下げ",
    ImportState.UNDONE: "取消し済み",
}


class Imports(Editing):
    """The doors of the upload pipeline and of the approval."""

    def compare(self, changes: Sequence[Change], *, valid_from: date | None = None) -> Comparison:
        """What an upload would do to the ledger, row by row; writes nothing.

        Raises InputError for a value that cannot be, or an operator's row on a site that nobody knows.
        """
        changes = [change.plain() for change in changes]
        with self._read() as session:
            head = read_head(session)
            writing = Writing(session, head, self._clock(), Actor("compare", "viewer"))
            return Comparison(writing.apply_all(changes, valid_from=valid_from), head.seq)

    def ledger_with(
        self, changes: Sequence[Change], *, valid_from: date | None = None, versions: bool = False
    ) -> Ledger:
        """The ledger of :meth:`trial`."""
        return self.trial(changes, valid_from=valid_from, versions=versions)[1]

    def trial(
        self, changes: Sequence[Change], *, valid_from: date | None = None, versions: bool = False
    ) -> tuple[Comparison, Ledger]:
        """The difference, and the ledger as it would be with an upload accepted; nothing is kept.

        It is written and rolled back, so that a preview of the count and the acceptance cannot differ; other writers
        wait meanwhile. ``versions`` as for ``ledger``.
        """
        changes = [change.plain() for change in changes]
        with self._trial(Actor("preview", "viewer")) as writing:
            comparison = Comparison(writing.apply_all(changes, valid_from=valid_from), writing.tx - 1)
            if not writing.wrote_nothing:
                writing.finish("preview", "ledger", {}, for_good=False)
            # From here on the database knows it all: of a long upload the memory would hold it twice.
            changes = []
            writing.forget()
            ledger = self._trial_ledger(writing.session, versions=versions)
        return comparison, ledger

    def stage_import(
        self,
        changes: Sequence[Change],
        *,
        by: Actor,
        table_name: str,
        file_name: str,
        content: bytes,
        report: Mapping[str, Any] | None = None,
        mapping: Mapping[str, Any] | None = None,
        valid_from: date | None = None,
        idempotency_key: str | None = None,
        accept: bool = False,
    ) -> ImportReceipt:
        """Keep an upload for acceptance, or with ``accept`` write it into the ledger in the same transaction.

        ``changes`` are what its good rows state, ``content`` the file's bytes, ``file_name`` a label only.

        Nothing is written, and the receipt of the first time comes back with ``repeated``, when ``idempotency_key``
        was used before, when the same file read in the same way is already waiting, or when it was accepted before and
        holds nothing that the ledger does not.

        Raises InputError for an empty upload or a record that uploads may not hold, ConflictError when the
        idempotency key was used for another file.
        """
        _check_changes(changes)
        changes = [change.plain() for change in changes]
        records = _packed(changes)
        stated: dict[str, Any] = {
            "table_name": table_name,
            "file_name": one_line(file_name, limit=200),
            "file_sha256": sha256_hex(content),
            "file_bytes": len(content),
            "records_sha256": sha256_hex(records),
            "report": dict(report or {}),
            "mapping": dict(mapping or {}),
            "applies_from": valid_from,
            "idempotency_key": idempotency_key,
        }
        with self._transaction(by) as writing:
            again = _seen_before(writing, stated)
            if again is not None:
                if accept and again["state"] == ImportState.STAGED.value:
                    return self._accept(writing, _import(writing, again["import_id"]), overwrite=False)
                return _receipt(writing, again, repeated=True)
            scratch = Writing(writing.session, read_head(writing.session), writing.at, by)
            target = writing if accept else scratch
            comparison = Comparison(target.apply_all(changes, valid_from=valid_from), writing.tx - 1)
            if comparison.changes_nothing:
                earlier = _accepted_before(writing, stated)
                if earlier is not None:
                    return _receipt(writing, earlier, repeated=True)
            stated["import_id"] = f"{writing.tx:06d}-{stated['file_sha256'][:8]}"
            stated["submitted_by"] = by.user_id
            stated["base_tx"] = writing.tx - 1
            stated["state"] = ImportState.ACCEPTED if accept else ImportState.STAGED
            stated["result"] = comparison.counts
            if accept:
                stated["decided_by"] = by.user_id
            events = writing.events
            writing.store_content(content)
            writing.store_content(records)
            writing.replace(Kind.IMPORT, stated["import_id"], stated)
            head = writing.finish(
                "import.accept" if accept else "import.stage",
                f"import:{stated['import_id']}",
                {"file_sha256": stated["file_sha256"], "counts": comparison.counts},
            )
            return ImportReceipt(stated["import_id"], stated["state"], head, comparison.counts, events)

    def commit_import(self, import_id: str, *, by: Actor, overwrite: bool = False) -> ImportReceipt:
        """Accept a staged upload: its records, its new state and one audit row in one transaction.

        Raises NotFoundError, and ConflictError when it was decided already or when somebody changed a record that it
        changes after its difference was shown (then ``overwrite`` accepts it nevertheless). Accepting twice is once.
        """
        with self._transaction(by) as writing:
            held = _import(writing, import_id)
            if held["state"] == ImportState.ACCEPTED.value:
                return _receipt(writing, held, repeated=True)
            _require_state(writing, held, ImportState.STAGED)
            return self._accept(writing, held, overwrite=overwrite)

    def _accept(self, writing: Writing, held: Mapping[str, Any], *, overwrite: bool) -> ImportReceipt:
        changes = _unpacked(_content(writing, held["records_sha256"]))
        differences = writing.apply_all(changes, valid_from=held["applies_from"])
        if not overwrite:
            for difference in differences:
                rows = [r for r in writing.books.rows(difference.kind, difference.key) if r.tx != writing.tx]
                if difference.state != "unchanged" and rows and rows[-1].tx > held["base_tx"]:
                    seen = sum(1 for r in rows if r.tx <= held["base_tx"])
                    raise _renamed(conflict(writing, rows, seen), "import-outdated")
        counts = Comparison(differences, writing.tx - 1).counts
        events = writing.events
        writing.replace(
            Kind.IMPORT,
            held["import_id"],
            {"state": ImportState.ACCEPTED, "decided_by": writing.by.user_id, "result": counts, "reason": ""},
        )
        head = writing.finish(
            "import.accept",
            f"import:{held['import_id']}",
            {"file_sha256": held["file_sha256"], "counts": counts, "submitted_by": held["submitted_by"]},
        )
        return ImportReceipt(held["import_id"], ImportState.ACCEPTED, head, counts, events)

    def return_import(self, import_id: str, *, by: Actor, reason: str) -> ImportReceipt:
        """Send a staged upload back with a reason."""
        return self._decide(import_id, by, ImportState.RETURNED, "import.return", _reason(reason))

    def withdraw_import(self, import_id: str, *, by: Actor, reason: str = "") -> ImportReceipt:
        """Take a staged upload back before it was decided."""
        return self._decide(import_id, by, ImportState.WITHDRAWN, "import.withdraw", reason.strip())

    def _decide(
        self, import_id: str, by: Actor, state: ImportState, action: str, reason: str
    ) -> ImportReceipt:
        with self._transaction(by) as writing:
            held = _import(writing, import_id)
            _require_state(writing, held, ImportState.STAGED)
            decided = {"state": state, "decided_by": by.user_id, "reason": reason}
            writing.replace(Kind.IMPORT, held["import_id"], decided)
            head = writing.finish(action, f"import:{held['import_id']}", {"reason": reason} if reason else {})
            return ImportReceipt(held["import_id"], state, head, held["result"])

    def undo_import(
        self, import_id: str, *, by: Actor, reason: str, overwrite: bool = False
    ) -> ImportReceipt:
        """Take an accepted upload out of the ledger as a whole, as new events: each record is again what it was before.

        Raises ConflictError when a record was changed since by somebody else, or has got operators or districts that
        came by another way; with ``overwrite`` those later entries are taken out too (they stay in the history).
        """
        reason = _reason(reason)
        with self._transaction(by) as writing:
            held = _import(writing, import_id)
            _require_state(writing, held, ImportState.ACCEPTED)
            tx = _accepting_tx(writing, held["import_id"])
            _take_back(writing, tx, overwrite=overwrite)
            events = writing.events
            writing.replace(
                Kind.IMPORT,
                held["import_id"],
                {"state": ImportState.UNDONE, "decided_by": by.user_id, "reason": reason},
            )
            head = writing.finish(
                "import.undo", f"import:{held['import_id']}", {"reason": reason, "undoes": tx}
            )
            return ImportReceipt(held["import_id"], ImportState.UNDONE, head, held["result"], events)

    def ledger_without(self, import_id: str, *, overwrite: bool = False, versions: bool = False) -> Ledger:
        """The ledger as it would be with an accepted upload taken back; nothing is kept.

        It is written and rolled back as in :meth:`trial`. Raises as :meth:`undo_import`.
        """
        with self._trial(Actor("preview", "viewer")) as writing:
            held = _import(writing, import_id)
            _require_state(writing, held, ImportState.ACCEPTED)
            _take_back(writing, _accepting_tx(writing, held["import_id"]), overwrite=overwrite)
            if not writing.wrote_nothing:
                writing.finish("preview", "ledger", {}, for_good=False)
            writing.forget()
            return self._trial_ledger(writing.session, versions=versions)

    def imports(self, *, state: ImportState | None = None) -> tuple[ImportRecord, ...]:
        """Uploads, newest first, narrowed to one state."""
        held = [r for r in self.records(Kind.IMPORT) if state is None or r.state == state]
        return tuple(sorted(held, key=lambda r: r.import_id, reverse=True))

    def import_changes(self, import_id: str) -> tuple[Change, ...]:
        """What the rows of an upload state, as it was staged."""
        with self._read() as session:
            writing = Writing(session, read_head(session), self._clock(), Actor("read", "viewer"))
            return tuple(_unpacked(_content(writing, _import(writing, import_id)["records_sha256"])))

    def import_events(self, import_id: str) -> tuple[EventRef, ...]:
        """The ledger's events that the acceptance of an upload wrote; empty when it never was accepted."""
        with self._read() as session:
            writing = Writing(session, read_head(session), self._clock(), Actor("read", "viewer"))
            key = _import(writing, import_id)["import_id"]
            tx = _accepting_tx(writing, key)
            rows = _events_of(writing, tx) if tx else []
            return tuple(EventRef(r.kind, r.key, r.version, r.valid_from) for r in rows)

    def load_ledger(
        self, ledger: Ledger, *, by: Actor, source: str, keep_recorded_at: bool = False
    ) -> Receipt:
        """Take a whole ledger over (the sample, the books of an older system) in one transaction.

        With ``keep_recorded_at`` a new record is known since its own ``recorded_at``, so that late entries of frozen
        years stay late and ``as_of`` reaches back behind the store's own beginning. Loading it twice writes nothing.

        Raises ConflictError when it would change a published year, InputError for a ``recorded_at`` in the future.
        """
        changes: list[Change] = []
        for kind in LEDGER_KINDS:
            listed = (
                [Merger(old, new) for old, new in ledger.municipality_mergers.items()]
                if kind is Kind.MERGER
                else getattr(ledger, f"{kind.value}s")
            )
            for record in listed:
                since = record.recorded_at if keep_recorded_at else None
                changes.append(change_of(record, known_since=since).plain())
        with self._transaction(by) as writing:
            for change in changes:
                if change.known_since is not None and change.known_since > writing.at:
                    raise InputError(
                        "recorded-in-future",
                        f"{TABLES[change.kind].ja}の記録日時（{change.known_since.isoformat()}）が未来です。直してください。",
                        f"A {change.kind.value} says it was recorded at {change.known_since.isoformat()}, which is in "
                        "the future; correct it.",
                    )
            differences = writing.apply_all(changes, valid_from=None)
            for difference in differences:
                if difference.kind is Kind.FROZEN_YEAR and difference.state == "changed":
                    raise ConflictError(
                        "year-already-frozen",
                        f"{difference.key} 年度は公表済みで、値を変えられません。修正仕訳を使ってください。",
                        f"Fiscal year {difference.key} was published and its value stands; enter a restatement.",
                    )
            counts = Comparison(differences, writing.tx - 1).counts
            return close(writing, "ledger.load", "ledger", {"source": one_line(source), "counts": counts})


def _check_changes(changes: Sequence[Change]) -> None:
    if not changes:
        raise InputError(
            "import-empty",
            "取り込める行が一つもありません。ファイルの内容を確かめてください。",
            "There is not one row to import; check the file.",
        )
    for change in changes:
        if change.kind not in UPLOAD_KINDS or change.known_since is not None:
            raise InputError(
                "kind-not-uploadable",
                f"{TABLES[change.kind].ja}はアップロードでは登録できません。専用の画面かコマンドを使ってください。",
                f"Records of kind {change.kind.value} cannot be uploaded; use their own page or command.",
            )


def _packed(changes: Sequence[Change]) -> bytes:
    """The records of an upload as they are kept."""
    return zlib.compress(canonical_json(packed_changes(changes)).encode("utf-8"), 1)


def _unpacked(content: bytes) -> list[Change]:
    return unpacked_changes(json.loads(zlib.decompress(content)))


def _content(writing: Writing, sha256: str) -> bytes:
    rows = writing.session.all("SELECT bytes FROM content WHERE sha256 = :sha256", {"sha256": sha256})
    return bytes(rows[0][0])


def _import(writing: Writing, import_id: str) -> Mapping[str, Any]:
    writing.books.load(Kind.IMPORT, [import_id])
    held = writing.current(Kind.IMPORT, import_id)
    if held is None:
        raise not_found(Kind.IMPORT, import_id)
    return held


def _current_imports(writing: Writing, column: str, value: str) -> list[Mapping[str, Any]]:
    """The last word on every upload with ``column`` = ``value`` (a column that never changes), oldest first."""
    rows = read_events(writing.session, TABLES[Kind.IMPORT], f'e."{column}" = :value', {"value": value})
    last: dict[str, Mapping[str, Any]] = {row.key: row.values for row in rows}
    return list(last.values())


def _seen_before(writing: Writing, stated: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The upload of which this one is a repetition: the same key, or the same file read alike and still waiting."""
    key = stated["idempotency_key"]
    if key is not None:
        for held in _current_imports(writing, "idempotency_key", key):
            if held["file_sha256"] != stated["file_sha256"] or held["table_name"] != stated["table_name"]:
                raise ConflictError(
                    "idempotency-key-reused",
                    f"このキーは別のファイル（取込 {held['import_id']}）で使われています。新しいキーで送ってください。",
                    f"This key was used for another file (import {held['import_id']}); send a new key.",
                )
            return held
    for held in _same_file(writing, stated):
        if held["state"] == ImportState.STAGED.value and key is None:
            return held
    return None


def _accepted_before(writing: Writing, stated: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The file accepted earlier, for an upload that changes nothing. What its rows state may be spelt otherwise now: a
    site that was new then is known today, and so are the values that the file leaves open."""
    accepted = [
        h
        for h in _current_imports(writing, "file_sha256", stated["file_sha256"])
        if h["state"] == ImportState.ACCEPTED.value
        and all(h[name] == stated[name] for name in ("table_name", "applies_from"))
    ]
    return accepted[-1] if accepted and stated["idempotency_key"] is None else None


def _same_file(writing: Writing, stated: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    same = ("file_sha256", "records_sha256", "table_name", "applies_from")
    held = _current_imports(writing, "file_sha256", stated["file_sha256"])
    return [h for h in held if all(h[name] == stated[name] for name in same)]


def _receipt(writing: Writing, held: Mapping[str, Any], *, repeated: bool) -> ImportReceipt:
    state = ImportState(held["state"])
    return ImportReceipt(
        held["import_id"], state, read_head(writing.session), held["result"], repeated=repeated
    )


def _require_state(writing: Writing, held: Mapping[str, Any], wanted: ImportState) -> None:
    state = ImportState(held["state"])
    if state is wanted:
        return
    last = writing.books.rows(Kind.IMPORT, held["import_id"])[-1]
    rows = writing.session.all('SELECT "at", actor FROM audit WHERE seq = :seq', {"seq": last.tx})
    when = read_instant(rows[0][0]).astimezone(JAPAN).strftime("%Y-%m-%d %H:%M")
    why = f"（理由：{one_line(held['reason'], limit=200)}）" if held["reason"] else ""
    raise ConflictError(
        "import-state",
        f"取込 {held['import_id']} は {when} に {rows[0][1]} さんが{_STATES_JA[state]}にしています{why}。"
        f"この操作ができるのは{_STATES_JA[wanted]}のものだけです。",
        f"Import {held['import_id']} was set to {state.value} by {rows[0][1]} at {when} JST; this can only be done "
        f"while it is {wanted.value}.",
    )


def _accepting_tx(writing: Writing, import_id: str) -> int:
    rows = writing.books.rows(Kind.IMPORT, import_id)
    return next((r.tx for r in rows if r.values["state"] == ImportState.ACCEPTED.value), 0)


def _events_of(writing: Writing, tx: int) -> list[EventRow]:
    found: list[EventRow] = []
    for kind in UPLOAD_KINDS:
        rows = list(read_events(writing.session, TABLES[kind], "e.tx = :tx", {"tx": tx}))
        writing.books.load_keys(kind, [row.key for row in rows])
        found += rows
    return found


def _first_of_each_key(rows: Sequence[EventRow]) -> list[EventRow]:
    first: dict[tuple[Kind, str], EventRow] = {}
    for row in rows:
        first.setdefault((row.kind, row.key), row)
    return list(first.values())


def _take_back(writing: Writing, tx: int, *, overwrite: bool) -> None:
    """Each record that the acceptance ``tx`` wrote is again what it was before it."""
    for row in _first_of_each_key(_events_of(writing, tx)):
        rows = writing.books.rows(row.kind, row.key)
        before = lines.timeline(r for r in rows if r.tx < tx)
        after = lines.timeline(r for r in rows if r.tx <= tx)
        present = lines.timeline(rows)
        if not overwrite and [s.content for s in present] != [s.content for s in after]:
            raise _renamed(conflict(writing, rows, sum(1 for r in rows if r.tx <= tx)), "undo-outdated")
        writing.write(row.kind, row.key, lines.restore(before, present, tx=writing.tx))
    _settle_dependents(writing, overwrite=overwrite)


def _settle_dependents(writing: Writing, *, overwrite: bool) -> None:
    """No operator, district or allocation may be left on a site that the undoing removed."""
    for kind, key in dependents(writing):
        if not overwrite:
            rows = writing.books.rows(kind, key)
            raise _renamed(conflict(writing, rows, len(rows) - 1), "undo-has-dependents")
        writing.write(kind, key, lines.remove(writing.segments(kind, key), tx=writing.tx))


def _renamed(problem: ConflictError, code: str) -> ConflictError:
    problem.code = code
    return problem


def _reason(reason: str) -> str:
    return require_text(reason, ja="理由", en="reason", limit=1000)
