"""An operator's own coverage polygons: what it publishes instead of, or beside, a list of sites."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from coverage.domain.places import PublishedCoverage
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError
from coverage.readers.layer_files import Options, files_of, unknown_format
from coverage.readers.text import plain
from coverage.readers.vector import read_features

FORMATS = ("polygons",)


@dataclass(frozen=True)
class PublishedReading:
    """The union of an operator's polygons, the files, and what was repaired."""

    coverage: PublishedCoverage
    files: tuple[Path, ...]
    notes: tuple[tuple[str, str], ...]


def read_published_coverage(layer: LayerConfig, root: Path, *, operator: str) -> PublishedReading:
    """Polygons of GeoJSON, GeoPackage, Shapefile, KML or KMZ files, joined to one geometry in longitude, latitude.

    Options: ``layer`` (of a GeoPackage), ``member`` (of a zip), ``encoding``, and ``where``, a table of attribute to
    value: only features with all of these values are taken (for example technology = "LTE"). Raises FileFormatError
    "coverage-not-polygon", "coverage-empty", "column-missing", and what the formats raise.
    """
    name = f"published_coverage:{operator}"
    if layer.format not in FORMATS:
        raise unknown_format(name, layer, FORMATS)
    options = Options(name, layer)
    where = options.table("where")
    vector = {key: options.text(key) for key in ("layer", "member", "encoding")}
    options.finish()
    polygons: list[BaseGeometry] = []
    for path in (root / p for p in layer.paths):
        table = read_features(path, **vector)
        table.require(*where)
        for feature in table.features:
            if any(plain(feature.text(key)) != plain(value) for key, value in where.items()):
                continue
            if feature.geometry is None:
                continue  # a folder's description in KML has none
            if feature.geometry.geom_type not in ("Polygon", "MultiPolygon"):
                raise FileFormatError(
                    "coverage-not-polygon",
                    f"エリア図「{table.name}」の {feature.number} 番目の地物は面ではありません（{feature.geometry.geom_type}）。"
                    "面だけのファイルにしてください。",
                    f"Feature {feature.number} of the coverage file '{table.name}' is a {feature.geometry.geom_type}, "
                    "not a polygon; use a file of polygons only.",
                )
            polygons.append(feature.geometry)
    if not polygons:
        raise FileFormatError(
            "coverage-empty",
            f"エリア図「{'、'.join(layer.paths)}」に条件に合う面がありません。ファイルと options の where を確かめてください。",
            f"The coverage file '{', '.join(layer.paths)}' has no matching polygon; check it and the option 'where'.",
        )
    shapes = np.array(polygons, dtype=object)
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    notes: tuple[tuple[str, str], ...] = ()
    if broken.any():
        count = int(broken.sum())
        notes = (
            (
                f"自己交差のあるエリア図の面 {count} 件を補正した。",
                f"Coverage polygons that crossed themselves, repaired: {count}.",
            ),
        )
    union = shapely.union_all(
        [g for g in shapely.get_parts(shapes) if g.geom_type in ("Polygon", "MultiPolygon")]
    )
    return PublishedReading(
        PublishedCoverage(operator, union, layer.edition), tuple(files_of(layer, root)), notes
    )
