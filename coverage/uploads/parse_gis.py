"""GeoPackage and zipped Shapefile uploads → :class:`~coverage.uploads.tables.RawTable`. Child only.

Neither reaches GDAL: GeoPackage by SQLite, Shapefile by our own reader.
"""

from __future__ import annotations

import math
import re
import sqlite3
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import shapely
import shapely.geometry

from coverage.errors import FileFormatError
from coverage.readers.crs import in_japan
from coverage.readers.features import FeatureTable
from coverage.readers.geopackage import is_undefined, read_geopackage
from coverage.readers.shapefile import parse_shapefile
from coverage.uploads.archive import is_litter, read_member
from coverage.uploads.limits import Limits
from coverage.uploads.positions import plane_epsg
from coverage.uploads.report import Remark
from coverage.uploads.tables import ChoiceError, RawRow, RawTable
from coverage.uploads.vector_parts import (
    AREAS,
    cell_text,
    crs_transformed,
    datum_transformed,
    multipoint_single,
    refused,
    too_many_columns,
    too_many_rows,
)

_PARTS = (".shp", ".dbf", ".prj", ".cpg")


def parse_gpkg_rows(path: Path, label: str, limits: Limits, layer: str | None) -> RawTable:
    """One feature table. Raises FileFormatError "geopackage-broken", "layer-choose", "crs-contradicts", …"""
    guesses: list[Remark] = []
    datum: str | None = None
    crs = _gpkg_crs(path, label, layer)
    try:
        table = read_geopackage(path, layer=layer, judge=False)
    except FileFormatError as problem:
        # The reader names the file as it lies here; people know it by the name they gave it.
        ja, en = problem.ja.replace(path.name, label), problem.en.replace(path.name, label)
        if problem.code == "layer-choose":
            ja, en = ja.replace("options の layer", "mapping の layer"), en.replace("the option 'layer'", "mapping: layer")
            raise ChoiceError(problem.code, ja, en, {"layers": _gpkg_offers(path)}) from None
        raise FileFormatError(problem.code, ja, en) from None
    if crs is None:
        guesses.append(
            Remark("crs-assumed", "座標系が書かれていないため、緯度経度（JGD2011）とみなしました。", "No CRS is given: taken as longitude and latitude (JGD2011).")
        )
    else:
        from pyproj import CRS
        from pyproj.exceptions import CRSError

        try:
            stated = CRS.from_user_input(crs)
        except CRSError:
            raise refused("crs-unknown", label, "の座標系が分かりません", "has an unknown coordinate system") from None
        datum = "tokyo" if "tokyo" in stated.name.lower() else "jgd2011"
        if stated.is_projected:
            _refuse_moved_degrees(_gpkg_numbers(path, layer), label)
            guesses.append(crs_transformed())
        elif datum == "tokyo":
            guesses.append(datum_transformed())
    offers = _gpkg_offers(path)
    read = layer or (offers[0]["name"] if len(offers) == 1 else "")
    understood = {"format": "GeoPackage", "crs": _crs_word(crs), "layer": read, "layers": offers}
    return _from_features(table, label, limits, understood, guesses, datum)


def _crs_word(crs: int | str | None) -> str:
    return f"EPSG:{crs}" if isinstance(crs, int) else str(crs or "")[:200]


def _gpkg_offers(path: Path) -> list[dict[str, Any]]:
    """The feature tables with their numbers of rows and their columns; one that is damaged is not on offer."""
    offers: list[dict[str, Any]] = []
    try:
        database, tables = _gpkg_tables(path)
    except sqlite3.Error:
        return offers
    try:
        for name in tables[:20]:
            quoted = str(name).replace('"', '""')
            try:
                rows = int(database.execute(f'SELECT COUNT(*) FROM "{quoted}"').fetchone()[0])
                columns = [str(c[1]) for c in database.execute(f'PRAGMA table_info("{quoted}")')]
            except sqlite3.Error:
                continue
            offers.append({"name": str(name), "rows": rows, "columns": columns[:40]})
        return offers
    finally:
        database.close()


def _gpkg_tables(path: Path) -> Any:
    """The database, read-only; raises sqlite3.Error where its catalogue is not made of plain tables.

    A view or a virtual table in the place of gpkg_contents would run whatever its author wrote into it.
    """
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    database.execute("PRAGMA trusted_schema=OFF")
    try:
        kinds = {name: (kind, sql or "") for name, kind, sql in database.execute("SELECT name, type, sql FROM sqlite_master")}
    except UnicodeDecodeError:
        # SQLite's complaint about a damaged name quotes the name.
        database.close()
        raise sqlite3.DatabaseError("malformed database schema") from None
    feature_tables = []
    for name in ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys"):
        kind, sql = kinds.get(name, ("", ""))
        if kind != "table" or sql.upper().startswith("CREATE VIRTUAL"):
            database.close()
            raise sqlite3.DatabaseError(f"{name} is no table")
    for (name,) in database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'"):
        kind, sql = kinds.get(name, ("", ""))
        if kind == "view" or sql.upper().startswith("CREATE VIRTUAL"):
            database.close()
            raise sqlite3.DatabaseError(f"{str(name)[:60]} is a view or a virtual table")
        if kind == "table":
            feature_tables.append(name)
    return database, feature_tables


def _gpkg_crs(path: Path, label: str, layer: str | None) -> int | str | None:
    """EPSG code or definition of the layer that will be read, None where it is undefined."""
    try:
        database, tables = _gpkg_tables(path)
        try:
            chosen = layer if layer in tables else tables[0] if len(tables) == 1 else None
            row = database.execute(
                "SELECT s.srs_id, s.organization, s.organization_coordsys_id, s.definition FROM gpkg_geometry_columns g "
                "JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id WHERE g.table_name = ?", (chosen,),
            ).fetchone()  # fmt: skip
        finally:
            database.close()
    except sqlite3.Error as problem:
        raise refused(
            "geopackage-broken", label,
            f"は GeoPackage として読めません（{problem}）。途中で切れていないかを確かめ、作り直してください",
            f"cannot be read as a GeoPackage ({problem}); check that it is complete and export it again",
        ) from None  # fmt: skip
    if row is None or is_undefined(row[0], row[1], row[3]):
        return None
    return int(row[2]) if str(row[1]).upper() == "EPSG" and str(row[2]).isdigit() else str(row[3])


def _gpkg_numbers(path: Path, layer: str | None) -> list[tuple[float, float]]:
    """Stored coordinates of points, before any transformation; layers that the reader took, so nothing can fail."""
    database, tables = _gpkg_tables(path)
    try:
        chosen = str(layer if layer in tables else tables[0]).replace('"', '""')
        (column,) = database.execute("SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (chosen,)).fetchone()
        name = str(column).replace('"', '""')
        found = []
        for (blob,) in database.execute(f'SELECT "{name}" FROM "{chosen}" WHERE "{name}" IS NOT NULL LIMIT 1000'):
            geometry = shapely.from_wkb(blob[8 + {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}.get(blob[3] >> 1 & 7, 0) :])
            if geometry is not None and geometry.geom_type == "Point" and not geometry.is_empty:
                found.append((float(geometry.x), float(geometry.y)))
        return found
    finally:
        database.close()


def _refuse_moved_degrees(numbers: list[tuple[float, float]], label: str) -> None:
    """Degrees under a projected CRS would be taken for metres beside its origin, which lies in Japan."""
    if any(in_japan(y, x) or in_japan(x, y) for x, y in numbers):
        raise refused(
            "crs-contradicts", label,
            "の座標は度の値で、書かれている座標系（平面直角座標系など）と合いません。正しい座標系で書き出し直してください",
            "has coordinates in degrees, which contradict its stated (projected) coordinate system; export it again",
        )  # fmt: skip


def parse_shapefile_rows(path: Path, label: str, limits: Limits, answers: Mapping[str, Any]) -> RawTable:
    """The only Shapefile of a zip; ``answers`` may name the plane system of metres without a .prj. Raises FileFormatError "shapefile-choose", "shapefile-incomplete", …"""
    parts = _shapefile_parts(path, label)
    guesses: list[Remark] = []
    dbf = parts.get(".dbf", b"")
    stated = None
    if not parts.get(".cpg", b"").strip():
        if not dbf.isascii():
            guesses.append(
                Remark("encoding-guessed", "文字コード（.cpg）がないため、内容から判断しました。", "No .cpg: the encoding was judged by the content.")
            )
        # Language driver 0x13 is Shift_JIS.
        stated = "cp932" if dbf[29:30] == b"\x13" else None
    prj = parts.get(".prj", b"").decode("utf-8", "replace").strip("\ufeff \r\n\t\x00")
    lost = _drop_impossible(parts)
    if not prj and (told := _answered_plane(_shp_numbers(parts), answers)):
        from pyproj import CRS

        prj = CRS.from_epsg(told).to_wkt("WKT1_GDAL")
        parts[".prj"] = prj.encode("utf-8")
    if not prj:
        guesses.append(
            Remark("crs-assumed", "座標系（.prj）がないため、緯度経度（JGD2011）とみなしました。", "No .prj: taken as longitude and latitude (JGD2011).")
        )
    elif "PROJCS" in prj.upper() or "PROJCRS" in prj.upper():
        _refuse_moved_degrees(_shp_numbers(parts), label)
        guesses.append(crs_transformed())
    else:
        numbers = _shp_numbers(parts)
        if numbers and all(max(abs(x), abs(y)) > 360 for x, y in numbers):
            raise refused(
                "crs-contradicts", label,
                "の座標はメートルの値で、書かれている座標系（緯度経度）と合いません。正しい .prj を付けてください",
                "has coordinates in metres, which contradict its .prj (degrees); add the right .prj",
            )  # fmt: skip
        if "tokyo" in prj.lower():
            guesses.append(datum_transformed())
    from pyproj.exceptions import ProjError

    try:
        table = parse_shapefile(parts, name=label, encoding=stated, judge=False)
    except ProjError:
        raise refused("crs-unknown", label, "の座標系（.prj）が分かりません", "has an unknown coordinate system (.prj)") from None
    datum = None if not prj else "tokyo" if "tokyo" in prj.lower() else "jgd2011"
    raw = _from_features(table, label, limits, {"format": "Shapefile", "crs": _prj_name(prj)}, guesses, datum)
    numbers_of = [f.number - 1 for f in table.features]
    for row, at in zip(raw.rows, numbers_of, strict=True):
        if at in lost:
            row.lonlat, row.geometry = (math.nan, math.nan), "Point"
    return raw


def _answered_plane(numbers: list[tuple[float, float]], answers: Mapping[str, Any]) -> int | None:
    """EPSG of the plane system that a person named, where every point is metres; None where it is not asked for."""
    epsg = plane_epsg(str(answers.get("crs") or ""))
    metres = bool(numbers) and all(max(abs(x), abs(y)) > 360 for x, y in numbers)
    if epsg is None or not metres or answers.get("axes") == "swap":
        return None
    return epsg - 6668 + 30160 if answers.get("datum") == "tokyo" else epsg


def _prj_name(prj: str) -> str:
    """The name that a .prj gives its coordinate system; "" where there is none."""
    named = re.search(r'^\s*\w+\s*\[\s*"([^"]{1,200})"', prj)
    return named[1] if named else ""


def _shapefile_parts(path: Path, label: str) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members = {i.filename.replace("\\", "/"): i for i in archive.infolist() if not is_litter(i)}
        shapes = [n for n in members if n.lower().endswith(".shp")]
        if len(shapes) != 1:
            raise refused(
                "shapefile-choose", label,
                f"の中の .shp は {len(shapes)} 個です。Shapefile を一つだけ入れてください",
                f"holds {len(shapes)} .shp files; put exactly one Shapefile into it",
            )  # fmt: skip
        stem = str(PurePosixPath(shapes[0]).with_suffix("")).lower()
        for name, info in members.items():
            content = read_member(archive, info, label)  # all of them: a false size anywhere is a false archive
            suffix = PurePosixPath(name).suffix.lower()
            if suffix == ".cpg":
                content = content.replace(b"\x00", b"")
            if suffix in _PARTS and str(PurePosixPath(name).with_suffix("")).lower() == stem:
                parts[suffix] = content
    return parts


def _point_records(shp: bytes) -> Iterator[tuple[int, int, float, float]]:
    """(record from 0, offset of its content, x, y) of the point records of a .shp; ends quietly where it is broken."""
    at, number = 100, 0
    while at + 12 <= len(shp):
        length = struct.unpack_from(">i", shp, at + 4)[0] * 2
        if length < 4 or at + 8 + length > len(shp):
            return
        if struct.unpack_from("<i", shp, at + 8)[0] in (1, 11, 21) and length >= 20:
            yield (number, at + 8, *struct.unpack_from("<2d", shp, at + 12))
        at, number = at + 8 + length, number + 1


def _shp_numbers(parts: dict[str, bytes]) -> list[tuple[float, float]]:
    return [(x, y) for _, _, x, y in _point_records(parts.get(".shp", b""))]


def _drop_impossible(parts: dict[str, bytes]) -> set[int]:
    """Points that are no numbers become null shapes, so that they spoil their row and not the file; which they were."""
    shp = bytearray(parts.get(".shp", b""))
    lost = set()
    for number, at, x, y in list(_point_records(bytes(shp))):
        if not (abs(x) < 1e9 and abs(y) < 1e9):
            struct.pack_into("<i", shp, at, 0)
            lost.add(number)
    if lost:
        parts[".shp"] = bytes(shp)
    return lost


def _from_features(
    table: FeatureTable, label: str, limits: Limits, understood: dict[str, Any], guesses: list[Remark], datum: str | None
) -> RawTable:
    if len(table.features) > limits.rows:
        raise too_many_rows(label, limits)
    names = list(table.columns)
    if len(names) > limits.columns:
        raise too_many_columns(label, limits)
    rows: list[RawRow] = []
    multi = 0
    for number, feature in enumerate(table.features):
        geometry = feature.geometry
        kind = "" if geometry is None else geometry.geom_type
        if geometry is not None and kind == "MultiPoint" and len(geometry.geoms) == 1:
            geometry, kind = geometry.geoms[0], "Point"
            multi += 1
        where = (float(geometry.x), float(geometry.y)) if geometry is not None and kind == "Point" else None
        cells = [cell_text(feature.properties.get(name), label, limits) for name in names]
        area = geometry if kind in AREAS else None
        rows.append(RawRow(number, cells, lonlat=where, geometry=kind, shape=area))
    if multi:
        guesses.append(multipoint_single(multi))
    return RawTable(names, rows, spatial=True, guesses=guesses, understood=understood, datum=datum)


