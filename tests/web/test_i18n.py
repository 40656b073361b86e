"""Words of the pages: both languages complete, nothing said that is not in the tables, nothing in the tables unsaid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import coverage.web
from coverage.report.wording import load_texts
from coverage.web.wording import web_texts

WEB = Path(next(iter(coverage.web.__path__)))
# Names that the code puts together at run time: prefix → where the endings come from.
COMPOSED = (
    "tour.",
    "better.", "live.", "chart.", "data.language_", "data.note_", "data.table_", "difference.changed", "difference.new", "error.", "findings.",
    "grade.", "import.", "indicators.activity", "indicators.directions", "indicators.issues", "indicators.prefecture", "kind.", "layer.",
    "answer.", "dates.", "diffmap.", "field.", "page.", "planning.baseline_", "planning.reason_", "phase.", "question.", "rows.", "separator.", "record.", "role.", "source.", "state.", "understood.", "upload.errors", "upload.kind_",
    "upload.notices", "upload.warnings", "verdict.", "audit_action.", "manage.precision.", "manage.lower_", "manage.rule_", "manage.section_",
)  # fmt: skip


def _code() -> str:
    return "\n".join(p.read_text(encoding="utf-8") for p in WEB.rglob("*.py"))


def test_japanese_and_english_have_the_same_names() -> None:
    assert set(web_texts("ja")) == set(web_texts("en"))


def test_japanese_and_english_have_the_same_placeholders() -> None:
    japanese, english = web_texts("ja"), web_texts("en")
    for name in japanese:
        fields = [sorted(re.findall(r"\{(\w+)\}", texts[name])) for texts in (japanese, english)]
        assert fields[0] == fields[1], name


def test_every_name_in_the_code_exists() -> None:
    named = set(re.findall(r"""texts?(?:\[|\()\s*["']([a-z0-9_.-]+)["']""", _code()))
    named |= set(re.findall(r"""Column\(\s*texts\[["']([a-z_.]+)["']""", _code()))
    named = {name for name in named if "." in name and not name.endswith(".")}
    assert len(named) > 60
    assert named <= set(web_texts("ja")), named - set(web_texts("ja"))


def test_every_name_is_said_somewhere() -> None:
    code = _code()
    for name in web_texts("ja"):
        assert f'"{name}"' in code or f"'{name}'" in code or name.startswith(COMPOSED), f"nobody says {name}"


def test_no_sentence_is_empty_and_no_english_is_left_in_japanese() -> None:
    japanese, english = web_texts("ja"), web_texts("en")
    latin_by_right = {"app.other_language"}
    for name, sentence in japanese.items():
        assert sentence.strip(), name
        assert english[name].strip(), name
        if name not in latin_by_right:
            # Values, units and the field's abbreviations (RSRP, EIRP) have no language.
            words = re.sub(r"\{\w+\}|\b(dBm|dB|km|m|[A-Z]+|ITU-R P[.]\d+)\b", "", sentence)
            japanese_or_none = re.search(r"[぀-ヿ㐀-鿿、。]", words) or not re.search(r"[A-Za-z]", words)
            assert japanese_or_none, f"{name} is not Japanese: {sentence}"


def test_pages_say_nothing_of_their_own() -> None:
    for page in (WEB / "views").glob("*.py"):
        source = re.sub(r'"""(.*?)"""', "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        source = re.sub(r"#.*", "", source)
        assert not re.findall(r"[぀-ヿ㐀-鿿]{2,}", source), page.name


def test_each_page_may_have_a_file_of_its_own_and_no_name_is_said_twice(tmp_path: Path) -> None:
    (tmp_path / "ja").mkdir()
    (tmp_path / "ja.toml").write_text('[page]\nmap = "地図"\n', encoding="utf-8")
    (tmp_path / "ja" / "home.toml").write_text('[home]\ntitle = "ホーム"\n', encoding="utf-8")
    assert load_texts(tmp_path, "ja") == {"page.map": "地図", "home.title": "ホーム"}
    (tmp_path / "ja" / "other.toml").write_text('[page]\nmap = "図"\n', encoding="utf-8")
    load_texts.cache_clear()
    with pytest.raises(ValueError, match=r"other\.toml says again: page\.map"):
        load_texts(tmp_path, "ja")
