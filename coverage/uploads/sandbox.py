"""Runs the child, watches its clock and its memory, and reads nothing from it but the report."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coverage.errors import CoverageGapError, StorageError
from coverage.uploads.limits import DEFAULT_LIMITS, Limits
from coverage.uploads.quarantine import quarantine
from coverage.uploads.report import Report, rejection
from coverage.uploads.stored_rows import StoredRows, read_report

_LARGEST_REPORT = 512 * 1024 * 1024
_KEPT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "PROJ_DATA", "PROJ_LIB")


def check_file(
    path: Path,
    *,
    kind: str = "sites",
    client_name: str | None = None,
    answers: Mapping[str, Any] | None = None,
    operators: Mapping[str, str] | None = None,
    region_wkb: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    cancelled: Callable[[], bool] | None = None,
    rows_in_memory: int | None = None,
    keep: Callable[[], Path] | None = None,
) -> Report:
    """The report on one upload; never raises for what the file holds.

    ``kind``: "sites" or another table of product rule §2. ``client_name``: the name it came with (a label only).
    ``answers``: what a person was asked (axes, datum, crs, sheet, layer, columns). ``operators``: name → id.
    ``region_wkb``: outline for the region check in hexadecimal WKB, None to skip it. ``cancelled`` is asked ten times a
    second; where it says yes the child is ended and the report is the rejection "reading-cancelled". ``keep`` names a file:
    the rows of a report with more than ``rows_in_memory`` of them stay there (:class:`StoredRows`).
    Raises StorageError where this machine has no room, InputError where ``path`` cannot be read.
    """
    try:
        with quarantine(path, client_name or path.name, limits) as held:
            job = {
                "path": str(held.path),
                "label": held.label,
                "format": held.format,
                "kind": kind,
                "limits": asdict(limits),
                "answers": dict(answers or {}),
                "operators": None if operators is None else dict(operators),
                "region": region_wkb,
            }
            report = _run_child(job, limits, cancelled, rows_in_memory, keep)
            report.understood |= {"file": held.label, "sha256": held.sha256, "bytes": held.size}
            return report
    except CoverageGapError as error:
        if error.code in {"file-missing", "quarantine-not-written"}:
            raise
        return rejection(error.code, error.ja, error.en)


def _run_child(
    job: dict[str, Any],
    limits: Limits,
    cancelled: Callable[[], bool] | None = None,
    rows_in_memory: int | None = None,
    keep: Callable[[], Path] | None = None,
) -> Report:
    with tempfile.TemporaryDirectory(prefix="coverage-gap-job-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        out = folder / "report.json"
        job_file = folder / "job.json"
        job_file.write_text(json.dumps({**job, "out": str(out)}, ensure_ascii=False), encoding="utf-8")
        command = [sys.executable, "-s", "-P", "-m", "coverage.uploads.child", str(job_file)]
        new_group: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **new_group,
        )
        job_object = None
        try:
            if os.name == "nt":
                from coverage.uploads.windows_job import confine

                job_object = confine(child.pid, limits.memory_bytes)
            ended = _watch(child, limits, cancelled)
        finally:
            _kill(child)
            if job_object is not None:
                job_object.close()
        if ended is not None:
            return ended
        if child.returncode != 0 or not out.is_file() or out.stat().st_size > _LARGEST_REPORT:
            return _died()
        try:
            report = read_report(out, at_most=rows_in_memory if keep is not None else None)
        except (ValueError, KeyError, TypeError, AttributeError):
            # Whoever took the child over writes what they like; here it is a report or it is nothing.
            return _died()
        if isinstance(report.rows, StoredRows) and keep is not None:
            report.rows.path = _kept(out, keep)
        return report


def _kept(out: Path, keep: Callable[[], Path]) -> Path:
    try:
        target = keep()
        shutil.move(out, target)
    except OSError as problem:
        raise StorageError(
            "quarantine-not-written",
            f"調べた一覧の控えを書けません（{problem.strerror or problem}）。空き容量と書き込み権限を確かめてください。",
            f"What was read of the list cannot be kept ({problem.strerror or problem}); check free space and permissions.",
        ) from problem
    return target


def _died() -> Report:
    return rejection(
        "reader-died",
        "ファイルを読む途中で安全のため打ち切りました。ファイルが壊れているか大きすぎます。",
        "Reading was cut off for safety; the file is damaged or too large.",
    )


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in _KEPT}
    package_root = str(Path(__file__).resolve().parents[2])
    return kept | {
        "PYTHONPATH": package_root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        # Every part of a workbook was searched for a DOCTYPE before openpyxl sees it: its fast XML parser is safe, and
        # the guarded one, written in Python, needs five times as long.
        "OPENPYXL_DEFUSEDXML": "False",
        # One thread each: every further one maps memory that the limit counts.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # No GDAL is loaded here; should one ever be, it finds no driver and a dead proxy.
        "GDAL_SKIP": "VRT,WFS,HTTP,GDALG",
        "GDAL_HTTP_PROXY": "127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }


def _watch(
    child: subprocess.Popen[bytes], limits: Limits, cancelled: Callable[[], bool] | None = None
) -> Report | None:
    """Wait for the end; a breach of clock or memory ends in a rejection."""
    deadline = time.monotonic() + limits.wall_s
    while True:
        try:
            child.wait(timeout=0.1)
            return None
        except subprocess.TimeoutExpired:
            pass
        if cancelled is not None and cancelled():
            return rejection("reading-cancelled", "読み取りを中止しました。", "Reading was cancelled.")
        if time.monotonic() > deadline:
            return rejection(
                "too-slow",
                f"読み取りが {limits.wall_s:.0f} 秒を超えたため打ち切りました。ファイルを分けてください。",
                f"Reading took more than {limits.wall_s:.0f} seconds and was ended; split the file.",
            )
        used = _resident_bytes(child.pid)
        if used is not None and used > limits.memory_bytes:
            return rejection(
                "too-much-memory",
                "ファイルを読むのに必要なメモリーが上限を超えました。分けて登録してください。",
                "Reading the file needs more memory than allowed; split it.",
            )


def _resident_bytes(pid: int) -> int | None:
    """Resident memory where the system tells it in a file (Linux); elsewhere limits and the Job Object hold."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        if os.name == "posix":
            # The child leads a group of its own: whatever it might have started goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait(timeout=10)
