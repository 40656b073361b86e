"""Charts of the pages, drawn by Vega in the browser: colours that hold without colour vision, and shapes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt

ACTUAL: Final = "#0b5a83"
TARGET: Final = "#c2571a"
FORECAST: Final = "#5a6772"
_FONT: Final = "Noto Sans JP, Noto Sans CJK JP, Yu Gothic UI, Yu Gothic, Meiryo, sans-serif"


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One year of the cumulative chart; None where there is no such value. ``label``: lines parted by "|"."""

    label: str
    actual: float | None
    target: float | None
    forecast: int | None


def cumulative_chart(points: Sequence[SeriesPoint], *, names: dict[str, str]) -> alt.LayerChart:
    """Cumulative count (filled circles, solid line), targets (large open diamonds, thin dashed line) and forecasts (open
    circles, dotted), with a ground of their own behind the years that hold a forecast and no actual.

    ``names``: words for "actual", "target", "forecast", "axis". The vertical axis does not begin at 0, because a
    cumulative number of 70 changes by one or two a year; every point carries its value.
    """
    order = [p.label for p in points]
    rows: list[dict[str, Any]] = []
    for p in points:
        values = {
            k: v
            for k, v in (("actual", p.actual), ("target", p.target), ("forecast", p.forecast))
            if v is not None
        }
        top = max(values, key=lambda k: (values[k], k == "actual"), default="")
        for kind, value in values.items():
            # The higher point of a year is labelled above, the others below, so that labels keep off the points.
            side = "above" if kind == top else "below"
            rows.append(
                {
                    "year": p.label,
                    "name": p.label.replace("|", ""),
                    "kind": names[kind],
                    "value": float(value),
                    "text": f"{value:g}",
                    "side": side,
                }
            )
    known = [p for p in points if p.actual is not None]
    if known:
        # Joins the dotted line to the last actual; no point and no label of its own.
        start = {
            "year": known[-1].label,
            "kind": names["forecast"],
            "value": float(known[-1].actual or 0),
            "side": "",
        }
        rows.append(start)
    kinds = [names[k] for k in ("actual", "target", "forecast")]
    heights = [row["value"] for row in rows] or [0.0, 1.0]
    room = max(2.0, (max(heights) - min(heights)) * 0.3)
    x = alt.X(
        "year:N",
        sort=order,
        title=None,
        axis=alt.Axis(
            labelAngle=0,
            labelExpr="split(datum.label, '|')",
            labelOverlap=False,
            labelFontSize=12,
            labelPadding=8,
            ticks=False,
        ),
    )
    y = alt.Y(
        "value:Q",
        title=names["axis"],
        scale=alt.Scale(domain=[max(0.0, min(heights) - room), max(heights) + room], nice=True),
        axis=alt.Axis(
            tickMinStep=1,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            gridColor="#e3e8ec",
            domain=False,
            ticks=False,
        ),
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    legend = alt.Legend(
        title=None,
        orient="top",
        direction="horizontal",
        labelFontSize=13,
        symbolSize=110,
        symbolStrokeWidth=2,
    )
    colour = alt.Stroke(
        "kind:N", scale=alt.Scale(domain=kinds, range=[ACTUAL, TARGET, FORECAST]), legend=legend
    )
    fill = alt.Fill(
        "kind:N", scale=alt.Scale(domain=kinds, range=[ACTUAL, "transparent", "#ffffff"]), legend=legend
    )
    shape = alt.Shape(
        "kind:N", scale=alt.Scale(domain=kinds, range=["circle", "diamond", "circle"]), legend=legend
    )

    def only(kind: str) -> str:
        return f"datum.kind === {_quoted(names[kind])}"

    ahead = [p.label for p in points if p.actual is None and p.forecast is not None]
    ground = _ground(ahead, x, y, names["forecast"], max(heights) + room)
    aims = base.transform_filter(only("target")).mark_line(color=TARGET, strokeWidth=1.4, strokeDash=[8, 4])
    line = base.transform_filter(only("actual")).mark_line(color=ACTUAL, strokeWidth=2.5)
    # Forecasts start at the last actual, so that the dotted line is joined to what is known.
    dotted = base.transform_filter(only("forecast")).mark_line(
        color=FORECAST, strokeWidth=2, strokeDash=[2, 4]
    )
    tooltip = [
        alt.Tooltip("name:N", title=" "),
        alt.Tooltip("kind:N", title=" "),
        alt.Tooltip("value:Q", title=" "),
    ]
    # A target is a large open diamond, so that an actual that meets it stands inside it.
    signs = [
        base.transform_filter(f"datum.side !== '' && {only(kind)}")
        .mark_point(size=size, strokeWidth=2, opacity=1)
        .encode(stroke=colour, fill=fill, shape=shape, tooltip=tooltip)
        for kind, size in (("target", 300), ("actual", 90), ("forecast", 90))
    ]
    ink = alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=["#1d2a35", TARGET, FORECAST]), legend=None)
    labels = [
        base.transform_filter(f"datum.side === '{side}'")
        .mark_text(dy=dy, fontSize=13, fontWeight="bold")
        .encode(text="text:N", color=ink)
        for side, dy in (("above", -18), ("below", 20))
    ]
    chart: alt.LayerChart = (
        alt.layer(*ground, aims, dotted, line, *signs, *labels)
        .properties(height=330)
        .resolve_scale(color="independent")
        .configure(font=_FONT)
        .configure_view(stroke=None)
    )
    return chart


def _ground(years: Sequence[str], x: alt.X, y: alt.Y, word: str, top: float) -> list[alt.Chart]:
    """Stripes behind the years to come, each under the word 「見込み」: told by word and pattern, never by colour alone."""
    if not years:
        return []
    rows = [{"year": year, "value": top, "word": word} for year in years]
    stripes = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(color="#f1f3f5", stroke="#9fabb5", strokeDash=[3, 3], strokeWidth=1)
        .encode(x=x)
    )
    words = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_text(fontSize=12, color=FORECAST, baseline="top", dy=4)
        .encode(x=x, y=y, text="word:N")
    )
    return [stripes, words]


def _quoted(text: str) -> str:
    """A string for Vega's expression language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
