"""What a property or column means: title in both languages, type, unit. Read from ``fields.toml``.

The JSON Schema of the GeoJSON files, the CSVW description of the CSV files and the headings of the workbooks come from
this one table, so that they cannot say different things.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).resolve().parent / "fields.toml"
TYPES: Final = ("text", "integer", "number", "boolean", "date", "texts")


@dataclass(frozen=True, slots=True)
class Field:
    """One property. ``empty``: null where unknown; ``optional``: may be left out; ``unit``: UCUM-like or a counted thing."""

    name: str
    type: str
    ja: str
    en: str
    unit: str = ""
    empty: bool = False
    optional: bool = False
    pattern: str = ""

    def title(self, lang: str) -> str:
        return self.en if lang == "en" else self.ja


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of feature: its fields in the order they are written, and the geometries it may have."""

    name: str
    ja: str
    en: str
    geometry: tuple[str, ...]
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Fields:
    document: Mapping[str, Field]
    """Members of a FeatureCollection beside its features."""
    kinds: Mapping[str, Kind]
    table: Mapping[str, Field]
    """Columns that only tables have."""
    tables: Mapping[str, Mapping[str, Field]]
    """Columns of single tables that mean something else there."""
    challenge: Mapping[str, Field]
    """Properties of an open challenge, which no run holds."""

    def of_table(self, name: str, head: Sequence[str]) -> list[Field]:
        """The columns ``head`` of ``tables/<name>.csv``. KeyError for one that nobody has described."""
        kind = self.kinds["district" if name == "districts" else "municipality"].fields
        known = {**kind, **self.table, **self.tables.get(name, {})}
        return [known[column] for column in head]

    def columns(self) -> dict[str, Field]:
        """Columns of a table with rows of every kind: kind, year, code and name first, the place last.

        Kinds that share a name share its type; the title is that of the first kind (municipality first).
        """
        shared: dict[str, Field] = {}
        for kind in self.kinds.values():
            for field in kind.fields.values():
                shared.setdefault(field.name, field)
        first = ("fiscal_year", "municipality_code", "name", "site_id", "district_id", "area_id")
        order = [*first, *(name for name in shared if name not in first)]
        return {
            "kind": self.table["kind"],
            **{name: shared[name] for name in order},
            "lat": self.table["lat"],
            "lon": self.table["lon"],
        }


@lru_cache
def fields() -> Fields:
    """The table, read once. ValueError for a type that nobody knows."""
    with _FILE.open("rb") as file:
        raw = tomllib.load(file)
    kinds = {
        name: Kind(
            name, kind["title"]["ja"], kind["title"]["en"], tuple(kind["geometry"]), _read(kind["fields"])
        )
        for name, kind in raw["kind"].items()
    }
    tables = {name: _read(columns) for name, columns in raw["tables"].items()}
    return Fields(_read(raw["document"]), kinds, _read(raw["table"]), tables, _read(raw["challenge"]))


def _read(table: Mapping[str, Mapping[str, Any]]) -> dict[str, Field]:
    out = {name: Field(name, **values) for name, values in table.items()}
    for field in out.values():
        if field.type not in TYPES:
            raise ValueError(f"{field.name}: {field.type}")
    return out
