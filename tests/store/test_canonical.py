"""Text, ids and JSON have one form, so that digests agree; anchors and places are read back as they were written."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import FileFormatError, InputError, StorageError
from coverage.store.audit import Head, read_anchors, write_anchor
from coverage.store.canonical import (
    canonical_json,
    identifier,
    instant_text,
    one_line,
    plain_json,
    sha256_hex,
    stored_text,
)
from coverage.store.events import join_key
from coverage.store.locate import Location
from coverage.store.protocol import EditConflictError, FieldChange

NOW = datetime(2017, 4, 10, tzinfo=UTC)


def test_json_has_one_form() -> None:
    assert (
        canonical_json({"b": 1, "a": [1.5, None, True, "圏外\n"]}) == '{"a":[1.5,null,true,"圏外\\n"],"b":1}'
    )
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(math.nan)


def test_instants_sort_as_text() -> None:
    japan = datetime(2017, 4, 10, 9, tzinfo=timezone(timedelta(hours=9)))
    assert instant_text(japan) == instant_text(NOW) == "2017-04-10T00:00:00.000000Z"
    assert instant_text(datetime(986, 1, 1, tzinfo=UTC)) < instant_text(NOW)
    assert len(instant_text(datetime(986, 1, 1, tzinfo=UTC))) == 27


def test_stored_text_keeps_line_breaks_and_loses_control_characters() -> None:
    assert stored_text("九鬼\r\n早田\r\x00\x1b[31m\u2028", where="x") == "九鬼\n早田\n[31m"
    assert stored_text("　全角 空白", where="x") == "　全角 空白"


def test_ids_are_one_line_and_one_form() -> None:
    assert identifier(" Ｔ－００１\n", where="x") == "T-001"
    assert identifier("ｶﾞ", where="x") == "ガ"
    for wrong in ("", " \n", "x" * 201):
        with pytest.raises(InputError):
            identifier(wrong, where="x")


def test_log_lines_have_no_raw_line_break() -> None:
    assert one_line("a\nb\r\x1b\u2028c") == "a\\u000ab\\u000d\\u001b\\u2028c"
    assert len(one_line("x" * 1000, limit=80)) == 80


@pytest.mark.parametrize("wrong", [math.inf, object(), b"x", {"a": math.nan}])
def test_what_json_cannot_say_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError) as caught:
        plain_json(wrong, where="settings.x")
    assert caught.value.code == "value-not-json"


def test_dates_tuples_and_sets_become_plain_json() -> None:
    assert plain_json({"a": (1, date(2017, 4, 1)), "b": {"y", "x"}, "c": NOW}, where="x") == {
        "a": [1, "2017-04-01"],
        "b": ["x", "y"],
        "c": "2017-04-10T00:00:00.000000Z",
    }


def test_no_two_lists_of_parts_give_one_key() -> None:
    parts = [("a", "b"), ("a/b",), ("a%2Fb",), ("a", "b", ""), ("", "a", "b")]
    assert len({join_key(p) for p in parts}) == len(parts)


def test_a_conflict_survives_the_way_out_of_a_worker() -> None:
    problem = EditConflictError(
        "edit-conflict", "日", "en", actor="kato", at=NOW, changes=(FieldChange("name", "局名", "a", "b"),)
    )
    again = pickle.loads(pickle.dumps(problem))
    assert (again.code, again.actor, again.at, again.changes) == (
        "edit-conflict",
        "kato",
        NOW,
        problem.changes,
    )
    assert again.changes[0].text("ja") == "局名 a→b"
    assert FieldChange("name", "局名", None, "x\ny").text("en") == "name —→x\\u000ay"


def test_anchors_are_read_back_and_a_restore_gives_up_the_later_ones(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "heads.log"
    assert read_anchors(log) == ()
    heads = [Head(n, sha256_hex(str(n))) for n in (3, 5, 9)]
    for head in heads:
        write_anchor(log, head, at=NOW, event="backup")
    assert read_anchors(log) == tuple(heads)
    write_anchor(log, heads[1], at=NOW, event="restore")
    assert read_anchors(log) == tuple(heads[:2])
    assert (
        log.read_text(encoding="utf-8").splitlines()[0]
        == f"2017-04-10T00:00:00.000000Z event=backup {heads[0]}"
    )


@pytest.mark.parametrize(
    "line", ["nonsense", "event=backup seq=x head=" + "0" * 64, "event=backup seq=1 head=00"]
)
def test_a_damaged_anchor_log_is_not_taken_for_an_empty_one(tmp_path: Path, line: str) -> None:
    log = tmp_path / "heads.log"
    log.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        read_anchors(log)
    assert caught.value.code == "anchor-log-unreadable"
    assert "1 行目" in caught.value.ja


def test_an_anchor_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError) as caught:
        write_anchor(tmp_path / "file" / "heads.log", Head(1, "0" * 64), at=NOW, event="daily")
    assert caught.value.code == "anchor-not-written"


@pytest.mark.parametrize(
    ("url", "path", "name"),
    [
        ("ledger.sqlite", "ledger.sqlite", "ledger.sqlite"),
        ("sqlite:///data/ledger.sqlite", "data/ledger.sqlite", "ledger.sqlite"),
        ("sqlite:////srv/ledger.sqlite", "/srv/ledger.sqlite", "ledger.sqlite"),
        ("sqlite:///C:/data/ledger%20A.sqlite", "C:/data/ledger A.sqlite", "ledger A.sqlite"),
        ("postgresql://app:secret@db:5432/mie", None, "mie"),
        ("postgresql+psycopg://app:secret@db/mie?sslmode=require", None, "mie"),
        ("postgis://db/mie", None, "mie"),
    ],
)
def test_the_place_of_a_store_is_understood(url: str, path: str | None, name: str) -> None:
    location = Location.parse(url)
    assert (location.path, location.name) == (None if path is None else Path(path), name)
    assert "secret" not in location.name


@pytest.mark.parametrize(
    "url", ["", "sqlite:", "sqlite://x", "mysql://db/x", "postgresql://db", "http://x/y"]
)
def test_a_place_that_is_not_understood_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Location.parse(url)
    assert caught.value.code == "store-url-invalid"
