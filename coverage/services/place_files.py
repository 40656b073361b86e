"""Files of one place (a municipality or the whole region): GeoJSON, CSV, Excel, GeoPackage and a PDF sheet.

What everybody may have is made once and kept on disk beside the runs; what holds planned sites is made for the reader
who may see them, kept in memory by what it shows, and never written down.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from coverage import __version__, report
from coverage.errors import NotFoundError
from coverage.report.place import REGION, Place, geojson_bytes, municipalities_with_plans
from coverage.report.wording import DEFAULT_LANGUAGE
from coverage.runs.folder import CHECKSUMS
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, Principal, Resource, allowed, authorise

FORMATS: Final = ("geojson", "csv", "csv-metadata.json", "xlsx", "gpkg", "pdf")
"""Endings of the addresses, in the order in which they are listed."""
SPOKEN: Final = ("xlsx", "pdf")
"""Formats whose words depend on ``lang``."""
_MEMORY_BYTES: Final = 48 * 2**20


@dataclass(frozen=True, slots=True)
class PlaceFile:
    """Bytes with their SHA-256 (64 hexadecimal digits)."""

    content: bytes
    sha256: str


def place_file(
    run: RunResult,
    code: str,
    ending: str,
    *,
    principal: Principal,
    fiscal_year: int | None = None,
    lang: str = DEFAULT_LANGUAGE,
    plans: bool = False,
) -> PlaceFile:
    """One file of ``code`` (five digits, or "region").

    ``plans``: with the sites not yet in service that ``principal`` may have. Raises PermissionDeniedError where it may
    have none of them, NotFoundError for a year, municipality or format that there is not.
    """
    authorise(principal, Action.DOWNLOAD, Resource(Object.SUMMARY, municipality_code=code))
    fy = run.check_fy(fiscal_year)
    if ending not in FORMATS:
        raise NotFoundError(
            "format-not-found",
            f"形式 {ending[:20]} はありません。{'・'.join(FORMATS)} から選んでください。",
            f"There is no format {ending[:20]}; choose one of {', '.join(FORMATS)}.",
        )
    run.geojson_path(code, fy)
    spoken = lang if ending in SPOKEN else DEFAULT_LANGUAGE
    if plans and ending != "csv-metadata.json":
        return _with_plans(run, code, ending, fy, spoken, plan_codes(run, code, principal))
    if ending == "geojson":
        # The run's own file, byte for byte.
        return _sealed((run.folder / "geojson" / str(fy) / f"{code}.geojson").read_bytes())
    return _public(run, code, ending, fy, spoken)


def plan_codes(run: RunResult, code: str, principal: Principal) -> frozenset[str]:
    """Municipalities whose planned sites ``principal`` may have in the files of ``code``; PermissionDeniedError for none."""
    if code != REGION:
        authorise(principal, Action.DOWNLOAD, Resource(Object.PLANNED_SITE, municipality_code=code))
        return frozenset({code})
    known = municipalities_with_plans(run) | set(run.municipality_codes())
    own = frozenset(
        c for c in known if allowed(principal, Action.DOWNLOAD, Resource(Object.PLANNED_SITE, municipality_code=c))
    )  # fmt: skip
    if not own:
        authorise(principal, Action.DOWNLOAD, Resource(Object.PLANNED_SITE))
    return own


def may_have_plans(principal: Principal, code: str) -> bool:
    """Whether :func:`place_file` of this municipality with ``plans`` would be given."""
    return allowed(principal, Action.DOWNLOAD, Resource(Object.PLANNED_SITE, municipality_code=code))


def prepare(run: RunResult, progress: Callable[[float, str], None] = lambda _fraction, _text: None) -> int:
    """Make every public file of the latest year, so that nobody waits for one; returns how many."""
    codes = [REGION, *run.municipality_codes()]
    for i, code in enumerate(codes):
        progress(i / len(codes), code)
        for ending in FORMATS[1:]:
            _public(run, code, ending, run.latest_fy, DEFAULT_LANGUAGE)
    return len(codes) * (len(FORMATS) - 1)


def public_file(run: RunResult, code: str, ending: str, fiscal_year: int) -> PlaceFile:
    """What everybody gets, in Japanese: for the index and the checksums. The caller names a place of the run."""
    if ending == "geojson":
        return _sealed(run.geojson_path(code, fiscal_year).read_bytes())
    return _public(run, code, ending, fiscal_year, DEFAULT_LANGUAGE)


def _make(place: Place, ending: str, lang: str) -> bytes:
    """The bytes. Each format's module is imported when it is first asked for."""
    match ending:
        case "geojson":
            return geojson_bytes(place)
        case "csv":
            from coverage.report.place_csv import place_csv

            return place_csv(place)
        case "csv-metadata.json":
            from coverage.report.place_csv import place_csv_metadata

            return place_csv_metadata(place)
        case "xlsx":
            from coverage.report.place_xlsx import place_xlsx

            return place_xlsx(place, lang=lang)
        case "gpkg":
            from coverage.report.place_gpkg import place_gpkg

            return place_gpkg(place)
        case _:
            from coverage.report.place_pdf import place_pdf

            return place_pdf(place, lang=lang)


def _sealed(content: bytes) -> PlaceFile:
    return PlaceFile(content, hashlib.sha256(content).hexdigest())


# ---------------------------------------------------------------------------------------------- what everybody may have


def _public(run: RunResult, code: str, ending: str, fy: int, lang: str) -> PlaceFile:
    path = _kept_folder(run) / f"{fy}-{lang}" / f"{code}.{ending}"
    found = _read(path)
    if found is None:
        with _one_at_a_time(str(path)):
            found = _read(path)
            if found is None:
                found = _make(Place(run, code, fy), ending, lang)
                _keep(path, found)
    return _sealed(found)


def _read(path: Path) -> bytes | None:
    """The kept file; None where there is none, or where it does not end with its own checksum."""
    try:
        content = path.read_bytes()
    except OSError:
        return _in_memory.get(str(path))
    body, digest = content[:-32], content[-32:]
    return body if hashlib.sha256(body).digest() == digest else None


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all. A folder that cannot be written costs time, not the answer."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content + hashlib.sha256(content).digest())
        os.replace(part, path)
    except OSError:
        _in_memory.put(str(path), content)


def _kept_folder(run: RunResult) -> Path:
    """Where made files of ``run`` lie: another folder when the run or the program that makes them is another."""
    sums = run.folder / CHECKSUMS
    stamp = sums.stat() if sums.is_file() else run.folder.stat()
    return _kept_folder_of(run.folder, stamp.st_mtime_ns)


@cache
def _kept_folder_of(folder: Path, _changed: int) -> Path:
    sums = folder / CHECKSUMS
    sealed = sums.read_bytes() if sums.is_file() else str(_changed).encode("ascii")
    key = hashlib.sha256(sealed + _program().encode("ascii")).hexdigest()[:16]
    root = folder.parent / ".downloads"
    for old in root.glob(f"{folder.name}-*"):
        if old.name != f"{folder.name}-{key}":
            shutil.rmtree(old, ignore_errors=True)
    return root / f"{folder.name}-{key}"


@cache
def _program() -> str:
    """A digest of what makes the files: with other code, words or templates there are other bytes."""
    digest = hashlib.sha256(__version__.encode("ascii"))
    root = Path(next(iter(report.__path__)))
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".toml", ".typ"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------- what only some may have


class _Memory:
    """Files by key, the oldest dropped beyond a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._held: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        with self._lock:
            found = self._held.pop(key, None)
            if found is not None:
                self._held[key] = found
            return found

    def put(self, key: str, content: bytes) -> None:
        with self._lock:
            self._held[key] = content
            while sum(map(len, self._held.values())) > self._limit and len(self._held) > 1:
                del self._held[next(iter(self._held))]


_in_memory: Final = _Memory(_MEMORY_BYTES)


def _with_plans(
    run: RunResult, code: str, ending: str, fy: int, lang: str, codes: frozenset[str]
) -> PlaceFile:
    key = f"{_kept_folder(run)}|{code}.{ending}|{fy}|{lang}|{','.join(sorted(codes))}"
    with _one_at_a_time(key):
        found = _in_memory.get(key)
        if found is None:
            found = _make(Place(run, code, fy, codes), ending, lang)
            _in_memory.put(key, found)
    return _sealed(found)


_turns: Final[dict[str, tuple[Lock, list[int]]]] = {}
_turns_lock: Final = Lock()


@contextmanager
def _one_at_a_time(key: str) -> Iterator[None]:
    """Fifty readers who ask for a file that is not there yet cost one making of it."""
    with _turns_lock:
        lock, waiting = _turns.setdefault(key, (Lock(), [0]))
        waiting[0] += 1
    try:
        with lock:
            yield
    finally:
        with _turns_lock:
            waiting[0] -= 1
            if waiting[0] == 0:
                del _turns[key]

