"""What a file was understood to be, and the questions that it leaves open. Answers are the mapping document of ``--mapping``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from coverage.errors import CoverageGapError
from coverage.report.escape import esc
from coverage.services.corrections import told_by_line
from coverage.services.import_answers import (
    ZONES,
    Question,
    column_answers,
    mapping_json,
    questions_of,
    with_answer,
)
from coverage.services.imports import Report
from coverage.services.templates import TEMPLATES
from coverage.web import frame
from coverage.web.frame import Column, View

COLUMNS_SHOWN = 60
"""Columns of a file that can be given a meaning on the page; the others keep what was understood."""
REMARKS_SHOWN = 200
_BESIDES = (
    "x",
    "y",
    "zone",
    "datum",
    "fiscal_year",
    "lat_min",
    "lat_sec",
    "lon_min",
    "lon_sec",
    "frequency_ghz",
    "eirp_w",
)
"""Fields that a file may have and our templates do not."""
_PLACED = ("sites", "districts", "measurements")
_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8 (BOM)", "cp932": "CP932 (Shift_JIS)", "utf-16": "UTF-16"}
_SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon"}
_METRES = 111_320.0


def understood(view: View, kind: str, report: Report, answers: Mapping[str, Any]) -> None:
    """The verdict and everything that was understood."""
    st.subheader(view.texts["upload.understood"], anchor=False)
    good = 0 if report.verdict == "reject" else len(report.rows)
    how = {"accept": "plain", "accept-with-warning": "", "reject": "grave"}[report.verdict]
    words = view.text("upload.rows", good=f"{good:,}", bad=f"{report.rows_bad:,}")
    head = view.texts[f"verdict.{report.verdict}"]
    asks = report.verdict == "reject" and bool(questions_of(report, answers))
    if asks:
        # Not a refusal yet: it waits for an answer.
        head, how = view.texts["question.verdict"], ""
    if report.verdict == "reject" and report.errors and report.errors[0].row is None:
        words = report.errors[0].en if view.lang == "en" else report.errors[0].ja
    st.html(frame.notice(words, head=head, kind=how))
    facts = _facts(view, kind, report, answers)
    frame.sheet([Column(view.texts["column.item"]), Column(view.texts["column.as_read"], wrap=True)], facts)


def _facts(view: View, kind: str, report: Report, answers: Mapping[str, Any]) -> list[list[Any]]:
    told = report.understood
    comma = view.texts["value.comma"]
    facts: list[list[Any]] = []

    def say(name: str, words: str) -> None:
        if words:
            facts.append([view.texts[f"understood.{name}"], words])

    size = [f"{told['bytes'] / 1000:,.0f} kB"] if "bytes" in told else []
    say("file", comma.join([str(told.get("file", "")), *size]))
    say("format", str(told.get("format", "")))
    say("encoding", _ENCODINGS.get(str(told.get("encoding")), str(told.get("encoding") or "")))
    if told.get("separator"):
        say("separator", view.texts[f"separator.{_SEPARATORS.get(told['separator'], 'comma')}"])
    say("sheet", str(told.get("sheet", "")))
    say("layer", str(told.get("layer", "")))
    if told.get("header_row"):
        say("header_row", view.text("understood.header_line", n=told["header_row"]))
    if "rows" in told:
        good = 0 if report.verdict == "reject" else len(report.rows)
        left = max(told["rows"] - good - report.rows_bad, 0)
        say(
            "rows",
            view.text(
                "understood.row_counts",
                all=f"{told['rows']:,}",
                good=f"{good:,}",
                bad=f"{report.rows_bad:,}",
                left=f"{left:,}",
            ),
        )
    columns = told.get("columns") or {}
    say("columns", comma.join(_pair(view, kind, field, header) for field, header in columns.items()))
    ignored = [h for h in told.get("heads", []) if not h["field"]]
    say("ignored", comma.join(h["header"] for h in ignored if not h["personal"]))
    say("personal", comma.join(h["header"] for h in ignored if h["personal"]))
    if kind in _PLACED and columns:
        say("crs", _datum(view, report, answers))
        say("decimals", _decimals(view, told.get("decimals") or {}, metres=_in_metres(report)))
    for field, counts in (told.get("dates") or {}).items():
        say("dates", _dates(view, field_label(view, kind, field), counts))
    return facts


def _pair(view: View, kind: str, field: str, header: str) -> str:
    label = field_label(view, kind, field)
    return header if label == header else view.text("understood.pair", header=header, field=label)


def field_label(view: View, kind: str, field: str) -> str:
    """The word for a field: the template's header in Japanese, the field's name in English."""
    if view.lang == "en":
        return field.replace("_", " ")
    known = next((c.header for c in TEMPLATES[kind] if c.field == field), None)
    if known is not None:
        return known
    return view.texts[f"field.{field}"] if field in _BESIDES else field


def _datum(view: View, report: Report, answers: Mapping[str, Any]) -> str:
    codes = {w.code for w in report.warnings}
    words = []
    if report.understood.get("crs"):
        words.append(str(report.understood["crs"]))
    if "crs-transformed" in codes:
        zone = str(answers.get("crs") or "")
        words.append(view.text("crs.plane_zone", n=zone) if zone else view.texts["crs.plane"])
    elif "datum-transformed" in codes:
        words.append(view.texts["crs.tokyo"])
    elif "crs-assumed" in codes:
        words.append(view.texts["crs.assumed"])
    elif not report.understood.get("crs"):
        words.append(view.texts["crs.jgd2011"])
    return view.texts["value.semicolon"].join(words)


def _in_metres(report: Report) -> bool:
    return any(w.code == "crs-transformed" for w in report.warnings) or any(
        e.code == "position-metres" for e in report.errors
    )


def _decimals(view: View, counts: Mapping[str, int], *, metres: bool) -> str:
    """「小数 5 桁（約 1 m） 120 個」, most frequent first."""
    words = []
    for digits, n in sorted(counts.items(), key=lambda item: -item[1])[:4]:
        if digits == "dms":
            words.append(view.text("decimals.dms", n=f"{n:,}"))
        elif metres:
            words.append(view.text("decimals.metres", digits=digits, n=f"{n:,}"))
        else:
            step = _METRES / 10 ** int(digits)
            shown = (
                f"{step / 1000:.0f} km" if step >= 1000 else f"{step:.0f} m" if step >= 1 else f"{step:.1g} m"
            )
            words.append(view.text("decimals.degrees", digits=digits, step=shown, n=f"{n:,}"))
    return view.texts["value.semicolon"].join(words)


def _dates(view: View, label: str, counts: Mapping[str, int]) -> str:
    names = ("era", "western", "day", "month", "fiscal_year", "year", "unread")
    words = [view.text(f"dates.{name}", n=f"{counts[name]:,}") for name in names if counts.get(name)]
    return view.text("dates.of", label=label, told=view.texts["value.semicolon"].join(words))


def remarks(view: View, report: Report) -> None:
    """Errors, warnings and notices in full sentences."""
    for which, found in (
        ("errors", report.errors),
        ("warnings", report.warnings),
        ("notices", report.notices),
    ):
        # The only word on a whole file stands at the top already.
        if not found or (which == "errors" and len(found) == 1 and found[0].row is None):
            continue
        with st.expander(
            view.text(f"upload.{which}", n=f"{len(found):,}"), expanded=which == "errors" and len(found) <= 10
        ):
            told = (
                told_by_line(r.en if view.lang == "en" else r.ja, report.understood, r.row)
                for r in found[:REMARKS_SHOWN]
            )
            items = "".join(f"<li>{esc(sentence)}</li>" for sentence in told)
            st.html(f'<ul class="remarks">{items}</ul>')
            if len(found) > REMARKS_SHOWN:
                st.caption(view.text("upload.more", n=f"{len(found) - REMARKS_SHOWN:,}"))


def questions(view: View, kind: str, report: Report, state: dict[str, Any]) -> None:
    """What a person has to say, each with its choices; then the columns, and the answers as a file for the next month."""
    asked = questions_of(report, state["answers"])
    for question in asked:
        if question.topic != "columns":
            _ask(view, question, state)
    if (
        kind in _PLACED
        and not any(q.topic in ("datum", "crs") for q in asked)
        and not report.understood.get("crs")
        and report.understood.get("columns")
    ):
        _datum_choice(view, state)
    if report.understood.get("heads"):
        _columns(view, kind, report, state, wanted=any(q.topic == "columns" for q in asked))
    _answers(view, state)


def _ask(view: View, question: Question, state: dict[str, Any]) -> None:
    topic = question.topic
    told = view.texts[f"question.{topic}"]
    if question.rows is not None:
        told += view.text("question.rows", n=f"{question.rows:,}")
    with st.container(border=True, key=f"question-{topic}"):
        st.html(frame.notice(told, head=view.texts["question.head"]))
        with st.form(f"ask-{topic}", border=False):
            options = _options(question)
            current = _current(state["answers"], topic)
            index = options.index(current) if current in options else None
            label = view.texts[f"question.{topic}_label"]

            def word(option: Any) -> str:
                return str(option) if topic in ("sheet", "layer") else view.texts[f"answer.{topic}_{option}"]

            if topic == "crs":
                chosen: Any = st.selectbox(
                    label, options, index=index, placeholder=view.texts["question.choose"], key="answer-crs",
                    format_func=lambda zone: view.text("answer.crs", n=zone, epsg=6668 + zone),
                )  # fmt: skip
            else:
                chosen = st.radio(label, options, index=index or 0, format_func=word, key=f"answer-{topic}")
            if (
                st.form_submit_button(view.texts["question.read_again"], type="primary", key=f"read-{topic}")
                and chosen is not None
            ):
                state["answers"] = with_answer(state["answers"], topic, chosen)
                st.rerun()


def _options(question: Question) -> list[Any]:
    options: dict[str, list[Any]] = {
        "axes": ["swap", "keep"],
        "datum": ["jgd2011", "tokyo"],
        "crs": list(ZONES),
        "two_digit_year": ["heisei", "reiwa", "showa", "western"],
        "serial": [1900, 1904],
        "bare_year": ["fiscal", "calendar"],
    }
    return options.get(question.topic, list(question.choices))


def _current(answers: Mapping[str, Any], topic: str) -> Any:
    return (
        (answers.get("dates") or {}).get(topic)
        if topic in ("two_digit_year", "serial", "bare_year")
        else answers.get(topic)
    )


def _datum_choice(view: View, state: dict[str, Any]) -> None:
    """Columns of degrees without a word on their datum are taken as JGD2011; who knows better says so here."""
    options = ["jgd2011", "tokyo"]
    current = state["answers"].get("datum", "jgd2011")
    chosen = st.radio(
        view.texts["question.datum_label"],
        options,
        index=options.index(current),
        format_func=lambda o: view.texts[f"answer.datum_{o}"],
        horizontal=True,
        key="choose-datum",
    )
    if chosen != current:
        state["answers"] = with_answer(state["answers"], "datum", None if chosen == "jgd2011" else chosen)
        st.rerun()


def _columns(view: View, kind: str, report: Report, state: dict[str, Any], *, wanted: bool) -> None:
    """File heading → field, with samples: what was understood stands in the boxes."""
    heads = report.understood["heads"][:COLUMNS_SHOWN]
    fields = [c.field for c in TEMPLATES[kind]]
    fields += [f for f in _BESIDES if kind == "sites" or (kind in _PLACED and f in ("x", "y", "datum"))]
    needed = {c.field for c in TEMPLATES[kind] if c.needed}

    def word(field: str) -> str:
        if not field:
            return view.texts["question.not_used"]
        return field_label(view, kind, field) + (
            view.texts["question.needed_mark"] if field in needed else ""
        )

    with st.expander(view.text("question.columns_head", n=len(report.understood["heads"])), expanded=wanted):
        st.caption(view.texts["question.columns"])
        with st.form("columns", border=False):
            chosen: dict[str, str] = {}
            for i, head in enumerate(heads):
                left, right = st.columns([3, 2], gap="small", vertical_alignment="center")
                samples = view.texts["value.comma"].join(head["samples"])
                if head["personal"] and not samples:
                    samples = view.texts["question.personal"]
                left.html(
                    f'<div class="maprow"><strong>{esc(head["header"])}</strong><span>{esc(samples)}</span></div>'
                )
                known = head["field"] or (head["guess"] if wanted else "")
                options = ["", *fields] if known in fields or not known else ["", known, *fields]
                chosen[head["header"]] = right.selectbox(
                    view.text("question.column_label", header=head["header"]),
                    options,
                    index=options.index(known),
                    format_func=word,
                    label_visibility="collapsed",
                    key=f"column-{i}-{report.understood['layout'][:8]}",
                )
            again = st.form_submit_button(
                view.texts["question.columns_read"],
                type="primary" if wanted else "secondary",
                key="read-columns",
            )
        if len(report.understood["heads"]) > COLUMNS_SHOWN:
            st.caption(view.text("question.columns_more", n=len(report.understood["heads"]) - COLUMNS_SHOWN))
        if again:
            try:
                given = column_answers(report, chosen)
            except CoverageGapError as error:
                st.html(frame.notice(error.text(view.lang), kind="grave"))
            else:
                state["answers"] = with_answer(state["answers"], "columns", given or None)
                st.rerun()


def _answers(view: View, state: dict[str, Any]) -> None:
    """The answers so far: as a file, and to be taken back."""
    if not state["answers"]:
        return
    with st.expander(view.texts["question.mapping"]):
        if state.get("suggested_by"):
            st.caption(view.text("question.suggested", file=state["suggested_by"]))
        document = mapping_json(state["answers"])
        st.code(document.decode("utf-8"), language="json")
        st.caption(view.texts["question.mapping_note"])
        with st.container(horizontal=True):
            st.download_button(
                view.texts["question.mapping_save"], document, "mapping.json", "application/json", key="save-mapping",
                on_click="ignore",
            )  # fmt: skip
            if st.button(view.texts["question.forget"], key="forget-answers"):
                state["answers"], state["suggested_by"], state["no_suggestion"] = {}, "", True
                st.rerun()
