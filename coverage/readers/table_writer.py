"""The ledger's records → the same tables that :mod:`coverage.readers.tables` reads, byte for byte the same each time.

UTF-8 with BOM (Excel opens it right), LF, every column of the table, blanks for None. Text that a spreadsheet would
run as a formula gets an apostrophe, which the reader takes off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from coverage.domain.ledger import District, Ledger
from coverage.readers.geojson import dump_geojson
from coverage.readers.table_cells import guard
from coverage.readers.table_records import COLUMNS

_TABLES = {
    "sites": "sites",
    "site_operators": "site_operators",
    "site_districts": "site_districts",
    "opening_balance": "opening_balances",
    "allocations": "allocations",
    "restatements": "restatements",
    "frozen_years": "frozen_years",
    "distinct_answers": "distinct_answers",
    "actuals": "actuals",
    "footnotes": "footnotes",
}
"""File name → attribute of the ledger."""


def write_ledger(folder: Path, ledger: Ledger) -> tuple[Path, ...]:
    """Write the tables that have rows (sites always) into an existing ``folder``; returns the files.

    Districts go to districts.csv where all are points, else to districts.geojson. Files of tables that have no rows
    any more are removed, so that reading the folder gives this ledger and nothing older.
    """
    contents: dict[str, bytes] = {}
    for table, attribute in _TABLES.items():
        records = getattr(ledger, attribute)
        if records or table == "sites":
            contents[f"{table}.csv"] = table_bytes(COLUMNS[table], (_values(r) for r in records))
    if ledger.districts:
        if all(d.geometry.geom_type == "Point" for d in ledger.districts):
            contents["districts.csv"] = table_bytes(COLUMNS["districts"], map(_values, ledger.districts))
        else:
            contents["districts.geojson"] = _districts_geojson(COLUMNS["districts"], ledger.districts)
    for name in (*(f"{t}.csv" for t in (*_TABLES, "districts")), "districts.geojson"):
        if name not in contents:
            folder.joinpath(name).unlink(missing_ok=True)
    for name, data in contents.items():
        folder.joinpath(name).write_bytes(data)
    return tuple(folder / name for name in contents)


def table_bytes(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    """One CSV table: UTF-8 with BOM, LF, formula guard; None is blank."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell_text(row.get(column)) for column in columns])
    return text.getvalue().encode("utf-8-sig")


def cell_text(value: Any) -> str:
    """A value as its cell: ISO dates, instants in UTC with Z, numbers in the shortest form that reads back equal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return guard(str(value))


def _values(record: Any) -> dict[str, Any]:
    if isinstance(record, District):
        own = {f.name: getattr(record, f.name) for f in fields(record)}
        point = own.pop("geometry")
        return own | ({"lat": point.y, "lon": point.x} if point.geom_type == "Point" else {})
    return asdict(record)


def _districts_geojson(columns: Sequence[str], districts: Iterable[District]) -> bytes:
    features = []
    for district in districts:
        own = _values(district)
        properties: dict[str, Any] = {}
        for column in columns:
            if column in ("lat", "lon"):
                continue
            value = own[column]
            keep = value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum))
            properties[column] = value if keep else cell_text(value)
        features.append((properties, district.geometry))
    return dump_geojson(features)
