"""The page 地図 as Streamlit runs it: what its map is told, and the comparison of two states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from coverage.services.access import ANONYMOUS

from .page_words import words_of


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import map_view

    frame.render(frame.open_view(), map_view.show)


def _open(**query: str) -> AppTest:
    test = AppTest.from_function(_script, default_timeout=30)
    for name, value in query.items():
        test.query_params[name] = value
    return test.run()


def _two() -> AppTest:
    """The page with two maps chosen."""
    test = _open()
    test.session_state["map-mode"] = "two"
    return test.run()


def _told(test: AppTest) -> dict[str, Any]:
    """What the map component was given."""
    found = [e.proto for e in test.get("bidi_component") if e.proto.component_name == "live_map"]
    assert len(found) == 1
    told: dict[str, Any] = json.loads(found[0].json)
    return told


def _sent(test: AppTest) -> int:
    """Bytes of the component's message."""
    return sum(e.proto.ByteSize() for e in test.get("bidi_component") if e.proto.component_name == "live_map")


@pytest.fixture(autouse=True)
def _published(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(runs_folder))


def test_the_map_is_told_addresses_and_nothing_else() -> None:
    test = _open()
    assert not test.exception
    told = _told(test)
    assert told["sides"] == [{"base": "/map-data/0123456789abcdef"}]
    assert told["script"].startswith("/map-data/assets/")
    assert told["plans"] is True
    assert _sent(test) < 2_000
    assert "潮見市" not in json.dumps(told, ensure_ascii=False)


def test_the_map_for_print_and_the_picture_are_one_click_away() -> None:
    words = words_of(_open())
    assert "(/map/0123456789abcdef.html?lang=ja&plans=1)" in words
    assert "still.png?fy=2018&lang=ja&download=1" in words


def test_a_smaller_role_is_not_told_to_ask_for_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coverage.web.frame._visitor", lambda: ANONYMOUS)
    test = _open()
    assert _told(test)["plans"] is False
    assert "plans=1" not in words_of(test)


def test_two_years_stand_beside_each_other_with_their_difference() -> None:
    test = _two()
    assert not test.exception
    told = _told(test)
    assert [side["year"] for side in told["sides"]] == [2017, 2018]
    assert [side["title"] for side in told["sides"]] == ["平成29年度末", "平成30年度末"]
    words = words_of(test)
    # 30 people fewer in each of three municipalities (the first has 40 left at most).
    assert "不感人口の差" in words
    assert ">−30<" in words
    assert _sent(test) < 4_000


def test_the_same_state_on_both_sides_is_said_and_not_drawn() -> None:
    test = _two()
    states = test.selectbox(key="map-left").options
    test.selectbox(key="map-left").select_index(0).run()
    assert len(states) >= 3
    assert "同じものが選ばれています" in words_of(test)
    assert [e for e in test.get("bidi_component") if e.proto.component_name == "live_map"] == []


def test_where_gaps_are_no_statement_the_comparison_says_so(
    tmp_path: Path, synthetic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.write_synthetic_run(tmp_path, computable=False)
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path))
    test = _two()
    assert words_of(test).count(">算定不可<") == 3 * 4
