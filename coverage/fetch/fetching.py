"""Fetch the layers of one prefecture: plan, download, check, install. All of a call's layers, or none.

Whatever has come stays under ``.fetch/`` when a call fails or is killed, and the next call goes on from there; the
catalogue and the layers in use are touched only when everything is complete and checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from coverage.domain.fiscal import tokyo_date
from coverage.domain.places import Municipality
from coverage.errors import CoverageGapError, FileFormatError, InputError, PublisherError
from coverage.fetch import checks, region_file
from coverage.fetch.addresses import AddressBook, load_addresses
from coverage.fetch.catalogue import Catalogue, CatalogueEntry, CatalogueFile
from coverage.fetch.client import Client, Wanted, forget_part
from coverage.fetch.install import WORK, Watch, install, opened
from coverage.fetch.plan import Choices, LayerPlan, PlannedFile, check_layers, plan_layer
from coverage.fetch.prefectures import PACKAGED, Prefecture, prefecture
from coverage.fetch.staging import Staged, Staging
from coverage.readers.layer_files import sha256
from coverage.readers.terrain import ABSENT_LIST

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Setting:
    """Where the tables of data lie and who is asking; everything that a test replaces."""

    addresses: Path | None = None
    prefectures: Path = PACKAGED
    region_defaults: Path = region_file.PACKAGED
    contact: str | None = None
    token: str | None = field(default=None, repr=False)
    today: date | None = None
    client: Client | None = None
    watch: Watch = lambda _: None

    def book(self) -> AddressBook:
        return load_addresses(self.addresses)

    def day(self) -> str:
        return (self.today or tokyo_date(datetime.now(UTC))).isoformat()


@dataclass(frozen=True)
class Outcome:
    """What a fetch did."""

    prefecture: str
    folder: Path
    installed: tuple[CatalogueEntry, ...]
    unchanged: tuple[str, ...]
    requests: int
    region: region_file.Written
    notes: tuple[tuple[str, str], ...] = ()


def _silent(fraction: float, text: str) -> None:
    """No progress wanted."""


def plan(
    code: str, folder: Path, *, layers: Sequence[str] | None = None, choices: Choices | None = None,
    setting: Setting | None = None,
) -> tuple[LayerPlan, ...]:
    """What :func:`fetch` would take; asks no server and writes nothing.

    Layers whose files follow from the boundaries have ``files`` None until the boundaries are in the folder.
    """
    from coverage.fetch.catalogue import load_catalogue

    setting = setting or Setting()
    home = prefecture(code, setting.prefectures)
    book = setting.book()
    towns = known_boundaries(load_catalogue(folder), folder, home)
    names = _with_boundaries(check_layers(layers), known=towns is not None)
    networks = region_file.networks(setting.region_defaults)
    return tuple(
        plan_layer(n, book, home, choices or Choices(), municipalities=towns, networks=networks) for n in names
    )  # fmt: skip


def fetch(
    code: str, folder: Path, *, layers: Sequence[str] | None = None, choices: Choices | None = None,
    setting: Setting | None = None, progress: Progress = _silent,
) -> Outcome:
    """Fetch, check and install layers of one prefecture into ``folder``.

    Raises PublisherError and FileFormatError for what publishers send, InputError for what was asked, ConflictError while
    another fetch is at work; then the catalogue and the layers are what they were.
    """
    setting, choices = setting or Setting(), choices or Choices()
    home = prefecture(code, setting.prefectures)
    book = setting.book()
    wanted = check_layers(layers)
    if "sites" in wanted and not setting.token:
        raise InputError(
            "token-missing",
            "OpenCelliD には利用者自身のトークンが要ります。環境変数 COVERAGE_GAP_OPENCELLID_TOKEN か、そのファイルを "
            "COVERAGE_GAP_OPENCELLID_TOKEN_FILE で指定してください。",
            "OpenCelliD needs your own token; set COVERAGE_GAP_OPENCELLID_TOKEN, or COVERAGE_GAP_OPENCELLID_TOKEN_FILE.",
        )
    client = setting.client or Client(book.politeness, contact=setting.contact, watch=setting.watch)
    with opened(folder, watch=setting.watch) as catalogue:
        work = _Fetching(folder, home, book, choices, setting, client, catalogue, progress)
        return work.run(wanted)


def _with_boundaries(names: tuple[str, ...], *, known: bool) -> tuple[str, ...]:
    return names if known or "boundaries" in names else ("boundaries", *names)


def known_boundaries(catalogue: Catalogue, folder: Path, home: Prefecture) -> tuple[Municipality, ...] | None:
    """The municipalities of a prefecture whose boundaries are in the folder, else None."""
    entry = catalogue.entry(home.code, "boundaries")
    if entry is None:
        return None
    from coverage.readers.boundaries import read_boundaries

    reading = read_boundaries(
        entry.config(), folder / home.code, prefecture_code=home.code, prefecture_name=home.name_ja
    )
    return reading.municipalities


@dataclass
class _Fetching:
    folder: Path
    home: Prefecture
    book: AddressBook
    choices: Choices
    setting: Setting
    client: Client
    catalogue: Catalogue
    progress: Progress
    municipalities: tuple[Municipality, ...] | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    before: float = 0.0
    share: float = 1.0

    def run(self, wanted: tuple[str, ...]) -> Outcome:
        if "boundaries" not in wanted:
            self.municipalities = known_boundaries(self.catalogue, self.folder, self.home)
        names = _with_boundaries(wanted, known=self.municipalities is not None)
        finished: list[tuple[CatalogueEntry, Staging]] = []
        unchanged: list[str] = []
        for number, name in enumerate(names):
            self.before, self.share = number / len(names), 1 / len(names)
            entry, staging = self._layer(name)
            old = self.catalogue.entry(self.home.code, name)
            if old is not None and _same(old, entry):
                unchanged.append(name)
                staging.discard()
            else:
                finished.append((entry, staging))
        moves = {f"{entry.prefecture}/{entry.layer}": staging.files for entry, staging in finished}
        after = self.catalogue.with_entries(entry for entry, _ in finished)
        scratch = self.folder / WORK / self.home.code / "region"
        after, more, written = region_file.stage(
            after, self.home, self.folder, scratch, defaults=self.setting.region_defaults
        )
        moves |= more
        if moves:
            install(self.folder, moves, after, watch=self.setting.watch)
        for _, staging in finished:
            staging.discard()
        self.progress(1.0, "")
        return Outcome(
            self.home.code,
            self.folder,
            tuple(entry for entry, _ in finished),
            tuple(unchanged),
            self.client.requests,
            written,
            tuple(self.notes),
        )

    def _layer(self, name: str) -> tuple[CatalogueEntry, Staging]:
        automatic = name == "terrain" and self.choices.terrain == "auto"
        planned = self._planned(name, "gsi" if automatic else None)
        try:
            return self._fetched(planned)
        except PublisherError as problem:
            present = self.catalogue.entry(self.home.code, "terrain")
            # A coarser surface model never pushes out the terrain at hand because a server has a bad day.
            if not automatic or problem.code == "publisher-busy" or (present and present.source == planned.source):
                raise
            note = (
                f"国土地理院の標高タイルを取得できないため、代わりに SRTM（表層モデル）を使う: {problem.ja}",
                f"The elevation tiles of GSI could not be fetched, so SRTM (a surface model) stands in: {problem.en}",
            )
        entry, staging = self._fetched(self._planned(name, "srtm"))
        self.notes.append(note)
        return replace(entry, notes=(*entry.notes, note)), staging

    def _planned(self, name: str, terrain: str | None) -> LayerPlan:
        return plan_layer(
            name,
            self.book,
            self.home,
            self.choices,
            municipalities=self.municipalities,
            networks=region_file.networks(self.setting.region_defaults),
            terrain=terrain,
        )

    def _fetched(self, planned: LayerPlan) -> tuple[CatalogueEntry, Staging]:
        place = self.folder / WORK / self.home.code / f"{planned.layer}-{planned.source}"
        staging = Staging(place, planned.fingerprint)
        files = planned.files or ()
        old = self._reusable(planned)
        for number, file in enumerate(files):
            self.progress(
                self.before + self.share * number / len(files), f"{planned.layer} {number + 1}/{len(files)}"
            )
            if file.name not in staging.done:
                self._one(planned, file, staging, old.get(file.address))
                self.setting.watch("file")
        try:
            entry = self._checked(planned, staging)
        except CoverageGapError:
            # Bytes that the layer's reader refuses must not be resumed from.
            staging.discard()
            raise
        return entry, staging

    def _reusable(self, planned: LayerPlan) -> Mapping[str, tuple[CatalogueFile, Path]]:
        """Files at hand by address: of this layer, and of any other prefecture that shares a tile with it."""
        found: dict[str, tuple[CatalogueFile, Path]] = {}
        for entry in self.catalogue.entries:
            if entry.layer == planned.layer and entry.source == planned.source:
                for file in entry.files:
                    if file.etag or file.last_modified:
                        found.setdefault(file.address, (file, self.folder / file.path))
        return found

    def _one(
        self, planned: LayerPlan, file: PlannedFile, staging: Staging, old: tuple[CatalogueFile, Path] | None
    ) -> None:
        info = planned.info
        if old is not None and not (old[1].is_file() and sha256(old[1]) == old[0].sha256):
            old = None
        part = staging.part(file.name)
        want = Wanted(
            address=file.address,
            part=part,
            hosts=tuple(info.hosts),
            max_bytes=info.max_bytes,
            interval_s=self.book.politeness.interval_s if info.interval_s is None else info.interval_s,
            secret=self.setting.token or "",
            etag=old[0].etag if old else "",
            last_modified=old[0].last_modified if old else "",
            may_be_absent=file.may_be_absent,
        )
        answer = self.client.download(want)
        if answer.kind == "new" and file.page_means_absent and checks.is_page(part):
            answer = replace(answer, kind="absent")
        if answer.kind == "absent":
            forget_part(part)
            staging.note(Staged(file.name, file.address, "", 0))
            return
        if answer.kind == "unchanged" and old is not None:
            staging.take(file.name, old[1], move=False)
            staging.note(
                Staged(file.name, file.address, old[0].sha256, old[0].bytes, old[0].etag, old[0].last_modified)
            )
            return
        try:
            checks.check_file(part, info.content, name=file.name)
        except CoverageGapError as problem:
            forget_part(part)
            raise _without_secret(problem, self.setting.token) from None
        digest, size = sha256(part), part.stat().st_size
        staging.take(file.name, part, move=True)
        forget_part(part)
        staging.note(Staged(file.name, file.address, digest, size, answer.etag, answer.last_modified))

    def _checked(self, planned: LayerPlan, staging: Staging) -> CatalogueEntry:
        present = [staging.done[f.name] for f in planned.files or () if not staging.done[f.name].absent]
        absent = [f.name for f in planned.files or () if staging.done[f.name].absent]
        if not present:
            raise FileFormatError(
                "layer-nothing-there",
                f"層 {planned.layer} のファイルが公表元に一つもありません。addresses.toml の住所と版を確かめてください。",
                f"The publisher has not one file of the layer {planned.layer}; check address and edition in addresses.toml.",
            )
        notes = (*planned.notes, *_holes(planned, set(absent)))
        layer = planned.layer
        files = [
            CatalogueFile(f"{self.home.code}/{layer}/{s.name}", s.sha256, s.bytes, s.address, s.etag, s.last_modified)
            for s in present
        ]
        if layer == "terrain" and planned.info.format.startswith("gsi-dem"):
            files += self._absent_list(staging, absent, layer)
        entry = CatalogueEntry(
            prefecture=self.home.code,
            layer=layer,
            source=planned.source,
            format=planned.info.format,
            paths=planned.paths or tuple(f"{layer}/{s.name}" for s in present),
            edition=planned.info.edition if planned.info.content not in ("csv", "opencellid") else self.setting.day(),
            licence=planned.info.licence,
            credit=planned.info.credit,
            date=self.setting.day(),
            files=tuple(sorted(files, key=lambda f: f.path)),
            options=planned.options,
            notes=notes,
        )
        # The readers look for <layer>/<file>; in the staging area that folder is called "files".
        here = entry.config().model_copy(update={"path": _staged_paths(entry)})
        facts, read, towns = checks.check_layer(
            layer, here, staging.place, prefecture=self.home, municipalities=self.municipalities or ()
        )
        if towns:
            self.municipalities = towns
        if absent and layer != "terrain":
            facts = {**facts, "absent": absent}
        elif absent:
            facts = {**facts, "absent_tiles": len(absent)}
        return replace(entry, checks=facts, notes=(*entry.notes, *read))

    def _absent_list(self, staging: Staging, absent: list[str], layer: str) -> list[CatalogueFile]:
        path = staging.files / ABSENT_LIST
        path.write_text("".join(f"{name.removesuffix('.png')}\n" for name in sorted(absent)), encoding="utf-8", newline="\n")
        return [CatalogueFile(f"{self.home.code}/{layer}/{ABSENT_LIST}", sha256(path), path.stat().st_size)]


def _holes(planned: LayerPlan, absent: set[str]) -> tuple[tuple[str, str], ...]:
    """A note on elevation tiles that lack inside the land; PublisherError where they are more than the addresses allow."""
    inside = [f.name for f in planned.files or () if f.inside]
    lacking = [name for name in inside if name in absent]
    if not lacking:
        return ()
    if len(lacking) > planned.info.may_be_absent_below_share * len(inside):
        raise PublisherError(
            "terrain-holes",
            f"陸の中の標高タイル {len(inside):,} 枚のうち {len(lacking):,} 枚（{lacking[0]} など）が公表元にありません。住所とズームを"
            "確かめてください。",
            f"{len(lacking):,} of {len(inside):,} elevation tiles inside the land ({lacking[0]} …) are not there; check the "
            "address and the zoom.",
        )
    return (
        (
            f"陸の中の標高タイル {len(lacking):,} 枚が公表されておらず、その部分はデータなし。",
            f"Elevation tiles inside the land that are not published, NO DATA there: {len(lacking):,}.",
        ),
    )


def _staged_paths(entry: CatalogueEntry) -> str | list[str]:
    paths = ["files" + p.removeprefix(entry.layer) for p in entry.paths]
    return paths if len(paths) > 1 else paths[0]


def _same(old: CatalogueEntry, new: CatalogueEntry) -> bool:
    """Whether a fetch brought nothing new; the day alone is nothing new."""
    return replace(old, date=new.date, edition=new.edition, files=_bare(old)) == replace(new, files=_bare(new))


def _bare(entry: CatalogueEntry) -> tuple[CatalogueFile, ...]:
    return tuple(replace(f, etag="", last_modified="") for f in entry.files)


def _without_secret(problem: CoverageGapError, secret: str | None) -> CoverageGapError:
    if not secret:
        return problem
    return type(problem)(problem.code, problem.ja.replace(secret, "***"), problem.en.replace(secret, "***"))
