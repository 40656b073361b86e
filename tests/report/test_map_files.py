"""Pictures that a run keeps for its pages and the live map: the same as drawn anew, and drawn once."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from coverage.report import map_data
from coverage.report.map_files import write_map_files
from coverage.runs.result import RunResult


def test_a_run_keeps_its_relief_and_signal_and_they_are_read_instead_of_drawn(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path))
    relief, stack = map_data.relief_picture(run), map_data.signal_stack(run, "alpha")
    assert stack is not None
    write_map_files(run)
    kept = run.folder / "map"
    assert (kept / "relief.webp").read_bytes() == relief
    assert (kept / "signal-alpha.webp").read_bytes() == stack.picture
    assert json.loads((kept / "signal-alpha.json").read_text(encoding="utf-8")) == stack.rows

    def drawn_again(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(map_data, "hillshade", drawn_again)
    monkeypatch.setattr(map_data, "class_pixels", drawn_again)
    assert map_data.relief_picture(run) == relief
    again = map_data.signal_stack(run, "alpha")
    assert again is not None
    assert again.picture == stack.picture
    assert again.rows == stack.rows
