"""The ledger as it was known at a moment: later records hidden, versions and repeats of one row reduced to one.

Every record carries ``recorded_at``, the moment it became known (None = from the beginning). A row recorded again
under the same key replaces the older one; the same row twice is one row, so that reading a file twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol, TypeVar

from coverage.domain.fiscal import TOKYO, tokyo_date
from coverage.domain.ledger import (
    District,
    Footnote,
    FrozenYear,
    Ledger,
    OpeningBalance,
    Restatement,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.errors import ConflictError

BEGINNING = datetime.min.replace(tzinfo=UTC)

EVER_IN_SERVICE = frozenset({Status.IN_SERVICE, Status.SUSPENDED, Status.CLOSED})
"""Statuses of a site that has been in service (if it has a service date): 停止 and 廃止 come after 供用中."""


class _Recorded(Protocol):
    @property
    def recorded_at(self) -> datetime | None: ...


Row = TypeVar("Row", bound=_Recorded)


@dataclass(frozen=True)
class KnownLedger:
    """One row per key, as known at the moment; lookups by site and district."""

    sites: dict[str, Site]
    operators: dict[str, tuple[SiteOperator, ...]]
    """Rows by site_id; rows of unknown sites too."""
    links: dict[str, tuple[SiteDistrict, ...]]
    """Districts that a site serves, by site_id."""
    districts: dict[str, tuple[District, ...]]
    """Stays on the register by district_id, earliest designation first."""
    opening: OpeningBalance | None
    allocated: frozenset[str]
    restatements: tuple[Restatement, ...]
    frozen: dict[int, FrozenYear]
    frozen_again: frozenset[int]
    """Fiscal years with a second, different publication: the first stands."""
    answers: dict[tuple[str, str], bool]
    """(smaller id, larger id) → one mast (True) or two (False)."""
    went_back: frozenset[str]
    """Sites that were 供用中 in an older version of their row and are at an earlier step now."""
    footnotes: tuple[Footnote, ...] = ()
    """Of every indicator, those that stand, in the order in which they were first entered."""


def moment(as_of: datetime | date) -> datetime:
    """``as_of`` as an instant; a bare date means the end of that day in Tokyo. A naive datetime is refused."""
    if isinstance(as_of, datetime):
        tokyo_date(as_of)
        return as_of
    return end_of_day(as_of)


def end_of_day(day: date) -> datetime:
    """The last instant of a day in Tokyo."""
    return datetime.combine(day, time.min, TOKYO) + timedelta(days=1) - timedelta(microseconds=1)


def frozen_at(frozen: FrozenYear) -> datetime:
    """The instant from which a published year stands still."""
    return frozen.recorded_at or end_of_day(frozen.published_on)


def last_recorded(ledger: Ledger) -> datetime:
    """When the newest record of the ledger that the count reads became known."""
    rows: Iterable[_Recorded]
    newest = BEGINNING
    for rows in (
        ledger.sites, ledger.site_operators, ledger.site_districts, ledger.districts, ledger.opening_balances,
        ledger.allocations, ledger.distinct_answers,
    ):  # fmt: skip
        newest = max(newest, max((row.recorded_at or BEGINNING for row in rows), default=BEGINNING))
    return newest


def known_ledger(ledger: Ledger, as_of: datetime | None = None) -> KnownLedger:
    """What was known at ``as_of`` (aware; None = now).

    Raises ConflictError "opening-balance-ambiguous" where two opening balances contradict each other.
    """

    def known(rows: Iterable[Row]) -> list[Row]:
        return [row for row in rows if as_of is None or row.recorded_at is None or row.recorded_at <= as_of]

    sites, went_back = _sites(known(ledger.sites))
    stays = _latest(known(ledger.districts), lambda d: (d.district_id, d.designated_on), _district_order)
    answers = _latest(known(ledger.distinct_answers), lambda a: _pair(a.site_id_a, a.site_id_b), repr)
    frozen, again = _frozen(ledger.frozen_years, as_of)
    return KnownLedger(
        sites=sites,
        operators=_grouped(
            _latest(
                known(ledger.site_operators), lambda o: (o.site_id, o.operator, o.band, o.azimuth_deg), repr
            ),
            lambda o: o.site_id,
        ),
        links=_grouped(
            _latest(known(ledger.site_districts), lambda link: (link.site_id, link.district_id), repr),
            lambda link: link.site_id,
        ),
        districts=_grouped(
            sorted(stays, key=lambda d: (d.designated_on or date.min, _district_order(d))),
            lambda d: d.district_id,
        ),
        opening=_opening(known(ledger.opening_balances)),
        allocated=frozenset(row.site_id for row in known(ledger.allocations)),
        restatements=tuple(sorted(set(known(ledger.restatements)), key=_restatement_order)),
        frozen=frozen,
        frozen_again=again,
        answers={_pair(a.site_id_a, a.site_id_b): a.same for a in answers if a.site_id_a != a.site_id_b},
        went_back=went_back,
        footnotes=known_footnotes(ledger.footnotes, as_of),
    )


def known_footnotes(rows: Iterable[Footnote], as_of: datetime | None = None) -> tuple[Footnote, ...]:
    """The footnotes as they stood at ``as_of`` (aware; None = now): each as last worded, without the withdrawn ones."""
    known = [row for row in rows if as_of is None or row.recorded_at is None or row.recorded_at <= as_of]
    standing = [row for row in _latest(known, lambda row: row.footnote_id, repr) if not row.withdrawn]
    # The store numbers those of a value as they are entered; a correction keeps its place.
    return tuple(sorted(standing, key=lambda row: (len(row.footnote_id), row.footnote_id)))


def _latest(rows: Iterable[Row], key: Callable[[Row], Hashable], order: Callable[[Row], str]) -> list[Row]:
    """The newest version under each key. Contradicting rows of one moment are settled by their text, so that the
    result never depends on the order of the rows."""
    newest: dict[Hashable, Row] = {}
    for row in rows:
        own = key(row)
        other = newest.get(own)
        if other is None or other == row:
            newest[own] = row
            continue
        mine, theirs = row.recorded_at or BEGINNING, other.recorded_at or BEGINNING
        if mine > theirs or (mine == theirs and order(row) > order(other)):
            newest[own] = row
    return list(newest.values())


def _grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, tuple[Row, ...]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: tuple(group) for name, group in groups.items()}


def _sites(rows: list[Site]) -> tuple[dict[str, Site], frozenset[str]]:
    latest = {site.site_id: site for site in _latest(rows, lambda site: site.site_id, repr)}
    back = frozenset(
        old.site_id
        for old in rows
        if old.status in EVER_IN_SERVICE and latest[old.site_id].status not in EVER_IN_SERVICE
    )
    return {site_id: latest[site_id] for site_id in sorted(latest)}, back


def _opening(rows: list[OpeningBalance]) -> OpeningBalance | None:
    if not rows:
        return None
    newest = max(row.recorded_at or BEGINNING for row in rows)
    last = [row for row in rows if (row.recorded_at or BEGINNING) == newest]
    if len({(row.fiscal_year, row.value) for row in last}) > 1:
        stated = "、".join(sorted({f"{row.fiscal_year}年度 {row.value}" for row in last}))
        raise ConflictError(
            "opening-balance-ambiguous",
            f"開始値が複数あり、どれが有効か決められません（{stated}）。1つだけ残してください。",
            f"There are several opening balances and none is the newest ({stated}); keep one.",
        )
    return min(last, key=repr)


def _frozen(
    rows: Iterable[FrozenYear], as_of: datetime | None
) -> tuple[dict[int, FrozenYear], frozenset[int]]:
    frozen: dict[int, FrozenYear] = {}
    again = set()
    for row in sorted(rows, key=lambda row: (frozen_at(row), row.value)):
        known_from = row.recorded_at or datetime.combine(row.published_on, time.min, TOKYO)
        if as_of is not None and known_from > as_of:
            continue
        if frozen.setdefault(row.fiscal_year, row).value != row.value:
            again.add(row.fiscal_year)
    return frozen, frozenset(again)


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)


def _restatement_order(row: Restatement) -> tuple[int, datetime, str, str, int]:
    return row.effective_fy, row.recorded_at or BEGINNING, row.reason, row.author, row.amount


def _district_order(row: District) -> str:
    # Everything but the geometry, which can be large.
    return repr((row.resolved_on, row.name, row.municipality_code, row.population, row.declined, row.source))
