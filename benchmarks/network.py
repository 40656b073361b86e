"""A prefecture's thousand sites: footprints, best server, and one changed site.

    python -m benchmarks.network [--sites 1000] [--cell 90] [--range 20000] [--workers 2]

Terrain is made from a fixed seed (ridges up to 1,600 m, a coast in the east), masts stand on a jittered lattice over it.
Prints seconds of wall clock and of CPU (parent and workers), rows one under the other in the order in which they were run:
first footprint after start (with compilation or its cache), all footprints, merging by strips, a second call with nothing
to do, and three kinds of change in this process, each from the call to finished rasters.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from coverage.domain.grid import Grid
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.radio.footprint import Cell, footprint
from coverage.runs.executors import ProcessExecutor, available_cores
from coverage.runs.footprints import compute_footprints
from coverage.runs.network import ANY, NetworkSignal, network_signal

EXTENT_M = (180_000.0, 110_000.0)
"""North–south and east–west, about those of Mie."""


def made_terrain(cell_m: float, seed: int = 24) -> Terrain:
    """Mountains with a power spectrum of real ones, sloping to a sea in the east."""
    rows, cols = (round(side / cell_m) for side in EXTENT_M)
    rng = np.random.default_rng(seed)
    ky, kx = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(cols)[None, :]
    k = np.hypot(ky, kx)
    k[0, 0] = 1.0
    spectrum = (rng.normal(size=k.shape) + 1j * rng.normal(size=k.shape)) * k**-1.9
    spectrum[k < 3.0 / max(rows, cols)] = 0.0
    shape = np.fft.irfft2(spectrum, s=(rows, cols))
    east = np.linspace(0.0, 1.0, cols)[None, :]
    height = 350.0 + 300.0 * shape / shape.std() - 700.0 * np.clip(east - 0.55, 0.0, None) / 0.45
    sea = height < 0.0
    height = np.clip(height, 0.0, 1_900.0).astype(np.float32)
    return Terrain(
        Grid(6674, 0.0, 0.0, cell_m, rows, cols), height, sea, source="synthetic", source_step_m=cell_m
    )


def made_cells(terrain: Terrain, count: int, seed: int = 24) -> list[Cell]:
    """Masts on land, one omnidirectional cell each, three operators in turn."""
    rng = np.random.default_rng(seed)
    west, south, east, north = terrain.grid.bounds
    made: list[Cell] = []
    while len(made) < count:
        x, y = float(rng.uniform(west + 500, east - 500)), float(rng.uniform(south + 500, north - 500))
        if terrain.sea[terrain.grid.row_col(x, y)]:
            continue
        i = len(made)
        made.append(
            Cell(
                f"24-{i:05d}",
                ("docomo", "kddi", "softbank")[i % 3],
                x,
                y,
                15.0 + 25.0 * rng.random(),
                800.0,
                57.0,
                27.78,
            )
        )
    return made


def _cpu_s() -> float:
    """CPU seconds of this process and of its ended children."""
    if sys.platform == "win32":
        return time.process_time()
    import resource

    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def _row(name: str, wall_s: float, cpu_s: float | None, note: str = "") -> None:
    cpu = "       –" if cpu_s is None else f"{cpu_s:8.2f}"
    print(f"{name:<46}{wall_s:9.2f}  {cpu}  {note}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--cell", type=float, default=90.0, help="grid cell, metres")
    parser.add_argument("--range", type=float, default=20_000.0, help="radius of a footprint, metres")
    parser.add_argument("--workers", type=int, default=min(2, available_cores()))
    options = parser.parse_args(arguments)
    terrain = made_terrain(options.cell)
    cells = made_cells(terrain, options.sites)
    radio = RadioConfig(max_range_m=options.range)
    grid = terrain.grid
    print(
        f"{options.sites} sites, {options.range / 1000:g} km, {grid.rows} × {grid.cols} pixels of {grid.cell_m:g} m, "
        f"{options.workers} workers, {platform.machine()}, Python {platform.python_version()}"
    )
    print(f"{'':<46}{'wall s':>9}  {'CPU s':>8}")
    work = Path(tempfile.mkdtemp(prefix="network-benchmark-"))
    try:
        _measure(terrain, cells, radio, work, options.workers)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _measure(terrain: Terrain, cells: list[Cell], radio: RadioConfig, work: Path, workers: int) -> None:
    began_cpu, began = _cpu_s(), time.perf_counter()
    with ProcessExecutor(workers) as executor:
        compute_footprints(terrain, cells[:1], radio, work=work, executor=executor)
        _row("first footprint, from a cold start", time.perf_counter() - began, None)
        start = time.perf_counter()
        prints = compute_footprints(terrain, cells, radio, work=work, executor=executor)
        _row(
            "the other footprints",
            time.perf_counter() - start,
            None,
            f"{prints.cache.size_bytes() / 1e6:.0f} MB of cache",
        )
        start = time.perf_counter()
        signal = network_signal(terrain, cells, radio, work=work, executor=executor, edge_dbm=-115.0)
        _row("best and second server of 4 groups", time.perf_counter() - start, None)
    _row("all of it", time.perf_counter() - began, _cpu_s() - began_cpu)
    served = float((signal.best[ANY].level_dbm[0] >= -115.0).mean())
    print(f"{'':<46}served at -115 dBm: {served:.1%} of the grid")
    start = time.perf_counter()
    footprint(terrain, cells[0], radio)
    _row("the compiled model loaded into this process", time.perf_counter() - start, None)
    middle = min(cells, key=lambda c: (c.x_m - 40_000.0) ** 2 + (c.y_m + 90_000.0) ** 2)
    higher = replace(middle, antenna_height_m=middle.antenna_height_m + 10.0)
    new = replace(middle, site_id="24-99999", x_m=middle.x_m + 1_500.0)
    signal = _change("nothing changed", signal, cells, terrain)
    signal = _change(
        "one site changed (antenna 10 m higher)",
        signal,
        [higher if c is middle else c for c in cells],
        terrain,
    )
    signal = _change("one site added", signal, [*[higher if c is middle else c for c in cells], new], terrain)
    _change("two sites removed", signal, [c for c in cells if c is not middle], terrain)


def _change(name: str, signal: NetworkSignal, cells: list[Cell], terrain: Terrain) -> NetworkSignal:
    cpu, start = _cpu_s(), time.perf_counter()
    found, _ = signal.changed(cells, terrain)
    served: Callable[[NetworkSignal], int] = lambda s: int((s.best[ANY].level_dbm[0] >= -115.0).sum())  # noqa: E731
    total = served(found)
    _row(name, time.perf_counter() - start, _cpu_s() - cpu, f"{total:,} pixels served")
    return found


if __name__ == "__main__":
    main()
