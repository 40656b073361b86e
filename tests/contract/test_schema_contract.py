"""A PostGIS database of every released schema opens too, and geometry columns hold what the rows say."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from coverage.errors import NotFoundError, StorageError
from coverage.store.backup import anchor_log, check_backup, restore
from coverage.store.locate import Location, open_store
from coverage.store.migrate import latest_version, migrations
from coverage.store.postgis import MIGRATIONS, PostgisStore
from coverage.store.protocol import Actor

ADMIN = Actor("sato", "admin")
RELEASED = Path(__file__).resolve().parent.parent / "data" / "schema"

pytestmark = pytest.mark.postgis


def _released(number: int, folder: Path) -> Path:
    path = folder / f"released-{number}.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((RELEASED / f"schema-{number:04d}.sql").read_text(encoding="utf-8"))
    return path


@pytest.mark.parametrize("number", [m.number for m in migrations(MIGRATIONS)])
def test_what_any_release_left_is_restored_and_brought_up_to_date(
    tmp_path: Path, postgis_url: str, number: int
) -> None:
    source = _released(number, tmp_path)
    head, counts = check_backup(source)
    restore(source, postgis_url, log=tmp_path / "heads.log")
    with open_store(postgis_url) as store:
        assert store.schema_version == latest_version(MIGRATIONS)
        assert store.head() == head
        assert counts.items() <= store.counts().items()
        assert store.verify_audit([head]).ok
        assert [s.site_id for s in store.sites_within((136.24, 34.0, 136.25, 34.1))] == ["T-001"]


def test_an_older_database_is_migrated_after_a_backup(tmp_path: Path, postgis_url: str) -> None:
    with PostgisStore(postgis_url, up_to=1) as old:
        old.restate(2016, -1, reason="訂正", by=ADMIN)
        head = old.head()
    with pytest.raises(StorageError) as caught:
        PostgisStore(postgis_url, migrate=False)
    assert caught.value.code == "schema-old"
    with PostgisStore(postgis_url, backup_dir=tmp_path) as store:
        assert store.schema_version == latest_version(MIGRATIONS)
        assert store.verify_audit([head]).ok
    saved = next(tmp_path.glob("*.schema-0001.*.sqlite"))
    assert check_backup(saved)[0] == head


def test_a_servers_backups_and_heads_have_a_folder_beside_the_runs_and_never_the_working_folder(
    tmp_path: Path, postgis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, state = tmp_path / "here", tmp_path / "state"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("COVERAGE_GAP_BACKUPS", raising=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(state / "runs"))
    with PostgisStore(postgis_url, up_to=1) as old:
        old.restate(2016, -1, reason="訂正", by=ADMIN)
        head = old.head()
    assert not state.exists(), "there was nothing to save in an empty ledger"
    with open_store(postgis_url) as store:
        assert store.schema_version == latest_version(MIGRATIONS)
    # One before each migration; the first holds what there was.
    kept = sorted((state / "backups").iterdir())
    saved = kept[0]
    assert ".schema-0001." in saved.name
    assert check_backup(saved)[0] == head
    restore(saved, postgis_url, force=True)
    assert len(list((state / "backups").glob("*.sqlite"))) > len(kept), (
        "what was there is saved before it is replaced"
    )
    assert anchor_log(Location.parse(postgis_url)).parent == state / "backups"
    assert list(here.iterdir()) == []


def test_a_folder_for_backups_that_is_set_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("COVERAGE_GAP_BACKUPS", str(tmp_path / "elsewhere"))
    server = Location.parse("postgresql://app@db/mie")
    assert anchor_log(server) == tmp_path / "elsewhere" / "mie.heads.log"
    assert anchor_log(Location.parse(str(tmp_path / "a.sqlite"))) == tmp_path / "a.heads.log"


def test_an_empty_database_is_not_taken_for_a_ledger(postgis_url: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        PostgisStore(postgis_url, create=False)
    assert caught.value.code == "store-not-found"


def test_a_server_that_does_not_answer_is_said_so_without_its_password() -> None:
    with pytest.raises(StorageError) as caught:
        PostgisStore("postgresql://app:secret@127.0.0.1:1/mie")
    assert caught.value.code == "store-cannot-open"
    assert "secret" not in str(caught.value)
    assert "mie" in caught.value.en


def test_geometry_columns_hold_what_the_rows_say(tmp_path: Path, postgis_url: str) -> None:
    restore(_released(2, tmp_path), postgis_url, log=tmp_path / "heads.log")
    with open_store(postgis_url) as store, store._read() as session:
        rows = session.all("SELECT ST_AsText(geom), ST_SRID(geom) FROM site_current WHERE site_id = 'T-001'")
        assert rows == [("POINT(136.2456 34.0123)", 4326)]
        area = session.all("SELECT ST_Area(geom), GeometryType(geom) FROM district_current")[0]
        assert area == (pytest.approx(0.01), "POLYGON")
        registered = session.all(
            "SELECT f_table_name FROM geometry_columns WHERE f_table_schema = 'coverage_gap' ORDER BY 1"
        )
        assert {"site_current", "district_current", "site_event"} <= {name for (name,) in registered}
