"""Work of minutes in a process of its own, watched from outside: start, look, cancel.

All that is known of a job lies in its folder ``.job-<id>`` beside the results: who started it and when, how far it is,
what came of it. So a page that is loaded anew, another server on the same folder and a server that was started again see
the same job. A job that attached itself (:func:`attach`) holds a lock for as long as it lives, which nobody has to guess
from a process number; and it ends with its server, however that ends, because the server holds the other end of its
standard input.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from coverage.errors import CoverageGapError, StorageError
from coverage.runs.lock import Lock, holder
from coverage.services.context import AppContext

log = logging.getLogger(__name__)

State = Literal["running", "done", "failed", "cancelled"]
PREFIX: Final = ".job-"
_RECORD, _LOCK, _PROGRESS, _CANCELLED = "job.json", "alive", "progress.json", "cancelled"
_GRACE_S: Final = 5.0
_STARTING_S: Final = 15.0
"""How long a process of another server may take until it holds its lock."""


@dataclass(frozen=True)
class Job:
    """Where a job stands. ``fraction`` 0–1; ``said``: the whole of what it reported; ``answer``: what came of it."""

    job_id: str
    kind: str
    owner: str
    started_at: datetime
    state: State
    fraction: float = 0.0
    text: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    returncode: int | None = None

    @property
    def error(self) -> Mapping[str, str]:
        """``code``, ``ja`` and ``en`` of the error that it ended with; empty where it said none."""
        found = self.answer.get("error", {})
        return found if isinstance(found, Mapping) else {}


_own: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
_lock = threading.Lock()


# --- Starting, looking, cancelling: the server's side ------------------------------------------------------------------


def start(
    kind: str,
    command: Callable[[Path], Sequence[str]],
    *,
    root: Path,
    owner: str,
    environment: Mapping[str, str],
    request: Mapping[str, Any] | None = None,
    job_id: str = "",
) -> str:
    """Start ``command(folder)`` as a job below ``root``; returns its id.

    ``request`` is put into the folder for the process to read (:func:`request_of`); nothing secret goes in, secrets
    travel in ``environment``. Raises StorageError where the folder cannot be written.
    """
    job_id = job_id or uuid.uuid4().hex
    folder = root.resolve() / f"{PREFIX}{job_id}"
    record = {
        "job_id": job_id,
        "kind": kind,
        "owner": owner,
        "started_at": datetime.now(UTC).isoformat(),
        "request": dict(request or {}),
    }
    try:
        folder.mkdir(parents=True)
        (folder / _RECORD).write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = subprocess.Popen(
                list(command(folder)), stdin=subprocess.PIPE, stdout=out, stderr=err, env=dict(environment),
                start_new_session=os.name != "nt",
            )  # fmt: skip
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StorageError(
            "job-not-started",
            f"計算を始められません（{error.strerror or error}）。空き容量と書き込み権限を確かめてください。",
            f"The work cannot be started ({error.strerror or error}); check free space and permissions.",
        ) from error
    with _lock:
        _own[job_id] = (process, folder)
    return job_id


def look(root: Path, job_id: str) -> Job | None:
    """Where a job stands; None where there is none of that id below ``root``."""
    if not job_id.isalnum():
        return None
    return _look(root.resolve() / f"{PREFIX}{job_id}")


def find(job_id: str) -> tuple[Path, Job] | None:
    """Root and state of a job that this server started."""
    with _lock:
        held = _own.get(job_id)
    job = None if held is None else _look(held[1])
    return None if held is None or job is None else (held[1].parent, job)


def listing(root: Path, kind: str = "") -> list[Job]:
    """The jobs below ``root``, newest first."""
    if not root.is_dir():
        return []
    found = [_look(folder) for folder in root.resolve().glob(f"{PREFIX}*")]
    jobs = [job for job in found if job is not None and kind in ("", job.kind)]
    return sorted(jobs, key=lambda job: job.started_at, reverse=True)


def cancel(root: Path, job_id: str) -> None:
    """End a job with all that it started; nothing where it has ended. Returns when it is gone."""
    job = look(root, job_id)
    if job is None or job.state != "running":
        return
    folder = root.resolve() / f"{PREFIX}{job_id}"
    (folder / _CANCELLED).touch()
    with _lock:
        held = _own.get(job_id)
    if held is not None:
        _end(held[0].pid, partial(_runs, held[0]))
        return
    signed = holder(folder / _LOCK) or {}
    if isinstance(signed.get("pid"), int):
        _end(signed["pid"], lambda: holder(folder / _LOCK) is not None)


def forget(root: Path, job_id: str) -> None:
    """Drop an ended job with its files; one that runs stays."""
    job = look(root, job_id)
    if job is None or job.state == "running":
        return
    folder = root.resolve() / f"{PREFIX}{job_id}"
    if job.state == "failed":
        with suppress(OSError):
            last = (folder / "err").read_text(encoding="utf-8", errors="replace")[-4000:]
            log.warning("%s of %s failed (exit code %s): %s", job.kind, job.owner, job.returncode, last)
    _drop(folder)


def sweep(root: Path, *, keep_s: float = 0.0) -> int:
    """Remove the folders of jobs that ended more than ``keep_s`` seconds ago, also of crashed ones; returns how many."""
    if not root.is_dir():
        return 0
    removed = 0
    for folder in root.resolve().glob(f"{PREFIX}*"):
        job = _look(folder)
        with suppress(OSError):
            # Its files are as old as the last thing that the job said.
            last = max((path.stat().st_mtime for path in folder.iterdir()), default=folder.stat().st_mtime)
            if (job is None or job.state != "running") and time.time() - last >= keep_s:
                _drop(folder)
                removed += 1
    return removed


def environment_of(context: AppContext) -> dict[str, str]:
    """The store's address may hold a password: it travels in the environment, never on the command line."""
    # A Windows console's own code page cannot say every name; the answer is read as UTF-8.
    own = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    if context.store_url is not None:
        own["COVERAGE_GAP_STORE"] = context.store_url
    return own


def _drop(folder: Path) -> None:
    with _lock:
        held = _own.pop(folder.name.removeprefix(PREFIX), None)
    if held is not None and held[0].stdin is not None:
        held[0].stdin.close()
    shutil.rmtree(folder, ignore_errors=True)


def _look(folder: Path) -> Job | None:
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        started_at = datetime.fromisoformat(record["started_at"])
        job_id, kind, owner = (str(record[name]) for name in ("job_id", "kind", "owner"))
    except (OSError, ValueError, KeyError, TypeError):
        # Removed a moment ago, or cut off while it was written: no job.
        return None
    with _lock:
        held = _own.get(job_id)
    if held is not None:
        alive, code = held[0].poll() is None, held[0].returncode
    else:
        signed = holder(folder / _LOCK)
        young = (
            not (folder / _LOCK).exists() and (datetime.now(UTC) - started_at).total_seconds() < _STARTING_S
        )
        alive, code = signed is not None or young, None
    said = _json(folder / _PROGRESS)
    answer: dict[str, Any] = {}
    state: State = "running"
    if not alive:
        answer = _answer(folder)
        if answer and "error" not in answer and code in (0, None):
            state = "done"
        else:
            state = "cancelled" if (folder / _CANCELLED).exists() else "failed"
    return Job(
        job_id=job_id,
        kind=kind,
        owner=owner,
        started_at=started_at,
        state=state,
        fraction=1.0 if state == "done" else _number(said.get("fraction")),
        text=str(said.get("text") or ""),
        said=said,
        answer=answer,
        returncode=code,
    )


def _number(value: Any) -> float:
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else 0.0


def _json(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Not written yet, or just being replaced.
        return {}
    return said if isinstance(said, dict) else {}


def _answer(folder: Path) -> dict[str, Any]:
    """The last line of the standard output, where it is a JSON object."""
    try:
        lines = (folder / "out").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        answer = json.loads(lines[-1]) if lines else {}
    except (OSError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _end(pid: int, alive: Callable[[], bool]) -> None:
    """End a process and everything that it started. ``alive`` says whether it still runs."""
    if os.name == "nt":
        # Ending the parent alone would leave its workers, and a virtual environment's launcher is a parent too.
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    if os.name != "nt":
        # Also what ignored the polite word, or lost its parent by it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + _GRACE_S
    while alive() and time.monotonic() < deadline:
        time.sleep(0.02)


def _runs(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


@atexit.register
def _end_all() -> None:
    """A server that stops leaves no process behind that works for nobody, and no folder of one."""
    for process, folder in list(_own.values()):
        if process.poll() is None:
            _end(process.pid, partial(_runs, process))
        _drop(folder)


# --- The job's own side ------------------------------------------------------------------------------------------------

_attached: list[Lock] = []


def attach(folder: Path) -> None:
    """First thing in a job's process: hold the folder's lock from now on, and end when the server has ended.

    Only for a process that :func:`start` made: its standard input is a pipe that the server holds open.
    """
    _attached.append(Lock(folder / _LOCK, {"pid": os.getpid()}))
    threading.Thread(target=_end_with_server, daemon=True).start()


def _end_with_server() -> None:
    # Nothing is ever written into the pipe; it closes when the server ends, also by a kill.
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(os.getpid())], capture_output=True, check=False)
    elif os.getpgid(0) == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def request_of(folder: Path) -> dict[str, Any]:
    """What :func:`start` was given for the process."""
    found = _json(folder / _RECORD).get("request", {})
    return found if isinstance(found, dict) else {}


def owner_of(folder: Path) -> str:
    """Who started the job."""
    return str(_json(folder / _RECORD).get("owner", ""))


def perform(folder: Path, work: Callable[[Callable[[float, str], None]], Mapping[str, Any]]) -> int:
    """Do ``work(progress)`` and say what came of it as the last line of the standard output; returns the exit code."""

    def progress(fraction: float, text: str) -> None:
        part = folder / f"{_PROGRESS}.part"
        # On Windows the file cannot be replaced while somebody reads it: the next step says it again.
        with suppress(PermissionError):
            part.write_text(
                json.dumps({"fraction": fraction, "text": text}, ensure_ascii=False), encoding="utf-8"
            )
            os.replace(part, folder / _PROGRESS)

    try:
        answer, code = dict(work(progress)), 0
    except CoverageGapError as error:
        answer, code = {"error": error.as_dict()}, error.exit_code
    except Exception:
        # The whole story is for the log; the page says how it ended.
        traceback.print_exc()
        answer, code = {}, 1
    print(json.dumps(answer, ensure_ascii=False), flush=True)
    return code


def run_attached(work: Callable[[Path, Callable[[float, str], None]], Mapping[str, Any]]) -> None:
    """``main`` of a job's module: the folder is the only argument."""
    folder = Path(sys.argv[1])
    attach(folder)
    raise SystemExit(perform(folder, lambda progress: work(folder, progress)))
