"""Stores to run the contract on: each test runs once on SQLite and once on PostGIS."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from coverage.store.locate import open_store


def _shared(name: str, path: str) -> ModuleType:
    """A module of the tests' own, loaded once for the session wherever it is asked for."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).resolve().parent.parent / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


postgis = _shared("postgis_cluster", "postgis_fixture/cluster.py")

OpenStore = Callable[..., Any]


class FakeClock:
    """A clock that stands still until told otherwise; every reading is a millisecond after the one before."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def set(self, now: datetime) -> None:
        self.now = now

    def jump(self, **step: float) -> None:
        self.now += timedelta(**step)


@pytest.fixture
def clock() -> FakeClock:
    """Starts on 2017-04-10 09:00 in Japan."""
    return FakeClock(datetime(2017, 4, 10, 0, 0, tzinfo=UTC))


@pytest.fixture(params=["sqlite", pytest.param("postgis", marks=pytest.mark.postgis)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store of the adapter under test lies."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite")
    return str(_cluster().ledger())


def _cluster() -> Any:
    reason = postgis.why_not()
    if reason is not None:
        pytest.skip(reason)
    return postgis.cluster()


@pytest.fixture
def postgis_url() -> str:
    """An empty PostGIS database."""
    return str(_cluster().database())


@pytest.fixture
def reopen(store_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[OpenStore]:
    """Open the store under test, also a second time; everything is closed at the end."""
    with contextlib.ExitStack() as opened:

        def again(**options: Any) -> Any:
            options.setdefault("clock", clock)
            store = open_store(store_url, backup_dir=tmp_path / "backups", **options)
            opened.callback(store.close)
            return store

        yield again


@pytest.fixture
def store(reopen: OpenStore) -> Any:
    """An empty store."""
    return reopen()


@pytest.fixture
def tamper(store_url: str) -> Callable[[Sequence[str]], None]:
    """Work on the database past all guards, as somebody with its file or its superuser could, leaving no guard off."""

    def work(statements: Sequence[str]) -> None:
        if store_url.startswith("postgresql:"):
            import psycopg

            url = store_url.replace("//ledger@", "//postgres@")
            with psycopg.connect(url) as connection:
                connection.execute("SET session_replication_role = replica")
                connection.execute("SET search_path = coverage_gap, public")
                for statement in statements:
                    connection.execute(statement.encode())
            return
        with contextlib.closing(sqlite3.connect(store_url)) as connection:
            triggers = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            for _, sql in triggers:
                connection.execute(sql)
            connection.commit()

    return work
