"""Files made from a run, kept on disk beside the runs (``.downloads/``) or in memory, each made once.

On disk lies only what everybody may have. What is shown to some is kept in memory, by what it shows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from coverage import __version__, domain, report, runs
from coverage.runs.folder import CHECKSUMS
from coverage.runs.result import RunResult

FOLDER: Final = ".downloads"
_MEMORY_BYTES: Final = 48 * 2**20


def kept_on_disk(run: RunResult, name: str, make: Callable[[], bytes]) -> bytes:
    """The public file ``name`` of ``run``: read where it was made before, made once where not.

    A kept file that does not carry its own checksum is made again. A folder that cannot be written costs time, not the
    answer.
    """
    path = _folder(run) / name
    found = _read(path)
    if found is None:
        with _one_at_a_time(str(path)):
            found = _read(path)
            if found is None:
                found = make()
                _keep(path, found)
    return found


def kept_in_memory(run: RunResult, key: str, make: Callable[[], bytes]) -> bytes:
    """What only some may have: never written down. ``key`` names everything that it depends on beside the run."""
    key = f"{_folder(run)}|{key}"
    with _one_at_a_time(key):
        found = _in_memory.get(key)
        if found is None:
            found = make()
            _in_memory.put(key, found)
    return found


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return _in_memory.get(str(path))
    body, digest = content[:-32], content[-32:]
    return body if hashlib.sha256(body).digest() == digest else None


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all, its checksum at its end."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content + hashlib.sha256(content).digest())
        os.replace(part, path)
    except OSError:
        _in_memory.put(str(path), content)


def _folder(run: RunResult) -> Path:
    """Another folder when the run, or the program that makes the files, is another."""
    sums = run.folder / CHECKSUMS
    stamp = sums.stat() if sums.is_file() else run.folder.stat()
    return _folder_of(run.folder, stamp.st_mtime_ns)


@cache
def _folder_of(folder: Path, _changed: int) -> Path:
    sums = folder / CHECKSUMS
    sealed = sums.read_bytes() if sums.is_file() else str(_changed).encode("ascii")
    key = hashlib.sha256(sealed + _program().encode("ascii")).hexdigest()[:16]
    root = folder.parent / FOLDER
    for old in root.glob("*-*"):
        run_id = old.name.rsplit("-", 1)[0]
        if not (folder.parent / run_id).is_dir() or (run_id == folder.name and old.name != f"{run_id}-{key}"):
            # Of a run that was removed, or made by another release.
            shutil.rmtree(old, ignore_errors=True)
    return root / f"{folder.name}-{key}"


@cache
def _program() -> str:
    """A digest of what makes the files: with other code, words or templates there are other bytes."""
    digest = hashlib.sha256(__version__.encode("ascii"))
    for package in (domain, runs, report):
        for path in sorted(Path(next(iter(package.__path__))).rglob("*")):
            if path.suffix in {".py", ".toml", ".typ"}:
                digest.update(path.read_bytes())
    return digest.hexdigest()


class _Memory:
    """Files by key, the oldest dropped beyond a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._held: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        with self._lock:
            found = self._held.pop(key, None)
            if found is not None:
                self._held[key] = found
            return found

    def put(self, key: str, content: bytes) -> None:
        with self._lock:
            self._held[key] = content
            while sum(map(len, self._held.values())) > self._limit and len(self._held) > 1:
                del self._held[next(iter(self._held))]


_in_memory: Final = _Memory(_MEMORY_BYTES)


_turns: Final[dict[str, tuple[Lock, list[int]]]] = {}
_turns_lock: Final = Lock()


@contextmanager
def _one_at_a_time(key: str) -> Iterator[None]:
    """Fifty readers who ask for a file that is not there yet cost one making of it."""
    with _turns_lock:
        lock, waiting = _turns.setdefault(key, (Lock(), [0]))
        waiting[0] += 1
    try:
        with lock:
            yield
    finally:
        with _turns_lock:
            waiting[0] -= 1
            if waiting[0] == 0:
                del _turns[key]
