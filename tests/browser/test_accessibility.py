"""WCAG 2.2 AA by axe-core on every page: nothing serious on the parts that are ours.

axe-core (MPL-2.0) lies under ``vendor/`` with its licence; it is test equipment and not part of the product. What
Streamlit itself draws (:data:`FOREIGN`) is counted and written to ``.artefacts/axe.json``, but cannot be mended here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from .conftest import ARTEFACTS, Watched

AXE: Final = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text(encoding="utf-8")
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
GRAVE: Final = ("serious", "critical")
PAGES: Final = (
    "",
    "map",
    "progress",
    "indicators",
    "data",
    "upload",
    "approvals",
    "planning",
    "challenges",
    "manage",
    "tour",
)

FOREIGN: Final = (
    "[data-testid=stHeader]", "[data-testid=stToolbar]", "[data-testid=stSelectbox]", "[data-testid=stDataFrame]",
    "[data-testid=stFileUploader]", "[data-testid=stNumberInput]", "[data-testid=stTabs]", "[data-testid=stVegaLiteChart]",
    "[data-testid=stRadio]", "[data-testid=stMultiSelect]", "[data-testid=stSlider]", "[data-testid=stDateInput]",
    "[data-testid=stExpander]", "[data-testid=stCode]", "[data-testid=stDataEditor]", "[data-testid=stSidebar]",
)  # fmt: skip
"""Streamlit's own widgets. Their labels and texts are ours, and are looked at by the tests of the pages."""

RUN: Final = """
async ([tags, foreign]) => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, iframes: false });
  return found.violations.flatMap((rule) => rule.nodes.map((node) => {
    const path = Array.isArray(node.target[0]) ? node.target[0].at(-1) : node.target[0];
    const element = document.querySelector(path);
    return {
      rule: rule.id, impact: node.impact, what: rule.help, where: String(path), html: node.html.slice(0, 200),
      summary: node.failureSummary,
      foreign: !!element && foreign.some((selector) => element.closest(selector)),
    };
  }));
}
"""


STATE: Final = """
() => [document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'running',
       (document.querySelector('[data-testid=stMain]') || document.documentElement).scrollHeight]
"""
"""Whether Streamlit still runs the page, and how high all of it is."""


def violations(watched: Watched) -> list[dict[str, Any]]:
    """Every violation of the page that is shown, ours and Streamlit's.

    The window is made as high as the page first: axe leaves the contrast of what is scrolled out of sight undecided.
    """
    size = watched.page.viewport_size
    assert size is not None
    still, height = 0, size["height"]
    for _ in range(60):
        running, needed = watched.page.evaluate(STATE)
        # A page that still draws itself grows below the window again.
        grown = needed > height and height < 9000
        still = 0 if running or grown else still + 1
        if still == 2:
            break
        if grown:
            height = min(int(needed) + 8, 9000)
            watched.page.set_viewport_size({"width": size["width"], "height": height})
        watched.page.wait_for_timeout(300)
    assert still == 2, "the page does not come to rest"
    watched.page.evaluate(AXE)
    found: list[dict[str, Any]] = watched.page.evaluate(RUN, [TAGS, list(FOREIGN)])
    return found


def _note(name: str, found: list[dict[str, Any]]) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    path = ARTEFACTS / "axe.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[name] = [{k: v for k, v in one.items() if k != "summary"} for one in found]
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=1), encoding="utf-8")


def _ours(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['rule']} ({one['impact']}) at {one['where']}: {one['html']}\n{one['summary']}"
        for one in found
        if not one["foreign"] and one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("page", PAGES)
def test_nothing_serious_on_our_parts_of_a_page(
    open_page: Callable[..., Watched], server: str, page: str, width: int
) -> None:
    watched = open_page(width=width, height=768)
    watched.page.goto(f"{server}/{page}")
    watched.page.wait_for_selector(".foot", timeout=40_000)
    watched.page.wait_for_timeout(1000)
    found = violations(watched)
    _note(f"{page or 'root'}-{width}", found)
    assert _ours(found) == []


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_nothing_serious_on_the_printed_map(
    open_page: Callable[..., Watched], server: str, run_id: str, lang: str
) -> None:
    watched = open_page(width=1366, height=768)
    watched.page.goto(f"{server}/map/{run_id}.html?lang={lang}")
    watched.page.wait_for_timeout(1500)
    found = violations(watched)
    _note(f"map-page-{lang}", found)
    assert _ours([{**one, "foreign": False} for one in found]) == []


def test_the_check_finds_what_it_looks_for(open_page: Callable[..., Watched], server: str) -> None:
    watched = open_page(width=1366, height=768)
    watched.page.goto(f"{server}/progress")
    watched.page.wait_for_selector(".foot", timeout=40_000)
    watched.page.evaluate(
        "document.querySelector('.foot').innerHTML = '<p style=\"color:#ccc;background:#fff\">薄い</p><img src=\"data:,\">'"
    )
    assert {one["rule"] for one in violations(watched) if not one["foreign"]} >= {
        "color-contrast",
        "image-alt",
    }
