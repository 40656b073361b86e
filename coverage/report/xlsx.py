"""The tables of a run as one workbook for Excel: numbers as numbers, no formula, the same bytes for the same run."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from coverage.domain import fiscal
from coverage.report.count_notes import cell_remarks, count_notes, indicator_cells
from coverage.report.wording import Texts, layer_edition, layer_name, report_texts
from coverage.report.workbook import PERCENT, WHOLE, add_sheet, put_table, without_clock
from coverage.runs.reception import conditions_said
from coverage.runs.result import RunResult


def report_xlsx(run: RunResult, *, lang: str = "ja") -> bytes:
    """The workbook: count by year, municipalities by year, indicators, register of districts, sources.

    Text that a spreadsheet would run as a formula gets a leading apostrophe. Dates in the file are the end of the
    run's last fiscal year.
    """
    texts = report_texts(lang)
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    _count(first, run, texts)
    _municipalities(add_sheet(book, texts["xlsx.municipalities"]), run, texts)
    _indicators(add_sheet(book, texts["xlsx.indicators"]), run, texts)
    _districts(add_sheet(book, texts["xlsx.districts"]), run, texts)
    _sources(add_sheet(book, texts["xlsx.sources"]), run, texts)
    end = fiscal.last_day(run.latest_fy)
    book.properties.created = book.properties.modified = datetime(end.year, end.month, end.day)
    book.properties.creator = str(run.meta["software"]["name"])
    book.properties.title = texts("report.title", region=run.meta["region"][f"name_{texts.lang}"])
    out = io.BytesIO()
    book.save(out)
    return without_clock(out.getvalue(), end.year, end.month, end.day)


def _count(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    sheet.title = texts["xlsx.count"]
    lang, cells, marked = texts.lang, indicator_cells(run), count_notes(run, texts)
    names = (
        "year",
        "western",
        "total",
        "increase",
        "target",
        "achievement",
        "in_operation",
        "resolved",
        "districts",
        "forecast",
    )
    rows: list[list[Any]] = []
    for y in run.count["years"]:
        fy = int(y["fiscal_year"])
        cell = cells.get(fy, {})
        rows.append(
            [
                fiscal.label(fy, lang), fy, y["total"], y["increase"], cell.get("target"), cell.get("achievement"),
                y["in_operation"], y["districts_resolved_confirmed"], y["districts_registered"],
                y["forecast_total"] if y["forecast_site_ids"] else None, marked.signs(fy),
            ]
        )  # fmt: skip
    for y in run.count["forecast_years"]:
        # Years after the sheet's last hold a forecast and nothing else.
        if y["forecast_site_ids"]:
            fy = int(y["fiscal_year"])
            rows.append(
                [
                    fiscal.label(fy, lang),
                    fy,
                    *([None] * 7),
                    y["forecast_total"],
                    texts["count_notes.forecast_row"],
                ]
            )
    notes = [f"*{i} {sentence}" for i, sentence in enumerate(marked.notes, 1)]
    opening = run.count["opening"]
    if opening is None:
        notes.append(texts["report.opening_missing"])
    else:
        notes.append(
            texts(
                "report.opening",
                year=fiscal.label(int(opening["fiscal_year"]), lang),
                value=opening["value"],
                source=opening["source"],
            )
        )
    notes += [str(run.count["rule"][lang]), texts["report.in_operation"]]
    formats = [None, "0", WHOLE, WHOLE, WHOLE, "0.00", WHOLE, WHOLE, WHOLE, WHOLE, None]
    head = [*(texts[f"xlsx.column.{n}"] for n in names), texts["count_notes.mark"]]
    put_table(sheet, head, rows, formats, notes)


def _municipalities(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    computable = run.is_computable()
    shown = (
        ("population", WHOLE), ("unserved_people_area", WHOLE), ("coverage_area", PERCENT), ("coverage_half_mesh", PERCENT),
        ("coverage_cell", PERCENT), ("unserved_area_km2", "#,##0.0"), ("shelters", WHOLE), ("unserved_shelters", WHOLE),
        ("sites_in_service", WHOLE), ("districts_registered", WHOLE), ("register_people", WHOLE), ("declined_people", WHOLE),
    )  # fmt: skip
    statements = {
        "unserved_people_area",
        "coverage_area",
        "coverage_half_mesh",
        "coverage_cell",
        "unserved_area_km2",
        "unserved_shelters",
    }
    rows = [
        [
            fiscal.label(int(r["fiscal_year"]), texts.lang),
            str(r["municipality_code"]),
            str(r["name"]),
            *(
                texts["not_computable.short"] if name in statements and not computable else r[name]
                for name, _ in shown
            ),
        ]
        for r in run.municipalities.to_dict("records")
    ]
    head = [texts[f"xlsx.column.{n}"] for n in ("year", "code", "municipality", *(name for name, _ in shown))]
    notes = [] if computable else [str(run.meta["computable_reason"][texts.lang])]
    notes += conditions_said(run.meta, texts.lang)
    put_table(sheet, head, rows, [None, None, None, *(form for _, form in shown)], notes)


def _indicators(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    table, lang = run.indicators["table"], texts.lang
    head = [
        texts[f"xlsx.column.{n}"]
        for n in ("code", "indicator", "unit", "year", "western", "target", "actual", "achievement", "note")
    ]
    rows = [
        [
            row["code"], row["name"][lang], row["unit"][lang], fiscal.label(int(c["fiscal_year"]), lang), c["fiscal_year"],
            c["target"], c["actual"], c["achievement"], cell_remarks(c, lang),
        ]
        for row in (table["rows"] if table else ())
        for c in row["cells"]
    ]  # fmt: skip
    notes = [
        f"{row['code']}: {row['note'][lang]}" for row in (table["rows"] if table else ()) if row.get("note")
    ]
    notes += [str(table["rule"][lang])] if table else []
    put_table(sheet, head, rows, [None, None, None, None, "0", "#,##0.##", "#,##0.##", "0.00", None], notes)


def _districts(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    names = (
        "district_id",
        "municipality_code",
        "name",
        "lat",
        "lon",
        "households",
        "population",
        "designated_on",
        "resolved_on",
        "declined",
        "confirmed",
        "predicted",
    )
    rows = [[r[name] for name in names] for r in run.districts.to_dict("records")]
    put_table(
        sheet,
        [texts[f"xlsx.column.{n}"] for n in names],
        rows,
        [None, None, None, "0.00000", "0.00000", WHOLE, WHOLE, *([None] * 5)],
    )


def _sources(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    rows = [
        [
            layer_name(texts, layer["layer"], operators=run.meta["operators"]),
            layer["credit"],
            layer_edition(texts, layer),
            layer["licence"],
        ]
        for layer in run.meta["layers"]
    ]
    card = run.meta["model_card"]
    notes = [
        texts(
            "map.model",
            model=card["model"],
            ladder=card["ladder_id"],
            location=f"{card['location_percent']:g}",
        ),
        texts("map.run", run=run.run_id),
    ]
    if run.meta["region"]["fictional"]:
        notes.append(str(run.meta["region"][f"notice_{texts.lang}"]))
    notes += conditions_said(run.meta, texts.lang)
    if run.meta["estimated"]:
        notes.append(texts["report.estimated"])
    put_table(
        sheet,
        [texts[f"report.column.{n}"] for n in ("layer", "credit", "edition", "licence")],
        rows,
        [None] * 4,
        notes,
    )
