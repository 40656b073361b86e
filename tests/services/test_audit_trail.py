"""Who changed what, when, from what to what: found by number, name, person and day, and taken away as CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coverage.domain.ledger import Ledger, Site, SiteOperator, Status
from coverage.errors import PermissionDeniedError
from coverage.services import audit_trail
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.audit_trail import Query
from coverage.store.events import Change, Kind
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

ADMIN = Principal("sato", Role.ADMIN)
SATO, SUZUKI = Actor("sato", "admin"), Actor("suzuki", "planner")


class Clock:
    """A day later at each reading, from 2017-04-01 09:00 in Japan."""

    def __init__(self) -> None:
        self.now = datetime(2017, 4, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(days=1)
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """Day 2: the ledger begins; 3: 鈴木 hands a date in; 4: 佐藤 accepts; 5: 佐藤 corrects the height; 6: a user."""
    with open_store(str(tmp_path / "ledger.sqlite"), clock=Clock()) as opened:
        opened.load_ledger(
            Ledger(
                sites=tuple(
                    Site(i, n, "24209", 34.0, 136.2, Status.IN_SERVICE, height_m=25.0)
                    for i, n in (("T-001", "九鬼局"), ("T-002", "早田局"))
                ),
                site_operators=(SiteOperator("T-001", "m1", date(2016, 3, 25)), SiteOperator("T-002", "m1")),
            ),
            by=SATO,
            source="引継ぎ",
        )
        row = {"site_id": "T-001", "operator": "m1", "in_service_date": date(2016, 3, 31)}
        staged = opened.stage_import(
            [Change(Kind.SITE_OPERATOR, row)],
            by=SUZUKI,
            table_name="sites",
            file_name="直し.csv",
            content=b"x",
        )
        opened.commit_import(staged.import_id, by=SATO)
        held = opened.get(Kind.SITE, "T-001")
        opened.put(
            Kind.SITE,
            {"site_id": "T-001", "height_m": 30.0},
            by=SATO,
            expected_version=held.version,
            reason="=1+1",
        )
        opened.set_user("suzuki", role="planner", by=SATO, expected_version=0)
        yield opened


@pytest.mark.parametrize(
    "principal",
    [Principal("a", Role.PLANNER), Principal("b", Role.VIEWER), ANONYMOUS],
    ids=lambda p: p.user_id,
)
def test_only_an_administrator_reads_the_trail(store: Any, principal: Principal) -> None:
    change = audit_trail.search(store, Query(), principal=ADMIN).changes[0]
    for attempt in (
        lambda: audit_trail.search(store, Query(), principal=principal),
        lambda: audit_trail.of_entry(store, change, principal=principal),
        lambda: audit_trail.as_csv([change], principal=principal),
    ):
        with pytest.raises(PermissionDeniedError):
            attempt()


def test_a_date_that_came_by_an_upload_is_found_by_the_sites_number(store: Any) -> None:
    found = audit_trail.search(store, Query("T-001"), principal=ADMIN)
    moved = [
        c for c in audit_trail.only_field(found.changes, "in_service_date") if c.action == "import.accept"
    ]
    assert len(moved) == 1
    field = moved[0].fields[0]
    assert (moved[0].actor, str(field.before), str(field.after)) == ("sato", "2016-03-25", "2016-03-31")
    assert moved[0].kind is Kind.SITE_OPERATOR
    assert all("T-002" not in c.key for c in found.changes)


def test_a_site_is_found_by_its_name_with_everything_that_hangs_on_it(store: Any) -> None:
    by_name = audit_trail.search(store, Query("九鬼"), principal=ADMIN).changes
    assert {c.kind for c in by_name} == {Kind.SITE, Kind.SITE_OPERATOR}
    assert [c.seq for c in by_name] == sorted((c.seq for c in by_name), reverse=True)
    assert audit_trail.search(store, Query("どこにもない"), principal=ADMIN).changes == ()


def test_where_too_many_records_hold_the_text_the_whole_number_comes_first_and_more_is_said(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {
        "site_id": "AT-001",
        "name": "x",
        "municipality_code": "24209",
        "lat": 34.0,
        "lon": 136.2,
        "status": "計画",
    }
    store.put(Kind.SITE, other, by=SATO, expected_version=0)
    monkeypatch.setattr(audit_trail, "_KEYS", 1)
    found = audit_trail.search(store, Query("T-001", Kind.SITE), principal=ADMIN)
    assert {c.key for c in found.changes} == {"T-001"}
    assert found.more


def test_without_a_number_the_chain_is_walked_backwards_from_its_end(store: Any) -> None:
    found = audit_trail.search(store, Query(), principal=ADMIN)
    assert [c.seq for c in found.changes] == [5, 4, 3, 2, 1]
    assert [c.action for c in found.changes] == [
        "user",
        "edit",
        "import.accept",
        "import.stage",
        "ledger.load",
    ]
    assert found.changes[1].reason == "=1+1"
    assert found.changes[-1].reason == "引継ぎ"
    assert not found.more
    first = audit_trail.search(store, Query(), principal=ADMIN, limit=2)
    assert ([c.seq for c in first.changes], first.more) == ([5, 4], True)


def test_person_kind_and_days_narrow_the_search(store: Any) -> None:
    def seqs(**more: Any) -> list[int]:
        return [c.seq for c in audit_trail.search(store, Query(**more), principal=ADMIN).changes]

    assert seqs(actor="suzuki") == [2]
    assert seqs(kind=Kind.USER) == [5]
    days = [c.at.date() for c in audit_trail.search(store, Query(), principal=ADMIN).changes]
    assert seqs(since=days[1]) == [5, 4]
    assert seqs(until=days[-1]) == [1]
    assert seqs(since=days[3], until=days[2]) == [3, 2]
    assert seqs(text="T-001", actor="suzuki") == []


def test_a_chain_longer_than_one_window_is_read_whole(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "_WINDOW", 2)
    assert [c.seq for c in audit_trail.search(store, Query(), principal=ADMIN).changes] == [5, 4, 3, 2, 1]
    assert [c.seq for c in audit_trail.search(store, Query(actor="suzuki"), principal=ADMIN).changes] == [2]


def test_what_an_upload_wrote_is_shown_record_by_record(store: Any) -> None:
    accepted = next(
        c for c in audit_trail.search(store, Query(), principal=ADMIN).changes if c.action == "import.accept"
    )
    inside = audit_trail.of_entry(store, accepted, principal=ADMIN)
    assert [(c.kind, c.fields[0].field) for c in inside.changes] == [(Kind.SITE_OPERATOR, "in_service_date")]
    typed = next(c for c in audit_trail.search(store, Query(), principal=ADMIN).changes if c.action == "edit")
    assert audit_trail.of_entry(store, typed, principal=ADMIN).changes == ()


def test_a_record_that_was_taken_out_keeps_its_trail(store: Any) -> None:
    held = store.versioned(Kind.SITE_OPERATOR)[1]
    store.retire(Kind.SITE_OPERATOR, held.key, by=SATO, expected_version=held.version, reason="二重")
    found = audit_trail.search(store, Query("T-002", Kind.SITE_OPERATOR), principal=ADMIN).changes
    assert (found[0].removed, found[0].reason, found[0].fields) == (True, "二重", ())


def test_the_csv_holds_a_row_a_field_and_no_cell_that_excel_would_compute(store: Any) -> None:
    found = audit_trail.search(store, Query("T-001"), principal=ADMIN).changes
    content = audit_trail.as_csv(found, principal=ADMIN)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    height = next(r for r in rows if r["field"] == "height_m" and r["action"] == "edit")
    assert (height["before"], height["after"], height["actor"]) == ("25.0", "30.0", "sato")
    assert height["reason"] == "'=1+1"
    moved = next(r for r in rows if r["field"] == "in_service_date" and r["action"] == "import.accept")
    assert (moved["before"], moved["after"], moved["field_ja"]) == ("2016-03-25", "2016-03-31", "供用開始日")
    assert moved["at_jst"].endswith("+09:00")
    assert len(rows) == sum(max(1, len(c.fields)) for c in found)


def test_a_tokens_digest_is_shown_to_nobody(store: Any) -> None:
    store.issue_token("QGIS", role="viewer", by=SATO)
    found = audit_trail.search(store, Query(kind=Kind.READ_TOKEN), principal=ADMIN).changes
    assert "label" in audit_trail.field_names(found)
    assert "token_sha256" not in audit_trail.field_names(found)
