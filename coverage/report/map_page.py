"""The map of a run as one self-contained HTML file: the map of every day, for print and for handing on.

folium builds the layers; what folium would load from the internet is put inside (:mod:`coverage.report.vendored`), and
everything a person of the field does with the map (fiscal-year slider, operator filter, layers, popups) is our own
script. No text of a user is ever handed to folium: it lies in the page's data block, and the script shows it by
``textContent``. The page asks for nothing from anywhere, so it can be saved, mailed and opened on a closed network.

:func:`content_security_policy` gives the policy under which the page is served: its own scripts by their hashes, no
network, no origin.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import folium
from branca.element import Figure, MacroElement
from folium.template import Template
from folium.utilities import JsCode

from coverage.report.escape import esc, script_json
from coverage.report.map_data import MapData, MapLayer, map_data
from coverage.report.map_sites import Plans
from coverage.report.pictures import data_uri
from coverage.report.vendored import InlineCode, embed_assets
from coverage.report.wording import Texts, report_texts
from coverage.runs.reception import conditions_said
from coverage.runs.result import RunResult

_ASSETS: Final = Path(__file__).resolve().parent / "assets"
# The relief lies above the colours and is multiplied into them, so that mountains stay visible at full colour.
_PANES: Final = (
    ("paper", 200),
    ("signal", 250),
    ("land", 300),
    ("relief", 320),
    ("areas", 340),
    ("districts", 360),
    ("sites", 450),
    ("names", 640),
)


class _PageMap(folium.Map):
    """folium's map with a viewport that may be zoomed by hand, and nothing but Leaflet to load."""

    default_js = [("leaflet", "leaflet.js")]  # noqa: RUF012  (folium reads it from the class)
    default_css = [("leaflet_css", "leaflet.css")]  # noqa: RUF012
    _template = Template(
        """
        {% macro html(this, kwargs) %}
            <div class="folium-map" id="map" role="region" tabindex="0"></div>
        {% endmacro %}
        {% macro script(this, kwargs) %}
            var {{ this.get_name() }} = L.map("map", {
                center: {{ this.location|tojson }},
                ...{{ this.options|tojavascript }}
            });
            {% for name, z in this.panes %}
            {{ this.get_name() }}.createPane({{ name|tojson }}).style.zIndex = {{ z }};
            {% endfor %}
        {% endmacro %}
        """
    )
    panes = _PANES


class _Frame(MacroElement):
    """Head, panel and timeline around the map, and the call that brings them to life."""

    _template = Template(
        """
        {% macro html(this, kwargs) %}
        <svg class="defs" aria-hidden="true" focusable="false"><defs>
          <pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse">
            <path d="M0 0h8v8H0z" fill="#eef0f2"/><path d="M-2 2l4-4M0 8l8-8M6 10l4-4" stroke="#a9b1b8" stroke-width="1.8"/></pattern>
          <pattern id="area" width="6" height="6" patternUnits="userSpaceOnUse">
            <path d="M0 0h6v6H0z" fill="#c98ab9" fill-opacity="0.35"/>
            <path d="M-1 1l2-2M0 6l6-6M5 7l2-2" stroke="#8d3a7b" stroke-width="1.3"/></pattern>
        </defs></svg>
        <header id="head">
          <h1>{{ this.title }}</h1>{% if this.tag %}<span class="tag">{{ this.tag[0] }}<span class="wide">{{ this.tag[1] }}</span></span>{% endif %}
          <div id="figures" aria-live="polite"></div>
          <button id="toggle" type="button" aria-expanded="false" aria-controls="panel">{{ this.words.panel_button }}</button>
        </header>
        {% if this.banner %}<p id="banner" role="status">{{ this.banner }}</p>{% endif %}
        <aside id="panel" aria-label="{{ this.words.panel }}">
          <div id="controls"></div>
          <h2>{{ this.words.legend }}</h2><div id="legend"></div>
          <h2>{{ this.words.sources }}</h2><ul id="sources"></ul>
        </aside>
        <div id="time">
          <button id="play" type="button"></button>
          <div id="track"><input id="year" type="range" min="0" step="1" aria-label="{{ this.words.year }}">
          <div id="ticks" aria-hidden="true"></div></div>
        </div>
        {% endmacro %}
        {% macro script(this, kwargs) %}
            mapPage.start({
                map: {{ this.map.get_name() }},
                municipalities: {{ this.municipalities.get_name() }},
                areas: {{ this.areas.get_name() }},
                districts: {{ this.districts.get_name() }}
            });
        {% endmacro %}
        """
    )

    def __init__(
        self,
        data: MapData,
        run: RunResult,
        texts: Texts,
        *,
        page_map: _PageMap,
        layers: dict[str, folium.GeoJson],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Frame"
        self.map = page_map
        self.municipalities, self.areas, self.districts = (
            layers[k] for k in ("municipalities", "areas", "districts")
        )
        region = run.meta["region"]
        self.title = esc(texts("map.title", region=region[f"name_{texts.lang}"]))
        self.tag = (
            (esc(texts["map.fictional"]), esc(texts["map.fictional_more"])) if region["fictional"] else ()
        )
        said = (
            "" if data.page["computable"]["any"] else data.page["reason"],
            *conditions_said(run.meta, texts.lang),
        )
        self.banner = esc(" ".join(sentence for sentence in said if sentence))
        self.words = {
            "panel": esc(texts["map.panel.title"]),
            "panel_button": esc(texts["map.panel.button"]),
            "legend": esc(texts["map.legend.title"]),
            "sources": esc(texts["map.sources"]),
            "year": esc(texts["map.timeline.year"]),
        }


class _Document(Figure):
    """branca's figure with a language, a title and the policy for a page that was saved to disk."""

    _template = Template(
        "<!DOCTYPE html>\n"
        '<html lang="{{ this.lang }}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        "<title>{{ this.heading }}</title>\n"
        "{{ this.header.render(**kwargs) }}\n</head>\n<body>\n"
        "{{ this.html.render(**kwargs) }}\n<script>\n{{ this.script.render(**kwargs) }}\n</script>\n</body>\n</html>\n"
    )

    def __init__(self, lang: str, heading: str) -> None:
        super().__init__()
        self.lang = lang
        self.heading = heading
        # branca puts a charset of its own there; ours comes first.
        self.header._children.clear()


def build_map_page(run: RunResult, *, lang: str = "ja", plans: Plans = False) -> str:
    """The page of ``run`` in ``lang`` ("ja" or "en") as HTML text. The same run gives the same text.

    ``plans``: with sites not yet in service, for those who may see them.

    Raises :class:`coverage.errors.FileFormatError` where the run lacks a file.
    """
    texts = report_texts(lang)
    return _render(map_data(run, texts.lang, plans=plans), run, texts)


def _render(data: MapData, run: RunResult, texts: Texts) -> str:
    region = run.meta["region"]
    document = _Document(texts.lang, esc(texts("map.title", region=region[f"name_{texts.lang}"])))
    south_west, north_east = data.page["view"]
    page_map = _PageMap(
        location=[(south_west[0] + north_east[0]) / 2.0, (south_west[1] + north_east[1]) / 2.0],
        tiles=None,
        zoom_start=9,
        zoomSnap=0.25,
        minZoom=7,
        maxZoom=15,
        maxBoundsViscosity=0.8,
        maxBounds=_wider(data.page["frame"]),
    )
    document.add_child(page_map)
    document.header.add_child(
        InlineCode("script", script_json(data.page), ' type="application/json" id="map-data"'),
        name="page_data",
    )
    folium.raster_layers.ImageOverlay(
        data_uri(data.relief),
        data.page["frame"],
        name="relief",
        pane="relief",
        pixelated=False,
        interactive=False,
    ).add_to(page_map)
    layers = {
        "municipalities": _layer(
            data.municipalities, "land", "municipalities", style="municipalityStyle", each="onMunicipality"
        ),
        "areas": _layer(data.areas, "areas", "areas", style="areaStyle", each="onArea"),
        "districts": _layer(
            data.districts,
            "districts",
            "districts",
            style="districtStyle",
            each="onDistrict",
            point="districtPoint",
        ),
    }
    for layer in layers.values():
        layer.add_to(page_map)
    page_map.add_child(_Frame(data, run, texts, page_map=page_map, layers=layers))
    _number_elements(document)
    document.render()
    embed_assets(document)
    # After Leaflet and its style sheet, before folium's own script.
    document.header.add_child(InlineCode("style", _asset("map_page.css")), name="page_css")
    for name in ("map_sites.js", "map_page.js"):
        document.header.add_child(InlineCode("script", _asset(name)), name=name)
    return str(document._template.render(this=document, kwargs={}))


def _layer(
    outlines: MapLayer,
    pane: str,
    name: str,
    *,
    each: str,
    style: str | None = None,
    point: str | None = None,
) -> folium.GeoJson:
    """A GeoJSON layer whose looks and popups are functions of the page's script, named here as constants."""
    options: dict[str, Any] = {"pane": pane}
    if style is not None:
        options["style"] = JsCode(f"mapPage.{style}")
    if point is not None:
        options["point_to_layer"] = JsCode(f"mapPage.{point}")
    return folium.GeoJson(
        outlines.numbered(),
        name=name,
        on_each_feature=JsCode(f"mapPage.{each}"),
        smooth_factor=0.8,
        control=False,
        **options,
    )


def _wider(corners: list[list[float]]) -> list[list[float]]:
    """Corners with half the extent around them: as far as the map may be dragged."""
    (south, west), (north, east) = corners
    dy, dx = (north - south) / 2.0, (east - west) / 2.0
    return [[south - dy, west - dx], [north + dy, east + dx]]


def _number_elements(root: Any) -> None:
    """Replace branca's random element ids by running numbers, so that the same run gives the same bytes."""
    number = 0
    queue = [root]
    while queue:
        element = queue.pop(0)
        element._id = f"{number:04d}"
        number += 1
        queue.extend(element._children.values())


@lru_cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_security_policy(page: str) -> str:
    """The policy for a built page: its scripts by hash, pictures and styles inside it, nothing else, null origin."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode('utf-8')).digest()).decode('ascii')}'"
        for code in _SCRIPT.findall(page)
    )
    return (
        f"sandbox allow-scripts; default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
