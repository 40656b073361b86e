"""Basic transmission loss by Recommendation ITU-R P.1812-8: the plain, readable reference.

One path at a time, O(n), plain NumPy, every formula with its equation number. The radial sweep
(:mod:`coverage.radio.sweep`) computes the same quantity for whole discs and is tested against this module.
Building entry loss is separate (:mod:`coverage.radio.p2109`). The ITU maps of ΔN and N0 may not be redistributed:
both are inputs. Attachment 4 (Bullington loss of the smooth path without a profile) is not used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, get_args

from coverage.errors import InputError
from coverage.radio.diffraction import DeltaBullington, Polarisation, delta_bullington
from coverage.radio.freespace import free_space_loss_db
from coverage.radio.path_geometry import (
    SEA,
    PathGeometry,
    Profile,
    coast_distances_km,
    longest_land_km,
    path_geometry,
    sea_fraction,
)

MODEL_NAME: Final = "ITU-R P.1812-8"
MIN_RANGE_KM: Final = 0.25
"""Shortest path that the Recommendation states itself valid for (about 0.25 km, Annex 1 §1)."""


@dataclass(frozen=True, slots=True)
class P1812Result:
    """Loss not exceeded for p % of time and pL % of locations, and every step on the way to it.

    Losses dB, distances km, heights m, angles mrad, percentages %. Names follow the Recommendation's symbols.
    """

    loss_db: float
    """L_b, equation (69)."""
    field_dbuvm: float
    """E_p for 1 kW effective radiated power, dB(µV/m), equation (70)."""
    within_range: bool
    """False where the path is shorter than the 0.25 km that the Recommendation states."""
    length_km: float
    geometry: PathGeometry
    sea_fraction: float
    d_tm_km: float
    d_lm_km: float
    d_ct_km: float
    d_cr_km: float
    beta0_percent: float
    a_e_km: float
    f_i: float
    f_j: float
    f_k: float
    l_bfs_db: float
    l_b0p_db: float
    l_b0beta_db: float
    median: DeltaBullington
    """Diffraction at the median effective Earth radius."""
    beta: DeltaBullington
    """Diffraction at the radius exceeded for β0 % of time."""
    l_dp_db: float
    l_bd50_db: float
    l_bd_db: float
    l_min_b0p_db: float
    l_ba_db: float
    l_min_bap_db: float
    l_bda_db: float
    l_bam_db: float
    l_bs_db: float
    l_bc_db: float
    l_loc_db: float


def basic_transmission_loss(
    profile: Profile,
    *,
    frequency_ghz: float,
    time_percent: float,
    tx_height_m: float,
    rx_height_m: float,
    latitude_deg: float,
    polarisation: Polarisation = "vertical",
    location_percent: float = 50.0,
    location_sigma_db: float = 0.0,
    delta_n: float = 45.0,
    n0: float = 325.0,
    d_ct_km: float | None = None,
    d_cr_km: float | None = None,
    clutter_gap_km: float = 0.0,
) -> P1812Result:
    """Basic transmission loss of one path, dB, by ITU-R P.1812-8 §4.

    ``frequency_ghz`` 0.03–6; ``time_percent`` 1–50; ``location_percent`` 1–99 with ``location_sigma_db`` from
    :func:`location_sigma_db` (0: no location variability); antenna heights 1–3000 m above ground; ``latitude_deg`` of
    the path centre; ``delta_n`` N-units/km below 157; ``n0`` N-units. ``d_ct_km``/``d_cr_km`` are the land distances
    to the coast from the ends; None takes them from the profile's zones. A terminal at sea has 0 whatever is given. ``clutter_gap_km`` leaves out clutter nearer
    than that to the receiver (0: the Recommendation as it is).

    Raises InputError naming the input that lies outside its range.
    """
    _check_inputs(
        frequency_ghz, time_percent, tx_height_m, rx_height_m, latitude_deg, polarisation, location_percent,
        location_sigma_db, delta_n, n0, d_ct_km, d_cr_km, clutter_gap_km,
    )  # fmt: skip
    f, p, length = frequency_ghz, time_percent, profile.length_km
    own_ct, own_cr = coast_distances_km(profile)
    d_ct = own_ct if d_ct_km is None or profile.zone[0] == SEA else d_ct_km
    d_cr = own_cr if d_cr_km is None or profile.zone[-1] == SEA else d_cr_km
    d_tm, d_lm = longest_land_km(profile)
    omega = sea_fraction(profile)
    beta0 = ducting_percent(d_tm, d_lm, latitude_deg)
    a_e = median_earth_radius_km(delta_n)
    geometry = path_geometry(profile, tx_height_m, rx_height_m, a_e)

    # Line of sight, with multipath and focusing (§4.2).
    l_bfs = free_space_loss_db(length, geometry.h_ts_m - geometry.h_rs_m, f)
    reach = 2.6 * (1.0 - math.exp(-0.1 * (geometry.d_lt_km + geometry.d_lr_km)))
    l_b0p = l_bfs + reach * math.log10(p / 50.0)  # (9a), (10)
    l_b0beta = l_bfs + reach * math.log10(beta0 / 50.0)  # (9b), (11)

    # Diffraction not exceeded for p % of time (§4.3.5).
    def diffraction_at(a_p_km: float) -> DeltaBullington:
        return delta_bullington(
            profile,
            geometry,
            a_p_km=a_p_km,
            frequency_ghz=f,
            sea_fraction=omega,
            polarisation=polarisation,
            clutter_gap_km=clutter_gap_km,
        )

    median, beta = diffraction_at(a_e), diffraction_at(EARTH_RADIUS_BETA_KM)
    f_i = 1.0 if p < beta0 else inverse_normal(p / 100.0) / inverse_normal(beta0 / 100.0)  # (40)
    l_dp = median.loss_db if p == 50.0 else median.loss_db + f_i * (beta.loss_db - median.loss_db)  # (41)
    l_bd50 = l_bfs + median.loss_db  # (42)
    l_bd = l_b0p + l_dp  # (43)

    # Ducting, troposcatter, and the blend of all mechanisms (§§4.4–4.6).
    l_ba = ducting_loss_db(geometry, f, p, length, omega, beta0, a_e, d_lm, d_ct, d_cr)
    l_bs = troposcatter_loss_db(length, geometry.theta_mrad, f, p, n0)
    f_j = 1.0 - 0.5 * (1.0 + math.tanh(3.0 * 0.8 * (geometry.theta_mrad - 0.3) / 0.3))  # (57)
    f_k = 1.0 - 0.5 * (1.0 + math.tanh(3.0 * 0.5 * (length - 20.0) / 20.0))  # (58)
    if p < beta0:
        l_min_b0p = l_b0p + (1.0 - omega) * l_dp  # (59)
    else:
        l_min_b0p = l_bd50 + (l_b0beta + (1.0 - omega) * l_dp - l_bd50) * f_i  # (59)
    l_min_bap = _soft_maximum(l_ba, l_b0p)  # (60)
    l_bda = l_bd if l_min_bap > l_bd else l_min_bap + (l_bd - l_min_bap) * f_k  # (61)
    l_bam = l_bda + (l_min_b0p - l_bda) * f_j  # (62)
    l_bc = -5.0 * math.log10(10.0 ** (-0.2 * l_bs) + 10.0 ** (-0.2 * l_bam))  # (63)

    # Locations (§§4.7, 4.9); a receiver at sea has no location variability.
    l_loc = 0.0 if profile.zone[-1] == SEA else -inverse_normal(location_percent / 100.0) * location_sigma_db
    loss = max(l_b0p, l_bc + l_loc)  # (69)
    return P1812Result(
        loss_db=loss,
        field_dbuvm=199.36 + 20.0 * math.log10(f) - loss,  # (70)
        within_range=length >= MIN_RANGE_KM,
        length_km=length,
        geometry=geometry,
        sea_fraction=omega,
        d_tm_km=d_tm,
        d_lm_km=d_lm,
        d_ct_km=d_ct,
        d_cr_km=d_cr,
        beta0_percent=beta0,
        a_e_km=a_e,
        f_i=f_i,
        f_j=f_j,
        f_k=f_k,
        l_bfs_db=l_bfs,
        l_b0p_db=l_b0p,
        l_b0beta_db=l_b0beta,
        median=median,
        beta=beta,
        l_dp_db=l_dp,
        l_bd50_db=l_bd50,
        l_bd_db=l_bd,
        l_min_b0p_db=l_min_b0p,
        l_ba_db=l_ba,
        l_min_bap_db=l_min_bap,
        l_bda_db=l_bda,
        l_bam_db=l_bam,
        l_bs_db=l_bs,
        l_bc_db=l_bc,
        l_loc_db=l_loc,
    )


EARTH_RADIUS_BETA_KM: Final = 3.0 * 6371.0
"""a_β: effective Earth radius exceeded for β0 % of time, km. Equation (7b)."""


def median_earth_radius_km(delta_n: float) -> float:
    """a_e, km, for a median lapse rate of ``delta_n`` N-units/km. Equations (6), (7a)."""
    return 6371.0 * 157.0 / (157.0 - delta_n)


def ducting_percent(d_tm_km: float, d_lm_km: float, latitude_deg: float) -> float:
    """β0: percentage of time with a lapse rate above 100 N-units/km in the lowest 100 m (§3.6)."""
    tau = 1.0 - math.exp(-4.12e-4 * d_lm_km**2.41)  # (3)
    mu1 = (10.0 ** (-d_tm_km / (16.0 - 6.6 * tau)) + 10.0 ** (-5.0 * (0.496 + 0.354 * tau))) ** 0.2  # (2)
    mu1 = min(mu1, 1.0)
    latitude = abs(latitude_deg)
    if latitude <= 70.0:
        mu4 = mu1 ** (-0.935 + 0.0176 * latitude)  # (4)
        return float(10.0 ** (-0.015 * latitude + 1.67) * mu1 * mu4)  # (5)
    return float(4.17 * mu1 * mu1**0.3)  # (4), (5)


def troposcatter_loss_db(
    length_km: float, theta_mrad: float, frequency_ghz: float, time_percent: float, n0: float
) -> float:
    """L_bs: loss by troposcatter not exceeded for p % of time, dB (§4.4)."""
    l_f = 25.0 * math.log10(frequency_ghz) - 2.5 * math.log10(frequency_ghz / 2.0) ** 2  # (45)
    l_p = 10.125 * math.log10(50.0 / time_percent) ** 0.7
    return float(190.1 + l_f + 20.0 * math.log10(length_km) + 0.573 * theta_mrad - 0.15 * n0 - l_p)  # (44)


def ducting_loss_db(
    geometry: PathGeometry,
    frequency_ghz: float,
    time_percent: float,
    length_km: float,
    omega: float,
    beta0_percent: float,
    a_e_km: float,
    d_lm_km: float,
    d_ct_km: float,
    d_cr_km: float,
) -> float:
    """L_ba: loss by ducting and layer reflection, dB (§4.5)."""
    f, length = frequency_ghz, length_km
    low_frequency = 45.375 - 137.0 * f + 92.5 * f**2 if f < 0.5 else 0.0  # (47a)
    couplings = (
        102.45
        + 20.0 * math.log10(f)
        + 20.0 * math.log10(geometry.d_lt_km + geometry.d_lr_km)
        + low_frequency
        + _site_shielding_db(geometry.theta_t_mrad, geometry.d_lt_km, f)
        + _site_shielding_db(geometry.theta_r_mrad, geometry.d_lr_km, f)
        + _duct_coupling_db(d_ct_km, geometry.d_lt_km, omega, geometry.h_ts_m)
        + _duct_coupling_db(d_cr_km, geometry.d_lr_km, omega, geometry.h_rs_m)
    )  # (47)

    theta_t = min(geometry.theta_t_mrad, 0.1 * geometry.d_lt_km)  # (52a)
    theta_r = min(geometry.theta_r_mrad, 0.1 * geometry.d_lr_km)
    angle = 1e3 * length / a_e_km + theta_t + theta_r  # (52)
    specific = 5e-5 * a_e_km * math.cbrt(f)  # (51)

    tau = 1.0 - math.exp(-4.12e-4 * d_lm_km**2.41)  # (3)
    alpha = max(-0.6 - 3.5e-9 * float(length**3.1) * tau, -3.4)  # (55a)
    heights = math.sqrt(geometry.h_te_m) + math.sqrt(geometry.h_re_m)
    mu2 = min((500.0 / a_e_km * length**2 / heights**2) ** alpha, 1.0)  # (55)
    mu3 = 1.0
    if geometry.h_m_m > 10.0:
        d_i = min(length - geometry.d_lt_km - geometry.d_lr_km, 40.0)  # (56a)
        mu3 = math.exp(-4.6e-5 * (geometry.h_m_m - 10.0) * (43.0 + 6.0 * d_i))  # (56)
    log_beta = math.log10(beta0_percent) + math.log10(mu2)  # (54), in logarithms: μ3 may be below 1e-308
    log_beta += math.log10(mu3) if mu3 > 0.0 else -308.0
    log_ratio = math.log10(time_percent) - log_beta
    gamma = 1.076 / (2.0058 - log_beta) ** 1.012
    gamma *= math.exp(-(9.51 - 4.8 * log_beta + 0.198 * log_beta**2) * 1e-6 * length**1.13)  # (53a)
    distribution = -12.0 + (1.2 + 3.7e-3 * length) * log_ratio + 12.0 * 10.0 ** (gamma * log_ratio)  # (53)
    return float(couplings + specific * angle + distribution)  # (46), (50)


def _site_shielding_db(theta_mrad: float, horizon_km: float, f: float) -> float:
    """A_st, A_sr: diffraction at a terminal's own horizon, dB. Equations (48), (48a)."""
    excess = theta_mrad - 0.1 * horizon_km
    if excess <= 0.0:
        return 0.0
    return 20.0 * math.log10(1.0 + 0.361 * excess * math.sqrt(f * horizon_km)) + 0.264 * excess * math.cbrt(f)


def _duct_coupling_db(coast_km: float, horizon_km: float, omega: float, antenna_amsl_m: float) -> float:
    """A_ct, A_cr: coupling into a surface duct over the sea, dB, never positive. Equation (49)."""
    if omega < 0.75 or coast_km > horizon_km or coast_km > 5.0:
        return 0.0
    return -3.0 * math.exp(-0.25 * coast_km**2) * (1.0 + math.tanh(0.07 * (50.0 - antenna_amsl_m)))


def _soft_maximum(a: float, b: float, eta: float = 2.5) -> float:
    """η·ln(e^(a/η) + e^(b/η)), written so that no loss overflows. Equation (60)."""
    return max(a, b) + eta * math.log1p(math.exp(-abs(a - b) / eta))


def location_sigma_db(
    frequency_ghz: float, rx_height_m: float, rx_clutter_m: float, area_side_m: float
) -> float:
    """σ_loc: standard deviation of the loss between locations inside one square, dB (§4.7).

    ``area_side_m`` is w_a, the side of the square that one value stands for (about 50–1000 m); ``rx_clutter_m`` the
    representative clutter height at the receiver. It falls to 0 when the antenna is 10 m above the clutter.
    It is the spread within a pixel only; the model's own error is larger and separate (docs/radio.md).
    """
    sigma = float((0.024 * frequency_ghz + 0.52) * area_side_m**0.28)
    clear = min(1.0, max(0.0, 1.0 - (rx_height_m - rx_clutter_m) / 10.0))
    return sigma * clear


def inverse_normal(x: float) -> float:
    """I(x): approximate inverse complementary cumulative normal distribution, 1e-6 ≤ x ≤ 1 − 1e-6 (limited).

    Source: Attachment 2, equations (96), (97). I(0.5) is not exactly 0 but 7e-10, here as in the Recommendation.
    """
    x = min(max(x, 1e-6), 1.0 - 1e-6)
    return _upper_tail(x) if x <= 0.5 else -_upper_tail(1.0 - x)  # (96a), (96b)


def _upper_tail(x: float) -> float:
    t = math.sqrt(-2.0 * math.log(x))  # (97a)
    numerator = (0.010328 * t + 0.802853) * t + 2.515516698
    denominator = ((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0
    return t - numerator / denominator  # (97b)


def _check_range(code: str, value: float, low: float, high: float, ja: str, en: str, unit: str) -> None:
    """Raise InputError unless low ≤ value ≤ high; NaN fails too."""
    if not low <= value <= high:
        raise InputError(
            code,
            f"{ja}が {value:g} {unit} です。{low:g}～{high:g} {unit} の値にしてください。",
            f"{en} is {value:g} {unit}; give a value from {low:g} to {high:g} {unit}.",
        )


def check_radio_inputs(
    *,
    frequency_ghz: float,
    time_percent: float,
    location_percent: float,
    tx_height_m: float,
    rx_height_m: float,
    polarisation: str,
    delta_n: float,
    n0: float,
) -> None:
    """Raise InputError with a stable code unless every value lies in the Recommendation's range (Table 1)."""
    _check_range(
        "frequency-out-of-range", frequency_ghz * 1000.0, 30.0, 6000.0, "周波数", "the frequency", "MHz"
    )
    _check_range("time-percent-out-of-range", time_percent, 1.0, 50.0, "時間率", "the time percentage", "%")
    _check_range(
        "location-percent-out-of-range", location_percent, 1.0, 99.0, "場所率", "the location percentage", "%"
    )
    _check_range(
        "antenna-height-out-of-range", tx_height_m, 1.0, 3000.0, "送信アンテナの地上高",
        "the transmitting antenna's height above ground", "m",
    )  # fmt: skip
    _check_range(
        "antenna-height-out-of-range", rx_height_m, 1.0, 3000.0, "受信アンテナの地上高",
        "the receiving antenna's height above ground", "m",
    )  # fmt: skip
    # At 157 N-units/km the ray follows the Earth and a_e is infinite.
    _check_range(
        "delta-n-out-of-range", delta_n, 1.0, 156.0, "屈折率傾度 ΔN", "the lapse rate ΔN", "N-units/km"
    )
    _check_range(
        "n0-out-of-range", n0, 200.0, 500.0, "海面屈折率 N0", "the sea-level refractivity N0", "N-units"
    )
    if polarisation not in get_args(Polarisation):
        raise InputError(
            "polarisation-unknown",
            f"偏波「{polarisation}」は扱えません。vertical（垂直）か horizontal（水平）を指定してください。",
            f"polarisation {polarisation!r} is unknown; give 'vertical' or 'horizontal'.",
        )


def _check_inputs(
    frequency_ghz: float, time_percent: float, tx_height_m: float, rx_height_m: float, latitude_deg: float,
    polarisation: str, location_percent: float, location_sigma: float, delta_n: float, n0: float,
    d_ct_km: float | None, d_cr_km: float | None, clutter_gap_km: float,
) -> None:  # fmt: skip
    check_radio_inputs(
        frequency_ghz=frequency_ghz,
        time_percent=time_percent,
        location_percent=location_percent,
        tx_height_m=tx_height_m,
        rx_height_m=rx_height_m,
        polarisation=polarisation,
        delta_n=delta_n,
        n0=n0,
    )
    _check_range(
        "latitude-out-of-range", latitude_deg, -90.0, 90.0, "経路中央の緯度", "the path's latitude", "°"
    )
    _check_range(
        "location-sigma-out-of-range", location_sigma, 0.0, 30.0, "場所変動の標準偏差", "location σ", "dB"
    )
    for coast_km in (d_ct_km, d_cr_km):
        if coast_km is not None:
            _check_range(
                "coast-distance-out-of-range", coast_km, 0.0, 20_000.0, "海岸までの距離", "the distance to the coast",
                "km",
            )  # fmt: skip
    check_clutter_gap(clutter_gap_km)


def check_clutter_gap(clutter_gap_km: float) -> None:
    """Raise InputError unless the distance from the receiver to clutter is 0–1 km."""
    _check_range(
        "clutter-distance-out-of-range", clutter_gap_km * 1000.0, 0.0, 1000.0, "受信点から地物までの距離",
        "the distance from the receiver to clutter", "m",
    )  # fmt: skip
