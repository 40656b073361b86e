"""The books by command: load, count, publish, restate, verify, accept and undo."""

from __future__ import annotations

import json
from datetime import date

import pytest


@pytest.fixture
def place(tiny, tmp_path, monkeypatch):
    tiny.write_tiny_region(tmp_path / "region")
    for name in ("RUNS", "LAYERS"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(tmp_path / "region"))
    monkeypatch.setenv("COVERAGE_GAP_STORE", f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "local")
    return tmp_path


@pytest.fixture
def command(called, place):
    return called


def _totals(command, *more):
    data = json.loads(command("count", "--fy", "2015..2017", "--json", *more).out)
    return {y["fiscal_year"]: y["total"] for y in data["years"]}


def test_ledger_taken_over_from_files_counts_as_the_files_did(place, command, monkeypatch):
    command("ledger", "load")
    from_store = _totals(command)
    monkeypatch.delenv("COVERAGE_GAP_STORE")
    assert from_store == _totals(command) == {2015: 70, 2016: 71, 2017: 71}


def test_published_year_keeps_its_value_and_proves_it(place, command):
    command("ledger", "load")
    done = command("publication", "publish", "28", "--on", "2017-06-01")
    assert "まで続いています" not in done.err
    publication_id = done.out.split("published: ")[1].split()[0]
    listed = json.loads(command("publication", "list", "--json").out)["publications"]
    assert [(p["publication_id"], p["values"]) for p in listed] == [(publication_id, {"count/2015": 70, "count/2016": 71})]
    command("ledger", "restate", "28", "-1", "--reason", "二重計上の訂正")
    assert _totals(command) == {2015: 70, 2016: 71, 2017: 70}, "the published year stands, the correction shows after it"
    checked = command("publication", "verify", publication_id, "--json")
    assert json.loads(checked.out.splitlines()[0]) == {"ok": True, "bytes_ok": True, "differences": []}
    command("publication", "verify", "P999999-nothere", code=3)


def test_publishing_a_year_that_still_runs_says_what_its_value_will_lack(place, command, monkeypatch):
    from coverage.services import journal

    monkeypatch.setattr(journal, "today", lambda: date(2017, 3, 31))
    command("ledger", "load")
    done = command("publication", "publish", "28")
    assert "平成28年度は 2017-03-31 まで続いています" in done.err
    assert "FY2016 runs until 2017-03-31" in done.err
    assert "published: " in done.out


def test_publishing_a_year_without_a_value_is_refused(tiny, place, command):
    from dataclasses import replace

    from coverage.readers.table_writer import write_ledger

    write_ledger(place / "region" / "towers", replace(tiny.tiny_ledger(), opening_balances=()))
    command("ledger", "load")
    refused = command("publication", "publish", "28", code=4)
    assert "開始値" in refused.err
    command("ledger", "opening", "27", "70", "--source", "県の資料")
    assert _totals(command)[2016] == 71


def test_allocation_is_refused_beyond_the_opening_balance(tiny, place, command):
    from dataclasses import replace

    from coverage.domain.ledger import OpeningBalance
    from coverage.readers.table_writer import write_ledger

    write_ledger(place / "region" / "towers", replace(tiny.tiny_ledger(), opening_balances=(OpeningBalance(2015, 1, "見本"),)))
    command("ledger", "load")
    command("ledger", "allocate", "T1")
    refused = command("ledger", "allocate", "T3", code=4)
    assert "開始値 1" in refused.err


def test_staged_import_moves_the_count_only_when_accepted_and_back_when_undone(place, command):
    command("ledger", "load")
    rows = place / "new.csv"
    rows.write_text(
        "site_id,name,operator,lat,lon,municipality_code,status,funding,purpose,in_service_date,districts_served\n"
        "T9,奥局,見本モバイルA,33.541,136.562,99301,供用中,国補助,居住,2017-05-01,D2\n",
        encoding="utf-8",
    )
    done = command("import-sites", rows)
    import_id = done.out.split("ACK ")[1].split()[0]
    assert done.out.strip().endswith("staged")
    assert _totals(command)[2017] == 71
    assert import_id in command("ledger", "imports").out
    assert command("ledger", "accept", import_id).out.strip() == f"ACK {import_id} accepted"
    assert _totals(command)[2017] == 72
    command("ledger", "undo", import_id, "--reason", "誤り")
    assert _totals(command)[2017] == 71
    states = json.loads(command("ledger", "imports", "--json").out)["imports"]
    assert states[0]["state"] == "undone"


def test_returned_import_changes_nothing(place, command):
    command("ledger", "load")
    rows = place / "new.csv"
    rows.write_text("site_id,name,lat,lon,municipality_code\nT8,候補,33.52,136.52,99201\n", encoding="utf-8")
    import_id = command("import-sites", rows).out.split("ACK ")[1].split()[0]
    command("ledger", "return", import_id, "--reason", "図面を添えてください")
    command("ledger", "accept", import_id, code=4)
    assert _totals(command) == {2015: 70, 2016: 71, 2017: 71}


def test_run_from_the_store_names_the_state_of_the_ledger(place, command):
    command("ledger", "load")
    first = json.loads(command("run", "--runs", place / "runs", "--workers", "1", "--json").out.splitlines()[-1])
    command("ledger", "restate", "29", "-1", "--reason", "訂正")
    second = json.loads(command("run", "--runs", place / "runs", "--workers", "1", "--json").out.splitlines()[-1])
    assert first["run_id"] != second["run_id"]
    meta = json.loads((place / "runs" / first["run_id"] / "run.json").read_text(encoding="utf-8"))
    assert [layer["format"] for layer in meta["layers"] if layer["layer"] == "sites"] == ["store"]


def test_login_that_the_store_does_not_know_may_do_nothing(place, command, monkeypatch):
    command("ledger", "load")
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    refused = command("ledger", "restate", "29", "-1", "--reason", "x", code=5)
    assert "登録されていません" in refused.err


def test_wrong_date_is_one_sentence(place, command):
    command("ledger", "opening", "27", "70", "--source", "x", "--decided-on", "2017-02-30", code=2)
