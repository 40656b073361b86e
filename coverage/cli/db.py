"""``db``: make, update, back up, restore and verify the ledger's store; passwords of ``auth = basic-file``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coverage.cli import options, people

if TYPE_CHECKING:
    from coverage.settings import Settings
    from coverage.store.locate import Location

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="台帳の作成・更新・バックアップ・復元・検証 / Make, update, back up, restore and verify the ledger",
)

DEFAULT_STORE = "ledger.sqlite"

AnchorLog = Annotated[
    Path | None,
    typer.Option(
        "--anchors",
        help="監査の控えのファイル（既定は COVERAGE_GAP_ANCHOR_LOG、なければ台帳の隣） / "
        "Log of audit heads (default: COVERAGE_GAP_ANCHOR_LOG, else beside the ledger)",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="あるものを置き換える / Replace what is there")]


@app.command()
def init(
    store: options.Store = None,
    admin: Annotated[
        str | None,
        typer.Option("--admin", help="最初の管理者の利用者ID / User id of the first administrator"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """台帳を作る / Make the ledger"""
    from coverage.store.locate import open_store
    from coverage.store.protocol import Actor

    settings, location = _place(store)
    with open_store(location.url, backup_dir=settings.backups_folder) as opened:
        if admin is not None and opened.user(admin) is None:
            opened.set_user(
                admin, role="admin", by=Actor(_own_id(), "admin"), expected_version=0, note="db init --admin"
            )
        version, head = opened.schema_version, opened.head()
    _say(
        as_json,
        {"store": location.name, "schema": version, "seq": head.seq, "head": head.hash},
        f"台帳 {location.name} を用意しました（スキーマ {version}） / ledger {location.name} is ready (schema {version})",
    )


@app.command()
def migrate(store: options.Store = None, as_json: options.Json = False) -> None:
    """台帳のスキーマを最新にする（前にバックアップを取る） / Bring the ledger's schema up to date, after a backup"""
    from coverage.store.locate import open_store

    settings, location = _place(store)
    with open_store(location.url, create=False, backup_dir=settings.backups_folder) as opened:
        version = opened.schema_version
    _say(
        as_json,
        {"store": location.name, "schema": version},
        f"台帳 {location.name} のスキーマは {version} です / ledger {location.name} has schema {version}",
    )


@app.command()
def backup(
    to: Annotated[
        Path | None,
        typer.Argument(
            help="書き込むファイルかフォルダー（既定は COVERAGE_GAP_BACKUPS、なければ台帳の隣） / "
            "File or folder to write (default: COVERAGE_GAP_BACKUPS, else beside the ledger)"
        ),
    ] = None,
    store: options.Store = None,
    anchors: AnchorLog = None,
    force: Force = False,
    as_json: options.Json = False,
) -> None:
    """使いながらバックアップを取り、監査記録の先頭値を控える / Back up while in use, and put the audit head down"""
    from coverage.services.backups import folder_of
    from coverage.store import backup as backups
    from coverage.store.locate import open_store

    settings, location = _place(store)
    target = (folder_of(location) if to is None else to).resolve()
    log = anchors or settings.anchor_log or backups.anchor_log(location, settings.backups_folder)
    with open_store(location.url, create=False, migrate=False) as opened:
        receipt = backups.backup(opened, target, into_folder=to is None, log=log, force=force)
    _say(as_json, _receipt(receipt), f"書き込みました / written: {receipt.path}\n{receipt.head}")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="バックアップのファイル / Backup file")],
    store: options.Store = None,
    anchors: AnchorLog = None,
    force: Force = False,
    as_json: options.Json = False,
) -> None:
    """バックアップから復元する（全部か、何もしないか） / Restore a backup, whole or not at all"""
    from coverage.store import backup as backups

    settings, location = _place(store)
    log = anchors or settings.anchor_log or backups.anchor_log(location, settings.backups_folder)
    receipt = backups.restore(source, location.url, force=force, log=log)
    _say(as_json, _receipt(receipt), f"復元しました / restored: {location.path.resolve() if location.path else location.name}\n{receipt.head}")


@app.command("verify-audit")
def verify_audit(
    store: options.Store = None,
    anchors: AnchorLog = None,
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            help="控えておいた先頭値 番号:ハッシュ（何度でも） / A head put down elsewhere, SEQ:HASH",
        ),
    ] = None,
    put_down: Annotated[
        bool,
        typer.Option(
            "--put-down",
            help="異常がなければ先頭値を控えに書き足す（毎日の定時実行用） / If all is well, append the head to the log (for a daily job)",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """監査記録と台帳が書き換えられていないか検証する / Verify that nobody changed the audit trail or the ledger"""
    from coverage.errors import StorageError
    from coverage.store import backup as backups

    settings, location = _place(store)
    log = anchors or settings.anchor_log or backups.anchor_log(location, settings.backups_folder)
    report = backups.verify(location.url, log=log, extra=tuple(_head(text) for text in head or ()))
    findings = [{"code": f.code, "seq": f.seq, "ja": f.ja, "en": f.en} for f in report.findings]
    for finding in report.findings:
        typer.echo(f"{finding.code}: {finding.ja} / {finding.en}", err=True)
    _say(
        as_json,
        {
            "ok": report.ok,
            "seq": report.head.seq,
            "head": report.head.hash,
            "rows": report.rows,
            "files": report.contents,
            "anchors": report.anchors,
            "findings": findings,
        },
        f"{report.head}\n監査記録 {report.entries} 件・記録 {report.rows} 件・控え {report.anchors} 件を検証しました / "
        f"verified {report.entries} audit rows, {report.rows} events, {report.anchors} anchors",
    )
    if report.ok and put_down:
        backups.put_down_head(report.head, log, name=location.name)
    if not report.ok:
        raise StorageError(
            "audit-broken",
            f"監査記録に異常が {len(findings)} 件あります。台帳を使うのを止め、管理者に知らせてください。",
            f"The audit trail shows {len(findings)} problem(s); stop using the ledger and tell the administrator.",
        )


@app.command()
def password(
    user: Annotated[
        str, typer.Argument(help="利用者ID（台帳の利用者と同じもの） / User id, as in the ledger")
    ],
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="ファイル（既定は COVERAGE_GAP_BASIC_FILE） / The file (default: COVERAGE_GAP_BASIC_FILE)",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="利用者を消す / Take the user out")] = False,
    as_json: options.Json = False,
) -> None:
    """auth = basic-file の利用者のパスワードを決める（画面には出ない） / Set a user's password for auth = basic-file"""
    from coverage.errors import InputError
    from coverage.services.passwords import set_password
    from coverage.settings import Settings

    path = file or Settings.from_environment().basic_file
    if path is None:
        raise InputError(
            "basic-file-unset",
            "パスワードのファイルが決まっていません。COVERAGE_GAP_BASIC_FILE か --file で指定してください。",
            "There is no password file; name one by COVERAGE_GAP_BASIC_FILE or --file.",
        )
    known = set_password(path, user, None if remove else _new_password())
    ja, en = (
        ("消しました", "taken out")
        if remove
        else ("変えました", "changed")
        if known
        else ("加えました", "added")
    )
    _say(
        as_json,
        {"user": user, "file": str(path), "done": en.replace(" ", "-")},
        f"{user}：{path} で{ja}。役割は台帳の利用者で決まります / {en}; the role is that of the ledger's user",
    )


def _new_password() -> str:
    """Asked for twice, never shown."""
    from getpass import getpass

    from coverage.errors import InputError

    try:
        first = getpass("新しいパスワード / new password: ")
        again = getpass("もう一度 / once more: ")
    except EOFError:
        first, again = "", None
    if first != again:
        raise InputError(
            "password-mismatch",
            "二つのパスワードが違うか、入力がありません。もう一度やり直してください。",
            "The two passwords differ, or none was typed; try again.",
        )
    return first


app.command()(people.user)
app.command()(people.token)


def _place(store: str | None) -> tuple[Settings, Location]:
    from coverage.settings import Settings
    from coverage.store.locate import Location

    settings = Settings.from_environment()
    return settings, Location.parse(store or settings.store_url or DEFAULT_STORE)


def _head(text: str) -> Any:
    from coverage.errors import InputError
    from coverage.store.audit import Head

    seq, _, digest = text.partition(":")
    if not seq.isdigit() or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise InputError(
            "anchor-invalid",
            f"先頭値「{text[:80]}」の書き方が違います。番号:64桁のハッシュ にしてください。",
            f'The head "{text[:80]}" is not understood; write SEQ:HASH with 64 hexadecimal digits.',
        )
    return Head(int(seq), digest)


def _own_id() -> str:
    """The login name, for the audit trail of what is done on the server itself."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "local"


def _receipt(receipt: Any) -> dict[str, Any]:
    return {
        "path": str(receipt.path),
        "seq": receipt.head.seq,
        "head": receipt.head.hash,
        "sha256": receipt.sha256,
        "counts": dict(receipt.counts),
    }


def _say(as_json: bool, value: dict[str, Any], text: str) -> None:
    if as_json:
        options.print_json(value)
    else:
        typer.echo(text)
