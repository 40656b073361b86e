from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coverage.domain.grid import Grid, Window
from coverage.domain.ledger import DatePrecision, Ledger, Site, SiteOperator, Status
from coverage.runs.result import NO_SERVER
from coverage.runs.signal import BestSignal, lay_over, on_air, on_air_rows

GRID = Grid(6674, 0.0, 100.0, 10.0, 4, 5)
WHOLE = Window(0, 0, 4, 5)


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
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_best_and_second_best_equal_a_pixel_by_pixel_count(seed, servers):
    rng = np.random.default_rng(seed)
    servers = sorted(servers)
    # Few distinct levels, so that ties are common.
    levels = [rng.choice([-200, -120, -110, -100, -90], GRID.shape).astype(np.float32) for _ in servers]
    signal = BestSignal(GRID)
    for level, server in zip(levels, servers, strict=True):
        signal.add(WHOLE, level, server)
    best, owner, second = _reference(levels, servers)
    assert (signal.level_dbm == best).all()
    assert (signal.server == owner).all()
    assert (signal.second_dbm == second).all()


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_operators_laid_over_each_other_equal_all_cells_at_once(seed):
    rng = np.random.default_rng(seed)
    parts, levels, servers = [], [], []
    for _ in range(3):
        part = BestSignal(GRID)
        for server in range(4):
            # Distinct levels: between operators a tie goes to the first operator, within one to the first site.
            level = rng.permutation(np.linspace(-150, -60, 20)).reshape(GRID.shape) + rng.random()
            level = level.astype(np.float32)
            part.add(WHOLE, level, server)
            levels.append(level)
            servers.append(server)
        parts.append(part)
    whole = lay_over(parts, GRID)
    best, owner, second = _reference(levels, servers)
    assert (whole.level_dbm == best.astype(np.float32)).all()
    assert (whole.server == owner).all()
    assert (whole.second_dbm == second.astype(np.float32)).all()


def test_hole_leaves_doubt_only_where_no_signal_was_found():
    signal = BestSignal(GRID)
    behind_hole = np.full(GRID.shape, np.nan, dtype=np.float32)
    signal.add(WHOLE, behind_hole, 0)
    strong = np.full((4, 2), -80.0, dtype=np.float32)
    weak = np.full((4, 1), -130.0, dtype=np.float32)
    signal.add(Window(0, 0, 4, 2), strong, 1)
    signal.add(Window(0, 2, 4, 1), weak, 1)
    no_terrain = np.zeros(GRID.shape, dtype=np.bool_)
    no_terrain[0, 0] = True
    level = signal.finished(no_terrain, -115.0)
    assert np.isnan(level[0, 0])
    assert level[1, 0] == -80.0
    assert np.isnan(level[:, 2:]).all()


def test_out_of_range_is_no_signal_and_not_no_data():
    level = BestSignal(GRID).finished(np.zeros(GRID.shape, dtype=np.bool_), -115.0)
    assert (level == -200.0).all()
