"""``coverage-gap plan``: solve an instance, check a certificate."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from coverage.cli import options
from coverage.cli.options import Json, print_json

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"terminal_width": 120},
    help="整備計画：次に整備する候補地と、その良さの証明 / Plan the next sites, with a proof of how good the plan is",
)

InstanceFile = Annotated[
    Path, typer.Option("--instance", help="インスタンス（.npz か .json） / Instance file (.npz or .json)", show_default=False)
]


@app.command("solve")
def solve(
    instance: InstanceFile,
    time_limit: Annotated[float, typer.Option("--time", help="上限時間（秒） / Time limit in seconds", min=0.1)] = 120.0,
    gap: Annotated[
        float, typer.Option("--gap", help="この相対ギャップで打ち切る / Stop at this relative gap", min=0.0, max=1.0)
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="乱数の種 / Seed", min=0)] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="証明書の保存先 / Where to write the certificate", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """インスタンスを解き、計画と上界を示す / Solve an instance: the plan and a bound on every plan."""
    from coverage.plan.certificate import write_certificate
    from coverage.plan.instance_files import read_instance
    from coverage.plan.solve import Progress
    from coverage.plan.solve import solve as solve_instance

    started = time.monotonic()
    problem = read_instance(instance)

    def show(state: Progress) -> None:
        value = "-" if state.value is None else f"{state.value:,}"
        bound = "-" if state.bound is None else f"{state.bound:,}"
        share = "-" if state.gap is None else f"{100 * state.gap:.3f} %"
        typer.echo(f"{state.seconds:8.1f} s  {state.phase:<16}  値 value {value}  上界 bound {bound}  gap {share}", err=True)

    # Reading counts as well: the limit is for the whole command, as a person would time it.
    limit = max(0.1, time_limit - (time.monotonic() - started))
    result = solve_instance(problem, time_limit=limit, gap=gap, seed=seed, progress=show)
    if out is not None:
        write_certificate(result.certificate, out)
    years = problem.fiscal_years
    if not as_json:
        typer.echo(f"状態 status: {result.status}  値 value: {result.value:,}  上界 bound: {result.bound:,}")
        typer.echo(f"費用 cost: {result.cost:,} 円 yen  候補地 sites: {len(result.plan)}  時間 time: {result.seconds:.1f} s")
        for site, year in result.plan:
            when = f"  {years[year]}" if years else ""
            typer.echo(f"  {problem.site_id(site)}{when}  {int(problem.costs[site]):,}")
        return
    answer: dict[str, Any] = {
        "value": result.value,
        "bound": result.bound,
        "gap": result.gap,
        "certified_bound": result.certified_bound,
        "solver_bound": result.solver_bound,
        "weight_scale": problem.weight_scale,
        "served": result.certificate["served"],
        "sites": result.sites,
        "site_ids": [problem.site_id(site) for site in result.sites],
        "cost": result.cost,
        "status": result.status,
        "seed": seed,
        "seconds": round(time.monotonic() - started, 3),
    }
    if years:
        answer["years"] = [years[year] for _, year in result.plan]
    print_json(answer)


@app.command("rules")
def rules(
    shipped: Annotated[bool, typer.Option("--shipped", help="同梱の表（写して直すもと） / The table as shipped, to copy and edit")] = False,
    region: options.Region = None,
) -> None:
    """補助の負担割合の表を示す（subsidy-rules.toml、なければ同梱） / The table of subsidy rules in use"""
    from coverage.services import planning
    from coverage.services.context import AppContext

    typer.echo(planning.subsidy_rules_text(AppContext.from_settings(region=region), shipped=shipped))


@app.command("verify")
def verify(
    certificate: Annotated[Path, typer.Argument(help="証明書 / Certificate file", show_default=False)],
    instance: InstanceFile,
    as_json: Json = False,
) -> None:
    """証明書を検算する（解法は使わない） / Check a certificate in exact integers, without a solver."""
    from coverage.plan.certificate import read_certificate
    from coverage.plan.instance_files import read_instance
    from coverage.plan.verify import verify as check

    content = read_certificate(certificate)
    check(content, read_instance(instance))
    answer = {key: content[key] for key in ("value", "certified_bound", "gap_ppm", "cost")}
    if as_json:
        print_json({"verified": True, **answer})
        return
    typer.echo(
        f"検算しました：値 {answer['value']:,}、上界 {answer['certified_bound']:,}、費用 {answer['cost']:,} 円。 / "
        f"Verified: value {answer['value']:,}, bound {answer['certified_bound']:,}, cost {answer['cost']:,} yen."
    )
