"""Write ``schema-NNNN.sql``: a small ledger as the release with that schema left it.

    python tests/data/schema/make.py [NUMBER]

A released file is never made again: it stands for the databases that are out there. Add one for each new migration.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import shapely

from coverage.domain.ledger import (
    Actual,
    District,
    Funding,
    Ledger,
    OpeningBalance,
    Purpose,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.store.events import Kind, change_of
from coverage.store.migrate import latest_version
from coverage.store.protocol import Actor
from coverage.store.sqlite import APPLICATION_ID, MIGRATIONS, SqliteStore

PLANNER, ADMIN = Actor("tanaka", "planner"), Actor("sato", "admin")


def fill(store: SqliteStore) -> None:
    """A story that touches every table of the store's schema."""
    store.set_user("sato", role="admin", by=ADMIN, expected_version=0)
    store.load_ledger(
        Ledger(
            sites=(
                Site(
                    "T-001",
                    "九鬼",
                    "24209",
                    34.0123,
                    136.2456,
                    Status.PLANNED,
                    30.0,
                    Funding.NATIONAL_SUBSIDY,
                    Purpose.RESIDENTIAL,
                ),
                Site("T-000", "古い局", "24209", 34.1, 136.3, Status.IN_SERVICE),
                Site("T-000b", "古い局の隣", "24209", 34.1001, 136.3, Status.IN_SERVICE),
            ),
            site_operators=(SiteOperator("T-000", "docomo", date(2011, 3, 31)),),
            districts=(
                District(
                    "D-01", "24209", "九鬼", shapely.box(136.2, 34.0, 136.3, 34.1), 42, 97, date(2010, 4, 1)
                ),
            ),
            site_districts=(SiteDistrict("T-001", "D-01"),),
            opening_balances=(OpeningBalance(2015, 70, "政策シート", date(2016, 4, 1)),),
            actuals=(Actual("406", 2016, 48.0, "運用報告"),),
            municipality_mergers={"24322": "24209"},
        ),
        by=ADMIN,
        source="見本",
    )
    site = Site("T-002", "早田", "24209", 34.03, 136.27, Status.PLANNED)
    staged = store.stage_import(
        [change_of(site, row=0)],
        by=PLANNER,
        table_name="sites",
        file_name="一覧.csv",
        content=b"site_id\nT-002\n",
    )
    store.commit_import(staged.import_id, by=ADMIN)
    store.set_status("T-001", Status.IN_SERVICE, on=date(2017, 3, 25), by=ADMIN, expected_version=1)
    store.put(
        Kind.SITE_OPERATOR,
        {"site_id": "T-001", "operator": "docomo", "in_service_date": date(2017, 3, 25)},
        by=PLANNER,
        expected_version=0,
    )
    store.allocate("T-000", by=ADMIN)
    store.answer_distinct("T-000", "T-000b", same=True, by=ADMIN)
    store.restate(2016, -1, reason="訂正", by=ADMIN)
    store.publish(
        "count", b"70", media_type="text/plain", values={"40604:2016": 70}, published_on=date(2017, 6, 30), by=ADMIN,
        freeze={2016: 70},
    )  # fmt: skip
    store.put(Kind.SETTING, {"name": "achievement_cap", "value": 1.0}, by=ADMIN, expected_version=0)
    store.put(
        Kind.DATASET,
        {"layer": "boundaries", "edition": "2021-01-01", "digest": "0" * 64},
        by=ADMIN,
        expected_version=0,
    )
    store.put(
        Kind.RUN,
        {"run_id": "0" * 16, "digest": "0" * 64, "region_id": "mihon", "as_of_tx": 5},
        by=ADMIN,
        expected_version=0,
    )
    if store.schema_version >= 2:
        undone = store.stage_import(
            [change_of(Site("T-003", "曽根", "24209", 34.0, 136.2, Status.PLANNED))],
            by=PLANNER,
            table_name="sites",
            file_name="二.csv",
            content=b"T-003",
            accept=True,
        )
        store.undo_import(undone.import_id, by=ADMIN, reason="違うファイル")
        store.file_challenge(
            by=Actor("owase", "municipality"),
            municipality_code="24209",
            observed_on=date(2017, 4, 1),
            note="峠",
            lat=34.0,
            lon=136.2,
        )
        store.issue_token("QGIS", role="viewer", by=ADMIN)
        measured = {
            "measurement_id": "M-1",
            "lat": 34.0,
            "lon": 136.2,
            "measured_on": date(2017, 4, 1),
            "operator": "docomo",
            "rsrp_dbm": -108.5,
        }
        store.put(Kind.MEASUREMENT, measured, by=ADMIN, expected_version=0)
        store.put(Kind.SCENARIO, {"name": "案A", "content": {"sites": ["C-1"]}}, by=ADMIN, expected_version=0)
    if store.schema_version >= 3:
        noted = store.add_footnote("40604", 2016, ja="統合により1基減", by=ADMIN).key
        store.correct_footnote(
            noted,
            ja="統合により1基減（九鬼）",
            en="one fewer",
            by=ADMIN,
            expected_version=1,
            reason="場所を足す",
        )


def dump(version: int) -> str:
    """The ledger of :func:`fill` at a schema version as SQL."""
    now = datetime(2017, 4, 10, tzinfo=UTC)

    def clock() -> datetime:
        nonlocal now
        now += timedelta(hours=1)
        return now

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        with SqliteStore(path, clock=clock, up_to=version) as store:
            fill(store)
            assert store.verify_audit().ok
        with contextlib.closing(sqlite3.connect(path)) as connection:
            body = "\n".join(connection.iterdump())
    return f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\n{body}\n"


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else latest_version(MIGRATIONS)
    target = Path(__file__).with_name(f"schema-{number:04d}.sql")
    target.write_text(dump(number), encoding="utf-8", newline="\n")
    print(target.name)
