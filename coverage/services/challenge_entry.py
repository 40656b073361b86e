"""What a person types about a place without signal: a point as it is copied from a map, a note, an answer."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from coverage.errors import InputError
from coverage.store.canonical import one_line

NOTE_LIMIT: Final = 500
ANSWER_LIMIT: Final = 1000
"""Characters of a note and of an answer, after NFKC."""

_POINT: Final = re.compile(r"([+-]?\d{1,3}(?:\.\d{1,12})?)\s*[,、\s]\s*([+-]?\d{1,3}(?:\.\d{1,12})?)")


def parse_point(text: str) -> tuple[float, float]:
    """(lat, lon) in degrees from 「34.0521, 136.2103」 as it is copied from a map; full-width digits are read too.

    Raises InputError "point-unreadable", and "point-swapped" where the longitude of Japan comes first.
    """
    found = _POINT.fullmatch(unicodedata.normalize("NFKC", text[:100]).strip())
    if found is None:
        raise InputError(
            "point-unreadable",
            f"地点「{one_line(text, limit=40)}」を読めません。緯度と経度を「34.0521, 136.2103」のように十進の度で書いてください。",
            f"The point '{one_line(text, limit=40)}' cannot be read; write latitude and longitude in decimal degrees, "
            "like '34.0521, 136.2103'.",
        )
    lat, lon = float(found[1]), float(found[2])
    if 20 <= lon <= 46 and 122 <= lat <= 154:
        raise InputError(
            "point-swapped",
            f"緯度と経度が逆のようです。「{lon}, {lat}」と、緯度を先に書いてください。",
            f"Latitude and longitude seem to be exchanged; write '{lon}, {lat}', latitude first.",
        )
    return lat, lon


_PERSONAL: Final = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+|(?<!\d)(?:\+81|0)\d{0,4}[-\s(]{0,2}\d{1,4}[-\s)]{1,2}\d{3,4}(?!\d)|(?<!\d)0\d{9,10}(?!\d)"
)


def clean_text(text: str, *, limit: int, ja: str, en: str) -> str:
    """A note or an answer: NFKC, no invisible format characters, at most one empty line in a row, 1 to ``limit``.

    Raises InputError "text-missing", "text-too-long", and "text-personal" for a telephone number or mail address.
    """
    plain = unicodedata.normalize("NFKC", text[: limit * 20].replace("\r\n", "\n").replace("\r", "\n"))
    # Marks that turn the direction of what follows, joiners: nobody types them, and they disguise text.
    plain = "".join(c for c in plain if c == "\n" or unicodedata.category(c) not in ("Cf", "Cc", "Cs", "Co"))
    plain = re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in plain.split("\n"))).strip()
    if not plain:
        raise InputError("text-missing", f"{ja}が空です。書いてください。", f"The {en} is empty; write it.")
    if len(plain) > limit:
        raise InputError(
            "text-too-long",
            f"{ja}が {len(plain)} 文字あります。{limit} 文字以内にしてください。",
            f"The {en} has {len(plain)} characters; write at most {limit}.",
        )
    if _PERSONAL.search(plain):
        raise InputError(
            "text-personal",
            f"{ja}に電話番号かメールアドレスらしいものがあります。公開され、消せない記録なので、個人の情報を除いてください。",
            f"The {en} seems to hold a telephone number or mail address; it will be public and cannot be erased, so take "
            "personal details out.",
        )
    return plain
