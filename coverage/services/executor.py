"""Where the heavy work of runs and plans is done: as the settings say (docs/settings.md, docs/scale.md)."""

from __future__ import annotations

from coverage.runs.executors import Executor, executor_named
from coverage.settings import Settings


def executor_in_force(workers: int = 0) -> Executor:
    """The executor that COVERAGE_GAP_EXECUTOR names. ``workers``: processes, 0 = every core, 1 = one after another.

    Raises InputError for a wrong setting, EnvironmentProblemError where Dask is not installed or does not answer.
    """
    settings = Settings.from_environment()
    return executor_named(settings.executor, workers=workers, address=settings.dask_scheduler)
