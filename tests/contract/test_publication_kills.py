"""A publication that was cut off is done again: one record in the ledger, one run that is public, nothing lost."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from coverage.domain.region import CountingConfig
from coverage.runs import folder
from coverage.runs.folder import write_checksums
from coverage.services.access import Principal, Role
from coverage.services.compute import publish_run
from coverage.services.context import AppContext
from coverage.services.run_publication import RUN_SUBJECT

PUBLISHER = Path(__file__).resolve().parent.parent / "store" / "publisher_process.py"
KANRI = Principal("kanri", Role.ADMIN)


def _make(runs: Path, run_id: str, *, total: int, from_ledger: bool = True) -> None:
    """A run with a count and without an indicator sheet, computed from the ledger when it was empty."""
    layer = {"layer": "sites", "format": "store" if from_ledger else "tables", "edition": "0"}
    meta = {
        "format": "coverage-gap-run/1",
        "run_id": run_id,
        "layers": [layer],
        "parameters": {"counting": CountingConfig().model_dump(mode="json")},
    }
    (runs / run_id / "tables").mkdir(parents=True)
    for name, value in (
        ("run.json", meta),
        ("tables/count.json", {"years": [{"fiscal_year": 2016, "total": total}]}),
        ("tables/indicators.json", {"table": None}),
    ):
        (runs / run_id / name).write_text(json.dumps(value), encoding="utf-8")
    write_checksums(runs / run_id)


@pytest.fixture
def place(store: Any, store_url: str, tmp_path: Path) -> AppContext:
    """Three runs, the last from CSV tables; nothing is public."""
    runs = tmp_path / "runs"
    _make(runs, "aaa", total=71)
    _make(runs, "bbb", total=72)
    _make(runs, "ccc", total=73, from_ledger=False)
    return AppContext(runs, runs, store_url=store_url)


def _records(store: Any) -> list[str]:
    """Runs of the ledger's records, oldest first."""
    return [record.run_id for record in reversed(store.publications(subject=RUN_SUBJECT))]


def _shown(place: AppContext) -> list[str]:
    """Runs that were public one after another; the same one published twice in a row is one."""
    return [
        run_id for run_id, _ in itertools.groupby(p.run_id for p in folder.published_when(place.runs_folder))
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_publication_killed_at_any_step_is_one_publication_when_it_is_done_again(
    store: Any, store_url: str, place: AppContext
) -> None:
    publish_run(place, "aaa", principal=KANRI)
    expected, steps = ["aaa"], None
    with _publisher(place, store_url, "bbb") as killed_before:
        for step in itertools.count():
            ended_by, *steps = killed_before(step)
            if ended_by != "0":
                assert ended_by == str(int(signal.SIGKILL))
                public = folder.published(place.runs_folder)
                assert public is not None
                assert public.run_id == _shown(place)[-1]
                assert public.run_id == "aaa" or _records(store)[-1] == "bbb", "public without a record"
                publish_run(place, "bbb", principal=KANRI)
            expected.append("bbb")
            assert _records(store) == expected, f"killed before step {step}"
            assert _shown(place) == expected
            newest = folder.published_when(place.runs_folder)[-1]
            assert newest.record == store.publications(subject=RUN_SUBJECT)[0].publication_id
            assert not list(place.runs_folder.rglob(".*.part"))
            if ended_by == "0":
                break
            # Another run was public in between: the next one is a publication of its own.
            publish_run(place, "aaa", principal=KANRI)
            expected.append("aaa")
            assert _records(store) == expected
    # The record first; then the pointer and its entry in the history: bytes, name, folder.
    assert steps == ["record", *["fsync", "replace", "fsync"] * 2]


@contextmanager
def _publisher(place: AppContext, store_url: str, run_id: str) -> Iterator[Callable[[int], list[str]]]:
    """Asks the process for a publication that dies before a step; the words of its answer."""
    command = [sys.executable, str(PUBLISHER), str(place.runs_folder), store_url, run_id]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(step: int) -> list[str]:
            process.stdin.write(f"{step}\n")
            process.stdin.flush()
            return process.stdout.readline().split()

        yield ask


def test_the_run_that_is_public_published_again_has_one_record(store: Any, place: AppContext) -> None:
    for _ in range(3):
        publish_run(place, "aaa", principal=KANRI)
    assert _records(store) == ["aaa"]
    assert store.verify_audit().ok


def test_a_run_that_comes_back_is_a_publication_of_its_own(store: Any, place: AppContext) -> None:
    for run_id in ("aaa", "bbb", "aaa"):
        publish_run(place, run_id, principal=KANRI)
    assert _records(store) == ["aaa", "bbb", "aaa"]
    # Also where the one between has no record, because it was not computed from the ledger.
    for run_id in ("ccc", "aaa"):
        publish_run(place, run_id, principal=KANRI)
    assert _records(store) == ["aaa", "bbb", "aaa", "aaa"]
    assert _shown(place) == ["aaa", "bbb", "aaa", "ccc", "aaa"]


def test_a_run_that_comes_back_is_one_also_after_the_clock_was_set_back(
    store: Any, place: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta(days=2)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

    monkeypatch.setattr(folder, "datetime", Clock)
    publish_run(place, "aaa", principal=KANRI)
    ahead = timedelta(0)
    for run_id in ("ccc", "aaa", "aaa"):
        publish_run(place, run_id, principal=KANRI)
    assert _records(store) == ["aaa", "aaa"]


def test_a_run_that_was_computed_again_has_a_record_of_its_own_bytes(store: Any, place: AppContext) -> None:
    publish_run(place, "aaa", principal=KANRI)
    count = place.runs_folder / "aaa" / "tables" / "count.json"
    count.write_text('{"years": [{"fiscal_year": 2016, "total": 70}]}', encoding="utf-8")
    write_checksums(place.runs_folder / "aaa")
    publish_run(place, "aaa", principal=KANRI)
    first, second = reversed(store.publications(subject=RUN_SUBJECT))
    assert (first.values["count/2016"], second.values["count/2016"]) == (71, 70)


def test_a_publication_of_an_earlier_release_is_over_when_another_run_was_public(
    store: Any, place: AppContext
) -> None:
    """Earlier releases did not write down which record belongs to which publication."""
    for run_id in ("aaa", "ccc"):
        publish_run(place, run_id, principal=KANRI)
    for path in [place.runs_folder / "published.json", *(place.runs_folder / "publications").glob("*.json")]:
        entry = json.loads(path.read_text(encoding="utf-8"))
        for held in (entry, *entry.get("earlier", [])):
            held.pop("record", None)
        path.write_text(json.dumps(entry), encoding="utf-8")
    publish_run(place, "aaa", principal=KANRI)
    assert _records(store) == ["aaa", "aaa"]


def test_with_a_damaged_history_a_publication_is_rather_recorded_twice_than_not(
    store: Any, place: AppContext
) -> None:
    for run_id in ("aaa", "ccc"):
        publish_run(place, run_id, principal=KANRI)
    next((place.runs_folder / "publications").glob("*ccc.json")).write_text("{", encoding="utf-8")
    publish_run(place, "aaa", principal=KANRI)
    assert _records(store) == ["aaa", "aaa"]
