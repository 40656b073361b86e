"""The commands ``plan solve`` and ``plan verify``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from coverage.cli.plan import app
from coverage.errors import InputError
from coverage.plan.instance import make_instance
from coverage.plan.instance_files import write_instance


@pytest.fixture
def instance_file(tmp_path: Path) -> Path:
    instance = make_instance(
        weights=[10, 20, 30], indptr=[0, 1, 2, 3], indices=[0, 1, 2], costs=[4, 5, 6], budget=10, site_ids=["甲", "乙", "丙"]
    )
    write_instance(instance, tmp_path / "instance.json")
    return tmp_path / "instance.json"


def test_the_last_line_of_json_is_one_object_with_value_bound_and_sites(instance_file: Path) -> None:
    result = CliRunner().invoke(app, ["solve", "--instance", str(instance_file), "--time", "10", "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout.strip().splitlines()[-1])
    assert (answer["value"], answer["bound"], answer["gap"], answer["status"]) == (40, 40, 0.0, "optimal")
    assert (answer["sites"], answer["site_ids"], answer["cost"]) == ([0, 2], ["甲", "丙"], 10)
    assert answer["seconds"] > 0


def test_people_get_the_plan_as_text(instance_file: Path) -> None:
    result = CliRunner().invoke(app, ["solve", "--instance", str(instance_file)])
    assert result.exit_code == 0
    assert "丙" in result.stdout
    assert "40" in result.stdout


def test_a_written_certificate_is_verified_and_a_changed_one_is_not(instance_file: Path, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.json"
    runner = CliRunner()
    assert runner.invoke(app, ["solve", "--instance", str(instance_file), "--out", str(certificate)]).exit_code == 0
    good = runner.invoke(app, ["verify", str(certificate), "--instance", str(instance_file), "--json"])
    assert good.exit_code == 0
    assert json.loads(good.stdout)["verified"] is True
    content = json.loads(certificate.read_text(encoding="utf-8"))
    content["value"] += 1
    certificate.write_text(json.dumps(content), encoding="utf-8")
    bad = runner.invoke(app, ["verify", str(certificate), "--instance", str(instance_file)])
    assert bad.exit_code != 0
    assert isinstance(bad.exception, InputError)
    assert bad.exception.exit_code == 2


def test_years_are_named_in_the_answer(tmp_path: Path) -> None:
    instance = make_instance(
        weights=[10, 90], indptr=[0, 1, 2], indices=[0, 1], costs=[5, 5], year_budgets=[5, 5], fiscal_years=[2017, 2018]
    )
    write_instance(instance, tmp_path / "years.npz")
    result = CliRunner().invoke(app, ["solve", "--instance", str(tmp_path / "years.npz"), "--json"])
    answer = json.loads(result.stdout.strip().splitlines()[-1])
    assert (answer["sites"], answer["years"]) == ([0, 1], [2018, 2017])


def test_bad_input_leaves_with_its_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", weights=np.array([1.0, np.nan]), indptr=np.array([0, 1]), indices=np.array([0]), p=1)
    result = CliRunner().invoke(app, ["solve", "--instance", str(tmp_path / "bad.npz")])
    assert isinstance(result.exception, InputError)
    assert result.exception.code == "plan-weight-nan"
