"""``region.toml`` from the catalogue: every parameter follows from the prefecture's code and the tables of data.

Plane zone and names come from ``prefectures.toml``, operators with their bands and the ladder from
``region_defaults.toml``, layers from the catalogue. A region.toml that a person has edited is never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from coverage.errors import InputError, RegionError
from coverage.fetch.catalogue import Catalogue, CatalogueEntry, write_whole
from coverage.fetch.prefectures import Prefecture

PACKAGED: Final = Path(__file__).with_name("region_defaults.toml")
NAME: Final = "region.toml"
BESIDE: Final = "region.new.toml"
"""Where a new region.toml goes when the one in place was edited by a person."""

YEARS: Final = 5
_NEEDED: Final = ("boundaries", "population", "terrain")
_SITES_HEADER: Final = "site_id,name,municipality_code,lat,lon,height_m,status,funding,purpose,project_id,replaces\n"
_OPERATORS_HEADER: Final = "site_id,operator,in_service_date,date_precision,band,frequency_mhz,bandwidth_mhz,eirp_dbm\n"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Written:
    """What became of region.toml: "written", "kept" (nothing new), "beside" (edited by a person), "lacking" layers."""

    state: str
    path: str = ""
    lacking: tuple[str, ...] = ()


def defaults(path: Path = PACKAGED) -> dict[str, Any]:
    """The tables of ``region_defaults.toml``. Raises RegionError "region-defaults-broken"."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        for operator in found["operators"].values():
            _ = operator["networks"], operator["bands"], operator["defaults"]
        _ = found["ladder"]["classes"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as problem:
        raise RegionError(
            "region-defaults-broken",
            f"地域の初期値「{path.name}」を読めません（{problem}）。配布物を入れ直してください。",
            f"The first values of regions, '{path.name}', cannot be read ({problem}); install the product again.",
        ) from None
    return found


def networks(path: Path = PACKAGED) -> dict[str, str]:
    """Mobile network ("440-10") → operator id."""
    return {n: key for key, operator in defaults(path)["operators"].items() for n in operator["networks"]}


def region_toml(
    entries: Sequence[CatalogueEntry],
    home: Prefecture,
    *,
    fiscal_years: Sequence[int] | None = None,
    population: str = "population",
    defaults_file: Path = PACKAGED,
) -> str:
    """Text of a region.toml for one prefecture.

    ``population`` is the layer that stands for people: "population" or "future-population". ``fiscal_years``: western;
    default the five that end with the one in which the boundaries stand. Raises InputError "layers-lacking".
    """
    by_layer = {e.layer: e for e in entries if e.prefecture == home.code}
    chosen = population if population in by_layer else next(
        (n for n in ("population", "future-population") if n in by_layer), population
    )  # fmt: skip
    lacking = [n for n in ("boundaries", chosen, "terrain") if n not in by_layer]
    if lacking:
        raise InputError(
            "layers-lacking",
            f"{home.name_ja}の層 {'・'.join(lacking)} がまだありません。fetch か layers import で入れてください。",
            f"{home.name_en} lacks the layers {', '.join(lacking)}; fetch or import them.",
        )
    tables = defaults(defaults_file)
    sites = by_layer.get("sites")
    years = list(fiscal_years or _years(by_layer["boundaries"]))
    out = [
        "# 目録 catalogue.json から作った地域の設定。自由に直してよい（直したものは上書きされない）。項目の説明は docs/region.md。",
        "# Made from catalogue.json. Edit it freely: an edited file is never overwritten. Every key: docs/region.md.",
        "",
        "[region]",
        f"id = {_value(home.id)}",
        f"prefecture_code = {_value(home.code)}",
        f"name_ja = {_value(home.name_ja)}",
        f"name_en = {_value(home.name_en)}",
        *(["fictional = true"] if home.fictional else []),
        f"plane_epsg = {home.plane_epsg}",
        f"fiscal_years = {_value(years)}",
    ]
    for name in ("boundaries", chosen, "terrain"):
        out += _layer("population" if name == chosen else name, by_layer[name])
    out += _layer("sites", sites) if sites is not None else _own_sites(by_layer["boundaries"].date)
    for name in ("settlements", "shelters"):
        if name in by_layer:
            out += _layer(name, by_layer[name])
    inventory = "partial" if sites is not None else "none"
    for key, operator in tables["operators"].items():
        out += _operator(key, operator, home.code, inventory)
    ladder = tables["ladder"]
    out += ["", "[ladder]", *(f"{k} = {_value(v)}" for k, v in ladder.items() if k != "classes"), "classes = ["]
    out += [f"  {_value(c)}," for c in ladder["classes"]]
    out += ["]"]
    return "\n".join(out) + "\n"


def stage(
    catalogue: Catalogue, home: Prefecture, folder: Path, scratch: Path, *, defaults: Path = PACKAGED
) -> tuple[Catalogue, dict[str, Path], Written]:
    """Make the region.toml that goes with ``catalogue``, under ``scratch``.

    Returns the catalogue that remembers it, what is to be moved into place, and what became of it. A file that a person
    edited stays, and the new one goes beside it.
    """
    by_layer = {e.layer for e in catalogue.of(home.code)}
    lacking = tuple(n for n in _NEEDED if n not in by_layer and not (n == "population" and "future-population" in by_layer))
    if lacking:
        return catalogue, {}, Written("lacking", lacking=lacking)
    text = region_toml(catalogue.of(home.code), home, defaults_file=defaults)
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    place = folder / home.code / NAME
    moves: dict[str, Path] = {}
    if "sites" not in by_layer and not (folder / home.code / "towers").exists():
        write_whole(scratch / "towers" / "sites.csv", "\ufeff" + _SITES_HEADER)
        write_whole(scratch / "towers" / "site_operators.csv", "\ufeff" + _OPERATORS_HEADER)
        moves[f"{home.code}/towers"] = scratch / "towers"
    present = _digest(place)
    if present == digest:
        return catalogue.with_region(home.code, digest), moves, Written("kept", f"{home.code}/{NAME}")
    name = NAME if present in ("", catalogue.regions.get(home.code)) else BESIDE
    target = f"{home.code}/{name}"
    if name == BESIDE and _digest(folder / target) == digest:
        return catalogue, moves, Written("beside", target)
    write_whole(scratch / name, text)
    moves[target] = scratch / name
    if name == NAME:
        return catalogue.with_region(home.code, digest), moves, Written("written", target)
    return catalogue, moves, Written("beside", target)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _years(boundaries: CatalogueEntry) -> list[int]:
    match = re.match(r"(\d{4})(?:-(\d{2}))?", boundaries.edition) or re.match(r"(\d{4})(?:-(\d{2}))?", boundaries.date)
    today = date.today()
    year, month = (int(match[1]), int(match[2] or 4)) if match else (today.year, today.month)
    last = year if month >= 4 else year - 1
    return list(range(last - YEARS + 1, last + 1))


def _layer(name: str, entry: CatalogueEntry) -> list[str]:
    lines = ["", f"[layers.{name}]", f"format = {_value(entry.format)}"]
    lines.append(f"path = {_value(list(entry.paths) if len(entry.paths) > 1 else entry.paths[0])}")
    lines += [f"{key} = {_value(getattr(entry, key))}" for key in ("edition", "licence", "credit")]
    if entry.options:
        # In one order, whether the catalogue was just made or has been read from its file.
        lines.append(f"options = {_value(json.loads(json.dumps(dict(entry.options), sort_keys=True)))}")
    return lines


def _own_sites(day: str) -> list[str]:
    return [
        "",
        "# 基地局は台帳から。表に行を書くか、別の一覧に変える（docs/layers.md） / Sites: fill the tables or name another list.",
        "[layers.sites]",
        'format = "tables"',
        'path = "towers"',
        f"edition = {_value(day)}",
        'licence = "内部資料"',
        'credit = "基地局・不感地域の台帳"',
    ]


def _operator(key: str, operator: Mapping[str, Any], code: str, inventory: str) -> list[str]:
    lines = ["", f"[operators.{_key(key)}]"]
    lines += [f"{k} = {_value(operator[k])}" for k in ("name_ja", "name_en", "colour")]
    lines += [f"inventory = {_value(inventory)}", f"defaults = {_value(operator['defaults'])}"]
    bands = {
        name: {k: v for k, v in band.items() if k != "prefectures"}
        for name, band in operator["bands"].items()
        if "prefectures" not in band or code in band["prefectures"]
    }
    if bands:
        lines += ["", f"[operators.{_key(key)}.bands]", *(f"{_key(n)} = {_value(b)}" for n, b in bands.items())]
    return lines


def _key(text: str) -> str:
    return text if _BARE_KEY.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _value(value: Any) -> str:
    """One TOML value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return "{ " + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
