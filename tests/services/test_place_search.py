"""Finding places: names as people write them, mesh codes of every level, positions in either order."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from coverage.domain import mesh
from coverage.runs.result import RunResult
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.compute import compute_run
from coverage.services.context import AppContext
from coverage.services.place_search import LONGEST, MOST, find_places, folded

ADMIN = Principal("admin", Role.ADMIN)


@pytest.fixture(scope="module")
def context(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> AppContext:
    root = tmp_path_factory.mktemp("search")
    return AppContext(tiny.write_tiny_region(root / "region"), root / "runs")


@pytest.fixture(scope="module")
def run(context: AppContext) -> RunResult:
    return compute_run(context, workers=1)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("西市", "municipality", "西市"),
        ("東町", "municipality", "見本郡東町"),
        ("見本郡", "municipality", "見本郡東町"),
        ("99301", "municipality", "見本郡東町"),
        ("浜", "town", "浜"),
        ("奥地区", "district", "奥地区"),
        ("D2", "district", "奥地区"),
        ("谷局", "site", "谷局"),
        ("t1", "site", "西局"),
        ("Ｔ１", "site", "西局"),
        ("　西 局 ", "site", "西局"),
    ],
)
def test_a_place_is_found_by_its_name_or_number(
    context: AppContext, run: RunResult, text: str, kind: str, name: str
) -> None:
    first = find_places(context, run, text, principal=ADMIN)["results"][0]
    assert (first["kind"], first["name"]) == (kind, name)
    assert 33.5 <= first["lat"] <= 33.55
    assert 136.5 <= first["lon"] <= 136.58


def test_the_name_itself_comes_before_names_that_hold_it(context: AppContext, run: RunResult) -> None:
    names = [r["name"] for r in find_places(context, run, "谷", principal=ADMIN)["results"]]
    assert names[0] == "谷"
    assert set(names) == {"谷", "谷地区", "谷局"}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("霞ヶ浦", "霞が浦"),
        ("三ッ谷", "三つ谷".replace("つ", "ツ")),
        ("茶之木", "茶ノ木"),
        ("ＡＢＣ局", "abc局"),
    ],
)
def test_what_people_write_in_two_ways_is_one_name(a: str, b: str) -> None:
    assert folded(a) == folded(b)


@pytest.mark.parametrize("digits", [4, 6, 8, 9, 10, 11])
def test_a_mesh_code_of_every_level_is_its_cell(context: AppContext, run: RunResult, digits: int) -> None:
    code = mesh.format_code(mesh.encode_point(33.526, 136.515, digits), digits)
    found = find_places(context, run, code, principal=ANONYMOUS)["results"]
    assert [(r["kind"], r["name"]) for r in found] == [("mesh", code)]
    west, south, east, north = found[0]["bounds"]
    assert west <= 136.515 < east
    assert south <= 33.526 < north
    wide = find_places(
        context, run, code.translate(str.maketrans("0123456789", "０１２３４５６７８９")), principal=ANONYMOUS
    )
    assert wide["results"] == found


def test_digits_that_are_no_mesh_code_say_so(context: AppContext, run: RunResult) -> None:
    found = find_places(context, run, "50368999", principal=ANONYMOUS)
    assert found["results"] == []
    assert "地域メッシュコード" in found["hint"]["ja"]
    assert "mesh code" in found["hint"]["en"].lower()


@pytest.mark.parametrize(
    "text",
    [
        "33.525, 136.515", "33.525 136.515", "33.525,136.515", "33.525、136.515", "３３．５２５，１３６．５１５", "33°31'30\" 136°30'54\"",
        "33°31′30″, 136°30′54″", "北緯33度31分30秒 東経136度30分54秒", "北緯33度31分30秒東経136度30分54秒", "33 31 30 136 30 54",
        "N33.525 E136.515", "33.525N 136.515E", "緯度33.525 経度136.515", "東経136.515、北緯33.525", "33:31:30, 136:30:54",
    ],
)  # fmt: skip
def test_a_position_is_read_in_every_spelling(context: AppContext, run: RunResult, text: str) -> None:
    first = find_places(context, run, text, principal=ANONYMOUS)["results"][0]
    assert first["kind"] == "position"
    assert (first["lat"], first["lon"]) == (pytest.approx(33.525, abs=1e-5), pytest.approx(136.515, abs=1e-5))
    assert "question" not in first


def test_longitude_first_is_asked_about_and_not_guessed_silently(context: AppContext, run: RunResult) -> None:
    found = find_places(context, run, "136.515, 33.525", principal=ANONYMOUS)
    assert [(r["lat"], r["lon"]) for r in found["results"]] == [(33.525, 136.515)]
    assert "よろしいですか" in found["results"][0]["question"]["ja"]


def test_the_old_datum_is_offered_as_a_second_reading(context: AppContext, run: RunResult) -> None:
    first, second = find_places(context, run, "33.525, 136.515", principal=ANONYMOUS)["results"]
    assert second["lat"] - first["lat"] == pytest.approx(0.0034, abs=0.0005)
    assert second["lon"] - first["lon"] == pytest.approx(-0.0029, abs=0.0005)
    assert "日本測地系" in second["question"]["ja"]


def test_a_position_outside_japan_is_no_answer(context: AppContext, run: RunResult) -> None:
    found = find_places(context, run, "10, 20", principal=ANONYMOUS)
    assert found["results"] == []
    assert "日本の外" in found["hint"]["ja"]


def test_planned_sites_are_found_by_those_who_may_see_them(context: AppContext, run: RunResult) -> None:
    def total(principal: Principal, plans: bool = True) -> int:
        return int(find_places(context, run, "計画局", principal=principal, plans=plans)["total"])

    assert total(ADMIN) == 1
    assert total(ADMIN, plans=False) == 0
    assert total(Principal("east", Role.MUNICIPALITY, frozenset({"99301"}))) == 1
    assert total(Principal("west", Role.MUNICIPALITY, frozenset({"99201"}))) == 0
    assert total(ANONYMOUS) == 0


def test_nothing_and_nonsense_have_no_answers(context: AppContext, run: RunResult, tmp_path: Path) -> None:
    for text in ("", "   ", "ないない町", "🗻", "x" * 5000):
        assert find_places(context, run, text, principal=ANONYMOUS)["results"] == [], text[:20]
    # Without the region's folder towns are not known, and the rest still is.
    bare = AppContext(tmp_path, context.runs_folder)
    assert find_places(bare, run, "西市", principal=ANONYMOUS)["total"] == 1
    assert LONGEST < 5000
    assert MOST == 20
