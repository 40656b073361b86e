"""The journal of the count and what was published; the same on SQLite and PostGIS."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from coverage.domain.ledger import Ledger, Site, SiteOperator, Status
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.store.events import Kind
from coverage.store.protocol import Actor, EditConflictError
from coverage.store.records import Publication

ADMIN = Actor("sato", "admin")


def _sites(store: Any, *years: int) -> None:
    """One site a fiscal year, in service on its last day."""
    ledger = Ledger(
        sites=tuple(Site(f"T-{y}", f"局{y}", "24209", 34.0, 136.2, Status.IN_SERVICE) for y in years),
        site_operators=tuple(SiteOperator(f"T-{y}", "docomo", date(y + 1, 3, 31)) for y in years),
    )
    store.load_ledger(ledger, by=ADMIN, source="見本")


def _open(store: Any, value: int, version: int = 0) -> Any:
    return store.set_opening_balance(
        2015, value, source="政策シート", decided_on=date(2016, 4, 1), by=ADMIN, expected_version=version
    )


def test_the_opening_balance_is_one_number_with_its_source(store: Any) -> None:
    _open(store, 70)
    opening = store.ledger().opening_balances[0]
    assert (opening.fiscal_year, opening.value, opening.source) == (2015, 70, "政策シート")
    with pytest.raises(EditConflictError):
        _open(store, 71)
    _open(store, 71, version=1)
    assert [o.value for o in store.ledger().opening_balances] == [71]
    with pytest.raises(InputError):
        _open(store, -1, version=2)


def test_allocations_beyond_the_balance_are_refused(store: Any) -> None:
    _sites(store, 2010, 2011, 2012)
    with pytest.raises(ConflictError) as caught:
        store.allocate("T-2010", by=ADMIN)
    assert caught.value.code == "opening-balance-missing"
    _open(store, 2)
    store.allocate("T-2010", by=ADMIN, reason="台帳整理")
    store.allocate("T-2011", by=ADMIN)
    with pytest.raises(ConflictError) as caught:
        store.allocate("T-2012", by=ADMIN)
    assert caught.value.code == "opening-balance-exhausted"
    assert [a.site_id for a in store.ledger().allocations] == ["T-2010", "T-2011"]
    assert store.allocate("T-2011", by=ADMIN).events == ()
    with pytest.raises(ConflictError) as caught:
        _open(store, 1, version=1)
    assert caught.value.code == "opening-balance-below-allocations"


def test_a_site_of_a_later_year_is_not_allocated(store: Any) -> None:
    _sites(store, 2015, 2016)
    _open(store, 10)
    store.allocate("T-2015", by=ADMIN)
    with pytest.raises(InputError) as caught:
        store.allocate("T-2016", by=ADMIN)
    assert caught.value.code == "allocation-after-opening"
    with pytest.raises(NotFoundError):
        store.allocate("T-9999", by=ADMIN)


def test_a_restatement_is_an_entry_with_author_and_reason(store: Any) -> None:
    store.restate(2016, -1, reason="二重計上の訂正", by=ADMIN)
    entry = store.ledger().restatements[0]
    assert (entry.effective_fy, entry.amount, entry.author, entry.reason) == (
        2016,
        -1,
        "sato",
        "二重計上の訂正",
    )
    with pytest.raises(EditConflictError):
        store.restate(2016, -1, reason="二重計上の訂正", by=ADMIN)
    for amount, reason in ((0, "訂正"), (1, " ")):
        with pytest.raises(InputError):
            store.restate(2016, amount, reason=reason, by=ADMIN)


def test_a_published_year_keeps_its_printed_value(store: Any) -> None:
    store.freeze_year(2016, 71, published_on=date(2017, 6, 30), by=ADMIN)
    assert store.freeze_year(2016, 71, published_on=date(2017, 6, 30), by=ADMIN).events == ()
    with pytest.raises(ConflictError) as caught:
        store.freeze_year(2016, 72, published_on=date(2017, 7, 1), by=ADMIN)
    assert caught.value.code == "year-already-frozen"
    assert "71" in caught.value.ja
    assert [(f.fiscal_year, f.value) for f in store.ledger().frozen_years] == [(2016, 71)]


def test_the_last_answer_on_two_near_sites_holds_in_either_order(store: Any) -> None:
    _sites(store, 2016, 2017)
    store.answer_distinct("T-2017", "T-2016", same=True, by=ADMIN)
    store.answer_distinct("T-2016", "T-2017", same=False, by=Actor("kato", "planner"))
    answers = store.ledger().distinct_answers
    assert [(a.site_id_a, a.site_id_b, a.same, a.answered_by) for a in answers] == [
        ("T-2016", "T-2017", False, "kato")
    ]
    with pytest.raises(InputError):
        store.answer_distinct("T-2016", "T-2016", same=True, by=ADMIN)
    with pytest.raises(NotFoundError):
        store.answer_distinct("T-2016", "T-9", same=True, by=ADMIN)


def _count(ledger: Ledger, publication: Publication) -> Mapping[str, Any]:
    """A count of our own: sites in service by the end of the fiscal year, by the day that the publication stands on."""
    counted = [
        o for o in ledger.site_operators if o.in_service_date and o.in_service_date <= date(2018, 3, 31)
    ]
    return {"40604:2017": 70 + len(counted), "sites": sorted(o.site_id for o in counted)}


def test_a_publication_is_kept_as_bytes_and_computed_again(store: Any) -> None:
    _sites(store, 2016, 2017)
    published = store.publish(
        "count",
        b'{"40604": 72}',
        media_type="application/json",
        values={"40604:2017": 72, "sites": ["T-2016", "T-2017"]},
        published_on=date(2018, 6, 30),
        by=ADMIN,
        parameters={"funding": ["国補助"]},
        freeze={2017: 72},
    )
    assert store.content(published.content_sha256) == b'{"40604": 72}'
    assert store.publications(subject="count")[0].values == published.values
    assert store.publications(subject="run") == ()
    assert store.ledger().frozen_years[0].value == 72
    _sites(store, 2012)
    check = store.verify_publication(published.publication_id, _count)
    assert check.ok
    assert check.publication.as_of_tx == 1
    wrong = store.verify_publication(published.publication_id, lambda *_: {"40604:2017": 71, "extra": 1})
    assert [(d.name, d.published, d.recomputed) for d in wrong.differences] == [
        ("40604:2017", 72, 71),
        ("extra", None, 1),
        ("sites", ["T-2016", "T-2017"], None),
    ]
    with pytest.raises(NotFoundError):
        store.verify_publication("P000099-00000000", _count)


def test_a_publication_whose_bytes_were_changed_is_found(store: Any, tamper: Any) -> None:
    published = store.publish(
        "count", b"72", media_type="text/plain", values={}, published_on=date(2018, 6, 30), by=ADMIN
    )
    literal = "X'3733'" if "sqlite" in type(store).__name__.lower() else "'\\x3733'"
    tamper([f"UPDATE content SET bytes = {literal}"])
    assert not store.verify_publication(published.publication_id, lambda *_: {}).bytes_ok
    assert "content-damaged" in {f.code for f in store.verify_audit().findings}


def test_publishing_against_a_published_year_writes_nothing(store: Any) -> None:
    store.freeze_year(2016, 71, published_on=date(2017, 6, 30), by=ADMIN)
    head = store.head()
    for more, error in (
        ({"freeze": {2016: 72}}, ConflictError),
        ({"as_of_tx": 99}, InputError),
    ):
        with pytest.raises(error):
            store.publish(
                "count",
                b"72",
                media_type="text/plain",
                values={"a": 1.5},
                published_on=date(2018, 6, 30),
                by=ADMIN,
                **more,
            )
    with pytest.raises(InputError):
        store.publish(
            "count", b"", media_type="text/plain", values={}, published_on=date(2018, 6, 30), by=ADMIN
        )
    assert store.head() == head
    assert store.counts()["content"] == 0


def test_runs_datasets_settings_and_scenarios_are_kept_in_versions(store: Any) -> None:
    run = {
        "run_id": "0123456789abcdef",
        "digest": "0" * 64,
        "region_id": "mihon",
        "as_of_tx": 0,
        "summary": {"人": 12.5},
    }
    store.put(Kind.RUN, run, by=ADMIN, expected_version=0, action="run")
    files = [["N03.geojson", "0" * 64]]
    store.put(
        Kind.DATASET,
        {"layer": "boundaries", "edition": "2021-01-01", "digest": "0" * 64, "files": files},
        by=ADMIN,
        expected_version=0,
    )
    store.put(Kind.SETTING, {"name": "achievement_cap", "value": 1.0}, by=ADMIN, expected_version=0)
    store.put(Kind.SETTING, {"name": "achievement_cap", "value": None}, by=ADMIN, expected_version=1)
    store.put(
        Kind.SCENARIO,
        {"name": "案A", "content": {"sites": ["C-1"], "gap": 0.004}},
        by=ADMIN,
        expected_version=0,
    )
    assert store.records(Kind.RUN)[0].summary == {"人": 12.5}
    assert store.records(Kind.DATASET)[0].files == (("N03.geojson", "0" * 64),)
    assert store.records(Kind.SETTING)[0].value is None
    assert store.records(Kind.SETTING, as_of=3)[0].value == 1.0
    assert store.records(Kind.SCENARIO)[0].content == {"sites": ["C-1"], "gap": 0.004}
    with pytest.raises(InputError) as caught:
        store.put(Kind.SETTING, {"name": "x", "value": float("nan")}, by=ADMIN, expected_version=0)
    assert caught.value.code == "value-not-json"
