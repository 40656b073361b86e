"""The subsidy rules in force for a region: ``subsidy-rules.toml`` beside ``region.toml``, else the table as shipped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coverage.domain.money import SubsidyRules, default_rules, default_rules_text, parse_subsidy_rules
from coverage.errors import InputError
from coverage.readers.text import decode, read_bytes

FILE_NAME: Final = "subsidy-rules.toml"
SHIPPED: Final = "packaged"


@dataclass(frozen=True)
class RulesReading:
    """``source``: the file's name, or "packaged" for the table as shipped. ``sha256``: of its bytes."""

    rules: SubsidyRules
    source: str
    sha256: str
    text: str


def read_subsidy_rules(folder: Path) -> RulesReading:
    """The table of a region's folder. Raises InputError "subsidy-rules-invalid" that names file and place, and what
    an unreadable file raises."""
    path = folder / FILE_NAME
    if not path.is_file():
        text = default_rules_text()
        return RulesReading(default_rules(), SHIPPED, hashlib.sha256(text.encode("utf-8")).hexdigest(), text)
    data = read_bytes(path)
    text = decode(data, name=path.name).text
    try:
        rules = parse_subsidy_rules(text)
    except InputError as error:
        raise InputError(error.code, f"{FILE_NAME}: {error.ja}", f"{FILE_NAME}: {error.en}") from None
    return RulesReading(rules, FILE_NAME, hashlib.sha256(data).hexdigest(), text)
