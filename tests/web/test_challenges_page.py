"""The page 圏外の申出: file, read, answer, confirm, take back; and what each kind of visitor is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.store.events import Kind
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.store.records import ChallengeState
from coverage.web import frame

from .page_words import words_of

BY = Actor("kanri", "admin")
ADMIN = Principal("kanri", Role.ADMIN)
PLANNER = Principal("keikaku", Role.PLANNER)
VIEWER = Principal("shokuin", Role.VIEWER)
TOWN = Principal("higashi-cho", Role.MUNICIPALITY, frozenset({"99301"}))
HOSTILE = "<img src=x onerror=alert(1)> <script>alert(2)</script> ${alert(3)}"
FILE = "FormSubmitter:challenge-form-申し出る"


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import challenges

    frame.render(frame.open_view(), challenges.show)


@pytest.fixture(scope="module")
def region(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("challenges-page") / "region"
    tiny.write_tiny_region(folder)
    return folder


@pytest.fixture
def store(
    region: Path, runs_folder: Path, tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    url = str(tmp_path / "ledger.sqlite")
    for name, value in (("REGION", region), ("RUNS", runs_folder), ("STORE", url), ("AUTH", "local")):
        monkeypatch.setenv(f"COVERAGE_GAP_{name}", str(value))
    with open_store(url) as opened:
        opened.load_ledger(tiny.tiny_ledger(), by=BY, source="見本")
        yield opened


Open = Callable[..., AppTest]


@pytest.fixture
def open_as(store: Any, monkeypatch: pytest.MonkeyPatch) -> Open:
    def opened(principal: Principal = ADMIN, **address: str) -> AppTest:
        monkeypatch.setattr(frame, "_visitor", lambda: principal)
        test = AppTest.from_function(_script, default_timeout=30)
        for name, value in address.items():
            test.query_params[name] = value
        test.run()
        assert not test.exception
        return test

    return opened


def _put(store: Any, note: str = "峠で圏外", **more: Any) -> str:
    stated = {"by": Actor("himitsu", "viewer"), "municipality_code": "99201", "observed_on": date(2018, 4, 1)}
    place = {} if "district_id" in more else {"lat": 33.52, "lon": 136.51}
    return str(store.file_challenge(note=note, **{**stated, **place, **more}).challenge_id)


def _fields(test: AppTest, start: str) -> list[Any]:
    kinds = ("text_input", "text_area", "selectbox", "date_input", "multiselect")
    return [w for kind in kinds for w in test.get(kind) if w.key and w.key.startswith(start)]


def _field(test: AppTest, start: str) -> Any:
    (found,) = _fields(test, start)
    return found


def test_a_point_is_filed_answered_and_gone_from_what_waits(store: Any, open_as: Open) -> None:
    test = open_as()
    assert "申出はまだありません" in words_of(test)
    _field(test, "challenge-point").set_value("３３．５２、１３６．５１")
    _field(test, "challenge-operator").set_value("m2")
    _field(test, "challenge-day").set_value(date(2018, 4, 1))
    _field(test, "challenge-note").set_value("バス停で\n圏外")
    test.button(key=FILE).click().run()
    words = words_of(test)
    assert "申出 C000002 を受け付けました" in words
    assert "西市<small>地点 33.52000, 136.51000</small>" in words
    assert "バス停で<br>圏外" in words
    assert "見本モバイルB" in words
    assert _field(test, "challenge-note").value == "", "the form is empty again"
    _field(test, "challenge-answer-text").set_value("5月に測定します。")
    test.button(key="FormSubmitter:challenge-answer-C000002-回答する").click().run()
    words = words_of(test)
    assert "申出 C000002 に回答しました" in words
    assert "回答待ちの申出はありません" in words
    assert "バス停" not in words
    test.get("button_group")[0].set_value("challenges.answered").run()
    assert "5月に測定します。" in words_of(test)
    assert store.records(Kind.CHALLENGE)[0].state is ChallengeState.ANSWERED


def test_a_district_is_chosen_from_the_list(store: Any, open_as: Open) -> None:
    test = open_as(TOWN)
    test.get("button_group")[-1].set_value("challenges.by_district").run()
    district = _field(test, "challenge-district")
    assert district.options == ["見本郡東町 奥地区 (D2)", "見本郡東町 谷地区（D1、2017-06-01 解消）"]
    district.set_value("D1")
    _field(test, "challenge-note").set_value("解消とあるが集会所は圏外")
    test.button(key=FILE).click().run()
    (filed,) = store.records(Kind.CHALLENGE)
    assert (filed.district_id, filed.municipality_code, filed.filed_by) == ("D1", "99301", "higashi-cho")
    assert "あなたの申出" in words_of(test)


@pytest.mark.parametrize(
    ("point", "note", "said"),
    [
        ("136.51, 33.52", "圏外", "緯度と経度が逆"),
        ("35.0, 135.0", "圏外", "市町の外です"),
        ("", "圏外", "読めません"),
        ("33.52, 136.51", " ", "申出の内容が空です"),
        ("33.52, 136.51", "0597-12-3456 へ電話を", "電話番号"),
    ],
)
def test_what_cannot_be_filed_is_said_and_what_was_typed_stays(
    store: Any, open_as: Open, point: str, note: str, said: str
) -> None:
    test = open_as(VIEWER)
    _field(test, "challenge-point").set_value(point)
    _field(test, "challenge-note").set_value(note)
    test.button(key=FILE).click().run()
    assert said in words_of(test)
    assert _field(test, "challenge-note").value == note
    assert store.records(Kind.CHALLENGE) == ()


def test_without_a_chosen_district_nothing_is_filed(store: Any, open_as: Open) -> None:
    test = open_as(VIEWER)
    test.get("button_group")[-1].set_value("challenges.by_district").run()
    _field(test, "challenge-note").set_value("圏外")
    test.button(key=FILE).click().run()
    assert "場所は、地点" in words_of(test)
    assert store.records(Kind.CHALLENGE) == ()


@pytest.mark.parametrize(
    ("principal", "files", "answers", "confirms", "sees_filer"),
    [
        (ANONYMOUS, False, False, False, False),
        (VIEWER, True, False, False, False),
        (TOWN, True, False, True, True),
        (Principal("mihon", Role.MUNICIPALITY), False, False, False, False),
        (PLANNER, True, True, False, True),
        (ADMIN, True, True, True, True),
    ],
)
def test_each_visitor_is_offered_what_is_theirs(
    store: Any,
    open_as: Open,
    principal: Principal,
    files: bool,
    answers: bool,
    confirms: bool,
    sees_filer: bool,
) -> None:
    _put(store, district_id="D2", municipality_code="99301")
    test = open_as(principal)
    words = words_of(test)
    assert "峠で圏外" in words
    assert bool(_fields(test, "challenge-note")) is files
    assert bool(_fields(test, "challenge-which")) is answers
    assert bool(_fields(test, "confirm-district")) is confirms
    assert ("himitsu" in words) is sees_filer
    assert ("申出には利用者の名乗りが必要です" in words) is principal.read_only
    assert ("市町コードが割り当てられていない" in words) is (principal.user_id == "mihon")
    assert "谷地区 (D1)" in words, "what is confirmed is for everybody to see"


def test_a_note_is_text_wherever_it_stands(store: Any, open_as: Open) -> None:
    number = _put(store, HOSTILE)
    store.answer_challenge(_put(store, "別", lat=33.53), answer=HOSTILE, by=BY, expected_version=1)
    test = open_as(ADMIN, challenge=number)
    test.get("button_group")[0].set_value("challenges.any_state").run()
    words = words_of(test)
    assert words.count("&lt;img src=x onerror=alert(1)&gt;") == 3
    assert "<img" not in words
    assert "<script" not in words


def test_an_address_names_one_challenge_or_says_that_there_is_none(store: Any, open_as: Open) -> None:
    number = _put(store)
    store.answer_challenge(number, answer="測定しました", by=BY, expected_version=1)
    test = open_as(VIEWER, challenge=number.lower())
    words = words_of(test)
    assert f"<h3>申出 {number}　回答済み</h3>" in words
    assert "測定しました" in words
    test.button(key="challenge-close").click().run()
    assert "<h3>" not in words_of(test)
    assert "challenge" not in test.query_params
    assert "申出「C999999」はありません" in words_of(open_as(VIEWER, challenge="C999999"))


def test_the_address_of_a_point_fills_the_form(store: Any, open_as: Open) -> None:
    test = open_as(VIEWER, lat="33.52", lon="136.51")
    assert "西市の地点です" in words_of(test)
    assert _field(test, "challenge-point").value == "33.520000, 136.510000"
    _field(test, "challenge-note").set_value("ここは圏外")
    test.button(key=FILE).click().run()
    (filed,) = store.records(Kind.CHALLENGE)
    assert (filed.lat, filed.lon) == (33.52, 136.51)
    assert "lat" not in test.query_params


@pytest.mark.parametrize(("lat", "lon"), [("35", "135"), ("nan", "136.5"), ("x", "y"), ("33.5", "")])
def test_an_address_of_no_point_fills_nothing(store: Any, open_as: Open, lat: str, lon: str) -> None:
    test = open_as(VIEWER, lat=lat, lon=lon)
    assert _field(test, "challenge-point").value == ""
    assert ("市町の外です" in words_of(test)) is (lat == "35")


def test_an_answer_given_meanwhile_is_not_written_over(store: Any, open_as: Open) -> None:
    number = _put(store)
    test = open_as(PLANNER)
    _field(test, "challenge-answer-text").set_value("行きます")
    store.answer_challenge(number, answer="もう測りました", by=BY, expected_version=1)
    test.button(key=f"FormSubmitter:challenge-answer-{number}-回答する").click().run()
    words = words_of(test)
    assert "kanri さんが" in words
    assert "保存していません" in words
    assert "もう測りました" in words
    assert store.records(Kind.CHALLENGE)[0].answer == "もう測りました"


def test_what_others_file_meanwhile_does_not_change_what_is_answered(store: Any, open_as: Open) -> None:
    first, second = _put(store), _put(store, "谷で圏外", lat=33.53)
    test = open_as(PLANNER)
    _field(test, "challenge-which").set_value(second).run()
    _field(test, "challenge-answer-text").set_value("谷へ行きます")
    _put(store, "浜で圏外", lat=33.51)
    test.button(key=f"FormSubmitter:challenge-answer-{second}-回答する").click().run()
    by_id = {c.challenge_id: c.answer for c in store.records(Kind.CHALLENGE)}
    assert (by_id[first], by_id[second]) == ("", "谷へ行きます")


def test_the_list_is_narrowed_to_a_municipality(store: Any, open_as: Open) -> None:
    _put(store)
    _put(store, "集会所", district_id="D2", municipality_code="99301")
    words = words_of(open_as(TOWN))
    assert "集会所" in words, "a municipality begins with its own"
    assert "峠で圏外" not in words
    test = open_as(VIEWER)
    test.selectbox(key="challenge-municipality").set_value("99201").run()
    words = words_of(test)
    assert "峠で圏外" in words
    assert "集会所" not in words


def test_a_municipality_confirms_sees_the_effect_and_takes_it_back(store: Any, open_as: Open) -> None:
    link = {"site_id": "T2", "district_id": "D2", "serves_from": date(2017, 3, 31)}
    store.put(Kind.SITE_DISTRICT, link, by=BY, expected_version=0)
    test = open_as(TOWN)
    test.selectbox(key="confirm-district").set_value("D2").run()
    assert "T2 谷局（2017-03-31 から）" in words_of(test)
    assert "整備数（累計）は変わりません" in words_of(test)
    test.multiselect(key="confirm-sites-D2").set_value(["T2"])
    test.date_input(key="confirm-day-D2").set_value(date(2017, 3, 30)).run()
    test.button(key="confirm-D2").click().run()
    assert "供用開始日 2017-03-31 より前です" in words_of(test)
    test.date_input(key="confirm-day-D2").set_value(date(2018, 3, 20)).run()
    test.button(key="confirm-D2").click().run()
    words = words_of(test)
    assert "地区「奥地区」の解消を確認しました" in words
    assert "この画面で確認" in words
    assert "確認する地区はありません" in words
    assert {d.district_id: d.resolved_on for d in store.ledger().districts}["D2"] == date(2018, 3, 20)
    test.button(key="FormSubmitter:withdraw-form-取り下げる").click().run()
    assert "理由が空です" in words_of(test)
    test.text_input(key="withdraw-reason-D2").set_value("地区を取り違えた")
    test.button(key="FormSubmitter:withdraw-form-取り下げる").click().run()
    assert "確認を取り下げました" in words_of(test)
    assert {d.district_id: d.resolved_on for d in store.ledger().districts}["D2"] is None


def test_a_day_that_would_move_the_count_is_said_before_the_button_is_pressed(
    store: Any, open_as: Open
) -> None:
    held = next(d for d in store.versioned(Kind.DISTRICT) if d.record.district_id == "D1")
    store.put(Kind.DISTRICT, {"resolved_on": None}, by=BY, expected_version=held.version, key=held.key)
    test = open_as(TOWN)
    test.selectbox(key="confirm-district").set_value("D1").run()
    test.date_input(key="confirm-day-D1").set_value(date(2017, 3, 30)).run()
    assert "平成28年度は 71 から 70" in words_of(test)
    assert store.records(Kind.DISTRICT)[0].resolved_on is None


def test_a_register_that_changed_meanwhile_is_not_confirmed_unseen(store: Any, open_as: Open) -> None:
    test = open_as(TOWN)
    test.selectbox(key="confirm-district").set_value("D2").run()
    held = next(d for d in store.versioned(Kind.DISTRICT) if d.record.district_id == "D2")
    store.put(Kind.DISTRICT, {"households": 4}, by=BY, expected_version=held.version, key=held.key)
    test.button(key="confirm-D2").click().run()
    assert "kanri さんが" in words_of(test)
    assert {d.district_id: d.resolved_on for d in store.ledger().districts}["D2"] is None
    test.button(key="confirm-D2").click().run()
    assert "解消を確認しました" in words_of(test)


def test_before_there_is_a_ledger_the_page_says_what_to_do(
    region: Path, runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(region))
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    monkeypatch.delenv("COVERAGE_GAP_STORE", raising=False)
    test = AppTest.from_function(_script, default_timeout=30).run()
    assert not test.exception
    assert "台帳がまだない" in words_of(test)
    assert not test.text_area


def test_the_page_speaks_english(store: Any, open_as: Open) -> None:
    _put(store)
    test = open_as(ADMIN, lang="en")
    words = words_of(test)
    assert "Reports of no signal" in words
    assert "All or unknown" in words
    assert "lang=en" in words
