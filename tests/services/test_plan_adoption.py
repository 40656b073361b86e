"""What a plan may write into the ledger, and what it must leave alone."""

from __future__ import annotations

from datetime import date

import pytest
from shapely.geometry import Point

from coverage.domain.ledger import DatePrecision, District, Ledger, Site, SiteOperator, Status
from coverage.errors import InputError, PermissionDeniedError
from coverage.services.access import Principal, Role
from coverage.services.plan_adoption import adopt_plan, site_id_of
from coverage.services.scenarios import save_scenario
from coverage.store.events import Kind
from coverage.store.locate import open_store
from coverage.store.records import ImportState

ADMIN = Principal("chief", Role.ADMIN)
PLANNER = Principal("plan", Role.PLANNER)
VIEWER = Principal("guest", Role.VIEWER)


@pytest.fixture
def store(tmp_path):
    ledger = Ledger(
        sites=(Site("T1", "既設局", "99201", 33.5, 136.5, Status.IN_SERVICE),),
        site_operators=(SiteOperator("T1", "beta", date(2016, 5, 1), DatePrecision.DAY),),
        districts=(District("D1", "99201", "谷", Point(136.51, 33.51), designated_on=date(2010, 4, 1)),),
    )
    with open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as opened:
        opened.load_ledger(ledger, by=ADMIN.actor, source="test")
        yield opened


def _planned(**changes):
    site = {
        "candidate_id": "C0001", "name": "谷の高台", "source": "high-point", "lat": 33.51, "lon": 136.51,
        "municipality_code": "99201", "fiscal_year": 2020, "people": 40.0, "cost": {"total_yen": 30_000_000},
        "districts": [{"district_id": "D1", "name": "谷"}],
    }  # fmt: skip
    return site | changes


def _plan(*sites):
    request = {"operator": "alpha", "band": None, "height_m": 30.0}
    return {"plan_id": "0123456789abcdef", "run_id": "r", "request": request, "sites": list(sites)}


def test_a_planned_site_carries_its_money_year_purpose_and_districts(store):
    done = adopt_plan(store, _plan(_planned()), principal=ADMIN, accept=True)
    ledger = store.ledger()
    site = next(s for s in ledger.sites if s.site_id == done.new_sites[0] == site_id_of("0123456789abcdef", "C0001"))
    assert (site.status, site.planned_fy, site.cost_yen, site.funding, site.purpose, site.height_m, site.project_id) == (
        "計画", 2020, 30_000_000, "国補助", "居住", 30.0, None,
    )  # fmt: skip
    assert [(r.operator, r.in_service_date) for r in ledger.site_operators if r.site_id == site.site_id] == [("alpha", None)]
    assert [r.district_id for r in ledger.site_districts if r.site_id == site.site_id] == ["D1"]


def test_a_site_that_moved_on_is_not_set_back_to_planned(store):
    first = adopt_plan(store, _plan(_planned()), principal=ADMIN, accept=True)
    held = store.get(Kind.SITE, first.new_sites[0])
    store.set_status(held.key, Status.GRANT_DECIDED, on=date(2020, 6, 1), by=ADMIN.actor, expected_version=held.version)
    again = adopt_plan(store, _plan(_planned(), _planned(candidate_id="C0002", lat=33.52)), principal=ADMIN, accept=True)
    assert again.known_sites == first.new_sites
    assert len(again.new_sites) == 1
    assert store.get(Kind.SITE, first.new_sites[0]).record.status is Status.GRANT_DECIDED


def test_joining_a_standing_mast_adds_the_operator_and_no_site(store):
    joint = _planned(source="existing-mast", lat=33.5, lon=136.5)
    done = adopt_plan(store, _plan(joint), principal=ADMIN, accept=True)
    assert (done.new_sites, done.joined_sites) == ((), ("T1",))
    ledger = store.ledger()
    assert len(ledger.sites) == 1
    assert {r.operator for r in ledger.site_operators} == {"alpha", "beta"}
    assert ledger.site_districts == (), "a link would let a mast that stands count in a year long past"
    assert adopt_plan(store, _plan(joint), principal=ADMIN, accept=True).repeated


def test_a_site_beside_a_standing_one_is_asked_about(store):
    done = adopt_plan(store, _plan(_planned(lat=33.5002, lon=136.5)), principal=PLANNER)
    assert done.near == ((done.new_sites[0], "T1"),)
    assert done.state is ImportState.STAGED
    assert store.imports()[0].report["warnings"][0]["code"] == "site-near-another"


@pytest.mark.parametrize(
    ("site", "code"),
    [
        (_planned(districts=[{"district_id": "D9", "name": "山"}]), "plan-district-unknown"),
        (_planned(municipality_code=None), "plan-site-outside"),
        (_planned(source="existing-mast", lat=33.6), "plan-mast-gone"),
    ],
)
def test_a_plan_that_the_ledger_cannot_hold_is_refused_whole(store, site, code):
    with pytest.raises(InputError) as refused:
        adopt_plan(store, _plan(_planned(candidate_id="C0007"), site), principal=ADMIN, accept=True)
    assert refused.value.code == code
    assert len(store.ledger().sites) == 1


def test_only_an_administrator_accepts_and_a_viewer_hands_nothing_in(store):
    with pytest.raises(PermissionDeniedError):
        adopt_plan(store, _plan(_planned()), principal=PLANNER, accept=True)
    with pytest.raises(PermissionDeniedError):
        adopt_plan(store, _plan(_planned()), principal=VIEWER)
    with pytest.raises(PermissionDeniedError):
        save_scenario(None, store, "案", "x", principal=VIEWER)
    assert store.imports() == ()
