"""A place as a GeoPackage for QGIS: a layer a kind, the figures of every year as a table, licence and credits inside.

Layers are always there, empty ones too, so that a QGIS project keeps working when the last no-signal area is closed.
The file carries no clock: its dates are the end of the fiscal year (OGC 12-128r19, GeoPackage 1.3).
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from shapely.geometry import shape

from coverage.report.fields import Field, fields
from coverage.report.place import PLANNED, Place
from coverage.runs.reception import notice_of

if TYPE_CHECKING:
    import pandas as pd

_LAYERS: Final = {
    "municipality": ("municipalities", "MultiPolygon"),
    "no_signal_area": ("no_signal_areas", "MultiPolygon"),
    "district": ("districts", "Unknown"),
    "site": ("sites", "Point"),
    PLANNED: ("planned_sites", "Point"),
}
"""Layer and geometry type by kind. Districts come as points and as outlines."""
FIGURES: Final = "figures_by_year"
_ONE_AT_A_TIME: Final = Lock()
"""GDAL's date is an option of the whole process."""


def place_gpkg(place: Place) -> bytes:
    """The GeoPackage's bytes, the same for the same run on one platform."""
    import pyogrio

    year, month, day = place.dated
    clock = f"{year:04d}-{month:02d}-{day:02d}T00:00:00.000Z"
    with tempfile.TemporaryDirectory(prefix="coverage-gap-gpkg-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "place.gpkg"
        with _ONE_AT_A_TIME:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": clock})
            try:
                for kind, (layer, geometry_type) in _LAYERS.items():
                    if kind != PLANNED or place.plans_of:
                        _write_layer(path, place, kind, layer, geometry_type)
                columns = fields().kinds["municipality"].fields
                pyogrio.write_dataframe(
                    _typed(place.all_figures, columns), path, layer=FIGURES, driver="GPKG"
                )
            finally:
                pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        _describe(path, place, clock)
        return path.read_bytes()


def _write_layer(path: Path, place: Place, kind: str, layer: str, geometry_type: str) -> None:
    import geopandas as gpd
    import pyogrio

    columns = fields().kinds[kind].fields
    found = place.features(kind)
    rows = [
        {
            name: ";".join(value) if isinstance(value, list) else value
            for name, value in ((n, item["properties"].get(n)) for n in columns)
        }
        for item in found
    ]
    shapes = [None if item["geometry"] is None else shape(item["geometry"]) for item in found]
    frame = gpd.GeoDataFrame(_typed(rows, columns), geometry=gpd.GeoSeries(shapes, crs="EPSG:4326"))
    pyogrio.write_dataframe(
        frame,
        path,
        layer=layer,
        driver="GPKG",
        geometry_type=geometry_type,
        promote_to_multi=geometry_type.startswith("Multi"),
    )


def _typed(rows: list[dict[str, Any]], columns: Mapping[str, Field]) -> pd.DataFrame:
    """Columns with the types of their definition, so that an empty layer has them too."""
    import pandas as pd

    types = {"integer": "Int64", "number": "Float64", "boolean": "boolean"}
    return pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in rows], dtype=types.get(field.type, "object"))
            for name, field in columns.items()
        }
    )


def _describe(path: Path, place: Place, clock: str) -> None:
    """Licence and credits as metadata of the file (GeoPackage extension ``gpkg_metadata``) and beside every layer."""
    meta = place.run.meta
    credits_text = "；".join(dict.fromkeys(f"{c['credit']}（{c['licence']}）" for c in place.credits))
    said = " ".join([f"{place.name()} run {place.run.run_id}", *place.notices("ja"), credits_text])
    record = json.dumps(
        {
            "run_id": place.run.run_id,
            "region": meta["region"]["name_ja"],
            "fiscal_year": place.fiscal_year,
            "notice": {lang: notice_of(meta, lang) for lang in ("ja", "en")},
            "computable": meta["computable"]["any"],
            "sources": place.credits,
        },
        ensure_ascii=False,
        sort_keys=True,
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE gpkg_contents SET description = ?, last_change = ?", (said, clock))
        connection.executescript(_METADATA_TABLES)
        connection.execute(
            "INSERT INTO gpkg_metadata VALUES (1, 'dataset', 'https://www.geopackage.org/', 'application/json', ?)",
            (record,),
        )
        connection.execute(
            "INSERT INTO gpkg_metadata_reference VALUES ('geopackage', NULL, NULL, NULL, ?, 1, NULL)",
            (clock,),
        )
        connection.commit()
        connection.execute("VACUUM")


_METADATA_TABLES: Final = """
CREATE TABLE gpkg_metadata (
  id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
  md_scope TEXT NOT NULL DEFAULT 'dataset',
  md_standard_uri TEXT NOT NULL,
  mime_type TEXT NOT NULL DEFAULT 'text/xml',
  metadata TEXT NOT NULL DEFAULT ''
);
CREATE TABLE gpkg_metadata_reference (
  reference_scope TEXT NOT NULL,
  table_name TEXT,
  column_name TEXT,
  row_id_value INTEGER,
  timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  md_file_id INTEGER NOT NULL,
  md_parent_id INTEGER,
  CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id)
);
CREATE TABLE IF NOT EXISTS gpkg_extensions (
  table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name)
);
INSERT INTO gpkg_extensions VALUES
  ('gpkg_metadata', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec/#extension_metadata', 'read-write'),
  ('gpkg_metadata_reference', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec/#extension_metadata', 'read-write');
"""
