"""``catalogue.json``: which layers lie in a folder, where each file came from, and what it hashes to.

One entry per prefecture and layer. Files lie under ``<prefecture>/<layer>/``; their paths in the catalogue are relative to
the folder, with "/". The file is written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

from coverage import durable
from coverage.domain.region import LayerConfig
from coverage.errors import FileFormatError, StorageError

FILE_NAME: Final = "catalogue.json"
FORMAT: Final = 1

LAYERS: Final = ("boundaries", "population", "future-population", "terrain", "settlements", "shelters", "sites")
"""Layers that can be fetched or imported, in the order in which they are fetched."""


@dataclass(frozen=True)
class CatalogueFile:
    """One file. ``path`` is relative to the layers' folder; ``address`` never holds a token."""

    path: str
    sha256: str
    bytes: int
    address: str = ""
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class CatalogueEntry:
    """One layer of one prefecture."""

    prefecture: str
    layer: str
    source: str
    format: str
    paths: tuple[str, ...]
    """Paths for region.toml, relative to the prefecture's folder."""
    edition: str
    licence: str
    credit: str
    date: str
    """Day on which it was fetched or imported (Japan), ISO 8601."""
    files: tuple[CatalogueFile, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, Any] = field(default_factory=dict)
    """What was counted when it was taken in, by name."""
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.prefecture, self.layer

    @property
    def total_bytes(self) -> int:
        return sum(f.bytes for f in self.files)

    def config(self) -> LayerConfig:
        """The layer table that region.toml gets."""
        return LayerConfig(
            format=self.format,
            path=list(self.paths) if len(self.paths) > 1 else self.paths[0],
            edition=self.edition,
            licence=self.licence,
            credit=self.credit,
            options=dict(self.options),
        )


@dataclass(frozen=True)
class Catalogue:
    """All entries, ordered by prefecture and layer; ``regions``: SHA-256 of each region.toml that was generated."""

    entries: tuple[CatalogueEntry, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)

    def entry(self, prefecture: str, layer: str) -> CatalogueEntry | None:
        return next((e for e in self.entries if e.key == (prefecture, layer)), None)

    def of(self, prefecture: str) -> tuple[CatalogueEntry, ...]:
        return tuple(e for e in self.entries if e.prefecture == prefecture)

    @property
    def prefectures(self) -> tuple[str, ...]:
        return tuple(sorted({e.prefecture for e in self.entries}))

    def with_entries(self, new: Iterable[CatalogueEntry]) -> Catalogue:
        """The same with entries added or replaced."""
        by_key = {e.key: e for e in self.entries} | {e.key: e for e in new}
        order = {name: i for i, name in enumerate(LAYERS)}
        return replace(self, entries=tuple(sorted(by_key.values(), key=lambda e: (e.prefecture, order.get(e.layer, 99)))))

    def with_region(self, prefecture: str, sha256: str) -> Catalogue:
        return replace(self, regions=dict(sorted({**self.regions, prefecture: sha256}.items())))

    def digests(self) -> dict[str, str]:
        """Path → SHA-256 of every file: what two folders with the same layers agree on."""
        return {f.path: f.sha256 for e in self.entries for f in e.files}

    def to_json(self) -> str:
        body = {
            "format": FORMAT,
            "entries": [asdict(e) for e in self.entries],
            "regions": dict(self.regions),
        }
        return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def parse_catalogue(text: str) -> Catalogue:
    """Raises FileFormatError "catalogue-broken" for text that is no catalogue, or one of a newer format."""
    try:
        body = json.loads(text)
        if body["format"] != FORMAT:
            raise ValueError(f"format {body['format']}")
        entries = tuple(_entry(e) for e in body["entries"])
        regions = {_prefecture(k): str(v) for k, v in body["regions"].items()}
        if len({e.key for e in entries}) != len(entries):
            raise ValueError("a layer occurs twice")
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise FileFormatError(
            "catalogue-broken",
            f"{FILE_NAME} が壊れているか、新しい版のものです（{problem}）。バックアップから戻すか、取得し直してください。",
            f"{FILE_NAME} is damaged or of a newer version ({problem}); restore it or fetch the layers again.",
        ) from None
    return Catalogue(entries, regions)


def _entry(raw: Mapping[str, Any]) -> CatalogueEntry:
    files = tuple(CatalogueFile(**f) for f in raw["files"])
    home = f"{_prefecture(raw['prefecture'])}/{raw['layer']}/"
    if raw["layer"] not in LAYERS:
        raise ValueError(f"layer {raw['layer']}")
    for file in files:
        if not safe_path(file.path) or not file.path.startswith(home):
            raise ValueError(f"path {file.path}")
        if len(file.sha256) != 64 or set(file.sha256) - set("0123456789abcdef"):
            raise ValueError(f"sha256 of {file.path}")
    known = {**raw, "files": files, "paths": tuple(raw["paths"]), "notes": tuple((a, b) for a, b in raw["notes"])}
    return CatalogueEntry(**known)


def _prefecture(code: object) -> str:
    text = str(code)
    if not (text.isascii() and text.isdigit() and len(text) == 2):
        raise ValueError(f"prefecture {text}")
    return text


def safe_path(path: str) -> bool:
    """Whether a relative path with "/" stays inside its folder on every system."""
    parts = path.split("/")
    return (
        bool(path)
        and "\\" not in path
        and "\x00" not in path
        and all(p not in ("", ".", "..") for p in parts)
        and not PurePosixPath(path).is_absolute()
        and not PureWindowsPath(path).drive
        and not any(ch in '<>:"|?*' or ord(ch) < 32 for ch in path)
    )


def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder; an empty one where there is none. Errors as :func:`parse_catalogue`."""
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Catalogue()
    except (OSError, UnicodeDecodeError) as problem:
        raise FileFormatError(
            "catalogue-broken",
            f"{FILE_NAME} を読めません（{type(problem).__name__}）。権利と中身を確かめてください。",
            f"{FILE_NAME} cannot be read ({type(problem).__name__}); check its rights and contents.",
        ) from None
    return parse_catalogue(text)


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole and flushed to the disk, or not at all. Raises StorageError "layers-disk"."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write_text(path, text)
    except OSError as problem:
        raise disk_error(path.name, problem) from None


def disk_error(name: str, problem: OSError) -> StorageError:
    reason = problem.strerror or type(problem).__name__
    return StorageError(
        "layers-disk",
        f"「{name}」を書き込めません（{reason}）。空き容量と権利を確かめ、開いているプログラムを閉じてください。",
        f"'{name}' cannot be written ({reason}); check free space and rights, and close programs that hold it open.",
    )
