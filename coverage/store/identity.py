"""Which record a row of an upload speaks of, where its key is more than one plain column.

An operator may have several bands or sectors on one site, and a district may be designated again after it was
resolved. Files name neither a cell nor a designation, so the row is matched with what the ledger holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coverage.store.canonical import canonical_json, sha256_hex
from coverage.store.events import Kind, Table


@dataclass(frozen=True, slots=True)
class Sibling:
    """A record that shares the row's main id: its last values, and whether it exists."""

    values: Mapping[str, Any]
    deleted: bool


def group_of(table: Table, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Rows of one group may be the same record: one operator on one site, one district."""
    if table.kind is Kind.SITE_OPERATOR:
        return values.get("site_id"), values.get("operator")
    return (values.get(table.parent),)


def settle(table: Table, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """``values`` with the key columns that follow from them alone: a journal entry's id, the order of two sites."""
    if table.kind is Kind.RESTATEMENT and "restatement_id" not in values:
        return {**values, "restatement_id": _restatement_id(values)}
    if table.kind is Kind.DISTINCT_ANSWER:
        a, b = values.get("site_id_a"), values.get("site_id_b")
        if a is not None and b is not None and a > b:
            return {**values, "site_id_a": b, "site_id_b": a}
    return values


def identify(
    table: Table, values: Mapping[str, Any], siblings: Sequence[Sibling], *, alone: bool
) -> dict[str, Any]:
    """``values`` with the hidden key columns filled in.

    ``siblings``: the records of the same group; ``alone``: the upload says one thing only of this group.
    """
    if table.kind is Kind.SITE_OPERATOR and "cell" not in values:
        return {**values, "cell": _cell(values, siblings, alone)}
    if table.kind is Kind.DISTRICT and "designation" not in values:
        return {**values, "designation": _designation(values, siblings)}
    return dict(values)


def _cell(values: Mapping[str, Any], siblings: Sequence[Sibling], alone: bool) -> str:
    """The cell that the row speaks of.

    The same band and azimuth is the same cell. A row that is the only one for its operator on the site, where the
    ledger too has only one, is that one, unless both name a band (or azimuth) and these differ: a 4G to 5G upgrade
    adds a cell.
    """
    band, azimuth = values.get("band"), values.get("azimuth_deg")
    live = [s.values for s in siblings if not s.deleted]
    for held in live:
        if held["band"] == band and held["azimuth_deg"] == azimuth:
            return str(held["cell"])
    if alone and len(live) == 1:
        held = live[0]
        if all(
            stated is None or held[column] is None or held[column] == stated
            for column, stated in (("band", band), ("azimuth_deg", azimuth))
        ):
            return str(held["cell"])
    label = (band or "") + ("" if azimuth is None else f"@{azimuth:g}")
    taken = {str(held["cell"]) for held in live}
    number = 1
    while (label if number == 1 else f"{label}#{number}") in taken:
        number += 1
    return label if number == 1 else f"{label}#{number}"


def _designation(values: Mapping[str, Any], siblings: Sequence[Sibling]) -> int:
    """The designation that the row speaks of: a new one only where the last one was resolved before it began."""
    live = sorted((s.values for s in siblings if not s.deleted), key=lambda held: int(held["designation"]))
    designated_on = values.get("designated_on")
    for held in live:
        if designated_on is not None and held["designated_on"] == designated_on:
            return int(held["designation"])
    if not live:
        return 1
    last = live[-1]
    again = (
        designated_on is not None and last["resolved_on"] is not None and last["resolved_on"] <= designated_on
    )
    return int(last["designation"]) + (1 if again else 0)


def _restatement_id(values: Mapping[str, Any]) -> str:
    """From the content, so that a journal taken over from a file twice is one journal."""
    content = [values.get("effective_fy"), values.get("amount"), values.get("author"), values.get("reason")]
    return f"{content[0]}-{sha256_hex(canonical_json(content))[:12]}"
