"""Open challenges as GeoJSON: what a GIS program gets, and what it never gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pyogrio
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.services import challenges
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import visitors
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

BY = Actor("kanri", "admin")
HOSTILE = '<img src=x onerror=alert(1)>"}]}</script>\u2028 ${1+1}'
ADDRESS = "/api/v1/challenges.geojson"


@pytest.fixture
def office(tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A ledger with one challenge about a point and one about a district; nobody has a name here."""
    tiny.write_tiny_region(tmp_path / "region")
    url = str(tmp_path / "ledger.sqlite")
    for name, value in (("REGION", tmp_path / "region"), ("RUNS", tmp_path / "runs"), ("STORE", url)):
        monkeypatch.setenv(f"COVERAGE_GAP_{name}", str(value))
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "none-readonly")
    visitors._seen.clear()
    with open_store(url) as store:
        store.load_ledger(tiny.tiny_ledger(), by=BY, source="見本")
        stated = {"by": Actor("himitsu-1234", "viewer"), "observed_on": date(2018, 4, 1)}
        store.file_challenge(
            municipality_code="99201", note=HOSTILE, lat=33.52, lon=136.51, operator="m1", **stated
        )
        store.file_challenge(municipality_code="99301", note="集会所", district_id="D2", **stated)
        yield store


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    with TestClient(app, base_url="http://127.0.0.1:8501") as opened:
        yield opened


def test_a_gis_program_opens_the_open_challenges(office: Any, client: TestClient, tmp_path: Path) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
    document = answer.json()
    assert "crs" not in document
    assert (document["total"], document["returned"]) == (2, 2)
    district, point = document["features"]
    assert point["geometry"] == {"type": "Point", "coordinates": [136.51, 33.52]}
    assert point["properties"] == {
        "kind": "challenge", "challenge_id": "C000002", "municipality_code": "99201", "municipality_name": "西市",
        "district_id": None, "district_name": None, "operator": "m1", "operator_name": "見本モバイルA",
        "observed_on": "2018-04-01", "note": HOSTILE.replace("\u2028", ""), "page": "/challenges?challenge=C000002",
    }  # fmt: skip
    assert district["properties"]["district_name"] == "奥地区"
    path = tmp_path / "open.geojson"
    path.write_bytes(answer.content)
    frame = pyogrio.read_dataframe(path)
    assert (frame.crs.to_epsg(), len(frame)) == (4326, 2)


def test_nobody_is_told_who_filed(office: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "himitsu" not in client.get(ADDRESS).text
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "local")
    assert "himitsu" not in client.get(ADDRESS).text, "the file goes from hand to hand, so not even to staff"


def test_an_answered_challenge_is_gone_and_the_rest_comes_as_unchanged(
    office: Any, client: TestClient
) -> None:
    first = client.get(ADDRESS)
    assert client.get(ADDRESS, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    office.answer_challenge("C000003", answer="測定します", by=BY, expected_version=1)
    after = client.get(ADDRESS, headers={"If-None-Match": first.headers["etag"]})
    assert after.status_code == 200
    assert [f["id"] for f in after.json()["features"]] == ["challenge-C000002"]
    saved = client.get(ADDRESS, params={"download": "1"}).headers["content-disposition"]
    assert saved.startswith("attachment;")


def test_the_file_is_bounded_and_says_how_many_wait(
    office: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "MOST_FEATURES", 1)
    document = client.get(ADDRESS).json()
    assert (document["total"], document["returned"]) == (2, 1)
    assert [f["id"] for f in document["features"]] == ["challenge-C000003"]


def test_before_there_is_a_ledger_the_file_is_empty(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "none-readonly")
    monkeypatch.delenv("COVERAGE_GAP_STORE", raising=False)
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.json()["features"]) == (200, [])
    assert json.loads(answer.content)["total"] == 0


def test_a_stranger_to_the_ledger_gets_what_the_nameless_get_and_nobody_writes_here(
    office: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    named = client.get(ADDRESS, headers={"x-remote-user": "dareka"})
    assert (named.status_code, named.content) == (200, client.get(ADDRESS).content)
    monkeypatch.setenv("COVERAGE_GAP_PUBLIC_SUMMARIES", "no")
    answer = client.get(ADDRESS, headers={"x-remote-user": "dareka"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "user-unknown")
    monkeypatch.setenv("COVERAGE_GAP_PUBLIC_SUMMARIES", "yes")
    assert client.post(ADDRESS).status_code == 405


def test_a_fictional_region_says_so_beside_its_challenges(
    office: Any, client: TestClient, tmp_path: Path
) -> None:
    """Whoever is handed the file alone must not take it for places that exist."""
    assert client.get(ADDRESS).json()["notice"] == "見本：架空の地域です"
    config = tmp_path / "region" / "region.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("fictional = true", "fictional = false"), encoding="utf-8")
    assert "notice" not in client.get(ADDRESS).json()
