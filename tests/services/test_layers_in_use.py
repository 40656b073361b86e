"""The layers behind the published figures, their age, and what region.toml names by now."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import InputError, PermissionDeniedError
from coverage.runs.result import RunResult
from coverage.services import layers_in_use
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext

SAMPLE = Path(__file__).resolve().parents[2] / "data"
ADMIN = Principal("sato", Role.ADMIN)


@pytest.mark.parametrize(
    ("edition", "day"),
    [
        ("2016-01-01", date(2016, 1, 1)),
        ("2015", date(2015, 12, 31)),
        ("2016-02", date(2016, 2, 29)),
        ("2019-11-30 版", date(2019, 11, 30)),
        ("2016-13-01", None),
        ("19.0b（2025年）", None),
        ("取得日現在", None),
        ("", None),
    ],
)
def test_an_edition_stands_for_its_last_day(edition: str, day: date | None) -> None:
    assert layers_in_use.edition_date(edition) == day


def _run(tmp_path: Path, *layers: dict[str, Any]) -> RunResult:
    folder = tmp_path / "abc"
    folder.mkdir()
    plain = {"format": "n03", "files": [["a", "0" * 64]], "licence": "CC0", "credit": "x", "estimated": False}
    meta = {
        "format": "coverage-gap-run/1",
        "run_id": "abc",
        "layers": [{**plain, **layer} for layer in layers],
    }
    (folder / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    return RunResult.open(folder)


def test_age_is_told_and_what_is_past_its_time_is_marked(tmp_path: Path) -> None:
    run = _run(
        tmp_path,
        {"layer": "boundaries", "edition": "2016-01-01"},
        {"layer": "terrain", "edition": "2016-01-01"},
        {"layer": "sites", "format": "store", "edition": "42"},
        {"layer": "clutter", "edition": "いつか"},
    )
    held = layers_in_use.layers_in_use(
        AppContext(SAMPLE, tmp_path), run, today=date(2019, 1, 1), principal=ANONYMOUS
    )
    assert [(x.layer, None if x.age_years is None else round(x.age_years), x.old) for x in held] == [
        ("boundaries", 3, True),
        ("terrain", 3, False),
        ("sites", None, False),
        ("clutter", None, False),
    ]


def test_another_edition_in_region_toml_is_named(tmp_path: Path) -> None:
    region = tmp_path / "region"
    region.mkdir()
    shutil.copy(SAMPLE / "region.toml", region)
    run = _run(
        tmp_path,
        {"layer": "boundaries", "edition": "2014-01-01"},
        {"layer": "shelters", "edition": "2016-01-01"},
    )
    held = layers_in_use.layers_in_use(
        AppContext(region, tmp_path), run, today=date(2019, 1, 1), principal=ADMIN
    )
    assert [x.named_now for x in held] == ["2016-01-01", ""]


def test_what_can_be_fetched_is_for_administrators_and_asks_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    region = tmp_path / "region"
    shutil.copytree(SAMPLE / "mie", region)
    rows = layers_in_use.on_offer(AppContext(region, tmp_path), principal=ADMIN)
    assert {"boundaries", "population", "terrain"} <= {r["layer"] for r in rows}
    assert all(r["credit"] and r["licence"] for r in rows)
    with pytest.raises(PermissionDeniedError):
        layers_in_use.on_offer(AppContext(region, tmp_path), principal=Principal("a", Role.PLANNER))
    with pytest.raises(InputError, match="99"):
        layers_in_use.on_offer(AppContext(SAMPLE, tmp_path), principal=ADMIN)
    assert layers_in_use.fetched(AppContext(SAMPLE, tmp_path), principal=ADMIN) == []
