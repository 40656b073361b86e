"""The layers behind the published figures: edition, age, licence, digest; what region.toml names by now; what can be fetched."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from coverage.runs.result import RunResult
from coverage.services import layers
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext

_DATASET: Final = Resource(Object.DATASET)
AGE_LIMITS: Final = {
    "boundaries": 2,
    "population": 6,
    "terrain": 15,
    "clutter": 10,
    "sites": 1,
    "districts": 1,
    "settlements": 6,
    "shelters": 3,
    "indicators": 5,
}
"""Years after which a layer is likely to have a newer edition: boundaries appear yearly, the census every five years
(and a year later in print), lists of sites and districts yearly, a policy sheet for its plan's four years."""
_EDITION: Final = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?\b")


@dataclass(frozen=True, slots=True)
class LayerInUse:
    """A layer of the published run. ``old``: past the age of :data:`AGE_LIMITS`; ``named_now``: the edition that
    region.toml names by now where it is another one, "" where it is the same or the layer is the ledger's store."""

    layer: str
    format: str
    edition: str
    age_years: float | None
    old: bool
    limit_years: int | None
    licence: str
    credit: str
    estimated: bool
    files: tuple[tuple[str, str], ...]
    named_now: str


def edition_date(edition: str) -> date | None:
    """The last day that an edition can stand for: "2015" is 31 December 2015; None where it names no year."""
    match = _EDITION.match(edition.strip())
    if match is None:
        return None
    year, month = int(match[1]), int(match[2] or 12)
    if not 1 <= month <= 12:
        return None
    last = calendar.monthrange(year, month)[1]
    return date(year, month, min(int(match[3] or last), last)) if int(match[3] or 1) >= 1 else None


def layers_in_use(
    context: AppContext, run: RunResult, *, today: date, principal: Principal
) -> tuple[LayerInUse, ...]:
    """The layers that ``run`` was computed from, in its order."""
    authorise(principal, Action.VIEW, _DATASET)
    found = []
    for record in run.meta["layers"]:
        name, from_store = str(record["layer"]), record["format"] == "store"
        day = None if from_store else edition_date(str(record["edition"]))
        age = None if day is None else max(0.0, (today - day).days / 365.25)
        limit = AGE_LIMITS.get(name)
        named = getattr(context.file_config.layers, name, None)
        now = "" if named is None or from_store else str(named.edition)
        found.append(
            LayerInUse(
                name,
                str(record["format"]),
                str(record["edition"]),
                age,
                age is not None and limit is not None and age > limit,
                limit,
                str(record["licence"]),
                str(record["credit"]),
                bool(record["estimated"]),
                tuple((str(file), str(digest)) for file, digest in record["files"]),
                now if now != str(record["edition"]) else "",
            )
        )
    return tuple(found)


def fetched(context: AppContext, *, principal: Principal) -> list[dict[str, Any]]:
    """What lies in the layers' folder (``coverage-gap layers list``); [] where there is no such folder."""
    authorise(principal, Action.VIEW, _DATASET)
    folder = layers.folder_of(context.layers_root)
    return layers.list_layers(folder) if folder.is_dir() else []


def on_offer(context: AppContext, *, principal: Principal) -> list[dict[str, Any]]:
    """What ``coverage-gap fetch`` would take for this region's prefecture; no server is asked.

    Raises the errors of the catalogue, for example for a prefecture that does not exist.
    """
    authorise(principal, Action.MANAGE, _DATASET)
    planned = layers.plan_layers(
        context.file_config.prefecture_code,
        layers.folder_of(context.layers_root),
        layers=None,
        choices=layers.choices_of(),
        setting=layers.setting_of(),
    )
    rows: list[dict[str, Any]] = planned["layers"]
    return rows
