"""OpenCelliD's cells and the ministry's counts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from coverage.domain.ledger import DatePrecision, Status
from coverage.domain.places import Municipality
from coverage.errors import InputError
from coverage.readers.boundaries import Locator
from coverage.readers.mic_licences import (
    LicenceCount,
    TotalsCheck,
    codes_by_name,
    compare_totals,
    latest,
    parse_mic_json,
    read_mic_licences,
)
from coverage.readers.opencellid import COLUMNS, Cell, group_sites, read_cells, read_opencellid

ENB = 0x12345 << 8
CREATED = 1_459_000_000  # March 2016
ROWS = [
    # one site of three sectors; lon before lat
    f"LTE,440,10,1,{ENB + 1},100,136.550,33.550,1000,10,1,{CREATED},{CREATED},-90",
    f"LTE,440,10,1,{ENB + 2},101,136.552,33.552,1000,30,1,{CREATED + 9},{CREATED},",
    f"LTE,440,10,1,{ENB + 3},102,136.560,33.560,,,1,,,",
    # the same number in another network, of MCC 441
    f"LTE,441,20,1,{ENB + 1},0,136.650,33.550,1000,5,0,{CREATED},{CREATED},0",
    "UMTS,440,10,1,54321,0,136.550,33.550,1000,5,1,0,0,0",
    f"LTE,440,99,1,{ENB + 1},0,136.650,33.550,1000,5,1,{CREATED},{CREATED},0",
    f"LTE,440,10,1,{9 << 8},0,139.700,35.700,1000,5,1,{CREATED},{CREATED},0",
    # at sea, beside the region: 0.004 deg off the coast, and 0.02
    f"LTE,440,10,1,{7 << 8},0,136.550,33.496,1000,5,1,{CREATED},{CREATED},0",
]
NETWORKS = {"440-10": "m1", "441-20": "m2"}


def refused(code: str, read: Callable[[], object], *says: str) -> None:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code == code, caught.value
    for text in says:
        assert text in caught.value.ja
        assert text in caught.value.en


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [True, False])
def test_lists_with_and_without_header_packed_or_not(
    tmp_path: Path, header: bool, end: str, packed: bool
) -> None:
    text = end.join(([",".join(COLUMNS)] if header else []) + ROWS) + end
    path = tmp_path / ("440.csv.gz" if packed else "440.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    cells = list(read_cells(path))
    assert len(cells) == len(ROWS)
    assert cells[0] == Cell("LTE", 440, 10, ENB + 1, 136.55, 33.55, 10, False, CREATED)
    assert cells[2] == Cell("LTE", 440, 10, ENB + 3, 136.56, 33.56, 1, False, None)  # empty fields


def test_cells_of_one_enodeb_are_one_site_at_their_weighted_mean(tmp_path: Path) -> None:
    (tmp_path / "440.csv").write_text("\n".join(ROWS), encoding="utf-8")
    sites = group_sites([c for c in read_cells(tmp_path / "440.csv") if c.radio == "LTE"])
    first = next(s for s in sites if (s.network, s.enodeb) == ("440-10", 0x12345))
    assert (first.cells, first.samples) == (3, 41)
    assert first.lon == pytest.approx((136.550 * 10 + 136.552 * 30 + 136.560) / 41)
    assert first.lat == pytest.approx((33.550 * 10 + 33.552 * 30 + 33.560) / 41)
    assert first.first_seen == datetime.fromtimestamp(CREATED, UTC)
    assert len([s for s in sites if s.enodeb == 0x12345]) == 3  # another network is another site


def test_an_exact_position_beats_estimates() -> None:
    cells = [
        Cell("LTE", 440, 10, ENB + 1, 136.55, 33.55, 9999, False, None),
        Cell("LTE", 440, 10, ENB + 2, 136.60, 33.60, 1, True, None),
    ]
    (site,) = group_sites(cells)
    assert (site.lon, site.lat, site.cells, site.first_seen) == (136.60, 33.60, 2, None)


def test_the_ledger_takes_named_networks_inside_the_region(
    tmp_path: Path, two_towns: tuple[Municipality, ...]
) -> None:
    (tmp_path / "440.csv").write_text("\n".join(ROWS), encoding="utf-8")
    reading = read_opencellid(
        [tmp_path / "440.csv"],
        networks=NETWORKS,
        locator=Locator(two_towns),
        bounds=(136.5, 33.5, 136.7, 33.6),
    )
    sites = {s.site_id: s for s in reading.ledger.sites}
    assert sorted(sites) == ["ocid-440-10-7", f"ocid-440-10-{0x12345}", f"ocid-441-20-{0x12345}"]
    assert sites["ocid-440-10-7"].municipality_code == "99301"  # just off the coast
    assert {s.status for s in sites.values()} == {Status.IN_SERVICE}
    assert {s.funding for s in sites.values()} == {None}  # never in the headline
    operators = {o.site_id: o for o in reading.ledger.site_operators}
    own = operators[f"ocid-441-20-{0x12345}"]
    assert (own.operator, own.in_service_date, own.date_precision) == (
        "m2",
        date(2016, 12, 31),
        DatePrecision.YEAR,
    )
    assert (reading.other_radio, reading.other_network, reading.outside) == (1, 1, 0)
    assert "3 局" in reading.notes[0][0]


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b'{"status":"error","message":"Invalid token"}', "440.csv.gz", "opencellid-refused"),
        (b'{"status":"error","message":"Invalid token"}', "440.csv", "opencellid-refused"),
        (b"{broken", "440.csv.gz", "opencellid-refused"),
        (b"<html>busy</html>", "440.csv.gz", "opencellid-not-gzip"),
        (b"", "440.csv", "opencellid-not-gzip"),
        (gzip.compress("\n".join(ROWS * 50).encode())[:-40], "440.csv.gz", "opencellid-truncated"),
        (b"\x1f\x8b\x08\x00garbage", "440.csv.gz", "opencellid-truncated"),
        ("\n".join([*ROWS, "LTE,440,10"]).encode(), "440.csv", "opencellid-row"),
        (ROWS[0].replace("136.550", "x").encode(), "440.csv", "opencellid-row"),
        (ROWS[0].replace("136.550", "536.550").encode(), "440.csv", "opencellid-row"),
        (b"a,b,c\n1,2,3\n", "440.csv", "opencellid-row"),
    ],
)
def test_a_refusal_a_cut_file_and_other_files_are_recognised(
    tmp_path: Path, data: bytes, name: str, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    refused(code, lambda: list(read_cells(path)), name)


def test_the_refusal_s_own_words_are_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "440.csv.gz"
    path.write_text(json.dumps({"status": "error", "message": "Invalid token"}), encoding="utf-8")
    refused("opencellid-refused", lambda: list(read_cells(path)), "Invalid token")


# --- the ministry's counts -------------------------------------------------------------------------------------------

MONTHLY = "団体コード,都道府県名,市区町村名,開設局数\n240001,三重県,,98\n242012,三重県,津市,66\n245437,三重県,北牟婁郡紀北町,32\n"


def test_the_monthly_table(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(MONTHLY.encode("utf-8-sig"))
    counts = read_mic_licences(tmp_path / "m.csv")
    assert counts == (
        LicenceCount("24000", "", 98),
        LicenceCount("24201", "津市", 66),
        LicenceCount("24543", "北牟婁郡紀北町", 32),
    )


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("242012", "242013", "municipality-code-check-digit"),
        (",66", ",65", "mic-prefecture-sum"),
        (",66", ",x", "number-wrong"),
        (",66", ",", "cell-empty"),
        ("245437,三重県,北牟婁郡紀北町", "242012,三重県,津市", "mic-twice"),
        ("開設局数", "局数", "column-missing"),
    ],
)
def test_a_monthly_table_that_contradicts_itself_is_refused(
    tmp_path: Path, old: str, new: str, code: str
) -> None:
    assert old in MONTHLY
    (tmp_path / "m.csv").write_text(MONTHLY.replace(old, new), encoding="utf-8")
    refused(code, lambda: read_mic_licences(tmp_path / "m.csv"), "m.csv")


def test_the_latest_count_of_a_change_log_by_day(tmp_path: Path) -> None:
    text = (
        "snapshot_date,code6,prefecture,municipality,stations_open\n2021-06-10,242012,三重県,津市,66\n"
        "2021-07-01,242012,三重県,津市,64\n2021-06-20,245437,三重県,北牟婁郡紀北町,3\n"
    )
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    counts = read_mic_licences(tmp_path / "log.csv")
    assert {c: n.stations for c, n in latest(counts).items()} == {"24201": 64, "24543": 3}  # numbers may fall
    assert {c: n.stations for c, n in latest(counts, date(2021, 6, 15)).items()} == {"24201": 66}


MUNICIPALITIES_JSON = {
    "musenInformation": {"totalCount": "2", "lastUpdateDate": "2026-01-10"},
    "musen": [
        {"listInfo": {"no": "1"}, "detailInfo": {"note": r"開設局数\n西町(1,066)　\n見本郡東町（3）"}},
        {"listInfo": {"no": "2"}, "detailInfo": {"note": r"西町(4)"}},
        {"listInfo": {"no": "3"}, "detailInfo": None},
    ],
}


def test_counts_stand_as_text_in_the_note_of_the_api(two_towns: tuple[Municipality, ...]) -> None:
    counts = parse_mic_json(json.dumps(MUNICIPALITIES_JSON).encode(), two_towns, name="mic.json")
    assert counts == (LicenceCount("99301", "見本郡西町", 1070), LicenceCount("99302", "見本郡東町", 3))


def test_api_answers_of_another_form_are_refused(two_towns: tuple[Municipality, ...]) -> None:
    refused("mic-json", lambda: parse_mic_json(b"{}", two_towns, name="mic.json"), "mic.json")
    other = json.dumps(MUNICIPALITIES_JSON).replace(r"\u6771\u753a", r"\u5317\u753a").encode()
    refused("mic-name-unknown", lambda: parse_mic_json(other, two_towns, name="mic.json"), "北町")
    refused("json-broken", lambda: parse_mic_json(b'{"musen": [', two_towns, name="mic.json"), "mic.json")


def test_a_short_name_that_two_municipalities_share_stands_for_neither(
    two_towns: tuple[Municipality, ...],
) -> None:
    twin = Municipality("99303", "西町", "別郡", two_towns[0].geometry)
    names = codes_by_name([*two_towns, twin])
    assert "西町" not in names
    assert (names["見本郡西町"], names["別郡西町"], names["東町"]) == ("99301", "99303", "99302")


def test_totals_show_where_a_list_lacks_or_contradicts() -> None:
    counts = {"24000": LicenceCount("24000", "", 98), "24201": LicenceCount("24201", "津市", 66)}
    assert compare_totals(counts, {"24201": 3, "24543": 2}) == (
        TotalsCheck("24201", "津市", 66, 3),
        TotalsCheck("24543", "", 0, 2),
    )


@pytest.mark.shared
def test_the_real_tables_of_the_ministry(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "towers"
    tokai = read_mic_licences(folder / "mic_hokatsu_rakuten_tokai_2022-07-21.csv")
    assert len(tokai) == 187
    mie = {c.code: c.stations for c in tokai if c.code.startswith("24")}
    assert mie["24000"] == 841
    log = read_mic_licences(folder / "mic_hokatsu_rakuten_mie_change_log.csv")
    assert len(log) == 459
    newest = {code: count.stations for code, count in latest(log).items()}
    assert newest["24000"] == 841
    assert {c: n for c, n in newest.items() if c in mie} == {c: n for c, n in mie.items() if c in newest}
    assert latest(log, date(2021, 6, 10))["24000"].stations == 378
