"""A throw-away PostgreSQL cluster with PostGIS on a unix socket, for tests.

PostgreSQL refuses to run as root, so as root everything runs as the system user ``postgres`` (who comes with Debian's
package postgresql-15-postgis-3). Where there is no PostgreSQL with PostGIS, ``why_not()`` says so and tests skip.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

OWNER = "ledger"
"""Owner of the databases: no superuser, as a careful office would have it."""
_TEMPLATE = "with_postgis"
_numbers = itertools.count(1)


@functools.cache
def _programs() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("postgres")
    if found:
        folders.append(Path(found).parent)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


@functools.cache
def why_not() -> str | None:
    """Why no cluster can be had on this machine; None when one can."""
    programs = _programs()
    if sys.platform == "win32" or programs is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql-15-postgis-3)"
    share = subprocess.run(
        [programs / "pg_config", "--sharedir"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not (Path(share) / "extension" / "postgis.control").exists():
        return "PostgreSQL is there without PostGIS (Debian: apt-get install postgresql-15-postgis-3)"
    return None


class Cluster:
    """One server for the whole test session; every test gets a database of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cgp-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.folder.chmod(0o755)
        self._run(
            "initdb",
            "-D",
            str(self.folder / "data"),
            "--auth=trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--no-sync",
        )
        # fsync off: these tests kill clients, never the machine.
        options = f"-c listen_addresses='' -c fsync=off -c max_connections=60 -k {self.folder}"
        self._run(
            "pg_ctl",
            "-D",
            str(self.folder / "data"),
            "-o",
            options,
            "-l",
            str(self.folder / "log"),
            "-w",
            "start",
        )
        atexit.register(self.stop)
        self.sql("postgres", f"CREATE ROLE {OWNER} LOGIN")
        self.sql("postgres", f"CREATE DATABASE {_TEMPLATE} OWNER {OWNER}")
        self.sql(_TEMPLATE, "CREATE EXTENSION postgis")

    def _run(self, program: str, *arguments: str) -> None:
        programs = _programs()
        assert programs is not None
        command: Sequence[str] = [str(programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout[-2000:]}")

    def sql(self, database: str, statement: str) -> None:
        """One statement as superuser."""
        import psycopg

        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def database(self) -> str:
        """URL of a new, empty database that has PostGIS."""
        return self._database(_TEMPLATE)

    def ledger(self) -> str:
        """URL of a new database that holds an empty ledger (a copy of one that was migrated once)."""
        return self._database(self._ledger_template)

    def _database(self, template: str) -> str:
        name = f"ledger_{os.getpid()}_{next(_numbers)}"
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
        return self.url(name)

    @functools.cached_property
    def _ledger_template(self) -> str:
        from coverage.store.postgis import PostgisStore

        url = self.database()
        PostgisStore(url).close()
        return url.split("/")[3].split("?")[0]

    def url(self, database: str, user: str = OWNER) -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def stop(self) -> None:
        try:
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


@functools.cache
def cluster() -> Cluster:
    """The session's cluster; started at the first use (about 2 s)."""
    return Cluster()
