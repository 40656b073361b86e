"""Rules of the count and the policy sheet that an administrator may correct without touching a file.

A correction is a record of the kind ``setting`` with a note that says why; it wins over ``region.toml`` and the sheet,
everybody sees both values, and taking it back brings the file's value into force again. ``AppContext.config`` holds the
rules in force, for every run and every count; the published run follows when it is computed anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from coverage.domain.indicators import IndicatorSet, parse_indicator_set
from coverage.domain.region import CountingConfig
from coverage.errors import CoverageGapError, InputError, NotFoundError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.store.canonical import one_line
from coverage.store.editing import require_text
from coverage.store.events import Kind, join_key
from coverage.store.locate import Location
from coverage.store.protocol import HistoryEntry, Store
from coverage.store.records import Setting

_SETTING: Final = Resource(Object.SETTING)
COUNTING: Final = ("funding", "purpose", "achievement_cap", "lower_is_better", "achievement_classes")
"""Keys of ``[counting]`` that may be corrected."""
_COUNTING, _READING = "counting.", "reading."


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what the files say, what is in force, and who corrected it.

    ``name`` is the setting's; ``code`` the indicator's where it is a reading. ``version`` is handed back on a change:
    0 where nobody ever corrected it.
    """

    name: str
    code: str
    from_file: Any
    in_force: Any
    corrected: bool
    note: str
    version: int
    recorded_at: datetime | None


_read: dict[str, tuple[Any, dict[str, Any]]] = {}


def counting_in_force(context: AppContext) -> CountingConfig:
    """``[counting]`` of region.toml with the administrator's corrections.

    A stored correction that this release does not understand any more is an error, not a guess: InputError
    "setting-invalid" names it. Reading them costs a look at a file's time where nothing was written since.
    """
    from coverage.services.stores import open_context_store, store_exists

    url = str(context.store_url)
    if not store_exists(url):
        return context.file_config.counting
    stamp = _stamp(url)
    held = _read.get(url)
    if held is None or stamp is None or held[0] != stamp:
        with open_context_store(context) as store:
            held = (stamp, _given(store))
        _read[url] = held
    return _with(context.file_config.counting, held[1])


def _given(store: Store) -> dict[str, Any]:
    return {
        str(setting.name): setting.value
        for setting in store.records(Kind.SETTING)
        if str(setting.name).startswith((_COUNTING, _READING))
    }


def _stamp(url: str) -> tuple[tuple[int, int], ...] | None:
    """Time and size of a SQLite ledger and of its log of writings; None for a server, which is asked every time."""
    path = Location.parse(url).path
    if path is None:
        return None
    stats = [p.stat() for p in (path, path.with_name(f"{path.name}-wal")) if p.is_file()]
    return tuple((s.st_mtime_ns, s.st_size) for s in stats)


def rules(context: AppContext, store: Store, *, principal: Principal) -> tuple[Rule, ...]:
    """Every rule that may be corrected, in the order of the page."""
    authorise(principal, Action.VIEW, _SETTING)
    held = {v.record.name: v for v in store.versioned(Kind.SETTING)}
    file = context.file_config.counting
    plain = file.model_dump(mode="json")
    defaults: dict[str, tuple[str, Any]] = {_COUNTING + key: ("", plain[key]) for key in COUNTING}
    sheet = _sheet(context)
    for indicator in sheet.indicators if sheet is not None else ():
        if indicator.readings:
            defaults[_READING + indicator.code] = (
                indicator.code,
                file.readings.get(indicator.code, indicator.reading),
            )
    found = []
    for name, (code, value) in defaults.items():
        own = held.get(name)
        found.append(
            Rule(
                name,
                code,
                value,
                value if own is None else own.record.value,
                own is not None,
                "" if own is None else own.record.note,
                _version(store, name),
                None if own is None else own.recorded_at,
            )
        )
    return tuple(found)


def correct_rule(
    context: AppContext,
    store: Store,
    name: str,
    value: Any,
    *,
    note: str,
    expected_version: int,
    principal: Principal,
) -> None:
    """Put a rule into force. ``note`` says why and stays with it.

    Raises NotFoundError for a name or reading that does not exist, InputError for a value that cannot be or no note,
    EditConflictError where somebody corrected it since.
    """
    authorise(principal, Action.MANAGE, _SETTING)
    note = require_text(note, ja="理由", en="reason", limit=500)
    _check(context, name, value)
    store.put(
        Kind.SETTING,
        {"name": name, "value": value, "note": note},
        by=principal.actor,
        expected_version=expected_version,
        reason=note,
        action="setting",
    )


def take_back_rule(
    store: Store, name: str, *, reason: str, expected_version: int, principal: Principal
) -> None:
    """Let the file's value rule again. Raises NotFoundError where nothing was corrected, EditConflictError."""
    authorise(principal, Action.MANAGE, _SETTING)
    reason = require_text(reason, ja="理由", en="reason", limit=500)
    store.retire(
        Kind.SETTING, join_key([name]), by=principal.actor, expected_version=expected_version, reason=reason
    )


def rule_history(store: Store, name: str, *, principal: Principal) -> tuple[HistoryEntry, ...]:
    """Who corrected a rule when, from what to what and why; newest first."""
    authorise(principal, Action.VIEW, _SETTING)
    return tuple(reversed(store.history(Kind.SETTING, join_key([name]))))


def readings_of(context: AppContext, code: str) -> dict[str, Mapping[str, str]]:
    """id → name by language, of the readings that the sheet offers for an indicator."""
    sheet = _sheet(context)
    return {} if sheet is None else {r.id: r.name.model_dump() for r in sheet.indicator(code).readings}


def _sheet(context: AppContext) -> IndicatorSet | None:
    from coverage.readers.region import load_region

    if context.file_config.layers.indicators is None:
        return None
    text = load_region(
        context.region_folder, layers_root=context.layers_root, only=["indicators"]
    ).indicators_toml
    return parse_indicator_set(text)


def _version(store: Store, name: str) -> int:
    """The last version, also of a correction that was taken back."""
    history = store.history(Kind.SETTING, join_key([name]))
    return history[-1].version if history and not history[-1].deleted else 0


def _check(context: AppContext, name: str, value: Any) -> None:
    if name.startswith(_READING):
        code = name.removeprefix(_READING)
        sheet = _sheet(context)
        if sheet is None:
            raise _unknown(name)
        sheet.with_reading(code, str(value))
    elif name.removeprefix(_COUNTING) not in COUNTING or not name.startswith(_COUNTING):
        raise _unknown(name)
    _with(context.file_config.counting, {name: value})


def _with(file: CountingConfig, given: Mapping[str, Any]) -> CountingConfig:
    if not given:
        return file
    values = file.model_dump(mode="json")
    for name, value in given.items():
        if name.startswith(_READING):
            values["readings"] = {**values["readings"], name.removeprefix(_READING): value}
        else:
            values[name.removeprefix(_COUNTING)] = value
    try:
        rule = CountingConfig.model_validate(values)
    except ValidationError as problem:
        where = ".".join(str(part) for part in problem.errors()[0]["loc"])
        raise _invalid(where, problem.errors()[0]["msg"]) from None
    problem_of = _what_is_wrong(rule)
    if problem_of:
        raise _invalid(*problem_of)
    return rule


def _what_is_wrong(rule: CountingConfig) -> tuple[str, str] | None:
    """What the types alone would let pass."""
    if not rule.funding:
        return "counting.funding", "at least one"
    if not rule.purpose:
        return "counting.purpose", "at least one"
    if rule.achievement_cap is not None and not 0 < rule.achievement_cap <= 10:
        return "counting.achievement_cap", "between 0 and 10"
    edges = rule.achievement_classes
    if (
        edges != sorted(set(edges), reverse=True)
        or not edges
        or not all(0 < e <= 10 for e in edges)
        or len(edges) > 3
    ):
        return "counting.achievement_classes", "one to three numbers, descending, between 0 and 10"
    return None


def _unknown(name: str) -> CoverageGapError:
    return NotFoundError(
        "setting-unknown-name",
        f"設定「{one_line(name, limit=60)}」はありません。",
        f"There is no setting '{one_line(name, limit=60)}'.",
    )


def _invalid(where: str, why: str) -> InputError:
    return InputError(
        "setting-invalid",
        f"設定 {one_line(where, limit=60)} の値は使えません（{one_line(why, limit=100)}）。値を直してください。",
        f"The value of the setting {one_line(where, limit=60)} cannot be used ({one_line(why, limit=100)}); correct it.",
    )


__all__ = [
    "COUNTING",
    "Rule",
    "Setting",
    "correct_rule",
    "counting_in_force",
    "readings_of",
    "rule_history",
    "rules",
    "take_back_rule",
]
