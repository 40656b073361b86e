"""Pictures of the README and of the four guides, made new: ``python -m scripts.guide_pictures`` (``make guides``).

Computes the sample region in a temporary folder, begins a ledger there, serves it and plays in Chromium what the guides
tell: a planner's list with three bad rows, its acceptance, the publication, a municipality's day, a look and a printed
report. Writes ``docs/images/``. Some minutes; ends what it started.

Needs Chromium and Japanese fonts (scripts/debian-packages.sh). Parts: ``planner admin municipality staff readme`` are
played in this order, since each begins where the one before ended.
"""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
from PIL import Image
from playwright.sync_api import Browser, Locator, Page
from shapely.geometry import shape

from coverage.report.map_files import map_file
from coverage.report.pdf import report_pages
from coverage.runs.folder import published
from coverage.runs.result import RunResult
from coverage.services.access import Principal, Role
from coverage.services.accounts import set_account
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import Actor
from scripts.loopback import PROJECT
from scripts.screenshots import (
    Office,
    PictureError,
    chromium,
    command,
    keep,
    new_page,
    office_folder,
    served,
    settled,
    shot,
)

KATO = Principal("kato", Role.ADMIN)
COLUMNS = ["局番", "局名", "緯度", "経度", "事業者", "状態", "供用開始日", "対象地区", "整備主体", "目的"]
LIST = "新しい局.xlsx"
MUNICIPALITY = "汐霞市"
DISTRICT = "99202-05"
"""A district of the sample's register that no operator serves: a site in it moves the count and the people."""
LONG = 120_000
"""Milliseconds for what reads files or counts anew."""


def story_district() -> dict[str, Any]:
    """:data:`DISTRICT` of the sample, with a point inside it."""
    path = PROJECT / "data" / "towers" / "districts.geojson"
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        if feature["properties"]["district_id"] == DISTRICT:
            point = shape(feature["geometry"]).representative_point()
            return {**feature["properties"], "lat": round(point.y, 5), "lon": round(point.x, 5)}
    raise PictureError(f"the sample has no district {DISTRICT}")


def write_list(path: Path, district: dict[str, Any]) -> None:
    """A planner's list: one row is right, one lacks its number, one stands at 0, 0, one has no readable latitude."""
    lat, lon = district["lat"], district["lon"]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(COLUMNS)
    sheet.append(
        [
            "MH-9001",
            "試し谷局",
            lat,
            lon,
            "見本モバイルA",
            "供用中",
            "2020/3/20",
            district["district_id"],
            "国補助",
            "居住",
        ]
    )
    sheet.append(["", "番号なし局", lat + 0.01, lon, "見本モバイルB", "計画", "", "", "国補助", "居住"])
    sheet.append(["MH-9003", "原点局", 0, 0, "見本モバイルB", "計画", "", "", "国補助", "居住"])
    sheet.append(["MH-9004", "読めない局", "北", lon, "見本モバイルC", "計画", "", "", "国補助", "居住"])
    book.save(path)


def prepare(folder: Path) -> None:
    """The ledger with three users and one date that somebody corrected, then a run that is published."""
    context = AppContext(folder / "data", folder / "runs", store_url=str(folder / "ledger.sqlite"))
    load_tables_into_store(context, KATO)
    with open_context_store(context) as store:
        for user_id, role, codes, note in (
            ("kato", "admin", [], "情報企画課"), ("sato", "planner", [], "地域連携部"), ("shiogasumi01", "municipality", ["99202"], "汐霞市 防災課"),
        ):  # fmt: skip
            set_account(
                store,
                user_id,
                role=role,
                municipality_codes=codes,
                note=note,
                expected_version=0,
                principal=KATO,
            )
        held = next(v for v in store.versioned(Kind.SITE_OPERATOR) if v.record.site_id == "MH-0001")
        store.put(
            Kind.SITE_OPERATOR, {"in_service_date": date(2008, 3, 31)}, by=Actor("suzuki", "admin"),
            expected_version=held.version, key=held.key, reason="免許の写しによる",
        )  # fmt: skip
    command(folder, "run", "--publish")


def visit(page: Page, office: Office, path: str, role: str = "管理者") -> None:
    """Open a page anew and look at it with a role, as the list at the top right lets one do on one's own machine."""
    page.goto(f"{office.base}{path}")
    page.wait_for_selector(".foot", timeout=LONG)
    settled(page)
    if role != "管理者":
        page.get_by_role("combobox").first.click()
        page.get_by_role("option", name=role).click()
        settled(page)


def head(page: Page) -> Locator:
    return page.locator(".page-head").first


def key(page: Page, name: str) -> Locator:
    """A container of Streamlit by its key."""
    return page.locator(f".st-key-{name}").first


def fill(page: Page, label: str, words: str) -> None:
    field = page.get_by_label(label, exact=True).first
    field.fill(words)
    field.press("Tab")
    settled(page)


def type_into(page: Page, row: int, column: int, words: str) -> None:
    """Overwrite a cell of the table of rows to fix; ``column`` counts those that may be typed into."""
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    page.wait_for_timeout(700)
    box = table.bounding_box()
    if box is None:
        raise PictureError("no table of rows to fix")
    cell = page.locator("#portal textarea, #portal input").first
    for _ in range(4):
        # At a person's pace: the table is a picture that takes keys one at a time.
        page.mouse.click(box["x"] + 12, box["y"] + 35 + 35 * row + 17)
        page.wait_for_timeout(500)
        for _ in range(column + 2):
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(100)
        page.keyboard.press("Enter")
        page.wait_for_timeout(700)
        if cell.is_visible():
            break
        box = table.bounding_box() or box
    cell.fill(words)
    cell.press("Enter")
    page.wait_for_timeout(900)
    if page.get_by_test_id(f"glide-cell-{column + 2}-{row}").text_content() != words:
        raise PictureError(f"the cell does not say {words}")


def planner(page: Page, office: Office) -> None:
    """A list with three bad rows is put right and handed in; another one comes back; a budget becomes a plan."""
    district = story_district()
    path = office.folder / LIST
    write_list(path, district)
    visit(page, office, "/upload", "計画担当")
    page.set_input_files("input[type=file]", str(path))
    page.wait_for_selector("text=取り込める行 1 件、直す行 3 件", timeout=LONG)
    page.wait_for_selector("text=整備数（累計）への影響", timeout=LONG)
    settled(page)
    shot(page, "planner-upload", last=page.locator(".notice").filter(has_text="直す行 3 件"))
    rows = page.get_by_text("直すこと（3 件）")
    shot(page, "planner-rows", first=rows, last=page.get_by_role("button", name="調べ直す", exact=True))
    for row, column, words in ((0, 0, "MH-9002"), (1, 2, "33.66"), (1, 3, "136.56"), (2, 2, "33.67")):
        type_into(page, row, column, words)
    page.get_by_role("button", name="3 行を調べ直す").click()
    page.wait_for_selector("text=取り込める行 4 件、直す行 0 件", timeout=LONG)
    page.wait_for_selector("text=整備数（累計）への影響", timeout=LONG)
    hand_in = page.get_by_role("button", name="提出する（承認待ちへ）")
    hand_in.wait_for(timeout=LONG)
    settled(page)
    shot(page, "planner-difference", first=page.get_by_role("heading", name="台帳との差分"), last=hand_in)
    hand_in.click()
    page.wait_for_selector("text=承認待ちです", timeout=LONG)
    _sent_back(page, office, district)
    _plan(page, office)


def _plan(page: Page, office: Office) -> None:
    """A budget becomes a plan; few candidate places, so that the best is proven on any machine."""
    visit(page, office, "/planning", "計画担当")
    page.get_by_text("詳しい条件").click()
    fill(page, "候補地の数の上限", "80")
    page.get_by_role("button", name="計画をつくる", exact=True).click()
    page.wait_for_selector("text=計画ができました", timeout=6 * LONG)
    settled(page)
    shot(
        page,
        "planner-plan",
        first=page.get_by_role("heading", name="できた計画"),
        last=page.locator(".sheet").first,
    )


def _sent_back(page: Page, office: Office, district: dict[str, Any]) -> None:
    """A list that an administrator sends back with a reason, as its planner sees it."""
    path = office.folder / "計画局.csv"
    path.write_text(
        f"局番,局名,緯度,経度,状態\nMH-9101,計画局,{district['lat']},{district['lon']},計画\n",
        encoding="utf-8",
    )
    visit(page, office, "/upload", "計画担当")
    page.set_input_files("input[type=file]", str(path))
    page.get_by_role("button", name="提出する（承認待ちへ）").click(timeout=LONG)
    page.wait_for_selector("text=承認待ちです", timeout=LONG)
    visit(page, office, "/approvals")
    waiting = page.get_by_label("理由", exact=True)
    # The newest list stands first or last; the one without funding is sent back.
    index = (
        0
        if page.inner_text("[data-testid=stMain]").find("計画局.csv")
        < page.inner_text("[data-testid=stMain]").find(LIST)
        else 1
    )
    waiting.nth(index).fill("整備主体の列を加えてください")
    waiting.nth(index).press("Tab")
    settled(page)
    page.get_by_role("button", name="差し戻す").nth(index).click()
    page.wait_for_selector("text=差し戻しました", timeout=LONG)
    visit(page, office, "/upload", "計画担当")
    page.wait_for_selector("text=整備主体の列を加えてください", timeout=LONG)
    shot(page, "planner-returned", last=page.get_by_role("button", name="この一覧を直す"))


def admin(page: Page, office: Office) -> None:
    """What waits is accepted, the count moves, a run is computed and published; who changed a date; backup; users."""
    visit(page, office, "/approvals")
    page.wait_for_selector("text=承認待ち（1 件）", timeout=LONG)
    page.wait_for_selector("text=73 → 74 基", timeout=LONG)
    settled(page)
    shot(page, "admin-approvals", last=page.get_by_role("button", name="差し戻す"))
    page.get_by_role("button", name="承認する").click()
    page.wait_for_selector("text=台帳に記録しました", timeout=LONG)
    visit(page, office, "/progress")
    page.wait_for_selector("text=台帳の現在", timeout=LONG)
    shot(page, "planner-count", last=page.locator(".notice").filter(has_text="台帳の現在"))
    visit(page, office, "/manage?section=runs")
    page.get_by_role("button", name="計算する", exact=True).click()
    page.wait_for_selector("text=計算が終わりました", timeout=10 * LONG)
    page.wait_for_selector("text=整備数と実績値の違い", timeout=LONG)
    page.get_by_text("違いを確かめました").click()
    settled(page)
    publish = page.get_by_role("button", name="公開する", exact=True)
    shot(page, "admin-publish", last=publish)
    publish.click()
    page.wait_for_selector("text=を公開しました", timeout=LONG)
    _audit(page, office)
    visit(page, office, "/manage?section=users")
    shot(page, "admin-users", last=page.get_by_role("button", name="追加する"))
    visit(page, office, "/manage?section=backup")
    page.get_by_role("button", name="いまバックアップを取る").click()
    page.wait_for_selector("text=読み直して検証しました", timeout=LONG)
    settled(page)
    shot(page, "admin-backup", last=page.locator("[data-testid=stCode]").last)


def _audit(page: Page, office: Office) -> None:
    visit(page, office, "/manage?section=audit")
    page.get_by_label("番号・局名").fill("MH-0001")
    page.get_by_label("番号・局名").press("Enter")
    page.get_by_role("radio", name="供用開始日").or_(
        page.get_by_role("button", name="供用開始日")
    ).first.click(timeout=LONG)
    page.wait_for_function("() => document.querySelectorAll('.sheet tbody tr').length === 2", timeout=LONG)
    page.get_by_role("button", name="検証する").click()
    page.wait_for_selector("text=異常なし", timeout=LONG)
    settled(page)
    shot(page, "admin-audit", last=page.get_by_text("先頭値（", exact=False).last)


def municipality(page: Page, office: Office) -> None:
    """A municipality takes its own file, says that a place has no signal, and confirms a district."""
    visit(page, office, "/data", "市町")
    _as_municipality(page)
    choose(page, key(page, "data-place"), f"99202 {MUNICIPALITY}")
    how = page.get_by_role("heading", name="取得のしかた")
    shot(page, "municipality-curl", first=how, last=page.get_by_text("If-None-Match", exact=False).last)
    page.get_by_role("tab", name="QGIS").click()
    settled(page)
    shot(
        page,
        "municipality-qgis",
        first=how,
        last=page.get_by_text("GeoPackage も同じように", exact=False).last,
    )
    district = story_district()
    visit(page, office, f"/challenges?lat={district['lat']}&lon={district['lon']}", "市町")
    _as_municipality(page)
    page.get_by_role("textbox", name="何が、どのように圏外か").fill(
        "バス停と集会所の間で、屋外でも通話できない。"
    )
    page.get_by_role("textbox", name="何が、どのように圏外か").press("Tab")
    settled(page)
    send = page.get_by_role("button", name="申し出る").last
    shot(page, "municipality-challenge", first=page.get_by_role("heading", name="申し出る"), last=send)
    send.click()
    page.wait_for_selector("text=を受け付けました", timeout=LONG)
    visit(page, office, "/challenges", "市町")
    _as_municipality(page)
    choose(page, key(page, "confirm-district"), DISTRICT)
    part = key(page, "district-confirm")
    shot(
        page, "municipality-confirm", first=part, last=page.get_by_role("button", name="解消を確認する").last
    )


def _as_municipality(page: Page) -> None:
    choose(page, key(page, "looking-as"), MUNICIPALITY)


def choose(page: Page, part: Locator, option: str) -> None:
    """An option of a list by a part of its words."""
    box = part.get_by_role("combobox").first
    # A page that scrolls closes the list again.
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(700)
    box.click()
    page.get_by_role("option", name=option).first.click()
    settled(page)


def staff(page: Page, office: Office) -> None:
    """Home, a place on the map, what a number is made of, the indicators and the printed report."""
    visit(page, office, "/", "閲覧")
    shot(page, "staff-home", last=page.locator(".foot"))
    visit(page, office, "/map", "閲覧")
    page.wait_for_selector(".live[data-ready]", timeout=LONG)
    page.fill(".live .search input", "狭霧窪地区")
    page.wait_for_selector(".live .results li", timeout=LONG)
    page.keyboard.press("Enter")
    page.wait_for_selector(".live[data-asked]", timeout=LONG)
    page.wait_for_timeout(2500)
    shot(page, "staff-map", first=head(page), last=page.locator(".live .section-chart"))
    visit(page, office, "/progress", "閲覧")
    shot(page, "staff-progress", last=page.locator(".sheet").nth(1))
    visit(page, office, "/indicators", "閲覧")
    shot(
        page,
        "staff-indicators",
        first=page.get_by_role("heading", name="活動指標"),
        last=page.locator(".notice").last,
    )
    keep(Image.open(io.BytesIO(report_pages(_run(office), ppi=72)[0])), "guide-staff-report.png")


def _run(office: Office) -> RunResult:
    run = published(office.folder / "runs")
    if run is None:
        raise PictureError("nothing is published")
    return run


def readme(browser: Browser, office: Office) -> None:
    """The printed map page, one self-contained file, in both languages."""
    page = new_page(browser, width=1280, height=720)
    for lang, name in (("ja", "map.png"), ("en", "map-en.png")):
        page.goto(map_file(_run(office), lang=lang, plans=False).resolve().as_uri())
        page.wait_for_timeout(2500)
        keep(Image.open(io.BytesIO(page.screenshot())), name)


def main() -> int:
    try:
        with office_folder() as folder:
            prepare(folder)
            with served(folder) as office, chromium(office) as browser:
                for story in (planner, admin, municipality, staff):
                    page = new_page(browser)
                    story(page, office)
                    page.context.close()
                readme(browser, office)
    except PictureError as error:
        print(f"図を作れませんでした / no pictures: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
