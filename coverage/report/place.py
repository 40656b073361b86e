"""One place (a municipality or the whole region) in one fiscal year: what every file format of it says.

The public content is the run's own GeoJSON. Sites not yet in service are the operators' plans; they are added from the
run's table of sites only for the municipalities that a reader may see (:mod:`coverage.services.place_files` decides).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry

from coverage.domain import fiscal
from coverage.domain.known_ledger import EVER_IN_SERVICE
from coverage.domain.ledger import Status
from coverage.report.fields import fields
from coverage.report.table_cells import text
from coverage.runs.geojson import feature
from coverage.runs.reception import conditions_said
from coverage.runs.result import RunResult
from coverage.runs.tables import rounded

REGION: Final = "region"
PLANNED: Final = "planned_site"


@dataclass(frozen=True)
class Place:
    """``code``: a five-digit code or "region"; ``plans_of``: municipalities whose planned sites are in it."""

    run: RunResult
    code: str
    fiscal_year: int
    plans_of: frozenset[str] = frozenset()

    @property
    def is_region(self) -> bool:
        return self.code == REGION

    @property
    def table_code(self) -> str:
        """The place's code in the tables of the run."""
        return self.run.region_code if self.is_region else self.code

    def name(self, lang: str = "ja") -> str:
        """Its name; municipalities have Japanese names only."""
        if self.is_region:
            return str(self.run.meta["region"][f"name_{lang}"])
        return str(self.figures[-1]["name"])

    @cached_property
    def document(self) -> dict[str, Any]:
        """The GeoJSON document, planned sites at its end."""
        document = self.run.geojson(self.code, self.fiscal_year)
        codes = self.plans_of if self.is_region else self.plans_of & {self.code}
        plans = list(planned_features(self.run, codes))
        return {**document, "features": [*document["features"], *plans]} if plans else document

    def features(self, kind: str) -> list[dict[str, Any]]:
        """Features of one kind, in file order."""
        return [f for f in self.document["features"] if f["properties"]["kind"] == kind]

    @cached_property
    def figures(self) -> list[dict[str, Any]]:
        """The place's rows of ``tables/municipalities.csv`` up to its fiscal year, oldest first; NaN as None."""
        table = self.run.municipalities
        own = table[
            (table["municipality_code"] == self.table_code) & (table["fiscal_year"] <= self.fiscal_year)
        ]
        return [_plain_row(row) for row in own.sort_values("fiscal_year").to_dict("records")]

    @cached_property
    def all_figures(self) -> list[dict[str, Any]]:
        """As :attr:`figures`; for the region every municipality's rows too, each year's region last."""
        if not self.is_region:
            return self.figures
        table = self.run.municipalities
        own = table[table["fiscal_year"] <= self.fiscal_year]
        return [_plain_row(row) for row in own.to_dict("records")]

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row an object with the columns of :meth:`Fields.columns`: figures of every year, then the features."""
        columns = fields().columns()
        places = {
            str(f["properties"]["municipality_code"]): shape(f["geometry"]).representative_point()
            for f in self.features("municipality")
            if f["geometry"] is not None
        }
        empty = dict.fromkeys(columns)
        for row in self.all_figures:
            point = places.get(str(row["municipality_code"]))
            yield {**empty, **_in_columns(row, columns), "kind": "municipality", **_at(point)}
        for item in self.document["features"]:
            properties = item["properties"]
            if properties["kind"] == "municipality":
                continue
            point = None if item["geometry"] is None else shape(item["geometry"]).representative_point()
            yield {
                **empty,
                **_in_columns(properties, columns),
                "fiscal_year": self.fiscal_year,
                **_at(point),
            }

    @property
    def credits(self) -> list[dict[str, str]]:
        """Layer, credit, edition and licence of everything that the numbers come from."""
        return [
            {key: str(layer[key]) for key in ("layer", "credit", "edition", "licence")}
            for layer in self.run.meta["layers"]
        ]

    def notices(self, lang: str) -> list[str]:
        """What stands beside the numbers: fictional, not computable, not of outdoors."""
        meta = self.run.meta
        said = [str(meta["region"][f"notice_{lang}"])] if meta["region"]["fictional"] else []
        if not self.run.is_computable():
            said.append(str(meta["computable_reason"][lang]))
        return [s for s in (*said, *conditions_said(meta, lang)) if s]

    @property
    def dated(self) -> tuple[int, int, int]:
        """Year, month and day that files carry instead of the clock's: the end of the fiscal year."""
        end = fiscal.last_day(self.fiscal_year)
        return end.year, end.month, end.day


def planned_features(run: RunResult, codes: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Sites not yet in service in the municipalities ``codes``, and standing masts that an operator has yet to use.

    One feature a site, by id; ``operators`` are those who have yet to start. The state is that of the run's ledger,
    whatever fiscal year it is shown beside.
    """
    found: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for record in run.sites.to_dict("records") if codes else ():
        code = text(record["municipality_code"])
        waits = record["status"] not in EVER_IN_SERVICE
        yet_to_start = text(record["operator"]) and not text(record["in_service_date"])
        ended = record["status"] in {Status.SUSPENDED.value, Status.CLOSED.value}
        if code not in codes or ended or not (waits or yet_to_start):
            continue
        _, operators = found.setdefault(str(record["site_id"]), (record, []))
        if yet_to_start:
            operators.append(text(record["operator"]))
    for site_id, (record, operators) in sorted(found.items()):
        planned = _plain(record["planned_fy"])
        properties = {
            "kind": PLANNED,
            "site_id": site_id,
            "name": text(record["name"]),
            "municipality_code": text(record["municipality_code"]),
            "status": str(record["status"]),
            "operators": sorted(set(operators)),
            "planned_fy": None if planned is None else int(planned),
            "height_m": rounded("height_m", _plain(record["height_m"])),
            "funding": text(record["funding"]) or None,
            "purpose": text(record["purpose"]) or None,
        }
        yield feature(Point(record["lon"], record["lat"]), properties, f"planned-{site_id}")


def municipalities_with_plans(run: RunResult) -> frozenset[str]:
    """Codes of municipalities that have planned sites in ``run``, also beyond the region's boundary."""
    return frozenset(text(code) for code in run.sites["municipality_code"].unique())


def geojson_bytes(place: Place) -> bytes:
    """The document as the run writes it: UTF-8 without BOM, one feature a line."""
    document = place.document
    head = {key: value for key, value in document.items() if key != "features"}
    lines = [_json(f) for f in document["features"]]
    return (_json(head)[:-1] + ',"features":[\n' + ",\n".join(lines) + "\n]}\n").encode("utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _in_columns(row: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    known = set(columns)
    return {
        name: ";".join(str(v) for v in value) if isinstance(value, list) else value
        for name, value in row.items()
        if name in known
    }


def _at(point: BaseGeometry | None) -> dict[str, Any]:
    return {"lat": None, "lon": None} if point is None else {"lat": float(point.y), "lon": float(point.x)}


def _plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): rounded(str(name), _plain(value)) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
