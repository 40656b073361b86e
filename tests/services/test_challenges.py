"""「ここは圏外」: who files, who answers, who sees whose name, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from coverage.errors import ConflictError, CoverageGapError, InputError, NotFoundError, PermissionDeniedError
from coverage.services import challenges
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.challenges import BOUNDS, Bounds, clean_text, open_challenges, parse_point
from coverage.services.context import AppContext
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import EditConflictError
from coverage.store.records import ChallengeState

WEST, EAST = "99201", "99301"
VIEWER = Principal("shokuin", Role.VIEWER)
CITY = Principal("nishi-shi", Role.MUNICIPALITY, frozenset({WEST}))
TOWN = Principal("higashi-cho", Role.MUNICIPALITY, frozenset({EAST}))
PLANNER = Principal("keikaku", Role.PLANNER)
ADMIN = Principal("kanri", Role.ADMIN)
TOKEN = Principal("token:T000009", Role.MUNICIPALITY, frozenset({EAST}), read_only=True)
PASS = {"lat": 33.52, "lon": 136.51}
"""A point in the western municipality."""


@pytest.fixture(scope="module")
def region(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("challenges") / "region"
    tiny.write_tiny_region(folder)
    return folder


@pytest.fixture
def context(region: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppContext:
    monkeypatch.delenv("COVERAGE_GAP_BACKUPS", raising=False)
    return AppContext(region, tmp_path / "runs", store_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def store(context: AppContext, tiny: ModuleType) -> Iterator[Any]:
    with open_context_store(context) as opened:
        opened.load_ledger(tiny.tiny_ledger(), by=ADMIN.actor, source="見本")
        yield opened


def _file(context: AppContext, store: Any, principal: Principal = VIEWER, **more: Any) -> str:
    stated = {"observed_on": date(2018, 4, 1), "note": "峠で圏外", **more}
    if "district_id" not in stated and "lat" not in stated:
        stated |= PASS
    return str(challenges.file_challenge(context, store, principal=principal, **stated).challenge_id)


def test_a_point_is_open_until_staff_answer_it(context: AppContext, store: Any) -> None:
    number = _file(context, store, operator="見本モバイルＡ", note=" バス停で\r\n圏外 ")
    (found,) = open_challenges(context, VIEWER)
    assert (found.challenge_id, found.lat, found.lon, found.municipality_code) == (
        number,
        33.52,
        136.51,
        WEST,
    )
    assert (found.municipality_name, found.operator, found.note) == ("西市", "m1", "バス停で\n圏外")
    assert (found.observed_on, found.district_name) == (date(2018, 4, 1), None)
    challenges.answer_challenge(store, number, answer="測定に伺います。", principal=PLANNER)
    assert open_challenges(context, VIEWER) == ()
    (listed,) = challenges.list_challenges(context, store, principal=VIEWER)
    assert (listed.state, listed.answer) == (ChallengeState.ANSWERED, "測定に伺います。")
    assert listed.answered_on == challenges.today()


def test_a_district_is_shown_by_its_name_at_a_point_inside_it(context: AppContext, store: Any) -> None:
    _file(context, store, TOWN, district_id="Ｄ２")
    (found,) = open_challenges(context, ANONYMOUS)
    assert (found.district_id, found.district_name, found.municipality_code) == ("D2", "奥地区", EAST)
    assert (round(found.lat, 4), round(found.lon, 4), found.operator) == (33.541, 136.562, None)


def test_without_a_ledger_nothing_is_open(region: Path, tmp_path: Path) -> None:
    assert open_challenges(AppContext(region, tmp_path), VIEWER) == ()


def test_a_district_that_left_the_ledger_leaves_its_challenge_a_place(
    context: AppContext, store: Any
) -> None:
    _file(context, store, district_id="D2")
    link = store.get(Kind.SITE_DISTRICT, "T3/D2")
    store.retire(Kind.SITE_DISTRICT, link.key, by=ADMIN.actor, expected_version=link.version, reason="誤り")
    held = next(d for d in store.versioned(Kind.DISTRICT) if d.record.district_id == "D2")
    store.retire(Kind.DISTRICT, held.key, by=ADMIN.actor, expected_version=held.version, reason="誤り")
    (found,) = open_challenges(context, VIEWER)
    assert found.district_name == "D2"
    assert challenges.municipality_at(context, found.lat, found.lon) == EAST


@pytest.mark.parametrize(
    ("principal", "place", "code"),
    [
        (VIEWER, PASS, None),
        (CITY, PASS, None),
        (PLANNER, PASS, None),
        (ADMIN, PASS, None),
        (TOWN, {"district_id": "D1"}, None),
        (TOWN, PASS, "permission-denied"),
        (CITY, {"district_id": "D1"}, "permission-denied"),
        (ANONYMOUS, PASS, "filing-needs-a-name"),
        (TOKEN, {"district_id": "D1"}, "filing-needs-a-name"),
    ],
)
def test_who_may_file_where(
    context: AppContext, store: Any, principal: Principal, place: dict[str, Any], code: str | None
) -> None:
    if code is None:
        assert _file(context, store, principal, **place)
        return
    with pytest.raises(PermissionDeniedError) as refused:
        _file(context, store, principal, **place)
    assert refused.value.code == code
    assert store.records(Kind.CHALLENGE) == ()


@pytest.mark.parametrize("principal", [VIEWER, CITY, TOWN, ANONYMOUS, TOKEN])
def test_only_staff_answer(context: AppContext, store: Any, principal: Principal) -> None:
    number = _file(context, store, TOWN, district_id="D1")
    with pytest.raises(PermissionDeniedError):
        challenges.answer_challenge(store, number, answer="解消済みです", principal=principal)
    assert len(open_challenges(context, principal)) == 1


@pytest.mark.parametrize(
    ("principal", "sees_filer", "sees_answerer"),
    [
        (ANONYMOUS, False, False),
        (Principal("betsu", Role.VIEWER), False, False),
        (VIEWER, True, False),
        (Principal("shokuin", Role.VIEWER, read_only=True), False, False),
        (TOWN, False, False),
        (CITY, True, True),
        (PLANNER, True, True),
        (ADMIN, True, True),
    ],
)
def test_who_filed_is_shown_to_staff_the_own_municipality_and_the_filer(
    context: AppContext, store: Any, principal: Principal, sees_filer: bool, sees_answerer: bool
) -> None:
    number = _file(context, store)
    challenges.answer_challenge(store, number, answer="調べます", principal=PLANNER)
    (listed,) = challenges.list_challenges(context, store, principal=principal)
    assert listed.filed_by == ("shokuin" if sees_filer else None)
    assert listed.answered_by == ("keikaku" if sees_answerer else None)
    one = challenges.challenge(context, store, number.lower(), principal=principal)
    assert (one.filed_by, one.answered_by) == (listed.filed_by, listed.answered_by)
    assert "shokuin" not in repr(open_challenges(context, principal))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"lat": 35.0, "lon": 135.0}, "challenge-outside-region"),
        ({"lat": 136.51, "lon": 33.52}, "point-unreadable"),
        ({"lat": float("nan"), "lon": 136.5}, "point-unreadable"),
        ({"lat": 33.52, "lon": None}, "challenge-place"),
        ({**PASS, "district_id": "D1"}, "challenge-place"),
        ({"district_id": "D9"}, "district-not-found"),
        ({"operator": "見本モバイルZ"}, "challenge-operator-unknown"),
        ({"note": "　\n "}, "text-missing"),
        ({"note": "\u202e\u200b"}, "text-missing"),
        ({"note": "あ" * 501}, "text-too-long"),
        ({"note": "連絡は０５９７－１２－３４５６まで"}, "text-personal"),
        ({"note": "連絡は 09012345678"}, "text-personal"),
        ({"note": "taro@example.jp へ"}, "text-personal"),
    ],
)
def test_what_cannot_be_filed_is_refused_and_leaves_nothing(
    context: AppContext, store: Any, more: dict[str, Any], code: str
) -> None:
    with pytest.raises((InputError, NotFoundError)) as refused:
        _file(context, store, ADMIN, **more)
    assert refused.value.code == code
    assert store.records(Kind.CHALLENGE) == ()


def test_an_observation_of_tomorrow_is_refused_and_of_today_taken(context: AppContext, store: Any) -> None:
    with pytest.raises(InputError) as refused:
        _file(context, store, observed_on=challenges.today() + timedelta(days=1))
    assert refused.value.code == "challenge-in-future"
    assert _file(context, store, observed_on=challenges.today())


def test_the_same_place_is_filed_once_until_it_is_answered(context: AppContext, store: Any) -> None:
    number = _file(context, store)
    with pytest.raises(ConflictError) as refused:
        _file(context, store, note="もう一度")
    assert refused.value.code == "challenge-open-already"
    assert number in refused.value.ja
    _file(context, store, operator="m2")
    _file(context, store, PLANNER)
    challenges.answer_challenge(store, number, answer="調べます", principal=PLANNER)
    assert _file(context, store, note="まだ圏外") != number


def test_one_person_cannot_flood_the_list(
    context: AppContext, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "BOUNDS", {**BOUNDS, Role.VIEWER: Bounds(3, 2)})
    first = _file(context, store, lat=33.51, lon=136.51)
    _file(context, store, lat=33.52, lon=136.51)
    for code in ("challenge-limit-open", "challenge-limit-day"):
        with pytest.raises(ConflictError) as refused:
            _file(context, store, lat=33.53, lon=136.51)
        assert refused.value.code == code
        assert _file(context, store, Principal("hoka", Role.VIEWER), lat=33.53 + len(code) / 1e4, lon=136.51)
        if code == "challenge-limit-open":
            challenges.answer_challenge(store, first, answer="調べます", principal=PLANNER)
            _file(context, store, lat=33.525, lon=136.51)


def test_of_two_answers_to_one_text_the_second_is_told_of_the_first(context: AppContext, store: Any) -> None:
    number = _file(context, store)
    seen = challenges.challenge(context, store, number, principal=PLANNER).version
    challenges.answer_challenge(store, number, answer="調べます", principal=ADMIN, seen_version=seen)
    with pytest.raises(EditConflictError) as told:
        challenges.answer_challenge(store, number, answer="行きます", principal=PLANNER, seen_version=seen)
    assert told.value.actor == "kanri"
    with pytest.raises(NotFoundError):
        challenges.answer_challenge(store, "C999999", answer="行きます", principal=PLANNER)


def test_the_list_is_narrowed_by_state_and_municipality_and_begins_with_the_newest(
    context: AppContext, store: Any
) -> None:
    first, second = _file(context, store), _file(context, store, district_id="D1")
    challenges.answer_challenge(store, first, answer="調べます", principal=PLANNER)

    def numbers(**more: Any) -> list[str]:
        return [c.challenge_id for c in challenges.list_challenges(context, store, principal=VIEWER, **more)]

    assert numbers() == [second, first]
    assert numbers(state=ChallengeState.OPEN) == [second]
    assert numbers(state=ChallengeState.ANSWERED) == [first]
    assert numbers(municipality=WEST) == [first]
    assert numbers(municipality=EAST, state=ChallengeState.ANSWERED) == []
    with pytest.raises(NotFoundError) as unknown:
        challenges.challenge(context, store, "'; DROP TABLE", principal=VIEWER)
    assert unknown.value.code == "challenge-not-found"


def test_a_municipality_chooses_among_its_own_districts(context: AppContext, store: Any) -> None:
    def names(principal: Principal) -> list[str]:
        return [d.name for d in challenges.districts_to_choose(context, store, principal=principal)]

    assert names(VIEWER) == names(TOWN) == ["奥地区", "谷地区"]
    assert names(CITY) == names(ANONYMOUS) == []


@pytest.mark.parametrize(
    "text",
    ["34.0521, 136.2103", "34.0521,136.2103", "３４．０５２１、１３６．２１０３", " 34.0521 136.2103 "],
)
def test_a_point_is_read_as_it_is_copied_from_a_map(text: str) -> None:
    assert parse_point(text) == (34.0521, 136.2103)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("136.2103, 34.0521", "point-swapped"),
        ("尾鷲市役所", "point-unreadable"),
        ("34.0521", "point-unreadable"),
        ("34.0521, 136.2103, 5", "point-unreadable"),
        ("1e1, 136", "point-unreadable"),
        ("nan, inf", "point-unreadable"),
        ("", "point-unreadable"),
    ],
)
def test_a_point_that_cannot_be_read_says_how_to_write_it(text: str, code: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_point(text)
    assert refused.value.code == code
    assert "緯度" in refused.value.ja


@pytest.mark.parametrize(
    "note", ["2018-04-01 に確認", "国道42号 0.5 km", "1-2-3 番地付近", "RSRP -118 dBm", "10:30〜11:00"]
)
def test_numbers_that_are_no_telephone_pass(note: str) -> None:
    assert clean_text(note, limit=500, ja="内容", en="note")


def test_hidden_marks_and_odd_forms_are_taken_out_of_a_note() -> None:
    assert (
        clean_text("ｹﾝｶﾞｲ\u202e\u200b\x00です\n\n\n\n③", limit=500, ja="内容", en="note")
        == "ケンガイです\n\n3"
    )
    with pytest.raises(CoverageGapError):
        clean_text("あ" * 2_000_000, limit=500, ja="内容", en="note")
