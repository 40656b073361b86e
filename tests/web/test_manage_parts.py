"""What a change of a record says on the pages: words for codes, the beginning of documents, a line a column."""

from __future__ import annotations

from typing import Any

import pytest

from coverage.services.audit_trail import FieldChange
from coverage.services.imports import ImportState
from coverage.web.frame import View
from coverage.web.manage_parts import change_words
from coverage.web.wording import web_texts


def _view(lang: str) -> View:
    return View(lang, web_texts(lang))


@pytest.mark.parametrize(
    ("field", "before", "after", "ja", "en"),
    [
        (
            "state",
            ImportState.ACCEPTED,
            ImportState.UNDONE,
            "欄 承認 → 取消し",
            "state accepted → taken back",
        ),
        ("date_precision", "day", "fiscal_year", "欄 日 → 年度", "date_precision day → fiscal year"),
        ("role", "viewer", "planner", "欄 閲覧 → 計画担当", "role Viewer → Planner"),
        # A code that has no word yet is shown as it is.
        ("state", "open", "answered", "欄 open → answered", "state open → answered"),
        ("name", "津局", "=津局", "欄 津局 → =津局", "name 津局 → =津局"),
    ],
)
def test_codes_are_words_in_both_languages(field: str, before: Any, after: Any, ja: str, en: str) -> None:
    change = (FieldChange(field, "欄", before, after),)
    assert change_words(_view("ja"), change) == [ja]
    assert change_words(_view("en"), change)[0].lower() == en.lower()


def test_the_kind_of_a_list_is_the_pages_word() -> None:
    first, line = change_words(_view("ja"), (FieldChange("table_name", "表", None, "sites"),))
    assert first
    assert line == "表 基地局"


def test_of_a_document_only_the_beginning_is_shown() -> None:
    content = {"plan": "x" * 500, "nested": {"a": [1, 2]}}
    (line,) = change_words(_view("ja"), (FieldChange("content", "内容", {"plan": "y"}, content),))
    assert line.startswith('内容 {"plan": "y"} → {"plan": "xxx')
    assert len(line) < 140
