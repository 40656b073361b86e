"""The folder of runs: what is there, which run is published, and writing one so that it is whole or absent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coverage import durable
from coverage.errors import ConflictError, FileFormatError, NotFoundError, StorageError
from coverage.runs import lock, publication_history
from coverage.runs.publication_history import Publication
from coverage.runs.result import RunResult

PUBLISHED = "published.json"
REMEMBERED = 50
"""Earlier publications that the pointer remembers."""
CHECKSUMS = "SHA256SUMS"
_PUBLISHING = ".publishing"
"""In the runs folder: held for the moment in which what is published changes."""
_PUBLISHING_TRIES = 10
"""Of a second each."""


@contextmanager
def writing(runs_folder: Path, run_id: str) -> Iterator[Path]:
    """A private folder that becomes ``runs_folder/run_id`` when the block ends well, and vanishes when it does not.

    An existing run of the same id is replaced in the last step only. :class:`StorageError` when the disk is full or
    the folder may not be written.
    """
    part = runs_folder / f".{run_id}.{os.getpid()}.part"
    final = runs_folder / run_id
    try:
        runs_folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        write_checksums(part)
        old = runs_folder / f".{run_id}.{os.getpid()}.old"
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            os.replace(final, old)
        try:
            os.replace(part, final)
        except OSError:
            # A run that stood stays standing (on Windows an open file or a virus scanner can hold the folder).
            if old.exists():
                os.replace(old, final)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            "run-not-written",
            f"計算結果を {runs_folder} に書けません（{error.strerror or error}）。空き容量と書き込み権限を確かめてください。",
            f"The run cannot be written to {runs_folder} ({error.strerror or error}); check free space and permissions.",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def mend(runs_folder: Path) -> int:
    """Put right what a killed process left: half-written runs go, a run that was just being replaced comes back.

    Only while nobody writes runs there. Returns how many folders went.
    """
    removed = 0
    for old in runs_folder.glob(".*.old"):
        final = runs_folder / old.name[1:].split(".")[0]
        if old.is_dir() and final.name.isalnum() and not final.exists():
            os.replace(old, final)
    for left in [*runs_folder.glob(".*.part"), *runs_folder.glob(".*.old")]:
        # Files of that name are of somebody who publishes at this moment.
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
            removed += 1
    return removed


def write_checksums(folder: Path) -> None:
    """``SHA256SUMS`` over every file below ``folder``, in the form that ``sha256sum -c`` reads."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != CHECKSUMS
    ]
    (folder / CHECKSUMS).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def damaged_files(run: RunResult) -> list[str]:
    """Names of files that are missing or do not match their checksum; empty when the run is sound."""
    sums = run.folder / CHECKSUMS
    if not sums.is_file():
        return [CHECKSUMS]
    bad: list[str] = []
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ", 1)
        path = run.folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            bad.append(name)
    return bad


def list_runs(runs_folder: Path) -> list[RunResult]:
    """Finished runs, by id. Folders that are no runs (work in progress, strangers) are passed over."""
    if not runs_folder.is_dir():
        return []
    found: list[RunResult] = []
    for folder in sorted(runs_folder.iterdir()):
        if folder.name.startswith(".") or not (folder / "run.json").is_file():
            continue
        try:
            found.append(RunResult.open(folder))
        except FileFormatError:
            # An older release's run: it stays on disk, and "run" makes a new one beside it.
            continue
    return found


def open_run(runs_folder: Path, run_id: str) -> RunResult:
    """A run by its id; :class:`NotFoundError` where there is none, also for an id that is no plain name."""
    if not run_id.isalnum():
        raise NotFoundError(
            "run-not-found",
            "その計算結果はありません。番号を確かめてください。",
            "There is no such run; check the id.",
        )
    return RunResult.open(runs_folder / run_id)


def published(runs_folder: Path) -> RunResult | None:
    """The published run, or None where nothing was published yet or the published run was removed."""
    pointer = _pointer(runs_folder)
    if pointer is None:
        return None
    run_id = str(pointer["run_id"])
    try:
        return open_run(runs_folder, run_id)
    except NotFoundError:
        return None


def publications(runs_folder: Path) -> list[dict[str, str]]:
    """What was published, newest first, the published run leading: ``run_id``, ``published_on``, ``by``.

    Runs that were removed since are still named. FileFormatError where ``published.json`` is damaged.
    """
    pointer = _pointer(runs_folder)
    if pointer is None:
        return []
    return [_publication(entry) for entry in (pointer, *pointer.get("earlier", []))]


def published_when(runs_folder: Path) -> list[Publication]:
    """Every publication with its moment, oldest first, also of runs that were removed since, without a limit."""
    return publication_history.history(runs_folder, _moments(runs_folder))


def _moments(runs_folder: Path) -> list[Publication]:
    """What ``published.json`` itself remembers of :func:`published_when`."""
    pointer = _pointer(runs_folder)
    try:
        entries = [] if pointer is None else [pointer, *pointer.get("earlier", [])]
        return [found for entry in entries if (found := publication_history.parse(entry)) is not None]
    except (ValueError, TypeError):
        raise _unreadable(runs_folder / PUBLISHED) from None


def _pointer(runs_folder: Path) -> dict[str, Any] | None:
    """``published.json``; None where nothing was published yet."""
    pointer = runs_folder / PUBLISHED
    if not pointer.is_file():
        return None
    try:
        held: dict[str, Any] = json.loads(pointer.read_text(encoding="utf-8"))
        if not isinstance(held["run_id"], str) or not all(e["run_id"] for e in held.get("earlier", [])):
            raise TypeError("published.json")
    except (ValueError, KeyError, TypeError):
        raise _unreadable(pointer) from None
    return held


def _unreadable(pointer: Path) -> FileFormatError:
    return FileFormatError(
        "published-unreadable",
        f"{pointer} が壊れています。「coverage-gap publish」で公開し直してください。",
        f"{pointer} is damaged; publish a run again with 'coverage-gap publish'.",
    )


def _publication(entry: dict[str, Any]) -> dict[str, str]:
    kept = {name: str(entry.get(name, "")) for name in ("run_id", "published_on", "by")}
    return kept | {name: str(entry[name]) for name in ("published_at", "record") if name in entry}


def require_sound(run: RunResult) -> None:
    """Raise FileFormatError "run-damaged" unless every file of the run is what it was when it was written."""
    bad = damaged_files(run)
    if bad:
        raise FileFormatError(
            "run-damaged",
            f"計算結果 {run.run_id} の {bad[0]} が壊れています。計算し直してから公開してください。",
            f"{bad[0]} of run {run.run_id} is damaged; compute it again before publishing.",
        )


@contextmanager
def publishing(runs_folder: Path, *, by: str) -> Iterator[None]:
    """Hold what is published still for a block: nobody else publishes, and no run is removed meanwhile.

    ConflictError "publishing" where somebody else does not let go, StorageError where the folder cannot be written.
    """
    about = {"by": by, "since": datetime.now(UTC).isoformat()}
    try:
        held = _publishing_lock(runs_folder, about)
        try:
            yield
        finally:
            held.release()
    except OSError as error:
        raise StorageError(
            "run-not-published",
            f"公開の記録を {runs_folder} に書けません（{error.strerror or error}）。空き容量と書き込み権限を確かめてください。",
            f"What is published cannot be written to {runs_folder} ({error.strerror or error}); check free space and "
            "permissions.",
        ) from error


def _publishing_lock(runs_folder: Path, about: dict[str, str]) -> lock.Lock:
    for attempt in range(_PUBLISHING_TRIES):
        try:
            return lock.Lock(runs_folder / _PUBLISHING, about)
        except lock.HeldError as error:
            if attempt + 1 == _PUBLISHING_TRIES:
                by = str(error.holder.get("by") or "—")
                raise ConflictError(
                    "publishing",
                    f"{by} さんが公開の操作をしています。少し待ってからやり直してください。",
                    f"{by} is publishing at this moment; wait a little and try again.",
                ) from None
    raise AssertionError("unreachable")


Record = Callable[[Sequence[Publication] | None], str]
"""Write a publication down elsewhere, knowing those there were so far (oldest first, the one that is public at the end
whatever the clock said then; None: that cannot be read), and return the id that it has there."""


def publish(
    runs_folder: Path,
    run_id: str,
    *,
    by: str,
    on: str,
    at: datetime | None = None,
    record: Record | None = None,
) -> RunResult:
    """Make a run the published one, and remember which was before.

    ``on``: ISO date; ``by``: who decided; ``at``: the moment (aware; None = when it is its turn). ``record`` is called before the run
    becomes public, so that nothing is public without its record; a process that dies between the two is done again.
    Errors as :func:`publishing`.
    """
    run = open_run(runs_folder, run_id)
    require_sound(run)
    with publishing(runs_folder, by=by):
        open_run(runs_folder, run_id)
        _sweep_parts(runs_folder)
        kept = record(_known(runs_folder)) if record is not None else ""
        _point_to(runs_folder, Publication(run_id, at or datetime.now(UTC), on, by, kept))
    return run


def _known(runs_folder: Path) -> list[Publication] | None:
    try:
        every, pointer = published_when(runs_folder), _pointer(runs_folder)
        public = None if pointer is None else publication_history.parse(pointer)
    except FileFormatError:
        return None
    # A clock that was set back puts what is public before what was.
    return every if public is None else [*(p for p in every if p != public), public]


def _sweep_parts(runs_folder: Path) -> None:
    """What a publication left that was cut off; while nobody else publishes."""
    for left in [
        *runs_folder.glob(f".{PUBLISHED}.*.part"),
        *(runs_folder / publication_history.HISTORY).glob(".*.part"),
    ]:
        left.unlink(missing_ok=True)


def _point_to(runs_folder: Path, new: Publication) -> None:
    try:
        earlier, moments = publications(runs_folder), _moments(runs_folder)
    except FileFormatError:
        # A damaged pointer is mended by publishing again; what it remembered is in the history only.
        earlier, moments = [], []
    if earlier and earlier[0]["run_id"] == new.run_id:
        # Published again without a change between: one publication, of the later day.
        del earlier[0]
    pointer = {**new.as_dict(), "earlier": earlier[:REMEMBERED]}
    for moment in moments:
        publication_history.remember(runs_folder, moment)
    durable.write_text(runs_folder / PUBLISHED, json.dumps(pointer, ensure_ascii=False) + "\n")
    publication_history.remember(runs_folder, new)
