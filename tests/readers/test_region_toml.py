"""region.toml: what a person writes, and the one sentence that a mistake earns."""

from __future__ import annotations

import re
import types
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from coverage.domain.ledger import Funding, Inventory, Purpose
from coverage.domain.region import RegionConfig
from coverage.errors import RegionError
from coverage.readers.region import load_config
from coverage.readers.region_toml import TABLES, parse_config

DOCS = Path(__file__).resolve().parents[2] / "docs" / "region.md"


def example() -> str:
    """The example of docs/region.md: what a person would copy."""
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return blocks[0]


def broken(old: str, new: str) -> RegionError:
    text = example()
    assert old in text, old
    with pytest.raises(RegionError) as caught:
        parse_config(text.replace(old, new, 1))
    error = caught.value
    for sentence, end in ((error.ja, "。"), (error.en, ".")):
        assert sentence.endswith(end)
        assert "\n" not in sentence
        assert "pydantic" not in sentence.lower()
    return error


def test_the_documented_example_is_a_whole_region() -> None:
    config = parse_config(example())
    assert config.id == "mihon"
    assert config.layers.population.paths == ["population/tblT000876Q99.zip"]
    assert config.operators["m1"].inventory is Inventory.COMPLETE
    assert config.operators["m1"].bands["B1"].eirp_dbm == 57
    assert config.ladder.edge_dbm == -115
    assert config.counting.funding == [Funding.NATIONAL_SUBSIDY, Funding.PREFECTURE_ONLY]
    assert config.counting.purpose == [Purpose.RESIDENTIAL]
    assert config.municipality_mergers == {}


def test_the_documented_mergers_are_read() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert parse_config(example() + blocks[1]).municipality_mergers == {"24381": "24201"}


@pytest.mark.parametrize(
    ("old", "new", "key", "also"),
    [
        ('id = "mihon"', 'id = "Mihon Ken"', "region.id", "Mihon Ken"),
        ('id = "mihon"\n', "", "region.id", "書き足して"),
        ('prefecture_code = "99"', "prefecture_code = 99", "region.prefecture_code", "文字列"),
        ('name_en = "Mihon"', 'name_en = "Mihon"\nnam_en = "x"', "region.nam_en", "綴り"),
        ("plane_epsg = 6674", 'plane_epsg = "zone 6"', "region.plane_epsg", "整数"),
        ("fiscal_years = [2016, 2017]", "fiscal_years = []", "region.fiscal_years", "1 個以上"),
        ("fiscal_years = [2016, 2017]", 'fiscal_years = [2016, "x"]', "region.fiscal_years[1]", "整数"),
        ("fiscal_years = [2016, 2017]", 'fiscal_years = "2016"', "region.fiscal_years", "並び"),
        ('path = "towers"', "path = 5", "layers.sites.path", "文字列"),
        ('path = "towers"\n', "", "layers.sites.path", "書き足して"),
        ("[layers.terrain]", "[layers.terain]", "layers.terain", "綴り"),
        ('inventory = "complete"', 'inventory = "most"', "operators.m1.inventory", "complete, partial, none"),
        ('colour = "#0072b2"', 'colour = "blue"', "operators.m1.colour", "#[0-9a-f]{6}"),
        (
            "frequency_mhz = 2140",
            "frequency_mhz = 2.14e9",
            "operators.m1.bands.B1.frequency_mhz",
            "6000.0 以下",
        ),
        ("frequency_mhz = 2140", "frequency_mhz = inf", "operators.m1.bands.B1.frequency_mhz", "有限"),
        ("bandwidth_mhz = 15", "bandwidth_mhz = 0", "operators.m1.bands.B1.bandwidth_mhz", "0.0 より大きく"),
        ("min_dbm = -115", "min_dbm = nan", "ladder.classes[0].min_dbm", "有限"),
        ("[ladder]\n", "[grid]\ncell_m = 1\n[ladder]\n", "grid.cell_m", "5.0 以上"),
        (
            "[ladder]\n",
            '[counting]\nfunding = ["国補助", "国"]\n[ladder]\n',
            "counting.funding[1]",
            "国補助, 県単独",
        ),
        ("[ladder]\n", "[radoi]\nmodel = 1\n[ladder]\n", "radoi", "綴り"),
        ("[ladder]\n", '[radio]\nmodel = "itm"\n[ladder]\n', "radio.model", "p1812, free-space"),
        ('[region]\nid = "mihon"', '[reg]\nid = "mihon"', "region", "書き足して"),
        (
            "fiscal_years = [2016, 2017]",
            'fiscal_years = [2016]\nfictional = "perhaps"',
            "region.fictional",
            "true か false",
        ),
        (
            "[operators.m1]",
            "[municipality_mergers]\n24381 = 24201\n[operators.m1]",
            "municipality_mergers.24381",
            "文字列",
        ),
        ('name_en = "Mihon"', 'name_en = "Mihon"\nlayers = "x"', "region.layers", "綴り"),
    ],
)
def test_a_wrong_key_is_named_with_its_value_and_what_to_do(old: str, new: str, key: str, also: str) -> None:
    error = broken(old, new)
    assert error.code == "region-key"
    assert f"「{key}」" in error.ja
    assert f"'{key}'" in error.en
    assert also in error.ja


@pytest.mark.parametrize(
    ("old", "new", "also_ja"),
    [
        ("fiscal_years = [2016, 2017]", "fiscal_years = [28, 29]", "西暦4桁"),
        ("fiscal_years = [2016, 2017]", "fiscal_years = [2017, 2016]", "古い年度から"),
        ("fiscal_years = [2016, 2017]", "fiscal_years = [2016, 2016]", "古い年度から"),
        ("plane_epsg = 6674", "plane_epsg = 4326", "平面直角座標系"),
        ("[operators.m1]", '[municipality_mergers]\n381 = "24201"\n[operators.m1]', "5桁"),
        ("[operators.m1", "[operators.any", "any"),
        ("[operators.m1", '[operators."ドコモ"', "英数字"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(old: str, new: str, also_ja: str) -> None:
    text = example()
    # an operator's tables share their prefix
    changed = (
        text.replace(old, new)
        if old.startswith("[operators.m1") and "mergers" not in new
        else text.replace(old, new, 1)
    )
    with pytest.raises(RegionError) as caught:
        parse_config(changed)
    assert caught.value.code == "region-contradicts"
    assert also_ja in caught.value.ja


@pytest.mark.parametrize(
    ("old", "new", "also_ja"),
    [
        ("min_dbm = -115\n", "", "min_dbm"),
        ('signal_edge = "basic"', 'signal_edge = "good"', "signal_edge"),
        (
            "[[ladder.classes]]\n",
            '[[ladder.classes]]\nid = "weak"\nname_ja = "弱"\nname_en = "Weak"\nmin_dbm = -120\ncolour = "#000000"\n\n[[ladder.classes]]\n',
            "強い順",
        ),
    ],
)
def test_a_ladder_out_of_order_is_explained_in_both_languages(old: str, new: str, also_ja: str) -> None:
    error = broken(old, new)
    assert "「ladder」" in error.ja
    assert also_ja in error.ja
    assert "'ladder'" in error.en


def test_several_mistakes_give_one_sentence_that_counts_the_others() -> None:
    text = (
        example()
        .replace("plane_epsg = 6674", 'plane_epsg = "x"')
        .replace('colour = "#0072b2"', 'colour = "blue"')
    )
    with pytest.raises(RegionError) as caught:
        parse_config(text)
    assert "ほかに 1 件" in caught.value.ja
    assert "1 more" in caught.value.en


def test_a_merger_table_that_runs_in_a_circle_is_refused() -> None:
    text = example() + '\n[municipality_mergers]\n24381 = "24382"\n24382 = "24381"\n'
    with pytest.raises(ValueError, match="24381 → 24382"):
        parse_config(text)


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text("[region]\nid = mihon\n", encoding="utf-8")
    with pytest.raises(RegionError) as caught:
        load_config(tmp_path)
    assert caught.value.code == "region-toml-broken"
    assert "line 2" in caught.value.ja


def test_a_folder_without_region_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegionError) as caught:
        load_config(tmp_path)
    assert caught.value.code == "region-toml-missing"
    assert tmp_path.name in caught.value.ja


def test_a_region_toml_saved_by_notepad_with_a_bom_is_read(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_bytes(example().replace("\n", "\r\n").encode("utf-8-sig"))
    assert load_config(tmp_path).name_ja == "見本県"


def keys_of(model: type[BaseModel]) -> set[str]:
    """Every key that a model and the models inside it have."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(name)
        for inner in _models_in(field.annotation):
            found |= keys_of(inner)
    return found


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        return [m for part in typing.get_args(annotation) for m in _models_in(part)]
    return []


def test_every_key_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    keys = keys_of(RegionConfig) - set(TABLES)  # the tables have chapters of their own
    missing = sorted(key for key in keys if f"`{key}`" not in text)
    assert not missing, f"docs/region.md does not explain {missing}"


def test_every_top_level_table_has_a_chapter() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for table in TABLES:
        assert re.search(rf"^## \[{table}[\].]", text, re.MULTILINE), table


def test_brackets_without_end_are_refused_in_words() -> None:
    with pytest.raises(RegionError) as caught:
        parse_config("a = " + "[" * 5000)
    assert caught.value.code == "region-toml-broken"
