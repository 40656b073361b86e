"""What docs/ogc-features.sql offers to OGC API – Features (tipg) and QGIS: public features only, to a role that reads."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import Point, box

from coverage.domain.fiscal import last_possible_day
from coverage.domain.ledger import DatePrecision, District, Ledger, Site, SiteOperator, Status
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "ogc-features.sql"
BY = Actor("kanri", "admin")
pytestmark = pytest.mark.postgis


def _superuser(url: str) -> str:
    return url.replace("//ledger@", "//postgres@")


def _run_script(url: str) -> None:
    import psycopg

    with psycopg.connect(_superuser(url), autocommit=True) as connection:
        connection.execute(SCRIPT.read_text(encoding="utf-8").encode())


@pytest.fixture
def offered(postgis_url: str) -> str:
    """A ledger with sites of every status and two districts, the views made; the address as the reading role."""
    today = date.today()
    before, ahead = today - timedelta(days=400), today + timedelta(days=400)
    days = {"alpha": before, "beta": None, "gamma": today + timedelta(days=40)}
    day, month, fiscal, year = DatePrecision
    further = (
        ("S5", "alpha", before, day),
        ("never-began", "alpha", before, day),
        ("closed", "alpha", before, day),
        ("awaited-day", "alpha", today + timedelta(days=2), day),
        ("awaited-day", "beta", None, day),
        ("awaited-month", "alpha", ahead, month),
        ("awaited-fiscal-year", "alpha", ahead, fiscal),
        ("awaited-year", "alpha", date(today.year + 1, 12, 31), year),
        # What has begun may have brought the day already.
        ("month", "alpha", last_possible_day(today, month), month),
        ("fiscal-year", "alpha", last_possible_day(today, fiscal), fiscal),
        ("year", "alpha", last_possible_day(today, year), year),
    )
    early = dict.fromkeys(row[0] for row in further if row[0] not in ("S5", "never-began", "closed"))
    shapes = (Point(136.5, 34.7), box(136.5, 34.7, 136.51, 34.71))
    ledger = Ledger(
        sites=tuple(
            Site(f"S{i}", f"局{i}", "24201", 34.7, 136.5 + i / 100, status, height_m=30.0)
            for i, status in enumerate(Status)
        )
        + tuple(
            Site(f"{name}", "局", "24201", 34.8, 136.5 + i / 100, Status.IN_SERVICE)
            for i, name in enumerate([*early, "undated"])
        )
        + (
            Site(
                "never-began", "局", "24201", 34.9, 136.5, Status.CLOSED, closed_on=before - timedelta(days=9)
            ),
            Site("closed", "局", "24201", 34.9, 136.6, Status.CLOSED, closed_on=today),
        ),
        site_operators=tuple(SiteOperator("S4", operator, on) for operator, on in days.items())
        + tuple(SiteOperator(*row) for row in further),
        districts=tuple(District(f"D{i}", "24201", f"地区{i}", shape) for i, shape in enumerate(shapes)),
    )
    with open_store(postgis_url) as store:
        store.load_ledger(ledger, by=BY, source="試験")
    _run_script(postgis_url)
    return postgis_url.replace("//ledger@", "//gap_reader@")


def _rows(url: str, sql: str) -> list[Any]:
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode()).fetchall()


def test_only_sites_that_have_been_in_service_are_offered_with_operators_that_have_started(
    offered: str,
) -> None:
    found = _rows(
        offered, "SELECT site_id, status, operators FROM sites WHERE site_id LIKE 'S%' ORDER BY site_id"
    )
    # S6 is 廃止 without ever having had a service date: a plan that was given up.
    assert found == [("S4", "供用中", "alpha"), ("S5", "停止", "alpha")]


def test_a_site_entered_ahead_of_its_day_is_not_offered(offered: str) -> None:
    found = _rows(offered, "SELECT site_id FROM sites WHERE site_id NOT LIKE 'S%' ORDER BY site_id")
    assert {row[0] for row in found} == {"month", "fiscal-year", "year", "undated", "closed"}


def test_both_views_have_a_geometry_in_wgs_84_that_a_server_finds_by_itself(offered: str) -> None:
    found = _rows(
        offered,
        "SELECT f_table_name, f_geometry_column, srid, type FROM geometry_columns WHERE f_table_schema = 'gap_public' ORDER BY 1",
    )
    assert found == [("districts", "geom", 4326, "GEOMETRY"), ("sites", "geom", 4326, "POINT")]
    shapes = _rows(offered, "SELECT id, ST_AsText(geom) FROM districts ORDER BY id")
    assert shapes[0][1] == "POINT(136.5 34.7)"
    # tipg puts the id into an address and fails at a slash.
    assert [shape[0] for shape in shapes] == ["D0~11", "D1~11"]
    assert shapes[1][1].startswith("POLYGON")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM coverage_gap.site_current",
        "SELECT 1 FROM coverage_gap.site_event",
        "SELECT 1 FROM coverage_gap.audit",
        "SELECT 1 FROM coverage_gap.read_token_current",
        "UPDATE gap_public.districts SET name = 'x'",
        "DELETE FROM gap_public.sites",
        "INSERT INTO gap_public.districts (id) VALUES ('x')",
        "CREATE TABLE gap_public.mine (x int)",
        "DROP VIEW gap_public.sites",
    ],
)
def test_the_reading_role_can_do_nothing_else(offered: str, sql: str) -> None:
    import psycopg

    # Views of more than one table cannot be written through by anybody, which is said before rights are looked at.
    refusals = (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.FeatureNotSupported,
    )
    with pytest.raises(refusals):
        _rows(offered, sql)


def test_the_script_may_be_run_again(offered: str) -> None:
    _run_script(offered.replace("//gap_reader@", "//ledger@"))
    assert len(_rows(offered, "SELECT 1 FROM sites")) == 7


def test_a_database_without_a_ledger_is_said_to_be_so(postgis_url: str) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.RaiseException, match="coverage-gap db init"):
        _run_script(postgis_url)
