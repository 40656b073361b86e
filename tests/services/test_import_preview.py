"""What an upload would do to the count: the real counting on the ledger as it would be, year by year, with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import shapely

from coverage.domain.ledger import District, Funding, Purpose, Site, SiteDistrict, SiteOperator, Status
from coverage.errors import PermissionDeniedError
from coverage.services import import_preview
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext
from coverage.services.import_preview import preview, undo_preview
from coverage.services.ledger import load_tables_into_store
from coverage.services.ledger_checks import looks_like_tokyo, with_ledger_checks
from coverage.services.stores import open_context_store
from coverage.store.events import Change, change_of
from coverage.store.protocol import Store
from coverage.uploads.report import Report

PROJECT = Path(__file__).resolve().parents[2]
ADMIN = Principal("kanri", Role.ADMIN)


@pytest.fixture
def context(tmp_path: Path) -> AppContext:
    made = AppContext(PROJECT / "data", tmp_path, store_url=str(tmp_path / "ledger.sqlite"))
    load_tables_into_store(made, ADMIN)
    return made


@pytest.fixture
def store(context: AppContext) -> Iterator[Store]:
    with open_context_store(context) as opened:
        yield opened


def site(
    store: Store, number: int, *, status: Status = Status.IN_SERVICE, day: date | None = date(2020, 3, 20)
) -> list[Change]:
    """A new site for a district that stands on the register, far enough from any other."""
    district = next(d for d in store.ledger().districts if d.resolved_on is None and not d.declined)
    own = f"N-{number}"
    point = shapely.point_on_surface(district.geometry)
    new = Site(
        own, f"新{number}局", district.municipality_code, point.y + number * 0.002, point.x, status,
        funding=Funding.NATIONAL_SUBSIDY, purpose=Purpose.RESIDENTIAL,
    )  # fmt: skip
    return [
        change_of(new),
        change_of(SiteOperator(own, "m1", day)),
        change_of(SiteDistrict(own, district.district_id)),
    ]


def test_each_year_and_municipality_moves_by_what_newly_counts(context: AppContext, store: Store) -> None:
    difference = preview(context, store, [*site(store, 1), *site(store, 2)], principal=ADMIN)
    own = [m for m in difference.movements() if m.own]
    assert [(m.fiscal_year, m.after - m.before, m.increase) for m in own if m.after and m.before] == [
        (2019, 2, 2)
    ]
    assert [v.site_id for v in own[0].gained] == ["N-1", "N-2"]
    ((code, before, after),) = own[0].by_municipality
    assert after - before == 2
    assert code == next(
        d.municipality_code for d in store.ledger().districts if d.resolved_on is None and not d.declined
    )
    later = [m for m in difference.movements() if not m.own]
    assert all(m.after is None or m.before is None or m.after - m.before == 2 for m in later)


def test_operators_on_one_mast_count_once_and_are_named(context: AppContext, store: Store) -> None:
    changes = [*site(store, 1), change_of(SiteOperator("N-1", "m2", date(2021, 5, 1)))]
    difference = preview(context, store, changes, principal=ADMIN)
    assert [m.increase for m in difference.movements() if m.own] == [1]
    assert difference.shared == {"N-1": 2}


def test_sites_that_do_not_count_say_why(context: AppContext, store: Store) -> None:
    planned = site(store, 1, status=Status.PLANNED, day=None)
    without_district = site(store, 2)[:2]
    difference = preview(context, store, [*planned, *without_district], principal=ADMIN)
    assert [m for m in difference.movements() if m.own] == []
    assert {v.site_id: v.code.value for v in difference.not_counted()} == {
        "N-1": "not-in-service",
        "N-2": "no-district",
    }


def test_the_preview_is_what_the_acceptance_brings_about(context: AppContext, store: Store) -> None:
    changes = site(store, 1)
    promised = preview(context, store, changes, principal=ADMIN)
    store.stage_import(
        changes, by=ADMIN.actor, table_name="sites", file_name="x.csv", content=b"x", accept=True
    )
    kept = preview(context, store, changes, principal=ADMIN)
    assert kept.comparison.changes_nothing
    assert [y.total for y in kept.before.years] == [y.total for y in promised.after.years]


def test_a_long_list_is_tried_on_a_copy_with_the_same_result(
    context: AppContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [*site(store, 1), *site(store, 2)]
    in_place = preview(context, store, changes, principal=ADMIN)
    head = store.head()
    monkeypatch.setattr(import_preview, "TRIED_IN_PLACE", 0)
    # Without its own trial the store can only have been asked for a copy, and laid the changes once.
    for door in ("trial", "ledger_with", "compare"):
        monkeypatch.setattr(store, door, None)
    copied = preview(context, store, changes, principal=ADMIN)
    assert copied.movements() == in_place.movements()
    assert copied.places == in_place.places
    assert copied.comparison == in_place.comparison
    assert store.head() == head


@pytest.mark.parametrize("in_place", [True, False])
def test_taking_back_is_foreseen_as_it_comes_about(
    context: AppContext, store: Store, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    changes = [*site(store, 1), *site(store, 2)]
    promised = preview(context, store, changes, principal=ADMIN)
    accepted = store.stage_import(
        changes, by=ADMIN.actor, table_name="sites", file_name="x.csv", content=b"x", accept=True
    )
    record = next(r for r in store.imports() if r.import_id == accepted.import_id)
    if not in_place:
        monkeypatch.setattr(import_preview, "TRIED_IN_PLACE", 0)
        monkeypatch.setattr(store, "ledger_without", None)
    head = store.head()
    back = undo_preview(context, store, record, principal=ADMIN)
    assert store.head() == head
    assert (back.before, back.after) == (promised.after, promised.before)
    (own,) = (m for m in back.movements() if m.own)
    assert (own.fiscal_year, own.increase, own.gone) == (2019, -2, ("N-1", "N-2"))
    assert {back.names[site_id] for site_id in own.gone} == {"新1局", "新2局"}
    assert [(p.key, p.state) for p in back.places if p.kind == "site"] == [("N-1", "removed"), ("N-2", "removed")]
    store.undo_import(record.import_id, by=ADMIN.actor, reason="試験")
    again = preview(context, store, changes, principal=ADMIN)
    assert [y.total for y in again.before.years] == [y.total for y in back.after.years]


def test_taking_back_a_correction_names_what_counts_again(context: AppContext, store: Store) -> None:
    first = site(store, 1)
    store.stage_import(first, by=ADMIN.actor, table_name="sites", file_name="a.csv", content=b"a", accept=True)
    wrong = store.stage_import(
        site(store, 1, status=Status.PLANNED, day=None), by=ADMIN.actor, table_name="sites", file_name="b.csv",
        content=b"b", accept=True,
    )  # fmt: skip
    record = next(r for r in store.imports() if r.import_id == wrong.import_id)
    (own,) = (m for m in undo_preview(context, store, record, principal=ADMIN).movements() if m.own)
    assert (own.increase, [v.site_id for v in own.gained], own.gone) == (1, ["N-1"], ())


def test_only_who_may_take_back_sees_what_that_would_do(context: AppContext, store: Store) -> None:
    accepted = store.stage_import(
        site(store, 1), by=ADMIN.actor, table_name="sites", file_name="x.csv", content=b"x", accept=True
    )
    record = next(r for r in store.imports() if r.import_id == accepted.import_id)
    with pytest.raises(PermissionDeniedError):
        undo_preview(context, store, record, principal=Principal("shi", Role.MUNICIPALITY, frozenset({"99301"})))


def test_a_preview_keeps_the_first_differences_and_counts_all(
    context: AppContext, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = store.ledger().sites[0]
    changes = [change_of(held), *site(store, 1), *site(store, 2)]
    every = store.compare(changes)
    monkeypatch.setattr(import_preview, "KEPT", 2)
    kept = preview(context, store, changes, principal=ADMIN).comparison
    assert [d.key for d in kept.differences] == [d.key for d in every.differences[1:3]]
    assert kept.counts == every.counts
    assert kept.counts["site"] == {"new": 2, "changed": 0, "unchanged": 1}
    assert not kept.changes_nothing
    assert store.compare(changes[:1]).first(2).changes_nothing


def test_places_are_new_moved_and_where_they_were(context: AppContext, store: Store) -> None:
    old = store.ledger().sites[0]
    moved = Change(change_of(old).kind, {"site_id": old.site_id, "lat": old.lat + 0.004, "lon": old.lon})
    district = District("N-D1", old.municipality_code, "新地区", shapely.Point(old.lon, old.lat))
    difference = preview(context, store, [*site(store, 1)[:1], moved, change_of(district)], principal=ADMIN)
    found = {(p.kind, p.key): p for p in difference.places}
    assert found["site", "N-1"].state == "new"
    assert (found["site", old.site_id].state, found["site", old.site_id].before) == (
        "moved",
        (old.lat, old.lon),
    )
    assert found["district", "N-D1"].state == "new"
    assert len(found) == 3


def test_who_may_not_see_uploads_sees_no_preview(context: AppContext, store: Store) -> None:
    with pytest.raises(PermissionDeniedError):
        preview(context, store, site(store, 1), principal=ANONYMOUS)


def row(number: int, site_id: str, lat: float, lon: float, **more: object) -> dict[str, object]:
    return {
        "row": number,
        "site_id": site_id,
        "lat": lat,
        "lon": lon,
        "municipality_code": None,
        "districts_served": [],
        **more,
    }


def test_a_new_site_without_a_municipality_spoils_its_row_and_not_the_file(store: Store) -> None:
    known = store.ledger()
    old = known.sites[0]
    report = Report(
        rows=[
            row(0, old.site_id, old.lat, old.lon),
            row(1, "N-1", 30.0, 140.0),
            row(2, "N-2", 33.7, 136.5, municipality_code="99201"),
        ],
        other_rows=[{"row": 1, "line": 3, "cells": {"局番": "N-1"}}],
    )
    checked = with_ledger_checks(report, "sites", locate=lambda lat, lon: None, known=known)
    assert [r["site_id"] for r in checked.rows] == [old.site_id, "N-2"]
    assert [(e.code, e.row) for e in checked.errors] == [("municipality-unknown", 1)]
    assert checked.bad_rows == [{"row": 1, "line": 3, "cells": {"局番": "N-1"}}]
    assert len(report.rows) == 3


def test_names_that_the_ledger_does_not_know_are_warned_of(store: Store) -> None:
    known = store.ledger()
    report = Report(rows=[{"row": 0, "site_id": "?-1", "district_id": known.districts[0].district_id}])
    assert [
        w.code for w in with_ledger_checks(report, "site_districts", locate=None, known=known).warnings
    ] == ["site-not-in-ledger"]
    served = Report(rows=[row(0, known.sites[0].site_id, 33.7, 136.5, districts_served=["?-9"])])
    codes = [w.code for w in with_ledger_checks(served, "sites", locate=None, known=known).warnings]
    assert "district-not-in-ledger" in codes


def test_the_tokyo_datum_shows_in_sites_that_the_ledger_knows_and_only_there(store: Store) -> None:
    from pyproj import Transformer

    known = store.ledger()
    to_tokyo = Transformer.from_crs(4326, 4301, always_xy=True)
    shifted = []
    for i, held in enumerate(known.sites[:6]):
        lon, lat = to_tokyo.transform(held.lon, held.lat)
        shifted.append(row(i, held.site_id, lat, lon))
    assert looks_like_tokyo(Report(rows=shifted), known) == 6
    as_they_are = [row(i, s.site_id, s.lat, s.lon) for i, s in enumerate(known.sites[:6])]
    assert looks_like_tokyo(Report(rows=as_they_are), known) == 0
    elsewhere = [row(i, s.site_id, s.lat - 0.004, s.lon) for i, s in enumerate(known.sites[:6])]
    assert looks_like_tokyo(Report(rows=elsewhere), known) == 0
    assert looks_like_tokyo(Report(rows=[row(0, "N-1", 33.7, 136.5)]), known) == 0
