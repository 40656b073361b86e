"""One formula guard for every table that leaves the product."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.domain.cell_guard import guard, unguard
from coverage.readers import table_cells, table_writer
from coverage.runs.tables import cell_text

LIVE = [start + rest for start in "=+-@\t\r\n＝＋－＠" for rest in ("", "SUM(A1)", "cmd|' /C calc'!A0", "５")]


@pytest.mark.parametrize("text", LIVE)
def test_what_a_spreadsheet_would_run_is_neutralised_by_every_writer(text):
    assert guard(text) == cell_text(text) == table_writer.cell_text(text) == "'" + text
    assert table_cells.guard is guard


@pytest.mark.parametrize("text", ["-5", "+81", "-1e-3", "+.5", "0", "津局", "1-2", "", "'", "a=b", "　=x"])
def test_plain_numbers_and_plain_text_stay(text):
    assert guard(text) == text


@pytest.mark.parametrize("text", ["-５", "+1_000", "-inf", "+nan", "-0x1F", "--5"])
def test_what_only_float_would_take_for_a_number_is_text(text):
    assert guard(text) == "'" + text


@given(st.text(max_size=12))
def test_the_guard_is_undone_exactly(text):
    assert unguard(guard(text)) == text


@given(st.text(alphabet="'=+-@\t\r＝＋－＠5a", max_size=8))
def test_no_guarded_text_begins_live(text):
    out = guard(text)
    assert out[:1] not in set("=@\t\r\n＝＋－＠")
    if out[:1] in {"+", "-"}:
        float(out)
