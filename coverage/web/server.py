"""Starting the app: Streamlit's options in one table, the address it listens on, and nothing sent out.

The same options stand in ``.streamlit/config.toml`` for ``streamlit run app.py`` (a test compares the two); here they
are given by code, because an installed package has no such file beside it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from coverage.errors import ConflictError, InputError
from coverage.settings import PREFIX, Settings
from coverage.web.visitors import check_auth

if TYPE_CHECKING:
    from coverage.services.context import AppContext

_FONT: Final = '"Noto Sans JP", "Noto Sans CJK JP", "BIZ UDPGothic", "Yu Gothic UI", "Yu Gothic", Meiryo, "Hiragino Sans", sans-serif'

OPTIONS: Final[dict[str, Any]] = {
    "server.headless": True,
    "server.address": "127.0.0.1",
    "server.enableCORS": True,
    "server.corsAllowedOrigins": [],
    "server.allowedHosts": ["127.0.0.1", "localhost", "::1"],
    "server.enableXsrfProtection": True,
    "server.maxUploadSize": 50,
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": False,
    "logger.enableRich": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "viewer",
    "client.showSidebarNavigation": False,
    "theme.base": "light",
    "theme.primaryColor": "#0b5a83",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f4f6f8",
    "theme.textColor": "#1d2a35",
    "theme.linkColor": "#0b5a83",
    "theme.borderColor": "#d5dbe0",
    "theme.showWidgetBorder": True,
    "theme.baseRadius": "4px",
    "theme.font": _FONT,
    "theme.headingFont": _FONT,
    "theme.headingFontWeights": [700, 700, 600, 600, 600, 600],
    "theme.headingFontSizes": ["1.6rem", "1.25rem", "1.05rem", "1rem", "0.95rem", "0.9rem"],
    "theme.chartCategoricalColors": ["#0b5a83", "#d2601a", "#4c7a34", "#7a4a8c", "#8a6d00", "#5a6772"],
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def options_for(host: str, port: int, *, public_hosts: str = "") -> dict[str, Any]:
    """:data:`OPTIONS` for an address. ``public_hosts``: further names under which a proxy serves the app, by comma."""
    names = [name.strip() for name in public_hosts.split(",") if name.strip()]
    hosts = [*OPTIONS["server.allowedHosts"], *([] if is_loopback(host) else [host]), *names]
    return {**OPTIONS, "server.address": host, "server.port": port, "server.allowedHosts": hosts}


def check_address(settings: Settings, host: str) -> None:
    """Raise InputError for an address at which the auth mode would let anybody be anybody."""
    if settings.auth == "local" and not is_loopback(host):
        raise InputError(
            "local-auth-needs-loopback",
            f"利用者認証なし（{PREFIX}AUTH=local）では、この PC の外から届くアドレス {host} で待ち受けできません。"
            "127.0.0.1 を使うか、認証方式を設定してください。",
            f"Without authentication ({PREFIX}AUTH=local) the app may not listen on {host}, which other machines can "
            "reach; use 127.0.0.1 or set an auth mode.",
        )
    if settings.auth == "proxy-header" and not is_loopback(host):
        raise InputError(
            "proxy-auth-needs-loopback",
            f"プロキシの認証（{PREFIX}AUTH=proxy-header）では、{host} で待ち受けできません。プロキシを通らずに届くと、だれでも"
            "利用者を名乗れるためです。127.0.0.1 を使い、前にプロキシを置いてください。",
            f"With {PREFIX}AUTH=proxy-header the app may not listen on {host}: whoever reaches it past the proxy could "
            "name any user; use 127.0.0.1 behind the proxy.",
        )


def serve(context: AppContext, *, host: str = "127.0.0.1", port: int = 8501) -> None:
    """Serve the app until it is interrupted, and print its address.

    Raises :class:`InputError` where ``auth = local`` would be reachable from other machines (its one user has every
    role) or ``auth = proxy-header`` (anybody could state a user past the proxy), :class:`ConflictError` where the port
    is taken, EnvironmentProblemError for an auth mode that cannot be served as it is set up.
    """
    settings = Settings.from_environment()
    check_address(settings, host)
    check_auth(settings)
    # Pages and routes each make their own context from the environment.
    os.environ[PREFIX + "REGION"] = str(context.region_folder.resolve())
    os.environ[PREFIX + "RUNS"] = str(context.runs_folder.resolve())
    if context.layers_root is not None:
        os.environ[PREFIX + "LAYERS"] = str(context.layers_root.resolve())
    if context.store_url is not None:
        os.environ[PREFIX + "STORE"] = context.store_url
    listener = _listen(host, port)
    import uvicorn
    from streamlit.web import bootstrap

    bootstrap.load_config_options(
        options_for(host, port, public_hosts=os.environ.get(PREFIX + "PUBLIC_HOSTS", ""))
    )
    from coverage.web.asgi import app

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            ws_max_size=200 * 2**20,
        )
    )
    shown = f"[{host}]" if ":" in host else host
    print(
        f"画面を開く / open: http://{shown}:{listener.getsockname()[1]}/  （終わるには Ctrl+C / Ctrl+C to stop）",
        flush=True,
    )
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            # On Windows the option would let two servers share one port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConflictError(
            "port-in-use",
            f"{host} のポート {port} で待ち受けできません（{error.strerror or error}）。--port で別の番号を指定してください。",
            f"Cannot listen on {host} port {port} ({error.strerror or error}); choose another one with --port.",
        ) from error
    return listener
