from __future__ import annotations

import pickle

import pytest

from coverage import errors


def _classes() -> list[type[errors.CoverageGapError]]:
    return [
        c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.CoverageGapError)
    ]


@pytest.mark.parametrize("kind", _classes())
def test_error_keeps_both_sentences_on_its_way_out_of_a_worker(kind):
    sent = kind("some-code", "日本語の文。", "An English sentence.")
    got = pickle.loads(pickle.dumps(sent))
    assert type(got) is kind
    assert (got.code, got.ja, got.en) == ("some-code", "日本語の文。", "An English sentence.")
    assert got.text("ja") == "日本語の文。"
    assert got.text("en") == "An English sentence."
    assert got.as_dict() == {"code": "some-code", "ja": "日本語の文。", "en": "An English sentence."}


def test_every_kind_of_error_has_an_exit_code_and_an_http_status():
    for kind in _classes():
        assert 1 <= kind.exit_code <= 9
        assert 400 <= kind.http_status <= 599
