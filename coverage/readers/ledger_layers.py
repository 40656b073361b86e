"""The layers that make the ledger: sites (tables, a flat list, OpenCelliD), the register of districts, actuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coverage.domain.ledger import District, Ledger
from coverage.domain.municipality_code import present_code
from coverage.domain.places import Municipality
from coverage.domain.region import LayerConfig, LayerRecord, RegionConfig
from coverage.errors import RegionError
from coverage.readers.boundaries import Locator, bounds_of
from coverage.readers.crs import TOKYO_DATUM
from coverage.readers.layer_files import Options, one_file, record, unknown_format
from coverage.readers.tables import read_actuals, read_districts, read_ledger, read_site_list

SITE_FORMATS = ("tables", "site-list", "opencellid")
DISTRICT_FORMATS = ("csv", "vector")
ACTUAL_FORMATS = ("csv",)

Layer = tuple[LayerConfig, Path]
_CRS = {"jgd2011": 6668, "tokyo": TOKYO_DATUM}


@dataclass(frozen=True)
class LedgerLayers:
    """The ledger and the records of the layers that it came from."""

    ledger: Ledger
    records: tuple[LayerRecord, ...]


def read_ledger_layers(
    *,
    sites: Layer,
    districts: Layer | None,
    actuals: Layer | None,
    config: RegionConfig,
    municipalities: Sequence[Municipality],
) -> LedgerLayers:
    """One ledger from its layers, checked against the region where ``municipalities`` are loaded.

    Raises FileFormatError as :mod:`coverage.readers.tables` does; RegionError "layer-format-unknown",
    "municipality-unknown" (a code of this prefecture that the boundaries lack), "actuals-twice",
    "opencellid-needs-boundaries".
    """
    records: list[LayerRecord] = []
    register = None
    if districts is not None:
        layer, root = districts
        if layer.format not in DISTRICT_FORMATS:
            raise unknown_format("districts", layer, DISTRICT_FORMATS)
        Options("districts", layer).finish()
        path = one_file("districts", layer, root)
        if (path.suffix.lower() == ".csv") != (layer.format == "csv"):
            raise unknown_format("districts", layer, ["csv（.csv）", "vector（.geojson・.gpkg など）"])
        register = read_districts(path)
        records.append(record("districts", layer, root))
    ledger, own = _sites(*sites, register, config, municipalities)
    records.append(own)
    if actuals is not None:
        layer, root = actuals
        if layer.format not in ACTUAL_FORMATS:
            raise unknown_format("actuals", layer, ACTUAL_FORMATS)
        Options("actuals", layer).finish()
        if ledger.actuals:
            raise RegionError(
                "actuals-twice",
                "実績値の表が layers.sites のフォルダと layers.actuals の両方にあります。片方にしてください。",
                "The table of actuals is both in the folder of layers.sites and in layers.actuals; keep one.",
            )
        ledger = replace(ledger, actuals=read_actuals(one_file("actuals", layer, root)))
        records.append(record("actuals", layer, root))
    ledger = replace(ledger, municipality_mergers=dict(config.municipality_mergers))
    if municipalities:
        _check_codes(ledger, config, {m.code for m in municipalities})
    return LedgerLayers(ledger, tuple(records))


def _sites(
    layer: LayerConfig,
    root: Path,
    register: Sequence[District] | None,
    config: RegionConfig,
    municipalities: Sequence[Municipality],
) -> tuple[Ledger, LayerRecord]:
    options = Options("sites", layer)
    if layer.format == "opencellid":
        return _opencellid(layer, root, options, register, config, municipalities)
    if layer.format not in SITE_FORMATS:
        raise unknown_format("sites", layer, SITE_FORMATS)
    crs = _CRS[options.text("datum", "jgd2011", choices=tuple(_CRS)) or "jgd2011"]
    options.finish()
    names = {operator: operator for operator in config.operators}
    for operator, settings in config.operators.items():
        names |= {settings.name_ja: operator, settings.name_en: operator}
    locate = Locator(municipalities) if municipalities else None
    if layer.format == "tables":
        folder = root / layer.paths[0]
        if len(layer.paths) != 1 or not folder.is_dir():
            raise RegionError(
                "layer-one-folder",
                f"層 sites（形式 tables）には、表のあるフォルダを一つ指定してください（指定: {'、'.join(layer.paths)}）。",
                f"The layer sites (format tables) takes one folder of tables (given: {', '.join(layer.paths)}).",
            )
        reading = read_ledger(folder, operators=names, crs=crs, locate=locate, districts=register)
        return reading.ledger, record("sites", layer, root, files=reading.files)
    path = one_file("sites", layer, root)
    ledger = read_site_list(path, operators=names, crs=crs, locate=locate, districts=register or ())
    return ledger, record("sites", layer, root)


def _opencellid(
    layer: LayerConfig,
    root: Path,
    options: Options,
    register: Sequence[District] | None,
    config: RegionConfig,
    municipalities: Sequence[Municipality],
) -> tuple[Ledger, LayerRecord]:
    from coverage.readers.opencellid import read_opencellid

    networks = options.table("networks")
    options.finish()
    unknown = sorted(set(networks.values()) - set(config.operators))
    if unknown or not networks:
        raise RegionError(
            "layer-option-wrong",
            f'layers.sites.options の networks には「"440-10" = "事業者"」の形で、operators にある事業者を書いてください'
            f"（ない事業者: {'、'.join(unknown) or 'なし'}）。",
            "The option 'networks' of layers.sites maps \"440-10\" to an operator of this region (unknown: "
            f"{', '.join(unknown) or 'none'}); write at least one.",
        )
    if not municipalities:
        raise RegionError(
            "opencellid-needs-boundaries",
            "OpenCelliD の局の市区町村は境界から決めるため、境界の層も読む必要があります。",
            "Sites of OpenCelliD take their municipality from the boundaries; load the boundary layer too.",
        )
    reading = read_opencellid(
        [root / p for p in layer.paths],
        networks=networks,
        locator=Locator(municipalities),
        bounds=bounds_of(municipalities),
    )
    ledger = replace(reading.ledger, districts=tuple(register or ()))
    return ledger, record("sites", layer, root, notes=reading.notes)


def _check_codes(ledger: Ledger, config: RegionConfig, known: set[str]) -> None:
    """A code of this prefecture must be a present municipality or lead to one; sites beyond the border may stand."""
    rows = [("局", "site", s.site_id, s.municipality_code) for s in ledger.sites]
    rows += [("地区", "district", d.district_id, d.municipality_code) for d in ledger.districts]
    for ja, en, name, code in rows:
        now = present_code(code, config.municipality_mergers)
        if now not in known and code.startswith(config.prefecture_code):
            raise RegionError(
                "municipality-unknown",
                f"{ja} {name} の市区町村コード {code} が境界データにありません。コードを直すか、合併した市町村なら "
                f"region.toml の municipality_mergers に「{code} = 現在のコード」を加えてください。",
                f"The municipality code {code} of the {en} {name} is not among the boundaries; correct it or, for a "
                f"merged municipality, add it to municipality_mergers in region.toml.",
            )
