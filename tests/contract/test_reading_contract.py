"""What stands, read for all records at once, is what stands for each of them asked alone, and what the view shows."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from coverage.domain.ledger import Status
from coverage.store.events import Kind
from coverage.store.protocol import Actor

ADMIN = Actor("sato", "admin")
FIRST = date(2017, 4, 1)


def _edited_at_random(store: Any, clock: Any) -> list[int]:
    """Sites that were entered, stepped to another state, corrected, taken out and entered again; heads on the way."""
    rng = random.Random(71)
    heads = []
    for _ in range(120):
        clock.jump(minutes=rng.randrange(1, 600))
        key = f"T-{rng.randrange(12):02d}"
        held = store.get(Kind.SITE, key)
        last = store.history(Kind.SITE, key)
        version = last[-1].version if last else 0
        stated: dict[str, Any] = {"site_id": key}
        day = FIRST + timedelta(days=rng.randrange(40)) if rng.random() < 0.5 else None
        if held is None:
            stated |= {"name": f"局{key}", "municipality_code": "24209", "lat": 34.0, "lon": 136.2}
            stated |= {"status": Status.PLANNED, "funding": "国補助"}
        elif rng.random() < 0.15:
            heads.append(
                store.retire(Kind.SITE, key, by=ADMIN, expected_version=version, reason="誤登録").head.seq
            )
            continue
        elif rng.random() < 0.5:
            stated |= {"status": rng.choice(list(Status)[:5])}
        else:
            stated |= {"height_m": float(rng.randrange(10, 60)), "name": f"局{rng.randrange(9)}"}
        done = store.put(Kind.SITE, stated, by=ADMIN, expected_version=version, valid_from=day)
        heads.append(done.head.seq)
    return heads


def test_all_at_once_is_each_one_alone_at_every_time_and_day(store: Any, clock: Any) -> None:
    heads = _edited_at_random(store, clock)
    keys = [f"T-{i:02d}" for i in range(12)]
    days = (None, FIRST - timedelta(days=1), FIRST + timedelta(days=13), FIRST + timedelta(days=60))
    seen = set()
    for as_of in (None, 1, *heads[::17]):
        for day in days:
            alone = [store.get(Kind.SITE, key, as_of=as_of, valid_on=day) for key in keys]
            at_once = store.records(Kind.SITE, as_of=as_of, valid_on=day)
            assert at_once == tuple(found.record for found in alone if found is not None), (as_of, day)
            seen.add(at_once)
    assert len(seen) > 10, "the history should show many different states"


def test_all_at_once_is_what_the_view_shows(store: Any, clock: Any) -> None:
    _edited_at_random(store, clock)
    with store._read() as session:
        shown = session.all("SELECT site_id, name, status, height_m FROM site_current ORDER BY key")
    assert [tuple(row) for row in shown] == [
        (site.site_id, site.name, site.status, site.height_m) for site in store.records(Kind.SITE)
    ]
    assert 5 < len(shown) <= 12


def test_more_records_than_one_batch_come_whole_and_in_order(store: Any) -> None:
    from coverage.store.events import Change
    from coverage.store.session import BATCH

    number = 2 * BATCH + 3
    rows = [
        Change(
            Kind.SITE,
            {
                "site_id": f"S-{i:05d}",
                "name": f"局{i}",
                "municipality_code": "24209",
                "lat": 34.0,
                "lon": 136.0 + i / 1e5,
                "status": "計画",
            },
            row=i,
        )
        for i in range(number)
    ]
    store.stage_import(rows, accept=True, by=ADMIN, table_name="sites", file_name="sites.csv", content=b"x")
    sites = store.records(Kind.SITE)
    assert [site.site_id for site in sites] == [f"S-{i:05d}" for i in range(number)]
    assert [site.lon for site in sites] == [136.0 + i / 1e5 for i in range(number)]
