"""What a run depends on, as one number: equal digests mean equal results on one platform."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from coverage import __version__
from coverage.domain.region import RegionData
from coverage.runs.result import FORMAT

RUN_ID_DIGITS = 16


def canonical_json(value: Any) -> str:
    """One spelling for one value: sorted keys, no spaces, no NaN, text as it is."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def run_digest(data: RegionData, *, extra: dict[str, str] | None = None) -> str:
    """SHA-256 (64 hexadecimal digits) over software version, parameters and the bytes of every input layer.

    ``extra`` names other inputs that are not files, such as the head of the ledger's hash chain. File *names* do not
    count, only their contents and order: a renamed download is the same layer.
    """
    config = data.config.model_dump(mode="json")
    layers = config.pop("layers")
    # What plans alone read is named in their own inputs.
    config.pop("planning")
    layers.pop("exclusions")
    for operator in config["operators"].values():
        operator.pop("published_coverage")
    for antenna in config["antennas"].values():
        antenna.pop("table")
    content = {
        "format": FORMAT,
        "software": __version__,
        "config": config,
        "layer_options": {
            name: {"format": layer["format"], "options": layer["options"]}
            for name, layer in layers.items()
            if layer is not None
        },
        "layers": [
            {"layer": r.layer, "edition": r.edition, "licence": r.licence, "credit": r.credit,
             "files": [digest for _, digest in r.files]}
            for r in data.layers
        ],
        "extra": extra or {},
    }  # fmt: skip
    return sha256_text(canonical_json(content))
