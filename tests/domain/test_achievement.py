"""目標達成状況: the published rule, our assumption for lower-is-better, and where a division has no answer."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.domain.achievement import AchievementRule, decimal_of, format_number
from coverage.domain.region import CountingConfig
from coverage.errors import InputError

RULE = AchievementRule()
UNCAPPED = AchievementRule(cap=None)
VALUES = st.decimals(min_value=0, max_value=10**6, places=1)


def ratio(rule: AchievementRule, actual: str, target: str, better: str = "higher") -> str:
    got = rule.ratio(Decimal(actual), Decimal(target), better)  # type: ignore[arg-type]
    return "none" if got is None else str(got)


def test_the_published_example_is_rounded_half_up_to_two_decimals() -> None:
    assert ratio(RULE, "47.4", "50.0") == "0.95"
    assert ratio(RULE, "0.945", "1") == "0.95"
    assert ratio(RULE, "0.9449", "1") == "0.94"
    assert ratio(RULE, "0.125", "1") == "0.13"


@pytest.mark.parametrize(
    ("actual", "target", "better", "capped", "uncapped"),
    [
        ("72", "71", "higher", "1.00", "1.01"),
        ("22658", "17000", "higher", "1.00", "1.33"),
        ("72", "50", "lower", "0.69", "0.69"),
        ("25", "50", "lower", "1.00", "2.00"),
        ("0", "0", "lower", "1.00", "1.00"),
        ("0", "6", "lower", "1.00", "Infinity"),
        ("6", "0", "lower", "0.00", "0.00"),
        ("0", "0", "higher", "1.00", "1.00"),
        ("5", "0", "higher", "1.00", "1.00"),
        ("0", "5", "higher", "0.00", "0.00"),
        ("-1", "71", "higher", "0.00", "0.00"),
    ],
)
def test_every_case_with_and_without_the_cap(
    actual: str, target: str, better: str, capped: str, uncapped: str
) -> None:
    assert ratio(RULE, actual, target, better) == capped
    assert ratio(UNCAPPED, actual, target, better) == uncapped


def test_lower_is_better_can_be_left_out() -> None:
    rule = AchievementRule(lower_is_better="none")
    assert ratio(rule, "25", "50", "lower") == "none"
    assert ratio(rule, "25", "50", "higher") == "0.50"
    assert rule.class_of(None) is None


@given(VALUES, VALUES, st.sampled_from(["higher", "lower"]))
def test_the_cap_holds_and_a_met_target_is_never_below_one(
    actual: Decimal, target: Decimal, better: str
) -> None:
    got = RULE.ratio(actual, target, better)  # type: ignore[arg-type]
    assert got is not None
    assert 0 <= got <= 1
    met = actual >= target if better == "higher" else actual <= target
    if met:
        assert got == 1


@pytest.mark.parametrize(
    ("value", "index"),
    [("1.20", 0), ("1.00", 0), ("0.99", 1), ("0.85", 1), ("0.84", 2), ("0.70", 2), ("0.69", 3)],
)
def test_classes_are_closed_below(value: str, index: int) -> None:
    assert RULE.class_of(Decimal(value)) == index


def test_the_rule_comes_from_the_settings_of_the_region() -> None:
    rule = AchievementRule.from_config(
        CountingConfig(achievement_cap=None, achievement_classes=[1.1, 0.9], lower_is_better="none")
    )
    assert rule.cap is None
    assert rule.classes == (Decimal("1.1"), Decimal("0.9"))
    assert rule.class_of(Decimal("1.05")) == 1
    assert AchievementRule.from_config(CountingConfig()) == RULE


@pytest.mark.parametrize("limits", [[0.7, 0.85, 1.0], [1.0, 1.0]])
def test_classes_out_of_order_are_refused(limits: list[float]) -> None:
    with pytest.raises(InputError) as caught:
        AchievementRule.from_config(CountingConfig(achievement_classes=limits))
    assert caught.value.code == "achievement-classes-order"


def test_the_rule_in_use_can_be_printed_under_the_table() -> None:
    assert "上限 1.00" in RULE.describe("ja")
    assert "目標値÷実績値" in RULE.describe("ja")
    assert "上限なし" in UNCAPPED.describe("ja")
    assert "no upper limit" in UNCAPPED.describe("en")
    assert "not computed" in AchievementRule(lower_is_better="none").describe("en")


def test_numbers_are_printed_with_thousands_and_their_decimals() -> None:
    assert format_number(22658) == "22,658"
    assert format_number(Decimal("80"), 1) == "80.0"
    assert format_number(79.95, 1) == "80.0"
    assert format_number(-1234.5) == "-1,235"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_what_is_no_number_is_refused(value: float | Decimal) -> None:
    with pytest.raises(InputError) as caught:
        decimal_of(value)
    assert caught.value.code == "value-not-finite"
