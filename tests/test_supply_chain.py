"""Everything that is installed is locked with hashes, without addresses, and listed in the bill of materials."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
LOCKS = sorted((PROJECT / "requirements").glob("*.txt"))


def _script(name: str):
    spec = importlib.util.spec_from_file_location(f"script_{name}", PROJECT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", LOCKS, ids=lambda p: p.name)
def test_every_locked_package_has_hashes_and_no_address(path: Path):
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    packages = _script("sbom").locked(text)
    assert len(packages) > 20
    for package in packages:
        assert package["hashes"], package["name"]
        assert all(len(digest) == 64 for digest in package["hashes"])


def test_locks_cover_what_the_project_asks_for():
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    server = [*project["dependencies"], *extras["postgis"], *extras["oidc"]]
    for lock, wanted in (("app.txt", project["dependencies"]), ("server.txt", server)):
        text = (PROJECT / "requirements" / lock).read_text(encoding="utf-8")
        held = {p["name"].lower().replace("_", "-") for p in _script("sbom").locked(text)}
        for requirement in wanted:
            assert re.split(r"[<>=\[; ]", requirement)[0].lower() in held, (lock, requirement)


def test_coverage_py_is_in_no_lock_that_the_product_is_installed_from():
    for name in ("app.txt", "server.txt", "dev.txt"):
        packages = {p["name"] for p in _script("sbom").locked((PROJECT / "requirements" / name).read_text(encoding="utf-8"))}
        assert not packages & {"coverage", "pytest-cov"}


def test_bill_of_materials_lists_every_run_time_package_with_its_hashes_and_is_made_alike_twice():
    sbom = _script("sbom")
    text = (PROJECT / "requirements" / "app.txt").read_text(encoding="utf-8")
    document = sbom.bill(text, "1.2.3")
    assert document == sbom.bill(text, "1.2.3")
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["serialNumber"])
    names = [c["name"] for c in document["components"]]
    assert names == [p["name"] for p in sbom.locked(text)]
    numpy = next(c for c in document["components"] if c["name"] == "numpy")
    assert numpy["purl"] == f"pkg:pypi/numpy@{numpy['version']}"
    assert numpy["licenses"]
    assert len([p for p in numpy["properties"] if p["name"] == "lock:sha256"]) > 5
    refs = {c["bom-ref"] for c in document["components"]}
    assert set(document["dependencies"][0]["dependsOn"]) == refs


def test_lock_with_an_address_is_noticed(tmp_path, monkeypatch):
    check = _script("check_tree")
    lock = tmp_path / "requirements" / "app.txt"
    lock.parent.mkdir()
    lock.write_text("--index-url https://example.invalid/simple\n", encoding="utf-8")
    monkeypatch.setattr(check, "PROJECT", tmp_path)
    monkeypatch.setattr(check, "tracked", lambda: [lock])
    assert check.main() == 1
