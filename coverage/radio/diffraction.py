"""Diffraction loss of ITU-R P.1812-8 §4.3: the delta-Bullington construction.

Terrain enters through the Bullington point of the actual profile; the part of a smooth Earth that Bullington misses is
added as the difference between the spherical-Earth loss and the Bullington loss of the equivalent smooth path.
Distances km, heights m, frequency GHz, losses dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from coverage.radio.path_geometry import FloatArray, PathGeometry, Profile, wavelength_m

Polarisation = Literal["horizontal", "vertical"]

LAND_GROUND: Final = (22.0, 0.003)
SEA_GROUND: Final = (80.0, 5.0)
"""Relative permittivity and conductivity in S/m (§4.3.3)."""


def knife_edge_loss_db(nu: float) -> float:
    """J(ν) of a single knife edge, dB; 0 up to ν = −0.78. Equation (12)."""
    if nu <= -0.78:
        return 0.0
    return 6.9 + 20.0 * math.log10(math.sqrt((nu - 0.1) ** 2 + 1.0) + nu - 0.1)


def bullington_loss_db(
    d: FloatArray, g: FloatArray, h_ts: float, h_rs: float, a_p_km: float, frequency_ghz: float
) -> float:
    """Bullington part of the diffraction loss, dB (§4.3.1).

    ``d`` km from the transmitter and ``g`` m above sea level with both ends; only the points between them obstruct.
    """
    length = float(d[-1])
    wavelength = wavelength_m(frequency_ghz)
    inner, ground = d[1:-1], g[1:-1]
    remaining = length - inner
    raised = ground + 500.0 / a_p_km * inner * remaining
    steepest_t = float(np.max((raised - h_ts) / inner))  # (13)
    direct = (h_rs - h_ts) / length  # (14)
    if steepest_t < direct:
        clearance = raised - (h_ts * remaining + h_rs * inner) / length
        nu = float(np.max(clearance * np.sqrt(0.002 * length / (wavelength * inner * remaining))))  # (15)
    else:
        steepest_r = float(np.max((raised - h_rs) / remaining))  # (17)
        d_bp = (h_rs - h_ts + steepest_r * length) / (steepest_t + steepest_r)  # (18)
        height = h_ts + steepest_t * d_bp - (h_ts * (length - d_bp) + h_rs * d_bp) / length
        nu = height * math.sqrt(0.002 * length / (wavelength * d_bp * (length - d_bp)))  # (19)
    edge = knife_edge_loss_db(nu)  # (16), (20)
    return edge + (1.0 - math.exp(-edge / 6.0)) * (10.0 + 0.02 * length)  # (21)


def first_term_loss_db(
    length_km: float,
    h_te: float,
    h_re: float,
    a_dft_km: float,
    frequency_ghz: float,
    ground: tuple[float, float],
    polarisation: Polarisation,
) -> float:
    """First term of the spherical-Earth residue series over one kind of ground, dB (§4.3.3)."""
    permittivity, conductivity = ground
    loss_term = 18.0 * conductivity / frequency_ghz
    k = 0.036 / math.cbrt(a_dft_km * frequency_ghz)
    k /= math.sqrt(math.hypot(permittivity - 1.0, loss_term))  # (29a)
    if polarisation == "vertical":
        k *= math.hypot(permittivity, loss_term)  # (29b)
    beta = (1.0 + 1.6 * k**2 + 0.67 * k**4) / (1.0 + 4.5 * k**2 + 1.53 * k**4)  # (30)
    x = 21.88 * beta * math.cbrt(frequency_ghz / a_dft_km**2) * length_km  # (31)
    if x >= 1.6:
        distance_term = 11.0 + 10.0 * math.log10(x) - 17.6 * x  # (33)
    else:
        distance_term = -20.0 * math.log10(x) - 5.6488 * float(x**1.425)  # (33)
    per_metre = 0.9575 * beta * math.cbrt(frequency_ghz**2 / a_dft_km)
    floor = 2.0 + 20.0 * math.log10(k)
    gain_t = max(_height_gain_db(beta * per_metre * h_te), floor)  # (32a), (34), (35)
    gain_r = max(_height_gain_db(beta * per_metre * h_re), floor)  # (32b), (34), (35)
    return -distance_term - gain_t - gain_r  # (36)


def _height_gain_db(b: float) -> float:
    """G(Y) with B = β·Y. Equation (34)."""
    if b > 2.0:
        return 17.6 * math.sqrt(b - 1.1) - 5.0 * math.log10(b - 1.1) - 8.0
    return 20.0 * math.log10(b + 0.1 * b**3)


def spherical_earth_loss_db(
    length_km: float,
    h_te: float,
    h_re: float,
    a_p_km: float,
    frequency_ghz: float,
    sea_fraction: float,
    polarisation: Polarisation,
) -> float:
    """Spherical-Earth diffraction loss, dB, for effective heights above the smooth surface (§4.3.2)."""

    def first_term(a_dft_km: float) -> float:
        args = (length_km, h_te, h_re, a_dft_km, frequency_ghz)
        land = first_term_loss_db(*args, LAND_GROUND, polarisation)
        sea = first_term_loss_db(*args, SEA_GROUND, polarisation)
        return sea_fraction * sea + (1.0 - sea_fraction) * land  # (28)

    horizon = math.sqrt(2.0 * a_p_km) * (math.sqrt(0.001 * h_te) + math.sqrt(0.001 * h_re))  # (22)
    if length_km >= horizon:
        return first_term(a_p_km)
    c = (h_te - h_re) / (h_te + h_re)  # (24d)
    m = 250.0 * length_km**2 / (a_p_km * (h_te + h_re))  # (24e)
    # At m = 1/2 and one antenna on the ground the argument is 1 but for rounding.
    cosine = min(1.0, max(-1.0, 1.5 * c * math.sqrt(3.0 * m / (m + 1.0) ** 3)))
    b = 2.0 * math.sqrt((m + 1.0) / (3.0 * m)) * math.cos(math.pi / 3.0 + math.acos(cosine) / 3.0)  # (24c)
    d1 = length_km / 2.0 * (1.0 + b)  # (24a)
    d2 = length_km - d1  # (24b)
    clearance = (
        (h_te - 500.0 * d1**2 / a_p_km) * d2 + (h_re - 500.0 * d2**2 / a_p_km) * d1
    ) / length_km  # (23)
    required = 17.456 * math.sqrt(d1 * d2 * wavelength_m(frequency_ghz) / length_km)  # (25)
    if clearance > required:
        return 0.0
    a_marginal = 500.0 * (length_km / (math.sqrt(h_te) + math.sqrt(h_re))) ** 2  # (26)
    loss = first_term(a_marginal)
    return (1.0 - clearance / required) * loss if loss > 0.0 else 0.0  # (27)


@dataclass(frozen=True, slots=True)
class DeltaBullington:
    """Diffraction loss at one effective Earth radius and its three parts, dB."""

    loss_db: float
    actual_db: float
    smooth_db: float
    spherical_db: float


def delta_bullington(
    profile: Profile,
    geometry: PathGeometry,
    *,
    a_p_km: float,
    frequency_ghz: float,
    sea_fraction: float,
    polarisation: Polarisation,
    clutter_gap_km: float = 0.0,
) -> DeltaBullington:
    """Complete diffraction loss at effective Earth radius ``a_p_km`` (§4.3.4)."""
    d = profile.distance_km
    actual = bullington_loss_db(
        d, profile.surface_m(clutter_gap_km), geometry.h_ts_m, geometry.h_rs_m, a_p_km, frequency_ghz
    )
    h_te = geometry.h_ts_m - geometry.h_std_m  # (37a), (38a)
    h_re = geometry.h_rs_m - geometry.h_srd_m  # (37b), (38b)
    smooth = bullington_loss_db(d, np.zeros_like(d), h_te, h_re, a_p_km, frequency_ghz)
    spherical = spherical_earth_loss_db(
        profile.length_km, h_te, h_re, a_p_km, frequency_ghz, sea_fraction, polarisation
    )
    return DeltaBullington(
        loss_db=actual + max(spherical - smooth, 0.0),  # (39)
        actual_db=actual,
        smooth_db=smooth,
        spherical_db=spherical,
    )
