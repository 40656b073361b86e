"""``@kernel`` and ``@inner``: functions compiled by numba without the GIL, with a cache on disk that can be trusted.

numba's own cache looks at the source file of the function alone. Our kernels call each other across files, and a
change in one would leave the others running the old machine code; a damaged file would be executed as it is. Here
the key holds a digest of the sources of every kernel, each file a checksum, and a cache that cannot be read
or written (full disk, read-only installation) only costs the compilation.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar

from coverage._jit import njit

F = TypeVar("F", bound=Callable[..., Any])

_CHECKSUM_BYTES: Final = 32


def source_digest(folder: Path) -> str:
    """Digest of what compiled code depends on: the modules beside this one, numba, Python."""
    digest = hashlib.sha256(f"numba {metadata.version('numba')} python {sys.version}".encode())
    for name in (
        "kernel.py",
        "path_geometry.py",
        "diffraction.py",
        *sorted(p.name for p in folder.glob("sweep*.py")),
    ):
        digest.update(name.encode())
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


class CheckedStore:
    """What numba wants of a cache file (load, save, flush), one file a signature, each with its checksum."""

    def __init__(self, folder: Path, name: str, digest: str, dump: Callable[[Any], bytes]) -> None:
        self._folder = folder
        self._stem = f"{name}-{digest[:16]}"
        self._dump = dump

    def path(self, key: object) -> Path:
        """The file of one signature on one kind of processor."""
        return self._folder / f"{self._stem}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.kernel"

    def load(self, key: object) -> Any:
        """The compiled function, or None when there is none that is whole."""
        try:
            content = self.path(key).read_bytes()
        except OSError:
            return None
        checksum, payload = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
        if hashlib.sha256(payload).digest() != checksum:
            return None
        return pickle.loads(payload)

    def save(self, key: object, data: Any) -> None:
        """Write a compiled function beside the others; other processes see the whole file or none."""
        payload = self._dump(data)
        temporary = ""
        try:
            with tempfile.NamedTemporaryFile(
                dir=self._folder, prefix=self._stem, suffix=".tmp", delete=False
            ) as file:
                temporary = file.name
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(temporary, self.path(key))
        except OSError:
            # Full, read-only, or held open by another process on Windows: this process has its code in memory.
            if temporary:
                Path(temporary).unlink(missing_ok=True)

    def flush(self) -> None:
        """Forget every signature of this function."""
        for path in self._folder.glob(f"{self._stem}-*.kernel"):
            path.unlink(missing_ok=True)


@cache
def _own_digest() -> str:
    return source_digest(Path(__file__).resolve().parent)


def inner(function: F) -> F:
    """A function that only kernels call: it is part of their machine code and needs no cache of its own."""
    dispatcher: Any = njit(nogil=True, error_model="numpy")(function)
    compiled: F = dispatcher
    return compiled


def kernel(function: F) -> F:
    """A function that Python calls: compiled on first use (no GIL, IEEE arithmetic in the written order) and kept."""
    dispatcher: Any
    try:
        dispatcher = njit(cache=True, nogil=True, error_model="numpy")(function)
        digest = _own_digest()
    except (RuntimeError, OSError):
        # No place that can be written, or no sources to take a digest of (a frozen program): compile every time.
        return inner(function)
    store = getattr(dispatcher, "_cache", None)
    if store is None:
        return function  # NUMBA_DISABLE_JIT: the plain function, for stepping through in a debugger
    store._cache_file = CheckedStore(
        Path(store.cache_path), function.__qualname__, digest, store._cache_file._dump
    )
    compiled: F = dispatcher
    return compiled
