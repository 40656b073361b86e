"""What of a run can be fetched: the index behind ``/api/v1/index.json`` and the データ page, and file names."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from coverage.domain import fiscal
from coverage.domain.municipality_code import six_digits
from coverage.errors import FileFormatError, NotFoundError
from coverage.report.place import REGION
from coverage.report.schemas import NAMES, schema
from coverage.report.wording import DEFAULT_LANGUAGE
from coverage.runs.folder import CHECKSUMS
from coverage.runs.reception import notice_of
from coverage.runs.result import RunResult
from coverage.services.kept_files import kept_on_disk
from coverage.services.place_files import FORMATS, public_file

BASE: Final = "/api/v1"
TABLES: Final = ("indicators", "municipalities", "operators", "districts")
"""Tables that are public as CSV. The table of sites is not: it holds the operators' plans."""
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "geojson": "application/geo+json",
    # The byte order mark is for Excel; the encoding is named for everybody else.
    "csv": "text/csv; charset=utf-8",
    "csv-metadata.json": "application/csvm+json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "gpkg": "application/geopackage+sqlite3",
    "pdf": "application/pdf",
    "json": "application/json",
    "schema": "application/schema+json",
    "sums": "text/plain; charset=utf-8",
}


def table_path(run: RunResult, name: str) -> Path:
    """``tables/<name>.csv``. NotFoundError for a table that is not public, FileFormatError where the run lacks it."""
    if name not in TABLES:
        raise NotFoundError("table-not-found", f"表 {name} はありません。", f"There is no table {name}.")
    path = run.folder / "tables" / f"{name}.csv"
    if not path.is_file():
        raise FileFormatError(
            "run-incomplete",
            f"計算結果 {run.run_id} に {name}.csv がありません。計算し直してください。",
            f"Run {run.run_id} lacks {name}.csv; compute it again.",
        )
    return path


def file_name(
    run: RunResult, what: str, fiscal_year: int | None, ending: str, *, confidential: bool = False
) -> str:
    """A name for a saved file that says what it is: 「見本県_99201_見本市_2018年度.geojson」.

    ``confidential``: with planned sites, which the name says too.
    """
    names = {
        "region": "全体", "municipalities": "市町別集計", "indicators": "指標", "operators": "事業者別集計",
        "districts": "不感地域台帳", "map": "地図", "report": "整備状況報告", "tables": "集計表",
    }  # fmt: skip
    name = names.get(what) or f"{what}_{municipality_names(run).get(what, '')}".rstrip("_")
    year = f"_{fiscal_year}年度" if fiscal_year is not None else ""
    year += "_計画局あり_取扱注意" if confidential else ""
    plain = re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", f"{run.meta['region']['name_ja']}_{name}{year}")
    return f"{plain[:120]}.{ending}"


def report_file(run: RunResult, kind: str, *, fiscal_year: int | None, lang: str) -> bytes:
    """The printed report ("pdf", of one fiscal year) or the workbook ("xlsx"). Kept for the next one who asks."""
    fy = run.check_fy(fiscal_year)
    if kind == "pdf":
        return kept_on_disk(run, f"{fy}-{lang}/report.pdf", lambda: _report_pdf(run, fy, lang))
    return kept_on_disk(run, f"report-{lang}.xlsx", lambda: _report_xlsx(run, lang))


def _report_pdf(run: RunResult, fiscal_year: int, lang: str) -> bytes:
    from coverage.report.pdf import report_pdf

    return report_pdf(run, fiscal_year=fiscal_year, lang=lang)


def _report_xlsx(run: RunResult, lang: str) -> bytes:
    from coverage.report.xlsx import report_xlsx

    return report_xlsx(run, lang=lang)


def table_metadata(run: RunResult, name: str) -> bytes:
    """The description of ``tables/<name>.csv`` (CSV on the Web): columns, units, licence and credits."""
    from coverage.report.place_csv import table_csv_metadata

    with table_path(run, name).open(encoding="utf-8-sig", newline="") as file:
        head = next(csv.reader(file))
    return table_csv_metadata(run, name, head)


def municipality_names(run: RunResult) -> dict[str, str]:
    """Name by five-digit code, in table order."""
    table = run.municipalities
    latest = table[table["fiscal_year"] == run.latest_fy]
    return {
        str(code): str(name)
        for code, name in zip(latest["municipality_code"], latest["name"], strict=True)
        if str(code) != run.region_code
    }


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of the index: ``path`` follows ``/api/v1/``; ``of_year``: it is another file in another fiscal year."""

    path: str
    media_type: str
    size: int
    sha256: str
    ja: str
    en: str
    of_year: bool


def listed_files(run: RunResult, fiscal_year: int | None = None) -> tuple[Listed, ...]:
    """Every public file of one fiscal year with its size and checksum, in the order of the index.

    What is not made yet is made now, once: about a quarter of a second a municipality.
    """
    fy = run.check_fy(fiscal_year)
    stamp = (run.folder / "run.json").stat().st_mtime_ns
    return _listed(run, fy, stamp)


def prepare_files(run: RunResult, progress: Callable[[float, str], None]) -> int:
    """Make every public file of the latest year before anybody asks for one; returns how many there are."""
    places = {REGION: str(run.meta["region"]["name_ja"]), **municipality_names(run)}
    for i, (code, name) in enumerate(places.items()):
        progress(i / (len(places) + 1), f"{name} のファイル / files")
        for ending in FORMATS:
            public_file(run, code, ending, run.latest_fy)
    progress(len(places) / (len(places) + 1), "報告書 / report")
    return len(listed_files(run))


@lru_cache(maxsize=32)
def _listed(run: RunResult, fy: int, _changed: int) -> tuple[Listed, ...]:
    def entry(path: str, kind: str, content: bytes, ja: str, en: str, *, of_year: bool = True) -> Listed:
        digest = hashlib.sha256(content).hexdigest()
        return Listed(path, MEDIA_TYPES[kind], len(content), digest, ja, en, of_year)

    region = run.meta["region"]
    found = [
        entry(
            "municipalities.geojson",
            "geojson",
            run.geojson_path("municipalities", fy).read_bytes(),
            "市町の境と集計値",
            "Boundaries of the municipalities with their figures",
        )
    ]
    places = [(REGION, "", str(region["name_ja"]), str(region["name_en"]))]
    places += [(code, "municipalities/", name, name) for code, name in municipality_names(run).items()]
    for code, folder, ja, en in places:
        for ending in FORMATS:
            kept = public_file(run, code, ending, fy)
            found.append(
                Listed(
                    f"{folder}{code}.{ending}", MEDIA_TYPES[ending], len(kept.content), kept.sha256, ja, en, True
                )
            )  # fmt: skip
    for name in TABLES:
        content = table_path(run, name).read_bytes()
        found.append(entry(f"{name}.csv", "csv", content, _TABLES_JA[name], _TABLES_EN[name], of_year=False))
        described = table_metadata(run, name)
        found.append(
            entry(
                f"{name}.csv-metadata.json", "csv-metadata.json", described, _TABLES_JA[name], _TABLES_EN[name],
                of_year=False,
            )
        )  # fmt: skip
    pdf = report_file(run, "pdf", fiscal_year=fy, lang=DEFAULT_LANGUAGE)
    found.append(entry("report.pdf", "pdf", pdf, "整備状況報告", "Report"))
    book = report_file(run, "xlsx", fiscal_year=None, lang=DEFAULT_LANGUAGE)
    found.append(entry("report.xlsx", "xlsx", book, "集計表", "Tables", of_year=False))
    for name in NAMES:
        document = schema_bytes(name)
        title = str(schema(name)["title"]).split(" / ")
        found.append(entry(f"schema/{name}.json", "schema", document, title[0], title[1], of_year=False))
    return tuple(found)


_TABLES_JA: Final = {
    "indicators": "指標・目標値・実績値", "municipalities": "市町別・年度別の集計", "operators": "事業者別の集計",
    "districts": "不感地域の台帳",
}  # fmt: skip
_TABLES_EN: Final = {
    "indicators": "Indicators, targets, actual values", "municipalities": "Figures by municipality and year",
    "operators": "Figures by operator", "districts": "Register of districts",
}  # fmt: skip


def schema_bytes(name: str) -> bytes:
    """``schema/<name>.json``; NotFoundError for one that there is not."""
    return (json.dumps(schema(name), ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def checksum_lines(run: RunResult, fiscal_year: int | None = None) -> bytes:
    """What ``sha256sum -c`` reads, with the names that the files have below ``/api/v1/``."""
    lines = [f"{file.sha256}  {file.path}\n" for file in listed_files(run, fiscal_year)]
    return "".join(lines).encode("utf-8")


def index_document(
    run: RunResult, fiscal_year: int | None = None, *, asked: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Everything that can be fetched of ``run``. NotFoundError for a year that it does not hold.

    Addresses are relative to the server and never change; without ``?fy=`` they give the latest year. ``asked``: how
    the run was asked for (``run`` or ``as_of``); the addresses of ``files`` carry it, so that they give these bytes.
    """
    fy = run.check_fy(fiscal_year)
    meta = run.meta
    sums = checksums(run)
    query = f"?fy={fy}"
    licence = "; ".join(sorted({str(layer["licence"]) for layer in meta["layers"] if layer["licence"]}))
    credit_line = "; ".join(sorted({str(layer["credit"]) for layer in meta["layers"] if layer["credit"]}))

    def address(file: Listed) -> str:
        held = {**({"fy": str(fy)} if file.of_year else {}), **(asked or {})}
        given = urlencode({} if file.path.startswith("schema/") else held)
        return f"{BASE}/{file.path}" + (f"?{given}" if given else "")

    def entry(path: str, file: str) -> dict[str, Any]:
        return {"url": f"{BASE}/{path}", "url_of_year": f"{BASE}/{path}{query}", "sha256": sums.get(file)}

    return {
        "format": "coverage-gap-index/1",
        "run_id": run.run_id,
        "region": {
            key: meta["region"][key] for key in ("prefecture_code", "name_ja", "name_en", "fictional")
        },
        "notice": {lang: notice_of(meta, lang) for lang in ("ja", "en")},
        "computable": meta["computable"]["any"],
        "computable_reason": meta["computable_reason"],
        "estimated": meta["estimated"],
        "fiscal_year": fy,
        "fiscal_year_label": {"ja": fiscal.label_ja(fy), "en": fiscal.label_en(fy)},
        "fiscal_years": run.fiscal_years,
        "tables": {
            name: {"url": f"{BASE}/{name}.csv", "sha256": sums.get(f"tables/{name}.csv")} for name in TABLES
        },
        "summaries": {
            "municipalities": entry("municipalities.geojson", f"geojson/{fy}/municipalities.geojson"),
            "region": entry("region.geojson", f"geojson/{fy}/region.geojson"),
        },
        "municipalities": [
            {
                "code": code,
                "code_six_digits": six_digits(code),
                "name": name,
                **entry(f"municipalities/{code}.geojson", f"geojson/{fy}/{code}.geojson"),
            }
            for code, name in municipality_names(run).items()
        ],
        "report": {"pdf": f"{BASE}/report.pdf", "xlsx": f"{BASE}/report.xlsx"},
        # Not of a run: the ledger as it is now, hence without a digest.
        "live": {"challenges": f"{BASE}/challenges.geojson"},
        "map": f"/map/{run.run_id}.html",
        "layers": [
            {key: layer[key] for key in ("layer", "edition", "licence", "credit", "estimated")}
            for layer in meta["layers"]
        ],
        "checksums": f"{BASE}/SHA256SUMS",
        "files": [
            {
                "path": file.path,
                "url": address(file),
                "title": {"ja": file.ja, "en": file.en},
                "media_type": file.media_type,
                "bytes": file.size,
                "sha256": file.sha256,
                "licence": licence,
                "credit": credit_line,
            }
            for file in listed_files(run, fy)
        ],
    }


def checksums(run: RunResult) -> Mapping[str, str]:
    """SHA-256 by file name, from the run's ``SHA256SUMS``; empty for a run that is not sealed."""
    path = run.folder / CHECKSUMS
    return _checksums(path, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=8)
def _checksums(path: Path, _changed: int) -> dict[str, str]:
    pairs = (line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in pairs}
