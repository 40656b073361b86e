"""ホーム: where things stand, in five seconds: the count against its target, people without signal, what moved, what waits."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from coverage.domain import fiscal
from coverage.report.escape import esc
from coverage.report.wording import layer_name
from coverage.runs.result import RunResult
from coverage.services import home
from coverage.services.access import Action, Object
from coverage.services.home import Changes, CountNow, Freshness, Moved, PeopleNow
from coverage.web import frame
from coverage.web.app_context import web_context
from coverage.web.frame import Column, Html, View
from coverage.web.grades import grade
from coverage.web.views.map_view import whole

SHOWN: Final = 8
"""Municipalities and challenges listed; the rest is counted and found on their own pages."""
Pair = tuple[int | None, int | None]


def show(view: View, run: RunResult) -> None:
    """The page."""
    count = home.count_now(run)
    people = home.people_now(run, count.fiscal_year)
    frame.head(
        view.text("home.title", region=run.meta["region"][f"name_{view.lang}"]),
        view.text(
            "home.lede",
            year=frame.year_label(view, count.fiscal_year),
            run=run.run_id,
            published=_published(view),
        ),
    )
    fresh = home.freshness(web_context(), run, view.principal)
    if fresh.changed:
        _stale(view, fresh)
    with st.container(key="home-lead"):
        first, second, third = st.columns([1.5, 1, 0.8], gap="medium")
    with first:
        _count(view, count)
    with second:
        _people(view, people)
    with third:
        _districts(view, people)
    changes, waiting = st.columns([1.65, 1], gap="large")
    with changes:
        st.subheader(view.texts["home.changes"], anchor=False)
        _changes(view, run, count)
    with waiting:
        st.subheader(view.texts["home.waiting"], anchor=False)
        _challenges(view)
        _imports(view)
        if not fresh.changed:
            st.caption(view.texts["home.fresh"])


def _published(view: View) -> str:
    day = home.published_on(web_context())
    return view.text("home.published", day=day) if day else ""


def link(view: View, page: str, label: str, **query: str) -> None:
    """A link to another page of the app that needs no reload and keeps the language."""
    params = {**query, **({"lang": view.lang} if view.lang != "ja" else {})}
    # Streamlit knows a page by its address; the function here is never run.
    st.page_link(st.Page(_elsewhere, title=label, url_path=page), label=label, query_params=params or None)


def _elsewhere() -> None:
    """Stands for a page that another module shows."""


def _block(
    label: str, value: str, unit: str, lines: Sequence[str | Html], *, main: bool = False, extra: str = ""
) -> None:
    """One figure: ``lines`` stand below it; ``extra`` is HTML of this package beside the value."""
    below = "".join(f"<li>{line if isinstance(line, Html) else esc(line)}</li>" for line in lines if line)
    st.html(
        f'<div class="home-figure{" main" if main else ""}"><div><h2>{esc(label)}</h2>'
        f'<p class="value">{esc(value)}<small>{esc(unit)}</small></p><ul>{below}</ul></div>{extra}</div>'
    )


def _count(view: View, count: CountNow) -> None:
    year = fiscal.label(count.fiscal_year, view.lang)
    name, unit = count.name.get(view.lang, ""), count.unit.get(view.lang, "")
    label = view.text("home.count_name", name=name, year=year) if name else view.text("home.count", year=year)
    value = f"{count.increase_so_far:+,}" if count.total is None else f"{count.total:,}"
    lines: list[str | Html] = [_target(view, count, unit)]
    if count.cell is not None and count.cell["achievement_class"] is not None:
        lines.append(Html(f"{esc(view.texts['home.achievement'])} {grade(view, dict(count.cell))}"))
    if count.total is None:
        lines.append(view.texts["home.opening_missing"])
    state = view.texts["value.comma"] + view.texts["state.provisional"] if count.provisional else ""
    lines.append(view.text("home.increase", n=f"{count.increase:+,}" if count.increase else "0") + state)
    _block(label, value, unit, lines, main=True, extra=_sparkline(view, count, unit))
    link(view, "progress", view.texts["home.to_progress"])


def _target(view: View, count: CountNow, unit: str) -> str:
    if count.cell is None and not count.name:
        return view.texts["home.target_unknown"]
    if count.target is None:
        ahead = count.next_target
        more = (
            view.text(
                "home.target_next",
                year=frame.year_label(view, ahead[0]),
                target=f"{ahead[1]:,.0f}",
                unit=unit,
            )
            if ahead
            else ""
        )
        return view.texts["home.target_none"] + more
    words = {"target": f"{count.target:,.0f}", "unit": unit}
    if count.total is None:
        return f"{view.texts['progress.target']} {words['target']}{unit}"
    gap = count.total - count.target
    if gap == 0:
        return view.text("home.target_met", **words)
    return view.text("home.target_above" if gap > 0 else "home.target_below", n=f"{abs(gap):,.0f}", **words)


def _sparkline(view: View, count: CountNow, unit: str) -> str:
    """Totals as filled circles on a line, targets as open diamonds: shapes tell them apart, not colour alone."""
    shown = [
        (fy, total, target) for fy, total, target in count.series if total is not None or target is not None
    ]
    if len(shown) < 2:
        return ""
    width, height, left, top, floor = 320, 112, 24, 22, 78
    values = [float(v) for _, total, target in shown for v in (total, target) if v is not None]
    low, high = min(values), max(values)
    step = (width - 2 * left) / (len(shown) - 1)
    xs = [left + i * step for i in range(len(shown))]

    def y(value: float) -> float:
        return floor if high == low else floor - (value - low) / (high - low) * (floor - top)

    line = " ".join(
        f"{x:.1f},{y(total):.1f}" for x, (_, total, _) in zip(xs, shown, strict=True) if total is not None
    )
    signs = [f'<polyline points="{line}" fill="none" stroke="#0b5a83" stroke-width="2.5"/>']
    for x, (fy, total, target) in zip(xs, shown, strict=True):
        if target is not None:
            at = y(float(target))
            signs.append(
                f'<path d="M{x:.1f} {at - 8:.1f}l8 8-8 8-8-8z" fill="none" stroke="#c2571a" stroke-width="2"/>'
            )
        if total is not None:
            signs.append(f'<circle cx="{x:.1f}" cy="{y(total):.1f}" r="4" fill="#0b5a83"/>')
        top_value = max(v for v in (total, target) if v is not None)
        signs.append(
            f'<text x="{x:.1f}" y="{y(float(top_value)) - 11:.1f}" class="v">{top_value:,.0f}</text>'
        )
        short = str(fy) if view.lang == "en" else fiscal.short_label(fy)
        signs.append(f'<text x="{x:.1f}" y="{height - 6}">{esc(short)}</text>')
    words = view.text(
        "home.chart_alt", years=view.texts["value.comma"].join(_year_words(view, p, unit) for p in shown)
    )
    style = "text{font:11px sans-serif;fill:#33424e;text-anchor:middle}.v{font-weight:700}"
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<style>{style}</style>{''.join(signs)}</svg>"
    )
    # Streamlit takes SVG out of a page's HTML, but shows it as a picture, which also has a text in its place.
    picture = base64.b64encode(drawn.encode("utf-8")).decode("ascii")
    return (
        f'<figure><img src="data:image/svg+xml;base64,{picture}" alt="{esc(words)}">'
        f"<figcaption>{esc(view.texts['home.chart_key'])}</figcaption></figure>"
    )


def _year_words(view: View, point: tuple[int, int | None, float | None], unit: str) -> str:
    fy, total, target = point
    words: dict[str, Any] = {"year": frame.year_label(view, fy), "unit": unit}
    if target is not None:
        words["target"] = f"{target:,.0f}"
    if total is None:
        return view.text("home.chart_year_only_target", **words)
    words["total"] = f"{total:,}"
    return view.text("home.chart_year" if target is None else "home.chart_year_target", **words)


def _people(view: View, people: PeopleNow) -> None:
    year = fiscal.label(people.fiscal_year, view.lang)
    label = view.text("home.people_estimated" if people.estimated else "home.people", year=year)
    if people.now is None:
        register = view.text("home.register_instead", n=f"{people.register_now:,}")
        _block(label, view.texts["value.not_computable"], "", [register])
    else:
        _block(label, whole(people.now), view.texts["home.person"], [_year_ago(view, people)])
    link(view, "map", view.texts["home.to_map"])


def _year_ago(view: View, people: PeopleNow) -> str:
    if people.now is None or people.before is None:
        return view.texts["home.year_ago_unknown"]
    # The difference of the two printed figures, so that it can be checked by eye.
    gap = int(whole(people.now).replace(",", "")) - int(whole(people.before).replace(",", ""))
    words = (
        view.texts["home.same"]
        if gap == 0
        else view.text("home.fewer" if gap < 0 else "home.more", n=f"{abs(gap):,}")
    )
    return view.text("home.year_ago", n=whole(people.before), difference=words)


def _districts(view: View, people: PeopleNow) -> None:
    year = fiscal.label(people.fiscal_year, view.lang)
    ago = (
        ""
        if people.districts_before is None
        else view.text("home.districts_ago", n=f"{people.districts_before:,}")
    )
    _block(
        view.text("home.districts", year=year),
        f"{people.districts_now:,}",
        view.texts["home.district"],
        [ago],
    )
    link(view, "data", view.texts["home.to_data"])


def _stale(view: View, now: Freshness) -> None:
    """The published figures and the ledger have parted: said first, because every figure below is concerned."""
    said = []
    if now.changes and now.last is not None:
        said.append(view.text("home.stale", n=now.changes, day=now.last))
    elif not now.begun:
        said.append(view.texts["home.stale_unnumbered"])
    if now.begun:
        said.append(view.text("home.begun", n=now.begun))
    may = view.may(Action.PUBLISH, Object.RUN)
    if not may:
        said.append(view.texts["home.ask_admin"])
    st.html(frame.notice(frame.sentences(view, said)))
    if may:
        link(view, "manage", view.texts["home.to_runs"], section="runs")


def _changes(view: View, run: RunResult, count: CountNow) -> None:
    earlier = home.earlier_publication(web_context(), run)
    if earlier is None:
        st.html(frame.notice(view.texts["home.changes_first"], kind="plain"))
        return
    found = _compared(str(earlier[0].folder), str(run.folder), earlier[1])
    if found is None:
        st.html(frame.notice(view.texts["home.changes_no_year"], kind="plain"))
        return
    if found.nothing:
        st.html(
            frame.notice(view.text("home.changes_none", day=found.before_on or found.before_id), kind="plain")
        )
        st.caption(_inputs(view, found))
        return
    unit = count.unit.get(view.lang, "")
    year = frame.year_label(view, found.fiscal_year)
    frame.sheet(
        [
            Column(view.texts["home.figure"]),
            *(Column(view.texts[name], number=True) for name in ("home.before", "home.after", "home.move")),
        ],
        [
            [view.text("home.moved_total", unit=unit), *_three(view, found.total)],
            [view.texts["home.moved_people"], *_three(view, found.region.people)],
            [view.texts["home.moved_districts"], *_three(view, found.region.districts)],
        ],
        caption=view.text("home.changes_lede", day=found.before_on, run=found.before_id, year=year),
    )
    if found.moved:
        frame.sheet(
            [
                Column(view.texts["column.municipality"]),
                Column(view.texts["home.column_sites"], number=True),
                Column(view.texts["home.column_people"], number=True),
                Column(view.texts["home.column_districts"], number=True),
            ],
            [_moved_row(view, one) for one in found.moved[:SHOWN]],
        )
        if len(found.moved) > SHOWN:
            st.caption(view.text("home.changes_more", n=len(found.moved) - SHOWN))
    st.caption(_inputs(view, found))


@st.cache_resource(show_spinner=False, max_entries=8)
def _compared(before: str, after: str, before_on: str) -> Changes | None:
    """Two finished runs differ in the same way for ever; read and compared once."""
    return home.changes_between(
        RunResult.open(Path(before)), RunResult.open(Path(after)), before_on=before_on
    )


def _three(view: View, pair: Pair) -> list[str]:
    return [_number(view, pair[0]), _number(view, pair[1]), _difference(view, pair)]


def _number(view: View, value: int | None) -> str:
    return view.texts["value.none"] if value is None else f"{value:,}"


def _difference(view: View, pair: Pair) -> str:
    if pair[0] is None or pair[1] is None:
        return view.texts["value.none"]
    return f"{pair[1] - pair[0]:+,}" if pair[1] != pair[0] else "±0"


def _moved_row(view: View, one: Moved) -> list[str]:
    return [one.name, *(_arrow(view, pair) for pair in (one.sites, one.people, one.districts))]


def _arrow(view: View, pair: Pair) -> str:
    if pair[0] == pair[1]:
        return view.text("home.arrow_same", after=_number(view, pair[1]))
    return view.text(
        "home.arrow",
        before=_number(view, pair[0]),
        after=_number(view, pair[1]),
        difference=_difference(view, pair),
    )


def _inputs(view: View, found: Changes) -> str:
    if not found.inputs:
        return view.texts["home.changes_same_inputs"]
    own = {
        # The sites of a run are the whole ledger: a footnote or a confirmed district changes them as well.
        "sites": view.texts["manage_runs.input_ledger"],
        "rules": view.texts["home.input_rules"],
        "software": view.texts["home.input_software"],
        "published_coverage": view.texts["home.input_published_coverage"],
    }
    names = [own.get(name) or layer_name(view.texts, name, table="layer") for name in found.inputs]
    return view.text("home.changes_inputs", inputs=view.texts["value.comma"].join(names))


def _challenges(view: View) -> None:
    from coverage.services.challenges import open_challenges

    if not view.may(Action.VIEW, Object.CHALLENGE):
        return
    context = web_context()
    found = open_challenges(context, view.principal)
    if not found:
        st.caption(view.texts["home.challenges_none"])
        return
    names = {
        key: o.name_en if view.lang == "en" else o.name_ja for key, o in context.config.operators.items()
    }
    _waiting(view, view.texts["home.challenges"], len(found))
    lines = "".join(
        "<li>"
        + esc(
            view.text(
                "home.challenge",
                day=c.observed_on,
                place=c.municipality_name,
                operator=names.get(c.operator, c.operator)
                if c.operator
                else view.texts["home.challenge_any"],
                note=c.note if len(c.note) <= 60 else f"{c.note[:59]}…",
            )
        )
        + "</li>"
        for c in found[:3]
    )
    more = f"<li>{esc(view.text('home.challenges_more', n=len(found) - 3))}</li>" if len(found) > 3 else ""
    st.html(f'<ul class="remarks">{lines}{more}</ul>')
    link(view, "challenges", view.texts["home.to_challenges"])


def _imports(view: View) -> None:
    waiting = home.waiting_imports(web_context(), view.principal)
    if waiting is None:
        return
    if waiting == 0:
        st.caption(view.texts["home.imports_none"])
        return
    _waiting(view, view.texts["home.imports"], waiting)
    link(view, "approvals", view.texts["home.to_approvals"])


def _waiting(view: View, label: str, number: int) -> None:
    st.html(f'<p class="home-waiting">{esc(label)} <b>{number:,}</b> {esc(view.texts["home.item"])}</p>')
