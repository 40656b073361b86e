"""Speed of the store with many sites: ``python -m benchmarks.store [--sites 100000] [--url URL]``.

Import of N sites with one operator each, the current state, the ledger as of an earlier moment, a second import of the
same file, backup while a writer goes on, restore, verification. Prints one line a figure and exits 1 when a goal of
the reliability page (import ≤ 60 s, current state ≤ 0.5 s, backup ≤ 60 s at 100,000 sites) is missed. The state is
read cold and in full, as records. Two further lines give the ratio of making the records in bulk to making each by its
own constructor, whatever the machine at hand.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

from coverage.domain.ledger import Funding, Purpose, Site, SiteOperator, Status
from coverage.store.backup import backup, restore
from coverage.store.building import records_from
from coverage.store.canonical import canonical_json
from coverage.store.events import Change, Kind, change_of, packed_changes
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

GOALS = {
    "import": 60.0,
    "current state": 0.5,
    "state as of, valid on": 0.5,
    "backup under writes": 60.0,
}
BY = Actor("benchmark", "admin")


def site_list(number: int) -> list[Change]:
    """``number`` sites spread over a prefecture, one operator each, as an upload states them."""
    changes = []
    for i in range(number):
        site = Site(
            f"S-{i:06d}",
            f"基地局{i:06d}",
            f"24{200 + i % 17:03d}",
            33.8 + (i % 1000) / 1000,
            135.9 + (i // 1000) / 1000,
            Status.IN_SERVICE if i % 3 else Status.PLANNED,
            height_m=20.0 + i % 30,
            funding=Funding.NATIONAL_SUBSIDY,
            purpose=Purpose.RESIDENTIAL,
        )
        operator = SiteOperator(
            site.site_id,
            "operator-a",
            date(2016, 4, 1 + i % 28),
            band="800",
            frequency_mhz=800.0,
            eirp_dbm=57.0,
        )
        changes += [change_of(site, row=i), change_of(operator, row=i)]
    return changes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sites", type=int, default=100_000)
    parser.add_argument("--url", help="a store to fill instead of a temporary SQLite file; it must be empty")
    options = parser.parse_args()
    figures: dict[str, float] = {}

    @contextlib.contextmanager
    def timed(name: str):  # type: ignore[no-untyped-def]
        start, worked = time.perf_counter(), time.process_time()
        yield
        figures[name], cpu = time.perf_counter() - start, time.process_time() - worked
        goal = f"   goal {GOALS[name]:g} s" if name in GOALS else ""
        print(f"{name:28s} {figures[name]:8.2f} s  ({cpu:6.2f} s of processor time){goal}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        url = options.url or str(Path(folder) / "ledger.sqlite")
        changes = site_list(options.sites)
        content = canonical_json(packed_changes(c.plain() for c in changes[:1000])).encode("utf-8")
        with contextlib.closing(open_store(url)) as store:
            print(f"{options.sites} sites, {type(store).__name__}")
            with timed("import"):
                upload = {"by": BY, "table_name": "sites", "file_name": "sites.csv", "content": content}
                store.stage_import(changes, accept=True, **upload)
            before = store.head().seq
            with timed("current state"):
                sites = store.records(Kind.SITE)
            assert len(sites) == options.sites
            columns = [[getattr(site, field.name) for site in sites] for field in dataclasses.fields(Site)]
            with timed("records one by one"):
                one_by_one = list(map(Site, *columns))
            with timed("records in bulk"):
                in_bulk = records_from(Site, columns)
            assert in_bulk == one_by_one
            del columns, one_by_one, in_bulk
            with timed("current state, again"):
                store.records(Kind.SITE)
            with timed("count by municipality (SQL)"), store._read() as session:
                session.all("SELECT municipality_code, COUNT(*) FROM site_current GROUP BY municipality_code")
            with timed("one site"):
                store.get(Kind.SITE, "S-000042")
            with timed("sites in a box"):
                store.sites_within((136.0, 34.0, 136.1, 34.1))
            with timed("the same file again"):
                assert store.stage_import(changes, accept=True, **upload).repeated
            store.put(Kind.SITE, {"site_id": "S-000042", "height_m": 99}, by=BY, expected_version=1)
            with timed("state as of, valid on"):
                store.records(Kind.SITE, as_of=before, valid_on=date(2020, 1, 1))
            with timed("whole ledger"):
                store.ledger()
            with timed("whole ledger, all versions"):
                store.ledger(versions=True)
            stop = threading.Event()
            written = 0

            def write_on() -> None:
                nonlocal written
                while not stop.is_set():
                    store.restate(2017, 1, reason=f"benchmark {written}", by=BY)
                    written += 1

            writer = threading.Thread(target=write_on)
            writer.start()
            target = Path(folder) / "backup.sqlite"
            try:
                with timed("backup under writes"):
                    receipt = backup(store, target)
            finally:
                stop.set()
                writer.join()
            print(f"{'writes during the backup':28s} {written:8d}")
            with timed("verify-audit"):
                assert store.verify_audit((receipt.head,)).ok
        with timed("restore"):
            restored = restore(target, str(Path(folder) / "restored.sqlite"))
        assert restored.counts == receipt.counts
        assert restored.head == receipt.head
    missed = [name for name, goal in GOALS.items() if figures[name] > goal]
    print("goals held" if not missed else f"goals missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
