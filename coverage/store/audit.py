"""The audit chain: what a row of it is, how its hash is made, and how a changed history is found.

Every transaction that changes the store writes one row, in the same transaction:

    hash = SHA-256( prev_hash ‖ canonical JSON of {seq, at, actor, role, action, object, before_sha256,
                                                   after_sha256, detail} )

``after_sha256`` is the digest of the event rows that the transaction wrote (``EventRow.sha256``; for several rows the
SHA-256 over their digests, one a line, in order of kind, key, version), ``before_sha256`` the same over the versions
that they followed. ``prev_hash`` of the first row is 64 zeros. Nothing secret goes in: anybody with a copy can check it.

A chain cannot show by itself that its end was cut off. For that its head (number and hash of the last row) is put
down elsewhere, an *anchor*: printed with each backup, written to a log that the database's owner cannot change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from coverage.errors import FileFormatError, StorageError
from coverage.store.canonical import canonical_json, instant_text, one_line, sha256_hex
from coverage.store.events import TABLES, EventRow, Kind

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the chain: (0, 64 zeros) for an empty store."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"seq={self.seq} head={self.hash}"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the chain. ``object`` is "kind:key"; ``detail`` is small JSON: reason, counts."""

    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    object: str
    before_sha256: str | None
    after_sha256: str | None
    detail: Mapping[str, Any]
    prev_hash: str
    hash: str

    def computed_hash(self) -> str:
        body = {
            "seq": self.seq,
            "at": instant_text(self.at),
            "actor": self.actor,
            "role": self.role,
            "action": self.action,
            "object": self.object,
            "before_sha256": self.before_sha256,
            "after_sha256": self.after_sha256,
            "detail": self.detail,
        }
        return sha256_hex(self.prev_hash + canonical_json(body))


@dataclass(frozen=True, slots=True)
class Finding:
    """One sign that history was changed from outside. ``code`` is stable; ``seq`` is the row of the chain, or None."""

    code: str
    seq: int | None
    ja: str
    en: str


@dataclass(frozen=True)
class AuditReport:
    """What ``verify_audit`` found; empty ``findings`` = the chain, the events and the stored bytes all agree."""

    head: Head
    entries: int
    rows: int
    contents: int
    anchors: int
    """How many anchors lay within reach and were compared."""
    findings: tuple[Finding, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return not self.findings


class RowDigests:
    """Digests of event rows by the transaction that wrote them, gathered kind by kind in order (key, version)."""

    def __init__(self) -> None:
        self._after: dict[int, list[str]] = {}
        self._before: dict[int, list[str]] = {}
        self.rows = 0
        self.findings: list[Finding] = []
        self._keys: dict[int, set[tuple[str, str]]] = {}

    def add(self, rows: Iterable[EventRow]) -> None:
        last: EventRow | None = None
        last_digest = ""
        for row in rows:
            self.rows += 1
            digest = row.sha256()
            follows = last is not None and (last.kind, last.key) == (row.kind, row.key)
            expected = last.version + 1 if follows and last is not None else 1
            if row.version != expected:
                self.findings.append(_version_gap(row, expected))
            self._after.setdefault(row.tx, []).append(digest)
            if follows and last is not None and last.tx != row.tx:
                self._before.setdefault(row.tx, []).append(last_digest)
            last, last_digest = row, digest

    def after(self, tx: int) -> str | None:
        return _combined(self._after.get(tx, []))

    def before(self, tx: int) -> str | None:
        return _combined(self._before.get(tx, []))

    @property
    def transactions(self) -> set[int]:
        return set(self._after)


def _combined(hashes: Sequence[str]) -> str | None:
    if not hashes:
        return None
    return hashes[0] if len(hashes) == 1 else sha256_hex("\n".join(hashes))


def ordered(rows: Iterable[EventRow]) -> list[EventRow]:
    """Rows in the order that digests are made in: kind as in TABLES, then key (code points), then version."""
    place = {kind: i for i, kind in enumerate(TABLES)}
    return sorted(rows, key=lambda row: (place[row.kind], row.key, row.version))


def check_chain(
    entries: Iterable[AuditEntry], digests: RowDigests, anchors: Iterable[Head]
) -> Iterator[Finding]:
    """Every sign in the chain that it was edited, cut, reordered or shortened. ``entries`` ascend by ``seq``."""
    known = {anchor.seq: anchor.hash for anchor in anchors if anchor.seq > 0}
    seen: set[int] = set()
    prev, expected = GENESIS, 1
    for entry in entries:
        if entry.seq != expected:
            yield Finding(
                "row-missing",
                expected,
                f"監査記録 {expected} 番がありません（次にあるのは {entry.seq} 番）。削除された疑いがあります。",
                f"Audit row {expected} is missing (the next is {entry.seq}): it was deleted.",
            )
        elif entry.prev_hash != prev:
            yield Finding(
                "order-changed",
                entry.seq,
                f"監査記録 {entry.seq} 番が前の記録とつながりません。並べ替え・差し替えの疑いがあります。",
                f"Audit row {entry.seq} does not follow the row before it: rows were exchanged or replaced.",
            )
        if entry.hash != entry.computed_hash():
            yield Finding(
                "row-edited",
                entry.seq,
                f"監査記録 {entry.seq} 番の内容とハッシュが合いません。書き換えられた疑いがあります。",
                f"Audit row {entry.seq} does not match its hash: it was edited.",
            )
        if entry.after_sha256 != digests.after(entry.seq) or entry.before_sha256 != digests.before(entry.seq):
            yield Finding(
                "events-differ",
                entry.seq,
                f"監査記録 {entry.seq} 番（{one_line(entry.object)}）が書いた記録が、当時の要約値と合いません。"
                "記録の書き換え・削除・追加の疑いがあります。",
                f"The events written by audit row {entry.seq} ({one_line(entry.object)}) do not match its digest: "
                "events were edited, deleted or added.",
            )
        if known.get(entry.seq, entry.hash) != entry.hash:
            yield Finding(
                "anchor-differs",
                entry.seq,
                f"監査記録 {entry.seq} 番のハッシュが、控えておいた値と違います。履歴が作り直された疑いがあります。",
                f"The hash of audit row {entry.seq} is not the one that was put down: history was made anew.",
            )
        seen.add(entry.seq)
        prev, expected = entry.hash, entry.seq + 1
    last = expected - 1
    for seq in sorted(s for s in known if s > last):
        yield Finding(
            "truncated",
            seq,
            f"控えには監査記録 {seq} 番までありますが、台帳は {last} 番で終わっています。末尾が切り取られた疑いがあります。",
            f"An anchor says the chain reached row {seq}, but it ends at row {last}: its end was cut off.",
        )
    for tx in sorted(digests.transactions - seen):
        yield Finding(
            "events-without-audit",
            tx,
            f"監査記録のない変更（{tx} 番）があります。監査記録の削除か、直接の書き込みの疑いがあります。",
            f"There are events of transaction {tx} without an audit row: it was deleted, or they were slipped in.",
        )


def _version_gap(row: EventRow, expected: int) -> Finding:
    name = one_line(f"{row.kind.value}:{row.key}")
    return Finding(
        "version-gap",
        row.tx,
        f"{name} の第 {expected} 版がありません（第 {row.version} 版があります）。削除の疑いがあります。",
        f"Version {expected} of {name} is missing (version {row.version} is there): it was deleted.",
    )


def guard_missing(name: str) -> Finding:
    return Finding(
        "guard-missing",
        None,
        f"書き換えを防ぐ仕掛け「{name}」が外されています。台帳に直接手が加えられた疑いがあります。",
        f'The guard "{name}" against changes was removed: somebody worked on the database directly.',
    )


def content_damaged(sha256: str) -> Finding:
    return Finding(
        "content-damaged",
        None,
        f"保存したファイル（SHA-256 {sha256[:16]}…）の中身が変わっているか、失われています。",
        f"The stored file with SHA-256 {sha256[:16]}… was changed or is gone.",
    )


CONTENT_COLUMNS = (
    (Kind.IMPORT, "file_sha256"),
    (Kind.IMPORT, "records_sha256"),
    (Kind.PUBLICATION, "content_sha256"),
)
"""Columns that point at stored bytes."""


def write_anchor(path: Path, head: Head, *, at: datetime, event: str) -> None:
    """Append the head to an anchor log, one line, flushed to disk. ``event``: backup, daily, restore, …

    Raises StorageError where the log cannot be written.
    """
    line = f"{instant_text(at)} event={one_line(event, limit=40).replace(' ', '-')} {head}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="\n") as log:
            log.write(line)
            log.flush()
            os.fsync(log.fileno())
    except OSError as problem:
        raise StorageError(
            "anchor-not-written",
            f"監査の控え {path.name} に書き込めません（{problem.strerror}）。書き込める場所を指定してください。",
            f"The anchor log {path.name} cannot be written ({problem.strerror}); name a place that can.",
        ) from None


def read_anchors(path: Path) -> tuple[Head, ...]:
    """The anchors of a log. After a line of event ``restore``, earlier anchors beyond the restored head do not bind.

    A missing log is no anchors. Raises FileFormatError for a line that is not one of ours.
    """
    if not path.exists():
        return ()
    anchors: dict[int, Head] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        parts = dict(part.split("=", 1) for part in line.split() if "=" in part)
        if not line.strip():
            continue
        if (
            not {"seq", "head", "event"} <= set(parts)
            or not parts["seq"].isdigit()
            or len(parts["head"]) != 64
        ):
            raise FileFormatError(
                "anchor-log-unreadable",
                f"監査の控え {path.name} の {number} 行目が読めません。控えが壊れていないか確かめてください。",
                f"Line {number} of the anchor log {path.name} cannot be read; check that it is not damaged.",
            )
        head = Head(int(parts["seq"]), parts["head"])
        if parts["event"] == "restore":
            anchors = {seq: anchor for seq, anchor in anchors.items() if seq <= head.seq}
        anchors[head.seq] = head
    return tuple(anchors[seq] for seq in sorted(anchors))
