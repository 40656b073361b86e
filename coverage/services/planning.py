"""Use case of planning: from the published run and the ledger to a plan with a bound, its money and its words."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain import fiscal
from coverage.domain.ledger import District, Site, SiteOperator, Status
from coverage.domain.money import share, sum_by_payer
from coverage.domain.projection import lonlat_to_plane, plane_to_lonlat
from coverage.errors import InputError, NotFoundError, StorageError
from coverage.gaps.districts import RESOLVED_SHARE, district_pixels
from coverage.gaps.overlay import Overlay, build_overlay
from coverage.plan.candidates import CandidateOptions, region_candidates
from coverage.plan.certificate import write_certificate
from coverage.plan.demand import Demand, demand_of, reach_lists, register_people
from coverage.plan.instance import make_instance
from coverage.plan.instance_files import write_instance
from coverage.plan.siting import Candidate
from coverage.plan.solve import PlanResult, solve
from coverage.radio.footprint import cells_of
from coverage.runs.counting import CountTables
from coverage.runs.executors import ProcessExecutor, SerialExecutor, available_cores
from coverage.runs.folder import open_run
from coverage.runs.footprints import compute_footprints
from coverage.runs.rasters import read_raster
from coverage.runs.result import RunResult
from coverage.services.compute import chosen_run
from coverage.services.context import AppContext
from coverage.services.ledger import region_of

if TYPE_CHECKING:
    from coverage.domain.region import RegionData

Progress = Callable[[float, str], None]
PLANS = "plans"


@dataclass(frozen=True)
class PlanRequest:
    """What a planner asks for. Money is the prefecture's share, after the state's and the others' (product rule §4)."""

    budget_yen: int | None = None
    year_budgets: tuple[tuple[int, int], ...] = ()
    """(fiscal year, yen of that year); instead of ``budget_yen``."""
    sites: int | None = None
    """At most so many sites."""
    objective: str = "people"
    operator: str = ""
    """Operator that goes on the new masts; "" = the region's first."""
    band: str | None = None
    height_m: float | None = None
    """Antenna above ground; None = the operator's default."""
    site_cost_yen: int = 30_000_000
    """Total cost of one site before subsidies (観測値 15–30–40 百万円)."""
    margin_db: float = 0.0
    """Reach counts at the signal edge plus this margin."""
    max_candidates: int = 400
    spacing_m: float = 400.0
    forced: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    own: tuple[tuple[str, float, float], ...] = ()
    """A planner's own list: (name, lat, lon)."""
    time_limit_s: float = 60.0
    gap: float = 0.0
    seed: int = 1


def make_plan(
    context: AppContext,
    request: PlanRequest,
    *,
    run_id: str | None = None,
    progress: Progress = lambda fraction, text: None,
    workers: int = 0,
) -> dict[str, Any]:
    """Plan the next sites against a run (default: the published one); returns and keeps the plan's document.

    Kept under ``runs/plans/<id>``: plan.json, instance.npz, certificate.json, sites.geojson. Raises InputError for a
    request that cannot be meant, and what the solver says of one that cannot be fulfilled.
    """
    if request.budget_yen is not None and request.budget_yen < 0:
        raise InputError(
            "plan-negative-budget", "予算が負の数です。0 以上にしてください。", "The budget is negative; give 0 or more."
        )
    run = chosen_run(context, run_id)
    progress(0.0, "レイヤーを読む / reading layers")
    data = region_of(context).region
    overlay = build_overlay(data.terrain.grid, data.municipalities, data.population)
    _same_grid(run, overlay)
    counted = CountTables(data)
    registered = counted.registered(run.latest_fy)
    pixels = [district_pixels(overlay, d) for d in registered]
    served = read_raster(run.raster("level", run.latest_fy)) >= data.config.ladder.edge_dbm
    demand = _demand(data, overlay, run, served, registered, pixels)
    progress(0.1, "候補地 / candidates")
    candidates = _candidates(data, overlay, demand, request)
    reached = _reach(context, data, candidates, request, workers, lambda f, t: progress(0.1 + 0.5 * f, t))
    indptr, indices = reach_lists(demand, reached)
    money = [_money(data, demand, indices[indptr[j] : indptr[j + 1]], request, run.latest_fy + 1) for j in range(len(candidates))]
    municipality = [_municipality(overlay, c) for c in candidates]
    progress(0.6, "最適化 / optimising")
    instance = make_instance(
        weights={"people": demand.people, "households": demand.households, "shelters": demand.shelters.astype(np.float64)},
        indptr=indptr,
        indices=indices,
        # A cell's people spread over its pixels are small fractions: millionths keep their sum to a thousandth.
        weight_scale=1_000_000,
        costs=np.array([m.prefecture_yen for m in money], dtype=np.int64),
        objective=request.objective,
        budget=request.budget_yen,
        p=request.sites,
        fiscal_years=[fy for fy, _ in request.year_budgets] or None,
        year_budgets=[yen for _, yen in request.year_budgets] or None,
        forced=list(request.forced) or None,
        excluded=list(request.excluded) or None,
        groups=municipality,
        site_ids=[c.candidate_id for c in candidates],
    )
    result = solve(
        instance,
        time_limit=request.time_limit_s,
        gap=request.gap,
        seed=request.seed,
        progress=lambda p: progress(0.6 + 0.35 * min(1.0, p.seconds / max(request.time_limit_s, 1e-9)), f"最適化 / {p.phase}"),
    )
    document = _document(
        data, run, request, result, candidates, demand, reached, money, municipality, registered, pixels, served, counted
    )
    return _keep(context, document, result)


def _same_grid(run: RunResult, overlay: Overlay) -> None:
    grid = overlay.grid
    if run.meta["grid"] != {
        "epsg": grid.epsg, "x0_m": grid.x0_m, "y0_m": grid.y0_m, "cell_m": grid.cell_m, "rows": grid.rows, "cols": grid.cols,
    }:  # fmt: skip
        raise InputError(
            "run-of-another-region",
            f"計算結果 {run.run_id} は今の地域の設定と格子が違います。「coverage-gap run」で計算し直してください。",
            f"Run {run.run_id} lies on another grid than the region now; compute it again with 'coverage-gap run'.",
        )


def _demand(
    data: RegionData,
    overlay: Overlay,
    run: RunResult,
    served: NDArray[np.bool_],
    registered: Sequence[District],
    pixels: Sequence[NDArray[np.int64]],
) -> Demand:
    households = overlay.spread(np.nan_to_num(overlay.population.households))
    if run.is_computable():
        people = overlay.people_of_pixel()
        unserved = overlay.inside & (read_raster(run.raster("class", run.latest_fy)) == _none_class(data))
    else:
        shape = overlay.grid.shape
        people = register_people(shape, pixels, [float(d.population or 0) for d in registered], served)
        households = register_people(shape, pixels, [float(d.households or 0) for d in registered], served)
        unserved = overlay.inside & ~served
    lon = np.array([s.lon for s in data.shelters])
    lat = np.array([s.lat for s in data.shelters])
    grid = overlay.grid
    shelter_pixels = np.full(len(lon), -1, dtype=np.int64)
    if len(lon):
        x, y = lonlat_to_plane(lon, lat, grid.epsg)
        for i in range(len(lon)):
            if grid.contains(float(x[i]), float(y[i])):
                row, col = grid.row_col(float(x[i]), float(y[i]))
                shelter_pixels[i] = row * grid.cols + col
    return demand_of(unserved, people, households, shelter_pixels)


def _none_class(data: RegionData) -> int:
    """Classes below the signal edge; the last is no signal at all."""
    return len(data.config.ladder.classes) - 1


def _candidates(
    data: RegionData, overlay: Overlay, demand: Demand, request: PlanRequest
) -> list[Candidate]:
    standing = {s.site_id: s for s in data.ledger.sites if s.status is Status.IN_SERVICE}
    found, _ = region_candidates(
        data.terrain,
        overlay.inside,
        demand,
        settlements=data.settlements,
        shelters=data.shelters,
        masts=[(standing[r.site_id], r.operator) for r in data.ledger.site_operators if r.site_id in standing],
        operator=_operator(data, request),
        own=request.own,
        options=CandidateOptions(max_candidates=request.max_candidates, spacing_m=request.spacing_m),
    )
    if not found:
        raise InputError(
            "plan-no-candidates",
            "電波の届かない人の近くに候補地が一つも見つかりません。候補地の間隔や一覧を見直してください。",
            "No candidate was found near people without signal; review the spacing or give a list of your own.",
        )
    return found


def _reach(
    context: AppContext,
    data: RegionData,
    candidates: Sequence[Candidate],
    request: PlanRequest,
    workers: int,
    progress: Progress,
) -> list[NDArray[np.int64]]:
    """Flat pixels that each candidate serves, by the radio engine with its cache of footprints."""
    operator = _operator(data, request)
    sites = [
        Site(c.candidate_id, c.name, "00000", *_lat_lon(data, c), Status.CANDIDATE, height_m=request.height_m)
        for c in candidates
    ]
    rows = [SiteOperator(c.candidate_id, operator, band=request.band) for c in candidates]
    cells, _ = cells_of(sites, rows, data.config.operators, epsg=data.terrain.grid.epsg)
    cores = available_cores() if workers == 0 else workers
    executor = SerialExecutor() if cores == 1 else ProcessExecutor(cores)
    with executor:
        prints = compute_footprints(
            data.terrain, cells, data.config.radio, work=context.runs_folder / ".cache", executor=executor,
            report=lambda fraction, left: progress(fraction, "候補地の電波 / reach of candidates"),
        )  # fmt: skip
    number = {cell.site_id: i for i, cell in enumerate(cells)}
    edge = data.config.ladder.edge_dbm + request.margin_db
    cols = data.terrain.grid.cols
    reached = []
    for candidate in candidates:
        footprint = prints.footprint(number[candidate.candidate_id])
        row, col = np.nonzero(footprint.level_dbm >= edge)
        reached.append((row + footprint.window.row0) * cols + col + footprint.window.col0)
    return reached


def _operator(data: RegionData, request: PlanRequest) -> str:
    operator = request.operator or next(iter(data.config.operators))
    if operator not in data.config.operators:
        raise InputError(
            "operator-unknown",
            f"事業者「{operator}」はこの地域にありません（{'、'.join(data.config.operators)}）。",
            f"There is no operator '{operator}' in this region ({', '.join(data.config.operators)}).",
        )
    return operator


def _lat_lon(data: RegionData, candidate: Candidate) -> tuple[float, float]:
    lon, lat = plane_to_lonlat(candidate.x_m, candidate.y_m, data.terrain.grid.epsg)
    return float(lat), float(lon)


def _money(data: RegionData, demand: Demand, numbers: NDArray[np.int32], request: PlanRequest, fy: int) -> Any:
    """Shares of one site by the rule in force at the start of the first planned year."""
    households = round(float(demand.households[numbers].sum()))
    return share(request.site_cost_yen, households, date(fy, 4, 1))


def _municipality(overlay: Overlay, candidate: Candidate) -> str | None:
    row, col = overlay.grid.row_col(candidate.x_m, candidate.y_m)
    index = int(overlay.municipality_index[row, col]) if overlay.grid.contains(candidate.x_m, candidate.y_m) else -1
    return overlay.codes[index] if index >= 0 else None


def _document(
    data: RegionData,
    run: RunResult,
    request: PlanRequest,
    result: PlanResult,
    candidates: Sequence[Candidate],
    demand: Demand,
    reached: Sequence[NDArray[np.int64]],
    money: Sequence[Any],
    municipality: Sequence[str | None],
    registered: Sequence[District],
    pixels: Sequence[NDArray[np.int64]],
    served: NDArray[np.bool_],
    counted: CountTables,
) -> dict[str, Any]:
    scale = result.instance.weight_scale
    names = {m.code: m.full_name for m in data.municipalities}
    covered = served.ravel().copy()
    first_fy = run.latest_fy + 1
    years = result.instance.fiscal_years
    order = sorted(result.plan, key=lambda choice: (choice[1] or 0, -_gain(demand, reached[choice[0]])))
    sites: list[dict[str, Any]] = []
    resolved_before = {d.district_id for d, own in zip(registered, pixels, strict=True) if _resolved(covered, own)}
    for number, year in order:
        candidate = candidates[number]
        new = reached[number][~covered[reached[number]]]
        people, households, shelters = _sums(demand, new)
        covered[reached[number]] = True
        resolved = [
            d for d, own in zip(registered, pixels, strict=True)
            if d.district_id not in resolved_before and _resolved(covered, own)
        ]  # fmt: skip
        resolved_before |= {d.district_id for d in resolved}
        fy = years[year] if years else first_fy
        shares = money[number]
        words = _words(candidate, people, households, shelters, resolved, fy)
        lat, lon = _lat_lon(data, candidate)
        sites.append(
            {
                "candidate_id": candidate.candidate_id,
                "name": candidate.name,
                "source": candidate.source,
                "lat": round(lat, 6),
                "lon": round(lon, 6),
                "municipality_code": municipality[number],
                "municipality": names.get(municipality[number] or "", ""),
                "fiscal_year": fy,
                "people": round(people, 1),
                "households": round(households, 1),
                "shelters": shelters,
                "districts": [{"district_id": d.district_id, "name": d.name} for d in resolved],
                "counts": bool(resolved),
                "cost": shares.as_dict(),
                **words,
            }
        )
    people, households, shelters = _sums(demand, np.unique(np.concatenate([reached[j] for j, _ in result.plan])) if result.plan else np.zeros(0, dtype=np.int64))
    bound = result.bound / scale
    return {
        "format": "coverage-gap-plan/1",
        "region": run.meta["region"],
        "run_id": run.run_id,
        "estimated": run.meta["estimated"],
        "computable": run.is_computable(),
        "request": asdict(request),
        "candidates": len(candidates),
        "demand": {"points": len(demand), "people": round(float(demand.people.sum()), 1), "households": round(float(demand.households.sum()), 1), "shelters": int(demand.shelters.sum())},
        "objective": request.objective,
        "value": result.value / scale,
        "bound": bound,
        "certified_bound": result.certified_bound / scale,
        "gap": result.gap,
        "status": str(result.status),
        "seconds": round(result.seconds, 2),
        "served": {"people": round(people, 1), "households": round(households, 1), "shelters": shelters},
        "cost": sum_by_payer([money[j] for j, _ in result.plan]),
        "districts_resolved": sum(len(s["districts"]) for s in sites),
        "sites": sites,
        "indicator": _indicator(counted, sites, run.latest_fy),
        "statement": {
            "ja": f"この予算の計画で新たに電波が届くのは {result.value / scale:,.0f}。どの計画でも {bound:,.0f} を超えられません（差 {100 * result.gap:.2f} %）。",
            "en": f"This plan newly serves {result.value / scale:,.0f}; no plan within the limits can serve more than {bound:,.0f} (gap {100 * result.gap:.2f} %).",
        },
    }


def _gain(demand: Demand, pixels: NDArray[np.int64]) -> float:
    return _sums(demand, pixels)[0]


def _sums(demand: Demand, pixels: NDArray[np.int64]) -> tuple[float, float, int]:
    numbers = demand.number_of_pixel[pixels]
    own = numbers[numbers >= 0]
    return float(demand.people[own].sum()), float(demand.households[own].sum()), int(demand.shelters[own].sum())


def _resolved(covered: NDArray[np.bool_], own: NDArray[np.int64]) -> bool:
    return len(own) > 0 and float(covered[own].mean()) >= RESOLVED_SHARE


def _words(
    candidate: Candidate, people: float, households: float, shelters: int, resolved: Sequence[District], fy: int
) -> dict[str, str]:
    ja = f"{candidate.name}に建てると、新たに {people:,.0f} 人（{households:,.0f} 世帯）に電波が届きます。"
    en = f"A site at {candidate.name} newly reaches {people:,.0f} people ({households:,.0f} households)."
    if shelters:
        ja += f"避難所 {shelters} か所も圏内になります。"
        en += f" {shelters} shelters come into coverage."
    if resolved:
        listed = "、".join(d.name for d in resolved)
        ja += f"不感地域 {listed} の解消が見込まれ、{fiscal.label_ja(fy)}の整備数が 1 基増える見込みです（予測）。"
        en += f" The districts {', '.join(d.name for d in resolved)} are predicted resolved; the count of FY{fy} would rise by 1."
    else:
        ja += "登録済みの不感地域は解消しないため、整備数には数えない見込みです。"
        en += " It resolves no registered district, so it would not count."
    return {"ja": ja, "en": en}


def _indicator(counted: CountTables, sites: Sequence[Mapping[str, Any]], latest: int) -> list[dict[str, Any]]:
    """The count with the plan's sites added in their years; a forecast, never mixed with actuals."""
    base = counted.result.year(latest).total
    years = sorted({int(s["fiscal_year"]) for s in sites})
    rows, added = [], 0
    for fy in years:
        new = [s["candidate_id"] for s in sites if s["fiscal_year"] == fy and s["counts"]]
        added += len(new)
        rows.append({"fiscal_year": fy, "added": len(new), "forecast": None if base is None else base + added, "candidate_ids": new})
    return rows


def _keep(context: AppContext, document: dict[str, Any], result: PlanResult) -> dict[str, Any]:
    """Write the plan under its own digest; whole or not at all."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False, default=str)
    without_clock = json.dumps({**document, "seconds": 0}, ensure_ascii=False, sort_keys=True, default=str)
    plan_id = hashlib.sha256(without_clock.encode("utf-8")).hexdigest()[:16]
    folder = context.runs_folder / PLANS / plan_id
    part = folder.with_name(f".{plan_id}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        (part / "plan.json").write_text(text, encoding="utf-8")
        write_instance(result.instance, part / "instance.npz")
        write_certificate(result.certificate, part / "certificate.json")
        _write_geojson(part / "sites.geojson", document)
        if not folder.exists():
            os.replace(part, folder)
    except OSError as error:
        raise StorageError(
            "plan-not-written",
            f"計画を {folder.parent} に書けません（{error.strerror or error}）。空き容量と書き込み権限を確かめてください。",
            f"The plan cannot be written to {folder.parent} ({error.strerror or error}); check free space and permissions.",
        ) from error
    finally:
        if part.exists():
            for path in part.iterdir():
                path.unlink()
            part.rmdir()
    return {**document, "plan_id": plan_id, "folder": str(folder)}


def _write_geojson(path: Path, document: Mapping[str, Any]) -> None:
    from shapely.geometry import Point

    from coverage.runs.geojson import collection, feature, write_geojson

    features = [
        feature(
            Point(s["lon"], s["lat"]),
            {
                "kind": "planned_site",
                **{k: s[k] for k in ("candidate_id", "name", "municipality_code", "fiscal_year", "people", "households", "shelters")},
                "total_yen": s["cost"]["total_yen"],
                "district_ids": [d["district_id"] for d in s["districts"]],
            },
            f"plan-{s['candidate_id']}",
        )
        for s in document["sites"]
    ]
    members = {"name": document["region"]["name_ja"], "run_id": document["run_id"], "notice": document["region"]["notice_ja"]}
    write_geojson(path, collection(features, members))


def open_plan(context: AppContext, plan_id: str) -> dict[str, Any]:
    """A kept plan by its id."""
    path = context.runs_folder / PLANS / plan_id / "plan.json"
    if not plan_id.isalnum() or not path.is_file():
        raise NotFoundError("plan-not-found", "その計画はありません。番号を確かめてください。", "There is no such plan; check its id.")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {**document, "plan_id": plan_id, "folder": str(path.parent)}


def list_plans(context: AppContext) -> list[dict[str, Any]]:
    """Kept plans, by id: what they cost and reach."""
    folder = context.runs_folder / PLANS
    if not folder.is_dir():
        return []
    names = sorted(p.name for p in folder.iterdir() if (p / "plan.json").is_file())
    return [open_plan(context, name) for name in names]


def plan_run(context: AppContext, document: Mapping[str, Any]) -> RunResult:
    """The run that a plan was made against."""
    return open_run(context.runs_folder, str(document["run_id"]))
