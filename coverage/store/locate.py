"""Where a store is, and opening it: a path, ``sqlite:///path`` or ``postgresql://user@host/database``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from coverage.errors import InputError
from coverage.settings import Settings
from coverage.store.clock import Clock, utc_now

if TYPE_CHECKING:
    from coverage.store.postgis import PostgisStore
    from coverage.store.protocol import Store
    from coverage.store.sqlite import SqliteStore

    def _both_keep_the_protocol(one: SqliteStore, other: PostgisStore) -> tuple[Store, Store]:
        return one, other


_POSTGRES = re.compile(r"^(postgresql|postgres|postgis)(\+psycopg)?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Location:
    """``path`` for a SQLite file, None for a database server; ``name`` is what messages call it (never a password)."""

    url: str
    path: Path | None
    name: str

    @classmethod
    def parse(cls, url: str) -> Location:
        """Raises InputError for anything else than a path, sqlite: or postgresql:."""
        if _POSTGRES.match(url):
            parts = urlsplit(_POSTGRES.sub("postgresql://", url))
            name = unquote(parts.path.lstrip("/"))
            if name:
                return cls(_POSTGRES.sub("postgresql://", url), None, name)
        elif url.lower().startswith("sqlite:"):
            # sqlite:///relative, sqlite:////absolute and sqlite:///C:/absolute, as SQLAlchemy writes them.
            text = url[len("sqlite:") :]
            if text.startswith("///") and len(text) > 3:
                path = Path(unquote(text[3:]))
                return cls(url, path, path.name)
        elif url.strip() and "://" not in url:
            path = Path(url)
            return cls(url, path, path.name)
        raise InputError(
            "store-url-invalid",
            "台帳の場所の書き方が違います。ファイル名、sqlite:///ファイル名、postgresql://利用者@ホスト/データベース のどれかにしてください。",
            "The store's place is not understood; give a file name, sqlite:///file or postgresql://user@host/database.",
        )


def folder_of_server() -> Path:
    """Where what belongs to the ledger of a database server is kept on this machine: backups and heads of the chain.

    A file has a place beside it; a server has none, and the working folder is another one each time. So it is the
    folder of COVERAGE_GAP_BACKUPS, else ``backups`` beside the runs folder.
    """
    settings = Settings.from_environment()
    return settings.backups_folder or settings.runs_folder.resolve().parent / "backups"


def open_store(
    url: str,
    *,
    create: bool = True,
    migrate: bool = True,
    backup_dir: Path | None = None,
    clock: Clock = utc_now,
    busy_seconds: float = 60.0,
) -> SqliteStore | PostgisStore:
    """Open the store at ``url``; see the adapters for what ``create`` and ``migrate`` do and what is raised."""
    location = Location.parse(url)
    options: dict[str, Any] = {
        "create": create,
        "migrate": migrate,
        "backup_dir": backup_dir,
        "clock": clock,
        "busy_seconds": busy_seconds,
    }
    if location.path is not None:
        from coverage.store.sqlite import SqliteStore

        return SqliteStore(location.path, **options)
    from coverage.store.postgis import PostgisStore

    return PostgisStore(location.url, **options)
