"""Settings from the environment: where things lie, how the app is reached, who may do what.

Every variable starts with ``COVERAGE_GAP_``. Secrets never stand on a command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from coverage.errors import InputError

AUTH_MODES = ("local", "proxy-header", "oidc", "basic-file", "none-readonly")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ExecutorName = Literal["processes", "serial", "dask"]
EXECUTORS: tuple[ExecutorName, ...] = ("processes", "serial", "dask")
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
    backups_folder: Path | None = None
    """Where backups go, also the one before a migration; None = beside the store."""
    anchor_log: Path | None = None
    """Log of audit heads (docs/ledger.md); best on another machine's disk. None = beside the store."""
    user_header: str = "X-Remote-User"
    """``auth = proxy-header``: the header in which the proxy, and nobody else, states the user's id."""
    basic_file: Path | None = None
    """``auth = basic-file``: the file of users and password hashes, mode 600."""
    oidc_file: Path | None = None
    """``auth = oidc``: the file that names the identity provider and holds the client's secrets, mode 600."""
    public_summaries: bool = True
    """Whether municipal summaries may be downloaded without a login or token."""
    contact: str | None = None
    """Mail address or page that ``fetch`` names to the publishers, so that they can ask who is calling."""
    addresses: Path | None = None
    """An edited copy of the publishers' addresses (docs/fetch.md); None = the one in the package."""
    opencellid_token: str | None = field(default=None, repr=False)
    """The user's own token for OpenCelliD; from the environment or a file only, never shown."""
    executor: ExecutorName = "processes"
    """Where runs and plans compute the radio: in processes of this machine, in one, or on Dask workers."""
    dask_scheduler: str | None = None
    """``executor = dask``: the scheduler's address, ``tcp://host:port``; None = a cluster on this machine."""

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
            store_url=_secret(given, "STORE"),
            auth=_one_of("AUTH", text("AUTH") or cls.auth, AUTH_MODES),
            host=text("HOST") or cls.host,
            port=_port(text("PORT")) if text("PORT") else cls.port,
            log_level=_one_of("LOG_LEVEL", (text("LOG_LEVEL") or cls.log_level).upper(), LOG_LEVELS),
            backups_folder=path("BACKUPS"),
            anchor_log=path("ANCHOR_LOG"),
            user_header=_header(text("USER_HEADER") or cls.user_header),
            basic_file=path("BASIC_FILE"),
            oidc_file=path("OIDC_FILE"),
            public_summaries=_yes_no("PUBLIC_SUMMARIES", text("PUBLIC_SUMMARIES"), cls.public_summaries),
            contact=text("CONTACT"),
            addresses=path("ADDRESSES"),
            opencellid_token=_secret(given, "OPENCELLID_TOKEN"),
            executor=_executor(text("EXECUTOR") or cls.executor),
            dask_scheduler=_scheduler(text("DASK_SCHEDULER")),
        )


def _secret(given: Mapping[str, str], name: str) -> str | None:
    """A value that may hold a password: from the variable itself, or from the file that ``<name>_FILE`` names.

    On systems that know file modes, the file must be readable by its owner alone.
    """
    value = given.get(PREFIX + name, "").strip()
    file = given.get(f"{PREFIX}{name}_FILE", "").strip()
    if value and file:
        raise InputError(
            "setting-twice",
            f"環境変数 {PREFIX}{name} と {PREFIX}{name}_FILE の両方があります。片方だけにしてください。",
            f"Both {PREFIX}{name} and {PREFIX}{name}_FILE are set; set one of them.",
        )
    if not file:
        return value or None
    try:
        shared = os.name != "nt" and Path(file).stat().st_mode & 0o077
        content = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InputError(
            "setting-file",
            f"環境変数 {PREFIX}{name}_FILE のファイルを読めません。場所と権利を確かめてください。",
            f"The file that {PREFIX}{name}_FILE names cannot be read; check the place and the rights.",
        ) from None
    if shared:
        raise InputError(
            "setting-file-shared",
            f"環境変数 {PREFIX}{name}_FILE のファイルを他の利用者も読めます。chmod 600 にしてください。",
            f"The file that {PREFIX}{name}_FILE names can be read by others; set its mode to 600.",
        )
    return content or None


def _header(value: str) -> str:
    if not value.replace("-", "").isalnum() or not value.isascii():
        raise InputError(
            "setting-header",
            f"環境変数 {PREFIX}USER_HEADER はヘッダー名ではありません。英数字とハイフンだけにしてください。",
            f"Environment variable {PREFIX}USER_HEADER is no header name; use letters, digits and hyphens.",
        )
    return value


def _yes_no(name: str, value: str | None, default: bool) -> bool:
    if value is None:
        return default
    return _one_of(name, value.lower(), ("yes", "no")) == "yes"


def _executor(value: str) -> ExecutorName:
    _one_of("EXECUTOR", value, EXECUTORS)
    return next(known for known in EXECUTORS if known == value)


def _scheduler(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"(tcp|tls)://[^\s/@]+:[0-9]{1,5}", value):
        raise InputError(
            "setting-dask-scheduler",
            f"環境変数 {PREFIX}DASK_SCHEDULER の値「{value}」は Dask のスケジューラーのアドレスではありません。"
            "tcp://ホスト名:8786 の形にしてください。",
            f"Environment variable {PREFIX}DASK_SCHEDULER is '{value}', which is no address of a Dask scheduler; write "
            "tcp://host:8786.",
        )
    return value


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
