"""The sample's story told by files: the same series and the same figures from SQLite and PostGIS as from its tables."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coverage.cli import main
from coverage.services.compute import compute_run
from coverage.services.context import AppContext

YEARS = (2015, 2016, 2017, 2018, 2019)
BY_HAND = [70, 71, 72, 72, 73]
"""Worked out row by row in tests/sample/test_sample_story.py."""
TABLES = ("municipalities.csv", "operators.csv", "districts.csv", "sites.csv", "indicators.csv")

Command = Callable[..., dict[str, Any]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run a command as a script does; gives its last line as an object. It must end well."""
    monkeypatch.chdir(tmp_path)
    for name in ("REGION", "RUNS", "LAYERS", "STORE", "STORE_FILE", "BACKUPS", "AUTH", "ANCHOR_LOG"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)

    def call(*arguments: Any) -> dict[str, Any]:
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        assert code == 0, (arguments, told.out[-2000:], told.err)
        lines = [line for line in told.out.splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else {"told": told.out}

    return call


@pytest.fixture(scope="module")
def region(project_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample on a grid of 200 m and with signals of 5 km at most: a run takes seconds, by the same steps."""
    folder = tmp_path_factory.mktemp("story") / "data"
    shutil.copytree(project_dir / "data", folder)
    toml = (folder / "region.toml").read_text(encoding="utf-8")
    for fine, coarse in (("\ncell_m = 50\n", "\ncell_m = 200\n"), ("= 20_000\n", "= 5_000\n")):
        assert toml.count(fine) == 1
        toml = toml.replace(fine, coarse)
    (folder / "region.toml").write_text(toml, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def from_tables(region: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run that reads the region's own CSV tables."""
    runs = tmp_path_factory.mktemp("runs")
    return compute_run(AppContext(region_folder=region, runs_folder=runs), workers=1).folder


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def _table(run: Path, name: str) -> list[dict[str, str]]:
    return _rows(run / "tables" / name)


def _flat_list(towers: Path, to: Path) -> None:
    """Sites and operators of the sample as the one flat list that an office keeps."""
    operators: dict[str, list[dict[str, str]]] = {}
    for row in _rows(towers / "site_operators.csv"):
        operators.setdefault(row["site_id"], []).append(row)
    sites = _rows(towers / "sites.csv")
    assert any(site["closed_on"] for site in sites)
    flat = [{**site, **own} for site in sites for own in operators.get(site["site_id"], [{}])]
    columns = list(dict.fromkeys(c for row in flat for c in row if c != "recorded_at"))
    with to.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(flat)


def _tell(command: Command, towers: Path) -> None:
    """The whole story by the commands that an office would use: four files, the opening balance, its allocations."""
    flat = Path("flat.csv")
    _flat_list(towers, flat)
    files = {
        "sites": flat,
        "districts": towers / "districts.geojson",
        "site-districts": towers / "site_districts.csv",
        "actuals": towers / "actuals.csv",
    }
    for kind, file in files.items():
        done = command(f"import-{kind}", file, "--accept", "--json")
        assert (done["rows_bad"], done["errors"]) == (0, [])
    (opening,) = _rows(towers / "opening_balance.csv")
    command(
        "ledger", "opening", opening["fiscal_year"], opening["value"],
        "--source", opening["source"], "--decided-on", opening["decided_on"],
    )  # fmt: skip
    for row in _rows(towers / "allocations.csv"):
        command("ledger", "allocate", row["site_id"])


def test_the_story_by_files_gives_the_series_and_the_figures_of_the_tables(
    store_url: str,
    command: Command,
    region: Path,
    from_tables: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_STORE", store_url)
    _tell(command, region / "towers")
    counted = command("count", "--region", region, "--json")["years"]
    assert [year["total"] for year in counted if year["fiscal_year"] in YEARS] == BY_HAND

    context = AppContext(region_folder=region, runs_folder=tmp_path / "runs", store_url=store_url)
    # The cells are the same, so that the first run's footprints serve: a cell that differed would be computed anew.
    shutil.copytree(from_tables.parent / ".cache", tmp_path / "runs" / ".cache")
    run = compute_run(context, workers=1)
    for name in TABLES:
        assert _table(run.folder, name) == _table(from_tables, name), name
