"""ESRI Shapefile by the white paper (ESRI, July 1998) and the dBASE III table beside it, without GDAL.

Read here because three things go wrong otherwise and go wrong silently: a DBF without .cpg read as Latin-1, a file cut
off in the middle read up to the cut, and a field name cut inside a character. This reader returns everything or raises.

Encoding of the DBF: .cpg, else UTF-8 strictly over the whole table, else CP932.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from coverage.errors import FileFormatError
from coverage.readers.crs import to_lonlat
from coverage.readers.features import Feature, FeatureTable

_FILE_CODE = 9994
_FARTHEST = 1e9  # metres or degrees
_NULL, _POINT, _LINE, _POLYGON, _MULTIPOINT = 0, 1, 3, 5, 8
_CP932_NAMES = frozenset({"932", "cp932", "ms932", "sjis", "shiftjis", "windows31j", "ansi932", "windows932"})


def parse_shapefile(
    parts: Mapping[str, bytes], *, name: str, encoding: str | None = None, judge: bool = True
) -> FeatureTable:
    """All features of a Shapefile from the bytes of its parts (keys ".shp", ".dbf", ".prj", ".cpg").

    ``encoding`` ("utf-8" or "cp932") overrules the .cpg. Geometry comes back in longitude, latitude. Raises
    FileFormatError: "shapefile-incomplete" (no .dbf), "shapefile-broken" (wrong magic, cut off, contradicting parts),
    "shapefile-type" (a multipatch), "encoding-unknown", and what :func:`coverage.readers.crs.to_lonlat` raises.
    """
    for needed in (".shp", ".dbf"):
        if needed not in parts:
            raise FileFormatError(
                "shapefile-incomplete",
                f"「{name}」に {needed} がありません。.shp・.shx・.dbf・.prj をそろえて置いてください。",
                f"'{name}' lacks its {needed}; keep .shp, .shx, .dbf and .prj together.",
            )
    geometries = _shapes(parts[".shp"], name)
    table = _Dbf.parse(parts[".dbf"], name)
    if table.count != len(geometries):
        raise _broken(name, f".shp has {len(geometries)} records, .dbf has {table.count}")
    rows = table.rows(_encoding(parts.get(".cpg"), encoding, name), name)
    prj = parts.get(".prj", b"").decode("utf-8", "replace").strip("\ufeff \r\n\t\x00") or None
    placed = to_lonlat(geometries, prj, name=name, judge=judge)
    features = [
        Feature(number, geometry, row)
        for number, (geometry, row) in enumerate(zip(placed, rows, strict=True), start=1)
        if row is not None
    ]
    return FeatureTable(name, tuple(features))


def _shapes(data: bytes, name: str) -> NDArray[Any]:
    if len(data) < 100 or struct.unpack_from(">i", data)[0] != _FILE_CODE:
        raise _broken(name, "the .shp does not begin as one")
    claimed = struct.unpack_from(">i", data, 24)[0] * 2
    if claimed > len(data):
        raise _broken(name, f"the .shp ends after {len(data):,} of {claimed:,} bytes")
    found: list[BaseGeometry | None] = []
    at = 100
    while at < claimed:
        if at + 12 > claimed:
            raise _broken(name, f"the .shp ends inside record {len(found) + 1}")
        length = struct.unpack_from(">i", data, at + 4)[0] * 2
        end = at + 8 + length
        if length < 4 or end > claimed:
            raise _broken(name, f"the .shp ends inside record {len(found) + 1}")
        try:
            found.append(_shape(memoryview(data)[at + 8 : end]))
        except (struct.error, ValueError, shapely.errors.ShapelyError) as problem:
            raise _broken(name, f"record {len(found) + 1}: {problem}") from None
        except _KindError as problem:
            raise FileFormatError(
                "shapefile-type",
                f"「{name}」の図形の種類（{problem.kind}）は扱えません。点・線・面の Shapefile を置いてください。",
                f"'{name}' holds shapes of type {problem.kind}, which are not read; use points, lines or polygons.",
            ) from None
        at = end
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


class _KindError(Exception):
    """A shape type that is not read: multipatches, and numbers that the white paper does not know."""

    def __init__(self, kind: int) -> None:
        super().__init__(str(kind))
        self.kind = kind


def _shape(record: memoryview) -> BaseGeometry | None:
    kind = struct.unpack_from("<i", record)[0]
    plain = kind % 10 if kind < 30 else kind  # 11-18 carry Z, 21-28 carry M; both follow x and y
    if kind == _NULL:
        return None
    if plain == _POINT:
        x, y = struct.unpack_from("<2d", record, 4)
        _check_numbers(np.array([x, y]))
        return shapely.Point(x, y)
    if plain == _MULTIPOINT:
        count = struct.unpack_from("<i", record, 36)[0]
        return shapely.MultiPoint(_points(record, 40, count))
    if plain in (_LINE, _POLYGON):
        part_count, count = struct.unpack_from("<2i", record, 36)
        if part_count < 1 or count < 1:
            return None
        starts = np.frombuffer(record, dtype="<i4", count=part_count, offset=44).astype(np.int64)
        points = _points(record, 44 + 4 * part_count, count)
        ends = np.append(starts[1:], count)
        if starts[0] != 0 or (ends <= starts).any() or ends[-1] != count:
            raise ValueError("parts contradict the number of points")
        rings = [points[a:b] for a, b in zip(starts, ends, strict=True)]
        if plain == _LINE:
            lines: BaseGeometry = shapely.multilinestrings([shapely.LineString(r) for r in rings])
            return lines
        return _polygon(rings)
    raise _KindError(kind)


def _points(record: memoryview, offset: int, count: int) -> NDArray[np.float64]:
    flat = np.frombuffer(record, dtype="<f8", count=2 * count, offset=offset).astype(np.float64)
    _check_numbers(flat)
    return flat.reshape(count, 2)


def _check_numbers(values: NDArray[np.float64]) -> None:
    if not (np.abs(values) < _FARTHEST).all():  # NaN fails too
        raise ValueError("a coordinate is no place on earth")


def _polygon(rings: list[NDArray[np.float64]]) -> BaseGeometry:
    """Shells run clockwise, holes counter-clockwise; a hole belongs to the smallest shell around it."""
    areas = [_signed_area(ring) for ring in rings]
    shells = [ring for ring, area in zip(rings, areas, strict=True) if area < 0]
    holes = [ring for ring, area in zip(rings, areas, strict=True) if area >= 0]
    if not shells:
        shells, holes = holes, []  # writers that ignore the rule write every ring the other way round
    if len(shells) == 1:
        return shapely.Polygon(shells[0], holes)
    outlines = [shapely.Polygon(shell) for shell in shells]
    order = sorted(range(len(outlines)), key=lambda i: outlines[i].area)
    owned: list[list[NDArray[np.float64]]] = [[] for _ in outlines]
    for hole in holes:
        inside = shapely.Polygon(hole).representative_point()
        owner = next((i for i in order if outlines[i].covers(inside)), None)
        if owner is None:
            raise ValueError("a hole lies outside every outline")
        owned[owner].append(hole)
    parts: BaseGeometry = shapely.multipolygons(
        [shapely.Polygon(shell, own) for shell, own in zip(shells, owned, strict=True)]
    )
    return parts


def _signed_area(ring: NDArray[np.float64]) -> float:
    # Shifted to the first point: degrees are large beside the size of a ring.
    x, y = (ring - ring[0]).T
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2


@dataclass(frozen=True, slots=True)
class _Field:
    raw_name: bytes
    kind: str
    length: int
    decimals: int
    offset: int


@dataclass(frozen=True)
class _Dbf:
    fields: tuple[_Field, ...]
    records: tuple[bytes, ...]

    @property
    def count(self) -> int:
        return len(self.records)

    @classmethod
    def parse(cls, data: bytes, name: str) -> _Dbf:
        if len(data) < 33:
            raise _broken(name, "the .dbf is too short")
        count, header, width = struct.unpack_from("<IHH", data, 4)
        if header < 33 or width < 1 or header > len(data):
            raise _broken(name, "the .dbf does not begin as one")
        if header + count * width > len(data):
            raise _broken(name, f"the .dbf ends after {len(data):,} of {header + count * width:,} bytes")
        fields: list[_Field] = []
        offset = 1
        for at in range(32, header - 1, 32):
            if data[at] == 0x0D:
                break
            raw = data[at : at + 32]
            if len(raw) < 32:
                raise _broken(name, "the .dbf ends inside its header")
            fields.append(_Field(raw[:11].split(b"\0")[0], chr(raw[11]), raw[16], raw[17], offset))
            offset += raw[16]
        if offset > width:
            raise _broken(name, "the fields of the .dbf are wider than its records")
        return cls(
            tuple(fields), tuple(data[header + i * width : header + (i + 1) * width] for i in range(count))
        )

    def rows(self, encodings: list[str], name: str) -> list[dict[str, Any] | None]:
        """One dict per record in the first of ``encodings`` that fits the whole table; None where it was deleted."""
        for encoding in encodings:
            try:
                names = [_text(f.raw_name, encoding, 10).strip() for f in self.fields]
                return [self._row(record, names, encoding) for record in self.records]
            except UnicodeDecodeError:
                continue
            except ValueError as problem:
                raise _broken(name, f"the .dbf holds {problem}") from None
        raise FileFormatError(
            "encoding-unknown",
            f"「{name}」の .dbf は {'・'.join(encodings)} として読めません。options の encoding に "
            "utf-8 か cp932 を指定してください。",
            f"The .dbf of '{name}' does not decode as {' or '.join(encodings)}; set the option 'encoding' to "
            "utf-8 or cp932.",
        )

    def _row(self, record: bytes, names: list[str], encoding: str) -> dict[str, Any] | None:
        if record[:1] == b"*":
            return None
        return {
            column: _value(record[f.offset : f.offset + f.length], f, encoding)
            for column, f in zip(names, self.fields, strict=True)
        }


def _value(raw: bytes, field: _Field, encoding: str) -> Any:
    if field.kind in "NF":
        digits = raw.strip(b" \0")
        if not digits or digits.strip(b"*") == b"":
            return None
        number = digits.decode("ascii", "replace")
        if field.decimals == 0 and field.kind == "N" and "." not in number and "e" not in number.lower():
            return int(number)
        return float(number)
    if field.kind == "L":
        return {b"T": True, b"Y": True, b"F": False, b"N": False}.get(raw.strip().upper()[:1])
    return _text(raw.rstrip(b" \0"), encoding, field.length) or None


def _text(raw: bytes, encoding: str, width: int) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as problem:
        # A field that is full to its last byte may have been cut inside a character.
        cut = problem.reason in ("unexpected end of data", "incomplete multibyte sequence")
        if cut and len(raw) >= width:
            return raw[: problem.start].decode(encoding)
        raise


def _encoding(cpg: bytes | None, option: str | None, name: str) -> list[str]:
    stated = (
        option if option is not None else (cpg or b"").decode("ascii", "replace").strip("\ufeff \r\n\t\x00")
    )
    if not stated:
        return ["utf-8", "cp932"]
    plain = stated.lower().replace("-", "").replace("_", "").replace(" ", "")
    if plain in _CP932_NAMES:
        return ["cp932"]
    try:
        found = codecs.lookup("utf-8" if plain in {"65001", "utf8"} else stated).name
    except LookupError:
        found = ""
    if found == "utf-8":
        return ["utf-8"]
    if option is not None:
        raise FileFormatError(
            "encoding-option",
            f"「{name}」の options の encoding「{option}」は使えません。utf-8 か cp932 を指定してください。",
            f"The option 'encoding' of '{name}' ({option}) is not supported; use utf-8 or cp932.",
        )
    # Some writers put ISO-8859-1 into every .cpg; no Japanese table is in it.
    return ["utf-8", "cp932"]


def _broken(name: str, reason: str) -> FileFormatError:
    return FileFormatError(
        "shapefile-broken",
        f"「{name}」は Shapefile として読めません（{reason}）。入手元から取り直してください。",
        f"'{name}' cannot be read as a Shapefile ({reason}); get it again.",
    )
