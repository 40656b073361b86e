"""What masts give the ground: the pixels that each one serves, from the radio engine and its cache of footprints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.domain.ledger import Site, SiteOperator
from coverage.domain.region import RegionData
from coverage.errors import OutsideTerrainError
from coverage.radio.antenna import patterns_of
from coverage.radio.footprint import OUT_OF_RANGE_DBM, Cell, DefaultUsed, cells_of, check_on_terrain
from coverage.runs.footprints import FootprintSet, compute_footprints
from coverage.services.context import AppContext
from coverage.services.executor import executor_in_force

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Reach:
    """Cells with their footprints. ``off_terrain``: sites whose reach nobody can compute; they have no cell here."""

    cells: Sequence[Cell]
    assumed: Sequence[DefaultUsed]
    """Values that stood in for what the ledger leaves open."""
    off_terrain: frozenset[str]
    prints: FootprintSet | None
    cols: int

    def above(self, number: int, edge_dbm: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Flat pixels where a cell lays at least ``edge_dbm`` (RSRP), and its level there."""
        assert self.prints is not None
        footprint = self.prints.footprint(number)
        # Beyond the model's range no luck helps.
        row, col = np.nonzero((footprint.level_dbm >= edge_dbm) & (footprint.level_dbm > OUT_OF_RANGE_DBM))
        level = footprint.level_dbm[row, col].astype(np.float64)
        return (row + footprint.window.row0) * self.cols + col + footprint.window.col0, level

    def numbers_of(self, site_id: str) -> list[int]:
        """A site's cells."""
        return [i for i, cell in enumerate(self.cells) if cell.site_id == site_id]


def reach_of(
    context: AppContext,
    data: RegionData,
    sites: Sequence[Site],
    rows: Sequence[SiteOperator],
    *,
    workers: int,
    progress: Progress,
    skip_off_terrain: bool = False,
) -> Reach:
    """Footprints of every operator on every site. Raises OutsideTerrainError unless those sites are to be left out."""
    cells, assumed = cells_of(
        sites, rows, data.config.operators, epsg=data.terrain.grid.epsg,
        patterns=patterns_of(data.config.antennas, data.antenna_tables),
    )  # fmt: skip
    off: set[str] = set()
    if skip_off_terrain:
        for cell in cells:
            try:
                check_on_terrain(data.terrain, cell)
            except OutsideTerrainError:
                off.add(cell.site_id)
        cells = [cell for cell in cells if cell.site_id not in off]
    prints = None
    if cells:
        with executor_in_force(workers) as executor:
            prints = compute_footprints(
                data.terrain, cells, data.config.radio, work=context.runs_folder / ".cache", executor=executor,
                report=lambda fraction, left: progress(fraction, "電波の届く範囲 / reach"),
            )  # fmt: skip
    return Reach(cells, assumed, frozenset(off), prints, data.terrain.grid.cols)
