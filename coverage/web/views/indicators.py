"""指標: the whole policy sheet: targets, actuals, achievement, budgets, and what it says in words."""

from __future__ import annotations

from typing import Any

import streamlit as st

from coverage.domain import fiscal
from coverage.report.count_notes import cell_footnotes
from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.web import frame
from coverage.web.frame import Column, Html, View
from coverage.web.grades import grade, grade_key
from coverage.web.views.edit_actuals import show_actual_editor
from coverage.web.views.edit_footnotes import show_footnote_editor
from coverage.web.views.progress import show_stale


def show(view: View, run: RunResult) -> None:
    """The page."""
    content, sheet = run.indicators["table"], run.indicators["sheet"]
    if content is None or sheet is None:
        frame.head(view.texts["indicators.title"])
        st.html(frame.notice(view.texts["indicators.none"], kind="plain"))
        return
    frame.head(
        sheet["title"][view.lang],
        view.text(
            "indicators.lede", department=sheet["department"][view.lang], source=sheet["source"][view.lang]
        ),
    )
    show_stale(view, run)
    st.html(
        f'<div class="prose"><h2>{esc(view.texts["indicators.vision"])}</h2><p>{esc(sheet["vision"][view.lang])}</p>'
        f"<h2>{esc(view.text('indicators.goal', year=frame.year_label(view, int(sheet['goal_year']))))}</h2>"
        f"<p>{esc(sheet['goal'][view.lang])}</p></div>"
    )
    signs = _signs(view, content["rows"])
    for group in ("prefecture", "activity"):
        rows = [row for row in content["rows"] if row["group"] == group]
        if rows:
            st.subheader(view.texts[f"indicators.{group}"], anchor=False)
            _table(view, rows, content["fiscal_years"], int(content["base_year"]), signs)
    limits = [float(limit) for limit in content["rule"]["classes"]]
    st.html(
        f'<div class="rule"><p style="margin:0 0 6px">{grade_key(view, limits)}</p>'
        f'<p style="margin:0">{esc(content["rule"][view.lang])}</p></div>'
    )
    _notes(view, content["rows"])
    _footnotes(view, content["rows"])
    with st.container(key="indicator-editor"):
        show_actual_editor(view)
        show_footnote_editor(view)
    _budgets(view, sheet)
    _statements(view, sheet, "issues")
    _statements(view, sheet, "directions")
    if sheet["systems"]:
        st.subheader(view.texts["indicators.systems"], anchor=False)
        frame.sheet(
            [Column(view.texts["column.system"]), Column(view.texts["column.how"], wrap=True)],
            [[system["name"][view.lang], system["note"][view.lang]] for system in sheet["systems"]],
        )


def _signs(view: View, rows: list[dict[str, Any]]) -> dict[tuple[str, int], str]:
    """「注1注2」 behind a value, by indicator and year: the numbers of :func:`_footnotes`."""
    signs: dict[tuple[str, int], str] = {}
    number = 0
    for row in rows:
        for cell in row["cells"]:
            for _ in cell.get("footnotes", ()):
                number += 1
                where = str(row["code"]), int(cell["fiscal_year"])
                signs[where] = (
                    signs.get(where, "") + f"<sup>{esc(view.texts['progress.notes'])}{number}</sup>"
                )
    return signs


def _table(
    view: View,
    rows: list[dict[str, Any]],
    years: list[int],
    base_year: int,
    signs: dict[tuple[str, int], str],
) -> None:
    texts = view.texts
    columns = [Column(texts["column.indicator"], wrap=True), Column("")]
    for fy in years:
        heading = frame.year_heading(view, fy, texts["indicators.base"] if fy == base_year else "")
        columns.append(Column(heading, number=True))
    out: list[list[Any]] = []
    for row in rows:
        cells = {int(cell["fiscal_year"]): cell for cell in row["cells"]}
        small = [texts[f"better.{row['better']}"] + texts["value.comma"] + texts[f"kind.{row['kind']}"]]
        if row.get("project"):
            small.insert(0, row["project"][view.lang])
        sign = "<sup>※</sup>" if row.get("note") else ""
        below = "".join(f"<small>{esc(line)}</small>" for line in small)
        name = Html(f"{esc(row['code'])}　{esc(row['name'][view.lang])}{sign}{below}")
        targets = [_value(view, cells.get(fy), "target") for fy in years]
        actuals = [_value(view, cells.get(fy), "actual", signs.get((row["code"], fy), "")) for fy in years]
        out.append([name, texts["column.target"], *targets])
        out.append(["", texts["column.actual"], *actuals])
        out.append(["", texts["column.achievement"], *(_achievement(view, cells.get(fy)) for fy in years)])
    frame.sheet(columns, out, group=3, spanned=1)


def _value(view: View, cell: dict[str, Any] | None, which: str, sign: str = "") -> Any:
    """``sign``: HTML behind the value."""
    if cell is None:
        return view.texts["value.none"]
    text = str(cell[f"{which}_text_{view.lang}"])
    if which == "target":
        return text
    source = view.texts[f"source.{cell['actual_source']}"] if cell["actual_source"] else ""
    more = view.texts["value.comma"].join(part for part in (source, cell["note"][view.lang]) if part)
    cited = f' title="{esc(cell["citation"])}"' if cell["citation"] else ""
    below = f"<small{cited}>{esc(more)}</small>" if more else ""
    return Html(f"{esc(text)}{sign}{below}") if below or sign else text


def _achievement(view: View, cell: dict[str, Any] | None) -> Any:
    return view.texts["value.none"] if cell is None else grade(view, cell)


def _notes(view: View, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if not row.get("note"):
            continue
        reading = next((r for r in row.get("readings", []) if r["id"] == row.get("reading")), None)
        used = view.text("indicators.reading", name=reading["name"][view.lang]) if reading else ""
        st.html(
            frame.notice(
                f"{row['note'][view.lang]}{used}",
                head=view.text("indicators.note", code=row["code"]),
                kind="plain",
            )
        )


def _footnotes(view: View, rows: list[dict[str, Any]]) -> None:
    """What people wrote to single values; the values carry the same numbers."""
    written = cell_footnotes(rows, view.lang)
    if written:
        word = esc(view.texts["progress.notes"])
        items = "".join(f"<li><b>{word}{i}</b>{esc(note)}</li>" for i, note in enumerate(written, 1))
        st.html(f'<ul class="count-notes">{items}</ul>')


def _budgets(view: View, sheet: dict[str, Any]) -> None:
    if not sheet["budgets"]:
        return
    st.subheader(view.texts["indicators.budgets"], anchor=False)
    years = sorted({int(fy) for budget in sheet["budgets"] for fy in budget["thousand_yen"]})
    columns = [Column(view.texts["column.project"], wrap=True), Column(view.texts["column.indicator"])]
    columns += [Column(fiscal.label(fy, view.lang), number=True) for fy in years]
    rows: list[list[Any]] = []
    for budget in sheet["budgets"]:
        summary = f"<small>{esc(budget['summary'][view.lang])}</small>" if budget.get("summary") else ""
        amounts = {int(fy): amount for fy, amount in budget["thousand_yen"].items()}
        rows.append(
            [
                Html(f"{_circled(budget['number'])}　{esc(budget['name'][view.lang])}{summary}"),
                budget["indicator"],
                *(f"{amounts[fy]:,}" if fy in amounts else view.texts["value.none"] for fy in years),
            ]
        )
    totals = [sum(int(b["thousand_yen"].get(str(fy), 0)) for b in sheet["budgets"]) for fy in years]
    rows.append([view.texts["value.total"], "", *(f"{total:,}" for total in totals)])
    frame.sheet(columns, rows, caption=view.texts["indicators.budget_unit"], total=True)


def _statements(view: View, sheet: dict[str, Any], which: str) -> None:
    if not sheet[which]:
        return
    st.subheader(view.texts[f"indicators.{which}"], anchor=False)
    items = "".join(
        f"<li><b>{_circled(item['number'])}</b>{esc(item[view.lang])}</li>" for item in sheet[which]
    )
    st.html(f'<ul class="cards">{items}</ul>')


def _circled(number: int) -> str:
    """1 → ①."""
    return chr(0x2460 + number - 1) if 1 <= number <= 20 else f"({number})"
