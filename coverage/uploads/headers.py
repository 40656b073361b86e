"""Headers as offices write them → the columns of a site list. Japanese and English, any order, full-width or not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from coverage.errors import FileFormatError

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "site_id": ("site_id", "siteid", "id", "局id", "基地局id", "局番", "局番号", "基地局番号", "基地局コード", "局コード", "サイトid", "サイトコード", "管理番号", "station_id", "stationid", "識別番号", "整理番号", "施設番号", "施設id", "無線局番号", "台帳番号", "サイト番号", "局no", "局no.", "基地局no", "基地局no.", "サイトno", "site_no", "siteno", "site_code", "sitecode", "station_no", "station_code", "siteid.", "site-id", "管理no", "管理no.", "id番号", "識別id", "設備番号", "設備id", "bs_id", "site", "番号", "no", "no."),
    "name": ("name", "局名", "名称", "基地局名", "基地局名称", "サイト名", "局名称", "site_name", "sitename", "station_name", "施設名"),
    "operator": ("operator", "事業者", "事業者名", "通信事業者", "携帯電話事業者", "キャリア", "carrier", "電気通信事業者", "事業者id", "電気通信事業者名", "通信事業者名", "携帯電話事業者名", "携帯事業者", "携帯キャリア", "キャリア名", "通信会社", "オペレータ", "オペレーター", "免許人", "operator_name"),
    "lat": ("lat", "latitude", "緯度", "北緯", "緯度(度)", "緯度(jgd2011)", "緯度(世界測地系)", "lat_deg", "緯度(10進)", "緯度度", "北緯(度)", "北緯度", "y(緯度)", "lat.", "ido", "設置緯度", "緯度n", "lat_wgs84", "lat_jgd2011", "latitude_deg", "gps_lat"),
    "lon": ("lon", "lng", "long", "longitude", "経度", "東経", "経度(度)", "経度(jgd2011)", "経度(世界測地系)", "lon_deg", "経度(10進)", "経度度", "東経(度)", "東経度", "x(経度)", "lng.", "lon.", "long.", "keido", "設置経度", "経度e", "lon_wgs84", "lon_jgd2011", "longitude_deg", "gps_lon"),
    "x": ("x座標", "x", "x(m)", "平面直角x"),
    "y": ("y座標", "y", "y(m)", "平面直角y"),
    "zone": ("系", "座標系番号", "平面直角座標系", "系番号", "epsg"),
    "datum": ("測地系", "datum"),
    "height_m": ("height_m", "height", "高さ", "アンテナ高", "空中線高", "地上高", "アンテナ地上高", "空中線地上高", "高さ(m)", "アンテナ高(m)", "地上高(m)", "antenna_height", "antenna_height_m", "アンテナ高さ", "アンテナ高さ(m)", "空中線高(m)", "アンテナの高さ", "アンテナ設置高", "空中線の高さ"),
    "frequency_mhz": ("frequency_mhz", "frequency", "freq", "周波数", "周波数(mhz)", "周波数mhz", "freq_mhz", "使用周波数"),
    "frequency_ghz": ("frequency_ghz", "周波数(ghz)", "freq_ghz"),
    "eirp_dbm": ("eirp_dbm", "eirp", "eirp(dbm)", "等価等方輻射電力", "等価等方輻射電力(dbm)", "実効輻射電力"),
    "eirp_w": ("eirp_w", "eirp(w)", "等価等方輻射電力(w)"),
    "status": ("status", "状態", "ステータス", "状況", "整備状況", "運用状況", "局状態", "運用状態", "稼働状況", "稼働状態", "供用状況"),
    "in_service_date": ("in_service_date", "供用開始日", "供用開始", "供用開始年月日", "供用年月日", "運用開始日", "運用開始年月日", "運用開始", "開局日", "開局年月日", "サービス開始日", "service_date", "in_service", "年月日", "供用日", "供用開始年月", "供用開始時期", "運用開始年月", "開局年月", "サービス開始年月日", "サービス開始年月", "稼働開始日"),
    "lat_min": ("緯度(分)", "緯度分", "lat_min", "lat_minutes", "北緯(分)", "北緯分"),
    "lat_sec": ("緯度(秒)", "緯度秒", "lat_sec", "lat_seconds", "北緯(秒)", "北緯秒"),
    "lon_min": ("経度(分)", "経度分", "lon_min", "lon_minutes", "東経(分)", "東経分"),
    "lon_sec": ("経度(秒)", "経度秒", "lon_sec", "lon_seconds", "東経(秒)", "東経秒"),
    "fiscal_year": ("整備年度", "供用開始年度", "供用年度", "年度", "運用開始年度", "fiscal_year"),
    "closed_on": ("closed_on", "停波日", "停波年月日", "廃止日", "廃止年月日", "停止日", "停止年月日", "停止・廃止日", "休止日", "撤去日", "撤去年月日", "閉局日", "閉局年月日", "廃局日", "廃局年月日", "運用終了日", "運用停止日", "供用終了日", "供用停止日", "サービス終了日", "closing_date", "closed_date", "closure_date", "decommissioned_on", "off_air_date", "shutdown_date"),
    "date_precision": ("date_precision", "日付精度", "精度"),
    "districts_served": ("districts_served", "対象地区", "対象地区id", "不感地域", "不感地域id", "地区id", "解消地区", "対象不感地域", "district_ids", "districts", "整備地区", "対象地区コード"),
    "municipality_code": ("municipality_code", "市町コード", "市町村コード", "団体コード", "地方公共団体コード", "自治体コード", "市区町村コード"),
    "funding": ("funding", "整備主体", "財源", "区分", "補助区分", "整備区分"),
    "purpose": ("purpose", "目的", "用途", "整備目的"),
    "project_id": ("project_id", "事業id", "事業番号", "事業コード"),
    "replaces": ("replaces", "更新元", "置換元", "建替元"),
    "planned_fy": ("planned_fy", "整備予定年度", "予定年度", "計画年度"),
    "cost_yen": ("cost_yen", "事業費", "整備費", "総事業費", "事業費(円)"),
    "band": ("band", "バンド", "周波数帯", "使用周波数帯"),
    "bandwidth_mhz": ("bandwidth_mhz", "帯域幅", "帯域幅(mhz)"),
    "azimuth_deg": ("azimuth_deg", "方位角", "方位", "azimuth"),
    "tilt_deg": ("tilt_deg", "チルト角", "チルト", "tilt"),
}  # fmt: skip

OWN_UNITS: Final[Mapping[str, str]] = {
    "height_m": "m", "frequency_mhz": "mhz", "frequency_ghz": "ghz", "bandwidth_mhz": "mhz", "eirp_dbm": "dbm", "eirp_w": "w",
    "cost_yen": "円", "lat": "度", "lon": "度", "azimuth_deg": "度", "tilt_deg": "度", "x": "m", "y": "m",
}  # fmt: skip
"""The unit that each field is kept in, as a header may state it."""
_MEASURED: Final = frozenset(OWN_UNITS) - {"lat", "lon", "x", "y"}
_DATED: Final = {"in_service_date", "fiscal_year", "closed_on"}
_PLANE: Final = {"x", "y"}

_TOKYO_HEADERS: Final = {
    "lat": ("緯度(日本測地系)", "緯度(旧測地系)", "緯度(tokyo)", "lat_tokyo"),
    "lon": ("経度(日本測地系)", "経度(旧測地系)", "経度(tokyo)", "lon_tokyo"),
}
_PERSONAL = re.compile(
    r"氏名|担当|所有者|地権者|連絡先|電話|携帯番号|住所|郵便番号|個人|(?<![a-z])(tel|fax|phone|owner|contact)(?![a-z])|telephone|mobile_?number"
    r"|メール|e-?mail|landowner|生年|代表者|自宅",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"(?P<base>.+?)[(\[【〔](?P<inside>[^()\[\]【】〔〕]*)[)\]】〕]")
_UNITS = re.compile(r"(cm|mm|km|m|メートル|ft|feet|フィート|[kmg]hz|dbm|dbw|dbd|dbi|[mk]?w|ワット|千円|百万円|万円|円|度|°|rad)", re.IGNORECASE)
_TOKYO_INSIDE = re.compile(r"tokyo|旧測地系|旧日本測地系|日本測地系(?!20)|東京", re.IGNORECASE)

_WORLD_INSIDE = re.compile(r"jgd|世界測地系|新測地系|wgs|日本測地系20|grs80", re.IGNORECASE)
_SEXAGESIMAL_INSIDE = re.compile(r"度分|dms|ddd?\.?mm|60進|六十進", re.IGNORECASE)
_ZONE_INSIDE = re.compile(r"(?:平面直角(?:座標)?系?)?第?(\d{1,2}|[ivx]{1,5})系|epsg:?(\d{4,5})", re.IGNORECASE)
_ANOTHER_QUANTITY = re.compile(r"海抜|標高|楕円体|(?<![a-z])(?:asl|amsl|msl|t\.?p)(?![a-z])|/", re.IGNORECASE)
"""「アンテナ高（海抜）」, "EIRP (dBm/MHz)": numbers of something else, which must not be taken for the field's own."""
_NOT_YET = re.compile("(?:予定|見込|計画)(?!.*除)")
"""「供用開始日（予定）」 is no day of service."""

_WEAK: Final = {"id", "x", "y", "区分", "年月日", "年度", "目的", "状況", "番号", "no", "no.", "site"}
"""Headers that many tables have for something else: taken only where no clearer one means the same."""

_DBF_NAME: Final = 10
_LOOKUP: Final[dict[str, str]] = {alias: field for field, names in ALIASES.items() for alias in names}
_TOKYO_LOOKUP: Final[dict[str, str]] = {alias: field for field, names in _TOKYO_HEADERS.items() for alias in names}


def plain_header(text: str) -> str:
    """NFKC, lower case, without blanks: 「アンテナ高　（ｍ）」 → "アンテナ高(m)"."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower().strip("*※")


def field_of(header: str) -> str | None:
    """The column that a header means, None if it is none of ours."""
    name = plain_header(header)
    known = _LOOKUP.get(name) or _TOKYO_LOOKUP.get(name)
    if known is not None:
        return known
    bracketed = _IN_BRACKETS.fullmatch(name)
    if bracketed and bracketed["base"] not in _WEAK:
        field = _LOOKUP.get(bracketed["base"])
        other = _ANOTHER_QUANTITY if field in _MEASURED else _NOT_YET if field in _DATED else None
        return None if other is not None and other.search(bracketed["inside"]) else field
    if bracketed and bracketed["base"] in _PLANE and zone_in(header):
        return bracketed["base"]
    if len(name) == _DBF_NAME and name.isascii():
        # A Shapefile cuts the names of its columns: districts_served arrives as "districts_".
        fields = {field for alias, field in _LOOKUP.items() if alias.startswith(name)}
        return fields.pop() if len(fields) == 1 else None
    return None


def unit_of(header: str) -> str | None:
    """The unit that a header states in brackets: 「高さ（cm）」 → "cm"; None where it states none."""
    bracketed = _IN_BRACKETS.fullmatch(plain_header(header))
    return bracketed["inside"] if bracketed and _UNITS.fullmatch(bracketed["inside"]) else None


def header_score(cells: Sequence[str]) -> int:
    """How many columns of ours a line names. Each counts once: a row of data may hold an x or a 目的 many times."""
    return len({field_of(c) for c in cells} - {None})


def is_personal(header: str) -> bool:
    """Does a column look as if it held people's names, phones or addresses of people?"""
    return bool(_PERSONAL.search(unicodedata.normalize("NFKC", header)))


def says_tokyo(header: str) -> bool:
    """「緯度（日本測地系）」: degrees of the Tokyo datum. JGD2000 and JGD2011 are called 日本測地系2000 and 2011."""
    name = plain_header(header)
    bracketed = _IN_BRACKETS.fullmatch(name)
    return name in _TOKYO_LOOKUP or bool(bracketed and _TOKYO_INSIDE.search(bracketed["inside"]))


def says_world(header: str) -> bool:
    """「緯度（世界測地系）」: the header itself says that it is not the Tokyo datum."""
    bracketed = _IN_BRACKETS.fullmatch(plain_header(header))
    return bool(bracketed and _WORLD_INSIDE.search(bracketed["inside"]))


def says_sexagesimal(header: str) -> bool:
    """「緯度（度分秒）」, "lat (ddmmss)": a number with one point under it is no decimal degree."""
    bracketed = _IN_BRACKETS.fullmatch(plain_header(header))
    return bool(bracketed and _SEXAGESIMAL_INSIDE.search(bracketed["inside"]))


def zone_in(header: str) -> str:
    """The plane rectangular zone that a header states in brackets: 「X座標（平面直角座標系第6系）」 → "6"; "" if none."""
    bracketed = _IN_BRACKETS.fullmatch(plain_header(header))
    found = _ZONE_INSIDE.search(bracketed["inside"]) if bracketed else None
    return (found[1] or found[2]) if found else ""


def assign(columns: Sequence[str], answers: Mapping[str, str], label: str) -> dict[str, int]:
    """Position of each field. ``answers``: field → header, from ``--mapping`` or the wizard; "" = from no column.

    Raises FileFormatError "header-twice" (one header twice), "header-ambiguous" (緯度 beside lat), "header-unknown"
    (an answer that names no column).
    """
    plain = [plain_header(c) for c in columns]
    for i, name in enumerate(plain):
        if name and name in plain[:i]:
            raise FileFormatError(
                "header-twice",
                f"「{label}」の見出し「{columns[i]}」が二つあります。どちらか一方にしてください。",
                f"'{label}' has the header '{columns[i]}' twice; keep one.",
            )
    found: dict[str, int] = {}
    for field, header in answers.items():
        if not header:
            continue
        if plain_header(header) not in plain:
            raise FileFormatError(
                "header-unknown",
                f"「{label}」に列「{header}」がありません（ある列: {'、'.join(columns)}）。",
                f"'{label}' has no column '{header}' (it has: {', '.join(columns)}).",
            )
        found[field] = plain.index(plain_header(header))
    taken = set(found.values())
    for i, header in enumerate(columns):
        known = field_of(header)
        if known is None or i in taken or known in answers or plain[i] in _WEAK:
            continue
        if known in found:
            raise FileFormatError(
                "header-ambiguous",
                f"「{label}」の列「{columns[found[known]]}」と「{header}」は同じ意味に見えます。どちらを使うか選んでください（mapping の columns）。",
                f"'{label}' has two columns that mean the same ('{columns[found[known]]}', '{header}'); choose one (mapping: columns).",
            )
        found[known] = i
    for i, header in enumerate(columns):
        known = field_of(header)
        if known is not None and plain[i] in _WEAK and known not in found and known not in answers and i not in taken:
            found[known] = i
    return found
