"""Checking an upload beside the page: read in the child process, compared with the ledger, counted, and cancelled at a word.

A page starts a check, looks at it and shows what it found; its own thread never reads a file. Two checks run at once on a
server (each child may take 1.5 GiB), others wait their turn. A long list is compared, handed in and accepted by a process
(services/upload_process.py): the server never holds its rows. What a check found lives as long as the session that asked
for it, and is forgotten with it.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from coverage.errors import CoverageGapError, StorageError
from coverage.services import upload_process
from coverage.services.access import Action, Object, Principal, Resource, authorise, import_resource
from coverage.services.beside import Beside
from coverage.services.context import AppContext
from coverage.services.corrections import Edits, join_corrections, read_corrections
from coverage.services.import_answers import suggested_answers
from coverage.services.import_preview import Preview, preview, undo_preview
from coverage.services.imports import (
    ImportReceipt,
    RegionChecks,
    Report,
    accept_import,
    check_upload,
    hand_in,
    region_checks,
    undo_import,
)
from coverage.services.ledger_checks import against_ledger
from coverage.services.stores import open_context_store
from coverage.services.upload_process import WorkFolder
from coverage.store.events import Change
from coverage.store.protocol import Store
from coverage.store.records import ImportRecord
from coverage.uploads.stored_rows import StoredRows

Phase = Literal["waiting", "reading", "correcting", "comparing", "done", "failed", "cancelled"]
AT_ONCE: Final = 2
_turns: Final = threading.BoundedSemaphore(AT_ONCE)
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What is to be checked. ``content`` is the file as it came; ``edits`` are rows that a person has put right."""

    kind: str
    name: str
    content: bytes = field(repr=False)
    answers: Mapping[str, Any] = field(default_factory=dict)
    edits: Edits = field(default_factory=dict)


@dataclass
class Check(Beside):
    """One check and how far it is. ``report`` is there from "comparing" on; ``changes`` and ``difference`` when it is
    done and the file has good rows. ``problem`` says why it failed. ``suggested``: answers of an earlier import with the
    same headers, where this request has none, and the record of that import."""

    request: Request
    phase: Phase = "waiting"
    report: Report | None = None
    read: Report | None = None
    """The report on the file alone, before corrections and before the ledger was asked."""
    changes: tuple[Change, ...] = ()
    """What the good rows state; of a list that was compared in a process they are made again to be handed in."""
    difference: Preview | None = None
    beside: bool = False
    """Whether a process compares it; ``fraction`` (0 to 1) is how far that is."""
    fraction: float = 0.0
    head: str = ""
    """Head of the audit chain that the difference was made against."""
    problem: CoverageGapError | None = None
    suggested: dict[str, Any] = field(default_factory=dict)
    suggested_by: ImportRecord | None = None
    _cancel: threading.Event = field(default_factory=threading.Event, repr=False)

    def cancel(self) -> None:
        """End it; the child process is killed within a tenth of a second."""
        self._cancel.set()


def start_check(
    context: AppContext, request: Request, *, principal: Principal, earlier: Check | None = None
) -> Check:
    """Begin to check a file. ``earlier``: a check of the same file with the same answers, whose reading is taken over.

    Raises PermissionDeniedError for who may not upload.
    """
    authorise(principal, Action.UPLOAD, Resource(Object.IMPORT))
    check = Check(request)
    held = earlier.read if earlier is not None and _same_reading(earlier, request) else None
    thread = threading.Thread(
        target=_run, args=(check, context, principal, held), name="upload-check", daemon=True
    )
    thread.start()
    return check


def hand_in_checked(
    context: AppContext,
    check: Check,
    *,
    principal: Principal,
    answers: Mapping[str, Any],
    accept: bool = False,
    key: str | None = None,
) -> ImportReceipt:
    """Hand in what a check that is done found good, as :func:`coverage.services.imports.hand_in` does; a list that was
    compared in a process is handed in by one."""
    assert check.report is not None
    asked = check.request
    if check.beside:
        authorise(principal, Action.SUBMIT, Resource(Object.IMPORT))
        if accept:
            authorise(principal, Action.ACCEPT, Resource(Object.IMPORT))
        return upload_process.hand_in(
            context, check.report, asked.content, kind=asked.kind, principal=principal, answers=answers, accept=accept,
            key=key or uuid.uuid4().hex,
        )  # fmt: skip
    with (
        open_context_store(context) as store,
        tempfile.TemporaryDirectory(prefix="coverage-gap-upload-", ignore_cleanup_errors=True) as folder,
    ):
        path = Path(folder) / "upload"
        path.write_bytes(asked.content)
        return hand_in(
            store, path, check.report, check.changes, kind=asked.kind, principal=principal, answers=answers, accept=accept,
            key=key,
        )  # fmt: skip


@dataclass
class StagedDifference(Beside):
    """The difference of an upload that waits, or of taking an accepted one back, made beside the page."""

    import_id: str
    difference: Preview | None = None
    problem: CoverageGapError | None = None
    _cancel: threading.Event = field(default_factory=threading.Event, repr=False)

    def cancel(self) -> None:
        """End it; nobody waits for it any more."""
        self._cancel.set()

    def result(self) -> Preview:
        """The difference; raises what went wrong."""
        if self.difference is None:
            raise self.problem or StorageError(
                "upload-check-cancelled", "照らし合わせを中止しました。", "The comparison was cancelled."
            )
        return self.difference


def start_difference(context: AppContext, record: ImportRecord, *, principal: Principal) -> StagedDifference:
    """Begin to make the difference of a staged upload against the ledger as it is now.

    Raises PermissionDeniedError for who may not look at uploads.
    """
    authorise(principal, Action.VIEW, Resource(Object.IMPORT))
    cancel = threading.Event()

    def here(store: Store) -> Preview:
        changes = store.import_changes(record.import_id)
        return preview(context, store, changes, principal=principal)

    def in_a_process() -> Preview | None:
        return upload_process.staged_difference(
            context, record.import_id, principal=principal, cancelled=cancel.is_set
        )

    return _begun(context, record, cancel, here, in_a_process)


def start_undo_difference(
    context: AppContext, record: ImportRecord, *, principal: Principal, overwrite: bool = False
) -> StagedDifference:
    """Begin to find out what taking an accepted upload back changes; as :func:`start_difference`.

    Raises PermissionDeniedError for who may not take it back; its result raises ConflictError as the undoing would.
    """
    authorise(principal, Action.UNDO, import_resource(record))
    cancel = threading.Event()

    def here(store: Store) -> Preview:
        return undo_preview(context, store, record, principal=principal, overwrite=overwrite)

    def in_a_process() -> Preview | None:
        return upload_process.undo_difference(
            context, record.import_id, principal=principal, overwrite=overwrite, cancelled=cancel.is_set
        )

    return _begun(context, record, cancel, here, in_a_process)


def _begun(
    context: AppContext,
    record: ImportRecord,
    cancel: threading.Event,
    here: Callable[[Store], Preview],
    in_a_process: Callable[[], Preview | None],
) -> StagedDifference:
    """Make a difference in a thread: ``here`` where it is short, else ``in_a_process``."""
    made = StagedDifference(record.import_id, _cancel=cancel)

    def work() -> None:
        with open_context_store(context) as store:
            heavy = upload_process.is_heavy(store, rows_of(record))
            if not heavy:
                made.difference = here(store)
        if heavy:
            made.difference = in_a_process()

    def run() -> None:
        try:
            made.problem = _in_turn(cancel, work)
        finally:
            made._ended.set()

    threading.Thread(target=run, name="upload-difference", daemon=True).start()
    return made


def rows_of(record: ImportRecord) -> int:
    """The records that an upload states, as its difference counted them when it was handed in."""
    return sum(int(n) for states in record.result.values() for n in states.values())


def accept_staged(
    context: AppContext, record: ImportRecord, *, principal: Principal, overwrite: bool = False
) -> ImportReceipt:
    """Accept a staged upload; a long one in a process, while the server serves others. Returns after the commit."""
    authorise(principal, Action.ACCEPT, Resource(Object.IMPORT))
    if rows_of(record) > upload_process.LONG_ROWS:
        return upload_process.accept(context, record.import_id, principal=principal, overwrite=overwrite)
    with open_context_store(context) as store:
        return accept_import(store, record.import_id, principal=principal, overwrite=overwrite)


def undo_accepted(
    context: AppContext, record: ImportRecord, *, principal: Principal, reason: str, overwrite: bool = False
) -> ImportReceipt:
    """Take an accepted upload back as a whole; as :func:`accept_staged`."""
    authorise(principal, Action.UNDO, import_resource(record))
    if rows_of(record) > upload_process.LONG_ROWS:
        return upload_process.undo(
            context, record.import_id, principal=principal, reason=reason, overwrite=overwrite
        )
    with open_context_store(context) as store:
        return undo_import(store, record.import_id, principal=principal, reason=reason, overwrite=overwrite)


def _same_reading(earlier: Check, request: Request) -> bool:
    old = earlier.request
    return (old.kind, old.name, dict(old.answers)) == (
        request.kind,
        request.name,
        dict(request.answers),
    ) and old.content == request.content


def _run(check: Check, context: AppContext, principal: Principal, held: Report | None) -> None:
    try:
        check.problem = _in_turn(check._cancel, lambda: _check(check, context, principal, held))
        if check.problem is not None:
            check.phase = "failed"
        elif check._cancel.is_set():
            check.phase = "cancelled"
    finally:
        check._ended.set()


def _in_turn(cancel: threading.Event, work: Callable[[], None]) -> CoverageGapError | None:
    """Do ``work`` when it is its turn, unless it is cancelled before; what went wrong."""
    try:
        while not _turns.acquire(timeout=0.2):
            if cancel.is_set():
                return None
        try:
            work()
        finally:
            _turns.release()
    except CoverageGapError as problem:
        return problem
    except Exception:
        _LOG.exception("upload check failed")
        return StorageError(
            "upload-check-failed",
            "ファイルを調べている間に問題が起きました。もう一度試し、続くときは管理者に知らせてください。",
            "Something went wrong while the file was checked; try again, and tell an administrator if it persists.",
        )
    return None


def _check(check: Check, context: AppContext, principal: Principal, held: Report | None) -> None:
    asked = check.request
    check.phase = "reading"
    checks = checks_of(context)
    report = _read(check, context, principal, checks) if held is None else held
    check.read = report
    if check._cancel.is_set():
        return
    with open_context_store(context) as store:
        if not asked.answers:
            check.suggested, check.suggested_by = suggested_answers(
                store.imports(), asked.kind, report.understood.get("layout")
            )
        check.beside = report.verdict != "reject" and upload_process.is_heavy(store, len(report.rows))
    again = None
    if asked.edits:
        check.phase = "correcting"
        again = read_corrections(
            asked.edits, kind=asked.kind, principal=principal, answers=asked.answers, checks=checks
        )
    if check._cancel.is_set():
        return
    check.phase = "comparing"
    if check.beside:
        _compare_beside(check, context, principal, report, again)
    else:
        _compare(check, context, principal, report, again)
    if not check._cancel.is_set():
        check.phase = "done"


def _read(check: Check, context: AppContext, principal: Principal, checks: RegionChecks) -> Report:
    """The report on the file alone. The rows of a long list stay in a folder that lives as long as they are wanted."""
    asked, folders = check.request, []

    def keep() -> Path:
        folders.append(WorkFolder(context))
        return folders[0].path / upload_process.READ_RAW

    with tempfile.TemporaryDirectory(prefix="coverage-gap-upload-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "upload"
        path.write_bytes(asked.content)
        report = check_upload(
            path, kind=asked.kind, principal=principal, client_name=asked.name, answers=asked.answers, checks=checks,
            cancelled=check._cancel.is_set, rows_in_memory=upload_process.LONG_ROWS, keep=keep,
        )  # fmt: skip
    if isinstance(report.rows, StoredRows):
        report.rows.holder = folders[0]
    return report


def _compare(
    check: Check, context: AppContext, principal: Principal, report: Report, again: Report | None
) -> None:
    """Hold a short list against the ledger, here."""
    asked = check.request
    if asked.edits:
        report = join_corrections(report, asked.edits, again, kind=asked.kind)
    with open_context_store(context) as store:
        check.report, changes = against_ledger(store, asked.kind, report, locate=checks_of(context).locate)
        if check.report.verdict != "reject" and not check._cancel.is_set():
            check.head = store.head().hash
            check.difference = preview(context, store, changes, principal=principal)
            check.changes = changes


def _compare_beside(
    check: Check, context: AppContext, principal: Principal, report: Report, again: Report | None
) -> None:
    """Hold a long list against the ledger, in a process."""

    def progress(fraction: float) -> None:
        check.fraction = fraction

    found = upload_process.check(
        context, WorkFolder(context), report, kind=check.request.kind, principal=principal, edits=check.request.edits,
        again=again, cancelled=check._cancel.is_set, progress=progress,
    )  # fmt: skip
    if found is not None:
        check.report, check.difference, check.head = found.report, found.difference, found.head


def checks_of(context: AppContext) -> RegionChecks:
    """What the region adds to the checks of a file, read once until its definition changes."""
    stamp = (context.region_folder / "region.toml").stat().st_mtime_ns
    return _region_checks(context.region_folder.resolve(), context.layers_root, stamp)


@lru_cache(maxsize=2)
def _region_checks(region_folder: Path, layers_root: Path | None, _changed: int) -> RegionChecks:
    return region_checks(AppContext(region_folder, region_folder, layers_root))
