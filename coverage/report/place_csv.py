"""A place as one CSV table, and the description that goes with it (CSV on the Web, W3C tabular metadata)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from coverage.domain import fiscal
from coverage.report.fields import Field, fields
from coverage.report.place import Place
from coverage.runs.reception import notice_of
from coverage.runs.result import RunResult
from coverage.runs.tables import cell_text, rounded

_DATATYPES: Final = {
    "text": "string", "texts": "string", "integer": "integer", "number": "number", "boolean": "boolean", "date": "date",
}  # fmt: skip


def place_csv(place: Place) -> bytes:
    """UTF-8 with BOM, CRLF; first the figures of every year, then areas, districts and sites of the fiscal year.

    Text that a spreadsheet would run as a formula gets a leading apostrophe.
    """
    out = io.StringIO(newline="")
    columns = list(fields().columns())
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in place.rows():
        writer.writerow([cell_text(rounded(name, row[name])) for name in columns])
    return out.getvalue().encode("utf-8-sig")


def place_csv_metadata(place: Place) -> bytes:
    """The CSVW description of :func:`place_csv`: columns, units, licence and credits; the CSV itself has no room for them."""
    title = {
        "ja": f"{place.name('ja')} {fiscal.label_ja(place.fiscal_year)}",
        "en": f"{place.name('en')} {fiscal.label_en(place.fiscal_year)}",
    }
    return _document(place.run, f"{place.code}.csv", title, list(fields().columns().values()))


def table_csv_metadata(run: RunResult, name: str, head: Sequence[str]) -> bytes:
    """The CSVW description of ``tables/<name>.csv``, whose columns are ``head``."""
    region = run.meta["region"]
    title = {"ja": f"{region['name_ja']} {name}", "en": f"{region['name_en']} {name}"}
    return _document(run, f"{name}.csv", title, fields().of_table(name, head))


def _document(run: RunResult, url: str, title: Mapping[str, str], columns: Sequence[Field]) -> bytes:
    meta = run.meta
    document: dict[str, Any] = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "ja"}],
        "url": url,
        "dc:title": _both(title["ja"], title["en"]),
        "dc:identifier": meta["run_id"],
        "dc:license": sorted({layer["licence"] for layer in meta["layers"] if layer["licence"]}),
        "dc:source": sorted({layer["credit"] for layer in meta["layers"] if layer["credit"]}),
        "dc:description": _both(notice_of(meta, "ja"), notice_of(meta, "en")),
        "dialect": {"encoding": "utf-8", "delimiter": ",", "header": True, "lineTerminators": ["\r\n", "\n"]},
        "tableSchema": {"columns": [_column(field) for field in columns]},
    }
    return (json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8")


def _column(field: Field) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": field.name,
        "titles": field.name,
        "rdfs:label": _both(field.ja, field.en),
        "datatype": _DATATYPES[field.type],
        "null": [""],
    }
    if field.type == "texts":
        column["separator"] = ";"
    if field.unit:
        column["schema:unitText"] = field.unit
    return column


def _both(ja: str, en: str) -> list[dict[str, str]]:
    return [{"@value": ja, "@language": "ja"}, {"@value": en, "@language": "en"}]
