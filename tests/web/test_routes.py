"""The addresses that never change, as curl, QGIS and browsers meet them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyogrio
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.domain.municipality_code import six_digits
from coverage.runs.result import RunResult
from coverage.services.access import ANONYMOUS
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

BASE = "http://127.0.0.1:8501"


def _client(**kwargs: object) -> TestClient:
    # The same routes, middleware and handlers as st.App gets, without Streamlit's runtime.
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    return TestClient(app, base_url=BASE, follow_redirects=False, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def client(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    with _client() as test_client:
        yield test_client


@pytest.fixture
def empty_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    with _client() as test_client:
        yield test_client


def test_health_names_the_run_that_is_shown(client: TestClient, run: RunResult) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["run"] == run.run_id


def test_health_is_well_before_the_first_run_and_everything_else_says_what_to_do(
    empty_client: TestClient,
) -> None:
    assert empty_client.get("/healthz").json()["run"] is None
    answer = empty_client.get("/api/v1/index.json")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "nothing-published"
    assert "coverage-gap run --publish" in answer.json()["error"]["ja"]


def test_the_index_lists_every_municipality_with_address_and_checksum(
    client: TestClient, run: RunResult
) -> None:
    index = client.get("/api/v1/index.json").json()
    assert index["run_id"] == run.run_id
    assert index["fiscal_year"] == 2018
    assert [m["code"] for m in index["municipalities"]] == ["99201", "99202", "99301"]
    for entry in (*index["municipalities"], *index["summaries"].values(), *index["tables"].values()):
        answer = client.get(entry["url"])
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == entry["sha256"]
    assert index["layers"][0]["licence"] == "CC BY 4.0"


def test_a_municipality_is_geojson_that_a_gis_opens(client: TestClient, tmp_path: Path) -> None:
    answer = client.get("/api/v1/municipalities/99201.geojson")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    document = answer.json()
    assert "crs" not in document
    assert {f["properties"]["kind"] for f in document["features"]} == {
        "municipality",
        "no_signal_area",
        "district",
        "site",
    }
    path = tmp_path / "99201.geojson"
    path.write_bytes(answer.content)
    frame = pyogrio.read_dataframe(path)
    assert frame.crs.to_epsg() == 4326
    assert len(frame) == len(document["features"])


def test_without_a_year_the_latest_is_given_and_a_year_is_western(client: TestClient) -> None:
    latest = client.get("/api/v1/municipalities.geojson").json()
    assert latest["fiscal_year"] == 2018
    assert client.get("/api/v1/municipalities.geojson?fy=2016").json()["fiscal_year"] == 2016


@pytest.mark.parametrize("year", ["28", "H28", "20160", "", "２０１６", "2016.0", "%27"])
def test_a_year_that_is_not_western_is_refused_with_one_sentence(client: TestClient, year: str) -> None:
    answer = client.get(f"/api/v1/municipalities.geojson?fy={year}")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "fiscal-year-not-western"
    assert error["message"] == error["ja"]
    assert error["ja"].count("。") == 1
    assert (
        client.get(f"/api/v1/municipalities.geojson?fy={year}&lang=en").json()["error"]["message"]
        == error["en"]
    )


def test_a_year_that_the_run_does_not_hold_is_not_found(client: TestClient) -> None:
    answer = client.get("/api/v1/region.geojson?fy=1999")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "fiscal-year-not-in-run"


def test_six_digits_redirect_for_good_and_keep_the_question(client: TestClient) -> None:
    six = six_digits("99201")
    answer = client.get(f"/api/v1/municipalities/{six}.geojson?fy=2016&lang=en")
    assert answer.status_code == 308
    assert answer.headers["location"] == "/api/v1/municipalities/99201.geojson?fy=2016&lang=en"


def test_six_digits_with_a_wrong_check_digit_are_not_found(client: TestClient) -> None:
    wrong = "99201" + str((int(six_digits("99201")[5]) + 1) % 10)
    answer = client.get(f"/api/v1/municipalities/{wrong}.geojson")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "municipality-code-check-digit"


@pytest.mark.parametrize(
    "code", ["24201", "region", "municipalities", "99999", "..%2f..%2frun", "99201%00", "%E6%B4%A5%E5%B8%82"]
)
def test_an_unknown_municipality_is_not_found_in_both_languages(client: TestClient, code: str) -> None:
    answer = client.get(f"/api/v1/municipalities/{code}.geojson")
    assert answer.status_code == 404
    assert answer.json()["error"]["ja"]
    assert answer.json()["error"]["en"]


def test_an_answer_that_did_not_change_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/api/v1/municipalities/99202.geojson")
    tag = first.headers["etag"]
    again = client.get("/api/v1/municipalities/99202.geojson", headers={"If-None-Match": f'"other", {tag}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == tag
    other = client.get("/api/v1/municipalities/99202.geojson?fy=2016")
    assert other.headers["etag"] != tag


def test_the_same_address_gives_the_same_bytes(client: TestClient) -> None:
    for path in ("/api/v1/index.json", "/api/v1/region.geojson", "/api/v1/indicators.csv"):
        assert client.get(path).content == client.get(path).content


def test_csv_opens_in_excel(client: TestClient) -> None:
    answer = client.get("/api/v1/indicators.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "携帯電話不通話地域の整備数（累計）" in answer.content.decode("utf-8-sig")


def test_saving_gives_a_japanese_file_name_and_an_ascii_one(client: TestClient) -> None:
    shown = client.get("/api/v1/municipalities/99201.geojson?fy=2016").headers["content-disposition"]
    saved = client.get("/api/v1/municipalities/99201.geojson?fy=2016&download=1").headers[
        "content-disposition"
    ]
    assert shown.startswith("inline; ")
    assert saved.startswith('attachment; filename="')
    assert saved.isascii()
    plain = saved.split('filename="')[1].split('"')[0]
    assert plain == "99201_2016.geojson"
    assert "filename*=UTF-8''%E8%A9%A6%E9%A8%93%E7%9C%8C_99201" in saved


def test_a_name_with_line_breaks_and_quotes_cannot_break_the_header(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path, name='a"\r\nSet-Cookie: x=1;../\\b')
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    with _client() as client:
        answer = client.get("/api/v1/municipalities/99201.geojson?download=1")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "\n" not in answer.headers["content-disposition"]


def test_the_map_page_is_served_under_its_own_policy(client: TestClient, run: RunResult) -> None:
    answer = client.get(f"/map/{run.run_id}.html?lang=en")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src 'sha256-")
    assert "allow-same-origin" not in policy
    assert '<html lang="en">' in answer.text
    assert (
        client.get(
            f"/map/{run.run_id}.html?lang=en", headers={"If-None-Match": answer.headers["etag"]}
        ).status_code
        == 304
    )


@pytest.mark.parametrize(
    "path", ["/map/ffffffffffffffff.html", "/map/..%2f..%2fetc.html", "/map/x/y.html", "/map/"]
)
def test_an_unknown_map_is_a_page_in_japanese(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert '<html lang="ja">' in answer.text
    assert "最初の画面へ戻る" in answer.text


def test_an_unknown_address_of_the_api_is_json_and_not_a_page(client: TestClient) -> None:
    answer = client.get("/api/v2/anything", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "address-not-found"


def test_the_table_of_sites_is_not_public(client: TestClient) -> None:
    assert client.get("/api/v1/sites.csv").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_changed_here(client: TestClient, method: str) -> None:
    answer = getattr(client, method)("/api/v1/municipalities.geojson")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "http-405"


def test_a_broken_run_is_reported_and_not_half_served(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = synthetic.write_synthetic_run(tmp_path)
    (folder / "geojson" / "2018" / "99201.geojson").unlink()
    (tmp_path / "published.json").write_text(json.dumps({"run_id": folder.name}), encoding="utf-8")
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    with _client() as client:
        answer = client.get("/api/v1/municipalities/99201.geojson")
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "run-incomplete"
        (tmp_path / "published.json").write_text("{", encoding="utf-8")
        assert client.get("/api/v1/index.json").json()["error"]["code"] == "published-unreadable"


def test_an_unexpected_error_tells_nothing_about_the_server(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, runs_folder: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"secret {runs_folder}")

    monkeypatch.setattr("coverage.web.routes.downloads.index_document", broken)
    with _client(raise_server_exceptions=False) as quiet:
        answer = quiet.get("/api/v1/index.json")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]["code"] == "server-error"


def test_another_run_is_for_those_who_may_see_it(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path)
    synthetic.write_synthetic_run(tmp_path, run_id="fedcba9876543210", publish=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    with _client() as staff:
        assert staff.get("/api/v1/index.json?run=fedcba9876543210").json()["run_id"] == "fedcba9876543210"
        assert "S004" in staff.get(f"/map/{synthetic.RUN_ID}.html?plans=1").text
        assert "S004" not in staff.get(f"/map/{synthetic.RUN_ID}.html").text
    monkeypatch.setattr("coverage.web.security.principal_for", lambda headers: ANONYMOUS)
    with _client() as visitor:
        assert visitor.get("/api/v1/index.json?run=fedcba9876543210").status_code == 404
        assert visitor.get("/map/fedcba9876543210.html").status_code == 404
        assert visitor.get(f"/api/v1/index.json?run={synthetic.RUN_ID}").status_code == 200
        assert "S004" not in visitor.get(f"/map/{synthetic.RUN_ID}.html?plans=1").text


def test_the_report_is_a_pdf_and_the_tables_a_workbook(client: TestClient) -> None:
    report = client.get("/api/v1/report.pdf?fy=2016")
    assert report.status_code == 200
    assert report.headers["content-type"] == "application/pdf"
    assert report.content.startswith(b"%PDF-")
    assert "2016" in report.headers["content-disposition"]
    again = client.get("/api/v1/report.pdf?fy=2016", headers={"If-None-Match": report.headers["etag"]})
    assert again.status_code == 304
    book = client.get("/api/v1/report.xlsx?download=1")
    assert book.content.startswith(b"PK")
    assert book.headers["content-disposition"].startswith("attachment;")
    assert client.get("/api/v1/report.pdf?fy=28").status_code == 400


def test_an_answer_is_compressed_for_those_who_take_it_and_reads_the_same(client: TestClient) -> None:
    plain = client.get("/api/v1/region.geojson", headers={"accept-encoding": "identity"})
    packed = client.get("/api/v1/region.geojson", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Authorization, Cookie"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.content == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]


def test_compressed_answers_are_kept_up_to_a_limit() -> None:
    import gzip
    import random

    from coverage.web.answers import _Kept

    kept = _Kept(limit=3000)
    noise = random.Random(1)
    bodies = [noise.randbytes(1000) for _ in range(6)]
    for i, body in enumerate(bodies):
        assert gzip.decompress(kept(str(i), body)) == body
    assert sum(map(len, kept._held.values())) <= 3000
    assert kept("5", b"other") == kept._held["5"]
