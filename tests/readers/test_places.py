"""Town points, shelters and published coverage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely

from coverage.domain.municipality_code import five_digits
from coverage.domain.places import Settlement, Shelter
from coverage.errors import InputError
from coverage.readers.places import read_settlements, read_shelters
from coverage.readers.published_coverage import read_published_coverage

WriteZip = Callable[[Path, Mapping[str, bytes]], Path]

TOWNS = (
    "municipality_code,municipality,town,koaza,lat,lon\n"
    "99301,見本郡西町,奥山,,33.551,136.551\n"
    "99301,見本郡西町,さくらの丘,,,\n"
    "99302,見本郡東町,浜,字磯,33.561,136.651\n"
)


def refused(code: str, read: Callable[[], object], *says: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code == code, caught.value
    for text in says:
        assert text in caught.value.ja
    return caught.value


def test_a_town_without_a_position_is_listed_not_dropped(tmp_path: Path, make_layer: Any) -> None:
    (tmp_path / "towns.csv").write_bytes(TOWNS.encode("cp932"))
    reading = read_settlements(make_layer("csv", "towns.csv"), tmp_path, prefecture_code="99")
    assert reading.settlements == (
        Settlement("99301", "奥山", 33.551, 136.551),
        Settlement("99302", "浜字磯", 33.561, 136.651),
    )
    assert reading.without_position == ("さくらの丘",)
    assert reading.rows == 3
    assert "さくらの丘" in reading.notes[0][0]
    assert "さくらの丘" in reading.notes[0][1]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("33.551,136.551", "33.551,", "cell-empty"),
        ("33.551,136.551", "0,0", "position-zero"),
        ("33.551,136.551", "136.551,33.551", "position-swapped"),
        ("99301,見本郡西町,奥山", "993,見本郡西町,奥山", "municipality-code-invalid"),
        (",奥山,", ",,", "cell-empty"),
        (",lat,lon", ",y,x", "column-missing"),
        (TOWNS[TOWNS.index("\n") + 1 :], "", "places-empty"),
    ],
)
def test_broken_town_tables_are_refused(
    tmp_path: Path, make_layer: Any, old: str, new: str, code: str
) -> None:
    assert old in TOWNS
    (tmp_path / "towns.csv").write_text(TOWNS.replace(old, new, 1), encoding="utf-8")
    layer = make_layer("csv", "towns.csv")
    refused(code, lambda: read_settlements(layer, tmp_path, prefecture_code="99"), "towns.csv")


def test_towns_of_another_prefecture_only_are_refused(tmp_path: Path, make_layer: Any) -> None:
    (tmp_path / "towns.csv").write_text(TOWNS, encoding="utf-8")
    layer = make_layer("csv", "towns.csv")
    refused("places-empty", lambda: read_settlements(layer, tmp_path, prefecture_code="98"))


ISJ = (
    '"都道府県コード","都道府県名","市区町村コード","市区町村名","大字町丁目コード","大字町丁目名","緯度","経度","原典資料コード","大字・字・丁目区分コード"\r\n'
    '"99","見本県","99301","見本郡西町","993010001000","奥山","33.551000","136.551000","0","1"\r\n'
    '"98","他県","98201","他市","982010001000","他町","34.551000","136.551000","0","1"\r\n'
)


def test_the_ministry_of_land_s_address_points_as_zipped(
    tmp_path: Path, make_layer: Any, write_zip: WriteZip
) -> None:
    write_zip(
        tmp_path / "99000-17.0b.zip",
        {"99000-17.0b/99_2023.csv": ISJ.encode("cp932"), "99000-17.0b/format_2023.html": b""},
    )
    reading = read_settlements(make_layer("isj", "99000-17.0b.zip"), tmp_path, prefecture_code="99")
    assert reading.settlements == (Settlement("99301", "奥山", 33.551, 136.551),)
    assert reading.notes == ()


SHELTERS = (
    "kind,municipality_code6,common_id,municipality,name,address,lat,lon,hazards,remarks\n"
    'emergency,242012,E2420100002201,三重県津市,愛宕会館,三重県津市愛宕町10,34.723426,136.512667,津波,"２階以上\n高潮も"\n'
    "evacuation,242012,S2420100002201,三重県津市,愛宕会館,三重県津市愛宕町10,34.723426,136.512667,,\n"
)


def test_one_building_may_be_a_shelter_and_an_emergency_site(tmp_path: Path, make_layer: Any) -> None:
    (tmp_path / "s.csv").write_text(SHELTERS, encoding="utf-8")
    reading = read_shelters(make_layer("csv", "s.csv"), tmp_path)
    assert reading.shelters[0] == Shelter(
        "E2420100002201", "24201", "愛宕会館", 34.723426, 136.512667, "emergency"
    )
    assert [s.kind for s in reading.shelters] == ["emergency", "evacuation"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("emergency,242012", "emergency,242013", "municipality-code-check-digit"),
        ("emergency,242012", "flood,242012", "word-unknown"),
        ("evacuation,242012,S", "emergency,242012,E", "shelter-twice"),
        ("34.723426,136.512667,津波", "34.723426,,津波", "cell-empty"),
        ("34.723426,136.512667,津波", "0,0,津波", "position-zero"),
        ('高潮も"', "高潮も", "csv-broken"),
    ],
)
def test_broken_shelter_tables_are_refused(
    tmp_path: Path, make_layer: Any, old: str, new: str, code: str
) -> None:
    assert old in SHELTERS
    (tmp_path / "s.csv").write_text(SHELTERS.replace(old, new, 1), encoding="utf-8")
    refused(code, lambda: read_shelters(make_layer("csv", "s.csv"), tmp_path), "s.csv")


GSI_EMERGENCY = (
    "NO,共通ID,施設・場所名,住所,洪水,崖崩れ、土石流及び地滑り,高潮,地震,津波,大規模な火事,内水氾濫,火山現象,指定避難所との住所同一,緯度,経度,備考\n"
    "1,E2456200001201,会館,三重県南牟婁郡紀宝町,1,,,1,,,,,1,33.735,135.999,\n"
    "2,E2456200002201,広場,三重県南牟婁郡紀宝町,1,,,1,,,,,,,,位置未定\n"
)
GSI_SHELTER = (
    "NO,共通ID,施設・場所名,住所,指定緊急避難場所との住所同一,その他市町村長が必要と認める事項,受入対象者,緯度,経度,備考\n"
    "1,S2456200001101,会館,三重県南牟婁郡紀宝町,1,,,33.735,135.999,\n"
)


def test_the_kind_of_a_gsi_file_is_told_by_its_columns_not_its_name(tmp_path: Path, make_layer: Any) -> None:
    # the numbers in the names have been seen both ways round
    (tmp_path / "24562_1.csv").write_bytes(GSI_EMERGENCY.encode("utf-8-sig"))
    (tmp_path / "24562_2.csv").write_bytes(GSI_SHELTER.encode("utf-8-sig"))
    reading = read_shelters(make_layer("gsi", ["24562_1.csv", "24562_2.csv"]), tmp_path, prefecture_code="24")
    assert [(s.shelter_id, s.kind, s.municipality_code) for s in reading.shelters] == [
        ("E2456200001201", "emergency", "24562"),
        ("S2456200001101", "evacuation", "24562"),
    ]
    assert reading.without_position == ("広場",)
    assert reading.rows == 3


def test_gsi_files_that_tell_neither_kind_or_hold_other_ids_are_refused(
    tmp_path: Path, make_layer: Any
) -> None:
    layer = make_layer("gsi", "a.csv")
    (tmp_path / "a.csv").write_text(GSI_EMERGENCY.replace("指定避難所との住所同一", "同一"), encoding="utf-8")
    refused("shelters-kind", lambda: read_shelters(layer, tmp_path), "a.csv")
    (tmp_path / "a.csv").write_text(GSI_EMERGENCY.replace("E2456200001201", "会館1"), encoding="utf-8")
    refused("shelter-id", lambda: read_shelters(layer, tmp_path), "2 行目")
    (tmp_path / "a.csv").write_text(GSI_EMERGENCY, encoding="utf-8")
    refused("places-empty", lambda: read_shelters(layer, tmp_path, prefecture_code="23"))


def test_unknown_formats_and_options_are_refused(tmp_path: Path, make_layer: Any) -> None:
    refused("layer-format-unknown", lambda: read_settlements(make_layer("xlsx", "a.xlsx"), tmp_path))
    refused("layer-format-unknown", lambda: read_shelters(make_layer("xlsx", "a.xlsx"), tmp_path))
    refused(
        "layer-option-wrong", lambda: read_shelters(make_layer("csv", "a.csv", sheet="1"), tmp_path), "sheet"
    )
    refused(
        "layer-format-unknown",
        lambda: read_published_coverage(make_layer("csv", "a"), tmp_path, operator="m1"),
    )


@pytest.mark.shared
class TestMie:
    def test_3108_towns_of_29_municipalities(self, shared_dir: Path, make_layer: Any) -> None:
        reading = read_settlements(
            make_layer("csv", "settlements/mie_towns.csv"), shared_dir / "data", prefecture_code="24"
        )
        assert reading.rows == 3108
        assert reading.without_position == ("さくらの丘",)
        assert len({s.municipality_code for s in reading.settlements}) == 29

    def test_5420_shelters_of_two_kinds(self, shared_dir: Path, make_layer: Any) -> None:
        reading = read_shelters(
            make_layer("csv", "shelters/mie_shelters.csv"), shared_dir / "data", prefecture_code="24"
        )
        assert len(reading.shelters) == 5420
        kinds = [s.kind for s in reading.shelters]
        assert (kinds.count("emergency"), kinds.count("evacuation")) == (3749, 1671)
        assert len({s.municipality_code for s in reading.shelters}) == 29
        # the rule by which GSI's own files give the municipality
        assert all(s.shelter_id[1:6] == s.municipality_code for s in reading.shelters)
        assert five_digits("242012") == "24201"


# --- published coverage ------------------------------------------------------------------------------------------------

LEFT, RIGHT = shapely.box(136.5, 33.5, 136.6, 33.6), shapely.box(136.58, 33.5, 136.7, 33.6)


def area(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(geometry)}


def test_overlapping_polygons_become_one_area(tmp_path: Path, make_layer: Any, write_geojson: Any) -> None:
    write_geojson(tmp_path / "a.geojson", [area(LEFT), area(RIGHT)])
    reading = read_published_coverage(make_layer("polygons", "a.geojson"), tmp_path, operator="m1")
    assert reading.coverage.operator == "m1"
    assert reading.coverage.geometry.equals(LEFT.union(RIGHT))
    assert [p.name for p in reading.files] == ["a.geojson"]
    assert reading.notes == ()


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "shp", "kml", "kmz", "zip"])
def test_every_format_gives_the_same_area(
    tmp_path: Path, make_layer: Any, write_zip: WriteZip, suffix: str
) -> None:
    frame = geopandas.GeoDataFrame({"name": ["4G", "5G"]}, geometry=[LEFT, RIGHT], crs=4326)
    path = tmp_path / f"area.{suffix}"
    if suffix == "kmz":
        pyogrio.write_dataframe(frame, tmp_path / "doc.kml", driver="KML")
        write_zip(path, {"doc.kml": (tmp_path / "doc.kml").read_bytes()})
    elif suffix == "zip":
        pyogrio.write_dataframe(frame, tmp_path / "a.shp", driver="ESRI Shapefile")
        write_zip(path, {f"x\\{p.name}": p.read_bytes() for p in tmp_path.glob("a.*")})
    else:
        driver = {"geojson": "GeoJSON", "gpkg": "GPKG", "shp": "ESRI Shapefile", "kml": "KML"}[suffix]
        pyogrio.write_dataframe(frame, path, driver=driver)
    found = read_published_coverage(
        make_layer("polygons", path.name), tmp_path, operator="m1"
    ).coverage.geometry
    assert found.symmetric_difference(LEFT.union(RIGHT)).area < 1e-12


def test_only_features_that_match_are_taken(tmp_path: Path, make_layer: Any, write_geojson: Any) -> None:
    write_geojson(tmp_path / "a.geojson", [area(LEFT, tech="ＬＴＥ"), area(RIGHT, tech="NR")])
    layer = make_layer("polygons", "a.geojson", where={"tech": "LTE"})
    assert read_published_coverage(layer, tmp_path, operator="m1").coverage.geometry.equals(LEFT)
    for options, code in (({"tech": "3G"}, "coverage-empty"), ({"technology": "LTE"}, "column-missing")):
        layer = make_layer("polygons", "a.geojson", where=options)
        refused(
            code, lambda layer=layer: read_published_coverage(layer, tmp_path, operator="m1"), "a.geojson"
        )  # type: ignore[misc]


def test_a_self_crossing_area_is_repaired_and_said_so(
    tmp_path: Path, make_layer: Any, write_geojson: Any
) -> None:
    bow_tie = shapely.Polygon([(136.5, 33.5), (136.6, 33.6), (136.6, 33.5), (136.5, 33.6)])
    write_geojson(tmp_path / "a.geojson", [area(bow_tie)])
    reading = read_published_coverage(make_layer("polygons", "a.geojson"), tmp_path, operator="m1")
    assert reading.coverage.geometry.is_valid
    assert reading.coverage.geometry.area == pytest.approx(0.005)
    assert "1 件" in reading.notes[0][0]


def test_points_are_no_coverage(tmp_path: Path, make_layer: Any, write_geojson: Any) -> None:
    write_geojson(tmp_path / "a.geojson", [area(LEFT), area(shapely.Point(136.5, 33.5))])
    layer = make_layer("polygons", "a.geojson")
    refused("coverage-not-polygon", lambda: read_published_coverage(layer, tmp_path, operator="m1"), "2 番目")


def test_a_shelter_without_a_position_is_listed(tmp_path: Path, make_layer: Any) -> None:
    (tmp_path / "s.csv").write_text(SHELTERS.replace("34.723426,136.512667,津波", ",,津波"), encoding="utf-8")
    reading = read_shelters(make_layer("csv", "s.csv"), tmp_path)
    assert (len(reading.shelters), reading.without_position, reading.rows) == (1, ("愛宕会館",), 2)
    assert "愛宕会館" in reading.notes[0][1]


def test_a_feature_without_geometry_is_only_a_description(
    tmp_path: Path, make_layer: Any, write_geojson: Any
) -> None:
    write_geojson(
        tmp_path / "a.geojson", [{"type": "Feature", "properties": {}, "geometry": None}, area(LEFT)]
    )
    layer = make_layer("polygons", "a.geojson")
    assert read_published_coverage(layer, tmp_path, operator="m1").coverage.geometry.equals(LEFT)
