"""A decision on an upload, beside the page: its receipt, its problem, and no silence."""

from __future__ import annotations

import logging
import threading

import pytest

from coverage.errors import ConflictError, StorageError
from coverage.services.decisions import decide
from coverage.store.audit import Head
from coverage.store.protocol import ImportReceipt
from coverage.store.records import ImportState

RECEIPT = ImportReceipt("i-1", ImportState.ACCEPTED, Head(7, "ab"), {})


def test_the_receipt_is_there_when_it_has_ended_and_not_before() -> None:
    gate = threading.Event()

    def work() -> ImportReceipt:
        assert gate.wait(20)
        return RECEIPT

    decision = decide(work)
    assert not decision.wait(0.05)
    assert not decision.ended
    assert decision.elapsed_s >= 0.05
    gate.set()
    assert decision.wait(20)
    assert decision.result() is RECEIPT


def test_what_went_wrong_is_raised_where_the_outcome_is_asked_for() -> None:
    refused = ConflictError("moved", "動いた。", "It moved.")

    def work() -> ImportReceipt:
        raise refused

    decision = decide(work)
    assert decision.wait(20)
    with pytest.raises(ConflictError) as caught:
        decision.result()
    assert caught.value is refused


def test_a_fault_of_ours_is_logged_and_said_in_words(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> ImportReceipt:
        raise ZeroDivisionError("ours")

    with caplog.at_level(logging.ERROR):
        decision = decide(work)
        assert decision.wait(20)
    with pytest.raises(StorageError) as caught:
        decision.result()
    assert caught.value.code == "decision-failed"
    assert "承認" in caught.value.ja
    assert "ZeroDivisionError" in caplog.text
