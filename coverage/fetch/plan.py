"""What a fetch would take: one list of files per layer, from the addresses and the prefecture's boundary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from coverage.domain.places import Municipality
from coverage.errors import InputError
from coverage.fetch.addresses import AddressBook, Source
from coverage.fetch.catalogue import LAYERS
from coverage.fetch.prefectures import Prefecture

DEFAULT_LAYERS: Final = ("boundaries", "population", "terrain", "settlements", "shelters")
"""Fetched where ``--layers`` says nothing: what needs no token and no choice."""

TERRAINS: Final = ("auto", "gsi", "srtm")
MESHES: Final = ("250m", "500m", "1km")
_SOURCES: Final = {
    "boundaries": "n03",
    "population": "estat",
    "future-population": "ksj-future",
    "settlements": "isj",
    "shelters": "gsi-shelters",
    "sites": "opencellid",
}
_SHELTER_KINDS: Final = ("1", "2")
_COUNTRY_CODES: Final = ("440", "441")
"""Japan has two mobile country codes, and both files are needed."""


@dataclass(frozen=True)
class Choices:
    """What a person can choose. ``mesh`` None: each source's own default; ``zoom`` None: that of the addresses."""

    mesh: str | None = None
    terrain: str = "auto"
    zoom: int | None = None
    year: int | None = None


@dataclass(frozen=True)
class PlannedFile:
    """One file: name in the layer's folder and address (``{token}`` left in)."""

    name: str
    address: str
    may_be_absent: bool = False
    page_means_absent: bool = False
    """A web page at HTTP 200 also says "there is none" (for slivers of sea that a publisher may not know)."""
    inside: bool = False
    """An elevation tile wholly in the land: if it is absent, that is a hole and no sea."""


@dataclass(frozen=True)
class LayerPlan:
    """One layer of one prefecture. ``source`` is the name in the addresses; ``files`` None until boundaries are known."""

    layer: str
    source: str
    info: Source
    files: tuple[PlannedFile, ...] | None
    paths: tuple[str, ...] = ()
    """Paths for region.toml; () = every file by its name, in order."""
    options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def estimated_bytes(self) -> int | None:
        return None if self.files is None else len(self.files) * self.info.typical_bytes

    @property
    def fingerprint(self) -> str:
        """Changes when anything else is to be fetched: an unfinished fetch of another plan is not resumed."""
        listed = [(f.name, f.address) for f in self.files or ()]
        return hashlib.sha256(json.dumps([self.source, listed]).encode("utf-8")).hexdigest()


def check_layers(names: Sequence[str] | None) -> tuple[str, ...]:
    """The layers asked for, in fetching order. Raises InputError "fetch-layer-unknown"."""
    wanted = DEFAULT_LAYERS if names is None else tuple(names)
    unknown = [n for n in wanted if n not in LAYERS]
    if unknown or not wanted:
        raise InputError(
            "fetch-layer-unknown",
            f"取得できる層に「{'、'.join(unknown)}」はありません。{'・'.join(LAYERS)} から選んでください。",
            f"There is no layer {', '.join(unknown) or '(none given)'} to fetch; choose from {', '.join(LAYERS)}.",
        )
    return tuple(name for name in LAYERS if name in wanted)


def plan_layer(
    layer: str,
    book: AddressBook,
    prefecture: Prefecture,
    choices: Choices,
    *,
    municipalities: Sequence[Municipality] | None,
    networks: dict[str, str] | None = None,
    terrain: str | None = None,
) -> LayerPlan:
    """The files of one layer. ``municipalities`` None: not known yet, then ``files`` is None where they are needed.

    ``terrain`` "gsi" or "srtm" overrides the choice (fallback); ``networks``: mobile network → operator id, for sites.
    Raises InputError for choices that a source does not have.
    """
    if layer == "terrain":
        return _terrain(book, prefecture, choices, municipalities, terrain or choices.terrain)
    name = _SOURCES[layer]
    source = book.source(name)
    own = {"prefecture": prefecture.code}
    options = dict(source.options)
    if layer == "boundaries":
        return LayerPlan(layer, name, source, (_file(source, own),), options=options)
    if layer == "settlements":
        return LayerPlan(layer, name, source, (_file(source, own),), options=options)
    if layer == "future-population":
        if choices.year is not None:
            options["year"] = choices.year
        variant = choices.mesh or ""
        return LayerPlan(layer, name, source, (_file(source, own, variant),), options=options)
    if layer == "sites":
        options["networks"] = dict(networks or {})
        files = tuple(_file(source, {**own, "mcc": mcc}) for mcc in _COUNTRY_CODES)
        return LayerPlan(layer, name, source, files, options=options)
    if municipalities is None:
        return LayerPlan(layer, name, source, None, paths=(layer,), options=options)
    if layer == "shelters":
        codes = dict.fromkeys(prefecture.city_code(m.code) for m in _counted(municipalities, prefecture))
        listed = [
            replace(_file(source, {**own, "municipality": code, "kind": kind}), may_be_absent=True)
            for code in codes
            for kind in _SHELTER_KINDS
        ]
        # An address by prefecture is the same for every municipality.
        return LayerPlan(layer, name, source, tuple(dict.fromkeys(listed)), options=options)
    return _population(name, source, choices, _counted(municipalities, prefecture), options)


def _counted(municipalities: Sequence[Municipality], prefecture: Prefecture) -> list[Municipality]:
    return [m for m in municipalities if m.code not in prefecture.without_census]


def _population(
    name: str, source: Source, choices: Choices, municipalities: Sequence[Municipality], options: dict[str, Any]
) -> LayerPlan:
    from coverage.fetch.tiles import first_level_meshes
    from coverage.readers.boundaries import outline_of

    variant = choices.mesh or ""
    year = source.variant_values(variant).get("census_year")
    if year is not None:
        options["census_year"] = int(year)
    shares = first_level_meshes(outline_of(municipalities))
    files = []
    for mesh, share in shares.items():
        sliver = share < source.may_be_absent_below_share
        file = _file(source, {"mesh": mesh}, variant)
        files.append(replace(file, may_be_absent=sliver, page_means_absent=sliver))
    return LayerPlan("population", name, source, tuple(files), paths=("population",), options=options)


def _terrain(
    book: AddressBook, prefecture: Prefecture, choices: Choices, municipalities: Sequence[Municipality] | None, which: str
) -> LayerPlan:
    if which not in TERRAINS:
        raise InputError(
            "terrain-unknown",
            f"標高「{which}」はありません。{'・'.join(TERRAINS)} から選んでください。",
            f"There is no terrain '{which}'; choose one of {', '.join(TERRAINS)}.",
        )
    name = "srtm" if which == "srtm" else "gsi-dem-png"
    source = book.source(name)
    options = dict(source.options)
    if municipalities is None:
        return LayerPlan("terrain", name, source, None, paths=("terrain",), options=options)
    from coverage.fetch.tiles import degree_tiles, map_tiles
    from coverage.readers.boundaries import outline_of

    land = outline_of(municipalities)
    if name == "srtm":
        files = tuple(
            replace(_file(source, {"tile": tile, "band": tile[:3]}), may_be_absent=not on_land)
            for tile, on_land in degree_tiles(land, margin_m=source.margin_m)
        )
    else:
        zoom = choices.zoom or source.zoom or 14
        if not 9 <= zoom <= 15:
            raise InputError(
                "zoom-wrong",
                f"標高タイルのズーム {zoom} は使えません。9〜15（10 m メッシュは 14 まで）にしてください。",
                f"Zoom {zoom} cannot be used for elevation tiles; give 9 to 15 (10 m data end at 14).",
            )
        surveyed = outline_of(_counted(municipalities, prefecture))
        tolerant = source.may_be_absent_below_share > 0
        files = tuple(
            replace(
                _file(source, {"zoom": str(t.zoom), "x": str(t.x), "y": str(t.y)}),
                may_be_absent=tolerant or not t.inside,
                inside=t.inside,
            )
            for t in map_tiles(land, zoom, margin_m=source.margin_m, surveyed=surveyed)
        )
    return LayerPlan("terrain", name, source, files, paths=("terrain",), options=options)


def _file(source: Source, values: dict[str, str], variant: str = "") -> PlannedFile:
    return PlannedFile(
        source.file_name(values, variant=variant) or "file", source.address(values, variant=variant)
    )
