"""One of our own servers on a free port of this machine, for tests, benchmarks and pictures, and a Chromium to look at it.

    port = free_port()
    with running(serving(region, runs, port=port), port=port, cwd=home, environment=environment()) as process:
        status, body = get(port, "/api/v1/index.json")

Imported as ``scripts.loopback`` from the project's root. Needs nothing but the standard library, on Linux, macOS and
Windows, and asks without the proxy that this machine may be set to.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
HEALTH = "/healthz"
"""Answers 200 as soon as the app is up, whoever asks."""

CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""A browser without a window that asks nothing of anybody on its own account."""

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SERVE = """
import sys
from pathlib import Path
from coverage.services.context import AppContext
from coverage.web.server import serve
region, runs, store, port = sys.argv[1:]
serve(AppContext(Path(region), Path(runs), store_url=store or None), port=int(port))
"""
_CHANCE = random.SystemRandom()
_PORTS = (15_000, 30_000)
"""Below what Linux, macOS and Windows give to connections, above what services and Chromium keep for themselves."""
_TRIES = 200
_PAUSE_S = 0.2
_GRACE_S = 10.0
"""Seconds that a server has for ending in order, and the system for ending it by force."""
_LAST_WORDS = 4000


class NotServingError(RuntimeError):
    """A server ended, or did not answer in time; the message holds the last that it said."""


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment, and that the system gives to nobody unasked.

    A server takes seconds to start; a port of the system's own range might meanwhile become the near end of a
    connection, or be handed to tests that run beside these. Raises OSError where none is found.
    """
    for _ in range(_TRIES):
        port = _CHANCE.randrange(*_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no port of 127.0.0.1 in {_PORTS[0]}–{_PORTS[1]} can be had")


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without the product's settings, with this checkout to import and with ``settings``.

    Whoever has set COVERAGE_GAP_STORE for an office of their own does not want it opened by a test.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_GAP_")}
    return kept | {"PYTHONPATH": str(PROJECT)} | settings


def serving(region: Path, runs: Path, *, port: int, store: str = "") -> list[str]:
    """The command of a server over a region's folder and a folder of runs.

    ``store``: path or URL of its ledger; without one it begins where the settings or the working folder say.
    """
    return [sys.executable, "-c", _SERVE, str(region), str(runs), store, str(port)]


@contextmanager
def running(
    command: Sequence[str], *, port: int, cwd: Path, environment: Mapping[str, str], log: Path | None = None, seconds: float = 40,
) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
    """The process of ``command``, once it answers on ``port``; ended by its own id however the block is left.

    ``environment``: all of it, as :func:`environment` makes it; ``log``: the file that takes what the server says, a
    temporary one where nobody reads it; ``seconds``: how long it may take to answer.

    Raises NotServingError where it ends or stays silent instead.
    """
    with contextlib.ExitStack() as kept:
        if log is None:
            # Windows deletes no file that the ended process has not let go of yet.
            folder = tempfile.TemporaryDirectory(prefix="coverage-gap-server-", ignore_cleanup_errors=True)
            log = Path(kept.enter_context(folder)) / "server.log"
        with log.open("wb") as told:
            process = subprocess.Popen(
                command, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT
            )  # fmt: skip
        try:
            _wait(process, port, log, seconds)
            yield process
        finally:
            _end(process)


def words(log: Path) -> str:
    """What a server has said so far, whatever the encoding of this system's output."""
    return log.read_text(encoding="utf-8", errors="replace")


def get(
    port: int, address: str, headers: Mapping[str, str] | None = None, *, timeout: float = 60
) -> tuple[int, bytes]:
    """Status and body of one request. Raises OSError or http.client.HTTPException where nobody answers as a server does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", address, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome: the one that CHROMIUM names, or the first on the PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUMS)), None)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        if process.poll() is not None:
            raise NotServingError(f"the server ended with {process.returncode}:\n{words(log)[-_LAST_WORDS:]}")
        if _healthy(port):
            return
        if time.monotonic() > deadline:
            raise NotServingError(
                f"the server does not answer {HEALTH} within {seconds:g} s:\n{words(log)[-_LAST_WORDS:]}"
            )
        time.sleep(_PAUSE_S)


def _healthy(port: int) -> bool:
    try:
        return get(port, HEALTH, timeout=5)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    finally:
        # Also where somebody presses Ctrl+C again while it is ending.
        if process.poll() is None:
            process.kill()
            process.wait(_GRACE_S)
