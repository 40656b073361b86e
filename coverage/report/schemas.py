"""JSON Schema (draft 2020-12) of every JSON document at ``/api/v1``, made from the definitions in ``fields.toml``.

Titles are in both languages; units are annotations (``x-unit``). Documents may gain members, so nothing forbids them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from coverage.errors import NotFoundError
from coverage.report.fields import Field, fields

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
BASE: Final = "/api/v1/schema"

_SHA256: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT: Final = {"type": "string"}
_BOTH: Final = {
    "type": "object",
    "required": ["ja", "en"],
    "properties": {"ja": {"type": "string"}, "en": {"type": "string"}},
}


def schema(name: str) -> dict[str, Any]:
    """The schema of that name; NotFoundError for one that there is not."""
    try:
        return _made(name)
    except KeyError:
        raise NotFoundError(
            "schema-not-found",
            f"スキーマ {name[:40]} はありません。{'・'.join(NAMES)} から選んでください。",
            f"There is no schema {name[:40]}; choose one of {', '.join(NAMES)}.",
        ) from None


def _object(properties: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": dict(properties)}


def _array(of: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(of)}


def _either(*types: str) -> dict[str, Any]:
    return {"type": list(types)}


def _said(ja: str, en: str, what: Mapping[str, Any]) -> dict[str, Any]:
    """``what`` with a title in both languages."""
    return {"title": f"{ja} / {en}", **what}


def _of_field(field: Field) -> dict[str, Any]:
    """One property. A number with a unit is never negative: people, areas and shares are counted."""
    types: dict[str, dict[str, Any]] = {
        "text": {"type": "string"},
        "integer": {"type": "integer"},
        "number": {"type": "number"},
        "boolean": {"type": "boolean"},
        "date": {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "texts": {"type": "array", "items": {"type": "string"}},
    }
    base = types[field.type]
    out = {"title": f"{field.ja} / {field.en}", **base}
    if field.unit:
        out["x-unit"] = field.unit
        out["minimum"] = 0
    if field.unit == "1":
        out["maximum"] = 1
    if field.pattern:
        out["pattern"] = field.pattern
    if field.empty:
        out["type"] = [base["type"], "null"]
    return out


def _properties(table: Mapping[str, Field], kind: str) -> dict[str, Any]:
    return _object(
        {"kind": {"const": kind}, **{name: _of_field(f) for name, f in table.items()}},
        ["kind", *(name for name, f in table.items() if not f.optional)],
    )


def _feature(table: Mapping[str, Field], kind: str, geometry: Iterable[str]) -> dict[str, Any]:
    return _object(
        {
            "type": {"const": "Feature"},
            "id": {"type": "string", "minLength": 1},
            "geometry": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in geometry]},
            "properties": _properties(table, kind),
        },
        ["type", "id", "geometry", "properties"],
    )


_GEOMETRY: Final[dict[str, Any]] = {
    # RFC 7946: longitude before latitude, WGS 84. A linear ring has four positions or more.
    "position": {
        "type": "array",
        "prefixItems": [
            {"type": "number", "minimum": -180, "maximum": 180},
            {"type": "number", "minimum": -90, "maximum": 90},
        ],
        "minItems": 2,
        "maxItems": 2,
    },
    "ring": {"type": "array", "minItems": 4, "items": {"$ref": "#/$defs/position"}},
    "polygon": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/ring"}},
    "Point": _object({"type": {"const": "Point"}, "coordinates": {"$ref": "#/$defs/position"}}, ["type", "coordinates"]),
    "Polygon": _object({"type": {"const": "Polygon"}, "coordinates": {"$ref": "#/$defs/polygon"}}, ["type", "coordinates"]),
    "MultiPolygon": _object(
        {
            "type": {"const": "MultiPolygon"},
            "coordinates": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/polygon"}},
        },
        ["type", "coordinates"],
    ),
}  # fmt: skip


def _geojson() -> dict[str, Any]:
    """``municipalities.geojson``, ``region.geojson`` and ``municipalities/<code>.geojson``."""
    known = fields()
    return {
        "title": "市町・県全体の GeoJSON / GeoJSON of a municipality or the region",
        "description": "RFC 7946。地物の種別は properties.kind。 / RFC 7946; properties.kind says what a feature is.",
        **_object(
            {
                "type": {"const": "FeatureCollection"},
                **{name: _of_field(f) for name, f in known.document.items()},
                "features": _array({"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in known.kinds]}),
            },
            ["type", "features", *(name for name, f in known.document.items() if not f.optional)],
        ),
        # RFC 7946 §4 removed it.
        "not": {"required": ["crs"]},
        "$defs": {
            **_GEOMETRY,
            **{
                kind.name: {
                    "title": f"{kind.ja} / {kind.en}",
                    **_feature(kind.fields, kind.name, kind.geometry),
                }
                for kind in known.kinds.values()
            },
        },
    }


def _challenges() -> dict[str, Any]:
    """``challenges.geojson``."""
    return {
        "title": "回答を待つ圏外の申出 / Challenges that wait for an answer",
        **_object(
            {
                "type": {"const": "FeatureCollection"},
                "name": {"const": "open-challenges"},
                "total": _said("待っている申出の数", "How many wait", {"type": "integer", "minimum": 0}),
                "returned": _said("この中の数", "How many are in here", {"type": "integer", "minimum": 0}),
                "features": _array(_feature(fields().challenge, "challenge", ("Point",))),
            },
            ["type", "name", "total", "returned", "features"],
        ),
        "$defs": _GEOMETRY,
    }


def _index() -> dict[str, Any]:
    """``index.json``."""
    at = _said("アドレス", "Address", {"type": "string", "pattern": "^/"})
    entry = {"url": at, "url_of_year": at, "sha256": {"anyOf": [_SHA256, {"type": "null"}]}}
    file = {
        "path": _said("/api/v1/ の後", "What follows /api/v1/", {"type": "string", "minLength": 1}),
        "url": at,
        "title": _BOTH,
        "media_type": _said("形式", "Media type", {"type": "string", "pattern": "^[a-z]+/"}),
        "bytes": _said("大きさ", "Size", {"type": "integer", "minimum": 1, "x-unit": "bytes"}),
        "sha256": _SHA256,
        "licence": _said("利用条件", "Licence", _TEXT),
        "credit": _said("出典", "Credit", _TEXT),
    }
    layer = {
        "layer": _TEXT,
        "edition": _TEXT,
        "licence": _TEXT,
        "credit": _TEXT,
        "estimated": {"type": "boolean"},
    }
    table = {"url": at, "sha256": entry["sha256"]}
    places = {
        "code": {"type": "string", "pattern": "^[0-9]{5}$"},
        "code_six_digits": {"type": "string", "pattern": "^[0-9]{6}$"},
        "name": _TEXT,
        **entry,
    }
    region = {
        "prefecture_code": {"type": "string", "pattern": "^[0-9]{2}$"},
        "name_ja": _TEXT,
        "name_en": _TEXT,
        "fictional": {"type": "boolean"},
    }
    properties = {
        "format": {"const": "coverage-gap-index/1"},
        "run_id": _of_field(fields().document["run_id"]),
        "region": _object(region, region),
        "notice": _BOTH,
        "computable": _of_field(fields().document["computable"]),
        "computable_reason": _BOTH,
        "estimated": _of_field(fields().document["estimated"]),
        "fiscal_year": _of_field(fields().document["fiscal_year"]),
        "fiscal_year_label": _BOTH,
        "fiscal_years": _array({"type": "integer"}),
        "tables": {"type": "object", "additionalProperties": _object(table, table)},
        "summaries": {"type": "object", "additionalProperties": _object(entry, entry)},
        "municipalities": _array(_object(places, places)),
        "report": _object({"pdf": at, "xlsx": at}, ["pdf", "xlsx"]),
        "live": _said(
            "いまの台帳のもの（計算結果に属さない）",
            "Of the ledger as it is now, of no run",
            _object({"challenges": at}, ["challenges"]),
        ),
        "map": at,
        "layers": _array(_object(layer, layer)),
        "checksums": at,
        "files": _said(
            "取得できるファイルのすべて", "Every file that can be fetched", _array(_object(file, file))
        ),
    }
    return {
        "title": "取得できるものの一覧 / Index of what can be fetched",
        **_object(properties, properties),
    }


def _error() -> dict[str, Any]:
    """Any answer with a status of 400 or more."""
    members = {
        "code": _said(
            "変わらない符号", "Stable code", {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}
        ),
        "ja": {"type": "string", "minLength": 1},
        "en": {"type": "string", "minLength": 1},
        "message": _said("lang の言語の文", "The sentence in the language of lang", _TEXT),
    }
    return {
        "title": "エラー / Error",
        **_object({"error": _object(members, ["code", "ja", "en"])}, ["error"]),
    }


def _health() -> dict[str, Any]:
    """``/healthz``."""
    members = {"status": {"const": "ok"}, "run": _either("string", "null"), "version": _TEXT}
    return {"title": "稼働確認 / Health", **_object(members, members)}


def _csv_metadata() -> dict[str, Any]:
    """``….csv-metadata.json``: what we use of CSV on the Web (W3C tabular metadata)."""
    spoken = _array(_object({"@value": _TEXT, "@language": {"enum": ["ja", "en"]}}, ["@value", "@language"]))
    column = _object(
        {
            "name": _TEXT,
            "titles": _TEXT,
            "rdfs:label": spoken,
            "datatype": {"enum": ["string", "integer", "number", "boolean", "date"]},
            "null": _array(_TEXT),
            "separator": {"const": ";"},
            "schema:unitText": _TEXT,
        },
        ["name", "titles", "rdfs:label", "datatype"],
    )
    return {
        "title": "CSV の説明（CSV on the Web） / Description of a CSV file (CSV on the Web)",
        **_object(
            {
                "@context": {"type": "array"},
                "url": {"type": "string", "pattern": r"^[a-z0-9]+\.csv$"},
                "dc:title": spoken,
                "dc:identifier": _of_field(fields().document["run_id"]),
                "dc:license": _array(_TEXT),
                "dc:source": _array(_TEXT),
                "dc:description": spoken,
                "dialect": {"type": "object"},
                "tableSchema": _object({"columns": _array(column)}, ["columns"]),
            },
            ["@context", "url", "dc:title", "dc:identifier", "dc:license", "dc:source", "tableSchema"],
        ),
    }


_MAKERS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "geojson": _geojson,
    "index": _index,
    "csv-metadata": _csv_metadata,
    "challenges": _challenges,
    "error": _error,
    "health": _health,
}
NAMES: Final = tuple(_MAKERS)


@lru_cache
def _made(name: str) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": f"{BASE}/{name}.json", **_MAKERS[name]()}
