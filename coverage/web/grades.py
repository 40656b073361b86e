"""目標達成状況 on screen: figure, mark and word together, so that no class is told by colour alone."""

from __future__ import annotations

from typing import Any, Final

from coverage.report.escape import esc
from coverage.web.frame import Html, View

_MARKS: Final = ("◎", "○", "△", "▼")


def grade(view: View, cell: dict[str, Any]) -> Html:
    """One cell of the indicator table: 「◎ 1.00」, or 「—」 where nothing can be measured."""
    if cell["achievement_class"] is None:
        return Html(esc(view.texts["value.none"]))
    index = min(int(cell["achievement_class"]), len(_MARKS) - 1)
    word = view.texts[f"grade.{index}"]
    return Html(
        f'<span class="grade g{index}" title="{esc(word)}"><b>{_MARKS[index]}</b>{esc(cell["achievement_text"])}</span>'
    )


def grade_key(view: View, limits: list[float]) -> Html:
    """What the marks mean: best first, with their limits."""
    parts = []
    for i, mark in enumerate(_MARKS[: len(limits) + 1]):
        span = (
            view.text("grade.from", limit=f"{limits[i]:.2f}")
            if i < len(limits)
            else view.text("grade.below", limit=f"{limits[-1]:.2f}")
        )
        parts.append(
            f'<span class="grade g{i}"><b>{mark}</b>{esc(span)}</span> {esc(view.texts[f"grade.{i}"])}'
        )
    return Html("　".join(parts))
