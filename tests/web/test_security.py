"""What every answer carries, and who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.web import security
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES
from coverage.web.server import OPTIONS


@pytest.fixture
def client(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    from streamlit import config

    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    real = config.get_option
    monkeypatch.setattr(
        config, "get_option", lambda key: OPTIONS[key] if key == "server.allowedHosts" else real(key)
    )
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    with TestClient(app, base_url="http://127.0.0.1:8501") as test_client:
        yield test_client


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/v1/index.json", "/api/nothing", "/map/nothing.html", "/nowhere"]
)
def test_every_answer_has_the_headers_and_a_policy(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"accept": "text/html"}).headers
    for name, value in security.HEADERS.items():
        assert headers[name] == value
    assert "default-src" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]


def test_pages_may_run_no_inline_script() -> None:
    scripts = next(p for p in security.PAGE_POLICY.split(";") if p.strip().startswith("script-src"))
    assert "unsafe" not in scripts
    assert "http" not in security.PAGE_POLICY


def test_other_sites_cannot_read_the_data(client: TestClient) -> None:
    answer = client.get("/api/v1/index.json", headers={"origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = client.options(
        "/api/v1/index.json",
        headers={"origin": "https://elsewhere.example", "access-control-request-method": "GET"},
    )
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "localhost@elsewhere.example", ""]
)
def test_a_request_under_another_host_name_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/index.json", headers={"host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "host-not-allowed"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8501", "localhost:9", "LOCALHOST", "[::1]:8501", "[::1]"]
)
def test_this_machine_is_served_under_all_its_names(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200
