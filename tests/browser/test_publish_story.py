"""An administrator enters an actual: the pages say that they are out of date, a run is computed behind the page, the
difference is looked at and published, and page and report show the new value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Page, expect

from coverage.report.pdf import report_content
from coverage.report.wording import report_texts
from coverage.runs import folder
from coverage.services import compute, journal
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store

from .conftest import Watched, choose, enter, main_words, served, still

ADMIN = Principal("用意", Role.ADMIN)
FOOTNOTE = "統合により1基減 <img src=x onerror=alert(1)>"


@dataclass
class Place:
    """Address of a server and the context of its region."""

    base: str
    context: AppContext


@pytest.fixture
def place(tiny: ModuleType, tmp_path: Path) -> Iterator[Place]:
    """A server whose ledger began in the folder that it works in; the tiny region is computed and published."""
    home = tmp_path / "home"
    home.mkdir()
    tiny.write_tiny_region(tmp_path / "region")
    context = AppContext(tmp_path / "region", tmp_path / "runs", store_url=str(home / "ledger.sqlite"))
    load_tables_into_store(context, ADMIN)
    compute.publish_run(context, compute.compute_run(context, workers=1).run_id, principal=ADMIN)
    with served(context.runs_folder, region=context.region_folder, home=home) as base:
        yield Place(base, context)


def _choose(page: Page, label: str, option: str) -> None:
    choose(page.get_by_label(label, exact=True).last, option)


def test_an_actual_is_entered_computed_compared_published_and_printed(
    open_page: Callable[..., Watched], place: Place
) -> None:
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(f"{place.base}/progress")
    page.wait_for_selector(".foot", timeout=60_000)
    # Not a bare "75": the page's foot shows the run's digest, in which any two digits may stand.
    assert "75基" not in main_words(page)
    before = page.request.get(f"{place.base}/api/v1/report.pdf").body()

    page.goto(f"{place.base}/indicators")
    page.get_by_text("実績値を入力する（管理者）").wait_for(timeout=60_000)
    still(page)
    page.get_by_text("実績値を入力する（管理者）").click()
    _choose(page, "指標", "40604 携帯電話不通話地域の整備数（累計）")
    _choose(page, "年度", "平成29年度")
    enter(page.get_by_label("実績値（基）"), "75")
    enter(page.get_by_label("出典", exact=True), "議会提出資料")
    page.get_by_role("spinbutton", name="year, 決定日（決まった値だけ）").click()
    # Year, month and day are fields of their own, each leading on to the next.
    page.keyboard.type("20180501", delay=120)
    page.keyboard.press("Tab")
    page.wait_for_selector("text=記録する前の違い", timeout=30_000)
    expect(page.get_by_role("button", name="記録する", exact=True)).to_be_enabled(timeout=30_000)
    watched.screenshot("publish-actual-1366", whole=True)
    page.get_by_role("button", name="記録する", exact=True).click()
    page.wait_for_selector("text=75基 と記録しました", timeout=60_000)
    page.wait_for_selector("text=公開中の計算は古くなっています")
    watched.screenshot("publish-out-of-date-1366", whole=True)

    still(page)
    page.get_by_text("脚注を書く（管理者）").click()
    _choose(page, "脚注を付ける指標", "40604 携帯電話不通話地域の整備数（累計）")
    _choose(page, "脚注を付ける年度", "平成29年度")
    enter(page.get_by_label("脚注の文（日本語、一行）"), FOOTNOTE)
    expect(page.get_by_role("button", name="脚注を記録する")).to_be_enabled(timeout=30_000)
    page.get_by_role("button", name="脚注を記録する").click()
    page.wait_for_selector("text=脚注を付けました", timeout=60_000)
    watched.screenshot("publish-footnote-1366", whole=True)

    page.goto(f"{place.base}/manage?section=runs")
    page.wait_for_selector("text=台帳が 2 回変更されました", timeout=60_000)
    page.get_by_role("button", name="計算する", exact=True).click()
    # Behind the page: a reload, and another visitor, see the same job.
    expect(page.get_by_test_id("stProgress").or_(page.get_by_text("計算が終わりました")).first).to_be_visible(
        timeout=60_000
    )
    page.reload()
    page.wait_for_selector("text=計算が終わりました", timeout=120_000)
    page.wait_for_selector("text=整備数と実績値の違い")
    words = main_words(page)
    assert "40604 携帯電話不通話地域の整備数（累計）" in words
    assert "75基" in words
    assert "脚注の違い" in words
    assert FOOTNOTE in words
    watched.screenshot("publish-difference-1366", whole=True)
    still(page)
    page.get_by_text("違いを確かめました").click()
    expect(page.get_by_role("button", name="公開する", exact=True)).to_be_enabled(timeout=30_000)
    page.get_by_role("button", name="公開する", exact=True).click()
    page.wait_for_selector("text=を公開しました", timeout=60_000)
    watched.screenshot("publish-published-1366", whole=True)

    page.goto(f"{place.base}/progress")
    page.wait_for_selector(".foot", timeout=60_000)
    words = main_words(page)
    assert "決定した実績値 75基（出典：議会提出資料）" in words
    assert FOOTNOTE in words
    assert "公開中の計算は古く" not in words
    watched.screenshot("publish-progress-1366", whole=True)
    after = page.request.get(f"{place.base}/api/v1/report.pdf").body()
    assert after.startswith(b"%PDF-")
    assert after != before
    run = folder.published(place.context.runs_folder)
    assert run is not None
    printed = report_content(run, run.latest_fy, report_texts("ja"), breaks=[1, 10, 50, 200, 1000])
    assert any("75基" in row for row in printed["indicators"]["rows"])
    assert any("決定した実績値 75基" in note for note in printed["count"]["notes"])
    assert any(FOOTNOTE in note for note in printed["count"]["notes"])
    assert FOOTNOTE in printed["indicators"]["notes"][-1]
    with open_context_store(place.context) as store:
        kept = store.publications(subject="run")[0]
        assert (kept.run_id, kept.values["actual/40604/2017"]) == (run.run_id, 75)
        assert journal.verify_publication(store, kept.publication_id, principal=ADMIN).ok
    assert watched.outside == []
    # Streamlit asks below the page's own address first and is told 404.
    assert [f for f in watched.faults if "404 (Not Found)" not in f] == []


def test_one_click_opens_the_print_dialogue_and_paper_shows_no_buttons(
    open_page: Callable[..., Watched], place: Place
) -> None:
    watched = open_page(width=390, height=800)
    page = watched.page
    page.add_init_script("window.print = () => { document.documentElement.dataset.printed = 'yes'; };")
    page.goto(f"{place.base}/progress")
    page.get_by_role("button", name="この画面を印刷").click(timeout=60_000)
    expect(page.locator("html")).to_have_attribute("data-printed", "yes")
    watched.screenshot("progress-print-390", whole=True)
    page.emulate_media(media="print")
    expect(page.get_by_text("年度別の表")).to_be_visible()
    expect(page.get_by_role("button", name="この画面を印刷")).to_be_hidden()
    expect(page.get_by_text("整備数の帳簿：")).to_be_hidden()
    assert watched.outside == []
