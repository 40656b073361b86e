"""The chart of the cumulative count as SVG, for paper: the same signs as on the screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coverage.report.escape import esc

_W, _H = 640.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 18.0, 22.0, 40.0
_ACTUAL, _TARGET, _FORECAST, _INK, _GRID = "#0b5a83", "#c2571a", "#5a6772", "#1d2a35", "#dfe4e8"


@dataclass(frozen=True, slots=True)
class ChartYear:
    """One year; None where there is no such value."""

    label: str
    actual: float | None
    target: float | None
    forecast: float | None


def line_chart(years: Sequence[ChartYear], *, font: str, forecast: str = "") -> str:
    """SVG text, 640 × 250. Actuals: filled circles on a line; targets: open diamonds on a thin line; forecasts: open
    circles, dotted, and the years that hold nothing else hatched under the word ``forecast``."""
    values = [v for y in years for v in (y.actual, y.target, y.forecast) if v is not None] or [0.0, 1.0]
    room = max(2.0, (max(values) - min(values)) * 0.3)
    low, high = max(0.0, min(values) - room), max(values) + room
    step = _step(high - low)

    def x(i: int) -> float:
        return _LEFT + (_W - _LEFT - _RIGHT) * (i + 0.5) / len(years)

    def y(value: float) -> float:
        return _TOP + (_H - _TOP - _BOTTOM) * (high - value) / (high - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_W:g} {_H:g}" font-family="{esc(font)}">']
    out.append(
        _hatch([i for i, p in enumerate(years) if p.actual is None and p.forecast is not None], x, len(years))
    )
    tick = step * -(-low // step)
    while tick <= high:
        out.append(f'<path d="M{_LEFT} {y(tick):.1f}H{_W - _RIGHT}" stroke="{_GRID}"/>')
        out.append(
            f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" font-size="12" text-anchor="end" fill="{_FORECAST}">{tick:g}</text>'
        )
        tick += step
    out.append(f'<path d="M{_LEFT} {_H - _BOTTOM}H{_W - _RIGHT}" stroke="{_FORECAST}"/>')
    aims = [(x(i), y(p.target)) for i, p in enumerate(years) if p.target is not None]
    out.append(_line(aims, f'stroke="{_TARGET}" stroke-width="1.2" stroke-dasharray="7 3"'))
    solid = [(x(i), y(p.actual)) for i, p in enumerate(years) if p.actual is not None]
    ahead = [(x(i), y(p.forecast)) for i, p in enumerate(years) if p.forecast is not None]
    out.append(_line(solid, f'stroke="{_ACTUAL}" stroke-width="2.4"'))
    out.append(
        _line([*solid[-1:], *ahead], f'stroke="{_FORECAST}" stroke-width="1.8" stroke-dasharray="2 4"')
    )
    for i, p in enumerate(years):
        if p.actual is None and p.forecast is not None:
            out.append(
                f'<text x="{x(i):.1f}" y="{_TOP + 12}" font-size="11" text-anchor="middle" fill="{_FORECAST}">{esc(forecast)}</text>'
            )
        out.append(
            f'<text x="{x(i):.1f}" y="{_H - _BOTTOM + 20}" font-size="12" text-anchor="middle" fill="{_INK}">{esc(p.label)}</text>'
        )
        top = max((v for v in (p.actual, p.target, p.forecast) if v is not None), default=0.0)
        if p.target is not None:
            cx, cy = x(i), y(p.target)
            out.append(
                f'<path d="M{cx:.1f} {cy - 9:.1f}l9 9-9 9-9-9z" fill="none" stroke="{_TARGET}" stroke-width="2"/>'
            )
            # An actual that meets the target has the place above; the target's figure goes below.
            above = p.target == top and p.actual != top
            out.append(_figure(cx, cy, p.target, _TARGET, above=above))
        if p.forecast is not None:
            out.append(
                f'<circle cx="{x(i):.1f}" cy="{y(p.forecast):.1f}" r="4.6" fill="#fff" stroke="{_FORECAST}" stroke-width="2"/>'
            )
            out.append(_figure(x(i), y(p.forecast), p.forecast, _FORECAST, above=True))
        if p.actual is not None:
            out.append(f'<circle cx="{x(i):.1f}" cy="{y(p.actual):.1f}" r="4.6" fill="{_ACTUAL}"/>')
            out.append(_figure(x(i), y(p.actual), p.actual, _INK, above=p.actual == top))
    out.append("</svg>")
    return "".join(out)


def _hatch(ahead: Sequence[int], x: Callable[[int], float], number: int) -> str:
    """Slanting lines behind the years that hold a forecast and no actual; drawn one by one, for every renderer."""
    half = (_W - _LEFT - _RIGHT) / number / 2
    top, bottom = _TOP, _H - _BOTTOM
    out = []
    for i in ahead:
        left, right = x(i) - half, x(i) + half
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


def _figure(x: float, y: float, value: float, colour: str, *, above: bool) -> str:
    return f'<text x="{x:.1f}" y="{y - 14 if above else y + 24:.1f}" font-size="13" font-weight="bold" text-anchor="middle" fill="{colour}">{value:g}</text>'


def _step(extent: float) -> float:
    """1, 2, 5, 10, … so that at most eight lines are drawn."""
    step = 1.0
    for factor in (2.0, 2.5, 2.0) * 6:
        if extent / step <= 8:
            break
        step *= factor
    return step
