"""What a plan stands on: the run, who is without signal in it, where a mast could stand, what it reaches and costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain import fiscal
from coverage.domain.ledger import District, Ledger, Site, SiteOperator, Status
from coverage.domain.money import Shares, share, sum_by_payer
from coverage.domain.projection import geometry_to_plane, lonlat_to_plane, plane_to_lonlat
from coverage.errors import InputError
from coverage.gaps.districts import RESOLVED_SHARE, district_pixels, served_share
from coverage.gaps.overlay import Overlay, build_overlay
from coverage.gaps.population_coverage import SERVED, UNSERVED, signal_state
from coverage.plan.candidates import CandidateOptions, region_candidates
from coverage.plan.demand import Demand, demand_of, reach_lists, register_people
from coverage.plan.instance import Instance, make_instance
from coverage.plan.siting import Candidate, Rejection
from coverage.readers.region import load_region
from coverage.readers.subsidy_rules import RulesReading, read_subsidy_rules
from coverage.runs.counting import CountTables, current_ledger
from coverage.runs.rasters import read_raster
from coverage.runs.result import RunResult
from coverage.services.context import AppContext
from coverage.services.ledger import region_of
from coverage.services.plan_baseline import DecidedSite, decided_sites
from coverage.services.plan_places import places_of
from coverage.services.plan_reach import Progress, reach_of
from coverage.services.plan_request import EXISTING, OBJECTIVES, PlanRequest, first_planned_year

if TYPE_CHECKING:
    from coverage.domain.region import RegionData

__all__ = ["OBJECTIVES", "Ground", "PlanRequest", "Progress", "error_sigmas_db", "instance_of", "operator_of", "prepare", "resolved"]

LUCK_SIGMAS = 2.5
"""Links this many standard deviations below the edge are kept for draws: a luckier one is one in 160."""


@dataclass(frozen=True)
class Ground:
    """Everything a solve and its document read.

    ``state``: uint8 (rows·cols,), SERVED by the run's or a decided site, UNSERVED, UNKNOWN. ``reached``: flat pixels that
    each candidate serves; ``links``: the same with those that only a lucky draw serves, and by how many dB each is
    above the edge. ``years``: fiscal years that the plan is for; ``money``: who pays for each candidate in each of
    them, by the rule in force on its first day. ``antenna_m``: above ground, by candidate. ``gained``: (people,
    households, shelters) that each decided site takes off the demand.
    """

    data: RegionData
    run: RunResult
    overlay: Overlay
    counted: CountTables
    ledger: Ledger
    ledger_head: str
    registered: Sequence[District]
    pixels: Sequence[NDArray[np.int64]]
    state: NDArray[np.uint8]
    lacking: NDArray[np.bool_]
    """Flat pixels without signal in the run, inside the region."""
    decided: Sequence[DecidedSite]
    gained: Sequence[tuple[float, float, int]]
    demand: Demand
    candidates: Sequence[Candidate]
    left_out: Sequence[Rejection]
    reached: Sequence[NDArray[np.int64]]
    links: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]
    antenna_m: Sequence[float]
    years: Sequence[int]
    money: Sequence[Sequence[Shares]]
    rules: RulesReading
    exclusion_files: Mapping[str, str]
    municipality: Sequence[str | None]

    @property
    def served(self) -> NDArray[np.bool_]:
        """Flat pixels that the run's sites or decided ones serve."""
        mask: NDArray[np.bool_] = self.state == SERVED
        return mask

    @property
    def taken(self) -> frozenset[str]:
        """Districts that a decided site is entered for: theirs to resolve, not the plan's."""
        return frozenset(d for site in self.decided for d in site.districts)

    def shares(self, candidate: int, year: int) -> Shares:
        """Who pays for a candidate in a year of the plan (its number)."""
        return self.money[year][candidate]

    def cost(self, plan: Sequence[tuple[int, int]]) -> dict[str, int]:
        """Yen by payer of the sites of a plan, each in its year."""
        return sum_by_payer([self.shares(j, year) for j, year in plan])

    def sums(self, pixels: NDArray[np.int64]) -> tuple[float, float, int]:
        """(people, households, shelters) without signal on distinct flat pixels."""
        return _sums(self.demand, pixels)

    def lat_lon(self, candidate: Candidate) -> tuple[float, float]:
        """Degrees."""
        lon, lat = plane_to_lonlat(candidate.x_m, candidate.y_m, self.data.terrain.grid.epsg)
        return float(lat), float(lon)


def prepare(context: AppContext, run: RunResult, request: PlanRequest, *, workers: int, progress: Progress) -> Ground:
    """Read the layers, find demand and candidates, and compute each candidate's reach. Raises InputError where the
    region now is not the run's, nobody is left without signal, or no place is near anybody without it."""
    source = region_of(context)
    data = source.region
    rules = read_subsidy_rules(context.region_folder)
    overlay = build_overlay(data.terrain.grid, data.municipalities, data.population)
    _same_grid(run, overlay)
    _same_reception(run, data)
    counted = CountTables(data if source.history is None else replace(data, ledger=source.history))
    ledger = current_ledger(data.ledger)
    registered = counted.registered(run.latest_fy)
    pixels = [district_pixels(overlay, d) for d in registered]
    operator = operator_of(data, request)
    decided = decided_sites(
        context, data, ledger, baseline=request.baseline, latest_fy=run.latest_fy, operator=operator, ahead=run.ahead,
        workers=workers, progress=lambda f, t: progress(0.1 * f, t),
    )  # fmt: skip
    state = signal_state(read_raster(run.raster("level", run.latest_fy)), data.config.ladder.edge_dbm).ravel()
    who = _Lacking(data, overlay, run, registered, pixels)
    lacking = overlay.inside.ravel() & (state == UNSERVED)
    gained = _take_off(who.demand(state), state, decided)
    demand = who.demand(state)
    if len(demand) == 0:
        raise InputError(
            "plan-nobody-left",
            f"電波の届かない人も避難所も残っていません（決定済みの局 {len(decided)} 局を含めて計算）。出発点か計算結果を確かめてください。",
            f"Nobody and no shelter is left without signal (with {len(decided)} decided sites); check the baseline or the run.",
        )
    progress(0.1, "候補地 / candidates")
    exclusions, files = _exclusions(context, data)
    candidates, left_out = _candidates(data, overlay, ledger, demand, request, exclusions)
    links, antenna_m = _links(context, data, candidates, demand, request, workers, lambda f, t: progress(0.1 + 0.9 * f, t))
    reached = [pixel[margin >= 0] for pixel, margin in links]
    years = [fy for fy, _ in request.year_budgets] or [first_planned_year(run.latest_fy, back_test=request.back_test)]
    return Ground(
        data=data, run=run, overlay=overlay, counted=counted, ledger=ledger, ledger_head=source.head,
        registered=registered, pixels=pixels, state=state, lacking=lacking, decided=decided, gained=gained, demand=demand,
        candidates=candidates, left_out=left_out, reached=reached, links=links, antenna_m=antenna_m, years=years,
        money=_money(data, run, registered, demand, candidates, reached, request, rules, years), rules=rules,
        exclusion_files=files, municipality=[_municipality(overlay, c) for c in candidates],
    )  # fmt: skip


def instance_of(ground: Ground, request: PlanRequest) -> Instance:
    """The planning instance: costs are the prefecture's share in each year, groups the municipalities."""
    indptr, indices = reach_lists(ground.demand, ground.reached)
    demand = ground.demand
    forced = places_of(ground.candidates, request.forced, ground.lat_lon, "forced")
    excluded = places_of(ground.candidates, request.excluded, ground.lat_lon, "excluded")
    costs = [[m.prefecture_yen for m in row] for row in ground.money]
    return make_instance(
        weights={"people": demand.people, "households": demand.households, "shelters": demand.shelters.astype(np.float64)},
        indptr=indptr,
        indices=indices,
        # A cell's people spread over its pixels are small fractions: millionths keep their sum to a thousandth.
        weight_scale=1_000_000,
        costs=np.array(costs if request.year_budgets else costs[0], dtype=np.int64),
        objective=request.objective,
        budget=request.budget_yen,
        p=request.sites,
        fiscal_years=[fy for fy, _ in request.year_budgets] or None,
        year_budgets=[yen for _, yen in request.year_budgets] or None,
        forced=forced or None,
        excluded=excluded or None,
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


def resolved(state: NDArray[np.uint8], own: NDArray[np.int64]) -> bool:
    """Whether a district with these flat pixels is predicted resolved: the same rule as the run's own prediction."""
    return len(own) > 0 and served_share(state, own) >= RESOLVED_SHARE


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


def _same_reception(run: RunResult, data: RegionData) -> None:
    """Who lacks signal is the run's; what a mast reaches is the region's as it is now: both must mean the same place."""
    now = data.config.radio
    then = run.meta["parameters"].get("radio") or {}
    if (then.get("reception", "outdoors"), then.get("building", "traditional")) != (now.reception, now.building):
        raise InputError(
            "run-of-another-reception",
            f"計算結果 {run.run_id} は今の地域の設定と、電波を受ける場所（radio.reception と building）が違います。"
            "「coverage-gap run」で計算し直してください。",
            f"Run {run.run_id} is of another place of reception (radio.reception, building) than the region now; compute it "
            "again with 'coverage-gap run'.",
        )


@dataclass(frozen=True)
class _Lacking:
    """Who and what lacks signal: by the population layer, or by the register where site lists are incomplete."""

    data: RegionData
    overlay: Overlay
    run: RunResult
    registered: Sequence[District]
    pixels: Sequence[NDArray[np.int64]]

    def demand(self, state: NDArray[np.uint8]) -> Demand:
        """Residents and shelters inside the region where ``state`` is UNSERVED; NO DATA is no demand, nobody knows."""
        overlay, shape = self.overlay, self.overlay.grid.shape
        unserved = overlay.inside & (state == UNSERVED).reshape(shape)
        if self.run.is_computable():
            people = overlay.people_of_pixel()
            households = overlay.spread(np.nan_to_num(overlay.population.households))
        else:
            served = (state == SERVED).reshape(shape)
            # Without complete site lists only the register says where signal is missing, for shelters as for people.
            on_register = np.zeros(shape[0] * shape[1], dtype=np.bool_)
            for own in self.pixels:
                on_register[own] = True
            unserved = unserved & on_register.reshape(shape)
            people, households = (
                register_people(shape, self.pixels, [float(getattr(d, name) or 0) for d in self.registered], served)
                for name in ("population", "households")
            )
        return demand_of(unserved, people, households, self._shelter_pixels())

    def _shelter_pixels(self) -> NDArray[np.int64]:
        grid, shelters = self.overlay.grid, self.data.shelters
        out = np.full(len(shelters), -1, dtype=np.int64)
        if shelters:
            x, y = lonlat_to_plane(np.array([s.lon for s in shelters]), np.array([s.lat for s in shelters]), grid.epsg)
            for i in range(len(shelters)):
                if grid.contains(float(x[i]), float(y[i])):
                    row, col = grid.row_col(float(x[i]), float(y[i]))
                    out[i] = row * grid.cols + col
        return out


def _take_off(
    before: Demand, state: NDArray[np.uint8], decided: Sequence[DecidedSite]
) -> list[tuple[float, float, int]]:
    """Mark in ``state`` what the decided sites serve; what each of them takes off the demand beyond those before it."""
    gained = []
    for site in decided:
        if site.pixels is None:
            gained.append((0.0, 0.0, 0))
            continue
        gained.append(_sums(before, site.pixels[state[site.pixels] != SERVED]))
        state[site.pixels] = SERVED
    return gained


def _sums(demand: Demand, pixels: NDArray[np.int64]) -> tuple[float, float, int]:
    numbers = demand.number_of_pixel[pixels]
    own = numbers[numbers >= 0]
    return float(demand.people[own].sum()), float(demand.households[own].sum()), int(demand.shelters[own].sum())


def _households_known(data: RegionData, run: RunResult, registered: Sequence[District]) -> bool:
    """Whether households are known wherever people are counted; one gap makes every sum a guess."""
    if run.is_computable():
        people = data.population.population > 0
        return not bool(np.isnan(data.population.households[people]).any())
    return all(d.households is not None for d in registered)


def _money(
    data: RegionData, run: RunResult, registered: Sequence[District], demand: Demand, candidates: Sequence[Candidate],
    reached: Sequence[NDArray[np.int64]], request: PlanRequest, rules: RulesReading, years: Sequence[int],
) -> list[list[Shares]]:  # fmt: skip
    """Who pays for each candidate in each year, by the rule in force on 1 April of it."""
    known_homes = _households_known(data, run, registered)
    if not known_homes and "households" in (request.objective, request.pareto):
        raise InputError(
            "plan-households-unknown",
            "この地域の人口データには世帯数がないため、世帯数を目的にできません。人口か避難所を選んでください。",
            "The population layer of this region has no households, so they cannot be the objective; choose people or shelters.",
        )
    site_cost, joint_cost = costs_of(data, request)
    money: list[list[Shares]] = []
    for fy in years:
        row = []
        for candidate, own in zip(candidates, reached, strict=True):
            # Few households earn the higher rate of the state: those that the site would serve, rounded. Unknown ones
            # earn no rate that depends on them.
            homes = round(_sums(demand, own)[1]) if known_homes else None
            cost = joint_cost if candidate.source == EXISTING else site_cost
            row.append(share(cost, homes, fiscal.first_day(fy), request.operators_joining, rules=rules.rules))
        money.append(row)
    return money


def costs_of(data: RegionData, request: PlanRequest) -> tuple[int, int]:
    """Total cost of a new site and of joining a standing mast, in yen: as asked, else the region's."""
    planning = data.config.planning
    return (
        planning.site_cost_yen if request.site_cost_yen is None else request.site_cost_yen,
        planning.joint_cost_yen if request.joint_cost_yen is None else request.joint_cost_yen,
    )


def _exclusions(context: AppContext, data: RegionData) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """(name, polygon in the plane) of the areas where nothing may be built, and the digests of their files."""
    if data.config.layers.exclusions is None:
        return [], {}
    own = load_region(context.region_folder, layers_root=context.layers_root, only=["exclusions"])
    areas = [(area.name, geometry_to_plane(area.geometry, data.terrain.grid.epsg)) for area in own.exclusions]
    return areas, {name: digest for record in own.layers for name, digest in record.files}


def _candidates(
    data: RegionData, overlay: Overlay, ledger: Ledger, demand: Demand, request: PlanRequest, exclusions: Sequence[tuple[str, Any]]
) -> tuple[list[Candidate], list[Rejection]]:
    standing = {s.site_id: s for s in ledger.sites if s.status is Status.IN_SERVICE}
    found, left_out = region_candidates(
        data.terrain,
        overlay.inside,
        demand,
        settlements=data.settlements,
        shelters=data.shelters,
        masts=[(standing[r.site_id], r.operator) for r in ledger.site_operators if r.site_id in standing],
        operator=operator_of(data, request),
        own=request.own,
        excluded=exclusions,
        options=CandidateOptions(max_candidates=request.max_candidates, spacing_m=request.spacing_m),
    )
    if not found:
        raise InputError(
            "plan-no-candidates",
            "電波の届かない人の近くに候補地が一つも見つかりません。候補地の間隔や一覧を見直してください。",
            "No candidate was found near people without signal; review the spacing or give a list of your own.",
        )
    return found, left_out


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
) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.float64]]], list[float]]:
    """Flat pixels with the dB above the edge that each candidate gives them, and its antenna's height above ground."""
    operator = operator_of(data, request)
    epsg = data.terrain.grid.epsg
    sites, rows = [], []
    for c in candidates:
        lon, lat = plane_to_lonlat(c.x_m, c.y_m, epsg)
        # On a mast that stands the antenna hangs as high as those on it, where that is known.
        height = request.height_m if c.antenna_m is None else c.antenna_m
        sites.append(Site(c.candidate_id, c.name, "00000", float(lat), float(lon), Status.CANDIDATE, height_m=height))
        rows.append(SiteOperator(c.candidate_id, operator, band=request.band))
    reach = reach_of(context, data, sites, rows, workers=workers, progress=progress)
    number = {cell.site_id: i for i, cell in enumerate(reach.cells)}
    edge = data.config.ladder.edge_dbm + request.margin_db
    luck = LUCK_SIGMAS * math.hypot(*error_sigmas_db(data, request)) if request.draws else 0.0
    links = []
    for candidate in candidates:
        pixel, level = reach.above(number[candidate.candidate_id], edge - luck)
        margin = level - edge
        # A lucky draw matters only where somebody is without signal: what is kept stays small.
        kept = (margin >= 0) | (demand.number_of_pixel[pixel] >= 0)
        links.append((pixel[kept], margin[kept]))
    return links, [reach.cells[number[c.candidate_id]].antenna_height_m for c in candidates]


def _municipality(overlay: Overlay, candidate: Candidate) -> str | None:
    if not overlay.grid.contains(candidate.x_m, candidate.y_m):
        return None
    row, col = overlay.grid.row_col(candidate.x_m, candidate.y_m)
    index = int(overlay.municipality_index[row, col])
    return overlay.codes[index] if index >= 0 else None
