"""What the first page answers: where the count stands, who is without signal, what moved, what waits, what is stale.

Every figure is taken from the published run's own tables; nothing is computed twice.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coverage.domain.fiscal import tokyo_date
from coverage.errors import FileFormatError, NotFoundError
from coverage.report.count_notes import printed_actual
from coverage.runs import folder
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, Principal, Resource, allowed, authorise
from coverage.services.context import AppContext
from coverage.services.journal import COUNT_SUBJECT
from coverage.services.ledger import today
from coverage.store.events import LEDGER_KINDS, Kind
from coverage.store.records import ImportState

if TYPE_CHECKING:
    from coverage.store.audit import AuditEntry
    from coverage.store.protocol import Store

_WRITING_ACTIONS: Final = ("import.accept", "import.undo", "ledger.load", "publish")
_COUNTED_KINDS: Final = (*LEDGER_KINDS, Kind.SETTING)
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class CountNow:
    """The cumulative count of the latest fiscal year that has begun, beside its target.

    ``total`` None: no opening balance is registered, then ``increase_so_far`` is all that can be said. ``target`` None:
    the policy sheet sets none for that year; ``next_target`` is the next that it sets, as (fiscal year, value).
    ``name`` and ``unit`` are the sheet's words by language, "" where the region has no sheet.
    """

    fiscal_year: int
    total: int | None
    increase_so_far: int
    increase: int
    provisional: bool
    name: Mapping[str, str]
    unit: Mapping[str, str]
    target: float | None
    next_target: tuple[int, float] | None
    cell: Mapping[str, Any] | None
    """The cell of the indicator table, for 目標達成状況; None without a sheet."""
    series: tuple[tuple[int, int | None, float | None], ...]
    """(fiscal year, total, target) for every year of the count; total None for years not begun."""


@dataclass(frozen=True, slots=True)
class PeopleNow:
    """People without signal at the end of ``fiscal_year`` and a year before, by definition (a), area-weighted.

    ``now`` and ``before`` are None where they cannot be computed (``computable`` false; the reason is the run's) or the
    run lacks the year. ``register_now``: residents of unresolved districts of the register, the baseline then.
    """

    fiscal_year: int
    now: float | None
    before: float | None
    has_before: bool
    computable: bool
    estimated: bool
    register_now: int
    districts_now: int
    districts_before: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """Figures of one municipality before and after; None = the municipality or the figure was not in that run."""

    code: str
    name: str
    sites: tuple[int | None, int | None]
    people: tuple[int | None, int | None]
    districts: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Changes:
    """What the published run says otherwise than the one that was published before it.

    ``fiscal_year``: the year that is compared, the last that both hold. ``total``: the cumulative count before and
    after. ``inputs``: layers whose files differ, then "rules" (parameters) and "software".
    """

    before_id: str
    before_on: str
    fiscal_year: int
    total: tuple[int | None, int | None]
    region: Moved
    moved: tuple[Moved, ...]
    inputs: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        return not self.moved and self.total[0] == self.total[1] and not _differs(self.region)


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether the published run still tells what the ledger says. ``changes``: writings since; ``last`` their last day.

    ``changes`` is 0 where nothing changed, None where only that something changed is known (CSV tables). ``begun``: sites
    that the run took as under construction and whose first service day has come; the ledger need not have changed.
    """

    changed: bool
    changes: int | None
    last: date | None
    begun: int = 0


def count_now(run: RunResult) -> CountNow:
    """The lead figure. The year is the one that 進捗 leads with."""
    years: list[dict[str, Any]] = run.count["years"]
    now = next((y for y in reversed(years) if y["state"] != "not-begun"), years[-1])
    row = _indicator(run)
    cells = {int(c["fiscal_year"]): c for c in row["cells"]} if row else {}
    fy = int(now["fiscal_year"])
    ahead = [
        (year, float(cell["target"]))
        for year, cell in sorted(cells.items())
        if year > fy and cell["target"] is not None
    ]
    cell = cells.get(fy)
    return CountNow(
        fiscal_year=fy,
        total=_printed(now, cell),
        increase_so_far=int(now["cumulative_increase"]),
        increase=int(now["increase"]),
        provisional=bool(now["provisional"]),
        name=row["name"] if row else {},
        unit=row["unit"] if row else {},
        target=None if cell is None or cell["target"] is None else float(cell["target"]),
        next_target=ahead[0] if ahead else None,
        cell=cell,
        series=tuple(
            (
                int(y["fiscal_year"]),
                None if y["state"] == "not-begun" else _printed(y, cells.get(int(y["fiscal_year"]))),
                cells.get(int(y["fiscal_year"]), {}).get("target"),
            )
            for y in years
        ),
    )


def _printed(year: dict[str, Any], cell: dict[str, Any] | None) -> int | None:
    """As 進捗 prints it: a decided actual leads, so that the count stands beside its own achievement."""
    value = printed_actual(year, cell)
    return None if value is None else round(value)


def people_now(run: RunResult, fiscal_year: int) -> PeopleNow:
    """People without signal at the end of ``fiscal_year`` (the run's latest where it lacks that year)."""
    fy = fiscal_year if fiscal_year in run.fiscal_years else run.latest_fy
    now = _region_row(run, fy)
    before = _region_row(run, fy - 1) if fy - 1 in run.fiscal_years else None
    computable = run.is_computable()
    return PeopleNow(
        fiscal_year=fy,
        now=_figure(now, "headline_people") if computable else None,
        before=_figure(before, "headline_people") if computable and before is not None else None,
        has_before=before is not None,
        computable=computable,
        estimated=bool(run.meta["estimated"]),
        register_now=int(now["register_people"]),
        districts_now=int(now["districts_registered"]),
        districts_before=None if before is None else int(before["districts_registered"]),
    )


def published_on(context: AppContext) -> str:
    """The ISO day on which the published run became it; "" where nobody wrote that down."""
    known = folder.publications(context.runs_folder)
    return known[0]["published_on"] if known else ""


def earlier_publication(context: AppContext, run: RunResult) -> tuple[RunResult, str] | None:
    """The run of the same region that was published before ``run``, and its day; None for a first publication.

    Runs that were removed, or written in another format, are passed over.
    """
    for entry in folder.publications(context.runs_folder)[1:]:
        if entry["run_id"] == run.run_id:
            continue
        try:
            found = folder.open_run(context.runs_folder, entry["run_id"])
        except (NotFoundError, FileFormatError):
            continue
        if found.region_code == run.region_code:
            return found, entry["published_on"]
    return None


def changes_between(before: RunResult, after: RunResult, *, before_on: str = "") -> Changes | None:
    """What moved from one run to another in the last fiscal year that both hold; None where they share none."""
    shared = sorted(set(before.fiscal_years) & set(after.fiscal_years))
    if not shared:
        return None
    fy = min(count_now(after).fiscal_year, shared[-1])
    fy = fy if fy in shared else shared[-1]
    old, new = _rows(before, fy), _rows(after, fy)
    moved = []
    for code in dict.fromkeys([*new, *old]):
        one = _moved(code, old.get(code), new.get(code), before, after)
        if code != after.region_code and _differs(one):
            moved.append(one)
    region = _moved(after.region_code, old[after.region_code], new[after.region_code], before, after)
    totals = (_total(before, fy), _total(after, fy))
    return Changes(before.run_id, before_on, fy, totals, region, tuple(moved), _inputs(before, after))


def waiting_imports(context: AppContext, principal: Principal) -> int | None:
    """How many uploads wait for acceptance; None for those who may not know, and without a ledger."""
    if context.store_url is None or not allowed(principal, Action.VIEW, Resource(Object.IMPORT)):
        return None
    with _store(context) as store:
        return len(store.imports(state=ImportState.STAGED))


def freshness(context: AppContext, run: RunResult, principal: Principal) -> Freshness:
    """Whether the ledger changed since it was read for ``run``.

    The number and day of the changes are for those who may see unpublished runs; others learn that there are some.
    """
    authorise(principal, Action.VIEW, Resource(Object.PUBLISHED_RUN))
    now = today()
    begun = sum(day <= now for day in run.ahead.values())
    if context.store_url is None:
        return Freshness(tables_changed(context, run) or begun > 0, None, None, begun)
    with _store(context) as store:
        found = _changes_since(store, run)
    if not found:
        return Freshness(begun > 0, 0, None, begun)
    if not allowed(principal, Action.VIEW, Resource(Object.RUN)):
        return Freshness(True, None, None, begun)
    return Freshness(True, len(found), tokyo_date(found[-1].at), begun)


def tables_changed(context: AppContext, run: RunResult) -> bool:
    """Whether the region's CSV tables of the ledger are others than those that ``run`` read."""
    records = [layer for layer in run.meta["layers"] if layer["layer"] in ("sites", "districts", "actuals")]
    if any(layer["format"] == "store" for layer in records):
        # The run was made from a store that is not configured any more.
        return True
    known: dict[Path, str] = {}
    for layer in records:
        for name, digest in layer["files"]:
            path = _layer_file(context, str(name))
            if path is None or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                return True
            known[path.resolve()] = digest
    # A table that was put beside them is read as well (every CSV file in that folder is one of the ledger's tables).
    folders = {p.parent for layer in records if layer["format"] == "tables" for p in known}
    return any(p.resolve() not in known for place in folders for p in place.glob("*.csv"))


def _layer_file(context: AppContext, name: str) -> Path | None:
    for root in (context.region_folder, context.layers_root):
        if root is not None and (root / name).is_file():
            return root / name
    return None


def _changes_since(store: Store, run: RunResult) -> list[AuditEntry]:
    """Rows of the chain after the run's ledger that wrote to what the count or the map reads, oldest first."""
    since = ledger_seq(run)
    found: list[AuditEntry] = []
    after = since or 0
    while rows := store.audit(after_seq=after, limit=_PAGE):
        found += [row for row in rows if _writes_ledger(row)]
        after = rows[-1].seq
    if since is None and found and found[0].action == "ledger.load":
        # The run read the tables that this ledger began with.
        del found[0]
    return found


def ledger_seq(run: RunResult) -> int | None:
    """The row of the audit chain at which the run read the ledger; None where it read CSV tables."""
    for layer in run.meta["layers"]:
        if layer["format"] == "store" and str(layer["edition"]).isdigit():
            return int(layer["edition"])
    return None


def _writes_ledger(row: AuditEntry) -> bool:
    if row.action == "publish":
        # A publication changes the series only where it freezes a year.
        return row.detail.get("subject") == COUNT_SUBJECT
    return row.action in _WRITING_ACTIONS or row.object.partition(":")[0] in _COUNTED_KINDS


def _store(context: AppContext) -> Any:
    from coverage.services.stores import open_context_store

    return open_context_store(context)


def _indicator(run: RunResult) -> dict[str, Any] | None:
    table = run.indicators["table"]
    for row in table["rows"] if table is not None else ():
        if row["code"] == run.count["indicator"]:
            found: dict[str, Any] = row
            return found
    return None


def _rows(run: RunResult, fy: int) -> dict[str, dict[str, Any]]:
    table = run.municipalities
    return {str(r["municipality_code"]): r for r in table[table["fiscal_year"] == fy].to_dict("records")}


def _region_row(run: RunResult, fy: int) -> dict[str, Any]:
    return _rows(run, fy)[run.region_code]


def _figure(row: Mapping[str, Any], name: str) -> float | None:
    value = float(row[name])
    return value if math.isfinite(value) else None


def _people(row: Mapping[str, Any] | None, run: RunResult) -> int | None:
    """Whole persons, as they are printed: a move below half a person is none."""
    value = None if row is None or not run.is_computable() else _figure(row, "headline_people")
    return None if value is None else math.floor(value + 0.5)


def _moved(
    code: str,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    before: RunResult,
    after: RunResult,
) -> Moved:
    def pair(name: str) -> tuple[int | None, int | None]:
        return (None if old is None else int(old[name]), None if new is None else int(new[name]))

    named = new if new is not None else old
    return Moved(
        code,
        str(named["name"]) if named is not None else code,
        pair("sites_counted"),
        (_people(old, before), _people(new, after)),
        pair("districts_registered"),
    )


def _differs(one: Moved) -> bool:
    return any(old != new for old, new in (one.sites, one.people, one.districts))


def _total(run: RunResult, fy: int) -> int | None:
    total: int | None = next((y["total"] for y in run.count["years"] if int(y["fiscal_year"]) == fy), None)
    return total


def _inputs(before: RunResult, after: RunResult) -> tuple[str, ...]:
    """Layers whose contents differ, "rules" where parameters do, "software" where the version does."""

    def digests(run: RunResult) -> dict[str, list[str]]:
        return {str(x["layer"]): [str(digest) for _, digest in x["files"]] for x in run.meta["layers"]}

    old, new = digests(before), digests(after)
    names = [name for name in dict.fromkeys([*new, *old]) if old.get(name) != new.get(name)]
    if before.meta["parameters"] != after.meta["parameters"]:
        names.append("rules")
    if before.meta["software"]["version"] != after.meta["software"]["version"]:
        names.append("software")
    return tuple(names)
