"""``ledger`` (uploads waiting, the books) and ``publication`` (what was made public, and proving it)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from coverage.cli import options

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="台帳：取込の承認、開始値・割当・修正仕訳 / The ledger: accept imports, opening balance, restatements",
)
publication = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="公表：整備数の公表と検証 / Publications: publish the count and verify it",
)

Reason = Annotated[str, typer.Option("--reason", help="理由 / Reason")]
ImportId = Annotated[str, typer.Argument(help="取込番号 / Import id")]


@app.command()
def load(region: options.Region = None, store: options.Store = None) -> None:
    """地域フォルダーの表を台帳に読み込む / Take the region's CSV tables over into the ledger"""
    from coverage.services.ledger import load_tables_into_store

    receipt = load_tables_into_store(*options.at_ledger(region, store))
    typer.echo(f"読み込みました / loaded: {len(receipt.events)}")


@app.command("imports")
def list_imports(store: options.Store = None, as_json: options.Json = False) -> None:
    """取込の一覧 / List the imports"""
    with options.opened_ledger(None, store) as (_, opened, _):
        rows = [
            {"import_id": r.import_id, "table": r.table_name, "file": r.file_name, "state": r.state.value, "submitted_by": r.submitted_by, "result": dict(r.result)}
            for r in opened.imports()
        ]
    if as_json:
        options.print_json({"imports": rows})
        return
    for row in rows:
        typer.echo(f"{row['import_id']}  {row['state']}  {row['table']}  {row['file']}  {row['submitted_by']}")


@app.command()
def accept(
    import_id: ImportId,
    store: options.Store = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="差分の表示後に変わった行も上書きする / Also where the ledger changed since")] = False,
) -> None:
    """取込を承認する / Accept a staged import"""
    from coverage.services.imports import accept_import

    with options.opened_ledger(None, store) as (_, opened, principal):
        receipt = accept_import(opened, import_id, principal=principal, overwrite=overwrite)
    typer.echo(f"ACK {receipt.import_id} {receipt.state.value}")


@app.command("return")
def return_(import_id: ImportId, reason: Reason, store: options.Store = None) -> None:
    """取込を差し戻す / Return a staged import with a reason"""
    from coverage.services.imports import return_import

    with options.opened_ledger(None, store) as (_, opened, principal):
        receipt = return_import(opened, import_id, principal=principal, reason=reason)
    typer.echo(f"ACK {receipt.import_id} {receipt.state.value}")


@app.command()
def undo(import_id: ImportId, reason: Reason, store: options.Store = None) -> None:
    """取込をまるごと取り消す / Undo an accepted import as a whole"""
    from coverage.services.imports import undo_import

    with options.opened_ledger(None, store) as (_, opened, principal):
        receipt = undo_import(opened, import_id, principal=principal, reason=reason)
    typer.echo(f"ACK {receipt.import_id} {receipt.state.value}")


@app.command()
def opening(
    fy: Annotated[str, typer.Argument(help="年度（1〜31は平成） / Fiscal year")],
    value: Annotated[int, typer.Argument(min=0, help="基数 / Number of sites")],
    source: Annotated[str, typer.Option("--source", help="出典 / Source")],
    decided_on: Annotated[str | None, typer.Option("--decided-on", help="決定日 / Day of decision (ISO)")] = None,
    store: options.Store = None,
) -> None:
    """開始値を登録する / Register the opening balance"""
    from coverage.domain import fiscal
    from coverage.services import journal

    with options.opened_ledger(None, store) as (_, opened, principal):
        journal.set_opening(
            opened, fiscal.parse_fiscal_year(fy), value, source=source,
            decided_on=_date("decided-on", decided_on), principal=principal,
        )  # fmt: skip
    typer.echo("登録しました / registered")


@app.command()
def allocate(site_id: Annotated[str, typer.Argument(help="局番 / Site id")], store: options.Store = None, reason: Annotated[str, typer.Option("--reason", help="理由 / Reason")] = "") -> None:
    """過去の基地局を開始値に割り当てる / Allocate a historical site to the opening balance"""
    from coverage.services import journal

    with options.opened_ledger(None, store) as (_, opened, principal):
        journal.allocate(opened, site_id, principal=principal, reason=reason)
    typer.echo("割り当てました / allocated")


@app.command(context_settings={"ignore_unknown_options": True})
def restate(
    fy: Annotated[str, typer.Argument(help="適用年度 / Effective fiscal year")],
    amount: Annotated[int, typer.Argument(help="増減（-1 など） / Amount, may be negative")],
    reason: Reason,
    store: options.Store = None,
) -> None:
    """修正仕訳を入れる / Enter a restatement"""
    from coverage.domain import fiscal
    from coverage.services import journal

    with options.opened_ledger(None, store) as (_, opened, principal):
        journal.restate(opened, fiscal.parse_fiscal_year(fy), amount, reason=reason, principal=principal)
    typer.echo("登録しました / registered")


@publication.command()
def publish(
    fy: Annotated[str, typer.Argument(help="公表する最後の年度 / Last fiscal year to publish")],
    region: options.Region = None,
    store: options.Store = None,
    on: Annotated[str | None, typer.Option("--on", help="公表日（既定は今日） / Day of publication")] = None,
) -> None:
    """整備数を公表し、その年度の値を確定する / Publish the count and freeze that year"""
    from datetime import UTC, datetime

    from coverage.domain import fiscal
    from coverage.services import journal

    day = _date("on", on) or fiscal.tokyo_date(datetime.now(UTC))
    year = fiscal.parse_fiscal_year(fy)
    with options.opened_ledger(region, store) as (context, opened, principal):
        done = journal.publish_count(context, opened, last_fy=year, published_on=day, principal=principal)
    if journal.is_unfinished(year):
        end = fiscal.last_day(year)
        typer.echo(
            f"注意：{fiscal.label_ja(year)}は {end} まで続いています。このあと年度内に供用が始まる基地局は、確定した値に入りません。 / "
            f"Note: FY{year} runs until {end}; sites that begin service later in it are not part of the fixed value.",
            err=True,
        )
    typer.echo(f"公表しました / published: {done.publication.publication_id}")
    for name, value in sorted(done.values.items()):
        typer.echo(f"  {name}  {value}")


@publication.command("list")
def list_publications(store: options.Store = None, as_json: options.Json = False) -> None:
    """公表の一覧 / List what was made public"""
    from coverage.services import journal

    with options.opened_ledger(None, store) as (_, opened, principal):
        rows = journal.publications(opened, principal=principal)
    if as_json:
        options.print_json({"publications": rows})
        return
    for row in rows:
        typer.echo(f"{row['publication_id']}  {row['published_on']}  {row['subject']}  {row['values']}")


@publication.command()
def verify(publication_id: Annotated[str, typer.Argument(help="公表番号 / Publication id")], store: options.Store = None, as_json: options.Json = False) -> None:
    """公表した値を計算し直して確かめる / Compute a publication again and compare"""
    from coverage.errors import ConflictError
    from coverage.services import journal

    with options.opened_ledger(None, store) as (_, opened, principal):
        check = journal.verify_publication(opened, publication_id, principal=principal)
    differences = [{"name": d.name, "published": d.published, "recomputed": d.recomputed} for d in check.differences]
    if as_json:
        options.print_json({"ok": check.ok, "bytes_ok": check.bytes_ok, "differences": differences})
    if not check.ok:
        names = ", ".join(d["name"] for d in differences) or "bytes"
        raise ConflictError(
            "publication-differs",
            f"公表 {publication_id} は計算し直すと一致しません（{names}）。",
            f"Publication {publication_id} comes out differently today ({names}).",
        )
    typer.echo(f"一致しました / verified: {publication_id}")


def _date(name: str, text: str | None) -> date | None:
    from coverage.errors import InputError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            "date-not-iso",
            f"--{name} の「{text}」は日付として読めません。2018-03-31 の形で書いてください。",
            f"--{name} '{text}' is not a date; write it as 2018-03-31.",
        ) from None
