"""進捗: the cumulative count against its target by fiscal year, with the rule that it follows printed beside it."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from coverage.domain import fiscal
from coverage.report.count_notes import CountNotes, count_notes, printed_actual, rule_sentences
from coverage.report.escape import esc
from coverage.report.line_chart import ChartWords, ChartYear
from coverage.report.map_sites import public_site_ids
from coverage.report.wording import report_texts
from coverage.runs.result import RunResult
from coverage.services import figures, home, ledger
from coverage.services.access import Action, Object
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.charts import cumulative_chart
from coverage.web.frame import Column, Html, View
from coverage.web.grades import grade
from coverage.web.print_button import print_button
from coverage.web.views.definitions import show_definitions
from coverage.web.views.edit_books import show_books_editor

Cells = dict[int, dict[str, Any]]


def show(view: View, run: RunResult) -> None:
    """The page."""
    count = run.count
    indicator = _row(run, str(count["indicator"]))
    cells: Cells = {int(cell["fiscal_year"]): cell for cell in indicator["cells"]} if indicator else {}
    name = str(indicator["name"][view.lang]) if indicator else view.texts["progress.title"]
    unit = str(indicator["unit"][view.lang]) if indicator else ""
    frame.head(name, view.text("progress.lede", code=count["indicator"], scope=count["scope"][view.lang]))
    years = count["years"]
    _lead(view, years, cells, unit)
    _files(view)
    show_stale(view, run, more=_ledger_now(view, years))
    if count["opening"] is None:
        st.html(frame.notice(view.texts["progress.opening_missing"], kind="grave"))
    chart, beside = st.columns([1.65, 1], gap="large")
    with chart:
        points = {
            int(year["fiscal_year"]): _point(view, year, cells)
            for year in [*years, *map(_beyond, count["forecast_years"])]
        }
        st.html(_chart(view, points, view.text("chart.axis", unit=unit)))
        st.caption(view.texts["progress.chart_note"])
    with beside:
        _beside(view, years, cells, count["forecast_years"])
    notes = count_notes(run, report_texts(view.lang))
    st.subheader(view.texts["progress.table"], anchor=False)
    _table(view, run, years, cells, notes)
    _footnotes(view, notes)
    st.html(_rule(view, count, unit))
    show_definitions(view, run)
    _findings(view, run, years)
    with st.container(key="progress-editors"):
        show_books_editor(view)


def _files(view: View) -> None:
    """One click to paper: this page, the report, the workbook."""
    lang = f"lang={view.lang}"
    with st.container(horizontal=True, vertical_alignment="center", key="progress-files"):
        st.link_button(view.texts["progress.pdf"], f"/api/v1/report.pdf?{lang}")
        st.link_button(view.texts["progress.xlsx"], f"/api/v1/report.xlsx?{lang}&download=1")
        print_button(view.texts["progress.print"], key="progress-print")


def show_stale(view: View, run: RunResult, *, more: str = "") -> None:
    """Whether the ledger was changed since the published run was computed, and ``more`` about it; also on the page 指標."""
    context = web_context()
    if not has_ledger(context):
        return
    fresh = home.freshness(context, run, view.principal)
    said = []
    if fresh.changes and fresh.last is not None:
        said.append(view.text("progress.stale_more", n=fresh.changes, day=fresh.last.isoformat()))
    elif fresh.changed and not fresh.begun:
        said.append(view.texts["progress.stale"])
    if fresh.begun:
        said.append(view.text("home.begun", n=fresh.begun))
    if more:
        said.append(more)
    if said:
        st.html(frame.notice(frame.sentences(view, said), head=view.texts["progress.stale_head"]))


def _beside(
    view: View, years: list[dict[str, Any]], cells: Cells, beyond: list[dict[str, Any]]
) -> None:
    """The chart's figures in words and numbers: for screen readers, and for those who want to copy them."""
    texts = view.texts
    none = texts["value.none"]
    rows: list[list[Any]] = []
    for year in [*years, *map(_beyond, beyond)]:
        fy = int(year["fiscal_year"])
        cell = cells.get(fy)
        actual = printed_actual(year, cell)
        point = _point(view, year, cells)
        rows.append(
            [
                Html(f'{esc(_short(view, fy))}<span class="ahead-row"></span>')
                if actual is None and point.forecast is not None
                else _short(view, fy),
                none if actual is None else f"{actual:,.0f}",
                f"{cell['target']:,.0f}" if cell and cell["target"] is not None else none,
                none if point.forecast is None else Html(f'<span class="ahead">({point.forecast:,})</span>'),
            ]
        )
    frame.sheet(
        [
            Column(texts["column.fiscal_year"]),
            Column(texts["progress.column_actual"], number=True),
            Column(texts["column.target"], number=True),
            Column(texts["column.forecast"], number=True),
        ],
        rows,
        caption=texts["progress.beside"],
    )


def _ledger_now(view: View, years: list[dict[str, Any]]) -> str:
    """Where the ledger has moved on since the published run: the totals that differ; "" for none."""
    context = web_context()
    if not has_ledger(context):
        return ""
    with open_ledger(context) as store:
        head = store.head().hash
    now = _ledger_totals((head, str(context.region_folder), ledger.today()))
    moved = [
        view.text("progress.ledger_year", year=_short(view, fy), now=now[fy], published=year["total"])
        for year in years
        if (fy := int(year["fiscal_year"])) in now and year["total"] is not None and now[fy] != year["total"]
    ]
    return view.text("progress.ledger_moved", years=view.texts["value.comma"].join(moved)) if moved else ""


@st.cache_data(show_spinner=False, max_entries=8)
def _ledger_totals(cache_key: tuple[str, str, date]) -> dict[int, int]:
    """The count from the ledger itself, by fiscal year; ``cache_key`` (the ledger's head, the region's folder, the day,
    on which a site may begin) alone decides when it is counted anew."""
    result = figures.count_series(web_context())
    return {year.fiscal_year: year.total for year in result.years if year.total is not None}


def _row(run: RunResult, code: str) -> dict[str, Any] | None:
    """The indicator's row of the policy sheet, where the region has a sheet."""
    table = run.indicators["table"]
    for row in table["rows"] if table is not None else ():
        if row["code"] == code:
            found: dict[str, Any] = row
            return found
    return None


def _short(view: View, fy: int) -> str:
    return fiscal.label(fy, view.lang)


def _signed(number: int) -> str:
    return f"{number:+,}" if number else "0"


def _lead(view: View, years: list[dict[str, Any]], cells: Cells, unit: str) -> None:
    now = next((y for y in reversed(years) if y["state"] != "not-begun"), years[-1])
    fy = int(now["fiscal_year"])
    cell = cells.get(fy)
    label = frame.year_label(view, fy)
    if now["total"] is not None:
        main = (view.text("progress.total", year=label), f"{now['total']:,}", unit, _state(view, now))
    else:
        main = (
            view.text("progress.total", year=label),
            _signed(now["cumulative_increase"]),
            unit,
            view.texts["progress.opening_missing_short"],
        )
    items = [main]
    if cell is not None and cell["actual_source"] == "decided" and cell["actual"] != now["total"]:
        more = view.text("progress.decided_more", counted=main[1])
        items = [(view.texts["progress.decided"], f"{cell['actual']:,.0f}", unit, more), main]
    if cell is not None and cell["target"] is not None:
        items.append(
            (view.texts["progress.target"], f"{cell['target']:,.0f}", unit, _difference(view, now, cell))
        )
        items.append((view.texts["progress.achievement"], str(cell["achievement_text"]), "", ""))
    items.append((view.texts["progress.increase"], _signed(now["increase"]), unit, _parts(view, now)))
    items.append(
        (
            view.texts["progress.in_operation"],
            f"{now['in_operation']:,}",
            unit,
            view.texts["progress.in_operation_note"],
        )
    )
    frame.figures(items)


def _difference(view: View, year: dict[str, Any], cell: dict[str, Any]) -> str:
    actual = printed_actual(year, cell)
    if actual is None:
        return ""
    gap = actual - cell["target"]
    if gap == 0:
        return view.texts["progress.met"]
    return view.text("progress.above" if gap > 0 else "progress.below", n=f"{abs(gap):,.0f}")


def _parts(view: View, year: dict[str, Any]) -> str:
    parts = [view.text("progress.new", n=len(year["new_site_ids"]))]
    if year["late_site_ids"]:
        parts.append(view.text("progress.late", n=len(year["late_site_ids"])))
    if year["restated"]:
        parts.append(view.text("progress.restated", n=f"{year['restated']:+d}"))
    return view.texts["value.comma"].join(parts)


def _chart(view: View, points: dict[int, ChartYear], axis: str) -> str:
    texts = view.texts
    actual, target, forecast = (texts[f"chart.{name}"] for name in ("actual", "target", "forecast"))
    told = []
    for fy, point in points.items():
        values = ((actual, point.actual), (target, point.target), (forecast, point.forecast))
        words = [texts("chart.value", name=name, value=f"{v:,g}") for name, v in values if v is not None]
        if words:
            told.append(texts("chart.year", year=_short(view, fy), values=texts["value.comma"].join(words)))
    return cumulative_chart(
        list(points.values()),
        words=ChartWords(forecast=forecast, axis=axis, key=(actual, target, forecast)),
        alt=texts("chart.alt", axis=axis, years=texts["value.semicolon"].join(told)),
    )


def _point(view: View, year: dict[str, Any], cells: Cells) -> ChartYear:
    fy = int(year["fiscal_year"])
    cell = cells.get(fy, {})
    ahead = bool(year["forecast_site_ids"]) or year["state"] == "not-begun"
    return ChartYear(
        label=frame.year_lines(view, fy),
        actual=printed_actual(year, cells.get(fy)),
        target=cell.get("target"),
        forecast=year["forecast_total"] if ahead and year["forecast_total"] != year["total"] else None,
    )


def _beyond(year: dict[str, Any]) -> dict[str, Any]:
    """A year after the sheet's last, for which there is a forecast only."""
    return {**year, "total": None, "state": "not-begun"}


def _state(view: View, year: dict[str, Any]) -> str:
    if year["state"] == "frozen":
        return view.text("state.frozen", day=year["published_on"])
    if year["provisional"]:
        return view.texts["state.provisional"]
    return view.texts[f"state.{year['state']}"]


def _rule(view: View, count: dict[str, Any], unit: str) -> str:
    """The rule beside the number: in words, with the opening balance and the scope in use."""
    opening = count["opening"]
    if opening is None:
        start = view.texts["rule.opening_missing"]
    else:
        start = view.text(
            "rule.opening",
            year=frame.year_label(view, int(opening["fiscal_year"])),
            value=f"{opening['value']:,}{unit}",
            source=opening["source"],
            day=opening["decided_on"] or "—",
        )
    sentences = rule_sentences(str(count["rule"][view.lang]))
    words = "".join(
        f"<li>{esc(sentence)}</li>" for sentence in (*sentences, view.texts["rule.in_operation"], start)
    )
    return f'<div class="rule"><h3>{esc(view.texts["rule.title"])}</h3><ul>{words}</ul></div>'


def _table(
    view: View, run: RunResult, years: list[dict[str, Any]], cells: Cells, notes: CountNotes
) -> None:
    texts = view.texts
    decided = any(cell["actual_source"] == "decided" for cell in cells.values())
    columns = [
        Column(texts["column.fiscal_year"]),
        Column(texts["column.total"], number=True),
        Column(texts["column.increase"], number=True),
        *([Column(texts["progress.column_decided"], number=True)] if decided else []),
        Column(texts["column.target"], number=True),
        Column(texts["column.achievement"]),
        Column(texts["column.in_operation"], number=True),
        Column(texts["column.resolved_confirmed"], number=True),
        Column(texts["column.resolved_predicted"], number=True),
        Column(texts["column.districts"], number=True),
        Column(texts["column.forecast"], number=True),
        Column(texts["column.state"]),
    ]
    rows = []
    for year in years:
        fy = int(year["fiscal_year"])
        cell = cells.get(fy)
        begun = year["state"] != "not-begun"
        total = f"{year['total']:,}" if year["total"] is not None else texts["value.none"]
        if year["state"] == "opening-unregistered":
            total = texts["progress.opening_missing_short"]
        # 「注1」 beside the value, 「注1」 below the table: the same on paper.
        signs = "".join(f"<sup>{esc(texts['progress.notes'])}{n}</sup>" for n in notes.marks.get(fy, ()))
        rows.append(
            [
                frame.year_heading(view, fy),
                Html(esc(total) + signs),
                _signed(year["increase"]) if begun else texts["value.none"],
                *([_decided(view, cell)] if decided else []),
                f"{cell['target']:,.0f}" if cell and cell["target"] is not None else texts["value.none"],
                grade(view, cell) if cell else texts["value.none"],
                f"{year['in_operation']:,}" if begun else texts["value.none"],
                f"{year['districts_resolved_confirmed']:,}" if begun else texts["value.none"],
                _predicted(run, fy),
                f"{year['districts_registered']:,}" if begun else texts["value.none"],
                Html(f'<span class="ahead">({year["forecast_total"]:,})</span>')
                if year["forecast_site_ids"] and year["forecast_total"] is not None
                else texts["value.none"],
                _state(view, year),
            ]
        )
    frame.sheet(columns, rows, caption=texts["progress.caption"])


def _predicted(run: RunResult, fy: int) -> str:
    table = run.municipalities
    found = table[(table["fiscal_year"] == fy) & (table["municipality_code"] == run.region_code)]
    return f"{int(found.iloc[0]['districts_resolved_predicted']):,}" if len(found) else "—"


def _decided(view: View, cell: dict[str, Any] | None) -> str:
    if cell is None or cell["actual_source"] != "decided":
        return view.texts["value.none"]
    return f"{cell['actual']:,.0f}"


def _footnotes(view: View, notes: CountNotes) -> None:
    if notes.notes:
        word = esc(view.texts["progress.notes"])
        items = "".join(f"<li><b>{word}{i}</b>{esc(note)}</li>" for i, note in enumerate(notes.notes, 1))
        st.html(f'<ul class="count-notes">{items}</ul>')


def _findings(view: View, run: RunResult, years: list[dict[str, Any]]) -> None:
    findings = run.count["findings"]
    if not view.may(Action.VIEW, Object.PLANNED_SITE):
        # A finding may name a site that is still a plan; those are for staff.
        shown = public_site_ids(run)
        findings = [f for f in findings if set(f["site_ids"]) <= shown]
    for severity in ("question", "warning", "note"):
        found = [f for f in findings if f["severity"] == severity]
        if not found:
            continue
        with st.expander(view.text(f"findings.{severity}", n=len(found)), expanded=severity == "question"):
            frame.sheet(
                [
                    Column(view.texts["column.finding"], wrap=True),
                    Column(view.texts["column.sites_of"]),
                    Column(view.texts["column.rule"]),
                ],
                [
                    [
                        f[view.lang],
                        view.texts["value.comma"].join(f["site_ids"]) or view.texts["value.none"],
                        view.text("findings.rule", n=f["rule"]),
                    ]
                    for f in found
                ],
            )
    with st.expander(view.texts["progress.sites"]):
        _sites(view, run, years)


def _sites(view: View, run: RunResult, years: list[dict[str, Any]]) -> None:
    """The sites behind each year's increase, so that the number can be checked by hand."""
    names = {str(r["site_id"]): str(r["name"]) for r in run.sites.to_dict("records")}
    verdicts = {v["site_id"]: v for v in run.count["verdicts"]}
    rows = []
    for year in years:
        for site_id in [*year["new_site_ids"], *year["late_site_ids"]]:
            verdict = verdicts.get(site_id, {})
            rows.append(
                [
                    _short(view, int(year["fiscal_year"])),
                    site_id,
                    names.get(site_id, ""),
                    verdict.get("service_day") or view.texts["value.none"],
                    view.texts["value.comma"].join(verdict.get("district_ids", [])),
                    verdict.get(view.lang, ""),
                ]
            )
    if not rows:
        st.caption(view.texts["progress.no_sites"])
        return
    titles: tuple[str, ...] = (
        "column.fiscal_year",
        "column.site",
        "column.name",
        "column.service_day",
        "column.district_ids",
        "column.verdict",
    )
    frame.sheet([Column(view.texts[t], wrap=t == "column.verdict") for t in titles], rows)
