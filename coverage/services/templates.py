"""Lists to fill in: the columns of each table that can be uploaded, as CSV and as a workbook with choices and an example."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from coverage.domain.ledger import DatePrecision, Funding, Purpose, Status
from coverage.uploads.tables import TEMPLATE_SHEETS

EXAMPLE_SHEET, RULES_SHEET = TEMPLATE_SHEETS
DATA_SHEET: Final = "一覧"
ROWS_WITH_CHOICES: Final = 2000
"""Rows of the workbook's list that offer the words of a column."""
_DAY: Final = datetime(2024, 4, 1)
"""The workbook's own date: the template is the same bytes whenever it is asked for."""


@dataclass(frozen=True, slots=True)
class TemplateColumn:
    """A header, the field that it fills, whether a row needs it, what goes in (Japanese, English), an example, and the
    words to choose from. ``rule``: "lat", "lon", "date", "year", "whole", "number" or ""."""

    header: str
    field: str
    needed: bool
    ja: str
    en: str
    example: str = ""
    words: tuple[str, ...] = ()
    rule: str = ""


_STATUS: Final = tuple(s.value for s in Status)
_FUNDING: Final = tuple(f.value for f in Funding)
_PURPOSE: Final = tuple(p.value for p in Purpose)
_PRECISION: Final = tuple(p.value for p in DatePrecision)
_C = TemplateColumn
_LAT: Final = ("度（世界測地系）。度分秒も可", "Degrees (JGD2011/WGS 84); DMS is understood")

_SITES: Final = (
    _C("局番", "site_id", True, "基地局ごとに一つ。変えない番号", "One per site; never changed", "例-0001"),
    _C("局名", "name", False, "基地局の名称", "Name of the site", "例示谷局"),
    _C("緯度", "lat", True, *_LAT, "34.12345", rule="lat"),
    _C("経度", "lon", True, *_LAT, "136.23456", rule="lon"),
    _C("事業者", "operator", False, "1行に1事業者。共用の局は行を分ける", "One operator a row; shared sites take more rows", "例示モバイル"),
    _C("状態", "status", False, "・".join(_STATUS), "Life-cycle status, in Japanese", "供用中", _STATUS),
    _C("供用開始日", "in_service_date", False, "2018/3/25、H30.3.25、平成30年3月、30年度 など", "ISO, slashes, Japanese eras, month or fiscal year", "2018-03-25"),
    _C("日付精度", "date_precision", False, "日付がどこまで分かるか（day 日・month 月・fiscal_year 年度・year 暦年）", "What the date is known to", "day", _PRECISION),
    _C("停波日", "closed_on", False, "停止・廃止した局で、電波が止まった最初の日。日付の書き方は供用開始日と同じ", "First day off the air of a site that is 停止 or 廃止; written like the service date", ""),
    _C("対象地区", "districts_served", False, "解消する不感地域のID。複数は ; で区切る", "Ids of the districts served, parted by ;", "例-D01;例-D02"),
    _C("市町コード", "municipality_code", False, "5桁。空欄なら位置から決めます", "Five digits; from the position where blank", ""),
    _C("整備主体", "funding", False, "・".join(_FUNDING), "Funding, in Japanese", "国補助", _FUNDING),
    _C("目的", "purpose", False, "・".join(_PURPOSE), "Purpose, in Japanese", "居住", _PURPOSE),
    _C("アンテナ地上高", "height_m", False, "m（地面から）", "m above ground", "15", rule="number"),
    _C("バンド", "band", False, "周波数帯の名称", "Band", "B18"),
    _C("周波数", "frequency_mhz", False, "MHz", "MHz", "800", rule="number"),
    _C("帯域幅", "bandwidth_mhz", False, "MHz", "MHz", "10", rule="number"),
    _C("eirp_dbm", "eirp_dbm", False, "dBm（搬送波あたり、全ポート合計）", "dBm per carrier, total over ports", "55", rule="number"),
    _C("方位角", "azimuth_deg", False, "度（北から時計回り）。無指向は空欄", "Degrees clockwise from north; blank = omnidirectional", "", rule="number"),
    _C("チルト角", "tilt_deg", False, "度", "Degrees", "", rule="number"),
    _C("整備予定年度", "planned_fy", False, "まだ供用していない局の見込み（令和8年度、2026）", "Expected fiscal year of a site not yet in service", "", rule="year"),
    _C("事業費", "cost_yen", False, "円", "yen", "", rule="number"),
    _C("事業ID", "project_id", False, "同じ事業の局は同じ値", "The same for all sites of one project", ""),
    _C("更新元", "replaces", False, "建て替え・更新なら元の局番", "The site that it replaces", ""),
)  # fmt: skip
_DISTRICTS: Final = (
    _C("地区ID", "district_id", True, "地区ごとに一つ。変えない番号", "One per district; never changed", "例-D01"),
    _C("市町コード", "municipality_code", True, "5桁", "Five digits", "24201"),
    _C("地区名", "name", True, "地区の名称", "Name of the district", "例示町"),
    _C("緯度", "lat", True, *_LAT, "34.12345", rule="lat"),
    _C("経度", "lon", True, *_LAT, "136.23456", rule="lon"),
    _C("世帯数", "households", False, "世帯", "Households", "12", rule="whole"),
    _C("人口", "population", False, "人", "People", "30", rule="whole"),
    _C("指定日", "designated_on", False, "不感地域の台帳に載せた日。日まで書く", "Registered on, to the day", "2015-04-01", rule="date"),
    _C("解消日", "resolved_on", False, "市町が解消を確認した日。未解消は空欄", "Resolved on; blank while it stands", "", rule="date"),
    _C("出典", "source", False, "調査の名称など", "Where it is from", "例示調査"),
    _C("辞退", "declined", False, "住民が整備を辞退した地区は はい", "はい where residents declined", "", ("はい", "いいえ")),
)  # fmt: skip
_SITE_DISTRICTS: Final = (
    _C("局番", "site_id", True, "台帳にある基地局の番号", "A site of the ledger", "例-0001"),
    _C("地区ID", "district_id", True, "台帳にある不感地域の番号", "A district of the ledger", "例-D01"),
    _C("供用開始", "serves_from", False, "この地区に電波が届き始めた日", "Day from which it serves the district", "2018-03-25", rule="date"),
    _C("確認者", "confirmed_by", False, "確認した市町の部署（個人名は書かない）", "Office of the municipality that confirmed; no personal names", "例示町 総務課"),
    _C("確認日", "confirmed_on", False, "市町が確認した日", "Day of the confirmation", "2018-04-10", rule="date"),
)  # fmt: skip
_ACTUALS: Final = (
    _C("指標番号", "indicator", True, "406、40601 など", "406, 40601, …", "40601"),
    _C("年度", "fiscal_year", True, "西暦4桁（2016）または元号つき（H28、平成28年度）", "Western (2016) or with its era (H28)", "2016", rule="year"),
    _C("実績値", "value", True, "数字だけ。単位は書かない", "Digits only, no unit", "6", rule="number"),
    _C("出典", "source", False, "資料の名称", "Where it is from", "例示資料"),
    _C("決定日", "decided_on", False, "値が確定した日", "Day of the decision", "2017-06-30", rule="date"),
)  # fmt: skip
_MEASUREMENTS: Final = (
    _C("緯度", "lat", True, *_LAT, "34.12345", rule="lat"),
    _C("経度", "lon", True, *_LAT, "136.23456", rule="lon"),
    _C("RSRP(dBm)", "rsrp_dbm", True, "屋外・搬送波あたりの RSRP。−160〜−20 dBm", "RSRP outdoors, per carrier, −160 to −20 dBm", "-102.5", rule="number"),
    _C("測定日", "measured_on", True, "日まで書く", "To the day", "2024-05-20", rule="date"),
    _C("事業者", "operator", True, "測定した回線の事業者", "Operator of the line measured", "例示モバイル"),
    _C("周波数", "frequency_mhz", False, "MHz", "MHz", "800", rule="number"),
    _C("height_m", "height_m", False, "端末の高さ（m、地面から）", "Height of the device above ground, m", "1.5", rule="number"),
    _C("機器", "device", False, "測定に使った機種", "Device", "例示端末"),
    _C("出典", "source", False, "測定の名称", "Name of the survey", "例示測定"),
    _C("measurement_id", "measurement_id", False, "空欄なら内容から決めます", "From the content where blank", ""),
)  # fmt: skip
TEMPLATES: Final[dict[str, tuple[TemplateColumn, ...]]] = {
    "sites": _SITES,
    "districts": _DISTRICTS,
    "site_districts": _SITE_DISTRICTS,
    "actuals": _ACTUALS,
    "measurements": _MEASUREMENTS,
}


def template_csv(kind: str) -> bytes:
    """The headers of a table as CSV with a byte order mark, so that Excel opens it as UTF-8."""
    return ("\ufeff" + ",".join(column.header for column in TEMPLATES[kind]) + "\r\n").encode("utf-8")


def template_xlsx(kind: str) -> bytes:
    """A workbook to fill in: the list with choices and bounds for its cells, a filled example marked 例示, and the rules
    of every column. Only the list is read when it is uploaded. The same bytes every time."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, PatternFill

    columns = TEMPLATES[kind]
    needed, optional = PatternFill("solid", fgColor="FFDCEAF2"), PatternFill("solid", fgColor="FFF1F3F5")
    book = Workbook()
    sheet: Any = book.active
    sheet.title = DATA_SHEET
    _head(sheet, columns, needed, optional)
    _validate(sheet, columns)
    example: Any = book.create_sheet(EXAMPLE_SHEET)
    _head(example, columns, needed, optional)
    example.append([_typed(c) for c in columns])
    note = (
        "例示：この行は書き方の見本です。このシートは取り込まれません。 / An example; this sheet is not read."
    )
    example.append([])
    example.append([note])
    example.cell(row=4, column=1).font = Font(bold=True, color="FF9A3412")
    rules: Any = book.create_sheet(RULES_SHEET)
    rules.append(["列", "必須", "書き方", "How to fill it in", "例"])
    for c in columns:
        rules.append([c.header, "必須" if c.needed else "", c.ja, c.en, c.example])
    for cell in rules[1]:
        cell.font, cell.fill = Font(bold=True), optional
    for letter, width in zip("ABCDE", (18, 8, 56, 52, 20), strict=True):
        rules.column_dimensions[letter].width = width
    for row in rules.iter_rows(min_row=2):
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    book.properties.created = book.properties.modified = _DAY
    book.properties.creator = "coverage-gap-planner"
    out = io.BytesIO()
    book.save(out)
    return _without_clock(out.getvalue())


def _head(sheet: Any, columns: tuple[TemplateColumn, ...], needed: Any, optional: Any) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.append([c.header for c in columns])
    for i, c in enumerate(columns, 1):
        cell = sheet.cell(row=1, column=i)
        cell.font, cell.fill = Font(bold=True), needed if c.needed else optional
        sheet.column_dimensions[get_column_letter(i)].width = max(12, 2 * len(c.header) + 4)
    sheet.freeze_panes = "A2"


def _typed(column: TemplateColumn) -> Any:
    """The example as a spreadsheet holds it: numbers as numbers."""
    if column.rule in ("lat", "lon", "number", "whole", "year") and column.example:
        return float(column.example) if "." in column.example else int(column.example)
    return column.example or None


_BOUNDS: Final[dict[str, tuple[str, str, str, str]]] = {
    "lat": (
        "decimal",
        "20",
        "46",
        "緯度は 20〜46 の度（世界測地系）です。度分秒は 34°41'12\" のように書けます。",
    ),
    "lon": (
        "decimal",
        "122",
        "154",
        "経度は 122〜154 の度（世界測地系）です。度分秒は 136°30'45\" のように書けます。",
    ),
    "whole": ("whole", "0", "100000000", "0 以上の整数を入れてください。"),
    "number": ("decimal", "-1000000000000", "1000000000000", "数字だけを入れてください。単位は書きません。"),
}


def _validate(sheet: Any, columns: tuple[TemplateColumn, ...]) -> None:
    """Choices are binding; bounds only warn, because texts that are no numbers (degrees, minutes, eras) are taken too."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    for i, c in enumerate(columns, 1):
        letter = get_column_letter(i)
        if c.words:
            rule = DataValidation(type="list", formula1=f'"{",".join(c.words)}"', allow_blank=True)
            rule.error, rule.errorTitle, rule.errorStyle = (
                f"{'・'.join(c.words)} から選んでください。",
                c.header,
                "stop",
            )
        elif c.rule in _BOUNDS:
            kind, low, high, sentence = _BOUNDS[c.rule]
            rule = DataValidation(
                type=kind, operator="between", formula1=low, formula2=high, allow_blank=True
            )
            rule.error, rule.errorTitle, rule.errorStyle = sentence, c.header, "warning"
        else:
            rule = DataValidation(allow_blank=True)
        rule.prompt, rule.promptTitle = ("必須。" if c.needed else "") + c.ja[:200], c.header[:30]
        rule.showInputMessage, rule.showErrorMessage = True, bool(c.words or c.rule in _BOUNDS)
        sheet.add_data_validation(rule)
        rule.add(f"{letter}2:{letter}{ROWS_WITH_CHOICES + 1}")


def _without_clock(content: bytes) -> bytes:
    """The same workbook with one date on every member."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                import re

                data = re.sub(rb">\d{4}-\d\d-\d\dT[\d:]+Z<", f">{_DAY.isoformat()}Z<".encode(), data)
            new.writestr(
                zipfile.ZipInfo(name, (_DAY.year, _DAY.month, _DAY.day, 0, 0, 0)), data, zipfile.ZIP_DEFLATED
            )
    return out.getvalue()
