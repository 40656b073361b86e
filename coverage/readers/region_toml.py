"""``region.toml`` → :class:`~coverage.domain.region.RegionConfig`, every mistake as one sentence.

The file has a table ``[region]`` for what belongs to the region as a whole, and a table of its own for each group of
settings (``[layers.*]``, ``[operators.*]``, ``[ladder]``, ``[radio]``, ``[grid]``, ``[counting]``,
``[municipality_mergers]``). docs/region.md explains every key.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from coverage.domain.municipality_code import is_valid, present_code
from coverage.domain.places import edition_day
from coverage.domain.region import RegionConfig
from coverage.errors import RegionError
from coverage.readers.text import decode, read_bytes

FILE_NAME: Final = "region.toml"

TABLES: Final = (
    "layers",
    "operators",
    "ladder",
    "radio",
    "grid",
    "counting",
    "municipality_mergers",
    "antennas",
    "planning",
)
"""Top-level tables beside ``[region]``, in the order of docs/region.md."""

_JA: Final = {
    "missing": "がありません。書き足してください",
    "extra_forbidden": "という名前はありません。綴りを確かめるか消してください",
    "string_type": 'は文字列（"…"）で書いてください',
    "string_pattern_mismatch": "の書き方が合いません（{pattern} の形にしてください）",
    "int_type": "は整数で書いてください",
    "int_parsing": "は整数で書いてください",
    "int_from_float": "は小数のない整数で書いてください",
    "float_type": "は数で書いてください",
    "float_parsing": "は数で書いてください",
    "bool_type": "は true か false で書いてください",
    "bool_parsing": "は true か false で書いてください",
    "greater_than_equal": "は {ge} 以上にしてください",
    "greater_than": "は {gt} より大きくしてください",
    "less_than_equal": "は {le} 以下にしてください",
    "less_than": "は {lt} より小さくしてください",
    "enum": "は {expected} のいずれかにしてください",
    "literal_error": "は {expected} のいずれかにしてください",
    "too_short": "は {min_length} 個以上書いてください",
    "list_type": "は並び（[…]）で書いてください",
    "dict_type": "は表（[…] の見出しの下）で書いてください",
    "model_type": "は表（[…] の見出しの下）で書いてください",
    "model_attributes_type": "は表（[…] の見出しの下）で書いてください",
    "finite_number": "は有限の数で書いてください",
}
_EN: Final = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not a key of this file; check its spelling or remove it",
    "string_type": "must be text in quotes",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "too_short": "needs at least {min_length}",
    "list_type": "must be a list [...]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "finite_number": "must be a finite number",
}
_RULES_JA: Final = {
    "every class but the last has min_dbm, and the last has none": "は、最後の階級以外のすべてに min_dbm を書き、最後の階級には書かないでください",
    "classes run from the strongest to the weakest": "の階級は、強い順（min_dbm の大きい順）に並べてください",
    "an antenna is either a table or the values of a parabola, not both": (
        "には、table か放物線の値（半値幅など）のどちらか一方を書いてください"
    ),
    'a building counts with reception = "indoors" alone': "の building は reception = \"indoors\" のときだけ効きます。どちらかを直してください",
    "signal_edge is the id of one of the classes with min_dbm": "の signal_edge には、min_dbm のある階級の id を書いてください",
}


def load_config(folder: Path) -> RegionConfig:
    """The validated ``region.toml`` of a region's folder.

    Raises RegionError: "region-toml-missing", "region-toml-broken" (not TOML), "region-key" (one key is missing,
    unknown or has an impossible value) or "region-contradicts" (keys that contradict each other).
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise RegionError(
            "region-toml-missing",
            f"フォルダ「{folder.name or folder}」に {FILE_NAME} がありません。地域のフォルダを指定してください。",
            f"The folder '{folder.name or folder}' has no {FILE_NAME}; name the folder of a region.",
        )
    return parse_config(decode(read_bytes(path), name=FILE_NAME).text)


def parse_config(text: str) -> RegionConfig:
    """As :func:`load_config`, from the text of the file."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise RegionError(
            "region-toml-broken",
            f"{FILE_NAME} が TOML として読めません（{problem}）。その行の引用符・括弧・重複を確かめてください。",
            f"{FILE_NAME} is not TOML ({problem}); check quotes, brackets and repeated keys on that line.",
        ) from None
    own = document.pop("region", None)
    if not isinstance(own, dict):
        raise _wrong_key("region", "missing", None)
    _refuse_infinities(own, "region")
    _refuse_infinities(document, "")
    for key in document:
        if key not in TABLES:
            raise _wrong_key(key, "extra_forbidden", document[key])
    for key in own:
        if key in TABLES:
            raise _wrong_key(f"region.{key}", "extra_forbidden", own[key])
    try:
        config = RegionConfig.model_validate({**own, **document})
    except ValidationError as problem:
        raise _one_sentence(problem) from None
    _check(config)
    return config


def _one_sentence(problem: ValidationError) -> RegionError:
    errors = problem.errors()
    # A value that fits none of the branches of a union is reported once per branch; the first one says enough.
    distinct = {_key(e): e for e in reversed(errors)}
    first = min(errors, key=lambda e: _RANK.get(e["type"], 1))
    more = len(distinct) - 1
    return _wrong_key(_key(first), first["type"], first.get("input"), first, more=more)


_RANK: Final = {"extra_forbidden": 0}
"""A misspelt key is named before the missing one that it was meant to be."""


def _key(error: ErrorDetails) -> str:
    parts: list[str] = []
    for item in error["loc"]:
        if isinstance(item, int):
            parts[-1] += f"[{item}]"
        elif item not in ("str", "list[str]"):
            parts.append(str(item))
    if parts and parts[0].split("[")[0] not in TABLES:
        parts.insert(0, "region")
    return ".".join(parts)


def _wrong_key(
    key: str, kind: str, value: Any, error: ErrorDetails | None = None, *, more: int = 0
) -> RegionError:
    context = dict(error.get("ctx", {})) if error else {}
    if "expected" in context:
        context["expected"] = str(context["expected"]).replace("'", "").replace(" or ", ", ")
    rule = str(context.get("error", ""))
    ja = _RULES_JA.get(rule) or _JA.get(kind, "の値が使えません").format(**context)
    en = (rule and f"is wrong: {rule}") or _EN.get(kind, error["msg"] if error else "is wrong").format(
        **context
    )
    shown = "" if kind == "missing" or isinstance(value, dict) else repr(value)[:60]
    more_ja = f"（ほかに {more} 件あります）" if more else ""
    more_en = f" ({more} more)" if more else ""
    return RegionError(
        "region-key",
        f"{FILE_NAME} の「{key}」{f'（値 {shown}）' if shown else ''}{ja}{more_ja}。",
        f"In {FILE_NAME}, '{key}'{f' ({shown})' if shown else ''} {en}{more_en}.",
    )


def _refuse_infinities(value: Any, key: str) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_infinities(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            _refuse_infinities(inner, f"{key}[{position}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise _wrong_key(key, "finite_number", value)


def _check(config: RegionConfig) -> None:
    """What single keys cannot say: year notation, zone, mergers, ids that refer to each other."""
    years = config.fiscal_years
    if any(not 1926 <= year <= 2199 for year in years):
        raise _contradicts(
            f"region.fiscal_years（値 {years}）は西暦4桁で書いてください（平成28年度は 2016）",
            f"'region.fiscal_years' ({years}) takes western years of four digits (2016 is 平成28年度)",
        )
    if years != sorted(set(years)):
        raise _contradicts(
            f"region.fiscal_years（値 {years}）は古い年度から順に、重ねずに書いてください",
            f"'region.fiscal_years' ({years}) must ascend without repeats",
        )
    if not 6669 <= config.plane_epsg <= 6687:
        raise _contradicts(
            f"region.plane_epsg（値 {config.plane_epsg}）は平面直角座標系 I〜XIX 系（6669〜6687）の番号にしてください",
            f"'region.plane_epsg' ({config.plane_epsg}) must be a Japanese plane rectangular zone, 6669 to 6687",
        )
    for old, new in config.municipality_mergers.items():
        if not is_valid(old) or not is_valid(new):
            raise _contradicts(
                f"municipality_mergers の「{old} = {new}」は、どちらも5桁の市区町村コードにしてください",
                f"'municipality_mergers' maps {old} to {new}; both must be five-digit municipality codes",
            )
        present_code(old, config.municipality_mergers)
    ids = [c.id for c in config.ladder.classes]
    if len(set(ids)) != len(ids):
        raise _contradicts("ladder.classes の id が重なっています", "'ladder.classes' has the same id twice")
    if "any" in config.operators:
        raise _contradicts(
            "operators の名前「any」は「いずれかの事業者」の意味で使われています。別の名前にしてください",
            "the operator id 'any' is taken ('at least one operator'); choose another",
        )
    for operator in config.operators:
        if not operator.isascii() or not operator.replace("-", "").replace("_", "").isalnum():
            raise _contradicts(
                f"operators の名前「{operator}」はファイル名に使うため、英数字・ハイフン・下線だけで書いてください",
                f"the operator id '{operator}' becomes part of file names; use letters, digits, - and _ only",
            )
    for operator, settings in config.operators.items():
        for values in (settings.defaults, *settings.bands.values()):
            if values.antenna is not None and values.antenna not in config.antennas:
                raise _contradicts(
                    f"operators.{operator} の antenna「{values.antenna}」が [antennas.*] にありません",
                    f"operators.{operator} names the antenna '{values.antenna}', which [antennas] lacks",
                )
        _check_editions(operator, [layer.edition for layer in settings.published_coverage])
        if settings.published_coverage and config.radio.reception != "outdoors":
            raise _contradicts(
                f"operators.{operator} の published_coverage（公表エリア）は屋外の範囲なので、"
                f'radio.reception = "{config.radio.reception}" とは一緒に使えません。どちらかを外してください',
                f"operators.{operator}.published_coverage is of outdoors and cannot go with radio.reception = "
                f'"{config.radio.reception}"; remove one of the two',
            )


def _check_editions(operator: str, editions: list[str]) -> None:
    """Several editions of an operator's areas are told apart by their day."""
    if len(editions) < 2:
        return
    days = [edition_day(edition) for edition in editions]
    unclear = next((e for e, day in zip(editions, days, strict=True) if day is None), None)
    if unclear is not None:
        raise _contradicts(
            f"operators.{operator}.published_coverage の edition「{unclear[:40]}」は日付として読めません。版が二つ以上あるときは "
            "2019-03-31 の形で書いてください",
            f"the edition '{unclear[:40]}' of operators.{operator}.published_coverage is no date; where there are several, "
            "write each as 2019-03-31",
        )
    if len(set(days)) < len(days):
        raise _contradicts(
            f"operators.{operator}.published_coverage に同じ日の edition が二つあります。どちらかを外してください",
            f"operators.{operator}.published_coverage has two editions of one day; remove one",
        )


def _contradicts(ja: str, en: str) -> RegionError:
    return RegionError("region-contradicts", f"{FILE_NAME} の{ja}。", f"In {FILE_NAME}, {en}.")
