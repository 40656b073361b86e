"""Municipality codes (JIS X 0402): five digits inside the product, six with the check digit in other systems.

The first two digits are the prefecture (JIS X 0401); 24000 is the prefecture itself. The sixth digit is defined by the
Ministry of Internal Affairs (全国地方公共団体コード, 検査数字): weights 6 5 4 3 2, then 11 less the sum modulo 11, of
which the last digit is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from coverage.errors import InputError

_WEIGHTS = (6, 5, 4, 3, 2)


def check_digit(code: str) -> int:
    """The sixth digit of a five-digit code: 99201 → 1. Raises InputError "municipality-code-invalid"."""
    if not is_valid(code):
        raise _invalid(code)
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, code, strict=True))
    return (11 - total % 11) % 10


def is_valid(code: str) -> bool:
    """Whether this is a five-digit code in ASCII digits with a prefecture part other than 00."""
    return re.fullmatch(r"[0-9]{5}", code) is not None and code[:2] != "00"


def six_digits(code: str) -> str:
    """99201 → 992011. Errors as :func:`check_digit`."""
    return f"{code}{check_digit(code)}"


def five_digits(code: str) -> str:
    """992011 → 99201. Raises InputError "municipality-code-check-digit" where the sixth digit does not belong."""
    if re.fullmatch(r"[0-9]{6}", code) is None:
        raise _invalid(code)
    if check_digit(code[:5]) != int(code[5]):
        raise InputError(
            "municipality-code-check-digit",
            f"市区町村コード「{code}」の検査数字が合いません（{code[:5]} なら {six_digits(code[:5])}）。"
            "入力を確かめてください。",
            f"The check digit of the municipality code '{code}' is wrong ({code[:5]} has {six_digits(code[:5])}); "
            "check what was typed.",
        )
    return code[:5]


def prefecture_code(code: str) -> str:
    """99201 → 99. Raises InputError "municipality-code-invalid"."""
    if not is_valid(code):
        raise _invalid(code)
    return code[:2]


def is_prefecture(code: str) -> bool:
    """Whether a five-digit code names a whole prefecture (24000)."""
    return is_valid(code) and code.endswith("000")


def parse_municipality_code(text: str | int | float, *, prefecture: str | None = None) -> str:
    """A five-digit code from what files carry: five or six digits, full-width, blanks around, "99201.0".

    ``prefecture`` is the two-digit prefecture that it must belong to, if given. A code whose leading zero a
    spreadsheet has dropped (1100 for 01100) is refused, not repaired: with six digits the repair could be wrong.
    Raises InputError "municipality-code-invalid", "municipality-code-check-digit" or
    "municipality-code-other-prefecture".
    """
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", str(text)))
    match = re.fullmatch(r"([0-9]{5,6})(?:\.0*)?", plain)
    if match is None:
        raise _invalid(str(text))
    code = five_digits(match[1]) if len(match[1]) == 6 else match[1]
    if not is_valid(code):
        raise _invalid(str(text))
    if prefecture is not None and code[:2] != prefecture:
        raise InputError(
            "municipality-code-other-prefecture",
            f"市区町村コード「{code}」は都道府県コード {prefecture} のものではありません。コードを確かめてください。",
            f"The municipality code '{code}' does not belong to prefecture {prefecture}; check the code.",
        )
    return code


def present_code(code: str, mergers: Mapping[str, str]) -> str:
    """The code that a municipality has today, following ``mergers`` (old → new) to the end.

    Raises InputError "municipality-mergers-circular" where the table leads back to itself.
    """
    seen = [code]
    while (following := mergers.get(seen[-1])) is not None and following != seen[-1]:
        if following in seen:
            chain = " → ".join([*seen, following])
            raise InputError(
                "municipality-mergers-circular",
                f"市町村合併の対応表が循環しています（{chain}）。対応表を直してください。",
                f"The table of municipal mergers runs in a circle ({chain}); correct the table.",
            )
        seen.append(following)
    return seen[-1]


def _invalid(shown: str) -> InputError:
    return InputError(
        "municipality-code-invalid",
        f"「{shown}」は市区町村コード（JIS X 0402、5桁または検査数字付き6桁）ではありません。"
        "先頭の0が落ちていないか確かめてください。",
        f"'{shown}' is not a municipality code (JIS X 0402, five digits or six with the check digit); "
        "check whether a leading zero was lost.",
    )
