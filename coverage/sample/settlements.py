"""Where people live: towns on the plains, fishing villages in the coves, hamlets up the valleys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coverage.domain.projection import plane_to_lonlat
from coverage.sample.municipalities import TOWNS, Municipalities, office_cell
from coverage.sample.names import place_names
from coverage.sample.noise import fractal_noise
from coverage.sample.relief import GRID, Relief

FloatArray = NDArray[np.float64]

_STREAM_KM2 = 0.35
_CELL_KM = GRID.cell_m / 1000.0


@dataclass(frozen=True, slots=True)
class Place:
    """A settlement: its cell on the grid, who lives there, and what it lives on ("urban", "plain", "coast",
    "valley"). ``town``: index into ``TOWNS``. ``office_km``: distance to the office of its municipality."""

    name: str
    kind: str
    town: int
    row: int
    col: int
    lat: float
    lon: float
    people: int
    office_km: float


def habitable(relief: Relief, municipalities: Municipalities, seed: int) -> FloatArray:
    """0–1 for every cell: level, low and near water is where people built, with fields and woods between."""
    south, east = np.gradient(relief.height_m, GRID.cell_m)
    slope = np.sqrt(south * south + east * east)
    level = np.clip((0.19 - ndimage.uniform_filter(slope, size=3)) / 0.14, 0.0, 1.0)
    low = 1.0 / (1.0 + (relief.height_m / 260.0) * (relief.height_m / 260.0))
    stream = (relief.water.area * _CELL_KM * _CELL_KM > _STREAM_KM2).reshape(GRID.shape)
    water_km = ndimage.distance_transform_edt(~(stream | relief.sea)) * _CELL_KM
    near = 1.0 / (1.0 + (water_km / 0.7) * (water_km / 0.7))
    col, row = np.meshgrid(np.arange(GRID.cols) * 0.09, np.arange(GRID.rows) * 0.09)
    built = np.clip(0.55 + 0.8 * fractal_noise(col, row, seed=seed + 61, octaves=3), 0.04, 1.0)
    # Beaches and river beds stay free of houses.
    result: FloatArray = np.where(
        relief.sea | (municipalities.label < 0) | (relief.height_m < 1.2), 0.0, level * low * near * built
    )
    return result


def settle(
    relief: Relief, municipalities: Municipalities, worth: FloatArray, chance: np.random.Generator
) -> list[Place]:
    """All settlements, the main town of each municipality first; every municipality's people add up exactly."""
    around = np.round(ndimage.uniform_filter(worth, size=7), 6)
    coast_km = ndimage.distance_transform_edt(~relief.sea) * _CELL_KM
    found: list[tuple[str, int, int, int, float, float]] = []
    for index, town in enumerate(TOWNS):
        row, col = _office(
            town_cell=office_cell(town), around=np.where(municipalities.label == index, around, 0.0)
        )
        found.append(("urban", index, row, col, 0.0, 0.0))
    for row, col in _spread(around, municipalities, found, relief, chance):
        index = int(municipalities.label[row, col])
        kind = _kind(relief, coast_km, row, col)
        _, _, office_row, office_col, _, _ = found[index]
        away = float(np.sqrt(float((row - office_row) ** 2 + (col - office_col) ** 2))) * _CELL_KM
        found.append((kind, index, row, col, away, _size(kind, relief.height_m[row, col], away, chance)))
    names = place_names([kind for kind, *_ in found], chance)
    people = _people(found)
    lon, lat = plane_to_lonlat(
        *GRID.xy(np.array([f[2] for f in found]), np.array([f[3] for f in found])), epsg=GRID.epsg
    )
    return [
        Place(name, kind, index, row, col, round(float(y), 6), round(float(x), 6), count, round(away, 2))
        for name, count, y, x, (kind, index, row, col, away, _) in zip(
            names, people, lat, lon, found, strict=True
        )
    ]


def _office(*, town_cell: tuple[int, int], around: FloatArray) -> tuple[int, int]:
    """The best ground within 2 km of where the plan has the office."""
    row, col = town_cell
    reach = 40
    rr, cc = np.mgrid[row - reach : row + reach + 1, col - reach : col + reach + 1]
    far = ((rr - row) * (rr - row) + (cc - col) * (cc - col)) / (reach * reach)
    score = np.round(around[rr, cc] * (1.0 - 0.6 * far), 6)
    best = int(score.argmax())
    return int(rr.flat[best]), int(cc.flat[best])


def _spread(
    around: FloatArray,
    municipalities: Municipalities,
    offices: list[tuple[str, int, int, int, float, float]],
    relief: Relief,
    chance: np.random.Generator,
) -> list[tuple[int, int]]:
    """Cells for settlements, the most habitable first, none closer to another than 0.8–1.5 km (Poisson disc)."""
    ground = np.flatnonzero((around > 0.035).ravel() & (municipalities.label >= 0).ravel())
    order = ground[np.argsort(-around.ravel()[ground] * (0.25 + chance.random(len(ground))), kind="stable")]
    blocked = np.zeros(GRID.shape, dtype=bool)
    rr, cc = np.mgrid[-40:41, -40:41]
    square = rr * rr + cc * cc

    def block(row: int, col: int, gap_km: float) -> None:
        r0, c0 = max(0, row - 40), max(0, col - 40)
        r1, c1 = min(GRID.rows, row + 41), min(GRID.cols, col + 41)
        disc = square <= (gap_km / _CELL_KM) * (gap_km / _CELL_KM)
        blocked[r0:r1, c0:c1] |= disc[r0 - row + 40 : r1 - row + 40, c0 - col + 40 : c1 - col + 40]

    for _, index, row, col, _, _ in offices:
        block(row, col, 1.8 if TOWNS[index].kind == "city" else 1.0)
    chosen = []
    for at in order.tolist():
        row, col = divmod(at, GRID.cols)
        if blocked[row, col]:
            continue
        plain = around[row, col] > 0.25
        block(row, col, 1.25 if plain else 0.95 + relief.height_m[row, col] / 900.0)
        chosen.append((row, col))
    return chosen


def _kind(relief: Relief, coast_km: FloatArray, row: int, col: int) -> str:
    window = relief.height_m[max(0, row - 24) : row + 25, max(0, col - 24) : col + 25]
    flat = float(window.max()) < 90.0
    if flat and coast_km[row, col] > 0.6:
        return "plain"
    if coast_km[row, col] < 0.75 and relief.height_m[row, col] < 40.0:
        return "coast"
    return "valley"


def _size(kind: str, height_m: float, office_km: float, chance: np.random.Generator) -> float:
    """Relative number of people, heavy-tailed: many hamlets, few large villages."""
    tail = 0.3 / (1.08 - float(chance.random()))
    if kind == "plain":
        return 4.2 * tail
    if kind == "coast":
        return 2.1 * tail / (1.0 + office_km / 14.0)
    return 1.15 * tail / (1.0 + height_m / 160.0) / (1.0 + office_km / 7.0)


def _people(found: list[tuple[str, int, int, int, float, float]]) -> list[int]:
    people = [0] * len(found)
    for index, town in enumerate(TOWNS):
        rural = [i for i, f in enumerate(found) if f[1] == index and f[0] != "urban"]
        spare = town.people - round(town.people * town.urban)
        total = sum(found[i][5] for i in rural)
        for i in rural:
            people[i] = max(5, int(spare * found[i][5] / total))
        people[index] = town.people - sum(people[i] for i in rural)
    return people
