"""Reading a run's folder (docs/run-format.md). The only way pages, routes and commands look at results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from coverage.errors import FileFormatError, NotFoundError

FORMAT = "coverage-gap-run/1"
NO_DATA_CLASS = 255
OUTSIDE_CLASS = 254
NO_SERVER = 65535
OUT_OF_RANGE_DBM = -200.0
ANY_OPERATOR = "any"

_TEXT_COLUMNS = {"municipality_code": str, "name": str, "operator": str, "site_id": str, "district_id": str}


@dataclass(frozen=True)
class RunResult:
    """One finished run. Cheap to make; tables are read on first use."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> RunResult:
        """Raise :class:`NotFoundError` where there is no run, :class:`FileFormatError` where it is another format."""
        result = cls(folder)
        if not (folder / "run.json").is_file():
            raise NotFoundError(
                "run-not-found",
                f"計算結果 {folder.name} がありません。「coverage-gap run」で計算してください。",
                f"There is no run {folder.name}; compute one with 'coverage-gap run'.",
            )
        if result.meta.get("format") != FORMAT:
            raise FileFormatError(
                "run-format",
                f"計算結果 {folder.name} は別の版の形式です。計算し直してください。",
                f"Run {folder.name} was written in another format; compute it again.",
            )
        return result

    @cached_property
    def meta(self) -> dict[str, Any]:
        """``run.json``."""
        loaded: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        return loaded

    @property
    def run_id(self) -> str:
        return str(self.meta["run_id"])

    @property
    def fiscal_years(self) -> list[int]:
        """Western, ascending."""
        return [int(fy) for fy in self.meta["fiscal_years"]]

    @property
    def latest_fy(self) -> int:
        return self.fiscal_years[-1]

    @property
    def region_code(self) -> str:
        """Two-digit prefecture code: the row of the whole region in the tables."""
        return str(self.meta["region"]["prefecture_code"])

    @property
    def operator_ids(self) -> list[str]:
        """Operators in the order of region.toml, without "any"."""
        return [str(o["id"]) for o in self.meta["operators"]]

    @property
    def ahead(self) -> dict[str, date]:
        """The first day on which a site or who joins it was to begin, by site, where it had not come for this run."""
        return {
            str(site_id): date.fromisoformat(day)
            for name in ("awaited", "joining")
            for site_id, day in self.meta.get(name, {}).items()
        }

    def check_fy(self, fiscal_year: int | None) -> int:
        """The year asked for, or the latest; :class:`NotFoundError` for a year the run does not hold."""
        if fiscal_year is None:
            return self.latest_fy
        if fiscal_year not in self.fiscal_years:
            years = f"{self.fiscal_years[0]}–{self.fiscal_years[-1]}"
            raise NotFoundError(
                "fiscal-year-not-in-run",
                f"年度 {fiscal_year} の結果はありません。{years}（西暦の年度）から選んでください。",
                f"There is no result for fiscal year {fiscal_year}; choose one of {years} (western).",
            )
        return fiscal_year

    def is_computable(self, operator: str = ANY_OPERATOR) -> bool:
        """May computed gaps be called a statement (product rule §3)?"""
        return bool(self.meta["computable"][operator])

    @cached_property
    def municipalities(self) -> Any:
        """``tables/municipalities.csv`` as a DataFrame; codes are text."""
        return self._table("municipalities.csv")

    @cached_property
    def operators(self) -> Any:
        """``tables/operators.csv`` as a DataFrame."""
        return self._table("operators.csv")

    @cached_property
    def sites(self) -> Any:
        """``tables/sites.csv`` as a DataFrame."""
        return self._table("sites.csv")

    @cached_property
    def districts(self) -> Any:
        """``tables/districts.csv`` as a DataFrame."""
        return self._table("districts.csv")

    @cached_property
    def count(self) -> dict[str, Any]:
        """``tables/count.json``."""
        loaded: dict[str, Any] = json.loads(self._path("tables", "count.json").read_text(encoding="utf-8"))
        return loaded

    @cached_property
    def indicators(self) -> dict[str, Any]:
        """``tables/indicators.json``."""
        loaded: dict[str, Any] = json.loads(
            self._path("tables", "indicators.json").read_text(encoding="utf-8")
        )
        return loaded

    def municipality_codes(self) -> list[str]:
        """Five-digit codes in table order."""
        table = self.municipalities
        codes = table.loc[table["fiscal_year"] == self.latest_fy, "municipality_code"]
        return [str(c) for c in codes if c != self.region_code]

    def raster(self, quantity: str, fiscal_year: int, operator: str = ANY_OPERATOR) -> Path:
        """Path of ``rasters/<fy>/<quantity>_<operator>.tif``; quantity is level, class or best_server."""
        return self._path("rasters", str(self.check_fy(fiscal_year)), f"{quantity}_{operator}.tif")

    def geojson_path(self, code: str, fiscal_year: int | None = None) -> Path:
        """``code`` is a five-digit code, "region" or "municipalities"."""
        fy = self.check_fy(fiscal_year)
        if code not in {"region", "municipalities"} and code not in self.municipality_codes():
            raise NotFoundError(
                "municipality-not-found",
                f"市町コード {code} はこの地域にありません。",
                f"There is no municipality {code} in this region.",
            )
        return self._path("geojson", str(fy), f"{code}.geojson")

    def geojson(self, code: str, fiscal_year: int | None = None) -> dict[str, Any]:
        """The parsed GeoJSON of :meth:`geojson_path`."""
        loaded: dict[str, Any] = json.loads(self.geojson_path(code, fiscal_year).read_text(encoding="utf-8"))
        return loaded

    def _table(self, name: str) -> Any:
        import pandas as pd

        return pd.read_csv(
            self._path("tables", name),
            dtype=_TEXT_COLUMNS,
            encoding="utf-8-sig",
            keep_default_na=False,
            na_values=[""],
        )

    def _path(self, *parts: str) -> Path:
        path = self.folder.joinpath(*parts)
        if not path.is_file():
            raise FileFormatError(
                "run-incomplete",
                f"計算結果 {self.folder.name} に {'/'.join(parts)} がありません。計算し直してください。",
                f"Run {self.folder.name} lacks {'/'.join(parts)}; compute it again.",
            )
        return path
