"""``coverage-gap fetch`` and ``coverage-gap layers`` as staff type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coverage.cli import main


@pytest.fixture
def shell(publishers: Any, fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; (exit code, standard output, standard error)."""
    first, second = fake.write_tables(tmp_path / "tables", publishers.base)
    monkeypatch.setenv("COVERAGE_GAP_ADDRESSES", str(first))
    monkeypatch.setenv("COVERAGE_GAP_LAYERS", str(tmp_path / "layers"))
    monkeypatch.setattr("coverage.fetch.fetching.Setting.prefectures", second)
    from coverage.services import layers as service

    plain = service.setting_of

    def with_tables(addresses: Path | None = None) -> Any:
        from dataclasses import replace

        return replace(plain(addresses), prefectures=second)

    monkeypatch.setattr(service, "setting_of", with_tables)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_from_the_plan_to_the_closed_network(shell: Any, tmp_path: Path, publishers: Any) -> None:
    code, out, _ = shell("fetch", "--prefecture", "98", "--plan")
    assert code == 0
    assert "population" in out
    assert publishers.seen == []

    code, out, _ = shell("fetch", "--prefecture", "98")
    assert code == 0
    assert "98/region.toml" in out
    assert "COVERAGE_GAP_CONTACT" in out

    code, out, _ = shell("fetch", "--prefecture", "98", "--plan", "--json")
    plan = json.loads(out)
    assert plan["complete"] is True
    assert plan["estimated_bytes"] > 0

    code, out, _ = shell("layers", "list", "--json")
    assert [r["layer"] for r in json.loads(out)["layers"]] == ["boundaries", "population", "terrain", "settlements", "shelters"]

    code, out, _ = shell("layers", "check", "--read")
    assert (code, "Everything is in order" in out) == (0, True)

    code, out, _ = shell("layers", "bundle", str(tmp_path / "layers.zip"), "--json")
    assert json.loads(out)["prefectures"] == ["98"]
    code, out, _ = shell("layers", "import", str(tmp_path / "layers.zip"), "--to", str(tmp_path / "inside"))
    assert code == 0
    assert (tmp_path / "inside" / "98" / "region.toml").is_file()

    code, out, _ = shell("layers", "region", "--prefecture", "98", "--fiscal-years", "2015-2019", "--to", str(tmp_path / "mine"))
    assert code == 0
    assert "fiscal_years = [2015, 2016, 2017, 2018, 2019]" in (tmp_path / "mine" / "region.toml").read_text(encoding="utf-8")


def test_a_publisher_that_fails_is_two_lines_and_exit_code_8(shell: Any, publishers: Any) -> None:
    del publishers.documents["/ksj/N03-2026/N03-20260101_98_GML.zip"]
    code, out, err = shell("fetch", "--prefecture", "98", "--json")
    assert code == 8
    assert json.loads(out.splitlines()[-1])["error"]["code"] == "publisher-moved"
    assert err.startswith("エラー: ")
    assert "Traceback" not in err


def test_damage_is_listed_and_ends_with_exit_code_6(shell: Any, tmp_path: Path) -> None:
    shell("fetch", "--prefecture", "98", "--layers", "boundaries")
    next((tmp_path / "layers" / "98" / "boundaries").iterdir()).write_bytes(b"x")
    code, _, err = shell("layers", "check")
    assert code == 6
    assert "layer-file-changed" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["fetch", "--prefecture", "48"], "prefecture-unknown"),
        (["fetch", "--prefecture", "98", "--layers", "weather"], "fetch-layer-unknown"),
        (["fetch", "--prefecture", "98", "--layers", "sites"], "token-missing"),
        (["layers", "bundle", "x.zip"], "bundle-nothing"),
        (["layers", "import", "notes.txt"], "import-what"),
        (["layers", "import", "a.csv", "--layer", "shelters"], "import-what"),
        (["layers", "import", "nothing.zip"], "bundle-missing"),
        (["layers", "region", "--prefecture", "98"], "layers-lacking"),
        (["layers", "region", "--prefecture", "98", "--fiscal-years", "H28"], "fiscal-years-wrong"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    status, out, _ = shell(*arguments, *([] if arguments[1] == "region" else ["--json"]))
    assert status == 2
    if arguments[1] != "region":
        assert json.loads(out.splitlines()[-1])["error"]["code"] == code
    assert not (tmp_path / "x.zip").exists()


def test_an_existing_region_toml_is_replaced_only_by_force(shell: Any, tmp_path: Path) -> None:
    shell("fetch", "--prefecture", "98", "--layers", "boundaries,population,terrain")
    place = tmp_path / "layers" / "98" / "region.toml"
    place.write_text("# mine\n", encoding="utf-8")
    assert shell("layers", "region", "--prefecture", "98")[0] == 2
    assert place.read_text(encoding="utf-8") == "# mine\n"
    assert shell("layers", "region", "--prefecture", "98", "--force")[0] == 0
    assert "[region]" in place.read_text(encoding="utf-8")


def test_the_token_comes_from_the_environment_only(shell: Any, fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_GAP_OPENCELLID_TOKEN", fake.TOKEN)
    code, out, err = shell("fetch", "--prefecture", "98", "--layers", "boundaries,sites")
    assert code == 0
    assert fake.TOKEN not in out + err
    _, text, _ = shell("fetch", "--help")
    assert "--token" not in text


def test_a_pattern_is_understood_where_the_shell_does_not_expand_it(shell: Any, fake: Any, tmp_path: Path) -> None:
    shell("fetch", "--prefecture", "98", "--layers", "boundaries")
    for kind in "12":
        (tmp_path / f"98201_{kind}.csv").write_bytes(fake.shelters("98201", kind))
    status, out, _ = shell("layers", "import", str(tmp_path / "98201_*.csv"), "--prefecture", "98", "--layer", "shelters", "--json")
    assert status == 0
    assert json.loads(out)["checks"]["shelters"] == 2
    assert shell("layers", "import", str(tmp_path / "99*.csv"), "--prefecture", "98", "--layer", "shelters")[0] == 2
