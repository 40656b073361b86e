"""What of a run can be fetched: the index behind ``/api/v1/index.json`` and the データ page, and file names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from coverage.domain import fiscal
from coverage.domain.municipality_code import six_digits
from coverage.errors import FileFormatError, NotFoundError
from coverage.runs.folder import CHECKSUMS
from coverage.runs.result import RunResult

BASE: Final = "/api/v1"
TABLES: Final = ("indicators", "municipalities", "operators", "districts")
"""Tables that are public as CSV. The table of sites is not: it holds the operators' plans."""


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


def file_name(run: RunResult, what: str, fiscal_year: int | None, ending: str) -> str:
    """A name for a saved file that says what it is: 「見本県_99201_見本市_2018年度.geojson」."""
    names = {
        "region": "全体", "municipalities": "市町別集計", "indicators": "指標", "operators": "事業者別集計",
        "districts": "不感地域台帳", "map": "地図", "report": "整備状況報告", "tables": "集計表",
    }  # fmt: skip
    name = names.get(what) or f"{what}_{municipality_names(run).get(what, '')}".rstrip("_")
    year = f"_{fiscal_year}年度" if fiscal_year is not None else ""
    plain = re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", f"{run.meta['region']['name_ja']}_{name}{year}")
    return f"{plain[:120]}.{ending}"


def report_file(run: RunResult, kind: str, *, fiscal_year: int | None, lang: str) -> bytes:
    """The printed report ("pdf", of one fiscal year) or the workbook ("xlsx"). Kept for the next one who asks."""
    return _report(str(run.folder), run.run_id, kind, run.check_fy(fiscal_year), lang)


@lru_cache(maxsize=12)
def _report(folder: str, _run_id: str, kind: str, fiscal_year: int, lang: str) -> bytes:
    run = RunResult.open(Path(folder))
    if kind == "pdf":
        from coverage.report.pdf import report_pdf

        return report_pdf(run, fiscal_year=fiscal_year, lang=lang)
    from coverage.report.xlsx import report_xlsx

    return report_xlsx(run, lang=lang)


def municipality_names(run: RunResult) -> dict[str, str]:
    """Name by five-digit code, in table order."""
    table = run.municipalities
    latest = table[table["fiscal_year"] == run.latest_fy]
    return {
        str(code): str(name)
        for code, name in zip(latest["municipality_code"], latest["name"], strict=True)
        if str(code) != run.region_code
    }


def index_document(run: RunResult, fiscal_year: int | None = None) -> dict[str, Any]:
    """Everything that can be fetched of ``run``. NotFoundError for a year that it does not hold.

    Addresses are relative to the server and never change; without ``?fy=`` they give the latest year.
    """
    fy = run.check_fy(fiscal_year)
    meta = run.meta
    sums = checksums(run)
    query = f"?fy={fy}"

    def entry(path: str, file: str) -> dict[str, Any]:
        return {"url": f"{BASE}/{path}", "url_of_year": f"{BASE}/{path}{query}", "sha256": sums.get(file)}

    return {
        "format": "coverage-gap-index/1",
        "run_id": run.run_id,
        "region": {
            key: meta["region"][key] for key in ("prefecture_code", "name_ja", "name_en", "fictional")
        },
        "notice": {"ja": meta["region"]["notice_ja"], "en": meta["region"]["notice_en"]},
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
        "map": f"/map/{run.run_id}.html",
        "layers": [
            {key: layer[key] for key in ("layer", "edition", "licence", "credit", "estimated")}
            for layer in meta["layers"]
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
