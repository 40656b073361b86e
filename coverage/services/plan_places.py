"""Naming a candidate: its number in this plan, its name, or the place where it stands.

Numbers are those of one plan: another operator, another list or another baseline numbers the places anew. A name or a
position means the same place in every plan.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Literal

from coverage.errors import InputError
from coverage.plan.siting import Candidate

SAME_PLACE_M = 50.0
_POSITION = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]+)?)\s*,\s*(-?[0-9]+(?:\.[0-9]+)?)\s*")
_M_PER_DEG = 111_195.0


def places_of(
    candidates: Sequence[Candidate],
    wanted: Sequence[str],
    lat_lon: Callable[[Candidate], tuple[float, float]],
    kind: Literal["forced", "excluded"],
) -> list[str]:
    """Candidate ids of what a planner named, each once.

    A position means the nearest candidate within 50 m. An excluded place without a candidate is excluded already; a
    forced one raises InputError "plan-place-unknown", as do a number or name that no candidate has and a name that
    several have.
    """
    found: list[str] = []
    for text in wanted:
        at = _POSITION.fullmatch(text)
        if at is not None:
            candidate = _nearest(candidates, float(at[1]), float(at[2]), lat_lon)
            if candidate is None and kind == "excluded":
                continue
            own = [] if candidate is None else [candidate.candidate_id]
        else:
            own = [c.candidate_id for c in candidates if c.candidate_id == text]
            own = own or [c.candidate_id for c in candidates if c.name and c.name == text.strip()]
        if len(own) != 1:
            several = len(own) > 1
            raise InputError(
                "plan-place-unknown",
                f"候補地「{text}」は{'二つ以上あります。番号か「緯度,経度」で指定' if several else 'ありません。番号・名前・「緯度,経度」を確かめるか、自分の候補地として追加'}してください。",
                f"There {'are several candidates' if several else 'is no candidate'} '{text}'; give its number or 'lat,lon'"
                f"{'' if several else ', or add it as a place of your own'}.",
            )
        if own[0] not in found:
            found.append(own[0])
    return found


def _nearest(
    candidates: Sequence[Candidate], lat: float, lon: float, lat_lon: Callable[[Candidate], tuple[float, float]]
) -> Candidate | None:
    best, least = None, SAME_PLACE_M
    for candidate in candidates:
        own_lat, own_lon = lat_lon(candidate)
        metres = _M_PER_DEG * math.hypot(own_lat - lat, (own_lon - lon) * math.cos(math.radians(lat)))
        if metres <= least:
            best, least = candidate, metres
    return best
