"""The cumulative chart: no figure stands on another, on a sign of another year, or outside; few stand on a line."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest

from coverage.report.label_places import Box, Places, around, beside, every_nth, text_box, text_width
from coverage.report.line_chart import ChartWords, ChartYear, line_chart

WORDS = ChartWords(forecast="見込み", axis="整備数（累計）［基］", key=("実績（累計）", "目標値", "見込み"))
SIZES = [(660.0, 270.0), (700.0, 330.0), (360.0, 320.0)]
SAMPLE = [
    ChartYear("平成27|年度", 70, None, None),
    ChartYear("平成28|年度", 71, 71, None),
    ChartYear("平成29|年度", 72, 72, None),
    ChartYear("平成30|年度", 72, None, None),
    ChartYear("令和元|年度", 73, 73, None),
    ChartYear("令和2|年度", None, None, 75),
    ChartYear("令和3|年度", None, None, 76),
]
EQUAL = [ChartYear(f"令和{i}|年度", 70 + i, 70 + i, 70 + i) for i in range(1, 8)]
STEEP = [ChartYear(f"令和{i}|年度", v, 100 - v, None) for i, v in enumerate((0, 95, 1, 99, 2, 50, 50), 1)]
CLOSE = [ChartYear(f"令和{i}|年度", 1000 + i % 2, 1000.5, 1001 if i > 4 else None) for i in range(1, 9)]
FLAT = [ChartYear(f"FY{2010 + i}", 0, 0, None) for i in range(6)]
LONG = [
    ChartYear(f"平成{i}|年度", 10 + i if i < 18 else None, 12 + i, 13 + i if i > 16 else None)
    for i in range(1, 21)
]
GAPS = [
    ChartYear(f"令和{i}|年度", 5 if i % 2 else None, None, None if i % 2 else 1_234_567) for i in range(1, 7)
]
SERIES = {
    "sample": SAMPLE,
    "equal": EQUAL,
    "steep": STEEP,
    "close": CLOSE,
    "flat": FLAT,
    "long": LONG,
    "gaps": GAPS,
}
_TEXT = re.compile(r"<text ([^>]*)>([^<]*)</text>")


def _texts(svg: str) -> list[tuple[dict[str, str], str, Box]]:
    found = []
    for attributes, text in _TEXT.findall(svg):
        a = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        spot = (float(a["x"]), float(a["y"]), a.get("text-anchor", "start"))
        found.append((a, text, text_box(text, float(a["font-size"]), spot)))
    return found


def _circles(svg: str) -> list[Box]:
    return [
        around(float(x), float(y), 4.6)
        for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="4.6"', svg)
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SERIES)
def test_no_word_meets_another_word_or_a_sign_or_leaves_the_drawing(
    name: str, size: tuple[float, float]
) -> None:
    svg = line_chart(SERIES[name], font="x", words=WORDS, width=size[0], height=size[1])
    texts = _texts(svg)
    for (_, a, box), (_, b, other) in combinations(texts, 2):
        assert not box.meets(other), f"{a} stands on {b}"
    for a, text, box in texts:
        # A rounded place may be a tenth of a pixel out.
        assert Box(-0.1, 0, size[0] + 0.1, size[1]).holds(box), f"{text} is cut off"
        if a.get("class") == "figure":
            assert not any(box.meets(circle) for circle in _circles(svg)), f"{text} stands on a sign"


@pytest.mark.parametrize("size", SIZES)
def test_every_value_of_the_sample_is_told_and_no_line_crosses_it(size: tuple[float, float]) -> None:
    svg = line_chart(SAMPLE, font="x", words=WORDS, width=size[0], height=size[1])
    figures = [(text, box) for a, text, box in _texts(svg) if a.get("class") == "figure"]
    assert sorted(text for text, _ in figures) == sorted(
        ["70", "71", "71", "72", "72", "72", "73", "73", "75", "76"]
    )
    lines = []
    for path in re.findall(
        r'<path d="(M[\d. L]+)" fill="none" stroke="#\w+" stroke-width="(?:1.2|2.4|1.8)"', svg
    ):
        points = [tuple(map(float, p.split())) for p in path[1:].split("L")]
        lines += [(*a, *b) for a, b in pairwise(points)]
    assert len(lines) == 4 + 2 + 2
    for text, box in figures:
        assert not any(box.is_crossed(line) for line in lines), f"a line runs through {text}"


def test_the_word_for_forecasts_stands_above_every_value() -> None:
    svg = line_chart(SAMPLE, font="x", words=WORDS, width=700, height=330)
    texts = _texts(svg)
    (word,) = (box for a, text, box in texts if text == "見込み" and a.get("text-anchor") == "middle")
    assert all(word.bottom <= box.top for a, _, box in texts if a.get("class") == "figure")


def test_of_twenty_years_on_a_phone_the_latest_are_told_first() -> None:
    svg = line_chart(LONG, font="x", words=WORDS, width=360, height=320)
    told = [(text, box) for a, text, box in _texts(svg) if a.get("class") == "figure"]
    assert {"27", "33"} <= {text for text, _ in told}
    years = [text for a, text, _ in _texts(svg) if text.startswith("平成")]
    assert "平成20" in years
    assert len(years) < 20
    assert all(
        f">{value}</text>" in line_chart(LONG, font="x", words=WORDS, width=700, height=330)
        for value in range(11, 28)
    )


def test_equal_actual_and_target_are_told_one_above_and_one_below() -> None:
    svg = line_chart([ChartYear("29", 72, 72, None)], font="x")
    (actual,) = (box for a, _, box in _texts(svg) if a.get("fill") == "#1d2a35" and a.get("class"))
    (target,) = (box for a, _, box in _texts(svg) if a.get("fill") == "#c2571a")
    assert actual.bottom < target.top


def test_a_word_without_room_is_left_out_and_one_beside_a_line_moves() -> None:
    full = Places(Box(0, 0, 20, 20), taken=[Box(0, 0, 20, 20)])
    assert full.find("72", 13, beside(10, 10, 5, 13)) is None
    open_ = Places(Box(0, 0, 100, 100), lines=[(0, 38, 100, 38)])
    spot = open_.find("72", 13, beside(50, 50, 5, 13))
    assert spot is not None
    assert spot[1] > 50, "the line is above"
    assert (
        Places(Box(0, 0, 100, 60), lines=[(0, 38, 100, 38)]).find("72", 13, [(50, 41, "middle")]) is not None
    )


def test_lines_beside_a_box_do_not_cross_it() -> None:
    box = Box(10, 10, 20, 20)
    assert box.is_crossed((0, 0, 30, 30))
    assert not box.is_crossed((0, 0, 5, 30))
    assert not box.is_crossed((0, 25, 30, 25))
    assert not box.is_crossed((25, 0, 25, 30))


def test_japanese_letters_are_as_wide_as_high_and_years_keep_their_distance() -> None:
    assert text_width("年度", 12) == 24
    assert text_width("か\u3099", 12) == 12
    assert every_nth([40.0] * 7, 50) == list(range(7))
    assert every_nth([40.0] * 7, 20) == [0, 3, 6]
    assert every_nth([], 20) == []


@pytest.mark.parametrize("slip", [1e8, 1e10])
def test_a_value_entered_with_far_too_many_digits_draws_no_thousand_lines(slip: float) -> None:
    svg = line_chart([ChartYear("平成28", 71.0, 71.0, None), ChartYear("平成29", slip, 72.0, None)], font="x")
    assert svg.count("<line") + svg.count("<path") < 40
    assert len(svg) < 20_000
