"""Footnotes by hand: who may write them, what they may hold, who was faster, and where they show."""

from __future__ import annotations

import json
from datetime import date

import pytest

from coverage.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError
from coverage.runs.digest import run_digest
from coverage.services import books, footnotes, journal
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext
from coverage.services.figures import count_lines, count_series, indicator_figures, indicator_lines
from coverage.services.ledger import load_tables_into_store, region_of
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import EditConflictError

ACCOUNTANT = Principal("会計 太郎", Role.ADMIN)
OTHER = Principal("別の管理者", Role.ADMIN)


@pytest.fixture
def place(tiny, tmp_path):
    tiny.write_tiny_region(tmp_path / "region")
    context = AppContext(tmp_path / "region", tmp_path / "runs", store_url=str(tmp_path / "ledger.sqlite"))
    load_tables_into_store(context, ACCOUNTANT)
    with open_context_store(context) as store:
        yield context, store


def _add(place, ja="統合により1基減", *, code="40604", fy=2016, by=ACCOUNTANT, **more):
    context, store = place
    return footnotes.add(context, store, books.sheet_of(context), code, fy, ja=ja, principal=by, **more)


def test_a_value_has_its_fill_of_footnotes_and_takes_one_more_for_one_withdrawn(place):
    keys = [_add(place, f"注記 {number}").key for number in range(footnotes.MOST_NOTES)]
    with pytest.raises(ConflictError) as caught:
        _add(place, "もう一つ")
    assert caught.value.code == "footnotes-full"
    _add(place, "ほかの年", fy=2017)
    footnotes.withdraw(place[1], keys[0], reason="要らない", expected_version=1, principal=ACCOUNTANT)
    _add(place, "もう一つ")


def test_the_login_of_the_author_stands_in_no_public_word(place):
    context, _ = place
    _add(place, "統合により1基減")
    printed = "\n".join(count_lines(count_series(context)))
    assert "統合により1基減（" in printed
    assert "会計" not in printed


def test_a_footnote_is_listed_with_who_when_and_why_and_corrected_in_the_open(place):
    _, store = place
    key = _add(place, en="one fewer", reason="監査の指摘").key
    (first,) = footnotes.listed(store, principal=ANONYMOUS, indicator="40604", fiscal_year=2016)
    assert (first.note.ja, first.note.en, first.entered_by, first.reason, first.version) == (
        "統合により1基減",
        "one fewer",
        "会計 太郎",
        "監査の指摘",
        1,
    )
    footnotes.correct(
        store, key, ja="統合により2基減", reason="数の誤り", expected_version=1, principal=OTHER
    )
    (now,) = footnotes.listed(store, principal=ANONYMOUS)
    assert (now.note.ja, now.note.author, now.entered_by, now.reason) == (
        "統合により2基減",
        "別の管理者",
        "会計 太郎",
        "数の誤り",
    )
    (then,) = footnotes.listed(store, principal=ANONYMOUS, as_of=first.changed_at)
    assert (then.note.ja, then.version, then.reason) == ("統合により1基減", 1, "監査の指摘")
    footnotes.withdraw(store, key, reason="不要", expected_version=2, principal=OTHER)
    assert footnotes.listed(store, principal=ANONYMOUS) == []
    assert len(footnotes.listed(store, principal=ANONYMOUS, withdrawn=True)) == 1
    assert [step.reason for step in store.history(Kind.FOOTNOTE, key)] == ["監査の指摘", "数の誤り", "不要"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MUNICIPALITY, Role.PLANNER])
def test_only_those_who_may_edit_actuals_write_footnotes(place, role):
    _, store = place
    key = _add(place).key
    nobody = Principal("x", role)
    head = store.head()
    for attempt in (
        lambda: _add(place, "別の文", by=nobody),
        lambda: footnotes.correct(store, key, ja="x", reason="x", expected_version=1, principal=nobody),
        lambda: footnotes.withdraw(store, key, reason="x", expected_version=1, principal=nobody),
        lambda: footnotes.undo(store, key, expected_version=1, principal=nobody),
    ):
        with pytest.raises(PermissionDeniedError):
            attempt()
    assert store.head() == head


def test_who_comes_second_is_told_who_was_faster(place):
    _, store = place
    key = _add(place).key
    footnotes.correct(store, key, ja="先の文", reason="先", expected_version=1, principal=OTHER)
    with pytest.raises(EditConflictError) as caught:
        footnotes.correct(store, key, ja="後の文", reason="後", expected_version=1, principal=ACCOUNTANT)
    assert "別の管理者" in caught.value.ja
    footnotes.withdraw(store, key, reason="不要", expected_version=2, principal=OTHER)
    for attempt in (
        lambda: footnotes.correct(store, key, ja="x", reason="x", expected_version=3, principal=ACCOUNTANT),
        lambda: footnotes.withdraw(store, key, reason="x", expected_version=3, principal=ACCOUNTANT),
    ):
        with pytest.raises(ConflictError) as caught:
            attempt()
        assert caught.value.code == "footnote-withdrawn"
        assert "別の管理者" in caught.value.ja


@pytest.mark.parametrize(
    ("ja", "en", "code"),
    [
        ("", "", "footnote-empty"),
        (" \u3000 ", "", "footnote-empty"),
        ("長" * 301, "", "footnote-too-long"),
        ("よい", "x" * 301, "footnote-too-long"),
        ("一行\n二行", "", "footnote-control-characters"),
        ("向き\u202e反対", "", "footnote-control-characters"),
        ("よい", "tab\there", "footnote-control-characters"),
        ("対\ud800", "", "footnote-control-characters"),
    ],
)
def test_words_that_cannot_be_a_line_below_a_table_are_refused(place, ja, en, code):
    with pytest.raises(InputError) as caught:
        _add(place, ja, en=en)
    assert caught.value.code == code
    assert caught.value.ja.endswith("。")
    assert caught.value.en.endswith(".")
    assert footnotes.listed(place[1], principal=ANONYMOUS) == []


def test_a_footnote_of_a_value_that_is_printed_nowhere_is_refused(place):
    for code, fy, wanted in (
        ("99999", 2016, "indicator-not-found"),
        ("40602", 1999, "footnote-year-not-printed"),
    ):
        with pytest.raises(NotFoundError) as caught:
            _add(place, code=code, fy=fy)
        assert caught.value.code == wanted
    with pytest.raises(NotFoundError) as caught:
        footnotes.withdraw(place[1], "N999999", reason="x", expected_version=1, principal=ACCOUNTANT)
    assert caught.value.code == "footnote-not-found"


def test_changes_need_a_reason(place):
    _, store = place
    key = _add(place, "全角\u3000空白は、よい").key
    for reason in ("", " ", "長" * 501):
        with pytest.raises(InputError) as caught:
            footnotes.withdraw(store, key, reason=reason, expected_version=1, principal=ACCOUNTANT)
        assert caught.value.code == "footnote-without-reason"


def test_each_change_is_undone_by_another(place):
    _, store = place
    key = _add(place).key
    footnotes.correct(store, key, ja="誤った訂正", reason="x", expected_version=1, principal=ACCOUNTANT)
    footnotes.undo(store, key, expected_version=2, principal=ACCOUNTANT)
    footnotes.withdraw(store, key, reason="x", expected_version=3, principal=ACCOUNTANT)
    footnotes.undo(store, key, expected_version=4, principal=ACCOUNTANT)
    (standing,) = footnotes.listed(store, principal=ANONYMOUS)
    assert (standing.note.ja, standing.version) == ("統合により1基減", 5)
    other = _add(place, "書いてすぐ取り消す").key
    footnotes.undo(store, other, expected_version=1, principal=ACCOUNTANT)
    assert len(footnotes.listed(store, principal=ANONYMOUS)) == 1
    with pytest.raises(EditConflictError):
        footnotes.undo(store, key, expected_version=4, principal=OTHER)


def test_the_count_the_sheet_and_a_publication_say_it_after_what_they_found(place):
    context, store = place
    before = count_series(context)
    _add(place)
    _add(place, "評価方法を変更", code="40602", fy=2017)
    result = count_series(context)
    assert [y.total for y in result.years] == [y.total for y in before.years]
    (note,) = result.year(2016).footnotes
    assert note.ja.startswith("統合により1基減（")
    assert any("※ 統合により1基減" in line for line in count_lines(result))
    assert result.as_dict()["years"][1]["footnotes"][0]["code"] == "written"
    lines = list(indicator_lines(indicator_figures(context)))
    assert [i for i, line in enumerate(lines) if "評価方法を変更" in line]
    english = indicator_lines(indicator_figures(context), lang="en")
    assert any("評価方法を変更 (recorded " in line for line in english)
    done = journal.publish_count(
        context, store, last_fy=2016, published_on=date(2017, 6, 30), principal=ACCOUNTANT
    )
    kept = json.loads(store.content(done.publication.content_sha256))
    assert "統合により1基減" in json.dumps(kept, ensure_ascii=False)
    key = footnotes.listed(store, principal=ANONYMOUS, indicator="40604")[0]
    footnotes.withdraw(
        store, key.note.footnote_id, reason="x", expected_version=key.version, principal=ACCOUNTANT
    )
    assert journal.verify_publication(store, done.publication.publication_id, principal=ACCOUNTANT).ok
    assert json.loads(store.content(done.publication.content_sha256)) == kept
    seen = count_series(context, as_of=key.changed_at.isoformat())
    assert [n.ja for n in seen.year(2016).footnotes] == [note.ja]
    assert not [n for n in count_series(context).year(2016).footnotes if n.code == "written"]


def test_a_run_of_the_ledger_gets_another_name_by_a_footnote_and_by_nothing_else(place):
    context, _ = place

    def named():
        source = region_of(context)
        return run_digest(source.region, extra={"ledger": source.head})

    before = named()
    assert named() == before
    _add(place)
    assert named() != before


def test_a_region_of_tables_has_its_footnotes_in_a_table_and_is_the_same_without(tiny, tmp_path):
    tiny.write_tiny_region(tmp_path / "region")

    def region():
        return AppContext(tmp_path / "region", tmp_path / "runs").region

    before = run_digest(region())
    table = tmp_path / "region" / "towers" / "footnotes.csv"
    table.write_text(
        "footnote_id,indicator,fiscal_year,ja,author\nN1,40604,H28,統合により1基減,会計\n", encoding="utf-8"
    )
    assert run_digest(region()) != before
    (note,) = count_series(AppContext(tmp_path / "region", tmp_path / "runs")).year(2016).footnotes
    assert (note.ja, note.en) == ("統合により1基減", "統合により1基減")
    table.unlink()
    assert run_digest(region()) == before
