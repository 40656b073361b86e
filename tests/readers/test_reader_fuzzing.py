"""Damaged files of every format: the reader returns everything or raises its own error, never another one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from coverage.errors import CoverageGapError
from coverage.readers.boundaries import read_boundaries
from coverage.readers.estat_mesh import parse_estat
from coverage.readers.geojson import dump_geojson, parse_geojson, parse_topojson
from coverage.readers.jpgis import parse_n03_gml
from coverage.readers.kml import parse_kml
from coverage.readers.mic_licences import parse_mic_json
from coverage.readers.opencellid import read_cells
from coverage.readers.population_raster import read_population_raster
from coverage.readers.region_toml import parse_config
from coverage.readers.tables import read_site_list
from coverage.readers.text import decode, parse_table
from coverage.readers.vector import read_features

ROUNDS = 150
BOX = shapely.box(136.5, 33.5, 136.6, 33.6).difference(shapely.box(136.52, 33.52, 136.54, 33.54))


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four of: a cut, flipped bits, a piece doubled, a piece lost, noise, a huge number."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not out:
            break
        at = int(rng.integers(0, len(out)))
        size = int(rng.integers(1, 40))
        kind = rng.integers(0, 6)
        if kind == 0:
            del out[at:]
        elif kind == 1:
            out[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            out[at:at] = out[at : at + size]
        elif kind == 3:
            del out[at : at + size]
        elif kind == 4:
            out[at : at + size] = rng.bytes(size)
        else:
            out[at:at] = b"99999999999999999999"
    return bytes(out)


def survives(read: Callable[[bytes], object], seed: bytes, number: int, rounds: int = ROUNDS) -> None:
    """The undamaged seed reads; ``rounds`` damaged ones read or raise the product's own error."""
    read(seed)
    rng = np.random.default_rng([20260101, number])
    refused = 0
    sentences: set[str] = set()
    for _ in range(rounds):
        data = damaged(seed, rng)
        try:
            read(data)
        except CoverageGapError as problem:
            refused += 1
            sentences |= {problem.ja, problem.en}
    assert all(sentences), "an error without a sentence"
    assert refused > rounds // 10, "the damage never reached the reader"


FEATURES = dump_geojson([({"N03_004": "西町", "N03_007": "99301"}, BOX), ({"N03_007": None}, BOX)])
TOPOLOGY = json.dumps(
    {
        "type": "Topology",
        "transform": {"scale": [0.01, 0.01], "translate": [136.5, 33.5]},
        "arcs": [[[10, 0], [0, 10]], [[10, 10], [-10, 0], [0, -10], [10, 0]]],
        "objects": {"t": {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "arcs": [[0, 1]], "properties": {}}]}},
    }
).encode()  # fmt: skip
KML = (
    b'<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><name>4G</name><Polygon><outerBoundaryIs><LinearRing>'
    b"<coordinates>136.5,33.5 136.6,33.5 136.6,33.6 136.5,33.5</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></kml>"
)
GML = (
    '<D xmlns:ksj="k" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<gml:Curve gml:id="c1"><gml:posList>33.5 136.5 33.5 136.6 33.6 136.6 33.5 136.5</gml:posList></gml:Curve>'
    '<gml:Surface gml:id="s1"><gml:patches><gml:PolygonPatch><gml:exterior><gml:Ring><gml:curveMember xlink:href="#c1"/></gml:Ring>'
    "</gml:exterior></gml:PolygonPatch></gml:patches></gml:Surface>"
    '<ksj:AdministrativeBoundary><ksj:bounds xlink:href="#s1"/><ksj:cityName>西町</ksj:cityName>'
    "<ksj:administrativeAreaCode>99301</ksj:administrativeAreaCode></ksj:AdministrativeBoundary></D>"
).encode()
ESTAT = (
    "KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T001100001,T001100034\r\n,,,,　人口（総数）,　世帯総数\r\n"
    "50364000,0,,,980,420\r\n50364001,2,50364000,,3,*\r\n".replace("*", "1")
).encode("cp932")
SITES = "site_id,name,municipality_code,lat,lon,status\nS1,奥山局,99301,33.55,136.55,供用中\n".encode("cp932")
CELLS = b"LTE,440,10,1,257,0,136.550,33.550,1000,10,1,1459000000,1459000000,0\n" * 5
MIC = json.dumps({"musen": [{"listInfo": {"no": "1"}, "detailInfo": {"note": "局数"}}]}).encode()
TOML = (
    (Path(__file__).resolve().parents[2] / "docs" / "region.md")
    .read_text(encoding="utf-8")
    .split("```")[1][5:]
    .encode()
)

IN_MEMORY: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "text": (lambda d: decode(d, name="x"), SITES),
    "csv": (lambda d: parse_table(d, name="x"), SITES),
    "geojson": (lambda d: parse_geojson(d, name="x"), FEATURES),
    "topojson": (lambda d: parse_topojson(d, name="x"), TOPOLOGY),
    "kml": (lambda d: parse_kml(d, name="x"), KML),
    "n03-gml": (lambda d: parse_n03_gml(d, name="x"), GML),
    "estat": (lambda d: parse_estat(d, name="x", member="x"), ESTAT),
    "mic": (lambda d: parse_mic_json(d, [], name="x"), MIC),
    "toml": (lambda d: parse_config(decode(d, name="x").text), TOML),
}


@pytest.mark.parametrize("name", IN_MEMORY)
def test_damaged_text_formats(name: str) -> None:
    read, seed = IN_MEMORY[name]
    survives(read, seed, list(IN_MEMORY).index(name))


def test_damaged_binary_files(tmp_path: Path, make_layer: Any, write_zip: Any) -> None:
    frame = geopandas.GeoDataFrame({"N03_004": ["西町"], "N03_007": ["99301"]}, geometry=[BOX], crs=6668)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", driver="ESRI Shapefile", encoding="CP932")
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg", driver="GPKG")
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", dtype="float32", count=1, width=20, height=20, crs="EPSG:4326", nodata=-1,
        transform=rasterio.Affine(0.01, 0, 136.5, 0, -0.01, 33.6),
    ) as target:  # fmt: skip
        target.write(np.arange(400, dtype=np.float32).reshape(20, 20), 1)
    zipped = write_zip(
        tmp_path / "whole.zip", {f"a{s}": (tmp_path / f"a{s}").read_bytes() for s in (".shp", ".dbf", ".prj")}
    )

    def at(name: str, read: Callable[[], object]) -> Callable[[bytes], object]:
        def run(data: bytes) -> object:
            (tmp_path / name).write_bytes(data)
            return read()

        return run

    def cells() -> object:
        return list(read_cells(tmp_path / "b.csv.gz"))

    boundary = make_layer("n03", "b.zip")
    readers: list[tuple[str, Callable[[], object], bytes]] = [
        ("a.shp", lambda: read_features(tmp_path / "a.shp"), (tmp_path / "a.shp").read_bytes()),
        ("a.dbf", lambda: read_features(tmp_path / "a.shp"), (tmp_path / "a.dbf").read_bytes()),
        ("a.prj", lambda: read_features(tmp_path / "a.shp"), (tmp_path / "a.prj").read_bytes()),
        ("b.zip", lambda: read_boundaries(boundary, tmp_path), zipped.read_bytes()),
        ("a.gpkg", lambda: read_features(tmp_path / "a.gpkg"), (tmp_path / "a.gpkg").read_bytes()),
        ("b.csv.gz", cells, gzip.compress(CELLS, mtime=0)),
        ("b.csv", lambda: read_site_list(tmp_path / "b.csv"), SITES),
    ]
    for number, (name, read, seed) in enumerate(readers):
        if name == "a.gpkg":
            # 100 kB, most of it empty pages: the damage goes where the content is.
            rng = np.random.default_rng(3)
            for _ in range(50):
                data = bytearray(seed)
                used = np.flatnonzero(np.frombuffer(seed, dtype=np.uint8))
                for spot in rng.choice(used, 30):
                    data[int(spot)] = int(rng.integers(0, 256))
                try:
                    at(name, read)(bytes(data))
                except CoverageGapError:
                    continue
            continue
        survives(at(name, read), seed, 100 + number, rounds=50)
        (tmp_path / name).write_bytes(seed)

    def raster() -> object:
        return read_population_raster([tmp_path / "a.tif"], digits=8)

    seed = (tmp_path / "a.tif").read_bytes()
    rng = np.random.default_rng(4)
    for _ in range(40):
        (tmp_path / "a.tif").write_bytes(damaged(seed, rng))
        try:
            raster()
        except CoverageGapError:
            continue
