"""Time for the record: UTC, and never trusted to give the order of events.

Order is the sequence of the audit chain. A clock that jumps may stamp later events with earlier times; ``as_of`` and
``recorded_at`` then go by the readings that agree with the sequence, and a reading that does not is given the place
that its neighbours have.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

JAPAN = ZoneInfo("Asia/Tokyo")


def utc_now() -> datetime:
    return datetime.now(UTC)


def day_in_japan(moment: datetime) -> date:
    """The calendar day in Japan: what 「今日」 means for valid dates."""
    return moment.astimezone(JAPAN).date()


def in_sequence(readings: Sequence[datetime]) -> list[datetime]:
    """Clock readings (in the order of events) made non-decreasing.

    Kept are the readings of the longest non-decreasing subsequence: a jump that was noticed and set right is
    outnumbered by the readings around it. Any other gets the kept reading before it, a microsecond later for each (at
    the very start: the one after it, a microsecond earlier for each), so that what came after stays after.
    """
    if all(a <= b for a, b in pairwise(readings)):
        return list(readings)
    tails: list[int] = []
    previous: list[int] = [-1] * len(readings)
    for i, reading in enumerate(readings):
        at = bisect_right(tails, reading, key=lambda j: readings[j])
        previous[i] = tails[at - 1] if at else -1
        if at < len(tails):
            tails[at] = i
        else:
            tails.append(i)
    kept: set[int] = set()
    i = tails[-1]
    while i >= 0:
        kept.add(i)
        i = previous[i]
    adjusted: list[datetime] = []
    first_kept = min(kept)
    for i, reading in enumerate(readings):
        if i < first_kept:
            adjusted.append(readings[first_kept] - timedelta(microseconds=first_kept - i))
        elif i in kept:
            adjusted.append(max(reading, adjusted[-1]) if adjusted else reading)
        else:
            adjusted.append(adjusted[-1] + timedelta(microseconds=1))
    return adjusted


def last_at(readings: Sequence[datetime], moment: datetime) -> int:
    """How many of the (sequenced) readings are at or before ``moment``."""
    return bisect_right(readings, moment)
