"""What every answer carries, and who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import security, visitors
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


def test_whoever_may_not_upload_cannot_fill_the_memory_of_streamlits_uploads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every visitor has a session of the pages, and Streamlit takes any number of files for any session."""
    url = str(tmp_path / "ledger.sqlite")
    monkeypatch.setenv("COVERAGE_GAP_STORE", url)
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    visitors._seen.clear()
    by = Actor("kanri", "admin")
    with open_store(url) as store:
        for user, role, codes in (
            ("keikaku", "planner", ()),
            ("shokuin", "viewer", ()),
            ("nishi", "municipality", ("99201",)),
        ):
            store.set_user(user, role=role, municipality_codes=codes, by=by, expected_version=0)
    taken: list[str] = []

    def take(request: Request) -> Response:
        taken.append(request.headers["x-remote-user"])
        return Response(status_code=204)

    path = "/_stcore/upload_file/session/file"
    upload = Route("/_stcore/upload_file/{session}/{file}", take, methods=["PUT", "DELETE"])
    app = Starlette(routes=[upload], middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    with TestClient(app, base_url="http://127.0.0.1:8501") as client:
        for user in ("shokuin", "nishi", "dareka", ""):
            refused = client.put(path, headers={"x-remote-user": user}, content=b"x" * 1000)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission-denied")
        assert client.put(path, headers={"x-remote-user": "keikaku"}, content=b"x").status_code == 204
        assert client.delete(path, headers={"x-remote-user": "keikaku"}).status_code == 204
    assert taken == ["keikaku", "keikaku"]
    visitors._seen.clear()
