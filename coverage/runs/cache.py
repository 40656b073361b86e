"""Per-site footprints on disk, so that a changed site costs one site.

A footprint's key is a digest over everything that shapes it: the cell, the terrain (grid, heights, sea, clutter), the
model's parameters and the software. The file carries its key and a checksum over key and content, so a bit flip, a
cut, an empty file, noise, and a sound file under another key's name are all noticed: logged, removed, computed again.
A file appears under its name complete or not at all.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import logging
import os
import secrets
import struct
import sys
import time
import zlib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from coverage import __version__
from coverage.domain.grid import Window
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import StorageError
from coverage.radio.footprint import Cell, Footprint

log = logging.getLogger(__name__)

BAND_ROWS: Final = 64
"""Rows of the run's grid in one band of a footprint file; bands begin at multiples of it, for all footprints alike."""

_MAGIC: Final = b"CGPFOOT2"
_HEADER: Final = struct.Struct("<8s32s4q32s")
"""magic, key, window (row0, col0, rows, cols), SHA-256 over these and the table of bands."""
_BAND: Final = struct.Struct("<Q32s")
"""Length of a band's payload and SHA-256 over key, band number and payload."""

_SUFFIX: Final = ".footprint"
_COMPRESSION_LEVEL: Final = 1
_MOST: Final = 1 << 24


def terrain_digest(terrain: Terrain) -> str:
    """SHA-256 over grid, heights, sea and clutter: everything of a terrain that a footprint can depend on."""
    digest = hashlib.sha256()
    grid = terrain.grid
    head = [grid.epsg, grid.x0_m, grid.y0_m, grid.cell_m, grid.rows, grid.cols, terrain.surface_model]
    digest.update(json.dumps(head).encode("utf-8"))
    # NaN has many bit patterns; NO DATA is NO DATA.
    for layer in (terrain.height_m, terrain.clutter_m):
        digest.update(b"\x00" if layer is None else b"\x01" + _canonical(layer))
    digest.update(np.packbits(terrain.sea).tobytes())
    return digest.hexdigest()


def _canonical(layer: NDArray[np.float32]) -> bytes:
    clean = np.where(np.isnan(layer), np.float32(np.nan), layer) + np.float32(0.0)  # −0 becomes 0
    return clean.astype("<f4").tobytes()


def model_digest(radio: RadioConfig) -> str:
    """SHA-256 over the parameters that shape levels (not the model's error, which only widens intervals)."""
    values = radio.model_dump(mode="json", exclude={"model_error_db"})
    values |= {"software": __version__, "source": _radio_source()}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8")).hexdigest()


@functools.cache
def _radio_source() -> str:
    """SHA-256 over the source of the radio package: no change of a formula can go with an old footprint."""
    digest = hashlib.sha256()
    for item in sorted(resources.files("coverage.radio").iterdir(), key=lambda item: item.name):
        if item.name.endswith(".py"):
            # A checkout may carry other line ends than the wheel.
            text = item.read_text(encoding="utf-8").replace("\r\n", "\n")
            digest.update(f"{item.name}\n{len(text)}\n{text}".encode())
    return digest.hexdigest()


def footprint_key(cell: Cell, *, terrain: str, model: str) -> str:
    """Key of a cell's footprint, 64 hexadecimal digits. ``terrain``, ``model``: the digests above."""
    return hashlib.sha256(f"{cell.digest()}\n{terrain}\n{model}".encode("ascii")).hexdigest()


@dataclass
class FootprintCache:
    """Footprints under ``folder``, one file a key. Several processes may read and write it at the same time."""

    folder: Path
    damaged: list[str] = field(default_factory=list)
    """Keys whose files were found damaged by this object, in order."""

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{_SUFFIX}"

    def read(self, key: str) -> Footprint | None:
        """The footprint, or None where it is absent or was damaged (then it is logged and removed)."""
        return self._read(key, None)

    def read_rows(self, key: str, row0: int, row1: int) -> Footprint | None:
        """At least the rows ``row0 … row1`` of the grid, as far as the footprint has them; only they are read and checked.

        None as in :meth:`read`. The window may be empty.
        """
        return self._read(key, (row0, row1))

    def _read(self, key: str, rows: tuple[int, int] | None) -> Footprint | None:
        path = self.path(key)
        try:
            with path.open("rb") as stream:
                return _decode(stream, key, rows)
        except FileNotFoundError:
            return None
        except ValueError as error:
            self._discard(key, path, str(error))
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def has(self, key: str) -> bool:
        """Whether a file of the right key and length is there. Its content is checked when it is read."""
        path = self.path(key)
        try:
            with path.open("rb") as stream:
                _, bands = _header(stream, key)
                expected = stream.tell() + sum(length for _, length, _ in bands)
                if os.fstat(stream.fileno()).st_size != expected:
                    raise ValueError("cut short or too long")
        except FileNotFoundError:
            return False
        except ValueError as error:
            self._discard(key, path, str(error))
            return False
        except OSError as error:
            raise _unreadable(path, error) from error
        return True

    def _discard(self, key: str, path: Path, why: str) -> None:
        log.warning("footprint cache: %s is damaged (%s); it is removed and computed again", path.name, why)
        self.damaged.append(key)
        path.unlink(missing_ok=True)

    def write(self, key: str, footprint: Footprint) -> None:
        """Keep a footprint. Raises StorageError where the disk is full or the folder cannot be written."""
        write_atomically(self.path(key), _encode(footprint, key))

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob(f"??/*{_SUFFIX}"))

    def trim(self, *, keep: set[str], limit_bytes: int) -> int:
        """Remove what interrupted writes left, and the oldest footprints not in ``keep`` until the rest fits.

        Returns how many files went. ``keep`` is never removed, even where it alone exceeds ``limit_bytes``.
        """
        removed, held = 0, 0
        others: list[tuple[int, str, int, Path]] = []
        for path in self.folder.glob("??/*"):
            if path.suffix != _SUFFIX:
                path.unlink(missing_ok=True)
                removed += 1
                continue
            status = path.stat()
            held += status.st_size
            if path.name.removesuffix(_SUFFIX) not in keep:
                others.append((status.st_mtime_ns, path.name, status.st_size, path))
        for _, _, size, path in sorted(others):
            if held <= limit_bytes:
                break
            path.unlink(missing_ok=True)
            held -= size
            removed += 1
        return removed


def write_atomically(path: Path, data: bytes) -> None:
    """Write under a temporary name in the same folder and rename. Raises StorageError."""
    # Not tempfile: its files are readable by one user only, and the command line and the server may be two.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            stream.write(data)
        _replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(
            "cache-not-writable",
            f"計算結果の作業フォルダーに書けません（{error.strerror}）。空き容量と書き込み権限を確かめてください。",
            f"the work folder cannot be written ({error.strerror}); check free space and permissions.",
        ) from error


def _replace(temporary: Path, path: Path) -> None:
    for attempt in range(10):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            # Windows refuses to replace a file that somebody is reading at this moment.
            if sys.platform != "win32" or attempt == 9:
                raise
            time.sleep(0.05)


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        "cache-not-readable",
        f"作業フォルダーの「{path.name}」を読めません（{error.strerror}）。権限とディスクの状態を確かめてください。",
        f"{path.name} in the work folder cannot be read ({error.strerror}); check permissions and the disk.",
    )


def _band_rows(window: Window) -> list[tuple[int, int]]:
    """Rows (within the window) of each band, cut at multiples of BAND_ROWS of the grid."""
    cuts = range((window.row0 // BAND_ROWS + 1) * BAND_ROWS, window.row0 + window.rows, BAND_ROWS)
    edges = [0, *(cut - window.row0 for cut in cuts), window.rows]
    return list(itertools.pairwise(edges))


def _encode(footprint: Footprint, key: str) -> bytes:
    window = footprint.window
    own_key = bytes.fromhex(key)
    table, payloads = b"", []
    for number, (top, bottom) in enumerate(_band_rows(window)):
        payload = zlib.compress(_shuffled(footprint.level_dbm[top:bottom]), _COMPRESSION_LEVEL)
        table += _BAND.pack(len(payload), _band_sum(own_key, number, payload))
        payloads.append(payload)
    fields = (_MAGIC, own_key, window.row0, window.col0, window.rows, window.cols)
    return b"".join((_HEADER.pack(*fields, _header_sum(fields, table)), table, *payloads))


def _header(stream: BinaryIO, key: str) -> tuple[Window, list[tuple[tuple[int, int], int, bytes]]]:
    """Window and bands (rows, payload length, checksum). Raises ValueError with the reason."""
    data = stream.read(_HEADER.size)
    if len(data) < _HEADER.size:
        raise ValueError("cut short" if data else "empty")
    *fields, checksum = _HEADER.unpack(data)
    magic, own_key, row0, col0, rows, cols = fields
    if magic != _MAGIC:
        raise ValueError("not a footprint")
    if not (0 <= row0 <= _MOST and 0 <= col0 <= _MOST and 0 <= rows <= _MOST and 0 <= cols <= _MOST):
        raise ValueError("checksum differs")
    window = Window(row0, col0, rows, cols)
    spans = _band_rows(window)
    table = stream.read(_BAND.size * len(spans))
    if checksum != _header_sum(tuple(fields), table):
        raise ValueError("checksum differs")
    if own_key != bytes.fromhex(key):
        raise ValueError("belongs to another key")
    return window, [(span, *_BAND.unpack_from(table, i * _BAND.size)) for i, span in enumerate(spans)]


def _decode(stream: BinaryIO, key: str, wanted: tuple[int, int] | None) -> Footprint:
    """Raises ValueError with the reason."""
    window, bands = _header(stream, key)
    parts: list[NDArray[np.float32]] = []
    first = 0
    for number, ((top, bottom), length, checksum) in enumerate(bands):
        if wanted is not None and not (window.row0 + top < wanted[1] and window.row0 + bottom > wanted[0]):
            stream.seek(length, os.SEEK_CUR)
            continue
        payload = stream.read(length)
        if len(payload) != length:
            raise ValueError("cut short")
        if checksum != _band_sum(bytes.fromhex(key), number, payload):
            raise ValueError("checksum differs")
        if not parts:
            first = top
        parts.append(_unshuffled(zlib.decompress(payload), bottom - top, window.cols))
    if wanted is None and stream.read(1):
        raise ValueError("too long")
    level = np.concatenate(parts) if parts else np.empty((0, window.cols), dtype=np.float32)
    return Footprint(Window(window.row0 + first, window.col0, level.shape[0], window.cols), level)


def _header_sum(fields: tuple[object, ...], table: bytes) -> bytes:
    return hashlib.sha256(_HEADER.pack(*fields, b"") + table).digest()


def _band_sum(own_key: bytes, number: int, payload: bytes) -> bytes:
    digest = hashlib.sha256(own_key + number.to_bytes(8, "little"))
    digest.update(payload)
    return digest.digest()


def _shuffled(level: NDArray[np.float32]) -> bytes:
    """All first bytes, then all second bytes …: signs and exponents next to each other compress to almost nothing."""
    raw = np.ascontiguousarray(level, dtype="<f4").view(np.uint8).reshape(-1, 4)
    return raw.T.tobytes()


def _unshuffled(data: bytes, rows: int, cols: int) -> NDArray[np.float32]:
    planes = np.frombuffer(data, dtype=np.uint8).reshape(4, rows * cols)
    level: NDArray[np.float32] = (
        np.ascontiguousarray(planes.T).view("<f4").reshape(rows, cols).astype(np.float32, copy=False)
    )
    return level
