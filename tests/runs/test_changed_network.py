"""A changed site: what is computed of it alone is what computing all anew gives."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from coverage.radio.footprint import Cell
from coverage.runs.executors import SerialExecutor
from coverage.runs.network import network_signal

from .small_network import EDGE, bytes_of, files_of, network, network_of


def _changes(cells: list[Cell]) -> dict[str, list[Cell]]:
    moved = [replace(c, antenna_height_m=45.0) if c.site_id == "24-0011" else c for c in cells]
    new = replace(cells[3], site_id="24-0003a", x_m=5_050.0, y_m=-3_010.0)
    other = replace(cells[4], site_id="24-0004", operator="rakuten")
    return {
        "changed": moved,
        "added": [*cells, new],
        "removed": [c for c in cells if c.site_id != "24-0007"],
        "first removed": cells[1:],
        "another operator on the mast": [*cells, other],
        "an operator gone": [c for c in cells if c.operator == "kddi"],
        "nothing": list(reversed(cells)),
    }


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("what", list(_changes(network.cells(40))))
def test_a_change_gives_what_computing_all_anew_gives(tmp_path: Path, what: str, k: int) -> None:
    terrain, cells = network.terrain(), network.cells(40)
    after = _changes(cells)[what]
    signal_before = network_of(tmp_path, SerialExecutor(), k=k)
    files = set(files_of(tmp_path))
    found, window = signal_before.changed(after, terrain)
    fresh = network_signal(
        terrain, after, network.RADIO, work=tmp_path / "fresh", executor=SerialExecutor(), edge_dbm=EDGE, k=k
    )
    assert found.servers == fresh.servers
    assert bytes_of(found) == bytes_of(fresh)
    assert len(set(files_of(tmp_path / "footprints")) - files) <= 1, "one changed site, one footprint computed"
    assert (window is None) == (what == "nothing")


def test_many_changes_one_after_another_stay_exact(tmp_path: Path) -> None:
    """The spare entries run out, are filled up from the neighbours, and nothing drifts."""
    rng = random.Random(7)
    terrain, cells = network.terrain(), network.cells(40)
    found = network_of(tmp_path, SerialExecutor())
    for _ in range(12):
        place = rng.randrange(len(cells))
        if rng.random() < 0.5 and len(cells) > 30:
            cells = cells[:place] + cells[place + 1 :]
        else:
            cells = [
                *cells[:place],
                replace(cells[place], eirp_dbm=50.0 + rng.randrange(20)),
                *cells[place + 1 :],
            ]
        found, _ = found.changed(cells, terrain)
    fresh = network_signal(
        terrain, cells, network.RADIO, work=tmp_path / "fresh", executor=SerialExecutor(), edge_dbm=EDGE
    )
    assert bytes_of(found) == bytes_of(fresh)


def test_a_change_is_confined_to_the_window_that_is_named(tmp_path: Path) -> None:
    cells = network.cells(40)
    found = network_of(tmp_path, SerialExecutor())
    before = found.best["any"].level_dbm.copy()
    found, window = found.changed(_changes(cells)["changed"], network.terrain())
    assert window is not None
    differs = found.best["any"].level_dbm != before
    assert differs.any()
    rows, cols = window.slices
    differs[:, rows, cols] = False
    assert not differs.any()


def test_another_terrain_is_not_a_change_of_sites(tmp_path: Path) -> None:
    found = network_of(tmp_path, SerialExecutor(), count=5)
    terrain = network.terrain()
    with pytest.raises(ValueError, match="terrain"):
        found.changed(network.cells(5), replace(terrain, height_m=terrain.height_m + 1))
