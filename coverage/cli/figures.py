"""``count`` and ``indicators``: the numbers of the policy sheet."""

from __future__ import annotations

from typing import Annotated

import typer

from coverage.cli import options


def count(
    fy: Annotated[
        str | None,
        typer.Option("--fy", help="年度。28..31 や 28,29（1〜31は平成）、2016..2019（西暦） / Fiscal years; a bare 1–31 is Heisei"),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="その時点で分かっていたことで数える（ISO日時） / Count with what was known then (ISO date or time)")
    ] = None,
    valid_on: Annotated[
        str | None, typer.Option("--valid-on", help="その日に成り立っていたことで数える（ISO日付） / Count what stood on that day (ISO date)")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="基地局ごとの判定を示す / Show the verdict on each site")
    ] = False,
    region: options.Region = None,
    as_json: options.Json = False,
) -> None:
    """携帯電話不通話地域の整備数（累計）を数える / Count the base stations built in no-signal areas"""
    from coverage.services import figures
    from coverage.services.context import AppContext

    result = figures.count_series(AppContext.from_settings(region=region), fiscal_years=fy, as_of=as_of, valid_on=valid_on)
    if as_json:
        options.print_json(figures.count_as_dict(result))
        return
    for line in figures.count_lines(result, explain=explain):
        typer.echo(line)


def indicators(
    region: options.Region = None,
    lang: Annotated[str, typer.Option("--lang", help="ja | en")] = "ja",
    as_json: options.Json = False,
) -> None:
    """指標の一覧（目標値・実績値・目標達成状況） / The whole indicator set"""
    from coverage.services import figures
    from coverage.services.context import AppContext

    table = figures.indicator_figures(AppContext.from_settings(region=region))
    if as_json:
        options.print_json(table)
        return
    for line in figures.indicator_lines(table, lang=lang):
        typer.echo(line)
