"""Pictures for the README and the guides, from the published run: ``python scripts/screenshots.py [runs folder]``.

Needs Chromium and Japanese fonts (scripts/debian-packages.sh). Nothing is fetched from outside: the map page is one file.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from coverage.report.map_files import map_file  # noqa: E402
from coverage.runs.folder import published  # noqa: E402

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> int:
    runs = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "runs"
    run = published(runs)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if run is None or chromium is None:
        print("公開された計算結果と Chromium が要ります / a published run and Chromium are needed", file=sys.stderr)
        return 1
    out = PROJECT / "docs" / "images"
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        for lang, name in (("ja", "map.png"), ("en", "map-en.png")):
            page.goto(map_file(run, lang=lang, plans=False).resolve().as_uri())
            page.wait_for_timeout(2500)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            # 256 colours chosen for coverage: small marks keep their hue, and the file is half the size.
            picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out / name, optimize=True)
            print(out / name)
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
