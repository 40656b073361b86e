"""What a planner asks for, and whether it can be meant. Light: pages and commands read it before any layer is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from coverage.domain import fiscal
from coverage.errors import InputError

OBJECTIVES: Final = ("people", "households", "shelters")
BASELINES: Final = ("in-service", "decided", "planned")
"""What stands already when the plan begins: sites in service; and 交付決定 and 工事中; and 計画."""
EXISTING: Final = "existing-mast"


@dataclass(frozen=True)
class PlanRequest:
    """What a planner asks for. Money is the prefecture's share, after the state's and the others' (product rule §4)."""

    budget_yen: int | None = None
    year_budgets: tuple[tuple[int, int], ...] = ()
    """(fiscal year, yen of that year); instead of ``budget_yen``."""
    sites: int | None = None
    """At most so many sites."""
    objective: str = "people"
    operator: str = ""
    """Operator that goes on the new masts; "" = the region's first."""
    band: str | None = None
    height_m: float | None = None
    """Antenna above ground on a new mast, or on one whose height is unknown; None = the operator's default."""
    site_cost_yen: int | None = None
    """Total cost of one new site before subsidies; None = region.toml's."""
    joint_cost_yen: int | None = None
    """Total cost of joining a mast that stands; None = region.toml's."""
    operators_joining: int = 1
    """Operators that take part in each site together (単独 1, 共同 2 and more); some subsidy rules give more to several."""
    baseline: str = "decided"
    """One of :data:`BASELINES`."""
    margin_db: float = 0.0
    """Reach counts at the signal edge plus this margin."""
    max_candidates: int = 400
    spacing_m: float = 400.0
    forced: tuple[str, ...] = ()
    """Candidates that every plan holds: number, name, or "lat,lon" of the place."""
    excluded: tuple[str, ...] = ()
    own: tuple[tuple[str, float, float], ...] = ()
    """A planner's own list: (name, lat, lon)."""
    time_limit_s: float = 60.0
    gap: float = 0.0
    seed: int = 1
    alternatives: int = 3
    """Further plans to look for; 0 = none."""
    epsilon: float = 0.02
    """How far below the bound a further plan may be, as a share of the bound."""
    distance: int = 1
    """Sites that every further plan must give up of each other one."""
    pareto: str = ""
    """Second objective of a Pareto front, or "cost": budgets from nothing to this one; "" = no front."""
    draws: int = 0
    """Possible worlds in which the plan is judged; 0 = none."""
    threshold_error_db: float = 2.0
    """Standard deviation of the receivers' threshold in the draws."""
    back_test: bool = False
    """Plan for years that are over, to compare with what was built; never for a real budget."""

    def check(self, *, this_fy: int | None = None) -> None:
        """Raise InputError for a request that cannot be meant. ``this_fy``: the fiscal year now; None = by the clock."""
        money = [self.budget_yen or 0, self.site_cost_yen or 0, self.joint_cost_yen or 0]
        if min([*money, *(yen for _, yen in self.year_budgets)]) < 0:
            raise InputError(
                "plan-negative-budget",
                "予算か費用が負の数です。0 以上にしてください。",
                "The budget or a cost is negative; give 0 or more.",
            )
        if self.budget_yen is not None and self.year_budgets:
            raise InputError(
                "plan-two-budgets",
                "全体の予算と年度別の予算の両方があります。どちらか一つにしてください。",
                "There is both a budget and one by year; give one of them.",
            )
        if self.objective not in OBJECTIVES or self.pareto not in ("", "cost", *OBJECTIVES):
            raise InputError(
                "plan-objective-unknown",
                f"目的は {'・'.join(OBJECTIVES)} から選んでください（二つめには cost も使えます）。",
                f"Choose the objective from {', '.join(OBJECTIVES)} (cost is a second one only).",
            )
        if self.pareto == self.objective or (self.pareto and self.year_budgets):
            raise InputError(
                "plan-pareto-request",
                "二つの目的の比較には、主な目的と違う目的を選び、年度別でない予算を与えてください。",
                "A front needs a second objective other than the first, and a budget that is not by year.",
            )
        if self.pareto == "cost" and not self.budget_yen:
            raise InputError(
                "plan-pareto-request",
                "費用と効果の比較には、予算を 1 円以上にしてください。",
                "A front of cost needs a budget of at least one yen.",
            )
        if self.baseline not in BASELINES:
            raise InputError(
                "plan-baseline-unknown",
                f"出発点「{self.baseline}」はありません。{'・'.join(BASELINES)} から選んでください。",
                f"There is no baseline '{self.baseline}'; choose from {', '.join(BASELINES)}.",
            )
        if self.draws < 0 or self.alternatives < 0 or not self.threshold_error_db >= 0 or self.operators_joining < 1:
            raise InputError(
                "plan-analysis-range",
                "試行の回数・代替案の数・しきい値の誤差は 0 以上、参画する事業者の数は 1 以上にしてください。",
                "Draws, alternatives and the error of the threshold must be 0 or more, and at least one operator joins.",
            )
        if self.height_m is not None and not 1 <= self.height_m <= 3000:
            raise InputError(
                "plan-height-range",
                f"アンテナの地上高 {self.height_m:g} m は使えません。1〜3000 m にしてください。",
                f"The antenna height of {self.height_m:g} m cannot be; give 1 to 3000 m.",
            )
        self._check_years(this_fiscal_year() if this_fy is None else this_fy)

    def _check_years(self, this_fy: int) -> None:
        past = [fy for fy, _ in self.year_budgets if fy < this_fy]
        if past and not self.back_test:
            raise InputError(
                "plan-year-past",
                f"{fiscal.label_ja(past[0])}は、今年度（{fiscal.label_ja(this_fy)}）より前です。過ぎた年度の予算は使えないので、"
                "今年度以後の年度にしてください（過去で試すだけなら --back-test、画面では「過ぎた年度で試算する」）。",
                f"{fiscal.label_en(past[0])} lies before the present fiscal year ({fiscal.label_en(this_fy)}), whose money is "
                "gone; give this year or later ones (--back-test only to try the past).",
            )


def request_of(stated: Mapping[str, Any]) -> PlanRequest:
    """The request of a kept plan's document, to ask again with a change."""
    known = {f.name for f in fields(PlanRequest)}
    values = {name: value for name, value in stated.items() if name in known}
    for name in ("forced", "excluded"):
        values[name] = tuple(values.get(name) or ())
    for name in ("year_budgets", "own"):
        values[name] = tuple(tuple(row) for row in values.get(name) or ())
    return PlanRequest(**values)


def this_fiscal_year() -> int:
    """The fiscal year now, in Japan."""
    return fiscal.fiscal_year(datetime.now(UTC))


def first_planned_year(latest_fy: int, *, back_test: bool, this_fy: int | None = None) -> int:
    """The year that a plan without years is for: after the run's last, and never one that is over (unless back-tested)."""
    now = this_fiscal_year() if this_fy is None else this_fy
    return latest_fy + 1 if back_test else max(latest_fy + 1, now)
