"""The ledger's tables: what a row may say, what is refused and where, and that writing and reading are inverse."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from coverage.domain import ledger as domain
from coverage.domain.ledger import (
    Actual,
    Allocation,
    DatePrecision,
    DistinctAnswer,
    District,
    Footnote,
    FrozenYear,
    Funding,
    Ledger,
    OpeningBalance,
    Purpose,
    Restatement,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.errors import FileFormatError, InputError
from coverage.readers.table_cells import guard, unguard
from coverage.readers.tables import COLUMNS, NEEDED, read_districts, read_ledger, read_site_list, write_ledger

SITES = (
    "site_id,name,municipality_code,lat,lon,height_m,status,funding,purpose,project_id,replaces,planned_fy,cost_yen,closed_on,recorded_at\n"
    "S1,奥山局,99301,33.55,136.55,20,供用中,国補助,居住,P1,,,24613000,,\n"
    "S2,港局,993026,33.56,136.65,,計画,,,,OLD-9,2018,,,2017-04-01\n"
)
OPERATORS = (
    "site_id,operator,in_service_date,date_precision,band,frequency_mhz,bandwidth_mhz,eirp_dbm,azimuth_deg,tilt_deg\n"
    "S1,m1,2017-03-31,day,B19,882.5,10,53,,\n"
    "S1,m2,H29.3,,,,,,120,4\n"
)
DISTRICTS = (
    "district_id,municipality_code,name,lat,lon,households,population,designated_on,resolved_on,source,declined\n"
    "D1,99301,奥山,33.551,136.551,12,30,2012-04-01,2017-04-20,台帳,false\n"
    "D2,99302,浜,33.561,136.651,5,9,2012-04-01,,台帳,true\n"
)
SERVES = "site_id,district_id,serves_from,confirmed_by,confirmed_on\nS1,D1,2017-03-31,見本町,2017-04-20\n"
OPENING = "fiscal_year,value,source,decided_on\n2015,70,引継書,2016-04-01\n"

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """The example tables in a folder, single ones replaced or left out (None)."""

    def make(encoding: str = "utf-8", **changed: str | None) -> Path:
        tables = {
            "sites": SITES, "site_operators": OPERATORS, "districts": DISTRICTS, "site_districts": SERVES, "opening_balance": OPENING,
        } | changed  # fmt: skip
        target = tmp_path / "towers"
        target.mkdir(exist_ok=True)
        for name, text in tables.items():
            path = target / f"{name}.csv"
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_bytes(text.encode(encoding))
        return target

    return make


def refused(code: str, read: Callable[[], object], *says: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read()
    error = caught.value
    assert error.code == code, error
    for text in says:
        assert text in error.ja, error.ja
        assert text in error.en or re.search(r"[^\x00-\x7f]", text), error.en
    return error


def test_the_tables_become_records(folder: Folder) -> None:
    reading = read_ledger(folder())
    ledger = reading.ledger
    assert ledger.sites[0] == Site(
        "S1", "奥山局", "99301", 33.55, 136.55, Status.IN_SERVICE, 20.0, Funding.NATIONAL_SUBSIDY, Purpose.RESIDENTIAL,
        "P1", cost_yen=24_613_000,
    )  # fmt: skip
    assert ledger.sites[1] == Site(
        "S2", "港局", "99302", 33.56, 136.65, Status.PLANNED, replaces="OLD-9", planned_fy=2018,
        recorded_at=datetime(2017, 3, 31, 15, tzinfo=UTC),
    )  # fmt: skip
    assert ledger.site_operators[0] == SiteOperator(
        "S1", "m1", date(2017, 3, 31), DatePrecision.DAY, "B19", 882.5, 10.0, 53.0
    )
    assert ledger.site_operators[1] == SiteOperator(
        "S1", "m2", date(2017, 3, 31), DatePrecision.MONTH, azimuth_deg=120.0, tilt_deg=4.0
    )
    assert ledger.districts[0].resolved_on == date(2017, 4, 20)
    assert ledger.districts[0].geometry == shapely.Point(136.551, 33.551)
    assert [d.declined for d in ledger.districts] == [False, True]
    assert ledger.site_districts == (
        SiteDistrict("S1", "D1", date(2017, 3, 31), "見本町", date(2017, 4, 20)),
    )
    assert ledger.opening_balances == (OpeningBalance(2015, 70, "引継書", date(2016, 4, 1)),)
    assert [p.name for p in reading.files] == [
        "sites.csv", "districts.csv", "site_operators.csv", "site_districts.csv", "opening_balance.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp932", "utf-8-sig", "utf-16"])
def test_tables_saved_by_excel_read_the_same(folder: Folder, encoding: str) -> None:
    plain = read_ledger(folder()).ledger
    assert read_ledger(folder(encoding)).ledger == plain


def test_a_folder_with_sites_alone_is_a_ledger(folder: Folder) -> None:
    ledger = read_ledger(
        folder(site_operators=None, districts=None, site_districts=None, opening_balance=None)
    ).ledger
    assert len(ledger.sites) == 2
    assert ledger.opening_balances == ()


@pytest.mark.parametrize(
    ("written", "precision", "day", "read_as"),
    [
        ("2018-03-15", "", date(2018, 3, 15), DatePrecision.DAY),
        ("H30.3.15", "day", date(2018, 3, 15), DatePrecision.DAY),
        ("平成30年3月", "", date(2018, 3, 31), DatePrecision.MONTH),
        ("2018-03-15", "month", date(2018, 3, 31), DatePrecision.MONTH),
        ("2018-03-15", "fiscal_year", date(2018, 3, 31), DatePrecision.FISCAL_YEAR),
        ("平成29年度", "", date(2018, 3, 31), DatePrecision.FISCAL_YEAR),
        ("2017", "fiscal_year", date(2018, 3, 31), DatePrecision.FISCAL_YEAR),
        ("2018", "", date(2018, 12, 31), DatePrecision.YEAR),
        ("2018-05-01", "year", date(2018, 12, 31), DatePrecision.YEAR),
        ("令和元年5月1日", "", date(2019, 5, 1), DatePrecision.DAY),
        # one instant, written in two zones, straddles the fiscal year
        ("2018-03-31T23:59:00+09:00", "", date(2018, 3, 31), DatePrecision.DAY),
        ("2018-03-31T14:59:00Z", "", date(2018, 3, 31), DatePrecision.DAY),
        ("2018-03-31T15:00:00Z", "", date(2018, 4, 1), DatePrecision.DAY),
        ("", "", None, DatePrecision.DAY),
    ],
)
def test_service_dates_in_the_notations_of_staff(
    folder: Folder, written: str, precision: str, day: date | None, read_as: DatePrecision
) -> None:
    text = f"site_id,operator,in_service_date,date_precision\nS1,m1,{written},{precision}\n"
    row = read_ledger(folder(site_operators=text)).ledger.site_operators[0]
    assert (row.in_service_date, row.date_precision) == (day, read_as)


@pytest.mark.parametrize(
    ("table", "old", "new", "code", "row", "column"),
    [
        ("sites", "33.55,136.55", "0,0", "position-zero", 2, "lat"),
        ("sites", "33.55,136.55", "136.55,33.55", "position-swapped", 2, "lat"),
        ("sites", "33.55,136.55", "51.5,-0.1", "outside-japan", 2, "lat"),
        ("sites", "33.55,136.55", "34°33',136.55", "number-wrong", 2, "lat"),
        ("sites", "33.55,136.55", "nan,136.55", "number-wrong", 2, "lat"),
        ("sites", "33.55,136.55", "33.55,", "cell-empty", 2, "lon"),
        ("sites", "S2,港局", "S1,港局", "id-twice", 3, "site_id"),
        ("sites", "S2,港局", ",港局", "cell-empty", 3, "site_id"),
        ("sites", "S2,港局", "S2,", "cell-empty", 3, "name"),
        ("sites", "供用中", "稼働中", "word-unknown", 2, "status"),
        ("sites", "供用中", "", "cell-empty", 2, "status"),
        ("sites", "国補助", "国庫", "word-unknown", 2, "funding"),
        ("sites", "居住", "住民", "word-unknown", 2, "purpose"),
        ("sites", "993026", "993021", "municipality-code-check-digit", 3, "municipality_code"),
        ("sites", "993026", "1100", "municipality-code-invalid", 3, "municipality_code"),
        ("sites", "OLD-9", "S2", "site-replaces-itself", 3, "replaces"),
        ("sites", ",20,", ",-20,", "number-out-of-range", 2, "height_m"),
        ("sites", ",20,", ",20m,", "number-wrong", 2, "height_m"),
        ("sites", ",20,", ",1_0,", "number-wrong", 2, "height_m"),
        ("sites", ",20,", ",inf,", "number-wrong", 2, "height_m"),
        ("sites", "24613000", "24613000.5", "number-wrong", 2, "cost_yen"),
        ("sites", "24613000", "-1", "number-out-of-range", 2, "cost_yen"),
        ("sites", ",2018,", ",30,", "fiscal-year-not-western", 3, "planned_fy"),
        ("sites", "2017-04-01", "yesterday", "instant-wrong", 3, "recorded_at"),
        ("site_operators", "2017-03-31", "2017-02-29", "date-does-not-exist", 2, "in_service_date"),
        ("site_operators", "2017-03-31", "29.3.31", "date-two-digit-year", 2, "in_service_date"),
        (
            "site_operators",
            "2017-03-31,day",
            "2017-03,day",
            "date-precision-contradicts",
            2,
            "date_precision",
        ),
        ("site_operators", "2017-03-31,day", "2017-03-31,week", "word-unknown", 2, "date_precision"),
        ("site_operators", "S1,m2", "S9,m2", "id-dangling", 3, "site_id"),
        ("site_operators", "S1,m2", "S1,", "cell-empty", 3, "operator"),
        ("site_operators", ",53,", ",153,", "number-out-of-range", 2, "eirp_dbm"),
        ("site_operators", "882.5", "8.825e9", "number-out-of-range", 2, "frequency_mhz"),
        ("site_operators", ",120,", ",400,", "number-out-of-range", 3, "azimuth_deg"),
        ("site_districts", "S1,D1", "S8,D1", "id-dangling", 2, "site_id"),
        ("site_districts", "S1,D1", "S1,D8", "id-dangling", 2, "district_id"),
        ("site_districts", "2017-03-31", "2017-03", "date-not-a-day", 2, "serves_from"),
        ("districts", "2017-04-20", "2011-04-20", "district-dates", 2, "resolved_on"),
        ("districts", "D2,99302", "D1,99302", "id-twice", 3, "district_id"),
        ("districts", ",true", ",perhaps", "flag-wrong", 3, "declined"),
        ("districts", ",12,30,", ",12.5,30,", "number-wrong", 2, "households"),
        ("districts", "33.551,136.551", "0,0", "position-zero", 2, "lat"),
        ("opening_balance", "2015,70", "27,70", "fiscal-year-not-western", 2, "fiscal_year"),
        ("opening_balance", "2015,70", "2015,-1", "number-out-of-range", 2, "value"),
        ("opening_balance", "引継書", "", "cell-empty", 2, "source"),
    ],
)
def test_a_wrong_cell_is_named_by_file_row_and_column(
    folder: Folder, table: str, old: str, new: str, code: str, row: int, column: str
) -> None:
    text = {
        "sites": SITES,
        "site_operators": OPERATORS,
        "site_districts": SERVES,
        "districts": DISTRICTS,
        "opening_balance": OPENING,
    }[table]
    assert old in text
    target = folder(**{table: text.replace(old, new, 1)})
    error = refused(code, lambda: read_ledger(target), f"{table}.csv")
    assert f"{row} 行目・列「{column}」" in error.ja
    assert f"Row {row}, column '{column}'" in error.en


@pytest.mark.parametrize(
    ("table", "text", "code"),
    [
        ("sites", SITES.replace("status", "state"), "column-missing"),
        ("sites", SITES.replace("height_m", "hight_m"), "column-unknown"),
        ("sites", None, "table-missing"),
        ("site_operator", OPERATORS, "table-unknown"),
        ("site_operators", OPERATORS + OPERATORS.splitlines()[1] + "\n", "row-twice"),
        ("site_districts", SERVES + SERVES.splitlines()[1] + "\n", "id-twice"),
        ("allocations", "site_id\nS9\n", "id-dangling"),
        ("allocations", "site_id\nS1\nS1\n", "id-twice"),
        ("distinct_answers", "site_id_a,site_id_b,same\nS1,S9,true\n", "id-dangling"),
        ("distinct_answers", "site_id_a,site_id_b,same\nS1,S1,true\n", "answer-one-site"),
        ("distinct_answers", "site_id_a,site_id_b,same\nS1,S2,\n", "cell-empty"),
        ("restatements", "effective_fy,amount,author,reason\n2016,x,a,b\n", "number-wrong"),
        ("frozen_years", "fiscal_year,value,published_on\n2016,71,\n", "cell-empty"),
        ("actuals", "indicator,fiscal_year,value\n406,2016,\n", "cell-empty"),
        ("actuals", "indicator,fiscal_year,value\n406,2016,1\n406,2016,2\n", "id-twice"),
        ("opening_balance", OPENING + OPENING.splitlines()[1] + "\n", "id-twice"),
    ],
)
def test_tables_that_do_not_fit_are_refused(folder: Folder, table: str, text: str | None, code: str) -> None:
    target = folder(**{table: text})
    refused(code, lambda: read_ledger(target))


def test_a_note_column_is_allowed_and_ignored(folder: Folder) -> None:
    text = SERVES.replace("confirmed_on\n", "confirmed_on,note\n").replace(
        "2017-04-20\n", "2017-04-20,電話で確認\n"
    )
    assert read_ledger(folder(site_districts=text)).ledger == read_ledger(folder()).ledger


def test_a_district_may_be_designated_again_after_it_was_resolved(folder: Folder) -> None:
    again = DISTRICTS + "D1,99301,奥山,33.551,136.551,12,30,2018-04-01,,台帳,false\n"
    assert len(read_ledger(folder(districts=again)).ledger.districts) == 3
    too_early = again.replace("2018-04-01,,", "2016-04-01,,")
    refused("district-overlap", lambda: read_ledger(folder(districts=too_early)), "D1")
    undated = again.replace("2018-04-01,,", ",,")
    refused("district-overlap", lambda: read_ledger(folder(districts=undated)), "D1")


def test_operators_are_known_by_id_or_name_and_no_other(folder: Folder) -> None:
    names = {"m1": "m1", "見本モバイルA": "m1", "m2": "m2"}
    text = OPERATORS.replace("S1,m1", "S1,見本モバイルA")
    assert read_ledger(folder(site_operators=text), operators=names).ledger.site_operators[0].operator == "m1"
    unknown = folder(site_operators=OPERATORS.replace("S1,m1", "S1,m9"))
    refused("operator-unknown", lambda: read_ledger(unknown, operators=names), "m9", "m1")


def test_a_blank_municipality_is_found_by_position(folder: Folder) -> None:
    target = folder(sites=SITES.replace("S1,奥山局,99301", "S1,奥山局,"))
    assert read_ledger(target, locate=lambda lat, lon: "99309").ledger.sites[0].municipality_code == "99309"
    refused("cell-empty", lambda: read_ledger(target), "municipality_code")

    def nowhere(lat: float, lon: float) -> str:
        raise InputError("position-outside-region", "区域外です。", "It is outside.")

    refused("position-outside-region", lambda: read_ledger(target, locate=nowhere), "sites.csv")


def test_tokyo_datum_lists_are_moved(folder: Folder) -> None:
    moved = read_ledger(folder(), crs=4301).ledger.sites[0]
    assert moved.lat == pytest.approx(33.55 + 0.00326, abs=2e-4)
    assert moved.lon == pytest.approx(136.55 - 0.00287, abs=2e-4)


def test_districts_as_polygons(tmp_path: Path, folder: Folder, write_geojson: Any) -> None:
    polygon = shapely.box(136.54, 33.54, 136.56, 33.56)
    row = {
        "district_id": "D1",
        "municipality_code": 99301,
        "name": "奥山",
        "households": 12,
        "declined": False,
        "designated_on": "2012-04-01",
    }
    item = {"type": "Feature", "properties": row, "geometry": shapely.geometry.mapping(polygon)}
    path = write_geojson(tmp_path / "districts.geojson", [item])
    (district,) = read_districts(path)
    assert district.geometry.equals(polygon)
    assert (district.households, district.population, district.municipality_code) == (12, None, "99301")
    target = folder(districts=None)
    write_geojson(target / "districts.geojson", [item])
    assert read_ledger(target).ledger.districts == (district,)
    refused("table-twice", lambda: read_ledger(folder()))
    (target / "districts.geojson").unlink()
    refused("table-twice", lambda: read_ledger(folder(), districts=[district]))
    line = item | {"geometry": shapely.geometry.mapping(shapely.LineString([(136.5, 33.5), (136.6, 33.6)]))}
    error = refused("district-geometry", lambda: read_districts(write_geojson(path, [line])))
    assert "1 番目の地物" in error.ja
    typo = item | {"properties": row | {"housholds": 1}}
    refused("column-unknown", lambda: read_districts(write_geojson(path, [typo])), "housholds")


# --- the flat list -----------------------------------------------------------------------------------------------------

FLAT = (
    "site_id,name,municipality_code,lat,lon,height_m,status,operator,in_service_date,eirp_dbm,districts_served\n"
    "S1,奥山局,99301,33.55,136.55,20,in_service,m1,2017-03-31,53,D1;D2\n"
    "S1,奥山局,99301,33.55,136.55,20,in_service,m2,,,D1；\n"
    "S2,港局,99302,33.56,136.65,,候補,,,,\n"
)
REGISTER = (
    District("D1", "99301", "奥山", shapely.Point(136.551, 33.551)),
    District("D2", "99302", "浜", shapely.Point(136.651, 33.561)),
)


def test_a_flat_list_has_a_row_per_site_and_operator(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(FLAT.encode("cp932"))
    ledger = read_site_list(path, districts=REGISTER)
    assert [s.site_id for s in ledger.sites] == ["S1", "S2"]
    assert [(o.site_id, o.operator, o.eirp_dbm) for o in ledger.site_operators] == [
        ("S1", "m1", 53.0),
        ("S1", "m2", None),
    ]
    assert [(s.site_id, s.district_id) for s in ledger.site_districts] == [("S1", "D1"), ("S1", "D2")]


def test_a_flat_list_as_points_is_the_same(tmp_path: Path, write_geojson: Any) -> None:
    columns = FLAT.splitlines()[0].split(",")
    features = []
    for line in FLAT.splitlines()[1:]:
        row = dict(zip(columns, line.split(","), strict=True))
        point = {"type": "Point", "coordinates": [float(row.pop("lon")), float(row.pop("lat"))]}
        features.append({"type": "Feature", "properties": row, "geometry": point})
    (tmp_path / "list.csv").write_bytes(FLAT.encode())
    path = write_geojson(tmp_path / "list.geojson", features)
    assert read_site_list(path, districts=REGISTER) == read_site_list(
        tmp_path / "list.csv", districts=REGISTER
    )
    features[0]["geometry"] = None
    refused("site-not-a-point", lambda: read_site_list(write_geojson(path, features), districts=REGISTER))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (
            "S1,奥山局,99301,33.55,136.55,20,in_service,m2",
            "S1,奥山局,99301,33.55,136.55,25,in_service,m2",
            "site-rows-differ",
        ),
        ("D1；", "D9", "id-dangling"),
        ("m2,,,D1；", "m1,2017-03-31,53,D1", "row-twice"),
        ("districts_served", "districts", "column-unknown"),
        ("in_service,m1,2017-03-31", "in_service,m1,2017-13-31", "date-does-not-exist"),
        (FLAT[FLAT.index("\n") + 1 :], "", "table-empty"),
    ],
)
def test_a_flat_list_that_contradicts_itself_is_refused(
    tmp_path: Path, old: str, new: str, code: str
) -> None:
    assert old in FLAT
    (tmp_path / "list.csv").write_bytes(FLAT.replace(old, new).encode())
    refused(code, lambda: read_site_list(tmp_path / "list.csv", districts=REGISTER), "list.csv")


# --- writing -------------------------------------------------------------------------------------------------------------

WHOLE = Ledger(
    sites=(
        Site("S1", "=奥山,\"局\"", "99301", 33.55, 136.551234567, Status.IN_SERVICE, 20.5, Funding.INFRA_SHARING, Purpose.TRAIL_TOURISM, "P1", "OLD", 2018, 10**9, None, datetime(2017, 4, 1, 3, 4, 5, 678, tzinfo=UTC)),
        Site("S2", "-1", "99302", 33.56, 136.65, Status.CLOSED, closed_on=date(2020, 1, 2)),
    ),
    site_operators=(
        SiteOperator("S1", "m1", date(2017, 3, 31), DatePrecision.MONTH, "B19", 882.5, 10.0, 53.25, 0.0, -2.5),
        SiteOperator("S1", "m2", date(2018, 12, 31), DatePrecision.YEAR),
        SiteOperator("S2", "m1", date(2018, 3, 31), DatePrecision.FISCAL_YEAR, recorded_at=datetime(2020, 1, 1, tzinfo=UTC)),
        SiteOperator("S2", "m2"),
    ),
    site_districts=(SiteDistrict("S1", "D1", date(2017, 3, 31), "見本町", date(2017, 4, 20)),),
    districts=(
        District("D1", "99301", "奥山", shapely.Point(136.5512345, 33.551), 12, 30, date(2012, 4, 1), date(2017, 4, 20), "台帳", False),
        District("D1", "99301", "奥山", shapely.Point(136.5512345, 33.551), 12, 30, date(2018, 4, 1), None, "台帳", True),
    ),
    opening_balances=(OpeningBalance(2015, 70, "引継書", date(2016, 4, 1)), OpeningBalance(2015, 71, "訂正", None, datetime(2018, 1, 1, tzinfo=UTC))),
    allocations=(Allocation("S2"),),
    restatements=(Restatement(2016, -2, "見本", "重複を訂正"),),
    frozen_years=(FrozenYear(2016, 71, date(2017, 6, 30)),),
    distinct_answers=(DistinctAnswer("S1", "S2", True, "担当"), DistinctAnswer("S2", "S1", False)),
    actuals=(Actual("406", 2016, 48.0, "実績"), Actual("40602", 2016, 78.6)),
    footnotes=(
        Footnote("N1", "40604", 2019, "=1+1 統合により1基減", "one fewer", "会計", False, datetime(2020, 5, 1, tzinfo=UTC)),
        Footnote("N1", "40604", 2019, "統合により1基減", "", "会計", True, datetime(2020, 6, 1, tzinfo=UTC)),
    ),
)  # fmt: skip


def test_written_tables_read_back_equal_and_byte_for_byte_the_same(tmp_path: Path) -> None:
    first = write_ledger(tmp_path, WHOLE)
    before = {p.name: p.read_bytes() for p in first}
    assert read_ledger(tmp_path).ledger == WHOLE
    write_ledger(tmp_path, read_ledger(tmp_path).ledger)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert all(data.startswith(b"\xef\xbb\xbf") and b"\r" not in data for data in before.values())
    # a spreadsheet must not run what a person has typed as a name
    assert b"'=" in before["sites.csv"]


def test_polygons_go_to_geojson_and_stale_tables_are_removed(tmp_path: Path) -> None:
    write_ledger(tmp_path, WHOLE)
    polygon = dataclasses.replace(
        WHOLE.districts[0], geometry=shapely.box(136.54, 33.54, 136.56, 33.56), source="'=x"
    )
    smaller = Ledger(sites=WHOLE.sites, districts=(polygon, WHOLE.districts[1]))
    written = write_ledger(tmp_path, smaller)
    assert (
        sorted(p.name for p in tmp_path.iterdir())
        == sorted(p.name for p in written)
        == ["districts.geojson", "sites.csv"]
    )
    back = read_ledger(tmp_path).ledger
    assert back.districts[0].geometry.equals(polygon.geometry)
    assert [dataclasses.replace(d, geometry=None) for d in back.districts] == [  # type: ignore[arg-type]
        dataclasses.replace(d, geometry=None)
        for d in smaller.districts  # type: ignore[arg-type]
    ]


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]),
        min_size=1,
        max_size=12,
    )
)
def test_the_formula_guard_is_undone_for_any_text(text: str) -> None:
    guarded = guard(text)
    assert unguard(guarded) == text
    assert guarded[0] not in "=@\t\r＝＠＋－"
    if guarded[0] in "+-":
        float(guarded)  # only a plain number may begin so


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40)
@given(
    lat=st.floats(20, 46),
    lon=st.floats(122, 154),
    height=st.floats(0.1, 3000),
    value=FINITE.filter(lambda v: abs(v) < 1e15),
)
def test_every_number_survives_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, lat: float, lon: float, height: float, value: float
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    ledger = Ledger(
        sites=(Site("S", "局", "99301", lat, lon, Status.PLANNED, height),),
        actuals=(Actual("406", 2016, value),),
    )
    write_ledger(folder, ledger)
    assert read_ledger(folder).ledger == ledger


RECORDS = {
    "sites": domain.Site, "site_operators": domain.SiteOperator, "site_districts": domain.SiteDistrict,
    "districts": domain.District, "opening_balance": domain.OpeningBalance, "allocations": domain.Allocation,
    "restatements": domain.Restatement, "frozen_years": domain.FrozenYear, "distinct_answers": domain.DistinctAnswer,
    "actuals": domain.Actual, "footnotes": domain.Footnote,
}  # fmt: skip


@pytest.mark.parametrize("table", RECORDS)
def test_columns_are_the_fields_of_the_record(table: str) -> None:
    fields = [f.name for f in dataclasses.fields(RECORDS[table])]
    wanted = [c for name in fields for c in (("lat", "lon") if name == "geometry" else (name,))]
    assert sorted(COLUMNS[table]) == sorted(wanted)
    assert set(NEEDED[table]) <= set(COLUMNS[table])


def test_every_column_is_documented_and_the_needed_ones_are_bold() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "layers.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+)\.csv(?: / [\w.]+)? \| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == set(COLUMNS)
    for table, columns in COLUMNS.items():
        listed = [c.strip() for c in rows[table].split(",")]
        assert [c.strip("*") for c in listed] == list(columns), table
        assert {c.strip("*") for c in listed if c.startswith("**")} == set(NEEDED[table]), table


def test_errors_of_files_carry_the_status_of_files(folder: Folder) -> None:
    target = folder(sites=SITES.replace("供用中", "稼働中"))
    error = refused("word-unknown", lambda: read_ledger(target))
    assert isinstance(error, FileFormatError)
    assert error.exit_code == 2
