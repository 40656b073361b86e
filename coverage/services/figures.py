"""The count and the indicators straight from the ledger, without a run: seconds, and with a look back in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from coverage.domain import fiscal
from coverage.domain.achievement import AchievementRule
from coverage.domain.count_result import CountResult, CountYear
from coverage.domain.counting import count
from coverage.domain.indicators import indicator_table, parse_indicator_set
from coverage.errors import InputError, RegionError
from coverage.services.context import AppContext
from coverage.services.ledger import ledger_of


def count_series(
    context: AppContext,
    *,
    fiscal_years: str | None = None,
    as_of: str | None = None,
    valid_on: str | None = None,
) -> CountResult:
    """The cumulative count. ``fiscal_years`` as typed ("28..31", "2016..2019"; default: the region's years).

    ``as_of``: ISO date or time with zone, what was known then; ``valid_on``: ISO date, what stood then.
    """
    years = list(context.config.fiscal_years) if fiscal_years is None else list(fiscal.parse_fiscal_years(fiscal_years))
    seen_at = known_at(as_of)
    region = ledger_of(context)
    return count(
        region.ledger,
        rule=region.config.counting,
        fiscal_years=years,
        as_of=seen_at,
        valid_on=_day("valid-on", valid_on),
    )


def count_as_dict(result: CountResult) -> dict[str, Any]:
    """For ``--json``."""
    return result.as_dict()


def count_lines(result: CountResult, *, explain: bool = False) -> Iterator[str]:
    """The series as a person reads it in a terminal, Japanese first; with ``explain`` every site's verdict."""
    data = result.as_dict()
    yield f"携帯電話不通話地域の整備数（累計）  指標 {result.indicator}"
    yield f"数え方: {data['scope']['ja']}"
    if result.opening is None:
        yield "開始値未登録（増加分のみ） / no opening balance registered: increase only"
    else:
        yield f"開始値: {fiscal.label_ja(result.opening.fiscal_year)} {result.opening.value} 基（{result.opening.source}）"
    for year in result.years:
        yield _year_line(year)
        for note in year.footnotes:
            yield f"    ※ {note.ja}"
    yield f"うち現在運用中 / in operation now: {result.in_operation_now} / {result.in_ledger}（台帳にある施設）"
    for finding in result.findings:
        mark = {"question": "？", "warning": "！"}.get(finding.severity, "※")
        yield f"{mark} {finding.ja}"
    if explain:
        for site_id in sorted(result.verdicts):
            verdict = result.verdicts[site_id]
            yield f"  {'+1' if verdict.counted else '  '} {site_id}  規則{verdict.rule}: {verdict.ja}"


def _year_line(year: CountYear) -> str:
    total = "—" if year.total is None else f"{year.total:,} 基"
    state = {
        "frozen": "公表済み",
        "opening-unregistered": "開始値未登録",
        "before-opening": "開始値より前",
        "not-begun": "未到来",
    }.get(year.state, "")
    parts = [f"{fiscal.label_ja(year.fiscal_year)}  {total}", f"（{year.increase:+d}）"]
    if state:
        parts.append(f"〔{state}〕")
    if year.provisional:
        parts.append("〔年度途中〕")
    if year.new_site_ids:
        parts.append("  " + "、".join(year.new_site_ids))
    return "".join(parts)


def indicator_figures(context: AppContext) -> dict[str, Any]:
    """The policy sheet's table with the count filled in, as data."""
    region = ledger_of(context)
    if not region.indicators_toml:
        raise RegionError(
            "indicators-missing",
            "この地域には指標の表（indicators）がありません。region.toml の [layers.indicators] に加えてください。",
            "This region has no indicator sheet; add [layers.indicators] to region.toml.",
        )
    rule = region.config.counting
    sheet = parse_indicator_set(region.indicators_toml, readings=rule.readings)
    counted = count(region.ledger, rule=rule, fiscal_years=list(sheet.fiscal_years))
    table = indicator_table(
        sheet,
        region.ledger.actuals,
        counted=counted.for_indicators(),
        counted_indicator=rule.indicator,
        rule=AchievementRule.from_config(rule),
        footnotes=region.ledger.footnotes,
    )
    return {"sheet": sheet.model_dump(mode="json"), "table": table.as_dict()}


def indicator_lines(figures: dict[str, Any], *, lang: str = "ja") -> Iterator[str]:
    """The table as text: one block per indicator, one line per fiscal year."""
    if lang not in {"ja", "en"}:
        raise InputError("lang-unknown", "--lang は ja か en です。", "--lang is ja or en.")
    label = fiscal.label_en if lang == "en" else fiscal.label_ja
    heads = ("target", "actual", "achievement") if lang == "en" else ("目標値", "実績値", "目標達成状況")
    yield figures["sheet"]["title"][lang]
    for row in figures["table"]["rows"]:
        yield f"{row['code']} {row['name'][lang]}（{row['unit'][lang]}）"
        for cell in row["cells"]:
            texts = (cell[f"target_text_{lang}"], cell[f"actual_text_{lang}"], cell["achievement_text"])
            values = "  ".join(f"{head} {text}" for head, text in zip(heads, texts, strict=True))
            note = cell["note"][lang]
            yield f"  {label(cell['fiscal_year'])}  {values}{'  ' + note if note else ''}"
            for footnote in cell.get("footnotes", ()):
                yield f"    ※ {footnote[lang]}"
        if row.get("note"):
            yield f"  ※ {row['note'][lang]}"
    yield figures["table"]["rule"][lang]


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            "date-not-iso",
            f"--{name} の「{text}」は日付として読めません。2018-03-31 の形で書いてください。",
            f"--{name} '{text}' is not a date; write it as 2018-03-31.",
        ) from None


def known_at(text: str | None) -> datetime | date | None:
    """``--as-of`` as typed: an ISO date, or a time with its zone. Raises InputError."""
    if text is None:
        return None
    if len(text) <= 10:
        return _day("as-of", text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(
            "time-not-iso",
            f"--as-of の「{text}」は時刻として読めません。2018-03-31T17:00:00+09:00 の形で書いてください。",
            f"--as-of '{text}' is not a time with a zone; write it as 2018-03-31T17:00:00+09:00.",
        )
    return moment

