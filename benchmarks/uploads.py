"""Uploads at the limit: 200,000 rows as CSV and as XLSX through the real child. ``python -m benchmarks.uploads [ROWS]``

Prints wall time, processor time and peak memory of parent and child; the limits are 60 s and 1.5 GiB (reliability S3).
Then the same list is checked by a server as the upload page does it (read, compared with the ledger, counted), while
others ask that server for its health: the limit is p95 < 1 s; its own memory may grow by 300 MB. What comparing costs is told
as a multiple of what reading cost in the same run, so that runs on machines of different speed can be compared.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from coverage.uploads.sandbox import _resident_bytes, check_file
from scripts.loopback import HEALTH, PROJECT, environment, free_port, get, running, words

HEADER = ("site_id", "name", "operator", "lat", "lon", "height_m", "frequency_mhz", "eirp_dbm", "status", "in_service_date", "districts_served", "municipality_code")


def row(number: int) -> tuple[object, ...]:
    return (
        f"S{number:06d}", f"見本{number}局", f"m{number % 4}", 34 + number % 1000 / 1000, 136 + number % 700 / 1000, 10 + number % 40,
        (800, 2100)[number % 2], 50, "供用中", f"H29.3.{1 + number % 31}", f"D-{number % 500}", "99201",
    )  # fmt: skip


def write_csv(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(",".join(HEADER) + "\n")
        for number in range(rows):
            stream.write(",".join(str(v) for v in row(number)) + "\n")


def write_xlsx(path: Path, rows: int) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("一覧")
    sheet.append(HEADER)
    for number in range(rows):
        sheet.append(row(number))
    book.save(path)


def measure(path: Path) -> str:
    begun = time.perf_counter()
    report = check_file(path)
    wall = time.perf_counter() - begun
    line = f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {report.verdict}, {len(report.rows):,} rows, {wall:.1f} s"
    if not report.rows:
        line += f" ({report.errors[0].code})"
    if sys.platform != "win32":
        import resource

        child = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF)
        line += f", child {child.ru_utime + child.ru_stime:.1f} s of processor, peak {child.ru_maxrss / 1024:.0f} MiB; parent {own.ru_maxrss / 1024:.0f} MiB"
    return line


SERVER = """
import json, sys, threading, time
from pathlib import Path
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.upload_jobs import Request, start_check
from coverage.web.server import serve

region, runs, home, port = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
context = AppContext(region, runs, store_url=str(home / "ledger.sqlite"))
who = Principal("benchmark", Role.ADMIN)
load_tables_into_store(context, who)

def check():
    while not (home / "go").exists():
        time.sleep(0.05)
    begun, phases = time.perf_counter(), {}
    check = start_check(context, Request("sites", "sites.csv", (home / "sites.csv").read_bytes()), principal=who)
    while not check.wait(0.02):
        phases.setdefault(check.phase, time.perf_counter() - begun)
    told = {"seconds": time.perf_counter() - begun, "phase": check.phase, "began": phases,
            "rows": 0 if check.report is None else len(check.report.rows), "moved": [] if check.difference is None else len(check.difference.movements())}
    (home / "done.part").write_text(json.dumps(told))
    (home / "done.part").rename(home / "done")

threading.Thread(target=check, daemon=True).start()
serve(AppContext(region, runs, store_url=str(home / "ledger.sqlite")), port=port)
"""


def responsiveness(home: Path, rows: int, *, runs: Path | None = None, patience_s: float = 600) -> dict[str, Any]:
    """Latency of ``/healthz`` (seconds: n, p50, p95, worst) while ``rows`` rows are checked by the same server, and the
    server's own memory (MB: idle, peak, after; None where the system does not tell it)."""
    write_csv(home / "sites.csv", rows)
    port, log = free_port(), home / "server.log"
    command = [sys.executable, "-c", SERVER, str(PROJECT / "data"), str(runs or home / "runs"), str(home), str(port)]
    with running(command, port=port, cwd=home, environment=environment(), log=log, seconds=patience_s) as server:
        held = [_resident_mb(server.pid)]
        (home / "go").touch()
        asked: list[float] = []
        end = time.monotonic() + patience_s
        while not (home / "done").exists():
            if time.monotonic() > end or server.poll() is not None:
                raise TimeoutError(words(log)[-2000:])
            asked.append(_ask(port) or patience_s)
            held.append(_resident_mb(server.pid))
            time.sleep(0.05)
        held.append(_resident_mb(server.pid))
    asked.sort()
    told: dict[str, Any] = json.loads((home / "done").read_text(encoding="utf-8"))
    known = [mb for mb in held if mb is not None]
    told |= {"idle_mb": held[0], "peak_mb": max(known, default=None), "after_mb": held[-1]}
    return told | {"n": len(asked), "p50": asked[len(asked) // 2], "p95": asked[int(len(asked) * 0.95)], "worst": asked[-1]}


def _resident_mb(pid: int) -> float | None:
    found = _resident_bytes(pid)
    return None if found is None else found / 1e6


def _ask(port: int) -> float | None:
    begun = time.perf_counter()
    try:
        status, _ = get(port, HEALTH)
    except (OSError, http.client.HTTPException):
        return None
    return time.perf_counter() - begun if status == 200 else None


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as name:
        for path, write in ((Path(name) / "sites.csv", write_csv), (Path(name) / "sites.xlsx", write_xlsx)):
            write(path, rows)
            print(measure(path), flush=True)
        home = Path(name) / "home"
        home.mkdir()
        told = responsiveness(home, rows)
        print(
            f"checked by a server: {told['rows']:,} rows in {told['seconds']:.1f} s (phases began {told['began']}); "
            f"health meanwhile, {told['n']} times: p50 {told['p50']:.3f} s, p95 {told['p95']:.3f} s, worst {told['worst']:.2f} s"
        )
        began = told["began"]
        read = began["comparing"] - began["reading"]
        print(
            f"comparing and counting cost {(told['seconds'] - began['comparing']) / read:.1f} times the reading; "
            f"the server's memory (MB): idle {told['idle_mb']:.0f}, peak {told['peak_mb']:.0f}, after {told['after_mb']:.0f}"
            if told["peak_mb"] is not None
            else "the system does not tell how much memory the server holds"
        )


if __name__ == "__main__":
    main()
