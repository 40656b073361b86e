"""Disks, journals, certificates: what goes wrong on this side of the line."""

from __future__ import annotations

import ssl
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import FileFormatError, PublisherError, StorageError
from coverage.fetch.catalogue import load_catalogue
from coverage.fetch.client import Client, Wanted
from coverage.fetch.fetching import fetch
from coverage.fetch.inspection import check_folder
from coverage.fetch.plan import Choices, plan_layer
from coverage.fetch.prefectures import prefecture


def test_a_certificate_that_cannot_be_verified_is_not_tried_again(tmp_path: Path, setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(setting().book().politeness)
    asked: list[str] = []

    def refuse(request: Any, timeout: float) -> Any:
        asked.append(request.full_url)
        raise urllib.error.URLError(ssl.SSLCertVerificationError(1, "self-signed certificate"))

    monkeypatch.setattr(client._opener, "open", refuse)
    with pytest.raises(PublisherError) as caught:
        client.download(Wanted("https://127.0.0.1/x.zip", tmp_path / "x.part", ("127.0.0.1",), 10, 0.0))
    assert caught.value.code == "publisher-certificate"
    assert len(asked) == 1


def test_a_part_that_cannot_be_written_is_a_storage_error(tmp_path: Path, setting: Any, publishers: Any) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    want = Wanted(publishers.base + "/isj/19.0b/98000-19.0b.zip", tmp_path / "file" / "x.part", ("127.0.0.1",), 10**6, 0.0)
    with pytest.raises(StorageError) as caught:
        Client(setting().book().politeness).download(want)
    assert caught.value.code == "layers-disk"
    assert "98000-19.0b.zip" in caught.value.ja
    assert "'98000-19.0b.zip' cannot be written" in caught.value.en


def test_a_full_disk_leaves_the_catalogue_and_the_next_call_goes_on(tmp_path: Path, setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    folder = tmp_path / "layers"
    fetch("99", folder, setting=setting())
    before = load_catalogue(folder).to_json()
    real, left = os.fsync, [5]

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        fetch("98", folder, setting=setting())
    assert caught.value.code == "layers-disk"
    assert load_catalogue(folder).to_json() == before
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fetch("98", folder, setting=setting())
    assert check_folder(folder, prefectures_file=setting().prefectures) == ()


def test_a_disk_that_fills_between_download_and_record_is_one_sentence(tmp_path: Path, setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from coverage.fetch.staging import Staging

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Staging, "take", full)
    with pytest.raises(StorageError, match="No space left"):
        fetch("98", tmp_path / "layers", setting=setting())
    assert load_catalogue(tmp_path / "layers").entries == ()


@pytest.mark.parametrize("text", ["{", '{"moves": {"../x": "y"}, "catalogue": "{}"}', '{"moves": {}, "catalogue": "{}"}'])
def test_a_damaged_journal_is_one_sentence_and_moves_nothing(tmp_path: Path, setting: Any, text: str) -> None:
    folder = tmp_path / "layers"
    fetch("98", folder, layers=["boundaries"], setting=setting())
    before = load_catalogue(folder).to_json()
    (folder / ".fetch" / "journal.json").write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        fetch("99", folder, layers=["boundaries"], setting=setting())
    assert caught.value.code in ("layers-journal-broken", "catalogue-broken")
    assert load_catalogue(folder).to_json() == before


def test_a_record_cut_by_a_kill_costs_one_file(tmp_path: Path, setting: Any, publishers: Any, fake: Any) -> None:
    folder = tmp_path / "layers"
    publishers.always["/isj/19.0b/98000-19.0b.zip"] = fake.status(403)
    with pytest.raises(PublisherError):
        fetch("98", folder, setting=setting())
    record = folder / ".fetch" / "98" / "terrain-gsi-dem-png" / "record.jsonl"
    text = record.read_text(encoding="utf-8")
    record.write_text(text[:-30], encoding="utf-8")
    publishers.always.clear()
    publishers.seen.clear()
    fetch("98", folder, setting=setting())
    assert publishers.count("/gsi/") == 1
    assert check_folder(folder, prefectures_file=setting().prefectures) == ()


def test_an_unfinished_fetch_of_last_month_begins_anew(tmp_path: Path, setting: Any, publishers: Any, fake: Any) -> None:
    import os
    import time

    folder = tmp_path / "layers"
    publishers.always["/isj/19.0b/98000-19.0b.zip"] = fake.status(403)
    with pytest.raises(PublisherError):
        fetch("98", folder, setting=setting())
    old = time.time() - 30 * 86_400
    os.utime(folder / ".fetch" / "98" / "terrain-gsi-dem-png" / "plan.txt", (old, old))
    publishers.always.clear()
    publishers.seen.clear()
    fetch("98", folder, setting=setting())
    assert publishers.count("/gsi/") > 5
    assert publishers.count("/estat") == 0


def test_holes_that_the_addresses_allow_are_no_data_and_noted(tmp_path: Path, setting: Any, publishers: Any, fake: Any) -> None:
    given = setting()
    text = given.addresses.read_text(encoding="utf-8")
    choices = Choices(terrain="gsi", zoom=15)
    fetch("98", tmp_path / "layers", layers=["boundaries"], setting=given)
    from coverage.fetch.fetching import known_boundaries

    home = prefecture("98", given.prefectures)
    towns = known_boundaries(load_catalogue(tmp_path / "layers"), tmp_path / "layers", home)
    tiles = plan_layer("terrain", given.book(), home, choices, municipalities=towns).files or ()
    hole = next(t for t in tiles if t.inside)
    publishers.always[hole.address.removeprefix(publishers.base)] = fake.status(404)
    for share, code in (("1e-9", "terrain-holes"), ("0.9", "")):
        given.addresses.write_text(
            text.replace("may_be_absent_below_share = 0  #", f"may_be_absent_below_share = {share}  #"), encoding="utf-8"
        )
        if code:
            with pytest.raises(PublisherError) as caught:
                fetch("98", tmp_path / "layers", layers=["terrain"], choices=choices, setting=given)
            assert caught.value.code == code
        else:
            done = fetch("98", tmp_path / "layers", layers=["terrain"], choices=choices, setting=given)
            assert "データなし" in done.installed[0].notes[0][0]
