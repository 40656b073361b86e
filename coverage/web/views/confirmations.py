"""The part of 圏外の申出 where a municipality confirms that its own districts are resolved, and takes that back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from coverage.domain import fiscal
from coverage.domain.ledger import District
from coverage.errors import CoverageGapError
from coverage.services import challenges, confirmations
from coverage.services.challenges import Store
from coverage.services.confirmations import RegisterDistrict, ServingSite
from coverage.services.context import AppContext
from coverage.web import frame
from coverage.web.frame import Column, View

SHOWN: Final = 30
"""Confirmed districts listed; the rest is counted, and all are in districts.csv."""


def section(
    view: View,
    context: AppContext,
    store: Store,
    resolved: Sequence[RegisterDistrict],
    municipality: str | None,
) -> None:
    """Confirm (for those who may), then the districts that are confirmed; ``municipality`` narrows both."""
    if confirmations.may_confirm(view.principal):
        _confirm(view, context, store, municipality)
    found = [d for d in resolved if municipality in (None, d.municipality_code)]
    st.subheader(view.texts["challenges.confirmed_head"], anchor=False)
    if not found:
        st.caption(view.texts["challenges.confirmed_none"])
        return
    _resolved(view, found)
    mine = [d for d in found if d.withdrawable]
    if mine:
        _withdraw(view, context, store, mine)


def district_name(view: View, stay: District) -> str:
    """「奥地区 (D2)」, with the day of its resolution where it has one."""
    if stay.resolved_on is None:
        return f"{stay.name} ({stay.district_id})"
    return view.text(
        "challenges.district_resolved", name=stay.name, id=stay.district_id, day=stay.resolved_on
    )


def _confirm(view: View, context: AppContext, store: Store, municipality: str | None) -> None:
    texts = view.texts
    with st.container(key="district-confirm"):
        st.subheader(texts["challenges.confirm"], anchor=False)
        st.caption(texts["challenges.confirm_lede"])
        waiting = {
            d.district_id: d
            for d in confirmations.to_confirm(context, store, principal=view.principal)
            if municipality in (None, d.municipality_code)
        }
        if not waiting:
            st.html(frame.notice(texts["challenges.nothing_to_confirm"], kind="plain"))
            return
        chosen = st.selectbox(
            texts["challenges.which_district"],
            list(waiting),
            index=None,
            placeholder=texts["challenges.choose"],
            format_func=lambda key: _to_choose(view, waiting[key]),
            key="confirm-district",
        )
        if chosen is None:
            return
        shown = waiting[chosen]
        _facts(view, shown)
        _decide(view, context, store, shown)


def _to_choose(view: View, shown: RegisterDistrict) -> str:
    name = f"{shown.municipality_name} {shown.district.name}"
    if shown.sites:
        return view.text("challenges.with_site", name=name, id=shown.district_id, n=len(shown.sites))
    return view.text("challenges.without_site", name=name, id=shown.district_id)


def _facts(view: View, shown: RegisterDistrict) -> None:
    none = view.texts["value.none"]
    sites = view.texts["value.comma"].join(_site(view, s) for s in shown.sites) or none
    district = shown.district
    frame.sheet(
        [
            Column(view.texts["challenges.designated"]),
            Column(view.texts["challenges.households"], number=True),
            Column(view.texts["challenges.people"], number=True),
            Column(view.texts["challenges.serving"], wrap=True),
        ],
        [
            [
                str(district.designated_on or none),
                none if district.households is None else f"{district.households:,}",
                none if district.population is None else f"{district.population:,}",
                sites,
            ]
        ],
    )


def _site(view: View, site: ServingSite) -> str:
    if site.since is None:
        return view.text("challenges.since_unknown", id=site.site_id, name=site.name)
    return view.text("challenges.since", id=site.site_id, name=site.name, day=site.since)


def _decide(view: View, context: AppContext, store: Store, shown: RegisterDistrict) -> None:
    """Not in a form: what the chosen day does to the count is said before the button is pressed."""
    texts, own = view.texts, shown.district_id
    today = challenges.today()
    sites = {s.site_id: s for s in shown.sites}
    when, by = st.columns([1, 2])
    with when:
        day = st.date_input(
            texts["challenges.resolved_on"],
            value=today,
            min_value=shown.district.designated_on or fiscal.first_day(fiscal.MIN_FISCAL_YEAR),
            max_value=today,
            format="YYYY/MM/DD",
            key=f"confirm-day-{own}",
        )
    with by:
        named = st.multiselect(
            texts["challenges.resolved_by"],
            list(sites),
            format_func=lambda key: _site(view, sites[key]),
            placeholder=texts["challenges.choose"],
            key=f"confirm-sites-{own}",
        )
    note = st.text_input(
        texts["challenges.remark"], max_chars=confirmations.NOTE_LIMIT, key=f"confirm-note-{own}"
    )
    moves = confirmations.moves_of_count(context, store, own, resolved_on=day, principal=view.principal)
    if moves:
        years = texts["value.comma"].join(
            view.text(
                "challenges.move",
                year=fiscal.label(m.fiscal_year, view.lang),
                before=texts["value.none"] if m.before is None else m.before,
                after=texts["value.none"] if m.after is None else m.after,
            )
            for m in moves
        )
        st.html(frame.notice(view.text("challenges.moves", years=years)))
    else:
        st.caption(texts["challenges.moves_not"])
    seen_key = f"confirm-seen-{own}"
    seen = st.session_state.get(seen_key, shown.version)
    pressed = st.button(texts["challenges.confirm_submit"], type="primary", key=f"confirm-{own}")
    st.session_state[seen_key] = shown.version
    if not pressed:
        return
    try:
        confirmations.confirm(
            context,
            store,
            own,
            principal=view.principal,
            resolved_on=day,
            site_ids=named,
            note=note,
            seen_version=seen,
        )
    except CoverageGapError as error:
        st.html(frame.notice(error.text(view.lang), kind="grave"))
        return
    _said(view.text("challenges.confirmed_said", name=shown.district.name))


def _resolved(view: View, found: Sequence[RegisterDistrict]) -> None:
    texts = view.texts
    frame.sheet(
        [
            Column(texts["challenges.district"]),
            Column(texts["challenges.municipality"]),
            Column(texts["challenges.designated"]),
            Column(texts["challenges.resolved_on"]),
            Column(texts["challenges.people"], number=True),
            Column(texts["challenges.confirmed_how"]),
        ],
        [
            [
                f"{d.district.name} ({d.district_id})",
                d.municipality_name,
                str(d.district.designated_on or texts["value.none"]),
                str(d.district.resolved_on),
                texts["value.none"] if d.district.population is None else f"{d.district.population:,}",
                texts["challenges.here"] if d.confirmed_here else texts["challenges.elsewhere"],
            ]
            for d in found[:SHOWN]
        ],
    )
    if len(found) > SHOWN:
        st.caption(view.text("challenges.confirmed_more", n=len(found) - SHOWN))


def _withdraw(view: View, context: AppContext, store: Store, mine: Sequence[RegisterDistrict]) -> None:
    texts = view.texts
    with st.container(key="district-withdraw"), st.expander(texts["challenges.withdraw"]):
        st.caption(texts["challenges.withdraw_lede"])
        by_id = {d.district_id: d for d in mine}
        chosen = st.selectbox(
            texts["challenges.which_district"],
            list(by_id),
            format_func=lambda key: district_name(view, by_id[key].district),
            key="withdraw-district",
        )
        shown = by_id[chosen]
        seen_key = f"withdraw-seen-{chosen}"
        seen = st.session_state.get(seen_key, shown.version)
        with st.form("withdraw-form", border=False):
            reason = st.text_input(
                texts["challenges.reason"],
                max_chars=confirmations.NOTE_LIMIT,
                key=f"withdraw-reason-{chosen}",
            )
            sent = st.form_submit_button(texts["challenges.withdraw_submit"])
        st.session_state[seen_key] = shown.version
        if not sent:
            return
        try:
            confirmations.withdraw(
                context, store, chosen, principal=view.principal, reason=reason, seen_version=seen
            )
        except CoverageGapError as error:
            st.html(frame.notice(error.text(view.lang), kind="grave"))
            return
    _said(view.text("challenges.withdrawn_said", name=shown.district.name))


def _said(sentence: str) -> None:
    st.session_state["challenges-said"] = sentence
    st.rerun()
