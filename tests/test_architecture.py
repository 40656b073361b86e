"""The shape of the package: which way imports point, and what a light start may load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "coverage"
ROOT_MODULES = {"archive_damage", "errors", "settings", "environment", "durable", "_jit", "__main__"}
# What each package may import of the others, besides the root modules.
ALLOWED = {
    "domain": set(),
    "radio": {"domain"},
    "gaps": {"domain"},
    "plan": {"domain"},
    "readers": {"domain"},
    "store": {"domain"},
    "sample": {"domain", "readers"},
    "fetch": {"domain", "readers"},
    "uploads": {"domain", "readers"},
    "runs": {"domain", "radio", "gaps", "plan"},
    "report": {"domain", "radio", "gaps", "plan", "runs"},
    "services": {"domain", "radio", "gaps", "plan", "runs", "report", "readers", "store", "sample", "fetch", "uploads"},
    "web": {"domain", "report", "runs", "services"},
    # "plan solve" works on instances without any region, and "db" looks after the database itself.
    "cli": {"domain", "runs", "services", "plan", "store", "web"},
}
ONLY_AT_THE_EDGE = {"streamlit": {"web"}, "folium": {"report"}, "branca": {"report"}}


def _imports(path: Path) -> set[str]:
    """Dotted names of every import in a module, also those inside functions; not those for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "vendor" not in p.parts)


@pytest.mark.parametrize("path", _modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path: Path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in ROOT_MODULES or own == "__init__":
        return
    assert own in ALLOWED, f"new package {own}: give it a place in the direction of imports"
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "coverage" and len(parts) > 1 and parts[1] not in ROOT_MODULES | {own, "__version__"}:
            assert parts[1] in ALLOWED[own], f"{own} must not import {name}"
        if parts[0] in ONLY_AT_THE_EDGE:
            assert own in ONLY_AT_THE_EDGE[parts[0]], f"{own} must not import {name}"
        if parts[0] == "numba":
            pytest.fail("numba comes from coverage._jit only")


def test_arrow_the_wrong_way_is_noticed(tmp_path: Path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f():\n    from coverage.web import pages\n", encoding="utf-8")
    assert _imports(wrong) == {"coverage.web.pages"}


def test_help_loads_no_heavy_package():
    code = (
        "import sys\n"
        "from coverage.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'numpy','pandas','geopandas','shapely','rasterio','numba','streamlit','folium','scipy','pydantic','pyproj'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stdout
    assert "Mobile no-signal areas" in done.stdout


DIGEST_LIKE = re.compile(r"[0-9a-f]{1,5}")


def _by_chance(source: str) -> list[int]:
    """Lines that want a few hex digits to be absent from a text: a digest shown there has them once in a while."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.NotIn)
        and isinstance(node.left, ast.Constant)
        and isinstance(node.left.value, str)
        and DIGEST_LIKE.fullmatch(node.left.value)
    ]


def test_no_test_fails_when_a_digest_happens_to_hold_the_digits():
    tests = sorted(Path(__file__).parent.rglob("*.py"))
    assert {p.name: lines for p in tests if (lines := _by_chance(p.read_text(encoding="utf-8")))} == {}


def test_an_absence_that_chance_may_break_is_noticed():
    assert _by_chance('assert 1\nassert "75" not in words\nassert "75基" not in words\nassert "75" in words') == [2]
