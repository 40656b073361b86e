"""Headers, host check and who asks: one ring around pages and routes alike.

Every answer leaves with the headers of :data:`HEADERS` and a content security policy; a request that names a host we
do not serve is refused, so that a page on the internet cannot reach the app through a visitor's browser by renaming
itself to a loopback address (DNS rebinding). Cross-origin reading is not allowed: no CORS header is ever sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from coverage.errors import CoverageGapError, InputError, PermissionDeniedError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.settings import Settings
from coverage.web.visitors import page_visitor, principal_for

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}

PAGE_POLICY: Final = (
    # Streamlit imports our components' scripts from blob: addresses that it makes itself, and styles its parts inline.
    "default-src 'self'; script-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
DATA_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
_DATA_PREFIXES: Final = ("/api/", "/map-data/", "/healthz")
_ASKED: Final = ("/api/", "/map/", "/map-data/")
"""Where an answer depends on who asks. Streamlit's own files are the same for everybody."""
_OF_PAGES: Final = ("/map/", "/map-data/")
"""What the pages' own map fetches, for whoever may look at the pages: guests too."""
_UPLOADS: Final = "/_stcore/upload_file/"
"""Streamlit keeps what is sent there in memory, for every session and without a bound on their number: whoever may not
upload must not fill it."""


class Gate:
    """Middleware: host check, who asks (``scope["state"]["principal"]``), headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            # Streamlit judges Host and Origin of its own connection (server.allowedHosts, corsAllowedOrigins), and
            # each page asks who its visitor is.
            await self.app(scope, receive, send)
            return
        policy = DATA_POLICY if scope["path"].startswith(_DATA_PREFIXES) else PAGE_POLICY

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", policy)
            await send(message)

        if not host_is_allowed(Headers(scope=scope).get("host")):
            refusal = JSONResponse(
                {
                    "error": {
                        "code": "host-not-allowed",
                        "ja": "この宛先名では開けません。管理者に正しいアドレスを確かめてください。",
                        "en": "The app is not served under this host name; ask the administrator for the address.",
                    }
                },
                status_code=421,
            )
            await refusal(scope, receive, send_with_headers)
            return
        try:
            if scope["path"].startswith(_ASKED):
                scope.setdefault("state", {})["principal"] = _who_asks(scope)
            elif scope["path"].startswith(_UPLOADS):
                authorise(page_visitor(Headers(scope=scope)), Action.UPLOAD, Resource(Object.IMPORT))
        except CoverageGapError as error:
            await JSONResponse({"error": error.as_dict()}, status_code=error.http_status)(
                scope, receive, send_with_headers
            )
            return
        await self.app(scope, receive, send_with_headers)


def _who_asks(scope: Scope) -> Principal:
    headers = Headers(scope=scope)
    try:
        return principal_for(headers)
    except (InputError, PermissionDeniedError) as error:
        # What the nameless may have, a name without a role may have too: its pages link to these files.
        of_everybody = scope["path"].startswith("/api/") and Settings.from_environment().public_summaries
        if error.code == "token-unknown" or not (of_everybody or scope["path"].startswith(_OF_PAGES)):
            raise
        return page_visitor(headers)


def host_is_allowed(host: str | None) -> bool:
    """Whether ``Host`` names one of Streamlit's ``server.allowedHosts`` (any, where that list is empty)."""
    from streamlit import config

    allowed = {str(name).lower() for name in config.get_option("server.allowedHosts") or []}
    if not allowed:
        return True
    if not host:
        return False
    name = host.rsplit(":", 1)[0] if not host.endswith("]") and host.count(":") != 0 else host
    return name.strip("[]").lower().rstrip(".") in allowed
