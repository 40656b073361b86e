"""``run``, ``runs``, ``publish`` and ``sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverage.cli import options


def run(
    region: options.Region = None,
    layers: options.Layers = None,
    runs: options.Runs = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="計算後に公開する / Publish the run when it is done")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="同じ結果があっても計算し直す / Compute again even if the run exists")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="並列数（0＝全コア、1＝直列） / Processes (0 = every core, 1 = serial)")
    ] = 0,
    as_json: options.Json = False,
) -> None:
    """地域を計算する（電波・人口・整備数） / Compute a region: signal, people, count"""
    from coverage.cli.progress import terminal_progress
    from coverage.services import compute
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal

    context = AppContext.from_settings(region=region, layers=layers, runs=runs)
    with terminal_progress(quiet=as_json) as progress:
        result = compute.compute_run(context, force=force, workers=workers, progress=progress)
    if publish:
        compute.publish_run(context, result.run_id, principal=command_line_principal(context.store_url))
    summary = compute.run_summary(result)
    if as_json:
        options.print_json(summary)
        return
    typer.echo(f"計算結果 / run: {result.folder}")
    for line in summary["lines"]:
        typer.echo(line)


def list_runs(runs: options.Runs = None, as_json: options.Json = False) -> None:
    """計算結果の一覧 / List the runs"""
    from coverage.services import compute
    from coverage.services.context import AppContext

    listing = compute.runs_listing(AppContext.from_settings(runs=runs))
    if as_json:
        options.print_json({"runs": listing})
        return
    if not listing:
        typer.echo("計算結果はまだありません。「coverage-gap run」で計算します。 / No run yet; 'coverage-gap run' computes one.")
    for row in listing:
        mark = "公開中 published" if row["published"] else ""
        typer.echo(f"{row['run_id']}  {row['region']}  {row['fiscal_years']}  {mark}".rstrip())


def publish(
    run_id: Annotated[str, typer.Argument(help="計算結果の番号 / Run id")],
    runs: options.Runs = None,
) -> None:
    """計算結果を公開する / Publish a run: the one that /api/v1 serves"""
    from coverage.services import compute
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal

    context = AppContext.from_settings(runs=runs)
    result = compute.publish_run(context, run_id, principal=command_line_principal(context.store_url))
    typer.echo(f"公開しました / published: {result.run_id}")


def sample(
    to: Annotated[Path, typer.Option("--to", help="書き込むフォルダー / Folder to write to")],
    seed: Annotated[int | None, typer.Option("--seed", help="乱数の種（既定は同梱の見本県と同じ） / Seed (default: the shipped sample's)")] = None,
) -> None:
    """見本県（架空）のデータを作る / Make the layers of the fictional sample region"""
    from coverage.services import compute

    compute.make_sample(to, seed=seed)
    typer.echo(f"見本県（架空）を作りました / sample region written: {to}")
