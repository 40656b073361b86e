"""Map files of a run, written before it is sealed: the public page and the staff's, each in both languages."""

from __future__ import annotations

from pathlib import Path

from coverage.report.map_page import build_map_page
from coverage.report.wording import LANGUAGES
from coverage.runs.result import RunResult


def map_file(run: RunResult, *, lang: str, plans: bool) -> Path:
    """Where a run's map page lies, whether it was written or not."""
    return run.folder / "map" / f"map-{lang}{'-plans' if plans else ''}.html"


def write_map_files(run: RunResult) -> None:
    """Write ``map/map-<lang>.html`` (public) and ``map/map-<lang>-plans.html`` (with sites not yet in service)."""
    (run.folder / "map").mkdir(exist_ok=True)
    for lang in LANGUAGES:
        for plans in (False, True):
            page = build_map_page(run, lang=lang, plans=plans)
            map_file(run, lang=lang, plans=plans).write_text(page, encoding="utf-8", newline="\n")
