"""The count reads the store: the sample's story gives the same series from its files, SQLite and PostGIS."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely

from coverage.domain.counting import count
from coverage.domain.ledger import (
    District,
    Funding,
    Ledger,
    Purpose,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.domain.region import CountingConfig
from coverage.readers.region import load_region
from coverage.store.events import Kind, change_of
from coverage.store.protocol import Actor

ADMIN = Actor("sato", "admin")
RULE = CountingConfig()


def _series(ledger: Ledger, fiscal_years: list[int], **more: Any) -> list[dict[str, Any]]:
    result = count(ledger, rule=RULE, fiscal_years=fiscal_years, **more)
    return [dataclasses.asdict(year) for year in result.years]


@pytest.fixture(scope="module")
def sample(project_dir: Path) -> Any:
    return load_region(project_dir / "data", only=["sites", "districts"])


def test_the_sample_counts_the_same_from_its_files_and_from_the_store(store: Any, sample: Any) -> None:
    years = list(sample.config.fiscal_years)
    store.load_ledger(sample.ledger, by=ADMIN, source="見本県", keep_recorded_at=True)
    from_files = _series(sample.ledger, years)
    assert _series(store.ledger(versions=True), years) == from_files
    assert _series(store.ledger(), years) == from_files
    assert any(year["total"] for year in from_files)


def _books(service_day: date, **more: Any) -> Ledger:
    site = Site(
        "T-001",
        "九鬼",
        "24209",
        34.0,
        136.2,
        Status.IN_SERVICE,
        funding=Funding.NATIONAL_SUBSIDY,
        purpose=Purpose.RESIDENTIAL,
        **more,
    )
    return Ledger(
        sites=(site,),
        site_operators=(SiteOperator("T-001", "docomo", service_day),),
        site_districts=(SiteDistrict("T-001", "D-01"),),
        districts=(
            District("D-01", "24209", "九鬼", shapely.Point(136.2, 34.0), designated_on=date(2010, 4, 1)),
        ),
    )


def _totals(store: Any, **more: Any) -> list[int]:
    return [y["total"] for y in _series(store.ledger(versions=True), [2016, 2017], **more)]


def test_a_date_corrected_after_publication_leaves_the_published_year_alone(store: Any, clock: Any) -> None:
    store.set_opening_balance(2015, 70, source="シート", decided_on=None, by=ADMIN, expected_version=0)
    store.load_ledger(_books(date(2017, 3, 31)), by=ADMIN, source="台帳")
    assert _totals(store) == [71, 71]
    clock.set(datetime(2017, 6, 30, tzinfo=UTC))
    store.freeze_year(2016, 71, published_on=date(2017, 6, 30), by=ADMIN)
    clock.set(datetime(2017, 9, 1, tzinfo=UTC))
    operator = store.versioned(Kind.SITE_OPERATOR)[0]
    store.put(
        Kind.SITE_OPERATOR,
        {"in_service_date": date(2017, 4, 1)},
        key=operator.key,
        by=ADMIN,
        expected_version=operator.version,
    )
    assert _totals(store) == [71, 71], "counted once, in the year in which it was published"


def test_a_name_put_right_after_publication_moves_nothing(store: Any, clock: Any) -> None:
    store.set_opening_balance(2015, 70, source="シート", decided_on=None, by=ADMIN, expected_version=0)
    store.load_ledger(_books(date(2017, 3, 31)), by=ADMIN, source="台帳")
    clock.set(datetime(2017, 6, 30, tzinfo=UTC))
    store.freeze_year(2016, 71, published_on=date(2017, 6, 30), by=ADMIN)
    clock.set(datetime(2017, 9, 1, tzinfo=UTC))
    before = _totals(store)
    store.put(Kind.SITE, {"site_id": "T-001", "name": "九鬼 改"}, by=ADMIN, expected_version=1)
    assert _totals(store) == before == [71, 71]
    assert [y["total"] for y in _series(store.ledger(), [2016, 2017])] == before


def test_a_site_entered_late_is_reported_in_the_first_open_year(store: Any, clock: Any) -> None:
    store.set_opening_balance(2015, 71, source="シート", decided_on=None, by=ADMIN, expected_version=0)
    clock.set(datetime(2017, 6, 30, tzinfo=UTC))
    store.freeze_year(2016, 71, published_on=date(2017, 6, 30), by=ADMIN)
    clock.set(datetime(2017, 9, 1, tzinfo=UTC))
    late = _books(date(2017, 3, 31))
    store.load_ledger(
        dataclasses.replace(late, sites=(), site_operators=(), site_districts=()), by=ADMIN, source="台帳"
    )
    changes = [change_of(r) for r in (*late.sites, *late.site_operators, *late.site_districts)]
    receipt = store.stage_import(
        changes, by=ADMIN, table_name="sites", file_name="a.csv", content=b"late", accept=True
    )
    assert _totals(store) == [71, 72]
    assert _totals(store, as_of=clock.now - timedelta(days=1)) == [71, 71]
    store.undo_import(receipt.import_id, by=ADMIN, reason="誤り")
    assert _totals(store) == [71, 71]
    assert [
        y["total"] for y in _series(store.ledger(as_of=receipt.head.seq, versions=True), [2016, 2017])
    ] == [71, 72]
