"""The server and the browser of the web benchmarks: started here, ended here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.loopback import CHROMIUM_FLAGS, environment, find_chromium, free_port, running, serving


@contextmanager
def served(runs: Path, *, region: Path | None = None, home: Path | None = None) -> Iterator[int]:
    """Port of a server over ``runs``; ``region`` and ``home`` (where the ledger lies) are the same folder unless told."""
    port = free_port()
    command = serving(region or runs, runs, port=port)
    with running(command, port=port, cwd=home or runs, environment=environment(), seconds=60):
        yield port


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium, or None where there is none on this machine."""
    chromium = find_chromium()
    if chromium is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_FLAGS])
        yield browser
        browser.close()
