"""Runs in the background on the tiny region: computed, published as bytes, cancelled, killed, and one at a time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from datetime import UTC, date, datetime

import pytest

from coverage.errors import ConflictError, NotFoundError, PermissionDeniedError, StorageError
from coverage.runs import folder, lock
from coverage.services import compute, compute_jobs, jobs, journal
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.store.events import Kind

ADMIN = Principal("管理 花子", Role.ADMIN)
PLANNER = Principal("plan", Role.PLANNER)
VIEWER = Principal("guest", Role.VIEWER)


@pytest.fixture(scope="module")
def place(tiny, tmp_path_factory):
    """The tiny region with its ledger in a store, nothing computed yet."""
    root = tmp_path_factory.mktemp("compute-jobs")
    tiny.write_tiny_region(root / "region")
    context = AppContext(root / "region", root / "runs", store_url=str(root / "ledger.sqlite"))
    load_tables_into_store(context, ADMIN)
    return context


def _ended(context, job_id):
    for _ in range(900):
        job = compute_jobs.state(context, job_id)
        if job.state != "running":
            return job
        time.sleep(0.1)
    raise AssertionError("the run did not end in 90 seconds")


def test_a_run_is_computed_watched_and_published_as_the_command_does(place):
    job_id = compute_jobs.start_run(place, ADMIN, publish=True)
    first = compute_jobs.current(place, PLANNER)
    assert (first.job_id, first.state, first.owner, first.publish) == (job_id, "running", ADMIN.user_id, True)
    job = _ended(place, job_id)
    assert (job.state, job.published, job.fraction) == ("done", True, 1.0)
    published = folder.published(place.runs_folder)
    assert published.run_id == job.run_id
    assert folder.publications(place.runs_folder)[0]["by"] == ADMIN.user_id
    with open_context_store(place) as store:
        (kept,) = store.publications(subject="run")
        content = json.loads(store.content(kept.content_sha256))
        check = journal.verify_publication(store, kept.publication_id, principal=ADMIN)
    assert check.ok
    assert kept.values["count/2016"] == 71 == content["count"]["years"][1]["total"]
    assert kept.run_id == content["run_id"] == job.run_id
    compute_jobs.forget(place, job_id, ADMIN)
    assert compute_jobs.current(place, ADMIN) is None
    with pytest.raises(NotFoundError):
        compute_jobs.state(place, job_id)


def test_an_edited_actual_is_in_the_publication_and_is_verified(place):
    with open_context_store(place) as store:
        store.put(
            Kind.ACTUAL,
            {
                "indicator": "40602",
                "fiscal_year": 2016,
                "value": 81.5,
                "source": "評価",
                "decided_on": date(2017, 5, 1),
            },
            by=ADMIN.actor,
            expected_version=0,
        )
    run = compute.compute_run(place, workers=1)
    with pytest.raises(PermissionDeniedError):
        compute.publish_run(place, run.run_id, principal=PLANNER)
    compute.publish_run(place, run.run_id, principal=ADMIN)
    with open_context_store(place) as store:
        kept = store.publications(subject="run")[0]
        assert kept.values["actual/40602/2016"] == 81.5
        assert journal.verify_publication(store, kept.publication_id, principal=ADMIN).ok


def test_a_published_run_is_verified_after_a_freeze_a_restatement_and_later_entries(place):
    with open_context_store(place) as store:
        journal.publish_count(place, store, last_fy=2016, published_on=date(2017, 6, 1), principal=ADMIN)
        journal.restate(store, 2016, -1, reason="二重計上", principal=ADMIN)
    run = compute.compute_run(place, workers=1)
    compute.publish_run(place, run.run_id, principal=ADMIN)
    with open_context_store(place) as store:
        kept = store.publications(subject="run")[0]
        assert (kept.values["count/2016"], kept.values["count/2017"]) == (71, 70)
        # What is entered later changes nothing about what was published.
        journal.restate(store, 2016, -5, reason="あとから", principal=ADMIN)
        assert journal.verify_publication(store, kept.publication_id, principal=ADMIN).ok


def test_a_second_is_told_who_computes_whether_page_or_command(place, monkeypatch):
    monkeypatch.setattr(
        compute_jobs, "_command", lambda _: [sys.executable, "-c", "import time; time.sleep(120)"]
    )
    job_id = compute_jobs.start_run(place, PLANNER)
    with pytest.raises(ConflictError, match="plan has been computing") as refused:
        compute_jobs.start_run(place, ADMIN)
    assert refused.value.code == "run-in-progress"
    with pytest.raises(NotFoundError):
        compute_jobs.cancel(place, job_id, Principal("other", Role.PLANNER))
    compute_jobs.cancel(place, job_id, ADMIN)
    assert compute_jobs.state(place, job_id).state == "cancelled"
    about = {"by": "窓口 太郎", "since": datetime.now(UTC).isoformat()}
    with lock.held(place.runs_folder / compute.COMPUTING, about):
        # The same process may take a flock twice only by another open file: this is another process's view.
        assert compute_jobs.elsewhere(place) == "窓口 太郎"
        with pytest.raises(ConflictError, match="窓口 太郎"):
            compute_jobs.start_run(place, ADMIN)
        with pytest.raises(ConflictError, match="窓口 太郎"):
            compute.compute_run(place, workers=1)
    assert compute_jobs.elsewhere(place) == ""
    jobs.sweep(place.runs_folder)


def test_a_killed_run_is_failed_leaves_nothing_and_the_next_one_ends_well(place):
    before = {p.name for p in place.runs_folder.iterdir()}
    job_id = compute_jobs.start_run(place, ADMIN, force=True)
    own = place.runs_folder / f".job-{job_id}" / "alive"
    for _ in range(600):
        # In the middle of its work: the run's own folder is half written.
        if list(place.runs_folder.glob(".*.part")):
            break
        time.sleep(0.02)
    os.kill(lock.holder(own)["pid"], signal.SIGKILL)
    job = _ended(place, job_id)
    assert job.state == "failed"
    assert "途中で終わりました" in job.ja
    assert lock.holder(place.runs_folder / compute.COMPUTING) is None
    again = compute_jobs.start_run(place, ADMIN, force=True)
    assert _ended(place, again).state == "done"
    compute_jobs.forget(place, again, ADMIN)
    after = {p.name for p in place.runs_folder.iterdir()}
    assert not [
        name for name in after if name.startswith((".job-", ".0")) or name.endswith((".part", ".old"))
    ]
    assert after >= before - {f".job-{job_id}"}


def test_the_commands_own_error_says_why_a_run_failed(place, tmp_path):
    broken = AppContext(tmp_path / "nowhere", tmp_path / "runs")
    job = _ended(broken, compute_jobs.start_run(broken, ADMIN))
    assert job.state == "failed"
    assert "region.toml" in job.ja


def test_who_may_not_compute_or_publish_starts_nothing(place, tmp_path):
    elsewhere = AppContext(place.region_folder, tmp_path / "runs")
    with pytest.raises(PermissionDeniedError):
        compute_jobs.start_run(elsewhere, VIEWER)
    with pytest.raises(PermissionDeniedError):
        compute_jobs.start_run(elsewhere, PLANNER, publish=True)
    with pytest.raises(PermissionDeniedError):
        compute_jobs.current(elsewhere, VIEWER)
    assert not elsewhere.runs_folder.exists()


def test_the_stores_address_never_stands_on_a_command_line_or_in_the_folder(tmp_path, monkeypatch):
    context = AppContext(
        tmp_path / "region", tmp_path / "runs", store_url="postgresql://planner:secret@host/ledger"
    )
    monkeypatch.setattr(
        compute_jobs,
        "_command",
        lambda _: [sys.executable, "-c", "import os; print(os.environ['COVERAGE_GAP_STORE'])"],
    )
    job = _ended(context, compute_jobs.start_run(context, ADMIN))
    folder_ = context.runs_folder / f".job-{job.job_id}"
    assert "secret" in (folder_ / "out").read_text(encoding="utf-8")
    assert "secret" not in (folder_ / "job.json").read_text(encoding="utf-8")


def test_a_run_that_was_being_replaced_when_the_process_was_killed_comes_back(tmp_path):
    (tmp_path / ".0123456789abcdef.77.old").mkdir()
    (tmp_path / ".0123456789abcdef.77.old" / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / ".0123456789abcdef.77.part").mkdir()
    (tmp_path / "aaaa").mkdir()
    (tmp_path / ".aaaa.77.old").mkdir()
    assert folder.mend(tmp_path) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0123456789abcdef", "aaaa"]


def _made_files(place, run_id):
    """Public files of a run that are kept, by name."""
    (kept,) = (place.runs_folder / ".downloads").glob(f"{run_id}-*")
    return {p.relative_to(kept).as_posix() for p in kept.rglob("*") if p.is_file()}


def _files_made(place):
    """The one job that makes public files, ended."""
    for _ in range(900):
        (job,) = jobs.listing(place.runs_folder, compute_jobs.FILES)
        if job.state != "running":
            return job
        time.sleep(0.1)
    raise AssertionError("the files were not made in 90 seconds")


def test_the_public_files_are_made_however_a_run_becomes_public(place, monkeypatch):
    done = _ended(place, compute_jobs.start_run(place, ADMIN, publish=True, force=True))
    assert done.state == "done"
    ahead = _made_files(place, done.run_id)
    shutil.rmtree(place.runs_folder / ".downloads")
    with pytest.raises(PermissionDeniedError):
        compute_jobs.publish_run(place, PLANNER, done.run_id)
    assert jobs.listing(place.runs_folder, compute_jobs.FILES) == []
    assert compute_jobs.publish_run(place, ADMIN, done.run_id).run_id == done.run_id
    assert folder.published(place.runs_folder).run_id == done.run_id
    job = _files_made(place)
    assert (job.state, job.answer["run_id"]) == ("done", done.run_id)
    assert _made_files(place, done.run_id) == ahead
    assert any(name.endswith("report.pdf") for name in ahead)
    # It is no computation: nobody is told to wait for it or to read its outcome.
    assert compute_jobs.current(place, ADMIN).job_id == done.job_id
    # Nobody drops the process of an earlier publication but the next one.
    monkeypatch.setattr(compute_jobs, "_KEPT_S", 0.0)
    compute_jobs.publish_run(place, ADMIN, done.run_id)
    assert _files_made(place).job_id != job.job_id
    assert job.job_id not in jobs._own


def test_a_run_is_public_also_where_its_files_cannot_be_made_ahead(place, monkeypatch, caplog):
    run = compute.compute_run(place, workers=1)

    def full(*_, **__):
        raise StorageError("job-not-started", "満杯です。", "The disk is full.")

    monkeypatch.setattr(jobs, "start", full)
    assert compute_jobs.publish_run(place, ADMIN, run.run_id).run_id == run.run_id
    assert folder.published(place.runs_folder).run_id == run.run_id
    assert "The disk is full." in caplog.text
