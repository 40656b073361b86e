"""HTTP routes beside the pages: the table of all of them, the map page, the health check, and the error answers.

Addresses below ``/api/v1`` are in :mod:`coverage.web.download_routes`. None holds a rule: the use cases do.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coverage import __version__
from coverage.errors import CoverageGapError, NotFoundError
from coverage.report.wording import language
from coverage.services import compute, downloads, map_pages
from coverage.web import challenge_routes, download_routes
from coverage.web.answers import bytes_answer, run_asked_for, who
from coverage.web.app_context import web_context
from coverage.web.documents import Documents, error_page
from coverage.web.login import FrontDoor
from coverage.web.map_routes import ROUTES as MAP_ROUTES
from coverage.web.security import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request


def healthz(request: Request) -> Response:
    """Whether the app answers, and which run it shows. 200 also before the first run: the app is up."""
    try:
        run_id: str | None = compute.chosen_run(web_context()).run_id
    except NotFoundError:
        run_id = None
    return JSONResponse(
        {"status": "ok", "run": run_id, "version": __version__}, headers={"Cache-Control": "no-store"}
    )


def map_page(request: Request) -> Response:
    """A run's map page under its own policy: scripts by hash, no network, no origin.

    ``?plans=1``: with sites that are not in service yet, as far as the one who asks may see them.
    """
    from coverage.report.map_page import content_security_policy

    run = run_asked_for(request, str(request.path_params["run"]))
    lang = language(request.query_params.get("lang"))
    page = map_pages.map_page(run, lang, who(request), plans=request.query_params.get("plans") == "1")
    digest = hashlib.sha256(page.encode("utf-8")).hexdigest()
    response = bytes_answer(
        request,
        page.encode("utf-8"),
        digest,
        "text/html; charset=utf-8",
        downloads.file_name(run, "map", None, "html"),
    )
    response.headers["Content-Security-Policy"] = _policy(digest, page, content_security_policy)
    return response


_policies: dict[str, str] = {}


def _policy(digest: str, page: str, policy_of: Callable[[str], str]) -> str:
    """The page's policy; hashing its scripts once is enough."""
    if digest not in _policies:
        if len(_policies) > 64:
            _policies.clear()
        _policies[digest] = policy_of(page)
    return _policies[digest]


def unknown_api(request: Request) -> Response:
    """Any other address below /api."""
    raise NotFoundError(
        "address-not-found",
        "このアドレスはありません。取得できるものの一覧は /api/v1/index.json にあります。",
        "There is nothing at this address; /api/v1/index.json lists what can be fetched.",
    )


def unknown_map(request: Request) -> Response:
    """Any other address below /map."""
    return error_page(404, "page-not-found")


ROUTES: Final = [
    Route("/healthz", healthz),
    *download_routes.ROUTES,
    *challenge_routes.ROUTES,
    Route("/api/{path:path}", unknown_api),
    *MAP_ROUTES,
    Route("/map/{run}.html", map_page),
    Route("/map/{path:path}", unknown_map),
]


async def on_known_error(request: Request, error: CoverageGapError) -> Response:
    """An error meant for people: JSON with both languages for programs, a page for the map."""
    if request.url.path.startswith("/map/"):
        return error_page(error.http_status, error.code, ja=error.ja, en=error.en)
    message = error.text(language(request.query_params.get("lang")))
    body = {"error": {**error.as_dict(), "message": message}}
    # What one may not have today another may, or the same one tomorrow.
    return JSONResponse(body, status_code=error.http_status, headers={"Cache-Control": "no-store"})


async def on_http_error(request: Request, error: HTTPException) -> Response:
    """Errors that Starlette raises itself: a method that an address does not take."""
    if request.url.path.startswith(("/api/", "/map-data/")):
        body = {
            "error": {
                "code": f"http-{error.status_code}",
                "ja": "この操作はできません。",
                "en": "This cannot be done here.",
            }
        }
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)
    if "text/html" in request.headers.get("accept", ""):
        code = "page-not-found" if error.status_code == 404 else "cannot"
        return error_page(error.status_code, code)
    return Response(
        error.detail, status_code=error.status_code, headers=error.headers, media_type="text/plain"
    )


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """Nothing about the error leaves the server; the log has it."""
    if request.url.path.startswith(("/api/", "/map-data/")):
        ja, en = (
            "サーバーで問題が起きました。管理者に知らせてください。",
            "Something went wrong on the server; tell the administrator.",
        )
        return JSONResponse({"error": {"code": "server-error", "ja": ja, "en": en}}, status_code=500)
    return error_page(500, "server-error")


EXCEPTION_HANDLERS: Final[dict[Any, Any]] = {
    CoverageGapError: on_known_error,
    HTTPException: on_http_error,
    Exception: on_unexpected_error,
}

MIDDLEWARE: Final = [Middleware(FrontDoor), Middleware(Gate), Middleware(Documents)]
"""Outermost first. They wrap Streamlit's own pages, files and socket as well as the routes above."""
