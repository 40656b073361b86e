"""What a run says, in the shape that the map page shows: one plain record, small enough to travel inside the page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from coverage.domain.fiscal import label, last_day, short_label
from coverage.gaps.classes import OUTSIDE_CLASS
from coverage.report.map_sites import Plans, site_records
from coverage.report.pictures import (
    YearStack,
    around,
    class_pixels,
    data_uri,
    grid_of,
    hillshade,
    mercator_frame,
    rgb,
    year_stack,
)
from coverage.report.table_cells import day, number, text
from coverage.report.wording import Texts, layer_edition, layer_name, report_texts
from coverage.runs.reception import conditions_said
from coverage.runs.result import ANY_OPERATOR, RunResult

RAMP: Final = ("#fffdf5", "#fee6b8", "#fdc777", "#f3953c", "#d2601a", "#9a3412")
"""People unserved, few to many: one hue growing darker, readable without colour vision and in a grey print."""

SHAPES: Final = ("circle", "square", "triangle", "diamond", "inverted", "hexagon")
SHARED: Final = {"shape": "pentagon", "colour": "#1d2a35"}
"""Sign of a site with more than one operator."""

MAX_AREAS: Final = 900
"""Outlines on one page; beyond it the smallest by people are left out and the page says from how many people on."""


@dataclass(frozen=True)
class MapLayer:
    """One outline a feature: ``shapes`` for folium, ``properties`` (same order) for the page's script.

    They are kept apart on purpose. branca compiles what folium renders as a Jinja template once more, so a district
    called ``{{ … }}`` would run on the server; a feature that folium sees carries a number and nothing else.
    """

    shapes: list[BaseGeometry]
    properties: list[dict[str, Any]]

    def numbered(self, decimals: int = 4) -> dict[str, Any]:
        """A FeatureCollection in lon/lat whose features have one property: ``i``, the index of their properties."""
        return {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": {"i": i}, "geometry": _rounded(mapping(geometry), decimals)}
                for i, geometry in enumerate(self.shapes)
            ],
        }


@dataclass(frozen=True)
class MapData:
    """``page`` is the JSON of the page, the texts of users among it; the layers are outlines in lon/lat."""

    page: dict[str, Any]
    municipalities: MapLayer
    areas: MapLayer
    districts: MapLayer
    relief: bytes


def map_data(run: RunResult, lang: str, *, plans: Plans, signal: bool = True) -> MapData:
    """Collect everything the map of ``run`` shows, in ``lang`` ("ja" or "en").

    ``plans``: with the sites that have not been in service yet. They are the operators' plans and not public.
    ``signal``: with the packed pictures of signal classes, which a still map does not need.
    """
    texts = report_texts(lang)
    meta = run.meta
    grid = grid_of(meta["grid"])
    frame = mercator_frame(grid, max_pixels=1000)
    shapes = _boundaries(run)
    places = _places(run, shapes, texts)
    areas, smallest = _areas(run)
    shown = [
        value for place in places.values() if place["code"] != run.region_code for value in _unserved(place)
    ]
    page = {
        "lang": texts.lang,
        "runId": run.run_id,
        "regionCode": run.region_code,
        "years": run.fiscal_years,
        "yearLabels": [texts("timeline.end_of", year=_long_label(fy, texts.lang)) for fy in run.fiscal_years],
        "shortLabels": [
            short_label(fy) if texts.lang == "ja" else f"FY{fy % 100:02d}" for fy in run.fiscal_years
        ],
        "estimated": bool(meta["estimated"]),
        "plans": bool(plans),
        "computable": meta["computable"],
        "reason": meta["computable_reason"][texts.lang],
        "operators": _operators(meta["operators"], texts.lang),
        "shared": SHARED,
        "classes": _classes(meta["ladder"]["classes"], texts),
        "breaks": nice_breaks(shown, len(RAMP) - 1),
        "ramp": list(RAMP),
        "places": places,
        "frame": frame.corners,
        "view": _view(shapes.values()),
        "stacks": _stacks(run) if signal else {},
        "credits": _credits(meta, texts),
        "model": _model(meta, texts, smallest),
        "sites": site_records(run, lang, plans=plans),
        "texts": {**texts.below("map"), **_common(texts), **_reception_words(meta, texts)},
    }
    relief = relief_picture(run)
    page["around"] = around(relief)
    layers = {"municipalities": _boundary_layer(shapes), "areas": areas, "districts": _districts(run)}
    page["layers"] = {name: layer.properties for name, layer in layers.items()}
    return MapData(page=page, **layers, relief=relief)


def nice_breaks(values: Sequence[float], steps: int) -> list[int]:
    """``steps`` rising class edges: 1 (below it: nobody), then round numbers that part the values about evenly.

    Edges are 10, 15, 20, 30, 50, 70, 100, …; where the values are few or alike, the next round numbers fill up.
    """
    people = sorted(v for v in values if math.isfinite(v) and v >= 1.0)
    series = [m * 10**e for e in range(8) for m in (10, 15, 20, 30, 50, 70)]
    chosen: list[int] = []
    for k in range(1, steps):
        wanted = people[len(people) * k // steps] if people else 0.0
        at = min(range(len(series)), key=lambda i: abs(math.log(series[i]) - math.log(max(wanted, 1.0))))
        while chosen and series[at] <= chosen[-1]:
            at += 1
        chosen.append(series[at])
    return [1, *chosen]


def _reception_words(meta: dict[str, Any], texts: Texts) -> dict[str, str]:
    """Names of the signal that stand in for those of outdoors where the run is of indoors or of cars."""
    card = meta["model_card"].get("reception")
    if card is None:
        return {}
    place = card[f"name_{texts.lang}"]
    return {
        "legend.signal": texts("not_outdoors.legend", place=place),
        "surface.signal": texts("not_outdoors.surface", place=place),
    }


def _common(texts: Texts) -> dict[str, str]:
    """Units and short words that several outputs share."""
    return {
        name: texts[name]
        for name in texts
        if name.startswith(("unit.", "estimated.", "not_computable.", "status."))
    }


def _long_label(fy: int, lang: str) -> str:
    return f"{label(fy, lang)}（{fy}）" if lang == "ja" else f"{label(fy, lang)}"


def _rounded(value: Any, decimals: int) -> Any:
    if isinstance(value, float):
        return round(value, decimals)
    if isinstance(value, (list, tuple)):
        return [_rounded(v, decimals) for v in value]
    if isinstance(value, dict):
        return {key: _rounded(v, decimals) for key, v in value.items()}
    return value


def _boundaries(run: RunResult) -> dict[str, BaseGeometry]:
    """Boundaries by code, from the summary of the latest year."""
    document = run.geojson("municipalities")
    return {
        str(f["properties"]["municipality_code"]): shape(f["geometry"])
        for f in document["features"]
        if f["geometry"] is not None
    }


def _boundary_layer(shapes: dict[str, BaseGeometry]) -> MapLayer:
    """Boundaries made coarser together, so that neighbours keep one common line."""
    geometries = np.array(list(shapes.values()), dtype=object)
    west, south, east, north = shapely.total_bounds(geometries)
    tolerance = max(east - west, north - south) / 2500.0
    coarse = shapely.coverage_simplify(geometries, tolerance)
    kept = [new if not new.is_empty else old for new, old in zip(coarse, geometries, strict=True)]
    return MapLayer(kept, [{"code": code} for code in shapes])


def _view(shapes: Iterable[BaseGeometry]) -> list[list[float]]:
    west, south, east, north = (float(v) for v in shapely.total_bounds(np.array(list(shapes), dtype=object)))
    return [[south, west], [north, east]]


def _label_point(geometry: BaseGeometry) -> list[float]:
    """[lat, lon] in the middle of the largest part."""
    parts = shapely.get_parts(geometry)
    largest = max(parts, key=lambda part: float(part.area))
    west, south, east, north = largest.bounds
    circle = shapely.maximum_inscribed_circle(largest, tolerance=max(east - west, north - south) / 100.0)
    centre = shapely.get_point(circle, 0)
    return [round(float(centre.y), 4), round(float(centre.x), 4)]


def _places(run: RunResult, shapes: dict[str, BaseGeometry], texts: Texts) -> dict[str, dict[str, Any]]:
    """Figures by code, operator ("any" first) and year; the whole region under its two-digit code."""
    places: dict[str, dict[str, Any]] = {}
    for record in run.municipalities.to_dict("records"):
        code = str(record["municipality_code"])
        name = _region_name(run, texts.lang) if code == run.region_code else str(record["name"])
        place = places.setdefault(
            code, {"code": code, "name": name, "short": name.split("郡", 1)[-1] or name, "by": {}}
        )
        if code in shapes and "at" not in place:
            place["at"] = _label_point(shapes[code])
        place["by"].setdefault(ANY_OPERATOR, []).append(
            {
                "population": number(record["population"]),
                "unserved": number(record["unserved_people_area"]),
                "coverage": number(record["coverage_area"], 5),
                "unserved_km2": number(record["unserved_area_km2"]),
                "shelters": number(record["shelters"]),
                "unserved_shelters": number(record["unserved_shelters"]),
                "registered": number(record["districts_registered"]),
                "register_people": number(record["register_people"]),
                "sites": number(record["sites_in_service"]),
            }
        )
    for record in run.operators.to_dict("records"):
        places[str(record["municipality_code"])]["by"].setdefault(str(record["operator"]), []).append(
            {
                "population": number(record["population"]),
                "unserved": number(record["unserved_people_area"]),
                "coverage": number(record["coverage_area"], 5),
                "unserved_km2": number(record["unserved_area_km2"]),
                "sites": number(record["sites_in_service"]),
            }
        )
    return dict(sorted(places.items(), key=lambda item: -shapes[item[0]].area if item[0] in shapes else -1e9))


def _unserved(place: dict[str, Any]) -> list[float]:
    return [float(v["unserved"]) for v in place["by"][ANY_OPERATOR] if v["unserved"] is not None]


def _region_name(run: RunResult, lang: str) -> str:
    return str(run.meta["region"][f"name_{lang}"])


def _operators(operators: Sequence[dict[str, Any]], lang: str) -> list[dict[str, Any]]:
    return [
        {
            "id": o["id"],
            "name": o[f"name_{lang}"],
            "colour": o["colour"],
            "shape": SHAPES[i % len(SHAPES)],
            # Its own areas stand in for the computed reach: a level there is no computed one.
            "published": bool(o.get("published_coverage", False)),
        }
        for i, o in enumerate(operators)
    ]


def _classes(classes: Sequence[dict[str, Any]], texts: Texts) -> list[dict[str, Any]]:
    """Colour, name and range of each class. The lowest (no signal) is drawn too: it is what the map is about."""
    out = []
    upper: float | None = None
    for c in classes:
        lower = c.get("min_dbm")
        if lower is not None:
            span = texts("map.legend.at_least", level=_minus(lower))
        else:
            span = texts("map.legend.under", level=_minus(upper if upper is not None else 0.0))
        out.append(
            {
                "name": c[f"name_{texts.lang}"],
                "colour": c["colour"],
                "range": span,
                "rgba": [*rgb(c["colour"]), 255],
            }
        )
        upper = lower
    return out


def _minus(level: float) -> str:
    return f"{level:g}".replace("-", "−")


def signal_stack(run: RunResult, operator: str) -> YearStack | None:
    """Signal classes of ``operator`` (or "any") in all years as one picture; None where it has no signal anywhere.

    Taken from the run's ``map/`` folder where it was written there (:mod:`coverage.report.map_files`).
    """
    picture, rows = (run.folder / "map" / f"signal-{operator}{end}" for end in (".webp", ".json"))
    if picture.is_file() and rows.is_file():
        return YearStack(picture.read_bytes(), json.loads(rows.read_text(encoding="utf-8")))
    grid = grid_of(run.meta["grid"])
    frame = mercator_frame(grid, max_pixels=1000)
    years = [class_pixels(run.raster("class", fy, operator), frame, grid) for fy in run.fiscal_years]
    if all(bool((y == OUTSIDE_CLASS).all()) for y in years):
        return None
    return year_stack(years)


def relief_picture(run: RunResult) -> bytes:
    """The hillshade of the run as WebP, from its ``map/`` folder where it was written there."""
    kept = run.folder / "map" / "relief.webp"
    if kept.is_file():
        return kept.read_bytes()
    grid = grid_of(run.meta["grid"])
    frame = mercator_frame(grid, max_pixels=1000)
    return hillshade(
        run.folder / "rasters" / "terrain.tif", frame, grid, land=list(_boundaries(run).values())
    )


def _stacks(run: RunResult) -> dict[str, Any]:
    """One packed picture per operator and one for "any"."""
    stacks = {operator: signal_stack(run, operator) for operator in [ANY_OPERATOR, *run.operator_ids]}
    return {
        operator: {"picture": data_uri(stack.picture), "rows": stack.rows}
        for operator, stack in stacks.items()
        if stack is not None
    }


def _areas(run: RunResult) -> tuple[MapLayer, float]:
    """No-signal areas with the years they stand in; an area that did not change is one feature. Also the number of
    people from which areas are shown (0.0 where all are)."""
    grid = grid_of(run.meta["grid"])
    tolerance = 0.75 * grid.cell_m / 111_000.0
    found: dict[str, dict[str, Any]] = {}
    for fy in run.fiscal_years:
        for item in run.geojson("region", fy)["features"]:
            p = item["properties"]
            if p.get("kind") != "no_signal_area":
                continue
            key = json.dumps([item["geometry"], round(float(p["people"]))], sort_keys=True)
            if key in found:
                found[key]["years"].append(fy)
                continue
            found[key] = {"years": [fy], "geometry": item["geometry"], "properties": p}
    order = sorted(found.values(), key=lambda f: -float(f["properties"]["people"]))
    shown = order[:MAX_AREAS]
    smallest = float(shown[-1]["properties"]["people"]) if len(order) > MAX_AREAS else 0.0
    layer = MapLayer([], [])
    for item in shown:
        p = item["properties"]
        layer.shapes.append(shapely.simplify(shape(item["geometry"]), tolerance))
        layer.properties.append(
            {
                "years": item["years"],
                "code": p["municipality_code"],
                "people": number(p["people"]),
                "households": number(p.get("households")),
                "km2": number(p.get("area_km2"), 2),
                "near": p.get("nearest_settlement") or "",
                "districts": "、".join(p.get("district_ids") or []),
            }
        )
    return layer, smallest


def _districts(run: RunResult) -> MapLayer:
    """Districts of the register with the years at whose end they stand on it."""
    geometry_of = {
        str(f["properties"]["district_id"]): shape(f["geometry"])
        for fy in run.fiscal_years
        for f in run.geojson("region", fy)["features"]
        if f["properties"].get("kind") == "district" and f["geometry"] is not None
    }
    layer = MapLayer([], [])
    for record in run.districts.to_dict("records"):
        geometry = geometry_of.get(str(record["district_id"]))
        first, end = day(record["designated_on"]) or date.min, day(record["resolved_on"]) or date.max
        years = [fy for fy in run.fiscal_years if first <= last_day(fy) < end]
        if geometry is None or not years:
            continue
        layer.shapes.append(geometry)
        layer.properties.append(
            {
                "years": years,
                "code": str(record["municipality_code"]),
                "name": text(record["name"]),
                "people": number(record["population"]),
                "households": number(record["households"]),
                "designated": text(record["designated_on"]),
                "resolved": text(record["resolved_on"]),
                "declined": bool(record["declined"]),
            }
        )
    return layer


def _credits(meta: dict[str, Any], texts: Texts) -> list[str]:
    lines = []
    for layer in meta["layers"]:
        name = layer_name(texts, str(layer["layer"]), operators=meta["operators"])
        mark = texts["estimated.mark"] if layer.get("estimated") else ""
        lines.append(
            texts(
                "map.credit",
                layer=name + mark,
                credit=layer["credit"],
                edition=layer_edition(texts, layer),
                licence=layer["licence"],
            )
        )
    return lines


def _model(meta: dict[str, Any], texts: Texts, smallest: float) -> list[str]:
    card = meta["model_card"]
    lines = [
        texts("map.model", model=card["model"], ladder=card["ladder_id"], location=card["location_percent"])
    ]
    if smallest > 0.0:
        lines.append(texts("map.areas_from", n=math.floor(smallest)))
    lines += conditions_said(meta, texts.lang)
    lines.append(texts("map.run", run=meta["run_id"]))
    return lines
