"""What a person is shown before anything else: which columns were read as what, with samples; how positions and dates are
written; how many rows there are. Taken from the file and its report after the reading, so that it cannot differ from it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from coverage.domain.ledger import DatePrecision
from coverage.errors import FileFormatError
from coverage.uploads.date_answers import read_date_answered
from coverage.uploads.headers import assign, field_of, is_personal
from coverage.uploads.other_tables import assign_other, other_field_of
from coverage.uploads.report import MAX_BAD_ROWS, Report
from coverage.uploads.tables import RawTable

DATE_FIELDS: Final = (
    "in_service_date", "fiscal_year", "closed_on", "designated_on", "resolved_on", "serves_from", "confirmed_on", "decided_on", "measured_on",
)  # fmt: skip
FIRST_ROWS: Final = 100
"""Rows from the beginning of the file that a person may look at and change although nothing is wrong with them."""
LINE_STEPS: Final = 2000
"""Gaps between rows and lines that are told; a file with an empty line after every row has no more to say."""
_SAMPLES, _SAMPLE_CHARACTERS = 3, 40
_ERA = re.compile(r"明治|大正|昭和|平成|令和|[MTSHR]\s*(?:\d|元)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(?:\.(\d*))?")


def describe(table: RawTable, kind: str, label: str, answers: Mapping[str, Any], report: Report) -> None:
    """Complete ``report.understood``: ``heads`` (every column), ``layout`` (digest of the headers), ``rows``, ``lines``
    (where the file has lines), ``decimals`` and ``dates``; and put the rows that a person may look at into the report."""
    told = report.understood
    told |= {k: v for k, v in table.understood.items() if k not in told}
    chosen: Mapping[str, str] = told.get("columns") or _guess(table.columns, kind, label, answers.get("columns") or {})
    alone = _guess(table.columns, kind, label, {})
    read_as = {header: field for field, header in chosen.items()}
    guessed = {header: field for field, header in alone.items()}
    samples = _samples(table)
    told["heads"] = [
        {
            "header": header,
            "field": read_as.get(header, ""),
            "guess": guessed.get(header) or _single(header, kind) or "",
            "personal": is_personal(header),
            # What is dropped unread is not shown either.
            "samples": [] if is_personal(header) and header not in read_as else samples[i],
        }
        for i, header in enumerate(table.columns)
        if header
    ]
    told["layout"] = _layout(table, kind)
    told["rows"] = len(table.rows)
    lines = _line_steps(table)
    if lines:
        told["lines"] = lines
    at = {field: table.columns.index(header) for field, header in chosen.items() if header in table.columns}
    if table.spatial:
        told["decimals"] = _decimals(repr(v) for row in table.rows if row.lonlat for v in row.lonlat)
    else:
        places = [at[f] for f in ("lat", "lon", "x", "y") if f in at]
        told["decimals"] = _decimals(row.cells[i] for row in table.rows for i in places if i < len(row.cells))
    told["dates"] = {f: found for f in DATE_FIELDS if f in at and (found := _dates(table, at[f], f, report, answers.get("dates") or {}))}
    _rows_to_show(table, at, report)


def _guess(columns: Sequence[str], kind: str, label: str, answers: Mapping[str, str]) -> dict[str, str]:
    """Field → header by the headers alone; nothing where they contradict each other."""
    try:
        place = assign(columns, answers, label) if kind == "sites" else assign_other(kind, columns, answers, label)
    except FileFormatError:
        return {}
    return {field: columns[i] for field, i in place.items()}


def _single(header: str, kind: str) -> str | None:
    return field_of(header) if kind == "sites" else other_field_of(kind, header)


def _samples(table: RawTable) -> list[list[str]]:
    """The first different values of each column."""
    found: list[list[str]] = [[] for _ in table.columns]
    for row in table.rows[:200]:
        for i, held in enumerate(found):
            text = " ".join(row.cells[i].split())[:_SAMPLE_CHARACTERS] if i < len(row.cells) else ""
            if text and len(held) < _SAMPLES and text not in held:
                held.append(text)
    return found


def _layout(table: RawTable, kind: str) -> str:
    """Digest of all that the answers of a person depend on: the kind of table, and the headers of every sheet or layer."""
    parts = table.understood.get("sheets") or table.understood.get("layers")
    heads = [[p["name"], *p["columns"]] for p in parts] if parts and len(parts) > 1 else [table.columns]
    return layout_digest(kind, heads)


def layout_digest(kind: str, heads: Sequence[Sequence[str]]) -> str:
    text = json.dumps([kind, [list(h) for h in heads]], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _line_steps(table: RawTable) -> list[list[int | None]]:
    """Where the spreadsheet's line runs away from the row: ``[row, line − row]``, good until the next entry; the second
    is None where lines are not known (any more)."""
    steps: list[list[int | None]] = []
    for row in table.rows:
        ahead = None if row.line is None else row.line - row.number
        if (steps[-1][1] if steps else None) == ahead:
            continue
        if len(steps) == LINE_STEPS:
            steps.append([row.number, None])
            break
        steps.append([row.number, ahead])
    return steps


def _decimals(texts: Iterable[str]) -> dict[str, int]:
    """How many coordinates have how many decimals; "dms" for degrees, minutes and seconds."""
    counts: Counter[str] = Counter()
    for text in texts:
        if text.isascii() and "." in text:
            # Nearly every coordinate: the short way.
            _, _, decimals = text.rpartition(".")
            if decimals.isdigit() and text.count(".") == 1:
                counts[str(len(decimals))] += 1
                continue
        plain = unicodedata.normalize("NFKC", text).strip()
        number = _NUMBER.fullmatch(plain)
        if number:
            counts[str(len(number[1] or ""))] += 1
        elif any(c.isdigit() for c in plain):
            counts["dms"] += 1
    return dict(counts)


def _dates(table: RawTable, at: int, field: str, report: Report, answers: Mapping[str, Any]) -> dict[str, int]:
    """How the dates of a column are written (``era``, ``western``) and what they are known to (``day`` …)."""
    counts: Counter[str] = Counter()
    read = {int(row["row"]): row for row in report.rows}
    for row in table.rows:
        text = row.cells[at].strip() if at < len(row.cells) else ""
        if not text:
            continue
        counts["era" if _ERA.search(unicodedata.normalize("NFKC", text)) else "western"] += 1
        record = read.get(row.number)
        if record is None:
            continue
        if field in ("in_service_date", "fiscal_year") and "in_service_date" in record:
            counts[record["date_precision"] if record["in_service_date"] else "unread"] += 1
        elif record.get(field) is None:
            counts["unread"] += 1
        elif field == "closed_on":
            # Its precision is not kept, so it is read once more.
            counts[read_date_answered(text, bare_year=DatePrecision.YEAR, answers=answers)[0].precision.value] += 1
        else:
            counts["fiscal_year" if field == "fiscal_year" else "day"] += 1
    return dict(counts)


def _rows_to_show(table: RawTable, at: Mapping[str, int], report: Report) -> None:
    """Rows as they stand in the file, by columns that are used: those with errors, and apart from them those with
    warnings and the first of the file. Nothing that was dropped comes back."""
    wrong = {e.row for e in report.errors if e.row is not None}
    doubtful = {w.row for w in report.warnings if w.row is not None} - wrong
    columns = sorted(set(at.values()))
    places = table.spatial and not {"lat", "lon"} & set(at)
    for row in table.rows:
        bad = row.number in wrong
        held = report.bad_rows if bad else report.other_rows
        if len(held) >= MAX_BAD_ROWS or not (bad or row.number in doubtful or row.number < FIRST_ROWS):
            continue
        cells = {table.columns[i]: row.cells[i] if i < len(row.cells) else "" for i in columns}
        if places:
            lon, lat = row.lonlat or ("", "")
            cells |= {"lat": str(lat), "lon": str(lon)}
        held.append({"row": row.number, "line": row.line, "cells": cells})
