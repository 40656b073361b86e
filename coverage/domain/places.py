"""Municipalities, settlements and shelters: the places that people unserved are counted in."""

from __future__ import annotations

from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry


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


@dataclass(frozen=True)
class ExclusionArea:
    """Ground where no mast may be built (特別保護地区 and the like). Geometry is lon/lat polygons; ``name`` may be ""."""

    name: str
    geometry: BaseGeometry
