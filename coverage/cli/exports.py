"""``export``: files of a run for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverage.cli import options


def export(
    what: Annotated[
        str,
        typer.Argument(help="region | municipalities | 市町コード（5桁） | indicators | count / what to export"),
    ],
    to: Annotated[Path, typer.Option("--to", help="書き込むファイル（.geojson .csv .gpkg） / File to write")],
    fy: Annotated[str | None, typer.Option("--fy", help="年度（既定は最新） / Fiscal year (default: the latest)")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="計算結果の番号（既定は公開中） / Run id (default: the published one)")] = None,
    runs: options.Runs = None,
    force: Annotated[bool, typer.Option("--force", help="あるファイルを上書きする / Overwrite an existing file")] = False,
) -> None:
    """計算結果をファイルに書き出す / Write results of a run to a file"""
    from coverage.services import exports
    from coverage.services.context import AppContext

    written = exports.export_file(AppContext.from_settings(runs=runs), what, to, fiscal_year=fy, run_id=run_id, overwrite=force)
    typer.echo(f"書き出しました / written: {written}")
