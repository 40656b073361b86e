"""``serve``: the web app on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from coverage.cli import options


def serve(
    host: Annotated[str, typer.Option("--host", help="待ち受けるアドレス / Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="ポート / Port")] = 8501,
    region: options.Region = None,
    layers: options.Layers = None,
    runs: options.Runs = None,
) -> None:
    """画面を開く（計算結果がなければ先に計算する） / Serve the app; computes the region first if there is no run"""
    from coverage.cli.progress import terminal_progress
    from coverage.services import compute
    from coverage.services.context import AppContext

    context = AppContext.from_settings(region=region, layers=layers, runs=runs)
    with terminal_progress() as progress:
        compute.ensure_published_run(context, progress=progress)
    from coverage.web.server import serve as serve_app

    serve_app(context, host=host, port=port)
