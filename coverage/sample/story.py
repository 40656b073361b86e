"""From the roles of :mod:`coverage.sample.roles` to districts and masts on the ground of one landscape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from coverage.domain import mesh
from coverage.sample.network import (
    HEARD_DBM,
    Carrier,
    Demand,
    Mast,
    NoRoomError,
    Station,
    build,
    levels,
    stations_of,
)
from coverage.sample.population import Cell, Residents
from coverage.sample.relief import GRID, Relief
from coverage.sample.roles import DESIGNATED, EARLIER, POINTS, RESOLVED, ROLES, WAITING, Role
from coverage.sample.settlements import Place

FloatArray = NDArray[np.float64]

_EIRP_DBM = 53.0
_RANGE_KM = 20.0
_RISE_M = 40.0
_DEAF_DBM = HEARD_DBM - 2.0
"""Settlements that the register calls no-signal are so by a margin, so that the radio model agrees with it."""
_DEAF_SHARE = 0.75
_BAND = {"m1": ("B19", 882.5, 10.0), "m2": ("B18", 867.5, 10.0), "m3": ("B8", 952.5, 10.0)}


@dataclass(slots=True)
class StoryDistrict:
    """One district of the register, with each of its stays: (designated, resolved or None). ``place``: index of its
    settlement, ``town`` of its municipality."""

    key: str
    place: int
    town: int
    name: str
    stays: list[tuple[date, date | None]]
    declined: bool = False
    as_point: bool = False
    geometry: BaseGeometry = field(default_factory=shapely.Point)
    people: int = 0
    households: int = 0


@dataclass(slots=True)
class StorySite:
    """A site built, or to be built, for the register. ``serves``: (district, serves from, confirmed on or None)."""

    key: str
    place: int
    mast: Mast
    status: str
    funding: str | None
    purpose: str | None
    serves: list[tuple[str, date | None, date | None]]
    project: str | None = None
    replaces: str | None = None
    beside: str | None = None
    """A site 35 m away, which shares its cell of the grid."""
    planned_fy: int | None = None
    cost_yen: int | None = None
    closed_on: date | None = None
    allocated: bool = False


@dataclass(frozen=True)
class Story:
    """``sites`` and ``districts`` in the order in which they are told."""

    sites: list[StorySite]
    districts: list[StoryDistrict]


@dataclass
class _Stage:
    """What is built so far, and who hears it: ``best`` is the strongest level at every mesh cell."""

    relief: Relief
    places: list[Place]
    residents: Residents
    demand: Demand
    best: FloatArray
    taken: list[tuple[int, int]]
    cast: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at = {cell.code: i for i, cell in enumerate(self.residents.cells)}
        self._homes = [np.array([at[code] for code in codes]) for codes in self.residents.homes]

    def deaf(self) -> list[int]:
        """Settlements where three of four people have no signal, the largest first."""
        found = []
        for index, home in enumerate(self._homes):
            people = self.demand.people[home]
            if float(people[self.best[home] < _DEAF_DBM].sum()) >= _DEAF_SHARE * float(people.sum()):
                found.append(index)
        found = [i for i in found if self.places[i].people < 400 and i not in self.cast.values()]
        return sorted(found, key=lambda i: (-self.places[i].people, i))

    def give(self, key: str) -> None:
        """The next district: a large settlement, in a municipality that has few so far."""
        uses: dict[int, int] = {}
        for index in self.cast.values():
            town = self.places[index].town
            uses[town] = uses.get(town, 0) + 1
        free = self.deaf()
        if not free:
            raise NoRoomError.of("電波の届かない集落", "settlements without signal")
        self.cast[key] = max(
            free, key=lambda i: (self.places[i].people / (1.0 + 1.5 * uses.get(self.places[i].town, 0)), -i)
        )

    def build(self, site: StorySite) -> None:
        """Put a site on the air."""
        level = levels(self.relief, stations_of([site.mast]), self.demand, range_km=_RANGE_KM)
        self.best = np.maximum(self.best, level.max(axis=0))


def build_and_tell(
    relief: Relief,
    places: list[Place],
    residents: Residents,
    demand: Demand,
    stream: Callable[[int], np.random.Generator],
) -> tuple[list[Mast], Story]:
    """Masts that leave room for the story, and the story. Fewer masts are built until there is room.

    ``stream(n)`` begins the n-th stream of chance anew. Raises NoRoomError where even few masts leave too little.
    """
    fewer = 0
    while True:
        masts = build(relief, places, demand, stream(3), fewer=fewer)
        try:
            return masts, tell(relief, places, residents, demand, masts, stream(4))
        except NoRoomError:
            if fewer >= 10:
                raise
            fewer += 2


def tell(
    relief: Relief,
    places: list[Place],
    residents: Residents,
    demand: Demand,
    masts: list[Mast],
    chance: np.random.Generator,
) -> Story:
    """Choose districts where people really have no signal, and stand the sites of the story in or above them.

    Sites on the air come first; districts still waiting are chosen from those that none of these reaches.
    Raises NoRoomError where too few settlements are without signal.
    """
    best = levels(relief, stations_of(masts), demand, range_km=_RANGE_KM).max(axis=0)
    stage = _Stage(relief, places, residents, demand, best, [(m.row, m.col) for m in masts])
    stage.cast.update(zip("BC", _pair(stage), strict=True))
    made: dict[str, StorySite] = {}
    built = [role for role in ROLES if role.on_air]
    for key in "AEDHFKIGJ":
        stage.give(key)
    for role in built:
        made[role.key] = _site(stage, role, made)
        if role.closed_on is None:
            stage.build(made[role.key])
    for key in "LMNOPQ" + WAITING:
        stage.give(key)
    for role in ROLES:
        if not role.on_air:
            made[role.key] = _site(stage, role, made)
    cells = {cell.code: cell for cell in residents.cells}
    districts = [
        _district(key, stage.cast[key], places, residents, cells, chance) for key in sorted(stage.cast)
    ]
    earlier_sites, earlier_districts = _earlier(places, residents, cells, masts, chance)
    return Story([made[role.key] for role in ROLES] + earlier_sites, districts + earlier_districts)


def _pair(stage: _Stage) -> tuple[int, int]:
    """Two settlements without signal that one mast reaches; most people first."""
    deaf = stage.deaf()
    places = stage.places
    spots = Demand(
        np.array([places[i].row for i in deaf]),
        np.array([places[i].col for i in deaf]),
        np.array([float(places[i].people) for i in deaf]),
    )
    stands = [_stand(stage.relief, places[i], []) for i in deaf]
    stations = [Station(row, col, 30.0, 880.0, _EIRP_DBM, 10.0) for row, col in stands]
    level = levels(stage.relief, stations, spots, range_km=_RANGE_KM)
    best: tuple[int, int, int] | None = None
    for at, one in enumerate(deaf):
        for to, other in enumerate(deaf):
            if one == other or level[at, at] < -100.0 or level[at, to] < -106.0:
                continue
            people = places[one].people + places[other].people
            if best is None or people > best[0]:
                best = (people, one, other)
    if best is None:
        raise NoRoomError.of("1局で届く2つの不感集落", "two settlements without signal that one mast reaches")
    return best[1], best[2]


def _stand(
    relief: Relief,
    place: Place,
    avoid: list[tuple[int, int]],
    *,
    reach: int = 10,
    gap: int = 3,
) -> tuple[int, int]:
    """Ground for a mast: the most open rise within ``reach`` cells, up to 40 m above the settlement, ``gap`` cells or
    more from the masts to ``avoid``."""
    rr, cc = np.mgrid[
        max(0, place.row - reach) : min(GRID.rows, place.row + reach + 1),
        max(0, place.col - reach) : min(GRID.cols, place.col + reach + 1),
    ]
    far = np.sqrt(
        ((rr - place.row) * (rr - place.row) + (cc - place.col) * (cc - place.col)).astype(np.float64)
    )
    rise = relief.height_m[rr, cc] - relief.height_m[place.row, place.col]
    good = (far <= reach) & ~relief.sea[rr, cc] & (rise <= _RISE_M)
    for row, col in avoid:
        good &= (rr - row) * (rr - row) + (cc - col) * (cc - col) >= gap * gap
    score = np.where(good, np.round(rise - 2.5 * far, 3), -1e9)
    best = int(score.argmax())
    return int(rr.flat[best]), int(cc.flat[best])


def _site(stage: _Stage, role: Role, made: dict[str, StorySite]) -> StorySite:
    home = stage.cast[role.districts[0]]
    place = stage.places[home]
    if role.beside is not None:
        row, col = made[role.beside].mast.row, made[role.beside].mast.col
    elif role.far_from is not None:
        # The other end of a long valley.
        other = made[role.far_from].mast
        row, col = _stand(stage.relief, place, [*stage.taken, (other.row, other.col)], reach=22, gap=14)
    else:
        row, col = _stand(stage.relief, place, stage.taken)
    stage.taken.append((row, col))
    height_m = 20.0 + 5.0 * (len(stage.taken) % 5)
    carriers = [Carrier(op, *_BAND[op], _EIRP_DBM, day, precision) for op, day, precision in role.air]
    since = None if any(precision == "year" for _, _, precision in role.air) else role.air[0][1]
    # One answer stands for every district of the site unless each has its own.
    answers = role.confirmed if len(role.confirmed) > 1 else role.confirmed * len(role.districts)
    return StorySite(
        key=role.key,
        place=home,
        mast=Mast(place, row, col, height_m, True, carriers),
        status=role.status,
        funding=role.funding,
        purpose=role.purpose,
        serves=[(key, since, answer) for key, answer in zip(role.districts, answers, strict=True)],
        project=role.project,
        replaces=role.replaces,
        beside=role.beside,
        planned_fy=role.planned_fy,
        cost_yen=role.cost_yen,
        closed_on=role.closed_on,
        allocated=role.allocated,
    )


def _district(
    key: str,
    place: int,
    places: list[Place],
    residents: Residents,
    cells: dict[int, Cell],
    chance: np.random.Generator,
) -> StoryDistrict:
    stays: list[tuple[date, date | None]] = [(DESIGNATED.get(key, date(2012, 4, 1)), RESOLVED.get(key))]
    if key == "F":
        # Resolved in 2009, designated again the day its mast went off the air, resolved by the mast's successor.
        stays = [(date(2003, 4, 1), date(2009, 8, 1)), (date(2017, 10, 1), date(2019, 2, 15))]
    return _with_figures(
        StoryDistrict(
            key,
            place,
            places[place].town,
            places[place].name,
            stays,
            declined=key == "Q",
            as_point=key in POINTS,
        ),
        places,
        residents,
        cells,
        chance,
    )


def _with_figures(
    district: StoryDistrict,
    places: list[Place],
    residents: Residents,
    cells: dict[int, Cell],
    chance: np.random.Generator,
) -> StoryDistrict:
    place = places[district.place]
    home = residents.homes[district.place]
    if district.as_point:
        district.geometry = shapely.Point(place.lon, place.lat)
    else:
        lat, lon = mesh.centre(home)
        # Drawn by hand around the houses: rounded, not along the mesh.
        outline = (
            shapely.union_all(shapely.buffer(shapely.points(lon, lat), 0.0019)).buffer(0.0022).buffer(-0.0022)
        )
        outline = outline.simplify(0.0002)
        if outline.geom_type == "MultiPolygon":
            outline = outline.convex_hull
        rounded = shapely.transform(outline, lambda xy: np.round(xy, 5))
        district.geometry = shapely.orient_polygons(shapely.Polygon(rounded.exterior), exterior_cw=False)
    # The register counted when the district was designated: there were more people then.
    growth = 1.04 + 0.14 * float(chance.random())
    district.people = int(place.people * growth)
    homes_share = sum(cells[c].households for c in home) / max(1, sum(cells[c].people for c in home))
    district.households = max(1, int(district.people * homes_share + 0.5))
    return district


def _earlier(
    places: list[Place],
    residents: Residents,
    cells: dict[int, Cell],
    masts: list[Mast],
    chance: np.random.Generator,
) -> tuple[list[StorySite], list[StoryDistrict]]:
    """Masts in small mountain settlements that were built with grants before the ledger began."""
    where = {id(p): i for i, p in enumerate(places)}
    old = [m for m in masts if m.wide and m.place.kind == "valley" and m.place.people < 900]
    old = [m for m in old if _first(m) < date(2014, 4, 1)]
    old.sort(key=lambda m: (m.place.people, where[id(m.place)]))
    sites: list[StorySite] = []
    districts: list[StoryDistrict] = []
    seen: set[int] = set()
    for mast in old:
        place = where[id(mast.place)]
        if place in seen or len(sites) == EARLIER:
            continue
        seen.add(place)
        key = f"Z{len(sites) + 1}"
        first = _first(mast)
        resolved = date(first.year + 1, 4, 1)
        stays: list[tuple[date, date | None]] = [(date(max(1996, first.year - 4), 4, 1), resolved)]
        districts.append(
            _with_figures(
                StoryDistrict(
                    key, place, mast.place.town, mast.place.name, stays, as_point=len(sites) % 3 == 2
                ),
                places,
                residents,
                cells,
                chance,
            )
        )
        sites.append(
            StorySite(
                key=f"earlier-{len(sites) + 1}",
                place=place,
                mast=mast,
                status="供用中",
                funding="国補助",
                purpose="居住",
                serves=[(key, first, resolved)],
                allocated=True,
            )
        )
    return sites, districts


def _first(mast: Mast) -> date:
    """First service day of a mast that is on the air."""
    return min(carrier.in_service for carrier in mast.carriers if carrier.in_service is not None)
