"""The printed report of a run: PDF on A4, Japanese font inside, the same bytes for the same run.

Typst lays out the page. All texts go to it as strings of a JSON file, never as Typst source. The date in the file is
the end of the fiscal year that the report is about, not the clock's.
"""

from __future__ import annotations

import calendar
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typst

from coverage.domain import fiscal
from coverage.report.count_notes import (
    cell_footnotes,
    count_notes,
    indicator_cells,
    printed_actual,
    rule_sentences,
)
from coverage.report.line_chart import ChartWords, ChartYear, line_chart
from coverage.report.map_data import RAMP, map_data
from coverage.report.pictures import grid_of, mercator_frame
from coverage.report.static_map import still_map
from coverage.report.wording import Texts, layer_edition, layer_name, report_texts
from coverage.runs.reception import conditions_said
from coverage.runs.result import RunResult

FONTS: Final = Path(__file__).resolve().parent / "vendor" / "biz-udpgothic-0.4.2"
_TEMPLATE: Final = Path(__file__).resolve().parent / "assets" / "report.typ"


def report_pdf(run: RunResult, *, fiscal_year: int | None = None, lang: str = "ja") -> bytes:
    """The report on ``fiscal_year`` (default: the run's latest) as PDF.

    Raises NotFoundError for a year that the run does not hold, FileFormatError where the run lacks a file.
    """
    made: bytes = _typeset(run, fiscal_year, lang)
    return made


def report_pages(
    run: RunResult, *, fiscal_year: int | None = None, lang: str = "ja", ppi: float = 96
) -> list[bytes]:
    """The pages of :func:`report_pdf` as PNG pictures, ``ppi`` pixels an inch; the same errors."""
    pages: bytes | list[bytes] = _typeset(run, fiscal_year, lang, format="png", ppi=ppi)
    return [pages] if isinstance(pages, bytes) else pages


def _typeset(run: RunResult, fiscal_year: int | None, lang: str, **output: Any) -> Any:
    fy = run.check_fy(fiscal_year)
    texts = report_texts(lang)
    shown = map_data(run, texts.lang, plans=False, signal=False)
    frame = mercator_frame(grid_of(run.meta["grid"]), max_pixels=1000)
    with tempfile.TemporaryDirectory(prefix="coverage-gap-report-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "report.typ").write_text(_TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
        content = report_content(run, fy, texts, breaks=shown.page["breaks"])
        (folder / "data.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        (folder / "chart.svg").write_text(_chart(run, texts), encoding="utf-8")
        (folder / "map.jpg").write_bytes(still_map(shown, frame, fy))
        end = fiscal.last_day(fy)
        return typst.compile(
            str(folder / "report.typ"),
            root=str(folder),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            timestamp=calendar.timegm((end.year, end.month, end.day, 0, 0, 0)),
            **output,
        )


def report_content(run: RunResult, fy: int, texts: Texts, *, breaks: list[int]) -> dict[str, Any]:
    """Everything that the report says, as strings."""
    meta, lang = run.meta, texts.lang
    region = str(meta["region"][f"name_{lang}"])
    year = _year(fy, texts)
    notices = []
    if meta["region"]["fictional"]:
        notices.append(str(meta["region"][f"notice_{lang}"]))
    if not run.is_computable():
        notices.append(str(meta["computable_reason"][lang]))
    notices += conditions_said(meta, lang)
    if meta["estimated"]:
        notices.append(texts["report.estimated"])
    sheet = run.indicators["sheet"]
    return {
        "lang": lang,
        "region": region,
        "title": texts("report.title", region=region),
        "subtitle": texts("report.subtitle", year=year),
        "department": sheet["department"][lang] if sheet else "",
        "stamp": year,
        "run": texts("report.run", run=run.run_id, version=meta["software"]["version"]),
        "notices": notices,
        "words": texts.below("report.words"),
        "figures": _figures(run, fy, texts),
        "rule": _halves(_rule(run, texts)),
        "count": _count_table(run, texts),
        "legend": _legend(run, breaks, texts),
        "places": _places(run, fy, texts),
        "indicators": _indicators(run, texts),
        "sources": {
            "head": [texts[f"report.column.{c}"] for c in ("layer", "credit", "edition", "licence")],
            "rows": [
                [
                    layer_name(texts, str(layer["layer"]), operators=meta["operators"])
                    + (texts["estimated.mark"] if layer["estimated"] else ""),
                    str(layer["credit"]),
                    layer_edition(texts, layer),
                    str(layer["licence"]),
                ]
                for layer in meta["layers"]
            ],
        },
        "model": texts(
            "map.model",
            model=meta["model_card"]["model"],
            ladder=meta["model_card"]["ladder_id"],
            location=f"{meta['model_card']['location_percent']:g}",
        ),
    }


def _year(fy: int, texts: Texts) -> str:
    return fiscal.label_en(fy) if texts.lang == "en" else fiscal.label_ja(fy, both=True)


def _count_row(run: RunResult, fy: int) -> dict[str, Any] | None:
    return next((y for y in run.count["years"] if y["fiscal_year"] == fy), None)


def _region_row(run: RunResult, fy: int) -> dict[str, Any]:
    table = run.municipalities
    own = table[(table["fiscal_year"] == fy) & (table["municipality_code"] == run.region_code)]
    found: dict[str, Any] = own.to_dict("records")[0]
    return found


def _figures(run: RunResult, fy: int, texts: Texts) -> list[dict[str, str]]:
    count, cell, row = _count_row(run, fy), indicator_cells(run).get(fy), _region_row(run, fy)
    unit = texts["report.sites_unit"]

    def figure(name: str, value: str, unit: str = "", more: str = "") -> dict[str, str]:
        return {"label": texts[f"report.figure.{name}"], "value": value, "unit": unit, "more": more}

    out = []
    if count is not None and count["total"] is not None:
        target = cell["target"] if cell else None
        more = (
            texts("report.against", target=f"{target:,.0f}", ratio=cell["achievement_text"])
            if cell and target is not None
            else ""
        )
        shown = printed_actual(count, cell)
        if shown is not None and shown != count["total"]:
            # The achievement is that of the decided value: it leads, and the count stands beside it.
            more += texts("count_notes.counted", counted=f"{count['total']:,}")
        out.append(figure("count", f"{shown:,.0f}", unit, more))
    elif count is not None:
        out.append(
            figure("increase", f"{count['cumulative_increase']:+,}", unit, texts["report.opening_missing"])
        )
    estimated = texts["estimated.suffix"] if run.meta["estimated"] else ""
    if run.is_computable():
        out.append(
            figure("unserved", whole(row["unserved_people_area"]), texts["report.people_unit"], estimated)
        )
        out.append(figure("coverage", percent(row["coverage_area"]), "", texts["report.by_area"]))
    else:
        out.append(figure("unserved", texts["not_computable.short"]))
        out.append(figure("register", whole(row["register_people"]), texts["report.people_unit"]))
    out.append(figure("districts", whole(row["districts_registered"]), texts["report.districts_unit"]))
    return out


def _rule(run: RunResult, texts: Texts) -> list[str]:
    rule, opening = str(run.count["rule"][texts.lang]), run.count["opening"]
    parts = rule_sentences(rule)
    if opening is None:
        return [*parts, texts["report.in_operation"], texts["report.opening_missing"]]
    return [
        *parts,
        texts["report.in_operation"],
        texts(
            "report.opening",
            year=_year(int(opening["fiscal_year"]), texts),
            value=opening["value"],
            source=opening["source"],
        ),
    ]


def _halves(sentences: Sequence[str]) -> list[list[str]]:
    """Sentences in two columns that are about as long as each other, read down the first and then the second."""
    longest = [
        max(sum(map(len, sentences[:cut])), sum(map(len, sentences[cut:])))
        for cut in range(1, len(sentences) + 1)
    ]
    cut = longest.index(min(longest)) + 1 if longest else 0
    return [list(sentences[:cut]), list(sentences[cut:])]


def _count_table(run: RunResult, texts: Texts) -> dict[str, Any]:
    cells, notes = indicator_cells(run), count_notes(run, texts)
    names = ("year", "total", "increase", "target", "achievement", "in_operation", "resolved", "districts")
    rows = []
    for y in run.count["years"]:
        fy, begun = int(y["fiscal_year"]), y["state"] != "not-begun"
        cell = cells.get(fy)
        total = "—" if y["total"] is None else f"{y['total']:,}"
        rows.append(
            [
                _year(fy, texts),
                f"{total} {notes.signs(fy)}".rstrip(),
                (f"{y['increase']:+,}" if y["increase"] else "0") if begun else "—",
                "—" if cell is None or cell["target"] is None else f"{cell['target']:,.0f}",
                "—" if cell is None else str(cell["achievement_text"]),
                f"{y['in_operation']:,}" if begun else "—",
                f"{y['districts_resolved_confirmed']:,}" if begun else "—",
                f"{y['districts_registered']:,}" if begun else "—",
                _forecast(y),
            ]
        )
    # Years after the sheet's last hold a forecast and nothing else.
    for y in run.count["forecast_years"]:
        rows.append([_year(int(y["fiscal_year"]), texts), *(["—"] * (len(names) - 1)), _forecast(y)])
    head = [*(texts[f"report.column.{name}"] for name in names), texts["count_notes.forecast"]]
    return {"head": head, "aligns": ["l", *("n" for _ in names)], "rows": rows, "notes": list(notes.notes)}


def _forecast(year: dict[str, Any]) -> str:
    """「（74）」: in brackets, so that nobody takes it for an actual; 「—」 where nothing is expected."""
    if not year["forecast_site_ids"] or year["forecast_total"] is None:
        return "—"
    return f"（{year['forecast_total']:,}）"


def _chart(run: RunResult, texts: Texts) -> str:
    cells = indicator_cells(run)
    years = []
    for y in [*run.count["years"], *run.count["forecast_years"]]:
        fy = int(y["fiscal_year"])
        total = printed_actual(y, cells.get(fy))
        ahead = y["forecast_total"] if y["forecast_site_ids"] and y["forecast_total"] != total else None
        target = cells.get(fy, {}).get("target")
        label = fiscal.label(fy, texts.lang).replace("年度", "|年度")
        years.append(ChartYear(label, total, target, ahead))
    words = ChartWords(forecast=texts["count_notes.forecast"])
    return line_chart(years, font="BIZ UDPGothic", words=words, width=660, height=250)


def _legend(run: RunResult, breaks: list[int], texts: Texts) -> list[dict[str, str]]:
    if not run.is_computable():
        return [{"colour": "#d5dade", "text": texts["not_computable.full"]}]
    edges = [0, *breaks]
    out = []
    for i, colour in enumerate(RAMP):
        if i == 0:
            text = texts("map.legend.below", n=f"{edges[1]:,}")
        elif i + 1 < len(edges):
            text = texts("map.legend.between", a=f"{edges[i]:,}", b=f"{edges[i + 1]:,}")
        else:
            text = texts("map.legend.from", n=f"{edges[i]:,}")
        out.append({"colour": colour, "text": text})
    return out


def _places(run: RunResult, fy: int, texts: Texts) -> dict[str, Any]:
    names = (
        "municipality",
        "population",
        "unserved",
        "by_area",
        "by_half_mesh",
        "by_cell",
        "sites",
        "districts",
    )
    computable = run.is_computable()
    table = run.municipalities
    rows = []
    for r in table[table["fiscal_year"] == fy].to_dict("records"):
        own = str(r["municipality_code"]) == run.region_code
        gaps = (
            [
                whole(r["unserved_people_area"]),
                *(percent(r[f"coverage_{d}"]) for d in ("area", "half_mesh", "cell")),
            ]
            if computable
            else [texts["not_computable.short"]] * 4
        )
        rows.append(
            [
                str(run.meta["region"][f"name_{texts.lang}"]) if own else str(r["name"]),
                whole(r["population"]),
                *gaps,
                whole(r["sites_in_service"]),
                whole(r["districts_registered"]),
            ]
        )
    return {
        "head": [texts[f"report.column.{name}"] for name in names],
        "aligns": ["l", *("n" for _ in names[1:])],
        "rows": rows,
    }


def _indicators(run: RunResult, texts: Texts) -> dict[str, Any]:
    table, sheet, lang = run.indicators["table"], run.indicators["sheet"], texts.lang
    if table is None or sheet is None:
        return {"rows": []}
    rows = []
    for row in table["rows"]:
        for which in ("target", "actual", "achievement"):
            first = f"{row['code']}  {row['name'][lang]}" if which == "target" else ""
            values = [
                str(c["achievement_text"] if which == "achievement" else c[f"{which}_text_{lang}"])
                for c in row["cells"]
            ]
            rows.append([first, texts[f"report.column.{which}"], *values])
    return {
        "sheet": f"{sheet['title'][lang]}（{sheet['source'][lang]}）"
        if lang == "ja"
        else f"{sheet['title'][lang]} ({sheet['source'][lang]})",
        "head": [
            texts["report.column.indicator"],
            "",
            *(fiscal.label(int(fy), lang) for fy in table["fiscal_years"]),
        ],
        "aligns": ["l", "l", *("n" for _ in table["fiscal_years"])],
        "rows": rows,
        "rule": str(table["rule"][lang]),
        "notes": [
            *(f"{row['code']}: {row['note'][lang]}" for row in table["rows"] if row.get("note")),
            *cell_footnotes(table["rows"], lang),
        ],
    }


def whole(value: Any) -> str:
    """1234.5 → "1,235"; 「—」 for nothing."""
    return "—" if _missing(value) else f"{math.floor(float(value) + 0.5):,}"


def percent(share: Any) -> str:
    """0.98765 → "98.77 %". Only full coverage prints 100.00."""
    if _missing(share):
        return "—"
    hundredths = 10_000 if share >= 1.0 else min(9_999, math.floor(float(share) * 10_000 + 0.5))
    return f"{hundredths / 100:.2f} %"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
