"""A real Chromium against a real server on loopback. Every request to anywhere else fails the test.

Where Chromium or its fonts are missing, the tests are skipped with the reason. Screenshots go to ``.artefacts/``.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from scripts.loopback import CHROMIUM_FLAGS, environment, find_chromium, free_port, running, serving, words

PROJECT = Path(__file__).resolve().parents[2]
ARTEFACTS = PROJECT / ".artefacts"
HERE = ("data:", "blob:", "about:", "file:", "http://127.0.0.1:", "ws://127.0.0.1:")
"""Beginnings of addresses that stay on this machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module that writes synthetic runs."""
    path = PROJECT / "tests" / "fixtures" / "synthetic_run.py"
    spec = importlib.util.spec_from_file_location("synthetic_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def runs_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one published run."""
    runs = tmp_path_factory.mktemp("runs")
    synthetic.write_synthetic_run(runs)
    return runs


@contextmanager
def served(
    runs: Path,
    *,
    region: Path | None = None,
    home: Path | None = None,
    store: Path | None = None,
    port: int | None = None,
    expected: str = "",
    **settings: str,
) -> Iterator[str]:
    """A server for a folder of runs, on loopback, stopped by its own process id at the end.

    ``region``: the region's folder; ``home``: the folder that it works in, where its ledger begins unless ``store``
    names one; ``expected``: what the log says beside the only trace that it may hold; ``settings``: of the environment,
    COVERAGE_GAP_AUTH and the like.
    """
    port = port or free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "server.log"
        with running(
            serving(region or runs, runs, port=port, store=str(store or "")),
            port=port, cwd=home or PROJECT, environment=environment(**settings), log=log,
        ):  # fmt: skip
            yield f"http://127.0.0.1:{port}"
            said = words(log)
            assert "Traceback" not in said or (expected and expected in said), said


@pytest.fixture(scope="session")
def server(runs_folder: Path) -> Iterator[str]:
    """Address of a server that shows the synthetic run."""
    with served(runs_folder) as base:
        yield base


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium with a profile of its own, or a skip that says what is missing."""
    path = find_chromium()
    if path is None:
        pytest.skip("browser: no Chromium on this machine (Debian: apt-get install chromium fonts-noto-cjk)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=[*CHROMIUM_FLAGS])
        yield started
        started.close()


def still(page: Page) -> None:
    """Wait until Streamlit has said everything and stays so: what is clicked or saved before may be drawn anew."""
    quiet = '[data-testid="stApp"][data-test-script-state="notRunning"]'
    for _ in range(2):
        page.wait_for_selector(quiet, timeout=60_000)
        page.wait_for_timeout(500)
    page.wait_for_selector(quiet, timeout=60_000)


def choose(field: Locator, option: str | re.Pattern[str]) -> None:
    """Open a list and take an option of it, as a person does: again where the page, drawn anew, has closed the list."""
    page = field.page
    wanted = page.get_by_role("option", name=option).first
    for _ in range(5):
        still(page)
        field.scroll_into_view_if_needed()
        field.click()
        try:
            wanted.click(timeout=6_000)
        except TooLate:
            page.keyboard.press("Escape")
        else:
            still(page)
            return
    raise AssertionError(f"the list never offered {option}")


def main_words(page: Page) -> str:
    """The words of the page's main part, once it has said everything."""
    still(page)
    return page.inner_text("[data-testid=stMain]")


def enter(field: Locator, text: str) -> None:
    """Type into a field and leave it, once nothing is drawn over it any more."""
    still(field.page)
    field.fill(text)
    field.press("Tab")
    still(field.page)
    expect(field).to_have_value(text)


@dataclass
class Watched:
    """A page with everything it asked for, said and tried."""

    page: Page
    outside: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def screenshot(self, name: str, *, whole: bool = False) -> Path:
        """Save what is seen to ``.artefacts/<name>.png``; ``whole``: with everything that scrolls."""
        ARTEFACTS.mkdir(exist_ok=True)
        size = self.page.viewport_size
        if whole and size is not None:
            height = self.page.evaluate(
                "(document.querySelector('[data-testid=stMain]') || document.documentElement).scrollHeight"
            )
            self.page.set_viewport_size({"width": size["width"], "height": min(int(height) + 8, 7000)})
            self.page.wait_for_timeout(1200)
        path = ARTEFACTS / f"{name}.png"
        self.page.screenshot(path=str(path))
        if size is not None:
            self.page.set_viewport_size(size)
        return path


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Open a page without cookies, cache or storage of earlier ones: ``open_page(width=1280, height=720)``."""
    contexts: list[BrowserContext] = []

    def opened(*, width: int = 1280, height: int = 720, lang: str = "ja-JP") -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale=lang, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        watched = Watched(page)

        def judge(address: str) -> None:
            if not address.startswith(HERE):
                watched.outside.append(address)

        context.on("request", lambda request: judge(request.url))
        page.on("websocket", lambda connection: judge(connection.url))
        page.on("pageerror", lambda error: watched.faults.append(str(error)))
        page.on(
            "console",
            lambda message: watched.faults.append(message.text) if message.type == "error" else None,
        )
        page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        return watched

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def run_id(synthetic: ModuleType) -> str:
    """Id of the synthetic run that ``server`` shows."""
    return str(synthetic.RUN_ID)
