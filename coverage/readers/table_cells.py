"""Cells of the ledger's tables → values, each error with file, row (or feature) and column.

A blank optional cell is None; a wrong one is an error, never another value. Numbers take full-width digits and
thousands commas, and nothing else that ``float()`` would swallow (1_000, inf, nan).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from coverage.domain.cell_guard import guard, unguard
from coverage.domain.fiscal import (
    TOKYO,
    last_possible_day,
    parse_fiscal_year,
    parse_western_fiscal_year,
    read_date,
)
from coverage.domain.ledger import DatePrecision
from coverage.domain.municipality_code import parse_municipality_code
from coverage.errors import FileFormatError, InputError
from coverage.readers.crs import in_japan, lonlat_point
from coverage.readers.text import plain

__all__ = ["Cells", "guard", "unguard"]

EnumT = TypeVar("EnumT", bound=StrEnum)

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_YES = frozenset({"true", "1", "はい", "yes", "○", "◯"})
_NO = frozenset({"false", "0", "いいえ", "no", ""})
_ORDER = [DatePrecision.DAY, DatePrecision.MONTH, DatePrecision.FISCAL_YEAR, DatePrecision.YEAR]


@dataclass(frozen=True)
class Cells:
    """One row of ``table`` (a file name). ``number`` counts as a spreadsheet does, or features from 1."""

    table: str
    number: int
    values: dict[str, str]
    is_feature: bool = False

    def problem(self, code: str, column: str, ja: str, en: str) -> FileFormatError:
        """An error about this row; ``ja`` and ``en`` follow the place."""
        where_ja = f"{self.number} 番目の地物" if self.is_feature else f"{self.number} 行目"
        where_en = f"Feature {self.number}" if self.is_feature else f"Row {self.number}"
        return FileFormatError(
            code,
            f"「{self.table}」の {where_ja}・列「{column}」: {ja}",
            f"{where_en}, column '{column}' of '{self.table}': {en}",
        )

    def optional(self, column: str) -> str | None:
        """Text, or None where the cell is blank or the column is absent."""
        value = self.values.get(column, "").strip()
        return (value if self.is_feature else unguard(value)) or None

    def text(self, column: str) -> str:
        """Text that must be there. Raises "cell-empty"."""
        value = self.optional(column)
        if value is None:
            raise self.problem(
                "cell-empty", column, "空欄です。値を入れてください。", "it is empty; fill it in."
            )
        return value

    def number_in(self, column: str, low: float, high: float) -> float | None:
        """A number from ``low`` to ``high``. Raises "number-wrong" or "number-out-of-range"."""
        raw = self.optional(column)
        if raw is None:
            return None
        value = self._number(column, raw)
        if not low <= value <= high:
            raise self.problem(
                "number-out-of-range",
                column,
                f"値 {raw} が {low:g}〜{high:g} の外です。単位と桁を確かめてください。",
                f"{raw} lies outside {low:g} to {high:g}; check unit and digits.",
            )
        return value

    def whole(self, column: str, *, low: int | None = 0) -> int | None:
        """A whole number of at least ``low`` (None: any). Raises "number-wrong" or "number-out-of-range"."""
        raw = self.optional(column)
        if raw is None:
            return None
        value = self._number(column, raw)
        if not value.is_integer():
            raise self.problem(
                "number-wrong",
                column,
                f"値「{raw}」は整数ではありません。",
                f"'{raw}' is not a whole number.",
            )
        if low is not None and value < low:
            raise self.problem(
                "number-out-of-range",
                column,
                f"値 {raw} は {low} 以上にしてください。",
                f"{raw} must be at least {low}.",
            )
        return int(value)

    def whole_needed(self, column: str, *, low: int | None = 0) -> int:
        """As :meth:`whole`; a blank raises "cell-empty"."""
        self.text(column)
        value = self.whole(column, low=low)
        assert value is not None
        return value

    def flag(self, column: str, *, needed: bool = False) -> bool:
        """true/false, 1/0, はい/いいえ; blank is false unless ``needed``. Raises "flag-wrong"."""
        raw = self.text(column) if needed else self.optional(column) or ""
        value = plain(raw).lower()
        if value in _YES:
            return True
        if value in _NO:
            return False
        raise self.problem(
            "flag-wrong",
            column,
            f"値「{raw}」は true か false で書いてください。",
            f"'{raw}' must be true or false.",
        )

    def member(self, column: str, kind: type[EnumT]) -> EnumT | None:
        """A word of ``kind`` by its value or its English name ("供用中" or "in_service"). Raises "word-unknown"."""
        raw = self.optional(column)
        if raw is None:
            return None
        wanted = plain(raw)
        for item in kind:
            if wanted in (plain(item.value), item.name.lower()):
                return item
        words = "・".join(item.value for item in kind)
        raise self.problem(
            "word-unknown",
            column,
            f"「{raw}」という区分はありません。{words} のいずれかにしてください。",
            f"'{raw}' is unknown; use one of {', '.join(f'{i.value} ({i.name.lower()})' for i in kind)}.",
        )

    def municipality(self, column: str = "municipality_code") -> str:
        """A five-digit code; six digits are checked and shortened. Raises as the domain does, with the place."""
        try:
            return parse_municipality_code(self.text(column))
        except FileFormatError:
            raise
        except InputError as problem:
            raise self.problem(problem.code, column, problem.ja, problem.en) from None

    def fiscal_year(self, column: str, *, needed: bool = True) -> int | None:
        """A fiscal year: western, or with its era (H28, 平成28年度). A bare 28 is refused in files."""
        raw = self.text(column) if needed else self.optional(column)
        if raw is None:
            return None
        try:
            if re.fullmatch(r"\d{1,3}", plain(raw)):
                return parse_western_fiscal_year(plain(raw))
            return parse_fiscal_year(raw)
        except InputError as problem:
            raise self.problem(problem.code, column, problem.ja, problem.en) from None

    def day(self, column: str) -> date | None:
        """A date known to the day. Raises "date-not-a-day" for a month or a year, and the domain's date errors."""
        raw = self.optional(column)
        if raw is None:
            return None
        read = self._date(column, raw)
        if read[1] is not DatePrecision.DAY:
            raise self.problem(
                "date-not-a-day",
                column,
                f"「{raw}」は日まで書いてください（例 2017-03-31）。",
                f"'{raw}' must be known to the day (for example 2017-03-31).",
            )
        return read[0]

    def service_date(self, column: str, precision_column: str) -> tuple[date | None, DatePrecision]:
        """Service start as its last possible day, and what it is known to.

        The precision column wins where it is coarser than what was written; a finer one is a contradiction
        ("date-precision-contradicts").
        """
        raw = self.optional(column)
        stated = self.member(precision_column, DatePrecision)
        if raw is None:
            return None, DatePrecision.DAY
        bare = DatePrecision.FISCAL_YEAR if stated is DatePrecision.FISCAL_YEAR else DatePrecision.YEAR
        day, written = self._date(column, raw, bare_year=bare)
        if stated is None or stated is written:
            return day, written
        if _ORDER.index(stated) < _ORDER.index(written):
            raise self.problem(
                "date-precision-contradicts",
                precision_column,
                f"「{raw}」からは {stated.value} の精度は分かりません。日付か精度を直してください。",
                f"'{raw}' is not known to the {stated.value}; correct the date or its precision.",
            )
        return last_possible_day(day, stated), stated

    def instant(self, column: str) -> datetime | None:
        """An instant in UTC. Without a zone it is Japan's time, a bare date its midnight. Raises "instant-wrong"."""
        raw = self.optional(column)
        if raw is None:
            return None
        try:
            value = datetime.fromisoformat(plain(raw))
        except ValueError:
            raise self.problem(
                "instant-wrong",
                column,
                f"「{raw}」は日時として読めません（例 2017-04-01T09:00:00+09:00）。",
                f"'{raw}' is not a date and time (for example 2017-04-01T09:00:00+09:00).",
            ) from None
        return (value if value.tzinfo is not None else value.replace(tzinfo=TOKYO)).astimezone(UTC)

    def position(self, *, crs: int = 6668, lat: str = "lat", lon: str = "lon") -> tuple[float, float]:
        """(lat, lon) in degrees JGD2011, from EPSG ``crs``.

        Raises "position-zero" (0, 0), "position-swapped", "outside-japan", "number-wrong" or "cell-empty".
        """
        shown = self.text(lat), self.text(lon)
        north, east = self._number(lat, shown[0]), self._number(lon, shown[1])
        if north == 0 and east == 0:
            raise self.problem(
                "position-zero",
                lat,
                "緯度・経度が 0, 0 です。正しい位置を入れてください。",
                "latitude and longitude are 0, 0; enter the real position.",
            )
        if in_japan(north, east):
            east, north = lonlat_point(east, north, crs)
            return north, east
        swapped = in_japan(east, north)
        raise self.problem(
            "position-swapped" if swapped else "outside-japan",
            lat,
            f"位置 {shown[0]}, {shown[1]} は"
            + (
                "緯度と経度が逆のようです。入れ替えてください。"
                if swapped
                else "日本の外です。緯度・経度を確かめてください。"
            ),
            f"the position {shown[0]}, {shown[1]} "
            + (
                "seems to have latitude and longitude swapped; exchange them."
                if swapped
                else "lies outside Japan; check latitude and longitude."
            ),
        )

    def one_of(self, column: str, known: Sequence[str]) -> str:
        """Text that is one of ``known``. Raises "word-unknown"."""
        value = self.text(column)
        if value in known:
            return value
        raise self.problem(
            "word-unknown",
            column,
            f"「{value}」は使えません。{'・'.join(known)} のいずれかにしてください。",
            f"'{value}' is unknown; use one of {', '.join(known)}.",
        )

    def _number(self, column: str, raw: str) -> float:
        text = plain(raw)
        if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text):
            text = text.replace(",", "")
        if not _NUMBER.fullmatch(text):
            raise self.problem(
                "number-wrong",
                column,
                f"値「{raw}」は数ではありません。数字だけで書いてください。",
                f"'{raw}' is not a number; write digits only.",
            )
        return float(text)

    def _date(
        self, column: str, raw: str, *, bare_year: DatePrecision = DatePrecision.YEAR
    ) -> tuple[date, DatePrecision]:
        try:
            read = read_date(raw, bare_year=bare_year)
        except InputError as problem:
            raise self.problem(problem.code, column, problem.ja, problem.en) from None
        return read.day, read.precision
