"""The first minute of a stranger's file: a private copy under a name of ours, its size, what its bytes say it is."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.errors import FileFormatError, InputError, StorageError
from coverage.uploads.archive import census, refuse_huge_directory
from coverage.uploads.limits import Limits

FORMATS = {
    ".csv": "csv",
    ".xlsx": "xlsx",
    ".geojson": "geojson",
    ".json": "geojson",
    ".gpkg": "gpkg",
    ".zip": "shapefile",
    ".kml": "kml",
}
_GPKG_IDS = (b"GPKG", b"GP10", b"GP11")
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A private copy (mode 600) that exists only inside :func:`quarantine`. ``label`` is the client's name, cleaned:
    it is shown to people and never used as a path."""

    path: Path
    label: str
    format: str
    sha256: str
    size: int


@contextmanager
def quarantine(source: Path, client_name: str, limits: Limits) -> Iterator[Quarantined]:
    """Copy ``source`` into a private folder and find out what it is; the folder vanishes with the block.

    Raises FileFormatError with the code of the contract for a file that is refused before parsing: "too-large",
    "empty-file", "format-unknown", "format-mismatch", and those of :func:`coverage.uploads.archive.census`.
    """
    label = clean_label(client_name, limits.name_characters)
    kind = FORMATS.get(_suffix(label))
    if kind is None:
        raise FileFormatError(
            "format-unknown",
            f"「{label}」の形式は受け付けていません。CSV・XLSX・GeoJSON・GeoPackage・KML、または Shapefile 一つの ZIP にしてください。",
            f"'{label}' is of a type that is not taken; use CSV, XLSX, GeoJSON, GeoPackage, KML, or a ZIP with one Shapefile.",
        )
    try:
        size = source.stat().st_size
    except OSError as error:
        raise InputError(
            "file-missing",
            f"ファイル「{label}」を読めません（{error.strerror}）。名前と置き場所を確かめてください。",
            f"The file '{label}' cannot be read ({error.strerror}); check its name and folder.",
        ) from None
    if not source.is_file():
        raise InputError(
            "file-missing",
            f"「{label}」は普通のファイルではありません。ファイルを一つ選んでください。",
            f"'{label}' is no ordinary file; choose one file.",
        )
    if size > limits.upload_bytes:
        raise FileFormatError(
            "too-large",
            f"「{label}」は {size / 1e6:.0f} MB で、上限 {limits.upload_bytes / 1e6:.0f} MB を超えています。分けて登録してください。",
            f"'{label}' has {size / 1e6:.0f} MB, over the limit of {limits.upload_bytes / 1e6:.0f} MB; split it.",
        )
    if size == 0:
        raise FileFormatError(
            "empty-file", f"「{label}」は空のファイルです。", f"'{label}' is an empty file."
        )
    try:
        folder = Path(tempfile.mkdtemp(prefix="coverage-gap-"))
    except OSError as error:
        raise _no_room(error) from error
    try:
        path = folder / "upload"
        digest = hashlib.sha256()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as target, source.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
                    target.write(block)
        except OSError as error:
            raise _no_room(error) from error
        refuse_huge_directory(path, label, limits)
        found = _kind_of(path)
        if found != kind:
            raise FileFormatError(
                "format-mismatch",
                f"「{label}」の中身は名前の示す形式（{kind}）ではありません（中身は {found}）。正しい形式で保存し直してください。",
                f"'{label}' does not hold what its name says ({kind}); its content is {found}. Save it in the right format.",
            )
        if kind in {"xlsx", "shapefile"}:
            census(path, label, limits, kind)
        yield Quarantined(path, label, kind, digest.hexdigest(), size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clean_label(name: str, characters: int) -> str:
    """The client's file name as a label: its last part, without control characters, at most ``characters`` long."""
    last = PureWindowsPath(PurePosixPath(name.replace("\x00", "")).name).name
    text = unicodedata.normalize("NFC", re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", last)).strip()
    if len(text) > characters:
        suffix = _suffix(text)[:12]
        text = text[: characters - len(suffix)] + suffix
    return text or "無名 unnamed"


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _kind_of(path: Path) -> str:
    """What the first bytes say; for a zip, what its members say."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if head.startswith(b"SQLite format 3\x00"):
        return "gpkg" if head[68:72] in _GPKG_IDS else "sqlite"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _kind_of_zip(path)
    for magic, kind in _OTHER_MAGIC:
        if head.startswith(magic):
            return kind
    text = _as_text(head.removeprefix(b"\xef\xbb\xbf"))
    if text is None:
        return "binary"
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        return "kml" if re.search(r"<(?:\w+:)?kml[\s>]", text) or _is_kml_later(path) else "xml"
    if start.startswith("{"):
        return "geojson"
    return "csv"


_OTHER_MAGIC = (
    (b"\xd0\xcf\x11\xe0", "xls/doc"),
    (b"%PDF", "pdf"),
    (b"\x1f\x8b", "gzip"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf", "7z"),
    (b"\x89PNG", "png"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\x00\x00\x27\x0a", "shp"),
    (b"MZ", "exe"),
    (b"\x7fELF", "elf"),
)


def _as_text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    if b"\x00" in head:
        return None
    return head.decode("latin-1")


def _is_kml_later(path: Path) -> bool:
    """A long comment may stand before the root element."""
    with path.open("rb") as stream:
        return re.search(rb"<(?:\w+:)?kml[\s>]", stream.read(1 << 20)) is not None


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n.lower().replace("\\", "/") for n in archive.namelist()]
    except ARCHIVE_DAMAGE:
        return "damaged zip"
    if "[content_types].xml" in names:
        if "xl/workbook.xml" in names or any(n.startswith("xl/") for n in names):
            return "xlsx"
        return "office document"
    return "shapefile"


def _no_room(error: OSError) -> StorageError:
    return StorageError(
        "quarantine-not-written",
        f"一時フォルダーに書けません（{error.strerror or error}）。空き容量を確かめてください。",
        f"The temporary folder cannot be written ({error.strerror or error}); check free space.",
    )
