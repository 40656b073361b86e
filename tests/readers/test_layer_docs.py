"""docs/layers.md names every format and option that the readers have, and no other format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coverage.readers import boundaries, ledger_layers, places, population, published_coverage

PROJECT = Path(__file__).resolve().parents[2]
TEXT = (PROJECT / "docs" / "layers.md").read_text(encoding="utf-8")

FORMATS = {
    "boundaries": boundaries.FORMATS,
    "population": population.FORMATS,
    "sites": ledger_layers.SITE_FORMATS,
    "districts": ledger_layers.DISTRICT_FORMATS,
    "actuals": ledger_layers.ACTUAL_FORMATS,
    "settlements": places.SETTLEMENT_FORMATS,
    "shelters": places.SHELTER_FORMATS,
    "published_coverage": published_coverage.FORMATS,
    "indicators": ("indicators-toml",),
}


def chapter(name: str) -> str:
    """The chapter whose heading names the layer."""
    parts = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    return next(part for part in parts if name in part.splitlines()[0])


@pytest.mark.parametrize("layer", FORMATS)
def test_every_format_is_in_the_chapter_of_its_layer(layer: str) -> None:
    text = chapter(layer)
    missing = [name for name in FORMATS[layer] if f"`{name}`" not in text]
    assert not missing


@pytest.mark.parametrize("layer", ["boundaries", "population", "sites"])
def test_every_documented_format_exists(layer: str) -> None:
    first_columns = re.findall(r"^\| `([\w-]+)` \|", chapter(layer), re.MULTILINE)
    assert sorted(first_columns) == sorted(FORMATS[layer])


def test_every_option_is_documented() -> None:
    asked: set[str] = set()
    for path in (PROJECT / "coverage" / "readers").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r"options\.(?:text|integer|number|flag|table)\(\"(\w+)\"", source))
    asked |= {"id_field", "population_field", "households_field", "layer", "member", "encoding"}
    assert len(asked) > 15
    assert not sorted(option for option in asked if f"`{option}`" not in TEXT)
