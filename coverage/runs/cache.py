"""Per-site footprints on disk, so that a changed site costs one site.

A footprint's key is a digest over everything that shapes it: the cell, the terrain (grid, heights, sea, clutter), the
model's parameters and the software. The file carries its key and a checksum over key and content, so a bit flip, a
cut, an empty file, noise, and a sound file under another key's name are all noticed: logged, removed, computed again.
A file appears under its name complete or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coverage import __version__
from coverage.domain.grid import Window
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import StorageError
from coverage.radio.footprint import Cell, Footprint

log = logging.getLogger(__name__)

FOOTPRINT_REVISION: Final = 1
"""Raise when a change in the model or in footprints alters levels without a new product version."""

_MAGIC: Final = b"CGPFOOT1"
_HEADER: Final = struct.Struct("<8s32s4qQ32s")
"""magic, key, window (row0, col0, rows, cols), payload length, SHA-256 over all of these and the payload."""

_SUFFIX: Final = ".footprint"
_COMPRESSION_LEVEL: Final = 1


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
    values |= {"software": __version__, "revision": FOOTPRINT_REVISION}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8")).hexdigest()


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
        path = self.path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error) from error
        try:
            return _decode(data, key)
        except ValueError as error:
            log.warning("footprint cache: %s is damaged (%s); it is removed and computed again", path.name, error)
            self.damaged.append(key)
            path.unlink(missing_ok=True)
            return None

    def holds(self, key: str) -> bool:
        """Whether a sound footprint is there; reads and checks it whole."""
        return self.read(key) is not None

    def write(self, key: str, footprint: Footprint) -> None:
        """Keep a footprint. Raises StorageError where the disk is full or the folder cannot be written."""
        write_atomically(self.path(key), _encode(footprint, key))

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob(f"??/*{_SUFFIX}"))

    def prune(self, keep: set[str]) -> int:
        """Remove every footprint whose key is not in ``keep``, and what interrupted writes left; returns how many."""
        removed = 0
        for path in sorted(self.folder.glob("??/*")):
            if path.suffix != _SUFFIX or path.name.removesuffix(_SUFFIX) not in keep:
                path.unlink(missing_ok=True)
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
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(
            "cache-not-writable",
            f"計算結果の作業フォルダーに書けません（{error.strerror}）。空き容量と書き込み権限を確かめてください。",
            f"the work folder cannot be written ({error.strerror}); check free space and permissions.",
        ) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        "cache-not-readable",
        f"作業フォルダーの「{path.name}」を読めません（{error.strerror}）。権限とディスクの状態を確かめてください。",
        f"{path.name} in the work folder cannot be read ({error.strerror}); check permissions and the disk.",
    )


def _encode(footprint: Footprint, key: str) -> bytes:
    window = footprint.window
    payload = zlib.compress(_shuffled(footprint.level_dbm), _COMPRESSION_LEVEL)
    fields = (_MAGIC, bytes.fromhex(key), window.row0, window.col0, window.rows, window.cols, len(payload))
    return _HEADER.pack(*fields, _checksum(fields, payload)) + payload


def _decode(data: bytes, key: str) -> Footprint:
    """Raises ValueError with the reason."""
    if len(data) < _HEADER.size:
        raise ValueError("empty" if not data else "cut short")
    *fields, checksum = _HEADER.unpack_from(data)
    magic, own_key, row0, col0, rows, cols, length = fields
    if magic != _MAGIC:
        raise ValueError("not a footprint")
    payload = data[_HEADER.size :]
    if len(payload) != length:
        raise ValueError("cut short")
    if checksum != _checksum(tuple(fields), payload):
        raise ValueError("checksum differs")
    if own_key != bytes.fromhex(key):
        raise ValueError("belongs to another key")
    try:
        planes = zlib.decompress(payload)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return Footprint(Window(row0, col0, rows, cols), _unshuffled(planes, rows, cols))


def _checksum(fields: tuple[object, ...], payload: bytes) -> bytes:
    digest = hashlib.sha256(_HEADER.pack(*fields, b""))
    digest.update(payload)
    return digest.digest()


def _shuffled(level: NDArray[np.float32]) -> bytes:
    """All first bytes, then all second bytes …: signs and exponents next to each other compress to almost nothing."""
    raw = np.ascontiguousarray(level, dtype="<f4").view(np.uint8).reshape(-1, 4)
    return raw.T.tobytes()


def _unshuffled(data: bytes, rows: int, cols: int) -> NDArray[np.float32]:
    planes = np.frombuffer(data, dtype=np.uint8).reshape(4, rows * cols)
    level: NDArray[np.float32] = np.ascontiguousarray(planes.T).view("<f4").reshape(rows, cols).astype(np.float32, copy=False)
    return level
