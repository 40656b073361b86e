"""The register of no-signal districts: who stood on it when, what was resolved, who declined (rules 4, 7, 11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from coverage.domain.fiscal import first_day, last_day
from coverage.domain.ledger import District


@dataclass(frozen=True, slots=True)
class RegisterYear:
    """The register at the end of a fiscal year (or on ``valid_on``, if that comes first).

    ``resolved`` counts the districts that are off the register because the municipality confirmed it; computed signal
    plays no part in it. People are those that the register states; of declined districts they are included in
    ``registered_people`` and stated again in ``declined_people``.
    """

    fiscal_year: int
    registered: int
    declined: int
    registered_people: int
    declined_people: int
    resolved: int
    resolved_in_year: int


def on_register(stays: Iterable[District], day: date) -> bool:
    """Whether a district stood on the register on ``day``: from its designation up to, not including, resolution."""
    return any(_stands(stay, day) for stay in stays)


def redesignated(stays: Iterable[District], *, valid_on: date | None) -> District | None:
    """The stay on the register that followed an earlier resolution, if the district was designated again."""
    resolved: date | None = None
    for stay in sorted(stays, key=lambda stay: stay.designated_on or date.min):
        begins = stay.designated_on
        if valid_on is not None and begins is not None and begins > valid_on:
            break
        if resolved is not None and begins is not None and begins >= resolved:
            return stay
        resolved = stay.resolved_on if stay.resolved_on is not None else resolved
    return None


def register_year(
    districts: Mapping[str, tuple[District, ...]], fy: int, *, valid_on: date | None
) -> RegisterYear:
    """The register in one fiscal year. Events after ``valid_on`` are not seen."""
    day = last_day(fy) if valid_on is None else min(last_day(fy), valid_on)
    registered = declined = registered_people = declined_people = resolved = in_year = 0
    for stays in districts.values():
        in_year += sum(
            stay.resolved_on is not None and first_day(fy) <= stay.resolved_on <= day for stay in stays
        )
        current = next((stay for stay in stays if _stands(stay, day)), None)
        if current is None:
            resolved += any(stay.resolved_on is not None and stay.resolved_on <= day for stay in stays)
            continue
        people = current.population or 0
        registered += 1
        registered_people += people
        if current.declined:
            declined += 1
            declined_people += people
    return RegisterYear(fy, registered, declined, registered_people, declined_people, resolved, in_year)


def _stands(stay: District, day: date) -> bool:
    begun = stay.designated_on is None or stay.designated_on <= day
    return begun and (stay.resolved_on is None or day < stay.resolved_on)
