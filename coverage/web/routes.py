"""HTTP routes beside the pages: the summaries at addresses that never change, the map page, the health check.

All of them read the published run (or ``?run=`` for those who may) through the use cases; none holds a rule. Answers
carry an ETag and are compressed by the server. ``?fy=`` is a western fiscal year, ``?lang=`` the language of
sentences, ``?download=1`` asks the browser to save.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from coverage import __version__
from coverage.errors import CoverageGapError, NotFoundError
from coverage.report.map_files import map_file
from coverage.report.wording import language
from coverage.services import compute, downloads
from coverage.services.access import Object
from coverage.web import challenge_routes
from coverage.web.answers import (
    CSV,
    GEOJSON,
    PDF,
    XLSX,
    bytes_answer,
    file_answer,
    fiscal_year_asked_for,
    five_digits_of,
    json_answer,
    may,
    run_asked_for,
)
from coverage.web.app_context import web_context
from coverage.web.documents import Documents, error_page
from coverage.web.security import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from coverage.runs.result import RunResult


def healthz(request: Request) -> Response:
    """Whether the app answers, and which run it shows. 200 also before the first run: the app is up."""
    try:
        run_id: str | None = compute.chosen_run(web_context()).run_id
    except NotFoundError:
        run_id = None
    return JSONResponse(
        {"status": "ok", "run": run_id, "version": __version__}, headers={"Cache-Control": "no-store"}
    )


def index(request: Request) -> Response:
    """What can be fetched, with addresses, checksums, licences and credits."""
    run = run_asked_for(request)
    return json_answer(request, downloads.index_document(run, fiscal_year_asked_for(request)), "index.json")


def municipalities_geojson(request: Request) -> Response:
    """Every municipality's boundary with its figures."""
    return _geojson(request, "municipalities")


def region_geojson(request: Request) -> Response:
    """Everything of the region: summaries, no-signal areas, districts, sites that may be shown."""
    return _geojson(request, "region")


def municipality_geojson(request: Request) -> Response:
    """One municipality. Six digits with a right check digit redirect to the five-digit address for good."""
    code = str(request.path_params["code"])
    short = five_digits_of(code)
    if short is not None:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/api/v1/municipalities/{short}.geojson{query}", status_code=308)
    if not code.isdigit():
        raise NotFoundError(
            "municipality-not-found",
            "市町コードは5桁の数字です。一覧は /api/v1/index.json にあります。",
            "A municipality code has five digits; /api/v1/index.json lists them.",
        )
    return _geojson(request, code)


def _geojson(request: Request, code: str) -> Response:
    run = run_asked_for(request)
    fy = run.check_fy(fiscal_year_asked_for(request))
    return file_answer(
        request, run.geojson_path(code, fy), GEOJSON, downloads.file_name(run, code, fy, "geojson")
    )


def _table(name: str) -> Callable[[Request], Response]:
    """A route for one CSV table of the run."""

    def table(request: Request) -> Response:
        run = run_asked_for(request)
        return file_answer(
            request, downloads.table_path(run, name), CSV, downloads.file_name(run, name, None, "csv")
        )

    table.__name__ = f"{name}_csv"
    table.__doc__ = f"``tables/{name}.csv`` of the run."
    return table


def report_pdf(request: Request) -> Response:
    """The printed report on one fiscal year, A4."""
    run = run_asked_for(request)
    fy = run.check_fy(fiscal_year_asked_for(request))
    content = downloads.report_file(
        run, "pdf", fiscal_year=fy, lang=language(request.query_params.get("lang"))
    )
    digest = hashlib.sha256(content).hexdigest()
    return bytes_answer(request, content, digest, PDF, downloads.file_name(run, "report", fy, "pdf"))


def report_xlsx(request: Request) -> Response:
    """The tables of the run as one workbook."""
    run = run_asked_for(request)
    content = downloads.report_file(
        run, "xlsx", fiscal_year=None, lang=language(request.query_params.get("lang"))
    )
    digest = hashlib.sha256(content).hexdigest()
    return bytes_answer(request, content, digest, XLSX, downloads.file_name(run, "tables", None, "xlsx"))


def map_page(request: Request) -> Response:
    """A run's map page under its own policy: scripts by hash, no network, no origin.

    ``?plans=1``: with sites that are not in service yet, for those who may see them.
    """
    from coverage.report.map_page import build_map_page, content_security_policy

    run = run_asked_for(request, str(request.path_params["run"]))
    lang = language(request.query_params.get("lang"))
    plans = request.query_params.get("plans") == "1" and may(request, Object.PLANNED_SITE)
    path = map_file(run, lang=lang, plans=plans)
    page = path.read_text(encoding="utf-8") if path.is_file() else _built(build_map_page, run, lang, plans)
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


@lru_cache(maxsize=4)
def _built(build: Callable[..., str], run: RunResult, lang: str, plans: bool) -> str:
    """A page for a run that was written without its map files."""
    return build(run, lang=lang, plans=plans)


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
    Route("/api/v1/index.json", index),
    Route("/api/v1/municipalities.geojson", municipalities_geojson),
    Route("/api/v1/region.geojson", region_geojson),
    Route("/api/v1/municipalities/{code}.geojson", municipality_geojson),
    *(Route(f"/api/v1/{name}.csv", _table(name)) for name in downloads.TABLES),
    Route("/api/v1/report.pdf", report_pdf),
    Route("/api/v1/report.xlsx", report_xlsx),
    *challenge_routes.ROUTES,
    Route("/api/{path:path}", unknown_api),
    Route("/map/{run}.html", map_page),
    Route("/map/{path:path}", unknown_map),
]


async def on_known_error(request: Request, error: CoverageGapError) -> Response:
    """An error meant for people: JSON with both languages for programs, a page for the map."""
    if request.url.path.startswith("/map/"):
        return error_page(error.http_status, error.code, ja=error.ja, en=error.en)
    message = error.text(language(request.query_params.get("lang")))
    return JSONResponse({"error": {**error.as_dict(), "message": message}}, status_code=error.http_status)


async def on_http_error(request: Request, error: HTTPException) -> Response:
    """Errors that Starlette raises itself: a method that an address does not take."""
    if request.url.path.startswith("/api/"):
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
    if request.url.path.startswith("/api/"):
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

MIDDLEWARE: Final = [Middleware(Gate), Middleware(Documents)]
"""Outermost first. They wrap Streamlit's own pages, files and socket as well as the routes above."""
