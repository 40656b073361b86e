"""The process that does the heavy part of a long upload: same outcome as without it, exactly once, and every way in which it
can fail says one sentence and loses nothing."""

from __future__ import annotations

import errno
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import ConflictError, InputError, StorageError
from coverage.services import jobs, upload_jobs, upload_process, upload_task
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.import_preview import undo_preview
from coverage.services.imports import ImportState, Locator, accept_import, region_checks
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.services.upload_jobs import (
    Check,
    Request,
    accept_staged,
    hand_in_checked,
    start_check,
    start_difference,
    start_undo_difference,
    undo_accepted,
)
from coverage.store.records import ImportRecord
from coverage.uploads.stored_rows import StoredRows, write_report

PROJECT = Path(__file__).resolve().parents[2]
ADMIN = Principal("kanri", Role.ADMIN)
PLANNER = Principal("keikaku", Role.PLANNER)
LIST = (
    "局番,局名,緯度,経度,状態,市町コード\n"
    "N-1,一,33.7,136.5,計画,99201\nN-2,二,0,0,計画,99201\nN-3,三,33.71,136.51,計画,99201\n"
)
REQUEST = Request("sites", "a.csv", LIST.encode())


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppContext:
    """A ledger for which three rows are a long list."""
    monkeypatch.setattr(upload_process, "LONG_ROWS", 1)
    made = AppContext(PROJECT / "data", tmp_path / "runs", store_url=str(tmp_path / "ledger.sqlite"))
    load_tables_into_store(made, ADMIN)
    return made


def checked(context: AppContext, request: Request = REQUEST, **more: Any) -> Check:
    check = start_check(context, request, principal=ADMIN, **more)
    assert check.wait(60), check.phase
    return check


def state_of(context: AppContext) -> tuple[str, int, list[str]]:
    """What the ledger holds: its head, its sites, the imports that are staged."""
    with open_context_store(context) as store:
        staged = [r.import_id for r in store.imports() if r.state is ImportState.STAGED]
        return store.head().hash, len(store.ledger().sites), staged


def folders(context: AppContext) -> list[Path]:
    root = context.runs_folder / upload_process.FOLDER
    gc.collect()
    return list(root.iterdir()) if root.is_dir() else []


def by_thread(context: AppContext) -> Check:
    """A check of the same list by the way of short ones: quicker, and its reading is the same."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(upload_process, "LONG_ROWS", 100)
        return checked(context)


def staged(context: AppContext) -> ImportRecord:
    hand_in_checked(context, by_thread(context), principal=PLANNER, answers={}, key="k")
    with open_context_store(context) as store:
        return store.imports()[0]  # type: ignore[no-any-return]


def instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Another program in the place of the process."""
    monkeypatch.setattr(upload_process, "_command", lambda place: [sys.executable, "-c", code, str(place)])


KILLED = "import os; os.abort() if os.name == 'nt' else os.kill(os.getpid(), 9)"
ANSWERS = "print('{}')"
KILLED_AT_THE_END = (
    "import os, sys\nfrom pathlib import Path\nfrom coverage.services.upload_task import work\n"
    "work(Path(sys.argv[1]), lambda fraction, text: None)\nos._exit(9)"
)


def test_a_list_is_handed_in_once_by_its_key_however_often_it_is_sent(context: AppContext) -> None:
    check = checked(context)
    assert check.beside
    first = hand_in_checked(context, check, principal=PLANNER, answers={"axes": "keep"}, key="k")
    again = hand_in_checked(context, check, principal=PLANNER, answers={"axes": "keep"}, key="k")
    assert (first.state, first.repeated) == (ImportState.STAGED, False)
    assert (again.import_id, again.repeated) == (first.import_id, True)
    with open_context_store(context) as store:
        (record,) = store.imports()
        assert store.content(record.file_sha256) == REQUEST.content
    assert (record.submitted_by, record.file_name, dict(record.mapping)) == (
        "keikaku",
        "a.csv",
        {"axes": "keep"},
    )
    assert (record.report["rows_ok"], record.report["rows"]) == (2, [])
    assert record.result["site"]["new"] == 2


def test_what_a_process_hands_in_is_what_a_thread_hands_in(context: AppContext) -> None:
    plain = staged(context)
    with open_context_store(context) as store:
        changes = store.import_changes(plain.import_id)
        store.return_import(plain.import_id, by=ADMIN.actor, reason="比べる")
    receipt = hand_in_checked(context, checked(context), principal=PLANNER, answers={}, key="other")
    with open_context_store(context) as store:
        record = next(r for r in store.imports() if r.import_id == receipt.import_id)
        assert store.import_changes(receipt.import_id) == changes
    assert (record.report, record.result) == (plain.report, plain.result)


def test_a_long_staged_list_is_shown_accepted_and_undone(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = staged(context)
    made = start_difference(context, record, principal=ADMIN)
    assert made.wait(60)
    assert made.result() == checked(context).difference
    before = state_of(context)
    receipt = accept_staged(context, record, principal=ADMIN)
    assert (receipt.state, receipt.repeated) == (ImportState.ACCEPTED, False)
    after = state_of(context)
    assert (after[0], after[1]) == (receipt.head.hash, before[1] + 2)
    assert accept_staged(context, record, principal=ADMIN).repeated
    with open_context_store(context) as store:
        accepted = next(r for r in store.imports() if r.import_id == record.import_id)
        promised = undo_preview(context, store, accepted, principal=ADMIN)
    back = start_undo_difference(context, accepted, principal=ADMIN)
    assert back.wait(60)
    assert back.result() == promised
    assert state_of(context)[0] == after[0], "foreseen, not done"
    undone = undo_accepted(context, record, principal=ADMIN, reason="違うファイル")
    assert undone.state is ImportState.UNDONE
    assert state_of(context)[1] == before[1]
    # What the ledger refuses is refused here, too, with the ledger's own words.
    with pytest.raises(ConflictError) as refused:
        accept_staged(context, record, principal=ADMIN)
    assert refused.value.code == "import-state"


def test_corrections_of_a_long_list_take_its_reading_over(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = checked(context)
    assert first.read is not None
    assert isinstance(first.read.rows, StoredRows)
    monkeypatch.setattr(upload_jobs, "check_upload", None)
    cells = {
        "局番": "N-2",
        "局名": "二",
        "緯度": "33.72",
        "経度": "136.52",
        "状態": "計画",
        "市町コード": "99201",
    }
    second = checked(context, Request("sites", "a.csv", REQUEST.content, {}, {1: cells}), earlier=first)
    # The first check is forgotten; what it read is still wanted.
    del first
    folders(context)
    third = checked(
        context, Request("sites", "a.csv", REQUEST.content, {}, {1: {**cells, "局番": "N-9"}}), earlier=second
    )
    assert second.report is not None
    assert third.report is not None
    assert [r["site_id"] for r in second.report.rows] == ["N-1", "N-2", "N-3"]
    assert [r["site_id"] for r in third.report.rows] == ["N-1", "N-9", "N-3"]


def test_a_large_ledger_is_counted_in_a_process_for_a_short_list_too(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_process, "LONG_ROWS", 100)
    monkeypatch.setattr(upload_process, "LARGE_LEDGER", 10)
    check = checked(context)
    assert (check.beside, check.phase) == (True, "done")
    assert check.report is not None
    assert isinstance(check.report.rows, list)
    assert hand_in_checked(context, check, principal=PLANNER, answers={}, key="k").state is ImportState.STAGED


def test_nothing_is_left_when_a_check_is_forgotten_and_what_a_crash_left_goes_after_a_day(
    context: AppContext,
) -> None:
    check = checked(context)
    root = context.runs_folder / upload_process.FOLDER
    assert folders(context)
    if os.name == "posix":
        assert root.stat().st_mode & 0o077 == 0
    del check
    assert folders(context) == []
    crashed, young = root / "crashed", root / "young"
    for folder in (crashed, young):
        folder.mkdir()
    os.utime(crashed, (0, 0))
    checked(context)
    assert (crashed.exists(), young.exists()) == (False, True)


def test_a_check_whose_process_fails_says_so_and_can_be_made_again(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state_of(context)
    check = by_thread(context)
    for code, said in (
        (KILLED, "upload-process-ended"),
        ("raise MemoryError", "upload-process-ended"),
        ("print('no json')", "upload-process-ended"),
        ("""print('{"error": {"code": 7}}')""", "upload-process-ended"),
        ("""print('{"shown": "0000", "head": ""}')""", "upload-answer-damaged"),
        ("""print('{"shown": null, "head": ""}')""", "upload-answer-damaged"),
    ):
        with monkeypatch.context() as patched:
            instead(patched, code)
            check = checked(context, earlier=check)
        assert check.phase == "failed"
        assert check.problem is not None
        assert (check.problem.code, check.report, check.difference) == (said, None, None)
        assert "台帳は変わっていません" in check.problem.ja
    assert state_of(context) == before
    assert checked(context, earlier=check).phase == "done"


def test_a_difference_that_was_altered_on_its_way_is_not_shown(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    altering = KILLED_AT_THE_END.replace(
        "os._exit(9)",
        "",
    ).replace("work(Path", "done = work(Path") + (
        "import json\nfrom coverage.services.jobs import request_of\n"
        "shown = Path(request_of(Path(sys.argv[1]))['folder']) / 'shown'\n"
        "content = bytearray(shown.read_bytes()); content[-9] ^= 1; shown.write_bytes(content)\n"
        "print(json.dumps(done))"
    )
    instead(monkeypatch, altering)
    check = checked(context)
    assert check.problem is not None
    assert check.problem.code == "upload-answer-damaged"


def test_a_cancelled_check_ends_its_process(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, "import time; time.sleep(60)")
    check = start_check(context, REQUEST, principal=ADMIN)
    deadline = time.monotonic() + 30
    while not any(jobs.listing(folder) for folder in folders(context)) and time.monotonic() < deadline:
        time.sleep(0.02)
    (process, _) = next(held for key, held in list(jobs._own.items()))
    begun = time.monotonic()
    check.cancel()
    assert check.wait(20)
    assert time.monotonic() - begun < 5
    assert (check.phase, check.report, check.difference, check.problem) == ("cancelled", None, None, None)
    assert process.poll() is not None


def test_a_cancelled_difference_says_that_it_was(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = staged(context)
    instead(monkeypatch, "import time; time.sleep(60)")
    made = start_difference(context, record, principal=ADMIN)
    made.cancel()
    assert made.wait(20)
    with pytest.raises(StorageError) as said:
        made.result()
    assert said.value.code == "upload-check-cancelled"


@pytest.mark.parametrize("act", ["hand-in", "accept", "undo"])
def test_a_process_killed_before_its_commit_has_done_nothing_and_killed_after_it_has_done_all(
    context: AppContext, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    check = checked(context) if act == "hand-in" else None
    record = staged(context) if act != "hand-in" else None
    if act == "undo":
        assert record is not None
        with open_context_store(context) as store:
            accept_import(store, record.import_id, principal=ADMIN)
    acts: dict[str, Callable[[], Any]] = {
        "hand-in": lambda: hand_in_checked(context, check, principal=ADMIN, answers={}, key="own"),  # type: ignore[arg-type]
        "accept": lambda: accept_staged(context, record, principal=ADMIN),  # type: ignore[arg-type]
        "undo": lambda: undo_accepted(context, record, principal=ADMIN, reason="誤り"),  # type: ignore[arg-type]
    }
    before = state_of(context)
    for code in (KILLED, ANSWERS):
        with monkeypatch.context() as patched:
            instead(patched, code)
            with pytest.raises(StorageError) as said:
                acts[act]()
        assert said.value.code in ("upload-process-ended", "upload-answer-damaged")
        assert state_of(context) == before
    with monkeypatch.context() as patched:
        instead(patched, KILLED_AT_THE_END)
        receipt = acts[act]()
    wanted = {"hand-in": ImportState.STAGED, "accept": ImportState.ACCEPTED, "undo": ImportState.UNDONE}[act]
    after = state_of(context)
    assert (receipt.state, receipt.repeated, receipt.head.hash) == (wanted, True, after[0])
    assert after[0] != before[0]


def test_where_the_ledger_cannot_be_asked_nobody_is_told_that_it_did_not_change(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = staged(context)

    def away(_: AppContext) -> Any:
        raise StorageError("store-unreachable", "台帳に届きません。", "The ledger cannot be reached.")

    instead(monkeypatch, KILLED)
    monkeypatch.setattr("coverage.services.stores.open_context_store", away)
    with pytest.raises(StorageError) as said:
        accept_staged(context, record, principal=ADMIN)
    assert said.value.code == "upload-outcome-unknown"
    assert "台帳に届きません" in said.value.ja
    assert "変わっていません" not in said.value.ja


def test_no_room_for_the_rows_is_one_sentence(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = state_of(context)
    with monkeypatch.context() as patched:
        patched.setattr(upload_process, "pack", full)
        check = checked(context)
    assert check.problem is not None
    assert (check.problem.code, check.phase) == ("upload-no-room", "failed")
    assert "No space left" in check.problem.en
    with monkeypatch.context() as patched:
        patched.setattr("coverage.uploads.sandbox.shutil.move", full)
        check = checked(context)
    assert check.problem is not None
    assert check.problem.code == "quarantine-not-written"
    assert state_of(context) == before


def test_no_room_inside_the_process_is_the_same_sentence(
    context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    check = by_thread(context)
    assert check.read is not None
    place = tmp_path / ".job-x"
    place.mkdir()
    write_report(check.read, tmp_path / upload_process.READ)
    (tmp_path / upload_process.GIVEN).write_text(
        json.dumps({"understood": {}, "edits": {}, "again": None}), encoding="utf-8"
    )
    request = {
        "work": "check", "kind": "sites", "read": str(tmp_path / upload_process.READ), "folder": str(tmp_path), "role": "admin",
        "municipality_codes": [], "region_folder": str(context.region_folder), "runs_folder": str(context.runs_folder),
        "layers_root": None,
    }  # fmt: skip
    (place / "job.json").write_text(json.dumps({"owner": "kanri", "request": request}), encoding="utf-8")
    monkeypatch.setenv("COVERAGE_GAP_STORE", str(context.store_url))
    if hasattr(os, "nice"):
        monkeypatch.setattr(os, "nice", lambda step: 0)
    monkeypatch.setattr("coverage.uploads.stored_rows.write_report", full)
    try:
        with pytest.raises(StorageError) as said:
            upload_task.work(place, lambda fraction, text: None)
    finally:
        gc.enable()
    assert said.value.code == "upload-no-room"


def test_rows_that_were_lost_or_altered_are_missed_and_never_handed_in(context: AppContext) -> None:
    check = checked(context)
    assert check.report is not None
    rows = check.report.rows
    assert isinstance(rows, StoredRows)
    before = state_of(context)
    content = rows.path.read_bytes()
    altered = [
        content[:n] + bytes([content[n] ^ 255]) + content[n + 1 :] for n in (40, 200, len(content) - 6)
    ]
    for damage in (content[:-12], b"", b"not packed", *altered):
        rows.path.write_bytes(damage)
        with pytest.raises(StorageError) as said:
            list(rows)
        assert said.value.code == "upload-rows-gone"
    with pytest.raises(StorageError) as said:
        hand_in_checked(context, check, principal=ADMIN, answers={}, key="own")
    assert said.value.code == "upload-rows-gone"
    rows.path.unlink()
    with pytest.raises(StorageError):
        list(rows)
    assert state_of(context) == before


def test_an_error_of_the_process_keeps_its_class_and_words(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(
        monkeypatch, """print('{"error": {"code": "x-y", "ja": "あ。", "en": "A."}}'); raise SystemExit(2)"""
    )
    check = checked(context)
    assert isinstance(check.problem, InputError)
    assert (check.problem.code, check.problem.ja, check.problem.en) == ("x-y", "あ。", "A.")


def test_many_positions_are_found_as_each_alone() -> None:
    locate = region_checks(AppContext(PROJECT / "data", PROJECT / "data")).locate
    assert isinstance(locate, Locator)
    places = [(33.4 + i * 0.013, 136.0 + (i * 7 % 90) * 0.0121) for i in range(80)]
    alone = [locate(*place) for place in places]
    assert locate.many(places) == alone
    assert 0 < sum(code is not None for code in alone) < len(places)
