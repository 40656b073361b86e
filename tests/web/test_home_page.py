"""ホーム as Streamlit runs it, for every role, with and without a ledger and an earlier publication."""

from __future__ import annotations

import base64
import json
import re
import shutil
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from coverage.runs import folder
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.store.events import Change, Kind
from coverage.store.protocol import Actor

from .page_words import words_of

MAIN = Path(__file__).resolve().parents[2] / "coverage" / "web" / "main.py"
SAMPLE = Path(__file__).resolve().parents[2] / "data"
BY = Actor("sato", "admin")


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import home

    frame.render(frame.open_view(), home.show)


def _open(*, lang: str | None = None, role: str | None = None) -> AppTest:
    test = AppTest.from_function(_script, default_timeout=30)
    if lang is not None:
        test.query_params["lang"] = lang
    if role is not None:
        test.session_state["role"] = role
    return test.run()


def _links(test: AppTest) -> dict[str, str]:
    """Page address → query, of every link on the page."""
    return {link.proto.page: link.proto.query_string for link in test.get("page_link")}


@pytest.fixture
def home(runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with runs of its own, the sample region and no ledger."""
    shutil.copytree(runs_folder, tmp_path / "runs")
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(SAMPLE))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ledger(home: Path) -> AppContext:
    """A ledger that began with the sample's tables, in the working folder."""
    context = AppContext(SAMPLE, home / "runs", store_url=str(home / "ledger.sqlite"))
    load_tables_into_store(context, Principal("sato", Role.ADMIN))
    return context


def _second_publication(home: Path, synthetic: ModuleType, *, moved: bool) -> None:
    """Publish another run; with ``moved``, one in which a municipality differs."""
    new = home / "runs" / "fedcba9876543210"
    shutil.copytree(home / "runs" / synthetic.RUN_ID, new)
    meta = json.loads((new / "run.json").read_text(encoding="utf-8")) | {"run_id": new.name}
    (new / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    if moved:
        path = new / "tables" / "municipalities.csv"
        table = pd.read_csv(path, dtype={"municipality_code": str}, encoding="utf-8-sig")
        own = (table["fiscal_year"] == 2018) & table["municipality_code"].isin(["99202", "99"])
        table["headline_people"] = table["headline_people"].astype(float)
        table.loc[own, "headline_people"] -= 80.0
        table.to_csv(path, index=False, encoding="utf-8-sig")
    folder.write_checksums(new)
    folder.publish(home / "runs", new.name, by="sato", on="2019-05-01")


def test_the_address_without_a_page_is_home(home: Path) -> None:
    test = AppTest.from_file(str(MAIN), default_timeout=30).run()
    assert not test.exception
    assert "試験県の携帯電話不感地域" in words_of(test)


def test_the_figures_are_those_of_the_runs_tables(home: Path) -> None:
    words = words_of(_open())
    assert "携帯電話不通話地域の整備数（累計）　令和元年度末" in words
    assert '<p class="value">72<small>基</small>' in words
    assert "目標値 73基：あと 1" in words
    assert "電波の届かない人（推計）　平成30年度末" in words
    assert '<p class="value">1,760<small>人</small>' in words
    assert "1年前 1,830 人（70 人減）" in words
    assert '<p class="value">3<small>地区</small>' in words
    assert "1年前 6 地区" in words
    assert "2019-04-10 公開" in words


def test_every_figure_leads_to_its_page_and_keeps_the_language(home: Path) -> None:
    assert _links(_open()) == {"progress": "", "map": "", "data": ""}
    assert _links(_open(lang="en")) == {"progress": "lang=en", "map": "lang=en", "data": "lang=en"}


def test_the_small_chart_says_in_words_what_it_shows(home: Path) -> None:
    words = words_of(_open())
    found = re.search(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)">', words)
    assert found is not None
    drawn = base64.b64decode(found[1]).decode("utf-8")
    assert drawn.count("<circle") == 5
    assert drawn.count("<path") == 3
    assert "平成28年度は 70基（目標値 71基）" in found[2]
    assert "平成31年度（令和元年度）は 72基（目標値 73基）" in found[2]


@pytest.mark.parametrize("role", ["admin", "planner", "municipality", "viewer"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_role_sees_the_page_without_a_ledger(home: Path, role: str, lang: str) -> None:
    test = _open(role=role, lang=lang)
    assert not test.exception
    words = words_of(test)
    assert ("サーバーで問題" if lang == "ja" else "went wrong") not in words
    assert ("初めて公開した計算です" if lang == "ja" else "first run that was published") in words
    assert ("回答を待つ圏外の申出はありません" if lang == "ja" else "No report of no signal waits") in words


def test_where_gaps_are_not_computable_no_number_of_people_stands(
    home: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(home / "other", computable=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(home / "other"))
    words = words_of(_open())
    assert '<p class="value">算定不可<small></small>' in words
    assert "不感地域の台帳では 150 人が住んでいます" in words
    assert "1,760" not in words


def test_without_an_opening_balance_the_increase_is_shown_as_one(
    home: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(home / "other", opening=False, sheet=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(home / "other"))
    words = words_of(_open())
    assert '<p class="value">+3<small></small>' in words
    assert "開始値未登録のため、増加分だけを示しています" in words
    assert "施策シートがなく、目標値はありません" in words


def test_what_moved_since_the_last_publication_is_named_by_municipality(
    home: Path, synthetic: ModuleType
) -> None:
    _second_publication(home, synthetic, moved=True)
    words = words_of(_open())
    assert "前回の公開（2019-04-10、計算 0123456789abcdef）と、平成30年度の数値で比べています。" in words
    assert "1,760" in words
    assert "1,680" in words
    row = words.split('<th scope="row">霧谷市</th>')[1].split("</tr>")[0]
    assert "580 から 500（-80）" in row
    assert "潮見市" not in words
    assert "計算のもとは前回と同じです。" in words


def test_another_state_of_the_ledger_is_called_the_ledger(home: Path, synthetic: ModuleType) -> None:
    """A footnote or a confirmed district changes what a run has of the ledger, and no site."""
    _second_publication(home, synthetic, moved=False)
    path = home / "runs" / "fedcba9876543210" / "run.json"
    meta = json.loads(path.read_text(encoding="utf-8"))
    meta["layers"].append(meta["layers"][0] | {"layer": "sites", "format": "store", "edition": "12"})
    path.write_text(json.dumps(meta), encoding="utf-8")
    assert "計算のもとで変わったもの：台帳（基地局・不感地域・実績値・脚注など）" in words_of(_open())


def test_nothing_changed_is_said_plainly(home: Path, synthetic: ModuleType) -> None:
    _second_publication(home, synthetic, moved=False)
    words = words_of(_open())
    assert "前回の公開（2019-04-10）から、整備数・不感人口・不感地域の数値は変わっていません。" in words


def _challenge(context: AppContext, note: str, **more: Any) -> None:
    with open_context_store(context) as store:
        store.file_challenge(
            by=BY,
            municipality_code="99201",
            observed_on=date(2019, 4, 1),
            note=note,
            lat=33.68,
            lon=136.48,
            **more,
        )


def test_open_challenges_are_shown_to_everybody_and_escaped(ledger: AppContext) -> None:
    _challenge(ledger, "<b>集会所</b>のまわり", operator="m1")
    for role in ("admin", "viewer"):
        test = _open(role=role)
        words = words_of(test)
        assert "回答を待つ圏外の申出 <b>1</b> 件" in words
        assert "&lt;b&gt;集会所&lt;/b&gt;のまわり" in words
        assert "見本モバイルA圏外" in words
        assert "challenges" in _links(test)


def test_what_waits_for_acceptance_is_for_staff_only(ledger: AppContext) -> None:
    with open_context_store(ledger) as store:
        change = Change(Kind.SITE, {"site_id": "MH-0001", "name": "秘密の計画"})
        store.stage_import([change], by=BY, table_name="sites", file_name="plan.csv", content=b"x")
    for role, seen in (("admin", True), ("planner", True), ("municipality", False), ("viewer", False)):
        test = _open(role=role)
        words = words_of(test)
        assert ("承認を待つ取込" in words) is seen, role
        assert ("approvals" in _links(test)) is seen, role
        assert "秘密の計画" not in words


def test_a_ledger_that_moved_on_is_said_first_and_leads_an_administrator_to_the_computing(
    ledger: AppContext,
) -> None:
    test = _open()
    assert "台帳は公開中の計算の後に変わっていません" in words_of(test)
    with open_context_store(ledger) as store:
        store.restate(2018, 1, reason="数え直し", by=BY)
    test = _open()
    assert "公開中の計算の後に台帳が 1 回変わりました" in words_of(test)
    assert _links(test)["manage"] == "section=runs"
    viewer = _open(role="viewer")
    assert "公開中の計算の後に台帳が変わりました" in words_of(viewer)
    assert "計算と公開は管理者が行います" in words_of(viewer)
    assert "manage" not in _links(viewer)


def test_before_the_first_run_the_page_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    assert "まだ計算結果がありません" in words_of(_open())
