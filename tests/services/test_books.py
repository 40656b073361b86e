"""Actuals and the journal: shown before, receipted after, undone as new events, and never past a colleague's change."""

from __future__ import annotations

from datetime import date

import pytest

from coverage.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError
from coverage.services import books, journal
from coverage.services.access import Principal, Role
from coverage.services.books import ActualEntry
from coverage.services.context import AppContext
from coverage.services.coverage_example import coverage_example
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import EditConflictError

ADMIN = Principal("管理 花子", Role.ADMIN)
OTHER = Principal("別の管理者", Role.ADMIN)
PLANNER = Principal("plan", Role.PLANNER)
ENTRY = ActualEntry("40602", 2016, 81.5, "評価報告書", date(2017, 5, 1))


@pytest.fixture
def place(tiny, tmp_path):
    tiny.write_tiny_region(tmp_path / "region")
    context = AppContext(tmp_path / "region", tmp_path / "runs", store_url=str(tmp_path / "ledger.sqlite"))
    load_tables_into_store(context, ADMIN)
    with open_context_store(context) as store:
        yield context, store


@pytest.fixture
def sheet(place):
    found = books.sheet_of(place[0])
    assert found is not None
    return found


def _enter(store, sheet, entry=ENTRY, *, version=0, by=ADMIN, note="監査で確定"):
    return books.enter_actual(store, sheet, entry, expected_version=version, note=note, principal=by)


def test_an_actual_is_shown_before_recorded_and_undone(place, sheet):
    context, store = place
    before, after = books.preview_actual(context, store, sheet, ENTRY)
    assert (before.actual, after.actual, after.source, after.achievement_text) == (
        None,
        81.5,
        "decided",
        "1.00",
    )
    assert books.actual_state(context, store, sheet, "40602", 2016).entered is None
    receipt = _enter(store, sheet)
    state = books.actual_state(context, store, sheet, "40602", 2016)
    assert (state.entered.value, state.version, state.cell.actual) == (81.5, receipt.events[0].version, 81.5)
    assert store.history(Kind.ACTUAL, books.actual_key("40602", 2016))[-1].reason == "監査で確定"
    _enter(store, sheet, ActualEntry("40602", 2016, 79.0, "訂正版"), version=state.version)
    changed = books.actual_state(context, store, sheet, "40602", 2016)
    assert (changed.cell.source, changed.cell.met) == ("reported", False)
    books.undo_actual(store, "40602", 2016, expected_version=changed.version, principal=ADMIN)
    back = books.actual_state(context, store, sheet, "40602", 2016)
    assert (back.entered.value, back.entered.decided_on) == (81.5, date(2017, 5, 1))


def test_undoing_the_first_entry_takes_it_out_and_it_can_be_entered_anew(place, sheet):
    context, store = place
    receipt = _enter(store, sheet)
    books.undo_actual(store, "40602", 2016, expected_version=receipt.events[0].version, principal=ADMIN)
    state = books.actual_state(context, store, sheet, "40602", 2016)
    assert (state.entered, state.version) == (None, 0)
    with pytest.raises(NotFoundError):
        books.undo_actual(store, "40602", 2016, expected_version=0, principal=ADMIN)
    _enter(store, sheet, version=0)
    assert books.actual_state(context, store, sheet, "40602", 2016).entered.value == 81.5


def test_the_slower_of_two_is_told_who_was_faster_and_nothing_is_lost(place, sheet):
    context, store = place
    _enter(store, sheet, by=OTHER)
    with pytest.raises(EditConflictError, match="別の管理者"):
        _enter(store, sheet, ActualEntry("40602", 2016, 70.0, "別の資料"), version=0)
    assert books.actual_state(context, store, sheet, "40602", 2016).entered.value == 81.5


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (ActualEntry("40602", 2016, -1.0, "x"), "actual-out-of-range"),
        (ActualEntry("40602", 2016, float("nan"), "x"), "actual-out-of-range"),
        (ActualEntry("40602", 2016, 81.55, "x"), "actual-too-fine"),
        (ActualEntry("40604", 2016, 71.5, "x"), "actual-too-fine"),
        (ActualEntry("40602", 2016, 81.5, "  "), "actual-without-source"),
        (ActualEntry("40602", 1999, 81.5, "x"), "fiscal-year-not-in-sheet"),
        (ActualEntry("99999", 2016, 81.5, "x"), "indicator-not-found"),
    ],
)
def test_values_that_cannot_be_are_refused(place, sheet, entry, code):
    with pytest.raises((InputError, NotFoundError)) as refused:
        _enter(place[1], sheet, entry)
    assert refused.value.code == code
    assert place[1].records(Kind.ACTUAL) == ()


def test_only_administrators_edit_actuals_and_the_journal(place, sheet):
    store = place[1]
    with pytest.raises(PermissionDeniedError):
        _enter(store, sheet, by=PLANNER)
    with pytest.raises(PermissionDeniedError):
        books.undo_actual(store, "40602", 2016, expected_version=0, principal=PLANNER)
    with pytest.raises(PermissionDeniedError):
        books.undo_opening(store, 2015, principal=PLANNER)
    with pytest.raises(PermissionDeniedError):
        books.undo_restatement(store, "x", reason="x", principal=PLANNER)
    with pytest.raises(PermissionDeniedError):
        books.entries(store, principal=Principal("guest", Role.VIEWER))


def _totals(moves):
    return {m.fiscal_year: (m.before, m.after) for m in moves}


def test_another_opening_balance_moves_the_series_and_is_undone(place):
    context, store = place
    moves = _totals(books.preview_opening(context, store, 2015, 68, source="引継ぎ資料", decided_on=None))
    assert moves[2015] == (70, 68)
    assert moves[2016] == (71, 69)
    journal.set_opening(store, 2015, 68, source="引継ぎ資料", decided_on=None, principal=ADMIN)
    assert _totals(books.preview_opening(context, store, 2015, 68, source="引継ぎ資料", decided_on=None))[
        2016
    ] == (69, 69)
    books.undo_opening(store, 2015, principal=ADMIN)
    assert store.records(Kind.OPENING_BALANCE)[0].value == 70
    with pytest.raises(ConflictError):
        books.undo_opening(store, 2014, principal=ADMIN)


def test_a_historical_site_is_allocated_without_moving_the_total_and_taken_back(place):
    context, store = place
    # T1 serves since 2010, before the opening year's end; its tags and its district say now that it belongs to the count.
    store.put(Kind.SITE, {"site_id": "T1", "funding": "県単独"}, by=ADMIN.actor, expected_version=1, key="T1")
    (held,) = [d for d in store.versioned(Kind.DISTRICT) if d.record.district_id == "D2"]
    designated = {"district_id": "D2", "designated_on": date(2008, 4, 1)}
    store.put(Kind.DISTRICT, designated, by=ADMIN.actor, expected_version=held.version, key=held.key)
    store.put(Kind.SITE_DISTRICT, {"site_id": "T1", "district_id": "D2"}, by=ADMIN.actor, expected_version=0)
    candidates = books.allocatable_sites(context, store)
    assert candidates == [("T1", "西局")]
    assert not any(m.moves for m in books.preview_allocation(context, store, "T1"))
    journal.allocate(store, "T1", principal=ADMIN, reason="昭和の台帳")
    (held,) = books.allocated_sites(store)
    assert books.allocatable_sites(context, store) == []
    books.undo_allocation(store, held, reason="誤り", principal=ADMIN)
    assert books.allocated_sites(store) == []


def test_a_restatement_is_answered_by_its_opposite_once(place):
    context, store = place
    moves = _totals(books.preview_restatement(context, store, 2016, -1, reason="二重計上", principal=ADMIN))
    assert moves[2015] == (70, 70)
    assert moves[2016] == (71, 70)
    receipt = journal.restate(store, 2016, -1, reason="二重計上", principal=ADMIN)
    books.undo_restatement(store, receipt.key, reason="確認の結果、正しかった", principal=ADMIN)
    assert sum(r.amount for r in store.records(Kind.RESTATEMENT)) == 0
    with pytest.raises(ConflictError, match="already"):
        books.undo_restatement(store, receipt.key, reason="もう一度", principal=ADMIN)
    with pytest.raises(NotFoundError):
        books.undo_restatement(store, "nothing", reason="x", principal=ADMIN)
    listed = books.entries(store, principal=PLANNER)
    assert [(e["kind"], e["by"]) for e in listed][:2] == [
        ("restatement", "管理 花子"),
        ("restatement", "管理 花子"),
    ]


def test_what_is_frozen_is_shown_first_and_then_is_what_was_shown(place):
    context, store = place
    shown = books.preview_freeze(context, store, 2016)
    assert (shown.value, shown.already, shown.frozen, shown.site_ids) == (71, False, (), ("T2",))
    done = journal.publish_count(context, store, last_fy=2016, published_on=date(2017, 6, 1), principal=ADMIN)
    assert {f"count/{fy}": value for fy, value in shown.series} == dict(done.values)
    again = books.preview_freeze(context, store, 2016)
    assert (again.already, again.frozen) == (True, (2016,))
    # A correction of a published year is taken up by the first open one.
    moves = _totals(books.preview_restatement(context, store, 2016, -1, reason="訂正", principal=ADMIN))
    assert moves[2016] == (71, 71)
    assert moves[2017] == (71, 70)


def test_a_year_that_still_runs_is_told_apart_until_its_31_march_is_over(place, monkeypatch):
    context, store = place
    for day, unfinished in ((date(2017, 3, 31), True), (date(2017, 4, 1), False)):
        monkeypatch.setattr(journal, "today", lambda day=day: day)
        assert books.preview_freeze(context, store, 2016).unfinished is unfinished


def test_the_worked_example_is_the_runs_own_arithmetic(place):
    from coverage.services import compute

    context, _ = place
    run = compute.compute_run(context, workers=1)
    example = coverage_example(run)
    assert example is not None
    assert [one.definition for one in example.worked] == ["area", "half_mesh", "cell"]
    table = run.municipalities
    row = table[
        (table["municipality_code"] == example.code) & (table["fiscal_year"] == example.fiscal_year)
    ].iloc[0]
    for one in example.worked:
        assert one.coverage == pytest.approx(row[f"coverage_{one.definition}"], abs=1e-5)
        assert one.served + one.unserved + one.unknown == pytest.approx(row["population"])
    others = table[
        (table["fiscal_year"] == example.fiscal_year) & (table["municipality_code"] != run.region_code)
    ]
    spreads = others[["coverage_area", "coverage_half_mesh", "coverage_cell"]].agg(
        lambda r: r.max() - r.min(), axis=1
    )
    own = [one.coverage for one in example.worked]
    assert max(own) - min(own) == pytest.approx(spreads.max(), abs=1e-5)
    assert coverage_example(run, 2016).fiscal_year == 2016
