"""Text and JSON that hash the same everywhere: what the audit chain is computed over."""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from coverage.errors import InputError

_KEPT_CONTROLS = frozenset("\t\n")
# C0 and C1 controls, and the two separators that some readers take for line ends.
_CONTROLS = {
    code: None
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
    if chr(code) not in _KEPT_CONTROLS
}
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces, no escapes but the necessary ones, shortest round-trip numbers, no NaN."""
    return _ENCODER.encode(value)


def sha256_hex(data: bytes | str) -> str:
    return hashlib.sha256(data.encode("utf-8") if isinstance(data, str) else data).hexdigest()


def digest_of(hashes: Iterable[str]) -> str | None:
    """One digest for the rows of a transaction: the row's own for one row, None for none."""
    listed = list(hashes)
    if not listed:
        return None
    return listed[0] if len(listed) == 1 else sha256_hex("\n".join(listed))


def instant_text(moment: datetime) -> str:
    """UTC with microseconds, always 27 characters, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def stored_text(value: str, *, where: str) -> str:
    """``value`` without control characters (line breaks and tabs stay; CRLF becomes LF).

    Raises InputError for half a surrogate pair, which no database and no UTF-8 file can hold.
    """
    if value.isprintable():
        return value
    cleaned = value.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    try:
        cleaned.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            "text-not-unicode",
            f"{where} の文字列に、壊れた文字（対になっていないサロゲート）があります。文字を入れ直してください。",
            f"The text of {where} holds a broken character (half a surrogate pair); type it again.",
        ) from None
    return cleaned


def identifier(value: str, *, where: str) -> str:
    """An id as it is compared: NFKC, no control characters or line breaks, no spaces at the ends, never empty."""
    if value.isascii() and value.isprintable() and " " not in value and 0 < len(value) <= 200:
        return value
    text = unicodedata.normalize("NFKC", stored_text(value, where=where))
    text = " ".join(text.split())
    if not text or len(text) > 200:
        raise InputError(
            "identifier-invalid",
            f"{where} が空か、200 文字を超えています。1〜200 文字にしてください。",
            f"{where} is empty or longer than 200 characters; give 1 to 200 characters.",
        )
    return text


def one_line(text: str, *, limit: int = 500) -> str:
    """For log lines: no raw line break or other control character, cut to ``limit`` characters."""
    flat = text.translate(_LINE_ENDS)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def plain_json(value: Any, *, where: str) -> Any:
    """``value`` as plain JSON types; tuples become lists, dates ISO text.

    Raises InputError for NaN, infinity, or an object that JSON has no form for.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return stored_text(str(value), where=where)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise _not_json(where)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {stored_text(str(k), where=where): plain_json(v, where=where) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain_json(item, where=where) for item in items]
    raise _not_json(where)


def _not_json(where: str) -> InputError:
    return InputError(
        "value-not-json",
        f"{where} の値を保存できません。文字・数（有限）・真偽・日付・その一覧のいずれかにしてください。",
        f"The value of {where} cannot be stored; give text, finite numbers, true/false, dates, or lists of them.",
    )
