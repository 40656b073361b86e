"""Every JSON document at /api/v1 is what its schema says, and the schemas say everything that is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.readers.region import load_region
from coverage.report.fields import fields
from coverage.report.schemas import BASE as SCHEMAS
from coverage.report.schemas import NAMES, schema
from coverage.runs.pipeline import execute
from coverage.runs.radio import radio_engine
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

CHECKER = Draft202012Validator.FORMAT_CHECKER


@pytest.fixture
def client(runs_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TestClient]:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    monkeypatch.chdir(tmp_path)
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    with TestClient(app, base_url="http://127.0.0.1:8501", follow_redirects=False) as test_client:
        yield test_client


def _check(document: Any, name: str) -> None:
    Draft202012Validator(schema(name), format_checker=CHECKER).validate(document)


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_one_and_is_served_at_its_own_id(client: TestClient, name: str) -> None:
    answer = client.get(f"{SCHEMAS}/{name}.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/schema+json"
    document = answer.json()
    Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"{SCHEMAS}/{name}.json"
    assert " / " in document["title"]


def test_a_schema_that_there_is_not_is_said_in_one_sentence(client: TestClient) -> None:
    answer = client.get(f"{SCHEMAS}/nothing.json")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "schema-not-found"


def test_every_answer_of_the_synthetic_run_is_what_its_schema_says(client: TestClient) -> None:
    index = client.get("/api/v1/index.json")
    _check(index.json(), "index")
    checked = 0
    for file in index.json()["files"]:
        if file["path"].endswith(".geojson"):
            answer = client.get(file["url"])
            _check(answer.json(), "geojson")
            assert f"<{SCHEMAS}/geojson.json>" in answer.headers["link"]
            checked += 1
        elif file["path"].endswith(".csv-metadata.json"):
            _check(client.get(file["url"]).json(), "csv-metadata")
            checked += 1
    assert checked == 1 + 4 + 4 + 4
    _check(client.get("/api/v1/municipalities/99201.geojson?plans=1").json(), "geojson")
    _check(client.get("/api/v1/region.geojson?plans=1&fy=2016").json(), "geojson")
    _check(client.get("/healthz").json(), "health")
    _check(client.get("/api/v1/challenges.geojson").json(), "challenges")
    for path in ("/api/v1/nothing", "/api/v1/index.json?fy=28", "/api/v1/municipalities/99999.pdf"):
        _check(client.get(path).json(), "error")


@pytest.fixture(scope="module")
def computed(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """GeoJSON documents of a run that was really computed: the tiny region, every year."""
    folder = tmp_path_factory.mktemp("tiny")
    data = load_region(tiny.write_tiny_region(folder / "region"))
    engine = radio_engine(work_folder=folder / "work", workers=1)
    run = execute(data, folder / "runs", radio=engine, progress=lambda _fraction, _text: None)
    found = sorted((run.folder / "geojson").rglob("*.geojson"))
    assert len(found) == 3 * 4
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]


def test_every_geojson_of_a_computed_run_is_what_the_schema_says(computed: list[dict[str, Any]]) -> None:
    for document in computed:
        _check(document, "geojson")


def test_no_member_or_property_is_written_that_nobody_has_described(computed: list[dict[str, Any]]) -> None:
    known = fields()
    for document in computed:
        assert set(document) - {"type", "features"} <= set(known.document)
        for item in document["features"]:
            kind = known.kinds[item["properties"]["kind"]]
            assert set(item["properties"]) == {"kind", *kind.fields}, kind.name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("fiscal_year",), "2018"),
        (("crs",), {"type": "name"}),
        (("run_id",), "not a run"),
        (("features", 0, "geometry", "coordinates", 0, 0, 0), 500.0),
        (("features", 0, "properties", "coverage_area"), 1.5),
        (("features", 0, "properties", "population"), -1),
        (("features", 0, "properties", "kind"), "castle"),
    ],
)
def test_a_wrong_value_is_found(client: TestClient, path: tuple[Any, ...], value: object) -> None:
    document = client.get("/api/v1/municipalities/99201.geojson").json()
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValidationError):
        _check(document, "geojson")


def test_units_and_titles_are_said_in_both_languages() -> None:
    described = schema("geojson")["$defs"]["municipality"]["properties"]["properties"]["properties"]
    assert described["population"]["x-unit"] == "persons"
    assert described["coverage_area"]["x-unit"] == "1"
    assert (
        described["coverage_area"]["title"]
        == "人口カバー率（面積按分） / Population coverage, by share of area"
    )
    assert described["households"]["type"] == ["number", "null"]
