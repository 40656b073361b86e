"""Checking an upload beside the page: phases, cancelling, taking a reading over, and the others who are served meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.uploads import responsiveness
from coverage.errors import PermissionDeniedError
from coverage.services import upload_jobs, upload_process
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.upload_jobs import Check, Request, start_check
from coverage.uploads.stored_rows import StoredRows

PROJECT = Path(__file__).resolve().parents[2]
ADMIN = Principal("kanri", Role.ADMIN)
LIST = "局番,局名,緯度,経度,状態,市町コード\nN-1,一,33.7,136.5,計画,99201\nN-2,二,0,0,計画,99201\n"


@pytest.fixture
def context(tmp_path: Path) -> AppContext:
    made = AppContext(PROJECT / "data", tmp_path, store_url=str(tmp_path / "ledger.sqlite"))
    load_tables_into_store(made, ADMIN)
    return made


def ended(check: Check) -> Check:
    assert check.wait(60), check.phase
    return check


def test_a_check_reads_compares_and_counts(context: AppContext) -> None:
    check = ended(start_check(context, Request("sites", "a.csv", LIST.encode()), principal=ADMIN))
    assert (check.phase, check.problem) == ("done", None)
    assert check.report is not None
    assert (len(check.report.rows), check.report.rows_bad) == (1, 1)
    assert check.difference is not None
    assert check.difference.comparison.counts["site"]["new"] == 1
    assert len(check.head) == 64


def test_a_long_list_is_compared_in_a_process_with_the_same_outcome(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request("sites", "a.csv", LIST.encode())
    short = ended(start_check(context, request, principal=ADMIN))
    monkeypatch.setattr(upload_process, "LONG_ROWS", 0)
    long = ended(start_check(context, request, principal=ADMIN))
    assert (short.beside, long.beside, long.phase, long.problem) == (False, True, "done", None)
    assert short.report is not None
    assert long.report is not None
    assert isinstance(long.report.rows, StoredRows)
    assert long.report.as_dict() | {"rows": list(long.report.rows)} == short.report.as_dict()
    assert (long.difference, long.head) == (short.difference, short.head)


def test_corrections_take_the_reading_over(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("sites", "a.csv", LIST.encode())
    first = ended(start_check(context, request, principal=ADMIN))
    monkeypatch.setattr(upload_jobs, "check_upload", None)
    cells = {
        "局番": "N-2",
        "局名": "二",
        "緯度": "33.71",
        "経度": "136.51",
        "状態": "計画",
        "市町コード": "99201",
    }
    again = Request("sites", "a.csv", request.content, {}, {1: cells})
    second = ended(start_check(context, again, principal=ADMIN, earlier=first))
    assert second.phase == "done"
    assert second.report is not None
    assert [r["site_id"] for r in second.report.rows] == ["N-1", "N-2"]
    # Another answer needs another reading.
    other = ended(
        start_check(
            context,
            Request("sites", "a.csv", request.content, {"axes": "swap"}),
            principal=ADMIN,
            earlier=first,
        )
    )
    assert other.phase == "failed"


def test_a_long_reading_is_cancelled_within_a_second(context: AppContext) -> None:
    lines = "".join(f"N-{i},局,33.7,136.5,計画,99201\n" for i in range(150_000))
    check = start_check(context, Request("sites", "a.csv", (LIST + lines).encode()), principal=ADMIN)
    while check.phase == "waiting":
        time.sleep(0.01)
    time.sleep(0.3)
    begun = time.monotonic()
    check.cancel()
    assert check.wait(10)
    assert time.monotonic() - begun < 5
    assert (check.phase, check.difference) == ("cancelled", None)


def test_checks_wait_their_turn_and_can_be_cancelled_while_they_wait(context: AppContext) -> None:
    for _ in range(upload_jobs.AT_ONCE):
        assert upload_jobs._turns.acquire(timeout=10)
    try:
        check = start_check(context, Request("sites", "a.csv", LIST.encode()), principal=ADMIN)
        assert not check.wait(0.5)
        assert check.phase == "waiting"
        check.cancel()
        assert ended(check).phase == "cancelled"
    finally:
        for _ in range(upload_jobs.AT_ONCE):
            upload_jobs._turns.release()


def test_a_fault_is_said_and_frees_the_turn(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(upload_jobs, "check_upload", broken)
    for _ in range(upload_jobs.AT_ONCE + 1):
        check = ended(start_check(context, Request("sites", "a.csv", LIST.encode()), principal=ADMIN))
        assert check.phase == "failed"
        assert check.problem is not None
        assert check.problem.code == "upload-check-failed"
        assert "fire" not in check.problem.ja


def test_who_may_not_upload_starts_nothing(context: AppContext) -> None:
    with pytest.raises(PermissionDeniedError):
        start_check(context, Request("sites", "a.csv", LIST.encode()), principal=Principal("v", Role.VIEWER))


def test_the_server_answers_others_while_a_long_list_is_checked(runs_and_home: tuple[Path, Path]) -> None:
    runs, home = runs_and_home
    told = responsiveness(home, 4000, runs=runs, patience_s=120)
    assert (told["phase"], told["rows"]) == ("done", 4000)
    assert told["n"] > 20
    assert told["p95"] < 1.0
    if told["idle_mb"] is not None:
        assert told["peak_mb"] - told["idle_mb"] <= 300


@pytest.fixture
def runs_and_home(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("runs", "home"):
        (tmp_path / name).mkdir()
    return tmp_path / "runs", tmp_path / "home"
