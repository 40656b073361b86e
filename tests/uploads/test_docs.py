"""docs/uploads.md names every code that an upload can give, and no other."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from kit import CASES

from coverage.uploads.limits import DEFAULT_LIMITS
from coverage.uploads.positions import POSITION_SENTENCES

MADE = re.compile(r'(?:Remark|_?refused|rejection|FileFormatError|StorageError|InputError|\.bad|\.wrong)\(\s*"([a-z0-9-]+)"')
ELSEWHERE = {
    # Raised by readers that site lists go through.
    "readers": ("crs-projected", "crs-missing", "layer-choose", "shapefile-incomplete", "shapefile-broken", "shapefile-type", "text-truncated"),
    # Of the ledger's word on a list.
    "services": ("ended-before-service",),
    "domain": (
        "date-two-digit-year", "era-out-of-range", "fiscal-year-era-missing", "fiscal-year-unreadable", "date-does-not-exist", "date-excel-serial",
        "date-out-of-range", "date-unreadable",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def documented(project_dir) -> set[str]:
    text = (project_dir / "docs" / "uploads.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE))


def test_every_code_is_documented_and_every_documented_code_exists(project_dir, documented):
    made = set(POSITION_SENTENCES)
    for path in (project_dir / "coverage" / "uploads").glob("*.py"):
        made |= set(MADE.findall(path.read_text(encoding="utf-8")))
    made -= {"not-windows", "job-object-refused"}
    for package, codes in ELSEWHERE.items():
        text = "".join(p.read_text(encoding="utf-8") for p in (project_dir / "coverage" / package).glob("*.py"))
        for code in codes:
            assert f'"{code}"' in text, code
        made |= set(codes)
    assert documented - made == set()
    assert made - documented == set()


def test_the_kit_asks_for_documented_codes_only_and_for_most_of_them(documented):
    asked = {code for case in CASES for code in case.codes}
    assert asked <= documented
    assert len(asked) > 70


def test_the_limits_in_the_page_are_those_of_the_code(project_dir):
    text = (project_dir / "docs" / "uploads.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("上限："))
    limits = DEFAULT_LIMITS
    for shown in (
        f"{limits.upload_bytes >> 20} MB", f"展開後 {limits.unpacked_bytes >> 20} MB", f"{limits.ratio}:1", f"{limits.entries} 個", f"{limits.rows:,} 行",
        f"{limits.columns} 列", f"{limits.cell_characters:,} 文字", f"{limits.depth} 段", f"{limits.wall_s:.0f} 秒", "1.5 GiB",
    ):  # fmt: skip
        assert shown in line, shown
    assert limits.memory_bytes == 1.5 * 2**30
