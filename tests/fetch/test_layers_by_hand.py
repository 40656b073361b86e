"""Files that staff downloaded themselves, and a folder that somebody has touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coverage.domain import mesh
from coverage.errors import CoverageGapError, FileFormatError, InputError
from coverage.fetch.by_hand import import_files
from coverage.fetch.catalogue import load_catalogue, parse_catalogue, safe_path
from coverage.fetch.fetching import fetch
from coverage.fetch.inspection import check_folder
from coverage.readers.region import load_region


def fgd_dem(second: str, *, cut: bool = False) -> bytes:
    """A small 10 m tile of FG-GML over a second-level mesh (real tiles have 1125 × 750 cells)."""
    west, south, east, north = mesh.bounds(int(second))
    cols, rows = 45, 30
    values = [f"{'海水面,0.00' if c < 20 else f'地表面,{10 + r + c:.2f}'}" for r in range(rows) for c in range(cols)]
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<Dataset xmlns:gml="http://www.opengis.net/gml/3.2" xmlns="http://fgd.gsi.go.jp/spec/2008/FGD_GMLSchema">
<DEM><type>10mメッシュ（標高）</type><mesh>{second}</mesh><coverage>
<gml:boundedBy><gml:Envelope srsName="fguuid:jgd2011.bl"><gml:lowerCorner>{south:.9f} {west:.9f}</gml:lowerCorner>
<gml:upperCorner>{north:.9f} {east:.9f}</gml:upperCorner></gml:Envelope></gml:boundedBy>
<gml:gridDomain><gml:Grid><gml:limits><gml:GridEnvelope><gml:low>0 0</gml:low><gml:high>{cols - 1} {rows - 1}</gml:high>
</gml:GridEnvelope></gml:limits></gml:Grid></gml:gridDomain>
<gml:rangeSet><gml:DataBlock><gml:tupleList>
{chr(10).join(values)}
</gml:tupleList></gml:DataBlock></gml:rangeSet>
<gml:coverageFunction><gml:GridFunction><gml:sequenceRule order="+x-y">Linear</gml:sequenceRule>
<gml:startPoint>0 0</gml:startPoint></gml:GridFunction></gml:coverageFunction>
</coverage></DEM></Dataset>"""
    data = text.encode("utf-8")
    return data[: len(data) // 2] if cut else data


@pytest.fixture
def folder(tmp_path: Path, setting: Any) -> Path:
    """Everything of 98 but the terrain."""
    place = tmp_path / "layers"
    fetch("98", place, layers=["boundaries", "population"], setting=setting())
    return place


class TestByHand:
    def test_fg_gml_with_an_account_becomes_the_terrain(self, folder: Path, setting: Any, tmp_path: Path) -> None:
        files = []
        for second in sorted({str(mesh.encode_point(lat, lon, 6)) for lat in (33.30, 33.34, 33.37) for lon in (136.48, 136.53, 136.58)}):
            path = tmp_path / f"FG-GML-{second[:4]}-{second[4:]}-dem10b-20161001.xml"
            path.write_bytes(fgd_dem(second))
            files.append(path)
        entry = import_files(folder, files, code="98", layer="terrain", setting=setting())
        assert (entry.format, entry.source) == ("jpgis-dem", "by-hand")
        assert "基盤地図情報" in entry.credit
        assert entry.checks["tiles"] == len(files)
        region = load_region(folder / "98")
        assert region.terrain.sea.any()
        assert np.nanmax(region.terrain.height_m) > 50
        assert check_folder(folder, read=True, prefectures_file=setting().prefectures) == ()

    def test_a_tile_that_ends_early_changes_nothing(self, folder: Path, setting: Any, tmp_path: Path) -> None:
        before = load_catalogue(folder).to_json()
        path = tmp_path / "FG-GML-5036-04-dem10b-20161001.xml"
        path.write_bytes(fgd_dem("503604", cut=True))
        with pytest.raises(FileFormatError):
            import_files(folder, [path], code="98", layer="terrain", setting=setting())
        assert load_catalogue(folder).to_json() == before
        assert not (folder / "98" / "terrain").exists()

    def test_srtm_and_a_folder_of_tiles_are_told_by_their_names(self, folder: Path, setting: Any, tmp_path: Path, fake: Any, publishers: Any) -> None:
        (tmp_path / "N33E136.hgt.gz").write_bytes(fake.hgt("N33E136"))
        entry = import_files(folder, [tmp_path / "N33E136.hgt.gz"], code="98", layer="terrain", setting=setting())
        assert entry.format == "srtm-hgt"
        assert entry.options["surface_model"] is True
        tiles = tmp_path / "tiles"
        for x in range(7201, 7206):
            for y in range(3288, 3293):
                data = publishers.find(f"/gsi/13/{x}/{y}.png")
                if data:
                    (tiles / "13" / str(x)).mkdir(parents=True, exist_ok=True)
                    (tiles / "13" / str(x) / f"{y}.png").write_bytes(data)
        entry = import_files(folder, [tiles], code="98", layer="terrain", edition="2024-01-01", credit="国土地理院", setting=setting())
        assert (entry.format, entry.edition) == ("gsi-dem-png", "2024-01-01")
        assert entry.checks["highest_m"] > 100
        assert not (folder / "98" / "terrain" / "N33E136.hgt.gz").exists()

    def test_shelters_and_towns_as_downloaded(self, folder: Path, setting: Any, tmp_path: Path, fake: Any) -> None:
        (tmp_path / "98201_1.csv").write_bytes(fake.shelters("98201", "1"))
        (tmp_path / "98000-19.0b.zip").write_bytes(fake.isj("98"))
        assert import_files(folder, [tmp_path / "98201_1.csv"], code="98", layer="shelters", setting=setting()).checks["shelters"] == 1
        assert import_files(folder, [tmp_path / "98000-19.0b.zip"], code="98", layer="settlements", setting=setting()).checks["towns"] == 2

    def test_people_of_another_part_of_the_country_are_refused(self, folder: Path, setting: Any, tmp_path: Path, fake: Any) -> None:
        path = tmp_path / "tblT001102Q5339.zip"
        elsewhere = str(mesh.encode_point(35.6, 139.7, 10))
        rows = "KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T001102001\r\n,,,,　人口（総数）\r\n" + f"{elsewhere},0,,,10\r\n"
        path.write_bytes(fake._zipped({"tblT001102Q5339.txt": rows.encode("cp932")}))
        before = load_catalogue(folder).to_json()
        with pytest.raises(FileFormatError) as caught:
            import_files(folder, [path], code="98", layer="population", setting=setting())
        assert caught.value.code == "population-elsewhere"
        assert load_catalogue(folder).to_json() == before

    @pytest.mark.shared
    def test_the_official_totals_of_the_real_layers(self, shared_dir: Path, tmp_path: Path) -> None:
        """Area 5,774 km² (国土地理院), 29 municipalities, 3,108 towns, 5,420 shelters."""
        data, to = shared_dir / "data", tmp_path / "layers"
        area = import_files(to, [data / "boundaries" / "N03-21_24_210101.geojson"], code="24", layer="boundaries").checks
        assert area["municipalities"] == 29
        assert area["area_km2"] == pytest.approx(5772, rel=1e-3)
        towns = import_files(to, [data / "settlements" / "mie_towns.csv"], code="24", layer="settlements", layer_format="csv")
        assert towns.checks == {"towns": 3108, "without_position": 1}
        places = import_files(to, [data / "shelters" / "mie_shelters.csv"], code="24", layer="shelters", layer_format="csv")
        assert places.checks == {"shelters": 5420, "without_position": 0}
        with pytest.raises(FileFormatError) as caught:
            sample = data / "population" / "estat_mesh_format_samples" / "pop_2015_5238.zip"
            import_files(to, [sample], code="24", layer="population")
        assert caught.value.code == "population-elsewhere"
        with pytest.raises(CoverageGapError):
            import_files(to, [data / "boundaries" / "N03-21_24_210101.geojson"], code="25", layer="boundaries")

    @pytest.mark.parametrize(
        ("files", "layer", "code"),
        [(["nothing.zip"], "terrain", "import-missing"), ([], "terrain", "import-missing"), (["a/x.csv", "b/x.csv"], "shelters", "import-twice"), (["a/x.csv"], "weather", "import-layer")],
    )  # fmt: skip
    def test_what_cannot_be_meant_is_refused(self, folder: Path, setting: Any, tmp_path: Path, files: list[str], layer: str, code: str) -> None:
        for name in ("a/x.csv", "b/x.csv"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("x", encoding="utf-8")
        with pytest.raises(InputError) as caught:
            import_files(folder, [tmp_path / f for f in files], code="98", layer=layer, setting=setting())
        assert caught.value.code == code

    def test_without_boundaries_nothing_can_be_checked(self, tmp_path: Path, setting: Any, fake: Any) -> None:
        (tmp_path / "98201_1.csv").write_bytes(fake.shelters("98201", "1"))
        with pytest.raises(InputError) as caught:
            import_files(tmp_path / "empty", [tmp_path / "98201_1.csv"], code="98", layer="shelters", setting=setting())
        assert caught.value.code == "boundaries-first"

    def test_boundaries_by_hand_come_first_and_are_measured(self, tmp_path: Path, setting: Any, fake: Any) -> None:
        path = tmp_path / "N03-20260101_98_GML.zip"
        path.write_bytes(fake.n03("98"))
        entry = import_files(tmp_path / "new", [path], code="98", layer="boundaries", edition="2026-01-01", setting=setting())
        assert entry.checks["municipalities"] == 2
        path.write_bytes(fake.n03("99"))
        with pytest.raises(CoverageGapError):
            import_files(tmp_path / "new", [path], code="98", layer="boundaries", setting=setting())
        assert load_catalogue(tmp_path / "new").entry("98", "boundaries") == entry


class TestCheck:
    def test_missing_changed_and_unlisted_files_are_named(self, folder: Path, setting: Any) -> None:
        files = sorted((folder / "98" / "population").iterdir())
        files[0].unlink()
        files[1].write_bytes(files[1].read_bytes()[:-1])
        (folder / "98" / "population" / "copy.zip").write_bytes(b"x")
        found = check_folder(folder, prefectures_file=setting().prefectures)
        assert [f.code for f in found] == ["layer-file-missing", "layer-file-changed", "layer-file-unlisted"]
        assert [f.where for f in found] == [f"98/population/{n}" for n in (files[0].name, files[1].name, "copy.zip")]
        assert all(f.ja.endswith("。") and f.en.endswith(".") for f in found)

    def test_reading_finds_what_digests_cannot(self, folder: Path, setting: Any) -> None:
        table = setting().prefectures
        table.write_text(table.read_text(encoding="utf-8").replace("area_km2 = 24.8", "area_km2 = 99.9"), encoding="utf-8")
        from coverage.fetch.prefectures import prefectures

        prefectures.cache_clear()
        try:
            assert check_folder(folder, prefectures_file=table) == ()
            found = check_folder(folder, read=True, prefectures_file=table)
        finally:
            prefectures.cache_clear()
        assert [f.code for f in found] == ["total-unlike-official"]


class TestTheCatalogueFile:
    def test_it_reads_back_as_it_was_written(self, folder: Path) -> None:
        once = load_catalogue(folder)
        assert parse_catalogue(once.to_json()).to_json() == once.to_json()

    @pytest.mark.parametrize("change", [('"format": 1', '"format": 2'), ("98/boundaries/", "98/../boundaries/"), ('"layer": "boundaries"', '"layer": "weather"'), ('"sha256": "', '"sha256": "x')])
    def test_one_that_could_lead_astray_is_refused(self, folder: Path, change: tuple[str, str]) -> None:
        text = load_catalogue(folder).to_json()
        assert change[0] in text
        with pytest.raises(FileFormatError) as caught:
            parse_catalogue(text.replace(*change))
        assert caught.value.code == "catalogue-broken"

    @pytest.mark.parametrize("path", ["", "a//b", "../a", "a/../b", "/a", "a\\b", "C:/a", "a:b", "a/./b", "a\x00", "a*", "a\nb"])
    def test_paths_that_leave_or_that_windows_cannot_write(self, path: str) -> None:
        assert not safe_path(path)

    def test_paths_that_are_fine(self) -> None:
        assert safe_path("98/terrain/14/1/2.png")
        assert safe_path("24/towers/基地局.csv")
