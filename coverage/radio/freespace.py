"""Free-space loss: part of P.1812, and a model of its own behind the same interface."""

from __future__ import annotations

import math
from typing import Final

MODEL_NAME: Final = "ITU-R P.525 free space"


def free_space_loss_db(ground_km: float, height_difference_m: float, frequency_ghz: float) -> float:
    """Basic transmission loss in free space over the slant distance, dB. ITU-R P.1812-8 equations (8), (8a).

    ``ground_km`` is the horizontal distance, ``height_difference_m`` between the antennas above sea level. The
    constant is the Recommendation's 92.4 (P.525 has 92.45), so that both models agree on an unobstructed path.
    """
    slant_squared = ground_km**2 + (height_difference_m / 1000.0) ** 2  # (8a)
    return 92.4 + 20.0 * math.log10(frequency_ghz) + 10.0 * math.log10(slant_squared)  # (8)
