"""Accepting, taking back and handing in a long list: the page is free meanwhile, and says what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from coverage.errors import StorageError
from coverage.services import upload_jobs
from coverage.services.decisions import Decision
from coverage.services.imports import ImportState, return_import
from coverage.services.stores import open_context_store
from coverage.services.upload_jobs import Request, start_check
from coverage.store.records import ImportRecord
from coverage.web import deciding
from coverage.web.app_context import web_context
from coverage.web.views import approvals, upload

from .page_words import ADMIN, sample_ledger, words_of

LIST = "局番,局名,緯度,経度,状態\nN-1,一,33.7,136.5,計画\n".encode()


def _script(page: str) -> None:
    import importlib

    from coverage.web import frame

    frame.render(frame.open_view(), importlib.import_module(f"coverage.web.views.{page}").show)


@pytest.fixture
def gate(runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The sample's ledger with one list that waits; every decision waits for the gate, and no page for a decision."""
    sample_ledger(runs_folder, tmp_path, monkeypatch)
    check = start_check(web_context(), Request("sites", "一覧.csv", LIST), principal=ADMIN)
    assert check.wait(60)
    upload_jobs.hand_in_checked(web_context(), check, principal=ADMIN, answers={}, key="k")
    opened = threading.Event()

    def held(work: Callable[..., Any]) -> Callable[..., Any]:
        def waits(*given: Any, **named: Any) -> Any:
            assert opened.wait(60)
            return work(*given, **named)

        return waits

    monkeypatch.setattr(deciding, "PATIENCE_S", 0.0)
    for page, name in (
        (approvals, "accept_staged"),
        (approvals, "undo_accepted"),
        (upload, "hand_in_checked"),
    ):
        monkeypatch.setattr(page, name, held(getattr(upload_jobs, name)))
    yield opened
    opened.set()


def _open(page: str) -> AppTest:
    return AppTest.from_function(_script, args=(page,), default_timeout=60).run()


def _until(test: AppTest, said: str) -> AppTest:
    deadline = time.monotonic() + 30
    while said not in words_of(test):
        assert time.monotonic() < deadline, words_of(test)
        time.sleep(0.2)
        test.run()
    assert not test.exception
    return test


def _record() -> ImportRecord:
    with open_context_store(web_context()) as store:
        found: ImportRecord = store.imports()[0]
        return found


def _keys(test: AppTest) -> set[str]:
    return {str(b.key) for b in test.button}


def test_accepting_and_taking_back_leave_the_page_free_and_end_in_words(gate: threading.Event) -> None:
    own = _record().import_id
    test = _open("approvals")
    test.button(key=f"accept-{own}").click().run()
    said = words_of(test)
    assert "承認しています" in said
    assert "秒経過。この間もほかの画面を使えます" in said
    assert f"accept-{own}" not in _keys(test), "nobody accepts twice"
    assert _record().state is ImportState.STAGED
    gate.set()
    _until(test, "承認待ち（0 件）")
    assert "台帳に記録しました" in words_of(test)
    assert _record().state is ImportState.ACCEPTED

    gate.clear()
    test.toggle(key=f"undo-show-{own}").set_value(True).run()
    assert "整備数（累計）への影響" in words_of(test)
    assert _record().state is ImportState.ACCEPTED, "looked at, not done"
    test.text_input(key="undo-reason").set_value("誤り").run()
    test.button(key="undo").click().run()
    assert "取り消しています" in words_of(test)
    assert "undo" not in _keys(test)
    gate.set()
    _until(test, "まとめて取り消しました")
    assert _record().state is ImportState.UNDONE


def test_a_list_that_was_sent_back_meanwhile_is_not_accepted_and_the_page_says_so(
    gate: threading.Event,
) -> None:
    own = _record().import_id
    test = _open("approvals")
    test.button(key=f"accept-{own}").click().run()
    with open_context_store(web_context()) as store:
        return_import(store, own, principal=ADMIN, reason="やり直し")
    gate.set()
    _until(test, "この操作ができるのは")
    assert "承認待ち（0 件）" in words_of(test)
    assert "台帳に記録しました" not in words_of(test)
    assert _record().state is ImportState.RETURNED


def test_a_failure_is_said_and_the_rest_of_the_page_stays(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise StorageError("disk-full", "空き容量がありません。", "The disk is full.")

    monkeypatch.setattr(approvals, "accept_staged", fails)
    own = _record().import_id
    test = _open("approvals")
    test.button(key=f"accept-{own}").click().run()
    _until(test, "空き容量がありません。")
    assert "承認待ち（1 件）" in words_of(test)
    assert f"accept-{own}" in _keys(test), "it can be tried again"


def _with_file() -> AppTest:
    test = _open("upload")
    test.file_uploader[0].upload("二つ目.csv", LIST.replace(b"N-1", b"N-2"), "text/csv")
    test.run()
    deadline = time.monotonic() + 60
    while "hand-in" not in _keys(test):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        test.run()
    return test


def test_a_hand_in_leaves_the_page_free_and_ends_in_its_receipt(gate: threading.Event) -> None:
    test = _with_file()
    test.button(key="hand-in").click().run()
    assert "提出しています" in words_of(test)
    assert "hand-in" not in _keys(test)
    assert test.file_uploader[0].disabled
    gate.set()
    _until(test, "承認待ちです")
    assert _record().file_name == "二つ目.csv"
    test.button(key="another-upload").click().run()
    assert not test.file_uploader[0].disabled


def test_a_hand_in_that_fails_keeps_the_list(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        assert gate.wait(60)
        raise StorageError("disk-full", "空き容量がありません。", "The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(upload, "hand_in_checked", fails)
        test = _with_file()
        test.button(key="hand-in").click().run()
        assert "提出しています" in words_of(test)
        gate.set()
        _until(test, "空き容量がありません。")
    assert "hand-in" in _keys(test)
    test.button(key="hand-in").click().run()
    _until(test, "承認待ちです")
    assert _record().file_name == "二つ目.csv"


@pytest.fixture
def left_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The visitor goes to another page while this one waits: Streamlit ends the run of the page in the midst of it."""

    def ends(self: Decision, seconds: float) -> bool:
        st.stop()

    with monkeypatch.context() as patched:
        patched.setattr(Decision, "wait", ends)
        yield


def test_who_leaves_within_the_first_moment_finds_the_receipt_too(
    gate: threading.Event, left_at_once: None
) -> None:
    gate.set()
    test = _with_file()
    test.button(key="hand-in").click().run()
    _until(test, "承認待ちです（受付番号")
    assert _record().file_name == "二つ目.csv"


def test_who_leaves_within_the_first_moment_reads_what_was_accepted_and_taken_back(
    gate: threading.Event, left_at_once: None
) -> None:
    gate.set()
    own = _record().import_id
    test = _open("approvals")
    test.button(key=f"accept-{own}").click().run()
    _until(test, "を承認し、台帳に記録しました")
    test.text_input(key="undo-reason").set_value("誤り").run()
    test.button(key="undo").click().run()
    _until(test, "まとめて取り消しました")
    assert _record().state is ImportState.UNDONE
