"""Use cases around layers: fetch, plan, list, check, import, bundle, region.toml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coverage.errors import InputError, StorageError
from coverage.fetch.addresses import load_addresses
from coverage.fetch.bundle import bundle, import_bundle, is_bundle
from coverage.fetch.by_hand import import_files
from coverage.fetch.catalogue import CatalogueEntry, write_whole
from coverage.fetch.fetching import Outcome, Setting, fetch, plan
from coverage.fetch.inspection import check_folder, settled
from coverage.fetch.plan import Choices
from coverage.fetch.prefectures import prefecture
from coverage.fetch.region_file import region_toml
from coverage.settings import Settings

Progress = Callable[[float, str], None]
DEFAULT_FOLDER = Path("layers")


def folder_of(to: Path | None) -> Path:
    """The layers' folder: as stated, else COVERAGE_GAP_LAYERS, else ``layers`` here."""
    return to or Settings.from_environment().layers_root or DEFAULT_FOLDER


def setting_of(addresses: Path | None = None) -> Setting:
    """Addresses, contact and token from the environment; ``addresses`` wins."""
    settings = Settings.from_environment()
    return Setting(
        addresses=addresses or settings.addresses, contact=settings.contact, token=settings.opencellid_token
    )


def choices_of(
    *, mesh: str | None = None, terrain: str = "auto", zoom: int | None = None, year: int | None = None
) -> Choices:
    """What a person chose on the command line."""
    return Choices(mesh=mesh, terrain=terrain, zoom=zoom, year=year)


def fetch_layers(
    code: str, folder: Path, *, layers: Sequence[str] | None, choices: Choices, setting: Setting, progress: Progress
) -> dict[str, Any]:
    """Fetch, check and install; what was done, as data and lines."""
    outcome = fetch(code, folder, layers=layers, choices=choices, setting=setting, progress=progress)
    lines = [f"{e.layer}: {len(e.files)} files, {e.total_bytes:,} bytes, {e.edition}" for e in outcome.installed]
    lines += [f"{name}: 変わりありません / unchanged" for name in outcome.unchanged]
    lines += [f"{ja} / {en}" for ja, en in outcome.notes]
    lines.append(_region_line(outcome))
    if setting.contact is None:
        lines.append(
            "COVERAGE_GAP_CONTACT に連絡先を設定すると、公表元が問い合わせできます。 / "
            "Set COVERAGE_GAP_CONTACT so that publishers can reach you."
        )
    return {
        "prefecture": outcome.prefecture,
        "folder": str(folder),
        "installed": [entry_summary(e) for e in outcome.installed],
        "unchanged": list(outcome.unchanged),
        "requests": outcome.requests,
        "region": {"state": outcome.region.state, "path": outcome.region.path, "lacking": list(outcome.region.lacking)},
        "notes": [{"ja": ja, "en": en} for ja, en in outcome.notes],
        "lines": lines,
    }


def _region_line(outcome: Outcome) -> str:
    region = outcome.region
    return {
        "written": f"{region.path} を書きました。「coverage-gap run --region {outcome.folder / outcome.prefecture}」で計算できます。 / "
        f"{region.path} written; run it with --region {outcome.folder / outcome.prefecture}",
        "kept": f"{region.path} はそのままです。 / {region.path} stays as it is",
        "beside": f"region.toml は人が直したものなので残し、新しいものを {region.path} に書きました。 / "
        f"region.toml was edited and stays; the new one is {region.path}",
        "lacking": f"region.toml には層 {'・'.join(region.lacking)} がまだ要ります。 / "
        f"region.toml still needs the layers {', '.join(region.lacking)}",
    }[region.state]


def plan_layers(
    code: str, folder: Path, *, layers: Sequence[str] | None, choices: Choices, setting: Setting
) -> dict[str, Any]:
    """What a fetch would take: files, estimated bytes and seconds; nothing is asked of any server."""
    politeness = load_addresses(setting.addresses).politeness
    rows = []
    for one in plan(code, folder, layers=layers, choices=choices, setting=setting):
        interval = politeness.interval_s if one.info.interval_s is None else one.info.interval_s
        rows.append(
            {
                "layer": one.layer,
                "source": one.source,
                "credit": one.info.credit,
                "licence": one.info.licence,
                "edition": one.info.edition,
                "files": None if one.files is None else len(one.files),
                "estimated_bytes": one.estimated_bytes,
                "at_least_seconds": None if one.files is None else round(len(one.files) * interval, 1),
                "first_address": one.files[0].address if one.files else None,
            }
        )
    known = [r["estimated_bytes"] for r in rows if r["estimated_bytes"] is not None]
    return {
        "prefecture": code,
        "layers": rows,
        "estimated_bytes": sum(known),
        "complete": len(known) == len(rows),
    }


def entry_summary(entry: CatalogueEntry) -> dict[str, Any]:
    """One layer of the catalogue, without its files."""
    return {
        "prefecture": entry.prefecture,
        "layer": entry.layer,
        "source": entry.source,
        "format": entry.format,
        "edition": entry.edition,
        "date": entry.date,
        "licence": entry.licence,
        "credit": entry.credit,
        "files": len(entry.files),
        "bytes": entry.total_bytes,
        "checks": dict(entry.checks),
        "notes": [{"ja": ja, "en": en} for ja, en in entry.notes],
    }


def list_layers(folder: Path) -> list[dict[str, Any]]:
    """The layers of a folder."""
    return [entry_summary(e) for e in settled(folder).entries]


def check_layers(folder: Path, *, read: bool, codes: Sequence[str], setting: Setting) -> list[dict[str, str]]:
    """What is wrong with the files of a folder; [] where everything is as the catalogue says."""
    found = check_folder(folder, read=read, codes=codes, prefectures_file=setting.prefectures)
    return [{"code": f.code, "where": f.where, "ja": f.ja, "en": f.en} for f in found]


def refuse_findings(findings: Sequence[object]) -> None:
    """Raise StorageError "layers-damaged" where a check found anything."""
    if findings:
        raise StorageError(
            "layers-damaged",
            f"層に {len(findings)} 件の異常があります。上の一覧のとおりに直してから計算してください。",
            f"{len(findings)} things are wrong with the layers; put right what is listed above before running.",
        )


def import_layers(
    folder: Path,
    files: Sequence[Path],
    *,
    code: str | None,
    layer: str | None,
    setting: Setting,
    layer_format: str | None = None,
    edition: str | None = None,
    licence: str | None = None,
    credit: str | None = None,
) -> dict[str, Any]:
    """Take in a bundle, or files downloaded by hand as one layer of one prefecture. ``*`` and ``?`` are understood."""
    files = [path for given in files for path in _expanded(given)]
    if len(files) == 1 and code is None and layer is None:
        if files[0].is_file() and not is_bundle(files[0]) and files[0].suffix.lower() != ".zip":
            raise _what_is_it(files[0].name)
        brought = import_bundle(folder, files[0], watch=setting.watch)
        return {
            "layers": [f"{p}/{n}" for p, n in brought.layers],
            "kept": list(brought.kept),
            "region": list(brought.region),
        }
    if code is None or layer is None:
        raise _what_is_it(files[0].name if files else "")
    entry = import_files(
        folder,
        files,
        code=code,
        layer=layer,
        layer_format=layer_format,
        edition=edition,
        licence=licence,
        credit=credit,
        setting=setting,
    )
    return {"layers": [f"{entry.prefecture}/{entry.layer}"], "kept": [], "region": [], "checks": dict(entry.checks)}


def _expanded(given: Path) -> list[Path]:
    """What a shell does with ``*.zip``, for those that do not (Windows); a pattern without a match stays."""
    if given.exists() or not any(sign in given.name for sign in "*?"):
        return [given]
    return sorted(given.parent.glob(given.name)) or [given]


def _what_is_it(name: str) -> InputError:
    return InputError(
        "import-what",
        f"「{name}」がどの県のどの層か分かりません。--prefecture と --layer を付けるか、layers bundle で作った書庫を指定してください。",
        f"It is not known which layer of which prefecture '{name}' is; give --prefecture and --layer, or name an archive made "
        "by 'layers bundle'.",
    )


def bundle_layers(folder: Path, target: Path, *, codes: Sequence[str]) -> dict[str, Any]:
    """Make one archive for the closed network."""
    made = bundle(folder, target, codes=codes)
    return {
        "path": str(made.path),
        "sha256": made.sha256,
        "bytes": made.bytes,
        "files": made.files,
        "prefectures": list(made.prefectures),
    }


def write_region(
    code: str,
    folder: Path,
    *,
    setting: Setting,
    to: Path | None = None,
    fiscal_years: Sequence[int] | None = None,
    population: str = "population",
    force: bool = False,
) -> Path:
    """Write a region.toml from the catalogue (default: the prefecture's folder), or refuse to overwrite another."""
    home = prefecture(code, setting.prefectures)
    text = region_toml(
        settled(folder).of(home.code),
        home,
        fiscal_years=fiscal_years,
        population=population,
        defaults_file=setting.region_defaults,
    )
    place = (to or folder / home.code) / "region.toml"
    if place.exists() and not force and place.read_text(encoding="utf-8") != text:
        raise InputError(
            "region-exists",
            f"「{place.name}」が既にあり、中身が違います。上書きするなら --force を付けてください。",
            f"'{place.name}' is there already and differs; add --force to overwrite it.",
        )
    write_whole(place, text)
    return place
