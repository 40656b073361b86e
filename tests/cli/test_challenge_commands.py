"""``coverage-gap challenge`` and ``coverage-gap confirm``: the same rules as the page, by command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from coverage.cli import main
from coverage.store.locate import open_store
from coverage.store.protocol import Actor

Command = Callable[..., Any]
BY = Actor("kanri", "admin")


@pytest.fixture(scope="module")
def region(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("challenge-commands") / "region"
    tiny.write_tiny_region(folder)
    return folder


@pytest.fixture
def ledger(region: Path, tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("RUNS", "LAYERS", "STORE_FILE", "BACKUPS"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)
    url = str(tmp_path / "ledger.sqlite")
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(region))
    monkeypatch.setenv("COVERAGE_GAP_STORE", url)
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "local")
    with open_store(url) as store:
        store.load_ledger(tiny.tiny_ledger(), by=BY, source="見本")
        store.set_user("keikaku", role="planner", by=BY, expected_version=0)
        store.set_user(
            "higashi", role="municipality", municipality_codes=("99301",), by=BY, expected_version=0
        )
    return url


@pytest.fixture
def command(ledger: str, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str, code: int = 0, plain: bool = False) -> Any:
        left = 0
        try:
            main([*arguments, *([] if plain else ["--json"])])
        except SystemExit as end:
            left = int(end.code or 0)
        out = capsys.readouterr()
        assert left == code, out.out + out.err
        return out.out if plain else json.loads(out.out.splitlines()[-1])

    return call


@pytest.fixture
def typed_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Whose command line it is, where users have roles."""

    def typed(user: str) -> None:
        monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
        monkeypatch.setattr("coverage.services.stores.own_login", lambda: user)

    return typed


POINT = ("--lat", "33.52", "--lon", "136.51", "--on", "2018-04-01")


def test_a_challenge_is_filed_listed_and_answered(command: Command) -> None:
    filed = command("challenge", "file", *POINT, "--note", "バス停で圏外", "--operator", "Sample Mobile A")
    number = filed["challenge_id"]
    assert (filed["municipality_code"], filed["operator"], filed["state"]) == ("99201", "m1", "open")
    assert filed["observed_on"] == "2018-04-01"
    assert command("challenge", "list")["challenges"] == [filed]
    assert command("challenge", "list", "--municipality", "99301")["challenges"] == []
    answered = command("challenge", "answer", number, "--text", "測定に伺います")
    assert (answered["state"], answered["answer"], answered["version"]) == ("answered", "測定に伺います", 2)
    assert command("challenge", "list")["challenges"] == []
    assert command("challenge", "list", "--state", "answered")["challenges"] == [answered]
    said = command("challenge", "list", "--state", "all", plain=True)
    assert (
        f"{number}  answered  2018-04-01  西市  33.52000,136.51000  m1  バス停で圏外 → 測定に伺います" in said
    )
    filed = command("challenge", "file", "--district", "D2", "--note", "集会所で圏外", plain=True)
    assert "見本郡東町" in filed


@pytest.mark.parametrize(
    ("arguments", "exit_code", "error"),
    [
        (("challenge", "file", "--note", "圏外"), 2, "challenge-place"),
        (
            ("challenge", "file", "--note", "圏外", "--lat", "35", "--lon", "135"),
            2,
            "challenge-outside-region",
        ),
        (("challenge", "file", *POINT[:4], "--note", "圏外", "--on", "きのう"), 2, "date-not-iso"),
        (("challenge", "file", *POINT[:4], "--note", "圏外", "--on", "2999-01-01"), 2, "challenge-in-future"),
        (("challenge", "file", "--district", "D9", "--note", "圏外"), 3, "district-not-found"),
        (("challenge", "list", "--state", "closed"), 2, "challenge-state-unknown"),
        (("challenge", "answer", "C999999", "--text", "はい"), 3, "challenge-not-found"),
        (("confirm", "D9"), 3, "district-not-found"),
        (("confirm", "D1"), 4, "district-resolved"),
        (("confirm", "D2", "--on", "2999-01-01"), 2, "confirm-in-future"),
        (("confirm", "D2", "--site", "T3"), 2, "site-not-serving"),
        (("confirm", "D2", "--withdraw", "--reason", "取り違え"), 4, "not-confirmed"),
        (("confirm", "D1", "--withdraw", "--reason", "取り違え"), 4, "confirmed-elsewhere"),
        (("confirm", "D2", "--withdraw", "--on", "2018-04-01"), 2, "confirm-or-withdraw"),
    ],
)
def test_what_cannot_be_is_said_with_its_exit_code(
    command: Command, arguments: tuple[str, ...], exit_code: int, error: str
) -> None:
    assert command(*arguments, code=exit_code)["error"]["code"] == error


def test_the_same_place_twice_is_a_conflict(command: Command) -> None:
    command("challenge", "file", *POINT, "--note", "圏外")
    again = command("challenge", "file", *POINT, "--note", "圏外", code=4)
    assert again["error"]["code"] == "challenge-open-already"


def test_a_municipality_confirms_and_takes_back(command: Command, typed_by: Callable[[str], None]) -> None:
    typed_by("higashi")
    (waiting,) = command("confirm")["districts"]
    assert (waiting["district_id"], waiting["name"], waiting["sites"]) == ("D2", "奥地区", [])
    assert "D2  見本郡東町  奥地区  —" in command("confirm", plain=True)
    done = command("confirm", "D2", "--on", "2018-04-01", "--note", "現地で確認")
    assert done == {"district_id": "D2", "resolved_on": "2018-04-01", "count": []}
    assert command("confirm")["districts"] == []
    assert command("confirm", "D2", "--withdraw", code=2)["error"]["code"] == "text-missing"
    assert command("confirm", "D2", "--withdraw", "--reason", "取り違え")["resolved_on"] is None
    assert "confirmed: D2" in command("confirm", "D2", "--on", "2018-04-01", plain=True)
    assert "withdrawn: D2" in command("confirm", "D2", "--withdraw", "--reason", "取り違え", plain=True)


def test_roles_hold_on_the_command_line_too(command: Command, typed_by: Callable[[str], None]) -> None:
    typed_by("higashi")
    assert (
        command("challenge", "file", *POINT, "--note", "圏外", code=5)["error"]["code"] == "permission-denied"
    )
    number = command("challenge", "file", "--district", "D1", "--note", "まだ圏外")["challenge_id"]
    assert (
        command("challenge", "answer", number, "--text", "はい", code=5)["error"]["code"]
        == "permission-denied"
    )
    typed_by("keikaku")
    assert command("challenge", "list")["challenges"][0]["filed_by"] == "higashi"
    assert command("confirm", "D2", code=5)["error"]["code"] == "permission-denied"
    assert command("confirm")["districts"] == []
    command("challenge", "answer", number, "--text", "測定します")
    typed_by("dareka")
    assert command("challenge", "list", code=5)["error"]["code"] == "user-unknown"
