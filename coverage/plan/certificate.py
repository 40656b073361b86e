"""Writes plan certificates: what is claimed, and the multipliers that let anyone check it.

Two bounds are kept apart on purpose. ``certified_bound`` follows from the multipliers alone and
:mod:`coverage.plan.verify` re-derives it without a solver. ``solver.bound`` is what branch and bound says it has
proven; it is often tighter, but its proof is the solver's run and cannot be re-added by hand.
"""

from __future__ import annotations

import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage import __version__
from coverage.errors import FileFormatError
from coverage.plan.feasibility import Choice
from coverage.plan.instance import Instance
from coverage.plan.instance_files import instance_digest
from coverage.plan.lagrangian import Dual, Relaxation
from coverage.plan.model import CoverModel
from coverage.plan.verify import certificate_digest, proven_bound, served_value

FORMAT = "coverage-gap-plan-certificate/1"
SCHEMA_FILE = "certificate.schema.json"


def certificate_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of certificate files; shipped as package data."""
    text = resources.files("coverage.plan").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def multipliers(model: CoverModel, dual: Dual) -> dict[str, Any]:
    """Whole-number multipliers for the whole instance from the solver's: what ``verify.proven_bound`` reads.

    λ is rounded to 1/``scale`` of a weight unit and the prices are fitted again to the rounded λ; any non-negative
    numbers prove *a* bound, so rounding can only cost a little sharpness, never truth.
    """
    inst = model.instance
    largest = int(inst.w.max()) * max(inst.year_weights or (1,))
    scale = max(1, min(10**6, 2**61 // max(1, largest * inst.n_demand * inst.n_years)))
    lam = np.minimum(np.rint(dual.lam * scale).astype(np.int64), model.w * scale)
    dearest = inst.costs if inst.year_costs is None else inst.year_costs
    ceiling = max([1, inst.budget or 0, *inst.year_budgets, int(dearest.max(initial=1))])
    fine = scale * max(1, 10**6 * ceiling // scale)
    relaxation = Relaxation(model)
    relaxation.mu, relaxation.pi = dual.mu.copy(), dual.pi
    relaxation.nu, relaxation.rho = dual.nu.copy(), dual.rho.copy()
    proofs = [_whole_numbers(model, relaxation, lam, scale, fine)]
    relaxation.inner(lam / scale)
    proofs.append(_whole_numbers(model, relaxation, lam, scale, fine))
    if model.simple and model.target is None:
        # With one limit the fitted price is the best there is.
        return proofs[1]
    pick = max if model.target is not None else min
    return pick(proofs, key=lambda proof: proven_bound(inst, proof))


def _whole_numbers(
    model: CoverModel, relaxation: Relaxation, lam: NDArray[np.int64], scale: int, fine: int
) -> dict[str, Any]:
    """The multipliers with the relaxation's present prices, rounded to 1/``fine``."""
    inst = model.instance
    priced = np.ones(model.years, dtype=np.bool_) if model.target is not None else model.capacity >= 0
    mu = [round(float(price) * fine) if on else 0 for price, on in zip(relaxation.mu, priced, strict=True)]
    if model.target is not None:
        mu = [max(1, mu[0])]
    proof: dict[str, Any] = {
        "scale": scale,
        "demand": model.demand_multipliers(lam, scale).tolist(),
        "price_scale": fine,
        "budget": mu,
        "count": round(relaxation.pi * fine) if model.p >= 0 else 0,
        "groups": [round(float(price) * fine) for price in relaxation.nu],
        "requires": [
            [int(model.site[model.unit[c]]), int(model.year[c]), round(float(relaxation.rho[c]) * fine)]
            for c in np.flatnonzero(relaxation.rho > 0)
        ],
    }
    if inst.requires is not None:
        proof["requires"] = _settled_prices(inst, model, proof)
    return proof


def _settled_prices(inst: Instance, model: CoverModel, proof: dict[str, Any]) -> list[list[int]]:
    """Backhaul prices for sites that are settled beforehand, so that what is implied is also proven.

    A site whose backhaul is excluded must not look profitable (its price moves its profit up to what it needs, and so
    on to the excluded one); a site that stands only because a forced one needs it must count with its cost.
    """
    assert inst.requires is not None
    rho = {(j, t): price for j, t, price in proof["requires"]}
    if inst.n_years > 1:
        return [[j, t, price] for (j, t), price in rho.items()]
    onward, step = np.array(proof["demand"])[0], proof["price_scale"] // proof["scale"]

    def profit(j: int) -> int:
        extra = proof["groups"][inst.group[j]] if inst.group is not None and inst.group[j] >= 0 else 0
        own = int(onward[inst.reach(j)].sum()) * step - proof["budget"][0] * int(inst.costs[j]) - proof["count"] + extra
        children = sum(price for (k, _), price in rho.items() if int(inst.requires[k]) == j)  # type: ignore[index]
        return int(own + children - rho.get((j, 0), 0))

    def depth(j: int) -> int:
        return 0 if int(inst.requires[j]) < 0 else 1 + depth(int(inst.requires[j]))  # type: ignore[index]

    known = set(model.site.tolist()) | set(model.base_sites) | set(inst.excluded.tolist())
    barred = [j for j in range(inst.n_sites) if j not in known and int(inst.requires[j]) >= 0]
    for j in sorted(barred, key=depth, reverse=True):
        rho[j, 0] = rho.get((j, 0), 0) + max(0, profit(j))
    forced = set(inst.forced.tolist())
    for j in sorted((j for j in model.base_sites if j not in forced), key=depth):
        child = next(k for k in model.base_sites if int(inst.requires[k]) == j)
        rho[child, 0] = rho.get((child, 0), 0) + max(0, -profit(j))
    return [[j, t, price] for (j, t), price in rho.items()]


def make_certificate(
    instance: Instance,
    plan: list[Choice],
    proof: dict[str, Any],
    *,
    seed: int,
    status: str,
    solver_bound: int | None,
    solver: str,
) -> dict[str, Any]:
    """The certificate of ``plan``, with value, cost and bound computed from the instance in exact integers."""
    sites = [site for site, _ in plan]
    cost = instance.plan_cost(plan)
    value = served_value(instance, plan) if instance.target is None else cost
    bound = proven_bound(instance, proof)
    certificate: dict[str, Any] = {
        "format": FORMAT,
        "instance_sha256": instance_digest(instance),
        "goal": instance.goal,
        "objective": instance.objective,
        "weight_scale": instance.weight_scale,
        "plan": [{"site": site, "id": instance.site_id(site), "year": year} for site, year in plan],
        "value": value,
        "cost": cost,
        "served": instance.served_by_objective(sites),
        "certified_bound": bound,
        "gap_ppm": gap_ppm(value, bound),
        "multipliers": proof,
        "solver": {
            "name": "coverage-gap-planner",
            "version": __version__,
            "engine": solver,
            "seed": seed,
            "status": status,
            "bound": solver_bound,
        },
    }
    certificate["certificate_sha256"] = certificate_digest(certificate)
    return certificate


def gap_ppm(value: int, bound: int) -> int:
    """Distance between value and bound in millionths of the larger, rounded up."""
    return -(-abs(bound - value) * 10**6 // max(1, value, bound))


def value_step(instance: Instance) -> int:
    """Smallest possible difference between two values (costs in the min-cost problem)."""
    if instance.target is not None:
        return math.gcd(*instance.costs.tolist()) or 1
    return max(1, int(np.gcd.reduce(instance.w)) * math.gcd(*(instance.year_weights or (1,))))


def write_certificate(certificate: dict[str, Any], path: Path | str) -> None:
    """One JSON file, UTF-8, a million multipliers on one line each."""
    text = json.dumps(certificate, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8", newline="\n")


def read_certificate(path: Path | str) -> dict[str, Any]:
    """Raises FileFormatError where the file is missing or is no JSON object."""
    file = Path(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(
            "plan-certificate-unreadable",
            f"証明書「{file.name}」を読めません。",
            f"The certificate '{file.name}' cannot be read.",
        ) from error
    if not isinstance(content, dict):
        raise FileFormatError(
            "plan-certificate-unreadable",
            f"証明書「{file.name}」の最上位が JSON オブジェクトではありません。",
            f"The top level of the certificate '{file.name}' is not a JSON object.",
        )
    return content
