"""May a computed gap be called a gap? Only where the site lists are complete (product rule §3).

The ministry publishes sites by municipality only, so a list of masts is never complete by itself. A thin list must
not paint a prefecture red: where any operator's inventory is not complete and no published polygons stand in for it,
the register of districts is the baseline, computed signal is added to it, and the headline says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coverage.domain.ledger import Inventory
from coverage.domain.region import OperatorConfig

NOT_COMPUTABLE_JA = "算定不可（基地局データ不足）"
NOT_COMPUTABLE_EN = "Not computable (site data incomplete)"


@dataclass(frozen=True, slots=True)
class Statement:
    """Whether computed no-signal areas are a statement, for each operator and for "any"; and why not."""

    computable: Mapping[str, bool]
    reason_ja: str
    reason_en: str


def statement(operators: Mapping[str, OperatorConfig]) -> Statement:
    """Judge the inventories of all operators."""
    by_operator = {
        key: o.inventory is Inventory.COMPLETE or bool(o.published_coverage) for key, o in operators.items()
    }
    missing = [o for key, o in operators.items() if not by_operator[key]]
    computable = {**by_operator, "any": not missing}
    if not missing:
        return Statement(computable, "", "")
    names_ja = "、".join(o.name_ja for o in missing)
    names_en = ", ".join(o.name_en for o in missing)
    return Statement(
        computable,
        f"{NOT_COMPUTABLE_JA}：{names_ja} の基地局一覧が完全ではないため、計算した圏外を不感地域とは言えません。"
        "不感地域の台帳を基準とし、計算上の電波は参考として重ねます。",
        f"{NOT_COMPUTABLE_EN}: the site lists of {names_en} are incomplete, so computed gaps are no statement. "
        "The register of districts is the baseline; computed signal is shown on top of it for reference.",
    )
