"""N03 boundaries in every form and vintage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely

from coverage.domain.places import Municipality
from coverage.errors import InputError, RegionError
from coverage.readers.boundaries import Locator, area_km2, bounds_of, outline_of, read_boundaries
from coverage.readers.jpgis import parse_n03_gml

EAST = shapely.box(136.60, 33.50, 136.70, 33.60)
WriteGeojson = Callable[..., Path]
WriteZip = Callable[[Path, Mapping[str, bytes]], Path]


def feature(code: str | None, geometry: Any, **names: str | None) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"N03_003": None, "N03_004": None, "N03_007": code} | names,
        "geometry": shapely.geometry.mapping(geometry),
    }


def test_pieces_of_a_municipality_are_dissolved_and_features_without_code_dropped_and_counted(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson, n03_features: list[dict[str, Any]]
) -> None:
    write_geojson(tmp_path / "n03.geojson", n03_features)
    reading = read_boundaries(make_layer("n03", "n03.geojson"), tmp_path, prefecture_code="99")
    west, east = reading.municipalities
    assert (west.code, west.name, west.county, west.full_name) == ("99301", "西町", "見本郡", "見本郡西町")
    assert west.geometry.geom_type == "MultiPolygon"
    assert len(west.geometry.geoms) == 2
    assert east.code == "99302"
    assert reading.without_code == 1
    assert "1 件" in reading.notes[0][0]
    assert reading.files == (tmp_path / "n03.geojson",)


def test_areas_are_those_of_the_plane_rectangular_zone(two_towns: tuple[Municipality, ...]) -> None:
    # 0.1 deg of longitude at 33.55 N is 9.289 km, 0.1 deg of latitude 11.092 km on GRS80; VI's scale is 0.9999
    assert area_km2(two_towns[0], 6674) == pytest.approx(9.289 * 11.092, rel=1e-3)


def test_only_the_asked_prefecture_is_kept(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson, n03_features: list[dict[str, Any]]
) -> None:
    abroad = feature("98201", shapely.box(136.3, 33.5, 136.4, 33.6), N03_004="他市")
    write_geojson(tmp_path / "n03.geojson", [*n03_features, abroad])
    layer = make_layer("n03", "n03.geojson")
    assert [m.code for m in read_boundaries(layer, tmp_path, prefecture_code="99").municipalities] == [
        "99301",
        "99302",
    ]
    assert len(read_boundaries(layer, tmp_path).municipalities) == 3
    with pytest.raises(InputError) as caught:
        read_boundaries(layer, tmp_path, prefecture_code="97")
    assert caught.value.code == "boundary-empty"


@pytest.mark.parametrize(
    ("names", "name", "county", "full"),
    [
        ({"N03_003": None, "N03_004": "津市"}, "津市", "", "津市"),
        ({"N03_003": "北牟婁郡", "N03_004": "紀北町"}, "紀北町", "北牟婁郡", "北牟婁郡紀北町"),
        # before 2024 the designated city stands where the county does
        ({"N03_003": "浜松市", "N03_004": "中区"}, "中区", "浜松市", "浜松市中区"),
        # from 2024 on the ward has an attribute of its own
        ({"N03_003": None, "N03_004": "浜松市", "N03_005": "中央区"}, "浜松市中央区", "", "浜松市中央区"),
    ],
)
def test_names_of_each_vintage(
    tmp_path: Path,
    make_layer: Any,
    write_geojson: WriteGeojson,
    names: dict[str, str | None],
    name: str,
    county: str,
    full: str,
) -> None:
    write_geojson(tmp_path / "n03.geojson", [feature("99131", EAST, **names)])
    (found,) = read_boundaries(make_layer("n03", "n03.geojson"), tmp_path).municipalities
    assert (found.name, found.county, found.full_name) == (name, county, full)


def test_an_outline_that_crosses_itself_is_repaired_and_said_so(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson
) -> None:
    bow_tie = shapely.Polygon([(136.5, 33.5), (136.6, 33.6), (136.6, 33.5), (136.5, 33.6)])
    write_geojson(
        tmp_path / "n03.geojson",
        [feature("99301", bow_tie, N03_004="西町"), feature("99302", EAST, N03_004="東町")],
    )
    reading = read_boundaries(make_layer("n03", "n03.geojson"), tmp_path)
    assert reading.repaired == ("99301",)
    assert reading.municipalities[0].geometry.is_valid
    assert reading.municipalities[0].geometry.area == pytest.approx(0.005)
    assert "99301" in reading.notes[0][0]


def test_a_folder_of_one_file_per_municipality_takes_the_code_from_the_name(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson
) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    for code, name, box in (
        ("99301", "見本県見本郡西町", shapely.box(136.5, 33.5, 136.6, 33.6)),
        ("99302", "見本県東市", EAST),
    ):
        write_geojson(
            folder / f"{code}.geojson",
            [{"type": "Feature", "properties": {"name": name}, "geometry": shapely.geometry.mapping(box)}],
        )
    reading = read_boundaries(make_layer("n03", "full"), tmp_path, prefecture_name="見本県")
    assert [(m.code, m.county, m.name) for m in reading.municipalities] == [
        ("99301", "見本郡", "西町"),
        ("99302", "", "東市"),
    ]
    (folder / "notes.geojson").write_text('{"type":"FeatureCollection","features":[]}', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_boundaries(make_layer("n03", "full"), tmp_path)
    assert caught.value.code == "boundary-code-wrong"


def test_later_files_override_a_simplified_one_only_when_asked(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson, n03_features: list[dict[str, Any]]
) -> None:
    write_geojson(tmp_path / "simple.geojson", n03_features)
    (tmp_path / "full").mkdir()
    finer = shapely.box(136.50, 33.50, 136.60, 33.61)
    write_geojson(
        tmp_path / "full" / "99301.geojson",
        [{"type": "Feature", "properties": {"name": "西町"}, "geometry": shapely.geometry.mapping(finer)}],
    )
    paths = ["simple.geojson", "full"]
    reading = read_boundaries(make_layer("n03", paths, later_overrides=True), tmp_path)
    assert reading.municipalities[0].geometry.equals(finer)
    assert reading.municipalities[0].county == "見本郡"  # the folder does not know it
    assert [p.name for p in reading.files] == ["simple.geojson", "99301.geojson"]
    with pytest.raises(InputError) as caught:
        read_boundaries(make_layer("n03", paths), tmp_path)
    assert caught.value.code == "boundary-twice"


@pytest.mark.parametrize(
    ("features", "code"),
    [
        ([], "boundary-without-codes"),
        (
            [{"type": "Feature", "properties": {"name": "西町"}, "geometry": shapely.geometry.mapping(EAST)}],
            "boundary-without-codes",
        ),
        ([feature(None, EAST), feature("", EAST)], "boundary-without-codes"),
        ([feature("9930", EAST)], "boundary-code-wrong"),
        ([feature("99301", shapely.Point(136.5, 33.5))], "boundary-not-polygon"),
        ([{"type": "Feature", "properties": {"N03_007": "99301"}, "geometry": None}], "boundary-not-polygon"),
    ],
)
def test_boundaries_without_codes_or_outlines_are_refused(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson, features: list[dict[str, Any]], code: str
) -> None:
    write_geojson(tmp_path / "n03.geojson", features)
    with pytest.raises(InputError) as caught:
        read_boundaries(make_layer("n03", "n03.geojson"), tmp_path)
    assert caught.value.code == code
    assert "n03.geojson" in caught.value.ja
    assert "n03.geojson" in caught.value.en


def test_other_code_attributes_can_be_named(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson
) -> None:
    item = {
        "type": "Feature",
        "properties": {"JCODE": "99301", "NAME": "見本郡西町"},
        "geometry": shapely.geometry.mapping(EAST),
    }
    write_geojson(tmp_path / "a.geojson", [item])
    layer = make_layer("n03", "a.geojson", code_field="JCODE", name_field="NAME")
    assert read_boundaries(layer, tmp_path).municipalities[0].full_name == "見本郡西町"


def test_unknown_formats_and_options_are_refused(tmp_path: Path, make_layer: Any) -> None:
    with pytest.raises(RegionError) as caught:
        read_boundaries(make_layer("n04", "a.geojson"), tmp_path)
    assert caught.value.code == "layer-format-unknown"
    for options in ({"code_fild": "x"}, {"later_overrides": "yes"}, {"code_field": 5}):
        with pytest.raises(RegionError) as caught:
            read_boundaries(make_layer("n03", "a.geojson", **options), tmp_path)
        assert caught.value.code == "layer-option-wrong"
        assert next(iter(options)) in caught.value.ja


def test_a_zip_as_ksj_packs_it_is_read_as_its_geojson(
    tmp_path: Path,
    make_layer: Any,
    write_geojson: WriteGeojson,
    write_zip: WriteZip,
    n03_features: list[dict[str, Any]],
) -> None:
    plain = write_geojson(tmp_path / "n03.geojson", n03_features)
    frame = geopandas.read_file(plain).dropna(subset=["N03_007"])
    pyogrio.write_dataframe(frame, tmp_path / "n03.shp", driver="ESRI Shapefile", encoding="CP932")
    members = {f"N03-20260101_99_GML\\N03{p.suffix}": p.read_bytes() for p in sorted(tmp_path.glob("n03.*"))}
    members |= {"N03-20260101_99_GML\\N03.xml": GML.encode(), "N03-20260101_99_GML\\KS-META-N03.xml": b"<x/>"}
    write_zip(tmp_path / "N03-20260101_99_GML.zip", members)
    from_zip = read_boundaries(make_layer("n03", "N03-20260101_99_GML.zip"), tmp_path)
    assert from_zip.without_code == 1  # so it was the GeoJSON
    as_gml = read_boundaries(make_layer("n03", "N03-20260101_99_GML.zip", member="N03.xml"), tmp_path)
    assert [m.full_name for m in as_gml.municipalities] == ["見本郡西町"]
    as_shape = read_boundaries(make_layer("n03", "N03-20260101_99_GML.zip", member="N03.shp"), tmp_path)
    for a, b in zip(from_zip.municipalities, as_shape.municipalities, strict=True):
        assert (a.code, a.full_name) == (b.code, b.full_name)
        assert a.geometry.equals(b.geometry)


def test_a_zip_with_gml_alone_is_read(tmp_path: Path, make_layer: Any, write_zip: WriteZip) -> None:
    write_zip(tmp_path / "a.zip", {"N03.xml": GML.encode(), "KS-META-N03.xml": b"<x/>"})
    assert len(read_boundaries(make_layer("n03", "a.zip"), tmp_path).municipalities) == 1


# As KSJ writes JPGIS 2.1: curves, surfaces and areas by reference, latitude before longitude.
GML = """<?xml version="1.0" encoding="UTF-8"?>
<ksj:Dataset gml:id="N03Dataset" xmlns:ksj="http://nlftp.mlit.go.jp/ksj/schemas/ksj-app" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink">
<gml:boundedBy><gml:EnvelopeWithTimePeriod srsName="JGD2011 / (B, L)" frame="GC / JST"><gml:lowerCorner>33.5 136.5</gml:lowerCorner><gml:upperCorner>33.6 136.6</gml:upperCorner></gml:EnvelopeWithTimePeriod></gml:boundedBy>
<gml:Curve gml:id="cv1_0"><gml:segments><gml:LineStringSegment><gml:posList>
33.5 136.5
33.5 136.6
33.6 136.6
</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve>
<gml:Curve gml:id="cv1_1"><gml:segments><gml:LineStringSegment><gml:posList>33.6 136.6 33.6 136.5 33.5 136.5</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve>
<gml:Curve gml:id="cv2_0"><gml:segments><gml:LineStringSegment><gml:posList>33.52 136.52 33.54 136.52 33.54 136.54 33.52 136.52</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve>
<gml:Surface gml:id="sf1"><gml:patches><gml:PolygonPatch>
<gml:exterior><gml:Ring><gml:curveMember xlink:href="#cv1_0"/><gml:curveMember xlink:href="#cv1_1"/></gml:Ring></gml:exterior>
<gml:interior><gml:Ring><gml:curveMember xlink:href="#cv2_0"/></gml:Ring></gml:interior>
</gml:PolygonPatch></gml:patches></gml:Surface>
<ksj:AdministrativeBoundary gml:id="gy1"><ksj:bounds xlink:href="#sf1"/><ksj:prefectureName>見本県</ksj:prefectureName><ksj:subPrefectureName/><ksj:countyName>見本郡</ksj:countyName><ksj:cityName>西町</ksj:cityName><ksj:administrativeAreaCode codeSpace="AdministrativeAreaCode.xml">99301</ksj:administrativeAreaCode></ksj:AdministrativeBoundary>
</ksj:Dataset>
"""


def test_gml_runs_latitude_first_and_by_reference(tmp_path: Path, make_layer: Any) -> None:
    (tmp_path / "N03.xml").write_text(GML, encoding="utf-8")
    (found,) = read_boundaries(make_layer("n03", "N03.xml"), tmp_path).municipalities
    assert (found.code, found.full_name) == ("99301", "見本郡西町")
    assert found.geometry.bounds == (136.5, 33.5, 136.6, 33.6)
    assert found.geometry.area == pytest.approx(0.01 - 0.0002)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("</ksj:Dataset>", "", "xml-broken"),
        ("ksj:AdministrativeBoundary", "ksj:Forest", "gml-not-n03"),
        ('xlink:href="#sf1"', 'xlink:href="#sf9"', "geometry-broken"),
        ('xlink:href="#cv1_1"', 'xlink:href="#cv9"', "geometry-broken"),
        ("33.6 136.6 33.6 136.5 33.5 136.5", "33.61 136.6 33.6 136.5 33.5 136.5", "geometry-broken"),
        ("33.6 136.6 33.6 136.5 33.5 136.5", "33.6 136.6 33.6 136.5 33.5", "geometry-broken"),
        ("33.6 136.6 33.6 136.5 33.5 136.5", "33.6 136.6 33.6 136.5 33.5 136.51", "geometry-broken"),
        ("JGD2011 / (B, L)", "TD / 6(X, Y)", "crs-unknown"),
        ("<ksj:administrativeAreaCode", "<ksj:disappearanceDate>1955-01-01</ksj:disappearanceDate><ksj:administrativeAreaCode", "gml-history"),
        ("<ksj:Dataset ", "<!DOCTYPE x><ksj:Dataset ", "xml-doctype"),
    ],
)  # fmt: skip
def test_broken_or_other_gml_is_refused(old: str, new: str, code: str) -> None:
    assert old in GML
    with pytest.raises(InputError) as caught:
        parse_n03_gml(GML.replace(old, new).encode(), name="N03.xml")
    assert caught.value.code == code
    assert "N03.xml" in caught.value.ja


def test_a_position_finds_its_municipality(two_towns: tuple[Municipality, ...]) -> None:
    locate = Locator(two_towns)
    assert locate(33.55, 136.55) == "99301"
    assert locate(33.55, 136.65) == "99302"
    assert locate(33.55, 136.60) == "99301"  # on the border: the smaller code
    with pytest.raises(InputError) as caught:
        locate(33.55, 136.703)
    assert caught.value.code == "position-outside-region"
    assert locate.nearest(33.55, 136.703, within_deg=0.005) == "99302"
    assert locate.nearest(33.55, 136.72, within_deg=0.005) is None


def test_extent_and_outline(two_towns: tuple[Municipality, ...]) -> None:
    assert bounds_of(two_towns) == (136.5, 33.5, 136.7, 33.6)
    assert outline_of(two_towns).area == pytest.approx(0.02)
    with pytest.raises(RegionError) as caught:
        bounds_of(())
    assert caught.value.code == "region-without-boundaries"


@pytest.mark.shared
class TestMie:
    """The real layers, read in place."""

    def test_29_municipalities_and_their_area(self, shared_dir: Path, make_layer: Any) -> None:
        layer = make_layer("n03", "boundaries/N03-21_24_210101.geojson")
        reading = read_boundaries(layer, shared_dir / "data", prefecture_code="24")
        assert len(reading.municipalities) == 29
        assert sum(area_km2(m, 6674) for m in reading.municipalities) == pytest.approx(5772, rel=1e-3)
        by_code = {m.code: m.full_name for m in reading.municipalities}
        assert by_code["24543"] == "北牟婁郡紀北町"
        assert by_code["24201"] == "津市"

    @pytest.mark.parametrize(
        "name", ["N03-21_210101_japan_s0001.geojson", "N03-21_210101_japan_s0010.topojson"]
    )
    def test_all_japan_files_hold_mie_and_areas_of_nobody(
        self, shared_dir: Path, make_layer: Any, name: str
    ) -> None:
        layer = make_layer("n03", f"boundaries/{name}")
        reading = read_boundaries(layer, shared_dir / "data", prefecture_code="24")
        assert len(reading.municipalities) == 29
        assert reading.without_code >= 3

    def test_all_japan_is_1894_codes(self, shared_dir: Path, make_layer: Any) -> None:
        reading = read_boundaries(
            make_layer("n03", "boundaries/N03-21_210101_japan_s0001.geojson"), shared_dir / "data"
        )
        assert (len(reading.municipalities), reading.without_code) == (1894, 3)

    def test_full_outlines_override_the_simplified_ones(self, shared_dir: Path, make_layer: Any) -> None:
        root = shared_dir / "data" / "boundaries"
        simple = read_boundaries(make_layer("n03", "N03-21_24_210101.geojson"), root, prefecture_code="24")
        paths = ["N03-21_24_210101.geojson", "n03_fullres_by_municipality"]
        both = read_boundaries(
            make_layer("n03", paths, later_overrides=True),
            root,
            prefecture_code="24",
            prefecture_name="三重県",
        )
        assert [m.full_name for m in both.municipalities] == [m.full_name for m in simple.municipalities]
        assert sum(area_km2(m, 6674) for m in both.municipalities) == pytest.approx(5774, rel=1e-3)
        kihoku = next(m for m in both.municipalities if m.code == "24543")
        assert len(kihoku.geometry.geoms) > 1000  # 1,375 polygons, one municipality
        for a, b in zip(simple.municipalities, both.municipalities, strict=True):
            assert area_km2(a, 6674) == pytest.approx(area_km2(b, 6674), rel=0.01)


def test_an_outline_that_touches_itself_along_a_line_stays_an_area(
    tmp_path: Path, make_layer: Any, write_geojson: WriteGeojson
) -> None:
    # a spike of no width: repairing it leaves an area and a line, of which only the area is land
    spiked = shapely.Polygon(
        [(136.5, 33.5), (136.6, 33.5), (136.6, 33.6), (136.7, 33.6), (136.6, 33.6), (136.5, 33.6)]
    )
    write_geojson(tmp_path / "n03.geojson", [feature("99301", spiked, N03_004="西町")])
    (found,) = read_boundaries(make_layer("n03", "n03.geojson"), tmp_path).municipalities
    assert found.geometry.geom_type == "Polygon"
    assert found.geometry.area == pytest.approx(0.01)


def test_empty_folders_and_empty_files_in_them_are_refused(tmp_path: Path, make_layer: Any) -> None:
    (tmp_path / "full").mkdir()
    for code in ("boundary-empty", "boundary-not-polygon"):
        with pytest.raises(InputError) as caught:
            read_boundaries(make_layer("n03", "full"), tmp_path)
        assert caught.value.code == code
        (tmp_path / "full" / "99301.geojson").write_text(
            '{"type":"FeatureCollection","features":[]}', encoding="utf-8"
        )


def test_gml_with_rings_of_its_own_and_several_patches() -> None:
    ring = "<gml:LinearRing><gml:posList>33.5 136.5 33.5 136.6 33.6 136.6 33.5 136.5</gml:posList></gml:LinearRing>"
    inline = "<gml:Ring><gml:curveMember><gml:Curve><gml:posList>33.7 136.5 33.7 136.6 33.8 136.6 33.7 136.5</gml:posList></gml:Curve></gml:curveMember></gml:Ring>"
    patch = "<gml:PolygonPatch><gml:exterior>{}</gml:exterior></gml:PolygonPatch>"
    start, end = GML.index("<gml:PolygonPatch>"), GML.index("</gml:patches>")
    text = GML[:start] + patch.format(ring) + patch.format(inline) + GML[end:]
    (found,) = parse_n03_gml(text.encode(), name="N03.xml").features
    assert found.geometry is not None
    assert found.geometry.geom_type == "MultiPolygon"
    assert found.geometry.area == pytest.approx(0.01)
    for broken in (patch.format("<gml:Ring/>"), "", "<gml:PolygonPatch/>"):
        with pytest.raises(InputError) as caught:
            parse_n03_gml((GML[:start] + broken + GML[end:]).encode(), name="N03.xml")
        assert caught.value.code == "geometry-broken"
