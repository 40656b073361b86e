"""What the first page answers, figure by figure, from runs and a ledger."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from coverage.errors import PermissionDeniedError
from coverage.runs import folder
from coverage.runs.result import RunResult
from coverage.services import home
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.store.events import Change, Kind
from coverage.store.protocol import Actor

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
SAMPLE = Path(__file__).resolve().parents[2] / "data"
ADMIN = Principal("sato", Role.ADMIN)
VIEWER = Principal("tanaka", Role.VIEWER)
BY = Actor("sato", "admin")


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    spec = importlib.util.spec_from_file_location("synthetic_run_home", FIXTURES / "synthetic_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def template(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to be copied: making its rasters once is enough."""
    return Path(synthetic.write_synthetic_run(tmp_path_factory.mktemp("template"), publish=False))


@pytest.fixture
def make_run(template: Path, tmp_path: Path) -> Callable[..., RunResult]:
    """A run of another id beside the others, its tables changed before it is opened."""

    def made(run_id: str, change: Callable[[Path], None] | None = None) -> RunResult:
        target = tmp_path / "runs" / run_id
        shutil.copytree(template, target)
        meta = json.loads((target / "run.json").read_text(encoding="utf-8")) | {"run_id": run_id}
        (target / "run.json").write_text(json.dumps(meta), encoding="utf-8")
        if change is not None:
            change(target)
        folder.write_checksums(target)
        return RunResult.open(target)

    return made


def _table(target: Path, edit: Callable[[Any], None]) -> None:
    path = target / "tables" / "municipalities.csv"
    table = pd.read_csv(path, dtype={"municipality_code": str}, encoding="utf-8-sig")
    edit(table)
    table.to_csv(path, index=False, encoding="utf-8-sig")


def _meta(target: Path, **more: Any) -> None:
    meta = json.loads((target / "run.json").read_text(encoding="utf-8")) | more
    (target / "run.json").write_text(json.dumps(meta), encoding="utf-8")


def _context(tmp_path: Path, store: str | None = None) -> AppContext:
    return AppContext(SAMPLE, tmp_path / "runs", store_url=store)


# the count and the people ------------------------------------------------------------------------------------


def test_the_count_is_that_of_the_latest_year_begun_with_the_sheets_words(
    make_run: Callable[..., RunResult],
) -> None:
    run = make_run("aaaa")
    now = home.count_now(run)
    year = next(y for y in run.count["years"] if y["fiscal_year"] == now.fiscal_year)
    assert (now.fiscal_year, now.total, now.increase) == (2019, 72, year["increase"])
    assert now.target == 73.0
    assert now.name["ja"] == "携帯電話不通話地域の整備数（累計）"
    assert now.unit == {"ja": "基", "en": "sites"}
    assert now.series[1] == (2016, 70, 71.0)


def test_a_decided_actual_leads_beside_its_own_achievement(make_run: Callable[..., RunResult]) -> None:
    def decided(target: Path) -> None:
        path = target / "tables" / "indicators.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        row = next(r for r in document["table"]["rows"] if r["code"] == "40604")
        cell = next(c for c in row["cells"] if c["fiscal_year"] == 2019)
        cell |= {"actual": 74.0, "actual_source": "decided"}
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")

    now = home.count_now(make_run("abab", decided))
    assert now.total == 74
    assert now.series[-1] == (2019, 74, 73.0)


def test_a_year_without_a_target_names_the_next_one(make_run: Callable[..., RunResult]) -> None:
    def not_begun(target: Path) -> None:
        path = target / "tables" / "count.json"
        count = json.loads(path.read_text(encoding="utf-8"))
        for year in count["years"]:
            if year["fiscal_year"] == 2019:
                year["state"] = "not-begun"
        path.write_text(json.dumps(count), encoding="utf-8")

    now = home.count_now(make_run("bbbb", not_begun))
    assert now.fiscal_year == 2018
    assert now.target is None
    assert now.next_target == (2019, 73.0)
    assert now.series[-1] == (2019, None, 73.0)


def test_without_a_sheet_there_are_no_words_and_no_target(synthetic: ModuleType, tmp_path: Path) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, sheet=False, opening=False))
    now = home.count_now(run)
    assert (now.total, now.target, now.next_target, dict(now.name)) == (None, None, None, {})
    assert now.increase_so_far == 3


def test_people_without_signal_are_compared_with_the_year_before(make_run: Callable[..., RunResult]) -> None:
    people = home.people_now(make_run("cccc"), 2018)
    # 40, 640 and 1,240 less 30 a year and municipality, the first never below 0.
    assert people.now == pytest.approx(0.0 + 580.0 + 1180.0)
    assert people.before == pytest.approx(10.0 + 610.0 + 1210.0)
    assert (people.districts_now, people.districts_before) == (3 * 1, 3 * 2)
    assert people.estimated


def test_the_first_year_of_a_run_has_no_year_before(make_run: Callable[..., RunResult]) -> None:
    people = home.people_now(make_run("dddd"), 2016)
    assert people.before is None
    assert not people.has_before
    assert people.districts_before is None


def test_where_gaps_are_not_computable_no_people_are_named_but_the_register_is(
    synthetic: ModuleType, tmp_path: Path
) -> None:
    people = home.people_now(RunResult.open(synthetic.write_synthetic_run(tmp_path, computable=False)), 2018)
    assert not people.computable
    assert (people.now, people.before) == (None, None)
    assert people.register_now == 3 * 50


# what moved --------------------------------------------------------------------------------------------------


def _move_one(target: Path) -> None:
    def edit(table: Any) -> None:
        table["headline_people"] = table["headline_people"].astype(float)
        own = (table["fiscal_year"] == 2018) & table["municipality_code"].isin(["99202", "99"])
        table.loc[own, "headline_people"] += 25.4
        table.loc[own, "sites_counted"] -= 1

    _table(target, edit)


def test_only_municipalities_whose_figures_moved_are_named(make_run: Callable[..., RunResult]) -> None:
    before, after = make_run("1111", _move_one), make_run("2222")
    changes = home.changes_between(before, after, before_on="2019-04-01")
    assert changes is not None
    assert not changes.nothing
    assert [m.code for m in changes.moved] == ["99202"]
    assert changes.moved[0].people == (605, 580)
    assert changes.moved[0].sites == (1, 2)
    assert changes.moved[0].districts == (1, 1)
    assert changes.region.people == (1785, 1760)
    assert changes.fiscal_year == 2018


def test_a_move_below_half_a_person_is_none(make_run: Callable[..., RunResult]) -> None:
    def slightly(target: Path) -> None:
        def edit(table: Any) -> None:
            table["headline_people"] += 0.3

        _table(target, edit)

    changes = home.changes_between(make_run("1111", slightly), make_run("2222"))
    assert changes is not None
    assert changes.nothing
    assert changes.inputs == ()


def test_a_municipality_that_is_new_or_gone_is_named_with_what_is_known(
    make_run: Callable[..., RunResult],
) -> None:
    def merged(target: Path) -> None:
        def edit(table: Any) -> None:
            table.loc[table["municipality_code"] == "99301", ["municipality_code", "name"]] = [
                "99203",
                "浦郡市",
            ]

        _table(target, edit)

    changes = home.changes_between(make_run("1111"), make_run("2222", merged))
    assert changes is not None
    assert [(m.code, m.name, m.people[0] is None, m.people[1] is None) for m in changes.moved] == [
        ("99203", "浦郡市", True, False),
        ("99301", "浦郡波切町", False, True),
    ]


def test_what_the_run_was_made_from_is_compared_by_content(make_run: Callable[..., RunResult]) -> None:
    def other(target: Path) -> None:
        meta = json.loads((target / "run.json").read_text(encoding="utf-8"))
        meta["layers"][1]["files"] = [["renamed.txt", "f" * 64]]
        meta["layers"][0]["files"] = [["renamed.geojson", meta["layers"][0]["files"][0][1]]]
        _meta(
            target, layers=meta["layers"], parameters={"counting": {}}, software={"name": "x", "version": "9"}
        )

    changes = home.changes_between(make_run("1111", other), make_run("2222"))
    assert changes is not None
    assert changes.inputs == ("population", "rules", "software")


def test_runs_that_share_no_year_are_not_compared(make_run: Callable[..., RunResult]) -> None:
    before = make_run("1111", lambda target: _meta(target, fiscal_years=[2010, 2011]))
    assert home.changes_between(before, make_run("2222")) is None


def test_the_first_publication_has_none_before_it(make_run: Callable[..., RunResult], tmp_path: Path) -> None:
    run = make_run("1111")
    folder.publish(tmp_path / "runs", "1111", by="sato", on="2019-04-01")
    assert home.earlier_publication(_context(tmp_path), run) is None
    assert home.published_on(_context(tmp_path)) == "2019-04-01"


def test_the_publication_before_is_the_last_other_run_of_this_region_that_is_still_there(
    make_run: Callable[..., RunResult], tmp_path: Path
) -> None:
    other_region = {"prefecture_code": "24", "name_ja": "別の県"}
    for run_id in ("1111", "2222", "3333", "4444"):
        make_run(run_id)
    _meta(tmp_path / "runs" / "3333", region=other_region)
    folder.write_checksums(tmp_path / "runs" / "3333")
    for day, run_id in enumerate(("1111", "2222", "3333", "4444"), start=1):
        folder.publish(tmp_path / "runs", run_id, by="sato", on=f"2019-04-0{day}")
    shutil.rmtree(tmp_path / "runs" / "2222")
    found = home.earlier_publication(_context(tmp_path), RunResult.open(tmp_path / "runs" / "4444"))
    assert found is not None
    assert (found[0].run_id, found[1]) == ("1111", "2019-04-01")


# the ledger --------------------------------------------------------------------------------------------------


@pytest.fixture
def region(tmp_path: Path) -> Path:
    """The sample's ledger tables, to be changed."""
    target = tmp_path / "region"
    shutil.copytree(SAMPLE, target, ignore=shutil.ignore_patterns("terrain", "mie"))
    return target


def _layers_of_tables(region: Path) -> list[dict[str, Any]]:
    import hashlib

    files = [
        [f"towers/{p.name}", hashlib.sha256(p.read_bytes()).hexdigest()]
        for p in sorted((region / "towers").iterdir())
    ]
    return [{"layer": "sites", "format": "tables", "files": files, "edition": "2020-03-31"}]


def _from_tables(make_run: Callable[..., RunResult], region: Path, run_id: str = "5555") -> RunResult:
    return make_run(run_id, lambda target: _meta(target, layers=_layers_of_tables(region)))


def test_tables_that_were_edited_added_or_removed_make_the_run_old(
    make_run: Callable[..., RunResult], region: Path, tmp_path: Path
) -> None:
    run = _from_tables(make_run, region)
    context = AppContext(region, tmp_path / "runs")
    assert home.freshness(context, run, ANONYMOUS) == home.Freshness(False, None, None)
    (region / "towers" / "restatements.csv").write_text("effective_fy\n", encoding="utf-8")
    assert home.freshness(context, run, ANONYMOUS).changed
    (region / "towers" / "restatements.csv").unlink()
    with (region / "towers" / "sites.csv").open("a", encoding="utf-8") as table:
        table.write("\n")
    assert home.freshness(context, run, ANONYMOUS).changed
    (region / "towers" / "sites.csv").unlink()
    assert home.freshness(context, run, ANONYMOUS).changed


@pytest.fixture
def ledger(region: Path, tmp_path: Path) -> AppContext:
    """A ledger that began with the region's tables."""
    context = AppContext(region, tmp_path / "runs", store_url=str(tmp_path / "ledger.sqlite"))
    load_tables_into_store(context, ADMIN)
    return context


def test_a_ledger_that_began_with_the_runs_tables_has_not_changed(
    make_run: Callable[..., RunResult], region: Path, ledger: AppContext
) -> None:
    assert home.freshness(ledger, _from_tables(make_run, region), ADMIN) == home.Freshness(False, 0, None)


def test_only_what_the_count_or_the_map_reads_makes_a_run_old(
    make_run: Callable[..., RunResult], region: Path, ledger: AppContext
) -> None:
    run = _from_tables(make_run, region)
    with open_context_store(ledger) as store:
        store.set_user("sato", role="admin", by=BY, expected_version=0)
        store.issue_token("QGIS", role="viewer", by=BY)
        store.file_challenge(
            by=BY, municipality_code="99201", observed_on=date(2019, 4, 1), note="圏外", lat=33.68, lon=136.48
        )
    assert not home.freshness(ledger, run, ADMIN).changed
    with open_context_store(ledger) as store:
        held = store.get(Kind.SITE, "MH-0001")
        store.put(Kind.SITE, {"site_id": "MH-0001", "height_m": 31.0}, by=BY, expected_version=held.version)
        store.restate(2018, 1, reason="数え直し", by=BY)
    found = home.freshness(ledger, run, ADMIN)
    assert (found.changed, found.changes) == (True, 2)
    assert found.last is not None


def test_a_run_from_the_store_is_measured_from_its_own_row_of_the_chain(
    make_run: Callable[..., RunResult], ledger: AppContext
) -> None:
    with open_context_store(ledger) as store:
        store.restate(2018, 1, reason="数え直し", by=BY)
        head = store.head()
    layers = [
        {"layer": "sites", "format": "store", "files": [["audit-head", head.hash]], "edition": str(head.seq)}
    ]
    run = make_run("6666", lambda target: _meta(target, layers=layers))
    assert home.ledger_seq(run) == head.seq
    assert not home.freshness(ledger, run, ADMIN).changed
    with open_context_store(ledger) as store:
        store.restate(2018, -1, reason="元に戻す", by=BY)
    assert home.freshness(ledger, run, ADMIN).changes == 1
    assert home.freshness(AppContext(ledger.region_folder, ledger.runs_folder), run, ADMIN).changed


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MUNICIPALITY])
def test_those_who_may_not_see_unpublished_runs_learn_only_that_something_changed(
    make_run: Callable[..., RunResult], region: Path, ledger: AppContext, role: Role
) -> None:
    with open_context_store(ledger) as store:
        store.restate(2018, 1, reason="数え直し", by=BY)
    principal = Principal("x", role, frozenset({"99201"}) if role is Role.MUNICIPALITY else frozenset())
    found = home.freshness(ledger, _from_tables(make_run, region), principal)
    assert found == home.Freshness(True, None, None)


def _stage(context: AppContext) -> None:
    with open_context_store(context) as store:
        change = Change(Kind.SITE, {"site_id": "MH-0001", "name": "新しい名前"})
        store.stage_import([change], by=BY, table_name="sites", file_name="sites.csv", content=b"x")


@pytest.mark.parametrize(
    ("role", "expected"), [(Role.ADMIN, 1), (Role.PLANNER, 1), (Role.MUNICIPALITY, None), (Role.VIEWER, None)]
)
def test_what_waits_for_acceptance_is_counted_for_staff_only(
    ledger: AppContext, role: Role, expected: int | None
) -> None:
    _stage(ledger)
    codes = frozenset({"99201"}) if role is Role.MUNICIPALITY else frozenset()
    assert home.waiting_imports(ledger, Principal("x", role, codes)) == expected
    assert home.waiting_imports(ledger, ANONYMOUS) is None


def test_without_a_ledger_nothing_waits(tmp_path: Path) -> None:
    assert home.waiting_imports(_context(tmp_path), ADMIN) is None


def test_freshness_is_refused_to_nobody_who_may_see_the_published_run(
    make_run: Callable[..., RunResult], region: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _from_tables(make_run, region)
    monkeypatch.setattr("coverage.services.access.RULES", {role: {} for role in Role})
    with pytest.raises(PermissionDeniedError):
        home.freshness(AppContext(region, tmp_path / "runs"), run, VIEWER)
