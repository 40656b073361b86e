"""Executors: the same bytes everywhere, workers that die, terrain that is shared, progress that never goes back."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from coverage.domain.region import RadioConfig
from coverage.errors import EnvironmentProblemError, InputError, OutsideTerrainError, StorageError
from coverage.runs.cache import BAND_ROWS, terrain_digest
from coverage.runs.executors import (
    DaskExecutor,
    Executor,
    Meter,
    ProcessExecutor,
    SerialExecutor,
    executor_named,
)
from coverage.runs.footprints import clean_work, compute_footprints, publish_terrain, shared_terrain
from coverage.runs.strips import merge_strips

from .small_network import EDGE, bytes_of, files_of, network, network_of


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessExecutor(2) as executor:
        yield executor


def test_processes_give_the_bytes_of_the_serial_run(tmp_path: Path, processes: Executor) -> None:
    serial = network_of(tmp_path / "a", SerialExecutor())
    pool = network_of(tmp_path / "b", processes)
    assert bytes_of(serial) == bytes_of(pool)
    assert set(serial.best) == {"any", "docomo", "kddi"}
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert len(files_of(tmp_path / "a")) == 40
    assert float(serial.best["any"].level_dbm.max()) > EDGE
    assert int(serial.best["any"].blocked.max()) > 0, "the hole in the terrain hides something in this test"


def test_dask_workers_give_the_same(tmp_path: Path, tasks: ModuleType) -> None:
    pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    serial = network_of(tmp_path / "a", SerialExecutor(), count=24)
    with DaskExecutor(workers=2) as executor:
        assert executor.workers == 2
        remote = network_of(tmp_path / "b", executor, count=24)
        with pytest.raises(InputError):
            list(executor.run(tasks.refuse, [1]))
    for name, best in serial.best.items():
        other = remote.best[name]
        assert np.array_equal(best.server, other.server)
        assert np.array_equal(best.blocked, other.blocked)
        assert float(np.abs(best.level_dbm - other.level_dbm).max()) <= 1e-6


@pytest.mark.parametrize("rows", [1, 64, 1000])
def test_the_height_of_a_strip_changes_nothing(tmp_path: Path, rows: int) -> None:
    cells = network.cells(30)
    prints = compute_footprints(
        network.terrain(), cells, network.RADIO, work=tmp_path, executor=SerialExecutor()
    )
    groups = {"all": [(n, n % 7) for n in range(30)]}
    one, sums_one = merge_strips(
        prints, groups, work=tmp_path, executor=SerialExecutor(), edge_dbm=EDGE, strip_rows=10_000
    )
    other, sums_other = merge_strips(
        prints, groups, work=tmp_path, executor=SerialExecutor(), edge_dbm=EDGE, strip_rows=rows
    )
    assert one["all"].level_dbm.tobytes() == other["all"].level_dbm.tobytes()
    assert one["all"].server.tobytes() == other["all"].server.tobytes()
    assert sums_one == sums_other
    assert sums_one["all"].pixels == 120 * 90
    assert sums_one["all"].served == int((one["all"].level_dbm[0] >= EDGE).sum()) > 0
    assert not (tmp_path / "strips").exists() or not any((tmp_path / "strips").iterdir())


class _Interrupted(SerialExecutor):
    """Stops after some tasks, as a kill would between two of them; counts what it starts."""

    def __init__(self, after: int | None) -> None:
        self.started = 0
        self._after = after

    def run(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for number, result in super().run(function, tasks):
            self.started += 1
            yield number, result
            if self.started == self._after:
                raise KeyboardInterrupt


@pytest.mark.parametrize("harm", [False, True])
def test_finished_strips_are_taken_over_unless_they_were_damaged(
    tmp_path: Path, harm: bool, caplog: pytest.LogCaptureFixture
) -> None:
    prints = compute_footprints(
        network.terrain(), network.cells(30), network.RADIO, work=tmp_path, executor=SerialExecutor()
    )
    groups = {"a": [(n, n % 7) for n in range(0, 30, 2)], "b": [(n, n % 7) for n in range(30)]}

    def merge(executor: Executor) -> bytes:
        best, _ = merge_strips(
            prints, groups, work=tmp_path, executor=executor, edge_dbm=EDGE, strip_rows=BAND_ROWS
        )
        return b"".join(best[name].level_dbm.tobytes() + best[name].server.tobytes() for name in sorted(best))

    with pytest.raises(KeyboardInterrupt):
        merge(_Interrupted(after=1))
    (strip,) = tmp_path.rglob("*.strip")
    if harm:
        data = bytearray(strip.read_bytes())
        data[len(data) // 3] ^= 0x04
        strip.write_bytes(bytes(data))
    again = _Interrupted(after=None)
    resumed = merge(again)
    assert again.started == (2 if harm else 1), "of two strips"
    assert ("damaged" in caplog.text) == harm
    assert not list(tmp_path.rglob("*.strip")), "nothing is left behind"
    assert resumed == merge(SerialExecutor())


def test_equal_antennas_of_two_operators_are_computed_once(tmp_path: Path) -> None:
    first = network.cells(1)[0]
    shown: list[float] = []
    prints = compute_footprints(
        network.terrain(),
        [first, replace(first, operator="rakuten")],
        network.RADIO,
        work=tmp_path,
        executor=SerialExecutor(),
        report=lambda fraction, left: shown.append(fraction),
    )
    assert prints.keys[0] == prints.keys[1]
    assert shown == [0.0, 1.0]


def test_a_finished_network_is_not_computed_again(tmp_path: Path) -> None:
    network_of(tmp_path, SerialExecutor(), count=10)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.footprint")}
    shown: list[float] = []
    compute_footprints(
        network.terrain(),
        network.cells(10),
        network.RADIO,
        work=tmp_path,
        executor=SerialExecutor(),
        report=lambda fraction, left: shown.append(fraction),
    )
    assert shown == [1.0]
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.footprint")}


def test_a_damaged_footprint_is_computed_again_when_it_is_read(tmp_path: Path) -> None:
    whole = network_of(tmp_path, SerialExecutor(), count=12)
    path = next(iter(sorted(tmp_path.rglob("*.footprint"))))
    sound = path.read_bytes()
    path.write_bytes(sound[:-20] + bytes(20))
    again = network_of(tmp_path, SerialExecutor(), count=12)
    assert bytes_of(again) == bytes_of(whole)
    assert path.read_bytes() == sound


def test_a_mast_outside_or_on_a_hole_stops_before_anything_is_computed(tmp_path: Path) -> None:
    cell = network.cells(1)[0]
    for x, y, code in ((-10.0, -500.0, "site-off-terrain"), (4_500.0, -5_150.0, "site-on-hole")):
        with pytest.raises(OutsideTerrainError) as caught:
            compute_footprints(
                network.terrain(),
                [cell, replace(cell, site_id="24-9999", x_m=x, y_m=y)],
                network.RADIO,
                work=tmp_path,
                executor=SerialExecutor(),
            )
        assert caught.value.code == code
        assert "24-9999" in str(caught.value)
    assert not list(tmp_path.rglob("*.footprint"))


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """worker_tasks.py as a module that worker processes import by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("worker_tasks")


def test_a_worker_that_dies_once_is_replaced(tmp_path: Path, processes: Executor, tasks: ModuleType) -> None:
    assert list(processes.run(tasks.die_once, [str(tmp_path / "marker")])) == [(0, 7)]
    assert sorted(processes.run(tasks.square, range(5))) == [(i, i * i) for i in range(5)]


def test_workers_that_keep_dying_end_in_a_plain_message(tasks: ModuleType) -> None:
    with ProcessExecutor(1) as executor, pytest.raises(EnvironmentProblemError) as caught:
        list(executor.run(tasks.die_always, [1]))
    assert caught.value.code == "workers-die"


def test_an_error_for_people_keeps_its_sentence_on_the_way_out_of_a_worker(
    processes: Executor, tasks: ModuleType
) -> None:
    with pytest.raises(InputError) as caught:
        list(processes.run(tasks.refuse, range(10)))
    assert caught.value.code == "no-such-thing"
    assert caught.value.ja == "だめです。"
    assert sorted(processes.run(tasks.square, range(3))) == [(0, 0), (1, 1), (2, 4)], "the pool goes on"


# --- Settings, shared terrain, progress ------------------------------------------------------------------------------


def test_executors_by_name() -> None:
    assert isinstance(executor_named("serial"), SerialExecutor)
    pool = executor_named("processes", workers=3)
    assert isinstance(pool, ProcessExecutor)
    assert pool.workers == 3
    assert isinstance(executor_named("processes", workers=1), SerialExecutor)
    with pytest.raises(InputError) as caught:
        executor_named("processes", workers=-1)
    assert caught.value.code == "workers-below-one"


def test_dask_without_its_extra_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EnvironmentProblemError) as caught:
        executor_named("dask")
    assert caught.value.code == "extra-missing-dask"
    assert "[dask]" in caught.value.en


def _an_earlier_release() -> Callable[[], None]:
    """Makes a worker into one that holds a package of another time, without what this one would call there."""

    def become() -> None:
        import sys
        import types

        for name in [name for name in sys.modules if name.partition(".")[0] == "coverage"]:
            del sys.modules[name]
        sys.modules["coverage"] = types.ModuleType("coverage")
        sys.modules["coverage"].__dict__["__version__"] = "0.9.0"

    return become


def _refused_by_dask(address: str, code: str) -> str:
    with pytest.raises(EnvironmentProblemError) as caught:
        DaskExecutor(address, wait_s=1.0)
    assert caught.value.code == code
    assert caught.value.ja.endswith("。")
    if code != "dask-other-version":
        assert address in caught.value.ja
        assert address in caught.value.en
    return caught.value.en


def test_a_scheduler_that_is_not_there_has_no_workers_or_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        _refused_by_dask(address, "dask-no-workers")
        cluster.scale(1)
        cluster.wait_for_workers(1)
        with DaskExecutor(address, wait_s=20.0) as executor:
            assert executor.workers == 1
        with monkeypatch.context() as patch:
            patch.setattr("coverage.runs.executors.__version__", "0.0.0")
            _refused_by_dask(address, "dask-other-version")
        with distributed.Client(address) as client:
            client.run(_an_earlier_release())
        assert "0.9.0" in _refused_by_dask(address, "dask-other-version")
    _refused_by_dask(address, "dask-unreachable")


def test_shared_terrain_is_the_terrain_with_its_zones(tmp_path: Path) -> None:
    sea = np.zeros((120, 90), dtype=np.bool_)
    sea[:, :20] = True
    height = np.where(sea, np.float32(0), network.terrain().height_m)
    clutter = np.full((120, 90), 5.0, dtype=np.float32)
    terrain = replace(network.terrain(), height_m=height, sea=sea, clutter_m=clutter, source="国土地理院")
    folder = publish_terrain(terrain, tmp_path, terrain_digest(terrain))
    ground = shared_terrain(str(folder))
    assert ground.zones is not None
    assert np.array_equal(ground.zones == 1, sea)
    back = ground.terrain
    assert back.grid == terrain.grid
    assert np.array_equal(back.height_m, terrain.height_m, equal_nan=True)
    assert back.clutter_m is not None
    assert float(back.clutter_m[3, 3]) == 5.0
    assert back.source == "国土地理院"


@pytest.mark.parametrize("layer", ["height_m", "sea", "zones"])
def test_damaged_shared_terrain_is_written_again(
    tmp_path: Path, layer: str, caplog: pytest.LogCaptureFixture
) -> None:
    sea = np.zeros((120, 90), dtype=np.bool_)
    sea[:, :20] = True
    terrain = replace(network.terrain(), sea=sea)
    folder = publish_terrain(terrain, tmp_path, terrain_digest(terrain))
    path = folder / f"{layer}.npy"
    sound = path.read_bytes()
    data = bytearray(sound)
    data[-100] ^= 0x01
    path.write_bytes(bytes(data))
    assert publish_terrain(terrain, tmp_path, terrain_digest(terrain)) == folder
    assert "damaged" in caplog.text
    assert path.read_bytes() == sound


def test_an_old_work_folder_can_be_cleaned_without_losing_what_is_in_use(tmp_path: Path) -> None:
    terrain = network.terrain()
    old = compute_footprints(
        replace(terrain, height_m=terrain.height_m + 1), network.cells(3), network.RADIO, work=tmp_path,
        executor=SerialExecutor(),
    )  # fmt: skip
    now = compute_footprints(
        terrain, network.cells(3), network.RADIO, work=tmp_path, executor=SerialExecutor()
    )
    assert clean_work(tmp_path, keep=now, limit_bytes=0) == 3 + 1
    assert all(now.cache.has(key) for key in now.keys)
    assert now.terrain_folder.is_dir()
    assert not old.terrain_folder.exists()
    assert not any(now.cache.has(key) for key in old.keys)


def test_p1812_in_processes_gives_the_bytes_of_the_serial_run(tmp_path: Path, processes: Executor) -> None:
    radio = RadioConfig(max_range_m=1_500.0)
    for name, executor in (("a", SerialExecutor()), ("b", processes)):
        compute_footprints(
            network.terrain(), network.cells(6), radio, work=tmp_path / name, executor=executor
        )
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert len(files_of(tmp_path / "a")) == 6


def test_a_work_folder_that_cannot_be_written_is_a_plain_message(tmp_path: Path) -> None:
    (tmp_path / "terrain").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError) as caught:
        network_of(tmp_path, SerialExecutor(), count=1)
    assert caught.value.code == "terrain-not-written"


def test_time_left_counts_only_what_this_attempt_did() -> None:
    now = [100.0]
    shown: list[tuple[float, float | None]] = []
    meter = Meter(lambda fraction, left: shown.append((fraction, left)), 10, done=6, clock=lambda: now[0])
    now[0] += 5.0
    meter.advance()
    now[0] += 5.0
    meter.advance(2)
    assert shown[0] == (0.6, None)
    assert shown[1] == (0.7, pytest.approx(15.0))
    assert shown[2] == (0.9, pytest.approx(10 / 3))


def test_nothing_to_do_is_done() -> None:
    shown: list[tuple[float, float | None]] = []
    Meter(lambda fraction, left: shown.append((fraction, left)), 0)
    assert shown == [(1.0, 0.0)]
