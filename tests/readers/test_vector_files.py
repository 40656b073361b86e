"""GeoJSON, TopoJSON, Shapefile, GeoPackage and KML: all features or an error, always longitude and latitude."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from coverage.errors import FileFormatError, InputError
from coverage.readers.features import FeatureTable
from coverage.readers.geojson import dump_geojson, parse_geojson, parse_topojson
from coverage.readers.kml import parse_kml
from coverage.readers.vector import read_features

HOLED = shapely.box(136.50, 33.50, 136.60, 33.60).difference(shapely.box(136.52, 33.52, 136.54, 33.54))
ISLES = shapely.MultiPolygon([shapely.box(136.6, 33.5, 136.61, 33.51), HOLED])
POINT = shapely.Point(136.55, 33.55)

WriteGeojson = Callable[..., Path]
WriteZip = Callable[[Path, Mapping[str, bytes]], Path]


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    own = None if geometry is None else shapely.geometry.mapping(geometry)
    return {"type": "Feature", "properties": properties, "geometry": own}


def write_shapefile(path: Path, geometries: list[Any], *, epsg: int = 6668, encoding: str = "CP932") -> Path:
    frame = geopandas.GeoDataFrame(
        {
            "N03_004": ["紀北町髙橋", "表町", "①丁目"][: len(geometries)],
            "N03_007": ["24543", "24201", None][: len(geometries)],
            "JINKO": [1234, -5, 0][: len(geometries)],
            "MENSEKI": [1.5, 2.25, 0.0][: len(geometries)],
        },
        geometry=geometries,
        crs=4326,
    ).to_crs(epsg)
    pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile", encoding=encoding)
    return path


def refused(code: str, path: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_features(path, **options)
    assert caught.value.code == code, caught.value
    assert path.name in caught.value.ja
    assert path.name in caught.value.en
    return caught.value


def test_geojson_gives_geometry_and_properties(tmp_path: Path, write_geojson: WriteGeojson) -> None:
    path = write_geojson(
        tmp_path / "a.geojson", [feature(POINT, name="津", n=54.0), feature(None, name="位置なし")]
    )
    table = read_features(path)
    assert table.features[0].geometry == POINT
    assert table.features[0].text("name") == "津"
    assert table.features[0].text("n") == "54"
    assert table.features[0].text("absent") == ""
    assert table.features[1].geometry is None
    assert table.columns == ("name", "n")


def test_geojson_with_a_bom_and_heights_is_read_in_two_dimensions(tmp_path: Path) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": [feature(shapely.Point(136.5, 33.5, 12.0))]})
    path = tmp_path / "a.geojson"
    path.write_bytes(text.encode("utf-8-sig"))
    assert read_features(path).features[0].geometry == shapely.Point(136.5, 33.5)


@pytest.mark.parametrize(
    "name",
    [
        "urn:ogc:def:crs:EPSG::6668",
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "EPSG:4612",
        "urn:ogc:def:crs:EPSG:6.9:4326",
    ],
)
def test_the_old_crs_member_may_name_a_geographic_system(name: str) -> None:
    document = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": name}},
        "features": [feature(POINT)],
    }
    assert parse_geojson(json.dumps(document).encode(), name="a").features[0].geometry == POINT


def test_tokyo_datum_is_moved_about_450_m_to_the_north_west() -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4301"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": [feature(shapely.Point(136.5, 34.7))]}
    moved = parse_geojson(json.dumps(document).encode(), name="a").features[0].geometry
    assert moved is not None
    east_m = (moved.x - 136.5) * 111_320 * np.cos(np.radians(34.7))
    north_m = (moved.y - 34.7) * 110_950
    assert 440 < np.hypot(east_m, north_m) < 465
    assert east_m < 0 < north_m


@pytest.mark.parametrize(
    ("crs", "code"),
    [
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::6674"}}, "crs-projected"),
        ({"type": "link", "properties": {"href": "http://127.0.0.1:9/crs"}}, "crs-unknown"),
        ({"type": "name", "properties": {"name": "JGD2011"}}, "crs-unknown"),
        ("EPSG:4326", "crs-unknown"),
    ],
)
def test_a_projected_or_linked_crs_is_refused(
    tmp_path: Path, write_geojson: WriteGeojson, crs: Any, code: str
) -> None:
    refused(code, write_geojson(tmp_path / "a.geojson", [feature(POINT)], crs=crs))


def test_swapped_axes_are_recognised(tmp_path: Path, write_geojson: WriteGeojson) -> None:
    error = refused(
        "outside-japan", write_geojson(tmp_path / "a.geojson", [feature(shapely.Point(34.7, 136.5))])
    )
    assert "緯度と経度の順が逆" in error.ja


def test_metres_without_a_crs_and_positions_abroad_are_refused(
    tmp_path: Path, write_geojson: WriteGeojson
) -> None:
    refused("crs-missing", write_geojson(tmp_path / "a.geojson", [feature(shapely.Point(45_000, -145_000))]))
    refused("outside-japan", write_geojson(tmp_path / "b.geojson", [feature(shapely.Point(0, 0))]))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"type":"FeatureCollection","features":[{"type":"Feature","prop', "json-broken"),
        (b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":NaN},"geometry":null}]}', "json-broken"),
        (b"[" * 100_000, "json-broken"),
        (b'{"type":"Topology"}', "geojson-not"),
        (b'{"type":"FeatureCollection"}', "geojson-not"),
        (b"[]", "geojson-not"),
        (b'{"type":"FeatureCollection","features":[1]}', "geometry-broken"),
        (b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":["x",1]}}]}', "geometry-broken"),
        (b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Circle","coordinates":[1,1]}}]}', "geometry-broken"),
        (b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[136,34],[137,34]]]}}]}', "geometry-broken"),
        (b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[1e400,34]}}]}', "geometry-broken"),
    ],
)  # fmt: skip
def test_what_is_not_geojson_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(data)
    refused(code, path)


def test_a_virtual_dataset_under_a_geojson_name_opens_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n", encoding="utf-8")
    path = tmp_path / "a.geojson"
    path.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
        encoding="utf-8",
    )
    refused("json-broken", path)


def test_written_geojson_is_rfc_7946_and_reads_back() -> None:
    clockwise = shapely.Polygon(list(shapely.box(136.5, 33.5, 136.6, 33.6).exterior.coords)[::-1])
    data = dump_geojson([({"name": "津"}, clockwise), ({"name": "点"}, POINT), ({"name": "なし"}, None)])
    assert data == dump_geojson(
        [({"name": "津"}, clockwise), ({"name": "点"}, POINT), ({"name": "なし"}, None)]
    )
    document = json.loads(data)
    assert set(document) == {"type", "features"}
    ring = document["features"][0]["geometry"]["coordinates"][0]
    assert shapely.LinearRing(ring).is_ccw
    assert not data.startswith(b"\xef\xbb\xbf")
    table = parse_geojson(data, name="a")
    assert table.features[0].geometry is not None
    assert table.features[0].geometry.equals(clockwise)
    with pytest.raises(ValueError, match="JSON"):
        dump_geojson([({"x": float("nan")}, POINT)])


TOPOLOGY = {
    "type": "Topology",
    "transform": {"scale": [0.01, 0.01], "translate": [136.5, 33.5]},
    # 0: the border between the two towns; 1 and 2: the rest of each outline
    "arcs": [[[10, 0], [0, 10]], [[10, 10], [-10, 0], [0, -10], [10, 0]], [[10, 0], [10, 0], [0, 10], [-10, 0]]],
    "objects": {
        "town": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]], "properties": {"N03_007": "99301"}},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]], "properties": {"N03_007": "99302"}},
                {"type": None, "properties": {"N03_007": None}},
            ],
        }
    },
}  # fmt: skip


def test_topojson_shares_arcs_and_runs_them_backwards(tmp_path: Path) -> None:
    path = tmp_path / "a.topojson"
    path.write_text(json.dumps(TOPOLOGY), encoding="utf-8")
    west, east, nobody = read_features(path).features
    assert west.geometry is not None
    assert east.geometry is not None
    for geometry, box in (
        (west.geometry, (136.5, 33.5, 136.6, 33.6)),
        (east.geometry, (136.6, 33.5, 136.7, 33.6)),
    ):
        assert geometry.area == pytest.approx(0.01)
        assert geometry.bounds == pytest.approx(box)
    assert west.geometry.touches(east.geometry)
    assert east.geometry.geom_type == "MultiPolygon"
    assert nobody.geometry is None
    assert west.text("N03_007") == "99301"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "FeatureCollection"}, "topojson-not"),
        ({"arcs": TOPOLOGY["arcs"][:1]}, "geometry-broken"),  # type: ignore[index]
        ({"objects": {}}, "geometry-broken"),
        ({"objects": {"a": {"type": "Point"}, "b": {"type": "Point"}}}, "layer-choose"),
        ({"objects": {"a": {"type": "Sphere", "arcs": []}}}, "geometry-broken"),
    ],
)
def test_broken_topojson_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_topojson(json.dumps(TOPOLOGY | change).encode(), name="a.topojson")
    assert caught.value.code == code


def same(table: FeatureTable, geometries: list[Any]) -> None:
    for found, wanted in zip(table.features, geometries, strict=True):
        assert found.geometry is not None
        assert found.geometry.equals(wanted)


def test_shapefile_polygons_with_holes_and_islands_equal_what_gdal_wrote(tmp_path: Path) -> None:
    table = read_features(write_shapefile(tmp_path / "a.shp", [HOLED, ISLES]))
    same(table, [HOLED, ISLES])
    assert table.features[0].properties == {
        "N03_004": "紀北町髙橋",
        "N03_007": "24543",
        "JINKO": 1234,
        "MENSEKI": 1.5,
    }
    assert table.features[1].properties["JINKO"] == -5


def test_shapefile_points_and_lines(tmp_path: Path) -> None:
    same(read_features(write_shapefile(tmp_path / "p.shp", [POINT])), [POINT])
    line = shapely.LineString([(136.5, 33.5), (136.6, 33.6)])
    same(read_features(write_shapefile(tmp_path / "l.shp", [line])), [shapely.MultiLineString([line])])
    points = shapely.MultiPoint([(136.5, 33.5), (136.6, 33.6)])
    same(read_features(write_shapefile(tmp_path / "m.shp", [points])), [points])


@pytest.mark.parametrize("encoding", ["CP932", "UTF-8"])
@pytest.mark.parametrize("cpg", [True, False])
def test_a_dbf_is_read_by_its_cpg_else_utf8_else_cp932(tmp_path: Path, encoding: str, cpg: bool) -> None:
    path = write_shapefile(tmp_path / "a.shp", [HOLED, ISLES], encoding=encoding)
    if not cpg:
        path.with_suffix(".cpg").unlink()
    assert [f.text("N03_004") for f in read_features(path).features] == ["紀北町髙橋", "表町"]


def test_a_cpg_that_says_latin1_is_not_believed(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [HOLED, ISLES])
    path.with_suffix(".cpg").write_text("ISO-8859-1", encoding="ascii")
    assert read_features(path).features[1].text("N03_004") == "表町"


def test_a_cpg_that_contradicts_the_bytes_is_refused_and_can_be_overruled(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [HOLED, ISLES])
    path.with_suffix(".cpg").write_text("UTF-8", encoding="ascii")
    refused("encoding-unknown", path)
    assert read_features(path, encoding="cp932").features[1].text("N03_004") == "表町"
    refused("encoding-option", path, encoding="latin-1")


def test_a_field_name_that_utf8_cut_inside_a_character_is_still_read(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"運用開始日": ["2018-03-15"]}, geometry=[POINT], crs=4326)
    with pytest.warns(RuntimeWarning, match="Normalized"):
        pyogrio.write_dataframe(frame, tmp_path / "a.shp", driver="ESRI Shapefile", encoding="UTF-8")
    assert list(read_features(tmp_path / "a.shp").features[0].properties) == ["運用開"]


def test_a_plane_rectangular_prj_is_transformed(tmp_path: Path) -> None:
    table = read_features(write_shapefile(tmp_path / "a.shp", [HOLED], epsg=6674))
    assert table.features[0].geometry is not None
    assert table.features[0].geometry.normalize().equals_exact(HOLED.normalize(), 1e-7)


def test_a_shapefile_in_metres_without_prj_is_refused(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [HOLED], epsg=6674)
    path.with_suffix(".prj").unlink()
    refused("crs-missing", path)


def test_a_prj_that_contradicts_the_numbers_is_refused(tmp_path: Path) -> None:
    metres = write_shapefile(tmp_path / "m.shp", [HOLED], epsg=6674)
    degrees = write_shapefile(tmp_path / "d.shp", [HOLED])
    metres.with_suffix(".prj").write_bytes(degrees.with_suffix(".prj").read_bytes())
    refused("crs-contradicts", metres)


def test_a_tokyo_datum_prj_is_transformed(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [shapely.Point(136.5, 34.7)], epsg=4301)
    found = read_features(path).features[0].geometry
    assert found is not None
    assert found.distance(shapely.Point(136.5, 34.7)) < 1e-5


@pytest.mark.parametrize(
    ("suffix", "cut"),
    [(".shp", 0.1), (".shp", 0.5), (".shp", 0.97), (".dbf", 0.05), (".dbf", 0.5), (".dbf", 0.97)],
)
def test_a_shapefile_cut_anywhere_is_refused_not_read_in_part(
    tmp_path: Path, suffix: str, cut: float
) -> None:
    path = write_shapefile(tmp_path / "a.shp", [HOLED, ISLES])
    part = path.with_suffix(suffix)
    data = part.read_bytes()
    part.write_bytes(data[: int(len(data) * cut)])
    refused("shapefile-broken", path)


def test_a_shapefile_whose_parts_differ_or_are_missing_is_refused(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [HOLED, ISLES])
    write_shapefile(tmp_path / "b.shp", [HOLED])
    path.with_suffix(".dbf").write_bytes((tmp_path / "b.dbf").read_bytes())
    refused("shapefile-broken", path)
    path.with_suffix(".dbf").unlink()
    refused("shapefile-incomplete", path)


def test_shapefile_bytes_that_lie_are_refused(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [ISLES])
    good = path.read_bytes()
    path.write_bytes(b"PK\x03\x04" + good[4:])
    refused("shapefile-broken", path)
    path.write_bytes(good[:100] + good[100:108] + struct.pack("<i", 31) + good[112:])  # a multipatch
    refused("shapefile-type", path)
    path.write_bytes(good[:144] + struct.pack("<i", 10**9) + good[148:])  # more parts than the record holds
    refused("shapefile-broken", path)


def zip_of(folder: Path, stem: str, prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{p.name}": p.read_bytes() for p in sorted(folder.glob(f"{stem}.*"))}


def test_a_zipped_shapefile_with_backslash_names_is_read(tmp_path: Path, write_zip: WriteZip) -> None:
    write_shapefile(tmp_path / "a.shp", [HOLED, ISLES])
    path = write_zip(tmp_path / "n03.zip", zip_of(tmp_path, "a", "N03-2020\\"))
    same(read_features(path), [HOLED, ISLES])


def test_of_two_encodings_in_one_zip_the_utf8_one_is_taken(tmp_path: Path, write_zip: WriteZip) -> None:
    for name, encoding in (("u", "UTF-8"), ("s", "CP932")):
        (tmp_path / name).mkdir()
        write_shapefile(tmp_path / name / "a.shp", [HOLED], encoding=encoding)
        (tmp_path / name / "a.cpg").unlink()
    members = zip_of(tmp_path / "s", "a", "Shift-JIS/") | zip_of(tmp_path / "u", "a", "UTF-8/")
    assert read_features(write_zip(tmp_path / "n03.zip", members)).features[0].text("N03_004") == "紀北町髙橋"


def test_a_zip_with_several_layers_asks_which(tmp_path: Path, write_zip: WriteZip) -> None:
    one, two = dump_geojson([({"n": 1}, POINT)]), dump_geojson([({"n": 2}, POINT)])
    path = write_zip(tmp_path / "a.zip", {"x/one.geojson": one, "x/two.geojson": two})
    error = refused("member-choose", path)
    assert "one.geojson" in error.ja
    assert read_features(path, member="two.geojson").features[0].properties == {"n": 2}
    refused("member-choose", write_zip(tmp_path / "b.zip", {"readme.txt": b""}))


def test_geopackage_is_read_without_gdal_and_equals_what_gdal_wrote(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"name": ["津", "松阪"], "n": [1, 2]}, geometry=[HOLED, ISLES], crs=6668)
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(frame, path, driver="GPKG")
    before = path.read_bytes()
    table = read_features(path)
    same(table, [HOLED, ISLES])
    assert [f.text("name") for f in table.features] == ["津", "松阪"]
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.gpkg"]


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_geopackage_that_gdal_wrote_without_a_crs_is_degrees(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[HOLED])
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg", driver="GPKG")
    assert pyogrio.read_info(tmp_path / "a.gpkg")["crs"] != "EPSG:4326"
    same(read_features(tmp_path / "a.gpkg"), [HOLED])


def test_a_geopackage_with_several_layers_asks_which(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    for name, epsg in (("area4g", 6668), ("area5g", 6674)):
        frame = geopandas.GeoDataFrame({"n": [name]}, geometry=[HOLED], crs=6668).to_crs(epsg)
        pyogrio.write_dataframe(frame, path, driver="GPKG", layer=name, append=path.exists())
    error = refused("layer-choose", path)
    assert "area4g" in error.ja
    found = read_features(path, layer="area5g").features[0].geometry
    assert found is not None
    assert found.normalize().equals_exact(HOLED.normalize(), 1e-7)


def test_a_cut_geopackage_and_other_databases_are_refused(tmp_path: Path) -> None:
    import sqlite3

    frame = geopandas.GeoDataFrame({"n": range(500)}, geometry=[HOLED] * 500, crs=6668)
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(frame, path, driver="GPKG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    refused("geopackage-broken", path)
    path.write_bytes(b"not a database")
    refused("geopackage-not", path)
    other = tmp_path / "b.gpkg"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    connection.close()
    refused("geopackage-not", other)


KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>
<Placemark><name>4G</name><ExtendedData><Data name="opened"><value>NaT</value></Data><Data name="sites"><value>54.0</value></Data></ExtendedData>
<MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>136.5,33.5,0 136.6,33.5,0 136.6,33.6,0 136.5,33.6,0 136.5,33.5,0</coordinates></LinearRing></outerBoundaryIs>
<innerBoundaryIs><LinearRing><coordinates>136.52,33.52 136.54,33.52 136.54,33.54 136.52,33.54 136.52,33.52</coordinates></LinearRing></innerBoundaryIs></Polygon></MultiGeometry></Placemark>
<Placemark><name>局</name><Point><coordinates>
 136.55,33.55 </coordinates></Point></Placemark>
<Placemark><name>説明だけ</name></Placemark>
</Folder></Document></kml>"""


def test_kml_placemarks_with_what_pandas_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.kml"
    path.write_text(KML, encoding="utf-8")
    area, site, text = read_features(path).features
    assert area.geometry is not None
    assert area.geometry.normalize().equals_exact(shapely.MultiPolygon([HOLED]).normalize(), 1e-9)
    assert area.text("opened") == ""  # NaT is nothing
    assert area.integer("sites") == 54
    assert site.geometry == POINT
    assert text.geometry is None


def test_kmz_is_a_zip_with_doc_kml(tmp_path: Path, write_zip: WriteZip) -> None:
    path = write_zip(tmp_path / "a.kmz", {"files/icon.png": b"", "doc.kml": KML.encode()})
    assert len(read_features(path).features) == 3
    refused("kmz-without-kml", write_zip(tmp_path / "b.kmz", {"a.kml": b"", "b.kml": b""}))
    plain = tmp_path / "c.kmz"
    plain.write_text(KML, encoding="utf-8")
    refused("archive-damaged", plain)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (KML[:400], "xml-broken"),
        (
            KML.replace("<kml ", "<!DOCTYPE kml [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><kml ", 1),
            "xml-doctype",
        ),
        ("<html></html>", "kml-not"),
        (
            KML.replace(
                "<Folder>", "<Folder><NetworkLink><Link><href>http://127.0.0.1:9/</href></Link></NetworkLink>"
            ),
            "kml-network-link",
        ),
        (KML.replace("136.55,33.55", "136.55;33.55"), "geometry-broken"),
        (KML.replace("136.55,33.55", ""), "geometry-broken"),
        (KML.replace("136.55,33.55", "nan,33.55"), "geometry-broken"),
    ],
)
def test_kml_that_is_broken_or_points_elsewhere_is_refused(text: str, code: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_kml(text.encode(), name="a.kml")
    assert caught.value.code == code


def test_other_extensions_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.vrt"
    path.write_text("<OGRVRTDataSource/>", encoding="utf-8")
    refused("vector-type", path)


@pytest.mark.parametrize("name", ["a.geojson", "a.shp", "a.gpkg", "a.kml", "a.zip", "a.kmz", "a.topojson"])
def test_a_missing_file_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    refused("file-missing", tmp_path / name)


def test_rings_that_all_run_the_wrong_way_are_outlines(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [shapely.box(136.5, 33.5, 136.6, 33.6)])
    data = bytearray(path.read_bytes())
    points = np.frombuffer(bytes(data[156:236]), dtype="<f8").reshape(5, 2)[::-1]
    data[156:236] = points.tobytes()
    path.write_bytes(bytes(data))
    same(read_features(path), [shapely.box(136.5, 33.5, 136.6, 33.6)])


def test_a_deleted_record_takes_its_shape_with_it(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [HOLED, ISLES])
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    header = struct.unpack_from("<H", dbf, 8)[0]
    dbf[header : header + 1] = b"*"
    path.with_suffix(".dbf").write_bytes(bytes(dbf))
    table = read_features(path)
    assert [f.number for f in table.features] == [2]
    same(table, [ISLES])


def test_a_null_shape_is_a_feature_without_geometry(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"n": [1, 2]}, geometry=[None, POINT], crs=4326)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", driver="ESRI Shapefile", geometry_type="Point")
    assert [f.geometry for f in read_features(tmp_path / "a.shp").features] == [None, POINT]


def test_half_width_kana_at_the_end_of_a_full_field_is_not_taken_for_a_cut(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"n": ["ABﾃ"]}, geometry=[POINT], crs=4326)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", driver="ESRI Shapefile", encoding="CP932")
    (tmp_path / "a.cpg").unlink()
    assert read_features(tmp_path / "a.shp").features[0].text("n") == "ABﾃ"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<Point><coordinates>", "<Point/><Point><coordinates>"),
        ("<outerBoundaryIs>", "<innerBoundaryIs>"),
        ("<LinearRing>", "<Line>"),
        (" 136.55,33.55 ", " 136.55,33.55 136.56,33.56 "),
    ],
)
def test_kml_geometry_that_is_not_whole_is_refused(old: str, new: str) -> None:
    assert old in KML
    text = KML.replace(old, new, 1)
    if old.startswith("<") and not old.startswith("<Point"):
        text = text.replace(old.replace("<", "</"), new.replace("<", "</"), 1)
    with pytest.raises(FileFormatError) as caught:
        parse_kml(text.encode(), name="a.kml")
    assert caught.value.code == "geometry-broken"


def test_kml_lines_points_and_schema_data() -> None:
    text = KML.replace(
        "<Point><coordinates>\n 136.55,33.55 </coordinates></Point>",
        '<ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="band">B19</SimpleData></SchemaData></ExtendedData>'
        "<MultiGeometry><Point><coordinates>136.55,33.55</coordinates></Point>"
        "<LineString><coordinates>136.5,33.5 136.6,33.6</coordinates></LineString></MultiGeometry>",
    )
    found = parse_kml(text.encode(), name="a.kml").features[1]
    assert found.text("band") == "B19"
    assert found.geometry is not None
    assert sorted(g.geom_type for g in found.geometry.geoms) == ["LineString", "Point"]


def test_a_coordinate_system_of_another_country_is_refused(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "a.shp", [POINT])
    for wkt in (
        'GEOGCS["NAD27",DATUM["North_American_Datum_1927",SPHEROID["Clarke 1866",6378206.4,294.978698213898]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]',
        "nonsense",
    ):
        path.with_suffix(".prj").write_text(wkt, encoding="ascii")
        refused("crs-unknown", path)


def test_numbers_of_a_feature_are_read_as_whole_only_if_they_are() -> None:
    data = dump_geojson([({"a": 54.0, "b": "1,234", "c": "", "d": 1.5}, POINT)])
    (found,) = parse_geojson(data, name="a").features
    assert [found.integer(k) for k in "abc"] == [54, 1234, None]
    with pytest.raises(ValueError, match=r"1\.5"):
        found.integer("d")
