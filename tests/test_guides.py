"""The four guides are held to the app: pictures, pages, commands and links that they name are there."""

from __future__ import annotations

import ast
import importlib
import random
import re
import tempfile
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest
from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
IMAGES = DOCS / "images"
GUIDES = sorted(DOCS.glob("guide-*.md"))
MOST_BYTES = 120_000
UNKNOWN = "/api/{path:path}"
"""The route that answers 404 for addresses below /api that are none."""

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda p: p.stem)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _pictures_in(path: Path) -> set[str]:
    return {Path(target).name for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", _text(path))}


def _pictures_made() -> set[str]:
    """Names that scripts/guide_pictures.py writes: ``shot(page, "x", …)`` is guide-x.png, others stand as they are."""
    found = set()
    for node in ast.walk(ast.parse(_text(PROJECT / "scripts" / "guide_pictures.py"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".png"):
            found.add(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "shot":
            name = node.args[1]
            assert isinstance(name, ast.Constant), ast.dump(node)
            found.add(f"guide-{name.value}.png")
    return found


@pytest.fixture(scope="module")
def screenshots() -> ModuleType:
    """scripts/screenshots.py; skipped where the browser's library is not installed."""
    pytest.importorskip("playwright")
    return importlib.import_module("scripts.screenshots")


def _command(words: list[str]) -> click.Command:
    """The command that words name; LookupError where there is none."""
    from typer.main import get_command

    from coverage.cli.app import app

    found: click.Command = get_command(app)
    for word in words:
        below = getattr(found, "commands", None)
        if below is None:
            return found
        if word not in below:
            raise LookupError(" ".join(words))
        found = below[word]
    return found


def _options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_each_of_the_four_users_has_a_guide_that_the_readme_names():
    assert [p.stem for p in GUIDES] == ["guide-admin", "guide-municipality", "guide-planner", "guide-staff"]
    readme = _text(PROJECT / "README.md")
    assert [p.name for p in GUIDES if f"(docs/{p.name})" not in readme] == []


@each_guide
def test_pictures_of_a_guide_exist_and_are_small(guide: Path):
    named = _pictures_in(guide)
    assert named, "a guide without a picture"
    for name in named:
        assert (IMAGES / name).is_file(), name
        assert (IMAGES / name).stat().st_size <= MOST_BYTES, name
        with Image.open(IMAGES / name) as picture:
            assert picture.mode == "P", f"{name} has no palette"
            assert picture.width <= 1366, name


def test_every_picture_that_is_made_is_shown_and_every_one_shown_is_made():
    made = _pictures_made()
    assert len(made) > 12
    shown = set.union(*map(_pictures_in, GUIDES), _pictures_in(PROJECT / "README.md"))
    assert shown <= made
    # The README's map in English is for whoever writes about the product in English.
    assert made - shown <= {"map-en.png"}
    assert {p.name for p in IMAGES.glob("*.png")} == made


def test_every_page_of_the_app_is_explained_in_some_guide():
    from coverage.web.documents import PAGES

    names: dict[str, str] = {}
    for path in (PROJECT / "coverage" / "web" / "i18n").rglob("*.toml"):
        if path.name == "ja.toml" or path.parent.name == "ja":
            names |= tomllib.loads(_text(path)).get("page", {})
    text = "".join(map(_text, GUIDES))
    assert [
        page
        for page in PAGES
        if f"「{names[page or 'home']}" not in text and f"**{names[page or 'home']}" not in text
    ] == []


@each_guide
def test_commands_of_a_guide_exist_with_their_options(guide: Path):
    blocks = re.findall(r"```sh\n(.*?)```", _text(guide), flags=re.DOTALL)
    lines = [line.split("   #")[0].split() for block in blocks for line in block.splitlines() if line.strip()]
    assert lines
    for words in lines:
        assert words[0] in {"coverage-gap", "curl"}, words
        if words[0] == "coverage-gap":
            given = {w for w in words if w.startswith("--")}
            assert given <= _options(_command(words[1:])), words
    # In running text: `coverage-gap layers import`, `make app`.
    for inline in re.findall(r"`coverage-gap ([a-z -]+)", _text(guide)):
        _command(inline.split())
    targets = re.findall(r"^([a-z-]+):", _text(PROJECT / "Makefile"), flags=re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", _text(guide))) <= set(targets)


@each_guide
def test_a_guide_is_japanese_first_with_english_after(guide: Path):
    text = _text(guide)
    head, _, english = text.partition("\n## In English\n")
    assert len(re.findall(r"[ぁ-ん]", head)) > 500
    assert len(english.split()) > 60
    assert "算定不可" in head, "what the words mean is part of every guide"


def test_addresses_that_a_guide_fetches_are_routes_of_the_app():
    from starlette.routing import Match

    from coverage.web.routes import ROUTES

    addresses = {a for g in GUIDES for a in re.findall(r"127\.0\.0\.1:8501(/api/[^'?`\s]+)", _text(g))}
    assert addresses
    assert UNKNOWN in {getattr(route, "path", "") for route in ROUTES}
    for path in addresses:
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        matching = [route for route in ROUTES if route.matches(scope)[0] is Match.FULL]
        assert matching[0].path != UNKNOWN, path


def test_a_picture_that_is_too_large_gets_fewer_colours_and_is_refused_when_that_does_not_help(
    screenshots: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenshots, "IMAGES", tmp_path)
    monkeypatch.setattr(screenshots, "MOST_BYTES", 9_000)
    noise = Image.frombytes("RGB", (120, 80), random.Random(7).randbytes(3 * 120 * 80))
    screenshots.keep(noise, "some.png")
    with Image.open(tmp_path / "some.png") as kept:
        assert len(kept.getcolors() or []) < 256
    assert (tmp_path / "some.png").stat().st_size <= 9_000
    with pytest.raises(screenshots.PictureError, match=r"large\.png"):
        screenshots.keep(noise.resize((240, 160)), "large.png")
    assert not (tmp_path / "large.png").exists()


def test_the_office_of_the_pictures_knows_no_folder_and_no_setting_of_this_machine(
    screenshots: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_STORE", "postgresql://elsewhere/ledger")
    monkeypatch.setenv("COVERAGE_GAP_BASIC_FILE", "users.txt")
    own = {k: v for k, v in screenshots.office_environment().items() if k.startswith("COVERAGE_GAP_")}
    assert own["COVERAGE_GAP_STORE"] == "sqlite:///ledger.sqlite"
    assert "COVERAGE_GAP_BASIC_FILE" not in own
    assert [v for v in own.values() if Path(v).is_absolute()] == []


@pytest.mark.parametrize(
    "place", [PROJECT, Path.home(), Path(tempfile.gettempdir())], ids=["project", "home", "temporary"]
)
def test_a_page_that_shows_a_folder_of_this_machine_is_no_picture(
    screenshots: ModuleType, place: Path
) -> None:
    class Page:
        def inner_text(self, _selector: str) -> str:
            return f"管理\n保存先：{place.resolve() / 'office' / 'backups'}"

    with pytest.raises(screenshots.PictureError, match="folder of this machine"):
        screenshots.shot(Page(), "x")
