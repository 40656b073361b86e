"""目標達成状況: how an actual value is measured against its target.

Printed with two decimals, half up, as published tables print it (47.4 / 50.0 = 0.948 → 0.95). The published rule
covers indicators where higher is better; the treatment of the others and the limit of 1.00 are our assumption, so both
are settings (``counting`` in region.toml) and the rule in use is printed under every table.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from typing import Literal

from coverage.domain.region import CountingConfig
from coverage.errors import InputError

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class AchievementRule:
    """The rule in use: an upper limit (None = none), the treatment of lower-is-better, the limits of the classes."""

    cap: Decimal | None = Decimal(1)
    lower_is_better: Literal["target_over_actual", "none"] = "target_over_actual"
    classes: tuple[Decimal, ...] = (Decimal("1.00"), Decimal("0.85"), Decimal("0.70"))
    """Lower limits, best first; one class more than limits."""

    @classmethod
    def from_config(cls, config: CountingConfig) -> AchievementRule:
        """Raises InputError "achievement-classes-order" unless the limits descend."""
        limits = tuple(decimal_of(limit) for limit in config.achievement_classes)
        if list(limits) != sorted(set(limits), reverse=True):
            raise InputError(
                "achievement-classes-order",
                "目標達成状況の区分 achievement_classes は大きい順に、重複なく書いてください。",
                "Write the limits achievement_classes from the largest to the smallest, each once.",
            )
        cap = None if config.achievement_cap is None else decimal_of(config.achievement_cap)
        return cls(cap=cap, lower_is_better=config.lower_is_better, classes=limits)

    def describe(self, lang: str) -> str:
        """The rule in one or two sentences."""
        if lang == "en":
            cap = "no upper limit" if self.cap is None else f"at most {self.cap:.2f}"
            lower = "target ÷ actual" if self.lower_is_better == "target_over_actual" else "not computed"
            return (
                f"Achievement: actual ÷ target where higher is better; where lower is better, {lower}; {cap}; "
                "rounded half up to two decimals. The treatment of lower-is-better and the limit are assumptions."
            )
        cap = "上限なし" if self.cap is None else f"上限 {self.cap:.2f}"
        lower = "目標値÷実績値" if self.lower_is_better == "target_over_actual" else "計算しない"
        return (
            f"目標達成状況は、高いほどよい指標は実績値÷目標値、低いほどよい指標は{lower}、{cap}、"
            "小数第3位を四捨五入。低いほどよい指標の扱いと上限は本システムの前提です。"
        )

    def ratio(self, actual: Decimal, target: Decimal, better: Better) -> Decimal | None:
        """目標達成状況 to two decimals; None where the rule has none; Infinity where nothing bounds it.

        Where a division has no answer: lower is better with actual 0 is fully achieved (1.00 if the target is 0
        too, else the cap, or Infinity without one); higher is better with target 0 is 1.00 for any actual. A
        negative actual gives 0.00.
        """
        if better == "lower" and self.lower_is_better == "none":
            return None
        over, under = (target, actual) if better == "lower" else (actual, target)
        if under == 0:
            if over == 0 or better == "higher":
                exact: Fraction | None = Fraction(1)
            else:
                exact = None
        else:
            exact = max(Fraction(0), Fraction(over) / Fraction(under))
        if self.cap is not None:
            exact = Fraction(self.cap) if exact is None else min(exact, Fraction(self.cap))
        if exact is None:
            return Decimal("Infinity")
        return Decimal(floor(exact * 100 + Fraction(1, 2))).scaleb(-2)

    def class_of(self, ratio: Decimal | None) -> int | None:
        """Index of the class, 0 the best. Judged on the printed figure, so that a reader of the table can check."""
        if ratio is None:
            return None
        return next((i for i, limit in enumerate(self.classes) if ratio >= limit), len(self.classes))


def decimal_of(value: Decimal | int | float) -> Decimal:
    """Exact for what a person typed: 47.4 becomes 47.4, not its binary neighbour.

    Raises InputError "value-not-finite" for NaN and infinity.
    """
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    if not exact.is_finite():
        raise InputError(
            "value-not-finite",
            f"値「{value}」は数ではありません。実績値と目標値には数を書いてください。",
            f"The value '{value}' is not a number; actuals and targets must be numbers.",
        )
    return exact


def format_number(value: Decimal | int | float, decimals: int = 0) -> str:
    """22658 → "22,658"; rounded half up to ``decimals``."""
    step = Decimal(1).scaleb(-decimals)
    return f"{decimal_of(value).quantize(step, rounding=ROUND_HALF_UP):,}"
