"""Finding a place by what people have at hand: a name, a mesh code, or a position in any of its spellings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from coverage.domain import mesh
from coverage.errors import InputError
from coverage.report.map_sites import site_records
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.place_files import shown_plans
from coverage.services.run_layers import settlements_of
from coverage.uploads.positions import judge_position, read_angle, tokyo_to_lonlat

MOST: Final = 20
"""Answers of one search; how many there are altogether is said beside them."""
LONGEST: Final = 80
"""Characters of a question that are looked at."""
KINDS: Final = ("municipality", "town", "district", "site")
"""Kinds of names, in the order in which equally good answers are listed."""

# Ways to write one name: small and large kana, the particle of names, old and new forms.
_FOLDED: Final = str.maketrans({"ヶ": "ケ", "ヵ": "カ", "ッ": "ツ", "之": "ノ", "の": "ノ", "が": "ケ", "ガ": "ケ", "ヱ": "エ", "ヰ": "イ", "桧": "檜", "嶋": "島", "冨": "富"})  # fmt: skip
_PARTED: Final = re.compile(r"[\s,、;/]+")


@dataclass(frozen=True, slots=True)
class _Named:
    kind: str
    key: str
    name: str
    more: str
    lat: float
    lon: float
    folded: str


def find_places(
    context: AppContext,
    run: RunResult,
    text: str,
    *,
    principal: Principal,
    plans: bool = False,
    lang: str = "ja",
) -> dict[str, Any]:
    """Answers to ``text``: ``{"results": […], "total": n, "hint": …}``.

    A result has ``kind`` (municipality, town, district, site, mesh, position), ``name``, ``more`` and a place:
    ``lat``/``lon``, for a mesh cell also ``bounds`` (west, south, east, north), for a municipality its ``code``, for a
    site its ``id``. A position that can be read in two ways comes with a ``question``. ``plans``: also sites not in
    service yet, as far as ``principal`` may see them. ``hint`` says in both languages why nothing was found.
    """
    authorise(principal, Action.VIEW, Resource(Object.MAP))
    asked = unicodedata.normalize("NFKC", text[:LONGEST]).strip()
    if not asked:
        return {"results": [], "total": 0, "hint": None}
    exact, hint = _codes_and_positions(asked, text[:LONGEST].strip())
    if exact:
        return {"results": exact, "total": len(exact), "hint": None}
    wanted = folded(asked)
    ranked = []
    for named in _names(context, run, principal, plans, lang):
        rank = _rank(named.folded, wanted)
        if rank is not None:
            ranked.append((rank, KINDS.index(named.kind), len(named.name), named.name, named.key, named))
    ranked.sort(key=lambda entry: entry[:-1])
    results = []
    for *_, named in ranked[:MOST]:
        own = {"code": named.key} if named.kind == "municipality" else {"id": named.key}
        results.append(
            {
                "kind": named.kind,
                "name": named.name,
                "more": named.more,
                "lat": named.lat,
                "lon": named.lon,
                **own,
            }
        )
    return {"results": results, "total": len(ranked), "hint": hint}


def folded(name: str) -> str:
    """A name without what people write differently: width, case, blanks, small kana, ヶ and が."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s・･\-‐－()（）]", "", plain).translate(_FOLDED)


def _rank(name: str, wanted: str) -> int | None:
    """0 the name itself, 1 it begins with it, 2 it holds it; None otherwise."""
    if not wanted or wanted not in name:
        return None
    return 0 if name == wanted else 1 if name.startswith(wanted) else 2


# --- Names -----------------------------------------------------------------------------------------------------------


def _names(
    context: AppContext, run: RunResult, principal: Principal, plans: bool, lang: str
) -> Iterator[_Named]:
    stamp = (run.folder / "run.json").stat().st_mtime_ns
    yield from _run_names(run.folder, stamp)
    places = {
        named.key: named.name for named in _run_names(run.folder, stamp) if named.kind == "municipality"
    }
    for town in settlements_of(context):
        more = places.get(town.municipality_code, "")
        # A town is found by 「町名」 and by 「市町名＋町名」.
        yield _Named("town", f"{town.lat},{town.lon}", town.name, more, town.lat, town.lon, folded(town.name))
    for site in site_records(run, lang, plans=shown_plans(run, principal) if plans else False):
        more = f"{places.get(site['code'], '')} {site['status']}".strip()
        name = f"{folded(site['name'])}{folded(site['id'])}"
        yield _Named("site", site["id"], site["name"] or site["id"], more, site["at"][0], site["at"][1], name)


@lru_cache(maxsize=4)
def _run_names(folder: Path, _changed: int) -> tuple[_Named, ...]:
    """Municipalities and districts of a run."""
    from shapely.geometry import shape

    run = RunResult.open(folder)
    out = []
    places = {}
    for item in run.geojson("municipalities")["features"]:
        p = item["properties"]
        if item["geometry"] is None:
            continue
        inside = shape(item["geometry"]).representative_point()
        code, name = str(p["municipality_code"]), str(p["name"])
        places[code] = name
        # 「朧郡榧谷町」 is asked for as 「榧谷町」 as often.
        every = folded(name.split("郡", 1)[-1] + name + code)
        out.append(_Named("municipality", code, name, code, round(inside.y, 5), round(inside.x, 5), every))
    for record in run.districts.to_dict("records"):
        if record["lat"] != record["lat"]:
            continue
        name = "" if record["name"] != record["name"] else str(record["name"])
        key = str(record["district_id"])
        more = places.get(str(record["municipality_code"]), "")
        at = (round(float(record["lat"]), 5), round(float(record["lon"]), 5))
        out.append(_Named("district", key, name or key, more, *at, folded(f"{name}{key}")))
    return tuple(out)


# --- Codes and positions ---------------------------------------------------------------------------------------------


def _codes_and_positions(asked: str, raw: str) -> tuple[list[dict[str, Any]], dict[str, str] | None]:
    """Answers to a mesh code or a position; and a hint where it looks like one but is none."""
    digits = re.sub(r"[\s-]", "", asked)
    if re.fullmatch(r"\d{4,11}", digits):
        try:
            code = mesh.parse_code(digits)
        except InputError as error:
            # Six digits may be a municipality's code, which the names are asked for.
            return [], {"ja": error.ja, "en": error.en}
        west, south, east, north = mesh.bounds(code)
        cell: dict[str, Any] = (
            {
                "kind": "mesh", "name": mesh.format_code(code, len(digits)), "more": _size(len(digits)),
                "lat": (south + north) / 2, "lon": (west + east) / 2, "bounds": [west, south, east, north],
            }
        )  # fmt: skip
        return [cell], None
    pair = _pair(raw)
    if pair is None:
        return [], None
    found, hint = _positions(*pair)
    if re.search(r"[東北EN]", asked, flags=re.IGNORECASE):
        # Each half says itself what it is: there is nothing to ask.
        found = [{k: v for k, v in answer.items() if k != "question"} for answer in found[:1]]
    return found, hint


def _size(digits: int) -> str:
    return {4: "80 km", 6: "10 km", 8: "1 km", 9: "500 m", 10: "250 m", 11: "125 m"}[digits]


def _pair(raw: str) -> tuple[float, float] | None:
    """Two angles of any spelling: parted by a comma or blanks, or one after the other with their own names."""
    text = unicodedata.normalize("NFKC", raw.replace("´", "'").replace("˚", "°"))
    text = re.sub(r"^(緯度経度|緯度・経度|緯度|latlon|lat)[::=\s]*", "", text, flags=re.IGNORECASE)
    text = re.sub(r"(経度|lon(g)?)[::=\s]*", " ", text, flags=re.IGNORECASE)
    named = re.fullmatch(
        r"\s*((?:北緯|N)?[^東E]+?)[\s,、]*((?:東経|E).+?|[^東E]+?E)\s*", text, flags=re.IGNORECASE
    )
    turned = re.fullmatch(r"\s*((?:東経|E)[^北N]+?)[\s,、]*((?:北緯|N).+?)\s*", text, flags=re.IGNORECASE)
    comma = re.split(r"\s*[,、;/]\s*", text.strip())
    for parts in (
        comma if len(comma) == 2 else None,
        named.groups() if named else None,
        turned.groups() if turned else None,
    ):
        if parts is not None and (angles := _angles(parts[0], parts[1])):
            return angles
    words = _PARTED.split(text.strip())
    # 「33 31 30 136 30 54」: every way to part the words in two halves of the same length.
    half = len(words) // 2
    if len(words) in {2, 4, 6}:
        return _angles(" ".join(words[:half]), " ".join(words[half:]))
    return None


def _angles(first: str, second: str) -> tuple[float, float] | None:
    a, b = read_angle(first.strip()), read_angle(second.strip())
    if a is None or b is None or a.degrees != a.degrees or b.degrees != b.degrees:
        return None
    return a.degrees, b.degrees


def _positions(first: float, second: float) -> tuple[list[dict[str, Any]], dict[str, str] | None]:
    """A position, its axes exchanged with a question where only that lies in Japan; a hint where neither does."""
    problem = judge_position(first, second)
    if problem is None:
        return [_position(first, second), _old_datum(first, second)], None
    if problem == "axes-swapped":
        question = {
            "ja": f"経度・緯度の順と読みました。北緯 {second:.5f}、東経 {first:.5f} でよろしいですか。",
            "en": f"Read as longitude, latitude: is {second:.5f} N, {first:.5f} E meant?",
        }
        return [{**_position(second, first), "question": question}], None
    return [], {
        "ja": f"位置 {first:g}, {second:g} は日本の外か、緯度・経度の範囲の外です。緯度・経度の順に度で書いてください。",
        "en": f"The position {first:g}, {second:g} lies outside Japan or is none; write latitude and longitude in degrees.",
    }


def _position(lat: float, lon: float) -> dict[str, Any]:
    return {
        "kind": "position",
        "name": f"{lat:.5f}, {lon:.5f}",
        "more": "",
        "lat": round(lat, 6),
        "lon": round(lon, 6),
    }


def _old_datum(lat: float, lon: float) -> dict[str, Any]:
    """The same numbers read in the Tokyo datum, which old lists and maps use: about 450 m to the north-west."""
    new_lon, new_lat = tokyo_to_lonlat(lon, lat)
    question = {
        "ja": "日本測地系（旧測地系）の値なら、こちらの位置です。",
        "en": "If the numbers are of the old Tokyo datum, this is the place.",
    }
    return {**_position(new_lat, new_lon), "question": question}
