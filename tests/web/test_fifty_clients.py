"""Fifty at once on loopback: the same bytes for all (R8), and to each only what is its own (R9)."""

from __future__ import annotations

import hashlib
import json
import math
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coverage.domain.ledger import Ledger, Site, Status
from coverage.runs.folder import write_checksums
from coverage.services.access import Action, plans_of
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import visitors
from coverage.web.app_context import open_ledger, web_context
from coverage.web.security import Gate
from scripts.loopback import environment, free_port, get, running, serving

CLIENTS = 50
ADMIN = Actor("kanri", "admin")
CODES = [f"99{number:03d}" for number in range(201, 201 + CLIENTS)]


def _all_at_once(work: Callable[[int], Any]) -> list[Any]:
    """``work(0)`` to ``work(49)``, all begun at the same moment."""
    start = threading.Barrier(CLIENTS)

    def one(number: int) -> Any:
        start.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(CLIENTS)))


# -- R8 --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def big_run(synthetic: ModuleType, tmp_path: Path) -> Path:
    """A published run in which one municipality's file has about 200 kB, as a rugged coast has."""
    runs = tmp_path / "runs"
    folder: Path = synthetic.write_synthetic_run(runs)
    file = folder / "geojson" / "2018" / "99201.geojson"
    document = json.loads(file.read_text(encoding="utf-8"))
    rng = random.Random(1871)
    ring = []
    for step in range(9000):
        angle, radius = 2 * math.pi * step / 9000, 0.05 + 0.01 * rng.random()
        ring.append([round(136.2 + radius * math.cos(angle), 6), round(34.0 + radius * math.sin(angle), 6)])
    document["features"][0]["geometry"] = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    file.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    write_checksums(folder)
    assert 180_000 < file.stat().st_size < 300_000
    return file


def _resident_bytes(process_id: int) -> int | None:
    status = Path(f"/proc/{process_id}/status")
    if not status.is_file():
        return None
    line = next(x for x in status.read_text(encoding="utf-8").splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_fifty_clients_get_the_same_bytes_and_no_error(big_run: Path, tmp_path: Path) -> None:
    runs, port = tmp_path / "runs", free_port()
    command = serving(runs, runs, port=port)
    with running(command, port=port, cwd=tmp_path, environment=environment()) as process:
        path = "/api/v1/municipalities/99201.geojson?fy=2018"
        assert get(port, path)[0] == 200
        before = _resident_bytes(process.pid)

        def fetch(_: int) -> list[tuple[int, str, float]]:
            seen = []
            for _ in range(4):
                begun = time.monotonic()
                status, body = get(port, path)
                seen.append((status, hashlib.sha256(body).hexdigest(), time.monotonic() - begun))
            return seen

        answers = [answer for seen in _all_at_once(fetch) for answer in seen]
        after = _resident_bytes(process.pid)
    assert {status for status, _, _ in answers} == {200}
    assert {digest for _, digest, _ in answers} == {hashlib.sha256(big_run.read_bytes()).hexdigest()}
    assert len(answers) == 4 * CLIENTS
    times = sorted(seconds for _, _, seconds in answers)
    print(f"{len(times)} downloads of {big_run.stat().st_size} bytes by {CLIENTS} clients: ", end="")
    print(f"p95 {times[int(0.95 * len(times))]:.2f} s, longest {times[-1]:.2f} s")
    if before is not None and after is not None:
        print(f"memory {before / 1e6:.0f} MB, after {after / 1e6:.0f} MB")
        assert after <= 1.5 * before + 200e6


# -- R9 --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A ledger with a planned site in each of fifty municipalities, and a read token for each municipality."""
    url = str(tmp_path / "ledger.sqlite")
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    monkeypatch.setenv("COVERAGE_GAP_STORE", url)
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(tmp_path))
    visitors._seen.clear()
    sites = tuple(Site(f"P-{code}", f"計画局{code}", code, 34.0, 136.2, Status.PLANNED) for code in CODES)
    with open_store(url) as store:
        store.load_ledger(Ledger(sites=sites), by=ADMIN, source="見本")
        yield [
            store.issue_token(code, role="municipality", municipality_codes=(code,), by=ADMIN)[0]
            for code in CODES
        ]
    visitors._seen.clear()


def _planned_sites(request: Request) -> Response:
    """What the one who asks may download of the ledger's planned sites: asked of the function that every use case asks."""
    principal = request.scope["state"]["principal"]
    with open_ledger(web_context()) as store:
        every = store.ledger().sites
    codes = plans_of(principal, {site.municipality_code for site in every}, action=Action.DOWNLOAD)
    sites = [site for site in every if site.municipality_code in codes]
    return JSONResponse(
        {
            "user": principal.user_id,
            "codes": sorted(principal.municipality_codes),
            "sites": [s.site_id for s in sites],
        }
    )


@contextmanager
def _served(app: Starlette) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@pytest.mark.parametrize("remembered_s", [visitors._REMEMBERED_S, 0.0])
def test_fifty_tokens_read_their_own_municipality_and_nothing_else(
    tokens: list[str], remembered_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With roles remembered, and with every request looking them up: identities must not cross either way."""
    monkeypatch.setattr(visitors, "_REMEMBERED_S", remembered_s)
    app = Starlette(routes=[Route("/api/planned-sites", _planned_sites)], middleware=[Middleware(Gate)])

    def ask(number: int) -> list[tuple[int, dict[str, Any]]]:
        own = {"Authorization": f"Bearer {tokens[number]}"}
        # In between, one who changes the last letter of the token, and one without any.
        guessed = {
            "Authorization": f"Bearer {tokens[number][:-1]}{'A' if tokens[number][-1] != 'A' else 'B'}"
        }
        order = [own, guessed, own, {}, own]
        random.Random(number).shuffle(order)
        seen = []
        for headers in order:
            status, body = get(port, "/api/planned-sites", headers)
            seen.append((0 if headers is own else 1 if headers else 2, status, json.loads(body)))
        return seen

    with _served(app) as port:
        everything = _all_at_once(ask)
    people = set()
    for code, seen in zip(CODES, everything, strict=True):
        for kind, status, answer in seen:
            if kind == 0:
                assert (status, answer["codes"], answer["sites"]) == (200, [code], [f"P-{code}"])
                people.add(answer["user"])
            elif kind == 1:
                assert (status, answer["error"]["code"]) == (403, "token-unknown")
            else:
                assert (status, answer) == (200, {"user": "anonymous", "codes": [], "sites": []})
    assert len(people) == CLIENTS
