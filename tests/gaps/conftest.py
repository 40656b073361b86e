"""A tiny region: two square municipalities side by side, four 250 m mesh cells across each, on a 25 m grid."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer
from shapely.geometry import box

from coverage.domain import mesh
from coverage.domain.grid import Grid
from coverage.domain.places import Municipality
from coverage.domain.population import PopulationMesh
from coverage.gaps.overlay import Overlay, build_overlay

SOUTH, WEST = 33.5, 136.5
EPSG = 6674


@pytest.fixture
def cells() -> np.ndarray:
    """Codes of the 4 × 8 cells of 250 m (10 digits), rows from the south, shape (4, 8)."""
    height, width = mesh.cell_size_deg(10)
    lat = SOUTH + (np.arange(4) + 0.5) * height
    lon = WEST + (np.arange(8) + 0.5) * width
    return mesh.encode(np.repeat(lat, 8), np.tile(lon, 4), 10).reshape(4, 8)


@pytest.fixture
def municipalities() -> tuple[Municipality, ...]:
    height, width = mesh.cell_size_deg(10)
    west = box(WEST, SOUTH, WEST + 4 * width, SOUTH + 4 * height)
    east = box(WEST + 4 * width, SOUTH, WEST + 8 * width, SOUTH + 4 * height)
    return (Municipality("99201", "西市", "", west), Municipality("99301", "東町", "見本郡", east))


@pytest.fixture
def grid() -> Grid:
    height, width = mesh.cell_size_deg(10)
    to_plane = Transformer.from_crs(6668, EPSG, always_xy=True)
    x0, y0 = to_plane.transform(WEST, SOUTH)
    x1, y1 = to_plane.transform(WEST + 8 * width, SOUTH + 4 * height)
    cell = 25.0
    return Grid(EPSG, x0 - 200, y1 + 200, cell, int((y1 - y0 + 400) / cell) + 1, int((x1 - x0 + 400) / cell) + 1)


@pytest.fixture
def population(cells: np.ndarray) -> PopulationMesh:
    """Ten people in every cell of the western municipality's south row, one hundred in one eastern cell."""
    codes = np.concatenate([cells[0, :4], cells[2, 6:7]])
    return PopulationMesh(
        mesh_code=codes,
        municipality_code=np.array(["99201"] * 4 + ["99301"]),
        population=np.array([10.0, 10.0, 10.0, 10.0, 100.0]),
        households=np.array([4.0, 4.0, 4.0, 4.0, 40.0]),
    )


@pytest.fixture
def overlay(grid: Grid, municipalities: tuple[Municipality, ...], population: PopulationMesh) -> Overlay:
    return build_overlay(grid, municipalities, population)
