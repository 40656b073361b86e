"""Commands called as a person would, in this process; and a tiny region of its own for each module of tests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from coverage.cli import main


@pytest.fixture
def called(capsys):
    """``called(*arguments, code=0)``: what a command printed (``out``, ``err``); it must end with ``code``."""

    def call(*arguments, code=0):
        got = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as end:
            got = int(end.code or 0)
        out = capsys.readouterr()
        assert got == code, out.err + out.out
        return out

    return call


@pytest.fixture(scope="module")
def place(tiny, tmp_path_factory):
    """``region`` with the tiny region, ``runs`` beside it, ``plans`` to remember."""
    root = tmp_path_factory.mktemp("place")
    tiny.write_tiny_region(root / "region")
    return SimpleNamespace(region=root / "region", runs=root / "runs", plans={})


@pytest.fixture
def command(called, monkeypatch, place):
    """:func:`called` on the module's region, without layers and a ledger's store from elsewhere."""
    for name in ("LAYERS", "STORE"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(place.region))
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(place.runs))
    return called


@pytest.fixture
def published(command, place):
    """The module's region has a published run."""
    if not (place.runs / "published.json").exists():
        command("run", "--workers", "1", "--publish", "--json")
