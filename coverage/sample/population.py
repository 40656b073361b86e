"""Residents by 250 m mesh cell, and the text file in which the census publishes them.

The file has the form of the 2015 census on the 250 m mesh (table T000876): CP932, CRLF, two header rows, concealment
by HTKSYORI / HTKSAKI / GASSAN, cells without people left out. A selection of its columns is written, under their own
codes. Every number is invented.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.projection import plane_to_lonlat
from coverage.sample.relief import GRID
from coverage.sample.settlements import Place

FloatArray = NDArray[np.float64]

TABLE = "T000876"
_COLUMNS = (
    ("001", "　人口総数"),
    ("002", "　人口総数　男"),
    ("003", "　人口総数　女"),
    ("004", "　０～１４歳人口総数"),
    ("010", "　１５～６４歳人口総数"),
    ("016", "　６５歳以上人口総数"),
    ("019", "　７５歳以上人口総数"),
    ("028", "　世帯総数"),
)
_OPEN = frozenset({"001", "002", "003", "028"})
"""Never concealed: totals stand in every row, whatever HTKSYORI says."""
_CONCEALED_BELOW = 10


@dataclass(slots=True)
class Cell:
    """One mesh cell with people. ``rural``: 0 in a city, 1 far up a valley; sets ages and household sizes."""

    code: int
    people: int
    rural: float
    men: int = 0
    young: int = 0
    old: int = 0
    very_old: int = 0
    households: int = 0


@dataclass(frozen=True)
class Residents:
    """``cells`` by code; ``homes``: for each settlement, in order, the mesh codes where its people live."""

    cells: list[Cell]
    homes: list[list[int]]


def share_out(places: list[Place], worth: FloatArray, chance: np.random.Generator) -> Residents:
    """People of every settlement on the mesh cells around it, whole persons, exact sums."""
    codes = _cell_codes()
    people: dict[int, int] = {}
    rural: dict[int, float] = {}
    homes: list[list[int]] = []
    for place in places:
        homes.append([])
        for code, count in _shares(place, worth, codes):
            if count > 0:
                homes[-1].append(code)
                before = people.get(code, 0)
                people[code] = before + count
                mixed = rural.get(code, 0.0) * before + _rural(place) * count
                rural[code] = mixed / (before + count)
    cells = [Cell(code, people[code], rural[code]) for code in sorted(people)]
    for cell in cells:
        _ages(cell, chance)
    return Residents(cells, homes)


def cell_table(cells: list[Cell]) -> bytes:
    """The census text file."""
    partner = _conceal(cells)
    gathered: dict[int, list[int]] = {}
    for code, to in partner.items():
        gathered.setdefault(to, []).append(code)
    by_code = {cell.code: cell for cell in cells}
    keys = ["KEY_CODE", "HTKSYORI", "HTKSAKI", "GASSAN"]
    lines = [
        ",".join(keys + [TABLE + code for code, _ in _COLUMNS]),
        ",".join([""] * len(keys) + [label for _, label in _COLUMNS]),
    ]
    for cell in cells:
        own = _values([cell])
        if cell.code in partner:
            row = [str(cell.code), "2", str(partner[cell.code]), ""]
            row += [str(own[code]) if code in _OPEN else "*" for code, _ in _COLUMNS]
        elif cell.code in gathered:
            joined = _values([cell] + [by_code[code] for code in gathered[cell.code]])
            row = [str(cell.code), "1", "", ";".join(str(code) for code in sorted(gathered[cell.code]))]
            row += [str((own if code in _OPEN else joined)[code]) for code, _ in _COLUMNS]
        else:
            row = [str(cell.code), "0", "", ""] + [str(own[code]) for code, _ in _COLUMNS]
        lines.append(",".join(row))
    return ("\r\n".join(lines) + "\r\n").encode("cp932")


def _cell_codes() -> NDArray[np.int64]:
    col, row = np.meshgrid(np.arange(GRID.cols), np.arange(GRID.rows))
    lon, lat = plane_to_lonlat(*GRID.xy(row.ravel(), col.ravel()), epsg=GRID.epsg)
    return mesh.encode(lat, lon, 10).reshape(GRID.shape)


def _shares(place: Place, worth: FloatArray, codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(mesh code, persons): densest at the settlement's own cell, only on habitable ground."""
    reach_km = 0.13 + 0.0095 * float(np.sqrt(float(place.people)))
    cells = int(min(3.6 * reach_km, 9.0) * 1000.0 / GRID.cell_m) + 2
    r0, r1 = max(0, place.row - cells), min(GRID.rows, place.row + cells + 1)
    c0, c1 = max(0, place.col - cells), min(GRID.cols, place.col + cells + 1)
    rr, cc = np.mgrid[r0:r1, c0:c1]
    step = GRID.cell_m / 1000.0
    square = ((rr - place.row) * (rr - place.row) + (cc - place.col) * (cc - place.col)) * (step * step)
    kernel = 1.0 / (1.0 + square / (reach_km * reach_km))
    weight = worth[r0:r1, c0:c1] * kernel * kernel
    weight[square > (3.6 * reach_km) * (3.6 * reach_km)] = 0.0
    weight[place.row - r0, place.col - c0] += 0.02
    near, slot = np.unique(codes[r0:r1, c0:c1], return_inverse=True)
    total = np.bincount(slot.ravel(), weights=weight.ravel())
    # Nobody lives alone in a corner of every cell: few cells for few people.
    most = max(1, min(len(near), place.people // 20 + 1))
    order = np.argsort(-np.round(total, 9), kind="stable")[:most]
    order = order[total[order] > 0.0]
    exact = total[order] / total[order].sum() * place.people
    whole = np.floor(exact + 1e-9).astype(np.int64)
    rest = np.argsort(-np.round(exact - whole, 9), kind="stable")[: place.people - int(whole.sum())]
    whole[rest] += 1
    return [(int(near[i]), int(n)) for i, n in zip(order, whole, strict=True)]


def _rural(place: Place) -> float:
    if place.kind == "urban":
        return 0.0 if place.people > 8_000 else 0.35
    base = {"plain": 0.25, "coast": 0.6, "valley": 0.75}[place.kind]
    return min(1.0, base + (0.25 if place.people < 60 else 0.0))


def _ages(cell: Cell, chance: np.random.Generator) -> None:
    """Split the people by age and sex, and count households."""

    def part(count: int, share: float) -> int:
        wobble = share * (0.8 + 0.4 * float(chance.random()))
        return max(0, min(count, int(count * wobble + float(chance.random()))))

    cell.men = part(cell.people, 0.48)
    cell.old = part(cell.people, 0.25 + 0.32 * cell.rural)
    cell.very_old = part(cell.old, 0.47 + 0.12 * cell.rural)
    cell.young = part(cell.people - cell.old, 0.18 - 0.06 * cell.rural)
    size = 2.45 - 0.45 * cell.rural + 0.3 * (float(chance.random()) - 0.5)
    cell.households = max(1, min(cell.people, int(cell.people / size + 0.5)))


def _values(cells: list[Cell]) -> dict[str, int]:
    people = sum(c.people for c in cells)
    men = sum(c.men for c in cells)
    young, old = sum(c.young for c in cells), sum(c.old for c in cells)
    return {
        "001": people,
        "002": men,
        "003": people - men,
        "004": young,
        "010": people - young - old,
        "016": old,
        "019": sum(c.very_old for c in cells),
        "028": sum(c.households for c in cells),
    }


def _conceal(cells: list[Cell]) -> dict[int, int]:
    """Concealed cell → the cell that holds its details: the nearest one that is open."""
    open_cells = [c for c in cells if c.people >= _CONCEALED_BELOW]
    lat, lon = mesh.centre([c.code for c in open_cells])
    partner = {}
    for cell in cells:
        if cell.people >= _CONCEALED_BELOW:
            continue
        here_lat, here_lon = mesh.centre([cell.code])
        # 0.0014 degrees of longitude are as far as 0.00117 of latitude at 33.6 N.
        far = np.abs(lat - here_lat[0]) * 1.2 + np.abs(lon - here_lon[0])
        partner[cell.code] = open_cells[int(np.round(far, 6).argmin())].code
    return partner
