"""Checks on the tree that no linter knows: lock files without addresses, no machine paths, modules of one topic."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MAX_LINES = 600
ADDRESS = re.compile(r"(https?|file)://")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+)/")


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    return [PROJECT / line for line in listing.splitlines() if (PROJECT / line).is_file()]


def main() -> int:
    problems: list[str] = []
    for path in tracked():
        name = path.relative_to(PROJECT).as_posix()
        if (
            path.suffix not in {".py", ".txt", ".toml", ".md", ".sh", ".yml", ".json", ".cfg"}
            and path.name != "Makefile"
        ):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if name.startswith("requirements/") and path.suffix == ".txt" and ADDRESS.search(text):
            problems.append(f"{name}: a lock file holds an address")
        if MACHINE_PATH.search(text) and name != "scripts/check_tree.py":
            problems.append(f"{name}: holds a path of one machine")
        if path.suffix == ".py" and name.startswith("coverage/") and len(text.splitlines()) > MAX_LINES:
            problems.append(f"{name}: {len(text.splitlines())} lines; one topic in at most {MAX_LINES}")
    print("\n".join(problems) or "tree: no findings")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
