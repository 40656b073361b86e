"""A request as the words of the command ``coverage-gap plan make``: what a page starts is what a person could type."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from coverage.errors import InputError
from coverage.services.plan_request import PlanRequest


def request_words(request: PlanRequest, folder: Path) -> list[str]:
    """Every option of ``request``; the planner's own places go into ``own.csv`` of ``folder``.

    Each value is joined to its option by "=", so that none can be taken for an option.
    """
    words = [
        f"--objective={request.objective}", f"--baseline={request.baseline}", f"--margin={request.margin_db}",
        f"--candidates={request.max_candidates}", f"--spacing={request.spacing_m}", f"--operators-joining={request.operators_joining}",
        f"--time={request.time_limit_s}", f"--gap={request.gap}", f"--seed={request.seed}",
        f"--alternatives={request.alternatives}", f"--epsilon={request.epsilon}", f"--distance={request.distance}",
        f"--draws={request.draws}", f"--threshold-error={request.threshold_error_db}",
    ]  # fmt: skip
    if request.year_budgets:
        words.append("--years=" + ",".join(f"{fy}={yen}" for fy, yen in request.year_budgets))
    optional = {
        "budget": request.budget_yen, "sites": request.sites, "site-cost": request.site_cost_yen,
        "joint-cost": request.joint_cost_yen, "height": request.height_m, "band": request.band or None,
        "operator": request.operator or None, "pareto": request.pareto or None,
    }  # fmt: skip
    words += [f"--{name}={value}" for name, value in optional.items() if value is not None]
    words += [f"--force={place}" for place in request.forced]
    words += [f"--exclude={place}" for place in request.excluded]
    if request.back_test:
        words.append("--back-test")
    if request.own:
        path = folder / "own.csv"
        write_places(request.own, path)
        words.append(f"--own={path}")
    return words


def write_places(places: tuple[tuple[str, float, float], ...], path: Path) -> None:
    """(name, lat, lon) as the CSV that ``--own`` takes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "lat", "lon"))
        writer.writerows(places)


def is_plain_list(path: Path) -> bool:
    """Whether a file is a list of places of ours (or is meant to be: a CSV that is missing or unreadable), not of sites."""
    if path.suffix.lower() not in ("", ".csv", ".txt"):
        return False
    try:
        first = path.read_text(encoding="utf-8-sig").splitlines()[:1]
    except (OSError, UnicodeDecodeError):
        return not path.is_file()
    head = {cell.strip().lower() for cell in first[0].split(",")} if first else set()
    return not first or {"name", "lat", "lon"} <= head or len(head) == 3


def read_places(path: Path) -> tuple[tuple[str, float, float], ...]:
    """Places of a UTF-8 CSV file with the columns name, lat, lon (degrees). Raises as :func:`places_from_text`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise _unreadable(path.name, 1) from problem
    return places_from_text(text, name=path.name)


def places_from_text(text: str, *, name: str) -> tuple[tuple[str, float, float], ...]:
    """Places of CSV text: a heading name,lat,lon, or rows of these three without a heading.

    ``name`` is what an error calls the list. Raises InputError "plan-own-unreadable" that names the row.
    """
    places: list[tuple[str, float, float]] = []
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(cell.strip() for cell in row)]
    columns = [0, 1, 2]
    if rows and {"name", "lat", "lon"} <= {cell.strip().lower() for cell in rows[0]}:
        head = [cell.strip().lower() for cell in rows.pop(0)]
        columns = [head.index(wanted) for wanted in ("name", "lat", "lon")]
    for number, row in enumerate(rows, 1):
        try:
            place, lat, lon = (row[column].strip() for column in columns)
            at = (float(lat), float(lon))
        except (IndexError, ValueError) as problem:
            raise _unreadable(name, number) from problem
        if not (place and math.isfinite(at[0]) and abs(at[0]) <= 90 and math.isfinite(at[1]) and abs(at[1]) <= 180):
            raise _unreadable(name, number)
        places.append((place, *at))
    return tuple(places)


def _unreadable(name: str, row: int) -> InputError:
    return InputError(
        "plan-own-unreadable",
        f"候補地の一覧「{name}」の {row} 行目を読めません。名前,緯度,経度 の順（見出し name,lat,lon）の UTF-8 の CSV にしてください。",
        f"Row {row} of '{name}' cannot be read; give UTF-8 CSV with name, latitude and longitude (heading name,lat,lon).",
    )
