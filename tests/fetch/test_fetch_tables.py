"""Addresses, prefectures and first values: data that must hold for all 47."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import shape

from coverage.errors import InputError, RegionError
from coverage.fetch import region_file
from coverage.fetch.addresses import PACKAGED, allowed, load_addresses
from coverage.fetch.catalogue import CatalogueEntry
from coverage.fetch.prefectures import prefecture, prefectures
from coverage.fetch.tiles import degree_tiles, first_level_meshes, map_tiles
from coverage.readers.region_toml import parse_config

CENSUS_2020_JAPAN = 126_146_099
"""令和2年国勢調査 人口等基本集計."""

ZONE_ORIGINS = {
    1: (33, 129.5), 2: (33, 131), 3: (36, 132 + 1 / 6), 4: (33, 133.5), 5: (36, 134 + 1 / 3), 6: (36, 136), 7: (36, 137 + 1 / 6),
    8: (36, 138.5), 9: (36, 139 + 5 / 6), 10: (40, 140 + 5 / 6), 11: (44, 140.25), 12: (44, 142.25), 13: (44, 144.25), 14: (26, 142),
    15: (26, 127.5), 16: (26, 124), 17: (26, 131), 18: (20, 136), 19: (26, 154),
}  # fmt: skip
"""Origins (lat, lon) of the plane rectangular zones, 平成14年国土交通省告示第9号."""


def entry(code: str, layer: str, **more: Any) -> CatalogueEntry:
    given = {
        "prefecture": code, "layer": layer, "source": "x", "format": "n03", "paths": (f"{layer}/a.zip",), "edition": "2026-01-01",
        "licence": "l", "credit": '「"国土"」\\', "date": "2026-11-20", "files": (),
    }  # fmt: skip
    return CatalogueEntry(**{**given, **more})


class TestPrefectures:
    def test_47_codes_in_order_and_the_census_of_all_japan(self) -> None:
        table = prefectures()
        assert list(table) == [f"{n:02d}" for n in range(1, 48)]
        assert sum(p.census_2020 or 0 for p in table.values()) == CENSUS_2020_JAPAN
        assert len({p.id for p in table.values()}) == 47

    def test_one_digit_is_understood_and_others_are_refused(self) -> None:
        assert prefecture("7").code == "07"
        for wrong in ("0", "48", "", "２４", "mie", "024"):
            with pytest.raises(InputError) as caught:
                prefecture(wrong)
            assert caught.value.code == "prefecture-unknown"

    def test_a_broken_table_is_one_sentence(self, tmp_path: Path) -> None:
        for text in ("[[prefectures]]\ncode = 1\n", "x", "[[prefectures]]\ncode='01'\nid='a'\nname_ja='a'\nname_en='a'\nzone=20\n"):
            (tmp_path / "p.toml").write_text(text, encoding="utf-8")
            prefectures.cache_clear()
            with pytest.raises(RegionError) as caught:
                prefectures(tmp_path / "p.toml")
            assert caught.value.code == "prefectures-toml-broken"

    @pytest.mark.shared
    def test_zone_and_area_fit_the_real_boundaries(self, shared_dir: Path) -> None:
        """Simplified outlines, so areas only to 12 %; the zone is the one whose meridian is near."""
        text = (shared_dir / "data/boundaries/N03-21_210101_japan_s0001.geojson").read_text(encoding="utf-8")
        by_code: dict[str, list[Any]] = {}
        for feature in json.loads(text)["features"]:
            code = feature["properties"]["N03_007"]
            if code and feature["geometry"]:
                by_code.setdefault(code[:2], []).append(shape(feature["geometry"]))
        assert len(by_code) == 47
        for code, shapes in by_code.items():
            home = prefecture(code)
            main = shapely.union_all(shapely.make_valid(shapes))
            lat0, lon0 = ZONE_ORIGINS[home.zone]
            assert abs(main.centroid.x - lon0) <= 2.0, f"{home.name_ja}: zone {home.zone}"
            assert abs(main.centroid.y - lat0) <= 5.5
            area = sum(s.area for s in shapes) * 111.195**2 * math.cos(math.radians(main.centroid.y)) * 0.9975
            tolerance = 0.2 if code in ("47", "42", "13") else 0.12
            # The official area of the northernmost prefecture includes islands that the outlines may lack.
            assert abs(area / (home.area_km2 or 1) - 1) < tolerance, f"{home.name_ja}: {area:.0f} km²"


class TestAddresses:
    def test_every_packaged_address_fills_and_is_its_publishers_own(self) -> None:
        book = load_addresses()
        values = {"prefecture": "13", "mesh": "5339", "municipality": "13101", "kind": "1", "zoom": "14", "x": "1", "y": "2",
                  "tile": "N35E139", "band": "N35", "mcc": "440"}  # fmt: skip
        for name, source in book.sources.items():
            for variant in source.variants or [""]:
                address = source.address(values, variant=variant)
                assert allowed(address, source.hosts), name
                assert "{" not in address.replace("{token}", ""), address
                assert source.file_name(values, variant=variant)
            assert source.credit
            assert source.licence

    def test_known_addresses(self) -> None:
        book = load_addresses()
        assert book.source("n03").address({"prefecture": "24"}) == (
            "https://nlftp.mlit.go.jp/ksj/gml/data/N03/N03-2026/N03-20260101_24_GML.zip"
        )
        estat = book.source("estat")
        assert estat.address({"mesh": "5136"}, variant="500m") == (
            "https://www.e-stat.go.jp/gis/statmap-search/data?statsId=T001101&code=5136&downloadType=2"
        )
        assert estat.file_name({"mesh": "5136"}, variant="500m") == "tblT001101H5136.zip"

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("https://nlftp.mlit.go.jp/ksj/gml/data/N03", "http://nlftp.mlit.go.jp/ksj/gml/data/N03", "address-insecure"),
            ('hosts = ["cyberjapandata.gsi.go.jp"]', 'hosts = ["example.org"]', "address-insecure"),
            ("https://opencellid.org/ocid", "https://user@opencellid.org/ocid", "address-insecure"),
            ("typical_bytes = 20_000_000", "typical_bites = 1", "addresses-broken"),
            ("attempts = 6", "attempts = 0", "addresses-broken"),
            ("[politeness]", "[politeness", "addresses-broken"),
        ],
    )
    def test_a_wrong_edit_is_one_sentence(self, tmp_path: Path, old: str, new: str, code: str) -> None:
        text = PACKAGED.read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "a.toml").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            load_addresses(tmp_path / "a.toml")
        assert caught.value.code == code

    def test_a_missing_file_and_an_unknown_field(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            load_addresses(tmp_path / "nothing.toml")
        assert caught.value.code == "addresses-missing"
        text = PACKAGED.read_text(encoding="utf-8").replace("N03-{edition}_", "N03-{editon}_")
        (tmp_path / "a.toml").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="editon") as caught:
            load_addresses(tmp_path / "a.toml").source("n03").address({"prefecture": "24"})
        assert caught.value.code == "address-field-unknown"
        with pytest.raises(InputError) as caught:
            load_addresses().source("weather")
        assert caught.value.code == "source-missing"


class TestRegionFile:
    @pytest.mark.parametrize("code", [f"{n:02d}" for n in range(1, 48)])
    def test_every_prefecture_makes_a_region_that_is_valid(self, code: str) -> None:
        home = prefecture(code)
        entries = [entry(code, n) for n in ("boundaries", "population", "terrain")]
        config = parse_config(region_file.region_toml(entries, home))
        assert (config.prefecture_code, config.name_ja, config.plane_epsg) == (code, home.name_ja, 6668 + home.zone)
        assert config.fiscal_years == [2021, 2022, 2023, 2024, 2025]
        assert config.layers.boundaries.credit == '「"国土"」\\'

    def test_bands_follow_from_the_prefecture(self) -> None:
        def bands(code: str) -> set[str]:
            entries = [entry(code, n) for n in ("boundaries", "population", "terrain")]
            return set(parse_config(region_file.region_toml(entries, prefecture(code))).operators["docomo"].bands)

        assert bands("13") - bands("01") == {"B3"}

    def test_lacking_layers_are_named(self) -> None:
        with pytest.raises(InputError, match="terrain") as caught:
            region_file.region_toml([entry("01", "boundaries"), entry("01", "population")], prefecture("01"))
        assert caught.value.code == "layers-lacking"

    def test_no_network_belongs_to_two_operators(self) -> None:
        listed = [n for o in region_file.defaults()["operators"].values() for n in o["networks"]]
        assert len(listed) == len(set(listed)) == len(region_file.networks())

    def test_broken_first_values_are_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "d.toml").write_text("[operators.a]\nname_ja = 'a'\n", encoding="utf-8")
        with pytest.raises(RegionError) as caught:
            region_file.defaults(tmp_path / "d.toml")
        assert caught.value.code == "region-defaults-broken"

    def test_written_values_read_back(self) -> None:
        value = {"a b": 'x"y\\z\x7f\n', "n": [1, 2.5, True], "t": {"k": "値"}}
        assert tomllib.loads(f"v = {region_file._value(value)}")["v"] == value


class TestTiles:
    def test_a_point_on_the_edge_of_meshes_touches_them_all(self) -> None:
        around = shapely.box(136.999, 33.999, 137.001, 34.001)
        assert sorted(first_level_meshes(around)) == ["5036", "5037", "5136", "5137"] or sorted(first_level_meshes(around)) == ["5036", "5037"]
        shares = first_level_meshes(shapely.box(136.9, 34.6, 137.1, 34.7))
        assert math.isclose(sum(shares.values()), 1.0)

    def test_map_tiles_cover_the_land_and_know_their_inside(self) -> None:
        land = shapely.box(136.5, 33.5, 136.6, 33.6)
        tiles = map_tiles(land, 14, margin_m=0)
        area = 0.0
        for t in tiles:
            n = 2**t.zoom
            lat = [math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / n)))) for y in (t.y + 1, t.y)]
            box = shapely.box(t.x / n * 360 - 180, lat[0], (t.x + 1) / n * 360 - 180, lat[1])
            assert box.intersects(land)
            assert t.inside == land.contains_properly(box)
            area += box.intersection(land).area
        assert math.isclose(area, land.area, rel_tol=1e-9)
        assert len(map_tiles(land, 14, margin_m=3000)) > len(tiles)

    def test_degree_tiles_tell_land_from_margin(self) -> None:
        found = dict(degree_tiles(shapely.box(136.5, 33.99, 136.6, 33.995), margin_m=3000))
        assert found == {"N33E136": True, "N34E136": False}

    @pytest.mark.shared
    def test_meshes_and_tiles_of_mie(self, shared_dir: Path) -> None:
        text = (shared_dir / "data/boundaries/N03-21_24_210101.geojson").read_text(encoding="utf-8")
        land = shapely.union_all([shape(f["geometry"]) for f in json.loads(text)["features"]])
        shares = first_level_meshes(land)
        assert {c: round(100 * s, 1) for c, s in shares.items()} == {"5035": 4.0, "5036": 5.4, "5135": 0.0, "5136": 56.7, "5236": 33.8}
        assert {n for n, on_land in degree_tiles(land, margin_m=3000) if on_land} == {"N33E135", "N33E136", "N34E135", "N34E136", "N35E136"}


class TestWardsAndVillages:
    def towns(self, *codes: str) -> list[Any]:
        from coverage.domain.places import Municipality

        return [Municipality(c, c, "", shapely.box(139 + i, 35.1, 139.2 + i, 35.3)) for i, c in enumerate(codes)]

    def plan(self, code: str, layer: str, *towns: str) -> list[str]:
        from coverage.fetch.plan import Choices, plan_layer

        found = plan_layer(layer, load_addresses(), prefecture(code), Choices(), municipalities=self.towns(*towns))
        return [f.name for f in found.files or ()]

    def test_shelters_of_wards_are_asked_for_by_their_city(self) -> None:
        names = self.plan("14", "shelters", "14101", "14118", "14131", "14153", "14201", "14301")
        assert names == [f"{c}_{k}.csv" for c in ("14100", "14130", "14150", "14201", "14301") for k in "12"]

    def test_the_wards_of_tokyo_are_municipalities(self) -> None:
        assert self.plan("13", "shelters", "13101", "13123") == ["13101_1.csv", "13101_2.csv", "13123_1.csv", "13123_2.csv"]

    def test_every_designated_city_is_of_its_prefecture(self) -> None:
        cities = [(p.code, c) for p in prefectures().values() for c in p.designated_cities]
        assert len(cities) == 20
        assert all(c.startswith(p) and c[2] == "1" and c.endswith("0") for p, c in cities)

    def test_villages_without_a_census_need_no_mesh_and_no_shelter_list(self) -> None:
        assert self.plan("01", "population", "01101", "01698") == self.plan("01", "population", "01101")
        assert self.plan("01", "shelters", "01101", "01698") == ["01100_1.csv", "01100_2.csv"]

    def test_an_address_by_prefecture_is_asked_once(self, tmp_path: Path) -> None:
        from coverage.fetch.plan import Choices, plan_layer

        text = PACKAGED.read_text(encoding="utf-8").replace("{municipality}_{kind}", "{prefecture}000_{kind}")
        (tmp_path / "a.toml").write_text(text, encoding="utf-8")
        book = load_addresses(tmp_path / "a.toml")
        found = plan_layer("shelters", book, prefecture("14"), Choices(), municipalities=self.towns("14101", "14201"))
        assert [f.name for f in found.files or ()] == ["14000_1.csv", "14000_2.csv"]
