"""What a stranger's file cannot do: reach the network, read or write other files, outlive its limits, leave traces."""

from __future__ import annotations

import http.server
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from kit import CANARY, CASES, GOOD, HEAD, Case, geojson, point
from test_kit import judge

from coverage.errors import InputError, StorageError
from coverage.uploads import sandbox
from coverage.uploads.limits import DEFAULT_LIMITS, MIB, Limits
from coverage.uploads.quarantine import quarantine
from coverage.uploads.report import Report
from coverage.uploads.sandbox import check_file

HOSTILE = [c for c in CASES if c.hostile and not c.name.startswith("client name")]


class _Canary(http.server.BaseHTTPRequestHandler):
    calls: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.calls.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"site_id,lat,lon\nX,34.5,136.5\n")

    do_POST = do_HEAD = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def canary_url():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Canary)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/canary"
    server.shutdown()
    server.server_close()
    thread.join()


def test_hostile_files_reach_nothing_leave_nothing_and_get_their_verdict(tmp_path, canary_url, monkeypatch):
    secret = tmp_path / "server" / "secret.csv"
    secret.parent.mkdir()
    secret.write_text(f"site_id,lat,lon\n{CANARY},34.5,136.5\n", encoding="utf-8")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    _Canary.calls.clear()

    def run(numbered: tuple[int, Case]) -> tuple[Case, Report]:
        number, case = numbered
        data = case.content()
        for mark, text in (("{canaryfile}", str(secret)), ("{canaryuri}", secret.as_uri()), ("{canary}", canary_url)):
            data = data.replace(mark.encode(), text.encode())
        path = uploads / f"{number}"
        path.write_bytes(data)
        return case, check_file(path, client_name=case.client, answers=case.answers)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, enumerate(HOSTILE)))
    assert len(done) > 40
    for case, report in done:
        try:
            judge(case, report)
        except AssertionError as problem:
            raise AssertionError(f"{case.name}: {problem}") from problem
        assert CANARY not in json.dumps(report.as_dict(), ensure_ascii=False)
        assert "root:" not in json.dumps(report.as_dict(), ensure_ascii=False)
        assert not {"reader-died", "too-slow"} & {e.code for e in report.errors}, case.name
    assert _Canary.calls == []
    assert list(temporary.iterdir()) == []
    assert list(secret.parent.iterdir()) == [secret]


def _in_a_guarded_process(code: str) -> str:
    """Run ``code`` after the door is shut; returns what it prints."""
    head = "import os, sys, socket, subprocess\nfrom pathlib import Path\nfrom coverage.uploads import child\nchild.forbid_outside()\n"
    tail = "def tried(f):\n    try:\n        f()\n    except PermissionError:\n        return 'refused'\n    return 'done'\n"
    done = subprocess.run([sys.executable, "-c", head + tail + code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 9), timeout=1)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "socket.socket().bind(('127.0.0.1', 0))",
        "socket.getaddrinfo('localhost', 80)",
        "subprocess.run([sys.executable, '-c', '1'])",
        "os.system('true')",
        "__import__('urllib.request').request.urlopen('http://127.0.0.1:9/')",
    ],
)
def test_the_child_opens_no_socket_and_starts_no_program(attempt):
    assert _in_a_guarded_process(f"print(tried(lambda: {attempt}))") == "refused"


def test_the_child_opens_no_other_file_and_writes_only_beside_its_report(tmp_path):
    job, upload, elsewhere = tmp_path / "job", tmp_path / "upload", tmp_path / "elsewhere"
    for folder in (job, upload, elsewhere):
        folder.mkdir()
        (folder / "x").write_text("x", encoding="utf-8")
    code = f"""
job, upload, elsewhere = (Path(p) for p in {[str(job), str(upload), str(elsewhere)]!r})
child.confine_files([job, upload])
print(tried(lambda: (job / "x").read_bytes()), tried(lambda: (job / "new").write_bytes(b"")), tried(lambda: (upload / "x").read_bytes()),
      tried(lambda: (upload / "new").write_bytes(b"")), tried(lambda: (elsewhere / "x").read_bytes()), tried(lambda: (elsewhere / "new").write_bytes(b"")),
      tried(lambda: os.open(elsewhere / "x", os.O_RDONLY)), tried(lambda: (job / ".." / "elsewhere" / "x").read_bytes()), tried(lambda: __import__("wave")))
"""
    assert _in_a_guarded_process(code) == "done done done refused refused refused refused refused done"


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces exist on Linux only")
def test_the_child_has_a_network_of_its_own_where_the_system_allows(tmp_path):
    code = "print(sorted(line.split(':')[0].strip() for line in Path('/proc/self/net/dev').read_text().splitlines()[2:]))"
    probe = subprocess.run(["unshare", "-U", "-n", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this system allows no network namespace to an ordinary process; the audit hook holds alone")
    assert _in_a_guarded_process(code) == "['lo']"


def test_a_file_that_takes_too_long_is_ended(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(GOOD, encoding="utf-8")
    report = check_file(path, limits=Limits(wall_s=0.02))
    assert (report.verdict, report.errors[0].code) == ("reject", "too-slow")


@pytest.mark.skipif(os.name == "nt", reason="Windows limits memory by its Job Object, which Linux cannot show")
def test_a_file_that_needs_too_much_memory_is_ended(tmp_path):
    path = tmp_path / "a.geojson"
    path.write_text(geojson([point(**{f"c{i}": i for i in range(40)}) for _ in range(40_000)]), encoding="utf-8")
    report = check_file(path, limits=Limits(memory_bytes=300 * MIB))
    # Where the last byte is missing for the sentence itself, the child dies without one.
    assert report.verdict == "reject"
    assert report.errors[0].code in {"too-much-memory", "reader-died"}
    assert report.rows == []


def test_limits_hold_where_they_are_set_down(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "\n" + "".join(f"S{i},,,34.5,136.5\n" for i in range(40)), encoding="utf-8")
    for limits, code in (
        (Limits(upload_bytes=100), "too-large"), (Limits(rows=39), "too-many-rows"), (Limits(columns=4), "too-many-columns"),
        (Limits(cell_characters=2), "cell-too-long"),
    ):  # fmt: skip
        report = check_file(path, limits=limits)
        assert (report.verdict, report.errors[0].code) == ("reject", code)
    assert check_file(path, limits=Limits(rows=40)).verdict == "accept"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
def test_the_private_copy_is_private_and_vanishes(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    path = tmp_path / "a.csv"
    path.write_text(GOOD, encoding="utf-8")
    with quarantine(path, "../x.csv", DEFAULT_LIMITS) as held:
        assert stat.S_IMODE(held.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(held.path.parent.stat().st_mode) == 0o700
        assert held.path.read_bytes() == path.read_bytes()
        assert "x.csv" not in str(held.path)
    assert list((tmp_path / "t").iterdir()) == []
    check_file(path, client_name="a.geojson")
    assert list((tmp_path / "t").iterdir()) == []


def test_secrets_of_the_server_do_not_reach_the_child(monkeypatch):
    monkeypatch.setenv("COVERAGE_GAP_STORE", "postgresql://user:geheim@db/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    monkeypatch.setenv("PYTHONSTARTUP", "geheim")
    environment = sandbox._environment()
    assert "geheim" not in str(environment)
    assert set(environment) <= {
        *sandbox._KEPT, "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GDAL_SKIP",
        "GDAL_HTTP_PROXY", "http_proxy", "https_proxy", "OPENPYXL_DEFUSEDXML",
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="the false child is a shell script")
@pytest.mark.parametrize("answer", ["", "no json", "[]", '{"rows": 1}', '{"rows": [], "errors": [{}], "warnings": [], "notices": []}'])
def test_a_child_that_was_taken_over_is_not_believed(tmp_path, monkeypatch, answer):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\nfor last; do :; done\nprintf %s '{answer}' > \"$(dirname \"$last\")/report.json\"\n", encoding="utf-8")
    fake.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(fake))
    path = tmp_path / "a.csv"
    path.write_text(GOOD, encoding="utf-8")
    report = check_file(path)
    assert (report.verdict, report.errors[0].code) == ("reject", "reader-died")


def test_what_cannot_be_read_at_all_is_the_callers_affair(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv"):
        check_file(tmp_path / "none.csv")
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(InputError) as caught:
        check_file(folder)
    assert caught.value.code == "file-missing"


def test_no_room_for_the_private_copy_is_said(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    with pytest.raises(StorageError) as caught:
        check_file(path)
    assert caught.value.code == "quarantine-not-written"
