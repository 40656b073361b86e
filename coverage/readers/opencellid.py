"""OpenCelliD and Mozilla Location Service exports → sites: LTE cells grouped by eNodeB.

Every row is a *cell*, its position an estimate from phones that heard it (``changeable`` 1) or exact (0). The upper 20 bits
of an LTE cell identity are the eNodeB, the lower 8 the sector (3GPP TS 36.300), so one site is one (mcc, net, cell >> 8).
Rows of other radios carry no such rule and are left out, and counted.

The per-country file has no header row, the world file has one. A wrong token gives HTTP 200 with a small JSON instead
of the file; it is recognised by its content.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from coverage.domain.fiscal import last_possible_day, tokyo_date
from coverage.domain.ledger import DatePrecision, Ledger, Site, SiteOperator, Status
from coverage.errors import FileFormatError
from coverage.readers.boundaries import Locator
from coverage.readers.text import read_bytes

COLUMNS: Final = (
    "radio", "mcc", "net", "area", "cell", "unit", "lon", "lat", "range", "samples", "changeable", "created",
    "updated", "averageSignal",
)  # fmt: skip

JAPAN_MCC: Final = (440, 441)

OFFSHORE_DEG: Final = 0.005
"""A site this far outside every outline (about 500 m) still belongs to the nearest municipality."""


@dataclass(frozen=True, slots=True)
class CellSite:
    """One eNodeB. ``cells`` counts its sectors; ``first_seen`` is when its oldest cell entered the database."""

    mcc: int
    net: int
    enodeb: int
    lat: float
    lon: float
    cells: int
    samples: int
    first_seen: datetime | None

    @property
    def network(self) -> str:
        """ "440-10", as the option ``networks`` names it."""
        return f"{self.mcc}-{self.net}"


@dataclass(frozen=True)
class OpenCellReading:
    """Sites of the ledger, and what was left out: cells of other radios, of unnamed networks, outside the region."""

    ledger: Ledger
    other_radio: int
    other_network: int
    outside: int

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """One (Japanese, English) sentence on what the list is and is not."""
        return (
            (
                f"OpenCelliD の LTE セルを eNodeB ごとにまとめた {len(self.ledger.sites):,} 局（位置は推定、高さ・出力は不明）。"
                f"LTE 以外 {self.other_radio:,} セル、対象外の網 {self.other_network:,} 局、地域外 {self.outside:,} 局は使わない。",
                f"{len(self.ledger.sites):,} sites from LTE cells of OpenCelliD grouped by eNodeB (positions estimated, "
                f"heights and power unknown); not used: {self.other_radio:,} cells of other radios, "
                f"{self.other_network:,} sites of other networks, {self.outside:,} sites outside the region.",
            ),
        )


def read_opencellid(
    paths: Sequence[Path],
    *,
    networks: Mapping[str, str],
    locator: Locator,
    bounds: tuple[float, float, float, float],
) -> OpenCellReading:
    """Sites inside the region, as a ledger without districts.

    ``networks`` maps "mcc-net" to an operator id; Japan has MCC 440 and 441, and both files are needed. ``bounds`` is
    (west, south, east, north) around the region. The service date is the year in which a cell was first seen, known to the
    year only, so that it is on the air for the radio model but never counted. Raises as :func:`read_cells`.
    """
    cells, other_radio = [], 0
    west, south, east, north = bounds
    for path in paths:
        for cell in read_cells(path):
            if not (
                west - OFFSHORE_DEG <= cell.lon <= east + OFFSHORE_DEG
                and south - OFFSHORE_DEG <= cell.lat <= north + OFFSHORE_DEG
            ):
                continue
            if cell.radio != "LTE":
                other_radio += 1
                continue
            cells.append(cell)
    sites: list[Site] = []
    on_site: list[SiteOperator] = []
    other_network = outside = 0
    for found in group_sites(cells):
        operator = networks.get(found.network)
        if operator is None:
            other_network += 1
            continue
        code = locator.nearest(found.lat, found.lon, within_deg=OFFSHORE_DEG)
        if code is None:
            outside += 1
            continue
        site_id = f"ocid-{found.network}-{found.enodeb}"
        sites.append(
            Site(
                site_id=site_id,
                name=f"eNodeB {found.enodeb} ({found.network})",
                municipality_code=code,
                lat=round(found.lat, 6),
                lon=round(found.lon, 6),
                status=Status.IN_SERVICE,
            )
        )
        seen = None if found.first_seen is None else tokyo_date(found.first_seen)
        on_site.append(
            SiteOperator(
                site_id=site_id,
                operator=operator,
                in_service_date=None if seen is None else last_possible_day(seen, DatePrecision.YEAR),
                date_precision=DatePrecision.YEAR,
            )
        )
    ledger = Ledger(sites=tuple(sites), site_operators=tuple(on_site))
    return OpenCellReading(ledger, other_radio, other_network, outside)


@dataclass(frozen=True, slots=True)
class Cell:
    """One row. ``samples`` is at least 1; ``exact`` is changeable = 0."""

    radio: str
    mcc: int
    net: int
    cell: int
    lon: float
    lat: float
    samples: int
    exact: bool
    created: int | None


def read_cells(path: Path) -> Iterator[Cell]:
    """Rows of one .csv or .csv.gz, with or without a header row, CRLF or LF.

    Raises FileFormatError: "opencellid-refused" (the JSON of a wrong token), "opencellid-not-gzip",
    "opencellid-truncated", "opencellid-row".
    """
    data = read_bytes(path)
    if data.lstrip()[:1] == b"{":
        raise _refused(path.name, data)
    packed = data[:2] == b"\x1f\x8b"
    if not packed and (path.suffix.lower() == ".gz" or not data.strip()):
        raise FileFormatError(
            "opencellid-not-gzip",
            f"「{path.name}」は gzip ではありません。トークンを確かめ、ダウンロードし直してください。",
            f"'{path.name}' is not gzip; check the token and download it again.",
        )
    raw = io.BytesIO(data)
    lines: Iterable[str] = io.TextIOWrapper(
        gzip.GzipFile(fileobj=raw) if packed else raw, "utf-8", newline=""
    )
    reader = csv.reader(lines)
    number = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError, csv.Error) as problem:
            raise FileFormatError(
                "opencellid-truncated",
                f"「{path.name}」は {number} 行目の後で読めなくなります（{problem}）。ダウンロードし直してください。",
                f"'{path.name}' cannot be read after row {number} ({problem}); download it again.",
            ) from None
        number += 1
        if number == 1 and row[:2] == list(COLUMNS[:2]):
            continue
        yield _cell(row, path.name, number)


def group_sites(cells: Sequence[Cell]) -> list[CellSite]:
    """LTE cells by (mcc, net, eNodeB), in that order; the position is the mean of the exact cells, else of all cells
    weighted by their samples."""
    groups: dict[tuple[int, int, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.mcc, cell.net, cell.cell >> 8), []).append(cell)
    sites = []
    for (mcc, net, enodeb), members in sorted(groups.items()):
        used = [c for c in members if c.exact] or members
        weight = sum(c.samples for c in used)
        created = [c.created for c in members if c.created is not None]
        sites.append(
            CellSite(
                mcc,
                net,
                enodeb,
                lat=math.fsum(c.lat * c.samples for c in used) / weight,
                lon=math.fsum(c.lon * c.samples for c in used) / weight,
                cells=len({c.cell for c in members}),
                samples=sum(c.samples for c in members),
                first_seen=datetime.fromtimestamp(min(created), UTC) if created else None,
            )
        )
    return sites


def _cell(row: list[str], name: str, number: int) -> Cell:
    try:
        if len(row) != len(COLUMNS):
            raise ValueError(f"{len(row)} columns")
        lon, lat = float(row[6]), float(row[7])
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise ValueError(f"position {row[6]}, {row[7]}")
        return Cell(
            radio=row[0].strip().upper(),
            mcc=int(row[1]),
            net=int(row[2]),
            cell=int(row[4]),
            lon=lon,
            lat=lat,
            samples=max(1, int(row[9] or 1)),
            exact=row[10].strip() == "0",
            created=int(row[11]) if row[11].strip() else None,
        )
    except ValueError as problem:
        raise FileFormatError(
            "opencellid-row",
            f"「{name}」の {number} 行目は OpenCelliD の行ではありません（{problem}）。ファイルを確かめてください。",
            f"Row {number} of '{name}' is no row of OpenCelliD ({problem}); check the file.",
        ) from None


def _refused(name: str, data: bytes) -> FileFormatError:
    try:
        answer = json.loads(data)
        said = str(answer.get("message") or answer.get("error") or answer.get("status") or "")[:200]
    except ValueError:
        said = ""
    return FileFormatError(
        "opencellid-refused",
        f"「{name}」は局の一覧ではなく OpenCelliD からのお断り（{said or 'JSON'}）です。トークンを確かめて取り直してください。",
        f"'{name}' is not the list but a refusal by OpenCelliD ({said or 'JSON'}); check the token and fetch it again.",
    )
