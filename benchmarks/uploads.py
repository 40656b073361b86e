"""Uploads at the limit: 200,000 rows as CSV and as XLSX through the real child. ``python -m benchmarks.uploads``

Prints wall time, processor time and peak memory of parent and child; the limits are 60 s and 1.5 GiB (reliability S3).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from coverage.uploads.sandbox import check_file

HEADER = ("site_id", "name", "operator", "lat", "lon", "height_m", "frequency_mhz", "eirp_dbm", "status", "in_service_date", "districts_served")


def row(number: int) -> tuple[object, ...]:
    return (
        f"S{number:06d}", f"見本{number}局", f"m{number % 4}", 34 + number % 1000 / 1000, 136 + number % 700 / 1000, 10 + number % 40,
        (800, 2100)[number % 2], 50, "供用中", f"H29.3.{1 + number % 31}", f"D-{number % 500}",
    )  # fmt: skip


def write_csv(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(",".join(HEADER) + "\n")
        for number in range(rows):
            stream.write(",".join(str(v) for v in row(number)) + "\n")


def write_xlsx(path: Path, rows: int) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("一覧")
    sheet.append(HEADER)
    for number in range(rows):
        sheet.append(row(number))
    book.save(path)


def measure(path: Path) -> str:
    begun = time.perf_counter()
    report = check_file(path)
    wall = time.perf_counter() - begun
    line = f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {report.verdict}, {len(report.rows):,} rows, {wall:.1f} s"
    if not report.rows:
        line += f" ({report.errors[0].code})"
    if sys.platform != "win32":
        import resource

        child = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF)
        line += f", child {child.ru_utime + child.ru_stime:.1f} s of processor, peak {child.ru_maxrss / 1024:.0f} MiB; parent {own.ru_maxrss / 1024:.0f} MiB"
    return line


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as name:
        for path, write in ((Path(name) / "sites.csv", write_csv), (Path(name) / "sites.xlsx", write_xlsx)):
            write(path, rows)
            print(measure(path), flush=True)


if __name__ == "__main__":
    main()
