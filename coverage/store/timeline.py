"""What one record was, by valid date: the rules by which a new statement meets what was said before.

A record's events, in order of version, each say what holds "from ``valid_from`` on". Laid over each other they give a
timeline of segments. Two kinds of statement change it:

A **step** names its day: "from 2018-03-25 on, status 供用中". Each stated column takes its new value from that day
until the next day on which that column was recorded to change. Later steps stand.

A **correction** names no day: "the height is 40 m". Each stated column that differs from its present value is
corrected for as long as that present value has stood. Earlier, different values stand.

Neither ever loses a step that somebody else recorded, and both are new events: nothing is rewritten.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from coverage.store.events import BEGINNING, EventRow, Table


@dataclass(frozen=True, slots=True)
class Segment:
    """What holds from ``valid_from`` until the next segment."""

    valid_from: date
    values: Mapping[str, Any]
    deleted: bool
    known_tx: int
    known_since: datetime | None

    @property
    def content(self) -> tuple[date, Mapping[str, Any], bool]:
        return self.valid_from, self.values, self.deleted


def timeline(rows: Iterable[EventRow]) -> list[Segment]:
    """The segments that the events (in order of version) leave standing, ascending by ``valid_from``."""
    segments: list[Segment] = []
    for row in rows:
        while segments and segments[-1].valid_from >= row.valid_from:
            segments.pop()
        segments.append(Segment(row.valid_from, row.values, row.deleted, row.known_tx, row.known_since))
    return segments


def in_force(segments: Sequence[Segment], valid_on: date | None) -> Segment | None:
    """The segment that holds on ``valid_on`` (None = the last one); None where the record does not exist then."""
    at = len(segments) if valid_on is None else bisect_right([s.valid_from for s in segments], valid_on)
    if at == 0 or segments[at - 1].deleted:
        return None
    return segments[at - 1]


def create(
    table: Table,
    values: Mapping[str, Any],
    *,
    valid_from: date | None,
    tx: int,
    known_since: datetime | None = None,
) -> list[Segment]:
    """A record that does not exist (any more): one segment from ``valid_from`` on."""
    full = table.complete(values)
    return [Segment(valid_from or BEGINNING, full, deleted=False, known_tx=tx, known_since=known_since)]


def step(
    table: Table, segments: Sequence[Segment], changes: Mapping[str, Any], *, valid_from: date, tx: int
) -> list[Segment]:
    """The events that make ``changes`` hold from ``valid_from`` on; empty when they hold already."""
    at = bisect_right([s.valid_from for s in segments], valid_from) - 1
    new = list(segments)
    if at < 0 or segments[at].deleted:
        # The record began later: it now begins earlier, as its first segment except for what is stated here.
        following = next((s for s in segments[at + 1 :] if not s.deleted), None)
        base = dict(following.values) if following else {}
        first = Segment(valid_from, table.complete({**base, **changes}), False, tx, None)
        new.insert(at + 1, first)
        if at >= 0 and segments[at].valid_from == valid_from:
            del new[at]
        return _emit(table, segments, new, tx)
    if all(new[at].values[column] == value for column, value in changes.items()):
        return []
    if new[at].valid_from != valid_from:
        new.insert(at + 1, replace(new[at], valid_from=valid_from))
        at += 1
    for column, value in changes.items():
        old = new[at].values[column]
        if old == value:
            continue
        for i in range(at, len(new)):
            if new[i].deleted or new[i].values[column] != old:
                break
            new[i] = replace(new[i], values={**new[i].values, column: value})
    return _emit(table, segments, new, tx)


def correct(
    table: Table, segments: Sequence[Segment], changes: Mapping[str, Any], *, tx: int
) -> list[Segment]:
    """The events that make ``changes`` hold for as long as the present values have stood; empty when they hold."""
    new = list(segments)
    for column, value in changes.items():
        old = new[-1].values[column]
        if old == value:
            continue
        for i in range(len(new) - 1, -1, -1):
            if new[i].deleted or new[i].values[column] != old:
                break
            new[i] = replace(new[i], values={**new[i].values, column: value})
    return _emit(table, segments, new, tx)


def remove(segments: Sequence[Segment], *, tx: int) -> list[Segment]:
    """The event after which the record does not exist, and never did."""
    return [replace(segments[-1], valid_from=BEGINNING, deleted=True, known_tx=tx, known_since=None)]


def restore(before: Sequence[Segment], present: Sequence[Segment], *, tx: int) -> list[Segment]:
    """The events after which the timeline is ``before`` again, with what was known then known since then."""
    if [s.content for s in before] == [s.content for s in present]:
        return []
    if not before:
        return remove(present, tx=tx)
    if present and present[0].valid_from < before[0].valid_from:
        return [*remove(before, tx=tx), *before]
    return list(before)


def _emit(table: Table, old: Sequence[Segment], new: Sequence[Segment], tx: int) -> list[Segment]:
    """From the first segment that differs: an event overrides everything from its day on, so the rest is said again."""
    first = next((i for i, s in enumerate(new) if i >= len(old) or s.content != old[i].content), len(new))
    return [_known(table, old, segment, tx) for segment in new[first:]]


def _known(table: Table, old: Sequence[Segment], segment: Segment, tx: int) -> Segment:
    """``segment`` with the time since which its countable facts are known: kept where they stay as they were."""
    before = in_force(old, segment.valid_from)
    if (
        before is not None
        and not segment.deleted
        and table.facts(before.values) == table.facts(segment.values)
    ):
        return replace(segment, known_tx=before.known_tx, known_since=before.known_since)
    if segment.deleted:
        return segment
    return replace(segment, known_tx=tx, known_since=None)
