"""A lock that ends with its process: who holds it is written in the file, and the system lets go however the holder ends.

So nobody has to guess from a process number whether work is still going on: numbers are given out again, locks are not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

_FAR: Final = 1 << 20
"""The byte that is locked. Windows keeps others from reading locked bytes, and the holder's name must be readable."""
_PATIENCE_S: Final = 1.0


class HeldError(Exception):
    """Somebody else holds the lock; ``holder`` is what they wrote."""

    def __init__(self, holder: Mapping[str, Any]) -> None:
        super().__init__("held")
        self.holder = dict(holder)


class Lock:
    """An exclusive lock on a file, held until :meth:`release` or the end of the process."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        """Take it. Raises HeldError where another process has it, OSError where the file cannot be written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        deadline = time.monotonic() + _PATIENCE_S
        self._stream: IO[bytes] = _open(path)
        while not (_take(self._stream) and _is_at(self._stream, path)):
            # Somebody who only looks holds it for an instant; and a holder that ends takes its file along.
            self._stream.close()
            if time.monotonic() > deadline:
                raise HeldError(_read(path))
            time.sleep(0.02)
            self._stream = _open(path)
        self._stream.seek(0)
        self._stream.truncate()
        self._stream.write(json.dumps(dict(about), ensure_ascii=False).encode("utf-8"))
        self._stream.flush()

    def release(self) -> None:
        """Let go, and take the file along: whoever opened it meanwhile finds out that it is not there any more."""
        if os.name != "nt":
            self._path.unlink(missing_ok=True)
        _let_go(self._stream)
        self._stream.close()
        if os.name == "nt":
            # Refused while somebody else has it open, and then it is theirs.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


@contextmanager
def held(path: Path, about: Mapping[str, Any]) -> Iterator[None]:
    """Hold the lock for a block. Raises HeldError where another process has it."""
    lock = Lock(path, about)
    try:
        yield
    finally:
        lock.release()


def holder(path: Path) -> dict[str, Any] | None:
    """What the present holder wrote; None where nobody holds it."""
    if not path.is_file():
        return None
    try:
        stream = _open(path)
    except OSError:
        # A folder that only its owner may write: nothing of ours runs in it.
        return None
    with stream:
        if _take(stream):
            _let_go(stream)
            return None
    return _read(path)


def _open(path: Path) -> IO[bytes]:
    # Neither emptied nor made anew: its present holder's words stay.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b")


def _is_at(stream: IO[bytes], path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        here, there = os.fstat(stream.fileno()), path.stat()
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _take(stream: IO[bytes]) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            stream.seek(_FAR)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _let_go(stream: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        with suppress(OSError):
            stream.seek(_FAR)
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        return
    import fcntl

    with suppress(OSError):
        fcntl.flock(stream, fcntl.LOCK_UN)


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Taken a moment ago and not yet signed.
        return {}
    return said if isinstance(said, dict) else {}
