"""The tables of a run as one workbook for Excel: numbers as numbers, no formula, the same bytes for the same run."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from coverage.domain import fiscal
from coverage.report.wording import Texts, report_texts
from coverage.runs.result import RunResult
from coverage.runs.tables import cell_text

_HEAD: Final = PatternFill("solid", fgColor="FFEEF2F5")
_PERCENT: Final = "0.00%"
_WHOLE: Final = "#,##0"


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
    _municipalities(_sheet(book, texts["xlsx.municipalities"]), run, texts)
    _indicators(_sheet(book, texts["xlsx.indicators"]), run, texts)
    _districts(_sheet(book, texts["xlsx.districts"]), run, texts)
    _sources(_sheet(book, texts["xlsx.sources"]), run, texts)
    end = fiscal.last_day(run.latest_fy)
    book.properties.created = book.properties.modified = datetime(end.year, end.month, end.day)
    book.properties.creator = str(run.meta["software"]["name"])
    book.properties.title = texts("report.title", region=run.meta["region"][f"name_{texts.lang}"])
    out = io.BytesIO()
    book.save(out)
    return _without_clock(out.getvalue(), end.year, end.month, end.day)


def _sheet(book: Workbook, title: str) -> Worksheet:
    sheet = book.create_sheet(title)
    assert isinstance(sheet, Worksheet)
    return sheet


def _put(
    sheet: Worksheet,
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    formats: Sequence[str | None],
    notes: Sequence[str] = (),
) -> None:
    sheet.append([cell_text(h) for h in head])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.fill = _HEAD
        cell.alignment = Alignment(wrap_text=True, vertical="center")
    widths = [_width(h) for h in head]
    for row in rows:
        plain = [_plain(value) for value in row]
        sheet.append(plain)
        widths = [max(w, min(_width(v), 48.0)) for w, v in zip(widths, plain, strict=True)]
        for cell, form in zip(sheet[sheet.max_row], formats, strict=True):
            if form is not None and isinstance(cell.value, (int, float)):
                cell.number_format = form
    for i, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(i)].width = width
    sheet.freeze_panes = "A2"
    if notes:
        sheet.append([])
    for note in notes:
        sheet.append([cell_text(note)])


def _plain(value: Any) -> Any:
    """A cell's value: numbers stay numbers, text is made harmless, NaN and None are blank."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool):
        return "○" if value else ""
    if hasattr(value, "item"):
        return _plain(value.item())
    return value if isinstance(value, (int, float)) else cell_text(value)


def _width(value: Any) -> float:
    """Characters, full-width ones counted as two, with some air."""
    return 3.0 + sum(1.9 if ord(c) > 0x2000 else 1.05 for c in str(value if value is not None else ""))


def _count(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    sheet.title = texts["xlsx.count"]
    table, lang = run.indicators["table"], texts.lang
    cells: dict[int, dict[str, Any]] = {}
    for row in table["rows"] if table else ():
        if row["code"] == run.count["indicator"]:
            cells = {int(c["fiscal_year"]): c for c in row["cells"]}
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
    rows = []
    for y in run.count["years"]:
        fy = int(y["fiscal_year"])
        cell = cells.get(fy, {})
        rows.append(
            [
                fiscal.label(fy, lang), fy, y["total"], y["increase"], cell.get("target"), cell.get("achievement"),
                y["in_operation"], y["districts_resolved_confirmed"], y["districts_registered"],
                y["forecast_total"] if y["forecast_site_ids"] else None,
            ]
        )  # fmt: skip
    notes = [n[lang] for y in run.count["years"] for n in y["footnotes"]]
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
    notes.append(str(run.count["rule"][lang]))
    formats = [None, "0", _WHOLE, _WHOLE, _WHOLE, "0.00", _WHOLE, _WHOLE, _WHOLE, _WHOLE]
    _put(sheet, [texts[f"xlsx.column.{n}"] for n in names], rows, formats, notes)


def _municipalities(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    computable = run.is_computable()
    shown = (
        ("population", _WHOLE), ("unserved_people_area", _WHOLE), ("coverage_area", _PERCENT), ("coverage_half_mesh", _PERCENT),
        ("coverage_cell", _PERCENT), ("unserved_area_km2", "#,##0.0"), ("shelters", _WHOLE), ("unserved_shelters", _WHOLE),
        ("sites_in_service", _WHOLE), ("districts_registered", _WHOLE), ("register_people", _WHOLE), ("declined_people", _WHOLE),
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
    _put(sheet, head, rows, [None, None, None, *(form for _, form in shown)], notes)


def _indicators(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    table, lang = run.indicators["table"], texts.lang
    head = [
        texts[f"xlsx.column.{n}"]
        for n in ("code", "indicator", "unit", "year", "western", "target", "actual", "achievement", "note")
    ]
    rows = [
        [
            row["code"], row["name"][lang], row["unit"][lang], fiscal.label(int(c["fiscal_year"]), lang), c["fiscal_year"],
            c["target"], c["actual"], c["achievement"], c["note"][lang],
        ]
        for row in (table["rows"] if table else ())
        for c in row["cells"]
    ]  # fmt: skip
    notes = [
        f"{row['code']}: {row['note'][lang]}" for row in (table["rows"] if table else ()) if row.get("note")
    ]
    notes += [str(table["rule"][lang])] if table else []
    _put(sheet, head, rows, [None, None, None, None, "0", "#,##0.##", "#,##0.##", "0.00", None], notes)


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
    _put(
        sheet,
        [texts[f"xlsx.column.{n}"] for n in names],
        rows,
        [None, None, None, "0.00000", "0.00000", _WHOLE, _WHOLE, *([None] * 5)],
    )


def _sources(sheet: Worksheet, run: RunResult, texts: Texts) -> None:
    rows = [
        [
            texts.get(f"layer_name.{layer['layer']}", layer["layer"]),
            layer["credit"],
            layer["edition"],
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
    if run.meta["estimated"]:
        notes.append(texts["report.estimated"])
    _put(
        sheet,
        [texts[f"report.column.{n}"] for n in ("layer", "credit", "edition", "licence")],
        rows,
        [None] * 4,
        notes,
    )


def _without_clock(book: bytes, year: int, month: int, day: int) -> bytes:
    """The same archive with one date on every member, in the order it was written."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            member = zipfile.ZipInfo(name, (year, month, day, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o600 << 16
            target.writestr(member, source.read(name))
    return out.getvalue()
