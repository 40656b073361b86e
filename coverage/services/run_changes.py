"""What publishing a run would change on the pages and in the reports: count, actuals, people, municipalities, inputs."""

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


@dataclass(frozen=True)
class RunChanges:
    """``places``: people and sites by municipality in the last year that both runs hold; None where they share none."""

    counts: tuple[CountMove, ...]
    actuals: tuple[ActualMove, ...]
    places: Changes | None

    @property
    def nothing(self) -> bool:
        """Whether every printed figure stays."""
        return not self.counts and not self.actuals and (self.places is None or self.places.nothing)


def run_changes(before: RunResult, after: RunResult) -> RunChanges:
    """What ``after`` prints otherwise than ``before``; years and indicators that do not move are left out."""
    return RunChanges(_counts(before, after), _actuals(before, after), home.changes_between(before, after))


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


def _cells(run: RunResult) -> dict[tuple[str, int], tuple[dict[str, Any], dict[str, Any]]]:
    table = run.indicators["table"]
    return {
        (str(row["code"]), int(cell["fiscal_year"])): (row, cell)
        for row in (table["rows"] if table is not None else ())
        for cell in row["cells"]
    }
