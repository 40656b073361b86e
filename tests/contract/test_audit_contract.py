"""Append-only, hash-chained, and every way of changing history is found; the same on SQLite and PostGIS (goal S8)."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from coverage.domain.ledger import Site, Status
from coverage.store.audit import GENESIS, Head
from coverage.store.events import TABLES, Kind, change_of
from coverage.store.protocol import Actor

ADMIN = Actor("sato", "admin")
Tamper = Callable[[Sequence[str]], None]


@pytest.fixture
def books(store: Any) -> Any:
    """Five transactions: an upload of three sites, three edits, a restatement."""
    sites = [Site(f"T-{n}", f"局{n}", "24209", 34.0, 136.2, Status.PLANNED) for n in (1, 2, 3)]
    store.stage_import(
        [change_of(s) for s in sites],
        by=ADMIN,
        table_name="sites",
        file_name="a.csv",
        content=b"a",
        accept=True,
    )
    for n in (1, 2, 3):
        store.put(Kind.SITE, {"site_id": f"T-{n}", "height_m": 30.0}, by=ADMIN, expected_version=1)
    store.restate(2016, -1, reason="訂正", by=ADMIN)
    assert store.verify_audit().ok
    return store


def _codes(store: Any, anchors: Sequence[Head] = ()) -> set[str]:
    return {finding.code for finding in store.verify_audit(anchors).findings}


def test_each_row_holds_the_hash_of_the_one_before(books: Any) -> None:
    entries = books.audit()
    assert [e.seq for e in entries] == [1, 2, 3, 4, 5]
    assert [e.prev_hash for e in entries] == [GENESIS, *(e.hash for e in entries[:-1])]
    assert all(e.hash == e.computed_hash() for e in entries)
    assert books.head() == Head(5, entries[-1].hash)
    assert [e.object for e in entries[1:3]] == ["site:T-1", "site:T-2"]
    assert entries[0].before_sha256 is None
    assert entries[1].before_sha256 is not None


def test_the_trail_can_be_narrowed(books: Any) -> None:
    assert [e.seq for e in books.audit(after_seq=3)] == [4, 5]
    assert [e.seq for e in books.audit(limit=2)] == [1, 2]
    assert [e.seq for e in books.audit(action="restate")] == [5]
    assert [e.seq for e in books.audit(object_prefix="site:")] == [2, 3, 4]
    assert books.audit(actor="tanaka") == ()


def test_the_database_itself_refuses_to_change_or_remove(books: Any, store_url: str) -> None:
    columns = {table.name: table.column_names[0] for table in TABLES.values()} | {
        "audit": "actor",
        "content": "sha256",
    }
    tables = ["site_event", "import_event", "restatement_event", "audit", "content"]
    for table in tables:
        for statement in (
            f"DELETE FROM {table}",
            f'UPDATE {table} SET "{columns[table]}" = "{columns[table]}"',
        ):
            with pytest.raises(Exception, match=r"append-only|permission denied"):
                _execute(store_url, statement)
    assert books.verify_audit().ok


def test_a_row_cannot_be_put_over_another(books: Any, store_url: str) -> None:
    if store_url.startswith("postgresql:"):
        statement = (
            "INSERT INTO site_event SELECT * FROM site_event ON CONFLICT (key, version) DO UPDATE SET tx = 9"
        )
        with pytest.raises(Exception, match=r"append-only|permission denied|generated"):
            _execute(store_url, statement)
        return
    for table in ("site_event", "content", "audit"):
        with pytest.raises(sqlite3.IntegrityError, match=r"order|append-only"):
            _execute(store_url, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


def _execute(url: str, statement: str) -> None:
    """As any other program with the application's own rights."""
    if url.startswith("postgresql:"):
        import psycopg

        with psycopg.connect(url, options="-csearch_path=coverage_gap,public") as connection:
            connection.execute(statement.encode())
        return
    with contextlib.closing(sqlite3.connect(url)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["UPDATE audit SET actor = 'nobody' WHERE seq = 2"], {"row-edited"}),
        ([f"UPDATE audit SET hash = '{GENESIS}' WHERE seq = 5"], {"row-edited"}),
        (["UPDATE site_event SET height_m = 99 WHERE key = 'T-2' AND version = 2"], {"events-differ"}),
        (["UPDATE import_event SET submitted_by = 'x'"], {"events-differ"}),
        (
            ["UPDATE site_event SET valid_from = '2016-04-01' WHERE key = 'T-1' AND version = 1"],
            {"events-differ"},
        ),
    ],
)
def test_an_edit_is_found(books: Any, tamper: Tamper, statements: list[str], expected: set[str]) -> None:
    tamper(statements)
    assert expected <= _codes(books)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["DELETE FROM audit WHERE seq = 3"], {"row-missing", "events-without-audit"}),
        (["DELETE FROM site_event WHERE key = 'T-3' AND version = 2"], {"events-differ"}),
        (["DELETE FROM site_event WHERE key = 'T-3' AND version = 1"], {"version-gap", "events-differ"}),
        (["DELETE FROM content"], {"content-damaged"}),
    ],
)
def test_a_deletion_is_found(books: Any, tamper: Tamper, statements: list[str], expected: set[str]) -> None:
    if "audit" in statements[0]:
        statements = (
            ["PRAGMA foreign_keys = OFF", *statements] if "Sqlite" in type(books).__name__ else statements
        )
    tamper(statements)
    assert expected <= _codes(books)


def test_an_exchange_of_two_rows_is_found(books: Any, tamper: Tamper) -> None:
    tamper(
        [
            "UPDATE audit SET seq = 99 WHERE seq = 2",
            "UPDATE audit SET seq = 2 WHERE seq = 3",
            "UPDATE audit SET seq = 3 WHERE seq = 99",
        ]
    )
    assert {"order-changed", "row-edited"} <= _codes(books)


def test_a_transaction_slipped_in_is_found(books: Any, tamper: Tamper) -> None:
    tamper(["UPDATE site_event SET tx = 9 WHERE key = 'T-1' AND version = 2"])
    assert {"events-without-audit", "events-differ"} <= _codes(books)


def test_a_chain_cut_off_at_its_end_is_found_by_an_anchor_only(books: Any, tamper: Tamper) -> None:
    head = books.head()
    tamper(["DELETE FROM restatement_event WHERE tx = 5", "DELETE FROM audit WHERE seq = 5"])
    assert _codes(books) == set()
    assert _codes(books, [head]) == {"truncated"}
    assert books.verify_audit([head]).findings[0].seq == 5


def test_a_history_made_anew_is_found_by_an_anchor_only(books: Any, tamper: Tamper) -> None:
    head = books.head()
    tamper(["DELETE FROM restatement_event WHERE tx = 5", "DELETE FROM audit WHERE seq = 5"])
    books.restate(2016, -2, reason="すり替え", by=ADMIN)
    assert _codes(books) == set()
    assert _codes(books, [head]) == {"anchor-differs"}


def test_a_guard_taken_off_is_found(books: Any, store_url: str) -> None:
    if store_url.startswith("postgresql:"):
        _execute(store_url, "ALTER TABLE site_event DISABLE TRIGGER site_event_append_only")
        assert {f.code for f in books.verify_audit().findings} == {"guard-missing"}
    else:
        _execute(store_url, "DROP TRIGGER site_event_no_update")
        assert {f.code for f in books.verify_audit().findings} == {"guard-missing"}


def test_the_report_tells_how_much_was_checked(books: Any) -> None:
    report = books.verify_audit([books.head()])
    assert (report.entries, report.rows, report.contents, report.anchors) == (5, 8, 2, 1)
    assert report.ok


def test_a_finding_says_what_and_where_in_both_languages(books: Any, tamper: Tamper) -> None:
    tamper(["UPDATE audit SET actor = 'nobody' WHERE seq = 2"])
    finding = books.verify_audit().findings[0]
    assert finding.seq == 2
    assert "監査記録 2 番" in finding.ja
    assert "Audit row 2" in finding.en


@pytest.mark.postgis
def test_the_same_story_has_the_same_hash_in_both_stores(tmp_path: Any, clock: Any, postgis_url: str) -> None:
    from coverage.store.locate import open_store

    heads = []
    for url in (str(tmp_path / "ledger.sqlite"), postgis_url):
        with open_store(url, clock=clock) as store:
            clock.set(clock.now.replace(year=2018))
            site = Site("T-1", "九鬼", "24209", 34.0123456789, 136.2, Status.PLANNED, height_m=-0.0)
            store.stage_import(
                [change_of(site)], by=ADMIN, table_name="sites", file_name="a.csv", content=b"a", accept=True
            )
            clock.set(clock.now.replace(microsecond=0))
            store.set_status("T-1", Status.IN_SERVICE, on=date(2018, 3, 25), by=ADMIN, expected_version=1)
            heads.append([(e.action, e.before_sha256, e.after_sha256) for e in store.audit()])
    assert heads[0] == heads[1]
