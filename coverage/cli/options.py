"""Options that several commands share, with one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Region = Annotated[
    Path | None,
    typer.Option("--region", help="region.toml のあるフォルダー（既定は見本県） / Folder with region.toml (default: the sample)"),
]
Layers = Annotated[
    Path | None,
    typer.Option("--layers", "--layers-root", help="レイヤーの置き場所（既定は地域フォルダー） / Where the layers lie (default: the region's folder)"),
]
Runs = Annotated[Path | None, typer.Option("--runs", help="計算結果の置き場所 / Folder of the runs")]
Json = Annotated[bool, typer.Option("--json", help="最後の行に JSON を一つ書く / Print one JSON object as the last line")]


def print_json(value: Any) -> None:
    """One object on one line; NaN is refused."""
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))
