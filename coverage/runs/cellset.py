"""The antennas of a run with their footprints: what the radio hands to the overlay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coverage.radio.footprint import Footprint


@dataclass(frozen=True)
class CellSet:
    """``keys``: (site_id, operator, band) of each cell; several sectors of one band share a key."""

    keys: tuple[tuple[str, str, str], ...]
    footprint: Callable[[int], Footprint]
    """Footprint of a cell by its number in ``keys``."""
    model_card: dict[str, Any]

    @cached_property
    def by_key(self) -> dict[tuple[str, str, str], list[int]]:
        grouped: dict[tuple[str, str, str], list[int]] = {}
        for index, key in enumerate(self.keys):
            grouped.setdefault(key, []).append(index)
        return grouped

    @cached_property
    def by_site(self) -> dict[str, list[int]]:
        grouped: dict[str, list[int]] = {}
        for index, (site_id, _, _) in enumerate(self.keys):
            grouped.setdefault(site_id, []).append(index)
        return grouped
