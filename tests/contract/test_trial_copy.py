"""A copy of the ledger on which a long list is tried: of either adapter, with the same outcome and nothing held open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coverage.domain.ledger import Site, SiteOperator, Status
from coverage.errors import StorageError
from coverage.store.copying import copy_ledger
from coverage.store.events import change_of
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

PLANNER = Actor("keikaku", "planner")
OLD = Site("M-1", "一", "24201", 34.5, 136.4, Status.PLANNED)


def test_a_trial_on_a_copy_is_a_trial_in_place(store: Any, tmp_path: Path) -> None:
    store.stage_import(
        [change_of(OLD), change_of(SiteOperator("M-1", "m1"))], by=PLANNER, table_name="sites", file_name="a.csv",
        content=b"a file of the office", accept=True,
    )  # fmt: skip
    changes = [
        change_of(Site("M-1", "一", "24201", 34.6, 136.4, Status.PLANNED)),
        change_of(Site("M-2", "二", "24201", 34.7, 136.5, Status.PLANNED)),
    ]
    own = store.imports()[0].import_id
    head, in_place = store.head(), store.trial(changes, versions=True)
    copy_ledger(store, tmp_path / "copy.sqlite", uploads=True)
    with open_store(str(tmp_path / "copy.sqlite")) as copied:
        assert copied.head() == head
        assert copied.ledger(versions=True) == store.ledger(versions=True)
        comparison, ledger = copied.trial(changes, versions=True)
        assert copied.ledger_without(own).sites == store.ledger_without(own).sites == ()
    assert comparison == in_place[0]
    shown = [(s.site_id, s.lat, s.status) for s in ledger.sites]
    assert shown == [(s.site_id, s.lat, s.status) for s in in_place[1].sites]
    assert store.head() == head


def test_a_copy_that_finds_no_room_is_one_sentence(store: Any, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as said:
        copy_ledger(store, tmp_path / "no such folder" / "copy.sqlite")
    assert said.value.code == "ledger-not-copied"
    assert "変わっていません" in said.value.ja
