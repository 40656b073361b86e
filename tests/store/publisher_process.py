"""A process of its own that publishes a run, in children that kill themselves on the way; the fault tests start it.

``publisher_process.py RUNS STORE RUN_ID``: each line that it reads is a step, counted from 0: the record in the ledger,
and everything that ``os.fsync`` and ``os.replace`` do. A child publishes and dies before that step. The answer is one
line: the signal that ended it, and the steps where it came to the end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coverage.services import compute, run_publication
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext


def _counted(name: str, work: Callable[..., Any], steps: list[str], last: int) -> Callable[..., Any]:
    def step(*given: Any, **more: Any) -> Any:
        if len(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(name)
        return work(*given, **more)

    return step


def _publish(runs: Path, store_url: str, run_id: str, last: int) -> list[str]:
    steps: list[str] = []
    os.fsync = _counted("fsync", os.fsync, steps, last)
    os.replace = _counted("replace", os.replace, steps, last)
    run_publication.keep_publication = _counted("record", run_publication.keep_publication, steps, last)
    context = AppContext(runs, runs, store_url=store_url)
    compute.publish_run(context, run_id, principal=Principal("kanri", Role.ADMIN))
    return steps


def main() -> int:
    runs, store_url, run_id = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            print(0, *_publish(runs, store_url, run_id, int(line)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
