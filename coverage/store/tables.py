"""Every kind's table: its columns in the order of the record's fields, its key, and the facts that the count reads.

The columns themselves stand in ``migrations/*.sql``; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coverage.domain import ledger as books
from coverage.store import records as kept
from coverage.store.columns import Column, Kind, Table
from coverage.store.values import ColumnType

LEDGER_KINDS = (
    Kind.SITE,
    Kind.SITE_OPERATOR,
    Kind.SITE_DISTRICT,
    Kind.DISTRICT,
    Kind.OPENING_BALANCE,
    Kind.ALLOCATION,
    Kind.RESTATEMENT,
    Kind.FROZEN_YEAR,
    Kind.DISTINCT_ANSWER,
    Kind.ACTUAL,
    Kind.MERGER,
    Kind.FOOTNOTE,
)
"""What ``Store.ledger`` is made of."""

UPLOAD_KINDS = (
    Kind.SITE,
    Kind.SITE_OPERATOR,
    Kind.SITE_DISTRICT,
    Kind.DISTRICT,
    Kind.ACTUAL,
    Kind.MEASUREMENT,
)
"""What a planner's upload may hold. The journal of the count (openings, restatements, frozen years) has its own doors."""


EDITABLE_KINDS = (
    Kind.SITE,
    Kind.SITE_OPERATOR,
    Kind.SITE_DISTRICT,
    Kind.DISTRICT,
    Kind.ACTUAL,
    Kind.MERGER,
    Kind.SETTING,
    Kind.DATASET,
    Kind.RUN,
    Kind.MEASUREMENT,
    Kind.SCENARIO,
)
"""What ``Store.put`` edits. Everything else has a door of its own that keeps its rules."""

RETIRABLE_KINDS = (
    Kind.SITE,
    Kind.SITE_OPERATOR,
    Kind.SITE_DISTRICT,
    Kind.DISTRICT,
    Kind.ACTUAL,
    Kind.MERGER,
    Kind.SETTING,
    Kind.MEASUREMENT,
    Kind.SCENARIO,
    Kind.ALLOCATION,
    Kind.DISTINCT_ANSWER,
)
"""What ``Store.retire`` takes out. A published year never is, and a restatement is answered by another one."""

_EVER_IN_SERVICE = frozenset(
    {books.Status.IN_SERVICE.value, books.Status.SUSPENDED.value, books.Status.CLOSED.value}
)


def ever_in_service(status: str | None) -> bool:
    """Rule 2's gate: 供用中, or what can only follow it."""
    return status in _EVER_IN_SERVICE


def _c(name: str, type_: ColumnType, ja: str, **more: Any) -> Column:
    return Column(name, type_, ja, **more)


def _site_facts(v: Mapping[str, Any]) -> Any:
    return ever_in_service(v["status"]), v["funding"], v["purpose"], v["project_id"], v["replaces"]


def _operator_facts(v: Mapping[str, Any]) -> Any:
    return v["in_service_date"], v["date_precision"]


def _district_facts(v: Mapping[str, Any]) -> Any:
    # resolved_on is left out: a district is resolved after, and because, its site began to serve it; that must not
    # turn the site into a late entry of a year that was frozen in between.
    return (v["designated_on"],)


def _never_late(_: Mapping[str, Any]) -> Any:
    return ()


_POSITION = (_c("lat", "latitude", "緯度", required=True), _c("lon", "longitude", "経度", required=True))
_SITE_ID = _c("site_id", "text", "局番号", required=True, ident=True)
_DISTRICT_ID = _c("district_id", "text", "地区番号", required=True, ident=True)
_CODE = _c("municipality_code", "text", "市町コード", required=True, ident=False)

TABLES: dict[Kind, Table] = {
    t.kind: t
    for t in (
        Table(
            Kind.SITE,
            "基地局",
            books.Site,
            (
                _SITE_ID,
                _c("name", "text", "局名", required=True),
                _CODE,
                *_POSITION,
                _c("status", "text", "状態", required=True, enum=books.Status),
                _c("height_m", "real", "アンテナ地上高"),
                _c("funding", "text", "整備主体", enum=books.Funding),
                _c("purpose", "text", "目的", enum=books.Purpose),
                _c("project_id", "text", "事業番号", ident=True),
                _c("replaces", "text", "更新元の局番号", ident=True),
                _c("planned_fy", "int", "供用予定年度"),
                _c("cost_yen", "int", "事業費"),
                _c("closed_on", "date", "停波日"),
            ),
            ("site_id",),
            "site_id",
            _site_facts,
        ),
        Table(
            Kind.SITE_OPERATOR,
            "事業者の行",
            books.SiteOperator,
            (
                _SITE_ID,
                _c("operator", "text", "事業者", required=True, ident=True),
                _c("in_service_date", "date", "供用開始日"),
                _c(
                    "date_precision",
                    "text",
                    "日付の精度",
                    enum=books.DatePrecision,
                    default="day",
                    required=True,
                ),
                _c("band", "text", "周波数帯"),
                _c("frequency_mhz", "real", "周波数"),
                _c("bandwidth_mhz", "real", "帯域幅"),
                _c("eirp_dbm", "real", "EIRP"),
                _c("azimuth_deg", "real", "方位角"),
                _c("tilt_deg", "real", "俯角"),
                _c("cell", "text", "設備の区別", hidden=True, default="", required=True),
            ),
            ("site_id", "operator", "cell"),
            "site_id",
            _operator_facts,
        ),
        Table(
            Kind.SITE_DISTRICT,
            "対象地区",
            books.SiteDistrict,
            (
                _SITE_ID,
                _DISTRICT_ID,
                _c("serves_from", "date", "解消日"),
                _c("confirmed_by", "text", "確認者"),
                _c("confirmed_on", "date", "確認日"),
            ),
            ("site_id", "district_id"),
            "site_id",
            _never_late,
        ),
        Table(
            Kind.DISTRICT,
            "不感地域",
            books.District,
            (
                _DISTRICT_ID,
                _CODE,
                _c("name", "text", "地区名", required=True),
                _c("geometry", "geometry", "位置", required=True),
                _c("households", "int", "世帯数"),
                _c("population", "int", "人口"),
                _c("designated_on", "date", "登録日"),
                _c("resolved_on", "date", "解消日"),
                _c("source", "text", "出典", default="", required=True),
                _c("declined", "bool", "整備を希望しない", default=False, required=True),
                _c("designation", "int", "登録の回数", hidden=True, default=1, required=True),
            ),
            ("district_id", "designation"),
            "district_id",
            _district_facts,
        ),
        Table(
            Kind.OPENING_BALANCE,
            "開始値",
            books.OpeningBalance,
            (
                _c("fiscal_year", "int", "年度", required=True),
                _c("value", "int", "値", required=True),
                _c("source", "text", "出典", required=True),
                _c("decided_on", "date", "決定日"),
            ),
            ("fiscal_year",),
            "fiscal_year",
        ),
        Table(Kind.ALLOCATION, "開始値への割当", books.Allocation, (_SITE_ID,), ("site_id",), "site_id"),
        Table(
            Kind.RESTATEMENT,
            "修正仕訳",
            books.Restatement,
            (
                _c("effective_fy", "int", "適用年度", required=True),
                _c("amount", "int", "増減", required=True),
                _c("author", "text", "記入者", required=True),
                _c("reason", "text", "理由", required=True),
                _c("restatement_id", "text", "仕訳番号", hidden=True, required=True),
            ),
            ("restatement_id",),
            "restatement_id",
        ),
        Table(
            Kind.FROZEN_YEAR,
            "公表済み年度",
            books.FrozenYear,
            (
                _c("fiscal_year", "int", "年度", required=True),
                _c("value", "int", "公表値", required=True),
                _c("published_on", "date", "公表日", required=True),
            ),
            ("fiscal_year",),
            "fiscal_year",
        ),
        Table(
            Kind.DISTINCT_ANSWER,
            "同一局の判定",
            books.DistinctAnswer,
            (
                _c("site_id_a", "text", "局番号1", required=True, ident=True),
                _c("site_id_b", "text", "局番号2", required=True, ident=True),
                _c("same", "bool", "同じ局か", required=True),
                _c("answered_by", "text", "回答者", default="", required=True),
            ),
            ("site_id_a", "site_id_b"),
            "site_id_a",
        ),
        Table(
            Kind.ACTUAL,
            "実績値",
            books.Actual,
            (
                _c("indicator", "text", "指標", required=True, ident=True),
                _c("fiscal_year", "int", "年度", required=True),
                _c("value", "real", "実績値", required=True),
                _c("source", "text", "出典", default="", required=True),
                _c("decided_on", "date", "決定日"),
            ),
            ("indicator", "fiscal_year"),
            "indicator",
        ),
        Table(
            Kind.MERGER,
            "市町合併",
            kept.Merger,
            (
                _c("old_code", "text", "旧コード", required=True, ident=True),
                _c("new_code", "text", "新コード", required=True, ident=True),
                _c("merged_on", "date", "合併日"),
            ),
            ("old_code",),
            "old_code",
        ),
        Table(
            Kind.SETTING,
            "設定",
            kept.Setting,
            (
                _c("name", "text", "設定名", required=True, ident=True),
                _c("value", "json", "値"),
                _c("note", "text", "注記", default="", required=True),
            ),
            ("name",),
            "name",
        ),
        Table(
            Kind.USER,
            "利用者",
            kept.User,
            (
                _c("user_id", "text", "利用者ID", required=True, ident=True),
                _c("role", "text", "役割", required=True),
                _c("municipality_codes", "list", "市町コード", default=[], required=True),
                _c("active", "bool", "有効", default=True, required=True),
                _c("note", "text", "注記", default="", required=True),
            ),
            ("user_id",),
            "user_id",
        ),
        Table(
            Kind.IMPORT,
            "取込",
            kept.ImportRecord,
            (
                _c("import_id", "text", "取込番号", required=True, ident=True),
                _c("table_name", "text", "表", required=True),
                _c("file_name", "text", "ファイル名", required=True),
                _c("file_sha256", "text", "ファイルの要約値", required=True),
                _c("file_bytes", "int", "大きさ", required=True),
                _c("records_sha256", "text", "記録の要約値", required=True),
                _c("state", "text", "状態", required=True, enum=kept.ImportState),
                _c("submitted_by", "text", "提出者", required=True),
                _c("report", "json", "報告", default={}, required=True),
                _c("mapping", "json", "読み方の指定", default={}, required=True),
                _c("applies_from", "date", "適用日"),
                _c("base_tx", "int", "比較した時点", required=True, default=0),
                _c("idempotency_key", "text", "冪等キー"),
                _c("decided_by", "text", "判断者"),
                _c("reason", "text", "理由", default="", required=True),
                _c("result", "json", "結果", default={}, required=True),
            ),
            ("import_id",),
            "import_id",
        ),
        Table(
            Kind.DATASET,
            "資料",
            kept.Dataset,
            (
                _c("layer", "text", "層", required=True, ident=True),
                _c("edition", "text", "版", required=True),
                _c("digest", "text", "要約値", required=True),
                _c("licence", "text", "利用条件", default="", required=True),
                _c("credit", "text", "出典表示", default="", required=True),
                _c("files", "list", "ファイル", default=[], required=True),
                _c("estimated", "bool", "推計", default=False, required=True),
            ),
            ("layer",),
            "layer",
        ),
        Table(
            Kind.RUN,
            "算定",
            kept.RunRecord,
            (
                _c("run_id", "text", "算定番号", required=True, ident=True),
                _c("digest", "text", "要約値", required=True),
                _c("region_id", "text", "地域", required=True),
                _c("as_of_tx", "int", "台帳の時点", required=True),
                _c("valid_on", "date", "基準日"),
                _c("parameters", "json", "条件", default={}, required=True),
                _c("summary", "json", "要旨", default={}, required=True),
            ),
            ("run_id",),
            "run_id",
        ),
        Table(
            Kind.PUBLICATION,
            "公表物",
            kept.Publication,
            (
                _c("publication_id", "text", "公表番号", required=True, ident=True),
                _c("subject", "text", "対象", required=True),
                _c("published_on", "date", "公表日", required=True),
                _c("media_type", "text", "形式", required=True),
                _c("content_sha256", "text", "内容の要約値", required=True),
                _c("content_bytes", "int", "大きさ", required=True),
                _c("values", "json", "公表した値", required=True),
                _c("as_of_tx", "int", "台帳の時点", required=True),
                _c("valid_on", "date", "基準日"),
                _c("run_id", "text", "算定番号", ident=True),
                _c("parameters", "json", "条件", default={}, required=True),
            ),
            ("publication_id",),
            "publication_id",
        ),
        Table(
            Kind.READ_TOKEN,
            "閲覧トークン",
            kept.ReadToken,
            (
                _c("token_id", "text", "トークン番号", required=True, ident=True),
                _c("token_sha256", "text", "要約値", required=True),
                _c("label", "text", "名札", required=True),
                _c("role", "text", "役割", required=True),
                _c("municipality_codes", "list", "市町コード", default=[], required=True),
                _c("expires_on", "date", "期限"),
                _c("revoked", "bool", "失効", default=False, required=True),
            ),
            ("token_id",),
            "token_id",
            since=2,
        ),
        Table(
            Kind.CHALLENGE,
            "圏外の申出",
            kept.Challenge,
            (
                _c("challenge_id", "text", "申出番号", required=True, ident=True),
                _CODE,
                _c("observed_on", "date", "確認日", required=True),
                _c("note", "text", "内容", required=True),
                _c("filed_by", "text", "申出者", required=True),
                _c("district_id", "text", "地区番号", ident=True),
                _c("lat", "latitude", "緯度"),
                _c("lon", "longitude", "経度"),
                _c("operator", "text", "事業者", ident=True),
                _c("state", "text", "状態", required=True, enum=kept.ChallengeState, default="open"),
                _c("answer", "text", "回答", default="", required=True),
                _c("answered_by", "text", "回答者"),
                _c("answered_on", "date", "回答日"),
            ),
            ("challenge_id",),
            "challenge_id",
            since=2,
        ),
        Table(
            Kind.MEASUREMENT,
            "測定値",
            kept.Measurement,
            (
                _c("measurement_id", "text", "測定番号", required=True, ident=True),
                *_POSITION,
                _c("measured_on", "date", "測定日", required=True),
                _c("operator", "text", "事業者", required=True, ident=True),
                _c("rsrp_dbm", "real", "RSRP", required=True),
                _c("frequency_mhz", "real", "周波数"),
                _c("height_m", "real", "測定高"),
                _c("device", "text", "機器", default="", required=True),
                _c("source", "text", "出典", default="", required=True),
            ),
            ("measurement_id",),
            "measurement_id",
            since=2,
        ),
        Table(
            Kind.SCENARIO,
            "計画案",
            kept.Scenario,
            (
                _c("name", "text", "名前", required=True, ident=True),
                _c("content", "json", "内容", required=True),
                _c("note", "text", "注記", default="", required=True),
            ),
            ("name",),
            "name",
            since=2,
        ),
        Table(
            Kind.FOOTNOTE,
            "脚注",
            books.Footnote,
            (
                _c("footnote_id", "text", "脚注番号", required=True, ident=True),
                _c("indicator", "text", "指標", required=True, ident=True),
                _c("fiscal_year", "int", "年度", required=True),
                _c("ja", "text", "脚注（日本語）", required=True),
                _c("en", "text", "脚注（英語）", default="", required=True),
                _c("author", "text", "記入者", default="", required=True),
                _c("withdrawn", "bool", "取下げ", default=False, required=True),
            ),
            ("footnote_id",),
            "footnote_id",
            since=3,
        ),
    )
}
