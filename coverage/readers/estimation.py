"""推計: a population mesh where none exists, from census totals, town points and densely inhabited districts.

Method, in this order for every municipality:

1. **Areas.** A municipality that merged has a census total per former municipality (pre-merger area). Its town points
   go to the area whose name begins theirs: 旧美杉村 owns 「美杉町…」, 旧久居市 「久居…」. The name is taken without its
   ending 市・町・村; one of a single character must be followed by 市・町・村・区; of two that fit, the longer wins.
2. **Proof.** The name is believed only if the land nearest to those towns is at least half of the area's surface in
   the census. A former city, or a town whose name lives on in one housing estate, often has outlying towns that do
   not carry it (旧上野市: 35 towns on 3 of 195 km²); squeezing all of its people into the few that do would be worse
   than not telling the areas apart. (On the real layers tried, believed names hold 0.55 to 1.45 of the surface, the others 0.01 to 0.25.)
3. **Rest.** Areas that are not found so share the towns that are left ("rest of municipality").
4. **Densely inhabited districts.** Their residents (of the census year where it states them, shared over the polygons
   by their own figures) stay inside the polygons, evenly by area.
5. **Everybody else** is shared equally by the town points outside those polygons, and around each point by the kernel
   1 − (d/750 m)² over the cells whose centre lies in the municipality, is nearest to a town of the same area, and is
   outside the dense districts. A point with no such cell keeps its people in its nearest cell.
6. **Whole persons** by largest remainder for each area, ties to the smaller mesh code, so that the sum over each
   area, each municipality and the prefecture is exact. Households follow the persons placed, in the same way.

It is an estimate of where people live, not a count: every output made from it says 推計.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.places import Municipality, Settlement
from coverage.domain.population import PopulationMesh
from coverage.domain.region import LayerConfig
from coverage.errors import RegionError
from coverage.readers.census import Census, CensusArea, DenseDistrict, read_census, read_dense_districts
from coverage.readers.layer_files import Options

KERNEL_RADIUS_M: Final = 750.0
"""People of a town point live within this distance of it."""

NAMED_AT_LEAST: Final = 0.5
"""Share of an area's surface that must be nearest to the towns named after it."""

_M_PER_DEG_LAT: Final = 110_950.0  # at 35 N
_M_PER_DEG_LON: Final = 111_320.0  # at the equator; times cos(latitude)
_ENDINGS: Final = ("市", "町", "村", "区")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PlacedArea:
    """One census area and where its residents were put."""

    area: CensusArea
    mesh_code: Ints
    population: Ints
    households: Ints | None
    towns: int
    """Town points that its people were shared by."""
    pooled_with: tuple[str, ...] = ()
    """Former municipalities that share those towns, where no name tells them apart."""


@dataclass(frozen=True)
class Estimate:
    """The mesh and, for each census area, what it is made of."""

    mesh: PopulationMesh
    areas: tuple[PlacedArea, ...]
    notes: tuple[tuple[str, str], ...] = ()


def estimate(
    census: Census,
    towns: Sequence[Settlement],
    did: Sequence[DenseDistrict],
    municipalities: Sequence[Municipality],
    *,
    digits: int = 10,
) -> Estimate:
    """Residents and households by mesh cell of ``digits`` (9: 500 m, 10: 250 m), one row per cell and municipality.

    Sums are exact for every census area. The same input gives the same mesh, whatever the order of towns. Raises
    RegionError "estimate-digits", or "estimate-census" where census and municipalities do not fit.
    """
    if digits not in (9, 10):
        raise RegionError(
            "estimate-digits",
            f"推計のメッシュは 9 桁（500 m）か 10 桁（250 m）です（指定値 {digits}）。options の digits を直してください。",
            f"An estimated mesh has 9 (500 m) or 10 (250 m) digits (given {digits}); correct the option 'digits'.",
        )
    by_code: dict[str, list[CensusArea]] = {}
    for area in census.areas:
        by_code.setdefault(area.code, []).append(area)
    if set(by_code) != {m.code for m in municipalities}:
        odd = sorted(set(by_code) ^ {m.code for m in municipalities})
        raise RegionError(
            "estimate-census",
            f"国勢調査と境界データの市区町村が合いません（{'、'.join(odd[:5])}）。年次をそろえてください。",
            f"Census and boundaries differ in {', '.join(odd[:5])}; use layers of the same date.",
        )
    placed: list[PlacedArea] = []
    for municipality in sorted(municipalities, key=lambda m: m.code):
        own_towns = [t for t in towns if t.municipality_code == municipality.code]
        own_did = [d for d in did if d.code == municipality.code]
        land = _Land.of(
            municipality, own_towns, own_did, census.did_population.get(municipality.code), digits
        )
        placed += land.place(by_code[municipality.code])
    return Estimate(_mesh(placed, census.year), tuple(placed), _notes(placed))


def estimate_layer(
    layer: LayerConfig,
    root: Path,
    options: Options,
    *,
    municipalities: Sequence[Municipality],
    settlements: Sequence[Settlement],
) -> tuple[Estimate, tuple[Path, ...]]:
    """The estimate of a layer of format ``estimate``: one census table (.csv) and optionally one file of DID polygons.

    Options: ``digits`` (9 or 10), ``did_code_field``, ``did_population_field``.
    """
    digits = options.integer("digits", 10, choices=(9, 10)) or 10
    code_field = options.text("did_code_field")
    population_field = options.text("did_population_field")
    options.finish()
    tables = [p for p in layer.paths if p.lower().endswith(".csv")]
    polygons = [p for p in layer.paths if not p.lower().endswith(".csv")]
    if len(tables) != 1 or len(polygons) > 1:
        raise RegionError(
            "estimate-files",
            f"推計には国勢調査の CSV を一つと、あれば人口集中地区の面データを一つ指定してください（指定: {'、'.join(layer.paths)}）。",
            f"An estimate takes one census table (.csv) and at most one file of DID polygons (given: "
            f"{', '.join(layer.paths)}).",
        )
    if not settlements or not municipalities:
        raise RegionError(
            "estimate-needs-towns",
            "推計には集落（layers.settlements）と境界（layers.boundaries）の層が必要です。region.toml に加えてください。",
            "An estimate needs the layers settlements and boundaries; add them to region.toml.",
        )
    census = read_census(root / tables[0], codes={m.code for m in municipalities})
    did = (
        read_dense_districts(root / polygons[0], code_field=code_field, population_field=population_field)
        if polygons
        else ()
    )
    made = estimate(census, settlements, did, municipalities, digits=digits)
    return made, tuple(root / p for p in layer.paths)


@dataclass(frozen=True)
class _Land:
    """One municipality in cells and towns. Positions are metres from an origin of its own."""

    cells: Ints
    cell_xy: Floats
    cell_km2: Floats
    towns: list[Settlement]
    town_xy: Floats
    town_cell: Ints
    """Mesh code under each town point, for points with no cell of their own in reach."""
    nearest_town: Ints
    dense: Floats
    """Residents of dense districts in each cell (expected value); 0 outside."""
    is_dense: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        municipality: Municipality,
        towns: Sequence[Settlement],
        did: Sequence[DenseDistrict],
        did_population: int | None,
        digits: int,
    ) -> _Land:
        from scipy.spatial import cKDTree

        geometry = municipality.geometry
        west, south, east, north = geometry.bounds
        ordered = sorted(towns, key=lambda t: (t.name, t.lat, t.lon))
        if not ordered:
            middle = geometry.representative_point()
            ordered = [Settlement(municipality.code, municipality.name, middle.y, middle.x)]
        origin = ((west + east) / 2, (south + north) / 2)
        height, width = mesh.cell_size_deg(digits)
        lat = np.arange(south, north + height, height)
        lon = np.arange(west, east + width, width)
        lats, lons = np.meshgrid(lat, lon, indexing="ij")
        box = mesh.encode(lats, lons, digits).ravel()
        box_lat, box_lon = mesh.centre(box)
        shapely.prepare(geometry)
        inside = shapely.contains_xy(geometry, box_lon, box_lat)
        town_lat = np.array([t.lat for t in ordered])
        town_lon = np.array([t.lon for t in ordered])
        town_cell = mesh.encode(town_lat, town_lon, digits)
        cells = np.unique(box[inside])
        if not len(cells):
            cells = np.unique(town_cell)  # a municipality smaller than one cell
        cell_lat, cell_lon = mesh.centre(cells)
        cell_xy = _metres(cell_lon, cell_lat, origin)
        town_xy = _metres(town_lon, town_lat, origin)
        nearest = cKDTree(town_xy).query(cell_xy)[1]
        dense = np.zeros(len(cells))
        is_dense = np.zeros(len(cells), dtype=np.bool_)
        stated = sum(d.population for d in did)
        scale = did_population / stated if did_population is not None and stated else 1.0
        for district in did:
            shapely.prepare(district.geometry)
            within = shapely.contains_xy(district.geometry, cell_lon, cell_lat)
            if not within.any():
                boxes = shapely.box(*mesh.bounds_array(cells).T)
                within = shapely.intersects(district.geometry, boxes)
            if within.any():
                dense[within] += district.population * scale / within.sum()
                is_dense |= within
        return cls(
            cells=cells,
            cell_xy=cell_xy,
            cell_km2=np.full(len(cells), height * _M_PER_DEG_LAT / 1e3)
            * (width * _M_PER_DEG_LON / 1e3 * np.cos(np.radians(cell_lat))),
            towns=ordered,
            town_xy=town_xy,
            town_cell=town_cell,
            nearest_town=np.asarray(nearest, dtype=np.int64),
            dense=dense,
            is_dense=is_dense,
        )

    def place(self, areas: Sequence[CensusArea]) -> list[PlacedArea]:
        placed = []
        for members, own in self._groups(areas):
            codes, dense, sparse = self._weights(own)
            total = sum(a.population for a in members)
            dense_total = min(round(dense.sum()), total) if sparse.sum() > 0 else total
            shared_dense = _split(dense_total, np.array([a.population for a in members], dtype=np.float64))
            for area, in_dense in zip(members, shared_dense, strict=True):
                people = _split(int(in_dense), dense) + _split(area.population - int(in_dense), sparse)
                used = people > 0
                homes = None
                if area.households is not None:
                    homes = _split(area.households, people.astype(np.float64))[used]
                others = tuple(a.former for a in members if a is not area)
                placed.append(PlacedArea(area, codes[used], people[used], homes, int(own.sum()), others))
        return placed

    def _groups(self, areas: Sequence[CensusArea]) -> list[tuple[list[CensusArea], NDArray[np.bool_]]]:
        """Census areas with the towns that they own; areas that no town is named after share one group."""
        if len(areas) == 1:
            return [([areas[0]], np.ones(len(self.towns), dtype=np.bool_))]
        owner = _owners([t.name for t in self.towns], areas)
        land_km2 = np.bincount(self.nearest_town, self.cell_km2, len(self.towns))
        for index, area in enumerate(areas):
            if land_km2[owner == index].sum() < NAMED_AT_LEAST * (area.area_km2 or 0.0):
                owner[owner == index] = -1
        found = [i for i in range(len(areas)) if (owner == i).any()]
        rest = [i for i in range(len(areas)) if i not in found]
        free = owner < 0
        if rest and not free.any():
            free = np.ones(len(self.towns), dtype=np.bool_)
        elif not rest and free.any():
            # Every area is found: a town left over goes to the area of the nearest town that has one.
            taken = np.flatnonzero(~free)
            for town in np.flatnonzero(free):
                distance = np.hypot(*(self.town_xy[taken] - self.town_xy[town]).T)
                owner[town] = owner[taken[int(np.argmin(distance))]]
        groups = [([areas[i]], owner == i) for i in found]
        if rest:
            groups.append(([areas[i] for i in rest], free))
        return groups

    def _weights(self, own: NDArray[np.bool_]) -> tuple[Ints, Floats, Floats]:
        """Mesh codes of a group with the expected dense residents and the sparse weight of each."""
        mine = own[self.nearest_town]
        cells, xy = self.cells[mine], self.cell_xy[mine]
        dense, is_dense = self.dense[mine], self.is_dense[mine]
        sparse = np.zeros(len(cells))
        strays: list[int] = []
        for town in np.flatnonzero(own):
            if self._inside_dense(int(town)):
                continue
            distance = np.hypot(*(xy - self.town_xy[town]).T)
            kernel = np.where(is_dense, 0.0, np.clip(1.0 - (distance / KERNEL_RADIUS_M) ** 2, 0.0, None))
            if kernel.sum() > 0:
                sparse += kernel / kernel.sum()
            else:
                strays.append(int(self.town_cell[town]))
        if strays:
            # Points on an islet or quay too small for a cell centre: their own cell joins the list.
            extra, count = np.unique(strays, return_counts=True)
            all_cells: Ints = np.unique(np.concatenate([cells, extra]))
            at, where = np.searchsorted(all_cells, cells), np.searchsorted(all_cells, extra)
            grown_dense, grown_sparse = np.zeros(len(all_cells)), np.zeros(len(all_cells))
            grown_dense[at], grown_sparse[at] = dense, sparse
            grown_sparse[where] += count
            cells, dense, sparse = all_cells, grown_dense, grown_sparse
        if sparse.sum() <= 0 and dense.sum() <= 0:
            sparse = np.ones(len(cells))
        return cells, dense, sparse

    def _inside_dense(self, town: int) -> bool:
        at = int(np.searchsorted(self.cells, self.town_cell[town]))
        return at < len(self.cells) and self.cells[at] == self.town_cell[town] and bool(self.is_dense[at])


def _owners(names: Sequence[str], areas: Sequence[CensusArea]) -> Ints:
    """Index of the area that each town is named after, −1 where none."""
    stems = [_plain_name(a.former) for a in areas]
    owner = np.full(len(names), -1, dtype=np.int64)
    for position, name in enumerate(_plain_name(n) for n in names):
        best = 0
        for index, former in enumerate(stems):
            stem = former[:-1] if former.endswith(_ENDINGS) and len(former) > 1 else former
            fits = name.startswith(stem) and (len(stem) > 1 or name[len(stem) : len(stem) + 1] in _ENDINGS)
            if fits and len(stem) > best:
                owner[position], best = index, len(stem)
    return owner


def _plain_name(name: str) -> str:
    """島ヶ原, 島ケ原 and 島が原 are one place."""
    return (
        unicodedata.normalize("NFKC", name)
        .replace("ヶ", "ケ")
        .replace("ヵ", "カ")
        .replace("が", "ケ")
        .strip()
    )


def _metres(lon: Floats, lat: Floats, origin: tuple[float, float]) -> Floats:
    """Plane metres around ``origin``; for distances of a kilometre inside one municipality."""
    scale = _M_PER_DEG_LON * np.cos(np.radians(origin[1]))
    return np.column_stack([(lon - origin[0]) * scale, (lat - origin[1]) * _M_PER_DEG_LAT])


def _split(total: int, weights: Floats) -> Ints:
    """``total`` whole units by ``weights``, largest remainder first, ties to the earlier cell. Sum exactly ``total``."""
    if total == 0:
        return np.zeros(len(weights), dtype=np.int64)
    quota = total * (weights / weights.sum())
    parts: Ints = np.floor(quota).astype(np.int64)
    # Rounded, so that cells equal but for the last bit are ties on every machine.
    order = np.argsort(-np.round(quota - parts, 9), kind="stable")
    parts[order[: total - int(parts.sum())]] += 1
    return parts


def _mesh(placed: Sequence[PlacedArea], year: int) -> PopulationMesh:
    codes = np.concatenate([p.mesh_code for p in placed])
    owners = np.concatenate([np.full(len(p.mesh_code), int(p.area.code), dtype=np.int64) for p in placed])
    people = np.concatenate([p.population for p in placed]).astype(np.float64)
    homes = np.concatenate(
        [
            np.full(len(p.mesh_code), np.nan) if p.households is None else p.households.astype(np.float64)
            for p in placed
        ]
    )
    pairs, inverse = np.unique(np.stack([codes, owners], axis=1), axis=0, return_inverse=True)
    return PopulationMesh(
        mesh_code=pairs[:, 0].copy(),
        municipality_code=np.array([f"{code:05d}" for code in pairs[:, 1]], dtype="<U5"),
        population=np.asarray(np.bincount(inverse, people, len(pairs)), dtype=np.float64),
        households=np.asarray(np.bincount(inverse, homes, len(pairs)), dtype=np.float64),
        estimated=True,
        census_year=year,
    )


def _notes(placed: Sequence[PlacedArea]) -> tuple[tuple[str, str], ...]:
    pooled = [p for p in placed if p.pooled_with]
    merged = [p for p in placed if p.area.former]
    return (
        (
            f"推計: {len(placed)} 地域の国勢調査人口を町字の点のまわりに配った。旧市町村 {len(merged)} のうち {len(pooled)} は"
            "町字名で分けられず、同じ市町の残りの町字に合わせて配った。",
            f"Estimate: census residents of {len(placed)} areas placed around town points; of {len(merged)} former "
            f"municipalities {len(pooled)} cannot be told apart by town names and share the remaining towns.",
        ),
    )
