"""Municipalities' confirmations, challenges, users and read tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from coverage.errors import ConflictError, InputError
from coverage.store.canonical import one_line, sha256_hex
from coverage.store.clock import JAPAN, day_in_japan
from coverage.store.editing import Editing, close, edit, not_found, require_text, require_version
from coverage.store.events import TABLES, Change, Kind, join_key
from coverage.store.protocol import Actor, Receipt
from coverage.store.records import Challenge, ChallengeState, ReadToken, User
from coverage.store.session import Reach, read_audit
from coverage.store.writing import Writing

ROLES = ("viewer", "municipality", "planner", "admin")
TOKEN_ROLES = ("viewer", "municipality")
_TOKEN_PREFIX = "cgp_"


class People(Editing):
    """The doors for those outside the planning office, and for who may use which."""

    def confirm_resolution(
        self,
        key: str,
        *,
        resolved_on: date,
        by: Actor,
        expected_version: int,
        site_ids: Sequence[str] = (),
        note: str = "",
    ) -> Receipt:
        """The municipality confirms that a district is resolved; from ``resolved_on`` it is off the register.

        ``key`` is the district's key; ``site_ids`` the sites that serve it, whose rows are confirmed with it.
        Raises InputError for a day before the designation, or a site that is not known to serve the district.
        """
        with self._transaction(by) as writing:
            writing.books.load_keys(Kind.DISTRICT, [key])
            require_version(writing, Kind.DISTRICT, key, expected_version)
            held = writing.current(Kind.DISTRICT, key)
            if held is None:
                raise not_found(Kind.DISTRICT, key)
            if held["designated_on"] is not None and resolved_on < held["designated_on"]:
                raise InputError(
                    "resolved-before-designated",
                    f"解消日 {resolved_on} が登録日 {held['designated_on']} より前です。日付を直してください。",
                    f"The day of resolution {resolved_on} lies before the designation {held['designated_on']}; "
                    "correct the date.",
                )
            edit(
                writing,
                Kind.DISTRICT,
                {"resolved_on": resolved_on},
                expected_version=expected_version,
                key=key,
            )
            for site_id in site_ids:
                _confirm_service(writing, site_id, held["district_id"])
            return close(writing, "confirm", f"district:{key}", {"note": note} if note else {})

    def withdraw_resolution(self, key: str, *, by: Actor, expected_version: int, reason: str) -> Receipt:
        """Take a confirmation back: the district is on the register again, the sites' rows confirmed with it are not.

        Only what :meth:`confirm_resolution` stated is taken back. Raises ConflictError "not-confirmed" for a district on
        the register, "confirmed-elsewhere" where the day came with an import or an edit, and
        "district-designated-again" where a later stay of the district follows.
        """
        reason = require_text(reason, ja="理由", en="reason")
        with self._transaction(by) as writing:
            writing.books.load_keys(Kind.DISTRICT, [key])
            require_version(writing, Kind.DISTRICT, key, expected_version)
            held = writing.current(Kind.DISTRICT, key)
            if held is None:
                raise not_found(Kind.DISTRICT, key)
            tx = _confirming_tx(writing, key, held)
            edit(writing, Kind.DISTRICT, {"resolved_on": None}, expected_version=expected_version, key=key)
            _unconfirm_services(writing, held["district_id"], tx)
            return close(writing, "confirm.withdraw", f"district:{key}", {"reason": reason})

    def file_challenge(
        self,
        *,
        by: Actor,
        municipality_code: str,
        observed_on: date,
        note: str,
        district_id: str | None = None,
        lat: float | None = None,
        lon: float | None = None,
        operator: str | None = None,
        most_per_day: int | None = None,
        most_open: int | None = None,
    ) -> Challenge:
        """「ここは圏外」: about a district of the register or a point. Staff answer it with ``answer_challenge``.

        ``most_per_day``, ``most_open``: how many the same user may file on a day (in Japan) and have open at a time.
        Raises ConflictError "challenge-limit-day", "challenge-limit-open", and "challenge-open-already" where this user
        filed the same place and operator before and it is still open.
        """
        note = require_text(note, ja="申出の内容", en="note")
        if district_id is None and (lat is None or lon is None):
            raise InputError(
                "challenge-without-place",
                "場所がありません。地区を選ぶか、地図で地点を指してください。",
                "There is no place; choose a district or point at the map.",
            )
        with self._transaction(by) as writing:
            if observed_on > writing.today:
                raise InputError(
                    "challenge-in-future",
                    f"確認日 {observed_on} が未来です。日付を直してください。",
                    f"The day of observation {observed_on} lies in the future; correct the date.",
                )
            if district_id is not None:
                plain = TABLES[Kind.DISTRICT].plain({"district_id": district_id})
                writing.books.load(Kind.DISTRICT, [plain["district_id"]])
                if not writing.books.of_parents(TABLES[Kind.DISTRICT], {plain["district_id"]}):
                    raise not_found(Kind.DISTRICT, plain["district_id"])
                district_id = plain["district_id"]
            _check_flood(writing, most_per_day=most_per_day, most_open=most_open)
            _check_repeat(writing, district_id=district_id, lat=lat, lon=lon, operator=operator)
            challenge_id = f"C{writing.tx:06d}"
            writing.replace(
                Kind.CHALLENGE,
                challenge_id,
                {
                    "challenge_id": challenge_id,
                    "municipality_code": municipality_code,
                    "observed_on": observed_on,
                    "note": note,
                    "filed_by": by.user_id,
                    "district_id": district_id,
                    "lat": lat,
                    "lon": lon,
                    "operator": operator,
                },
            )
            row = writing.books.rows(Kind.CHALLENGE, challenge_id)[-1]
            filed: Challenge = TABLES[Kind.CHALLENGE].record_from(row.values, writing.at)
            writing.finish("challenge.file", f"challenge:{challenge_id}", {})
            return filed

    def answer_challenge(
        self, challenge_id: str, *, answer: str, by: Actor, expected_version: int
    ) -> Receipt:
        """Staff's answer; the challenge is no longer open. Another answer later replaces it, in the open."""
        answer = require_text(answer, ja="回答", en="answer")
        key = join_key([challenge_id])
        with self._transaction(by) as writing:
            values = {
                "state": ChallengeState.ANSWERED,
                "answer": answer,
                "answered_by": by.user_id,
                "answered_on": writing.today,
            }
            writing.books.load_keys(Kind.CHALLENGE, [key])
            if writing.current(Kind.CHALLENGE, key) is None:
                raise not_found(Kind.CHALLENGE, challenge_id)
            edit(writing, Kind.CHALLENGE, values, expected_version=expected_version, key=key)
            return close(writing, "challenge.answer", f"challenge:{key}", {})

    def set_user(
        self,
        user_id: str,
        *,
        role: str,
        by: Actor,
        expected_version: int,
        municipality_codes: Sequence[str] = (),
        active: bool = True,
        note: str = "",
    ) -> Receipt:
        """Give a user a role, or take it away (``active`` false). The last administrator cannot be taken away."""
        _check_role(role, ROLES, municipality_codes)
        values = {
            "user_id": user_id,
            "role": role,
            "municipality_codes": sorted(municipality_codes),
            "active": active,
            "note": note,
        }
        with self._transaction(by) as writing:
            key = join_key([TABLES[Kind.USER].plain({"user_id": user_id})["user_id"]])
            admins = {str(k) for (k,) in writing.session.all(_ADMINS, {"role": "admin", "active": True})}
            if admins == {key} and not (role == "admin" and active):
                raise ConflictError(
                    "last-admin",
                    f"「{one_line(user_id)}」は最後の管理者です。先に別の人を管理者にしてください。",
                    f'"{one_line(user_id)}" is the last administrator; make somebody else one first.',
                )
            edit(writing, Kind.USER, values, expected_version=expected_version)
            return close(writing, "user", f"user:{key}", {"role": role, "active": active})

    def user(self, user_id: str) -> User | None:
        """The user with that id as the proxy states it; None for one who has no role here."""
        held = self.get(Kind.USER, join_key([TABLES[Kind.USER].plain({"user_id": user_id})["user_id"]]))
        return held.record if held is not None else None

    def issue_token(
        self,
        label: str,
        *,
        role: str,
        by: Actor,
        municipality_codes: Sequence[str] = (),
        expires_on: date | None = None,
    ) -> tuple[str, ReadToken]:
        """A read token for curl and QGIS: (the secret, shown this once; the record, which has its digest only).

        Tokens read and never write: the role is viewer or municipality.
        """
        label = require_text(label, ja="名札", en="label", limit=100)
        _check_role(role, TOKEN_ROLES, municipality_codes)
        secret = _TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._transaction(by) as writing:
            token_id = f"T{writing.tx:06d}"
            writing.replace(
                Kind.READ_TOKEN,
                token_id,
                {
                    "token_id": token_id,
                    "token_sha256": sha256_hex(secret),
                    "label": label,
                    "role": role,
                    "municipality_codes": sorted(municipality_codes),
                    "expires_on": expires_on,
                },
            )
            row = writing.books.rows(Kind.READ_TOKEN, token_id)[-1]
            issued: ReadToken = TABLES[Kind.READ_TOKEN].record_from(row.values, writing.at)
            writing.finish("token.issue", f"read_token:{token_id}", {"role": role})
            return secret, issued

    def revoke_token(self, token_id: str, *, by: Actor, reason: str = "") -> Receipt:
        """From now on the token opens nothing. Revoking twice is once."""
        key = join_key([token_id])
        with self._transaction(by) as writing:
            writing.books.load_keys(Kind.READ_TOKEN, [key])
            if writing.current(Kind.READ_TOKEN, key) is None:
                raise not_found(Kind.READ_TOKEN, token_id)
            writing.replace(Kind.READ_TOKEN, key, {"revoked": True})
            return close(writing, "token.revoke", f"read_token:{key}", {"reason": reason} if reason else {})

    def token(self, secret: str) -> ReadToken | None:
        """The token that ``secret`` opens; None when it is unknown, revoked or out of date.

        The secret is 256 random bits and looked up by its SHA-256, so comparing takes no secret-dependent time.
        """
        if not secret.startswith(_TOKEN_PREFIX) or len(secret) > 100:
            return None
        params: dict[str, Any] = {"digest": sha256_hex(secret)}
        with self._read() as session:
            names = TABLES[Kind.READ_TOKEN].column_names
            where = "e.token_sha256 = :digest"
            query = self._state_query(session, TABLES[Kind.READ_TOKEN], Reach(), names, where, params)
            rows = session.all(*query)
        if not rows:
            return None
        found: ReadToken = TABLES[Kind.READ_TOKEN].record_from(TABLES[Kind.READ_TOKEN].read(rows[0]))
        expired = found.expires_on is not None and found.expires_on < day_in_japan(self._clock())
        return None if found.revoked or expired else found


_FILED_SINCE = (
    "SELECT COUNT(*) FROM challenge_event e JOIN audit a ON a.seq = e.tx "
    'WHERE e.version = 1 AND e.filed_by = :who AND a."at" >= :since'
)
_STILL_OPEN = (
    "SELECT challenge_id, district_id, lat, lon, operator FROM challenge_current "
    "WHERE filed_by = :who AND state = 'open' ORDER BY key"
)


def _check_flood(writing: Writing, *, most_per_day: int | None, most_open: int | None) -> None:
    who = writing.by.user_id
    if most_per_day is not None:
        since = datetime.combine(writing.today, time.min, tzinfo=JAPAN).astimezone(UTC)
        ((today,),) = writing.session.all(_FILED_SINCE, {"who": who, "since": since})
        if today >= most_per_day:
            raise ConflictError(
                "challenge-limit-day",
                f"きょうの申出が上限の {most_per_day} 件に達しました。まとまった申出は担当課に相談してください。",
                f"You have filed {most_per_day} challenges today, which is the limit; ask the office in charge about more.",
            )
    if most_open is not None and len(writing.session.all(_STILL_OPEN, {"who": who})) >= most_open:
        raise ConflictError(
            "challenge-limit-open",
            f"回答待ちの申出が上限の {most_open} 件あります。回答を待ってから出してください。",
            f"{most_open} of your challenges are still open, which is the limit; wait for answers before filing more.",
        )


def _check_repeat(
    writing: Writing, *, district_id: str | None, lat: float | None, lon: float | None, operator: str | None
) -> None:
    """A double click, or the same place once more while the first still waits for its answer."""
    for number, *stated in writing.session.all(_STILL_OPEN, {"who": writing.by.user_id}):
        if stated == [district_id, lat, lon, operator]:
            raise ConflictError(
                "challenge-open-already",
                f"同じ場所・同じ事業者の申出 {number} が回答待ちです。その回答を待ってください。",
                f"Your challenge {number} about the same place and operator is still open; wait for its answer.",
            )


_ADMINS = "SELECT key FROM user_current WHERE role = :role AND active = :active"


def _check_role(role: str, allowed: Sequence[str], municipality_codes: Sequence[str]) -> None:
    if role not in allowed:
        raise InputError(
            "role-unknown",
            f"役割「{one_line(role, limit=40)}」は使えません。{'・'.join(allowed)} のいずれかにしてください。",
            f'The role "{one_line(role, limit=40)}" cannot be given; use one of {", ".join(allowed)}.',
        )
    malformed = [
        code for code in municipality_codes if len(code) != 5 or not code.isascii() or not code.isdigit()
    ]
    if malformed or (role == "municipality") != bool(municipality_codes):
        raise InputError(
            "municipality-codes-invalid",
            "役割「市町」（municipality）には 5 桁の市町コードが一つ以上必要で、他の役割には付けられません。コードを直してください。",
            "The role municipality needs at least one five-digit code, and no other role takes any; correct the codes.",
        )


def _confirm_service(writing: Writing, site_id: str, district_id: str) -> None:
    table = TABLES[Kind.SITE_DISTRICT]
    plain = table.plain(
        {
            "site_id": site_id,
            "district_id": district_id,
            "confirmed_by": writing.by.user_id,
            "confirmed_on": writing.today,
        }
    )
    writing.books.load(Kind.SITE_DISTRICT, [plain["site_id"]])
    if not writing.books.exists(Kind.SITE_DISTRICT, table.key_of(plain)):
        raise InputError(
            "site-does-not-serve-district",
            f"局「{plain['site_id']}」は地区「{plain['district_id']}」の対象として登録されていません。局番号を確かめてください。",
            f'Site "{plain["site_id"]}" is not known to serve district "{plain["district_id"]}"; check the id.',
        )
    writing.apply(Change(Kind.SITE_DISTRICT, plain), plain)


def _confirming_tx(writing: Writing, key: str, held: Mapping[str, Any]) -> int:
    """The transaction of the confirmation that gave the district its day of resolution."""
    district_id, resolved_on = held["district_id"], held["resolved_on"]
    if resolved_on is None:
        raise ConflictError(
            "not-confirmed",
            f"地区「{district_id}」は解消が確認されていません。取り下げるものがありません。",
            f'The district "{district_id}" is not confirmed as resolved; there is nothing to withdraw.',
        )
    stated = None
    tx = 0
    for row in writing.books.rows(Kind.DISTRICT, key):
        if row.values["resolved_on"] != stated:
            stated, tx = row.values["resolved_on"], row.tx
    if next(iter(read_audit(writing.session, "e.seq = :seq", {"seq": tx}))).action != "confirm":
        raise ConflictError(
            "confirmed-elsewhere",
            f"地区「{district_id}」の解消日 {resolved_on} は取込みか台帳の変更で入ったものです。管理者に訂正を頼んでください。",
            f'The day of resolution {resolved_on} of "{district_id}" came with an import or an edit of the ledger; ask '
            "an administrator to correct it.",
        )
    writing.books.load(Kind.DISTRICT, [district_id])
    for other in writing.books.of_parents(TABLES[Kind.DISTRICT], {district_id}):
        later = writing.current(Kind.DISTRICT, other)
        if other != key and later is not None and (later["designated_on"] or date.min) >= resolved_on:
            raise ConflictError(
                "district-designated-again",
                f"地区「{district_id}」は {later['designated_on']} に再び登録されています。前の解消は取り下げられません。",
                f'The district "{district_id}" was designated again on {later["designated_on"]}; its earlier resolution '
                "stands.",
            )
    return tx


_SERVING = "SELECT key FROM site_district_current WHERE district_id = :district AND confirmed_on IS NOT NULL"


def _unconfirm_services(writing: Writing, district_id: str, tx: int) -> None:
    """Take back what the confirmation ``tx`` said about the sites; what was confirmed before it stands."""
    table = TABLES[Kind.SITE_DISTRICT]
    keys = [str(key) for (key,) in writing.session.all(_SERVING, {"district": district_id})]
    writing.books.load_keys(Kind.SITE_DISTRICT, keys)
    for key in keys:
        rows = writing.books.rows(Kind.SITE_DISTRICT, key)
        if rows[-1].tx != tx:
            continue
        earlier: Mapping[str, Any] = next((row.values for row in reversed(rows) if row.tx < tx), {})
        plain = table.plain(
            {
                **{name: rows[-1].values[name] for name in table.key},
                "confirmed_by": earlier.get("confirmed_by"),
                "confirmed_on": earlier.get("confirmed_on"),
            }
        )
        writing.apply(Change(Kind.SITE_DISTRICT, plain), plain)
