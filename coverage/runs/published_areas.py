"""Areas that operators publish themselves: one edition for every year of a run, and every figure says so.

Such an area replaces the computed reach (:mod:`coverage.runs.pipeline`), and region.toml names one edition of it. In the
years before the edition's day it may hold ground that was not served yet; whoever compares years must know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from coverage.domain.region import LayerRecord, OperatorConfig

LAYER: Final = "published_coverage:"
"""What the names of these layers begin with; the operator's id follows."""


def published_card(
    layers: Iterable[LayerRecord], operators: Mapping[str, OperatorConfig]
) -> dict[str, Any] | None:
    """The part of the model card: editions by operator, and the sentence; None where no operator publishes areas."""
    editions = {
        record.layer.removeprefix(LAYER): record.edition
        for record in layers
        if record.layer.startswith(LAYER)
    }
    if not editions:
        return None
    named_ja = "、".join(f"{operators[op].name_ja} {edition} 版" for op, edition in sorted(editions.items()))
    named_en = ", ".join(f"{operators[op].name_en}: {edition}" for op, edition in sorted(editions.items()))
    return {
        "editions": dict(sorted(editions.items())),
        "ja": f"事業者の公表エリア（{named_ja}）を、どの年度にもそのまま使っています。版より前の年度では、当時まだ届いていなかった所を"
        "含むことがあります。年度の比較では注意してください。",
        "en": f"Areas published by operators (edition, {named_en}) are used as they are for every fiscal year; in years before "
        "the edition they may hold ground that was not served then. Mind this when comparing years.",
    }


def published_said(meta: Mapping[str, Any], lang: str) -> str:
    """The sentence of the run whose ``run.json`` is ``meta``; "" where no operator publishes areas."""
    return str(meta["model_card"].get("published_areas", {}).get(lang, ""))
