"""Addresses as programs use them: parts, methods, checksums, what was public then, and the login in front."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.runs import folder
from coverage.services.access import ANONYMOUS
from coverage.web.login import _SUMMARY
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

ADDRESS = "/api/v1/municipalities/99201.geojson"
FIRST = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
SECOND = datetime(2026, 4, 2, 15, 0, tzinfo=UTC)
OTHER = "fedcba9876543210"


def _client() -> TestClient:
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    return TestClient(app, base_url="http://127.0.0.1:8501", follow_redirects=False)


@pytest.fixture
def client(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    with _client() as test_client:
        yield test_client


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/"])
def test_the_root_of_the_addresses_leads_to_the_index(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}?fy=2016")
    assert answer.status_code == 308
    assert answer.headers["location"] == "/api/v1/index.json?fy=2016"


@pytest.mark.parametrize(
    "path", ["/api/v1/", "/api/v1/index.json", "/api/v1/SHA256SUMS", ADDRESS, "/api/v1/region.pdf", "/api/v1/districts.csv",
             "/api/v1/schema/geojson.json", "/api/v1/report.xlsx"],
)  # fmt: skip
def test_options_says_what_may_be_done_and_no_other_site_may_read(client: TestClient, path: str) -> None:
    asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"}
    answer = client.options(path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    for found in (answer, client.get(path, headers=asked)):
        assert not [name for name in found.headers if name.startswith("access-control-")]
        assert found.headers["cross-origin-resource-policy"] == "same-origin"
    refused = client.post(path)
    assert refused.status_code == 405
    assert "GET" in refused.headers["allow"]


def test_head_says_what_get_would_send(client: TestClient) -> None:
    plain = {"accept-encoding": "identity"}
    whole, head = client.get(ADDRESS, headers=plain), client.head(ADDRESS, headers=plain)
    for name in ("etag", "content-length", "content-type", "accept-ranges", "vary", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    assert head.content == b""


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=0-0", 0, 1), ("bytes=5-99999999", 5, None)],
)  # fmt: skip
def test_a_part_is_given_to_those_who_ask_for_one(
    client: TestClient, asked: str, first: int, last: int | None
) -> None:
    whole = client.get(ADDRESS).content
    part = client.get(ADDRESS, headers={"Range": asked, "accept-encoding": "gzip"})
    assert part.status_code == 206
    assert part.content == whole[first:last]
    assert "content-encoding" not in part.headers
    start = first % len(whole)
    assert part.headers["content-range"] == f"bytes {start}-{start + len(part.content) - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_part_that_there_is_not_is_said_so(client: TestClient, asked: str) -> None:
    answer = client.get(ADDRESS, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=9-3", "bytes=", "bytes=a-b", "bytes=-"]
)
def test_what_is_no_single_part_gets_the_whole(client: TestClient, asked: str) -> None:
    assert client.get(ADDRESS, headers={"Range": asked}).status_code == 200
    tag = client.get(ADDRESS).headers["etag"]
    assert client.get(ADDRESS, headers={"Range": "bytes=0-9", "If-Range": tag}).status_code == 200


def test_the_index_lists_every_file_with_size_digest_type_licence_and_credit(client: TestClient) -> None:
    index = client.get("/api/v1/index.json?fy=2017").json()
    paths = [file["path"] for file in index["files"]]
    assert len(paths) == len(set(paths)) == 1 + 4 * 6 + 4 * 2 + 2 + 6
    for file in index["files"]:
        answer = client.get(file["url"])
        assert answer.status_code == 200, file["url"]
        assert len(answer.content) == file["bytes"]
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"], file["path"]
        assert answer.headers["content-type"] == file["media_type"]
        assert file["licence"] == "CC BY 4.0"
        assert file["credit"] == "見本の人口; 見本の境界"
    assert index["checksums"] == "/api/v1/SHA256SUMS"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not on this machine")
def test_sha256sum_accepts_everything_that_was_fetched(client: TestClient, tmp_path: Path) -> None:
    sums = client.get("/api/v1/SHA256SUMS")
    assert sums.headers["content-type"] == "text/plain; charset=utf-8"
    (tmp_path / "SHA256SUMS").write_bytes(sums.content)
    for line in sums.text.splitlines():
        name = line.split("  ", 1)[1]
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(client.get(f"/api/v1/{name}").content)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    (tmp_path / "region.csv").write_bytes(b"changed")
    assert subprocess.run(["sha256sum", "--check", "--status", "SHA256SUMS"], cwd=tmp_path).returncode == 1


@pytest.fixture
def twice(tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Two publications: one on 1 April, another run at midnight (Japan) of 3 April."""
    for run_id, at in ((synthetic.RUN_ID, FIRST), (OTHER, SECOND)):
        synthetic.write_synthetic_run(tmp_path, run_id=run_id, publish=False)
        folder.publish(tmp_path, run_id, by="kanri", on=at.date().isoformat(), at=at)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    monkeypatch.setattr("coverage.web.security.principal_for", lambda headers: ANONYMOUS)
    with _client() as test_client:
        yield test_client


@pytest.mark.parametrize(
    ("as_of", "run_id"),
    [
        ("2026-04-01", "0123456789abcdef"),
        ("2026-04-02", "0123456789abcdef"),
        ("2026-04-03", OTHER),
        ("2026-04-01T09:30:00%2B09:00", "0123456789abcdef"),
        ("2026-04-02T23:59:59+09:00", "0123456789abcdef"),
        ("2026-04-02T15:00:00Z", OTHER),
    ],
)
def test_as_of_gives_everybody_what_was_public_then(twice: TestClient, as_of: str, run_id: str) -> None:
    document = twice.get(f"{ADDRESS}?as_of={as_of}").json()
    assert (
        twice.get(f"/api/v1/municipalities/99201.csv-metadata.json?as_of={as_of}").json()["dc:identifier"]
        == run_id
    )
    assert document["type"] == "FeatureCollection"
    for path in ("region.gpkg", "municipalities/99201.csv", "districts.csv"):
        assert twice.get(f"/api/v1/{path}?as_of={as_of}").status_code == 200


def test_the_index_of_a_past_moment_leads_to_the_files_of_that_moment(twice: TestClient) -> None:
    index = twice.get("/api/v1/index.json?as_of=2026-04-01").json()
    assert index["run_id"] == "0123456789abcdef"
    file = next(f for f in index["files"] if f["path"] == "region.csv-metadata.json")
    assert file["url"].endswith("?fy=2018&as_of=2026-04-01")
    then = twice.get(file["url"]).content
    assert hashlib.sha256(then).hexdigest() == file["sha256"]
    assert then != twice.get("/api/v1/region.csv-metadata.json").content


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("as_of=2026-03-31", 404, "nothing-published-then"),
        ("as_of=2026-04-01T09:29:59%2B09:00", 404, "nothing-published-then"),
        ("as_of=H30.4.1", 400, "as-of-unreadable"),
        ("as_of=", 400, "as-of-unreadable"),
        ("as_of=2999-01-01", 400, "as-of-in-the-future"),
        (f"as_of=2026-04-01&run={OTHER}", 400, "run-and-as-of"),
    ],
)
def test_a_moment_without_an_answer_is_said_in_both_languages(
    twice: TestClient, asked: str, status: int, code: str
) -> None:
    answer = twice.get(f"{ADDRESS}?{asked}&lang=en")
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"] == error["en"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["", "/", "/index.json", "/SHA256SUMS", "/schema/geojson.json", "/municipalities.geojson", "/municipalities.csv",
             "/municipalities.csv-metadata.json", "/municipalities/99201.geojson", "/municipalities/992011.gpkg",
             "/municipalities/99201.csv", "/municipalities/99201.csv-metadata.json", "/municipalities/99201.xlsx",
             "/municipalities/99201.pdf"],
)  # fmt: skip
def test_public_summaries_pass_the_login_in_every_format(path: str) -> None:
    assert _SUMMARY.fullmatch(f"/api/v1{path}")


@pytest.mark.parametrize(
    "path", ["/districts.csv", "/report.pdf", "/municipalities/99201.sqlite", "/municipalities/../report.pdf",
             "/schema/../report.pdf", "/challenges.geojson", "/municipalities/99201.geojson/x"],
)  # fmt: skip
def test_nothing_else_passes_the_login(path: str) -> None:
    assert not _SUMMARY.fullmatch(f"/api/v1{path}")
