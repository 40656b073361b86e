"""Text of a user on its way into HTML and scripts."""

from __future__ import annotations

import html
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.report.escape import esc, script_json

HOSTILE = '</script><img src=x onerror="alert(1)">${alert(1)}`{{7*7}}\'&\u2028'


def test_markup_and_template_signs_do_not_survive_in_html() -> None:
    out = esc(HOSTILE)
    assert not set("<>\"'`${}") & set(out)
    assert html.unescape(out) == HOSTILE


@given(st.text())
def test_escaped_html_reads_back_as_the_same_text(text: str) -> None:
    assert html.unescape(esc(text)) == html.unescape(html.escape(text))


@given(st.text())
def test_json_in_a_script_element_reads_back_and_cannot_end_the_element(text: str) -> None:
    out = script_json({"name": text})
    assert json.loads(out) == {"name": text}
    assert not set("<>&'`\u2028\u2029") & set(out)


def test_not_a_number_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        script_json({"people": float("nan")})
