"""The upload page step by step: what was understood, each question with its answer, rows put right, and what is handed in."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

from coverage.services.access import Principal, Role
from coverage.services.imports import return_import
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.web.app_context import web_context

PROJECT = Path(__file__).resolve().parents[2]
ADMIN = Principal("kanri", Role.ADMIN)
HEADER = "局番,局名,緯度,経度,事業者,状態,供用開始日,対象地区,整備主体,目的"


def _script(page: str) -> None:
    import importlib

    from coverage.web import frame

    frame.render(frame.open_view(), importlib.import_module(f"coverage.web.views.{page}").show)


@pytest.fixture
def home(runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample as region, and a ledger of its own that was begun already."""
    for name, value in (
        ("COVERAGE_GAP_RUNS", str(runs_folder)),
        ("COVERAGE_GAP_REGION", str(PROJECT / "data")),
        ("COVERAGE_GAP_STORE", str(tmp_path / "ledger.sqlite")),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    load_tables_into_store(web_context(), ADMIN)
    return tmp_path


@pytest.fixture
def upload(home: Path) -> Callable[..., AppTest]:
    """Open the page with a file chosen, and wait until it was read."""

    def opened(name: str, content: bytes, *, kind: str = "sites", lang: str = "ja") -> AppTest:
        test = AppTest.from_function(_script, args=("upload",), default_timeout=60)
        test.query_params["lang"] = lang
        test.run()
        if kind != "sites":
            test.segmented_control(key="upload-kind").select(kind).run()
        test.file_uploader[0].upload(name, content, "application/octet-stream")
        return settled(test.run())

    return opened


def settled(test: AppTest) -> AppTest:
    """The page once the check beside it has ended."""
    deadline = time.monotonic() + 60
    while any(b.key == "cancel-check" for b in test.button):
        assert time.monotonic() < deadline
        time.sleep(0.3)
        test.run()
    assert not test.exception
    return test


def words(test: AppTest) -> str:
    parts = [element.proto.body for element in test.get("html")]
    parts += [str(e.value) for kind in ("caption", "subheader", "markdown", "code") for e in test.get(kind)]
    return "\n".join(parts)


def press(test: AppTest, key: str) -> AppTest:
    return settled(next(b for b in test.button if b.key == key).click().run())


def open_district() -> tuple[str, float, float]:
    """A district of the sample that stands on the register, with a point inside it."""
    from shapely.geometry import shape

    for feature in json.loads((PROJECT / "data/towers/districts.geojson").read_text(encoding="utf-8"))[
        "features"
    ]:
        own = feature["properties"]
        if not own.get("resolved_on") and not own.get("declined"):
            point = shape(feature["geometry"]).representative_point()
            return own["district_id"], round(point.y, 5), round(point.x, 5)
    raise AssertionError("the sample has no open district")


def csv(*lines: str, header: str = HEADER) -> bytes:
    return ("\r\n".join([header, *lines]) + "\r\n").encode()


def test_the_count_moves_in_words_with_year_municipality_and_reason(upload: Callable[..., AppTest]) -> None:
    district, lat, lon = open_district()
    rest = f"{lat},{lon},見本モバイルA,供用中,2020/3/20,{district},国補助,居住"
    test = upload(
        "list.csv",
        csv(f"MH-9001,試し谷局,{rest}", f"MH-9001,試し谷局,{rest}".replace("モバイルA", "モバイルB"), f"MH-9002,計画局,{lat},{lon},見本モバイルA,計画,,{district},国補助,居住"),
    )  # fmt: skip
    said = words(test)
    assert "この取込で令和元年度の累計は 73 → 74 基になります。" in said
    assert "市町別（その年度の増）：" in said
    moved = re.search(r"市町別（その年度の増）：\S+ (\d+)→(\d+)<", said)
    assert moved is not None
    assert int(moved[2]) == int(moved[1]) + 1
    assert (
        "MH-9001 試し谷局：令和元年度に計上（供用開始 2020年3月20日）。（2 者の共用。1 施設として 1 基に数えます）"
        in said
    )
    assert "MH-9002 計画局：まだ供用中に至っていないため計上しません。" in said
    assert 'class="diffmap"' in said
    assert "新規 2" in said


def test_what_was_understood_is_complete(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    header = "局番;緯度;経度;供用開始日;整備メモ;担当者氏名;市町コード"
    text = "\r\n".join(
        [
            header,
            f"A-1;{lat};{lon};H29.3.31;x;山田;99201",
            f"A-2;{lat};{lon};平成30年3月;y;川上;99201",
            f"A-3;{lat};{lon};2018;z;林;99201",
        ]
    )
    test = upload("old.csv", (text + "\r\n").encode("cp932"))
    said = words(test)
    for expected in (
        "CP932 (Shift_JIS)", "セミコロン", "1 行目", "全 3 行：取り込める 3、直す 0", "整備メモ", "個人情報と思われ捨てた列", "小数 5 桁（約 1 m）6 個",
        "供用開始日：元号 2、西暦 1、日まで 1、月まで 1、暦年のみ 1",
    ):  # fmt: skip
        assert expected in said, expected
    assert "山田" not in said


def test_a_workbook_with_two_sheets_is_asked_about_and_the_answer_is_the_mapping(
    upload: Callable[..., AppTest],
) -> None:
    _, lat, lon = open_district()
    book = openpyxl.Workbook()
    for name, site in (("令和5年度", "A-1"), ("令和6年度", "B-1")):
        sheet = book.create_sheet(name)
        sheet.append(["局番", "緯度", "経度"])
        sheet.append([site, lat, lon])
    out = io.BytesIO()
    book.save(out)
    test = upload("two.xlsx", out.getvalue())
    assert "答えると読み取れます" in words(test)
    test.radio(key="answer-sheet").set_value("令和6年度")
    said = words(press(test, "read-sheet"))
    assert "取り込める行 1 件" in said
    assert "B-1" in said
    assert json.loads(test.code[0].value) == {"sheet": "令和6年度"}


def test_swapped_axes_are_exchanged_by_an_answer_only(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    test = upload("swap.csv", csv(f"A-1,a,{lon},{lat},,計画,,,,"))
    assert "緯度と経度が逆の行があります" in words(test)
    test.radio(key="answer-axes").set_value("swap")
    assert "取り込める行 1 件" in words(press(test, "read-axes"))


def test_metres_ask_for_the_plane_system(upload: Callable[..., AppTest]) -> None:
    from coverage.domain.projection import lonlat_to_plane

    _, lat, lon = open_district()
    east, north = (float(v) for v in lonlat_to_plane(lon, lat, 6674))
    test = upload("plane.csv", csv(f"A-1,{north:.2f},{east:.2f}", header="局番,緯度,経度"))
    assert "平面直角座標系の系番号" in words(test)
    test.selectbox(key="answer-crs").set_value(6)
    said = words(press(test, "read-crs"))
    assert "平面直角座標 第 6 系" in said
    assert "取り込める行 1 件" in said


def test_the_tokyo_datum_is_noticed_by_the_ledgers_own_sites_and_taken_by_an_answer(
    upload: Callable[..., AppTest],
) -> None:
    from pyproj import Transformer

    lines = (PROJECT / "data/towers/sites.csv").read_text(encoding="utf-8-sig").splitlines()
    names = lines[0].split(",")
    to_tokyo = Transformer.from_crs(4326, 4301, always_xy=True)
    rows = []
    for line in lines[1:6]:
        site = dict(zip(names, line.split(","), strict=False))
        east, north = to_tokyo.transform(float(site["lon"]), float(site["lat"]))
        rows.append(f"{site['site_id']},{north:.6f},{east:.6f}")
    test = upload("tokyo.csv", csv(*rows, header="局番,緯度,経度"))
    assert "約450 m" in words(test)
    assert "位置の変更 5" in words(test)
    test.radio(key="answer-datum").set_value("tokyo")
    said = words(press(test, "read-datum"))
    assert "日本測地系から世界測地系（JGD2011）へ変換" in said
    assert "約450 m" not in said


def test_two_digit_years_are_read_as_the_answer_says(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    test = upload(
        "era.csv",
        csv(
            f"A-1,a,{lat},{lon},見本モバイルA,供用中,5年度,,,",
            f"A-2,b,{lat},{lon},見本モバイルA,供用中,29.3.31,,,",
        ),
    )
    assert "年が 2 桁の日付" in words(test)
    test.radio(key="answer-two_digit_year").set_value("heisei")
    said = words(press(test, "read-two_digit_year"))
    assert "1994-03-31" in said
    assert "2017-03-31" in said
    assert json.loads(test.code[0].value) == {"dates": {"two_digit_year": "heisei"}}


def test_a_column_of_another_name_is_given_its_meaning(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    test = upload("names.csv", csv(f"A-1,{lat},{lon},谷局", header="コード,北,東,呼び名"))
    assert "局番（site_id）の列がありません" in words(test)
    boxes = {box.label: box for box in test.selectbox if "読み方" in box.label}
    assert "谷局" in words(test)
    for header, field in (("コード", "site_id"), ("北", "lat"), ("東", "lon"), ("呼び名", "name")):
        boxes[f"「{header}」の読み方"].set_value(field)
    said = words(press(test, "read-columns"))
    assert "取り込める行 1 件" in said
    assert json.loads(test.code[0].value)["columns"] == {
        "site_id": "コード",
        "lat": "北",
        "lon": "東",
        "name": "呼び名",
    }


def test_next_months_file_is_read_with_last_months_answers(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    test = upload("may.csv", csv(f"A-1,a,{lon},{lat},,計画,,,,"))
    test.radio(key="answer-axes").set_value("swap")
    press(press(test, "read-axes"), "hand-in")
    assert "承認待ちです" in words(test)
    following = upload("june.csv", csv(f"A-2,b,{lon},{lat},,計画,,,,"))
    said = words(following)
    assert "前回のファイル「may.csv」と同じ答えで読みました" in said
    assert "取り込める行 1 件" in said
    assert "緯度と経度が逆の行があります" in words(press(following, "forget-answers"))


OTHER: dict[str, tuple[str, str, str]] = {
    "districts": (
        "地区ID,市町コード,地区名,緯度,経度,指定日",
        "N-1,99201,新地区,{lon},{lat},H30.4.1",
        "axes",
    ),
    "site_districts": ("局番,地区ID,供用開始", "{site},{district},30.3.31", "two_digit_year"),
    "actuals": ("指標番号,年度,実績値", "40601,28,6", "two_digit_year"),
    "measurements": (
        "緯度,経度,RSRP(dBm),測定日,事業者",
        "{lon},{lat},-101.5,2024/5/1,見本モバイルA",
        "axes",
    ),
}


@pytest.mark.parametrize("kind", list(OTHER))
def test_the_other_tables_have_the_same_questions_and_are_handed_in(
    upload: Callable[..., AppTest], kind: str
) -> None:
    district, lat, lon = open_district()
    header, row, topic = OTHER[kind]
    site = (PROJECT / "data/towers/sites.csv").read_text(encoding="utf-8-sig").splitlines()[1].split(",")[0]
    test = upload(
        "x.csv", csv(row.format(lat=lat, lon=lon, site=site, district=district), header=header), kind=kind
    )
    test.radio(key=f"answer-{topic}").set_value("swap" if topic == "axes" else "heisei")
    said = words(press(test, f"read-{topic}"))
    assert "取り込める行 1 件" in said
    assert "承認待ちです" in words(press(test, "hand-in"))


def test_a_list_that_was_sent_back_is_opened_again_with_its_reason(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    test = upload("list.csv", csv(f"A-1,a,{lat},{lon},,計画,,,,"))
    press(test, "hand-in")
    with open_context_store(web_context()) as store:
        own = store.imports()[0]
        return_import(store, own.import_id, principal=ADMIN, reason="整備主体を入れてください")
    press(test, "another-upload")
    said = words(test)
    assert "差し戻された一覧（1 件）" in said
    assert "整備主体を入れてください" in said
    assert "kanri" in said
    said = words(press(test, f"reopen-{own.import_id}"))
    assert "取り込める行 1 件" in said
    press(test, "hand-in")
    with open_context_store(web_context()) as store:
        assert store.imports()[0].mapping["revises"] == own.import_id


def test_english_is_complete(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    said = words(
        upload(
            "list.csv", csv(f"A-1,a,{lon},{lat},,計画,,,,", f"A-2,b,{lat},{lon},,計画,5年度,,,"), lang="en"
        )
    )
    for expected in (
        "Degrees of JGD2011",
        "Latitude and longitude seem to be exchanged",
        "two-digit years",
        "Rows to put right",
    ):
        assert expected in said, expected


def test_the_page_of_acceptance_tells_who_did_what_when_and_why(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    press(upload("list.csv", csv(f"A-1,a,{lat},{lon},見本モバイルA,計画,,,,")), "hand-in")
    press(upload("other.csv", csv(f"A-2,b,{lat},{lon},見本モバイルA,計画,,,,")), "hand-in")
    test: Any = AppTest.from_function(_script, args=("approvals",), default_timeout=60).run()
    with open_context_store(web_context()) as store:
        second, first = (r.import_id for r in store.imports())
    assert "承認待ち（2 件）" in words(test)
    # The number of the sender's receipt finds the list while it waits and afterwards.
    assert all(f"<td>{own}</td>" in words(test) for own in (first, second))
    assert "<td>A-2/m1</td>" in words(test)
    test = press(test, f"accept-{second}")
    assert f"<td>{second}</td>" in words(test)
    assert "公開中の地図と集計はまだ変わっていません" in words(test)
    test.text_input(key=f"reason-{first}").set_value("重複")
    test = press(test.run(), f"return-{first}")
    said = words(test)
    assert "承認待ち（0 件）" in said
    assert "差戻し" in said
    assert "（理由：重複）" in said
    assert "提出" in said
    test.toggle(key=f"undo-show-{second}").set_value(True)
    said = words(test.run())
    assert "整備数（累計）は変わりません" in said, "a planned site does not count"
    assert "なくなる 1" in said
    test.text_input(key="undo-reason").set_value("試験のため")
    test = press(test.run(), "undo")
    assert "まとめて取り消しました" in words(test)
    assert "（理由：試験のため）" in words(test)


def test_a_map_that_holds_no_more_places_says_so(
    upload: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lat, lon = open_district()
    rows = csv(*(f"A-{i},a,{lat},{lon},見本モバイルA,計画,,,," for i in range(3)))
    assert "地図に描くのは" not in words(upload("list.csv", rows))
    monkeypatch.setattr("coverage.web.views.upload_difference.DRAWN", 3)
    assert "地図に描くのは 3 か所までです" in words(upload("list.csv", rows))


def test_a_planner_withdraws_what_waits(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    press(upload("list.csv", csv(f"A-1,a,{lat},{lon},,計画,,,,")), "hand-in")
    with open_context_store(web_context()) as store:
        own = store.imports()[0].import_id
    test = press(
        AppTest.from_function(_script, args=("approvals",), default_timeout=60).run(), f"withdraw-{own}"
    )
    assert "取り下げました" in words(test)
    assert "取下げ" in words(test)


def test_a_bad_row_has_the_number_that_it_has_in_the_spreadsheet(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    test = upload("list.csv", csv(f"A-1,a,{lat},{lon},,計画,,,,", f",b,{lat},{lon},,計画,,,,"))
    said = words(test)
    assert "<li>3 行目: 局番がありません。</li>" in said
    assert "件目" not in said
    table = test.dataframe[0].value
    assert list(table["行"]) == ["3"]
    press(test, "hand-in")
    approvals = AppTest.from_function(_script, args=("approvals",), default_timeout=60).run()
    assert "<li>3 行目: 局番がありません。</li>" in words(approvals)


def test_without_a_ledger_the_page_of_acceptance_says_where_it_begins(
    runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(PROJECT / "data"))
    monkeypatch.chdir(tmp_path)
    test: Any = AppTest.from_function(_script, args=("approvals",), default_timeout=60).run()
    assert "次の画面で台帳を始めると、提出と承認ができます" in words(test)
    assert [link.proto.label for link in test.get("page_link")] == ["アップロードの画面を開く"]
    test.session_state["role"] = "planner"
    test.run()
    assert "管理者が「アップロード」の画面で台帳を始めると" in words(test)
    assert not test.get("page_link")


def test_progress_says_once_that_the_ledger_has_moved_on(upload: Callable[..., AppTest]) -> None:
    district, lat, lon = open_district()
    row = f"MH-9001,試し谷局,{lat},{lon},見本モバイルA,供用中,2018/3/20,{district},国補助,居住"
    test = upload("list.csv", csv(row))
    test.checkbox(key="accept-at-once").check().run()
    press(test, "hand-in")
    said = words(AppTest.from_function(_script, args=("progress",), default_timeout=60).run())
    assert said.count("公開中の計算は古くなっています") == 1
    assert said.count("台帳の現在：") == 1
    (notice,) = re.findall(
        r'<div class="notice[^>]*>[^<]*<strong>公開中の計算は古くなっています</strong>[^<]*', said
    )
    assert "台帳の現在：" in notice


def test_only_sending_back_asks_for_a_reason(upload: Callable[..., AppTest]) -> None:
    _, lat, lon = open_district()
    press(upload("list.csv", csv(f"A-1,a,{lat},{lon},,計画,,,,")), "hand-in")
    with open_context_store(web_context()) as store:
        own = store.imports()[0].import_id
    test: Any = AppTest.from_function(_script, args=("approvals",), default_timeout=60).run()
    shown = [e.key for kind in ("button", "text_input") for e in test.get(kind) if e.key and own in e.key]
    assert shown
    buttons = {b.key: b for b in test.button}
    assert not buttons[f"accept-{own}"].disabled
    assert buttons[f"return-{own}"].disabled
    order = [getattr(e, "key", None) for e in _in_order(test.main)]
    assert order.index(f"accept-{own}") < order.index(f"reason-{own}") < order.index(f"return-{own}")


def _in_order(block: Any) -> list[Any]:
    found: list[Any] = []
    for child in block.children.values():
        found += _in_order(child) if hasattr(child, "children") else [child]
    return found
