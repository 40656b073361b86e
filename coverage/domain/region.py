"""What ``region.toml`` says (validated), and a region with all its layers loaded.

A region is one folder. Its ``region.toml`` is meant to be read and written by a person: names, layers with edition,
licence and credit, operators, radio parameters, signal classes, counting scope. Nothing of any one prefecture stands
in code. docs/region.md explains every key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from coverage.domain.ledger import Funding, Inventory, Ledger, Purpose
from coverage.domain.places import ExclusionArea, Municipality, PublishedCoverage, Settlement, Shelter
from coverage.domain.population import PopulationMesh
from coverage.domain.terrain import Terrain


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerConfig(_Table):
    """One input layer: where it lies and where it came from. Paths are relative to the layer root."""

    format: str
    path: str | list[str]
    edition: str
    """Date or name of the publisher's edition, ISO 8601 where it is a date."""
    licence: str
    credit: str
    options: dict[str, Any] = Field(default_factory=dict)
    """Format-specific keys, checked by the reader of that format."""

    @property
    def paths(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else list(self.path)


class LayersConfig(_Table):
    boundaries: LayerConfig
    population: LayerConfig
    terrain: LayerConfig
    clutter: LayerConfig | None = None
    sites: LayerConfig
    """Folder with the CSV tables of product rule §2 (sites.csv, site_operators.csv, …), or one flat site list."""
    districts: LayerConfig | None = None
    settlements: LayerConfig | None = None
    shelters: LayerConfig | None = None
    indicators: LayerConfig | None = None
    """indicators.toml: the policy sheet."""
    actuals: LayerConfig | None = None
    exclusions: LayerConfig | None = None
    """Polygons where no mast may be built; read by plans only."""


class BandDefaults(_Table):
    """Used where a site list lacks a value; every use is marked 既定値 in the model card."""

    frequency_mhz: Annotated[float, Field(ge=30, le=6000)] = 800.0
    bandwidth_mhz: Annotated[float, Field(gt=0, le=400)] = 10.0
    eirp_dbm: Annotated[float, Field(ge=0, le=100)] = 57.0
    height_m: Annotated[float, Field(ge=1, le=3000)] = 20.0
    technology: Literal["lte", "nr"] = "lte"
    subcarrier_khz: Annotated[int, Field(gt=0)] = 15
    antenna: str | None = None
    """Name in ``[antennas.*]`` for cells with an azimuth; None: the macro sector of 3GPP."""


class AntennaConfig(_Table):
    """An antenna's pattern: a measured table (``table``), or the beamwidths of 3GPP's parabola (docs/link-budget.md)."""

    table: LayerConfig | None = None
    """Format "pattern-table": one .msi, .pln or .csv file."""
    horizontal_beamwidth_deg: Annotated[float, Field(gt=0, le=360)] | None = None
    vertical_beamwidth_deg: Annotated[float, Field(gt=0, le=360)] | None = None
    max_attenuation_db: Annotated[float, Field(gt=0, le=100)] | None = None
    side_lobe_db: Annotated[float, Field(gt=0, le=100)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> AntennaConfig:
        shape = (
            self.horizontal_beamwidth_deg,
            self.vertical_beamwidth_deg,
            self.max_attenuation_db,
            self.side_lobe_db,
        )
        if (self.table is None) == all(value is None for value in shape):
            raise ValueError("an antenna is either a table or the values of a parabola, not both")
        return self


def _in_a_list(value: Any) -> Any:
    """One table is written as ``[…]``, several as ``[[…]]``; both are a list here."""
    return value if isinstance(value, list | tuple) else [value]


class OperatorConfig(_Table):
    name_ja: str
    name_en: str
    colour: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
    inventory: Inventory
    published_coverage: Annotated[tuple[LayerConfig, ...], BeforeValidator(_in_a_list)] = ()
    """The operator's own areas, an edition each; each fiscal year takes the latest of its last day."""
    defaults: BandDefaults = BandDefaults()
    bands: dict[str, BandDefaults] = Field(default_factory=dict)


class SignalClass(_Table):
    id: str
    name_ja: str
    name_en: str
    min_dbm: float | None = None
    """Lower edge, RSRP where ``radio.reception`` says (outdoors at 1.5 m); None for the lowest class (no signal)."""
    colour: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]


class LadderConfig(_Table):
    id: str
    source: str = ""
    classes: Annotated[list[SignalClass], Field(min_length=2)]
    signal_edge: str = "basic"
    """Id of the lowest class that still counts as signal."""

    @model_validator(mode="after")
    def _ordered(self) -> LadderConfig:
        edges = [c.min_dbm for c in self.classes[:-1]]
        if any(e is None for e in edges) or self.classes[-1].min_dbm is not None:
            raise ValueError("every class but the last has min_dbm, and the last has none")
        known = [e for e in edges if e is not None]
        if known != sorted(known, reverse=True) or len(set(known)) != len(known):
            raise ValueError("classes run from the strongest to the weakest")
        if self.signal_edge not in {c.id for c in self.classes[:-1]}:
            raise ValueError("signal_edge is the id of one of the classes with min_dbm")
        return self

    @property
    def edge_dbm(self) -> float:
        """RSRP at and above which there is signal."""
        return next(c.min_dbm for c in self.classes if c.id == self.signal_edge and c.min_dbm is not None)


class RadioConfig(_Table):
    model: Literal["p1812", "free-space"] = "p1812"
    time_percent: Annotated[float, Field(ge=1, le=50)] = 50.0
    location_percent: Annotated[float, Field(ge=1, le=99)] = 50.0
    polarisation: Literal["vertical", "horizontal"] = "vertical"
    delta_n: Annotated[float, Field(gt=0, le=200)] = 45.0
    """Average radio-refractivity lapse rate through the lowest 1 km, N-units/km."""
    n0: Annotated[float, Field(ge=200, le=500)] = 325.0
    """Sea-level surface refractivity, N-units."""
    receiver_height_m: Annotated[float, Field(ge=1, le=3000)] = 1.5
    receiver_clutter_m: Annotated[float, Field(ge=0, le=100)] = 0.0
    max_range_m: Annotated[float, Field(ge=250, le=200_000)] = 20_000.0
    offset_db: float = 0.0
    """Added to every level; from calibration."""
    model_error_db: Annotated[float, Field(ge=0, le=30)] = 8.0
    """Standard deviation of the model's error, for P10/P50/P90; separate from location variability."""
    receiver_clutter_distance_m: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Clutter nearer than this to the receiver is left out; 0: the Recommendation as it is (docs/radio.md)."""
    reception: Literal["outdoors", "vehicle", "indoors"] = "outdoors"
    """Where the phone is; what walls or a car take comes off every level before classes (docs/link-budget.md)."""
    building: Literal["traditional", "thermally-efficient"] = "traditional"
    """Of the buildings, indoors: the two kinds of ITU-R P.2109."""

    @model_validator(mode="after")
    def _buildings_indoors(self) -> RadioConfig:
        if self.building != "traditional" and self.reception != "indoors":
            raise ValueError('a building counts with reception = "indoors" alone')
        return self

    @model_serializer(mode="wrap")
    def _what_counts(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Digests and run.json are made of this: what plays no part in a run is no part of its name either.
        values: dict[str, Any] = plain(self)
        if self.reception == "outdoors":
            values.pop("reception", None)
        if self.reception != "indoors":
            values.pop("building", None)
        return values


class GridConfig(_Table):
    cell_m: Annotated[float, Field(ge=5, le=5000)] = 50.0
    margin_m: Annotated[float, Field(ge=0)] = 2_000.0


class CountingConfig(_Table):
    indicator: str = "40604"
    funding: list[Funding] = [Funding.NATIONAL_SUBSIDY, Funding.PREFECTURE_ONLY]
    purpose: list[Purpose] = [Purpose.RESIDENTIAL]
    distinct_within_m: Annotated[float, Field(ge=0)] = 50.0
    achievement_cap: float | None = 1.0
    lower_is_better: Literal["target_over_actual", "none"] = "target_over_actual"
    achievement_classes: list[float] = [1.0, 0.85, 0.70]
    readings: dict[str, str] = Field(default_factory=dict)
    """Indicator code → id of the reading in force instead of the one that the policy sheet names."""


class PlanningConfig(_Table):
    """What a plan assumes where the planner says nothing else (docs/planning-region.md). No run depends on it."""

    site_cost_yen: Annotated[int, Field(ge=0)] = 30_000_000
    """Total cost of a new site before subsidies; observed 15–30–40 million yen for a standard one."""
    joint_cost_yen: Annotated[int, Field(ge=0)] = 13_000_000
    """Total cost of one more operator on a mast that stands. Not observed: the usual cost of a simplified site."""


class RegionConfig(_Table):
    id: Annotated[str, Field(pattern="^[a-z0-9-]+$")]
    prefecture_code: Annotated[str, Field(pattern="^[0-9]{2}$")]
    name_ja: str
    name_en: str
    fictional: bool = False
    notice_ja: str = ""
    notice_en: str = ""
    plane_epsg: int
    """Plane rectangular zone (EPSG 6669–6687 for JGD2011 zones I–XIX)."""
    fiscal_years: Annotated[list[int], Field(min_length=1)]
    """Western fiscal years that a run computes, first to last."""
    layers: LayersConfig
    operators: Annotated[dict[str, OperatorConfig], Field(min_length=1)]
    ladder: LadderConfig
    radio: RadioConfig = RadioConfig()
    grid: GridConfig = GridConfig()
    counting: CountingConfig = CountingConfig()
    planning: PlanningConfig = PlanningConfig()
    municipality_mergers: dict[str, str] = Field(default_factory=dict)
    antennas: dict[str, AntennaConfig] = Field(default_factory=dict)


@dataclass(frozen=True)
class LayerRecord:
    """A layer as it was read: what run.json, the credits and the digests are made of."""

    layer: str
    format: str
    files: tuple[tuple[str, str], ...]
    """(file name, SHA-256 of its bytes) in reading order."""
    edition: str
    licence: str
    credit: str
    estimated: bool = False
    notes: tuple[tuple[str, str], ...] = ()
    """What the reader left out or repaired, one (Japanese, English) sentence each."""


@dataclass(frozen=True)
class RegionData:
    """A region with every layer loaded. Made by ``coverage.readers.region.load_region``; never changed in place."""

    config: RegionConfig
    municipalities: tuple[Municipality, ...]
    population: PopulationMesh
    terrain: Terrain
    ledger: Ledger
    settlements: tuple[Settlement, ...] = ()
    shelters: tuple[Shelter, ...] = ()
    published_coverage: tuple[PublishedCoverage, ...] = ()
    layers: tuple[LayerRecord, ...] = ()
    exclusions: tuple[ExclusionArea, ...] = ()
    """Only where a plan asked for them."""
    indicators_toml: str = ""
    """Text of indicators.toml, parsed by ``coverage.domain.indicators.parse_indicator_set``; "" without a sheet."""
    antenna_tables: tuple[tuple[str, Path], ...] = ()
    """(name in ``[antennas]``, file) of the measured patterns; ``coverage.radio.antenna.read_pattern`` reads them."""
