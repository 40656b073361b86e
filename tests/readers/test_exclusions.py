"""Ground where no mast may be built: polygons by name and zone, and files that are not what they claim."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shapely.geometry import Point, Polygon, box, mapping

from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError, RegionError
from coverage.readers.exclusions import read_exclusions
from coverage.readers.region import load_region

PARK, ZONE = "吉野熊野国立公園", "特別保護地区"
BOW_TIE = Polygon([(136.50, 33.50), (136.52, 33.52), (136.52, 33.50), (136.50, 33.52)])


def _layer(root: Path, features: list[tuple[dict[str, str], object]], **options: object) -> LayerConfig:
    content = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": p, "geometry": mapping(g)} for p, g in features],
    }
    (root / "parks.geojson").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return LayerConfig(
        format="polygons", path="parks.geojson", edition="2020", licence="CC0-1.0", credit="見本（架空）", options=options
    )


def _two(root: Path, **options: object) -> LayerConfig:
    ordinary = ({"name": PARK, "zone": "普通地域"}, box(136.0, 33.0, 137.0, 34.0))
    return _layer(root, [({"name": PARK, "zone": ZONE}, box(136.50, 33.50, 136.52, 33.52)), ordinary], **options)


def test_only_the_zone_that_bars_building_is_taken_with_its_name(tmp_path: Path) -> None:
    reading = read_exclusions(_two(tmp_path, name="name", where={"zone": ZONE}), tmp_path)
    assert [(a.name, a.geometry.bounds) for a in reading.areas] == [(PARK, (136.50, 33.50, 136.52, 33.52))]
    assert [f.name for f in reading.files] == ["parks.geojson"]
    assert reading.notes == ()


def test_without_options_every_polygon_bars_and_has_no_name(tmp_path: Path) -> None:
    assert [a.name for a in read_exclusions(_two(tmp_path), tmp_path).areas] == ["", ""]


def test_a_polygon_that_crosses_itself_is_repaired_and_said(tmp_path: Path) -> None:
    reading = read_exclusions(_layer(tmp_path, [({}, BOW_TIE)]), tmp_path)
    assert reading.areas[0].geometry.is_valid
    assert reading.areas[0].geometry.area == pytest.approx(0.0002)
    assert "1 件" in reading.notes[0][0]


def test_a_layer_that_bars_nothing_or_holds_points_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError) as caught:
        read_exclusions(_two(tmp_path, where={"zone": "第一種特別地域"}), tmp_path)
    assert caught.value.code == "exclusion-empty"
    with pytest.raises(FileFormatError) as caught:
        read_exclusions(_layer(tmp_path, [({}, Point(136.5, 33.5))]), tmp_path)
    assert caught.value.code == "exclusion-not-polygon"
    with pytest.raises(FileFormatError) as caught:
        read_exclusions(_two(tmp_path, name="名前"), tmp_path)
    assert caught.value.code == "column-missing"
    with pytest.raises(RegionError) as option:
        read_exclusions(_two(tmp_path, buffer=3), tmp_path)
    assert option.value.code == "layer-option-wrong"


def test_a_run_does_not_read_the_layer_and_a_plan_does(tiny, tmp_path: Path) -> None:
    from coverage.runs.digest import run_digest

    layer = '[layers.exclusions]\nformat = "polygons"\npath = "parks.geojson"\nedition = "2020"\nlicence = "CC0-1.0"\ncredit = "見本"\n\n'
    plain = tiny.write_tiny_region(tmp_path / "plain")
    barred = tiny.write_tiny_region(
        tmp_path / "barred",
        toml=tiny.REGION_TOML.replace("[operators.m1]", layer + "[planning]\njoint_cost_yen = 1\n\n[operators.m1]", 1),
    )
    _two(barred)
    whole = load_region(barred)
    assert whole.exclusions == ()
    assert run_digest(whole) == run_digest(load_region(plain)), "no run depends on what plans alone read"
    read = load_region(barred, only=["exclusions"])
    assert len(read.exclusions) == 2
    assert [r.layer for r in read.layers] == ["exclusions"]
