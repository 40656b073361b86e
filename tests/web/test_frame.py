"""What stands on every page: who looks at it, and labels whose words stay whole."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

import coverage.web
from coverage.services.access import ANONYMOUS, Principal, Role, guest
from coverage.web.frame import View, latest_year, who_line
from coverage.web.wording import web_texts


def _view(principal: Principal, lang: str = "ja") -> View:
    return View(lang, web_texts(lang), principal)


def test_name_and_role_are_said_in_the_fields_words() -> None:
    assert ">sato（管理者）<" in who_line(_view(Principal("sato", Role.ADMIN)), "local")
    assert ">sato（計画担当）<" in who_line(_view(Principal("sato", Role.PLANNER)), "proxy-header")
    assert ">sato (Planner)<" in who_line(_view(Principal("sato", Role.PLANNER), "en"), "basic-file")
    assert ">yamada（閲覧）<" in who_line(_view(guest("yamada")), "oidc")


@pytest.mark.parametrize(("lang", "words"), [("ja", "閲覧のみ"), ("en", "View only")])
def test_a_nameless_visitor_is_told_that_one_may_only_look(lang: str, words: str) -> None:
    line = who_line(_view(ANONYMOUS, lang), "none-readonly")
    assert f">{words}<" in line
    assert "anonymous" not in line


def test_a_hostile_name_is_text() -> None:
    line = who_line(_view(Principal('"><img src=x onerror=alert(1)>', Role.ADMIN)), "proxy-header")
    assert "<img" not in line
    assert line.count('"') == 4


@pytest.mark.parametrize("auth", ["local", "none-readonly", "proxy-header", "basic-file"])
def test_the_way_out_is_offered_where_a_provider_let_in(auth: str) -> None:
    view = _view(Principal("sato", Role.ADMIN))
    assert '<a class="logout" href="/auth/logout"' in who_line(view, "oidc")
    assert "logout" not in who_line(view, auth)


@pytest.mark.parametrize(
    ("sheet", "selector"), [("page.css", ".lead-figures .label"), ("pages/home.css", ".home-figure h2")]
)
def test_words_of_a_figures_label_break_only_where_a_narrow_screen_forces_them(
    sheet: str, selector: str
) -> None:
    assets = Path(next(iter(coverage.web.__path__))) / "assets"
    rule = re.search(re.escape(selector) + r" \{([^}]*)\}", (assets / sheet).read_text(encoding="utf-8"))
    assert rule is not None
    assert "word-break: keep-all" in rule[1]
    assert "overflow-wrap: anywhere" in rule[1]


@pytest.mark.parametrize(
    ("day", "opened"),
    [
        (date(2015, 3, 31), 2016),  # none has begun: the first
        (date(2018, 3, 31), 2017),  # the year that ends that day
        (date(2018, 4, 1), 2018),
        (date(2026, 11, 24), 2019),
    ],
)
def test_a_list_of_years_opens_with_the_latest_that_has_begun(day: date, opened: int) -> None:
    years = [2016, 2017, 2018, 2019]
    assert years[latest_year(years, day)] == opened
