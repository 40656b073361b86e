"""Signal of one fiscal year: the best level per operator and for "any", and who gives it.

Footprints arrive one at a time, in the order of site ids, so that ties go to the smaller id and the memory is that of
the rasters alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from coverage.domain import fiscal
from coverage.domain.grid import Grid, Window
from coverage.domain.ledger import Ledger, Site, SiteOperator, Status
from coverage.runs.result import NO_SERVER, OUT_OF_RANGE_DBM


def on_air(site: Site, row: SiteOperator, day: date) -> bool:
    """Does this operator transmit from this site on ``day``?

    It does from its service date on, while the site is 供用中; a site that is 停止 or 廃止 did until ``closed_on``. A
    date known to the month or the fiscal year stands for its last day; a bare calendar year for 31 December.
    """
    if row.in_service_date is None or fiscal.last_possible_day(row.in_service_date, row.date_precision) > day:
        return False
    if site.status is Status.IN_SERVICE:
        return True
    return site.status in {Status.SUSPENDED, Status.CLOSED} and site.closed_on is not None and site.closed_on > day


def on_air_rows(ledger: Ledger, day: date) -> list[tuple[Site, SiteOperator]]:
    """Every operator on a site that transmits on ``day``, by site id and operator."""
    sites = {s.site_id: s for s in ledger.sites}
    rows = [(sites[r.site_id], r) for r in ledger.site_operators if on_air(sites[r.site_id], r, day)]
    return sorted(rows, key=lambda pair: (pair[0].site_id, pair[1].operator, pair[1].band or ""))


@dataclass
class BestSignal:
    """Best and second-best site per pixel.

    ``level_dbm``: float32 RSRP, −200 where no site reaches; ``server``: uint16 index of the best site, 65535 = none;
    ``second_dbm``: best level from any *other* site; ``blocked``: a hole in the terrain hid at least one site.
    """

    grid: Grid
    level_dbm: NDArray[np.float32] = field(init=False)
    second_dbm: NDArray[np.float32] = field(init=False)
    server: NDArray[np.uint16] = field(init=False)
    blocked: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        shape = self.grid.shape
        self.level_dbm = np.full(shape, OUT_OF_RANGE_DBM, dtype=np.float32)
        self.second_dbm = np.full(shape, OUT_OF_RANGE_DBM, dtype=np.float32)
        self.server = np.full(shape, NO_SERVER, dtype=np.uint16)
        self.blocked = np.zeros(shape, dtype=np.bool_)

    def add(self, window: Window, level_dbm: NDArray[np.float32], server: int) -> None:
        """Lay one cell's footprint (shape of ``window``; NaN = NO DATA on the way) over what is there."""
        rows, cols = window.slices
        best, second = self.level_dbm[rows, cols], self.second_dbm[rows, cols]
        owner, blocked = self.server[rows, cols], self.blocked[rows, cols]
        blocked |= np.isnan(level_dbm)
        new = np.where(np.isnan(level_dbm), np.float32(OUT_OF_RANGE_DBM), level_dbm)
        other = owner != server
        wins = new > best
        # The loser of the two becomes the runner-up, but only against another site: cells of one mast are one server.
        np.copyto(second, np.where(wins, best, np.maximum(second, new)), where=other)
        owner[wins] = server
        np.copyto(best, new, where=wins)

    def finished(self, no_data: NDArray[np.bool_], edge_dbm: float) -> NDArray[np.float32]:
        """Levels with NaN where nothing can be said: no terrain, or no signal found while a hole hid a site."""
        level = self.level_dbm.copy()
        level[no_data | (self.blocked & (level < edge_dbm))] = np.nan
        return level


def lay_over(parts: Iterable[BestSignal], grid: Grid) -> BestSignal:
    """"At least one operator": the best of several operators' best signals."""
    whole = BestSignal(grid)
    for part in parts:
        other = part.server != whole.server
        wins = part.level_dbm > whole.level_dbm
        runner_up = np.maximum(
            np.where(wins & other, whole.level_dbm, whole.second_dbm),
            np.where(~wins & other, part.level_dbm, part.second_dbm),
        )
        np.copyto(whole.second_dbm, runner_up)
        np.copyto(whole.server, part.server, where=wins)
        np.copyto(whole.level_dbm, part.level_dbm, where=wins)
        whole.blocked |= part.blocked
    return whole
