"""Is what lies in the layers' folder still what the catalogue says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coverage.domain.places import Municipality
from coverage.errors import CoverageGapError
from coverage.fetch import checks
from coverage.fetch.catalogue import Catalogue, CatalogueEntry, load_catalogue
from coverage.fetch.install import WORK, finish_journal
from coverage.fetch.prefectures import PACKAGED, prefecture
from coverage.readers.layer_files import sha256


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a stable code, the file or layer, and one sentence in each language."""

    code: str
    where: str
    ja: str
    en: str


def settled(folder: Path) -> Catalogue:
    """The catalogue, after finishing what a killed fetch or import had decided."""
    if (folder / WORK).is_dir():
        finish_journal(folder)
    return load_catalogue(folder)


def check_folder(
    folder: Path, *, read: bool = False, codes: Sequence[str] = (), prefectures_file: Path = PACKAGED
) -> tuple[Finding, ...]:
    """Every file's presence and digest, files that the catalogue lacks, and with ``read`` the layers' own readers.

    ``codes`` narrows it to prefectures. Raises FileFormatError "catalogue-broken".
    """
    catalogue = settled(folder)
    found: list[Finding] = []
    for code in codes or catalogue.prefectures:
        towns: tuple[Municipality, ...] = ()
        for entry in catalogue.of(code):
            here = _files(folder, entry)
            found += here
            if read and not here:
                problem, more = _read(folder, entry, towns, prefectures_file)
                found += problem
                towns = more or towns
                if problem and entry.layer == "boundaries":
                    break  # the other layers are read against the boundaries and could only repeat this
    return tuple(found)


def damaged_files(folder: Path, entry: CatalogueEntry) -> tuple[Finding, ...]:
    """Missing and changed files of one entry."""
    found = []
    for file in entry.files:
        path = folder / file.path
        try:
            digest = sha256(path)
        except OSError:
            found.append(
                Finding(
                    "layer-file-missing",
                    file.path,
                    f"「{file.path}」がありません。fetch か layers import で入れ直してください。",
                    f"'{file.path}' is missing; fetch or import the layer again.",
                )
            )
            continue
        if digest != file.sha256:
            found.append(
                Finding(
                    "layer-file-changed",
                    file.path,
                    f"「{file.path}」の中身が目録と違います。fetch か layers import で入れ直してください。",
                    f"'{file.path}' is not what the catalogue says; fetch or import the layer again.",
                )
            )
    return tuple(found)


def _files(folder: Path, entry: CatalogueEntry) -> list[Finding]:
    found = list(damaged_files(folder, entry))
    listed = {f.path for f in entry.files}
    home = folder / entry.prefecture / entry.layer
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in listed:
            found.append(
                Finding(
                    "layer-file-unlisted",
                    name,
                    f"「{name}」は目録にありません。計算に混ざらないよう、別の場所へ移してください。",
                    f"'{name}' is not in the catalogue; move it elsewhere, so that no run takes it in.",
                )
            )
    return found


def _read(
    folder: Path, entry: CatalogueEntry, towns: tuple[Municipality, ...], prefectures_file: Path
) -> tuple[list[Finding], tuple[Municipality, ...]]:
    try:
        _, _, more = checks.check_layer(
            entry.layer,
            entry.config(),
            folder / entry.prefecture,
            prefecture=prefecture(entry.prefecture, prefectures_file),
            municipalities=towns,
            thorough=True,
        )
    except CoverageGapError as problem:
        return [Finding(problem.code, f"{entry.prefecture}/{entry.layer}", problem.ja, problem.en)], ()
    return [], more
