"""From the PC with internet to the closed network: one archive, verified, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import CoverageGapError, FileFormatError, InputError
from coverage.fetch.bundle import SUMS, bundle, import_bundle, is_bundle
from coverage.fetch.catalogue import load_catalogue
from coverage.fetch.fetching import Setting, fetch
from coverage.fetch.inspection import check_folder
from coverage.readers.region import load_region
from coverage.runs.digest import run_digest


@pytest.fixture(scope="module")
def fetched(fake: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers of both prefectures, fetched once."""
    place = tmp_path_factory.mktemp("fetched")
    made = fake.stocked()
    server = fake.serve(made)
    first, second = fake.write_tables(place / "tables", made.base)
    for code in ("98", "99"):
        fetch(code, place / "layers", setting=Setting(addresses=first, prefectures=second, today=date(2026, 11, 20)))
    server.shutdown()
    server.server_close()
    (place / "layers" / "98" / "towers" / "sites.csv").write_text(
        "site_id,name,municipality_code,lat,lon,height_m,status\nS1,西局,98201,33.34,136.51,30,供用中\n", encoding="utf-8"
    )
    return place / "layers"


@pytest.fixture
def outside(tmp_path: Path, fetched: Path) -> Path:
    """The PC with internet."""
    return Path(shutil.copytree(fetched, tmp_path / "outside"))


def in_use(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and ".fetch" not in p.relative_to(folder).parts
    }


def rewritten(archive: Path, target: Path, change: Callable[[dict[str, bytes]], None], *, sums: bool = True) -> Path:
    """The archive with other members; SHA256SUMS made to fit unless told otherwise."""
    with zipfile.ZipFile(archive) as zipped:
        members = {n: zipped.read(n) for n in zipped.namelist()}
    change(members)
    if sums:
        members[SUMS] = "".join(
            f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in sorted(members.items()) if n != SUMS
        ).encode()
    with zipfile.ZipFile(target, "w") as zipped:
        for name, data in members.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = info.orig_filename = name
            zipped.writestr(info, data)
    return target


class TestThereAndBack:
    def test_the_region_loads_alike_and_a_run_would_have_the_same_digest(self, outside: Path, tmp_path: Path) -> None:
        made = bundle(outside, tmp_path / "layers.zip")
        assert made.prefectures == ("98", "99")
        inside = tmp_path / "inside"
        done = import_bundle(inside, made.path)
        assert len(done.layers) == 10
        for code in ("98", "99"):
            here, there = load_region(outside / code), load_region(inside / code)
            assert [r.files for r in here.layers] == [r.files for r in there.layers]
            assert run_digest(here) == run_digest(there)
        assert len(load_region(inside / "98").ledger.sites) == 1
        assert in_use(inside) == in_use(outside)
        assert check_folder(inside) == ()

    def test_the_same_layers_make_the_same_bytes(self, outside: Path, tmp_path: Path) -> None:
        first = bundle(outside, tmp_path / "a.zip")
        inside = tmp_path / "inside"
        import_bundle(inside, first.path)
        assert bundle(inside, tmp_path / "b.zip").sha256 == first.sha256

    def test_one_prefecture_alone(self, outside: Path, tmp_path: Path) -> None:
        made = bundle(outside, tmp_path / "one.zip", codes=["99"])
        inside = tmp_path / "inside"
        import_bundle(inside, made.path)
        assert load_catalogue(inside).prefectures == ("99",)
        assert not (inside / "98").exists()

    def test_sums_can_be_checked_with_the_systems_own_tool(self, outside: Path, tmp_path: Path) -> None:
        made = bundle(outside, tmp_path / "layers.zip")
        assert is_bundle(made.path)
        with zipfile.ZipFile(made.path) as zipped:
            for line in zipped.read(SUMS).decode().splitlines():
                digest, name = line.split("  ")
                assert hashlib.sha256(zipped.read(name)).hexdigest() == digest

    def test_the_ledger_and_an_edited_region_on_the_closed_network_stay(self, outside: Path, tmp_path: Path) -> None:
        inside = tmp_path / "inside"
        import_bundle(inside, bundle(outside, tmp_path / "a.zip").path)
        sites, region = inside / "98" / "towers" / "sites.csv", inside / "98" / "region.toml"
        sites.write_text("site_id,name\n", encoding="utf-8")
        region.write_text(region.read_text(encoding="utf-8") + "\n[grid]\ncell_m = 100\n", encoding="utf-8")
        done = import_bundle(inside, tmp_path / "a.zip")
        assert set(done.kept) == {"98/towers/sites.csv", "98/region.toml"}
        assert sites.read_text(encoding="utf-8") == "site_id,name\n"
        assert "cell_m = 100" in region.read_text(encoding="utf-8")
        assert (inside / "98" / "region.new.toml").is_file()


class TestWhatIsRefused:
    def test_nothing_to_bundle(self, tmp_path: Path, outside: Path) -> None:
        for folder, codes in ((tmp_path / "empty", []), (outside, ["13"])):
            with pytest.raises(InputError) as caught:
                bundle(folder, tmp_path / "x.zip", codes=codes)
            assert caught.value.code == "bundle-nothing"
        assert not (tmp_path / "x.zip").exists()

    def test_a_changed_layer_does_not_leave_the_house(self, outside: Path, tmp_path: Path) -> None:
        tile = next((outside / "98" / "terrain").rglob("*.png"))
        tile.write_bytes(tile.read_bytes() + b"x")
        with pytest.raises(FileFormatError) as caught:
            bundle(outside, tmp_path / "x.zip")
        assert caught.value.code == "bundle-layer-damaged"

    @pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "98/../../evil", "C:/evil", "98\\..\\evil", "98/boundaries/a:b", "98/./x"])
    def test_names_that_lead_out_of_the_folder(self, outside: Path, tmp_path: Path, name: str) -> None:
        made = bundle(outside, tmp_path / "a.zip")
        bad = rewritten(made.path, tmp_path / "bad.zip", lambda m: m.update({name: b"x"}))
        inside = tmp_path / "inside"
        with pytest.raises(FileFormatError) as caught:
            import_bundle(inside, bad)
        assert caught.value.code == "bundle-path-escapes"
        assert in_use(inside) == {}
        assert not (tmp_path / "evil.txt").exists()

    def test_a_link_in_the_archive(self, outside: Path, tmp_path: Path) -> None:
        made = bundle(outside, tmp_path / "a.zip")
        with zipfile.ZipFile(made.path, "a") as zipped:
            link = zipfile.ZipInfo("98/terrain/link")
            link.create_system = 3
            link.external_attr = 0o120777 << 16
            zipped.writestr(link, "/etc/passwd")
        with pytest.raises(FileFormatError) as caught:
            import_bundle(tmp_path / "inside", made.path)
        assert caught.value.code == "bundle-path-escapes"

    @pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
    def test_an_archive_that_ends_early(self, outside: Path, tmp_path: Path, share: float) -> None:
        made = bundle(outside, tmp_path / "a.zip")
        data = made.path.read_bytes()
        made.path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(FileFormatError) as caught:
            import_bundle(tmp_path / "inside", made.path)
        assert caught.value.code == "bundle-damaged"
        assert in_use(tmp_path / "inside") == {}

    def test_every_flipped_byte_is_noticed_or_harmless(self, outside: Path, tmp_path: Path) -> None:
        import random

        made = bundle(outside, tmp_path / "a.zip", codes=["99"])
        whole = made.path.read_bytes()
        wanted = None
        chosen = random.Random(5)
        refused = 0
        for number in range(25):
            data = bytearray(whole)
            data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
            made.path.write_bytes(data)
            inside = tmp_path / f"inside{number}"
            try:
                import_bundle(inside, made.path)
            except CoverageGapError:
                refused += 1
                assert in_use(inside) == {}
            else:  # a byte of a date or of another field that means nothing here
                wanted = wanted or in_use(inside)
                assert in_use(inside) == wanted
                assert check_folder(inside) == ()
        assert refused >= 20

    @pytest.mark.parametrize(
        "change",
        [
            lambda m: m.update({"99/boundaries/extra.geojson": b"{}"}),
            lambda m: m.update({"13/boundaries/x.zip": b"x"}),
            lambda m: m.pop(next(n for n in m if n.endswith(".png"))),
            lambda m: m.update({"catalogue.json": m["catalogue.json"].replace(b'"98/', b'"99/')}),
            lambda m: m.update({"catalogue.json": b"{}"}),
        ],
        ids=["unlisted file", "prefecture without layers", "lacking tile", "paths of another prefecture", "no catalogue"],
    )
    def test_an_archive_that_contradicts_its_catalogue(self, outside: Path, tmp_path: Path, change: Any) -> None:
        made = bundle(outside, tmp_path / "a.zip")
        bad = rewritten(made.path, tmp_path / "bad.zip", change)
        with pytest.raises(FileFormatError) as caught:
            import_bundle(tmp_path / "inside", bad)
        assert caught.value.code in ("bundle-sums", "catalogue-broken")
        assert in_use(tmp_path / "inside") == {}

    def test_a_file_that_differs_from_its_sum(self, outside: Path, tmp_path: Path) -> None:
        made = bundle(outside, tmp_path / "a.zip")
        name = "99/settlements/99000-19.0b.zip"
        bad = rewritten(made.path, tmp_path / "bad.zip", lambda m: m.update({name: m[name] + b" "}), sums=False)
        with pytest.raises(FileFormatError, match="99000") as caught:
            import_bundle(tmp_path / "inside", bad)
        assert caught.value.code == "bundle-sums"

    def test_no_archive_and_no_room(self, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(InputError) as caught:
            import_bundle(tmp_path / "inside", tmp_path / "nothing.zip")
        assert caught.value.code == "bundle-missing"
        made = bundle(outside, tmp_path / "a.zip")
        monkeypatch.setattr("coverage.fetch.bundle.MAX_TOTAL_BYTES", 1000)
        with pytest.raises(CoverageGapError) as caught_space:
            import_bundle(tmp_path / "inside", made.path)
        assert caught_space.value.code == "layers-space"


class TestCutShort:
    @pytest.mark.parametrize("step", ["unpacked", "journal", "moved", "catalogue"])
    def test_an_import_that_is_killed_is_undone_or_finished(self, outside: Path, tmp_path: Path, step: str) -> None:
        made = bundle(outside, tmp_path / "a.zip")
        inside = tmp_path / "inside"

        class PowerCutError(BaseException):
            pass

        def cut(name: str) -> None:
            if name == step:
                raise PowerCutError

        with pytest.raises(PowerCutError):
            import_bundle(inside, made.path, watch=cut)
        assert check_folder(inside) == ()
        expected = () if step == "unpacked" else ("98", "99")
        assert load_catalogue(inside).prefectures == expected
        import_bundle(inside, made.path)
        assert in_use(inside) == in_use(outside)


def test_a_zip_of_something_else_is_no_bundle(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("a.json", json.dumps({}))
    (tmp_path / "a.zip").write_bytes(out.getvalue())
    assert not is_bundle(tmp_path / "a.zip")
    with pytest.raises(FileFormatError) as caught:
        import_bundle(tmp_path / "inside", tmp_path / "a.zip")
    assert caught.value.code == "bundle-damaged"
