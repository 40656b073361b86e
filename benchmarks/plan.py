"""``python -m benchmarks.plan``: the planner against spopt with CBC and HiGHS, on generated instances, in one run.

    python3.11 -m venv PEERS && PEERS/bin/pip install --require-hashes -r requirements/peers.txt
    python -m benchmarks.plan --peers-python PEERS/bin/python

Whole processes are compared (start, reading the file, solving, writing the answer) by CPU seconds and peak memory,
interleaved with the peers', ratio pair by pair. Every certificate is checked by ``plan verify`` in a process of its own.
The peers live in another environment because they bring coverage.py along; without ``--peers-python`` they are printed
as not run, and the gate that needs them fails. Needs a POSIX system. Exit code 1 when a gate fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Nothing heavy is imported here: a child's peak memory begins with its parent's.
PROJECT = Path(__file__).resolve().parent.parent
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Case:
    """``call`` makes the instance; ``met`` judges (answer, CPU seconds, MB) or is None where no gate stands."""

    name: str
    call: str
    seconds: float
    goal: str
    met: Callable[[dict[str, Any], float, float], bool] | None = None
    gap: float = 0.0
    stretch: bool = False


@dataclass(frozen=True)
class Used:
    cpu_s: float
    wall_s: float
    peak_mb: float
    answer: dict[str, Any] | None


SMALL = Case(
    "500 x 10,000", "settlements(500, 10_000, p=30, seed=1, reach_m=2_000.0)", 60, "proven optimal, <= 150 MB",
    lambda a, cpu, mb: a["status"] == "optimal" and mb <= 150,
)  # fmt: skip
CASES = [
    Case(
        "500 x 10,000 ragged", "clearings(500, 10_000, p=None, budget=600_000_000, seed=1)", 60, "proven optimal",
        lambda a, cpu, mb: a["status"] == "optimal",
    ),
    Case(
        "2,000 x 100,000", "settlements(2_000, 100_000, p=None, budget=2_000_000_000, seed=1, reach_m=2_000.0)", 120,
        "proven or gap <= 0.1 %", lambda a, cpu, mb: a["gap"] <= 0.001,
    ),
    Case(
        "2,000 x 100,000 ragged", "clearings(2_000, 100_000, p=None, budget=2_000_000_000, seed=1)", 120,
        "proven or gap <= 0.1 %", lambda a, cpu, mb: a["gap"] <= 0.001,
    ),
    Case(
        "5,000 x 100,000", "settlements(5_000, 100_000, p=None, budget=2_000_000_000, seed=1, reach_m=2_000.0)", 120,
        "gap <= 0.5 % in 30 CPU s", lambda a, cpu, mb: a["gap"] <= 0.005 and cpu <= 30, 0.005,
    ),
    Case(
        "5,000 x 100,000 ragged", "clearings(5_000, 100_000, p=None, budget=2_000_000_000, seed=1)", 120,
        "gap <= 0.5 % in 30 CPU s", lambda a, cpu, mb: a["gap"] <= 0.005 and cpu <= 30, 0.005,
    ),
    Case(
        "5,000 x 1,000,000", "settlements(5_000, 1_000_000, p=None, budget=2_000_000_000, seed=1)", 240,
        "stretch: gap <= 1 % in 60 CPU s, <= 2 GB", lambda a, cpu, mb: a["gap"] <= 0.01 and cpu <= 60 and mb <= 2_000,
        0.01, True,
    ),
    Case(
        "20,000 x 1,000,000",
        "settlements(20_000, 1_000_000, p=None, budget=2_000_000_000, seed=1, reach_m=2_000.0)", 480,
        "stretch: gap <= 1 % in 120 CPU s, <= 4 GB",
        lambda a, cpu, mb: a["gap"] <= 0.01 and cpu <= 120 and mb <= 4_000, 0.01, True,
    ),
]  # fmt: skip
PUBLISHED = [
    Case(
        f"CFL 100 x {m:,} R={radius} B={budget}",
        f"cordeau_furini_ljubic(100, {m}, radius={radius}, budget={budget}, seed=1)", 240, "exact in 60 CPU s",
        lambda a, cpu, mb: a["status"] == "optimal" and cpu <= 60,
    )
    for m in (10_000, 100_000, 1_000_000)
    for radius, budget in ((5.5, 10), (6.25, 10), (4.0, 15), (5.0, 15), (3.25, 20), (4.25, 20))
] + [
    Case(f"streets {n:,} R={radius} p={p}", f"streets({n}, p={p}, radius_m={radius}, seed=1)", 120, "reported")
    for n, radius in ((5_137, 600), (7_730, 400))
    for p in (50, 80, 100)
]  # fmt: skip


def run(command: list[str], *, limit: float) -> Used:
    """One child to its end; CPU and memory are its own. ``answer`` is the last line as JSON, None where it has none."""
    with tempfile.TemporaryFile() as out:
        started = time.monotonic()
        environment = dict(os.environ) | ONE_CORE | {"PYTHONHASHSEED": "0"}
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, cwd=PROJECT, env=environment)
        killed = False
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if not killed and time.monotonic() - started > limit:
                child.kill()
                killed = True
            time.sleep(0.01)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        out.seek(0)
        lines = out.read().decode("utf-8", "replace").strip().splitlines()
    answer = None
    if child.returncode == 0 and lines:
        answer = json.loads(lines[-1])
    peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return Used(usage.ru_utime + usage.ru_stime, wall, peak, answer)


def generate(case: Case, file: Path) -> None:
    code = (
        "from benchmarks.plan_instances import *; from coverage.plan.instance_files import write_instance; "
        f"write_instance({case.call}, {str(file)!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)


def ours(case: Case, file: Path, certificate: Path) -> Used:
    command = [sys.executable, "-m", "coverage", "plan", "solve", "--instance", str(file), "--time", str(case.seconds)]
    return run([*command, "--gap", str(case.gap), "--json", "--out", str(certificate)], limit=case.seconds + 120)


def checked(file: Path, certificate: Path) -> Used:
    return run([sys.executable, "-m", "coverage", "plan", "verify", str(certificate), "--instance", str(file), "--json"], limit=600)


def row(name: str, who: str, used: Used, note: str = "") -> None:
    answer = used.answer or {}
    gap = f"{100 * answer['gap']:.4f} %" if "gap" in answer else "-"
    print(
        f"{name:<32} {who:<14} {used.cpu_s:>9.2f} {used.peak_mb:>8.0f} {answer.get('value', '-')!s:>12} {gap:>10} "
        f"{answer.get('status', 'no answer')!s:<14} {note}",
        flush=True,
    )


def judge(case: Case, folder: Path, failed: list[str]) -> Used:
    """Solve, check the certificate, print, and note a gate that is not met (stretch goals are reported only)."""
    file, certificate = folder / "instance.npz", folder / "certificate.json"
    used = ours(case, file, certificate)
    proof = checked(file, certificate) if used.answer else None
    good = proof is not None and proof.answer is not None
    met = used.answer is not None and good and (case.met is None or case.met(used.answer, used.cpu_s, used.peak_mb))
    verdict = "reported" if case.met is None else "met" if met else "NOT MET"
    row(case.name, "this product", used, f"{case.goal}: {verdict}; certificate {'checked' if good else 'NOT CHECKED'}")
    if (not met and case.met is not None and not case.stretch) or not good:
        failed.append(f"{case.name}: {case.goal}")
    return used


def against_peers(folder: Path, peers: str | None, rounds: int, limit: float, failed: list[str]) -> None:
    """The small case, interleaved with every peer."""
    file = folder / "instance.npz"
    generate(SMALL, file)
    kinds = [("spopt + CBC", "spopt-cbc"), ("spopt + HiGHS", "spopt-highs"), ("plain HiGHS", "highs")]
    ratios: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, kind in kinds:
            mine = judge(SMALL, folder, failed)
            if kind != "highs" and peers is None:
                print(f"{SMALL.name:<32} {name:<14} NOT RUN: --peers-python is missing", flush=True)
                continue
            python = sys.executable if kind == "highs" else str(peers)
            theirs = run([python, str(PROJECT / "benchmarks/plan_peers.py"), kind, str(file), str(limit)], limit=2 * limit + 300)
            if theirs.answer is None and theirs.wall_s < limit:
                print(f"{SMALL.name:<32} {name:<14} NOT RUN: it ended without an answer (is its solver installed?)", flush=True)
                continue
            row(SMALL.name, name, theirs)
            ratios.setdefault(name, []).append(theirs.cpu_s / mine.cpu_s)
            if theirs.answer and mine.answer and theirs.answer["value"] > mine.answer["value"]:
                failed.append(f"{name} found a better plan: {theirs.answer['value']} > {mine.answer['value']}")
    for name, _ in kinds:
        if name not in ratios:
            print(f"ratio of CPU seconds, {name}: NOT RUN")
            continue
        print(f"ratio of CPU seconds, {name} / this product: {statistics.median(ratios[name]):.1f} (pairs: "
              f"{', '.join(f'{value:.1f}' for value in ratios[name])})")  # fmt: skip
    spopt = [min(pair) for pair in zip(*(ratios[name] for name, _ in kinds[:2] if name in ratios), strict=True)]
    if not spopt or statistics.median(spopt) < 40:
        failed.append("at least 40 times faster than spopt, with the faster of its two solvers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", help="python of the peers' environment (requirements/peers.txt)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of the comparison with the peers")
    parser.add_argument("--peer-seconds", type=float, default=420.0, help="limit of a peer's solver")
    parser.add_argument("--stretch", action="store_true", help="also a million demand points")
    parser.add_argument("--published", action="store_true", help="also the published generators")
    parser.add_argument("--only", help="only cases whose name contains this text; leaves the peers out")
    given = parser.parse_args()
    if not hasattr(os, "wait4"):
        sys.exit("this benchmark needs a POSIX system (wait4)")
    failed: list[str] = []
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; each process on one core")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = Case("warm-up", "streets(3_000, p=20, radius_m=900.0, seed=1)", 8, "")
        generate(warm, folder / "instance.npz")
        first = ours(warm, folder / "instance.npz", folder / "certificate.json")
        print(f"warm-up (compiled loops are kept on disk after the first run ever): {first.cpu_s:.1f} CPU s")
        print(f"{'case':<32} {'who':<14} {'CPU s':>9} {'peak MB':>8} {'value':>12} {'gap':>10} status")
        if not given.only:
            against_peers(folder, given.peers_python, given.rounds, given.peer_seconds, failed)
        cases = [case for case in CASES if given.stretch or not case.stretch] + (PUBLISHED if given.published else [])
        if given.only:
            cases = [case for case in [SMALL, *CASES, *PUBLISHED] if given.only in case.name]
        for case in cases:
            generate(case, folder / "instance.npz")
            judge(case, folder, failed)
    for text in failed:
        print(f"GATE NOT MET: {text}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
