"""Building entry loss by Recommendation ITU-R P.2109-2.

Two numbers are easily confused. ``median_horizontal_loss_db`` is L_h, the median of the dominant mechanism alone: it is
what planners quote as "the P.2109 median" (12.3 dB at 800 MHz, traditional), and what the indoor class of this product
adds. ``building_entry_loss_db(probability=0.5)`` is the median of the whole model, with the second mechanism and
the −3 dB floor summed in: about 2 dB more at mobile frequencies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

from coverage.errors import InputError

Building = Literal["traditional", "thermally-efficient"]


@dataclass(frozen=True, slots=True)
class _Coefficients:
    """Table 1 of the Recommendation."""

    r: float
    s: float
    t: float
    u: float
    v: float
    w: float
    x: float
    y: float
    z: float


_TABLE: Final[dict[str, _Coefficients]] = {
    "traditional": _Coefficients(12.64, 3.72, 0.96, 9.6, 2.0, 9.1, -3.0, 4.5, -2.0),
    "thermally-efficient": _Coefficients(28.19, -3.00, 8.48, 13.5, 3.8, 27.8, -2.9, 9.4, -2.1),
}


def median_horizontal_loss_db(frequency_ghz: float, building: Building = "traditional") -> float:
    """L_h: median loss for horizontal arrival by the dominant mechanism, dB. Equation (9)."""
    c = _coefficients(building)
    log_f = _log_frequency(frequency_ghz)
    return c.r + c.s * log_f + c.t * log_f**2


def building_entry_loss_db(
    frequency_ghz: float,
    *,
    probability: float = 0.5,
    building: Building = "traditional",
    elevation_deg: float = 0.0,
) -> float:
    """Loss not exceeded with ``probability`` (0–1, both excluded), dB. ITU-R P.2109-2 equations (1)–(10).

    ``frequency_ghz`` 0.08–100; ``elevation_deg`` of the ray at the façade, −90…90.

    Raises InputError for a frequency, probability, elevation or building outside the Recommendation.
    """
    if not 0.0 < probability < 1.0:
        raise InputError(
            "probability-out-of-range",
            f"確率が {probability:g} です。0 より大きく 1 より小さい値にしてください。",
            f"the probability is {probability:g}; give a value above 0 and below 1.",
        )
    if not -90.0 <= elevation_deg <= 90.0:
        raise InputError(
            "elevation-out-of-range",
            f"仰角が {elevation_deg:g}° です。-90～90° の値にしてください。",
            f"the elevation angle is {elevation_deg:g}°; give a value from -90 to 90.",
        )
    c = _coefficients(building)
    log_f = _log_frequency(frequency_ghz)
    quantile = NormalDist().inv_cdf(probability)
    mu1 = median_horizontal_loss_db(frequency_ghz, building) + 0.212 * abs(elevation_deg)  # (5), (10)
    mu2 = c.w + c.x * log_f  # (6)
    a = quantile * (c.u + c.v * log_f) + mu1  # (2), (7)
    b = quantile * (c.y + c.z * log_f) + mu2  # (3), (8)
    return 10.0 * math.log10(10.0 ** (0.1 * a) + 10.0 ** (0.1 * b) + 10.0**-0.3)  # (1), (4)


def _coefficients(building: str) -> _Coefficients:
    if building not in _TABLE:
        raise InputError(
            "building-unknown",
            f"建物の種類「{building}」は扱えません。traditional か thermally-efficient を指定してください。",
            f"building type {building!r} is unknown; give 'traditional' or 'thermally-efficient'.",
        )
    return _TABLE[building]


def _log_frequency(frequency_ghz: float) -> float:
    if not 0.08 <= frequency_ghz <= 100.0:
        raise InputError(
            "frequency-out-of-range",
            f"周波数が {frequency_ghz:g} GHz です。建物侵入損の式は 0.08～100 GHz に限られます。",
            f"the frequency is {frequency_ghz:g} GHz; building entry loss is defined from 0.08 to 100 GHz.",
        )
    return math.log10(frequency_ghz)
