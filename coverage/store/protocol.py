"""What the services ask of a store, and the values that pass between them.

Two adapters keep the promise: :class:`coverage.store.sqlite.SqliteStore` (the embedded default) and
:class:`coverage.store.postgis.PostgisStore`; one contract suite (tests/contract) runs on both. A store checks no
rights: :func:`coverage.services.access.authorise` has been asked before.

``as_of`` selects what was *known*: None = everything, an aware datetime = what had been recorded by then, an int = what
the transactions up to that number of the audit chain had recorded. ``valid_on`` selects what *stood*: None = the last
word on each record, steps with a future day included; a date = what holds on that day. Both may be given to every
query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from coverage.domain.ledger import District, Ledger, Site, Status
from coverage.errors import ConflictError, InputError
from coverage.store.audit import AuditEntry, AuditReport, Head
from coverage.store.canonical import one_line
from coverage.store.events import Change, Kind
from coverage.store.records import Challenge, ImportRecord, ImportState, Publication, ReadToken, User

AsOf = datetime | int | None
Bounds = tuple[float, float, float, float]
"""(west, south, east, north) in degrees."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: the id that the proxy states, and the role it was done in. Nothing else about a person is kept."""

    user_id: str
    role: str

    def __post_init__(self) -> None:
        if not self.user_id.strip() or len(self.user_id) > 200 or one_line(self.user_id) != self.user_id:
            raise InputError(
                "user-id-invalid",
                "利用者IDが空か、長すぎるか、改行などの制御文字を含んでいます。1〜200 文字の一行にしてください。",
                "The user id is empty, too long, or holds line breaks; give one line of 1 to 200 characters.",
            )


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One column of one record before and after; ``ja`` is the column's Japanese word."""

    field: str
    ja: str
    before: Any
    after: Any

    def text(self, lang: str = "ja") -> str:
        return f"{self.ja if lang == 'ja' else self.field} {_shown(self.before)}→{_shown(self.after)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """What an upload's row does to one record.

    ``changes`` is empty for a new record. ``version`` is the record's version before (0 = it never existed).
    """

    kind: Kind
    key: str
    state: Literal["new", "changed", "unchanged"]
    changes: tuple[FieldChange, ...]
    version: int
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between an upload and the ledger, row by row in the upload's order."""

    differences: tuple[Difference, ...]
    base_tx: int
    """Head of the audit chain that it was made against."""
    totals: Mapping[str, Mapping[str, int]] | None = None
    """The counts of all rows, where ``differences`` are only the first that change something."""

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """{kind: {"new": n, "changed": n, "unchanged": n}}."""
        if self.totals is not None:
            return {kind: dict(states) for kind, states in self.totals.items()}
        out: dict[str, dict[str, int]] = {}
        for difference in self.differences:
            by_state = out.setdefault(difference.kind.value, {"new": 0, "changed": 0, "unchanged": 0})
            by_state[difference.state] += 1
        return out

    @property
    def changes_nothing(self) -> bool:
        return all(d.state == "unchanged" for d in self.differences)

    def first(self, n: int) -> Comparison:
        """The same with at most ``n`` differences, those that change something first: to be kept and shown."""
        moving = (d for d in self.differences if d.state != "unchanged")
        return Comparison(tuple(islice(moving, n)), self.base_tx, self.counts)


@dataclass(frozen=True, slots=True)
class EventRef:
    """An event that was written."""

    kind: Kind
    key: str
    version: int
    valid_from: date


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a durable change: the events it wrote (none = it held already) and the chain's head after it."""

    head: Head
    events: tuple[EventRef, ...]

    @property
    def key(self) -> str:
        """The key of the first event; "" when nothing was written."""
        return self.events[0].key if self.events else ""


@dataclass(frozen=True, slots=True)
class ImportReceipt:
    """What became of an upload. Handed out only after the commit is on disk."""

    import_id: str
    state: ImportState
    head: Head
    counts: Mapping[str, Mapping[str, int]]
    events: tuple[EventRef, ...] = ()
    """The events of the ledger that were written; empty while staged and where nothing differed."""
    repeated: bool = False
    """True when the same key, or the same file with nothing new in it, came again: nothing was written."""


@dataclass(frozen=True, slots=True)
class Versioned:
    """A record with what an editor must hand back: its key and version."""

    kind: Kind
    key: str
    version: int
    record: Any
    valid_from: date
    recorded_at: datetime
    tx: int


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version of a record: who said what, when, and since which day it holds."""

    version: int
    tx: int
    at: datetime
    actor: str
    role: str
    action: str
    valid_from: date
    deleted: bool
    changes: tuple[FieldChange, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """A published value that comes out differently today; None = the name is missing on that side."""

    name: str
    published: Any
    recomputed: Any


@dataclass(frozen=True)
class PublicationCheck:
    """``bytes_ok``: the stored bytes still have their digest; ``differences``: values that come out differently."""

    publication: Publication
    bytes_ok: bool
    differences: tuple[ValueDifference, ...]

    @property
    def ok(self) -> bool:
        return self.bytes_ok and not self.differences


@dataclass(frozen=True)
class BackupReceipt:
    """A backup that was read back and whose chain was verified."""

    path: Path
    head: Head
    counts: Mapping[str, int]
    """Rows by table."""
    sha256: str


class EditConflictError(ConflictError):
    """Somebody else changed the record first; ``changes`` says what, ``actor`` who and ``at`` when."""

    def __init__(
        self,
        code: str,
        ja: str,
        en: str,
        *,
        actor: str = "",
        at: datetime | None = None,
        changes: tuple[FieldChange, ...] = (),
    ) -> None:
        super().__init__(code, ja, en)
        self.actor = actor
        self.at = at
        self.changes = changes

    def __reduce__(self) -> Any:
        state = {"actor": self.actor, "at": self.at, "changes": self.changes}
        return (type(self), (self.code, self.ja, self.en), state)


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bytes):
        return "◇"
    return one_line(str(value), limit=60)


class Store(Protocol):
    """The one store of a prefecture. Safe to use from many threads; several processes may open the same database."""

    # reading -------------------------------------------------------------------------------------------------
    def ledger(
        self, *, as_of: AsOf = None, valid_on: date | None = None, versions: bool = False
    ) -> Ledger: ...
    def records(self, kind: Kind, *, as_of: AsOf = None, valid_on: date | None = None) -> tuple[Any, ...]: ...
    def versioned(
        self, kind: Kind, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> tuple[Versioned, ...]: ...
    def get(
        self, kind: Kind, key: str, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> Versioned | None: ...
    def history(self, kind: Kind, key: str) -> tuple[HistoryEntry, ...]: ...
    def find_keys(self, kind: Kind, text: str, *, limit: int = 200) -> tuple[str, ...]: ...
    def timeline(self, kind: Kind, key: str, *, as_of: AsOf = None) -> tuple[Versioned, ...]: ...
    def sites_within(
        self, bounds: Bounds, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> tuple[Site, ...]: ...
    def districts_within(
        self, bounds: Bounds, *, as_of: AsOf = None, valid_on: date | None = None
    ) -> tuple[District, ...]: ...
    def content(self, sha256: str) -> bytes: ...

    # audit ---------------------------------------------------------------------------------------------------
    def head(self) -> Head: ...
    def audit(
        self,
        *,
        after_seq: int = 0,
        limit: int = 1000,
        actor: str | None = None,
        object_prefix: str | None = None,
        action: str | None = None,
    ) -> tuple[AuditEntry, ...]: ...
    def verify_audit(self, anchors: Iterable[Head] = ()) -> AuditReport: ...

    # single edits --------------------------------------------------------------------------------------------
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
    ) -> Receipt: ...
    def retire(self, kind: Kind, key: str, *, by: Actor, expected_version: int, reason: str) -> Receipt: ...
    def set_status(
        self, site_id: str, status: Status, *, on: date, by: Actor, expected_version: int, reason: str = ""
    ) -> Receipt: ...

    # uploads and approval ------------------------------------------------------------------------------------
    def compare(self, changes: Sequence[Change], *, valid_from: date | None = None) -> Comparison: ...
    def trial(
        self, changes: Sequence[Change], *, valid_from: date | None = None, versions: bool = False
    ) -> tuple[Comparison, Ledger]: ...
    def ledger_with(
        self, changes: Sequence[Change], *, valid_from: date | None = None, versions: bool = False
    ) -> Ledger: ...
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
    ) -> ImportReceipt: ...
    def commit_import(self, import_id: str, *, by: Actor, overwrite: bool = False) -> ImportReceipt: ...
    def return_import(self, import_id: str, *, by: Actor, reason: str) -> ImportReceipt: ...
    def withdraw_import(self, import_id: str, *, by: Actor, reason: str = "") -> ImportReceipt: ...
    def undo_import(
        self, import_id: str, *, by: Actor, reason: str, overwrite: bool = False
    ) -> ImportReceipt: ...
    def ledger_without(self, import_id: str, *, overwrite: bool = False, versions: bool = False) -> Ledger: ...
    def imports(self, *, state: ImportState | None = None) -> tuple[ImportRecord, ...]: ...
    def import_changes(self, import_id: str) -> tuple[Change, ...]: ...
    def import_events(self, import_id: str) -> tuple[EventRef, ...]: ...
    def load_ledger(
        self, ledger: Ledger, *, by: Actor, source: str, keep_recorded_at: bool = False
    ) -> Receipt: ...

    # the journal of the count --------------------------------------------------------------------------------
    def set_opening_balance(
        self,
        fiscal_year: int,
        value: int,
        *,
        source: str,
        decided_on: date | None,
        by: Actor,
        expected_version: int,
    ) -> Receipt: ...
    def allocate(self, site_id: str, *, by: Actor, reason: str = "") -> Receipt: ...
    def restate(self, effective_fy: int, amount: int, *, reason: str, by: Actor) -> Receipt: ...
    def add_footnote(
        self, indicator: str, fiscal_year: int, *, ja: str, en: str = "", by: Actor, reason: str = ""
    ) -> Receipt: ...
    def correct_footnote(
        self, footnote_id: str, *, ja: str, en: str, by: Actor, expected_version: int, reason: str
    ) -> Receipt: ...
    def withdraw_footnote(
        self, footnote_id: str, *, by: Actor, expected_version: int, reason: str
    ) -> Receipt: ...
    def freeze_year(self, fiscal_year: int, value: int, *, published_on: date, by: Actor) -> Receipt: ...
    def answer_distinct(self, site_id_a: str, site_id_b: str, *, same: bool, by: Actor) -> Receipt: ...
    def publish(
        self,
        subject: str,
        content: bytes,
        *,
        media_type: str,
        values: Mapping[str, Any],
        published_on: date,
        by: Actor,
        as_of_tx: int | None = None,
        valid_on: date | None = None,
        run_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        freeze: Mapping[int, int] | None = None,
    ) -> Publication: ...
    def publications(self, *, subject: str | None = None) -> tuple[Publication, ...]: ...
    def verify_publication(
        self, publication_id: str, recompute: Callable[[Ledger, Publication], Mapping[str, Any]]
    ) -> PublicationCheck: ...

    # municipalities and people -------------------------------------------------------------------------------
    def confirm_resolution(
        self,
        key: str,
        *,
        resolved_on: date,
        by: Actor,
        expected_version: int,
        site_ids: Sequence[str] = (),
        note: str = "",
    ) -> Receipt: ...
    def withdraw_resolution(self, key: str, *, by: Actor, expected_version: int, reason: str) -> Receipt: ...
    def file_challenge(
        self,
        *,
        by: Actor,
        municipality_code: str,
        observed_on: date,
        note: str,
        district_id: str | None = None,
        lat: float | None = None,
        lon: float | None = None,
        operator: str | None = None,
        most_per_day: int | None = None,
        most_open: int | None = None,
    ) -> Challenge: ...
    def answer_challenge(
        self, challenge_id: str, *, answer: str, by: Actor, expected_version: int
    ) -> Receipt: ...
    def set_user(
        self,
        user_id: str,
        *,
        role: str,
        by: Actor,
        expected_version: int,
        municipality_codes: Sequence[str] = (),
        active: bool = True,
        note: str = "",
    ) -> Receipt: ...
    def user(self, user_id: str) -> User | None: ...
    def issue_token(
        self,
        label: str,
        *,
        role: str,
        by: Actor,
        municipality_codes: Sequence[str] = (),
        expires_on: date | None = None,
    ) -> tuple[str, ReadToken]: ...
    def revoke_token(self, token_id: str, *, by: Actor, reason: str = "") -> Receipt: ...
    def token(self, secret: str) -> ReadToken | None: ...

    # housekeeping --------------------------------------------------------------------------------------------
    @property
    def label(self) -> str: ...
    @property
    def schema_version(self) -> int: ...
    def counts(self) -> Mapping[str, int]: ...
    def close(self) -> None: ...
