"""Settings from the environment: where things lie, how the app is reached, who may do what.

Every variable starts with ``COVERAGE_GAP_``. Secrets never stand on a command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coverage.errors import InputError

AUTH_MODES = ("local", "proxy-header", "oidc", "basic-file", "none-readonly")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PREFIX = "COVERAGE_GAP_"


@dataclass(frozen=True)
class Settings:
    """One value per variable; docs/settings.md lists them."""

    region_folder: Path = Path("data")
    runs_folder: Path = Path("runs")
    layers_root: Path | None = None
    store_url: str | None = None
    """``sqlite:///PATH`` or ``postgresql://…``; None = the CSV tables of the region are the ledger."""
    auth: str = "local"
    host: str = "127.0.0.1"
    port: int = 8501
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read and check the environment; :class:`InputError` names the variable that is wrong."""
        given = os.environ if environment is None else environment

        def text(name: str) -> str | None:
            value = given.get(PREFIX + name, "").strip()
            return value or None

        def path(name: str) -> Path | None:
            value = text(name)
            return Path(value) if value else None

        return cls(
            region_folder=path("REGION") or cls.region_folder,
            runs_folder=path("RUNS") or cls.runs_folder,
            layers_root=path("LAYERS"),
            store_url=text("STORE"),
            auth=_one_of("AUTH", text("AUTH") or cls.auth, AUTH_MODES),
            host=text("HOST") or cls.host,
            port=_port(text("PORT")) if text("PORT") else cls.port,
            log_level=_one_of("LOG_LEVEL", (text("LOG_LEVEL") or cls.log_level).upper(), LOG_LEVELS),
        )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(
            "setting-unknown",
            f"環境変数 {PREFIX}{name} の値「{value}」は使えません。{'・'.join(allowed)} から選んでください。",
            f"Environment variable {PREFIX}{name} is '{value}'; choose one of {', '.join(allowed)}.",
        )
    return value


def _port(value: str | None) -> int:
    if value is None or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise InputError(
            "setting-port",
            f"環境変数 {PREFIX}PORT の値「{value}」はポート番号ではありません。1〜65535 にしてください。",
            f"Environment variable {PREFIX}PORT is '{value}'; give a port from 1 to 65535.",
        )
    return int(value)
