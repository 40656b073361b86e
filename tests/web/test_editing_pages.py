"""進捗 and 指標 on the tiny region: entering actuals, keeping the books, footnotes, the worked example, out of date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from coverage.services import books, compute, journal
from coverage.services.access import Principal, Role
from coverage.services.books import ActualEntry
from coverage.services.context import AppContext
from coverage.services.stores import open_context_store
from coverage.store.events import Kind

from .page_words import ADMIN, opened, tiny_office, words_of


def _script(page: str) -> None:
    import importlib

    from coverage.web import frame

    frame.render(frame.open_view(), importlib.import_module(f"coverage.web.views.{page}").show)


@pytest.fixture(scope="module")
def place(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """The tiny region with its ledger in a store, computed and published."""
    with tiny_office(tiny, tmp_path_factory.mktemp("editing-pages")) as context:
        compute.publish_run(context, compute.compute_run(context, workers=1).run_id, principal=ADMIN)
        yield context


def _open(page: str, *, lang: str | None = None, role: str | None = None) -> AppTest:
    return opened(AppTest.from_function(_script, args=(page,), default_timeout=60), lang=lang, role=role)


def _actual(context: AppContext, code: str, fy: int) -> float | None:
    with open_context_store(context) as store:
        held = store.get(Kind.ACTUAL, books.actual_key(code, fy))
    return None if held is None else held.record.value


def _fill(test: AppTest, value: float, source: str, turn: int = 0) -> AppTest:
    test.selectbox(key="actual-indicator").set_value("40602").run()
    test.selectbox(key="actual-year").set_value(2016).run()
    slot = f"40602-2016-{turn}"
    test.number_input(key=f"actual-value-{slot}").set_value(value)
    test.text_input(key=f"actual-source-{slot}").set_value(source)
    return test.date_input(key=f"actual-decided-{slot}").set_value(date(2017, 5, 1)).run()


def test_an_actual_is_shown_recorded_receipted_and_undone(place: AppContext) -> None:
    test = _open("indicators")
    assert "公開中の計算は古く" not in words_of(test)
    test = _fill(test, 81.5, "評価報告書")
    words = words_of(test)
    assert "記録する前の違い" in words
    assert "81.5%" in words
    assert _actual(place, "40602", 2016) is None
    test.button(key="actual-record").click().run()
    words = words_of(test)
    assert "81.5% と記録しました（監査番号" in words
    assert _actual(place, "40602", 2016) == 81.5
    # Both pages say that what is published is older than the ledger, to viewers without the number of changes.
    assert "台帳が 1 回変更されています" in words
    assert "台帳が変更されています。管理者が" in words_of(_open("progress", role="viewer"))
    test.button(key="actual-undo-button").click().run()
    assert "元に戻しました" in words_of(test)
    assert _actual(place, "40602", 2016) is None


def test_the_slower_of_two_editors_is_told_and_sees_the_new_value(place: AppContext) -> None:
    test = _fill(_open("indicators"), 80.0, "表A")
    with open_context_store(place) as store:
        sheet = books.sheet_of(place)
        other = Principal("別の管理者", Role.ADMIN)
        entry = ActualEntry("40602", 2016, 82.0, "表B", None)
        books.enter_actual(store, sheet, entry, expected_version=0, note="", principal=other)
    test.button(key="actual-record").click().run()
    words = words_of(test)
    assert "別の管理者 さんが" in words
    assert _actual(place, "40602", 2016) == 82.0
    assert test.number_input(key="actual-value-40602-2016-1").value == 82.0
    test.number_input(key="actual-value-40602-2016-1").set_value(80.0).run()
    test.button(key="actual-record").click().run()
    assert _actual(place, "40602", 2016) == 80.0


def test_a_value_that_is_too_fine_is_refused_before_it_is_recorded(place: AppContext) -> None:
    test = _fill(_open("indicators"), 81.55, "表")
    assert "小数 1 桁まで" in words_of(test)
    assert not [b for b in test.button if b.key == "actual-record"]


@pytest.mark.parametrize("role", ["viewer", "municipality", "planner"])
def test_only_administrators_are_offered_the_editors(place: AppContext, role: str) -> None:
    for page in ("indicators", "progress"):
        test = _open(page, role=role)
        assert not [b for b in test.button if str(b.key).startswith(("actual-", "books-"))]
        assert not [s for s in test.selectbox if s.key == "actual-indicator"]
    said = words_of(_open("indicators", role=role))
    assert ("実績値の入力は管理者が行います" in said) == (role == "planner")


def test_a_restatement_is_shown_first_marked_with_a_footnote_and_undone(place: AppContext) -> None:
    test = _open("progress")
    test.radio(key="books-task").set_value("books.task_restate").run()
    test.selectbox(key="books-restate-year-0").set_value(2016).run()
    test.number_input(key="books-restate-amount-0").set_value(-1).run()
    words = words_of(test)
    assert "整備数（累計）への影響" in words
    assert test.button(key="books-restate").disabled
    test.text_input(key="books-restate-reason-0").set_value("二重計上").run()
    test.button(key="books-restate").click().run()
    assert "からの訂正 -1 を記録しました" in words_of(test)
    with open_context_store(place) as store:
        assert [r.amount for r in store.records(Kind.RESTATEMENT)] == [-1]
    run = compute.compute_run(place, workers=1)
    compute.publish_run(place, run.run_id, principal=ADMIN)
    words = words_of(_open("progress", role="viewer"))
    assert "<sup>注1</sup>" in words
    assert "<b>注1</b>訂正 -1" in words
    test.button(key="books-undo-button").click().run()
    assert "元に戻しました" in words_of(test)
    with open_context_store(place) as store:
        assert sorted(r.amount for r in store.records(Kind.RESTATEMENT)) == [-1, 1]


def test_the_opening_balance_is_corrected_and_given_back(place: AppContext) -> None:
    test = _open("progress")
    test.radio(key="books-task").set_value("books.task_opening").run()
    test.number_input(key="books-opening-value-0").set_value(68)
    test.text_input(key="books-opening-source-0").set_value("引継ぎ資料").run()
    assert "変わる" in words_of(test)
    test.button(key="books-opening").click().run()
    assert "開始値を 68 基と記録しました" in words_of(test)
    test.button(key="books-undo-button").click().run()
    with open_context_store(place) as store:
        assert books.opening_of(store).value == 70


def test_what_is_frozen_is_shown_first_and_the_publication_is_verified(
    place: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = _open("progress")
    test.radio(key="books-task").set_value("books.task_freeze").run()
    with monkeypatch.context() as early:
        early.setattr(journal, "today", lambda: date(2017, 3, 31))
        test.selectbox(key="books-freeze-year-0").set_value(2016).run()
        assert "平成28年度は 2017-03-31 まで続いています" in words_of(test)
    test.run()
    words = words_of(test)
    assert "まで続いています" not in words
    assert "この値で確定する" in words
    assert "T2" in words
    assert test.button(key="books-freeze").disabled
    test.checkbox(key="books-freeze-sure-0").check().run()
    test.button(key="books-freeze").click().run()
    assert "確定しました（監査番号" in words_of(test)
    # Once fixed it is not offered again.
    test.selectbox(key="books-freeze-year-1").set_value(2016).run()
    assert "もう公表されています" in words_of(test)
    test.radio(key="books-task").set_value("books.task_journal").run()
    words = words_of(test)
    assert "公表・確定" in words
    assert "二重計上" in words
    test.button(key="books-verify").click().run()
    assert "計算した値と一致しました" in words_of(test)
    with open_context_store(place) as store:
        published = store.publications(subject="count")[0]
        assert journal.verify_publication(store, published.publication_id, principal=ADMIN).ok


def test_nothing_to_allocate_is_said(place: AppContext) -> None:
    test = _open("progress")
    test.radio(key="books-task").set_value("books.task_allocate").run()
    assert "割り当てを待つ昔の基地局はありません" in words_of(test)


def test_the_three_definitions_are_worked_out_with_the_runs_figures(place: AppContext) -> None:
    words = words_of(_open("progress"))
    assert "人口カバー率の三つの定義と計算例" in words
    run = compute.chosen_run(place)
    from coverage.services.coverage_example import coverage_example

    example = coverage_example(run)
    assert f"計算例：{example.name}" in words
    for one in example.worked:
        assert f"÷ ({one.known + one.unknown:,.0f} − " in words
    assert "Three definitions" in words_of(_open("progress", lang="en"))


def test_forecasts_stand_apart_in_brackets(place: AppContext) -> None:
    words = words_of(_open("progress"))
    assert '<span class="ahead">(' in words
    assert "図と同じ数値" in words


def test_a_decided_actual_leads_and_the_count_stands_beside_it(place: AppContext) -> None:
    with open_context_store(place) as store:
        books.enter_actual(
            store, books.sheet_of(place), ActualEntry("40604", 2018, 75, "議会資料", date(2019, 5, 1)),
            expected_version=0, note="", principal=ADMIN,
        )  # fmt: skip
    run = compute.compute_run(place, workers=1)
    compute.publish_run(place, run.run_id, principal=ADMIN)
    words = words_of(_open("progress"))
    assert '<span class="label">実績値（決定）</span><span class="value">75<small>基</small>' in words
    assert "決定した実績値 75基（出典：議会資料）" in words
