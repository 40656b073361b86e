"""The policy sheet as shipped, and the table of targets, actuals and achievement."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from coverage.domain import indicators
from coverage.domain.achievement import AchievementRule
from coverage.domain.indicators import (
    CountedValue,
    IndicatorSet,
    IndicatorTable,
    indicator_table,
    parse_indicator_set,
)
from coverage.domain.ledger import Actual, Footnote
from coverage.errors import InputError, NotFoundError

SHEET = [
    ("406", "全庁基盤システムの停止時間", "分", "lower", "per_year", 72, {2016: 50, 2017: 45, 2019: 35}),
    ("40601", "行政WAN等の基幹ネットワークの停止時間", "分", "lower", "per_year", 6, {2016: 6, 2017: 6, 2019: 5}),
    ("40602", "システム評価で指摘した課題の改善率", "%", "higher", "per_year", 75, {2016: 80, 2017: 80, 2019: 80}),
    ("40603", "電子申請・届出システムによる申請件数", "件", "higher", "per_year", 22658,
     {2016: 17000, 2017: 18000, 2019: 20000}),
    ("40604", "携帯電話不通話地域の整備数（累計）", "基", "higher", "cumulative", None, {2016: 71, 2017: 72, 2019: 73}),
]  # fmt: skip
BUDGETS = [
    ("情報ネットワーク維持管理費", "40601", 402918, 552221),
    ("IT投資の効率化事業", "40602", 56718, 61286),
    ("申請・届出等オンライン受付システム整備推進事業", "40603", 17848, 17848),
    ("地域情報化推進事業", "40604", 29971, 74515),
]
SMALL = """
format = "coverage-gap-indicators/1"
base_year = 2015
fiscal_years = [2015, 2016]
goal_year = 2016
title = { ja = "表", en = "sheet" }
department = { ja = "課", en = "section" }
source = { ja = "見本", en = "sample" }
vision = { ja = "姿", en = "vision" }
goal = { ja = "目標", en = "goal" }
[[indicators]]
code = "1"
group = "activity"
better = "higher"
kind = "per_year"
name = { ja = "件数", en = "number" }
unit = { ja = "件", en = "cases" }
baseline = 3
targets = { 2016 = 5 }
"""


@pytest.fixture(scope="module")
def sheet(project_dir: Path) -> IndicatorSet:
    return parse_indicator_set((project_dir / "data" / "indicators.toml").read_text(encoding="utf-8"))


def cell(table: IndicatorTable, code: str, fy: int) -> indicators.IndicatorCell:
    row = next(row for row in table.rows if row.indicator.code == code)
    return next(cell for cell in row.cells if cell.fiscal_year == fy)


@pytest.mark.parametrize("row", SHEET, ids=[row[0] for row in SHEET])
def test_the_shipped_sheet_carries_the_facts_exactly(sheet: IndicatorSet, row: tuple[object, ...]) -> None:
    code, name, unit, better, kind, baseline, targets = row
    got = sheet.indicator(str(code))
    stated = got.in_force()
    assert (got.name.ja, got.unit.ja, got.better, got.kind) == (name, unit, better, kind)
    assert stated.baseline == baseline
    assert stated.targets == targets


def test_the_shipped_sheet_has_its_budgets_issues_and_directions(sheet: IndicatorSet) -> None:
    got = [(b.name.ja, b.indicator, b.thousand_yen[2016], b.thousand_yen[2017]) for b in sheet.budgets]
    assert got == BUDGETS
    assert [part.number for part in sheet.issues] == [1, 2, 3, 4]
    assert [part.number for part in sheet.directions] == [1, 2, 3, 4]
    assert {s.name.ja for s in sheet.systems} >= {"共有デジタル地図", "地図情報システム", "自治体クラウド"}
    assert sheet.indicator("406").group == "prefecture"
    assert sheet.issues[0].text("en") != sheet.issues[0].text("ja")


def test_the_first_target_of_2017_is_that_of_2016_less_five_minutes(sheet: IndicatorSet) -> None:
    targets = sheet.indicator("406").targets
    assert targets[2017] == targets[2016] - 5


def test_the_broken_row_states_its_doubt_and_can_be_read_the_other_way(sheet: IndicatorSet) -> None:
    row = sheet.indicator("40604")
    assert row.note is not None
    assert "欄がずれて" in row.note.ja
    other = sheet.with_reading("40604", "from-left").indicator("40604").in_force()
    assert (other.baseline, other.targets) == (71, {2016: 72, 2017: 73})
    assert sheet.indicator("40604").in_force().baseline is None
    with pytest.raises(NotFoundError) as caught:
        sheet.with_reading("40604", "from-right")
    assert caught.value.code == "indicator-reading-not-found"


def test_a_year_without_an_actual_shows_a_dash_and_never_zero(sheet: IndicatorSet) -> None:
    table = indicator_table(sheet, [])
    for code in ("406", "40601", "40602", "40603", "40604"):
        for fy in (2016, 2017, 2018, 2019):
            got = cell(table, code, fy)
            assert got.actual is None
            assert got.achievement_text == "—"
            assert sheet.indicator(code).format(got.actual) == "—"
    assert cell(table, "406", 2018).target is None


def test_the_baseline_is_the_actual_of_the_base_year(sheet: IndicatorSet) -> None:
    got = cell(indicator_table(sheet, []), "40603", 2015)
    assert (got.actual, got.source, got.achievement_text) == (22658, "baseline", "—")
    assert sheet.indicator("40603").format(got.actual) == "22,658件"
    assert sheet.indicator("40603").format(got.actual, "en") == "22,658 applications"
    assert sheet.indicator("40602").format(80) == "80.0%"
    assert sheet.indicator("40602").format(80, "en") == "80.0%"


def test_actuals_are_measured_against_the_target_of_their_year(sheet: IndicatorSet) -> None:
    actuals = [Actual("406", 2016, 60, "部局報告"), Actual("40602", 2016, 75.84, "部局報告")]
    table = indicator_table(sheet, actuals)
    lower = cell(table, "406", 2016)
    assert (lower.achievement, lower.achievement_class, lower.met) == (Decimal("0.83"), 2, False)
    assert (lower.source, lower.citation) == ("reported", "部局報告")
    assert cell(table, "40602", 2016).achievement_text == "0.95"


def test_a_value_that_only_rounds_to_the_target_is_printed_1_00_but_not_met(sheet: IndicatorSet) -> None:
    got = cell(indicator_table(sheet, [Actual("40603", 2016, 16995)]), "40603", 2016)
    assert (got.achievement_text, got.met) == ("1.00", False)


def test_the_counted_indicator_takes_its_actual_from_the_ledger(sheet: IndicatorSet) -> None:
    counted = {2016: CountedValue(71, 1), 2017: CountedValue(72, 2, provisional=True)}
    table = indicator_table(sheet, [], counted=counted, counted_indicator="40604")
    first, second = cell(table, "40604", 2016), cell(table, "40604", 2017)
    assert (first.actual, first.source, first.achievement_text, first.provisional) == (
        71,
        "counted",
        "1.00",
        False,
    )
    assert second.provisional
    assert second.note("ja") == "年度途中"
    assert cell(table, "40604", 2018).actual is None
    assert cell(table, "406", 2016).actual is None


def test_a_decided_actual_stands_before_the_count_and_the_difference_is_named(sheet: IndicatorSet) -> None:
    decided = Actual("40604", 2016, 71, "議会報告", decided_on=date(2017, 6, 30))
    undecided = Actual("40604", 2017, 70, "速報")
    counted = {2016: CountedValue(72, 2), 2017: CountedValue(73, 3)}
    table = indicator_table(sheet, [decided, undecided], counted=counted, counted_indicator="40604")
    first = cell(table, "40604", 2016)
    assert (first.actual, first.source, first.counted, first.citation) == (71, "decided", 72, "議会報告")
    assert first.note("ja") == "台帳からの集計値は 72"
    assert first.note("en") == "the ledger counts 72"
    assert (cell(table, "40604", 2017).actual, cell(table, "40604", 2017).source) == (73, "counted")


def test_without_an_opening_balance_only_the_increase_is_stated(sheet: IndicatorSet) -> None:
    table = indicator_table(sheet, [], counted={2016: CountedValue(None, 2)}, counted_indicator="40604")
    got = cell(table, "40604", 2016)
    assert (got.actual, got.achievement_text, got.increase_only) == (None, "—", 2)
    assert got.note("ja") == "開始値未登録（増加分 +2）"
    assert "no opening balance" in got.note("en")


def test_of_several_actuals_the_one_recorded_last_holds_and_as_of_looks_back(sheet: IndicatorSet) -> None:
    first = Actual("406", 2016, 60, recorded_at=datetime(2017, 5, 1, tzinfo=UTC))
    second = Actual("406", 2016, 55, recorded_at=datetime(2017, 7, 1, tzinfo=UTC))
    for order in ([first, second], [second, first]):
        assert cell(indicator_table(sheet, order), "406", 2016).actual == 55
        then = indicator_table(sheet, order, as_of=datetime(2017, 6, 1, tzinfo=UTC))
        assert cell(then, "406", 2016).actual == 60


def test_the_table_is_ready_for_json_and_csv(sheet: IndicatorSet) -> None:
    rule = AchievementRule(cap=None)
    table = indicator_table(sheet, [Actual("406", 2016, 0), Actual("40602", 2016, 81.5)], rule=rule)
    loaded = json.loads(json.dumps(table.as_dict(), allow_nan=False))
    assert loaded["fiscal_years"] == [2015, 2016, 2017, 2018, 2019]
    row = next(r for r in loaded["rows"] if r["code"] == "406")
    assert row["cells"][1]["achievement"] is None
    assert row["cells"][1]["achievement_text"] == "∞"
    assert row["cells"][1]["actual_text_ja"] == "0分"
    assert "上限なし" in loaded["rule"]["ja"]
    rows = table.csv_rows()
    assert len(rows) == 25
    assert all(tuple(r) == indicators.CSV_COLUMNS for r in rows)
    assert next(r for r in rows if r["indicator"] == "40602" and r["fiscal_year"] == 2016)["actual"] == 81.5
    assert (
        next(r for r in rows if r["indicator"] == "406" and r["fiscal_year"] == 2017)["achievement"] is None
    )


def test_what_people_wrote_stands_after_the_note_of_its_cell_and_nowhere_else(sheet: IndicatorSet) -> None:
    when = datetime(2020, 5, 1, tzinfo=UTC)
    said = Footnote("N1", "40604", 2019, "統合により1基減", "one fewer", "kaikei", recorded_at=when)
    gone = Footnote("N2", "40604", 2019, "取下げ", withdrawn=True, recorded_at=when)
    counted = {2019: CountedValue(72, 1, provisional=True)}
    plain = indicator_table(sheet, [], counted=counted, counted_indicator="40604")
    table = indicator_table(sheet, [], counted=counted, counted_indicator="40604", footnotes=[gone, said])
    marked = cell(table, "40604", 2019)
    assert marked.note("ja") == "年度途中"
    assert marked.remarks("ja") == "年度途中；統合により1基減（2020年5月1日記録）"
    assert marked.remarks("en").startswith("year not ended; one fewer (recorded ")
    rows = {(r["indicator"], r["fiscal_year"]): r for r in table.csv_rows()}
    assert rows["40604", 2019]["note_ja"] == marked.remarks("ja")
    before = {(r["indicator"], r["fiscal_year"]): r for r in plain.csv_rows()}
    assert [key for key in rows if rows[key] != before[key]] == [("40604", 2019)]
    with_one = [c for r in table.as_dict()["rows"] for c in r["cells"] if "footnotes" in c]
    assert [c["footnotes"] for c in with_one] == [
        [{"ja": marked.footnotes[0].ja, "en": marked.footnotes[0].en}]
    ]
    assert "footnotes" not in json.dumps(plain.as_dict())
    early = indicator_table(sheet, [], footnotes=[said], as_of=datetime(2020, 4, 1, tzinfo=UTC))
    assert cell(early, "40604", 2019).footnotes == ()


def test_the_sheet_is_ready_for_json(sheet: IndicatorSet) -> None:
    loaded = json.loads(json.dumps(sheet.as_dict(), allow_nan=False))
    assert loaded["budgets"][0]["thousand_yen"]["2017"] == 552221
    assert loaded["indicators"][0]["targets"]["2016"] == 50
    dumped = json.loads(sheet.model_dump_json())
    assert dumped["indicators"][0]["targets"]["2016"] == 50
    assert dumped["indicators"][2]["baseline"] == 75


def test_the_years_of_the_table_can_be_chosen(sheet: IndicatorSet) -> None:
    table = indicator_table(sheet, [], fiscal_years=[2017])
    assert table.fiscal_years == (2017,)
    assert all(len(row.cells) == 1 for row in table.rows)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('code = "1"', 'code = 1"', "line"),
        ("baseline = 3", "baseline = -3", "indicators.0.baseline"),
        ("baseline = 3", "baseline = nan", "indicators.0.baseline"),
        ('better = "higher"', 'better = "more"', "indicators.0.better"),
        ("targets = { 2016 = 5 }", "targets = { 16 = 5 }", "indicators.0.targets"),
        ("targets = { 2016 = 5 }", "tagets = { 2016 = 5 }", "indicators.0.tagets"),
        ("[2015, 2016]", "[2016, 2015]", "ascend"),
        ("targets = { 2016 = 5 }", 'reading = "left"', "reading must be"),
        ("targets = { 2016 = 5 }", 'issues = 3', "indicators.0.issues"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_by_place(old: str, new: str, place: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError) as caught:
        parse_indicator_set(SMALL.replace(old, new))
    assert caught.value.code == "indicators-file-invalid"
    assert place in caught.value.en


def test_what_is_wrong_in_a_file_is_said_in_japanese_too() -> None:
    for old, new, words in [
        ("goal_year = 2016", "", "goal_year: 必須の項目がありません"),
        ("goal_year", "goal_yaer", "項目がありません"),
        ("kind =", "sort = 1\nkind =", "indicators.0.sort: 知らない項目です"),
        ("baseline = 3", 'baseline = "三"', "indicators.0.baseline: 値が正しくありません"),
    ]:
        with pytest.raises(InputError) as caught:
            parse_indicator_set(SMALL.replace(old, new))
        assert words in caught.value.ja


def test_readings_and_references_are_checked() -> None:
    two = '\n[[indicators.readings]]\nid = "a"\nname = { ja = "", en = "" }\n'
    for extra, place in [
        ('reading = "a"' + two, "not beside them"),
        ('[[issues]]\nnumber = 1\nja = ""\nen = ""\nindicators = ["9"]', "'9'"),
        (SMALL[SMALL.index("[[indicators]]") :], "same code"),
        (
            '[[budgets]]\nnumber = 1\nindicator = "9"\nname = { ja = "", en = "" }\nthousand_yen = { 2016 = 1 }',
            "'9'",
        ),
    ]:
        with pytest.raises(InputError) as caught:
            parse_indicator_set(SMALL + extra)
        assert place in caught.value.en
    with pytest.raises(NotFoundError):
        parse_indicator_set(SMALL).indicator("2")
