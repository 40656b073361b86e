"""Files whose bytes depend on nothing but their content: no clocks, no locale, no platform line ends."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from coverage.domain.grid import Grid


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """UTF-8 with BOM (so that Excel on a Japanese PC reads it), LF, None as an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"{path.name}: {len(row)} values under {len(header)} headings")
        writer.writerow(["" if value is None else value for value in row])
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode("utf-8"))


def write_geojson(path: Path, collection: dict[str, Any]) -> None:
    """One feature a line, so that a difference between two versions can be read."""
    features = [
        json.dumps(feature, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        for feature in collection["features"]
    ]
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n"
    path.write_bytes(text.encode("utf-8"))


def write_zip(path: Path, member: str, content: bytes) -> None:
    """A zip of one member, stored, with the earliest date that the format has: the same bytes on every machine.

    Deflate would save little and would tie the bytes to one version of zlib.
    """
    info = zipfile.ZipInfo(member, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_STORED
    info.create_system = 0
    info.external_attr = 0
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, content)


def write_terrain(path: Path, grid: Grid, height_m: NDArray[np.float64]) -> None:
    """Heights as a Cloud-Optimized GeoTIFF: int16 decimetres with the scale in the file, 0 = sea."""
    decimetres = np.round(height_m * 10.0)
    if decimetres.min() < 0 or decimetres.max() > 32_767:
        raise ValueError("heights do not fit into 16 bits of decimetres")
    profile = {
        "driver": "GTiff",
        "dtype": "int16",
        "count": 1,
        "height": grid.rows,
        "width": grid.cols,
        "crs": f"EPSG:{grid.epsg}",
        "transform": Affine(*grid.transform),
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.write(decimetres.astype(np.int16), 1)
            target.scales = (0.1,)
            target.offsets = (0.0,)
            target.update_tags(AREA_OR_POINT="Area")
            target.set_band_description(1, "height above mean sea level, m (fictional)")
        with memory.open() as source:
            rasterio.shutil.copy(
                source,
                path,
                driver="COG",
                COMPRESS="DEFLATE",
                LEVEL="9",
                PREDICTOR="YES",
                BLOCKSIZE="256",
                OVERVIEWS="NONE",
                NUM_THREADS="1",
            )
