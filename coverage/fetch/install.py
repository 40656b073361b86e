"""Putting finished layers in place so that a kill at any moment loses nothing and leaves nothing half-done.

New layers are complete in ``.fetch/`` before anything moves. Then a journal says what will move and what the
catalogue will say; the moves, the catalogue and the removal of the journal follow. Whoever opens the folder next finishes
a journal that is still there. Readers see the old state, or the new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from coverage.errors import ConflictError, FileFormatError
from coverage.fetch.catalogue import (
    FILE_NAME,
    Catalogue,
    disk_error,
    load_catalogue,
    parse_catalogue,
    safe_path,
    write_whole,
)

WORK: Final = ".fetch"
_JOURNAL: Final = "journal.json"
_LOCK: Final = "lock"
_TRASH: Final = "trash"

Watch = Callable[[str], None]


def _silent(step: str) -> None:
    """Nobody watches."""


@contextmanager
def opened(folder: Path, *, watch: Watch = _silent) -> Iterator[Catalogue]:
    """Hold the folder for writing: one process at a time; an unfinished journal is finished first.

    Yields the catalogue. Raises ConflictError "layers-busy" while another process holds it, StorageError "layers-disk".
    """
    work = folder / WORK
    try:
        work.mkdir(parents=True, exist_ok=True)
        handle = (work / _LOCK).open("a+b")
    except OSError as problem:
        raise disk_error(folder.name, problem) from None
    with handle:
        if not _lock(handle):
            raise ConflictError(
                "layers-busy",
                f"層のフォルダ「{folder.name}」は別の処理が使用中です。終わってからやり直してください。",
                f"The layers' folder '{folder.name}' is in use by another process; try again when it has ended.",
            )
        finish_journal(folder, watch=watch)
        try:
            yield load_catalogue(folder)
        except OSError as problem:
            # Files of others are judged where they are read; what is left is this folder's own disk.
            raise disk_error(folder.name, problem) from None


def install(folder: Path, moves: Mapping[str, Path], catalogue: Catalogue, *, watch: Watch = _silent) -> None:
    """Move finished things to their places and make ``catalogue`` the folder's catalogue, all or nothing.

    ``moves``: target path relative to the folder → the finished file or folder, somewhere under ``.fetch``. What lay at
    a target goes away. Only within :func:`opened`.
    """
    work = folder / WORK
    listed = {target: source.relative_to(work).as_posix() for target, source in moves.items()}
    journal = {"moves": listed, "catalogue": catalogue.to_json()}
    write_whole(work / _JOURNAL, json.dumps(journal, ensure_ascii=False))
    watch("journal")
    finish_journal(folder, watch=watch)


def finish_journal(folder: Path, *, watch: Watch = _silent) -> None:
    """Carry out what a journal says, however far an earlier attempt came; nothing where there is none."""
    work = folder / WORK
    path = work / _JOURNAL
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        _sweep(work)
        return
    try:
        journal = json.loads(text)
        moves = dict(journal["moves"])
        catalogue = parse_catalogue(journal["catalogue"])
        if not all(safe_path(str(p)) for pair in moves.items() for p in pair):
            raise ValueError("path")
    except (ValueError, KeyError, TypeError) as problem:
        raise FileFormatError(
            "layers-journal-broken",
            f"「{WORK}/{_JOURNAL}」が壊れています（{problem}）。「{WORK}」フォルダを消し、layers check で確かめてください。",
            f"'{WORK}/{_JOURNAL}' is damaged ({problem}); remove the folder '{WORK}' and run 'layers check'.",
        ) from None
    try:
        for number, (target, source) in enumerate(sorted(moves.items())):
            _move(work / source, folder / target, work / _TRASH / str(number))
            watch("moved")
        write_whole(folder / FILE_NAME, catalogue.to_json())
        watch("catalogue")
        path.unlink()
        watch("journal done")
        _sweep(work)
    except OSError as problem:
        raise disk_error(folder.name, problem) from None


def clear(folder: Path, scratch: Path) -> None:
    """Remove a place of preparation, unless a journal still needs what lies there."""
    if not (folder / WORK / _JOURNAL).exists():
        shutil.rmtree(scratch, ignore_errors=True)


def _move(source: Path, target: Path, trash: Path) -> None:
    if not source.exists():  # moved by an earlier attempt
        return
    if target.exists():
        _remove(trash)
        trash.parent.mkdir(parents=True, exist_ok=True)
        # A folder cannot be replaced in one step on every system, so the old one steps aside first.
        os.replace(target, trash)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _sweep(work: Path) -> None:
    _remove(work / _TRASH)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _lock(handle: IO[bytes]) -> bool:
    """An advisory lock that the system lets go when the process ends, however it ends."""
    if os.name == "nt":
        import msvcrt

        with contextlib.suppress(OSError):
            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
            return True
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
