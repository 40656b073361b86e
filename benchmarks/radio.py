"""``python -m benchmarks.radio``: this engine against what a registry offers, on the same terrain, in one run.

    apt-get install -y splat                                       # SPLAT! (splat-hd, srtm2sdf)
    python3.11 -m venv PEERS && PEERS/bin/pip install --require-hashes -r requirements/peers.txt
    python -m benchmarks.radio --peers PEERS/bin/python

Whole processes are compared (start, terrain read, disc, raster written) by CPU seconds and peak memory, one core each,
interleaved, ratio pair by pair. Needs a POSIX system. Exit code 1 when a gate fails; a peer that is not installed
is printed as not measured, and its gate with it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.radio_case import MAST_HEIGHT_M, MAST_LAT, MAST_LON, MHZ, RADIUS_KM, RECEIVER_HEIGHT_M, TILE

# Nothing heavy is imported before the processes have run: a child's peak memory begins with its parent's.

PROJECT = Path(__file__).resolve().parent.parent
ONE_CORE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Usage:
    """One finished process."""

    cpu_s: float
    peak_mb: float
    pixels: int

    @property
    def microseconds_a_pixel(self) -> float:
        return 1e6 * self.cpu_s / self.pixels


@dataclass(frozen=True)
class Gate:
    what: str
    value: float | None
    limit: float
    at_least: bool

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        return "met" if met else "MISSED"


def run_process(command: list[str], folder: Path, *, pixels: int | None = None) -> Usage:
    """Run to the end; CPU seconds and peak memory as the kernel counted them for this child alone."""
    environment = {**os.environ, **ONE_CORE, "PYTHONPATH": str(PROJECT)}
    with open(folder / "out.txt", "wb") as out:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    text = (folder / "out.txt").read_text(encoding="utf-8", errors="replace")
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {child.returncode}:\n{text[-2000:]}")
    if pixels is None:
        pixels = int(json.loads(text.strip().splitlines()[-1])["pixels"])
    scale = 1024.0 if sys.platform != "darwin" else 1024.0 * 1024.0
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale, pixels)


def ours(folder: Path, plane: Path, radius_m: float) -> Usage:
    command = [
        sys.executable,
        "-m",
        "benchmarks.radio_disc",
        str(plane),
        "loss.tif",
        "--radius-m",
        str(radius_m),
    ]
    return run_process(command, folder)


def splat(folder: Path, program: str, radius_km: float, pixels: int) -> Usage:
    """SPLAT! HD with Longley–Rice, which is the cheaper of its two models, over the same disc at 1″."""
    (folder / "mast.qth").write_text(
        f"mast\n{MAST_LAT}\n{360.0 - MAST_LON}\n{MAST_HEIGHT_M} meters\n", encoding="ascii"
    )
    (folder / "mast.lrp").write_text(f"15.000\n0.005\n301.000\n{MHZ}\n5\n1\n0.50\n0.50\n", encoding="ascii")
    command = [
        program, "-t", "mast.qth", "-L", str(RECEIVER_HEIGHT_M), "-metric", "-R", str(radius_km), "-d", str(folder),
        "-olditm", "-N", "-ngs", "-o", "splat.ppm",
    ]  # fmt: skip
    return run_process(command, folder, pixels=pixels)


def peer(folder: Path, python: str, name: str, *more: str) -> Usage:
    script = str(PROJECT / "benchmarks" / "radio_peers.py")
    return run_process([python, script, name, str(folder), *more], folder)


def make_sdf(folder: Path, srtm2sdf: str) -> None:
    """SPLAT!'s own converter; called as srtm2sdf-hd it keeps the 1″."""
    alias = folder / "srtm2sdf-hd"
    alias.symlink_to(srtm2sdf)
    subprocess.run([str(alias), f"{TILE}.hgt"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _row(name: str, runs: list[Usage], note: str = "") -> str:
    cpu = statistics.median(run.cpu_s for run in runs)
    peak = max(run.peak_mb for run in runs)
    pixel = statistics.median(run.microseconds_a_pixel for run in runs)
    return f"{name:<34}{cpu:>10.2f}{peak:>10.0f}{runs[0].pixels:>12,}{pixel:>12.2f}   {note}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default=None, help="python of the environment with pycraf and itmlogic")
    parser.add_argument(
        "--splat", default=shutil.which("splat-hd"), help="splat-hd, by default the one installed"
    )
    parser.add_argument("--pairs", type=int, default=3, help="interleaved rounds")
    arguments = parser.parse_args()
    if not hasattr(os, "wait4"):
        raise SystemExit("the benchmark compares whole processes with wait4 and needs a POSIX system")
    radius_km = RADIUS_KM
    converter = shutil.which("srtm2sdf")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_process([sys.executable, "-m", "benchmarks.radio_terrain", str(folder)], folder, pixels=0)
        plane30, plane90 = folder / "plane_30m.tif", folder / "plane_90m.tif"
        if arguments.splat and converter:
            make_sdf(folder, converter)
        first = ours(folder, plane30, 1000.0 * radius_km)
        runs: dict[str, list[Usage]] = {
            key: [] for key in ("ours30", "ours90", "splat", "pycraf", "itmlogic")
        }
        for _ in range(arguments.pairs):
            runs["ours30"].append(ours(folder, plane30, 1000.0 * radius_km))
            if arguments.splat and converter:
                runs["splat"].append(splat(folder, arguments.splat, radius_km, first.pixels))
            runs["ours90"].append(ours(folder, plane90, 1000.0 * radius_km))
            if arguments.peers:
                runs["pycraf"].append(peer(folder, arguments.peers, "pycraf", "--radius-km", str(radius_km)))
                runs["itmlogic"].append(
                    peer(folder, arguments.peers, "itmlogic", "--radius-km", str(radius_km))
                )
    from benchmarks.radio_growth import options_ratio, radius_growth, site_growth

    worst_option, option_seconds = options_ratio()
    radius_exponent, radius_table = radius_growth()
    site_exponent, site_table = site_growth()

    def ratio(slow: str, fast: str, *, a_pixel: bool) -> float | None:
        pairs = zip(runs[slow], runs[fast], strict=False)
        values = [
            (s.microseconds_a_pixel / f.microseconds_a_pixel) if a_pixel else s.cpu_s / f.cpu_s
            for s, f in pairs
        ]
        return statistics.median(values) if values else None

    print(
        f"{platform.machine()} {platform.system()}, Python {platform.python_version()}, {arguments.pairs} interleaved rounds"
    )
    print(
        f"disc of {radius_km:g} km, {MHZ:g} MHz, mast {MAST_HEIGHT_M:g} m, receiver {RECEIVER_HEIGHT_M:g} m, one core\n"
    )
    print(f"{'whole process':<34}{'CPU s':>10}{'peak MB':>10}{'pixels':>12}{'µs/pixel':>12}")
    print(
        _row(
            "this engine, P.1812, 30 m",
            runs["ours30"],
            f"first run {first.cpu_s:.1f} s (compiles unless done before)",
        )
    )
    print(_row("this engine, P.1812, 90 m", runs["ours90"]))
    for key, label, note in (
        ("splat", "SPLAT! HD 1.4.2, ITM, 30 m", "pixels of the same disc"),
        ("pycraf", "pycraf, P.452, 90 m", "square map of its fast method"),
        ("itmlogic", "itmlogic, ITM, paths at 30 m", "random pixels of the disc"),
    ):
        print(_row(label, runs[key], note) if runs[key] else f"{label:<34}{'not measured':>20}")
    print("\noptions, CPU s of the sweep: " + ", ".join(f"{k} {v:.2f}" for k, v in option_seconds.items()))
    print("radius, CPU s of the sweep:  " + ", ".join(f"{km:g} km {s:.2f}" for km, s in radius_table))
    print("sites, CPU s:                " + ", ".join(f"{count:g} {s:.2f}" for count, s in site_table))
    gates = [
        Gate("SPLAT! HD ITM ÷ this engine, CPU, 30 m", ratio("splat", "ours30", a_pixel=False), 6.0, True),
        Gate("pycraf P.452 ÷ this engine, CPU a pixel", ratio("pycraf", "ours30", a_pixel=True), 80.0, True),
        Gate("itmlogic ÷ this engine, CPU a pixel", ratio("itmlogic", "ours30", a_pixel=True), 80.0, True),
        Gate("every option on ÷ plain", worst_option, 2.5, False),
        Gate("peak memory of the disc at 30 m, MB", max(run.peak_mb for run in runs["ours30"]), 300.0, False),
        Gate("growth exponent with the radius", radius_exponent, 2.2, False),
        Gate("growth exponent with the sites", site_exponent, 1.1, False),
    ]
    print()
    for gate in gates:
        value = "–" if gate.value is None else f"{gate.value:.2f}"
        print(
            f"{gate.what:<44}{value:>10}  goal {'≥' if gate.at_least else '≤'} {gate.limit:g}: {gate.verdict}"
        )
    return 1 if any(gate.verdict == "MISSED" for gate in gates) else 0


if __name__ == "__main__":
    raise SystemExit(main())
