"""Run every test under slipcover, in three groups side by side, and print the share of lines reached.

The tests of pages mostly wait for a browser, the others mostly compute: on two cores three processes end sooner than two.
With arguments (``scripts/run_tests.py tests/radio -k sweep``) pytest gets them as they are, in one process.

coverage.py cannot be used: the product has its import name. Kernels that numba compiles are left out of the
measurement, since their Python bytecode never runs; they are tested against the plain reference instead.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BROWSER, WEB = "tests/browser", "tests/web"
STORIES = f"{BROWSER}/*_story.py"
"""One person's way through several pages each: together about as long as the other tests of the browser."""


def kernel_modules() -> list[str]:
    """Modules with functions that numba compiles, found by the decorators they import."""
    marks = ("from coverage._jit import", "from coverage.radio.kernel import")
    return [
        str(path.relative_to(PROJECT))
        for path in sorted((PROJECT / "coverage").rglob("*.py"))
        if any(mark in path.read_text(encoding="utf-8") for mark in marks)
    ]


def groups(arguments: list[str]) -> list[list[str]]:
    """What each process gives to pytest; a new file or folder is in one of the groups by itself."""
    if arguments:
        return [arguments]
    stories = sorted(str(path.relative_to(PROJECT)) for path in PROJECT.glob(STORIES))
    return [
        [BROWSER, *(f"--ignore={story}" for story in stories)],
        [*stories, WEB],
        ["tests", f"--ignore={BROWSER}", f"--ignore={WEB}"],
    ]


def command(out: Path, arguments: list[str]) -> list[str]:
    """One pytest under slipcover, whose figures go to ``out``."""
    return [
        sys.executable, "-m", "slipcover", "--json", "--out", str(out), "--source", "coverage",
        "--omit", ",".join(kernel_modules()),
        "-m", "pytest", "-q", "-m", "not soak", "--durations=15", *arguments,
    ]  # fmt: skip


def run(wanted: list[list[str]], folder: Path) -> tuple[int, list[Path]]:
    """Run the groups side by side; the first one's words are shown as they come, the others' when it has ended.

    Returns the first exit code that is not 0, and the files with the figures of slipcover.
    """
    figures = [folder / f"reached-{number}.json" for number in range(len(wanted))]
    words = [folder / f"words-{number}.txt" for number in range(len(wanted))]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number, arguments in enumerate(wanted):
            asked = command(figures[number], arguments)
            if number == 0:
                processes.append(subprocess.Popen(asked, cwd=PROJECT))
                continue
            with words[number].open("wb") as out:
                processes.append(subprocess.Popen(asked, cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT))
        codes = [processes[0].wait()]
        for process, file in zip(processes[1:], words[1:], strict=True):
            codes.append(process.wait())
            sys.stdout.flush()
            with file.open("rb") as said:
                shutil.copyfileobj(said, sys.stdout.buffer)
            sys.stdout.flush()
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
                process.wait()
    return next(filter(None, codes), 0), [path for path in figures if path.is_file()]


def merged(figures: list[Path], folder: Path) -> Path:
    """The figures of all groups as one file."""
    if len(figures) == 1:
        return figures[0]
    out = folder / "reached.json"
    subprocess.run(
        [sys.executable, "-m", "slipcover", "--json", "--out", str(out), "--merge", *map(str, figures)],
        cwd=PROJECT, check=True,
    )  # fmt: skip
    return out


def main() -> int:
    began = time.monotonic()
    wanted = groups(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        status, figures = run(wanted, folder)
        if len(figures) < len(wanted):
            print("slipcover: no figure (the tests did not finish)", file=sys.stderr)
            return status or 1
        summary = json.loads(merged(figures, folder).read_text(encoding="utf-8"))["summary"]
    lines = summary["covered_lines"] + summary["missing_lines"]
    print(f"slipcover: {summary['percent_covered']:.1f} % of {lines} lines")
    print(f"tests: {(time.monotonic() - began) / 60:.1f} minutes")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
