"""A day or a moment in an address."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coverage.errors import InputError
from coverage.services.as_of import parse_as_of

NOW = datetime(2026, 4, 10, 3, 0, tzinfo=UTC)


def test_a_day_stands_for_its_end_in_japan() -> None:
    assert parse_as_of("2026-04-01", now=NOW) == datetime(2026, 4, 1, 14, 59, 59, 999999, tzinfo=UTC)


def test_today_can_be_named_before_it_is_over() -> None:
    assert parse_as_of("2026-04-10", now=NOW) > NOW


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-01T09:00:00+09:00",
        "2026-04-01T00:00:00Z",
        "2026-04-01t00:00:00.000z",
        "2026-04-01T09:00:00 09:00",  # what a + in an address is decoded to
        "2026-03-31T19:00:00-05:00",
        "2026-04-01T00:00:00.000000009Z",
    ],
)
def test_one_moment_in_every_spelling_of_rfc_3339(text: str) -> None:
    assert parse_as_of(text, now=NOW) == datetime(2026, 4, 1, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-4-1", "20260401", "2026-02-30", "2026-04-01T09:00:00", "2026-04-01T25:00:00Z", "H30.4.1",
     "2026-04-01T09:00:00+99:00", "0001-01-01T00:00:00+09:00", "２０２６-04-01", "2026-04-01T09:00Z", "9999-12-31"],
)  # fmt: skip
def test_everything_else_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_as_of(text, now=NOW)
    assert caught.value.code in {"as-of-unreadable", "as-of-in-the-future"}
    assert caught.value.ja.endswith("。")


@pytest.mark.parametrize("text", ["2026-04-11", "2026-04-10T03:00:01Z", "2030-01-01"])
def test_what_has_yet_to_come_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_as_of(text, now=NOW)
    assert caught.value.code == "as-of-in-the-future"
