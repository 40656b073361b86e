"""What the pictures of the README and the guides are taken with: an office of its own, a browser, small PNG files.

The office is a copy of the sample region in a temporary folder, with a ledger and a server on a free port of this
machine. The browser calls it by the name of an example, so that pictures are the same on every machine and show neither
port nor folder. Nothing is fetched from outside. ``scripts/guide_pictures.py`` plays the stories (``make guides``).
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from scripts.loopback import (
    CHROMIUM_FLAGS,
    PROJECT,
    NotServingError,
    environment,
    find_chromium,
    free_port,
    running,
)

IMAGES = PROJECT / "docs" / "images"
HOST = "gap.example.lg.jp"
"""The name of the office's server in every picture; it leads to this machine (RFC 2606 keeps no names under lg.jp, but
a browser of ours never asks a name server for it)."""
OPERATOR_OF_THE_PC = "sato"
MOST_BYTES = 120_000
WIDTH, HEIGHT = 1366, 768

_PLACES = [
    str(place)
    for place in (PROJECT, Path.home(), Path(tempfile.gettempdir()).resolve())
    if len(place.parts) > 1
]
"""Folders of this machine; the office lies below the last."""
_MARGIN = 14


class PictureError(RuntimeError):
    """A picture that must not be kept, or something that is missing for taking any."""


@dataclass(frozen=True)
class Office:
    """A running server with its region, runs and ledger in one folder."""

    folder: Path
    port: int

    @property
    def base(self) -> str:
        return f"http://{HOST}"


def office_environment() -> dict[str, str]:
    """Settings that are relative to the office's folder: what a page shows of them is the same everywhere."""
    own = {
        "AUTH": "local", "REGION": "data", "RUNS": "runs", "STORE": "sqlite:///ledger.sqlite", "BACKUPS": "backups",
        "ANCHOR_LOG": "backups/audit-heads.txt", "PUBLIC_HOSTS": HOST,
    }  # fmt: skip
    names = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), OPERATOR_OF_THE_PC)
    return environment(**names, **{f"COVERAGE_GAP_{k}": v for k, v in own.items()})


def command(folder: Path, *words: str) -> None:
    """One command of the product in the office's folder."""
    subprocess.run(
        [sys.executable, "-m", "coverage", *words], cwd=folder, env=office_environment(), check=True
    )


@contextmanager
def office_folder() -> Iterator[Path]:
    """The sample region, without the real prefecture's settings, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="coverage-gap-pictures-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.copytree(PROJECT / "data", folder / "data", ignore=shutil.ignore_patterns("mie"))
        yield folder


@contextmanager
def served(folder: Path) -> Iterator[Office]:
    """A server for the folder on a free port of the loopback, ended by its own process at the end."""
    port = free_port()
    try:
        with running(
            [sys.executable, "-m", "coverage", "serve", "--port", str(port)],
            port=port, cwd=folder, environment=office_environment(), log=folder / "server.log", seconds=120,
        ):  # fmt: skip
            yield Office(folder, port)
    except NotServingError as error:
        raise PictureError(str(error)) from None


@contextmanager
def chromium(office: Office | None = None) -> Iterator[Browser]:
    """Chromium with a profile of its own, which finds the office under its example name."""
    path = find_chromium()
    if path is None:
        raise PictureError(
            "Chromium と日本語フォントが要ります / Chromium and Japanese fonts are needed (scripts/debian-packages.sh)"
        )
    rules = (
        []
        if office is None
        else [f"--host-resolver-rules=MAP {HOST}:80 127.0.0.1:{office.port}, MAP * ~NOTFOUND"]
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*CHROMIUM_FLAGS, *rules])
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, *, width: int = WIDTH, height: int = HEIGHT) -> Page:
    """A page without cookies of earlier ones, without motion."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="ja-JP", timezone_id="Asia/Tokyo", accept_downloads=True,
        reduced_motion="reduce",
    )  # fmt: skip
    return context.new_page()


def settled(page: Page) -> None:
    """Streamlit has said everything and the page has stopped moving."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=90_000)
    page.wait_for_timeout(900)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=90_000)


def shot(page: Page, name: str, *, first: Locator | None = None, last: Locator | None = None) -> None:
    """Keep ``guide-<name>.png``: the page from ``first`` (the top) down to ``last`` (the end of the screen).

    Raises PictureError where the page shows a folder of this machine.
    """
    said = page.inner_text("body")
    for line in said.splitlines():
        if any(place in line for place in _PLACES):
            raise PictureError(f"{name}: a folder of this machine: {line}")
    page.evaluate("document.activeElement && document.activeElement.blur()")
    page.mouse.move(2, HEIGHT - 2)
    if first is None and last is None:
        picture = Image.open(io.BytesIO(page.screenshot()))
    else:
        whole = page.evaluate(
            "(document.querySelector('[data-testid=stMain]') || document.documentElement).scrollHeight"
        )
        page.set_viewport_size({"width": WIDTH, "height": int(whole) + 8})
        settled(page)
        top = 0.0 if first is None else _box(first)[0] - _MARGIN
        bottom = float(whole) if last is None else _box(last)[1] + _MARGIN
        picture = Image.open(io.BytesIO(page.screenshot()))
        left, right = (0, WIDTH) if first is None else (72, WIDTH - 72)
        picture = picture.crop((left, max(0, round(top)), right, min(picture.height, round(bottom))))
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        settled(page)
    keep(picture, f"guide-{name}.png")


def _box(part: Locator) -> tuple[float, float]:
    box = part.bounding_box()
    if box is None:
        raise PictureError(f"not on the page: {part}")
    return box["y"], box["y"] + box["height"]


def keep(picture: Image.Image, name: str) -> None:
    """Write a palette PNG of at most :data:`MOST_BYTES`, with as many colours as that allows."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    plain = picture.convert("RGB")
    for colours in (256, 128, 64, 32, 16):
        held = io.BytesIO()
        # Colours chosen for coverage: small marks keep their hue, and the file is half the size.
        few = plain.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(held, "PNG", optimize=True)
        if held.tell() <= MOST_BYTES:
            (IMAGES / name).write_bytes(held.getvalue())
            print(
                f"{name}  {picture.width}×{picture.height}  {colours}  {held.tell() // 1000} kB", flush=True
            )
            return
    raise PictureError(f"{name}: more than {MOST_BYTES:,} bytes even with 16 colours; show less of the page")
