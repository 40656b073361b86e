"""What a plan stands on: the run, who is without signal in it, where a mast could stand, what it reaches and costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coverage.domain.ledger import District, Site, SiteOperator, Status
from coverage.domain.money import Shares, share
from coverage.domain.projection import lonlat_to_plane, plane_to_lonlat
from coverage.errors import InputError
from coverage.gaps.districts import RESOLVED_SHARE, district_pixels
from coverage.gaps.overlay import Overlay, build_overlay
from coverage.plan.candidates import CandidateOptions, region_candidates
from coverage.plan.demand import Demand, demand_of, reach_lists, register_people
from coverage.plan.instance import Instance, make_instance
from coverage.plan.siting import Candidate
from coverage.radio.footprint import OUT_OF_RANGE_DBM, cells_of
from coverage.runs.counting import CountTables
from coverage.runs.executors import ProcessExecutor, SerialExecutor, available_cores
from coverage.runs.footprints import compute_footprints
from coverage.runs.rasters import read_raster
from coverage.runs.result import RunResult
from coverage.services.context import AppContext
from coverage.services.ledger import region_of

if TYPE_CHECKING:
    from coverage.domain.region import RegionData

Progress = Callable[[float, str], None]
OBJECTIVES = ("people", "households", "shelters")
LUCK_SIGMAS = 2.5
"""Links this many standard deviations below the edge are kept for draws: a luckier one is one in 160."""


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
    alternatives: int = 3
    """Further plans to look for; 0 = none."""
    epsilon: float = 0.02
    """How far below the bound a further plan may be, as a share of the bound."""
    distance: int = 1
    """Sites that every further plan must give up of each other one."""
    pareto: str = ""
    """Second objective of a Pareto front; "" = no front."""
    draws: int = 0
    """Possible worlds in which the plan is judged; 0 = none."""
    threshold_error_db: float = 2.0
    """Standard deviation of the receivers' threshold in the draws."""

    def check(self) -> None:
        """Raise InputError for a request that cannot be meant."""
        money = [self.budget_yen or 0, *(yen for _, yen in self.year_budgets)]
        if min(money) < 0:
            raise InputError(
                "plan-negative-budget", "予算が負の数です。0 以上にしてください。", "The budget is negative; give 0 or more."
            )
        if self.objective not in OBJECTIVES or self.pareto not in ("", *OBJECTIVES):
            raise InputError(
                "plan-objective-unknown",
                f"目的は {'・'.join(OBJECTIVES)} から選んでください。",
                f"Choose the objective from {', '.join(OBJECTIVES)}.",
            )
        if self.pareto == self.objective or (self.pareto and self.year_budgets):
            raise InputError(
                "plan-pareto-request",
                "二つの目的の比較には、主な目的と違う目的を選び、年度別でない予算を与えてください。",
                "A front needs a second objective other than the first, and a budget that is not by year.",
            )
        if self.draws < 0 or self.alternatives < 0 or not self.threshold_error_db >= 0:
            raise InputError(
                "plan-analysis-range",
                "試行の回数・代替案の数・しきい値の誤差は 0 以上にしてください。",
                "Draws, alternatives and the error of the threshold must be 0 or more.",
            )


@dataclass(frozen=True)
class Ground:
    """Everything a solve and its document read. ``reached``: flat pixels that each candidate serves;
    ``links``: the same with those that only a lucky draw serves, and by how many dB each is above the edge."""

    data: RegionData
    run: RunResult
    overlay: Overlay
    counted: CountTables
    registered: Sequence[District]
    pixels: Sequence[NDArray[np.int64]]
    served: NDArray[np.bool_]
    demand: Demand
    candidates: Sequence[Candidate]
    reached: Sequence[NDArray[np.int64]]
    links: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]
    money: Sequence[Shares]
    municipality: Sequence[str | None]

    @property
    def first_fy(self) -> int:
        """The year that a plan without years is for: the one after the run's last."""
        return self.run.latest_fy + 1

    def sums(self, pixels: NDArray[np.int64]) -> tuple[float, float, int]:
        """(people, households, shelters) without signal on distinct flat pixels."""
        numbers = self.demand.number_of_pixel[pixels]
        own = numbers[numbers >= 0]
        return float(self.demand.people[own].sum()), float(self.demand.households[own].sum()), int(self.demand.shelters[own].sum())

    def lat_lon(self, candidate: Candidate) -> tuple[float, float]:
        """Degrees."""
        lon, lat = plane_to_lonlat(candidate.x_m, candidate.y_m, self.data.terrain.grid.epsg)
        return float(lat), float(lon)


def prepare(context: AppContext, run: RunResult, request: PlanRequest, *, workers: int, progress: Progress) -> Ground:
    """Read the layers, find demand and candidates, and compute each candidate's reach. Raises InputError where the
    region now is not the run's, or no place is near anybody without signal."""
    source = region_of(context)
    data = source.region
    overlay = build_overlay(data.terrain.grid, data.municipalities, data.population)
    _same_grid(run, overlay)
    counted = CountTables(data if source.history is None else replace(data, ledger=source.history))
    registered = counted.registered(run.latest_fy)
    pixels = [district_pixels(overlay, d) for d in registered]
    level = read_raster(run.raster("level", run.latest_fy))
    served = level >= data.config.ladder.edge_dbm
    # Below the signal edge, whatever classes the ladder has there; NO DATA is no demand, nobody knows.
    unserved = overlay.inside & (level < data.config.ladder.edge_dbm)
    demand = _demand(data, overlay, run, served, unserved, registered, pixels)
    progress(0.1, "候補地 / candidates")
    candidates = _candidates(data, overlay, demand, request)
    links = _links(context, data, candidates, demand, request, workers, lambda f, t: progress(0.1 + 0.9 * f, t))
    reached = [pixel[margin >= 0] for pixel, margin in links]
    on = date(run.latest_fy + 1, 4, 1)
    known_homes = _households_known(data, run, registered)
    if not known_homes and "households" in (request.objective, request.pareto):
        raise InputError(
            "plan-households-unknown",
            "この地域の人口データには世帯数がないため、世帯数を目的にできません。人口か避難所を選んでください。",
            "The population layer of this region has no households, so they cannot be the objective; choose people or shelters.",
        )
    money = []
    for own in reached:
        numbers = demand.number_of_pixel[own]
        # Few households earn the higher rate of the state: those that the site would serve, rounded. Unknown ones earn
        # no rate that depends on them.
        homes = round(float(demand.households[numbers[numbers >= 0]].sum())) if known_homes else None
        money.append(share(request.site_cost_yen, homes, on))
    return Ground(
        data, run, overlay, counted, registered, pixels, served, demand, candidates, reached, links, money,
        [_municipality(overlay, c) for c in candidates],
    )  # fmt: skip


def instance_of(ground: Ground, request: PlanRequest) -> Instance:
    """The planning instance: costs are the prefecture's share, groups the municipalities."""
    indptr, indices = reach_lists(ground.demand, ground.reached)
    demand = ground.demand
    return make_instance(
        weights={"people": demand.people, "households": demand.households, "shelters": demand.shelters.astype(np.float64)},
        indptr=indptr,
        indices=indices,
        # A cell's people spread over its pixels are small fractions: millionths keep their sum to a thousandth.
        weight_scale=1_000_000,
        costs=np.array([m.prefecture_yen for m in ground.money], dtype=np.int64),
        objective=request.objective,
        budget=request.budget_yen,
        p=request.sites,
        fiscal_years=[fy for fy, _ in request.year_budgets] or None,
        year_budgets=[yen for _, yen in request.year_budgets] or None,
        forced=list(request.forced) or None,
        excluded=list(request.excluded) or None,
        groups=list(ground.municipality),
        site_ids=[c.candidate_id for c in ground.candidates],
    )


def operator_of(data: RegionData, request: PlanRequest) -> str:
    """The operator that goes on the new masts. Raises InputError for one that the region does not have."""
    operator = request.operator or next(iter(data.config.operators))
    if operator not in data.config.operators:
        raise InputError(
            "operator-unknown",
            f"事業者「{operator}」はこの地域にありません（{'、'.join(data.config.operators)}）。",
            f"There is no operator '{operator}' in this region ({', '.join(data.config.operators)}).",
        )
    return operator


def resolved(covered: NDArray[np.bool_], own: NDArray[np.int64]) -> bool:
    """Whether a district with these flat pixels is predicted resolved where ``covered`` (flat) has signal."""
    return len(own) > 0 and float(covered[own].mean()) >= RESOLVED_SHARE


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
    unserved: NDArray[np.bool_],
    registered: Sequence[District],
    pixels: Sequence[NDArray[np.int64]],
) -> Demand:
    households = overlay.spread(np.nan_to_num(overlay.population.households))
    if run.is_computable():
        people = overlay.people_of_pixel()
    else:
        shape = overlay.grid.shape
        # Without complete site lists only the register says where signal is missing, for shelters as for people.
        on_register = np.zeros(shape[0] * shape[1], dtype=np.bool_)
        for own in pixels:
            on_register[own] = True
        unserved = unserved & on_register.reshape(shape)
        people = register_people(shape, pixels, [float(d.population or 0) for d in registered], served)
        households = register_people(shape, pixels, [float(d.households or 0) for d in registered], served)
    grid = overlay.grid
    shelter_pixels = np.full(len(data.shelters), -1, dtype=np.int64)
    if data.shelters:
        x, y = lonlat_to_plane(
            np.array([s.lon for s in data.shelters]), np.array([s.lat for s in data.shelters]), grid.epsg
        )
        for i in range(len(data.shelters)):
            if grid.contains(float(x[i]), float(y[i])):
                row, col = grid.row_col(float(x[i]), float(y[i]))
                shelter_pixels[i] = row * grid.cols + col
    return demand_of(unserved, people, households, shelter_pixels)


def _households_known(data: RegionData, run: RunResult, registered: Sequence[District]) -> bool:
    """Whether households are known wherever people are counted; one gap makes every sum a guess."""
    if run.is_computable():
        people = data.population.population > 0
        return not bool(np.isnan(data.population.households[people]).any())
    return all(d.households is not None for d in registered)


def _candidates(data: RegionData, overlay: Overlay, demand: Demand, request: PlanRequest) -> list[Candidate]:
    standing = {s.site_id: s for s in data.ledger.sites if s.status is Status.IN_SERVICE}
    found, _ = region_candidates(
        data.terrain,
        overlay.inside,
        demand,
        settlements=data.settlements,
        shelters=data.shelters,
        masts=[(standing[r.site_id], r.operator) for r in data.ledger.site_operators if r.site_id in standing],
        operator=operator_of(data, request),
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


def error_sigmas_db(data: RegionData, request: PlanRequest) -> tuple[float, float, float]:
    """Standard deviations (site, link, threshold) of the draws: the model's variance is halved between what a whole
    site has in common and each single link, as shadowing of one mast is correlated."""
    half = data.config.radio.model_error_db / math.sqrt(2.0)
    return half, half, request.threshold_error_db


def _links(
    context: AppContext,
    data: RegionData,
    candidates: Sequence[Candidate],
    demand: Demand,
    request: PlanRequest,
    workers: int,
    progress: Progress,
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Flat pixels with the dB above the edge that each candidate gives them, from the engine and its cache."""
    operator = operator_of(data, request)
    epsg = data.terrain.grid.epsg
    sites, rows = [], []
    for c in candidates:
        lon, lat = plane_to_lonlat(c.x_m, c.y_m, epsg)
        sites.append(
            Site(c.candidate_id, c.name, "00000", float(lat), float(lon), Status.CANDIDATE, height_m=request.height_m)
        )
        rows.append(SiteOperator(c.candidate_id, operator, band=request.band))
    cells, _ = cells_of(sites, rows, data.config.operators, epsg=epsg)
    cores = available_cores() if workers == 0 else workers
    executor = SerialExecutor() if cores == 1 else ProcessExecutor(cores)
    with executor:
        prints = compute_footprints(
            data.terrain, cells, data.config.radio, work=context.runs_folder / ".cache", executor=executor,
            report=lambda fraction, left: progress(fraction, "候補地の電波 / reach of candidates"),
        )  # fmt: skip
    number = {cell.site_id: i for i, cell in enumerate(cells)}
    edge = data.config.ladder.edge_dbm + request.margin_db
    luck = LUCK_SIGMAS * math.hypot(*error_sigmas_db(data, request)) if request.draws else 0.0
    cols = data.terrain.grid.cols
    links = []
    for candidate in candidates:
        footprint = prints.footprint(number[candidate.candidate_id])
        # Beyond the model's range no luck helps.
        row, col = np.nonzero((footprint.level_dbm >= edge - luck) & (footprint.level_dbm > OUT_OF_RANGE_DBM))
        margin = footprint.level_dbm[row, col].astype(np.float64) - edge
        pixel = (row + footprint.window.row0) * cols + col + footprint.window.col0
        # A lucky draw matters only where somebody is without signal: what is kept stays small.
        kept = (margin >= 0) | (demand.number_of_pixel[pixel] >= 0)
        links.append((pixel[kept], margin[kept]))
    return links


def _municipality(overlay: Overlay, candidate: Candidate) -> str | None:
    if not overlay.grid.contains(candidate.x_m, candidate.y_m):
        return None
    row, col = overlay.grid.row_col(candidate.x_m, candidate.y_m)
    index = int(overlay.municipality_index[row, col])
    return overlay.codes[index] if index >= 0 else None
