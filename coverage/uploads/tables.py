"""A parsed upload: one header and rows of text, whatever file they came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shapely.geometry.base import BaseGeometry

from coverage.errors import FileFormatError
from coverage.uploads.report import Remark

TEMPLATE_SHEETS = ("例示 example", "記入の決まり rules")
"""Sheets of the templates that we hand out (coverage/services/templates.py): they explain, and are never data."""


class ChoiceError(FileFormatError):
    """A file with several tables, of which a person has to choose one. ``offers``: "sheets" or "layers", each with
    ``name``, ``rows`` (None where they were not counted) and the first ``columns``."""

    def __init__(self, code: str, ja: str, en: str, offers: dict[str, Any] | None = None) -> None:
        super().__init__(code, ja, en)
        self.offers = offers or {}

    def __reduce__(self) -> Any:
        return (type(self), (self.code, self.ja, self.en, self.offers))


@dataclass
class RawRow:
    """``cells`` by column position; ``lonlat`` from a geometry (degrees), None where the file has columns instead.

    ``geometry`` is its type ("Point", …), "" where the feature has none. ``spoilt``: why the row cannot be read at all.
    """

    number: int
    cells: list[str]
    lonlat: tuple[float, float] | None = None
    geometry: str | None = None
    spoilt: Remark | None = None
    shape: BaseGeometry | None = None
    """Lines and areas, for the tables that may hold them (districts)."""
    line: int | None = None
    """Its line as a spreadsheet counts; None in files that have no lines."""


@dataclass
class RawTable:
    """``spatial``: positions come from geometries. ``guesses``: how the file was understood where it did not say."""

    columns: list[str]
    rows: list[RawRow]
    spatial: bool = False
    guesses: list[Remark] = field(default_factory=list)
    understood: dict[str, Any] = field(default_factory=dict)
    titles: str = ""
    """Text of the lines above the header, and of the sheet's tab."""
    datum: str | None = None
    """What the file itself declares of its geometries: "tokyo" (transformed already), "jgd2011", None for nothing."""
    ends_open: bool = False
    """Whether the last line has no line end: a cut inside its last cell cannot be told from a complete one."""
