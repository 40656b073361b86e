"""Full disk, read-only folder, file-size limit: a plain message, nothing lost, and it works again (goal R4)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coverage.domain.ledger import Ledger, Site, Status
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

ADMIN = Actor("sato", "admin")
WRITER = Path(__file__).resolve().parent / "writer_process.py"
COMMAND = "import sys; from coverage.cli import main; main(sys.argv[1:])"

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="tmpfs, remounting and RLIMIT_FSIZE are POSIX"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("this system does not let root mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def _ledger(folder: Path) -> tuple[Path, Any]:
    """A ledger with 50 sites, closed, and what it holds."""
    path = folder / "ledger.sqlite"
    with open_store(str(path)) as store:
        sites = tuple(Site(f"T-{n}", f"局{n}", "24209", 34.0, 136.2, Status.IN_SERVICE) for n in range(50))
        store.load_ledger(Ledger(sites=sites), by=ADMIN, source="見本")
        return path, _content(store)


def _content(store: Any) -> Any:
    return store.head(), store.ledger(), store.counts(), store.verify_audit().ok


def _run(arguments: list[str], folder: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder.parent,
        timeout=120,
        check=False,
        **more,
    )


def _import(path: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return _run([str(WRITER), "once", str(path), "new", "2000"], path.parent, **more)


def _backup(path: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    store = ["--store", str(path)]
    return _run(["-c", COMMAND, "db", "backup", str(path.with_name("b.sqlite")), *store], path.parent, **more)


def _expect_plain_failure(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 6, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "ACK" not in done.stdout
    assert any(word in done.stderr for word in ("書き込めません", "読み取り専用", "開けません")), done.stderr
    assert any(word in done.stderr for word in ("cannot be written", "read-only", "cannot be opened"))


def _expect_unharmed(
    path: Path, content: Any, failed: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    with open_store(str(path)) as store:
        assert _content(store) == content
    assert [p.name for p in path.parent.iterdir() if "partial" in p.name or p.name == "b.sqlite"] == []
    done = failed(path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("action", [_import, _backup])
def test_a_full_disk(small_disk: Path, action: Callable[..., Any]) -> None:
    path, content = _ledger(small_disk)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while file.write(b"x" * 4096):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - 200_000))
    _expect_plain_failure(action(path))
    filler.unlink()
    _expect_unharmed(path, content, action)


@pytest.mark.parametrize("action", [_import, _backup])
def test_a_read_only_disk(small_disk: Path, action: Callable[..., Any]) -> None:
    path, content = _ledger(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    _expect_plain_failure(action(path))
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    _expect_unharmed(path, content, action)


@pytest.mark.parametrize("action", [_import, _backup])
def test_a_limit_on_the_size_of_files(tmp_path: Path, action: Callable[..., Any]) -> None:
    import resource

    folder = tmp_path / "limited"
    folder.mkdir()
    path, content = _ledger(folder)
    limit = path.stat().st_size if action is _import else 100_000
    _expect_plain_failure(
        action(path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    )
    _expect_unharmed(path, content, action)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write(tmp_path: Path) -> None:
    folder = tmp_path / "ro"
    folder.mkdir()
    path, content = _ledger(folder)
    folder.chmod(0o555)
    path.chmod(0o444)
    try:
        _expect_plain_failure(_import(path))
    finally:
        folder.chmod(0o755)
        path.chmod(0o600)
    _expect_unharmed(path, content, _import)
