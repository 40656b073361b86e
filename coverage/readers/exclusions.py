"""Ground where no mast may be built: polygons of nature-park zones, landslide areas and the like, for plans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from coverage.domain.places import ExclusionArea
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError
from coverage.readers.layer_files import Options, files_of, unknown_format
from coverage.readers.text import plain
from coverage.readers.vector import read_features

FORMATS = ("polygons",)
_POLYGONS = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class ExclusionReading:
    """The areas, the files, and what was repaired."""

    areas: tuple[ExclusionArea, ...]
    files: tuple[Path, ...]
    notes: tuple[tuple[str, str], ...]


def read_exclusions(layer: LayerConfig, root: Path) -> ExclusionReading:
    """One area a polygon of GeoJSON, GeoPackage, Shapefile, KML or KMZ files, in file order, in longitude, latitude.

    Options: ``name``, the attribute that names an area; ``where``, a table of attribute to value (only features with
    all of these values are taken, such as the zone 特別保護地区 of a park layer); ``layer`` (of a GeoPackage),
    ``member`` (of a zip), ``encoding``. Raises FileFormatError "exclusion-not-polygon", "exclusion-empty" (a layer
    without a single matching area bars nothing, which nobody means), "column-missing", and what the formats raise.
    """
    if layer.format not in FORMATS:
        raise unknown_format("exclusions", layer, FORMATS)
    options = Options("exclusions", layer)
    where, name_column = options.table("where"), options.text("name")
    vector = {key: options.text(key) for key in ("layer", "member", "encoding")}
    options.finish()
    areas: list[ExclusionArea] = []
    repaired = 0
    for path in (root / p for p in layer.paths):
        table = read_features(path, **vector)
        table.require(*where, *([name_column] if name_column else []))
        for feature in table.features:
            if any(plain(feature.text(key)) != plain(value) for key, value in where.items()):
                continue
            if feature.geometry is None:
                continue  # a folder's description in KML has none
            if feature.geometry.geom_type not in _POLYGONS:
                raise FileFormatError(
                    "exclusion-not-polygon",
                    f"立地できない区域「{table.name}」の {feature.number} 番目の地物は面ではありません（{feature.geometry.geom_type}）。"
                    "面だけのファイルにしてください。",
                    f"Feature {feature.number} of the exclusion file '{table.name}' is a {feature.geometry.geom_type}, "
                    "not a polygon; use a file of polygons only.",
                )
            repaired += not feature.geometry.is_valid
            name = plain(feature.text(name_column)) if name_column else ""
            areas.append(ExclusionArea(name, _sound(feature.geometry)))
    if not areas:
        raise FileFormatError(
            "exclusion-empty",
            f"立地できない区域「{'、'.join(layer.paths)}」に条件に合う面がありません。ファイルと options の where を確かめてください。",
            f"The exclusion file '{', '.join(layer.paths)}' has no matching polygon; check it and the option 'where'.",
        )
    notes: tuple[tuple[str, str], ...] = ()
    if repaired:
        notes = (
            (
                f"自己交差のある立地できない区域 {repaired} 件を補正した。",
                f"Exclusion areas that crossed themselves, repaired: {repaired}.",
            ),
        )
    return ExclusionReading(tuple(areas), tuple(files_of(layer, root)), notes)


def _sound(geometry: BaseGeometry) -> BaseGeometry:
    """The geometry made valid; lines and points that fall off in the repair are dropped."""
    if geometry.is_valid:
        return geometry
    parts = shapely.get_parts(shapely.make_valid(geometry))
    return shapely.union_all([part for part in parts if part.geom_type in _POLYGONS])
