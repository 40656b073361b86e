"""Use cases around runs: compute, publish, list, choose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coverage.domain import fiscal
from coverage.errors import NotFoundError
from coverage.runs import folder
from coverage.runs.result import RunResult
from coverage.services.context import AppContext

Progress = Callable[[float, str], None]


def _silent(fraction: float, text: str) -> None:
    """No progress wanted."""


def compute_run(
    context: AppContext, *, force: bool = False, workers: int = 0, progress: Progress = _silent
) -> RunResult:
    """Compute the context's region, map page included. ``workers``: processes, 0 = every core, 1 = serial.

    The finished run of the same inputs is returned as it is unless ``force``.
    """
    from coverage.report.map_files import write_map_files
    from coverage.runs.pipeline import execute
    from coverage.runs.radio import radio_engine
    from coverage.services.ledger import region_of

    progress(0.0, "レイヤーを読む / reading layers")
    source = region_of(context)
    return execute(
        source.region,
        context.runs_folder,
        radio=radio_engine(work_folder=context.runs_folder / ".cache", workers=workers),
        progress=progress,
        finishers=[write_map_files],
        extra_inputs={"ledger": source.head} if source.head else None,
        history=source.history,
        force=force,
    )


def chosen_run(context: AppContext, run_id: str | None = None) -> RunResult:
    """The run asked for, or the published one; NotFoundError says what to do where there is none."""
    if run_id is not None:
        return folder.open_run(context.runs_folder, run_id)
    run = folder.published(context.runs_folder)
    if run is None:
        raise NotFoundError(
            "nothing-published",
            "公開された計算結果がありません。「coverage-gap run --publish」で計算して公開してください。",
            "No run is published; compute and publish one with 'coverage-gap run --publish'.",
        )
    return run


def publish_run(context: AppContext, run_id: str, *, by: str) -> RunResult:
    """Make a run the one that pages and ``/api/v1`` show. The day is Japan's."""
    today = fiscal.tokyo_date(datetime.now(UTC)).isoformat()
    return folder.publish(context.runs_folder, run_id, by=by, on=today)


def ensure_published_run(context: AppContext, *, progress: Progress = _silent) -> RunResult:
    """The published run; computes and publishes the region first where nothing is published yet."""
    run = folder.published(context.runs_folder)
    if run is not None:
        return run
    run = compute_run(context, progress=progress)
    return publish_run(context, run.run_id, by="first start")


def runs_listing(context: AppContext) -> list[dict[str, Any]]:
    """One row per run: id, region, years, published or not."""
    current = folder.published(context.runs_folder)
    return [
        {
            "run_id": run.run_id,
            "region": run.meta["region"]["name_ja"],
            "fiscal_years": f"{run.fiscal_years[0]}–{run.fiscal_years[-1]}",
            "software": run.meta["software"]["version"],
            "published": current is not None and current.run_id == run.run_id,
        }
        for run in folder.list_runs(context.runs_folder)
    ]


def run_summary(run: RunResult) -> dict[str, Any]:
    """The few figures that a person wants to see when a run has ended, as data and as lines of text."""
    table = run.municipalities
    latest = table[table["fiscal_year"] == run.latest_fy]
    region = latest[latest["municipality_code"] == run.region_code].iloc[0]
    municipalities = int((latest["municipality_code"] != run.region_code).sum())
    computable = run.is_computable()
    people = float(region["unserved_people_area"]) if computable else None
    estimate = "（推計）" if run.meta["estimated"] else ""
    lines = [
        f"{run.meta['region']['name_ja']}  {fiscal.label_ja(run.latest_fy)}  {municipalities} 市町  "
        f"{float(region['area_km2']):,.1f} km²  人口 {int(region['population']):,} 人{estimate}",
        f"電波の届かない人 / people without signal: {people:,.0f} 人{estimate}"
        if people is not None
        else str(run.meta["computable_reason"]["ja"]),
    ]
    return {
        "run_id": run.run_id,
        "folder": str(run.folder),
        "fiscal_year": run.latest_fy,
        "municipalities": municipalities,
        "area_km2": float(region["area_km2"]),
        "population": int(region["population"]),
        "estimated": bool(run.meta["estimated"]),
        "computable": computable,
        "unserved_people": people,
        "lines": lines,
    }


def make_sample(to: Path, *, seed: int | None = None) -> None:
    """Write the fictional sample region's layers to ``to``."""
    from coverage.sample import generate_sample

    if seed is None:
        generate_sample(to)
    else:
        generate_sample(to, seed=seed)
