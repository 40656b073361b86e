"""One plan on the page 計画: what it says, its sites on the map, the money, and everything that stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from coverage.report.escape import esc
from coverage.report.plan_picture import BEFORE_AFTER
from coverage.report.wording import report_texts
from coverage.runs.result import RunResult
from coverage.services import plan_exports, planning
from coverage.services.context import AppContext
from coverage.services.plan_request import request_of
from coverage.web import frame
from coverage.web.frame import Column, View
from coverage.web.plan_map import Ground, plan_map
from coverage.web.planning_charts import front_chart
from coverage.web.views.planning_form import OBJECTIVE_WORDS, start

PAYERS: Final = {
    "state_yen": "planning.state",
    "prefecture_yen": "planning.prefecture",
    "municipality_yen": "planning.municipality",
    "operators_yen": "planning.operators",
    "total_yen": "value.total",
}
FILES: Final = {
    "xlsx": "planning.file_xlsx",
    "geojson": "planning.file_geojson",
    "candidates": "planning.file_candidates",
    "certificate": "planning.file_certificate",
    "instance": "planning.file_instance",
}


def brief(view: View, row: Mapping[str, Any]) -> str:
    """A plan in a list."""
    return view.text(
        "planning.brief",
        n=row["sites"],
        people=f"{row['served']['people']:,.0f}",
        yen=f"{row['cost']['prefecture_yen']:,}",
        id=row["plan_id"][:8],
    )


def plan(view: View, context: AppContext, run: RunResult, document: Mapping[str, Any]) -> None:
    """The plan from its statement down to its files."""
    st.html(frame.notice(document["statement"][view.lang], kind="plain"))
    served, demand = document["served"], document["demand"]
    frame.figures(
        [
            (view.texts["planning.people"], f"{served['people']:,.0f}", "", _of(view, demand["people"])),
            (view.texts["planning.households"], f"{served['households']:,.0f}", "", _of(view, demand["households"])),
            (view.texts["planning.shelters"], f"{served['shelters']:,}", "", _of(view, demand["shelters"])),
            (view.texts["planning.districts"], f"{document['districts_resolved']:,}", "", view.texts["planning.predicted"]),
        ]
    )
    _sites(view, document)
    _map(view, context, run, document)
    _money(view, context, document)
    _indicator(view, document)
    _decided(view, document)
    _front(view, context, document)
    _alternatives(view, document)
    _marginal(view, document)
    _doubt(view, document)
    _made_of(view, document)
    _files(view, context, document)


def _of(view: View, total: float) -> str:
    return view.text("planning.of", total=f"{total:,.0f}")


def _joined(view: View, names: Sequence[str]) -> str:
    return view.texts["value.comma"].join(names) or view.texts["value.none"]


def _sites(view: View, document: Mapping[str, Any]) -> None:
    if not document["sites"]:
        st.html(frame.notice(view.texts["planning.no_site"], kind="plain"))
        return
    titles = ("column.name", "column.municipality", "column.fiscal_year", "planning.height_column", "planning.people", "planning.resolves")
    numbers = ("planning.people", "planning.height_column")
    frame.sheet(
        [Column(view.texts[t], number=t in numbers, wrap=t == "planning.resolves") for t in titles],
        [
            [
                f"{i}. {s['name']}",
                s["municipality"],
                frame.year_label(view, s["fiscal_year"]),
                f"{s['antenna_height_m']:g}" if "antenna_height_m" in s else view.texts["value.none"],
                f"{s['people']:,.0f}",
                s[view.lang],
            ]
            for i, s in enumerate(document["sites"], 1)
        ],
        caption=view.texts["planning.sites_caption"],
    )


def _map(view: View, context: AppContext, run: RunResult, document: Mapping[str, Any]) -> None:
    pixels = plan_exports.plan_pixels(context, document["plan_id"])
    layers = plan_exports.before_after(pixels)
    words = {"name": view.texts["column.name"], "people": view.texts["planning.people"]}
    with st.container(key="plan-ground"):
        st.altair_chart(
            plan_map(run, document["sites"], ground=Ground(pixels.grid, layers, BEFORE_AFTER), **words), width="content", theme=None
        )
    names = [view.texts[name] for name in ("planning.legend_lacking", "planning.legend_decided", "planning.legend_plan")]
    legend(view.texts["planning.map_caption"], names, BEFORE_AFTER, plan_exports.areas_km2(pixels.grid, layers))


def legend(lead: str, names: Sequence[str], colours: Sequence[str], km2: Sequence[float]) -> None:
    """Colours of a map with their words and areas."""
    parts = [
        f'<span class="plan-key"><i style="background:{colour}"></i>{esc(name)} <small>{area:,.1f} km²</small></span>'
        for name, colour, area in zip(names, colours, km2, strict=True)
    ]
    st.html(f'<p class="caption plan-legend">{esc(lead)} {" ".join(parts)}</p>')


def _money(view: View, context: AppContext, document: Mapping[str, Any]) -> None:
    names = [view.texts[name] for name in PAYERS.values()]
    frame.sheet(
        [Column(n, number=True) for n in names],
        [[f"{document['cost'][payer]:,}" for payer in PAYERS]],
        caption=view.texts["planning.cost_caption"],
    )
    rules = document.get("inputs", {}).get("subsidy_rules")
    if rules:
        names_of = planning.subsidy_rule_names(context, view.lang)
        words = _joined(view, [f"{frame.year_label(view, int(year))} {names_of.get(rule, rule)}" for year, rule in rules["by_year"].items()])
        source = view.texts["planning.rule_shipped"] if rules["source"] == "packaged" else rules["source"]
        st.caption(view.text("planning.rule", rules=words, source=source))


def _indicator(view: View, document: Mapping[str, Any]) -> None:
    if not document["indicator"]:
        return
    none = view.texts["value.none"]
    titles = ("column.fiscal_year", "planning.base", "planning.added", "column.forecast")
    frame.sheet(
        [Column(view.texts[t], number=i > 0) for i, t in enumerate(titles)],
        [
            [
                frame.year_label(view, r["fiscal_year"]),
                none if r.get("base") is None else f"{r['base']:,}",
                f"+{r['added']}",
                none if r["forecast"] is None else f"{r['forecast']:,}",
            ]
            for r in document["indicator"]
        ],
        caption=view.texts["planning.indicator_caption"],
    )


def _decided(view: View, document: Mapping[str, Any]) -> None:
    rows = document.get("baseline", {}).get("sites", [])
    if not rows:
        return
    titles = ("column.name", "planning.status", "column.municipality", "column.fiscal_year", "planning.people")
    none, statuses = view.texts["value.none"], report_texts(view.lang)
    with st.expander(view.text("planning.decided_title", n=len(rows))):
        frame.sheet(
            [Column(view.texts[t], number=t == "planning.people") for t in titles],
            [
                [
                    s["name"] + (f" ({view.texts['planning.estimated']})" if s["estimated"] else ""),
                    statuses.get(f"site_status.{s['status']}", s["status"]),
                    s["municipality"],
                    none if s["planned_fy"] is None else frame.year_label(view, s["planned_fy"]),
                    f"{s['people']:,.0f}" if s["reach_known"] else view.texts["planning.reach_unknown"],
                ]
                for s in rows
            ],
            caption=view.texts["planning.decided_caption"],
        )


def _front(view: View, context: AppContext, document: Mapping[str, Any]) -> None:
    """Budget against effect (or two objectives): a picture, a table, and a point to choose."""
    front = document.get("pareto")
    if not front:
        return
    texts, cost = view.texts, front["second"] == "cost"
    points = front["points"]
    with st.expander(texts["planning.front" if cost else "planning.front_two"], expanded=cost):
        unit = texts[OBJECTIVE_WORDS[front["first"]]]
        titles = (texts["planning.front_axis_yen"], unit) if cost else (texts[OBJECTIVE_WORDS[front["second"]]], unit)
        rows = [{"x": p["second"] / (1e6 if cost else 1), "y": p["first"], "number": i} for i, p in enumerate(points)]
        event = st.altair_chart(
            front_chart(rows, x=titles[0], y=titles[1]), width="content", theme=None, on_select="rerun", key=f"plan-front-{document['plan_id']}"
        )
        picked = [int(row["number"]) for row in (event.get("selection", {}).get("pick") or []) if "number" in row]
        yen = [f"{p['cost']['prefecture_yen'] // 1000:,}" for p in points]
        proofs = [texts["planning.proven"] if p["proven"] else view.text("planning.gap_of", gap=f"{100 * p.get('gap', 0):.2f}") for p in points]
        more = [texts["value.none"] if p.get("more_per_million_yen") is None else f"{p['more_per_million_yen']:,.1f}" for p in points]
        head = [Column(texts["planning.front_budget"] if cost else titles[0], number=True), Column(texts["planning.prefecture"], number=True)]
        head += [Column(unit, number=True), Column(texts["planning.front_more"], number=True), Column(texts["planning.proof"])]
        frame.sheet(
            head,
            [
                [f"{p['budget_yen'] // 1000:,}" if cost else f"{p['second']:,.0f}", yen[i], f"{p['first']:,.0f}", more[i], proofs[i]]
                for i, p in enumerate(points)
            ],
            caption=texts["planning.front_caption"],
        )
        # The click decides what is chosen first; a key of its own for each click lets the list be used as well.
        number = st.selectbox(
            texts["planning.front_choose"], range(len(points)), index=picked[0] if picked else len(points) - 1,
            format_func=lambda i: view.text("planning.front_point", value=f"{points[i]['first']:,.0f}", yen=yen[i], n=len(points[i]["sites"])),
            key=f"plan-front-point-{document['plan_id']}-{picked[0] if picked else ''}",
        )  # fmt: skip
        st.caption(view.text("planning.front_sites", names=_joined(view, [s["name"] for s in points[number]["sites"]])))
        if cost and st.button(texts["planning.front_use"], key="plan-front-use", disabled=bool(st.session_state.get("plan-job"))):
            start(view, context, replace(request_of(document["request"]), budget_yen=int(points[number]["budget_yen"])))


def _alternatives(view: View, document: Mapping[str, Any]) -> None:
    others = document.get("alternatives", {}).get("plans", [])
    if not others:
        return
    with st.expander(view.text("planning.alternatives", n=len(others))):
        frame.sheet(
            [Column(view.texts["planning.trade"], wrap=True), Column(view.texts["planning.below"], number=True)],
            [[o[view.lang], f"{100 * o['below_bound']:.2f} %"] for o in others],
        )


def _marginal(view: View, document: Mapping[str, Any]) -> None:
    """What each site of the plan, and each next one, is worth, and per yen."""
    values = document.get("marginal")
    if not values or not (values["chosen"] or values["next"]):
        return
    texts = view.texts
    titles = ("planning.source", "column.name", "planning.people", "planning.households", "planning.shelters", "planning.per_million")
    with st.expander(texts["planning.marginal"]):
        frame.sheet(
            [Column(texts[t], number=i > 1) for i, t in enumerate(titles)],
            [
                [
                    texts[label],
                    row["name"],
                    *(f"{row['worth'][name]:,.0f}" for name in ("people", "households", "shelters")),
                    texts["value.none"] if row["per_million_yen"] is None else f"{row['per_million_yen']:,.1f}",
                ]
                for label, rows in (("planning.in_plan", values["chosen"]), ("planning.next_site", values["next"]))
                for row in rows
            ],
            caption=texts["planning.marginal_caption"],
        )


def _doubt(view: View, document: Mapping[str, Any]) -> None:
    """The draws: a range for the plan and for each draw's best one, and how often a site is chosen."""
    doubt = document.get("uncertainty")
    if not doubt:
        return
    texts = view.texts
    with st.expander(view.text("planning.doubt_title", draws=doubt["draws"]), expanded=True):
        kinds = {"plan": "planning.doubt_plan", "best": "planning.doubt_best", "regret": "planning.doubt_regret"}
        frame.sheet(
            [Column(texts["column.item"]), *(Column(p.upper(), number=True) for p in ("p10", "p50", "p90"))],
            [[texts[label], *(f"{doubt[kind][p]:,.0f}" for p in ("p10", "p50", "p90"))] for kind, label in kinds.items()],
            caption=texts["planning.doubt_caption"],
        )
        _on_average(view, doubt, [s["name"] for s in document.get("sites", ())])
        st.caption(view.text("planning.robust", names=_joined(view, [s["name"] for s in doubt["robust"]])))
        frame.sheet(
            [Column(texts["column.name"]), Column(texts["planning.share"], number=True), Column(texts["planning.in_plan"])],
            [[s["name"], f"{100 * s['share']:.0f} %", "○" if s["in_plan"] else ""] for s in doubt["frequency"]],
            caption=texts["planning.frequency_caption"],
        )


def _on_average(view: View, doubt: Mapping[str, Any], own: Sequence[str]) -> None:
    """The plan that serves most on average over the draws beside this one, whose sites are ``own``; plans of earlier
    versions have none."""
    other = doubt.get("on_average")
    if other is None:
        return
    texts = view.texts
    if other["same"]:
        st.caption(texts["planning.average_same"])
        return
    shown = ("mean", "p10", "p50", "p90")
    frame.sheet(
        [
            Column(texts["column.item"]),
            Column(texts["planning.average_mean"], number=True),
            *(Column(p.upper(), number=True) for p in shown[1:]),
            Column(texts["planning.average_sites"]),
        ],
        [
            [
                texts["planning.doubt_plan"],
                *(f"{({**doubt['plan'], 'mean': doubt['mean']})[p]:,.1f}" for p in shown),
                _joined(view, own),
            ],
            [
                texts["planning.average_plan"],
                *(f"{other[p]:,.1f}" for p in shown),
                _joined(view, [s["name"] for s in other["sites"]]),
            ],
        ],
        caption=texts["planning.average_caption"],
    )
    st.caption(
        view.text(
            "planning.average_trade",
            gained=_joined(view, [s["name"] for s in other["gained"]]),
            given_up=_joined(view, [s["name"] for s in other["given_up"]]),
            cost=f"{other['cost']['prefecture_yen']:,}",
            median=f"{other['median_world']:,.0f}",
        )
    )


def _made_of(view: View, document: Mapping[str, Any]) -> None:
    """Which candidates were left out, and why."""
    left_out = document.get("left_out", {})
    reasons = _joined(view, [f"{view.texts[f'planning.reason_{reason}']} {n:,}" for reason, n in left_out.items()])
    st.caption(view.text("planning.left_out", n=f"{document['candidates']:,}", reasons=reasons))
    areas = [f"{name} {n:,}" for name, n in document.get("excluded_areas", {}).items() if name]
    if areas:
        st.caption(view.text("planning.barred", areas=_joined(view, areas)))


def _files(view: View, context: AppContext, document: Mapping[str, Any]) -> None:
    plan_id = document["plan_id"]
    with st.container(horizontal=True, key="plan-files"):
        for kind, label in FILES.items():
            file = _file(plan_id, kind, view.lang, str(document["folder"]), view, context)
            if file is not None:
                st.download_button(view.texts[label], file.content, file.name, file.media_type, key=f"plan-file-{kind}", on_click="ignore")
        checked = st.button(view.texts["planning.verify"], key="plan-verify")
    if checked:
        planning.verify_plan(context, plan_id)
        sentence = view.text("planning.verified", bound=f"{document['certified_bound']:,.0f}")
        st.html(frame.notice(sentence, kind="plain"))


@st.cache_data(show_spinner=False, max_entries=32)
def _file(plan_id: str, kind: str, lang: str, _folder: str, _view: View, _context: AppContext) -> plan_exports.PlanFile | None:
    """A file of a kept plan; None where an older plan has none."""
    from coverage.errors import NotFoundError

    try:
        return plan_exports.plan_file(_context, plan_id, kind, principal=_view.principal, lang=lang)
    except NotFoundError:
        return None
