"""Who gets which planned sites, in every format; and that no cache hands one reader's answer to another."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.report.map_files import write_map_files
from coverage.report.map_sites import site_records
from coverage.runs.result import RunResult
from coverage.services import place_files
from coverage.services.access import Action, Principal, Role
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import visitors
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

ADMIN = Actor("kanri", "admin")
FORMATS = ("geojson", "csv", "xlsx", "gpkg", "pdf")
# Planned sites of the synthetic run, by municipality.
PLANNED = {"99201": {"S004", "S013"}, "99202": {"S005"}, "99301": {"S012"}}
EVERYWHERE = set().union(*PLANNED.values())
READERS = ("nobody", "viewer", "own", "own_token", "other_token", "planner", "viewer_token", "admin")
OWN = "99201"
HEADER = "X-Remote-User"


@pytest.fixture(scope="module")
def runs(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published run with planned sites in every municipality."""
    folder = tmp_path_factory.mktemp("runs")
    synthetic.write_synthetic_run(folder, site_count=16)
    return folder


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What each reader sends, behind a proxy that names users."""
    home = tmp_path_factory.mktemp("office")
    sent: dict[str, dict[str, str]] = {"nobody": {}}
    with open_store(str(home / "ledger.sqlite")) as store:
        store.set_user("miru", role="viewer", by=ADMIN, expected_version=0)
        store.set_user("shi", role="municipality", municipality_codes=(OWN,), by=ADMIN, expected_version=0)
        store.set_user("keikaku", role="planner", by=ADMIN, expected_version=0)
        store.set_user("kanri", role="admin", by=ADMIN, expected_version=0)
        for name, role, codes in (
            ("own_token", "municipality", (OWN,)),
            ("other_token", "municipality", ("99202",)),
            ("viewer_token", "viewer", ()),
        ):
            secret, _ = store.issue_token(name, role=role, municipality_codes=codes, by=ADMIN)
            sent[name] = {"Authorization": f"Bearer {secret}"}
    for name, user in (("viewer", "miru"), ("own", "shi"), ("planner", "keikaku"), ("admin", "kanri")):
        sent[name] = {HEADER: user}
    sent["home"] = {"path": str(home / "ledger.sqlite")}
    return sent


@pytest.fixture
def client(
    runs: Path, headers: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs))
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    monkeypatch.setenv("COVERAGE_GAP_STORE", headers["home"]["path"])
    visitors._seen.clear()
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    with TestClient(app, base_url="http://127.0.0.1:8501", follow_redirects=False) as test_client:
        yield test_client
    visitors._seen.clear()


def _allowed(reader: str, place: str) -> set[str] | None:
    """Planned sites that ``reader`` is to get of ``place``; None where the answer is to be no."""
    if reader in {"planner", "admin"}:
        return EVERYWHERE if place == "region" else PLANNED[place]
    bound = {"own": "99201", "own_token": "99201", "other_token": "99202"}.get(reader)
    if bound is None or place not in {bound, "region"}:
        return None
    return PLANNED[bound]


def _planned_in(ending: str, content: bytes, tmp_path: Path) -> set[str]:
    """Ids of planned sites that a file gives away."""
    if ending == "geojson":
        found = json.loads(content)["features"]
        return {f["properties"]["site_id"] for f in found if f["properties"]["kind"] == "planned_site"}
    if ending == "csv":
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        return {r["site_id"] for r in rows if r["kind"] == "planned_site"}
    if ending == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(content))
        words = {str(c.value) for sheet in book.worksheets for line in sheet.iter_rows() for c in line}
        return words & EVERYWHERE
    path = tmp_path / "x.gpkg"
    path.write_bytes(content)
    with sqlite3.connect(path) as connection:
        tables = {t for (t,) in connection.execute("SELECT table_name FROM gpkg_contents")}
        ids = {
            i
            for t in tables & {"planned_sites", "sites"}
            for (i,) in connection.execute(f"SELECT site_id FROM {t}")
        }
    connection.close()
    return ids & EVERYWHERE


def _address(place: str, ending: str) -> str:
    return f"/api/v1/region.{ending}" if place == "region" else f"/api/v1/municipalities/{place}.{ending}"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("place", ["99201", "99202", "region"])
def test_each_reader_gets_the_planned_sites_of_its_own_and_no_others(
    client: TestClient, headers: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    reader: str, ending: str, place: str,
) -> None:  # fmt: skip
    if ending == "pdf":
        # The sheet's text is glyphs; what it was made of is watched instead.
        said: list[set[str]] = []
        monkeypatch.setattr(
            place_files,
            "_make",
            lambda made, _ending, _lang: (
                said.append({f["properties"]["site_id"] for f in made.features("planned_site")})
                or b"%PDF-1.7"
            ),
        )
        monkeypatch.setattr(place_files, "kept_in_memory", lambda _run, _key, make: make())
    answer = client.get(f"{_address(place, ending)}?plans=1", headers=headers[reader])
    expected = _allowed(reader, place)
    if expected is None:
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "permission-denied"
        assert answer.headers["cache-control"] == "no-store"
        return
    assert answer.status_code == 200
    found = said[0] if ending == "pdf" else _planned_in(ending, answer.content, tmp_path)
    assert found == expected
    assert answer.headers["cache-control"] == "private, no-cache"
    for name in ("Authorization", "Cookie", HEADER):
        assert name in answer.headers["vary"]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("ending", FORMATS[:4])
def test_without_asking_for_plans_everybody_gets_the_same_bytes_and_no_plans(
    client: TestClient, headers: dict[str, dict[str, str]], tmp_path: Path, reader: str, ending: str
) -> None:
    for place in ("99201", "region"):
        answer = client.get(_address(place, ending), headers=headers[reader])
        assert answer.content == client.get(_address(place, ending)).content
        assert _planned_in(ending, answer.content, tmp_path) == set()


def test_the_etag_of_an_answer_with_plans_opens_nothing_to_others(
    client: TestClient, headers: dict[str, dict[str, str]]
) -> None:
    address = "/api/v1/region.geojson?plans=1"
    tags = {
        r: client.get(address, headers=headers[r]).headers["etag"] for r in ("own", "other_token", "admin")
    }
    public = client.get("/api/v1/region.geojson").headers["etag"]
    assert len({*tags.values(), public}) == 4
    for reader in ("own", "other_token"):
        theirs = client.get(address, headers={**headers[reader], "If-None-Match": tags["admin"]})
        assert theirs.status_code == 200
    refused = client.get(address, headers={**headers["viewer"], "If-None-Match": tags["admin"]})
    assert refused.status_code == 403
    same = client.get(address, headers={**headers["own_token"], "If-None-Match": tags["own"]})
    assert same.status_code == 304
    assert same.headers["cache-control"] == "private, no-cache"


def test_answers_to_one_with_a_name_are_kept_by_that_ones_cache_only(
    client: TestClient, headers: dict[str, dict[str, str]]
) -> None:
    assert client.get("/api/v1/municipalities.geojson").headers["cache-control"] == "no-cache"
    for reader in ("own", "own_token", "admin"):
        answer = client.get("/api/v1/municipalities.geojson", headers=headers[reader])
        assert answer.headers["cache-control"] == "private, no-cache"


def test_an_unpublished_run_is_private_too_and_its_absence_is_not_kept(
    client: TestClient, headers: dict[str, dict[str, str]], runs: Path, synthetic: ModuleType
) -> None:
    if not (runs / "fedcba9876543210").exists():
        synthetic.write_synthetic_run(runs, run_id="fedcba9876543210", publish=False)
    address = "/api/v1/municipalities/99201.csv?run=fedcba9876543210"
    hidden = client.get(address, headers=headers["own"])
    assert hidden.status_code == 404
    assert hidden.headers["cache-control"] == "no-store"
    shown = client.get(address, headers=headers["planner"])
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "private, no-cache"


def test_files_with_plans_say_in_their_name_that_they_are_confidential_and_are_never_written_down(
    client: TestClient, headers: dict[str, dict[str, str]], runs: Path
) -> None:
    answer = client.get("/api/v1/municipalities/99201.csv?plans=1&download=1", headers=headers["own"])
    assert "%E5%8F%96%E6%89%B1%E6%B3%A8%E6%84%8F" in answer.headers["content-disposition"]
    assert b"S004" in answer.content
    for kept in (runs / ".downloads").rglob("*"):
        if kept.is_file():
            content = kept.read_bytes()
            assert b"planned_site" not in content
            assert b"S004" not in content
            assert zlib.crc32(content)


def test_where_summaries_are_not_public_nothing_may_be_shared(
    client: TestClient, headers: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_PUBLIC_SUMMARIES", "no")
    answer = client.get("/api/v1/municipalities.geojson", headers=headers["viewer"])
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("written", [True, False], ids=["run with its map files", "run without"])
def test_the_map_page_shows_each_reader_the_planned_sites_of_its_own(
    client: TestClient,
    headers: dict[str, dict[str, str]],
    runs: Path,
    synthetic: ModuleType,
    reader: str,
    written: bool,
) -> None:
    run = RunResult.open(runs / synthetic.RUN_ID)
    if written:
        write_map_files(run)
    else:
        shutil.rmtree(run.folder / "map", ignore_errors=True)
    expected = _allowed(reader, "region") or set()
    for lang in ("ja", "en"):
        page = client.get(f"/map/{run.run_id}.html?plans=1&lang={lang}", headers=headers[reader])
        assert page.status_code == 200
        assert {name for name in EVERYWHERE if f'"{name}"' in page.text} == expected
        if reader != "nobody":
            assert page.headers["cache-control"] == "private, no-cache"
    public = client.get(f"/map/{run.run_id}.html", headers=headers[reader])
    assert not [name for name in EVERYWHERE if f'"{name}"' in public.text]


def test_planned_sites_are_shown_to_those_who_may_see_them_only(runs: Path, synthetic: ModuleType) -> None:
    """Files, maps and searches of a run all ask for the same municipalities."""
    run = RunResult.open(runs / synthetic.RUN_ID)
    public = {str(s["id"]) for s in site_records(run, "ja", plans=False)}
    assert public
    assert not public & EVERYWHERE
    for role, codes, expected in (
        (Role.VIEWER, frozenset[str](), set[str]()),
        (Role.MUNICIPALITY, frozenset({OWN}), PLANNED[OWN]),
        (Role.PLANNER, frozenset[str](), EVERYWHERE),
        (Role.ADMIN, frozenset[str](), EVERYWHERE),
    ):
        for action in (Action.VIEW, Action.DOWNLOAD):
            shown = place_files.shown_plans(run, Principal("x", role, codes), action=action)
            assert {str(s["id"]) for s in site_records(run, "ja", plans=shown)} == public | expected
