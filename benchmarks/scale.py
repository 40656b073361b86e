"""All Japan: municipality statistics of 47 prefectures in one process, and what a site and a tile cost.

    python -m benchmarks.scale [--boundaries FILE] [--cell 250] [--sites 24] [--no-radio]

Boundaries: an N03 file of all Japan (default: the simplified one beside the project; without it the first part is left
out). People are made: a fixed seed scatters each prefecture's census total (2020) over its half meshes (500 m) without
naming municipalities, as e-Stat does, and signal is a smooth random field that covers about nine tenths. Statistics are those
of a run (``coverage.gaps``): overlay, three definitions of population coverage, area. Nobody may be lost: the sum over
municipalities is compared with the sum over cells. Prints seconds of wall clock of this one process, generation not
counted, then seconds a site and a tile on a grid of 90 m (20 km around a mast), serially.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely

from coverage.domain import mesh
from coverage.domain.grid import Grid
from coverage.domain.places import Municipality
from coverage.domain.population import PopulationMesh
from coverage.domain.region import LayerConfig, RadioConfig
from coverage.fetch.prefectures import Prefecture, prefectures
from coverage.gaps.overlay import build_overlay
from coverage.gaps.population_coverage import population_coverage, signal_state
from coverage.readers.boundaries import bounds_of, read_boundaries
from coverage.readers.terrain import region_grid

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "boundaries" / "N03-21_210101_japan_s0001.geojson"
GOAL_S = 60.0
POPULATED = 0.3
"""Share of land half meshes where somebody lives, about that of Japan."""

APART_DEG = 0.5
"""Groups of municipalities farther apart than this get a grid of their own: remote islands."""

MAX_PIXELS = 30_000_000


def island_groups(municipalities: Sequence[Municipality]) -> list[list[Municipality]]:
    """Municipalities joined where their boxes come within ``APART_DEG`` of each other."""
    boxes = shapely.box(*np.array([m.geometry.bounds for m in municipalities]).T)
    pairs = shapely.STRtree(boxes).query(boxes, predicate="dwithin", distance=APART_DEG).T
    root = list(range(len(municipalities)))

    def top(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    for a, b in pairs:
        root[top(int(a))] = top(int(b))
    groups: dict[int, list[Municipality]] = {}
    for i, municipality in enumerate(municipalities):
        groups.setdefault(top(i), []).append(municipality)
    return list(groups.values())


def made_people(municipalities: Sequence[Municipality], total: int, rng: np.random.Generator) -> PopulationMesh:
    """``total`` persons over half meshes whose centre is land, log-normal, whole persons."""
    land = shapely.union_all([m.geometry for m in municipalities])
    shapely.prepare(land)
    codes = []
    for part in shapely.get_parts(land):
        west, south, east, north = part.bounds
        height, width = mesh.cell_size_deg(9)
        lat = np.arange(south + height / 4, north, height)
        lon = np.arange(west + width / 4, east, width)
        if len(lat) and len(lon):
            codes.append(np.unique(mesh.encode(lat[:, None], lon[None, :], 9)))
    cells = np.unique(np.concatenate(codes))
    lat, lon = mesh.centre(cells)
    cells = cells[shapely.contains_xy(land, lon, lat)]
    cells = cells[rng.random(len(cells)) < POPULATED]
    weight = rng.lognormal(2.0, 2.0, len(cells))
    people = np.floor(weight / weight.sum() * total)
    people[np.argmax(weight)] += total - people.sum()
    return PopulationMesh(
        mesh_code=cells,
        municipality_code=np.full(len(cells), "", dtype="<U5"),
        population=people,
        households=np.floor(people / 2.3),
        census_year=2020,
    )


def made_level(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """float32 dBm, smooth over some kilometres, at or above -115 dBm on about nine tenths."""
    coarse = rng.normal(-95.0, 15.0, (grid.rows // 16 + 2, grid.cols // 16 + 2)).astype(np.float32)
    return np.kron(coarse, np.ones((16, 16), dtype=np.float32))[: grid.rows, : grid.cols]


def statistics(home: Prefecture, municipalities: Sequence[Municipality], cell_m: float) -> tuple[float, float, int, int, float]:
    """(seconds, CPU seconds, pixels, cells, persons not found again) of one prefecture."""
    rng = np.random.default_rng(int(home.code))
    area = sum(m.geometry.area for m in municipalities)
    seconds, cpu, pixels, cells, lost = 0.0, 0.0, 0, 0, 0.0
    for group in island_groups(municipalities):
        share = sum(m.geometry.area for m in group) / area
        people = made_people(group, round((home.census_2020 or 0) * share), rng)
        if not len(people):
            continue
        size = cell_m
        while True:
            grid = region_grid(bounds_of(group), epsg=home.plane_epsg, cell_m=size, margin_m=2000.0)
            if grid.rows * grid.cols <= MAX_PIXELS:
                break
            size *= 2  # a village whose islands lie a thousand kilometres apart
        level = made_level(grid, rng)
        start, began = time.perf_counter(), time.process_time()
        overlay = build_overlay(grid, group, people)
        figures = population_coverage(overlay, signal_state(level, -115.0))
        seconds += time.perf_counter() - start
        cpu += time.process_time() - began
        pixels += grid.rows * grid.cols
        cells += len(people)
        lost += people.total - float(figures.population.sum())
        assert (figures.unserved_people_area <= figures.population + 1e-6).all()
    return seconds, cpu, pixels, cells, lost


def national(file: Path, cell_m: float) -> None:
    """The first part: every prefecture, one after another."""
    layer = LayerConfig(format="n03", path=file.name, edition="2021-01-01", licence="", credit="")
    start = time.perf_counter()
    everybody = read_boundaries(layer, file.parent).municipalities
    reading = time.perf_counter() - start
    print(f"{len(everybody):,} municipalities read in {reading:.2f} s; grid of {cell_m:g} m, one process")
    total, cpu, pixels, cells, lost, slowest = 0.0, 0.0, 0, 0, 0.0, (0.0, "")
    for code, home in prefectures().items():
        own = [m for m in everybody if m.code.startswith(code)]
        seconds, busy, here, rows, missing = statistics(home, own, cell_m)
        cpu += busy
        total, pixels, cells, lost = total + seconds, pixels + here, cells + rows, lost + missing
        slowest = max(slowest, (seconds, home.name_en))
    verdict = "met" if total <= GOAL_S else "met on a machine that does nothing else" if cpu <= GOAL_S else "MISSED"
    print(f"47 prefectures: {total:.1f} s of wall clock, {cpu:.1f} s of CPU (goal {GOAL_S:g} s: {verdict})")
    print(f"  {pixels / 1e6:,.0f} million pixels, {cells:,} half meshes, slowest {slowest[1]} {slowest[0]:.1f} s")
    print(f"  {1000 * cpu / len(everybody):.1f} ms of CPU a municipality, {1e6 * cpu / cells:.0f} us a half mesh")
    everyone = sum(p.census_2020 or 0 for p in prefectures().values())
    print(f"  persons in cells without a land pixel: {lost:,.0f} of {everyone:,} ({lost / everyone:.4%})")


def radio(sites: int, cell_m: float) -> None:
    """The second part: CPU seconds a site (one operator, one band) and a strip of the merged map."""
    from benchmarks.network import made_cells, made_terrain
    from coverage.runs.executors import SerialExecutor
    from coverage.runs.footprints import compute_footprints
    from coverage.runs.network import network_signal

    terrain = made_terrain(cell_m)
    cells = made_cells(terrain, sites + 1)
    config = RadioConfig(max_range_m=20_000.0)
    work = Path(tempfile.mkdtemp(prefix="scale-benchmark-"))
    try:
        with SerialExecutor() as executor:
            compute_footprints(terrain, cells[:1], config, work=work, executor=executor)
            start = time.process_time()
            prints = compute_footprints(terrain, cells, config, work=work, executor=executor)
            per_site = (time.process_time() - start) / sites
            size = prints.cache.size_bytes() / len(cells)
            start = time.process_time()
            network_signal(terrain, cells, config, work=work, executor=executor, edge_dbm=-115.0)
            merged = time.process_time() - start
    finally:
        shutil.rmtree(work, ignore_errors=True)
    grid = terrain.grid
    megapixels = grid.rows * grid.cols / 1e6
    print(f"{sites} sites, 20 km around each, {grid.rows} x {grid.cols} pixels of {cell_m:g} m, one core")
    print(f"  {per_site:.3f} s of CPU a site and band (P.1812 footprint, {size / 1e6:.2f} MB of cache)")
    print(f"  {merged:.2f} s of CPU to merge them all: {merged / megapixels:.2f} s a million pixels, 4 groups of operators")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boundaries", type=Path, default=BESIDE)
    parser.add_argument("--cell", type=float, default=250.0, help="grid cell of the statistics, metres")
    parser.add_argument("--sites", type=int, default=24)
    parser.add_argument("--no-radio", action="store_true")
    options = parser.parse_args(arguments)
    print(f"{platform.machine()}, Python {platform.python_version()}, {sys.platform}")
    if options.boundaries.is_file():
        national(options.boundaries, options.cell)
    else:
        print(f"no boundaries at {options.boundaries.name}: the first part is left out")
    if not options.no_radio:
        radio(options.sites, 90.0)


if __name__ == "__main__":
    main()
