"""A map that is passed on as a picture says by itself what it shows, of which year, and where it comes from."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageDraw

from coverage.report.map_data import map_data
from coverage.report.pictures import grid_of, mercator_frame
from coverage.report.still_sheet import _broken, _font, still_sheet
from coverage.runs.result import RunResult


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is drawn."""
    found: list[str] = []
    real = ImageDraw.ImageDraw.text

    def noted(self: Any, xy: Any, text: Any, *args: Any, **more: Any) -> None:
        found.append(str(text))
        real(self, xy, text, *args, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    return found


def _sheet(run: RunResult, *, lang: str = "ja") -> bytes:
    data = map_data(run, lang, plans=False, signal=False)
    return still_sheet(run, data, mercator_frame(grid_of(run.meta["grid"]), max_pixels=400), 2016, lang=lang)


def test_the_picture_names_region_year_fiction_legend_sources_and_run(
    run: RunResult, said: list[str]
) -> None:
    picture = Image.open(io.BytesIO(_sheet(run)))
    words = "".join(said)
    assert picture.format == "PNG"
    for part in (
        run.meta["region"]["name_ja"], run.meta["region"]["notice_ja"], "平成28年度末時点", "不感人口（市町別）",
        "人未満", "輪のあるもの", run.run_id, run.meta["model_card"]["model"], run.meta["layers"][0]["credit"],
    ):  # fmt: skip
        assert part in words, part


def test_the_picture_speaks_english_too(run: RunResult, said: list[str]) -> None:
    _sheet(run, lang="en")
    words = " ".join(said)
    assert run.meta["region"]["name_en"] in words
    assert "FY2016" in words


def test_the_same_run_gives_the_same_bytes(run: RunResult) -> None:
    assert _sheet(run) == _sheet(run)


def test_lines_break_where_the_sheet_ends_and_latin_words_stay_whole() -> None:
    font = _font(20)
    text = "地形・人口・市町・基地局・不感地域はすべてプログラムで作ったもので、実在しません。propagation model ITU-R P.1812-8"
    lines = _broken(text, font, 300)
    assert max(font.getlength(line) for line in lines) <= 300
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert any("propagation" in line for line in lines)
    assert not any(line.startswith(("、", "。")) for line in lines)
