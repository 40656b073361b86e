"""Optional cells of a site list → values; what cannot be read becomes null with a sentence, never another value."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from coverage.domain import fiscal
from coverage.domain.ledger import DatePrecision, Funding, Purpose, Status
from coverage.errors import InputError
from coverage.uploads.date_answers import read_date_answered
from coverage.uploads.report import Remark

EnumT = TypeVar("EnumT", bound=StrEnum)

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_UNIT = re.compile(r"^(?P<number>[+-]?[\d.,]+)\s*(?P<unit>[^\d\s.,+\-_eE][^\d\s]{0,5})$", re.IGNORECASE)
_BLANK = {"", "-", "−", "ー", "―", "‐", "—"}

_SCALE: dict[str, dict[str, float]] = {
    "height_m": {"m": 1.0, "メートル": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0},
    "frequency_mhz": {"mhz": 1.0, "ghz": 1000.0, "khz": 0.001},
    "frequency_ghz": {"ghz": 1.0},
    "bandwidth_mhz": {"mhz": 1.0, "khz": 0.001},
    "eirp_dbm": {"dbm": 1.0},
    "eirp_w": {"w": 1.0, "ワット": 1.0, "kw": 1000.0, "mw": 0.001},
    "azimuth_deg": {"度": 1.0, "°": 1.0},
    "tilt_deg": {"度": 1.0, "°": 1.0},
    "cost_yen": {"円": 1.0, "千円": 1e3, "万円": 1e4, "百万円": 1e6},
}
RANGES: dict[str, tuple[float, float]] = {
    "height_m": (0.1, 3000.0),
    "frequency_mhz": (30.0, 100_000.0),
    "bandwidth_mhz": (0.1, 2000.0),
    "eirp_dbm": (-50.0, 100.0),
    "azimuth_deg": (0.0, 360.0),
    "tilt_deg": (-90.0, 90.0),
    "cost_yen": (0.0, 1e12),
}

_STATUS_WORDS = {
    "運用中": Status.IN_SERVICE, "稼働中": Status.IN_SERVICE, "供用": Status.IN_SERVICE, "開局": Status.IN_SERVICE,
    "開局済": Status.IN_SERVICE, "開局済み": Status.IN_SERVICE, "整備済": Status.IN_SERVICE, "整備済み": Status.IN_SERVICE,
    "計画中": Status.PLANNED, "予定": Status.PLANNED, "施工中": Status.UNDER_CONSTRUCTION, "建設中": Status.UNDER_CONSTRUCTION,
    "休止": Status.SUSPENDED, "停波": Status.SUSPENDED, "撤去": Status.CLOSED, "廃局": Status.CLOSED,
}  # fmt: skip

Add = Callable[[Remark], None]


def is_blank(text: str) -> bool:
    if not text or (len(text) > 1 and text.isascii()):
        return not text or text.isspace()
    return unicodedata.normalize("NFKC", text).strip() in _BLANK


@lru_cache(maxsize=16)
def _words(kind: type[StrEnum]) -> dict[str, StrEnum]:
    return {key: item for item in kind for key in (unicodedata.normalize("NFKC", item.value).lower(), item.name.lower())}


def read_number(field: str, text: str, row: int, column: str, warn: Add) -> float | None:
    """A number within the range of its field, None (with a warning) for anything else.

    Takes full-width digits, thousands commas and a unit (then the unit is named as a guess); refuses what ``float()``
    alone would swallow: 1_000, inf, nan.
    """
    if is_blank(text):
        return None
    plain = unicodedata.normalize("NFKC", text).strip().replace("−", "-")
    scale, guessed = 1.0, None
    with_unit = None if plain[-1:].isdigit() else _UNIT.match(plain)
    if with_unit:
        factor = _SCALE.get(field, {}).get(with_unit["unit"].lower())
        if factor is None:
            _bad(text, row, column, warn)
            return None
        plain, scale, guessed = with_unit["number"], factor, with_unit["unit"]
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        _bad(text, row, column, warn)
        return None
    value = float(plain) * scale
    low, high = RANGES.get(field, (-math.inf, math.inf))
    if not low <= value <= high:
        warn(
            Remark(
                "number-out-of-range",
                f"「{text.strip()}」は {low:g}〜{high:g} の外のため空欄にしました。単位と桁を確かめてください。",
                f"'{text.strip()}' lies outside {low:g} to {high:g} and was left out; check unit and digits.",
                row,
                column,
            )
        )
        return None
    if guessed is not None:
        warn(
            Remark("unit-read", f"「{text.strip()}」の単位（{guessed}）を読み取り {value:g} としました。", f"'{text.strip()}' was read with its unit as {value:g}.", row, column)
        )
    return value


def _bad(text: str, row: int, column: str, warn: Add) -> None:
    warn(
        Remark(
            "number-unreadable",
            f"「{text.strip()[:60]}」は数ではないため空欄にしました。",
            f"'{text.strip()[:60]}' is not a number and was left out.",
            row,
            column,
        )
    )


def read_word(kind: type[EnumT], text: str, row: int, column: str, warn: Add) -> EnumT | None:
    """A word of ``kind`` by its value or English name; usual synonyms are taken with a warning, others left out."""
    if is_blank(text):
        return None
    plain = unicodedata.normalize("NFKC", text).strip()
    known = _words(kind).get(plain.lower())
    if known is not None:
        return known  # type: ignore[return-value]
    synonym = _STATUS_WORDS.get(plain) if kind is Status else None
    if synonym is not None:
        warn(Remark("word-read", f"「{plain}」を「{synonym.value}」として読みました。", f"'{plain}' was read as {synonym.value}.", row, column))
        return synonym  # type: ignore[return-value]
    words = "・".join(item.value for item in kind)
    warn(
        Remark(
            "word-unknown",
            f"「{plain[:60]}」という区分はないため空欄にしました（{words}）。",
            f"'{plain[:60]}' is unknown and was left out ({words}).",
            row,
            column,
        )
    )
    return None


def read_service_date(
    text: str, precision_text: str, row: int, column: str, warn: Add, *, fiscal_year_column: bool,
    answers: Mapping[str, Any] | None = None,
) -> tuple[date | None, DatePrecision | None]:
    """A service date and what it is known to; (None, None) with a warning where it cannot be read.

    Era dates and dates coarser than a day are named as guesses. In a column that says 年度 a bare year is a fiscal year.
    ``answers``: what a person said about dates that cannot be read alone (the mapping's ``dates``).
    """
    if is_blank(text):
        return None, None
    plain = unicodedata.normalize("NFKC", text).strip()
    stated = read_word(DatePrecision, precision_text, row, "date_precision", warn) if precision_text else None
    by_year = fiscal_year_column or stated is DatePrecision.FISCAL_YEAR
    bare = DatePrecision.FISCAL_YEAR if by_year else DatePrecision.YEAR
    if fiscal_year_column and re.fullmatch(r"\d{1,2}", plain):
        plain += "年度"
    try:
        read, answered = read_date_answered(plain, bare_year=bare, answers=answers or {})
    except InputError as problem:
        warn(Remark(problem.code, f"{problem.ja}空欄にしました。", f"{problem.en} Left out.", row, column))
        return None, None
    day, precision = read.day, read.precision
    if stated is not None and stated is not precision:
        order = [DatePrecision.DAY, DatePrecision.MONTH, DatePrecision.FISCAL_YEAR, DatePrecision.YEAR]
        if order.index(stated) > order.index(precision):
            day, precision = fiscal.last_possible_day(day, stated), stated
        else:
            warn(
                Remark("date-precision-contradicts", f"「{text.strip()}」からは {stated.value} の精度は分かりません。", f"'{text.strip()}' is not known to the {stated.value}.", row, column)
            )
    if answered or re.match(r"^(明治|大正|昭和|平成|令和|[MTSHR]\d)", plain, re.IGNORECASE) or (precision is not DatePrecision.DAY and stated is None):
        warn(
            Remark(
                "date-read",
                f"「{text.strip()}」を {day.isoformat()}（精度: {precision.value}）として読みました。",
                f"'{text.strip()}' was read as {day.isoformat()} (known to the {precision.value}).",
                row,
                column,
            )
        )
    return day, precision


ENUMS: dict[str, type[StrEnum]] = {"status": Status, "funding": Funding, "purpose": Purpose}
