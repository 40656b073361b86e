"""The map as a Streamlit component: a few lines that import our own module from our own address.

What travels through the websocket is the addresses of the data and nothing else, about a kilobyte a rerun; scripts and
data come by HTTP and stay in the browser's cache. The scripts' address holds the digest of their content, so that a new
release is never mixed with an old one's.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

from coverage.errors import NotFoundError
from coverage.report.vendored import vendored_text

ASSETS: Final = Path(__file__).resolve().parent / "assets"
_REPORT_ASSETS: Final = Path(__file__).resolve().parents[2] / "report" / "assets"
_LEAFLET: Final = "leaflet-1.9.4"
JAVASCRIPT: Final = "text/javascript; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"

_BOOT: Final = """
export default async function (component) {
  // A module from a blob: address has no base to resolve a path against.
  const live = await import(new URL(component.data.script, document.location.origin).href);
  return live.mount(component);
}
"""
_HTML: Final = '<div class="live-map-place" style="min-height:560px"></div>'


def live_map(data: dict[str, Any], *, key: str) -> None:
    """Mount the map. ``data``: language and addresses (:func:`coverage.web.views.map_view.show`); small JSON values."""
    component = st.components.v2.component("live_map", html=_HTML, js=_BOOT)
    component(data={"script": f"{asset_base()}/live_map.js", **data}, key=key, height="content")


def asset_base() -> str:
    """Address of the folder of scripts and styles of this release."""
    return f"/map-data/assets/{_digest()}"


def asset(name: str) -> tuple[bytes, str]:
    """(content, media type) of one script or style sheet. NotFoundError for any other name."""
    found = _assets().get(name)
    if found is None:
        raise NotFoundError(
            "asset-not-found",
            "この部品はありません。画面を読み込み直してください。",
            "There is no such part; reload the page.",
        )
    return found


def asset_names() -> tuple[str, ...]:
    """Names that :func:`asset` knows."""
    return tuple(sorted(_assets()))


@lru_cache(maxsize=1)
def _assets() -> dict[str, tuple[bytes, str]]:
    """Everything that may be fetched, by name. Leaflet is the vendored file; the signs are those of the printed map."""
    leaflet = "\n".join(
        line
        for line in vendored_text(f"{_LEAFLET}/leaflet.js").splitlines()
        if not line.startswith("//# sourceMappingURL=")
    )
    licence = vendored_text(f"{_LEAFLET}/LICENSE").strip()
    # The rules with url() draw parts that this map lacks, and each would be a request.
    style = "\n".join(
        line for line in vendored_text(f"{_LEAFLET}/leaflet.css").splitlines() if "url(" not in line
    )
    signs = (_REPORT_ASSETS / "map_sites.js").read_text(encoding="utf-8")
    texts = {
        "leaflet.js": f"/*\n{licence}\n*/\n{leaflet}\nexport default globalThis.L;\n",
        "leaflet.css": style,
        "map_sites.js": f"import './leaflet.js';\n{signs}\nexport {{ siteLayer }};\n",
    }
    for path in sorted(ASSETS.iterdir()):
        if path.suffix in {".js", ".css"}:
            texts[path.name] = path.read_text(encoding="utf-8")
    return {
        name: (text.encode("utf-8"), JAVASCRIPT if name.endswith(".js") else CSS)
        for name, text in texts.items()
    }


@lru_cache(maxsize=1)
def _digest() -> str:
    """Over names and contents of all assets: one digest, because the scripts import each other by name."""
    digest = hashlib.sha256()
    for name, (content, _) in sorted(_assets().items()):
        digest.update(name.encode("utf-8") + b"\0" + content + b"\0")
    return digest.hexdigest()[:16]
