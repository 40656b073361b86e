"""From transmitter power to RSRP, and what walls and car bodies take: the link budget.

EIRP is per carrier and total over antenna ports. RSRP is the power of one resource element (3GPP TS 36.214 and 38.215
§5.1.1): a carrier's power spread over its 12·N_RB subcarriers.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

from coverage.errors import InputError
from coverage.radio.p2109 import Building, median_horizontal_loss_db

Technology = Literal["lte", "nr"]

VEHICLE_LOSS_DB: Final = 8.0
"""Loss into a car; the value that the product states (docs/link-budget.md)."""

_LTE_N_RB: Final[dict[float, int]] = {1.4: 6, 3.0: 15, 5.0: 25, 10.0: 50, 15.0: 75, 20.0: 100}
"""3GPP TS 36.101 Table 5.6-1."""

_NR_N_RB: Final[dict[int, dict[float, int]]] = {
    15: {
        3: 15, 5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270,
    },
    30: {
        5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133,
        60: 162, 70: 189, 80: 217, 90: 245, 100: 273,
    },
    60: {
        10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 35: 44, 40: 51, 45: 58, 50: 65,
        60: 79, 70: 93, 80: 107, 90: 121, 100: 135,
    },
}  # fmt: skip
"""3GPP TS 38.101-1 Table 5.3.2-1 (FR1), by subcarrier spacing in kHz, then channel bandwidth in MHz."""


def resource_blocks(technology: Technology, bandwidth_mhz: float, subcarrier_khz: int = 15) -> int:
    """N_RB of a carrier. Raises InputError for a bandwidth or spacing that the standard does not have."""
    if technology == "lte":
        table = _LTE_N_RB if subcarrier_khz == 15 else {}
    else:
        table = _NR_N_RB.get(subcarrier_khz, {})
    if bandwidth_mhz not in table:
        known = "、".join(f"{b:g}" for b in table) or "なし"
        raise InputError(
            "bandwidth-not-in-standard",
            f"{technology.upper()} に帯域幅{bandwidth_mhz:g} MHz・間隔{subcarrier_khz} kHz の搬送波はありません"
            f"（この間隔で使える帯域幅: {known}）。",
            f"{technology.upper()} has no carrier of {bandwidth_mhz:g} MHz at {subcarrier_khz} kHz spacing; "
            f"bandwidths at this spacing: {', '.join(f'{b:g}' for b in table) or 'none'}.",
        )
    return table[bandwidth_mhz]


def rsrp_reduction_db(n_rb: int) -> float:
    """Carrier power over resource-element power: 10·log10(12·N_RB), dB (27.8 at LTE 10 MHz, 30.8 at 20 MHz)."""
    return 10.0 * math.log10(12.0 * n_rb)


def eirp_dbm(*, power_dbm: float, antenna_gain_dbi: float, feeder_loss_db: float = 0.0) -> float:
    """EIRP of a carrier from its transmitter power (total over ports), antenna gain and feeder loss, dBm.

    Raises InputError for a negative feeder loss.
    """
    if feeder_loss_db < 0:
        raise InputError(
            "feeder-loss-negative",
            f"給電線損失が{feeder_loss_db:g} dB です。0以上の値（損失）にしてください。",
            f"the feeder loss is {feeder_loss_db:g} dB; give a loss, 0 or more.",
        )
    return power_dbm + antenna_gain_dbi - feeder_loss_db


def rsrp_dbm(
    *, eirp_dbm: float, loss_db: float, n_rb: int, pattern_gain_db: float = 0.0, offset_db: float = 0.0
) -> float:
    """RSRP at an isotropic receiver: EIRP − 10·log10(12·N_RB) + pattern − loss + offset, dBm."""
    return eirp_dbm - rsrp_reduction_db(n_rb) + pattern_gain_db - loss_db + offset_db


def entry_loss_db(
    place: Literal["outdoors", "indoors", "vehicle"], frequency_mhz: float, building: Building = "traditional"
) -> float:
    """Loss from outdoors at 1.5 m to where the phone is, dB: 0; ITU-R P.2109 median L_h; or the vehicle loss."""
    if place == "indoors":
        return median_horizontal_loss_db(frequency_mhz / 1000.0, building)
    return VEHICLE_LOSS_DB if place == "vehicle" else 0.0


@dataclass(frozen=True, slots=True)
class Band:
    """A frequency band as the standard numbers it. Edges of the base station's transmit (downlink) range, MHz."""

    band: str
    technology: Technology
    duplex: Literal["fdd", "tdd"]
    downlink_low_mhz: float
    downlink_high_mhz: float
    source: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """A downlink block that an operator holds in Japan, MHz, and where that is published."""

    operator: str
    band: str
    downlink_low_mhz: float
    downlink_high_mhz: float
    source: str

    @property
    def centre_mhz(self) -> float:
        return (self.downlink_low_mhz + self.downlink_high_mhz) / 2.0

    @property
    def width_mhz(self) -> float:
        return self.downlink_high_mhz - self.downlink_low_mhz


@cache
def band_presets() -> tuple[tuple[Band, ...], tuple[Allocation, ...]]:
    """Bands and Japanese operators' blocks from the packaged ``bands.toml``."""
    text = resources.files("coverage.radio").joinpath("bands.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    bands = tuple(Band(**row) for row in data["band"])
    allocations = tuple(Allocation(**row) for row in data["allocation"])
    return bands, allocations


def preset_frequency_mhz(operator: str, band: str) -> float | None:
    """Centre of the operator's block in a band ("B19", "n78"), else of the band itself; None for an unknown band.

    LTE and NR numbers of one band count as the same spectrum (B28 = n28).
    """
    bands, allocations = band_presets()
    number = band.strip().upper().lstrip("BN")
    own = [a for a in allocations if a.operator == operator and a.band.upper().lstrip("BN") == number]
    if own:
        return own[0].centre_mhz
    for known in bands:
        if known.band.upper().lstrip("BN") == number:
            return (known.downlink_low_mhz + known.downlink_high_mhz) / 2.0
    return None
