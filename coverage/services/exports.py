"""Writing results of a run to a file that somebody named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from coverage.domain import fiscal
from coverage.errors import ConflictError, InputError, StorageError
from coverage.runs.result import RunResult
from coverage.services.compute import chosen_run
from coverage.services.context import AppContext


def export_file(
    context: AppContext,
    what: str,
    to: Path,
    *,
    fiscal_year: str | None = None,
    run_id: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Copy one result to ``to``; the file's ending chooses the format. Whole or not at all.

    ``what``: "region", "municipalities" or a five-digit code (.geojson), "municipalities", "operators", "districts",
    "indicators" (.csv), "count", "indicators" (.json), anything (.gpkg: the whole run). Raises InputError for a
    combination that does not exist, ConflictError where the file exists and ``overwrite`` is false.
    """
    run = chosen_run(context, run_id)
    fy = None if fiscal_year is None else fiscal.parse_fiscal_year(fiscal_year)
    source = _source(run, what, to.suffix.lower(), fy)
    if to.exists() and not overwrite:
        raise ConflictError(
            "export-exists",
            f"{to} はすでにあります。別の名前にするか --force を付けてください。",
            f"{to} exists already; choose another name or add --force.",
        )
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, part)
        os.replace(part, to)
    except OSError as error:
        raise StorageError(
            "export-not-written",
            f"{to} に書けません（{error.strerror or error}）。フォルダーと空き容量を確かめてください。",
            f"{to} cannot be written ({error.strerror or error}); check the folder and free space.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return to


def _source(run: RunResult, what: str, suffix: str, fy: int | None) -> Path:
    tables = run.folder / "tables"
    if suffix == ".gpkg":
        return run.folder / "result.gpkg"
    if suffix in {".geojson", ".json"} and (what in {"region", "municipalities"} or what.isdigit()):
        return run.geojson_path(what, fy)
    if suffix == ".csv" and what in {"municipalities", "operators", "districts", "indicators"}:
        return tables / f"{what}.csv"
    if suffix == ".json" and what in {"count", "indicators"}:
        return tables / f"{what}.json"
    raise InputError(
        "export-unknown",
        f"「{what}」を {suffix or '（拡張子なし）'} では書き出せません。region・municipalities・市町コードは .geojson、"
        "municipalities・operators・districts・indicators は .csv、count・indicators は .json、全体は .gpkg です。",
        f"'{what}' cannot be exported as {suffix or '(no ending)'}: use .geojson for region, municipalities or a code, "
        ".csv for municipalities, operators, districts or indicators, .json for count or indicators, .gpkg for all.",
    )
