"""The small map of an upload: every word inside the frame, none on another, places side by side and long names included."""

from __future__ import annotations

import base64
import re
from itertools import combinations

import pytest

from coverage.report.label_places import Box, text_box
from coverage.runs.result import RunResult
from coverage.services.import_preview import Place
from coverage.web.difference_map import NAMED, WIDTH, difference_map
from coverage.web.wording import web_texts

TEXTS = web_texts("ja")
_SIZES = {"name": 15.0, "place": 14.0, "bar": 13.0}


def _site(key: str, lat: float, lon: float, name: str = "", **more: object) -> Place:
    return Place(
        "site", key, name or f"{key}局", **{"state": "new", "before": None, "after": (lat, lon), **more}
    )  # type: ignore[arg-type]


@pytest.fixture
def middle(run: RunResult) -> tuple[float, float]:
    bounds = [f["geometry"] for f in run.geojson("municipalities")["features"]]
    from shapely.geometry import shape

    point = shape(bounds[0]).representative_point()
    return float(point.y), float(point.x)


def _drawn(html: str) -> tuple[str, Box]:
    match = re.search(r'class="map" [^>]*base64,([^"]+)"', html)
    assert match is not None
    svg = base64.b64decode(match[1]).decode("utf-8")
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert size is not None
    return svg, Box(0, 0, float(size[1]), float(size[2]))


def _words(svg: str) -> list[tuple[str, str, Box]]:
    found = []
    for attributes, text in re.findall(r"<text ([^>]*)>([^<]*)</text>", svg):
        a = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        spot = (float(a["x"]), float(a["y"]), a.get("text-anchor", "start"))
        found.append((a["class"], text, text_box(text, _SIZES[a["class"]], spot)))
    return found


def _check(html: str) -> list[tuple[str, str, Box]]:
    svg, frame = _drawn(html)
    words = _words(svg)
    for _, text, box in words:
        assert frame.holds(box), f"{text} is clipped"
    for (_, a, box), (_, b, other) in combinations(words, 2):
        assert not box.meets(other), f"{a} stands on {b}"
    return words


def test_one_new_site_is_named_inside_the_frame(run: RunResult, middle: tuple[float, float]) -> None:
    words = _check(difference_map(run, [_site("A-1", *middle)], TEXTS))
    assert [text for kind, text, _ in words if kind == "name"] == ["A-1局"]
    assert [text for kind, text, _ in words if kind == "bar"]


def test_sites_at_every_edge_keep_their_long_names_inside(
    run: RunResult, middle: tuple[float, float]
) -> None:
    lat, lon = middle
    long = "とても長い名前の中継局（仮設・移設予定）第二期整備分"
    places = [
        _site(f"A-{i}", lat + dy, lon + dx, f"{long}{i}")
        for i, (dy, dx) in enumerate(((0.2, 0.2), (0.2, -0.2), (-0.2, 0.2), (-0.2, -0.2)))
    ]
    words = _check(difference_map(run, places, TEXTS))
    names = [text for kind, text, _ in words if kind == "name"]
    assert len(names) == 4
    assert all(name.endswith("…") for name in names), "what does not fit is cut, and the table has it whole"


def test_places_on_one_spot_are_not_named_one_over_the_other(
    run: RunResult, middle: tuple[float, float]
) -> None:
    lat, lon = middle
    places = [_site(f"A-{i}", lat + 1e-4 * i, lon) for i in range(NAMED)]
    names = [text for kind, text, _ in _check(difference_map(run, places, TEXTS)) if kind == "name"]
    assert 2 <= len(names) < NAMED


def test_a_move_is_named_where_it_ends(run: RunResult, middle: tuple[float, float]) -> None:
    lat, lon = middle
    moved = _site("A-1", lat, lon, state="moved", before=(lat, lon), after=(lat + 0.02, lon + 0.02))
    words = _check(difference_map(run, [moved], TEXTS))
    (name,) = (box for kind, _, box in words if kind == "name")
    assert name.left > WIDTH / 2
    assert name.bottom < _drawn(difference_map(run, [moved], TEXTS))[1].bottom / 2


def test_without_a_place_there_is_no_picture(run: RunResult) -> None:
    assert difference_map(run, [], TEXTS) == ""
