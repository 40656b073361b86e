"""Map files of a run, written before it is sealed: pictures, and the public page and the staff's in both languages."""

from __future__ import annotations

import json
from pathlib import Path

from coverage.report.map_data import relief_picture, signal_stack
from coverage.report.map_page import build_map_page
from coverage.report.wording import LANGUAGES
from coverage.runs.result import ANY_OPERATOR, RunResult


def map_file(run: RunResult, *, lang: str, plans: bool) -> Path:
    """Where a run's map page lies, whether it was written or not."""
    return run.folder / "map" / f"map-{lang}{'-plans' if plans else ''}.html"


def write_map_files(run: RunResult) -> None:
    """Write ``map/map-<lang>.html`` (public), ``map/map-<lang>-plans.html`` (with sites not yet in service) and the
    pictures that pages and the live map share: ``map/relief.webp``, ``map/signal-<op>.webp`` with its ``.json``."""
    folder = run.folder / "map"
    folder.mkdir(exist_ok=True)
    (folder / "relief.webp").write_bytes(relief_picture(run))
    for operator in [ANY_OPERATOR, *run.operator_ids]:
        stack = signal_stack(run, operator)
        if stack is not None:
            (folder / f"signal-{operator}.webp").write_bytes(stack.picture)
            rows = json.dumps(stack.rows, separators=(",", ":"))
            (folder / f"signal-{operator}.json").write_text(rows, encoding="utf-8", newline="\n")
    for lang in LANGUAGES:
        for plans in (False, True):
            page = build_map_page(run, lang=lang, plans=plans)
            map_file(run, lang=lang, plans=plans).write_text(page, encoding="utf-8", newline="\n")
