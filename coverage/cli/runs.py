"""``run``, ``runs``, ``publish`` and ``sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverage.cli import options

if TYPE_CHECKING:
    from coverage.runs.result import RunResult


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
        _prepare(result, quiet=as_json)
    summary = compute.run_summary(result)
    if as_json:
        options.print_json(summary)
        return
    typer.echo(f"計算結果 / run: {result.folder}")
    for line in summary["lines"]:
        typer.echo(line)


listing = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"terminal_width": 120},
    help="計算結果の一覧と整理 / List the runs, and clean up",
)


@listing.callback(invoke_without_command=True)
def list_runs(typed: typer.Context, runs: options.Runs = None, as_json: options.Json = False) -> None:
    """計算結果の一覧と整理 / List the runs, and clean up"""
    if typed.invoked_subcommand is not None:
        return
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


@listing.command()
def clean(
    runs: options.Runs = None,
    keep: Annotated[int, typer.Option("--keep", min=0, help="公開も計画もしていない計算を新しい順に残す数 / Unpublished runs to keep")] = 5,
    cache_gb: Annotated[
        float, typer.Option("--cache-gb", min=0.0, help="電波の作業ファイルの上限（GB） / Bound of the footprint cache")
    ] = 4.0,
    days: Annotated[
        float, typer.Option("--days", min=0.0, help="この日数使っていない標高の作業ファイルを消す / Terrain unused for so many days goes")
    ] = 30.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="消さずに番号だけ示す / Only name the runs that would go")] = False,
    as_json: options.Json = False,
) -> None:
    """古い計算結果と作業ファイルを消す。公開した計算は消さない / Remove old runs and work files; never a published run"""
    from coverage.services import run_cleaning
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal

    context = AppContext.from_settings(runs=runs)
    if dry_run:
        names = run_cleaning.removable_runs(context, keep=keep)
        if as_json:
            options.print_json({"run_ids": names})
        else:
            typer.echo("\n".join(names) or "消す計算結果はありません。 / No run would be removed.")
        return
    done = run_cleaning.clean_runs(
        context, command_line_principal(context.store_url), keep=keep, cache_bytes=int(cache_gb * 2**30), unused_days=days
    )
    if as_json:
        options.print_json({"run_ids": list(done.run_ids), "others": done.others, "freed_bytes": done.freed_bytes})
        return
    typer.echo(
        f"計算結果 {len(done.run_ids)} 件とほか {done.others} 件を消し、{done.freed_bytes / 1e6:,.1f} MB 空きました。 / "
        f"Removed {len(done.run_ids)} runs and {done.others} other files; {done.freed_bytes / 1e6:,.1f} MB freed."
    )


def _prepare(run: RunResult, *, quiet: bool) -> None:
    """The files that ``/api/v1`` offers, made now, so that the first reader does not wait for them."""
    from coverage.cli.progress import terminal_progress
    from coverage.services.downloads import prepare_files

    with terminal_progress(quiet=quiet) as progress:
        prepare_files(run, progress)


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
    _prepare(result, quiet=False)
    typer.echo(f"公開しました / published: {result.run_id}")


def sample(
    to: Annotated[Path, typer.Option("--to", help="書き込むフォルダー / Folder to write to")],
    seed: Annotated[int | None, typer.Option("--seed", help="乱数の種（既定は同梱の見本県と同じ） / Seed (default: the shipped sample's)")] = None,
) -> None:
    """見本県（架空）のデータを作る / Make the layers of the fictional sample region"""
    from coverage.services import compute

    compute.make_sample(to, seed=seed)
    typer.echo(f"見本県（架空）を作りました / sample region written: {to}")
