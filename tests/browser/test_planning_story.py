"""A planner's budget becomes a plan, is compared with a larger one, carried away, and entered into the ledger as 計画 sites."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest
from playwright.sync_api import Page

from coverage.cli import main as command
from coverage.domain import fiscal
from coverage.services.plan_request import this_fiscal_year

from .conftest import PROJECT, Watched, choose, enter, served, still


def _tiny() -> ModuleType:
    path = PROJECT / "tests" / "fixtures" / "tiny_region.py"
    spec = importlib.util.spec_from_file_location("fixtures_tiny_region", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def server_for_planning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The tiny region with a published run and its ledger in the folder that the server works in."""
    root = tmp_path_factory.mktemp("planning-story")
    _tiny().write_tiny_region(root / "region")
    home = root / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AUTH": "local", "REGION": str(root / "region"), "RUNS": str(root / "runs"), "STORE": f"sqlite:///{home / 'ledger.sqlite'}",
        }.items():  # fmt: skip
            patch.setenv(f"COVERAGE_GAP_{name}", value)
        patch.delenv("COVERAGE_GAP_LAYERS", raising=False)
        for words in (["ledger", "load"], ["run", "--workers", "1", "--publish", "--json"]):
            try:
                command(words)
            except SystemExit as end:
                assert not end.code
    with served(root / "runs", region=root / "region", home=home) as base:
        yield base


def _number(page: Page, label: str, value: str) -> None:
    enter(page.get_by_label(label, exact=True), value)


def _choose(page: Page, label: str, option: str) -> None:
    # The list's input is named by its label and what is chosen.
    choose(page.get_by_role("combobox", name=label).first, option)


def _made(page: Page) -> None:
    page.wait_for_selector("text=計画ができました", timeout=90_000)
    page.wait_for_selector(".foot")


def test_from_a_budget_to_planned_sites_that_wait_for_acceptance(
    open_page: Callable[..., Watched], server_for_planning: str, tmp_path: Path
) -> None:
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(f"{server_for_planning}/planning")
    page.get_by_role("button", name="計画をつくる", exact=True).wait_for(timeout=60_000)
    # Without money nobody is served; the limit says so too.
    still(page)
    page.get_by_text("詳しい条件").click()
    _number(page, "候補地の数の上限", "8")
    _number(page, "最適化の上限時間（秒）", "5")
    _number(page, "予算（県の負担額、千円）", "1000")
    page.get_by_role("button", name="計画をつくる", exact=True).click()
    page.wait_for_selector("text=中止する", timeout=30_000)
    _made(page)
    page.wait_for_selector("text=この条件で建てられる箇所はありません")
    # A larger budget resolves the district behind the ridge.
    _number(page, "予算（県の負担額、千円）", "10000")
    page.get_by_role("button", name="計画をつくる", exact=True).click()
    page.wait_for_selector("text=中止する", timeout=30_000)
    _made(page)
    page.wait_for_selector("text=新たに 11 人（5 世帯）に電波が届きます", timeout=30_000)
    page.wait_for_selector("text=どの計画でも 11 を超えられません")
    year = fiscal.label_ja(this_fiscal_year())
    page.wait_for_selector(f"text=奥地区 の解消が見込まれ、{year}の整備数が 1 基増える見込みです（予測）")
    page.wait_for_selector("text=この計画で届く", timeout=30_000)
    watched.screenshot("planning-result-1366", whole=True)
    # The two beside each other.
    _choose(page, "左の計画", "0 箇所")
    _choose(page, "右の計画", "1 箇所")
    page.wait_for_selector("text=届く地面の違い", timeout=30_000)
    page.wait_for_selector('td:text-is("+11")')
    page.wait_for_selector(f"text={year}の整備数の見込み")
    watched.screenshot("planning-compare-1366", whole=True)
    # Carried away.
    still(page)
    with page.expect_download() as sites:
        page.get_by_role("button", name="箇所（GeoJSON）").click()
    sites.value.save_as(tmp_path / "sites.geojson")
    features = json.loads((tmp_path / "sites.geojson").read_text(encoding="utf-8"))["features"]
    assert [f["properties"]["kind"] for f in features] == ["planned_site"]
    still(page)
    with page.expect_download() as book:
        page.get_by_role("button", name="計画（Excel）").click()
    book.value.save_as(tmp_path / "plan.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "plan.xlsx")["整備箇所"]
    assert (sheet["B2"].value, sheet["I2"].value) == (features[0]["properties"]["name"], 11)
    page.get_by_role("button", name="証明書を検算する").click()
    page.wait_for_selector("text=検算が合いました", timeout=30_000)
    # Handed in: it waits on the page of acceptances and is no count yet.
    page.get_by_role("button", name="計画中の基地局として提出").click()
    page.wait_for_selector("text=計画中の基地局 1 局を提出しました", timeout=30_000)
    page.get_by_role("link", name="承認", exact=True).first.click()
    page.wait_for_selector("text=承認待ち（1 件）", timeout=60_000)
    page.get_by_role("button", name="承認する").click()
    page.wait_for_selector("text=台帳に記録しました", timeout=60_000)
    assert watched.outside == []
    assert [f for f in watched.faults if "404 (Not Found)" not in f] == []


def test_a_click_on_the_front_chooses_a_budget(open_page: Callable[..., Watched], server_for_planning: str) -> None:
    watched = open_page(width=390, height=844)
    page = watched.page
    page.goto(f"{server_for_planning}/planning")
    page.get_by_role("button", name="この予算で計画をつくる").wait_for(timeout=60_000)
    assert page.get_by_text("この点の整備箇所：").inner_text() != "この点の整備箇所：—"
    watched.screenshot("planning-390", whole=True)
    # The map comes first, the front second; its first point is nobody for no money.
    still(page)
    point = page.locator("[data-testid=stVegaLiteChart]").nth(1).locator("svg .mark-symbol path").first
    point.scroll_into_view_if_needed()
    point.click()
    page.wait_for_selector("text=この点の整備箇所：—", timeout=30_000)
    assert watched.outside == []
    assert [f for f in watched.faults if "404 (Not Found)" not in f] == []
