"""A process of its own that imports into a store; the fault tests start, compete with and kill it.

``writer_process.py imports URL NAME THREADS IMPORTS ROWS``: each thread makes that many imports of that many sites.
``writer_process.py endless URL NAME ROWS``: imports until it is killed.
``writer_process.py once URL NAME ROWS``: one import, the way a command ends: exit code and one sentence.

Every import prints ``BEGIN <key>`` before and ``ACK <key> <import id>`` after the durable commit.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from coverage.domain.ledger import Site, SiteOperator, Status
from coverage.errors import CoverageGapError
from coverage.store.events import Change, change_of
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

_print_lock = threading.Lock()


def say(line: str) -> None:
    with _print_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def site_list(key: str, rows: int) -> list[Change]:
    """``rows`` sites that no other import has, each with one operator."""
    changes = []
    for row in range(rows):
        site = Site(f"{key}-{row:04d}", f"局{row}", "24209", 34.0 + row / 10000, 136.2, Status.IN_SERVICE)
        changes += [change_of(site, row=row), change_of(SiteOperator(site.site_id, "docomo"), row=row)]
    return changes


def import_one(store: object, key: str, rows: int) -> float:
    """Make one import; returns the seconds it took."""
    stage: Callable[..., object] = store.stage_import  # type: ignore[attr-defined]
    say(f"BEGIN {key}")
    start = time.perf_counter()
    receipt = stage(
        site_list(key, rows),
        by=Actor(key, "admin"),
        table_name="sites",
        file_name=f"{key}.csv",
        content=key.encode("utf-8"),
        idempotency_key=key,
        accept=True,
    )
    seconds = time.perf_counter() - start
    say(f"ACK {key} {receipt.import_id}")  # type: ignore[attr-defined]
    return seconds


def main() -> int:
    mode, url, name, *numbers = sys.argv[1:]
    store = open_store(url)
    if mode == "endless":
        number = 0
        while True:
            import_one(store, f"{name}-{number}", int(numbers[0]))
            number += 1
    if mode == "once":
        import_one(store, name, int(numbers[0]))
        store.close()
        return 0
    threads, imports, rows = (int(n) for n in numbers)
    failures: list[str] = []

    def write(thread: int) -> None:
        for number in range(imports):
            try:
                seconds = import_one(store, f"{name}-{thread}-{number}", rows)
                say(f"TOOK {seconds:.4f}")
            except BaseException as problem:
                failures.append(repr(problem))
                say(f"FAILED {problem!r}")

    writers = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store.close()
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CoverageGapError as error:
        print(f"{error.code}: {error.ja} / {error.en}", file=sys.stderr)
        sys.exit(error.exit_code)
