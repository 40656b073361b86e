"""Checks a plan certificate against its instance, in exact integers and without a solver.

It re-adds everything from the raw coverage lists: that the plan is allowed, what it serves and costs, and the bound that
the multipliers λ (one per demand point and year) and prices, none negative, prove for *every* allowed plan:

    value ≤ Σ max(0, u_t w_i - λ_ti) + Σ_j max(0, max_t profit_jt) + Σ μ_t B_t + π p - Σ ν_g k_g
    profit_jt = Σ_{s ≥ t} Σ_{i ∈ N(j)} λ_si - μ_t c_j - π + ν_g(j) - ρ_jt + Σ_{k needs j, s ≥ t} ρ_ks

A forced site's profit counts even below 0, that of an excluded or too dear one never. In the min-cost problem the same
sum, without μ B, is at least the target less μ times the cost. docs/planning.md derives it.
"""

import hashlib
import json
import math
from typing import Any

import numpy as np

from coverage.errors import InputError
from coverage.plan.instance import Instance
from coverage.plan.instance_files import instance_digest


def certificate_digest(cert: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of everything but the digest itself."""
    body = json.dumps({k: v for k, v in cert.items() if k != "certificate_sha256"}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def served_value(inst: Instance, plan: list[tuple[int, int]]) -> int:
    """Σ_t u_t · (weight served in year t)."""
    masks = [inst.served([j for j, when in plan if when <= t]) for t in range(inst.n_years)]
    return sum(u * int(inst.w[mask].sum()) for u, mask in zip(inst.year_weights or (1,), masks, strict=True))


def need(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def proven_bound(inst: Instance, proof: dict[str, Any]) -> int:
    """The bound that the multipliers prove: nothing serves more or, in the min-cost problem, nothing costs less."""
    years, factors, limits = range(inst.n_years), inst.year_weights or (1,), inst.year_budgets or (inst.budget,)
    scale, fine, mu, pi, nu = (proof[key] for key in ("scale", "price_scale", "budget", "count", "groups"))
    rho = {(j, t): price for j, t, price in proof["requires"]}
    parent, lam = inst.requires, np.array(proof["demand"])
    need(all(type(v) is int and v >= 0 for v in [scale, fine, *mu, pi, *nu, *rho.values()]), "prices: whole, not negative")
    need(lam.dtype == np.int64 and lam.shape == (len(years), inst.n_demand) and lam.min() >= 0, "multipliers")
    need(scale > 0 and fine > 0 and fine % scale == 0, "scales")
    need(len(mu) == len(limits) == len(years) and len(nu) == len(inst.group_names), "one price per limit")
    need(inst.p is not None or pi == 0, "a price for a count without limit")
    need(inst.target is not None or all(b is not None or m == 0 for m, b in zip(mu, limits, strict=True)), "no budget")
    need(all(t in years and parent is not None and parent[j] >= 0 for j, t in rho), "a price where nothing is required")
    largest = max(int(lam.max()), int(inst.w.max()) * max(factors) * scale)
    need(largest * lam.size < 2**62, "multipliers too large for exact 64-bit sums")
    onward, forced, excluded = np.cumsum(lam[::-1], axis=0)[::-1], set(inst.forced.tolist()), set(inst.excluded.tolist())
    most = [b if b is None or len(years) > 1 else b - inst.cost(inst.forced) for b in limits]
    total = sum(int(np.maximum(inst.w * (u * scale) - row, 0).sum()) for u, row in zip(factors, lam, strict=True))
    total = total * (fine // scale) + pi * (inst.p or 0) - sum(v * k for v, k in zip(nu, inst.group_minimum, strict=True))
    lent = dict.fromkeys(((j, t) for j in range(inst.n_sites) for t in years), 0) if rho else {}
    for (j, when), price in rho.items():
        for t in range(when + 1):
            lent[int(parent[j]), t] += price  # type: ignore[index]
    for j in (j for j in range(inst.n_sites) if j not in excluded):
        rows, profits = inst.reach(j), [] if j in forced else [0]
        extra = (nu[inst.group[j]] if inst.group is not None and inst.group[j] >= 0 else 0) - pi
        for t in (t for t in years if j in forced or (room := most[t]) is None or inst.cost_in(j, t) <= room):
            gain = int(onward[t][rows].sum()) * (fine // scale) - mu[t] * inst.cost_in(j, t) + extra
            profits.append(gain - rho.get((j, t), 0) + lent.get((j, t), 0))
        total += max(profits)
    if inst.target is not None:
        unit = math.gcd(*inst.costs.tolist()) or 1
        return int(max(0, -((total - inst.target * fine) // mu[0] // unit) * unit))
    unit = int(np.gcd.reduce(inst.w)) * math.gcd(*factors)
    return int((total + sum(m * (b or 0) for m, b in zip(mu, limits, strict=True))) // fine // unit * unit)


def claims(cert: dict[str, Any], inst: Instance) -> dict[str, bool]:
    """Every claim of the certificate, and whether it holds."""
    plan = [(entry["site"], entry["year"]) for entry in cert["plan"]]
    known = all(type(j) is type(t) is int and 0 <= j < inst.n_sites and 0 <= t < inst.n_years for j, t in plan)
    shape = all(entry.keys() == {"site", "id", "year"} for entry in cert["plan"]) and plan == sorted(plan)
    need(known and shape and len(dict(plan)) == len(plan), "plan")
    sites, built, limits = [j for j, _ in plan], dict(plan), inst.year_budgets or (inst.budget,)
    spent = [sum(inst.cost_in(j, t) for j, when in plan if when == t) for t in range(inst.n_years)]
    groups = [int(inst.group[j]) for j in sites] if inst.group is not None else []
    parents = [(j, int(inst.requires[j])) for j in sites] if inst.requires is not None else []
    served, least = inst.served_by_objective(sites), inst.target is not None
    value, bound = (sum(spent) if least else served_value(inst, plan)), proven_bound(inst, cert["multipliers"])
    return {
        "digest": cert["certificate_sha256"] == certificate_digest(cert) and cert["instance_sha256"] == instance_digest(inst),
        "format": cert["format"] == "coverage-gap-plan-certificate/1" and cert["weight_scale"] == inst.weight_scale,
        "goal": cert["goal"] == inst.goal and cert["objective"] == inst.objective,
        "ids": [entry["id"] for entry in cert["plan"]] == [inst.site_id(j) for j in sites],
        "forced": set(inst.forced.tolist()) <= set(sites) and not set(inst.excluded.tolist()) & set(sites),
        "count": inst.p is None or len(plan) <= inst.p,
        "budget": all(b is None or s <= b for s, b in zip(spent, limits, strict=True)),
        "groups": all(groups.count(g) >= k for g, k in enumerate(inst.group_minimum)),
        "requires": all(k < 0 or built.get(k, math.inf) <= built[j] for j, k in parents),
        "target": not least or served[inst.objective] >= (inst.target or 0),
        "served": cert["served"] == served and cert["cost"] == sum(spent) and cert["value"] == value,
        "bound": cert["certified_bound"] == bound and (bound <= value if least else bound >= value),
        "gap": cert["gap_ppm"] == -(-abs(bound - value) * 10**6 // max(1, value, bound)),
    }


def verify(cert: dict[str, Any], inst: Instance) -> None:
    """Raise InputError naming the first claim of ``cert`` that does not hold for ``inst``; return when all hold."""
    try:
        wrong = next((name for name, holds in claims(cert, inst).items() if not holds), None)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ArithmeticError) as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong is not None:
        raise InputError(
            "plan-certificate-wrong",
            f"証明書の内容が成り立ちません（{wrong}）。計画をもう一度計算してください。",
            f"The certificate does not hold ({wrong}); compute the plan again.",
        )
