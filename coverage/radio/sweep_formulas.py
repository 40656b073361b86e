"""Closed forms of ITU-R P.1812-8 for compiled code: what needs no walk along the profile.

The same equations as in :mod:`coverage.radio.p1812` and :mod:`coverage.radio.diffraction`, written for one receiver of
a sweep: constants of the run are folded in beforehand (:class:`Constants`, :class:`Tables`), logarithms are merged, and
a term that cannot change the result by 1e-10 dB is not computed. Distances km, heights m, losses dB.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coverage.radio.diffraction import LAND_GROUND, SEA_GROUND, Polarisation
from coverage.radio.kernel import inner, kernel
from coverage.radio.p1812 import (
    EARTH_RADIUS_BETA_KM,
    inverse_normal,
    median_earth_radius_km,
)
from coverage.radio.path_geometry import wavelength_m

FloatArray = NDArray[np.float64]

_FLOOR_RATIO: Final = 10.0**0.1
_LN10: Final = math.log(10.0)
_LOG_1_6: Final = math.log(1.6)
_DB: Final = 20.0 / _LN10


class Constants(NamedTuple):
    """What is the same for every receiver of a sweep."""

    tx_height_m: float
    rx_height_m: float
    at_median_time: bool
    """p = 50 %: only the median set of hulls is needed."""
    time_percent: float
    log_p: float
    log_p50: float
    """log10(p), log10(p / 50)."""
    quantile_p: float
    """I(p / 100)."""
    a_e_km: float
    c_e: float
    c_beta: float
    """500 / a_p: the Earth's bulge between points d km apart is c·d1·d2 metres."""
    nu_scale: float
    """sqrt(0.002 / λ)."""
    required_scale: float
    """17.456·sqrt(λ)."""
    f_third: float
    f_root: float
    land_k: float
    sea_k: float
    """K·(a·f)^(1/3): the ground constant of equations (29), for the polarisation in use."""
    log_f: float
    ducting_fixed_db: float
    """102.45 + 20·log10 f + A_lf."""
    gamma_d: float
    location_db: float
    """−I(pL / 100)·σ_loc."""
    clutter_gap_km: float
    """Clutter nearer than this to the receiver is left out."""


class Tables(NamedTuple):
    """What depends on the distance from the transmitter only; index k is the k-th point."""

    d: FloatArray
    """km, from 0."""
    step_km: float
    """Spacing of ``d``, or 0 where it is unequal."""
    free_space_db: FloatArray
    """Over the ground distance."""
    troposcatter_db: FloatArray
    """L_bs without its 0.573·θ."""
    f_k: FloatArray
    d_113: FloatArray
    """1e-6·d^1.13."""
    d_31: FloatArray
    """3.5e-9·d^3.1."""
    ducting_floor_db: FloatArray
    """Lower bound of the ducting terms that depend on d alone: A_p at the largest β0, plus γ_d·1e3·d/a_e."""
    log_mu1_inland: FloatArray
    tau_inland: FloatArray
    """log10 μ1 and τ of a path that is inland all the way."""
    reach: FloatArray
    """2.6·(1 − e^(−d/10)): equation (9) of a line-of-sight path, whose d_lt + d_lr is d."""


def make_constants(
    *,
    frequency_ghz: float,
    time_percent: float,
    tx_height_m: float,
    rx_height_m: float,
    polarisation: Polarisation,
    delta_n: float,
    location_percent: float,
    location_sigma_db: float,
    clutter_gap_km: float = 0.0,
) -> Constants:
    """Fold the parameters of a run into constants. The caller has checked them."""
    f, p = frequency_ghz, time_percent
    a_e = median_earth_radius_km(delta_n)

    def ground_k(ground: tuple[float, float]) -> float:
        permittivity, loss = ground[0], 18.0 * ground[1] / f
        k = 0.036 / math.sqrt(math.hypot(permittivity - 1.0, loss))  # (29a)
        return k * math.hypot(permittivity, loss) if polarisation == "vertical" else k  # (29b)

    low_frequency = 45.375 - 137.0 * f + 92.5 * f**2 if f < 0.5 else 0.0  # (47a)
    return Constants(
        tx_height_m=float(tx_height_m),
        rx_height_m=float(rx_height_m),
        at_median_time=bool(p == 50.0),
        time_percent=float(p),
        log_p=math.log10(p),
        log_p50=math.log10(p / 50.0),
        quantile_p=inverse_normal(p / 100.0),
        a_e_km=a_e,
        c_e=500.0 / a_e,
        c_beta=500.0 / EARTH_RADIUS_BETA_KM,
        nu_scale=math.sqrt(0.002 / wavelength_m(f)),
        required_scale=17.456 * math.sqrt(wavelength_m(f)),
        f_third=math.cbrt(f),
        f_root=math.sqrt(f),
        land_k=ground_k(LAND_GROUND),
        sea_k=ground_k(SEA_GROUND),
        log_f=math.log10(f),
        ducting_fixed_db=102.45 + 20.0 * math.log10(f) + low_frequency,
        gamma_d=5e-5 * a_e * math.cbrt(f),
        location_db=-inverse_normal(location_percent / 100.0) * location_sigma_db,
        clutter_gap_km=float(clutter_gap_km),
    )


def make_tables(
    c: Constants, d: FloatArray, *, n0: float, latitude_deg: float, latitude_reach_deg: float
) -> Tables:
    """Tables for points ``d``, km from 0. The mast stands at ``latitude_deg``; no path's centre is further than
    ``latitude_reach_deg`` from it."""
    far = d.copy()
    far[0] = 1e-3 * d[1]
    log_f_half = c.log_f - math.log10(2.0)
    loss_f = 25.0 * c.log_f - 2.5 * log_f_half**2  # (45)
    loss_p = 10.125 * (-c.log_p50) ** 0.7
    tau = 1.0 - np.exp(-4.12e-4 * d**2.41)  # (3)
    nearest = max(0.0, abs(latitude_deg) - latitude_reach_deg)
    log_beta0_most = math.log10(4.17) if nearest > 70.0 else max(-0.015 * nearest + 1.67, math.log10(4.17))
    d_113 = 1e-6 * far**1.13
    spacing = np.diff(d)
    return Tables(
        d=d,
        step_km=float(d[1]) if np.ptp(spacing) <= 1e-9 * d[1] else 0.0,
        free_space_db=92.4 + 20.0 * c.log_f + 20.0 * np.log10(far),
        troposcatter_db=190.1 + loss_f + 20.0 * np.log10(far) - 0.15 * n0 - loss_p,
        f_k=1.0 - 0.5 * (1.0 + np.tanh(1.5 * (d - 20.0) / 20.0)),
        d_113=d_113,
        d_31=3.5e-9 * far**3.1,
        # A_p falls as β rises (docs/radial-sweep.md), and μ2, μ3 ≤ 1, so that the largest β0 bounds it from below.
        ducting_floor_db=time_distributions_db(c.log_p, log_beta0_most, d, d_113)
        + c.gamma_d * 1e3 * d / c.a_e_km,
        log_mu1_inland=_log_mu1(d, tau),
        tau_inland=tau,
        reach=2.6 * (1.0 - np.exp(-0.1 * d)),
    )


def _log_mu1(d_tm: FloatArray, tau: FloatArray) -> FloatArray:
    """log10 μ1 of equation (2) for land all the way."""
    mu1 = (10.0 ** (-d_tm / (16.0 - 6.6 * tau)) + 10.0 ** (-5.0 * (0.496 + 0.354 * tau))) ** 0.2
    logs: FloatArray = np.log10(np.minimum(mu1, 1.0))
    return logs


@inner
def arc_tangent(x: float) -> float:
    """atan x; for the small slopes of terrain its series, whose next term is below 1e-17."""
    if abs(x) > 0.05:
        return math.atan(x)
    s = x * x
    return x * (1.0 - s * (1 / 3 - s * (1 / 5 - s * (1 / 7 - s * (1 / 9 - s * (1 / 11 - s / 13))))))


@inner
def log_one_plus(x: float) -> float:
    """ln(1 + x) for x ≥ 0; for small x its series, whose next term is below 1e-17."""
    if x > 0.003:
        return math.log1p(x)
    return x * (1.0 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x * (1 / 5 - x * (1 / 6 - x / 7))))))


@inner
def inland_tau(d_lm: float) -> float:
    """τ of equation (3)."""
    if d_lm <= 0.0:
        return 0.0
    return 1.0 - math.exp(-4.12e-4 * math.exp(2.41 * math.log(d_lm)))


@inner
def log_mu1_mixed(d_tm: float, tau: float) -> float:
    """log10 μ1 of equation (2)."""
    total = math.exp(-_LN10 * d_tm / (16.0 - 6.6 * tau)) + math.exp(-5.0 * _LN10 * (0.496 + 0.354 * tau))
    return min(0.2 / _LN10 * math.log(total), 0.0)


@inner
def log_beta0(log_mu1: float, latitude: float) -> float:
    """log10 β0 of equations (4), (5); ``latitude`` not negative."""
    if latitude <= 70.0:
        return -0.015 * latitude + 1.67 + log_mu1 * (0.065 + 0.0176 * latitude)
    return math.log10(4.17) + 1.3 * log_mu1


@inner
def time_distribution_db(log_p: float, log_beta: float, length: float, d_113: float) -> float:
    """A(p) of equations (53), (53a)."""
    log_ratio = log_p - log_beta
    exponent = (9.51 - 4.8 * log_beta + 0.198 * log_beta * log_beta) * d_113
    gamma = 1.076 * math.exp(-1.012 * math.log(2.0058 - log_beta) - exponent)
    return -12.0 + (1.2 + 3.7e-3 * length) * log_ratio + 12.0 * math.exp(_LN10 * gamma * log_ratio)


@kernel
def time_distributions_db(log_p: float, log_beta: float, d: FloatArray, d_113: FloatArray) -> FloatArray:
    """:func:`time_distribution_db` for many distances."""
    out = np.empty(d.size)
    for i in range(d.size):
        out[i] = time_distribution_db(log_p, log_beta, d[i], d_113[i])
    return out


@inner
def bullington_from_nu(nu: float, length: float) -> float:
    """Knife edge and Bullington's empirical addition. Equations (12), (21)."""
    if nu <= -0.78:
        return 0.0
    v = nu - 0.1
    edge = 6.9 + _DB * math.log(math.sqrt(v * v + 1.0) + v)
    return edge + (1.0 - math.exp(edge * (-1.0 / 6.0))) * (10.0 + 0.02 * length)


@inner
def bullington_obstructed_nu(
    length: float, h_ts: float, h_rs: float, steepest_t: float, steepest_r: float, nu_scale: float
) -> float:
    """ν of the Bullington point of an obstructed path. Equations (18), (19)."""
    d_bp = (h_rs - h_ts + steepest_r * length) / (steepest_t + steepest_r)
    height = h_ts + steepest_t * d_bp - (h_ts * (length - d_bp) + h_rs * d_bp) / length
    return height * nu_scale * math.sqrt(length / (d_bp * (length - d_bp)))


@inner
def _smooth_nu(d1: float, length: float, bulge: float, h_te: float, h_re: float) -> float:
    """ν/nu_scale over the smooth Earth at ``d1``. Equation (15) with g = 0."""
    d2 = length - d1
    product = d1 * d2
    return (bulge * product - (h_te * d2 + h_re * d1) / length) * math.sqrt(length / product)


@inner
def _smooth_peak(length: float, bulge: float, h_te: float, h_re: float, enough: float) -> float:
    """Share of the path where ν over the smooth Earth is largest, to within ``enough``.

    With d = D·sin²φ, ν is concave in φ: Newton's method on its derivative, kept inside a bracket.
    """
    curvature = bulge * length * length
    s = h_te / (h_te + h_re)
    low, high = 0.0, 1.0
    for _ in range(30):
        value = curvature * s * (1.0 - s) * (1.0 - 2.0 * s) + h_te * (1.0 - s) - h_re * s
        if value > 0.0:
            low = s
        else:
            high = s
        derivative = curvature * (1.0 - 6.0 * s + 6.0 * s * s) - h_te - h_re
        following = s - value / derivative
        if not low < following < high:
            following = 0.5 * (low + high)
        moved = abs(following - s)
        s = following
        if moved < enough:
            break
    return s


@inner
def smooth_bullington_db(
    step: float, k: int, bulge: float, h_te: float, h_re: float, nu_scale: float
) -> float:
    """Bullington loss of the equivalent smooth path over the points i·step, 0 < i < k (§4.3.4), without a walk.

    The slopes c·(D−d) − h/d are concave in d, so that the best point is beside the continuous optimum sqrt(h/c).
    """
    length = k * step
    i = min(max(int(math.sqrt(h_te / bulge) / step), 1), k - 1)
    steepest_t = bulge * (length - i * step) - h_te / (i * step)
    if i < k - 1:
        steepest_t = max(steepest_t, bulge * (length - (i + 1) * step) - h_te / ((i + 1) * step))
    if steepest_t >= (h_re - h_te) / length:
        j = min(max(int(math.sqrt(h_re / bulge) / step), 1), k - 1)
        steepest_r = bulge * (length - j * step) - h_re / (j * step)
        if j < k - 1:
            steepest_r = max(steepest_r, bulge * (length - (j + 1) * step) - h_re / ((j + 1) * step))
        nu = bullington_obstructed_nu(length, h_te, h_re, steepest_t, steepest_r, nu_scale)
        return bullington_from_nu(nu, length)
    i = min(max(int(_smooth_peak(length, bulge, h_te, h_re, 0.25 / k) * k), 1), k - 1)
    best = _smooth_nu(i * step, length, bulge, h_te, h_re)
    j = i
    while j < k - 1:
        j += 1
        after = _smooth_nu(j * step, length, bulge, h_te, h_re)
        if after <= best:
            break
        best = after
    while i > 1:
        i -= 1
        before = _smooth_nu(i * step, length, bulge, h_te, h_re)
        if before <= best:
            break
        best = before
    return bullington_from_nu(best * nu_scale, length)


@inner
def smooth_bullington_unequal_db(
    d: FloatArray, k: int, bulge: float, h_te: float, h_re: float, nu_scale: float
) -> float:
    """The same over points 1…k−1 at any distances, by walking all of them."""
    length = d[k]
    steepest_t = steepest_r = nu = -math.inf
    for i in range(1, k):
        steepest_t = max(steepest_t, bulge * (length - d[i]) - h_te / d[i])
        steepest_r = max(steepest_r, bulge * d[i] - h_re / (length - d[i]))
        nu = max(nu, _smooth_nu(d[i], length, bulge, h_te, h_re))
    nu *= nu_scale
    if steepest_t >= (h_re - h_te) / length:
        nu = bullington_obstructed_nu(length, h_te, h_re, steepest_t, steepest_r, nu_scale)
    return bullington_from_nu(nu, length)


@inner
def height_gain_db(b: float) -> float:
    """G(Y) of equation (34) without its floor."""
    if b > 2.0:
        return 17.6 * math.sqrt(b - 1.1) - 0.25 * _DB * math.log(b - 1.1) - 8.0
    return _DB * math.log(b + 0.1 * b * b * b)


@inner
def first_term_db(
    length: float, h_te: float, h_re: float, radius_third: float, f_third: float, ground_k: float
) -> float:
    """First term of the spherical-Earth series over one ground, dB. Equations (29)–(36), logarithms merged.

    ``radius_third`` is the cube root of the effective Earth radius in km.
    """
    k = ground_k / (radius_third * f_third)
    k2 = k * k
    beta = (1.0 + k2 * (1.6 + 0.67 * k2)) / (1.0 + k2 * (4.5 + 1.53 * k2))  # (30)
    log_x = math.log(21.88 * beta * f_third / (radius_third * radius_third) * length)  # (31)
    scale = 0.9575 * beta * beta * f_third * f_third / radius_third
    b_t, b_r = scale * h_te, scale * h_re  # (32), (35)
    if log_x >= _LOG_1_6:
        loss = 17.6 * math.exp(log_x) - 11.0 - 0.5 * _DB * log_x  # (33)
    else:
        loss = 5.6488 * math.exp(1.425 * log_x) + _DB * log_x
    if k > 2.0:
        # Only over the sea, at VHF and short range, can the floor of (34) lie above 8.9 dB.
        floor_db = 2.0 + _DB * math.log(k)
        return loss - max(height_gain_db(b_t), floor_db) - max(height_gain_db(b_r), floor_db)
    floor = _FLOOR_RATIO * k
    gain = 1.0
    if b_t > 2.0:
        loss += 8.0 - 17.6 * math.sqrt(b_t - 1.1)
        gain /= math.sqrt(math.sqrt(b_t - 1.1))
    else:
        gain *= max(b_t + 0.1 * b_t * b_t * b_t, floor)
    if b_r > 2.0:
        loss += 8.0 - 17.6 * math.sqrt(b_r - 1.1)
        gain /= math.sqrt(math.sqrt(b_r - 1.1))
    else:
        gain *= max(b_r + 0.1 * b_r * b_r * b_r, floor)
    return loss - _DB * math.log(gain)


@inner
def spherical_db(
    length: float, h_te: float, h_re: float, bulge: float, omega: float, f_third: float, land_k: float,
    sea_k: float, required_scale: float,
) -> float:  # fmt: skip
    """Spherical-Earth loss, dB; 0 where it is not positive (only its excess is ever used). Equations (22)–(28)."""
    # No point of a path is further below the antennas than the bulge at mid-path, nor needs more than at mid-path.
    if min(h_te, h_re) - 0.25 * bulge * length * length > 0.5 * required_scale * math.sqrt(length):
        return 0.0
    radius = 500.0 / bulge
    share = 1.0
    root_sum = math.sqrt(h_te) + math.sqrt(h_re)
    if length < math.sqrt(0.002 * radius) * root_sum:  # (22)
        height_sum = h_te + h_re
        m = 0.5 * bulge * length * length / height_sum  # (24e)
        cosine = 1.5 * (h_te - h_re) / height_sum * math.sqrt(3.0 * m / ((m + 1.0) * (m + 1.0) * (m + 1.0)))
        cosine = min(1.0, max(-1.0, cosine))
        b = (
            2.0 * math.sqrt((m + 1.0) / (3.0 * m)) * math.cos(math.pi / 3.0 + math.acos(cosine) / 3.0)
        )  # (24c)
        d1 = 0.5 * length * (1.0 + b)
        d2 = length - d1
        clearance = ((h_te - bulge * d1 * d1) * d2 + (h_re - bulge * d2 * d2) * d1) / length  # (23)
        required = required_scale * math.sqrt(d1 * d2 / length)  # (25)
        if clearance > required:
            return 0.0
        share = 1.0 - clearance / required
        radius = 500.0 * (length / root_sum) ** 2  # (26)
    radius_third = math.exp(math.log(radius) / 3.0)
    loss = 0.0
    if omega < 1.0:
        loss += (1.0 - omega) * first_term_db(length, h_te, h_re, radius_third, f_third, land_k)
    if omega > 0.0:
        loss += omega * first_term_db(length, h_te, h_re, radius_third, f_third, sea_k)  # (28)
    return share * loss if loss > 0.0 else 0.0  # (27)


@inner
def site_shielding_db(theta: float, horizon: float, f_third: float, f_root: float) -> float:
    """A_st, A_sr of equation (48)."""
    excess = theta - 0.1 * horizon
    if excess <= 0.0:
        return 0.0
    return _DB * math.log(1.0 + 0.361 * excess * f_root * math.sqrt(horizon)) + 0.264 * excess * f_third


@inner
def duct_coupling_db(coast: float, horizon: float, omega: float, antenna_amsl: float) -> float:
    """A_ct, A_cr of equation (49)."""
    if omega < 0.75 or coast > horizon or coast > 5.0:
        return 0.0
    return -3.0 * math.exp(-0.25 * coast * coast) * (1.0 + math.tanh(0.07 * (50.0 - antenna_amsl)))


@inner
def inverse_normal_of_percent(log_percent: float) -> float:
    """I(x) for x = 10^log_percent / 100 ≤ 0.5. Equations (96a), (97); limited at 1e-6."""
    t = math.sqrt(2.0 * _LN10 * min(2.0 - log_percent, 6.0))
    top = (0.010328 * t + 0.802853) * t + 2.515516698
    return t - top / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0)
