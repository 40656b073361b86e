"""A tiny synthetic run (tests/fixtures/synthetic_run.py) for tests of what reads runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from coverage.runs.result import RunResult


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module that writes synthetic runs."""
    path = Path(__file__).resolve().parents[1] / "fixtures" / "synthetic_run.py"
    spec = importlib.util.spec_from_file_location("synthetic_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def runs_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one published run."""
    runs = tmp_path_factory.mktemp("runs")
    synthetic.write_synthetic_run(runs)
    return runs


@pytest.fixture(scope="session")
def run(runs_folder: Path, synthetic: ModuleType) -> RunResult:
    """The published run."""
    return RunResult.open(runs_folder / synthetic.RUN_ID)
