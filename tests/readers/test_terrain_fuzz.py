"""Mutated elevation files of every format: a plain error or heights, never anything else, and never sea."""

from __future__ import annotations

import gzip
import importlib.util
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from coverage.domain.grid import Grid
from coverage.errors import CoverageGapError
from coverage.readers.terrain import read_terrain, region_grid


def _formats() -> ModuleType:
    """The writers of the format tests."""
    path = Path(__file__).with_name("test_terrain_formats.py")
    spec = importlib.util.spec_from_file_location("terrain_writers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _formats()


def _tif() -> bytes:
    import rasterio

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dem.tif"
        values = np.arange(64 * 64, dtype=np.int16).reshape(64, 64) % 700
        with rasterio.open(
            path, "w", driver="GTiff", height=64, width=64, count=1, dtype="int16", crs="EPSG:4326", tiled=True,
            blockxsize=32, blockysize=32, compress="deflate", transform=rasterio.Affine(1e-3, 0, 136.0, 0, -1e-3, 34.05),
        ) as out:  # fmt: skip
            out.write(values, 1)
        return path.read_bytes()


def _jpgis() -> bytes:
    heights = make.jpgis_heights()
    return make.jpgis(make.lines_of(heights)[: 4 * make.COLS])


NEAR = region_grid((135.99, 33.99, 136.02, 34.02), epsg=6674, cell_m=200.0, margin_m=0.0)
IN_MESH = region_grid(
    (make.WEST + 0.02, make.SOUTH + 0.06, make.WEST + 0.06, make.SOUTH + 0.083),
    epsg=6674,
    cell_m=200.0,
    margin_m=0.0,
)


def _inside_tile() -> Grid:
    frame = make.web_mercator_frame(make.ZOOM, *make.TILE)
    x, y = frame.x0 + 128 * frame.dx, frame.y0 - 128 * frame.dy
    lon, lat = Transformer.from_crs(3857, 6668, always_xy=True).transform(x, y)
    return region_grid(
        (lon - 0.02, lat - 0.02, lon + 0.02, lat + 0.02), epsg=6674, cell_m=200.0, margin_m=0.0
    )


IN_TILE = _inside_tile()
X_Y = f"{make.ZOOM}/{make.TILE[0]}/{make.TILE[1]}"

SEEDS: dict[str, tuple[str, bytes, str, Grid]] = {
    "tif": ("geotiff", _tif(), "dem.tif", NEAR),
    "hgt.gz": ("srtm-hgt", gzip.compress(make.srtm(33, 135).tobytes(), 9, mtime=0), "N33E135.hgt.gz", NEAR),
    "xml": ("jpgis-dem", _jpgis(), "FG-GML-5235-04-dem10b-20161001.xml", IN_MESH),
    "zip": (
        "jpgis-dem",
        make._zip({"a.zip": make._zip({"FG-GML-5235-04-dem10b.xml": _jpgis()})}),
        "p.zip",
        IN_MESH,
    ),
    "png": ("gsi-dem-png", make.png_bytes(make.gsi_heights(*make.TILE)), f"{X_Y}.png", IN_TILE),
    "txt": ("gsi-dem-txt", make.text_bytes(make.gsi_heights(*make.TILE)), f"{X_Y}.txt", IN_TILE),
}

edits = st.lists(
    st.tuples(
        st.floats(0, 1), st.sampled_from(["flip", "set", "cut", "insert", "repeat"]), st.integers(0, 255)
    ),
    min_size=1,
    max_size=6,
)


def _mutated(data: bytes, changes: list[tuple[float, str, int]]) -> bytes:
    out = bytearray(data)
    for place, kind, value in changes:
        at = min(int(place * len(out)), max(0, len(out) - 1))
        if not out:
            break
        if kind == "flip":
            out[at] ^= 1 << (value % 8)
        elif kind == "set":
            out[at] = value
        elif kind == "cut":
            del out[at : len(out) if value < 32 else at + value]
        elif kind == "insert":
            out[at:at] = bytes([value]) * (value % 7 + 1)
        else:
            out[at:at] = out[at : at + value]
    return bytes(out)


@pytest.mark.parametrize("name", list(SEEDS))
def test_the_seeds_are_sound(name: str) -> None:
    assert np.isfinite(_read(name, SEEDS[name][1])).any()


@pytest.mark.parametrize("name", list(SEEDS))
@given(changes=edits)
def test_a_mutated_file_is_read_or_refused(name: str, changes: list[tuple[float, str, int]]) -> None:
    try:
        heights = _read(name, _mutated(SEEDS[name][1], changes))
    except CoverageGapError:
        return
    known = heights[np.isfinite(heights)]
    assert ((known >= -500) & (known <= 9_000)).all()


def _read(name: str, data: bytes) -> np.ndarray:
    fmt, _, file_name, grid = SEEDS[name]
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "dem" / file_name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        terrain = read_terrain(make.layer(fmt), folder, grid=grid).terrain
        assert not terrain.sea.any()
        return terrain.height_m
    finally:
        shutil.rmtree(folder)
