"""Documents are held to the code: settings, commands, links."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from coverage.settings import PREFIX, Settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
PROJECT = DOCS.parent

_NAMES = {
    "region_folder": "REGION",
    "runs_folder": "RUNS",
    "layers_root": "LAYERS",
    "store_url": "STORE",
    "backups_folder": "BACKUPS",
}


def test_every_setting_is_documented_and_none_is_invented():
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(rf"`{PREFIX}([A-Z_]+)`", text))
    known = {_NAMES.get(f.name, f.name.upper()) for f in dataclasses.fields(Settings)}
    assert documented == known


@pytest.mark.parametrize("path", sorted([*DOCS.glob("*.md"), *PROJECT.glob("*.md")]), ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(path: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_command_is_named_in_the_documents():
    from coverage.cli.app import app

    text = "\n".join(p.read_text(encoding="utf-8") for p in [*DOCS.glob("*.md"), PROJECT / "README.md"])
    missing = [c.name for c in app.registered_commands if c.name and f"coverage-gap {c.name}" not in text]
    missing += [g.name for g in app.registered_groups if g.name and f"coverage-gap {g.name}" not in text]
    assert missing == []


def test_every_exit_code_is_documented():
    from coverage import errors

    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    kinds = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.CoverageGapError)]
    for code in {kind.exit_code for kind in kinds}:
        assert f"| {code} |" in text


def test_every_promise_names_tests_that_exist():
    text = (DOCS / "reliability.md").read_text(encoding="utf-8")
    promises = re.findall(r"^\| ([RS][0-9]+) \|.*\|$", text, flags=re.MULTILINE)
    assert promises == [f"R{n}" for n in range(1, 11)] + [f"S{n}" for n in range(1, 11)]
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`", text)
    assert len(named) == text.count("`tests/") - text.count("`tests/test_docs.py`"), "a test is named in another form"
    missing = [f"{path}::{name}" for path, name in named if name not in _tests_in(PROJECT / path)]
    assert missing == []


def _tests_in(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
