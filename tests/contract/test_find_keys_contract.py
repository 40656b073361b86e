"""Finding a record by a part of its number; the same on SQLite and PostGIS."""

from __future__ import annotations

from typing import Any

from coverage.domain.ledger import Ledger, Site, SiteOperator, Status
from coverage.store.events import Kind
from coverage.store.protocol import Actor

ADMIN = Actor("sato", "admin")


def _filled(store: Any) -> Any:
    sites = tuple(
        Site(i, i, "24209", 34.0, 136.2, Status.IN_SERVICE)
        for i in ("AT-001", "T-001", "T-002", "T_0%1", "U-001")
    )
    store.load_ledger(
        Ledger(sites=sites, site_operators=(SiteOperator("T-001", "m1"), SiteOperator("T-002", "m1"))),
        by=ADMIN,
        source="x",
    )
    return store


def test_a_part_of_a_number_in_either_case_finds_the_records_in_order(store: Any) -> None:
    books = _filled(store)
    assert books.find_keys(Kind.SITE, "t-00") == ("T-001", "T-002", "AT-001")
    assert books.find_keys(Kind.SITE, "T-00", limit=1) == ("T-001",)
    assert [k.split("/")[0] for k in books.find_keys(Kind.SITE_OPERATOR, "T-001")] == ["T-001"]
    assert books.find_keys(Kind.SITE, "九鬼") == ()


def test_signs_that_sql_understands_are_only_signs(store: Any) -> None:
    books = _filled(store)
    assert books.find_keys(Kind.SITE, "_0") == books.find_keys(Kind.SITE, "_")
    assert len(books.find_keys(Kind.SITE, "_")) == 1
    assert books.find_keys(Kind.SITE, "!") == ()
    assert books.find_keys(Kind.SITE, "' OR 1=1 --") == ()


def test_a_record_that_was_taken_out_is_still_found(store: Any) -> None:
    books = _filled(store)
    held = books.get(Kind.SITE, "U-001")
    books.retire(Kind.SITE, "U-001", by=ADMIN, expected_version=held.version, reason="登録の誤り")
    assert books.get(Kind.SITE, "U-001") is None
    assert books.find_keys(Kind.SITE, "U-0") == ("U-001",)
