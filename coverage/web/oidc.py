"""``auth = oidc``: the office's identity provider in front of everything that the server has.

The exchange with the provider is Streamlit's own (``st.login``: discovery, state, nonce, PKCE where offered, ID token
checked by Authlib against the provider's keys), and so is the signed cookie in which it leaves who was let in; a page
may read ``st.user``. Streamlit asks for the cookie on the socket only and takes it for 30 days. This middleware asks
for it on every address, ends a session after the hours that are set, and names the user to pages and routes alike, in
the header that :mod:`coverage.web.login` uses too.

A browser without a session is sent to the provider; programs bring a read token. A login that failed ends on a page
and is not tried again by itself, or a provider that lets people pass silently would send them round in circles.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from coverage.errors import CoverageGapError, EnvironmentProblemError
from coverage.web.documents import error_page
from coverage.web.login import let_in, may_pass_unnamed, refuse, without_login
from coverage.web.oidc_settings import CALLBACK, OidcSettings
from coverage.web.security import HEADERS, host_is_allowed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger(__name__)

LOGIN: Final = "/auth/login"
LOGOUT: Final = "/auth/logout"
_PROVIDER: Final = "default"
_NEXT: Final = "coverage_gap_next"
"""Cookie of the address that was asked for before the login."""
_EXCHANGE_S: Final = 600
"""How long a person may take at the provider."""
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x7e]{0,500}")


def prepare(provider: OidcSettings) -> None:
    """Tell Streamlit about the provider, past any secrets.toml. EnvironmentProblemError without the extra [oidc]."""
    from streamlit.runtime.secrets import secrets_singleton

    try:
        import authlib  # noqa: F401
        import httpx  # noqa: F401
    except ImportError:
        raise EnvironmentProblemError(
            "extra-missing",
            "認証方式 oidc には追加部品 [oidc] が必要です。「pip install coverage-gap-planner[oidc]」で入れてください。",
            'The auth mode oidc needs the extra [oidc]; install it with "pip install coverage-gap-planner[oidc]".',
        ) from None
    secrets_singleton.merge_programmatic_secrets(
        {
            "auth": {
                "redirect_uri": provider.redirect_uri,
                "cookie_secret": provider.cookie_secret,
                "client_id": provider.client_id,
                "client_secret": provider.client_secret,
                "server_metadata_url": provider.server_metadata_url,
                "client_kwargs": {"scope": provider.scope},
            }
        }
    )


class OidcLogin:
    """Middleware around the whole app."""

    def __init__(self, app: ASGIApp, provider: OidcSettings, *, public_summaries: bool) -> None:
        from streamlit.web.server.starlette.starlette_auth_routes import create_auth_routes

        prepare(provider)
        self.app = app
        self._provider = provider
        self._public_summaries = public_summaries
        # Streamlit's three addresses, in an app of their own: its whole app never sees them.
        self._exchange = Starlette(
            routes=create_auth_routes(""),
            middleware=[
                Middleware(
                    SessionMiddleware,
                    secret_key=provider.cookie_secret,
                    session_cookie="coverage_gap_exchange",
                    max_age=_EXCHANGE_S,
                    https_only=provider.secure,
                )
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            return
        if scope["type"] == "http" and scope["path"] in {LOGIN, LOGOUT, CALLBACK}:
            await self._exchanged(scope, receive, send)
            return
        session = session_of(HTTPConnection(scope).cookies, self._provider)
        if session is not None:
            await self.app(let_in(scope, *session), receive, send)
        elif may_pass_unnamed(scope, public_summaries=self._public_summaries):
            await self.app(let_in(scope, ""), receive, send)
        elif _is_navigation(scope) and host_is_allowed(Headers(scope=scope).get("host")):
            await self._to_login(scope, receive, send)
        else:
            await refuse(scope, receive, send, 401, _NEEDED)

    async def _to_login(self, scope: Scope, receive: Receive, send: Send) -> None:
        from streamlit.auth_util import encode_provider_token

        response = RedirectResponse(f"{LOGIN}?provider={encode_provider_token(_PROVIDER)}", status_code=302)
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        if _LOCAL.fullmatch(wanted):
            response.set_cookie(
                _NEXT, wanted, max_age=_EXCHANGE_S, path=CALLBACK, secure=self._provider.secure, httponly=True
            )
        response.headers.update({**HEADERS, "Cache-Control": "no-store"})
        await response(scope, receive, send)

    async def _exchanged(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit's answer on its own addresses, with what it leaves out."""
        request = Request(scope)
        if not host_is_allowed(request.headers.get("host")):
            await refuse(scope, receive, send, 421, _HOST)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._exchange(without_login(scope), receive, hold)
        headers = MutableHeaders(scope=held[0])
        cookies = headers.getlist("set-cookie")
        target = headers.get("location", "")
        if self._provider.secure:
            cookies = [c if "; secure" in c.lower() else f"{c}; Secure" for c in cookies]
        path = scope["path"]
        let_go = path == LOGOUT and target == "/"
        back = path == CALLBACK and not {"code", "error"} & set(request.query_params)
        if let_go or back:
            # Sending them to the first page would log them in again.
            await _page(200, _GONE, cookies)(scope, receive, send)
            return
        if path == CALLBACK and not any(_opens_session(c) for c in cookies):
            _LOG.warning("a login at the identity provider failed")
            await _page(403, _FAILED, cookies)(scope, receive, send)
            return
        if path == LOGIN and not target:
            await _page(503, _UNREACHABLE, cookies)(scope, receive, send)
            return
        wanted = request.cookies.get(_NEXT, "")
        if path == CALLBACK and _LOCAL.fullmatch(wanted):
            headers["location"] = wanted
            cookies.append(f"{_NEXT}=; Max-Age=0; Path={CALLBACK}; HttpOnly; SameSite=lax")
        for name, value in {**HEADERS, "Cache-Control": "no-store"}.items():
            headers[name] = value
        del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", cookie)
        for message in held:
            await send(message)


def session_of(
    cookies: Mapping[str, str], provider: OidcSettings, *, now: Callable[[], float] = time.time
) -> tuple[str, float] | None:
    """User id and end (seconds since 1970) of the session that the cookies hold; None for none, or one that is over.

    The signature is checked by Streamlit's own function. The cookie must have been made for this address, this client
    and this provider: an office may use one cookie secret for more than one application.
    """
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        if value is None:
            return None
        days = provider.session_hours / 24
        return decode_signed_value(provider.cookie_secret, name, value.encode("latin-1", "replace"), days)

    value = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    try:
        claims = json.loads(value) if value else None
    except ValueError:
        return None
    if not isinstance(claims, dict) or claims.get("is_logged_in") is not True:
        return None
    audience = claims.get("aud")
    ours = claims.get("origin") == provider.origin and claims.get("provider") == _PROVIDER
    if not ours or provider.client_id not in (audience if isinstance(audience, list) else [audience]):
        return None
    began, user_id = claims.get("iat"), _user_id(claims, provider.claim)
    if isinstance(began, bool) or not isinstance(began, int | float) or user_id is None:
        return None
    end = began + provider.session_hours * 3600
    return (user_id, end) if now() < end else None


def _user_id(claims: Mapping[str, Any], claim: str) -> str | None:
    named = claims.get(claim)
    if claim == "email" and claims.get("email_verified") is False:
        # Whoever may type any address into the provider's profile could otherwise become anybody.
        return None
    return named.strip() or None if isinstance(named, str) else None


def _is_navigation(scope: Scope) -> bool:
    """Whether a person opens an address; a script, a picture or a program does not follow to a login."""
    headers = Headers(scope=scope)
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
    )


def _opens_session(cookie: str) -> bool:
    return re.match(r'_streamlit_user=(?!""|;)', cookie) is not None


def _page(status: int, told: CoverageGapError, cookies: list[str]) -> Response:
    response = error_page(status, told.code, ja=told.ja, en=told.en, title="ログイン / Login")
    response.headers.update({**HEADERS, "Cache-Control": "no-store"})
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    return response


_NEEDED: Final = CoverageGapError(
    "login-needed",
    "ログインが必要です。画面を開き直すとログインできます。プログラムからは閲覧トークンを使ってください。",
    "A login is needed: open a page again to log in. Programs use a read token.",
)
_FAILED: Final = CoverageGapError(
    "login-failed",
    "ログインを確かめられませんでした。最初の画面からやり直してください。続くときは管理者に知らせてください。",
    "The login could not be verified. Start again from the first page; tell an administrator if it goes on.",
)
_UNREACHABLE: Final = CoverageGapError(
    "login-provider-unreachable",
    "認証サーバーに接続できません。時間をおいて開き直し、続くときは管理者に知らせてください。",
    "The identity provider cannot be reached. Open the page again later; tell an administrator if it goes on.",
)
_GONE: Final = CoverageGapError(
    "logged-out",
    "ログアウトしました。共用の PC ではブラウザーも閉じてください。",
    "You are logged out. On a shared PC close the browser too.",
)
_HOST: Final = CoverageGapError(
    "host-not-allowed",
    "この宛先名では開けません。管理者に正しいアドレスを確かめてください。",
    "The app is not served under this host name; ask the administrator for the address.",
)
