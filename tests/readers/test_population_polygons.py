"""Census small areas and hexagons: exact sums, each person once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from coverage.domain import mesh
from coverage.domain.places import Municipality
from coverage.errors import InputError
from coverage.readers.population import read_population

CELL = mesh.bounds(mesh.encode_point(33.55, 136.55, 10))
WIDE, HIGH = CELL.east - CELL.west, CELL.north - CELL.south


def small_area(key: str, geometry: Any, people: Any, homes: Any = 0) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"KEY_CODE": key, "S_NAME": "奥山", "JINKO": people, "SETAI": homes},
        "geometry": shapely.geometry.mapping(geometry),
    }


def box(left: float, bottom: float, right: float, top: float) -> Any:
    """A box in units of one 250 m cell from the corner of CELL."""
    return shapely.box(
        CELL.west + left * WIDE, CELL.south + bottom * HIGH, CELL.west + right * WIDE, CELL.south + top * HIGH
    )


@pytest.fixture
def read(tmp_path: Path, make_layer: Any, write_geojson: Any) -> Callable[..., Any]:
    def run(features: list[Any], municipalities: Any = (), mergers: Any = None, **options: Any) -> Any:
        write_geojson(tmp_path / "a.geojson", features)
        layer = make_layer("polygons", "a.geojson", **options)
        return read_population(layer, tmp_path, municipalities=municipalities, mergers=mergers).mesh

    return run


def test_people_are_shared_by_area_in_whole_persons(read: Callable[..., Any]) -> None:
    # one quarter in the first cell, three quarters in the next
    found = read([small_area("99301000100", box(0.75, 0.0, 1.75, 1.0), 10, 4)])
    assert found.population.tolist() == [3.0, 7.0]  # 2.5 and 7.5: the remainder goes to the first of a tie
    assert found.households.tolist() == [1.0, 3.0]
    assert found.municipality_code.tolist() == ["99301", "99301"]
    assert found.estimated


def test_sums_are_exact_for_any_shapes(read: Callable[..., Any]) -> None:
    rng = np.random.default_rng(11)
    features = []
    for i in range(60):
        centre = shapely.Point(136.5 + rng.random() * 0.1, 33.5 + rng.random() * 0.1)
        features.append(
            small_area(
                f"9930{1 + i % 2}{i:06d}",
                centre.buffer(rng.random() * 0.01 + 1e-4, quad_segs=3),
                int(rng.integers(0, 900)),
                int(rng.integers(0, 300)),
            )
        )
    for digits in (8, 9, 10, 11):
        found = read(features, digits=digits)
        for column, key in (("population", "JINKO"), ("households", "SETAI")):
            for code in ("99301", "99302"):
                wanted = sum(
                    f["properties"][key] for f in features if f["properties"]["KEY_CODE"].startswith(code)
                )
                assert getattr(found, column)[found.municipality_code == code].sum() == wanted
        keys = list(zip(found.mesh_code.tolist(), found.municipality_code.tolist(), strict=True))
        assert len(set(keys)) == len(keys)


def test_one_area_in_several_polygons_is_counted_once_or_by_its_parts(read: Callable[..., Any]) -> None:
    near, far = box(0, 0, 1, 1), box(8, 0, 9, 1)
    repeated = [small_area("99301000100", near, 12, 5), small_area("99301000100", far, 12, 5)]
    parts = [small_area("99301000100", near, 12, 5), small_area("99301000100", far, 0, 0)]
    different = [small_area("99301000100", near, 12, 5), small_area("99301000100", far, 3, 1)]
    assert (read(repeated).total, read(parts).total, read(different).total) == (12, 12, 15)
    assert read(repeated).population.tolist() == [6, 6]  # spread over both


def test_water_without_a_value_is_nobody(read: Callable[..., Any]) -> None:
    found = read(
        [
            small_area("99301000100", box(0, 0, 1, 1), 5),
            small_area("99301000200", box(1, 0, 2, 1), None, None),
        ]
    )
    assert (len(found), found.total) == (1, 5)


def test_old_codes_become_present_ones_and_areas_outside_are_left_out(
    read: Callable[..., Any], two_towns: tuple[Municipality, ...]
) -> None:
    features = [
        small_area("99381000100", box(0, 0, 1, 1), 5),
        small_area("98201000100", shapely.box(139, 35, 139.1, 35.1), 9),
    ]
    found = read(features, municipalities=two_towns, mergers={"99381": "99301"})
    assert (found.municipality_code.tolist(), found.total) == (["99301"], 5)


def test_the_real_form_is_a_zipped_cp932_shapefile(tmp_path: Path, make_layer: Any, write_zip: Any) -> None:
    frame = geopandas.GeoDataFrame(
        {"KEY_CODE": ["99301000100"], "S_NAME": ["髙山町"], "JINKO": [7], "SETAI": [3]},
        geometry=[box(0, 0, 1, 1)],
        crs=6668,
    )
    pyogrio.write_dataframe(frame, tmp_path / "r2ka99.shp", driver="ESRI Shapefile", encoding="CP932")
    (tmp_path / "r2ka99.cpg").unlink()
    write_zip(tmp_path / "a.zip", {p.name: p.read_bytes() for p in sorted(tmp_path.glob("r2ka99.*"))})
    reading = read_population(make_layer("polygons", "a.zip", census_year=2020), tmp_path)
    assert (reading.mesh.total, reading.mesh.households.sum(), reading.mesh.census_year) == (7, 3, 2020)


def test_hexagons_in_web_mercator_with_fractions(tmp_path: Path, make_layer: Any) -> None:
    hexagon = shapely.Point(136.55, 33.55).buffer(0.004, quad_segs=2)
    frame = geopandas.GeoDataFrame(
        {"h3": ["882f"], "population": [12.75]}, geometry=[hexagon], crs=4326
    ).to_crs(3857)
    pyogrio.write_dataframe(frame, tmp_path / "kontur.gpkg", driver="GPKG")
    found = read_population(make_layer("polygons", "kontur.gpkg"), tmp_path).mesh
    assert found.total == pytest.approx(12.75, rel=1e-12)
    assert set(found.municipality_code) == {""}
    assert np.isnan(found.households).all()


@pytest.mark.parametrize(
    ("item", "options", "code"),
    [
        (small_area("99301000100", shapely.Point(136.5, 33.5), 5), {}, "polygons-not"),
        (small_area("99301000100", box(0, 0, 1, 1), "many"), {}, "polygons-value"),
        (small_area("99301000100", box(0, 0, 1, 1), -5), {}, "polygons-value"),
        (small_area("", box(0, 0, 1, 1), 5), {}, "polygons-value"),
        ({"type": "Feature", "properties": {"id": 1}, "geometry": shapely.geometry.mapping(box(0, 0, 1, 1))}, {}, "column-missing"),
        ({"type": "Feature", "properties": {"id": 1}, "geometry": shapely.geometry.mapping(box(0, 0, 1, 1))}, {"id_field": "id"}, "column-missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused(
    read: Callable[..., Any], item: Any, options: Any, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        read([item], **options)
    assert caught.value.code == code
    assert "a.geojson" in caught.value.ja


def test_a_file_of_another_region_is_refused(
    read: Callable[..., Any], two_towns: tuple[Municipality, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        read([small_area("98201000100", shapely.box(139, 35, 139.1, 35.1), 9)], municipalities=two_towns)
    assert caught.value.code == "polygons-empty"
