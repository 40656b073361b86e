"""``import-sites`` and its siblings: check a file, hand it in, accept it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from coverage.cli import options

File = Annotated[Path, typer.Argument(help="CSV・XLSX・GeoJSON・GeoPackage・KML・Shapefile の ZIP / file to import")]
Name = Annotated[str | None, typer.Option("--name", help="元のファイル名（表示用） / The client's file name, a label")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="調べるだけで保存しない / Check only, store nothing")]
Mapping = Annotated[
    Path | None,
    typer.Option("--mapping", help="質問への答え（JSON・TOML：axes, datum, crs, sheet, layer, columns） / Answers to questions"),
]
Boundaries = Annotated[
    Path | None, typer.Option("--boundaries", help="位置を確かめる行政区域（N03） / Boundaries for the region check")
]
Accept = Annotated[bool, typer.Option("--accept", help="承認まで行う（管理者のみ） / Accept at once (administrators)")]
Key = Annotated[str | None, typer.Option("--key", help="二重登録を防ぐ鍵 / Idempotency key")]


def import_sites(
    file: File, name: Name = None, dry_run: DryRun = False, mapping: Mapping = None, boundaries: Boundaries = None,
    region: options.Region = None, store: options.Store = None, accept: Accept = False, key: Key = None, as_json: options.Json = False,
) -> None:  # fmt: skip
    """基地局の一覧を取り込む / Import a list of sites"""
    _one_object("sites", file, name, dry_run, mapping, boundaries, region, store, accept, key, as_json)


def import_districts(
    file: File, name: Name = None, dry_run: DryRun = False, mapping: Mapping = None, boundaries: Boundaries = None,
    region: options.Region = None, store: options.Store = None, accept: Accept = False, key: Key = None, as_json: options.Json = False,
) -> None:  # fmt: skip
    """不感地域の台帳を取り込む / Import no-signal districts"""
    _one_object("districts", file, name, dry_run, mapping, boundaries, region, store, accept, key, as_json)


def import_site_districts(
    file: File, name: Name = None, dry_run: DryRun = False, mapping: Mapping = None, boundaries: Boundaries = None,
    region: options.Region = None, store: options.Store = None, accept: Accept = False, key: Key = None, as_json: options.Json = False,
) -> None:  # fmt: skip
    """基地局と不感地域の対応を取り込む / Import which site serves which district"""
    _one_object("site_districts", file, name, dry_run, mapping, boundaries, region, store, accept, key, as_json)


def import_actuals(
    file: File, name: Name = None, dry_run: DryRun = False, mapping: Mapping = None, boundaries: Boundaries = None,
    region: options.Region = None, store: options.Store = None, accept: Accept = False, key: Key = None, as_json: options.Json = False,
) -> None:  # fmt: skip
    """指標の実績値を取り込む / Import actuals of indicators"""
    _one_object("actuals", file, name, dry_run, mapping, boundaries, region, store, accept, key, as_json)


def import_measurements(
    file: File, name: Name = None, dry_run: DryRun = False, mapping: Mapping = None, boundaries: Boundaries = None,
    region: options.Region = None, store: options.Store = None, accept: Accept = False, key: Key = None, as_json: options.Json = False,
) -> None:  # fmt: skip
    """電波の測定値を取り込む / Import measured signal levels"""
    _one_object("measurements", file, name, dry_run, mapping, boundaries, region, store, accept, key, as_json)


def _one_object(
    kind: str, file: Path, name: str | None, dry_run: bool, mapping: Path | None, boundaries: Path | None,
    region: Path | None, store: str | None, accept: bool, key: str | None, as_json: bool,
) -> None:  # fmt: skip
    """With ``--json`` the last line is one object with a verdict, also where the file was never reached: no such file, no
    such answer."""
    from coverage.errors import InputError

    try:
        _import(kind, file, name, dry_run, mapping, boundaries, region, store, accept, key, as_json)
    except InputError as error:
        if not as_json:
            raise
        from coverage.cli import print_error
        from coverage.services import imports

        _print_object(imports.rejection(error.code, error.ja, error.en).as_dict() | {"error": error.as_dict()})
        print_error(error)
        raise typer.Exit(error.exit_code) from None


def _import(
    kind: str, file: Path, name: str | None, dry_run: bool, mapping: Path | None, boundaries: Path | None,
    region: Path | None, store: str | None, accept: bool, key: str | None, as_json: bool,
) -> None:  # fmt: skip
    import os

    from coverage.services import imports
    from coverage.services.context import AppContext
    from coverage.services.ledger_checks import against_ledger
    from coverage.settings import PREFIX

    answers = imports.read_answers(mapping)
    # Only a region that was named on purpose judges positions and operators: the sample must not judge real lists.
    named = region is not None or bool(os.environ.get(PREFIX + "REGION"))
    context = AppContext.from_settings(region=region)
    checks = imports.region_checks(context if named else None, boundaries)
    principal = _principal(store)
    report = imports.check_upload(
        file, kind=kind, principal=principal, client_name=name, answers=answers, checks=checks
    )
    # A file that nothing can be taken from asks no ledger, and makes none.
    with nullcontext() if report.verdict == "reject" else _ledger(context, store, make=not dry_run) as held:
        ledger: Any = held
        changes: Sequence[Any] = ()
        if ledger is not None:
            report, changes = against_ledger(
                ledger, kind, report, locate=checks.locate, judge_place=not dry_run or checks.locate is not None
            )
        out: dict[str, Any] = report.as_dict()
        # Lines are for the pages' sentences; programs count rows from 0.
        out["understood"] = {k: v for k, v in report.understood.items() if k != "lines"}
        if not as_json:
            for line in imports.remark_lines(report):
                typer.echo(line)
        if dry_run or report.verdict == "reject":
            if as_json:
                _print_object(out)
            raise typer.Exit(2 if report.verdict == "reject" else 0)
        receipt = imports.hand_in(
            ledger, file, report, changes, kind=kind, principal=principal, answers=answers, accept=accept, key=key
        )
    typer.echo(f"ACK {receipt.import_id} {receipt.state.value}")
    if as_json:
        counts = {kind: dict(states) for kind, states in receipt.counts.items()}
        _print_object(out | {"import_id": receipt.import_id, "state": receipt.state.value, "counts": counts, "repeated": receipt.repeated})


def _ledger(context: Any, store: str | None, *, make: bool) -> Any:
    """The store for a ``with`` block; where a check alone is asked for and there is none yet, none (it is not made)."""
    from coverage.services.stores import open_context_store, store_exists, store_url

    if make or store_exists(store_url(context, store)):
        return open_context_store(context, store)
    return nullcontext()


def _print_object(value: dict[str, Any]) -> None:
    """One object on one line, whatever the texts in it hold: some readers end a line at U+2028 and U+0085 too."""
    import json

    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    typer.echo(line.translate({0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}))


def _principal(store: str | None) -> Any:
    from coverage.services.stores import command_line_principal

    return command_line_principal(store)
