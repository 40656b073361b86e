"""管理 → 設定: the rules of the count that may be corrected with a reason, and what the environment sets."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import streamlit as st

from coverage.domain.ledger import Funding, Purpose
from coverage.services import rules
from coverage.services.context import AppContext
from coverage.services.imports import Store
from coverage.services.rules import Rule
from coverage.settings import PREFIX, Settings
from coverage.web import frame
from coverage.web.app_context import open_ledger, web_context
from coverage.web.frame import Column, View
from coverage.web.manage_parts import attempt, confirmed, history_sheet, when

_SEEN: Final = "rule-seen"
_SECRET: Final = frozenset({"store_url", "opencellid_token"})
_VARIABLES: Final = {
    "region_folder": "REGION",
    "runs_folder": "RUNS",
    "layers_root": "LAYERS",
    "store_url": "STORE",
    "backups_folder": "BACKUPS",
    "opencellid_token": "OPENCELLID_TOKEN",
}
"""Fields of Settings whose variable has another name."""


def show(view: View) -> None:
    """The section."""
    context = web_context()
    st.subheader(view.texts["manage.rules"], anchor=False)
    st.caption(view.texts["manage.rules_lede"])
    with open_ledger(context) as store:
        held = rules.rules(context, store, principal=view.principal)
        none = view.texts["value.none"]
        titles = ("manage.rule", "manage.from_file", "manage.in_force", "manage.reason", "manage.changed_at")
        frame.sheet(
            [Column(view.texts[t], wrap=t != "manage.changed_at") for t in titles],
            [
                [
                    _name(view, r),
                    _value(view, context, r, r.from_file),
                    _value(view, context, r, r.in_force) if r.corrected else view.texts["manage.as_file"],
                    r.note or none,
                    when(r.recorded_at, none),
                ]
                for r in held
            ],
        )
        _edit(view, context, store, held)
    with st.expander(view.texts["manage.environment"]):
        _environment(view)


def _name(view: View, rule: Rule) -> str:
    return (
        view.text("manage.rule_reading", code=rule.code)
        if rule.code
        else view.texts[f"manage.rule_{_key(rule)}"]
    )


def _key(rule: Rule) -> str:
    return rule.name.partition(".")[2]


def _value(view: View, context: AppContext, rule: Rule, value: Any) -> str:
    """A rule's value in the words of the page."""
    if rule.code:
        named = rules.readings_of(context, rule.code).get(str(value))
        return str(named[view.lang]) if named is not None else str(value)
    key = _key(rule)
    if key == "achievement_cap":
        return view.texts["manage.no_cap"] if value is None else f"{value:.2f}"
    if key == "achievement_classes":
        return view.texts["value.comma"].join(f"{edge:.2f}" for edge in value)
    if key == "lower_is_better":
        return view.texts[f"manage.lower_{value}"]
    return view.texts["value.comma"].join(value)


def _edit(view: View, context: AppContext, store: Store, held: tuple[Rule, ...]) -> None:
    by_name = {r.name: r for r in held}
    name = st.selectbox(
        view.texts["manage.which_rule"],
        list(by_name),
        format_func=lambda n: _name(view, by_name[n]),
        key="rule-which",
    )
    rule = by_name[str(name)]
    seen = st.session_state.get(_SEEN)
    if seen is None or seen[0] != rule.name:
        seen = st.session_state[_SEEN] = (rule.name, rule.version)
    version = int(seen[1])
    with st.form(f"rule-{rule.name}-{version}"):
        value = _asked(view, context, rule, f"{rule.name}-{version}")
        note = st.text_input(view.texts["manage.why"], key=f"rule-note-{rule.name}-{version}", max_chars=500)
        pressed = st.form_submit_button(view.texts["manage.correct"], type="primary")
    if pressed:
        st.session_state.pop(_SEEN, None)
        attempt(
            view,
            lambda: rules.correct_rule(
                context,
                store,
                rule.name,
                value,
                note=note,
                expected_version=version,
                principal=view.principal,
            ),
            view.text("manage.corrected", rule=_name(view, rule)),
        )
    if rule.corrected:
        reason = st.text_input(view.texts["manage.why_back"], key=f"rule-back-{rule.name}", max_chars=500)
        if confirmed(
            view,
            f"rule-take-back-{rule.name}",
            view.texts["manage.take_back"],
            view.text("manage.take_back_sure", value=_value(view, context, rule, rule.from_file)),
            disabled=not reason.strip(),
        ):
            st.session_state.pop(_SEEN, None)
            attempt(
                view,
                lambda: rules.take_back_rule(
                    store, rule.name, reason=reason, expected_version=version, principal=view.principal
                ),
                view.text("manage.taken_back", rule=_name(view, rule)),
            )
    history = rules.rule_history(store, rule.name, principal=view.principal)
    if history:
        with st.expander(view.text("manage.history", n=len(history))):
            history_sheet(view, history)


def _asked(view: View, context: AppContext, rule: Rule, tag: str) -> Any:
    """The rule's value as it is typed or chosen, in the form in which it is stored."""
    label, key = view.texts["manage.new_value"], f"rule-value-{tag}"
    now = rule.in_force
    if rule.code:
        names = rules.readings_of(context, rule.code)
        ids = list(names)
        return st.selectbox(
            label,
            ids,
            index=ids.index(now) if now in ids else 0,
            format_func=lambda i: names[i][view.lang],
            key=key,
        )
    match _key(rule):
        case "funding":
            return st.multiselect(
                label,
                [f.value for f in Funding],
                default=now,
                placeholder=view.texts["manage.choose"],
                key=key,
            )
        case "purpose":
            return st.multiselect(
                label,
                [p.value for p in Purpose],
                default=now,
                placeholder=view.texts["manage.choose"],
                key=key,
            )
        case "lower_is_better":
            options = ["target_over_actual", "none"]
            return st.selectbox(
                label,
                options,
                index=options.index(now),
                format_func=lambda o: view.texts[f"manage.lower_{o}"],
                key=key,
            )
        case "achievement_cap":
            typed = st.text_input(
                label, value="" if now is None else f"{now:g}", help=view.texts["manage.cap_help"], key=key
            )
            return _number(typed) if typed.strip() else None
        case _:
            typed = st.text_input(
                label, value=", ".join(f"{e:g}" for e in now), help=view.texts["manage.classes_help"], key=key
            )
            return [_number(part) for part in typed.replace("、", ",").split(",") if part.strip()]


def _number(text: str) -> float | str:
    """What was typed as a number; else the text, which the rule itself refuses with a sentence."""
    try:
        return float(text.strip())
    except ValueError:
        return text.strip()


def _environment(view: View) -> None:
    """What is set outside: where things lie and how people come in. Secrets are not shown."""
    settings = Settings.from_environment()
    rows = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if value is not None and field.name in _SECRET:
            shown = view.texts["manage.hidden"]
        else:
            shown = view.texts["manage.unset"] if value is None else str(value)
        rows.append([f"{PREFIX}{_VARIABLES.get(field.name, field.name.upper())}", shown])
    frame.sheet(
        [Column(view.texts["manage.variable"]), Column(view.texts["manage.value"], wrap=True)],
        rows,
        caption=view.texts["manage.environment_note"],
    )
