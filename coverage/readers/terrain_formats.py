"""Elevation file formats: GeoTIFF, SRTM .hgt, GSI dem_png and dem txt tiles. (JPGIS XML: ``terrain_jpgis``.)

Each ``*_tiles`` function indexes files (headers only) and returns tiles for :mod:`coverage.readers.terrain_mosaic`.
Sources: SRTM: NASA/USGS SRTM Topography documentation (size, byte order, void, south-west corner name); GSI tiles:
https://maps.gsi.go.jp/development/demtile.html.
"""

from __future__ import annotations

import gzip
import io
import math
import re
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.errors import FileFormatError
from coverage.readers.terrain_mosaic import AbsentTile, Float32, Frame, Samples, Tile, TileCache, WholeTile

LOWEST_M, HIGHEST_M = -500.0, 9_000.0
"""Outside these a number is no height on Earth but an undeclared NO DATA value or another unit."""

GEODETIC_CRS = "EPSG:6668"
"""JGD2011. JGD2000 and WGS 84 agree with it far below one sample of any terrain product, so their tiles may share a
lattice; the Tokyo datum (450 m off) may not and is transformed."""

WEB_MERCATOR_RADIUS_M = 6_378_137.0
GSI_TILE_PIXELS = 256
SRTM_SIZES = {2 * 3601 * 3601: 3601, 2 * 1201 * 1201: 1201}


def damaged(name: str, why: str) -> FileFormatError:
    """A file that ends early or cannot be decoded."""
    return FileFormatError(
        "terrain-file-damaged",
        f"標高ファイル「{name}」を読めません（{why}）。もう一度入手してください。",
        f"terrain file {name!r} cannot be read ({why}); fetch it again.",
    )


def misnamed(name: str, why_ja: str, why_en: str) -> FileFormatError:
    return FileFormatError(
        "terrain-file-misnamed",
        f"標高ファイル「{name}」の名前が内容・書式と合いません（{why_ja}）。名前を元に戻してください。",
        f"the name of terrain file {name!r} does not fit ({why_en}); restore its original name.",
    )


def check_heights(name: str, heights: Float32) -> None:
    """Refuse numbers that cannot be heights in metres."""
    with np.errstate(invalid="ignore"):
        wrong = (heights < LOWEST_M) | (heights > HIGHEST_M) | np.isinf(heights)
    if wrong.any():
        value = float(heights[wrong][0])
        raise FileFormatError(
            "terrain-height-impossible",
            f"標高ファイル「{name}」に標高として有り得ない値{value:g}があります。データなしの値なら options.nodata に書いてください。",
            f"terrain file {name!r} holds {value:g}, which is no height in metres; if it means NO DATA, "
            "declare it as options.nodata.",
        )


# --- GeoTIFF ---------------------------------------------------------------------------------------------------------


class GeoTiffTile(Tile):
    """One band of a GeoTIFF or COG, read by windows. The driver is pinned: a VRT under a .tif name is refused."""

    def __init__(self, path: Path, *, declared_crs: str | None, nodata: float | None, heights: bool) -> None:
        self._nodata = nodata
        self._heights = heights
        with open_geotiff(path) as source:
            frame = _geotiff_frame(path.name, source, declared_crs)
        super().__init__(path, path.name, frame)

    def read(self, rows: slice, cols: slice) -> Samples:
        window = RasterWindow(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
        with open_geotiff(self.path) as source:
            try:
                raw = source.read(1, window=window)
                valid = source.read_masks(1, window=window) != 0
            except RasterioError as error:
                raise damaged(self.name, str(error.__cause__ or error)) from error
            scale, offset = float(source.scales[0]), float(source.offsets[0])
        if self._nodata is not None:
            valid &= raw != self._nodata
        values = raw.astype(np.float32)
        if (scale, offset) != (1.0, 0.0):
            values = (raw * scale + offset).astype(np.float32)
        values[~valid] = np.nan
        if self._heights:
            check_heights(self.name, values)
        return Samples(values)


def open_geotiff(path: Path) -> Any:
    """Open with nothing but the GTiff driver; side files (.aux.xml, .tfw, .ovr) are not looked at."""
    try:
        with warnings.catch_warnings():
            # A raster without a position is refused with a sentence of its own.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path, driver="GTiff")
    except RasterioError as error:
        raise FileFormatError(
            "terrain-not-geotiff",
            f"「{path.name}」は GeoTIFF ではないか、途中で切れています。GeoTIFF のファイルを入手し直してください。",
            f"{path.name!r} is no GeoTIFF, or ends early; fetch a real GeoTIFF.",
        ) from error


def _geotiff_frame(name: str, source: Any, declared_crs: str | None) -> Frame:
    if source.count != 1:
        raise FileFormatError(
            "terrain-many-bands",
            f"標高ファイル「{name}」には帯（バンド）が{source.count}枚あります。1枚の標高ラスタにしてください。",
            f"terrain file {name!r} has {source.count} bands; give a raster with the heights only.",
        )
    a, b, _, d, e, _ = tuple(source.transform)[:6]
    if b or d or a <= 0 or e >= 0:
        raise FileFormatError(
            "terrain-rotated",
            f"標高ファイル「{name}」は北上・左上原点の格子ではないか、位置情報がありません。gdalwarp などで作り直してください。",
            f"terrain file {name!r} is not a north-up raster or has no georeference; warp it to one.",
        )
    crs = _declared(name, source.crs, declared_crs)
    frame = Frame(crs, source.transform.c, source.transform.f, a, -e, source.height, source.width)
    _check_on_earth(name, frame)
    return frame


def _check_on_earth(name: str, frame: Frame) -> None:
    import pyproj

    degrees = pyproj.CRS.from_user_input(frame.crs).is_geographic
    west, south, east, north = frame.bounds
    if degrees:
        # A whole-earth raster may stand out by half a sample.
        possible = (
            -361 <= west < east <= 361 and -91 <= south < north <= 91 and min(frame.dx, frame.dy) > 1e-7
        )
    else:
        possible = max(map(abs, frame.bounds)) < 1e8 and min(frame.dx, frame.dy) > 1e-2
    if not possible:  # NaN too
        raise FileFormatError(
            "terrain-position-impossible",
            f"標高ファイル「{name}」の位置（西{west:g}、南{south:g}、東{east:g}、北{north:g}）が座標系と合いません。作り直してください。",
            f"the position of terrain file {name!r} (west {west:g}, south {south:g}, east {east:g}, north {north:g}) "
            "is impossible in its CRS; make it anew.",
        )


def _declared(name: str, own: Any, declared: str | None) -> str:
    import pyproj

    if own is None and declared is None:
        raise FileFormatError(
            "terrain-without-crs",
            f"標高ファイル「{name}」に座標系がありません。度かメートルかを推測はしません。options.crs に EPSG コードを書いてください。",
            f"terrain file {name!r} declares no CRS, and degrees are not guessed; state it as options.crs.",
        )
    stated = None if declared is None else pyproj.CRS.from_user_input(declared)
    if own is None:
        return canonical_crs(stated)
    found = pyproj.CRS.from_wkt(own.to_wkt())
    if stated is not None and canonical_crs(stated) != canonical_crs(found):
        raise FileFormatError(
            "terrain-crs-contradicts",
            f"標高ファイル「{name}」の座標系（{found.name}）と options.crs（{stated.name}）が食い違います。",
            f"terrain file {name!r} says {found.name}, options.crs says {stated.name}; correct one of them.",
        )
    return canonical_crs(found)


def canonical_crs(crs: Any) -> str:
    """``EPSG:n`` where known, else WKT; the three geodetic systems that agree in Japan become one."""
    epsg = crs.to_epsg(min_confidence=70)
    if epsg in (4326, 4612, 6668):
        return GEODETIC_CRS
    return f"EPSG:{epsg}" if epsg else str(crs.to_wkt())


def geotiff_tiles(
    files: Sequence[Path], *, declared_crs: str | None, nodata: float | None, heights: bool = True
) -> list[Tile]:
    """``heights`` false: values are classes and not checked as metres."""
    return [GeoTiffTile(path, declared_crs=declared_crs, nodata=nodata, heights=heights) for path in files]


# --- SRTM .hgt -------------------------------------------------------------------------------------------------------

_HGT_NAME = re.compile(r"^([NS])(\d{2})([EW])(\d{3})(?:\.SRTMGL[13])?\.hgt(?:\.gz|\.zip)?$", re.IGNORECASE)


class HgtTile(WholeTile):
    """1° × 1°, big-endian int16, first row north, −32768 void; the name gives the centre of the south-west sample."""

    def __init__(self, path: Path, cache: TileCache) -> None:
        match = _HGT_NAME.match(path.name)
        if match is None:
            raise misnamed(path.name, "N34E136.hgt の形ではない", "not like N34E136.hgt")
        south = int(match[2]) * (1 if match[1].upper() == "N" else -1)
        west = int(match[4]) * (1 if match[3].upper() == "E" else -1)
        self._packed = path.suffix.lower() != ".hgt"
        size = _unpacked_size(path) if self._packed else path.stat().st_size
        if size not in SRTM_SIZES:
            raise FileFormatError(
                "hgt-wrong-size",
                f"「{path.name}」は {size:,} バイトで、SRTM の .hgt（25,934,402 または 2,884,802 バイト）ではありません。入手し直してください。",
                f"{path.name!r} has {size:,} bytes, not those of an SRTM tile (25,934,402 or 2,884,802); fetch it again.",
            )
        posts = SRTM_SIZES[size]
        step = 1.0 / (posts - 1)
        frame = Frame(GEODETIC_CRS, west - step / 2, south + 1 + step / 2, step, step, posts, posts)
        super().__init__(path, path.name, frame, cache)

    def read(self, rows: slice, cols: slice) -> Samples:
        if self._packed:
            return super().read(rows, cols)
        shape = (self.frame.rows, self.frame.cols)
        posts = np.memmap(self.path, dtype=">i2", mode="r", shape=shape)
        return Samples(self._metres(np.array(posts[rows, cols])))

    def decode(self) -> Samples:
        expected = 2 * self.frame.rows * self.frame.cols
        data = _unpack(self.path, expected)
        return Samples(
            self._metres(np.frombuffer(data, dtype=">i2").reshape(self.frame.rows, self.frame.cols))
        )

    def _metres(self, raw: Any) -> Float32:
        heights: Float32 = raw.astype(np.float32)
        heights[raw == -32768] = np.nan
        check_heights(self.name, heights)
        return heights


def _unpacked_size(path: Path) -> int:
    """Size after unpacking, reading no more than one byte past the largest tile."""
    return len(_unpack(path, max(SRTM_SIZES)))


def _unpack(path: Path, limit: int) -> bytes:
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path, "rb") as stream:
                return stream.read(limit + 1)
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.namelist() if m.lower().endswith(".hgt")]
            if len(members) != 1:
                raise damaged(path.name, f"{len(members)} members named .hgt")
            with archive.open(members[0]) as stream:
                return stream.read(limit + 1)
    except FileFormatError:
        raise
    except ARCHIVE_DAMAGE as error:
        raise damaged(path.name, str(error)) from error


def hgt_tiles(files: Sequence[Path]) -> list[Tile]:
    cache = TileCache()
    return [HgtTile(path, cache) for path in files]


# --- GSI elevation tiles ---------------------------------------------------------------------------------------------


def web_mercator_frame(zoom: int, x: int, y: int) -> Frame:
    """Frame of an XYZ tile, EPSG:3857."""
    world = 2 * math.pi * WEB_MERCATOR_RADIUS_M
    side = world / 2**zoom
    step = side / GSI_TILE_PIXELS
    return Frame(
        "EPSG:3857", x * side - world / 2, world / 2 - y * side, step, step, GSI_TILE_PIXELS, GSI_TILE_PIXELS
    )


class GsiPngTile(WholeTile):
    """x = R·65536 + G·256 + B; below 2²³: h = x·0.01; 2²³: NO DATA; above: h = (x − 2²⁴)·0.01."""

    def decode(self) -> Samples:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self.path, formats=("PNG",)) as image:
                if image.size != (GSI_TILE_PIXELS, GSI_TILE_PIXELS) or image.mode not in ("RGB", "RGBA"):
                    raise damaged(
                        self.name, f"{image.size[0]} × {image.size[1]} {image.mode}, not 256 × 256 RGB"
                    )
                rgb = np.asarray(image.convert("RGB"), dtype=np.int64)
        except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise damaged(self.name, str(error)) from error
        code = rgb[..., 0] * 65536 + rgb[..., 1] * 256 + rgb[..., 2]
        centimetres = np.where(code < 2**23, code, code - 2**24)
        heights = (centimetres * 0.01).astype(np.float32)
        heights[code == 2**23] = np.nan
        check_heights(self.name, heights)
        return Samples(heights)


class GsiTextTile(WholeTile):
    """256 lines of 256 comma-separated metres; ``e`` is NO DATA."""

    def decode(self) -> Samples:
        try:
            text = self.path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise damaged(self.name, str(error)) from error
        lines = text.split()
        rows = [line.rstrip(",").split(",") for line in lines]
        if len(rows) != GSI_TILE_PIXELS or any(len(row) != GSI_TILE_PIXELS for row in rows):
            raise damaged(self.name, f"{len(rows)} lines, not 256 lines of 256 values")
        try:
            heights = np.array(
                [[math.nan if cell == "e" else float(cell) for cell in row] for row in rows], dtype=np.float32
            )
        except ValueError as error:
            raise damaged(self.name, str(error)) from error
        check_heights(self.name, heights)
        return Samples(heights)


def gsi_tiles(
    files: Sequence[Path], *, suffix: str, order: str, absent: Sequence[tuple[Path, int, int, int]]
) -> list[Tile]:
    """Tiles in folders ``z/x/y`` (``order`` "zxy", GSI) or ``z/y/x`` ("zyx", GSJ). ``absent``: (list file, z, x, y)."""
    cache = TileCache()
    kind = GsiPngTile if suffix == ".png" else GsiTextTile
    tiles: list[Tile] = []
    for path in files:
        zoom, x, y = _tile_address(path, order)
        tiles.append(kind(path, f"{zoom}/{x}/{y}{suffix}", web_mercator_frame(zoom, x, y), cache))
    for path, zoom, x, y in absent:
        tiles.append(AbsentTile(path, f"{zoom}/{x}/{y}{suffix}", web_mercator_frame(zoom, x, y)))
    return tiles


def _tile_address(path: Path, order: str) -> tuple[int, int, int]:
    parts = (path.parent.parent.name, path.parent.name, path.stem)
    if not all(re.fullmatch(r"[0-9]{1,8}", part) for part in parts):
        raise misnamed("/".join(path.parts[-3:]), "z/x/y の形ではない", "not a z/x/y address")
    zoom, first, second = (int(part) for part in parts)
    x, y = (first, second) if order == "zxy" else (second, first)
    if zoom > 20 or x >= 2**zoom or y >= 2**zoom:
        raise misnamed("/".join(path.parts[-3:]), "タイル番号が範囲外", "no such tile at this zoom")
    return zoom, x, y


def read_absent_list(path: Path) -> list[tuple[Path, int, int, int]]:
    """``absent-tiles.txt``: one ``z/x/y`` a line, tiles for which the publisher answered that there is none."""
    found = []
    for number, line in enumerate(io.StringIO(path.read_text(encoding="utf-8")), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,8})/([0-9]{1,8})", line.strip())
        if match is None:
            raise damaged(path.name, f"line {number} is not z/x/y")
        found.append((path, int(match[1]), int(match[2]), int(match[3])))
    return found
