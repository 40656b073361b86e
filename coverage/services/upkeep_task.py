"""The process of a background verification or backup: does what its folder's request says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def work(folder: Path, progress: Callable[[float, str], None]) -> Mapping[str, Any]:
    """Returns what :func:`coverage.services.upkeep.perform` says."""
    from coverage.services import jobs, upkeep
    from coverage.services.context import AppContext

    request = jobs.request_of(folder)
    # The store's address comes by the environment: it may hold a password.
    context = AppContext.from_settings(
        region=Path(request["region_folder"]), runs=Path(request["runs_folder"])
    )
    progress(0.0, "台帳を読む / reading the ledger")
    return upkeep.perform(context, request["work"], principal=upkeep.principal_of(folder))


if __name__ == "__main__":
    from coverage.services.jobs import run_attached

    run_attached(work)
