"""The process that does the heavy part of a long upload: what its folder's request says, and nothing is left of it here."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

Progress = Callable[[float, str], None]


def work(job: Path, progress: Progress) -> Mapping[str, Any]:
    """Returns what :mod:`coverage.services.upload_process` reads. Raises CoverageGapError."""
    from coverage.services import jobs, upload_process
    from coverage.services.access import Principal, Role
    from coverage.services.context import AppContext

    # A short life with millions of small objects, none of them in cycles: collecting would only cost time.
    gc.disable()
    request = jobs.request_of(job)
    layers = request.get("layers_root")
    # The store's address comes by the environment: it may hold a password.
    context = AppContext.from_settings(
        region=Path(request["region_folder"]),
        runs=Path(request["runs_folder"]),
        layers=None if layers is None else Path(layers),
    )
    codes = frozenset(str(code) for code in request["municipality_codes"])
    who = Principal(jobs.owner_of(job), Role(request["role"]), codes)
    doors = {
        "check": _check, "preview": _preview, "undo-preview": _undo_preview, "hand-in": _hand_in, "accept": _accept, "undo": _undo,
    }  # fmt: skip
    if request["work"] in ("check", "preview", "undo-preview") and hasattr(os, "nice"):
        # Pages come first: this one is waited for anyway.
        os.nice(5)
    try:
        return doors[request["work"]](context, who, request, Path(request["folder"]), progress)
    except OSError as problem:
        raise upload_process.no_room(problem) from problem


def _check(
    context: Any, who: Any, request: Mapping[str, Any], folder: Path, progress: Progress
) -> dict[str, Any]:
    from coverage.services import upload_process
    from coverage.services.corrections import join_corrections
    from coverage.services.import_preview import preview
    from coverage.services.ledger_checks import against_ledger
    from coverage.services.stores import open_context_store
    from coverage.services.upload_jobs import checks_of
    from coverage.uploads.report import Report
    from coverage.uploads.stored_rows import write_report

    kind = str(request["kind"])
    progress(0.02, "一覧を読む / reading the list")
    report = _read(Path(request["read"]))
    given = json.loads((folder / upload_process.GIVEN).read_text(encoding="utf-8"))
    report.understood = given["understood"]
    edits = {int(row): cells for row, cells in given["edits"].items()}
    if edits:
        again = None if given["again"] is None else Report.from_dict(given["again"])
        report = join_corrections(report, edits, again, kind=kind)
    progress(0.1, "台帳と照らす / comparing with the ledger")
    with open_context_store(context) as store:
        report, changes = against_ledger(store, kind, report, locate=checks_of(context).locate)
        write_report(report, folder / upload_process.JUDGED)
        if report.verdict == "reject":
            return {"shown": None, "head": ""}
        head = store.head().hash
        # The rows are in the file now, and stand in the changes: once is enough.
        report.rows = []
        changes = tuple(change.plain() for change in changes)
        progress(0.3, "累計を数える / counting")
        difference = preview(context, store, changes, principal=who)
    return {"shown": _put_down(difference, folder), "head": head}


def _preview(
    context: Any, who: Any, request: Mapping[str, Any], folder: Path, progress: Progress
) -> dict[str, Any]:
    from coverage.services.import_preview import preview
    from coverage.services.stores import open_context_store

    progress(0.1, "台帳と照らす / comparing with the ledger")
    with open_context_store(context) as store:
        changes = store.import_changes(str(request["import_id"]))
        difference = preview(context, store, changes, principal=who)
    return {"shown": _put_down(difference, folder), "head": ""}


def _undo_preview(
    context: Any, who: Any, request: Mapping[str, Any], folder: Path, progress: Progress
) -> dict[str, Any]:
    from coverage.services.import_preview import undo_preview
    from coverage.services.stores import open_context_store

    progress(0.1, "累計を数える / counting")
    with open_context_store(context) as store:
        record = next(r for r in store.imports() if r.import_id == request["import_id"])
        difference = undo_preview(context, store, record, principal=who, overwrite=bool(request["overwrite"]))
    return {"shown": _put_down(difference, folder), "head": ""}


def _hand_in(
    context: Any, who: Any, request: Mapping[str, Any], folder: Path, progress: Progress
) -> dict[str, Any]:
    from coverage.services import imports, upload_process
    from coverage.services.stores import open_context_store
    from coverage.services.upload_jobs import checks_of
    from coverage.uploads.stored_rows import StoredRows

    kind = str(request["kind"])
    report = _read(Path(request["read"]))
    with open_context_store(context) as store:
        changes = imports.changes_of(kind, report, locate=checks_of(context).locate, known=store.ledger())
        # What is stored of the report is all but its rows: they stay in the file.
        report.rows = cast(list[dict[str, Any]], StoredRows(Path(request["read"]), len(report.rows)))
        changes = [change.plain() for change in changes]
        receipt = imports.hand_in(
            store, folder / upload_process.CONTENT, report, changes, kind=kind, principal=who,
            answers=request["answers"], accept=bool(request["accept"]), key=str(request["key"]),
        )  # fmt: skip
    return _said(receipt)


def _accept(
    context: Any, who: Any, request: Mapping[str, Any], folder: Path, progress: Progress
) -> dict[str, Any]:
    from coverage.services.imports import accept_import
    from coverage.services.stores import open_context_store

    with open_context_store(context) as store:
        import_id, overwrite = str(request["import_id"]), bool(request["overwrite"])
        return _said(accept_import(store, import_id, principal=who, overwrite=overwrite))


def _undo(
    context: Any, who: Any, request: Mapping[str, Any], folder: Path, progress: Progress
) -> dict[str, Any]:
    from coverage.services.imports import undo_import
    from coverage.services.stores import open_context_store

    import_id, reason = str(request["import_id"]), str(request["reason"])
    with open_context_store(context) as store:
        return _said(
            undo_import(store, import_id, principal=who, reason=reason, overwrite=bool(request["overwrite"]))
        )


def _read(path: Path) -> Any:
    """The report that the reading process wrote, held to its own count of rows."""
    from coverage.uploads.stored_rows import DAMAGED, gone, read_report

    try:
        return read_report(path)
    except DAMAGED as problem:
        raise gone() from problem


def _put_down(difference: Any, folder: Path) -> str:
    from coverage.services import upload_process

    content = pickle.dumps(difference)
    (folder / upload_process.SHOWN).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _said(receipt: Any) -> dict[str, Any]:
    return {
        "import_id": receipt.import_id,
        "state": receipt.state.value,
        "seq": receipt.head.seq,
        "head": receipt.head.hash,
        "counts": receipt.counts,
        "repeated": receipt.repeated,
    }


if __name__ == "__main__":
    from coverage.services.jobs import run_attached

    run_attached(work)
