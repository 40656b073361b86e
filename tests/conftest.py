"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# The same examples every time: a failure on one machine is a failure on all. Timing is no concern of tests.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _same_main() -> Iterator[None]:
    """Streamlit's own test of a script leaves it behind as ``__main__``, which worker processes would then import."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session")
def project_dir() -> Path:
    """The project's root."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Real layers and reference values that lie beside the project and are read in place, never copied."""
    folder = PROJECT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("real layers: the folder 'shared' beside the project is absent on this machine")
    return folder


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module that writes the tiny region (tests/fixtures/tiny_region.py)."""
    return load_fixture("tiny_region")


def load_fixture(name: str) -> ModuleType:
    """A module of tests/fixtures by name (tests are no package)."""
    path = PROJECT / "tests" / "fixtures" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"fixtures_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
