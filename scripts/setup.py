"""Make .venv and install the locked dependencies: ``python3 scripts/setup.py app`` or ``… dev``.

Standard library only, any platform. Does nothing when the lock file and pyproject.toml are those of the last time.
Offline: ``--wheels DIR`` installs from a folder of wheels made by ``make wheels``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def say(ja: str, en: str) -> None:
    print(f"[setup] {ja} / {en}", flush=True)


def fail(ja: str, en: str) -> None:
    print(f"[setup] 失敗: {ja}\n[setup] failed: {en}", file=sys.stderr)
    raise SystemExit(7)


def interpreter() -> str:
    """A Python ≥ 3.11 to make the environment with: this one, or one of the usual names."""
    if sys.version_info >= (3, 11):
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            return found
    fail("Python 3.11 以上が必要です。", "Python 3.11 or newer is needed.")
    raise AssertionError


def make_environment(python: str) -> None:
    if PYTHON.exists():
        return
    say("仮想環境 .venv を作ります", "making the environment .venv")
    made = subprocess.run([python, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    # Debian ships venv apart from Python. As root it can be fetched; otherwise say what to install.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root and shutil.which("apt-get"):
        say("python3-venv を入れます", "installing python3-venv")
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "python3-venv"], check=False, stdout=subprocess.DEVNULL
        )
        made = subprocess.run([python, "-m", "venv", str(VENV)], capture_output=True, text=True)
        if made.returncode == 0:
            return
        shutil.rmtree(VENV, ignore_errors=True)
    print(made.stdout + made.stderr, file=sys.stderr)
    fail(
        "仮想環境を作れません。Debian・Ubuntu では「apt install python3-venv」を実行してください。",
        "the environment cannot be made; on Debian and Ubuntu run 'apt install python3-venv'.",
    )


def pip(*arguments: str, wheels: Path | None) -> None:
    offline = ["--no-index", "--find-links", str(wheels)] if wheels else []
    command = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *offline,
        *arguments,
    ]
    if subprocess.run(command, cwd=PROJECT).returncode != 0:
        fail(
            "部品を入れられません。ネットワークか --wheels のフォルダーを確かめてください。",
            "the dependencies cannot be installed; check the network or the folder given by --wheels.",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("kind", choices=["app", "dev"])
    parser.add_argument("--wheels", type=Path, help="folder of wheels for an install without a network")
    arguments = parser.parse_args()
    lock = PROJECT / "requirements" / f"{arguments.kind}.txt"
    wanted = hashlib.sha256(lock.read_bytes() + (PROJECT / "pyproject.toml").read_bytes()).hexdigest()
    # dev holds everything that app does, so an environment made for tests also serves.
    stamps = [VENV / f".installed-{kind}" for kind in {arguments.kind, "dev"}]
    if PYTHON.exists() and arguments.kind == "app":
        dev_lock = PROJECT / "requirements" / "dev.txt"
        dev = hashlib.sha256(dev_lock.read_bytes() + (PROJECT / "pyproject.toml").read_bytes()).hexdigest()
        if any(s.exists() and s.read_text(encoding="utf-8") in {wanted, dev} for s in stamps):
            return
    own = VENV / f".installed-{arguments.kind}"
    if PYTHON.exists() and own.exists() and own.read_text(encoding="utf-8") == wanted:
        return
    make_environment(interpreter())
    say(f"{lock.name} の部品を入れます（数分）", f"installing what {lock.name} locks (some minutes)")
    pip("--require-hashes", "-r", str(lock), wheels=arguments.wheels)
    pip("--no-deps", "--no-build-isolation", "--editable", ".", wheels=arguments.wheels)
    own.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
