"""A planner's list with three bad rows: put right on the screen, handed in, accepted, and the count moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Page

from .conftest import PROJECT, Watched, served


def _open_district() -> dict[str, Any]:
    """A district of the sample that stands on the register, with a point inside it."""
    from shapely.geometry import shape

    for feature in json.loads(
        (PROJECT / "data" / "towers" / "districts.geojson").read_text(encoding="utf-8")
    )["features"]:
        own = feature["properties"]
        if not own.get("resolved_on") and not own.get("declined"):
            point = shape(feature["geometry"]).representative_point()
            return {**own, "lat": round(point.y, 5), "lon": round(point.x, 5)}
    raise AssertionError("the sample has no open district")


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """Four sites: one good, one without a number, one at 0, 0, one with a latitude that is none."""
    district = _open_district()
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(
        ["局番", "局名", "緯度", "経度", "事業者", "状態", "供用開始日", "対象地区", "整備主体", "目的"]
    )
    place = (district["lat"], district["lon"])
    sheet.append(
        [
            "MH-9001",
            "試し谷局",
            *place,
            "見本モバイルA",
            "供用中",
            "2020/3/20",
            district["district_id"],
            "国補助",
            "居住",
        ]
    )
    sheet.append(
        ["", "番号なし局", place[0] + 0.01, place[1], "見本モバイルB", "計画", "", "", "国補助", "居住"]
    )
    sheet.append(["MH-9003", "原点局", 0, 0, "見本モバイルB", "計画", "", "", "国補助", "居住"])
    sheet.append(["MH-9004", "読めない局", "北", place[1], "見本モバイルC", "計画", "", "", "国補助", "居住"])
    path = tmp_path / "新しい局.xlsx"
    book.save(path)
    return path


@pytest.fixture
def server_with_ledger(runs_folder: Path, tmp_path: Path) -> Iterator[str]:
    """A server whose region is the sample and whose ledger begins in an empty folder."""
    home = tmp_path / "home"
    home.mkdir()
    with served(runs_folder, region=PROJECT / "data", home=home) as base:
        yield base


def _type_into(page: Page, row: int, column: int, text: str) -> None:
    """Overwrite a cell of the editable table, counted from the first column that may be typed into.

    The table is a picture with a hidden one behind it for screen readers, which says what was understood.
    """
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    hidden = page.get_by_test_id(f"glide-cell-{column + 2}-{row}")
    # Click the row's first cell (its number), then walk: two columns are fixed, the others are the file's. At a
    # person's pace: the picture takes keys one at a time.
    page.mouse.click(box["x"] + 12, box["y"] + 35 + 35 * row + 17)
    page.wait_for_timeout(400)
    for _ in range(column + 2):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(80)
    # Enter opens the cell; what is filled in cannot lose a key on a busy machine.
    page.keyboard.press("Enter")
    cell = page.locator("#portal textarea, #portal input").first
    cell.wait_for()
    cell.fill(text)
    cell.press("Enter")
    page.wait_for_timeout(900)
    assert hidden.text_content() == text


def test_three_bad_rows_are_put_right_handed_in_accepted_and_the_count_moves(
    open_page: Callable[..., Watched], server_with_ledger: str, workbook: Path
) -> None:
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(f"{server_with_ledger}/upload")
    page.get_by_role("button", name="台帳を始める").click(timeout=60_000)
    page.wait_for_selector("input[type=file]", state="attached", timeout=60_000)
    page.set_input_files("input[type=file]", str(workbook))
    page.wait_for_selector("text=取り込める行 1 件、直す行 3 件", timeout=90_000)
    page.wait_for_selector("text=整備数（累計）への影響", timeout=60_000)
    watched.screenshot("upload-rows-to-fix-1366", whole=True)
    page.wait_for_timeout(1500)
    _type_into(page, 0, 0, "MH-9002")
    _type_into(page, 1, 2, "33.66")
    _type_into(page, 1, 3, "136.56")
    _type_into(page, 2, 2, "33.67")
    watched.screenshot("upload-rows-edited-1366", whole=True)
    page.get_by_role("button", name="調べ直す").click()
    page.wait_for_selector("text=取り込める行 4 件、直す行 0 件", timeout=90_000)
    page.wait_for_selector("text=整備数（累計）への影響")
    said = page.inner_text("[data-testid=stMain]")
    assert "令和元年度の累計が 73 から 74 になります（新たに計上：MH-9001）" in said
    watched.screenshot("upload-difference-1366", whole=True)
    page.get_by_role("button", name="提出する（承認待ちへ）").click()
    page.wait_for_selector("text=承認待ちです", timeout=60_000)
    page.get_by_role("link", name="承認", exact=True).first.click()
    page.wait_for_selector("text=承認待ち（1 件）", timeout=60_000)
    page.wait_for_selector("text=73 から 74")
    watched.screenshot("approvals-1366", whole=True)
    page.get_by_role("button", name="承認する").click()
    page.wait_for_selector("text=台帳に記録しました", timeout=60_000)
    page.wait_for_selector("text=承認待ち（0 件）")
    page.get_by_role("link", name="進捗", exact=True).first.click()
    page.wait_for_selector("text=台帳の現在", timeout=60_000)
    assert "累計は 74 基" in page.inner_text("[data-testid=stMain]")
    watched.screenshot("progress-after-acceptance-1366")
    assert watched.outside == []
    # Undone as a whole, the count is back.
    page.get_by_role("link", name="承認", exact=True).first.click()
    page.get_by_text("承認した取込を取り消す").click()
    page.get_by_label("理由").last.fill("試験のため")
    page.get_by_label("理由").last.press("Tab")
    page.get_by_role("button", name="まとめて取り消す").click()
    page.wait_for_selector("text=取込をまとめて取り消しました", timeout=60_000)


def test_a_viewer_is_not_offered_the_pages_of_staff(
    open_page: Callable[..., Watched], server_with_ledger: str
) -> None:
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(f"{server_with_ledger}/data")
    page.wait_for_selector(".foot", timeout=40_000)
    assert page.get_by_role("link", name="アップロード").count() >= 1
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name="閲覧").click()
    page.wait_for_timeout(2500)
    assert page.get_by_role("link", name="アップロード").count() == 0
    assert page.get_by_role("link", name="承認", exact=True).count() == 0
