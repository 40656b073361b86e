"""Terrain that is refused: no position, wrong units, other places, files that read other files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.errors

from coverage.domain.grid import Grid
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError, RegionError

from .terrain_files import NORTH, STEP, WEST, from_origin, layer, plane, plane_at, read, write_tif


def test_degrees_without_a_declared_crs_are_refused_unless_it_is_stated(tmp_path: Path, grid: Grid) -> None:
    write_tif(tmp_path / "dem.tif", plane(200, 200), crs=None)
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid)
    assert caught.value.code == "terrain-without-crs"
    stated = read(tmp_path, grid, layer(crs="EPSG:6668")).terrain
    assert np.abs(stated.height_m - plane_at(grid)).max() < 1e-3


def test_a_stated_crs_that_contradicts_the_file_is_refused(tmp_path: Path, grid: Grid) -> None:
    write_tif(tmp_path / "dem.tif", plane(200, 200))
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid, layer(crs="EPSG:4301"))
    assert caught.value.code == "terrain-crs-contradicts"
    assert np.isfinite(read(tmp_path, grid, layer(crs="EPSG:6668")).terrain.height_m).all(), (
        "JGD2011 agrees with WGS 84"
    )


def test_a_vrt_that_reads_another_file_is_refused_under_a_tif_name(tmp_path: Path, grid: Grid) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(200 * 200))
    (tmp_path / "dem.tif").write_text(
        f"""<VRTDataset rasterXSize="200" rasterYSize="200"><SRS>EPSG:4326</SRS>
        <GeoTransform>{WEST}, {STEP}, 0, {NORTH}, 0, -{STEP}</GeoTransform>
        <VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">
        <SourceFilename relativetoVRT="1">secret.bin</SourceFilename></VRTRasterBand></VRTDataset>""",
        encoding="utf-8",
    )
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid)
    assert caught.value.code == "terrain-not-geotiff"


def test_a_truncated_tile_is_refused(tmp_path: Path, grid: Grid) -> None:
    path = write_tif(
        tmp_path / "dem.tif", plane(200, 200) + np.random.default_rng(0).random((200, 200), np.float32)
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid)
    assert caught.value.code in {"terrain-file-damaged", "terrain-not-geotiff"}
    assert "dem.tif" in caught.value.ja


@pytest.mark.parametrize("value", [-32768, -9999, 32767])
def test_an_undeclared_no_data_value_is_not_a_height(tmp_path: Path, grid: Grid, value: int) -> None:
    heights = plane(200, 200).astype(np.int16)
    heights[80:90, 80:120] = value
    write_tif(tmp_path / "dem.tif", heights)
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid)
    assert caught.value.code == "terrain-height-impossible"
    assert str(value) in caught.value.en
    assert np.isnan(read(tmp_path, grid, layer(nodata=value)).terrain.height_m).any()


@pytest.mark.parametrize(
    ("crs", "west", "north"),
    [("EPSG:4326", 25_600.0, 34.6), ("EPSG:4326", 136.3, -163_000.0), ("EPSG:6674", 1e12, 0.0)],
)
def test_metres_under_the_name_of_degrees_are_refused(
    tmp_path: Path, grid: Grid, crs: str, west: float, north: float
) -> None:
    write_tif(tmp_path / "dem.tif", plane(9, 9), crs=crs, west=west, north=north)
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid)
    assert caught.value.code == "terrain-position-impossible"


def test_a_raster_without_a_position_is_refused(tmp_path: Path, grid: Grid) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_tif(tmp_path / "dem.tif", plane(200, 200), transform=rasterio.Affine.identity())
    with pytest.raises(FileFormatError) as caught:
        read(tmp_path, grid)
    assert caught.value.code == "terrain-rotated"


def test_rasters_that_are_no_height_rasters_are_refused(tmp_path: Path, grid: Grid) -> None:
    write_tif(
        tmp_path / "south-up.tif", plane(200, 200), transform=rasterio.Affine(STEP, 0, WEST, 0, STEP, NORTH)
    )
    with rasterio.open(
        tmp_path / "rgb.tif", "w", driver="GTiff", height=9, width=9, count=3, dtype="uint8", crs="EPSG:4326",
        transform=from_origin(WEST, NORTH, STEP, STEP),
    ) as out:  # fmt: skip
        out.write(np.zeros((3, 9, 9), dtype=np.uint8))
    for name, code in (("south-up.tif", "terrain-rotated"), ("rgb.tif", "terrain-many-bands")):
        with pytest.raises(FileFormatError) as caught:
            read(tmp_path, grid, layer(name))
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (layer("nothing.tif"), "layer-file-missing"),
        (layer("../dem.tif"), "layer-path-outside"),
        (layer("/etc/passwd"), "layer-path-outside"),
        (layer("/vsicurl/http:__x"), "layer-path-outside"),
        (layer("dem.tif", fmt="vrt"), "layer-format-unknown"),
        (layer("dem.tif", colour="red"), "layer-option-wrong"),
        (layer("dem.tif", sea="blue"), "layer-option-wrong"),
    ],
)
def test_a_wrong_layer_is_named(tmp_path: Path, grid: Grid, config: LayerConfig, code: str) -> None:
    write_tif(tmp_path / "dem.tif", plane(200, 200))
    with pytest.raises(RegionError) as caught:
        read(tmp_path, grid, config)
    assert caught.value.code == code


def test_terrain_of_another_place_is_refused(tmp_path: Path, grid: Grid) -> None:
    write_tif(tmp_path / "dem.tif", plane(200, 200), west=140.0)
    with pytest.raises(RegionError) as caught:
        read(tmp_path, grid)
    assert caught.value.code == "terrain-elsewhere"


def test_side_files_cannot_change_the_heights(tmp_path: Path, grid: Grid) -> None:
    path = write_tif(tmp_path / "dem.tif", plane(200, 200))
    path.with_suffix(".tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>150</NoDataValue><Offset>1000</Offset></PAMRasterBand></PAMDataset>',
        encoding="utf-8",
    )
    assert np.abs(read(tmp_path, grid).terrain.height_m - plane_at(grid)).max() < 1e-3
