"""The way of the signal from a mast to one point: terrain, Earth bulge, Fresnel zone, edges and every term of the loss.

The same formulas as the area engine's, by the readable reference (:mod:`coverage.radio.link`), on the terrain and with
the parameters of the run. A level differs from the raster's by what reading a pixel between rays costs
(docs/radial-sweep.md); both are shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Grid
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import NotFoundError
from coverage.radio.antenna import gain_db
from coverage.radio.footprint import EARTH_RADIUS_M, EFFECTIVE_EARTH, Cell, reception_loss_db
from coverage.radio.link import Link, link
from coverage.runs.footprints import shared_terrain
from coverage.runs.rasters import read_raster
from coverage.runs.result import RunResult

FloatArray = NDArray[np.float64]
MOST_POINTS: Final = 420
"""Points of a section that travel to a browser; edges and both ends are always among them."""


@dataclass(frozen=True)
class RunGround:
    """The terrain that a run stands on. ``whole``: with sea, zones and clutter as in the run; otherwise heights alone."""

    terrain: Terrain
    zones: NDArray[np.uint8] | None
    whole: bool


def grid_of_run(run: RunResult) -> Grid:
    """The grid of the run's rasters."""
    grid = run.meta["grid"]
    return Grid(
        int(grid["epsg"]),
        float(grid["x0_m"]),
        float(grid["y0_m"]),
        float(grid["cell_m"]),
        int(grid["rows"]),
        int(grid["cols"]),
    )


def radio_of_run(run: RunResult) -> RadioConfig:
    """The model's parameters that ``run`` was computed with. NotFoundError for a run that does not say."""
    given = run.meta["parameters"].get("radio")
    if given is None:
        raise NotFoundError(
            "run-without-parameters",
            f"計算結果 {run.run_id} に電波計算の条件が書かれていないため、断面を示せません。計算し直してください。",
            f"Run {run.run_id} does not state its radio parameters, so no section can be shown; compute it again.",
        )
    return RadioConfig.model_validate(given)


def ground_of(run: RunResult, work: Path) -> RunGround:
    """The run's terrain: from the work folder where it is still there, else its heights alone (inland, no clutter).

    ``work``: the footprints' work folder (``runs/.cache``).
    """
    return _ground(run.folder, (run.folder / "run.json").stat().st_mtime_ns, work)


@lru_cache(maxsize=2)
def _ground(folder: Path, _changed: int, work: Path) -> RunGround:
    run = RunResult.open(folder)
    grid = grid_of_run(run)
    height = read_raster(folder / "rasters" / "terrain.tif")
    for head in sorted((work / "terrain").glob("*/terrain.json")):
        try:
            same = Grid(**json.loads(head.read_text(encoding="utf-8"))["grid"]) == grid
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged: the next computation writes it again
        if not same:
            continue
        found = shared_terrain(str(head.parent))
        if np.array_equal(found.terrain.height_m, height, equal_nan=True):
            return RunGround(found.terrain, found.zones, whole=True)
    bare = Terrain(grid, np.asarray(height, dtype=np.float32), np.zeros(grid.shape, dtype=np.bool_))
    return RunGround(bare, None, whole=False)


def link_to(
    ground: RunGround, cell: Cell, radio: RadioConfig, *, x_m: float, y_m: float
) -> tuple[Link, float, float]:
    """(link, level in dBm, pattern gain in dB) from a cell to a point of the plane.

    Raises OutsideTerrainError and InputError as :func:`coverage.radio.link.link`.
    """
    found = link(
        ground.terrain,
        tx_x_m=cell.x_m,
        tx_y_m=cell.y_m,
        tx_height_m=cell.antenna_height_m,
        rx_x_m=x_m,
        rx_y_m=y_m,
        frequency_mhz=cell.frequency_mhz,
        radio=radio,
        zones=ground.zones,
    )
    gain = _gain_db(cell, found, x_m, y_m)
    sent = cell.eirp_dbm - cell.rsrp_reduction_db + radio.offset_db - reception_loss_db(cell, radio)
    return found, sent + gain - found.loss_db, gain


def _gain_db(cell: Cell, found: Link, x_m: float, y_m: float) -> float:
    """As the area engine: towards the point along the straight line over an Earth of 4/3 of its radius."""
    if cell.azimuth_deg is None:
        return 0.0
    dx, dy = x_m - cell.x_m, y_m - cell.y_m
    distance = math.hypot(dx, dy)
    geometry = found.result.geometry
    rise = geometry.h_rs_m - geometry.h_ts_m - distance**2 / (2.0 * EFFECTIVE_EARTH * EARTH_RADIUS_M)
    gain = gain_db(
        cell.pattern,
        bearing_deg=np.array(math.degrees(math.atan2(dx, dy))),
        elevation_deg=np.array(math.degrees(math.atan2(rise, max(distance, 1e-6)))),
        azimuth_deg=cell.azimuth_deg,
        electrical_tilt_deg=cell.electrical_tilt_deg,
        mechanical_tilt_deg=cell.mechanical_tilt_deg,
    )
    return float(gain)


def section_values(
    found: Link, cell: Cell, radio: RadioConfig, *, level_dbm: float, gain_db: float
) -> dict[str, Any]:
    """A link as JSON values: the picture's columns, its edges, a short table of the same values, terms and budget.

    Heights are metres above sea level with the Earth's bulge added (``bulge``: the bulge alone), distances km from the
    mast, losses dB.
    """
    view, result = found.view, found.result
    clearance = _clearance(view.line_m, view.surface_m, view.fresnel_m)
    worst = int(np.argmin(clearance[1:-1])) + 1
    kept = _kept(len(view.distance_km), [*view.edges, worst])
    bulge = view.ground_m - found.profile.height_m

    def column(values: FloatArray, decimals: int = 1) -> list[float]:
        return [round(float(values[i]), decimals) for i in kept]

    return {
        "distance_km": round(found.profile.length_km, 3),
        "level_dbm": round(level_dbm, 1),
        "model": found.model,
        "near_mast": found.near_mast,
        "line_of_sight": not view.edges,
        "clearance": round(view.clearance, 2),
        "path": {
            "d": column(view.distance_km, 3),
            "ground": column(view.ground_m),
            "surface": column(view.surface_m),
            "line": column(view.line_m),
            "fresnel": column(view.fresnel_m),
            "bulge": column(bulge),
        },
        "edges": [
            {"d": round(float(view.distance_km[i]), 3), "height": round(float(view.surface_m[i]), 1)}
            for i in view.edges
        ],
        "table": _table(found, clearance, worst, bulge),
        "terms": _terms(found, radio),
        "budget": [
            {"key": "eirp", "db": round(cell.eirp_dbm, 1)},
            {"key": "reduction", "db": round(-cell.rsrp_reduction_db, 1)},
            {"key": "gain", "db": round(gain_db, 1)},
            {"key": "loss", "db": round(-found.loss_db, 1)},
            {"key": "offset", "db": round(radio.offset_db, 1)},
            *_entry(cell, radio),
        ],
        "antenna": round(result.geometry.h_ts_m, 1),
        "receiver": round(result.geometry.h_rs_m, 1),
    }


def _entry(cell: Cell, radio: RadioConfig) -> list[dict[str, Any]]:
    """The line of the link budget for walls or a car; none outdoors."""
    if radio.reception == "outdoors":
        return []
    return [{"key": f"entry_{radio.reception}", "db": round(-reception_loss_db(cell, radio), 1)}]


def _clearance(line: FloatArray, surface: FloatArray, fresnel: FloatArray) -> FloatArray:
    """Height of the ray above the surface in Fresnel radii; not a number at the antennas, where the radius is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values: FloatArray = (line - surface) / fresnel
    values[[0, -1]] = np.nan
    return values


def _kept(count: int, wanted: Sequence[int]) -> list[int]:
    """Indices of the points that are shown: evenly spaced, with both ends and ``wanted``."""
    if count <= MOST_POINTS:
        return list(range(count))
    even = np.unique(np.rint(np.linspace(0, count - 1, MOST_POINTS - len(wanted))).astype(int)).tolist()
    return sorted({*even, *wanted})


def _table(found: Link, clearance: FloatArray, worst: int, bulge: FloatArray) -> list[dict[str, Any]]:
    """About a dozen points of the section: the ends, every edge, the tightest point, and tenths between."""
    view = found.view
    last = len(view.distance_km) - 1
    tenths = {round(last * k / 10) for k in range(1, 10)}
    edges = set(view.edges[:8])
    rows = []
    for i in sorted({0, last, worst} | tenths | edges):
        kind = (
            "mast"
            if i == 0
            else "point"
            if i == last
            else "edge"
            if i in edges
            else "tightest"
            if i == worst
            else ""
        )
        rows.append(
            {
                "kind": kind,
                "d": round(float(view.distance_km[i]), 2),
                "height": round(float(found.profile.height_m[i]), 1),
                "clutter": round(float(found.profile.clutter_m[i]), 1),
                "bulge": round(float(bulge[i]), 1),
                "ray": round(float(view.line_m[i] - view.surface_m[i]), 1),
                "fresnel": round(float(view.fresnel_m[i]), 1),
                "clearance": None if not math.isfinite(clearance[i]) else round(float(clearance[i]), 2),
            }
        )
    return rows


def _terms(found: Link, radio: RadioConfig) -> list[dict[str, Any]]:
    """Terms of the loss by their symbols in ITU-R P.1812-8, then what was taken in the end."""
    if radio.model == "free-space":
        return [
            {"key": "l_bfs", "db": round(found.free_space_db, 1)},
            {"key": "taken", "db": round(found.loss_db, 1)},
        ]
    r = found.result
    values = {
        "l_bfs": r.l_bfs_db, "l_b0p": r.l_b0p_db, "l_dp": r.l_dp_db, "l_bd": r.l_bd_db, "l_ba": r.l_ba_db, "l_bs": r.l_bs_db,
        "l_bc": r.l_bc_db, "l_loc": r.l_loc_db, "l_b": r.loss_db, "taken": found.loss_db,
    }  # fmt: skip
    # A term that plays no part (no ducting over land) may be infinite: JSON knows no infinity.
    return [{"key": key, "db": round(db, 1) if math.isfinite(db) else None} for key, db in values.items()]
