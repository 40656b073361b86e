"""Options that several commands share, with one wording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from coverage.services.access import Principal
    from coverage.services.context import AppContext

Region = Annotated[
    Path | None,
    typer.Option("--region", help="region.toml のあるフォルダー（既定は見本県） / Folder with region.toml (default: the sample)"),
]
Layers = Annotated[
    Path | None,
    typer.Option("--layers", "--layers-root", help="レイヤーの置き場所（既定は地域フォルダー） / Where the layers lie (default: the region's folder)"),
]
Runs = Annotated[Path | None, typer.Option("--runs", help="計算結果の置き場所 / Folder of the runs")]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="台帳の場所：ファイル名か sqlite:///… か postgresql://…（既定は COVERAGE_GAP_STORE、なければ ledger.sqlite） / "
        "Where the ledger is (default: COVERAGE_GAP_STORE, else ledger.sqlite)",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="最後の行に JSON を一つ書く / Print one JSON object as the last line")]


def print_json(value: Any) -> None:
    """One object on one line; NaN is refused."""
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def at_ledger(region: Path | None, store: str | None) -> tuple[AppContext, Principal]:
    """The region with its ledger's place, and who types."""
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal, store_url

    base = AppContext.from_settings(region=region, store=store)
    url = store_url(base, store)
    return AppContext(base.region_folder, base.runs_folder, base.layers_root, url), command_line_principal(url)


@contextmanager
def opened_ledger(region: Path | None, store: str | None) -> Iterator[tuple[AppContext, Any, Principal]]:
    """The region with its ledger's place, the ledger itself, open, and who types."""
    from coverage.services.stores import open_context_store

    context, principal = at_ledger(region, store)
    with open_context_store(context) as ledger:
        yield context, ledger, principal
