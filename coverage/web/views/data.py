"""データ: one address a municipality that never changes, for browsers, curl and GIS programs."""

from __future__ import annotations

import streamlit as st

from coverage.domain import fiscal
from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.services import downloads
from coverage.web import frame
from coverage.web.frame import Column, Html, View


def show(view: View, run: RunResult) -> None:
    """The page."""
    texts = view.texts
    frame.head(texts["data.title"], texts["data.lede"])
    labels = {fy: fiscal.label(fy, view.lang) for fy in run.fiscal_years}
    fy = int(
        st.selectbox(
            texts["data.year"],
            options=list(reversed(run.fiscal_years)),
            format_func=lambda year: labels[year],
            key="data-year",
            width=260,
        )
    )
    document = downloads.index_document(run, fy)
    st.subheader(texts["data.region"], anchor=False)
    rows = [
        [texts[f"data.summary_{name}"], _address(entry["url"]), _save(view, entry["url_of_year"])]
        for name, entry in document["summaries"].items()
    ]
    rows += [
        [texts[f"data.table_{name}"], _address(entry["url"]), _save(view, entry["url"])]
        for name, entry in document["tables"].items()
    ]
    rows.append(
        [
            texts["data.index"],
            _address(f"{downloads.BASE}/index.json"),
            _save(view, f"{downloads.BASE}/index.json"),
        ]
    )
    columns = [Column(texts["column.what"]), Column(texts["column.address"]), Column(texts["column.file"])]
    frame.sheet(columns, rows)
    st.subheader(texts["data.municipalities"], anchor=False)
    frame.sheet(
        [Column(texts["column.code"]), Column(texts["column.municipality"]), *columns[1:]],
        [
            [entry["code"], entry["name"], _address(entry["url"]), _save(view, entry["url_of_year"])]
            for entry in document["municipalities"]
        ],
        caption=view.text("data.caption", year=labels[fy]),
    )
    _how(view, document["municipalities"][0]["url"], fy)
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
                texts[f"layer.{layer['layer']}"] + (texts["value.estimated"] if layer["estimated"] else ""),
                layer["credit"],
                layer["edition"],
                layer["licence"],
            ]
            for layer in document["layers"]
        ],
    )


def _how(view: View, url: str, fy: int) -> None:
    texts = view.texts
    server = st.context.url.split("?")[0].rsplit("/", 1)[0] if st.context.url else "http://127.0.0.1:8501"
    st.subheader(texts["data.how"], anchor=False)
    st.code(
        f"# {texts['data.curl_latest']}\ncurl -OJ '{server}{url}?download=1'\n"
        f"# {texts['data.curl_year']}\ncurl -OJ '{server}{url}?fy={fy}&download=1'\n"
        f"# {texts['data.curl_changed']}\ncurl -I '{server}{url}'",
        language="shell",
    )
    st.caption(texts["data.qgis"])


def _address(url: str) -> Html:
    return Html(f"<code>{esc(url)}</code>")


def _save(view: View, url: str) -> Html:
    joint = "&amp;" if "?" in url else "?"
    return Html(
        f'<a href="{esc(url)}{joint}download=1" target="_blank" rel="noopener">{esc(view.texts["data.save"])}</a>'
    )
