"""Two states of the map: years, runs, and what a plan would leave."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from coverage.errors import InputError, NotFoundError, PermissionDeniedError
from coverage.runs.rasters import read_raster
from coverage.runs.result import RunResult
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.compute import compute_run, publish_run
from coverage.services.context import AppContext
from coverage.services.path_section import grid_of_run
from coverage.services.side_by_side import (
    MapState,
    difference,
    offered_states,
    plan_people,
    plan_pixels,
    plan_sites,
    unserved_people,
)

PLANNER = Principal("planner", Role.PLANNER)
PLAN = "aaaa1111bbbb2222"


@pytest.fixture(scope="module")
def context(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> AppContext:
    root = tmp_path_factory.mktemp("beside")
    return AppContext(tiny.write_tiny_region(root / "region"), root / "runs")


@pytest.fixture(scope="module")
def run(context: AppContext) -> RunResult:
    return publish_run(context, compute_run(context, workers=1).run_id, by="test")


def _write_plan(
    context: AppContext, run: RunResult, plan_id: str, pixels: np.ndarray, **changed: str
) -> None:
    folder = Path(context.runs_folder) / "plans" / plan_id
    folder.mkdir(parents=True, exist_ok=True)
    site = {"lat": 33.54, "lon": 136.56, "name": "奥の高台", "fiscal_year": 2018, "people": 11.0}
    figures = {"people": 11.0, "households": 5.0, "shelters": 0}
    document = {
        "run_id": run.run_id, "sites": [site], "objective": "people", "value": 11.0, "bound": 11.0, "gap": 0.0, "cost": {"total_yen": 0},
        "served": figures, "statement": {"ja": "見本", "en": "sample"}, "estimated": False, **changed,
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    grid = grid_of_run(run)
    place = np.array([grid.epsg, grid.x0_m, grid.y0_m, grid.cell_m, grid.rows, grid.cols], dtype=np.float64)
    np.savez_compressed(folder / "served.npz", pixels=pixels, grid=place)


@pytest.fixture(scope="module")
def everything(context: AppContext, run: RunResult) -> str:
    """A plan that newly serves every pixel of the region that has no signal in the last year."""
    level = read_raster(run.raster("level", run.latest_fy))
    inside = read_raster(run.raster("class", run.latest_fy)) < 254
    _write_plan(context, run, PLAN, np.flatnonzero((inside & (level < -115.0)).ravel()))
    return PLAN


def test_two_years_differ_by_what_the_tables_say(context: AppContext, run: RunResult) -> None:
    rows = difference(context, MapState(run.run_id, 2015), MapState(run.run_id, 2017), principal=ANONYMOUS)
    table = run.municipalities.set_index(["fiscal_year", "municipality_code"])["unserved_people_area"]
    assert [r["code"] for r in rows] == ["99201", "99301", "99"]
    for row in rows:
        assert row["left"] == table[2015, row["code"]]
        assert row["right"] == table[2017, row["code"]]
        assert row["change"] == pytest.approx(row["right"] - row["left"])
    assert rows[-1]["change"] < 0, "the second mast took people out of the gaps"


def test_a_plan_that_serves_every_gap_leaves_nobody(
    context: AppContext, run: RunResult, everything: str
) -> None:
    before = unserved_people(context, MapState(run.run_id, run.latest_fy), principal=PLANNER)
    after = unserved_people(context, MapState(run.run_id, run.latest_fy, everything), principal=PLANNER)
    assert before["99"] is not None
    assert before["99"] > 1.0
    for code, left in after.items():
        assert left == pytest.approx(0.0, abs=0.11), code
    gained = plan_people(context, run, everything, principal=PLANNER)
    assert sum(gained.values()) == pytest.approx(before["99"], abs=0.2)


def test_a_plans_people_are_counted_the_same_whatever_part_of_the_ground_is_looked_at(
    context: AppContext, run: RunResult, everything: str
) -> None:
    pixels = plan_pixels(context, run, everything, principal=PLANNER)
    parts = 0.0
    for k, some in enumerate(np.array_split(pixels, 4)):
        plan_id = f"cccc{k}"
        _write_plan(context, run, plan_id, some)
        parts += sum(plan_people(context, run, plan_id, principal=PLANNER).values())
    whole = sum(plan_people(context, run, everything, principal=PLANNER).values())
    assert parts == pytest.approx(whole, abs=1e-6)
    _write_plan(context, run, "dddd", np.zeros(0, dtype=np.int64))
    assert plan_people(context, run, "dddd", principal=PLANNER) == {}
    for name in ("cccc0", "cccc1", "cccc2", "cccc3", "dddd"):
        for path in (Path(context.runs_folder) / "plans" / name).iterdir():
            path.unlink()


@pytest.mark.usefixtures("everything")
def test_plans_are_offered_to_planners_only(context: AppContext, run: RunResult) -> None:
    offered = offered_states(context, run, principal=PLANNER)
    assert [s.fiscal_year for s in offered if not s.plan_id] == [2017, 2016, 2015]
    assert MapState(run.run_id, 2017, PLAN) in offered
    assert not any(s.plan_id for s in offered_states(context, run, principal=ANONYMOUS))
    with pytest.raises(PermissionDeniedError):
        unserved_people(context, MapState(run.run_id, 2017, PLAN), principal=ANONYMOUS)
    with pytest.raises(PermissionDeniedError):
        plan_sites(context, PLAN, principal=ANONYMOUS)
    assert plan_sites(context, PLAN, principal=PLANNER)[0]["name"] == "奥の高台"


def test_a_plan_of_another_run_is_not_laid_over_this_one(context: AppContext, run: RunResult) -> None:
    _write_plan(context, run, "eeee", np.array([5]), run_id="ffffffffffffffff")
    with pytest.raises(InputError) as told:
        plan_pixels(context, run, "eeee", principal=PLANNER)
    assert told.value.code == "plan-of-another-run"
    with pytest.raises(NotFoundError):
        plan_pixels(context, run, "nosuchplan", principal=PLANNER)
    (Path(context.runs_folder) / "plans" / "eeee" / "served.npz").unlink()
    with pytest.raises(NotFoundError):
        plan_pixels(context, run, "eeee", principal=PLANNER)


def test_another_run_is_for_those_who_may_see_it(tiny: ModuleType, tmp_path: Path) -> None:
    context = AppContext(tiny.write_tiny_region(tmp_path / "region"), tmp_path / "runs")
    first = publish_run(context, compute_run(context, workers=1).run_id, by="test")
    tiny.write_tiny_region(tmp_path / "region", tiny.without(tiny.tiny_ledger(), "T2"))
    # A context keeps the layers that it has read.
    second = compute_run(AppContext(context.region_folder, context.runs_folder), workers=1)
    assert second.run_id != first.run_id
    state = MapState(second.run_id, 2017)
    assert state in offered_states(context, first, principal=PLANNER)
    assert state not in offered_states(context, first, principal=ANONYMOUS)
    rows = difference(context, MapState(first.run_id, 2017), state, principal=PLANNER)
    assert rows[-1]["change"] > 0, "without the second mast more people are without signal"
    with pytest.raises(PermissionDeniedError):
        difference(context, MapState(first.run_id, 2017), state, principal=ANONYMOUS)


def test_where_gaps_are_no_statement_no_difference_is_given(tiny: ModuleType, tmp_path: Path) -> None:
    partial = tiny.REGION_TOML.replace('inventory = "complete"', 'inventory = "partial"', 1)
    context = AppContext(tiny.write_tiny_region(tmp_path / "region", toml=partial), tmp_path / "runs")
    run = publish_run(context, compute_run(context, workers=1).run_id, by="test")
    rows = difference(context, MapState(run.run_id, 2015), MapState(run.run_id, 2017), principal=ANONYMOUS)
    assert {(r["left"], r["right"], r["change"]) for r in rows} == {(None, None, None)}
