"""A still map of one fiscal year for paper: people unserved by municipality over the relief, sites, names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pyproj import Transformer
from shapely import get_parts

from coverage.report.map_data import RAMP, MapData
from coverage.report.pictures import Frame, rgb

FONT: Final = Path(__file__).resolve().parent / "vendor" / "biz-udpgothic-0.4.2" / "BIZUDPGothic_700Bold.ttf"
_INK: Final = (60, 74, 85)
_HATCH: Final = ((238, 240, 242), (174, 182, 189))


def still_map(data: MapData, frame: Frame, fiscal_year: int, *, scale: int = 2) -> bytes:
    """JPEG of the year: the same colours and classes as the map page; hatched where a gap is no statement.

    ``frame`` is the one that ``data`` was made on; ``scale``: pixels of the picture for one of the frame.
    """
    size = (frame.width * scale, frame.height * scale)
    relief = Image.open(io.BytesIO(data.relief)).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    colours = Image.new("RGB", size, (255, 255, 255))
    place = _Placer(frame, scale)
    year = data.page["years"].index(fiscal_year)
    _fill(colours, data, year, place)
    picture = Image.fromarray(_multiplied(np.asarray(colours), np.asarray(relief)))
    draw = ImageDraw.Draw(picture)
    for outline in data.municipalities.shapes:
        for ring in place.rings(outline):
            draw.line([*ring, ring[0]], fill=_INK, width=scale)
    _sites(draw, data, year, place, scale)
    _names(draw, data, place, scale)
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=88, subsampling=0)
    return out.getvalue()


class _Placer:
    """Degrees → pixels of the picture."""

    def __init__(self, frame: Frame, scale: int) -> None:
        self._to_mercator = Transformer.from_crs(4326, 3857, always_xy=True)
        self._west, _, _, self._north = frame.bounds_m
        self._x, self._y = scale / frame.transform.a, scale / frame.transform.e

    def points(self, lonlat: NDArray[np.float64]) -> list[tuple[float, float]]:
        x, y = self._to_mercator.transform(lonlat[:, 0], lonlat[:, 1])
        columns, rows = (x - self._west) * self._x, (y - self._north) * self._y
        return list(zip(columns.tolist(), rows.tolist(), strict=True))

    def rings(self, geometry: Any) -> list[list[tuple[float, float]]]:
        """Outer rings of a polygon or of its parts."""
        return [
            self.points(np.asarray(part.exterior.coords))
            for part in get_parts(geometry)
            if part.geom_type == "Polygon"
        ]


def _fill(colours: Image.Image, data: MapData, year: int, place: _Placer) -> None:
    draw = ImageDraw.Draw(colours)
    breaks = data.page["breaks"]
    computable = bool(data.page["computable"]["any"])
    for outline, own in zip(data.municipalities.shapes, data.municipalities.properties, strict=True):
        unserved = data.page["places"][own["code"]]["by"]["any"][year]["unserved"]
        if computable and unserved is not None:
            colour = rgb(RAMP[sum(unserved >= edge for edge in breaks)])
            for ring in place.rings(outline):
                draw.polygon(ring, fill=colour)
            continue
        mask = Image.new("1", colours.size)
        for ring in place.rings(outline):
            ImageDraw.Draw(mask).polygon(ring, fill=1)
        colours.paste(_hatched(colours.size), mask=mask)


def _hatched(size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, _HATCH[0])
    draw = ImageDraw.Draw(picture)
    for x in range(-size[1], size[0], 14):
        draw.line([(x, size[1]), (x + size[1], 0)], fill=_HATCH[1], width=3)
    return picture


def _multiplied(colours: NDArray[np.uint8], relief: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out: NDArray[np.uint8] = (colours.astype(np.uint16) * relief.astype(np.uint16) // 255).astype(np.uint8)
    return out


def _sites(draw: ImageDraw.ImageDraw, data: MapData, year: int, place: _Placer, scale: int) -> None:
    """Sites on the air as dots; those that the indicator counts with a ring."""
    counted_by = data.page["years"][year]
    r = 3.4 * scale
    for site in data.page["sites"]:
        if not any((o["on"] >> year) & 1 for o in site["operators"]):
            continue
        (x, y) = place.points(np.array([[site["at"][1], site["at"][0]]]))[0]
        if site["counted"] is not None and site["counted"] <= counted_by:
            ring = r + 2.4 * scale
            draw.ellipse((x - ring, y - ring, x + ring, y + ring), outline=(255, 255, 255), width=3 * scale)
            draw.ellipse((x - ring, y - ring, x + ring, y + ring), outline=(29, 42, 53), width=scale)
        draw.ellipse(
            (x - r - scale / 2, y - r - scale / 2, x + r + scale / 2, y + r + scale / 2), fill=(255, 255, 255)
        )
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(11, 90, 131))


def _names(draw: ImageDraw.ImageDraw, data: MapData, place: _Placer, scale: int) -> None:
    font = ImageFont.truetype(str(FONT), 17 * scale)
    for own in data.municipalities.properties:
        town = data.page["places"][own["code"]]
        lat, lon = town["at"]
        x, y = place.points(np.array([[lon, lat]]))[0]
        draw.text(
            (x, y),
            town["short"],
            font=font,
            anchor="mm",
            fill=(34, 48, 59),
            stroke_width=2 * scale,
            stroke_fill=(255, 255, 255),
        )
