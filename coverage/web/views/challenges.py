"""圏外の申出: say that a place has no signal, read what was said and answered, answer it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

import streamlit as st

from coverage.errors import CoverageGapError, InputError
from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.services import challenges, confirmations
from coverage.services.access import Action, Object
from coverage.services.challenges import ChallengeState, ListedChallenge, Store
from coverage.services.context import AppContext
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, Html, View
from coverage.web.views import confirmations as confirming

SHOWN: Final = 200
"""Challenges listed; the rest is counted."""
_GIS: Final = "/api/v1/challenges.geojson"
_OLDEST: Final = date(2000, 1, 1)


def show(view: View, run: RunResult) -> None:
    """The page. ``?challenge=`` shows one challenge first, ``?lat=&lon=`` begins with the form."""
    frame.head(view.texts["challenges.title"], view.texts["challenges.lede"])
    context = web_context()
    if not has_ledger(context):
        st.html(frame.notice(view.texts["challenges.no_ledger"], kind="plain"))
        return
    for said, kind in (("challenges-said", "plain"), ("challenges-refused", "grave")):
        if words := st.session_state.pop(said, None):
            st.html(frame.notice(words, kind=kind))
    with open_ledger(context) as store:
        listed = challenges.list_challenges(context, store, principal=view.principal)
        districts = confirmations.confirmed(context, store, principal=view.principal)
        _figures(view, listed, len(districts))
        asked = _asked_for(view, listed)
        answers = view.may(Action.ANSWER, Object.CHALLENGE)
        if asked is not None:
            _one(view, context, asked)
            if answers:
                _answer(view, context, store, listed, asked)
        begin = asked is None and "lat" in st.query_params and "lon" in st.query_params
        if begin:
            _file(view, context, store)
        municipality = _list(view, context, listed)
        if answers and asked is None:
            _answer(view, context, store, listed, None)
        if not begin:
            _file(view, context, store)
        confirming.section(view, context, store, districts, municipality)


def _figures(view: View, listed: Sequence[ListedChallenge], resolved: int) -> None:
    waiting = [c for c in listed if c.state is ChallengeState.OPEN]
    oldest = min((c.filed_on for c in waiting), default=None)
    none = view.texts["value.none"]
    days = 0 if oldest is None else (challenges.today() - oldest).days
    frame.figures(
        [
            (view.texts["challenges.waiting"], f"{len(waiting):,}", view.texts["challenges.cases"], ""),
            (
                view.texts["challenges.oldest"],
                none if oldest is None else str(days) if days > 0 else view.texts["challenges.today"],
                view.texts["challenges.days_ago"] if days > 0 else "",
                view.text("challenges.filed_day", day=oldest) if oldest else "",
            ),
            (
                view.texts["challenges.towns_waiting"],
                str(len({c.place.municipality_code for c in waiting})),
                view.texts["challenges.towns"],
                "",
            ),
            (
                view.texts["challenges.answered"],
                f"{len(listed) - len(waiting):,}",
                view.texts["challenges.cases"],
                "",
            ),
            (
                view.texts["challenges.confirmed_count"],
                f"{resolved:,}",
                view.texts["challenges.areas"],
                "",
            ),
        ]
    )


def _asked_for(view: View, listed: Sequence[ListedChallenge]) -> ListedChallenge | None:
    """The challenge that the address names. One that is not there is said, and the page goes on."""
    wanted = st.query_params.get("challenge")
    if wanted is None:
        return None
    try:
        return challenges.named(listed, wanted)
    except CoverageGapError as error:
        st.html(frame.notice(error.text(view.lang), kind="grave"))
        return None


def _one(view: View, context: AppContext, shown: ListedChallenge) -> None:
    st.html(_card(view, context, shown))
    if st.button(view.texts["challenges.close_one"], key="challenge-close", type="tertiary"):
        del st.query_params["challenge"]
        st.rerun()


def _card(view: View, context: AppContext, shown: ListedChallenge) -> str:
    facts: list[tuple[str, str]] = [
        (view.texts["challenges.place"], _place(view, shown)),
        (view.texts["challenges.operator"], esc(_operator(view, context, shown))),
        (view.texts["challenges.observed"], esc(shown.place.observed_on)),
        (view.texts["challenges.note"], _lines(shown.place.note)),
        (view.texts["challenges.filed"], _filed(view, shown)),
    ]
    if shown.answer:
        facts.append((view.texts["challenges.answer"], _answered(shown)))
    rows = "".join(f"<dt>{esc(name)}</dt><dd>{value}</dd>" for name, value in facts)
    title = view.text("challenges.one", id=shown.challenge_id)
    return (
        f'<div class="challenge-one"><h3>{esc(title)}　{esc(_state(view, shown))}</h3><dl>{rows}</dl></div>'
    )


def _list(view: View, context: AppContext, listed: Sequence[ListedChallenge]) -> str | None:
    """The table and what narrows it; returns the municipality chosen, None for all."""
    st.subheader(view.texts["challenges.list"], anchor=False)
    known = challenges.places(context).names
    own = sorted(view.principal.municipality_codes & set(known))
    states = {
        "challenges.waiting": ChallengeState.OPEN,
        "challenges.answered": ChallengeState.ANSWERED,
        "challenges.any_state": None,
    }
    with st.container(horizontal=True, key="challenge-filter", vertical_alignment="bottom"):
        options = ["", *known]
        municipality = st.selectbox(
            view.texts["challenges.municipality"],
            options,
            index=options.index(own[0]) if len(own) == 1 else 0,
            format_func=lambda code: known.get(code) or view.texts["challenges.all_municipalities"],
            key="challenge-municipality",
            width=260,
        )
        state = st.segmented_control(
            view.texts["challenges.state"],
            list(states),
            default="challenges.waiting",
            format_func=lambda name: view.texts[name],
            key="challenge-state",
        )
    wanted = states[state or "challenges.waiting"]
    found = [
        c
        for c in listed
        if (wanted is None or c.state is wanted) and municipality in ("", c.place.municipality_code)
    ]
    if not found:
        waits = any(c.state is ChallengeState.OPEN for c in listed)
        name = "none_found" if waits or wanted is not ChallengeState.OPEN else "none_waiting"
        sentences = {
            "none_found": view.texts["challenges.none_found"],
            "none_waiting": view.texts["challenges.none_waiting"],
        }
        sentence = sentences[name] if listed else view.texts["challenges.none_yet"]
        st.html(frame.notice(sentence, kind="plain"))
    else:
        # The caption says what is listed on paper too, where the choice above is left out.
        caption = view.text(
            "challenges.caption",
            state=view.texts[state or "challenges.waiting"],
            municipality=known.get(municipality) or view.texts["challenges.all_municipalities"],
            n=len(found),
            day=challenges.today(),
        )
        _table(view, context, found[:SHOWN], caption=caption, answers=wanted is not ChallengeState.OPEN)
        if len(found) > SHOWN:
            st.caption(view.text("challenges.more", n=len(found) - SHOWN))
    st.html(
        f'<p class="challenge-gis">{esc(view.texts["challenges.gis"])} '
        f'<a href="{_GIS}" target="_blank" rel="noopener">{_GIS}</a></p>'
    )
    return municipality or None


def _table(
    view: View, context: AppContext, found: Sequence[ListedChallenge], *, caption: str, answers: bool
) -> None:
    texts = view.texts
    columns = [
        Column(texts["challenges.number"]),
        Column(texts["challenges.place"]),
        Column(texts["challenges.note"], wrap=True),
        Column(texts["challenges.operator"]),
        Column(texts["challenges.observed"]),
        Column(texts["challenges.filed"]),
    ]
    if answers:
        columns.append(Column(texts["challenges.answer"], wrap=True))
    rows = []
    for shown in found:
        row = [
            _link(view, shown),
            Html(_place(view, shown)),
            Html(_lines(shown.place.note)),
            _operator(view, context, shown),
            str(shown.place.observed_on),
            Html(_filed(view, shown)),
        ]
        if answers:
            row.append(Html(_answered(shown) if shown.answer else esc(_state(view, shown))))
        rows.append(row)
    frame.sheet(columns, rows, caption=caption)


def _link(view: View, shown: ListedChallenge) -> Html:
    """An address of its own for every challenge, to be sent around."""
    more = "" if view.lang == "ja" else f"&amp;lang={view.lang}"
    number = esc(shown.challenge_id)
    return Html(f'<a href="challenges?challenge={number}{more}" target="_self">{number}</a>')


def _place(view: View, shown: ListedChallenge) -> str:
    place = shown.place
    where = place.district_name or view.text(
        "challenges.point", lat=f"{place.lat:.5f}", lon=f"{place.lon:.5f}"
    )
    return f"{esc(place.municipality_name)}<small>{esc(where)}</small>"


def _operator(view: View, context: AppContext, shown: ListedChallenge) -> str:
    name = challenges.operator_name(context, shown.place.operator, view.lang)
    return name or view.texts["challenges.any_operator"]


def _filed(view: View, shown: ListedChallenge) -> str:
    by = view.texts["challenges.by_you"] if shown.filed_by == view.principal.user_id else shown.filed_by
    return f"{esc(shown.filed_on)}" + (f"<small>{esc(by)}</small>" if by else "")


def _answered(shown: ListedChallenge) -> str:
    who = " ".join(str(part) for part in (shown.answered_on, shown.answered_by) if part)
    return f"{_lines(shown.answer)}<small>{esc(who)}</small>"


def _state(view: View, shown: ListedChallenge) -> str:
    waits = shown.state is ChallengeState.OPEN
    return view.texts["challenges.waiting"] if waits else view.texts["challenges.answered"]


def _lines(text: str) -> str:
    return esc(text).replace("\n", "<br>")


def _answer(
    view: View,
    context: AppContext,
    store: Store,
    listed: Sequence[ListedChallenge],
    asked: ListedChallenge | None,
) -> None:
    """Staff choose a challenge (the one of the address first, else the oldest that waits) and answer it."""
    with st.container(key="challenge-answer"):
        st.subheader(view.texts["challenges.answer_head"], anchor=False)
        # The longest wait first; answered ones, which may be answered anew, last.
        choice = sorted(
            listed, key=lambda c: (c.state is not ChallengeState.OPEN, len(c.challenge_id), c.challenge_id)
        )
        if not choice:
            st.caption(view.texts["challenges.nothing_to_answer"])
            return
        by_id = {c.challenge_id: c for c in choice}
        chosen = asked.challenge_id if asked is not None else st.session_state.get("challenge-chosen")
        number = st.selectbox(
            view.texts["challenges.which"],
            list(by_id),
            # What others file meanwhile must not change what is being answered.
            index=list(by_id).index(chosen) if chosen in by_id else _first_waiting(choice),
            placeholder=view.texts["challenges.choose"],
            format_func=lambda key: _named(view, by_id[key]),
            key=f"challenge-which-{asked.challenge_id if asked else ''}-{_round('answer')}",
        )
        if number is None:
            return
        st.session_state["challenge-chosen"] = number
        shown = by_id[number]
        if asked is None or shown.challenge_id != asked.challenge_id:
            st.html(_card(view, context, shown))
        if shown.state is ChallengeState.ANSWERED:
            st.caption(view.texts["challenges.answer_again"])
        seen_key = f"challenge-seen-{number}"
        seen = st.session_state.get(seen_key, shown.version)
        with st.form(f"challenge-answer-{number}", border=False):
            answer = st.text_area(
                view.texts["challenges.your_answer"],
                key=f"challenge-answer-text-{number}",
                max_chars=challenges.ANSWER_LIMIT,
                help=view.texts["challenges.answer_help"],
                height=100,
            )
            sent = st.form_submit_button(view.texts["challenges.answer_submit"], type="primary")
        # What was on the screen when the button was pressed, not what the ledger holds by now.
        st.session_state[seen_key] = shown.version
        if not sent:
            return
        try:
            challenges.answer_challenge(
                store, number, answer=answer, principal=view.principal, seen_version=seen
            )
        except CoverageGapError as error:
            refuse(view, error)
            return
        _next_round("answer")
        del st.session_state["challenge-chosen"]
        if "challenge" in st.query_params:
            del st.query_params["challenge"]
        say(view.text("challenges.answered_said", id=number))


def _first_waiting(choice: Sequence[ListedChallenge]) -> int | None:
    return 0 if choice[0].state is ChallengeState.OPEN else None


def _named(view: View, shown: ListedChallenge) -> str:
    place = shown.place
    where = place.district_name or f"{place.lat:.4f}, {place.lon:.4f}"
    return (
        f"{shown.challenge_id}　{place.municipality_name} {where}　{place.observed_on}　{_state(view, shown)}"
    )


def _file(view: View, context: AppContext, store: Store) -> None:
    with st.container(key="challenge-file"):
        st.subheader(view.texts["challenges.file"], anchor=False)
        if view.principal.read_only:
            st.html(frame.notice(view.texts["challenges.nameless"], kind="plain"))
            return
        if not challenges.may_file(view.principal):
            st.html(frame.notice(view.texts["challenges.no_codes"], kind="plain"))
            return
        st.caption(view.texts["challenges.file_lede"])
        kinds = ["challenges.by_point", "challenges.by_district"]
        kind = st.segmented_control(
            view.texts["challenges.place"],
            kinds,
            default=kinds[0],
            format_func=lambda name: view.texts[name],
            key="challenge-kind",
            label_visibility="collapsed",
        )
        prefilled = _prefilled(view, context) if kind != kinds[1] else ""
        with st.form("challenge-form", border=True):
            _form(view, context, store, by_district=kind == kinds[1], prefilled=prefilled)


def _prefilled(view: View, context: AppContext) -> str:
    """The point of the address (the live map links here), with the municipality that it lies in."""
    given = [st.query_params.get(name, "") for name in ("lat", "lon")]
    if not all(given):
        return ""
    try:
        point = [float(text) for text in given]
    except ValueError:
        return ""
    if not all(map(math.isfinite, point)):
        return ""
    lat, lon = point
    try:
        code = challenges.municipality_at(context, lat, lon)
    except InputError as error:
        st.html(frame.notice(error.text(view.lang), kind="grave"))
        return ""
    name = challenges.places(context).names[code]
    st.html(frame.notice(view.text("challenges.inside", municipality=name), kind="plain"))
    return f"{lat:.6f}, {lon:.6f}"


def _form(view: View, context: AppContext, store: Store, *, by_district: bool, prefilled: str) -> None:
    texts, turn = view.texts, _round("file")
    where, who, when = st.columns([2, 1, 1], vertical_alignment="bottom")
    point, district = "", None
    with where:
        if by_district:
            stays = {
                d.district_id: d
                for d in challenges.districts_to_choose(context, store, principal=view.principal)
            }
            names = challenges.places(context).names
            district = st.selectbox(
                texts["challenges.district"],
                list(stays),
                index=None,
                placeholder=texts["challenges.choose" if stays else "challenges.no_district"],
                format_func=lambda key: (
                    f"{names.get(stays[key].municipality_code, '')} {confirming.district_name(view, stays[key])}"
                ),
                key=f"challenge-district-{turn}",
            )
        else:
            point = st.text_input(
                texts["challenges.coordinates"],
                value=prefilled,
                placeholder="34.0521, 136.2103",
                help=texts["challenges.coordinates_help"],
                max_chars=60,
                key=f"challenge-point-{turn}-{prefilled}",
            )
    with who:
        operator = st.selectbox(
            texts["challenges.operator"],
            ["", *context.config.operators],
            format_func=lambda key: (
                challenges.operator_name(context, key, view.lang) or texts["challenges.any_operator"]
            ),
            key=f"challenge-operator-{turn}",
        )
    with when:
        today = challenges.today()
        observed_on = st.date_input(
            texts["challenges.observed_on"],
            value=today,
            min_value=_OLDEST,
            max_value=today,
            format="YYYY/MM/DD",
            key=f"challenge-day-{turn}",
        )
    note = st.text_area(
        texts["challenges.what"],
        help=texts["challenges.what_help"],
        max_chars=challenges.NOTE_LIMIT,
        height=90,
        key=f"challenge-note-{turn}",
    )
    if not st.form_submit_button(texts["challenges.submit"], type="primary"):
        return
    try:
        place: dict[str, float | str | None]
        if by_district:
            place = {"district_id": district}
        else:
            lat, lon = challenges.parse_point(point)
            place = {"lat": lat, "lon": lon}
        filed = challenges.file_challenge(
            context,
            store,
            principal=view.principal,
            observed_on=observed_on,
            note=note,
            operator=operator or None,
            **place,  # type: ignore[arg-type]
        )
    except CoverageGapError as error:
        # Here, beside what was typed, which stays.
        st.html(frame.notice(error.text(view.lang), kind="grave"))
        return
    _next_round("file")
    for name in ("lat", "lon"):
        if name in st.query_params:
            del st.query_params[name]
    say(view.text("challenges.filed_said", id=filed.challenge_id))


def say(sentence: str) -> None:
    """Show the page anew with what was done at its top."""
    st.session_state["challenges-said"] = sentence
    st.rerun()


def refuse(view: View, error: CoverageGapError) -> None:
    """Show the page anew, with what stands in the ledger now and why nothing was changed."""
    st.session_state["challenges-refused"] = error.text(view.lang)
    st.rerun()


def _round(name: str) -> int:
    """New keys empty a form after it was sent."""
    return int(st.session_state.setdefault(f"challenges-round-{name}", 0))


def _next_round(name: str) -> None:
    st.session_state[f"challenges-round-{name}"] = _round(name) + 1
