"""data/mie reads the real layers where they are, and what it adds to them is an example that claims nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from coverage.domain.counting import count
from coverage.domain.ledger import Inventory
from coverage.readers.region import load_config, load_region
from coverage.readers.tables import read_ledger


@pytest.fixture(scope="module")
def mie_dir(project_dir: Path) -> Path:
    return project_dir / "data" / "mie"


def test_no_operator_is_complete_so_nothing_is_claimed(mie_dir: Path) -> None:
    config = load_config(mie_dir)
    assert all(o.inventory is Inventory.PARTIAL for o in config.operators.values())
    assert all("例示" in o.name_ja for o in config.operators.values())
    assert "例示" in config.notice_ja


def test_example_sites_are_rounded_and_say_that_they_are_examples(mie_dir: Path) -> None:
    ledger = read_ledger(mie_dir / "towers" / "example").ledger
    assert 30 <= len(ledger.sites) <= 60
    for place in ledger.sites:
        assert "例示" in place.name
        assert place.lat == round(place.lat, 3)
        assert place.lon == round(place.lon, 3)
    for district in ledger.districts:
        assert "例示" in district.name
        assert "架空" in district.source
    assert len({s.municipality_code for s in ledger.sites}) == 29


def test_without_an_opening_balance_only_the_increase_is_stated(mie_dir: Path) -> None:
    ledger = read_ledger(mie_dir / "towers" / "example").ledger
    result = count(ledger, rule=load_config(mie_dir).counting, fiscal_years=[2015, 2016, 2017, 2018, 2019])
    assert {year.total for year in result.years} == {None}
    assert [year.cumulative_increase for year in result.years] == [1, 1, 2, 2, 2]


@pytest.mark.shared
def test_the_real_layers_of_mie_give_29_municipalities_and_every_resident(
    mie_dir: Path, shared_dir: Path
) -> None:
    region = load_region(mie_dir, layers_root=shared_dir / "data")
    assert len(region.municipalities) == 29
    assert region.population.total == 1_815_865
    assert region.population.estimated
    assert {s.municipality_code for s in region.ledger.sites} == {m.code for m in region.municipalities}
    towns = {m.code: m.geometry.buffer(0.03) for m in region.municipalities}
    outside = [
        s.name
        for s in region.ledger.sites
        if not towns[s.municipality_code].contains(shapely.Point(s.lon, s.lat))
    ]
    assert not outside, "each example stands in the municipality that it is listed under"
