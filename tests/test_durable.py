"""What is acknowledged is on the disk: bytes first, then the name, then the folder that holds the name."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coverage import durable
from coverage.runs import folder
from coverage.runs.folder import write_checksums

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows does not flush folders")
AT = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every flush and rename below the folder of the test, in order; a file not yet in place is called by its part."""
    found: list[str] = []
    fsync, replace = os.fsync, os.replace

    def name_of(handle: int) -> str:
        for path in (tmp_path, *tmp_path.rglob("*")):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return "." if path == tmp_path else path.relative_to(tmp_path).as_posix()
        raise AssertionError("something outside was flushed")

    def flushed(handle: int) -> None:
        found.append(f"fsync {name_of(handle)}".replace(f".{os.getpid()}.part", ".part"))
        fsync(handle)

    def renamed(source: Any, target: Any) -> None:
        found.append(f"replace {Path(target).relative_to(tmp_path).as_posix()}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    return found


@posix_only
def test_bytes_then_name_then_folder(tmp_path: Path, calls: list[str]) -> None:
    durable.write_text(tmp_path / "a.json", "津市\n")
    assert calls == ["fsync .a.json.part", "replace a.json", "fsync ."]
    assert (tmp_path / "a.json").read_bytes() == "津市\n".encode()


@posix_only
def test_each_new_folder_is_flushed_into_the_one_above(tmp_path: Path, calls: list[str]) -> None:
    durable.make_folder(tmp_path / "a" / "b")
    durable.make_folder(tmp_path / "a" / "b")
    assert calls == ["fsync .", "fsync a"]


@posix_only
def test_a_publication_is_on_the_disk_before_it_is_acknowledged(tmp_path: Path, calls: list[str]) -> None:
    for run_id in ("abc", "def"):
        (tmp_path / run_id).mkdir()
        said = json.dumps({"format": "coverage-gap-run/1", "run_id": run_id})
        (tmp_path / run_id / "run.json").write_text(said, encoding="utf-8")
        write_checksums(tmp_path / run_id)
    pointer = ["fsync .published.json.part", "replace published.json", "fsync ."]
    entry = "publications/{}20260401T003000000000Z-{}.json"

    def history(run_id: str) -> list[str]:
        part, final = entry.format(".", run_id) + ".part", entry.format("", run_id)
        return [f"fsync {part}", f"replace {final}", "fsync publications"]

    folder.publish(tmp_path, "abc", by="kanri", on="2026-04-01", at=AT)
    assert calls == [*pointer, "fsync .", *history("abc")]
    calls.clear()
    folder.publish(tmp_path, "def", by="kanri", on="2026-04-01", at=AT)
    assert calls == [*pointer, *history("def")]


def test_a_disk_that_is_full_leaves_the_old_text_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    durable.write_text(path, "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        durable.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.json"]


@posix_only
def test_a_share_that_cannot_flush_folders_holds_the_new_text_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, answer = os.fsync, [errno.EINVAL]

    def share(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(answer[0], os.strerror(answer[0]))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", share)
    durable.write_text(tmp_path / "a.json", "new")
    durable.make_folder(tmp_path / "b")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "new"
    answer[0] = errno.EIO
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        durable.write_text(tmp_path / "a.json", "newer")


@posix_only
def test_on_macos_the_drive_itself_is_asked_to_write_it_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    refused: list[OSError] = []

    def fcntl(handle: int, command: int) -> None:
        if refused:
            raise refused[0]
        asked.append(command)

    monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=fcntl))
    fsynced: list[int] = []
    monkeypatch.setattr(os, "fsync", fsynced.append)
    monkeypatch.setattr(durable, "sys", SimpleNamespace(platform="darwin"))
    durable.write_text(tmp_path / "a.json", "new")
    assert (asked, fsynced) == ([51, 51], [])
    refused.append(OSError(errno.ENOTSUP, "of a share"))
    durable.write_text(tmp_path / "a.json", "newer")
    assert len(fsynced) == 2


@pytest.mark.parametrize("refusals", [3, 20])
def test_a_reader_who_holds_the_file_is_waited_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    """As on Windows, where a file that is being read cannot be replaced."""
    replace, left = os.replace, [refusals]

    def busy(source: Path, target: Path) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise PermissionError(errno.EACCES, "in use")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(durable.time, "sleep", lambda seconds: None)
    if refusals < 20:
        durable.write_text(tmp_path / "a.json", "new")
        assert (tmp_path / "a.json").read_text(encoding="utf-8") == "new"
    else:
        with pytest.raises(PermissionError):
            durable.write_text(tmp_path / "a.json", "new")
        assert os.listdir(tmp_path) == []
