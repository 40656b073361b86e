"""An unfinished layer: files that have come, one line of record each, until the layer is complete.

The record is appended to, so that a kill costs at most the last line; a file counts only if its line is there and its
bytes still have the digest that the line states.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from coverage.fetch.catalogue import disk_error
from coverage.readers.layer_files import sha256

KEEP_DAYS: Final = 7
"""An unfinished fetch older than this starts anew: publishers may have changed half of it."""


@dataclass(frozen=True)
class Staged:
    """One finished file; ``sha256`` is "" for a file that the publisher does not have."""

    name: str
    address: str
    sha256: str
    bytes: int
    etag: str = ""
    last_modified: str = ""

    @property
    def absent(self) -> bool:
        return not self.sha256


class Staging:
    """The place where one layer of one prefecture is put together."""

    def __init__(self, place: Path, fingerprint: str) -> None:
        """Resume what lies in ``place`` if it is of the same plan and young enough, else begin anew."""
        self.place = place
        self.files = place / "files"
        self._record = place / "record.jsonl"
        try:
            if self._plan() != fingerprint:
                shutil.rmtree(place, ignore_errors=True)
                self.files.mkdir(parents=True)
                (place / "plan.txt").write_text(fingerprint, encoding="utf-8")
            self.done: dict[str, Staged] = self._read()
        except OSError as problem:
            raise disk_error(place.name, problem) from None

    def part(self, name: str) -> Path:
        """Where the unfinished bytes of a file go."""
        return self.place / "parts" / (name.replace("/", "_") + ".part")

    def take(self, name: str, source: Path, *, move: bool) -> None:
        """Put a finished file in its place, by moving or copying it."""
        target = self.files / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if move:
            os.replace(source, target)
        else:
            shutil.copyfile(source, target)

    def note(self, staged: Staged) -> None:
        """Record a finished file."""
        with self._record.open("a", encoding="utf-8", newline="\n") as out:
            out.write(json.dumps(asdict(staged), ensure_ascii=False) + "\n")
            out.flush()
        self.done[staged.name] = staged

    def discard(self) -> None:
        """Forget the layer altogether."""
        shutil.rmtree(self.place, ignore_errors=True)

    def _plan(self) -> str:
        path = self.place / "plan.txt"
        try:
            if time.time() - path.stat().st_mtime > KEEP_DAYS * 86_400:
                return ""
            return path.read_text(encoding="utf-8")
        except OSError:
            return ""

    def _read(self) -> dict[str, Staged]:
        self.files.mkdir(parents=True, exist_ok=True)
        try:
            lines = self._record.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        found: dict[str, Staged] = {}
        for line in lines:
            try:
                staged = Staged(**json.loads(line))
            except (ValueError, TypeError):
                continue  # cut off by a kill: the file is fetched again
            path = self.files / staged.name
            if staged.absent or (path.is_file() and sha256(path) == staged.sha256):
                found[staged.name] = staged
        # Written anew, so that a cut line never runs into the next one.
        fresh = self._record.with_suffix(".new")
        fresh.write_text(
            "".join(json.dumps(asdict(s), ensure_ascii=False) + "\n" for s in found.values()), encoding="utf-8"
        )
        os.replace(fresh, self._record)
        return found
