"""Questions and answers of an upload: the mapping document, what it keeps, and next month's file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import InputError
from coverage.services.import_answers import (
    column_answers,
    mapping_json,
    own_answers,
    questions_of,
    read_answers,
    suggested_answers,
    with_answer,
)
from coverage.store.records import ImportRecord, ImportState
from coverage.uploads.report import Remark, Report


def heads(*pairs: tuple[str, str]) -> Report:
    return Report(understood={"heads": [{"header": h, "guess": g} for h, g in pairs]})


def test_only_what_differs_from_the_headers_becomes_an_answer() -> None:
    report = heads(("局番", "site_id"), ("北", ""), ("経度", "lon"), ("目的", "purpose"))
    assert column_answers(report, {"局番": "site_id", "北": "lat", "経度": "lon", "目的": ""}) == {
        "lat": "北",
        "purpose": "",
    }
    assert column_answers(report, {"局番": "site_id", "北": "", "経度": "lon", "目的": "purpose"}) == {}


def test_of_two_headers_that_mean_the_same_the_chosen_one_is_named() -> None:
    report = heads(("緯度", "lat"), ("lat", "lat"))
    assert column_answers(report, {"緯度": "lat", "lat": ""}) == {"lat": "緯度"}
    with pytest.raises(InputError) as problem:
        column_answers(report, {"緯度": "lat", "lat": "lat"})
    assert problem.value.code == "field-twice"


def test_columns_that_are_not_shown_keep_their_meaning() -> None:
    assert column_answers(heads(("局番", "site_id"), ("緯度", "lat")), {"局番": "site_id"}) == {}


def test_answers_are_joined_and_taken_back() -> None:
    answers = with_answer({"sheet": "R5", "columns": {"lat": "北"}}, "two_digit_year", "heisei")
    assert answers["dates"] == {"two_digit_year": "heisei"}
    assert with_answer(answers, "two_digit_year", None) == {"sheet": "R5", "columns": {"lat": "北"}}
    assert with_answer(answers, "sheet", "R6") == {"sheet": "R6", "dates": {"two_digit_year": "heisei"}}


def test_the_document_of_the_page_is_the_file_of_the_command(tmp_path: Path) -> None:
    answers = {"axes": "swap", "crs": 6, "columns": {"lat": "北", "name": ""}, "dates": {"serial": 1904}}
    path = tmp_path / "mapping.json"
    path.write_bytes(mapping_json({**answers, "corrected_rows": {"1": {}}, "revises": "x"}))
    assert read_answers(path) == answers


@pytest.mark.parametrize(
    ("crs", "read"),
    [
        (6, {"crs": 6}),
        ("第6系", {"crs": "第6系"}),
        ("EPSG:6674", {"crs": "EPSG:6674"}),
        # Degrees of JGD or WGS 84 are what lists are read in anyway.
        ("EPSG:6668", {}),
        (4326, {}),
        # A code of the Tokyo datum is two answers in one.
        ("EPSG:4301", {"datum": "tokyo"}),
        (30166, {"crs": 6, "datum": "tokyo"}),
    ],
)
def test_a_system_is_answered_by_number_name_or_code(tmp_path: Path, crs: Any, read: dict[str, Any]) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps({"crs": crs}), encoding="utf-8")
    assert read_answers(path) == read


@pytest.mark.parametrize(
    "answers",
    [{"crs": "banana"}, {"crs": 20}, {"crs": "EPSG:32653"}, {"crs": ""}, {"crs": 4301, "datum": "jgd2011"}, {"crs": 30166, "datum": "jgd2011"}],
)  # fmt: skip
def test_a_system_that_lists_are_not_read_in_is_refused(tmp_path: Path, answers: dict[str, Any]) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(answers), encoding="utf-8")
    with pytest.raises(InputError) as problem:
        read_answers(path)
    assert problem.value.code == "mapping-unknown"
    assert "crs" in problem.value.en


@pytest.mark.parametrize(
    "dates", [{"two_digit_year": "meiji"}, {"serial": 1905}, {"serial": True}, {"year": 1}, "heisei"]
)
def test_answers_on_dates_that_are_not_on_offer_are_refused(tmp_path: Path, dates: Any) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps({"dates": dates}), encoding="utf-8")
    with pytest.raises(InputError) as problem:
        read_answers(path)
    assert problem.value.code == "mapping-unknown"


def test_questions_come_in_the_order_in_which_answers_help_with_their_rows() -> None:
    report = Report(
        errors=[
            Remark("axes-swapped", "", "", 1),
            Remark("axes-swapped", "", "", 2),
            Remark("position-metres", "", "", 3),
        ],
        warnings=[Remark("date-two-digit-year", "", "", 1)],
        understood={"dates": {"in_service_date": {"year": 4}}},
    )
    assert [(q.topic, q.rows) for q in questions_of(report, {})] == [
        ("axes", 2),
        ("crs", 1),
        ("two_digit_year", 1),
        ("bare_year", 4),
    ]
    assert "bare_year" not in {q.topic for q in questions_of(report, {"dates": {"bare_year": "calendar"}})}


def test_a_question_about_the_whole_file_offers_its_sheets() -> None:
    report = Report(
        errors=[Remark("sheet-choose", "", "")], understood={"sheets": [{"name": "R5"}, {"name": "R6"}]}
    )
    (question,) = questions_of(report, {})
    assert (question.topic, question.rows, question.choices) == ("sheet", None, ("R5", "R6"))


def record(number: int, state: ImportState, layout: str, **mapping: Any) -> ImportRecord:
    return ImportRecord(
        f"{number:06d}",
        "sites",
        f"{number}.csv",
        "",
        0,
        "",
        state,
        "keikaku",
        report={"understood": {"layout": layout}},
        mapping=mapping,
    )


def test_the_newest_import_with_the_same_headers_lends_its_answers() -> None:
    records = [
        record(4, ImportState.RETURNED, "a", axes="keep"),
        record(3, ImportState.ACCEPTED, "b", axes="keep"),
        record(2, ImportState.ACCEPTED, "a", axes="swap", corrected_rows={"0": {}}),
        record(1, ImportState.ACCEPTED, "a", datum="tokyo"),
    ]
    answers, source = suggested_answers(records, "sites", "a")
    assert (answers, source) == ({"axes": "swap"}, records[2])
    assert suggested_answers(records, "districts", "a") == ({}, None)
    assert suggested_answers(records, "sites", None) == ({}, None)
    assert own_answers(dataclasses.replace(records[2]).mapping) == {"axes": "swap"}


@pytest.mark.parametrize(("name", "text"), [("m.json", "[" * 100_000), ("m.toml", "a = " + "[" * 5000)])
def test_a_mapping_of_brackets_without_end_is_refused_in_words(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_answers(path)
    assert caught.value.code == "mapping-unreadable"
