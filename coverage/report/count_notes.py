"""Footnotes of the count by fiscal year, numbered once for pages, paper and workbook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coverage.domain import fiscal
from coverage.report.wording import Texts
from coverage.runs.result import RunResult


@dataclass(frozen=True)
class CountNotes:
    """``marks``: numbers of the notes (from 1) by fiscal year; ``notes``: the sentences in that order."""

    marks: dict[int, tuple[int, ...]]
    notes: tuple[str, ...]

    def signs(self, fy: int) -> str:
        """「注1 注2」 as it stands behind a year's value; "" without a note."""
        return " ".join(f"*{number}" for number in self.marks.get(fy, ()))


def count_notes(run: RunResult, texts: Texts) -> CountNotes:
    """What a reader has to know about single years: frozen values, late entries, restatements, sites allocated to the
    opening balance, decided actuals that differ from the ledger's count, and last what people wrote. The same sentence
    has one number."""
    cells = indicator_cells(run)
    numbers: dict[str, int] = {}
    marks: dict[int, tuple[int, ...]] = {}
    for year in run.count["years"]:
        fy = int(year["fiscal_year"])
        by_hand = [note for note in year["footnotes"] if note.get("code") == "written"]
        said = [str(note[texts.lang]) for note in year["footnotes"] if note not in by_hand]
        said += _allocated(run, fy, texts)
        said += _decided(cells.get(fy), fy, texts)
        said += [str(note[texts.lang]) for note in by_hand]
        marks[fy] = tuple(numbers.setdefault(sentence, len(numbers) + 1) for sentence in said)
    return CountNotes(marks, tuple(numbers))


def indicator_cells(run: RunResult) -> dict[int, dict[str, Any]]:
    """Cells of the counted indicator by fiscal year; empty without a policy sheet."""
    table = run.indicators["table"]
    rows = [] if table is None else [r for r in table["rows"] if r["code"] == run.count["indicator"]]
    return {int(cell["fiscal_year"]): cell for cell in rows[0]["cells"]} if rows else {}


def cell_footnotes(rows: Iterable[Mapping[str, Any]], lang: str) -> list[str]:
    """What people wrote to the values of the policy sheet: 「40604 令和元年度：…」, in the table's order."""
    colon = ": " if lang == "en" else "："
    return [
        f"{row['code']} {fiscal.label(int(cell['fiscal_year']), lang)}{colon}{footnote[lang]}"
        for row in rows
        for cell in row["cells"]
        for footnote in cell.get("footnotes", ())
    ]


def cell_remarks(cell: Mapping[str, Any], lang: str) -> str:
    """The cell's note and what people wrote to it after that, for one cell of a table."""
    said = [cell["note"][lang], *(footnote[lang] for footnote in cell.get("footnotes", ()))]
    return ("; " if lang == "en" else "；").join(part for part in said if part)


def printed_actual(year: dict[str, Any], cell: dict[str, Any] | None) -> float | None:
    """The indicator's actual in a year of the count: the decided one where there is one, else the ledger's total."""
    if cell is not None and cell["actual_source"] == "decided":
        decided: float | None = cell["actual"]
        return decided
    total: float | None = year.get("total")
    return total


def _allocated(run: RunResult, fy: int, texts: Texts) -> list[str]:
    opening = run.count["opening"]
    if opening is None or int(opening["fiscal_year"]) != fy:
        return []
    sites = [v["site_id"] for v in run.count["verdicts"] if v["code"] == "in-opening-balance"]
    if not sites:
        return []
    return [
        texts(
            "count_notes.allocated",
            year=_year(fy, texts),
            value=f"{opening['value']:,}",
            n=f"{len(sites):,}",
        )
    ]


def _decided(cell: dict[str, Any] | None, fy: int, texts: Texts) -> list[str]:
    if cell is None or cell["actual_source"] != "decided" or cell["counted"] in (None, cell["actual"]):
        return []
    return [
        texts(
            "count_notes.decided",
            year=_year(fy, texts),
            value=cell[f"actual_text_{texts.lang}"],
            source=cell["citation"] or "—",
            counted=f"{cell['counted']:,}",
        )
    ]


def _year(fy: int, texts: Texts) -> str:
    return fiscal.label(fy, texts.lang)


def rule_sentences(rule: str) -> list[str]:
    """The sentences of the counting rule, in either language, to be printed one below the other."""
    return [part.strip() for part in re.split(r"(?<=。)|(?<=\.) (?=[A-Z])", rule) if part.strip()]
