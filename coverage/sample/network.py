"""About 140 masts of three fictional operators, built as operators build: people first, remote valleys last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.projection import lonlat_to_plane
from coverage.errors import InputError
from coverage.sample.population import Cell
from coverage.sample.reach import rsrp_dbm
from coverage.sample.relief import GRID, Relief
from coverage.sample.settlements import Place

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GOOD_DBM = -85.0
"""What an operator builds for: signal indoors."""
HEARD_DBM = -115.0
VILLAGE_PEOPLE = 320
"""Settlements of this size have signal of at least one operator."""
_FREQUENCY_MHZ, _EIRP_DBM, _HEIGHT_M = 880.0, 52.0, 18.0
OPERATORS = ("m1", "m2", "m3")
_WIDE = {"m1": 28, "m2": 24, "m3": 20}
"""Masts of the 800/900 MHz layer."""
_TOWN = {"m1": 26, "m2": 23, "m3": 19}
"""Masts that only add capacity in the towns."""
_LOW = {"m1": ("B19", 882.5, 10.0), "m2": ("B18", 867.5, 10.0), "m3": ("B8", 952.5, 10.0)}
_HIGH = {
    "m1": (("B1", 2140.0, 15.0), ("B42", 3500.0, 20.0)),
    "m2": (("B1", 2120.0, 20.0), ("B42", 3540.0, 20.0)),
    "m3": (("B3", 1850.0, 15.0), ("B1", 2160.0, 10.0)),
}


class NoRoomError(InputError):
    """A seed whose landscape lacks what the sample needs."""

    @classmethod
    def of(cls, ja: str, en: str) -> NoRoomError:
        """``ja`` and ``en``: what is lacking."""
        return cls(
            "sample-seed-without-room",
            f"この種（seed）の地形には、{ja}が足りません。別の種を指定してください。",
            f"The landscape of this seed lacks {en}; choose another seed.",
        )


@dataclass(slots=True)
class Carrier:
    """One operator on a mast. None where the list does not say, or where it is not in service yet."""

    operator: str
    band: str
    frequency_mhz: float | None
    bandwidth_mhz: float | None
    eirp_dbm: float | None
    in_service: date | None
    precision: str = "day"


@dataclass(slots=True)
class Mast:
    """A physical site before it has its number. ``wide``: carries the 800/900 MHz layer."""

    place: Place
    row: int
    col: int
    height_m: float | None
    wide: bool
    carriers: list[Carrier] = field(default_factory=list)


@dataclass(frozen=True)
class Demand:
    """Mesh cells with people: their cell of the grid, and how many live there."""

    row: IntArray
    col: IntArray
    people: FloatArray


def demand_of(cells: list[Cell]) -> Demand:
    lat, lon = mesh.centre([cell.code for cell in cells])
    x, y = lonlat_to_plane(lon, lat, GRID.epsg)
    row = np.floor((GRID.y0_m - y) / GRID.cell_m).astype(np.int64)
    col = np.floor((x - GRID.x0_m) / GRID.cell_m).astype(np.int64)
    return Demand(row, col, np.array([float(cell.people) for cell in cells]))


class Station(NamedTuple):
    """An antenna as the planner's rule of thumb sees it."""

    row: int
    col: int
    height_m: float
    frequency_mhz: float
    eirp_dbm: float
    bandwidth_mhz: float


def stations_of(masts: list[Mast]) -> list[Station]:
    """Every carrier of the masts; what the list does not say is taken as usual for the layer."""
    found = []
    for mast in masts:
        usual = (_FREQUENCY_MHZ, _EIRP_DBM, 10.0) if mast.wide else (2_100.0, 57.0, 15.0)
        for carrier in mast.carriers:
            found.append(
                Station(
                    mast.row,
                    mast.col,
                    mast.height_m or 20.0,
                    carrier.frequency_mhz or usual[0],
                    carrier.eirp_dbm or usual[1],
                    carrier.bandwidth_mhz or usual[2],
                )
            )
    return found


def levels(relief: Relief, stations: list[Station], demand: Demand, *, range_km: float) -> FloatArray:
    """Level of each station at each spot, dBm, shape (stations, spots); −200 beyond ``range_km``."""
    reach = range_km * 1000.0 / GRID.cell_m
    pairs_s, pairs_d = [], []
    for index, station in enumerate(stations):
        south, east = demand.row - station.row, demand.col - station.col
        near = np.flatnonzero(south * south + east * east <= reach * reach)
        pairs_s.append(np.full(len(near), index, dtype=np.int64))
        pairs_d.append(near)
    at, spot = np.concatenate(pairs_s), np.concatenate(pairs_d)
    rows, cols = np.array([(s.row, s.col) for s in stations], dtype=np.int64).T
    radio = np.array(
        [(s.height_m, s.frequency_mhz, s.eirp_dbm, s.bandwidth_mhz) for s in stations], dtype=np.float64
    )
    level = np.full((len(stations), len(demand.row)), -200.0)
    level[at, spot] = rsrp_dbm(
        relief,
        (rows[at], cols[at], radio[at, 0]),
        (demand.row[spot], demand.col[spot]),
        frequency_mhz=radio[at, 1],
        eirp_dbm=radio[at, 2],
        bandwidth_mhz=radio[at, 3],
    )
    return level


def build(
    relief: Relief, places: list[Place], demand: Demand, chance: np.random.Generator, *, fewer: int = 0
) -> list[Mast]:
    """The masts that stood before the ledger begins, and the town masts since.

    ``fewer`` masts of every operator's wide layer than planned: the last ones, in the most remote valleys.
    """
    stations = [Station(p.row, p.col, _HEIGHT_M, _FREQUENCY_MHZ, _EIRP_DBM, 10.0) for p in places]
    level = levels(relief, stations, demand, range_km=12.0)
    masts: list[Mast] = []
    for operator in OPERATORS:
        taste = 0.8 + 0.4 * chance.random(len(places))
        offices = [
            i for i, p in enumerate(places) if p.kind == "urban" and (operator != "m3" or p.people > 9_000)
        ]
        for index in _chosen(level, demand, taste, _WIDE[operator] - fewer, offices):
            _wide_mast(relief, places[index], operator, masts, chance)
    _reach_villages(relief, places, masts, chance)
    for operator in OPERATORS:
        _town_masts(relief, places, operator, masts, chance)
    for mast in masts:
        if chance.random() < 0.08:
            mast.height_m = None
        for carrier in mast.carriers:
            _forget(carrier, chance)
    return masts


def _chosen(level: FloatArray, demand: Demand, taste: FloatArray, count: int, first: list[int]) -> list[int]:
    """``first`` (town halls have signal), then greedy: the place from which most people without a good signal get one."""
    good = level >= GOOD_DBM
    left = demand.people.copy()
    chosen = list(first)
    left[good[first].any(axis=0)] = 0.0
    while len(chosen) < count:
        gain = np.round((good @ left) * taste, 3)
        best = int(gain.argmax())
        chosen.append(best)
        left[good[best]] = 0.0
    return chosen


def _reach_villages(
    relief: Relief, places: list[Place], masts: list[Mast], chance: np.random.Generator
) -> None:
    """No operator passes by a village of some hundred people for long: one of them builds there."""
    spots = Demand(
        np.array([p.row for p in places]),
        np.array([p.col for p in places]),
        np.array([float(p.people) for p in places]),
    )
    best = levels(relief, stations_of(masts), spots, range_km=12.0).max(axis=0)
    for index in sorted(range(len(places)), key=lambda i: (-places[i].people, i)):
        if places[index].people >= VILLAGE_PEOPLE and best[index] < HEARD_DBM + 5.0:
            before = len(masts)
            _wide_mast(relief, places[index], OPERATORS[before % 2], masts, chance)
            reached = levels(relief, stations_of(masts[before:]), spots, range_km=12.0)
            best = np.maximum(best, reached.max(axis=0))


def _wide_mast(
    relief: Relief, place: Place, operator: str, masts: list[Mast], chance: np.random.Generator
) -> None:
    band, frequency, bandwidth = _LOW[operator]
    # The first operators came in the nineties; the third began later.
    year = int(chance.integers(*((1998, 2012) if operator != "m3" else (2006, 2015))))
    day, precision = _service_day(year, chance)
    carrier = Carrier(
        operator, band, frequency, bandwidth, 51.0 + float(chance.integers(0, 4)), day, precision
    )
    there = [m for m in masts if m.place is place and all(c.operator != operator for c in m.carriers)]
    if there and chance.random() < (0.4 if place.people < 600 else 0.2):
        there[0].carriers.append(carrier)
        return
    row, col = _stand(relief, place, masts, chance, reach=5 if place.kind == "valley" else 8)
    masts.append(Mast(place, row, col, float(chance.integers(3, 6) * 5), True, [carrier]))


def _town_masts(
    relief: Relief, places: list[Place], operator: str, masts: list[Mast], chance: np.random.Generator
) -> None:
    """Capacity in the towns: rooftops on 1.7–2.1 and 3.5 GHz."""
    weights = np.array([float(p.people) if p.kind in ("urban", "plain", "coast") else 0.0 for p in places])
    for step in range(_TOWN[operator]):
        running = np.cumsum(np.where(weights > 900.0, weights, 0.0))
        index = int(np.searchsorted(running, float(chance.random()) * running[-1], side="right"))
        place = places[index]
        band, frequency, bandwidth = _HIGH[operator][1 if step % 4 == 3 else 0]
        year = int(chance.integers(2009, 2019)) if band != "B42" else int(chance.integers(2016, 2019))
        day, precision = _service_day(year, chance)
        reach = 8 + int(float(np.sqrt(float(place.people))) / 6.0)
        row, col = _stand(relief, place, masts, chance, reach=reach)
        carrier = Carrier(
            operator, band, frequency, bandwidth, 56.0 + float(chance.integers(0, 4)), day, precision
        )
        masts.append(Mast(place, row, col, float(chance.integers(4, 9) * 5), False, [carrier]))
        weights[index] *= 0.75


def _stand(
    relief: Relief, place: Place, masts: list[Mast], chance: np.random.Generator, *, reach: int
) -> tuple[int, int]:
    """Dry ground within ``reach`` cells of the settlement, at least 150 m from every other mast."""
    for _ in range(200):
        row = place.row + int(chance.integers(-reach, reach + 1))
        col = place.col + int(chance.integers(-reach, reach + 1))
        if not (0 <= row < GRID.rows and 0 <= col < GRID.cols) or relief.sea[row, col]:
            continue
        if relief.height_m[row, col] > relief.height_m[place.row, place.col] + 25.0:
            continue
        if all((m.row - row) * (m.row - row) + (m.col - col) * (m.col - col) >= 9 for m in masts):
            return row, col
    raise NoRoomError.of(f"{place.name} の近くに局を建てる場所", f"ground for a mast near {place.name}")


def _service_day(year: int, chance: np.random.Generator) -> tuple[date, str]:
    """A day in a fiscal year; old lists know some only to the month or the fiscal year."""
    day = date(year, 4, 1) + timedelta(days=int(chance.integers(0, 365)))
    draw = float(chance.random())
    if draw < 0.10:
        following = date(day.year + (day.month == 12), day.month % 12 + 1, 1)
        return following - timedelta(days=1), "month"
    if draw < 0.20 and year < 2010:
        return date(year + 1, 3, 31), "fiscal_year"
    return day, "day"


def _forget(carrier: Carrier, chance: np.random.Generator) -> None:
    """Lists have gaps: then the defaults of region.toml stand in."""
    draw = chance.random(3)
    if draw[0] < 0.12:
        carrier.eirp_dbm = None
    if draw[1] < 0.06:
        carrier.frequency_mhz = None
    if draw[2] < 0.06:
        carrier.bandwidth_mhz = None
