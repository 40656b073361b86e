"""GSI 基盤地図情報 数値標高モデル (FG-GML, JPGIS): XML, in zip, in zip in zip.

The values of a tile begin at ``gml:startPoint`` and may stop before the last cell; both ends are NO DATA. A cell of
class 海水面 is sea, and only such a cell is. Source: 国土地理院「基盤地図情報ダウンロードデータ ファイル仕様書」.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse, parse
from numpy.typing import NDArray

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.errors import FileFormatError
from coverage.readers.terrain_formats import GEODETIC_CRS, check_heights, damaged, misnamed
from coverage.readers.terrain_mosaic import Frame, Samples, Tile, TileCache, WholeTile

MAX_XML_BYTES = 128 * 2**20
MAX_ARCHIVE_BYTES = 2**30
MAX_MEMBERS = 20_000
MAX_DEPTH = 3

SEA_CLASS = "海水面"
_NOTHING = frozenset({"データなし", "データ無し"})
_WITHOUT_HEIGHT = -9000.0
"""The publisher writes −9999. where a class has no height."""

_SRS = {
    "fguuid:jgd2011.bl": GEODETIC_CRS,
    "fguuid:jgd2000.bl": GEODETIC_CRS,
    "fguuid:jgd2024.bl": GEODETIC_CRS,
}
_JAPANESE = (b"shift_jis", b"shift-jis", b"sjis", b"windows-31j", b"cp932")
_READ_ERRORS = (*ARCHIVE_DAMAGE, ParseError, DefusedXmlException, LookupError)


class JpgisTile(WholeTile):
    """One XML, possibly inside archives: ``chain`` names the members from the outermost inwards."""

    def __init__(self, path: Path, chain: tuple[str, ...], cache: TileCache, archives: ArchiveCache) -> None:
        self._chain = chain
        self._archives = archives
        name = Path(chain[-1] if chain else path.name).name
        with archives.open(path, chain) as stream:
            frame, mesh = _header(name, stream)
        _check_name(name, mesh, frame)
        super().__init__(path, name, frame, cache)

    def decode(self) -> Samples:
        with self._archives.open(self.path, self._chain) as stream:
            return _decode(self.name, stream, self.frame)


class ArchiveCache:
    """Opens members of zips in zips; keeps the last inner archive so that its members are not unpacked again and again."""

    def __init__(self) -> None:
        self._held: tuple[tuple[Path, tuple[str, ...]], bytes] | None = None

    @contextlib.contextmanager
    def open(self, path: Path, chain: tuple[str, ...]) -> Iterator[IO[bytes]]:
        """A member (or, without a chain, the file) as a stream of UTF-8; only what is asked for is unpacked."""
        with contextlib.ExitStack() as stack:
            try:
                if chain:
                    source: Any = io.BytesIO(self._member(path, chain[:-1])) if len(chain) > 1 else path
                    archive = stack.enter_context(zipfile.ZipFile(source))
                    if archive.getinfo(chain[-1]).file_size > MAX_XML_BYTES:
                        raise damaged(path.name, f"{chain[-1]}: larger than {MAX_XML_BYTES:,} bytes")
                    stream = stack.enter_context(archive.open(chain[-1]))
                else:
                    stream = stack.enter_context(path.open("rb"))
                text = _as_utf8(stream)
            except FileFormatError:
                raise
            except _READ_ERRORS as error:
                raise damaged(path.name, str(error)) from error
            yield text

    def _member(self, path: Path, chain: tuple[str, ...]) -> bytes:
        """An inner archive's bytes."""
        if self._held is not None and self._held[0] == (path, chain):
            return self._held[1]
        source: Any = path if len(chain) == 1 else io.BytesIO(self._member(path, chain[:-1]))
        try:
            with zipfile.ZipFile(source) as archive, archive.open(chain[-1]) as stream:
                data = stream.read(MAX_ARCHIVE_BYTES + 1)
        except _READ_ERRORS as error:
            raise damaged(path.name, str(error)) from error
        if len(data) > MAX_ARCHIVE_BYTES:
            raise damaged(path.name, f"{chain[-1]}: larger than {MAX_ARCHIVE_BYTES:,} bytes")
        self._held = ((path, chain), data)
        return data

    def members(self, path: Path) -> Iterator[tuple[str, ...]]:
        """Chains of all elevation XML files in an archive, depth first, in name order."""
        budget = [MAX_MEMBERS]
        yield from self._walk(path, (), budget)

    def _walk(self, path: Path, chain: tuple[str, ...], budget: list[int]) -> Iterator[tuple[str, ...]]:
        if len(chain) >= MAX_DEPTH:
            raise damaged(path.name, f"archives nested deeper than {MAX_DEPTH}")
        source: Any = io.BytesIO(self._member(path, chain)) if chain else path
        try:
            with zipfile.ZipFile(source) as archive:
                names = sorted(archive.namelist())
        except _READ_ERRORS as error:
            raise damaged(path.name, str(error)) from error
        for name in names:
            budget[0] -= 1
            if budget[0] < 0:
                raise damaged(path.name, f"more than {MAX_MEMBERS:,} members")
            base = name.replace("\\", "/").rsplit("/", 1)[-1].lower()
            if base.endswith(".zip"):
                yield from self._walk(path, (*chain, name), budget)
            elif base.endswith(".xml") and "dem" in base:
                yield (*chain, name)


def _as_utf8(stream: IO[bytes]) -> IO[bytes]:
    """The publisher's older files are Shift_JIS, which expat does not know: those are recoded (and must end in time)."""
    head = stream.read(200)
    stream.seek(0)
    declared = re.match(rb"""<\?xml[^>]*encoding=["']([A-Za-z0-9_-]+)["'][^>]*\?>""", head)
    if declared is None or declared[1].lower() not in _JAPANESE:
        return stream
    text = stream.read(MAX_XML_BYTES + 1)[declared.end() :]
    return io.BytesIO(text.decode("cp932", errors="replace").encode("utf-8"))


def jpgis_tiles(files: Sequence[Path]) -> list[Tile]:
    """All elevation XML in ``files`` (.xml or .zip)."""
    cache, archives = TileCache(), ArchiveCache()
    tiles: list[Tile] = []
    for path in files:
        if path.suffix.lower() == ".zip":
            chains = list(archives.members(path))
            if not chains:
                raise FileFormatError(
                    "terrain-archive-empty",
                    f"「{path.name}」に基盤地図情報の標高 XML が入っていません。数値標高モデルの zip を指定してください。",
                    f"{path.name!r} holds no elevation XML; name a zip of the elevation model.",
                )
            tiles += [JpgisTile(path, chain, cache, archives) for chain in chains]
        else:
            tiles.append(JpgisTile(path, (), cache, archives))
    return tiles


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _header(name: str, stream: IO[bytes]) -> tuple[Frame, str]:
    """Frame and mesh code from what stands before the values; the values themselves are not read."""
    found: dict[str, str] = {}
    srs = ""
    try:
        for event, element in iterparse(stream, events=("start", "end")):
            tag = _local(element.tag)
            if event == "start":
                if tag == "Envelope":
                    srs = element.get("srsName", "")
                if tag == "tupleList":
                    break
            elif tag in ("mesh", "lowerCorner", "upperCorner", "low", "high"):
                found.setdefault(tag, (element.text or "").strip())
    except _READ_ERRORS as error:
        raise damaged(name, str(error)) from error
    try:
        south, west = (float(v) for v in found["lowerCorner"].split())
        north, east = (float(v) for v in found["upperCorner"].split())
        low = [int(v) for v in found["low"].split()]
        high = [int(v) for v in found["high"].split()]
        cols, rows = high[0] - low[0] + 1, high[1] - low[1] + 1
    except (KeyError, ValueError, IndexError) as error:
        raise damaged(name, f"no Envelope or GridEnvelope: {error}") from error
    if srs.lower() not in _SRS:
        raise FileFormatError(
            "terrain-without-crs",
            f"標高ファイル「{name}」の座標系「{srs}」を知りません。JGD2011 または JGD2000 の緯度経度のファイルにしてください。",
            f"terrain file {name!r} has the unknown CRS {srs!r}; give one in JGD2011 or JGD2000 degrees.",
        )
    if not (0 < rows <= 10_000 and 0 < cols <= 10_000 and north > south and east > west):
        raise damaged(name, f"impossible grid {cols} × {rows}")
    frame = Frame(_SRS[srs.lower()], west, north, (east - west) / cols, (north - south) / rows, rows, cols)
    return frame, found.get("mesh", "")


def _check_name(name: str, mesh: str, frame: Frame) -> None:
    """The mesh code in the name, the one inside, and the corners must be one and the same place."""
    match = re.search(r"(\d{4})-(\d{2})(?:-(\d{2}))?", name)
    if match and mesh and "".join(part or "" for part in match.groups()) != mesh:
        raise misnamed(name, f"内容は図郭 {mesh}", f"the file holds mesh {mesh}")
    if re.fullmatch(r"\d{6}|\d{8}", mesh):
        south, west = _mesh_corner(mesh)
        if abs(frame.x0 - west) > 1e-5 or abs(frame.y0 - frame.rows * frame.dy - south) > 1e-5:
            raise misnamed(name, f"図郭 {mesh} の位置にない", f"its corners are not those of mesh {mesh}")


def _mesh_corner(mesh: str) -> tuple[float, float]:
    """(south, west) of a second- or third-level cell, JIS X 0410."""
    south = int(mesh[:2]) * 2 / 3 + int(mesh[4]) * 5 / 60
    west = 100 + int(mesh[2:4]) + int(mesh[5]) * 7.5 / 60
    if len(mesh) == 8:
        south += int(mesh[6]) * 30 / 3600
        west += int(mesh[7]) * 45 / 3600
    return south, west


def _decode(name: str, stream: IO[bytes], frame: Frame) -> Samples:
    try:
        root = parse(stream).getroot()
    except _READ_ERRORS as error:
        raise damaged(name, str(error)) from error
    parts: dict[str, Any] = {}
    for element in root.iter():
        parts.setdefault(_local(element.tag), element)
    if "tupleList" not in parts:
        raise damaged(name, "no tupleList")
    rule = parts.get("sequenceRule")
    if rule is not None and rule.get("order", "+x-y") != "+x-y":
        raise damaged(name, f"row order {rule.get('order')}, not +x-y")
    first = 0
    if "startPoint" in parts:
        try:
            x, y = (int(v) for v in (parts["startPoint"].text or "").split())
        except ValueError as error:
            raise damaged(name, f"startPoint: {error}") from error
        first = y * frame.cols + x
        if not (0 <= x < frame.cols and 0 <= y < frame.rows):
            raise damaged(name, "startPoint outside the grid")
    height, sea = _values(name, parts["tupleList"].text or "")
    if first + len(height) > frame.rows * frame.cols:
        raise damaged(
            name, f"{len(height):,} values from cell {first:,} do not fit {frame.cols} × {frame.rows}"
        )
    all_height = np.full(frame.rows * frame.cols, np.nan, dtype=np.float32)
    all_sea = np.zeros(all_height.shape, dtype=np.bool_)
    all_height[first : first + len(height)] = height
    all_sea[first : first + len(height)] = sea
    shape = (frame.rows, frame.cols)
    check_heights(name, all_height)
    return Samples(all_height.reshape(shape), all_sea.reshape(shape))


_KNOWN = frozenset({"地表面", "表層面", SEA_CLASS, "内水面", "海水底面", *_NOTHING, "その他"})
_CHUNK = 1 << 20
"""Characters of the list turned into numbers at a time: a million Python strings at once would take 300 MB."""


def _values(name: str, text: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lines ``地表面,12.34``. Sea is 0 m; any other class without a height is NO DATA."""
    heights, seas = [np.empty(0)], [np.empty(0, dtype=np.bool_)]
    start = 0
    while start < len(text):
        end = text.find("\n", start + _CHUNK)
        end = len(text) if end < 0 else end
        height, sea = _chunk_values(name, text[start:end].split())
        heights.append(height)
        seas.append(sea)
        start = end
    return np.concatenate(heights), np.concatenate(seas)


def _chunk_values(name: str, lines: list[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    fields = ",".join(lines).split(",") if lines else []
    if len(fields) != 2 * len(lines):
        raise damaged(name, "a line is not «class,height»")
    kinds = fields[0::2]
    present = set(kinds)
    if present - _KNOWN:
        raise damaged(name, f"unknown class {sorted(present - _KNOWN)[0]!r}")
    try:
        height = np.fromiter(map(float, fields[1::2]), dtype=np.float64, count=len(lines))
    except ValueError as error:
        raise damaged(name, str(error)) from error
    height[height < _WITHOUT_HEIGHT] = np.nan
    sea = np.zeros(len(lines), dtype=np.bool_)
    if present & _NOTHING:
        height[[kind in _NOTHING for kind in kinds]] = np.nan
    if SEA_CLASS in present:
        sea[:] = [kind == SEA_CLASS for kind in kinds]
        height[sea] = 0.0
    return height, sea
