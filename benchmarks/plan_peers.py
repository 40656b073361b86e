"""One peer solve of an instance file, as a process of its own: ``python plan_peers.py {spopt-cbc,spopt-highs,highs} FILE SECONDS``.

Runs in the peers' environment, so it imports nothing of the product. Prints one JSON line: value, status, and the CPU
seconds that building the model and solving took. ``highs`` is the plain covering model without any reduction.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np


def served(data: Any, sites: list[int]) -> int:
    """Weight that sites serve, counted from the instance itself."""
    rows = [data["indices"][data["indptr"][j] : data["indptr"][j + 1]] for j in sites]
    return int(data["weights"].reshape(-1)[np.unique(np.concatenate(rows))].sum()) if rows else 0


def by_spopt(data: Any, solver: str, seconds: float) -> tuple[list[int], str, float]:
    """spopt.locate.MCLP with a 0/1 cost matrix and service radius 0.5, solved by CBC or HiGHS through PuLP."""
    import pulp
    from spopt.locate.coverage import MCLP

    weights = data["weights"].reshape(-1)
    n = len(data["indptr"]) - 1
    cost = np.ones((len(weights), n))
    for j in range(n):
        cost[data["indices"][data["indptr"][j] : data["indptr"][j + 1]], j] = 0.0
    model = MCLP.from_cost_matrix(cost, weights.astype(float), 0.5, int(data["p"]))
    built = time.process_time()
    if solver == "cbc":
        chosen = pulp.PULP_CBC_CMD(msg=False, threads=1, timeLimit=seconds, gapRel=0)
    else:
        chosen = pulp.HiGHS(msg=False, threads=1, timeLimit=seconds, gapRel=0)
    model = model.solve(chosen, results=False)
    sites = [j for j, variable in enumerate(model.fac_vars) if variable.value() and variable.value() > 0.5]
    return sites, pulp.LpStatus[model.problem.status], built


def by_highs(data: Any, seconds: float) -> tuple[list[int], str, float]:
    """max Σ w z, z_i ≤ Σ y, Σ y ≤ p (or Σ c y ≤ B): every demand point a row, HiGHS as it comes."""
    import highspy

    weights, ptr, idx = data["weights"].reshape(-1), data["indptr"], data["indices"]
    n, m = len(ptr) - 1, len(weights)
    columns = np.repeat(np.arange(n), np.diff(ptr))
    order = np.argsort(idx, kind="stable")
    sizes = np.bincount(idx, minlength=m)
    limit, price = (float(data["p"]), np.ones(n)) if "p" in data else (float(data["budget"]), data["costs"].astype(float))
    start = np.concatenate(([0], np.cumsum(sizes + 1), [int((sizes + 1).sum()) + n]))
    index = np.empty(int(start[-1]), dtype=np.int32)
    value = np.full(len(index), -1.0)
    heads = start[:m]
    body = np.ones(int(start[m]), dtype=bool)
    body[heads] = False
    index[heads], value[heads] = n + np.arange(m), 1.0
    index[: int(start[m])][body] = columns[order]
    index[int(start[m]) :], value[int(start[m]) :] = np.arange(n), price
    highs = highspy.Highs()
    for key, setting in (("output_flag", False), ("threads", 1), ("time_limit", seconds), ("mip_rel_gap", 0.0)):
        highs.setOptionValue(key, setting)
    kinds = np.zeros(n + m, dtype=np.int32)
    kinds[:n] = 1
    highs.passModel(
        n + m, m + 1, len(index), int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMaximize), 0.0,
        np.concatenate((np.zeros(n), weights.astype(float))), np.zeros(n + m), np.ones(n + m),
        np.full(m + 1, -np.inf), np.append(np.zeros(m), limit), start[:-1].astype(np.int32), index, value, kinds,
    )  # fmt: skip
    built = time.process_time()
    highs.run()
    solution = np.array(highs.getSolution().col_value[:n])
    return np.flatnonzero(solution > 0.5).tolist(), highs.modelStatusToString(highs.getModelStatus()), built


def main() -> None:
    peer, file, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    with np.load(file) as archive:
        data = {key: archive[key] for key in archive.files}
    sites, status, built = by_highs(data, seconds) if peer == "highs" else by_spopt(data, peer.split("-")[1], seconds)
    print(json.dumps({"value": served(data, sites), "sites": len(sites), "status": status, "build_cpu_s": built,
                      "cpu_s": time.process_time()}))  # fmt: skip


if __name__ == "__main__":
    main()
