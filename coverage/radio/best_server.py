"""Who serves a pixel best: streaming best and k-best (level, site) over many footprints.

Memory is that of the result, O(k · pixels), whatever the number of sites. The result does not depend on the order in
which footprints arrive: it is the k best sites by (level, smaller server index), a site's level being that of its
strongest cell. Indices follow the sorted site ids, so ties go to the smaller id.

A site can be taken out again: the pixels it was listed at lose an entry. With a spare entry that costs nothing; where
fewer than ``k`` exact entries are left, the other sites' footprints are consulted once more, there alone
(:meth:`BestServer.remove`, :meth:`BestServer.refill`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coverage._jit import njit
from coverage.domain.grid import Grid, Window
from coverage.radio.footprint import OUT_OF_RANGE_DBM, Footprint

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

NO_SERVER: Final = 65535
MAX_SERVERS: Final = 65535


def server_index(site_ids: Iterable[str]) -> dict[str, int]:
    """Index of every distinct site id, in sorted order. Raises ValueError above 65,535 sites."""
    ids = sorted(set(site_ids))
    if len(ids) > MAX_SERVERS:
        raise ValueError(f"{len(ids)} sites do not fit a 16-bit best-server raster")
    return {site_id: index for index, site_id in enumerate(ids)}


def overlap(a: Window, b: Window) -> Window | None:
    """The common part of two windows of one grid."""
    row0, col0 = max(a.row0, b.row0), max(a.col0, b.col0)
    row1, col1 = min(a.row0 + a.rows, b.row0 + b.rows), min(a.col0 + a.cols, b.col0 + b.cols)
    if row1 <= row0 or col1 <= col0:
        return None
    return Window(row0, col0, row1 - row0, col1 - col0)


def whole(grid: Grid) -> Window:
    return Window(0, 0, grid.rows, grid.cols)


@dataclass
class BestServer:
    """Best ``k`` sites of every pixel of ``window``, a part of the run's grid or all of it.

    ``level_dbm``: float32 (entries, rows, cols), −200 where there is none; ``server``: uint16, 65535 where there is none;
    ``blocked``: uint16, how many cells are within range but hidden by NO DATA; ``depth``: uint8, how many leading entries
    are exact. There are ``k`` entries and as many spare ones as were asked for; a removal may use those up.
    """

    window: Window
    k: int
    level_dbm: Float32
    server: NDArray[np.uint16]
    blocked: NDArray[np.uint16]
    depth: NDArray[np.uint8]

    @classmethod
    def empty(cls, window: Window, *, k: int = 2, spare: int = 0) -> BestServer:
        if k < 1 or spare < 0 or k + spare > 255:
            raise ValueError("k is at least 1, spare at least 0, both together at most 255")
        shape = (window.rows, window.cols)
        return cls(
            window,
            k,
            np.full((k + spare, *shape), OUT_OF_RANGE_DBM, dtype=np.float32),
            np.full((k + spare, *shape), NO_SERVER, dtype=np.uint16),
            np.zeros(shape, dtype=np.uint16),
            np.full(shape, k + spare, dtype=np.uint8),
        )

    def add(self, footprint: Footprint, server: int) -> None:
        """Lay a cell's footprint over what is there."""
        self._lay(footprint, server, 1, None)

    def remove(self, footprints: Sequence[Footprint], server: int) -> Bool:
        """Take a site out; ``footprints`` are those of all its cells, as they were added.

        Returns the pixels (shape of the window) that must be completed by :meth:`refill` with *all* sites that stay, after
        the last removal and before anything is added.
        """
        wanting = np.zeros(self.blocked.shape, dtype=np.bool_)
        for footprint in footprints:
            part = overlap(self.window, footprint.window)
            if part is None:
                continue
            mine, theirs = _inside(self.window, part), _inside(footprint.window, part)
            _unlist(
                self.level_dbm[:, mine[0], mine[1]],
                self.server[:, mine[0], mine[1]],
                self.blocked[mine],
                self.depth[mine],
                footprint.level_dbm[theirs],
                np.uint16(server),
                self.k,
                wanting[mine],
            )
        return wanting

    def refill(self, wanting: Bool, footprint: Footprint, server: int) -> None:
        """Offer another site's footprint to the pixels that :meth:`remove` left short; harmless where it is listed."""
        self._lay(footprint, server, 0, wanting)

    def _lay(self, footprint: Footprint, server: int, counts: int, only: Bool | None) -> None:
        part = overlap(self.window, footprint.window)
        if part is None:
            return
        mine, theirs = _inside(self.window, part), _inside(footprint.window, part)
        where = _EVERYWHERE if only is None else only[mine]
        _list(
            self.level_dbm[:, mine[0], mine[1]],
            self.server[:, mine[0], mine[1]],
            self.blocked[mine],
            self.depth[mine],
            footprint.level_dbm[theirs],
            np.uint16(server),
            np.uint16(counts),
            only is not None,
            where,
        )

    def finished(self, *, no_data: Bool, edge_dbm: float) -> tuple[Float32, NDArray[np.uint16]]:
        """(level, server) of the best site; NaN and 65535 where nothing can be said.

        That is where the ground itself is NO DATA, and where no site is known to give ``edge_dbm`` while NO DATA hides
        at least one that might.
        """
        level, server = self.level_dbm[0].copy(), self.server[0].copy()
        unknown = no_data | ((self.blocked > 0) & (level < edge_dbm))
        level[unknown] = np.nan
        server[unknown] = NO_SERVER
        return level, server


_EVERYWHERE: Final = np.ones((1, 1), dtype=np.bool_)


def _inside(window: Window, part: Window) -> tuple[slice, slice]:
    row, col = part.row0 - window.row0, part.col0 - window.col0
    return slice(row, row + part.rows), slice(col, col + part.cols)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """numba's own cache suffices: both kernels stand in this file and call nothing outside it."""
    made: Any
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # No folder that could be written (a read-only installation without a home): compile at every start.
        made = njit(nogil=True)(function)
    compiled: Callable[..., Any] = made
    return compiled


@_compiled
def _list(level, server, blocked, depth, new, index, counts, masked, where):  # type: ignore[no-untyped-def]
    """Insert (new, index) into every pixel's descending list. Idempotent, hence safe for refilling."""
    _, rows, cols = level.shape
    for row in range(rows):
        for col in range(cols):
            if masked and not where[row, col]:
                continue
            value = new[row, col]
            if np.isnan(value):
                blocked[row, col] += counts
                continue
            if value <= OUT_OF_RANGE_DBM:
                continue
            k = np.int64(depth[row, col])  # unsigned and signed mixed would become float
            last = level[k - 1, row, col]
            if value < last or (value == last and index > server[k - 1, row, col]):
                continue
            # Where this site already stands with a weaker cell, that entry moves up instead of a second one coming in.
            place: Any = k - 1
            for i in range(k):
                if server[i, row, col] == index:
                    place = i
                    break
            if server[place, row, col] == index and level[place, row, col] >= value:
                continue
            while place > 0:
                above = level[place - 1, row, col]
                if above > value or (above == value and server[place - 1, row, col] < index):
                    break
                level[place, row, col] = above
                server[place, row, col] = server[place - 1, row, col]
                place -= 1
            level[place, row, col] = value
            server[place, row, col] = index


@_compiled
def _unlist(level, server, blocked, depth, old, index, needed, wanting):  # type: ignore[no-untyped-def]
    """Drop a site's entry. A list that was full may lack a site that stood below its end: it is one entry shorter now."""
    entries, rows, cols = level.shape
    for row in range(rows):
        for col in range(cols):
            value = old[row, col]
            if np.isnan(value) and blocked[row, col] > 0:
                blocked[row, col] -= np.uint16(1)
            k = np.int64(depth[row, col])
            for i in range(k):
                if server[i, row, col] != index:
                    continue
                full = server[k - 1, row, col] != NO_SERVER
                for j in range(i, k - 1):
                    level[j, row, col] = level[j + 1, row, col]
                    server[j, row, col] = server[j + 1, row, col]
                level[k - 1, row, col] = OUT_OF_RANGE_DBM
                server[k - 1, row, col] = NO_SERVER
                if full and k - 1 >= needed:
                    depth[row, col] = k - 1
                elif full:
                    # Too short: it is filled up again with all the others, to its full length.
                    depth[row, col] = entries
                    wanting[row, col] = True
                break
