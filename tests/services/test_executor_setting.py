"""COVERAGE_GAP_EXECUTOR is honoured by runs and by plans, and what is amiss with Dask is one sentence."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from coverage.cli import main
from coverage.readers.region import load_region
from coverage.runs import executors
from coverage.runs.executors import ProcessExecutor, SerialExecutor
from coverage.services.compute import compute_run
from coverage.services.context import AppContext
from coverage.services.executor import executor_in_force
from coverage.services.plan_reach import Reach, reach_of


@pytest.fixture(scope="module")
def region(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tiny.write_tiny_region(tmp_path_factory.mktemp("executor") / "region")
    return folder


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A scheduler on the loopback with one worker process, as somebody else has started it."""
    distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as made:
        yield made


def _choose(monkeypatch: pytest.MonkeyPatch, name: str, address: str | None = None) -> None:
    monkeypatch.setenv("COVERAGE_GAP_EXECUTOR", name)
    monkeypatch.delenv("COVERAGE_GAP_DASK_SCHEDULER", raising=False)
    if address is not None:
        monkeypatch.setenv("COVERAGE_GAP_DASK_SCHEDULER", address)


def _done_by(cluster: Any) -> int:
    """Footprints that the scheduler has seen computed."""
    return sum(
        1
        for change in cluster.scheduler.transition_log
        if str(change[0]).startswith("compute_one") and change[2] == "memory"
    )


def _reach(context: AppContext) -> Reach:
    data = load_region(context.region_folder)
    ledger = data.ledger
    return reach_of(context, data, ledger.sites, ledger.site_operators, workers=0, progress=lambda *_: None)


def test_runs_and_plans_compute_on_the_dask_scheduler_of_the_settings(
    cluster: Any, region: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _choose(monkeypatch, "serial")
    serial = compute_run(AppContext(region, tmp_path / "serial"))
    levels = [_reach(AppContext(region, tmp_path / "serial")).above(n, -115.0)[1].tolist() for n in range(3)]

    def not_here(*_: object) -> None:
        raise AssertionError("this process computes nothing itself")

    monkeypatch.setattr(SerialExecutor, "run", not_here)
    monkeypatch.setattr(ProcessExecutor, "run", not_here)
    _choose(monkeypatch, "dask", cluster.scheduler_address)
    context = AppContext(region, tmp_path / "dask")
    run = compute_run(context, workers=3)
    card = run.meta["model_card"]
    cells = card["cells"] + card["cells_planned"]
    assert _done_by(cluster) == cells == 4
    assert run.run_id == serial.run_id, "where a run was computed is no part of it"
    rasters = sorted(p.relative_to(serial.folder) for p in serial.folder.rglob("*.tif"))
    assert rasters
    for path in rasters:
        assert (run.folder / path).read_bytes() == (serial.folder / path).read_bytes(), path

    shutil.rmtree(context.runs_folder / ".cache" / "footprints")
    reach = _reach(context)
    assert _done_by(cluster) == 2 * cells
    assert [reach.above(n, -115.0)[1].tolist() for n in range(3)] == levels


def test_one_after_another_starts_no_process(
    region: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("no pool")

    monkeypatch.setattr(executors, "ProcessPoolExecutor", refused)
    _choose(monkeypatch, "serial")
    assert compute_run(AppContext(region, tmp_path / "runs"), workers=8).run_id
    monkeypatch.delenv("COVERAGE_GAP_EXECUTOR")
    assert isinstance(executor_in_force(8), ProcessExecutor), "processes are the default"
    assert isinstance(executor_in_force(1), SerialExecutor)


@pytest.mark.parametrize(
    ("name", "address", "code", "words"),
    [
        ("threads", None, 2, ("COVERAGE_GAP_EXECUTOR", "threads", "dask")),
        ("dask", "scheduler:8786", 2, ("COVERAGE_GAP_DASK_SCHEDULER", "tcp://")),
        ("dask", None, 7, ("Dask", "pip install 'coverage-gap-planner[dask]'")),
    ],
)
def test_a_wrong_setting_or_a_missing_dask_is_one_sentence_and_an_exit_code(
    region: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    address: str | None,
    code: int,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    _choose(monkeypatch, name, address)
    monkeypatch.delenv("COVERAGE_GAP_STORE", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--region", str(region), "--runs", str(tmp_path / "runs"), "--json"])
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    for word in words:
        assert word in said
    assert not list((tmp_path / "runs").glob("*/run.json"))
