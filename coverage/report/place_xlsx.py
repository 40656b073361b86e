"""A place as a workbook: figures by year, no-signal areas, districts, sites, and the sources with their licences."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from shapely.geometry import shape

from coverage.domain import fiscal
from coverage.report.fields import Field, fields
from coverage.report.place import PLANNED, Place
from coverage.report.wording import Texts, layer_edition, layer_name, report_texts
from coverage.report.workbook import PERCENT, WHOLE, add_sheet, put_table, without_clock

_FORMATS: Final = {"persons": WHOLE, "households": WHOLE, "1": PERCENT, "km2": "#,##0.0", "deg": "0.000000"}
_SHEETS: Final = ("no_signal_area", "district", "site", PLANNED)
_STATEMENTS: Final = ("unserved_", "coverage_", "headline_people")
"""Figures that are none where the gaps are not computable."""


def place_xlsx(place: Place, *, lang: str = "ja") -> bytes:
    """The workbook. The same bytes for the same run: its dates are the end of the fiscal year."""
    texts = report_texts(lang)
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = texts["place.sheet.figures"]
    _figures(first, place, texts)
    for kind in _SHEETS:
        if kind != PLANNED or place.plans_of:
            _features(add_sheet(book, texts[f"place.sheet.{kind}"]), place, kind, texts)
    _sources(add_sheet(book, texts["place.sheet.sources"]), place, texts)
    year, month, day = place.dated
    book.properties.created = book.properties.modified = datetime(year, month, day)
    book.properties.creator = str(place.run.meta["software"]["name"])
    book.properties.title = texts("place.title", name=place.name(texts.lang))
    book.properties.description = "; ".join(
        dict.fromkeys(f"{c['credit']} ({c['licence']})" for c in place.credits)
    )
    out = io.BytesIO()
    book.save(out)
    return without_clock(out.getvalue(), year, month, day)


def _figures(sheet: Worksheet, place: Place, texts: Texts) -> None:
    columns = [f for f in fields().kinds["municipality"].fields.values() if f.name != "computable"]
    computable = place.run.is_computable()
    rows = [
        [
            texts["not_computable.short"]
            if not computable and f.name.startswith(_STATEMENTS)
            else fiscal.label(int(row[f.name]), texts.lang)
            if f.name == "fiscal_year"
            else row[f.name]
            for f in columns
        ]
        for row in place.all_figures
    ]
    put_table(
        sheet,
        [_heading(f, texts.lang) for f in columns],
        rows,
        [_format(f) for f in columns],
        place.notices(texts.lang),
    )


def _features(sheet: Worksheet, place: Place, kind: str, texts: Texts) -> None:
    """One row a feature; areas are given by a point inside them."""
    columns = list(fields().kinds[kind].fields.values())
    at = [fields().table[name] for name in ("lat", "lon")]
    rows = []
    for item in place.features(kind):
        values = [item["properties"].get(f.name) for f in columns]
        point = None if item["geometry"] is None else shape(item["geometry"]).representative_point()
        rows.append([*map(_listed, values), *((point.y, point.x) if point is not None else (None, None))])
    notes: Sequence[str] = ()
    if kind == "no_signal_area":
        notes = place.notices(texts.lang)
    elif kind == PLANNED:
        notes = [texts["place.confidential"]]
    put_table(
        sheet,
        [_heading(f, texts.lang) for f in (*columns, *at)],
        rows,
        [_format(f) for f in (*columns, *at)],
        notes,
    )


def _sources(sheet: Worksheet, place: Place, texts: Texts) -> None:
    card = place.run.meta["model_card"]
    notes = [
        texts("map.model", model=card["model"], ladder=card["ladder_id"], location=f"{card['location_percent']:g}"),
        texts("map.run", run=place.run.run_id),
        *place.notices(texts.lang),
    ]  # fmt: skip
    if place.run.meta["estimated"]:
        notes.append(texts["report.estimated"])
    put_table(
        sheet,
        [texts[f"report.column.{n}"] for n in ("layer", "credit", "edition", "licence")],
        [
            [
                layer_name(texts, c["layer"], operators=place.run.meta["operators"]),
                c["credit"],
                layer_edition(texts, c),
                c["licence"],
            ]
            for c in place.run.meta["layers"]
        ],
        [None] * 4,
        notes,
    )


def _heading(field: Field, lang: str) -> str:
    """The title, with the unit where the title does not name it."""
    return f"{field.title(lang)} (km²)" if field.unit == "km2" else field.title(lang)


def _format(field: Field) -> str | None:
    return _FORMATS.get(field.unit, WHOLE if field.type == "integer" and field.unit else None)


def _listed(value: Any) -> Any:
    return "、".join(str(v) for v in value) if isinstance(value, list) else value
