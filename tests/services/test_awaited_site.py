"""A site whose service day is still to come is nobody's but those who may see plans, though the ledger calls it 供用中."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from coverage.domain.ledger import SiteOperator
from coverage.report.map_sites import public_site_ids, site_records
from coverage.services import books, compute, figures, home, journal, ledger, plan_baseline
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext
from coverage.services.import_preview import preview
from coverage.services.map_pages import map_page
from coverage.services.place_files import place_file
from coverage.services.place_search import find_places
from coverage.services.plan_ground import prepare
from coverage.services.plan_request import PlanRequest
from coverage.services.run_publication import RUN_SUBJECT
from coverage.services.stores import open_context_store
from coverage.store.events import change_of

ADMIN = Principal("kanri", Role.ADMIN)
OWN = Principal("shi", Role.MUNICIPALITY, frozenset({"99301"}))
OTHER = Principal("shi2", Role.MUNICIPALITY, frozenset({"99201"}))
BEFORE, ON = date(2017, 3, 30), date(2017, 3, 31)
"""T2 (谷局) starts on 31 March 2017: within the fiscal year whose end the run looks at."""


@pytest.fixture(params=["store", "tables"])
def place(request: pytest.FixtureRequest, tiny: Any, tmp_path: Path) -> AppContext:
    region = tiny.write_tiny_region(tmp_path / "region")
    store = str(tmp_path / "ledger.sqlite") if request.param == "store" else None
    context = AppContext(region, tmp_path / "runs", store_url=store)
    if store is not None:
        ledger.load_tables_into_store(context, ADMIN)
    return context


def _run_on(context: AppContext, day: date, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(ledger, "today", lambda: day)
    return compute.publish_run(context, compute.compute_run(context, workers=1).run_id, principal=ADMIN)


def test_before_its_day_it_is_a_plan_everywhere_and_on_its_day_it_is_public(
    place: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run_on(place, BEFORE, monkeypatch)
    assert run.meta["awaited"] == {"T2": "2017-03-31"}
    public = list((run.folder / "geojson").rglob("*.geojson")) + [
        run.folder / "tables" / f"{name}.csv"
        for name in ("districts", "municipalities", "indicators", "operators")
    ]
    assert not [p for p in public if "T2" in p.read_text(encoding="utf-8-sig")]
    assert public_site_ids(run) == {"T1"}
    for principal, sees in ((ANONYMOUS, False), (OTHER, False), (OWN, True), (ADMIN, True)):
        assert ('"T2"' in map_page(run, "ja", principal, plans=True)) is sees
        assert (find_places(place, run, "谷局", principal=principal, plans=True)["total"] == 1) is sees
    assert '"T2"' not in map_page(run, "ja", ADMIN)
    document = json.loads(place_file(run, "99301", "geojson", principal=OWN, plans=True).content)
    plans = {
        f["properties"]["site_id"]: f["properties"]
        for f in document["features"]
        if f["properties"]["kind"] == "planned_site"
    }
    assert set(plans) == {"T2", "T3"}
    assert (plans["T2"]["status"], plans["T2"]["planned_fy"]) == ("工事中", 2016)
    totals = {y["fiscal_year"]: y["total"] for y in run.count["years"]}
    assert totals[2016] == 70
    assert figures.count_series(place, fiscal_years="2016..2016").year(2016).total == 70

    later = _run_on(place, ON, monkeypatch)
    assert later.run_id != run.run_id
    assert "awaited" not in later.meta
    assert public_site_ids(later) == {"T1", "T2"}
    assert "T2" in {s["id"] for s in site_records(later, "ja", plans=False)}
    assert {y["fiscal_year"]: y["total"] for y in later.count["years"]}[2016] == 71
    assert figures.count_series(place, fiscal_years="2016..2016").year(2016).total == 71
    if place.store_url is None:
        # A day on which nothing begins makes no other run. (A ledger moved on: the publication is written in it.)
        joined = _run_on(place, date(2017, 4, 1), monkeypatch)
        assert _run_on(place, date(2017, 4, 10), monkeypatch).run_id == joined.run_id
    else:
        with open_context_store(place) as store:
            first, second = reversed(store.publications(subject=RUN_SUBJECT))
            assert (first.values["count/2016"], second.values["count/2016"]) == (70, 71)
            for kept in (first, second):
                assert journal.verify_publication(store, kept.publication_id, principal=ADMIN).ok


def test_an_operator_who_joins_a_public_mast_is_a_plan_until_its_day(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = tiny.tiny_ledger()
    joins = SiteOperator("T1", "m2", ON, frequency_mhz=2100.0, bandwidth_mhz=20.0, eirp_dbm=20.0)
    place = AppContext(
        tiny.write_tiny_region(
            tmp_path / "region", replace(every, site_operators=(*every.site_operators, joins))
        ),
        tmp_path / "runs",
    )

    def shown(run: Any) -> tuple[list[str], list[str]]:
        (mast,) = [s for s in site_records(run, "ja", plans=False) if s["id"] == "T1"]
        features = json.loads(place_file(run, "99201", "geojson", principal=ANONYMOUS).content)["features"]
        (told,) = [f["properties"]["operators"] for f in features if f["id"] == "site-T1"]
        return [o["id"] for o in mast["operators"]], told

    before = _run_on(place, BEFORE, monkeypatch)
    assert before.meta["joining"] == {"T1": "2017-03-31"}
    assert shown(before) == (["m1"], ["m1"])
    document = json.loads(place_file(before, "99201", "geojson", principal=OTHER, plans=True).content)
    plans = [f["properties"] for f in document["features"] if f["properties"]["kind"] == "planned_site"]
    assert [(p["site_id"], p["operators"]) for p in plans] == [("T1", ["m2"])]
    monkeypatch.setattr(home, "today", lambda: ON)
    # T2, which is awaited, and who joins T1.
    assert home.freshness(place, before, ANONYMOUS).begun == 2

    later = _run_on(place, ON, monkeypatch)
    assert later.run_id != before.run_id
    assert shown(later) == (["m1", "m2"], ["m1", "m2"])


def test_pages_say_that_its_day_has_come_though_nobody_touched_the_ledger(
    place: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run_on(place, BEFORE, monkeypatch)
    monkeypatch.setattr(home, "today", lambda: BEFORE)
    assert not home.freshness(place, run, ADMIN).changed
    monkeypatch.setattr(home, "today", lambda: ON)
    for principal in (ADMIN, ANONYMOUS):
        fresh = home.freshness(place, run, principal)
        assert (fresh.changed, fresh.begun, fresh.last) == (True, 1, None)
    # The page becomes __main__, which pools of later tests would run again in their workers.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(place.region_folder))
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(place.runs_folder))
    monkeypatch.delenv("COVERAGE_GAP_STORE", raising=False)
    if place.store_url is not None:
        monkeypatch.setenv("COVERAGE_GAP_STORE", place.store_url)
    # 進捗 says nothing about staleness where the ledger is files.
    for page in ("home", "manage_runs", *(() if place.store_url is None else ("progress",))):
        test = AppTest.from_function(_page, default_timeout=30, args=(page,)).run()
        assert not test.exception
        said = "".join(e.proto.body for e in test.get("html"))
        assert "供用開始日を、1 局が迎えました" in said, page


@pytest.mark.parametrize("place", ["store"], indirect=True)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_site_that_began_does_not_hide_that_the_ledger_was_changed(
    place: AppContext, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    run = _run_on(place, BEFORE, monkeypatch)
    with open_context_store(place) as store:
        store.restate(2016, -1, reason="二重計上", by=ADMIN.actor)
    monkeypatch.setattr(home, "today", lambda: ON)
    fresh = home.freshness(place, run, ADMIN)
    assert (fresh.changes, fresh.begun) == (1, 1)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(place.region_folder))
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(place.runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_STORE", str(place.store_url))
    changed = {
        "ja": ("1 回変わりました", "1 回変更され", "1 回変更され"),
        "en": (": 1 (last on ", "changed 1 times", "changed 1 times"),
    }[lang]
    begun = {"ja": "供用開始日を、1 局が迎えました", "en": " Sites whose service day has come"}[lang]
    for page, words in zip(("home", "manage_runs", "progress"), changed, strict=True):
        test = AppTest.from_function(_page, default_timeout=30, args=(page,))
        test.query_params["lang"] = lang
        said = "".join(e.proto.body for e in test.run().get("html"))
        assert not test.exception
        assert words in said, page
        assert begun in said, page


@pytest.mark.parametrize("place", ["store"], indirect=True)
def test_the_ledgers_count_beside_the_published_one_is_that_of_the_day(
    place: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run_on(place, BEFORE, monkeypatch)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(place.region_folder))
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(place.runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_STORE", str(place.store_url))

    def said(day: date) -> str:
        monkeypatch.setattr(ledger, "today", lambda: day)
        monkeypatch.setattr(home, "today", lambda: day)
        test = AppTest.from_function(_page, default_timeout=30, args=("progress",)).run()
        assert not test.exception
        return "".join(e.proto.body for e in test.get("html"))

    moved = "累計は 71 基（公開中 70 基）"
    assert moved not in said(BEFORE)
    assert moved in said(ON)


def _page(name: str) -> None:
    import importlib

    from coverage.web import frame

    shown = importlib.import_module(f"coverage.web.views.{name}").show
    if name == "manage_runs":
        shown(frame.open_view())
    else:
        frame.render(frame.open_view(), shown)


def test_a_plan_on_a_run_of_before_its_day_does_not_serve_its_people_again(
    place: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run_on(place, BEFORE, monkeypatch)
    assert run.ahead == {"T2": ON}
    asked = PlanRequest(sites=1, baseline="decided")
    for day in (BEFORE, ON, date(2017, 4, 1)):
        monkeypatch.setattr(ledger, "today", lambda day=day: day)
        monkeypatch.setattr(plan_baseline, "today", lambda day=day: day)
        now = AppContext(place.region_folder, place.runs_folder, store_url=place.store_url)
        ground = prepare(now, run, asked, workers=1, progress=lambda *_: None)
        assert [d.site.site_id for d in ground.decided] == ["T2"], day
        assert ground.demand.people.sum() == pytest.approx(11), day


def test_an_upload_of_such_a_site_announces_no_count(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "today", lambda: BEFORE)
    context = AppContext(
        tiny.write_tiny_region(tmp_path / "region", tiny.without(tiny.tiny_ledger(), "T2")),
        tmp_path / "runs",
        store_url=str(tmp_path / "ledger.sqlite"),
    )
    ledger.load_tables_into_store(context, ADMIN)
    every = tiny.tiny_ledger()
    records = [*every.sites, *every.site_operators, *every.site_districts]
    changes = [change_of(record, row=0) for record in records if record.site_id == "T2"]
    with open_context_store(context) as store:
        early = preview(context, store, changes, principal=ADMIN)
        assert [m for m in early.movements() if m.own] == []
        assert {v.site_id: v.code.value for v in early.not_counted()} == {"T2": "not-in-service"}
        monkeypatch.setattr(ledger, "today", lambda: ON)
        (moved,) = [m for m in preview(context, store, changes, principal=ADMIN).movements() if m.own]
        assert (moved.fiscal_year, moved.before, moved.after) == (2016, 70, 71)


def test_a_year_is_not_published_with_a_site_that_is_still_to_come(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = AppContext(
        tiny.write_tiny_region(tmp_path / "region"),
        tmp_path / "runs",
        store_url=str(tmp_path / "ledger.sqlite"),
    )
    ledger.load_tables_into_store(context, ADMIN)
    monkeypatch.setattr(journal, "today", lambda: BEFORE)
    monkeypatch.setattr(ledger, "today", lambda: BEFORE)
    with open_context_store(context) as store:
        assert books.preview_freeze(context, store, 2016).series[-1] == (2016, 70)
        kept = journal.publish_count(context, store, last_fy=2016, published_on=BEFORE, principal=ADMIN)
        assert kept.values["count/2016"] == 70
        assert journal.verify_publication(store, kept.publication.publication_id, principal=ADMIN).ok
