"""Base stations under comprehensive licences by municipality (総務省 無線局等情報検索), to check totals against.

The ministry publishes the place of a station by municipality only, on purpose: these counts never become sites. They
count stations, not masts, for one operator, and may fall. Codes have six digits with a check digit, names carry the
county (北牟婁郡紀北町).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from coverage.domain.municipality_code import is_prefecture
from coverage.domain.places import Municipality
from coverage.errors import FileFormatError
from coverage.readers.geojson import load_json
from coverage.readers.table_cells import Cells
from coverage.readers.text import Table, plain, read_table

_NOTE_ENTRY = re.compile(r"([^(（)）,、\s]+)[(（]([\d,]+)[)）]")


@dataclass(frozen=True, slots=True)
class LicenceCount:
    """Stations open in one municipality, or (code ending in 000) in a whole prefecture, on ``day`` if the file says."""

    code: str
    name: str
    stations: int
    day: date | None = None


def read_mic_licences(path: Path) -> tuple[LicenceCount, ...]:
    """Counts of a CSV: the monthly table (団体コード, 都道府県名, 市区町村名, 開設局数) or a change log (snapshot_date, code6,
    prefecture, municipality, stations_open).

    Raises FileFormatError with row and column: "column-missing", "municipality-code-check-digit", "number-wrong",
    "mic-twice", and "mic-prefecture-sum" where the municipalities of the monthly table do not add up to their prefecture.
    """
    table = read_table(path)
    columns = ("snapshot_date", "code6", "municipality", "stations_open")
    monthly = "団体コード" in table.columns
    if monthly:
        columns = ("", "団体コード", "市区町村名", "開設局数")
    table.require(c for c in columns if c)
    day_column, code_column, name_column, count_column = columns
    found: dict[tuple[date | None, str], LicenceCount] = {}
    for row in table.rows:
        cells = Cells(table.name, row.number, row.cells)
        code = cells.municipality(code_column)
        day = cells.day(day_column) if day_column else None
        if (day, code) in found:
            raise cells.problem(
                "mic-twice",
                code_column,
                f"市区町村 {code} は同じ日に二度あります。",
                f"the municipality {code} occurs twice on the same day; keep one.",
            )
        found[day, code] = LicenceCount(
            code, cells.optional(name_column) or "", cells.whole_needed(count_column), day
        )
    counts = tuple(found.values())
    if monthly:
        _check_sums(table, counts)
    return counts


def parse_mic_json(
    data: bytes, municipalities: Sequence[Municipality], *, name: str
) -> tuple[LicenceCount, ...]:
    """Counts of the ministry's API answer (OF=2, OW=FB_H): text in ``note``, one 「市町名(局数)」 after another.

    Lines are parted by the two characters ``\\n``. Raises FileFormatError "mic-json" (not the API's form),
    "mic-name-unknown" (a name that no municipality has).
    """
    document = load_json(data, name=name)
    licences = document.get("musen") if isinstance(document, dict) else None
    if not isinstance(licences, list):
        raise FileFormatError(
            "mic-json",
            f"「{name}」は無線局等情報検索の応答ではありません（musen がありません）。取り直してください。",
            f"'{name}' is not an answer of the radio station search (it has no 'musen'); fetch it again.",
        )
    codes = codes_by_name(municipalities)
    totals: dict[str, int] = {}
    for licence in licences:
        for place, stations in _entries(licence):
            code = codes.get(place)
            if code is None:
                raise FileFormatError(
                    "mic-name-unknown",
                    f"「{name}」の市区町村名「{place}」が境界データにありません。年次をそろえてください。",
                    f"'{name}' names the municipality {place}, which the boundaries lack; use layers of the same date.",
                )
            totals[code] = totals.get(code, 0) + stations
    full = {m.code: m.full_name for m in municipalities}
    return tuple(LicenceCount(code, full[code], totals[code]) for code in sorted(totals))


def latest(counts: Iterable[LicenceCount], on: date | None = None) -> dict[str, LicenceCount]:
    """The last known count of each municipality (not after ``on``), by five-digit code."""
    newest: dict[str, LicenceCount] = {}
    for count in counts:
        if on is not None and count.day is not None and count.day > on:
            continue
        before = newest.get(count.code)
        if before is None or (count.day or date.min) >= (before.day or date.min):
            newest[count.code] = count
    return newest


@dataclass(frozen=True, slots=True)
class TotalsCheck:
    """A municipality's licensed stations beside the sites that a list has. ``sites`` above ``stations`` is a contradiction,
    far below it an incomplete list."""

    code: str
    name: str
    stations: int
    sites: int


def compare_totals(
    counts: Mapping[str, LicenceCount], sites_by_code: Mapping[str, int]
) -> tuple[TotalsCheck, ...]:
    """Stations against sites for every municipality in either, prefecture rows left out, by code."""
    codes = sorted({c for c in counts if not is_prefecture(c)} | set(sites_by_code))
    return tuple(
        TotalsCheck(
            code,
            counts[code].name if code in counts else "",
            counts[code].stations if code in counts else 0,
            sites_by_code.get(code, 0),
        )
        for code in codes
    )


def codes_by_name(municipalities: Iterable[Municipality]) -> dict[str, str]:
    """Code of every municipality by its full name (with county) and, where no other shares it, its short name."""
    known = {plain(m.full_name): m.code for m in municipalities}
    short: dict[str, list[str]] = {}
    for municipality in municipalities:
        short.setdefault(plain(municipality.name), []).append(municipality.code)
    return {name: codes[0] for name, codes in short.items() if len(codes) == 1} | known


def _entries(licence: Any) -> list[tuple[str, int]]:
    detail = licence.get("detailInfo") if isinstance(licence, dict) else None
    note = detail.get("note") if isinstance(detail, dict) else None
    if not isinstance(note, str):
        return []
    text = note.replace("\\n", "\n")
    return [(plain(m[1]), int(m[2].replace(",", ""))) for m in _NOTE_ENTRY.finditer(text)]


def _check_sums(table: Table, counts: Sequence[LicenceCount]) -> None:
    for prefecture in (c for c in counts if is_prefecture(c.code)):
        parts = [
            c.stations for c in counts if c.code[:2] == prefecture.code[:2] and not is_prefecture(c.code)
        ]
        if parts and sum(parts) != prefecture.stations:
            raise FileFormatError(
                "mic-prefecture-sum",
                f"「{table.name}」の都道府県 {prefecture.code[:2]} の局数 {prefecture.stations:,} が、市区町村の合計 "
                f"{sum(parts):,} と合いません。取り直してください。",
                f"In '{table.name}' the {prefecture.stations:,} stations of prefecture {prefecture.code[:2]} are not the "
                f"{sum(parts):,} of its municipalities; get the file again.",
            )


__all__ = [
    "LicenceCount",
    "TotalsCheck",
    "codes_by_name",
    "compare_totals",
    "latest",
    "parse_mic_json",
    "read_mic_licences",
]
