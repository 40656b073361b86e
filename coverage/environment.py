"""Start-up check: this package and coverage.py share an import name and must not share an environment."""

from __future__ import annotations

from importlib import metadata

from coverage.errors import EnvironmentProblemError


def refuse_coverage_py() -> None:
    """Raise :class:`EnvironmentProblemError` when the distribution "coverage" (coverage.py) is installed here.

    Whichever of the two was installed last has overwritten files of the other, so nothing that runs afterwards can
    be trusted. Measuring test coverage is done with slipcover instead.
    """
    try:
        version = metadata.version("coverage")
    except metadata.PackageNotFoundError:
        return
    raise EnvironmentProblemError(
        "coverage-py-installed",
        f"この環境には coverage.py {version} が入っており、本製品と同じ名前 coverage を使うため共存できません。"
        "専用の仮想環境を作って入れ直してください。",
        f"coverage.py {version} is installed in this environment and uses the same import name as this product; "
        "install the product into a virtual environment of its own.",
    )
