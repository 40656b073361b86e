"""The package is called coverage, as coverage.py is: numba must still import, from anywhere, at any time."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from coverage.environment import refuse_coverage_py
from coverage.errors import EnvironmentProblemError

_THREADS = """
import sys, threading
errors = []
def one(kind):
    try:
        if kind == "jit":
            from coverage._jit import njit
            assert njit(lambda x: x + 1)(1) == 2
        else:
            import coverage.domain.grid, coverage.errors, coverage.domain.mesh
    except BaseException as error:
        errors.append(repr(error))
threads = [threading.Thread(target=one, args=("jit" if i % 2 else "plain",)) for i in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
assert not errors, errors
import coverage
assert coverage.__version__ and not hasattr(coverage, "Coverage")
print("ok")
"""


def test_numba_dies_without_the_stub():
    """The trap is real: the day numba stops asking for coverage.py, the stub can go."""
    code = "import coverage\ntry:\n    import numba\nexcept AttributeError as error:\n    print('trap', error)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "trap" in done.stdout, done.stdout + done.stderr


def test_concurrent_imports_never_fail():
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", _THREADS], capture_output=True, text=True, timeout=120)
        assert done.stdout.strip() == "ok", done.stderr




def test_spawned_workers_compile():
    code = (
        "from multiprocessing import get_context\n"
        "from tests_name_trap_worker import work\n"
        "if __name__ == '__main__':\n"
        "    with get_context('spawn').Pool(2) as pool:\n"
        "        print(pool.map(work, [1, 2, 3]))\n"
    )
    import pathlib
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "tests_name_trap_worker.py").write_text(
            "from coverage._jit import njit\n\n\n@njit\ndef kernel(x):\n    return 2 * x\n\n\ndef work(x):\n    return int(kernel(x))\n",
            encoding="utf-8",
        )
        main = root / "main.py"
        main.write_text(code, encoding="utf-8")
        done = subprocess.run([sys.executable, str(main)], capture_output=True, text=True, timeout=180)
    assert done.stdout.strip() == "[2, 4, 6]", done.stderr


def test_environment_with_coverage_py_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "7.10.0")
    with pytest.raises(EnvironmentProblemError) as caught:
        refuse_coverage_py()
    assert "7.10.0" in caught.value.ja
    assert caught.value.exit_code == 7


def test_this_environment_is_free_of_coverage_py():
    refuse_coverage_py()
