"""Where a layer's files lie, what they hash to, and which options its reader was given.

Paths in ``region.toml`` are relative, with forward slashes, and never climb: a region folder can be carried to another
machine and means the same there. They are looked for under the layers root (where ``fetch`` and ``import`` put what
publishers give) and then in the region's own folder (what belongs to the region alone, such as its sites).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from coverage.domain.region import LayerConfig, LayerRecord
from coverage.errors import RegionError

_CHUNK = 1 << 20
_SIDECARS = (".shx", ".dbf", ".prj", ".cpg")
_NOT_DATA = frozenset({"readme.md", "readme.txt", "license", "license.txt", "sha256sums"})


def find_root(layer_name: str, layer: LayerConfig, roots: Sequence[Path]) -> Path:
    """The one of ``roots`` that holds every path of the layer.

    Raises RegionError: "layer-path-outside" (absolute, climbing or with backslashes), "layer-file-missing", or
    "layer-in-two-places" where two roots hold it and nobody can tell which is meant.
    """
    for path in layer.paths:
        _check_relative(layer_name, path)
    holders = [root for root in roots if all(_there(root, path) for path in layer.paths)]
    distinct = list({root.resolve(): root for root in holders}.values())
    if len(distinct) == 1:
        return distinct[0]
    if distinct:
        raise RegionError(
            "layer-in-two-places",
            f"層 {layer_name} の「{layer.paths[0]}」が、層の置き場と地域のフォルダの両方にあります。片方だけにしてください。",
            f"'{layer.paths[0]}' of the layer {layer_name} lies both in the layers root and in the region's folder; "
            "keep one of them.",
        )
    lacking = next((p for p in layer.paths if not any(_there(root, p) for root in roots)), layer.paths[0])
    folders = list(dict.fromkeys(root.resolve().name for root in roots))
    raise RegionError(
        "layer-file-missing",
        f"層 {layer_name} のファイル「{lacking}」が「{'」か「'.join(folders)}」にありません。ファイルを置くか、region.toml の "
        f"layers.{layer_name}.path を直してください。",
        f"The file '{lacking}' of the layer {layer_name} is not in {' or '.join(folders)}; "
        f"put it there or correct layers.{layer_name}.path in region.toml.",
    )


def files_of(layer: LayerConfig, root: Path) -> list[Path]:
    """Every file of the layer in reading order: its paths as listed, folders by name, Shapefiles with their parts."""
    found: list[Path] = []
    for path in layer.paths:
        target = root / path
        if not target.is_dir():
            found.append(target)
            if target.suffix.lower() == ".shp":
                found += [p for s in _SIDECARS for p in _sibling(target, s)]
            continue
        inside = [p for p in target.rglob("*") if p.is_file() and not _ignored(p.relative_to(target))]
        found += sorted(inside, key=lambda p: p.relative_to(target).as_posix())
    return list(dict.fromkeys(found))


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def record(
    layer_name: str,
    layer: LayerConfig,
    root: Path,
    *,
    files: Iterable[Path] | None = None,
    estimated: bool = False,
    notes: Iterable[tuple[str, str]] = (),
) -> LayerRecord:
    """What run.json says of a layer. ``files`` narrows it to those that its reader read (default: all)."""
    listed = files_of(layer, root) if files is None else list(files)
    return LayerRecord(
        layer=layer_name,
        format=layer.format,
        files=tuple((path.relative_to(root).as_posix(), sha256(path)) for path in listed),
        edition=layer.edition,
        licence=layer.licence,
        credit=layer.credit,
        estimated=estimated,
        notes=tuple(notes),
    )


def one_file(layer_name: str, layer: LayerConfig, root: Path) -> Path:
    """The layer's only file. Raises RegionError "layer-one-file" where several are named or it is a folder."""
    paths = layer.paths
    if len(paths) != 1 or (root / paths[0]).is_dir():
        raise RegionError(
            "layer-one-file",
            f"層 {layer_name}（形式 {layer.format}）には、ファイルを一つだけ指定してください（指定: {'、'.join(paths)}）。",
            f"The layer {layer_name} (format {layer.format}) takes exactly one file (given: {', '.join(paths)}).",
        )
    return root / paths[0]


class Options:
    """The ``options`` table of a layer, read key by key; what nobody asked for is refused at the end."""

    def __init__(self, layer_name: str, layer: LayerConfig) -> None:
        self._name = layer_name
        self._format = layer.format
        self._given = dict(layer.options)
        self._known: list[str] = []

    def text(self, key: str, default: str | None = None, *, choices: Sequence[str] = ()) -> str | None:
        value = self._take(key, default)
        if value is None or (isinstance(value, str) and (not choices or value in choices)):
            return value
        wanted = "・".join(choices) if choices else "文字列"
        raise self._wrong(key, value, wanted, " or ".join(choices) if choices else "text")

    def integer(self, key: str, default: int | None = None, *, choices: Sequence[int] = ()) -> int | None:
        value = self._take(key, default)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is None or (whole and (not choices or value in choices)):
            return value  # type: ignore[no-any-return]
        shown = [str(c) for c in choices]
        raise self._wrong(key, value, "・".join(shown) or "整数", " or ".join(shown) or "a whole number")

    def number(self, key: str, default: float | None = None) -> float | None:
        value = self._take(key, default)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise self._wrong(key, value, "数", "a number")

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._take(key, default)
        if isinstance(value, bool):
            return value
        raise self._wrong(key, value, "true か false", "true or false")

    def table(self, key: str) -> dict[str, str]:
        """A table of text to text; {} where it is missing."""
        value = self._take(key, {})
        if isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
            return dict(value)
        raise self._wrong(key, value, "文字列の対応表", "a table of text to text")

    def finish(self) -> None:
        """Raise RegionError "layer-option-wrong" for a key that this format does not have."""
        for key in self._given:
            if key not in self._known:
                known = "、".join(self._known) or "なし"
                raise RegionError(
                    "layer-option-wrong",
                    f"layers.{self._name}.options の「{key}」は形式 {self._format} にはありません（使える名前: {known}）。"
                    "消すか直してください。",
                    f"layers.{self._name}.options has the key '{key}', which the format {self._format} does not "
                    f"know (it knows: {', '.join(self._known) or 'none'}); remove or correct it.",
                )

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self._given.get(key, default)

    def _wrong(self, key: str, value: Any, wanted_ja: str, wanted_en: str) -> RegionError:
        return RegionError(
            "layer-option-wrong",
            f"layers.{self._name}.options の「{key}」の値「{value}」は使えません。{wanted_ja}にしてください。",
            f"The option '{key}' of layers.{self._name}.options is '{value}'; it must be {wanted_en}.",
        )


def unknown_format(layer_name: str, layer: LayerConfig, known: Sequence[str]) -> RegionError:
    """The error for a ``format`` that no reader of this layer has."""
    return RegionError(
        "layer-format-unknown",
        f"層 {layer_name} の形式「{layer.format}」は使えません。{'・'.join(known)} のいずれかにしてください。",
        f"The layer {layer_name} has the unknown format '{layer.format}'; use one of {', '.join(known)}.",
    )


def _check_relative(layer_name: str, path: str) -> None:
    climbs = ".." in PurePosixPath(path).parts
    absolute = PurePosixPath(path).is_absolute() or PureWindowsPath(path).drive or path.startswith("~")
    if not path.strip() or "\\" in path or climbs or absolute:
        raise RegionError(
            "layer-path-outside",
            f"層 {layer_name} のパス「{path}」は使えません。層の置き場からの相対パスを「/」区切りで書き、"
            "別の場所は層の置き場（--layers-root）で指定してください。",
            f"The path '{path}' of the layer {layer_name} cannot be used; write it relative to the layers root with "
            "'/', and name another place with --layers-root.",
        )


def _there(root: Path, path: str) -> bool:
    if any(sign in path for sign in "*?["):
        return any(root.glob(path))
    return (root / path).exists()


def _sibling(shp: Path, suffix: str) -> list[Path]:
    for candidate in (shp.with_suffix(suffix), shp.with_suffix(suffix.upper())):
        if candidate.is_file():
            return [candidate]
    return []


def _ignored(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts) or relative.name.lower() in _NOT_DATA
