"""Which edition of an operator's own areas stands for which fiscal year, in the rasters, the sentence and region.toml."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from shapely.geometry import Polygon, box, mapping

from coverage.domain.ledger import Inventory
from coverage.domain.places import PublishedCoverage, edition_day
from coverage.domain.region import OperatorConfig
from coverage.errors import RegionError
from coverage.readers.region import load_region
from coverage.readers.region_toml import parse_config
from coverage.runs.pipeline import execute
from coverage.runs.published_areas import in_force, published_card, published_said
from coverage.runs.radio import radio_engine

YEARS = [2015, 2016, 2017]
SQUARE = box(136.5, 33.5, 136.6, 33.6)
VALLEY = box(136.556, 33.536, 136.57, 33.546)
"""Around the eleven people whom no computed signal reaches in any year."""


def _areas(operator: str, *editions: str, shape: Polygon = SQUARE) -> list[PublishedCoverage]:
    return [PublishedCoverage(operator, shape, edition) for edition in editions]


def _operator(name_ja: str, name_en: str) -> OperatorConfig:
    return OperatorConfig(name_ja=name_ja, name_en=name_en, colour="#0072b2", inventory=Inventory.NONE)


OPERATORS = {"m1": _operator("見本A", "Mihon A"), "m2": _operator("見本B", "Mihon B")}


@pytest.mark.parametrize(
    ("edition", "day"),
    [
        ("2019-03-31", date(2019, 3, 31)),
        ("2019-02", date(2019, 2, 28)),
        ("2020-02", date(2020, 2, 29)),
        ("2019", date(2019, 12, 31)),
        ("2019-02-30", None),
        ("2019-13", None),
        ("0000", None),
        ("令和元年", None),
        ("２０１９", None),
        ("", None),
    ],
)
def test_an_edition_is_dated_by_the_last_day_that_it_can_mean(edition: str, day: date | None) -> None:
    assert edition_day(edition) == day


def test_a_year_takes_the_latest_edition_of_its_31_march() -> None:
    # 平成28年度 ends on 31 March 2017: an edition of that day is its own, one of the next day is not.
    areas = _areas("m2", "2017-04-01", "2016-01-31", "2017-03-31")
    taken = [in_force(areas, "m2", fy) for fy in (2014, 2015, 2016, 2017)]
    assert [a.edition if a else None for a in taken] == ["2016-01-31", "2016-01-31", "2017-03-31", "2017-04-01"]
    assert in_force(areas, "m1", 2016) is None
    assert in_force(_areas("m1", "春の版"), "m1", 1999) is not None, "one edition stands for every year, dated or not"


def test_the_sentence_names_years_with_editions_and_years_that_borrow_a_later_one() -> None:
    areas = [*_areas("m1", "2015-12"), *_areas("m2", "2017-06-30", "2017-03-31")]
    card = published_card(areas, OPERATORS, YEARS)
    assert card is not None
    assert card["editions"] == {"m1": "2015-12", "m2": "2017-06-30"}
    assert card["years"] == {
        "m1": {"2015": "2015-12", "2016": "2015-12", "2017": "2015-12"},
        "m2": {"2015": "2017-03-31", "2016": "2017-03-31", "2017": "2017-06-30"},
    }
    assert "見本A 平成27年度〜平成29年度 2015-12 版" in card["ja"]
    assert "見本B 平成27年度〜平成28年度 2017-03-31 版・平成29年度 2017-06-30 版" in card["ja"]
    assert "見本Bの平成27年度は当時の版がなく" in card["ja"]
    assert "見本Aの" not in card["ja"]
    assert "Mihon B FY2015: no edition of that time" in card["en"]


def test_nobody_is_warned_where_every_year_has_an_edition_of_its_time() -> None:
    card = published_card(_areas("m2", "2016-03", "2017-03"), OPERATORS, YEARS)
    assert card is not None
    assert "注意" not in card["ja"]
    assert "Mind" not in card["en"]
    assert published_card([], OPERATORS, YEARS) is None


def _table(edition: str) -> str:
    return (
        "\n[[operators.m2.published_coverage]]\n"
        f'format = "polygons"\npath = "m2-{edition}.geojson"\nedition = "{edition}"\nlicence = "x"\ncredit = "y"\n'
    )


def test_each_year_of_a_run_is_computed_with_its_own_edition(tiny: ModuleType, tmp_path: Path) -> None:
    editions = {"2016-12": Polygon([(136.51, 33.51), (136.511, 33.51), (136.511, 33.511)]), "2018-01": VALLEY}
    region = tiny.write_tiny_region(
        tmp_path / "region", toml=tiny.REGION_TOML + "".join(_table(e) for e in editions)
    )
    for edition, shape in editions.items():
        feature = {"type": "Feature", "properties": {}, "geometry": mapping(shape)}
        (region / f"m2-{edition}.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8"
        )
    data = load_region(region)
    assert [r.layer for r in data.layers if r.layer.startswith("published")] == [
        "published_coverage:m2:2016-12",
        "published_coverage:m2:2018-01",
    ]
    run = execute(
        data,
        tmp_path / "runs",
        radio=radio_engine(work_folder=tmp_path / "work", workers=1),
        progress=lambda *_: None,
    )
    table = run.municipalities
    east = table[table["municipality_code"] == "99301"].set_index("fiscal_year")["unserved_people_area"]
    assert list(east) == [41, 11, 0], "the valley's polygon is of January 2018: 平成29年度 alone"
    assert "平成29年度 2018-01 版" in published_said(run.meta, "ja")
    assert run.meta["model_card"]["published_coverage"] == ["m2"]


@pytest.mark.parametrize(
    ("editions", "also"),
    [(("2016-12", "春の版"), "春の版"), (("2016-12", "2016-12-31"), "同じ日"), (("2016", "2016"), "同じ日")],
)
def test_several_editions_are_told_apart_by_their_day(
    tiny: ModuleType, editions: tuple[str, str], also: str
) -> None:
    with pytest.raises(RegionError) as caught:
        parse_config(tiny.REGION_TOML + "".join(_table(e) for e in editions))
    assert caught.value.code == "region-contradicts"
    assert also in caught.value.ja
    assert "operators.m2.published_coverage" in caught.value.en


def test_a_wrong_key_of_an_edition_is_named_with_its_place(tiny: ModuleType) -> None:
    with pytest.raises(RegionError) as caught:
        parse_config(tiny.REGION_TOML + _table("2016") + _table("2017").replace("licence", "license"))
    assert "operators.m2.published_coverage[1].license" in caught.value.en
