from __future__ import annotations

import json
import sys

import pytest

from coverage.errors import FileFormatError, NotFoundError, StorageError
from coverage.runs import folder
from coverage.runs.result import FORMAT, RunResult


def _make(root, run_id, **more):
    with folder.writing(root, run_id) as path:
        (path / "run.json").write_text(
            json.dumps({"format": FORMAT, "run_id": run_id, "fiscal_years": [2015, 2016], **more}), encoding="utf-8"
        )
        (path / "tables").mkdir()
        (path / "tables" / "a.csv").write_text("a\n", encoding="utf-8")


def test_run_appears_only_when_it_is_whole(tmp_path):
    with pytest.raises(RuntimeError), folder.writing(tmp_path, "abc") as path:
        (path / "half.txt").write_text("half", encoding="utf-8")
        assert not (tmp_path / "abc").exists()
        raise RuntimeError("the model failed")
    assert list(tmp_path.iterdir()) == []


def test_existing_run_survives_a_failed_second_computation(tmp_path):
    _make(tmp_path, "abc", note="first")
    with pytest.raises(RuntimeError), folder.writing(tmp_path, "abc"):
        raise RuntimeError
    assert RunResult.open(tmp_path / "abc").meta["note"] == "first"
    _make(tmp_path, "abc", note="second")
    assert RunResult.open(tmp_path / "abc").meta["note"] == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["abc"]


def test_damage_is_found_by_checksum(tmp_path):
    _make(tmp_path, "abc")
    run = RunResult.open(tmp_path / "abc")
    assert folder.damaged_files(run) == []
    (run.folder / "tables" / "a.csv").write_text("b\n", encoding="utf-8")
    assert folder.damaged_files(run) == ["tables/a.csv"]
    (run.folder / "tables" / "a.csv").unlink()
    assert folder.damaged_files(run) == ["tables/a.csv"]
    (run.folder / "SHA256SUMS").unlink()
    assert folder.damaged_files(run) == ["SHA256SUMS"]


def test_damaged_run_cannot_be_published(tmp_path):
    _make(tmp_path, "abc")
    (tmp_path / "abc" / "tables" / "a.csv").write_text("b\n", encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        folder.publish(tmp_path, "abc", by="admin", on="2026-04-01")
    assert caught.value.code == "run-damaged"
    assert folder.published(tmp_path) is None


def test_publishing_names_one_run(tmp_path):
    assert folder.published(tmp_path) is None
    _make(tmp_path, "abc")
    _make(tmp_path, "def")
    folder.publish(tmp_path, "abc", by="admin", on="2026-04-01")
    assert folder.published(tmp_path).run_id == "abc"
    folder.publish(tmp_path, "def", by="admin", on="2026-04-02")
    assert folder.published(tmp_path).run_id == "def"
    assert [r.run_id for r in folder.list_runs(tmp_path)] == ["abc", "def"]


def test_published_run_that_was_removed_is_as_if_none_were_published(tmp_path):
    import shutil

    _make(tmp_path, "abc")
    folder.publish(tmp_path, "abc", by="admin", on="2026-04-01")
    shutil.rmtree(tmp_path / "abc")
    assert folder.published(tmp_path) is None


def test_damaged_pointer_says_what_to_do(tmp_path):
    (tmp_path / "published.json").write_text("{", encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        folder.published(tmp_path)
    assert "coverage-gap publish" in caught.value.ja


@pytest.mark.parametrize("run_id", ["../etc", "a/b", "", "..", "nothere"])
def test_id_that_names_no_run_is_not_found(tmp_path, run_id):
    with pytest.raises(NotFoundError):
        folder.open_run(tmp_path, run_id)


def test_run_of_another_format_is_refused_and_not_listed(tmp_path):
    _make(tmp_path, "abc")
    path = tmp_path / "abc" / "run.json"
    path.write_text(json.dumps({"format": "coverage-gap-run/0"}), encoding="utf-8")
    with pytest.raises(FileFormatError):
        RunResult.open(tmp_path / "abc")
    assert folder.list_runs(tmp_path) == []


def test_missing_table_is_named(tmp_path):
    _make(tmp_path, "abc")
    with pytest.raises(FileFormatError) as caught:
        _ = RunResult.open(tmp_path / "abc").municipalities
    assert "tables/municipalities.csv" in caught.value.ja


def test_year_that_the_run_lacks_names_the_years_it_has(tmp_path):
    _make(tmp_path, "abc")
    run = RunResult.open(tmp_path / "abc")
    assert run.check_fy(None) == 2016
    with pytest.raises(NotFoundError) as caught:
        run.check_fy(2030)
    assert "2015–2016" in caught.value.ja


@pytest.mark.skipif(sys.platform == "win32", reason="a file in the folder's place is reported otherwise on Windows")
def test_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    blocked = tmp_path / "runs"
    blocked.write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(StorageError) as caught, folder.writing(blocked, "abc"):
        pytest.fail("must not begin")
    assert caught.value.code == "run-not-written"


def test_publishing_remembers_what_was_published_before(tmp_path):
    for run_id in ("abc", "def"):
        _make(tmp_path, run_id)
    assert folder.publications(tmp_path) == []
    folder.publish(tmp_path, "abc", by="yamada", on="2026-04-01")
    folder.publish(tmp_path, "def", by="suzuki", on="2026-05-01")
    folder.publish(tmp_path, "def", by="suzuki", on="2026-05-02")
    folder.publish(tmp_path, "abc", by="yamada", on="2026-06-01")
    assert [(p["run_id"], p["published_on"], p["by"]) for p in folder.publications(tmp_path)] == [
        ("abc", "2026-06-01", "yamada"),
        ("def", "2026-05-02", "suzuki"),
        ("abc", "2026-04-01", "yamada"),
    ]


def test_a_pointer_of_an_earlier_release_has_no_history(tmp_path):
    _make(tmp_path, "abc")
    _make(tmp_path, "def")
    (tmp_path / folder.PUBLISHED).write_text('{"run_id": "abc", "published_on": "2026-04-01", "by": "x"}', encoding="utf-8")
    assert [p["run_id"] for p in folder.publications(tmp_path)] == ["abc"]
    folder.publish(tmp_path, "def", by="y", on="2026-05-01")
    assert [p["run_id"] for p in folder.publications(tmp_path)] == ["def", "abc"]


def test_publishing_mends_a_damaged_pointer(tmp_path):
    _make(tmp_path, "abc")
    for damage in ("{", '{"earlier": []}', '{"run_id": "abc", "earlier": [1]}'):
        (tmp_path / folder.PUBLISHED).write_text(damage, encoding="utf-8")
        with pytest.raises(FileFormatError) as caught:
            folder.publications(tmp_path)
        assert caught.value.code == "published-unreadable"
    folder.publish(tmp_path, "abc", by="admin", on="2026-04-01")
    assert [p["run_id"] for p in folder.publications(tmp_path)] == ["abc"]
