"""``db user`` and ``db token``: who has which role, and read tokens for curl and QGIS. For administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from coverage.cli import options

Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--code", help="役割 municipality の市町コード5桁（何度でも） / Five-digit code of a municipality"
    ),
]


def user(
    user_id: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="利用者ID。なければ一覧 / User id; none lists all")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", help="viewer · municipality · planner · admin")
    ] = None,
    code: Codes = None,
    off: Annotated[bool, typer.Option("--off", help="役割を取り上げる / Take the role away")] = False,
    note: Annotated[str, typer.Option("--note", help="備考 / Note")] = "",
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """利用者に役割を与える・取り上げる・一覧 / Give a user a role, take it away, list users"""
    from coverage.errors import InputError
    from coverage.services import accounts
    from coverage.services.stores import command_line_principal, open_context_store

    principal = command_line_principal(store)
    with open_context_store(None, store) as ledger:
        if user_id is None:
            found = [account.user for account in accounts.accounts(ledger, principal=principal)]
        elif role is None and not off:
            raise InputError(
                "role-missing",
                "役割を --role で指定してください。取り上げるときは --off です。",
                "Give the role by --role, or take it away by --off.",
            )
        else:
            found = [
                accounts.set_account(
                    ledger,
                    user_id,
                    role=role,
                    municipality_codes=code,
                    active=not off,
                    note=note,
                    principal=principal,
                )
            ]
    users = [
        {"user": u.user_id, "role": u.role, "codes": list(u.municipality_codes), "active": u.active}
        for u in found
    ]
    _show(as_json, {"users": users}, users)


def token(
    label: Annotated[
        str | None, typer.Argument(metavar="[LABEL]", help="名札。なければ一覧 / Label; none lists all")
    ] = None,
    role: Annotated[str, typer.Option("--role", help="viewer · municipality")] = "viewer",
    code: Codes = None,
    expires: Annotated[
        datetime | None,
        typer.Option("--expires", formats=["%Y-%m-%d"], help="最後の日 / Last day, YYYY-MM-DD"),
    ] = None,
    revoke: Annotated[
        str | None, typer.Option("--revoke", metavar="ID", help="取り消す番号 / Token to revoke")
    ] = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """閲覧トークンを発行する（一度だけ表示）・取り消す・一覧 / Issue a read token (shown once), revoke, list"""
    from coverage.errors import InputError
    from coverage.services import accounts
    from coverage.services.stores import command_line_principal, open_context_store

    if label is not None and revoke is not None:
        raise InputError(
            "token-issue-or-revoke",
            "発行と取消しは別々に行ってください。",
            "Issue and revoke one at a time.",
        )
    principal, secret, issued = command_line_principal(store), None, None
    with open_context_store(None, store) as ledger:
        if revoke is not None:
            accounts.revoke_token(ledger, revoke, principal=principal)
        elif label is not None:
            secret, issued = accounts.issue_token(
                ledger,
                label,
                role=role,
                municipality_codes=tuple(code or ()),
                expires_on=expires.date() if expires else None,
                principal=principal,
            )
        wanted = revoke or (issued.token_id if issued is not None else None)
        tokens = [
            {
                "id": t.token_id,
                "label": t.label,
                "role": t.role,
                "codes": list(t.municipality_codes),
                "expires": t.expires_on.isoformat() if t.expires_on else None,
                "revoked": t.revoked,
            }
            for t in accounts.tokens(ledger, principal=principal)
            if wanted in (None, t.token_id)
        ]
    shown = {"tokens": tokens} | ({"secret": secret} if secret else {})
    _show(as_json, shown, tokens)
    if secret and not as_json:
        typer.echo(f"トークン（今だけ表示します） / the token, shown this once: {secret}")


def _show(as_json: bool, value: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    if as_json:
        options.print_json(value)
        return
    for row in rows:
        typer.echo("  ".join(",".join(v) if isinstance(v, list) else str(v) for v in row.values()))
