"""Where the ledger comes from: the CSV tables in the region's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coverage.services.context import AppContext

if TYPE_CHECKING:
    from coverage.domain.region import RegionData

LEDGER_LAYERS = ("sites", "districts", "actuals", "indicators")


def ledger_of(context: AppContext) -> RegionData:
    """The region with its ledger and policy sheet only: no boundaries, terrain or people."""
    from coverage.readers.region import load_region

    named = context.config.layers
    wanted = [name for name in LEDGER_LAYERS if getattr(named, name) is not None]
    return load_region(context.region_folder, layers_root=context.layers_root, only=wanted)
