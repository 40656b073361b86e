"""Any vector file → features in longitude, latitude, by extension *and* content.

.geojson/.json, .topojson, .shp (with its parts beside it), .gpkg, .kml, .kmz, and .zip with one GeoJSON or Shapefile
in it. No GDAL: nothing here opens a second file that the first one names.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from coverage.errors import FileFormatError
from coverage.readers.archives import Archive, is_zip, open_archive
from coverage.readers.features import FeatureTable
from coverage.readers.geojson import parse_geojson, parse_topojson
from coverage.readers.geopackage import read_geopackage
from coverage.readers.kml import read_kml
from coverage.readers.shapefile import parse_shapefile
from coverage.readers.text import read_bytes

SUFFIXES = (".geojson", ".json", ".topojson", ".shp", ".gpkg", ".kml", ".kmz", ".zip")

_PARTS = (".shp", ".dbf", ".prj", ".cpg")


def read_features(
    path: Path, *, layer: str | None = None, member: str | None = None, encoding: str | None = None
) -> FeatureTable:
    """All features of a file, or FileFormatError; never some of them.

    ``layer`` chooses a GeoPackage table or TopoJSON object, ``member`` a file in a zip, ``encoding`` overrules the
    .cpg of a Shapefile. Raises "vector-type" for an extension that is not read, "member-choose" for a zip with
    several candidates, and what the format's own reader raises.
    """
    suffix = path.suffix.lower()
    if suffix in (".geojson", ".json"):
        return parse_geojson(read_bytes(path), name=path.name)
    if suffix == ".topojson":
        return parse_topojson(read_bytes(path), name=path.name, layer=layer)
    if suffix == ".gpkg":
        return read_geopackage(path, layer=layer)
    if suffix in (".kml", ".kmz"):
        return read_kml(path)
    if suffix == ".shp":
        return parse_shapefile(_beside(path), name=path.name, encoding=encoding)
    if suffix == ".zip" or is_zip(path):
        with open_archive(path) as archive:
            return _from_archive(archive, member, encoding)
    raise FileFormatError(
        "vector-type",
        f"「{path.name}」の種類は読めません。{'・'.join(SUFFIXES)} のいずれかを置いてください。",
        f"'{path.name}' is of a kind that is not read; use one of {', '.join(SUFFIXES)}.",
    )


def _beside(shp: Path) -> dict[str, bytes]:
    parts = {".shp": read_bytes(shp)}
    for suffix in _PARTS[1:]:
        for candidate in (shp.with_suffix(suffix), shp.with_suffix(suffix.upper())):
            if candidate.is_file():
                parts[suffix] = read_bytes(candidate)
                break
    return parts


def _from_archive(archive: Archive, member: str | None, encoding: str | None) -> FeatureTable:
    chosen = _member(archive, member)
    label = f"{archive.name}/{PurePosixPath(chosen).name}"
    if chosen.lower().endswith((".geojson", ".json")):
        return parse_geojson(archive.read(chosen), name=label)
    stem = chosen[: -len(".shp")].lower()
    parts = {
        PurePosixPath(name).suffix.lower(): archive.read(name)
        for name in archive.with_suffix(*_PARTS)
        if name[:-4].lower() == stem
    }
    return parse_shapefile(parts, name=label, encoding=encoding)


def _member(archive: Archive, member: str | None) -> str:
    """One GeoJSON, else one Shapefile; of the two encodings that KSJ puts side by side, the UTF-8 one."""
    candidates = archive.with_suffix(".geojson", ".json", ".shp")
    if member is not None:
        matching = [c for c in candidates if c == member or PurePosixPath(c).name == member]
    else:
        matching = [c for c in candidates if c.lower().endswith((".geojson", ".json"))]
        matching = matching or list(candidates)
        in_utf8 = [c for c in matching if "utf-8" in c.lower() or "utf8" in c.lower()]
        if len(matching) > 1 and len({PurePosixPath(c).name for c in matching}) == 1:
            matching = in_utf8
    if len(matching) == 1:
        return matching[0]
    there = "、".join(candidates) or "なし"
    raise FileFormatError(
        "member-choose",
        f"「{archive.name}」の中の GeoJSON・Shapefile（{there}）から一つに決められません。"
        "options の member に中のファイル名を書いてください。",
        f"'{archive.name}' holds {', '.join(candidates) or 'no GeoJSON or Shapefile'}; name one member with the "
        "option 'member'.",
    )
