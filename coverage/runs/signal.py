"""Who is on the air in a fiscal year, and "at least one operator" from the operators' best servers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
from numpy.typing import NDArray

from coverage.domain import fiscal
from coverage.domain.grid import Grid
from coverage.domain.ledger import Ledger, Site, SiteOperator, Status
from coverage.radio.best_server import BestServer, whole
from coverage.radio.footprint import OUT_OF_RANGE_DBM


def on_air(site: Site, row: SiteOperator, day: date) -> bool:
    """Does this operator transmit from this site on ``day``?

    It does from its service date on, while the site is 供用中; a site that is 停止 or 廃止 did until ``closed_on``. A
    date known to the month or the fiscal year stands for its last day; a bare calendar year for 31 December.
    """
    if row.in_service_date is None or fiscal.last_possible_day(row.in_service_date, row.date_precision) > day:
        return False
    if site.status is Status.IN_SERVICE:
        return True
    return (
        site.status in {Status.SUSPENDED, Status.CLOSED}
        and site.closed_on is not None
        and site.closed_on > day
    )


def on_air_rows(ledger: Ledger, day: date) -> list[tuple[Site, SiteOperator]]:
    """Every operator on a site that transmits on ``day``, by site id and operator."""
    sites = {s.site_id: s for s in ledger.sites}
    rows = [(sites[r.site_id], r) for r in ledger.site_operators if on_air(sites[r.site_id], r, day)]
    return sorted(rows, key=lambda pair: (pair[0].site_id, pair[1].operator, pair[1].band or ""))


def lay_over(parts: Iterable[BestServer], grid: Grid) -> BestServer:
    """ "At least one operator": best and second-best site over several operators (each with k ≥ 2).

    A mast that two operators share is one site: it never is its own runner-up.
    """
    merged = BestServer.empty(whole(grid), k=2)
    for part in parts:
        for rank in range(2):
            _insert(merged, part.level_dbm[rank], part.server[rank])
        merged.blocked += part.blocked
    return merged


def _insert(into: BestServer, level: NDArray[np.float32], server: NDArray[np.uint16]) -> None:
    (l0, l1), (s0, s1) = into.level_dbm, into.server
    valid = level > OUT_OF_RANGE_DBM
    first, second = valid & (server == s0), valid & (server == s1)
    np.maximum(l0, level, out=l0, where=first)
    beats = valid & ~first & ((level > l0) | ((level == l0) & (server < s0)))
    behind = valid & ~first & ~beats & (second | (level > l1) | ((level == l1) & (server < s1)))
    np.copyto(l1, l0, where=beats)
    np.copyto(s1, s0, where=beats)
    np.copyto(l0, level, where=beats)
    np.copyto(s0, server, where=beats)
    np.copyto(l1, np.maximum(l1, level), where=behind & second)
    np.copyto(l1, level, where=behind & ~second)
    np.copyto(s1, server, where=behind)
