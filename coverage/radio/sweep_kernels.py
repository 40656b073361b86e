"""Full ITU-R P.1812-8 along one ray: every step is a receiver, in O(log n) each.

Walking outward keeps what the next receiver needs: hulls of the ground so far, prefix maxima from the transmitter,
regression sums, lengths of the zones. docs/radial-sweep.md derives each term; the result equals
:func:`coverage.radio.p1812.basic_transmission_loss` on the same profile to 1e-9 dB.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coverage._jit import njit
from coverage.radio.path_geometry import NO_COAST_KM
from coverage.radio.sweep_formulas import (
    Constants,
    Tables,
    bullington_from_nu,
    bullington_obstructed_nu,
    duct_coupling_db,
    inverse_normal_of_percent,
    log_beta0,
    log_mu1_mixed,
    site_shielding_db,
    smooth_bullington_db,
    spherical_db,
    time_distribution_db,
)
from coverage.radio.sweep_hull import (
    Hull,
    extreme_along,
    line_of_sight_peak,
    new_hull,
    push,
    tangent_from_receiver,
)

FloatArray = NDArray[np.float64]

_SEA = 1
_INLAND = 4
_LOG_50 = math.log10(50.0)
_INSIGNIFICANT_DB = 55.0
"""A mechanism that is weaker by this much changes the sum of equation (63) by less than 3e-11 dB."""


class Workspace(NamedTuple):
    """Arrays that one thread reuses from ray to ray, for profiles of up to ``height.size`` points."""

    height: FloatArray
    clutter: FloatArray
    zone: NDArray[np.uint8]
    flat_e: FloatArray
    """Bare ground less c_e·d²."""
    flat_g: FloatArray
    """Ground with clutter less c_e·d²."""
    flat_b: FloatArray
    """Ground with clutter less c_β·d²."""
    hull_e: Hull
    hull_g: Hull
    hull_b: Hull
    hull_level: Hull
    """Of the bare ground as it is, for the effective heights (89a)–(89c)."""


@njit(cache=True, nogil=True)
def new_workspace(points: int) -> Workspace:
    """Room for rays of ``points`` points, both ends included."""
    return Workspace(
        np.empty(points),
        np.zeros(points),
        np.empty(points, dtype=np.uint8),
        np.empty(points),
        np.empty(points),
        np.empty(points),
        new_hull(points),
        new_hull(points),
        new_hull(points),
        new_hull(points),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _actual_bullington_db(
    hull: Hull, flattened: FloatArray, c: Constants, bulge: float, length: float, h_ts: float, h_rs: float,
    steepest_flat: float,
) -> float:  # fmt: skip
    """Bullington loss of the actual profile (§4.3.1); ``steepest_flat`` is max (y − h_ts)/d, equation (13) less c·D."""
    steepest_t = steepest_flat + bulge * length
    if steepest_t < (h_rs - h_ts) / length:
        floor = -0.78 / c.nu_scale
        nu, _ = line_of_sight_peak(hull, flattened, c.step_km, length, h_ts, h_rs, bulge, floor)
        return bullington_from_nu(nu * c.nu_scale, length)
    receiver = h_rs - bulge * length * length
    v = tangent_from_receiver(hull, length, receiver)
    steepest_r = (hull.y[v] - receiver) / (length - hull.d[v]) - bulge * length  # (17)
    return bullington_from_nu(
        bullington_obstructed_nu(length, h_ts, h_rs, steepest_t, steepest_r, c.nu_scale), length
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _delta_bullington_db(
    hull: Hull, flattened: FloatArray, c: Constants, bulge: float, k: int, h_ts: float, h_rs: float,
    steepest_flat: float, h_te: float, h_re: float, omega: float,
) -> float:  # fmt: skip
    """Diffraction loss at one effective Earth radius. Equation (39)."""
    length = k * c.step_km
    actual = _actual_bullington_db(hull, flattened, c, bulge, length, h_ts, h_rs, steepest_flat)
    spherical = spherical_db(
        length, h_te, h_re, bulge, omega, c.f_third, c.land_k, c.sea_k, c.required_scale
    )
    if spherical > 0.0:
        smooth = smooth_bullington_db(k, c.step_km, bulge, h_te, h_re, c.nu_scale)
        if spherical > smooth:
            actual += spherical - smooth
    return actual


@njit(cache=True, nogil=True, error_model="numpy")
def _ducting_db(
    c: Constants, t: Tables, w: Workspace, k: int, limit_db: float, hidden: bool, h_ts: float, h_rs: float,
    low_st: float, low_sr: float, theta_t: float, theta_r: float, i_lt: int, i_lr: int, omega: float, coast_t: float,
    coast_r: float, tau: float, log_b0: float,
) -> float:  # fmt: skip
    """L_ba of equation (46) where it is below ``limit_db``, else a lower bound of it that is not.

    Three bounds, each dearer than the last: distances only; with the terminals' shielding; with no roughness.
    """
    length = t.d[k]
    fixed = c.ducting_fixed_db + t.ducting_floor_db[k]
    if omega >= 0.75:
        fixed -= 12.0
    if not hidden:
        bound = fixed + 20.0 * math.log10(length) + c.gamma_d * (min(theta_t, 0.0) + min(theta_r, 0.0))
        if bound >= limit_db:
            return bound
        # Only now is the Bullington point of the median bare path needed: it stands in for both horizons.
        _, i_lt = line_of_sight_peak(w.hull_e, w.flat_e, c.step_km, length, h_ts, h_rs, c.c_e, -math.inf)
        i_lr = i_lt
    d_lt = t.d[i_lt]
    d_lr = length - t.d[i_lr] if hidden else length - d_lt
    couplings = c.ducting_fixed_db + 20.0 * math.log10(d_lt + d_lr)
    angle = min(theta_t, 0.1 * d_lt) + min(theta_r, 0.1 * d_lr)  # (52), (52a) without the Earth's part
    couplings += duct_coupling_db(coast_t, d_lt, omega, h_ts) + duct_coupling_db(coast_r, d_lr, omega, h_rs)
    bound = couplings + t.ducting_floor_db[k] + c.gamma_d * angle
    if bound >= limit_db:
        return bound
    couplings += site_shielding_db(theta_t, d_lt, c.f_third, c.f_root)
    couplings += site_shielding_db(theta_r, d_lr, c.f_third, c.f_root)
    bound = couplings + t.ducting_floor_db[k] + c.gamma_d * angle
    if bound >= limit_db:
        return bound

    couplings += c.gamma_d * (angle + 1e3 * length / c.a_e_km)
    alpha = max(-0.6 - t.d_31[k] * tau, -3.4)  # (55a)
    heights = math.sqrt(h_ts - low_st) + math.sqrt(h_rs - low_sr)
    log_mu2 = min(alpha * math.log10(c.c_e * length * length / (heights * heights)), 0.0)  # (55)
    log_beta = log_b0 + log_mu2
    smooth = couplings + time_distribution_db(c.log_p, log_beta, length, t.d_113[k])
    if smooth >= limit_db:
        return smooth
    slope = (low_sr - low_st) / length  # (93)
    roughness = 0.0
    for i in range(i_lt, i_lr + 1):
        roughness = max(roughness, w.height[i] - (low_st + slope * t.d[i]))  # (95)
    if roughness <= 10.0:
        return smooth
    d_i = min(length - d_lt - d_lr, 40.0)  # (56a)
    log_beta += max(-4.6e-5 * (roughness - 10.0) * (43.0 + 6.0 * d_i) / math.log(10.0), -308.0)  # (56)
    return couplings + time_distribution_db(c.log_p, log_beta, length, t.d_113[k])


@njit(cache=True, nogil=True, error_model="numpy")
def sweep_profile(
    n: int, has_clutter: bool, has_zones: bool, latitude: float, latitude_slope: float, first: int, c: Constants,
    t: Tables, w: Workspace, out: FloatArray,
) -> None:  # fmt: skip
    """Basic transmission loss, dB, of receivers at steps ``first``…``n`` of the profile in ``w``, into ``out``.

    ``w.height`` (m above sea level), ``w.clutter`` (m, read if ``has_clutter``) and ``w.zone`` (read if
    ``has_zones``, else inland) hold points 0…n. ``latitude`` is that of the transmitter, ``latitude_slope`` degrees
    per km along the ray. ``out[k]`` for k < max(first, 2) is not written.
    """
    step = c.step_km
    h_0 = w.height[0]
    h_ts = h_0 + c.tx_height_m
    need_beta = not c.at_median_time
    hull_e, hull_level = w.hull_e, w.hull_level
    hull_g = w.hull_g if has_clutter else w.hull_e
    flat_g = w.flat_g if has_clutter else w.flat_e
    hull_b = w.hull_b
    for hull in (hull_e, hull_g, hull_b, hull_level):
        hull.size[:] = 0
    steep_e = steep_g = steep_b = steep_level = -math.inf
    i_lt = 0
    theta_hidden = 0.0
    v1 = v2 = 0.0
    before = h_0

    # Zones, in half steps (each point stands for half a step on either side of it).
    sea_done = land_most = inland_most = 0
    run_start = inland_start = 0
    first_sea = last_sea = -1
    previous = int(w.zone[0]) if has_zones else _INLAND
    if previous == _SEA:
        first_sea = last_sea = 0
    omega = 0.0
    coast_t = coast_r = NO_COAST_KM
    known_land = known_inland = -1
    tau = log_mu1 = 0.0
    zone = _INLAND

    for k in range(1, n + 1):
        length = t.d[k]
        h_k = w.height[k]
        near = t.d[k - 1]
        v1 += step * (h_k + before)  # (85)
        v2 += step * (h_k * (2.0 * length + near) + before * (length + 2.0 * near))  # (86)
        before = h_k
        if has_zones:
            zone = int(w.zone[k])
            if (zone == _SEA) != (previous == _SEA):
                run = 2 * (k - 1 - run_start) + 1 + (1 if run_start > 0 else 0)
                if previous == _SEA:
                    sea_done += run
                else:
                    land_most = max(land_most, run)
                run_start = k
            if zone != previous:
                if previous == _INLAND:
                    inland_most = max(
                        inland_most, 2 * (k - 1 - inland_start) + 1 + (1 if inland_start > 0 else 0)
                    )
                if zone == _INLAND:
                    inland_start = k
                previous = zone
            if zone == _SEA:
                last_sea = k
                if first_sea < 0:
                    first_sea = k

        if k >= first and k >= 2:
            h_rs = h_k + c.rx_height_m
            slope = (h_rs - h_ts) / length
            # --- zones of this path ---
            if has_zones:
                run = 2 * (k - run_start) + (1 if run_start > 0 else 0)
                sea_half, land_half, inland_half = sea_done, land_most, inland_most
                if zone == _SEA:
                    sea_half += run
                else:
                    land_half = max(land_half, run)
                if zone == _INLAND:
                    inland_half = max(
                        inland_half, 2 * (k - inland_start) + (1 if inland_start > 0 else 0)
                    )
                omega = sea_half / (2.0 * k)
                if land_half != known_land or inland_half != known_inland:
                    # Unchanged as long as the path runs over the sea.
                    known_land, known_inland = land_half, inland_half
                    tau = t.tau_half[inland_half]
                    log_mu1 = log_mu1_mixed(0.5 * step * land_half, tau)
                if first_sea >= 0:
                    coast_t = 0.0 if first_sea == 0 else 0.5 * (t.d[first_sea] + t.d[first_sea - 1])
                    coast_r = 0.0 if last_sea == k else length - 0.5 * (t.d[last_sea] + t.d[last_sea + 1])

            else:
                tau = t.tau_half[2 * k]
                log_mu1 = t.log_mu1_inland[k]

            # --- horizons on bare ground (Attachment 1 §4) ---
            hidden = steep_e > slope - c.c_e * length
            i_lr = i_lt
            if hidden:
                receiver = h_rs - c.c_e * length * length
                v = tangent_from_receiver(hull_e, length, receiver)
                i_lr = hull_e.index[v]
                seen = (hull_e.y[v] - receiver) / (length - hull_e.d[v]) - 2.0 * c.c_e * length
                theta_t = theta_hidden
                theta_r = 1000.0 * math.atan(0.001 * seen)  # (82)
            else:
                theta_t = 1000.0 * math.atan(0.001 * (slope - c.c_e * length))  # (78)
                theta_r = 1000.0 * math.atan(0.001 * (-slope - c.c_e * length))  # (81)
            theta = 1e3 * length / c.a_e_km + theta_t + theta_r  # (84)

            # --- effective heights (Attachment 1 §5.6) ---
            square = length * length
            h_st = (2.0 * v1 * length - v2) / square  # (87)
            h_sr = (v2 - v1 * length) / square  # (88)
            low_st, low_sr = min(h_st, h_0), min(h_sr, h_k)  # (92)
            h_std, h_srd = low_st, low_sr
            if steep_level > slope:
                v = extreme_along(hull_level, slope)
                h_obs = hull_level.y[v] - h_ts - slope * hull_level.d[v]  # (89a)
                if h_obs > 0.0:
                    a_obt = steep_level - slope  # (89b)
                    v = tangent_from_receiver(hull_level, length, h_rs)
                    a_obr = (hull_level.y[v] - h_rs) / (length - hull_level.d[v]) + slope  # (89c)
                    share = h_obs / (a_obt + a_obr)
                    h_std = min(h_st - share * a_obt, h_0)  # (90), (91)
                    h_srd = min(h_sr - share * a_obr, h_k)
            h_te, h_re = h_ts - h_std, h_rs - h_srd

            # --- free space from the tables, corrected for the slant (8a) ---
            rise = 0.001 * (h_ts - h_rs) / length
            l_bfs = t.free_space_db[k] + 10.0 / math.log(10.0) * math.log1p(rise * rise)
            l_b0p = l_bfs
            f_j = 0.0
            if theta < 2.6:
                f_j = 1.0 / (1.0 + math.exp(16.0 * (theta - 0.3)))  # (57)

            log_b0 = log_beta0(log_mu1, abs(latitude + 0.5 * latitude_slope * length))
            reach = t.reach[k]
            if need_beta:
                if hidden:
                    reach = 2.6 * (1.0 - math.exp(-0.1 * (t.d[i_lt] + length - t.d[i_lr])))
                l_b0p += reach * c.log_p50  # (10)
                l_dp = _delta_bullington_db(
                    hull_b, w.flat_b, c, c.c_beta, k, h_ts, h_rs, steep_b, h_te, h_re, omega
                )
                if c.log_p < log_b0:
                    l_min_b0p = l_b0p + (1.0 - omega) * l_dp  # (59)
                else:
                    median = _delta_bullington_db(
                        hull_g, flat_g, c, c.c_e, k, h_ts, h_rs, steep_g, h_te, h_re, omega
                    )
                    f_i = c.quantile_p / inverse_normal_of_percent(log_b0)  # (40)
                    l_dp = median + f_i * (l_dp - median)  # (41)
                    l_b0beta = l_bfs + reach * (log_b0 - _LOG_50)  # (11)
                    l_min_b0p = l_bfs + median + (l_b0beta + (1.0 - omega) * l_dp - l_bfs - median) * f_i  # (59)
            else:
                l_dp = _delta_bullington_db(
                    hull_g, flat_g, c, c.c_e, k, h_ts, h_rs, steep_g, h_te, h_re, omega
                )
                l_min_b0p = l_bfs + l_dp
                if f_j > 0.0:
                    # I(0.5) is 7e-10 rather than 0, and so is what follows: kept, to equal the reference to 1e-9.
                    f_i = c.quantile_p / inverse_normal_of_percent(log_b0)
                    l_min_b0p += (reach * (log_b0 - _LOG_50) - omega * l_dp) * f_i  # (59)
            l_bd = l_b0p + l_dp  # (43)

            # --- ducting, only where it can bind (§§4.5, 4.6) ---
            l_bda = l_bd
            if l_dp > 0.0 and f_j < 1.0:
                l_ba = _ducting_db(
                    c, t, w, k, l_bd, hidden, h_ts, h_rs, low_st, low_sr, theta_t, theta_r, i_lt, i_lr, omega,
                    coast_t, coast_r, tau, log_b0,
                )  # fmt: skip
                if l_ba < l_bd:
                    gap = abs(l_ba - l_b0p)
                    l_min_bap = max(l_ba, l_b0p)
                    if gap < 100.0:
                        l_min_bap += 2.5 * math.log1p(math.exp(-gap / 2.5))  # (60)
                    if l_min_bap <= l_bd:
                        l_bda = l_min_bap + (l_bd - l_min_bap) * t.f_k[k]  # (61)
            l_bam = l_bda
            if f_j > 0.0:
                l_bam += (l_min_b0p - l_bda) * f_j  # (62)

            # --- troposcatter and the sum ---
            l_bs = t.troposcatter_db[k] + 0.573 * theta
            l_bc = l_bam
            if l_bs - l_bam < _INSIGNIFICANT_DB:
                # (63), with the stronger of the two taken out so that nothing underflows
                low, other = (l_bam, l_bs) if l_bam < l_bs else (l_bs, l_bam)
                l_bc = low - 5.0 / math.log(10.0) * math.log1p(10.0 ** (-0.2 * (other - low)))
            if not (has_zones and zone == _SEA):
                l_bc += c.location_db
            out[k] = l_b0p if l_b0p > l_bc else l_bc  # (69)

        # --- this point now stands before the next receiver ---
        y = h_k - c.c_e * length * length
        w.flat_e[k] = y
        push(hull_e, length, y, k)
        steep = (y - h_ts) / length
        if steep > steep_e:
            steep_e = steep
            i_lt = k
            theta_hidden = 1000.0 * math.atan(0.001 * steep)  # (77), (79)
        push(hull_level, length, h_k, k)
        steep_level = max(steep_level, (h_k - h_ts) / length)
        if has_clutter:
            y += w.clutter[k]
            w.flat_g[k] = y
            push(hull_g, length, y, k)
            steep = (y - h_ts) / length
        steep_g = max(steep_g, steep)
        if need_beta:
            y = h_k - c.c_beta * length * length
            if has_clutter:
                y += w.clutter[k]
            w.flat_b[k] = y
            push(hull_b, length, y, k)
            steep_b = max(steep_b, (y - h_ts) / length)
