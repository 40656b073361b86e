from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coverage.domain.grid import Grid
from coverage.domain.ledger import DatePrecision, Ledger, Site, SiteOperator, Status
from coverage.radio.best_server import BestServer, whole
from coverage.radio.footprint import Footprint
from coverage.runs.result import NO_SERVER
from coverage.runs.signal import lay_over, on_air, on_air_rows

GRID = Grid(6674, 0.0, 100.0, 10.0, 4, 5)


def _site(status=Status.IN_SERVICE, closed_on=None, site_id="S1"):
    return Site(site_id, "見本局", "99201", 33.5, 136.5, status, closed_on=closed_on)


def _row(day, precision=DatePrecision.DAY, site_id="S1"):
    return SiteOperator(site_id, "m1", day, precision)


@pytest.mark.parametrize(
    ("site", "row", "expected"),
    [
        (_site(), _row(date(2017, 3, 31)), True),
        (_site(), _row(date(2017, 4, 1)), False),
        (_site(), _row(None), False),
        (_site(Status.PLANNED), _row(date(2016, 1, 1)), False),
        (_site(Status.CLOSED, date(2017, 4, 1)), _row(date(2010, 1, 1)), True),
        (_site(Status.CLOSED, date(2017, 3, 31)), _row(date(2010, 1, 1)), False),
        (_site(Status.SUSPENDED), _row(date(2010, 1, 1)), False),
        (_site(), _row(date(2017, 3, 31), DatePrecision.MONTH), True),
    ],
)
def test_a_site_transmits_from_service_until_it_closes(site, row, expected):
    assert on_air(site, row, date(2017, 3, 31)) is expected


def test_rows_on_the_air_come_in_the_order_of_site_and_operator():
    ledger = Ledger(
        sites=(_site(site_id="B"), _site(site_id="A")),
        site_operators=(
            SiteOperator("B", "m1", date(2010, 1, 1)),
            SiteOperator("A", "m2", date(2010, 1, 1)),
            SiteOperator("A", "m1", date(2030, 1, 1)),
        ),
    )
    assert [(s.site_id, r.operator) for s, r in on_air_rows(ledger, date(2017, 3, 31))] == [("A", "m2"), ("B", "m1")]


def _reference(levels, servers):
    """Best, its server and the best of any other site, pixel by pixel."""
    best = np.full(GRID.shape, -200.0)
    owner = np.full(GRID.shape, NO_SERVER)
    second = np.full(GRID.shape, -200.0)
    for row in range(GRID.rows):
        for col in range(GRID.cols):
            by_site: dict[int, float] = {}
            for level, server in zip(levels, servers, strict=True):
                by_site[server] = max(by_site.get(server, -200.0), float(level[row, col]))
            ranked = sorted(by_site.items(), key=lambda item: (-item[1], item[0]))
            if ranked and ranked[0][1] > -200.0:
                owner[row, col], best[row, col] = ranked[0]
                if len(ranked) > 1:
                    second[row, col] = ranked[1][1]
    return best, owner, second


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.booleans())
def test_operators_laid_over_each_other_equal_all_cells_at_once(seed, ties):
    rng = np.random.default_rng(seed)
    parts, levels, servers = [], [], []
    for _ in range(3):
        part = BestServer.empty(whole(GRID))
        for server in range(4):
            values = [-200, -120, -110, -100] if ties else np.linspace(-150, -60, 200)
            level = rng.choice(values, GRID.shape).astype(np.float32)
            part.add(Footprint(whole(GRID), level), server)
            levels.append(level)
            servers.append(server)
        parts.append(part)
    merged = lay_over(parts, GRID)
    best, owner, second = _reference(levels, servers)
    assert (merged.level_dbm[0] == best).all()
    assert (merged.server[0] == owner).all()
    assert (merged.level_dbm[1] == second).all()


def test_doubt_of_any_operator_is_doubt_of_all():
    hidden = BestServer.empty(whole(GRID))
    hidden.add(Footprint(whole(GRID), np.full(GRID.shape, np.nan, dtype=np.float32)), 0)
    clear = BestServer.empty(whole(GRID))
    level = np.full(GRID.shape, -130.0, dtype=np.float32)
    level[0] = -90.0
    clear.add(Footprint(whole(GRID), level), 1)
    found, _ = lay_over([hidden, clear], GRID).finished(no_data=np.zeros(GRID.shape, dtype=bool), edge_dbm=-115.0)
    assert (found[0] == -90.0).all()
    assert np.isnan(found[1:]).all()
