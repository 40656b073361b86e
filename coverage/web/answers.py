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
from coverage.web.app_context import web_context

if TYPE_CHECKING:
    from starlette.requests import Request

    from coverage.runs.result import RunResult

GEOJSON: Final = "application/geo+json"
PDF: Final = "application/pdf"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv; charset=utf-8"
"""Files carry a byte order mark, so that Excel reads them as UTF-8."""
_WORTH_ZIPPING: Final = 1000


def may(request: Request, kind: Object) -> bool:
    """Whether the one who asks may see objects of ``kind``."""
    principal = request.scope.get("state", {}).get("principal", ANONYMOUS)
    return isinstance(principal, Principal) and allowed(principal, Action.VIEW, Resource(kind))


def run_asked_for(request: Request, run_id: str | None = None) -> RunResult:
    """The published run, or the one asked for where the reader may see it."""
    wanted = run_id if run_id is not None else request.query_params.get("run")
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
    # Weak: the server may compress the same content or not.
    tag = f'W/"{digest[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Disposition": disposition(request, name)}
    if tag in {t.strip() for t in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    if len(content) >= _WORTH_ZIPPING and media_type not in (PDF, XLSX):
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            # Compressed once and kept: fifty readers of one summary cost one compression.
            headers["Content-Encoding"] = "gzip"
            content = _zipped(digest, content)
    return Response(content, media_type=media_type, headers=headers)


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
    return bytes_answer(request, content, hashlib.sha256(content).hexdigest(), "application/json", name)
