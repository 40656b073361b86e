"""``?as_of=``: a day or a moment, as it is written in an address."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from coverage.domain import fiscal
from coverage.errors import InputError

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)(?:([Zz])|([+ -])([0-9]{2}:[0-9]{2}))"
)


def parse_as_of(text: str, *, now: datetime | None = None) -> datetime:
    """The moment that ``text`` names (UTC, aware).

    A day (``2026-04-01``) stands for its end in Japan. A moment is RFC 3339 with its offset; a blank in the place of the
    plus sign is one, because that is what ``+`` in an address reads as. Raises InputError "as-of-unreadable" for anything
    else and "as-of-in-the-future" for what has yet to come: the answer would change later.
    """
    wanted = text.strip()
    now = now or datetime.now(UTC)
    try:
        if _DAY.fullmatch(wanted):
            day = date.fromisoformat(wanted)
            if day > fiscal.tokyo_date(now):
                raise _future(wanted)
            after = datetime.combine(day + timedelta(days=1), time(0), fiscal.TOKYO)
            return (after - timedelta(microseconds=1)).astimezone(UTC)
        found = _MOMENT.fullmatch(wanted)
        if found is None:
            raise ValueError(wanted)
        local, zulu, sign, offset = found.groups()
        zone = "+00:00" if zulu else ("-" if sign == "-" else "+") + offset
        # Digits beyond microseconds cannot matter: publications are written down in microseconds.
        seconds, _, fraction = local.upper().partition(".")
        moment = datetime.fromisoformat(f"{seconds}.{(fraction or '0')[:6].ljust(6, '0')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "as-of-unreadable",
            f"as_of の「{wanted[:40]}」は読めません。2026-04-01 か 2026-04-01T09:00:00+09:00 の形で指定してください。",
            f"as_of '{wanted[:40]}' cannot be read; write 2026-04-01 or 2026-04-01T09:00:00+09:00.",
        ) from None
    if moment > now:
        raise _future(wanted)
    return moment


def _future(wanted: str) -> InputError:
    return InputError(
        "as-of-in-the-future",
        f"as_of の「{wanted[:40]}」はまだ来ていません。今日までの日時を指定してください。",
        f"as_of '{wanted[:40]}' has yet to come; name a day or moment up to now.",
    )
