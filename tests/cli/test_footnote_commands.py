"""脚注 by command: add, list, correct, withdraw."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def command(called, tiny, tmp_path, monkeypatch):
    tiny.write_tiny_region(tmp_path / "region")
    for name in ("RUNS", "LAYERS"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(tmp_path / "region"))
    monkeypatch.setenv("COVERAGE_GAP_STORE", f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "local")
    called("ledger", "load")
    return called


def _listed(command, *more):
    return json.loads(command("footnote", "list", "--json", *more).out)["footnotes"]


def test_a_footnote_is_added_corrected_and_withdrawn(command):
    added = json.loads(
        command(
            "footnote", "add", "40604", "28", "--ja", "統合により1基減", "--en", "one fewer", "--json"
        ).out
    )
    key = added["footnote_id"]
    assert (added["fiscal_year"], added["version"], added["withdrawn"]) == (2016, 1, False)
    text = command("footnote", "list").out
    assert f"{key}  40604  平成28年度  統合により1基減  / one fewer" in text
    count = json.loads(command("count", "--fy", "2016", "--json").out)
    assert count["years"][0]["footnotes"][0]["ja"].startswith("統合により1基減（")
    assert "※ 統合により1基減（" in command("count", "--fy", "28").out
    assert "※ 統合により1基減（" in command("indicators").out
    done = command("footnote", "correct", key, "--ja", "統合により2基減", "--reason", "数の誤り")
    assert "訂正しました" in done.out
    (now,) = _listed(command, "--indicator", "40604", "--fy", "28")
    assert (now["ja"], now["en"], now["reason"], now["version"]) == (
        "統合により2基減",
        "one fewer",
        "数の誤り",
        2,
    )
    refused = command("footnote", "withdraw", key, "--reason", "不要", "--version", "1", code=4)
    assert "保存していません" in refused.err
    command("footnote", "withdraw", key, "--reason", "不要", "--version", "2")
    assert _listed(command) == []
    (gone,) = _listed(command, "--withdrawn")
    assert gone["withdrawn"]
    (then,) = _listed(command, "--as-of", added["changed_at"])
    assert then["ja"] == "統合により1基減"


def test_what_cannot_be_is_refused_in_one_sentence(command):
    assert "改行" in command("footnote", "add", "40604", "28", "--ja", "一\n二", code=2).err
    assert "施策シート" in command("footnote", "add", "1", "28", "--ja", "文", code=3).err
    assert "台帳にありません" in command("footnote", "withdraw", "N1", "--reason", "x", code=3).err
    command("footnote", "add", "40604", "28", "--ja", "文")
    assert "もうあります" in command("footnote", "add", "40604", "28", "--ja", "文", code=4).err
    assert "--as-of" in command("footnote", "list", "--as-of", "きのう", code=2).err
