"""The ledger's tables (product rule §2) from a folder of CSV files, or one flat site list, → domain records.

Everything is checked before anything is returned: ids that lead nowhere, repeats, positions outside Japan, dates that
do not exist. docs/layers.md lists the columns; :data:`COLUMNS` is what they are checked against.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from coverage.domain.ledger import Actual, District, Ledger, Site, SiteDistrict, SiteOperator
from coverage.errors import FileFormatError
from coverage.readers import table_records as records
from coverage.readers.table_cells import Cells
from coverage.readers.table_records import COLUMNS, FLAT_COLUMNS, NEEDED, Locate
from coverage.readers.table_writer import write_ledger
from coverage.readers.text import read_table
from coverage.readers.vector import read_features

__all__ = [
    "COLUMNS",
    "NEEDED",
    "read_actuals",
    "read_districts",
    "read_ledger",
    "read_site_list",
    "write_ledger",
]

RecordT = TypeVar("RecordT")


@dataclass(frozen=True)
class LedgerReading:
    """The ledger and the files it was read from, in reading order."""

    ledger: Ledger
    files: tuple[Path, ...]


def read_ledger(
    folder: Path,
    *,
    operators: Mapping[str, str] | None = None,
    crs: int = 6668,
    locate: Locate | None = None,
    districts: Sequence[District] | None = None,
) -> LedgerReading:
    """The tables of a folder: sites.csv, and those of the others that are there.

    ``operators`` maps the names that the operator column may hold to operator ids (None: any text is an id). ``crs`` is
    the EPSG code of lat/lon (4301 for lists in the Tokyo datum). ``locate`` gives the municipality code of a position,
    for a site whose code is blank. ``districts`` is a register that was read elsewhere.

    Raises FileFormatError with file, row and column: "table-unknown" (a .csv that is none of the tables), "table-missing",
    "column-missing", "column-unknown", "id-twice", "row-twice", "id-dangling", "operator-unknown",
    "district-overlap", and what :class:`~coverage.readers.table_cells.Cells` raises.
    """
    tables = _tables_in(folder)
    files: list[Path] = []

    def rows(table: str) -> Iterator[Cells]:
        path = tables.get(table)
        if path is None:
            return
        files.append(path)
        yield from _rows(path, table)

    sites, _ = _collect(rows("sites"), lambda c: records.site(c, crs, locate), lambda s: s.site_id)
    own_districts, districts_at = _collect(
        rows("districts"),
        lambda c: records.district(c, None, crs),
        lambda d: (d.district_id, d.designated_on),
    )
    if districts is not None and own_districts:
        raise FileFormatError(
            "table-twice",
            f"不感地域の台帳が「{folder.name}」と layers.districts の両方にあります。片方にしてください。",
            f"The register of districts is both in '{folder.name}' and in layers.districts; keep one.",
        )
    if districts is None and folder.joinpath("districts.geojson").is_file():
        path = folder / "districts.geojson"
        files.append(path)
        own_districts = list(read_districts(path))
    _check_periods(districts_at)
    known_sites = {s.site_id for s in sites}
    register = own_districts if districts is None else list(districts)
    known_districts = {d.district_id for d in register}

    operators_rows, operators_at = _collect(
        rows("site_operators"), lambda c: records.site_operator(c, operators)
    )
    serves, serves_at = _collect(
        rows("site_districts"), records.site_district, lambda s: (s.site_id, s.district_id)
    )
    openings, _ = _collect(rows("opening_balance"), records.opening, lambda o: (o.fiscal_year, o.recorded_at))
    allocations, allocations_at = _collect(rows("allocations"), records.allocation, lambda a: a.site_id)
    restatements, _ = _collect(rows("restatements"), records.restatement)
    frozen, _ = _collect(rows("frozen_years"), records.frozen, lambda f: (f.fiscal_year, f.recorded_at))
    answers, answers_at = _collect(rows("distinct_answers"), records.answer)
    actuals, _ = _collect(
        rows("actuals"), records.actual, lambda a: (a.indicator, a.fiscal_year, a.recorded_at)
    )
    footnotes, _ = _collect(rows("footnotes"), records.footnote, lambda n: (n.footnote_id, n.recorded_at))

    _check_ids(operators_at, lambda o: o.site_id, "site_id", known_sites)
    _check_ids(serves_at, lambda s: s.site_id, "site_id", known_sites)
    _check_ids(serves_at, lambda s: s.district_id, "district_id", known_districts)
    _check_ids(allocations_at, lambda a: a.site_id, "site_id", known_sites)
    _check_ids(answers_at, lambda a: a.site_id_a, "site_id_a", known_sites)
    _check_ids(answers_at, lambda a: a.site_id_b, "site_id_b", known_sites)
    ledger = Ledger(
        sites=tuple(sites),
        site_operators=tuple(operators_rows),
        site_districts=tuple(serves),
        districts=tuple(register),
        opening_balances=tuple(openings),
        allocations=tuple(allocations),
        restatements=tuple(restatements),
        frozen_years=tuple(frozen),
        distinct_answers=tuple(answers),
        actuals=tuple(actuals),
        footnotes=tuple(footnotes),
    )
    return LedgerReading(ledger, tuple(files))


def read_site_list(
    path: Path,
    *,
    operators: Mapping[str, str] | None = None,
    crs: int = 6668,
    locate: Locate | None = None,
    districts: Sequence[District] = (),
) -> Ledger:
    """One flat list (.csv, or point features): a row per site and operator, ``districts_served`` parted by ``;``.

    Rows of one site must agree in everything that belongs to the site. Arguments and errors as :func:`read_ledger`,
    and "site-rows-differ".
    """
    sites: dict[str, Site] = {}
    on_site: list[SiteOperator] = []
    serves: dict[tuple[str, str], SiteDistrict] = {}
    known_districts = {d.district_id for d in districts}
    for cells in _flat_rows(path):
        site = records.site(cells, crs, locate)
        before = sites.setdefault(site.site_id, site)
        if before != site:
            different = next(c for c in COLUMNS["sites"] if getattr(before, c) != getattr(site, c))
            raise cells.problem(
                "site-rows-differ",
                different,
                f"局 {site.site_id} の値が前の行と違います。同じ局の行では局の列をそろえてください。",
                f"the value differs from an earlier row of the site {site.site_id}; rows of one site must agree.",
            )
        if cells.optional("operator") is not None:
            row = records.site_operator(cells, operators)
            if row in on_site:
                raise _row_twice(cells)
            on_site.append(row)
        for district_id in re.split("[;；]", cells.optional("districts_served") or ""):
            if not district_id.strip():
                continue
            if district_id.strip() not in known_districts:
                raise _dangling(cells, "districts_served", district_id.strip())
            key = (site.site_id, district_id.strip())
            serves.setdefault(key, SiteDistrict(*key, recorded_at=site.recorded_at))
    if not sites:
        raise _no_rows(path.name)
    return Ledger(
        sites=tuple(sites.values()),
        site_operators=tuple(on_site),
        site_districts=tuple(serves.values()),
        districts=tuple(districts),
    )


def read_districts(path: Path) -> tuple[District, ...]:
    """A register of no-signal districts: .csv with lat/lon, or GeoJSON and the like with points or polygons.

    Raises as :func:`read_ledger`, "district-geometry" for lines and missing geometry.
    """
    if path.suffix.lower() == ".csv":
        found, at = _collect(
            _rows(path, "districts"),
            lambda c: records.district(c, None, 6668),
            lambda d: (d.district_id, d.designated_on),
        )
    else:
        table = read_features(path)
        table.require(*NEEDED["districts"])
        shapes = {}
        rows = []
        for feature in table.features:
            values = {key: feature.text(key) for key in feature.properties}
            rows.append(Cells(table.name, feature.number, values, is_feature=True))
            shapes[feature.number] = feature.geometry
        _check_columns(table.name, "districts", table.columns)
        found, at = _collect(
            rows,
            lambda c: records.district(c, shapes[c.number], 6668),
            lambda d: (d.district_id, d.designated_on),
        )
    _check_periods(at)
    return tuple(found)


def read_actuals(path: Path) -> tuple[Actual, ...]:
    """actuals.csv on its own. Raises as :func:`read_ledger`."""
    found, _ = _collect(
        _rows(path, "actuals"), records.actual, lambda a: (a.indicator, a.fiscal_year, a.recorded_at)
    )
    return tuple(found)


def _tables_in(folder: Path) -> dict[str, Path]:
    if not folder.joinpath("sites.csv").is_file():
        raise FileFormatError(
            "table-missing",
            f"フォルダ「{folder.name}」に sites.csv がありません。基地局の表を置いてください。",
            f"The folder '{folder.name}' has no sites.csv; put the table of sites there.",
        )
    found = {}
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in COLUMNS:
            raise FileFormatError(
                "table-unknown",
                f"フォルダ「{folder.name}」の「{path.name}」は台帳の表ではありません（表の名前: {'、'.join(COLUMNS)}）。"
                "名前を直すか外してください。",
                f"'{path.name}' in the folder '{folder.name}' is none of the ledger's tables ({', '.join(COLUMNS)}); "
                "rename or remove it.",
            )
        found[path.stem] = path
    if "districts" in found and folder.joinpath("districts.geojson").is_file():
        raise FileFormatError(
            "table-twice",
            f"フォルダ「{folder.name}」に districts.csv と districts.geojson の両方があります。片方にしてください。",
            f"The folder '{folder.name}' has both districts.csv and districts.geojson; keep one.",
        )
    return found


def _rows(path: Path, table: str) -> list[Cells]:
    read = read_table(path, require=NEEDED[table])
    _check_columns(read.name, table, read.columns)
    return [Cells(read.name, row.number, row.cells) for row in read.rows]


def _flat_rows(path: Path) -> list[Cells]:
    if path.suffix.lower() == ".csv":
        read = read_table(path, require=NEEDED["sites"])
        _check_columns(read.name, "site-list", read.columns)
        return [Cells(read.name, row.number, row.cells) for row in read.rows]
    table = read_features(path)
    table.require(*(c for c in NEEDED["sites"] if c not in ("lat", "lon")))
    _check_columns(table.name, "site-list", table.columns)
    rows = []
    for feature in table.features:
        values = {key: feature.text(key) for key in feature.properties}
        if feature.geometry is None or feature.geometry.geom_type != "Point":
            raise Cells(table.name, feature.number, values, is_feature=True).problem(
                "site-not-a-point", "geometry", "局の位置は点にしてください。", "a site must be a point."
            )
        # repr keeps every digit, so that the position does not move on its way through text.
        values |= {"lat": repr(feature.geometry.y), "lon": repr(feature.geometry.x)}
        rows.append(Cells(table.name, feature.number, values, is_feature=True))
    return rows


def _check_columns(name: str, table: str, columns: Sequence[str]) -> None:
    known = FLAT_COLUMNS if table == "site-list" else COLUMNS[table]
    for column in columns:
        if column not in known and column != "note":
            raise FileFormatError(
                "column-unknown",
                f"「{name}」の列「{column}」は使えません（使える列: {'、'.join((*known, 'note'))}）。列名を直すか外してください。",
                f"'{name}' has the unknown column '{column}' (known: {', '.join((*known, 'note'))}); rename or remove it.",
            )


def _collect(
    rows: Iterable[Cells],
    make: Callable[[Cells], RecordT],
    key: Callable[[RecordT], object] | None = None,
) -> tuple[list[RecordT], list[tuple[Cells, RecordT]]]:
    """Records of all rows, with their rows; two rows with one ``key`` (or two equal records) are refused."""
    found: list[tuple[Cells, RecordT]] = []
    first_at: dict[object, int] = {}
    for cells in rows:
        record = make(cells)
        own = record if key is None else key(record)
        if own in first_at:
            if key is None:
                raise _row_twice(cells)
            shown = "・".join(str(v) for v in own if v is not None) if isinstance(own, tuple) else str(own)
            raise cells.problem(
                "id-twice",
                next(iter(cells.values)),
                f"「{shown}」は {first_at[own]} 行目にもあります。一つにしてください。",
                f"'{shown}' is in row {first_at[own]} too; keep one.",
            )
        first_at[own] = cells.number
        found.append((cells, record))
    return [record for _, record in found], found


def _check_ids(
    rows: Iterable[tuple[Cells, RecordT]], value: Callable[[RecordT], str], column: str, known: set[str]
) -> None:
    for cells, record in rows:
        if value(record) not in known:
            raise _dangling(cells, column, value(record))


def _check_periods(rows: Sequence[tuple[Cells, District]]) -> None:
    """A district that was designated again must have been resolved before."""
    by_id: dict[str, list[tuple[Cells, District]]] = {}
    for cells, district in rows:
        by_id.setdefault(district.district_id, []).append((cells, district))
    for periods in by_id.values():
        if len(periods) < 2:
            continue
        for cells, district in periods:
            if district.designated_on is None:
                raise cells.problem(
                    "district-overlap",
                    "designated_on",
                    f"地区 {district.district_id} は複数の行にあるため、指定日が必要です。",
                    f"the district {district.district_id} has several rows, so each needs its designation date.",
                )
        ordered = sorted(periods, key=lambda p: str(p[1].designated_on))
        for (_, before), (cells, after) in pairwise(ordered):
            if before.resolved_on is None or str(before.resolved_on) > str(after.designated_on):
                raise cells.problem(
                    "district-overlap",
                    "designated_on",
                    f"地区 {after.district_id} は、前の指定が解消される前に再び指定されています。日付を確かめてください。",
                    f"the district {after.district_id} is designated again before it was resolved; check the dates.",
                )


def _row_twice(cells: Cells) -> FileFormatError:
    return cells.problem(
        "row-twice",
        next(iter(cells.values)),
        "まったく同じ行が前にもあります。一つにしてください。",
        "an identical row came before; keep one.",
    )


def _dangling(cells: Cells, column: str, value: str) -> FileFormatError:
    return cells.problem(
        "id-dangling",
        column,
        f"「{value}」が元の表にありません。id の綴りを確かめるか、元の表に加えてください。",
        f"'{value}' is not in the table that it refers to; check its spelling or add it there.",
    )


def _no_rows(name: str) -> FileFormatError:
    return FileFormatError(
        "table-empty",
        f"「{name}」に基地局の行がありません。表を確かめてください。",
        f"'{name}' has no row of a site; check the table.",
    )
