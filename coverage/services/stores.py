"""Opening the ledger's store for a use case, and who a person at the server's own command line is."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from coverage.errors import PermissionDeniedError
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.settings import Settings

DEFAULT_STORE = "ledger.sqlite"


def store_url(context: AppContext | None, given: str | None = None) -> str:
    """The store asked for, the context's, the environment's, or ``ledger.sqlite`` here."""
    if given:
        return given
    if context is not None and context.store_url:
        return context.store_url
    return Settings.from_environment().store_url or DEFAULT_STORE


def open_context_store(context: AppContext | None, given: str | None = None) -> Any:
    """The store, to be used in a ``with`` block; made where there is none yet."""
    from coverage.store.locate import open_store

    return open_store(store_url(context, given), backup_dir=Settings.from_environment().backups_folder)


def command_line_principal(given: str | None = None) -> Principal:
    """Who types. With ``auth = local`` the one user of this machine has every role; elsewhere the store's users rule.

    Raises PermissionDeniedError for a login that the store does not know.
    """
    settings = Settings.from_environment()
    login = own_login()
    if settings.auth == "local":
        return Principal(login, Role.ADMIN)
    with open_context_store(None, given) as store:
        user = store.user(login)
    if user is None or not user.active:
        raise PermissionDeniedError(
            "user-unknown",
            f"利用者「{login}」は登録されていません。管理者に登録を頼んでください。",
            f"The user '{login}' is not registered; ask an administrator.",
        )
    return Principal(login, Role(user.role), frozenset(user.municipality_codes))


def own_login() -> str:
    """The login name of this process, for the audit trail."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "local"


def store_exists(url: str) -> bool:
    """Whether a SQLite store is there already; a server is asked when it is opened."""
    from coverage.store.locate import Location

    location = Location.parse(url)
    return location.path is None or Path(location.path).is_file()
