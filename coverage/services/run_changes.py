"""What publishing a run would change on the pages and in the reports: count, actuals, footnotes, people, municipalities,
inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coverage.runs.result import RunResult
from coverage.services import home
from coverage.services.home import Changes


@dataclass(frozen=True, slots=True)
class CountMove:
    """The cumulative count of one fiscal year before and after; None = no value to print."""

    fiscal_year: int
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class ActualMove:
    """An indicator's actual before and after, as printed with its unit, by language; with 目標達成状況."""

    code: str
    name: Mapping[str, str]
    fiscal_year: int
    before: Mapping[str, str]
    after: Mapping[str, str]
    achievement: tuple[str, str]


@dataclass(frozen=True, slots=True)
class NoteMove:
    """A footnote, computed or written by hand, that comes to a year's value or goes; its words by language."""

    code: str
    fiscal_year: int
    text: Mapping[str, str]
    added: bool


@dataclass(frozen=True)
class RunChanges:
    """``places``: people and sites by municipality in the last year that both runs hold; None where they share none."""

    counts: tuple[CountMove, ...]
    actuals: tuple[ActualMove, ...]
    notes: tuple[NoteMove, ...]
    places: Changes | None

    @property
    def nothing(self) -> bool:
        """Whether every printed figure and footnote stays."""
        return not (self.counts or self.actuals or self.notes) and (self.places is None or self.places.nothing)


def run_changes(before: RunResult, after: RunResult) -> RunChanges:
    """What ``after`` prints otherwise than ``before``; years and indicators that do not move are left out."""
    return RunChanges(
        _counts(before, after), _actuals(before, after), _notes(before, after), home.changes_between(before, after)
    )


def _counts(before: RunResult, after: RunResult) -> tuple[CountMove, ...]:
    def totals(run: RunResult) -> dict[int, int | None]:
        return {int(year["fiscal_year"]): year["total"] for year in run.count["years"]}

    old, new = totals(before), totals(after)
    return tuple(
        CountMove(fy, old.get(fy), new.get(fy)) for fy in sorted({*old, *new}) if old.get(fy) != new.get(fy)
    )


def _actuals(before: RunResult, after: RunResult) -> tuple[ActualMove, ...]:
    old, new = _cells(before), _cells(after)
    found = []
    for key, (row, cell) in new.items():
        was = old.get(key, (row, {}))[1]
        if (cell["actual"], cell["actual_source"]) == (was.get("actual"), was.get("actual_source")):
            continue
        if cell["actual_source"] == was.get("actual_source") == "counted":
            # The count itself: it stands among ``counts``.
            continue
        found.append(
            ActualMove(
                key[0],
                row["name"],
                key[1],
                {lang: str(was.get(f"actual_text_{lang}", "—")) for lang in ("ja", "en")},
                {lang: str(cell[f"actual_text_{lang}"]) for lang in ("ja", "en")},
                (str(was.get("achievement_text", "—")), str(cell["achievement_text"])),
            )
        )
    return tuple(found)


def _notes(before: RunResult, after: RunResult) -> tuple[NoteMove, ...]:
    old, new = _footnotes(before), _footnotes(after)
    moved = [NoteMove(code, fy, text, True) for (code, fy, ja), text in new.items() if (code, fy, ja) not in old]
    moved += [NoteMove(code, fy, text, False) for (code, fy, ja), text in old.items() if (code, fy, ja) not in new]
    return tuple(sorted(moved, key=lambda note: (note.fiscal_year, note.code, note.added)))


def _footnotes(run: RunResult) -> dict[tuple[str, int, str], Mapping[str, str]]:
    """Every footnote by its indicator, year and Japanese words; what was written to the count stands in both tables."""
    found = {
        (str(run.count["indicator"]), int(year["fiscal_year"]), str(note["ja"])): note
        for year in run.count["years"]
        for note in year["footnotes"]
    }
    found |= {
        (code, fy, str(note["ja"])): note
        for (code, fy), (_, cell) in _cells(run).items()
        for note in cell.get("footnotes", ())
    }
    return {key: {lang: str(note[lang]) for lang in ("ja", "en")} for key, note in found.items()}


def _cells(run: RunResult) -> dict[tuple[str, int], tuple[dict[str, Any], dict[str, Any]]]:
    table = run.indicators["table"]
    return {
        (str(row["code"]), int(cell["fiscal_year"])): (row, cell)
        for row in (table["rows"] if table is not None else ())
        for cell in row["cells"]
    }
