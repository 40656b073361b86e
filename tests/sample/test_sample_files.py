"""The shipped sample is what the generator makes, byte for byte, and it is small."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import rasterio

from coverage.domain.region import RegionData
from coverage.errors import InputError
from coverage.sample import SEED, generate_sample
from coverage.sample.generate import sample_files, versions


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sample_files(folder)
    }


def test_no_shipped_file_was_changed_by_hand(sample_dir: Path, made_with: dict[str, Any]) -> None:
    assert _digests(sample_dir) == made_with["sha256"], "run 'coverage-gap sample --to data' after a change"


def test_the_generator_gives_the_shipped_bytes_again(tmp_path: Path, made_with: dict[str, Any]) -> None:
    recorded, here = made_with["versions"], versions()
    if recorded != here:
        odd = {
            name: (recorded.get(name), here.get(name)) for name in here if recorded.get(name) != here[name]
        }
        pytest.skip(f"the sample was made with other versions (recorded, here): {odd}")
    assert made_with["seed"] == SEED
    generate_sample(tmp_path)
    assert _digests(tmp_path) == made_with["sha256"]


def test_the_sheet_in_the_sample_and_in_mie_is_the_same(sample_dir: Path) -> None:
    sheet = (sample_dir / "indicators.toml").read_bytes()
    assert (sample_dir / "mie" / "indicators.toml").read_bytes() == sheet


def test_the_whole_sample_is_under_three_megabytes(sample_dir: Path) -> None:
    assert sum(path.stat().st_size for path in sample_files(sample_dir)) <= 3_000_000


def test_the_sample_never_overwrites_another_region(tmp_path: Path) -> None:
    other = tmp_path / "region.toml"
    other.write_text('[region]\nid = "mie"\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        generate_sample(tmp_path)
    assert caught.value.code == "sample-folder-taken"
    assert [path.name for path in tmp_path.iterdir()] == ["region.toml"]


def test_the_terrain_is_a_cog_without_a_clock(sample_dir: Path) -> None:
    with rasterio.open(sample_dir / "terrain" / "sample_dem_50m.tif") as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (source.crs.to_epsg(), source.res, source.scales) == (6674, (50.0, 50.0), (0.1,))
        assert not [key for key in source.tags() if "DATE" in key.upper()]


def test_the_population_file_has_the_form_of_the_census(sample_dir: Path) -> None:
    with zipfile.ZipFile(sample_dir / "population" / "tblT000876Q99.zip") as archive:
        (member,) = archive.namelist()
        data = archive.read(member)
    assert member == "tblT000876Q99.txt"
    assert data.count(b"\r\n") == data.count(b"\n")
    rows = list(csv.reader(data.decode("cp932").splitlines()))
    head, labels, body = rows[0], rows[1], rows[2:]
    assert head[:5] == ["KEY_CODE", "HTKSYORI", "HTKSAKI", "GASSAN", "T000876001"]
    assert labels[:5] == ["", "", "", "", "　人口総数"]
    cells = {row[0]: dict(zip(head, row, strict=True)) for row in body}
    assert len(cells) == len(body)
    hidden = {code: row for code, row in cells.items() if row["HTKSYORI"] == "2"}
    holders = {code: row for code, row in cells.items() if row["HTKSYORI"] == "1"}
    assert len(hidden) > 1000
    for code, row in hidden.items():
        assert row["T000876004"] == "*"
        assert row["T000876001"].isdigit(), "totals are never concealed"
        assert code in holders[row["HTKSAKI"]]["GASSAN"].split(";")
    for row in holders.values():
        parts = [row, *(cells[code] for code in row["GASSAN"].split(";"))]
        people = sum(int(part["T000876001"]) for part in parts)
        ages = sum(int(row[f"T000876{column}"]) for column in ("004", "010", "016"))
        assert ages == people, "the details of an open cell are those of all that it holds"


def test_the_sample_shows_blanks_that_the_defaults_fill(sample: RegionData) -> None:
    rows = sample.ledger.site_operators
    assert sum(row.eirp_dbm is None for row in rows) >= 10
    assert sum(row.frequency_mhz is None for row in rows) >= 5
    assert sum(row.bandwidth_mhz is None for row in rows) >= 3
    assert sum(site.height_m is None for site in sample.ledger.sites) >= 5
    for row in rows:
        assert row.band in sample.config.operators[row.operator].bands
