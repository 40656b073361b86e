"""Starting something of ours on loopback: what is waited for, what is said where it fails, and that nothing stays behind."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from scripts import loopback
from scripts.loopback import NotServingError, environment, find_chromium, free_port, get, running, words

SERVER = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
begun = time.monotonic()
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        up = self.path == "/healthz" and time.monotonic() - begun > float(sys.argv[2])
        self.send_response(200 if up else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()
print("started", flush=True)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"


def server(port: int, ready_after_s: float = 0) -> list[str]:
    return [sys.executable, "-c", SERVER, str(port), str(ready_after_s)]


def test_a_port_is_free_and_not_one_that_connections_get(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chance:
        def __init__(self, *ports: int) -> None:
            self.ports = iter(ports)

        def randrange(self, low: int, high: int) -> int:
            assert (low, high) == (15_000, 30_000), "Linux gives 32768 and above to connections"
            return next(self.ports)

    with socket.socket() as listener:
        free = free_port()
        listener.bind(("127.0.0.1", taken := free_port()))
        listener.listen()
        monkeypatch.setattr(loopback, "_CHANCE", Chance(taken, taken, free))
        assert free_port() == free
        monkeypatch.setattr(loopback, "_CHANCE", Chance(*[taken] * 1000))
        with pytest.raises(OSError, match="15000"):
            free_port()


def test_a_server_is_handed_over_once_its_health_is_good_and_has_ended_afterwards(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    begun = time.monotonic()
    with running(server(port, 1.0), port=port, cwd=tmp_path, environment=environment(), log=log) as process:
        assert time.monotonic() - begun > 1.0
        assert get(port, "/healthz") == (200, b"")
        assert process.poll() is None
    assert process.returncode is not None
    assert words(log).startswith("started")
    with pytest.raises(OSError):  # noqa: PT011  (each system has its own word for it)
        get(port, "/healthz")


def test_a_program_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    ends = [sys.executable, "-c", "import sys; print('x' * 9000); sys.exit('the ledger is locked')"]
    with (
        pytest.raises(NotServingError, match=r"ended with 1:\n[\s\S]*the ledger is locked") as caught,
        running(ends, port=free_port(), cwd=tmp_path, environment=environment()),
    ):
        pytest.fail("nothing is served")
    assert len(str(caught.value)) < 5000


def test_a_server_that_never_gets_well_is_reported_and_ended(tmp_path: Path) -> None:
    port = free_port()
    with (
        pytest.raises(NotServingError, match=r"does not answer /healthz within 1 s:\nstarted"),
        running(server(port, 300), port=port, cwd=tmp_path, environment=environment(), seconds=1),
    ):
        pytest.fail("it is not healthy")
    with pytest.raises(OSError):  # noqa: PT011
        get(port, "/healthz")


@pytest.mark.parametrize("fault", [KeyboardInterrupt, AssertionError])
def test_whatever_leaves_the_block_ends_the_server(fault: type[BaseException], tmp_path: Path) -> None:
    port = free_port()
    with (
        pytest.raises(fault),
        running(server(port), port=port, cwd=tmp_path, environment=environment()) as process,
    ):
        raise fault
    assert process.returncode is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that a process could ignore")
def test_one_that_does_not_want_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_GRACE_S", 0.5)
    monkeypatch.setattr(loopback, "_healthy", lambda _: log.exists() and "deaf" in words(log))
    log = tmp_path / "log"
    with running(
        [sys.executable, "-c", DEAF], port=free_port(), cwd=tmp_path, environment=environment(), log=log
    ) as process:
        pass
    assert process.returncode == -9


def test_settings_of_the_person_at_the_machine_reach_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_GAP_STORE", "postgresql://elsewhere/ledger")
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "oidc")
    found = environment(COVERAGE_GAP_AUTH="local")
    assert {k: v for k, v in found.items() if k.startswith("COVERAGE_GAP_")} == {"COVERAGE_GAP_AUTH": "local"}
    assert (Path(found["PYTHONPATH"]) / "coverage" / "__init__.py").is_file()
    assert found["PATH"] == os.environ["PATH"]


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen()


def test_a_browser_that_is_named_goes_before_the_ones_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert find_chromium() is None
    monkeypatch.setenv("CHROMIUM", "elsewhere/chrome")
    assert find_chromium() == "elsewhere/chrome"
