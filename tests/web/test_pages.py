"""The pages as Streamlit runs them: what they show, in both languages, and what they say when something is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from coverage.runs.result import RunResult

from .page_words import words_of

MAIN = Path(__file__).resolve().parents[2] / "coverage" / "web" / "main.py"
PAGES = ("home", "map_view", "progress", "indicators", "data")


def _script(page: str) -> None:
    import importlib

    from coverage.web import frame

    frame.render(frame.open_view(), importlib.import_module(f"coverage.web.views.{page}").show)


def _open(page: str, *, lang: str | None = None) -> AppTest:
    test = AppTest.from_function(_script, args=(page,), default_timeout=30)
    if lang is not None:
        test.query_params["lang"] = lang
    return test.run()


@pytest.fixture(autouse=True)
def _published(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_page_runs_and_says_that_the_region_is_fictional(page: str, lang: str) -> None:
    test = _open(page, lang=lang)
    assert not test.exception
    words = words_of(test)
    assert ("見本・架空の県" if lang == "ja" else "fictional prefecture") in words
    assert ("サーバーで問題" if lang == "ja" else "went wrong") not in words
    assert ("計算番号 0123456789abcdef" if lang == "ja" else "Run 0123456789abcdef") in words


def test_the_navigation_runs_from_the_main_script() -> None:
    test = AppTest.from_file(str(MAIN), default_timeout=30).run()
    assert not test.exception
    assert "試験県の携帯電話不感地域" in words_of(test)


def test_progress_shows_the_count_its_target_and_the_rule() -> None:
    words = words_of(_open("progress"))
    assert "携帯電話不通話地域の整備数（累計）" in words
    assert '<span class="value">72<small>基</small>' in words
    assert "目標まで 1" in words
    assert "開始値：平成27年度末 69基（出典：試験の引継ぎ資料、2016-05-01）" in words
    assert "台帳に載っていた不感地域" in words
    assert "公表済（2017-06-01）" in words
    chart = re.search(r'<img class="wide" alt="([^"]+)"', words)
    assert chart is not None
    assert "整備数（累計）［基］の推移の図" in chart[1]
    assert "目標値 73" in chart[1]


def test_without_an_opening_balance_only_the_increase_is_shown(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path, opening=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    words = words_of(_open("progress"))
    assert "開始値未登録" in words
    assert '<span class="value">+3<small>基</small>' in words


def test_indicators_show_targets_actuals_achievement_budgets_and_the_note() -> None:
    words = words_of(_open("indicators"))
    for expected in (
        "22,658件", "17,000件", "80.0%", "72分", "552,221", "507,455", "地域情報化推進事業", "めざす姿", "平成31年度（令和元年度）末",
        "元の表はこの行の欄がずれています", "欄の位置で読む", "県民指標", "目標値÷実績値",
    ):  # fmt: skip
        assert expected in words, expected
    # 50 分の目標に 48 分：低いほどよい指標。62 % は 80 % の目標に 0.78。
    assert "<b>◎</b>1.00" in words
    assert "<b>△</b>0.78" in words


def test_a_year_without_an_actual_shows_a_dash_and_never_zero() -> None:
    words = words_of(_open("indicators"))
    row = words.split("40603")[1].split("</tr>")[1]
    assert row.count("—") == 4
    assert "<td" in row
    assert ">0<" not in row


def test_a_region_without_a_policy_sheet_says_how_to_add_one(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path, sheet=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    assert "indicators.toml" in words_of(_open("indicators"))
    assert "整備数" in words_of(_open("progress"))


def test_data_shows_an_address_for_every_municipality_and_a_command_that_fetches_it() -> None:
    words = words_of(_open("data"))
    for code in ("99201", "99202", "99301"):
        assert f"<code>/api/v1/municipalities/{code}.geojson</code>" in words
    assert "curl --fail --output '99201.geojson' 'http://127.0.0.1:8501/api/v1/municipalities/99201.geojson?fy=2018'" in words
    assert "curl --fail --output SHA256SUMS 'http://127.0.0.1:8501/api/v1/SHA256SUMS?fy=2018'" in words
    assert "CC BY 4.0" in words


def test_not_computable_replaces_every_figure_of_people_unserved(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path, computable=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    words = words_of(_open("map_view"))
    assert "算定不可（基地局データ不足）" in words
    assert words.count("算定不可</td>") == 4 * 4
    assert "97.07 %" not in words


def test_the_table_below_the_map_follows_the_year() -> None:
    test = _open("map_view")
    assert "1,760" in words_of(test)
    test.selectbox(key="map-table-year").select(2016).run()
    words = words_of(test)
    assert "1,920" in words
    assert "1,760" not in words


def test_before_the_first_run_the_page_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    for page in PAGES:
        words = words_of(_open(page))
        assert "まだ計算結果がありません" in words
        assert "make app" in words


def test_a_damaged_pointer_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "published.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    assert "壊れています" in words_of(_open("data"))


def test_an_unexpected_fault_is_not_shown_but_said(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = synthetic.write_synthetic_run(tmp_path)
    (folder / "tables" / "count.json").write_text(json.dumps({"years": []}), encoding="utf-8")
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    words = words_of(_open("progress"))
    assert "サーバーで問題が起きました" in words
    assert "KeyError" not in words


def test_hostile_names_are_text(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path, name="<img src=x onerror=alert(1)>")
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    for page in PAGES:
        assert "<img src=x" not in words_of(_open(page))


def test_the_language_switch_keeps_the_language_in_the_address() -> None:
    test = _open("data")
    test.button(key="switch-language").click().run()
    assert test.query_params["lang"] in ("en", ["en"])
    assert "Data used and terms" in words_of(test)


def _who() -> None:
    import streamlit as st

    from coverage.web import frame

    frame.render(
        frame.open_view(),
        lambda view, run: st.caption(f"codes:{','.join(sorted(view.principal.municipality_codes))}"),
    )


def test_on_this_machine_a_visitor_looks_as_one_municipality(run: RunResult) -> None:
    first, second = run.municipality_codes()[:2]
    test = AppTest.from_function(_who, default_timeout=30)
    test.session_state["role"] = "municipality"
    test.run()
    assert [c.value for c in test.caption] == [f"codes:{first}"]
    test.selectbox(key="role-municipality").set_value(second).run()
    assert [c.value for c in test.caption] == [f"codes:{second}"]
    test.selectbox(key="role").set_value("planner").run()
    assert [c.value for c in test.caption] == ["codes:"]


def _two_pages() -> None:
    import streamlit as st

    from coverage.web import frame

    view = frame.open_view()
    # A run without the lists is what Streamlit sees between two pages: it forgets what they said.
    if not st.session_state.get("between"):
        frame.render(view, lambda view, run: None)
    st.caption(f"{view.principal.role.value}:{','.join(sorted(view.principal.municipality_codes))}")


def test_the_role_to_look_with_goes_along_to_the_next_page(run: RunResult) -> None:
    second = run.municipality_codes()[1]
    test = AppTest.from_function(_two_pages, default_timeout=30).run()
    test.selectbox(key="role").set_value("municipality").run()
    test.selectbox(key="role-municipality").set_value(second).run()
    for between in (True, False, True, False):
        test.session_state["between"] = between
        test.run()
        assert [c.value for c in test.caption] == [f"municipality:{second}"]
    assert test.selectbox(key="role").value == "municipality"
    assert test.selectbox(key="role-municipality").value == second
