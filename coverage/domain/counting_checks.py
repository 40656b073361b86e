"""What people have to answer or to know about a count: gaps in the ledger, contradictions, districts at risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from coverage.domain.counting_findings import Finding, Verdict, finding
from coverage.domain.district_register import on_register, redesignated
from coverage.domain.fiscal import last_day
from coverage.domain.known_ledger import KnownLedger
from coverage.domain.ledger import District
from coverage.domain.qualification import Judged, Judgement
from coverage.domain.service_start import StartState, has_been_in_service

Predicted = Mapping[tuple[str, str], float]
"""People that the radio model finds served, by (site_id, district_id)."""


def check(
    known: KnownLedger,
    judged: Judged,
    *,
    expected: Mapping[str, int],
    predicted_people: Predicted | None,
    valid_on: date | None,
) -> Iterator[Finding]:
    """Every question and warning, in no particular order."""
    yield from _ledger_gaps(known, judged)
    for judgement in judged.judgements.values():
        yield from _about_mast(known, judgement)
        if predicted_people is not None and judgement.counted:
            yield from _predicted_zero(judgement, predicted_people)
    for near in judged.near_uncounted:
        yield finding("near-other-site", site_ids=(near.site_id, near.other), metres=near.distance_m)
    yield from _districts(known, judged, valid_on)
    if valid_on is not None:
        for mast_id in expected:
            site = judged.judgements[mast_id].mast.primary
            if site.planned_fy is not None and last_day(site.planned_fy) < valid_on:
                yield finding("forecast-overdue", site_ids=(site.site_id,), fiscal_year=site.planned_fy)


def _ledger_gaps(known: KnownLedger, judged: Judged) -> Iterator[Finding]:
    """Missing opening balance, references into the void, answers that contradict each other."""
    if known.opening is None:
        yield finding("opening-unregistered")
    for site_id in known.allocated - known.sites.keys():
        yield finding("allocated-unknown-site", site_ids=(site_id,))
    for site_id in known.operators.keys() - known.sites.keys():
        yield finding("operator-of-unknown-site", site_ids=(site_id,))
    for site_id, links in known.links.items():
        if site_id not in known.sites:
            named = tuple(sorted({link.district_id for link in links}))
            yield finding("link-to-unknown-site", site_ids=(site_id,), district_ids=named)
        lost = {link.district_id for link in links if link.district_id not in known.districts}
        if lost:
            yield finding("link-to-unknown-district", site_ids=(site_id,), district_ids=tuple(sorted(lost)))
    for site_id in known.went_back:
        yield finding("status-went-back", site_ids=(site_id,))
    for pair in judged.masts.contradictions:
        yield finding("answers-contradict", site_ids=pair)


def _about_mast(known: KnownLedger, judgement: Judgement) -> Iterator[Finding]:
    mast, code = judgement.mast, judgement.code
    own = (mast.primary.site_id,)
    if code in (Verdict.NO_SERVICE_DATE, Verdict.YEAR_ONLY, Verdict.UNCLASSIFIED):
        yield finding(code.value, site_ids=own)
    elif code is Verdict.BEFORE_OPENING and known.opening is not None:
        yield finding(code.value, site_ids=own, fiscal_year=known.opening.fiscal_year)
    elif code is Verdict.NEAR_OTHER_SITE and judgement.near is not None:
        near = judgement.near
        yield finding(code.value, site_ids=(near.site_id, near.other), metres=near.distance_m)
    elif code is Verdict.IN_OPENING_BALANCE and known.opening is not None:
        fy = judgement.fiscal_year
        if fy is not None and fy > known.opening.fiscal_year:
            yield finding("allocated-after-opening", site_ids=own, fiscal_year=fy)
    for site in mast.members:
        dated = any(row.in_service_date is not None for row in known.operators.get(site.site_id, ()))
        if dated and not has_been_in_service(site):
            yield finding("date-before-status", site_ids=(site.site_id,))
        if site.replaces is not None and site.replaces not in known.sites:
            yield finding("replaces-unknown", site_ids=(site.site_id,))
    if judgement.reference is not None:
        coarse = _changed_meanwhile(known, judgement)
        if coarse:
            yield finding("date-too-coarse", site_ids=own, district_ids=coarse)
    if judgement.counted and mast.start.day is not None:
        later = {
            link.district_id
            for link in mast.links
            if link.district_id in judgement.district_ids
            and link.serves_from is not None
            and link.serves_from > mast.start.day
        }
        if later:
            yield finding("serves-later", site_ids=own, district_ids=tuple(sorted(later)))


def _changed_meanwhile(known: KnownLedger, judgement: Judgement) -> tuple[str, ...]:
    """Districts of the mast that entered or left the register within the span that a coarse date leaves open."""
    reference = judgement.reference
    if reference is None or reference.day is None or reference.first_possible_day is None:
        return ()
    first = reference.first_possible_day - timedelta(days=1)
    last = reference.day - timedelta(days=1)
    if first == last:
        return ()
    named = {link.district_id for link in judgement.mast.links}
    return tuple(
        sorted(
            name
            for name in named
            if any(_changed(stay, first, last) for stay in known.districts.get(name, ()))
        )
    )


def _changed(stay: District, first: date, last: date) -> bool:
    return any(
        event is not None and first < event <= last for event in (stay.designated_on, stay.resolved_on)
    )


def _predicted_zero(judgement: Judgement, predicted: Predicted) -> Iterator[Finding]:
    for district_id in judgement.district_ids:
        people = [
            predicted[site_id, district_id]
            for site_id in judgement.mast.site_ids
            if (site_id, district_id) in predicted
        ]
        if people and max(people) <= 0:
            yield finding(
                "predicted-zero", site_ids=(judgement.mast.primary.site_id,), district_ids=(district_id,)
            )


def _districts(known: KnownLedger, judged: Judged, valid_on: date | None) -> Iterator[Finding]:
    """Districts that came back onto the register, and resolved ones that no site on the air serves any more."""
    serving: dict[str, list[Judgement]] = {}
    for judgement in judged.judgements.values():
        if judgement.mast.start.state is StartState.STARTED:
            for district_id in {link.district_id for link in judgement.mast.links}:
                serving.setdefault(district_id, []).append(judgement)
    for district_id, stays in known.districts.items():
        again = redesignated(stays, valid_on=valid_on)
        if again is not None:
            yield finding("district-redesignated", district_ids=(district_id,), day=again.designated_on)
        today = valid_on if valid_on is not None else date.max
        resolved = any(stay.resolved_on is not None and stay.resolved_on <= today for stay in stays)
        masts = serving.get(district_id, [])
        if (
            resolved
            and masts
            and not on_register(stays, today)
            and not any(j.mast.operates(valid_on) for j in masts)
        ):
            named = tuple(sorted(site_id for j in masts for site_id in j.mast.site_ids))
            yield finding("district-without-service", site_ids=named, district_ids=(district_id,))
