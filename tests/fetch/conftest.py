"""Publishers on loopback for every test of this folder; no other host is ever asked."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from coverage.fetch.fetching import Setting

_PATH = Path(__file__).with_name("fake_publishers.py")
_SPEC = importlib.util.spec_from_file_location("fetch_fake_publishers", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
_FAKE = importlib.util.module_from_spec(_SPEC)
sys.modules["fetch_fake_publishers"] = _FAKE
_SPEC.loader.exec_module(_FAKE)

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The module of the fake publishers."""
    return _FAKE


@pytest.fixture
def publishers() -> Iterator[Any]:
    """A stocked server, shut down at the end."""
    made = _FAKE.stocked()
    server = _FAKE.serve(made)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def setting(publishers: Any, tmp_path: Path) -> Callable[..., Setting]:
    """A Setting that knows only the fake publishers and the two fictional prefectures."""
    first, second = _FAKE.write_tables(tmp_path / "tables", publishers.base)

    def make(**more: Any) -> Setting:
        return Setting(addresses=first, prefectures=second, today=TODAY, contact="gis@example.jp", **more)

    return make


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
