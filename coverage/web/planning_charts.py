"""Charts of the page 計画."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

_LINE: Final = "#0b5a83"
_PICKED: Final = "#c2571a"
_FONT: Final = "Noto Sans JP, Noto Sans CJK JP, Yu Gothic UI, Yu Gothic, Meiryo, sans-serif"


def front_chart(rows: Sequence[dict[str, Any]], *, x: str, y: str) -> alt.LayerChart:
    """Points of a front joined by steps; a click picks one (selection "pick", field ``number``).

    ``rows``: x, y and number of each point. Both axes begin at 0, so that a yen and a person keep their proportion.
    """
    pick = alt.selection_point(name="pick", fields=["number"], on="click", toggle=False)
    base = alt.Chart(alt.InlineData(values=list(rows))).encode(
        x=alt.X("x:Q", title=x, scale=alt.Scale(zero=True, nice=True)), y=alt.Y("y:Q", title=y, scale=alt.Scale(zero=True, nice=True))
    )
    tips = [alt.Tooltip("x:Q", title=x, format=",.1f"), alt.Tooltip("y:Q", title=y, format=",.0f")]
    line = base.mark_line(interpolate="step-after", color=_LINE, strokeWidth=1.2, strokeDash=[4, 3])
    points = (
        base.mark_point(filled=True, size=110, opacity=1.0)
        .encode(color=alt.condition(pick, alt.value(_PICKED), alt.value(_LINE), empty=False), tooltip=tips)
        .add_params(pick)
    )
    chart: alt.LayerChart = (
        alt.layer(line, points)
        .properties(width=340, height=220)
        .configure_view(stroke=None)
        .configure_axis(labelFont=_FONT, titleFont=_FONT, labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#e3e8ec")
    )
    return chart
