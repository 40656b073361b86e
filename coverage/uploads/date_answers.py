"""Dates that a list writes so that nobody can read them alone (「30年度」, 「29.3.31」, 42825, 2017), with a person's answer.

An answer is used only where the reading without it failed: what is clear needs none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from coverage.domain import fiscal
from coverage.domain.ledger import DatePrecision
from coverage.errors import InputError

TWO_DIGIT_YEARS: Final = ("heisei", "reiwa", "showa", "western")
SERIALS: Final = (1900, 1904)
BARE_YEARS: Final = ("fiscal", "calendar")
_ERAS: Final = {"heisei": "平成", "reiwa": "令和", "showa": "昭和"}
_EPOCHS: Final = {1900: date(1899, 12, 30), 1904: date(1904, 1, 1)}
_BARE: Final = re.compile(r"(\d{4}|(?:明治|大正|昭和|平成|令和|[MTSHR])\d{1,2})年?", re.IGNORECASE)

read_date_cached = lru_cache(maxsize=8192)(fiscal.read_date)


def read_date_answered(text: str, *, bare_year: DatePrecision, answers: Mapping[str, Any]) -> tuple[fiscal.ReadDate, bool]:
    """The date, and whether an answer was needed for it. Raises InputError as :func:`coverage.domain.fiscal.read_date`."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if answers.get("bare_year") == "fiscal" and bare_year is DatePrecision.YEAR and _BARE.fullmatch(plain):
        return read_date_cached(plain, bare_year=DatePrecision.FISCAL_YEAR), True
    try:
        return read_date_cached(plain, bare_year=bare_year), False
    except InputError as problem:
        second = rewritten(problem.code, plain, answers)
        if second is None:
            raise
    return read_date_cached(second, bare_year=bare_year), True


def rewritten(code: str, plain: str, answers: Mapping[str, Any]) -> str | None:
    """The text as the answer to ``code`` has it; None where there is no answer to it."""
    if code == "date-excel-serial" and (epoch := _EPOCHS.get(answers.get("serial"))):  # type: ignore[arg-type]
        return (epoch + timedelta(days=int(float(plain)))).isoformat()
    year = answers.get("two_digit_year")
    if code not in ("date-two-digit-year", "fiscal-year-era-missing") or year is None:
        return None
    found = re.match(r"(\d{1,2})(?!\d)", plain)
    if found is None:
        return None
    if year == "western":
        return f"20{int(found[1]):02d}{plain[found.end():]}"
    return _ERAS[year] + plain


def answered_text(text: str, answers: Mapping[str, Any], *, fiscal_year: bool = False) -> str:
    """A cell of a table that is no site list, as its reader understands it: the same text where no answer is needed."""
    if not answers or not text:
        return text
    plain = unicodedata.normalize("NFKC", text).strip()
    if fiscal_year:
        bare = re.fullmatch(r"(\d{1,2})(?:年度?)?", plain)
        return text if bare is None else rewritten("fiscal-year-era-missing", plain, answers) or text
    try:
        read_date_cached(plain)
    except InputError as problem:
        return rewritten(problem.code, plain, answers) or text
    return text
