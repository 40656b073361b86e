"""A whole fetch: what is asked for, what is refused, what stays when something fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import (
    ConflictError,
    CoverageGapError,
    FileFormatError,
    InputError,
    PublisherError,
    StorageError,
)
from coverage.fetch.catalogue import load_catalogue
from coverage.fetch.fetching import fetch, plan
from coverage.fetch.install import opened
from coverage.fetch.plan import Choices
from coverage.readers.region import load_region

ALL = ["boundaries", "population", "terrain", "settlements", "shelters"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "layers"


def state(folder: Path) -> dict[str, str]:
    """Every file in use and the catalogue, by digest."""
    from coverage.readers.layer_files import sha256

    return {
        p.relative_to(folder).as_posix(): sha256(p)
        for p in folder.rglob("*")
        if p.is_file() and ".fetch" not in p.relative_to(folder).parts
    }


class TestAWholePrefecture:
    def test_every_layer_is_catalogued_with_edition_licence_credit_and_counts(self, folder: Path, setting: Any, fake: Any) -> None:
        done = fetch("98", folder, setting=setting())
        assert [e.layer for e in done.installed] == ALL
        by_layer = {e.layer: e for e in load_catalogue(folder).entries}
        assert by_layer["boundaries"].checks["municipalities"] == 2
        assert by_layer["population"].checks["people_in_touching_cells"] >= fake.census("98")
        assert by_layer["terrain"].checks["absent_tiles"] > 0
        assert by_layer["shelters"].checks["shelters"] == 4
        for entry in by_layer.values():
            assert entry.edition
            assert entry.licence
            assert entry.credit
            assert entry.date == "2026-11-20"
            assert all(f.address or f.path.endswith("absent-tiles.txt") for f in entry.files)

    def test_the_generated_region_loads_with_its_own_zone_and_names(self, folder: Path, setting: Any) -> None:
        fetch("99", folder, setting=setting())
        region = load_region(folder / "99")
        assert (region.config.id, region.config.name_ja, region.config.plane_epsg) == ("otsu", "乙県", 6674)
        assert [m.full_name for m in region.municipalities] == ["北市", "見本郡南村"]
        assert region.config.fiscal_years == [2021, 2022, 2023, 2024, 2025]
        assert region.terrain.sea.any()
        land = ~region.terrain.sea
        assert float(region.terrain.height_m[land].max()) > 100
        assert len(region.shelters) == 3
        assert {o.inventory.value for o in region.config.operators.values()} == {"none"}

    def test_only_first_level_files_are_asked_for_never_prefecture_files(self, folder: Path, setting: Any, publishers: Any) -> None:
        fetch("98", folder, layers=["population"], setting=setting())
        asked = [s.path for s in publishers.seen if s.path.startswith("/estat")]
        assert asked == [f"/estat?statsId=T001102&code={c}&downloadType=2" for c in ("4936", "5036")]

    def test_a_sliver_of_sea_that_the_publisher_answers_with_a_page_is_absent(self, folder: Path, setting: Any, publishers: Any) -> None:
        publishers.pages.add("/estat?statsId=T001102&code=4936&downloadType=2")
        done = fetch("99", folder, layers=["population"], setting=setting())
        population = next(e for e in done.installed if e.layer == "population")
        assert population.checks["absent"] == ["tblT001102Q4936.zip"]
        with pytest.raises(PublisherError) as caught:
            fetch("98", folder, layers=["population"], setting=setting())
        assert caught.value.code == "publisher-wrong-content"

    def test_requests_come_one_at_a_time(self, folder: Path, setting: Any, publishers: Any) -> None:
        fetch("98", folder, setting=setting())
        assert publishers.most_at_once == 1

    def test_a_second_fetch_changes_nothing_and_sends_no_file_again(self, folder: Path, setting: Any, publishers: Any) -> None:
        fetch("98", folder, setting=setting())
        before = state(folder)
        publishers.seen.clear()
        done = fetch("98", folder, setting=setting())
        assert done.installed == ()
        assert list(done.unchanged) == ALL
        assert state(folder) == before
        assert all("if-none-match" in s.headers for s in publishers.seen if publishers.find(s.path) is not None)

    def test_neighbours_share_their_tiles_by_conditional_requests(self, folder: Path, setting: Any, publishers: Any) -> None:
        fetch("98", folder, setting=setting())
        publishers.seen.clear()
        fetch("99", folder, setting=setting())
        shared = [s for s in publishers.seen if s.path.startswith("/gsi") and "if-none-match" in s.headers]
        assert len(shared) >= 3

    def test_an_edition_that_changed_is_taken_and_the_rest_stays(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        fetch("98", folder, setting=setting())
        publishers.documents["/isj/19.0b/98000-19.0b.zip"] = _zip(
            {"a/98.csv": _other_towns()}
        )
        done = fetch("98", folder, setting=setting())
        assert [e.layer for e in done.installed] == ["settlements"]
        assert done.installed[0].checks["towns"] == 1

    def test_future_population_becomes_the_people_of_a_region_without_a_census(self, folder: Path, setting: Any, publishers: Any) -> None:
        from coverage.domain import mesh

        cell = mesh.encode_point(33.35, 136.52, 9)
        box = mesh.bounds(cell)
        ring = [[box.west, box.south], [box.east, box.south], [box.east, box.north], [box.west, box.north], [box.west, box.south]]
        feature = {
            "type": "Feature",
            "properties": {"MESH_ID": cell, "SHICODE": 98201, "PTN_2020": 100.5, "PTN_2030": 90.25},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        stem = "500m_mesh_2024_98"
        publishers.documents[f"/future/m500r6/m500r6-24/{stem}_GEOJSON.zip"] = _zip(
            {f"{stem}_GEOJSON/{stem}.geojson": json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()}
        )
        fetch("98", folder, layers=["boundaries", "future-population", "terrain"], choices=Choices(year=2030), setting=setting())
        region = load_region(folder / "98")
        assert region.population.total == 90.25
        assert region.population.estimated


def _zip(members: dict[str, bytes]) -> bytes:
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _other_towns() -> bytes:
    head = "都道府県コード,都道府県名,市区町村コード,市区町村名,大字町丁目コード,大字町丁目名,緯度,経度,原典資料コード,大字・字・丁目区分コード"
    return (head + '\r\n"98","甲県","98201","西市","982010001","新町","33.34","136.51","1","1"\r\n').encode("cp932")


class TestPlan:
    def test_before_the_boundaries_only_fixed_files_are_known(self, folder: Path, setting: Any, publishers: Any) -> None:
        rows = plan("98", folder, setting=setting())
        assert [(r.layer, r.files is None) for r in rows] == [
            ("boundaries", False), ("population", True), ("terrain", True), ("settlements", False), ("shelters", True),
        ]  # fmt: skip
        assert publishers.seen == []
        assert not folder.exists()

    def test_with_boundaries_every_file_and_its_size_is_known(self, folder: Path, setting: Any, publishers: Any) -> None:
        fetch("98", folder, layers=["boundaries"], setting=setting())
        publishers.seen.clear()
        rows = {r.layer: r for r in plan("98", folder, setting=setting())}
        assert len(rows["population"].files) == 2
        assert len(rows["shelters"].files) == 4
        assert rows["terrain"].estimated_bytes == len(rows["terrain"].files) * 60_000
        assert publishers.seen == []

    @pytest.mark.parametrize(
        ("choice", "code"),
        [({"terrain": "moon"}, "terrain-unknown"), ({"zoom": 18}, "zoom-wrong"), ({"mesh": "3km"}, "variant-unknown")],
    )
    def test_a_choice_that_does_not_exist_is_refused(self, folder: Path, setting: Any, choice: dict[str, Any], code: str) -> None:
        fetch("98", folder, layers=["boundaries"], setting=setting())
        with pytest.raises(InputError) as caught:
            plan("98", folder, choices=Choices(**choice), setting=setting())
        assert caught.value.code == code

    def test_unknown_layers_and_prefectures_are_refused(self, folder: Path, setting: Any) -> None:
        with pytest.raises(InputError, match="weather") as caught:
            fetch("98", folder, layers=["weather"], setting=setting())
        assert caught.value.code == "fetch-layer-unknown"
        with pytest.raises(InputError) as caught:
            fetch("48", folder, setting=setting())
        assert caught.value.code == "prefecture-unknown"


class TestPublishersThatMisbehave:
    def test_truncated_slow_and_busy_answers_end_in_the_same_layers(self, folder: Path, setting: Any, publishers: Any, fake: Any, tmp_path: Path) -> None:
        fetch("98", tmp_path / "calm", setting=setting())
        publishers.tricks["*"].extend(
            [fake.status(503), fake.truncated(0.3), fake.silent(0.05), fake.status(429, Retry_After="0"), fake.truncated(0.9)] * 3
        )
        fetch("98", folder, setting=setting())
        assert load_catalogue(folder).digests() == load_catalogue(tmp_path / "calm").digests()

    @pytest.mark.parametrize(
        ("path", "content", "code"),
        [
            ("/ksj/N03-2026/N03-20260101_98_GML.zip", b"<!DOCTYPE html><html>maintenance</html>", "publisher-wrong-content"),
            ("/ksj/N03-2026/N03-20260101_98_GML.zip", b"", "publisher-wrong-content"),
            ("/isj/19.0b/98000-19.0b.zip", b"PK\x03\x04 and then nothing", "download-damaged"),
            ("/shelters/98201_2.csv", b"<html>gone</html>", "publisher-wrong-content"),
            ("/shelters/98201_2.csv", "名前,緯度\r\n".encode(), None),
            ("/estat?statsId=T001102&code=5036&downloadType=2", b"<html>\xe5\xb7\xa5\xe4\xba\x8b\xe4\xb8\xad</html>", "publisher-wrong-content"),
        ],
    )  # fmt: skip
    def test_wrong_content_leaves_everything_as_it_was_and_the_next_call_goes_on(
        self, folder: Path, setting: Any, publishers: Any, fake: Any, path: str, content: bytes, code: str | None
    ) -> None:
        fetch("99", folder, setting=setting())
        before = state(folder)
        publishers.always[path] = fake.body(content)
        with pytest.raises(CoverageGapError) as caught:
            fetch("98", folder, setting=setting())
        if code is not None:
            assert caught.value.code == code
        assert state(folder) == before
        publishers.always.clear()
        publishers.seen.clear()
        fetch("98", folder, setting=setting())
        assert load_catalogue(folder).prefectures == ("98", "99")
        if not path.startswith("/ksj"):
            assert publishers.count("/ksj") == 0, "the boundaries had come already and were asked for again"

    def test_a_missing_tile_inside_the_land_is_no_sea(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        fetch("98", folder, layers=["boundaries"], setting=setting())
        choices = Choices(terrain="gsi", zoom=15)
        tiles = next(r for r in plan("98", folder, layers=["terrain"], choices=choices, setting=setting())).files
        inside = [t for t in tiles if not t.may_be_absent]
        assert 1 <= len(inside) < len(tiles)
        publishers.always[inside[0].address.removeprefix(publishers.base)] = fake.status(404)
        before = state(folder)
        with pytest.raises(PublisherError) as caught:
            fetch("98", folder, layers=["terrain"], choices=choices, setting=setting())
        assert caught.value.code == "publisher-moved"
        assert state(folder) == before

    def test_srtm_stands_in_for_tiles_that_cannot_be_fetched_and_says_so(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        for x in range(7190, 7220):
            for y in range(3280, 3300):
                publishers.always[f"/gsi/{fake.ZOOM}/{x}/{y}.png"] = fake.status(403)
        done = fetch("98", folder, layers=["boundaries", "population", "terrain"], setting=setting())
        terrain = next(e for e in done.installed if e.layer == "terrain")
        assert (terrain.source, terrain.format) == ("srtm", "srtm-hgt")
        assert "SRTM" in terrain.notes[-1][0]
        region = load_region(folder / "98")
        assert region.terrain.surface_model
        assert "SRTM" in region.terrain.source
        with pytest.raises(PublisherError):
            fetch("98", folder, layers=["terrain"], choices=Choices(terrain="gsi"), setting=setting())

    def test_terrain_at_hand_is_not_pushed_out_by_the_fallback(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        fetch("98", folder, layers=["boundaries", "terrain"], setting=setting())
        before = state(folder)
        for path in [p for p in publishers.documents if p.startswith("/gsi")]:
            publishers.always[path] = fake.status(403)
        with pytest.raises(PublisherError):
            fetch("98", folder, layers=["terrain"], setting=setting())
        assert state(folder) == before

    def test_a_damaged_png_is_not_kept(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        fetch("98", folder, layers=["boundaries"], setting=setting())
        first = plan("98", folder, layers=["terrain"], setting=setting())[0].files
        path = next(f.address for f in first if publishers.find(f.address.removeprefix(publishers.base)))
        whole = publishers.find(path.removeprefix(publishers.base))
        publishers.always[path.removeprefix(publishers.base)] = fake.body(whole[: len(whole) // 2])
        with pytest.raises(FileFormatError):
            fetch("98", folder, layers=["terrain"], choices=Choices(terrain="gsi"), setting=setting())
        assert load_catalogue(folder).entry("98", "terrain") is None

    def test_totals_unlike_the_official_ones_are_refused(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        publishers.documents["/ksj/N03-2026/N03-20260101_98_GML.zip"] = _half(fake)
        with pytest.raises(FileFormatError, match="km²") as caught:
            fetch("98", folder, layers=["boundaries"], setting=setting())
        assert caught.value.code == "total-unlike-official"
        assert load_catalogue(folder).entries == ()

    def test_people_that_are_lacking_are_refused(self, folder: Path, setting: Any, publishers: Any, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        thinned = {code: count // 2 for code, count in fake.people().items()}
        monkeypatch.setattr(fake, "people", lambda: thinned)
        for first in ("4936", "5036"):
            publishers.documents[f"/estat?statsId=T001102&code={first}&downloadType=2"] = fake.estat(first)
        with pytest.raises(FileFormatError) as caught:
            fetch("98", folder, layers=["population"], setting=setting())
        assert caught.value.code == "total-unlike-official"

    def test_an_address_that_no_longer_exists_says_what_to_edit(self, folder: Path, setting: Any, publishers: Any) -> None:
        del publishers.documents["/isj/19.0b/98000-19.0b.zip"]
        with pytest.raises(PublisherError, match=r"addresses\.toml") as caught:
            fetch("98", folder, layers=["settlements"], setting=setting())
        assert caught.value.code == "publisher-moved"

    def test_an_edited_copy_of_the_addresses_is_all_that_a_move_needs(self, folder: Path, setting: Any, publishers: Any) -> None:
        publishers.documents["/new/place/98.zip"] = publishers.documents.pop("/isj/19.0b/98000-19.0b.zip")
        edited = setting().addresses
        text = edited.read_text(encoding="utf-8")
        old = publishers.base + "/isj/{version}/{prefecture}000-{version}.zip"
        assert old in text
        edited.write_text(text.replace(old, publishers.base + "/new/place/{prefecture}.zip"), encoding="utf-8")
        done = fetch("98", folder, layers=["settlements"], setting=setting())
        assert done.installed[-1].checks["towns"] == 2


def _half(fake: Any) -> bytes:
    import io
    import zipfile

    source = zipfile.ZipFile(io.BytesIO(fake.n03("98")))
    name = next(n for n in source.namelist() if n.endswith(".geojson"))
    document = json.loads(source.read(name))
    document["features"] = document["features"][:1]
    return _zip({name: json.dumps(document).encode()})


class TestOpenCelliD:
    def test_both_country_codes_become_sites_of_the_region(self, folder: Path, setting: Any, fake: Any) -> None:
        fetch("98", folder, layers=[*ALL, "sites"], setting=setting(token=fake.TOKEN))
        region = load_region(folder / "98")
        assert len(region.ledger.sites) == 1
        assert {o.inventory.value for o in region.config.operators.values()} == {"partial"}

    def test_the_token_is_written_nowhere(self, folder: Path, setting: Any, fake: Any) -> None:
        used = setting(token=fake.TOKEN)
        assert fake.TOKEN not in repr(used)
        fetch("98", folder, layers=["boundaries", "sites"], setting=used)
        for path in folder.rglob("*"):
            if path.is_file():
                assert fake.TOKEN.encode() not in path.read_bytes(), path

    def test_without_a_token_nobody_is_asked(self, folder: Path, setting: Any, publishers: Any) -> None:
        with pytest.raises(InputError, match="COVERAGE_GAP_OPENCELLID_TOKEN") as caught:
            fetch("98", folder, layers=["sites"], setting=setting())
        assert caught.value.code == "token-missing"
        assert publishers.seen == []

    def test_a_wrong_token_is_told_from_the_answer_not_from_the_status(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        wrong = "pk.wrong"
        answer = json.dumps({"status": "error", "message": f"Invalid token {wrong}"}).encode()
        publishers.always[f"/ocid?token={wrong}&type=mcc&file=440.csv.gz"] = fake.body(answer)
        with pytest.raises(FileFormatError) as caught:
            fetch("98", folder, layers=["sites"], setting=setting(token=wrong))
        assert caught.value.code == "opencellid-refused"
        assert wrong not in str(caught.value)


class TestTheFolder:
    def test_two_fetches_at_once_the_second_is_turned_away(self, folder: Path, setting: Any) -> None:
        with opened(folder), pytest.raises(ConflictError) as caught:
            fetch("98", folder, layers=["boundaries"], setting=setting())
        assert caught.value.code == "layers-busy"

    def test_an_edited_region_toml_is_never_overwritten(self, folder: Path, setting: Any) -> None:
        fetch("98", folder, layers=["boundaries", "population", "terrain"], setting=setting())
        place = folder / "98" / "region.toml"
        edited = place.read_text(encoding="utf-8").replace("[2021, 2022, 2023, 2024, 2025]", "[2024, 2025]")
        place.write_text(edited, encoding="utf-8")
        done = fetch("98", folder, setting=setting())
        assert done.region.state == "beside"
        assert place.read_text(encoding="utf-8") == edited
        assert "layers.shelters" in (folder / "98" / "region.new.toml").read_text(encoding="utf-8")

    def test_a_broken_catalogue_is_one_sentence_and_stays(self, folder: Path, setting: Any) -> None:
        folder.mkdir()
        (folder / "catalogue.json").write_text("{", encoding="utf-8")
        with pytest.raises(FileFormatError) as caught:
            fetch("98", folder, setting=setting())
        assert caught.value.code == "catalogue-broken"
        assert (folder / "catalogue.json").read_text(encoding="utf-8") == "{"

    def test_a_folder_that_cannot_be_made_is_one_sentence(self, tmp_path: Path, setting: Any) -> None:
        (tmp_path / "file").write_text("x", encoding="utf-8")
        with pytest.raises(StorageError) as caught:
            fetch("98", tmp_path / "file", setting=setting())
        assert caught.value.code == "layers-disk"

    def test_an_unfinished_fetch_of_another_plan_is_not_continued(self, folder: Path, setting: Any, publishers: Any, fake: Any) -> None:
        publishers.always["/shelters/98301_2.csv"] = fake.status(403)
        with pytest.raises(PublisherError):
            fetch("98", folder, choices=Choices(mesh="250m"), setting=setting())
        publishers.always.clear()
        for first in ("4936", "5036"):
            publishers.pages.add(f"/estat?statsId=T001101&code={first}&downloadType=2")
        with pytest.raises(PublisherError) as caught:
            fetch("98", folder, choices=Choices(mesh="500m"), setting=setting())
        assert caught.value.code == "publisher-wrong-content"
