"""The map page as a person uses it: years, operators, classes, popups, keyboard, telephone, paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Page

from coverage.report.map_page import build_map_page
from coverage.runs.result import RunResult

from .conftest import Watched


@pytest.fixture(scope="module")
def map_file(runs_folder: Path, synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page saved to disk, as somebody would hand it on."""
    path = tmp_path_factory.mktemp("map") / "map.html"
    run = RunResult.open(runs_folder / synthetic.RUN_ID)
    path.write_text(build_map_page(run, plans=True), encoding="utf-8")
    return path


def _open(watched: Watched, address: str) -> Page:
    watched.page.goto(address)
    watched.page.wait_for_selector("body[data-ready]", timeout=20_000)
    watched.page.wait_for_timeout(600)
    return watched.page


@pytest.fixture
def shown(open_page: Callable[..., Watched], map_file: Path) -> Watched:
    watched = open_page(width=1280, height=720)
    _open(watched, map_file.as_uri())
    return watched


def test_a_page_saved_to_disk_works_and_asks_for_nothing(shown: Watched) -> None:
    assert shown.outside == []
    assert shown.faults == []
    assert "1,760 人" in shown.page.inner_text("#figures")
    shown.screenshot("map-page-1280")


def test_the_slider_changes_the_year_of_everything(shown: Watched) -> None:
    page = shown.page
    page.focus("#year")
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert page.get_attribute("body", "data-year") == "2016"
    assert "平成28年度（2016）末" in page.inner_text("#figures")
    assert "1,920 人" in page.inner_text("#figures")
    assert page.get_attribute("#year", "aria-valuetext") == "平成28年度（2016）末"
    areas = page.locator(".leaflet-areas-pane path").count()
    page.keyboard.press("End")
    assert page.locator(".leaflet-areas-pane path").count() == areas - 3


def test_play_runs_through_the_years_and_stops_at_the_last(shown: Watched) -> None:
    page = shown.page
    page.click("#play")
    assert page.get_attribute("body", "data-year") == "2016"
    page.wait_for_function("document.body.dataset.year === '2018'", timeout=10_000)
    page.wait_for_timeout(300)
    assert page.get_attribute("#play", "aria-label") == "年度を順に再生"


def test_an_operator_shows_its_own_sites_and_figures(shown: Watched) -> None:
    page = shown.page
    all_sites = page.inner_text(".figure.minor strong")
    page.check("input[name=operator][value=beta]")
    assert page.inner_text(".figure.minor strong") != all_sites
    assert "3,520 人" in page.inner_text("#figures")
    assert "アルファ" not in page.inner_text("#legend")


def test_signal_classes_are_painted_in_the_colours_of_the_ladder(shown: Watched) -> None:
    page = shown.page
    page.check("input[name=surface][value=signal]")
    page.wait_for_function("document.body.dataset.signal === 'any/2'")
    colours = page.evaluate(
        """() => {
          const canvas = document.querySelector('.leaflet-signal-pane canvas');
          const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4) seen.add([data[i], data[i + 1], data[i + 2], data[i + 3]].join());
          return [...seen];
        }"""
    )
    assert set(colours) == {
        "27,120,55,255", "127,191,123,255", "230,224,143,255", "118,42,131,255", "154,154,154,255", "0,0,0,0",
    }  # fmt: skip
    assert "良好" in page.inner_text("#legend")
    assert "データなし" in page.inner_text("#legend")
    shown.screenshot("map-page-signal-1280")


def test_clicking_a_municipality_a_site_and_an_area_opens_its_figures(shown: Watched) -> None:
    page = shown.page
    page.locator(".leaflet-areas-pane path").first.click()
    assert "不感地域（奥谷 付近）" in page.inner_text(".leaflet-popup")
    page.locator(".leaflet-popup-close-button").click()
    page.wait_for_selector(".leaflet-popup", state="detached")
    page.locator(".leaflet-land-pane path").first.click(position={"x": 30, "y": 500})
    page.wait_for_selector(".leaflet-popup")
    assert "人口カバー率" in page.inner_text(".leaflet-popup")


def test_every_name_of_a_municipality_is_on_the_map(shown: Watched) -> None:
    names = shown.page.locator(".leaflet-tooltip.place").all_inner_texts()
    assert sorted(names) == ["波切町", "潮見市", "霧谷市"]


def test_on_a_telephone_the_panel_opens_and_closes(open_page: Callable[..., Watched], map_file: Path) -> None:
    watched = open_page(width=390, height=844)
    page = _open(watched, map_file.as_uri())
    assert not page.locator("#panel").is_visible()
    watched.screenshot("map-page-390")
    page.click("#toggle")
    page.wait_for_timeout(400)
    assert page.locator("#panel").is_visible()
    assert page.get_attribute("#toggle", "aria-expanded") == "true"
    watched.screenshot("map-page-panel-390")
    page.click("#toggle")
    page.wait_for_timeout(400)
    assert not page.locator("#panel").is_visible()


def test_on_paper_the_map_keeps_its_legend_and_sources(shown: Watched) -> None:
    page = shown.page
    page.emulate_media(media="print")
    page.wait_for_timeout(500)
    assert page.locator("#legend").is_visible()
    assert page.locator("#sources").is_visible()
    assert not page.locator("#time").is_visible()
    shown.screenshot("map-page-print")


def test_three_thousand_sites_and_more_are_grouped_and_open_by_a_click(
    open_page: Callable[..., Watched], tmp_path: Path, synthetic: ModuleType
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, site_count=6000))
    (tmp_path / "map.html").write_text(build_map_page(run), encoding="utf-8")
    watched = open_page()
    page = _open(watched, (tmp_path / "map.html").as_uri())
    zoom = page.evaluate("document.querySelector('.leaflet-control-scale-line').textContent")
    watched.screenshot("map-page-6000-sites")
    page.mouse.click(400, 330)
    page.wait_for_timeout(1500)
    changed = page.evaluate("document.querySelector('.leaflet-control-scale-line').textContent")
    assert changed != zoom or page.locator(".leaflet-popup").count() == 1
    assert watched.faults == []


def test_the_served_map_has_no_origin_and_no_network(
    open_page: Callable[..., Watched], server: str, synthetic: ModuleType
) -> None:
    watched = open_page()
    page = _open(watched, f"{server}/map/{synthetic.RUN_ID}.html")
    assert page.evaluate("window.origin") == "null"
    blocked = page.evaluate("fetch('/healthz').then(() => 'read', () => 'blocked')")
    assert blocked == "blocked"
    assert (
        page.evaluate("(() => { try { return document.cookie; } catch (e) { return 'none'; } })()") == "none"
    )
