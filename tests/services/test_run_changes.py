"""What publishing would change: every printed figure that moves, once, and nothing that stays."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from coverage.runs.result import RunResult
from coverage.services.run_changes import CountMove, run_changes

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "synthetic_run.py"


@pytest.fixture
def two(tmp_path):
    """Two equal runs; the second may be edited before it is opened."""
    spec = importlib.util.spec_from_file_location("synthetic_run_of_changes", FIXTURE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folders = [
        module.write_synthetic_run(tmp_path, run_id=run_id, publish=False) for run_id in ("aaaa", "bbbb")
    ]
    return RunResult.open(folders[0]), folders[1]


def _edit(folder, name, change):
    path = folder / "tables" / name
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _cell(content, code, fy):
    row = next(r for r in content["table"]["rows"] if r["code"] == code)
    return next(c for c in row["cells"] if c["fiscal_year"] == fy)


def test_equal_runs_change_nothing(two):
    before, folder = two
    changes = run_changes(before, RunResult.open(folder))
    assert changes.nothing
    assert (changes.counts, changes.actuals, changes.notes) == ((), (), ())


def test_footnotes_that_come_and_go_are_told_once_with_their_year(two):
    before, folder = two
    note = {"code": "written", "ja": "統合により1基減", "en": "one fewer by a merger"}

    def written(content):
        year = next(y for y in content["years"] if y["fiscal_year"] == 2018)
        year["footnotes"] = [note]

    _edit(folder, "count.json", written)
    # The counted indicator's cell holds what was written to the count, too.
    _edit(folder, "indicators.json", lambda content: _cell(content, "40604", 2018).update(footnotes=[note]))
    after = RunResult.open(folder)
    gone = [n["ja"] for y in before.count["years"] if y["fiscal_year"] == 2018 for n in y["footnotes"]]
    changes = run_changes(before, after)
    assert [(n.code, n.fiscal_year, n.text["ja"], n.added) for n in changes.notes] == [
        *(("40604", 2018, ja, False) for ja in gone),
        ("40604", 2018, "統合により1基減", True),
    ]
    assert not changes.nothing
    back = run_changes(after, before).notes
    assert {(n.text["en"], n.added) for n in back if n.text["ja"] == note["ja"]} == {("one fewer by a merger", False)}


def test_a_footnote_to_an_entered_value_is_told(two):
    before, folder = two
    note = {"ja": "速報値", "en": "preliminary"}
    _edit(folder, "indicators.json", lambda content: _cell(content, "40602", 2016).update(footnotes=[note]))
    (told,) = run_changes(before, RunResult.open(folder)).notes
    assert (told.code, told.fiscal_year, dict(told.text), told.added) == ("40602", 2016, note, True)


def test_the_count_is_told_once_and_a_decided_actual_beside_it(two):
    before, folder = two

    def more(content):
        year = next(y for y in content["years"] if y["fiscal_year"] == 2018)
        year["total"] += 2

    def decided(content):
        # The counted cell follows the count; 40602 was entered.
        _cell(content, "40604", 2018)["actual"] += 2
        _cell(content, "40602", 2016).update(
            actual=81.5,
            actual_source="decided",
            actual_text_ja="81.5%",
            actual_text_en="81.5%",
            achievement_text="1.00",
        )

    old = next(y["total"] for y in before.count["years"] if y["fiscal_year"] == 2018)
    _edit(folder, "count.json", more)
    _edit(folder, "indicators.json", decided)
    changes = run_changes(before, RunResult.open(folder))
    assert changes.counts == (CountMove(2018, old, old + 2),)
    (moved,) = changes.actuals
    assert (moved.code, moved.fiscal_year, moved.after["ja"], moved.achievement[1]) == (
        "40602",
        2016,
        "81.5%",
        "1.00",
    )
    assert not changes.nothing


def test_a_decided_value_that_equals_the_count_is_told_because_its_kind_changes(two):
    before, folder = two
    _edit(
        folder,
        "indicators.json",
        lambda content: _cell(content, "40604", 2018).update(actual_source="decided"),
    )
    changes = run_changes(before, RunResult.open(folder))
    assert [a.code for a in changes.actuals] == ["40604"]
    assert changes.actuals[0].before == changes.actuals[0].after
