"""A region's folder → everything a run needs, or one clear error: nothing is ever half-loaded.

``load_config`` reads ``region.toml`` alone (milliseconds). ``load_region`` reads every layer that it names; ``only``
narrows that to what a command needs, so that counting does not wait for the terrain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from coverage.domain.grid import Grid
from coverage.domain.ledger import Ledger
from coverage.domain.municipality_code import present_code
from coverage.domain.places import ExclusionArea, Municipality, PublishedCoverage, Settlement, Shelter
from coverage.domain.population import PopulationMesh
from coverage.domain.region import LayerConfig, LayerRecord, OperatorConfig, RegionConfig, RegionData
from coverage.domain.terrain import Terrain
from coverage.errors import InputError, RegionError
from coverage.readers.layer_files import find_root, one_file, record, unknown_format
from coverage.readers.region_toml import FILE_NAME, load_config, parse_config
from coverage.readers.text import read_text

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = ["LAYERS", "load_config", "load_region", "parse_config"]

LAYERS: Final = (
    "boundaries",
    "population",
    "terrain",
    "clutter",
    "sites",
    "districts",
    "settlements",
    "shelters",
    "indicators",
    "actuals",
    "published_coverage",
    "antennas",
    "exclusions",
)
"""Names that ``only`` takes, in the order in which they are read and recorded."""

PLAN_LAYERS: Final = frozenset({"exclusions"})
"""Read only where ``only`` names them: no run depends on them."""

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "population": ("boundaries",),
    "terrain": ("boundaries",),
    "clutter": ("terrain",),
    # Codes of sites and districts are checked against the boundaries, so that a count fails where a run would.
    "sites": ("boundaries", "districts"),
    "districts": ("sites",),
    "actuals": ("sites",),
}


def published_layers(operator: str, settings: OperatorConfig) -> dict[str, LayerConfig]:
    """The operator's published areas by the name that each is recorded under; with several, it ends with the edition."""
    layers = settings.published_coverage
    name = f"published_coverage:{operator}"
    return {name if len(layers) == 1 else f"{name}:{layer.edition}": layer for layer in layers}


def load_region(
    folder: Path,
    *,
    layers_root: Path | None = None,
    only: Collection[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> RegionData:
    """The region of ``folder`` with its layers.

    ``layers_root`` is where layer paths are looked up first (default: the folder itself). ``only`` names layers of
    :data:`LAYERS`; what they need is read with them, the rest stays empty (a terrain of one NO DATA pixel, a mesh
    without cells). ``progress`` is called with each layer's name before it is read.

    Raises RegionError for ``region.toml`` and missing layers, FileFormatError and InputError for files that are not
    what they claim; the sentence names layer, file and place.
    """
    config = load_config(folder)
    wanted = _closure(config, set(LAYERS) - PLAN_LAYERS if only is None else set(only))
    loading = _Loading(config, _roots(folder, layers_root), wanted, progress or (lambda _: None))
    return loading.run()


def _roots(folder: Path, layers_root: Path | None) -> list[Path]:
    if layers_root is None:
        return [folder]
    if not layers_root.is_dir():
        raise RegionError(
            "layers-root-missing",
            f"層の置き場「{layers_root}」がありません。--layers-root を確かめてください。",
            f"There is no layers root '{layers_root}'; check --layers-root.",
        )
    return [layers_root, folder]


def _closure(config: RegionConfig, wanted: set[str]) -> set[str]:
    unknown = wanted - set(LAYERS)
    if unknown:
        raise InputError(
            "layer-unknown",
            f"層の名前「{'、'.join(sorted(unknown))}」はありません。{'・'.join(LAYERS)} から選んでください。",
            f"There is no layer {', '.join(sorted(unknown))}; choose from {', '.join(LAYERS)}.",
        )
    closed: set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name not in closed:
            closed.add(name)
            todo += _NEEDS.get(name, ())
    if "population" in closed and config.layers.population.format == "estimate":
        closed.add("settlements")
    return closed


@dataclass
class _Loading:
    """State of one :func:`load_region`; the result is put together only at the end."""

    config: RegionConfig
    roots: list[Path]
    wanted: set[str]
    progress: Callable[[str], None]
    records: list[LayerRecord] = field(default_factory=list)

    def run(self) -> RegionData:
        municipalities = self._boundaries()
        settlements = self._settlements()
        population = self._population(municipalities, settlements)
        terrain = self._terrain(municipalities)
        ledger = self._ledger(municipalities)
        shelters = self._shelters()
        indicators = self._indicators()
        published = self._published()
        antenna_tables = self._antennas()
        exclusions = self._exclusions()
        order = {name: position for position, name in enumerate(LAYERS)}
        return RegionData(
            config=self.config,
            municipalities=municipalities,
            population=population,
            terrain=terrain,
            ledger=ledger,
            settlements=settlements,
            shelters=shelters,
            published_coverage=published,
            layers=tuple(sorted(self.records, key=lambda r: (order[r.layer.split(":")[0]], r.layer))),
            indicators_toml=indicators,
            exclusions=exclusions,
            antenna_tables=antenna_tables,
        )

    def _begin(self, name: str) -> tuple[LayerConfig, Path] | None:
        layer: LayerConfig | None = getattr(self.config.layers, name)
        if layer is None or name not in self.wanted:
            return None
        self.progress(name)
        return layer, find_root(name, layer, self.roots)

    def _boundaries(self) -> tuple[Municipality, ...]:
        begun = self._begin("boundaries")
        if begun is None:
            return ()
        from coverage.readers.boundaries import read_boundaries

        layer, root = begun
        reading = read_boundaries(
            layer, root, prefecture_code=self.config.prefecture_code, prefecture_name=self.config.name_ja
        )
        self.records.append(record("boundaries", layer, root, files=reading.files, notes=reading.notes))
        return reading.municipalities

    def _settlements(self) -> tuple[Settlement, ...]:
        begun = self._begin("settlements")
        if begun is None:
            return ()
        from coverage.readers.places import read_settlements

        layer, root = begun
        reading = read_settlements(layer, root, prefecture_code=self.config.prefecture_code)
        self.records.append(record("settlements", layer, root, notes=reading.notes))
        return tuple(
            replace(s, municipality_code=self._present(s.municipality_code)) for s in reading.settlements
        )

    def _population(
        self, municipalities: tuple[Municipality, ...], settlements: tuple[Settlement, ...]
    ) -> PopulationMesh:
        begun = self._begin("population")
        if begun is None:
            return _no_people()
        from coverage.readers.population import read_population

        layer, root = begun
        reading = read_population(
            layer,
            root,
            municipalities=municipalities,
            settlements=settlements,
            prefecture_code=self.config.prefecture_code,
            mergers=self.config.municipality_mergers,
        )
        self.records.append(
            record(
                "population",
                layer,
                root,
                files=reading.files,
                estimated=reading.mesh.estimated,
                notes=reading.notes,
            )
        )
        return reading.mesh

    def _terrain(self, municipalities: tuple[Municipality, ...]) -> Terrain:
        begun = self._begin("terrain")
        if begun is None:
            return _no_terrain(self.config.plane_epsg)
        from coverage.readers.boundaries import bounds_of, outline_of
        from coverage.readers.terrain import read_clutter, read_terrain, region_grid, with_clutter

        layer, root = begun
        settings = self.config.grid
        grid = region_grid(
            bounds_of(municipalities),
            epsg=self.config.plane_epsg,
            cell_m=settings.cell_m,
            margin_m=settings.margin_m,
        )
        outline: BaseGeometry | None = None
        if str(layer.options.get("sea", "")).endswith("outline"):
            outline = outline_of(municipalities)
        terrain, files = read_terrain(layer, root, grid=grid, sea_outline=outline)
        self.records.append(record("terrain", layer, root, files=files))
        begun = self._begin("clutter")
        if begun is None:
            return terrain
        layer, root = begun
        clutter_m, files = read_clutter(layer, root, terrain=terrain)
        self.records.append(record("clutter", layer, root, files=files))
        return with_clutter(terrain, clutter_m)

    def _ledger(self, municipalities: tuple[Municipality, ...]) -> Ledger:
        begun = self._begin("sites")
        if begun is None:
            return Ledger(municipality_mergers=dict(self.config.municipality_mergers))
        from coverage.readers.ledger_layers import read_ledger_layers

        layer, root = begun
        reading = read_ledger_layers(
            sites=(layer, root),
            districts=self._begin("districts"),
            actuals=self._begin("actuals"),
            config=self.config,
            municipalities=municipalities,
        )
        self.records.extend(reading.records)
        return reading.ledger

    def _shelters(self) -> tuple[Shelter, ...]:
        begun = self._begin("shelters")
        if begun is None:
            return ()
        from coverage.readers.places import read_shelters

        layer, root = begun
        reading = read_shelters(layer, root, prefecture_code=self.config.prefecture_code)
        self.records.append(record("shelters", layer, root, notes=reading.notes))
        return tuple(
            replace(s, municipality_code=self._present(s.municipality_code)) for s in reading.shelters
        )

    def _indicators(self) -> str:
        begun = self._begin("indicators")
        if begun is None:
            return ""
        layer, root = begun
        if layer.format != "indicators-toml":
            raise unknown_format("indicators", layer, ["indicators-toml"])
        path = one_file("indicators", layer, root)
        self.records.append(record("indicators", layer, root, files=[path]))
        return read_text(path)

    def _published(self) -> tuple[PublishedCoverage, ...]:
        if "published_coverage" not in self.wanted:
            return ()
        found = []
        for operator, settings in self.config.operators.items():
            for name, layer in published_layers(operator, settings).items():
                from coverage.readers.published_coverage import read_published_coverage

                self.progress(name)
                root = find_root(name, layer, self.roots)
                reading = read_published_coverage(layer, root, operator=operator)
                self.records.append(record(name, layer, root, files=reading.files, notes=reading.notes))
                found.append(reading.coverage)
        return tuple(found)

    def _antennas(self) -> tuple[tuple[str, Path], ...]:
        if "antennas" not in self.wanted:
            return ()
        found = []
        for antenna, settings in self.config.antennas.items():
            layer = settings.table
            if layer is None:
                continue
            name = f"antennas:{antenna}"
            self.progress(name)
            if layer.format != "pattern-table":
                raise unknown_format(name, layer, ["pattern-table"])
            root = find_root(name, layer, self.roots)
            path = one_file(name, layer, root)
            self.records.append(record(name, layer, root, files=[path]))
            found.append((antenna, path))
        return tuple(found)

    def _exclusions(self) -> tuple[ExclusionArea, ...]:
        begun = self._begin("exclusions")
        if begun is None:
            return ()
        from coverage.readers.exclusions import read_exclusions

        layer, root = begun
        reading = read_exclusions(layer, root)
        self.records.append(record("exclusions", layer, root, files=reading.files, notes=reading.notes))
        return reading.areas

    def _present(self, code: str) -> str:
        return present_code(code, self.config.municipality_mergers)


def _no_people() -> PopulationMesh:
    return PopulationMesh(
        mesh_code=np.zeros(0, dtype=np.int64),
        municipality_code=np.zeros(0, dtype="<U5"),
        population=np.zeros(0),
        households=np.zeros(0),
    )


def _no_terrain(epsg: int) -> Terrain:
    grid = Grid(epsg=epsg, x0_m=0.0, y0_m=0.0, cell_m=1.0, rows=1, cols=1)
    return Terrain(
        grid,
        np.full((1, 1), np.nan, dtype=np.float32),
        np.zeros((1, 1), dtype=np.bool_),
        source=f"not loaded ({FILE_NAME})",
    )
