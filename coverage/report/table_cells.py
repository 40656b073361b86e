"""Cells of a run's tables as the pages want them: blanks are blanks, numbers are rounded, days are days."""

from __future__ import annotations

import math
from datetime import date
from typing import Any


def number(value: Any, decimals: int = 1) -> float | int | None:
    """Rounded, a whole number without a point; None for a blank or what is not finite."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    rounded = round(float(value), decimals)
    return int(rounded) if rounded == int(rounded) else rounded


def day(value: Any) -> date | None:
    """The day of an ISO 8601 text; None for a blank."""
    found = text(value)
    return date.fromisoformat(found) if found else None


def text(value: Any) -> str:
    """The text; "" for a blank."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
