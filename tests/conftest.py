"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: a failure on one machine is a failure on all. Timing is no concern of tests.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")

PROJECT = Path(__file__).resolve().parent.parent


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
