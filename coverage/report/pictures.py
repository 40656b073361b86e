"""Rasters as pictures for Web Mercator maps: signal classes over years, hillshade.

A raster is shown as one small picture, never as polygons: 50,000 cells as GeoJSON are 15 MB and freeze a browser; the
same cells as a palette picture are 6–100 kB. Pictures are made on a common Web Mercator frame, so a map only stretches
them between two corners.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.features import rasterize
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from shapely.geometry.base import BaseGeometry

from coverage.domain.grid import Grid
from coverage.domain.projection import geometry_to_plane
from coverage.gaps.classes import NO_DATA_CLASS, OUTSIDE_CLASS

_MERCATOR: Final = "EPSG:3857"
_EARTH_RADIUS_M: Final = 6_378_137.0

SEA: Final = (222, 232, 239)
UNKNOWN: Final = (236, 237, 236)


@dataclass(frozen=True, slots=True)
class Frame:
    """A Web Mercator picture frame. ``bounds_m`` is (west, south, east, north) in EPSG:3857 metres."""

    bounds_m: tuple[float, float, float, float]
    width: int
    height: int

    @property
    def transform(self) -> Affine:
        west, south, east, north = self.bounds_m
        return Affine((east - west) / self.width, 0.0, west, 0.0, -(north - south) / self.height, north)

    @property
    def corners(self) -> list[list[float]]:
        """[[south, west], [north, east]] in degrees, as Leaflet wants them."""
        west, south, east, north = self.bounds_m
        return [[_latitude(south), _longitude(west)], [_latitude(north), _longitude(east)]]


def _longitude(x_m: float) -> float:
    return math.degrees(x_m / _EARTH_RADIUS_M)


def _latitude(y_m: float) -> float:
    return math.degrees(2.0 * math.atan(math.exp(y_m / _EARTH_RADIUS_M)) - math.pi / 2.0)


def mercator_frame(grid: Grid, *, max_pixels: int = 1200) -> Frame:
    """The frame around ``grid`` at the grid's own resolution, coarser where a side would pass ``max_pixels``."""
    to_mercator = Transformer.from_crs(grid.epsg, _MERCATOR, always_xy=True)
    west, south, east, north = to_mercator.transform_bounds(*grid.bounds, densify_pts=41)
    # Mercator stretches by 1/cos(latitude); one grid cell is to stay about one pixel.
    latitude = math.radians(_latitude((south + north) / 2.0))
    pixel = max(grid.cell_m / math.cos(latitude), max(east - west, north - south) / max_pixels)
    return Frame(
        (west, south, east, north), math.ceil((east - west) / pixel), math.ceil((north - south) / pixel)
    )


def grid_of(meta: dict[str, Any]) -> Grid:
    """The grid of a run from the ``grid`` table of its ``run.json``."""
    return Grid(
        epsg=int(meta["epsg"]),
        x0_m=float(meta["x0_m"]),
        y0_m=float(meta["y0_m"]),
        cell_m=float(meta["cell_m"]),
        rows=int(meta["rows"]),
        cols=int(meta["cols"]),
    )


def class_pixels(path: Path, frame: Frame, grid: Grid) -> NDArray[np.uint8]:
    """A class raster on ``frame``, shape (height, width); outside the raster it is :data:`OUTSIDE_CLASS`.

    Where a pixel of the frame covers several cells the commonest class is taken, so that thin valleys do not flicker
    with the resolution.
    """
    with rasterio.open(path) as source:
        classes = source.read(1)
    out = np.full((frame.height, frame.width), OUTSIDE_CLASS, dtype=np.uint8)
    coarser = frame.transform.a * math.cos(math.radians(frame.corners[0][0])) > 1.5 * grid.cell_m
    reproject(
        classes,
        out,
        src_transform=Affine(*grid.transform),
        src_crs=f"EPSG:{grid.epsg}",
        dst_transform=frame.transform,
        dst_crs=_MERCATOR,
        resampling=Resampling.mode if coarser else Resampling.nearest,
        init_dest_nodata=False,
    )
    return out


@dataclass(frozen=True, slots=True)
class YearStack:
    """One picture that holds a class raster for every year.

    ``picture`` is a lossless WebP whose pixel value red + 256·green indexes ``rows``; ``rows[k]`` is the class of such
    a pixel in each year. Signal only ever changes near a few new sites, so a stack of six years is hardly larger than
    one year, and a map can switch years without another picture.
    """

    picture: bytes
    rows: list[list[int]]


def year_stack(years: Sequence[NDArray[np.uint8]]) -> YearStack:
    """Pack class rasters of equal shape, one a year, into one picture. Raises ValueError without a year."""
    if not years:
        raise ValueError("a stack needs at least one year")
    stack = np.stack([y.ravel() for y in years], axis=1)
    rows, index = np.unique(stack, axis=0, return_inverse=True)
    if len(rows) > 65_536:
        raise ValueError(f"{len(rows)} different histories do not fit into a picture")
    flat = index.reshape(years[0].shape)
    pixels = np.zeros((*years[0].shape, 3), dtype=np.uint8)
    pixels[..., 0] = flat & 0xFF
    pixels[..., 1] = flat >> 8
    return YearStack(_webp(pixels, lossless=True), rows.tolist())


def class_png(classes: NDArray[np.uint8], colours: Sequence[str]) -> bytes:
    """A palette PNG of one class raster: ``colours`` ("#rrggbb") by class, transparent outside, grey for NO DATA."""
    known = len(colours)
    pixels = np.where(classes == OUTSIDE_CLASS, known + 1, np.minimum(classes, known)).astype(np.uint8)
    image = Image.fromarray(pixels, mode="P")
    palette = [value for colour in colours for value in rgb(colour)] + [154, 154, 154] + [255, 255, 255]
    image.putpalette(palette)
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True, transparency=known + 1)
    return out.getvalue()


def hillshade(
    terrain: Path, frame: Frame, grid: Grid, *, land: Sequence[BaseGeometry], quality: int = 45
) -> bytes:
    """Shaded relief on ``frame`` as WebP: the base map of a closed network.

    ``land`` are the region's boundaries (lon/lat). Inside them relief is drawn in full; other land is paler; the sea
    (height ≤ 0 outside the boundaries) is flat blue; NO DATA is a flat grey that is neither.
    """
    pixels = relief_on(frame, grid, relief_colours(terrain, grid, land=land))
    return _webp(pixels, lossless=False, quality=quality)


def relief_colours(terrain: Path, grid: Grid, *, land: Sequence[BaseGeometry]) -> NDArray[np.float32]:
    """The colours of :func:`hillshade` on the terrain's own grid, shape (rows, cols, 3), 0–255."""
    with rasterio.open(terrain) as source:
        height = source.read(1).astype(np.float32)
    own = rasterize(
        [(geometry_to_plane(g, grid.epsg), 1) for g in land],
        out_shape=grid.shape,
        transform=Affine(*grid.transform),
        dtype="uint8",
    ).astype(bool)
    unknown = np.isnan(height)
    shade = _shade(np.where(unknown, 0.0, height).astype(np.float32), grid.cell_m)
    relief = np.clip(shade, 0.0, 1.0)
    # Near white on the flat, so that colours multiplied with it keep their brightness; a little darker with height.
    tone = 196.0 + 62.0 * relief - 10.0 * np.clip(np.nan_to_num(height) / 1500.0, 0.0, 1.0)
    colour = np.minimum(np.stack([tone, tone, tone - 3.0], axis=-1), 255.0)
    colour[~own] = 236.0 + 0.14 * (colour[~own] - 220.0)
    colour[~own & ~unknown & (height <= 0.0)] = SEA
    colour[unknown] = UNKNOWN
    return np.asarray(colour, dtype=np.float32)


def relief_on(frame: Frame, grid: Grid, colour: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours of ``grid`` as a picture on ``frame``, shape (height, width, 3); sea beyond the grid."""
    out = np.zeros((3, frame.height, frame.width), dtype=np.float32)
    for band in range(3):
        reproject(
            np.ascontiguousarray(colour[..., band], dtype=np.float32),
            out[band],
            src_transform=Affine(*grid.transform),
            src_crs=f"EPSG:{grid.epsg}",
            dst_transform=frame.transform,
            dst_crs=_MERCATOR,
            resampling=Resampling.bilinear,
            src_nodata=-1.0,
            dst_nodata=-1.0,
        )
    pixels = np.moveaxis(out, 0, -1)
    outside = pixels[..., 0] < 0.0
    pixels[outside] = SEA
    return np.asarray(np.clip(np.rint(pixels), 0, 255), dtype=np.uint8)


def around(relief: bytes) -> str:
    """The colour ("#rrggbb") to lay around a hillshade: the commonest of its border, sea or paper grey.

    Read from the picture itself, because lossy compression moves colours by a step or two and a map would show the
    picture's edge.
    """
    pixels = np.asarray(Image.open(io.BytesIO(relief)).convert("RGB"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colours, counts = np.unique(border, axis=0, return_counts=True)
    red, green, blue = (int(v) for v in colours[int(np.argmax(counts))])
    return f"#{red:02x}{green:02x}{blue:02x}"


def _shade(height: NDArray[np.float32], cell_m: float) -> NDArray[np.float64]:
    """Relief shading 0–1, light from the north-west with a weaker one from the west, heights exaggerated 1.8 times."""
    dy, dx = np.gradient(height.astype(np.float64) * 1.8, cell_m)
    # Rows grow southward, so the northward slope is −dy.
    normal = np.sqrt(1.0 + dx * dx + dy * dy)
    light = np.zeros_like(dx)
    for azimuth_deg, weight in ((315.0, 0.75), (270.0, 0.25)):
        azimuth, altitude = math.radians(azimuth_deg), math.radians(45.0)
        east, north, up = (
            math.sin(azimuth) * math.cos(altitude),
            math.cos(azimuth) * math.cos(altitude),
            math.sin(altitude),
        )
        light += weight * (-dx * east + dy * north + up) / normal
    return np.asarray(light / 0.9, dtype=np.float64)


def _webp(pixels: NDArray[np.uint8], *, lossless: bool, quality: int = 100) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels, mode="RGB").save(
        out, format="WEBP", lossless=lossless, quality=quality, method=6 if not lossless else 4, exact=True
    )
    return out.getvalue()


def rgb(colour: str) -> tuple[int, int, int]:
    """(red, green, blue) of "#rrggbb"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def data_uri(picture: bytes, kind: str = "image/webp") -> str:
    """``picture`` as a ``data:`` address, so that a page needs no request for it."""
    return f"data:{kind};base64,{base64.b64encode(picture).decode('ascii')}"


__all__ = [
    "NO_DATA_CLASS",
    "OUTSIDE_CLASS",
    "Frame",
    "YearStack",
    "around",
    "class_pixels",
    "class_png",
    "data_uri",
    "grid_of",
    "hillshade",
    "mercator_frame",
    "relief_colours",
    "relief_on",
    "rgb",
    "year_stack",
]
