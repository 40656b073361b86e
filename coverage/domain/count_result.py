"""What the count returns: the series of fiscal years, the verdict on every site, and what people have to answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from coverage.domain.counting_findings import Finding, SiteVerdict, Verdict, rule_text, scope_text
from coverage.domain.district_register import RegisterYear
from coverage.domain.indicators import CountedValue
from coverage.domain.ledger import OpeningBalance
from coverage.domain.region import CountingConfig

State = Literal["open", "frozen", "opening-unregistered", "before-opening", "not-begun"]


@dataclass(frozen=True, slots=True)
class CountYear:
    """The count in one fiscal year (western).

    ``total`` is the value to print: the published one of a frozen year, else the formula's; None where there is no
    opening balance (state "opening-unregistered": print 開始値未登録 and the increase), the year lies before it, or
    the year has not begun on ``valid_on``. ``recomputed`` is the formula's value with all that is known.
    """

    fiscal_year: int
    state: State
    total: int | None
    recomputed: int | None
    provisional: bool
    """The year had not ended on ``valid_on``."""
    published_on: date | None
    increase: int
    """What this year adds to the printed series: new sites, late entries and restatements."""
    cumulative_increase: int
    """The same from the beginning of the ledger up to this year."""
    new_site_ids: tuple[str, ...]
    late_site_ids: tuple[str, ...]
    """追補: sites of frozen years that are reported here."""
    restated: int
    in_operation: int
    """Of the counted and allocated masts of the ledger, those on the air at the end of the year."""
    register: RegisterYear
    forecast_site_ids: tuple[str, ...]
    """Masts not in service yet that are expected to count in this year."""
    forecast_total: int | None
    """``recomputed`` and everything expected up to this year; never mixed into ``total``."""
    by_municipality: dict[str, int]
    """Counted masts up to this year by present municipality code, without the opening balance."""
    footnotes: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "fiscal_year": self.fiscal_year,
            "state": self.state,
            "total": self.total,
            "recomputed": self.recomputed,
            "provisional": self.provisional,
            "published_on": _iso(self.published_on),
            "increase": self.increase,
            "cumulative_increase": self.cumulative_increase,
            "new_site_ids": list(self.new_site_ids),
            "late_site_ids": list(self.late_site_ids),
            "restated": self.restated,
            "in_operation": self.in_operation,
            "districts_registered": self.register.registered,
            "districts_declined": self.register.declined,
            "register_people": self.register.registered_people,
            "declined_people": self.register.declined_people,
            "districts_resolved_confirmed": self.register.resolved,
            "districts_resolved_confirmed_in_year": self.register.resolved_in_year,
            "forecast_site_ids": list(self.forecast_site_ids),
            "forecast_total": self.forecast_total,
            "by_municipality": dict(sorted(self.by_municipality.items())),
            "footnotes": [note.as_dict() for note in self.footnotes],
        }


@dataclass(frozen=True)
class CountResult:
    """The series, the verdict on every site, and what people have to answer or to know."""

    indicator: str
    years: tuple[CountYear, ...]
    verdicts: dict[str, SiteVerdict]
    findings: tuple[Finding, ...]
    opening: OpeningBalance | None
    in_operation_now: int
    """Of ``in_ledger`` masts, those on the air on ``valid_on`` (or now)."""
    in_ledger: int
    """Masts of the ledger that are counted or allocated to the opening balance."""
    rule: CountingConfig
    as_of: datetime | None = None
    valid_on: date | None = None

    def year(self, fy: int) -> CountYear:
        """Raises KeyError for a year that was not asked for."""
        for year in self.years:
            if year.fiscal_year == fy:
                return year
        raise KeyError(fy)

    @property
    def questions(self) -> tuple[Finding, ...]:
        """Findings that wait for a person's answer."""
        return tuple(f for f in self.findings if f.severity == "question")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity == "warning")

    @property
    def unclassified(self) -> tuple[SiteVerdict, ...]:
        """区分未確認: sites that only lack their tags."""
        return tuple(v for v in self.verdicts.values() if v.code is Verdict.UNCLASSIFIED)

    def for_indicators(self) -> dict[int, CountedValue]:
        """The series as :func:`coverage.domain.indicators.indicator_table` takes it; years not begun are left out."""
        return {
            year.fiscal_year: CountedValue(year.total, year.cumulative_increase, year.provisional)
            for year in self.years
            if year.state not in ("not-begun", "before-opening")
        }

    def as_dict(self) -> dict[str, Any]:
        """For JSON; verdicts in order of site_id."""
        opening = self.opening
        return {
            "indicator": self.indicator,
            "as_of": self.as_of.isoformat() if self.as_of is not None else None,
            "valid_on": _iso(self.valid_on),
            "rule": {"ja": rule_text(self.rule, "ja"), "en": rule_text(self.rule, "en")},
            "scope": {"ja": scope_text(self.rule, "ja"), "en": scope_text(self.rule, "en")},
            "opening": None
            if opening is None
            else {
                "fiscal_year": opening.fiscal_year,
                "value": opening.value,
                "source": opening.source,
                "decided_on": _iso(opening.decided_on),
            },
            "in_operation_now": self.in_operation_now,
            "in_ledger": self.in_ledger,
            "years": [year.as_dict() for year in self.years],
            "findings": [found.as_dict() for found in self.findings],
            "verdicts": [self.verdicts[site_id].as_dict() for site_id in sorted(self.verdicts)],
        }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
