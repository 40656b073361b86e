"""``footnote`` (脚注 to a fiscal year's value of an indicator: add, list, correct, withdraw)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from coverage.cli import options

if TYPE_CHECKING:
    from coverage.services.footnotes import ListedFootnote

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="脚注：書く・一覧・訂正・取下げ / Footnotes to a year's value: add, list, correct, withdraw",
)

Number = Annotated[
    str,
    typer.Argument(metavar="ID", help="脚注の番号（list に出ます） / Number of the footnote, as list says"),
]
Words = Annotated[
    str, typer.Option("--ja", help="脚注の文（日本語、一行） / The words in Japanese, one line")
]
Version = Annotated[
    int | None,
    typer.Option(
        "--version",
        min=1,
        help="見た版。その後に変わっていれば断る / The version seen; refused if it changed since",
    ),
]


@app.command()
def add(
    indicator: Annotated[str, typer.Argument(help="指標の番号（40604 など） / Code of the indicator")],
    fy: Annotated[str, typer.Argument(help="年度（1〜31は平成） / Fiscal year")],
    ja: Words,
    en: Annotated[str, typer.Option("--en", help="英語の文（任意） / The words in English, if any")] = "",
    reason: Annotated[
        str, typer.Option("--reason", help="理由・備考（履歴に残る） / Why, for the history")
    ] = "",
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """指標の年度の値に脚注を書く / Write a footnote to a year's value of an indicator"""
    from coverage.domain import fiscal
    from coverage.services import books, footnotes

    with options.opened_ledger(region, store) as (context, opened, principal):
        receipt = footnotes.add(
            context,
            opened,
            books.sheet_of(context),
            indicator,
            fiscal.parse_fiscal_year(fy),
            ja=ja,
            en=en,
            reason=reason,
            principal=principal,
        )
        _say(opened, receipt.key, principal, "書きました / added", as_json)


@app.command("list")
def list_(
    indicator: Annotated[
        str | None, typer.Option("--indicator", help="指標の番号 / Code of the indicator")
    ] = None,
    fy: Annotated[str | None, typer.Option("--fy", help="年度 / Fiscal year")] = None,
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="取り下げたものも / Withdrawn ones, too")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="その日時に載っていた脚注 / As they stood then (ISO date or time)"),
    ] = None,
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """脚注の一覧 / List the footnotes"""
    from coverage.domain import fiscal
    from coverage.domain.known_ledger import moment
    from coverage.services import footnotes
    from coverage.services.figures import known_at

    then = known_at(as_of)
    with options.opened_ledger(region, store) as (_, opened, principal):
        found = footnotes.listed(
            opened,
            principal=principal,
            indicator=indicator,
            fiscal_year=None if fy is None else fiscal.parse_fiscal_year(fy),
            withdrawn=withdrawn,
            as_of=None if then is None else moment(then),
        )
    if as_json:
        options.print_json({"footnotes": [_row(shown) for shown in found]})
        return
    for shown in found:
        typer.echo(_line(shown))


@app.command()
def correct(
    footnote_id: Number,
    ja: Words,
    reason: Annotated[str, typer.Option("--reason", help="訂正の理由 / Why it is corrected")],
    en: Annotated[
        str | None, typer.Option("--en", help="英語の文（なければ元のまま） / In English; none: as it is")
    ] = None,
    version: Version = None,
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """脚注の文を訂正する / Correct a footnote's words"""
    from coverage.services import footnotes

    with options.opened_ledger(region, store) as (_, opened, principal):
        held = footnotes.held(opened, footnote_id, principal=principal)
        footnotes.correct(
            opened,
            footnote_id,
            ja=ja,
            en=held.record.en if en is None else en,
            reason=reason,
            expected_version=version or held.version,
            principal=principal,
        )
        _say(opened, footnote_id, principal, "訂正しました / corrected", as_json)


@app.command()
def withdraw(
    footnote_id: Number,
    reason: Annotated[str, typer.Option("--reason", help="取り下げる理由 / Why it is withdrawn")],
    version: Version = None,
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """脚注を取り下げる（履歴には残る） / Withdraw a footnote; it stays in the history"""
    from coverage.services import footnotes

    with options.opened_ledger(region, store) as (_, opened, principal):
        held = footnotes.held(opened, footnote_id, principal=principal)
        footnotes.withdraw(
            opened, footnote_id, reason=reason, expected_version=version or held.version, principal=principal
        )
        _say(opened, footnote_id, principal, "取り下げました / withdrawn", as_json)


def _say(store: Any, footnote_id: str, principal: Any, words: str, as_json: bool) -> None:
    from coverage.services import footnotes

    every = footnotes.listed(store, principal=principal, withdrawn=True)
    shown = next(f for f in every if f.note.footnote_id == footnote_id)
    if as_json:
        options.print_json(_row(shown))
        return
    typer.echo(f"{words}: {_line(shown)}")


def _line(shown: ListedFootnote) -> str:
    from coverage.domain import fiscal

    note = shown.note
    day = shown.changed_at.astimezone(fiscal.TOKYO).strftime("%Y-%m-%d %H:%M")
    state = "〔取下げ〕" if note.withdrawn else ""
    english = f"  / {note.en}" if note.en else ""
    return (
        f"{note.footnote_id}  {note.indicator}  {fiscal.label_ja(note.fiscal_year)}  {state}{note.ja}{english}"
        f"  （{note.author}、{day}）"
    )


def _row(shown: ListedFootnote) -> dict[str, Any]:
    note = shown.note
    return {
        "footnote_id": note.footnote_id,
        "indicator": note.indicator,
        "fiscal_year": note.fiscal_year,
        "ja": note.ja,
        "en": note.en,
        "author": note.author,
        "withdrawn": note.withdrawn,
        "entered_by": shown.entered_by,
        "entered_at": shown.entered_at.isoformat(),
        "changed_at": shown.changed_at.isoformat(),
        "reason": shown.reason,
        "version": shown.version,
    }
