"""Confirmations, challenges, users and read tokens; the same on SQLite and PostGIS."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
import shapely

from coverage.domain.ledger import District, Ledger, Site, SiteDistrict, Status
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.store.events import Kind
from coverage.store.protocol import Actor, EditConflictError
from coverage.store.records import ChallengeState

ADMIN = Actor("sato", "admin")
CITY = Actor("owase-city", "municipality")


@pytest.fixture
def books(store: Any) -> Any:
    """A store with one district that one site serves."""
    store.load_ledger(
        Ledger(
            sites=(Site("T-001", "九鬼", "24209", 34.0, 136.2, Status.IN_SERVICE),),
            districts=(
                District("D-01", "24209", "九鬼", shapely.Point(136.2, 34.0), designated_on=date(2010, 4, 1)),
            ),
            site_districts=(SiteDistrict("T-001", "D-01", date(2018, 3, 31)),),
        ),
        by=ADMIN,
        source="見本",
    )
    return store


def test_a_municipality_confirms_that_its_district_is_resolved(books: Any) -> None:
    held = books.versioned(Kind.DISTRICT)[0]
    books.confirm_resolution(
        held.key,
        resolved_on=date(2017, 4, 1),
        by=CITY,
        expected_version=held.version,
        site_ids=["T-001"],
        note="現地確認",
    )
    assert books.ledger().districts[0].resolved_on == date(2017, 4, 1)
    link = books.ledger().site_districts[0]
    assert (link.confirmed_by, link.confirmed_on) == ("owase-city", date(2017, 4, 10))
    assert books.history(Kind.DISTRICT, held.key)[-1].action == "confirm"


@pytest.mark.parametrize(
    ("more", "error", "code"),
    [
        ({"resolved_on": date(2009, 1, 1)}, InputError, "resolved-before-designated"),
        ({"site_ids": ["T-999"]}, InputError, "site-does-not-serve-district"),
        ({"expected_version": 0}, EditConflictError, "edit-conflict"),
        ({"key": "D-02/1"}, NotFoundError, "record-not-found"),
    ],
)
def test_a_confirmation_that_cannot_be_changes_nothing(
    books: Any, more: dict[str, Any], error: Any, code: str
) -> None:
    stated = {"key": "D-01/1", "resolved_on": date(2017, 4, 1), "by": CITY, "expected_version": 1, **more}
    with pytest.raises(error) as caught:
        books.confirm_resolution(stated.pop("key"), **stated)
    assert caught.value.code == code
    assert books.head().seq == 1


def _confirm(books: Any, **more: Any) -> str:
    held = books.versioned(Kind.DISTRICT)[0]
    stated = {"resolved_on": date(2017, 4, 1), "by": CITY, "expected_version": held.version, **more}
    books.confirm_resolution(held.key, **stated)
    return str(held.key)


def test_a_confirmation_taken_back_puts_the_district_on_the_register_again(books: Any) -> None:
    key = _confirm(books, site_ids=["T-001"])
    before = books.ledger()
    books.withdraw_resolution(key, by=CITY, expected_version=2, reason="地区を取り違えた")
    assert books.ledger().districts[0].resolved_on is None
    link = books.ledger().site_districts[0]
    assert (link.serves_from, link.confirmed_by, link.confirmed_on) == (date(2018, 3, 31), None, None)
    last = books.history(Kind.DISTRICT, key)[-1]
    assert (last.action, last.actor, last.reason) == ("confirm.withdraw", "owase-city", "地区を取り違えた")
    assert books.ledger(as_of=2) == before, "what was known in between can still be told"
    assert books.verify_audit().ok
    assert _confirm(books, site_ids=["T-001"]) == key


def test_a_site_confirmed_earlier_or_since_keeps_its_confirmation(books: Any) -> None:
    books.put(
        Kind.SITE_DISTRICT,
        {"site_id": "T-001", "district_id": "D-01", "confirmed_by": "旧市", "confirmed_on": date(2016, 4, 1)},
        by=ADMIN,
        expected_version=1,
    )
    key = _confirm(books, site_ids=["T-001"])
    books.withdraw_resolution(key, by=CITY, expected_version=2, reason="取り違え")
    link = books.ledger().site_districts[0]
    assert (link.confirmed_by, link.confirmed_on) == ("旧市", date(2016, 4, 1))


def test_a_name_put_right_after_the_confirmation_does_not_hide_it(books: Any) -> None:
    key = _confirm(books)
    books.put(Kind.DISTRICT, {"name": "九鬼町"}, by=ADMIN, expected_version=2, key=key)
    books.withdraw_resolution(key, by=CITY, expected_version=3, reason="取り違え")
    assert (books.ledger().districts[0].resolved_on, books.ledger().districts[0].name) == (None, "九鬼町")


def test_only_a_confirmation_that_stands_is_taken_back(books: Any) -> None:
    key = books.versioned(Kind.DISTRICT)[0].key

    def refused(version: int, reason: str = "取り違え") -> str:
        with pytest.raises((ConflictError, InputError, NotFoundError)) as caught:
            books.withdraw_resolution(key, by=CITY, expected_version=version, reason=reason)
        return str(caught.value.code)

    assert refused(1) == "not-confirmed"
    books.put(Kind.DISTRICT, {"resolved_on": date(2016, 4, 1)}, by=ADMIN, expected_version=1, key=key)
    assert refused(2) == "confirmed-elsewhere"
    _confirm(books)
    assert refused(3, reason=" ") == "text-missing"
    assert refused(2) == "edit-conflict"
    held = books.get(Kind.DISTRICT, key).record
    again = {
        "district_id": held.district_id,
        "municipality_code": held.municipality_code,
        "name": held.name,
        "geometry": held.geometry,
        "designated_on": date(2017, 4, 5),
    }
    books.put(Kind.DISTRICT, again, by=ADMIN, expected_version=0)
    assert refused(3) == "district-designated-again"
    assert books.ledger().districts[0].resolved_on == date(2017, 4, 1)


def test_a_challenge_is_filed_and_answered(books: Any) -> None:
    filed = books.file_challenge(
        by=CITY,
        municipality_code="24209",
        observed_on=date(2017, 4, 9),
        note="集会所で圏外",
        district_id="D-01",
        operator="docomo",
    )
    assert (filed.challenge_id, filed.state, filed.filed_by) == ("C000002", ChallengeState.OPEN, "owase-city")
    held = books.get(Kind.CHALLENGE, filed.challenge_id)
    books.answer_challenge(
        filed.challenge_id, answer="測定に伺います", by=ADMIN, expected_version=held.version
    )
    answered = books.records(Kind.CHALLENGE)[0]
    assert (answered.state, answered.answer, answered.answered_by) == (
        ChallengeState.ANSWERED,
        "測定に伺います",
        "sato",
    )
    assert answered.answered_on == date(2017, 4, 10)
    assert answered.note == "集会所で圏外"
    with pytest.raises(EditConflictError) as caught:
        books.answer_challenge(
            filed.challenge_id, answer="別の回答", by=Actor("kato", "planner"), expected_version=1
        )
    assert caught.value.actor == "sato"


def test_a_challenge_may_point_at_the_map(books: Any) -> None:
    filed = books.file_challenge(
        by=CITY, municipality_code="24209", observed_on=date(2017, 4, 9), note="峠", lat=34.05, lon=136.25
    )
    assert (filed.lat, filed.lon, filed.district_id) == (34.05, 136.25, None)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"note": " "}, "text-missing"),
        ({"note": "あ" * 2001}, "text-missing"),
        ({"lat": None}, "challenge-without-place"),
        ({"lat": 134.0}, "value-invalid"),
        ({"observed_on": date(2017, 4, 11)}, "challenge-in-future"),
        ({"district_id": "D-99"}, "record-not-found"),
    ],
)
def test_a_challenge_that_cannot_be_is_refused(books: Any, more: dict[str, Any], code: str) -> None:
    stated = {
        "municipality_code": "24209",
        "observed_on": date(2017, 4, 9),
        "note": "峠",
        "lat": 34.0,
        "lon": 136.2,
    }
    with pytest.raises((InputError, NotFoundError)) as caught:
        books.file_challenge(by=CITY, **{**stated, **more})
    assert caught.value.code == code
    assert books.records(Kind.CHALLENGE) == ()


def test_a_filer_is_bounded_by_the_day_in_japan_and_by_what_waits(books: Any, clock: Any) -> None:
    def file(n: int, *, by: Actor = CITY, most_open: int = 3) -> str:
        filed = books.file_challenge(
            by=by, municipality_code="24209", observed_on=date(2017, 4, 9), note="峠", lat=34.0, lon=136 + n / 10,
            most_per_day=2, most_open=most_open,
        )  # fmt: skip
        return str(filed.challenge_id)

    def refused(n: int, **more: Any) -> str:
        with pytest.raises(ConflictError) as caught:
            file(n, **more)
        return str(caught.value.code)

    first = file(1)
    assert refused(1) == "challenge-open-already"
    file(2)
    assert refused(3) == "challenge-limit-day"
    file(1, by=Actor("hoka", "viewer"))
    clock.set(datetime(2017, 4, 10, 14, 59, 0, tzinfo=UTC))
    assert refused(3) == "challenge-limit-day"
    clock.set(datetime(2017, 4, 10, 15, 0, 0, tzinfo=UTC))
    file(3)
    assert refused(4) == "challenge-limit-open"
    books.answer_challenge(first, answer="伺います", by=ADMIN, expected_version=1)
    assert file(1) != first
    assert refused(5, most_open=9) == "challenge-limit-day"


def test_users_have_a_role_and_the_last_administrator_stays(store: Any) -> None:
    store.set_user("sato", role="admin", by=ADMIN, expected_version=0)
    store.set_user(
        "owase", role="municipality", by=ADMIN, expected_version=0, municipality_codes=["24209", "24201"]
    )
    found = store.user("owase")
    assert (found.role, found.municipality_codes, found.active) == ("municipality", ("24201", "24209"), True)
    assert store.user("nobody") is None
    for change in ({"role": "planner"}, {"role": "admin", "active": False}):
        with pytest.raises(ConflictError) as caught:
            store.set_user("sato", by=ADMIN, expected_version=1, **change)
        assert caught.value.code == "last-admin"
    store.set_user("kato", role="admin", by=ADMIN, expected_version=0)
    store.set_user("sato", role="planner", by=Actor("kato", "admin"), expected_version=1)
    assert store.user("sato").role == "planner"
    assert store.history(Kind.USER, "sato")[-1].actor == "kato"


@pytest.mark.parametrize(
    ("role", "codes", "code"),
    [
        ("root", [], "role-unknown"),
        ("municipality", [], "municipality-codes-invalid"),
        ("municipality", ["2420"], "municipality-codes-invalid"),
        ("municipality", ["２４２０９"], "municipality-codes-invalid"),
        ("planner", ["24209"], "municipality-codes-invalid"),
    ],
)
def test_a_role_that_cannot_be_is_refused(store: Any, role: str, codes: list[str], code: str) -> None:
    with pytest.raises(InputError) as caught:
        store.set_user("x", role=role, by=ADMIN, expected_version=0, municipality_codes=codes)
    assert caught.value.code == code
    with pytest.raises(InputError):
        store.issue_token("QGIS", role=role, by=ADMIN, municipality_codes=codes)


def test_a_token_opens_until_it_is_revoked_and_its_secret_is_nowhere(store: Any) -> None:
    secret, issued = store.issue_token(
        "尾鷲市 QGIS", role="municipality", by=ADMIN, municipality_codes=["24209"]
    )
    found = store.token(secret)
    assert (found.token_id, found.municipality_codes) == (issued.token_id, ("24209",))
    for wrong in ("", secret[:-1], secret + "x", issued.token_sha256, "cgp_" + "a" * 43, "x" * 5000):
        assert store.token(wrong) is None
    everything = repr(store.records(Kind.READ_TOKEN)) + repr(store.audit()) + repr(issued)
    assert secret not in everything
    assert secret.removeprefix("cgp_") not in everything
    store.revoke_token(issued.token_id, by=ADMIN, reason="担当の交代")
    assert store.token(secret) is None
    assert store.revoke_token(issued.token_id, by=ADMIN).events == ()
    with pytest.raises(NotFoundError):
        store.revoke_token("T000099", by=ADMIN)


def test_a_token_ends_on_its_day(store: Any, clock: Any) -> None:
    secret, _ = store.issue_token("curl", role="viewer", by=ADMIN, expires_on=date(2017, 4, 30))
    clock.set(datetime(2017, 4, 30, 14, 59, tzinfo=UTC))
    assert store.token(secret) is not None
    clock.set(datetime(2017, 4, 30, 15, 1, tzinfo=UTC))
    assert store.token(secret) is None


def test_a_token_never_writes(store: Any) -> None:
    for role in ("planner", "admin"):
        with pytest.raises(InputError) as caught:
            store.issue_token("x", role=role, by=ADMIN)
        assert caught.value.code == "role-unknown"
