"""Where the words of a drawing may stand: inside their frame, on no sign, on no other word, and if it can be on no line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Segment = tuple[float, float, float, float]
"""x and y of both ends."""
Spot = tuple[float, float, str]
"""x, baseline y and anchor ("start", "middle", "end") of a word, as SVG takes them."""
_ASCENT, _DESCENT = 0.88, 0.2
"""Share of the font size above and below the baseline; Japanese letters fill their square."""
_NARROW = 0.64
"""Width of a bold figure or a Latin letter in font sizes; the widest of the fonts that the pages and the report name."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether the other lies wholly inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )

    def is_crossed(self, line: Segment) -> bool:
        """Whether a line runs through the rectangle (Liang–Barsky)."""
        x0, y0, x1, y1 = line
        dx, dy = x1 - x0, y1 - y0
        enter, leave = 0.0, 1.0
        for p, q in (
            (-dx, x0 - self.left),
            (dx, self.right - x0),
            (-dy, y0 - self.top),
            (dy, self.bottom - y0),
        ):
            if p == 0:
                if q <= 0:
                    return False
            elif p < 0:
                enter = max(enter, q / p)
            else:
                leave = min(leave, q / p)
        return enter < leave


def around(x: float, y: float, reach: float) -> Box:
    """The square around a sign that reaches as far to each side."""
    return Box(x - reach, y - reach, x + reach, y + reach)


def text_width(text: str, size: float) -> float:
    """About how wide a text is, rather too wide: letters of East Asian width take a whole font size."""
    return sum(
        0.0
        if unicodedata.combining(c)
        else size * (1.0 if unicodedata.east_asian_width(c) in "WFA" else _NARROW)
        for c in text
    )


def text_box(text: str, size: float, spot: Spot) -> Box:
    """The rectangle of a text at a spot."""
    x, y, anchor = spot
    width = text_width(text, size)
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return Box(left, y - _ASCENT * size, left + width, y + _DESCENT * size)


@dataclass(slots=True)
class Places:
    """What is taken in a drawing. Words ask one after the other: whoever comes first has the better place."""

    frame: Box
    taken: list[Box] = field(default_factory=list)
    lines: list[Segment] = field(default_factory=list)

    def find(self, text: str, size: float, spots: Iterable[Spot]) -> Spot | None:
        """The first of the spots where the text keeps off everything; else the first where only a line runs under it;
        None where there is no room. The place is taken from then on."""
        free: list[tuple[Spot, Box]] = []
        for spot in spots:
            box = text_box(text, size, spot)
            if self.frame.holds(box) and not any(box.meets(other) for other in self.taken):
                free.append((spot, box))
        clear = next((c for c in free if not any(c[1].is_crossed(line) for line in self.lines)), None)
        chosen = clear or (free[0] if free else None)
        if chosen is None:
            return None
        self.taken.append(chosen[1])
        return chosen[0]


def beside(x: float, y: float, reach: float, size: float, *, below: bool = False) -> list[Spot]:
    """Spots around a sign, the best first: above (or below), then the other side, then aslant, then a line farther."""
    up, down = y - reach - 4, y + reach + 3 + _ASCENT * size
    side = reach + 3
    level = y + size * (_ASCENT - _DESCENT) / 2
    first, second = (down, up) if below else (up, down)
    far = [down + size, up - size] if below else [up - size, down + size]
    return [
        (x, first, "middle"),
        (x, second, "middle"),
        *((x + dx, at, anchor) for at in (first, second) for dx, anchor in ((2, "start"), (-2, "end"))),
        (x + side, level, "start"),
        (x - side, level, "end"),
        *((x, at, "middle") for at in far),
    ]


def every_nth(widths: Sequence[float], step: float, *, gap: float = 6.0) -> list[int]:
    """Indices of the words below an axis that may stand at ``step`` apart without touching, counted from the last."""
    if not widths:
        return []
    n = max(1, -int(-(max(widths) + gap) // step))
    return [i for i in range(len(widths)) if (len(widths) - 1 - i) % n == 0]
