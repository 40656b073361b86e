"""JavaScript and style sheets that folium would load from four public CDNs, from files that ship with the product.

One table maps every name in folium's ``default_js`` and ``default_css`` to a vendored file or to :data:`LEFT_OUT`
with the reason in a comment. A name that the table lacks raises, so a folium update or a new plugin can never bring a
request to the internet back unnoticed. Each folder ``vendor/<package>-<version>/`` is the npm package's own file
together with its licence.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from branca.element import CssLink, Element, Figure, JavascriptLink
from folium.template import Template

from coverage.errors import EnvironmentProblemError

VENDOR: Final = Path(__file__).resolve().parent / "vendor"
LEFT_OUT: Final = None

_LEAFLET = "leaflet-1.9.4"

FILES: Final[dict[str, str | None]] = {
    "leaflet": f"{_LEAFLET}/leaflet.js",
    "leaflet_css": f"{_LEAFLET}/leaflet.css",
    # Only for folium's $(document).ready and remote GeoJSON; our pages use neither.
    "jquery": LEFT_OUT,
    # Only for the look of folium's own popups and for icon markers; our pages have none.
    "bootstrap": LEFT_OUT,
    "bootstrap_css": LEFT_OUT,
    "awesome_markers": LEFT_OUT,
    "awesome_markers_css": LEFT_OUT,
    "awesome_markers_font_css": LEFT_OUT,
    "awesome_rotate_css": LEFT_OUT,
    "glyphicons_css": LEFT_OUT,
}


class InlineCode(Element):
    """A ``<script>`` or ``<style>`` element with its code inside. The code is ours or vendored, never a user's."""

    _template = Template("<{{ this.tag }}{{ this.attributes }}>{{ this.code }}</{{ this.tag }}>\n")

    def __init__(self, tag: str, code: str, attributes: str = "") -> None:
        super().__init__()
        self._name = "InlineCode"
        self.tag = tag
        self.code = code
        self.attributes = attributes


def vendored_text(relative: str) -> str:
    """Text of a file below ``vendor/``."""
    return (VENDOR / relative).read_text(encoding="utf-8")


@lru_cache
def _embedded(relative: str) -> str:
    """A vendored file as it goes into a page: licence first, no source-map address, no pictures to fetch."""
    text = vendored_text(relative)
    if relative.endswith(".js"):
        licence = vendored_text(f"{relative.split('/')[0]}/LICENSE")
        code = "\n".join(line for line in text.splitlines() if not line.startswith("//# sourceMappingURL="))
        return f"/*\n{licence.strip()}\n*/\n{code}\n"
    # The rules with url() draw folium's layer switch, marker icons and Internet Explorer's VML: unused, and each one
    # would be a request.
    return "\n".join(line for line in text.splitlines() if "url(" not in line)


def embed_assets(figure: Figure) -> None:
    """Replace every link in a rendered figure's header by its vendored code, or drop it where it is left out.

    Call it after ``figure.render()``, which collects the links. Raises :class:`EnvironmentProblemError` for a name
    that :data:`FILES` lacks.
    """
    header = figure.header._children
    for name, child in list(header.items()):
        if not isinstance(child, (JavascriptLink, CssLink)):
            continue
        if name not in FILES:
            raise EnvironmentProblemError(
                "asset-not-vendored",
                f"地図の部品「{name}」が製品に同梱されていません。閉域網で使えないため、地図を作れません。",
                f"The map part '{name}' is not shipped with the product and would be fetched from the internet.",
            )
        relative = FILES[name]
        if relative is None:
            del header[name]
        else:
            tag = "script" if isinstance(child, JavascriptLink) else "style"
            header[name] = InlineCode(tag, _embedded(relative))
