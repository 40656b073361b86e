"""Checking an upload beside the page: read in the child process, compared with the ledger, counted, and cancelled at a word.

A page starts a check, looks at it and shows what it found; its own thread never reads a file. Two checks run at once on a
server (each child may take 1.5 GiB), others wait their turn. What a check found lives in the memory of the session that
asked for it, and is forgotten with it.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from coverage.errors import CoverageGapError, StorageError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.corrections import Edits, with_corrections
from coverage.services.import_answers import suggested_answers
from coverage.services.import_preview import Preview, preview
from coverage.services.imports import (
    RegionChecks,
    Report,
    Store,
    changes_of,
    check_upload,
    region_checks,
)
from coverage.services.ledger_checks import against_ledger
from coverage.services.long_work import collector_rests
from coverage.services.stores import open_context_store
from coverage.store.events import Change
from coverage.store.records import ImportRecord

Phase = Literal["waiting", "reading", "correcting", "comparing", "done", "failed", "cancelled"]
AT_ONCE: Final = 2
KEPT_CHANGES: Final = 20_000
"""Changes that a check keeps until they are handed in."""
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
class Check:
    """One check and how far it is. ``report`` is there from "comparing" on; ``changes`` and ``difference`` when it is
    done and the file has good rows. ``problem`` says why it failed. ``suggested``: answers of an earlier import with the
    same headers, where this request has none, and the record of that import."""

    request: Request
    phase: Phase = "waiting"
    begun: float = field(default_factory=time.monotonic)
    report: Report | None = None
    read: Report | None = None
    """The report on the file alone, before corrections and before the ledger was asked."""
    changes: tuple[Change, ...] | None = ()
    """What the good rows state; None where there are so many that :func:`changes_to_hand_in` makes them again."""
    difference: Preview | None = None
    head: str = ""
    """Head of the audit chain that the difference was made against."""
    problem: CoverageGapError | None = None
    suggested: dict[str, Any] = field(default_factory=dict)
    suggested_by: ImportRecord | None = None
    _cancel: threading.Event = field(default_factory=threading.Event, repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun

    def wait(self, seconds: float) -> bool:
        """Whether it ended within ``seconds``."""
        return self._ended.wait(seconds)

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


def changes_to_hand_in(context: AppContext, store: Store, check: Check) -> tuple[Change, ...]:
    """What the good rows of a check that is done state about ``store``."""
    if check.changes is not None:
        return check.changes
    assert check.report is not None
    known, locate = store.ledger(), _checks(context).locate
    with collector_rests(len(check.report.rows)):
        return tuple(changes_of(check.request.kind, check.report, locate=locate, known=known))


def _same_reading(earlier: Check, request: Request) -> bool:
    old = earlier.request
    return (old.kind, old.name, dict(old.answers)) == (
        request.kind,
        request.name,
        dict(request.answers),
    ) and old.content == request.content


def _run(check: Check, context: AppContext, principal: Principal, held: Report | None) -> None:
    try:
        while not _turns.acquire(timeout=0.2):
            if check._cancel.is_set():
                check.phase = "cancelled"
                return
        try:
            _check(check, context, principal, held)
        finally:
            _turns.release()
    except CoverageGapError as problem:
        check.problem, check.phase = problem, "failed"
    except Exception:
        _LOG.exception("upload check failed")
        check.phase = "failed"
        check.problem = StorageError(
            "upload-check-failed",
            "ファイルを調べている間に問題が起きました。もう一度試し、続くときは管理者に知らせてください。",
            "Something went wrong while the file was checked; try again, and tell an administrator if it persists.",
        )
    finally:
        check._ended.set()


def _check(check: Check, context: AppContext, principal: Principal, held: Report | None) -> None:
    asked = check.request
    check.phase = "reading"
    checks = _checks(context)
    report = held
    if report is None:
        with tempfile.TemporaryDirectory(prefix="coverage-gap-upload-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "upload"
            path.write_bytes(asked.content)
            report = check_upload(
                path, kind=asked.kind, principal=principal, client_name=asked.name, answers=asked.answers, checks=checks,
                cancelled=check._cancel.is_set,
            )  # fmt: skip
    check.read = report
    if asked.edits:
        check.phase = "correcting"
        report = with_corrections(
            report, asked.edits, kind=asked.kind, principal=principal, answers=asked.answers, checks=checks
        )
    if check._cancel.is_set():
        check.phase = "cancelled"
        return
    check.phase = "comparing"
    with open_context_store(context) as store:
        if not asked.answers:
            check.suggested, check.suggested_by = suggested_answers(
                store.imports(), asked.kind, report.understood.get("layout")
            )
        with collector_rests(len(report.rows)):
            check.report, changes = against_ledger(store, asked.kind, report, locate=checks.locate)
            if check.report.verdict != "reject" and not check._cancel.is_set():
                check.head = store.head().hash
                check.difference = preview(context, store, changes, principal=principal)
                # What a long list states would fill the memory until it is handed in; then it is made again.
                check.changes = changes if len(changes) <= KEPT_CHANGES else None
            del changes
    check.phase = "cancelled" if check._cancel.is_set() else "done"


def _checks(context: AppContext) -> RegionChecks:
    stamp = (context.region_folder / "region.toml").stat().st_mtime_ns
    return _region_checks(context.region_folder.resolve(), context.layers_root, stamp)


@lru_cache(maxsize=2)
def _region_checks(region_folder: Path, layers_root: Path | None, _changed: int) -> RegionChecks:
    return region_checks(AppContext(region_folder, region_folder, layers_root))
