"""ITU-R P.1812-8 against every shared reference value, and its behaviour at the edges of its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coverage.errors import InputError, OutsideTerrainError
from coverage.radio import p1812
from coverage.radio.p1812 import basic_transmission_loss, inverse_normal, location_sigma_db
from coverage.radio.path_geometry import (
    COASTAL_LAND,
    INLAND,
    SEA,
    Profile,
    coast_distances_km,
    longest_land_km,
    path_centre_latitude_deg,
    sea_fraction,
)

ROLLING = Profile(np.linspace(0.0, 9.0, 91), 200.0 + 80.0 * np.sin(np.linspace(0.0, 12.0, 91)))
MOBILE: dict[str, Any] = {
    "frequency_ghz": 0.8,
    "time_percent": 50.0,
    "tx_height_m": 20.0,
    "rx_height_m": 1.5,
    "latitude_deg": 34.5,
}


def test_synthetic_paths_agree_with_an_independent_program(
    synthetic_cases: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    errors = [abs(case.result().loss_db - case.expected_db) for case in synthetic_cases]
    assert len(errors) == 300
    with capsys.disabled():
        print(f"\nP.1812 reference, 300 synthetic paths: max |error| = {max(errors):.2e} dB")
    assert max(errors) <= 1e-9


@pytest.mark.shared
def test_itu_validation_profiles(itu_cases: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert len(itu_cases) == 15
    errors = [abs(case.result().loss_db - case.expected_db) for case in itu_cases]
    with capsys.disabled():
        print(
            f"\nP.1812 reference, ITU-R validation set, {len(errors)} cases: max |error| = {max(errors):.2e} dB"
        )
    assert max(errors) <= 1e-6


@pytest.mark.shared
def test_itu_field_strength_is_that_of_one_kilowatt(itu_cases: list[Any]) -> None:
    for case in itu_cases:
        kilowatts = case.log["Ptx (kW)|"]
        field = case.result().field_dbuvm + 10.0 * np.log10(kilowatts)
        assert field == pytest.approx(case.expected_field_dbuvm, abs=1e-6), case.name


INTERMEDIATE = {
    "d (km)|": lambda r: r.length_km,
    "dlt (km)|Eq (78)": lambda r: r.geometry.d_lt_km,
    "dlr (km)|Eq (81a)": lambda r: r.geometry.d_lr_km,
    "th_t (mrad)|Eqs (76-78)": lambda r: r.geometry.theta_t_mrad,
    "th_r (mrad)|Eqs (79-81)": lambda r: r.geometry.theta_r_mrad,
    "th (mrad)|Eq (82)": lambda r: r.geometry.theta_mrad,
    "hts (m)|": lambda r: r.geometry.h_ts_m,
    "hrs (m)|": lambda r: r.geometry.h_rs_m,
    "w|Table 5": lambda r: r.sea_fraction,
    "dtm (km)|Sec 3.6": lambda r: r.d_tm_km,
    "dlm (km)|Sec 3.6": lambda r: r.d_lm_km,
    "b0 (%)|Eq (5)": lambda r: r.beta0_percent,
    "ae (km)|Eq (7a)": lambda r: r.a_e_km,
    "hst (m)|Eq (85)": lambda r: r.geometry.h_st_m,
    "hsr (m)|Eq (86)": lambda r: r.geometry.h_sr_m,
    "hstd (m)|Eq (89)": lambda r: r.geometry.h_std_m,
    "hsrd (m)|Eq (89)": lambda r: r.geometry.h_srd_m,
    "hte (m)|Eq (92a)": lambda r: r.geometry.h_te_m,
    "hre (m)|Eq (92b)": lambda r: r.geometry.h_re_m,
    "hm (m)|Eq (93)": lambda r: r.geometry.h_m_m,
    "Fi|Eq (40)": lambda r: r.f_i,
    "Fj|Eq (57)": lambda r: r.f_j,
    "Fk|Eq (58)": lambda r: r.f_k,
    "Lbfs|Eq (8)": lambda r: r.l_bfs_db,
    "Lb0p|Eq (10)": lambda r: r.l_b0p_db,
    "Lb0b|Eq (11)": lambda r: r.l_b0beta_db,
    # The log was written after the second run of the construction, at the radius of β0.
    "Lbulla (dB)|Eq (21)": lambda r: r.beta.actual_db,
    "Lbulls (dB)|Eq (21)": lambda r: r.beta.smooth_db,
    "Ldsph (dB)|Eq (27)": lambda r: r.beta.spherical_db,
    "Ld50 (dB)|Eq (39)": lambda r: r.median.loss_db,
    "Ldb (dB)|Eq (39)": lambda r: r.beta.loss_db,
    "Ldp (dB)|Eq (41)": lambda r: r.l_dp_db,
    "Lbd50 (dB)|Eq (42)": lambda r: r.l_bd50_db,
    "Lminb0p (dB)|Eq (59)": lambda r: r.l_min_b0p_db,
    "Lba (dB)|Eq (46)": lambda r: r.l_ba_db,
    "Lminbap (dB)|Eq (60)": lambda r: r.l_min_bap_db,
    "Lbda (dB)|Eq (61)": lambda r: r.l_bda_db,
    "Lbam (dB)|Eq (62)": lambda r: r.l_bam_db,
    "Lbs (dB)|Eq (44)": lambda r: r.l_bs_db,
    "Lbc (dB)|Eq (63)": lambda r: r.l_bc_db,
    "Lb (dB)|Eq (69)": lambda r: r.loss_db,
}


@pytest.mark.shared
def test_every_intermediate_value_of_the_itu_logs(itu_cases: list[Any]) -> None:
    compared = 0
    for case in itu_cases:
        result = case.result()
        for name, value in INTERMEDIATE.items():
            # Ten digits are printed; F_i at p = 50 % is 0 but for rounding of I(0.5).
            assert value(result) == pytest.approx(case.log[name], rel=2e-9, abs=2e-9), f"{case.name}: {name}"
            compared += 1
    assert compared == 15 * len(INTERMEDIATE)


def test_unequal_spacing_needs_no_special_case() -> None:
    # Points on straight lines between neighbours change neither hull nor regression, so nothing may change. The
    # kept points are those of the sparse profile; the Earth's bulge is taken off so that the added ones are lower.
    sparse = Profile([0.0, 1.0, 4.0, 6.0, 10.0], [100.0, 300.0, 150.0, 420.0, 90.0])
    d = np.array([0.0, 0.2, 1.0, 2.0, 3.5, 4.0, 5.0, 6.0, 6.1, 9.0, 10.0])
    dense = Profile(d, np.interp(d, sparse.distance_km, sparse.height_m))
    first = basic_transmission_loss(sparse, **MOBILE)
    second = basic_transmission_loss(dense, **MOBILE)
    assert second.geometry.h_std_m == pytest.approx(first.geometry.h_std_m, abs=1e-9)
    assert second.geometry.d_lt_km == first.geometry.d_lt_km
    assert second.median.actual_db == pytest.approx(first.median.actual_db, abs=1e-9)


def test_clutter_at_the_terminals_is_left_out() -> None:
    clutter = np.zeros(91)
    clutter[[0, -1]] = 25.0
    with_ends = Profile(ROLLING.distance_km, ROLLING.height_m, clutter_m=clutter)
    assert (
        basic_transmission_loss(with_ends, **MOBILE).loss_db
        == basic_transmission_loss(ROLLING, **MOBILE).loss_db
    )


def test_clutter_beside_the_receiver_raises_the_loss() -> None:
    plain = Profile(np.linspace(0.0, 3.0, 31), np.full(31, 50.0))
    clutter = np.zeros(31)
    clutter[-2] = 15.0
    beside = Profile(plain.distance_km, plain.height_m, clutter_m=clutter)
    raised = (
        basic_transmission_loss(beside, **MOBILE).loss_db - basic_transmission_loss(plain, **MOBILE).loss_db
    )
    assert raised > 3.0


def test_clutter_nearer_than_a_distance_can_be_left_out() -> None:
    d = np.linspace(0.0, 3.0, 31)
    clutter = np.full(31, 12.0)
    town = Profile(d, np.full(31, 50.0), clutter_m=clutter)
    losses = [
        basic_transmission_loss(town, **MOBILE, clutter_gap_km=km).loss_db
        for km in (0.0, 0.1, 0.15, 0.5, 1.0)
    ]
    assert losses[0] == losses[1]  # the nearest point is 100 m away
    assert losses[1:] == sorted(losses[1:], reverse=True)
    assert losses[1] > losses[2] + 1.0
    bare = Profile(d[:11], np.full(11, 50.0))
    near_town = Profile(d[:11], np.full(11, 50.0), clutter_m=clutter[:11])
    assert (
        basic_transmission_loss(near_town, **MOBILE, clutter_gap_km=1.0).loss_db
        == basic_transmission_loss(bare, **MOBILE).loss_db
    )


def test_sea_and_land_sections_meet_half_way() -> None:
    zone = [SEA, SEA, COASTAL_LAND, INLAND, INLAND, COASTAL_LAND, SEA, INLAND]
    profile = Profile([0.0, 1.0, 2.0, 4.0, 5.0, 7.0, 8.0, 10.0], np.zeros(8), zone=zone)
    assert sea_fraction(profile) == pytest.approx((1.5 + 1.5) / 10.0)
    assert longest_land_km(profile) == pytest.approx((6.0, 3.0))  # 1.5–7.5; 3–6
    assert coast_distances_km(profile) == pytest.approx((0.0, 1.0))


def test_a_path_without_sea_has_no_coast() -> None:
    assert coast_distances_km(ROLLING) == (500.0, 500.0)
    assert sea_fraction(ROLLING) == 0.0
    assert longest_land_km(ROLLING) == (9.0, 9.0)


def test_a_terminal_at_sea_has_no_distance_to_the_coast_whatever_is_given() -> None:
    sea = Profile(np.linspace(0.0, 30.0, 301), np.zeros(301), zone=np.full(301, SEA))
    result = basic_transmission_loss(
        sea, **{**MOBILE, "time_percent": 1.0, "d_ct_km": 500.0, "d_cr_km": 500.0}
    )
    assert (result.d_ct_km, result.d_cr_km) == (0.0, 0.0)
    assert (result.d_tm_km, result.d_lm_km) == (0.0, 0.0)


def test_polarisation_matters_over_the_sea_at_low_frequency() -> None:
    sea = Profile(np.linspace(0.0, 60.0, 301), np.zeros(301), zone=np.full(301, SEA))
    low = {**MOBILE, "frequency_ghz": 0.05}
    vertical = basic_transmission_loss(sea, **low, polarisation="vertical").loss_db
    horizontal = basic_transmission_loss(sea, **low, polarisation="horizontal").loss_db
    assert vertical < horizontal - 3.0


def test_more_locations_need_more_loss_but_never_less_than_free_space_at_p() -> None:
    losses = [
        basic_transmission_loss(ROLLING, **MOBILE, location_percent=q, location_sigma_db=5.5).loss_db
        for q in (1.0, 10.0, 50.0, 90.0, 99.0)
    ]
    assert losses == sorted(losses)
    assert losses[3] - losses[2] == pytest.approx(1.2816 * 5.5, abs=5e-3)
    clear = Profile([0.0, 1.0, 2.0], [500.0, 0.0, 500.0])
    result = basic_transmission_loss(clear, **MOBILE, location_percent=1.0, location_sigma_db=5.5)
    assert result.loss_db == result.l_b0p_db


def test_location_variability_does_not_apply_at_sea() -> None:
    zone = np.full(91, INLAND)
    zone[-1] = SEA
    shore = Profile(ROLLING.distance_km, ROLLING.height_m, zone=zone)
    assert (
        basic_transmission_loss(shore, **MOBILE, location_percent=90.0, location_sigma_db=5.5).l_loc_db == 0.0
    )


def test_location_sigma_falls_to_nothing_ten_metres_above_the_clutter() -> None:
    assert location_sigma_db(2.0, 1.5, 10.0, 100.0) == pytest.approx(2.06, abs=0.01)
    assert location_sigma_db(2.0, 15.0, 10.0, 100.0) == pytest.approx(2.06 / 2.0, abs=0.01)
    assert location_sigma_db(2.0, 20.0, 10.0, 100.0) == 0.0


def test_less_time_never_needs_more_loss() -> None:
    losses = [
        basic_transmission_loss(ROLLING, **{**MOBILE, "time_percent": p}).loss_db for p in (1, 3, 10, 30, 50)
    ]
    assert losses == sorted(losses)


def test_short_paths_are_computed_and_marked() -> None:
    short = Profile([0.0, 0.1, 0.2], [10.0, 12.0, 10.0])
    result = basic_transmission_loss(short, **MOBILE)
    assert not result.within_range
    assert result.loss_db > result.l_bfs_db - 1e-6
    assert basic_transmission_loss(ROLLING, **MOBILE).within_range


def test_inverse_normal_is_close_to_the_quantile() -> None:
    assert inverse_normal(0.1) == pytest.approx(1.2816, abs=5e-4)
    assert inverse_normal(0.9) == pytest.approx(-1.2816, abs=5e-4)
    assert inverse_normal(0.0) == inverse_normal(1e-6)


def test_path_centre_latitude_follows_the_great_circle() -> None:
    # Along a parallel the great circle bulges poleward.
    assert path_centre_latitude_deg(50.0, 0.0, 50.0, 20.0, 1425.8) > 50.3
    assert path_centre_latitude_deg(34.0, 136.0, 36.0, 136.0, 222.39) == pytest.approx(35.0, abs=1e-4)


def test_ducting_beyond_seventy_degrees_of_latitude() -> None:
    assert p1812.ducting_percent(0.0, 0.0, 75.0) == pytest.approx(4.17 * 1.0, rel=1e-9)
    assert p1812.ducting_percent(50.0, 50.0, 70.0) == pytest.approx(
        p1812.ducting_percent(50.0, 50.0, 70.001), rel=0.01
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"frequency_ghz": 0.0}, "frequency-out-of-range"),
        ({"frequency_ghz": 6.1}, "frequency-out-of-range"),
        ({"frequency_ghz": float("nan")}, "frequency-out-of-range"),
        ({"time_percent": 0.5}, "time-percent-out-of-range"),
        ({"time_percent": 51.0}, "time-percent-out-of-range"),
        ({"tx_height_m": -3.0}, "antenna-height-out-of-range"),
        ({"rx_height_m": 0.0}, "antenna-height-out-of-range"),
        ({"location_percent": 100.0}, "location-percent-out-of-range"),
        ({"location_sigma_db": -1.0}, "location-sigma-out-of-range"),
        ({"latitude_deg": 91.0}, "latitude-out-of-range"),
        ({"delta_n": 157.0}, "delta-n-out-of-range"),
        ({"n0": 20.0}, "n0-out-of-range"),
        ({"d_ct_km": -1.0}, "coast-distance-out-of-range"),
        ({"polarisation": "circular"}, "polarisation-unknown"),
        ({"clutter_gap_km": 1.5}, "clutter-distance-out-of-range"),
        ({"clutter_gap_km": float("nan")}, "clutter-distance-out-of-range"),
    ],
)
def test_inputs_outside_the_recommendation_are_refused_by_name(change: dict[str, Any], code: str) -> None:
    with pytest.raises(InputError) as refused:
        basic_transmission_loss(ROLLING, **{**MOBILE, **change})
    assert refused.value.code == code
    assert refused.value.ja
    assert refused.value.en


@pytest.mark.parametrize(
    ("distance", "height", "extra", "code"),
    [
        ([0.0, 1.0], [5.0, 5.0], {}, "profile-too-short"),
        ([0.0, 1.0, 2.0], [5.0, 5.0], {}, "profile-lengths-differ"),
        ([0.0, 1.0, 1.0], [5.0, 5.0, 5.0], {}, "profile-not-ascending"),
        ([0.1, 1.0, 2.0], [5.0, 5.0, 5.0], {}, "profile-not-ascending"),
        ([0.0, np.nan, 2.0], [5.0, 5.0, 5.0], {}, "profile-not-ascending"),
        ([0.0, 1.0, 2.0], [5.0, 5.0, 5.0], {"clutter_m": [0.0, -1.0, 0.0]}, "clutter-height-invalid"),
        ([0.0, 1.0, 2.0], [5.0, 5.0, 5.0], {"zone": [4, 2, 4]}, "zone-unknown"),
    ],
)
def test_profiles_that_are_no_profiles_are_refused(
    distance: list[float], height: list[float], extra: dict[str, Any], code: str
) -> None:
    with pytest.raises(InputError) as refused:
        Profile(distance, height, **extra)
    assert refused.value.code == code


def test_a_hole_in_the_terrain_is_an_error_and_not_the_sea() -> None:
    with pytest.raises(OutsideTerrainError) as refused:
        Profile([0.0, 1.0, 2.0], [5.0, np.nan, 5.0])
    assert refused.value.code == "profile-no-data"


def test_the_profile_does_not_change_with_the_callers_arrays() -> None:
    heights = np.array([5.0, 50.0, 5.0])
    profile = Profile([0.0, 1.0, 2.0], heights)
    heights[1] = 500.0
    assert profile.height_m[1] == 50.0
