"""What an upload changes: records, the count of each year and municipality with its reasons, and a map. For both pages."""

from __future__ import annotations

from typing import Any

import streamlit as st

from coverage.domain import fiscal
from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.services.import_preview import DRAWN, Movement, Preview
from coverage.web import frame
from coverage.web.difference_map import difference_map
from coverage.web.frame import Column, Html, View

SHOWN = 200
"""Records and sites listed on the page; the rest is counted."""
IN_WORDS = 12
"""Reasons of a year written out; the rest is counted."""


def show_difference(view: View, run: RunResult, difference: Preview) -> None:
    """The records that change, what that does to the count and why, what does not count and why, and where it is."""
    if difference.comparison.changes_nothing:
        st.html(frame.notice(view.texts["difference.nothing"], kind="plain"))
        return
    counts = difference.comparison.counts
    parts = [
        view.text(
            "difference.count",
            kind=view.texts[f"record.{kind}"],
            new=f"{n['new']:,}",
            changed=f"{n['changed']:,}",
            same=f"{n['unchanged']:,}",
        )
        for kind, n in counts.items()
    ]
    st.html(frame.notice(view.texts["value.semicolon"].join(parts), kind="plain"))
    st.html(count_words(view, difference, _municipalities(run)))
    picture = difference_map(run, difference.places, view.texts)
    if picture:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            st.html(picture)
            _drawn(view, difference)
        with right:
            _not_counted(view, difference)
    else:
        _not_counted(view, difference)
    _years(view, difference)
    _records(view, difference)


def show_undo(view: View, run: RunResult, difference: Preview) -> None:
    """What taking an accepted upload back does to the count, with the reasons, and where it is."""
    st.html(count_words(view, difference, _municipalities(run), undo=True))
    picture = difference_map(run, difference.places, view.texts)
    if not picture:
        _years(view, difference, undo=True)
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.html(picture)
        _drawn(view, difference)
    with right:
        _years(view, difference, undo=True)


def _drawn(view: View, difference: Preview) -> None:
    if len(difference.places) >= DRAWN:
        st.caption(view.text("difference.drawn", n=f"{DRAWN:,}"))


def count_words(view: View, difference: Preview, names: dict[str, str], *, undo: bool = False) -> str:
    """HTML: each year whose own count moves, from → to, municipality by municipality, with the reasons."""
    moved = [m for m in difference.movements() if m.own]
    head = esc(view.texts["difference.moved"])
    if not moved:
        return f'<div class="rule countwords"><h3>{head}</h3><p>{esc(view.texts["difference.not_moved"])}</p></div>'
    out = [f'<div class="rule countwords"><h3>{head}</h3>']
    for movement in moved:
        out.append(f"<p><strong>{esc(moved_sentence(view, movement, undo=undo))}</strong></p>")
        words = [
            view.text("difference.municipality", name=names.get(code, code), old=old, new=new)
            for code, old, new in movement.by_municipality
        ]
        if words:
            told = view.text("difference.by_municipality", list=view.texts["value.semicolon"].join(words))
            out.append(f"<p>{esc(told)}</p>")
        reasons = [_reason(view, difference, verdict) for verdict in (*movement.gained, *movement.lost)]
        reasons += [view.text("difference.gone", site=_site(difference, own)) for own in movement.gone]
        items = "".join(f"<li>{esc(reason)}</li>" for reason in reasons[:IN_WORDS])
        more = len(reasons[IN_WORDS:]) + movement.further
        if more:
            items += f"<li>{esc(view.text('upload.more', n=more))}</li>"
        if items:
            out.append(f"<p>{esc(view.texts['difference.reasons'])}</p><ul>{items}</ul>")
    out.append("</div>")
    return "".join(out)


def moved_sentence(view: View, movement: Movement, *, undo: bool = False) -> str:
    """「この取込で令和元年度の累計は 71 → 72 基になります。」, or 「取り消すと…」."""
    year = fiscal.label(movement.fiscal_year, view.lang)
    if movement.before is None or movement.after is None:
        told = "difference.undo_increase_by" if undo else "difference.increase_by"
        return view.text(told, year=year, n=f"{movement.increase:+d}")
    if movement.before == movement.after:
        return view.text("difference.same_total", year=year, new=movement.after)
    told = "difference.undo_from_to" if undo else "difference.from_to"
    return view.text(told, year=year, old=f"{movement.before:,}", new=f"{movement.after:,}")


def _reason(view: View, difference: Preview, verdict: Any) -> str:
    told = view.text("difference.reason", site=_site(difference, verdict.site_id), why=verdict.text(view.lang))
    if verdict.site_id in difference.shared:
        told += view.text("difference.shared", n=difference.shared[verdict.site_id])
    return told


def _site(difference: Preview, site_id: str) -> str:
    name = difference.names.get(site_id, "")
    return site_id if not name or name == site_id else f"{site_id} {name}"


def _not_counted(view: View, difference: Preview) -> None:
    """Sites of the upload that do not count, with the rule that decides."""
    left_out = difference.not_counted()
    if not left_out:
        return
    every = difference.left_out
    with st.expander(view.text("difference.not_counted", n=every), expanded=every <= 8):
        items = "".join(f"<li>{esc(_reason(view, difference, v))}</li>" for v in left_out[:SHOWN])
        st.html(f'<ul class="remarks">{items}</ul>')
        if every > SHOWN:
            st.caption(view.text("upload.more", n=every - SHOWN))


def _years(view: View, difference: Preview, *, undo: bool = False) -> None:
    """The series before and after, where it moves."""
    moved = difference.movements()
    if not any(m.before != m.after for m in moved):
        return
    none = view.texts["value.none"]
    rows = [
        [
            frame.year_label(view, m.fiscal_year),
            none if m.before is None else f"{m.before:,}",
            none if m.after is None else f"{m.after:,}",
            f"{m.increase:+d}" if m.increase else none,
        ]
        for m in moved
    ]
    then = "difference.undo_then" if undo else "difference.then"
    titles = ("column.fiscal_year", "difference.now", then, "difference.own")
    with st.expander(view.texts["difference.years"]):
        frame.sheet([Column(view.texts[t], number=i > 0) for i, t in enumerate(titles)], rows)


def _records(view: View, difference: Preview) -> None:
    changed = [d for d in difference.comparison.differences if d.state != "unchanged"]
    every = sum(n["new"] + n["changed"] for n in difference.comparison.counts.values())
    rows: list[list[Any]] = []
    for d in changed[:SHOWN]:
        changes = "<br>".join(esc(change.text(view.lang)) for change in d.changes)
        # An operator's row without a band has an empty last part in its key.
        key = d.key.rstrip("/")
        rows.append(
            [view.texts[f"record.{d.kind.value}"], key, view.texts[f"difference.{d.state}"], Html(changes)]
        )
    with st.expander(view.texts["difference.records"], expanded=len(rows) <= 6):
        titles = ("column.record", "column.key", "column.difference")
        frame.sheet(
            [*(Column(view.texts[t]) for t in titles), Column(view.texts["column.change"], wrap=True)], rows
        )
        if every > len(rows):
            st.caption(view.text("upload.more", n=f"{every - len(rows):,}"))


def _municipalities(run: RunResult) -> dict[str, str]:
    return {
        str(f["properties"]["municipality_code"]): str(f["properties"]["name"])
        for f in run.geojson("municipalities")["features"]
    }
