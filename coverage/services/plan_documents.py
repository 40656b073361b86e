"""A plan's document: what it serves, costs and moves, in figures and in words; kept whole in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain import fiscal
from coverage.domain.ledger import District
from coverage.errors import FileFormatError, NotFoundError, StorageError
from coverage.gaps.population_coverage import SERVED
from coverage.plan.certificate import write_certificate
from coverage.plan.instance_files import write_instance
from coverage.plan.siting import Candidate
from coverage.plan.solve import PlanResult
from coverage.runs.reception import notice_of, reception_said
from coverage.services.context import AppContext
from coverage.services.plan_baseline import baseline_rows, ledger_forecast
from coverage.services.plan_ground import Ground, costs_of, operator_of, resolved
from coverage.services.plan_request import EXISTING, PlanRequest

PLANS = "plans"
_LOG: Final = logging.getLogger(__name__)
UNITS = {
    "people": ("人", "people"),
    "households": ("世帯", "households"),
    "shelters": ("か所の避難所", "shelters"),
}
BARRED: Final = "excluded-area"
LEDGER_LAYERS: Final = ("sites", "districts")
_PUBLIC: Final = ("candidate_id", "name", "municipality_code", "fiscal_year", "people", "households", "shelters", "antenna_height_m")
_BRIEF: Final = ("run_id", "objective", "value", "bound", "gap", "cost", "served", "statement", "estimated")


def plan_document(ground: Ground, request: PlanRequest, result: PlanResult, further: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as JSON values. ``further``: the analysis that stands beside it."""
    run, demand = ground.run, ground.demand
    scale = result.instance.weight_scale
    sites = _sites(ground, result)
    new = newly_served(ground, result)
    people, households, shelters = ground.sums(new)
    cell_km2 = (ground.overlay.grid.cell_m / 1000.0) ** 2
    site_cost, joint_cost = costs_of(ground.data, request)
    asked = {**asdict(request), "operator": operator_of(ground.data, request)}
    baseline = _baseline(ground, request)
    left_out = dict(sorted(Counter(r.reason for r in ground.left_out).items()))
    forecast = _forecast(ground, request)
    return {
        "format": "coverage-gap-plan/1",
        "region": run.meta["region"] | {f"notice_{lang}": notice_of(run.meta, lang) for lang in ("ja", "en")},
        "run_id": run.run_id,
        "estimated": run.meta["estimated"],
        "computable": run.is_computable(),
        "request": {**asked, "site_cost_yen": site_cost, "joint_cost_yen": joint_cost},
        "inputs": _inputs(ground),
        "fiscal_years": list(ground.years),
        "baseline": baseline,
        "candidates": len(ground.candidates),
        "left_out": left_out,
        "excluded_areas": dict(sorted(Counter(r.detail for r in ground.left_out if r.reason == BARRED).items())),
        "demand": {
            "points": len(demand),
            "people": round(float(demand.people.sum()), 1),
            "households": round(float(demand.households.sum()), 1),
            "shelters": int(demand.shelters.sum()),
        },
        "objective": request.objective,
        "value": result.value / scale,
        "bound": result.bound / scale,
        "certified_bound": result.certified_bound / scale,
        "gap": result.gap,
        "status": str(result.status),
        "seconds": round(result.seconds, 2),
        "served": {"people": round(people, 1), "households": round(households, 1), "shelters": shelters},
        "area_km2": round(len(new) * cell_km2, 3),
        "cost": ground.cost(result.plan),
        "districts_resolved": sum(len(s["districts"]) for s in sites),
        "sites": sites,
        "indicator": _indicator(ground, forecast, sites),
        "ledger_forecast": forecast,
        "statement": _statement(
            request, result, baseline, barred=left_out.get(BARRED, 0),
            rule_confirmed=all(m.confirmed for row in ground.money for m in row),
            not_outdoors=(reception_said(run.meta, "ja"), reception_said(run.meta, "en")),
        ),
        **further,
    }  # fmt: skip


def _inputs(ground: Ground) -> dict[str, Any]:
    """What the plan was made of beside the run: the ledger's state, the subsidy rules and the areas that bar a mast."""
    return {
        "run_id": ground.run.run_id,
        "ledger": ground.ledger_head
        or {name: digest for r in ground.data.layers if r.layer in LEDGER_LAYERS for name, digest in r.files},
        "subsidy_rules": {
            "source": ground.rules.source,
            "sha256": ground.rules.sha256,
            "by_year": {str(fy): ground.rules.rules.on(fiscal.first_day(fy)).id for fy in ground.years},
        },
        "exclusions": dict(ground.exclusion_files),
    }


def _baseline(ground: Ground, request: PlanRequest) -> dict[str, Any]:
    names = {m.code: m.full_name for m in ground.data.municipalities}
    rows = baseline_rows(ground.decided, names, ground.data.ledger.districts, ground.gained)
    total = [sum(g[i] for g in ground.gained) for i in range(3)]
    return {
        "kind": request.baseline,
        "sites": rows,
        "estimated": sum(row["estimated"] for row in rows),
        "people": round(total[0], 1),
        "households": round(total[1], 1),
        "shelters": total[2],
    }


def newly_served(ground: Ground, result: PlanResult) -> NDArray[np.int64]:
    """Flat pixels inside the region, populated or not, that the whole plan serves and nothing served before: neither
    the run's sites nor decided ones."""
    if not result.plan:
        return np.zeros(0, dtype=np.int64)
    pixels = np.unique(np.concatenate([ground.reached[j] for j, _ in result.plan]))
    free = ground.overlay.inside.ravel() & ~ground.served
    own: NDArray[np.int64] = pixels[free[pixels]]
    return own


def _statement(
    request: PlanRequest, result: PlanResult, baseline: Mapping[str, Any], *, barred: int, rule_confirmed: bool,
    not_outdoors: tuple[str, str],
) -> dict[str, str]:
    """The sentence with the bound. With years, a person served for two of them counts twice."""
    scale = result.instance.weight_scale
    certified = result.certified_bound / scale
    more_ja, more_en = "", ""
    if baseline["sites"]:
        number, estimated = len(baseline["sites"]), baseline["estimated"]
        more_ja = f"決まっている局 {number} 局{f'（うち推計 {estimated} 局）' if estimated else ''}は建つものとし、"
        more_ja += f"そこで届く {baseline['people']:,.0f} 人を除いて計算しました。"
        more_en = f" {number} decided sites{f' ({estimated} of them estimated)' if estimated else ''} are taken as standing; "
        more_en += f"the {baseline['people']:,.0f} people whom they reach are left out."
    if barred:
        more_ja += f"立地できない区域にある候補 {barred} 件を除外しました。"
        more_en += f" {barred} candidates in areas where nothing may be built are left out."
    if not rule_confirmed:
        more_ja += "費用の分担は、割合を確認できていない補助規則による試算です。"
        more_en += " Shares of the cost follow a subsidy rule that is not confirmed."
    if request.back_test:
        more_ja += "過ぎた年度での試算です。"
        more_en += " This is a trial in years that are over."
    if any(not_outdoors):
        more_ja, more_en = more_ja + not_outdoors[0], f"{more_en} {not_outdoors[1]}"
    ja, en = UNITS[request.objective]
    if len(result.instance.fiscal_years) > 1:
        ja, en = f"{ja}（年度ごとの延べ）", f"{en} (summed over the years)"
    value, bound = result.value / scale, result.bound / scale
    return {
        "ja": f"この条件の計画で新たに電波が届くのは {value:,.0f} {ja}。どの計画でも {bound:,.0f} を超えられません"
        f"（差 {100 * result.gap:.2f} %、証明書で確かめられる上限は {certified:,.0f}）。{more_ja}",
        "en": f"This plan newly serves {value:,.0f} {en}; no plan within the limits can serve more than {bound:,.0f} "
        f"(gap {100 * result.gap:.2f} %; the bound that the certificate proves is {certified:,.0f}).{more_en}",
    }


def _sites(ground: Ground, result: PlanResult) -> list[dict[str, Any]]:
    """The plan's sites in building order, each with what it adds to those before it."""
    names = {m.code: m.full_name for m in ground.data.municipalities}
    state = ground.state.copy()
    districts = list(zip(ground.registered, ground.pixels, strict=True))
    # A district that a decided site is entered for is that site's to resolve: it is not claimed a second time.
    before = set(ground.taken) | {d.district_id for d, own in districts if resolved(state, own)}
    out = []
    for number, year in sorted(result.plan, key=lambda c: (c[1] or 0, -ground.sums(ground.reached[c[0]])[0], c[0])):
        candidate = ground.candidates[number]
        reached = ground.reached[number]
        people, households, shelters = ground.sums(reached[state[reached] != SERVED])
        state[reached] = SERVED
        solved = [d for d, own in districts if d.district_id not in before and resolved(state, own)]
        before |= {d.district_id for d in solved}
        fy = ground.years[year or 0]
        # Another operator on a mast that stands adds nothing to the count (product rule §2, 5).
        counts = bool(solved) and candidate.source != EXISTING
        lat, lon = ground.lat_lon(candidate)
        code = ground.municipality[number]
        out.append(
            {
                "candidate_id": candidate.candidate_id,
                "name": candidate.name,
                "source": candidate.source,
                "mast_id": candidate.mast_id,
                "antenna_height_m": round(ground.antenna_m[number], 1),
                "height_of_mast": candidate.antenna_m is not None,
                "lat": round(lat, 6),
                "lon": round(lon, 6),
                "municipality_code": code,
                "municipality": names.get(code or "", ""),
                "fiscal_year": fy,
                "people": round(people, 1),
                "households": round(households, 1),
                "shelters": shelters,
                "districts": [{"district_id": d.district_id, "name": d.name} for d in solved],
                "counts": counts,
                "cost": ground.shares(number, year or 0).as_dict(),
                # Rounded once: a column and a sentence that round 719.47 on two ways would disagree.
                **_words(candidate, round(people, 1), round(households, 1), shelters, solved, fy, counts),
            }
        )
    return out


def _words(
    candidate: Candidate, people: float, households: float, shelters: int, solved: Sequence[District], fy: int, counts: bool
) -> dict[str, str]:
    place = candidate.name or candidate.candidate_id
    ja = f"{place}に建てると、新たに {people:,.0f} 人（{households:,.0f} 世帯）に電波が届きます。"
    en = f"A site at {place} newly reaches {people:,.0f} people ({households:,.0f} households)."
    if candidate.source == EXISTING:
        ja = f"{place}の鉄塔に相乗りすると、新たに {people:,.0f} 人（{households:,.0f} 世帯）に電波が届きます。"
        en = f"Joining the mast at {place} newly reaches {people:,.0f} people ({households:,.0f} households)."
    if shelters:
        ja += f"避難所 {shelters} か所も圏内になります。"
        en += f" {shelters} shelters come into coverage."
    if solved:
        ja += f"不感地域 {'、'.join(d.name for d in solved)} の解消が見込まれ、"
        en += f" The districts {', '.join(d.name for d in solved)} are predicted resolved;"
    if counts:
        ja += f"{fiscal.label_ja(fy)}の整備数が 1 基増える見込みです（予測）。"
        en += f" the count of FY{fy} would rise by 1 (a forecast)."
    elif solved:
        ja += "既設の鉄塔なので整備数は増えません。"
        en += " the mast stands already, so the count stays as it is."
    else:
        ja += "登録済みの不感地域は解消しないため、整備数には数えない見込みです。"
        en += " It resolves no registered district, so it would not count."
    return {"ja": ja, "en": en}


def _forecast(ground: Ground, request: PlanRequest) -> list[dict[str, Any]]:
    """The ledger's own forecast from the year after the run's last to the last that it or the plan speaks of."""
    first = min(ground.run.latest_fy + 1, *ground.years)
    last = max([y.fiscal_year for y in ground.counted.result.years] + list(ground.years))
    return ledger_forecast(ground.counted, ground.ledger, request.baseline, range(first, last + 1))


def _indicator(
    ground: Ground, forecast: Sequence[Mapping[str, Any]], sites: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The count in the plan's years: the ledger's forecast with the plan's own sites; never mixed with actuals."""
    base = {row["fiscal_year"]: row["base"] for row in forecast}
    rows, added = [], 0
    for fy in ground.years:
        new = [s["candidate_id"] for s in sites if s["fiscal_year"] == fy and s["counts"]]
        added += len(new)
        own = base[fy]
        rows.append(
            {
                "fiscal_year": fy,
                "base": own,
                "added": len(new),
                "forecast": None if own is None else own + added,
                "candidate_ids": new,
            }
        )
    return rows


def keep_plan(context: AppContext, document: dict[str, Any], result: PlanResult, ground: Ground) -> dict[str, Any]:
    """Write the plan under its own digest, whole or not at all; the document with its id and folder."""
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
        _write_candidates(part / "candidates.geojson", document, ground)
        _write_served(part / "served.npz", ground, newly_served(ground, result))
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
                **{k: s[k] for k in _PUBLIC},
                "total_yen": s["cost"]["total_yen"],
                "district_ids": [d["district_id"] for d in s["districts"]],
            },
            f"plan-{s['candidate_id']}",
        )
        for s in document["sites"]
    ]
    write_geojson(path, collection(features, _members(document)))


def _write_candidates(path: Path, document: Mapping[str, Any], ground: Ground) -> None:
    """Every candidate with what it reaches alone and costs, to choose from in a further plan."""
    from shapely.geometry import Point

    from coverage.runs.geojson import collection, feature, write_geojson

    chosen = {s["candidate_id"] for s in document["sites"]}
    features = []
    for number, candidate in enumerate(ground.candidates):
        lat, lon = ground.lat_lon(candidate)
        people, households, shelters = ground.sums(ground.reached[number])
        features.append(
            feature(
                Point(round(lon, 6), round(lat, 6)),
                {
                    "kind": "candidate",
                    "candidate_id": candidate.candidate_id,
                    "name": candidate.name,
                    "source": candidate.source,
                    "municipality_code": ground.municipality[number],
                    "people_alone": round(people, 1),
                    "households_alone": round(households, 1),
                    "shelters_alone": shelters,
                    "prefecture_yen": ground.shares(number, 0).prefecture_yen,
                    "antenna_height_m": round(ground.antenna_m[number], 1),
                    "chosen": candidate.candidate_id in chosen,
                },
                candidate.candidate_id,
            )
        )
    write_geojson(path, collection(features, _members(document)))


def _members(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": document["region"]["name_ja"], "run_id": document["run_id"], "notice": document["region"]["notice_ja"]}


def _write_served(path: Path, ground: Ground, pixels: NDArray[np.int64]) -> None:
    """Pixels that the plan newly serves, those without signal before it and those that decided sites serve of them, with
    their grid, so that two plans can be laid over each other."""
    grid = ground.overlay.grid
    place = np.array([grid.epsg, grid.x0_m, grid.y0_m, grid.cell_m, grid.rows, grid.cols], dtype=np.float64)
    decided = np.zeros(grid.rows * grid.cols, dtype=np.bool_)
    for site in ground.decided:
        if site.pixels is not None:
            decided[site.pixels] = True
    np.savez_compressed(
        path, pixels=pixels, grid=place, decided=np.flatnonzero(decided & ground.lacking),
        lacking=np.flatnonzero(ground.lacking & ~decided),
    )  # fmt: skip


def open_plan(context: AppContext, plan_id: str) -> dict[str, Any]:
    """A kept plan by its id. NotFoundError where there is none, FileFormatError where its file is damaged."""
    path = context.runs_folder / PLANS / plan_id / "plan.json"
    if not plan_id.isalnum() or not path.is_file():
        raise NotFoundError("plan-not-found", "その計画はありません。番号を確かめてください。", "There is no such plan; check its id.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not {*_BRIEF, "sites"} <= document.keys():
        raise FileFormatError(
            "plan-damaged",
            f"計画 {plan_id} の plan.json が壊れています。同じ条件で計画をつくり直してください。",
            f"plan.json of the plan {plan_id} is damaged; make the plan again with the same conditions.",
        )
    return {**document, "plan_id": plan_id, "folder": str(path.parent)}


def candidates_of(context: AppContext, plan_id: str) -> list[dict[str, Any]]:
    """The candidates that a plan was chosen from, in their order, with lat and lon; empty for a plan that kept none."""
    path = Path(open_plan(context, plan_id)["folder"]) / "candidates.geojson"
    if not path.is_file():
        return []
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    return [
        {**f["properties"], "lon": f["geometry"]["coordinates"][0], "lat": f["geometry"]["coordinates"][1]} for f in features
    ]


def list_plans(context: AppContext) -> list[dict[str, Any]]:
    """Kept plans in a few figures, newest first. A plan's file is read once and again only where it changed.

    A damaged plan is left out and named in the log: the others can still be worked with.
    """
    folder = context.runs_folder / PLANS
    if not folder.is_dir():
        return []
    # A plan that is being written, or was cut off while it was, has a name with a dot in front.
    names = [p.name for p in folder.iterdir() if p.name.isalnum() and (p / "plan.json").is_file()]
    briefs = []
    for name in names:
        try:
            briefs.append(_brief(context, name))
        except FileFormatError as error:
            _LOG.warning("%s", error.en)
    return sorted(briefs, key=lambda b: (-b["made_ns"], b["plan_id"]))


_briefs: dict[tuple[str, str], tuple[tuple[int, int], dict[str, Any]]] = {}


def _brief(context: AppContext, plan_id: str) -> dict[str, Any]:
    path = context.runs_folder / PLANS / plan_id / "plan.json"
    stat = path.stat()
    stamp, key = (stat.st_mtime_ns, stat.st_size), (str(context.runs_folder.resolve()), plan_id)
    held = _briefs.get(key)
    if held is None or held[0] != stamp:
        document = open_plan(context, plan_id)
        brief = {name: document[name] for name in _BRIEF}
        brief |= {"plan_id": plan_id, "sites": len(document["sites"]), "made_ns": stat.st_mtime_ns}
        held = _briefs[key] = (stamp, brief)
    return dict(held[1])
