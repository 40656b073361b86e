"""docs/counting.md promises a test for every rule, and lists every code: both are held to it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from coverage.domain.counting_findings import finding_codes, verdict_codes


@pytest.fixture(scope="module")
def page(project_dir: Path) -> str:
    return (project_dir / "docs" / "counting.md").read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    return page.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]


def test_every_test_that_the_page_names_exists(page: str, project_dir: Path) -> None:
    existing = {
        node.name
        for file in (project_dir / "tests" / "domain").glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    named = re.findall(r"`(test_\w+)`", section(page, "規則と検査"))
    assert len(named) > 50
    assert [name for name in named if name not in existing] == []


def test_every_rule_of_the_count_has_its_tests(page: str) -> None:
    rows = re.findall(r"^\| (\d+) [^|]+\|[^|]+\|([^|]+)\|$", section(page, "規則と検査"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 12))
    assert all("`test_" in tests for _, tests in rows)


def listed(page: str, heading: str) -> dict[str, int]:
    rows = re.findall(r"^\| ((?:`[a-z-]+` ?)+)\| (\d+) \|", section(page, heading), re.MULTILINE)
    return {code: int(rule) for codes, rule in rows for code in re.findall(r"`([a-z-]+)`", codes)}


def test_every_verdict_and_finding_is_listed_under_its_rule(page: str) -> None:
    assert listed(page, "判定の符号") == verdict_codes()
    assert listed(page, "質問・警告・脚注の符号") == finding_codes()
