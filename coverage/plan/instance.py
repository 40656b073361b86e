"""A planning instance without any geography: weights, costs, who reaches whom, and what the plan must respect.

The model is budgeted maximal covering location (Church and ReVelle 1974) with what a public budget adds to it:

    max Σ w_i z_i      z_i ≤ Σ_{j ∈ N(i)} y_j      Σ c_j y_j ≤ B      Σ y_j ≤ p      Σ_{j ∈ g} y_j ≥ k_g

or, for ``goal="min-cost"``, the cheapest plan that serves at least ``target`` (partial set covering). With
``year_budgets`` every site is built in one year t, paid from B_t, and serves from that year on; the value then is
Σ_t u_t · (demand served in year t), u being ``year_weights`` (people-years when all are 1).

Everything is an exact integer. People that are not whole numbers (a mesh cell shared between two municipalities)
are multiplied by ``weight_scale`` and rounded half to even once, on the way in; every value and bound is then in
those units, and is divided by the scale only to be shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coverage.plan.instance_checks import (
    checked_costs,
    checked_ids,
    checked_reach,
    refuse,
    scaled_weights,
    site_numbers,
    whole,
)

Goal = Literal["max-coverage", "min-cost"]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Instance:
    """``n`` candidate sites, ``m`` demand points, one or more weights per demand point.

    ``weights`` int64 (k, m), one row per entry of ``objectives``; ``objective`` names the row that is maximised.
    ``costs`` int64 (n,) yen. ``indptr`` int64 (n+1,) and ``indices`` int32: the demand points that site j reaches are
    ``indices[indptr[j]:indptr[j+1]]``, ascending and distinct. ``group`` int32 (n,) is the index into
    ``group_names`` (municipalities), -1 for none; ``group_minimum[g]`` sites at least stand in group g.
    ``requires`` int32 (n,): the site that must stand for this one to work (backhaul), -1 for none.
    """

    weights: IntArray
    costs: IntArray
    indptr: IntArray
    indices: NDArray[np.int32]
    objectives: tuple[str, ...] = ("people",)
    objective: str = "people"
    weight_scale: int = 1
    goal: Goal = "max-coverage"
    budget: int | None = None
    p: int | None = None
    target: int | None = None
    forced: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    excluded: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    group: NDArray[np.int32] | None = None
    group_names: tuple[str, ...] = ()
    group_minimum: tuple[int, ...] = ()
    fiscal_years: tuple[int, ...] = ()
    year_budgets: tuple[int, ...] = ()
    year_weights: tuple[int, ...] = ()
    requires: NDArray[np.int32] | None = None
    site_ids: tuple[str, ...] | None = None
    demand_ids: tuple[str, ...] | None = None
    year_costs: IntArray | None = None
    """int64 (years, n) where a site's cost depends on the year; ``costs`` then is the least of them. None otherwise."""

    @property
    def n_sites(self) -> int:
        return len(self.costs)

    @property
    def n_demand(self) -> int:
        return int(self.weights.shape[1])

    @property
    def n_years(self) -> int:
        """Number of budget years; 1 when the plan has no years."""
        return max(1, len(self.year_budgets))

    @property
    def w(self) -> IntArray:
        """Weights of the objective, int64 (m,)."""
        row: IntArray = self.weights[self.objectives.index(self.objective)]
        return row

    def reach(self, site: int) -> NDArray[np.int32]:
        """Demand points that a site reaches."""
        return self.indices[self.indptr[site] : self.indptr[site + 1]]

    def site_id(self, site: int) -> str:
        return self.site_ids[site] if self.site_ids is not None else str(site)

    def served(self, sites: Sequence[int] | IntArray) -> NDArray[np.bool_]:
        """Which demand points at least one of ``sites`` reaches, bool (m,)."""
        mask = np.zeros(self.n_demand, dtype=np.bool_)
        for site in sites:
            mask[self.reach(int(site))] = True
        return mask

    def served_by_objective(self, sites: Sequence[int] | IntArray) -> dict[str, int]:
        """Scaled weight served by ``sites``, per objective."""
        mask = self.served(sites)
        return {name: int(row[mask].sum()) for name, row in zip(self.objectives, self.weights, strict=True)}

    def cost(self, sites: Sequence[int] | IntArray) -> int:
        """What ``sites`` cost, each in its cheapest year."""
        return sum(int(self.costs[int(j)]) for j in sites)

    def cost_in(self, site: int, year: int) -> int:
        """What a site costs when it is built in a year (its number, from 0)."""
        return int(self.costs[site] if self.year_costs is None else self.year_costs[year, site])

    def plan_cost(self, plan: Sequence[tuple[int, int]]) -> int:
        """What the sites of a plan cost in their years."""
        return sum(self.cost_in(site, year) for site, year in plan)


def make_instance(
    *,
    weights: Mapping[str, Any] | Any,
    indptr: Any,
    indices: Any,
    costs: Any = None,
    weight_scale: int | None = None,
    objective: str | None = None,
    goal: str = "max-coverage",
    budget: Any = None,
    p: Any = None,
    target: Any = None,
    forced: Any = None,
    excluded: Any = None,
    groups: Any = None,
    group_minimum: Mapping[str, int] | None = None,
    fiscal_years: Sequence[int] | None = None,
    year_budgets: Sequence[int] | None = None,
    year_weights: Sequence[int] | None = None,
    requires: Any = None,
    site_ids: Any = None,
    demand_ids: Any = None,
) -> Instance:
    """A checked :class:`Instance`. ``weights`` is one array (m,) or a mapping of objective name to array.

    ``forced``, ``excluded`` and ``requires`` take site numbers or ids; ``groups`` one text (or None) per site;
    ``target`` a scaled whole number, ``"all"`` (everyone), ``"reachable"`` (everyone that any candidate reaches) or
    ``{"percent": 95}`` of everyone; ``costs`` one row (n,), or (years, n) where a site's cost depends on the year. Raises InputError with one sentence for anything that cannot be meant; what
    cannot be *fulfilled* is said by :func:`coverage.plan.feasibility.check_feasible`.
    """
    named = dict(weights) if isinstance(weights, Mapping) else {"people": weights}
    if not named:
        raise refuse("plan-no-demand", "需要の重みがありません。", "There are no demand weights.")
    if weight_scale is not None:
        weight_scale = whole(weight_scale, "weight_scale")
    if weight_scale is None:
        weight_scale = max(scaled_weights(values, None, name)[1] for name, values in named.items())
    rows = [scaled_weights(values, weight_scale, name)[0] for name, values in named.items()]
    if len({len(row) for row in rows}) != 1:
        raise refuse(
            "plan-weights-length",
            "重みの列の長さが揃っていません。需要点ごとに1つずつにしてください。",
            "The weight columns have different lengths; each has one number per demand point.",
        )
    matrix = np.vstack(rows)
    m = matrix.shape[1]
    objective = objective if objective is not None else next(iter(named))
    if objective not in named:
        raise refuse(
            "plan-unknown-objective",
            f"目的「{objective}」の重みがありません（ある目的: {'、'.join(named)}）。",
            f"There are no weights for the objective '{objective}' (known: {', '.join(named)}).",
        )
    if m == 0 or int(matrix[list(named).index(objective)].sum()) == 0:
        raise refuse(
            "plan-no-demand",
            f"需要がありません：目的「{objective}」の重みがすべて0か、需要点が0件です。",
            f"There is no demand: every weight of '{objective}' is 0 or there are no demand points.",
        )
    pointers, reach = checked_reach(indptr, indices, m)
    n = len(pointers) - 1
    if n == 0:
        raise refuse("plan-no-candidates", "候補地が0件です。", "There are no candidate sites.")
    sites = checked_ids(site_ids, n, "候補地", "site")
    forced_sites = site_numbers(forced, n, sites, "forced")
    excluded_sites = site_numbers(excluded, n, sites, "excluded")
    both = np.intersect1d(forced_sites, excluded_sites)
    if both.size:
        name = sites[both[0]] if sites else str(both[0])
        raise refuse(
            "plan-forced-and-excluded",
            f"候補地「{name}」が必須と除外の両方に入っています。",
            f"The site '{name}' is both forced and excluded.",
        )
    if goal not in ("max-coverage", "min-cost"):
        raise refuse(
            "plan-unknown-goal",
            f"goal「{goal}」は max-coverage か min-cost のどちらかにしてください。",
            f"The goal '{goal}' is neither max-coverage nor min-cost.",
        )
    years = _years(goal, budget, fiscal_years, year_budgets, year_weights)
    budget = None if budget is None else whole(budget, "budget")
    p = None if p is None else whole(p, "p")
    if goal == "max-coverage" and budget is None and p is None and not years[1]:
        raise refuse(
            "plan-no-limit",
            "予算（budget）、箇所数（p）、年度別予算（year_budgets）のいずれかを与えてください。",
            "Give a budget, a number of sites p, or year_budgets: without a limit every site would be built.",
        )
    w = matrix[list(named).index(objective)]
    goal_target = _target(goal, target, w, pointers, reach, excluded_sites)
    group, names, minimum = _groups(groups, group_minimum, n)
    least, by_year = _costs(costs, n, len(years[1]))
    return Instance(
        weights=matrix,
        costs=least,
        year_costs=by_year,
        indptr=pointers,
        indices=reach,
        objectives=tuple(named),
        objective=objective,
        weight_scale=weight_scale,
        goal=goal,  # type: ignore[arg-type]
        budget=budget,
        p=p,
        target=goal_target,
        forced=forced_sites,
        excluded=excluded_sites,
        group=group,
        group_names=names,
        group_minimum=minimum,
        fiscal_years=years[0],
        year_budgets=years[1],
        year_weights=years[2],
        requires=_requires(requires, n, sites),
        site_ids=sites,
        demand_ids=checked_ids(demand_ids, m, "需要点", "demand point"),
    )


def _years(
    goal: str, budget: Any, fiscal_years: Any, year_budgets: Any, year_weights: Any
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    if year_budgets is None:
        if fiscal_years is not None or year_weights is not None:
            raise refuse(
                "plan-years-without-budgets",
                "年度を使うには year_budgets（年度別予算）を与えてください。",
                "fiscal_years and year_weights need year_budgets.",
            )
        return (), (), ()
    budgets = tuple(whole(value, "year_budgets") for value in year_budgets)
    if goal != "max-coverage" or budget is not None or not budgets:
        raise refuse(
            "plan-years-and-budget",
            "year_budgets は goal=max-coverage で、budget を与えずに、1年度以上で使ってください。",
            "year_budgets need goal=max-coverage, at least one year, and no single budget beside them.",
        )
    years = tuple(int(y) for y in fiscal_years) if fiscal_years is not None else tuple(range(len(budgets)))
    factors = (
        tuple(whole(value, "year_weights") for value in year_weights)
        if year_weights is not None
        else (1,) * len(budgets)
    )
    ascending = all(a < b for a, b in itertools.pairwise(years))
    if len(years) != len(budgets) or len(factors) != len(budgets) or not ascending or sum(factors) == 0:
        raise refuse(
            "plan-years-shape",
            "fiscal_years は昇順で、year_budgets・year_weights と同じ数にし、year_weights は1つ以上を正にしてください。",
            "fiscal_years must ascend and be as many as year_budgets and year_weights, with one weight above 0.",
        )
    return years, budgets, factors


def _costs(costs: Any, n: int, years: int) -> tuple[IntArray, IntArray | None]:
    """(least cost of each site, costs by year or None where no year differs)."""
    if np.ndim(costs) != 2:
        return checked_costs(costs, n), None
    if len(costs) != years:
        raise refuse(
            "plan-costs-by-year",
            f"年度ごとの費用（costs）が {len(costs)} 行で、年度別予算 {years} 年度と合いません。",
            f"There are {len(costs)} rows of costs by year for {years} year budgets.",
        )
    table = np.vstack([checked_costs(row, n) for row in costs])
    same = bool(np.all(table == table[0]))
    least: IntArray = table.min(axis=0)
    return least, None if same else table


def _target(
    goal: str, target: Any, w: IntArray, indptr: IntArray, indices: NDArray[np.int32], excluded: IntArray
) -> int | None:
    if goal != "min-cost":
        if target is not None:
            raise refuse(
                "plan-target-without-min-cost",
                "target は goal=min-cost のときだけ使えます。",
                "A target is only for goal=min-cost.",
            )
        return None
    total = int(w.sum())
    if isinstance(target, np.ndarray) and target.ndim == 0:
        target = target.item()
    if target is None or target == "all":
        return total
    if target == "reachable":
        mask = np.zeros(len(w), dtype=np.bool_)
        barred = set(excluded.tolist())
        for site in range(len(indptr) - 1):
            if site not in barred:
                mask[indices[indptr[site] : indptr[site + 1]]] = True
        return int(w[mask].sum())
    if isinstance(target, Mapping) and set(target) == {"percent"}:
        percent = target["percent"]
        if not isinstance(percent, int | float) or isinstance(percent, bool) or not 0 <= percent <= 100:
            raise refuse(
                "plan-target-percent",
                f"target の percent は0〜100にしてください（値: {percent}）。",
                f"The percent of the target must lie between 0 and 100 (got {percent}).",
            )
        # Thousandths of a percent are enough to write any promise; the share is then exact and rounded up.
        return -(-total * round(percent * 1000) // 100_000)
    return whole(target, "target")


def _groups(
    groups: Any, minimum: Mapping[str, int] | None, n: int
) -> tuple[NDArray[np.int32] | None, tuple[str, ...], tuple[int, ...]]:
    if groups is None:
        if minimum:
            raise refuse(
                "plan-group-minimum-without-groups",
                "group_minimum を使うには候補地ごとの groups（市町）を与えてください。",
                "group_minimum needs groups: one name (municipality) per site.",
            )
        return None, (), ()
    texts = [None if value is None or str(value) == "" else str(value) for value in np.asarray(groups, dtype=object)]
    if len(texts) != n:
        raise refuse(
            "plan-groups-shape",
            f"groups が {len(texts)} 件で、候補地 {n} 件と合いません。",
            f"There are {len(texts)} groups for {n} sites.",
        )
    wanted = dict(minimum or {})
    names = tuple(sorted({text for text in texts if text is not None} | set(wanted)))
    position = {name: number for number, name in enumerate(names)}
    group = np.array([-1 if text is None else position[text] for text in texts], dtype=np.int32)
    return group, names, tuple(whole(wanted.get(name, 0), "group_minimum") for name in names)


def _requires(requires: Any, n: int, ids: tuple[str, ...] | None) -> NDArray[np.int32] | None:
    if requires is None:
        return None
    values = np.asarray(requires, dtype=object).tolist()
    if len(values) != n:
        raise refuse(
            "plan-requires-shape",
            f"requires が {len(values)} 件で、候補地 {n} 件と合いません。",
            f"There are {len(values)} entries in requires for {n} sites.",
        )
    parent = np.full(n, -1, dtype=np.int32)
    for site, value in enumerate(values):
        if value is None or value == -1 or value == "":
            continue
        parent[site] = site_numbers([value], n, ids, "requires")[0]
    for site in range(n):
        walker, steps = site, 0
        while walker >= 0 and steps <= n:
            walker, steps = int(parent[walker]), steps + 1
        if steps > n:
            raise refuse(
                "plan-requires-cycle",
                f"候補地 {site}（0起点）の requires が循環しています。",
                f"The requires of candidate {site} (from 0) run in a circle.",
            )
    return parent if bool(np.any(parent >= 0)) else None
