"""A municipality confirms that its own district is resolved, and takes it back; what that does to the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from coverage.domain.counting import count
from coverage.domain.ledger import SiteDistrict, Status
from coverage.errors import ConflictError, CoverageGapError, InputError, NotFoundError, PermissionDeniedError
from coverage.runs.result import RunResult
from coverage.services import challenges, compute, confirmations, journal
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.confirmations import CountMove
from coverage.services.context import AppContext
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import EditConflictError

WEST, EAST = "99201", "99301"
CITY = Principal("nishi-shi", Role.MUNICIPALITY, frozenset({WEST}))
TOWN = Principal("higashi-cho", Role.MUNICIPALITY, frozenset({EAST}))
VIEWER = Principal("shokuin", Role.VIEWER)
PLANNER = Principal("keikaku", Role.PLANNER)
ADMIN = Principal("kanri", Role.ADMIN)
TOKEN = Principal("token:T000009", Role.MUNICIPALITY, frozenset({EAST}), read_only=True)
DAY = date(2018, 3, 20)


@pytest.fixture(scope="module")
def region(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("confirmations") / "region"
    tiny.write_tiny_region(folder)
    return folder


@pytest.fixture
def context(region: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppContext:
    monkeypatch.delenv("COVERAGE_GAP_BACKUPS", raising=False)
    return AppContext(region, tmp_path / "runs", store_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def store(context: AppContext, tiny: ModuleType) -> Iterator[Any]:
    """The tiny ledger: D1 was resolved by an import, D2 is on the register and T2 serves it too since 2017-03-31."""
    ledger = tiny.tiny_ledger()
    ledger = replace(
        ledger, site_districts=(*ledger.site_districts, SiteDistrict("T2", "D2", date(2017, 3, 31)))
    )
    with open_context_store(context) as opened:
        opened.load_ledger(ledger, by=ADMIN.actor, source="見本")
        yield opened


Confirm = Callable[..., None]


@pytest.fixture
def confirm(context: AppContext, store: Any) -> Confirm:
    def confirmed(principal: Principal = TOWN, district: str = "D2", **more: Any) -> None:
        stated = {"resolved_on": DAY, "site_ids": ["T2"], **more}
        confirmations.confirm(context, store, district, principal=principal, **stated)

    return confirmed


def test_a_municipality_confirms_its_own_district_with_the_site_that_resolved_it(
    context: AppContext, store: Any, confirm: Confirm
) -> None:
    (waiting,) = confirmations.to_confirm(context, store, principal=TOWN)
    assert (waiting.district_id, waiting.municipality_name) == ("D2", "見本郡東町")
    assert [(s.site_id, s.since) for s in waiting.sites] == [("T2", date(2017, 3, 31))]
    assert waiting.earliest_on == date(2017, 3, 31), "a planned site is none that serves"
    confirm(seen_version=waiting.version, note="区長と現地で確認")
    assert confirmations.to_confirm(context, store, principal=TOWN) == ()
    d2, d1 = confirmations.confirmed(context, store, principal=TOWN)
    assert (d2.district_id, d2.district.resolved_on, d2.withdrawable) == ("D2", DAY, True)
    assert (d1.district_id, d1.withdrawable) == ("D1", False)
    link = next(
        link for link in store.ledger().site_districts if (link.site_id, link.district_id) == ("T2", "D2")
    )
    assert (link.confirmed_by, link.confirmed_on) == ("higashi-cho", challenges.today())


@pytest.mark.parametrize(
    ("closed_on", "started", "named"),
    [(date(2017, 3, 1), True, []), (None, False, []), (date(2018, 1, 10), True, ["T2"])],
    ids=["ended before its day", "never dated", "ended after its day"],
)
def test_a_plan_that_was_given_up_is_not_named_as_a_site_that_serves(
    context: AppContext, tiny: ModuleType, closed_on: date | None, started: bool, named: list[str]
) -> None:
    every = tiny.tiny_ledger()
    ledger = replace(
        every,
        sites=tuple(
            replace(s, status=Status.CLOSED, closed_on=closed_on) if s.site_id == "T2" else s
            for s in every.sites
        ),
        site_operators=tuple(
            row if started or row.site_id != "T2" else replace(row, in_service_date=None)
            for row in every.site_operators
        ),
        site_districts=(*every.site_districts, SiteDistrict("T2", "D2")),
    )
    with open_context_store(context) as store:
        store.load_ledger(ledger, by=ADMIN.actor, source="見本")
        (waiting,) = confirmations.to_confirm(context, store, principal=TOWN)
        assert [s.site_id for s in waiting.sites] == named


@pytest.mark.parametrize("principal", [CITY, VIEWER, PLANNER, ANONYMOUS, TOKEN])
def test_nobody_else_confirms_or_takes_back_and_is_offered_nothing(
    context: AppContext, store: Any, confirm: Confirm, principal: Principal
) -> None:
    assert confirmations.to_confirm(context, store, principal=principal) == ()
    with pytest.raises(PermissionDeniedError):
        confirm(principal)
    with pytest.raises(PermissionDeniedError):
        confirmations.moves_of_count(context, store, "D2", resolved_on=DAY, principal=principal)
    confirm(ADMIN)
    with pytest.raises(PermissionDeniedError):
        confirmations.withdraw(context, store, "D2", principal=principal, reason="取り違え")
    listed = confirmations.confirmed(context, store, principal=principal)
    assert [(d.district_id, d.withdrawable) for d in listed] == [("D2", False), ("D1", False)]


@pytest.mark.parametrize(
    ("more", "error", "code"),
    [
        ({"resolved_on": date(2999, 4, 1)}, InputError, "confirm-in-future"),
        ({"resolved_on": date(2017, 3, 30)}, InputError, "resolved-before-service"),
        ({"resolved_on": date(2012, 3, 31), "site_ids": []}, InputError, "resolved-before-designated"),
        ({"site_ids": ["T3"]}, InputError, "site-not-serving"),
        ({"site_ids": ["T9"]}, InputError, "site-not-serving"),
        ({"district": "D9"}, NotFoundError, "district-not-found"),
        ({"district": "D1"}, ConflictError, "district-resolved"),
        ({"seen_version": 0}, EditConflictError, "edit-conflict"),
        ({"note": "連絡は 0597-12-3456"}, InputError, "text-personal"),
    ],
)
def test_a_confirmation_that_cannot_be_changes_nothing(
    store: Any, confirm: Confirm, more: dict[str, Any], error: type[CoverageGapError], code: str
) -> None:
    before = store.head()
    with pytest.raises(error) as refused:
        confirm(**more)
    assert refused.value.code == code
    assert store.head() == before


def test_a_confirmation_is_taken_back_with_a_reason_and_may_be_given_again(
    context: AppContext, store: Any, confirm: Confirm
) -> None:
    confirm()
    with pytest.raises(InputError):
        confirmations.withdraw(context, store, "D2", principal=TOWN, reason=" ")
    confirmations.withdraw(context, store, "Ｄ２", principal=TOWN, reason="地区を取り違えた")
    assert [d.district_id for d in confirmations.to_confirm(context, store, principal=TOWN)] == ["D2"]
    assert all(link.confirmed_by is None for link in store.ledger().site_districts)
    confirm(site_ids=[])
    assert [d.withdrawable for d in confirmations.confirmed(context, store, principal=TOWN)] == [True, False]


def test_what_an_import_resolved_is_not_the_municipalitys_to_take_back(
    context: AppContext, store: Any
) -> None:
    with pytest.raises(ConflictError) as refused:
        confirmations.withdraw(context, store, "D1", principal=TOWN, reason="取り違え")
    assert refused.value.code == "confirmed-elsewhere"
    with pytest.raises(NotFoundError):
        confirmations.withdraw(context, store, "D9", principal=TOWN, reason="取り違え")
    assert [
        d.district_id for d in confirmations.confirmed(context, store, principal=VIEWER, municipality=WEST)
    ] == []


def test_a_day_before_the_service_start_would_move_the_count_and_says_so(
    context: AppContext, store: Any, confirm: Confirm
) -> None:
    held = next(d for d in store.versioned(Kind.DISTRICT) if d.record.district_id == "D1")
    store.put(
        Kind.DISTRICT, {"resolved_on": None}, by=ADMIN.actor, expected_version=held.version, key=held.key
    )
    link = store.get(Kind.SITE_DISTRICT, "T2/D2")
    store.retire(Kind.SITE_DISTRICT, link.key, by=ADMIN.actor, expected_version=link.version, reason="見本")

    def moves(day: date) -> tuple[CountMove, ...]:
        return confirmations.moves_of_count(context, store, "D1", resolved_on=day, principal=TOWN)

    assert moves(date(2017, 3, 31)) == (), "on the eve of its service the district stood on the register"
    assert moves(date(2017, 3, 30)) == (CountMove(2016, 71, 70), CountMove(2017, 71, 70))
    assert store.ledger().districts[0].resolved_on is None
    confirm(district="D1", resolved_on=date(2017, 3, 30), site_ids=[])


def test_a_published_year_keeps_its_value_and_is_not_announced_to_move(
    context: AppContext, store: Any, confirm: Confirm
) -> None:
    held = next(d for d in store.versioned(Kind.DISTRICT) if d.record.district_id == "D1")
    store.put(
        Kind.DISTRICT, {"resolved_on": None}, by=ADMIN.actor, expected_version=held.version, key=held.key
    )
    link = store.get(Kind.SITE_DISTRICT, "T2/D2")
    store.retire(Kind.SITE_DISTRICT, link.key, by=ADMIN.actor, expected_version=link.version, reason="見本")

    def totals() -> dict[int, int | None]:
        counted = count(
            store.ledger(versions=True),
            rule=context.config.counting,
            fiscal_years=list(context.config.fiscal_years),
        )
        return {year.fiscal_year: year.total for year in counted.years}

    journal.publish_count(context, store, last_fy=2016, published_on=date(2017, 6, 1), principal=ADMIN)
    before, early = totals(), date(2017, 3, 30)
    told = confirmations.moves_of_count(context, store, "D1", resolved_on=early, principal=TOWN)
    confirm(district="D1", resolved_on=early, site_ids=[])
    after = totals()
    assert after[2016] == before[2016] == 71, "a frozen year keeps its printed value"
    assert told == tuple(CountMove(fy, before[fy], after[fy]) for fy in before if before[fy] != after[fy])
    assert [move.fiscal_year for move in told] == [2017]


def test_a_district_after_a_merger_belongs_to_the_present_municipality(
    region: Path, context: AppContext, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = context.config.model_copy(update={"municipality_mergers": {EAST: WEST}})
    monkeypatch.setitem(context.__dict__, "config", config)
    assert [d.district_id for d in confirmations.to_confirm(context, store, principal=CITY)] == ["D2"]
    assert confirmations.to_confirm(context, store, principal=TOWN) == ()
    confirmations.confirm(context, store, "D2", principal=CITY, resolved_on=DAY)
    with pytest.raises(PermissionDeniedError):
        confirmations.withdraw(context, store, "D2", principal=TOWN, reason="取り違え")


def test_today_may_be_confirmed_and_tomorrow_not(confirm: Confirm) -> None:
    with pytest.raises(InputError):
        confirm(resolved_on=challenges.today() + timedelta(days=1))
    confirm(resolved_on=challenges.today())


def _figures(run: RunResult) -> dict[str, Any]:
    table = run.municipalities
    rows = table[(table["fiscal_year"] == 2017) & (table["municipality_code"] == EAST)].to_dict("records")
    district = next(d for d in run.districts.to_dict("records") if d["district_id"] == "D2")
    year = next(y for y in run.count["years"] if y["fiscal_year"] == 2017)
    return {
        "confirmed": rows[0]["districts_resolved_confirmed"],
        "registered": rows[0]["districts_registered"],
        "predicted": rows[0]["districts_resolved_predicted"],
        "of the count": year["districts_resolved_confirmed"],
        "district": (district["confirmed"], district["resolved_on"], district["registered_now"]),
        "on the map": "D2" in str(run.geojson(EAST, 2017)["features"]),
    }


def test_the_next_run_tells_confirmed_districts_apart_in_figures_tables_and_downloads(
    context: AppContext, store: Any, confirm: Confirm, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _figures(compute.compute_run(context, workers=1))
    confirm()
    after = _figures(compute.compute_run(context, workers=1))
    assert (before["confirmed"], after["confirmed"]) == (1, 2)
    assert (before["registered"], after["registered"]) == (1, 0)
    assert (before["of the count"], after["of the count"]) == (1, 2)
    assert before["predicted"] == after["predicted"], "a confirmation and a prediction are never mixed"
    assert not before["district"][0]
    assert before["district"][2]
    assert after["district"] == (True, "2018-03-20", False)
    assert after["on the map"] is False
    assert before["on the map"] is True
