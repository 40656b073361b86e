"""A kept plan as files to carry away, and as pictures of the ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Grid
from coverage.errors import InputError, NotFoundError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.plan_documents import PLANS, open_plan
from coverage.services.planning import subsidy_rule_names

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "xlsx": ("plan.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "geojson": ("sites.geojson", "application/geo+json"),
    "candidates": ("candidates.geojson", "application/geo+json"),
    "certificate": ("certificate.json", "application/json"),
    "instance": ("instance.npz", "application/octet-stream"),
}
"""What of a plan → (its file's name, its media type)."""


@dataclass(frozen=True)
class PlanFile:
    """A file to carry away."""

    name: str
    media_type: str
    content: bytes


def plan_file(context: AppContext, plan_id: str, kind: str, *, principal: Principal, lang: str = "ja") -> PlanFile:
    """One of :data:`KINDS` of a kept plan. Raises PermissionDeniedError, NotFoundError, InputError "plan-file-kind"."""
    authorise(principal, Action.VIEW, Resource(Object.SCENARIO))
    if kind not in KINDS:
        raise InputError(
            "plan-file-kind",
            f"計画のファイル「{kind}」はありません。{'・'.join(KINDS)} から選んでください。",
            f"A plan has no file '{kind}'; choose from {', '.join(KINDS)}.",
        )
    name, media_type = KINDS[kind]
    plan = open_plan(context, plan_id)
    if kind == "xlsx" and "ledger_forecast" in plan:
        from coverage.report.plan_xlsx import plan_xlsx

        content = plan_xlsx(plan, lang=lang, rule_names=subsidy_rule_names(context, lang))
    else:
        path = Path(plan["folder"]) / name
        if not path.is_file():
            raise NotFoundError(
                "plan-file-missing",
                f"計画 {plan_id} に {name} がありません。計画し直してください。",
                f"The plan {plan_id} has no {name}; plan again.",
            )
        content = path.read_bytes()
    return PlanFile(f"plan-{plan_id}-{name}" if not name.startswith("plan") else f"plan-{plan_id}{Path(name).suffix}", media_type, content)


@dataclass(frozen=True)
class PlanPixels:
    """Flat pixels of ``grid`` inside the region: without signal in the run; of these reached by decided sites; by the plan."""

    grid: Grid
    lacking: NDArray[np.int64]
    decided: NDArray[np.int64]
    plan: NDArray[np.int64]


def plan_pixels(context: AppContext, plan_id: str) -> PlanPixels:
    """What a plan changes on the ground. Raises NotFoundError without such a plan, or where it kept no pixels."""
    path = context.runs_folder / PLANS / plan_id / "served.npz"
    if not plan_id.isalnum() or not path.is_file():
        raise NotFoundError("plan-not-found", "その計画はありません。番号を確かめてください。", "There is no such plan; check its id.")
    with np.load(path) as held:
        place = held["grid"]
        grid = Grid(int(place[0]), float(place[1]), float(place[2]), float(place[3]), int(place[4]), int(place[5]))
        none = np.zeros(0, dtype=np.int64)
        lacking, decided = (held.get(name, none) for name in ("lacking", "decided"))
        return PlanPixels(grid, lacking, decided, held["pixels"])


def before_after(pixels: PlanPixels) -> list[NDArray[np.int64]]:
    """Layers of a picture: still without signal, reached by decided sites, reached by the plan."""
    return [np.setdiff1d(pixels.lacking, pixels.plan), pixels.decided, pixels.plan]


def side_by_side(first: PlanPixels, second: PlanPixels) -> list[NDArray[np.int64]]:
    """Layers of a picture: without signal in both, reached by the first only, by the second only, by both.

    Raises InputError where the two lie on different grids.
    """
    if first.grid != second.grid:
        raise InputError(
            "scenarios-on-different-grids",
            "二つの計画は格子が違うため、地図で比べられません。同じ設定で計画し直してください。",
            "The two plans lie on different grids and cannot be mapped; plan again with the same settings.",
        )
    a, b = first.plan, second.plan
    neither = np.setdiff1d(np.intersect1d(first.lacking, second.lacking), np.union1d(a, b))
    return [neither, np.setdiff1d(a, b), np.setdiff1d(b, a), np.intersect1d(a, b)]


def areas_km2(grid: Grid, layers: Sequence[NDArray[np.int64]]) -> list[float]:
    """Area of each layer."""
    return [len(pixels) * (grid.cell_m / 1000.0) ** 2 for pixels in layers]

