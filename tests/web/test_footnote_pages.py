"""脚注 on 指標 and 進捗: written, corrected and withdrawn there, taken back, printed, and never run as code."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from coverage.services import audit_trail, compute, footnotes
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext
from coverage.services.footnotes import ListedFootnote
from coverage.services.stores import open_context_store
from coverage.store.events import Kind

from .page_words import ADMIN, opened, tiny_office, words_of

HOSTILE = '<img src=x onerror="alert(1)"> =1+1 {x} $y$'


def _script(page: str) -> None:
    import importlib

    from coverage.web import frame

    frame.render(frame.open_view(), importlib.import_module(f"coverage.web.views.{page}").show)


@pytest.fixture(scope="module")
def place(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """The tiny region with its ledger in a store, computed and published."""
    with tiny_office(tiny, tmp_path_factory.mktemp("footnote-pages")) as context:
        compute.publish_run(context, compute.compute_run(context, workers=1).run_id, principal=ADMIN)
        yield context


def _open(page: str, *, lang: str | None = None, role: str | None = None) -> AppTest:
    return opened(AppTest.from_function(_script, args=(page,), default_timeout=60), lang=lang, role=role)


def _standing(context: AppContext) -> list[ListedFootnote]:
    with open_context_store(context) as store:
        return footnotes.listed(store, principal=ANONYMOUS)


def _write(test: AppTest, code: str, fy: int, ja: str, turn: int = 0) -> AppTest:
    test.selectbox(key="footnote-indicator").set_value(code).run()
    test.selectbox(key=f"footnote-year-{code}").set_value(fy).run()
    test.text_input(key=f"footnote-add-{turn}-ja").set_value(ja).run()
    return test.button(key="footnote-add").click().run()


def test_a_footnote_is_written_corrected_withdrawn_and_each_step_taken_back(place: AppContext) -> None:
    test = _open("indicators")
    assert "脚注はまだありません" in words_of(test)
    assert test.button(key="footnote-add").disabled
    test = _write(test, "40602", 2016, "評価方法を変更")
    assert "脚注を付けました（監査番号" in words_of(test)
    (note,) = _standing(place)
    assert (note.note.indicator, note.note.fiscal_year, note.note.ja) == ("40602", 2016, "評価方法を変更")

    number = note.note.footnote_id
    test.radio(key="footnote-task").set_value("footnotes.task_correct").run()
    assert test.text_input(key=f"footnote-correct-{number}-1-ja").value == "評価方法を変更"
    test.text_input(key=f"footnote-correct-{number}-1-ja").set_value("評価方法を見直し").run()
    assert test.button(key="footnote-correct").disabled
    test.text_input(key=f"footnote-correct-{number}-1-reason").set_value("表現").run()
    test.button(key="footnote-correct").click().run()
    assert _standing(place)[0].note.ja == "評価方法を見直し"
    test.button(key="footnote-undo-button").click().run()
    assert _standing(place)[0].note.ja == "評価方法を変更"

    test.radio(key="footnote-task").set_value("footnotes.task_withdraw").run()
    test.text_input(key=f"footnote-withdraw-{number}-3-reason").set_value("不要").run()
    test.button(key="footnote-withdraw").click().run()
    assert _standing(place) == []
    assert "取り下げました" in words_of(test)
    test.button(key="footnote-undo-button").click().run()
    assert [f.version for f in _standing(place)] == [5]


def test_the_slower_of_two_editors_is_told(place: AppContext) -> None:
    (note,) = _standing(place)
    number = note.note.footnote_id
    test = _open("indicators", lang="en")
    test.radio(key="footnote-task").set_value("footnotes.task_withdraw").run()
    test.text_input(key=f"footnote-withdraw-{number}-0-reason").set_value("unneeded").run()
    with open_context_store(place) as store:
        footnotes.correct(
            store,
            number,
            ja="先の訂正",
            reason="先",
            expected_version=note.version,
            principal=Principal("別の管理者", Role.ADMIN),
        )
    test.button(key="footnote-withdraw").click().run()
    assert "was changed by 別の管理者" in words_of(test)
    assert _standing(place)[0].note.ja == "先の訂正"


def test_the_books_write_footnotes_of_the_count_and_hostile_words_are_words(place: AppContext) -> None:
    test = _open("progress")
    test.radio(key="books-task").set_value("books.task_footnote").run()
    assert not [s for s in test.selectbox if s.key == "footnote-indicator"]
    test.selectbox(key="footnote-year-40604").set_value(2016)
    test.text_input(key="footnote-add-0-ja").set_value(HOSTILE).run()
    test.button(key="footnote-add").click().run()
    assert "脚注を付けました" in words_of(test)
    assert "<img src=x" not in words_of(test)
    run = compute.compute_run(place, workers=1)
    compute.publish_run(place, run.run_id, principal=ADMIN)
    for page in ("progress", "indicators"):
        words = words_of(_open(page, role="viewer"))
        assert "&lt;img src=x onerror=" in words, page
        assert "<img src=x" not in words
        assert "<sup>注1</sup>" in words
    sheet = words_of(_open("indicators", role="viewer"))
    assert sheet.index("先の訂正") < sheet.index("&lt;img"), "in the order of the table"
    assert "<b>注1</b>40602 平成28年度：先の訂正（" in sheet
    rows = (place.runs_folder / run.run_id / "tables" / "indicators.csv").read_text(encoding="utf-8-sig")
    assert "先の訂正（" in rows


@pytest.mark.parametrize("role", ["viewer", "municipality", "planner"])
def test_only_administrators_are_offered_the_forms(place: AppContext, role: str) -> None:
    for page in ("indicators", "progress"):
        test = _open(page, role=role)
        assert not [b for b in test.button if str(b.key).startswith("footnote-")]


def test_the_trail_says_who_changed_which_words(place: AppContext) -> None:
    with open_context_store(place) as store:
        found = audit_trail.search(store, audit_trail.Query(kind=Kind.FOOTNOTE), principal=ADMIN)
        of_value = audit_trail.search(store, audit_trail.Query(text="40602"), principal=ADMIN)
    assert {c.kind for c in of_value.changes} == {Kind.FOOTNOTE}, "who looks for the indicator finds them"
    actions = [change.action for change in found.changes]
    assert {"footnote.add", "footnote.correct", "footnote.withdraw"} == set(actions)
    last = next(c for c in found.changes if c.actor == "別の管理者")
    assert [(f.ja, f.before, f.after) for f in last.fields if f.field == "ja"] == [
        ("脚注（日本語）", "評価方法を変更", "先の訂正")
    ]
    assert last.reason == "先"
