"""Run every test under slipcover and print the share of lines reached.

coverage.py cannot be used: the product has its import name. Kernels that numba compiles are left out of the
measurement, since their Python bytecode never runs; they are tested against the plain reference instead.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def kernel_modules() -> list[str]:
    """Modules with functions that numba compiles, found by the decorators they import."""
    marks = ("from coverage._jit import", "from coverage.radio.kernel import")
    return [
        str(path.relative_to(PROJECT))
        for path in sorted((PROJECT / "coverage").rglob("*.py"))
        if any(mark in path.read_text(encoding="utf-8") for mark in marks)
    ]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "reached.json"
        command = [
            sys.executable, "-m", "slipcover", "--json", "--out", str(out), "--source", "coverage",
            "--omit", ",".join(kernel_modules()),
            "-m", "pytest", "-q", "-m", "not soak", "--durations=15", *sys.argv[1:],
        ]  # fmt: skip
        status = subprocess.run(command, cwd=PROJECT).returncode
        if out.is_file():
            summary = json.loads(out.read_text(encoding="utf-8"))["summary"]
            print(
                f"slipcover: {summary['percent_covered']:.1f} % of {summary['covered_lines'] + summary['missing_lines']} lines"
            )
        else:
            print("slipcover: no figure (the tests did not finish)", file=sys.stderr)
            status = status or 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
