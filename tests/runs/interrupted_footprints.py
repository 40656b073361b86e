"""Run by test_killed_runs as a program of its own, and killed by it: footprints of a small network, every start on record.

Usage: interrupted_footprints.py WORK LOG EXECUTOR CELLS
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coverage.domain.grid import Grid
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.radio.footprint import Cell
from coverage.runs.executors import ProcessExecutor, SerialExecutor
from coverage.runs.footprints import compute_footprints

RADIO = RadioConfig(model="free-space", max_range_m=1_000.0)
SLOWED_S = 0.01


def terrain() -> Terrain:
    grid = Grid(6674, 0.0, 0.0, 100.0, 120, 90)
    rows, cols = np.mgrid[0:120, 0:90]
    height = (200 + 150 * np.sin(rows / 9) * np.cos(cols / 7)).astype(np.float32)
    height[50:53, 40:60] = np.nan
    return Terrain(grid, height, np.zeros(grid.shape, dtype=np.bool_))


def cells(count: int) -> list[Cell]:
    """Masts on a lattice, two operators, three sites with sectors; none on the hole."""
    made = []
    for i in range(count):
        x, y = 250.0 + 8500.0 * ((i * 7919) % count) / count, -250.0 - 11_500.0 * i / count
        if 49 <= -y / 100 <= 54:
            y -= 700.0
        azimuth = (24.0 * i) % 360.0 if i % 5 == 0 else None
        operator = ("docomo", "kddi")[i % 2]
        made.append(Cell(f"24-{i:04d}", operator, x, y, 20.0, 800.0, 57.0, 27.78, azimuth_deg=azimuth))
    return made


def counted(job: tuple[Callable[[Any], Any], Any, str]) -> Any:
    """Put every start on record, then do the work, slowed down so that a kill finds it under way."""
    function, task, log = job
    with Path(log).open("a", encoding="ascii") as stream:
        stream.write(f"{task.key}\n")
    time.sleep(SLOWED_S)
    return function(task)


class Counting:
    def __init__(self, inner: Any, log: str) -> None:
        self._inner, self._log = inner, log
        self.workers = inner.workers

    def run(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        yield from self._inner.run(counted, [(function, task, self._log) for task in tasks])


def main() -> None:
    work, log, kind, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])

    def report(fraction: float, left: float | None) -> None:
        print(f"{fraction:.6f}", flush=True)

    with SerialExecutor() if kind == "serial" else ProcessExecutor(2) as executor:
        compute_footprints(
            terrain(), cells(count), RADIO, work=work, executor=Counting(executor, log), report=report
        )


if __name__ == "__main__":
    main()
