"""What a list says of its datum and zone is heeded wherever it stands, once, and asked about where it says two things."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest
import shapely
from pyproj import Transformer

sys.path.insert(0, str(Path(__file__).parent))
from kit import METRES, PLANE, TOKYO, XY, book, geojson, gpkg, kml, placemark, point, shapefile, shp, zipped

from coverage.uploads.child import work
from coverage.uploads.limits import DEFAULT_LIMITS
from coverage.uploads.quarantine import FORMATS
from coverage.uploads.report import Report

LON, LAT = XY
EAST, NORTH = METRES


def read(folder: Path, content: bytes | str, name: str = "list.csv", kind: str = "sites", **answers: Any) -> Report:
    """The report as the child makes it, made here: a process for every case would only take time."""
    path = folder / "file"
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    job = {
        "path": str(path), "label": name, "format": FORMATS[Path(name).suffix], "kind": kind, "answers": answers,
        "limits": dataclasses.asdict(DEFAULT_LIMITS), "operators": None, "region": None,
    }  # fmt: skip
    return Report.from_dict(work(job))


def from_epsg(epsg: int, x: float, y: float) -> tuple[float, float]:
    lon, lat = Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)
    return lat, lon


AS_WRITTEN = (LAT, LON)
MOVED = from_epsg(4301, LON, LAT)
PLANE_6 = from_epsg(6674, EAST, NORTH)
TOKYO_PLANE_6 = from_epsg(30166, EAST, NORTH)
DEGREES = f"site_id,lat,lon\nA1,{LAT},{LON}\n"
OLD_CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4301"}}


def plane(head: str = "X座標,Y座標,系", more: str = ",6", title: str = "") -> str:
    return f"{title}site_id,{head}\nA1,{NORTH},{EAST}{more}\n"


SAID = {
    "metres of the old datum, by a column": (plane("X座標,Y座標,系,測地系", ",6,日本測地系"), "a.csv", {}, TOKYO_PLANE_6),
    "metres of the old datum, by headers": (plane("X座標（日本測地系）,Y座標（日本測地系）,系"), "a.csv", {}, TOKYO_PLANE_6),
    "metres of the old datum, by the column of zones": (plane(more=",日本測地系 第6系"), "a.csv", {}, TOKYO_PLANE_6),
    "metres of the old datum, answered": (plane("X座標,Y座標", ""), "a.csv", {"crs": 6, "datum": "tokyo"}, TOKYO_PLANE_6),
    "the zone in the headers": (plane("X座標（平面直角座標系第6系）,Y座標（平面直角座標系第6系）", ""), "a.csv", {}, PLANE_6),
    "the zone behind a bare letter": (plane("X（第Ⅵ系）,Y（第Ⅵ系）", ""), "a.csv", {}, PLANE_6),
    "the zone in the title": (plane("X座標,Y座標", "", "平面直角座標系　第６系（JGD2011）,,\n"), "a.csv", {}, PLANE_6),
    "the datum's year before the zone": (plane(more=",JGD2011 第6系"), "a.csv", {}, PLANE_6),
    "two zones in the title": (plane("X座標,Y座標", "", "平面直角座標系5系と平面直角座標系6系,,\n"), "a.csv", {}, None),
    "degrees in X and Y under a title": (f"座標は日本測地系,,\nsite_id,x,y\nA1,{LON},{LAT}\n", "a.csv", {}, MOVED),
    "a note under the table": (DEGREES + "※座標は日本測地系\n", "a.csv", {}, MOVED),
    "a remark of a row without a position": (f"site_id,lat,lon,備考\nA1,{LAT},{LON},\nA2,,,旧測地系の座標しかない\n", "a.csv", {}, AS_WRITTEN),
    "a column of the coordinate system": (f"site_id,lat,lon,座標系\nA1,{LAT},{LON},日本測地系\n", "a.csv", {}, MOVED),
    "a column of the coordinate system that names no datum": (f"site_id,lat,lon,座標系\nA1,{LAT},{LON},緯度経度\n", "a.csv", {}, AS_WRITTEN),
    "a column of codes": (f"site_id,lat,lon,SRID\nA1,{LAT},{LON},4301\n", "a.csv", {}, MOVED),
    "the name of the file": (DEGREES, "基地局（旧測地系）.csv", {}, MOVED),
    "the name of the sheet": (book([["site_id", "lat", "lon"], ["A1", LAT, LON]], change=lambda b: setattr(b.active, "title", "日本測地系")), "a.xlsx", {}, MOVED),
    "a sheet of notes": (book([["site_id", "lat", "lon"], ["A1", LAT, LON]], [["座標は日本測地系です"], ["問合せは地域連携部へ"]]), "a.xlsx", {}, MOVED),
    "transformed already, says the title": ("日本測地系から世界測地系に変換済み,,\n" + DEGREES, "a.csv", {}, None),
    "transformed already, confirmed": ("日本測地系から世界測地系に変換済み,,\n" + DEGREES, "a.csv", {"datum": "jgd2011"}, AS_WRITTEN),
    "transformed to something, says the name of the file": (DEGREES, "旧測地系から変換.csv", {}, None),
    "transformed to something, say the headers": (f"site_id,緯度（日本測地系から換算）,経度\nA1,{LAT},{LON}\n", "a.csv", {}, None),
    "transformed to something, confirmed": (DEGREES, "旧測地系から変換.csv", {"datum": "jgd2011"}, AS_WRITTEN),
    "two headers, two datums": (f"site_id,緯度（日本測地系）,経度（世界測地系）\nA1,{LAT},{LON}\n", "a.csv", {}, None),
    "a header against the column": (f"site_id,緯度（日本測地系）,経度（日本測地系）,測地系\nA1,{LAT},{LON},JGD2011\n", "a.csv", {}, None),
    "a cell that says both": (f"site_id,lat,lon,測地系\nA1,{LAT},{LON},日本測地系→JGD2011\n", "a.csv", {}, None),
    "JGD2000 by its Japanese name": ("日本測地系2000（世界測地系）,,\n" + DEGREES, "a.csv", {}, AS_WRITTEN),
    "GeoJSON that says it twice": (geojson([point(datum="Tokyo")], crs=OLD_CRS), "a.geojson", {}, MOVED),
    "GeoJSON answered as it says": (geojson([point()], crs=OLD_CRS), "a.geojson", {"datum": "tokyo"}, MOVED),
    "GeoJSON answered against its crs": (geojson([point()], crs=OLD_CRS), "a.geojson", {"datum": "jgd2011"}, None),
    "columns of the old datum beside a geometry": (geojson([point(**{"緯度（日本測地系）": 34.72684, "経度（日本測地系）": 136.51152})]), "a.geojson", {}, AS_WRITTEN),
    "GeoPackage answered as it says": (gpkg(srs=4301), "a.gpkg", {"datum": "tokyo"}, MOVED),
    "GeoPackage in metres with an answered datum": (gpkg([("A1", METRES)], srs=6674), "a.gpkg", {"datum": "jgd2011"}, PLANE_6),
    "Shapefile answered as it says": (zipped(shapefile(prj=TOKYO)), "a.zip", {"datum": "tokyo"}, MOVED),
    "Shapefile in metres, zone answered": (zipped(shapefile([METRES], prj=None)), "a.zip", {"crs": 6}, PLANE_6),
    "Shapefile in metres of the old datum, answered": (zipped(shapefile([METRES], prj=None)), "a.zip", {"crs": 6, "datum": "tokyo"}, TOKYO_PLANE_6),
    "Shapefile in metres, nothing answered": (zipped(shapefile([METRES], prj=None)), "a.zip", {}, None),
    "Shapefile in metres with its own .prj": (zipped(shapefile([METRES], prj=PLANE)), "a.zip", {"crs": 5}, PLANE_6),
}  # fmt: skip


@pytest.mark.parametrize("statement", SAID)
def test_a_position_follows_what_the_file_says_of_its_system(tmp_path: Path, statement: str) -> None:
    content, name, answers, expected = SAID[statement]
    report = read(tmp_path, content, name, **answers)
    if expected is None:
        assert report.verdict == "reject"
        return
    (row,) = report.rows
    assert (row["lat"], row["lon"]) == pytest.approx(expected, abs=1e-6)
    if expected != AS_WRITTEN:
        named = {w.code for w in report.warnings}
        assert named & {"datum-transformed", "crs-transformed"}


def test_statements_that_differ_are_named_with_the_question_that_settles_them(tmp_path: Path) -> None:
    report = read(tmp_path, "旧測地系から世界測地系に変換済み,,\n" + DEGREES)
    assert [e.code for e in report.errors] == ["datum-unknown"]
    assert "mapping の datum" in report.errors[0].ja


def test_a_remark_on_the_old_datum_moves_nothing_and_is_named(tmp_path: Path) -> None:
    text = f"site_id,lat,lon,備考\nA1,{LAT},{LON},座標は旧測地系\nA2,{LAT},{LON},\n"
    report = read(tmp_path, text)
    assert [(r["lat"], r["lon"]) for r in report.rows] == [AS_WRITTEN, AS_WRITTEN]
    assert [(w.row, w.code) for w in report.warnings] == [(0, "datum-doubtful")]
    assert read(tmp_path, text, datum="jgd2011").verdict == "accept"


def test_a_planned_day_is_no_day_of_service(tmp_path: Path) -> None:
    report = read(tmp_path, f"site_id,lat,lon,供用開始日（予定）\nA1,{LAT},{LON},2018-03-15\n")
    assert report.rows[0]["in_service_date"] is None


def test_a_geopackage_whose_column_contradicts_its_crs_is_asked_about(tmp_path: Path) -> None:
    sql = "ALTER TABLE sites0 ADD COLUMN datum TEXT; UPDATE sites0 SET datum = 'Tokyo';"
    asked = read(tmp_path, gpkg(sql=sql), "a.gpkg")
    assert [e.code for e in asked.errors] == ["datum-unknown"]
    once = read(tmp_path, gpkg(srs=4301, sql=sql), "a.gpkg")
    assert (once.rows[0]["lat"], once.rows[0]["lon"]) == pytest.approx(MOVED, abs=1e-6)


@pytest.mark.parametrize("head", ["緯度（度分秒）,経度（度分秒）", "lat (dd.mmss),lon (ddd.mmss)"])
def test_a_number_under_degrees_minutes_seconds_is_no_decimal_degree(tmp_path: Path, head: str) -> None:
    refused = read(tmp_path, f"site_id,{head}\nA1,34.4349,136.3031\n")
    assert [e.code for e in refused.errors] == ["position-unreadable"]
    packed = read(tmp_path, f"site_id,{head}\nA1,344349,1363031\n")
    assert (packed.rows[0]["lat"], packed.rows[0]["lon"]) == pytest.approx((34 + 43 / 60 + 49 / 3600, 136.5 + 31 / 3600))


@pytest.mark.parametrize(
    ("head", "field", "value"),
    [("アンテナ高（海抜m）", "height_m", None), ("高さ（標高）", "height_m", None), ("地上高（T.P.）", "height_m", None), ("EIRP（dBm/MHz）", "eirp_dbm", None), ("アンテナ高（地上）", "height_m", 25.0)],
)  # fmt: skip
def test_a_column_of_another_quantity_is_not_taken_for_ours(tmp_path: Path, head: str, field: str, value: float | None) -> None:
    report = read(tmp_path, f"site_id,lat,lon,{head}\nA1,{LAT},{LON},25\n")
    assert report.rows[0][field] == value


def test_a_placemark_with_two_values_of_one_column_is_left_out(tmp_path: Path) -> None:
    twice = "<ExtendedData><Data name='site_id'><value>{}</value></Data></ExtendedData>"
    report = read(tmp_path, kml(placemark(more=twice.format("B9")) + placemark(site="A2", more=twice.format("A2"))), "a.kml")
    assert [(e.row, e.code) for e in report.errors] == [(0, "feature-broken")]
    assert [r["site_id"] for r in report.rows] == ["A2"]


def test_a_swapped_shapefile_in_metres_is_not_transformed_by_half_of_its_answers(tmp_path: Path) -> None:
    parts = shapefile([METRES], prj=None) | {"sites.shp": shp([(NORTH, EAST)])}
    report = read(tmp_path, zipped(parts), "a.zip", crs=6, axes="swap")
    assert [e.code for e in report.errors] == ["crs-missing"]


DISTRICT = "地区ID,市町コード,地区名"


@pytest.mark.parametrize(
    ("content", "name", "answers", "expected"),
    [
        (f"{DISTRICT},X座標,Y座標,測地系\nD1,24201,谷,{NORTH},{EAST},日本測地系\n", "a.csv", {"crs": 6}, TOKYO_PLANE_6),
        (f"{DISTRICT},X座標,Y座標\nD1,24201,谷,{NORTH},{EAST}\n", "a.csv", {"crs": 6}, PLANE_6),
        (f"座標は旧測地系,,,,\n{DISTRICT},緯度,経度\nD1,24201,谷,{LAT},{LON}\n", "a.csv", {}, MOVED),
        (geojson([point(district_id="D1", municipality_code="24201", name="谷")], crs=OLD_CRS), "a.geojson", {"datum": "tokyo"}, MOVED),
    ],
)  # fmt: skip
def test_districts_follow_their_datum_too(
    tmp_path: Path, content: str, name: str, answers: dict[str, Any], expected: tuple[float, float]
) -> None:
    (row,) = read(tmp_path, content, name, "districts", **answers).rows
    placed = shapely.from_wkb(row["geometry"])
    assert (placed.y, placed.x) == pytest.approx(expected, abs=1e-6)


def test_districts_that_state_two_datums_are_asked_about(tmp_path: Path) -> None:
    text = f"旧測地系から世界測地系に変換済み,,,,\n{DISTRICT},緯度,経度\nD1,24201,谷,{LAT},{LON}\n"
    report = read(tmp_path, text, "a.csv", "districts")
    assert [e.code for e in report.errors] == ["datum-unknown"]
    assert "食い違って" in report.errors[0].ja
