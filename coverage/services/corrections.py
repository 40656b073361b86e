"""Rows of an upload put right on the screen: checked again by the same reader, and joined to the rest of the file."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from coverage.services.access import Principal
from coverage.services.imports import RegionChecks, check_upload
from coverage.uploads.limits import DEFAULT_LIMITS, Limits
from coverage.uploads.report import Remark, Report

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "sites": ("site_id", "operator"),
    "districts": ("district_id", "designated_on"),
    "site_districts": ("site_id", "district_id"),
    "actuals": ("indicator", "fiscal_year"),
    "measurements": ("measurement_id",),
}
_NUMBERED = re.compile(r"^(\d+) 件目|^Row (\d+)")

Edits = Mapping[int, Mapping[str, str]]
"""Row number → header → text, as a person left the row."""


def with_corrections(
    report: Report,
    edits: Edits,
    *,
    kind: str,
    principal: Principal,
    answers: Mapping[str, Any] | None = None,
    checks: RegionChecks | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Report:
    """The report of the whole file with the rows of ``edits`` read anew.

    ``report`` is that of the file as it came; each edited row is read by the same reader, in the same child process,
    as if it stood in a file with the same headers. A row that still is wrong keeps its (new) error; a row that
    repeats the key of another good row is refused as a duplicate. Nothing is stored.
    """
    if not edits:
        return report
    numbers = sorted(edits)
    again = _read(edits, numbers, kind, principal, answers, checks, limits)
    rows = {int(row["row"]): row for row in report.rows if int(row["row"]) not in edits}
    errors = [e for e in report.errors if e.row is None or e.row not in edits]
    warnings = [w for w in report.warnings if w.row is None or w.row not in edits]
    errors += [_renumbered(e, numbers) for e in again.errors if e.row is not None]
    warnings += [_renumbered(w, numbers) for w in again.warnings if w.row is not None]
    taken = {_key(kind, row) for row in rows.values()}
    for row in again.rows:
        number = numbers[int(row["row"])]
        key = _key(kind, row)
        if key in taken:
            errors.append(_duplicate(number, key))
            continue
        taken.add(key)
        rows[number] = {**row, "row": number}
    good = [rows[number] for number in sorted(rows)]
    wrong = {e.row for e in errors if e.row is not None}
    return dataclasses.replace(
        report,
        rows=good,
        errors=sorted(errors, key=lambda e: -1 if e.row is None else e.row),
        warnings=warnings,
        rejected=not good,
        bad_rows=[_as_left(bad, edits) for bad in report.bad_rows if bad["row"] in wrong],
    )


def _read(
    edits: Edits,
    numbers: Sequence[int],
    kind: str,
    principal: Principal,
    answers: Mapping[str, Any] | None,
    checks: RegionChecks | None,
    limits: Limits,
) -> Report:
    headers = list(dict.fromkeys(header for number in numbers for header in edits[number]))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headers)
    writer.writerows([[edits[number].get(header, "") for header in headers] for number in numbers])
    with tempfile.TemporaryDirectory(prefix="coverage-gap-rows-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "rows.csv"
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        kept = {k: v for k, v in (answers or {}).items() if k not in ("sheet", "layer")}
        return check_upload(path, kind=kind, principal=principal, answers=kept, checks=checks, limits=limits)


def _renumbered(remark: Remark, numbers: Sequence[int]) -> Remark:
    """A remark about the n-th edited row, as one about its row of the file."""
    number = numbers[int(remark.row or 0)]

    def say(text: str) -> str:
        return _NUMBERED.sub(lambda m: f"{number + 1} 件目" if m[1] else f"Row {number + 1}", text)

    return dataclasses.replace(remark, ja=say(remark.ja), en=say(remark.en), row=number)


def _key(kind: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(name) or "") for name in _KEYS[kind])


def _duplicate(number: int, key: tuple[str, ...]) -> Remark:
    shown = "・".join(part for part in key if part)
    return Remark(
        "duplicate",
        f"{number + 1} 件目: 「{shown}」は別の行と重複しています。",
        f"Row {number + 1}: '{shown}' stands in another row already.",
        number,
    )


def _as_left(bad: Mapping[str, Any], edits: Edits) -> dict[str, Any]:
    number = int(bad["row"])
    return {"row": number, "cells": dict(edits.get(number, bad["cells"]))}
