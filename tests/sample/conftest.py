"""The shipped sample, read once, and made once more."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from coverage.domain.ledger import Ledger
from coverage.domain.region import RegionData
from coverage.readers.region import load_region


@pytest.fixture(scope="session")
def sample_dir(project_dir: Path) -> Path:
    return project_dir / "data"


@pytest.fixture(scope="session")
def sample(sample_dir: Path) -> RegionData:
    """The shipped region with every layer."""
    return load_region(sample_dir)


@pytest.fixture(scope="session")
def ledger(sample: RegionData) -> Ledger:
    return sample.ledger


@pytest.fixture(scope="session")
def made_with(sample_dir: Path) -> dict[str, Any]:
    return tomllib.loads((sample_dir / "made-with.toml").read_text(encoding="utf-8"))
