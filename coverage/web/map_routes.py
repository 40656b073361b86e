"""Addresses below ``/map-data/``: what the live map fetches, each with an ETag, by role like everything else.

A run's documents and pictures never change, so a browser that has one asks only whether it is still the same. The
scripts' addresses hold their digest and may be kept for good.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response
from starlette.routing import Route

from coverage.errors import InputError, NotFoundError
from coverage.report.wording import language
from coverage.runs.result import ANY_OPERATOR
from coverage.services import downloads
from coverage.services.access import ANONYMOUS
from coverage.services.challenges import open_challenges
from coverage.services.place_search import find_places
from coverage.services.point import point_facts
from coverage.web.answers import bytes_answer, fiscal_year_asked_for, run_asked_for, who
from coverage.web.app_context import web_context
from coverage.web.live_map import component, data

if TYPE_CHECKING:
    from starlette.requests import Request

    from coverage.runs.result import RunResult

JSON: Final = "application/json"
WEBP: Final = "image/webp"
PNG: Final = "image/png"


def _run(request: Request) -> RunResult:
    return run_asked_for(request, str(request.path_params["run"]))


def _lang(request: Request) -> str:
    return language(request.query_params.get("lang"))


def _plans(request: Request) -> bool:
    return request.query_params.get("plans") == "1"


def _bytes(request: Request, content: bytes, media_type: str, name: str) -> Response:
    return bytes_answer(request, content, hashlib.sha256(content).hexdigest(), media_type, name)


def _json(request: Request, value: Any, name: str) -> Response:
    return _bytes(request, data.compact(data.finite(value)), JSON, name)


def script(request: Request) -> Response:
    """A script or style sheet of the map. Its address names its content, so it may be kept for good."""
    content, media_type = component.asset(str(request.path_params["name"]))
    answer = _bytes(request, content, media_type, str(request.path_params["name"]))
    current = component.asset_base().rsplit("/", 1)[-1] == request.path_params["digest"]
    if current:
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def base(request: Request) -> Response:
    """Years, figures, operators, classes and words."""
    return _json(request, data.base_document(_run(request), _lang(request)), "base.json")


def layers(request: Request) -> Response:
    """Outlines of municipalities, no-signal areas and districts."""
    return _json(request, data.layers_document(_run(request), _lang(request)), "layers.json")


def sites(request: Request) -> Response:
    """Sites, as far as the one who asks may see them."""
    run = _run(request)
    found = data.sites_document(run, _lang(request), who(request), plans=_plans(request))
    return _json(request, found, "sites.json")


def relief(request: Request) -> Response:
    """The hillshade."""
    return _bytes(request, data.relief(_run(request)), WEBP, "relief.webp")


def signal_picture(request: Request) -> Response:
    """Signal classes of one operator in all years: a pixel is the number of its history."""
    picture, _ = data.signal(_run(request), str(request.path_params["operator"]))
    return _bytes(request, picture, WEBP, "signal.webp")


def signal_rows(request: Request) -> Response:
    """What the numbers of :func:`signal_picture` stand for: the class in each year."""
    _, rows = data.signal(_run(request), str(request.path_params["operator"]))
    return _json(request, rows, "signal.json")


def population(request: Request) -> Response:
    """People by mesh cell as a picture."""
    run = _run(request)
    return _bytes(request, data.population_picture(web_context(), run), PNG, "population.png")


def still(request: Request) -> Response:
    """The map of one fiscal year as a picture to keep."""
    run = _run(request)
    fy = run.check_fy(fiscal_year_asked_for(request))
    content = data.still_picture(run, fy, _lang(request))
    return _bytes(request, content, PNG, downloads.file_name(run, "map", fy, "png"))


def plan(request: Request) -> Response:
    """Ground that a plan newly serves, for those who may see plans."""
    run = _run(request)
    content = data.plan_picture(web_context(), run, str(request.path_params["plan"]), who(request))
    return _bytes(request, content, PNG, "plan.png")


def challenges(request: Request) -> Response:
    """Open challenges that the one who asks may see; never from a cache."""
    run, lang = _run(request), _lang(request)
    found = [data.challenge(c, run, lang) for c in open_challenges(web_context(), who(request))]
    answer = _json(request, {"challenges": found}, "challenges.json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def search(request: Request) -> Response:
    """Places that ``?q=`` may mean."""
    found = find_places(
        web_context(),
        _run(request),
        request.query_params.get("q", ""),
        principal=who(request),
        plans=_plans(request),
        lang=_lang(request),
    )
    return _json(request, found, "search.json")


def point(request: Request) -> Response:
    """What is known about ``?lat=&lon=`` at the end of ``?fy=`` for ``?operator=``."""
    run = _run(request)
    facts = point_facts(
        web_context(),
        run,
        lat=_degrees(request, "lat"),
        lon=_degrees(request, "lon"),
        fiscal_year=fiscal_year_asked_for(request),
        operator=request.query_params.get("operator") or ANY_OPERATOR,
        principal=who(request) if _plans(request) else ANONYMOUS,
    )
    answer = _json(request, facts, "point.json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _degrees(request: Request, name: str) -> float:
    text = request.query_params.get(name, "")
    try:
        return float(text)
    except ValueError:
        raise InputError(
            "position-invalid",
            "緯度・経度が数として読めません。lat=34.1 のように度で書いてください。",
            "Latitude or longitude is no position; write degrees as in lat=34.1.",
        ) from None


def unknown(request: Request) -> Response:
    """Any other address below /map-data."""
    raise NotFoundError(
        "address-not-found", "このアドレスの地図データはありません。", "There is no map data at this address."
    )


ROUTES: Final = [
    Route("/map-data/assets/{digest}/{name}", script),
    Route("/map-data/{run}/base.json", base),
    Route("/map-data/{run}/layers.json", layers),
    Route("/map-data/{run}/sites.json", sites),
    Route("/map-data/{run}/relief.webp", relief),
    Route("/map-data/{run}/signal-{operator}.webp", signal_picture),
    Route("/map-data/{run}/signal-{operator}.json", signal_rows),
    Route("/map-data/{run}/population.png", population),
    Route("/map-data/{run}/still.png", still),
    Route("/map-data/{run}/point.json", point),
    Route("/map-data/{run}/search.json", search),
    Route("/map-data/{run}/challenges.json", challenges),
    Route("/map-data/{run}/plans/{plan}.png", plan),
    Route("/map-data/{path:path}", unknown),
]
