"""使い方: the tour offers what the visitor may use, with this region's own figures, and explains the words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from coverage.runs.result import RunResult
from coverage.services import home


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import tour

    frame.render(frame.open_view(), tour.show)


@pytest.fixture(autouse=True)
def _published(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))


def _words(*, role: str = "admin", lang: str = "ja") -> str:
    test = AppTest.from_function(_script, default_timeout=30)
    test.session_state["role"] = role
    test.query_params["lang"] = lang
    test.run()
    assert not test.exception
    return "\n".join(element.proto.body for element in test.get("html"))


def _pages(words: str) -> list[str]:
    return re.findall(r'href="/([a-z]*)', words)


def test_an_administrator_is_shown_every_page_and_a_viewer_those_that_a_viewer_has() -> None:
    everybody = ["", "map", "progress", "data", "challenges"]
    assert _pages(_words()) == [*everybody, "upload", "planning", "approvals", "manage"]
    assert _pages(_words(role="planner")) == [*everybody, "upload", "planning"]
    assert _pages(_words(role="viewer")) == everybody


def test_the_first_five_steps_take_five_minutes() -> None:
    minutes = [int(n) for n in re.findall(r"(\d+) 分<", _words(role="viewer"))]
    assert sum(minutes) == 5


@pytest.mark.parametrize("role", ["viewer", "planner", "admin"])
def test_the_title_says_how_long_this_visitors_steps_take(role: str) -> None:
    words = _words(role=role)
    minutes = sum(int(n) for n in re.findall(r"(\d+) 分<", words))
    assert f"はじめての方へ（{minutes}分）" in words


def test_nobody_is_invited_to_file_a_challenge_as_a_trial() -> None:
    assert "試しに出さないでください" in _words(role="viewer")


def test_the_figures_are_those_of_the_region(run: RunResult) -> None:
    counted = home.count_now(run)
    assert counted.total is not None
    assert f"累計 {counted.total:,} 基" in _words(role="viewer")


def test_links_keep_the_language() -> None:
    words = _words(lang="en")
    assert 'href="/map?lang=en"' in words
    assert "No-signal area" in words
