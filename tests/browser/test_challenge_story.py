"""「ここは圏外」 from the map's address to the answer, in Chromium: filed, listed, answered, gone from what waits."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store

from .conftest import PROJECT, Watched, choose, enter, served, still

NOTE = "谷の奥で圏外 <img src=x onerror=alert(1)><script>alert(2)</script> ${alert(3)}"
PLACE = (33.6, 136.64)
"""A point on land in the sample region."""


@pytest.fixture
def office(runs_folder: Path, tmp_path: Path) -> Iterator[str]:
    """A server whose ledger holds the sample's tables."""
    home = tmp_path / "home"
    home.mkdir()
    context = AppContext(PROJECT / "data", runs_folder, store_url=str(home / "ledger.sqlite"))
    load_tables_into_store(context, Principal("kanri", Role.ADMIN))
    with served(runs_folder, region=PROJECT / "data", home=home) as base:
        yield base


def _waiting(base: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{base}/api/v1/challenges.geojson", timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_place_without_signal_is_filed_answered_and_no_longer_waits(
    open_page: Callable[..., Watched], office: str
) -> None:
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(f"{office}/challenges?lat={PLACE[0]}&lon={PLACE[1]}")
    page.wait_for_selector("text=の地点です", timeout=60_000)
    expect(page.get_by_role("textbox", name="緯度, 経度")).to_have_value(
        "33.600000, 136.640000", timeout=15_000
    )
    enter(page.get_by_role("textbox", name="何が、どのように圏外か"), NOTE)
    page.get_by_role("button", name="申し出る").click()
    page.wait_for_selector("text=を受け付けました", timeout=60_000)
    row = page.locator(".sheet tbody tr", has_text="谷の奥で").first
    row.wait_for(timeout=30_000)
    assert "谷の奥で圏外 <img src=x onerror=alert(1)>" in row.inner_text()
    watched.screenshot("challenge-filed-1366", whole=True)
    filed = _waiting(office)
    assert filed["total"] == 1
    assert filed["features"][0]["geometry"]["coordinates"] == [136.64, 33.6]
    # Its own address, as it is sent around, opens it with the form to answer.
    row.get_by_role("link").click()
    number = filed["features"][0]["properties"]["challenge_id"]
    page.wait_for_selector(f".challenge-one >> text=申出 {number}", timeout=60_000)
    page.wait_for_selector(".foot")
    assert f"challenge={number}" in page.url
    enter(page.get_by_role("textbox", name="回答（公開されます）"), "5月に測定に伺います。")
    page.get_by_role("button", name="回答する").click()
    page.wait_for_selector(f"text=申出 {number} に回答しました", timeout=60_000)
    page.wait_for_selector("text=回答待ちの申出はありません")
    assert _waiting(office)["total"] == 0
    still(page)
    page.get_by_text("回答済み", exact=True).last.click()
    page.wait_for_selector("td:has-text('5月に測定に伺います。')", timeout=30_000)
    watched.screenshot("challenge-answered-1366", whole=True)
    assert (watched.dialogs, watched.outside) == ([], [])
    assert page.locator("img[src=x]").count() == 0


def test_the_page_is_read_and_filled_on_a_telephone(open_page: Callable[..., Watched], office: str) -> None:
    watched = open_page(width=390, height=844)
    page = watched.page
    page.goto(f"{office}/challenges")
    page.wait_for_selector(".foot", timeout=60_000)
    watched.screenshot("challenges-390", whole=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, f"the page is {wide} px wide"
    still(page)
    page.get_by_text("地区で示す", exact=True).click()
    district = page.locator(".st-key-challenge-file").get_by_label("地区", exact=True)
    district.wait_for(timeout=30_000)
    choose(district, re.compile("."))
    enter(page.get_by_role("textbox", name="何が、どのように圏外か"), "集会所の中だけ圏外")
    page.get_by_role("button", name="申し出る").click()
    page.wait_for_selector("text=を受け付けました", timeout=60_000)
    assert _waiting(office)["features"][0]["properties"]["district_id"]
    assert watched.outside == []
