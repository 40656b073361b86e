"""管理 → レイヤー: what the published figures were computed from, how old it is, and what newer there is to fetch."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from coverage.domain.fiscal import tokyo_date
from coverage.errors import CoverageGapError
from coverage.report.wording import layer_name
from coverage.runs.result import RunResult
from coverage.services import layers_in_use
from coverage.services.layers_in_use import LayerInUse
from coverage.web import frame
from coverage.web.app_context import web_context
from coverage.web.frame import Column, View


def show(view: View, run: RunResult | None) -> None:
    """The section."""
    context = web_context()
    st.subheader(view.texts["manage.layers"], anchor=False)
    if run is None:
        st.caption(view.texts["manage.layers_no_run"])
    else:
        today = tokyo_date(datetime.now(UTC))
        held = layers_in_use.layers_in_use(context, run, today=today, principal=view.principal)
        _warn(view, held)
        _table(view, held)
        with st.expander(view.texts["manage.digests"]):
            frame.sheet(
                [Column(view.texts[t]) for t in ("column.layer", "column.file_name")]
                + [Column("SHA-256", wrap=True)],
                [[_layer(view, one.layer), name, digest] for one in held for name, digest in one.files],
            )
    st.subheader(view.texts["manage.fetched"], anchor=False)
    _fetched(view, layers_in_use.fetched(context, principal=view.principal))
    _offers(view)


def _layer(view: View, name: str) -> str:
    operators: list[dict[str, Any]] = []
    with suppress(
        CoverageGapError
    ):  # before the first run there are no names, and what was fetched is listed all the same
        operators = frame.shared_run().meta["operators"]
    return layer_name(view.texts, name, table="layer", operators=operators)


def _warn(view: View, held: tuple[LayerInUse, ...]) -> None:
    old = [view.text("manage.layer_age", layer=_layer(view, x.layer), years=_years(x)) for x in held if x.old]
    if old:
        st.html(frame.notice(view.text("manage.layers_old", layers=view.texts["value.comma"].join(old))))
    changed = [
        view.text("manage.layer_now", layer=_layer(view, x.layer), edition=x.named_now)
        for x in held
        if x.named_now
    ]
    if changed:
        sentence = view.text("manage.layers_changed", layers=view.texts["value.comma"].join(changed))
        st.html(frame.notice(sentence, kind="plain"))


def _years(one: LayerInUse) -> str:
    return "" if one.age_years is None else f"{one.age_years:.0f}"


def _table(view: View, held: tuple[LayerInUse, ...]) -> None:
    none = view.texts["value.none"]
    titles = (
        "column.layer",
        "column.edition",
        "manage.age",
        "column.credit",
        "column.licence",
        "manage.files",
    )
    frame.sheet(
        [Column(view.texts[t], wrap=t == "column.credit") for t in titles],
        [
            [
                _layer(view, one.layer) + (view.texts["value.estimated"] if one.estimated else ""),
                view.text("manage.from_ledger", seq=one.edition)
                if one.format == "store"
                else one.edition or none,
                none
                if one.age_years is None
                else view.text("manage.age_old" if one.old else "manage.age_years", years=_years(one)),
                one.credit or none,
                one.licence or none,
                f"{len(one.files)}",
            ]
            for one in held
        ],
        caption=view.texts["manage.layers_caption"],
    )


def _fetched(view: View, entries: list[dict[str, Any]]) -> None:
    if not entries:
        st.caption(view.texts["manage.fetched_none"])
        return
    titles = (
        "manage.prefecture",
        "column.layer",
        "column.edition",
        "column.credit",
        "column.licence",
        "manage.size",
    )
    frame.sheet(
        [Column(view.texts[t], wrap=t == "column.credit", number=t == "manage.size") for t in titles],
        [
            [
                e["prefecture"],
                _layer(view, e["layer"]),
                e["edition"],
                e["credit"],
                e["licence"],
                size(int(e["bytes"])),
            ]
            for e in entries
        ],
    )


def _offers(view: View) -> None:
    with st.expander(view.texts["manage.offers"]):
        try:
            rows = layers_in_use.on_offer(web_context(), principal=view.principal)
        except CoverageGapError as error:
            st.html(frame.notice(error.text(view.lang), kind="plain"))
            return
        titles = ("column.layer", "column.edition", "column.credit", "column.licence", "manage.size")
        frame.sheet(
            [Column(view.texts[t], wrap=t == "column.credit", number=t == "manage.size") for t in titles],
            [
                [
                    _layer(view, r["layer"]),
                    r["edition"],
                    r["credit"],
                    r["licence"],
                    view.texts["value.none"]
                    if r["estimated_bytes"] is None
                    else size(int(r["estimated_bytes"])),
                ]
                for r in rows
            ],
            caption=view.texts["manage.offers_note"],
        )
        st.code("coverage-gap fetch --help\ncoverage-gap layers check", language="shell")


def size(number: int) -> str:
    """Bytes as a person reads them."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= scale:
            return f"{number / scale:,.1f} {unit}"
    return f"{number} B"
