"""What every page has: language, the published run, the notices about it, the foot with sources; and the empty state.

Pages get a :class:`View` and hold no rule of their own. Texts of a user reach HTML through ``esc`` only.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st

from coverage import __version__
from coverage.domain import fiscal
from coverage.errors import CoverageGapError, NotFoundError
from coverage.report.escape import esc
from coverage.report.wording import LANGUAGES, Texts, language
from coverage.runs.published_areas import published_said
from coverage.runs.reception import reception_said
from coverage.runs.result import RunResult
from coverage.services import compute
from coverage.services.access import ANONYMOUS, Action, Object, Principal, Resource, Role, allowed
from coverage.settings import Settings
from coverage.web.app_context import web_context
from coverage.web.visitors import page_visitor
from coverage.web.wording import web_texts

_LOG: Final = logging.getLogger(__name__)
_ASSETS: Final = Path(__file__).resolve().parent / "assets"
ICON: Final = str(_ASSETS / "icon.svg")
ROLES: Final = tuple(role.value for role in (Role.ADMIN, Role.PLANNER, Role.MUNICIPALITY, Role.VIEWER))
_LOGO: Final = {lang: str(_ASSETS / f"logo-{lang}.svg") for lang in LANGUAGES}


@dataclass(frozen=True)
class View:
    """What a page needs to know about this visit."""

    lang: str
    texts: Texts
    principal: Principal = ANONYMOUS
    version: str = __version__

    def may(self, action: Action, kind: Object) -> bool:
        """Whether the visitor may do ``action`` to objects of ``kind`` (the use cases ask again)."""
        return allowed(self.principal, action, Resource(kind))

    def text(self, name: str, /, **values: object) -> str:
        """A sentence of the page's language."""
        return self.texts(name, **values)


def open_view() -> View:
    """The visit's language: the address first (``?lang=en``), then what was chosen before in this session."""
    for choice in ("role", "role-municipality"):
        _remember(choice)
    wanted = st.query_params.get("lang")
    lang = language(wanted if wanted in LANGUAGES else st.session_state.get("lang"))
    st.session_state["lang"] = lang
    return View(lang, web_texts(lang), _visitor())


def _remember(choice: str) -> None:
    """Streamlit forgets what a list says with the page that it stood on, and these lists stand on all."""
    kept = f"{choice}-kept"
    if choice in st.session_state:
        st.session_state[kept] = st.session_state[choice]
    elif kept in st.session_state:
        st.session_state[choice] = st.session_state[kept]


def _visitor() -> Principal:
    """Who visits. On this machine alone (``auth = local``) the visitor may take a smaller role to see what it sees."""
    principal = page_visitor({k.lower(): v for k, v in st.context.headers.items()})
    role = st.session_state.get("role")
    if role in ROLES and Settings.from_environment().auth == "local":
        codes = frozenset(_municipality_looked_as()) if role == Role.MUNICIPALITY else frozenset()
        return dataclasses.replace(principal, role=Role(role), municipality_codes=codes)
    return principal


def _municipality_looked_as() -> list[str]:
    """On this machine alone: the one municipality that the visitor looks as, the first until another is chosen."""
    try:
        codes = shared_run().municipality_codes()
    except CoverageGapError:
        return []
    chosen = st.session_state.get("role-municipality")
    return [chosen] if chosen in codes else codes[:1]


def render(
    view: View, show: Callable[[View, RunResult], None], *, without_run: Callable[[View], None] | None = None
) -> None:
    """One page: styles, language switch, notices, the page itself, the foot. Without a run: what to do.

    ``without_run`` shows the page below that where nothing is published yet.
    """
    with st.container(key="plumbing"):
        _style()
        _tell_language(view.lang)
    st.logo(_LOGO[view.lang], size="large")
    _switch(view)
    st.html(who_line(view, Settings.from_environment().auth))
    try:
        run = shared_run()
    except NotFoundError as error:
        _empty(view, error)
        if without_run is not None:
            _guarded(view, partial(without_run, view))
        return
    except CoverageGapError as error:
        st.html(notice(error.text(view.lang), kind="grave"))
        return
    _notices(view, run)
    if view.principal.role is Role.MUNICIPALITY and Settings.from_environment().auth == "local":
        _choose_municipality(view, run)
    _guarded(view, partial(show, view, run))
    _foot(view, run)


def _choose_municipality(view: View, run: RunResult) -> None:
    names = dict(zip(run.municipalities["municipality_code"], run.municipalities["name"], strict=True))
    with st.container(key="looking-as"):
        st.selectbox(
            view.texts["app.as_municipality"],
            run.municipality_codes(),
            format_func=lambda code: str(names[code]),
            key="role-municipality",
            width=260,
        )


def _guarded(view: View, show: Callable[[], None]) -> None:
    """The page itself; what goes wrong in it is said in one sentence."""
    try:
        show()
    except CoverageGapError as error:
        st.html(notice(error.text(view.lang), kind="grave"))
    except Exception:
        # Streamlit's own words for this are English and say nothing; the log has the whole story.
        _LOG.exception("page failed")
        st.html(notice(view.texts["error.server-error"], kind="grave"))


def shared_run() -> RunResult:
    """The published run, opened once for all sessions. NotFoundError where nothing is published."""
    run = compute.chosen_run(web_context())
    stamp = (run.folder / "run.json").stat().st_mtime_ns
    return _opened(str(run.folder), stamp)


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(folder: str, _changed: int) -> RunResult:
    """Tables are read on first use and kept; nobody writes to them."""
    return RunResult.open(Path(folder))


def notice(sentence: str, *, head: str = "", kind: str = "") -> str:
    """HTML of one notice; kind is "", "grave" or "plain"."""
    strong = f"<strong>{esc(head)}</strong>" if head else ""
    return f'<div class="notice {kind}" role="note">{strong}{esc(sentence)}</div>'


def sentences(view: View, said: Iterable[str]) -> str:
    """Sentences one after the other, as the language parts them."""
    return ("" if view.lang == "ja" else " ").join(said)


def head(title: str, lede: str = "") -> None:
    """The page's heading."""
    below = f"<p>{esc(lede)}</p>" if lede else ""
    st.html(f'<div class="page-head"><h1>{esc(title)}</h1>{below}</div>')


def figures(items: list[tuple[str, str, str, str]]) -> None:
    """The figures at the top of a page: (label, value, unit, more); the first is the main one."""
    cells = "".join(
        f'<li{" class=main" if i == 0 else ""}><span class="label">{esc(label)}</span>'
        f'<span class="value">{esc(value)}<small>{esc(unit)}</small></span><span class="more">{esc(more)}</span></li>'
        for i, (label, value, unit, more) in enumerate(items)
    )
    st.html(f'<ul class="lead-figures">{cells}</ul>')


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading (text or :class:`Html`), whether it holds numbers, whether its text may wrap."""

    title: str
    number: bool = False
    wrap: bool = False

    @property
    def attributes(self) -> str:
        """The cells' class attribute."""
        names = " ".join(name for name, on in (("n", self.number), ("w", self.wrap)) if on)
        return f' class="{names}"' if names else ""


def sheet(
    columns: list[Column],
    rows: list[list[Any]],
    *,
    caption: str = "",
    total: bool = False,
    group: int = 1,
    spanned: int = 0,
) -> None:
    """An HTML table: readable by screen readers, printable, the first cell of a row its heading.

    A cell is text (escaped here) or :class:`Html` made by this package. ``total``: the last row is a sum. With
    ``group`` > 1, that many rows belong together and their first ``spanned`` cells are one (taken from the first row).
    """
    # The caption stands outside the part that scrolls, so that it can be read whole on a narrow screen.
    out = [f'<p class="caption">{esc(caption)}</p>' if caption else ""]
    out.append('<div class="sheet" tabindex="0"><table>')
    headings = "".join(f'<th scope="col"{c.attributes}>{_heading(c.title)}</th>' for c in columns)
    out.append(f"<thead><tr>{headings}</tr></thead><tbody>")
    for i, row in enumerate(rows):
        first, last = i % group == 0, i % group == group - 1
        cells = []
        for k, (column, value) in enumerate(zip(columns, row, strict=True)):
            if k < spanned and not first:
                continue
            tag = 'th scope="row"' if k == 0 else "td"
            span = f' rowspan="{group}"' if k < spanned and group > 1 else ""
            cells.append(f"<{tag}{span}{column.attributes}>{_cell(value)}</{tag[:2]}>")
        kinds = " ".join(
            name for name, on in (("total", total and i == len(rows) - 1), ("inner", not last)) if on
        )
        out.append(f"<tr{f' class={chr(34)}{kinds}{chr(34)}' if kinds else ''}>{''.join(cells)}</tr>")
    out.append("</tbody></table></div>")
    st.html("".join(out))


class Html(str):
    """HTML that this package made; everything in it that came from elsewhere has been through ``esc``."""

    __slots__ = ()


def year_label(view: View, fy: int) -> str:
    """A fiscal year in a sentence; 2019 is named by both of its eras."""
    return fiscal.label_en(fy) if view.lang == "en" else fiscal.label_ja(fy, both=True)


def latest_year(years: Sequence[int], day: date) -> int:
    """Place in ``years`` of the latest one that has begun on ``day``: what a list of years opens with."""
    now = fiscal.fiscal_year(day)
    return max((i for i, fy in enumerate(years) if fy <= now), key=lambda i: years[i], default=0)


def year_lines(view: View, fy: int) -> str:
    """A fiscal year in two lines parted by "|", for the axis of a chart on a narrow screen."""
    return fiscal.label_en(fy) if view.lang == "en" else fiscal.label_ja(fy).replace("年度", "|年度")


def year_heading(view: View, fy: int, more: str = "") -> Html:
    """A fiscal year over a narrow column, with its second era name below where it has two."""
    both = fiscal.label_ja(fy, both=True)
    second = f"<small>{esc(both.split('（')[0])}</small>" if view.lang == "ja" and "（" in both else ""
    return Html(esc(fiscal.label(fy, view.lang)) + second + (f"<small>{esc(more)}</small>" if more else ""))


def _heading(title: str) -> str:
    """「｜」 parts the name of a column from its second, smaller line."""
    if isinstance(title, Html):
        return title
    name, _, second = title.partition("｜")
    return esc(name) + (f"<small>{esc(second)}</small>" if second else "")


def _cell(value: Any) -> str:
    return str(value) if isinstance(value, Html) else esc(value)


@st.cache_resource(show_spinner=False)
def _css() -> str:
    """The common styles, then those of single pages."""
    sheets = (_ASSETS / "page.css", *sorted((_ASSETS / "pages").glob("*.css")))
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def _style() -> None:
    st.html(f"<style>{_css()}</style>")


def _switch(view: View) -> None:
    """The other language; and on this machine alone, the role to look with."""
    other = "en" if view.lang == "ja" else "ja"
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="language"
    ):
        if Settings.from_environment().auth == "local":
            st.selectbox(
                view.texts["app.role"],
                ROLES,
                format_func=lambda role: view.texts[f"role.{role}"],
                key="role",
                label_visibility="collapsed",
                width=142,
            )
        if st.button(view.texts["app.other_language"], type="tertiary", key="switch-language"):
            st.session_state["lang"] = other
            st.query_params["lang"] = other
            st.rerun()
    if view.lang != "ja" and st.query_params.get("lang") != view.lang:
        st.query_params["lang"] = view.lang


def who_line(view: View, auth: str) -> str:
    """HTML that says who is logged in with which role, or that one may only look; with the way out where a provider let
    one in. (A browser keeps the password of ``basic-file`` itself, and behind a proxy the way out is the proxy's.)"""
    who = view.principal
    words = (
        view.texts["app.who_reader"]
        if who.read_only
        else view.text("app.who", name=who.user_id, role=view.texts[f"role.{who.role.value}"])
    )
    out = f'<span title="{esc(words)}">{esc(words)}</span>'
    if auth == "oidc":
        out += f'<a class="logout" href="/auth/logout" target="_self">{esc(view.texts["app.logout"])}</a>'
    return f'<p class="who">{out}</p>'


_LANGUAGE_SCRIPT: Final = """
export default function (component) {
  document.documentElement.lang = component.data.lang;
}
"""


def _tell_language(lang: str) -> None:
    """Streamlit keeps ``lang`` of the first load when the language changes within a session."""
    component = st.components.v2.component(
        "document_language", html="<span hidden></span>", js=_LANGUAGE_SCRIPT
    )
    component(data={"lang": lang}, key="document-language", height=0)


def _notices(view: View, run: RunResult) -> None:
    region = run.meta["region"]
    notices = []
    if region["fictional"]:
        notices.append(notice(str(region[f"notice_{view.lang}"]), head=view.texts["notice.fictional"]))
    if not run.is_computable():
        notices.append(notice(str(run.meta["computable_reason"][view.lang]), kind="grave"))
    if not_outdoors := reception_said(run.meta, view.lang):
        notices.append(notice(not_outdoors, head=view.texts["notice.not_outdoors"]))
    if areas := published_said(run.meta, view.lang):
        notices.append(notice(areas, kind="plain"))
    if run.meta["estimated"]:
        notices.append(
            notice(view.texts["notice.estimated"], head=view.texts["notice.estimated_head"], kind="plain")
        )
    if notices:
        st.html("".join(notices))


def _empty(view: View, error: NotFoundError) -> None:
    head(view.texts["empty.title"], view.texts["empty.lede"])
    st.html(notice(error.text(view.lang), kind="plain"))
    st.code("make app\ncoverage-gap run --publish", language="shell")


def _foot(view: View, run: RunResult) -> None:
    meta = run.meta
    sources = "、".join(dict.fromkeys(str(layer["credit"]) for layer in meta["layers"] if layer["credit"]))
    card = meta["model_card"]
    lines = [
        view.text("foot.credits", credits=sources),
        view.text("foot.model", model=card["model"], ladder=card["ladder_id"]),
        view.text("foot.run", run=run.run_id, software=meta["software"]["version"]),
    ]
    st.html('<div class="foot">' + "".join(f"<p>{esc(line)}</p>" for line in lines) + "</div>")
