"""Files of one place (a municipality or the whole region): GeoJSON, CSV, Excel, GeoPackage and a PDF sheet.

What everybody may have is made once and kept on disk beside the runs; what holds planned sites is made for the reader
who may see them, kept in memory by what it shows, and never written down.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from coverage.errors import NotFoundError
from coverage.report.place import REGION, Place, geojson_bytes, municipalities_with_plans
from coverage.report.wording import DEFAULT_LANGUAGE
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, Principal, Resource, allowed, authorise, plans_of
from coverage.services.kept_files import kept_in_memory, kept_on_disk

FORMATS: Final = ("geojson", "csv", "csv-metadata.json", "xlsx", "gpkg", "pdf")
"""Endings of the addresses, in the order in which they are listed."""
SPOKEN: Final = ("xlsx", "pdf")
"""Formats whose words depend on ``lang``."""


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
        codes = plan_codes(run, code, principal)
        key = f"{code}.{ending}|{fy}|{spoken}|{','.join(sorted(codes))}"
        return _sealed(kept_in_memory(run, key, lambda: _make(Place(run, code, fy, codes), ending, spoken)))
    if ending == "geojson":
        # The run's own file, byte for byte.
        return _sealed((run.folder / "geojson" / str(fy) / f"{code}.geojson").read_bytes())
    return _public(run, code, ending, fy, spoken)


def plan_codes(run: RunResult, code: str, principal: Principal) -> frozenset[str]:
    """Municipalities whose planned sites ``principal`` may have in the files of ``code``; PermissionDeniedError for none."""
    if code != REGION:
        authorise(principal, Action.DOWNLOAD, Resource(Object.PLANNED_SITE, municipality_code=code))
        return frozenset({code})
    own = shown_plans(run, principal, action=Action.DOWNLOAD)
    if not own:
        authorise(principal, Action.DOWNLOAD, Resource(Object.PLANNED_SITE))
    return own


def shown_plans(run: RunResult, principal: Principal, *, action: Action = Action.VIEW) -> frozenset[str]:
    """Municipalities whose planned sites ``principal`` may see in ``run`` (or, with ``action``, download).

    Asked by files, maps and searches alike: who may see which plans is decided here and nowhere else.
    """
    return plans_of(principal, municipalities_with_plans(run) | set(run.municipality_codes()), action=action)


def may_have_plans(principal: Principal, code: str) -> bool:
    """Whether :func:`place_file` of this municipality with ``plans`` would be given."""
    return allowed(principal, Action.DOWNLOAD, Resource(Object.PLANNED_SITE, municipality_code=code))


def public_file(run: RunResult, code: str, ending: str, fiscal_year: int) -> PlaceFile:
    """What everybody gets, in Japanese: for the index and the checksums. The caller names a place of the run."""
    if ending == "geojson":
        return _sealed(run.geojson_path(code, fiscal_year).read_bytes())
    return _public(run, code, ending, fiscal_year, DEFAULT_LANGUAGE)


def _public(run: RunResult, code: str, ending: str, fy: int, lang: str) -> PlaceFile:
    return _sealed(
        kept_on_disk(run, f"{fy}-{lang}/{code}.{ending}", lambda: _make(Place(run, code, fy), ending, lang))
    )


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
