"""A plan as a workbook for Excel: what it says, its sites, who stands already, who pays, and what it was made of."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from coverage import __version__
from coverage.domain import fiscal
from coverage.report.wording import Texts, report_texts
from coverage.report.workbook import WHOLE, add_sheet, put_table, without_clock

PAYERS = ("state_yen", "prefecture_yen", "municipality_yen", "operators_yen", "total_yen")


def plan_xlsx(plan: Mapping[str, Any], *, lang: str = "ja", rule_names: Mapping[str, str] | None = None) -> bytes:
    """The workbook of a plan's document: the same bytes for the same plan. Dates in it are the eve of the plan's first year.

    ``rule_names``: names of the subsidy rules by their ids, which is all that a plan keeps of them.
    """
    texts = report_texts(lang)
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = texts["plan.sheet.summary"]
    _summary(first, plan, texts)
    _sites(add_sheet(book, texts["plan.sheet.sites"]), plan, texts)
    _decided(add_sheet(book, texts["plan.sheet.decided"]), plan, texts)
    _forecast(add_sheet(book, texts["plan.sheet.forecast"]), plan, texts)
    _alternatives(add_sheet(book, texts["plan.sheet.alternatives"]), plan, texts)
    _inputs(add_sheet(book, texts["plan.sheet.inputs"]), plan, texts, rule_names or {})
    end = fiscal.last_day(min(plan["fiscal_years"]) - 1)
    book.properties.created = book.properties.modified = datetime(end.year, end.month, end.day)
    book.properties.creator = f"coverage-gap-planner {__version__}"
    book.properties.title = texts("plan.title", region=plan["region"][f"name_{texts.lang}"], id=plan["plan_id"])
    out = io.BytesIO()
    book.save(out)
    return without_clock(out.getvalue(), end.year, end.month, end.day)


def _summary(sheet: Worksheet, plan: Mapping[str, Any], texts: Texts) -> None:
    served, demand = plan["served"], plan["demand"]
    rows: list[list[Any]] = [
        [texts[f"plan.row.{name}"], served[name], demand[name]] for name in ("people", "households", "shelters")
    ]
    rows.append([texts["plan.row.area_km2"], plan["area_km2"], None])
    rows.append([texts["plan.row.districts"], plan["districts_resolved"], None])
    rows += [[texts[f"plan.payer.{payer}"], plan["cost"][payer], None] for payer in PAYERS]
    notes = [plan["statement"][texts.lang]]
    if plan["region"]["fictional"]:
        notes.append(str(plan["region"][f"notice_{texts.lang}"]))
    if plan["estimated"]:
        notes.append(texts["plan.estimated"])
    head = [texts[f"plan.column.{name}"] for name in ("item", "by_plan", "without_signal")]
    put_table(sheet, head, rows, [None, "#,##0.##", "#,##0.##"], notes)


def _sites(sheet: Worksheet, plan: Mapping[str, Any], texts: Texts) -> None:
    names = (
        "number", "name", "kind", "municipality", "year", "lat", "lon", "height", "people", "households", "shelters", "districts",
    )  # fmt: skip
    head = [texts[f"plan.column.{n}"] for n in names] + [texts[f"plan.payer.{p}"] for p in PAYERS] + [texts["plan.column.words"]]
    rows = [
        [
            i, s["name"], texts[f"plan.source.{s['source']}"], s["municipality"], fiscal.label(s["fiscal_year"], texts.lang),
            s["lat"], s["lon"], s["antenna_height_m"], s["people"], s["households"], s["shelters"],
            _names(s["districts"], texts), *(s["cost"][p] for p in PAYERS), s[texts.lang],
        ]
        for i, s in enumerate(plan["sites"], 1)
    ]  # fmt: skip
    formats = [WHOLE, None, None, None, None, "0.000000", "0.000000", "0.#", WHOLE, WHOLE, WHOLE, None, *[WHOLE] * len(PAYERS), None]
    put_table(sheet, head, rows, formats, [texts["plan.note.sites"]])


def _decided(sheet: Worksheet, plan: Mapping[str, Any], texts: Texts) -> None:
    names = ("id", "name", "status", "municipality", "year", "people", "households", "shelters", "districts", "estimated")
    rows = [
        [
            s["site_id"], s["name"], texts.get(f"site_status.{s['status']}", s["status"]), s["municipality"],
            fiscal.label(s["planned_fy"], texts.lang) if s["planned_fy"] else None,
            *((s["people"], s["households"], s["shelters"]) if s["reach_known"] else (None, None, None)),
            _names(s["districts"], texts), s["estimated"],
        ]
        for s in plan["baseline"]["sites"]
    ]  # fmt: skip
    head = [texts[f"plan.column.{n}"] for n in names]
    notes = [texts[f"plan.baseline.{plan['baseline']['kind']}"], texts["plan.note.decided"]]
    put_table(sheet, head, rows, [None, None, None, None, None, WHOLE, WHOLE, WHOLE, None, None], notes)


def _forecast(sheet: Worksheet, plan: Mapping[str, Any], texts: Texts) -> None:
    own = {r["fiscal_year"]: r for r in plan["indicator"]}
    added = 0
    rows = []
    for r in plan["ledger_forecast"]:
        fy = r["fiscal_year"]
        added += own[fy]["added"] if fy in own else 0
        rows.append([fiscal.label(fy, texts.lang), fy, r["base"], added, None if r["base"] is None else r["base"] + added, r["whole"]])
    head = [texts[f"plan.column.{n}"] for n in ("year", "western", "base", "added", "forecast", "ledger_whole")]
    put_table(sheet, head, rows, [None, "0", WHOLE, WHOLE, WHOLE, WHOLE], [texts["plan.note.forecast"]])


def _alternatives(sheet: Worksheet, plan: Mapping[str, Any], texts: Texts) -> None:
    lang = texts.lang
    rows = [
        [i, o["value"], o["below_bound"], o["cost"]["prefecture_yen"], o[lang]]
        for i, o in enumerate(plan["alternatives"]["plans"], 1)
    ]
    head = [texts[f"plan.column.{n}"] for n in ("number", "value", "below", "prefecture", "words")]
    put_table(sheet, head, rows, [WHOLE, "#,##0.#", "0.00%", WHOLE, None], [texts["plan.note.alternatives"]])


def _inputs(sheet: Worksheet, plan: Mapping[str, Any], texts: Texts, rule_names: Mapping[str, str]) -> None:
    inputs = plan["inputs"]
    ledger = inputs["ledger"] if isinstance(inputs["ledger"], dict) else {"audit-head": inputs["ledger"]}
    rules = inputs["subsidy_rules"]
    rows = [
        [texts["plan.input.plan"], plan["plan_id"]],
        [texts["plan.input.run"], plan["run_id"]],
        *([f"{texts['plan.input.ledger']} {name}", digest] for name, digest in ledger.items()),
        [f"{texts['plan.input.rules']} {rules['source']}", rules["sha256"]],
        *([f"{texts['plan.input.rule_of']} {year}", rule_names.get(rule, rule)] for year, rule in rules["by_year"].items()),
        *([f"{texts['plan.input.exclusions']} {name}", digest] for name, digest in inputs["exclusions"].items()),
        *([f"{texts['plan.input.left_out']} {reason}", n] for reason, n in plan["left_out"].items()),
        *([f"{texts['plan.input.request']} {name}", _plain(value)] for name, value in sorted(plan["request"].items())),
    ]
    put_table(sheet, [texts["plan.column.item"], texts["plan.column.content"]], rows, [None, None])


def _names(districts: list[dict[str, str]], texts: Texts) -> str:
    return ("、" if texts.lang == "ja" else ", ").join(d["name"] for d in districts)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, str)) else str(list(value))
