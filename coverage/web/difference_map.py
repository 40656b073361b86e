"""A small still picture of what an upload changes: new, moved and removed sites and districts on the municipalities.

Drawn as SVG on the server from the run alone and shown as a picture, in which nothing can run: no script, no tiles, no
network; it prints as it is. Every place is also in the table of records beside it.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from coverage.report.escape import esc
from coverage.report.label_places import Box, Places, Segment, Spot, around, beside, text_width
from coverage.report.wording import Texts
from coverage.runs.result import RunResult
from coverage.services.import_preview import Place

WIDTH: Final = 560
NAMED: Final = 12
"""Places with their name written; with more, the picture would be words only."""
_NAME, _PLACE, _BAR = 15.0, 14.0, 13.0
"""Font sizes of what changes, of municipalities and of the bar of length."""
_LONGEST: Final = WIDTH * 0.6
"""A name that is longer is cut; the table of records beside the picture has it whole."""
_STATES: Final = ("new", "moved", "removed", "changed")
_METRES: Final = 111_320.0
_STYLE: Final = (
    "text{font-family:'Noto Sans JP','Noto Sans CJK JP','Yu Gothic UI','Yu Gothic',Meiryo,sans-serif;paint-order:stroke;"
    "stroke:#fff;stroke-width:3px;stroke-linejoin:round}.place{font-size:14px;fill:#66727d}"
    ".name{font-size:15px;font-weight:600;fill:#1d2a35}.bar{font-size:13px;fill:#1d2a35}"
)


@dataclass(frozen=True)
class _Frame:
    """Degrees → pixels; longitude shrunk by the cosine of the middle latitude."""

    west: float
    south: float
    east: float
    north: float

    @property
    def shrink(self) -> float:
        return math.cos(math.radians((self.south + self.north) / 2))

    @property
    def scale(self) -> float:
        """Pixels a degree of latitude."""
        return WIDTH / ((self.east - self.west) * self.shrink)

    @property
    def height(self) -> int:
        return max(160, min(560, round((self.north - self.south) * self.scale)))

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        return round((lon - self.west) * self.shrink * self.scale, 1), round(
            (self.north - lat) * self.scale, 1
        )


def difference_map(run: RunResult, places: Sequence[Place], texts: Texts) -> str:
    """HTML of the picture and its legend, "" where nothing has a place. Zoomed to what changes, at least about 10 km wide."""
    points = [p for place in places for p in (place.before, place.after) if p is not None]
    if not points:
        return ""
    frame = _frame(points)
    counts = {state: sum(p.state == state for p in places) for state in _STATES}
    told = texts["value.comma"].join(texts(f"diffmap.{state}", n=n) for state, n in counts.items() if n)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {frame.height}" width="{WIDTH}" height="{frame.height}">'
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{frame.height}" fill="#f2f6f9"/>',
    ]
    land, middles = _land(run, frame)
    out += land
    words = Places(
        Box(3, 3, WIDTH - 3, frame.height - 3), taken=_signs(places, frame), lines=_moves(places, frame)
    )
    bar = _bar(frame, words)
    # What changes is named first; municipalities, which only help to find one's way, where there is room left.
    names = [_name(place, frame, words) for place in places] if len(places) <= NAMED else []
    out += [_municipality(name, at, words) for name, at in middles]
    for place in sorted(places, key=lambda p: _STATES.index(p.state), reverse=True):
        out.append(_mark(place, frame))
    out += [*names, bar, "</svg>"]
    legend = "".join(
        f"<li>{_picture(_sign(state), 22, 14)}{esc(texts(f'diffmap.{state}', n=n))}</li>"
        for state, n in counts.items()
        if n
    )
    alt = texts("diffmap.alt", told=told)
    picture = _as_image("".join(out), f'class="map" width="{WIDTH}" height="{frame.height}"', alt)
    return f'<figure class="diffmap">{picture}<figcaption><ul>{legend}</ul></figcaption></figure>'


def _picture(content: str, width: int, height: int) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{content}</svg>'
    return _as_image(svg, f'width="{width}" height="{height}"', "")


def _as_image(svg: str, attributes: str, alt: str) -> str:
    packed = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return f'<img {attributes} alt="{esc(alt)}" src="data:image/svg+xml;base64,{packed}">'


def _frame(points: Sequence[tuple[float, float]]) -> _Frame:
    lats, lons = [p[0] for p in points], [p[1] for p in points]
    middle = ((min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2)
    shrink = math.cos(math.radians(middle[0]))
    # A margin of a quarter, no less than 5 km to each side, and no flatter than 5:8.
    half_lon = max((max(lons) - min(lons)) * 0.65, 5000 / _METRES / shrink)
    half_lat = max((max(lats) - min(lats)) * 0.65, half_lon * shrink * 0.62)
    half_lon = max(half_lon, half_lat / shrink)
    return _Frame(middle[1] - half_lon, middle[0] - half_lat, middle[1] + half_lon, middle[0] + half_lat)


def _land(run: RunResult, frame: _Frame) -> tuple[list[str], list[tuple[str, tuple[float, float]]]]:
    """Outlines of the municipalities, and of each its name with a point of the part that is seen (pixels)."""
    window = box(frame.west, frame.south, frame.east, frame.north)
    fine = (frame.east - frame.west) / 600
    out, middles = [], []
    for name, outline in _outlines(str(run.folder), run):
        if not outline.intersects(window):
            continue
        seen = outline.intersection(window.buffer(fine * 20)).simplify(fine)
        for part in getattr(seen, "geoms", [seen]):
            if part.geom_type != "Polygon":
                continue
            path = " ".join(f"{x},{y}" for x, y in (frame.at(lat, lon) for lon, lat in part.exterior.coords))
            out.append(f'<polygon points="{path}" fill="#fff" stroke="#9aa7b2" stroke-width="1"/>')
        middle = seen.intersection(window).representative_point() if not seen.is_empty else None
        if middle is not None and not middle.is_empty:
            middles.append((name, frame.at(middle.y, middle.x)))
    return out, middles


@st.cache_resource(show_spinner=False, max_entries=2)
def _outlines(cache_key: str, _run: RunResult) -> list[tuple[str, BaseGeometry]]:
    """Names and shapes of the municipalities of a run; ``cache_key`` is its folder, since Streamlit passes over ``_run``."""
    return [
        (str(f["properties"]["name"]), shape(f["geometry"]))
        for f in _run.geojson("municipalities")["features"]
    ]


def _mark(place: Place, frame: _Frame) -> str:
    title = f"<title>{esc(f'{place.name} {place.key}')}</title>"
    if place.state == "moved" and place.before is not None and place.after is not None:
        (x1, y1), (x2, y2) = frame.at(*place.before), frame.at(*place.after)
        line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#7a3b00" stroke-width="1.6"/>'
        return f"<g>{title}{line}{_at(x1, y1, 'from')}{_at(x2, y2, 'moved')}</g>"
    at = place.after or place.before
    assert at is not None
    return f"<g>{title}{_at(*frame.at(*at), place.state, square=place.kind == 'district')}</g>"


def _at(x: float, y: float, state: str, *, square: bool = False) -> str:
    """Signs that differ by shape, not by colour alone."""
    if state == "removed":
        return (
            f'<path d="M{x - 5},{y - 5}l10,10m0,-10l-10,10" stroke="#9a3412" stroke-width="2.4" fill="none"/>'
        )
    if state == "from":
        return f'<circle cx="{x}" cy="{y}" r="4.5" fill="#fff" stroke="#7a3b00" stroke-width="1.6"/>'
    if state == "changed":
        return f'<circle cx="{x}" cy="{y}" r="4" fill="#fff" stroke="#55626d" stroke-width="1.4"/>'
    colour = "#b45309" if state == "moved" else "#0b5a83"
    if square:
        return f'<rect x="{x - 5}" y="{y - 5}" width="10" height="10" fill="{colour}" stroke="#fff"/>'
    if state == "moved":
        return f'<path d="M{x},{y - 6}l6,6l-6,6l-6,-6z" fill="{colour}" stroke="#fff"/>'
    return f'<circle cx="{x}" cy="{y}" r="5.5" fill="{colour}" stroke="#fff"/>'


def _sign(state: str) -> str:
    if state == "moved":
        return (
            _at(5, 7, "from")
            + '<line x1="9" y1="7" x2="13" y2="7" stroke="#7a3b00" stroke-width="1.6"/>'
            + _at(16, 7, "moved")
        )
    return _at(11, 7, state)


def _signs(places: Sequence[Place], frame: _Frame) -> list[Box]:
    """The ground that signs take."""
    points = [
        at for p in places for at in ((p.before, p.after) if p.state == "moved" else (p.after or p.before,))
    ]
    return [around(*frame.at(*at), 7.0) for at in points if at is not None]


def _moves(places: Sequence[Place], frame: _Frame) -> list[Segment]:
    return [
        (*frame.at(*p.before), *frame.at(*p.after))
        for p in places
        if p.state == "moved" and p.before is not None and p.after is not None
    ]


def _fitting(name: str, size: float) -> str:
    """The name, cut to what a picture of this width can hold."""
    if text_width(name, size) <= _LONGEST:
        return name
    while name and text_width(name + "…", size) > _LONGEST:
        name = name[:-1]
    return name + "…"


def _name(place: Place, frame: _Frame, words: Places) -> str:
    """The name beside its sign, "" where there is no room without standing on another one."""
    at = place.after or place.before
    assert at is not None
    x, y = frame.at(*at)
    level = y + _NAME * 0.34
    near: list[Spot] = [
        (x + 9, y - 5, "start"),
        (x - 9, y - 5, "end"),
        (x + 10, level, "start"),
        (x - 10, level, "end"),
    ]
    near += [(x + 9, y + 16, "start"), (x - 9, y + 16, "end"), *beside(x, y, 7, _NAME)]
    return _word(_fitting(place.name, _NAME), _NAME, "name", near, words)


def _municipality(name: str, at: tuple[float, float], words: Places) -> str:
    x, y = at
    spots: list[Spot] = [(x, y + dy, "middle") for dy in (5, -14, 24, -33, 43)]
    spots += [(x, y + 5, "start"), (x, y + 5, "end"), (x + 12, y + 24, "start"), (x - 12, y - 14, "end")]
    return _word(_fitting(name, _PLACE), _PLACE, "place", spots, words)


def _word(text: str, size: float, kind: str, spots: Sequence[Spot], words: Places) -> str:
    spot = words.find(text, size, spots)
    if spot is None:
        return ""
    x, y, anchor = spot
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{esc(text)}</text>'


def _bar(frame: _Frame, words: Places) -> str:
    """A bar of a round length, about a fifth of the width, at the lower left; no other word stands on it."""
    metres = (frame.east - frame.west) * frame.shrink * _METRES / 5
    step = 10 ** math.floor(math.log10(metres))
    length = next(step * k for k in (5, 2, 1) if step * k <= metres)
    pixels = length / _METRES * frame.scale
    y = frame.height - 14
    told = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    words.taken.append(Box(8, y - 9, 20 + pixels + text_width(told, _BAR), y + 8))
    return (
        f'<path d="M12,{y}h{pixels:.1f}" stroke="#1d2a35" stroke-width="3"/>'
        f'<text x="{16 + pixels:.1f}" y="{y + 4}" class="bar">{esc(told)}</text>'
    )
