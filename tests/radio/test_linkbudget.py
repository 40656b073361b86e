"""Link budget: resource blocks of the standards, RSRP, entry losses, and the packaged bands."""

from __future__ import annotations

import itertools

import pytest

from coverage.errors import InputError
from coverage.radio.linkbudget import (
    band_presets,
    eirp_dbm,
    entry_loss_db,
    preset_frequency_mhz,
    resource_blocks,
    rsrp_dbm,
    rsrp_reduction_db,
)


@pytest.mark.parametrize(
    ("technology", "bandwidth", "spacing", "blocks"),
    [
        ("lte", 1.4, 15, 6), ("lte", 3, 15, 15), ("lte", 5, 15, 25), ("lte", 10, 15, 50), ("lte", 15, 15, 75),
        ("lte", 20, 15, 100), ("nr", 10, 15, 52), ("nr", 20, 15, 106), ("nr", 50, 15, 270), ("nr", 20, 30, 51),
        ("nr", 40, 30, 106), ("nr", 100, 30, 273), ("nr", 100, 60, 135),
    ],
)  # fmt: skip
def test_resource_blocks_of_36_101_and_38_101_1(
    technology: str, bandwidth: float, spacing: int, blocks: int
) -> None:
    assert resource_blocks(technology, bandwidth, spacing) == blocks  # type: ignore[arg-type]


@pytest.mark.parametrize("spacing", [15, 30, 60])
def test_the_occupied_band_always_fits_the_channel(spacing: int) -> None:
    bandwidths = (3, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100)
    fitting = 0
    for bandwidth in bandwidths:
        try:
            n_rb = resource_blocks("nr", bandwidth, spacing)
        except InputError:
            continue
        fitting += 1
        occupied_mhz = n_rb * 12 * spacing / 1000
        assert 0.70 * bandwidth < occupied_mhz < 0.985 * bandwidth
    assert fitting >= 11


@pytest.mark.parametrize(
    ("technology", "bandwidth", "spacing"),
    [
        ("lte", 7, 15),
        ("lte", 10, 30),
        ("nr", 100, 15),
        ("nr", 10, 120),
        ("lte", 0, 15),
        ("nr", float("nan"), 30),
    ],
)
def test_a_carrier_that_the_standard_does_not_have_is_refused(
    technology: str, bandwidth: float, spacing: int
) -> None:
    with pytest.raises(InputError) as caught:
        resource_blocks(technology, bandwidth, spacing)  # type: ignore[arg-type]
    assert caught.value.code == "bandwidth-not-in-standard"


def test_carrier_power_is_spread_over_all_subcarriers() -> None:
    assert rsrp_reduction_db(50) == pytest.approx(27.8, abs=0.05)
    assert rsrp_reduction_db(100) == pytest.approx(30.8, abs=0.05)
    assert rsrp_reduction_db(273) == pytest.approx(35.15, abs=0.01)


def test_a_budget_from_the_amplifier_to_the_phone() -> None:
    eirp = eirp_dbm(power_dbm=46.0, antenna_gain_dbi=15.0, feeder_loss_db=2.0)
    assert eirp == 59.0
    rsrp = rsrp_dbm(eirp_dbm=eirp, loss_db=130.0, n_rb=50, pattern_gain_db=-3.0, offset_db=1.5)
    assert rsrp == pytest.approx(59.0 - 27.78 - 3.0 - 130.0 + 1.5, abs=0.01)


def test_a_feeder_that_gains_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        eirp_dbm(power_dbm=46.0, antenna_gain_dbi=15.0, feeder_loss_db=-2.0)
    assert caught.value.code == "feeder-loss-negative"


@pytest.mark.parametrize(("mhz", "db"), [(700, 12.1), (800, 12.3), (2100, 13.9), (3500, 14.9)])
def test_entry_into_a_traditional_building(mhz: float, db: float) -> None:
    assert entry_loss_db("indoors", mhz) == pytest.approx(db, abs=0.06)


def test_entry_into_a_car_and_into_nothing() -> None:
    assert entry_loss_db("vehicle", 800) == 8.0
    assert entry_loss_db("outdoors", 800) == 0.0
    assert entry_loss_db("indoors", 800, "thermally-efficient") > 25


def test_every_band_and_block_names_its_source_and_lies_where_the_model_holds() -> None:
    bands, blocks = band_presets()
    assert {band.band for band in bands} >= {"B1", "B3", "B8", "B18", "B19", "B28", "n77", "n78", "n79"}
    for item in (*bands, *blocks):
        assert item.source.strip()
        assert 30 <= item.downlink_low_mhz < item.downlink_high_mhz <= 6000


def test_blocks_lie_in_their_band_and_never_overlap() -> None:
    bands, blocks = band_presets()
    edges = {band.band: (band.downlink_low_mhz, band.downlink_high_mhz) for band in bands}
    for block in blocks:
        low, high = edges[block.band]
        assert low <= block.downlink_low_mhz < block.downlink_high_mhz <= high
    ordered = sorted(blocks, key=lambda block: block.downlink_low_mhz)
    for below, above in itertools.pairwise(ordered):
        assert below.downlink_high_mhz <= above.downlink_low_mhz, f"{below} and {above} overlap"
    assert {block.operator for block in blocks} == {"docomo", "kddi", "softbank", "rakuten"}


def test_a_band_gives_the_centre_of_the_operators_own_block() -> None:
    assert preset_frequency_mhz("docomo", "B19") == 882.5
    assert preset_frequency_mhz("rakuten", "b28") == 771.5
    assert preset_frequency_mhz("kddi", "n28") == preset_frequency_mhz("kddi", "B28") == 778.0
    assert preset_frequency_mhz("someone", "B8") == 942.5, "an unknown operator gets the band's centre"
    assert preset_frequency_mhz("docomo", "B999") is None


def test_a_3_mhz_carrier_fits_the_block_of_3_mhz() -> None:
    _, blocks = band_presets()
    block = next(b for b in blocks if b.operator == "rakuten" and b.band == "B28")
    assert block.width_mhz == 3.0
    assert resource_blocks("lte", block.width_mhz) == 15
