"""Use cases around runs: compute, publish, list, choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coverage.domain import fiscal
from coverage.errors import ConflictError, NotFoundError, StorageError
from coverage.runs import folder, lock
from coverage.runs.publication_history import Publication
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.stores import own_login
from coverage.store.protocol import Actor

COMPUTING = ".computing"
"""In the runs folder: held for as long as a run is being computed there, signed by who began it and when."""

CACHE_LIMIT_BYTES = 4 * 2**30
"""Footprints kept between runs; what a run needs stays in any case."""

Progress = Callable[[float, str], None]


def _silent(fraction: float, text: str) -> None:
    """No progress wanted."""


def compute_run(
    context: AppContext, *, force: bool = False, workers: int = 0, progress: Progress = _silent, by: str = ""
) -> RunResult:
    """Compute the context's region, map page included. ``workers``: processes, 0 = every core, 1 = serial.

    The finished run of the same inputs is returned as it is unless ``force``. Raises ConflictError
    "run-in-progress", which names who computes there already: one run at a time in one runs folder. ``by``: who asks
    (default: the login of this process).
    """
    about = {"by": by or own_login(), "since": datetime.now(UTC).isoformat()}
    try:
        held = lock.Lock(context.runs_folder / COMPUTING, about)
    except lock.HeldError as error:
        raise run_in_progress(error.holder) from None
    except OSError as error:
        raise StorageError(
            "run-not-written",
            f"計算結果を {context.runs_folder} に書けません（{error.strerror or error}）。空き容量と書き込み権限を確かめてください。",
            f"The run cannot be written to {context.runs_folder} ({error.strerror or error}); check free space and "
            "permissions.",
        ) from error
    try:
        # Whatever is half done here was left by a process that is gone.
        folder.mend(context.runs_folder)
        return _compute(context, force=force, workers=workers, progress=progress)
    finally:
        held.release()


def _compute(context: AppContext, *, force: bool, workers: int, progress: Progress) -> RunResult:
    from coverage.report.map_files import write_map_files
    from coverage.runs.pipeline import execute
    from coverage.runs.radio import radio_engine
    from coverage.services.executor import executor_in_force
    from coverage.services.ledger import region_of

    progress(0.0, "レイヤーを読む / reading layers")
    source = region_of(context).of_today()
    return execute(
        source.region,
        context.runs_folder,
        radio=radio_engine(
            work_folder=context.runs_folder / ".cache",
            executor=lambda: executor_in_force(workers),
            cache_limit_bytes=CACHE_LIMIT_BYTES,
        ),
        progress=progress,
        finishers=[write_map_files],
        extra_inputs={"ledger": source.head} if source.head else None,
        history=source.history,
        awaited=source.awaited,
        joining=source.joining,
        force=force,
    )


def run_in_progress(holder: Mapping[str, Any]) -> ConflictError:
    """The error for somebody who comes second; ``holder`` signed with ``by`` and ``since`` (ISO, UTC)."""
    by = str(holder.get("by") or "—")
    try:
        since = datetime.fromisoformat(str(holder.get("since"))).astimezone(fiscal.TOKYO).strftime("%H:%M")
    except ValueError:
        since = "—"
    return ConflictError(
        "run-in-progress",
        f"{by} さんが {since} からこの地域を計算しています。終わるのを待つか、その計算を中止してから始めてください。",
        f"{by} has been computing this region since {since} (JST); wait until it ends or cancel it, then start.",
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


def run_as_of(context: AppContext, moment: datetime) -> RunResult:
    """The run that was published at ``moment`` (aware).

    NotFoundError "nothing-published-then" where nothing was public yet, "publication-removed" where the run of that
    time is no longer kept.
    """
    known = folder.published_when(context.runs_folder)
    then = [p for p in known if p.at <= moment]
    if not then:
        first = f"最初の公開は {_in_japan(known[0].at)} です。" if known else "まだ何も公開されていません。"
        first_en = f"the first was on {_in_japan(known[0].at)} (Japan)." if known else "nothing is yet."
        raise NotFoundError(
            "nothing-published-then",
            f"{_in_japan(moment)} の時点で公開された計算結果はありません。{first}",
            f"Nothing was published at {_in_japan(moment)} (Japan); {first_en}",
        )
    try:
        return folder.open_run(context.runs_folder, then[-1].run_id)
    except NotFoundError:
        raise NotFoundError(
            "publication-removed",
            f"{_in_japan(moment)} の時点で公開されていた計算結果 {then[-1].run_id} は保存されていません。"
            "管理者にバックアップから戻すよう頼んでください。",
            f"Run {then[-1].run_id}, published at {_in_japan(moment)} (Japan), is no longer kept; ask an administrator to "
            "restore it from the backup.",
        ) from None


def _in_japan(moment: datetime) -> str:
    return moment.astimezone(fiscal.TOKYO).strftime("%Y-%m-%d %H:%M")


def publish_run(
    context: AppContext, run_id: str, *, by: str = "", principal: Principal | None = None
) -> RunResult:
    """Make a run the one that pages and ``/api/v1`` show. The day is Japan's. One use case for page and command.

    A run that was computed from the store is kept there as a publication: its count and indicators as bytes, with the
    values printed in them, so that ``publication verify`` can compute them again. ``principal`` must be allowed to
    publish; None is the system itself at its first start, which signs as ``by``.

    Raises PermissionDeniedError, NotFoundError, FileFormatError "run-damaged".
    """
    if principal is not None:
        authorise(principal, Action.PUBLISH, Resource(Object.RUN))
    run = folder.open_run(context.runs_folder, run_id)
    today = fiscal.tokyo_date(datetime.now(UTC))
    actor = principal.actor if principal is not None else Actor(by or own_login(), "system")

    def keep(shown: Sequence[Publication] | None) -> str:
        from coverage.services.run_publication import keep_publication
        from coverage.services.stores import open_context_store

        with open_context_store(context) as store:
            kept = keep_publication(store, run, published_on=today, actor=actor, shown=shown)
        return "" if kept is None else kept.publication_id

    return folder.publish(
        context.runs_folder,
        run_id,
        by=by or actor.user_id,
        on=today.isoformat(),
        record=None if context.store_url is None else keep,
    )


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
