"""The heavy part of a long upload in a process of its own: compared with the ledger and counted, handed in, accepted, undone.

The server keeps what it shows and never the rows: they stay in the check's folder below the runs folder (``.uploads``,
for the server's user alone) until the check is forgotten, and what a crash left is removed after a day. The process is
:mod:`coverage.services.upload_task`, watched by :mod:`coverage.services.jobs`: it ends with the server, is cancelled with
the check, and what it answers is taken only whole (by its digest).
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from coverage.errors import (
    ConflictError,
    CoverageGapError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    StorageError,
)
from coverage.services import jobs
from coverage.services.access import Principal
from coverage.services.context import AppContext
from coverage.services.corrections import Edits
from coverage.services.import_preview import Preview
from coverage.store.audit import Head
from coverage.store.protocol import ImportReceipt, Store
from coverage.store.records import ImportRecord, ImportState
from coverage.uploads.report import Report
from coverage.uploads.stored_rows import DAMAGED, StoredRows, pack, read_report, write_report

Work = Literal["check", "preview", "undo-preview", "hand-in", "accept", "undo"]
FOLDER: Final = ".uploads"
LONG_ROWS: Final = 2_000
"""Rows up to which a list is compared in a thread of the server: shorter than a process takes to start."""
LARGE_LEDGER: Final = 20_000
"""Sites of a ledger from which even a short list is counted in a process: the count reads them all."""
_KEPT_S: Final = 24 * 3600.0
_KIND: Final = "upload"
_LOOK_S: Final = 0.1
_CLASSES: Final = {2: InputError, 3: NotFoundError, 4: ConflictError, 5: PermissionDeniedError}
READ, JUDGED, SHOWN, GIVEN, CONTENT = "read.gz", "judged.gz", "shown", "given.json", "content"
READ_RAW: Final = "read.json"


class WorkFolder:
    """A folder of one upload below the runs folder, removed with the last that holds it. Raises StorageError."""

    def __init__(self, context: AppContext) -> None:
        root = context.runs_folder.resolve() / FOLDER
        self.path = root / uuid.uuid4().hex
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(root)
            self.path.mkdir(mode=0o700)
        except OSError as problem:
            raise no_room(problem) from problem
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what servers that were killed left behind."""
    for folder in root.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)


def is_heavy(store: Store, rows: int) -> bool:
    """Whether work on ``rows`` rows of an upload is for a process of its own."""
    return rows > LONG_ROWS or store.counts()["site_event"] > LARGE_LEDGER


def no_room(problem: OSError) -> StorageError:
    """What is said where a file of an upload cannot be written."""
    return StorageError(
        "upload-no-room",
        f"一覧の処理に使うファイルを書けません（{problem.strerror or problem}）。台帳は変わっていません。空き容量と書き込み権限を確かめて、やり直してください。",
        f"A file for the work on this list cannot be written ({problem.strerror or problem}). The ledger is as it was; "
        "check free space and permissions and try again.",
    )


# --- What is asked of the process --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    """What a check in a process came to; ``head``: of the audit chain that the difference was made against."""

    report: Report
    difference: Preview | None
    head: str


def check(
    context: AppContext,
    folder: WorkFolder,
    report: Report,
    *,
    kind: str,
    principal: Principal,
    edits: Edits,
    again: Report | None,
    cancelled: Callable[[], bool],
    progress: Callable[[float], None],
) -> Checked | None:
    """Compare what was read with the ledger, and count; None where it was cancelled.

    ``again``: what the reader said of the rows of ``edits``. Raises what the process raised, StorageError
    "upload-process-ended" where it ended without a word, "upload-answer-damaged" where its answer is not whole.
    """
    try:
        _put_down(report, folder)
        (folder.path / GIVEN).write_text(
            json.dumps(
                {
                    # The reading process does not know what the file is called.
                    "understood": report.understood,
                    "edits": {str(row): dict(cells) for row, cells in edits.items()},
                    "again": None if again is None else again.as_dict(),
                },
                ensure_ascii=False,
            ),
            encoding="utf-8",
        )
    except OSError as problem:
        raise no_room(problem) from problem
    request = {"kind": kind, "read": str(_path_of(report, folder))}
    answer = _run(context, folder, "check", principal, request, cancelled, progress)
    if answer is None:
        return None
    shown = _shown(folder, answer)
    judged = _report(folder, JUDGED)
    return Checked(judged, shown, str(answer.get("head") or ""))


def staged_difference(
    context: AppContext, import_id: str, *, principal: Principal, cancelled: Callable[[], bool]
) -> Preview | None:
    """The difference of an upload that waits; None where it was cancelled. Raises as :func:`check`."""
    folder = WorkFolder(context)
    answer = _run(context, folder, "preview", principal, {"import_id": import_id}, cancelled)
    return None if answer is None else _shown(folder, answer)


def undo_difference(
    context: AppContext, import_id: str, *, principal: Principal, overwrite: bool, cancelled: Callable[[], bool]
) -> Preview | None:
    """What taking an accepted upload back changes; None where it was cancelled. Raises as :func:`check`."""
    folder = WorkFolder(context)
    request = {"import_id": import_id, "overwrite": overwrite}
    answer = _run(context, folder, "undo-preview", principal, request, cancelled)
    return None if answer is None else _shown(folder, answer)


def hand_in(
    context: AppContext,
    report: Report,
    content: bytes,
    *,
    kind: str,
    principal: Principal,
    answers: Mapping[str, Any],
    accept: bool,
    key: str,
) -> ImportReceipt:
    """Hand a long list in; returns after the commit is on disk, without the events. Raises as :func:`check`.

    A process that was killed has committed or it has not: the ledger is asked by ``key``, and says which.
    """
    folder = WorkFolder(context)
    try:
        (folder.path / CONTENT).write_bytes(content)
        _put_down(report, folder)
    except OSError as problem:
        raise no_room(problem) from problem
    request = {
        "kind": kind,
        "read": str(_path_of(report, folder)),
        "answers": dict(answers),
        "accept": accept,
        "key": key,
    }
    return _decided(
        context, folder, "hand-in", principal, request, lambda record: record.idempotency_key == key
    )


def accept(context: AppContext, import_id: str, *, principal: Principal, overwrite: bool) -> ImportReceipt:
    """Accept a long staged upload; as :func:`hand_in`."""
    request = {"import_id": import_id, "overwrite": overwrite}

    def is_done(record: ImportRecord) -> bool:
        return record.import_id == import_id and record.state is ImportState.ACCEPTED

    return _decided(context, WorkFolder(context), "accept", principal, request, is_done)


def undo(
    context: AppContext, import_id: str, *, principal: Principal, reason: str, overwrite: bool
) -> ImportReceipt:
    """Take a long accepted upload back as a whole; as :func:`hand_in`."""
    request = {"import_id": import_id, "reason": reason, "overwrite": overwrite}

    def is_done(record: ImportRecord) -> bool:
        return record.import_id == import_id and record.state is ImportState.UNDONE

    return _decided(context, WorkFolder(context), "undo", principal, request, is_done)


# --- Watching it -------------------------------------------------------------------------------------------------------


def _decided(
    context: AppContext,
    folder: WorkFolder,
    work: Work,
    principal: Principal,
    request: Mapping[str, Any],
    is_done: Callable[[ImportRecord], bool],
) -> ImportReceipt:
    try:
        answer = _run(context, folder, work, principal, request, lambda: False)
        assert answer is not None
        return ImportReceipt(
            str(answer["import_id"]),
            ImportState(answer["state"]),
            Head(int(answer["seq"]), str(answer["head"])),
            answer["counts"],
            repeated=bool(answer["repeated"]),
        )
    except (StorageError, KeyError, ValueError, TypeError) as problem:
        try:
            done = _in_ledger(context, is_done)
        except StorageError as silent:
            raise _unsure(silent) from problem
        if done is not None:
            return done
        if isinstance(problem, StorageError):
            raise
        raise _damaged() from problem


def _in_ledger(context: AppContext, is_done: Callable[[ImportRecord], bool]) -> ImportReceipt | None:
    """The receipt of what is in the ledger already, whatever became of the process. Raises StorageError where it cannot
    be asked."""
    from coverage.services.stores import open_context_store

    with open_context_store(context) as store:
        for record in store.imports():
            if is_done(record):
                return ImportReceipt(
                    record.import_id, record.state, store.head(), record.result, repeated=True
                )
    return None


def _run(
    context: AppContext,
    folder: WorkFolder,
    work: Work,
    principal: Principal,
    request: Mapping[str, Any],
    cancelled: Callable[[], bool],
    progress: Callable[[float], None] = lambda fraction: None,
) -> Mapping[str, Any] | None:
    """Start the process, wait for it, and return its answer; None where it was cancelled."""
    root = folder.path
    job_id = jobs.start(
        _KIND,
        _command,
        root=root,
        owner=principal.user_id,
        environment=jobs.environment_of(context),
        request={
            **request,
            "work": work,
            "folder": str(root),
            "role": principal.role.value,
            "municipality_codes": sorted(principal.municipality_codes),
            "region_folder": str(context.region_folder.resolve()),
            "runs_folder": str(context.runs_folder.resolve()),
            "layers_root": None if context.layers_root is None else str(context.layers_root.resolve()),
        },
    )
    try:
        while True:
            if cancelled():
                jobs.cancel(root, job_id)
                return None
            job = jobs.look(root, job_id)
            if job is None:
                raise _ended()
            progress(job.fraction)
            if job.state == "done":
                return job.answer
            if job.state != "running":
                raise _raised(job)
            time.sleep(_LOOK_S)
    finally:
        jobs.cancel(root, job_id)
        jobs.forget(root, job_id)


def _command(place: Path) -> list[str]:
    return [sys.executable, "-m", "coverage.services.upload_task", str(place)]


def _raised(job: jobs.Job) -> CoverageGapError:
    """The error that the process ended with, as it would have been raised here."""
    said = job.error
    if not all(isinstance(said.get(name), str) for name in ("code", "ja", "en")):
        return _ended()
    kind = _CLASSES.get(job.returncode or 0, StorageError)
    return kind(said["code"], said["ja"], said["en"])


def _ended() -> StorageError:
    return StorageError(
        "upload-process-ended",
        "一覧の処理が途中で終わりました。台帳は変わっていません。もう一度試し、続くときは管理者に知らせてください。",
        "The work on this list ended early. The ledger is as it was; try again, and tell an administrator if it persists.",
    )


def _unsure(silent: StorageError) -> StorageError:
    return StorageError(
        "upload-outcome-unknown",
        f"一覧の処理が途中で終わり、台帳にも聞けないため、済んだかどうか分かりません（{silent.ja}）。台帳が戻ったら「承認」で状態を確かめてから、やり直してください。",
        f"The work on this list ended early and the ledger cannot be asked whether it was done ({silent.en}). Look at its state on "
        "the page for acceptance once the ledger is back, before trying again.",
    )


def _damaged() -> StorageError:
    return StorageError(
        "upload-answer-damaged",
        "一覧の処理の結果が壊れていて読めません。台帳は変わっていません。もう一度試し、続くときは管理者に知らせてください。",
        "The outcome of the work on this list is damaged. The ledger is as it was; try again, and tell an administrator if it persists.",
    )


# --- What lies in the folder -------------------------------------------------------------------------------------------


def _put_down(report: Report, folder: WorkFolder) -> None:
    """What was read, as a file: the one that the reading process wrote where there is one, packed by now."""
    rows = report.rows
    if not isinstance(rows, StoredRows):
        write_report(report, folder.path / READ)
    elif rows.path.suffix != ".gz":
        packed = rows.path.with_suffix(".gz")
        pack(rows.path, packed)
        rows.path.unlink()
        rows.path = packed


def _path_of(report: Report, folder: WorkFolder) -> Path:
    return report.rows.path if isinstance(report.rows, StoredRows) else folder.path / READ


def _report(folder: WorkFolder, name: str) -> Report:
    try:
        return read_report(folder.path / name, at_most=LONG_ROWS, holder=folder)
    except DAMAGED as problem:
        raise _damaged() from problem


def _shown(folder: WorkFolder, answer: Mapping[str, Any]) -> Preview | None:
    """The difference as the process put it down; only if it is what the process says it wrote."""
    if answer.get("shown") is None:
        return None
    try:
        content = (folder.path / SHOWN).read_bytes()
    except OSError as problem:
        raise _damaged() from problem
    if hashlib.sha256(content).hexdigest() != answer["shown"]:
        raise _damaged()
    # Written by our own process a moment ago, in a folder that nobody else may enter.
    found = pickle.loads(content)
    if not isinstance(found, Preview):
        raise _damaged()
    return found
