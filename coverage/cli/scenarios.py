"""``plan save``, ``plan scenarios``, ``plan compare`` and ``plan adopt``: plans under a name, and into the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverage.cli import options

PlanId = Annotated[str, typer.Argument(help="計画の番号 / Plan id")]


def save(
    name: Annotated[str, typer.Argument(help="計画案の名前 / Name of the scenario")],
    plan_id: PlanId,
    note: Annotated[str, typer.Option("--note", help="注記 / Note")] = "",
    store: options.Store = None,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """計画を名前を付けて台帳に残す / Keep a plan under a name"""
    from dataclasses import asdict

    from coverage.services import scenarios
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal, open_context_store

    context = AppContext.from_settings(runs=runs)
    principal = command_line_principal(store)
    with open_context_store(context, store) as ledger:
        saved = scenarios.save_scenario(context, ledger, name, plan_id, principal=principal, note=note)
    if as_json:
        options.print_json(asdict(saved))
        return
    said = "保存しました / saved" if saved.changed else "同じ内容が保存済みです / kept already"
    typer.echo(f"{saved.name}@{saved.version}  {said}")


def list_scenarios(store: options.Store = None, runs: options.Runs = None, as_json: options.Json = False) -> None:
    """計画案の一覧 / List the scenarios"""
    from coverage.services import scenarios
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal, open_context_store

    principal = command_line_principal(store)
    with open_context_store(AppContext.from_settings(runs=runs), store) as ledger:
        rows = scenarios.list_scenarios(ledger, principal=principal)
    if as_json:
        options.print_json({"scenarios": rows})
        return
    for row in rows:
        typer.echo(
            f"{row['name']}@{row['version']}  計画 {row['plan_id']}  {row['sites']} 箇所  {row['served']['people']:,} 人  "
            f"県 {row['cost']['prefecture_yen']:,} 円（計 {row['cost']['total_yen']:,} 円）  {row['note']}".rstrip()
        )


def compare(
    names: Annotated[list[str], typer.Argument(help="計画案の名前（名前@2 で版）か計画の番号 / Scenarios, name@2 for a version, or plan ids")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="一つめと二つめの差の地図（GeoJSON） / Difference map of the first two")
    ] = None,
    store: options.Store = None,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """計画案を比べる（差は一つめとの差） / Compare scenarios; differences are against the first"""
    from coverage.services import scenarios
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal, open_context_store

    context = AppContext.from_settings(runs=runs)
    principal = command_line_principal(store)
    with open_context_store(context, store) as ledger:
        comparison = scenarios.compare_scenarios(context, ledger, names, principal=principal)
    if map_file is not None:
        scenarios.write_difference_map(context, comparison, map_file)
    if as_json:
        options.print_json(comparison)
        return
    for line in scenarios.comparison_lines(comparison):
        typer.echo(line)


def adopt(
    plan_id: PlanId,
    accept: Annotated[bool, typer.Option("--accept", help="承認まで行う（管理者のみ） / Accept at once (administrators)")] = False,
    store: options.Store = None,
    region: options.Region = None,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """計画の箇所を「計画」の基地局として台帳に提出する / Hand a plan's sites in as planned sites"""
    from dataclasses import asdict

    from coverage.services.context import AppContext
    from coverage.services.plan_adoption import adopt_plan
    from coverage.services.scenarios import scenario_document
    from coverage.services.stores import command_line_principal, open_context_store

    context = AppContext.from_settings(region=region, runs=runs)
    principal = command_line_principal(store)
    with open_context_store(context, store) as ledger:
        document = scenario_document(context, ledger, plan_id, principal=principal)
        done = adopt_plan(
            ledger, document, principal=principal, accept=accept, near_m=context.config.counting.distinct_within_m
        )
    if as_json:
        options.print_json(asdict(done))
        return
    if done.import_id is None:
        typer.echo(f"計画の {len(done.known_sites)} 箇所はすべて台帳にあります。何も変えていません / nothing to change")
        return
    for new, standing in done.near:
        typer.echo(f"  ！ {new} は {standing} の近くにあります。同じ施設か確かめてください / one mast, or two?")
    typer.echo(f"ACK {done.import_id} {done.state}")
