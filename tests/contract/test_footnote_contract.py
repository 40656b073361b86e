"""Footnotes that people write to a value: entered, corrected and withdrawn as events; the same on SQLite and PostGIS."""

from __future__ import annotations

from typing import Any

import pytest

from coverage.domain.known_ledger import known_footnotes
from coverage.domain.ledger import Footnote, Ledger
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.store.events import Kind
from coverage.store.protocol import Actor, EditConflictError

ACCOUNTANT, OTHER = Actor("kaikei", "admin"), Actor("sato", "admin")


def _words(rows: tuple[Footnote, ...]) -> list[str]:
    return [note.ja for note in rows]


def test_a_footnote_says_who_wrote_it_and_when(store: Any, clock: Any) -> None:
    receipt = store.add_footnote("40604", 2019, ja=" 統合により1基減 ", en="one fewer", by=ACCOUNTANT)
    (note,) = store.ledger().footnotes
    assert (note.footnote_id, note.indicator, note.fiscal_year) == (receipt.key, "40604", 2019)
    assert (note.ja, note.en, note.author, note.withdrawn) == (
        "統合により1基減",
        "one fewer",
        "kaikei",
        False,
    )
    assert note.recorded_at == store.audit()[-1].at
    assert store.audit()[-1].action == "footnote.add"


def test_words_are_corrected_and_withdrawn_by_events_and_as_of_gives_those_of_then(store: Any) -> None:
    key = store.add_footnote("40604", 2019, ja="統合により1基減", by=ACCOUNTANT).key
    store.correct_footnote(key, ja="統合により2基減", en="", by=OTHER, expected_version=1, reason="数の誤り")
    store.withdraw_footnote(key, by=ACCOUNTANT, expected_version=2, reason="公表資料に載せる")
    assert [_words(known_footnotes(store.ledger(as_of=seq).footnotes)) for seq in (1, 2, 3)] == [
        ["統合により1基減"],
        ["統合により2基減"],
        [],
    ]
    every = store.ledger(versions=True).footnotes
    assert [row.author for row in every] == ["kaikei", "sato", "sato"]
    second = every[1].recorded_at
    assert _words(known_footnotes(every, second)) == ["統合により2基減"]
    assert known_footnotes(every) == ()
    steps = store.history(Kind.FOOTNOTE, key)
    assert [(s.action, s.actor, s.reason) for s in steps] == [
        ("footnote.add", "kaikei", ""),
        ("footnote.correct", "sato", "数の誤り"),
        ("footnote.withdraw", "kaikei", "公表資料に載せる"),
    ]
    assert store.verify_audit().ok


def test_who_comes_second_is_told_who_was_faster(store: Any) -> None:
    key = store.add_footnote("40604", 2019, ja="統合により1基減", by=ACCOUNTANT).key
    store.correct_footnote(key, ja="統合により2基減", en="", by=OTHER, expected_version=1, reason="誤り")
    for late in (
        lambda: store.correct_footnote(key, ja="x", en="", by=ACCOUNTANT, expected_version=1, reason="誤り"),
        lambda: store.withdraw_footnote(key, by=ACCOUNTANT, expected_version=1, reason="誤り"),
    ):
        with pytest.raises(EditConflictError) as caught:
            late()
        assert "sato" in caught.value.ja
        assert "統合により2基減" in caught.value.ja
    assert _words(store.ledger().footnotes) == ["統合により2基減"]


def test_the_same_words_stand_once_but_may_come_again_after_a_withdrawal(store: Any) -> None:
    key = store.add_footnote("40604", 2019, ja="統合により1基減", by=ACCOUNTANT).key
    with pytest.raises(ConflictError) as caught:
        store.add_footnote("40604", 2019, ja="統合により1基減", by=OTHER)
    assert caught.value.code == "footnote-exists"
    assert key in caught.value.ja
    store.add_footnote("40604", 2018, ja="統合により1基減", by=OTHER)
    store.withdraw_footnote(key, by=OTHER, expected_version=1, reason="重複")
    store.add_footnote("40604", 2019, ja="統合により1基減", by=OTHER)
    assert len(known_footnotes(store.ledger().footnotes)) == 2


def test_a_footnote_needs_words_a_change_needs_a_reason_and_an_unknown_one_is_not_there(store: Any) -> None:
    for words in ("", "  ", "長" * 301):
        with pytest.raises(InputError) as caught:
            store.add_footnote("40604", 2019, ja=words, by=ACCOUNTANT)
        assert caught.value.code == "text-missing"
    key = store.add_footnote("40604", 2019, ja="長" * 300, by=ACCOUNTANT).key
    with pytest.raises(InputError):
        store.withdraw_footnote(key, by=ACCOUNTANT, expected_version=1, reason=" ")
    with pytest.raises(NotFoundError):
        store.withdraw_footnote("406-2016-9", by=ACCOUNTANT, expected_version=1, reason="ない")
    assert len(store.audit()) == 1


def test_a_footnote_is_named_after_its_value_and_no_name_is_given_twice(store: Any) -> None:
    brought = Footnote("406-2016-1", "406", 2016, "前の台帳から", author="kaikei")
    store.load_ledger(Ledger(footnotes=(brought,)), by=OTHER, source="前の台帳")
    key = store.add_footnote("406", 2016, ja="追加", by=OTHER).key
    assert key == "406-2016-2"
    store.withdraw_footnote(key, by=OTHER, expected_version=1, reason="不要")
    assert store.add_footnote("406", 2016, ja="もう一つ", by=OTHER).key == "406-2016-3"
    assert store.add_footnote("406", 2017, ja="翌年", by=OTHER).key == "406-2017-1"
    assert store.add_footnote("4/06%", 2017, ja="記号", by=OTHER).key == "4-06--2017-1"
    assert store.find_keys(Kind.FOOTNOTE, "406-2016") == ("406-2016-1", "406-2016-2", "406-2016-3")
