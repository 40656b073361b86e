"""Zip files as publishers make them: backslashes in names, CP932 names, litter of two operating systems.

Members are read into memory, never extracted by name, so that no name can lead out of a folder; names that try are
refused all the same, because an archive that has one is not what it claims to be.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.errors import FileFormatError
from coverage.readers.text import read_bytes

MEMBER_LIMIT_BYTES = 2 * 1024**3
"""Largest unpacked member that is read: more than any layer of one prefecture."""

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1


class Archive:
    """An open zip file whose member names are normalised (forward slashes, CP932 where the zip does not say UTF-8)."""

    def __init__(self, zipped: zipfile.ZipFile, name: str) -> None:
        self._zip = zipped
        self.name = name
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in zipped.infolist():
            member = _normal_name(info, name)
            if member.endswith("/") or _is_litter(member):
                continue
            if info.flag_bits & _ENCRYPTED:
                raise FileFormatError(
                    "archive-encrypted",
                    f"「{name}」はパスワード付きの zip です。パスワードなしで作り直してください。",
                    f"'{name}' is a zip with a password; make it again without one.",
                )
            if member in self._members:
                raise _damaged(name, f"{member} occurs twice")
            self._members[member] = info

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members that are files, in alphabetical order."""
        return tuple(sorted(self._members))

    def with_suffix(self, *suffixes: str) -> tuple[str, ...]:
        """Members that end in one of ``suffixes`` (".shp"), whatever the case."""
        return tuple(n for n in self.names if PurePosixPath(n).suffix.lower() in suffixes)

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises FileFormatError "archive-damaged" or "archive-too-large"."""
        info = self._members[member]
        if info.file_size > MEMBER_LIMIT_BYTES:
            raise FileFormatError(
                "archive-too-large",
                f"「{self.name}」の中の「{member}」は展開すると {info.file_size:,} バイトになり、上限 "
                f"{MEMBER_LIMIT_BYTES:,} バイトを超えます。県別のファイルを使ってください。",
                f"'{member}' in '{self.name}' unpacks to {info.file_size:,} bytes, over the limit of "
                f"{MEMBER_LIMIT_BYTES:,}; use the file of one prefecture.",
            )
        try:
            return self._zip.read(info)
        except ARCHIVE_DAMAGE as problem:
            raise _damaged(self.name, str(problem)) from None


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip file. Raises FileFormatError "archive-damaged" for anything that is no zip or ends early."""
    if not path.is_file():
        read_bytes(path)  # raises the sentence about a missing or unreadable file
    try:
        zipped = zipfile.ZipFile(path)
    except ARCHIVE_DAMAGE as problem:
        raise _damaged(path.name, str(problem)) from None
    with zipped:
        yield Archive(zipped, path.name)


def only_member(path: Path, *suffixes: str) -> tuple[str, bytes]:
    """(name, bytes) of a plain file, or of the only member of a zip that ends in one of ``suffixes``.

    Raises FileFormatError "archive-one-member" where the zip holds none or several.
    """
    if not is_zip(path):
        return path.name, read_bytes(path)
    with open_archive(path) as archive:
        members = archive.with_suffix(*suffixes)
        if len(members) != 1:
            raise FileFormatError(
                "archive-one-member",
                f"「{path.name}」の中の {'・'.join(suffixes)} ファイルは {len(members)} 個です。一つだけの zip を置いてください。",
                f"'{path.name}' holds {len(members)} files of type {', '.join(suffixes)}; use a zip with exactly one.",
            )
        return f"{path.name}/{PurePosixPath(members[0]).name}", archive.read(members[0])


def is_zip(path: Path) -> bool:
    """Whether the file begins as a zip does."""
    try:
        with path.open("rb") as handle:
            return handle.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


def _normal_name(info: zipfile.ZipInfo, archive: str) -> str:
    name = (
        info.orig_filename
    )  # ZipInfo.filename has had its backslashes replaced on Windows, kanji halves included
    if not info.flag_bits & _UTF8_NAME:
        try:
            name = name.encode("cp437").decode("cp932")
        except UnicodeError:
            name = (
                info.orig_filename
            )  # ZipInfo.filename has had its backslashes replaced on Windows, kanji halves included
    name = name.replace("\\", "/")
    parts = name.split("/")
    if not name or name.startswith("/") or ".." in parts or ":" in parts[0] or "\x00" in name:
        raise FileFormatError(
            "archive-path-escapes",
            f"「{archive}」に、展開先の外を指す名前「{name}」が含まれています。入手元から取り直してください。",
            f"'{archive}' holds a name that leads out of its folder ('{name}'); get it again from its publisher.",
        )
    return name


def _is_litter(member: str) -> bool:
    last = member.rsplit("/", 1)[-1]
    return member.startswith("__MACOSX/") or last in {".DS_Store", "Thumbs.db", "desktop.ini"}


def _damaged(name: str, reason: str) -> FileFormatError:
    return FileFormatError(
        "archive-damaged",
        f"「{name}」は zip として読めません（{reason}）。途中で切れていないかを確かめ、入手し直してください。",
        f"'{name}' cannot be read as a zip ({reason}); check that the download is complete and get it again.",
    )
