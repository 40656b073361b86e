"""The examples of the page データ・API, run exactly as they are shown, against a server on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pyogrio
import pytest
import uvicorn
from starlette.applications import Starlette

from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import examples, visitors
from coverage.web.examples import SNIPPETS, TOKEN_VARIABLE, Wanted
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

ADMIN = Actor("kanri", "admin")
ADDRESS = "/api/v1/municipalities/99201.geojson"
SHELL = shutil.which("sh")
needs_curl = pytest.mark.skipif(
    SHELL is None or shutil.which("curl") is None, reason="sh or curl is not on this machine"
)


@dataclass(frozen=True)
class Office:
    """A server behind a proxy's name header, and a municipality's read token."""

    url: str
    token: str


@pytest.fixture(scope="module")
def office(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The addresses on a real socket, with a ledger that knows one token of 99201."""
    home = tmp_path_factory.mktemp("office")
    synthetic.write_synthetic_run(home / "runs", site_count=16)
    with open_store(str(home / "ledger.sqlite")) as store:
        token, _ = store.issue_token("QGIS", role="municipality", municipality_codes=("99201",), by=ADMIN)
    changed = pytest.MonkeyPatch()
    changed.setenv("COVERAGE_GAP_RUNS", str(home / "runs"))
    changed.setenv("COVERAGE_GAP_STORE", str(home / "ledger.sqlite"))
    changed.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    visitors._seen.clear()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield Office(f"http://127.0.0.1:{listener.getsockname()[1]}", token)
    server.should_exit = True
    thread.join(10)
    listener.close()
    changed.undo()
    visitors._seen.clear()


def _environment(**more: str) -> dict[str, str]:
    """No proxy between us and this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "no_proxy": "*", **more}


def _run(command: list[str], cwd: Path, **more: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=_environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        content: bytes = answer.read()
        return content


def _kinds(document: dict[str, list[dict[str, dict[str, str]]]]) -> set[str]:
    return {f["properties"]["kind"] for f in document["features"]}


@needs_curl
@pytest.mark.parametrize("ending", ["geojson", "csv", "xlsx", "gpkg", "pdf"])
def test_curl_as_shown_saves_the_very_file(office: Office, tmp_path: Path, ending: str) -> None:
    wanted = Wanted(office.url, f"/api/v1/municipalities/99201.{ending}", 2017)
    _run([str(SHELL), "-c", examples.curl(wanted)], tmp_path)
    assert (tmp_path / f"99201.{ending}").read_bytes() == _get(wanted.url)


@needs_curl
def test_curl_with_a_token_gets_the_planned_sites_of_its_municipality(office: Office, tmp_path: Path) -> None:
    wanted = Wanted(office.url, ADDRESS, 2018, plans=True)
    text = examples.curl(wanted)
    assert office.token not in text
    _run([str(SHELL), "-c", text], tmp_path, **{TOKEN_VARIABLE: office.token})
    document = json.loads((tmp_path / "99201.geojson").read_text(encoding="utf-8"))
    assert "planned_site" in _kinds(document)


@needs_curl
def test_curl_without_the_token_fails_and_saves_nothing(office: Office, tmp_path: Path) -> None:
    text = examples.curl(Wanted(office.url, ADDRESS, 2018, plans=True))
    done = subprocess.run(
        [str(SHELL), "-c", text],
        cwd=tmp_path,
        env=_environment(**{TOKEN_VARIABLE: "guessed"}),
        capture_output=True,
    )
    assert done.returncode == 22
    assert not (tmp_path / "99201.geojson").exists()


@needs_curl
@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not on this machine")
@pytest.mark.parametrize("path", [ADDRESS, "/api/v1/region.gpkg", "/api/v1/municipalities/99202.pdf"])
def test_the_checksum_example_accepts_the_file_and_finds_a_changed_one(
    office: Office, tmp_path: Path, path: str
) -> None:
    text = examples.sums(Wanted(office.url, path, 2018))
    assert "OK" in _run([str(SHELL), "-c", text], tmp_path)
    file = tmp_path / path.removeprefix("/api/v1/")
    file.write_bytes(file.read_bytes() + b" ")
    checking = text.splitlines()[-1]
    assert subprocess.run([str(SHELL), "-c", checking], cwd=tmp_path, capture_output=True).returncode == 1


@pytest.mark.parametrize("plans", [False, True])
def test_the_python_example_prints_the_place(office: Office, tmp_path: Path, plans: bool) -> None:
    text = examples.python(Wanted(office.url, ADDRESS, 2018, plans=plans))
    assert office.token not in text
    said = _run([sys.executable, "-c", text], tmp_path, PYTHONUTF8="1", **{TOKEN_VARIABLE: office.token})
    assert said.splitlines()[0] == "2018 0123456789abcdef"
    assert "municipality 潮見市" in said
    assert ("planned_site 試験局4" in said) == plans


@pytest.mark.parametrize("plans", [False, True])
def test_the_geopandas_example_counts_and_measures(office: Office, tmp_path: Path, plans: bool) -> None:
    text = examples.geopandas(Wanted(office.url, ADDRESS, 2018, plans=plans))
    said = _run(
        [sys.executable, "-W", "error", "-c", text], tmp_path, PYTHONUTF8="1", GDAL_HTTP_PROXY="",
        **{TOKEN_VARIABLE: office.token},
    )  # fmt: skip
    lines = said.splitlines()
    assert "no_signal_area    2" in lines
    assert ("planned_site      2" in lines) == plans
    # Two areas of 0.012° × 0.008° at 33.6° north: 1.11 km × 0.89 km each.
    assert float(lines[-1]) == pytest.approx(1.98, abs=0.03)


# In a process of its own: GDAL waits for the server without letting this process's other threads run.
READ = """
import sys, pyogrio
source, layer = sys.argv[1:3]
frame = pyogrio.read_dataframe(source, layer=layer or None)
print(frame.crs.to_epsg(), len(frame), *frame["name"].dropna())
"""


@pytest.mark.parametrize("ending", ["geojson", "gpkg"])
def test_gdal_opens_the_address_in_place_as_qgis_does(office: Office, tmp_path: Path, ending: str) -> None:
    """QGIS's source type Protocol: HTTP(S) hands the address to GDAL behind /vsicurl/."""
    wanted = Wanted(office.url, f"/api/v1/municipalities/99201.{ending}", 2018)
    source = f"/vsicurl/{examples.qgis_source(wanted)}"
    layer = "sites" if ending == "gpkg" else ""
    said = _run(
        [sys.executable, "-c", READ, source, layer], tmp_path, PYTHONUTF8="1", CPL_DEBUG="OFF"
    ).split()
    assert said[0] == "4326"
    assert "試験局1" in said


def test_gdal_with_the_tokens_header_opens_what_it_may_and_nothing_else(
    office: Office, tmp_path: Path
) -> None:
    name, value = examples.qgis_setting()
    sent = {name: value.replace("<token>", office.token), "PYTHONUTF8": "1"}
    own = Wanted(office.url, "/api/v1/municipalities/99201.gpkg", 2018, plans=True)
    said = _run([sys.executable, "-c", READ, f"/vsicurl/{own.url}", "planned_sites"], tmp_path, **sent)
    assert said.split()[:2] == ["4326", "2"]
    other = Wanted(office.url, "/api/v1/municipalities/99202.gpkg", 2018, plans=True)
    refused = subprocess.run(
        [sys.executable, "-c", READ, f"/vsicurl/{other.url}", "planned_sites"], cwd=tmp_path,
        env=_environment(**sent), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "403" in refused.stderr


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell is not on this machine")
@pytest.mark.parametrize("plans", [False, True])
def test_the_powershell_example_saves_the_file(office: Office, tmp_path: Path, plans: bool) -> None:
    text = examples.powershell(Wanted(office.url, ADDRESS, 2018, plans=plans))
    _run(["pwsh", "-NoProfile", "-Command", text], tmp_path, **{TOKEN_VARIABLE: office.token})
    document = json.loads((tmp_path / "99201.geojson").read_text(encoding="utf-8"))
    assert ("planned_site" in _kinds(document)) == plans


@pytest.mark.parametrize("name", SNIPPETS)
@pytest.mark.parametrize(
    "server",
    [
        "http://a';rm -rf .;'",
        'http://a"+evil()+"',
        "http://a b",
        "ftp://a",
        "http://a/b",
        "javascript:alert(1)",
        "http://",
        "http://$x",
    ],
)
def test_an_address_that_is_none_never_becomes_part_of_a_program(name: str, server: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z]*:"):
        SNIPPETS[name](Wanted(server, ADDRESS, 2018))


def test_a_municipality_fetches_its_geojson_by_curl_and_reads_it_with_qgis_library(
    office: Office, tmp_path: Path
) -> None:
    """The story of the municipality, from the address on the page to a table of features."""
    if SHELL is None or shutil.which("curl") is None:
        pytest.skip("sh or curl is not on this machine")
    wanted = Wanted(office.url, ADDRESS)
    _run([str(SHELL), "-c", examples.curl(wanted)], tmp_path)
    saved = tmp_path / "99201.geojson"
    index = json.loads(_get(f"{office.url}/api/v1/index.json"))
    listed = next(m for m in index["municipalities"] if m["code"] == "99201")
    assert hashlib.sha256(saved.read_bytes()).hexdigest() == listed["sha256"]
    frame = pyogrio.read_dataframe(saved)
    assert dict(frame["kind"].value_counts())["municipality"] == 1
    assert frame.set_index("kind").loc["municipality", "unserved_people_area"] == 0
