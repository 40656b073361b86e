"""Cleaning: what is published, planned on or new stays; old runs, old footprints and the left-overs of crashes go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from coverage.errors import ConflictError, PermissionDeniedError
from coverage.runs import cache, folder, lock
from coverage.services import compute, run_cleaning
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.plan_documents import PLANS

ADMIN = Principal("admin", Role.ADMIN)


@pytest.fixture
def place(tmp_path, tiny):
    """Five runs, the second and the first published (in that order), the third planned on; runs get newer by number."""
    tiny.write_tiny_region(tmp_path / "region")
    runs = tmp_path / "runs"
    made = runs / "0000000000000001"
    made.mkdir(parents=True)
    (made / "run.json").write_text(
        json.dumps({"format": "coverage-gap-run/1", "run_id": made.name}), encoding="utf-8"
    )
    folder.write_checksums(made)
    for number in range(2, 6):
        copy = runs / f"{number:016d}"
        shutil.copytree(made, copy)
        (copy / "run.json").write_text(
            json.dumps({"format": "coverage-gap-run/1", "run_id": copy.name}), encoding="utf-8"
        )
        folder.write_checksums(copy)
    for number in range(1, 6):
        os.utime(runs / f"{number:016d}" / "run.json", (1_700_000_000 + number, 1_700_000_000 + number))
    folder.publish(runs, f"{2:016d}", by="a", on="2018-01-01")
    folder.publish(runs, f"{1:016d}", by="a", on="2018-02-01")
    plan = runs / PLANS / "plan1"
    plan.mkdir(parents=True)
    (plan / "plan.json").write_text(
        json.dumps({"format": "coverage-gap-plan/1", "plan_id": "plan1", "run_id": f"{3:016d}"}),
        encoding="utf-8",
    )
    (runs / PLANS / "broken").mkdir()
    (runs / PLANS / "broken" / "plan.json").write_text("{", encoding="utf-8")
    return AppContext(tmp_path / "region", runs)


def _kept(context):
    return sorted(int(p.name) for p in context.runs_folder.iterdir() if p.name.isdigit())


def test_published_and_planned_runs_stay_and_the_newest_of_the_others(place):
    assert run_cleaning.removable_runs(place, keep=1) == [f"{4:016d}"]
    done = run_cleaning.clean_runs(place, ADMIN, keep=1)
    assert done.run_ids == (f"{4:016d}",)
    assert _kept(place) == [1, 2, 3, 5]
    assert run_cleaning.clean_runs(place, ADMIN, keep=0).run_ids == (f"{5:016d}",)
    assert _kept(place) == [1, 2, 3]
    assert folder.published(place.runs_folder).run_id == f"{1:016d}"
    assert not list(place.runs_folder.glob(".*.part"))


def test_a_run_that_the_pointer_forgot_stays_for_as_of(place):
    """The pointer names the last 50 publications only, and none before it was mended; the history names them all."""
    runs = place.runs_folder
    folder.publish(runs, f"{4:016d}", by="a", on="2018-03-01", at=datetime(2018, 3, 1, tzinfo=UTC))
    (runs / folder.PUBLISHED).write_text("{", encoding="utf-8")
    folder.publish(runs, f"{1:016d}", by="a", on="2018-04-01", at=datetime(2018, 4, 1, tzinfo=UTC))
    assert [p["run_id"] for p in folder.publications(runs)] == [f"{1:016d}"]
    assert run_cleaning.clean_runs(place, ADMIN, keep=0).run_ids == (f"{5:016d}",)
    assert compute.run_as_of(place, datetime(2018, 3, 2, tzinfo=UTC)).run_id == f"{4:016d}"


def test_nothing_is_removed_while_somebody_publishes(place, monkeypatch):
    monkeypatch.setattr(folder, "_PUBLISHING_TRIES", 1)
    with folder.publishing(place.runs_folder, by="b"), pytest.raises(ConflictError) as caught:
        run_cleaning.clean_runs(place, ADMIN, keep=0)
    assert caught.value.code == "publishing"
    assert "b" in caught.value.ja
    assert _kept(place) == [1, 2, 3, 4, 5]
    assert run_cleaning.clean_runs(place, ADMIN, keep=0).run_ids == (f"{4:016d}", f"{5:016d}")


def test_old_terrains_and_the_oldest_footprints_go_and_the_last_used_terrain_stays(place):
    work = place.runs_folder / ".cache"
    for number, age_days in (("a", 90), ("b", 40), ("c", 35)):
        terrain = work / "terrain" / number
        terrain.mkdir(parents=True)
        (terrain / "height_m.npy").write_bytes(b"0" * 1000)
        os.utime(terrain, (time.time() - age_days * 86_400,) * 2)
    for number, name in enumerate(("aa01", "aa02", "aa03")):
        print_ = work / "footprints" / name[:2] / f"{name}.footprint"
        print_.parent.mkdir(parents=True, exist_ok=True)
        print_.write_bytes(b"1" * 1000)
        os.utime(print_, (1_700_000_000 + number,) * 2)
    for path in list((work / "footprints").glob("*/*")):
        path.rename(path.with_suffix(cache._SUFFIX))
    done = run_cleaning.clean_runs(place, ADMIN, cache_bytes=2000)
    assert sorted(p.name for p in (work / "terrain").iterdir()) == ["c"]
    assert sorted(p.stem for p in (work / "footprints").glob("*/*")) == ["aa02", "aa03"]
    assert done.freed_bytes >= 3000
    assert done.others == 3


def test_nothing_is_removed_under_a_computation(place):
    about = {"by": "花子", "since": datetime.now(UTC).isoformat()}
    with lock.held(place.runs_folder / compute.COMPUTING, about), pytest.raises(ConflictError, match="花子"):
        run_cleaning.clean_runs(place, ADMIN, keep=0)
    from coverage.services import jobs

    sleeping = [sys.executable, "-c", "import time; time.sleep(120)"]
    root = place.runs_folder / PLANS
    job = jobs.start("plan", lambda _: sleeping, root=root, owner="x", environment=os.environ)
    try:
        with pytest.raises(ConflictError, match="A plan or a run"):
            run_cleaning.clean_runs(place, ADMIN, keep=0)
    finally:
        jobs.cancel(root, job)
    assert _kept(place) == [1, 2, 3, 4, 5]
    run_cleaning.clean_runs(place, ADMIN)
    assert not list(root.glob(".job-*"))


def test_only_an_administrator_cleans(place):
    with pytest.raises(PermissionDeniedError):
        run_cleaning.clean_runs(place, Principal("p", Role.PLANNER), keep=0)


def test_the_command_names_and_removes(place, tmp_path):
    def told(*words):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", "runs", *words, "--json"],
            capture_output=True, text=True, encoding="utf-8", check=True, cwd=tmp_path,
            env={**os.environ, "COVERAGE_GAP_RUNS": str(place.runs_folder), "COVERAGE_GAP_AUTH": "local"},
        )  # fmt: skip
        return json.loads(done.stdout.strip().splitlines()[-1])

    assert told("clean", "--keep", "0", "--dry-run") == {"run_ids": [f"{4:016d}", f"{5:016d}"]}
    assert _kept(place) == [1, 2, 3, 4, 5]
    assert told("clean", "--keep", "0")["run_ids"] == [f"{4:016d}", f"{5:016d}"]
    assert _kept(place) == [1, 2, 3]
