"""Which run was published when: one small file a publication, never changed, beside the runs.

``published.json`` says what is published now; ``publications/`` what was published before. The pointer is written
first and the history after it, so a crash in between loses nothing: whoever reads takes the pointer as the newest entry,
and the next publication writes down what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from coverage import durable
from coverage.domain import fiscal
from coverage.errors import FileFormatError

HISTORY: Final = "publications"


@dataclass(frozen=True, slots=True)
class Publication:
    """``at``: the moment (UTC, aware); ``on``: the day in Japan; ``by``: who decided.

    ``record``: the ledger's own record of it; "" where the run was not computed from a ledger, and where an earlier release published it.
    """

    run_id: str
    at: datetime
    on: str
    by: str
    record: str = ""

    def as_dict(self) -> dict[str, str]:
        """For ``published.json`` and the history."""
        return {
            "run_id": self.run_id,
            "published_on": self.on,
            "published_at": self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "by": self.by,
            **({"record": self.record} if self.record else {}),
        }


def parse(value: Mapping[str, Any]) -> Publication | None:
    """A publication as written; None where it does not say when (``published.json`` of the first releases may not).

    Before moments were written down there was a day only: it counts from midnight in Japan. ValueError or TypeError for
    what is no publication.
    """
    run_id, on, by = str(value["run_id"]), str(value.get("published_on", "")), str(value.get("by", ""))
    record = str(value.get("record", ""))
    if "published_at" in value:
        at = datetime.fromisoformat(str(value["published_at"]))
        if at.tzinfo is None:
            raise ValueError("a moment without an offset")
        return Publication(run_id, at.astimezone(UTC), on, by, record)
    if not on:
        return None
    midnight = datetime.combine(date.fromisoformat(on), time(0), fiscal.TOKYO)
    return Publication(run_id, midnight.astimezone(UTC), on, by, record)


def remember(runs_folder: Path, publication: Publication) -> None:
    """Add to the history; nothing happens where it is there already. OSError where it cannot be written."""
    folder = runs_folder / HISTORY
    stamp = publication.at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    path = folder / f"{stamp}-{publication.run_id}.json"
    if path.is_file():
        return
    durable.make_folder(folder)
    durable.write_text(path, json.dumps(publication.as_dict(), ensure_ascii=False) + "\n")


def history(runs_folder: Path, pointed: Iterable[Publication]) -> list[Publication]:
    """Every publication, oldest first; ``pointed``: those that ``published.json`` names.

    Raises FileFormatError for an entry that is damaged: an answer that leaves it out could be wrong.
    """
    found = {(p.at, p.run_id): p for p in pointed}
    for path in sorted((runs_folder / HISTORY).glob("*.json")):
        try:
            entry = parse(json.loads(path.read_text(encoding="utf-8")))
            if entry is None:
                raise ValueError("no moment")
        except (ValueError, KeyError, TypeError, OSError):
            raise FileFormatError(
                "publications-unreadable",
                f"公開の記録 {path.name} が壊れています。バックアップから戻してください。",
                f"The record of publication {path.name} is damaged; restore it from the backup.",
            ) from None
        found[entry.at, entry.run_id] = entry
    return sorted(found.values(), key=lambda p: (p.at, p.run_id))
