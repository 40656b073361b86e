"""The journal of the count: opening balance, allocations, restatements, published years, answers, publications.

The rules are those of the counting rule (docs/counting.md): a site entered late is allocated against the opening
balance and the total stays; a published year keeps its printed value; a correction is an entry of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from coverage.domain.ledger import Ledger
from coverage.errors import ConflictError, InputError, NotFoundError
from coverage.store.canonical import one_line, plain_json, sha256_hex
from coverage.store.editing import Editing, close, edit, not_found, require_text
from coverage.store.events import TABLES, Change, Kind, join_key
from coverage.store.protocol import Actor, PublicationCheck, Receipt, ValueDifference
from coverage.store.records import Publication
from coverage.store.session import Session
from coverage.store.writing import Writing

FOOTNOTE_CHARACTERS = 300
"""A footnote is a line below a table, not a report."""


class Journal(Editing):
    """The doors through which the count itself is changed. Every entry says who and why."""

    def set_opening_balance(
        self,
        fiscal_year: int,
        value: int,
        *,
        source: str,
        decided_on: date | None,
        by: Actor,
        expected_version: int,
    ) -> Receipt:
        """Sites built up to and including ``fiscal_year``, as one number with its source.

        Raises InputError for a negative value, ConflictError when more sites are allocated against it already.
        """
        if value < 0:
            raise InputError(
                "opening-balance-negative",
                f"開始値 {value} は負の数です。0 以上にしてください。",
                f"The opening balance {value} is negative; give 0 or more.",
            )
        values = {"fiscal_year": fiscal_year, "value": value, "source": source, "decided_on": decided_on}
        with self._transaction(by) as writing:
            allocated = _count(writing.session, Kind.ALLOCATION)
            if allocated > value:
                raise ConflictError(
                    "opening-balance-below-allocations",
                    f"開始値 {value} は、すでに割り当てた {allocated} 局より小さくできません。先に割当を取り消してください。",
                    f"The opening balance cannot be {value}: {allocated} sites are allocated against it; take "
                    "allocations back first.",
                )
            key = edit(writing, Kind.OPENING_BALANCE, values, expected_version=expected_version)
            return close(writing, "opening-balance", f"opening_balance:{key}", {"source": source})

    def allocate(self, site_id: str, *, by: Actor, reason: str = "") -> Receipt:
        """Count a historical site as part of the opening balance: the total stays as it is.

        Raises NotFoundError for an unknown site, ConflictError without an opening balance or where it is used up,
        InputError for a site that started service after the opening year.
        """
        with self._transaction(by) as writing:
            plain = TABLES[Kind.ALLOCATION].plain({"site_id": site_id})
            key = join_key([plain["site_id"]])
            writing.books.load(Kind.SITE, [plain["site_id"]])
            if not writing.books.exists(Kind.SITE, key):
                raise not_found(Kind.SITE, key)
            writing.books.load(Kind.ALLOCATION, [plain["site_id"]])
            if writing.books.exists(Kind.ALLOCATION, key):
                return close(writing, "allocate", f"allocation:{key}", {})
            fiscal_year, value = _opening(writing)
            if _count(writing.session, Kind.ALLOCATION) + 1 > value:
                raise ConflictError(
                    "opening-balance-exhausted",
                    f"開始値 {value} はすべて割り当て済みです。「{key}」を割り当てるには、開始値を修正してください。",
                    f'All {value} sites of the opening balance are allocated; correct the balance to allocate "{key}".',
                )
            _require_service_before(writing, plain["site_id"], fiscal_year)
            writing.apply(Change(Kind.ALLOCATION, plain), plain)
            return close(writing, "allocate", f"allocation:{key}", {"reason": reason} if reason else {})

    def restate(self, effective_fy: int, amount: int, *, reason: str, by: Actor) -> Receipt:
        """A journal entry that corrects the series from ``effective_fy`` on; ``amount`` may be negative, never 0."""
        if amount == 0:
            raise InputError(
                "restatement-zero",
                "修正仕訳の増減が 0 です。増減を入れてください。",
                "The restatement's amount is 0; give the amount.",
            )
        reason = require_text(reason, ja="修正の理由", en="reason of the restatement", limit=1000)
        values = {"effective_fy": effective_fy, "amount": amount, "author": by.user_id, "reason": reason}
        with self._transaction(by) as writing:
            key = edit(writing, Kind.RESTATEMENT, values, expected_version=0)
            return close(writing, "restate", f"restatement:{key}", {"reason": reason})

    def freeze_year(self, fiscal_year: int, value: int, *, published_on: date, by: Actor) -> Receipt:
        """Set the printed value of a published year. Raises ConflictError when the year was published before."""
        with self._transaction(by) as writing:
            _freeze(writing, fiscal_year, value, published_on)
            return close(writing, "freeze", f"frozen_year:{fiscal_year}", {"value": value})

    def add_footnote(
        self, indicator: str, fiscal_year: int, *, ja: str, en: str = "", by: Actor, reason: str = ""
    ) -> Receipt:
        """A footnote that a person wrote to an indicator's value in a year. Its number is the receipt's ``key``.

        Raises ConflictError "footnote-exists" where the same words stand there already.
        """
        ja = require_text(ja, ja="脚注", en="footnote", limit=FOOTNOTE_CHARACTERS)
        with self._transaction(by) as writing:
            plain = TABLES[Kind.FOOTNOTE].plain(
                {"indicator": indicator, "fiscal_year": fiscal_year, "ja": ja}
            )
            same = writing.session.all(
                "SELECT e.footnote_id FROM footnote_current e WHERE e.indicator = :indicator "
                "AND e.fiscal_year = :fiscal_year AND e.ja = :ja AND NOT e.withdrawn",
                {name: plain[name] for name in ("indicator", "fiscal_year", "ja")},
            )
            if same:
                raise ConflictError(
                    "footnote-exists",
                    f"同じ脚注（{same[0][0]}）がもうあります。直すときは訂正を使ってください。",
                    f"The same footnote ({same[0][0]}) is there already; correct that one instead.",
                )
            footnote_id = self._footnote_id(writing, f"{plain['indicator']}-{plain['fiscal_year']}")
            values = {**plain, "footnote_id": footnote_id, "en": en.strip(), "author": by.user_id}
            key = edit(writing, Kind.FOOTNOTE, values, expected_version=0)
            return close(writing, "footnote.add", f"footnote:{key}", {"reason": reason} if reason else {})

    def correct_footnote(
        self, footnote_id: str, *, ja: str, en: str, by: Actor, expected_version: int, reason: str
    ) -> Receipt:
        """Other words for a footnote, which says from now on who worded it last; one that was withdrawn stands again.

        Raises NotFoundError, EditConflictError.
        """
        ja = require_text(ja, ja="脚注", en="footnote", limit=FOOTNOTE_CHARACTERS)
        values = {"ja": ja, "en": en.strip(), "withdrawn": False}
        return self._say_footnote(footnote_id, values, "correct", by, expected_version, reason)

    def withdraw_footnote(
        self, footnote_id: str, *, by: Actor, expected_version: int, reason: str
    ) -> Receipt:
        """Print a footnote no more. It stays in the history, and a look back finds it. Raises as a correction does."""
        return self._say_footnote(footnote_id, {"withdrawn": True}, "withdraw", by, expected_version, reason)

    def _say_footnote(
        self,
        footnote_id: str,
        values: dict[str, Any],
        action: str,
        by: Actor,
        expected_version: int,
        reason: str,
    ) -> Receipt:
        reason = require_text(reason, ja="理由", en="reason", limit=1000)
        key = join_key([footnote_id])
        with self._transaction(by) as writing:
            writing.books.load_keys(Kind.FOOTNOTE, [key])
            held = writing.current(Kind.FOOTNOTE, key)
            if held is None:
                raise not_found(Kind.FOOTNOTE, footnote_id)
            if any(held[name] != value for name, value in values.items()) and not values.get("withdrawn"):
                values["author"] = by.user_id
            edit(writing, Kind.FOOTNOTE, values, expected_version=expected_version, key=key)
            return close(writing, f"footnote.{action}", f"footnote:{key}", {"reason": reason})

    @staticmethod
    def _footnote_id(writing: Writing, value: str) -> str:
        """「40604-2019-1」: the value and a number that no footnote of it ever had; who looks for the value finds it."""
        number = 1
        # A number that is its own key, whatever signs a code has.
        value = value.replace("/", "-").replace("%", "-")
        while True:
            footnote_id = f"{value}-{number}"
            key = join_key([footnote_id])
            writing.books.load_keys(Kind.FOOTNOTE, [key])
            if not writing.books.rows(Kind.FOOTNOTE, key):
                return footnote_id
            number += 1

    def answer_distinct(self, site_id_a: str, site_id_b: str, *, same: bool, by: Actor) -> Receipt:
        """A person's answer on two sites near each other: one mast, or two. The last answer holds."""
        values = {"site_id_a": site_id_a, "site_id_b": site_id_b, "same": same, "answered_by": by.user_id}
        with self._transaction(by) as writing:
            plain = TABLES[Kind.DISTINCT_ANSWER].plain(values)
            if plain["site_id_a"] == plain["site_id_b"]:
                raise InputError(
                    "distinct-same-id",
                    f"「{plain['site_id_a']}」を自分自身と比べることはできません。二つの局番号を選んでください。",
                    f'"{plain["site_id_a"]}" cannot be compared with itself; choose two sites.',
                )
            writing.books.load(Kind.SITE, (plain["site_id_a"], plain["site_id_b"]))
            for site_id in (plain["site_id_a"], plain["site_id_b"]):
                if not writing.books.exists(Kind.SITE, join_key([site_id])):
                    raise not_found(Kind.SITE, site_id)
            difference = writing.apply_all([Change(Kind.DISTINCT_ANSWER, plain)], valid_from=None)[0]
            return close(writing, "distinct", f"distinct_answer:{difference.key}", {"same": same})

    def publish(
        self,
        subject: str,
        content: bytes,
        *,
        media_type: str,
        values: Mapping[str, Any],
        published_on: date,
        by: Actor,
        as_of_tx: int | None = None,
        valid_on: date | None = None,
        run_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        freeze: Mapping[int, int] | None = None,
    ) -> Publication:
        """Keep what is made public, byte for byte, with the values printed in it.

        ``as_of_tx``: head of the chain that the values were computed at (None = the head now). ``freeze``: {fiscal
        year: printed value}; years frozen before must have the value they have. All in one transaction.

        Raises ConflictError when ``freeze`` contradicts a published year, InputError for an empty content.
        """
        if not content:
            raise InputError(
                "publication-empty",
                "公表する内容が空です。内容を作ってから公表してください。",
                "There is nothing to publish: the content is empty.",
            )
        with self._transaction(by) as writing:
            before = writing.tx - 1
            if as_of_tx is not None and not 0 <= as_of_tx <= before:
                raise InputError(
                    "as-of-out-of-range",
                    f"台帳の時点 {as_of_tx} はまだありません（最新は {before}）。番号を確かめてください。",
                    f"The ledger has no state {as_of_tx} yet (the last is {before}); check the number.",
                )
            publication_id = f"P{writing.tx:06d}-{sha256_hex(content)[:8]}"
            for fiscal_year, value in sorted((freeze or {}).items()):
                _freeze(writing, fiscal_year, value, published_on)
            writing.replace(
                Kind.PUBLICATION,
                publication_id,
                {
                    "publication_id": publication_id,
                    "subject": subject,
                    "published_on": published_on,
                    "media_type": media_type,
                    "content_sha256": writing.store_content(content),
                    "content_bytes": len(content),
                    "values": dict(values),
                    "as_of_tx": before if as_of_tx is None else as_of_tx,
                    "valid_on": valid_on,
                    "run_id": run_id,
                    "parameters": dict(parameters or {}),
                },
            )
            row = writing.books.rows(Kind.PUBLICATION, publication_id)[-1]
            published: Publication = TABLES[Kind.PUBLICATION].record_from(row.values, writing.at)
            writing.finish(
                "publish", f"publication:{publication_id}", {"subject": subject, "values": dict(values)}
            )
            return published

    def publications(self, *, subject: str | None = None) -> tuple[Publication, ...]:
        """What was made public, newest first."""
        held = [p for p in self.records(Kind.PUBLICATION) if subject is None or p.subject == subject]
        return tuple(sorted(held, key=lambda p: p.publication_id, reverse=True))

    def verify_publication(
        self, publication_id: str, recompute: Callable[[Ledger, Publication], Mapping[str, Any]]
    ) -> PublicationCheck:
        """Compute a publication's values again from the events it was made from, and compare.

        ``recompute(ledger, publication)`` gets the ledger as of the publication and returns values under the same
        names. Numbers agree when they are equal to 1 part in 10⁹. Raises NotFoundError for an unknown id.
        """
        held = self.get(Kind.PUBLICATION, join_key([publication_id]))
        if held is None:
            raise not_found(Kind.PUBLICATION, publication_id)
        publication: Publication = held.record
        try:
            bytes_ok = sha256_hex(self.content(publication.content_sha256)) == publication.content_sha256
        except NotFoundError:
            bytes_ok = False
        ledger = self.ledger(as_of=publication.as_of_tx, valid_on=publication.valid_on)
        recomputed = plain_json(dict(recompute(ledger, publication)), where="publication.values")
        names = sorted(set(publication.values) | set(recomputed))
        differences = tuple(
            ValueDifference(name, publication.values.get(name), recomputed.get(name))
            for name in names
            if not _agree(publication.values.get(name), recomputed.get(name))
        )
        return PublicationCheck(publication, bytes_ok, differences)


def _agree(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_agree(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_agree(x, y) for x, y in zip(a, b, strict=True))
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    if numbers and not isinstance(a, bool) and not isinstance(b, bool):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=0.0)
    return type(a) is type(b) and bool(a == b)


def _count(session: Session, kind: Kind) -> int:
    return int(session.all(f"SELECT COUNT(*) FROM {kind.value}_current")[0][0])


def _opening(writing: Writing) -> tuple[int, int]:
    """The opening balance in force: (fiscal year, value)."""
    rows = writing.session.all(
        'SELECT fiscal_year, "value" FROM opening_balance_current ORDER BY fiscal_year DESC LIMIT 1'
    )
    if not rows:
        raise ConflictError(
            "opening-balance-missing",
            "開始値が登録されていません。先に開始値を登録してください。",
            "There is no opening balance; enter it first.",
        )
    return int(rows[0][0]), int(rows[0][1])


def _require_service_before(writing: Writing, site_id: str, fiscal_year: int) -> None:
    """A site belongs to the opening balance only if its first operator started by 31 March that ends the year."""
    writing.books.load(Kind.SITE_OPERATOR, [site_id])
    keys = writing.books.of_parents(TABLES[Kind.SITE_OPERATOR], {site_id})
    dates = [writing.books.rows(Kind.SITE_OPERATOR, key)[-1].values["in_service_date"] for key in keys]
    first = min((d for d in dates if d is not None), default=None)
    if first is not None and first > date(fiscal_year + 1, 3, 31):
        raise InputError(
            "allocation-after-opening",
            f"「{one_line(site_id)}」の供用開始（{first}）は開始値の年度（{fiscal_year} 年度）より後です。割り当てずに数えてください。",
            f'"{one_line(site_id)}" started service on {first}, after the opening year {fiscal_year}; it counts by '
            "itself and is not allocated.",
        )


def _freeze(writing: Writing, fiscal_year: int, value: int, published_on: date) -> None:
    writing.books.load(Kind.FROZEN_YEAR, [fiscal_year])
    held = writing.current(Kind.FROZEN_YEAR, join_key([fiscal_year]))
    if held is not None:
        if held["value"] == value:
            return
        raise ConflictError(
            "year-already-frozen",
            f"{fiscal_year} 年度は {held['published_on']} に {held['value']} として公表済みで、値を変えられません。"
            "修正仕訳を使ってください。",
            f"Fiscal year {fiscal_year} was published on {held['published_on']} as {held['value']} and its value "
            "stands; enter a restatement.",
        )
    values = {"fiscal_year": fiscal_year, "value": value, "published_on": published_on}
    plain = TABLES[Kind.FROZEN_YEAR].plain(values)
    writing.apply(Change(Kind.FROZEN_YEAR, plain), plain)
