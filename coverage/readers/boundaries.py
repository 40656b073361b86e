"""Municipal boundaries: KSJ N03 in every form it comes in, dissolved to one geometry per five-digit code.

One municipality is many features in the original (one per polygon). Features without a code (所属未定地, lakes) are no
municipality and are left out, and counted. Attribute names by vintage: N03_003 is the county, and before 2024 also
the designated city; N03_004 the municipality, before 2024 also the ward; N03_005 the ward from 2024 on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from coverage.domain.municipality_code import is_prefecture, is_valid
from coverage.domain.places import Municipality
from coverage.domain.projection import geometry_to_plane
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError, InputError, RegionError
from coverage.readers.archives import is_zip, open_archive
from coverage.readers.features import Feature, FeatureTable
from coverage.readers.jpgis import parse_n03_gml
from coverage.readers.layer_files import Options, unknown_format
from coverage.readers.text import plain, read_bytes
from coverage.readers.vector import read_features

FORMATS = ("n03",)

_COUNTY = re.compile(r"^(.+?郡)(.+[町村])$")
_FILE_CODE = re.compile(r"^([0-9]{5})$")


@dataclass(frozen=True)
class BoundaryReading:
    """The municipalities in the order of their codes, the files read, and what was left out or repaired."""

    municipalities: tuple[Municipality, ...]
    files: tuple[Path, ...]
    without_code: int
    """Features dropped because they carry no code."""
    repaired: tuple[str, ...]
    """Codes of municipalities with an outline that crossed itself and was made valid."""

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """One (Japanese, English) sentence for each thing that was not taken as it was."""
        notes = []
        if self.without_code:
            notes.append(
                (
                    f"市区町村コードのない地物 {self.without_code} 件（所属未定地・湖など）は除いた。",
                    f"Features without a municipality code (undetermined land, lakes), left out: {self.without_code}.",
                )
            )
        if self.repaired:
            notes.append(
                (
                    f"自己交差のある境界を補正した: {'、'.join(self.repaired)}。",
                    f"Outlines that crossed themselves were repaired: {', '.join(self.repaired)}.",
                )
            )
        return tuple(notes)


@dataclass
class _Part:
    """What one source says of one municipality."""

    name: str
    county: str
    polygons: list[BaseGeometry] = field(default_factory=list)


def read_boundaries(
    layer: LayerConfig, root: Path, *, prefecture_code: str | None = None, prefecture_name: str = ""
) -> BoundaryReading:
    """Municipalities of a boundary layer (format "n03").

    Paths may be GeoJSON, Shapefile (also zipped), GML, TopoJSON, GeoPackage, or a folder of one GeoJSON per
    municipality whose file name is the code. Of several paths each must bring other municipalities, unless the option
    ``later_overrides`` is true: then a later one replaces what an earlier one says (a simplified file first, then the
    folder with full outlines). Options: ``code_field`` (default N03_007), ``name_field`` (default: the N03 names),
    ``layer``, ``member``, ``encoding``, ``later_overrides``.

    ``prefecture_code`` keeps the codes that begin so. Raises FileFormatError ("boundary-without-codes",
    "boundary-code-wrong", "boundary-not-polygon", "boundary-twice", "boundary-empty", and what the formats raise) and
    RegionError for options.
    """
    if layer.format not in FORMATS:
        raise unknown_format("boundaries", layer, FORMATS)
    options = Options("boundaries", layer)
    later_overrides = options.flag("later_overrides")
    code_field = options.text("code_field", "N03_007") or "N03_007"
    name_field = options.text("name_field")
    vector = {key: options.text(key) for key in ("layer", "member", "encoding")}
    options.finish()

    merged: dict[str, _Part] = {}
    files: list[Path] = []
    without_code = 0
    for path in (root / p for p in layer.paths):
        if path.is_dir():
            here = _folder(path, prefecture_name)
            files += [path / f"{code}.geojson" for code in sorted(here)]
        else:
            table = _table(path, **vector)
            here, dropped = _by_code(table, code_field, name_field)
            without_code += dropped
            files.append(path)
        twice = sorted(set(here) & set(merged))
        if twice and not later_overrides:
            raise FileFormatError(
                "boundary-twice",
                f"境界「{path.name}」の {'、'.join(twice[:5])} は別のファイルにもあります。片方を外すか、"
                "options の later_overrides を true にしてください。",
                f"The boundaries {', '.join(twice[:5])} of '{path.name}' are in another file too; remove one of them "
                "or set the option 'later_overrides' to true.",
            )
        for code in twice:
            # The name of the fuller source stays: a folder of outlines knows the county by its spelling only.
            here[code].name, here[code].county = merged[code].name, merged[code].county
        merged.update(here)
    kept = {c: p for c, p in merged.items() if prefecture_code is None or c.startswith(prefecture_code)}
    if not kept:
        raise FileFormatError(
            "boundary-empty",
            f"境界「{'、'.join(layer.paths)}」に都道府県コード {prefecture_code or ''} の市区町村がありません。"
            "ファイルと region.prefecture_code を確かめてください。",
            f"'{', '.join(layer.paths)}' has no municipality of prefecture {prefecture_code or ''}; check the file and "
            "region.prefecture_code.",
        )
    repaired: list[str] = []
    municipalities = tuple(_municipality(code, kept[code], repaired) for code in sorted(kept))
    return BoundaryReading(municipalities, tuple(files), without_code, tuple(repaired))


def area_km2(municipality: Municipality, epsg: int) -> float:
    """Area of the boundary in the plane rectangular zone ``epsg``, km²."""
    return float(geometry_to_plane(municipality.geometry, epsg).area) / 1e6


def bounds_of(municipalities: Sequence[Municipality]) -> tuple[float, float, float, float]:
    """(west, south, east, north) in degrees around all municipalities. RegionError "region-without-boundaries"."""
    if not municipalities:
        raise RegionError(
            "region-without-boundaries",
            "市区町村の境界がないため、範囲を決められません。layers.boundaries を確かめてください。",
            "There are no municipal boundaries to take the extent from; check layers.boundaries.",
        )
    west, south, east, north = shapely.total_bounds([m.geometry for m in municipalities])
    return float(west), float(south), float(east), float(north)


class Locator:
    """Municipality of a position, by the boundaries. Prepared once, asked many times."""

    def __init__(self, municipalities: Sequence[Municipality]) -> None:
        self._codes = [m.code for m in municipalities]
        self._tree = shapely.STRtree([m.geometry for m in municipalities])

    def __call__(self, lat: float, lon: float) -> str:
        """The code of the municipality that holds the point. Raises InputError "position-outside-region"."""
        code = self.nearest(lat, lon, within_deg=0.0)
        if code is None:
            raise InputError(
                "position-outside-region",
                f"位置 {lat:.5f}, {lon:.5f} はどの市区町村の境界にも入りません。位置を確かめるか市区町村コードを書いてください。",
                f"The position {lat:.5f}, {lon:.5f} lies in no municipality; check it or state the municipality code.",
            )
        return code

    def nearest(self, lat: float, lon: float, *, within_deg: float) -> str | None:
        """As a call, but also for points up to ``within_deg`` degrees away: quays and the blunt coast of a
        simplified outline. None where there is no municipality so near; ties go to the smaller code."""
        point = shapely.Point(lon, lat)
        hits = self._tree.query(point, predicate="intersects")
        if not len(hits) and within_deg > 0:
            hits = self._tree.query_nearest(point, max_distance=within_deg)
        return min((self._codes[int(i)] for i in hits), default=None)


def outline_of(municipalities: Iterable[Municipality]) -> BaseGeometry:
    """The land of all municipalities as one geometry, longitude, latitude."""
    union: BaseGeometry = shapely.union_all([m.geometry for m in municipalities])
    return union


def _table(path: Path, *, layer: str | None, member: str | None, encoding: str | None) -> FeatureTable:
    if path.suffix.lower() in (".xml", ".gml"):
        return parse_n03_gml(read_bytes(path), name=path.name)
    if is_zip(path) and path.suffix.lower() == ".zip":
        with open_archive(path) as archive:
            # KSJ zips also hold KS-META-….xml, the metadata.
            gml = [n for n in archive.with_suffix(".xml", ".gml") if "KS-META" not in n]
            chosen = [n for n in gml if member is not None and n.endswith(member)]
            if member is None and not archive.with_suffix(".geojson", ".json", ".shp"):
                chosen = gml
            if len(chosen) == 1:
                return parse_n03_gml(archive.read(chosen[0]), name=path.name)
    return read_features(path, layer=layer, member=member, encoding=encoding)


def _by_code(table: FeatureTable, code_field: str, name_field: str | None) -> tuple[dict[str, _Part], int]:
    if not table.features or code_field not in table.columns:
        raise FileFormatError(
            "boundary-without-codes",
            f"境界「{table.name}」に市区町村コードの属性「{code_field}」がありません（ある属性: "
            f"{'、'.join(table.columns) or 'なし'}）。N03 のファイルを使うか、options の code_field で列名を示してください。",
            f"The boundary file '{table.name}' has no municipality codes in '{code_field}' (it has: "
            f"{', '.join(table.columns) or 'none'}); use an N03 file or name the attribute with the option 'code_field'.",
        )
    parts: dict[str, _Part] = {}
    without_code = 0
    for feature in table.features:
        code = plain(feature.text(code_field))
        if not code or is_prefecture(code):
            without_code += 1
            continue
        if not is_valid(code):
            raise FileFormatError(
                "boundary-code-wrong",
                f"境界「{table.name}」の {feature.number} 番目の地物のコード「{code}」は5桁の市区町村コードではありません。",
                f"Feature {feature.number} of '{table.name}' has the code '{code}', which is not a five-digit "
                "municipality code; correct it.",
            )
        part = parts.get(code)
        if part is None:
            name, county = _names(feature, name_field)
            part = parts[code] = _Part(name or code, county)
        part.polygons.append(_polygonal(feature, table.name))
    if not parts:
        raise FileFormatError(
            "boundary-without-codes",
            f"境界「{table.name}」の地物に市区町村コード（{code_field}）の入ったものが一つもありません。"
            "N03 のファイルを使ってください。",
            f"Not one feature of '{table.name}' has a municipality code in '{code_field}'; use an N03 file.",
        )
    return parts, without_code


def _names(feature: Feature, name_field: str | None) -> tuple[str, str]:
    if name_field is not None:
        return _split_county(feature.text(name_field))
    county = feature.text("N03_003")
    city, ward = feature.text("N03_004"), feature.text("N03_005")
    if county.endswith("市") and city == county:  # 2024 and later repeat the designated city
        county = ""
    return f"{city}{ward}" if ward != city else city, county


def _split_county(full: str) -> tuple[str, str]:
    match = _COUNTY.match(full)
    return (match[2], match[1]) if match else (full, "")


def _folder(folder: Path, prefecture_name: str) -> dict[str, _Part]:
    parts: dict[str, _Part] = {}
    for path in sorted(folder.glob("*.geojson")):
        match = _FILE_CODE.match(path.stem)
        if match is None or not is_valid(match[1]):
            raise FileFormatError(
                "boundary-code-wrong",
                f"境界フォルダ「{folder.name}」の「{path.name}」は、名前が5桁の市区町村コードではありません。",
                f"'{path.name}' in the boundary folder '{folder.name}' is not named by a five-digit municipality "
                "code; rename or remove it.",
            )
        table = read_features(path)
        if not table.features:
            raise _not_polygon(path.name, 0)
        full = table.features[0].text("name").removeprefix(prefecture_name)
        name, county = _split_county(full or match[1])
        parts[match[1]] = _Part(name, county, [_polygonal(f, path.name) for f in table.features])
    if not parts:
        raise FileFormatError(
            "boundary-empty",
            f"境界フォルダ「{folder.name}」に「市区町村コード.geojson」がありません。",
            f"The boundary folder '{folder.name}' holds no <code>.geojson; put the files there.",
        )
    return parts


def _polygonal(feature: Feature, name: str) -> BaseGeometry:
    geometry = feature.geometry
    if geometry is None or geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise _not_polygon(name, feature.number)
    return geometry


def _not_polygon(name: str, number: int) -> FileFormatError:
    return FileFormatError(
        "boundary-not-polygon",
        f"境界「{name}」の {number} 番目の地物は面ではありません。行政区域の面データを置いてください。",
        f"Feature {number} of the boundary file '{name}' is not a polygon; use area boundaries.",
    )


def _municipality(code: str, part: _Part, repaired: list[str]) -> Municipality:
    polygons = np.array(part.polygons, dtype=object)
    broken = ~shapely.is_valid(polygons)
    if broken.any():
        repaired.append(code)
        # make_valid may leave lines and points where an outline touched itself; only areas are kept.
        polygons[broken] = [_areas(shapely.make_valid(g)) for g in polygons[broken]]
    return Municipality(code, part.name, part.county, _areas(shapely.union_all(polygons)))


def _areas(geometry: BaseGeometry) -> BaseGeometry:
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    pieces = [g for g in shapely.get_parts(geometry) if g.geom_type in ("Polygon", "MultiPolygon")]
    union: BaseGeometry = shapely.union_all(pieces)
    return union
