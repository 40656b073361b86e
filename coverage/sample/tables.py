"""From the made-up world to the tables that a region ships: sites, operators, districts, places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from coverage.domain.ledger import (
    Actual,
    Allocation,
    DatePrecision,
    District,
    Funding,
    Ledger,
    OpeningBalance,
    Purpose,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.domain.municipality_code import six_digits
from coverage.domain.projection import plane_to_lonlat
from coverage.sample.municipalities import PREFECTURE, TOWNS, Municipalities
from coverage.sample.network import Carrier, Mast
from coverage.sample.relief import GRID, Relief
from coverage.sample.roles import OPENING_BALANCE, OPENING_FY
from coverage.sample.settlements import Place
from coverage.sample.story import Story, StorySite

SOURCE = "見本（架空）"
Rows = list[list[Any]]

_BESIDE_M = 35.0
_ORDINALS = ("", *(f"第{n}" for n in "二三四五六七八九"), "第十", *(f"第十{n}" for n in "一二三四五六七八九"))
_ACTUALS = (
    # indicator, fiscal year, value; every one invented
    ("406", 2016, 48), ("406", 2017, 51), ("406", 2018, 39), ("406", 2019, 34),
    ("40601", 2016, 6), ("40601", 2017, 4), ("40601", 2018, 7), ("40601", 2019, 5),
    ("40602", 2016, 78.6), ("40602", 2017, 81.2), ("40602", 2018, 80.5), ("40602", 2019, 83.3),
    ("40603", 2016, 16_120), ("40603", 2017, 18_442), ("40603", 2018, 19_203), ("40603", 2019, 20_655),
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """One CSV file."""

    header: tuple[str, ...]
    rows: Rows


def make_ledger(
    municipalities: Municipalities, masts: list[Mast], story: Story, chance: np.random.Generator
) -> Ledger:
    """Every site, district and opening figure. Sites are numbered by municipality, those of the story from 201."""
    told = {id(site.mast): site for site in story.sites}
    entries = [(mast, told.get(id(mast))) for mast in masts]
    entries.sort(key=lambda e: (_code(municipalities, e[0]), e[0].row, e[0].col, e[0].carriers[0].operator))
    new = [(site.mast, site) for site in story.sites if not any(site.mast is mast for mast in masts)]
    numbered = [(f"MH-{n:04d}", *entry) for n, entry in enumerate(entries, start=1)]
    numbered += [(f"MH-{n:04d}", *entry) for n, entry in enumerate(new, start=201)]
    ids = {site.key: number for number, _, site in numbered if site is not None}
    position = _positions(numbered, chance)
    names = _site_names([mast for _, mast, _ in numbered])
    off_air = _suspended(numbered)
    district_ids = _district_ids(story)
    home = {district.key: district.town for district in story.districts}
    sites, operators, links = [], [], []
    for (number, mast, told_site), name in zip(numbered, names, strict=True):
        site = Site(
            site_id=number,
            name=name,
            municipality_code=_code(municipalities, mast),
            lat=position[number][0],
            lon=position[number][1],
            status=Status.SUSPENDED if number == off_air else Status.IN_SERVICE,
            height_m=mast.height_m,
            funding=Funding.OPERATOR,
            purpose=Purpose.RESIDENTIAL,
            closed_on=date(2018, 11, 1) if number == off_air else None,
        )
        if told_site is not None:
            site = replace(
                site,
                status=Status(told_site.status),
                funding=Funding(told_site.funding) if told_site.funding else None,
                purpose=Purpose(told_site.purpose) if told_site.purpose else None,
                project_id=told_site.project,
                replaces=ids[told_site.replaces] if told_site.replaces else None,
                planned_fy=told_site.planned_fy,
                cost_yen=told_site.cost_yen,
                closed_on=told_site.closed_on,
            )
        sites.append(site)
        operators += [_site_operator(number, carrier) for carrier in mast.carriers]
        for key, since, confirmed in told_site.serves if told_site else []:
            by = TOWNS[home[key]].name if confirmed else None
            links.append(SiteDistrict(number, district_ids[key], since, by, confirmed))
    return Ledger(
        sites=tuple(sites),
        site_operators=tuple(operators),
        site_districts=tuple(links),
        districts=_districts(story, district_ids),
        opening_balances=(
            OpeningBalance(OPENING_FY, OPENING_BALANCE, f"{SOURCE}の開始値", date(2015, 6, 30)),
        ),
        allocations=tuple(Allocation(ids[site.key]) for site in story.sites if site.allocated),
        actuals=tuple(
            Actual(code, year, float(value), f"{SOURCE}の実績値", date(year + 1, 6, 30))
            for code, year, value in _ACTUALS
        ),
    )


def settlement_table(places: list[Place]) -> Table:
    """Town points."""
    rows: Rows = [
        [
            TOWNS[p.town].code,
            TOWNS[p.town].county + TOWNS[p.town].name,
            p.name,
            f"{p.lat:.6f}",
            f"{p.lon:.6f}",
        ]
        for p in sorted(places, key=lambda p: (TOWNS[p.town].code, p.kind != "urban", p.name))
    ]
    return Table(("municipality_code", "municipality", "town", "lat", "lon"), rows)


def shelter_table(relief: Relief, places: list[Place], chance: np.random.Generator) -> Table:
    """Schools and halls in every settlement of 60 people or more, some of them emergency sites as well."""
    rows: Rows = []
    serial: dict[str, int] = {}
    for place in sorted(places, key=lambda p: (TOWNS[p.town].code, p.kind != "urban", p.name)):
        if place.people < 60:
            continue
        town = TOWNS[place.town]
        code6 = six_digits(town.code)
        for building in _buildings(place):
            lat, lon = _near(relief, place, chance)
            kinds = ["evacuation"] + (["emergency"] if chance.random() < 0.55 else [])
            for kind in kinds:
                serial[kind + code6] = serial.get(kind + code6, 0) + 1
                prefix = "E" if kind == "emergency" else "S"
                rows.append(
                    [
                        kind,
                        code6,
                        f"{prefix}{code6}{serial[kind + code6]:05d}",
                        PREFECTURE + town.county + town.name,
                        f"{place.name}{building}",
                        f"{PREFECTURE}{town.county}{town.name}{place.name}",
                        f"{lat:.6f}",
                        f"{lon:.6f}",
                        "洪水|崖崩れ、土石流及び地滑り|地震" if kind == "emergency" else None,
                        None,
                    ]
                )
    header = (
        "kind", "municipality_code6", "common_id", "municipality", "name", "address", "lat", "lon", "hazards",
        "remarks",
    )  # fmt: skip
    return Table(header, rows)


def _code(municipalities: Municipalities, mast: Mast) -> str:
    index = int(municipalities.label[mast.row, mast.col])
    return TOWNS[index if index >= 0 else mast.place.town].code


def _positions(
    numbered: list[tuple[str, Mast, StorySite | None]], chance: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Latitude and longitude of every site: somewhere in its cell of the grid, not on the grid's lattice."""
    places: dict[str, tuple[float, float]] = {}
    plane: dict[str, tuple[float, float]] = {}
    for number, mast, site in numbered:
        x, y = GRID.xy(np.array([mast.row]), np.array([mast.col]))
        shift = chance.random(2) * 36.0 - 18.0
        spot = (float(x[0] + shift[0]), float(y[0] + shift[1]))
        if site is not None and site.beside is not None:
            east, north = plane[site.beside]
            spot = (east + _BESIDE_M, north)
        if site is not None:
            plane[site.key] = spot
        lon, lat = plane_to_lonlat(spot[0], spot[1], epsg=GRID.epsg)
        places[number] = (round(float(lat), 6), round(float(lon), 6))
    return places


def _site_names(masts: list[Mast]) -> list[str]:
    """By settlement; in a main town by the quarter, as seen from its centre."""
    used: dict[str, int] = {}
    names = []
    for mast in masts:
        base = mast.place.name
        if mast.place.kind == "urban":
            base = TOWNS[mast.place.town].name[:-1] + _quarter(
                mast.row - mast.place.row, mast.col - mast.place.col
            )
        used[base] = used.get(base, 0) + 1
        names.append(f"{base}{_ORDINALS[used[base] - 1]}局")
    return names


def _quarter(south: int, east: int) -> str:
    if south * south + east * east < 144:
        return "中央"
    if abs(east) >= abs(south):
        return "東" if east > 0 else "西"
    return "南" if south > 0 else "北"


def _suspended(numbered: list[tuple[str, Mast, StorySite | None]]) -> str:
    """One town mast that its operator switched off: it stays in the ledger and is on the air no more."""
    return next(
        number
        for number, mast, site in numbered
        if site is None and not mast.wide and mast.carriers[0].operator == "m3" and _years(mast) < 2016
    )


def _years(mast: Mast) -> int:
    return min(c.in_service.year for c in mast.carriers if c.in_service is not None)


def _site_operator(number: str, carrier: Carrier) -> SiteOperator:
    return SiteOperator(
        site_id=number,
        operator=carrier.operator,
        in_service_date=carrier.in_service,
        date_precision=DatePrecision(carrier.precision),
        band=carrier.band,
        frequency_mhz=carrier.frequency_mhz,
        bandwidth_mhz=carrier.bandwidth_mhz,
        eirp_dbm=carrier.eirp_dbm,
    )


def _district_ids(story: Story) -> dict[str, str]:
    """District numbers by municipality, earliest designation first: 99301-01 …"""
    order = sorted(story.districts, key=lambda d: (TOWNS[d.town].code, d.stays[0][0], d.key))
    serial: dict[str, int] = {}
    ids = {}
    for district in order:
        code = TOWNS[district.town].code
        serial[code] = serial.get(code, 0) + 1
        ids[district.key] = f"{code}-{serial[code]:02d}"
    return ids


def _districts(story: Story, ids: dict[str, str]) -> tuple[District, ...]:
    return tuple(
        District(
            district_id=ids[district.key],
            municipality_code=TOWNS[district.town].code,
            name=f"{district.name}地区",
            geometry=district.geometry,
            households=district.households,
            population=district.people,
            designated_on=designated,
            resolved_on=resolved,
            source=f"{SOURCE}の不感地域台帳",
            declined=district.declined,
        )
        for district in sorted(story.districts, key=lambda d: ids[d.key])
        for designated, resolved in district.stays
    )


def _buildings(place: Place) -> list[str]:
    if place.kind == "urban":
        return ["中央公民館", "小学校", "中学校", "体育館", "高等学校"][: 2 + place.people // 3_000]
    if place.people > 700:
        return ["小学校", "公民館"]
    return ["集会所"] if place.people < 250 else ["公民館"]


def _near(relief: Relief, place: Place, chance: np.random.Generator) -> tuple[float, float]:
    """A point on land within 250 m of the settlement's own."""
    for _ in range(50):
        row = place.row + int(chance.integers(-4, 5))
        col = place.col + int(chance.integers(-4, 5))
        if 0 <= row < GRID.rows and 0 <= col < GRID.cols and not relief.sea[row, col]:
            break
    else:
        row, col = place.row, place.col
    x, y = GRID.xy(np.array([row]), np.array([col]))
    lon, lat = plane_to_lonlat(x + 7.0, y - 11.0, epsg=GRID.epsg)
    return float(lat[0]), float(lon[0])
