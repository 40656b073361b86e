"""Scenarios: plans kept under a name, each saving a version of its own; and two or more of them side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coverage.domain import fiscal
from coverage.errors import InputError, NotFoundError, StorageError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.plan_documents import PLANS, open_plan
from coverage.store.events import Kind
from coverage.store.protocol import Store

PAYERS = ("state_yen", "prefecture_yen", "municipality_yen", "operators_yen", "total_yen")
SAME_PLACE_DEG = 1e-5
"""Sites of two plans this close (about a metre) are one place, whatever they are called in each."""
_VERSION = re.compile(r"(?P<name>.+)@(?P<version>[0-9]+)")


@dataclass(frozen=True)
class Saved:
    """``changed`` is false where the name held the same plan already: then no version was added."""

    name: str
    version: int
    plan_id: str
    changed: bool


def save_scenario(
    context: AppContext, store: Store, name: str, plan_id: str, *, principal: Principal, note: str = "",
    expected_version: int | None = None,
) -> Saved:  # fmt: skip
    """Keep a plan under ``name``; a name that exists gets a further version.

    ``expected_version``: the version that the editor saw, None = whatever there is. Raises PermissionDeniedError,
    NotFoundError without such a plan, InputError for a name that cannot be, EditConflictError when somebody was faster.
    """
    authorise(principal, Action.EDIT, Resource(Object.SCENARIO))
    if not name.strip() or "@" in name:
        raise InputError(
            "scenario-name",
            "計画案の名前が空か、「@」を含んでいます。「@」のない名前を付けてください（名前@2 は版の指定に使います）。",
            "The scenario's name is empty or holds '@'; give a name without it (name@2 means a version).",
        )
    document = open_plan(context, plan_id)
    content = {k: v for k, v in document.items() if k != "folder"}
    held = store.get(Kind.SCENARIO, name.strip())
    version = held.version if held is not None else 0
    receipt = store.put(
        Kind.SCENARIO,
        {"name": name.strip(), "content": content, "note": note},
        by=principal.actor,
        expected_version=version if expected_version is None else expected_version,
        action="scenario.save",
    )
    written = receipt.events[0].version if receipt.events else version
    return Saved(name.strip(), written, plan_id, bool(receipt.events))


def list_scenarios(store: Store, *, principal: Principal) -> list[dict[str, Any]]:
    """Every scenario's latest version in a few figures, by name."""
    authorise(principal, Action.VIEW, Resource(Object.SCENARIO))
    rows = []
    for held in sorted(store.versioned(Kind.SCENARIO), key=lambda v: v.key):
        content = held.record.content
        rows.append(
            {
                "name": held.record.name,
                "version": held.version,
                "versions": [
                    {"version": h.version, "at": h.at.isoformat(), "by": h.actor} for h in store.history(Kind.SCENARIO, held.key)
                ],
                "note": held.record.note,
                "recorded_at": held.recorded_at.isoformat(),
                "plan_id": content["plan_id"],
                "run_id": content["run_id"],
                "estimated": content["estimated"],
                "sites": len(content["sites"]),
                "served": content["served"],
                "cost": content["cost"],
                "gap": content["gap"],
            }
        )
    return rows


def scenario_document(context: AppContext, store: Store, wanted: str, *, principal: Principal) -> dict[str, Any]:
    """A plan's document by a scenario's name ("name", or "name@2" for a version) or by a plan's id."""
    authorise(principal, Action.VIEW, Resource(Object.SCENARIO))
    match = _VERSION.fullmatch(wanted.strip())
    name, version = (match["name"], int(match["version"])) if match else (wanted.strip(), None)
    held = store.get(Kind.SCENARIO, name)
    if held is not None and version is not None and version != held.version:
        entry = next((h for h in store.history(Kind.SCENARIO, held.key) if h.version == version), None)
        held = None if entry is None else store.get(Kind.SCENARIO, name, as_of=entry.tx)
    if held is not None:
        return {**held.record.content, "label": f"{held.record.name}@{held.version}"}
    if version is None:
        try:
            return {**open_plan(context, name), "label": name}
        except NotFoundError:
            pass
    raise NotFoundError(
        "scenario-not-found",
        f"計画案「{wanted[:60]}」はありません。「coverage-gap plan scenarios」で名前と版を確かめてください。",
        f"There is no scenario '{wanted[:60]}'; see 'coverage-gap plan scenarios' for names and versions.",
    )


def compare_scenarios(
    context: AppContext, store: Store, wanted: Sequence[str], *, principal: Principal
) -> dict[str, Any]:
    """Two or more plans beside each other; differences are against the first.

    Raises InputError for fewer than two, or for plans against different runs: their numbers do not share a baseline.
    """
    return _compared([scenario_document(context, store, name, principal=principal) for name in wanted])


def compare_plans(context: AppContext, wanted: Sequence[str], *, principal: Principal) -> dict[str, Any]:
    """The same for plans by their ids, where there is no store yet."""
    authorise(principal, Action.VIEW, Resource(Object.SCENARIO))
    return _compared([{**open_plan(context, plan_id), "label": plan_id} for plan_id in wanted])


def _compared(plans: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if len(plans) < 2:
        raise InputError(
            "scenarios-too-few", "比べる計画案を二つ以上指定してください。", "Name at least two scenarios to compare."
        )
    runs = {p["run_id"] for p in plans}
    if len(runs) > 1:
        raise InputError(
            "scenarios-of-different-runs",
            f"計画案のもとになった計算結果が違います（{'、'.join(sorted(runs))}）。同じ計算結果で計画し直してください。",
            f"The scenarios stand on different runs ({', '.join(sorted(runs))}); plan again on the same run.",
        )
    base = _figures(plans[0])
    years = sorted({r["fiscal_year"] for p in plans for r in p["indicator"]})
    return {
        "run_id": plans[0]["run_id"],
        "estimated": any(p["estimated"] for p in plans),
        "fictional": bool(plans[0]["region"]["fictional"]),
        "fiscal_years": years,
        "plans": [
            {
                "label": plan["label"],
                "plan_id": plan["plan_id"],
                **(own := _figures(plan)),
                "change": {k: round(own[k] - base[k], 3) for k in base},
                "cost": plan["cost"],
                "districts": sorted({d["district_id"] for s in plan["sites"] for d in s["districts"]}),
                "indicator": _by_year(plan, years),
                "sites": _site_difference(plans[0], plan) if number else None,
            }
            for number, plan in enumerate(plans)
        ],
    }


def _figures(plan: Mapping[str, Any]) -> dict[str, float]:
    return {
        "people": plan["served"]["people"],
        "households": plan["served"]["households"],
        "shelters": plan["served"]["shelters"],
        "area_km2": plan["area_km2"],
        "districts_resolved": plan["districts_resolved"],
        **{payer: plan["cost"][payer] for payer in PAYERS},
    }


def _by_year(plan: Mapping[str, Any], years: Sequence[int]) -> list[dict[str, Any]]:
    """Forecast of the count in every year of the comparison; a year without sites keeps the value before it."""
    rows = {r["fiscal_year"]: r for r in plan["indicator"]}
    # A plan that was kept before plans knew the ledger's forecast says nothing of it.
    forecast = sorted(plan.get("ledger_forecast", ()), key=lambda r: int(r["fiscal_year"]))
    added, out = 0, []
    for fy in years:
        added += rows[fy]["added"] if fy in rows else 0
        # Beyond the years that the ledger speaks of its last value stands.
        base = [r["base"] for r in forecast if r["fiscal_year"] <= fy][-1:] or [None]
        out.append({"fiscal_year": fy, "added": added, "forecast": None if base[0] is None else base[0] + added})
    return out


def _site_difference(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Sites that only one of the two has, and those in both; a place is the same place within about a metre."""

    def beside(site: Mapping[str, Any], sites: Sequence[Mapping[str, Any]]) -> bool:
        return any(
            abs(site["lat"] - s["lat"]) <= SAME_PLACE_DEG and abs(site["lon"] - s["lon"]) <= SAME_PLACE_DEG for s in sites
        )

    def brief(site: Mapping[str, Any]) -> dict[str, Any]:
        return {k: site[k] for k in ("candidate_id", "name", "municipality", "fiscal_year", "people", "lat", "lon")}

    return {
        "added": [brief(s) for s in other["sites"] if not beside(s, first["sites"])],
        "dropped": [brief(s) for s in first["sites"] if not beside(s, other["sites"])],
        "kept": [brief(s) for s in other["sites"] if beside(s, first["sites"])],
    }


def difference_map(context: AppContext, comparison: Mapping[str, Any], number: int = 1) -> dict[str, Any]:
    """GeoJSON of the ground that only the first plan, only plan ``number`` and both newly serve.

    Raises NotFoundError where a plan's folder is gone, InputError where the two lie on different grids.
    """
    from affine import Affine
    from rasterio.features import shapes
    from shapely.geometry import shape
    from shapely.ops import unary_union

    from coverage.domain.grid import Grid
    from coverage.domain.projection import geometry_to_lonlat
    from coverage.runs.geojson import collection, feature

    plans = [comparison["plans"][0], comparison["plans"][number]]
    (first, place), (second, other_place) = (_served(context, p["plan_id"]) for p in plans)
    if not np.array_equal(place, other_place):
        raise InputError(
            "scenarios-on-different-grids",
            "二つの計画は格子が違うため、地図で比べられません。同じ設定で計画し直してください。",
            "The two plans lie on different grids and cannot be mapped; plan again with the same settings.",
        )
    grid = Grid(int(place[0]), float(place[1]), float(place[2]), float(place[3]), int(place[4]), int(place[5]))
    label = np.zeros(grid.rows * grid.cols, dtype=np.int32)
    label[first] += 1
    label[second] += 2
    kinds = {1: "only_first", 2: "only_second", 3: "both"}
    parts: dict[int, list[Any]] = {}
    flat = label.reshape(grid.rows, grid.cols)
    for outline, value in shapes(flat, mask=flat > 0, connectivity=4, transform=Affine(*grid.transform)):
        parts.setdefault(int(value), []).append(shape(outline))
    km2 = (grid.cell_m / 1000.0) ** 2
    features = [
        feature(
            geometry_to_lonlat(unary_union(parts[k]), grid.epsg),
            {"kind": kinds[k], "plans": [p["label"] for p in plans], "area_km2": round(float((label == k).sum()) * km2, 3)},
            kinds[k],
        )
        for k in sorted(parts)
    ]
    return collection(features, {"run_id": comparison["run_id"], "estimated": comparison["estimated"]})


def _served(context: AppContext, plan_id: str) -> tuple[Any, Any]:
    path = Path(context.runs_folder) / PLANS / plan_id / "served.npz"
    if not path.is_file():
        raise NotFoundError(
            "plan-not-found", "その計画はありません。番号を確かめてください。", "There is no such plan; check its id."
        )
    with np.load(path) as held:
        return held["pixels"], held["grid"]


def figure(key: str, value: float) -> str:
    """A figure of a plan as page and command show it: whole people, households and yen, km² with one decimal."""
    return f"{_shown(key, value):,}"


def change(key: str, first: float, second: float) -> str:
    """From the first figure to the second with its sign: of the figures as they are shown, so that a row adds up."""
    moved = round(_shown(key, second) - _shown(key, first), 1)
    return f"{moved:+,}" if moved else "±0"


def _shown(key: str, value: float) -> float:
    return round(value, 1) if key == "area_km2" else round(value)


def comparison_lines(comparison: Mapping[str, Any]) -> list[str]:
    """The comparison as a person reads it in a terminal."""
    names = {
        "people": "新たに電波が届く人", "households": "世帯", "shelters": "避難所", "area_km2": "面積（km²）",
        "districts_resolved": "解消が見込まれる不感地域", "state_yen": "国（円）", "prefecture_yen": "県（円）",
        "municipality_yen": "市町（円）", "operators_yen": "事業者（円）", "total_yen": "計（円）",
    }  # fmt: skip
    marks = ("（見本・架空）" if comparison["fictional"] else "") + ("（推計）" if comparison["estimated"] else "")
    plans = comparison["plans"]
    lines = [f"計算結果 {comparison['run_id']}{marks}", "  ".join(["", *(p["label"] for p in plans)])]
    for key, name in names.items():
        cells = [figure(key, p[key]) + (f"（{change(key, plans[0][key], p[key])}）" if i else "") for i, p in enumerate(plans)]
        lines.append(f"{name}: " + "  ".join(cells))
    for i, fy in enumerate(comparison["fiscal_years"]):
        cells = ["—" if (v := p["indicator"][i]["forecast"]) is None else f"{v} 基" for p in plans]
        lines.append(f"整備数の見込み {fiscal.label_ja(fy)}: " + "  ".join(cells))
    for p in plans[1:]:
        for kind, mark in (("added", "+"), ("dropped", "-"), ("kept", "=")):
            lines += [f"  {p['label']} {mark} {s['name']}（{s['municipality']}）" for s in p["sites"][kind]]
    return lines


def write_difference_map(context: AppContext, comparison: Mapping[str, Any], path: Path) -> None:
    """The difference of the first two plans as a GeoJSON file. Raises StorageError where it cannot be written."""
    from coverage.runs.geojson import write_geojson

    document = difference_map(context, comparison)
    try:
        write_geojson(path, document)
    except OSError as error:
        raise StorageError(
            "map-not-written",
            f"差の地図を {path} に書けません（{error.strerror or error}）。保存先を確かめてください。",
            f"The difference map cannot be written to {path} ({error.strerror or error}); check the place.",
        ) from error
