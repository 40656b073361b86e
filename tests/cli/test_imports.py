"""``import-sites`` and its siblings as a script meets them: one JSON object, one acknowledgement, nothing stored twice."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coverage.cli import main
from coverage.domain.service_start import until_service
from coverage.services.stores import own_login
from coverage.store.locate import open_store

GOOD = (
    "site_id,name,municipality_code,operator,lat,lon,height_m,status\n"
    "MH-9001,帆影北局,99201,m1,33.68,136.48,20,供用中\n"
    "MH-9001,帆影北局,99201,m2,33.68,136.48,20,供用中\n"
    "MH-9002,梓畑南局,99201,m1,33.67,136.41,,計画\n"
)
KEYS = ["verdict", "rows_ok", "rows_bad", "warnings", "errors"]
ROW_KEYS = {
    "row", "site_id", "name", "operator", "lat", "lon", "height_m", "frequency_mhz", "eirp_dbm", "status", "in_service_date",
    "date_precision", "districts_served",
}  # fmt: skip


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("REGION", "RUNS", "LAYERS", "STORE", "STORE_FILE", "BACKUPS", "AUTH", "ANCHOR_LOG"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)

    def call(*arguments: Any) -> SimpleNamespace:
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        out = capsys.readouterr()
        last = out.out.splitlines()[-1] if out.out.strip() else ""
        return SimpleNamespace(code=code, out=out.out, err=out.err, json=json.loads(last) if last.startswith("{") else None)

    return call


@pytest.fixture
def sites(tmp_path) -> Path:
    path = tmp_path / "sites.csv"
    path.write_text(GOOD, encoding="utf-8")
    return path


def events(store: Path = Path("ledger.sqlite")) -> dict[str, int]:
    with sqlite3.connect(store) as database:
        names = [n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%_event'")]
        counts = {n: database.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in names}
    database.close()
    return counts


def acknowledged(done: SimpleNamespace) -> tuple[str, str]:
    line = next(line for line in done.out.splitlines() if line.startswith("ACK "))
    _, import_id, state = line.split()
    return import_id, state


def test_a_dry_run_prints_one_object_and_stores_nothing(command, sites, tmp_path):
    done = command("import-sites", sites, "--dry-run", "--json")
    assert done.code == 0
    assert list(done.json)[:5] == KEYS
    assert (done.json["verdict"], done.json["rows_ok"], done.json["rows_bad"]) == ("accept", 3, 0)
    assert [r["row"] for r in done.json["rows"]] == [0, 1, 2]
    assert set(done.json["rows"][0]) >= ROW_KEYS
    assert done.json["rows"][0] | {"height_m": 20.0, "operator": "m1", "districts_served": []} == done.json["rows"][0]
    assert [p.name for p in tmp_path.iterdir()] == ["sites.csv"]


def test_errors_and_warnings_name_code_message_row_and_column(command, sites):
    sites.write_text(GOOD + "MH-9003,,,,0,0,,\nMH-9004,,,,34,136,高い,\n", encoding="utf-8")
    done = command("import-sites", sites, "--dry-run", "--json")
    assert (done.code, done.json["verdict"], done.json["rows_bad"]) == (0, "accept-with-warning", 1)
    error, warning = done.json["errors"][0], done.json["warnings"][0]
    assert (error["code"], error["row"], error["column"]) == ("position-zero", 3, "lat")
    assert (warning["code"], warning["row"], warning["column"]) == ("number-unreadable", 4, "height_m")
    assert "0, 0" in error["message"]


def test_the_clients_name_decides_the_format_and_is_only_a_label(command, sites):
    odd = sites.with_name("upload.bin")
    sites.rename(odd)
    assert command("import-sites", odd, "--dry-run", "--json").json["errors"][0]["code"] == "format-unknown"
    done = command("import-sites", odd, "--name", "../../http://x/一覧.csv", "--dry-run", "--json")
    assert (done.json["verdict"], done.json["understood"]["file"]) == ("accept", "一覧.csv")
    assert "lines" not in done.json["understood"], "programs count rows from 0"


def test_a_rejected_file_leaves_by_code_two_with_its_object(command, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n", encoding="utf-8")
    for arguments in (("--dry-run",), ()):
        done = command("import-sites", bad, "--json", *arguments)
        assert (done.code, done.json["verdict"], done.json["rows"]) == (2, "reject", [])
        assert done.json["errors"][0]["code"] == "column-missing"
    assert not (tmp_path / "ledger.sqlite").exists()


def test_names_with_line_separators_stay_on_one_line(command, tmp_path):
    odd = tmp_path / "odd.csv"
    odd.write_text("site_id,lat,lon,備\u2028考\nA,34.5,136.5,x\n", encoding="utf-8")
    done = command("import-sites", odd, "--dry-run", "--json")
    assert done.json["verdict"] == "accept"
    assert len(done.out.splitlines()) == 1


def test_answers_come_from_a_mapping_file(command, tmp_path):
    swapped = tmp_path / "swapped.csv"
    swapped.write_text("site_id,lat,lon\nA,136.5,34.5\n", encoding="utf-8")
    assert command("import-sites", swapped, "--dry-run", "--json").json["errors"][0]["code"] == "axes-swapped"
    answers = tmp_path / "answers.toml"
    answers.write_text('axes = "swap"\n', encoding="utf-8")
    done = command("import-sites", swapped, "--dry-run", "--json", "--mapping", answers)
    assert (done.json["verdict"], done.json["rows"][0]["lat"]) == ("accept-with-warning", 34.5)
    answers.write_text('axis = "swap"\n', encoding="utf-8")
    done = command("import-sites", swapped, "--dry-run", "--json", "--mapping", answers)
    assert (done.code, done.json["error"]["code"]) == (2, "mapping-unknown")
    for wrong in ('axes = "yes"', "datum = 1", "sheet = 1", "columns = 3", "crs = true", 'crs = "banana"', "crs = 20", "[columns]\nlat = 1"):
        answers.write_text(wrong, encoding="utf-8")
        assert command("import-sites", swapped, "--dry-run", "--json", "--mapping", answers).json["error"]["code"] == "mapping-unknown", wrong
    answers.write_text("axes = = 1", encoding="utf-8")
    assert command("import-sites", swapped, "--dry-run", "--json", "--mapping", answers).json["error"]["code"] == "mapping-unreadable"


@pytest.mark.parametrize("answers", ['{"crs": "banana"}', "{bad", None])
def test_what_never_reaches_the_file_is_an_object_with_a_verdict_too(command, sites, tmp_path, answers):
    mapping = tmp_path / "answers.json"
    if answers is not None:
        mapping.write_text(answers, encoding="utf-8")
    done = command("import-sites", sites, "--dry-run", "--json", "--mapping", mapping)
    assert (done.code, done.json["verdict"], done.json["rows"]) == (2, "reject", [])
    assert done.json["errors"][0]["code"] == done.json["error"]["code"]
    assert "エラー: " in done.err
    assert "error: " in done.err
    absent = command("import-sites", tmp_path / "none.csv", "--dry-run", "--json")
    assert (absent.code, absent.json["verdict"], absent.json["error"]["code"]) == (2, "reject", "file-missing")
    assert "error: " in command("import-sites", tmp_path / "none.csv", "--dry-run").err


def test_a_position_outside_the_given_boundaries_is_kept_and_warned(command, sites, project_dir):
    sites.write_text(GOOD + "MH-9009,,,,40.0,140.0,,\n", encoding="utf-8")
    boundaries = project_dir / "data" / "shapes" / "N03-16_99_sample.geojson"
    done = command("import-sites", sites, "--dry-run", "--json", "--boundaries", boundaries)
    assert done.json["rows_ok"] == 4
    assert [(w["code"], w["row"]) for w in done.json["warnings"]] == [("outside-region", 3)]
    assert command("import-sites", sites, "--dry-run", "--json").json["verdict"] == "accept"


def test_the_acknowledgement_comes_after_the_commit(command, sites):
    done = command("import-sites", sites)
    import_id, state = acknowledged(done)
    assert state == "staged"
    with open_store("ledger.sqlite") as store:
        assert [(r.import_id, r.state.value) for r in store.imports()] == [(import_id, "staged")]
        assert store.ledger().sites == ()
    done = command("import-sites", sites, "--accept", "--json")
    assert acknowledged(done)[1] == "accepted"
    assert done.json["import_id"] == acknowledged(done)[0]
    with open_store("ledger.sqlite") as store:
        assert {s.site_id for s in store.ledger().sites} == {"MH-9001", "MH-9002"}
        assert len(store.ledger().site_operators) == 3


def test_no_acknowledgement_without_a_commit(command, sites, monkeypatch):
    from coverage.store.sqlite import SqliteStore

    def full(*_: Any, **__: Any) -> None:
        from coverage.errors import StorageError

        raise StorageError("disk-full", "空きがありません。", "The disk is full.")

    command("import-sites", sites)
    monkeypatch.setattr(SqliteStore, "stage_import", full)
    done = command("import-sites", sites, "--accept")
    assert done.code != 0
    assert "ACK" not in done.out
    assert "空きがありません" in done.err


def test_the_same_key_gives_the_same_import(command, sites):
    first = acknowledged(command("import-sites", sites, "--key", "k-1"))
    before = events()
    again = command("import-sites", sites, "--key", "k-1", "--json")
    assert acknowledged(again) == first
    assert again.json["repeated"] is True
    assert events() == before


def test_the_same_file_twice_changes_nothing(command, sites):
    command("import-sites", sites, "--accept")
    with open_store("ledger.sqlite") as store:
        first = store.ledger()
    before = events()
    done = command("import-sites", sites, "--accept", "--json")
    with open_store("ledger.sqlite") as store:
        assert store.ledger() == first
    after = events()
    assert {k: v for k, v in after.items() if "import" not in k} == {k: v for k, v in before.items() if "import" not in k}
    assert acknowledged(done)[1] == "accepted"


def test_an_import_is_undone_as_a_whole(command, sites):
    import_id, _ = acknowledged(command("import-sites", sites, "--accept"))
    done = command("ledger", "undo", import_id, "--reason", "誤った一覧")
    assert done.code == 0, done.err
    with open_store("ledger.sqlite") as store:
        assert store.ledger().sites == ()
        assert store.imports()[0].state.value == "undone"
        assert store.verify_audit().ok


@pytest.mark.parametrize(("role", "upload", "accept"), [("viewer", 5, 5), ("municipality", 5, 5), ("planner", 0, 5), ("admin", 0, 0)])
def test_who_may_upload_and_who_may_accept(command, sites, monkeypatch, role, upload, accept):
    command("db", "init", "--admin", "chief")
    with open_store("ledger.sqlite") as store:
        from coverage.store.protocol import Actor

        codes = ("99201",) if role == "municipality" else ()
        store.set_user(own_login(), role=role, municipality_codes=codes, by=Actor("chief", "admin"), expected_version=0)
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    assert command("import-sites", sites, "--dry-run").code == upload
    assert command("import-sites", sites).code == upload
    done = command("import-sites", sites, "--accept")
    assert done.code == accept
    assert ("ACK" in done.out) == (accept == 0)


def test_a_stranger_is_told_so(command, sites, monkeypatch):
    command("db", "init", "--admin", "chief")
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    done = command("import-sites", sites, "--dry-run", "--json")
    assert (done.code, done.json["error"]["code"]) == (5, "user-unknown")


def test_a_new_site_without_a_municipality_spoils_its_row_and_not_the_file(command, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("site_id,lat,lon\nMH-1,33.68,136.48\n", encoding="utf-8")
    done = command("import-sites", path, "--json")
    assert (done.code, done.json["verdict"], done.json["errors"][0]["code"]) == (2, "reject", "municipality-unknown")
    assert "ACK" not in done.out
    path.write_text("site_id,lat,lon,municipality_code\nMH-1,33.68,136.48,\nMH-2,33.68,136.4,99201\n", encoding="utf-8")
    done = command("import-sites", path, "--accept", "--json")
    assert (done.code, done.json["verdict"], done.json["rows_ok"], done.json["rows_bad"]) == (0, "accept-with-warning", 1, 1)
    with open_store("ledger.sqlite") as store:
        assert [s.site_id for s in store.ledger().sites] == ["MH-2"]


def test_a_dry_run_without_boundaries_says_that_it_did_not_judge_the_municipality(command, sites, tmp_path):
    command("import-sites", sites, "--accept")
    path = tmp_path / "a.csv"
    path.write_text("site_id,lat,lon\nMH-7,33.68,136.48\n", encoding="utf-8")
    done = command("import-sites", path, "--dry-run", "--json")
    assert (done.code, done.json["verdict"], [n["code"] for n in done.json["notices"]]) == (0, "accept", ["municipality-not-judged"])


def test_names_that_the_ledger_does_not_know_are_warned_of_where_there_is_one(command, sites, tmp_path):
    path = tmp_path / "links.csv"
    path.write_text("局番,地区ID\nMH-9001,D-404\nMH-404,D-404\n", encoding="utf-8")
    alone = command("import-site-districts", path, "--dry-run", "--json")
    assert (alone.json["verdict"], alone.json["warnings"]) == ("accept", [])
    assert not (tmp_path / "ledger.sqlite").exists()
    command("import-sites", sites, "--accept")
    done = command("import-site-districts", path, "--dry-run", "--json")
    assert [(w["code"], w["row"]) for w in done.json["warnings"]] == [
        ("district-not-in-ledger", 0), ("site-not-in-ledger", 1), ("district-not-in-ledger", 1),
    ]  # fmt: skip


def test_the_page_and_the_command_give_the_same_report_on_the_same_file(command, tmp_path, project_dir, monkeypatch):
    from coverage.services.access import Principal, Role
    from coverage.services.context import AppContext
    from coverage.services.ledger import load_tables_into_store
    from coverage.services.upload_jobs import Request, start_check

    who = Principal("kanri", Role.ADMIN)
    context = AppContext(project_dir / "data", tmp_path / "runs", store_url=str(tmp_path / "own.sqlite"))
    load_tables_into_store(context, who)
    with open_store(str(tmp_path / "own.sqlite")) as store:
        held = store.ledger().sites[:5]
    # Positions of the Tokyo datum, an unknown district, a site at sea, one without a name of its own.
    rows = [f"{s.site_id},{s.lat - 0.00324:.6f},{s.lon + 0.00281:.6f},D-404,,," for s in held]
    rows += ["N-1,30.0,140.0,,,,", "N-2,33.68,136.48,,廃止,2018-10-01,99201", f"{held[0].site_id}-x,0,0,,,,"]
    path = tmp_path / "list.csv"
    path.write_text("局番,緯度,経度,対象地区,状態,停波日,市町コード\n" + "\n".join(rows) + "\n", encoding="utf-8")
    check = start_check(context, Request("sites", "list.csv", path.read_bytes()), principal=who)
    assert check.wait(60)
    page = check.report.as_dict()
    assert page["understood"].pop("lines") == [[0, 2]], "the page tells rows by the spreadsheet's lines"
    done = command(
        "import-sites", path, "--dry-run", "--json", "--region", project_dir / "data", "--store", tmp_path / "own.sqlite"
    ).json
    assert {"datum-doubtful", "district-not-in-ledger"} <= {w["code"] for w in done["warnings"]}
    assert {"municipality-unknown", "position-zero"} == {e["code"] for e in done["errors"]}
    assert done == json.loads(json.dumps(page))


def test_closing_days_are_held_against_the_ledger(command, tmp_path):
    path = tmp_path / "a.csv"
    head = "site_id,lat,lon,municipality_code,operator,status,in_service_date,closed_on\n"
    path.write_text(
        head + "C-1,33.68,136.48,99201,m1,廃止,2010-04-01,\nC-2,33.68,136.4,99201,m1,供用中,2010-04-01,\n", encoding="utf-8"
    )
    command("import-sites", path, "--accept")
    head = "site_id,lat,lon,closed_on\n"
    path.write_text(head + "C-1,33.68,136.48,2018-10-01\nC-2,33.68,136.4,2018-10-01\n", encoding="utf-8")
    done = command("import-sites", path, "--accept", "--json").json
    # C-1 is 廃止 in the ledger, so its day is taken; C-2 is on the air, so its day is named and left out.
    assert [(w["code"], w["row"]) for w in done["warnings"]] == [("closing-day-without-status", 1)]
    assert [r["closed_on"] for r in done["rows"]] == ["2018-10-01", None]
    with open_store("ledger.sqlite") as store:
        assert {s.site_id: s.closed_on and s.closed_on.isoformat() for s in store.ledger().sites} == {"C-1": "2018-10-01", "C-2": None}
    path.write_text(head + "C-1,33.68,136.48,2009-10-01\n", encoding="utf-8")
    done = command("import-sites", path, "--json")
    assert (done.code, [e["code"] for e in done.json["errors"]]) == (2, ["closed-before-service"])


def test_a_site_that_ended_before_its_service_date_needs_a_closing_day_or_no_date(command, tmp_path):
    path = tmp_path / "a.csv"
    head = "site_id,lat,lon,municipality_code,operator,status,in_service_date,closed_on\n"
    far = "33.68,136.48,99201,m1,"
    path.write_text(
        head + f"E-1,{far}廃止,2040-06-01,\nE-2,{far}廃止,2040-06-01,2018-10-01\nE-3,{far}停止,,\nE-4,{far}計画,2040-06-01,\n"
        f"E-5,{far}廃止,2010-04-01,\n",
        encoding="utf-8",
    )
    done = command("import-sites", path, "--accept", "--json").json
    # A closing day before the service start is the other contradiction, which the file alone shows.
    assert [(e["code"], e["row"]) for e in done["errors"]] == [("ended-before-service", 0), ("closed-before-service", 1)]
    assert [r["site_id"] for r in done["rows"]] == ["E-3", "E-4", "E-5"]
    # A plan is given up by its status alone, since the ledger puts down the day; or with the day on which it was.
    path.write_text("site_id,lat,lon,status,closed_on\nE-4,33.68,136.48,廃止,\n", encoding="utf-8")
    assert command("import-sites", path, "--dry-run", "--json").json["errors"] == []
    path.write_text("site_id,lat,lon,status,closed_on\nE-4,33.68,136.48,廃止,2019-01-01\n", encoding="utf-8")
    assert command("import-sites", path, "--accept", "--json").json["errors"] == []
    with open_store("ledger.sqlite") as store:
        held = store.ledger()
    assert {s.site_id: str(s.closed_on) for s in held.sites if s.closed_on} == {"E-4": "2019-01-01"}
    assert [r.in_service_date for r in until_service(held, ()).site_operators if r.site_id == "E-4"] == [None]
    # E-3 ended without a day; a service start in the future would wake it.
    path.write_text("site_id,lat,lon,operator,status,in_service_date\nE-3,33.68,136.48,m1,停止,2040-06-01\n", encoding="utf-8")
    done = command("import-sites", path, "--accept", "--json").json
    assert [(e["code"], e["row"], e["column"]) for e in done["errors"]] == [("ended-before-service", 0, "in_service_date")]


def test_a_list_that_closes_a_site_keeps_its_years_of_service(command, tmp_path):
    path = tmp_path / "a.csv"
    head = "局番,局名,緯度,経度,市町コード,事業者,状態,供用開始日,廃止日\n"
    path.write_text(head + "C-1,帆影局,33.68,136.48,99201,m1,供用中,2010-04-01,\n", encoding="utf-8")
    command("import-sites", path, "--accept")
    path.write_text(head + "C-1,帆影局,33.68,136.48,99201,m1,廃止,2010-04-01,H30.10.1\n", encoding="utf-8")
    for _ in range(2):
        assert command("import-sites", path, "--accept").code == 0
        with open_store("ledger.sqlite") as store:
            from datetime import date

            now, then = store.ledger().sites[0], store.ledger(valid_on=date(2018, 9, 30)).sites[0]
        assert (now.status.value, now.closed_on) == ("廃止", date(2018, 10, 1))
        assert (then.status.value, then.closed_on) == ("供用中", None)
