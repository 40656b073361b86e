"""A small picture of a plan on the municipalities' outlines, drawn by Vega from the run alone: no tiles, no network.

Below the outlines lies what the plan changes on the ground, as one picture (:mod:`coverage.report.plan_picture`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import numpy as np
import streamlit as st
from numpy.typing import NDArray
from shapely.geometry import shape

from coverage.domain.grid import Grid
from coverage.report.plan_picture import ground_picture
from coverage.runs.result import RunResult

WIDTH: Final = 520
_LAND: Final = "#eef2f5"
_LINE: Final = "#9aa7b2"
_SITE: Final = "#c2571a"
_FONT: Final = "Noto Sans JP, Noto Sans CJK JP, Yu Gothic UI, Yu Gothic, Meiryo, sans-serif"


@dataclass(frozen=True)
class Ground:
    """Layers of flat pixels, a later one over an earlier, each in its colour."""

    grid: Grid
    layers: Sequence[NDArray[np.int64]]
    colours: Sequence[str]


def plan_map(
    run: RunResult, sites: Sequence[Mapping[str, Any]], *, name: str, people: str, ground: Ground | None = None
) -> alt.LayerChart:
    """Sites as numbered points in building order; ``name`` and ``people`` are the tooltips' words.

    Longitude is shrunk by the cosine of the middle latitude, so that a kilometre is as long both ways.
    """
    rings, box = _outlines(str(run.folder), cache_key=str(run.run_id))
    west, south, east, north = box
    shrink = math.cos(math.radians((south + north) / 2))
    height = min(max(round(WIDTH * (north - south) / max((east - west) * shrink, 1e-9)), 120), 900)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[west * shrink, east * shrink], nice=False, zero=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[south, north], nice=False, zero=False))
    outlines = [
        {"ring": ring, "order": i, "x": lon * shrink, "y": lat}
        for ring, points in enumerate(rings)
        for i, (lon, lat) in enumerate(points)
    ]
    outline = alt.Chart(alt.InlineData(values=outlines)).encode(x=x, y=y, detail="ring:N", order="order:Q")
    land = outline.mark_line(filled=True, fill=_LAND, strokeWidth=0, interpolate="linear-closed")
    borders = outline.mark_line(stroke=_LINE, strokeWidth=0.8, interpolate="linear-closed")
    layers: list[alt.Chart] = [land]
    if ground is not None:
        # Twice as fine as the chart, for screens with small pixels.
        address = ground_picture(ground.grid, ground.layers, ground.colours, box=box, size=(2 * WIDTH, 2 * height))
        middle = [{"x": (west + east) / 2 * shrink, "y": (south + north) / 2, "url": address}]
        picture = alt.Chart(alt.InlineData(values=middle)).mark_image(width=WIDTH, height=height, aspect=False)
        layers.append(picture.encode(x=x, y=y, url="url:N"))
    layers.append(borders)
    rows = [
        {"x": s["lon"] * shrink, "y": s["lat"], "number": str(i), "name": s["name"], "people": round(s["people"])}
        for i, s in enumerate(sites, 1)
    ]
    spots = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    tips = [alt.Tooltip("name:N", title=name), alt.Tooltip("people:Q", title=people, format=",")]
    marks = spots.mark_point(shape="diamond", size=120, filled=True, color=_SITE, opacity=1.0).encode(tooltip=tips)
    style: dict[str, Any] = {"dx": 12, "dy": -8, "fontSize": 13, "fontWeight": "bold", "font": _FONT}
    # A number may stand on the dark of what the plan reaches: it brings its own light ground.
    halo = spots.mark_text(stroke="#ffffff", strokeWidth=4, strokeJoin="round", **style).encode(text="number:N")
    numbers = spots.mark_text(color="#1d2a35", **style).encode(text="number:N")
    if rows:
        layers += [marks, halo, numbers]
    chart: alt.LayerChart = alt.layer(*layers).properties(width=WIDTH, height=height).configure_view(stroke=None)
    return chart


@st.cache_data(show_spinner=False, max_entries=4)
def _outlines(folder: str, *, cache_key: str) -> tuple[list[list[tuple[float, float]]], tuple[float, float, float, float]]:
    """Outer rings of the municipalities (lon, lat), simplified to what a small picture can show; and their box.

    ``cache_key`` is the run's own number: another run may come to lie in the same folder.
    """
    from pathlib import Path

    run = RunResult.open(Path(folder))
    shapes = [
        shape(feature["geometry"])
        for feature in run.geojson("municipalities")["features"]
    ]
    west, south = min(s.bounds[0] for s in shapes), min(s.bounds[1] for s in shapes)
    east, north = max(s.bounds[2] for s in shapes), max(s.bounds[3] for s in shapes)
    fine = max(east - west, north - south) / 400
    rings = []
    for whole in shapes:
        for part in getattr(whole, "geoms", [whole]):
            # Islets smaller than a point of the picture are left out.
            if part.area > fine * fine:
                rings.append([(float(a), float(b)) for a, b in part.simplify(fine).exterior.coords])
    return rings, (west, south, east, north)
