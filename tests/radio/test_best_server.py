"""Best and k-best servers: ties, order, cells of one mast, holes, taking a site out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from coverage.domain.grid import Window
from coverage.radio import best_server
from coverage.radio.best_server import NO_SERVER, BestServer, overlap, server_index
from coverage.radio.footprint import OUT_OF_RANGE_DBM, Footprint

GROUND = Window(0, 0, 40, 30)


def _random_cells(rng: np.random.Generator, sites: int, cells: int) -> list[tuple[int, Footprint]]:
    """Footprints of random windows, coarse levels (so that ties occur), some NO DATA, some out of range."""
    made = []
    for _ in range(cells):
        rows, cols = (int(v) for v in rng.integers(5, 25, 2))
        window = Window(int(rng.integers(0, 40 - rows)), int(rng.integers(0, 30 - cols)), rows, cols)
        level = (-60.0 - rng.integers(0, 8, (rows, cols))).astype(np.float32)
        level[rng.random((rows, cols)) < 0.1] = np.nan
        level[rng.random((rows, cols)) < 0.1] = OUT_OF_RANGE_DBM
        made.append((int(rng.integers(0, sites)), Footprint(window, level)))
    return made


def _by_definition(cells: list[tuple[int, Footprint]], k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All sites' strongest cell at every pixel, sorted by (level, smaller index): memory O(sites × pixels)."""
    sites = 1 + max(server for server, _ in cells)
    strongest = np.full((sites, 40, 30), OUT_OF_RANGE_DBM, dtype=np.float32)
    blocked = np.zeros((40, 30), dtype=np.uint16)
    for server, print_ in cells:
        here = strongest[server][print_.window.slices]
        here[...] = np.fmax(here, print_.level_dbm)
        blocked[print_.window.slices] += np.isnan(print_.level_dbm)
    order = np.argsort(-strongest, axis=0, kind="stable")[:k]
    level = np.take_along_axis(strongest, order, axis=0)
    server = np.where(level > OUT_OF_RANGE_DBM, order, NO_SERVER).astype(np.uint16)
    return level, server, blocked


def _best(cells: list[tuple[int, Footprint]], k: int) -> BestServer:
    best = BestServer.empty(GROUND, k=k)
    for server, print_ in cells:
        best.add(print_, server)
    return best


@pytest.mark.parametrize("k", [1, 2, 4])
def test_streaming_gives_what_sorting_all_sites_at_every_pixel_gives(k: int) -> None:
    cells = _random_cells(np.random.default_rng(7), sites=9, cells=60)
    level, server, blocked = _by_definition(cells, k)
    best = _best(cells, k)
    assert np.array_equal(best.level_dbm, level)
    assert np.array_equal(best.server, server)
    assert np.array_equal(best.blocked, blocked)


def test_the_order_of_arrival_does_not_matter() -> None:
    cells = _random_cells(np.random.default_rng(3), sites=4, cells=5)
    results = {
        tuple(part.tobytes() for part in (best.level_dbm, best.server, best.blocked))
        for best in (_best(list(order), 2) for order in itertools.permutations(cells))
    }
    assert len(results) == 1


def test_a_tie_goes_to_the_smaller_site_id() -> None:
    index = server_index(["24-0010", "24-0002", "24-0010"])
    assert index == {"24-0002": 0, "24-0010": 1}
    same = Footprint(Window(0, 0, 1, 1), np.full((1, 1), -80.0, dtype=np.float32))
    best = BestServer.empty(Window(0, 0, 1, 1), k=2)
    best.add(same, index["24-0010"])
    best.add(same, index["24-0002"])
    assert best.server[:, 0, 0].tolist() == [0, 1]


def test_sectors_of_one_mast_are_one_server() -> None:
    best = BestServer.empty(Window(0, 0, 1, 1), k=2)
    for server, level in ((5, -90.0), (5, -70.0), (8, -80.0), (5, -95.0)):
        best.add(Footprint(Window(0, 0, 1, 1), np.full((1, 1), level, dtype=np.float32)), server)
    assert best.server[:, 0, 0].tolist() == [5, 8]
    assert best.level_dbm[:, 0, 0].tolist() == [-70.0, -80.0]


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("spare", [0, 1, 3])
def test_removing_sites_and_adding_others_equals_never_having_had_them(k: int, spare: int) -> None:
    """A long row of changes: whatever the spare entries hide, the first k are those of a fresh start."""
    rng = np.random.default_rng(11)
    cells = _random_cells(rng, sites=12, cells=60)
    best = BestServer.empty(GROUND, k=k, spare=spare)
    for server, print_ in cells:
        best.add(print_, server)
    asked = 0
    for _ in range(25):
        victim = int(rng.integers(0, 12))
        wanting = best.remove([p for s, p in cells if s == victim], victim)
        asked += int(wanting.sum())
        cells = [(s, p) for s, p in cells if s != victim]
        for server, print_ in cells:
            best.refill(wanting, print_, server)
        back = [(victim, print_) for _, print_ in _random_cells(rng, sites=1, cells=int(rng.integers(1, 7)))]
        for server, print_ in back:
            best.add(print_, server)
        cells += back
        fresh = _best(cells, k)
        assert np.array_equal(best.level_dbm[:k], fresh.level_dbm)
        assert np.array_equal(best.server[:k], fresh.server)
        assert np.array_equal(best.blocked, fresh.blocked)
    assert asked > 0, "the lists did run short in this test"


def test_a_spare_entry_saves_asking_the_neighbours() -> None:
    cells = _random_cells(np.random.default_rng(2), sites=9, cells=60)
    wanting = []
    for spare in (0, 1, 2):
        best = BestServer.empty(GROUND, k=2, spare=spare)
        for server, print_ in cells:
            best.add(print_, server)
        wanting.append(int(best.remove([p for s, p in cells if s == 4], 4).sum()))
    assert wanting[0] > 0
    assert wanting[1:] == [0, 0]


def test_lists_without_entries_are_refused() -> None:
    for k, spare in ((0, 0), (1, -1), (200, 100)):
        with pytest.raises(ValueError, match="at least"):
            BestServer.empty(GROUND, k=k, spare=spare)


def test_removal_asks_only_where_the_site_was_listed() -> None:
    near = Footprint(Window(0, 0, 4, 4), np.full((4, 4), -60.0, dtype=np.float32))
    far = Footprint(Window(0, 0, 40, 30), np.full((40, 30), -90.0, dtype=np.float32))
    best = _best([(0, near), (1, far)], 1)
    wanting = best.remove([near], 0)
    assert int(wanting.sum()) == 16
    assert wanting[:4, :4].all()


def test_a_tile_holds_the_same_numbers_as_the_whole() -> None:
    cells = _random_cells(np.random.default_rng(5), sites=6, cells=40)
    tile = Window(13, 9, 11, 12)
    part = BestServer.empty(tile, k=2)
    for server, print_ in cells:
        part.add(print_, server)
    all_of_it = _best(cells, 2)
    rows, cols = tile.slices
    assert np.array_equal(part.level_dbm, all_of_it.level_dbm[:, rows, cols])
    assert np.array_equal(part.blocked, all_of_it.blocked[rows, cols])


def test_no_data_is_unknown_only_where_no_site_is_known_to_serve() -> None:
    strong = Footprint(Window(0, 0, 1, 3), np.array([[-80.0, -130.0, OUT_OF_RANGE_DBM]], dtype=np.float32))
    hidden = Footprint(Window(0, 0, 1, 3), np.array([[np.nan, np.nan, OUT_OF_RANGE_DBM]], dtype=np.float32))
    best = BestServer.empty(Window(0, 0, 1, 4), k=1)
    best.add(strong, 0)
    best.add(hidden, 1)
    hole = np.array([[False, False, False, True]])
    level, server = best.finished(no_data=hole, edge_dbm=-115.0)
    assert level[0, 0] == -80.0
    assert np.isnan(level[0, 1]), "a site hidden by NO DATA might serve here"
    assert level[0, 2] == OUT_OF_RANGE_DBM, "out of every site's range is no doubt"
    assert np.isnan(level[0, 3]), "no ground, no statement"
    assert server[0].tolist() == [0, NO_SERVER, NO_SERVER, NO_SERVER]


def test_more_sites_than_a_16_bit_raster_can_name_are_refused() -> None:
    with pytest.raises(ValueError, match="16-bit"):
        server_index(str(i) for i in range(65_536))


def test_windows_that_only_touch_do_not_overlap() -> None:
    assert overlap(Window(0, 0, 2, 2), Window(2, 0, 2, 2)) is None
    assert overlap(Window(0, 0, 3, 3), Window(2, 1, 5, 1)) == Window(2, 1, 1, 1)


def test_without_a_place_for_compiled_code_the_kernels_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = best_server.njit, []

    def njit(**options: bool) -> object:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(best_server, "njit", njit)
    assert best_server._compiled(lambda value: value + 1)(2) == 3
    assert [bool(options.get("cache")) for options in asked] == [True, False]
