"""One point of the map: what the run says there, who serves it and why, and what else could.

Everything is read from the run (rasters, tables, GeoJSON); people by cell and the operators' default values come from
the region's folder where it is still the run's own. Nothing is guessed: what is not known is said by a code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.fiscal import last_day, last_possible_day
from coverage.domain.ledger import DatePrecision, Site, SiteOperator, Status
from coverage.domain.projection import lonlat_to_plane
from coverage.domain.region import OperatorConfig, RadioConfig
from coverage.domain.service_start import has_been_in_service
from coverage.errors import CoverageGapError, InputError, NotFoundError
from coverage.radio.antenna import Pattern
from coverage.radio.footprint import Cell, cells_of, reception_loss_db
from coverage.radio.freespace import free_space_loss_db
from coverage.report.table_cells import text
from coverage.runs.rasters import read_raster
from coverage.runs.result import (
    ANY_OPERATOR,
    NO_DATA_CLASS,
    NO_SERVER,
    OUT_OF_RANGE_DBM,
    OUTSIDE_CLASS,
    RunResult,
)
from coverage.services.access import Action, Object, Principal, Resource, allowed, authorise
from coverage.services.context import AppContext
from coverage.services.path_section import (
    RunGround,
    grid_of_run,
    ground_of,
    link_to,
    radio_of_run,
    section_values,
)
from coverage.services.run_layers import antennas_of_run, people_of_run, region_config
from coverage.services.year_features import year_features

MOST_OTHERS: Final = 6
"""Further sites whose level at the point is computed, the strongest in free space first."""
MESHES: Final = (8, 9, 10, 11)
_METRES_PER_DEGREE: Final = 111_320.0


@dataclass(frozen=True)
class _Row:
    """One cell of a site as the run's table has it."""

    site: Site
    operator: SiteOperator


def point_facts(
    context: AppContext,
    run: RunResult,
    *,
    lat: float,
    lon: float,
    fiscal_year: int | None = None,
    operator: str = ANY_OPERATOR,
    principal: Principal,
) -> dict[str, Any]:
    """What is known about a point at the end of a fiscal year, as JSON values (docs/web.md, "The point query").

    ``signal.state`` is ``value``, ``out-of-range`` (beyond every site's range), ``no-data``, ``outside-region`` or
    ``outside-grid``. ``computable`` false: a missing signal is no statement there (算定不可). Raises InputError for a
    position that is none or an operator that the run lacks, NotFoundError for a year, PermissionDeniedError.
    """
    authorise(principal, Action.VIEW, Resource(Object.MAP))
    fy = run.check_fy(fiscal_year)
    if not (math.isfinite(lat) and math.isfinite(lon) and -90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        raise InputError(
            "position-invalid",
            "緯度・経度が数として読めません。lat=34.1 のように度で書いてください。",
            "Latitude or longitude is no position; write degrees as in lat=34.1.",
        )
    if operator != ANY_OPERATOR and operator not in run.operator_ids:
        raise InputError(
            "operator-unknown",
            f"事業者「{operator[:40]}」はこの計算結果にありません（{'、'.join(run.operator_ids)}）。",
            f"The run has no operator '{operator[:40]}' ({', '.join(run.operator_ids)}).",
        )
    grid = grid_of_run(run)
    x, y = (float(v) for v in lonlat_to_plane(lon, lat, grid.epsg))
    pixel = grid.row_col(x, y) if grid.contains(x, y) else None
    features = year_features(run, fy)
    signals = {name: _signal(run, fy, name, pixel) for name in [ANY_OPERATOR, *run.operator_ids]}
    chosen = signals[operator]
    serving = _serving(run, signals, operator)
    facts: dict[str, Any] = {
        "lat": round(lat, 6),
        "lon": round(lon, 6),
        "run_id": run.run_id,
        "fiscal_year": fy,
        "operator": operator,
        "computable": run.is_computable(operator),
        "reason": run.meta["computable_reason"],
        "edge_dbm": _edge_dbm(run),
        "signal": chosen,
        "by_operator": [{"operator": name, **signals[name]} for name in run.operator_ids],
        "mesh": _meshes(lat, lon),
        "people": _people(context, run, lat, lon),
        "municipality": features.municipality(lon, lat),
        "areas": features.standing(features.areas, lon, lat),
        "districts": features.standing(features.districts, lon, lat),
        "server": None,
        "section": None,
        "section_problem": None,
        "others": [],
    }
    if pixel is not None:
        # To the centre of the pixel, whose level the raster holds: the two can then be compared.
        x, y = (float(v) for v in grid.xy(np.array(pixel[0]), np.array(pixel[1])))
        facts |= _links(context, run, fy, (lat, lon, x, y), serving, operator, principal)
    return facts


# --- What the rasters say --------------------------------------------------------------------------------------------


def _signal(run: RunResult, fy: int, operator: str, pixel: tuple[int, int] | None) -> dict[str, Any]:
    if pixel is None:
        return {"state": "outside-grid", "level_dbm": None, "class": None, "site_id": None}
    kind = _pixel(run, "class", fy, operator, pixel)
    level = _pixel(run, "level", fy, operator, pixel)
    server = _pixel(run, "best_server", fy, operator, pixel)
    number = None if server is None or int(server) == NO_SERVER else int(server)
    site_id = (
        run.meta["servers"][number] if number is not None and number < len(run.meta["servers"]) else None
    )
    known = level is not None and math.isfinite(level)
    if (kind is not None and int(kind) == NO_DATA_CLASS) or (kind is None and not known):
        state = "no-data"
    elif kind is not None and int(kind) == OUTSIDE_CLASS:
        state = "outside-region"
    elif known and level is not None and level <= OUT_OF_RANGE_DBM:
        state = "out-of-range"
    else:
        state = "value"
    return {
        "state": state,
        "level_dbm": round(float(level), 1)
        if known and level is not None and level > OUT_OF_RANGE_DBM
        else None,
        "class": int(kind) if kind is not None and int(kind) < len(run.meta["ladder"]["classes"]) else None,
        "site_id": site_id,
    }


def _pixel(run: RunResult, quantity: str, fy: int, operator: str, pixel: tuple[int, int]) -> float | None:
    """One pixel of a raster; None where the run has no such raster (an operator without one)."""
    from coverage.domain.grid import Window

    path = run.folder / "rasters" / str(fy) / f"{quantity}_{operator}.tif"
    if not path.is_file():
        return None
    return float(read_raster(path, Window(pixel[0], pixel[1], 1, 1))[0, 0])


def _serving(run: RunResult, signals: Mapping[str, dict[str, Any]], operator: str) -> tuple[str, str] | None:
    """(site, operator) that serve: for "any" the operator whose own best is the best of all."""
    site_id = signals[operator]["site_id"]
    if site_id is None:
        return None
    if operator != ANY_OPERATOR:
        return site_id, operator
    own = [
        name
        for name in run.operator_ids
        if signals[name]["site_id"] == site_id and signals[name]["level_dbm"] is not None
    ]
    if not own:
        return None
    return site_id, max(own, key=lambda name: float(signals[name]["level_dbm"]))


def _edge_dbm(run: RunResult) -> float:
    ladder = run.meta["ladder"]
    return next(float(c["min_dbm"]) for c in ladder["classes"] if c["id"] == ladder["signal_edge"])


def _meshes(lat: float, lon: float) -> dict[str, str]:
    """Mesh codes by number of digits; empty outside the range that JIS X 0410 has codes for."""
    try:
        return {
            str(digits): mesh.format_code(mesh.encode_point(lat, lon, digits), digits) for digits in MESHES
        }
    except InputError:
        return {}


def _people(context: AppContext, run: RunResult, lat: float, lon: float) -> dict[str, Any]:
    """Residents of the cell of the population layer's own size, or why they cannot be told."""
    try:
        layer = people_of_run(context, run)
        code, people, households = layer.at(lat, lon)
    except (NotFoundError, InputError) as error:
        return {"known": False, "problem": {"ja": error.ja, "en": error.en}}
    return {
        "known": True,
        "digits": layer.digits,
        "mesh": mesh.format_code(code, layer.digits),
        "people": round(people, 1),
        "households": None if math.isnan(households) else round(households, 1),
        "estimated": layer.estimated,
        "edition": layer.edition,
    }


# --- Who serves, and who else could ----------------------------------------------------------------------------------


def _links(
    context: AppContext,
    run: RunResult,
    fy: int,
    at: tuple[float, float, float, float],
    serving: tuple[str, str] | None,
    operator: str,
    principal: Principal,
) -> dict[str, Any]:
    """Serving site with its section, and the levels of others; or the reason why no link can be computed.

    ``at``: (lat, lon, x, y) of the point.
    """
    lat, lon, x, y = at
    try:
        radio = radio_of_run(run)
        config = region_config(context)
        if config is None or set(run.operator_ids) - set(config.operators):
            raise NotFoundError(
                "operators-not-of-run",
                "この計算の事業者の既定値（region.toml）が手元にないため、断面を示せません。地域のフォルダを戻してください。",
                "The operators' default values of this run (region.toml) are not here, so no section can be shown; put "
                "the region's folder back.",
            )
        ground = ground_of(run, Path(context.runs_folder) / ".cache")
        visible = _rows(run, fy, operator, principal, lat=lat, lon=lon, range_m=radio.max_range_m)
        cells = _cells(run, visible, config.operators, antennas_of_run(context, run))
    except CoverageGapError as error:
        problem = {"section_problem": {"ja": error.ja, "en": error.en}}
        return problem | ({"server": _named(run, serving)} if serving else {})
    out: dict[str, Any] = {"ground_whole": ground.whole}
    if serving is not None:
        own = [c for c in cells if (c[0].site_id, c[0].operator) == serving and not c[2]]
        out |= _section(run, ground, radio, own, serving, x, y)
    out["others"] = _others(
        run, ground, radio, [c for c in cells if (c[0].site_id, c[0].operator) != serving], x, y
    )
    return out


def _stamp(run: RunResult) -> int:
    return (run.folder / "run.json").stat().st_mtime_ns


@lru_cache(maxsize=4)
def _table_rows(folder: Path, _changed: int) -> tuple[list[_Row], NDArray[np.float64]]:
    """The table of sites, one row a cell, and (lat, lon) of each."""
    records = [r for r in RunResult.open(folder).sites.to_dict("records") if text(r["operator"])]
    rows = [_Row(_site(r), _site_operator(r, text(r["operator"]))) for r in records]
    return rows, np.array([(r.site.lat, r.site.lon) for r in rows], dtype=np.float64).reshape(-1, 2)


def _rows(
    run: RunResult, fy: int, operator: str, principal: Principal, *, lat: float, lon: float, range_m: float
) -> list[tuple[_Row, bool]]:
    """Cells in range that are on the air in the year, and those not yet, as far as ``principal`` may see them
    (True: planned)."""
    on_air = year_features(run, fy).on_air
    every, at = _table_rows(run.folder, _stamp(run))
    # A little more than the model's range on a round Earth; the exact distance is looked at later.
    north = (at[:, 0] - lat) * _METRES_PER_DEGREE
    east = (at[:, 1] - lon) * _METRES_PER_DEGREE * math.cos(math.radians(lat))
    rows = []
    for i in np.flatnonzero(np.hypot(north, east) <= 1.02 * range_m):
        row = every[i]
        name = row.operator.operator
        if operator not in (ANY_OPERATOR, name):
            continue
        since = row.operator.in_service_date
        if (row.site.site_id, name) in on_air and since is not None:
            # A second band of the same operator may have come later.
            if last_possible_day(since, row.operator.date_precision) <= last_day(fy):
                rows.append((row, False))
            continue
        waits = not has_been_in_service(row.site) or (
            row.site.status is Status.IN_SERVICE and (since is None or since > last_day(run.latest_fy))
        )
        plan = Resource(Object.PLANNED_SITE, municipality_code=row.site.municipality_code)
        if waits and allowed(principal, Action.VIEW, plan):
            rows.append((row, True))
    return rows


def _cells(
    run: RunResult,
    rows: Sequence[tuple[_Row, bool]],
    operators: Mapping[str, OperatorConfig],
    patterns: Mapping[str, Pattern],
) -> list[tuple[Cell, _Row, bool, list[str]]]:
    """(cell, its row, planned, names of default values used) in no particular order."""
    out = []
    for row, planned in rows:
        try:
            cells, used = cells_of(
                [row.site], [row.operator], operators, epsg=int(run.meta["grid"]["epsg"]), patterns=patterns
            )
        except InputError:
            continue  # a value that no mast has; the run itself would have refused it if it were on the air
        out.append((cells[0], row, planned, [use.field for use in used]))
    return out


def _section(
    run: RunResult,
    ground: RunGround,
    radio: RadioConfig,
    cells: Sequence[tuple[Cell, _Row, bool, list[str]]],
    serving: tuple[str, str],
    x: float,
    y: float,
) -> dict[str, Any]:
    """The strongest cell of the serving site and operator, as a section."""
    best: tuple[float, dict[str, Any], dict[str, Any]] | None = None
    problem: dict[str, str] | None = None
    for cell, row, _, used in cells:
        try:
            found, level, gain = link_to(ground, cell, radio, x_m=x, y_m=y)
        except CoverageGapError as error:
            problem = {"ja": error.ja, "en": error.en}
            continue
        if best is None or level > best[0]:
            about = {**_about(cell, row, x, y), "defaults": used}
            best = (level, about, section_values(found, cell, radio, level_dbm=level, gain_db=gain))
    if best is None:
        return {"server": _named(run, serving), "section_problem": problem or _NO_CELL}
    return {"server": best[1], "section": best[2]}


_NO_CELL: Final = {
    "ja": "この局の諸元が計算結果の表にないため、断面を示せません。",
    "en": "The run's tables lack this site's parameters, so no section can be shown.",
}


def _others(
    run: RunResult,
    ground: RunGround,
    radio: RadioConfig,
    cells: Sequence[tuple[Cell, _Row, bool, list[str]]],
    x: float,
    y: float,
) -> list[dict[str, Any]]:
    """Levels that further sites in range give at the point, strongest first."""
    near = []
    for cell, row, planned, _ in cells:
        distance_m = math.hypot(cell.x_m - x, cell.y_m - y)
        if distance_m <= radio.max_range_m:
            clear = (
                cell.eirp_dbm
                - cell.rsrp_reduction_db
                - free_space_loss_db(max(distance_m / 1000.0, 1e-3), 0.0, cell.frequency_mhz / 1000.0)
                - reception_loss_db(cell, radio)
            )
            near.append((clear, cell, row, planned))
    near.sort(key=lambda c: (-c[0], c[1].site_id, c[1].operator))
    edge = _edge_dbm(run)
    out = []
    for _, cell, row, planned in near[:MOST_OTHERS]:
        try:
            _, level, _ = link_to(ground, cell, radio, x_m=x, y_m=y)
        except CoverageGapError:
            continue  # NO DATA on the way: this site's level is not known
        out.append(
            {
                **_about(cell, row, x, y),
                "planned": planned,
                "level_dbm": round(level, 1),
                "serves": level >= edge,
            }
        )
    return sorted(out, key=lambda o: (-o["level_dbm"], o["site_id"]))


def _about(cell: Cell, row: _Row, x: float, y: float) -> dict[str, Any]:
    return {
        "site_id": cell.site_id,
        "name": row.site.name,
        "operator": cell.operator,
        "lat": round(row.site.lat, 5),
        "lon": round(row.site.lon, 5),
        "height_m": cell.antenna_height_m,
        "band": cell.band,
        "frequency_mhz": cell.frequency_mhz,
        "eirp_dbm": cell.eirp_dbm,
        "distance_km": round(math.hypot(cell.x_m - x, cell.y_m - y) / 1000.0, 2),
        "bearing_deg": round(math.degrees(math.atan2(cell.x_m - x, cell.y_m - y)) % 360.0),
    }


def _named(run: RunResult, serving: tuple[str, str] | None) -> dict[str, Any] | None:
    """The serving site by its table row alone."""
    if serving is None:
        return None
    table = run.sites
    own = table[table["site_id"] == serving[0]].to_dict("records")
    if not own:
        return {"site_id": serving[0], "name": "", "operator": serving[1]}
    return {
        "site_id": serving[0], "name": text(own[0]["name"]), "operator": serving[1],
        "lat": round(float(own[0]["lat"]), 5), "lon": round(float(own[0]["lon"]), 5),
    }  # fmt: skip


def _site(record: Mapping[str, Any]) -> Site:
    return Site(
        str(record["site_id"]), text(record["name"]), text(record["municipality_code"]), float(record["lat"]),
        float(record["lon"]), Status(str(record["status"])), height_m=_value(record["height_m"]),
    )  # fmt: skip


def _site_operator(record: Mapping[str, Any], operator: str) -> SiteOperator:
    since = text(record["in_service_date"])
    precision = text(record["date_precision"])
    return SiteOperator(
        str(record["site_id"]),
        operator,
        date.fromisoformat(since) if since else None,
        DatePrecision(precision) if precision else DatePrecision.DAY,
        band=text(record["band"]) or None,
        frequency_mhz=_value(record["frequency_mhz"]),
        bandwidth_mhz=_value(record["bandwidth_mhz"]),
        eirp_dbm=_value(record["eirp_dbm"]),
        azimuth_deg=_value(record["azimuth_deg"]),
        tilt_deg=_value(record["tilt_deg"]),
    )


def _value(value: Any) -> float | None:
    if value is None or (isinstance(value, (float, np.floating)) and not math.isfinite(value)):
        return None
    return float(value)
