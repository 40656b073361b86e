"""Use cases of the books: opening balance, allocation, restatement, publishing and freezing a fiscal year."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from coverage.domain import fiscal
from coverage.domain.counting import count
from coverage.domain.indicators import IndicatorSet, indicator_table
from coverage.domain.ledger import Ledger
from coverage.domain.region import CountingConfig
from coverage.domain.service_start import awaited, until_service
from coverage.errors import ConflictError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.ledger import today
from coverage.store.events import Kind
from coverage.store.protocol import PublicationCheck, Receipt, Store

if TYPE_CHECKING:
    from coverage.store.records import Publication

_JOURNAL = Resource(Object.JOURNAL)
COUNT_SUBJECT = "count"
ENTERED = ("decided", "reported")
"""Sources of an actual that somebody entered; the others are the count's and the sheet's."""


def set_opening(
    store: Store, fiscal_year: int, value: int, *, source: str, decided_on: date | None, principal: Principal
) -> Receipt:
    """Register or correct the opening balance (product rule §2.1)."""
    authorise(principal, Action.EDIT, _JOURNAL)
    held = store.get(Kind.OPENING_BALANCE, str(fiscal_year))
    return store.set_opening_balance(
        fiscal_year, value, source=source, decided_on=decided_on, by=principal.actor,
        expected_version=held.version if held is not None else 0,
    )  # fmt: skip


def allocate(store: Store, site_id: str, *, principal: Principal, reason: str = "") -> Receipt:
    """Say that a historical site is part of the opening balance: the total stays. Refused beyond the balance."""
    authorise(principal, Action.EDIT, _JOURNAL)
    return store.allocate(site_id, by=principal.actor, reason=reason)


def restate(store: Store, effective_fy: int, amount: int, *, reason: str, principal: Principal) -> Receipt:
    """A journal entry that corrects the series from a fiscal year on (product rule §2.9)."""
    authorise(principal, Action.EDIT, _JOURNAL)
    return store.restate(effective_fy, amount, reason=reason, by=principal.actor)


@dataclass(frozen=True)
class PublishedCount:
    """The count as it was made public."""

    publication: Publication
    values: Mapping[str, int | None]


def count_values(
    ledger: Ledger, rule: CountingConfig, years: list[int], valid_on: date | None
) -> dict[str, int | None]:
    """The printed values under stable names ("count/2016"), computed from a ledger."""
    result = count(ledger, rule=rule, fiscal_years=years, valid_on=valid_on)
    return {f"count/{year.fiscal_year}": year.total for year in result.years}


def is_unfinished(fiscal_year: int) -> bool:
    """Whether the year still runs in Japan: its value would be fixed without the sites that begin until 31 March."""
    return today() <= fiscal.last_day(fiscal_year)


def publish_count(
    context: AppContext, store: Store, *, last_fy: int, published_on: date, principal: Principal
) -> PublishedCount:
    """Publish the series up to ``last_fy`` as bytes and freeze that year's value, in one transaction.

    A year that still runs may be published; pages and command warn first (:func:`is_unfinished`). Raises ConflictError
    where the year has no value to print (開始値未登録) or was frozen before.
    """
    authorise(principal, Action.PUBLISH, Resource(Object.PUBLICATION))
    rule = context.config.counting
    years = [fy for fy in context.config.fiscal_years if fy <= last_fy]
    ledger = store.ledger(versions=True)
    early = awaited(ledger, today())
    result = count(until_service(ledger, early), rule=rule, fiscal_years=years or [last_fy])
    final = result.year(last_fy) if last_fy in years else None
    if final is None or final.total is None:
        raise ConflictError(
            "year-without-value",
            f"{fiscal.label_ja(last_fy)}の整備数は、開始値が未登録か地域の年度の外のため公表できません。",
            f"FY{last_fy} has no value to publish: no opening balance, or not a year of the region.",
        )
    content = json.dumps(result.as_dict(), ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8")
    values = {f"count/{year.fiscal_year}": year.total for year in result.years}
    publication = store.publish(
        COUNT_SUBJECT,
        content,
        media_type="application/json",
        values=values,
        published_on=published_on,
        by=principal.actor,
        parameters={
            "counting": rule.model_dump(mode="json"),
            "fiscal_years": [y.fiscal_year for y in result.years],
            **({"awaited": sorted(early)} if early else {}),
        },
        freeze={last_fy: final.total},
    )
    return PublishedCount(publication, values)


def verify_publication(store: Store, publication_id: str, *, principal: Principal) -> PublicationCheck:
    """Compute a publication again from the events it was made from, by the rule it was made with, and compare."""
    authorise(principal, Action.VERIFY, Resource(Object.PUBLICATION))

    return store.verify_publication(publication_id, _recompute)


def _recompute(ledger: Ledger, publication: Publication) -> dict[str, Any]:
    # On the day of the run these had not begun, whatever day it is now.
    ledger = until_service(ledger, publication.parameters.get("awaited", ()))
    rule = CountingConfig.model_validate(publication.parameters["counting"])
    years = [int(fy) for fy in publication.parameters["fiscal_years"]]
    values: dict[str, Any] = dict(count_values(ledger, rule, years, publication.valid_on)) if years else {}
    if "sheet" in publication.parameters:
        values |= actual_values(ledger, rule, publication.parameters["sheet"])
    return values


def actual_values(ledger: Ledger, rule: CountingConfig, sheet: Mapping[str, Any]) -> dict[str, float]:
    """The actuals that were decided or reported, under stable names ("actual/40602/2016"), as the sheet prints them."""
    table = indicator_table(
        IndicatorSet.model_validate(sheet), ledger.actuals, counted_indicator=rule.indicator, rule=None
    )
    return {
        f"actual/{row.indicator.code}/{cell.fiscal_year}": float(cell.actual)
        for row in table.rows
        for cell in row.cells
        if cell.actual is not None and cell.source in ENTERED
    }


def publications(store: Store, *, principal: Principal) -> list[dict[str, Any]]:
    """What was made public, oldest first."""
    authorise(principal, Action.VIEW, Resource(Object.PUBLICATION))
    return [
        {
            "publication_id": p.publication_id,
            "published_on": p.published_on.isoformat(),
            "subject": p.subject,
            "values": dict(p.values),
            "sha256": p.content_sha256,
        }
        for p in store.publications()
    ]
