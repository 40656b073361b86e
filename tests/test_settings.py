from __future__ import annotations

from pathlib import Path

import pytest

from coverage.errors import InputError
from coverage.settings import Settings


def test_nothing_set_is_the_sample_on_loopback():
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.region_folder, settings.host, settings.auth) == (Path("data"), "127.0.0.1", "local")


def test_every_variable_is_read():
    settings = Settings.from_environment(
        {
            "COVERAGE_GAP_REGION": "a",
            "COVERAGE_GAP_RUNS": "b",
            "COVERAGE_GAP_LAYERS": "c",
            "COVERAGE_GAP_STORE": "sqlite:///d",
            "COVERAGE_GAP_AUTH": "oidc",
            "COVERAGE_GAP_HOST": "127.0.0.2",
            "COVERAGE_GAP_PORT": "9000",
            "COVERAGE_GAP_LOG_LEVEL": "debug",
        }
    )
    assert settings == Settings(Path("a"), Path("b"), Path("c"), "sqlite:///d", "oidc", "127.0.0.2", 9000, "DEBUG")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("AUTH", "open", "setting-unknown"), ("LOG_LEVEL", "LOUD", "setting-unknown"), ("PORT", "0", "setting-port"), ("PORT", "80a", "setting-port")],
)
def test_wrong_value_names_its_variable(name, value, code):
    with pytest.raises(InputError) as caught:
        Settings.from_environment({f"COVERAGE_GAP_{name}": value})
    assert caught.value.code == code
    assert f"COVERAGE_GAP_{name}" in caught.value.ja
