"""The tree of commands. Each command's module holds its options and calls one use case."""

from __future__ import annotations

import typer

from coverage.cli import (
    challenges,
    db,
    exports,
    figures,
    footnotes,
    imports,
    layers,
    ledger,
    plan,
    planning,
    runs,
    scenarios,
    serving,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    # Two languages on one line need more than the 80 columns assumed where there is no terminal.
    context_settings={"terminal_width": 120},
    help="携帯電話不感地域の見える化・整備数の集計・整備計画 / Mobile no-signal areas: map, count, plan",
)
app.command("run")(runs.run)
app.add_typer(runs.listing, name="runs")
app.command("publish")(runs.publish)
app.command("sample")(runs.sample)
app.command("count")(figures.count)
app.command("indicators")(figures.indicators)
app.command("export")(exports.export)
app.command("serve")(serving.serve)
app.command("import-sites")(imports.import_sites)
app.command("import-districts")(imports.import_districts)
app.command("import-site-districts")(imports.import_site_districts)
app.command("import-actuals")(imports.import_actuals)
app.command("import-measurements")(imports.import_measurements)
plan.app.command("make")(planning.make)
plan.app.command("list")(planning.list_plans)
plan.app.command("show")(planning.show)
plan.app.command("export")(planning.export)
plan.app.command("save")(scenarios.save)
plan.app.command("scenarios")(scenarios.list_scenarios)
plan.app.command("compare")(scenarios.compare)
plan.app.command("adopt")(scenarios.adopt)
app.add_typer(plan.app, name="plan")
app.add_typer(ledger.app, name="ledger")
app.add_typer(ledger.publication, name="publication")
app.add_typer(footnotes.app, name="footnote")
app.add_typer(challenges.app, name="challenge")
app.command("confirm")(challenges.confirm)
app.command("fetch")(layers.fetch)
app.add_typer(db.app, name="db")
app.add_typer(layers.app, name="layers")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="版を表示する / Print the version"),
) -> None:
    if version:
        from coverage import __version__

        typer.echo(f"coverage-gap-planner {__version__}")
        raise typer.Exit()
