"""Zips as publishers make them."""

from __future__ import annotations

import io
import random
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from coverage.archive_damage import ARCHIVE_DAMAGE, _errors_of_lzma
from coverage.errors import FileFormatError, InputError
from coverage.readers.archives import only_member, open_archive

WriteZip = Callable[[Path, Mapping[str, bytes]], Path]


def test_backslashes_become_folders_and_litter_is_ignored(tmp_path: Path, write_zip: WriteZip) -> None:
    path = write_zip(
        tmp_path / "a.zip", {"N03\\data.txt": b"1", "__MACOSX/._data.txt": b"", "N03\\.DS_Store": b"x"}
    )
    with open_archive(path) as archive:
        assert archive.names == ("N03/data.txt",)
        assert archive.read("N03/data.txt") == b"1"


def test_a_kanji_whose_second_byte_is_a_backslash_keeps_it(tmp_path: Path) -> None:
    # 表 is 95 5C in CP932; replacing backslashes before decoding would break the name in two.
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = "表.txt".encode("cp932").decode("cp437")
        info.flag_bits = 0
        # ZipInfo would switch to UTF-8 for non-ASCII names; the bytes are patched in afterwards instead.
        archive.writestr("AA.txt", b"1")
    data = path.read_bytes().replace(b"AA.txt", "表.txt".encode("cp932"))
    path.write_bytes(data)
    with open_archive(path) as opened:
        assert opened.names == ("表.txt",)
        assert opened.read("表.txt") == b"1"


@pytest.mark.parametrize("name", ["../evil.txt", "a\\..\\..\\evil.txt", "/etc/evil.txt", "C:\\evil.txt"])
def test_names_that_lead_out_are_refused(tmp_path: Path, write_zip: WriteZip, name: str) -> None:
    path = write_zip(tmp_path / "a.zip", {name: b"1"})
    with pytest.raises(FileFormatError) as caught, open_archive(path):
        pass
    assert caught.value.code == "archive-path-escapes"


def test_a_name_that_begins_with_nul_is_refused(tmp_path: Path, write_zip: WriteZip) -> None:
    """Python takes such a name for an empty one, and falls over it when it asks whether it is a folder."""
    path = write_zip(tmp_path / "a.zip", {"Axyz.txt": b"1"})
    path.write_bytes(path.read_bytes().replace(b"Axyz.txt", b"\x00xyz.txt"))
    with pytest.raises(FileFormatError) as caught, open_archive(path):
        pass
    assert caught.value.code == "archive-path-escapes"


def test_a_truncated_zip_and_a_file_that_is_none_are_refused(tmp_path: Path, write_zip: WriteZip) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": b"1" * 5000})
    path.write_bytes(path.read_bytes()[:-30])
    for bad in (path, tmp_path / "b.zip"):
        if bad.name == "b.zip":
            bad.write_bytes(b"<html>not found</html>")
        with pytest.raises(FileFormatError) as caught, open_archive(bad):
            pass
        assert caught.value.code == "archive-damaged"


def test_a_member_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.txt", b"12345")
    path.write_bytes(path.read_bytes().replace(b"12345", b"12346"))
    with open_archive(path) as opened, pytest.raises(FileFormatError) as caught:
        opened.read("a.txt")
    assert caught.value.code == "archive-damaged"


@pytest.mark.parametrize("method", ["ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"])
def test_damage_of_packed_bytes_is_said_whatever_packed_them(tmp_path: Path, method: str) -> None:
    """Each method has an error of its own for it: zlib.error, OSError, LZMAError."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", getattr(zipfile, method)) as archive:
        archive.writestr("a.txt", bytes(range(256)) * 20)
    data = bytearray(path.read_bytes())
    for at in range(45, 65):
        data[at] ^= 0xFF
    path.write_bytes(bytes(data))
    with open_archive(path) as opened, pytest.raises(FileFormatError) as caught:
        opened.read("a.txt")
    assert caught.value.code == "archive-damaged"


def test_a_byte_that_is_damaged_anywhere_raises_nothing_but_what_the_list_holds() -> None:
    rng = random.Random(1909)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", method) as archive:
            archive.writestr("局/一覧.csv", "局番,緯度,経度\n" + "N-1,33.7,136.5\n" * 40)
        met = set()
        for _ in range(1500):
            data = bytearray(whole.getvalue())
            for _ in range(rng.choice((1, 1, 3))):
                data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    for member in archive.infolist():
                        archive.read(member)
            except ARCHIVE_DAMAGE as error:
                met.add(type(error))
        assert len(met) > 2


def test_a_python_without_lzma_has_a_list_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [error.__name__ for error in _errors_of_lzma()] == ["LZMAError"]
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert _errors_of_lzma() == ()


def test_an_encrypted_member_is_refused(tmp_path: Path, write_zip: WriteZip) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": b"1"})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + offset] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FileFormatError) as caught, open_archive(path):
        pass
    assert caught.value.code == "archive-encrypted"


def test_a_missing_zip_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught, open_archive(tmp_path / "none.zip"):
        pass
    assert caught.value.code == "file-missing"


def test_only_member_takes_plain_files_and_zips_of_one(tmp_path: Path, write_zip: WriteZip) -> None:
    plain = tmp_path / "a.csv"
    plain.write_bytes(b"1")
    assert only_member(plain, ".csv") == ("a.csv", b"1")
    assert only_member(write_zip(tmp_path / "b.zip", {"x/b.csv": b"2", "README.txt": b""}), ".csv")[1] == b"2"
    with pytest.raises(FileFormatError) as caught:
        only_member(write_zip(tmp_path / "c.zip", {"a.csv": b"", "b.csv": b""}), ".csv")
    assert caught.value.code == "archive-one-member"


def test_a_member_beyond_all_measure_is_refused(
    tmp_path: Path, write_zip: WriteZip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coverage.readers.archives.MEMBER_LIMIT_BYTES", 100)
    path = write_zip(tmp_path / "a.zip", {"a.txt": b"1" * 101})
    with open_archive(path) as opened, pytest.raises(FileFormatError) as caught:
        opened.read("a.txt")
    assert caught.value.code == "archive-too-large"


def test_two_members_of_one_name_are_refused(tmp_path: Path, write_zip: WriteZip) -> None:
    path = write_zip(tmp_path / "a.zip", {"x/a.txt": b"1", "x\\a.txt": b"2"})
    with pytest.raises(FileFormatError) as caught, open_archive(path):
        pass
    assert caught.value.code == "archive-damaged"
