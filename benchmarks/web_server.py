"""The server and the browser of the web benchmarks: started here, ended here."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SERVE = """
import sys
from pathlib import Path
from coverage.services.context import AppContext
from coverage.web.server import serve
serve(AppContext(Path(sys.argv[1]), Path(sys.argv[2])), port=int(sys.argv[3]))
"""
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
]  # fmt: skip


@contextmanager
def served(runs: Path, *, region: Path | None = None, home: Path | None = None) -> Iterator[int]:
    """Port of a server over ``runs``; ``region`` and ``home`` (where the ledger lies) are the same folder unless told."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_GAP_")}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(region or runs), str(runs), str(port)],
        cwd=home or runs,
        env=environment | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                get(port, "/healthz")
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium, or None where there is none on this machine."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


def get(port: int, address: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", address, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
