"""A planner's list with three bad rows: put right on the screen, handed in, accepted, and the count moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from .conftest import PROJECT, Watched, choose, enter, main_words, served, still


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
    still(page)
    _type_into(page, 0, 0, "MH-9002")
    _type_into(page, 1, 2, "33.66")
    _type_into(page, 1, 3, "136.56")
    _type_into(page, 2, 2, "33.67")
    watched.screenshot("upload-rows-edited-1366", whole=True)
    page.get_by_role("button", name="3 行を調べ直す").click()
    page.wait_for_selector("text=取り込める行 4 件、直す行 0 件", timeout=90_000)
    page.wait_for_selector("text=整備数（累計）への影響")
    words = main_words(page)
    assert "この取込で令和元年度の累計は 73 → 74 基になります。" in words
    assert "MH-9001 試し谷局：令和元年度に計上（供用開始 2020年3月20日）。" in words
    assert page.locator("figure.diffmap img.map").count() == 1
    still(page)
    page.get_by_text("行を見る・書き換える、一覧を保存する").click()
    assert _saved(page, "直した一覧を CSV で保存").startswith("\ufeff局番,局名,緯度,経度")
    watched.screenshot("upload-difference-1366", whole=True)
    page.get_by_role("button", name="提出する（承認待ちへ）").click()
    page.wait_for_selector("text=承認待ちです", timeout=60_000)
    page.get_by_role("link", name="承認", exact=True).first.click()
    page.wait_for_selector("text=承認待ち（1 件）", timeout=60_000)
    page.wait_for_selector("text=73 → 74 基")
    watched.screenshot("approvals-1366", whole=True)
    page.get_by_role("button", name="承認する").click()
    page.wait_for_selector("text=台帳に記録しました", timeout=60_000)
    page.wait_for_selector("text=公開中の地図と集計はまだ変わっていません。")
    page.wait_for_selector("text=承認待ち（0 件）")
    page.get_by_role("link", name="進捗", exact=True).first.click()
    page.wait_for_selector("text=台帳の現在", timeout=60_000)
    assert "累計は 74 基" in main_words(page)
    watched.screenshot("progress-after-acceptance-1366")
    assert watched.outside == []
    # Undone as a whole, the count is back.
    page.get_by_role("link", name="承認", exact=True).first.click()
    page.get_by_text("承認した取込を取り消す").wait_for(timeout=60_000)
    still(page)
    page.get_by_text("承認した取込を取り消す").click()
    enter(page.get_by_label("理由").last, "試験のため")
    page.get_by_role("button", name="まとめて取り消す").click()
    page.wait_for_selector("text=取込をまとめて取り消しました", timeout=60_000)


def _saved(page: Page, label: str) -> str:
    """The text of a file that a button saves."""
    still(page)
    with page.expect_download() as told:
        page.get_by_role("button", name=label).click()
    return Path(told.value.path()).read_text(encoding="utf-8")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Two sheets with data; the second has a title above its header and sites of the ledger in the Tokyo datum."""
    from pyproj import Transformer

    to_tokyo = Transformer.from_crs(4326, 4301, always_xy=True)
    lines = (PROJECT / "data" / "towers" / "sites.csv").read_text(encoding="utf-8-sig").splitlines()
    names = lines[0].split(",")
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "令和5年度"
    first.append(["局番", "緯度", "経度"])
    first.append(["MH-0001", 33.7, 136.5])
    second = book.create_sheet("令和6年度")
    second.append(["基地局一覧（令和7年3月）"])
    second.append(["局番", "緯度", "経度"])
    for line in lines[1:7]:
        site = dict(zip(names, line.split(","), strict=False))
        lon, lat = to_tokyo.transform(float(site["lon"]), float(site["lat"]))
        second.append([site["site_id"], round(lat, 6), round(lon, 6)])
    path = tmp_path / "基地局一覧.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("width", [1366, 390])
def test_a_workbook_of_two_sheets_in_the_tokyo_datum_is_asked_about_and_read(
    open_page: Callable[..., Watched], server_with_ledger: str, questions: Path, width: int
) -> None:
    watched = open_page(width=width, height=768)
    page = watched.page
    page.goto(f"{server_with_ledger}/upload")
    page.get_by_role("button", name="台帳を始める").click(timeout=60_000)
    page.wait_for_selector("input[type=file]", state="attached", timeout=60_000)
    # Streamlit's uploader speaks Japanese, to the eye and to a screen reader, and Japanese alone.
    assert '- button "ファイルを選ぶ"' in page.get_by_test_id("stFileUploader").aria_snapshot()
    page.set_input_files("input[type=file]", str(questions))
    page.wait_for_selector("text=データのあるシートが複数あります", timeout=90_000)
    still(page)
    page.locator(".st-key-question-sheet label").filter(has_text="令和6年度").last.click()
    still(page)
    page.locator(".st-key-question-sheet").get_by_role("button", name="この答えで読み直す").click()
    page.wait_for_selector(".st-key-question-datum", timeout=90_000)
    page.wait_for_selector("text=位置の変更 6")
    watched.screenshot(f"upload-tokyo-datum-{width}", whole=True)
    still(page)
    page.locator(".st-key-question-datum label").filter(has_text="日本測地系（旧測地系）").last.click()
    still(page)
    page.locator(".st-key-question-datum").get_by_role("button", name="この答えで読み直す").click()
    page.wait_for_selector("text=日本測地系から世界測地系（JGD2011）へ変換", timeout=90_000)
    still(page)
    page.get_by_text("ここまでの答え（mapping）").click()
    assert json.loads(_saved(page, "答えを JSON で保存")) == {"datum": "tokyo", "sheet": "令和6年度"}
    watched.screenshot(f"upload-answered-{width}", whole=True)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert watched.outside == []


def test_a_list_goes_back_with_a_reason_and_comes_again_corrected(
    open_page: Callable[..., Watched], server_with_ledger: str, tmp_path: Path
) -> None:
    place = _open_district()
    path = tmp_path / "計画局.csv"
    path.write_text(
        f"局番,局名,緯度,経度,状態\nMH-9101,計画局,{place['lat']},{place['lon']},計画\n", encoding="utf-8"
    )
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(f"{server_with_ledger}/upload")
    page.get_by_role("button", name="台帳を始める").click(timeout=60_000)
    page.wait_for_selector("input[type=file]", state="attached", timeout=60_000)
    page.set_input_files("input[type=file]", str(path))
    page.get_by_role("button", name="提出する（承認待ちへ）").click(timeout=90_000)
    page.wait_for_selector("text=承認待ちです", timeout=60_000)
    page.get_by_role("link", name="承認", exact=True).first.click()
    page.wait_for_selector("text=承認待ち（1 件）", timeout=60_000)
    enter(page.get_by_label("理由").first, "整備主体の列を加えてください")
    page.get_by_role("button", name="差し戻す").click()
    page.wait_for_selector("text=差し戻しました", timeout=60_000)
    page.get_by_role("link", name="アップロード").first.click()
    page.get_by_role("button", name="続けて取り込む").click(timeout=60_000)
    page.wait_for_selector("text=整備主体の列を加えてください", timeout=60_000)
    watched.screenshot("upload-sent-back-1366", whole=True)
    page.get_by_role("button", name="この一覧を直す").click()
    page.wait_for_selector("text=取り込める行 1 件", timeout=90_000)
    path.write_text(
        f"局番,局名,緯度,経度,状態,整備主体\nMH-9101,計画局,{place['lat']},{place['lon']},計画,国補助\n",
        encoding="utf-8",
    )
    page.set_input_files("input[type=file]", str(path))
    page.wait_for_selector("text=整備主体", timeout=90_000)
    page.get_by_role("button", name="提出する（承認待ちへ）").click(timeout=90_000)
    page.wait_for_selector("text=承認待ちです", timeout=60_000)
    page.get_by_role("link", name="承認", exact=True).first.click()
    page.wait_for_selector("text=を直して再提出したものです", timeout=60_000)
    page.get_by_role("button", name="提出を取り下げる").click()
    page.wait_for_selector("text=提出を取り下げました", timeout=60_000)
    # The list of what was decided stands below and comes last.
    page.wait_for_selector("text=（理由：整備主体の列を加えてください）", timeout=60_000)
    assert "取下げ" in main_words(page)


def test_a_viewer_is_not_offered_the_pages_of_staff(
    open_page: Callable[..., Watched], server_with_ledger: str
) -> None:
    watched = open_page(width=1366, height=768)
    page = watched.page
    page.goto(f"{server_with_ledger}/data")
    page.wait_for_selector(".foot", timeout=40_000)
    assert page.get_by_role("link", name="アップロード").count() >= 1
    choose(page.get_by_role("combobox").first, "閲覧")
    expect(page.get_by_role("link", name="アップロード")).to_have_count(0, timeout=30_000)
    assert page.get_by_role("link", name="承認", exact=True).count() == 0
