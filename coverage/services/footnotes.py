"""脚注 that people write to the value of an indicator in a fiscal year: enter, correct, withdraw, list.

Those who may edit actuals may write them. Nothing is overwritten: each change is an event with who, when and why, and a
look back finds the words of then. Pages, report, workbook and files print them after what the count says by itself.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from coverage.domain import fiscal
from coverage.domain.ledger import Footnote
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.store.events import Kind, join_key
from coverage.store.journal import FOOTNOTE_CHARACTERS
from coverage.store.protocol import Receipt, Store, Versioned

if TYPE_CHECKING:
    from coverage.domain.indicators import IndicatorSet

__all__ = [
    "MOST_CHARACTERS",
    "MOST_REASON",
    "ListedFootnote",
    "Receipt",
    "add",
    "correct",
    "held",
    "indicators_of",
    "listed",
    "undo",
    "withdraw",
    "years_of",
]

MOST_CHARACTERS: Final = FOOTNOTE_CHARACTERS
MOST_NOTES: Final = 20
"""To one value: they share a cell of the workbook, and a reader's patience."""
MOST_REASON: Final = 500
_ACTUAL = Resource(Object.ACTUAL)
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of characters that break a line or turn its direction without being seen."""


@dataclass(frozen=True, slots=True)
class ListedFootnote:
    """A footnote with what an editor must hand back, who entered it first, and when and why it was last changed."""

    note: Footnote
    version: int
    entered_by: str
    entered_at: datetime
    changed_at: datetime
    reason: str


def indicators_of(context: AppContext, sheet: IndicatorSet | None) -> list[str]:
    """Codes that can have footnotes: the policy sheet's, and the counted indicator without a sheet, too."""
    codes = [] if sheet is None else [indicator.code for indicator in sheet.indicators]
    counted = context.config.counting.indicator
    return codes if counted in codes else [*codes, counted]


def years_of(context: AppContext, sheet: IndicatorSet | None, indicator: str) -> list[int]:
    """Fiscal years whose value of ``indicator`` is printed somewhere: the sheet's, for the count the region's as well."""
    years = set() if sheet is None else set(sheet.fiscal_years)
    if indicator == context.config.counting.indicator:
        years |= set(context.config.fiscal_years)
    return sorted(years)


def listed(
    store: Store,
    *,
    principal: Principal,
    indicator: str | None = None,
    fiscal_year: int | None = None,
    withdrawn: bool = False,
    as_of: datetime | None = None,
) -> list[ListedFootnote]:
    """The footnotes by indicator and year in the order in which they are printed; ``withdrawn``: those, too.

    ``as_of`` (aware): as they stood then.
    """
    authorise(principal, Action.VIEW, _ACTUAL)
    found = []
    for one in store.versioned(Kind.FOOTNOTE, as_of=as_of):
        note: Footnote = one.record
        if (note.withdrawn and not withdrawn) or indicator not in (None, note.indicator):
            continue
        if fiscal_year in (None, note.fiscal_year):
            steps = [s for s in store.history(Kind.FOOTNOTE, one.key) if s.version <= one.version]
            found.append(
                ListedFootnote(note, one.version, steps[0].actor, steps[0].at, steps[-1].at, steps[-1].reason)
            )
    return sorted(
        found,
        key=lambda f: (f.note.indicator, f.note.fiscal_year, len(f.note.footnote_id), f.note.footnote_id),
    )


def add(
    context: AppContext,
    store: Store,
    sheet: IndicatorSet | None,
    indicator: str,
    fiscal_year: int,
    *,
    ja: str,
    en: str = "",
    reason: str = "",
    principal: Principal,
) -> Receipt:
    """Write a footnote; its number is the receipt's ``key``. ``reason``: for the history, may be empty.

    Raises PermissionDeniedError, NotFoundError for an indicator or year that is printed nowhere, InputError for words
    that cannot be, ConflictError where the same words stand there already or the value has its fill of footnotes.
    """
    authorise(principal, Action.EDIT, _ACTUAL)
    _require_printed(context, sheet, indicator, fiscal_year)
    if len(listed(store, principal=principal, indicator=indicator, fiscal_year=fiscal_year)) >= MOST_NOTES:
        raise ConflictError(
            "footnotes-full",
            f"この値の脚注は {MOST_NOTES} 件までです。要らない脚注を取り下げるか、一つにまとめてください。",
            f"A value has up to {MOST_NOTES} footnotes; withdraw one that is not needed or put two together.",
        )
    return store.add_footnote(
        indicator,
        fiscal_year,
        ja=_words(ja, needed=True),
        en=_words(en),
        by=principal.actor,
        reason=_reason(reason, needed=False),
    )


def correct(
    store: Store,
    footnote_id: str,
    *,
    ja: str,
    en: str = "",
    reason: str,
    expected_version: int,
    principal: Principal,
) -> Receipt:
    """Other words for a footnote. ``expected_version``: what the editor saw.

    Raises EditConflictError, which says who was faster, ConflictError for one that was withdrawn, and what
    :func:`add` raises. The same words again write nothing.
    """
    authorise(principal, Action.EDIT, _ACTUAL)
    _standing(store, footnote_id)
    return store.correct_footnote(
        footnote_id,
        ja=_words(ja, needed=True),
        en=_words(en),
        by=principal.actor,
        expected_version=expected_version,
        reason=_reason(reason, needed=True),
    )


def withdraw(
    store: Store, footnote_id: str, *, reason: str, expected_version: int, principal: Principal
) -> Receipt:
    """Print a footnote no more; it stays in the history. Raises as :func:`correct` does."""
    authorise(principal, Action.EDIT, _ACTUAL)
    _standing(store, footnote_id)
    return store.withdraw_footnote(
        footnote_id,
        by=principal.actor,
        expected_version=expected_version,
        reason=_reason(reason, needed=True),
    )


def undo(store: Store, footnote_id: str, *, expected_version: int, principal: Principal) -> Receipt:
    """Give a footnote back what it said before its last change, as a new event; a new one is withdrawn.

    Raises EditConflictError where somebody changed it since ``expected_version``, NotFoundError.
    """
    authorise(principal, Action.EDIT, _ACTUAL)
    now = _held(store, footnote_id)
    before = store.get(Kind.FOOTNOTE, now.key, as_of=now.tx - 1)
    if before is None or before.record.withdrawn:
        return store.withdraw_footnote(
            footnote_id, by=principal.actor, expected_version=expected_version, reason="取消し / undo"
        )
    return store.correct_footnote(
        footnote_id,
        ja=before.record.ja,
        en=before.record.en,
        by=principal.actor,
        expected_version=expected_version,
        reason="取消し / undo",
    )


def held(store: Store, footnote_id: str, *, principal: Principal) -> Versioned:
    """One footnote with the version that changing it needs. Raises NotFoundError."""
    authorise(principal, Action.VIEW, _ACTUAL)
    return _held(store, footnote_id)


def _held(store: Store, footnote_id: str) -> Versioned:
    found = store.get(Kind.FOOTNOTE, join_key([footnote_id])) if footnote_id else None
    if found is None:
        raise NotFoundError(
            "footnote-not-found",
            f"脚注「{footnote_id[:40]}」は台帳にありません。一覧で番号を確かめてください。",
            f"There is no footnote '{footnote_id[:40]}' in the ledger; look its number up in the list.",
        )
    return found


def _standing(store: Store, footnote_id: str) -> None:
    now = _held(store, footnote_id)
    if now.record.withdrawn:
        last = store.history(Kind.FOOTNOTE, now.key)[-1]
        when = last.at.astimezone(fiscal.TOKYO).strftime("%Y-%m-%d %H:%M")
        raise ConflictError(
            "footnote-withdrawn",
            f"脚注 {footnote_id} は {last.actor} さんが {when} に取り下げています。必要なら新しく書いてください。",
            f"The footnote {footnote_id} was withdrawn by {last.actor} at {when} (JST); write a new one if it is needed.",
        )


def _require_printed(
    context: AppContext, sheet: IndicatorSet | None, indicator: str, fiscal_year: int
) -> None:
    if indicator not in indicators_of(context, sheet):
        raise NotFoundError(
            "indicator-not-found",
            f"指標 {indicator[:20]} は施策シートにありません。シートにある番号を選んでください。",
            f"The policy sheet has no indicator {indicator[:20]}; choose one of its codes.",
        )
    if fiscal_year not in years_of(context, sheet, indicator):
        raise NotFoundError(
            "footnote-year-not-printed",
            f"指標 {indicator} の{fiscal.label_ja(fiscal_year)}の値はどこにも載りません。表にある年度を選んでください。",
            f"No value of indicator {indicator} is printed for FY{fiscal_year}; choose a year of the table.",
        )


def _words(text: str, *, needed: bool = False) -> str:
    words = text.strip()
    if needed and not words:
        raise InputError(
            "footnote-empty",
            "脚注の文がありません。日本語で一文を書いてください。",
            "The footnote has no words; write one sentence in Japanese.",
        )
    if len(words) > MOST_CHARACTERS:
        raise InputError(
            "footnote-too-long",
            f"脚注は {MOST_CHARACTERS} 文字までです（いま {len(words)} 文字）。短くしてください。",
            f"A footnote has up to {MOST_CHARACTERS} characters (this one {len(words)}); shorten it.",
        )
    if any(unicodedata.category(character) in _UNSEEN for character in words):
        raise InputError(
            "footnote-control-characters",
            "脚注に改行や目に見えない制御文字があります。一行の文字だけで書いてください。",
            "The footnote holds line breaks or unseen control characters; write one line of plain characters.",
        )
    return words


def _reason(text: str, *, needed: bool) -> str:
    reason = text.strip()
    if (needed and not reason) or len(reason) > MOST_REASON:
        raise InputError(
            "footnote-without-reason",
            f"理由が空か、{MOST_REASON} 文字を超えています。なぜ変えるのかを 1〜{MOST_REASON} 文字で書いてください。",
            f"The reason is missing or longer than {MOST_REASON} characters; say why in 1 to {MOST_REASON} characters.",
        )
    return reason
