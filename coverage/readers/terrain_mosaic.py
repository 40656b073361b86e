"""Many tiles, one lattice: windowed reading, agreement of neighbours, hole-aware bilinear sampling.

A *lattice* is an endless grid of height samples (CRS, spacing, phase); tiles of one product share one. Tiles of another
spacing or phase form a lattice of their own and fill the holes that finer lattices leave. A height is asked for at
points; only the samples around a block of points are ever in memory.

Rules, all of them tested:

* A point takes the four samples around it. If one with weight is NO DATA the point is NO DATA: a hole grows by at most
  one sample and never shrinks by interpolation.
* A sample stands for its pixel's area, so within half a sample of the outer edge of all tiles the edge sample holds.
  Beyond that there is nothing.
* Where tiles overlap they must agree; where they only touch, the step across the seam must look like terrain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coverage.errors import FileFormatError

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

TILE_CACHE_BYTES = 128 * 2**20
"""Decoded tiles kept in memory by formats that can only be decoded whole (XML, PNG, text, gzip)."""

SEAM_FLOOR_M = 60.0
SEAM_RATIO = 10.0
SEAM_MIN_SAMPLES = 32


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a tile's samples lie: ``x0``/``y0`` is the outer corner of the north-west pixel, in units of ``crs``."""

    crs: str
    x0: float
    y0: float
    dx: float
    dy: float
    rows: int
    cols: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in units of the CRS."""
        return self.x0, self.y0 - self.rows * self.dy, self.x0 + self.cols * self.dx, self.y0


@dataclass(frozen=True, slots=True)
class Samples:
    """Heights (float32 m, NaN = NO DATA) and, where the format has such a class, which of them are sea."""

    height_m: Float32
    sea: Bool | None = None

    def cut(self, rows: slice, cols: slice) -> Samples:
        return Samples(self.height_m[rows, cols], None if self.sea is None else self.sea[rows, cols])

    @property
    def nbytes(self) -> int:
        return self.height_m.nbytes + (0 if self.sea is None else self.sea.nbytes)


class Tile(ABC):
    """One source file (or member of an archive) with a frame. ``path`` is the file whose bytes are digested."""

    def __init__(self, path: Path, name: str, frame: Frame) -> None:
        self.path = path
        self.name = name
        self.frame = frame

    @abstractmethod
    def read(self, rows: slice, cols: slice) -> Samples:
        """Samples of a window of this tile; raises :class:`FileFormatError` if the file is damaged."""


class TileCache:
    """Last decoded tiles, least recently used out first, bounded in bytes."""

    def __init__(self, limit_bytes: int = TILE_CACHE_BYTES) -> None:
        self._limit = limit_bytes
        self._held: OrderedDict[int, Samples] = OrderedDict()
        self._bytes = 0

    def get(self, tile: Tile, decode: Callable[[], Samples]) -> Samples:
        key = id(tile)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        samples = decode()
        self._held[key] = samples
        self._bytes += samples.nbytes
        while self._bytes > self._limit and len(self._held) > 1:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
        return samples


class WholeTile(Tile):
    """A tile whose format allows no windowed reading: decoded once, kept in a shared bounded cache."""

    def __init__(self, path: Path, name: str, frame: Frame, cache: TileCache) -> None:
        super().__init__(path, name, frame)
        self._cache = cache

    @abstractmethod
    def decode(self) -> Samples:
        """The whole tile."""

    def read(self, rows: slice, cols: slice) -> Samples:
        return self._cache.get(self, self._checked).cut(rows, cols)

    def _checked(self) -> Samples:
        samples = self.decode()
        if samples.height_m.shape != (self.frame.rows, self.frame.cols):
            raise AssertionError(f"{self.name}: decoded {samples.height_m.shape}")
        return samples


class AbsentTile(Tile):
    """A tile that the publisher does not have (recorded as such by whoever fetched): all NO DATA, but known to be so."""

    def read(self, rows: slice, cols: slice) -> Samples:
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        return Samples(np.full(shape, np.nan, dtype=np.float32))


@dataclass(frozen=True)
class Patch:
    """Samples of one lattice around a block of points. ``inside``: some tile covers the sample, hole or not."""

    height_m: Float32
    sea: Bool
    inside: Bool
    x0: float
    y0: float
    dx: float
    dy: float


class Lattice:
    """Tiles that share CRS, spacing and phase."""

    def __init__(self, tiles: Sequence[Tile], *, overlap_tolerance_m: float) -> None:
        """``tiles`` in a fixed order (sorted by name): where two overlap and agree, the first one's sample is taken."""
        anchor = tiles[0].frame
        self.crs, self.dx, self.dy = anchor.crs, anchor.dx, anchor.dy
        self.x0, self.y0 = anchor.x0, anchor.y0
        self.tiles = list(tiles)
        self._tolerance_m = overlap_tolerance_m
        self._row0 = np.array([round((self.y0 - t.frame.y0) / self.dy) for t in tiles], dtype=np.int64)
        self._col0 = np.array([round((t.frame.x0 - self.x0) / self.dx) for t in tiles], dtype=np.int64)
        self._row1 = self._row0 + np.array([t.frame.rows for t in tiles], dtype=np.int64)
        self._col1 = self._col0 + np.array([t.frame.cols for t in tiles], dtype=np.int64)
        self.used: set[int] = set()

    def accepts(self, frame: Frame) -> bool:
        """Whether a tile's samples fall on this lattice (to 2 % of a sample)."""
        return frame_matches(self, frame)

    def positions(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Fractional (row, column) of points, counted in sample centres."""
        return (self.y0 - y) / self.dy - 0.5, (x - self.x0) / self.dx - 0.5

    def patch(self, row: Float64, col: Float64) -> Patch | None:
        """All samples that the points ``row``, ``col`` can need; None if no tile is near. Non-finite points are skipped."""
        good = np.isfinite(row) & np.isfinite(col)
        if not good.any():
            return None
        r0, r1 = int(np.floor(row[good].min())), int(np.floor(row[good].max())) + 2
        c0, c1 = int(np.floor(col[good].min())), int(np.floor(col[good].max())) + 2
        hit = np.flatnonzero((self._row0 < r1) & (self._row1 > r0) & (self._col0 < c1) & (self._col1 > c0))
        if len(hit) == 0:
            return None
        height = np.full((r1 - r0, c1 - c0), np.nan, dtype=np.float32)
        sea = np.zeros(height.shape, dtype=np.bool_)
        owner = np.full(height.shape, -1, dtype=np.int32)
        for index in hit:
            self._lay(int(index), r0, c0, height, sea, owner)
        if len(hit) > 1:
            self._check_seams(
                height, owner, {int(edge) - c0 for edge in (*self._col0[hit], *self._col1[hit])}
            )
            self._check_seams(
                height.T, owner.T, {int(edge) - r0 for edge in (*self._row0[hit], *self._row1[hit])}
            )
        return Patch(
            height, sea, owner >= 0, self.x0 + c0 * self.dx, self.y0 - r0 * self.dy, self.dx, self.dy
        )

    def _lay(
        self, index: int, r0: int, c0: int, height: Float32, sea: Bool, owner: NDArray[np.int32]
    ) -> None:
        tile = self.tiles[index]
        top, left = max(int(self._row0[index]), r0), max(int(self._col0[index]), c0)
        bottom = min(int(self._row1[index]), r0 + height.shape[0])
        right = min(int(self._col1[index]), c0 + height.shape[1])
        rows = slice(top - int(self._row0[index]), bottom - int(self._row0[index]))
        cols = slice(left - int(self._col0[index]), right - int(self._col0[index]))
        new = tile.read(rows, cols)
        self.used.add(index)
        here = (slice(top - r0, bottom - r0), slice(left - c0, right - c0))
        old, old_owner = height[here], owner[here]
        both = np.isfinite(old) & np.isfinite(new.height_m)
        if both.any():
            apart = np.abs(old[both] - new.height_m[both])
            if float(apart.max()) > self._tolerance_m:
                other = self.tiles[int(old_owner[both][int(apart.argmax())])].name
                bad = int((apart > self._tolerance_m).sum())
                raise FileFormatError(
                    "terrain-tiles-disagree",
                    f"標高タイル「{tile.name}」と「{other}」は重なる{apart.size}点のうち{bad}点で標高が食い違います"
                    f"（最大{float(apart.max()):.1f} m）。名前の誤りか版の混在がないか確かめ、どちらかを除いてください。",
                    f"terrain tiles {tile.name!r} and {other!r} differ on {bad} of {apart.size} overlapping samples (by up "
                    f"to {float(apart.max()):.1f} m); look for a misnamed file or mixed editions and remove one.",
                )
        fill = np.isnan(old) & np.isfinite(new.height_m)
        old[fill] = new.height_m[fill]
        if new.sea is not None:
            sea[here][fill] = new.sea[fill]
        old_owner[fill | (old_owner < 0)] = index

    def _check_seams(self, height: Float32, owner: NDArray[np.int32], edges: set[int]) -> None:
        """Refuse a jump across a seam of two tiles (between columns ``edge − 1`` and ``edge``) that terrain does not make."""
        for edge in sorted(edges):
            if not 2 <= edge <= height.shape[1] - 2:
                continue
            left, right = owner[:, edge - 1], owner[:, edge]
            steps = np.abs(np.diff(height[:, edge - 2 : edge + 2], axis=1))
            rows = (left != right) & (left >= 0) & (right >= 0) & np.isfinite(steps).all(axis=1)
            if int(rows.sum()) < SEAM_MIN_SAMPLES:
                continue
            seam = float(np.median(steps[rows, 1]))
            beside = float(np.median(np.maximum(steps[rows, 0], steps[rows, 2])))
            if seam > max(SEAM_FLOOR_M, SEAM_RATIO * beside):
                first = int(np.flatnonzero(rows)[0])
                a, b = self.tiles[int(left[first])].name, self.tiles[int(right[first])].name
                raise FileFormatError(
                    "terrain-tiles-do-not-join",
                    f"隣り合う標高タイル「{a}」と「{b}」の境で標高が約{seam:.0f} m飛びます（タイル内は{beside:.0f} m）。"
                    "ファイル名と置き場所の誤りがないか確かめてください。",
                    f"heights jump by about {seam:.0f} m between the neighbouring terrain tiles {a!r} and {b!r} "
                    f"(inside them: {beside:.0f} m); look for a misnamed or misplaced file.",
                )


def frame_matches(lattice: Lattice, frame: Frame) -> bool:
    """Same CRS, same spacing (to 1e-6), same phase (to 2 % of a sample)."""
    if frame.crs != lattice.crs:
        return False
    if abs(frame.dx / lattice.dx - 1) > 1e-6 or abs(frame.dy / lattice.dy - 1) > 1e-6:
        return False
    dc, dr = (frame.x0 - lattice.x0) / lattice.dx, (lattice.y0 - frame.y0) / lattice.dy
    return abs(dc - round(dc)) < 0.02 and abs(dr - round(dr)) < 0.02


def lattices_of(tiles: Sequence[Tile], *, overlap_tolerance_m: float) -> list[Lattice]:
    """Sort tiles into lattices, finest first (by ground distance between samples, then by name of the first tile)."""
    groups: list[list[Tile]] = []
    anchors: list[Lattice] = []
    for tile in sorted(tiles, key=lambda t: t.name):
        for group, anchor in zip(groups, anchors, strict=True):
            if anchor.accepts(tile.frame):
                group.append(tile)
                break
        else:
            groups.append([tile])
            anchors.append(Lattice([tile], overlap_tolerance_m=overlap_tolerance_m))
    made = [Lattice(group, overlap_tolerance_m=overlap_tolerance_m) for group in groups]
    return sorted(made, key=lambda lattice: (frame_step_m(lattice.tiles[0].frame), lattice.tiles[0].name))


def frame_step_m(frame: Frame) -> float:
    """North–south ground distance between samples, metres."""
    import pyproj

    crs = pyproj.CRS.from_user_input(frame.crs)
    if crs.is_geographic:
        return frame.dy * 111_195.0
    unit = crs.axis_info[0].unit_conversion_factor
    if crs.to_epsg() == 3857:
        # Mercator's scale is 1/cos(latitude); y/R is the isometric latitude.
        return frame.dy / float(np.cosh((frame.y0 - 0.5 * frame.rows * frame.dy) / 6_378_137.0))
    return frame.dy * unit


def bilinear(patch: Patch, lattice: Lattice, row: Float64, col: Float64) -> tuple[Float64, Bool, Bool]:
    """(heights float64 with NaN, nearest sample is sea, nearest sample is inside some tile) at points of any shape."""
    good = np.isfinite(row) & np.isfinite(col)
    r = np.where(good, row, 0.0) - round((lattice.y0 - patch.y0) / lattice.dy)
    c = np.where(good, col, 0.0) - round((patch.x0 - lattice.x0) / lattice.dx)
    rows, cols = patch.height_m.shape
    r_low = np.clip(np.floor(r).astype(np.int64), 0, rows - 2)
    c_low = np.clip(np.floor(c).astype(np.int64), 0, cols - 2)
    fr, fc = np.clip(r - r_low, 0.0, 1.0), np.clip(c - c_low, 0.0, 1.0)
    total = np.zeros(r.shape)
    weight = np.zeros(r.shape)
    hole = ~good
    for dr in (0, 1):
        for dc in (0, 1):
            w = (fr if dr else 1.0 - fr) * (fc if dc else 1.0 - fc)
            inside = patch.inside[r_low + dr, c_low + dc]
            value = patch.height_m[r_low + dr, c_low + dc]
            w = np.where(inside, w, 0.0)
            missing = np.isnan(value)
            hole |= missing & (w > 0.0)
            total += np.where(missing, 0.0, value) * w
            weight += w
    near = (r_low + (fr >= 0.5), c_low + (fc >= 0.5))
    inside = patch.inside[near] & good
    known = inside & ~hole & (weight > 0.0)
    height = np.where(known, total / np.where(weight > 0.0, weight, 1.0), np.nan)
    return height, patch.sea[near] & good, inside


def nearest(patch: Patch, lattice: Lattice, row: Float64, col: Float64) -> Float64:
    """The nearest sample's value (for classes, which must not be mixed); NaN outside and on holes."""
    good = np.isfinite(row) & np.isfinite(col)
    r = np.where(good, row, 0.0) - round((lattice.y0 - patch.y0) / lattice.dy)
    c = np.where(good, col, 0.0) - round((patch.x0 - lattice.x0) / lattice.dx)
    r_near = np.clip(np.floor(r + 0.5).astype(np.int64), 0, patch.height_m.shape[0] - 1)
    c_near = np.clip(np.floor(c + 0.5).astype(np.int64), 0, patch.height_m.shape[1] - 1)
    value: Float64 = np.where(good & patch.inside[r_near, c_near], patch.height_m[r_near, c_near], np.nan)
    return value
