"""A region's folder as a whole: what is loaded, what is recorded, and what stops it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely

from coverage.domain import mesh
from coverage.domain.ledger import Inventory
from coverage.errors import InputError, RegionError
from coverage.readers.region import LAYERS, load_region

WriteZip = Callable[[Path, Mapping[str, bytes]], Path]

LADDER = """
[ladder]
id = "two-steps"
[[ladder.classes]]
id = "basic"
name_ja = "最低限"
name_en = "Basic"
min_dbm = -115
colour = "#fdae61"
[[ladder.classes]]
id = "none"
name_ja = "圏外"
name_en = "None"
colour = "#d7191c"
"""

REGION = """
[region]
id = "mihon"
prefecture_code = "99"
name_ja = "見本県"
name_en = "Mihon"
plane_epsg = 6674
fiscal_years = [2016, 2017]
"""


def layer(name: str, layer_format: str, path: str, options: str = "") -> str:
    return (
        f'\n[layers.{name}]\nformat = "{layer_format}"\npath = {json.dumps(path.split(","))}\nedition = "2016-01-01"\n'
        f'licence = "CC0-1.0"\ncredit = "見本 {name}"\n' + (f"options = {options}\n" if options else "")
    )


LAYER_TABLES = {
    "boundaries": layer("boundaries", "n03", "shapes/n03.geojson"),
    "population": layer("population", "estat-mesh", "population/tblT000847H99.zip"),
    "terrain": layer("terrain", "geotiff", "terrain.tif"),
    "sites": layer("sites", "tables", "towers"),
    "settlements": layer("settlements", "csv", "towns.csv"),
    "shelters": layer("shelters", "csv", "shelters.csv"),
    "indicators": layer("indicators", "indicators-toml", "indicators.toml"),
}
OPERATORS = """
[operators.m1]
name_ja = "見本モバイルA"
name_en = "Mihon Mobile A"
colour = "#0072b2"
inventory = "complete"
"""
PUBLISHED = OPERATORS.replace("m1", "m2").replace("モバイルA", "モバイルB").replace(
    "Mobile A", "Mobile B"
).replace("complete", "none") + layer("x", "polygons", "m2.geojson").replace(
    "[layers.x]", "[operators.m2.published_coverage]"
)

Build = Callable[..., Path]


@pytest.fixture
def build(
    tmp_path: Path, write_geojson: Any, write_zip: WriteZip, n03_features: list[dict[str, Any]]
) -> Build:
    """A small region in ``tmp_path/mihon``; arguments replace layer tables (None leaves one out)."""
    folder = tmp_path / "mihon"
    for name in ("shapes", "population", "towers"):
        (folder / name).mkdir(parents=True)
    write_geojson(folder / "shapes" / "n03.geojson", n03_features)
    cells = [mesh.encode_point(33.55, lon, 9) for lon in (136.55, 136.65)]
    text = "KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T000847001,T000847029\r\n,,,,　人口総数,　世帯総数\r\n"
    text += "".join(
        f"{cell},0,,,{people},{people // 2}\r\n" for cell, people in zip(cells, (40, 21), strict=True)
    )
    write_zip(folder / "population" / "tblT000847H99.zip", {"tblT000847H99.txt": text.encode("cp932")})
    with rasterio.open(
        folder / "terrain.tif", "w", driver="GTiff", dtype="float32", count=1, width=160, height=130, crs="EPSG:6674",
        nodata=-9999, transform=rasterio.Affine(250.0, 0.0, 30_000.0, 0.0, -250.0, -255_000.0),
    ) as target:  # fmt: skip
        target.write(np.full((130, 160), 12.5, dtype=np.float32), 1)
    tables = {
        "sites": "site_id,name,municipality_code,lat,lon,status\nS1,奥山局,,33.55,136.55,供用中\n",
        "site_operators": "site_id,operator,in_service_date\nS1,見本モバイルA,H29.3.31\n",
        "districts": "district_id,municipality_code,name,lat,lon,designated_on\nD1,99381,奥山,33.551,136.551,2012-04-01\n",
        "site_districts": "site_id,district_id\nS1,D1\n",
    }
    for name, content in tables.items():
        (folder / "towers" / f"{name}.csv").write_text(content, encoding="utf-8")
    (folder / "towns.csv").write_text(
        "municipality_code,town,lat,lon\n99381,奥山,33.551,136.551\n", encoding="utf-8"
    )
    (folder / "shelters.csv").write_text(
        "kind,common_id,municipality_code,name,lat,lon\nemergency,E1,99302,会館,33.56,136.65\n",
        encoding="utf-8",
    )
    (folder / "indicators.toml").write_text('title = "見本"\n', encoding="utf-8")
    write_geojson(
        folder / "m2.geojson",
        [
            {
                "type": "Feature",
                "properties": {},
                "geometry": shapely.geometry.mapping(shapely.box(136.5, 33.5, 136.6, 33.6)),
            }
        ],
    )

    def make(
        *,
        extra: str = '\n[municipality_mergers]\n99381 = "99301"\n',
        operators: str = OPERATORS + PUBLISHED,
        **changed: str | None,
    ) -> Path:
        parts = LAYER_TABLES | changed
        body = "".join(table for table in parts.values() if table)
        (folder / "region.toml").write_text(REGION + body + operators + LADDER + extra, encoding="utf-8")
        return folder

    return make


def refused(code: str, read: Callable[[], object], *says: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code == code, caught.value
    for text in says:
        assert text in caught.value.ja
        assert text in caught.value.en
    return caught.value


def test_a_region_is_loaded_whole(build: Build) -> None:
    seen: list[str] = []
    data = load_region(build(), progress=seen.append)
    assert [m.full_name for m in data.municipalities] == ["見本郡西町", "見本郡東町"]
    assert data.population.total == 61
    assert (
        data.terrain.height_m[data.terrain.height_m.shape[0] // 2, data.terrain.height_m.shape[1] // 2]
        == 12.5
    )
    west, south, east, north = data.terrain.grid.bounds
    assert east - west > 18_500 + 2 * 2000
    assert north - south > 17_700 + 2 * 2000  # with the islet north of the western town
    assert data.ledger.sites[0].municipality_code == "99301"  # blank in the table, found by position
    assert data.ledger.site_operators[0].operator == "m1"  # named in Japanese in the table
    assert data.ledger.districts[0].municipality_code == "99381"  # history stays as it was recorded
    assert data.ledger.municipality_mergers == {"99381": "99301"}
    assert data.settlements[0].municipality_code == "99301"  # renumbered
    assert [s.shelter_id for s in data.shelters] == ["E1"]
    assert data.indicators_toml == 'title = "見本"\n'
    assert [(c.operator, round(c.geometry.area, 6)) for c in data.published_coverage] == [("m2", 0.01)]
    assert data.config.operators["m2"].inventory is Inventory.NONE
    assert set(seen) == {*LAYER_TABLES, "published_coverage:m2"}


def test_every_layer_is_recorded_with_the_digests_of_what_was_read(build: Build) -> None:
    folder = build()
    data = load_region(folder)
    assert [r.layer for r in data.layers] == [
        "boundaries", "population", "terrain", "sites", "settlements", "shelters", "indicators", "published_coverage:m2",
    ]  # fmt: skip
    for record in data.layers:
        for name, digest in record.files:
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    by_name = {r.layer: r for r in data.layers}
    assert [n for n, _ in by_name["sites"].files] == [
        "towers/sites.csv", "towers/districts.csv", "towers/site_operators.csv", "towers/site_districts.csv",
    ]  # fmt: skip
    assert by_name["boundaries"].credit == "見本 boundaries"
    assert "1 件" in by_name["boundaries"].notes[0][0]
    assert not any(r.estimated for r in data.layers)


def test_the_same_folder_gives_the_same_region_twice(build: Build) -> None:
    one, two = load_region(build()), load_region(build())
    assert one.layers == two.layers
    assert one.ledger == two.ledger
    assert np.array_equal(one.terrain.height_m, two.terrain.height_m, equal_nan=True)


@pytest.mark.parametrize(
    ("only", "read"),
    [
        ({"sites"}, ["boundaries", "sites"]),
        ({"indicators"}, ["indicators"]),
        ({"population"}, ["boundaries", "population"]),
        ({"shelters", "published_coverage"}, ["shelters", "published_coverage:m2"]),
        (set(), []),
    ],
)
def test_only_what_is_asked_for_and_what_it_needs_is_read(
    build: Build, only: set[str], read: list[str]
) -> None:
    folder = build()
    (folder / "terrain.tif").unlink()  # what is not needed may even be missing
    data = load_region(folder, only=only)
    assert [r.layer for r in data.layers] == read
    if "population" not in only:
        assert len(data.population) == 0
    assert data.terrain.grid.shape == (1, 1)
    assert np.isnan(data.terrain.height_m).all()


def test_layers_may_lie_in_a_folder_of_their_own(build: Build, tmp_path: Path) -> None:
    folder = build()
    store = tmp_path / "layers"
    store.mkdir()
    for name in ("shapes", "population", "terrain.tif", "towns.csv", "shelters.csv"):
        (folder / name).rename(store / name)
    data = load_region(folder, layers_root=store)
    assert data.population.total == 61
    assert data.ledger.sites[0].site_id == "S1"  # from the region's own folder
    (folder / "towns.csv").write_bytes((store / "towns.csv").read_bytes())
    refused("layer-in-two-places", lambda: load_region(folder, layers_root=store), "settlements", "towns.csv")
    refused("layers-root-missing", lambda: load_region(folder, layers_root=tmp_path / "none"), "none")


@pytest.mark.parametrize(
    "path",
    [
        "../towns.csv",
        "a/../../towns.csv",
        "/etc/hostname",
        "C:/towns.csv",
        "C:\\\\towns.csv",
        "a\\\\towns.csv",
        "~/towns.csv",
        "",
    ],
)
def test_paths_never_leave_the_folder(build: Build, path: str) -> None:
    folder = build(settlements=layer("settlements", "csv", "x").replace('["x"]', f'"{path}"'))
    refused("layer-path-outside", lambda: load_region(folder), "settlements")


@pytest.mark.parametrize("name", LAYER_TABLES)
def test_a_missing_file_names_its_layer(build: Build, name: str) -> None:
    changed = LAYER_TABLES[name].replace('path = ["', 'path = ["missing-')
    error = refused("layer-file-missing", lambda: load_region(build(**{name: changed})), name, "missing-")
    assert isinstance(error, RegionError)
    assert f"layers.{name}.path" in error.ja


@pytest.mark.parametrize("name", LAYER_TABLES)
def test_an_unknown_format_names_its_layer_and_those_that_there_are(build: Build, name: str) -> None:
    changed = LAYER_TABLES[name].replace('format = "', 'format = "new-')
    refused("layer-format-unknown", lambda: load_region(build(**{name: changed})), name, "new-")


@pytest.mark.parametrize("name", ["boundaries", "population", "sites", "settlements", "shelters"])
def test_an_unknown_option_names_its_layer(build: Build, name: str) -> None:
    changed = LAYER_TABLES[name] + 'options = { encodng = "utf-8" }\n'
    refused("layer-option-wrong", lambda: load_region(build(**{name: changed})), name, "encodng")


def test_a_terrain_elsewhere_is_refused(build: Build) -> None:
    folder = build()
    with rasterio.open(
        folder / "terrain.tif",
        "w",
        driver="GTiff",
        dtype="float32",
        count=1,
        width=10,
        height=10,
        crs="EPSG:6674",
        transform=rasterio.Affine(250.0, 0.0, 900_000.0, 0.0, -250.0, 900_000.0),
    ) as target:
        target.write(np.zeros((10, 10), dtype=np.float32), 1)
    refused("terrain-elsewhere", lambda: load_region(folder))


def test_codes_that_the_boundaries_lack_are_refused_unless_they_merged(build: Build) -> None:
    refused("municipality-unknown", lambda: load_region(build(extra="")), "99381", "D1")
    folder = build()
    sites = folder / "towers" / "sites.csv"
    text = "site_id,name,municipality_code,lat,lon,status\nS1,奥山局,99301,33.55,136.55,供用中\nS2,隣県局,98201,33.55,136.75,供用中\n"
    sites.write_text(text, encoding="utf-8")
    assert len(load_region(folder).ledger.sites) == 2  # a mast across the border may serve people here
    sites.write_text(text.replace("98201", "99309"), encoding="utf-8")
    refused("municipality-unknown", lambda: load_region(folder), "99309", "S2")


def test_an_operator_that_region_toml_lacks_is_refused(build: Build) -> None:
    folder = build()
    (folder / "towers" / "site_operators.csv").write_text("site_id,operator\nS1,m9\n", encoding="utf-8")
    refused("operator-unknown", lambda: load_region(folder), "m9", "site_operators.csv")


def test_districts_and_actuals_as_layers_of_their_own(build: Build, write_geojson: Any) -> None:
    folder = build(
        districts=layer("districts", "vector", "register.geojson"),
        actuals=layer("actuals", "csv", "actuals.csv"),
    )
    polygon = shapely.geometry.mapping(shapely.box(136.54, 33.54, 136.56, 33.56))
    row = {"district_id": "D1", "municipality_code": "99301", "name": "奥山"}
    write_geojson(folder / "register.geojson", [{"type": "Feature", "properties": row, "geometry": polygon}])
    (folder / "actuals.csv").write_text("indicator,fiscal_year,value\n406,2016,48\n", encoding="utf-8")
    refused("table-twice", lambda: load_region(folder, only={"districts", "actuals"}))
    (folder / "towers" / "districts.csv").unlink()
    data = load_region(folder, only={"districts", "actuals"})
    assert data.ledger.districts[0].geometry.geom_type == "Polygon"
    assert data.ledger.actuals[0].value == 48.0
    assert [r.layer for r in data.layers] == ["boundaries", "sites", "districts", "actuals"]
    (folder / "towers" / "actuals.csv").write_bytes((folder / "actuals.csv").read_bytes())
    refused("actuals-twice", lambda: load_region(folder, only={"actuals"}))
    wrong = build(districts=layer("districts", "csv", "register.geojson"))
    refused("layer-format-unknown", lambda: load_region(wrong, only={"districts"}), "districts")


def test_a_flat_list_instead_of_tables(build: Build) -> None:
    folder = build(sites=layer("sites", "site-list", "list.csv", '{ datum = "tokyo" }'))
    (folder / "list.csv").write_text(
        "site_id,name,municipality_code,lat,lon,status,operator\nS1,奥山局,,33.55,136.55,供用中,m1\n",
        encoding="utf-8",
    )
    data = load_region(folder, only={"sites"})
    assert data.ledger.sites[0].lat == pytest.approx(33.5533, abs=5e-4)
    assert [n for n, _ in data.layers[1].files] == ["list.csv"]
    refused(
        "layer-option-wrong",
        lambda: load_region(
            build(sites=layer("sites", "site-list", "list.csv", '{ datum = "itrf" }')), only={"sites"}
        ),
        "datum",
    )
    several = build(sites=layer("sites", "site-list", "list.csv,towns.csv"))
    refused("layer-one-file", lambda: load_region(several, only={"sites"}), "sites")
    tables = build(sites=layer("sites", "tables", "list.csv"))
    refused("layer-one-folder", lambda: load_region(tables, only={"sites"}), "list.csv")


def test_opencellid_as_the_list_of_sites(build: Build) -> None:
    options = '{ networks = { "440-10" = "m1" } }'
    folder = build(sites=layer("sites", "opencellid", "440.csv", options))
    (folder / "440.csv").write_text(
        "LTE,440,10,1,257,0,136.550,33.550,1000,10,1,1459000000,1459000000,0\n", encoding="utf-8"
    )
    data = load_region(folder, only={"sites"})
    assert [(s.site_id, s.municipality_code) for s in data.ledger.sites] == [("ocid-440-10-1", "99301")]
    assert "OpenCelliD" in data.layers[-1].notes[0][0]
    for wrong in ('{ networks = { "440-10" = "m9" } }', "{ networks = {} }", '{ networks = "m1" }'):
        folder = build(sites=layer("sites", "opencellid", "440.csv", wrong))
        refused("layer-option-wrong", lambda folder=folder: load_region(folder, only={"sites"}), "networks")  # type: ignore[misc]


def test_an_estimate_reads_the_towns_first_and_is_marked(build: Build) -> None:
    folder = build(population=layer("population", "estimate", "census.csv"))
    (folder / "census.csv").write_text(
        "code,id_code,name,pop_2015,households_2015,area_km2\n99301,3,西町,40,20,103\n99302,3,東町,21,10,103\n",
        encoding="utf-8",
    )
    data = load_region(folder, only={"population"})
    assert (data.population.total, data.population.estimated) == (61, True)
    assert len(data.settlements) == 1
    record = next(r for r in data.layers if r.layer == "population")
    assert record.estimated
    assert record.notes[0][0].startswith("推計")


def test_unknown_layer_names_are_refused(build: Build) -> None:
    refused("layer-unknown", lambda: load_region(build(), only={"terrane"}), "terrane", "terrain")
    assert "terrain" in LAYERS


@pytest.mark.shared
def test_mie_from_its_real_layers(shared_dir: Path, tmp_path: Path) -> None:
    tables = {
        "boundaries": layer("boundaries", "n03", "boundaries/N03-21_24_210101.geojson"),
        "population": layer("population", "estimate", "population/census2015_mie_all_levels.csv,population/did2010_24_mie.geojson"),
        "terrain": layer("terrain", "geotiff", "dem/mie_dem_15s_derived.tif", '{ sea = "zero-is-sea" }'),
        "sites": layer("sites", "site-list", "sites.csv"),
        "settlements": layer("settlements", "csv", "settlements/mie_towns.csv"),
        "shelters": layer("shelters", "csv", "shelters/mie_shelters.csv"),
    }  # fmt: skip
    text = (
        REGION.replace('"99"', '"24"').replace("見本県", "三重県")
        + "".join(tables.values())
        + OPERATORS
        + LADDER
    )
    (tmp_path / "region.toml").write_text(
        text.replace("[ladder]", "[grid]\ncell_m = 250\n[ladder]"), encoding="utf-8"
    )
    (tmp_path / "sites.csv").write_text(
        "site_id,name,municipality_code,lat,lon,status,operator\nS1,例示局,,34.72,136.50,供用中,m1\n",
        encoding="utf-8",
    )
    data = load_region(tmp_path, layers_root=shared_dir / "data")
    assert len(data.municipalities) == 29
    assert data.population.total == 1_815_865
    assert (len(data.settlements), len(data.shelters)) == (3107, 5420)
    assert data.ledger.sites[0].municipality_code == "24201"
    assert next(r for r in data.layers if r.layer == "population").estimated
    assert np.isfinite(data.terrain.height_m).mean() > 0.5
    assert next(r for r in data.layers if r.layer == "settlements").notes


def test_clutter_is_laid_over_a_bare_earth_terrain(build: Build) -> None:
    options = "{ heights_m = { 1 = 12.0 } }"
    folder = build(clutter=layer("clutter", "geotiff", "cover.tif", options))
    with rasterio.open(folder / "terrain.tif") as source:
        profile = {
            "crs": source.crs,
            "transform": source.transform,
            "width": source.width,
            "height": source.height,
        }
    with rasterio.open(
        folder / "cover.tif", "w", driver="GTiff", dtype="uint8", count=1, **profile
    ) as target:
        target.write(np.ones((profile["height"], profile["width"]), dtype=np.uint8), 1)
    data = load_region(folder, only={"clutter"})
    assert data.terrain.clutter_m is not None
    assert np.nanmax(data.terrain.clutter_m) == 12.0
    assert [r.layer for r in data.layers] == ["boundaries", "terrain", "clutter"]
    assert load_region(folder, only={"terrain"}).terrain.clutter_m is None


@pytest.mark.parametrize("name", ["districts", "actuals"])
def test_registers_and_actuals_of_another_format_are_refused(build: Build, name: str) -> None:
    folder = build(**{name: layer(name, "xlsx", "towns.csv")})
    refused("layer-format-unknown", lambda: load_region(folder, only={name}), name, "xlsx")


def test_a_register_as_csv_of_points(build: Build) -> None:
    folder = build(districts=layer("districts", "csv", "register.csv"))
    (folder / "towers" / "districts.csv").rename(folder / "register.csv")
    assert load_region(folder, only={"sites"}).ledger.districts[0].geometry.geom_type == "Point"


def test_the_land_outline_reaches_the_terrain_where_its_rule_asks(build: Build) -> None:
    folder = build(terrain=layer("terrain", "geotiff", "terrain.tif", '{ sea = "outline" }'))
    with rasterio.open(folder / "terrain.tif", "r+") as target:
        target.write(np.zeros((130, 160), dtype=np.float32), 1)
    terrain = load_region(folder, only={"terrain"}).terrain
    row, col = terrain.grid.shape[0] // 2, terrain.grid.shape[1] // 2
    assert not terrain.sea[row, col]  # 0 m on land is land
    assert terrain.sea[0, 0]
