"""Subsidy shares against published grant decisions, and exact sums for every cost."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.domain import money
from coverage.domain.money import parse_subsidy_rules, share
from coverage.errors import InputError

OLD, NEW = date(2016, 7, 15), date(2024, 7, 15)


@pytest.mark.parametrize(
    ("cost", "state"),
    [
        # Grant decisions announced by the Tokai and Tohoku bureaus of telecommunications, 2016-2019.
        (24_613_000, 16_408_000),
        (10_895_000, 7_263_000),
        (12_980_000, 8_653_000),
        (13_000_000, 8_666_000),
        (5_560_000, 3_706_000),
        (77_526_000, 51_684_000),
    ],
)
def test_published_grant_decisions_are_met_to_the_yen(cost: int, state: int) -> None:
    got = share(cost, 99, OLD)
    assert got.state_yen == state
    assert got.total_yen == cost


def test_a_published_parting_among_four_payers_is_met() -> None:
    # 30 million yen a site: state 2/3, prefecture 2/15, municipality 4/45, operators 1/9.
    got = share(30_000_000, 40, OLD)
    assert (got.state_yen, got.prefecture_yen) == (20_000_000, 4_000_000)
    assert got.municipality_yen == 2_666_000
    assert got.operators_yen == 3_334_000
    assert Fraction(4, 9) * (1 - got.state - got.prefecture) == Fraction(4, 45)


@pytest.mark.parametrize(
    ("households", "on", "operators", "state", "prefecture", "rule"),
    [
        (99, OLD, 1, "2/3", "2/15", "households"),
        (100, OLD, 1, "1/2", "1/5", "households"),
        (100, OLD, 3, "1/2", "1/5", "households"),
        (None, OLD, 1, "1/2", "1/5", "households"),
        (0, OLD, 1, "2/3", "2/15", "households"),
        (40, date(2020, 3, 31), 1, "2/3", "2/15", "households"),
        (40, date(2020, 4, 1), 1, "1/2", "1/5", "operators"),
        (400, NEW, 2, "2/3", "2/15", "operators"),
        (None, NEW, 2, "2/3", "2/15", "operators"),
    ],
)
def test_the_rule_in_force_decides_by_households_or_by_operators(
    households: int | None, on: date, operators: int, state: str, prefecture: str, rule: str
) -> None:
    got = share(10_000_000, households, on, operators)
    assert (got.state, got.prefecture, got.rule_id) == (Fraction(state), Fraction(prefecture), rule)
    assert got.households_known is (households is not None)
    assert got.confirmed is (rule == "households")


@given(st.integers(0, 10**11), st.none() | st.integers(0, 500), st.dates(date(2008, 4, 1)), st.integers(1, 4))
def test_the_payers_always_pay_exactly_the_cost(
    cost: int, households: int | None, on: date, operators: int
) -> None:
    got = share(cost, households, on, operators)
    parts = (got.state_yen, got.prefecture_yen, got.municipality_yen, got.operators_yen)
    assert sum(parts) == got.total_yen == cost
    assert min(parts) >= 0
    assert got.state_yen % 1000 == got.prefecture_yen % 1000 == 0
    assert 0 <= cost * got.state - got.state_yen < 1000
    assert 0 <= cost * got.prefecture - got.prefecture_yen < 1000


def test_staff_can_edit_the_table() -> None:
    text = money.default_rules_text()
    edited = text.replace('municipality_of_rest = "4/9"', 'municipality_of_rest = "1"')
    got = share(24_613_000, 40, OLD, rules=parse_subsidy_rules(edited))
    assert got.operators_yen == 0
    assert got.municipality_yen == 24_613_000 - 16_408_000 - got.prefecture_yen
    to_the_yen = text.replace("round_down_to_yen = 1000", "round_down_to_yen = 1")
    assert share(24_613_000, 40, OLD, rules=parse_subsidy_rules(to_the_yen)).state_yen == 16_408_666


def test_sums_over_sites_and_texts() -> None:
    both = [share(24_613_000, 40, OLD), share(10_895_000, 40, OLD)]
    total = money.sum_by_payer(both)
    assert total["state_yen"] == 16_408_000 + 7_263_000
    assert total["total_yen"] == 24_613_000 + 10_895_000
    assert money.sum_by_payer([])["total_yen"] == 0
    assert money.yen_text(16_408_000) == "16,408,000円"
    assert money.yen_text(16_408_000, "en") == "¥16,408,000"
    assert both[0].as_dict()["state"] == "2/3"


def test_observed_costs_of_a_site_are_shipped() -> None:
    costs = {c.id: (c.low_yen, c.usual_yen, c.high_yen) for c in money.default_rules().site_costs}
    assert costs == {
        "simplified": (6_000_000, 13_000_000, 20_000_000),
        "standard": (15_000_000, 30_000_000, 40_000_000),
        "three-operators": (60_000_000, None, 80_000_000),
    }


@pytest.mark.parametrize(
    ("cost", "households", "operators"),
    [(-1, 40, 1), (1.5, 40, 1), (True, 40, 1), (1000, -1, 1), (1000, 40, 0)],
)
def test_impossible_inputs_are_refused(cost: int, households: int, operators: int) -> None:
    with pytest.raises(InputError) as caught:
        share(cost, households, OLD, operators)
    assert caught.value.code == "cost-wrong"


def test_a_day_before_the_first_rule_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        share(1000, 40, date(2008, 3, 31))
    assert caught.value.code == "subsidy-rule-missing"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('state = "2/3"', 'state = "4/3"', "rules.0.tiers.0.state"),
        ('state = "2/3"', "state = 0.667", "rules.0.tiers.0.state"),
        ('state = "2/3"', 'state = "9/10"', "more than everything"),
        ('state = "2/3"', 'state = "x"', "rules.0.tiers.0.state"),
        ('state = "2/3"', 'state = "2/0"', "rules.0.tiers.0.state"),
        ("households_below = 100\n", "", "last tier"),
        ("from = 2020-04-01", "from = 2001-04-01", "order of their days"),
        ("from = 2020-04-01", "form = 2020-04-01", "rules.1"),
        ("from = 2020-04-01", "from = 2020-04-31", "subsidy rules"),
        ("low_yen = 6_000_000", "low_yen = -6", "site_costs.0.low_yen"),
    ],
)
def test_a_wrong_table_is_refused_by_place(old: str, new: str, place: str) -> None:
    text = money.default_rules_text()
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_subsidy_rules(text.replace(old, new, 1))
    assert caught.value.code == "subsidy-rules-invalid"
    assert place in caught.value.en


def test_a_table_of_brackets_without_end_is_refused_in_words() -> None:
    with pytest.raises(InputError) as caught:
        parse_subsidy_rules("a = " + "[" * 5000)
    assert caught.value.code == "subsidy-rules-invalid"
