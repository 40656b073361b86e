"""The cumulative count of sites built for no-signal areas (整備数（累計）): product.md §2, complete.

    count(FY) = opening balance of FY0
              + masts that qualify, FY0 < fiscal year of first service <= FY
              + restatements effective up to FY

What each rule means in detail, and the test that fails when it is broken: docs/counting.md. Which masts qualify is
decided in :mod:`coverage.domain.qualification`; here they become a series of fiscal years, in which a published year
keeps its printed value and what became known later is reported in the first open year.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from coverage.domain.count_result import CountResult, CountYear, State
from coverage.domain.counting_checks import Predicted, check
from coverage.domain.counting_findings import Finding, SiteVerdict, Verdict, finding, written
from coverage.domain.district_register import register_year
from coverage.domain.fiscal import first_day, fiscal_year, last_day, tokyo_date
from coverage.domain.known_ledger import (
    BEGINNING,
    KnownLedger,
    frozen_at,
    known_ledger,
    last_recorded,
    moment,
)
from coverage.domain.ledger import Ledger, OpeningBalance, Restatement, Status
from coverage.domain.qualification import Judged, Judgement, Mast, judge
from coverage.domain.region import CountingConfig
from coverage.errors import ConflictError, InputError

__all__ = ["CountResult", "CountYear", "SiteVerdict", "State", "Verdict", "check_allocation", "count"]


@dataclass(frozen=True)
class _Entry:
    """Something that adds to the series: of its own year, and reported in a later one if it was late."""

    own_fy: int
    reported_fy: int
    amount: int
    mast: Mast | None = None
    restatement: Restatement | None = None

    @property
    def late(self) -> bool:
        return self.reported_fy != self.own_fy


def count(
    ledger: Ledger,
    *,
    rule: CountingConfig,
    fiscal_years: Sequence[int],
    as_of: datetime | date | None = None,
    valid_on: date | None = None,
    predicted_people: Predicted | None = None,
) -> CountResult:
    """Count the sites of ``ledger`` in each of ``fiscal_years`` (western).

    ``as_of`` hides what became known later (an aware datetime, or a date for the end of that day in Tokyo);
    ``valid_on`` hides what happened later. ``predicted_people`` gives the people that the radio model finds served,
    by (site_id, district_id): it never decides, it only warns where it is 0.

    Raises ConflictError "allocations-exceed-opening", "allocation-without-opening" or "opening-balance-ambiguous",
    InputError "no-fiscal-years", "time-without-zone" or "municipality-mergers-circular".
    """
    if not fiscal_years:
        raise InputError("no-fiscal-years", "集計する年度がありません。", "There is no fiscal year to count.")
    seen_at = None if as_of is None else moment(as_of)
    known = known_ledger(ledger, seen_at)
    judged = judge(known, rule=rule, mergers=ledger.municipality_mergers, valid_on=valid_on)
    _check_allocations(known, judged)
    frozen = {fy for fy in known.frozen if valid_on is None or last_day(fy) <= valid_on}
    then = _as_published(ledger, known, judged, frozen, rule, seen_at, valid_on)
    entries = _entries(known, judged, frozen, then)
    expected = _expected(known, judged, frozen, valid_on)
    late = {e.mast.mast_id: e.reported_fy for e in entries if e.mast is not None and e.late}
    series = _Series(known, judged, frozen, entries, expected, valid_on, rule.indicator)
    years = series.years(sorted(set(fiscal_years)))
    in_ledger = [j.mast for j in judged.judgements.values() if _in_total(j)]
    return CountResult(
        indicator=rule.indicator,
        years=years,
        verdicts=_verdicts(judged, late, expected, valid_on),
        findings=tuple(
            sorted(
                [
                    *check(
                        known, judged, expected=expected, predicted_people=predicted_people, valid_on=valid_on
                    ),
                    *_check_publications(known, frozen, then),
                ],
                key=lambda f: (f.rule, f.code, f.site_ids, f.district_ids, f.fiscal_year or 0),
            )
        ),
        opening=known.opening,
        in_operation_now=sum(_operates(known, mast, valid_on) for mast in in_ledger),
        in_ledger=len(in_ledger),
        rule=rule,
        as_of=seen_at,
        valid_on=valid_on,
    )


def check_allocation(ledger: Ledger, site_id: str) -> None:
    """Whether one more historical site can be allocated to the opening balance.

    Raises ConflictError "allocations-exceed-opening" or "allocation-without-opening". For the store, before it
    records an allocation; one that exists already is no further one.
    """
    known = known_ledger(ledger)
    _refuse_allocations(known.opening, len(known.allocated | {site_id}))


def _check_allocations(known: KnownLedger, judged: Judged) -> None:
    _refuse_allocations(known.opening, len({judged.masts.mast_id(site_id) for site_id in known.allocated}))


def _refuse_allocations(opening: OpeningBalance | None, number: int) -> None:
    if number and opening is None:
        raise ConflictError(
            "allocation-without-opening",
            f"開始値が未登録のため、過去の基地局 {number} 局を割り当てられません。先に開始値を登録してください。",
            f"{number} historical sites cannot be allocated, because no opening balance is registered; "
            "register it first.",
        )
    if opening is not None and number > opening.value:
        raise ConflictError(
            "allocations-exceed-opening",
            f"開始値 {opening.value} に対して {number} 局が割り当てられています。割り当てか開始値を直してください。",
            f"{number} sites are allocated to an opening balance of {opening.value}; correct one of them.",
        )


def _in_total(judgement: Judgement) -> bool:
    return judgement.counted or judgement.code is Verdict.IN_OPENING_BALANCE


def _operates(known: KnownLedger, mast: Mast, day: date | None) -> bool:
    """On the air on ``day``. A historical site without a date has been on the air since before the ledger began."""
    if (
        mast.start.day is None
        and known.allocated
        and any(site_id in known.allocated for site_id in mast.site_ids)
    ):
        return any(
            site.status is Status.IN_SERVICE
            or (day is not None and site.closed_on is not None and day < site.closed_on)
            for site in mast.members
        )
    return mast.operates(day)


@dataclass(frozen=True)
class _Publication:
    """What the ledger said when a year was published."""

    value: int | None
    counted_sites: Mapping[str, int]


def _as_published(
    ledger: Ledger,
    known: KnownLedger,
    judged: Judged,
    frozen: Iterable[int],
    rule: CountingConfig,
    as_of: datetime | None,
    valid_on: date | None,
) -> dict[int, _Publication]:
    """For each frozen year the ledger as known at its publication, judged anew where anything came later."""
    newest = last_recorded(ledger)
    passes: dict[datetime, tuple[KnownLedger, Judged]] = {}
    publications = {}
    for fy in sorted(frozen):
        at = frozen_at(known.frozen[fy])
        at = at if as_of is None else min(at, as_of)
        if at not in passes:
            # The restatements still have to be those of then; only the judgement can be taken over.
            then = known_ledger(ledger, at)
            passes[at] = (
                then,
                (
                    judged
                    if newest <= at
                    else judge(then, rule=rule, mergers=ledger.municipality_mergers, valid_on=valid_on)
                ),
            )
        then, judged_then = passes[at]
        value = None
        if then.opening is not None and fy >= then.opening.fiscal_year:
            masts = sum(j.counted and (j.fiscal_year or 0) <= fy for j in judged_then.judgements.values())
            restated = sum(r.amount for r in then.restatements if r.effective_fy <= fy)
            value = then.opening.value + masts + restated
        publications[fy] = _Publication(value, judged_then.counted_sites)
    return publications


def _check_publications(
    known: KnownLedger, frozen: Iterable[int], then: Mapping[int, _Publication]
) -> list[Finding]:
    found = [finding("frozen-twice", fiscal_year=fy) for fy in known.frozen_again]
    for fy in frozen:
        computed, printed = then[fy].value, known.frozen[fy].value
        if computed is not None and computed != printed:
            found.append(finding("frozen-differs", fiscal_year=fy, printed=printed, computed=computed))
    return found


def _first_open(fy: int, frozen: Iterable[int]) -> int:
    closed = set(frozen)
    while fy in closed:
        fy += 1
    return fy


def _entries(
    known: KnownLedger, judged: Judged, frozen: set[int], then: Mapping[int, _Publication]
) -> list[_Entry]:
    """Counted masts and restatements with the year they belong to and the year that reports them."""
    entries = []
    for judgement in judged.judgements.values():
        fy = judgement.fiscal_year
        if not judgement.counted or fy is None:
            continue
        reported = fy
        if fy in frozen:
            printed = then[fy].counted_sites
            if not any(printed.get(site_id, fy + 1) <= fy for site_id in judgement.mast.site_ids):
                reported = _first_open(fy, frozen)
        entries.append(_Entry(fy, reported, 1, mast=judgement.mast))
    for row in known.restatements:
        reported = row.effective_fy
        if reported in frozen and (row.recorded_at or BEGINNING) > frozen_at(known.frozen[reported]):
            reported = _first_open(reported, frozen)
        entries.append(_Entry(row.effective_fy, reported, row.amount, restatement=row))
    return entries


def _expected(
    known: KnownLedger, judged: Judged, frozen: Iterable[int], valid_on: date | None
) -> dict[str, int]:
    """Fiscal year in which each mast not in service yet is expected to count, by mast id; never a closed one."""
    now = fiscal_year(valid_on) if valid_on is not None else 0
    since = known.opening.fiscal_year if known.opening is not None else 0
    expected = {}
    for mast_id, judgement in judged.judgements.items():
        if not judgement.forecast:
            continue
        planned = judgement.mast.start.fiscal_year or judgement.mast.primary.planned_fy
        if planned is not None:
            fy = _first_open(max(planned, now), frozen)
            if fy > since:
                expected[mast_id] = fy
    return expected


@dataclass(frozen=True)
class _Series:
    known: KnownLedger
    judged: Judged
    frozen: set[int]
    entries: list[_Entry]
    expected: Mapping[str, int]
    valid_on: date | None
    indicator: str

    def years(self, fiscal_years: Iterable[int]) -> tuple[CountYear, ...]:
        return tuple(self._year(fy) for fy in fiscal_years)

    def _year(self, fy: int) -> CountYear:
        opening = self.known.opening
        day = last_day(fy) if self.valid_on is None else min(last_day(fy), self.valid_on)
        begun = self.valid_on is None or first_day(fy) <= self.valid_on
        covered = opening is not None and fy >= opening.fiscal_year
        recomputed = None
        if opening is not None and covered:
            recomputed = opening.value + sum(e.amount for e in self.entries if e.own_fy <= fy)
        reported = [e for e in self.entries if e.reported_fy == fy]
        expected = tuple(sorted(mast_id for mast_id, year in self.expected.items() if year == fy))
        ahead = sum(year <= fy for year in self.expected.values())
        published = self.known.frozen[fy] if fy in self.frozen else None
        state: State
        total: int | None
        if not begun:
            state, total = "not-begun", None
        elif published is not None:
            state, total = "frozen", published.value
        elif opening is None:
            state, total = "opening-unregistered", None
        elif not covered:
            state, total = "before-opening", None
        else:
            state, total = "open", recomputed
        masts = [e.mast for e in self.entries if e.mast is not None and e.own_fy <= fy]
        allocated = [j.mast for j in self.judged.judgements.values() if j.code is Verdict.IN_OPENING_BALANCE]
        return CountYear(
            fiscal_year=fy,
            state=state,
            total=total,
            recomputed=recomputed if begun else None,
            provisional=begun and day < last_day(fy),
            published_on=published.published_on if published is not None else None,
            increase=sum(e.amount for e in reported),
            cumulative_increase=sum(e.amount for e in self.entries if e.reported_fy <= fy),
            new_site_ids=_mast_ids(e for e in reported if not e.late),
            late_site_ids=_mast_ids(e for e in reported if e.late),
            restated=sum(e.amount for e in reported if e.restatement is not None),
            in_operation=sum(_operates(self.known, mast, day) for mast in (*masts, *allocated)),
            register=register_year(self.known.districts, fy, valid_on=self.valid_on),
            forecast_site_ids=expected,
            forecast_total=None if recomputed is None else recomputed + ahead,
            by_municipality=dict(Counter(mast.municipality for mast in masts)),
            footnotes=self._footnotes(fy, reported, published is not None, recomputed),
        )

    def _footnotes(
        self, fy: int, reported: list[_Entry], published: bool, recomputed: int | None
    ) -> tuple[Finding, ...]:
        notes = []
        if published and recomputed is not None and recomputed != self.known.frozen[fy].value:
            day = self.known.frozen[fy].published_on
            notes.append(finding("frozen", fiscal_year=fy, day=day, computed=recomputed))
        late = _mast_ids(e for e in reported if e.late)
        if late:
            notes.append(finding("late-entries", site_ids=late, fiscal_year=fy, number=len(late)))
        for entry in self.entries:
            row = entry.restatement
            if row is None or fy not in (entry.own_fy, entry.reported_fy):
                continue
            recorded = tokyo_date(row.recorded_at) if row.recorded_at is not None else None
            notes.append(
                finding(
                    "restatement",
                    fiscal_year=row.effective_fy,
                    day=recorded,
                    amount=row.amount,
                    author=row.author,
                    reason=row.reason,
                )
            )
        # What a person wrote comes after what the count found by itself.
        notes += [
            written(row)
            for row in self.known.footnotes
            if row.indicator == self.indicator and row.fiscal_year == fy
        ]
        return tuple(notes)


def _mast_ids(entries: Iterable[_Entry]) -> tuple[str, ...]:
    return tuple(sorted(e.mast.primary.site_id for e in entries if e.mast is not None))


def _verdicts(
    judged: Judged, late: Mapping[str, int], expected: Mapping[str, int], valid_on: date | None
) -> dict[str, SiteVerdict]:
    """One verdict for every site id; of a mast with several ids the first in service carries the mast's."""
    verdicts: dict[str, SiteVerdict] = {}
    for mast_id, judgement in judged.judgements.items():
        mast, start = judgement.mast, judgement.mast.start
        on_air = mast.operates(valid_on)
        code = Verdict.COUNTED_LATE if mast_id in late else judgement.code
        other = mast.primary.replaces if code is Verdict.REPLACEMENT else None
        verdicts[mast.primary.site_id] = SiteVerdict(
            site_id=mast.primary.site_id,
            code=code,
            fiscal_year=judgement.fiscal_year,
            reported_fy=late.get(mast_id, judgement.fiscal_year if judgement.counted else None),
            service_day=start.day,
            precision=start.precision,
            district_ids=judgement.district_ids,
            other_site_id=judgement.near.other if judgement.near is not None else other,
            distance_m=judgement.near.distance_m if judgement.near is not None else None,
            missing=judgement.missing,
            in_operation=on_air,
            forecast_fy=expected.get(mast_id),
        )
        for site in mast.members:
            if site is not mast.primary:
                verdicts[site.site_id] = SiteVerdict(
                    site.site_id, Verdict.SAME_MAST, other_site_id=mast.primary.site_id, in_operation=on_air
                )
    return {site_id: verdicts[site_id] for site_id in sorted(verdicts)}
