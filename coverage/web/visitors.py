"""Who asks: one function for pages and routes alike, from the headers of the request.

The proxy states the user's id in a header that nobody else can send, because the app listens on loopback; a program
(curl, QGIS) sends a read token instead. With ``auth = basic-file`` and ``oidc`` our own login (:mod:`coverage.web.login`,
:mod:`coverage.web.oidc`) stands in the proxy's place and states the user in a header that carries a secret of this
process. What the person may do is decided by :mod:`coverage.services.access` alone.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import quote, unquote

from coverage.errors import EnvironmentProblemError, InputError, PermissionDeniedError
from coverage.services.access import (
    ANONYMOUS,
    Principal,
    Role,
    guest,
    principal_of_token,
    principal_of_user,
)
from coverage.services.passwords import PasswordBook
from coverage.services.stores import own_login
from coverage.settings import PREFIX, Settings
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.oidc_settings import read_oidc_settings

OWN_LOGINS: Final = ("basic-file", "oidc")
"""Auth modes in which our own login stands in front."""
LOGIN_HEADER: Final = "x-coverage-gap-login"
_LOGIN_SECRET: Final = secrets.token_hex(32)
_REMEMBERED_S: Final = 15.0
"""How long a role read from the store is believed: a role taken away is gone after that."""

_seen: dict[tuple[str, str], tuple[float, Principal | None]] = {}
_lock = Lock()


def check_auth(settings: Settings) -> None:
    """Raise EnvironmentProblemError for an auth mode that cannot be served as it is set up."""
    if settings.auth == "basic-file":
        PasswordBook(password_file(settings))
    elif settings.auth == "oidc":
        from coverage.web.oidc import prepare

        prepare(read_oidc_settings(settings))


def password_file(settings: Settings) -> Path:
    """The file of ``auth = basic-file``. EnvironmentProblemError "basic-file-unset" where none is named."""
    if settings.basic_file is None:
        raise EnvironmentProblemError(
            "basic-file-unset",
            f"認証方式 basic-file には {PREFIX}BASIC_FILE が必要です。ファイルは coverage-gap db password で作ります。",
            f"The auth mode basic-file needs {PREFIX}BASIC_FILE; 'coverage-gap db password' makes the file.",
        )
    return settings.basic_file


def login_word(user_id: str, until: float | None = None) -> str:
    """What our own login writes into :data:`LOGIN_HEADER` for one whom it let in; "" for nobody in particular.

    ``until``: seconds since 1970 after which the word is worth nothing; a socket may be open for longer than that.
    """
    end = "" if until is None else f" {until:.0f}"
    return f"{_LOGIN_SECRET} {quote(user_id, safe='')}{end}"


def _let_in(headers: Mapping[str, str]) -> str:
    """The user whom our own login let in.

    Raises EnvironmentProblemError where it does not stand in front, PermissionDeniedError "login-over" where the
    session has ended since.
    """
    secret, _, rest = headers.get(LOGIN_HEADER, "").partition(" ")
    if not hmac.compare_digest(secret.encode("utf-8", "replace"), _LOGIN_SECRET.encode("ascii")):
        raise EnvironmentProblemError(
            "login-not-in-front",
            "ログインの確認を通っていない要求です。coverage-gap serve か streamlit run app.py で起動してください。",
            "This request did not pass the login; start the app with 'coverage-gap serve' or 'streamlit run app.py'.",
        )
    user_id, _, until = rest.partition(" ")
    if until and time.time() >= float(until):
        raise PermissionDeniedError(
            "login-over",
            "ログインの期限が切れました。画面を開き直してください。",
            "The login has ended; open the page again.",
        )
    return unquote(user_id)


def principal_for(headers: Mapping[str, str], settings: Settings | None = None) -> Principal:
    """The principal behind a request. Header names are compared without case by the mapping itself.

    ``local``: this machine's user, with every role. ``proxy-header``, ``basic-file``, ``oidc``: the user whom the proxy
    or our own login names; a stranger to the store is refused. A bearer token reads only. Everything else is an
    anonymous visitor. Raises PermissionDeniedError "user-unknown", "token-unknown" or "login-over", and
    EnvironmentProblemError "login-not-in-front" for a request that came past our own login.
    """
    settings = settings or Settings.from_environment()
    if settings.auth == "local":
        return Principal(own_login(), Role.ADMIN)
    named = _let_in(headers) if settings.auth in OWN_LOGINS else ""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        found = _remembered("token", secret.strip())
        if found is None:
            raise PermissionDeniedError(
                "token-unknown",
                "この閲覧トークンは登録がないか、期限切れか、取り消されています。管理者に新しいものを頼んでください。",
                "This read token is unknown, expired or revoked; ask an administrator for a new one.",
            )
        return found
    if settings.auth == "proxy-header":
        named = headers.get(settings.user_header.lower(), "").strip()
    if named:
        found = _remembered("user", named)
        if found is None:
            raise PermissionDeniedError(
                "user-unknown",
                "この利用者は登録されていません。管理者に登録を頼んでください。",
                "This user is not registered; ask an administrator.",
            )
        return found
    return ANONYMOUS


def page_visitor(headers: Mapping[str, str], settings: Settings | None = None) -> Principal:
    """The principal behind a visit to the pages, where nobody who may come near is turned away.

    One whom the office's login names and to whom the ledger gives no role is a guest: looks at what is public and may
    file challenges under that name, because anyone in the office may. One whose role was taken away, and one with a
    token that opens nothing, only looks.
    """
    settings = settings or Settings.from_environment()
    try:
        return principal_for(headers, settings)
    except InputError:
        # A name that no ledger could hold.
        return ANONYMOUS
    except PermissionDeniedError as error:
        if error.code != "user-unknown":
            return ANONYMOUS
    own = settings.auth in OWN_LOGINS
    named = _let_in(headers) if own else headers.get(settings.user_header.lower(), "").strip()
    context = web_context()
    if not has_ledger(context) or not named.isprintable():
        return ANONYMOUS
    with open_ledger(context) as store:
        return guest(named) if store.user(named) is None else ANONYMOUS


def _remembered(kind: str, key: str) -> Principal | None:
    now = time.monotonic()
    with _lock:
        held = _seen.get((kind, key))
        if held is not None and now - held[0] < _REMEMBERED_S:
            return held[1]
    found = _looked_up(kind, key)
    with _lock:
        if len(_seen) > 5000:
            _seen.clear()
        _seen[kind, key] = (now, found)
    return found


def _looked_up(kind: str, key: str) -> Principal | None:
    context = web_context()
    if not has_ledger(context):
        return None
    with open_ledger(context) as store:
        if kind == "user":
            return principal_of_user(store.user(key), user_id=key)
        token = store.token(key)
        return None if token is None else principal_of_token(token)
