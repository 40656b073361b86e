"""The path profile and everything ITU-R P.1812-8 derives from its geometry (§3 and Attachment 1).

Heights are metres above mean sea level, distances kilometres from the transmitter, angles milliradians, as in the
Recommendation. Plain NumPy, O(n) a path: this is the truth that the radial sweep is held to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coverage.errors import InputError, OutsideTerrainError

FloatArray = NDArray[np.float64]

SEA: Final = 1
COASTAL_LAND: Final = 3
INLAND: Final = 4
NO_COAST_KM: Final = 500.0
"""Distance to the coast where the path meets none (the value of the ITU-R validation set)."""

_LIGHT_GHZ_M: Final = 0.2998
"""Speed of light in GHz·m, to the digits the Recommendation works with: λ = 0.2998 / f."""


def wavelength_m(frequency_ghz: float) -> float:
    """Wavelength, metres."""
    return _LIGHT_GHZ_M / frequency_ghz


@dataclass(frozen=True)
class Profile:
    """Terrain between two antennas, transmitter first.

    ``distance_km`` ascends strictly from 0; ``height_m`` is the ground above mean sea level; ``clutter_m`` the
    representative clutter height R (§3.2.1; the first and last value are ignored by the method); ``zone`` the
    radio-climatic zone of each point: 1 sea, 3 coastal land, 4 inland (§3.3). Spacing may be unequal.

    Raises InputError for lengths that differ, fewer than 3 points, distances that do not ascend, negative clutter or
    unknown zones, and OutsideTerrainError for a height that is not a number (NO DATA is never sea).
    """

    distance_km: FloatArray
    height_m: FloatArray
    clutter_m: FloatArray
    zone: NDArray[np.int64]

    def __init__(
        self,
        distance_km: ArrayLike,
        height_m: ArrayLike,
        *,
        clutter_m: ArrayLike | None = None,
        zone: ArrayLike | None = None,
    ) -> None:
        distance = np.array(distance_km, dtype=np.float64)
        height = np.array(height_m, dtype=np.float64)
        clutter = np.zeros_like(distance) if clutter_m is None else np.array(clutter_m, dtype=np.float64)
        zones = np.full(distance.shape, INLAND) if zone is None else np.array(zone, dtype=np.int64)
        _check_profile(distance, height, clutter, zones)
        object.__setattr__(self, "distance_km", distance)
        object.__setattr__(self, "height_m", height)
        object.__setattr__(self, "clutter_m", clutter)
        object.__setattr__(self, "zone", zones)

    @property
    def length_km(self) -> float:
        return float(self.distance_km[-1])

    def surface_m(self, clutter_gap_km: float = 0.0) -> FloatArray:
        """g_i: ground plus representative clutter, the terminals' own clutter left out. Equation (1c), (1d).

        Clutter nearer than ``clutter_gap_km`` to the receiver is left out too: a person stands in the street and not
        against the wall (0: the Recommendation as it is).
        """
        counts = self.length_km - self.distance_km > clutter_gap_km - 1e-9
        counts[[0, -1]] = False
        surface: FloatArray = self.height_m + np.where(counts, self.clutter_m, 0.0)
        return surface


def _check_profile(
    distance: FloatArray, height: FloatArray, clutter: FloatArray, zone: NDArray[np.int64]
) -> None:
    if distance.ndim != 1 or not distance.shape == height.shape == clutter.shape == zone.shape:
        raise InputError(
            "profile-lengths-differ",
            f"地形断面の列の長さがそろっていません（距離 {distance.shape}・標高 {height.shape}・"
            f"地物高 {clutter.shape}・ゾーン {zone.shape}）。同じ長さの1次元の列を渡してください。",
            f"the profile's columns differ in length (distance {distance.shape}, height {height.shape}, clutter "
            f"{clutter.shape}, zone {zone.shape}); pass one-dimensional columns of the same length.",
        )
    if distance.size < 3:
        raise InputError(
            "profile-too-short",
            f"地形断面の点が {distance.size} 個しかありません。両端の間に1点以上、合わせて3点以上が必要です。",
            f"the profile has only {distance.size} points; the method needs both ends and at least one point between.",
        )
    if not np.all(np.isfinite(distance)) or distance[0] != 0.0 or not np.all(np.diff(distance) > 0.0):
        raise InputError(
            "profile-not-ascending",
            "地形断面の距離は 0 km から始まり、値が必ず増えていく必要があります。重複や欠損を除いてください。",
            "the profile's distances must begin at 0 km and increase at every point; remove repeats and gaps.",
        )
    if not np.all(np.isfinite(height)):
        first = float(distance[int(np.argmax(~np.isfinite(height)))])
        raise OutsideTerrainError(
            "profile-no-data",
            f"地形断面の {first:.3f} km 地点に標高データがありません。欠損部を埋めた地形を使うか、経路を変えてください。",
            f"the terrain has no data {first:.3f} km along the path; use terrain without the hole or another path.",
        )
    if not np.all(np.isfinite(clutter)) or np.any(clutter < 0.0):
        raise InputError(
            "clutter-height-invalid",
            "地物（樹木・建物）の高さに負の値または欠損があります。0 m 以上の値にしてください。",
            "a clutter height is negative or missing; give heights of 0 m or more.",
        )
    if not np.all((zone == SEA) | (zone == COASTAL_LAND) | (zone == INLAND)):
        raise InputError(
            "zone-unknown",
            "電波気候ゾーンに 1（海）・3（沿岸陸地）・4（内陸）以外の値があります。",
            "a radio-climatic zone is none of 1 (sea), 3 (coastal land), 4 (inland).",
        )


def _sections_km(distance: FloatArray, member: NDArray[np.bool_]) -> FloatArray:
    """Lengths of the runs of ``member``, each reaching half-way to the next point of another kind."""
    if not member.any():
        return np.zeros(0)
    if member.all():
        return np.array([distance[-1]])
    edges = np.diff(np.concatenate(([False], member, [False])).astype(np.int8))
    first = np.flatnonzero(edges == 1)
    last = np.flatnonzero(edges == -1) - 1
    boundary = (distance[1:] + distance[:-1]) / 2.0
    start = np.where(first > 0, boundary[np.maximum(first, 1) - 1], distance[0])
    inner_last = np.minimum(last, distance.size - 2)
    stop = np.where(last < distance.size - 1, boundary[inner_last], distance[-1])
    lengths: FloatArray = stop - start
    return lengths


def sea_fraction(profile: Profile) -> float:
    """ω: fraction of the path over the sea, 0–1 (Table 5)."""
    return float(_sections_km(profile.distance_km, profile.zone == SEA).sum()) / profile.length_km


def longest_land_km(profile: Profile) -> tuple[float, float]:
    """(d_tm, d_lm): longest unbroken land (inland or coastal) and longest unbroken inland section, km (§3.6)."""
    land = _sections_km(profile.distance_km, profile.zone != SEA)
    inland = _sections_km(profile.distance_km, profile.zone == INLAND)
    return float(land.max(initial=0.0)), float(inland.max(initial=0.0))


def coast_distances_km(profile: Profile) -> tuple[float, float]:
    """(d_ct, d_cr): land between each terminal and the first sea on the path, km; 0 at sea, 500 without sea (§3.4)."""
    at_sea = np.flatnonzero(profile.zone == SEA)
    if at_sea.size == 0:
        return NO_COAST_KM, NO_COAST_KM
    d = profile.distance_km
    first, last = int(at_sea[0]), int(at_sea[-1])
    from_tx = 0.0 if first == 0 else float(d[first] + d[first - 1]) / 2.0
    from_rx = 0.0 if last == d.size - 1 else float(d[-1]) - float(d[last] + d[last + 1]) / 2.0
    return from_tx, from_rx


def path_centre_latitude_deg(
    tx_lat: float, tx_lon: float, rx_lat: float, rx_lon: float, length_km: float
) -> float:
    """φ: latitude half of ``length_km`` along the great circle from the transmitter, degrees.

    ``length_km`` is the profile's length, so that the centre is the profile's own even where a plane distance was
    used to make it. Earth radius 6371 km. Source: ITU-R P.2001 Attachment H, as §3.6 refers to.
    """
    phi_t, phi_r = math.radians(tx_lat), math.radians(rx_lat)
    delta = math.radians(rx_lon - tx_lon)
    cos_arc = math.sin(phi_t) * math.sin(phi_r) + math.cos(phi_t) * math.cos(phi_r) * math.cos(delta)
    north = math.sin(phi_r) - cos_arc * math.sin(phi_t)
    east = math.cos(phi_t) * math.cos(phi_r) * math.sin(delta)
    bearing = math.atan2(east, north)
    arc = 0.5 * length_km / 6371.0
    sine = math.sin(phi_t) * math.cos(arc) + math.cos(phi_t) * math.sin(arc) * math.cos(bearing)
    return math.degrees(math.asin(min(1.0, max(-1.0, sine))))


@dataclass(frozen=True, slots=True)
class PathGeometry:
    """What Attachment 1 derives from a profile. Heights m above sea level unless said, distances km, angles mrad."""

    h_ts_m: float
    h_rs_m: float
    """Antenna heights above sea level (Table 5)."""
    trans_horizon: bool
    theta_t_mrad: float
    theta_r_mrad: float
    theta_mrad: float
    d_lt_km: float
    d_lr_km: float
    h_st_m: float
    h_sr_m: float
    """Smooth-Earth surface at the ends, least-squares fit, unlimited."""
    h_std_m: float
    h_srd_m: float
    """The same as the diffraction model wants it."""
    h_te_m: float
    h_re_m: float
    """Effective antenna heights of the ducting model, above the limited smooth surface."""
    h_m_m: float
    """Terrain roughness."""


def path_geometry(profile: Profile, tx_height_m: float, rx_height_m: float, a_e_km: float) -> PathGeometry:
    """Horizons, effective heights and roughness (Attachment 1 §§4–5), on bare ground without clutter.

    ``tx_height_m``/``rx_height_m`` above ground, ``a_e_km`` the median effective Earth radius.
    """
    d, h = profile.distance_km, profile.height_m
    length = profile.length_km
    h_ts, h_rs = float(h[0]) + tx_height_m, float(h[-1]) + rx_height_m
    inner, ground = d[1:-1], h[1:-1]
    remaining = length - inner

    # Elevation angles are compared as tangents: the arc tangent is monotone, and would only blur near-ties.
    from_tx = (ground - h_ts) / (1000.0 * inner) - inner / (2.0 * a_e_km)  # (77)
    direct_t = (h_rs - h_ts) / (1000.0 * length) - length / (2.0 * a_e_km)  # (78)
    direct_r = (h_ts - h_rs) / (1000.0 * length) - length / (2.0 * a_e_km)  # (81)
    trans_horizon = bool(from_tx.max() > direct_t)  # (76)
    if trans_horizon:
        i_lt = 1 + int(np.argmax(from_tx))
        from_rx = (ground - h_rs) / (1000.0 * remaining) - remaining / (2.0 * a_e_km)  # (82a)
        i_lr = inner.size - int(np.argmax(from_rx[::-1]))  # of equals the nearest to the receiver
        theta_t = 1000.0 * math.atan(from_tx[i_lt - 1])  # (79)
        theta_r = 1000.0 * math.atan(from_rx[i_lr - 1])  # (82)
        d_lt, d_lr = float(d[i_lt]), length - float(d[i_lr])  # (80), (83)
    else:
        # The Bullington point of a line-of-sight path at median refraction stands in for both horizons.
        clearance = ground + 500.0 / a_e_km * inner * remaining - (h_ts * remaining + h_rs * inner) / length
        obstruction = clearance * np.sqrt(length / (inner * remaining))
        i_lt = i_lr = inner.size - int(np.argmax(obstruction[::-1]))
        theta_t, theta_r = 1000.0 * math.atan(direct_t), 1000.0 * math.atan(direct_r)
        d_lt = float(d[i_lt])
        d_lr = length - d_lt  # (83a)
    theta = 1e3 * length / a_e_km + theta_t + theta_r  # (84)

    h_st, h_sr = _smooth_surface(d, h)
    h_std, h_srd = _diffraction_surface(profile, h_ts, h_rs, h_st, h_sr)
    low_st, low_sr = min(h_st, float(h[0])), min(h_sr, float(h[-1]))  # (92a), (92b)
    slope = (low_sr - low_st) / length  # (93)
    between = slice(i_lt, i_lr + 1)
    roughness = float(np.max(h[between] - (low_st + slope * d[between])))  # (95)
    return PathGeometry(
        h_ts_m=h_ts,
        h_rs_m=h_rs,
        trans_horizon=trans_horizon,
        theta_t_mrad=theta_t,
        theta_r_mrad=theta_r,
        theta_mrad=theta,
        d_lt_km=d_lt,
        d_lr_km=d_lr,
        h_st_m=h_st,
        h_sr_m=h_sr,
        h_std_m=h_std,
        h_srd_m=h_srd,
        h_te_m=tx_height_m + float(h[0]) - low_st,  # (94a)
        h_re_m=rx_height_m + float(h[-1]) - low_sr,  # (94b)
        h_m_m=roughness,
    )


def _smooth_surface(d: FloatArray, h: FloatArray) -> tuple[float, float]:
    """Least-squares smooth surface at both ends, m above sea level (Attachment 1 §5.6.1)."""
    length = float(d[-1])
    near, far, low, high = d[:-1], d[1:], h[:-1], h[1:]
    v1 = float(np.sum((far - near) * (high + low)))  # (85)
    v2 = float(np.sum((far - near) * (high * (2.0 * far + near) + low * (far + 2.0 * near))))  # (86)
    return (2.0 * v1 * length - v2) / length**2, (v2 - v1 * length) / length**2  # (87), (88)


def _diffraction_surface(
    profile: Profile, h_ts: float, h_rs: float, h_st: float, h_sr: float
) -> tuple[float, float]:
    """Smooth surface at both ends for the diffraction model, m above sea level (Attachment 1 §5.6.2)."""
    d, h, length = profile.distance_km, profile.height_m, profile.length_km
    inner = d[1:-1]
    above = h[1:-1] - (h_ts * (length - inner) + h_rs * inner) / length  # (89d)
    h_obs = float(above.max())  # (89a)
    if h_obs > 0.0:
        a_obt = float(np.max(above / inner))  # (89b)
        a_obr = float(np.max(above / (length - inner)))  # (89c)
        h_st -= h_obs * a_obt / (a_obt + a_obr)  # (90c), (90e)
        h_sr -= h_obs * a_obr / (a_obt + a_obr)  # (90d), (90f)
    return min(h_st, float(h[0])), min(h_sr, float(h[-1]))  # (91a)–(91d)
