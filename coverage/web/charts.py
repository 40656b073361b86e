"""The cumulative chart of the page 進捗: the drawing of the printed report, once for wide and once for narrow screens."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from coverage.report.escape import esc
from coverage.report.line_chart import ChartWords, ChartYear, line_chart

_FONT: Final = "Noto Sans JP, Noto Sans CJK JP, Yu Gothic UI, Yu Gothic, Meiryo, sans-serif"
_SIZES: Final = (("wide", 700.0, 330.0), ("narrow", 360.0, 320.0))
"""Two drawings instead of one that shrinks: words stay as large on a phone, and are placed for its width."""


def cumulative_chart(years: Sequence[ChartYear], *, words: ChartWords, alt: str) -> str:
    """HTML of the chart; the style sheet shows one of its pictures. ``alt`` says the values to those who do not see it.

    Streamlit takes SVG out of a page's HTML, but shows it as a picture, in which nothing can run.
    """
    pictures = []
    for name, width, height in _SIZES:
        svg = line_chart(years, font=_FONT, words=words, width=width, height=height)
        packed = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
        pictures.append(
            f'<img class="{name}" alt="{esc(alt)}" width="{width:g}" height="{height:g}"'
            f' src="data:image/svg+xml;base64,{packed}">'
        )
    return f'<figure class="year-chart">{"".join(pictures)}</figure>'
