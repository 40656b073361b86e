"""``challenge`` (圏外の申出: file, list, answer) and ``confirm`` (解消の確認 by a municipality)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coverage.cli import options

if TYPE_CHECKING:
    from coverage.services.challenges import ListedChallenge
    from coverage.services.confirmations import RegisterDistrict

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="圏外の申出：出す・一覧・回答 / Challenges, 'there is no signal here': file, list, answer",
)

Day = Annotated[
    str | None, typer.Option("--on", help="日付（既定は今日） / Day, YYYY-MM-DD (default: today)")
]
Code = Annotated[
    str | None, typer.Option("--municipality", metavar="CODE", help="市町コード5桁 / Five-digit code")
]


@app.command()
def file(
    note: Annotated[
        str, typer.Option("--note", help="内容。電話番号などは書かない / What was observed, no personal data")
    ],
    lat: Annotated[float | None, typer.Option("--lat", help="緯度（度） / Latitude, degrees")] = None,
    lon: Annotated[float | None, typer.Option("--lon", help="経度（度） / Longitude, degrees")] = None,
    district: Annotated[
        str | None,
        typer.Option(
            "--district", metavar="ID", help="地区番号（地点の代わり） / District instead of a point"
        ),
    ] = None,
    operator: Annotated[
        str | None, typer.Option("--operator", help="事業者。なければ全社 / Operator; none: all of them")
    ] = None,
    on: Day = None,
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """「ここは圏外」を申し出る / File a challenge: there is no signal here"""
    from coverage.services import challenges

    with options.opened_ledger(region, store) as (context, opened, principal):
        filed = challenges.file_challenge(
            context,
            opened,
            principal=principal,
            observed_on=_day("on", on) or challenges.today(),
            note=note,
            lat=lat,
            lon=lon,
            district_id=district,
            operator=operator,
        )
        shown = challenges.challenge(context, opened, filed.challenge_id, principal=principal)
    if as_json:
        options.print_json(_row(shown))
        return
    typer.echo(f"受け付けました / filed: {shown.challenge_id}（{shown.place.municipality_name}）")


@app.command("list")
def list_(
    state: Annotated[str, typer.Option("--state", help="open · answered · all")] = "open",
    municipality: Code = None,
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """申出の一覧 / List challenges"""
    from coverage.errors import InputError
    from coverage.services import challenges
    from coverage.store.records import ChallengeState

    states = {"open": ChallengeState.OPEN, "answered": ChallengeState.ANSWERED, "all": None}
    if state not in states:
        raise InputError(
            "challenge-state-unknown",
            f"--state の「{state[:20]}」は使えません。open・answered・all のいずれかにしてください。",
            f"--state cannot be '{state[:20]}'; use open, answered or all.",
        )
    with options.opened_ledger(region, store) as (context, opened, principal):
        found = challenges.list_challenges(
            context, opened, principal=principal, state=states[state], municipality=municipality
        )
    if as_json:
        options.print_json({"challenges": [_row(c) for c in found]})
        return
    for shown in found:
        place = shown.place.district_name or f"{shown.place.lat:.5f},{shown.place.lon:.5f}"
        words = (shown.place.note + (f" → {shown.answer}" if shown.answer else "")).replace("\n", " ")
        typer.echo(
            f"{shown.challenge_id}  {shown.state.value}  {shown.place.observed_on}  "
            f"{shown.place.municipality_name}  {place}  {shown.place.operator or '-'}  {words}"
        )


@app.command()
def answer(
    challenge_id: Annotated[str, typer.Argument(metavar="ID", help="申出番号 / Number of the challenge")],
    text: Annotated[str, typer.Option("--text", help="回答 / The answer")],
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """申出に回答する / Answer a challenge"""
    from coverage.services import challenges

    with options.opened_ledger(region, store) as (context, opened, principal):
        challenges.answer_challenge(opened, challenge_id, answer=text, principal=principal)
        shown = challenges.challenge(context, opened, challenge_id, principal=principal)
    if as_json:
        options.print_json(_row(shown))
        return
    typer.echo(f"回答しました / answered: {shown.challenge_id}")


def confirm(
    district: Annotated[
        str | None,
        typer.Argument(
            metavar="[DISTRICT_ID]", help="地区番号。なければ確認できる地区の一覧 / District; none lists them"
        ),
    ] = None,
    on: Day = None,
    site: Annotated[
        list[str] | None,
        typer.Option("--site", metavar="ID", help="解消した局（何度でも） / Site that resolved it"),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="備考 / Note")] = "",
    withdraw: Annotated[
        bool,
        typer.Option("--withdraw", help="確認を取り下げる（--reason が必要） / Take a confirmation back"),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="取り下げる理由 / Reason")] = "",
    region: options.Region = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """地区の解消を確認する・取り下げる・一覧 / Confirm that a district is resolved, take it back, list"""
    from coverage.errors import InputError
    from coverage.services import challenges, confirmations

    with options.opened_ledger(region, store) as (context, opened, principal):
        if district is None:
            waiting = [_district(d) for d in confirmations.to_confirm(context, opened, principal=principal)]
            if as_json:
                options.print_json({"districts": waiting})
                return
            for row in waiting:
                sites = "、".join(f"{s['site_id']}（{s['since'] or '—'}）" for s in row["sites"]) or "—"
                typer.echo(f"{row['district_id']}  {row['municipality_name']}  {row['name']}  {sites}")
            return
        if withdraw:
            if on is not None or site or note:
                raise InputError(
                    "confirm-or-withdraw",
                    "--withdraw に使えるのは --reason だけです。確認と取下げは別々に行ってください。",
                    "--withdraw takes --reason only; confirm and withdraw one at a time.",
                )
            confirmations.withdraw(context, opened, district, principal=principal, reason=reason)
            done: dict[str, Any] = {"district_id": district, "resolved_on": None}
        else:
            day = _day("on", on) or challenges.today()
            moves = confirmations.moves_of_count(
                context, opened, district, resolved_on=day, principal=principal
            )
            confirmations.confirm(
                context,
                opened,
                district,
                principal=principal,
                resolved_on=day,
                site_ids=site or (),
                note=note,
            )
            done = {
                "district_id": district,
                "resolved_on": day.isoformat(),
                "count": [
                    {"fiscal_year": m.fiscal_year, "before": m.before, "after": m.after} for m in moves
                ],
            }
    if as_json:
        options.print_json(done)
        return
    if withdraw:
        typer.echo(f"確認を取り下げました / withdrawn: {district}")
        return
    typer.echo(f"解消を確認しました / confirmed: {district}  {done['resolved_on']}")
    for move in done["count"]:
        typer.echo(f"  整備数 / count FY{move['fiscal_year']}: {move['before']} → {move['after']}")


def _row(shown: ListedChallenge) -> dict[str, Any]:
    place = shown.place
    return {
        "challenge_id": shown.challenge_id,
        "state": shown.state.value,
        "municipality_code": place.municipality_code,
        "municipality_name": place.municipality_name,
        "lat": place.lat,
        "lon": place.lon,
        "district_id": place.district_id,
        "district_name": place.district_name,
        "operator": place.operator,
        "observed_on": place.observed_on.isoformat(),
        "note": place.note,
        "filed_on": shown.filed_on.isoformat(),
        "filed_by": shown.filed_by,
        "answer": shown.answer,
        "answered_on": shown.answered_on.isoformat() if shown.answered_on else None,
        "answered_by": shown.answered_by,
        "version": shown.version,
    }


def _district(shown: RegisterDistrict) -> dict[str, Any]:
    district = shown.district
    return {
        "district_id": shown.district_id,
        "name": district.name,
        "municipality_code": shown.municipality_code,
        "municipality_name": shown.municipality_name,
        "designated_on": district.designated_on.isoformat() if district.designated_on else None,
        "households": district.households,
        "population": district.population,
        "sites": [
            {"site_id": s.site_id, "name": s.name, "since": s.since.isoformat() if s.since else None}
            for s in shown.sites
        ],
        "version": shown.version,
    }


def _day(name: str, text: str | None) -> date | None:
    from coverage.errors import InputError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            "date-not-iso",
            f"--{name} の「{text[:40]}」は日付として読めません。2018-03-31 の形で書いてください。",
            f"--{name} '{text[:40]}' is not a date; write it as 2018-03-31.",
        ) from None
