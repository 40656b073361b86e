"""``/api/v1/challenges.geojson``: the open challenges for GIS programs, public fields only.

Not of a run: it says what waits now. The note is text that anybody in the office may have written; it travels as a JSON
string and is for the reader's program to show as text.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from coverage.services.access import ANONYMOUS
from coverage.services.challenges import open_challenges_document
from coverage.web.answers import GEOJSON, bytes_answer
from coverage.web.app_context import web_context

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def challenges_geojson(request: Request) -> Response:
    """Challenges that wait for an answer, the newest first. 200 and no feature where there is no ledger yet."""
    principal = request.scope.get("state", {}).get("principal", ANONYMOUS)
    document = open_challenges_document(web_context(), principal)
    content = (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
    return bytes_answer(
        request, content, hashlib.sha256(content).hexdigest(), GEOJSON, "圏外の申出_未回答.geojson"
    )


ROUTES: Final = [Route("/api/v1/challenges.geojson", challenges_geojson)]
