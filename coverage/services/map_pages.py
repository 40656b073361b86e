"""The self-contained map page of a run, for the one who asks: public, or with the planned sites that it may see."""

from __future__ import annotations

from coverage.report.map_files import map_file
from coverage.report.map_sites import Plans
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, Principal, Resource, allowed
from coverage.services.kept_files import kept_in_memory
from coverage.services.place_files import shown_plans


def map_page(run: RunResult, lang: str, principal: Principal, *, plans: bool = False) -> str:
    """The page as HTML text. ``plans``: with sites not yet in service in the municipalities that are the reader's.

    A reader who may see none of them gets the public page. The public page and the one with every plan lie in the run's
    folder; what some municipalities may see is made once and kept in memory, never written down.
    """
    shown: Plans = False
    if plans:
        everywhere = allowed(principal, Action.VIEW, Resource(Object.PLANNED_SITE))
        shown = everywhere or shown_plans(run, principal)
    if isinstance(shown, bool) or not shown:
        path = map_file(run, lang=lang, plans=bool(shown))
        if path.is_file():
            return path.read_text(encoding="utf-8")
    key = f"map.html|{lang}|{shown if isinstance(shown, bool) else ','.join(sorted(shown))}"
    return kept_in_memory(run, key, lambda: _made(run, lang, shown)).decode("utf-8")


def _made(run: RunResult, lang: str, shown: Plans) -> bytes:
    from coverage.report.map_page import build_map_page

    return build_map_page(run, lang=lang, plans=shown).encode("utf-8")
