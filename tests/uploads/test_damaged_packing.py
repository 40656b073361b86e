"""Archives whose packed bytes are damaged, whatever packed them: refused in one sentence, by the child as well."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from coverage.errors import FileFormatError
from coverage.uploads.archive import read_member
from coverage.uploads.sandbox import check_file

METHODS = ["ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"]


def damaged(method: str, *names: str) -> bytes:
    """A zip in which the packed bytes of the first member are no longer what they were."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", getattr(zipfile, method)) as archive:
        for name in names:
            archive.writestr(name, bytes(range(256)) * 20)
    data = bytearray(whole.getvalue())
    begin = 30 + len(names[0]) + 9
    for at in range(begin, begin + 20):
        data[at] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize("method", METHODS)
def test_a_member_that_cannot_be_unpacked_is_named(method: str) -> None:
    with (
        zipfile.ZipFile(io.BytesIO(damaged(method, "a.shp"))) as archive,
        pytest.raises(FileFormatError) as caught,
    ):
        read_member(archive, archive.getinfo("a.shp"), "局.zip")
    assert caught.value.code == "archive-damaged"
    assert "a.shp" in caught.value.ja


@pytest.mark.parametrize("method", METHODS)
def test_an_upload_of_it_is_refused_and_its_reader_does_not_die(method: str, tmp_path: Path) -> None:
    path = tmp_path / "局.zip"
    path.write_bytes(damaged(method, "a.shp", "a.shx", "a.dbf"))
    report = check_file(path)
    assert report.verdict == "reject"
    assert [error.code for error in report.errors] == ["archive-damaged"]
