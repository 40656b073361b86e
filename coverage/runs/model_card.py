"""The model card: what every computed number was computed with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coverage.domain.region import RegionData
from coverage.runs.published_areas import published_card


def model_card(data: RegionData, radio_card: Mapping[str, Any]) -> dict[str, Any]:
    """Model, terrain, clutter, parameters, ladder, and the values that stood in for missing ones (既定値).

    ``radio_card`` comes from the radio engine and names its model, version and the defaults it used.
    """
    terrain, radio = data.terrain, data.config.radio
    published = published_card(data.published_coverage, data.config.operators, data.config.fiscal_years)
    step = terrain.source_step_m
    return {
        "terrain": {
            "source": terrain.source,
            "source_step_m": None if step != step else round(step, 2),
            "grid_step_m": terrain.grid.cell_m,
            "surface_model": terrain.surface_model,
            "clutter": "raster" if terrain.clutter_m is not None else "none",
            "warning_ja": "数値表層モデルのため樹木・屋根を含みます。受信点が樹冠の上に置かれ、電波を強めに見積もります。"
            if terrain.surface_model
            else "",
            "warning_en": "Surface model: trees and roofs are in the heights, so levels are biased upwards."
            if terrain.surface_model
            else "",
        },
        "receiver_height_m": radio.receiver_height_m,
        "receiver_clutter_m": radio.receiver_clutter_m,
        "receiver_clutter_distance_m": radio.receiver_clutter_distance_m,
        "time_percent": radio.time_percent,
        "location_percent": radio.location_percent,
        "polarisation": radio.polarisation,
        "delta_n": radio.delta_n,
        "n0": radio.n0,
        "max_range_m": radio.max_range_m,
        "offset_db": radio.offset_db,
        "model_error_db": radio.model_error_db,
        "ladder_id": data.config.ladder.id,
        "signal_edge_dbm": data.config.ladder.edge_dbm,
        "population_estimated": data.population.estimated,
        "census_year": data.population.census_year,
        "published_coverage": sorted({p.operator for p in data.published_coverage}),
        **({} if published is None else {"published_areas": published}),
        **radio_card,
    }
