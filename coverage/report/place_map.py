"""The picture on a place's sheet: relief, boundaries, no-signal areas, districts and sites around one municipality."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pyproj import Transformer
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from coverage.report.pictures import Frame, grid_of, relief_colours, relief_on
from coverage.report.place import PLANNED, Place
from coverage.report.static_map import FONT
from coverage.runs.result import RunResult

AREA: Final = (176, 74, 20)
DISTRICT: Final = (90, 50, 120)
SITE: Final = (11, 90, 131)
_INK: Final = (60, 74, 85)
_PAPER: Final = (255, 255, 255)
_MARGIN: Final = 0.06
"""Share of the frame that stays free around the place."""


@dataclass(frozen=True)
class _Placer:
    """Degrees → pixels of the picture."""

    frame: Frame
    to_mercator: Transformer

    def points(self, lonlat: NDArray[np.float64]) -> list[tuple[float, float]]:
        x, y = self.to_mercator.transform(lonlat[:, 0], lonlat[:, 1])
        west, _, _, north = self.frame.bounds_m
        columns = (np.asarray(x) - west) / self.frame.transform.a
        rows = (np.asarray(y) - north) / self.frame.transform.e
        return list(zip(columns.tolist(), rows.tolist(), strict=True))

    def point(self, geometry: BaseGeometry) -> tuple[float, float]:
        inside = geometry.representative_point()
        return self.points(np.array([[inside.x, inside.y]]))[0]

    def rings(self, geometry: BaseGeometry) -> list[list[tuple[float, float]]]:
        """Outer rings of a polygon or of its parts."""
        return [
            self.points(np.asarray(part.exterior.coords)[:, :2])
            for part in shapely.get_parts(geometry)
            if part.geom_type == "Polygon"
        ]


def place_map(place: Place, *, width: int = 1500, height: int = 960) -> bytes:
    """JPEG of ``width`` × ``height`` pixels, north up, with a scale bar.

    No-signal areas are drawn only where they are a statement; planned sites only where the place has them.
    """
    shapes = _boundaries(place.run)
    own = list(shapes.values()) if place.is_region else [shapes[place.code]]
    placer = _Placer(_frame(own, width, height), Transformer.from_crs(4326, 3857, always_xy=True))
    # Relief is smooth: half the picture's resolution costs a quarter and looks the same.
    half = Frame(placer.frame.bounds_m, width // 2, height // 2)
    pixels = relief_on(half, grid_of(place.run.meta["grid"]), _relief(place.run))
    relief = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    picture = _paler_outside(relief, own, placer)
    draw = ImageDraw.Draw(picture, "RGBA")
    if place.run.is_computable():
        for item in place.features("no_signal_area"):
            for ring in placer.rings(shape(item["geometry"])):
                draw.polygon(ring, fill=(*AREA, 120))
                draw.line([*ring, ring[0]], fill=AREA, width=2)
    for code, boundary in shapes.items():
        mine = place.is_region or code == place.code
        for ring in placer.rings(boundary):
            draw.line([*ring, ring[0]], fill=_INK if mine else (150, 160, 168), width=3 if mine else 2)
    for item in place.features("district"):
        if item["geometry"] is not None:
            _district(draw, placer, shape(item["geometry"]))
    for kind in ("site", PLANNED):
        for item in place.features(kind):
            _site(draw, placer.point(shape(item["geometry"])), planned=kind == PLANNED)
    if place.is_region:
        _names(draw, place, shapes, placer)
    _scale_bar(draw, placer.frame)
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=88, subsampling=0)
    return out.getvalue()


def _frame(own: list[BaseGeometry], width: int, height: int) -> Frame:
    """The picture's frame: the place in the middle, with the picture's proportions."""
    to_mercator = Transformer.from_crs(4326, 3857, always_xy=True)
    bounds = [float(v) for v in shapely.total_bounds(np.array(own, dtype=object))]
    west, south, east, north = to_mercator.transform_bounds(bounds[0], bounds[1], bounds[2], bounds[3])
    pixel = max((east - west) / width, (north - south) / height) * (1.0 + 2.0 * _MARGIN)
    x, y = (west + east) / 2.0, (south + north) / 2.0
    half_x, half_y = pixel * width / 2.0, pixel * height / 2.0
    return Frame((x - half_x, y - half_y, x + half_x, y + half_y), width, height)


def _boundaries(run: RunResult) -> dict[str, BaseGeometry]:
    return {
        str(f["properties"]["municipality_code"]): shape(f["geometry"])
        for f in run.geojson("municipalities")["features"]
        if f["geometry"] is not None
    }


@lru_cache(maxsize=2)
def _relief(run: RunResult) -> NDArray[np.float32]:
    """Colours of the whole region's relief: the same for all its places."""
    terrain: Path = run.folder / "rasters" / "terrain.tif"
    return relief_colours(terrain, grid_of(run.meta["grid"]), land=list(_boundaries(run).values()))


def _paler_outside(relief: Image.Image, own: list[BaseGeometry], placer: _Placer) -> Image.Image:
    """What is not the place stands back."""
    mask = Image.new("L", relief.size, 110)
    for geometry in own:
        for ring in placer.rings(geometry):
            ImageDraw.Draw(mask).polygon(ring, fill=255)
    return Image.composite(relief, Image.new("RGB", relief.size, (246, 248, 249)), mask)


def _district(draw: ImageDraw.ImageDraw, placer: _Placer, geometry: BaseGeometry) -> None:
    """An outline, or a square where the register knows a point only."""
    rings = placer.rings(geometry)
    for ring in rings:
        draw.line([*ring, ring[0]], fill=DISTRICT, width=4)
    if not rings:
        x, y = placer.point(geometry)
        draw.rectangle((x - 9, y - 9, x + 9, y + 9), outline=_PAPER, width=7)
        draw.rectangle((x - 8, y - 8, x + 8, y + 8), outline=DISTRICT, width=4)


def _site(draw: ImageDraw.ImageDraw, at: tuple[float, float], *, planned: bool) -> None:
    x, y = at
    draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=_PAPER)
    if planned:
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), outline=SITE, width=3)
    else:
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=SITE)


def _names(draw: ImageDraw.ImageDraw, place: Place, shapes: dict[str, BaseGeometry], placer: _Placer) -> None:
    font = ImageFont.truetype(str(FONT), 24)
    for item in place.features("municipality"):
        name = str(item["properties"]["name"])
        at = placer.point(shapes[str(item["properties"]["municipality_code"])])
        draw.text(
            at, name.split("郡", 1)[-1] or name, font=font, anchor="mm", fill=(34, 48, 59), stroke_width=4,
            stroke_fill=_PAPER,
        )  # fmt: skip


def _scale_bar(draw: ImageDraw.ImageDraw, frame: Frame) -> None:
    """A round length of at most a quarter of the picture; Mercator stretches by 1/cos(latitude)."""
    latitude = math.radians((frame.corners[0][0] + frame.corners[1][0]) / 2.0)
    metre = 1.0 / (frame.transform.a * math.cos(latitude))
    longest = frame.width / 4.0 / metre
    power = 10.0 ** math.floor(math.log10(longest))
    length_m = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest)
    x, y, size = 40.0, frame.height - 40.0, length_m * metre
    draw.rectangle((x - 16, y - 44, x + size + 16, y + 14), fill=(255, 255, 255, 215))
    draw.line([(x, y - 8), (x, y), (x + size, y), (x + size, y - 8)], fill=_INK, width=4)
    said = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    draw.text((x + size / 2, y - 12), said, font=ImageFont.truetype(str(FONT), 22), anchor="mb", fill=_INK)
