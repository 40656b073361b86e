"""What the live map fetches: documents and pictures of one run, made once and kept.

The same records as the printed map's (:mod:`coverage.report.map_data`). Sites are given by role: a site that has never
been in service is an operator's plan, and is in no answer to one who may not see it.
"""

from __future__ import annotations

import io
import json
import math
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject

from coverage.domain import mesh
from coverage.errors import NotFoundError
from coverage.report.map_data import MapData, map_data, relief_picture, signal_stack
from coverage.report.map_sites import site_records
from coverage.report.pictures import Frame, grid_of, mercator_frame
from coverage.report.still_sheet import still_sheet
from coverage.runs.result import ANY_OPERATOR, RunResult
from coverage.services.access import Principal
from coverage.services.challenges import OpenChallenge
from coverage.services.context import AppContext
from coverage.services.kept_files import kept_on_disk
from coverage.services.place_files import shown_plans
from coverage.services.run_layers import People, people_of_run
from coverage.services.side_by_side import plan_pixels
from coverage.web.wording import web_texts

PEOPLE_RAMP: Final = ((1, "#e8e4f0"), (10, "#c7bcdc"), (50, "#a08fc2"), (200, "#7761a4"), (1000, "#4b3a80"))
"""People in a mesh cell from … on, few to many: one hue growing darker."""

NEWLY: Final = ("#00543c", "#bfe5d8")
"""Stripes over ground that a plan newly serves: dark, light."""

_LATE: Final = ("layers", "stacks", "sites", "model", "credits")
_lock = Lock()
_drawing = Lock()


def _stamp(run: RunResult) -> int:
    return (run.folder / "run.json").stat().st_mtime_ns


def _map(run: RunResult, lang: str) -> MapData:
    # One at a time: fifty visitors of a fresh server make the data once.
    with _lock:
        return _made(run.folder, _stamp(run), lang)


@lru_cache(maxsize=6)
def _made(folder: Path, _changed: int, lang: str) -> MapData:
    return map_data(RunResult.open(folder), lang, plans=False, signal=False)


def base_document(run: RunResult, lang: str) -> dict[str, Any]:
    """Years, figures by place, operators, classes, words: everything but outlines, sites and pictures."""
    page = _map(run, lang).page
    words = {**page["texts"], **web_texts(lang).below("live")}
    region = run.meta["region"]
    return {
        **{key: value for key, value in page.items() if key not in _LATE},
        "region": region[f"name_{page['lang']}"],
        "fictional": bool(region["fictional"]),
        "credits": page["credits"],
        "model": page["model"],
        "signals": [op for op in (ANY_OPERATOR, *run.operator_ids) if _has_signal(run, op)],
        "peopleRamp": [{"from": low, "colour": colour} for low, colour in PEOPLE_RAMP],
        "texts": words,
    }


def _has_signal(run: RunResult, operator: str) -> bool:
    return all(
        (run.folder / "rasters" / str(fy) / f"class_{operator}.tif").is_file() for fy in run.fiscal_years
    )


def layers_document(run: RunResult, lang: str) -> dict[str, Any]:
    """Outlines of municipalities, no-signal areas and districts (lon/lat) with what each of them is."""
    data = _map(run, lang)
    layers = {"municipalities": data.municipalities, "areas": data.areas, "districts": data.districts}
    return {
        name: {"shapes": layer.numbered(), "properties": layer.properties} for name, layer in layers.items()
    }


def sites_document(run: RunResult, lang: str, principal: Principal, *, plans: bool) -> dict[str, Any]:
    """Sites as ``principal`` may see them. ``plans``: with those not in service yet, as far as the role goes."""
    shown = site_records(run, lang, plans=shown_plans(run, principal) if plans else False)
    verdicts: dict[str, int] = {}
    sites = [{**site, "verdict": verdicts.setdefault(site["verdict"], len(verdicts))} for site in shown]
    return {"sites": sites, "verdicts": list(verdicts)}


def may_see_plans(run: RunResult, principal: Principal) -> bool:
    """Whether ``principal`` may see planned sites of at least one municipality."""
    return bool(shown_plans(run, principal))


def relief(run: RunResult) -> bytes:
    """The hillshade, WebP."""
    return _relief(run.folder, _stamp(run))


@lru_cache(maxsize=4)
def _relief(folder: Path, _changed: int) -> bytes:
    return relief_picture(RunResult.open(folder))


def signal(run: RunResult, operator: str) -> tuple[bytes, list[list[int]]]:
    """(picture, rows) of the signal classes of all years. NotFoundError for an operator without signal."""
    found = None
    if operator in (ANY_OPERATOR, *run.operator_ids) and _has_signal(run, operator):
        with _lock:
            found = _signal(run.folder, _stamp(run), operator)
    if found is None:
        raise NotFoundError(
            "signal-not-in-run",
            "この事業者の電波の図は計算結果にありません。",
            "The run holds no picture of this operator's signal.",
        )
    return found


@lru_cache(maxsize=12)
def _signal(folder: Path, _changed: int, operator: str) -> tuple[bytes, list[list[int]]] | None:
    stack = signal_stack(RunResult.open(folder), operator)
    return None if stack is None else (stack.picture, stack.rows)


def frame_of(run: RunResult) -> Frame:
    """The frame that all pictures of the run share."""
    return mercator_frame(grid_of(run.meta["grid"]), max_pixels=1000)


def population_picture(context: AppContext, run: RunResult) -> bytes:
    """People by mesh cell as a palette PNG on the run's frame; transparent where nobody lives.

    Raises NotFoundError "population-not-of-run" where the layer that the run was computed with is not at hand.
    """
    people = people_of_run(context, run)
    with _lock:
        return _population(run.folder, _stamp(run), _Held(people))


class _Held:
    """A layer as a key of a cache: equal when it is the same object."""

    def __init__(self, people: People) -> None:
        self.people = people

    def __hash__(self) -> int:
        return id(self.people)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.people is self.people


@lru_cache(maxsize=2)
def _population(folder: Path, _changed: int, held: _Held) -> bytes:
    people, frame = held.people, frame_of(RunResult.open(folder))
    # Cells are about a pixel or more in size; a small frame is drawn twice as fine, so that their edges stay straight.
    fine = max(1, min(2, 1600 // max(frame.width, frame.height)))
    step = frame.transform
    x = step.c + (np.arange(frame.width * fine) + 0.5) * step.a / fine
    y = step.f + (np.arange(frame.height * fine) + 0.5) * step.e / fine
    back = Transformer.from_crs(3857, 4326, always_xy=True)
    lon, _ = back.transform(x, np.full_like(x, y[0]))
    _, lat = back.transform(np.full_like(y, x[0]), y)
    codes = mesh.encode(lat[:, None], lon[None, :], people.digits)
    place = np.minimum(np.searchsorted(people.code, codes), len(people.code) - 1)
    values = np.where(people.code[place] == codes, people.people[place], 0.0)
    edges = np.array([low for low, _ in PEOPLE_RAMP], dtype=np.float64)
    return _palette_png(np.digitize(values, edges).astype(np.uint8), [colour for _, colour in PEOPLE_RAMP])


def plan_picture(context: AppContext, run: RunResult, plan_id: str, principal: Principal) -> bytes:
    """Ground that a plan newly serves as a striped PNG on the run's frame (stripes: told without the colour).

    Errors as :func:`coverage.services.side_by_side.plan_pixels`.
    """
    pixels = plan_pixels(context, run, plan_id, principal=principal)
    grid, frame = grid_of(run.meta["grid"]), frame_of(run)
    flags = np.zeros(grid.rows * grid.cols, dtype=np.uint8)
    flags[pixels] = 1
    out = np.zeros((frame.height, frame.width), dtype=np.uint8)
    reproject(
        flags.reshape(grid.shape),
        out,
        src_transform=Affine(*grid.transform),
        src_crs=f"EPSG:{grid.epsg}",
        dst_transform=frame.transform,
        dst_crs="EPSG:3857",
        resampling=Resampling.nearest,
    )
    rows, cols = np.indices(out.shape)
    striped = np.where((rows + cols) % 6 < 2, 1, 2).astype(np.uint8)
    return _palette_png(out * striped, list(NEWLY))


def _palette_png(index: NDArray[np.uint8], colours: list[str]) -> bytes:
    """Value 0 is transparent, k is ``colours[k - 1]``."""
    image = Image.fromarray(index, mode="P")
    rgb = [int(colour[i : i + 2], 16) for colour in colours for i in (1, 3, 5)]
    image.putpalette([255, 255, 255, *rgb])
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True, transparency=0)
    return out.getvalue()


def still_picture(run: RunResult, fiscal_year: int, lang: str) -> bytes:
    """The year's map as a picture that can stand alone; drawn once for a run, year and language."""
    fy = run.check_fy(fiscal_year)

    def draw() -> bytes:
        data = _map(run, lang)
        # One picture at a time: each takes seconds and a hundred megabytes, and anybody may ask for all of them at once.
        with _drawing:
            return still_sheet(run, data, frame_of(run), fy, lang=lang)

    return kept_on_disk(run, f"still-{fy}-{lang}.png", draw)


def challenge(found: OpenChallenge, run: RunResult, lang: str) -> dict[str, Any]:
    """An open challenge as the map shows it: nothing of who filed it."""
    names = {o["id"]: str(o[f"name_{lang}"]) for o in run.meta["operators"]}
    return {
        "id": found.challenge_id,
        "lat": round(found.lat, 6),
        "lon": round(found.lon, 6),
        "municipality": found.municipality_name,
        "district": found.district_name or "",
        "operator": names.get(found.operator or "", found.operator or ""),
        "observed_on": found.observed_on.isoformat(),
        "note": found.note,
    }


def compact(value: Any) -> bytes:
    """JSON without blanks; NaN is refused."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def finite(value: Any) -> Any:
    """``value`` with every number that is none (NaN, infinity) as None, for JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return value
