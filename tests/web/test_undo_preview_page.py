"""承認: before an accepted list is taken back, the page shows what that does to the count and what stands in its way."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import shapely
from streamlit.testing.v1 import AppTest

from coverage.domain.ledger import Funding, Purpose, Site, SiteDistrict, SiteOperator, Status
from coverage.services.stores import open_context_store
from coverage.store.events import Kind, change_of
from coverage.store.protocol import Actor
from coverage.store.records import ImportState
from coverage.web.app_context import web_context

from .page_words import ADMIN, sample_ledger, words_of


def _script(lang: str) -> None:
    import importlib

    import streamlit as st

    from coverage.web import frame

    st.query_params["lang"] = lang
    frame.render(frame.open_view(), importlib.import_module("coverage.web.views.approvals").show)


@pytest.fixture
def own(runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The sample's ledger with an accepted list of one counted site: its receipt."""
    sample_ledger(runs_folder, tmp_path, monkeypatch)
    with open_context_store(web_context()) as store:
        district = next(d for d in store.ledger().districts if d.resolved_on is None and not d.declined)
        point = shapely.point_on_surface(district.geometry)
        site = Site(
            "N-1", "<b>新局</b>", district.municipality_code, point.y, point.x, Status.IN_SERVICE,
            funding=Funding.NATIONAL_SUBSIDY, purpose=Purpose.RESIDENTIAL,
        )  # fmt: skip
        rows = [site, SiteOperator("N-1", "m1", date(2020, 3, 20)), SiteDistrict("N-1", district.district_id)]
        return str(
            store.stage_import(
                [change_of(row) for row in rows], by=ADMIN.actor, table_name="sites", file_name="一覧.csv", content=b"x",
                accept=True,
            ).import_id
        )  # fmt: skip


def _open(lang: str = "ja") -> Any:
    return AppTest.from_function(_script, args=(lang,), default_timeout=60).run()


def test_the_count_after_taking_back_is_shown_first_and_comes_about(own: str) -> None:
    test = _open()
    assert "取り消すと令和元年度" not in words_of(test)
    test.toggle(key=f"undo-show-{own}").set_value(True).run()
    words = words_of(test)
    assert "取り消すと令和元年度の累計は 74 → 73 基になります。" in words
    assert "N-1 &lt;b&gt;新局&lt;/b&gt;：台帳からなくなります。" in words
    assert "取消し後の累計" in words
    test.text_input(key="undo-reason").set_value("誤り").run()
    test.button(key="undo").click().run()
    assert not test.exception
    assert "まとめて取り消しました" in words_of(test)
    with open_context_store(web_context()) as store:
        assert store.imports()[0].state is ImportState.UNDONE
        assert "N-1" not in {s.site_id for s in store.ledger().sites}


def test_later_entries_are_asked_about_as_soon_as_one_looks(own: str) -> None:
    with open_context_store(web_context()) as store:
        seen = {"expected_version": 1, "by": Actor("suzuki", "planner")}
        store.put(Kind.SITE, {"site_id": "N-1", "name": "早田"}, **seen)
    test = _open()
    test.toggle(key=f"undo-show-{own}").set_value(True).run()
    words = words_of(test)
    assert "suzuki" in words
    assert "整備数（累計）への影響" not in words, "without the later change there is nothing to show"
    test.checkbox(key=f"undo-overwrite-{own}").set_value(True).run()
    assert "取り消すと令和元年度の累計は 74 → 73 基になります。" in words_of(test)
    assert not test.exception


def test_it_is_said_in_english_too(own: str) -> None:
    test = _open("en")
    test.toggle(key=f"undo-show-{own}").set_value(True).run()
    words = words_of(test)
    assert "Taking it back moves the count of FY2019 from 74 to 73." in words
    assert "no longer in the ledger." in words
