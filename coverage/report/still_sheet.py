"""The map of one fiscal year as a picture that can stand alone: title, notices, legend, sources and run beside the map.

A picture is taken out of its page and passed on. Whatever a reader needs to judge it is therefore drawn into it.
"""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from coverage.report.map_data import MapData
from coverage.report.pdf import report_content
from coverage.report.pictures import Frame, rgb
from coverage.report.static_map import FONT, still_map
from coverage.report.wording import report_texts
from coverage.runs.result import RunResult

_PLAIN: Final = FONT.with_name("BIZUDPGothic_400Regular.ttf")
_INK: Final = (29, 42, 53)
_SOFT: Final = (85, 98, 109)
_NOTICE: Final = ((255, 246, 224), (92, 57, 0))
_MARGIN: Final = 48
_BOX: Final = (54, 32)


def still_sheet(run: RunResult, data: MapData, frame: Frame, fiscal_year: int, *, lang: str = "ja") -> bytes:
    """PNG of the year: :func:`coverage.report.static_map.still_map` with everything that a reader needs to judge it.

    ``data`` and ``frame`` belong together and to ``run``. The same bytes for the same run, year and language.
    """
    texts = report_texts(lang)
    drawn = Image.open(io.BytesIO(still_map(data, frame, fiscal_year)))
    said = report_content(run, fiscal_year, texts, breaks=data.page["breaks"])
    width = max(drawn.width, 1100) + 2 * _MARGIN
    sheet = _Sheet(width)
    sheet.paragraph(texts("map.title", region=said["region"]), size=40, bold=True)
    sheet.paragraph(f"{said['subtitle']}　{texts['report.words.map']}", size=28)
    for notice in said["notices"]:
        sheet.notice(notice)
    sheet.picture(drawn)
    sheet.legend(texts["map.legend.people"], said["legend"])
    sheet.paragraph(texts["report.words.map_note"], size=22)
    sheet.gap(10)
    lines = [f"{row[0]}：{row[1]}（{row[2]}、{row[3]}）" for row in said["sources"]["rows"]]
    for line in (*lines, said["model"], said["run"]):
        sheet.paragraph(line, size=20, colour=_SOFT)
    return sheet.png()


class _Sheet:
    """A picture that grows downwards; everything is noted first, since the height is known only at the end."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._y = _MARGIN
        self._todo: list[tuple[str, dict[str, Any]]] = []

    def gap(self, height: int) -> None:
        self._y += height

    def paragraph(
        self, text: str, *, size: int, bold: bool = False, colour: tuple[int, int, int] = _INK
    ) -> None:
        """Text, broken where the sheet ends."""
        font = _font(size, bold=bold)
        for line in _broken(text, font, self._width - 2 * _MARGIN):
            self._todo.append(
                ("text", {"xy": (_MARGIN, self._y), "text": line, "font": font, "fill": colour})
            )
            self._y += round(size * 1.5)

    def notice(self, text: str) -> None:
        """A sentence that must not be missed."""
        font, top = _font(22), self._y
        lines = _broken(text, font, self._width - 2 * _MARGIN - 32)
        bottom = top + 33 * len(lines) + 16
        self._todo.append(("box", {"xy": (_MARGIN, top, self._width - _MARGIN, bottom), "fill": _NOTICE[0]}))
        for i, line in enumerate(lines):
            at = (_MARGIN + 16, top + 10 + 33 * i)
            self._todo.append(("text", {"xy": at, "text": line, "font": font, "fill": _NOTICE[1]}))
        self._y = bottom + 10

    def picture(self, drawn: Image.Image) -> None:
        """The map itself, with a line around it."""
        at = ((self._width - drawn.width) // 2, self._y + 8)
        self._todo.append(("image", {"image": drawn, "at": at}))
        self._y += drawn.height + 24

    def legend(self, title: str, entries: list[dict[str, str]]) -> None:
        """Colours with their words, as many beside each other as fit."""
        self.paragraph(title, size=24, bold=True)
        font, x = _font(22), _MARGIN
        for entry in entries:
            wide = _BOX[0] + 12 + round(font.getlength(entry["text"])) + 30
            if x > _MARGIN and x + wide > self._width - _MARGIN:
                x, self._y = _MARGIN, self._y + 44
            box = (x, self._y, x + _BOX[0], self._y + _BOX[1])
            self._todo.append(("box", {"xy": box, "fill": rgb(entry["colour"]), "outline": _SOFT}))
            at = (x + _BOX[0] + 12, self._y + 4)
            self._todo.append(("text", {"xy": at, "text": entry["text"], "font": font, "fill": _INK}))
            x += wide
        self._y += 56

    def png(self) -> bytes:
        """Everything drawn."""
        canvas = Image.new("RGB", (self._width, self._y + _MARGIN), (255, 255, 255))
        draw = ImageDraw.Draw(canvas)
        for kind, what in self._todo:
            if kind == "text":
                draw.text(**what)
            elif kind == "box":
                draw.rectangle(**what)
            else:
                image, (x, y) = what["image"], what["at"]
                canvas.paste(image, (x, y))
                draw.rectangle((x - 1, y - 1, x + image.width, y + image.height), outline=_SOFT)
        out = io.BytesIO()
        canvas.quantize(256, dither=Image.Dither.NONE).save(out, format="PNG", optimize=True)
        return out.getvalue()


def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT if bold else _PLAIN), size)


def _broken(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines no wider than ``width``; Japanese may be broken anywhere, Latin words at blanks."""
    lines, line = [], ""
    for word in _breakable(text):
        if line and font.getlength(line + word.rstrip()) > width:
            lines.append(line.rstrip())
            line = word.lstrip()
        else:
            line += word
    return [*lines, line.rstrip()]


def _breakable(text: str) -> list[str]:
    parts: list[str] = []
    for letter in text:
        latin = letter.isascii() and letter != " "
        if (parts and latin and parts[-1].isascii() and not parts[-1].endswith(" ")) or (parts and letter in " 、。，．）」・"):
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts
