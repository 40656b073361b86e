"""A feature of a vector layer: geometry in longitude, latitude and its properties, whatever file it came from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from shapely.geometry.base import BaseGeometry

from coverage.errors import FileFormatError
from coverage.readers.text import plain

_LEFT_BY_PANDAS = frozenset({"nan", "nat", "none", "null", "<na>"})


@dataclass(frozen=True, slots=True)
class Feature:
    """``number`` counts from 1 in file order. Geometry is 2-D longitude, latitude, or None."""

    number: int
    geometry: BaseGeometry | None
    properties: dict[str, Any]

    def text(self, key: str) -> str:
        """A property as text: "" where it is missing, null or what pandas writes for nothing (NaN, NaT)."""
        value = self.properties.get(key)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        text = str(value).strip()
        return "" if text.lower() in _LEFT_BY_PANDAS else text

    def integer(self, key: str) -> int | None:
        """A property as a whole number ("54.0" is 54), None where it is empty. ValueError if it is none."""
        text = plain(self.text(key)).replace(",", "")
        if not text:
            return None
        number = float(text)
        if not number.is_integer():
            raise ValueError(text)
        return int(number)


@dataclass(frozen=True)
class FeatureTable:
    """All features of one layer. ``name`` is the file's name, for messages."""

    name: str
    features: tuple[Feature, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Property names in the order of their first occurrence."""
        return tuple({key: None for f in self.features for key in f.properties})

    def require(self, *columns: str) -> None:
        """Raise FileFormatError "column-missing" unless at least one feature has each of ``columns``."""
        there = self.columns
        missing = [c for c in columns if c not in there]
        if missing:
            raise FileFormatError(
                "column-missing",
                f"「{self.name}」に属性「{'、'.join(missing)}」がありません（ある属性: {'、'.join(there) or 'なし'}）。"
                "種類の違うファイルでないかを確かめてください。",
                f"'{self.name}' lacks the attribute {', '.join(missing)} (it has: {', '.join(there) or 'none'}); "
                "check that it is the right kind of file.",
            )
