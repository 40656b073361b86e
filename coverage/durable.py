"""Small files that are whole or as they were, and that outlive a power cut once their writing was acknowledged.

A rename alone is neither: the new name can reach the disk before the bytes it stands for, or not at all. So the bytes
are flushed first, then renamed into place, then the folder that holds the name is flushed.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_REPLACE_TRIES: Final = 20
"""A twentieth of a second apart."""
_NOT_FOR_FOLDERS: Final = frozenset({errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.ENOSYS})
"""What file systems say that cannot flush a folder."""


def write_text(path: Path, text: str) -> None:
    """Put ``text`` (UTF-8, newlines as given) in the place of ``path``. Raises OSError; then
    ``path`` is as it was, or new already where only the folder could not be flushed.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            _flush(out.fileno())
        _replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def make_folder(folder: Path) -> None:
    """``folder`` with the folders above it; a new one's name is flushed too. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    flush_folder(folder.parent)


def flush_file(path: Path) -> None:
    """Wait until the bytes of a file that is closed are on the disk."""
    with path.open("rb+") as file:
        _flush(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk, as far as its file system knows such a thing."""
    # Windows has no such thing as flushing a folder; its rename is journalled by the file system.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _flush(handle)
    except OSError as error:
        # Network shares refuse it, and what is written there is in its place all the same.
        if error.errno not in _NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # There fsync ends in the drive's own cache; a file system without the full one is left to fsync.
        with suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def _replace(part: Path, final: Path) -> None:
    """Windows refuses to replace a file while somebody reads it: tried again for a second."""
    for _ in range(_REPLACE_TRIES - 1):
        try:
            os.replace(part, final)
        except PermissionError:
            time.sleep(0.05)
        else:
            return
    os.replace(part, final)
