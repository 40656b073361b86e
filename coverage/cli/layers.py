"""``fetch`` and ``layers``: get real layers, look after them, carry them to a closed network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coverage.cli import options

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="層（行政区域・人口・標高など）の一覧・検査・取り込み・持ち出し / Layers: list, check, import, bundle",
)

Prefecture = Annotated[str, typer.Option("--prefecture", help="都道府県コード2桁（例 01） / Prefecture code, two digits")]
SomePrefectures = Annotated[
    list[str] | None, typer.Option("--prefecture", help="都道府県コード（何度でも、既定は全部） / Prefecture code, repeatable")
]
To = Annotated[
    Path | None,
    typer.Option("--to", help="層のフォルダ（既定は COVERAGE_GAP_LAYERS、なければ layers） / Folder of the layers"),
]
From = Annotated[
    Path | None,
    typer.Option("--from", help="層のフォルダ（既定は COVERAGE_GAP_LAYERS、なければ layers） / Folder of the layers"),
]
Addresses = Annotated[
    Path | None,
    typer.Option("--addresses", help="直した addresses.toml（既定は COVERAGE_GAP_ADDRESSES、なければ同梱） / Edited addresses.toml"),
]


def fetch(
    prefecture: Prefecture,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            help="取得する層をコンマで（boundaries,population,future-population,terrain,settlements,shelters,sites） / Layers, by comma",
        ),
    ] = None,
    to: To = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="何をどれだけ取得するかだけ表示 / Only print what would be fetched")
    ] = False,
    mesh: Annotated[
        str | None, typer.Option("--mesh", help="人口メッシュ：250m・500m・1km / Population mesh: 250m, 500m, 1km")
    ] = None,
    terrain: Annotated[
        str, typer.Option("--terrain", help="標高：auto・gsi・srtm（auto は GSI、だめなら SRTM） / Elevation: auto, gsi, srtm")
    ] = "auto",
    zoom: Annotated[int | None, typer.Option("--zoom", help="標高タイルのズーム 9〜15（既定 14） / Zoom of elevation tiles")] = None,
    year: Annotated[int | None, typer.Option("--year", help="将来推計人口の年 / Year of the projected population")] = None,
    addresses: Addresses = None,
    as_json: options.Json = False,
) -> None:
    """層を公表元から取得して検査し、目録に入れる / Fetch layers from their publishers, check and catalogue them"""
    from coverage.cli.progress import terminal_progress
    from coverage.services import layers as service

    names = None if layers is None else [n.strip() for n in layers.split(",") if n.strip()]
    choices = service.choices_of(mesh=mesh, terrain=terrain, zoom=zoom, year=year)
    setting, folder = service.setting_of(addresses), service.folder_of(to)
    if plan:
        _show_plan(service.plan_layers(prefecture, folder, layers=names, choices=choices, setting=setting), as_json)
        return
    with terminal_progress(quiet=as_json) as progress:
        done = service.fetch_layers(
            prefecture, folder, layers=names, choices=choices, setting=setting, progress=progress
        )
    _say(done, as_json, done.pop("lines"))


@app.command("list")
def list_layers(folder: From = None, as_json: options.Json = False) -> None:
    """層の一覧 / List the layers"""
    from coverage.services import layers as service

    rows = service.list_layers(service.folder_of(folder))
    lines = [
        f"{r['prefecture']}  {r['layer']:<18} {r['edition']}  {r['files']:>6,} files {r['bytes']:>14,} bytes  {r['date']}  {r['credit']}"
        for r in rows
    ]
    _say({"layers": rows}, as_json, lines or ["層はまだありません。「coverage-gap fetch」で取得します。 / No layer yet; use 'coverage-gap fetch'."])


@app.command()
def check(
    folder: From = None,
    prefecture: SomePrefectures = None,
    read: Annotated[
        bool, typer.Option("--read", help="中身も読んで確かめる（時間がかかる） / Read the layers too (takes longer)")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """層のファイルが目録のとおりか確かめる / Check the files against the catalogue"""
    from coverage.services import layers as service

    findings = service.check_layers(
        service.folder_of(folder), read=read, codes=prefecture or (), setting=service.setting_of()
    )
    for finding in findings:
        typer.echo(f"{finding['code']}: {finding['ja']} / {finding['en']}", err=True)
    _say({"ok": not findings, "findings": findings}, as_json, [] if findings else ["異常はありません。 / Everything is in order."])
    service.refuse_findings(findings)


@app.command("import")
def import_layers(
    files: Annotated[
        list[Path], typer.Argument(help="bundle で作った書庫、または手で取得したファイルやフォルダ / A bundle, or files taken by hand")
    ],
    to: To = None,
    prefecture: Annotated[
        str | None, typer.Option("--prefecture", help="手で取得したファイルの都道府県コード / Prefecture of files taken by hand")
    ] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="手で取得したファイルの層 / Layer of files taken by hand")] = None,
    layer_format: Annotated[
        str | None, typer.Option("--format", help="形式（既定は層とファイル名から） / Format (default: from layer and names)")
    ] = None,
    edition: Annotated[str | None, typer.Option("--edition", help="版 / Edition")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="利用条件 / Licence")] = None,
    credit: Annotated[str | None, typer.Option("--credit", help="出典表示 / Credit line")] = None,
    addresses: Addresses = None,
    as_json: options.Json = False,
) -> None:
    """書庫か、手で取得したファイルを取り込む（全部か、何もしないか） / Take in a bundle or files, whole or not at all"""
    from coverage.services import layers as service

    done = service.import_layers(
        service.folder_of(to),
        files,
        code=prefecture,
        layer=layer,
        layer_format=layer_format,
        edition=edition,
        licence=licence,
        credit=credit,
        setting=service.setting_of(addresses),
    )
    lines = [f"取り込みました / imported: {', '.join(done['layers'])}"]
    lines += [f"人が直したものなので残しました / kept, it differs: {name}" for name in done["kept"]]
    _say(done, as_json, lines)


@app.command()
def bundle(
    archive: Annotated[Path, typer.Argument(help="書き込む zip / Zip to write")],
    folder: From = None,
    prefecture: SomePrefectures = None,
    as_json: options.Json = False,
) -> None:
    """閉域網へ運ぶ書庫を一つ作る（チェックサム付き） / Make one archive with checksums for a closed network"""
    from coverage.services import layers as service

    done = service.bundle_layers(service.folder_of(folder), archive, codes=prefecture or ())
    _say(done, as_json, [f"{done['path']}  {done['bytes']:,} bytes  {done['files']:,} files", f"SHA-256 {done['sha256']}"])


@app.command()
def region(
    prefecture: Prefecture,
    folder: From = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="region.toml を書くフォルダ（既定は層のフォルダの県） / Folder to write region.toml to")
    ] = None,
    fiscal_years: Annotated[
        str | None, typer.Option("--fiscal-years", help="計算する年度 2015-2019 / Fiscal years, western")
    ] = None,
    population: Annotated[
        str, typer.Option("--population", help="人口に使う層：population・future-population / Layer of people")
    ] = "population",
    force: Annotated[bool, typer.Option("--force", help="あるものを置き換える / Replace what is there")] = False,
) -> None:
    """目録から region.toml を作る / Make a region.toml from the catalogue"""
    from coverage.services import layers as service

    place = service.write_region(
        prefecture,
        service.folder_of(folder),
        setting=service.setting_of(),
        to=to,
        fiscal_years=None if fiscal_years is None else _years(fiscal_years),
        population=population,
        force=force,
    )
    typer.echo(f"書き込みました / written: {place}")


def _years(text: str) -> list[int]:
    from coverage.errors import InputError

    first, _, last = text.partition("-")
    last = last or first
    if not (first.isdigit() and last.isdigit() and 1926 <= int(first) <= int(last) <= 2199):
        raise InputError(
            "fiscal-years-wrong",
            f"年度「{text[:40]}」の書き方が違います。西暦で 2015-2019 のように書いてください。",
            f"The fiscal years '{text[:40]}' are not understood; write western years such as 2015-2019.",
        )
    return list(range(int(first), int(last) + 1))


def _show_plan(plan: dict[str, Any], as_json: bool) -> None:
    lines = []
    for row in plan["layers"]:
        if row["files"] is None:
            size = "行政区域を取得すると決まります / known once the boundaries are there"
        else:
            size = f"{row['files']:,} files, ~{row['estimated_bytes'] / 1e6:,.1f} MB, >= {row['at_least_seconds']:,.0f} s"
        lines.append(f"{row['layer']:<18} {row['source']:<12} {size}  {row['credit']}")
    more = "" if plan["complete"] else " + ?"
    lines.append(f"合計（見積り） / total (estimate): ~{plan['estimated_bytes'] / 1e6:,.1f} MB{more}")
    _say(plan, as_json, lines)


def _say(value: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    if as_json:
        options.print_json(value)
        return
    for line in lines:
        typer.echo(line)
