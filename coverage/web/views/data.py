"""データ・API: every format of every place at an address that never changes, and how programs fetch them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from coverage.domain import fiscal
from coverage.report.escape import esc
from coverage.report.place import REGION
from coverage.report.schemas import NAMES, schema
from coverage.report.wording import LANGUAGES, layer_name
from coverage.runs.result import RunResult
from coverage.services import downloads, place_files
from coverage.services.downloads import BASE
from coverage.web import examples, frame
from coverage.web.frame import Column, Html, View

_FORMATS: Final = {"geojson": "GeoJSON", "csv": "CSV", "xlsx": "Excel", "gpkg": "GeoPackage", "pdf": "PDF"}
_FALLBACK: Final = "http://127.0.0.1:8501"


def show(view: View, run: RunResult) -> None:
    """The page."""
    texts = view.texts
    frame.head(texts["data.title"], texts["data.lede"])
    codes = downloads.municipality_names(run)
    mine = [code for code in codes if place_files.may_have_plans(view.principal, code)]
    fy, lang, plans = _choices(view, run, may_plan=bool(mine))
    year = frame.year_label(view, fy)
    if plans:
        st.html(frame.notice(texts["data.plans_on"], kind="grave"))
    with_plans = set(mine) | {REGION} if plans else set()

    st.subheader(texts["data.region"], anchor=False)
    region = str(run.meta["region"][f"name_{view.lang}"])
    rows = [
        [
            texts["data.region_all"],
            _links(view, REGION, region, fy, lang, REGION in with_plans),
            _address(f"{BASE}/region.geojson"),
        ],
        [
            texts["data.summary_municipalities"],
            _save(view, f"{BASE}/municipalities.geojson?fy={fy}", "geojson", texts["data.summary_municipalities"]),
            _address(f"{BASE}/municipalities.geojson"),
        ],
        *(
            [texts[f"data.table_{name}"], _save(view, f"{BASE}/{name}.csv", "csv", texts[f"data.table_{name}"]), _address(f"{BASE}/{name}.csv")]
            for name in downloads.TABLES
        ),
        [
            texts["data.challenges"],
            _save(view, f"{BASE}/challenges.geojson", "geojson", texts["data.challenges"]),
            _address(f"{BASE}/challenges.geojson"),
        ],
        [
            texts["data.report"],
            Html(
                _save(view, f"{BASE}/report.pdf?fy={fy}&lang={lang}", "pdf", texts["data.report"])
                + " "
                + _save(view, f"{BASE}/report.xlsx?lang={lang}", "xlsx", texts["data.report"])
            ),
            _address(f"{BASE}/report.pdf"),
        ],
    ]  # fmt: skip
    columns = [Column(texts["column.what"]), Column(texts["column.file"]), Column(texts["column.address"])]
    frame.sheet(columns, rows)

    st.subheader(texts["data.municipalities"], anchor=False)
    frame.sheet(
        [Column(texts["column.code"]), Column(texts["column.municipality"]), *columns[1:]],
        [
            [
                code,
                name,
                _links(view, code, name, fy, lang, code in with_plans),
                _address(f"{BASE}/municipalities/{code}.geojson"),
            ]
            for code, name in codes.items()
        ],
        caption=view.text("data.caption", year=year),
    )
    _how(view, codes, fy, with_plans)
    _machine(view)
    _sources(view, run)


def _choices(view: View, run: RunResult, *, may_plan: bool) -> tuple[int, str, bool]:
    """Year, language of the files, and whether with planned sites."""
    texts = view.texts
    labels = {fy: fiscal.label(fy, view.lang) for fy in run.fiscal_years}
    with st.container(horizontal=True, vertical_alignment="bottom", key="data-choices"):
        fy = int(
            st.selectbox(
                texts["data.year"], options=list(reversed(run.fiscal_years)), format_func=lambda y: labels[y],
                key="data-year", width=220,
            )
        )  # fmt: skip
        lang = str(
            st.selectbox(
                texts["data.file_language"], options=list(LANGUAGES), format_func=lambda name: texts[f"data.language_{name}"],
                index=LANGUAGES.index(view.lang), key=f"data-language-{view.lang}", width=220,
            )
        )  # fmt: skip
        plans = may_plan and st.checkbox(texts["data.plans"], key="data-plans", help=texts["data.plans_help"])
    return fy, lang, bool(plans)


def _how(view: View, codes: dict[str, str], fy: int, with_plans: set[str]) -> None:
    """One place and format, its address to copy, and how programs fetch it."""
    texts = view.texts
    st.subheader(texts["data.how"], anchor=False)
    with st.container(horizontal=True, key="data-how"):
        code = str(
            st.selectbox(
                texts["data.how_place"], options=[*codes, REGION], key="data-place", width=260,
                format_func=lambda c: texts["data.region"] if c == REGION else f"{c} {codes[c]}",
            )
        )  # fmt: skip
        ending = str(
            st.selectbox(
                texts["data.how_format"], options=list(_FORMATS), key="data-format", width=200,
                format_func=lambda e: _FORMATS[e],
            )
        )  # fmt: skip
    wanted = examples.Wanted(_server(), _path(code, ending), fy, plans=code in with_plans)
    st.caption(texts["data.address"])
    st.code(wanted.url, language=None)
    if wanted.plans:
        st.caption(view.text("data.token", variable=examples.TOKEN_VARIABLE))
    names = [name for name in examples.SNIPPETS if name != "sums" or not wanted.plans]
    shown = st.tabs([examples.PROGRAMS.get(name) or texts["data.tab_sums"] for name in (*names, "qgis")])
    for name, tab in zip((*names, "qgis"), shown, strict=True):
        with tab:
            if name == "qgis":
                _qgis(view, wanted)
            elif name in {"python", "geopandas"} and ending != "geojson":
                st.caption(texts["data.note_json"])
            else:
                st.code(examples.SNIPPETS[name](wanted), language=examples.LANGUAGES[name])
                st.caption(texts[f"data.note_{name}"])


def _qgis(view: View, wanted: examples.Wanted) -> None:
    texts = view.texts
    st.markdown(texts["data.qgis_1"])
    st.code(examples.qgis_source(wanted), language=None)
    name, value = examples.qgis_setting()
    st.markdown(texts["data.qgis_2"])
    st.code(f"{name} = {value}", language=None)
    st.caption(texts["data.qgis_3"])


def _machine(view: View) -> None:
    texts = view.texts
    st.subheader(texts["data.machine"], anchor=False)
    rows = [
        [texts["data.index"], _open(f"{BASE}/index.json")],
        [texts["data.sums"], _open(f"{BASE}/SHA256SUMS")],
        *(
            [
                view.text("data.schema", name=str(schema(name)["title"]).split(" / ")[view.lang == "en"]),
                _open(f"{BASE}/schema/{name}.json"),
            ]
            for name in NAMES
        ),
        [texts["data.csv_metadata"], _open(f"{BASE}/region.csv-metadata.json")],
    ]
    frame.sheet([Column(texts["column.what"], wrap=True), Column(texts["column.address"])], rows)
    st.caption(texts["data.as_of"])
    today = fiscal.tokyo_date(datetime.now(UTC)).isoformat()
    st.code(f"{_server()}{BASE}/index.json?as_of={today}", language=None)


def _sources(view: View, run: RunResult) -> None:
    texts = view.texts
    st.subheader(texts["data.sources"], anchor=False)
    frame.sheet(
        [
            Column(texts["column.layer"]),
            Column(texts["column.credit"], wrap=True),
            Column(texts["column.edition"]),
            Column(texts["column.licence"]),
        ],
        [
            [
                layer_name(texts, layer["layer"], table="layer", operators=run.meta["operators"])
                + (texts["value.estimated"] if layer["estimated"] else ""),
                layer["credit"],
                view.text("manage.from_ledger", seq=layer["edition"])
                if layer["format"] == "store"
                else layer["edition"],
                layer["licence"],
            ]
            for layer in run.meta["layers"]
        ],
    )


def _server() -> str:
    """Scheme and host as the visitor's browser has them; the usual address where they are not usable in a program."""
    url = str(st.context.url or "")
    server = "/".join(url.split("/", 3)[:3])
    try:
        return server if examples.Wanted(server, "/").url else _FALLBACK
    except ValueError:
        return _FALLBACK


def _path(code: str, ending: str) -> str:
    return f"{BASE}/region.{ending}" if code == REGION else f"{BASE}/municipalities/{code}.{ending}"


def _address(url: str) -> Html:
    return Html(f"<code>{esc(url)}</code>")


def _open(url: str) -> Html:
    return Html(f'<a href="{esc(url)}" target="_blank" rel="noopener"><code>{esc(url)}</code></a>')


def _links(view: View, code: str, name: str, fy: int, lang: str, plans: bool) -> Html:
    """One link a format."""
    asked = f"?fy={fy}" + (f"&plans={int(plans)}" if plans else "")
    return Html(
        " ".join(
            _save(
                view,
                _path(code, ending) + asked + (f"&lang={lang}" if ending in place_files.SPOKEN else ""),
                ending,
                name,
            )
            for ending in _FORMATS
        )
    )


def _save(view: View, url: str, ending: str, name: str) -> Html:
    joint = "&" if "?" in url else "?"
    label = view.text("data.save_as", name=name, format=_FORMATS[ending])
    return Html(
        f'<a class="save" href="{esc(f"{url}{joint}download=1")}" target="_blank" rel="noopener" '
        f'aria-label="{esc(label)}">{esc(_FORMATS[ending])}</a>'
    )
