"""Hostile and messy uploads, made in memory: each file with the verdicts, codes and values that the contract gives it.

A case is (name, client name, bytes or a maker of bytes, allowed verdicts, codes that must be named, values of rows).
Nothing here comes from elsewhere: places are in the sea town of nowhere, masts are numbers.
"""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import shapely

OK, WARN, NO = "accept", "accept-with-warning", "reject"
HEAD = "site_id,name,operator,lat,lon"
ROW = "A1,津局,m1,34.7303,136.5086"
GOOD = f"{HEAD}\n{ROW}\n"
CANARY = "canary-7f3a-must-not-appear"


@dataclass(frozen=True)
class Case:
    name: str
    client: str
    data: bytes | Callable[[], bytes]
    verdicts: tuple[str, ...]
    codes: tuple[str, ...] = ()
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    rows_ok: int | None = None
    hostile: bool = False

    def content(self) -> bytes:
        return self.data() if callable(self.data) else self.data


CASES: list[Case] = []


def case(
    name: str, client: str, data: Any, verdict: str | tuple[str, ...], codes: str | tuple[str, ...] = (),
    rows: dict[int, dict[str, Any]] | None = None, *, answers: dict[str, Any] | None = None, ok: int | None = None,
    hostile: bool = False,
) -> None:  # fmt: skip
    content = data.encode("utf-8") if isinstance(data, str) else data
    verdicts = (verdict,) if isinstance(verdict, str) else verdict
    named = (codes,) if isinstance(codes, str) else codes
    CASES.append(Case(name, client, content, verdicts, named, rows or {}, answers or {}, ok, hostile))


def one(extra_head: str = "", extra: str = "", *, site: str = ROW) -> str:
    """One good row with further columns."""
    return f"{HEAD}{',' + extra_head if extra_head else ''}\n{site}{',' + extra if extra_head else ''}\n"


def place(lat: str, lon: str) -> str:
    """One row with a good neighbour, so that a bad position is one bad row."""
    return f'{HEAD}\n{ROW}\nB2,尾鷲局,m1,"{lat}","{lon}"\n'.replace('""', '""')


def geojson(features: list[Any], **more: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features, **more}, ensure_ascii=False)


def point(xy: Any = (136.5086, 34.7303), **properties: Any) -> dict[str, Any]:
    geometry = xy if isinstance(xy, dict) or xy is None else {"type": "Point", "coordinates": list(xy)}
    return {"type": "Feature", "geometry": geometry, "properties": {"site_id": "A1", "name": "津局", **properties}}


def kml(placemarks: str, head: str = "", declared: str = "UTF-8") -> str:
    return f'<?xml version="1.0" encoding="{declared}"?>{head}<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{placemarks}</Document></kml>'


def placemark(coordinates: str = "136.5086,34.7303,12", site: str = "A1", more: str = "") -> str:
    return (
        f"<Placemark><name>津局</name>{more}<ExtendedData><Data name='site_id'><value>{site}</value></Data></ExtendedData>"
        f"<Point><coordinates>{coordinates}</coordinates></Point></Placemark>"
    )


def zipped(members: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def shp(points: list[tuple[float, float] | None], kind: int = 1) -> bytes:
    records = b""
    for number, xy in enumerate(points, 1):
        body = struct.pack("<i", 0) if xy is None else struct.pack("<i2d", kind, *xy)
        records += struct.pack(">2i", number, len(body) // 2) + body
    head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(records)) // 2) + struct.pack("<2i", 1000, kind) + bytes(64)
    return head + records


def dbf(rows: list[tuple[str, str]], encoding: str = "utf-8", names: tuple[str, str] = ("site_id", "name"), language: int = 0) -> bytes:
    widths = 20, 30
    fields = b"".join(n.encode(encoding)[:10].ljust(11, b"\0") + b"C" + bytes(4) + bytes([w, 0]) + bytes(14) for n, w in zip(names, widths, strict=True))
    width = 1 + sum(widths)
    head = struct.pack("<B3BIHH", 3, 118, 1, 1, len(rows), 32 + len(fields) + 1, width) + bytes(17) + bytes([language]) + bytes(2)
    body = b"".join(b" " + b"".join(v.encode(encoding).ljust(w) for v, w in zip(r, widths, strict=True)) for r in rows)
    return head + fields + b"\r" + body + b"\x1a"


WGS = 'GEOGCS["JGD2011",DATUM["Japanese_Geodetic_Datum_2011",SPHEROID["GRS 1980",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
TOKYO = 'GEOGCS["Tokyo",DATUM["Tokyo",SPHEROID["Bessel 1841",6377397.155,299.1528128]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
PLANE = f'PROJCS["JGD2011 / Japan Plane Rectangular CS VI",{WGS},PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",36],PARAMETER["central_meridian",136],PARAMETER["scale_factor",0.9999],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]'
XY = (136.5086, 34.7303)
METRES = (46580.0, -140850.0)


def shapefile(points: list[Any] | None = None, prj: str | None = WGS, cpg: str | None = "UTF-8", stem: str = "sites", **more: Any) -> dict[str, bytes]:
    where = [XY] if points is None else points
    parts = {f"{stem}.shp": shp(where), f"{stem}.dbf": dbf([(f"A{i}", "津局") for i in range(1, len(where) + 1)], **more), f"{stem}.shx": b""}
    if prj is not None:
        parts[f"{stem}.prj"] = prj.encode()
    if cpg is not None:
        parts[f"{stem}.cpg"] = cpg.encode()
    return parts


def gpkg_of_gdal(xy: tuple[float, float]) -> bytes:
    """A layer without a CRS as GDAL writes it: under a number of its own, not under the -1 or 0 of the standard."""
    import warnings

    import geopandas
    import pyogrio

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "x.gpkg"
        pyogrio.write_dataframe(geopandas.GeoDataFrame({"site_id": ["A1"]}, geometry=[shapely.Point(xy)]), path, driver="GPKG")
        return path.read_bytes()


def gpkg(rows: list[tuple[str, tuple[float, float] | None]] | None = None, *, srs: int = 6668, layers: int = 1, sql: str = "", app: int = 0x47504B47) -> bytes:
    """A GeoPackage with one or more feature tables "sites0", … ``sql`` runs last."""
    codes = {6668: "JGD2011", 6674: "JGD2011 / VI", 4301: "Tokyo", 4326: "WGS 84"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.gpkg"
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA application_id = {app}")
        db.executescript(
            "CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, organization TEXT, organization_coordsys_id INTEGER, definition TEXT);"
            "CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT, identifier TEXT, srs_id INTEGER);"
            "CREATE TABLE gpkg_geometry_columns (table_name TEXT PRIMARY KEY, column_name TEXT, geometry_type_name TEXT, srs_id INTEGER, z INTEGER, m INTEGER);"
            "INSERT INTO gpkg_spatial_ref_sys VALUES ('undefined', -1, 'NONE', -1, 'undefined');"
        )
        for code, name in codes.items():
            db.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, 'EPSG', ?, '')", (name, code, code))
        for layer in range(layers):
            table = f"sites{layer}"
            db.execute(f"CREATE TABLE {table} (fid INTEGER PRIMARY KEY, geom BLOB, site_id TEXT, name TEXT)")
            db.execute("INSERT INTO gpkg_contents VALUES (?, 'features', ?, ?)", (table, table, srs))
            db.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POINT', ?, 0, 0)", (table, srs))
            for site, xy in [("A1", XY)] if rows is None else rows:
                blob = None if xy is None else b"GP\x00\x01" + struct.pack("<i", srs) + shapely.to_wkb(shapely.Point(xy))
                db.execute(f"INSERT INTO {table} (geom, site_id, name) VALUES (?, ?, ?)", (blob, site, "津局"))
        db.executescript(sql)
        db.commit()
        db.close()
        return path.read_bytes()


def book(*sheets: list[list[Any]], change: Callable[[Any], None] | None = None) -> bytes:
    work = openpyxl.Workbook()
    work.remove(work.active)
    for number, lines in enumerate(sheets, 1):
        sheet = work.create_sheet(f"一覧{number}")
        for line in lines:
            sheet.append(line)
    if change:
        change(work)
    out = io.BytesIO()
    work.save(out)
    return out.getvalue()


COLUMNS = ["site_id", "name", "operator", "lat", "lon"]
LINE = ["A1", "津局", "m1", 34.7303, 136.5086]


def patched(data: bytes, member: str, change: Callable[[bytes], bytes], **added: bytes) -> bytes:
    """A zip with one member changed and others added (keys with __ for a slash)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, change(content) if info.filename == member else content)
        for name, content in added.items():
            new.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return out.getvalue()


def csv_cases() -> None:
    case("csv plain", "a.csv", GOOD, OK, rows={0: {"site_id": "A1", "name": "津局", "operator": "m1", "lat": 34.7303, "lon": 136.5086, "height_m": None, "row": 0}})
    case("csv bom", "a.csv", b"\xef\xbb\xbf" + GOOD.encode(), OK)
    case("csv crlf", "A.CSV", GOOD.replace("\n", "\r\n"), OK)
    case("csv without last line end", "a.csv", GOOD[:-1], OK)
    case("csv cp932", "a.csv", GOOD.replace("津局", "①㈱髙津局").encode("cp932"), WARN, "encoding-guessed", {0: {"name": "①㈱髙津局"}})
    case("csv utf-16 with bom", "a.csv", GOOD.encode("utf-16"), OK, rows={0: {"name": "津局"}})
    case("csv utf-16 without bom", "a.csv", GOOD.encode("utf-16-le"), NO)
    case("csv utf-32", "a.csv", GOOD.encode("utf-32"), NO)
    case("csv euc-jp", "a.csv", GOOD.replace("津局", "三重県津市大門局").encode("euc_jp"), NO, "encoding-unknown")
    case("csv iso-2022-jp", "a.csv", GOOD.encode("iso2022_jp"), NO, "encoding-unknown")
    case("csv latin-1", "a.csv", GOOD.replace("津局", "Hélène").encode("latin-1"), NO, "encoding-unknown")
    case("csv latin-1 umlaut", "a.csv", GOOD.replace("津局", "Müller-Straße").encode("latin-1"), NO, "encoding-unknown")
    case("csv nul", "a.csv", GOOD.replace("津局", "津\0局"), NO)
    case("csv nul late", "a.csv", GOOD + "\n".join(f"B{i},局,m1,34.5,136.5" for i in range(400)) + "\nC,\0,m1,34.5,136.5\n", NO, "text-binary")
    case("csv control characters", "a.csv", GOOD.replace("津局", "津\x07\x1b[31m局"), (OK, WARN), "control-removed", {0: {"name": "津[31m局"}})
    case("csv bidi override", "a.csv", GOOD.replace("津局", "津\u202e局"), (OK, WARN), (), {0: {"name": "津局"}})
    case("csv line separator", "a.csv", GOOD.replace("津局", "津\u2028局"), (OK, WARN), (), {0: {"name": "津局"}})
    case("csv empty", "a.csv", b"", NO, "empty-file")
    case("csv blank lines only", "a.csv", "\n\n  \n", NO, "empty-file")
    case("csv header only", "a.csv", HEAD + "\n", NO, "no-rows")
    case("csv unterminated quote", "a.csv", GOOD + 'B2,"尾鷲局,m1,34.1,136.2\nC3,x,m1,34.1,136.2\n', NO, "truncated")
    case("csv cut mid-row", "a.csv", GOOD + "B2,尾鷲局,m1,34.", NO, "truncated")
    case("csv cut in the last number", "a.csv", GOOD + "B2,尾鷲局,m1,34.1,13", NO, "truncated")
    case("csv cut in a character", "a.csv", GOOD.encode() + "B2,尾鷲".encode()[:-1], NO, "text-truncated")
    case("csv ragged short", "a.csv", GOOD + "B2,尾鷲局\nC3,局,m1,34.5,136.5\n", WARN, "row-length", ok=2)
    case("csv ragged long", "a.csv", GOOD + "B2,尾鷲,局,m1,34.1,136.2\n", WARN, "row-length", ok=1)
    case("csv trailing commas", "a.csv", f"{HEAD},,\n{ROW},,\n,,,,,,\n", OK)
    case("csv remarks beside the table", "a.csv", f"{HEAD},,\n{ROW},,メモ\nB2,尾鷲局,m1,34.1,136.2,,\n", OK, "columns-ignored", ok=2)
    case("csv cell too many beside a wide header", "a.csv", f"{HEAD},,\n{ROW},,\nB2,尾鷲,局,m1,34.1,136.2,,\n", WARN, "row-length", ok=1)
    case("csv cell too many under a header with a trailing comma", "a.csv", f"{HEAD},\n{ROW}\nB2,尾鷲,局,m1,34.1,136.2\n", WARN, "row-length", ok=1)
    case("csv tabs", "a.csv", GOOD.replace(",", "\t"), WARN, "separator-guessed")
    case("csv semicolons", "a.csv", GOOD.replace(",", ";"), WARN, "separator-guessed")
    case("csv tabs under a title", "a.csv", "基地局一覧（平成29年度）\n\n" + GOOD.replace(",", "\t"), WARN, ("separator-guessed", "header-row-guessed"))
    case("csv sep line", "a.csv", "sep=,\r\n" + GOOD, OK)
    case("csv title rows", "a.csv", "基地局一覧,,,,\n三重県,,,,\n" + GOOD, WARN, "header-row-guessed", ok=1)
    case("csv header twice", "a.csv", f"{HEAD},lat\n{ROW},34.0\n", NO, "header-twice")
    case("csv lat and 緯度", "a.csv", f"{HEAD},緯度\n{ROW},34.0\n", NO, "header-ambiguous")
    case("csv lat and 緯度 answered", "a.csv", f"{HEAD},緯度\n{ROW},34.0\n", OK, answers={"columns": {"lat": "緯度"}}, rows={0: {"lat": 34.0}})
    case("csv two name columns", "a.csv", f"{HEAD},局名\n{ROW},別名\n", NO, "header-ambiguous")
    case("csv japanese headers", "a.csv", "局番,局名,所在地,緯度,経度,事業者,整備年度,高さ\nA1,津局,津市,34.7303,136.5086,m1,平成28年度,２０\n", WARN, "date-read", {0: {"height_m": 20.0, "in_service_date": "2017-03-31", "date_precision": "fiscal_year"}})
    case("csv english headers any order", "a.csv", "Longitude,LATITUDE,Station_ID,Site Name\n136.5,34.5,A1,x\n", (OK, WARN), (), {0: {"lat": 34.5, "lon": 136.5}})
    case("csv full-width headers", "a.csv", "ＳＩＴＥ＿ＩＤ,局名,緯度（度）,経度　（度）\nA1,x,34.5,136.5\n", OK)
    case("csv headers of operators", "a.csv", "管理No.,通信事業者名,設置緯度,設置経度,アンテナの高さ,稼働状況,供用開始年月\nA1,m1,34.5,136.5,30,供用中,2018-03-15\n", OK, rows={0: {"site_id": "A1", "operator": "m1", "lat": 34.5, "lon": 136.5, "height_m": 30.0, "status": "供用中", "in_service_date": "2018-03-15"}})
    case("csv romanised headers", "a.csv", "site_id,ido,keido\nA1,34.5,136.5\n", OK, rows={0: {"lat": 34.5, "lon": 136.5}})
    case("csv abbreviated headers", "a.csv", "site_id,Lat.,Lng.\nA1,34.5,136.5\n", OK, rows={0: {"lat": 34.5, "lon": 136.5}})
    case("csv no id column", "a.csv", "局名,緯度,経度\n津局,34.5,136.5\n", NO, "column-missing")
    case("csv no position", "a.csv", "site_id,name\nA1,x\n", NO, "column-missing")
    case("csv numbered rows as ids", "a.csv", "No.,局名,緯度,経度\n1,津局,34.5,136.5\n", WARN, "id-column-guessed")
    case("csv 256 columns", "a.csv", one(",".join(f"c{i}" for i in range(251)), ",".join("x" * 251)), OK)
    case("csv 257 columns", "a.csv", one(",".join(f"c{i}" for i in range(252)), ",".join("x" * 252)), NO, "too-many-columns")
    case("csv cell of 10,000", "a.csv", GOOD.replace("津局", "津" * 10_000), OK)
    case("csv cell of 10,001", "a.csv", GOOD.replace("津局", "津" * 10_001), NO, "cell-too-long")
    case("csv cell of a million", "a.csv", GOOD.replace("津局", "x" * 1_000_000), NO, "cell-too-long", hostile=True)
    case("csv million commas", "a.csv", GOOD + "x" + "," * 1_000_000 + "y\n", NO, "too-many-columns", hostile=True)
    case("csv million blank lines", "a.csv", lambda: (GOOD + "\n" * 1_000_000).encode(), OK, hostile=True)
    case("csv 200,001 rows", "a.csv", lambda: (HEAD + "\n" + "".join(f"S{i},,,34.5,136.5\n" for i in range(200_001))).encode(), NO, "too-many-rows", hostile=True)
    case("csv line breaks in cells", "a.csv", GOOD.replace("津局", '"津\r\n局"'), OK, rows={0: {"name": "津\r\n局"}})
    case("csv quotes and commas", "a.csv", GOOD.replace("津局", '"津,""大門""局"'), OK, rows={0: {"name": '津,"大門"局'}})
    for sign in "=+-@":
        case(f"csv formula {sign}", "a.csv", GOOD.replace("津局", f"\"{sign}cmd|' /C calc'!A0\""), OK, rows={0: {"name": f"{sign}cmd|' /C calc'!A0"}})
    for text in ("<script>alert(1)</script>", "${alert(1)}", "<img src=x onerror=alert(1)>", "`${1}`", "</script><svg/onload=1>"):
        case(f"csv markup {text}", "a.csv", GOOD.replace("津局", text), OK, rows={0: {"name": text}})
    case("csv total row", "a.csv", GOOD + "合計,1,,,\n", WARN, "position-missing", ok=1)
    case("csv personal data", "a.csv", one("担当者氏名,電話番号", "山田,059-000-0000"), WARN, "personal-data-dropped")
    case("csv site address is no person", "a.csv", one("所在地", "津市"), OK)
    case("csv unknown columns", "a.csv", one("備考", "x"), OK)
    case("csv stacked tables", "a.csv", GOOD + GOOD.replace("A1", "B2"), WARN, (), ok=2)
    case("csv mojibake c1", "a.csv", GOOD.replace("津局", "津局".encode().decode("latin-1")), (NO, WARN))


def id_cases() -> None:
    head = "site_id,operator,lat,lon,name\n"
    case("id 00123", "a.csv", head + "00123,m1,34.5,136.5,NA\n", OK, rows={0: {"site_id": "00123", "name": "NA"}})
    case("name null and nan", "a.csv", head + "1,m1,34.5,136.5,null\n2,m1,34.5,136.5,nan\n3,m1,34.5,136.5,None\n", OK, rows={0: {"name": "null"}, 1: {"name": "nan"}, 2: {"name": "None"}})
    case("id NA", "a.csv", head + "NA,m1,34.5,136.5,x\n", OK, rows={0: {"site_id": "NA"}})
    case("id exponent", "a.csv", head + "1E5,m1,34.5,136.5,x\n", OK, rows={0: {"site_id": "1E5"}})
    case("id missing", "a.csv", head + "A,m1,34.5,136.5,x\n,m1,34.5,136.5,y\n", WARN, "site-id-missing", ok=1)
    case("id duplicate", "a.csv", head + "A,m1,34.5,136.5,x\nA,m1,34.6,136.5,y\n", WARN, "duplicate", {0: {"name": "x"}}, ok=1)
    case("id duplicate full-width", "a.csv", head + "A1,m1,34.5,136.5,x\nＡ１,m1,34.6,136.5,y\n", WARN, "duplicate", ok=1)
    case("id with another operator", "a.csv", head + "A,m1,34.5,136.5,x\nA,m2,34.5,136.5,x\n", OK, rows={1: {"operator": "m2"}}, ok=2)
    case("exact repeat", "a.csv", head + "A,m1,34.5,136.5,x\nA,m1,34.5,136.5,x\n", WARN, "exact-repeat", ok=1)
    case("id excel error", "a.csv", head + "A,m1,34.5,136.5,x\n#REF!,m1,34.5,136.5,y\n", WARN, "site-id-wrong", ok=1)
    case("another operator elsewhere", "a.csv", head + "A,m1,34.5,136.5,x\nA,m2,34.6,136.5,x\n", WARN, "site-rows-differ", {1: {"lat": 34.5}})
    case("districts", "a.csv", one("districts_served", "D-01;D-02；Ｄ-03"), OK, rows={0: {"districts_served": ["D-01", "D-02", "D-03"]}})


def position_cases() -> None:
    for text in (
        "34°41'12\"|136°30'36\"", "34度41分12秒|136度30分36秒", "北緯34度41分12秒|東経136度30分36秒", "34:41:12|136:30:36", "34 41 12|136 30 36",
        "34.41.12|136.30.36", "344112|1363036", "34°41′12″N|136°30′36″E", "N34°41'12\"|E136°30'36\"", "３４°４１′１２″|１３６°３０′３６″",
        "34º41´12''|136º30´36''", "34˚41’12”|136˚30’36”", "34-41-12|136-30-36", "34°41.2'|136°30.6'", "344112.0|1363036.0",
    ):  # fmt: skip
        lat, lon = (part.replace('"', '""') for part in text.split("|"))
        case(f"dms {text}", "a.csv", place(lat, lon), WARN, "dms-converted", {1: {"lat": 34.68666667, "lon": 136.51}}, ok=2)
    for text, code in {
        "34.5°|136.5°": "", "３４．５|１３６．５": "", "N34.5|E136.5": "", "34.5|": "position-missing", "0|0": "position-zero", "0.0|0.0": "position-zero",
        "nan|nan": "position-not-finite", "inf|136.5": "position-not-finite", "91|136.5": "position-out-of-range", "51.5|-0.1": "outside-japan",
        "34.5|-136.5": "outside-japan", "136.5|34.5": "axes-swapped", "-140850|46580": "position-metres", "あ|136.5": "position-unreadable",
        "1_0|136.5": "position-unreadable", "34,5|136,5": "position-unreadable", "34°61'00''|136°30'36''": "position-unreadable",
        "1e400|136.5": "position-unreadable", "34.5|#REF!": "position-unreadable", "=34.5|136.5": "position-unreadable", "19.9|140": "outside-japan",
    }.items():  # fmt: skip
        lat, lon = text.split("|")
        case(f"position {text}", "a.csv", place(lat, lon), WARN if code else OK, code or (), ok=1 if code else 2)
    case("swapped all", "a.csv", "site_id,lat,lon\nA,136.5,34.5\nB,136.6,34.6\n", NO, "axes-swapped")
    case("swapped answered", "a.csv", "site_id,lat,lon\nA,136.5,34.5\n", WARN, "axes-exchanged", {0: {"lat": 34.5, "lon": 136.5}}, answers={"axes": "swap"})
    case("tokyo column", "a.csv", one("測地系", "日本測地系"), WARN, "datum-transformed", {0: {"lat": 34.73356, "lon": 136.50568}})
    case("tokyo header", "a.csv", "局ID,緯度（日本測地系）,経度（日本測地系）\nA,34.7303,136.5086\n", WARN, "datum-transformed", {0: {"lat": 34.73356, "lon": 136.50568}})
    case("tokyo answered", "a.csv", GOOD, WARN, "datum-transformed", answers={"datum": "tokyo"})
    case("tokyo in the title", "a.csv", "基地局一覧（旧測地系）,,,,\n" + GOOD, WARN, "datum-transformed")
    case("jgd column", "a.csv", one("測地系", "世界測地系"), OK, rows={0: {"lat": 34.7303}})
    case("jgd2000 in Japanese", "a.csv", one("測地系", "日本測地系2000"), OK, rows={0: {"lat": 34.7303}})
    case("unknown datum", "a.csv", one("測地系", "NAD27"), NO, "datum-unknown")
    case("plane with zone", "a.csv", "局ID,X座標,Y座標,系\nA,-140850,46580,6\n", WARN, "crs-transformed", {0: {"lat": 34.72929, "lon": 136.50863}})
    case("plane with roman zone", "a.csv", "局ID,X座標,Y座標,系\nA,\"-140,850.0\",\"46,580.0\",第VI系\n", WARN, "crs-transformed", {0: {"lat": 34.72929}})
    case("plane without zone", "a.csv", "局ID,X座標,Y座標\nA,-140850,46580\n", NO, "position-metres")
    case("plane answered", "a.csv", "局ID,X座標,Y座標\nA,-140850,46580\n", WARN, "crs-transformed", answers={"crs": 6674})
    case("x and y in degrees", "a.csv", "局ID,X,Y\nA,136.5,34.5\n", WARN, "crs-assumed", {0: {"lat": 34.5, "lon": 136.5}})
    case("degrees under a zone", "a.csv", "局ID,X,Y,系\nA,136.5,34.5,6\n", NO, "crs-contradicts")
    case("degrees minutes seconds apart", "a.csv", "局ID,緯度（度）,緯度（分）,緯度（秒）,経度（度）,経度（分）,経度（秒）\nA,34,41,12,136,30,36\n", WARN, "dms-converted", {0: {"lat": 34.68666667, "lon": 136.51}})


def value_cases() -> None:
    for column, text, code, value in (
        ("height_m", "-3", "number-out-of-range", None), ("height_m", "1_000", "number-unreadable", None), ("height_m", "inf", "number-unreadable", None),
        ("height_m", "nan", "number-unreadable", None), ("height_m", "約20", "number-unreadable", None), ("height_m", "15m", "unit-read", 15.0),
        ("height_m", "２５", "", 25.0), ("height_m", "1500cm", "unit-read", 15.0), ("height_m", "50ft", "number-unreadable", None), ("height_m", "-", "", None),
        ("高さ（cm）", "1500", "unit-read", 15.0), ("高さ（ft）", "50", "number-unreadable", None), ("アンテナ高（ｍ）", "20", "", 20.0), ("height_m", "1e400", "number-out-of-range", None),
        ("height_m", "NA", "number-unreadable", None), ("height_m", "0x10", "number-unreadable", None), ("height_m", "#N/A", "number-unreadable", None),
    ):  # fmt: skip
        case(f"{column} {text}", "a.csv", one(column, text), WARN if code else OK, code or (), {0: {"height_m": value}})
    for column, text, code, value in (
        ("frequency_mhz", '"2,100"', "", 2100.0), ("frequency_mhz", "800MHz", "unit-read", 800.0), ("frequency_mhz", "2.1GHz", "unit-read", 2100.0),
        ("周波数（GHz）", "2.1", "unit-converted", 2100.0), ("frequency_mhz", "2100000000", "number-out-of-range", None),
    ):  # fmt: skip
        case(f"{column} {text}", "a.csv", one(column, text), WARN if code else OK, code or (), {0: {"frequency_mhz": value}})
    case("eirp in watt", "a.csv", one("EIRP(W)", "100"), WARN, "unit-converted", {0: {"eirp_dbm": 50.0}})
    case("eirp 500", "a.csv", one("eirp_dbm", "500"), WARN, "number-out-of-range", {0: {"eirp_dbm": None}})
    case("status word", "a.csv", one("状態", "供用中"), OK, rows={0: {"status": "供用中"}})
    case("status synonym", "a.csv", one("状態", "稼働中"), WARN, "word-read", {0: {"status": "供用中"}})
    case("status unknown", "a.csv", one("状態", "ほげ"), WARN, "word-unknown", {0: {"status": None}})
    for text, code, day, precision in (
        ("2017-03-31", "", "2017-03-31", "day"), ("2017/3/31", "", "2017-03-31", "day"), ("2017年3月31日", "", "2017-03-31", "day"), ("20170331", "", "2017-03-31", "day"),
        ("H29.3.31", "date-read", "2017-03-31", "day"), ("平成29年3月31日", "date-read", "2017-03-31", "day"), ("平成二十九年三月三十一日", "date-read", "2017-03-31", "day"),
        ("令和元年5月1日", "date-read", "2019-05-01", "day"), ("Ｈ２９．３．３１", "date-read", "2017-03-31", "day"), ("S63.12.1", "date-read", "1988-12-01", "day"),
        ("平成30年3月", "date-read", "2018-03-31", "month"), ("2018-03", "date-read", "2018-03-31", "month"), ("30年度", "date-read", "2019-03-31", "fiscal_year"),
        ("平成30年度", "date-read", "2019-03-31", "fiscal_year"), ("R1", "date-read", "2019-12-31", "year"), ("2018", "date-read", "2018-12-31", "year"),
        ("2017-03-31T23:59:00+09:00", "", "2017-03-31", "day"), ("2017-03-31T15:00:00Z", "", "2017-04-01", "day"),
        ("S64.1.8", "era-out-of-range", None, None), ("H31.5.1", "era-out-of-range", None, None), ("昭和65年", "era-out-of-range", None, None), ("2018-02-30", "date-does-not-exist", None, None),
        ("18/03/15", "date-two-digit-year", None, None), ("29.3.31", "date-two-digit-year", None, None), ("42825", "date-excel-serial", None, None), ("未定", "date-unreadable", None, None),
        ("5年度", "fiscal-year-era-missing", None, None), ("3/31/2017", "date-unreadable", None, None), ("0000-00-00", "date-out-of-range", None, None),
    ):  # fmt: skip
        case(f"date {text}", "a.csv", one("in_service_date", text), WARN if code else OK, code or (), {0: {"in_service_date": day, "date_precision": precision}})
    case("date with stated precision", "a.csv", one("in_service_date,date_precision", "2018,fiscal_year"), (OK, WARN), (), {0: {"in_service_date": "2019-03-31", "date_precision": "fiscal_year"}})
    case("closing day", "a.csv", one("状態,廃止日", "廃止,2018-10-01"), OK, rows={0: {"status": "廃止", "closed_on": "2018-10-01"}})
    case("closing day in era and month", "a.csv", one("状態,停波年月日", "停止,平成30年10月"), WARN, "date-read", {0: {"closed_on": "2018-10-31"}})
    case("closing day of a site on the air", "a.csv", one("状態,撤去日", "供用中,2018-10-01"), WARN, "closing-day-contradicts", {0: {"closed_on": None}})
    case("closing day alone", "a.csv", one("停波日", "2018-10-01"), WARN, "closing-day-without-status", {0: {"closed_on": "2018-10-01"}})
    case("closing day of a bare year", "a.csv", one("状態,停波日", "廃止,2018"), WARN, "closing-day-year-only", {0: {"closed_on": None}})
    case("closed before it began", "a.csv", one("状態,供用開始日,廃止日", "廃止,2018-10-01,2017-10-01"), NO, "closed-before-service")
    case("closed without a day", "a.csv", one("状態", "廃止"), OK, "closing-day-missing", {0: {"closed_on": None}})
    case("fiscal year column", "a.csv", one("整備年度", "29"), WARN, "date-read", {0: {"in_service_date": "2018-03-31", "date_precision": "fiscal_year"}})


def xlsx_cases() -> None:
    import datetime as dt

    case("xlsx plain", "a.xlsx", book([COLUMNS, LINE]), OK, rows={0: {"lat": 34.7303, "site_id": "A1"}})
    case("xlsx id with zeros", "a.xlsx", book([COLUMNS, [123, *LINE[1:]]], change=lambda b: setattr(b.worksheets[0]["A2"], "number_format", "00000")), OK, rows={0: {"site_id": "00123"}})
    case("xlsx whole float id", "a.xlsx", book([COLUMNS, [123.0, *LINE[1:]]]), OK, rows={0: {"site_id": "123"}})
    dated = [[*COLUMNS, "供用開始日"], [*LINE, dt.date(2017, 3, 31)]]
    case("xlsx date", "a.xlsx", book(dated), OK, rows={0: {"in_service_date": "2017-03-31"}})

    def to_1904(b: Any) -> None:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904

        b.epoch = CALENDAR_MAC_1904

    case("xlsx 1904 epoch", "a.xlsx", book(dated, change=to_1904), OK, rows={0: {"in_service_date": "2017-03-31"}})
    case("xlsx serial without format", "a.xlsx", book([[*COLUMNS, "供用開始日"], [*LINE, 42825]]), WARN, "date-excel-serial", {0: {"in_service_date": None}})
    case("xlsx title rows", "a.xlsx", book([["基地局一覧"], [], COLUMNS, LINE], change=lambda b: b.worksheets[0].merge_cells("A1:E1")), WARN, "header-row-guessed")
    case("xlsx two sheets", "a.xlsx", book([COLUMNS, LINE], [COLUMNS, LINE]), NO, "sheet-choose")
    case("xlsx two sheets answered", "a.xlsx", book([COLUMNS, LINE], [COLUMNS, ["B2", *LINE[1:]]]), OK, answers={"sheet": "一覧2"}, rows={0: {"site_id": "B2"}})
    case("xlsx sheet that is not there", "a.xlsx", book([COLUMNS, LINE]), NO, "sheet-missing", answers={"sheet": "ない"})
    case("xlsx empty second sheet", "a.xlsx", book([COLUMNS, LINE], []), OK)
    case("xlsx hidden second sheet", "a.xlsx", book([COLUMNS, LINE], [COLUMNS, LINE], change=lambda b: setattr(b.worksheets[1], "sheet_state", "hidden")), NO, "sheet-choose")
    case("xlsx empty", "a.xlsx", book([]), NO, "empty-file")
    case("xlsx header only", "a.xlsx", book([COLUMNS]), NO, "no-rows")
    case("xlsx stray cell", "a.xlsx", book([COLUMNS, LINE], change=lambda b: b.worksheets[0].cell(1048576, 16384, "x")), NO, "too-many-columns", hostile=True)
    case("xlsx stray cell far down", "a.xlsx", book([COLUMNS, LINE], change=lambda b: b.worksheets[0].cell(1048576, 1, "x")), WARN, ok=1, hostile=True)
    claims = patched(book([COLUMNS, LINE]), "xl/worksheets/sheet1.xml", lambda x: x.replace(b'ref="A1:E2"', b'ref="A1:XFD1048576"'))
    case("xlsx false dimensions", "a.xlsx", claims, OK, hostile=True)
    case("xlsx formula without result", "a.xlsx", book([[*COLUMNS, "高さ"], [*LINE, "=10+5"]]), WARN, "number-unreadable", {0: {"height_m": None}})
    case("xlsx position formula without result", "a.xlsx", book([COLUMNS, [*LINE[:3], "=34+0.5", 136.5]]), NO, "position-unreadable")
    case("xlsx name formula without result", "a.xlsx", book([COLUMNS, ["A1", '=HYPERLINK("http://x")', *LINE[2:]]]), WARN, "cell-error", {0: {"name": None}})
    doctype = patched(book([COLUMNS, LINE]), "xl/workbook.xml", lambda x: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + x)
    case("xlsx doctype", "a.xlsx", doctype, NO, "xml-doctype", hostile=True)
    utf16 = patched(book([COLUMNS, LINE]), "xl/worksheets/sheet1.xml", lambda x: ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]>' + x.decode()).encode("utf-16"))
    case("xlsx doctype in utf-16", "a.xlsx", utf16, NO, "xml-doctype", hostile=True)
    deep = patched(book([COLUMNS, LINE]), "xl/worksheets/sheet1.xml", lambda x: x.replace(b"<sheetData>", b"<sheetData>" + b"<row>" * 5000 + b"</row>" * 5000))
    case("xlsx nested deeply", "a.xlsx", deep, NO, "xml-too-deep", hostile=True)
    case("xlsx empty chart sheet", "a.xlsx", book([COLUMNS, LINE], change=lambda b: b.create_chartsheet("図", 0)), OK)
    case("xlsx sheet of sentences", "a.xlsx", book([["この表は毎年4月に作ります。"], [], ["問合せは地域連携部へ"]], [COLUMNS, LINE]), WARN, "sheet-prose", ok=1)
    case("xlsx remark beside the table", "a.xlsx", book([COLUMNS, [*LINE, None, "要確認"]]), OK, "columns-ignored", ok=1)
    case("xlsx second table of two columns", "a.xlsx", book([COLUMNS, LINE], [["site_id", "district_id"], ["A1", "D1"]]), NO, "sheet-choose")
    case("xlsx macro", "a.xlsx", patched(book([COLUMNS, LINE]), "", bytes, xl__vbaProject_dot_bin=b"x"), NO, "workbook-macro")
    case("xlsx external link part", "a.xlsx", patched(book([COLUMNS, LINE]), "", bytes, xl__externalLinks__externalLink1_dot_xml=b"<externalLink/>"), OK)
    case("xlsx cut", "a.xlsx", book([COLUMNS, LINE])[:3000], NO)
    case("xlsx of a csv", "a.xlsx", GOOD, NO, "format-mismatch")
    case("xls renamed", "a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), NO, "format-mismatch")
    case("xlsx nested zip", "a.xlsx", patched(book([COLUMNS, LINE]), "", bytes, xl__embeddings__x_dot_zip=zipped({"a": b"b"})), NO, "archive-nested")

    def many() -> bytes:
        row = b'<row><c t="inlineStr"><is><t>A%d</t></is></c><c><v>34.5</v></c><c><v>136.5</v></c></row>'
        body = b"".join(row % i for i in range(205_000))
        head = b'<row><c t="inlineStr"><is><t>site_id</t></is></c><c t="inlineStr"><is><t>lat</t></is></c><c t="inlineStr"><is><t>lon</t></is></c></row>'
        sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>' + head + body + b"</sheetData></worksheet>"
        return patched(book([COLUMNS, LINE]), "xl/worksheets/sheet1.xml", lambda x: sheet)

    case("xlsx 205,000 rows", "a.xlsx", many, NO, "too-many-rows", hostile=True)


def vector_cases() -> None:
    good = geojson([point()])
    case("geojson plain", "a.geojson", good, OK, rows={0: {"lat": 34.7303, "lon": 136.5086}})
    case("geojson as json", "a.json", good, OK)
    case("geojson bom", "a.geojson", b"\xef\xbb\xbf" + good.encode(), OK)
    case("geojson utf-16", "a.geojson", good.encode("utf-16"), OK)
    case("geojson cp932", "a.geojson", good.encode("cp932"), WARN, "encoding-guessed", {0: {"name": "津局"}})
    case("geojson crs member", "a.geojson", geojson([point()], crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::6668"}}), OK)
    case("geojson crs84", "a.geojson", geojson([point()], crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}), OK)
    case("geojson tokyo", "a.geojson", geojson([point()], crs={"type": "name", "properties": {"name": "EPSG:4301"}}), WARN, "datum-transformed", {0: {"lat": 34.73356}})
    case("geojson projected", "a.geojson", geojson([point(METRES)], crs={"type": "name", "properties": {"name": "EPSG:6674"}}), NO, "crs-projected")
    for kind in ("link", "url", "file"):
        case(f"geojson crs {kind}", "a.geojson", geojson([point()], crs={"type": kind, "properties": {"href": "{canary}", "url": "{canary}", "type": "proj4"}}), NO, "crs-unknown", hostile=True)
    case("geojson nan", "a.geojson", good.replace("34.7303", "NaN"), NO, "json-broken")
    case("geojson 1e400", "a.geojson", geojson([point(), point(site_id="B")]).replace("34.7303", "1e400", 1), WARN, "position-not-finite", ok=1)
    case("geojson huge integer", "a.geojson", good.replace("34.7303", "9" * 5000), NO)
    case("geojson deep", "a.geojson", '{"type":"FeatureCollection","features":' + "[" * 200_000 + "]" * 200_000 + "}", NO, "json-broken", hostile=True)
    case("geojson deep properties", "a.geojson", geojson([point(x=json.loads("[" * 70 + "]" * 70))]), NO, "json-too-deep")
    case("geojson duplicate keys", "a.geojson", good.replace('"name": "津局"', '"name": "津局", "name": "別"'), NO, "json-key-twice")
    case("geojson cut", "a.geojson", good[:-20], NO, "json-broken")
    case("geojson lone surrogate", "a.geojson", good.replace("津局", "津\\ud800局"), (OK, WARN), (), {0: {"name": "津局"}})
    case("geojson line and null", "a.geojson", geojson([point(), point({"type": "LineString", "coordinates": [[136, 34], [137, 35]]}, site_id="B"), point(None, site_id="C")]), WARN, ("not-a-point", "position-missing"), ok=1)
    case("geojson polygons only", "a.geojson", geojson([point({"type": "Polygon", "coordinates": [[[136, 34], [137, 34], [137, 35], [136, 34]]]})]), NO, "not-a-point")
    case("geojson 3d", "a.geojson", geojson([point((136.5086, 34.7303, 12.0))]), OK)
    case("geojson swapped", "a.geojson", geojson([point((34.7303, 136.5086))]), NO, "axes-swapped")
    case("geojson one coordinate", "a.geojson", geojson([point((136.5,))]), NO, "position-not-finite")
    case("geojson multipoint of one", "a.geojson", geojson([point({"type": "MultiPoint", "coordinates": [[136.5, 34.5]]})]), WARN, "multipoint-single")
    case("geojson columns against geometry", "a.geojson", geojson([point(lat=35.5, lon=136.5)]), WARN, "position-columns-differ", {0: {"lat": 34.7303}})
    case("geojson empty", "a.geojson", geojson([]), NO)
    case("geojson bare geometry", "a.geojson", json.dumps(point()["geometry"]), NO, "geojson-not")
    case("geojson features no list", "a.geojson", '{"type":"FeatureCollection","features":{"a":1}}', NO, "geojson-not")
    case("geojson array", "a.geojson", "[1,2]", NO)
    case("geojson number as id", "a.geojson", geojson([point(site_id=7)]), OK, rows={0: {"site_id": "7"}})
    case("topojson", "a.json", '{"type":"Topology","objects":{}}', NO, "geojson-not")
    gdalg = json.dumps({"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read {canaryfile}"})
    case("gdalg document", "a.geojson", gdalg, NO, "geojson-not", hostile=True)
    vrt = "<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>{target}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    for target in ("{canaryfile}", "/vsicurl/{canary}", "CSV:/etc/passwd"):
        for extension in ("geojson", "kml", "csv", "gpkg", "json"):
            case(f"vrt to {target} as {extension}", f"a.{extension}", vrt.replace("{target}", target), NO, hostile=True)
    case("wfs document", "a.geojson", "<OGRWFSDataSource><URL>{canary}</URL></OGRWFSDataSource>", NO, "format-mismatch", hostile=True)
    case("vrt as shp in a zip", "a.zip", zipped({"a.shp": vrt.encode(), "a.dbf": dbf([]), "a.vrt": vrt.encode()}), NO, hostile=True)

    case("kml plain", "a.kml", kml(placemark()), OK, rows={0: {"lat": 34.7303, "name": "津局"}})
    case("kml bom", "a.kml", b"\xef\xbb\xbf" + kml(placemark()).encode(), OK)
    case("kml shift_jis", "a.kml", kml(placemark(), declared="Shift_JIS").encode("cp932"), OK, rows={0: {"name": "津局"}})
    case("kml utf-16", "a.kml", kml(placemark(), declared="UTF-16").encode("utf-16"), OK)
    case("kml bad placemark", "a.kml", kml(placemark() + placemark("あ,34", "B2") + placemark("", "C3") + placemark("nan,34.5", "D4")), WARN, "position-not-finite", ok=1)
    case("kml spaces in coordinates", "a.kml", kml(placemark("\n 136.5, 34.5, 0\n")), OK)
    case("kml line", "a.kml", kml(placemark() + placemark(site="B").replace("Point", "LineString")), WARN, "not-a-point", ok=1)
    case("kml network link", "a.kml", kml("<NetworkLink><Link><href>{canary}</href></Link></NetworkLink>" + placemark()), NO, "kml-network-link", hostile=True)
    case("kml remote icon", "a.kml", kml(placemark(more="<Style><IconStyle><Icon><href>{canary}</href></Icon></IconStyle></Style>")), OK, hostile=True)
    case("kml external entity", "a.kml", kml(placemark(site="&x;"), '<!DOCTYPE k [<!ENTITY x SYSTEM "{canaryuri}">]>'), NO, "xml-doctype", hostile=True)
    case("kml external dtd", "a.kml", kml(placemark(), '<!DOCTYPE k SYSTEM "{canary}">'), NO, "xml-doctype", hostile=True)
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    case("kml billion laughs", "a.kml", kml(placemark(site="&l9;"), f'<!DOCTYPE k [<!ENTITY l0 "lol">{laughs}]>'), NO, "xml-doctype", hostile=True)
    case("kml deep", "a.kml", kml("<Folder>" * 70 + placemark() + "</Folder>" * 70), NO, "xml-too-deep")
    case("kml very deep", "a.kml", kml("<Folder>" * 100_000 + "</Folder>" * 100_000), NO, hostile=True)
    case("kml cut", "a.kml", kml(placemark())[:-30], NO, "xml-broken")
    case("gml", "a.geojson", '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml" schemaLocation="{canary}"/>', NO, "format-mismatch", hostile=True)

    case("gpkg plain", "a.gpkg", gpkg, OK, rows={0: {"lat": 34.7303}})
    case("gpkg wgs84", "a.gpkg", lambda: gpkg(srs=4326), OK)
    case("gpkg tokyo", "a.gpkg", lambda: gpkg(srs=4301), WARN, "datum-transformed", {0: {"lat": 34.73356}})
    case("gpkg plane", "a.gpkg", lambda: gpkg([("A1", METRES)], srs=6674), WARN, "crs-transformed", {0: {"lat": 34.72929}})
    case("gpkg degrees as plane", "a.gpkg", lambda: gpkg(srs=6674), NO, "crs-contradicts")
    case("gpkg undefined crs", "a.gpkg", lambda: gpkg(srs=-1), WARN, "crs-assumed")
    case("gpkg by gdal without crs", "a.gpkg", lambda: gpkg_of_gdal(XY), WARN, "crs-assumed", {0: {"lat": 34.7303}})
    case("gpkg by gdal, metres without crs", "a.gpkg", lambda: gpkg_of_gdal(METRES), NO, "crs-missing")
    case("gpkg null geometry", "a.gpkg", lambda: gpkg([("A1", XY), ("B2", None)]), WARN, "position-missing", ok=1)
    case("gpkg two layers", "a.gpkg", lambda: gpkg(layers=2), NO, "layer-choose")
    case("gpkg two layers answered", "a.gpkg", lambda: gpkg(layers=2), OK, answers={"layer": "sites1"})
    for share in (10, 50, 90):
        case(f"gpkg cut at {share} %", "a.gpkg", lambda share=share: (d := gpkg([(f"A{i}", XY) for i in range(300)]))[: len(d) * share // 100], NO, "geopackage-broken")
    case("gpkg that is sqlite", "a.gpkg", lambda: gpkg(app=0), NO, "format-mismatch")
    case("gpkg endless view", "a.gpkg", lambda: gpkg(sql="DROP TABLE gpkg_contents; CREATE VIEW gpkg_contents AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT 'a' AS table_name, 'features' AS data_type, 'a' AS identifier, x AS srs_id FROM c;"), NO, "geopackage-broken", hostile=True)
    case("gpkg view as layer", "a.gpkg", lambda: gpkg(sql="ALTER TABLE sites0 RENAME TO hidden; CREATE VIEW sites0 AS SELECT fid, geom, load_extension('x') AS site_id, name FROM hidden;"), NO, hostile=True)
    case("gpkg virtual layer", "a.gpkg", lambda: gpkg(sql="DROP TABLE sites0; CREATE VIRTUAL TABLE sites0 USING fts5(geom, site_id);"), NO, hostile=True)


def raw_zip(name: bytes, content: bytes, *, flags: int = 0, claimed: int | None = None, attributes: int = 0, copies: int = 1) -> bytes:
    """A zip written by hand, for what zipfile would not write: encryption flags, links, false sizes, overlap."""
    packed = zlib.compressobj(wbits=-15)
    body = packed.compress(content) + packed.flush()
    size = len(content) if claimed is None else claimed
    fixed = struct.pack("<5H3I2H", 20, flags, 8, 0, 33, zlib.crc32(content), len(body), size, len(name), 0)
    local = b"PK\x03\x04" + fixed + name + body
    directory = b""
    for i in range(copies):
        own = name if i == 0 else name + str(i).encode()
        head = struct.pack("<6H3I5H2I", 20, 20, flags, 8, 0, 33, zlib.crc32(content), len(body), size, len(own), 0, 0, 0, 0, attributes, 0)
        directory += b"PK\x01\x02" + head + own
    return local + directory + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, copies, copies, len(directory), len(local), 0)


def archive_cases() -> None:
    good = shapefile()
    case("shapefile plain", "a.zip", zipped(good), OK, rows={0: {"lat": 34.7303, "name": "津局"}})
    case("shapefile in a folder", "a.zip", zipped({f"data/{k}": v for k, v in good.items()}), OK)
    case("shapefile backslashes", "a.zip", zipped({f"data\\{k}": v for k, v in good.items()}), OK)
    case("shapefile with macOS litter", "a.zip", zipped({**good, "__MACOSX/._sites.shp": b"x", ".DS_Store": b"x", "Thumbs.db": b"x"}), OK)
    case("shapefile cp932 without cpg", "a.zip", zipped(shapefile(cpg=None, encoding="cp932")), WARN, "encoding-guessed", {0: {"name": "津局"}})
    case("shapefile cp932 by language id", "a.zip", zipped(shapefile(cpg=None, encoding="cp932", language=0x13)), WARN, "encoding-guessed", {0: {"name": "津局"}})
    case("shapefile without prj", "a.zip", zipped(shapefile(prj=None)), WARN, "crs-assumed")
    case("shapefile metres without prj", "a.zip", zipped(shapefile([METRES], prj=None)), NO, "crs-missing")
    case("shapefile plane", "a.zip", zipped(shapefile([METRES], prj=PLANE)), WARN, "crs-transformed", {0: {"lat": 34.72929}})
    case("shapefile tokyo", "a.zip", zipped(shapefile(prj=TOKYO)), WARN, "datum-transformed", {0: {"lat": 34.73356}})
    case("shapefile degrees as plane", "a.zip", zipped(shapefile(prj=PLANE)), NO, "crs-contradicts")
    case("shapefile metres as degrees", "a.zip", zipped(shapefile([METRES], prj=WGS)), NO, "crs-contradicts")
    case("shapefile broken prj", "a.zip", zipped(shapefile(prj="GEOGCS[nonsense")), NO, "crs-unknown")
    case("shapefile nan", "a.zip", zipped(shapefile([XY, (float("nan"), 34.5)])), WARN, "position-not-finite", ok=1)
    case("shapefile null shape", "a.zip", zipped(shapefile([XY, None])), WARN, "position-missing", ok=1)
    case("shapefile without dbf", "a.zip", zipped({k: v for k, v in good.items() if not k.endswith("dbf")}), NO, "shapefile-incomplete")
    case("shapefile two", "a.zip", zipped({**good, **shapefile(stem="other")}), NO, "shapefile-choose")
    case("shapefile none", "a.zip", zipped({"a.csv": GOOD.encode()}), NO, "shapefile-choose")
    claims = bytearray(good["sites.dbf"])
    struct.pack_into("<I", claims, 4, 2_000_000_000)
    case("shapefile 2e9 records", "a.zip", zipped({**good, "sites.dbf": bytes(claims)}), NO, "shapefile-broken", hostile=True)
    long = bytearray(good["sites.shp"])
    struct.pack_into(">i", long, 104, 2**30)
    case("shapefile 2 GiB record", "a.zip", zipped({**good, "sites.shp": bytes(long)}), NO, "shapefile-broken", hostile=True)
    case("shapefile cut", "a.zip", zipped({**good, "sites.shp": good["sites.shp"][:-6]}), NO, "shapefile-broken")
    case("zip traversal", "a.zip", zipped({**good, "../../evil.txt": b"x"}), NO, "archive-path", hostile=True)
    case("zip backslash traversal", "a.zip", zipped({**good, "..\\..\\evil.txt": b"x"}), NO, "archive-path", hostile=True)
    case("zip absolute", "a.zip", zipped({**good, "/etc/evil": b"x"}), NO, "archive-path", hostile=True)
    case("zip drive letter", "a.zip", zipped({**good, "C:\\evil": b"x"}), NO, "archive-path", hostile=True)
    case("zip nameless member", "a.zip", raw_zip(b"", good["sites.shp"]), NO, "archive-path", hostile=True)
    case("zip name that begins with NUL", "a.zip", raw_zip(b"\x00a.shp", good["sites.shp"]), NO, "archive-path", hostile=True)
    case("zip bomb", "a.zip", lambda: zipped({**good, "bomb.bin": bytes(150_000_000)}), NO, "archive-ratio", hostile=True)
    case("zip too large", "a.zip", lambda: zipped({**good, "b1": bytes(120_000_000), "b2": bytes(120_000_000)}), NO, "archive-too-large", hostile=True)
    case("zip nested", "a.zip", zipped({"inner.zip": zipped(good)}), NO, "archive-nested")
    case("zip 201 entries", "a.zip", zipped({**good, **{f"x{i}": b"x" for i in range(196)}, "y": b""}), NO, "archive-too-many")
    case("zip 200 entries", "a.zip", zipped({**good, **{f"x{i}": b"x" for i in range(195)}}), OK)
    case("zip 70,000 names", "a.zip", lambda: zipped({f"x{i}": b"" for i in range(70_000)}), NO, "archive-too-many", hostile=True)
    case("zip encrypted", "a.zip", raw_zip(b"a.shp", good["sites.shp"], flags=1), NO, "archive-encrypted")
    case("zip symlink", "a.zip", raw_zip(b"a.shp", b"/etc/passwd", attributes=0o120777 << 16), NO, "archive-link", hostile=True)
    case("zip overlap", "a.zip", raw_zip(b"a.shp", good["sites.shp"], copies=3), NO, "archive-overlap", hostile=True)
    case("zip claims less", "a.zip", raw_zip(b"a.shp", bytes(100_000), claimed=10), NO, hostile=True)
    case("zip claims more", "a.zip", raw_zip(b"a.shp", good["sites.shp"], claimed=5000), NO, "archive-false-size", hostile=True)
    case("zip cut", "a.zip", zipped(good)[:-30], NO)
    case("xlsx as zip", "a.zip", book([COLUMNS, LINE]), NO, "format-mismatch")
    case("kmz", "a.kmz", zipped({"doc.kml": kml(placemark()).encode()}), NO, "format-unknown")


def name_cases() -> None:
    for client in ("http://127.0.0.1:9/x.csv", "/vsicurl/http://127.0.0.1:9/x.csv", "../../x.csv", "..\\..\\x.csv", "C:\\Users\\x.csv", "x" * 400 + ".csv", "<img src=x>.csv", "津\u202e局.csv", "CON.csv", "a\nb.csv", "/etc/passwd/x.csv"):
        case(f"client name {client[:40]!r}", client, GOOD, OK, hostile=True)
    for client in ("CSV:/etc/passwd", "WFS:http://127.0.0.1:9/", "/vsicurl/http://127.0.0.1:9/x", "a.csv\0.exe", "a.txt", "a", "a.vrt", "a.tif", "a.csv.gz", "", "..", "a.xlsm", "a.shp"):
        case(f"client name {client!r}", client, GOOD, NO, "format-unknown", hostile=True)
    case("csv named geojson", "a.geojson", GOOD, NO, "format-mismatch")
    case("geojson named csv", "a.csv", geojson([point()]), NO, "format-mismatch")
    case("html named csv", "a.csv", "<html><table><tr><td>x</td></tr></table></html>", NO, "format-mismatch")
    case("executable named csv", "a.csv", b"MZ\x90\0" + bytes(100), NO, "format-mismatch")
    case("pdf named csv", "a.csv", b"%PDF-1.7\n", NO, "format-mismatch")
    case("raster vrt named csv", "a.csv", "<VRTDataset rasterXSize='4'><SourceFilename>/etc/passwd</SourceFilename></VRTDataset>", NO, "format-mismatch", hostile=True)


for _make in (csv_cases, id_cases, position_cases, value_cases, xlsx_cases, vector_cases, archive_cases, name_cases):
    _make()
