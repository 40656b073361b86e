"""Layers that a run was computed from but does not hold itself: people by mesh cell, antennas, names of towns.

A run keeps what it computed. What it was computed *from* lies in the region's folder and may have been replaced since:
people are only ever given where the files are still the run's own, by their SHA-256.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.errors import CoverageGapError, NotFoundError
from coverage.radio.antenna import Pattern, patterns_of
from coverage.runs.result import RunResult
from coverage.services.context import AppContext

if TYPE_CHECKING:
    from coverage.domain.places import Settlement
    from coverage.domain.region import RegionConfig, RegionData

_REGION_FILE = "region.toml"


@dataclass(frozen=True)
class People:
    """Residents by mesh cell, a cell on a border counted once: ``code`` ascending, ``people`` and ``households`` alike.

    ``digits``: of every code (8 = 1 km, 9 = 500 m, 10 = 250 m, 11 = 125 m). Households are NaN where unknown.
    """

    digits: int
    code: NDArray[np.int64]
    people: NDArray[np.float64]
    households: NDArray[np.float64]
    estimated: bool
    edition: str
    credit: str

    def at(self, lat: float, lon: float) -> tuple[int, float, float]:
        """(mesh code, people, households) of the cell that holds a point; 0 people where the layer names none."""
        code = mesh.encode_point(lat, lon, self.digits)
        place = int(np.searchsorted(self.code, code))
        if place == len(self.code) or int(self.code[place]) != code:
            return code, 0.0, 0.0
        return code, float(self.people[place]), float(self.households[place])


def people_of_run(context: AppContext, run: RunResult) -> People:
    """People by cell, from the very files that ``run`` was computed with.

    Raises NotFoundError "population-not-of-run" where the region's folder holds other files or none.
    """
    wanted = next((layer for layer in run.meta["layers"] if layer["layer"] == "population"), None)
    held: tuple[People, tuple[Any, ...]] | None = None
    # A layer that cannot be read is no layer of this run: said below.
    with contextlib.suppress(CoverageGapError):
        held = _people(context.region_folder, context.layers_root, _stamp(context))
    if wanted is None or held is None or [list(f) for f in held[1]] != wanted["files"]:
        raise NotFoundError(
            "population-not-of-run",
            "この計算に使った人口データが地域のフォルダにないため、メッシュの人口を示せません。人口レイヤーを戻すか、計算し直してください。",
            "The population layer that this run was computed with is not in the region's folder, so people by mesh cell "
            "cannot be shown; put the layer back or compute again.",
        )
    return held[0]


def settlements_of(context: AppContext) -> tuple[Settlement, ...]:
    """Town points of the region's folder; none where it has no such layer or cannot be read."""
    try:
        return _settlements(context.region_folder, context.layers_root, _stamp(context))
    except CoverageGapError:
        return ()


def region_config(context: AppContext) -> RegionConfig | None:
    """``region.toml`` as it is now, for operators' default values; None where there is none."""
    try:
        return context.config
    except CoverageGapError:
        return None


def antennas_of_run(context: AppContext, run: RunResult) -> Mapping[str, Pattern]:
    """The antennas that ``region.toml`` names, from the very files that ``run`` was computed with.

    Raises NotFoundError "antennas-not-of-run" where the region's folder holds other files or none.
    """
    wanted = {layer["layer"]: layer["files"] for layer in run.meta["layers"] if _is_antenna(layer["layer"])}
    if not wanted and not context.config.antennas:
        return {}
    held: tuple[Mapping[str, Pattern], dict[str, Any]] | None = None
    # A table that cannot be read is none of this run: said below.
    with contextlib.suppress(CoverageGapError):
        held = _antennas(context.region_folder, context.layers_root, _stamp(context))
    if held is None or held[1] != wanted:
        raise NotFoundError(
            "antennas-not-of-run",
            "この計算に使ったアンテナパターンが地域のフォルダにないため、断面を示せません。ファイルを戻すか、計算し直してください。",
            "The antenna patterns that this run was computed with are not in the region's folder, so no section can be "
            "shown; put the files back or compute again.",
        )
    return held[0]


def _is_antenna(layer: str) -> bool:
    return layer.startswith("antennas:")


def _stamp(context: AppContext) -> tuple[int, ...]:
    """Changes when ``region.toml`` or a file or folder that these layers name is replaced: then they are read again."""
    layers = context.config.layers
    tables = (antenna.table for antenna in context.config.antennas.values())
    named = [
        path
        for layer in (layers.boundaries, layers.population, layers.settlements, *tables)
        if layer
        for path in layer.paths
    ]
    roots = [root for root in (context.region_folder, context.layers_root) if root is not None]
    places = [root / path for root in roots for path in (_REGION_FILE, *named)]
    return tuple(place.stat().st_mtime_ns if place.exists() else 0 for place in places)


def _load(folder: Path, layers_root: Path | None, only: str) -> RegionData:
    from coverage.readers.region import load_region

    return load_region(folder, layers_root=layers_root, only=(only,))


@lru_cache(maxsize=2)
def _people(
    folder: Path, layers_root: Path | None, _changed: tuple[int, ...]
) -> tuple[People, tuple[Any, ...]] | None:
    data = _load(folder, layers_root, "population")
    found = data.population
    record = next((r for r in data.layers if r.layer == "population"), None)
    if record is None or not len(found):
        return None
    codes, inverse = np.unique(found.mesh_code, return_inverse=True)
    people: NDArray[np.float64] = np.bincount(inverse, weights=found.population, minlength=len(codes)).astype(
        np.float64
    )
    households: NDArray[np.float64] = np.bincount(
        inverse, weights=found.households, minlength=len(codes)
    ).astype(np.float64)
    digits = int(mesh.level_of(codes[:1])[0])
    return People(
        digits, codes, people, households, found.estimated, record.edition, record.credit
    ), record.files


@lru_cache(maxsize=2)
def _antennas(
    folder: Path, layers_root: Path | None, _changed: tuple[int, ...]
) -> tuple[Mapping[str, Pattern], dict[str, Any]]:
    """Patterns by name, and the files of those that have any by layer."""
    data = _load(folder, layers_root, "antennas")
    files = {r.layer: [list(f) for f in r.files] for r in data.layers if _is_antenna(r.layer)}
    return patterns_of(data.config.antennas, data.antenna_tables), files


@lru_cache(maxsize=2)
def _settlements(folder: Path, layers_root: Path | None, _changed: tuple[int, ...]) -> tuple[Settlement, ...]:
    return _load(folder, layers_root, "settlements").settlements
