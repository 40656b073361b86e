"""Where the region, its layers and its runs lie, and how a use case gets at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coverage.domain.region import RegionConfig, RegionData


@dataclass(frozen=True)
class AppContext:
    """One region and its folders. Pages, routes and commands each make one and hand it to the use cases."""

    region_folder: Path
    runs_folder: Path
    layers_root: Path | None = None
    store_url: str | None = None
    """The ledger's store; None = the CSV tables in the region's folder."""

    @classmethod
    def from_settings(
        cls,
        *,
        region: Path | None = None,
        layers: Path | None = None,
        runs: Path | None = None,
        store: str | None = None,
    ) -> AppContext:
        """Settings from the environment (COVERAGE_GAP_*); arguments that are not None win over them."""
        from coverage.settings import Settings

        settings = Settings.from_environment()
        return cls(
            region_folder=region or settings.region_folder,
            runs_folder=runs or settings.runs_folder,
            layers_root=layers or settings.layers_root,
            store_url=store or settings.store_url,
        )

    @cached_property
    def file_config(self) -> RegionConfig:
        """``region.toml`` as it is, validated; RegionError where it is wrong."""
        from coverage.readers.region import load_config

        return load_config(self.region_folder)

    @cached_property
    def config(self) -> RegionConfig:
        """``region.toml`` with the rules of the count that an administrator corrected in the ledger, where there is one.

        RegionError where the file is wrong, InputError "setting-invalid" where a correction is.
        """
        if self.store_url is None:
            return self.file_config
        from coverage.services.rules import counting_in_force

        return self.file_config.model_copy(update={"counting": counting_in_force(self)})

    @cached_property
    def region(self) -> RegionData:
        """The region with every layer loaded (seconds; for commands and workers, not for pages)."""
        from coverage.readers.region import load_region

        return load_region(self.region_folder, layers_root=self.layers_root)
