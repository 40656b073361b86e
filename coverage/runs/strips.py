"""Tile-first merging: every task owns one strip of the result, asks which footprints reach it, keeps the best servers.

A tile is a strip of whole rows whose edges lie on the bands of footprint files (``cache.BAND_ROWS``): then every band of
every footprint is unpacked exactly once, whatever the number of strips. Square tiles would unpack most of them two to four
times. A strip is written to the work folder under a checksum; the parent only collects. docs/terrain.md has the
measurements behind this.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Window
from coverage.radio.best_server import BestServer
from coverage.runs.cache import BAND_ROWS, FootprintCache, write_atomically
from coverage.runs.executors import Executor, Meter, Report
from coverage.runs.footprints import FootprintSet, cells_in_rows

log = logging.getLogger(__name__)

Groups = Mapping[str, Sequence[tuple[int, int]]]
"""Name of a group (an operator, "any") → pairs of (cell number, server index)."""

_MAGIC: Final = b"CGPSTRP2"
_HEADER: Final = struct.Struct("<8s32s32s")
"""magic, digest of the task, SHA-256 over digest and payload."""


@dataclass(frozen=True, slots=True)
class StripTask:
    """One strip of the result. ``reach``: per group, (key, server) of the cells that may reach it."""

    row0: int
    rows: int
    cols: int
    k: int
    spare: int
    edge_dbm: float
    reach: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    prints: FootprintSet
    path: str
    digest: str


@dataclass(frozen=True)
class StripSums:
    """Pixels of a group: at or above the edge; hidden by NO DATA and not known to be served; all of the strip."""

    served: int
    unknown: int
    pixels: int


def merge_strip(task: StripTask) -> dict[str, StripSums]:
    """Compute one strip, write it, return its sums by group."""
    window = Window(task.row0, 0, task.rows, task.cols)
    groups = {name: BestServer.empty(window, k=task.k, spare=task.spare) for name, _ in task.reach}
    wanted: dict[int, list[tuple[str, int]]] = {}
    for name, members in task.reach:
        for number, server in members:
            wanted.setdefault(number, []).append((name, server))
    for number, uses in sorted(wanted.items()):
        part = task.prints.rows(number, task.row0, task.row0 + task.rows)
        for name, server in uses:
            groups[name].add(part, server)
    write_atomically(Path(task.path), _encode(task, groups))
    return {name: _sums(best, task.edge_dbm) for name, best in groups.items()}


def merge_strips(
    prints: FootprintSet,
    groups: Groups,
    *,
    work: Path,
    executor: Executor,
    k: int = 2,
    spare: int = 0,
    edge_dbm: float,
    strip_rows: int | None = None,
    report: Report | None = None,
) -> tuple[dict[str, BestServer], dict[str, StripSums]]:
    """Best servers of every group over the whole grid, and the sums over it.

    The result is the same for every executor and strip height. ``strip_rows``: rounded up to whole bands; by default so
    that every worker gets about four strips. Strips that an interrupted call finished are taken over.
    """
    grid = prints.grid
    tasks = _tasks(
        prints,
        groups,
        work,
        (k, spare),
        edge_dbm,
        strip_rows or math.ceil(grid.rows / (4 * executor.workers)),
    )
    sums: dict[str, StripSums] = {name: StripSums(0, 0, 0) for name in groups}
    done = [task for task in tasks if _read(task) is not None]
    finished = {task.row0 for task in done}
    open_tasks = [task for task in tasks if task.row0 not in finished]
    meter = Meter(report, len(tasks), done=len(done))
    for _ in executor.run(merge_strip, open_tasks):
        meter.advance()
    whole = {name: BestServer.empty(Window(0, 0, grid.rows, grid.cols), k=k, spare=spare) for name in groups}
    for task in tasks:
        parts = _read(task)
        if parts is None:  # damaged between writing and reading: the one that reads it repairs it
            merge_strip(task)
            parts = _read(task)
            assert parts is not None
        rows = slice(task.row0, task.row0 + task.rows)
        for name, part in parts.items():
            whole[name].level_dbm[:, rows] = part.level_dbm
            whole[name].server[:, rows] = part.server
            whole[name].blocked[rows] = part.blocked
            found, before = _sums(part, edge_dbm), sums[name]
            sums[name] = StripSums(
                before.served + found.served, before.unknown + found.unknown, before.pixels + found.pixels
            )
    if tasks:
        shutil.rmtree(Path(tasks[0].path).parent, ignore_errors=True)
    return whole, sums


def _tasks(
    prints: FootprintSet,
    groups: Groups,
    work: Path,
    entries: tuple[int, int],
    edge_dbm: float,
    strip_rows: int,
) -> list[StripTask]:
    height = max(1, math.ceil(strip_rows / BAND_ROWS)) * BAND_ROWS
    names = sorted(groups)
    listing = [[name, [[prints.keys[number], server] for number, server in groups[name]]] for name in names]
    digest = hashlib.sha256(
        json.dumps([listing, *entries, height, prints.grid.rows, prints.grid.cols]).encode("utf-8")
    )
    folder = work / "strips" / digest.hexdigest()
    tasks = []
    for row0 in range(0, prints.grid.rows, height):
        rows = min(height, prints.grid.rows - row0)
        used: dict[int, int] = {}
        reach = []
        for name in names:
            servers = dict(groups[name])
            near = cells_in_rows(prints, sorted(servers), row0, row0 + rows)
            reach.append((name, tuple((used.setdefault(n, len(used)), servers[n]) for n in near)))
        numbers = list(used)
        # Only the cells in reach travel with the task.
        local = FootprintSet(
            cells=tuple(prints.cells[n] for n in numbers),
            keys=tuple(prints.keys[n] for n in numbers),
            radio=prints.radio,
            grid=prints.grid,
            terrain_folder=prints.terrain_folder,
            cache=FootprintCache(prints.cache.folder),
        )
        own = hashlib.sha256(digest.digest() + row0.to_bytes(8, "little")).hexdigest()
        tasks.append(
            StripTask(
                row0,
                rows,
                prints.grid.cols,
                *entries,
                edge_dbm,
                tuple(reach),
                local,
                str(folder / f"{row0}.strip"),
                own,
            )
        )
    return tasks


def _sums(best: BestServer, edge_dbm: float) -> StripSums:
    served = best.level_dbm[0] >= edge_dbm
    return StripSums(int(served.sum()), int(((best.blocked > 0) & ~served).sum()), served.size)


def _encode(task: StripTask, groups: Mapping[str, BestServer]) -> bytes:
    # Not compressed: strips live for seconds, and packing them would take longer than merging does.
    payload = b"".join(
        layer.tobytes()
        for name, _ in task.reach
        for layer in (groups[name].level_dbm, groups[name].server, groups[name].blocked)
    )
    own = bytes.fromhex(task.digest)
    return _HEADER.pack(_MAGIC, own, hashlib.sha256(own + payload).digest()) + payload


def _read(task: StripTask) -> dict[str, BestServer] | None:
    """A finished strip, or None where there is none or it is damaged (logged, removed)."""
    path = Path(task.path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    magic, own, checksum = _HEADER.unpack_from(data) if len(data) >= _HEADER.size else (b"", b"", b"")
    payload = data[_HEADER.size :]
    if magic != _MAGIC or own.hex() != task.digest or checksum != hashlib.sha256(own + payload).digest():
        log.warning("work folder: strip %s is damaged; it is removed and computed again", path.name)
        path.unlink(missing_ok=True)
        return None
    shape = (task.rows, task.cols)
    window = Window(task.row0, 0, *shape)
    offset = 0

    def take(dtype: str, *extent: int) -> NDArray[np.generic]:
        nonlocal offset
        count = math.prod(extent)
        layer = np.frombuffer(payload, dtype=dtype, count=count, offset=offset).reshape(extent)
        offset += layer.nbytes
        return layer

    found = {}
    for name, _ in task.reach:
        best = BestServer.empty(window, k=task.k, spare=task.spare)
        best.level_dbm[...] = take("f4", task.k + task.spare, *shape)
        best.server[...] = take("u2", task.k + task.spare, *shape)
        best.blocked[...] = take("u2", *shape)
        found[name] = best
    return found
