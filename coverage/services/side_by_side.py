"""Two states of the map beside each other: years, runs, or what a plan would leave; and the difference in people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.grid import Grid
from coverage.domain.population import PopulationMesh
from coverage.domain.projection import lonlat_to_plane
from coverage.errors import InputError, NotFoundError
from coverage.runs.folder import list_runs, open_run
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, Principal, Resource, allowed, authorise
from coverage.services.compute import chosen_run
from coverage.services.context import AppContext
from coverage.services.path_section import grid_of_run
from coverage.services.plan_documents import PLANS, list_plans, open_plan
from coverage.services.run_layers import people_of_run

MOST_RUNS: Final = 10
"""Other runs that are offered, the last computed first."""
_WIDEST_CELL_M: Final = 1_500.0
"""No 1 km mesh cell in Japan is wider: around a plan's pixels so much ground is looked at, and no cell is cut."""


@dataclass(frozen=True, slots=True)
class MapState:
    """The end of a fiscal year in a run, or with ``plan_id`` that with the plan's sites added."""

    run_id: str
    fiscal_year: int
    plan_id: str = ""


def offered_states(context: AppContext, run: RunResult, *, principal: Principal) -> list[MapState]:
    """What ``principal`` may compare with: the years of ``run`` (latest first), plans made on it, other runs' last years."""
    authorise(principal, Action.VIEW, Resource(Object.MAP))
    states = [MapState(run.run_id, fy) for fy in reversed(run.fiscal_years)]
    if allowed(principal, Action.VIEW, Resource(Object.SCENARIO)):
        states += [
            MapState(run.run_id, run.latest_fy, str(plan["plan_id"]))
            for plan in list_plans(context)
            if plan["run_id"] == run.run_id
        ]
    if allowed(principal, Action.VIEW, Resource(Object.RUN)):
        others = [
            other
            for other in list_runs(context.runs_folder)
            if other.run_id != run.run_id and other.meta["region"]["id"] == run.meta["region"]["id"]
        ]
        others.sort(key=lambda other: (-(other.folder / "run.json").stat().st_mtime_ns, other.run_id))
        states += [MapState(other.run_id, other.latest_fy) for other in others[:MOST_RUNS]]
    return states


def run_of(context: AppContext, state: MapState, *, principal: Principal) -> RunResult:
    """The state's run, if ``principal`` may see it: everybody the published one. NotFoundError otherwise."""
    published = chosen_run(context)
    if state.run_id == published.run_id:
        return published
    authorise(principal, Action.VIEW, Resource(Object.RUN))
    return open_run(context.runs_folder, state.run_id)


def unserved_people(context: AppContext, state: MapState, *, principal: Principal) -> dict[str, float | None]:
    """People unserved (by area) by municipality code, the region under its own; None where that is no statement.

    After a plan it is a forecast: the residents of the pixels that the plan newly serves are taken off. Raises
    NotFoundError for a run, year or plan that is not there, InputError for a plan made on another run.
    """
    run = run_of(context, state, principal=principal)
    fy = run.check_fy(state.fiscal_year)
    table = run.municipalities
    own = table[table["fiscal_year"] == fy]
    computable = run.is_computable()
    people: dict[str, float | None] = {
        str(code): float(value) if computable and math.isfinite(value) else None
        for code, value in zip(own["municipality_code"], own["unserved_people_area"], strict=True)
    }
    if not state.plan_id:
        return people
    served = plan_people(context, run, state.plan_id, principal=principal)
    out: dict[str, float | None] = {}
    for code, before in people.items():
        gained = sum(served.values()) if code == run.region_code else served.get(code, 0.0)
        out[code] = None if before is None else max(0.0, before - gained)
    return out


def difference(
    context: AppContext, left: MapState, right: MapState, *, principal: Principal
) -> list[dict[str, Any]]:
    """Rows ``{code, name, left, right, change}`` by municipality, the whole region last.

    A municipality that only one of two runs has stands with None on the other side.
    """
    authorise(principal, Action.VIEW, Resource(Object.SUMMARY))
    before = unserved_people(context, left, principal=principal)
    after = unserved_people(context, right, principal=principal)
    run = run_of(context, right, principal=principal)
    names = _names(run_of(context, left, principal=principal)) | _names(run)
    region = run.region_code
    rows = []
    for code in [c for c in [*before, *(c for c in after if c not in before)] if c != region] + [region]:
        a, b = before.get(code), after.get(code)
        rows.append(
            {
                "code": code,
                "name": names.get(code, code),
                "left": a,
                "right": b,
                "change": None if a is None or b is None else b - a,
            }
        )
    return rows


def _names(run: RunResult) -> dict[str, str]:
    table = run.municipalities
    return {str(c): str(n) for c, n in zip(table["municipality_code"], table["name"], strict=True)}


# --- What a plan would newly serve -----------------------------------------------------------------------------------


def plan_pixels(
    context: AppContext, run: RunResult, plan_id: str, *, principal: Principal
) -> NDArray[np.int64]:
    """Flat pixels of the run's grid that a plan newly serves.

    Raises PermissionDeniedError, NotFoundError without such a plan, InputError for one made on another run.
    """
    authorise(principal, Action.VIEW, Resource(Object.SCENARIO))
    plan = open_plan(context, plan_id)
    path = Path(context.runs_folder) / PLANS / plan_id / "served.npz"
    if not path.is_file():
        raise NotFoundError(
            "plan-not-found",
            "その計画の圏内の図がありません。計画し直してください。",
            "The plan's newly served ground is not there; plan again.",
        )
    with np.load(path) as held:
        pixels: NDArray[np.int64] = held["pixels"].astype(np.int64)
        place = [float(v) for v in held["grid"]]
    grid = grid_of_run(run)
    if plan["run_id"] != run.run_id or place != [
        grid.epsg,
        grid.x0_m,
        grid.y0_m,
        grid.cell_m,
        grid.rows,
        grid.cols,
    ]:
        raise InputError(
            "plan-of-another-run",
            f"計画 {plan_id} は別の計算結果にもとづくため、この地図に重ねられません。同じ計算結果の計画を選んでください。",
            f"Plan {plan_id} stands on another run and cannot be laid over this map; choose a plan of the same run.",
        )
    return pixels


def plan_sites(context: AppContext, plan_id: str, *, principal: Principal) -> list[dict[str, Any]]:
    """A plan's sites in building order: ``lat``, ``lon``, ``name``, ``fiscal_year``, ``people``."""
    authorise(principal, Action.VIEW, Resource(Object.SCENARIO))
    keys = ("lat", "lon", "name", "fiscal_year", "people")
    return [{key: site[key] for key in keys} for site in open_plan(context, plan_id)["sites"]]


def plan_people(
    context: AppContext, run: RunResult, plan_id: str, *, principal: Principal
) -> dict[str, float]:
    """Residents whom a plan newly serves, by municipality code. Errors as :func:`plan_pixels`; NotFoundError where the
    population that the run was computed with is not at hand."""
    pixels = plan_pixels(context, run, plan_id, principal=principal)
    people_of_run(context, run)  # raises where the layer is another one
    return dict(_plan_people(context, run.folder, plan_id, pixels.tobytes()))


@lru_cache(maxsize=16)
def _plan_people(
    context: AppContext, folder: Path, _plan_id: str, held: bytes
) -> tuple[tuple[str, float], ...]:
    from coverage.gaps.overlay import build_overlay
    from coverage.readers.region import load_region

    pixels = np.frombuffer(held, dtype=np.int64)
    if not len(pixels):
        return ()
    data = load_region(
        context.region_folder, layers_root=context.layers_root, only=("boundaries", "population")
    )
    whole = grid_of_run(RunResult.open(folder))
    row, col = pixels // whole.cols, pixels % whole.cols
    # The plan's surroundings alone, whole mesh cells around every pixel: the same shares at a fraction of the time.
    edge = math.ceil(_WIDEST_CELL_M / whole.cell_m)
    row0, col0 = max(0, int(row.min()) - edge), max(0, int(col.min()) - edge)
    row1, col1 = min(whole.rows, int(row.max()) + edge + 1), min(whole.cols, int(col.max()) + edge + 1)
    part = Grid(
        whole.epsg,
        whole.x0_m + col0 * whole.cell_m,
        whole.y0_m - row0 * whole.cell_m,
        whole.cell_m,
        row1 - row0,
        col1 - col0,
    )
    population = _inside(data.population, part)
    if not len(population):
        return ()
    overlay = build_overlay(part, data.municipalities, population)
    at = (row - row0, col - col0)
    people = overlay.people_of_pixel()[at]
    index = overlay.municipality_index[at]
    sums = np.bincount(index[index >= 0], weights=people[index >= 0], minlength=len(overlay.codes))
    return tuple((code, float(total)) for code, total in zip(overlay.codes, sums, strict=True) if total > 0)


def _inside(population: PopulationMesh, grid: Grid) -> PopulationMesh:
    """The rows whose cell has its centre on ``grid``."""
    lat, lon = mesh.centre(population.mesh_code)
    x, y = lonlat_to_plane(lon, lat, grid.epsg)
    west, south, east, north = grid.bounds
    kept = (x >= west) & (x < east) & (y > south) & (y <= north)
    return PopulationMesh(
        population.mesh_code[kept],
        population.municipality_code[kept],
        population.population[kept],
        population.households[kept],
        estimated=population.estimated,
        census_year=population.census_year,
    )
