"""Is a plan allowed, and can any plan be allowed? Says which constraint it is that cannot be met."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coverage.errors import InputError
from coverage.plan.instance import Instance

Choice = tuple[int, int]
"""(site, year): the year is an index into ``year_budgets``, 0 for plans without years."""


class InfeasibleError(InputError):
    """No plan meets every constraint; the sentence names the one that breaks."""

    http_status = 422


def broken_constraint(instance: Instance, plan: Sequence[Choice]) -> tuple[str, str] | None:
    """The first constraint that ``plan`` breaks as (ja, en), or None when it is allowed. Exact integers throughout."""
    sites = [site for site, _ in plan]
    year_of = dict(plan)
    if len(year_of) != len(plan):
        return "同じ候補地が2回選ばれています", "a site is chosen twice"
    for site, year in plan:
        if not (0 <= site < instance.n_sites and 0 <= year < instance.n_years):
            return "存在しない候補地または年度です", "a site or year that does not exist"
    missing = set(instance.forced.tolist()) - set(sites)
    if missing:
        name = instance.site_id(min(missing))
        return f"必須の候補地「{name}」がありません", f"the forced site '{name}' is missing"
    barred = set(instance.excluded.tolist()) & set(sites)
    if barred:
        name = instance.site_id(min(barred))
        return f"除外された候補地「{name}」があります", f"the excluded site '{name}' is chosen"
    if instance.p is not None and len(plan) > instance.p:
        return f"箇所数 {len(plan)} が上限 {instance.p} を超えます", f"{len(plan)} sites are more than p = {instance.p}"
    cost = instance.plan_cost(plan)
    if instance.budget is not None and cost > instance.budget:
        return (
            f"費用 {cost:,} 円が予算 {instance.budget:,} 円を超えます",
            f"the cost of {cost:,} yen exceeds the budget of {instance.budget:,} yen",
        )
    for year, limit in enumerate(instance.year_budgets):
        spent = sum(instance.cost_in(site, year) for site, when in plan if when == year)
        if spent > limit:
            fiscal_year = instance.fiscal_years[year]
            return (
                f"{fiscal_year}年度の費用 {spent:,} 円が予算 {limit:,} 円を超えます",
                f"the cost of {spent:,} yen in {fiscal_year} exceeds its budget of {limit:,} yen",
            )
    if instance.group is not None:
        counts = np.bincount(instance.group[np.array(sites, dtype=np.int64)] + 1, minlength=len(instance.group_names) + 1)
        for number, minimum in enumerate(instance.group_minimum):
            if counts[number + 1] < minimum:
                name = instance.group_names[number]
                return (
                    f"「{name}」の候補地が {counts[number + 1]} 件で、最低 {minimum} 件に足りません",
                    f"'{name}' has {counts[number + 1]} sites, fewer than its minimum of {minimum}",
                )
    if instance.requires is not None:
        for site, year in plan:
            parent = int(instance.requires[site])
            if parent >= 0 and year_of.get(parent, instance.n_years) > year:
                return (
                    f"「{instance.site_id(site)}」が必要とする「{instance.site_id(parent)}」が間に合いません",
                    f"'{instance.site_id(site)}' needs '{instance.site_id(parent)}', which does not stand in time",
                )
    if instance.target is not None:
        served = int(instance.w[instance.served(sites)].sum())
        if served < instance.target:
            return (
                f"サービスできる需要 {served} が目標 {instance.target} に足りません",
                f"the demand served, {served}, is below the target of {instance.target}",
            )
    return None


def _infeasible(code: str, ja: str, en: str) -> InfeasibleError:
    return InfeasibleError(code, ja, en)


def closure(instance: Instance, sites: Sequence[int]) -> list[int]:
    """``sites`` with everything that they require, ascending."""
    wanted: set[int] = set()
    for site in sites:
        walker = int(site)
        while walker >= 0 and walker not in wanted:
            wanted.add(walker)
            walker = int(instance.requires[walker]) if instance.requires is not None else -1
    return sorted(wanted)


def check_feasible(instance: Instance) -> None:
    """Raise :class:`InfeasibleError` naming the constraint, where simple counting shows that no plan can be allowed.

    Exact for forced sites, exclusions, p, one budget, group minima and the target's reach. Years and ``requires``
    together with group minima are packing problems: what passes here may still prove infeasible in the exact solver.
    """
    forced = closure(instance, instance.forced.tolist())
    barred = set(instance.excluded.tolist())
    clash = [site for site in forced if site in barred]
    if clash:
        name = instance.site_id(clash[0])
        raise _infeasible(
            "plan-required-site-excluded",
            f"必須の候補地が必要とする「{name}」が除外されています。どちらかを外してください。",
            f"A forced site needs '{name}', which is excluded; lift one of the two.",
        )
    if instance.p is not None and len(forced) > instance.p:
        raise _infeasible(
            "plan-forced-exceed-p",
            f"必須の候補地 {len(forced)} 件が箇所数の上限 {instance.p} を超えます。",
            f"The {len(forced)} forced sites are more than p = {instance.p}.",
        )
    cost = instance.cost(forced)
    limit = instance.budget if instance.budget is not None else sum(instance.year_budgets)
    has_limit = instance.budget is not None or bool(instance.year_budgets)
    if has_limit and cost > limit:
        dearest = max(forced, key=lambda site: int(instance.costs[site]))
        raise _infeasible(
            "plan-forced-exceed-budget",
            f"必須の候補地（「{instance.site_id(dearest)}」ほか計 {len(forced)} 件）の費用 {cost:,} 円が予算 {limit:,} 円を超えます。",
            f"The forced sites ('{instance.site_id(dearest)}' and {len(forced) - 1} more) cost {cost:,} yen, "
            f"above the budget of {limit:,} yen.",
        )
    for site in forced:
        if instance.year_budgets and int(instance.costs[site]) > max(instance.year_budgets):
            raise _infeasible(
                "plan-forced-exceed-budget",
                f"必須の候補地「{instance.site_id(site)}」の費用 {int(instance.costs[site]):,} 円がどの年度の予算も超えます。",
                f"The forced site '{instance.site_id(site)}' costs {int(instance.costs[site]):,} yen, "
                "more than any year's budget.",
            )
    chosen = set(forced)
    _check_groups(instance, chosen, barred, cost, limit if has_limit else None)
    if instance.target is not None:
        allowed = [site for site in range(instance.n_sites) if site not in barred]
        reachable = int(instance.w[instance.served(allowed)].sum())
        if reachable < instance.target:
            raise _infeasible(
                "plan-target-unreachable",
                f"候補地すべてを整備しても {reachable} しか届かず、目標 {instance.target} に足りません。目標か候補地を見直してください。",
                f"All candidates together serve {reachable}, below the target of {instance.target}; "
                "lower the target or add candidates.",
            )


def _check_groups(instance: Instance, chosen: set[int], barred: set[int], cost: int, limit: int | None) -> None:
    if instance.group is None:
        return
    extra: list[int] = []
    for number, minimum in enumerate(instance.group_minimum):
        members = [int(site) for site in np.flatnonzero(instance.group == number)]
        lacking = minimum - sum(site in chosen for site in members)
        if lacking <= 0:
            continue
        free = sorted((int(instance.costs[s]), s) for s in members if s not in chosen and s not in barred)
        name = instance.group_names[number]
        if len(free) < lacking:
            raise _infeasible(
                "plan-group-too-few-candidates",
                f"「{name}」に最低 {minimum} 件が必要ですが、使える候補地が足りません。",
                f"'{name}' needs at least {minimum} sites but has too few candidates.",
            )
        extra += [site for _, site in free[:lacking]]
    if not extra:
        return
    if instance.p is not None and len(chosen) + len(extra) > instance.p:
        raise _infeasible(
            "plan-group-minima-exceed-p",
            f"市町ごとの最低箇所数を満たすと {len(chosen) + len(extra)} 件になり、箇所数の上限 {instance.p} を超えます。",
            f"The minima per municipality need {len(chosen) + len(extra)} sites, more than p = {instance.p}.",
        )
    least = cost + instance.cost(extra)
    if limit is not None and least > limit:
        raise _infeasible(
            "plan-group-minima-exceed-budget",
            f"市町ごとの最低箇所数を最も安く満たしても {least:,} 円かかり、予算 {limit:,} 円を超えます。",
            f"Even the cheapest way to meet the minima per municipality costs {least:,} yen, above the budget of {limit:,} yen.",
        )
