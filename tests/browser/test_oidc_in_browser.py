"""``auth = oidc`` in Chromium: to the provider, back to the page and its socket, and out again."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from scripts.loopback import free_port

from .conftest import PROJECT, served


@dataclass
class Office:
    url: str
    provider: Any


def _providers() -> Any:
    spec = importlib.util.spec_from_file_location(
        "oidc_provider", PROJECT / "tests" / "web" / "oidc_provider.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def office(runs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A server that asks a provider, with a planner in its ledger."""
    providers = _providers()
    folder = tmp_path_factory.mktemp("oidc")
    with open_store(str(folder / "ledger.sqlite")) as store:
        store.set_user("keikaku", role="planner", by=Actor("kanri", "admin"), expected_version=0)
    port = free_port()
    with providers.provider() as provider:
        entries = {
            "server_metadata_url": provider.metadata_url,
            "client_id": providers.CLIENT_ID,
            "client_secret": providers.CLIENT_SECRET,
            "cookie_secret": "0123456789abcdef0123456789abcdef of the tests",
            "redirect_uri": f"http://127.0.0.1:{port}/oauth2callback",
        }
        file = folder / "oidc.toml"
        file.write_text(
            "".join(f"{name} = {json.dumps(value)}\n" for name, value in entries.items()), encoding="utf-8"
        )
        file.chmod(0o600)
        with served(
            runs_folder, home=folder, store=folder / "ledger.sqlite", port=port,
            expected="a login at the identity provider failed", COVERAGE_GAP_AUTH="oidc", COVERAGE_GAP_OIDC_FILE=str(file),
        ) as base:  # fmt: skip
            yield Office(base, provider)


def test_a_page_is_reached_by_way_of_the_provider_and_left_by_logging_out(
    browser: Browser, office: Office
) -> None:
    office.provider.user = "keikaku"
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    try:
        page = context.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda opened: sockets.append(opened.url))
        page.goto(f"{office.url}/progress?lang=ja")
        page.wait_for_selector(".page-head h1", timeout=60_000)
        assert page.url == f"{office.url}/progress?lang=ja"
        assert sockets, "the page came by the socket"
        assert page.get_by_role("link", name="アップロード").count() > 0, "the ledger knows a planner"
        page.get_by_role("link", name="ログアウト").click()
        page.wait_for_url(f"{office.provider.issuer}/logout?**")
        page.goto(f"{office.url}/oauth2callback")
        assert "ログアウトしました" in page.inner_text("main")
        assert [cookie["name"] for cookie in context.cookies(office.url) if "user" in cookie["name"]] == []
    finally:
        context.close()


def test_a_login_that_fails_ends_on_a_page_and_does_not_go_round_in_circles(
    browser: Browser, office: Office
) -> None:
    office.provider.say = {"aud": "another application"}
    context = browser.new_context()
    try:
        page = context.new_page()
        answer = page.goto(f"{office.url}/progress")
        assert answer is not None
        assert answer.status == 403
        assert "ログインを確かめられませんでした" in page.inner_text("main")
    finally:
        context.close()
        office.provider.say = {}
