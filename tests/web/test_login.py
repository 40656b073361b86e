"""``auth = basic-file``: who is let in, and that nothing of the server answers without a password."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from coverage.errors import EnvironmentProblemError, InputError
from coverage.services import passwords
from coverage.services.context import AppContext
from coverage.services.passwords import PasswordBook, set_password
from coverage.settings import Settings
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import login, visitors
from coverage.web.login import CHALLENGE, FrontDoor, Login, door
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES
from coverage.web.security import HEADERS
from coverage.web.server import serve
from scripts.loopback import free_port, running, serving

GOOD = "kumano kodo 2017"
ADMIN = Actor("kanri", "admin")
BASE = "http://127.0.0.1:8501"



def _in_a_loop_of_its_own(main: Any) -> Any:
    """Run a coroutine function in a thread: the browser tests of the same process keep a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(main())).result()


def basic(user_id: str, password: str = GOOD) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user_id}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A password file with three users, two of them with a role in the ledger; and a read token."""
    folder = tmp_path_factory.mktemp("office")
    with pytest.MonkeyPatch.context() as light:
        light.setattr(passwords, "_N", 2**14)
        light.setattr(passwords, "_P", 1)
        for user_id in ("keikaku", "尾鷲市", "gyomu"):
            set_password(folder / "users.txt", user_id, GOOD)
    with open_store(str(folder / "ledger.sqlite")) as store:
        store.set_user("keikaku", role="planner", by=ADMIN, expected_version=0)
        store.set_user(
            "尾鷲市", role="municipality", municipality_codes=("99201",), by=ADMIN, expected_version=0
        )
        secret, _ = store.issue_token("QGIS", role="viewer", by=ADMIN)
    (folder / "token").write_text(secret, encoding="utf-8")
    return folder


@pytest.fixture
def office(folder: Path, runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, value in {
        "AUTH": "basic-file",
        "BASIC_FILE": str(folder / "users.txt"),
        "STORE": str(folder / "ledger.sqlite"),
        "RUNS": str(runs_folder),
    }.items():
        monkeypatch.setenv(f"COVERAGE_GAP_{name}", value)
    # Strangers are checked against a hash as dear as a new one.
    monkeypatch.setattr(passwords, "_N", 2**14)
    monkeypatch.setattr(passwords, "_P", 1)
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0.0)
    visitors._seen.clear()
    yield folder
    visitors._seen.clear()


def _who(request: Request) -> Response:
    principal = visitors.principal_for(request.headers)
    return JSONResponse(
        {
            "user": principal.user_id,
            "role": principal.role.value,
            "headers": sorted(request.headers),
        }
    )


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(visitors.principal_for(websocket.headers).user_id)
    await websocket.close()


def _client() -> TestClient:
    """The rings around the app as the app has them, up to Streamlit's own pages."""
    app = Starlette(
        routes=[
            Route("/who", _who, methods=["GET", "POST"]),
            WebSocketRoute("/_stcore/stream", _socket),
            *ROUTES,
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=MIDDLEWARE[:2],
    )
    return TestClient(app, base_url=BASE)


def test_the_ledger_gives_the_role_and_the_file_the_name(office: Path) -> None:
    client = _client()
    assert client.get("/who", headers=basic("keikaku")).json() | {"headers": 0} == {
        "user": "keikaku",
        "role": "planner",
        "headers": 0,
    }
    assert client.get("/who", headers=basic("尾鷲市")).json()["role"] == "municipality"
    assert client.get("/who", headers=basic("gyomu")).json()["error"]["code"] == "user-unknown"


def test_the_password_goes_no_further_than_the_login(office: Path) -> None:
    assert "authorization" not in _client().get("/who", headers=basic("keikaku")).json()["headers"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("keikaku", "wrong password"),
        basic("keikaku", ""),
        basic("dareka"),
        basic("KEIKAKU"),
        {"authorization": "Basic"},
        {"authorization": "Basic ***"},
        {"authorization": "Basic " + base64.b64encode(b"keikaku").decode()},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        {"authorization": f"Digest {GOOD}"},
        {"x-remote-user": "keikaku"},
        {visitors.LOGIN_HEADER: "keikaku"},
        {visitors.LOGIN_HEADER: "0" * 64 + " keikaku"},
        {"authorization": "Bearer guessed"},
    ],
)
def test_a_stranger_stays_outside(office: Path, headers: dict[str, str]) -> None:
    client = _client()
    for method in ("GET", "POST", "OPTIONS"):
        answer = client.request(method, "/who", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == CHALLENGE
        assert answer.json()["error"]["code"] == "login-needed"
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    page = client.get("/who", headers={**headers, "accept": "text/html"})
    assert page.status_code == 401
    assert "パスワード" in page.text
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/_stcore/stream", headers=headers),
    ):
        pass


def test_a_word_that_a_client_brings_along_is_taken_off(office: Path) -> None:
    client = _client()
    forged = {**basic("尾鷲市"), visitors.LOGIN_HEADER: visitors.login_word("keikaku")}
    assert client.get("/who", headers=forged).json()["user"] == "尾鷲市"


def test_the_socket_is_open_to_users(office: Path) -> None:
    with _client().websocket_connect("/_stcore/stream", headers=basic("keikaku")) as opened:
        assert opened.receive_text() == "keikaku"


SUMMARIES = (
    "/api/v1/index.json",
    "/api/v1/municipalities.geojson",
    "/api/v1/municipalities.csv",
    "/api/v1/municipalities/99201.geojson",
)
NOT_PUBLIC = (
    "/", "/progress", "/api/v1/region.geojson", "/api/v1/districts.csv", "/api/v1/report.pdf", "/api/v1/nothing",
    "/map/0123456789abcdef.html", "/_stcore/health", "/_stcore/host-config", "/media/x.csv", "/static/js/x.js",
    "/api/v1/municipalities/99201.geojson/", "/api/v1/municipalities/../region.geojson", "/healthz/",
)  # fmt: skip


@pytest.mark.parametrize("public", [True, False])
def test_summaries_are_public_as_the_setting_says(
    office: Path, public: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_PUBLIC_SUMMARIES", "yes" if public else "no")
    client = _client()
    for path in SUMMARIES:
        assert client.get(path).status_code == (200 if public else 401)
        assert client.post(path).status_code == 401
        assert client.get(path, headers=basic("keikaku")).status_code == 200
    for path in NOT_PUBLIC:
        assert client.get(path).status_code == 401, path
    assert client.get("/healthz").status_code == 200


def test_a_read_token_reads_the_api_and_opens_no_page(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_GAP_PUBLIC_SUMMARIES", "no")
    token = {"authorization": "Bearer " + (office / "token").read_text(encoding="utf-8")}
    client = _client()
    assert client.get("/api/v1/region.geojson", headers=token).status_code == 200
    assert (
        client.get("/api/v1/region.geojson", headers={"authorization": "Bearer guessed"}).status_code == 403
    )
    for path in ("/", "/who", "/media/x.csv", "/_stcore/health"):
        assert client.get(path, headers=token).status_code == 401
    assert client.post("/api/v1/region.geojson", headers=token).status_code == 401


def test_a_wrong_password_waits_and_holds_up_nobody_who_is_known(office: Path) -> None:
    app = Starlette(routes=[Route("/who", _who)])
    guard = Login(app, PasswordBook(office / "users.txt"), public_summaries=False, delay_s=0.5)

    async def ask(headers: dict[str, str]) -> tuple[int, float]:
        begun, status = time.monotonic(), []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])

        pairs = [(k.encode(), v.encode()) for k, v in headers.items()]
        scope = {
            "type": "http", "method": "GET", "path": "/who", "raw_path": b"/who", "query_string": b"",
            "headers": pairs, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "client": None,
        }  # fmt: skip
        await guard(scope, receive, send)
        return status[0], time.monotonic() - begun

    async def all_of_them() -> list[tuple[int, float]]:
        assert (await ask(basic("keikaku")))[0] == 200
        wrong = [asyncio.create_task(ask(basic("keikaku", f"guess number {n}"))) for n in range(6)]
        await asyncio.sleep(0)
        known = await ask(basic("keikaku"))
        late = sum(not task.done() for task in wrong)
        assert late == 6, "a user who is known did not wait for the guesses"
        return [known, *(await asyncio.gather(*wrong))]

    known, *wrong = _in_a_loop_of_its_own(all_of_them)
    assert known[0] == 200
    assert [status for status, _ in wrong] == [401] * 6
    assert min(seconds for _, seconds in wrong) >= 0.5


def test_a_password_file_that_breaks_closes_the_door(office: Path, tmp_path: Path) -> None:
    copy = tmp_path / "users.txt"
    copy.write_bytes((office / "users.txt").read_bytes())
    copy.chmod(0o600)
    (office / "users.txt").rename(office / "aside.txt")
    try:
        (office / "users.txt").write_bytes(copy.read_bytes())
        (office / "users.txt").chmod(0o600)
        client = _client()
        assert client.get("/who", headers=basic("keikaku")).status_code == 200
        (office / "users.txt").write_text("keikaku:geheim\n", encoding="utf-8")
        answer = client.get("/who", headers=basic("keikaku"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "basic-file-line")
        with (
            pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
            client.websocket_connect("/_stcore/stream", headers=basic("keikaku")),
        ):
            pass
    finally:
        (office / "aside.txt").replace(office / "users.txt")


def test_past_the_login_nobody_is_let_in(office: Path) -> None:
    """An app that was put together without the outermost ring keeps the data closed instead of open."""
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE[1:], exception_handlers=EXCEPTION_HANDLERS)
    answer = TestClient(app, base_url=BASE).get("/api/v1/index.json", headers=basic("keikaku"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "login-not-in-front")


def test_the_login_is_the_outermost_ring_however_the_app_is_started() -> None:
    assert MIDDLEWARE[0].cls is FrontDoor


def test_an_app_whose_login_cannot_be_served_does_not_start(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``streamlit run app.py`` has no check of its own before it: the rings refuse the start."""
    told: list[dict[str, Any]] = []

    async def begin() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            told.append(message)

        await FrontDoor(Starlette())({"type": "lifespan"}, receive, send)

    monkeypatch.delenv("COVERAGE_GAP_BASIC_FILE")
    _in_a_loop_of_its_own(begin)
    assert [message["type"] for message in told] == ["lifespan.startup.failed"]
    assert "COVERAGE_GAP_BASIC_FILE" in told[0]["message"]
    answer = _client().get("/who", headers=basic("keikaku"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "basic-file-unset")
    assert _client().get("/healthz").status_code == 503


def test_an_address_for_all_does_not_go_with_one_user_who_may_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "local")
    monkeypatch.setattr("streamlit.config.get_option", lambda name: "0.0.0.0")
    with pytest.raises(InputError) as caught:
        login._check_own_address(Settings.from_environment())
    assert caught.value.code == "local-auth-needs-loopback"


def test_where_summaries_are_not_public_the_proxy_must_name_somebody(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    monkeypatch.setenv("COVERAGE_GAP_PUBLIC_SUMMARIES", "no")
    client = _client()
    token = {"authorization": "Bearer " + (office / "token").read_text(encoding="utf-8")}
    for path in (*SUMMARIES, "/api/v1/region.geojson", "/who"):
        for nobody in ({}, {"x-remote-user": " "}, basic("keikaku")):
            refused = client.get(path, headers=nobody)
            assert refused.status_code == 401, path
            assert "www-authenticate" not in refused.headers, "the proxy asks, not we"
        assert client.get(path, headers={"x-remote-user": "keikaku"}).status_code == 200
    assert client.get("/api/v1/region.geojson", headers=token).status_code == 200
    assert client.get("/who", headers=token).status_code == 401
    assert client.get("/healthz").status_code == 200
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/_stcore/stream"),
    ):
        pass
    with client.websocket_connect("/_stcore/stream", headers={"x-remote-user": "keikaku"}) as opened:
        assert opened.receive_text() == "keikaku"


def test_modes_without_a_login_of_ours_have_nothing_in_front() -> None:
    app = Starlette()
    for settings in (
        Settings(auth="local", public_summaries=False),
        Settings(auth="none-readonly", public_summaries=False),
        Settings(auth="proxy-header"),
    ):
        assert door(app, settings) is app


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_a_proxys_word_is_not_taken_where_others_reach_the_app_past_it(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    with pytest.raises(InputError) as caught:
        serve(AppContext(tmp_path, tmp_path), host=host, port=1)
    assert caught.value.code == "proxy-auth-needs-loopback"


@pytest.mark.parametrize(
    ("auth", "code"), [("basic-file", "basic-file-unset"), ("oidc", "oidc-unset")]
)
def test_a_mode_that_cannot_be_served_does_not_start(
    auth: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_AUTH", auth)
    monkeypatch.delenv("COVERAGE_GAP_BASIC_FILE", raising=False)
    with pytest.raises(EnvironmentProblemError) as caught:
        serve(AppContext(tmp_path, tmp_path), port=1)
    assert caught.value.code == code


# -- The real server, on loopback ------------------------------------------------------------------------------------


@pytest.fixture(params=["coverage-gap serve", "streamlit run app.py"])
def server(
    request: pytest.FixtureRequest, office: Path, runs_folder: Path, tmp_path: Path, project_dir: Path
) -> Iterator[str]:
    port = free_port()
    command = serving(tmp_path, runs_folder, port=port, store=os.environ["COVERAGE_GAP_STORE"])
    folder = tmp_path
    if request.param.startswith("streamlit"):
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        folder = project_dir
    # The environment as it is: the office stands in it.
    with running(command, port=port, cwd=folder, environment=os.environ):
        yield f"127.0.0.1:{port}"


def _status(url: str, headers: dict[str, str], method: str = "GET", data: bytes | None = None) -> int:
    try:
        request = urllib.request.Request(url, headers=headers, method=method, data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0


def _shake_hands(address: str, headers: dict[str, str], path: str = "/_stcore/stream") -> int:
    """The status with which the server answers the opening of a socket: 101 = open."""
    host, port = address.split(":")
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {address}", f"Origin: http://{address}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: streamlit", *(f"{name}: {value}" for name, value in headers.items()),
    ]  # fmt: skip
    with socket.create_connection((host, int(port)), timeout=15) as wire:
        wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(wire.recv(200).split(b" ")[1])


def test_nothing_of_the_real_server_answers_without_a_password(server: str) -> None:
    for headers in ({}, {visitors.LOGIN_HEADER: "0" * 64 + " keikaku"}, {"X-Remote-User": "keikaku"}):
        for path in (
            "/", "/progress", "/nowhere", "/favicon.png", "/static/js/index.js", "/media/0123.csv", "/component/x/y.js",
            "/_stcore/health", "/_stcore/host-config", "/_stcore/allowed-message-origins", "/_stcore/metrics",
            "/_stcore/stream", "/auth/login", "/oauth2callback", "/app/static/x", "/api/v1/region.geojson",
            "/map/0123456789abcdef.html", "//healthz", "/%68ealthz/..", "/healthz/../_stcore/health",
        ):  # fmt: skip
            assert _status(f"http://{server}{path}", headers) == 401, path
        for method in ("PUT", "DELETE", "POST", "OPTIONS"):
            upload = f"http://{server}/_stcore/upload_file/session/file"
            assert _status(upload, headers, method, b"x" if method != "OPTIONS" else None) == 401
        assert _shake_hands(server, headers) == 403
        assert _shake_hands(server, headers, "/healthz") == 403
        assert _status(f"http://{server}/api/v1/municipalities/99201.geojson", headers) == 200
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/api/v1/region.geojson"):
        assert _status(f"http://{server}{path}", basic("keikaku")) == 200, path
    assert _status(f"http://{server}/media/0123.csv", basic("keikaku")) == 404
    assert _shake_hands(server, basic("keikaku", "wrong password")) == 403
    assert _shake_hands(server, basic("keikaku")) == 101
