"""Budgets of the web app, measured on this machine: ``python -m benchmarks.web``.

Prints one line a budget and ends with 1 where one is not held. Sizes and HTTP figures need nothing but Python; the time
to the first map is measured in Chromium where one is installed.
"""

from __future__ import annotations

import gzip
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

from benchmarks.web_pages import page_seconds
from benchmarks.web_server import launched, served
from scripts.loopback import PROJECT, get

CLIENTS = 50
REQUESTS = 10


def main() -> int:
    """Measure everything; 0 where every budget is held."""
    synthetic = _fixture("synthetic_run")
    held = True
    with tempfile.TemporaryDirectory(prefix="benchmark-web-") as name:
        runs = Path(name)
        synthetic.write_synthetic_run(runs, site_count=10_000)
        held &= _report("map page at 10,000 sites, gzip", _page_kilobytes(runs, synthetic), 400.0, "kB")
        with served(runs) as port:
            address = "/api/v1/municipalities/99201.geojson"
            get(port, address)
            warm = statistics.median(_timed(lambda: get(port, address)) for _ in range(30)) * 1000
            held &= _report("municipal GeoJSON, warm, median", warm, 200.0, "ms")
            p95, wrong = _fifty_clients(port, address)
            held &= _report(f"{CLIENTS} clients, p95", p95, 2.0, "s")
            held &= _report(f"{CLIENTS} clients, answers that are not 200 or differ", float(wrong), 0.0, "")
            data = _live_kilobytes(port, synthetic.RUN_ID)
            held &= _report("live map at 10,000 sites, everything it fetches, gzip", data, 400.0, "kB")
            browser = _in_the_browser(port)
            if browser is None:
                print("first map and rerun: not measured, no Chromium on this machine")
            else:
                first, rerun = browser
                held &= _report("first map on an empty cache", first, 4.0, "s")
                held &= _report("rerun of the page with the map, received by websocket", rerun, 10.0, "kB")
        held &= _pages(Path(name) / "office")
        held &= _report(
            "point query with its section, warm, median", _point_seconds(Path(name) / "point"), 1.0, "s"
        )
    return 0 if held else 1


def _pages(folder: Path) -> bool:
    seconds = page_seconds(folder)
    if seconds is None:
        print("page change: not measured, no Chromium on this machine")
        return True
    held = True
    for page, (first, later) in seconds.items():
        held &= _report(
            f"change to {page} (first time in this server {first:.2g} s), median", later, 1.0, "s"
        )
    return held


def _live_kilobytes(port: int, run_id: str) -> float:
    """What the first view of the live map fetches: figures, outlines, sites, relief, scripts and styles."""
    from coverage.web.live_map import component

    parts = [
        f"/map-data/{run_id}/{n}" for n in ("base.json", "layers.json", "sites.json?plans=1", "relief.webp")
    ]
    parts += [f"{component.asset_base()}/{name}" for name in component.asset_names()]
    return sum(len(get(port, part, {"Accept-Encoding": "gzip"})[1]) for part in parts) / 1000


def _point_seconds(folder: Path) -> float:
    """One point of the tiny region after the first, through the use case: rasters, people, section, other sites."""
    from coverage.services.access import ANONYMOUS
    from coverage.services.compute import compute_run
    from coverage.services.context import AppContext
    from coverage.services.point import point_facts

    tiny = _fixture("tiny_region")
    context = AppContext(tiny.write_tiny_region(folder / "region"), folder / "runs")
    run = compute_run(context, workers=1)
    ask = [(33.502 + 0.005 * k, 136.503 + 0.008 * k) for k in range(9)]
    point_facts(context, run, lat=33.52, lon=136.52, principal=ANONYMOUS)
    return statistics.median(
        _timed(lambda at=at: point_facts(context, run, lat=at[0], lon=at[1], principal=ANONYMOUS))
        for at in ask
    )


def _report(what: str, value: float, budget: float, unit: str) -> bool:
    ok = value <= budget
    print(
        f"{what}: {value:.3g} {unit} (budget {budget:g} {unit}) {'held' if ok else 'NOT HELD'}".replace(
            "  ", " "
        ),
        flush=True,
    )
    return ok


def _fixture(name: str) -> ModuleType:
    path = PROJECT / "tests" / "fixtures" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _page_kilobytes(runs: Path, synthetic: ModuleType) -> float:
    from coverage.report.map_page import build_map_page
    from coverage.runs.result import RunResult

    page = build_map_page(RunResult.open(runs / synthetic.RUN_ID), plans=True)
    return len(gzip.compress(page.encode("utf-8"), 5)) / 1000


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _fifty_clients(port: int, address: str) -> tuple[float, int]:
    """(95th percentile in seconds, answers that were wrong) with every client asking again and again."""
    _, expected = get(port, address)

    def client(_: int) -> list[tuple[float, bool]]:
        out = []
        for _ in range(REQUESTS):
            start = time.perf_counter()
            status, body = get(port, address)
            out.append((time.perf_counter() - start, status == 200 and body == expected))
        return out

    with ThreadPoolExecutor(CLIENTS) as pool:
        results = [result for part in pool.map(client, range(CLIENTS)) for result in part]
    seconds = sorted(s for s, _ in results)
    return seconds[int(len(seconds) * 0.95)], sum(not ok for _, ok in results)


def _in_the_browser(port: int) -> tuple[float, float] | None:
    """(seconds from the first request of an empty browser to a drawn map, kilobytes that a rerun of the page receives)."""
    with launched() as browser:
        if browser is None:
            return None
        seconds, received = [], 0
        for _ in range(3):
            context = browser.new_context(viewport={"width": 1366, "height": 768})
            page = context.new_page()
            frames: list[int] = []
            page.on(
                "websocket",
                lambda socket, kept=frames: socket.on("framereceived", lambda f: kept.append(len(f))),
            )
            start = time.perf_counter()
            page.goto(f"http://127.0.0.1:{port}/map")
            page.wait_for_selector(".live[data-ready]", timeout=60_000)
            seconds.append(time.perf_counter() - start)
            page.wait_for_timeout(1000)
            frames.clear()
            # Another year in the table below the map: the page runs again.
            years = page.locator("[data-testid=stSelectbox]").last.locator("input")
            years.scroll_into_view_if_needed()
            page.wait_for_timeout(600)
            years.click()
            page.locator("[role=listbox]:visible [role=option]").nth(1).click()
            page.wait_for_timeout(2000)
            received = max(received, sum(frames))
            context.close()
    return statistics.median(seconds), received / 1000


if __name__ == "__main__":
    sys.exit(main())
