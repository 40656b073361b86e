"""What the live map fetches: documents and pictures with ETags, by role, and never a plan for one who may not see it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.report.wording import LANGUAGES
from coverage.runs.result import RunResult
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.challenges import OpenChallenge
from coverage.services.compute import compute_run, publish_run
from coverage.services.context import AppContext
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import visitors
from coverage.web.live_map import component
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

BASE = "http://127.0.0.1:8501"


def _client(**kwargs: object) -> TestClient:
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    return TestClient(app, base_url=BASE, follow_redirects=False, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def client(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(runs_folder))
    with _client() as test_client:
        yield test_client


@pytest.fixture
def as_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coverage.web.security.principal_for", lambda headers: ANONYMOUS)


@pytest.fixture(scope="module")
def tiny_world(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[AppContext, RunResult]:
    root = tmp_path_factory.mktemp("live")
    context = AppContext(tiny.write_tiny_region(root / "region"), root / "runs")
    return context, publish_run(context, compute_run(context, workers=1).run_id, by="test")


@pytest.fixture
def tiny_client(
    tiny_world: tuple[AppContext, RunResult], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    context, _ = tiny_world
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(context.runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(context.region_folder))
    with _client() as test_client:
        yield test_client


DOCUMENTS = (
    "base.json",
    "layers.json",
    "sites.json",
    "relief.webp",
    "signal-any.webp",
    "signal-any.json",
    "still.png",
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_part_has_a_tag_and_is_not_sent_twice(client: TestClient, run: RunResult, name: str) -> None:
    answer = client.get(f"/map-data/{run.run_id}/{name}")
    assert answer.status_code == 200
    assert "no-cache" in answer.headers["cache-control"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = client.get(f"/map-data/{run.run_id}/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_base_document_has_figures_and_words_and_no_site(
    client: TestClient, run: RunResult, lang: str
) -> None:
    found = client.get(f"/map-data/{run.run_id}/base.json?lang={lang}").json()
    assert found["years"] == [2016, 2017, 2018]
    assert found["places"]["99201"]["by"]["any"][2]["population"] == 10_000
    assert found["texts"]["search.label"]
    assert found["texts"]["legend.title"]
    assert "sites" not in found
    assert found["lang"] == lang


def test_outlines_and_what_they_are_stand_in_the_same_order(client: TestClient, run: RunResult) -> None:
    found = client.get(f"/map-data/{run.run_id}/layers.json").json()
    for layer in found.values():
        numbers = [f["properties"]["i"] for f in layer["shapes"]["features"]]
        assert numbers == list(range(len(layer["properties"])))
    assert [p["code"] for p in found["municipalities"]["properties"]] == ["99201", "99202", "99301"]


def test_planned_sites_go_to_those_who_may_see_them_only(
    client: TestClient, run: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/map-data/{run.run_id}/sites.json"

    def ids(query: str = "?plans=1") -> set[str]:
        return {site["id"] for site in client.get(address + query).json()["sites"]}

    # S004 is planned in 99201, S005 under construction in 99202.
    assert {"S004", "S005"} <= ids()
    assert not {"S004", "S005"} & ids("")
    own = Principal("town", Role.MUNICIPALITY, frozenset({"99202"}))
    monkeypatch.setattr("coverage.web.security.principal_for", lambda headers: own)
    assert "S005" in ids()
    assert "S004" not in ids()
    for principal in (ANONYMOUS, Principal("v", Role.VIEWER)):
        monkeypatch.setattr("coverage.web.security.principal_for", lambda headers, p=principal: p)
        assert not {"S004", "S005"} & ids()
        body = client.get(address + "?plans=1").text
        assert "試験局4" not in body
        assert "2020年度" not in body
        found = client.get(f"/map-data/{run.run_id}/search.json?q=試験局4&plans=1").json()
        assert found["results"] == []


def test_a_verdict_is_sent_once_and_named_by_number(client: TestClient, run: RunResult) -> None:
    found = client.get(f"/map-data/{run.run_id}/sites.json?plans=1").json()
    assert len(found["verdicts"]) == len(set(found["verdicts"])) == 2
    counted = [s for s in found["sites"] if s["counted"] is not None]
    assert {found["verdicts"][s["verdict"]] for s in counted} == {"計上"}


def test_signal_pictures_hold_the_classes_of_every_year(client: TestClient, run: RunResult) -> None:
    picture = np.asarray(
        Image.open(io.BytesIO(client.get(f"/map-data/{run.run_id}/signal-alpha.webp").content)).convert("RGB")
    )
    rows = client.get(f"/map-data/{run.run_id}/signal-alpha.json").json()
    index = picture[..., 0].astype(int) + 256 * picture[..., 1].astype(int)
    assert index.max() == len(rows) - 1
    assert {len(row) for row in rows} == {3}
    assert {c for row in rows for c in row} == {0, 1, 2, 3, 254}
    assert (
        client.get(f"/map-data/{run.run_id}/signal-nobody.webp").json()["error"]["code"]
        == "signal-not-in-run"
    )


def test_the_still_picture_is_a_png_to_save(client: TestClient, run: RunResult) -> None:
    answer = client.get(f"/map-data/{run.run_id}/still.png?fy=2016&download=1")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "2016" in answer.headers["content-disposition"]
    assert min(Image.open(io.BytesIO(answer.content)).size) > 100
    assert client.get(f"/map-data/{run.run_id}/still.png?fy=28").status_code == 400
    assert client.get(f"/map-data/{run.run_id}/still.png?fy=2030").status_code == 404


def test_the_still_picture_is_drawn_once_and_not_twice_at_a_time(
    client: TestClient, run: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coverage.web.live_map import data

    drawn: list[int] = []
    at_once: list[int] = []
    real = data.still_sheet

    def counted(*args: object, **more: object) -> bytes:
        drawn.append(1)
        at_once.append(len(drawn) - len(done))
        picture = real(*args, **more)  # type: ignore[arg-type]
        done.append(1)
        return picture

    done: list[int] = []
    monkeypatch.setattr(data, "still_sheet", counted)
    asked = [(fy, lang) for fy in run.fiscal_years[:2] for lang in ("ja", "en")] * 3
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: data.still_picture(run, *one), asked))
    assert all(
        a == b
        for one, a in zip(asked, answers, strict=True)
        for two, b in zip(asked, answers, strict=True)
        if one == two
    )
    assert len(drawn) <= 4
    assert set(at_once) <= {1}


def test_people_by_cell_are_drawn_where_they_live_and_only_from_the_runs_own_layer(
    tiny_client: TestClient,
    client: TestClient,
    run: RunResult,
    tiny_world: tuple[AppContext, RunResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The synthetic run has no population layer beside it.
    refused = client.get(f"/map-data/{run.run_id}/population.png")
    assert refused.status_code == 404
    context, own = tiny_world
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(context.runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(context.region_folder))
    picture = Image.open(io.BytesIO(tiny_client.get(f"/map-data/{own.run_id}/population.png").content))
    steps = np.unique(np.asarray(picture), return_counts=True)
    # 11 and 30 people: from 10 on; 200 and 800: from 200 on. All cells are about as large.
    assert steps[0].tolist() == [0, 2, 4]
    assert steps[1][1] == pytest.approx(steps[1][2], rel=0.35)


def test_a_point_is_answered_for_the_year_and_operator_that_were_asked(
    tiny_client: TestClient, tiny_world: tuple[AppContext, RunResult]
) -> None:
    address = f"/map-data/{tiny_world[1].run_id}/point.json?lat=33.526&lon=136.515"
    found = tiny_client.get(address).json()
    assert found["server"]["site_id"] == "T1"
    assert found["section"]["path"]["d"][0] == 0
    other = tiny_client.get(f"{address}&fy=2016&operator=m2")
    assert other.json()["fiscal_year"] == 2016
    assert other.json()["server"] is None
    assert other.headers["cache-control"] == "no-store"
    planned = [o["site_id"] for o in found["others"] if o["planned"]]
    assert planned == [], "plans are given only where they are asked for"


@pytest.mark.usefixtures("as_visitor")
def test_a_visitor_asks_points_but_is_told_no_plan(
    tiny_client: TestClient, tiny_world: tuple[AppContext, RunResult]
) -> None:
    body = tiny_client.get(f"/map-data/{tiny_world[1].run_id}/point.json?lat=33.541&lon=136.562&plans=1")
    assert body.status_code == 200
    assert "計画局" not in body.text
    assert "T3" not in body.text


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("lat=x&lon=136.5", 400, "position-invalid"),
        ("lat=33.5", 400, "position-invalid"),
        ("lat=nan&lon=136.5", 400, "position-invalid"),
        ("lat=33.5&lon=136.5&operator=nobody", 400, "operator-unknown"),
        ("lat=33.5&lon=136.5&fy=28", 400, "fiscal-year-not-western"),
        ("lat=33.5&lon=136.5&fy=2050", 404, "fiscal-year-not-in-run"),
    ],
)
def test_a_point_that_cannot_be_asked_says_why(
    client: TestClient, run: RunResult, query: str, status: int, code: str
) -> None:
    answer = client.get(f"/map-data/{run.run_id}/point.json?{query}")
    assert answer.status_code == status
    if code != "fiscal-year-not-western":
        assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["ja"]


def test_search_answers_as_json(client: TestClient, run: RunResult) -> None:
    found = client.get(f"/map-data/{run.run_id}/search.json", params={"q": "霧谷"}).json()
    assert found["results"][0]["code"] == "99202"
    assert client.get(f"/map-data/{run.run_id}/search.json").json()["results"] == []


def test_challenges_are_an_empty_list_before_there_is_a_ledger(client: TestClient, run: RunResult) -> None:
    answer = client.get(f"/map-data/{run.run_id}/challenges.json")
    assert answer.json() == {"challenges": []}
    assert answer.headers["cache-control"] == "no-store"


def test_what_a_plan_newly_serves_is_striped_where_it_lies(
    tiny_client: TestClient, tiny_world: tuple[AppContext, RunResult]
) -> None:
    context, run = tiny_world
    grid = run.meta["grid"]
    folder = Path(context.runs_folder) / "plans" / "abcd1234"
    folder.mkdir(parents=True)
    figures = dict.fromkeys(("objective", "value", "bound", "gap", "cost", "served", "statement", "estimated"))
    document = {**figures, "run_id": run.run_id, "sites": []}
    (folder / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    # The north-western quarter of the grid.
    flags = np.zeros((grid["rows"], grid["cols"]), dtype=bool)
    flags[: grid["rows"] // 2, : grid["cols"] // 2] = True
    place = [grid[key] for key in ("epsg", "x0_m", "y0_m", "cell_m", "rows", "cols")]
    np.savez_compressed(
        folder / "served.npz", pixels=np.flatnonzero(flags), grid=np.array(place, dtype=np.float64)
    )
    answer = tiny_client.get(f"/map-data/{run.run_id}/plans/abcd1234.png")
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert np.unique(picture).tolist() == [0, 1, 2]
    rows, cols = picture.shape
    assert (picture[4 : rows // 2 - 4, 4 : cols // 2 - 4] > 0).all()
    assert (picture[rows // 2 + 4 :, :] == 0).all()
    assert tiny_client.get(f"/map-data/{run.run_id}/plans/nosuch.png").status_code == 404


def test_an_open_challenge_is_shown_with_what_everybody_may_see(
    client: TestClient, run: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = OpenChallenge(
        "C-1", 33.51234567, 136.5, "99201", "潮見市", "alpha", date(2019, 5, 1), "夜は入らない", "奥谷1", "D1"
    )
    asked: list[Principal] = []

    def found(context: AppContext, principal: Principal) -> tuple[OpenChallenge, ...]:
        asked.append(principal)
        return (waiting,)

    monkeypatch.setattr("coverage.web.map_routes.open_challenges", found)
    for lang, name in (("ja", "アルファ"), ("en", "Alpha")):
        shown = client.get(f"/map-data/{run.run_id}/challenges.json?lang={lang}").json()["challenges"]
        assert shown == [
            {
                "id": "C-1", "lat": 33.512346, "lon": 136.5, "municipality": "潮見市", "district": "奥谷1", "operator": name,
                "observed_on": "2019-05-01", "note": "夜は入らない",
            }
        ]  # fmt: skip
    assert [p.role for p in asked] == [Role.ADMIN, Role.ADMIN]


@pytest.mark.usefixtures("as_visitor")
def test_another_run_and_plans_are_not_for_visitors(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path)
    synthetic.write_synthetic_run(tmp_path, run_id="fedcba9876543210", publish=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    with _client() as visitor:
        for name in (*DOCUMENTS, "point.json?lat=33.5&lon=136.5", "search.json?q=x", "challenges.json"):
            assert visitor.get(f"/map-data/fedcba9876543210/{name}").status_code == 404, name
        refused = visitor.get(f"/map-data/{synthetic.RUN_ID}/plans/abcd.png")
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "permission-denied"


def test_a_guest_of_the_pages_gets_the_pages_map_and_no_plan(
    tiny_client: TestClient,
    tiny_world: tuple[AppContext, RunResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whom the proxy names and the ledger does not know may look at 地図: so its data must come too."""
    run = tiny_world[1]
    url = str(tmp_path / "ledger.sqlite")
    monkeypatch.setenv("COVERAGE_GAP_STORE", url)
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    visitors._seen.clear()
    with open_store(url) as store:
        store.set_user("mukashi", role="admin", active=False, by=Actor("kanri", "admin"), expected_version=0)
    planned = set(run.sites[run.sites["status"] == "計画"]["site_id"])
    assert planned
    for user in ("dareka", "mukashi", "a" * 201):
        named = {"x-remote-user": user}
        for name in ("base.json", "layers.json", "point.json?lat=33.5&lon=136.5", "still.png"):
            assert tiny_client.get(f"/map-data/{run.run_id}/{name}", headers=named).status_code == 200, name
        shown = tiny_client.get(f"/map-data/{run.run_id}/sites.json?plans=1", headers=named).json()["sites"]
        assert shown
        assert not planned & {site["id"] for site in shown}
        assert tiny_client.get(f"/map/{run.run_id}.html?plans=1", headers=named).status_code == 200
    told = tiny_client.get(f"/map-data/{run.run_id}/base.json", headers={"authorization": "Bearer guessed"})
    assert (told.status_code, told.json()["error"]["code"]) == (403, "token-unknown")
    visitors._seen.clear()


@pytest.mark.parametrize(
    "path", ["/map-data/", "/map-data/x", "/map-data/../etc.json", "/map-data/ffffffffffffffff/base.json"]
)
def test_an_unknown_address_is_an_honest_404_as_json(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    if ".." not in path:
        assert answer.json()["error"]["ja"]


def test_scripts_may_be_kept_for_good_because_their_address_is_their_content(client: TestClient) -> None:
    base = component.asset_base()
    for name in ("live_map.js", "map_view.js", "leaflet.js", "map_sites.js", "live_map.css", "leaflet.css"):
        answer = client.get(f"{base}/{name}")
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith(
            "text/css" if name.endswith(".css") else "text/javascript"
        )
        # An address of another release answers too, but nobody may keep it under that name.
        assert "immutable" not in client.get(f"/map-data/assets/0000/{name}").headers["cache-control"]
    assert client.get(f"{base}/component.py").status_code == 404
    assert "url(" not in client.get(f"{base}/leaflet.css").text
    assert "BSD 2-Clause" in client.get(f"{base}/leaflet.js").text


def test_scripts_write_no_html_and_name_no_other_host() -> None:
    for name, (content, _) in component._assets().items():
        text = content.decode("utf-8")
        if name.startswith(("leaflet", "map_sites")):
            continue
        for sink in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "createContextualFragment",
        ):
            assert sink not in text, (name, sink)
        addresses = [
            word for word in text.replace('"', "'").split("'") if word.startswith(("http:", "https:", "//"))
        ]
        assert [a for a in addresses if a != "http://www.w3.org/2000/svg"] == [], name


def test_every_word_of_the_scripts_exists_and_every_word_is_said() -> None:
    import re

    from coverage.report.wording import report_texts
    from coverage.web.wording import web_texts

    scripts = "\n".join(p.read_text(encoding="utf-8") for p in component.ASSETS.glob("*.js"))
    live, printed = web_texts("ja").below("live"), report_texts("ja").below("map")
    known = {
        *live,
        *printed,
        *(
            n
            for n in report_texts("ja")
            if n.startswith(("unit.", "estimated.", "not_computable.", "status."))
        ),
    }
    said = set(re.findall(r"say\(\s*'([a-z0-9_.]+)'", scripts)) | set(
        re.findall(r"'([a-z]+\.[a-z0-9_]+)'", scripts)
    )
    said = {
        name
        for name in said
        if name.split(".")[0] in {k.split(".")[0] for k in known} and not name.endswith((".js", ".css"))
    }
    assert said <= known, said - known
    composed = (
        "term.",
        "budget.",
        "search.kind_",
        "section.field_",
        "side.problem_",
        "layer.",
        "surface.",
        "point.mesh_",
    )
    for name in live:
        assert name in said or name.startswith(composed), f"nobody says live.{name}"


def test_numbers_that_are_none_travel_as_null() -> None:
    from coverage.web.live_map.data import compact, finite

    assert json.loads(compact(finite({"a": [float("nan"), 1.5, float("inf")], "b": "x"}))) == {
        "a": [None, 1.5, None],
        "b": "x",
    }
    with pytest.raises(ValueError, match="JSON"):
        compact(float("nan"))
