"""Regional mesh codes (地域メッシュコード, JIS X 0410), both ways, one code or a million.

==========  ======  ======================  ===================================
digits      level   size (lat x lon)        last digits
==========  ======  ======================  ===================================
4           1st     40' x 1 deg             PPQQ: south = PP x 40', west = 100 deg + QQ
6           2nd     5' x 7'30"              row, column, 0-7
8           3rd     30" x 45" (1 km)        row, column, 0-9
9           half    15" x 22.5" (500 m)     quadrant 1 SW, 2 SE, 3 NW, 4 NE
10          quarter 7.5" x 11.25" (250 m)   quadrant
11          eighth  3.75" x 5.625" (125 m)  quadrant
==========  ======  ======================  ===================================

A cell holds its south and west edge; a point exactly on an edge belongs to the cell north or east of it. All
work is done in whole numbers of a unit in which every edge is an integer (2^-30 of an eighth cell, 0.1 µm on the
ground), so that an edge is found as an edge however its degrees were computed.

Codes are int64. An integer has no leading zero, so codes south of 6 deg 40' N (PP < 10, none of them in Japan)
cannot tell their own level: functions that take codes infer the level from the number of digits, and accept
``digits=`` where it is known.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coverage.errors import InputError

DIGITS: Final = (4, 6, 8, 9, 10, 11)
"""Lengths of the codes of the six levels, coarse to fine."""

_SPAN: Final = {4: 640, 6: 80, 8: 8, 9: 4, 10: 2, 11: 1}
"""Edge of a cell of each level in eighth cells; the same number along both axes."""

_PER_DEG_LAT: Final = 960  # eighth cells in a degree of latitude: 3600" / 3.75"
_PER_DEG_LON: Final = 640  # eighth cells in a degree of longitude: 3600" / 5.625"
_FINE: Final = 30  # binary digits kept inside an eighth cell
_ROWS: Final = 100 * 640  # PP runs 00-99: up to 66 deg 40' N
_COLS: Final = 80 * 640  # QQ runs 00-79: 100 deg E to 180 deg
_WEST_DEG: Final = 100

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class MeshBounds(NamedTuple):
    """Edges of one cell in degrees, in the order that GIS software expects."""

    west: float
    south: float
    east: float
    north: float


def cell_size_deg(digits: int) -> tuple[float, float]:
    """(height, width) of a cell in degrees of latitude and longitude."""
    span = _span(digits)
    return span / _PER_DEG_LAT, span / _PER_DEG_LON


def encode(lat: ArrayLike, lon: ArrayLike, digits: int) -> IntArray:
    """Codes of the cells that hold the points; shape of ``lat`` and ``lon`` broadcast together.

    ``lat``, ``lon`` are degrees (JGD2011). Raises InputError "mesh-position-out-of-range" for a point outside
    0 <= lat < 66 deg 40', 100 <= lon < 180, or one that is not a number.
    """
    span = _span(digits)
    lat_deg, lon_deg = np.broadcast_arrays(
        np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    )
    with np.errstate(invalid="ignore"):
        # The bounds are checked with a margin before the cast, which is undefined on NaN and huge values.
        sane = (np.abs(lat_deg) <= 90.0) & (lon_deg >= 99.0) & (lon_deg <= 181.0)
        rows = _eighths(np.where(sane, lat_deg, -1.0), _PER_DEG_LAT)
        cols = _eighths(np.where(sane, lon_deg, 99.0) - _WEST_DEG, _PER_DEG_LON)
    inside = (rows >= 0) & (rows < _ROWS) & (cols >= 0) & (cols < _COLS)
    if not inside.all():
        at = int(np.flatnonzero(~inside)[0])
        where = f"lat={lat_deg.flat[at]}, lon={lon_deg.flat[at]}"
        raise InputError(
            "mesh-position-out-of-range",
            f"{at + 1} 番目の位置（{where}）は地域メッシュの範囲（北緯0〜66.67度、東経100〜180度）の外です。"
            "緯度と経度の順を確かめてください。",
            f"Point {at + 1} ({where}) lies outside the regional mesh (0 to 66.67 N, 100 to 180 E); "
            "check the order of latitude and longitude.",
        )
    return _code(rows // span, cols // span, digits)


def encode_point(lat: float, lon: float, digits: int) -> int:
    """Code of the cell that holds one point. Errors as :func:`encode`."""
    return int(encode(lat, lon, digits))


def south_west(codes: ArrayLike, *, digits: int | None = None) -> tuple[FloatArray, FloatArray]:
    """(lat, lon) in degrees of the south-west corners; each the nearest float to the true edge.

    Raises InputError "mesh-code-invalid" for a code that JIS X 0410 does not have.
    """
    rows, cols, _ = _decode(codes, digits)
    return rows / _PER_DEG_LAT, _WEST_DEG + cols / _PER_DEG_LON


def centre(codes: ArrayLike, *, digits: int | None = None) -> tuple[FloatArray, FloatArray]:
    """(lat, lon) in degrees of the centres of the cells. Errors as :func:`south_west`."""
    rows, cols, spans = _decode(codes, digits)
    return (rows + spans / 2) / _PER_DEG_LAT, _WEST_DEG + (cols + spans / 2) / _PER_DEG_LON


def bounds(code: int, *, digits: int | None = None) -> MeshBounds:
    """Edges of one cell in degrees. Errors as :func:`south_west`."""
    west, south, east, north = bounds_array([code], digits=digits)[0]
    return MeshBounds(float(west), float(south), float(east), float(north))


def bounds_array(codes: ArrayLike, *, digits: int | None = None) -> FloatArray:
    """Edges in degrees, shape (..., 4): west, south, east, north.

    Neighbouring cells share their edge to the last bit. Errors as :func:`south_west`.
    """
    rows, cols, spans = _decode(codes, digits)
    return np.stack(
        [
            _WEST_DEG + cols / _PER_DEG_LON,
            rows / _PER_DEG_LAT,
            _WEST_DEG + (cols + spans) / _PER_DEG_LON,
            (rows + spans) / _PER_DEG_LAT,
        ],
        axis=-1,
    )


def parent(codes: ArrayLike, digits: int, *, code_digits: int | None = None) -> IntArray:
    """Codes of the cells of the coarser (or same) level ``digits`` that hold ``codes``.

    Raises InputError "mesh-level-wrong" if a code is coarser than ``digits``.
    """
    span = _span(digits)
    rows, cols, spans = _decode(codes, code_digits)
    if (spans > span).any():
        raise InputError(
            "mesh-level-wrong",
            f"{digits} 桁より粗いメッシュコードが含まれるため、{digits} 桁の親を求められません。",
            f"Some codes are coarser than {digits} digits and so have no parent of {digits} digits.",
        )
    return _code(rows // span, cols // span, digits)


def children(codes: ArrayLike, digits: int | None = None, *, code_digits: int | None = None) -> IntArray:
    """Codes of the cells of a finer level inside each cell, shape (..., n), from the south-west row by row.

    ``digits`` None means the next finer level. All codes must be of one level.
    Raises InputError "mesh-level-wrong" for mixed levels or a level that is not finer.
    """
    rows, cols, spans = _decode(codes, code_digits)
    levels = np.unique(spans)
    finer = [d for d in DIGITS if len(levels) == 1 and _SPAN[d] < int(levels[0])]
    wanted = digits if digits is not None else (finer[0] if finer else None)
    if wanted is None or wanted not in finer:
        raise InputError(
            "mesh-level-wrong",
            "子メッシュは、同じ階層のコードから、より細かい階層（6・8・9・10・11 桁）にだけ求められます。",
            "Children exist only of codes of one and the same level, at a finer one (6, 8, 9, 10, 11 digits).",
        )
    span = _SPAN[wanted]
    count = int(levels[0]) // span
    steps = np.arange(count, dtype=np.int64)
    row_steps, col_steps = np.repeat(steps, count), np.tile(steps, count)
    return _code(rows[..., None] // span + row_steps, cols[..., None] // span + col_steps, wanted)


def neighbours(code: int, *, ring: int = 1, digits: int | None = None) -> IntArray:
    """Codes of the same level around one cell, at most ``ring`` cells away, itself left out.

    In order from south to north, then west to east; cells beyond the range of the code are left out.
    Errors as :func:`south_west`, and InputError "mesh-ring-wrong" for a ``ring`` below 1.
    """
    if ring < 1:
        raise InputError(
            "mesh-ring-wrong",
            f"隣接メッシュの範囲は 1 以上で指定してください（指定値 {ring}）。",
            f"The ring of neighbouring cells must be 1 or more (given {ring}).",
        )
    rows, cols, spans = _decode(code, digits)
    span = int(spans)
    level = next(d for d in DIGITS if _SPAN[d] == span)
    steps = np.arange(-ring, ring + 1, dtype=np.int64)
    near_rows = (int(rows) // span + np.repeat(steps, steps.size)).astype(np.int64)
    near_cols = (int(cols) // span + np.tile(steps, steps.size)).astype(np.int64)
    keep = (near_rows >= 0) & (near_rows < _ROWS // span) & (near_cols >= 0) & (near_cols < _COLS // span)
    keep &= ~((near_rows == int(rows) // span) & (near_cols == int(cols) // span))
    return _code(near_rows[keep], near_cols[keep], level)


def level_of(codes: ArrayLike) -> IntArray:
    """Number of digits of each code (4, 6, 8, 9, 10, 11), 0 where the length is that of no level."""
    values = _as_int64(codes)
    length = _length(values)
    return np.where(np.isin(length, DIGITS), length, 0).astype(np.int64)


def is_valid(codes: ArrayLike, *, digits: int | None = None) -> NDArray[np.bool_]:
    """Which codes JIS X 0410 has (of level ``digits``, if given). Never raises for a wrong code."""
    return _split(_as_int64(codes), digits)[3]


def parse_code(text: str | int | float, *, digits: int | None = None) -> int:
    """One code as files carry it: ``"51360000.0"``, full-width digits, blanks anywhere, int or float.

    Raises InputError "mesh-code-scientific" for 5.136E+07 (a spreadsheet has dropped digits that cannot be got
    back) and "mesh-code-invalid" for everything else that is no code, or none of level ``digits``.
    """
    shown = str(text)
    if isinstance(text, float) and np.isfinite(text):
        shown = f"{text:.10f}"
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", shown))
    if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", plain):
        raise InputError(
            "mesh-code-scientific",
            f"メッシュコード「{text}」は表計算ソフトの指数表記で、桁が失われている恐れがあります。"
            "列を文字列にして元のデータから作り直してください。",
            f"The mesh code '{text}' is in a spreadsheet's scientific notation and may have lost digits; "
            "export the column again as text.",
        )
    match = re.fullmatch(r"(\d{4}|\d{6}|\d{8,11})(?:\.0*)?", plain)
    length = len(match.group(1)) if match else 0
    wrong_level = digits is not None and length != digits
    if match is None or wrong_level or not is_valid(int(match[1]), digits=length):
        raise _invalid(str(text), digits)
    return int(match[1])


def parse_codes(texts: Sequence[str | int | float], *, digits: int | None = None) -> IntArray:
    """Codes of a column, see :func:`parse_code`; the first wrong one raises."""
    return np.fromiter((parse_code(text, digits=digits) for text in texts), dtype=np.int64, count=len(texts))


def format_code(code: int, digits: int) -> str:
    """The code as text of exactly ``digits`` digits, with the leading zero that the integer lost."""
    _span(digits)
    return f"{int(code):0{digits}d}"


def _span(digits: int) -> int:
    if digits not in _SPAN:
        raise InputError(
            "mesh-level-unknown",
            f"メッシュコードの桁数は 4・6・8・9・10・11 のいずれかです（指定値 {digits}）。",
            f"A mesh code has 4, 6, 8, 9, 10 or 11 digits (given {digits}).",
        )
    return _SPAN[digits]


def _eighths(degrees: FloatArray, per_degree: int) -> IntArray:
    """Index of the eighth cell; rounding to 2^-30 of a cell restores an edge that float arithmetic missed."""
    fine = np.rint(degrees * float(per_degree << _FINE)).astype(np.int64)
    return fine >> _FINE


def _code(rows: IntArray, cols: IntArray, digits: int) -> IntArray:
    """Codes from row and column counted in cells of level ``digits`` from 0 N, 100 E."""
    span = _SPAN[digits]
    south, west = rows * span, cols * span
    code = south // 640 * 100 + west // 640
    if digits >= 6:
        code = code * 100 + south % 640 // 80 * 10 + west % 640 // 80
    if digits >= 8:
        code = code * 100 + south % 80 // 8 * 10 + west % 80 // 8
    for half in (4, 2, 1)[: max(0, digits - 8)]:
        code = code * 10 + 1 + 2 * (south // half % 2) + west // half % 2
    return np.asarray(code, dtype=np.int64)


def _as_int64(codes: ArrayLike) -> IntArray:
    values = np.asarray(codes)
    if values.dtype.kind not in "iu" and values.size:
        raise InputError(
            "mesh-code-invalid",
            "メッシュコードは整数の配列で渡してください（文字列は先に解析が必要です）。",
            "Mesh codes must be an array of integers (parse text first).",
        )
    return values.astype(np.int64)


def _length(values: IntArray) -> IntArray:
    """Decimal digits of each number: exact, by comparison with powers of ten."""
    powers = 10 ** np.arange(1, 18, dtype=np.int64)
    return (np.searchsorted(powers, np.abs(values), side="right") + 1).astype(np.int64)


def _split(values: IntArray, digits: int | None) -> tuple[IntArray, IntArray, IntArray, NDArray[np.bool_]]:
    """South row, west column and span in eighth cells, and which codes are valid."""
    if digits is not None:
        _span(digits)
        length = np.full(values.shape, digits, dtype=np.int64)
        valid = (values >= 0) & (_length(values) <= digits)
    else:
        length = _length(values)
        valid = (values >= 0) & np.isin(length, DIGITS)
    rest = np.where(valid, values, 0)
    spans = np.ones(values.shape, dtype=np.int64)
    for level, span in _SPAN.items():
        spans = np.where(length == level, span, spans)
    rows = np.zeros(values.shape, dtype=np.int64)
    cols = np.zeros(values.shape, dtype=np.int64)
    for level, span in ((11, 1), (10, 2), (9, 4)):
        has = length >= level
        quadrant = np.where(has, rest % 10, 1)
        valid &= (quadrant >= 1) & (quadrant <= 4)
        rows += (quadrant - 1) // 2 * span
        cols += (quadrant - 1) % 2 * span
        rest = np.where(has, rest // 10, rest)
    for level, span, base in ((8, 8, 10), (6, 80, 8)):
        has = length >= level
        row, col = np.where(has, rest // 10 % 10, 0), np.where(has, rest % 10, 0)
        valid &= (row < base) & (col < base)
        rows += row * span
        cols += col * span
        rest = np.where(has, rest // 100, rest)
    valid &= rest % 100 < 80
    return rows + rest // 100 * 640, cols + rest % 100 * 640, spans, valid


def _decode(codes: ArrayLike, digits: int | None) -> tuple[IntArray, IntArray, IntArray]:
    values = _as_int64(codes)
    rows, cols, spans, valid = _split(values, digits)
    if not valid.all():
        raise _invalid(str(values.flat[int(np.flatnonzero(~valid)[0])]), digits)
    return rows, cols, spans


def _invalid(shown: str, digits: int | None) -> InputError:
    level_ja, level_en = (f" {digits} 桁の", f"{digits}-digit ") if digits is not None else ("", "")
    return InputError(
        "mesh-code-invalid",
        f"「{shown}」は{level_ja}地域メッシュコード（JIS X 0410）ではありません。"
        "桁数と各桁の値を確かめてください。",
        f"'{shown}' is not a {level_en}regional mesh code (JIS X 0410); check its length and digits.",
    )
