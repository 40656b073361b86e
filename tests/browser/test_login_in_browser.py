"""``auth = basic-file`` in Chromium: the browser's own login opens the pages and the socket behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error

from coverage.services import passwords
from coverage.services.passwords import set_password
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

from .conftest import served

GOOD = "kumano kodo 2017"


@pytest.fixture(scope="module")
def office(runs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server behind passwords, with a planner and a viewer."""
    folder = tmp_path_factory.mktemp("office")
    by = Actor("kanri", "admin")
    with pytest.MonkeyPatch.context() as light:
        light.setattr(passwords, "_N", 2**14)
        light.setattr(passwords, "_P", 1)
        for user_id in ("keikaku", "etsuran"):
            set_password(folder / "users.txt", user_id, GOOD)
    with open_store(str(folder / "ledger.sqlite")) as store:
        store.set_user("keikaku", role="planner", by=by, expected_version=0)
        store.set_user("etsuran", role="viewer", by=by, expected_version=0)
    with served(
        runs_folder, home=folder, store=folder / "ledger.sqlite",
        COVERAGE_GAP_AUTH="basic-file", COVERAGE_GAP_BASIC_FILE=str(folder / "users.txt"),
    ) as base:  # fmt: skip
        yield base


@pytest.mark.parametrize(("user_id", "staff"), [("keikaku", True), ("etsuran", False)])
def test_the_login_of_the_browser_opens_page_and_socket(
    browser: Browser, office: str, user_id: str, staff: bool
) -> None:
    context = browser.new_context(http_credentials={"username": user_id, "password": GOOD})
    try:
        page = context.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda opened: sockets.append(opened.url))
        page.goto(f"{office}/progress")
        page.wait_for_selector(".page-head h1", timeout=60_000)
        assert sockets, "the page came by the socket"
        assert (page.get_by_role("link", name="アップロード").count() > 0) is staff
    finally:
        context.close()


@pytest.mark.parametrize("password", [None, "a wrong password"])
def test_without_the_password_the_browser_shows_nothing(
    browser: Browser, office: str, password: str | None
) -> None:
    known = {"username": "keikaku", "password": password} if password else None
    context = browser.new_context(http_credentials=known)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda opened: sockets.append(opened.url))
        try:
            answer = page.goto(f"{office}/progress")
            assert answer is not None
            assert answer.status == 401
        except Error as refused:
            assert "INVALID_AUTH_CREDENTIALS" in str(refused)
        assert page.locator(".page-head").count() == 0
        assert sockets == []
    finally:
        context.close()
