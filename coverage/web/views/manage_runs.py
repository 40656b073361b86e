"""管理 → 計算と公開: compute in the background, see what publishing would change, publish, and make room.

Nothing is computed here: the process and its folder are :mod:`coverage.services.compute_jobs`, so that a page loaded
anew, or opened by a colleague, shows the same job.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import streamlit as st

from coverage.domain.fiscal import TOKYO
from coverage.errors import CoverageGapError, NotFoundError
from coverage.report.wording import layer_name
from coverage.runs import folder
from coverage.runs.result import RunResult
from coverage.services import compute, compute_jobs, home, run_changes, run_cleaning
from coverage.services.access import Action, Object
from coverage.services.compute_jobs import RunJob
from coverage.services.context import AppContext
from coverage.services.run_changes import RunChanges
from coverage.web import frame
from coverage.web.app_context import web_context
from coverage.web.frame import Column, View

_SAID, _WRONG, _BACK = "runs-said", "runs-wrong", "runs-back"
_NOT_LAYERS: Final = {
    "sites": "manage_runs.input_ledger",
    "rules": "manage_runs.input_rules",
    "software": "manage_runs.input_software",
}
"""Names of inputs that are other than the layer's own: the sites of a run are the whole ledger."""


def show(view: View) -> None:
    """The part of the page 管理 about runs."""
    st.subheader(view.texts["manage_runs.title"], anchor=False)
    if not view.may(Action.COMPUTE, Object.RUN):
        st.html(frame.notice(view.texts["manage_runs.not_allowed"], kind="plain"))
        return
    st.caption(view.texts["manage_runs.lede"])
    context = web_context()
    for key, kind in ((_SAID, "plain"), (_WRONG, "grave")):
        said = st.session_state.pop(key, None)
        if said:
            st.html(frame.notice(said, kind=kind))
    published = folder.published(context.runs_folder)
    _go_back(view, context, published)
    _stale(view, context, published)
    job = compute_jobs.current(context, view.principal)
    if job is not None and job.state == "running":
        _watch(view, context, job.job_id)
    else:
        if job is not None:
            _ended(view, context, job, published)
        _start(view, context)
    runs = folder.list_runs(context.runs_folder)
    _listing(view, context, runs, published)
    _publish(view, context, runs, published, job)
    _clean(view, context)


def _stale(view: View, context: AppContext, published: RunResult | None) -> None:
    if published is None:
        st.html(frame.notice(view.texts["manage_runs.none_published"], kind="plain"))
        return
    fresh = home.freshness(context, published, view.principal)
    if not fresh.changed:
        st.caption(view.text("manage_runs.fresh", id=published.run_id))
        return
    said = []
    if fresh.changes and fresh.last is not None:
        said.append(view.text("manage_runs.stale", n=fresh.changes, day=fresh.last.isoformat()))
    elif not fresh.begun:
        said.append(view.texts["manage_runs.stale_tables"])
    if fresh.begun:
        said.append(view.text("home.begun", n=fresh.begun))
    st.html(frame.notice(frame.sentences(view, said), head=view.texts["manage_runs.stale_head"]))


def _start(view: View, context: AppContext) -> None:
    busy = compute_jobs.elsewhere(context)
    if busy:
        st.html(frame.notice(view.text("manage_runs.elsewhere", by=busy), kind="plain"))
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.button(
            view.texts["manage_runs.compute"], type="primary", key="runs-compute", disabled=bool(busy)
        )
        force = st.checkbox(view.texts["manage_runs.force"], key="runs-force")
    if asked:
        _try(view, lambda: compute_jobs.start_run(context, view.principal, force=force))
        st.rerun()


@st.fragment(run_every=1.0)
def _watch(view: View, context: AppContext, job_id: str) -> None:
    """How far the process is; only this part of the page is drawn again every second."""
    try:
        job = compute_jobs.state(context, job_id)
    except NotFoundError:
        st.rerun()
    if job.state != "running":
        st.rerun()
    step = job.text.partition(" / ")[2 if view.lang == "en" else 0]
    words = view.text("manage_runs.step", step=step) if step else view.texts["manage_runs.starting"]
    st.progress(job.fraction, text=words)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(view.text("manage_runs.running", by=job.owner, time=_clock(job.started_at)))
        if st.button(view.texts["manage_runs.cancel"], key="runs-cancel"):
            _try(view, lambda: compute_jobs.cancel(context, job_id, view.principal))
            st.rerun()


def _ended(view: View, context: AppContext, job: RunJob, published: RunResult | None) -> None:
    """What became of the last one, until somebody has read it."""
    if job.state == "done":
        public = published is not None and published.run_id == job.run_id
        words = view.text("manage_runs.done_public" if public else "manage_runs.done", id=job.run_id)
        kind = "plain"
    elif job.state == "cancelled":
        words, kind = view.text("manage_runs.cancelled", by=job.owner), "plain"
    else:
        words, kind = job.en if view.lang == "en" else job.ja, "grave"
    with st.container(horizontal=True, vertical_alignment="center", key="runs-outcome"):
        st.html(frame.notice(words, kind=kind))
        if st.button(view.texts["manage_runs.dismiss"], key="runs-dismiss", type="tertiary"):
            compute_jobs.forget(context, job.job_id, view.principal)
            st.rerun()


def _listing(view: View, context: AppContext, runs: list[RunResult], published: RunResult | None) -> None:
    if not runs:
        return
    texts = view.texts
    days = {p["run_id"]: p["published_on"] for p in reversed(folder.publications(context.runs_folder))}
    rows: list[list[Any]] = []
    for run in sorted(runs, key=_computed_at, reverse=True):
        here = published is not None and run.run_id == published.run_id
        state = texts["manage_runs.published_now"] if here else texts["value.none"]
        if run.run_id in days:
            name = "manage_runs.published_on" if here else "manage_runs.published_before"
            state = view.text(name, day=days[run.run_id])
        rows.append(
            [
                run.run_id,
                _clock(datetime.fromtimestamp(_computed_at(run), TOKYO)),
                frame.year_label(view, run.fiscal_years[0]) + "–" + frame.year_label(view, run.latest_fy),
                texts["value.none"] if published is None or here else _inputs(view, published, run),
                state,
                f"{_size(str(run.folder), _computed_at(run)) / 1e6:,.1f}",
            ]
        )
    titles = (
        "manage_runs.column_run",
        "manage_runs.column_computed",
        "manage_runs.column_years",
        "manage_runs.column_inputs",
        "manage_runs.column_state",
        "manage_runs.column_size",
    )
    frame.sheet(
        [Column(texts[t], number=i == len(titles) - 1, wrap=i == 3) for i, t in enumerate(titles)],
        rows,
        caption=texts["manage_runs.caption"],
    )


def _inputs(view: View, published: RunResult, run: RunResult) -> str:
    """Which inputs of a run are others than those of the published one."""
    changes = home.changes_between(published, run)
    if changes is None:
        return view.texts["manage_runs.other_years"]
    words = view.texts["value.comma"].join(_input(view, name) for name in changes.inputs)
    return words or view.texts["manage_runs.same_inputs"]


def _input(view: View, name: str) -> str:
    known = _NOT_LAYERS.get(name)
    return layer_name(view.texts, name, table="layer") if known is None else view.texts[known]


def _publish(
    view: View,
    context: AppContext,
    runs: list[RunResult],
    published: RunResult | None,
    job: RunJob | None,
) -> None:
    """What would change, then the word of an administrator."""
    here = "" if published is None else published.run_id
    order = [run.run_id for run in sorted(runs, key=_computed_at, reverse=True) if run.run_id != here]
    if not order:
        return
    fresh = job.run_id if job is not None and job.state == "done" else ""
    stamp = {run.run_id: _computed_at(run) for run in runs}
    if published is None or fresh in order or stamp[order[0]] > stamp.get(here, 0.0):
        st.subheader(view.texts["manage_runs.publish_head"], anchor=False)
        _choose(view, context, order, published, fresh)
    else:
        # Nothing newer waits: going back to an older run is possible, and no prompt.
        with st.expander(view.texts["manage_runs.publish_other"]):
            _choose(view, context, order, published, "")


def _choose(
    view: View, context: AppContext, order: list[str], published: RunResult | None, fresh: str
) -> None:
    here = "" if published is None else published.run_id
    run_id = str(
        st.selectbox(
            view.texts["manage_runs.which"],
            sorted(order, key=lambda i: i != fresh),
            key=f"runs-which-{fresh}-{here}",
        )
    )
    run = folder.open_run(context.runs_folder, run_id)
    if published is None:
        st.html(frame.notice(view.texts["manage_runs.first"], kind="plain"))
    else:
        show_changes(view, run_changes.run_changes(published, run))
    if not view.may(Action.PUBLISH, Object.RUN):
        st.caption(view.texts["manage_runs.publish_not_allowed"])
        return
    sure = st.checkbox(view.text("manage_runs.sure", id=run_id), key=f"runs-sure-{run_id}")
    if st.button(view.texts["manage_runs.publish"], key="runs-publish", type="primary", disabled=not sure):
        _make_public(view, context, run_id, back=here)


def _make_public(view: View, context: AppContext, run_id: str, *, back: str) -> None:
    if _try(view, lambda: compute_jobs.publish_run(context, view.principal, run_id)):
        st.session_state[_SAID] = view.text("manage_runs.published", id=run_id)
        st.session_state[_BACK] = back
    st.rerun()


def _go_back(view: View, context: AppContext, published: RunResult | None) -> None:
    """Straight after publishing: the run before it can be made public again."""
    back = str(st.session_state.get(_BACK) or "")
    if not back or published is None or back == published.run_id or not view.may(Action.PUBLISH, Object.RUN):
        return
    if st.button(view.text("manage_runs.undo", id=back), key="runs-undo"):
        _make_public(view, context, back, back="")


def show_changes(view: View, changes: RunChanges) -> None:
    """Count, actuals, footnotes, people and municipalities before and after, as tables; a sentence where nothing moves."""
    texts = view.texts
    if changes.nothing:
        st.html(frame.notice(texts["manage_runs.nothing"], kind="plain"))
        return
    before, after = (
        Column(texts["manage_runs.before"], number=True),
        Column(texts["manage_runs.after"], number=True),
    )
    rows: list[list[Any]] = [
        [
            texts["progress.title"],
            frame.year_label(view, c.fiscal_year),
            _n(view, c.before),
            _n(view, c.after),
            "",
        ]
        for c in changes.counts
    ]
    rows += [
        [
            f"{a.code} {a.name[view.lang]}",
            frame.year_label(view, a.fiscal_year),
            a.before[view.lang],
            a.after[view.lang],
            a.achievement[1] if a.achievement[0] == a.achievement[1] else " → ".join(a.achievement),
        ]
        for a in changes.actuals
    ]
    if rows:
        columns = [
            Column(texts["column.indicator"], wrap=True),
            Column(texts["column.fiscal_year"]),
            before,
            after,
        ]
        frame.sheet(
            [*columns, Column(texts["column.achievement"], number=True)],
            rows,
            caption=texts["manage_runs.figures"],
        )
    if changes.notes:
        names = ("column.indicator", "column.fiscal_year", "column.change", "manage_runs.footnote")
        frame.sheet(
            [Column(texts[n], wrap=i == 3) for i, n in enumerate(names)],
            [
                [
                    note.code,
                    frame.year_label(view, note.fiscal_year),
                    texts["manage_runs.note_added" if note.added else "manage_runs.note_gone"],
                    note.text[view.lang],
                ]
                for note in changes.notes
            ],
            caption=texts["manage_runs.notes"],
        )
    places = changes.places
    if places is None:
        st.caption(texts["manage_runs.no_shared_year"])
        return
    region = places.region
    differs = any(old != new for old, new in (region.people, region.sites, region.districts))
    if places.moved or differs:
        names = ("column.municipality", "column.unserved", "manage_runs.sites_counted", "column.districts")
        frame.sheet(
            [Column(texts[n], number=i > 0) for i, n in enumerate(names)],
            [
                [m.name, *(_pair(view, pair) for pair in (m.people, m.sites, m.districts))]
                for m in (region, *places.moved)
            ],
            caption=view.text("manage_runs.places", year=frame.year_label(view, places.fiscal_year)),
        )
    else:
        st.caption(texts["manage_runs.places_same"])
    if places.inputs:
        words = texts["value.comma"].join(_input(view, name) for name in places.inputs)
        st.caption(view.text("manage_runs.because", inputs=words))


def _pair(view: View, pair: tuple[int | None, int | None]) -> str:
    old, new = pair
    return _n(view, new) if old == new else f"{_n(view, old)} → {_n(view, new)}"


def _n(view: View, value: int | None) -> str:
    return view.texts["value.none"] if value is None else f"{value:,}"


def _clean(view: View, context: AppContext) -> None:
    if not view.may(Action.MANAGE, Object.DATASET):
        return
    with st.expander(view.texts["manage_runs.clean_head"]):
        st.caption(view.text("manage_runs.clean_note", days=f"{run_cleaning.UNUSED_DAYS:.0f}"))
        keep = int(
            st.number_input(
                view.texts["manage_runs.keep"],
                min_value=0,
                max_value=100,
                value=run_cleaning.KEEP_RUNS,
                key="runs-keep",
            )
        )
        bound = float(
            st.number_input(
                view.texts["manage_runs.cache_gb"],
                min_value=0.0,
                value=compute.CACHE_LIMIT_BYTES / 2**30,
                key="runs-cache",
            )
        )
        going = run_cleaning.removable_runs(context, keep=keep)
        names = view.texts["value.comma"].join(going) or view.texts["value.none"]
        st.caption(view.text("manage_runs.going", n=len(going), ids=names))
        if st.button(view.texts["manage_runs.clean"], key="runs-clean"):
            _try(view, lambda: _cleaned(view, context, keep, bound))
            st.rerun()


def _cleaned(view: View, context: AppContext, keep: int, bound_gb: float) -> None:
    done = run_cleaning.clean_runs(context, view.principal, keep=keep, cache_bytes=int(bound_gb * 2**30))
    st.session_state[_SAID] = view.text(
        "manage_runs.cleaned", n=len(done.run_ids), others=done.others, mb=f"{done.freed_bytes / 1e6:,.1f}"
    )


def _try(view: View, work: Callable[[], object]) -> bool:
    """Do it; an error for people is kept for the next drawing of the page."""
    try:
        work()
    except CoverageGapError as error:
        st.session_state[_WRONG] = error.text(view.lang)
        return False
    return True


def _computed_at(run: RunResult) -> float:
    return (run.folder / "run.json").stat().st_mtime


@st.cache_data(show_spinner=False, max_entries=200)
def _size(place: str, _changed: float) -> int:
    return run_cleaning.size_of(Path(place))


def _clock(moment: datetime) -> str:
    return moment.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")
