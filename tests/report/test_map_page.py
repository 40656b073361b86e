"""The map page: one file, no request, no user text as markup, the same bytes for the same run, small."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from coverage.report.map_files import map_file, write_map_files
from coverage.report.map_page import build_map_page, content_security_policy
from coverage.report.wording import LANGUAGES, report_texts
from coverage.runs.result import RunResult

HOSTILE = "</script><script>alert(1)</script>${alert(2)}`{{7*7}}<img src=x onerror=alert(3)>"


@pytest.fixture(scope="module")
def page(run: RunResult) -> str:
    return build_map_page(run, lang="ja", plans=True)


def _markup(page: str) -> str:
    """The page without the insides of its scripts."""
    return re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", page, flags=re.DOTALL)


def test_the_page_asks_for_nothing(page: str) -> None:
    assert "<link" not in page
    for address in re.findall(r'(?:src|href|action|poster)\s*=\s*["\']?([^"\'\s>]+)', _markup(page)):
        assert address.startswith(("data:", "#")), address
    assert not re.findall(r"url\((?!#)[^)]*\)", "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL)))


def test_pictures_are_inside(page: str) -> None:
    data = json.loads(re.search(r'id="map-data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert set(data["stacks"]) == {"any", "alpha", "beta"}
    for stack in data["stacks"].values():
        assert base64.b64decode(stack["picture"].split(",", 1)[1])[8:12] == b"WEBP"
        assert all(len(row) == 3 for row in stack["rows"])
    assert "data:image/webp;base64," in page


def test_the_same_run_gives_the_same_bytes(run: RunResult, page: str) -> None:
    assert build_map_page(run, lang="ja", plans=True) == page


def test_the_policy_names_every_script_by_its_hash_and_nothing_else(page: str) -> None:
    policy = content_security_policy(page)
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; ")
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    for code in re.findall(r"<script>(.*?)</script>", page, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in directives["script-src"]
    assert "unsafe" not in directives["script-src"]
    assert "http" not in policy
    assert directives["img-src"] == "data:"


def test_names_of_users_never_stand_in_markup_or_scripts(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, name=HOSTILE))
    page = build_map_page(run, plans=True)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "`{{7*7}}" not in page
    assert page.count("<script") == 5
    assert page.count("</script>") == 5


def test_a_name_is_never_compiled_as_a_template_on_the_server(tmp_path: Path, synthetic: ModuleType) -> None:
    # branca compiles what folium renders once more: {{ … }} in a name would run here, {% … %} would break the page.
    text = "{{ 6 * 7000007 }}{% for x in (1,2) %}{# x #}"
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, name=text, meta_text=text, computable=False))
    page = build_map_page(run, plans=True)
    assert "42000042" not in page
    data = json.loads(re.search(r'id="map-data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert {site["name"] for site in data["sites"]} == {text}
    assert {p["near"] for p in data["layers"]["areas"]} == {text}


def test_the_sample_is_called_fictional_and_a_real_region_is_not(
    tmp_path: Path, synthetic: ModuleType, page: str
) -> None:
    assert "見本・架空" in page
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, fictional=False))
    assert "見本・架空" not in build_map_page(run).split("<script")[0]


def test_a_thin_site_list_gives_the_banner_instead_of_a_false_alarm(
    tmp_path: Path, synthetic: ModuleType
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, computable=False))
    assert 'id="banner" role="status">算定不可（基地局データ不足）' in build_map_page(run)
    assert 'id="banner" role="status">Not computable' in build_map_page(run, lang="en")


def test_language_and_title(page: str, run: RunResult) -> None:
    assert '<html lang="ja">' in page
    assert "<title>試験県 携帯電話不感地域地図</title>" in page
    english = build_map_page(run, lang="en")
    assert '<html lang="en">' in english
    assert "<title>Test Prefecture: mobile no-signal areas</title>" in english
    assert "maximum-scale" not in page


def test_ten_thousand_sites_stay_under_400_kilobytes(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, site_count=10_000))
    page = build_map_page(run, plans=True)
    size = len(gzip.compress(page.encode("utf-8"), 5))
    print(f"map page with 10,000 sites: {size / 1000:.0f} kB gzip")
    assert size <= 400_000


def test_files_are_written_for_both_languages_with_and_without_plans(
    tmp_path: Path, synthetic: ModuleType
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path))
    write_map_files(run)
    for lang in LANGUAGES:
        public = map_file(run, lang=lang, plans=False).read_text(encoding="utf-8")
        staff = map_file(run, lang=lang, plans=True).read_text(encoding="utf-8")
        assert "S004" not in public
        assert "S004" in staff


def test_both_languages_have_the_same_words() -> None:
    japanese, english = report_texts("ja"), report_texts("en")
    assert set(japanese) == set(english)
    assert all(
        re.findall(r"\{\w+\}", japanese[k]).sort() == re.findall(r"\{\w+\}", english[k]).sort()
        for k in japanese
    )
    for name in japanese:
        assert sorted(re.findall(r"\{(\w+)\}", japanese[name])) == sorted(
            re.findall(r"\{(\w+)\}", english[name])
        ), name


def test_every_word_of_the_map_is_used_and_every_used_word_exists() -> None:
    report = Path(build_map_page.__code__.co_filename).parent
    script = (report / "assets" / "map_page.js").read_text(encoding="utf-8")
    code = "".join(p.read_text(encoding="utf-8") for p in report.glob("*.py"))
    texts = report_texts("ja")
    in_script = set(re.findall(r"T\['([a-z_.]+)'\]", script)) | {
        f"panel.{n}" for n in re.findall(r"(?:choice|checks)\('(\w+)'", script)
    }
    available = {name.removeprefix("map.") for name in texts}
    assert in_script <= available
    dynamic = ("site_status.", "layer_name.", "report.", "xlsx.", "place.sheet.", "place.column.", "place.legend.", "plan.")
    for name in texts:
        used = name.removeprefix("map.") in in_script or f'"{name}"' in code or name.startswith(dynamic)
        assert used, f"nobody says {name}"
