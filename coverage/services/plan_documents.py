"""A plan's document: what it serves, costs and moves, in figures and in words; kept whole in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain import fiscal
from coverage.domain.ledger import District
from coverage.domain.money import sum_by_payer
from coverage.errors import NotFoundError, StorageError
from coverage.plan.certificate import write_certificate
from coverage.plan.instance_files import write_instance
from coverage.plan.siting import Candidate
from coverage.plan.solve import PlanResult
from coverage.services.context import AppContext
from coverage.services.plan_ground import Ground, PlanRequest, operator_of, resolved

PLANS = "plans"
EXISTING = "existing-mast"
UNITS = {
    "people": ("人", "people"),
    "households": ("世帯", "households"),
    "shelters": ("か所の避難所", "shelters"),
}


def plan_document(ground: Ground, request: PlanRequest, result: PlanResult, further: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as JSON values. ``further``: the analysis that stands beside it."""
    run, demand = ground.run, ground.demand
    scale = result.instance.weight_scale
    sites = _sites(ground, result)
    new = newly_served(ground, result)
    people, households, shelters = ground.sums(new)
    cell_km2 = (ground.overlay.grid.cell_m / 1000.0) ** 2
    return {
        "format": "coverage-gap-plan/1",
        "region": run.meta["region"],
        "run_id": run.run_id,
        "estimated": run.meta["estimated"],
        "computable": run.is_computable(),
        "request": {**asdict(request), "operator": operator_of(ground.data, request)},
        "candidates": len(ground.candidates),
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
        "cost": sum_by_payer([ground.money[j] for j, _ in result.plan]),
        "districts_resolved": sum(len(s["districts"]) for s in sites),
        "sites": sites,
        "indicator": _indicator(ground, sites),
        "statement": _statement(request, result, rule_confirmed=all(m.confirmed for m in ground.money)),
        **further,
    }


def newly_served(ground: Ground, result: PlanResult) -> NDArray[np.int64]:
    """Flat pixels inside the region, populated or not, that the whole plan serves and nothing served before."""
    if not result.plan:
        return np.zeros(0, dtype=np.int64)
    pixels = np.unique(np.concatenate([ground.reached[j] for j, _ in result.plan]))
    free = ground.overlay.inside.ravel() & ~ground.served.ravel()
    own: NDArray[np.int64] = pixels[free[pixels]]
    return own


def _statement(request: PlanRequest, result: PlanResult, *, rule_confirmed: bool) -> dict[str, str]:
    """The sentence with the bound. With years, a person served for two of them counts twice."""
    scale = result.instance.weight_scale
    certified = result.certified_bound / scale
    doubt_ja, doubt_en = "", ""
    if not rule_confirmed:
        doubt_ja = "費用の分担は、割合を確認できていない補助規則による試算です。"
        doubt_en = " Shares of the cost follow a subsidy rule that is not confirmed."
    ja, en = UNITS[request.objective]
    if len(result.instance.fiscal_years) > 1:
        ja, en = f"{ja}（年度ごとの延べ）", f"{en} (summed over the years)"
    value, bound = result.value / scale, result.bound / scale
    return {
        "ja": f"この条件の計画で新たに電波が届くのは {value:,.0f} {ja}。どの計画でも {bound:,.0f} を超えられません"
        f"（差 {100 * result.gap:.2f} %、証明書で確かめられる上限は {certified:,.0f}）。{doubt_ja}",
        "en": f"This plan newly serves {value:,.0f} {en}; no plan within the limits can serve more than {bound:,.0f} "
        f"(gap {100 * result.gap:.2f} %; the bound that the certificate proves is {certified:,.0f}).{doubt_en}",
    }


def _sites(ground: Ground, result: PlanResult) -> list[dict[str, Any]]:
    """The plan's sites in building order, each with what it adds to those before it."""
    names = {m.code: m.full_name for m in ground.data.municipalities}
    covered = ground.served.ravel().copy()
    years = result.instance.fiscal_years
    districts = list(zip(ground.registered, ground.pixels, strict=True))
    before = {d.district_id for d, own in districts if resolved(covered, own)}
    out = []
    for number, year in sorted(result.plan, key=lambda c: (c[1] or 0, -ground.sums(ground.reached[c[0]])[0], c[0])):
        candidate = ground.candidates[number]
        reached = ground.reached[number]
        people, households, shelters = ground.sums(reached[~covered[reached]])
        covered[reached] = True
        solved = [d for d, own in districts if d.district_id not in before and resolved(covered, own)]
        before |= {d.district_id for d in solved}
        fy = years[year] if years else ground.first_fy
        # Another operator on a mast that stands adds nothing to the count (product rule §2, 5).
        counts = bool(solved) and candidate.source != EXISTING
        lat, lon = ground.lat_lon(candidate)
        code = ground.municipality[number]
        out.append(
            {
                "candidate_id": candidate.candidate_id,
                "name": candidate.name,
                "source": candidate.source,
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
                "cost": ground.money[number].as_dict(),
                **_words(candidate, people, households, shelters, solved, fy, counts),
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


def _indicator(ground: Ground, sites: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The count with the plan's sites added in their years; a forecast, never mixed with actuals."""
    base = ground.counted.result.year(ground.run.latest_fy).total
    rows, added = [], 0
    for fy in sorted({int(s["fiscal_year"]) for s in sites}):
        new = [s["candidate_id"] for s in sites if s["fiscal_year"] == fy and s["counts"]]
        added += len(new)
        forecast = None if base is None else base + added
        rows.append({"fiscal_year": fy, "added": len(new), "forecast": forecast, "candidate_ids": new})
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


def _write_served(path: Path, ground: Ground, pixels: NDArray[np.int64]) -> None:
    """Pixels that the plan newly serves, with their grid, so that two plans can be laid over each other."""
    grid = ground.overlay.grid
    place = np.array([grid.epsg, grid.x0_m, grid.y0_m, grid.cell_m, grid.rows, grid.cols], dtype=np.float64)
    np.savez_compressed(path, pixels=pixels, grid=place)


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
    # A plan that is being written, or was cut off while it was, has a name with a dot in front.
    names = sorted(p.name for p in folder.iterdir() if p.name.isalnum() and (p / "plan.json").is_file())
    return [open_plan(context, name) for name in names]
