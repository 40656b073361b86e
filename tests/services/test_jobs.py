"""Jobs: seen by everybody on the same folder, ended with all that they started, and never without a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coverage.errors import StorageError
from coverage.runs.lock import HeldError, Lock, held, holder
from coverage.services import jobs

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="kills and process groups: POSIX; Windows ends the tree by taskkill"
)

# A job that says how far it is, starts a process of its own, and waits.
WAITS = """
import subprocess, sys, time
from coverage.services import jobs
def work(folder, progress):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    (folder / "grandchild").write_text(str(child.pid))
    progress(0.25, "半分の半分 / a quarter")
    time.sleep(300)
jobs.run_attached(work)
"""
ANSWERS = """
import sys
from coverage.errors import InputError
from coverage.services import jobs
def work(folder, progress):
    progress(0.5, "途中 / half")
    given = jobs.request_of(folder)
    if given.get("refuse"):
        raise InputError("no-sea", "海がありません。", "There is no sea.")
    if given.get("break"):
        raise KeyError("sea")
    return {"sum": given["a"] + given["b"], "by": jobs.owner_of(folder)}
jobs.run_attached(work)
"""
SERVER = """
import sys, time
from pathlib import Path
from coverage.services import jobs
job = jobs.start("run", lambda folder: [sys.executable, "-c", sys.argv[2], str(folder)], root=Path(sys.argv[1]), owner="x",
                 environment=__import__("os").environ)
print(job, flush=True)
if sys.argv[3] == "stay":
    time.sleep(300)
while not (Path(sys.argv[1]) / f".job-{job}" / "grandchild").exists():
    time.sleep(0.05)
"""


def _start(root: Path, code: str, **request: object) -> str:
    return jobs.start(
        "run", lambda folder: [sys.executable, "-c", code, str(folder)],
        root=root, owner="花子", environment=os.environ, request=request,
    )  # fmt: skip


def _until(done: object, what: str) -> None:
    for _ in range(600):
        if done():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise AssertionError(f"half a minute, and not yet: {what}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # A process that nobody has fetched yet is dead all the same.
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _grandchild(root: Path, job: str) -> int:
    file = root / f".job-{job}" / "grandchild"
    _until(lambda: file.exists() and file.read_text(), "the job started its own process")
    return int(file.read_text())


@pytest.fixture
def waiting(tmp_path):
    """A job that runs, with a process of its own; ended afterwards whatever happened."""
    job = _start(tmp_path, WAITS)
    yield job, _grandchild(tmp_path, job)
    jobs.cancel(tmp_path, job)
    jobs.forget(tmp_path, job)


def test_an_answer_an_error_and_a_crash_are_told_apart(tmp_path):
    sound = _start(tmp_path, ANSWERS, a=2, b=3)
    refused = _start(tmp_path, ANSWERS, refuse=True)
    broken = _start(tmp_path, ANSWERS, **{"break": True})
    for job in (sound, refused, broken):
        _until(lambda job=job: jobs.look(tmp_path, job).state != "running", "the job ended")
    seen = {job: jobs.look(tmp_path, job) for job in (sound, refused, broken)}
    assert (seen[sound].state, dict(seen[sound].answer)) == ("done", {"sum": 5, "by": "花子"})
    assert (seen[sound].fraction, seen[sound].owner) == (1.0, "花子")
    assert (seen[refused].state, seen[refused].error["code"]) == ("failed", "no-sea")
    assert (seen[broken].state, dict(seen[broken].answer), seen[broken].returncode) == ("failed", {}, 1)
    assert [j.job_id for j in jobs.listing(tmp_path, "run")] == [broken, refused, sound]
    assert jobs.listing(tmp_path, "plan") == []
    for job in (sound, refused, broken):
        jobs.forget(tmp_path, job)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_job_leaves_its_story_in_the_log(tmp_path, caplog):
    job = _start(tmp_path, ANSWERS, **{"break": True})
    _until(lambda: jobs.look(tmp_path, job).state == "failed", "the job failed")
    jobs.forget(tmp_path, job)
    assert "KeyError: 'sea'" in caplog.text


def test_progress_is_seen_from_another_process(tmp_path, waiting):
    job, _ = waiting
    _until(lambda: jobs.look(tmp_path, job).fraction == 0.25, "the job said how far it is")
    told = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; from coverage.services import jobs;"
         "j = jobs.listing(Path(sys.argv[1]))[0]; print(j.state, j.fraction, j.text)", str(tmp_path)],
        capture_output=True, text=True, encoding="utf-8", env={**os.environ, "PYTHONIOENCODING": "utf-8"}, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == "running 0.25 半分の半分 / a quarter"


def test_cancelling_ends_what_the_job_started_too(tmp_path, waiting):
    job, grandchild = waiting
    assert _lives(grandchild)
    jobs.cancel(tmp_path, job)
    assert jobs.look(tmp_path, job).state == "cancelled"
    _until(lambda: not _lives(grandchild), "the job's own process ended")


def test_another_server_on_the_folder_cancels_as_well(tmp_path, waiting):
    job, grandchild = waiting
    subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; from coverage.services import jobs;"
         "jobs.cancel(Path(sys.argv[1]), sys.argv[2])", str(tmp_path), job],
        check=True,
    )  # fmt: skip
    assert jobs.look(tmp_path, job).state == "cancelled"
    _until(lambda: not _lives(grandchild), "the job's own process ended")


def test_a_job_that_was_killed_is_failed_and_never_taken_for_running(tmp_path, waiting):
    job, grandchild = waiting
    os.kill(holder(tmp_path / f".job-{job}" / "alive")["pid"], signal.SIGKILL)
    _until(lambda: jobs.look(tmp_path, job).state == "failed", "the kill was seen")
    assert holder(tmp_path / f".job-{job}" / "alive") is None
    os.kill(grandchild, signal.SIGKILL)


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_a_server_that_ends_leaves_no_orphan(tmp_path, end):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path), WAITS, "stay" if end == "kill" else "leave"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    job = server.stdout.readline().strip()
    grandchild = _grandchild(tmp_path, job)
    signed = tmp_path / f".job-{job}" / "alive"
    own = (holder(signed) or {}).get("pid")
    if end == "kill":
        server.kill()
    server.wait(30)
    server.stdout.close()
    _until(lambda: not _lives(grandchild), "the job's own process ended with the server")
    # The signal reaches the whole group at once, but which of the two is gone first is the kernel's affair.
    _until(lambda: own is None or not _lives(own), "the job itself ended with the server")
    # What a killed server leaves is swept away by the next; one that ends in order sweeps itself.
    assert [j.state for j in jobs.listing(tmp_path)] == (["failed"] if end == "kill" else [])
    jobs.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sweeping_keeps_what_runs_and_what_is_young(tmp_path, waiting):
    job, _ = waiting
    ended = _start(tmp_path, ANSWERS, a=1, b=1)
    _until(lambda: jobs.look(tmp_path, ended).state == "done", "the job ended")
    (tmp_path / ".job-broken").mkdir()
    assert jobs.sweep(tmp_path, keep_s=3600) == 0
    assert jobs.sweep(tmp_path) == 2
    assert [p.name for p in tmp_path.iterdir()] == [f".job-{job}"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be started"):
        _start(tmp_path / "file", ANSWERS)


def test_ids_that_are_no_plain_names_find_nothing(tmp_path):
    assert jobs.look(tmp_path, "../etc") is None
    assert jobs.look(tmp_path / "nowhere", "abc") is None
    assert jobs.listing(tmp_path / "nowhere") == []


def test_a_lock_says_who_holds_it_and_ends_with_its_process(tmp_path):
    path = tmp_path / "lock"
    assert holder(path) is None
    code = (
        "import sys, time; from pathlib import Path; from coverage.runs.lock import Lock;"
        "lock = Lock(Path(sys.argv[1]), {'by': '太郎'}); print('held', flush=True); time.sleep(300)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert holder(path) == {"by": "太郎"}
    with pytest.raises(HeldError) as refused:
        Lock(path, {"by": "花子"})
    assert refused.value.holder == {"by": "太郎"}
    process.kill()
    process.wait()
    process.stdout.close()
    assert holder(path) is None
    with held(path, {"by": "花子"}):
        assert holder(path) == {"by": "花子"}
    assert holder(path) is None
    assert list(tmp_path.iterdir()) == []


def test_of_many_who_take_a_lock_one_after_the_other_no_two_ever_hold_it(tmp_path):
    code = """
import sys, time
from pathlib import Path
from coverage.runs.lock import HeldError, Lock
path, log = Path(sys.argv[1]) / "lock", Path(sys.argv[1]) / "log"
for _ in range(25):
    try:
        lock = Lock(path, {"by": sys.argv[2]})
    except HeldError:
        continue
    with log.open("a", encoding="utf-8") as out: out.write("+\\n")
    time.sleep(0.002)
    with log.open("a", encoding="utf-8") as out: out.write("-\\n")
    lock.release()
"""
    crowd = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(i)]) for i in range(4)]
    assert [one.wait(60) for one in crowd] == [0, 0, 0, 0]
    steps = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert len(steps) >= 50
    assert steps == ["+", "-"] * (len(steps) // 2)
