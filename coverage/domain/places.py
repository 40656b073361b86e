"""Municipalities, settlements and shelters: the places that people unserved are counted in."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final

from shapely.geometry.base import BaseGeometry

_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True)
class Municipality:
    """One 市町村 after dissolving its polygons. ``code`` is the five-digit JIS X 0402 code; geometry is lon/lat."""

    code: str
    name: str
    county: str
    geometry: BaseGeometry

    @property
    def full_name(self) -> str:
        return f"{self.county}{self.name}"


@dataclass(frozen=True, slots=True)
class Settlement:
    """A town point (大字・町丁目)."""

    municipality_code: str
    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Shelter:
    """An evacuation shelter or emergency site. ``kind`` is "evacuation" (指定避難所) or "emergency" (指定緊急避難場所)."""

    shelter_id: str
    municipality_code: str
    name: str
    lat: float
    lon: float
    kind: str


@dataclass(frozen=True)
class PublishedCoverage:
    """An operator's own coverage polygons, an alternative to computed signal. Geometry is lon/lat."""

    operator: str
    geometry: BaseGeometry
    edition: str = ""
    """As region.toml names it; with several editions of one operator, an ISO 8601 date (:func:`edition_day`)."""


def edition_day(edition: str) -> date | None:
    """The last day that an edition ``2019-03-31``, ``2019-03`` or ``2019`` can mean; None for any other name."""
    found = _DATE.fullmatch(edition)
    if found is None:
        return None
    year, month = int(found[1]), int(found[2] or 12)
    try:
        return date(year, month, int(found[3] or monthrange(year, month)[1]))
    except ValueError:
        return None


@dataclass(frozen=True)
class ExclusionArea:
    """Ground where no mast may be built (特別保護地区 and the like). Geometry is lon/lat polygons; ``name`` may be ""."""

    name: str
    geometry: BaseGeometry
