"""Census of an archive before anything is unpacked: entries, sizes, ratio, names, links, encryption, overlap."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path, PurePosixPath

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.errors import FileFormatError
from coverage.uploads.limits import Limits

_LITTER = {".ds_store", "thumbs.db", "desktop.ini"}
_NESTED = {".zip", ".gz", ".7z", ".rar", ".tar", ".bz2", ".xz", ".kmz", ".xlsx", ".gpkg"}
_BLOCK = 1 << 20
_END_RECORD = 22
_DIRECTORY_BYTES_PER_ENTRY = 16 * 1024


def refuse_huge_directory(path: Path, label: str, limits: Limits) -> None:
    """Look at the end record of a zip before anything builds a list of its entries: a directory of a million names
    would fill the memory of the process that only wanted to count them. Raises "archive-too-many"; other files pass."""
    with path.open("rb") as stream:
        if stream.read(2) != b"PK":
            return
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 65_557))
        tail = stream.read()
    at = len(tail) - _END_RECORD
    if tail[at : at + 4] != b"PK\x05\x06" or tail[-2:] != b"\x00\x00":
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END_RECORD > len(tail):
        return
    _, entries, directory = struct.unpack_from("<HHI", tail, at + 8)
    if directory > limits.entries * _DIRECTORY_BYTES_PER_ENTRY or entries > limits.entries * 50:
        raise _refused(
            "archive-too-many", label,
            f"の目録が大きすぎます（{entries:,} 個のファイル、上限 {limits.entries} 個）",
            f"has a directory of {entries:,} entries, over the limit of {limits.entries}",
        )  # fmt: skip


def census(path: Path, label: str, limits: Limits, kind: str) -> None:
    """Look through a zip or workbook by its directory; nothing is unpacked to disk.

    Raises FileFormatError: "archive-damaged", "archive-too-many", "archive-too-large", "archive-ratio",
    "archive-nested", "archive-link", "archive-encrypted", "archive-path", "archive-overlap", "archive-name-twice",
    "workbook-macro".
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not is_litter(info)]
    except ARCHIVE_DAMAGE:
        raise _refused(
            "archive-damaged", label, "は途中で切れているか壊れています。作り直してください", "is cut off or damaged; make it again"
        ) from None
    if len(members) > limits.entries:
        raise _refused(
            "archive-too-many", label,
            f"には {len(members)} 個のファイルがあり、上限 {limits.entries} 個を超えています",
            f"holds {len(members)} entries, over the limit of {limits.entries}",
        )  # fmt: skip
    seen: set[str] = set()
    for info in members:
        _check_member(info, label, kind)
        name = info.filename.replace("\\", "/").lower()
        if name in seen:
            raise _refused(
                "archive-name-twice", label, f"に同じ名前「{name[:80]}」が二度あります", f"holds the name '{name[:80]}' twice"
            )
        seen.add(name)
    unpacked = sum(info.file_size for info in members)
    packed = max(1, sum(info.compress_size for info in members))
    if unpacked > limits.unpacked_bytes:
        raise _refused(
            "archive-too-large", label,
            f"は展開すると {unpacked / 1e6:.0f} MB になり、上限 {limits.unpacked_bytes / 1e6:.0f} MB を超えます",
            f"unpacks to {unpacked / 1e6:.0f} MB, over the limit of {limits.unpacked_bytes / 1e6:.0f} MB",
        )  # fmt: skip
    if unpacked > limits.ratio * packed:
        raise _refused(
            "archive-ratio", label,
            f"の圧縮率が異常です（{unpacked // packed}:1、上限 {limits.ratio}:1）",
            f"is compressed {unpacked // packed}:1, over the limit of {limits.ratio}:1",
        )  # fmt: skip
    _check_overlap(members, path.stat().st_size, label)


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, label: str) -> bytes:
    """Bytes of a member, never more than its directory entry claims. Raises "archive-false-size", "archive-damaged"."""
    parts: list[bytes] = []
    got = 0
    try:
        with archive.open(info) as stream:
            # A member that unpacks to more than it claims is cut off by zipfile: its checksum tells then.
            while block := stream.read(_BLOCK):
                got += len(block)
                if got > info.file_size:
                    break
                parts.append(block)
    except ARCHIVE_DAMAGE as problem:
        raise _refused(
            "archive-damaged", label, f"の中の {info.filename} を展開できません（{problem}）", f"holds {info.filename}, which cannot be unpacked ({problem})"
        ) from None
    if got != info.file_size:
        raise _refused(
            "archive-false-size", label,
            f"の中の {info.filename} の大きさが目録と違います",
            f"holds {info.filename}, whose size differs from the directory",
        )  # fmt: skip
    return b"".join(parts)


def is_litter(info: zipfile.ZipInfo) -> bool:
    """What macOS and Windows leave in an archive, and folders."""
    name = info.filename.replace("\\", "/")
    return "__MACOSX" in PurePosixPath(name).parts or PurePosixPath(name).name.startswith("._") or PurePosixPath(name).name.lower() in _LITTER or name.endswith("/")


def _check_member(info: zipfile.ZipInfo, label: str, kind: str) -> None:
    name = info.orig_filename.replace("\\", "/")
    parts = name.split("/")
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in name[:80])
    # ZipInfo.filename ends at a NUL and may be empty; what the directory says stands in orig_filename.
    if not name or name.startswith("/") or ".." in parts or ":" in parts[0] or "\x00" in name:
        raise _refused(
            "archive-path", label, f"に、展開先の外を指す名前「{shown}」があります", f"holds a name that leads out of its folder ('{shown}')"
        )
    if info.flag_bits & 0x1:
        raise _refused(
            "archive-encrypted", label, "はパスワード付きです。パスワードなしで作り直してください", "has a password; make it again without one"
        )
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused("archive-link", label, f"にリンク「{name[:80]}」があります", f"holds a link ('{name[:80]}')")
    suffix = PurePosixPath(name).suffix.lower()
    embedded = kind == "xlsx" and suffix not in {".zip", ".7z", ".rar"}
    if suffix in _NESTED and not embedded:
        raise _refused(
            "archive-nested", label, f"の中に別の書庫「{name[:80]}」があります", f"holds another archive ('{name[:80]}')"
        )
    if kind == "xlsx" and PurePosixPath(name).name.lower() == "vbaproject.bin":
        raise _refused(
            "workbook-macro", label, "にマクロが含まれています。マクロなしの XLSX で保存してください", "holds macros; save it as XLSX without them"
        )


def _check_overlap(members: list[zipfile.ZipInfo], size: int, label: str) -> None:
    """Two members over the same bytes: the trick of archives that unpack to thousands of times their size."""
    end_before = 0
    for info in sorted(members, key=lambda i: i.header_offset):
        start = info.header_offset
        end = start + 30 + info.compress_size
        if start < end_before or end > size:
            raise _refused("archive-overlap", label, "の中のファイルが重なり合っています", "holds entries that overlap")
        end_before = end


def _refused(code: str, label: str, ja: str, en: str) -> FileFormatError:
    return FileFormatError(code, f"「{label}」{ja}。", f"'{label}' {en}.")
