"""``/api/v1/…``: files at addresses that never change, for browsers, curl, Excel and GIS programs.

``?fy=`` is a western fiscal year, ``?lang=`` the language of workbooks and sheets, ``?as_of=`` a day or moment (what was
public then), ``?run=`` another run for those who may see it, ``?download=1`` asks the browser to save, ``?plans=1`` adds
the sites not yet in service that the reader may see. Without ``plans`` everybody gets the same bytes, so the checksums
hold for everybody and nobody hands on an operator's plan unawares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from coverage.errors import NotFoundError
from coverage.report.place import REGION
from coverage.report.wording import language
from coverage.services import downloads
from coverage.services.downloads import BASE, MEDIA_TYPES
from coverage.services.place_files import FORMATS, place_file
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
    run_asked_for,
    who,
)

if TYPE_CHECKING:
    from starlette.requests import Request

Endpoint = Callable[["Request"], Response]
_ALLOWED: Final = "GET, HEAD, OPTIONS"


def route(path: str, endpoint: Endpoint) -> Route:
    """An address that is read: GET and HEAD by ``endpoint``, OPTIONS says so.

    No CORS header is ever sent: on a closed network no other site's script reads these addresses (reliability.md).
    """

    def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": _ALLOWED, "Cache-Control": "no-store"})
        return endpoint(request)

    answer.__name__ = getattr(endpoint, "__name__", "answer")
    return Route(path, answer, methods=["GET", "OPTIONS"])


def to_index(request: Request) -> Response:
    """``/api/v1/`` itself."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{BASE}/index.json{query}", status_code=308)


def index(request: Request) -> Response:
    """What can be fetched, with addresses, sizes, checksums, licences and credits."""
    run = run_asked_for(request)
    asked = {name: request.query_params[name] for name in ("run", "as_of") if name in request.query_params}
    document = downloads.index_document(run, fiscal_year_asked_for(request), asked=asked)
    return described_by(json_answer(request, document, "index.json"), "index")


def sums(request: Request) -> Response:
    """``SHA256SUMS`` of the latest (or the asked) year, for ``sha256sum -c``."""
    content = downloads.checksum_lines(run_asked_for(request), fiscal_year_asked_for(request))
    return _bytes(request, content, MEDIA_TYPES["sums"], "SHA256SUMS")


def json_schema(request: Request) -> Response:
    """The JSON Schema of one kind of document."""
    name = str(request.path_params["name"])
    return _bytes(request, downloads.schema_bytes(name), MEDIA_TYPES["schema"], f"{name}.schema.json")


def municipalities_geojson(request: Request) -> Response:
    """Every municipality's boundary with its figures."""
    run = run_asked_for(request)
    fy = run.check_fy(fiscal_year_asked_for(request))
    answer = file_answer(
        request,
        run.geojson_path("municipalities", fy),
        GEOJSON,
        downloads.file_name(run, "municipalities", fy, "geojson"),
    )
    return described_by(answer, "geojson")


def _municipality(ending: str) -> Endpoint:
    """A route for one format of a municipality. Six digits with a right check digit redirect for good."""

    def municipality(request: Request) -> Response:
        code = str(request.path_params["code"])
        short = five_digits_of(code)
        if short is not None:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{BASE}/municipalities/{short}.{ending}{query}", status_code=308)
        if not code.isdigit():
            raise NotFoundError(
                "municipality-not-found",
                "市町コードは5桁の数字です。一覧は /api/v1/index.json にあります。",
                "A municipality code has five digits; /api/v1/index.json lists them.",
            )
        return _place(request, code, ending)

    return municipality


def _region(ending: str) -> Endpoint:
    """A route for one format of the whole region."""

    def region(request: Request) -> Response:
        return _place(request, REGION, ending)

    return region


def _place(request: Request, code: str, ending: str) -> Response:
    run = run_asked_for(request)
    fy = run.check_fy(fiscal_year_asked_for(request))
    plans = request.query_params.get("plans") == "1"
    made = place_file(
        run,
        code,
        ending,
        principal=who(request),
        fiscal_year=fy,
        lang=language(request.query_params.get("lang")),
        plans=plans,
    )
    name = downloads.file_name(run, code, fy, ending, confidential=plans)
    answer = bytes_answer(request, made.content, made.sha256, MEDIA_TYPES[ending], name)
    if ending == "csv":
        answer.headers["Link"] = (
            f'<{request.url.path}-metadata.json>; rel="describedby"; type="{MEDIA_TYPES["csv-metadata.json"]}"'
        )
    return described_by(answer, "geojson") if ending == "geojson" else answer


def described_by(answer: Response, name: str) -> Response:
    """Name the document's schema (RFC 8288)."""
    kind = MEDIA_TYPES["schema"]
    answer.headers["Link"] = f'<{BASE}/schema/{name}.json>; rel="describedby"; type="{kind}"'
    return answer


def _table(name: str) -> Endpoint:
    """A route for one CSV table of the run."""

    def table(request: Request) -> Response:
        run = run_asked_for(request)
        answer = file_answer(
            request, downloads.table_path(run, name), CSV, downloads.file_name(run, name, None, "csv")
        )
        kind = MEDIA_TYPES["csv-metadata.json"]
        answer.headers["Link"] = f'<{BASE}/{name}.csv-metadata.json>; rel="describedby"; type="{kind}"'
        return answer

    return table


def _table_metadata(name: str) -> Endpoint:
    """A route for the description of one CSV table."""

    def metadata(request: Request) -> Response:
        content = downloads.table_metadata(run_asked_for(request), name)
        return _bytes(request, content, MEDIA_TYPES["csv-metadata.json"], f"{name}.csv-metadata.json")

    return metadata


def report_pdf(request: Request) -> Response:
    """The printed report on one fiscal year, A4."""
    run = run_asked_for(request)
    fy = run.check_fy(fiscal_year_asked_for(request))
    lang = language(request.query_params.get("lang"))
    content = downloads.report_file(run, "pdf", fiscal_year=fy, lang=lang)
    return _bytes(request, content, PDF, downloads.file_name(run, "report", fy, "pdf"))


def report_xlsx(request: Request) -> Response:
    """The tables of the run as one workbook."""
    run = run_asked_for(request)
    lang = language(request.query_params.get("lang"))
    content = downloads.report_file(run, "xlsx", fiscal_year=None, lang=lang)
    return _bytes(request, content, XLSX, downloads.file_name(run, "tables", None, "xlsx"))


def _bytes(request: Request, content: bytes, media_type: str, name: str) -> Response:
    return bytes_answer(request, content, hashlib.sha256(content).hexdigest(), media_type, name)


ROUTES: Final = [
    route("/api/v1", to_index),
    route("/api/v1/", to_index),
    route("/api/v1/index.json", index),
    route("/api/v1/SHA256SUMS", sums),
    route("/api/v1/schema/{name}.json", json_schema),
    route("/api/v1/municipalities.geojson", municipalities_geojson),
    *(route(f"/api/v1/region.{ending}", _region(ending)) for ending in FORMATS),
    *(route(f"/api/v1/municipalities/{{code}}.{ending}", _municipality(ending)) for ending in FORMATS),
    *(route(f"/api/v1/{name}.csv", _table(name)) for name in downloads.TABLES),
    *(route(f"/api/v1/{name}.csv-metadata.json", _table_metadata(name)) for name in downloads.TABLES),
    route("/api/v1/report.pdf", report_pdf),
    route("/api/v1/report.xlsx", report_xlsx),
]
