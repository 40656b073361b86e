"""From a seed to a region's folder."""

from __future__ import annotations

import hashlib
import platform
from importlib import resources
from pathlib import Path

import numpy as np
import pyproj
import rasterio
import scipy
import shapely

from coverage.errors import InputError
from coverage.readers.tables import write_ledger
from coverage.sample.municipalities import PREFECTURE_CODE, divide
from coverage.sample.network import demand_of
from coverage.sample.population import TABLE, cell_table, share_out
from coverage.sample.relief import GRID, make_relief
from coverage.sample.settlements import habitable, settle
from coverage.sample.story import build_and_tell
from coverage.sample.tables import make_ledger, settlement_table, shelter_table
from coverage.sample.writing import write_csv, write_geojson, write_terrain, write_zip

MADE_WITH = "made-with.toml"
_TEXTS = ("README.md", "indicators.toml", "region.toml")


def write_sample(folder: Path, *, seed: int) -> None:
    """Write the sample region 見本県 into ``folder``, which is made if need be; files of the same names are replaced.

    The same seed gives the same bytes with the same versions of the libraries (``made-with.toml`` names both). Another
    seed gives another landscape with the same story. Takes about 20 s of one core; nothing is written before all is
    computed. Raises InputError "sample-folder-taken" for a folder that holds another region, and
    "sample-seed-without-room" for a seed whose landscape has no room for the story.
    """
    _refuse_other_regions(folder)

    # Each part draws from a stream of its own, so that a change in one does not move the others.
    def stream(part: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([seed, part]))

    relief = make_relief(seed, stream(0))
    municipalities = divide(relief)
    worth = habitable(relief, municipalities, seed)
    places = settle(relief, municipalities, worth, stream(1))
    residents = share_out(places, worth, stream(2))
    demand = demand_of(residents.cells)
    masts, story = build_and_tell(relief, places, residents, demand, stream)

    for name in ("shapes", "towers", "population", "terrain", "places"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_geojson(
        folder / "shapes" / f"N03-16_{PREFECTURE_CODE}_sample.geojson", municipalities.feature_collection()
    )
    write_ledger(folder / "towers", make_ledger(municipalities, masts, story, stream(5)))
    name = f"tbl{TABLE}Q{PREFECTURE_CODE}"
    write_zip(folder / "population" / f"{name}.zip", f"{name}.txt", cell_table(residents.cells))
    write_terrain(folder / "terrain" / "sample_dem_50m.tif", GRID, relief.height_m)
    towns = settlement_table(places)
    write_csv(folder / "places" / "settlements.csv", towns.header, towns.rows)
    halls = shelter_table(relief, places, stream(6))
    write_csv(folder / "places" / "shelters.csv", halls.header, halls.rows)
    for text in _TEXTS:
        (folder / text).write_bytes(resources.files("coverage.sample").joinpath("files", text).read_bytes())
    (folder / MADE_WITH).write_bytes(_made_with(folder, seed).encode("utf-8"))


def _refuse_other_regions(folder: Path) -> None:
    present = folder / "region.toml"
    if present.is_file() and 'id = "mihon"' not in present.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            "sample-folder-taken",
            f"フォルダ「{folder.name}」には別の地域の region.toml があります。見本県は空のフォルダに作ってください。",
            f"The folder '{folder.name}' holds the region.toml of another region; make the sample in an empty folder.",
        )


def sample_files(folder: Path) -> list[Path]:
    """The files that :func:`write_sample` writes, ``made-with.toml`` left out, by name."""
    found = [folder / text for text in _TEXTS]
    for name in ("shapes", "towers", "population", "terrain", "places"):
        found += [path for path in (folder / name).iterdir() if path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def versions() -> dict[str, str]:
    """What the bytes depend on: libraries, the C libraries inside them, and the kind of processor."""
    return {
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "gdal": rasterio.__gdal_version__,
        "geos": shapely.geos_version_string,
        "proj": pyproj.proj_version_str,
        "machine": platform.machine().lower().replace("amd64", "x86_64"),
    }


def _made_with(folder: Path, seed: int) -> str:
    lines = [
        "# 見本県のファイルを作ったときの種と版、各ファイルの SHA-256。",
        "# Seed and versions that made the files of the sample region, and the SHA-256 of each.",
        f"seed = {seed}",
        "",
        "[versions]",
        *(f'{name} = "{version}"' for name, version in versions().items()),
        "",
        "[sha256]",
    ]
    for path in sample_files(folder):
        lines.append(
            f'"{path.relative_to(folder).as_posix()}" = "{hashlib.sha256(path.read_bytes()).hexdigest()}"'
        )
    return "\n".join(lines) + "\n"
