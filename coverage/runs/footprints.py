"""Footprints of many cells: each computed once, in any process, and found again on disk.

The unit of work is one cell, and what it leaves is one file of the cache. So a kill at any moment costs no more than the
cells in flight, two operators on equal antennas of one mast share a footprint, and a changed site is one task.

Terrain reaches the workers as memory-mapped files under ``work/terrain/<digest>/``: all processes share one copy.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Grid, Window
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import StorageError
from coverage.radio.footprint import Cell, Footprint, check_on_terrain, footprint, reception_loss_db
from coverage.runs.cache import FootprintCache, footprint_key, model_digest, terrain_digest
from coverage.runs.executors import Executor, Meter, Report

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FootprintTask:
    """All that a worker needs to compute one footprint; pickles to a few hundred bytes."""

    terrain_folder: str
    cache_folder: str
    key: str
    cell: Cell
    radio: RadioConfig


def compute_one(task: FootprintTask) -> float:
    """Compute a footprint and put it into the cache; returns the seconds it took."""
    began = time.perf_counter()
    _make(task)
    return time.perf_counter() - began


def _make(task: FootprintTask) -> Footprint:
    ground = shared_terrain(task.terrain_folder)
    found = footprint(ground.terrain, task.cell, task.radio, zones=ground.zones)
    FootprintCache(Path(task.cache_folder)).write(task.key, found)
    return found


@dataclass(frozen=True)
class FootprintSet:
    """The footprints of ``cells``, by number. Reading one that was damaged since computes it again."""

    cells: tuple[Cell, ...]
    keys: tuple[str, ...]
    radio: RadioConfig
    grid: Grid
    terrain_folder: Path
    cache: FootprintCache

    def __len__(self) -> int:
        return len(self.cells)

    def window(self, number: int) -> Window:
        """Where a footprint can reach, without reading it."""
        cell = self.cells[number]
        return self.grid.window_around(cell.x_m, cell.y_m, self.radio.max_range_m)

    def level(self, number: int) -> tuple[Window, NDArray[np.float32]]:
        """Window and RSRP of a cell (dBm; NaN = NO DATA on the way, −200 = out of range)."""
        found = self.footprint(number)
        return found.window, found.level_dbm

    def footprint(self, number: int) -> Footprint:
        return self.cache.read(self.keys[number]) or _make(self.task(number))

    def rows(self, number: int, row0: int, row1: int) -> Footprint:
        """At least those rows of the grid that the footprint has between ``row0`` and ``row1``."""
        return self.cache.read_rows(self.keys[number], row0, row1) or _make(self.task(number))

    def task(self, number: int) -> FootprintTask:
        return FootprintTask(
            str(self.terrain_folder),
            str(self.cache.folder),
            self.keys[number],
            self.cells[number],
            self.radio,
        )


def compute_footprints(
    terrain: Terrain,
    cells: Sequence[Cell],
    radio: RadioConfig,
    *,
    work: Path,
    executor: Executor,
    report: Report | None = None,
) -> FootprintSet:
    """Make sure that every cell's footprint is in ``work``; computes what is missing or damaged.

    ``work`` is kept between runs: an interrupted call continues where it was, a later one with other sites computes those
    alone. Raises OutsideTerrainError for the first cell off the terrain or on a hole and InputError for the first whose
    frequency has no loss into buildings, before anything is computed; StorageError where ``work`` cannot be written.
    """
    for cell in cells:
        check_on_terrain(terrain, cell)
        reception_loss_db(cell, radio)
    digest = terrain_digest(terrain)
    model = model_digest(radio)
    prints = FootprintSet(
        cells=tuple(cells),
        keys=tuple(footprint_key(cell, terrain=digest, model=model) for cell in cells),
        radio=radio,
        grid=terrain.grid,
        terrain_folder=publish_terrain(terrain, work, digest),
        cache=FootprintCache(work / "footprints"),
    )
    distinct = {key: number for number, key in reversed(list(enumerate(prints.keys)))}
    missing = sorted(number for key, number in distinct.items() if not prints.cache.has(key))
    meter = Meter(report, len(distinct), done=len(distinct) - len(missing))
    for _ in executor.run(compute_one, [prints.task(number) for number in missing]):
        meter.advance()
    return prints


def clean_work(work: Path, *, keep: FootprintSet | None, limit_bytes: int, unused_s: float = 0.0) -> int:
    """Make room in a work folder: other terrains and left-over strips that nobody used for ``unused_s`` seconds, and the
    oldest footprints above ``limit_bytes``.

    What ``keep`` needs stays; with None the terrain used last stays. Not for a folder that another run is using at this
    moment, unless ``unused_s`` is longer than a run takes. Returns how many files and folders went.
    """
    wanted = set() if keep is None else set(keep.keys)
    removed = FootprintCache(work / "footprints").trim(keep=wanted, limit_bytes=limit_bytes)
    terrains = sorted((work / "terrain").glob("*"), key=_used)
    kept = keep.terrain_folder if keep is not None else next(reversed(terrains), None)
    now = time.time()
    for folder in [*terrains, *(work / "strips").glob("*")]:
        if folder != kept and now - _used(folder) >= unused_s:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _used(folder: Path) -> float:
    """When a folder was last written to or found sound (seconds of the clock); 0 for one that is just going."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


# --- Terrain that processes share ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ground:
    """What workers map: the terrain, and its radio-climatic zones (None where there is no sea)."""

    terrain: Terrain
    zones: NDArray[np.uint8] | None


_LAYERS = ("height_m", "sea", "clutter_m")
_loaded: tuple[str, Ground] | None = None


def publish_terrain(terrain: Terrain, work: Path, digest: str) -> Path:
    """Put terrain and zones where workers can map them; returns their folder. Raises StorageError.

    ``digest``: of the terrain (:func:`coverage.runs.cache.terrain_digest`). What is there already is checked.
    """
    folder = work / "terrain" / digest
    if folder.is_dir():
        if _is_sound(folder, digest):
            with suppress(OSError):
                os.utime(folder)  # used now: cleaning goes by it
            return folder
        log.warning("work folder: terrain %s is damaged; it is written again", digest[:16])
        shutil.rmtree(folder)
    temporary = folder.with_name(f".{digest[:16]}.{secrets.token_hex(6)}.part")
    try:
        temporary.mkdir(parents=True)
        for name in _LAYERS:
            layer = getattr(terrain, name)
            if layer is not None:
                np.save(temporary / f"{name}.npy", layer)
        zones = _zones(terrain)
        if zones is not None:
            np.save(temporary / "zones.npy", zones)
        head = {
            "grid": asdict(terrain.grid),
            "surface_model": terrain.surface_model,
            "source": terrain.source,
            "source_step_m": None if np.isnan(terrain.source_step_m) else terrain.source_step_m,
            "zones_sha256": _sha256(zones),
        }
        (temporary / "terrain.json").write_text(json.dumps(head, ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if folder.is_dir() and _is_sound(folder, digest):
            return folder  # another process was faster
        raise StorageError(
            "terrain-not-written",
            f"標高データを作業フォルダーに書けません（{error.strerror}）。空き容量と書き込み権限を確かめてください。",
            f"the terrain cannot be written to the work folder ({error.strerror}); check free space and permissions.",
        ) from error
    return folder


def shared_terrain(folder: str) -> Ground:
    """The published terrain, mapped; the last one stays open in this process."""
    global _loaded
    if _loaded is None or _loaded[0] != folder:
        _loaded = (folder, _open_terrain(Path(folder))[0])
    return _loaded[1]


def _open_terrain(folder: Path) -> tuple[Ground, str]:
    head = json.loads((folder / "terrain.json").read_text(encoding="utf-8"))
    layers: dict[str, Any] = {}
    for name in (*_LAYERS, "zones"):
        path = folder / f"{name}.npy"
        # Copy-on-write, not read-only: compiled code has one type for arrays that may be written and another for those
        # that may not, and nobody writes anyway.
        layers[name] = np.asarray(np.load(path, mmap_mode="c")) if path.is_file() else None
    step = head["source_step_m"]
    terrain = Terrain(
        grid=Grid(**head["grid"]),
        height_m=layers["height_m"],
        sea=layers["sea"],
        surface_model=head["surface_model"],
        clutter_m=layers["clutter_m"],
        source=head["source"],
        source_step_m=float("nan") if step is None else step,
    )
    return Ground(terrain, layers["zones"]), head["zones_sha256"]


def _is_sound(folder: Path, digest: str) -> bool:
    try:
        ground, zones_sha256 = _open_terrain(folder)
        return terrain_digest(ground.terrain) == digest and _sha256(ground.zones) == zones_sha256
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _zones(terrain: Terrain) -> NDArray[np.uint8] | None:
    from coverage.radio.zones import climatic_zones  # scipy: late

    return climatic_zones(terrain)


def _sha256(layer: NDArray[np.uint8] | None) -> str:
    return "" if layer is None else hashlib.sha256(np.ascontiguousarray(layer).tobytes()).hexdigest()


def cells_in_rows(prints: FootprintSet, numbers: Sequence[int], row0: int, row1: int) -> Iterator[int]:
    """Those of ``numbers`` whose footprints can reach the rows ``row0 … row1``: the index that a strip asks."""
    for number in numbers:
        window = prints.window(number)
        if window.row0 < row1 and window.row0 + window.rows > row0:
            yield number
