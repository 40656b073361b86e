"""Starting the app: where it listens, what it refuses, and that nothing leaves the machine."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from coverage.errors import ConflictError, InputError
from coverage.services.context import AppContext
from coverage.web.server import OPTIONS, is_loopback, options_for, serve
from scripts.loopback import environment, free_port, get, running, words

PROJECT = Path(__file__).resolve().parents[2]

# Runs the app in a process that writes down every address it connects to or asks a name server for.
WATCHED = """
import sys
log = open(sys.argv[1], "a", encoding="utf-8")
def watch(event, args):
    if event == "socket.connect":
        log.write(f"connect {args[1]!r}\\n"); log.flush()
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        log.write(f"{event} {args[:2]!r}\\n"); log.flush()
sys.addaudithook(watch)
from pathlib import Path
from coverage.services.context import AppContext
from coverage.web.server import serve
serve(AppContext(Path(sys.argv[2]), Path(sys.argv[3])), port=int(sys.argv[4]))
"""


def test_the_options_file_for_streamlit_run_says_the_same() -> None:
    written = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert {
        f"{section}.{key}": value for section, table in written.items() for key, value in table.items()
    } == OPTIONS


def test_the_options_keep_the_promises() -> None:
    assert OPTIONS["server.address"] == "127.0.0.1"
    assert OPTIONS["browser.gatherUsageStats"] is False
    assert OPTIONS["server.enableCORS"] is True
    assert OPTIONS["server.enableXsrfProtection"] is True
    assert OPTIONS["server.maxUploadSize"] == 50
    assert OPTIONS["client.showErrorDetails"] == "none"
    assert OPTIONS["server.headless"] is True


def test_streamlit_knows_every_option() -> None:
    from streamlit import config

    for key in OPTIONS:
        config.get_option(key)


def test_names_of_a_proxy_are_added_and_this_machine_stays() -> None:
    options = options_for("10.1.2.3", 80, public_hosts="gis.pref.example.jp, ")
    assert options["server.allowedHosts"] == [
        "127.0.0.1",
        "localhost",
        "::1",
        "10.1.2.3",
        "gis.pref.example.jp",
    ]
    assert options["server.port"] == 80


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example.jp", False),
    ],
)
def test_what_counts_as_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_an_app_without_authentication_is_not_put_on_the_network(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COVERAGE_GAP_AUTH", raising=False)
    with pytest.raises(InputError) as caught:
        serve(AppContext(tmp_path, tmp_path), host=host, port=free_port())
    assert caught.value.code == "local-auth-needs-loopback"


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REGION", "RUNS"):
        monkeypatch.setenv(f"COVERAGE_GAP_{name}", "")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConflictError) as caught:
            serve(AppContext(tmp_path, tmp_path), port=taken.getsockname()[1])
    assert caught.value.code == "port-in-use"


def test_the_app_answers_prints_its_address_and_connects_to_nobody(runs_folder: Path, tmp_path: Path) -> None:
    port, log, said = free_port(), tmp_path / "network.log", tmp_path / "server.log"
    log.touch()
    command = [sys.executable, "-c", WATCHED, str(log), str(tmp_path), str(runs_folder), str(port)]
    with running(command, port=port, cwd=tmp_path, environment=environment(), log=said):
        assert json.loads(get(port, "/healthz")[1])["status"] == "ok"
        assert b'<html lang="ja">' in get(port, "/")[1]
        assert get(port, "/_stcore/health") == (200, b"ok")
        assert b"FeatureCollection" in get(port, "/api/v1/municipalities/99201.geojson")[1]
        assert f"http://127.0.0.1:{port}/" in words(said).splitlines()[0]
    outside = [
        line
        for line in log.read_text(encoding="utf-8").splitlines()
        if "127.0.0.1" not in line and "'::1'" not in line and "/" not in line
    ]
    assert outside == []


def test_the_app_runs_where_there_is_no_network_at_all(runs_folder: Path, tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    inside = [unshare or "unshare", "--user", "--map-root-user", "--net"]
    if unshare is None or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("network namespace: this system does not allow one")
    # Only loopback exists inside; the same process starts the app, asks it, and stops it.
    script = f"""
import fcntl, json, socket, struct, subprocess, sys, time, urllib.request
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
app = subprocess.Popen([sys.executable, "-c", {WATCHED!r}, {str(tmp_path / "log")!r}, {str(tmp_path)!r}, {str(runs_folder)!r}, "8599"])
try:
    for _ in range(150):
        try:
            print(urllib.request.urlopen("http://127.0.0.1:8599/healthz", timeout=5).read().decode())
            print(urllib.request.urlopen("http://127.0.0.1:8599/", timeout=5).status)
            break
        except OSError:
            time.sleep(0.2)
finally:
    app.terminate(); app.wait(10)
"""
    done = subprocess.run(
        [*inside, sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env=environment(),
    )
    assert '"status":"ok"' in done.stdout, done.stderr
    assert "200" in done.stdout
