"""Kept plans on disk: a damaged one is named, and takes none of the others with it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from coverage.errors import FileFormatError, NotFoundError
from coverage.services.context import AppContext
from coverage.services.plan_documents import list_plans, open_plan

SOUND = {
    "run_id": "0123", "objective": "people", "value": 2588, "bound": 2596, "gap": 0.003, "cost": 74_515_000,
    "served": {"people": 2588}, "statement": {"ja": "最適", "en": "optimal"}, "estimated": False, "sites": [{}, {}],
}  # fmt: skip


@pytest.fixture
def context(tmp_path: Path) -> AppContext:
    """A runs folder with the sound plan "aaaa"."""
    _plan(tmp_path, "aaaa", json.dumps(SOUND))
    return AppContext(tmp_path, tmp_path)


def _plan(runs: Path, plan_id: str, text: str) -> None:
    folder = runs / "plans" / plan_id
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        json.dumps({**SOUND, "sites": None}).replace('"sites"', '"site"'),
    ],
)
def test_a_damaged_plan_is_left_out_of_the_list_and_named_when_it_is_opened(
    context: AppContext, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    _plan(context.runs_folder, "bbbb", text)
    with caplog.at_level(logging.WARNING):
        assert [(plan["plan_id"], plan["sites"]) for plan in list_plans(context)] == [("aaaa", 2)]
    assert "bbbb is damaged" in caplog.text
    with pytest.raises(FileFormatError) as caught:
        open_plan(context, "bbbb")
    assert caught.value.code == "plan-damaged"


def test_an_unknown_plan_and_a_path_in_place_of_an_id(context: AppContext) -> None:
    for plan_id in ("cccc", "../aaaa", ""):
        with pytest.raises(NotFoundError):
            open_plan(context, plan_id)
