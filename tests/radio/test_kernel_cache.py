"""Compiled code is kept on disk under a digest of its sources and a checksum, or not at all."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from coverage.radio import kernel as kernel_module
from coverage.radio.kernel import CheckedStore, kernel, source_digest


def _store(folder: Path, digest: str = "0" * 64) -> CheckedStore:
    return CheckedStore(folder, "loss", digest, pickle.dumps)


def test_what_is_saved_is_loaded_by_key(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.save(("float64",), {"code": 1})
    assert store.load(("float64",)) == {"code": 1}
    assert store.load(("int64",)) is None


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "noise"])
def test_a_damaged_file_is_compiled_again_and_never_executed(tmp_path: Path, damage: str) -> None:
    store = _store(tmp_path)
    store.save("key", list(range(1000)))
    path = store.path("key")
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(
        {"flip": bytes(content), "cut": bytes(content[:-10]), "empty": b"", "noise": b"x" * 500}[damage]
    )
    assert store.load("key") is None
    store.save("key", "new")
    assert store.load("key") == "new"


def test_another_digest_sees_nothing_of_the_old_code(tmp_path: Path) -> None:
    _store(tmp_path).save("key", 1)
    assert _store(tmp_path, "1" * 64).load("key") is None


def test_a_folder_that_cannot_be_written_costs_the_compilation_only(tmp_path: Path) -> None:
    store = _store(tmp_path / "absent")
    store.save("key", 1)
    assert store.load("key") is None


def test_flush_forgets_this_function_only(tmp_path: Path) -> None:
    first, second = _store(tmp_path), CheckedStore(tmp_path, "other", "0" * 64, pickle.dumps)
    first.save("key", 1)
    second.save("key", 2)
    first.flush()
    assert first.load("key") is None
    assert second.load("key") == 2


def test_a_change_in_any_kernel_changes_the_digest(tmp_path: Path) -> None:
    here = Path(kernel_module.__file__).parent
    for path in here.glob("*.py"):
        shutil.copy(path, tmp_path)
    before = source_digest(tmp_path)
    assert before == source_digest(here)
    with open(tmp_path / "sweep_hull.py", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert source_digest(tmp_path) != before


def test_without_sources_functions_still_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sources() -> str:
        raise FileNotFoundError("a frozen program has no sources")

    monkeypatch.setattr(kernel_module, "_own_digest", no_sources)

    @kernel
    def twice(x: float) -> float:
        return 2.0 * x

    assert twice(2.5) == 5.0
