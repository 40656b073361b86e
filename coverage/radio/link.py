"""One link from a mast to a receiver on the terrain, with everything that explains its loss. No compiled code.

What the area engine computes for a whole disc, computed for one point by the readable reference: for point queries,
profile plots and second looks at a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.radio import freespace, p1812
from coverage.radio.freespace import free_space_loss_db
from coverage.radio.p1812 import MIN_RANGE_KM, P1812Result, basic_transmission_loss, location_sigma_db
from coverage.radio.path_geometry import Profile
from coverage.radio.position import grid_latitude
from coverage.radio.profile import PathView, path_view, terrain_profile


@dataclass(frozen=True)
class Link:
    """A link and how it came to its loss. ``model`` names what ``loss_db`` follows."""

    loss_db: float
    free_space_db: float
    model: str
    near_mast: bool
    """Nearer than the 0.25 km that the Recommendation states: ``loss_db`` is a transition from free space."""
    profile: Profile
    result: P1812Result
    view: PathView


def link(
    terrain: Terrain,
    *,
    tx_x_m: float,
    tx_y_m: float,
    tx_height_m: float,
    rx_x_m: float,
    rx_y_m: float,
    frequency_mhz: float,
    radio: RadioConfig,
    zones: NDArray[np.uint8] | None = None,
    step_m: float | None = None,
) -> Link:
    """Loss between two points of the terrain's grid, dB, antenna heights above ground in metres.

    The receiver's height and all model parameters are those of ``radio``; ``zones`` as for the area engine. On the
    profile of its own that every point has here, the value differs from the area raster's by what reading a pixel
    between rays costs (docs/radial-sweep.md).

    Raises OutsideTerrainError where the path leaves the terrain or crosses a hole, InputError for values out of range.
    """
    profile = terrain_profile(terrain, tx_x_m, tx_y_m, rx_x_m, rx_y_m, step_m=step_m, zones=zones)
    middle = grid_latitude(terrain.grid.epsg, (tx_x_m + rx_x_m) / 2.0, (tx_y_m + rx_y_m) / 2.0)
    result = basic_transmission_loss(
        profile,
        frequency_ghz=frequency_mhz / 1000.0,
        time_percent=radio.time_percent,
        location_percent=radio.location_percent,
        location_sigma_db=pixel_location_sigma_db(terrain.grid.cell_m, frequency_mhz, radio),
        tx_height_m=tx_height_m,
        rx_height_m=radio.receiver_height_m,
        latitude_deg=middle.degrees,
        polarisation=radio.polarisation,
        delta_n=radio.delta_n,
        n0=radio.n0,
        clutter_gap_km=radio.receiver_clutter_distance_m / 1000.0,
    )
    rise_m = result.geometry.h_ts_m - result.geometry.h_rs_m
    # As in the area engine: nobody stands inside the antenna, a metre is the least distance.
    slant_km = max(math.hypot(profile.length_km, rise_m / 1000.0), 1e-3)
    clear = free_space_loss_db(slant_km, 0.0, frequency_mhz / 1000.0)
    if radio.model == "free-space":
        loss, model = clear, freespace.MODEL_NAME
    else:
        share = near_mast_share(profile.length_km)
        loss, model = clear + share * (result.loss_db - clear), p1812.MODEL_NAME
    return Link(
        loss_db=loss,
        free_space_db=clear,
        model=model,
        near_mast=profile.length_km < MIN_RANGE_KM,
        profile=profile,
        result=result,
        view=path_view(profile, result, frequency_ghz=frequency_mhz / 1000.0),
    )


def near_mast_share(length_km: float) -> float:
    """How much of the loss above free space counts so near the mast: 0 up to 125 m, 1 from 250 m, linear between."""
    return min(1.0, max(0.0, 2.0 * length_km / MIN_RANGE_KM - 1.0))


def pixel_location_sigma_db(cell_m: float, frequency_mhz: float, radio: RadioConfig) -> float:
    """σ_loc of square pixels, dB: w_a is the cell's side, held within 50–1000 m."""
    side = min(1000.0, max(50.0, cell_m))
    return location_sigma_db(frequency_mhz / 1000.0, radio.receiver_height_m, radio.receiver_clutter_m, side)
