"""The chart of the cumulative count as SVG: one drawing for the screen, the narrow screen and paper.

Words keep off each other, off the signs and where they can off the lines (:mod:`coverage.report.label_places`). Where so
many years stand side by side that a figure has no room, it is left out: the table beside the chart has them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise

from coverage.report.escape import esc
from coverage.report.label_places import Box, Places, around, beside, every_nth, text_width

_ACTUAL, _TARGET, _FORECAST, _INK, _GRID = "#0b5a83", "#c2571a", "#5a6772", "#1d2a35", "#dfe4e8"
_FIGURE, _WORD = 13.0, 12.0
"""Font sizes of the values and of everything else."""
_SIGN, _DIAMOND = 5.6, 10.0
"""How far a circle and a diamond reach, their outlines included."""


@dataclass(frozen=True, slots=True)
class ChartYear:
    """One year; None where there is no such value. ``label``: lines parted by "|"."""

    label: str
    actual: float | None
    target: float | None
    forecast: float | None


@dataclass(frozen=True, slots=True)
class ChartWords:
    """What the chart says beside the years: "" for nothing. ``key`` names actuals, targets and forecasts at the top."""

    forecast: str = ""
    axis: str = ""
    key: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where the values lie: plot area in pixels, range in values."""

    area: Box
    low: float
    high: float
    number: int
    drawing: Box

    @property
    def step(self) -> float:
        return (self.area.right - self.area.left) / self.number

    def x(self, i: int) -> float:
        return self.area.left + self.step * (i + 0.5)

    def y(self, value: float) -> float:
        return self.area.top + (self.area.bottom - self.area.top) * (self.high - value) / (
            self.high - self.low
        )


def line_chart(
    years: Sequence[ChartYear],
    *,
    font: str,
    words: ChartWords = ChartWords(),
    width: float = 640.0,
    height: float = 250.0,
) -> str:
    """SVG text of ``width`` × ``height``. Actuals: filled circles on a line; targets: open diamonds on a thin dashed line;
    forecasts: open circles, dotted, and the years that hold nothing else hatched under the word for them."""
    plot = _plot(years, words, width, height)
    area = plot.area
    ahead = [i for i, p in enumerate(years) if p.actual is None and p.forecast is not None]
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
        f' font-family="{esc(font)}">',
        *_key(words, width, area.left),
        _hatch(ahead, plot),
        *_axis(plot, words, area.left),
        *_forecast_words(ahead, plot, words.forecast),
    ]
    lines = {
        "target": [(plot.x(i), plot.y(p.target)) for i, p in enumerate(years) if p.target is not None],
        "actual": [(plot.x(i), plot.y(p.actual)) for i, p in enumerate(years) if p.actual is not None],
        "forecast": [(plot.x(i), plot.y(p.forecast)) for i, p in enumerate(years) if p.forecast is not None],
    }
    # Forecasts start at the last actual, so that the dotted line is joined to what is known.
    lines["forecast"] = [*lines["actual"][-1:], *lines["forecast"]]
    out.append(_line(lines["target"], f'stroke="{_TARGET}" stroke-width="1.2" stroke-dasharray="7 3"'))
    out.append(_line(lines["actual"], f'stroke="{_ACTUAL}" stroke-width="2.4"'))
    out.append(_line(lines["forecast"], f'stroke="{_FORECAST}" stroke-width="1.8" stroke-dasharray="2 4"'))
    out += _signs(years, plot)
    places = Places(area)
    for points in lines.values():
        places.lines += [(*a, *b) for a, b in pairwise(points)]
    out += _figures(years, plot, places)
    out += _year_words(years, plot)
    out.append("</svg>")
    return "".join(out)


def _plot(years: Sequence[ChartYear], words: ChartWords, width: float, height: float) -> _Plot:
    values = [v for y in years for v in (y.actual, y.target, y.forecast) if v is not None] or [0.0, 1.0]
    room = max(2.0, (max(values) - min(values)) * 0.3)
    low, high = max(0.0, min(values) - room), max(values) + room
    widest = max(text_width(told(v), _WORD) for v in _ticks(low, high))
    # Above the plot, a row each: the key, the axis' title, the word over the years to come.
    top = (
        10.0
        + (20.0 if words.key else 0.0)
        + (17.0 if words.axis else 0.0)
        + (14.0 if words.forecast else 0.0)
    )
    lines = max((y.label.count("|") + 1 for y in years), default=1)
    area = Box(widest + 14, top, width - 10, height - 10 - 15 * lines)
    return _Plot(area, low, high, max(len(years), 1), Box(0.0, 0.0, width, height))


def told(value: float) -> str:
    """A value as it is written: 1,234 and 0.5."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def _key(words: ChartWords, width: float, left: float) -> list[str]:
    if words.key is None:
        return []
    out = []
    size = _WORD
    x, y = left, 18.0
    # Smaller letters where the three words are wider than the drawing.
    needed = sum(text_width(word, size) + 34 for word in words.key)
    if x + needed > width:
        size *= max(0.7, (width - x - 3 * 34) / max(needed - 3 * 34, 1.0))
    for word, sign in zip(
        words.key,
        (
            f'<circle cx="{{x}}" cy="{{y}}" r="4.6" fill="{_ACTUAL}"/>',
            f'<path d="M{{x}} {{up}}l7 7-7 7-7-7z" fill="none" stroke="{_TARGET}" stroke-width="2"/>',
            f'<circle cx="{{x}}" cy="{{y}}" r="4.6" fill="#fff" stroke="{_FORECAST}" stroke-width="2"/>',
        ),
        strict=True,
    ):
        out.append(sign.format(x=f"{x + 7:.1f}", y=f"{y - 4.5:.1f}", up=f"{y - 11.5:.1f}"))
        out.append(
            f'<text x="{x + 19:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="{_INK}">{esc(word)}</text>'
        )
        x += text_width(word, size) + 34
    return out


def _axis(plot: _Plot, words: ChartWords, left: float) -> list[str]:
    area = plot.area
    out = []
    for tick in _ticks(plot.low, plot.high):
        y = plot.y(tick)
        out.append(f'<path d="M{area.left:.1f} {y:.1f}H{area.right:.1f}" stroke="{_GRID}"/>')
        out.append(
            f'<text x="{area.left - 8:.1f}" y="{y + 4:.1f}" font-size="{_WORD:g}" text-anchor="end" fill="{_FORECAST}">{told(tick)}</text>'
        )
    out.append(f'<path d="M{area.left:.1f} {area.bottom:.1f}H{area.right:.1f}" stroke="{_FORECAST}"/>')
    if words.axis:
        y = area.top - 7 - (14 if words.forecast else 0)
        out.append(
            f'<text x="2" y="{y:.1f}" font-size="{_WORD:g}" fill="{_FORECAST}">{esc(words.axis)}</text>'
        )
    return out


def _forecast_words(ahead: Sequence[int], plot: _Plot, word: str) -> list[str]:
    """The word over the years to come, above the plot so that no value can meet it: once for years side by side."""
    if not word:
        return []
    out = []
    places = Places(plot.drawing)
    half = text_width(word, _WORD) / 2
    for first, last in _runs(ahead):
        # It may be wider than its year; the last year's ends at the edge of the drawing.
        middle = min((plot.x(first) + plot.x(last)) / 2, plot.drawing.right - half)
        spot = places.find(word, _WORD, [(middle, plot.area.top - 5, "middle")])
        if spot is not None:
            out.append(
                f'<text x="{spot[0]:.1f}" y="{spot[1]:.1f}" font-size="{_WORD:g}" text-anchor="middle" fill="{_FORECAST}">{esc(word)}</text>'
            )
    return out


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for i in indices:
        if runs and runs[-1][1] == i - 1:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs


def _signs(years: Sequence[ChartYear], plot: _Plot) -> list[str]:
    out = []
    for i, p in enumerate(years):
        x = f"{plot.x(i):.1f}"
        if p.target is not None:
            # Large and open, so that an actual that meets it stands inside it.
            out.append(
                f'<path d="M{x} {plot.y(p.target) - 9:.1f}l9 9-9 9-9-9z" fill="none" stroke="{_TARGET}" stroke-width="2"/>'
            )
        if p.forecast is not None:
            out.append(
                f'<circle cx="{x}" cy="{plot.y(p.forecast):.1f}" r="4.6" fill="#fff" stroke="{_FORECAST}" stroke-width="2"/>'
            )
        if p.actual is not None:
            out.append(f'<circle cx="{x}" cy="{plot.y(p.actual):.1f}" r="4.6" fill="{_ACTUAL}"/>')
    return out


def _figures(years: Sequence[ChartYear], plot: _Plot, places: Places) -> list[str]:
    """The values in words. The latest come first: they are what is looked for where there is not room for all."""
    wishes: list[tuple[int, float, str, bool]] = []
    for i, p in enumerate(years):
        x = plot.x(i)
        for value, reach in ((p.target, _DIAMOND), (p.actual, _SIGN), (p.forecast, _SIGN)):
            if value is not None:
                places.taken.append(around(x, plot.y(value), reach))
    for values, colour in (
        ([p.actual for p in years], _INK),
        ([p.forecast for p in years], _FORECAST),
        ([p.target for p in years], _TARGET),
    ):
        for i in reversed(range(len(years))):
            value = values[i]
            if value is None:
                continue
            p = years[i]
            others = [v for v in (p.actual, p.target, p.forecast) if v is not None]
            # The higher value of a year is told above, the others below; equal ones one above and one below.
            below = value < max(others) or (colour == _TARGET and others.count(value) > 1)
            wishes.append((i, value, colour, below))
    out = []
    for i, value, colour, below in wishes:
        p = years[i]
        reach = _DIAMOND if value == p.target else _SIGN
        text = told(value)
        spot = places.find(text, _FIGURE, beside(plot.x(i), plot.y(value), reach, _FIGURE, below=below))
        if spot is not None:
            out.append(
                f'<text class="figure" x="{spot[0]:.1f}" y="{spot[1]:.1f}" font-size="{_FIGURE:g}" font-weight="bold"'
                f' text-anchor="{spot[2]}" fill="{colour}">{text}</text>'
            )
    return out


def _year_words(years: Sequence[ChartYear], plot: _Plot) -> list[str]:
    """The years below the axis; where there is not room for all, every second or third, the last among them."""
    labels = [p.label.split("|") for p in years]
    widths = [max(text_width(line, _WORD) for line in lines) for lines in labels]
    places = Places(plot.drawing)
    out = []
    for i in reversed(every_nth(widths, plot.step)):
        half = widths[i] / 2
        x = min(max(plot.x(i), plot.drawing.left + half), plot.drawing.right - half)
        widest = max(labels[i], key=lambda line: text_width(line, _WORD))
        if places.find(widest, _WORD, [(x, plot.area.bottom + 17, "middle")]) is None:
            continue
        for line, text in enumerate(labels[i]):
            out.append(
                f'<text x="{x:.1f}" y="{plot.area.bottom + 17 + 15 * line:.1f}" font-size="{_WORD:g}" text-anchor="middle"'
                f' fill="{_INK}">{esc(text)}</text>'
            )
    return out


def _hatch(ahead: Sequence[int], plot: _Plot) -> str:
    """Slanting lines behind the years that hold a forecast and no actual; drawn one by one, for every renderer."""
    half = plot.step / 2
    top, bottom = plot.area.top, plot.area.bottom
    out = []
    for first, last in _runs(ahead):
        left, right = plot.x(first) - half, plot.x(last) + half
        start = left - (bottom - top)
        while start < right:
            # From the lower edge up to the right at 45 degrees, cut at both sides.
            x0, x1 = max(start, left), min(start + bottom - top, right)
            if x1 > x0:
                out.append(f"M{x0:.1f} {bottom - (x0 - start):.1f}L{x1:.1f} {bottom - (x1 - start):.1f}")
            start += 9.0
    return f'<path d="{"".join(out)}" stroke="{_GRID}" stroke-width="1"/>' if out else ""


def _line(points: Sequence[tuple[float, float]], look: str) -> str:
    return (
        f'<path d="M{"L".join(f"{a:.1f} {b:.1f}" for a, b in points)}" fill="none" {look}/>'
        if len(points) > 1
        else ""
    )


def _ticks(low: float, high: float) -> list[float]:
    step = _step(high - low)
    first = -(-low // step)
    return [step * (first + k) for k in range(int((high - first * step) / step + 1e-9) + 1)]


def _step(extent: float) -> float:
    """1, 2, 5, 10, … so that at most eight lines are drawn."""
    step = 1.0
    for factor in cycle((2.0, 2.5, 2.0)):
        if extent / step <= 8:
            break
        step *= factor
    return step
