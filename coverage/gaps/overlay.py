"""Which pixel lies in which municipality and which mesh cell: made once a region, used for every year and operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine

from coverage.domain import mesh
from coverage.domain.grid import Grid
from coverage.domain.places import Municipality
from coverage.domain.population import PopulationMesh
from coverage.domain.projection import geometry_to_plane, lonlat_to_plane, plane_to_lonlat
from coverage.errors import RegionError


@dataclass(frozen=True)
class Overlay:
    """The region on its grid.

    ``municipality_index``: int16 (rows, cols), position in ``codes``, −1 outside. ``cell_of_pixel``: int32 (rows,
    cols), position in the population rows of ``population``, −1 where nobody lives or outside. ``population`` has a
    municipality in every row: cells whose source names none were shared out by area, whole persons kept.
    ``pixels_of_cell``: int32 (n,), pixels a row owns. ``centre_pixel``: int64 (n,), flat index of the pixel under the
    centre of each row's mesh cell. A row that owns no pixel (a cell finer than the grid, a sliver of a municipality)
    is stood for by its centre pixel (``extra_pixel``, −1 for all other rows). ``half_mesh_of_pixel``: int32 (rows,
    cols), running number of the 500 m mesh cell, −1 outside.
    """

    grid: Grid
    codes: tuple[str, ...]
    municipality_index: NDArray[np.int16]
    population: PopulationMesh
    population_municipality: NDArray[np.int32]
    cell_of_pixel: NDArray[np.int32]
    extra_pixel: NDArray[np.int64]
    pixels_of_cell: NDArray[np.int32]
    centre_pixel: NDArray[np.int64]
    half_mesh_of_pixel: NDArray[np.int32]

    @property
    def inside(self) -> NDArray[np.bool_]:
        return self.municipality_index >= 0

    def share(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """For each population row the share (0–1) of its pixels where ``mask`` (rows, cols) is true."""
        flat = self.cell_of_pixel.ravel()
        hit = flat[mask.ravel() & (flat >= 0)]
        counts = np.bincount(hit, minlength=len(self.population)).astype(np.float64)
        own = self.extra_pixel >= 0
        counts[own] = mask.ravel()[self.extra_pixel[own]]
        return counts / self.pixels_of_cell

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """A quantity of each population row (persons, households) spread evenly over its pixels; shape (rows, cols)."""
        per_pixel = values / self.pixels_of_cell
        flat = self.cell_of_pixel.ravel()
        raster = np.where(flat >= 0, per_pixel[flat], 0.0)
        own = self.extra_pixel >= 0
        np.add.at(raster, self.extra_pixel[own], values[own])
        return raster.reshape(self.grid.shape)

    def people_of_pixel(self) -> NDArray[np.float64]:
        """Residents per pixel, shape (rows, cols)."""
        return self.spread(self.population.population)


def build_overlay(grid: Grid, municipalities: Sequence[Municipality], population: PopulationMesh) -> Overlay:
    """Overlay of ``municipalities`` and ``population`` on ``grid``.

    People outside every municipality (a border cell's other part) are left out when the source does not name
    municipalities; a row that names a municipality which the boundaries lack raises :class:`RegionError`.
    """
    codes = tuple(m.code for m in municipalities)
    index = _rasterise(grid, municipalities)
    rows = _with_municipality(grid, codes, index, population)
    position = {code: i for i, code in enumerate(codes)}
    unknown = sorted({str(c) for c in np.unique(rows.municipality_code)} - set(codes))
    if unknown:
        raise RegionError(
            "population-municipality-unknown",
            f"人口データの市町コード {', '.join(unknown[:5])} が行政区域データにありません。年次をそろえてください。",
            f"The population layer names municipalities {', '.join(unknown[:5])} that the boundaries lack; "
            "use layers of the same date.",
        )
    owner = np.array([position[str(c)] for c in rows.municipality_code], dtype=np.int32)
    cell_of_pixel = _cells(grid, index, rows, owner)
    pixels = np.bincount(cell_of_pixel[cell_of_pixel >= 0], minlength=len(rows)).astype(np.int32)
    centre = _centre_pixels(grid, rows)
    extra = np.full(len(rows), -1, dtype=np.int64)
    # A row may own no pixel: a cell finer than the grid, or a sliver of a municipality. The pixel under the cell's
    # centre then stands for it, without being taken from its real owner.
    empty = pixels == 0
    extra[empty] = centre[empty]
    pixels[empty] = 1
    half = np.full(grid.rows * grid.cols, -1, dtype=np.int32)
    inside = np.flatnonzero(index.ravel() >= 0)
    lon, lat = pixel_lonlat(grid, inside)
    half[inside] = np.unique(mesh.encode(lat, lon, 9), return_inverse=True)[1]
    return Overlay(
        grid=grid,
        codes=codes,
        municipality_index=index,
        population=rows,
        population_municipality=owner,
        cell_of_pixel=cell_of_pixel,
        extra_pixel=extra,
        pixels_of_cell=pixels,
        centre_pixel=centre,
        half_mesh_of_pixel=half.reshape(grid.shape),
    )


def _rasterise(grid: Grid, municipalities: Sequence[Municipality]) -> NDArray[np.int16]:
    shapes = ((geometry_to_plane(m.geometry, grid.epsg), i) for i, m in enumerate(municipalities))
    burnt: NDArray[np.int16] = rasterize(
        shapes, out_shape=grid.shape, transform=Affine(*grid.transform), fill=-1, dtype="int16"
    )
    return burnt


def pixel_lonlat(grid: Grid, flat: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(lon, lat) in degrees of the centres of pixels given by flat index."""
    x, y = grid.xy(flat // grid.cols, flat % grid.cols)
    return plane_to_lonlat(x, y, grid.epsg)


def _mesh_digits(population: PopulationMesh) -> int:
    if len(population) == 0:
        raise RegionError(
            "population-empty",
            "人口データに人の住むメッシュが一つもありません。人口レイヤーを確かめてください。",
            "The population layer holds no populated mesh cell; check the layer.",
        )
    return len(str(int(population.mesh_code[0])))


def _with_municipality(
    grid: Grid, codes: tuple[str, ...], index: NDArray[np.int16], population: PopulationMesh
) -> PopulationMesh:
    """Give every row a municipality; rows without one are shared out by the pixels of the cell in each."""
    if len(population) and np.all(population.municipality_code != ""):
        return population
    digits = _mesh_digits(population)
    named = population.municipality_code != ""
    inside = np.flatnonzero(index.ravel() >= 0)
    lon, lat = pixel_lonlat(grid, inside)
    pixel_mesh = mesh.encode(lat, lon, digits)
    owner = index.ravel()[inside].astype(np.int64)
    # One key for (cell, municipality): counts give the area shares.
    width = len(codes)
    keys, counts = np.unique(pixel_mesh * width + owner, return_counts=True)
    cell, part_of = keys // width, keys % width
    start = np.searchsorted(cell, population.mesh_code, side="left")
    stop = np.searchsorted(cell, population.mesh_code, side="right")
    # Most cells lie in one municipality: those are done at once, only border cells one by one.
    whole = np.flatnonzero(~named & (stop - start == 1))
    out_mesh: list[int] = population.mesh_code[named].tolist() + population.mesh_code[whole].tolist()
    out_code: list[str] = population.municipality_code[named].tolist() + [codes[k] for k in part_of[start[whole]]]
    out_people: list[float] = population.population[named].tolist() + population.population[whole].tolist()
    out_homes: list[float] = population.households[named].tolist() + population.households[whole].tolist()
    for row in np.flatnonzero(~named & (stop - start > 1)):
        lo, hi = int(start[row]), int(stop[row])
        shares = counts[lo:hi] / counts[lo:hi].sum()
        people = largest_remainder(float(population.population[row]), shares)
        households = largest_remainder(float(population.households[row]), shares)
        for k in range(hi - lo):
            out_mesh.append(int(population.mesh_code[row]))
            out_code.append(codes[int(part_of[lo + k])])
            out_people.append(float(people[k]))
            out_homes.append(float(households[k]))
    order = np.lexsort((np.array(out_code), np.array(out_mesh, dtype=np.int64)))
    return PopulationMesh(
        mesh_code=np.array(out_mesh, dtype=np.int64)[order],
        municipality_code=np.array(out_code, dtype=np.str_)[order],
        population=np.array(out_people)[order],
        households=np.array(out_homes)[order],
        estimated=population.estimated,
        census_year=population.census_year,
    )


def largest_remainder(total: float, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Split ``total`` by ``shares`` (summing to 1). A whole total gives whole parts with exactly that sum.

    A total with a fraction (an estimate) is split proportionally; NaN stays NaN. Ties go to the first part.
    """
    if np.isnan(total) or total != np.floor(total):
        return total * shares
    quota = total * shares
    parts = np.floor(quota)
    missing = round(total - parts.sum())
    order = np.argsort(-(quota - parts), kind="stable")
    parts[order[:missing]] += 1
    return parts


def _cells(
    grid: Grid, index: NDArray[np.int16], rows: PopulationMesh, owner: NDArray[np.int32]
) -> NDArray[np.int32]:
    digits = _mesh_digits(rows)
    inside = np.flatnonzero(index.ravel() >= 0)
    lon, lat = pixel_lonlat(grid, inside)
    count = int(owner.max()) + 1 if len(owner) else 1
    width = max(count, int(index.max()) + 1)
    pixel_key = mesh.encode(lat, lon, digits) * width + index.ravel()[inside]
    row_key = rows.mesh_code * width + owner
    order = np.argsort(row_key, kind="stable")
    ordered = row_key[order]
    if np.any(ordered[1:] == ordered[:-1]):
        twice = rows.mesh_code[order][1:][ordered[1:] == ordered[:-1]]
        raise RegionError(
            "population-cell-twice",
            f"人口データのメッシュ {int(twice[0])} が同じ市町に二度あります。重なるファイルを読んでいないか確かめてください。",
            f"Mesh cell {int(twice[0])} occurs twice in one municipality; check that no two files overlap.",
        )
    place = np.searchsorted(ordered, pixel_key)
    place[place == len(ordered)] = 0
    found = ordered[place] == pixel_key
    cell = np.full(grid.rows * grid.cols, -1, dtype=np.int32)
    cell[inside[found]] = order[place[found]]
    return cell.reshape(grid.shape)


def _centre_pixels(grid: Grid, rows: PopulationMesh) -> NDArray[np.int64]:
    lat, lon = mesh.centre(rows.mesh_code)
    x, y = lonlat_to_plane(lon, lat, grid.epsg)
    col = np.floor((x - grid.x0_m) / grid.cell_m).astype(np.int64)
    row = np.floor((grid.y0_m - y) / grid.cell_m).astype(np.int64)
    outside = (row < 0) | (row >= grid.rows) | (col < 0) | (col >= grid.cols)
    if np.any(outside):
        code = int(rows.mesh_code[np.flatnonzero(outside)[0]])
        raise RegionError(
            "population-outside-grid",
            f"人口メッシュ {code} が行政区域の範囲の外にあります。都道府県の合うファイルを選んでください。",
            f"Population mesh cell {code} lies outside the boundaries; choose the file of the same prefecture.",
        )
    return row * grid.cols + col
