"""``coverage-gap db password``: asked for twice, never shown, never on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from coverage.cli import main
from coverage.services import passwords
from coverage.services.passwords import read_passwords

SECRET = "kumano kodo 2017"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(passwords, "_N", 2**14)
    monkeypatch.setattr(passwords, "_P", 1)
    monkeypatch.setenv("COVERAGE_GAP_BASIC_FILE", str(tmp_path / "users.txt"))
    return tmp_path / "users.txt"


def _types(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    typed: Iterator[str] = iter(answers)

    def getpass(prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("getpass.getpass", getpass)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = 0
    try:
        main(["db", "password", *arguments])
    except SystemExit as left:
        code = int(left.code or 0)
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return code, out, err


def test_a_user_is_added_changed_and_taken_out(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for done in ("added", "changed"):
        _types(monkeypatch, SECRET, SECRET)
        code, out, _ = _run(capsys, "keikaku", "--json")
        assert (code, json.loads(out.splitlines()[-1])["done"]) == (0, done)
    assert read_passwords(file)["keikaku"].fits(SECRET)
    code, out, _ = _run(capsys, "keikaku", "--remove")
    assert code == 0
    assert "消しました" in out
    assert read_passwords(file) == {}


@pytest.mark.parametrize("answers", [(SECRET, SECRET + "x"), (SECRET,), ()])
def test_two_answers_that_differ_change_nothing(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answers: tuple[str, ...],
) -> None:
    _types(monkeypatch, *answers)
    code, _, err = _run(capsys, "keikaku")
    assert code == 2
    assert "もう一度" in err
    assert not file.exists()


def test_a_short_password_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _types(monkeypatch, "short", "short")
    code, out, _ = _run(capsys, "keikaku", "--json")
    assert (code, json.loads(out.splitlines()[-1])["error"]["code"]) == (2, "password-length")


def test_without_a_file_the_setting_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COVERAGE_GAP_BASIC_FILE")
    code, _, err = _run(capsys, "keikaku")
    assert code == 2
    assert "COVERAGE_GAP_BASIC_FILE" in err
    _types(monkeypatch, SECRET, SECRET)
    assert _run(capsys, "keikaku", "--file", str(file))[0] == 0
    assert list(read_passwords(file)) == ["keikaku"]
