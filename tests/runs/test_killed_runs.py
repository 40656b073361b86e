"""Kills in the middle of a computation cost what was in flight and change no byte; progress never goes back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coverage.runs.executors import SerialExecutor
from coverage.runs.footprints import compute_footprints

from .small_network import PROGRAM, files_of, network


def _start(work: Path, log: Path, kind: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(work), str(log), kind, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _starts(log: Path) -> list[str]:
    return log.read_text(encoding="ascii").split() if log.exists() else []


def _wait_for_starts(process: subprocess.Popen[str], log: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(set(_starts(log))) < count:
        assert process.poll() is None, "the program ended before it could be killed"
        assert time.monotonic() < deadline, "the program does not get on"
        time.sleep(0.003)


def _kill_many_times(tmp_path: Path, kind: str, *, kills: int, count: int) -> None:
    rng = random.Random(2_024)
    work, log = tmp_path / "killed", tmp_path / "starts"
    fractions: list[float] = []
    for number in range(kills):
        process = _start(work, log, kind, count)
        assert process.stdout is not None
        _wait_for_starts(process, log, int(count * (number + 0.5) / (kills + 3)))
        time.sleep(rng.random() * 0.03)
        assert process.poll() is None, "the kill comes in the middle of the work"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        text = process.stdout.read()
        process.stdout.close()
        fractions += [float(line) for line in text.split("\n")[:-1] if line]
    last = subprocess.run(
        [sys.executable, str(PROGRAM), str(work), str(log), kind, str(count)],
        check=True,
        capture_output=True,
        text=True,
    )
    fractions += [float(line) for line in last.stdout.split()]
    starts = _starts(log)
    assert len(starts) - len(set(starts)) <= kills + 0.10 * count, "redone work"
    assert len(set(starts)) == count
    assert fractions == sorted(fractions), "progress never goes back, across kills either"
    assert fractions[-1] == 1.0
    calm = tmp_path / "calm"
    compute_footprints(
        network.terrain(), network.cells(count), network.RADIO, work=calm, executor=SerialExecutor()
    )
    assert files_of(work) == files_of(calm), "the same bytes as an uninterrupted run"


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 of a process group is POSIX")


@posix_only
def test_kills_in_the_middle_cost_what_was_in_flight(tmp_path: Path) -> None:
    _kill_many_times(tmp_path, "serial", kills=5, count=120)


@posix_only
def test_killing_a_pool_costs_what_its_workers_held(tmp_path: Path) -> None:
    _kill_many_times(tmp_path, "processes", kills=2, count=120)


@posix_only
@pytest.mark.soak
@pytest.mark.parametrize("kind", ["serial", "processes"])
def test_twenty_kills_end_in_the_same_bytes(tmp_path: Path, kind: str) -> None:
    _kill_many_times(tmp_path, kind, kills=20, count=400)


@posix_only
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    process = _start(tmp_path / "work", tmp_path / "starts", "processes", 4_000)
    _wait_for_starts(process, tmp_path / "starts", 3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    deadline = time.monotonic() + 5
    while _alive_in_session(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.stdout.close()
    assert not _alive_in_session(process.pid)


def _alive_in_session(leader: int) -> list[int]:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return []
    return [leader]
