"""The four pages in a real browser at a desk's and a telephone's width."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import Watched, main_words, served, still

PAGES = {"": "ホーム", "map": "地図", "progress": "進捗", "indicators": "指標", "data": "データ・API"}
WIDTHS = {1280: 720, 390: 844}
# Names of formats, programs and standards, and units, that Japanese pages write in Latin letters.
LATIN = {
    "Excel", "PDF", "A", "pdf", "xlsx", "report",    "AND", "API", "CC", "BY", "CSV", "ETag", "GeoJSON", "HTTP", "JSON", "ITU", "IT", "WAN", "QGIS", "RFC", "RSRP", "curl", "OJ", "api", "geojson",
    "http", "municipalities", "download", "fy", "json", "csv", "index", "indicators", "operators", "districts", "region", "rsrp", "outdoor",
    "dBm", "km", "English", "GeoPackage", "URL", "P", "R", "S", "D", "H", "m", "v", "I", "x",
    "Python", "geopandas", "PowerShell", "Schema", "SHA", "If", "None", "Match", "on", "the", "Web", "metadata", "as", "of",
}  # fmt: skip


def _ready(watched: Watched, address: str) -> None:
    watched.page.goto(address)
    watched.page.wait_for_selector(".foot", timeout=40_000)
    still(watched.page)


def _faults(watched: Watched) -> list[str]:
    # On a page below the root Streamlit looks for its own server under the page's address first, and gets a 404.
    return [f for f in watched.faults if "404 (Not Found)" not in f]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_readable_at_its_width(
    open_page: Callable[..., Watched], server: str, page: str, width: int
) -> None:
    watched = open_page(width=width, height=WIDTHS[width])
    _ready(watched, f"{server}/{page}")
    assert watched.page.evaluate("document.documentElement.lang") == "ja"
    assert watched.page.title() == "携帯電話不感地域 整備ナビ"
    overflow = watched.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0, f"{overflow} px too wide"
    watched.screenshot(f"{page or 'home'}-{width}", whole=True)
    assert watched.outside == []
    assert _faults(watched) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_english_is_left_in_japanese(open_page: Callable[..., Watched], server: str, page: str) -> None:
    watched = open_page()
    _ready(watched, f"{server}/{page}")
    # The names of icons are text that a font turns into pictures.
    watched.page.evaluate(
        "document.querySelectorAll('[data-testid=stIconMaterial]').forEach((e) => e.remove())"
    )
    # Program texts, addresses and the visitor's name are in no language.
    watched.page.evaluate("document.querySelectorAll('pre, code, p.who').forEach((e) => e.remove())")
    words = watched.page.inner_text("[data-testid=stMain]")
    latin = set(re.findall(r"[A-Za-z]+", words)) - LATIN
    latin = {w for w in latin if not re.fullmatch(r"[A-Z]\d*|[a-f0-9]+", w)}
    assert latin == set()


def test_english_is_complete_and_switches_without_losing_the_page(
    open_page: Callable[..., Watched], server: str
) -> None:
    watched = open_page(width=1366, height=768)
    _ready(watched, f"{server}/data")
    still(watched.page)
    watched.page.get_by_role("button", name="English").click()
    watched.page.wait_for_selector("text=Data used and terms")
    watched.page.wait_for_timeout(800)
    assert watched.page.evaluate("document.documentElement.lang") == "en"
    assert "lang=en" in watched.page.url
    assert "/data" in watched.page.url
    for page in PAGES:
        _ready(watched, f"{server}/{page}?lang=en")
        words = main_words(watched.page)
        # Names of places, sites and of the sheet's own source stay Japanese; sentences do not.
        assert not re.search(r"[ぁ-ん]{4,}", words), page
    watched.screenshot("indicators-en-1366", whole=False)


def test_moving_between_pages_needs_no_reload(open_page: Callable[..., Watched], server: str) -> None:
    watched = open_page()
    _ready(watched, server)
    watched.page.evaluate("window.stayed = true")
    watched.page.get_by_role("link", name="進捗").first.click()
    watched.page.wait_for_selector("text=数え方")
    assert watched.page.evaluate("window.stayed")
    assert watched.page.url.endswith("/progress")


def test_the_chart_draws_actuals_targets_and_forecasts(
    open_page: Callable[..., Watched], server: str
) -> None:
    watched = open_page()
    _ready(watched, f"{server}/progress")
    wide, narrow = (watched.page.locator(f"figure.year-chart img.{name}") for name in ("wide", "narrow"))
    wide.wait_for()
    assert wide.evaluate("(i) => i.complete && i.naturalWidth") == 700
    told = wide.get_attribute("alt") or ""
    assert all(word in told for word in ("実績（累計）", "目標値", "見込み")), told
    assert not narrow.is_visible()
    watched.page.set_viewport_size({"width": 390, "height": 800})
    narrow.wait_for()
    assert not wide.is_visible()
    box = narrow.bounding_box()
    assert box is not None
    assert box["width"] <= 390
    assert _faults(watched) == []


def test_a_municipality_is_saved_by_one_click(open_page: Callable[..., Watched], server: str) -> None:
    watched = open_page()
    _ready(watched, f"{server}/data")
    link = watched.page.locator("tr", has_text="99201").get_by_role("link", name="GeoJSON で保存")
    # The link opens a tab of its own, which a download closes again; the click is followed in this one.
    still(watched.page)
    with watched.page.expect_download() as download:
        watched.page.evaluate("(a) => { a.removeAttribute('target'); a.click(); }", link.element_handle())
    assert download.value.suggested_filename == "試験県_99201_潮見市_2018年度.geojson"


def test_an_unknown_address_shows_the_way_back(open_page: Callable[..., Watched], server: str) -> None:
    watched = open_page()
    watched.page.goto(f"{server}/nowhere")
    assert "このアドレスの画面はありません" in watched.page.inner_text("body")
    watched.page.get_by_role("link", name="最初の画面へ戻る").click()
    watched.page.wait_for_selector(".foot", timeout=40_000)


def test_the_first_visit_of_all_may_be_any_page(open_page: Callable[..., Watched], runs_folder: Path) -> None:
    # A folder called "pages" beside the main script would be run by Streamlit itself until the first navigation.
    with served(runs_folder) as base:
        watched = open_page()
        _ready(watched, f"{base}/progress")
        assert "数え方" in main_words(watched.page)


def test_before_the_first_run_the_page_says_what_to_do(
    open_page: Callable[..., Watched], tmp_path: Path
) -> None:
    with served(tmp_path) as base:
        watched = open_page()
        watched.page.goto(base)
        watched.page.wait_for_selector("text=まだ計算結果がありません", timeout=40_000)
        watched.screenshot("empty-1280")


def test_not_computable_is_said_on_the_page_and_on_the_map(
    open_page: Callable[..., Watched], tmp_path: Path, synthetic: ModuleType
) -> None:
    synthetic.write_synthetic_run(tmp_path, computable=False)
    with served(tmp_path) as base:
        watched = open_page(width=1366, height=768)
        _ready(watched, f"{base}/map")
        watched.page.wait_for_selector(".live[data-ready]", timeout=40_000)
        figures = watched.page.locator(".live .figures").inner_text()
        assert "算定不可（基地局データ不足）" in figures
        assert "台帳の不感地域" in figures
        assert "1,760" not in watched.page.locator(".live").inner_text()
        assert "算定不可（基地局データ不足）" in main_words(watched.page)
        watched.screenshot("not-computable-1366", whole=True)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_menu_roles_and_language_are_within_reach_on_a_telephone(
    open_page: Callable[..., Watched], server: str, lang: str
) -> None:
    watched = open_page(width=390, height=844)
    page = watched.page
    page.goto(f"{server}/?lang={lang}")
    page.wait_for_selector(".foot", timeout=60_000)
    # Playwright refuses to click what lies under something else.
    still(page)
    page.locator(".st-key-language [data-testid=stSelectbox] button").click()
    choice = page.get_by_role("option").nth(1)
    box = choice.bounding_box()
    assert box is not None
    assert box["width"] > 100
    assert 0 <= box["x"] < box["x"] + box["width"] <= 390
    choice.click()
    page.wait_for_function(
        "word => document.querySelector('p.who').innerText.includes(word)",
        arg={"ja": "計画担当", "en": "Planner"}[lang],
    )
    watched.screenshot(f"head-{lang}-390")
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name={"ja": "進捗", "en": "Progress"}[lang], exact=True).first.click()
    page.wait_for_url("**/progress**")
    assert watched.outside == []
