"""The only door to numba: ``from coverage._jit import njit, prange``.

numba asks coverage.py for a line tracer through ``numba.misc.coverage_support``, which does ``import coverage`` and
gets this package instead: ``import numba`` then dies with ``module 'coverage' has no attribute 'types'``. The cure is
to put a module of that name in place before numba looks for it. It only ever *adds* a name that nobody else uses, so
it cannot race with imports in other threads; hiding this package from ``sys.modules`` for a moment does.
"""

from __future__ import annotations

import sys
import types
from typing import Any

_STUB = "numba.misc.coverage_support"


def _no_notifiers() -> list[Any]:
    """numba's hook: the list of line notifiers to call while compiling. We have none."""
    return []


if _STUB not in sys.modules:
    _module = types.ModuleType(_STUB)
    _module.get_registered_loc_notify = _no_notifiers  # type: ignore[attr-defined]
    sys.modules.setdefault(_STUB, _module)

from numba import njit, prange  # noqa: E402

__all__ = ["njit", "prange"]
