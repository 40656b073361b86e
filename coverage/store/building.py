"""Records by the hundred thousand: a frozen dataclass made from columns without its guarded constructor.

The constructor of a frozen dataclass goes through ``object.__setattr__`` field by field, which is most of the time
that 100,000 sites take. A twin class with the same slots that is not frozen is filled at the speed of plain
attributes, and each object is then declared to be the record; Python allows that for classes of equal layout only.
What comes out is what the constructor gives, of the same type, and as frozen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any


def records_from(record: type[Any], columns: Sequence[Sequence[Any]]) -> list[Any]:
    """Records of the class ``record`` from the values of all its fields, column by column.

    Equal to ``list(map(record, *columns))``. A class that is no frozen dataclass with slots, or that has fields or
    rules which its constructor alone knows, is made by its constructor.
    """
    twin: Callable[..., Any] | None = _twin(record)  # type: ignore[arg-type]
    if twin is None or len(columns) != len(dataclasses.fields(record)):
        return list(map(record, *columns))
    made = list(map(twin, *columns))
    for one in made:
        one.__class__ = record
    return made


@cache
def _twin(record: type[Any]) -> Callable[..., Any] | None:
    """A class of the same slots without the guard; None where the constructor does more than to keep its values."""
    params = getattr(record, "__dataclass_params__", None)
    plain = (
        params is not None
        and params.frozen
        and record.__bases__ == (object,)
        and "__slots__" in vars(record)
        and not hasattr(record, "__post_init__")
        and not any(name in vars(record) for name in ("__new__", "__del__"))
    )
    if not plain or not all(f.init and not f.kw_only for f in dataclasses.fields(record)):
        return None
    names = [f.name for f in dataclasses.fields(record)]
    return dataclasses.make_dataclass(f"_{record.__name__}", names, slots=True, eq=False, repr=False)
