"""The command line as a person or a script meets it: text, one JSON object, exit codes."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest

from coverage.cli import main


@pytest.fixture(scope="module")
def place(tiny, tmp_path_factory):
    root = tmp_path_factory.mktemp("place")
    tiny.write_tiny_region(root / "region")
    return SimpleNamespace(region=root / "region", runs=root / "runs", root=root)


@pytest.fixture
def command(capsys, monkeypatch):
    """Run a command; returns exit code, standard output and standard error."""
    for name in ("REGION", "RUNS", "LAYERS", "STORE"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)

    def call(*arguments):
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        out = capsys.readouterr()
        return SimpleNamespace(code=code, out=out.out, err=out.err)

    return call


def test_run_publish_list_and_export(place, command):
    done = command("run", "--region", place.region, "--runs", place.runs, "--workers", 1, "--publish", "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out.splitlines()[-1])
    assert (summary["municipalities"], summary["population"], summary["unserved_people"]) == (2, 1041, 11.0)
    listing = command("runs", "--runs", place.runs)
    assert summary["run_id"] in listing.out
    assert "公開中" in listing.out
    as_json = json.loads(command("runs", "--runs", place.runs, "--json").out)
    assert as_json["runs"][0]["published"] is True
    again = command("run", "--region", place.region, "--runs", place.runs, "--workers", 1)
    assert again.code == 0
    assert "電波の届かない人" in again.out
    for what, name in (
        ("region", "r.geojson"), ("municipalities", "m.csv"), ("99301", "e.geojson"), ("count", "c.json"),
        ("indicators", "i.csv"), ("all", "all.gpkg"),
    ):  # fmt: skip
        to = place.root / name
        done = command("export", what, "--to", to, "--runs", place.runs, "--fy", "28")
        assert done.code == 0, done.err
        assert to.stat().st_size > 0
    document = json.loads((place.root / "e.geojson").read_text(encoding="utf-8"))
    assert (document["fiscal_year"], document["municipality_code"]) == (2016, "99301")
    refused = command("export", "region", "--to", place.root / "r.geojson", "--runs", place.runs)
    assert refused.code == 4
    assert "--force" in refused.err
    assert command("export", "region", "--to", place.root / "r.geojson", "--runs", place.runs, "--force").code == 0
    assert command("export", "region", "--to", place.root / "r.pdf", "--runs", place.runs).code == 2
    assert command("export", "99999", "--to", place.root / "x.geojson", "--runs", place.runs).code == 3
    assert command("export", "region", "--to", place.root / "x.geojson", "--runs", place.runs, "--fy", "1999").code == 3
    assert not (place.root / "x.geojson").exists()
    assert not [p for p in place.root.iterdir() if p.name.endswith(".part")]
    missing = command("export", "region", "--to", place.root / "no" / "x.geojson", "--runs", place.runs)
    assert missing.code == 6


def test_nothing_published_says_what_to_do(place, command, tmp_path):
    done = command("export", "region", "--to", tmp_path / "x.geojson", "--runs", tmp_path / "empty")
    assert done.code == 3
    assert "coverage-gap run --publish" in done.err
    assert "計算結果はまだありません" in command("runs", "--runs", tmp_path / "empty").out
    assert command("publish", "abc", "--runs", tmp_path / "empty").code == 3


def test_count_reads_bare_years_as_heisei(place, command):
    done = command("count", "--fy", "27..29", "--region", place.region)
    assert done.code == 0, done.err
    assert "平成27年度  70 基" in done.out
    assert "平成28年度  71 基（+1）  T2" in done.out
    western = json.loads(command("count", "--fy", "2015..2017", "--region", place.region, "--json").out)
    assert [(y["fiscal_year"], y["total"]) for y in western["years"]] == [(2015, 70), (2016, 71), (2017, 71)]


def test_count_explains_every_site(place, command):
    done = command("count", "--region", place.region, "--explain")
    assert "+1 T2  規則4: 平成28年度に計上" in done.out
    assert "T3  規則2" in done.out


def test_count_looks_back_in_time(place, command):
    done = command("count", "--fy", "28", "--region", place.region, "--valid-on", "2017-03-30", "--json")
    assert json.loads(done.out)["years"][0]["total"] == 70
    assert command("count", "--region", place.region, "--valid-on", "2017-02-30").code == 2
    assert command("count", "--region", place.region, "--as-of", "2017-03-31T10:00:00").code == 2
    assert command("count", "--region", place.region, "--as-of", "yesterday").code == 2
    assert command("count", "--region", place.region, "--as-of", "2030-01-01T00:00:00+09:00").code == 0
    assert command("count", "--region", place.region, "--fy", "三十").code == 2


def test_indicators_fill_the_count_in(place, command):
    done = command("indicators", "--region", place.region)
    assert done.code == 0, done.err
    assert "40604" in done.out
    assert "開始値" not in done.out
    table = json.loads(command("indicators", "--region", place.region, "--json").out)["table"]
    row = next(r for r in table["rows"] if r["code"] == "40604")
    cells = {c["fiscal_year"]: c for c in row["cells"]}
    assert (cells[2016]["target"], cells[2016]["actual"], cells[2016]["achievement_text"]) == (71, 71, "1.00")
    other = next(r for r in table["rows"] if r["code"] == "406")
    assert [c["actual"] for c in other["cells"] if c["fiscal_year"] > 2015] == [None] * 4
    english = command("indicators", "--region", place.region, "--lang", "en")
    assert "target 71" in english.out
    assert command("indicators", "--region", place.region, "--lang", "fr").code == 2


def test_region_without_a_sheet_says_so(tiny, command, tmp_path):
    toml = tiny.REGION_TOML.replace(
        tiny.REGION_TOML[tiny.REGION_TOML.index("[layers.indicators]") : tiny.REGION_TOML.index("[operators.m1]")], ""
    )
    region = tiny.write_tiny_region(tmp_path / "region", toml=toml)
    done = command("indicators", "--region", region)
    assert done.code == 2
    assert "[layers.indicators]" in done.err
    run = command("run", "--region", region, "--runs", tmp_path / "runs", "--workers", 1, "--json")
    assert run.code == 0, run.err


@pytest.mark.parametrize("layer", ["shapes/boundaries.geojson", "population/mesh.csv", "terrain/height.tif", "towers"])
def test_missing_layer_is_one_sentence_and_leaves_nothing(tiny, command, tmp_path, layer):
    region = tiny.write_tiny_region(tmp_path / "region")
    path = region / layer
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = command("run", "--region", region, "--runs", tmp_path / "runs", "--workers", 1)
    assert done.code == 2
    lines = done.err.strip().splitlines()
    assert lines[-2].startswith("エラー: ")
    assert lines[-1].startswith("error: ")
    assert layer.split("/")[-1] in done.err
    assert not (tmp_path / "runs").exists() or not [p for p in (tmp_path / "runs").iterdir() if p.name != ".cache"]


def test_error_as_json_has_code_and_both_languages(command, tmp_path):
    done = command("count", "--region", tmp_path, "--json")
    error = json.loads(done.out.splitlines()[-1])["error"]
    assert error["code"] == "region-toml-missing"
    assert set(error) == {"code", "ja", "en"}
    assert done.code == 2


def test_site_at_zero_zero_is_refused_with_its_row(tiny, command, tmp_path):
    region = tiny.write_tiny_region(tmp_path / "region")
    sites = region / "towers" / "sites.csv"
    text = sites.read_text(encoding="utf-8-sig")
    sites.write_text(text.replace("33.525,136.515", "0,0"), encoding="utf-8")
    done = command("run", "--region", region, "--runs", tmp_path / "runs", "--workers", 1)
    assert done.code == 2
    assert "sites.csv" in done.err


def test_version_and_bare_call(command):
    assert "coverage-gap-planner" in command("--version").out
    assert "Mobile no-signal areas" in command("--help").out


def test_every_command_has_help_in_both_languages(command):
    from coverage.cli.app import app

    names = [c.name for c in app.registered_commands] + [g.name for g in app.registered_groups]
    assert len(names) >= 8
    for name in names:
        done = command(name, "--help")
        assert done.code == 0
        assert any("ぁ" <= ch <= "龥" for ch in done.out), name
        assert " / " in done.out, name
