"""Two prefectures fetched with the power going off again and again: the catalogue ends as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from coverage.fetch.catalogue import load_catalogue
from coverage.fetch.fetching import Setting, fetch
from coverage.fetch.inspection import check_folder

INTERRUPTIONS = 20


class PowerCutError(BaseException):
    """Not an Exception: nothing in the product may swallow it."""


class Countdown:
    """Cuts at the n-th step that reached the disk."""

    def __init__(self, steps: int, cut: Any) -> None:
        self.left, self.cut = steps, cut

    def __call__(self, step: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.cut()


def _raise() -> None:
    raise PowerCutError


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def outcome(folder: Path) -> tuple[dict[str, str], str, dict[str, str]]:
    """Digests, the whole catalogue as text, and the digests of the generated regions."""
    catalogue = load_catalogue(folder)
    return catalogue.digests(), catalogue.to_json(), dict(catalogue.regions)


def _steps(folder: Path, setting: Any) -> int:
    """How many steps reach the disk when nothing goes wrong."""
    counted: list[str] = []
    for code in ("98", "99"):
        fetch(code, folder, setting=setting(watch=counted.append))
    return len(counted)


def test_every_kind_of_step_may_be_the_last(tmp_path: Path, setting: Any) -> None:
    total = _steps(tmp_path / "calm", setting)
    wanted = outcome(tmp_path / "calm")
    chosen = random.Random(24)
    folder = tmp_path / "cut"
    cuts = 0
    for code in ("98", "99"):
        for _ in range(INTERRUPTIONS // 2):
            try:
                fetch(code, folder, setting=setting(watch=Countdown(chosen.randint(1, total // 4), _raise)))
            except PowerCutError:
                cuts += 1
            assert check_folder(folder, prefectures_file=setting().prefectures) == ()
        fetch(code, folder, setting=setting())
    assert cuts >= INTERRUPTIONS // 4, "the cuts came after the end and tested nothing"
    assert outcome(folder) == wanted
    assert check_folder(folder, prefectures_file=setting().prefectures) == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="killing a forked process needs fork (not on Windows)")
def test_two_prefectures_killed_twenty_times_end_like_an_uninterrupted_fetch(tmp_path: Path, setting: Any) -> None:
    total = _steps(tmp_path / "calm", setting)
    wanted = outcome(tmp_path / "calm")
    chosen = random.Random(7)
    folder = tmp_path / "killed"
    context = multiprocessing.get_context("fork")
    killed = 0
    while killed < INTERRUPTIONS:
        code = "98" if killed < INTERRUPTIONS // 2 else "99"
        steps = chosen.randint(1, max(2, total // 20))
        child = context.Process(target=_fetch_and_die, args=(code, folder, setting(watch=Countdown(steps, _die))))
        child.start()
        child.join(60)
        assert not child.is_alive()
        assert child.exitcode == -signal.SIGKILL, "it came to its end first; choose smaller steps"
        killed += 1
    for code in ("98", "99"):
        fetch(code, folder, setting=setting())
    assert outcome(folder) == wanted
    assert check_folder(folder, prefectures_file=setting().prefectures) == ()
    assert not list((folder / ".fetch").rglob("*.part"))


def _fetch_and_die(code: str, folder: Path, setting: Setting) -> None:
    fetch(code, folder, setting=setting)


@pytest.mark.parametrize("step", ["journal", "moved", "catalogue", "journal done"])
def test_a_cut_while_layers_move_into_place_is_finished_by_whoever_comes_next(
    tmp_path: Path, setting: Any, step: str
) -> None:
    folder = tmp_path / "layers"
    fetch("98", folder, setting=setting())
    old = outcome(folder)

    def cut(name: str) -> None:
        if name == step:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        fetch("99", folder, setting=setting(watch=cut))
    findings = check_folder(folder, prefectures_file=setting().prefectures)
    assert findings == ()
    after = load_catalogue(folder)
    assert after.prefectures == ("98", "99")
    assert {p: d for p, d in after.digests().items() if p.startswith("98")} == old[0]


def test_a_cut_before_the_journal_changes_nothing_in_use(tmp_path: Path, setting: Any) -> None:
    folder = tmp_path / "layers"
    fetch("98", folder, setting=setting())
    old = outcome(folder)
    seen: list[str] = []

    def cut(name: str) -> None:
        seen.append(name)
        if len(seen) == 12:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        fetch("99", folder, setting=setting(watch=cut))
    assert "journal" not in seen
    assert outcome(folder) == old
    assert check_folder(folder, prefectures_file=setting().prefectures) == ()
