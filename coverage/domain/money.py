"""Who pays for a base station: dated subsidy rules in exact arithmetic, rounded down as published tables do.

The rules are data (``subsidy_rules.toml`` beside this module, or a copy that staff edited). Shares are fractions, never
floats; state and prefecture are rounded down to ¥1,000 and what is left over stays with the municipality and the
operators, so that the payers' amounts always add up to the cost.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from coverage.errors import InputError


def _fraction(value: object) -> Fraction:
    if not isinstance(value, str):
        raise ValueError('a share is a fraction in quotes, such as "2/3"')
    try:
        share = Fraction(value)
    except ZeroDivisionError:
        raise ValueError("a share has no 0 below the line") from None
    if not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    return share


Share = Annotated[Fraction, BeforeValidator(_fraction)]
Yen = Annotated[int, Field(ge=0, strict=True)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Name(_Table):
    """A name or note in both languages."""

    ja: str
    en: str


class Tier(_Table):
    """One row of a rule. A condition that is None always holds."""

    state: Share
    prefecture: Share
    municipality_of_rest: Share
    """The municipality's part of what state and prefecture leave; operators pay the other part."""
    households_below: Annotated[int, Field(gt=0)] | None = None
    operators_at_least: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _at_most_everything(self) -> Tier:
        if self.state + self.prefecture > 1:
            raise ValueError("state and prefecture pay more than everything")
        return self

    @property
    def unconditional(self) -> bool:
        return self.households_below is None and self.operators_at_least is None

    def fits(self, households: int | None, operators: int) -> bool:
        """Unknown households never earn a rate that depends on them."""
        few = self.households_below is None or (households is not None and households < self.households_below)
        return few and (self.operators_at_least is None or operators >= self.operators_at_least)


class SubsidyRule(_Table):
    """A rule in force from a day on, until a later one begins."""

    id: str
    first_day: date = Field(alias="from")
    confirmed: bool
    """False where the day or a share is an assumption to be checked in the grant rules."""
    name: Name
    note: Name | None = None
    tiers: Annotated[list[Tier], Field(min_length=1)]

    @model_validator(mode="after")
    def _last_tier_fits_all(self) -> SubsidyRule:
        if [tier.unconditional for tier in self.tiers] != [False] * (len(self.tiers) - 1) + [True]:
            raise ValueError("exactly the last tier has no condition")
        return self


class SiteCost(_Table):
    """Observed total cost of a kind of site, in yen."""

    id: str
    name: Name
    low_yen: Yen
    high_yen: Yen
    usual_yen: Yen | None = None


class SubsidyRules(_Table):
    """The whole table."""

    format: Literal["coverage-gap-subsidy-rules/1"]
    round_down_to_yen: Annotated[int, Field(gt=0)] = 1000
    rules: Annotated[list[SubsidyRule], Field(min_length=1)]
    site_costs: list[SiteCost] = Field(default_factory=list)

    @model_validator(mode="after")
    def _in_order(self) -> SubsidyRules:
        days = [rule.first_day for rule in self.rules]
        if days != sorted(set(days)):
            raise ValueError("rules stand in the order of their days, each day once")
        return self

    def on(self, day: date) -> SubsidyRule:
        """The rule in force on ``day``. Raises InputError "subsidy-rule-missing" before the first."""
        for rule in reversed(self.rules):
            if rule.first_day <= day:
                return rule
        first = self.rules[0].first_day.isoformat()
        raise InputError(
            "subsidy-rule-missing",
            f"{day.isoformat()} に適用できる補助の規則がありません（最初の規則は {first} から）。"
            "規則の表に行を足してください。",
            f"No subsidy rule is in force on {day.isoformat()} (the first begins on {first}); add one to the table.",
        )


@dataclass(frozen=True, slots=True)
class Shares:
    """What each payer pays for one site, in yen; together exactly the cost."""

    state_yen: int
    prefecture_yen: int
    municipality_yen: int
    operators_yen: int
    rule_id: str
    state: Fraction
    prefecture: Fraction
    confirmed: bool
    """False where the rule is an assumption to be checked."""
    households_known: bool

    @property
    def total_yen(self) -> int:
        return self.state_yen + self.prefecture_yen + self.municipality_yen + self.operators_yen

    def as_dict(self) -> dict[str, Any]:
        """For JSON; fractions as text."""
        return {
            "state_yen": self.state_yen,
            "prefecture_yen": self.prefecture_yen,
            "municipality_yen": self.municipality_yen,
            "operators_yen": self.operators_yen,
            "total_yen": self.total_yen,
            "rule_id": self.rule_id,
            "state": str(self.state),
            "prefecture": str(self.prefecture),
            "confirmed": self.confirmed,
            "households_known": self.households_known,
        }


def share(
    cost_yen: int,
    households: int | None,
    on: date,
    operators_joining: int = 1,
    *,
    rules: SubsidyRules | None = None,
) -> Shares:
    """Part the cost of one site among its payers by the rule in force on the day of the grant decision.

    ``households`` in the districts that the site serves (None = unknown: then no rate that depends on them is given);
    ``operators_joining`` the operators that go on the site together. The default ``rules`` are those shipped.
    Raises InputError "cost-wrong" for a cost that is no whole number of yen, or a negative number of anything.
    """
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (cost_yen, operators_joining))
    if not whole or cost_yen < 0 or operators_joining < 1 or (households is not None and households < 0):
        raise InputError(
            "cost-wrong",
            f"事業費 {cost_yen}、世帯数 {households}、事業者数 {operators_joining} を確かめてください。"
            "事業費は円の整数、事業者は1以上です。",
            f"Check cost {cost_yen}, households {households} and operators {operators_joining}: "
            "the cost is a whole number of yen and at least one operator joins.",
        )
    table = rules if rules is not None else default_rules()
    rule = table.on(on)
    tier = next(tier for tier in rule.tiers if tier.fits(households, operators_joining))
    step = table.round_down_to_yen
    state = _rounded_down(cost_yen * tier.state, step)
    prefecture = _rounded_down(cost_yen * tier.prefecture, step)
    rest = cost_yen - state - prefecture
    part = tier.municipality_of_rest
    municipality = rest if part == 1 else _rounded_down(rest * part, step)
    return Shares(
        state_yen=state,
        prefecture_yen=prefecture,
        municipality_yen=municipality,
        operators_yen=rest - municipality,
        rule_id=rule.id,
        state=tier.state,
        prefecture=tier.prefecture,
        confirmed=rule.confirmed,
        households_known=households is not None,
    )


def sum_by_payer(shares: Iterable[Shares]) -> dict[str, int]:
    """Yen by payer over several sites, with the total."""
    total = {"state_yen": 0, "prefecture_yen": 0, "municipality_yen": 0, "operators_yen": 0, "total_yen": 0}
    for one in shares:
        for payer in total:
            total[payer] += getattr(one, payer)
    return total


def parse_subsidy_rules(text: str) -> SubsidyRules:
    """The table written in ``text`` (TOML). Raises InputError "subsidy-rules-invalid" that names the place."""
    try:
        return SubsidyRules.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _bad_table(f"TOML の書式の誤り: {error}", str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "subsidy_rules.toml"
        raise _bad_table(f"{where} の値が正しくありません", f"{where}: {first['msg']}") from None


def default_rules_text() -> str:
    """The table as shipped, to copy and edit."""
    return files("coverage").joinpath("domain", "subsidy_rules.toml").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def default_rules() -> SubsidyRules:
    """The table as shipped."""
    return parse_subsidy_rules(default_rules_text())


def yen_text(yen: int, lang: str = "ja") -> str:
    """「16,408,000円」, "¥16,408,000"."""
    return f"¥{yen:,}" if lang == "en" else f"{yen:,}円"


def _rounded_down(amount: Fraction, step: int) -> int:
    return int(amount // step) * step


def _bad_table(ja: str, en: str) -> InputError:
    return InputError(
        "subsidy-rules-invalid",
        f"補助の規則の表を読めません（{ja}）。その箇所を直してください。",
        f"The table of subsidy rules cannot be read ({en}); correct that place.",
    )
