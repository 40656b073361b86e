"""Which run was published when."""

from __future__ import annotations

import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coverage.errors import FileFormatError, NotFoundError, StorageError
from coverage.runs import folder
from coverage.runs.folder import write_checksums
from coverage.runs.result import RunResult
from coverage.services.compute import publish_run, run_as_of
from coverage.services.context import AppContext

FIRST = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
SECOND = datetime(2026, 4, 2, 15, 0, tzinfo=UTC)


def _make(runs: Path, run_id: str) -> None:
    (runs / run_id).mkdir(parents=True)
    (runs / run_id / "run.json").write_text(
        json.dumps({"format": "coverage-gap-run/1", "run_id": run_id}), encoding="utf-8"
    )
    write_checksums(runs / run_id)


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """Runs with two publications: abc on 1 April, def on 3 April 0:00 in Japan."""
    for run_id, at in (("abc", FIRST), ("def", SECOND)):
        _make(tmp_path, run_id)
        folder.publish(tmp_path, run_id, by="kanri", on=at.date().isoformat(), at=at)
    return tmp_path


def _then(runs: Path, moment: datetime) -> str:
    return run_as_of(AppContext(runs, runs), moment).run_id


def test_each_moment_has_the_run_that_was_public_then(twice: Path) -> None:
    assert _then(twice, FIRST) == "abc"
    assert _then(twice, SECOND - timedelta(microseconds=1)) == "abc"
    assert _then(twice, SECOND) == "def"
    assert _then(twice, SECOND + timedelta(days=400)) == "def"


def test_before_the_first_publication_the_sentence_names_its_day_in_japan(twice: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        _then(twice, FIRST - timedelta(seconds=1))
    assert caught.value.code == "nothing-published-then"
    assert "2026-04-01 09:30" in caught.value.ja


def test_where_nothing_was_ever_published_the_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        _then(tmp_path, FIRST)
    assert caught.value.code == "nothing-published-then"
    assert "まだ何も公開されていません" in caught.value.ja


def test_a_run_published_again_counts_from_both_times(twice: Path) -> None:
    third = SECOND + timedelta(days=1)
    folder.publish(twice, "abc", by="kanri", on="2026-04-04", at=third)
    assert [p.run_id for p in folder.published_when(twice)] == ["abc", "def", "abc"]
    assert _then(twice, third) == "abc"
    assert _then(twice, third - timedelta(hours=1)) == "def"


def test_a_run_that_was_removed_is_said_to_be_so(twice: Path) -> None:
    shutil.rmtree(twice / "abc")
    with pytest.raises(NotFoundError) as caught:
        _then(twice, FIRST)
    assert caught.value.code == "publication-removed"
    assert _then(twice, SECOND) == "def"


def test_a_pointer_of_an_older_release_counts_from_midnight_of_its_day(tmp_path: Path) -> None:
    _make(tmp_path, "abc")
    (tmp_path / "published.json").write_text(
        json.dumps({"run_id": "abc", "published_on": "2026-04-01", "by": "x"}), encoding="utf-8"
    )
    midnight = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)
    assert _then(tmp_path, midnight) == "abc"
    with pytest.raises(NotFoundError):
        _then(tmp_path, midnight - timedelta(seconds=1))
    # The next publication keeps what the pointer knew.
    _make(tmp_path, "def")
    folder.publish(tmp_path, "def", by="kanri", on="2026-04-03", at=SECOND)
    assert _then(tmp_path, midnight) == "abc"


def test_a_crash_between_pointer_and_history_loses_nothing(twice: Path) -> None:
    newest = sorted((twice / "publications").glob("*.json"))[-1]
    newest.unlink()
    assert _then(twice, SECOND) == "def"
    _make(twice, "ghi")
    folder.publish(twice, "ghi", by="kanri", on="2026-04-05", at=SECOND + timedelta(days=2))
    assert newest.is_file()


def test_a_damaged_entry_is_never_passed_over(twice: Path) -> None:
    entry = next((twice / "publications").glob("*abc.json"))
    for text in ("{", "[]", '{"run_id": "abc"}', '{"run_id": "abc", "published_at": "2026-04-01T00:00:00"}'):
        entry.write_text(text, encoding="utf-8")
        with pytest.raises(FileFormatError) as caught:
            folder.published_when(twice)
        assert caught.value.code == "publications-unreadable"


def test_publishing_again_mends_a_damaged_pointer(twice: Path) -> None:
    (twice / "published.json").write_text('{"run_id": "abc", "published_at": "nonsense"}', encoding="utf-8")
    with pytest.raises(FileFormatError):
        folder.published_when(twice)
    folder.publish(twice, "def", by="kanri", on="2026-04-06", at=SECOND + timedelta(days=3))
    assert [p.run_id for p in folder.published_when(twice)] == ["abc", "def", "def"]


def test_many_who_publish_at_once_are_all_remembered(twice: Path) -> None:
    def again(number: int) -> None:
        folder.publish(twice, ("abc", "def")[number % 2], by=f"kanri{number}", on="2026-04-07")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(again, range(40)))
    known = folder.published_when(twice)
    assert {p.by for p in known} == {"kanri", *(f"kanri{n}" for n in range(40))}
    assert known[-1].run_id == json.loads((twice / "published.json").read_text(encoding="utf-8"))["run_id"]
    assert not list(twice.glob(".published.json.*"))


def test_the_moment_of_a_publication_is_when_it_was_its_turn_not_when_it_was_asked_for(
    twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, sound = AppContext(twice, twice), folder.require_sound

    def while_the_files_are_looked_through(run: RunResult) -> None:
        monkeypatch.setattr(folder, "require_sound", sound)
        publish_run(context, "def", by="first")
        sound(run)

    monkeypatch.setattr(folder, "require_sound", while_the_files_are_looked_through)
    publish_run(context, "abc", by="second")
    known = folder.published_when(twice)
    assert [p.by for p in known[-2:]] == ["first", "second"]
    assert _then(twice, datetime.now(UTC)) == "abc"
    assert _then(twice, known[-2].at) == "def"


def test_a_full_disk_leaves_the_published_run_and_is_said_in_words(
    twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.os, "replace", full)
    with pytest.raises(StorageError) as caught:
        folder.publish(twice, "abc", by="kanri", on="2026-04-07")
    assert caught.value.code == "run-not-published"
    monkeypatch.undo()
    published = folder.published(twice)
    assert published is not None
    assert published.run_id == "def"


def test_a_reader_who_holds_the_pointer_for_a_moment_is_waited_for(
    twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a file that is being read cannot be replaced."""
    replace, refused = os.replace, []

    def busy(source: Path, target: Path) -> None:
        if target.name == "published.json" and len(refused) < 3:
            refused.append(target)
            raise PermissionError(errno.EACCES, "in use")
        replace(source, target)

    monkeypatch.setattr(folder.os, "replace", busy)
    assert folder.publish(twice, "abc", by="kanri", on="2026-04-07").run_id == "abc"
    assert len(refused) == 3
    published = folder.published(twice)
    assert published is not None
    assert published.run_id == "abc"
