"""Fiscal years, eras and dates as staff write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.domain import fiscal
from coverage.domain.ledger import DatePrecision
from coverage.errors import InputError

JST = timezone(timedelta(hours=9))
DAYS = st.dates(date(1930, 1, 1), date(2190, 12, 31))


def code_of(call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)  # type: ignore[operator]
    assert caught.value.ja
    assert caught.value.en
    return caught.value.code


def dated(value: str | date, **more: DatePrecision) -> tuple[date, DatePrecision]:
    """The last day that what is written allows, and to what it is known."""
    read = fiscal.read_date(value, **more)
    return read.day, read.precision


def test_31_march_closes_the_year_and_1_april_opens_the_next() -> None:
    assert fiscal.fiscal_year(date(2017, 3, 31)) == 2016
    assert fiscal.fiscal_year(date(2017, 4, 1)) == 2017


@pytest.mark.parametrize(
    ("instant", "fy"),
    [
        (datetime(2017, 3, 31, 23, 59, tzinfo=JST), 2016),
        (datetime(2017, 4, 1, 0, 0, tzinfo=JST), 2017),
        (datetime(2017, 3, 31, 14, 59, tzinfo=UTC), 2016),
        (datetime(2017, 3, 31, 15, 0, tzinfo=UTC), 2017),
    ],
)
def test_instants_are_dated_in_tokyo(instant: datetime, fy: int) -> None:
    assert fiscal.fiscal_year(instant) == fy


def test_a_time_without_a_zone_has_no_fiscal_year() -> None:
    assert code_of(fiscal.fiscal_year, datetime(2017, 3, 31, 23, 59)) == "time-without-zone"


@given(DAYS)
def test_each_day_lies_between_the_first_and_last_day_of_its_year(day: date) -> None:
    fy = fiscal.fiscal_year(day)
    assert fiscal.first_day(fy) <= day <= fiscal.last_day(fy)
    assert fiscal.last_day(fy) + timedelta(days=1) == fiscal.first_day(fy + 1)


@pytest.mark.parametrize(
    ("fy", "ja", "short"),
    [
        (2016, "平成28年度", "H28"),
        (2018, "平成30年度", "H30"),
        (2019, "令和元年度", "R1"),
        (2020, "令和2年度", "R2"),
        (1989, "平成元年度", "H1"),
        (1988, "昭和63年度", "S63"),
        (1927, "昭和2年度", "S2"),
    ],
)
def test_labels(fy: int, ja: str, short: str) -> None:
    assert fiscal.label_ja(fy) == ja
    assert fiscal.short_label(fy) == short
    assert fiscal.label_en(fy) == f"FY{fy}"
    assert fiscal.label(fy, "ja") == ja
    assert fiscal.label(fy, "en") == f"FY{fy}"


def test_2019_has_two_names_and_both_are_read() -> None:
    assert fiscal.label_ja(2019, both=True) == "平成31年度（令和元年度）"
    assert fiscal.label_ja(2018, both=True) == "平成30年度"
    assert {fiscal.parse_fiscal_year(name) for name in ("平成31年度", "令和元年度", "31", "R1", "H31")} == {
        2019
    }


@given(st.integers(1926, 2117))
def test_every_label_is_read_back(fy: int) -> None:
    assert fiscal.parse_fiscal_year(fiscal.label_ja(fy)) == fy
    assert fiscal.parse_fiscal_year(fiscal.short_label(fy)) == fy
    assert fiscal.parse_fiscal_year(fiscal.label_en(fy)) == fy


@pytest.mark.parametrize(
    ("text", "fy"),
    [
        (28, 2016), ("28", 2016), ("1", 1989), ("30年度", 2018), ("３０年度", 2018), ("平成三十年度", 2018),
        ("平成 28 年度", 2016), ("H28年度", 2016), ("h30", 2018), ("㍻28年度", 2016), ("令和元年度", 2019),
        ("R１", 2019), ("2016", 2016), (2016, 2016), ("2016年度", 2016), ("FY2016", 2016), ("昭和六十三年度", 1988),
    ],
)  # fmt: skip
def test_fiscal_years_by_hand(text: str | int, fy: int) -> None:
    assert fiscal.parse_fiscal_year(text) == fy


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0", "fiscal-year-unreadable"), ("32", "fiscal-year-unreadable"), ("", "fiscal-year-unreadable"),
        ("平成", "fiscal-year-unreadable"), ("1850", "fiscal-year-unreadable"), ("H2016", "fiscal-year-unreadable"),
        ("平成32年度", "era-out-of-range"), ("昭和64年度", "era-out-of-range"), ("平成0年度", "era-out-of-range"),
        ("R0", "era-out-of-range"), ("28..30", "fiscal-year-unreadable"), ("-28", "fiscal-year-unreadable"),
    ],
)  # fmt: skip
def test_fiscal_years_that_cannot_be_read(text: str, code: str) -> None:
    assert code_of(fiscal.parse_fiscal_year, text) == code


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("28..31", (2016, 2017, 2018, 2019)),
        ("28", (2016,)),
        ("31,28,R1", (2016, 2019)),
        ("H30..R2", (2018, 2019, 2020)),
        ("2016..2017, 30年度", (2016, 2017, 2018)),
        ("28…29、31", (2016, 2017, 2019)),
    ],
)
def test_ranges_and_lists_of_the_command_line(text: str, years: tuple[int, ...]) -> None:
    assert fiscal.parse_fiscal_years(text) == years


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("31..28", "fiscal-years-range"),
        ("28..", "fiscal-year-unreadable"),
        ("28..29..30", "fiscal-year-unreadable"),
        ("28,,29", "fiscal-year-unreadable"),
    ],
)
def test_wrong_ranges_are_refused(text: str, code: str) -> None:
    assert code_of(fiscal.parse_fiscal_years, text) == code


def test_urls_and_files_take_western_years_only() -> None:
    assert fiscal.parse_western_fiscal_year("2016") == 2016
    for wrong in ("28", "H28", "２０１６", "20160", "", "1900", " 2016"):
        assert code_of(fiscal.parse_western_fiscal_year, wrong) == "fiscal-year-not-western"


@pytest.mark.parametrize(
    "text",
    [
        "2017-03-31", "2017/3/31", "2017.3.31", "20170331", "2017年3月31日", "２０１７年３月３１日", "H29.3.31",
        "h29/3/31", "H29-03-31", "平成29年3月31日", "平成２９年　３月３１日", "平29.3.31", "㍻29年3月31日",
        "平成二十九年三月三十一日", "二〇一七年三月三一日", "2017年3月31日(金)", "2017年3月31日（金曜日）",
        "2017-03-31 00:00:00", "2017/3/31 23:59", "2017-03-31T23:59:59+09:00", "2017-03-31T14:59:59Z",
        "2017-03-31 14:59 +0000", "2017-03-31T00:00:00.000", " 2017-03-31 ", "平成29年3月31日 9:00",
    ],
)  # fmt: skip
def test_the_same_day_in_every_notation(text: str) -> None:
    assert dated(text) == (date(2017, 3, 31), DatePrecision.DAY)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2017-03-31T15:00:00Z", date(2017, 4, 1)),
        ("2017-04-01T00:00:00+09:00", date(2017, 4, 1)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("R1.5.1", date(2019, 5, 1)),
        ("平成31年4月30日", date(2019, 4, 30)),
        ("S63.4.1", date(1988, 4, 1)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("平成元年1月8日", date(1989, 1, 8)),
        ("2020/2/29", date(2020, 2, 29)),
    ],
)
def test_days_at_the_edges(text: str, day: date) -> None:
    assert dated(text) == (day, DatePrecision.DAY)


@pytest.mark.parametrize(
    ("text", "day", "precision"),
    [
        ("2017年3月", date(2017, 3, 31), DatePrecision.MONTH),
        ("平成29年3月", date(2017, 3, 31), DatePrecision.MONTH),
        ("H30.2", date(2018, 2, 28), DatePrecision.MONTH),
        ("2020-02", date(2020, 2, 29), DatePrecision.MONTH),
        ("2018/4", date(2018, 4, 30), DatePrecision.MONTH),
        ("平成29年3月下旬", date(2017, 3, 31), DatePrecision.MONTH),
        ("平成31年4月", date(2019, 4, 30), DatePrecision.MONTH),
        ("30年度", date(2019, 3, 31), DatePrecision.FISCAL_YEAR),
        ("平成28年度", date(2017, 3, 31), DatePrecision.FISCAL_YEAR),
        ("平成28年度末", date(2017, 3, 31), DatePrecision.FISCAL_YEAR),
        ("平成三十年度", date(2019, 3, 31), DatePrecision.FISCAL_YEAR),
        ("令和元年度", date(2020, 3, 31), DatePrecision.FISCAL_YEAR),
        ("2016年度", date(2017, 3, 31), DatePrecision.FISCAL_YEAR),
        ("FY2016", date(2017, 3, 31), DatePrecision.FISCAL_YEAR),
        ("2017", date(2017, 12, 31), DatePrecision.YEAR),
        ("2017年", date(2017, 12, 31), DatePrecision.YEAR),
        ("H29", date(2017, 12, 31), DatePrecision.YEAR),
        ("令和元年", date(2019, 12, 31), DatePrecision.YEAR),
    ],
)
def test_coarser_dates_resolve_to_their_last_day(text: str, day: date, precision: DatePrecision) -> None:
    assert dated(text) == (day, precision)


@pytest.mark.parametrize("text", ["2018", "2018年", "H30", "平成30年", "30", "30年", "30年度", "平成30年度"])
def test_a_bare_year_in_a_column_of_fiscal_years_is_one(text: str) -> None:
    read = dated(text, bare_year=DatePrecision.FISCAL_YEAR)
    assert read == (date(2019, 3, 31), DatePrecision.FISCAL_YEAR)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "date-empty"), ("　", "date-empty"),
        ("17/3/15", "date-two-digit-year"), ("29.3.31", "date-two-digit-year"), ("29年3月31日", "date-two-digit-year"),
        ("29", "date-two-digit-year"),
        ("昭和65年", "era-out-of-range"), ("昭和65年4月1日", "era-out-of-range"), ("H31.5.1", "era-out-of-range"),
        ("平成31年5月", "era-out-of-range"), ("H32", "era-out-of-range"), ("令和元年4月30日", "era-out-of-range"),
        ("昭和64年1月8日", "era-out-of-range"), ("平成元年1月7日", "era-out-of-range"), ("H0.3.31", "era-out-of-range"),
        ("平成32年度", "era-out-of-range"), ("昭和64年度", "era-out-of-range"),
        ("2017-02-29", "date-does-not-exist"), ("2017/4/31", "date-does-not-exist"), ("H29.13.1", "date-does-not-exist"),
        ("2017年0月", "date-does-not-exist"), ("20170230", "date-does-not-exist"),
        ("2017-03-31 25:00", "date-does-not-exist"), ("2017-03-31T10:61:00Z", "date-does-not-exist"),
        ("5年度", "fiscal-year-era-missing"), ("50年度", "fiscal-year-era-missing"),
        ("42825", "date-excel-serial"), ("0017-03-31", "date-out-of-range"), ("9999-03-31", "date-out-of-range"),
        ("3/15/2018", "date-unreadable"), ("Mar-17", "date-unreadable"), ("未定", "date-unreadable"),
        ("大正15年3月1日", "date-unreadable"), ("2017/3/", "date-unreadable"), ("201703", "date-unreadable"),
        ("2017-03-31 or later", "date-unreadable"), ("平成2017年3月", "date-unreadable"), ("3月31日", "date-unreadable"),
        ("平成十十年", "date-unreadable"), ("1500年度", "fiscal-year-unreadable"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_for_certain_is_refused(text: str, code: str) -> None:
    assert code_of(fiscal.read_date, text) == code


def test_conversions_are_named() -> None:
    assert fiscal.read_date("H29.3.31").notes == ("era-converted",)
    assert fiscal.read_date("30年度").notes == ("era-assumed-heisei",)
    assert fiscal.read_date("2017-03-31").notes == ()


def test_cells_that_are_dates_already_pass_through() -> None:
    assert dated(date(2017, 3, 31)) == (date(2017, 3, 31), DatePrecision.DAY)
    assert dated(datetime(2017, 3, 31, 0, 0)) == (date(2017, 3, 31), DatePrecision.DAY)
    assert fiscal.read_date(datetime(2017, 3, 31, 15, 0, tzinfo=UTC)).day == date(2017, 4, 1)


@given(DAYS)
def test_a_day_written_by_its_era_is_read_back(day: date) -> None:
    era = next(era for era in fiscal.ERAS if era.covers(day, day))
    number = day.year - era.first.year + 1
    if number > 99:
        return
    for text in (
        f"{era.name_ja}{'元' if number == 1 else number}年{day.month}月{day.day}日",
        f"{era.letter}{number}.{day.month}.{day.day}",
        f"{era.letter}{number:02d}/{day.month:02d}/{day.day:02d}",
    ):
        assert dated(text) == (day, DatePrecision.DAY)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_with_a_code(text: str) -> None:
    codes = ["date-understood"]
    try:
        fiscal.read_date(text)
    except InputError as error:
        codes.append(error.code)
    assert codes[-1].startswith(("date-", "era-", "fiscal-year-"))


@given(DAYS, st.sampled_from(DatePrecision))
def test_the_last_possible_day_is_never_earlier_and_is_stable(day: date, precision: DatePrecision) -> None:
    last = fiscal.last_possible_day(day, precision)
    assert last >= day
    assert fiscal.last_possible_day(last, precision) == last
