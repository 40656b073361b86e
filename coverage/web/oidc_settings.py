"""``auth = oidc``: the file that names the office's identity provider and holds the secrets of talking to it.

A TOML file of mode 600 outside of any repository (docs/deployment.md). It says who is asked who somebody is; what that
person may do stands in the ledger's users.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from coverage.errors import EnvironmentProblemError
from coverage.settings import PREFIX, Settings

CALLBACK: Final = "/oauth2callback"
"""Where the provider sends people back to; Streamlit's own address for it."""
CLAIMS: Final = ("sub", "email", "preferred_username")
_LEAST_SECRET: Final = 32
_LONGEST_SESSION_H: Final = 24.0
_NEEDED: Final = ("server_metadata_url", "client_id", "client_secret", "cookie_secret", "redirect_uri")
_KNOWN: Final = frozenset({*_NEEDED, "claim", "session_hours", "scope"})


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The office's provider, and how long a login lasts."""

    server_metadata_url: str
    """Address of the provider's discovery document."""
    client_id: str
    client_secret: str = field(repr=False)
    cookie_secret: str = field(repr=False)
    redirect_uri: str
    claim: str = "sub"
    """The claim of the ID token that is the user's id in the ledger."""
    session_hours: float = 10.0
    scope: str = "openid email profile"

    @property
    def origin(self) -> str:
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secure(self) -> bool:
        """Whether the app is reached by https, so that cookies may ask for it."""
        return urlsplit(self.redirect_uri).scheme == "https"


def read_oidc_settings(settings: Settings) -> OidcSettings:
    """Read and check the file that COVERAGE_GAP_OIDC_FILE names.

    Raises EnvironmentProblemError: "oidc-unset", "oidc-file-unreadable", "oidc-file-shared", "oidc-file-in-repository",
    "oidc-file-wrong" (naming the entry). No message holds a secret.
    """
    path = settings.oidc_file
    if path is None:
        raise EnvironmentProblemError(
            "oidc-unset",
            f"認証方式 oidc には {PREFIX}OIDC_FILE が必要です。書き方は docs/deployment.md にあります。",
            f"The auth mode oidc needs {PREFIX}OIDC_FILE; docs/deployment.md shows what it holds.",
        )
    try:
        shared = os.name != "nt" and path.stat().st_mode & 0o077
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise EnvironmentProblemError(
            "oidc-file-unreadable",
            f"{PREFIX}OIDC_FILE のファイル {path.name} を TOML として読めません。場所・権利・書き方を確かめてください。",
            f"The file {path.name} of {PREFIX}OIDC_FILE cannot be read as TOML; check place, rights and form.",
        ) from None
    if shared:
        raise EnvironmentProblemError(
            "oidc-file-shared",
            f"{path.name} を他の利用者も読めます。chmod 600 にしてください。",
            f"{path.name} can be read by others; set its mode to 600.",
        )
    _require_outside_of_repositories(path)
    return _checked(entries, path.name)


def _require_outside_of_repositories(path: Path) -> None:
    place = path.resolve()
    if any((folder / ".git").exists() for folder in place.parents):
        raise EnvironmentProblemError(
            "oidc-file-in-repository",
            f"{path.name} がリポジトリーの中にあります。秘密が履歴に入らないよう、外に置いてください。",
            f"{path.name} lies in a repository; put it elsewhere, so that no secret gets into its history.",
        )


def _checked(entries: dict[str, Any], name: str) -> OidcSettings:
    unknown = sorted(set(entries) - _KNOWN)
    if unknown:
        raise _wrong(name, unknown[0][:40], "という項目はありません", "is no entry of it")
    for entry in _NEEDED:
        if not isinstance(entries.get(entry), str) or not entries[entry].strip():
            raise _wrong(name, entry, "がありません", "is missing")
    for entry in ("server_metadata_url", "redirect_uri"):
        if not _is_safe_address(entries[entry]):
            raise _wrong(
                name,
                entry,
                "は https:// で始めてください（http:// は 127.0.0.1 だけ）",
                "must be https (http only on 127.0.0.1)",
            )
    if urlsplit(entries["redirect_uri"]).path != CALLBACK:
        raise _wrong(name, "redirect_uri", f"は {CALLBACK} で終わる必要があります", f"must end in {CALLBACK}")
    if len(entries["cookie_secret"]) < _LEAST_SECRET:
        raise _wrong(
            name,
            "cookie_secret",
            f"は {_LEAST_SECRET} 文字以上の乱数にしてください",
            f"must be {_LEAST_SECRET} random characters or more",
        )
    if entries.get("claim", "sub") not in CLAIMS:
        raise _wrong(
            name, "claim", f"は {'・'.join(CLAIMS)} のどれかです", f"must be one of {', '.join(CLAIMS)}"
        )
    hours = entries.get("session_hours", 10.0)
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= _LONGEST_SESSION_H:
        raise _wrong(
            name,
            "session_hours",
            f"は 0 より大きく {_LONGEST_SESSION_H:g} 以下の時間数です",
            f"must be a number of hours above 0, at most {_LONGEST_SESSION_H:g}",
        )
    scope = entries.get("scope", "openid email profile")
    if not isinstance(scope, str) or "openid" not in scope.split():
        raise _wrong(name, "scope", "には openid が必要です", "must name openid")
    return OidcSettings(**{**entries, "session_hours": float(hours)})


def _is_safe_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def _wrong(name: str, entry: str, ja: str, en: str) -> EnvironmentProblemError:
    return EnvironmentProblemError(
        "oidc-file-wrong",
        f"{name} の {entry} {ja}。docs/deployment.md の例と比べてください。",
        f"In {name}, {entry} {en}; compare it with the example in docs/deployment.md.",
    )
