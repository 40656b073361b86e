"""Settings come from the environment, and a wrong one is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coverage.errors import InputError
from coverage.settings import AUTH_MODES, Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.auth, settings.host, settings.port) == ("local", "127.0.0.1", 8501)
    assert (settings.region_folder, settings.store_url) == (Path("data"), None)


def test_every_variable_reaches_its_setting(tmp_path: Path) -> None:
    given = {
        "REGION": "mie",
        "RUNS": "out",
        "LAYERS": "layers",
        "STORE": "sqlite:///ledger.sqlite",
        "AUTH": "proxy-header",
        "HOST": "::1",
        "PORT": "9000",
        "LOG_LEVEL": "debug",
        "BACKUPS": "backups",
        "ANCHOR_LOG": "heads.log",
        "USER_HEADER": "X-Forwarded-User",
        "BASIC_FILE": "users",
        "PUBLIC_SUMMARIES": "no",
        "EXECUTOR": "dask",
        "DASK_SCHEDULER": "tcp://scheduler.example:8786",
    }
    settings = Settings.from_environment({f"COVERAGE_GAP_{name}": value for name, value in given.items()})
    assert settings == Settings(
        region_folder=Path("mie"),
        runs_folder=Path("out"),
        layers_root=Path("layers"),
        store_url="sqlite:///ledger.sqlite",
        auth="proxy-header",
        host="::1",
        port=9000,
        log_level="DEBUG",
        backups_folder=Path("backups"),
        anchor_log=Path("heads.log"),
        user_header="X-Forwarded-User",
        basic_file=Path("users"),
        public_summaries=False,
        executor="dask",
        dask_scheduler="tcp://scheduler.example:8786",
    )


@pytest.mark.parametrize("mode", AUTH_MODES)
def test_each_way_of_authentication_can_be_chosen(mode: str) -> None:
    assert Settings.from_environment({"COVERAGE_GAP_AUTH": mode}).auth == mode


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("AUTH", "none", "setting-unknown"),
        ("LOG_LEVEL", "loud", "setting-unknown"),
        ("PORT", "0", "setting-port"),
        ("PORT", "http", "setting-port"),
        ("PORT", "65536", "setting-port"),
        ("USER_HEADER", "X User\nX-Role: admin", "setting-header"),
        ("PUBLIC_SUMMARIES", "perhaps", "setting-unknown"),
        ("STORE_FILE", "no-such-file", "setting-file"),
        ("EXECUTOR", "threads", "setting-unknown"),
        ("DASK_SCHEDULER", "scheduler.example", "setting-dask-scheduler"),
        ("DASK_SCHEDULER", "http://scheduler.example:8786", "setting-dask-scheduler"),
    ],
)
def test_a_wrong_value_is_refused_and_its_variable_named(name: str, value: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings.from_environment({f"COVERAGE_GAP_{name}": value})
    assert caught.value.code == code
    assert f"COVERAGE_GAP_{name}" in caught.value.ja
    assert f"COVERAGE_GAP_{name}" in caught.value.en


def test_the_stores_address_may_lie_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    secret = tmp_path / "store-url"
    secret.write_text("postgresql://app:password@db/ledger\n", encoding="utf-8")
    secret.chmod(0o600)
    settings = Settings.from_environment({"COVERAGE_GAP_STORE_FILE": str(secret)})
    assert settings.store_url == "postgresql://app:password@db/ledger"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "store-url"
    secret.write_text("postgresql://app:password@db/ledger\n", encoding="utf-8")
    secret.chmod(0o644)
    with pytest.raises(InputError) as caught:
        Settings.from_environment({"COVERAGE_GAP_STORE_FILE": str(secret)})
    assert caught.value.code == "setting-file-shared"
    assert "password" not in str(caught.value)


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Settings.from_environment({"COVERAGE_GAP_STORE": "a", "COVERAGE_GAP_STORE_FILE": "b"})
    assert caught.value.code == "setting-twice"
