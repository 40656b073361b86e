"""The sample region 見本県: a fictional prefecture made by a seeded generator. Nothing in it is a real place."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SEED", "generate_sample"]

SEED = 20161
"""The seed of the sample that ships under data/."""


def generate_sample(folder: Path, *, seed: int = SEED) -> None:
    """Write the sample region 見本県 into ``folder``, which is made if need be; files of the same names are replaced.

    The same seed gives the same bytes with the same versions of the libraries (``made-with.toml`` names both). Another
    seed gives another landscape with the same story. Takes about 20 s. Raises InputError "sample-folder-taken" for a folder that holds
    another region, "sample-seed-without-room" for a seed whose landscape has no room for the story.
    """
    # Late: rasterio, scipy and shapely take a second to load, and help pages must not wait for them.
    from coverage.sample.generate import write_sample

    write_sample(folder, seed=seed)
