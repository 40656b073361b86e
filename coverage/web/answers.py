"""What every HTTP answer needs: who may see it, which run and year it is about, its ETag, compression and file name."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.responses import Response

from coverage.domain import fiscal
from coverage.domain.municipality_code import five_digits
from coverage.errors import InputError, NotFoundError
from coverage.services import compute
from coverage.services.access import ANONYMOUS, Action, Object, Principal, Resource, allowed
from coverage.services.as_of import parse_as_of
from coverage.services.downloads import MEDIA_TYPES
from coverage.settings import Settings
from coverage.web.app_context import web_context

if TYPE_CHECKING:
    from starlette.requests import Request

    from coverage.runs.result import RunResult

GEOJSON: Final = MEDIA_TYPES["geojson"]
PDF: Final = MEDIA_TYPES["pdf"]
XLSX: Final = MEDIA_TYPES["xlsx"]
CSV: Final = MEDIA_TYPES["csv"]
JSON: Final = MEDIA_TYPES["json"]
_WORTH_ZIPPING: Final = 1000
_PACKED: Final = (PDF, XLSX)
"""Packed already."""


def who(request: Request) -> Principal:
    """Who asks, as the gate in front found out; a visitor without a name where it did not."""
    principal = request.scope.get("state", {}).get("principal", ANONYMOUS)
    return principal if isinstance(principal, Principal) else ANONYMOUS


def may(request: Request, kind: Object, municipality_code: str | None = None) -> bool:
    """Whether the one who asks may see objects of ``kind`` (of a municipality)."""
    return allowed(who(request), Action.VIEW, Resource(kind, municipality_code=municipality_code))


def run_asked_for(request: Request, run_id: str | None = None) -> RunResult:
    """The published run; the one that was public at ``?as_of=``; or the one asked for where the reader may see it."""
    wanted = run_id if run_id is not None else request.query_params.get("run")
    moment = request.query_params.get("as_of")
    if moment is not None and run_id is None:
        if wanted is not None:
            raise InputError(
                "run-and-as-of",
                "run と as_of は同時に指定できません。どちらか一つにしてください。",
                "'run' and 'as_of' cannot be given together; give one of them.",
            )
        return compute.run_as_of(web_context(), parse_as_of(moment))
    if wanted is not None and not may(request, Object.RUN):
        published = compute.chosen_run(web_context())
        if published.run_id != wanted:
            raise NotFoundError(
                "run-not-found",
                f"計算結果 {wanted[:40]} は公開されていません。公開中の結果は run を付けずに取得してください。",
                f"Run {wanted[:40]} is not published; leave out 'run' for the published one.",
            )
        return published
    return compute.chosen_run(web_context(), wanted)


def fiscal_year_asked_for(request: Request) -> int | None:
    """``?fy=`` as a western year; None without it. InputError (400) for 28, H28 and nonsense."""
    text = request.query_params.get("fy")
    return None if text is None else fiscal.parse_western_fiscal_year(text)


def five_digits_of(code: str) -> str | None:
    """The five-digit form of a six-digit code, None for another text. A wrong check digit is a 404."""
    if not re.fullmatch(r"[0-9]{6}", code):
        return None
    try:
        return five_digits(code)
    except InputError as error:
        raise NotFoundError(error.code, error.ja, error.en) from None


def file_answer(request: Request, path: Path, media_type: str, name: str) -> Response:
    """The file's bytes with an ETag; 304 where the reader has them already."""
    content = path.read_bytes()
    return bytes_answer(
        request, content, _digest(path, path.stat().st_mtime_ns, len(content)), media_type, name
    )


def bytes_answer(request: Request, content: bytes, digest: str, media_type: str, name: str) -> Response:
    """The bytes with an ETag, compressed where that is worth it; 304, and 206 for a part of them (RFC 9110).

    GIS programs read parts: GDAL's /vsicurl/ opens a GeoPackage in place.
    """
    # Weak: the server may compress the same content or not.
    tag = f'W/"{digest[:32]}"'
    headers = {
        "ETag": tag,
        "Content-Disposition": disposition(request, name),
        "Accept-Ranges": "bytes",
        **sharing(request),
    }
    if tag in {t.strip() for t in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    part = _part_asked_for(request, len(content))
    if part is not None:
        if not part:
            headers["Content-Range"] = f"bytes */{len(content)}"
            return Response(status_code=416, headers=headers)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
        return Response(
            content[part.start : part.stop], status_code=206, media_type=media_type, headers=headers
        )
    if len(content) >= _WORTH_ZIPPING and media_type not in _PACKED:
        headers["Vary"] = f"Accept-Encoding, {headers['Vary']}"
        if "gzip" in request.headers.get("accept-encoding", ""):
            # Compressed once and kept: fifty readers of one summary cost one compression.
            headers["Content-Encoding"] = "gzip"
            content = _zipped(digest, content)
    return Response(content, media_type=media_type, headers=headers)


def sharing(request: Request) -> dict[str, str]:
    """Who may keep the answer. What one with a name was given is for that one's own cache only (RFC 9111 §5.2.2.7).

    Everything may be kept, but is to be asked for again: a published run is replaced at the same address.
    """
    settings = Settings.from_environment()
    told_by = ["Authorization", "Cookie"]
    if settings.auth == "proxy-header":
        told_by.append(settings.user_header)
    private = who(request) != ANONYMOUS or not settings.public_summaries
    return {
        "Cache-Control": "private, no-cache" if private else "no-cache",
        "Vary": ", ".join(told_by),
    }


_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,15})-([0-9]{1,15})?|-([0-9]{1,15}))")


def _part_asked_for(request: Request, size: int) -> range | None:
    """The one part that ``Range`` names, empty where the content has no such part; None for the whole.

    Several parts, other units and If-Range (our ETags are weak, so it never holds) get the whole, as RFC 9110 allows.
    """
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or request.method != "GET" or "if-range" in request.headers:
        return None
    first, last, tail = found.groups()
    if tail is not None:
        return range(max(0, size - int(tail)), size)
    if last is not None and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1 if last is not None else size))


class _Kept:
    """Compressed answers by digest, the oldest dropped beyond 64 MB."""

    def __init__(self, limit: int = 64 * 2**20) -> None:
        self._limit = limit
        self._lock = Lock()
        self._held: dict[str, bytes] = {}

    def __call__(self, digest: str, content: bytes) -> bytes:
        with self._lock:
            found = self._held.pop(digest, None)
            if found is not None:
                self._held[digest] = found
                return found
        packed = gzip.compress(content, 6, mtime=0)
        with self._lock:
            self._held[digest] = packed
            while sum(map(len, self._held.values())) > self._limit and len(self._held) > 1:
                del self._held[next(iter(self._held))]
        return packed


_zipped = _Kept()


@lru_cache(maxsize=2048)
def _digest(path: Path, _changed: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def disposition(request: Request, name: str) -> str:
    """RFC 6266: an ASCII name for old readers and the real one in UTF-8."""
    kind = "attachment" if request.query_params.get("download") == "1" else "inline"
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_").replace("_.", ".") or "download"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def json_answer(request: Request, value: dict[str, Any], name: str) -> Response:
    content = (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8")
    return bytes_answer(request, content, hashlib.sha256(content).hexdigest(), JSON, name)
