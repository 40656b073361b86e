"""Where the ledger comes from: the store if one is configured, else the CSV tables in the region's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from coverage.domain.fiscal import tokyo_date
from coverage.domain.region import LayerRecord
from coverage.domain.service_start import awaited, joining, until_joining, until_service
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.stores import open_context_store

if TYPE_CHECKING:
    from coverage.domain.ledger import Ledger
    from coverage.domain.region import RegionData
    from coverage.store.protocol import Receipt

_LEDGER_LAYERS = ("sites", "districts", "actuals")
_OTHER_LAYERS = ("boundaries", "population", "terrain", "clutter", "settlements", "shelters", "indicators")


@dataclass(frozen=True)
class LedgerSource:
    """A region with its ledger, and which state of the ledger it is ("" for the CSV tables, whose digests say it).

    ``history``: the ledger in all its recorded versions, for the count; None where the tables hold it themselves.
    ``awaited``: sites that the ledger calls 供用中 ahead of their first service date, with that date; region and history
    hold them as under construction, because a plan that is entered early is a plan still. ``joining``: sites in service
    that another operator is dated to join; see :meth:`of_today`.
    """

    region: RegionData
    head: str = ""
    history: Ledger | None = None
    awaited: Mapping[str, date] = field(default_factory=dict)
    joining: Mapping[str, date] = field(default_factory=dict)

    def of_today(self) -> LedgerSource:
        """As a run shows it: who joins a mast later has no date yet. A plan of sites reckons with that date."""
        return replace(
            self,
            region=replace(self.region, ledger=until_joining(self.region.ledger, self.joining)),
            history=None if self.history is None else until_joining(self.history, self.joining),
        )


def today() -> date:
    """The day in Japan."""
    return tokyo_date(datetime.now(UTC))


def as_of_today(ledger: Ledger) -> Ledger:
    """The ledger as a run of today takes it: what is awaited is under construction. Every count begins with this."""
    return until_service(ledger, awaited(ledger, today()))


def ledger_of(context: AppContext) -> RegionData:
    """The region with its ledger and policy sheet only: no boundaries, terrain or people.

    From the store it comes in all its versions, so that the count can say what was known when a year was published.
    """
    named = context.config.layers
    if context.store_url is None:
        wanted = [n for n in (*_LEDGER_LAYERS, "indicators") if getattr(named, n) is not None]
        tables = _load(context, wanted)
        return replace(tables, ledger=as_of_today(tables.ledger))
    region = _load(context, ["indicators"] if named.indicators is not None else [])
    with open_context_store(context) as store:
        return replace(region, config=context.config, ledger=as_of_today(store.ledger(versions=True)))


def region_of(context: AppContext) -> LedgerSource:
    """The region with every layer, for a run. With a store its CSV tables are left unread."""
    if context.store_url is None:
        early = awaited(context.region.ledger, today())
        region = replace(context.region, ledger=until_service(context.region.ledger, early))
        return LedgerSource(region, awaited=early, joining=joining(region.ledger, today()))
    named = context.config.layers
    wanted = [n for n in _OTHER_LAYERS if getattr(named, n) is not None]
    region = _load(context, [*wanted, "published_coverage", "antennas"])
    with open_context_store(context) as store:
        ledger, history, head = store.ledger(), store.ledger(versions=True), store.head()
    record = LayerRecord(
        layer="sites",
        format="store",
        files=(("audit-head", head.hash),),
        edition=f"{head.seq}",
        # The ledger began with that layer's tables and is kept by the same people.
        licence=named.sites.licence,
        credit=named.sites.credit,
    )
    mergers = {**region.config.municipality_mergers, **ledger.municipality_mergers}
    early = awaited(ledger, today())
    ledger = until_service(replace(ledger, municipality_mergers=mergers), early)
    return LedgerSource(
        replace(region, config=context.config, ledger=ledger, layers=(*region.layers, record)),
        head.hash,
        until_service(replace(history, municipality_mergers=mergers), early),
        early,
        joining(ledger, today()),
    )


def load_tables_into_store(context: AppContext, principal: Principal) -> Receipt:
    """Write the region's CSV tables into an empty store, as the ledger's beginning. Raises ConflictError if not empty."""
    authorise(principal, Action.MANAGE, Resource(Object.DATASET))
    named = context.config.layers
    tables = _load(context, [n for n in _LEDGER_LAYERS if getattr(named, n) is not None])
    with open_context_store(context) as store:
        return store.load_ledger(  # type: ignore[no-any-return]
            tables.ledger, by=principal.actor, source=f"region {context.config.id}", keep_recorded_at=True
        )


def _load(context: AppContext, only: list[str]) -> RegionData:
    from coverage.readers.region import load_region

    return load_region(context.region_folder, layers_root=context.layers_root, only=only)
