"""JIS X 0402 codes with real examples."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.domain import municipality_code as codes
from coverage.errors import InputError

REAL = ["242012", "242021", "240001", "010006", "011002", "131016", "131130", "472018", "243035", "245623"]


@pytest.mark.parametrize("six", REAL)
def test_real_codes_carry_their_published_check_digit(six: str) -> None:
    assert codes.six_digits(six[:5]) == six
    assert codes.five_digits(six) == six[:5]


@given(st.integers(1000, 99999).map(lambda n: f"{n:05d}"), st.integers(0, 4), st.integers(1, 9))
def test_one_wrong_digit_is_noticed_unless_the_check_digit_folds(code: str, at: int, shift: int) -> None:
    # 11 less the remainder is folded to one digit, so remainders 0 and 10 share the digit 1: the only blind spot.
    wrong = code[:at] + str((int(code[at]) + shift) % 10) + code[at + 1 :]
    if not codes.is_valid(wrong):
        return
    remainder = {sum(w * int(d) for w, d in zip((6, 5, 4, 3, 2), c, strict=True)) % 11 for c in (code, wrong)}
    folded = remainder == {0, 10}
    assert (codes.check_digit(code) == codes.check_digit(wrong)) == folded


@pytest.mark.parametrize("six", ["242013", "240000", "131017"])
def test_a_wrong_check_digit_is_refused_and_the_right_one_named(six: str) -> None:
    with pytest.raises(InputError) as caught:
        codes.five_digits(six)
    assert caught.value.code == "municipality-code-check-digit"
    assert codes.six_digits(six[:5]) in caught.value.ja


def test_prefecture_part() -> None:
    assert codes.prefecture_code("24201") == "24"
    assert codes.is_prefecture("24000")
    assert not codes.is_prefecture("24201")
    with pytest.raises(InputError):
        codes.prefecture_code("2420")


@pytest.mark.parametrize(
    "text",
    [
        "24201",
        "242012",
        " 24201 ",
        "２４２０１",
        "２４２０１２",
        "24201.0",
        "242012.0",
        24201,
        242012,
        24201.0,
    ],
)
def test_codes_are_read_as_files_carry_them(text: str | int | float) -> None:
    assert codes.parse_municipality_code(text) == "24201"
    assert codes.parse_municipality_code(text, prefecture="24") == "24201"


@pytest.mark.parametrize(
    "text", ["", "2420", "1100", "津市", "24201a", "2420123", "00201", "2.4201E+05", "24201.5", "-24201"]
)
def test_text_that_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        codes.parse_municipality_code(text)
    assert caught.value.code == "municipality-code-invalid"


@pytest.mark.parametrize(
    "call", [codes.check_digit, codes.six_digits, codes.five_digits, codes.prefecture_code]
)
@pytest.mark.parametrize("text", ["津", "2420", "２４２０１", "00000", "2420123", ""])
def test_no_function_takes_what_is_no_code(call: Callable[[str], object], text: str) -> None:
    with pytest.raises(InputError) as caught:
        call(text)
    assert caught.value.code == "municipality-code-invalid"


def test_a_code_of_another_prefecture_is_refused_where_one_is_expected() -> None:
    with pytest.raises(InputError) as caught:
        codes.parse_municipality_code("23100", prefecture="24")
    assert caught.value.code == "municipality-code-other-prefecture"


def test_a_merger_is_followed_to_the_present_municipality() -> None:
    # 久居市 → 津市; a town that joined another first and a city later.
    mergers = {"24206": "24201", "24999": "24206"}
    assert codes.present_code("24206", mergers) == "24201"
    assert codes.present_code("24999", mergers) == "24201"
    assert codes.present_code("24201", mergers) == "24201"
    assert codes.present_code("24201", {"24201": "24201"}) == "24201"


def test_a_circle_of_mergers_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        codes.present_code("24001", {"24001": "24002", "24002": "24001"})
    assert caught.value.code == "municipality-mergers-circular"
