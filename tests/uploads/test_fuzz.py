"""Broken in every way that chance finds: a file gives a report, never an exception. Fixed seeds, one per format."""

from __future__ import annotations

import csv
import io
import random
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from kit import CASES, Case
from test_kit import report_in_process

from coverage.services.templates import TEMPLATES

SEEDS = {
    "csv": ["csv plain", "csv cp932", "csv japanese headers", "csv utf-16 with bom", "csv quotes and commas", "plane with zone"],
    "xlsx": ["xlsx plain", "xlsx date", "xlsx title rows"],
    "geojson": ["geojson plain", "geojson tokyo", "geojson line and null"],
    "kml": ["kml plain", "kml bad placemark", "kml shift_jis"],
    "gpkg": ["gpkg plain", "gpkg plane"],
    "shapefile": ["shapefile plain", "shapefile cp932 without cpg", "shapefile plane"],
}
TOKENS = [
    b"\x00", b"\xff", b'"', b",", b"\n", b"\r", b"<", b">", b"&", b"]]>", b"{", b"}", b"[", b"]", b"\\u0000", b"\\ud800", b"1e999", b"-0", b"NaN",
    b"\xe3\x81", b"\x81", b"99999999999999999999", b"null", b"true", b"=1+1", b"%s%n", b"../", b"\xef\xbb\xbf", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\0" * 16,
]  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to six changes: flips, tokens, cuts, doubled and swapped pieces."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(out)) if out else 0
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at:at] = rng.choice(TOKENS)
        elif kind == 2 and out:
            out[at : at + rng.randint(1, 8)] = rng.choice(TOKENS)
        elif kind == 3:
            del out[at : at + rng.randint(1, max(1, len(out) // 8))]
        elif kind == 4:
            piece = out[at : at + rng.randint(1, 64)]
            out[rng.randrange(len(out) + 1) : 0] = piece
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


def mutated_inside(data: bytes, rng: random.Random) -> bytes:
    """A zip whose members are changed before they are packed: the archive is whole, its content is not."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        victim = rng.choice(old.namelist())
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, mutated(content, rng) if name == victim else content)
    return out.getvalue()


def fuzz(form: str, rounds: int, seed: int, folder: Path) -> None:
    rng = random.Random(f"{form}-{seed}")
    seeds = [c for c in CASES if c.name in SEEDS[form]]
    assert len(seeds) == len(SEEDS[form])
    path = folder / "upload"
    for number in range(rounds):
        case = rng.choice(seeds)
        data = case.content()
        inside = zipfile.is_zipfile(io.BytesIO(data)) and rng.random() < 0.7
        data = mutated_inside(data, rng) if inside else mutated(data, rng)
        path.write_bytes(data)
        try:
            report = report_in_process(path, Case("fuzz", case.client, data, ()))
        except Exception as problem:
            kept = folder / f"finding-{form}-{seed}-{number}"
            kept.write_bytes(data)
            raise AssertionError(f"{form}, seed {seed}, round {number}: {problem!r}; kept as {kept.name}") from problem
        out = report.as_dict()
        assert out["verdict"] in ("accept", "accept-with-warning", "reject")
        assert (out["verdict"] == "reject") == (not out["rows"])
        assert out["verdict"] != "reject" or out["errors"]
        for row in out["rows"]:
            assert 20 <= row["lat"] <= 46
            assert 122 <= row["lon"] <= 154


@pytest.mark.parametrize("form", SEEDS)
def test_no_mutation_gets_past_the_report(form: str, tmp_path: Path):
    fuzz(form, {"csv": 400, "geojson": 400, "kml": 300}.get(form, 120), 1, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("form", SEEDS)
def test_no_mutation_gets_past_the_report_in_the_long_form(form: str, tmp_path: Path):
    for seed in range(2, 42):
        fuzz(form, 2000, seed, tmp_path)


CELLS = (
    "H30.10.1", "平成30年度", "30年度", "2018", "42825", "2018-10-01", "廃止", "停止", "停波日", "廃止日", "見本（架空）", "９９", "=1+1", "'", "1e5",
    "NaN", "-", "\u200b", "\u202e", "",
)  # fmt: skip


def typed(kind: str, rng: random.Random) -> bytes:
    """The template of a table with its example twice, some cells typed over with what the other cells would take."""
    columns = TEMPLATES[kind]
    example = [c.example for c in columns]
    rows = [[c.header for c in columns], example, [f"x{example[0]}", *example[1:]]]
    for _ in range(rng.randint(1, 5)):
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice(CELLS)
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8")


@pytest.mark.parametrize("kind", TEMPLATES)
def test_no_typed_over_template_gets_past_the_report(kind: str, tmp_path: Path):
    rng = random.Random(f"{kind}-1")
    path = tmp_path / "upload"
    for number in range(300):
        data = typed(kind, rng)
        path.write_bytes(data if rng.random() < 0.6 else mutated(data, rng))
        report = report_in_process(path, Case("fuzz", "a.csv", data, ()), kind)
        assert (report.verdict == "reject") == (not report.rows or report.rejected), number
        assert report.verdict != "reject" or report.errors, number
        for row in report.rows:
            assert not row.get("closed_on") or row["status"] in (None, "停止", "廃止"), number
