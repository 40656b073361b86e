"""SRTM .hgt, GSI dem_png and dem txt tiles, JPGIS XML: their encodings, their traps, and damage of every kind."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyproj import Transformer
from shapely.geometry import box

from coverage.domain.grid import Grid
from coverage.domain.projection import plane_to_lonlat
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError
from coverage.readers.terrain import read_terrain, region_grid
from coverage.readers.terrain_formats import read_absent_list, web_mercator_frame


def layer(fmt: str, path: str | list[str] = "dem", **options: Any) -> LayerConfig:
    return LayerConfig(format=fmt, path=path, edition="2024", licence="試験", credit="試験", options=options)


def lonlat_of(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    rows, cols = np.mgrid[0 : grid.rows, 0 : grid.cols]
    return plane_to_lonlat(*grid.xy(rows, cols), grid.epsg)


def refused(root: Path, grid: Grid, config: LayerConfig, code: str) -> FileFormatError:
    with pytest.raises(FileFormatError) as caught:
        read_terrain(config, root, grid=grid)
    assert caught.value.code == code
    return caught.value


# --- SRTM ------------------------------------------------------------------------------------------------------------


def srtm(south: int, west: int, *, posts: int = 1201) -> np.ndarray:
    """A height field of the whole earth, sampled at a tile's posts: neighbours agree on their common row and column."""
    lat = south + 1 - np.arange(posts)[:, None] / (posts - 1)
    lon = west + np.arange(posts)[None, :] / (posts - 1)
    return np.round(500 + 300 * np.sin(lat * 9) * np.cos(lon * 7)).astype(">i2")


def write_hgt(root: Path, name: str, heights: np.ndarray) -> Path:
    path = root / "dem" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(heights.astype(">i2").tobytes())
    return path


@pytest.fixture
def corner() -> Grid:
    """Around the corner where four one-degree tiles meet, 135°–137° E, 33°–35° N."""
    return region_grid((135.97, 33.98, 136.03, 34.02), epsg=6674, cell_m=100.0, margin_m=0.0)


def test_four_srtm_tiles_join_without_a_seam(tmp_path: Path, corner: Grid) -> None:
    for south, west in ((33, 135), (33, 136), (34, 135), (34, 136)):
        write_hgt(tmp_path, f"N{south}E{west}.hgt", srtm(south, west))
    found = read_terrain(layer("srtm-hgt"), tmp_path, grid=corner)
    lon, lat = lonlat_of(corner)
    expected = 500 + 300 * np.sin(lat * 9) * np.cos(lon * 7)
    assert np.abs(found.terrain.height_m - expected).max() < 0.6, "half a metre of rounding in the file"
    assert [path.name for path in found.files] == ["N33E135.hgt", "N33E136.hgt", "N34E135.hgt", "N34E136.hgt"]
    assert found.terrain.surface_model, "SRTM has trees and roofs in it"
    assert found.terrain.source_step_m == pytest.approx(92.7, abs=0.1)
    assert not found.terrain.sea.any()


def test_a_void_is_no_data(tmp_path: Path, corner: Grid) -> None:
    heights = srtm(34, 136)
    heights[-20:-10, 5:15] = -32768
    write_hgt(tmp_path, "N34E136.hgt", heights)
    terrain = read_terrain(layer("srtm-hgt"), tmp_path, grid=corner).terrain
    lon, lat = lonlat_of(corner)
    covered = (lon > 136 - 1 / 2400) & (lat > 34 - 1 / 2400)
    assert np.isnan(terrain.height_m[~covered]).all(), "three tiles are missing: no data, not sea"
    void = np.isnan(terrain.height_m) & covered
    assert 50 < void.sum() < 150
    assert not terrain.sea.any()


@pytest.mark.parametrize("ending", [".gz", ".zip"])
def test_packed_tiles_are_read(tmp_path: Path, corner: Grid, ending: str) -> None:
    plain = write_hgt(tmp_path, "N34E136.hgt", srtm(34, 136))
    expected = read_terrain(layer("srtm-hgt"), tmp_path, grid=corner).terrain.height_m
    packed = plain.with_name("N34E136.hgt" + ending)
    if ending == ".gz":
        packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    else:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(plain, "N34E136.hgt")
    plain.unlink()
    found = read_terrain(layer("srtm-hgt"), tmp_path, grid=corner)
    assert np.array_equal(found.terrain.height_m, expected, equal_nan=True)
    assert found.files == [packed]


@pytest.mark.parametrize("size", [0, 2 * 1201 * 1201 - 2, 2 * 1201 * 1201 + 2, 2 * 1200 * 1200])
def test_a_tile_of_the_wrong_size_is_refused(tmp_path: Path, corner: Grid, size: int) -> None:
    (tmp_path / "dem").mkdir()
    (tmp_path / "dem" / "N34E136.hgt").write_bytes(bytes(size))
    error = refused(tmp_path, corner, layer("srtm-hgt"), "hgt-wrong-size")
    assert "N34E136.hgt" in error.ja


def test_a_packed_tile_that_unpacks_to_too_much_is_refused_early(tmp_path: Path, corner: Grid) -> None:
    (tmp_path / "dem").mkdir()
    (tmp_path / "dem" / "N34E136.hgt.gz").write_bytes(gzip.compress(bytes(200_000_000), 1))
    refused(tmp_path, corner, layer("srtm-hgt"), "hgt-wrong-size")


@pytest.mark.parametrize(
    ("mark", "word"), [("encrypted", "encrypted"), ("method", "compression"), ("two", "2 members")]
)
def test_a_zip_that_cannot_be_unpacked_is_refused_in_one_sentence(
    tmp_path: Path, corner: Grid, mark: str, word: str
) -> None:
    (tmp_path / "dem").mkdir()
    path = tmp_path / "dem" / "N34E136.hgt.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("N34E136.hgt", srtm(34, 136).tobytes())
        if mark == "two":
            archive.writestr("N34E137.hgt", b"")
    data = bytearray(path.read_bytes())
    at, byte = {"encrypted": (6, 1), "method": (8, 99), "two": (8, 0)}[mark]
    for magic, further in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        data[data.find(magic) + at + further] |= byte
    path.write_bytes(bytes(data))
    error = refused(tmp_path, corner, layer("srtm-hgt"), "terrain-file-damaged")
    assert word in error.en
    assert error.en.count("N34E136.hgt.zip") == 1


def test_a_truncated_gzip_is_refused(tmp_path: Path, corner: Grid) -> None:
    packed = gzip.compress(srtm(34, 136).tobytes())
    (tmp_path / "dem").mkdir()
    (tmp_path / "dem" / "N34E136.hgt.gz").write_bytes(packed[: len(packed) // 2])
    refused(tmp_path, corner, layer("srtm-hgt"), "terrain-file-damaged")


@pytest.mark.parametrize("name", ["Tsu.hgt", "34N136E.hgt", "N34E1360.hgt", "N34E136_v3.hgt"])
def test_a_name_that_says_no_place_is_refused(tmp_path: Path, corner: Grid, name: str) -> None:
    write_hgt(tmp_path, name, srtm(34, 136))
    refused(tmp_path, corner, layer("srtm-hgt"), "terrain-file-misnamed")


def test_a_tile_under_its_neighbours_name_is_noticed(tmp_path: Path, corner: Grid) -> None:
    write_hgt(tmp_path, "N34E136.hgt", srtm(34, 136))
    write_hgt(tmp_path, "N34E135.hgt", srtm(33, 135))
    error = refused(tmp_path, corner, layer("srtm-hgt"), "terrain-tiles-disagree")
    assert "N34E135.hgt" in error.en


# --- GSI tiles -------------------------------------------------------------------------------------------------------

ZOOM = 12
TILE = (3596, 1638)
"""z 12 near Owase."""


def gsi_heights(x: int, y: int, zoom: int = ZOOM) -> np.ndarray:
    frame = web_mercator_frame(zoom, x, y)
    col, row = np.meshgrid(np.arange(256) + 0.5, np.arange(256) + 0.5)
    east, north = frame.x0 + col * frame.dx, frame.y0 - row * frame.dy
    return slope(east, north)


def slope(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """300 m where the four tiles meet, rising to the north-east: linear, so that bilinear sampling is exact."""
    corner = web_mercator_frame(ZOOM, TILE[0] + 1, TILE[1] + 1)
    return 300.0 + (east - corner.x0) / 97.0 + (north - corner.y0) / 153.0


def png_bytes(heights: np.ndarray) -> bytes:
    code = np.round(np.nan_to_num(heights) * 100).astype(np.int64)
    code = np.where(code < 0, code + 2**24, code)
    code[np.isnan(heights)] = 2**23
    rgb = np.stack([code >> 16, (code >> 8) & 255, code & 255], axis=-1).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(rgb, "RGB").save(out, "PNG")
    return out.getvalue()


def text_bytes(heights: np.ndarray) -> bytes:
    lines = (",".join("e" if np.isnan(v) else f"{v:.2f}" for v in row) for row in heights)
    return ("\n".join(lines) + "\n").encode("ascii")


def write_tile(
    root: Path, x: int, y: int, heights: np.ndarray, *, suffix: str = ".png", order: str = "zxy"
) -> Path:
    first, second = (x, y) if order == "zxy" else (y, x)
    path = root / "dem" / str(ZOOM) / str(first) / f"{second}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(heights) if suffix == ".png" else text_bytes(heights))
    return path


@pytest.fixture
def seam() -> Grid:
    """Across the corner of four tiles."""
    frame = web_mercator_frame(ZOOM, TILE[0] + 1, TILE[1] + 1)
    lon, lat = Transformer.from_crs(3857, 6668, always_xy=True).transform(frame.x0, frame.y0)
    return region_grid(
        (lon - 0.012, lat - 0.012, lon + 0.012, lat + 0.012), epsg=6674, cell_m=40.0, margin_m=0.0
    )


def _four(root: Path, **more: Any) -> None:
    for x in (TILE[0], TILE[0] + 1):
        for y in (TILE[1], TILE[1] + 1):
            write_tile(root, x, y, gsi_heights(x, y), **more)


def gsi_at(grid: Grid) -> np.ndarray:
    east, north = Transformer.from_crs(6668, 3857, always_xy=True).transform(*lonlat_of(grid))
    return slope(np.asarray(east), np.asarray(north))


@pytest.mark.parametrize(
    ("fmt", "suffix", "order"),
    [("gsi-dem-png", ".png", "zxy"), ("gsi-dem-txt", ".txt", "zxy"), ("gsi-dem-png", ".png", "zyx")],
)
def test_tiles_join_across_their_corner(
    tmp_path: Path, seam: Grid, fmt: str, suffix: str, order: str
) -> None:
    _four(tmp_path, suffix=suffix, order=order)
    terrain = read_terrain(layer(fmt, tile_order=order), tmp_path, grid=seam).terrain
    assert np.abs(terrain.height_m - gsi_at(seam)).max() < 0.02
    assert terrain.source_step_m == pytest.approx(31.6, abs=0.3), "38 m of Mercator at 34° N"
    assert not terrain.surface_model


def test_heights_below_sea_level_and_no_data_in_png(tmp_path: Path, seam: Grid) -> None:
    _four(tmp_path)
    heights = gsi_heights(*TILE)
    heights[236:246, 236:246] = -1.53
    heights[218:230, 236:250] = np.nan
    write_tile(tmp_path, *TILE, heights)
    terrain = read_terrain(layer("gsi-dem-png"), tmp_path, grid=seam).terrain
    assert float(np.nanmin(terrain.height_m)) == pytest.approx(-1.53, abs=1e-3), (
        "the polders of Kisosaki are land"
    )
    assert 80 < np.isnan(terrain.height_m).sum() < 400
    assert not terrain.sea.any(), "nor is land below zero sea, nor a hole"


@pytest.mark.parametrize("suffix", [".png", ".txt"])
def test_the_same_hole_in_both_encodings(tmp_path: Path, seam: Grid, suffix: str) -> None:
    heights = gsi_heights(*TILE)
    heights[220:230, 220:230] = np.nan
    _four(tmp_path, suffix=suffix)
    write_tile(tmp_path, *TILE, heights, suffix=suffix)
    found = read_terrain(layer(f"gsi-dem-{suffix[1:]}"), tmp_path, grid=seam).terrain
    assert 40 < np.isnan(found.height_m).sum() < 150


def test_a_missing_tile_is_sea_only_where_the_publisher_said_that_it_has_none(
    tmp_path: Path, seam: Grid
) -> None:
    _four(tmp_path)
    missing = (TILE[0] + 1, TILE[1] + 1)
    (tmp_path / "dem" / str(ZOOM) / str(missing[0]) / f"{missing[1]}.png").unlink()
    lon, lat = lonlat_of(seam)
    frame = web_mercator_frame(ZOOM, *missing)
    edge_lon, edge_lat = Transformer.from_crs(3857, 6668, always_xy=True).transform(frame.x0, frame.y0)
    quarter = (lon > edge_lon + 0.0005) & (lat < edge_lat - 0.0005)
    inland = box(130, 30, edge_lon + 0.005, 40)
    config = layer("gsi-dem-png", sea="nodata-outside-outline")
    unknown = read_terrain(config, tmp_path, grid=seam, sea_outline=inland).terrain
    assert np.isnan(unknown.height_m[quarter]).all(), "not fetched is not sea"
    assert not unknown.sea.any()
    listed = tmp_path / "dem" / "absent-tiles.txt"
    listed.write_text(f"{ZOOM}/{missing[0]}/{missing[1]}\n", encoding="utf-8")
    found = read_terrain(config, tmp_path, grid=seam, sea_outline=inland)
    off_shore = quarter & (lon > edge_lon + 0.0055)
    on_shore = quarter & (lon < edge_lon + 0.0045)
    assert found.terrain.sea[off_shore].all()
    assert (found.terrain.height_m[off_shore] == 0).all()
    assert np.isnan(found.terrain.height_m[on_shore]).all(), "no data inland stays no data"
    assert listed in found.files, "the list shapes the result, so it is an input"


def test_a_list_of_absent_tiles_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "absent-tiles.txt"
    path.write_text("12/3596/1638\n12-3596-1639\n", encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        read_absent_list(path)
    assert "line 2" in caught.value.en


@pytest.mark.parametrize("address", ["12/3596/x.png", "a/3596/1638.png", "12/9999/1638.png", "25/1/1.png"])
def test_a_tile_at_an_impossible_address_is_refused(tmp_path: Path, seam: Grid, address: str) -> None:
    path = tmp_path / "dem" / address
    path.parent.mkdir(parents=True)
    path.write_bytes(png_bytes(gsi_heights(*TILE)))
    refused(tmp_path, seam, layer("gsi-dem-png"), "terrain-file-misnamed")


def test_two_tiles_that_changed_places_do_not_join(tmp_path: Path, seam: Grid) -> None:
    _four(tmp_path)
    high = gsi_heights(*TILE) + 400
    write_tile(tmp_path, *TILE, high)
    error = refused(tmp_path, seam, layer("gsi-dem-png"), "terrain-tiles-do-not-join")
    assert f"{ZOOM}/{TILE[0]}/{TILE[1]}.png" in error.en


def _broken_png(tmp_path: Path, what: str) -> None:
    path = write_tile(tmp_path, *TILE, gsi_heights(*TILE))
    data = path.read_bytes()
    if what == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "jpeg":
        out = io.BytesIO()
        Image.new("RGB", (256, 256)).save(out, "JPEG")
        path.write_bytes(out.getvalue())
    elif what == "grey":
        out = io.BytesIO()
        Image.new("L", (256, 256)).save(out, "PNG")
        path.write_bytes(out.getvalue())
    elif what == "small":
        out = io.BytesIO()
        Image.new("RGB", (128, 128)).save(out, "PNG")
        path.write_bytes(out.getvalue())
    else:
        path.write_bytes(b"<html>404</html>")


@pytest.mark.parametrize("what", ["truncated", "empty", "jpeg", "grey", "small", "html"])
def test_a_png_that_is_no_height_tile_is_refused(tmp_path: Path, seam: Grid, what: str) -> None:
    _broken_png(tmp_path, what)
    refused(tmp_path, seam, layer("gsi-dem-png"), "terrain-file-damaged")


@pytest.mark.parametrize("change", ["short", "narrow", "letters", "not text", "height"])
def test_a_text_tile_that_is_damaged_is_refused(tmp_path: Path, seam: Grid, change: str) -> None:
    path = write_tile(tmp_path, *TILE, gsi_heights(*TILE), suffix=".txt")
    lines = path.read_text(encoding="ascii").split("\n")
    if change == "short":
        lines = lines[:200]
    elif change == "narrow":
        lines[9] = lines[9].rsplit(",", 1)[0]
    elif change == "letters":
        lines[9] = "x" + lines[9][1:]
    elif change == "height":
        lines = [",".join(["99999.0"] * 256)] * 256
    path.write_bytes("標高".encode() if change == "not text" else "\n".join(lines).encode("ascii"))
    refused(
        tmp_path,
        seam,
        layer("gsi-dem-txt"),
        "terrain-height-impossible" if change == "height" else "terrain-file-damaged",
    )


def test_a_fine_zoom_is_filled_up_from_a_coarse_one(tmp_path: Path, seam: Grid) -> None:
    _four(tmp_path)
    x, y = 2 * TILE[0] + 1, 2 * TILE[1] + 1
    fine = tmp_path / "fine" / str(ZOOM + 1) / str(x) / f"{y}.png"
    fine.parent.mkdir(parents=True)
    fine.write_bytes(png_bytes(gsi_heights(x, y, ZOOM + 1) + 5.0))
    terrain = read_terrain(layer("gsi-dem-png", ["fine", "dem"]), tmp_path, grid=seam).terrain
    difference = np.round(terrain.height_m - gsi_at(seam), 1)
    assert set(np.unique(difference)) == {0.0, 5.0}
    assert 0.2 < (difference == 5.0).mean() < 0.3


# --- JPGIS -----------------------------------------------------------------------------------------------------------

MESH = "523504"
SOUTH, WEST = 52 * 2 / 3 + 0 * 5 / 60, 135 + 4 * 7.5 / 60
ROWS, COLS = 150, 225


def jpgis(
    lines: list[str],
    *,
    mesh: str = MESH,
    south: float = SOUTH,
    west: float = WEST,
    start: str = "0 0",
    srs: str = "fguuid:jgd2011.bl",
    order: str = "+x-y",
    encoding: str = "UTF-8",
    head: str = "",
) -> bytes:
    """A tile as the publisher writes it, with 2″ cells instead of 0.4″ to be small."""
    text = (
        f"""<?xml version="1.0" encoding="{encoding}"?>{head}
<Dataset xmlns="http://fgd.gsi.go.jp/spec/2008/FGD_GMLSchema" xmlns:gml="http://www.opengis.net/gml/3.2">
<DEM gml:id="DEM001"><type>10mメッシュ（標高）</type><mesh>{mesh}</mesh><coverage gml:id="DEM001-2">
<gml:boundedBy><gml:Envelope srsName="{srs}"><gml:lowerCorner>{south:.9f} {west:.9f}</gml:lowerCorner>
<gml:upperCorner>{south + 5 / 60:.9f} {west + 7.5 / 60:.9f}</gml:upperCorner></gml:Envelope></gml:boundedBy>
<gml:gridDomain><gml:Grid dimension="2"><gml:limits><gml:GridEnvelope><gml:low>0 0</gml:low>
<gml:high>{COLS - 1} {ROWS - 1}</gml:high></gml:GridEnvelope></gml:limits></gml:Grid></gml:gridDomain>
<gml:rangeSet><gml:DataBlock><gml:rangeParameters/><gml:tupleList>
"""
        + "\n".join(lines)
        + f"""
</gml:tupleList></gml:DataBlock></gml:rangeSet><gml:coverageFunction><gml:GridFunction>
<gml:sequenceRule order="{order}">Linear</gml:sequenceRule><gml:startPoint>{start}</gml:startPoint>
</gml:GridFunction></gml:coverageFunction></coverage></DEM></Dataset>"""
    )
    return text.encode("cp932" if encoding == "Shift_JIS" else "utf-8")


def jpgis_heights() -> np.ndarray:
    row, col = np.mgrid[0:ROWS, 0:COLS]
    return 50.0 + 0.5 * col + 0.25 * row


def lines_of(heights: np.ndarray) -> list[str]:
    return [f"地表面,{value:.2f}" for value in heights.ravel()]


def write_xml(root: Path, data: bytes, name: str = "FG-GML-5235-04-dem10b-20161001.xml") -> Path:
    path = root / "dem" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def mesh_grid() -> Grid:
    """Well inside the mesh 5235-04."""
    return region_grid(
        (WEST + 0.02, SOUTH + 0.02, WEST + 0.10, SOUTH + 0.06), epsg=6674, cell_m=100.0, margin_m=0.0
    )


def jpgis_at(grid: Grid) -> np.ndarray:
    lon, lat = lonlat_of(grid)
    return 50.0 + 0.5 * ((lon - WEST) * 1800 - 0.5) + 0.25 * ((SOUTH + 5 / 60 - lat) * 1800 - 0.5)


def cell_of(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    lon, lat = lonlat_of(grid)
    return (SOUTH + 5 / 60 - lat) * 1800 - 0.5, (lon - WEST) * 1800 - 0.5


@pytest.mark.parametrize("encoding", ["UTF-8", "Shift_JIS"])
def test_rows_run_from_the_north_and_columns_from_the_west(
    tmp_path: Path, mesh_grid: Grid, encoding: str
) -> None:
    write_xml(tmp_path, jpgis(lines_of(jpgis_heights()), encoding=encoding))
    terrain = read_terrain(layer("jpgis-dem"), tmp_path, grid=mesh_grid).terrain
    assert np.abs(terrain.height_m - jpgis_at(mesh_grid)).max() < 0.01
    assert not terrain.surface_model
    assert terrain.source_step_m == pytest.approx(61.8, abs=0.1)


def test_data_that_start_late_and_stop_early_leave_no_data_at_both_ends(
    tmp_path: Path, mesh_grid: Grid
) -> None:
    first, last = 60 * COLS + 100, 100 * COLS + 40
    write_xml(tmp_path, jpgis(lines_of(jpgis_heights())[first:last], start="100 60"))
    terrain = read_terrain(layer("jpgis-dem"), tmp_path, grid=mesh_grid).terrain
    known = np.isfinite(terrain.height_m)
    assert np.abs(terrain.height_m - jpgis_at(mesh_grid))[known].max() < 0.01, "nothing has moved"
    row, _ = cell_of(mesh_grid)
    assert known[(row > 62) & (row < 98)].all()
    assert not known[(row < 59) | (row > 101)].any()
    assert not terrain.sea.any()


def test_only_cells_of_the_sea_class_are_sea(tmp_path: Path, mesh_grid: Grid) -> None:
    kinds = np.full((ROWS, COLS), "地表面", dtype=object)
    kinds[:, 120:] = "海水面"
    kinds[70:80, 60:75] = "内水面"
    kinds[90:100, 60:75] = "データなし"
    values = jpgis_heights()
    values[kinds != "地表面"] = -9999.0
    values[70:75, 60:75] = 12.0
    lines = [f"{kind},{value:.2f}" for kind, value in zip(kinds.ravel(), values.ravel(), strict=True)]
    write_xml(tmp_path, jpgis(lines))
    terrain = read_terrain(layer("jpgis-dem"), tmp_path, grid=mesh_grid).terrain
    row, col = cell_of(mesh_grid)
    assert np.array_equal(terrain.sea, col >= 119.5)
    assert (terrain.height_m[terrain.sea] == 0).all()
    lake = (row > 71) & (row < 73.5) & (col > 61) & (col < 73)
    assert np.allclose(terrain.height_m[lake], 12.0), "a lake with a height has it"
    for top, bottom in ((76, 78.5), (91, 98)):
        assert np.isnan(terrain.height_m[(row > top) & (row < bottom) & (col > 61) & (col < 73)]).all()
    dry = read_terrain(layer("jpgis-dem", sea="none"), tmp_path, grid=mesh_grid).terrain
    assert not dry.sea.any()


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_archives_in_archives_are_read(tmp_path: Path, mesh_grid: Grid) -> None:
    name = "FG-GML-5235-04-dem10b-20161001.xml"
    inner = _zip({name: jpgis(lines_of(jpgis_heights())), "fmdid15-3001.xml": b"<metadata/>"})
    other = _zip({"FG-GML-5235-05-dem10b-20161001.xml": jpgis(
        lines_of(jpgis_heights()), mesh="523505", west=WEST + 7.5 / 60)})  # fmt: skip
    (tmp_path / "dem").mkdir()
    path = tmp_path / "dem" / "PackDLMap.zip"
    path.write_bytes(_zip({"pack\\FG-GML-5235-04-DEM10B.zip": inner, "FG-GML-5235-05-DEM10B.zip": other}))
    found = read_terrain(layer("jpgis-dem"), tmp_path, grid=mesh_grid)
    assert np.abs(found.terrain.height_m - jpgis_at(mesh_grid)).max() < 0.01
    assert found.files == [path]


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (jpgis(lines_of(jpgis_heights()))[:-3000], None, "terrain-file-damaged"),
        (jpgis(lines_of(jpgis_heights()))[:600], None, "terrain-file-damaged"),
        (b"", None, "terrain-file-damaged"),
        (jpgis([*lines_of(jpgis_heights()), "地表面,1.0"]), None, "terrain-file-damaged"),
        (jpgis(lines_of(jpgis_heights()), start="1 0"), None, "terrain-file-damaged"),
        (jpgis(lines_of(jpgis_heights())[5:], start="900 0"), None, "terrain-file-damaged"),
        (jpgis(lines_of(jpgis_heights()), order="+x+y"), None, "terrain-file-damaged"),
        (jpgis(["地表面;12.0"]), None, "terrain-file-damaged"),
        (jpgis(["地表面,twelve"]), None, "terrain-file-damaged"),
        (jpgis(["月面,12.0"]), None, "terrain-file-damaged"),
        (jpgis(["地表面,12000.0"]), None, "terrain-height-impossible"),
        (jpgis(lines_of(jpgis_heights()), srs="fguuid:mars.bl"), None, "terrain-without-crs"),
        (jpgis(lines_of(jpgis_heights())), "FG-GML-5136-42-dem10b-20161001.xml", "terrain-file-misnamed"),
        (jpgis(lines_of(jpgis_heights()), west=WEST + 1), None, "terrain-file-misnamed"),
        (jpgis(lines_of(jpgis_heights()), mesh="523505"), "dem.xml", "terrain-file-misnamed"),
        (
            jpgis(["地表面,1.0"], head='<!DOCTYPE D [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
            None,
            "terrain-file-damaged",
        ),
    ],
)  # fmt: skip
def test_a_tile_that_is_damaged_or_not_what_it_says_is_refused(
    tmp_path: Path, mesh_grid: Grid, data: bytes, name: str | None, code: str
) -> None:
    write_xml(tmp_path, data, name or "FG-GML-5235-04-dem10b-20161001.xml")
    refused(tmp_path, mesh_grid, layer("jpgis-dem"), code)


def test_damaged_and_empty_archives_are_refused(tmp_path: Path, mesh_grid: Grid) -> None:
    good = _zip({"FG-GML-5235-04-dem10b-20161001.xml": jpgis(lines_of(jpgis_heights()))})
    (tmp_path / "dem").mkdir()
    path = tmp_path / "dem" / "FG-GML-5235-04-DEM10B.zip"
    path.write_bytes(good[: len(good) // 2])
    refused(tmp_path, mesh_grid, layer("jpgis-dem"), "terrain-file-damaged")
    path.write_bytes(_zip({"readme.txt": b"nothing"}))
    refused(tmp_path, mesh_grid, layer("jpgis-dem"), "terrain-archive-empty")
    nested = good
    for _ in range(4):
        nested = _zip({"inner.zip": nested})
    path.write_bytes(nested)
    refused(tmp_path, mesh_grid, layer("jpgis-dem"), "terrain-file-damaged")


def test_two_editions_of_one_tile_that_disagree_are_refused(tmp_path: Path, mesh_grid: Grid) -> None:
    write_xml(tmp_path, jpgis(lines_of(jpgis_heights())))
    write_xml(tmp_path, jpgis(lines_of(jpgis_heights() + 7)), "FG-GML-5235-04-dem10b-20200401.xml")
    error = refused(tmp_path, mesh_grid, layer("jpgis-dem"), "terrain-tiles-disagree")
    assert "20200401" in error.en
