"""The table of subsidy rules of a region: its own beside region.toml, else the one that ships."""

from __future__ import annotations

import hashlib
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from coverage.domain.money import default_rules, default_rules_text, share
from coverage.domain.region import PlanningConfig
from coverage.errors import InputError
from coverage.readers.subsidy_rules import FILE_NAME, read_subsidy_rules


def test_without_a_file_the_shipped_table_holds(tmp_path: Path) -> None:
    reading = read_subsidy_rules(tmp_path)
    assert reading.source == "packaged"
    assert reading.rules == default_rules()
    assert reading.sha256 == hashlib.sha256(default_rules_text().encode("utf-8")).hexdigest()


def test_staff_edit_a_copy_and_its_bytes_are_named(tmp_path: Path) -> None:
    edited = default_rules_text().replace('state = "2/3"', 'state = "3/4"', 1).replace('prefecture = "2/15"', 'prefecture = "1/10"', 1)
    (tmp_path / FILE_NAME).write_text(edited, encoding="utf-8", newline="\n")
    reading = read_subsidy_rules(tmp_path)
    assert (reading.source, reading.sha256) == (FILE_NAME, hashlib.sha256(edited.encode("utf-8")).hexdigest())
    shares = share(30_000_000, 40, date(2017, 4, 1), rules=reading.rules)
    assert (shares.state, shares.prefecture_yen) == (Fraction(3, 4), 3_000_000)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [('state = "2/3"', "state = 0.667", "state"), ("from = 2008-04-01", 'from = "春"', "rules.0.from"), ("[[rules]]", "[rules", "TOML")],
)
def test_a_broken_table_is_refused_with_file_and_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / FILE_NAME).write_text(default_rules_text().replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_subsidy_rules(tmp_path)
    assert caught.value.code == "subsidy-rules-invalid"
    assert FILE_NAME in caught.value.ja
    assert said in caught.value.ja


def test_the_assumed_costs_are_the_usual_ones_of_the_observed_table() -> None:
    usual = {cost.id: cost.usual_yen for cost in default_rules().site_costs}
    assert (PlanningConfig().site_cost_yen, PlanningConfig().joint_cost_yen) == (usual["standard"], usual["simplified"])
