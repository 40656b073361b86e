"""Editing what the series is made of: every change shown before it is recorded, receipted after, and undone where the
ledger allows it. The doors themselves are those of :mod:`coverage.services.journal`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from coverage.domain import fiscal
from coverage.domain.achievement import AchievementRule
from coverage.domain.count_result import CountResult
from coverage.domain.counting import count
from coverage.domain.counting_findings import Verdict
from coverage.domain.indicators import (
    IndicatorCell,
    IndicatorSet,
    indicator_table,
    parse_indicator_set,
)
from coverage.domain.ledger import Actual, Allocation, Ledger, OpeningBalance, Restatement
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.services import journal
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.ledger import as_of_today, ledger_of
from coverage.store.events import Kind, join_key
from coverage.store.protocol import Receipt, Store, Versioned

__all__ = [
    "ActualEntry",
    "ActualState",
    "FreezePreview",
    "SeriesMove",
    "Store",
    "actual_key",
    "actual_state",
    "allocatable_sites",
    "allocated_sites",
    "enter_actual",
    "entries",
    "opening_of",
    "preview_actual",
    "preview_allocation",
    "preview_freeze",
    "preview_opening",
    "preview_restatement",
    "sheet_of",
    "undo_actual",
    "undo_allocation",
    "undo_opening",
    "undo_restatement",
]
"""Also the store's type, which pages need for their signatures: pages know services only."""

_JOURNAL = Resource(Object.JOURNAL)
_ACTUAL = Resource(Object.ACTUAL)
MOST = 10**12
"""No actual of a policy sheet is larger; it is a slip of the finger."""


# --- Actuals -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ActualEntry:
    """What somebody enters for one indicator and fiscal year. ``decided_on`` None: reported, not decided."""

    indicator: str
    fiscal_year: int
    value: float
    source: str
    decided_on: date | None = None


@dataclass(frozen=True)
class ActualState:
    """The cell as it stands: what is entered (None = nothing) with the version to hand back, and what is printed."""

    entered: Actual | None
    version: int
    cell: IndicatorCell


def sheet_of(context: AppContext) -> IndicatorSet | None:
    """The region's policy sheet; None without one."""
    text = ledger_of(context).indicators_toml if context.config.layers.indicators is not None else ""
    return parse_indicator_set(text, readings=context.config.counting.readings) if text else None


def actual_key(indicator: str, fiscal_year: int) -> str:
    """The record's key in the ledger."""
    return join_key([indicator, fiscal_year])


def actual_state(
    context: AppContext, store: Store, sheet: IndicatorSet, indicator: str, fiscal_year: int
) -> ActualState:
    """One cell as it stands in the ledger now. Raises NotFoundError for an indicator or year that the sheet lacks."""
    _require_cell(sheet, indicator, fiscal_year)
    held = store.get(Kind.ACTUAL, actual_key(indicator, fiscal_year))
    cell = _cell(context, store.ledger(versions=True), sheet, indicator, fiscal_year)
    return ActualState(None if held is None else held.record, 0 if held is None else held.version, cell)


def preview_actual(
    context: AppContext, store: Store, sheet: IndicatorSet, entry: ActualEntry
) -> tuple[IndicatorCell, IndicatorCell]:
    """The printed cell before and after the entry; nothing is written. Raises InputError for a value that cannot be."""
    _check(sheet, entry)
    ledger = store.ledger(versions=True)
    others = tuple(
        a for a in ledger.actuals if (a.indicator, a.fiscal_year) != (entry.indicator, entry.fiscal_year)
    )
    stated = Actual(entry.indicator, entry.fiscal_year, entry.value, entry.source, entry.decided_on)
    after = replace(ledger, actuals=(*others, stated))
    where = (entry.indicator, entry.fiscal_year)
    return _cell(context, ledger, sheet, *where), _cell(context, after, sheet, *where)


def enter_actual(
    store: Store,
    sheet: IndicatorSet,
    entry: ActualEntry,
    *,
    expected_version: int,
    note: str,
    principal: Principal,
) -> Receipt:
    """Record an actual. ``expected_version``: what the editor saw (0 = nothing entered); ``note``: why, for the history.

    Raises EditConflictError, which says who was faster, InputError, PermissionDeniedError.
    """
    authorise(principal, Action.EDIT, _ACTUAL)
    _check(sheet, entry)
    if not entry.source.strip():
        raise InputError(
            "actual-without-source",
            "実績値の出典がありません。資料名と日付などを書いてください。",
            "The actual has no source; name the document it is from.",
        )
    values = {
        "indicator": entry.indicator,
        "fiscal_year": entry.fiscal_year,
        "value": float(entry.value),
        "source": entry.source.strip(),
        "decided_on": entry.decided_on,
    }
    return store.put(
        Kind.ACTUAL, values, by=principal.actor, expected_version=expected_version, reason=note.strip()
    )


def undo_actual(
    store: Store, indicator: str, fiscal_year: int, *, expected_version: int, principal: Principal
) -> Receipt:
    """Give the cell back what it held before its last change, as a new event; nothing entered before: it is taken out.

    Raises EditConflictError where somebody changed it since ``expected_version``, NotFoundError where nothing is entered.
    """
    authorise(principal, Action.EDIT, _ACTUAL)
    key = actual_key(indicator, fiscal_year)
    held = store.get(Kind.ACTUAL, key)
    if held is None:
        raise NotFoundError(
            "actual-not-entered",
            f"指標 {indicator} の{fiscal.label_ja(fiscal_year)}に入力された実績値はありません。",
            f"No actual is entered for indicator {indicator} in FY{fiscal_year}.",
        )
    before = store.get(Kind.ACTUAL, key, as_of=held.tx - 1)
    if before is None:
        return store.retire(
            Kind.ACTUAL, key, by=principal.actor, expected_version=expected_version, reason="取消し / undo"
        )
    old = before.record
    values = {
        "indicator": old.indicator,
        "fiscal_year": old.fiscal_year,
        "value": old.value,
        "source": old.source,
        "decided_on": old.decided_on,
    }
    return store.put(
        Kind.ACTUAL, values, by=principal.actor, expected_version=expected_version, reason="取消し / undo"
    )


def _require_cell(sheet: IndicatorSet, indicator: str, fiscal_year: int) -> None:
    sheet.indicator(indicator)
    if fiscal_year not in sheet.fiscal_years:
        raise NotFoundError(
            "fiscal-year-not-in-sheet",
            f"{fiscal.label_ja(fiscal_year)}は施策シートの年度にありません。シートにある年度を選んでください。",
            f"FY{fiscal_year} is not a year of the policy sheet; choose one of its years.",
        )


def _check(sheet: IndicatorSet, entry: ActualEntry) -> None:
    _require_cell(sheet, entry.indicator, entry.fiscal_year)
    indicator = sheet.indicator(entry.indicator)
    exact = Decimal(str(entry.value)) if math.isfinite(entry.value) else None
    if exact is None or not 0 <= exact <= MOST:
        raise InputError(
            "actual-out-of-range",
            f"実績値「{entry.value}」は使えません。0 以上の数にしてください。",
            f"The actual '{entry.value}' cannot be used; give a number of 0 or more.",
        )
    if exact != round(exact, indicator.decimals):
        raise InputError(
            "actual-too-fine",
            f"指標 {entry.indicator} は小数 {indicator.decimals} 桁までです。「{entry.value}」を丸めて入れてください。",
            f"Indicator {entry.indicator} has {indicator.decimals} decimals; round '{entry.value}'.",
        )


def _cell(
    context: AppContext, ledger: Ledger, sheet: IndicatorSet, indicator: str, fiscal_year: int
) -> IndicatorCell:
    rule = context.config.counting
    counted = count(as_of_today(ledger), rule=rule, fiscal_years=list(sheet.fiscal_years))
    table = indicator_table(
        sheet,
        ledger.actuals,
        counted=counted.for_indicators(),
        counted_indicator=rule.indicator,
        rule=AchievementRule.from_config(rule),
        footnotes=ledger.footnotes,
    )
    row = next(row for row in table.rows if row.indicator.code == indicator)
    return next(cell for cell in row.cells if cell.fiscal_year == fiscal_year)


# --- The journal of the count ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeriesMove:
    """One fiscal year of the cumulative count before and after a change; None = no value to print."""

    fiscal_year: int
    before: int | None
    after: int | None

    @property
    def moves(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class FreezePreview:
    """What publishing the count up to ``fiscal_year`` would fix: the printed series, the sites newly counted in the year
    itself, and how many questions are open. ``frozen``: years that were published before keep their value.
    ``unfinished``: the year still runs, and sites that begin later in it would never be part of its value."""

    fiscal_year: int
    series: tuple[tuple[int, int | None], ...]
    frozen: tuple[int, ...]
    site_ids: tuple[str, ...]
    questions: int
    value: int | None
    already: bool
    unfinished: bool


def opening_of(store: Store) -> OpeningBalance | None:
    """The opening balance in force: the one recorded last, as the count takes it; None where none is registered."""
    held = sorted(store.versioned(Kind.OPENING_BALANCE), key=lambda one: one.tx)
    return held[-1].record if held else None


def preview_opening(
    context: AppContext, store: Store, fiscal_year: int, value: int, *, source: str, decided_on: date | None
) -> tuple[SeriesMove, ...]:
    """The series before and after another opening balance. Raises ConflictError where more sites are allocated."""
    ledger = store.ledger(versions=True)
    kept = tuple(o for o in ledger.opening_balances if o.fiscal_year != fiscal_year)
    stated = OpeningBalance(fiscal_year, value, source, decided_on, datetime.now(UTC))
    return _moves(context, ledger, replace(ledger, opening_balances=(*kept, stated)))


def preview_allocation(context: AppContext, store: Store, site_id: str) -> tuple[SeriesMove, ...]:
    """The series before and after a site is taken as part of the opening balance: by the rule it stays."""
    ledger = store.ledger(versions=True)
    return _moves(context, ledger, replace(ledger, allocations=(*ledger.allocations, Allocation(site_id))))


def preview_restatement(
    context: AppContext, store: Store, effective_fy: int, amount: int, *, reason: str, principal: Principal
) -> tuple[SeriesMove, ...]:
    """The series before and after a restatement; a published year keeps its value, the first open year takes it up."""
    ledger = store.ledger(versions=True)
    entry = Restatement(effective_fy, amount, principal.user_id, reason, datetime.now(UTC))
    return _moves(context, ledger, replace(ledger, restatements=(*ledger.restatements, entry)))


def preview_freeze(context: AppContext, store: Store, fiscal_year: int) -> FreezePreview:
    """What :func:`coverage.services.journal.publish_count` would print and fix for ``fiscal_year``."""
    ledger = store.ledger(versions=True)
    years = [fy for fy in context.config.fiscal_years if fy <= fiscal_year]
    result = count(as_of_today(ledger), rule=context.config.counting, fiscal_years=years or [fiscal_year])
    own = next((y for y in result.years if y.fiscal_year == fiscal_year), None)
    return FreezePreview(
        fiscal_year,
        tuple((y.fiscal_year, y.total) for y in result.years),
        tuple(y.fiscal_year for y in result.years if y.state == "frozen"),
        () if own is None else (*own.new_site_ids, *own.late_site_ids),
        len(result.questions),
        None if own is None else own.total,
        own is not None and own.state == "frozen",
        journal.is_unfinished(fiscal_year),
    )


def allocatable_sites(context: AppContext, store: Store) -> list[tuple[str, str]]:
    """(site id, name) of the sites that served before the opening balance's end and are not allocated to it."""
    ledger = store.ledger(versions=True)
    result = _count(context, ledger)
    names = {site.site_id: site.name for site in ledger.sites}
    return [
        (site_id, names.get(site_id, ""))
        for site_id, verdict in sorted(result.verdicts.items())
        if verdict.code is Verdict.BEFORE_OPENING
    ]


def allocated_sites(store: Store) -> list[Versioned]:
    """The allocations as they stand, with the versions that taking one back needs."""
    return sorted(store.versioned(Kind.ALLOCATION), key=lambda held: str(held.record.site_id))


def undo_allocation(store: Store, held: Versioned, *, reason: str, principal: Principal) -> Receipt:
    """Take an allocation back, as an event. Raises EditConflictError where somebody was faster."""
    authorise(principal, Action.EDIT, _JOURNAL)
    return store.retire(
        Kind.ALLOCATION, held.key, by=principal.actor, expected_version=held.version, reason=reason
    )


def undo_opening(store: Store, fiscal_year: int, *, principal: Principal) -> Receipt:
    """Give the opening balance the value that it had before its last change.

    Raises ConflictError "opening-has-no-past" for one that was never changed: a ledger keeps its beginning.
    """
    authorise(principal, Action.EDIT, _JOURNAL)
    held = store.get(Kind.OPENING_BALANCE, str(fiscal_year))
    before = None if held is None else store.get(Kind.OPENING_BALANCE, str(fiscal_year), as_of=held.tx - 1)
    if before is None:
        raise ConflictError(
            "opening-has-no-past",
            f"{fiscal.label_ja(fiscal_year)}の開始値には変更前の値がありません。正しい値を登録し直してください。",
            f"The opening balance of FY{fiscal_year} was never changed; enter the right value.",
        )
    old = before.record
    return journal.set_opening(
        store, fiscal_year, old.value, source=old.source, decided_on=old.decided_on, principal=principal
    )


def undo_restatement(store: Store, key: str, *, reason: str, principal: Principal) -> Receipt:
    """Answer a restatement by its opposite: an entry of the journal is never taken out.

    Raises NotFoundError for an unknown entry, ConflictError for one that was answered so already.
    """
    authorise(principal, Action.EDIT, _JOURNAL)
    held = store.get(Kind.RESTATEMENT, key)
    if held is None:
        raise NotFoundError(
            "restatement-not-found",
            "その訂正は台帳にありません。",
            "There is no such restatement in the ledger.",
        )
    mark = f"[{key}]"
    if any(mark in other.record.reason for other in store.versioned(Kind.RESTATEMENT)):
        raise ConflictError(
            "restatement-answered",
            "その訂正はもう反対の訂正で打ち消されています。",
            "That restatement was answered by its opposite already.",
        )
    entry = held.record
    return journal.restate(
        store, entry.effective_fy, -entry.amount, reason=f"{reason} {mark}", principal=principal
    )


def entries(store: Store, *, principal: Principal) -> list[dict[str, Any]]:
    """The journal as a list, newest first: kind, key, what it says, who recorded it and when."""
    authorise(principal, Action.VIEW, _JOURNAL)
    found: list[dict[str, Any]] = []
    for kind in (Kind.OPENING_BALANCE, Kind.ALLOCATION, Kind.RESTATEMENT, Kind.FROZEN_YEAR):
        for held in store.versioned(kind):
            last = store.history(kind, held.key)[-1]
            found.append(
                {
                    "kind": kind.value,
                    "key": held.key,
                    "record": held.record,
                    "by": last.actor,
                    "at": last.at,
                    "reason": last.reason,
                    "tx": held.tx,
                }
            )
    return sorted(found, key=lambda entry: int(entry["tx"]), reverse=True)


def _moves(context: AppContext, before: Ledger, after: Ledger) -> tuple[SeriesMove, ...]:
    old, new = _count(context, before), _count(context, after)
    totals = {year.fiscal_year: year.total for year in old.years}
    return tuple(SeriesMove(y.fiscal_year, totals[y.fiscal_year], y.total) for y in new.years)


def _count(context: AppContext, ledger: Ledger) -> CountResult:
    return count(as_of_today(ledger), rule=context.config.counting, fiscal_years=_years(context))


def _years(context: AppContext) -> Sequence[int]:
    """The region's years and the policy sheet's, as a run counts them."""
    sheet = sheet_of(context)
    years = [*context.config.fiscal_years, *(sheet.fiscal_years if sheet is not None else ())]
    return list(range(min(years), max(years) + 1))
