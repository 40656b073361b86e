"""One run: a loaded region in, a folder of results out (docs/run-format.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage import __version__
from coverage.domain import fiscal
from coverage.domain.grid import Grid
from coverage.domain.ledger import District, Ledger
from coverage.domain.places import PublishedCoverage
from coverage.domain.projection import geometry_to_plane, plane_to_lonlat
from coverage.domain.region import RegionData
from coverage.errors import RegionError
from coverage.gaps.areas import NoSignalArea, no_signal_areas
from coverage.gaps.classes import OUTSIDE_CLASS, classify
from coverage.gaps.districts import DistrictPrediction, district_pixels, predict
from coverage.gaps.impact import impact_of_site
from coverage.gaps.overlay import Overlay, build_overlay
from coverage.gaps.population_coverage import signal_state
from coverage.gaps.statement import Statement, statement
from coverage.radio.best_server import BestServer, server_index, whole
from coverage.runs import documents, model_card, tables
from coverage.runs.cellset import CellSet
from coverage.runs.counting import CountTables, current_ledger, predicted_people
from coverage.runs.digest import RUN_ID_DIGITS, run_digest
from coverage.runs.folder import damaged_files, writing
from coverage.runs.geopackage import write_geopackage
from coverage.runs.published_areas import in_force
from coverage.runs.rasters import rounded_level, write_cog
from coverage.runs.result import ANY_OPERATOR, RunResult
from coverage.runs.signal import lay_over, on_air_rows
from coverage.runs.summary import ShelterCounter, add_counts, coverage_rows, register_figures

Progress = Callable[[float, str], None]
Finisher = Callable[[RunResult], None]


Radio = Callable[[RegionData, Progress], CellSet]


@dataclass
class YearResult:
    """What one fiscal year leaves in memory for the tables; the rasters are on disk by then."""

    fiscal_year: int
    rows: list[dict[str, Any]]
    operator_rows: list[dict[str, Any]]
    areas: list[NoSignalArea]
    predictions: dict[str, DistrictPrediction]
    signal: BestServer | None
    """Of the latest year only."""


def execute(
    data: RegionData,
    runs_folder: Path,
    *,
    radio: Radio,
    progress: Progress,
    finishers: Sequence[Finisher] = (),
    extra_inputs: Mapping[str, str] | None = None,
    history: Ledger | None = None,
    awaited: Mapping[str, date] | None = None,
    joining: Mapping[str, date] | None = None,
    force: bool = False,
) -> RunResult:
    """Compute a region, or find the finished run of the same digest.

    ``radio`` makes the footprints (:mod:`coverage.runs.radio`); ``finishers`` add files made from the run (the map
    page) before it is sealed; ``history``: the ledger in all its versions, which the count needs to know what was known
    when a year was published (default: the region's own ledger); ``awaited``: sites that the ledger takes as under
    construction because their first service date had not come (:func:`coverage.domain.service_start.awaited`); ``joining``: sites in service whose later operators it takes as having
    no date yet. Raises :class:`RegionError` where the layers do not fit together,
    :class:`StorageError` where the folder cannot be written; then nothing is left behind.
    """
    # What the day decides: the same layers make another run once one of these days has come.
    ahead = {
        name: {site_id: day.isoformat() for site_id, day in sorted(days.items())}
        for name, days in (("awaited", awaited), ("joining", joining))
        if days
    }
    digest = run_digest(
        data, extra={**(extra_inputs or {}), **{name: json.dumps(days) for name, days in ahead.items()}}
    )
    run_id = digest[:RUN_ID_DIGITS]
    if not force and (runs_folder / run_id / "run.json").is_file():
        existing = RunResult.open(runs_folder / run_id)
        if not damaged_files(existing):
            return existing
    _check_layers(data)
    progress(0.0, "重ね合わせ / overlay")
    overlay = build_overlay(data.terrain.grid, data.municipalities, data.population)
    known = replace(data, ledger=history if history is not None else data.ledger)
    data = replace(data, ledger=current_ledger(data.ledger))
    cells = radio(data, lambda fraction, text: progress(min(0.6, 0.05 + 0.55 * fraction), text))
    counted = CountTables(known, predicted_people(data, overlay, cells))
    servers = server_index(site_id for site_id, _, _ in cells.keys)
    judged = statement(data.config.operators)
    with writing(runs_folder, run_id) as folder:
        builder = _Builder(data, overlay, counted, cells, servers, judged, folder)
        write_cog(
            folder / "rasters" / "terrain.tif", overlay.grid, data.terrain.height_m, overviews="AVERAGE"
        )
        years: list[YearResult] = []
        for i, fy in enumerate(data.config.fiscal_years):
            progress(0.6 + 0.3 * i / len(data.config.fiscal_years), f"{fiscal.label_ja(fy)} の集計 / FY{fy}")
            years.append(builder.year(fy))
        progress(0.9, "表と GeoJSON / tables and GeoJSON")
        _write_tables(builder, years)
        meta = _meta(builder, digest, run_id)
        meta |= ahead
        (folder / "run.json").write_text(
            json.dumps(meta, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n",
            encoding="utf-8",
            newline="\n",
        )
        documents.write_geojson_files(folder, data, meta, years, counted)
        write_geopackage(folder, data, meta, years)
        progress(0.95, "地図 / map")
        for finish in finishers:
            finish(RunResult.open(folder))
    progress(1.0, "完了 / done")
    return RunResult.open(runs_folder / run_id)


def _check_layers(data: RegionData) -> None:
    """The layers must fit each other before hours are spent on them."""
    grid = data.terrain.grid
    west, south, east, north = grid.bounds
    for municipality in data.municipalities:
        x0, y0, x1, y1 = geometry_to_plane(municipality.geometry, grid.epsg).bounds
        if x0 < west or y0 < south or x1 > east or y1 > north:
            raise RegionError(
                "terrain-does-not-cover",
                f"標高データが{municipality.full_name}を覆っていません。足りない図葉を加えてください。",
                f"The terrain does not cover {municipality.full_name}; add the missing tiles.",
            )
    if np.all(np.isnan(data.terrain.height_m)):
        raise RegionError(
            "terrain-empty",
            "標高データが地域の範囲に一つもありません。地域に合う標高データを指定してください。",
            "The terrain layer holds no height inside the region; name the terrain of this region.",
        )
    known = set(data.config.operators)
    stray = sorted({r.operator for r in data.ledger.site_operators} - known)
    if stray:
        raise RegionError(
            "operator-unknown",
            f"基地局データの事業者 {', '.join(stray)} が region.toml の [operators] にありません。書き加えてください。",
            f"The sites name operators {', '.join(stray)} that [operators] in region.toml lacks; add them.",
        )


class _Builder:
    """Keeps what all years share."""

    def __init__(
        self,
        data: RegionData,
        overlay: Overlay,
        counted: CountTables,
        cells: CellSet,
        servers: dict[str, int],
        judged: Statement,
        folder: Path,
    ) -> None:
        self.data, self.overlay, self.counted, self.cells = data, overlay, counted, cells
        self.servers, self.server_of, self.judged, self.folder = tuple(servers), servers, judged, folder
        self.grid: Grid = overlay.grid
        self.region_code = data.config.prefecture_code
        self.edge = data.config.ladder.edge_dbm
        self.no_data = np.isnan(data.terrain.height_m)
        self.shelters = ShelterCounter(overlay, data.shelters)
        self.districts = _latest_rows(data.ledger.districts)
        self.district_pixels = [district_pixels(overlay, d) for d in self.districts]
        self._operator_cache: dict[str, tuple[frozenset[int], PublishedCoverage | None, BestServer]] = {}

    def operator_signal(self, operator: str, indices: Sequence[int], fy: int) -> BestServer:
        """Best signal of one operator from the given cells, within the areas that it publishes itself at the year's end.

        Kept from the year before when nothing changed.
        """
        wanted = frozenset(indices)
        published = in_force(self.data.published_coverage, operator, fy)
        cached = self._operator_cache.get(operator)
        if cached is not None and cached[0] == wanted and cached[1] is published:
            return cached[2]
        if cached is not None and cached[0] < wanted and published is None:
            best, todo = cached[2], wanted - cached[0]
        else:
            best, todo = BestServer.empty(whole(self.grid)), wanted
        for index in sorted(todo, key=lambda i: self.cells.keys[i]):
            best.add(self.cells.footprint(index), self.server_of[self.cells.keys[index][0]])
        if published is not None:
            best = _only_where_published(best, self.grid, published, self.edge)
        self._operator_cache[operator] = (wanted, published, best)
        return best

    def year(self, fy: int) -> YearResult:
        config = self.data.config
        day = fiscal.last_day(fy)
        rows = on_air_rows(self.data.ledger, day)
        by_operator: dict[str, list[int]] = {op: [] for op in config.operators}
        sites_of: dict[str, set[str]] = {op: set() for op in [*config.operators, ANY_OPERATOR]}
        for site, row in rows:
            by_operator[row.operator] += self.cells.by_key[site.site_id, row.operator, row.band or ""]
            sites_of[row.operator].add(site.site_id)
            sites_of[ANY_OPERATOR].add(site.site_id)
        signals = {op: self.operator_signal(op, by_operator[op], fy) for op in config.operators}
        signals[ANY_OPERATOR] = lay_over(signals.values(), self.grid)
        site_code = {s.site_id: s.municipality_code for s in self.data.ledger.sites}
        operator_rows: list[dict[str, Any]] = []
        any_rows: list[dict[str, Any]] = []
        any_state: NDArray[np.uint8] | None = None
        for operator, signal in signals.items():
            level, server = signal.finished(no_data=self.no_data, edge_dbm=self.edge)
            self._write_rasters(fy, operator, level, server)
            state = signal_state(level, self.edge)
            table = coverage_rows(
                self.overlay, state, self.data.municipalities,
                region_code=self.region_code, region_name=config.name_ja,
            )  # fmt: skip
            in_service: dict[str, int] = {}
            for site_id in sites_of[operator]:
                in_service[site_code[site_id]] = in_service.get(site_code[site_id], 0) + 1
            add_counts(table, "sites_in_service", in_service, region_code=self.region_code)
            for row_ in table:
                row_["fiscal_year"], row_["computable"] = fy, self.judged.computable[operator]
            if operator == ANY_OPERATOR:
                any_rows, any_state = table, state
            else:
                operator_rows += [{**row_, "operator": operator} for row_ in table]
        assert any_state is not None
        predictions = {
            p.district_id: p for p in predict(self.overlay, any_state, self.districts, self.district_pixels)
        }
        self._add_register(any_rows, fy, any_state, predictions)
        areas = no_signal_areas(
            self.overlay, any_state, districts=self._standing(fy), settlements=self.data.settlements
        )
        # Only the latest year's rasters are asked for again (what each site adds).
        kept = signals[ANY_OPERATOR] if fy == config.fiscal_years[-1] else None
        return YearResult(fy, any_rows, operator_rows, areas, predictions, kept)

    def _standing(self, fy: int) -> list[District]:
        return self.counted.registered(fy)

    def _add_register(
        self,
        rows: list[dict[str, Any]],
        fy: int,
        state: NDArray[np.uint8],
        predictions: Mapping[str, DistrictPrediction],
    ) -> None:
        day = fiscal.last_day(fy)
        designated = [d for d in self.districts if d.designated_on is None or d.designated_on <= day]
        register = register_figures(
            self._standing(fy), self.counted.confirmed(fy), predictions, count_predicted=designated
        )
        total, unserved, unknown = self.shelters.count(state)
        columns: dict[str, Mapping[str, int]] = {
            "shelters": total,
            "unserved_shelters": unserved,
            "unknown_shelters": unknown,
            "sites_counted": self.counted.sites_counted(fy),
            "districts_registered": register.registered,
            "districts_resolved_confirmed": register.confirmed,
            "districts_resolved_predicted": register.predicted,
            "register_people": register.people,
            "register_unserved_people": register.unserved_people,
            "declined_people": register.declined_people,
        }
        for column, counts in columns.items():
            add_counts(rows, column, counts, region_code=self.region_code)
        area = municipality_areas(self.data)
        for row in rows:
            row["area_km2"] = area.get(row["municipality_code"], sum(area.values()))
            row["estimated"] = self.data.population.estimated
            row["headline_people"] = row["unserved_people_area"] if row["computable"] else float("nan")

    def _write_rasters(
        self, fy: int, operator: str, level: NDArray[np.float32], server: NDArray[np.uint16]
    ) -> None:
        out = self.folder / "rasters" / str(fy)
        rounded = rounded_level(level)
        write_cog(out / f"level_{operator}.tif", self.grid, rounded)
        classes = classify(rounded, self.data.config.ladder)
        classes[~self.overlay.inside] = OUTSIDE_CLASS
        write_cog(out / f"class_{operator}.tif", self.grid, classes)
        write_cog(out / f"best_server_{operator}.tif", self.grid, server)


def municipality_areas(data: RegionData) -> dict[str, float]:
    """Area of each boundary in km², measured in the region's plane."""
    epsg = data.terrain.grid.epsg
    return {m.code: float(geometry_to_plane(m.geometry, epsg).area) / 1e6 for m in data.municipalities}


def _latest_rows(districts: Sequence[District]) -> list[District]:
    """One row per district: the latest designation stands for its place and people."""
    latest: dict[str, District] = {}
    for d in sorted(
        districts, key=lambda d: (d.district_id, d.designated_on.toordinal() if d.designated_on else 0)
    ):
        latest[d.district_id] = d
    return list(latest.values())


def _only_where_published(
    best: BestServer, grid: Grid, published: PublishedCoverage, edge_dbm: float
) -> BestServer:
    """An operator's own polygons replace computed reach: at least the signal edge inside, nothing outside."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    inside = rasterize(
        [(geometry_to_plane(published.geometry, grid.epsg), 1)],
        out_shape=grid.shape, transform=Affine(*grid.transform), fill=0, dtype="uint8",
    ).astype(np.bool_)  # fmt: skip
    empty = BestServer.empty(whole(grid), k=best.k)
    np.copyto(best.level_dbm[0], np.maximum(best.level_dbm[0], np.float32(edge_dbm)), where=inside)
    np.copyto(best.level_dbm, empty.level_dbm, where=~inside)
    np.copyto(best.server, empty.server, where=~inside)
    best.blocked[:] = 0
    return best


def _write_tables(builder: _Builder, years: Sequence[YearResult]) -> None:
    folder = builder.folder / "tables"
    tables.write_csv(
        folder / "municipalities.csv", [r for y in years for r in y.rows], tables.MUNICIPALITY_COLUMNS
    )
    tables.write_csv(
        folder / "operators.csv", [r for y in years for r in y.operator_rows], tables.OPERATOR_COLUMNS
    )
    last = years[-1]
    assert last.signal is not None
    sole = _sole_people(builder, last.signal)
    gain = _gain_people(builder, last.signal, {s for s, n in sole.items() if n is not None})
    tables.write_csv(
        folder / "sites.csv", builder.counted.site_rows(sole, gain, last.fiscal_year), tables.SITE_COLUMNS
    )
    tables.write_csv(
        folder / "districts.csv",
        builder.counted.district_rows(builder.districts, last.predictions, last.fiscal_year),
        tables.DISTRICT_COLUMNS,
    )
    for name, content in (
        ("count.json", builder.counted.count),
        ("indicators.json", builder.counted.indicators),
    ):
        (folder / name).write_text(
            json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n",
            encoding="utf-8",
            newline="\n",
        )
    columns, rows = builder.counted.indicator_csv()
    tables.write_csv(folder / "indicators.csv", rows, columns)


def _sole_people(builder: _Builder, signal: BestServer) -> dict[str, float | None]:
    """Residents whom no other site would serve, for each site on the air in the latest year."""
    people = builder.overlay.people_of_pixel()
    sole = (
        (signal.level_dbm[0] >= builder.edge) & (signal.level_dbm[1] < builder.edge) & builder.overlay.inside
    )
    owner = signal.server[0][sole]
    # Published polygons give signal without naming a site.
    named = owner < len(builder.servers)
    sums = np.bincount(owner[named], weights=people[sole][named], minlength=len(builder.servers))
    active = set(np.unique(signal.server).tolist())
    return {site_id: float(sums[i]) if i in active else None for i, site_id in enumerate(builder.servers)}


def _gain_people(builder: _Builder, signal: BestServer, active: set[str]) -> dict[str, float]:
    """Residents whom each site not on the air would newly serve if it alone were added."""
    gains: dict[str, float] = {}
    for site_id, cells in builder.cells.by_site.items():
        if site_id in active:
            continue
        best = BestServer.empty(whole(builder.grid), k=1)
        for index in cells:
            best.add(builder.cells.footprint(index), 0)
        gains[site_id] = impact_of_site(
            builder.overlay, signal.level_dbm[0], whole(builder.grid), best.level_dbm[0], builder.edge
        ).people
    return gains


def _meta(builder: _Builder, digest: str, run_id: str) -> dict[str, Any]:
    config, grid = builder.data.config, builder.grid
    west, south, east, north = grid.bounds
    lon, lat = plane_to_lonlat(
        [west, west, east, east, west, east, (west + east) / 2, (west + east) / 2],
        [south, north, south, north, (south + north) / 2, (south + north) / 2, south, north],
        grid.epsg,
    )
    return {
        "format": "coverage-gap-run/1",
        "run_id": run_id,
        "digest": digest,
        "software": {"name": "coverage-gap-planner", "version": __version__},
        "region": config.model_dump(
            mode="json",
            include={"id", "prefecture_code", "name_ja", "name_en", "fictional", "notice_ja", "notice_en"},
        ),
        "fiscal_years": list(config.fiscal_years),
        "operators": [
            {
                "id": key,
                "name_ja": o.name_ja,
                "name_en": o.name_en,
                "colour": o.colour,
                "inventory": o.inventory.value,
                "published_coverage": bool(o.published_coverage),
            }
            for key, o in config.operators.items()
        ],
        "ladder": config.ladder.model_dump(mode="json"),
        "computable": dict(builder.judged.computable),
        "computable_reason": {"ja": builder.judged.reason_ja, "en": builder.judged.reason_en},
        "grid": {
            "epsg": grid.epsg,
            "x0_m": grid.x0_m,
            "y0_m": grid.y0_m,
            "cell_m": grid.cell_m,
            "rows": grid.rows,
            "cols": grid.cols,
        },
        "bounds_lonlat": [round(float(v), 7) for v in (lon.min(), lat.min(), lon.max(), lat.max())],
        "servers": list(builder.servers),
        "layers": [
            {
                "layer": r.layer,
                "format": r.format,
                "files": [list(f) for f in r.files],
                "edition": r.edition,
                "licence": r.licence,
                "credit": r.credit,
                "estimated": r.estimated,
                "notes": [{"ja": ja, "en": en} for ja, en in r.notes],
            }
            for r in builder.data.layers
        ],
        "estimated": builder.data.population.estimated,
        "model_card": model_card.model_card(builder.data, builder.cells.model_card),
        "parameters": {
            "radio": config.radio.model_dump(mode="json"),
            "grid": config.grid.model_dump(mode="json"),
            "counting": config.counting.model_dump(mode="json"),
        },
    }
