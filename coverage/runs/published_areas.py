"""Areas that operators publish themselves: which edition stands for which fiscal year, and how every figure says so.

Such an area replaces the computed reach (:mod:`coverage.runs.pipeline`). A year takes the latest edition of its last day,
31 March. A year that is older than every edition takes the first one: it may hold ground that was not served yet, and
whoever compares years must know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from coverage.domain import fiscal
from coverage.domain.places import PublishedCoverage, edition_day
from coverage.domain.region import OperatorConfig


def in_force(published: Iterable[PublishedCoverage], operator: str, fiscal_year: int) -> PublishedCoverage | None:
    """The operator's areas that stand for a fiscal year; None where it publishes none."""
    own = [p for p in published if p.operator == operator]
    if len(own) < 2:
        return own[0] if own else None
    own.sort(key=_order)
    held = [p for p in own if _order(p) <= fiscal.last_day(fiscal_year).isoformat()]
    return held[-1] if held else own[0]


def _order(areas: PublishedCoverage) -> str:
    day = edition_day(areas.edition)
    return "" if day is None else day.isoformat()


@dataclass(frozen=True)
class _Span:
    """Consecutive fiscal years with one edition."""

    edition: str
    first: int
    last: int


def _spans(editions: Mapping[int, str]) -> list[_Span]:
    spans = []
    for edition, run in groupby(editions, editions.__getitem__):
        held = list(run)
        spans.append(_Span(edition, held[0], held[-1]))
    return spans


def _borrowed(editions: Mapping[int, str]) -> dict[int, str]:
    """Of the years with their editions, those that ended before the edition's day."""
    found = {}
    for fy, edition in editions.items():
        day = edition_day(edition)
        if day is not None and day > fiscal.last_day(fy):
            found[fy] = edition
    return found


def published_card(
    published: Sequence[PublishedCoverage], operators: Mapping[str, OperatorConfig], years: Sequence[int]
) -> dict[str, Any] | None:
    """The part of the model card; None where no operator publishes areas.

    ``editions`` by operator (of several, the one that the last year takes), ``years`` by operator and fiscal year, and
    the sentence in both languages.
    """
    named = sorted({p.operator for p in published})
    if not named:
        return None
    by_year = {
        op: {fy: areas.edition for fy in years if (areas := in_force(published, op, fy)) is not None}
        for op in named
    }
    said = _several if len(published) > len(named) else _single
    ja, en = said(by_year, operators)
    return {
        "editions": {op: by_year[op][max(years)] for op in named},
        "years": {op: {str(fy): edition for fy, edition in held.items()} for op, held in by_year.items()},
        "ja": ja,
        "en": en,
    }


def _single(
    by_year: Mapping[str, Mapping[int, str]], operators: Mapping[str, OperatorConfig]
) -> tuple[str, str]:
    """One edition an operator, for every year."""
    editions = {op: next(iter(held.values())) for op, held in by_year.items()}
    named_ja = "、".join(f"{operators[op].name_ja} {edition} 版" for op, edition in editions.items())
    named_en = ", ".join(f"{operators[op].name_en}: {edition}" for op, edition in editions.items())
    return (
        f"事業者の公表エリア（{named_ja}）を、どの年度にもそのまま使っています。版より前の年度では、当時まだ届いていなかった所を"
        "含むことがあります。年度の比較では注意してください。",
        f"Areas published by operators (edition, {named_en}) are used as they are for every fiscal year; in years before "
        "the edition they may hold ground that was not served then. Mind this when comparing years.",
    )


def _several(
    by_year: Mapping[str, Mapping[int, str]], operators: Mapping[str, OperatorConfig]
) -> tuple[str, str]:
    """Years with editions of their own, and the years that had to borrow a later one."""
    lines_ja, lines_en, early_ja, early_en = [], [], [], []
    for op, held in by_year.items():
        name_ja, name_en = operators[op].name_ja, operators[op].name_en
        spans, early = _spans(held), _spans(_borrowed(held))
        lines_ja.append(f"{name_ja} " + "・".join(f"{_years_ja(s)} {s.edition} 版" for s in spans))
        lines_en.append(f"{name_en}: " + "; ".join(f"{_years_en(s)} edition {s.edition}" for s in spans))
        early_ja += [f"{name_ja}の{_years_ja(s)}" for s in early]
        early_en += [f"{name_en} {_years_en(s)}" for s in early]
    ja = f"事業者の公表エリアは、各年度末までに出た最新の版を使っています（{'、'.join(lines_ja)}）。"
    en = f"Areas published by operators: each fiscal year takes the latest edition of its last day ({', '.join(lines_en)})."
    if early_ja:
        ja += (
            f"{'、'.join(early_ja)}は当時の版がなく最初の版で代えており、当時まだ届いていなかった所を含むことがあります。"
            "年度の比較では注意してください。"
        )
        en += (
            f" {', '.join(early_en)}: no edition of that time, the first one stands in and may hold ground that was not "
            "served then. Mind this when comparing years."
        )
    return ja, en


def _years_ja(span: _Span) -> str:
    first, last = fiscal.label_ja(span.first), fiscal.label_ja(span.last)
    return first if span.first == span.last else f"{first}〜{last}"


def _years_en(span: _Span) -> str:
    return f"FY{span.first}" if span.first == span.last else f"FY{span.first}–{span.last}"


def published_said(meta: Mapping[str, Any], lang: str) -> str:
    """The sentence of the run whose ``run.json`` is ``meta``; "" where no operator publishes areas."""
    return str(meta["model_card"].get("published_areas", {}).get(lang, ""))
