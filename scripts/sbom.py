"""Software bill of materials of the run-time dependencies, CycloneDX 1.6 JSON, made offline: ``python scripts/sbom.py OUT``.

Components are the packages that requirements/app.txt locks; licences come from the metadata installed here. The output
depends on the lock file and the installed metadata only: no clock, no random serial number.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import UUID

PROJECT = Path(__file__).resolve().parent.parent
LOCK = PROJECT / "requirements" / "app.txt"
_LINE = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)==(?P<version>[^ ;\\]+)(?P<marker>\s*;[^\\]*)?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def locked(text: str) -> list[dict[str, Any]]:
    """Name, version, marker and hashes of every requirement in a lock file, in its order."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        requirement = _LINE.match(line)
        if requirement:
            marker = (requirement["marker"] or "").strip(" ;\\")
            found.append(
                {
                    "name": requirement["name"],
                    "version": requirement["version"],
                    "marker": marker,
                    "hashes": [],
                }
            )
        if found:
            found[-1]["hashes"] += _HASH.findall(line)
    return found


def licence_of(name: str) -> list[dict[str, Any]]:
    """Licence as the installed metadata states it; nothing where the package is not installed on this platform."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    expression = about.get("License-Expression")
    if expression:
        return [{"expression": expression}]
    classifiers = [
        c.split(" :: ")[-1] for c in about.get_all("Classifier", []) if c.startswith("License :: ")
    ]
    stated = classifiers or [line for line in [(about.get("License") or "").strip().split("\n")[0]] if line]
    return [{"license": {"name": text[:200]}} for text in stated]


def component(requirement: dict[str, Any]) -> dict[str, Any]:
    purl = f"pkg:pypi/{requirement['name'].lower().replace('_', '-')}@{requirement['version']}"
    out: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": requirement["name"],
        "version": requirement["version"],
        "purl": purl,
        "licenses": licence_of(requirement["name"]),
        "properties": [{"name": "lock:sha256", "value": digest} for digest in requirement["hashes"]],
    }
    if requirement["marker"]:
        out["properties"].append({"name": "lock:marker", "value": requirement["marker"]})
    return out


def bill(text: str, version: str) -> dict[str, Any]:
    """The document for a lock file's text and the product's version."""
    own = f"pkg:pypi/coverage-gap-planner@{version}"
    parts = [component(r) for r in locked(text)]
    serial = UUID(bytes=hashlib.sha256((own + text).encode()).digest()[:16], version=4)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "coverage-gap-planner",
                "version": version,
                "purl": own,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": own, "dependsOn": [p["bom-ref"] for p in parts]}],
    }


def main() -> int:
    sys.path.insert(0, str(PROJECT))
    from coverage import __version__

    document = bill(LOCK.read_text(encoding="utf-8"), __version__)
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8", newline="\n")
        print(f"{sys.argv[1]}: {len(document['components'])} components")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
