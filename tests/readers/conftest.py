"""Small layers in the true formats of their publishers, made by the tests themselves."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import mapping

from coverage.domain.grid import Grid
from coverage.domain.places import Municipality
from coverage.domain.region import LayerConfig

from .terrain_files import fine_grid

MakeLayer = Callable[..., LayerConfig]

# Two towns side by side in the open Pacific; codes of no real place.
WEST_TOWN = shapely.box(136.50, 33.50, 136.60, 33.60)
EAST_TOWN = shapely.box(136.60, 33.50, 136.70, 33.60)


@pytest.fixture
def make_layer() -> MakeLayer:
    """A layer table as region.toml would give it."""

    def make(layer_format: str, path: str | Sequence[str], **options: Any) -> LayerConfig:
        given = path if isinstance(path, str) else list(path)
        return LayerConfig(
            format=layer_format,
            path=given,
            edition="2016-01-01",
            licence="CC0-1.0",
            credit="見本",
            options=options,
        )

    return make


@pytest.fixture
def two_towns() -> tuple[Municipality, Municipality]:
    """西町 (99301) and 東町 (99302), each about 9.3 km by 11 km."""
    return (
        Municipality("99301", "西町", "見本郡", WEST_TOWN),
        Municipality("99302", "東町", "見本郡", EAST_TOWN),
    )


def n03(code: str | None, geometry: Any, **names: str | None) -> dict[str, Any]:
    """A feature with the attributes of N03 (vintage 2021)."""
    return {
        "type": "Feature",
        "properties": {
            "N03_001": "見本県",
            "N03_002": None,
            "N03_003": None,
            "N03_004": None,
            "N03_007": code,
        }
        | names,
        "geometry": mapping(geometry),
    }


@pytest.fixture
def n03_features() -> list[dict[str, Any]]:
    """Two towns, the western one in two pieces, and a lake that belongs to nobody."""
    islet = shapely.box(136.52, 33.65, 136.53, 33.66)
    return [
        n03("99301", WEST_TOWN, N03_003="見本郡", N03_004="西町"),
        n03("99302", EAST_TOWN, N03_003="見本郡", N03_004="東町"),
        n03("99301", islet, N03_003="見本郡", N03_004="西町"),
        n03(None, shapely.box(136.70, 33.50, 136.71, 33.51), N03_004="所属未定地"),
    ]


@pytest.fixture
def write_geojson() -> Callable[..., Path]:
    """Write features as a FeatureCollection with further members (``crs``)."""

    def write(path: Path, features: Sequence[Mapping[str, Any]], **members: Any) -> Path:
        document = {"type": "FeatureCollection", **members, "features": list(features)}
        path.write_bytes(json.dumps(document, ensure_ascii=False).encode("utf-8"))
        return path

    return write


@pytest.fixture
def write_zip() -> Callable[[Path, Mapping[str, bytes]], Path]:
    """Write a zip whose member names stay exactly as given, backslashes and parent folders included."""

    def write(path: Path, members: Mapping[str, bytes]) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                info = zipfile.ZipInfo("placeholder")
                info.filename = info.orig_filename = name
                archive.writestr(info, data)
        return path

    return write


@pytest.fixture
def write_text() -> Callable[..., Path]:
    """Write text in an encoding, line ends as they stand."""

    def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def grid() -> Grid:
    """50 m pixels well inside a raster of 200 × 200 samples."""
    return fine_grid()
