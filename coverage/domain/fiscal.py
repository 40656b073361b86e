"""Fiscal years (1 April to 31 March, named by the western year they begin in), eras, dates as staff write them.

A fiscal year is an ``int``: 2016 is 平成28年度, which ends on 31 March 2017. Instants are dated in Asia/Tokyo,
so service on 31 March 15:00 UTC already belongs to the next fiscal year. 平成31年度 and 令和元年度 are one year, 2019.

At the command line a bare 1-31 means 平成 (:func:`parse_fiscal_years`); in JSON, files and URLs a year is western
(:func:`parse_western_fiscal_year`). Dates of site lists come in every notation (:func:`read_date`); what cannot be
read for certain is refused with a code and never replaced by another date.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from coverage.domain.ledger import DatePrecision
from coverage.errors import InputError

TOKYO: Final = ZoneInfo("Asia/Tokyo")
MIN_FISCAL_YEAR: Final = 1926
MAX_FISCAL_YEAR: Final = 2199


class Era(NamedTuple):
    """A Japanese era: year 1 is ``first.year``; ``last`` is None for the present one."""

    name_ja: str
    letter: str
    first: date
    last: date | None

    def covers(self, first: date, last: date) -> bool:
        """Whether at least one day of the span lies in the era."""
        return last >= self.first and (self.last is None or first <= self.last)


ERAS: Final = (
    Era("令和", "R", date(2019, 5, 1), None),
    Era("平成", "H", date(1989, 1, 8), date(2019, 4, 30)),
    Era("昭和", "S", date(1926, 12, 25), date(1989, 1, 7)),
)
"""Newest first. No base station is older than 昭和."""

_HEISEI = ERAS[1]
_BARE_HEISEI_FROM = 20
"""In a file, 「30年度」 is 平成; below 20 it could be 令和 as well and is refused."""


@dataclass(frozen=True, slots=True)
class ReadDate:
    """A date as read from text. ``notes`` names each conversion: "era-converted", "era-assumed-heisei"."""

    day: date
    precision: DatePrecision
    notes: tuple[str, ...] = ()


def tokyo_date(instant: datetime) -> date:
    """The calendar date in Asia/Tokyo. Raises InputError "time-without-zone" for a naive datetime."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise InputError(
            "time-without-zone",
            f"時刻 {instant.isoformat()} に時差の指定がなく、日本時間の日付を決められません。",
            f"The time {instant.isoformat()} has no time zone, so its date in Japan is unknown.",
        )
    return instant.astimezone(TOKYO).date()


def fiscal_year(when: date | datetime) -> int:
    """Fiscal year of a date, or of an aware datetime (dated in Asia/Tokyo). Errors as :func:`tokyo_date`."""
    day = tokyo_date(when) if isinstance(when, datetime) else when
    return day.year if day.month >= 4 else day.year - 1


def first_day(fy: int) -> date:
    """1 April."""
    return date(fy, 4, 1)


def last_day(fy: int) -> date:
    """31 March of the following calendar year."""
    return date(fy + 1, 3, 31)


def last_possible_day(day: date, precision: DatePrecision) -> date:
    """The last day ``day`` can stand for: itself, its month's end, 31 March of its fiscal year, 31 December."""
    if precision is DatePrecision.MONTH:
        return day.replace(day=calendar.monthrange(day.year, day.month)[1])
    if precision is DatePrecision.FISCAL_YEAR:
        return last_day(fiscal_year(day))
    if precision is DatePrecision.YEAR:
        return date(day.year, 12, 31)
    return day


def label_ja(fy: int, *, both: bool = False) -> str:
    """「平成28年度」「令和元年度」. With ``both``, 2019 reads 「平成31年度（令和元年度）」."""
    names = [f"{era.name_ja}{_era_year(era, fy)}年度" for era in _eras_of(fy)]
    if len(names) == 2 and both:
        return f"{names[1]}（{names[0]}）"
    return names[0] if names else f"{fy}年度"


def short_label(fy: int) -> str:
    """「H28」「R1」, as printed in narrow columns."""
    eras = _eras_of(fy)
    return f"{eras[0].letter}{fy - eras[0].first.year + 1}" if eras else str(fy)


def label_en(fy: int) -> str:
    """ "FY2016"."""
    return f"FY{fy}"


def label(fy: int, lang: str) -> str:
    """:func:`label_en` for "en", else :func:`label_ja`."""
    return label_en(fy) if lang == "en" else label_ja(fy)


def parse_fiscal_year(text: str | int) -> int:
    """One fiscal year by a person's hand: 28, H28, R1, 30年度, 平成三十年度, 令和元年度, 2016, FY2016, 2016年度.

    A bare 1-31 means 平成 (the rule of the command line). Raises InputError "fiscal-year-unreadable", or
    "era-out-of-range" for a year that the era did not have (平成32年度, 昭和64年度).
    """
    shown = str(text).strip()
    plain = _plain(shown)
    if match := re.fullmatch(r"(?:FY)?(\d{4})(?:年度)?", plain, re.IGNORECASE):
        return _checked_fiscal_year(int(match[1]), shown)
    if match := re.fullmatch(rf"({_ERA_PATTERN})(\d{{1,2}})(?:年度?)?", plain, re.IGNORECASE):
        return _era_fiscal_year(_era(match[1]), int(match[2]), shown)
    if (match := re.fullmatch(r"(\d{1,2})(?:年度?)?", plain)) and 1 <= int(match[1]) <= 31:
        return _era_fiscal_year(_HEISEI, int(match[1]), shown)
    raise _unreadable_fiscal_year(shown)


def parse_fiscal_years(text: str) -> tuple[int, ...]:
    """Fiscal years of a command-line option: ``28..31``, ``28,29,R1``, ``2016..2019``; ascending, each once.

    Raises as :func:`parse_fiscal_year`, and InputError "fiscal-years-range" for a range that runs backwards.
    """
    years: set[int] = set()
    for part in unicodedata.normalize("NFKC", text).replace("、", ",").split(","):
        ends = re.split(r"\.{2,3}|…|‥", part)
        if len(ends) > 2:
            raise _unreadable_fiscal_year(text)
        first, last = parse_fiscal_year(ends[0]), parse_fiscal_year(ends[-1])
        if first > last:
            raise InputError(
                "fiscal-years-range",
                f"年度の範囲「{part.strip()}」は前後が逆です。古い年度から新しい年度の順に書いてください。",
                f"The range of fiscal years '{part.strip()}' runs backwards; write the earlier year first.",
            )
        years.update(range(first, last + 1))
    return tuple(sorted(years))


def parse_western_fiscal_year(text: str | int) -> int:
    """The fiscal year of JSON, files and URLs: four digits, western (``?fy=2016`` is 平成28年度).

    Raises InputError "fiscal-year-not-western" for anything else, 28 included.
    """
    shown = str(text)
    if not re.fullmatch(r"[0-9]{4}", shown) or not MIN_FISCAL_YEAR <= int(shown) <= MAX_FISCAL_YEAR:
        raise InputError(
            "fiscal-year-not-western",
            f"年度「{shown}」は西暦4桁で指定してください（平成28年度は 2016）。",
            f"Give the fiscal year '{shown}' as four western digits (2016 is 平成28年度).",
        )
    return int(shown)


def read_date(value: str | date, *, bare_year: DatePrecision = DatePrecision.YEAR) -> ReadDate:
    """A date as site lists carry it, with what it is known to.

    Understood: 2017-03-31 (with a time, too: one with a zone is dated in Tokyo), 2017/3/31, 2017.3.31,
    20170331, 2017年3月31日, H29.3.31, 平成29年3月31日, 令和元年5月1日, full-width and kanji digits, a weekday in
    brackets; a month alone (also with 上旬, 中旬, 下旬, 末); a fiscal year alone (平成28年度, 28年度, FY2016);
    a year alone, which is ``bare_year``: a calendar year, or FISCAL_YEAR in a column that says 年度.

    A month, fiscal year or year is returned by its last day. Raises InputError "date-empty",
    "date-two-digit-year" (29.3.31, 17/3/15), "era-out-of-range" (昭和65年, H31.5.1), "fiscal-year-era-missing"
    (5年度: 平成 or 令和?), "date-does-not-exist" (2月30日), "date-excel-serial" (42825), "date-out-of-range" or
    "date-unreadable".
    """
    if isinstance(value, datetime):
        return ReadDate(value.date() if value.tzinfo is None else tokyo_date(value), DatePrecision.DAY)
    if isinstance(value, date):
        return ReadDate(value, DatePrecision.DAY)
    shown = value.strip()
    if not shown:
        raise InputError("date-empty", "日付が空欄です。", "The date is empty.")
    text = unicodedata.normalize("NFKC", shown)
    whole_year = _read_fiscal_year(_plain(text), shown, bare_year)
    return whole_year if whole_year is not None else _read_calendar(text, shown)


_ERA_PATTERN = "|".join(f"{era.name_ja}|{era.name_ja[0]}|{era.letter}" for era in ERAS)
_TIME = re.compile(r"[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?$", re.IGNORECASE)
_CALENDAR = re.compile(
    rf"(?P<era>{_ERA_PATTERN})?(?P<year>\d{{1,4}})(?:年|[./-](?=\d)|$)"
    r"(?:(?P<month>\d{1,2})(?:月|[./-](?=\d)|$)(?:(?P<day>\d{1,2})日?|上旬|中旬|下旬|末)?)?",
    re.IGNORECASE,
)
_KANJI_DIGITS = {kanji: number for number, kanji in enumerate("〇一二三四五六七八九")} | {"零": 0}


def _plain(text: str) -> str:
    """NFKC, without blanks and weekdays, kanji numbers and 元年 as digits."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"\([月火水木金土日](曜日?)?\)", "", plain)
    plain = plain.replace("元年", "1年")
    return re.sub(r"[〇零一二三四五六七八九十]+(?=[年月日])", lambda run: _kanji_number(run[0]), plain)


def _kanji_number(run: str) -> str:
    """「三十一」 → "31", 「二〇一七」 → "2017"; a run that is neither stays as it is."""
    if "十" not in run:
        return "".join(str(_KANJI_DIGITS[kanji]) for kanji in run)
    tens, _, ones = run.partition("十")
    if len(tens) > 1 or len(ones) > 1 or "十" in ones:
        return run
    return str(10 * _KANJI_DIGITS.get(tens, 1) + _KANJI_DIGITS.get(ones, 0))


def _read_fiscal_year(plain: str, shown: str, bare_year: DatePrecision) -> ReadDate | None:
    """A fiscal year alone, or None where the text is something else."""
    mark = "(?:年度末?|年)?" if bare_year is DatePrecision.FISCAL_YEAR else "年度末?"
    if match := re.fullmatch(rf"FY(\d{{4}})|(\d{{4}}){mark}", plain, re.IGNORECASE):
        return _whole_year(_checked_fiscal_year(int(match[1] or match[2]), shown), ())
    if match := re.fullmatch(rf"({_ERA_PATTERN})(\d{{1,2}}){mark}", plain, re.IGNORECASE):
        return _whole_year(_era_fiscal_year(_era(match[1]), int(match[2]), shown), ("era-converted",))
    if match := re.fullmatch(rf"(\d{{1,2}}){mark}", plain):
        if not _BARE_HEISEI_FROM <= int(match[1]) <= 31:
            raise InputError(
                "fiscal-year-era-missing",
                f"年度「{shown}」は元号がなく、平成か令和か決められません。元号か西暦4桁を付けてください。",
                f"The fiscal year '{shown}' could be 平成 or 令和; add the era or write four western digits.",
            )
        return _whole_year(_era_fiscal_year(_HEISEI, int(match[1]), shown), ("era-assumed-heisei",))
    return None


def _whole_year(fy: int, notes: tuple[str, ...]) -> ReadDate:
    return ReadDate(last_day(fy), DatePrecision.FISCAL_YEAR, notes)


def _read_calendar(text: str, shown: str) -> ReadDate:
    """A day, a month or a calendar year, with or without a time."""
    time = _TIME.search(text)
    plain = _plain(text[: time.start()] if time else text)
    if re.fullmatch(r"\d{5}(\.\d+)?", plain):
        raise InputError(
            "date-excel-serial",
            f"日付「{shown}」は表計算ソフトの通し番号のようです。列の書式を日付にして保存し直してください。",
            f"The date '{shown}' looks like a spreadsheet's serial number; format the column as dates.",
        )
    if match := re.fullmatch(r"(\d{4})(\d\d)(\d\d)", plain):
        plain = "-".join(match.groups())
    match = _CALENDAR.fullmatch(plain)
    if match is None or len(match["year"]) == 3 or (match["era"] and len(match["year"]) > 2):
        raise _unreadable_date(shown)
    if match["era"] is None and len(match["year"]) < 4:
        raise InputError(
            "date-two-digit-year",
            f"日付「{shown}」は年が2桁で、西暦か元号か決められません。元号か西暦4桁を付けてください。",
            f"The year of the date '{shown}' has two digits; add the era or write four western digits.",
        )
    era = _era(match["era"]) if match["era"] else None
    year = int(match["year"]) + (era.first.year - 1 if era else 0)
    if era is not None and int(match["year"]) == 0:
        raise _out_of_era(era, shown)
    if not MIN_FISCAL_YEAR <= year <= MAX_FISCAL_YEAR:
        raise InputError(
            "date-out-of-range",
            f"日付「{shown}」の年が {MIN_FISCAL_YEAR}〜{MAX_FISCAL_YEAR} 年の外です。",
            f"The year of the date '{shown}' lies outside {MIN_FISCAL_YEAR} to {MAX_FISCAL_YEAR}.",
        )
    read = _resolve(year, match["month"], match["day"], shown)
    if era is not None and not era.covers(*read[:2]):
        raise _out_of_era(era, shown)
    if time is not None and read[2] is DatePrecision.DAY:
        read = (read[0], _day_of_instant(read[1], time, shown), read[2])
    return ReadDate(read[1], read[2], ("era-converted",) if era else ())


def _resolve(year: int, month: str | None, day: str | None, shown: str) -> tuple[date, date, DatePrecision]:
    """First and last day of what was written, and its precision."""
    try:
        if month is None:
            return date(year, 1, 1), date(year, 12, 31), DatePrecision.YEAR
        if day is None:
            first = date(year, int(month), 1)
            return first, last_possible_day(first, DatePrecision.MONTH), DatePrecision.MONTH
        exact = date(year, int(month), int(day))
    except ValueError:
        raise _no_such_date(shown) from None
    return exact, exact, DatePrecision.DAY


def _day_of_instant(day: date, time: re.Match[str], shown: str) -> date:
    """The date in Tokyo of a date with a time; without a zone the time is Japan's and the date stays."""
    zone = (time[4] or "").upper()
    try:
        instant = datetime.fromisoformat(
            f"{day.isoformat()}T{int(time[1]):02d}:{time[2]}:{time[3] or '00'}{zone}"
        )
    except ValueError:
        raise _no_such_date(shown) from None
    return tokyo_date(instant) if zone else day


def _era(name: str) -> Era:
    return next(era for era in ERAS if name.upper() in (era.name_ja, era.name_ja[0], era.letter))


def _era_year(era: Era, year: int) -> str:
    number = year - era.first.year + 1
    return "元" if number == 1 else str(number)


def _eras_of(fy: int) -> list[Era]:
    """Eras that a fiscal year is named by, newest first. 2019 has two; 1989 began in 平成."""
    return [era for era in ERAS if era.first.year <= fy and era.covers(first_day(fy), last_day(fy))]


def _era_fiscal_year(era: Era, number: int, shown: str) -> int:
    fy = era.first.year + number - 1
    if number < 1 or era not in _eras_of(fy):
        raise _out_of_era(era, shown)
    return _checked_fiscal_year(fy, shown)


def _checked_fiscal_year(fy: int, shown: str) -> int:
    if not MIN_FISCAL_YEAR <= fy <= MAX_FISCAL_YEAR:
        raise _unreadable_fiscal_year(shown)
    return fy


def _out_of_era(era: Era, shown: str) -> InputError:
    return InputError(
        "era-out-of-range",
        f"「{shown}」は{era.name_ja}の期間にありません。新しい元号か西暦4桁で書き直してください。",
        f"'{shown}' does not lie within the era {era.name_ja}; write the right era or four western digits.",
    )


def _unreadable_fiscal_year(shown: str) -> InputError:
    return InputError(
        "fiscal-year-unreadable",
        f"年度「{shown}」を読み取れません。28（平成28年度）、R1、2016 のように書いてください。",
        f"The fiscal year '{shown}' cannot be read; write it like 28 (平成28年度), R1 or 2016.",
    )


def _unreadable_date(shown: str) -> InputError:
    return InputError(
        "date-unreadable",
        f"日付「{shown}」を読み取れません。2017-03-31、平成29年3月31日、H29.3.31 のように書いてください。",
        f"The date '{shown}' cannot be read; write it like 2017-03-31, 平成29年3月31日 or H29.3.31.",
    )


def _no_such_date(shown: str) -> InputError:
    return InputError(
        "date-does-not-exist",
        f"日付「{shown}」は暦にありません。月と日を確かめてください。",
        f"The date '{shown}' does not exist; check the month and the day.",
    )
