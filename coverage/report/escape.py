"""Text on its way out into HTML or a script block. The only place where it is made harmless (cells of tables:
:func:`coverage.runs.tables.cell_text`).

Names of sites, districts and settlements come from files that strangers wrote. folium writes popups, tooltips, layer
names and icons unescaped, some of them inside JavaScript template literals, so nothing of a user may ever be handed
to a folium object: it travels as JSON (:func:`script_json`) and is shown by ``textContent``. What has to stand in the
HTML itself (a title, a heading) goes through :func:`esc`.
"""

from __future__ import annotations

import html
import json
from typing import Any

_TEMPLATE_SIGNS = str.maketrans({"$": "&#36;", "`": "&#96;", "{": "&#123;", "}": "&#125;"})
_SCRIPT_SIGNS = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "'": "\\u0027",
        "`": "\\u0060",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


def esc(text: object) -> str:
    """``text`` for HTML content or a quoted attribute, harmless inside a JavaScript template literal as well."""
    return html.escape(str(text), quote=True).translate(_TEMPLATE_SIGNS)


def script_json(value: Any) -> str:
    """Compact JSON that may stand inside a ``<script>`` element of any type.

    Nothing in it can end the element or a JavaScript string. Raises ValueError for NaN and infinity, which are no JSON.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(
        _SCRIPT_SIGNS
    )
