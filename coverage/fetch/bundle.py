"""One archive for the closed network: layers, region.toml, what it names, and the digest of every file.

The archive is a plain zip, stored without compression (the layers are packed already) and with fixed dates, so that the
same layers give the same bytes on every system; ``SHA256SUMS`` in it can be checked with ``sha256sum -c`` too. Taking one
in verifies every name and digest before anything reaches its place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.errors import FileFormatError, InputError, StorageError
from coverage.fetch import region_file
from coverage.fetch.catalogue import FILE_NAME, Catalogue, disk_error, parse_catalogue, safe_path
from coverage.fetch.inspection import damaged_files
from coverage.fetch.install import WORK, Watch, clear, install, opened
from coverage.readers.layer_files import files_of, find_root, sha256

SUMS: Final = "SHA256SUMS"
MAX_TOTAL_BYTES: Final = 200 * 1024**3
MAX_MEMBERS: Final = 2_000_000
_CHUNK: Final = 1 << 20
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundled:
    """An archive that was written."""

    path: Path
    sha256: str
    bytes: int
    files: int
    prefectures: tuple[str, ...]


@dataclass(frozen=True)
class Imported:
    """What an import brought: layers (prefecture, name), and files that stayed because a person had changed them."""

    layers: tuple[tuple[str, str], ...]
    kept: tuple[str, ...]
    region: tuple[str, ...]


def bundle(folder: Path, target: Path, *, codes: Sequence[str] = (), watch: Watch = lambda _: None) -> Bundled:
    """Write the layers of ``codes`` (default: every prefecture of the catalogue) to the zip ``target``.

    With them go each prefecture's region.toml and the files that it names (site tables). Raises InputError
    "bundle-nothing", FileFormatError "bundle-layer-damaged" (nothing damaged leaves the house), StorageError.
    """
    with opened(folder, watch=watch) as catalogue:
        wanted = tuple(sorted(set(codes) or set(catalogue.prefectures)))
        lacking = [c for c in wanted if not catalogue.of(c)]
        if lacking or not wanted:
            raise InputError(
                "bundle-nothing",
                f"まとめる層がありません（県 {'・'.join(lacking) or '指定なし'}）。先に fetch してください。",
                f"There are no layers to bundle (prefecture {', '.join(lacking) or 'none given'}); fetch them first.",
            )
        entries = tuple(e for e in catalogue.entries if e.prefecture in wanted)
        for entry in entries:
            for finding in damaged_files(folder, entry):
                raise FileFormatError("bundle-layer-damaged", finding.ja, finding.en)
        regions = {c: s for c, s in catalogue.regions.items() if c in wanted}
        sums = {f.path: f.sha256 for e in entries for f in e.files}
        for code in wanted:
            sums |= {n: sha256(folder / n) for n in _named_by_region(folder, code) if n not in sums}
        part = Catalogue(entries, regions).to_json().encode("utf-8")
        sums[FILE_NAME] = hashlib.sha256(part).hexdigest()
        listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode("utf-8")
        _write(folder, target, listing, part, sorted(n for n in sums if n != FILE_NAME))
    return Bundled(target, sha256(target), target.stat().st_size, len(sums), wanted)


def _named_by_region(folder: Path, code: str) -> list[str]:
    """region.toml of a prefecture and every file that it names in the prefecture's own folder."""
    home = folder / code
    if not (home / region_file.NAME).is_file():
        return []
    from coverage.readers.region import published_layers
    from coverage.readers.region_toml import load_config

    config = load_config(home)
    named = [home / region_file.NAME]
    layers = {name: getattr(config.layers, name) for name in type(config.layers).model_fields}
    for operator, settings in config.operators.items():
        layers |= published_layers(operator, settings)
    for name, layer in layers.items():
        if layer is not None:
            named += files_of(layer, find_root(name, layer, [home]))
    names = [p.relative_to(folder).as_posix() for p in named]
    for name in names:
        if not safe_path(name):
            raise InputError(
                "bundle-name",
                f"ファイル名「{name}」は Windows で使えない文字を含むため、まとめられません。名前を変えてください。",
                f"The file name '{name}' cannot be used on Windows; rename it.",
            )
    return names


def _write(folder: Path, target: Path, listing: bytes, catalogue: bytes, names: Sequence[str]) -> None:
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, data in ((SUMS, listing), (FILE_NAME, catalogue)):
                archive.writestr(_info(name, len(data)), data)
            for name in names:
                source = folder / name
                info = _info(name, source.stat().st_size)
                with source.open("rb") as inward, archive.open(info, "w") as outward:
                    shutil.copyfileobj(inward, outward, _CHUNK)
        os.replace(temporary, target)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise disk_error(target.name, problem) from None


def _info(name: str, size: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.compress_type = zipfile.ZIP_STORED
    info.file_size = size
    return info


def is_bundle(path: Path) -> bool:
    """Whether a file is an archive made by :func:`bundle`."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except ARCHIVE_DAMAGE:
        return False
    return {SUMS, FILE_NAME} <= names


def import_bundle(folder: Path, archive: Path, *, watch: Watch = lambda _: None) -> Imported:
    """Take a bundle in: verified whole, then all of it or nothing.

    Layers replace those of the same prefecture and name. region.toml replaces one that no person edited; otherwise it goes
    beside, as region.new.toml. Other files (site tables) come only where there are none: the ledger on the closed network
    is never overwritten. Raises FileFormatError: "bundle-damaged", "bundle-path-escapes", "bundle-sums" (a file lacks, is
    unlisted or differs), "catalogue-broken"; StorageError "layers-disk", "layers-space".
    """
    with opened(folder, watch=watch) as catalogue:
        scratch = folder / WORK / "import"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            sums = _unpack(archive, scratch, watch)
            brought = _catalogue(scratch, sums, archive.name)
            plan = _Placing(folder, scratch, catalogue, brought, sums)
            moves, after = plan.moves()
            install(folder, moves, after, watch=watch)
        finally:
            clear(folder, scratch)
    return Imported(tuple(e.key for e in brought.entries), tuple(plan.kept), tuple(plan.regions))


def _unpack(archive: Path, scratch: Path, watch: Watch) -> dict[str, str]:
    """Every member under ``scratch``, each compared with SHA256SUMS; (name → digest)."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = _members(zipped, archive.name)
            _check_space(sum(m.file_size for m in members.values()), scratch.parent)
            if SUMS not in members or members[SUMS].file_size > 512 * 1024**2:
                raise _damaged(archive.name, f"no {SUMS}")
            sums = _parse_sums(zipped.read(members[SUMS]), archive.name)
            names = set(members) - {SUMS}
            if names != set(sums):
                odd = sorted(names ^ set(sums))[0]
                raise _sums(archive.name, odd)
            for name in sorted(names):
                target = scratch / name
                target.parent.mkdir(parents=True, exist_ok=True)
                digest = hashlib.sha256()
                with zipped.open(members[name]) as inward, target.open("xb") as outward:
                    while chunk := inward.read(_CHUNK):
                        digest.update(chunk)
                        outward.write(chunk)
                if digest.hexdigest() != sums[name]:
                    raise _sums(archive.name, name)
                watch("unpacked")
    except FileNotFoundError:
        raise InputError(
            "bundle-missing",
            f"「{archive.name}」がありません。場所を確かめてください。",
            f"There is no file '{archive.name}'; check the place.",
        ) from None
    except OSError as problem:
        raise disk_error(archive.name, problem) from None
    except InputError:
        raise
    except ARCHIVE_DAMAGE as problem:
        raise _damaged(archive.name, str(problem)) from None
    return sums


def _members(zipped: zipfile.ZipFile, archive: str) -> dict[str, zipfile.ZipInfo]:
    infos = zipped.infolist()
    if len(infos) > MAX_MEMBERS:
        raise _damaged(archive, f"{len(infos):,} members")
    found: dict[str, zipfile.ZipInfo] = {}
    folded: set[str] = set()
    for info in infos:
        # ZipInfo.filename has had its backslashes replaced and its name cut at NUL; what counts is what was written.
        name = info.orig_filename
        kind = stat.S_IFMT(info.external_attr >> 16)
        if not safe_path(name) or kind not in (0, stat.S_IFREG):
            raise FileFormatError(
                "bundle-path-escapes",
                f"「{archive}」に、展開先の外を指す名前か特別なファイル「{name[:80]}」が含まれています。作り直してもらってください。",
                f"'{archive}' holds a name that leads out of its folder, or a special file ('{name[:80]}'); ask for it again.",
            )
        if name.casefold() in folded or info.flag_bits & 0x1:
            raise _damaged(archive, f"{name} occurs twice or is encrypted")
        folded.add(name.casefold())
        found[name] = info
    return found


def _check_space(total: int, place: Path) -> None:
    free = shutil.disk_usage(place).free
    if total > min(free, MAX_TOTAL_BYTES):
        raise StorageError(
            "layers-space",
            f"展開に {total:,} バイト要りますが、空きは {free:,} バイトです（上限 {MAX_TOTAL_BYTES:,}）。容量を空けてください。",
            f"Unpacking needs {total:,} bytes and {free:,} are free (limit {MAX_TOTAL_BYTES:,}); make room.",
        )


def _parse_sums(data: bytes, archive: str) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        for line in data.decode("utf-8").splitlines():
            digest, _, name = line.partition("  ")
            if len(digest) != 64 or set(digest) - set("0123456789abcdef") or not safe_path(name) or name in found:
                raise ValueError(line[:80])
            found[name] = digest
    except ValueError as problem:
        raise _damaged(archive, f"{SUMS}: {problem}") from None
    return found


def _catalogue(scratch: Path, sums: Mapping[str, str], archive: str) -> Catalogue:
    try:
        text = (scratch / FILE_NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise _damaged(archive, f"no {FILE_NAME}") from None
    brought = parse_catalogue(text)
    for path, digest in brought.digests().items():
        if sums.get(path) != digest:
            raise _sums(archive, path)
    homes = set(brought.prefectures)
    for name in sums:
        if name != FILE_NAME and name.split("/", 1)[0] not in homes:
            raise _sums(archive, name)
    return brought


@dataclass
class _Placing:
    """Which of the unpacked files go where."""

    folder: Path
    scratch: Path
    own: Catalogue
    brought: Catalogue
    sums: Mapping[str, str]

    def __post_init__(self) -> None:
        self.kept: list[str] = []
        self.regions: list[str] = []

    def moves(self) -> tuple[dict[str, Path], Catalogue]:
        """(target → source, the catalogue after it)."""
        found: dict[str, Path] = {}
        after = self.own.with_entries(self.brought.entries)
        for entry in self.brought.entries:
            home = f"{entry.prefecture}/{entry.layer}"
            listed = {f.path for f in entry.files}
            stray = sorted(n for n in self.sums if n.startswith(home + "/") and n not in listed)
            if stray:
                raise _sums("", stray[0])
            found[home] = self.scratch / home
        inside = tuple(f"{e.prefecture}/{e.layer}/" for e in self.brought.entries)
        for name in sorted(self.sums):
            if name == FILE_NAME or name.startswith(inside):
                continue
            code, _, rest = name.partition("/")
            if rest == region_file.NAME:
                after = self._region(code, name, found, after)
            elif not (self.folder / name).exists():
                found[name] = self.scratch / name
            elif sha256(self.folder / name) != self.sums[name]:
                self.kept.append(name)
        return found, after

    def _region(self, code: str, name: str, found: dict[str, Path], after: Catalogue) -> Catalogue:
        place = self.folder / name
        present = sha256(place) if place.is_file() else ""
        if present == self.sums[name]:
            pass
        elif present in ("", self.own.regions.get(code)):
            found[name] = self.scratch / name
        else:
            beside = f"{code}/{region_file.BESIDE}"
            found[beside] = self.scratch / name
            self.regions.append(beside)
            self.kept.append(name)
            return after
        self.regions.append(name)
        generated = self.brought.regions.get(code)
        if generated is not None:
            return after.with_region(code, generated)
        return replace(after, regions={k: v for k, v in after.regions.items() if k != code})


def _damaged(archive: str, reason: str) -> FileFormatError:
    return FileFormatError(
        "bundle-damaged",
        f"「{archive}」は層の書庫として読めません（{reason}）。写し直すか、作り直してもらってください。",
        f"'{archive}' cannot be read as a bundle of layers ({reason}); copy it again or ask for a new one.",
    )


def _sums(archive: str, name: str) -> FileFormatError:
    return FileFormatError(
        "bundle-sums",
        f"書庫{f'「{archive}」' if archive else ''}の「{name}」が {SUMS} や目録と合いません。途中で変わったおそれがあるため、作り直してもらってください。",
        f"'{name}' in the bundle {archive} does not agree with {SUMS} or the catalogue; it may have been changed on the "
        "way, so ask for a new one.",
    )
