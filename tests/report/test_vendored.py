"""Nothing that folium would fetch from the internet stays a link."""

from __future__ import annotations

import folium
import folium.plugins
import pytest
from branca.element import Figure
from folium.elements import JSCSSMixin

from coverage.errors import EnvironmentProblemError
from coverage.report.vendored import FILES, VENDOR, InlineCode, embed_assets


def test_every_name_of_foliums_plain_map_is_in_the_table() -> None:
    names = {name for name, _ in [*folium.Map.default_js, *folium.Map.default_css]}
    assert names <= set(FILES)


def test_a_plain_folium_map_keeps_no_link_at_all() -> None:
    figure = Figure()
    folium.Map(location=[33.6, 136.6], tiles=None).add_to(figure)
    figure.render()
    embed_assets(figure)
    page = figure._template.render(this=figure, kwargs={})
    assert "<link" not in page
    assert "<script src" not in page
    assert "L.map" in page


@pytest.mark.parametrize(
    "plugin",
    [
        folium.plugins.MarkerCluster([(33.6, 136.6)]),
        folium.plugins.HeatMap([(33.6, 136.6)]),
        folium.plugins.Fullscreen(),
    ],
)
def test_a_plugin_that_is_not_vendored_is_refused_by_name(plugin: JSCSSMixin) -> None:
    figure = Figure()
    page_map = folium.Map(location=[33.6, 136.6], tiles=None)
    figure.add_child(page_map)
    plugin.add_to(page_map)
    figure.render()
    with pytest.raises(EnvironmentProblemError) as caught:
        embed_assets(figure)
    assert caught.value.code == "asset-not-vendored"


def test_every_vendored_package_ships_its_licence_and_the_pages_carry_it() -> None:
    for relative in filter(None, FILES.values()):
        licence = (VENDOR / relative).parent / "LICENSE"
        assert "Redistribution and use" in licence.read_text(encoding="utf-8") or "MIT" in licence.read_text(
            encoding="utf-8"
        )
    figure = Figure()
    folium.Map(location=[0, 0], tiles=None).add_to(figure)
    figure.render()
    embed_assets(figure)
    script = figure.header._children["leaflet"]
    assert isinstance(script, InlineCode)
    assert "Volodymyr Agafonkin" in script.code


def test_vendored_code_names_no_address_that_a_browser_would_fetch() -> None:
    figure = Figure()
    folium.Map(location=[0, 0], tiles=None).add_to(figure)
    figure.render()
    embed_assets(figure)
    for child in figure.header._children.values():
        if isinstance(child, InlineCode):
            assert "sourceMappingURL" not in child.code
            assert child.tag != "style" or "url(" not in child.code
