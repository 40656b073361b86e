"""Time from a click in the navigation to the new page standing still, for every page; part of ``benchmarks.web``.

The sample region with its ledger is computed and served; an administrator, who is offered the most, clicks through all
pages. The first round opens each page for the first time in this server and is shown apart: it reads the run's files
and draws figures that the server keeps.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.web_server import launched, served
from scripts.loopback import PROJECT

ROUNDS = 4
STILL = """([address, before]) => {
  const app = document.querySelector('[data-testid=stApp]');
  const title = document.querySelector('.page-head h1');
  return app?.dataset.testScriptState === 'notRunning' && title && title.innerText !== before
    && location.pathname === address && document.querySelector('.foot') !== null
    && document.querySelector('[data-stale=true]') === null

}"""
"""The new page is whole: its script has ended and nothing of the old page is left."""


@contextmanager
def office(folder: Path) -> Iterator[int]:
    """Port of a server over the computed sample region with a ledger of its own."""
    from coverage.services.access import Principal, Role
    from coverage.services.compute import compute_run, publish_run
    from coverage.services.context import AppContext
    from coverage.services.ledger import load_tables_into_store

    folder.mkdir()
    runs = folder / "runs"
    admin = Principal("sato", Role.ADMIN)
    context = AppContext(PROJECT / "data", runs, store_url=str(folder / "ledger.sqlite"))
    load_tables_into_store(context, admin)
    run = compute_run(context, workers=0)
    publish_run(context, run.run_id, principal=admin)
    with served(runs, region=PROJECT / "data", home=folder) as port:
        yield port


def page_seconds(folder: Path) -> dict[str, tuple[float, float]] | None:
    """For each page (seconds of the first change to it, median of the later ones); None without Chromium."""
    with office(folder) as port, launched() as browser:
        if browser is None:
            return None
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector(".foot", timeout=120_000)
        links = page.locator("[data-testid=stTopNavLink]")
        addresses = [links.nth(k).get_attribute("href") or "" for k in range(links.count())]
        seconds: dict[str, list[float]] = {address: [] for address in addresses}
        # Begin elsewhere: every change goes from one page to another.
        for number in [*range(1, len(addresses)), 0] * ROUNDS:
            seconds[addresses[number]].append(_change(page, links.nth(number), addresses[number]))
        return {
            address.rpartition("/")[2] or "home": (took[0], statistics.median(took[1:]))
            for address, took in seconds.items()
        }


def _change(page: Any, link: Any, address: str) -> float:
    before = page.locator(".page-head h1").first.inner_text()
    start = time.perf_counter()
    link.click()
    path = urlsplit(address).path
    page.wait_for_function(STILL, arg=[path, before], timeout=60_000)
    if path == "/map":
        page.wait_for_selector(".live[data-ready]", timeout=60_000)
    return time.perf_counter() - start
