"""A place on one A4 page: map, figures by year, districts, sites as allowed, credits and run id.

Typst lays out the page; all texts go to it as strings of a JSON file, never as Typst source. The date in the file is the
end of the fiscal year, not the clock's.
"""

from __future__ import annotations

import calendar
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst

from coverage.domain import fiscal
from coverage.report import place_map as pictures
from coverage.report.pdf import FONTS, percent, whole
from coverage.report.place import PLANNED, Place
from coverage.report.wording import Texts, report_texts

_TEMPLATE: Final = Path(__file__).resolve().parent / "assets" / "place.typ"
_DISTRICTS: Final = 14
"""Districts that the page lists; the others are in the data files, and the page says so."""
_PLANNED: Final = 8


def place_pdf(place: Place, *, lang: str = "ja") -> bytes:
    """The sheet as PDF, always one page. The same bytes for the same run."""
    texts = report_texts(lang)
    with tempfile.TemporaryDirectory(prefix="coverage-gap-place-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "place.typ").write_text(_TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "data.json").write_text(
            json.dumps(sheet_content(place, texts), ensure_ascii=False), encoding="utf-8"
        )
        (folder / "map.jpg").write_bytes(pictures.place_map(place))
        pdf: bytes = typst.compile(
            str(folder / "place.typ"),
            root=str(folder),
            font_paths=_fonts(),
            timestamp=calendar.timegm((*place.dated, 0, 0, 0)),
        )
        return pdf


@cache
def _fonts() -> typst.Fonts:
    """Only ours, read once: a system's fonts would make other bytes on every machine."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])


def sheet_content(place: Place, texts: Texts) -> dict[str, Any]:
    """Everything that the sheet says, as strings."""
    meta, lang = place.run.meta, texts.lang
    card = meta["model_card"]
    notices = place.notices(lang)
    if meta["estimated"]:
        notices.append(texts["report.estimated"])
    sections = [_years(place, texts)]
    if place.is_region:
        sections.append(_municipalities(place, texts))
    else:
        sections.append(_districts(place, texts))
    if place.plans_of:
        sections.append(_planned(place, texts))
    return {
        "lang": lang,
        "region": str(meta["region"][f"name_{lang}"]),
        "title": texts("place.title", name=place.name(lang)),
        "stamp": texts("place.words.stamp", year=_year(place.fiscal_year, lang)),
        "warnings": [texts["place.confidential"]] if place.plans_of else [],
        "notices": notices,
        "figures": _figures(place, texts),
        "colours": {"area": _hex(pictures.AREA), "district": _hex(pictures.DISTRICT), "site": _hex(pictures.SITE)},
        "legend": [
            {"sign": sign, "text": texts[f"place.legend.{sign}"]}
            for sign in ("area", "district", "site", "planned")
            if (sign != "area" or place.run.is_computable()) and (sign != "planned" or place.plans_of)
        ],
        "sections": sections,
        "words": {},
        "licences": sorted({c["licence"] for c in place.credits if c["licence"]}),
        "credits": texts(
            "place.words.credits",
            credits="、".join(
                dict.fromkeys(f"{c['credit']}（{c['licence']}）" for c in place.credits if c["credit"])
            ),
        ),
        "model": texts(
            "map.model", model=card["model"], ladder=card["ladder_id"], location=f"{card['location_percent']:g}"
        ),
        "run": texts("report.run", run=place.run.run_id, version=meta["software"]["version"]),
    }  # fmt: skip


def _year(fy: int, lang: str) -> str:
    return fiscal.label_en(fy) if lang == "en" else fiscal.label_ja(fy, both=True)


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _figures(place: Place, texts: Texts) -> list[dict[str, str]]:
    row = place.figures[-1]
    people, districts = texts["report.people_unit"], texts["report.districts_unit"]
    estimated = texts["estimated.suffix"] if place.run.meta["estimated"] else ""
    gaps = (
        [
            ("report.figure.unserved", whole(row["unserved_people_area"]), people + estimated),
            ("report.figure.coverage", percent(row["coverage_area"]), ""),
        ]
        if place.run.is_computable()
        else [
            ("report.figure.unserved", texts["not_computable.short"], ""),
            ("report.figure.register", whole(row["register_people"]), people),
        ]
    )
    shown = [
        *gaps,
        ("place.column.population", whole(row["population"]), people + estimated),
        ("place.sheet.site", whole(row["sites_in_service"]), ""),
        ("place.sheet.district", whole(row["districts_registered"]), districts),
    ]
    return [{"label": texts[label], "value": value, "unit": unit} for label, value, unit in shown]


def _section(
    texts: Texts, title: str, columns: tuple[str, ...], rows: list[list[str]], *, words: int = 1,
    note: str = "", side: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """A table: its first ``words`` columns hold words, the others numbers."""
    return {
        "title": texts[title],
        "head": [texts[f"place.column.{c}"] for c in columns],
        "aligns": ["l" if i < words else "n" for i in range(len(columns))],
        "rows": rows,
        "note": note,
        "side": side,
    }


def _years(place: Place, texts: Texts) -> dict[str, Any]:
    short = texts["not_computable.short"]
    rows = [
        [
            _year(int(r["fiscal_year"]), texts.lang),
            whole(r["population"]),
            *(
                [
                    whole(r["unserved_people_area"]),
                    percent(r["coverage_area"]),
                    percent(r["coverage_half_mesh"]),
                    percent(r["coverage_cell"]),
                ]
                if place.run.is_computable()
                else [short] * 4
            ),
            whole(r["sites_in_service"]),
            whole(r["sites_counted"]),
            whole(r["districts_registered"]),
            whole(r["districts_resolved_confirmed"]),
        ]
        for r in place.figures
    ]
    columns = ("year", "population", "unserved", "by_area", "by_half_mesh", "by_cell", "sites", "counted", "districts", "resolved")  # fmt: skip
    return _section(texts, "place.words.years", columns, rows, note=texts["place.words.definitions"])


def _districts(place: Place, texts: Texts) -> dict[str, Any]:
    """The register of the place; the largest first, as many as a page holds."""
    found = sorted(
        (f["properties"] for f in place.features("district")),
        key=lambda p: (-(p.get("population") or 0), str(p["district_id"])),
    )
    rows = [
        [
            str(p["name"]) + (texts["place.value.declined"] if p.get("declined") else ""),
            str(p["district_id"]),
            str(p.get("designated_on") or "—"),
            texts["place.value.predicted_yes" if p.get("predicted_resolved") else "place.value.predicted_no"],
            whole(p.get("households")),
            whole(p.get("population")),
        ]
        for p in found[:_DISTRICTS]
    ]
    more = len(found) - len(rows)
    notes = [
        texts["place.words.none_registered"] if not found else texts["place.words.register_note"],
        *([texts("place.words.more_districts", n=f"{more:,}")] if more > 0 else []),
    ]
    section = _section(
        texts, "place.words.districts", ("name", "name", "designated", "predicted", "households", "residents"),
        rows, words=4, note=" ".join(notes),
    )  # fmt: skip
    section["head"][1] = "ID"
    return section


def _planned(place: Place, texts: Texts) -> dict[str, Any]:
    names = {str(o["id"]): str(o[f"name_{texts.lang}"]) for o in place.run.meta["operators"]}
    found = [f["properties"] for f in place.features(PLANNED)]
    rows = [
        [
            str(p["name"]),
            str(p["site_id"]),
            str(p["status"]),
            "・".join(names.get(o, o) for o in p["operators"]) or "—",
            "—" if p["planned_fy"] is None else _year(int(p["planned_fy"]), texts.lang),
        ]
        for p in found[:_PLANNED]
    ]
    more = len(found) - len(rows)
    note = texts("place.words.more_planned", n=f"{more:,}") if more > 0 else ""
    if not found:
        note = texts["place.words.none_planned"]
    section = _section(
        texts, "place.words.planned", ("name", "name", "status", "operators", "planned_fy"), rows, words=5, note=note
    )  # fmt: skip
    section["head"][1] = "ID"
    return section


def _municipalities(place: Place, texts: Texts) -> dict[str, Any]:
    """The region's municipalities in two columns."""
    computable = place.run.is_computable()
    rows = [
        [
            str(p["name"]),
            whole(p["population"]),
            whole(p["unserved_people_area"]) if computable else texts["not_computable.short"],
            percent(p["coverage_area"]) if computable else texts["not_computable.short"],
            whole(p["districts_registered"]),
        ]
        for p in (f["properties"] for f in place.features("municipality"))
    ]
    columns = ("municipality", "population", "unserved", "coverage", "districts")
    return _section(texts, "place.words.municipalities", columns, rows, side=len(rows) > 6)
