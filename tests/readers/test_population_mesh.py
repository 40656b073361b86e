"""Residents by mesh: e-Stat's rules, KSJ's projections, rasters and CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from coverage.domain import mesh
from coverage.domain.places import Municipality
from coverage.domain.population import PopulationMesh
from coverage.errors import FileFormatError, InputError, RegionError
from coverage.readers.estat_mesh import parse_estat
from coverage.readers.population import read_population, restrict_to

WriteZip = Callable[[Path, Mapping[str, bytes]], Path]

HEADER = "KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T001100001,T001100002,T001100003,T001100034\r\n"
LABELS = ",,,,　人口（総数）,　人口（総数）　男,　０～１４歳人口　総数,　世帯総数\r\n"
# 1: this cell holds the age groups of the third; 2: its own are moved there and shown as *
ROWS = (
    "50364000,0,,,980,464,98,420\r\n50364001,1,,50364002,882,405,90,377\r\n50364002,2,50364001,,3,*,*,2\r\n"
)


def estat(rows: str = ROWS, *, header: str = HEADER, labels: str = LABELS) -> bytes:
    return (header + labels + rows).encode("cp932")


def parse(data: bytes, member: str = "tblT001100S5036.txt") -> Any:
    return parse_estat(data, name="pop.zip", member=member)


def refused(code: str, data: bytes, member: str = "tblT001100S5036.txt") -> FileFormatError:
    with pytest.raises(FileFormatError) as caught:
        parse(data, member)
    assert caught.value.code == code, caught.value
    assert "pop.zip" in caught.value.ja
    assert "pop.zip" in caught.value.en
    return caught.value


def test_totals_are_taken_from_every_row_and_moved_details_never_followed() -> None:
    file = parse(estat())
    assert file.mesh_code.tolist() == [50364000, 50364001, 50364002]
    # the suppressed row keeps its own 3 people; the row that holds its details keeps 882, not 885
    assert file.population.tolist() == [980, 882, 3]
    assert file.households.tolist() == [420, 377, 2]
    assert (file.stats_id, file.area, file.by_prefecture) == ("T001100", "5036", False)


@pytest.mark.parametrize(
    ("labels", "header"),
    [
        (LABELS, HEADER),
        (LABELS.replace("　人口（総数）,", "　人口総数,").replace("（総数）", "総数"), HEADER),
        # households before the total: found by label, not by place
        (",,,,　世帯総数,　人口総数　男,　０～１４歳人口総数,　人口総数\r\n", HEADER),
    ],
)
def test_columns_are_found_by_their_label_which_differs_by_year(labels: str, header: str) -> None:
    swapped = labels.startswith(",,,,　世帯")
    file = parse(estat(labels=labels, header=header))
    total, homes = (file.households, file.population) if swapped else (file.population, file.households)
    assert (total.sum(), homes.sum()) == (1865, 799)


def test_the_2010_form_has_no_suppression_columns() -> None:
    data = "KEY_CODE,T000608001,T000608002,T000608003,T000608004\r\n,人口総数,男,女,世帯総数\r\n52380000,980,464,516,296\r\n"
    file = parse(data.encode("cp932"), "tblT000608S5238.txt")
    assert (file.population.tolist(), file.households.tolist(), file.stats_id) == ([980], [296], "T000608")


def test_a_table_without_households_leaves_them_unknown() -> None:
    data = estat("50364000,0,,,980,464,98,420\r\n", labels=LABELS.replace("世帯総数", "一般世帯数"))
    assert np.isnan(parse(data).households).all()


@pytest.mark.parametrize(
    ("code", "reads"),
    [(" 50364000", True), ("50364000.0", True), ("5.036E+07", False), ("5036400A", False), ("", False)],
)
def test_codes_that_a_spreadsheet_has_touched(code: str, reads: bool) -> None:
    data = estat(f"{code},0,,,980,464,98,420\r\n")
    if reads:
        assert parse(data).mesh_code.tolist() == [50364000]
    else:
        with pytest.raises(FileFormatError) as caught:
            parse(data)
        assert "3 行目・列「KEY_CODE」" in caught.value.ja
        assert "Row 3, column 'KEY_CODE'" in caught.value.en


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (estat(ROWS[:-20]), "estat-truncated"),  # cut inside a row
        (estat(ROWS[:-3]), "estat-truncated"),  # cut inside the last number: 2 could have been 27
        (estat(ROWS[:-2]), "estat-truncated"),
        (HEADER.encode("cp932"), "estat-labels"),
        (estat(""), "estat-truncated"),
        (estat("50364000,0,,,*,464,98,420\r\n"), "estat-value"),
        (estat("50364000,0,,,,464,98,420\r\n"), "estat-value"),
        (estat("50364000,0,,,-5,464,98,420\r\n"), "estat-value"),
        (estat("50364000,0,,,1_0,464,98,420\r\n"), "estat-value"),
        (estat(ROWS + "50364000,0,,,1,1,1,1\r\n"), "estat-cell-twice"),
        (estat(ROWS + "503640001,0,,,1,1,1,1\r\n"), "estat-level"),
        (estat(labels=ROWS.splitlines()[0] + "\r\n"), "estat-labels"),
        (estat(labels=LABELS.replace("　人口（総数）,", "　総人口,")), "estat-labels"),
        (estat(labels=LABELS.replace("　０～１４歳人口　総数", "　人口総数")), "estat-labels"),
        (b"code,population\r\n1,2\r\n", "estat-not"),
        (b"", "estat-not"),
    ],
)
def test_a_broken_table_is_refused(data: bytes, code: str) -> None:
    refused(code, data)


def test_the_unit_in_the_name_must_be_that_of_the_codes() -> None:
    refused("estat-level", estat(), "tblT001100H5036.txt")
    assert len(parse(estat(), "renamed.txt").mesh_code) == 3


def write_files(tmp_path: Path, write_zip: WriteZip, **files: bytes) -> list[str]:
    for stem, data in files.items():
        write_zip(tmp_path / f"{stem}.zip", {f"{stem}.txt": data})
    return [f"{stem}.zip" for stem in files]


def rows_of(*cells: tuple[int, int]) -> bytes:
    return estat("".join(f"{code},0,,,{people},0,0,{people // 2}\r\n" for code, people in cells))


def test_first_level_files_of_different_areas_are_joined(
    tmp_path: Path, write_zip: WriteZip, make_layer: Any
) -> None:
    paths = write_files(
        tmp_path,
        write_zip,
        tblT001100S5036=rows_of((50364001, 4), (50364000, 10)),
        tblT001100S5136=rows_of((51360000, 6)),
    )
    reading = read_population(make_layer("estat-mesh", paths), tmp_path)
    assert reading.mesh.mesh_code.tolist() == [50364000, 50364001, 51360000]
    assert reading.mesh.total == 20
    assert reading.mesh.households.sum() == 10
    assert set(reading.mesh.municipality_code) == {""}
    assert (reading.mesh.census_year, reading.mesh.estimated) == (2020, False)
    folder = read_population(make_layer("estat-mesh", "."), tmp_path)
    assert folder.mesh.total == 20
    assert [p.name for p in folder.files] == sorted(paths)


def test_two_prefecture_files_each_hold_their_part_of_a_border_cell(
    tmp_path: Path, write_zip: WriteZip, make_layer: Any
) -> None:
    paths = write_files(
        tmp_path,
        write_zip,
        tblT001100S24=rows_of((50364000, 10), (51360000, 1)),
        tblT001100S29=rows_of((50364000, 5)),
    )
    mesh_ = read_population(make_layer("estat-mesh", paths), tmp_path).mesh
    assert dict(zip(mesh_.mesh_code.tolist(), mesh_.population.tolist(), strict=True)) == {
        50364000: 15,
        51360000: 1,
    }


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        # a prefecture's file and a first-level file hold the same people
        ({"tblT001100S24": rows_of((50364000, 10), (51360000, 1))}, {"tblT001100S5036": rows_of((50364000, 15))}, "estat-kinds-mixed"),
        # also where no cell happens to be in both
        ({"tblT001100S24": rows_of((50364000, 10), (51360000, 1))}, {"tblT001100S5238": rows_of((52380000, 15))}, "estat-kinds-mixed"),
        # the same file under two names
        ({"tblT001100S5036": rows_of((50364000, 10))}, {"copy": rows_of((50364000, 10))}, "estat-overlap"),
        ({"a_tblT001100S24": rows_of((50364000, 10), (51360000, 1))}, {"b_tblT001100S24": rows_of((50364000, 10), (51360000, 1))}, "estat-overlap"),
        # other years and other sizes
        ({"tblT001100S5036": rows_of((50364000, 10))}, {"tblT000846S5136": rows_of((51360000, 5)).replace(b"T001100", b"T000846")}, "estat-tables-mixed"),
        ({"tblT001100S5036": rows_of((50364000, 10))}, {"tblT001100H5136": rows_of((513600001, 5))}, "estat-tables-mixed"),
    ],
)  # fmt: skip
def test_files_that_would_count_people_twice_are_refused(
    tmp_path: Path,
    write_zip: WriteZip,
    make_layer: Any,
    first: dict[str, bytes],
    second: dict[str, bytes],
    code: str,
) -> None:
    paths = write_files(tmp_path, write_zip, **first, **second)
    with pytest.raises(FileFormatError) as caught:
        read_population(make_layer("estat-mesh", paths), tmp_path)
    assert caught.value.code == code


def test_a_zip_must_hold_one_text(tmp_path: Path, write_zip: WriteZip, make_layer: Any) -> None:
    write_zip(tmp_path / "a.zip", {"a.txt": estat(), "b.txt": estat()})
    with pytest.raises(FileFormatError) as caught:
        read_population(make_layer("estat-mesh", "a.zip"), tmp_path)
    assert caught.value.code == "estat-member"


def test_a_folder_without_tables_is_refused(tmp_path: Path, make_layer: Any) -> None:
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    with pytest.raises(RegionError) as caught:
        read_population(make_layer("estat-mesh", "."), tmp_path)
    assert caught.value.code == "layer-file-missing"


def test_first_level_files_say_how_many_people_may_live_across_the_border(
    tmp_path: Path, write_zip: WriteZip, make_layer: Any
) -> None:
    west, south, east, north = mesh.bounds(50364000)
    half = Municipality("24999", "西半分", "", shapely.box(west, south, (west + east) / 2, north))
    inside = Municipality("24999", "全部", "", shapely.box(west - 1, south - 1, east + 1, north + 1))
    paths = write_files(tmp_path, write_zip, tblT001100S5036=rows_of((50364000, 10)))
    layer = make_layer("estat-mesh", paths)
    assert "1 メッシュ（10 人）" in read_population(layer, tmp_path, municipalities=[half]).notes[0][0]
    assert read_population(layer, tmp_path, municipalities=[inside]).notes == ()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("year", "rows", "people"), [(2010, 2453, 2_392_847), (2015, 2464, 2_344_502), (2020, 2447, 2_296_684)]
)
def test_the_real_samples_add_up_to_their_published_sums(
    shared_dir: Path, make_layer: Any, year: int, rows: int, people: int
) -> None:
    layer = make_layer("estat-mesh", f"population/estat_mesh_format_samples/pop_{year}_5238.zip")
    mesh_ = read_population(layer, shared_dir / "data").mesh
    assert (len(mesh_), mesh_.total, mesh_.census_year) == (rows, people, year)
    assert 0 < mesh_.households.sum() < people
    assert set(mesh_.mesh_code // 10_000) == {5238}


# --- KSJ ---------------------------------------------------------------------------------------------------------


def ksj_feature(cell: int, code: int, **values: Any) -> dict[str, Any]:
    box = shapely.box(*mesh.bounds(cell))
    return {
        "type": "Feature",
        "properties": {"MESH_ID": cell, "SHICODE": code} | values,
        "geometry": shapely.geometry.mapping(box),
    }


KSJ = [
    ksj_feature(503640001, 24561, PTN_2020=10.2500, PTN_2050=4.1250, HITOKU2020=None),
    # the same cell once more: the part in the next municipality, and one in the next prefecture
    ksj_feature(503640001, 24562, PTN_2020=0.3333, PTN_2050=0.1),
    ksj_feature(503640001, 30427, PTN_2020=7.0, PTN_2050=3.0),
    ksj_feature(503640002, 24562, PTN_2020=1.4167, PTN_2050=0.0),
]


def test_ksj_cells_occur_once_per_municipality_and_are_not_rounded(
    tmp_path: Path, make_layer: Any, write_geojson: Callable[..., Path]
) -> None:
    write_geojson(tmp_path / "500m_mesh_2024_24.geojson", KSJ)
    layer = make_layer("ksj-mesh", "500m_mesh_2024_24.geojson", year=2020)
    mesh_ = read_population(layer, tmp_path, prefecture_code="24").mesh
    assert mesh_.mesh_code.tolist() == [503640001, 503640001, 503640002]
    assert mesh_.municipality_code.tolist() == ["24561", "24562", "24562"]
    assert mesh_.population.tolist() == [10.25, 0.3333, 1.4167]
    assert np.isnan(mesh_.households).all()
    assert (mesh_.estimated, mesh_.census_year) == (True, 2020)
    whole = read_population(layer, tmp_path).mesh
    assert whole.total == pytest.approx(19.0, abs=1e-9)


def test_ksj_merged_municipalities_are_added(
    tmp_path: Path, make_layer: Any, write_geojson: Callable[..., Path]
) -> None:
    write_geojson(tmp_path / "a.geojson", KSJ)
    layer = make_layer("ksj-mesh", "a.geojson", year=2020)
    mesh_ = read_population(layer, tmp_path, prefecture_code="24", mergers={"24561": "24562"}).mesh
    assert mesh_.municipality_code.tolist() == ["24562", "24562"]
    assert mesh_.population.tolist() == pytest.approx([10.5833, 1.4167])


def test_the_h29_edition_as_a_zipped_shapefile(tmp_path: Path, make_layer: Any, write_zip: WriteZip) -> None:
    frame = geopandas.GeoDataFrame(
        {
            "MESH_ID": ["503640001", "503640002"],
            "CITY_CODE": ["24561", "24562"],
            "POP2010": [12.0, 1.5],
            "POP2050": [4.0, 0.5],
        },
        geometry=[shapely.box(*mesh.bounds(c)) for c in (503640001, 503640002)],
        crs=6668,
    )
    pyogrio.write_dataframe(frame, tmp_path / "Mesh4_POP_24.shp", driver="ESRI Shapefile")
    write_zip(tmp_path / "h29.zip", {p.name: p.read_bytes() for p in sorted(tmp_path.glob("Mesh4*"))})
    mesh_ = read_population(make_layer("ksj-mesh", "h29.zip", year=2050), tmp_path).mesh
    assert mesh_.population.tolist() == [4.0, 0.5]
    assert mesh_.municipality_code.tolist() == ["24561", "24562"]


@pytest.mark.parametrize(
    ("features", "year", "code"),
    [
        (KSJ, 2023, "ksj-year"),
        (KSJ, None, "ksj-year"),
        ([*KSJ, KSJ[0]], 2020, "ksj-cell-twice"),
        ([ksj_feature(503640001, 24561, PTN_2020=None)], 2020, "ksj-value"),
        ([ksj_feature(503640001, 24561, PTN_2020=-1.0)], 2020, "ksj-value"),
        ([ksj_feature(503640001, 245, PTN_2020=1.0)], 2020, "ksj-value"),
        (
            [ksj_feature(503640001, 24561, PTN_2020=1.0), ksj_feature(50364000, 24561, PTN_2020=1.0)],
            2020,
            "mesh-code-invalid",
        ),
        ([{**KSJ[0], "properties": {"MESH_ID": 503640001, "PTN_2020": 1.0}}], 2020, "column-missing"),
        ([KSJ[2]], 2020, "ksj-empty"),
    ],
)
def test_broken_ksj_meshes_are_refused(
    tmp_path: Path,
    make_layer: Any,
    write_geojson: Callable[..., Path],
    features: list[Any],
    year: int | None,
    code: str,
) -> None:
    write_geojson(tmp_path / "a.geojson", features)
    options = {} if year is None else {"year": year}
    with pytest.raises(InputError) as caught:
        read_population(make_layer("ksj-mesh", "a.geojson", **options), tmp_path, prefecture_code="24")
    assert caught.value.code == code


def test_the_same_ksj_file_twice_is_refused(
    tmp_path: Path, make_layer: Any, write_geojson: Callable[..., Path]
) -> None:
    for name in ("a.geojson", "b.geojson"):
        write_geojson(tmp_path / name, KSJ)
    with pytest.raises(InputError) as caught:
        read_population(make_layer("ksj-mesh", ["a.geojson", "b.geojson"], year=2020), tmp_path)
    assert caught.value.code == "ksj-cell-twice"


# --- raster --------------------------------------------------------------------------------------------------------


def write_raster(
    path: Path, values: Any, *, nodata: float | None = -99999.0, epsg: int | None = 4326, **transform: float
) -> Path:
    array = np.asarray(values, dtype=np.float32)
    at = {"west": 136.5, "north": 33.6, "step": 1 / 120} | transform
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=1, height=array.shape[0], width=array.shape[1], nodata=nodata,
        crs=None if epsg is None else f"EPSG:{epsg}", transform=rasterio.Affine(at["step"], 0.0, at["west"], 0.0, -at["step"], at["north"]),
    ) as target:  # fmt: skip
        target.write(array, 1)
    return path


def test_every_pixel_counts_whole_in_the_cell_of_its_centre(tmp_path: Path, make_layer: Any) -> None:
    values = np.full((4, 6), -99999.0)
    values[0, 0], values[3, 5], values[1, 1] = 12.5, 7.25, np.nan
    write_raster(tmp_path / "wp.tif", values)
    reading = read_population(make_layer("geotiff", "wp.tif", census_year=2020), tmp_path)
    mesh_ = reading.mesh
    step = 1 / 120
    first = mesh.encode_point(33.6 - step / 2, 136.5 + step / 2, 8)
    last = mesh.encode_point(33.6 - 3.5 * step, 136.5 + 5.5 * step, 8)
    assert dict(zip(mesh_.mesh_code.tolist(), mesh_.population.tolist(), strict=True)) == {
        first: 12.5,
        last: 7.25,
    }
    assert (mesh_.estimated, mesh_.census_year) == (True, 2020)
    assert set(mesh_.municipality_code) == {""}


def test_a_raster_keeps_everybody_whatever_the_mesh(tmp_path: Path, make_layer: Any) -> None:
    rng = np.random.default_rng(5)
    values = rng.gamma(1.0, 40.0, (40, 40)).astype(np.float32)
    write_raster(tmp_path / "wp.tif", values, step=1 / 1200)
    for digits in (8, 9, 10, 11):
        mesh_ = read_population(make_layer("geotiff", "wp.tif", digits=digits), tmp_path).mesh
        assert mesh_.total == pytest.approx(float(values.astype(np.float64).sum()), rel=1e-12)
        assert set(mesh.level_of(mesh_.mesh_code)) == {digits}


def test_only_cells_of_the_region_are_read_and_none_in_part(
    tmp_path: Path, make_layer: Any, two_towns: tuple[Municipality, ...]
) -> None:
    values = np.ones((120, 120))
    write_raster(tmp_path / "wp.tif", values, west=136.0, north=34.0, step=1 / 120)
    mesh_ = read_population(make_layer("geotiff", "wp.tif"), tmp_path, municipalities=two_towns).mesh
    west, south, east, north = shapely.total_bounds(shapely.box(*mesh.bounds_array(mesh_.mesh_code).T))
    assert west <= 136.5
    assert south <= 33.5
    assert east >= 136.7
    assert north >= 33.6
    whole = read_population(make_layer("geotiff", "wp.tif"), tmp_path).mesh
    everywhere = dict(zip(whole.mesh_code.tolist(), whole.population.tolist(), strict=True))
    assert all(
        everywhere[c] == p for c, p in zip(mesh_.mesh_code.tolist(), mesh_.population.tolist(), strict=True)
    )
    assert len(mesh_) < len(whole)


def test_a_projected_raster_is_transformed(tmp_path: Path, make_layer: Any) -> None:
    write_raster(tmp_path / "wp.tif", [[5.0]], epsg=6674, west=45_000.0, north=-270_000.0, step=1000.0)
    mesh_ = read_population(make_layer("geotiff", "wp.tif"), tmp_path).mesh
    lat, lon = mesh.centre(mesh_.mesh_code)
    assert mesh_.total == 5.0
    assert (lat[0], lon[0]) == (pytest.approx(33.56, abs=0.02), pytest.approx(136.49, abs=0.02))


@pytest.mark.parametrize(
    ("values", "options", "kind", "code"),
    [
        ([[-99999.0, 5.0]], {"nodata": None}, {}, "raster-value"),
        ([[5.0]], {"epsg": None}, {}, "raster-crs"),
        ([[0.0, -99999.0]], {}, {}, "raster-elsewhere"),
        ([[5.0]], {}, {"digits": 7}, "layer-option-wrong"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rasters_that_cannot_be_counted_are_refused(
    tmp_path: Path, make_layer: Any, values: Any, options: dict[str, Any], kind: dict[str, Any], code: str
) -> None:
    write_raster(tmp_path / "wp.tif", values, **options)
    with pytest.raises(InputError) as caught:
        read_population(make_layer("geotiff", "wp.tif", **kind), tmp_path)
    assert caught.value.code == code


def test_a_no_data_value_that_the_file_hides_can_be_stated(tmp_path: Path, make_layer: Any) -> None:
    write_raster(tmp_path / "wp.tif", [[-99999.0, 5.0]], nodata=None)
    assert read_population(make_layer("geotiff", "wp.tif", nodata=-99999), tmp_path).mesh.total == 5.0


def test_other_files_under_a_tif_name_are_refused(tmp_path: Path, make_layer: Any) -> None:
    vrt = tmp_path / "a.tif"
    vrt.write_text("<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>", encoding="utf-8")
    whole = write_raster(tmp_path / "b.tif", np.ones((200, 200))).read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[: len(whole) // 3])
    for name, code in (
        ("a.tif", "raster-not-geotiff"),
        ("b.tif", "raster-broken"),
        ("c.tif", "file-missing"),
    ):
        with pytest.raises(InputError) as caught:
            read_population(make_layer("geotiff", name), tmp_path)
        assert caught.value.code == code


# --- CSV and restriction -------------------------------------------------------------------------------------------


def test_a_csv_of_our_own(tmp_path: Path, make_layer: Any) -> None:
    text = "mesh_code,municipality_code,population,households\n5036400011,99301,10,4\n5036400012,993021,0.5,\n5036400011,,3,1\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp932"))
    with pytest.raises(InputError) as caught:
        read_population(make_layer("mesh-csv", "a.csv"), tmp_path)
    assert caught.value.code == "municipality-code-check-digit"
    (tmp_path / "a.csv").write_bytes(text.replace("993021", "99302").encode("cp932"))
    mesh_ = read_population(
        make_layer("mesh-csv", "a.csv", estimated=True, census_year=2015),
        tmp_path,
        mergers={"99302": "99301"},
    ).mesh
    assert mesh_.mesh_code.tolist() == [5036400011, 5036400011, 5036400012]
    assert mesh_.municipality_code.tolist() == ["", "99301", "99301"]
    assert mesh_.population.tolist() == [3, 10, 0.5]
    assert np.isnan(mesh_.households[2])
    assert (mesh_.estimated, mesh_.census_year) == (True, 2015)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mesh_code,population\n5036400011,10\n5036400011,5\n", "mesh-cell-twice"),
        ("mesh_code,population\n5036400011,10\n50364000,5\n", "mesh-code-invalid"),
        ("mesh_code,population\n5036,10\n", "mesh-level"),
        ("mesh_code,population\n", "mesh-level"),
        ("mesh_code,population\n5036400011,-1\n", "count-wrong"),
        ("mesh_code,population\n5036400011,1_0\n", "count-wrong"),
        ("mesh_code,population\n5036400011,nan\n", "count-wrong"),
        ("mesh_code,population\n5.0364E+09,1\n", "mesh-code-scientific"),
        ("mesh,population\n5036400011,1\n", "column-missing"),
    ],
)
def test_broken_mesh_csv_is_refused(tmp_path: Path, make_layer: Any, text: str, code: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_population(make_layer("mesh-csv", "a.csv"), tmp_path)
    assert caught.value.code == code
    assert "a.csv" in caught.value.ja


def test_unknown_population_formats_are_refused(tmp_path: Path, make_layer: Any) -> None:
    with pytest.raises(RegionError) as caught:
        read_population(make_layer("worldpop", "a.tif"), tmp_path)
    assert caught.value.code == "layer-format-unknown"
    assert "estat-mesh" in caught.value.ja


def test_restricting_keeps_named_rows_and_cells_that_touch(two_towns: tuple[Municipality, ...]) -> None:
    inside = mesh.encode_point(33.55, 136.55, 8)
    border = mesh.encode_point(33.50 - 0.001, 136.55, 8)  # reaches over the southern border
    outside = mesh.encode_point(33.40, 136.55, 8)
    population = PopulationMesh(
        mesh_code=np.array([inside, border, outside, outside, outside]),
        municipality_code=np.array(["", "", "", "99301", "98201"]),
        population=np.array([1.0, 2.0, 4.0, 8.0, 16.0]),
        households=np.full(5, np.nan),
        estimated=True,
        census_year=2020,
    )
    kept = restrict_to(population, two_towns)
    assert kept.population.tolist() == [1.0, 2.0, 8.0]
    assert (kept.estimated, kept.census_year) == (True, 2020)
    assert len(population) == 5
