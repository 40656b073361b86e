"""The policy sheet: its indicators with targets and budgets, and their table with the actual values of each year.

``indicators.toml`` is written by a person (docs/counting.md explains each key). Values are exact decimals from the
file to the printed cell. A year without an actual shows 「—」, never 0; how an actual is measured against its target
is in :mod:`coverage.domain.achievement`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from coverage.domain.achievement import AchievementRule, Better, decimal_of, format_number
from coverage.domain.counting_findings import Finding, written
from coverage.domain.known_ledger import known_footnotes
from coverage.domain.ledger import Actual, Footnote
from coverage.errors import InputError, NotFoundError

MISSING: Final = "—"
"""Printed where there is no value."""

Kind = Literal["per_year", "cumulative"]
ActualSource = Literal["decided", "counted", "reported", "baseline", ""]

_WRONG_JA: Final = {"missing": "必須の項目がありません", "extra_forbidden": "知らない項目です"}


def _number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


_Value = Annotated[Decimal, Field(ge=0, allow_inf_nan=False), PlainSerializer(_number, when_used="json")]
"""Exact inside; a number, not text, in JSON."""
_Year = Annotated[int, Field(ge=1926, le=2199)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(_Table):
    """One text in Japanese and English."""

    ja: str
    en: str

    def text(self, lang: str) -> str:
        return self.en if lang == "en" else self.ja


class Reading(_Table):
    """One way to read a row of the sheet whose cells are unclear."""

    id: str
    name: Bilingual
    baseline: _Value | None = None
    targets: dict[_Year, _Value] = Field(default_factory=dict)


class Indicator(_Table):
    """One row of the sheet. ``targets`` by western fiscal year; ``baseline`` is the 現状値 of the set's base year."""

    code: str
    name: Bilingual
    group: Literal["prefecture", "activity"]
    better: Better
    kind: Kind
    unit: Bilingual
    decimals: Annotated[int, Field(ge=0, le=6)] = 0
    baseline: _Value | None = None
    targets: dict[_Year, _Value] = Field(default_factory=dict)
    project: Bilingual | None = None
    meaning: Bilingual | None = None
    target_basis: Bilingual | None = None
    note: Bilingual | None = None
    reading: str | None = None
    """Id of the reading in force; its baseline and targets then are the row's."""
    readings: list[Reading] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_source_of_targets(self) -> Indicator:
        ids = [reading.id for reading in self.readings]
        if len(set(ids)) != len(ids):
            raise ValueError("two readings have the same id")
        if (self.reading is None) != (not ids) or (self.reading is not None and self.reading not in ids):
            raise ValueError(f"reading must be the id of one of the readings {ids}")
        if ids and (self.targets or self.baseline is not None):
            raise ValueError("targets and baseline stand in the readings, not beside them")
        return self

    def in_force(self) -> Indicator | Reading:
        """Where baseline and targets are taken from."""
        return next((r for r in self.readings if r.id == self.reading), self)

    def format(self, value: Decimal | int | float | None, lang: str = "ja") -> str:
        """「22,658件」, "22,658 applications", 「80.0%」; 「—」 for None."""
        if value is None:
            return MISSING
        unit = self.unit.text(lang)
        gap = " " if lang == "en" and unit not in ("", "%") else ""
        return f"{format_number(value, self.decimals)}{gap}{unit}"


class Statement(_Table):
    """One numbered issue (現状と課題) or direction (取組方向), in our own words."""

    number: int
    ja: str
    en: str
    indicators: list[str] = Field(default_factory=list)

    def text(self, lang: str) -> str:
        return self.en if lang == "en" else self.ja


class Budget(_Table):
    """One of the main projects (主な事業) with its budget by western fiscal year."""

    number: int
    name: Bilingual
    indicator: str
    thousand_yen: dict[_Year, Annotated[int, Field(ge=0)]]
    project: Bilingual | None = None
    summary: Bilingual | None = None


class Neighbour(_Table):
    """A system around this one that the sheet names."""

    name: Bilingual
    note: Bilingual


class IndicatorSet(_Table):
    """The whole sheet. Never changed in place."""

    format: Literal["coverage-gap-indicators/1"]
    title: Bilingual
    department: Bilingual
    source: Bilingual
    base_year: _Year
    fiscal_years: Annotated[list[_Year], Field(min_length=1)]
    goal_year: _Year
    vision: Bilingual
    goal: Bilingual
    indicators: Annotated[list[Indicator], Field(min_length=1)]
    issues: list[Statement] = Field(default_factory=list)
    directions: list[Statement] = Field(default_factory=list)
    budgets: list[Budget] = Field(default_factory=list)
    systems: list[Neighbour] = Field(default_factory=list)

    @model_validator(mode="after")
    def _codes_fit(self) -> IndicatorSet:
        codes = [indicator.code for indicator in self.indicators]
        if len(set(codes)) != len(codes):
            raise ValueError("two indicators have the same code")
        if self.fiscal_years != sorted(set(self.fiscal_years)):
            raise ValueError("fiscal_years ascend, each once")
        named = [code for part in (*self.issues, *self.directions) for code in part.indicators]
        unknown = sorted({*named, *(budget.indicator for budget in self.budgets)} - set(codes))
        if unknown:
            raise ValueError(f"issues, directions or budgets name indicators that do not exist: {unknown}")
        return self

    def indicator(self, code: str) -> Indicator:
        """Raises NotFoundError "indicator-not-found"."""
        for indicator in self.indicators:
            if indicator.code == code:
                return indicator
        raise NotFoundError(
            "indicator-not-found",
            f"指標 {code} は施策シートにありません。",
            f"The policy sheet has no indicator {code}.",
        )

    def with_reading(self, code: str, reading: str) -> IndicatorSet:
        """The same set with another reading of one row in force. Raises NotFoundError for an unknown id."""
        indicator = self.indicator(code)
        if reading not in {r.id for r in indicator.readings}:
            raise NotFoundError(
                "indicator-reading-not-found",
                f"指標 {code} に読み方「{reading}」はありません。",
                f"Indicator {code} has no reading '{reading}'.",
            )
        changed = indicator.model_copy(update={"reading": reading})
        rows = [changed if row.code == code else row for row in self.indicators]
        return self.model_copy(update={"indicators": rows})

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON: numbers are numbers, years are text keys as JSON has them."""
        plain: dict[str, Any] = _plain(self.model_dump())
        return plain


def parse_indicator_set(text: str, *, readings: Mapping[str, str] | None = None) -> IndicatorSet:
    """The set written in ``text`` (TOML), with ``readings`` (code → id) in force instead of the file's own.

    Raises InputError "indicators-file-invalid" that names the place, NotFoundError for an unknown code or reading.
    """
    found = _parsed(text)
    for code, reading in (readings or {}).items():
        found = found.with_reading(code, reading)
    return found


def _parsed(text: str) -> IndicatorSet:
    try:
        return IndicatorSet.model_validate(tomllib.loads(text, parse_float=Decimal))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _bad_file(f"TOML の書式の誤り: {error}", str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "indicators.toml"
        raise _bad_file(
            f"{where}: {_WRONG_JA.get(first['type'], '値が正しくありません')}", f"{where}: {first['msg']}"
        ) from None


@dataclass(frozen=True, slots=True)
class CountedValue:
    """The count's value for one fiscal year; ``total`` None = 開始値未登録, then only ``increase`` is known."""

    total: int | None
    increase: int
    provisional: bool = False
    """The fiscal year had not ended on the day that the count looks from."""


@dataclass(frozen=True, slots=True)
class IndicatorCell:
    fiscal_year: int
    target: Decimal | None
    actual: Decimal | None
    source: ActualSource
    achievement: Decimal | None
    achievement_class: int | None
    met: bool | None
    """Whether the actual reaches the target, judged on exact values (0.995 prints as 1.00 and is not met)."""
    provisional: bool = False
    counted: int | None = None
    """The count's total where a decided actual stands in its place."""
    increase_only: int | None = None
    """The increase, where no opening balance is registered."""
    citation: str = ""
    footnotes: tuple[Finding, ...] = ()
    """What people wrote to the value, in the order of entry."""

    @property
    def achievement_text(self) -> str:
        if self.achievement is None:
            return MISSING
        return "∞" if self.achievement.is_infinite() else f"{self.achievement:.2f}"

    def note(self, lang: str) -> str:
        """What a reader has to know about the actual, or ""."""
        en = lang == "en"
        parts = []
        if self.increase_only is not None:
            parts.append(
                f"no opening balance registered, increase {self.increase_only:+,}"
                if en
                else f"開始値未登録（増加分 {self.increase_only:+,}）"
            )
        if self.counted is not None and self.counted != self.actual:
            parts.append(
                f"the ledger counts {self.counted:,}" if en else f"台帳からの集計値は {self.counted:,}"
            )
        if self.provisional:
            parts.append("year not ended" if en else "年度途中")
        return ("; " if en else "、").join(parts)

    def remarks(self, lang: str) -> str:
        """:meth:`note` and what people wrote after it, for one cell of a table; or ""."""
        said = [self.note(lang), *(footnote.text(lang) for footnote in self.footnotes)]
        return ("; " if lang == "en" else "；").join(part for part in said if part)


@dataclass(frozen=True, slots=True)
class IndicatorRow:
    indicator: Indicator
    cells: tuple[IndicatorCell, ...]


@dataclass(frozen=True, slots=True)
class IndicatorTable:
    """Rows × fiscal years, ready for page, CSV and API."""

    fiscal_years: tuple[int, ...]
    base_year: int
    rows: tuple[IndicatorRow, ...]
    rule: AchievementRule

    def as_dict(self) -> dict[str, Any]:
        """For JSON: numbers as numbers, texts in both languages."""
        return {
            "fiscal_years": list(self.fiscal_years),
            "base_year": self.base_year,
            "rule": {
                "ja": self.rule.describe("ja"),
                "en": self.rule.describe("en"),
                "classes": [float(limit) for limit in self.rule.classes],
            },
            "rows": [
                {
                    **_plain(row.indicator.model_dump(exclude={"targets", "baseline"})),
                    "cells": [_cell_dict(row.indicator, cell) for cell in row.cells],
                }
                for row in self.rows
            ],
        }

    def csv_rows(self) -> list[dict[str, Any]]:
        """One row per indicator and fiscal year with the columns :data:`CSV_COLUMNS`."""
        return [
            {
                "indicator": row.indicator.code,
                "name_ja": row.indicator.name.ja,
                "name_en": row.indicator.name.en,
                "unit": row.indicator.unit.ja,
                "better": row.indicator.better,
                "kind": row.indicator.kind,
                "fiscal_year": cell.fiscal_year,
                "target": _number(cell.target),
                "actual": _number(cell.actual),
                "actual_source": cell.source,
                "achievement": cell.achievement_text if cell.achievement is not None else None,
                "note_ja": cell.remarks("ja"),
                "note_en": cell.remarks("en"),
            }
            for row in self.rows
            for cell in row.cells
        ]


CSV_COLUMNS: Final = (
    "indicator", "name_ja", "name_en", "unit", "better", "kind", "fiscal_year", "target", "actual", "actual_source",
    "achievement", "note_ja", "note_en",
)  # fmt: skip


def indicator_table(
    indicator_set: IndicatorSet,
    actuals: Iterable[Actual],
    *,
    counted: Mapping[int, CountedValue] | None = None,
    counted_indicator: str = "",
    rule: AchievementRule | None = None,
    fiscal_years: Sequence[int] | None = None,
    as_of: datetime | None = None,
    footnotes: Iterable[Footnote] = (),
) -> IndicatorTable:
    """The table of all indicators.

    ``counted`` is the ledger's count by fiscal year for ``counted_indicator``. Where several sources give an actual:
    a decided one (with ``decided_on``) first, then the count, then a reported one, then the sheet's baseline; the
    cell says which. Of several actuals for one cell the one recorded last holds; those recorded after ``as_of``
    (aware) are not seen, nor are ``footnotes``.
    """
    rule = rule or AchievementRule()
    years = tuple(fiscal_years) if fiscal_years is not None else tuple(indicator_set.fiscal_years)
    known = _latest_actuals(actuals, as_of)
    said: dict[tuple[str, int], list[Finding]] = {}
    for footnote in known_footnotes(footnotes, as_of):
        said.setdefault((footnote.indicator, footnote.fiscal_year), []).append(written(footnote))
    rows = []
    for indicator in indicator_set.indicators:
        counts = (counted or {}) if indicator.code == counted_indicator else {}
        base = indicator_set.base_year
        cells = [
            replace(
                _cell(indicator, fy, base, known.get((indicator.code, fy)), counts.get(fy), rule),
                footnotes=tuple(said.get((indicator.code, fy), ())),
            )
            for fy in years
        ]
        rows.append(IndicatorRow(indicator, tuple(cells)))
    return IndicatorTable(years, indicator_set.base_year, tuple(rows), rule)


def _cell(
    indicator: Indicator,
    fy: int,
    base_year: int,
    actual: Actual | None,
    count: CountedValue | None,
    rule: AchievementRule,
) -> IndicatorCell:
    stated = indicator.in_force()
    target = stated.targets.get(fy)
    value: Decimal | None = None
    source: ActualSource = ""
    if actual is not None and actual.decided_on is not None:
        value, source = decimal_of(actual.value), "decided"
    elif count is not None and count.total is not None:
        value, source = Decimal(count.total), "counted"
    elif actual is not None:
        value, source = decimal_of(actual.value), "reported"
    elif fy == base_year and stated.baseline is not None:
        value, source = stated.baseline, "baseline"
    achievement = None
    met = None
    if value is not None and target is not None:
        achievement = rule.ratio(value, target, indicator.better)
        met = value >= target if indicator.better == "higher" else value <= target
    return IndicatorCell(
        fiscal_year=fy,
        target=target,
        actual=value,
        source=source,
        achievement=achievement,
        achievement_class=rule.class_of(achievement),
        met=met,
        provisional=source == "counted" and count is not None and count.provisional,
        counted=count.total if count is not None and source == "decided" else None,
        increase_only=count.increase if count is not None and count.total is None and value is None else None,
        citation=actual.source if actual is not None and source in ("decided", "reported") else "",
    )


def _latest_actuals(actuals: Iterable[Actual], as_of: datetime | None) -> dict[tuple[str, int], Actual]:
    beginning = datetime.min.replace(tzinfo=UTC)
    seen = [a for a in actuals if as_of is None or a.recorded_at is None or a.recorded_at <= as_of]
    seen.sort(key=lambda a: (a.recorded_at or beginning, a.decided_on or date.min))
    return {(a.indicator, a.fiscal_year): a for a in seen}


def _cell_dict(indicator: Indicator, cell: IndicatorCell) -> dict[str, Any]:
    texts = {
        f"{name}_text_{lang}": indicator.format(value, lang)
        for name, value in (("target", cell.target), ("actual", cell.actual))
        for lang in ("ja", "en")
    }
    infinite = cell.achievement is not None and cell.achievement.is_infinite()
    return {
        "fiscal_year": cell.fiscal_year,
        "target": _number(cell.target),
        "actual": _number(cell.actual),
        "actual_source": cell.source,
        "achievement": None if infinite else _number(cell.achievement),
        "achievement_text": cell.achievement_text,
        "achievement_class": cell.achievement_class,
        "met": cell.met,
        "provisional": cell.provisional,
        "counted": cell.counted,
        "increase_only": cell.increase_only,
        "citation": cell.citation,
        "note": {"ja": cell.note("ja"), "en": cell.note("en")},
        **texts,
        # Only where somebody wrote one: a run without is the same to the byte as before there were any.
        **({"footnotes": [{"ja": f.ja, "en": f.en} for f in cell.footnotes]} if cell.footnotes else {}),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return _number(value) if isinstance(value, Decimal) else value


def _bad_file(ja: str, en: str) -> InputError:
    return InputError(
        "indicators-file-invalid",
        f"指標ファイル indicators.toml を読めません（{ja}）。その箇所を直してください。",
        f"The indicator file indicators.toml cannot be read ({en}); correct that place.",
    )
