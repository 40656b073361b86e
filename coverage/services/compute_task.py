"""The process of a background run: compute the region that the job's folder names, and publish it where that was asked.

Or, for a run that is public already, only what publishing leaves to do: the files that ``/api/v1`` offers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def work(folder: Path, progress: Callable[[float, str], None]) -> Mapping[str, Any]:
    """Do what the folder's request says; returns ``run_id`` and whether it is published."""
    from coverage.runs.folder import open_run
    from coverage.services import compute, downloads, jobs
    from coverage.services.access import Principal, Role
    from coverage.services.context import AppContext

    request = jobs.request_of(folder)
    layers = request.get("layers_root")
    # The store's address comes by the environment: it may hold a password.
    context = AppContext.from_settings(
        region=Path(request["region_folder"]),
        runs=Path(request["runs_folder"]),
        layers=None if layers is None else Path(layers),
    )
    who = Principal(jobs.owner_of(folder), Role(request["role"]))
    if request.get("run_id"):
        run, public = open_run(context.runs_folder, request["run_id"]), True
    else:
        run = compute.compute_run(
            context, force=bool(request.get("force")), progress=progress, by=who.user_id
        )
        public = bool(request.get("publish"))
        if public:
            compute.publish_run(context, run.run_id, principal=who)
    if public:
        # The first reader of a file does not wait for it to be made.
        downloads.prepare_files(run, progress)
    return {"run_id": run.run_id, "published": public}


if __name__ == "__main__":
    from coverage.services.jobs import run_attached

    run_attached(work)
