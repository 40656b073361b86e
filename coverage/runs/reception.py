"""Where the phone is taken to be, said with every figure of a run that is not of outdoors.

Nobody may take a map of indoors for one of outdoors. So a run whose ``radio.reception`` is "vehicle" or "indoors" holds a
sentence in its model card, and pages, map, reports and files print it; a run of outdoors says nothing, as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from coverage.domain.region import RadioConfig
from coverage.radio.footprint import Cell, reception_loss_db
from coverage.runs.published_areas import published_said

MOST_LOSSES: Final = 6
"""Frequencies that the sentence names one by one; above it, the least and the largest loss."""

_NAMES: Final = {
    "vehicle": ("車内", "in a car"),
    "traditional": ("屋内（ITU-R P.2109、在来型の建物）", "indoors (ITU-R P.2109, traditional building)"),
    "thermally-efficient": (
        "屋内（ITU-R P.2109、断熱性の高い建物）",
        "indoors (ITU-R P.2109, thermally-efficient building)",
    ),
}


def reception_card(radio: RadioConfig, cells: Iterable[Cell]) -> dict[str, Any] | None:
    """The part of the model card: place, building, losses by frequency (dB), and the sentence; None outdoors."""
    if radio.reception == "outdoors":
        return None
    by_mhz = {cell.frequency_mhz: round(reception_loss_db(cell, radio), 2) for cell in cells}
    losses = sorted(by_mhz.items())
    kind = radio.building if radio.reception == "indoors" else radio.reception
    name_ja, name_en = _NAMES[kind]
    low, high = min(by_mhz.values(), default=0.0), max(by_mhz.values(), default=0.0)
    if len(losses) > 1 and low == high:
        # A car takes the same of every frequency.
        taken_ja, taken_en = f" {low:.1f} dB ", f" {low:.1f} dB,"
    elif len(losses) > MOST_LOSSES:
        taken_ja, taken_en = (
            f" {low:.1f}〜{high:.1f} dB（周波数による） ",
            f" {low:.1f} to {high:.1f} dB, by frequency,",
        )
    elif losses:
        taken_ja = " " + "・".join(f"{mhz:g} MHz で {db:.1f} dB" for mhz, db in losses) + " "
        taken_en = " " + ", ".join(f"{db:.1f} dB at {mhz:g} MHz" for mhz, db in losses) + ","
    else:
        taken_ja, taken_en = "その損失", " the loss"
    return {
        "place": radio.reception,
        **({"building": radio.building} if radio.reception == "indoors" else {}),
        "loss_db": [{"frequency_mhz": mhz, "loss_db": db} for mhz, db in losses],
        "name_ja": name_ja,
        "name_en": name_en,
        "ja": f"{name_ja}で受ける電波の計算です。屋外 1.5 m の強さから{taken_ja}を引いて、階級と電波の有無を決めています。"
        "屋外の結果と比べたり合わせたりしないでください。",
        "en": f"Signal {name_en}: the level outdoors at 1.5 m, less{taken_en} decides the class and whether there is signal. "
        "Do not compare or add these figures with those of outdoors.",
    }


def reception_said(meta: Mapping[str, Any], lang: str) -> str:
    """The sentence of the run whose ``run.json`` is ``meta``; "" for one of outdoors."""
    return str(meta["model_card"].get("reception", {}).get(lang, ""))


def notice_of(meta: Mapping[str, Any], lang: str) -> str:
    """What files made of the run carry as their notice: the region's own, and :func:`conditions_said`."""
    return " ".join(
        said for said in (str(meta["region"][f"notice_{lang}"]), *conditions_said(meta, lang)) if said
    )


def conditions_said(meta: Mapping[str, Any], lang: str) -> list[str]:
    """What is to be read with every figure of the run: that it is not of outdoors, and whose published areas it holds."""
    return [said for said in (reception_said(meta, lang), published_said(meta, lang)) if said]
