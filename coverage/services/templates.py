"""Empty lists to fill in: the columns of each table that can be uploaded, by the headers that offices use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TemplateColumn:
    """A header, whether a row needs it, and what goes in, in Japanese and English."""

    header: str
    needed: bool
    ja: str
    en: str


_SITES: Final = (
    TemplateColumn("局番", True, "基地局ごとに一つ。変えない番号", "One per site; never changed"),
    TemplateColumn("局名", False, "", ""),
    TemplateColumn("緯度", True, "度（世界測地系）。度分秒も可", "Degrees (JGD2011/WGS 84); DMS is understood"),
    TemplateColumn("経度", True, "度（世界測地系）。度分秒も可", "Degrees (JGD2011/WGS 84); DMS is understood"),
    TemplateColumn("事業者", False, "1行に1事業者。共用の局は行を分ける", "One operator a row; shared sites take more rows"),
    TemplateColumn("状態", False, "候補・計画・交付決定・工事中・供用中・停止・廃止", "Life-cycle status, in Japanese"),
    TemplateColumn("供用開始日", False, "2018/3/25、H30.3.25、平成30年3月、30年度 など", "ISO, slashes, Japanese eras, month or fiscal year"),
    TemplateColumn("対象地区", False, "解消する不感地域のID。複数は ; で区切る", "Ids of the districts served, parted by ;"),
    TemplateColumn("市町コード", False, "空欄なら位置から決めます", "From the position where blank"),
    TemplateColumn("整備主体", False, "国補助・県単独・事業者自主・インフラシェア", "Funding, in Japanese"),
    TemplateColumn("目的", False, "居住・道路・登山道・観光・避難所・トンネル", "Purpose, in Japanese"),
    TemplateColumn("アンテナ地上高", False, "m", "m above ground"),
    TemplateColumn("周波数", False, "MHz", "MHz"),
    TemplateColumn("eirp_dbm", False, "dBm（搬送波あたり、全ポート合計）", "dBm per carrier, total over ports"),
    TemplateColumn("整備予定年度", False, "まだ供用していない局の見込み", "Expected fiscal year of a site not yet in service"),
    TemplateColumn("更新元", False, "建て替え・更新なら元の局番", "The site that it replaces"),
)
_DISTRICTS: Final = (
    TemplateColumn("district_id", True, "地区ごとに一つ", "One per district"),
    TemplateColumn("municipality_code", True, "5桁", "Five digits"),
    TemplateColumn("name", True, "", ""),
    TemplateColumn("lat", True, "度（世界測地系）", "Degrees"),
    TemplateColumn("lon", True, "度（世界測地系）", "Degrees"),
    TemplateColumn("households", False, "", ""),
    TemplateColumn("population", False, "", ""),
    TemplateColumn("designated_on", False, "台帳登載日", "Registered on"),
    TemplateColumn("resolved_on", False, "解消日", "Resolved on"),
    TemplateColumn("source", False, "", ""),
)
_SITE_DISTRICTS: Final = (
    TemplateColumn("site_id", True, "", ""),
    TemplateColumn("district_id", True, "", ""),
    TemplateColumn("serves_from", False, "", ""),
    TemplateColumn("confirmed_by", False, "確認した市町の部署", "Office of the municipality that confirmed"),
    TemplateColumn("confirmed_on", False, "", ""),
)
_ACTUALS: Final = (
    TemplateColumn("indicator", True, "406、40601 など", "406, 40601, …"),
    TemplateColumn("fiscal_year", True, "西暦または H28", "Western, or H28"),
    TemplateColumn("value", True, "", ""),
    TemplateColumn("source", False, "", ""),
    TemplateColumn("decided_on", False, "確定日", "Decided on"),
)
TEMPLATES: Final[dict[str, tuple[TemplateColumn, ...]]] = {
    "sites": _SITES,
    "districts": _DISTRICTS,
    "site_districts": _SITE_DISTRICTS,
    "actuals": _ACTUALS,
}


def template_csv(kind: str) -> bytes:
    """The headers of a table as CSV with a byte order mark, so that Excel opens it as UTF-8."""
    return ("\ufeff" + ",".join(column.header for column in TEMPLATES[kind]) + "\r\n").encode("utf-8")
