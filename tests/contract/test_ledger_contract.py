"""What stood, what was known, and who changed it: the same on SQLite and PostGIS."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import shapely

from coverage.domain.ledger import (
    Actual,
    Allocation,
    DatePrecision,
    DistinctAnswer,
    District,
    Footnote,
    FrozenYear,
    Funding,
    Ledger,
    OpeningBalance,
    Purpose,
    Restatement,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.store.events import Kind
from coverage.store.protocol import Actor, EditConflictError

PLANNER = Actor("tanaka", "planner")
ADMIN = Actor("sato", "admin")

SITE = Site(
    "T-001",
    "尾鷲・九鬼",
    "24209",
    34.0123,
    136.2456,
    Status.PLANNED,
    height_m=30.0,
    funding=Funding.NATIONAL_SUBSIDY,
    purpose=Purpose.RESIDENTIAL,
    project_id="H28-01",
    planned_fy=2017,
    cost_yen=24_613_000,
)
DISTRICT = District(
    "D-01",
    "24209",
    "九鬼町\n早田",
    shapely.Polygon([(136.2, 34.0), (136.3, 34.0), (136.3, 34.1), (136.2, 34.0)]),
    households=42,
    population=97,
    designated_on=date(2010, 4, 1),
    source="県調査 2010",
)
BOOKS = Ledger(
    sites=(SITE,),
    site_operators=(
        SiteOperator(
            "T-001", "docomo", date(2018, 3, 31), DatePrecision.MONTH, "800", 800.0, 10.0, 57.5, 120.0, 3.0
        ),
    ),
    site_districts=(SiteDistrict("T-001", "D-01", date(2018, 3, 31), "尾鷲市", date(2018, 4, 20)),),
    districts=(DISTRICT,),
    opening_balances=(OpeningBalance(2015, 68, "政策シート", date(2016, 4, 1)),),
    allocations=(Allocation("T-001"),),
    restatements=(Restatement(2016, -1, "sato", "重複の訂正"),),
    frozen_years=(FrozenYear(2016, 71, date(2017, 6, 30)),),
    distinct_answers=(DistinctAnswer("T-001", "T-002", False, "tanaka"),),
    actuals=(Actual("406", 2016, 48.0, "運用報告", date(2017, 5, 1)),),
    footnotes=(Footnote("406-2016-1", "406", 2016, "運用報告による", "as reported", "sato"),),
    municipality_mergers={"24322": "24209"},
)


def _put(store: Any, site: Site, version: int = 0, **more: Any) -> Any:
    values = {f.name: getattr(site, f.name) for f in dataclasses.fields(site) if f.name != "recorded_at"}
    return store.put(Kind.SITE, values, by=PLANNER, expected_version=version, **more)


def _without_times(ledger: Ledger) -> Ledger:
    return Ledger(
        *(
            tuple(dataclasses.replace(record, recorded_at=None) for record in getattr(ledger, f.name))
            for f in dataclasses.fields(ledger)
            if f.name != "municipality_mergers"
        ),
        municipality_mergers=ledger.municipality_mergers,
    )


def test_a_whole_ledger_comes_back_as_it_was_put_in(store: Any) -> None:
    store.load_ledger(BOOKS, by=ADMIN, source="見本")
    assert _without_times(store.ledger()) == BOOKS
    times = {record.recorded_at for record in store.ledger().sites + store.ledger().actuals}
    assert times == {store.audit()[0].at}


def test_loading_the_same_ledger_twice_writes_nothing(store: Any) -> None:
    first = store.load_ledger(BOOKS, by=ADMIN, source="見本")
    again = store.load_ledger(BOOKS, by=ADMIN, source="見本")
    assert again.events == ()
    assert again.head == first.head
    assert len(first.events) == 12


def test_loading_another_value_of_a_published_year_is_refused(store: Any) -> None:
    store.load_ledger(BOOKS, by=ADMIN, source="見本")
    other = Ledger(frozen_years=(FrozenYear(2016, 72, date(2017, 6, 30)),))
    with pytest.raises(ConflictError) as caught:
        store.load_ledger(other, by=ADMIN, source="別の控え")
    assert caught.value.code == "year-already-frozen"
    assert store.ledger().frozen_years[0].value == 71


def test_an_empty_store_has_an_empty_ledger(store: Any) -> None:
    assert store.ledger() == Ledger()
    assert store.get(Kind.SITE, "T-001") is None
    assert store.head().seq == 0


def test_a_status_step_holds_from_its_day_on(store: Any) -> None:
    _put(store, SITE)
    store.set_status("T-001", Status.IN_SERVICE, on=date(2018, 3, 25), by=ADMIN, expected_version=1)
    assert store.records(Kind.SITE, valid_on=date(2018, 3, 24))[0].status is Status.PLANNED
    assert store.records(Kind.SITE, valid_on=date(2018, 3, 25))[0].status is Status.IN_SERVICE
    assert store.records(Kind.SITE)[0].status is Status.IN_SERVICE


def test_a_step_told_late_leaves_the_later_steps_standing(store: Any) -> None:
    _put(store, SITE)
    store.set_status("T-001", Status.IN_SERVICE, on=date(2018, 3, 25), by=ADMIN, expected_version=1)
    store.set_status("T-001", Status.GRANT_DECIDED, on=date(2017, 6, 1), by=ADMIN, expected_version=2)
    days = {
        date(2017, 5, 31): "計画",
        date(2017, 6, 1): "交付決定",
        date(2018, 3, 24): "交付決定",
        date(2018, 3, 25): "供用中",
    }
    assert {day: store.records(Kind.SITE, valid_on=day)[0].status.value for day in days} == days
    assert store.records(Kind.SITE)[0].status is Status.IN_SERVICE


def test_a_correction_holds_for_as_long_as_the_wrong_value_stood(store: Any) -> None:
    _put(store, SITE)
    store.set_status("T-001", Status.IN_SERVICE, on=date(2018, 3, 25), by=ADMIN, expected_version=1)
    store.put(Kind.SITE, {"site_id": "T-001", "height_m": 40.0}, by=PLANNER, expected_version=2)
    for day, status in ((date(2017, 1, 1), Status.PLANNED), (date(2019, 1, 1), Status.IN_SERVICE)):
        site = store.records(Kind.SITE, valid_on=day)[0]
        assert (site.height_m, site.status) == (40.0, status)


def test_a_site_that_is_switched_off_has_served_all_the_same(store: Any, clock: Any) -> None:
    _put(store, dataclasses.replace(SITE, status=Status.IN_SERVICE))
    clock.set(datetime(2020, 5, 1, 3, 0, tzinfo=UTC))
    _put(store, dataclasses.replace(SITE, status=Status.SUSPENDED), 1)
    assert store.records(Kind.SITE, valid_on=date(2020, 4, 30))[0].status is Status.IN_SERVICE
    now = store.records(Kind.SITE)[0]
    assert (now.status, now.closed_on) == (Status.SUSPENDED, date(2020, 5, 1))


def test_a_closing_day_in_the_statement_dates_the_step(store: Any, clock: Any) -> None:
    _put(store, dataclasses.replace(SITE, status=Status.IN_SERVICE))
    clock.set(datetime(2020, 5, 1, 3, 0, tzinfo=UTC))
    _put(store, dataclasses.replace(SITE, status=Status.CLOSED, closed_on=date(2019, 12, 31)), 1)
    assert store.records(Kind.SITE, valid_on=date(2019, 12, 30))[0].status is Status.IN_SERVICE
    assert store.records(Kind.SITE, valid_on=date(2019, 12, 31))[0].status is Status.CLOSED


def test_as_of_shows_what_was_known_then_by_time_and_by_number(store: Any, clock: Any) -> None:
    _put(store, SITE)
    known = store.head().seq
    between = clock.now + timedelta(hours=1)
    clock.jump(days=30)
    store.put(Kind.SITE, {"site_id": "T-001", "name": "九鬼"}, by=PLANNER, expected_version=1)
    assert [s.name for s in store.records(Kind.SITE)] == ["九鬼"]
    assert [s.name for s in store.records(Kind.SITE, as_of=between)] == ["尾鷲・九鬼"]
    assert [s.name for s in store.records(Kind.SITE, as_of=known)] == ["尾鷲・九鬼"]
    assert store.records(Kind.SITE, as_of=datetime(2017, 4, 9, tzinfo=UTC)) == ()
    assert store.records(Kind.SITE, as_of=0) == ()
    assert store.get(Kind.SITE, "T-001", as_of=known).record.name == "尾鷲・九鬼"


def test_as_of_and_valid_on_are_independent(store: Any, clock: Any) -> None:
    _put(store, SITE)
    first = store.head().seq
    clock.jump(days=400)
    store.set_status("T-001", Status.IN_SERVICE, on=date(2018, 3, 25), by=ADMIN, expected_version=1)
    day = date(2018, 6, 1)
    assert store.ledger(as_of=first, valid_on=day).sites[0].status is Status.PLANNED
    assert store.ledger(valid_on=day).sites[0].status is Status.IN_SERVICE


def test_a_time_without_offset_is_refused(store: Any) -> None:
    with pytest.raises(InputError) as caught:
        store.ledger(as_of=datetime(2017, 4, 10))
    assert caught.value.code == "as-of-without-zone"


def test_putting_a_name_right_does_not_make_a_site_late(store: Any, clock: Any) -> None:
    _put(store, dataclasses.replace(SITE, status=Status.IN_SERVICE))
    first = store.records(Kind.SITE)[0].recorded_at
    clock.jump(days=100)
    store.put(Kind.SITE, {"site_id": "T-001", "name": "九鬼"}, by=PLANNER, expected_version=1)
    assert store.records(Kind.SITE)[0].recorded_at == first
    clock.jump(days=100)
    store.put(Kind.SITE, {"site_id": "T-001", "funding": "県単独"}, by=PLANNER, expected_version=2)
    assert store.records(Kind.SITE)[0].recorded_at > first + timedelta(days=199)


def test_all_versions_come_with_the_time_each_became_known(store: Any, clock: Any) -> None:
    _put(store, SITE)
    clock.jump(days=1)
    store.put(Kind.SITE, {"site_id": "T-001", "name": "九鬼"}, by=PLANNER, expected_version=1)
    clock.jump(days=1)
    store.put(Kind.SITE, {"site_id": "T-001", "funding": "県単独"}, by=PLANNER, expected_version=2)
    versions = store.ledger(versions=True).sites
    assert [(v.name, v.funding.value) for v in versions] == [
        ("尾鷲・九鬼", "国補助"),
        ("九鬼", "国補助"),
        ("九鬼", "県単独"),
    ]
    assert [b.recorded_at - a.recorded_at for a, b in pairwise(versions)] == [
        timedelta(days=1, milliseconds=1)
    ] * 2
    assert len(store.ledger(versions=True, as_of=2).sites) == 2


def test_history_taken_over_is_known_since_the_older_ledger_recorded_it(store: Any, clock: Any) -> None:
    recorded = datetime(2012, 5, 1, tzinfo=UTC)
    old = dataclasses.replace(SITE, recorded_at=recorded)
    store.load_ledger(Ledger(sites=(old,)), by=ADMIN, source="旧台帳", keep_recorded_at=True)
    assert store.records(Kind.SITE)[0].recorded_at == recorded
    assert len(store.records(Kind.SITE, as_of=datetime(2013, 1, 1, tzinfo=UTC))) == 1
    assert store.records(Kind.SITE, as_of=datetime(2012, 1, 1, tzinfo=UTC)) == ()
    assert store.records(Kind.SITE, as_of=0) == ()


def test_history_from_the_future_is_refused(store: Any) -> None:
    late = dataclasses.replace(SITE, recorded_at=datetime(2030, 1, 1, tzinfo=UTC))
    with pytest.raises(InputError) as caught:
        store.load_ledger(Ledger(sites=(late,)), by=ADMIN, source="旧台帳", keep_recorded_at=True)
    assert caught.value.code == "recorded-in-future"
    assert store.head().seq == 0


def test_the_loser_of_two_edits_is_told_who_changed_what(store: Any) -> None:
    _put(store, SITE)
    seen = store.get(Kind.SITE, "T-001").version
    store.put(
        Kind.SITE, {"site_id": "T-001", "height_m": 40}, by=Actor("suzuki", "planner"), expected_version=seen
    )
    with pytest.raises(EditConflictError) as caught:
        store.put(Kind.SITE, {"site_id": "T-001", "name": "早田"}, by=PLANNER, expected_version=seen)
    problem = caught.value
    assert (problem.code, problem.actor, problem.http_status) == ("edit-conflict", "suzuki", 409)
    assert [(c.field, c.before, c.after) for c in problem.changes] == [("height_m", 30.0, 40.0)]
    assert "suzuki" in problem.ja
    assert "アンテナ地上高 30.0→40.0" in problem.ja
    assert "2017-04-10 09:00" in problem.ja
    assert store.get(Kind.SITE, "T-001").record.name == "尾鷲・九鬼"


def test_a_new_record_where_one_stands_is_a_conflict(store: Any) -> None:
    _put(store, SITE)
    with pytest.raises(EditConflictError):
        _put(store, dataclasses.replace(SITE, name="別の局"))


def test_twenty_races_have_one_winner_each(store: Any) -> None:
    _put(store, SITE)
    for race in range(20):
        outcomes = _race(store, race)
        winner = next(name for name, outcome in outcomes.items() if outcome == "won")
        loser = "mori" if winner == "kato" else "kato"
        assert outcomes[loser] == winner
        assert store.get(Kind.SITE, "T-001").record.name == f"{winner} {race}"


def _race(store: Any, race: int) -> dict[str, str]:
    """Two people save against one version at the same moment: {name: "won" or who was faster}."""
    version = store.get(Kind.SITE, "T-001").version
    start = threading.Barrier(2)
    outcomes: dict[str, str] = {}

    def edit(name: str) -> None:
        start.wait()
        values = {"site_id": "T-001", "name": f"{name} {race}"}
        try:
            store.put(Kind.SITE, values, by=Actor(name, "planner"), expected_version=version)
            outcomes[name] = "won"
        except EditConflictError as problem:
            outcomes[name] = problem.actor

    racers = [threading.Thread(target=edit, args=(name,)) for name in ("kato", "mori")]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    return outcomes


def test_an_edit_that_changes_nothing_writes_nothing(store: Any) -> None:
    _put(store, SITE)
    head = store.head()
    assert _put(store, SITE, 1).events == ()
    assert store.head() == head


def test_a_retired_record_is_gone_and_its_history_is_not(store: Any) -> None:
    _put(store, SITE)
    store.retire(Kind.SITE, "T-001", by=ADMIN, expected_version=1, reason="登録の誤り")
    assert store.records(Kind.SITE) == ()
    assert store.ledger(versions=True).sites == ()
    assert store.records(Kind.SITE, as_of=1)[0].name == "尾鷲・九鬼"
    last = store.history(Kind.SITE, "T-001")[-1]
    assert (last.deleted, last.actor, last.reason) == (True, "sato", "登録の誤り")
    with pytest.raises(NotFoundError):
        store.retire(Kind.SITE, "T-001", by=ADMIN, expected_version=2, reason="もう一度")
    _put(store, SITE)
    assert store.get(Kind.SITE, "T-001").version == 3


def test_the_history_says_who_changed_a_date(store: Any, clock: Any) -> None:
    store.load_ledger(BOOKS, by=ADMIN, source="見本")
    clock.jump(days=3)
    held = store.versioned(Kind.SITE_OPERATOR)[0]
    store.put(
        Kind.SITE_OPERATOR,
        {"in_service_date": date(2018, 4, 1)},
        key=held.key,
        by=PLANNER,
        expected_version=held.version,
        reason="開局届による",
    )
    entry = store.history(Kind.SITE_OPERATOR, held.key)[-1]
    assert (entry.actor, entry.role, entry.reason, entry.version) == ("tanaka", "planner", "開局届による", 2)
    assert [(c.ja, c.before, c.after) for c in entry.changes] == [
        ("供用開始日", date(2018, 3, 31), date(2018, 4, 1))
    ]
    assert entry.at == store.audit(after_seq=1)[0].at


def test_a_future_step_does_not_stop_an_edit_of_today(store: Any) -> None:
    _put(store, SITE)
    store.set_status("T-001", Status.IN_SERVICE, on=date(2030, 3, 25), by=ADMIN, expected_version=1)
    seen = store.get(Kind.SITE, "T-001", valid_on=date(2017, 4, 10))
    assert seen.record.status is Status.PLANNED
    store.put(Kind.SITE, {"site_id": "T-001", "name": "九鬼"}, by=PLANNER, expected_version=seen.version)
    assert {s.name for s in store.records(Kind.SITE)} == {"九鬼"}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"lat": 91.0}, "value-invalid"),
        ({"lon": float("nan")}, "value-invalid"),
        ({"height_m": float("inf")}, "value-invalid"),
        ({"height_m": "30"}, "value-invalid"),
        ({"planned_fy": 2017.5}, "value-invalid"),
        ({"cost_yen": 2**63}, "value-invalid"),
        ({"status": "建設中"}, "value-not-allowed"),
        ({"closed_on": datetime(2020, 1, 1, tzinfo=UTC)}, "value-invalid"),
        ({"name": "\ud800"}, "text-not-unicode"),
        ({"nam": "九鬼"}, "unknown-column"),
        ({"name": None}, "missing-value"),
        ({"site_id": ""}, "identifier-invalid"),
        ({"site_id": None}, "missing-value"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_named(store: Any, values: dict[str, Any], code: str) -> None:
    stated = {
        "site_id": "T-9",
        "name": "九鬼",
        "municipality_code": "24209",
        "lat": 34.0,
        "lon": 136.0,
        "status": "計画",
    }
    with pytest.raises(InputError) as caught:
        store.put(Kind.SITE, {**stated, **values}, by=PLANNER, expected_version=0)
    assert caught.value.code == code
    assert store.head().seq == 0


def test_ids_are_compared_after_nfkc_and_text_keeps_its_form(store: Any) -> None:
    _put(store, dataclasses.replace(SITE, site_id="Ｔ－００１", name="ｷﾞｮｸ\x00㈱"))
    site = store.records(Kind.SITE)[0]
    assert (site.site_id, site.name) == ("T-001", "ｷﾞｮｸ㈱")
    with pytest.raises(EditConflictError):
        _put(store, SITE)


def test_an_id_with_a_slash_is_one_id(store: Any) -> None:
    _put(store, dataclasses.replace(SITE, site_id="A/B"))
    _put(store, dataclasses.replace(SITE, site_id="A%2FB"))
    assert sorted(s.site_id for s in store.records(Kind.SITE)) == ["A%2FB", "A/B"]


def test_the_identifying_columns_cannot_be_edited(store: Any) -> None:
    _put(store, SITE)
    with pytest.raises(InputError) as caught:
        store.put(Kind.SITE, {"site_id": "T-2"}, key="T-001", by=PLANNER, expected_version=1)
    assert caught.value.code == "key-cannot-change"


def test_sites_and_districts_in_a_box(store: Any) -> None:
    store.load_ledger(BOOKS, by=ADMIN, source="見本")
    assert [s.site_id for s in store.sites_within((136.2, 34.0, 136.3, 34.1))] == ["T-001"]
    assert store.sites_within((136.3, 34.0, 136.4, 34.1)) == ()
    assert [d.district_id for d in store.districts_within((136.25, 34.0, 136.5, 34.02))] == ["D-01"]
    assert store.districts_within((136.2, 34.09, 136.21, 34.1)) == ()
    assert store.sites_within((136.2, 34.0, 136.3, 34.1), as_of=0) == ()


def test_an_actor_must_be_one_line(store: Any) -> None:
    for name in ("", "  ", "a\nb", "x" * 201):
        with pytest.raises(InputError) as caught:
            Actor(name, "admin")
        assert caught.value.code == "user-id-invalid"


@pytest.mark.parametrize("jump", [{"days": 2}, {"days": -2}, {"days": -365 * 40}])
def test_a_jump_of_the_clock_does_not_change_what_came_after_what(
    store: Any, clock: Any, jump: dict[str, float]
) -> None:
    _put(store, SITE)
    for version in range(1, 6):
        clock.jump(hours=1)
        store.put(
            Kind.SITE, {"site_id": "T-001", "height_m": 30 + version}, by=PLANNER, expected_version=version
        )
    honest = clock.now
    clock.jump(**jump)
    store.put(Kind.SITE, {"site_id": "T-001", "name": "跳躍中"}, by=PLANNER, expected_version=6)
    assert store.records(Kind.SITE)[0].name == "跳躍中"
    clock.set(honest)
    for version in range(7, 12):
        clock.jump(hours=1)
        store.put(
            Kind.SITE, {"site_id": "T-001", "height_m": 40 + version}, by=PLANNER, expected_version=version
        )
    assert store.records(Kind.SITE)[0].height_m == 51
    assert [e.seq for e in store.audit()] == list(range(1, 13))
    assert store.verify_audit().ok
    # Known by time: the wrong reading has the place of its neighbours.
    before = store.records(Kind.SITE, as_of=honest - timedelta(minutes=1))[0]
    assert (before.name, before.height_m) == ("尾鷲・九鬼", 34)
    after = store.records(Kind.SITE, as_of=honest + timedelta(minutes=59))[0]
    assert (after.name, after.height_m) == ("跳躍中", 35)
    times = [h.at for h in store.history(Kind.SITE, "T-001")]
    assert times == sorted(times)


def test_what_is_kept_in_memory_follows_every_writer(reopen: Any) -> None:
    ours, theirs = reopen(), reopen()
    _put(ours, SITE)
    first = ours.records(Kind.SITE)
    assert ours.records(Kind.SITE) is first, "nothing was written in between"
    theirs.restate(2016, 1, reason="別の表", by=ADMIN)
    assert ours.records(Kind.SITE) is first, "another kind was written"
    theirs.put(Kind.SITE, {"site_id": "T-001", "name": "早田"}, by=PLANNER, expected_version=1)
    assert ours.records(Kind.SITE)[0].name == "早田"
    assert ours.ledger().sites[0].name == "早田"
    assert ours.records(Kind.SITE, as_of=1)[0].name == "尾鷲・九鬼"
    theirs.retire(Kind.SITE, "T-001", by=ADMIN, expected_version=2, reason="誤り")
    assert ours.records(Kind.SITE) == ()


def test_the_life_cycle_of_a_site_has_the_date_of_each_step(store: Any) -> None:
    _put(store, dataclasses.replace(SITE, status=Status.CANDIDATE), valid_from=date(2016, 5, 1))
    steps = [
        (Status.PLANNED, date(2016, 9, 1)),
        (Status.IN_SERVICE, date(2017, 3, 25)),
        (Status.GRANT_DECIDED, date(2016, 12, 20)),
    ]
    for status, day in steps:
        version = store.get(Kind.SITE, "T-001").version
        store.set_status("T-001", status, on=day, by=ADMIN, expected_version=version)
    assert [(s.valid_from, s.record.status.value) for s in store.timeline(Kind.SITE, "T-001")] == [
        (date(2016, 5, 1), "候補"),
        (date(2016, 9, 1), "計画"),
        (date(2016, 12, 20), "交付決定"),
        (date(2017, 3, 25), "供用中"),
    ]
    assert [s.record.status.value for s in store.timeline(Kind.SITE, "T-001", as_of=2)] == ["候補", "計画"]
    assert store.timeline(Kind.SITE, "T-999") == ()


@pytest.mark.parametrize(
    "kind",
    [
        Kind.FROZEN_YEAR,
        Kind.OPENING_BALANCE,
        Kind.RESTATEMENT,
        Kind.FOOTNOTE,
        Kind.USER,
        Kind.READ_TOKEN,
        Kind.IMPORT,
        Kind.PUBLICATION,
    ],
)
def test_what_has_rules_of_its_own_is_not_edited_past_them(store: Any, kind: Kind) -> None:
    store.load_ledger(BOOKS, by=ADMIN, source="見本")
    for attempt in (
        lambda: store.put(kind, {}, key="2016", by=ADMIN, expected_version=1),
        lambda: store.retire(kind, "2016", by=ADMIN, expected_version=1, reason="x"),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        assert caught.value.code == "kind-has-own-door"
    assert store.head().seq == 1


def test_a_site_that_has_operators_is_not_taken_out(store: Any) -> None:
    store.load_ledger(BOOKS, by=ADMIN, source="見本")
    with pytest.raises(ConflictError) as caught:
        store.retire(Kind.SITE, "T-001", by=ADMIN, expected_version=1, reason="誤り")
    assert caught.value.code == "record-has-dependents"
    assert "T-001/docomo" in caught.value.ja
    for kind in (Kind.SITE_OPERATOR, Kind.SITE_DISTRICT, Kind.ALLOCATION):
        held = store.versioned(kind)[0]
        store.retire(kind, held.key, by=ADMIN, expected_version=held.version, reason="誤り")
    store.retire(Kind.SITE, "T-001", by=ADMIN, expected_version=1, reason="誤り")
    assert store.ledger().sites == ()
