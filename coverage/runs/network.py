"""The signal of many sites, kept up to date while sites are added, changed or removed.

Only the footprints of what changed are computed. Where a removed site stood among the best, and only there, the other
sites' footprints are read again from the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from coverage.domain.grid import Window
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.radio.best_server import NO_SERVER, BestServer, Bool, overlap, server_index
from coverage.radio.footprint import Cell, Footprint
from coverage.runs.executors import Executor, Report, SerialExecutor
from coverage.runs.footprints import FootprintSet, compute_footprints
from coverage.runs.strips import merge_strips

ANY: Final = "any"

SPARE: Final = 1
"""Entries kept beyond k: the first change of a site then asks no neighbour. 6 bytes a pixel and group."""


@dataclass(frozen=True)
class NetworkSignal:
    """Best servers of a set of cells, per operator and for "any".

    ``servers``: site ids in the order of the server index. Made by :func:`network_signal`; :meth:`changed` gives a new one
    and reuses the old one's arrays, so the old one must not be used afterwards.
    """

    prints: FootprintSet
    servers: tuple[str, ...]
    best: Mapping[str, BestServer]
    k: int
    edge_dbm: float
    work: Path

    def changed(
        self, cells: Sequence[Cell], terrain: Terrain, *, executor: Executor | None = None
    ) -> tuple[NetworkSignal, Window | None]:
        """The signal of ``cells`` instead, and the window in which something may differ (None: nothing does).

        Sites whose cells are the same as before are not touched. The result equals :func:`network_signal` of ``cells``
        bit for bit.
        """
        new = compute_footprints(
            terrain, cells, self.prints.radio, work=self.work, executor=executor or SerialExecutor()
        )
        if new.terrain_folder != self.prints.terrain_folder:
            raise ValueError("the terrain is another one: make a new network signal")
        before, after = _members(self.prints), _members(new)
        touched = sorted(site for site in before.keys() | after.keys() if before.get(site) != after.get(site))
        operators = {name for name in self.best if name != ANY} | {cell.operator for cell in cells}
        index = server_index(cell.site_id for cell in cells)
        union = server_index([*self.servers, *index])
        self._renumber(union)
        shape = Window(0, 0, self.prints.grid.rows, self.prints.grid.cols)
        best = {
            name: self.best[name] if name in self.best else BestServer.empty(shape, k=self.k, spare=SPARE)
            for name in [*sorted(operators), ANY]
        }
        window: Window | None = None
        for site in touched:
            window = _hull(window, _reach(self.prints, site))
            window = _hull(window, _reach(new, site))
        for name, group in best.items():
            _exchange(group, name, self.prints, new, touched, union)
        left = {cell.operator for cell in cells} | {ANY}
        best = {name: group for name, group in best.items() if name in left}
        made = NetworkSignal(new, tuple(sorted(index)), best, self.k, self.edge_dbm, self.work)
        made._renumber(index, old=union)
        return made, window

    def _renumber(self, index: Mapping[str, int], old: Mapping[str, int] | None = None) -> None:
        """Rewrite server indices in place after the list of sites changed."""
        from_ids = {i: site for site, i in old.items()} if old else dict(enumerate(self.servers))
        if all(index.get(site) == i for i, site in from_ids.items()):
            return
        table = np.full(NO_SERVER + 1, NO_SERVER, dtype=np.uint16)
        for i, site in from_ids.items():
            if site in index:
                table[i] = index[site]
        for group in self.best.values():
            np.take(table, group.server, out=group.server)


def network_signal(
    terrain: Terrain,
    cells: Sequence[Cell],
    radio: RadioConfig,
    *,
    work: Path,
    executor: Executor,
    edge_dbm: float,
    k: int = 2,
    report: Report | None = None,
) -> NetworkSignal:
    """Footprints and best servers of all cells. ``report`` gets 0–0.9 for footprints, the rest for merging."""

    def part(low: float, high: float) -> Report | None:
        if report is None:
            return None
        return lambda fraction, left: report(low + (high - low) * fraction, left)

    prints = compute_footprints(terrain, cells, radio, work=work, executor=executor, report=part(0.0, 0.9))
    index = server_index(cell.site_id for cell in cells)
    groups: dict[str, list[tuple[int, int]]] = {ANY: []}
    for number, cell in enumerate(cells):
        groups.setdefault(cell.operator, []).append((number, index[cell.site_id]))
        groups[ANY].append((number, index[cell.site_id]))
    best, _ = merge_strips(
        prints,
        groups,
        work=work,
        executor=executor,
        k=k,
        spare=SPARE,
        edge_dbm=edge_dbm,
        report=part(0.9, 1.0),
    )
    return NetworkSignal(prints, tuple(sorted(index)), best, k, edge_dbm, work)


def _members(prints: FootprintSet) -> dict[str, list[tuple[str, str]]]:
    """(operator, footprint key) of every cell, by site."""
    found: dict[str, list[tuple[str, str]]] = {}
    for cell, key in zip(prints.cells, prints.keys, strict=True):
        found.setdefault(cell.site_id, []).append((cell.operator, key))
    return {site: sorted(members) for site, members in found.items()}


def _of_site(prints: FootprintSet, site: str, group: str) -> list[Footprint]:
    return [
        prints.footprint(number)
        for number, cell in enumerate(prints.cells)
        if cell.site_id == site and group in (ANY, cell.operator)
    ]


def _reach(prints: FootprintSet, site: str) -> Window | None:
    window: Window | None = None
    for number, cell in enumerate(prints.cells):
        if cell.site_id == site:
            window = _hull(window, prints.window(number))
    return window


def _exchange(
    best: BestServer,
    group: str,
    old: FootprintSet,
    new: FootprintSet,
    touched: Sequence[str],
    index: Mapping[str, int],
) -> None:
    """Take the old footprints of the touched sites out of one group, complete the lists, lay the new ones in."""
    wanting = np.zeros(best.blocked.shape, dtype=np.bool_)
    for site in touched:
        gone = _of_site(old, site, group)
        if gone:
            wanting |= best.remove(gone, index[site])
    _fill_up(best, wanting, group, new, set(touched), index)
    for site in touched:
        for footprint in _of_site(new, site, group):
            best.add(footprint, index[site])


def _fill_up(
    best: BestServer,
    wanting: Bool,
    group: str,
    new: FootprintSet,
    touched: set[str],
    index: Mapping[str, int],
) -> None:
    """Offer all sites that stay as they are to the pixels whose lists ran short."""
    if not wanting.any():
        return
    rows, cols = np.flatnonzero(wanting.any(axis=1)), np.flatnonzero(wanting.any(axis=0))
    short = Window(int(rows[0]), int(cols[0]), int(rows[-1] - rows[0]) + 1, int(cols[-1] - cols[0]) + 1)
    for number, site in _others(new, group, touched):
        part = overlap(new.window(number), short)
        if part is not None and wanting[part.slices].any():
            best.refill(wanting, new.rows(number, part.row0, part.row0 + part.rows), index[site])


def _others(prints: FootprintSet, group: str, touched: set[str]) -> Iterable[tuple[int, str]]:
    for number, cell in enumerate(prints.cells):
        if cell.site_id not in touched and group in (ANY, cell.operator):
            yield number, cell.site_id


def _hull(a: Window | None, b: Window | None) -> Window | None:
    if a is None or b is None:
        return a or b
    row0, col0 = min(a.row0, b.row0), min(a.col0, b.col0)
    row1, col1 = max(a.row0 + a.rows, b.row0 + b.rows), max(a.col0 + a.cols, b.col0 + b.cols)
    return Window(row0, col0, row1 - row0, col1 - col0)
