"""Layers that staff downloaded themselves (FG-GML needs an account): checked and catalogued like fetched ones."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from coverage.domain.places import Municipality
from coverage.errors import InputError
from coverage.fetch import checks, region_file
from coverage.fetch.addresses import AddressBook, ByHand
from coverage.fetch.catalogue import LAYERS, CatalogueEntry, CatalogueFile, disk_error, safe_path
from coverage.fetch.fetching import Setting, known_boundaries
from coverage.fetch.install import WORK, clear, install, opened
from coverage.fetch.prefectures import prefecture
from coverage.readers.layer_files import sha256

_FORMATS: Final = {
    "boundaries": "n03",
    "population": "estat-mesh",
    "future-population": "ksj-mesh",
    "settlements": "isj",
    "shelters": "gsi",
    "sites": "opencellid",
}
_TERRAIN: Final = {".hgt": "srtm-hgt", ".gz": "srtm-hgt", ".tif": "geotiff", ".tiff": "geotiff", ".png": "gsi-dem-png"}
_FOLDER_FORMATS: Final = frozenset({"estat-mesh", "jpgis-dem", "srtm-hgt", "geotiff", "gsi-dem-png", "gsi-dem-txt"})


def import_files(
    folder: Path,
    files: Sequence[Path],
    *,
    code: str,
    layer: str,
    layer_format: str | None = None,
    edition: str | None = None,
    licence: str | None = None,
    credit: str | None = None,
    setting: Setting | None = None,
) -> CatalogueEntry:
    """Copy files (or folders of tiles) into the layers' folder as one layer of one prefecture.

    What is not stated of format, edition, licence and credit comes from the layer, the files' names and ``by_hand`` of
    the addresses. The layer is read with its reader first. Raises InputError ("import-missing", "import-twice",
    "import-layer", "boundaries-first"), what readers raise, ConflictError, StorageError; then nothing has changed.
    """
    setting = setting or Setting()
    home = prefecture(code, setting.prefectures)
    if layer not in LAYERS:
        raise InputError(
            "import-layer",
            f"層「{layer}」はありません。{'・'.join(LAYERS)} から選んでください。",
            f"There is no layer '{layer}'; choose from {', '.join(LAYERS)}.",
        )
    listed = _listed(files)
    chosen = layer_format or _guessed(layer, listed)
    about = _about(setting.book(), chosen, layer)
    with opened(folder, watch=setting.watch) as catalogue:
        towns: tuple[Municipality, ...] = ()
        if layer != "boundaries":
            known = known_boundaries(catalogue, folder, home)
            if known is None:
                raise InputError(
                    "boundaries-first",
                    f"{home.name_ja}の行政区域がまだありません。先に boundaries を fetch か layers import で入れてください。",
                    f"The boundaries of {home.name_en} are not there yet; fetch or import 'boundaries' first.",
                )
            towns = known
        scratch = folder / WORK / home.code / f"{layer}-by-hand"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            taken = _copied(listed, scratch / "files", f"{home.code}/{layer}")
            options = dict(about.options)
            if layer == "sites":
                options["networks"] = region_file.networks(setting.region_defaults)
            entry = CatalogueEntry(
                prefecture=home.code,
                layer=layer,
                source="by-hand",
                format=chosen,
                paths=(layer,) if chosen in _FOLDER_FORMATS else tuple(f"{layer}/{n}" for n in sorted(listed)),
                edition=edition or about.edition,
                licence=licence or about.licence,
                credit=credit or about.credit,
                date=setting.day(),
                files=taken,
                options=options,
            )
            here = entry.config().model_copy(
                update={"path": [f"files{p.removeprefix(layer)}" for p in entry.paths]}
            )
            facts, notes, _ = checks.check_layer(
                layer, here, scratch, prefecture=home, municipalities=towns, thorough=True
            )
            entry = replace(entry, checks=facts, notes=notes)
            after = catalogue.with_entries([entry])
            after, moves, _ = region_file.stage(
                after, home, folder, folder / WORK / home.code / "region", defaults=setting.region_defaults
            )
            install(folder, {f"{home.code}/{layer}": scratch / "files", **moves}, after, watch=setting.watch)
        finally:
            clear(folder, scratch)
    return entry


def _listed(files: Sequence[Path]) -> dict[str, Path]:
    """Name in the layer's folder → file; folders bring everything below them."""
    found: dict[str, Path] = {}
    for given in files:
        inside = sorted(p for p in given.rglob("*") if p.is_file()) if given.is_dir() else [given]
        for path in inside:
            name = path.relative_to(given).as_posix() if given.is_dir() else path.name
            if not path.is_file():
                raise InputError(
                    "import-missing",
                    f"「{path.name}」がありません。場所を確かめてください。",
                    f"There is no file '{path.name}'; check the place.",
                )
            if name in found or not safe_path(name):
                raise InputError(
                    "import-twice",
                    f"「{name}」という名前のファイルが二つあるか、名前が使えません。名前を変えてください。",
                    f"There are two files named '{name}', or the name cannot be used; rename it.",
                )
            found[name] = path
    if not found:
        raise InputError(
            "import-missing",
            "取り込むファイルがありません。ファイルかフォルダを指定してください。",
            "There is no file to import; name files or a folder.",
        )
    return found


def _guessed(layer: str, listed: dict[str, Path]) -> str:
    if layer != "terrain":
        return _FORMATS[layer]
    suffixes = {p.suffix.lower() for p in listed.values()}
    for suffix, name in _TERRAIN.items():
        if suffix in suffixes:
            return name
    return "jpgis-dem"


def _about(book: AddressBook, layer_format: str, layer: str) -> ByHand:
    return book.by_hand.get(layer_format) or ByHand(
        layer=layer, edition="不明", licence="不明（配布元に確認）", credit=f"{layer}（配布元に確認）"
    )


def _copied(listed: dict[str, Path], to: Path, home: str) -> tuple[CatalogueFile, ...]:
    taken = []
    for name, path in sorted(listed.items()):
        target = to / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        except OSError as problem:
            raise disk_error(name, problem) from None
        taken.append(CatalogueFile(f"{home}/{name}", sha256(target), target.stat().st_size))
    return tuple(taken)
