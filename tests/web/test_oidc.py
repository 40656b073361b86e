"""``auth = oidc``: the way to the provider and back, and everybody who is not let in on it."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from coverage.errors import EnvironmentProblemError, PermissionDeniedError
from coverage.settings import Settings
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import visitors
from coverage.web.oidc import session_of
from coverage.web.oidc_settings import OidcSettings, read_oidc_settings
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES
from coverage.web.security import HEADERS
from coverage.web.visitors import check_auth, login_word, principal_for
from scripts import loopback

ADMIN = Actor("kanri", "admin")
BASE = "http://127.0.0.1:8501"
PAGE = {"accept": "text/html,application/xhtml+xml"}
COOKIE_SECRET = "0123456789abcdef0123456789abcdef of the tests"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


providers = _module("oidc_provider")


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with providers.provider() as found:
        yield found


@pytest.fixture
def provider(running: Any) -> Any:
    """An honest provider; what a test changes of it is put right for the next."""
    running.signing, running.algorithm, running.say, running.ends_sessions = running.key, "RS256", {}, True
    running.asked.clear()
    return running


WriteFile = Callable[..., Path]


@pytest.fixture
def oidc_file(tmp_path: Path, provider: Any) -> WriteFile:
    """Write the file of the provider; keyword arguments replace its entries, None leaves one out."""

    def write(mode: int = 0o600, **entries: Any) -> Path:
        stated = {
            "server_metadata_url": provider.metadata_url,
            "client_id": providers.CLIENT_ID,
            "client_secret": providers.CLIENT_SECRET,
            "cookie_secret": COOKIE_SECRET,
            "redirect_uri": f"{BASE}/oauth2callback",
            **entries,
        }
        path = tmp_path / "oidc.toml"
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in stated.items() if value is not None]
        path.write_text("".join(lines), encoding="utf-8")
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def office(tmp_path: Path, runs_folder: Path, monkeypatch: pytest.MonkeyPatch, oidc_file: WriteFile) -> Iterator[Path]:
    """A ledger with two users, and the settings of an app that asks the provider."""
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        for user in ("keikaku", "keikaku-san", "keikaku@example.lg.jp"):
            store.set_user(user, role="planner", by=ADMIN, expected_version=0)
        secret, _ = store.issue_token("QGIS", role="viewer", by=ADMIN)
    (tmp_path / "token").write_text(secret, encoding="utf-8")
    for name, value in {
        "AUTH": "oidc",
        "OIDC_FILE": str(oidc_file()),
        "STORE": str(tmp_path / "ledger.sqlite"),
        "RUNS": str(runs_folder),
    }.items():
        monkeypatch.setenv(f"COVERAGE_GAP_{name}", value)
    visitors._seen.clear()
    yield tmp_path
    visitors._seen.clear()


def _who(request: Request) -> Response:
    return JSONResponse({"user": principal_for(request.headers).user_id, "role": principal_for(request.headers).role.value})


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(visitors.principal_for(websocket.headers).user_id)
    await websocket.close()


@pytest.fixture
def client(office: Path) -> TestClient:
    app = Starlette(
        routes=[
            Route("/who", _who, methods=["GET", "POST"]),
            WebSocketRoute("/_stcore/stream", _socket),
            *ROUTES,
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=MIDDLEWARE[:2],
    )
    return TestClient(app, base_url=BASE, follow_redirects=False)


def _to_provider(client: TestClient, path: str = "/who") -> str:
    """Where the provider's login is, for a browser that opens ``path``."""
    first = client.get(path, headers=PAGE)
    assert first.status_code == 302
    assert first.headers["location"].startswith("/auth/login?provider=")
    second = client.get(first.headers["location"], headers=PAGE)
    assert second.status_code == 302
    return str(second.headers["location"])


def _log_in(client: TestClient, provider: Any, user: str = "keikaku", path: str = "/who") -> Any:
    """The app's answer to a browser that comes back from the provider."""
    return client.get(provider.log_in(_to_provider(client, path), user), headers=PAGE)


def test_a_person_is_sent_to_the_provider_and_comes_back_to_the_page_that_was_asked_for(
    client: TestClient, provider: Any
) -> None:
    back = _log_in(client, provider, path="/who?fy=2016")
    assert (back.status_code, back.headers["location"]) == (302, "/who?fy=2016")
    assert client.get("/who").json() == {"user": "keikaku", "role": "planner"}
    assert client.get("/api/v1/region.geojson").status_code == 200
    with client.websocket_connect("/_stcore/stream", headers={"cookie": _cookies(client)}) as opened:
        assert opened.receive_text() == "keikaku"


@pytest.mark.parametrize(
    ("claim", "user"), [("sub", "keikaku"), ("email", "keikaku@example.lg.jp"), ("preferred_username", "keikaku-san")]
)
def test_the_claim_that_is_set_is_the_user_of_the_ledger(
    client: TestClient, provider: Any, oidc_file: WriteFile, claim: str, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_OIDC_FILE", str(oidc_file(claim=claim)))
    assert _log_in(client, provider).status_code == 302
    assert client.get("/who").json()["user"] == user


def test_an_address_that_nobody_vouched_for_is_nobodys_name(
    client: TestClient, provider: Any, oidc_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_OIDC_FILE", str(oidc_file(claim="email")))
    provider.say = {"email_verified": False}
    _log_in(client, provider)
    assert client.get("/who").status_code == 401


def test_whoever_the_ledger_does_not_know_is_refused(client: TestClient, provider: Any) -> None:
    assert _log_in(client, provider, user="dareka").status_code == 302
    answer = client.get("/who")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "user-unknown")


HOUR = 3600
LIES: dict[str, Callable[[Any], Any]] = {
    "signed by another": lambda p: p.sign_with_another_key(),
    "signed with the public key": lambda p: setattr(p, "algorithm", "HS256"),
    "not signed": lambda p: setattr(p, "algorithm", "none"),
    "expired": lambda p: p.say.update(exp=int(time.time()) - HOUR),
    "for another application": lambda p: p.say.update(aud="another"),
    "by another issuer": lambda p: p.say.update(iss="https://idp.example.com"),
    "for another login": lambda p: p.say.update(nonce="of another login"),
    "without a nonce": lambda p: p.say.update(nonce=None),
    "without a subject": lambda p: p.say.update(sub=None),
    "from the future": lambda p: p.say.update(iat=int(time.time()) + HOUR),
}


@pytest.mark.parametrize("lie", list(LIES))
def test_an_id_token_that_is_not_right_lets_nobody_in(client: TestClient, provider: Any, lie: str) -> None:
    LIES[lie](provider)
    answer = _log_in(client, provider)
    assert answer.status_code == 403, "a page, and no second try by itself"
    assert "ログインを確かめられませんでした" in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert client.get("/who").status_code == 401


def test_coming_back_without_having_been_sent_lets_nobody_in(client: TestClient, provider: Any) -> None:
    sent = provider.log_in(_to_provider(client), "keikaku")
    client.cookies.clear()
    assert client.get(sent, headers=PAGE).status_code == 403, "the browser that comes back is another one"
    sent = provider.log_in(_to_provider(client), "keikaku")
    assert client.get(re.sub(r"state=\w+", "state=guessed", sent), headers=PAGE).status_code == 403
    assert client.get("/oauth2callback?error=access_denied&state=x", headers=PAGE).status_code == 403
    assert client.get("/who").status_code == 401


def test_a_code_opens_one_session_only(client: TestClient, provider: Any) -> None:
    sent = provider.log_in(_to_provider(client), "keikaku")
    assert client.get(sent, headers=PAGE).status_code == 302
    client.cookies.delete("_streamlit_user")
    assert client.get(sent, headers=PAGE).status_code == 403
    assert client.get("/who").status_code == 401


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "/a\tb"])
def test_after_the_login_nobody_is_sent_to_another_site(client: TestClient, provider: Any, path: str) -> None:
    client.cookies.set("coverage_gap_next", path, path="/oauth2callback", domain="127.0.0.1")
    sent = provider.log_in(str(client.get(client.get("/who", headers=PAGE).headers["location"]).headers["location"]), "keikaku")
    client.cookies.delete("coverage_gap_next")
    answer = client.get(sent, headers={**PAGE, "cookie": _cookies(client) + f"; coverage_gap_next={path}"})
    assert answer.headers["location"] == "/"


def _cookies(client: TestClient) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


STRANGERS: list[dict[str, str]] = [
    {},
    {"authorization": "Bearer guessed"},
    {"authorization": "Basic a2Vpa2FrdTp4"},
    {"x-remote-user": "keikaku"},
    {visitors.LOGIN_HEADER: "keikaku"},
    {"cookie": "_streamlit_user=keikaku"},
    {"cookie": "_streamlit_user="},
    {"cookie": '_streamlit_user="\\377\\376"'},
]


@pytest.mark.parametrize("headers", STRANGERS)
def test_a_stranger_stays_outside(client: TestClient, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        for path in ("/who", "/_stcore/upload_file/s/f", "/media/x.csv", "/api/v1/nothing", "/auth/login/", "/oauth2callback/"):
            answer = client.request(method, path, headers=headers)
            if path.startswith("/api/") and method == "GET" and "Bearer" in headers.get("authorization", ""):
                assert answer.status_code == 403, "a token is judged where tokens are known"
            else:
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login-needed"), path
    script = client.get("/who", headers={**headers, **PAGE, "sec-fetch-mode": "cors"})
    assert script.status_code == 401, "only a person who opens a page is sent to the provider"
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/_stcore/stream", headers=headers),
    ):
        pass


def test_summaries_health_and_read_tokens_need_no_login(
    client: TestClient, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = {"authorization": "Bearer " + (office / "token").read_text(encoding="utf-8")}
    assert client.get("/healthz").status_code == 200
    assert client.get("/api/v1/municipalities.csv").status_code == 200
    assert client.get("/api/v1/region.geojson", headers=token).status_code == 200
    assert client.get("/who", headers=token).status_code == 401
    monkeypatch.setenv("COVERAGE_GAP_PUBLIC_SUMMARIES", "no")
    assert client.get("/api/v1/municipalities.csv").status_code == 401


def test_a_word_that_a_client_brings_along_is_taken_off(client: TestClient, provider: Any) -> None:
    _log_in(client, provider, user="keikaku-san")
    forged = {visitors.LOGIN_HEADER: login_word("keikaku")}
    assert client.get("/who", headers=forged).json()["user"] == "keikaku-san"


def test_logging_out_ends_the_session_here_and_at_the_provider(client: TestClient, provider: Any) -> None:
    _log_in(client, provider)
    gone = client.get("/auth/logout", headers=PAGE)
    assert gone.headers["location"].startswith(f"{provider.issuer}/logout?")
    assert parse_qs(urlsplit(gone.headers["location"]).query)["client_id"] == [providers.CLIENT_ID]
    assert client.get("/who").status_code == 401
    back = client.get("/oauth2callback", headers=PAGE)
    assert back.status_code == 200
    assert "ログアウトしました" in back.text


def test_a_provider_that_ends_no_sessions_is_not_asked_to(client: TestClient, provider: Any) -> None:
    provider.ends_sessions = False
    _log_in(client, provider)
    gone = client.get("/auth/logout", headers=PAGE)
    assert gone.status_code == 200
    assert "ログアウトしました" in gone.text
    assert client.get("/who").status_code == 401


def test_a_provider_that_does_not_answer_is_said_so(
    client: TestClient, oidc_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_OIDC_FILE", str(oidc_file(server_metadata_url="http://127.0.0.1:9/nothing")))
    first = client.get("/who", headers=PAGE)
    answer = client.get(first.headers["location"], headers=PAGE)
    assert answer.status_code == 503
    assert "認証サーバーに接続できません" in answer.text


# -- The session ---------------------------------------------------------------------------------------------------

OURS = OidcSettings("https://idp.example/x", "coverage-gap", "s", COOKIE_SECRET, f"{BASE}/oauth2callback", session_hours=2.0)


def _cookie(secret: str = COOKIE_SECRET, name: str = "_streamlit_user", **claims: Any) -> dict[str, str]:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    stated = {
        "sub": "keikaku", "aud": "coverage-gap", "iat": time.time(), "origin": BASE, "provider": "default",
        "is_logged_in": True, **claims,
    }  # fmt: skip
    return {"_streamlit_user": create_signed_value(secret, name, json.dumps(stated)).decode()}


def test_a_session_lasts_for_the_hours_that_are_set() -> None:
    began = time.time()
    cookie = _cookie(iat=began)
    assert session_of(cookie, OURS) == ("keikaku", began + 2 * HOUR)
    assert session_of(cookie, OURS, now=lambda: began + 2 * HOUR - 1) is not None
    assert session_of(cookie, OURS, now=lambda: began + 2 * HOUR) is None
    assert session_of(_cookie(aud=["other", "coverage-gap"]), OURS) is not None


@pytest.mark.parametrize(
    "cookie",
    [
        _cookie(secret="x" * 40),
        _cookie(name="_streamlit_user_tokens"),
        _cookie(origin="http://127.0.0.1:9999"),
        _cookie(provider="another"),
        _cookie(aud="another"),
        _cookie(aud=None),
        _cookie(is_logged_in=False),
        _cookie(is_logged_in="yes"),
        _cookie(iat=None),
        _cookie(iat=True),
        _cookie(sub=None),
        _cookie(sub=" "),
        _cookie(sub=["keikaku"]),
        {},
    ],
)
def test_a_cookie_that_was_not_made_for_this_login_opens_nothing(cookie: dict[str, str]) -> None:
    assert session_of(cookie, OURS) is None


def test_a_signed_cookie_that_is_no_record_opens_nothing() -> None:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    for text in ("[]", "null", "{", '"keikaku"', "chunks-3"):
        signed = create_signed_value(COOKIE_SECRET, "_streamlit_user", text).decode()
        assert session_of({"_streamlit_user": signed}, OURS) is None


def test_a_session_with_many_claims_comes_in_several_cookies(client: TestClient, provider: Any) -> None:
    provider.say = {"groups": [hashlib.sha256(str(n).encode()).hexdigest() for n in range(200)]}
    assert _log_in(client, provider).status_code == 302
    assert "_streamlit_user_1" in client.cookies
    assert client.get("/who").json()["user"] == "keikaku"
    client.cookies.delete("_streamlit_user_1")
    assert client.get("/who").status_code == 401


def test_a_socket_that_outlives_its_session_is_nobody_in_particular() -> None:
    headers = {visitors.LOGIN_HEADER: login_word("keikaku", time.time() - 1)}
    with pytest.raises(PermissionDeniedError) as caught:
        principal_for(headers, Settings(auth="oidc"))
    assert caught.value.code == "login-over"
    assert visitors.page_visitor(headers, Settings(auth="oidc")) is visitors.ANONYMOUS


def test_cookies_ask_for_https_where_the_app_is_reached_by_it(
    client: TestClient, oidc_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_OIDC_FILE", str(oidc_file(redirect_uri="https://127.0.0.1/oauth2callback")))
    first = client.get("/who", headers=PAGE)
    second = client.get(first.headers["location"], headers=PAGE)
    cookies = [*first.headers.get_list("set-cookie"), *second.headers.get_list("set-cookie")]
    assert len(cookies) >= 2
    for cookie in cookies:
        assert "secure" in cookie.lower()
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()


# -- What is refused at the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        *(({name: None}, name) for name in ("server_metadata_url", "client_id", "client_secret", "cookie_secret", "redirect_uri")),
        ({"client_secret": ""}, "client_secret"),
        ({"client_id": 7}, "client_id"),
        ({"cookie_secret": "too short"}, "cookie_secret"),
        ({"redirect_uri": "https://gap.example.lg.jp/"}, "redirect_uri"),
        ({"redirect_uri": "http://gap.example.lg.jp/oauth2callback"}, "redirect_uri"),
        ({"server_metadata_url": "http://idp.example.lg.jp/x"}, "server_metadata_url"),
        ({"server_metadata_url": "file:///etc/passwd"}, "server_metadata_url"),
        ({"claim": "name"}, "claim"),
        ({"session_hours": 0}, "session_hours"),
        ({"session_hours": 720}, "session_hours"),
        ({"session_hours": True}, "session_hours"),
        ({"scope": "email"}, "scope"),
        ({"issuer": "x"}, "issuer"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_named_with_its_entry_and_without_its_secrets(
    oidc_file: WriteFile, entries: dict[str, Any], named: str
) -> None:
    with pytest.raises(EnvironmentProblemError) as caught:
        check_auth(Settings(auth="oidc", oidc_file=oidc_file(**entries)))
    assert caught.value.code == "oidc-file-wrong"
    for sentence in (caught.value.ja, caught.value.en):
        assert named in sentence
        assert providers.CLIENT_SECRET not in sentence
        assert COOKIE_SECRET not in sentence


def test_a_place_that_is_no_place_for_a_secret_is_refused(oidc_file: WriteFile, tmp_path: Path) -> None:
    def code(path: Path | None) -> str:
        with pytest.raises(EnvironmentProblemError) as caught:
            check_auth(Settings(auth="oidc", oidc_file=path))
        return caught.value.code

    assert code(None) == "oidc-unset"
    assert code(tmp_path / "nowhere.toml") == "oidc-file-unreadable"
    if os.name != "nt":
        assert code(oidc_file(mode=0o644)) == "oidc-file-shared"
    path = oidc_file()
    (tmp_path / ".git").mkdir()
    assert code(path) == "oidc-file-in-repository"
    (tmp_path / ".git").rmdir()
    path.write_text("client_id = ", encoding="utf-8")
    assert code(path) == "oidc-file-unreadable"


def test_secrets_are_in_no_text_of_the_settings(oidc_file: WriteFile) -> None:
    found = read_oidc_settings(Settings(oidc_file=oidc_file(claim="email", session_hours=8)))
    assert (found.claim, found.session_hours, found.origin, found.secure) == ("email", 8.0, BASE, False)
    assert providers.CLIENT_SECRET not in repr(found)
    assert COOKIE_SECRET not in repr(found)


# -- The real server, on loopback ------------------------------------------------------------------------------------


class Browser:
    """As much of a browser as a login needs: one request at a time, cookies kept."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and Location of the answer; 0 where nobody answers."""
        connection = http.client.HTTPConnection(self.address, timeout=15)
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request("GET", path, headers={**PAGE, **({"Cookie": jar} if jar else {}), **headers})
            answer = connection.getresponse()
            answer.read()
            for line in answer.headers.get_all("set-cookie") or []:
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            return answer.status, answer.headers.get("location", "")
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def open_socket(self) -> int:
        return self.get(
            "/_stcore/stream",
            **{
                "Origin": f"http://{self.address}", "Upgrade": "websocket", "Connection": "Upgrade",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Protocol": "streamlit",
            },
        )[0]  # fmt: skip


@pytest.fixture(params=["coverage-gap serve", "streamlit run app.py"])
def browser(
    request: pytest.FixtureRequest, office: Path, oidc_file: WriteFile, runs_folder: Path, tmp_path: Path, project_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Browser]:  # fmt: skip
    port = loopback.free_port()
    monkeypatch.setenv("COVERAGE_GAP_OIDC_FILE", str(oidc_file(redirect_uri=f"http://127.0.0.1:{port}/oauth2callback")))
    command, folder = loopback.serving(tmp_path, runs_folder, port=port, store=os.environ["COVERAGE_GAP_STORE"]), tmp_path
    if request.param.startswith("streamlit"):
        command, folder = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)], project_dir
    # The environment as it is: the office stands in it.
    with loopback.running(command, port=port, cwd=folder, environment=os.environ):
        yield Browser(f"127.0.0.1:{port}")


def test_the_real_server_opens_after_the_login_and_not_before(browser: Browser, provider: Any) -> None:
    for path in ("/_stcore/health", "/_stcore/host-config", "/static/js/index.js", "/media/0123.csv", "/api/v1/region.geojson"):
        assert browser.get(path, accept="*/*")[0] == 401, path
    assert browser.open_socket() == 403
    status, login = browser.get("/progress")
    assert (status, login.split("?")[0]) == (302, "/auth/login")
    status, authorise = browser.get(login)
    assert status == 302
    back = urlsplit(provider.log_in(authorise, "keikaku"))
    assert browser.get(f"{back.path}?{back.query}") == (302, "/progress")
    for path in ("/progress", "/_stcore/health", "/api/v1/region.geojson"):
        assert browser.get(path)[0] == 200, path
    assert browser.open_socket() == 101
    assert browser.get("/auth/logout")[1].startswith(f"{provider.issuer}/logout?")
    browser.cookies = {name: value for name, value in browser.cookies.items() if value}
    assert browser.get("/progress")[0] == 302
    assert browser.open_socket() == 403
