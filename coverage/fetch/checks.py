"""Is a file what it should be? First the bytes of one file, then the whole layer with its own reader.

What is counted on the way (municipalities, km², people, rows) is kept in the catalogue and compared with official totals
where they are known.
"""

from __future__ import annotations

import gzip
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.domain.places import Municipality
from coverage.domain.region import LayerConfig
from coverage.errors import CoverageGapError, FileFormatError, PublisherError
from coverage.fetch.addresses import Content
from coverage.fetch.prefectures import Prefecture

if TYPE_CHECKING:
    from coverage.readers.terrain_mosaic import Tile

AREA_TOLERANCE: Final = 0.05
"""Boundaries of a prefecture against its official area: lakes, undetermined land and simplification stay below it."""

_ROWS_AT_ONCE: Final = 2048
"""Rows of a tile held at once: a GeoTIFF may be a whole prefecture."""

PEOPLE_BELOW: Final = 0.005
PEOPLE_ABOVE: Final = 0.25
"""People in cells that touch a prefecture against its census: whole border cells may add neighbours, nothing may lack."""


def check_file(path: Path, content: Content, *, name: str) -> None:
    """Magic bytes and integrity of one downloaded file.

    Raises PublisherError "publisher-wrong-content" (a page, or an error message, instead of the file), FileFormatError
    for damage that the reader of the format finds ("opencellid-refused" for a refused token).
    """
    with path.open("rb") as handle:
        head = handle.read(512)
    if content == "zip":
        if not head.startswith(b"PK\x03\x04"):
            raise _wrong(name, head)
        with _reported(name), zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
            if bad is not None:
                raise _damaged(name, bad)
    elif content == "dem-png":
        if not head.startswith(b"\x89PNG\r\n\x1a\n"):
            raise _wrong(name, head)
        from coverage.readers.terrain_formats import GsiPngTile, web_mercator_frame
        from coverage.readers.terrain_mosaic import TileCache

        GsiPngTile(path, name, web_mercator_frame(1, 0, 0), TileCache()).decode()
    elif content == "hgt-gz":
        if not head.startswith(b"\x1f\x8b"):
            raise _wrong(name, head)
        with _reported(name), gzip.open(path, "rb") as stream:
            size = sum(len(block) for block in iter(lambda: stream.read(1 << 20), b""))
        if size not in (25_934_402, 2_884_802):
            raise _damaged(name, f"{size:,} bytes")
    elif content == "csv":
        if (b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff"))) or _is_page(head) or not head.strip():
            raise _wrong(name, head)
    else:
        from coverage.readers.opencellid import read_cells

        if _is_page(head):
            raise _wrong(name, head)
        for _ in read_cells(path):
            pass


class _reported:  # noqa: N801  (used as a statement)
    """Turn what zlib and zipfile raise for damaged bytes into one sentence."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CoverageGapError):
            return
        if isinstance(error, ARCHIVE_DAMAGE):
            raise _damaged(self._name, str(error)) from None


def check_layer(
    layer: str,
    config: LayerConfig,
    root: Path,
    *,
    prefecture: Prefecture,
    municipalities: Sequence[Municipality] = (),
    thorough: bool = False,
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...], tuple[Municipality, ...]]:
    """Read the layer with its reader; (what was counted, notes, the municipalities of a boundary layer).

    ``root``: the prefecture's folder (or the place where it is being made). ``thorough`` reads every elevation tile to
    its last sample, also those whose bytes :func:`check_file` has looked at already. Raises what the readers raise, and
    FileFormatError "total-unlike-official".
    """
    if layer == "boundaries":
        return _boundaries(config, root, prefecture)
    if layer in ("population", "future-population"):
        return (*_population(layer, config, root, prefecture, municipalities), ())
    if layer == "terrain":
        return _terrain(config, root, thorough), (), ()
    if layer == "settlements":
        from coverage.readers.places import read_settlements

        towns = read_settlements(config, root, prefecture_code=prefecture.code)
        return {"towns": towns.rows, "without_position": len(towns.without_position)}, towns.notes, ()
    if layer == "shelters":
        from coverage.readers.places import read_shelters

        found = read_shelters(config, root, prefecture_code=prefecture.code)
        return {"shelters": found.rows, "without_position": len(found.without_position)}, found.notes, ()
    return _sites(config, root, municipalities)


def _boundaries(
    config: LayerConfig, root: Path, prefecture: Prefecture
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...], tuple[Municipality, ...]]:
    from coverage.domain.projection import geometry_to_plane
    from coverage.readers.boundaries import read_boundaries

    reading = read_boundaries(config, root, prefecture_code=prefecture.code, prefecture_name=prefecture.name_ja)
    area = math.fsum(geometry_to_plane(m.geometry, prefecture.plane_epsg).area for m in reading.municipalities) / 1e6
    facts = {"municipalities": len(reading.municipalities), "area_km2": round(area, 1)}
    official = prefecture.area_km2
    if official is not None and abs(area / official - 1) > AREA_TOLERANCE:
        raise _unlike(
            "行政区域の面積", "area of the boundaries", f"{area:,.0f} km²", f"{official:,.0f} km²", prefecture
        )
    return facts, reading.notes, reading.municipalities


def _population(
    layer: str, config: LayerConfig, root: Path, prefecture: Prefecture, municipalities: Sequence[Municipality]
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    from coverage.readers.population import read_population, restrict_to

    reading = read_population(config, root, municipalities=municipalities, prefecture_code=prefecture.code)
    inside = restrict_to(reading.mesh, municipalities)
    people = float(inside.population.sum())
    if not len(inside):
        raise FileFormatError(
            "population-elsewhere",
            f"人口データが{prefecture.name_ja}とまったく重なりません。都道府県と1次メッシュの番号を確かめてください。",
            f"The population does not overlap {prefecture.name_en} at all; check the prefecture and the mesh codes.",
        )
    facts = {"cells": len(inside), "people_in_touching_cells": round(people, 1)}
    official = prefecture.census_2020
    if layer == "population" and official is not None and reading.mesh.census_year == 2020:
        share = people / official - 1
        if not -PEOPLE_BELOW <= share <= PEOPLE_ABOVE:
            raise _unlike("人口", "population", f"{people:,.0f}", f"{official:,}", prefecture)
        facts["official_census"] = official
    return facts, reading.notes


def _terrain(config: LayerConfig, root: Path, thorough: bool) -> dict[str, Any]:
    from coverage.readers import terrain, terrain_formats
    from coverage.readers.terrain_jpgis import jpgis_tiles

    files = terrain.layer_files(config, root, "terrain")
    tiles: Sequence[Tile]
    if config.format == "geotiff":
        declared = config.options.get("crs")
        tiles = terrain_formats.geotiff_tiles(files, declared_crs=declared, nodata=config.options.get("nodata"))
    elif config.format == "srtm-hgt":
        tiles = terrain_formats.hgt_tiles(files)
    elif config.format == "jpgis-dem":
        tiles = jpgis_tiles(files)
    elif thorough:
        suffix = ".png" if config.format == "gsi-dem-png" else ".txt"
        order = str(config.options.get("tile_order", "zxy"))
        tiles = terrain_formats.gsi_tiles(files, suffix=suffix, order=order, absent=())
    else:
        return {"files": len(files)}
    highest = -math.inf
    for tile in tiles:
        for row in range(0, tile.frame.rows, _ROWS_AT_ONCE):
            rows = slice(row, min(tile.frame.rows, row + _ROWS_AT_ONCE))
            height = tile.read(rows, slice(0, tile.frame.cols)).height_m
            if np.isfinite(height).any():
                highest = max(highest, float(np.nanmax(height)))
    return {"files": len(files), "tiles": len(tiles), "highest_m": round(highest, 1) if math.isfinite(highest) else None}


def _sites(
    config: LayerConfig, root: Path, municipalities: Sequence[Municipality]
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...], tuple[Municipality, ...]]:
    from coverage.readers.boundaries import Locator, bounds_of
    from coverage.readers.opencellid import read_opencellid

    networks = {str(k): str(v) for k, v in dict(config.options.get("networks", {})).items()}
    reading = read_opencellid(
        [root / p for p in config.paths],
        networks=networks,
        locator=Locator(municipalities),
        bounds=bounds_of(municipalities),
    )
    return {"sites": len(reading.ledger.sites)}, reading.notes, ()


def is_page(path: Path) -> bool:
    """Whether a publisher sent a web page where a file was wanted."""
    with path.open("rb") as handle:
        return _is_page(handle.read(512))


def _is_page(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body"))


def _wrong(name: str, head: bytes) -> PublisherError:
    ja, en = ("Web ページ", "a web page") if _is_page(head) else ("別の種類のもの", "something else")
    if not head.strip():
        ja, en = "空のファイル", "an empty file"
    return PublisherError(
        "publisher-wrong-content",
        f"「{name}」として{ja}が送られてきました。公表元のページで住所とお知らせ（工事・移転）を確かめ、後でもう一度 fetch してください。",
        f"The publisher sent {en} instead of '{name}'; look at its site for the address and for notices, and fetch again later.",
    )


def _damaged(name: str, reason: str) -> FileFormatError:
    return FileFormatError(
        "download-damaged",
        f"「{name}」は壊れています（{reason}）。もう一度 fetch してください。",
        f"'{name}' is damaged ({reason}); fetch it again.",
    )


def _unlike(what_ja: str, what_en: str, found: str, official: str, prefecture: Prefecture) -> FileFormatError:
    return FileFormatError(
        "total-unlike-official",
        f"{prefecture.name_ja}の{what_ja}が {found} で、公表値 {official} と合いません。別の県か、途中までのファイルでないか確かめてください。",
        f"The {what_en} of {prefecture.name_en} is {found} against the official {official}; check that the files are "
        "those of this prefecture and complete.",
    )
