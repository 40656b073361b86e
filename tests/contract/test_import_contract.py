"""Uploads are staged, accepted, returned and undone as a whole; the same on SQLite and PostGIS."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import shapely

from coverage.domain.ledger import Actual, DatePrecision, District, Site, SiteDistrict, SiteOperator, Status
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.store.events import Change, Kind, change_of
from coverage.store.protocol import Actor, EditConflictError, ImportReceipt
from coverage.store.records import ImportState

PLANNER = Actor("tanaka", "planner")
ADMIN = Actor("sato", "admin")


def _site(number: int, **more: Any) -> Site:
    values: dict[str, Any] = {"status": Status.IN_SERVICE, "height_m": 30.0, **more}
    return Site(f"T-{number:03d}", f"局{number}", "24209", 34.0 + number / 1000, 136.2, **values)


def _list(*numbers: int, operator: str = "docomo", **more: Any) -> list[Change]:
    changes = []
    for row, number in enumerate(numbers):
        changes.append(change_of(_site(number, **more), row=row))
        changes.append(change_of(SiteOperator(f"T-{number:03d}", operator, date(2018, 3, 31)), row=row))
    return changes


def _stage(store: Any, changes: list[Change], *, content: bytes = b"list 1", **more: Any) -> ImportReceipt:
    more.setdefault("by", PLANNER)
    receipt: ImportReceipt = store.stage_import(
        changes, table_name="sites", file_name="基地局一覧.csv", content=content, **more
    )
    return receipt


def _names(store: Any) -> list[str]:
    return [s.name for s in store.records(Kind.SITE)]


def test_a_staged_upload_changes_nothing_until_it_is_accepted(store: Any) -> None:
    staged = _stage(store, _list(1, 2), report={"verdict": "accept"}, mapping={"axes": "lat-lon"})
    assert (staged.state, staged.events, staged.repeated) == (ImportState.STAGED, (), False)
    assert staged.counts["site"] == {"new": 2, "changed": 0, "unchanged": 0}
    assert store.ledger().sites == ()
    accepted = store.commit_import(staged.import_id, by=ADMIN)
    assert accepted.state is ImportState.ACCEPTED
    assert [(e.kind, e.key, e.version) for e in accepted.events] == [
        (Kind.SITE, "T-001", 1),
        (Kind.SITE, "T-002", 1),
        (Kind.SITE_OPERATOR, "T-001/docomo/", 1),
        (Kind.SITE_OPERATOR, "T-002/docomo/", 1),
    ]
    assert store.import_events(staged.import_id) == accepted.events
    assert _names(store) == ["局1", "局2"]
    record = store.imports()[0]
    assert (record.state, record.submitted_by, record.decided_by) == (ImportState.ACCEPTED, "tanaka", "sato")
    assert (record.report, record.mapping) == ({"verdict": "accept"}, {"axes": "lat-lon"})
    assert (record.file_name, record.file_bytes) == ("基地局一覧.csv", 6)
    assert store.content(record.file_sha256) == b"list 1"


def test_upload_state_and_audit_row_are_one_transaction(store: Any) -> None:
    receipt = _stage(store, _list(1, 2), by=ADMIN, accept=True)
    assert (receipt.state, receipt.head.seq) == (ImportState.ACCEPTED, 1)
    entry = store.audit()[0]
    assert (entry.action, entry.object) == ("import.accept", f"import:{receipt.import_id}")
    assert entry.detail["counts"]["site"]["new"] == 2
    assert receipt.head == store.head()


def test_accepting_twice_is_once(store: Any) -> None:
    staged = _stage(store, _list(1))
    first = store.commit_import(staged.import_id, by=ADMIN)
    again = store.commit_import(staged.import_id, by=ADMIN)
    assert again.repeated
    assert store.head() == first.head


def test_the_same_file_twice_changes_nothing(store: Any) -> None:
    first = _stage(store, _list(1, 2), by=ADMIN, accept=True)
    counts = store.counts()
    again = _stage(store, _list(1, 2), by=ADMIN, accept=True)
    assert (again.import_id, again.repeated, again.state) == (first.import_id, True, ImportState.ACCEPTED)
    assert store.counts() == counts
    assert store.head() == first.head


def test_the_same_file_twice_while_waiting_is_one_upload(store: Any) -> None:
    first = _stage(store, _list(1))
    again = _stage(store, _list(1))
    assert (again.import_id, again.repeated) == (first.import_id, True)
    accepted = _stage(store, _list(1), by=ADMIN, accept=True)
    assert (accepted.import_id, accepted.state) == (first.import_id, ImportState.ACCEPTED)


def test_another_file_with_the_same_rows_writes_no_event(store: Any) -> None:
    _stage(store, _list(1, 2), by=ADMIN, accept=True)
    other = _stage(store, _list(1, 2), content=b"saved again by Excel", by=ADMIN, accept=True)
    assert (other.events, other.repeated) == ((), False)
    assert other.counts["site"] == {"new": 0, "changed": 0, "unchanged": 2}
    assert store.get(Kind.SITE, "T-001").version == 1


def test_the_first_file_again_after_a_second_one_is_a_change(store: Any) -> None:
    _stage(store, _list(1, height_m=30.0), by=ADMIN, accept=True)
    _stage(store, _list(1, height_m=45.0), content=b"list 2", by=ADMIN, accept=True)
    again = _stage(store, _list(1, height_m=30.0), by=ADMIN, accept=True)
    assert not again.repeated
    assert store.records(Kind.SITE)[0].height_m == 30.0


def test_the_same_key_again_gives_the_same_id(store: Any) -> None:
    first = _stage(store, _list(1), idempotency_key="k-1")
    again = _stage(store, _list(1), idempotency_key="k-1")
    assert (again.import_id, again.repeated) == (first.import_id, True)
    other = _stage(store, _list(1), idempotency_key="k-2")
    assert other.import_id != first.import_id
    with pytest.raises(ConflictError) as caught:
        _stage(store, _list(2), content=b"another file", idempotency_key="k-1")
    assert caught.value.code == "idempotency-key-reused"


def test_a_file_that_lacks_a_column_leaves_it_as_it_was(store: Any) -> None:
    _stage(store, _list(1), by=ADMIN, accept=True)
    renamed = Change(Kind.SITE, {"site_id": "T-001", "name": "九鬼"}, row=0)
    receipt = _stage(store, [renamed], content=b"names", by=ADMIN, accept=True)
    assert receipt.counts == {"site": {"new": 0, "changed": 1, "unchanged": 0}}
    site = store.records(Kind.SITE)[0]
    assert (site.name, site.height_m) == ("九鬼", 30.0)


def test_a_column_stated_empty_is_emptied(store: Any) -> None:
    _stage(store, _list(1), by=ADMIN, accept=True)
    emptied = Change(Kind.SITE, {"site_id": "T-001", "height_m": None})
    _stage(store, [emptied], content=b"empty", by=ADMIN, accept=True)
    assert store.records(Kind.SITE)[0].height_m is None


def test_the_difference_is_shown_row_by_row_before_anything_is_stored(store: Any) -> None:
    _stage(store, _list(1, 2), by=ADMIN, accept=True)
    comparison = store.compare(_list(1, height_m=45.0) + _list(2, 3))
    assert [(d.kind, d.key, d.state, d.version, d.row) for d in comparison.differences[::2]] == [
        (Kind.SITE, "T-001", "changed", 1, 0),
        (Kind.SITE, "T-002", "unchanged", 1, 0),
        (Kind.SITE, "T-003", "new", 0, 1),
    ]
    assert [(c.ja, c.before, c.after) for c in comparison.differences[0].changes] == [
        ("アンテナ地上高", 30.0, 45.0)
    ]
    assert not comparison.changes_nothing
    assert comparison.base_tx == store.head().seq == 1


def test_a_dated_upload_holds_from_its_day_on(store: Any) -> None:
    _stage(store, _list(1, status=Status.PLANNED), by=ADMIN, accept=True)
    step = [Change(Kind.SITE, {"site_id": "T-001", "status": "供用中"}, row=0)]
    _stage(store, step, content=b"completed", valid_from=date(2018, 3, 25), by=ADMIN, accept=True)
    assert store.records(Kind.SITE, valid_on=date(2018, 3, 24))[0].status is Status.PLANNED
    assert store.records(Kind.SITE, valid_on=date(2018, 3, 25))[0].status is Status.IN_SERVICE


def test_an_operators_row_needs_its_site(store: Any) -> None:
    orphan = [change_of(SiteOperator("T-999", "docomo"), row=0)]
    for attempt in (store.compare, lambda changes: _stage(store, changes)):
        with pytest.raises(InputError) as caught:
            attempt(orphan)
        assert caught.value.code == "unknown-site"
    assert store.counts()["import_event"] == 0


def test_an_operators_row_may_come_before_its_site_in_the_file(store: Any) -> None:
    changes = list(reversed(_list(1)))
    assert _stage(store, changes, by=ADMIN, accept=True).counts["site_operator"]["new"] == 1


def test_an_empty_upload_is_refused(store: Any) -> None:
    with pytest.raises(InputError) as caught:
        _stage(store, [])
    assert caught.value.code == "import-empty"


def test_the_journal_of_the_count_cannot_be_uploaded(store: Any) -> None:
    for kind, values in (
        (Kind.FROZEN_YEAR, {"fiscal_year": 2016, "value": 99, "published_on": date(2017, 6, 1)}),
        (Kind.USER, {"user_id": "x", "role": "admin"}),
        (Kind.RESTATEMENT, {"effective_fy": 2016, "amount": 5, "author": "x", "reason": "y"}),
    ):
        with pytest.raises(InputError) as caught:
            _stage(store, [Change(kind, values)])
        assert caught.value.code == "kind-not-uploadable"


def test_a_bad_value_stores_nothing_of_the_whole_upload(store: Any) -> None:
    changes = _list(1, 2)
    changes.append(Change(Kind.SITE, {"site_id": "T-003", "name": "x"}))
    with pytest.raises(InputError) as caught:
        _stage(store, changes, by=ADMIN, accept=True)
    assert caught.value.code == "missing-value"
    assert set(store.counts().values()) == {0}


def test_an_administrator_returns_an_upload_with_a_reason(store: Any) -> None:
    staged = _stage(store, _list(1))
    with pytest.raises(InputError):
        store.return_import(staged.import_id, by=ADMIN, reason="  ")
    store.return_import(staged.import_id, by=ADMIN, reason="緯度と経度が逆")
    record = store.imports(state=ImportState.RETURNED)[0]
    assert (record.reason, record.decided_by) == ("緯度と経度が逆", "sato")
    with pytest.raises(ConflictError) as caught:
        store.commit_import(staged.import_id, by=ADMIN)
    assert caught.value.code == "import-state"
    assert "sato" in caught.value.ja
    assert "緯度と経度が逆" in caught.value.ja
    assert [h.changes[0].after for h in store.history(Kind.IMPORT, staged.import_id)[1:]] == ["returned"]
    again = _stage(store, _list(1))
    assert again.import_id != staged.import_id


def test_a_planner_withdraws_an_upload(store: Any) -> None:
    staged = _stage(store, _list(1))
    store.withdraw_import(staged.import_id, by=PLANNER)
    assert store.imports()[0].state is ImportState.WITHDRAWN
    with pytest.raises(ConflictError):
        store.withdraw_import(staged.import_id, by=PLANNER)


def test_an_unknown_upload_is_not_found(store: Any) -> None:
    for attempt in (
        lambda: store.commit_import("000009-00000000", by=ADMIN),
        lambda: store.undo_import("000009-00000000", by=ADMIN, reason="x"),
        lambda: store.import_changes("000009-00000000"),
    ):
        with pytest.raises(NotFoundError):
            attempt()


def test_accepting_after_somebody_changed_a_record_is_a_conflict(store: Any) -> None:
    _stage(store, _list(1, 2), by=ADMIN, accept=True)
    staged = _stage(store, _list(1, 2, height_m=45.0), content=b"list 2")
    store.put(
        Kind.SITE, {"site_id": "T-001", "height_m": 50.0}, by=Actor("suzuki", "planner"), expected_version=1
    )
    with pytest.raises(EditConflictError) as caught:
        store.commit_import(staged.import_id, by=ADMIN)
    assert (caught.value.code, caught.value.actor) == ("import-outdated", "suzuki")
    assert [s.height_m for s in store.records(Kind.SITE)] == [50.0, 30.0]
    store.commit_import(staged.import_id, by=ADMIN, overwrite=True)
    assert [s.height_m for s in store.records(Kind.SITE)] == [45.0, 45.0]


def test_undoing_makes_every_record_what_it_was_and_keeps_the_history(store: Any) -> None:
    _stage(store, _list(1), by=ADMIN, accept=True)
    before = store.ledger()
    second = _stage(store, _list(1, 2, 3, height_m=45.0), content=b"list 2", by=ADMIN, accept=True)
    undone = store.undo_import(second.import_id, by=PLANNER, reason="違うファイル")
    assert undone.state is ImportState.UNDONE
    assert store.ledger() == before
    assert len(store.ledger(as_of=second.head.seq).sites) == 3
    assert store.imports()[0].reason == "違うファイル"
    with pytest.raises(ConflictError):
        store.undo_import(second.import_id, by=PLANNER, reason="もう一度")
    again = _stage(store, _list(1, 2, 3, height_m=45.0), content=b"list 2", by=ADMIN, accept=True)
    assert again.import_id != second.import_id
    assert len(store.ledger().sites) == 3
    assert store.verify_audit().ok


def test_undoing_past_a_later_edit_is_a_conflict(store: Any) -> None:
    first = _stage(store, _list(1, 2), by=ADMIN, accept=True)
    store.put(
        Kind.SITE, {"site_id": "T-002", "name": "早田"}, by=Actor("suzuki", "planner"), expected_version=1
    )
    with pytest.raises(EditConflictError) as caught:
        store.undo_import(first.import_id, by=ADMIN, reason="違うファイル")
    assert (caught.value.code, caught.value.actor) == ("undo-outdated", "suzuki")
    assert len(store.ledger().sites) == 2
    store.undo_import(first.import_id, by=ADMIN, reason="違うファイル", overwrite=True)
    assert store.ledger().sites == ()


@pytest.mark.parametrize("versions", [False, True])
def test_what_an_undoing_would_leave_is_what_it_leaves_and_nothing_is_written(store: Any, versions: bool) -> None:
    _stage(store, _list(1), by=ADMIN, accept=True)
    second = _stage(store, _list(1, 2, 3, height_m=45.0), content=b"list 2", by=ADMIN, accept=True)
    before, head, counts = store.ledger(), store.head(), store.counts()
    foreseen = store.ledger_without(second.import_id, versions=versions)
    assert (store.ledger(), store.head(), store.counts()) == (before, head, counts)
    store.undo_import(second.import_id, by=ADMIN, reason="違うファイル")
    after = store.ledger(versions=versions)
    assert [(s.site_id, s.height_m) for s in foreseen.sites] == [(s.site_id, s.height_m) for s in after.sites]
    assert len(foreseen.site_operators) == len(after.site_operators)
    assert store.verify_audit().ok
    with pytest.raises(ConflictError) as caught:
        store.ledger_without(second.import_id)
    assert caught.value.code == "import-state"


def test_an_undoing_that_later_edits_forbid_is_foreseen_only_with_them(store: Any) -> None:
    first = _stage(store, _list(1, 2), by=ADMIN, accept=True)
    store.put(
        Kind.SITE, {"site_id": "T-002", "name": "早田"}, by=Actor("suzuki", "planner"), expected_version=1
    )
    head = store.head()
    with pytest.raises(EditConflictError) as caught:
        store.ledger_without(first.import_id)
    assert (caught.value.code, caught.value.actor) == ("undo-outdated", "suzuki")
    assert store.ledger_without(first.import_id, overwrite=True).sites == ()
    assert len(store.ledger().sites) == 2
    assert store.head() == head


def test_undoing_a_site_that_others_build_upon_is_a_conflict(store: Any) -> None:
    first = _stage(store, _list(1), by=ADMIN, accept=True)
    more = [change_of(SiteOperator("T-001", "softbank", date(2019, 3, 31)))]
    _stage(store, more, content=b"softbank", by=ADMIN, accept=True)
    with pytest.raises(EditConflictError) as caught:
        store.undo_import(first.import_id, by=ADMIN, reason="違うファイル")
    assert caught.value.code == "undo-has-dependents"
    store.undo_import(first.import_id, by=ADMIN, reason="違うファイル", overwrite=True)
    assert store.ledger().site_operators == ()


def test_uploads_are_undone_in_any_order_that_does_no_harm(store: Any) -> None:
    first = _stage(store, _list(1, height_m=30.0), by=ADMIN, accept=True)
    second = _stage(store, _list(1, height_m=45.0), content=b"2", by=ADMIN, accept=True)
    store.undo_import(second.import_id, by=ADMIN, reason="a")
    store.undo_import(first.import_id, by=ADMIN, reason="b")
    assert store.ledger().sites == ()


def test_undone_and_done_again_is_known_since_the_first_time(store: Any, clock: Any) -> None:
    _stage(store, _list(1), by=ADMIN, accept=True)
    known = store.records(Kind.SITE)[0].recorded_at
    clock.jump(days=10)
    second = _stage(store, _list(1, status=Status.PLANNED), content=b"2", by=ADMIN, accept=True)
    clock.jump(days=10)
    store.undo_import(second.import_id, by=ADMIN, reason="取り違え")
    assert store.records(Kind.SITE)[0].recorded_at == known


def test_a_second_operator_is_a_row_of_its_own_and_an_upgrade_too(store: Any) -> None:
    site = change_of(_site(1))
    lte = SiteOperator("T-001", "docomo", date(2018, 3, 31), DatePrecision.DAY, "800")
    _stage(store, [site, change_of(lte)], by=ADMIN, accept=True)
    five_g = SiteOperator("T-001", "docomo", date(2022, 3, 31), DatePrecision.DAY, "3500")
    other = SiteOperator("T-001", "softbank", date(2019, 3, 31))
    _stage(store, [change_of(five_g), change_of(other)], content=b"2", by=ADMIN, accept=True)
    assert [(o.operator, o.band) for o in store.ledger().site_operators] == [
        ("docomo", "3500"),
        ("docomo", "800"),
        ("softbank", None),
    ]


def test_a_file_without_bands_speaks_of_the_one_cell_that_is_there(store: Any) -> None:
    lte = SiteOperator("T-001", "docomo", date(2018, 3, 31), DatePrecision.DAY, "800", eirp_dbm=57.0)
    _stage(store, [change_of(_site(1)), change_of(lte)], by=ADMIN, accept=True)
    dated = change_of(SiteOperator("T-001", "docomo", date(2018, 4, 1)), fields=("in_service_date",))
    receipt = _stage(store, [dated], content=b"2", by=ADMIN, accept=True)
    assert receipt.counts == {"site_operator": {"new": 0, "changed": 1, "unchanged": 0}}
    operator = store.ledger().site_operators[0]
    assert (operator.band, operator.in_service_date, operator.eirp_dbm) == ("800", date(2018, 4, 1), 57.0)


def test_sectors_of_one_band_are_told_apart_by_their_azimuth(store: Any) -> None:
    sectors = [
        SiteOperator("T-001", "kddi", None, DatePrecision.DAY, "800", azimuth_deg=a) for a in (0, 120, 240)
    ]
    changes = [change_of(_site(1)), *(change_of(s) for s in sectors)]
    _stage(store, changes, by=ADMIN, accept=True)
    assert [o.azimuth_deg for o in store.ledger().site_operators] == [0, 120, 240]
    assert store.compare(changes).changes_nothing


def test_a_district_designated_again_after_it_was_resolved_is_a_second_stay(store: Any) -> None:
    def stay(designated: date | None, resolved: date | None) -> Change:
        return change_of(
            District(
                "D-01",
                "24209",
                "九鬼",
                shapely.Point(136.2, 34.0),
                designated_on=designated,
                resolved_on=resolved,
            )
        )

    both = [stay(date(2010, 4, 1), date(2016, 3, 31)), stay(date(2019, 4, 1), None)]
    _stage(store, both, by=ADMIN, accept=True)
    assert [(d.designated_on, d.resolved_on) for d in store.ledger().districts] == [
        (date(2010, 4, 1), date(2016, 3, 31)),
        (date(2019, 4, 1), None),
    ]
    assert store.compare(both).changes_nothing
    corrected = [stay(date(2019, 4, 2), None)]
    assert store.compare(corrected).differences[0].key == "D-01/2"


def test_districts_links_actuals_and_measurements_are_uploaded_too(store: Any) -> None:
    _stage(store, _list(1), by=ADMIN, accept=True)
    changes = [
        change_of(District("D-01", "24209", "九鬼", shapely.Point(136.2, 34.0))),
        change_of(SiteDistrict("T-001", "D-01", date(2018, 3, 31))),
        change_of(Actual("40604", 2016, 71.0, "公表資料")),
        Change(
            Kind.MEASUREMENT,
            {
                "measurement_id": "M-1",
                "lat": 34.0,
                "lon": 136.2,
                "measured_on": date(2018, 5, 1),
                "operator": "docomo",
                "rsrp_dbm": -108.5,
            },
        ),
    ]
    receipt = _stage(store, changes, content=b"2", by=ADMIN, accept=True)
    assert {kind: counts["new"] for kind, counts in receipt.counts.items()} == dict.fromkeys(
        ("district", "site_district", "actual", "measurement"), 1
    )
    assert store.records(Kind.MEASUREMENT)[0].rsrp_dbm == -108.5


def test_what_the_rows_state_can_be_read_again(store: Any) -> None:
    changes = _list(1, 2)
    changes.append(change_of(District("D-01", "24209", "九鬼", shapely.Point(136.2, 34.0)), row=9))
    staged = _stage(store, changes)
    again = store.import_changes(staged.import_id)
    assert [(c.kind, c.row) for c in again] == [(c.kind, c.row) for c in changes]
    assert again[0].values == {**changes[0].values, "status": "供用中"}
    assert store.compare(again).counts == staged.counts


def test_the_clients_file_name_is_a_label_on_one_line(store: Any) -> None:
    _stage(store, _list(1))
    store.stage_import(
        _list(2), by=PLANNER, table_name="sites", file_name="../../etc\n/passwd\r" + "x" * 300, content=b"n"
    )
    name = store.imports()[0].file_name
    assert len(name) == 200
    assert "\n" not in name
    assert "\r" not in name


@pytest.mark.parametrize("versions", [False, True])
def test_a_preview_is_what_the_acceptance_gives_and_leaves_nothing(
    store: Any, clock: Any, versions: bool
) -> None:
    _stage(store, _list(1, 2), by=ADMIN, accept=True)
    before, head, counts = store.ledger(), store.head(), store.counts()
    changes = _list(2, 3, height_m=45.0)
    preview = store.ledger_with(changes, versions=versions)
    assert (store.ledger(), store.head(), store.counts()) == (before, head, counts)
    _stage(store, changes, content=b"list 2", by=ADMIN, accept=True)
    after = store.ledger(versions=versions)
    assert [(s.site_id, s.height_m) for s in preview.sites] == [(s.site_id, s.height_m) for s in after.sites]
    assert len(preview.site_operators) == len(after.site_operators)
    times = {s.recorded_at for s in after.sites}
    assert store.audit()[-1].at in times
    assert store.verify_audit().ok
    assert store.ledger_with(changes, versions=versions) == after
