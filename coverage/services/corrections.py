"""Rows of an upload put right on the screen: checked again by the same reader, and joined to the rest of the file; and what a
person takes along: the corrected list and the list of errors."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from coverage.domain.cell_guard import guard
from coverage.services.access import Principal
from coverage.services.imports import RegionChecks, check_upload
from coverage.services.templates import TEMPLATES
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


def line_of(understood: Mapping[str, Any], row: int | None) -> int | None:
    """The spreadsheet's line of a row (from 0); None in files without lines and for sentences about the whole file."""
    ahead = None
    for first, step in understood.get("lines") or ():
        if row is None or first > row:
            break
        ahead = step
    return None if row is None or ahead is None else row + int(ahead)


def told_by_line(sentence: str, understood: Mapping[str, Any], row: int | None) -> str:
    """A remark's sentence with the line that a person sees in the spreadsheet, where the reader counted rows."""
    line = line_of(understood, row)
    if line is None:
        return sentence
    return _NUMBERED.sub(lambda m: f"{line} 行目" if m[1] else f"Row {line}", sentence)


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
    again = read_corrections(
        edits, kind=kind, principal=principal, answers=answers, checks=checks, limits=limits
    )
    return join_corrections(report, edits, again, kind=kind)


def read_corrections(
    edits: Edits,
    *,
    kind: str,
    principal: Principal,
    answers: Mapping[str, Any] | None = None,
    checks: RegionChecks | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Report | None:
    """What the reader says of the edited rows alone; None where all of them were emptied."""
    numbers = _numbers(edits)
    return _read(edits, numbers, kind, principal, answers, checks, limits) if numbers else None


def _numbers(edits: Edits) -> list[int]:
    # The reader passes over empty rows: one that was emptied is out of the list, and must not shift the others' numbers.
    return sorted(n for n in edits if any(text.strip() for text in edits[n].values()))


def join_corrections(report: Report, edits: Edits, again: Report | None, *, kind: str) -> Report:
    """The report of the whole file with what :func:`read_corrections` said in the place of the edited rows."""
    numbers = _numbers(edits)
    rows = {int(row["row"]): row for row in report.rows if int(row["row"]) not in edits}
    errors = [e for e in report.errors if e.row is None or e.row not in edits]
    warnings = [w for w in report.warnings if w.row is None or w.row not in edits]
    own_errors, own_warnings, own_rows = (
        (again.errors, again.warnings, again.rows) if again is not None else ((), (), ())
    )
    errors += [_renumbered(e, numbers) for e in own_errors if e.row is not None]
    warnings += [_renumbered(w, numbers) for w in own_warnings if w.row is not None]
    taken = {_key(kind, row) for row in rows.values()}
    for row in own_rows:
        number = numbers[int(row["row"])]
        key = _key(kind, row)
        if key in taken:
            errors.append(_duplicate(number, key))
            continue
        taken.add(key)
        rows[number] = {**row, "row": number}
    # A sentence about the rows as a whole (a header that is missing) is one about each of them.
    whole = [e for e in own_errors if e.row is None and e.code not in ("no-good-row", "no-rows")]
    read = {e.row for e in errors} | set(rows)
    errors += [
        dataclasses.replace(e, row=number) for e in whole[:1] for number in numbers if number not in read
    ]
    shown = sorted([*report.bad_rows, *report.other_rows], key=lambda held: int(held["row"]))
    good = [rows[number] for number in sorted(rows)]
    wrong = {e.row for e in errors if e.row is not None}
    return dataclasses.replace(
        report,
        rows=good,
        errors=sorted(errors, key=lambda e: -1 if e.row is None else e.row),
        warnings=warnings,
        rejected=not good,
        bad_rows=[_as_left(held, edits) for held in shown if held["row"] in wrong],
        other_rows=[_as_left(held, edits) for held in shown if held["row"] not in wrong],
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
        named = kept.get("columns") or {}
        kept["columns"] = {
            field: header for field, header in named.items() if not header or header in headers
        }
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
    return {**bad, "cells": dict(edits.get(number, bad["cells"]))}


def corrected_csv(kind: str, report: Report) -> bytes:
    """The list as it was understood, corrections included: our headers, ISO dates, degrees of JGD2011; UTF-8 with a byte
    order mark. Rows that still are wrong stand at their place as they are. Read again, it raises no question."""
    columns = TEMPLATES[kind]
    read_as = {header: field for field, header in (report.understood.get("columns") or {}).items()}
    rows = {int(row["row"]): [_cell_of(row, c.field) for c in columns] for row in report.rows}
    for bad in report.bad_rows:
        cells = {read_as.get(header, header): text for header, text in bad["cells"].items()}
        rows[int(bad["row"])] = [str(cells.get(c.field, "")) for c in columns]
    return _csv([[c.header for c in columns], *(rows[number] for number in sorted(rows))])


def errors_csv(report: Report, lang: str = "ja") -> bytes:
    """Every error and warning with its row, the spreadsheet's line, the header of its cell, what stands there, and the
    sentence; UTF-8 with a byte order mark."""
    en = lang == "en"
    headers = report.understood.get("columns") or {}
    held = {int(row["row"]): row for row in (*report.bad_rows, *report.other_rows)}
    kinds = ((report.errors, ("要修正", "to put right")), (report.warnings, ("注意", "warning")))
    head = (
        ["Kind", "Row", "Line in the file", "Column", "Cell", "What is wrong", "Code"]
        if en
        else ["区分", "件目", "ファイルの行", "列", "値", "内容", "コード"]
    )
    lines: list[list[str]] = [head]
    for remarks, words in kinds:
        for remark in remarks:
            row = held.get(remark.row) if remark.row is not None else None
            header = str(headers.get(remark.column or "", remark.column or ""))
            line = line_of(report.understood, remark.row)
            lines.append(
                [
                    words[en],
                    "" if remark.row is None else str(remark.row + 1),
                    "" if line is None else str(line),
                    header,
                    "" if row is None else str(row["cells"].get(header, "")),
                    told_by_line(remark.en if en else remark.ja, report.understood, remark.row),
                    remark.code,
                ]
            )
    return _csv(lines)


def _cell_of(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if isinstance(value, list):
        return ";".join(str(v) for v in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if field in ("lat", "lon") and value is None and row.get("geometry"):
        import shapely

        point = shapely.from_wkb(row["geometry"]).representative_point()
        return repr(round(float(point.y if field == "lat" else point.x), 8))
    return "" if value is None else str(value)


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([[guard(cell) for cell in line] for line in lines])
    return ("\ufeff" + text.getvalue()).encode("utf-8", "replace")
