"""An administrator finds who changed a site's in-service date and takes the trail away; home says what the tables say."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from coverage.runs.result import RunResult
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import Actor

from .conftest import PROJECT, Watched, served, still


@pytest.fixture
def office(runs_folder: Path, tmp_path: Path) -> Iterator[str]:
    """A server whose ledger began with the sample, and in which somebody has changed a date since."""
    home = tmp_path / "office"
    home.mkdir()
    context = AppContext(PROJECT / "data", runs_folder, store_url=str(home / "ledger.sqlite"))
    load_tables_into_store(context, Principal("sato", Role.ADMIN))
    with open_context_store(context) as store:
        held = next(v for v in store.versioned(Kind.SITE_OPERATOR) if v.record.site_id == "MH-0001")
        store.put(
            Kind.SITE_OPERATOR, {"in_service_date": date(2008, 3, 31)}, by=Actor("suzuki", "admin"),
            expected_version=held.version, key=held.key, reason="=免許の写しによる",
        )  # fmt: skip
        site = store.get(Kind.SITE, "MH-0001")
        store.put(
            Kind.SITE,
            {"site_id": "MH-0001", "height_m": 31.0},
            by=Actor("kato", "admin"),
            expected_version=site.version,
        )
    with served(runs_folder, region=PROJECT / "data", home=home) as base:
        yield base


def test_an_administrator_finds_who_changed_a_date_and_saves_the_trail(
    open_page: Callable[..., Watched], office: str
) -> None:
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(office)
    page.wait_for_selector(".foot", timeout=60_000)
    # Three clicks: the page, the section, the column. Between them the number is typed.
    page.get_by_role("link", name="管理", exact=True).first.click()
    page.get_by_role("radio", name="監査").click(timeout=60_000)
    # A person types once the page has stopped drawing itself; what is typed before that may be drawn over.
    page.get_by_label("番号・局名").wait_for(timeout=60_000)
    still(page)
    page.get_by_label("番号・局名").fill("MH-0001")
    page.get_by_label("番号・局名").press("Enter")
    still(page)
    page.get_by_role("radio", name="供用開始日").click(timeout=60_000)
    row = page.locator(".sheet tbody tr").first
    page.wait_for_function(
        "() => document.querySelectorAll('.sheet tbody tr').length === 2"
        " && document.querySelector('.sheet tbody tr').innerText.includes('suzuki')",
        timeout=30_000,
    )
    said = row.inner_text()
    assert "供用開始日 2007-10-25 → 2008-03-31" in said
    assert "=免許の写しによる" in said
    assert "section=audit" in page.url
    watched.screenshot("manage-audit-1366", whole=True)
    still(page)
    with page.expect_download(timeout=30_000) as download:
        page.get_by_role("button", name="CSV で保存").click()
    assert download.value.suggested_filename == "audit-MH-0001.csv"
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [(r["actor"], r["before"], r["after"], r["reason"]) for r in rows] == [
        ("suzuki", "2007-10-25", "2008-03-31", "'=免許の写しによる"),
        ("sato", "", "2007-10-25", ""),
    ]
    page.get_by_role("button", name="検証する").click()
    page.wait_for_selector("text=異常なし", timeout=60_000)
    watched.screenshot("manage-verified-1366", whole=True)
    assert watched.outside == []
    assert [f for f in watched.faults if "404 (Not Found)" not in f] == []


@pytest.mark.parametrize("section", ["users", "settings", "runs", "layers", "audit", "backup"])
def test_a_section_fits_a_telephone(open_page: Callable[..., Watched], office: str, section: str) -> None:
    watched = open_page(width=390, height=844)
    watched.page.goto(f"{office}/manage?section={section}")
    watched.page.wait_for_selector(".foot", timeout=60_000)
    watched.page.wait_for_timeout(1000)
    overflow = watched.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    watched.screenshot(f"manage-{section}-390", whole=True)
    assert overflow <= 0
    assert watched.outside == []


def test_every_number_of_home_is_the_tables_and_its_link_leads_to_a_page_that_says_it_too(
    open_page: Callable[..., Watched], server: str, runs_folder: Path, synthetic: ModuleType
) -> None:
    run = RunResult.open(runs_folder / synthetic.RUN_ID)
    table = run.municipalities
    region = table[table["municipality_code"] == run.region_code].set_index("fiscal_year")
    count = next(y for y in reversed(run.count["years"]) if y["state"] != "not-begun")
    people, before = (round(region.loc[fy, "headline_people"]) for fy in (2018, 2017))
    watched = open_page(width=1366, height=768)
    page = watched.page
    for name, number, more in (
        ("進捗で内訳を見る", f"{count['total']:,}", f"当年度の増 {count['increase'] or 0}"),
        ("地図と市町別の表を見る", f"{people:,}", f"1年前 {before:,} 人（{before - people} 人減）"),
        (
            "台帳のデータを見る",
            f"{region.loc[2018, 'districts_registered']}",
            f"1年前 {region.loc[2017, 'districts_registered']} 地区",
        ),
    ):
        page.goto(server)
        page.wait_for_selector(".home-figure", timeout=60_000)
        block = page.locator(".home-figure", has_text=more.replace("+0", "0"))
        assert block.locator(".value").inner_text().startswith(number)
        page.evaluate("window.stayed = true")
        page.get_by_role("link", name=name).click()
        page.wait_for_selector(".foot", timeout=60_000)
        page.wait_for_function("() => !document.querySelector('.home-figure')", timeout=30_000)
        # No reload: the session, and with it the role, goes along.
        assert page.evaluate("window.stayed")
        if name != "台帳のデータを見る":
            page.wait_for_function(
                "(n) => document.querySelector('[data-testid=stMain]').innerText.includes(n)",
                arg=number,
                timeout=30_000,
            )
    watched.page.goto(f"{server}/?lang=en")
    page.wait_for_selector(".home-figure", timeout=60_000)
    page.get_by_role("link", name="See what it is made of").click()
    page.wait_for_url("**/progress?lang=en", timeout=30_000)
    assert watched.outside == []
