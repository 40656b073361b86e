"""Full ITU-R P.1812-8 along one ray: every step is a receiver, in O(log n) each.

Walking outward keeps what the next receiver needs: hulls of the ground so far, prefix maxima from the transmitter,
regression sums, lengths of the zones. docs/radial-sweep.md derives each term; the result equals
:func:`coverage.radio.p1812.basic_transmission_loss` on the same profile to 1e-9 dB.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from coverage.radio.kernel import inner, kernel
from coverage.radio.path_geometry import NO_COAST_KM
from coverage.radio.sweep_formulas import (
    Constants,
    Tables,
    arc_tangent,
    bullington_from_nu,
    bullington_obstructed_nu,
    duct_coupling_db,
    inland_tau,
    inverse_normal_of_percent,
    log_beta0,
    log_mu1_mixed,
    log_one_plus,
    site_shielding_db,
    smooth_bullington_db,
    smooth_bullington_unequal_db,
    spherical_db,
    time_distribution_db,
)
from coverage.radio.sweep_hull import (
    Workspace,
    extreme_along,
    line_of_sight_nu,
    line_of_sight_peak,
    push,
    tangent_from_receiver,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SEA = 1
_INLAND = 4
_LN10 = math.log(10.0)
_LOG_50 = math.log10(50.0)
_INSIGNIFICANT_DB = 55.0
"""A mechanism that is weaker by this much changes the sum of equation (63) by less than 3e-11 dB."""


@inner
def _spherical_db(c: Constants, bulge: float, length: float, h_te: float, h_re: float, omega: float) -> float:
    return spherical_db(length, h_te, h_re, bulge, omega, c.f_third, c.land_k, c.sea_k, c.required_scale)


@inner
def _ducting_db(
    c: Constants, floor_db: float, d_113: float, d_31: float, length: float, d_lt: float, d_lr: float, limit_db: float,
    h_ts: float, h_rs: float, low_st: float, low_sr: float, theta_t: float, theta_r: float, omega: float,
    coast_t: float, coast_r: float, tau: float, log_b0: float, roughness: float,
) -> float:  # fmt: skip
    """L_ba of equation (46) where it is below ``limit_db``, else a lower bound of it that is not.

    Two bounds, the second dearer than the first: without the terminals' shielding, and with it.
    """
    couplings = c.ducting_fixed_db + 20.0 * math.log10(d_lt + d_lr)
    angle = min(theta_t, 0.1 * d_lt) + min(theta_r, 0.1 * d_lr)  # (52), (52a) without the Earth's part
    couplings += duct_coupling_db(coast_t, d_lt, omega, h_ts) + duct_coupling_db(coast_r, d_lr, omega, h_rs)
    bound = couplings + floor_db + c.gamma_d * angle
    if bound >= limit_db:
        return bound
    shielding = site_shielding_db(theta_t, d_lt, c.f_third, c.f_root)
    shielding += site_shielding_db(theta_r, d_lr, c.f_third, c.f_root)
    bound += shielding
    if bound >= limit_db:
        return bound

    couplings += shielding + c.gamma_d * (angle + 1e3 * length / c.a_e_km)
    alpha = max(-0.6 - d_31 * tau, -3.4)  # (55a)
    heights = math.sqrt(h_ts - low_st) + math.sqrt(h_rs - low_sr)
    log_beta = log_b0 + min(
        alpha * math.log10(c.c_e * length * length / (heights * heights)), 0.0
    )  # (54), (55)
    if roughness > 10.0:
        d_i = min(length - d_lt - d_lr, 40.0)  # (56a)
        log_beta += max(-4.6e-5 * (roughness - 10.0) * (43.0 + 6.0 * d_i) / _LN10, -308.0)  # (56)
    return couplings + time_distribution_db(c.log_p, log_beta, length, d_113)


@inner
def _roughness_m(
    d: FloatArray, height: FloatArray, v_d: FloatArray, v_y: FloatArray, v_i: IntArray, n_v: int, i_lt: int, i_lr: int,
    low_st: float, slope: float,
) -> float:  # fmt: skip
    """h_m of equation (95), m; 0 where no ground is above the smooth surface."""
    # The point highest above the smooth surface is a vertex of the level hull, and mostly one between the horizons.
    v = extreme_along(v_d, v_y, n_v, slope)
    if i_lt <= v_i[v] <= i_lr:
        return max(0.0, float(v_y[v] - (low_st + slope * v_d[v])))
    roughness = 0.0
    for i in range(i_lt, i_lr + 1):
        roughness = max(roughness, float(height[i] - (low_st + slope * d[i])))
    return roughness


@kernel
def sweep_profile(
    n: int, has_clutter: bool, has_zones: bool, given_ct: float, given_cr: float, latitude: float, latitude_slope: float,
    first: int, c: Constants, t: Tables, w: Workspace, out: FloatArray, free: FloatArray,
) -> None:  # fmt: skip
    """Basic transmission loss, dB, of receivers at points ``first``…``n`` of the profile in ``w``, into ``out``;
    free-space loss to the same receivers into ``free``.

    ``w.height`` (m above sea level), ``w.clutter`` (m, read if ``has_clutter``) and ``w.zone`` (read if
    ``has_zones``, else inland) hold points 0…n at distances ``t.d``, equally spaced or not. ``given_ct``, ``given_cr``:
    distances to the coast, km, or NaN to take them from the zones. ``latitude`` is that of the transmitter, ``latitude_slope`` degrees
    per km along the ray. Elements below max(first, 2) are not written.
    """
    # Arrays leave their tuples once a ray: taking one out counts a reference, which costs more than a hull search.
    c_e, c_beta, nu_scale, gamma_d = c.c_e, c.c_beta, c.nu_scale, c.gamma_d
    d, step = t.d, t.step_km
    height, clutter, zones = w.height, w.clutter, w.zone
    flat_e, flat_b = w.flat_e, w.flat_b
    e_d, e_y, e_i, b_d, b_y, b_i = w.e_d, w.e_y, w.e_i, w.b_d, w.b_y, w.b_i
    v_d, v_y, v_i = w.v_d, w.v_y, w.v_i
    if has_clutter:
        flat_g, g_d, g_y, g_i = w.flat_g, w.g_d, w.g_y, w.g_i
    else:
        flat_g, g_d, g_y, g_i = w.flat_e, w.e_d, w.e_y, w.e_i
    free_space, troposcatter, f_ks, floors = t.free_space_db, t.troposcatter_db, t.f_k, t.ducting_floor_db
    d_113, d_31, log_mu1s, taus, reaches = t.d_113, t.d_31, t.log_mu1_inland, t.tau_inland, t.reach
    h_0 = height[0]
    h_ts = h_0 + c.tx_height_m
    need_beta = not c.at_median_time
    nu_floor = -0.78 / nu_scale
    bare_km = c.clutter_gap_km - 1e-9
    bare_from = 1
    n_e = n_g = n_b = n_v = 0
    peak_e = peak_g = peak_b = 0
    steep_e = steep_g = steep_b = steep_level = -math.inf
    i_lt = 0
    theta_hidden = near_horizon_db = 0.0
    v1 = v2 = 0.0
    before = h_0

    # Zones: the border of two lies half-way between the points, and a run is known by the border it began at.
    sea_done = land_most = inland_most = 0.0
    run_start = inland_start = 0.0
    sea_from_tx = NO_COAST_KM
    last_sea = -1
    previous = int(zones[0]) if has_zones else _INLAND
    if previous == _SEA:
        sea_from_tx = 0.0
        last_sea = 0
    omega = 0.0
    coast_t = coast_r = NO_COAST_KM
    known_land = known_inland = -1.0
    tau = log_mu1 = 0.0
    zone = _INLAND

    for k in range(1, n + 1):
        length = d[k]
        h_k = height[k]
        near = d[k - 1]
        apart = length - near
        v1 += apart * (h_k + before)  # (85)
        v2 += apart * (h_k * (2.0 * length + near) + before * (length + 2.0 * near))  # (86)
        before = h_k
        if has_zones:
            zone = int(zones[k])
            if zone != previous:
                border = 0.5 * (length + near)
                if (zone == _SEA) != (previous == _SEA):
                    if previous == _SEA:
                        sea_done += border - run_start
                    else:
                        land_most = max(land_most, border - run_start)
                        if last_sea < 0:
                            sea_from_tx = border
                    run_start = border
                if previous == _INLAND:
                    inland_most = max(inland_most, border - inland_start)
                elif zone == _INLAND:
                    inland_start = border
                previous = zone
            if zone == _SEA:
                last_sea = k

        if has_clutter:
            # Clutter counts from a distance on; between it and the receiver the ground is bare. Without such a
            # distance this is every point but the receiver's own.
            while bare_from < k and length - d[bare_from] > bare_km:
                at = d[bare_from]
                raised = height[bare_from] + clutter[bare_from]
                y = raised - c_e * at * at
                flat_g[bare_from] = y
                n_g = push(g_d, g_y, g_i, n_g, at, y, bare_from)
                steep_g = max(steep_g, (y - h_ts) / at)
                if need_beta:
                    y = raised - c_beta * at * at
                    flat_b[bare_from] = y
                    n_b = push(b_d, b_y, b_i, n_b, at, y, bare_from)
                    steep_b = max(steep_b, (y - h_ts) / at)
                bare_from += 1
        else:
            bare_from = k

        if k >= first and k >= 2:
            h_rs = h_k + c.rx_height_m
            slope = (h_rs - h_ts) / length
            # --- zones of this path ---
            if has_zones:
                sea_km, land_km, inland_km = sea_done, land_most, inland_most
                if zone == _SEA:
                    sea_km += length - run_start
                else:
                    land_km = max(land_km, length - run_start)
                if zone == _INLAND:
                    inland_km = max(inland_km, length - inland_start)
                omega = sea_km / length
                if land_km != known_land or inland_km != known_inland:
                    # Unchanged as long as the path runs over the sea.
                    known_land, known_inland = land_km, inland_km
                    if inland_km == length:
                        tau = taus[k]
                        log_mu1 = log_mu1s[k]
                    else:
                        tau = inland_tau(inland_km)
                        log_mu1 = log_mu1_mixed(land_km, tau)
                coast_t = sea_from_tx
                coast_r = NO_COAST_KM
                if last_sea == k:
                    coast_r = 0.0
                elif last_sea >= 0:
                    coast_r = length - 0.5 * (d[last_sea] + d[last_sea + 1])
                if coast_t > 0.0 and not math.isnan(given_ct):
                    coast_t = given_ct
                if coast_r > 0.0 and not math.isnan(given_cr):
                    coast_r = given_cr
            else:
                tau = taus[k]
                log_mu1 = log_mu1s[k]

            # --- horizons on bare ground (Attachment 1 §4) ---
            receiver = h_rs - c_e * length * length
            hidden = steep_e > slope - c_e * length
            i_lr = 0
            seen = 0.0
            if hidden:
                v = tangent_from_receiver(e_d, e_y, n_e, length, receiver)
                i_lr = e_i[v]
                seen = (e_y[v] - receiver) / (length - e_d[v])
                theta_t = theta_hidden
                theta_r = 1000.0 * arc_tangent(0.001 * (seen - 2.0 * c_e * length))  # (82)
            else:
                theta_t = 1000.0 * arc_tangent(0.001 * (slope - c_e * length))  # (78)
                theta_r = 1000.0 * arc_tangent(0.001 * (-slope - c_e * length))  # (81)
            theta = 1e3 * length / c.a_e_km + theta_t + theta_r  # (84)

            # --- effective heights (Attachment 1 §5.6) ---
            inverse = 1.0 / (length * length)
            h_st = (2.0 * v1 * length - v2) * inverse  # (87)
            h_sr = (v2 - v1 * length) * inverse  # (88)
            low_st, low_sr = min(h_st, h_0), min(h_sr, h_k)  # (92)
            h_std, h_srd = low_st, low_sr
            if steep_level > slope:
                v = extreme_along(v_d, v_y, n_v, slope)
                h_obs = v_y[v] - h_ts - slope * v_d[v]  # (89a)
                if h_obs > 0.0:
                    a_obt = steep_level - slope  # (89b)
                    v = tangent_from_receiver(v_d, v_y, n_v, length, h_rs)
                    a_obr = (v_y[v] - h_rs) / (length - v_d[v]) + slope  # (89c)
                    share = h_obs / (a_obt + a_obr)
                    h_std = min(h_st - share * a_obt, h_0)  # (90), (91)
                    h_srd = min(h_sr - share * a_obr, h_k)
            h_te, h_re = h_ts - h_std, h_rs - h_srd

            # --- line of sight (§4.2) ---
            rise = 0.001 * (h_ts - h_rs) / length
            l_bfs = free_space[k] + 10.0 / _LN10 * log_one_plus(rise * rise)  # (8)
            log_b0 = log_beta0(log_mu1, abs(latitude + 0.5 * latitude_slope * length))
            reach = reaches[k]
            if hidden and need_beta:
                reach = 2.6 * (1.0 - math.exp(-0.1 * (d[i_lt] - d[i_lr] + length)))  # (9)
            l_b0p = l_bfs + reach * c.log_p50  # (10)

            # --- diffraction at the median radius (§4.3) ---
            l_dp = 0.0
            between = need_beta and c.log_p >= log_b0
            if between or not need_beta:
                steepest = steep_g + c_e * length
                for i in range(bare_from, k):
                    steepest = max(steepest, (flat_e[i] - h_ts) / d[i] + c_e * length)
                if steepest < slope:
                    nu = -math.inf
                    if n_g > 0:
                        nu, _, peak_g = line_of_sight_peak(
                            g_d, g_y, g_i, n_g, peak_g, d, flat_g, length, h_ts, h_rs, c_e, nu_floor
                        )
                    for i in range(bare_from, k):
                        nu = max(nu, line_of_sight_nu(flat_e[i], d[i], length, h_ts, h_rs, c_e))
                    nu *= nu_scale
                else:
                    if has_clutter or not hidden:
                        seen = -math.inf
                        if n_g > 0:
                            v = tangent_from_receiver(g_d, g_y, n_g, length, receiver)
                            seen = (g_y[v] - receiver) / (length - g_d[v])
                        for i in range(bare_from, k):
                            seen = max(seen, (flat_e[i] - receiver) / (length - d[i]))
                    nu = bullington_obstructed_nu(length, h_ts, h_rs, steepest, seen - c_e * length, nu_scale)
                l_dp = bullington_from_nu(nu, length)
                spherical = _spherical_db(c, c_e, length, h_te, h_re, omega)
                if spherical > 0.0:
                    if step > 0.0:
                        smooth = smooth_bullington_db(step, k, c_e, h_te, h_re, nu_scale)
                    else:
                        smooth = smooth_bullington_unequal_db(d, k, c_e, h_te, h_re, nu_scale)
                    l_dp += max(spherical - smooth, 0.0)  # (39)
            # --- and at that of β0 (§4.3.5) ---
            if need_beta:
                steepest = steep_b + c_beta * length
                for i in range(bare_from, k):
                    y = height[i] - c_beta * d[i] * d[i]
                    steepest = max(steepest, (y - h_ts) / d[i] + c_beta * length)
                if steepest < slope:
                    nu = -math.inf
                    if n_b > 0:
                        nu, _, peak_b = line_of_sight_peak(
                            b_d, b_y, b_i, n_b, peak_b, d, flat_b, length, h_ts, h_rs, c_beta, nu_floor
                        )
                    for i in range(bare_from, k):
                        y = height[i] - c_beta * d[i] * d[i]
                        nu = max(nu, line_of_sight_nu(y, d[i], length, h_ts, h_rs, c_beta))
                    nu *= nu_scale
                else:
                    below = h_rs - c_beta * length * length
                    seen = -math.inf
                    if n_b > 0:
                        v = tangent_from_receiver(b_d, b_y, n_b, length, below)
                        seen = (b_y[v] - below) / (length - b_d[v])
                    for i in range(bare_from, k):
                        seen = max(seen, (height[i] - c_beta * d[i] * d[i] - below) / (length - d[i]))
                    nu = bullington_obstructed_nu(
                        length, h_ts, h_rs, steepest, seen - c_beta * length, nu_scale
                    )
                l_dbeta = bullington_from_nu(nu, length)
                spherical = _spherical_db(c, c_beta, length, h_te, h_re, omega)
                if spherical > 0.0:
                    if step > 0.0:
                        smooth = smooth_bullington_db(step, k, c_beta, h_te, h_re, nu_scale)
                    else:
                        smooth = smooth_bullington_unequal_db(d, k, c_beta, h_te, h_re, nu_scale)
                    l_dbeta += max(spherical - smooth, 0.0)  # (39)
                if between:
                    median = l_dp
                    f_i = c.quantile_p / inverse_normal_of_percent(log_b0)  # (40)
                    l_dp = median + f_i * (l_dbeta - median)  # (41)
                    l_bd50 = l_bfs + median  # (42)
                    l_b0beta = l_bfs + reach * (log_b0 - _LOG_50)  # (11)
                    l_min_b0p = l_bd50 + (l_b0beta + (1.0 - omega) * l_dp - l_bd50) * f_i  # (59)
                else:
                    l_dp = l_dbeta
                    l_min_b0p = l_b0p + (1.0 - omega) * l_dp  # (59)
            else:
                l_min_b0p = l_bfs + l_dp
            l_bd = l_b0p + l_dp  # (43)

            # --- the blends (§4.6) ---
            f_j = 0.0
            if theta < 2.6:
                f_j = 1.0 / (1.0 + math.exp(16.0 * (theta - 0.3)))  # (57)
                if not need_beta:
                    # I(0.5) is 7e-10 rather than 0, and so is what follows: kept, to equal the reference to 1e-9.
                    f_i = c.quantile_p / inverse_normal_of_percent(log_b0)
                    l_min_b0p += (reach * (log_b0 - _LOG_50) - omega * l_dp) * f_i  # (59)
            l_bda = l_bd
            # Ducting is worked out only where it can bind; at the median time it seldom can.
            if l_dp > 0.0:
                bound = c.ducting_fixed_db + floors[k] + gamma_d * (min(theta_t, 0.0) + min(theta_r, 0.0))
                if omega >= 0.75:
                    bound -= 12.0
                if hidden:
                    bound += near_horizon_db  # d_lr > 0 would only add to it
                else:
                    bound += free_space[k] - 92.4 - 20.0 * c.log_f
                if bound < l_bd:
                    if not hidden:
                        # The Bullington point of the median bare path stands in for both horizons.
                        _, i_lr, peak_e = line_of_sight_peak(
                            e_d, e_y, e_i, n_e, peak_e, d, flat_e, length, h_ts, h_rs, c_e, -math.inf
                        )
                    d_lt = d[i_lt] if hidden else d[i_lr]
                    d_lr = length - d[i_lr]
                    roughness = 0.0
                    for _ in range(2):
                        # Without roughness first: that is a lower bound too, and mostly enough.
                        l_ba = _ducting_db(
                            c, floors[k], d_113[k], d_31[k], length, d_lt, d_lr, l_bd, h_ts, h_rs, low_st, low_sr, theta_t,
                            theta_r, omega, coast_t, coast_r, tau, log_b0, roughness,
                        )  # fmt: skip
                        if l_ba >= l_bd or roughness > 0.0:
                            break
                        roughness = _roughness_m(
                            d, height, v_d, v_y, v_i, n_v, i_lt if hidden else i_lr, i_lr, low_st,
                            (low_sr - low_st) / length,
                        )  # fmt: skip
                        if roughness <= 10.0:
                            break
                    if l_ba < l_bd:
                        gap = abs(l_ba - l_b0p)
                        l_min_bap = max(l_ba, l_b0p)
                        if gap < 100.0:
                            l_min_bap += 2.5 * math.log1p(math.exp(-gap / 2.5))  # (60)
                        if l_min_bap <= l_bd:
                            l_bda = l_min_bap + (l_bd - l_min_bap) * f_ks[k]  # (61)
            l_bam = l_bda
            if f_j > 0.0:
                l_bam += (l_min_b0p - l_bda) * f_j  # (62)

            # --- troposcatter, the sum, locations ---
            l_bs = troposcatter[k] + 0.573 * theta
            l_bc = l_bam
            if l_bs - l_bam < _INSIGNIFICANT_DB:
                low, other = (l_bam, l_bs) if l_bam < l_bs else (l_bs, l_bam)
                l_bc = low - 5.0 / _LN10 * math.log1p(math.exp(-0.2 * _LN10 * (other - low)))  # (63)
            if not (has_zones and zone == _SEA):
                l_bc += c.location_db
            out[k] = l_b0p if l_b0p > l_bc else l_bc  # (69)
            free[k] = l_bfs

        # --- this point now stands before the next receiver ---
        drop = c_e * length * length
        y = h_k - drop
        flat_e[k] = y
        n_e = push(e_d, e_y, e_i, n_e, length, y, k)
        steep = (y - h_ts) / length
        if steep > steep_e:
            steep_e = steep
            i_lt = k
            theta_hidden = 1000.0 * math.atan(0.001 * steep)  # (77), (79)
            near_horizon_db = 20.0 * math.log10(length)
        n_v = push(v_d, v_y, v_i, n_v, length, h_k, k)
        steep_level = max(steep_level, (h_k - h_ts) / length)
        if not has_clutter:
            n_g, steep_g = n_e, steep_e
            if need_beta:
                y = h_k - c_beta * length * length
                flat_b[k] = y
                n_b = push(b_d, b_y, b_i, n_b, length, y, k)
                steep_b = max(steep_b, (y - h_ts) / length)
