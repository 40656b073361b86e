"""Questions that a file leaves open, and a person's answers: the same document as ``--mapping FILE`` takes.

What must not be guessed is asked (docs/uploads.md). An answer is worth keeping: next month's list comes from the same
office with the same headers, so the answers of the last import with the same headers are offered again.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from coverage.errors import InputError
from coverage.store.records import ImportRecord, ImportState
from coverage.uploads.date_answers import BARE_YEARS, SERIALS, TWO_DIGIT_YEARS
from coverage.uploads.positions import plane_epsg
from coverage.uploads.report import Report

ANSWERS: Final = ("axes", "columns", "crs", "datum", "dates", "layer", "sheet")
Topic = Literal["sheet", "layer", "columns", "axes", "datum", "crs", "two_digit_year", "serial", "bare_year"]
ZONES: Final = tuple(range(1, 20))
"""Numbers of the plane rectangular systems (平面直角座標系), EPSG 6669 to 6687."""

_ASKED_BY: Final[Mapping[str, Topic]] = {
    "sheet-choose": "sheet", "sheet-missing": "sheet", "layer-choose": "layer", "column-missing": "columns",
    "header-ambiguous": "columns", "header-twice": "columns", "header-unknown": "columns", "axes-swapped": "axes", "position-swapped": "axes",
    "datum-unknown": "datum", "datum-doubtful": "datum", "position-metres": "crs", "crs-missing": "crs", "fiscal-year-era-missing": "two_digit_year",
    "fiscal-year-not-western": "two_digit_year", "date-two-digit-year": "two_digit_year", "date-excel-serial": "serial", "closing-day-year-only": "bare_year",
}  # fmt: skip
_ORDER: Final[tuple[Topic, ...]] = (
    "sheet",
    "layer",
    "columns",
    "axes",
    "crs",
    "datum",
    "two_digit_year",
    "serial",
    "bare_year",
)


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a person has to say. ``rows``: how many rows wait for it; None where the whole file does."""

    topic: Topic
    rows: int | None = None
    choices: tuple[str, ...] = ()


def questions_of(report: Report, answers: Mapping[str, Any]) -> list[Question]:
    """What the reader put instead of guessing, in the order in which answers help."""
    rows: dict[Topic, set[int] | None] = {}
    for remark in (*report.errors, *report.warnings):
        topic = _ASKED_BY.get(remark.code)
        if topic is None or (topic == "bare_year" and topic in (answers.get("dates") or {})):
            continue
        held = rows.setdefault(topic, set())
        if remark.row is None:
            rows[topic] = None
        elif held is not None:
            held.add(remark.row)
    bare = sum(found.get("year", 0) for found in report.understood.get("dates", {}).values())
    if bare and "bare_year" not in (answers.get("dates") or {}):
        rows["bare_year"] = set(range(bare))
    found = []
    for topic in _ORDER:
        if topic in rows:
            held = rows[topic]
            choices = tuple(
                offer["name"] for offer in report.understood.get(f"{topic}s", []) if isinstance(offer, dict)
            )
            found.append(
                Question(
                    topic, None if held is None else len(held), choices if topic in ("sheet", "layer") else ()
                )
            )
    return found


def column_answers(report: Report, chosen: Mapping[str, str]) -> dict[str, str]:
    """``chosen`` (header → field, "" = not used) as the mapping's ``columns``: only what differs from the headers' own
    meaning, so that next month's file may lack a column that nobody had to name.

    Raises InputError "field-twice" where two headers were given the same field.
    """
    guessed: dict[str, list[str]] = {}
    for head in report.understood.get("heads", []):
        if head["guess"]:
            guessed.setdefault(head["guess"], []).append(head["header"])
    wanted: dict[str, str] = {}
    for header, name in chosen.items():
        if name and name in wanted:
            raise InputError(
                "field-twice",
                f"見出し「{wanted[name]}」と「{header}」が同じ項目になっています。どちらか一方にしてください。",
                f"The headers '{wanted[name]}' and '{header}' are given the same meaning; keep one.",
            )
        if name:
            wanted[name] = header
    answers = {name: header for name, header in wanted.items() if guessed.get(name) != [header]}
    shown = set(chosen)
    dropped = {name for name, headers in guessed.items() if name not in wanted and shown.issuperset(headers)}
    return answers | dict.fromkeys(sorted(dropped), "")


def with_answer(answers: Mapping[str, Any], topic: Topic, value: Any) -> dict[str, Any]:
    """``answers`` with one more; None takes it back. Choosing another sheet or layer forgets what was said of columns."""
    kept = dict(answers)
    if topic in ("two_digit_year", "serial", "bare_year"):
        dates = {k: v for k, v in (kept.pop("dates", None) or {}).items() if k != topic}
        dates |= {} if value is None else {topic: value}
        return {**kept, "dates": dates} if dates else kept
    if topic in ("sheet", "layer") and kept.get(topic) != value:
        kept.pop("columns", None)
    kept.pop(topic, None)
    return kept if value is None or value == {} else {**kept, topic: value}


def own_answers(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Of what an import's record holds, the answers alone (it holds the corrected rows too)."""
    return {name: mapping[name] for name in ANSWERS if mapping.get(name)}


def mapping_json(answers: Mapping[str, Any]) -> bytes:
    """The file that ``--mapping`` takes."""
    return (json.dumps(own_answers(answers), ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode(
        "utf-8"
    )


def suggested_answers(
    records: Iterable[ImportRecord], kind: str, layout: str | None
) -> tuple[dict[str, Any], ImportRecord | None]:
    """The answers of the newest import of the same kind of table with the same headers, and which import that was.

    ``records``: newest first. Imports that were sent back, withdrawn or undone are no example.
    """
    for record in records:
        if record.state not in (ImportState.STAGED, ImportState.ACCEPTED) or record.table_name != kind:
            continue
        answers = own_answers(record.mapping)
        if layout and answers and (record.report.get("understood") or {}).get("layout") == layout:
            return answers, record
    return {}, None


def read_answers(path: Path | None) -> dict[str, Any]:
    """The answers of a ``--mapping`` file (JSON or TOML). InputError where it cannot be read or names something new."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        answers = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as problem:
        raise InputError(
            "mapping-unreadable",
            f"回答ファイル「{path.name}」を読めません（{type(problem).__name__}）。JSON か TOML で書いてください。",
            f"The mapping file '{path.name}' cannot be read ({type(problem).__name__}); write JSON or TOML.",
        ) from None
    if not isinstance(answers, dict) or not set(answers) <= set(ANSWERS):
        raise InputError(
            "mapping-unknown",
            f"回答ファイル「{path.name}」に使えるのは {'・'.join(ANSWERS)} です。",
            f"The mapping file '{path.name}' may hold {', '.join(ANSWERS)}.",
        )
    check_answers(answers, path.name)
    return _with_system(answers)


_GEOGRAPHIC: Final = frozenset({4326, 4612, 6668, 6697})
"""Degrees of WGS 84 and JGD: what is read as degrees anyway."""
_TOKYO_DEGREES: Final = 4301
_TOKYO_PLANES: Final = range(30161, 30180)
"""The plane rectangular systems I to XIX of the Tokyo datum."""


def _code(crs: object) -> int | None:
    """The number of an answer that is an EPSG code and nothing else."""
    found = re.fullmatch(r"(?:epsg\s*:?\s*)?(\d{4,5})", str(crs).strip(), re.IGNORECASE)
    return None if found is None else int(found[1])


def _with_system(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers with ``crs`` naming a plane system or nothing: a code of the Tokyo datum is that datum's answer too."""
    given = dict(answers)
    code = _code(given.get("crs"))
    if code is not None and code in _TOKYO_PLANES:
        return given | {"crs": code - _TOKYO_PLANES.start + 1, "datum": "tokyo"}
    if code == _TOKYO_DEGREES:
        given["datum"] = "tokyo"
    if code == _TOKYO_DEGREES or code in _GEOGRAPHIC:
        del given["crs"]
    return given


def _wrong_system(answers: Mapping[str, Any]) -> bool:
    """Whether ``crs`` names no system that lists are read in, or another datum than ``datum`` does."""
    if "crs" not in answers:
        return False
    crs = answers["crs"]
    if isinstance(crs, bool) or not isinstance(crs, (int, str)):
        return True
    code = _code(crs)
    if code == _TOKYO_DEGREES or code in _TOKYO_PLANES:
        return answers.get("datum") == "jgd2011"
    return code not in _GEOGRAPHIC and plane_epsg(str(crs)) is None


def check_answers(answers: Mapping[str, Any], name: str) -> None:
    """An answer that is none of those on offer would otherwise count as no answer. Raises "mapping-unknown"."""
    from coverage.uploads.headers import ALIASES

    columns = answers.get("columns", {})
    wrong = [key for key in ("sheet", "layer") if key in answers and not isinstance(answers[key], str)]
    wrong += [
        key
        for key, allowed in (("axes", ("swap", "keep")), ("datum", ("tokyo", "jgd2011")))
        if key in answers and answers[key] not in allowed
    ]
    if _wrong_system(answers):
        wrong.append("crs")
    if not isinstance(columns, dict) or not all(isinstance(header, str) for header in columns.values()):
        wrong.append("columns")
    elif not all(field.isidentifier() for field in columns):
        wrong.append(f"columns ({', '.join(sorted(ALIASES))})")
    wrong += _wrong_dates(answers.get("dates", {}))
    if wrong:
        raise InputError(
            "mapping-unknown",
            f"回答ファイル「{name}」の {'・'.join(wrong)} の値は使えません。docs/uploads.md の例を見てください。",
            f"The values of {', '.join(wrong)} in the mapping file '{name}' cannot be used; see the example in docs/uploads.md.",
        )


def _wrong_dates(dates: Any) -> list[str]:
    allowed: dict[str, tuple[Any, ...]] = {
        "two_digit_year": TWO_DIGIT_YEARS,
        "serial": SERIALS,
        "bare_year": BARE_YEARS,
    }
    if not isinstance(dates, dict):
        return ["dates"]
    return [
        f"dates.{name}"
        for name, value in dates.items()
        if isinstance(value, bool) or value not in allowed.get(name, ())
    ]
