"""What an upload turned out to be: the verdict, the good rows, and one sentence for everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["accept", "accept-with-warning", "reject"]
MAX_BAD_ROWS = 500


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about the file, a row (from 0, in file order) or a cell. ``code`` is stable."""

    code: str
    ja: str
    en: str
    row: int | None = None
    column: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.ja,
            "message_en": self.en,
            "row": self.row,
            "column": self.column,
        }


class Remarks(list[Remark]):
    """Warnings of one file. A list of 200,000 rows with the same flaw is told by its first rows and a number: all of
    them in full would be larger than the file."""

    IN_FULL = 1000

    def __init__(self, first: Iterable[Remark] = ()) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        for remark in first:
            self.append(remark)

    def append(self, remark: Remark) -> None:
        self.counts[remark.code] += 1
        if self.counts[remark.code] <= self.IN_FULL:
            super().append(remark)

    def close(self) -> None:
        """Name what was counted only."""
        for code, count in sorted(self.counts.items()):
            if count > self.IN_FULL:
                more = count - self.IN_FULL
                super().append(
                    Remark("more-of-the-same", f"「{code}」の注意がほかに {more:,} 件あります。", f"There are {more:,} more warnings of the kind '{code}'.")
                )
        self.counts.clear()


@dataclass
class Report:
    """Filled while a file is read. ``errors`` are about rows that are quarantined, or about the whole file;
    ``warnings`` name guesses and optional values that were left out; ``notices`` are no reason for doubt."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    notices: list[Remark] = field(default_factory=list)
    understood: dict[str, Any] = field(default_factory=dict)
    """Format, encoding, columns and CRS as read: what a person is shown before anything else."""
    rejected: bool = False
    bad_rows: list[dict[str, Any]] = field(default_factory=list)
    """Rows with errors as the file has them, for a person to put right: ``row`` and ``cells`` (header → text) of the
    columns that are used. At most :data:`MAX_BAD_ROWS`; ``line`` is the spreadsheet's, where the file has lines."""
    other_rows: list[dict[str, Any]] = field(default_factory=list)
    """The same of rows with warnings and of the first rows of the file, for a person to look at and to change."""

    @property
    def rows_bad(self) -> int:
        return len({e.row for e in self.errors if e.row is not None})

    @property
    def verdict(self) -> Verdict:
        """``accept``: every row good and nothing guessed; ``reject``: nothing can be stored."""
        if self.rejected or not self.rows:
            return "reject"
        return "accept-with-warning" if self.warnings or self.errors else "accept"

    def as_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        rejected = self.verdict == "reject"
        return {
            "verdict": self.verdict,
            "rows_ok": 0 if rejected else len(self.rows),
            "rows_bad": self.rows_bad,
            "warnings": [w.as_dict() for w in self.warnings],
            "errors": [e.as_dict() for e in self.errors],
            "notices": [n.as_dict() for n in self.notices],
            "understood": self.understood,
            "rows": [] if rejected else self.rows,
            "bad_rows": self.bad_rows,
            "other_rows": self.other_rows,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        """The inverse of :meth:`as_dict`, for what the child process sends."""

        def remarks(key: str) -> list[Remark]:
            return [Remark(r["code"], r["message"], r["message_en"], r["row"], r["column"]) for r in data[key]]

        return cls(
            rows=data["rows"],
            errors=remarks("errors"),
            warnings=remarks("warnings"),
            notices=remarks("notices"),
            understood=data["understood"],
            rejected=data["verdict"] == "reject",
            bad_rows=data["bad_rows"],
            other_rows=data["other_rows"],
        )


def rejection(code: str, ja: str, en: str) -> Report:
    """A file of which nothing is stored: one code and one sentence."""
    return Report(errors=[Remark(code, ja, en)], rejected=True)
