"""Publishers on loopback: the true formats, made here, and the true misbehaviour, on demand.

Two fictional prefectures lie side by side in the open Pacific, across the edge of the first-level meshes 4936 and 5036. The
second touches 4936 by a sliver of a few metres, for which e-Stat answers with a web page.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import re
import threading
import time
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import shapely
from PIL import Image
from shapely.geometry import box, mapping

from coverage.domain import mesh
from coverage.fetch.addresses import PACKAGED

WEST, EAST, NORTH = 136.50, 136.62, 33.36
LANDS = {
    "98": {"98201": ("西市", None, box(136.50, 33.32, 136.53, NORTH)), "98301": ("東町", "見本郡", box(136.53, 33.32, 136.56, NORTH))},
    "99": {"99201": ("北市", None, box(136.56, 33.345, EAST, NORTH)), "99301": ("南村", "見本郡", box(136.56, 33.33331, EAST, 33.345))},
}  # fmt: skip
NAMES = {"98": ("甲県", "Ko"), "99": ("乙県", "Otsu")}
TOKEN = "pk.0123456789abcdef"
ZOOM = 13


def _zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def land(prefecture: str) -> shapely.Geometry:
    return shapely.union_all([shape for _, _, shape in LANDS[prefecture].values()])


def n03(prefecture: str) -> bytes:
    """The zip of N03: GeoJSON with the old crs member, one lake without a code, the metadata beside it."""
    features = [
        {
            "type": "Feature",
            "properties": {"N03_001": NAMES[prefecture][0], "N03_002": None, "N03_003": county, "N03_004": name, "N03_005": None, "N03_007": code},
            "geometry": mapping(shape),
        }
        for code, (name, county, shape) in LANDS[prefecture].items()
    ]  # fmt: skip
    lake = {"N03_001": NAMES[prefecture][0], "N03_004": "所属未定地", "N03_007": None}
    features.append({"type": "Feature", "properties": lake, "geometry": mapping(box(136.4, 33.34, 136.401, 33.341))})
    document = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::6668"}},
        "features": features,
    }
    stem = f"N03-20260101_{prefecture}"
    return _zipped(
        {f"{stem}.geojson": json.dumps(document, ensure_ascii=False).encode(), f"KS-META-{stem}.xml": b"<?xml version='1.0'?><a/>"}
    )


def people() -> dict[int, int]:
    """Persons by quarter cell: two hamlets in every municipality."""
    found: dict[int, int] = {}
    for towns in LANDS.values():
        for number, (_, _, shape) in enumerate(towns.values()):
            west, south, east, north = shape.bounds
            for at, count in ((0.3, 400 + 50 * number), (0.7, 37)):
                lat, lon = south + (north - south) * at, west + (east - west) * at
                found[mesh.encode_point(lat, lon, 10)] = count
    return found


def census(prefecture: str) -> int:
    total = 0
    for code, count in people().items():
        lat, lon = mesh.centre([code])
        total += count if land(prefecture).contains(shapely.Point(lon[0], lat[0])) else 0
    return total


def estat(first: str) -> bytes:
    """One first-level file of the 2020 census, 250 m: CP932, CRLF, two header rows."""
    rows = ["KEY_CODE,HTKSYORI,HTKSAKI,GASSAN,T001102001,T001102002,T001102003,T001102034"]
    rows.append(",,,,　人口（総数）,　人口（総数）　男,　人口（総数）　女,　世帯総数")
    for code, count in sorted(people().items()):
        if str(code).startswith(first):
            rows.append(f"{code},0,,,{count},{count // 2},{count - count // 2},{count // 3}")
    return _zipped({f"tblT001102Q{first}.txt": ("\r\n".join(rows) + "\r\n").encode("cp932")})


def _height(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    return 120.0 + 90.0 * np.sin(lon * 120.0) * np.cos(lat * 90.0)


@cache
def dem_png(zoom: int, x: int, y: int) -> bytes:
    """An elevation tile: smooth land inside the prefectures, NO DATA over the sea."""
    n = 2**zoom
    col, row = np.meshgrid(x + (np.arange(256) + 0.5) / 256, y + (np.arange(256) + 0.5) / 256)
    lon, lat = col / n * 360 - 180, np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * row / n))))
    code = np.round(_height(lon, lat) * 100).astype(np.int64)
    on_land = (lon >= WEST) & (lon <= EAST) & (lat >= 33.32) & (lat <= NORTH)
    code = np.where(on_land, code, 2**23)
    rgb = np.stack([code >> 16, (code >> 8) & 255, code & 255], axis=-1).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(rgb, "RGB").save(out, "PNG")
    return out.getvalue()


def hgt(name: str) -> bytes:
    lat0, lon0 = int(name[1:3]), int(name[4:7])
    lon, lat = np.meshgrid(lon0 + np.arange(1201) / 1200, lat0 + 1 - np.arange(1201) / 1200)
    on_land = (lon >= WEST) & (lon <= EAST) & (lat >= 33.32) & (lat <= NORTH)
    heights = np.where(on_land, _height(lon, lat), 0).astype(">i2")
    return gzip.compress(heights.tobytes(), 1, mtime=0)


def isj(prefecture: str) -> bytes:
    head = "都道府県コード,都道府県名,市区町村コード,市区町村名,大字町丁目コード,大字町丁目名,緯度,経度,原典資料コード,大字・字・丁目区分コード"
    rows = [head]
    for code, (name, county, shape) in LANDS[prefecture].items():
        at = shape.centroid
        rows.append(f'"{prefecture}","{NAMES[prefecture][0]}","{code}","{county or ""}{name}","{code}0001","本町","{at.y:.6f}","{at.x:.6f}","1","1"')
    return _zipped({f"{prefecture}000-19.0b/{prefecture}_2025.csv": ("\r\n".join(rows) + "\r\n").encode("cp932")})


def shelters(code: str, kind: str) -> bytes:
    other = {"1": "指定緊急避難場所との住所同一", "2": "指定避難所との住所同一"}[kind]
    shape = next(s for towns in LANDS.values() for c, (_, _, s) in towns.items() if c == code)
    at = shape.centroid
    rows = [f"NO,共通ID,都道府県名及び市町村名,施設・場所名,住所,緯度,経度,{other}"]
    rows.append(f'1,E{code}00000000{kind},見本,"集会所\n（体育館）",見本1,{at.y:.6f},{at.x:.6f},1')
    return ("\r\n".join(rows) + "\r\n").encode("utf-8-sig")


def cells(mcc: str) -> bytes:
    """A per-country cell list of OpenCelliD: gzip, no header row."""
    rows = []
    for number, towns in enumerate(LANDS.values()):
        for shape in (s for _, _, s in towns.values()):
            lon, lat = shape.centroid.x, shape.centroid.y
            for sector in range(3):
                rows.append(f"LTE,{mcc},10,1,{(77 + number) * 256 + sector},,{lon:.6f},{lat:.6f},900,12,1,1400000000,1500000000,")
    return gzip.compress(("\n".join(rows) + "\n").encode(), mtime=0)


@dataclass
class Seen:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    at: float


Behaviour = Callable[["_Handler", bytes], bool]
"""Answers in its own way and returns True, or returns False for the usual answer."""


@dataclass
class Publishers:
    """The server. ``documents`` by path and query; ``tricks`` happen once each, in order, for a path (or "*")."""

    documents: dict[str, bytes] = field(default_factory=dict)
    pages: set[str] = field(default_factory=set)
    tricks: dict[str, deque[Behaviour]] = field(default_factory=lambda: defaultdict(deque))
    always: dict[str, Behaviour] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    base: str = ""
    validators: bool = True
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, path: str) -> bytes | None:
        """The document of a path; tiles are made as they are asked for."""
        if path in self.documents:
            return self.documents[path]
        tile = re.fullmatch(r"/gsi/(\d+)/(\d+)/(\d+)\.png", path)
        if tile:
            zoom, x, y = (int(v) for v in tile.groups())
            n = 2**zoom
            west, east = x / n * 360 - 180, (x + 1) / n * 360 - 180
            north, south = (math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * v / n)))) for v in (y, y + 1))
            if box(west, south, east, north).intersects(box(WEST, 33.32, EAST, NORTH)):
                self.documents[path] = dem_png(zoom, x, y)
                return self.documents[path]
        return None

    def count(self, part: str) -> int:
        return sum(part in s.path for s in self.seen)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    publishers: Publishers

    def log_message(self, *_: object) -> None:
        return None

    def do_GET(self) -> None:
        own = self.publishers
        with own.lock:
            own.at_once += 1
            own.most_at_once = max(own.most_at_once, own.at_once)
            own.seen.append(Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, time.monotonic()))
            queue = own.tricks.get(self.path) or own.tricks.get("*")
            trick = queue.popleft() if queue else own.always.get(self.path)
        try:
            self._answer(trick)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with own.lock:
                own.at_once -= 1

    def _answer(self, trick: Behaviour | None) -> None:
        data = self.publishers.find(self.path)
        if trick is not None and trick(self, data or b""):
            return
        if self.path in self.publishers.pages:
            self.reply(200, b"<!DOCTYPE html><html><body>not found</body></html>")
        elif data is None:
            self.reply(404, b"not found")
        else:
            self.document(data)

    def document(self, data: bytes) -> None:
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        extra = {"ETag": tag, "Accept-Ranges": "bytes"} if self.publishers.validators else {}
        if self.headers.get("If-None-Match") == tag and self.publishers.validators:
            self.reply(304, b"", extra)
            return
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match and self.headers.get("If-Range") == tag:
            start = int(match[1])
            if start >= len(data):
                self.reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            self.reply(206, data[start:], {**extra, "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})
            return
        self.reply(200, data, extra)

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, claim: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if claim is None else claim))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if status != 304:
            self.wfile.write(body)


def status(code: int, **headers: str) -> Behaviour:
    """An answer with a status and headers (Retry_After becomes Retry-After)."""

    def behave(handler: _Handler, data: bytes) -> bool:
        handler.reply(code, b"busy", {k.replace("_", "-"): v for k, v in headers.items()})
        return True

    return behave


def truncated(share: float = 0.5) -> Behaviour:
    """The whole length is promised, a part comes, the connection ends."""

    def behave(handler: _Handler, data: bytes) -> bool:
        if not data:
            return False
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"ETag": tag} if handler.publishers.validators else {}
        handler.reply(200, data[: max(1, int(len(data) * share))], headers, claim=len(data))
        return True

    return behave


def body(content: bytes) -> Behaviour:
    """HTTP 200 with something else."""

    def behave(handler: _Handler, data: bytes) -> bool:
        handler.reply(200, content)
        return True

    return behave


def silent(seconds: float) -> Behaviour:
    """No byte for a while, then the usual answer."""

    def behave(handler: _Handler, data: bytes) -> bool:
        time.sleep(seconds)
        return False

    return behave


def serve(publishers: Publishers) -> ThreadingHTTPServer:
    """Start on a free port of loopback; the caller shuts it down."""
    handler = type("Handler", (_Handler,), {"publishers": publishers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    publishers.base = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def stocked() -> Publishers:
    """All documents of the two prefectures."""
    return Publishers(documents=dict(_documents()))


@cache
def _documents() -> dict[str, bytes]:
    put: dict[str, bytes] = {}
    for prefecture, towns in LANDS.items():
        put[f"/ksj/N03-2026/N03-20260101_{prefecture}_GML.zip"] = n03(prefecture)
        put[f"/isj/19.0b/{prefecture}000-19.0b.zip"] = isj(prefecture)
        for code in towns:
            for kind in "12":
                put[f"/shelters/{code}_{kind}.csv"] = shelters(code, kind)
    del put["/shelters/99301_1.csv"]  # a village that has designated none
    for first in ("4936", "5036"):
        put[f"/estat?statsId=T001102&code={first}&downloadType=2"] = estat(first)
    put["/srtm/N33/N33E136.hgt.gz"] = hgt("N33E136")
    for mcc in ("440", "441"):
        put[f"/ocid?token={TOKEN}&type=mcc&file={mcc}.csv.gz"] = cells(mcc)
    return put


def addresses(base: str, *, politeness: str = "interval_s = 0\ntimeout_s = 5\nbackoff_s = 0.01\nbackoff_max_s = 0.05\nattempts = 4") -> str:
    """The packaged addresses with the publishers' hosts replaced by ours."""
    text = PACKAGED.read_text(encoding="utf-8")
    for host, path in (
        ("https://nlftp.mlit.go.jp/ksj/gml/data/N03", "/ksj"),
        ("https://www.e-stat.go.jp/gis/statmap-search/data", "/estat"),
        ("https://nlftp.mlit.go.jp/ksj/gml/data", "/future"),
        ("https://cyberjapandata.gsi.go.jp/xyz/dem_png", "/gsi"),
        ("https://s3.amazonaws.com/elevation-tiles-prod/skadi", "/srtm"),
        ("https://nlftp.mlit.go.jp/isj/dls/data", "/isj"),
        ("https://hinanmap.gsi.go.jp/hinanjocp/defaultFtpData/csv", "/shelters"),
        ("https://opencellid.org/ocid/downloads", "/ocid"),
    ):
        assert host in text, host
        text = text.replace(host, base + path)
    text = re.sub(r"hosts = \[.*?\]", 'hosts = ["127.0.0.1"]', text)
    text = re.sub(r"(?m)^interval_s = [0-9.]+.*$", "interval_s = 0", text)
    text = re.sub(r"zoom = 14", f"zoom = {ZOOM}", text)
    return re.sub(r"\[politeness\].*?\n\n", f"[politeness]\n{politeness}\n\n", text, flags=re.DOTALL)


@cache
def prefectures() -> str:
    """A table of the two prefectures with their official totals."""
    from coverage.domain.projection import geometry_to_plane

    rows = []
    for code, (ja, en) in NAMES.items():
        area = geometry_to_plane(land(code), 6674).area / 1e6
        rows.append(
            f'[[prefectures]]\ncode = "{code}"\nid = "{en.lower()}"\nname_ja = "{ja}"\nname_en = "{en}"\nzone = 6\n'
            f"area_km2 = {area:.1f}\ncensus_2020 = {census(code)}\nfictional = true\n"
        )
    return "\n".join(rows)


def write_tables(folder: Path, base: str, **changes: str) -> tuple[Path, Path]:
    """(addresses, prefectures) as files."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = folder / "addresses.toml", folder / "prefectures.toml"
    first.write_text(addresses(base, **changes), encoding="utf-8")
    second.write_text(prefectures(), encoding="utf-8")
    return first, second


