"""What an upload would do, or what taking it back would: to the records, to the cumulative count of each year and
municipality, and on the map.

The count is the real one: the store writes the change, counts and rolls back, so that what is shown here and what the
acceptance or the undoing brings about cannot differ.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from coverage.domain.count_result import CountResult, CountYear
from coverage.domain.counting import count
from coverage.domain.counting_findings import SiteVerdict
from coverage.domain.ledger import Ledger
from coverage.services.access import Action, Object, Principal, Resource, authorise, import_resource
from coverage.services.context import AppContext
from coverage.services.ledger import as_of_today
from coverage.services.long_work import collector_rests
from coverage.store.copying import copy_ledger
from coverage.store.events import Change
from coverage.store.locate import open_store
from coverage.store.protocol import Comparison, Store
from coverage.store.records import ImportRecord

_LEDGER_KINDS: Final = frozenset({"site", "site_operator", "site_district", "district"})
"""Records that the count reads; actuals and measurements never move it."""
TRIED_IN_PLACE: Final = 3000
"""Changes that the store itself lays down and takes back: about a second, in which other writers wait."""
KEPT: Final = 5000
"""Differences that a preview remembers to show; all of them are counted."""
DRAWN: Final = 2000
"""Places that a preview remembers for its map."""
NAMED: Final = 500
"""Verdicts that a preview remembers of each year's movement, and of what does not count; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site or district that appears, moves or goes; positions are (lat, lon)."""

    kind: Literal["site", "district"]
    key: str
    name: str
    state: Literal["new", "moved", "removed", "changed"]
    before: tuple[float, float] | None
    after: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Movement:
    """A fiscal year whose count moves. ``own``: the year's own increase moves, not only what earlier years add to it.

    ``by_municipality``: (code, before, after) of the year's own counted masts where they differ. ``gained`` and ``lost``
    are the verdicts of the masts that newly count in it, or no longer do, with their reasons; ``gone`` names those that no
    longer do because the ledger has them no more: the first of each, and ``further`` is how many more there are.
    """

    fiscal_year: int
    before: int | None
    after: int | None
    increase: int
    """Change of the year's own increase; the count moves by it where there is no opening balance to print a total."""
    own: bool
    by_municipality: tuple[tuple[str, int, int], ...] = ()
    gained: tuple[SiteVerdict, ...] = ()
    lost: tuple[SiteVerdict, ...] = ()
    gone: tuple[str, ...] = ()
    further: int = 0


@dataclass(frozen=True, slots=True)
class YearTotal:
    """A fiscal year of a series: the value to print, None where there is none."""

    fiscal_year: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Series:
    """A count's years, without the verdicts that it is made of."""

    years: tuple[YearTotal, ...]


@dataclass(frozen=True)
class Preview:
    """What an upload does, as far as it is shown: a list of 200,000 sites has as many verdicts, and a page that remembers
    them all fills the server.

    ``left_out``: how many sites of the upload do not count; the first of them have their verdicts here. ``shared``: of
    the sites named here, how many operators stand on one mast; ``names``: site_id → name.
    """

    comparison: Comparison
    before: Series
    after: Series
    moved: tuple[Movement, ...] = ()
    first_left_out: tuple[SiteVerdict, ...] = ()
    left_out: int = 0
    shared: Mapping[str, int] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def movements(self) -> list[Movement]:
        """Every fiscal year whose count moves, in order."""
        return list(self.moved)

    def not_counted(self) -> list[SiteVerdict]:
        """Sites of the upload that do not count, each with its reason: the first of ``left_out``."""
        return list(self.first_left_out)


def _movements(before: CountResult, after: CountResult) -> tuple[Movement, ...]:
    found = []
    previous: tuple[CountYear | None, CountYear | None] = (None, None)
    for old, new in zip(before.years, after.years, strict=True):
        own_old, own_new = _own(old, previous[0]), _own(new, previous[1])
        ids = ({*old.new_site_ids, *old.late_site_ids}, {*new.new_site_ids, *new.late_site_ids})
        gained, lost = sorted(ids[1] - ids[0]), sorted(ids[0] - ids[1])
        codes = sorted(code for code in own_old | own_new if own_old.get(code, 0) != own_new.get(code, 0))
        change = new.increase - old.increase
        if (
            change
            or gained
            or lost
            or old.total != new.total
            or old.cumulative_increase != new.cumulative_increase
        ):
            found.append(
                Movement(
                    fiscal_year=old.fiscal_year,
                    before=old.total,
                    after=new.total,
                    increase=change,
                    own=bool(change or gained or lost or codes),
                    by_municipality=tuple((c, own_old.get(c, 0), own_new.get(c, 0)) for c in codes),
                    gained=tuple(after.verdicts[s] for s in gained[:NAMED] if s in after.verdicts),
                    lost=tuple(after.verdicts[s] for s in lost[:NAMED] if s in after.verdicts),
                    gone=tuple(s for s in lost[:NAMED] if s not in after.verdicts),
                    further=max(0, len(gained) - NAMED) + max(0, len(lost) - NAMED),
                )
            )
        previous = (old, new)
    return tuple(found)


def _own(year: CountYear, previous: CountYear | None) -> dict[str, int]:
    """Masts that count in a year alone, by municipality."""
    held = Counter(year.by_municipality)
    held.subtract(previous.by_municipality if previous is not None else {})
    return {code: n for code, n in held.items() if n}


def preview(context: AppContext, store: Store, changes: Sequence[Change], *, principal: Principal) -> Preview:
    """The difference against the store, and the count with and without it. Nothing is stored.

    Raises PermissionDeniedError for who may not look at uploads.
    """
    authorise(principal, Action.VIEW, Resource(Object.IMPORT))
    with collector_rests(len(changes)):
        return _preview(context, store, changes)


def _preview(context: AppContext, store: Store, changes: Sequence[Change]) -> Preview:
    comparison, old, new = _trial(store, changes)
    uploaded = sorted({str(c.values["site_id"]) for c in changes if "site_id" in c.values})
    touched = {(d.kind.value, d.key) for d in comparison.differences if d.state != "unchanged"}
    return _counted(context, comparison.first(KEPT), old, new, uploaded, touched)


def undo_preview(
    context: AppContext, store: Store, record: ImportRecord, *, principal: Principal, overwrite: bool = False
) -> Preview:
    """The count with and without an accepted upload, and the places that taking it back moves. Nothing is stored.

    ``overwrite``: with the entries that came later, as in :func:`coverage.services.imports.undo_import`. The comparison
    is empty: what the upload stated is in its own.

    Raises PermissionDeniedError for who may not take it back, ConflictError as the undoing itself would.
    """
    authorise(principal, Action.UNDO, import_resource(record))
    events = store.import_events(record.import_id)
    with collector_rests(len(events)):
        if len(events) <= TRIED_IN_PLACE:
            old = store.ledger(versions=True)
            new = store.ledger_without(record.import_id, overwrite=overwrite, versions=True)
        else:
            with _on_a_copy(store, uploads=True) as own:
                old = own.ledger(versions=True)
                new = own.ledger_without(record.import_id, overwrite=overwrite, versions=True)
        touched = {(event.kind.value, event.key) for event in events}
        return _counted(context, Comparison((), store.head().seq), old, new, (), touched)


def _counted(
    context: AppContext,
    comparison: Comparison,
    old: Ledger,
    new: Ledger | None,
    uploaded: Sequence[str],
    touched: Set[tuple[str, str]],
) -> Preview:
    """Count both ledgers (``new`` None: it cannot move) and keep what is shown. ``touched``: (kind, key) of what changes."""
    rule, years = context.config.counting, list(context.config.fiscal_years)
    mergers = context.config.municipality_mergers
    counted = new is not None
    old = _merged(old, mergers)
    new = old if new is None else _merged(new, mergers)
    before = count(as_of_today(old), rule=rule, fiscal_years=years)
    after = count(as_of_today(new), rule=rule, fiscal_years=years) if counted else before
    moved = _movements(before, after)
    left_out = [s for s in uploaded if s in after.verdicts and not after.verdicts[s].counted]
    first = tuple(after.verdicts[s] for s in left_out[:NAMED])
    named = {v.site_id for v in first} | {v.site_id for m in moved for v in (*m.gained, *m.lost)}
    gone = {site_id for m in moved for site_id in m.gone}
    operators: dict[str, set[str]] = {}
    for row in new.site_operators:
        if row.site_id in named:
            operators.setdefault(row.site_id, set()).add(row.operator)
    return Preview(
        comparison,
        _series(before),
        _series(after),
        moved=moved,
        first_left_out=first,
        left_out=len(left_out),
        shared={site_id: len(found) for site_id, found in operators.items() if len(found) > 1},
        places=_places(old, new, touched) if counted else (),
        names={s.site_id: s.name for s in old.sites if s.site_id in gone}
        | {s.site_id: s.name for s in new.sites if s.site_id in named},
    )


def _series(result: CountResult) -> Series:
    return Series(tuple(YearTotal(year.fiscal_year, year.total) for year in result.years))


def _trial(store: Store, changes: Sequence[Change]) -> tuple[Comparison, Ledger, Ledger | None]:
    """The difference, the ledger as it is and as it would be (None where the count cannot move).

    The store's own trial holds the pen while it writes: a long list is tried on a copy of the ledger instead, of a file or
    of a database server alike, so that nobody waits for a preview and no transaction of a server stays open for it.
    """
    counts = any(change.kind.value in _LEDGER_KINDS for change in changes)
    if not counts or len(changes) <= TRIED_IN_PLACE:
        comparison = store.compare(changes)
        moves = any(d.state != "unchanged" and d.kind.value in _LEDGER_KINDS for d in comparison.differences)
        old = store.ledger(versions=True)
        return comparison, old, store.ledger_with(changes, versions=True) if moves else None
    with _on_a_copy(store) as own:
        comparison, new = own.trial(changes, versions=True)
        return comparison, own.ledger(versions=True), new


@contextmanager
def _on_a_copy(store: Store, *, uploads: bool = False) -> Iterator[Store]:
    """The ledger as a file of its own, on which a long change is tried while others go on writing; with ``uploads`` also
    what is known of these."""
    with tempfile.TemporaryDirectory(prefix="coverage-gap-trial-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "ledger.sqlite"
        copy_ledger(store, copy, uploads=uploads)
        with open_store(str(copy)) as own:
            yield own


def _merged(ledger: Ledger, mergers: Mapping[str, str]) -> Ledger:
    return dataclasses.replace(ledger, municipality_mergers={**mergers, **ledger.municipality_mergers})


def _places(old: Ledger, new: Ledger, touched: Set[tuple[str, str]]) -> tuple[Place, ...]:
    """Sites and districts of the difference with where they were and where they will be (of several versions the last)."""
    found: list[Place] = []
    sites = [{s.site_id: s for s in ledger.sites} for ledger in (old, new)]
    for key in sorted(sites[0].keys() | sites[1].keys()):
        was, now = (held.get(key) for held in sites)
        if ("site", key) not in touched and was is not None and now is not None:
            continue
        a, b = ((s.lat, s.lon) if s is not None else None for s in (was, now))
        place = _place("site", key, (now or was).name, a, b)  # type: ignore[union-attr]
        found += [place] if place is not None else []
    districts = [{d.district_id: d for d in ledger.districts} for ledger in (old, new)]
    for key in sorted(districts[0].keys() | districts[1].keys()):
        one, two = (held.get(key) for held in districts)
        if one is two or (one is not None and two is not None and one == two):
            continue
        points = [None if d is None else d.geometry.representative_point() for d in (one, two)]
        a, b = (None if p is None else (float(p.y), float(p.x)) for p in points)
        place = _place("district", key, (two or one).name, a, b)  # type: ignore[union-attr]
        found += [place] if place is not None else []
    return tuple(found[:DRAWN])


def _place(
    kind: Literal["site", "district"],
    key: str,
    name: str,
    before: tuple[float, float] | None,
    after: tuple[float, float] | None,
) -> Place | None:
    if before is None and after is None:
        return None
    if before is None or after is None:
        return Place(kind, key, name, "new" if before is None else "removed", before, after)
    moved = max(abs(before[0] - after[0]), abs(before[1] - after[1])) > 1e-7
    return Place(kind, key, name, "moved" if moved else "changed", before, after)
