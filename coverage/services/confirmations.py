"""解消の確認: a municipality says that a district of its own is off the register, or takes that back.

From ``resolved_on`` the district is resolved (confirmed): in the run's tables and figures, in the downloads, and in the
count, because a site counts only if a district that it serves stood on the register on the eve of its service start
(product rules §2.4 and §2.7). A prediction of the radio model never confirms anything.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from coverage.domain.counting import count
from coverage.domain.municipality_code import present_code
from coverage.domain.service_start import StartState, is_public, service_start
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.services.access import Action, Object, Principal, Resource, allowed, authorise
from coverage.services.challenges import clean_text, places, today
from coverage.services.context import AppContext
from coverage.services.ledger import as_of_today
from coverage.store.canonical import one_line
from coverage.store.events import Kind
from coverage.store.protocol import Store, Versioned

if TYPE_CHECKING:
    from coverage.domain.ledger import District, Ledger, SiteOperator

NOTE_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class ServingSite:
    """A site in service that the ledger names for a district."""

    site_id: str
    name: str
    since: date | None
    """The last day that the precision of its service start allows; None where only a year or nothing is known."""


@dataclass(frozen=True, slots=True)
class RegisterDistrict:
    """A stay on the register, as somebody who may confirm it needs to see it."""

    district: District
    municipality_code: str
    municipality_name: str
    version: int
    """Hand it back to :func:`confirm` or :func:`withdraw`."""
    sites: tuple[ServingSite, ...] = ()
    confirmed_here: bool = False
    """Resolved by a confirmation, not by an import or an edit of the ledger."""
    withdrawable: bool = False
    """``confirmed_here``, and the one who asks may take it back."""

    @property
    def district_id(self) -> str:
        return self.district.district_id

    @property
    def earliest_on(self) -> date | None:
        """The first day on which one of its sites served it, as far as that is known."""
        return min((s.since for s in self.sites if s.since is not None), default=None)


@dataclass(frozen=True, slots=True)
class CountMove:
    """A fiscal year whose cumulative count would be another. None = no opening balance."""

    fiscal_year: int
    before: int | None
    after: int | None


def to_confirm(context: AppContext, store: Store, *, principal: Principal) -> tuple[RegisterDistrict, ...]:
    """Districts on the register that the one who asks may confirm: those with a site in service first."""
    mergers = context.config.municipality_mergers
    mine = [held for held in _standing(store).values() if _may_confirm(principal, _code_of(held, mergers))]
    if not mine:
        return ()
    serving = _serving_sites(store.ledger())
    names = places(context).names
    shown = [_shown(held, names, mergers, sites=serving.get(held.record.district_id, ())) for held in mine]
    return tuple(sorted(shown, key=lambda d: (not d.sites, d.municipality_code, d.district_id)))


def confirmed(
    context: AppContext, store: Store, *, principal: Principal, municipality: str | None = None
) -> tuple[RegisterDistrict, ...]:
    """Districts that are off the register, the last resolved first. Everybody who may look may see them."""
    authorise(principal, Action.VIEW, Resource(Object.DISTRICT))
    mergers = context.config.municipality_mergers
    on_register = set(_standing(store))
    latest: dict[str, Versioned] = {}
    for held in store.versioned(Kind.DISTRICT):
        stay: District = held.record
        if stay.district_id in on_register or stay.resolved_on is None or stay.resolved_on > today():
            continue
        if municipality is not None and _code_of(held, mergers) != municipality:
            continue
        known = latest.get(stay.district_id)
        if known is None or (known.record.resolved_on or date.min) <= stay.resolved_on:
            latest[stay.district_id] = held
    if not latest:
        return ()
    by_page = _confirmed_here(store)
    names = places(context).names
    shown = [
        _shown(
            held,
            names,
            mergers,
            here=held.key in by_page,
            withdrawable=held.key in by_page and _may_confirm(principal, _code_of(held, mergers)),
        )
        for held in latest.values()
    ]
    return tuple(
        sorted(shown, key=lambda d: (d.district.resolved_on or date.min, d.district_id), reverse=True)
    )


def confirm(
    context: AppContext,
    store: Store,
    district_id: str,
    *,
    principal: Principal,
    resolved_on: date,
    site_ids: Sequence[str] = (),
    note: str = "",
    seen_version: int | None = None,
) -> None:
    """Confirm that a district is resolved from ``resolved_on`` on. ``site_ids``: the sites that resolved it.

    Raises PermissionDeniedError for a foreign municipality, NotFoundError, ConflictError "district-resolved" for one
    that is off the register, InputError for a day in the future, before the designation or before one of the named
    sites went into service, and EditConflictError where the register changed since ``seen_version``.
    """
    held = _standing_one(context, store, district_id, principal)
    if resolved_on > today():
        raise InputError(
            "confirm-in-future",
            f"解消日 {resolved_on} が未来です。実際に確かめた日以前の日付にしてください。",
            f"The day of resolution {resolved_on} lies in the future; give a day that has come.",
        )
    serving = {s.site_id: s for s in _serving_sites(store.ledger()).get(held.record.district_id, ())}
    named = [" ".join(unicodedata.normalize("NFKC", site_id).split()) for site_id in site_ids]
    for site_id in named:
        site = serving.get(site_id)
        if site is None:
            raise InputError(
                "site-not-serving",
                f"局「{one_line(site_id, limit=40)}」は、この地区を対象とする供用中の局として台帳にありません。局番号を確かめてください。",
                f"The ledger has no site '{one_line(site_id, limit=40)}' in service for this district; check its id.",
            )
        if site.since is not None and resolved_on < site.since:
            raise InputError(
                "resolved-before-service",
                f"解消日 {resolved_on} が、局「{site_id}」の供用開始日 {site.since} より前です。供用開始日以後の日付にするか、局を外してください。",
                f"The day of resolution {resolved_on} lies before the service start {site.since} of site '{site_id}'; "
                "give a later day or leave the site out.",
            )
    store.confirm_resolution(
        held.key,
        resolved_on=resolved_on,
        by=principal.actor,
        expected_version=held.version if seen_version is None else seen_version,
        site_ids=named,
        note=clean_text(note, limit=NOTE_LIMIT, ja="備考", en="note") if note.strip() else "",
    )


def withdraw(
    context: AppContext,
    store: Store,
    district_id: str,
    *,
    principal: Principal,
    reason: str,
    seen_version: int | None = None,
) -> None:
    """Take a confirmation back, with a reason; the district is on the register again.

    Raises PermissionDeniedError, NotFoundError, and ConflictError where the day of resolution did not come from a
    confirmation ("confirmed-elsewhere"), there is none ("not-confirmed") or a later stay follows
    ("district-designated-again").
    """
    mergers = context.config.municipality_mergers
    held = max(_stays(store, district_id), key=lambda h: h.record.resolved_on or date.min)
    code = _code_of(held, mergers)
    authorise(principal, Action.CONFIRM, Resource(Object.DISTRICT, municipality_code=code))
    store.withdraw_resolution(
        held.key,
        by=principal.actor,
        expected_version=held.version if seen_version is None else seen_version,
        reason=clean_text(reason, limit=NOTE_LIMIT, ja="理由", en="reason"),
    )


def moves_of_count(
    context: AppContext, store: Store, district_id: str, *, resolved_on: date, principal: Principal
) -> tuple[CountMove, ...]:
    """Fiscal years whose printed count a confirmation would change; a frozen year's never does. Nothing is stored."""
    held = _standing_one(context, store, district_id, principal)
    # Every version with its own time, as runs count: a published year is judged by what was known at its publication.
    ledger = as_of_today(store.ledger(versions=True))
    resolved = dataclasses.replace(held.record, resolved_on=resolved_on, recorded_at=datetime.now(UTC))
    after = dataclasses.replace(ledger, districts=(*ledger.districts, resolved))
    rule, years = context.config.counting, list(context.config.fiscal_years)
    pairs = zip(
        count(ledger, rule=rule, fiscal_years=years).years,
        count(after, rule=rule, fiscal_years=years).years,
        strict=True,
    )
    return tuple(
        CountMove(old.fiscal_year, old.total, new.total)
        for old, new in pairs
        if old.total != new.total
        or (old.total is None and old.cumulative_increase != new.cumulative_increase)
    )


def may_confirm(principal: Principal) -> bool:
    """Whether the one who asks may confirm somewhere. A municipality without codes may nowhere."""
    return any(_may_confirm(principal, code) for code in ("", *principal.municipality_codes))


def _may_confirm(principal: Principal, code: str) -> bool:
    return allowed(principal, Action.CONFIRM, Resource(Object.DISTRICT, municipality_code=code))


def _code_of(held: Versioned, mergers: Mapping[str, str]) -> str:
    return present_code(held.record.municipality_code, mergers)


def _standing(store: Store) -> dict[str, Versioned]:
    """The stay of each district that is on the register today, or will leave it on a later day."""
    found: dict[str, Versioned] = {}
    for held in store.versioned(Kind.DISTRICT):
        stay: District = held.record
        if stay.resolved_on is None or stay.resolved_on > today():
            known = found.get(stay.district_id)
            if known is None or (known.record.designated_on or date.min) <= (stay.designated_on or date.min):
                found[stay.district_id] = held
    return found


def _stays(store: Store, district_id: str) -> list[Versioned]:
    plain = " ".join(unicodedata.normalize("NFKC", district_id).split())
    stays = [held for held in store.versioned(Kind.DISTRICT) if held.record.district_id == plain]
    if not stays:
        raise NotFoundError(
            "district-not-found",
            f"地区「{one_line(district_id, limit=40)}」は台帳にありません。地区番号を確かめてください。",
            f"There is no district '{one_line(district_id, limit=40)}' in the ledger; check its id.",
        )
    return stays


def _standing_one(context: AppContext, store: Store, district_id: str, principal: Principal) -> Versioned:
    """The stay to be confirmed. Asks first whether the principal may: a foreign register is not told apart."""
    stays = _stays(store, district_id)
    held = _standing(store).get(stays[0].record.district_id)
    code = _code_of(held or stays[-1], context.config.municipality_mergers)
    authorise(principal, Action.CONFIRM, Resource(Object.DISTRICT, municipality_code=code))
    if held is None:
        raise ConflictError(
            "district-resolved",
            f"地区「{stays[0].record.district_id}」は、すでに解消として確認されています。",
            f"The district '{stays[0].record.district_id}' is confirmed as resolved already.",
        )
    return held


def _serving_sites(ledger: Ledger) -> dict[str, tuple[ServingSite, ...]]:
    """Sites in service by the district that they are registered for. Plans are none of them, also those given up."""
    ledger = as_of_today(ledger)
    dated = {row.site_id for row in ledger.site_operators if row.in_service_date is not None}
    sites = {s.site_id: s for s in ledger.sites if is_public(s.status, dated=s.site_id in dated)}
    linked = {link.site_id for link in ledger.site_districts} & set(sites)
    operators: dict[str, list[SiteOperator]] = {site_id: [] for site_id in linked}
    for row in ledger.site_operators:
        if row.site_id in operators:
            operators[row.site_id].append(row)
    found: dict[str, list[ServingSite]] = {}
    for link in ledger.site_districts:
        site = sites.get(link.site_id)
        if site is not None:
            start = service_start([site], operators[site.site_id], valid_on=None)
            since = start.day if start.state is StartState.STARTED else None
            found.setdefault(link.district_id, []).append(ServingSite(site.site_id, site.name, since))
    return {key: tuple(sorted(served, key=lambda s: s.site_id)) for key, served in found.items()}


def _confirmed_here(store: Store) -> set[str]:
    """Keys of the districts whose last confirmation was not taken back."""
    last: dict[str, tuple[int, bool]] = {}
    for action, stands in (("confirm", True), ("confirm.withdraw", False)):
        after = 0
        while entries := store.audit(after_seq=after, action=action, object_prefix="district:"):
            for entry in entries:
                key = entry.object.removeprefix("district:")
                last[key] = max(last.get(key, (0, False)), (entry.seq, stands))
            after = entries[-1].seq
    return {key for key, (_, stands) in last.items() if stands}


def _shown(
    held: Versioned,
    names: Mapping[str, str],
    mergers: Mapping[str, str],
    *,
    sites: tuple[ServingSite, ...] = (),
    here: bool = False,
    withdrawable: bool = False,
) -> RegisterDistrict:
    code = _code_of(held, mergers)
    return RegisterDistrict(held.record, code, names.get(code, code), held.version, sites, here, withdrawable)
