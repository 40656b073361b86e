"""管理 → 計算と公開 on the tiny region: computed behind the page, compared, published, taken back, tidied up."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from coverage.runs import folder
from coverage.services import compute, compute_jobs, jobs
from coverage.services.context import AppContext
from coverage.services.stores import open_context_store
from coverage.store.events import Kind

from .page_words import ADMIN, opened, tiny_office, words_of


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import manage_runs

    manage_runs.show(frame.open_view())


@pytest.fixture(scope="module")
def place(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """The tiny region with its ledger in a store and nothing computed."""
    with tiny_office(tiny, tmp_path_factory.mktemp("manage-runs")) as context:
        yield context


def _open(*, lang: str | None = None, role: str | None = None) -> AppTest:
    return opened(AppTest.from_function(_script, default_timeout=60), lang=lang, role=role)


def _waited(context: AppContext) -> AppTest:
    """Look again, as a page loaded anew does, until the job has ended."""
    for _ in range(90):
        job = compute_jobs.current(context, ADMIN)
        assert job is not None
        if job.state != "running":
            return _open()
        time.sleep(1.0)
    raise AssertionError("the run did not end in 90 seconds")


def _enter(context: AppContext, kind: Kind, values: dict[str, object]) -> None:
    with open_context_store(context) as store:
        store.put(kind, values, by=ADMIN.actor, expected_version=0)


def test_from_nothing_to_a_published_run_then_a_difference_and_back(place: AppContext) -> None:
    test = _open()
    assert "公開している計算結果はまだありません" in words_of(test)
    test.button(key="runs-compute").click().run()
    # The job is in the runs folder: another visitor sees it, and so does the page after a reload.
    other = _open()
    assert "に始めました" in words_of(other)
    assert other.button(key="runs-cancel")
    test = _waited(place)
    words = words_of(test)
    assert "計算が終わりました" in words
    assert "初めての公開です" in words
    first = folder.list_runs(place.runs_folder)[0].run_id
    assert test.button(key="runs-publish").disabled
    test.checkbox(key=f"runs-sure-{first}").check().run()
    test.button(key="runs-publish").click().run()
    words = words_of(test)
    assert f"計算番号 {first} を公開しました" in words
    assert "いま公開している計算です" in words
    assert "違いを確かめて公開できます" not in words
    assert folder.published(place.runs_folder).run_id == first
    test.button(key="runs-dismiss").click().run()
    assert f"公開中の計算（{first}）は台帳と一致しています" in words_of(test)

    _enter(
        place, Kind.ACTUAL,
        {"indicator": "40602", "fiscal_year": 2016, "value": 81.5, "source": "評価", "decided_on": date(2017, 5, 1)},
    )  # fmt: skip
    test = _open()
    assert "台帳が 1 回変更されました" in words_of(test)
    test.button(key="runs-compute").click().run()
    test = _waited(place)
    words = words_of(test)
    second = next(r.run_id for r in folder.list_runs(place.runs_folder) if r.run_id != first)
    assert "40602" in words
    assert "81.5%" in words
    assert "違いのもと：台帳" in words
    test.checkbox(key=f"runs-sure-{second}").check().run()
    test.button(key="runs-publish").click().run()
    assert folder.published(place.runs_folder).run_id == second
    test.button(key="runs-undo").click().run()
    assert folder.published(place.runs_folder).run_id == first
    with open_context_store(place) as store:
        assert [p.run_id for p in reversed(store.publications(subject="run"))] == [first, second, first]


def test_a_running_job_can_be_cancelled_from_another_session(
    place: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(120)"]
    monkeypatch.setattr(compute_jobs, "_command", lambda _: sleeping)
    test = _open()
    test.button(key="runs-compute").click().run()
    other = _open()
    other.button(key="runs-cancel").click().run()
    words = words_of(_open())
    assert "の計算は中止されました" in words or "始めた計算は中止されました" in words
    broken = [sys.executable, "-c", "raise SystemExit(7)"]
    monkeypatch.setattr(compute_jobs, "_command", lambda _: broken)
    _open().button(key="runs-compute").click().run()
    assert "計算が途中で終わりました" in words_of(_waited(place))


def test_a_computation_at_the_command_line_is_named(place: AppContext) -> None:
    from coverage.runs import lock

    with lock.held(
        place.runs_folder / compute.COMPUTING, {"by": "窓口 太郎", "since": "2026-01-01T00:00:00+00:00"}
    ):
        test = _open()
        assert "窓口 太郎 さんがこの地域を計算しています" in words_of(test)
        assert test.button(key="runs-compute").disabled
        test.button(key="runs-clean").click().run()
        assert "窓口 太郎" in words_of(test)


def test_old_runs_are_named_and_removed(place: AppContext) -> None:
    import shutil

    published = folder.published(place.runs_folder)
    extra = place.runs_folder / "eeeeeeeeeeeeeeee"
    shutil.copytree(published.folder, extra)
    text = (extra / "run.json").read_text(encoding="utf-8").replace(published.run_id, extra.name)
    (extra / "run.json").write_text(text, encoding="utf-8")
    test = _open()
    test.number_input(key="runs-keep").set_value(0).run()
    assert "消える計算結果 1 件：eeeeeeeeeeeeeeee" in words_of(test)
    test.button(key="runs-clean").click().run()
    assert "計算結果 1 件" in words_of(test)
    assert not extra.exists()
    assert folder.published(place.runs_folder) is not None


def test_a_planner_computes_but_does_not_publish(place: AppContext) -> None:
    test = _open(role="planner")
    words = words_of(test)
    assert "公開は管理者が行います" in words
    assert not [b for b in test.button if b.key in ("runs-publish", "runs-clean")]
    assert test.button(key="runs-compute")


@pytest.mark.parametrize("role", ["viewer", "municipality"])
def test_others_are_told_and_see_no_run(place: AppContext, role: str) -> None:
    test = _open(role=role)
    assert "計算は計画担当と管理者が" in words_of(test)
    assert not test.button


def test_the_page_speaks_english(place: AppContext) -> None:
    words = words_of(_open(lang="en"))
    assert "Computing and publishing" in words
    assert "Runs, newest first" in words
    jobs.sweep(Path(os.environ["COVERAGE_GAP_RUNS"]))
