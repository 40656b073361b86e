"""The login in front of everything that the server has, pages, socket and files alike, whichever the settings ask for.

:class:`FrontDoor` is the outermost ring around the app, however the app was started. ``auth = basic-file`` is HTTP
Basic (:class:`Login`, here), ``oidc`` is in :mod:`coverage.web.oidc`, ``proxy-header`` asks for the proxy's word where
even summaries need one.

The middleware stands outside of Streamlit, so that its own paths (``/_stcore/stream``, ``/media``, uploads, static
files) are behind the login too. It checks the password, takes it out of the request, and writes down who was let in in
a header that carries a secret of this process: nobody else can write it, and without this middleware in front nobody is
let in (:func:`coverage.web.visitors.principal_for`). Source: RFC 7617.

Without a password pass: ``/healthz``; municipal summaries where the setting says so; and requests with a read token to
the addresses that know tokens, which judge the token themselves.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from coverage.errors import CoverageGapError
from coverage.services.passwords import PasswordBook
from coverage.settings import Settings
from coverage.web.documents import error_page
from coverage.web.oidc_settings import read_oidc_settings
from coverage.web.security import DATA_POLICY, HEADERS
from coverage.web.visitors import LOGIN_HEADER, check_auth, login_word, password_file

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOG = logging.getLogger(__name__)

CHALLENGE: Final = 'Basic realm="coverage-gap", charset="UTF-8"'
FAILURE_DELAY_S: Final = 1.0
"""How long an answer to a wrong password waits."""
_AT_ONCE: Final = 2
"""Hashes computed at the same time: each takes 32 MiB and a processor."""
_KNOWS_TOKENS: Final = ("/api/", "/map/")
_SUMMARY: Final = re.compile(
    r"/api/v1(/(index\.json|SHA256SUMS|schema/[a-z-]+\.json|municipalities\.geojson|municipalities\.csv(-metadata\.json)?"
    r"|municipalities/[0-9]{5,6}\.(geojson|csv|csv-metadata\.json|xlsx|gpkg|pdf))?)?"
)
_READING: Final = ("GET", "HEAD")


class Login:
    """Middleware around the whole app."""

    def __init__(
        self, app: ASGIApp, book: PasswordBook, *, public_summaries: bool, delay_s: float = FAILURE_DELAY_S
    ) -> None:
        self.app = app
        self._book = book
        self._public_summaries = public_summaries
        self._delay_s = delay_s
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            return
        try:
            user_id = await self._user(scope)
        except CoverageGapError as error:
            _LOG.exception("the password file cannot be used: nobody is let in")
            await refuse(scope, receive, send, 503, error)
            return
        if user_id is None:
            await refuse(scope, receive, send, 401, _NEEDED, challenge=CHALLENGE)
            return
        await self.app(let_in(scope, user_id), receive, send)

    async def _user(self, scope: Scope) -> str | None:
        """The user let in; "" for nobody in particular, None for one who is to stay outside."""
        scheme, _, credentials = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            named = _credentials(credentials)
            if named is not None:
                if self._book.remembers(*named):
                    return named[0]
                async with self._turn:
                    fits = await asyncio.to_thread(self._book.fits, *named)
                if fits:
                    return named[0]
            # A wrong password is told so even where none is needed: whoever types one wants to be let in.
            await asyncio.sleep(self._delay_s)
            return None
        return "" if may_pass_unnamed(scope, public_summaries=self._public_summaries) else None


class NamedByProxy:
    """Middleware for ``auth = proxy-header`` where even summaries need a login: who comes without a name stays outside.

    A location that the proxy lets through without asking then opens nothing but ``/healthz`` and what a read token may
    read.
    """

    def __init__(self, app: ASGIApp, user_header: str) -> None:
        self.app = app
        self._user_header = user_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and not (
            Headers(scope=scope).get(self._user_header, "").strip() or _token_or_health(scope)
        ):
            await refuse(scope, receive, send, 401, _NEEDED)
            return
        await self.app(scope, receive, send)


class FrontDoor:
    """The outermost middleware: the login that the settings ask for, or nothing where they ask for none.

    An app whose login cannot be served as it is set up does not start; should its files go wrong later, nobody is let
    in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._doors: dict[Settings, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._begin(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            return
        try:
            settings = Settings.from_environment()
            inner = self._doors.get(settings)
            if inner is None:
                inner = self._doors[settings] = door(self.app, settings)
        except CoverageGapError as error:
            _LOG.error("the login cannot be served: nobody is let in (%s)", error.code)
            await refuse(scope, receive, send, 503, error)
            return
        await inner(scope, receive, send)

    async def _begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            settings = Settings.from_environment()
            _check_own_address(settings)
            check_auth(settings)
        except CoverageGapError as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await self.app(scope, receive, send)


def _check_own_address(settings: Settings) -> None:
    """As ``coverage-gap serve`` checks it, where Streamlit started the app and was told an address."""
    from streamlit import config

    from coverage.web.server import check_address

    address = config.get_option("server.address")
    if address:
        check_address(settings, str(address))


def door(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The app behind our own login, or behind the proxy's, as far as they are to be asked.

    Raises EnvironmentProblemError where the login's files are missing or wrong.
    """
    if settings.auth == "basic-file":
        book = PasswordBook(password_file(settings))
        return Login(app, book, public_summaries=settings.public_summaries, delay_s=FAILURE_DELAY_S)
    if settings.auth == "oidc":
        from coverage.web.oidc import OidcLogin

        return OidcLogin(app, read_oidc_settings(settings), public_summaries=settings.public_summaries)
    if settings.auth == "proxy-header" and not settings.public_summaries:
        return NamedByProxy(app, settings.user_header)
    return app


def may_pass_unnamed(scope: Scope, *, public_summaries: bool) -> bool:
    """Whether nobody in particular may ask this: health, municipal summaries where the setting says so, read tokens."""
    if _token_or_health(scope):
        return True
    reading = scope["type"] == "http" and scope["method"] in _READING
    return reading and public_summaries and _SUMMARY.fullmatch(scope["path"]) is not None


def _token_or_health(scope: Scope) -> bool:
    """Whether nobody in particular may ask this: health, or an address that judges the read token it is given."""
    if scope["type"] != "http" or scope["method"] not in _READING:
        return False
    path: str = scope["path"]
    bearer = Headers(scope=scope).get("authorization", "").lower().startswith("bearer ")
    return path == "/healthz" or (bearer and path.startswith(_KNOWS_TOKENS))


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    told: CoverageGapError,
    *,
    challenge: str | None = None,
) -> None:
    """Answer a request that is not let in: a page to people, JSON to programs, no handshake to a socket."""
    if scope["type"] == "websocket":
        # Closing before accepting: the server answers the handshake with 403.
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    response: Response
    if "text/html" in Headers(scope=scope).get("accept", ""):
        response = error_page(status, told.code, ja=told.ja, en=told.en)
    else:
        response = JSONResponse({"error": told.as_dict()}, status_code=status)
        response.headers["Content-Security-Policy"] = DATA_POLICY
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-store"
    if challenge is not None:
        response.headers["WWW-Authenticate"] = challenge
    await response(scope, receive, send)


_NEEDED: Final = CoverageGapError(
    "login-needed",
    "利用者IDとパスワードが必要です。分からなければ管理者に尋ねてください。",
    "A user id and a password are needed; ask an administrator if you have none.",
)


def _credentials(text: str) -> tuple[str, str] | None:
    """User and password of an Authorization header; None where it is malformed."""
    try:
        user_id, colon, password = (
            base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
        )
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (user_id, password) if colon and user_id else None


def without_login(scope: Scope) -> Scope:
    """The request without any word in :data:`LOGIN_HEADER`, which is ours alone to write."""
    word = LOGIN_HEADER.encode("ascii")
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != word]}


def let_in(scope: Scope, user_id: str, until: float | None = None) -> Scope:
    """The request as the app sees it: no password, no word but ours. ``until``: as of ``visitors.login_word``."""
    kept = [
        (name, value)
        for name, value in without_login(scope)["headers"]
        if not (name.lower() == b"authorization" and value[:6].lower() == b"basic ")
    ]
    word = (LOGIN_HEADER.encode("ascii"), login_word(user_id, until).encode("ascii"))
    return {**scope, "headers": [*kept, word]}
