"""Work on hundreds of thousands of rows inside a server that others use: the interpreter's collector rests meanwhile.

A full collection holds the interpreter for as long as it looks at every living object. With the rows of a long list alive
that is seconds, many times over, in which nobody is served; and there is nothing to find, for rows are in no cycles.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LONG: Final = 5_000
"""Rows from which work counts as long."""
_lock: Final = threading.Lock()
_resting = 0
_was_on = False


@contextmanager
def collector_rests(rows: int) -> Iterator[None]:
    """Collections wait until the last long work of this process has ended. Short work (``rows`` < LONG) changes nothing.

    Objects are freed by their counts as ever; only cycles (those of others, too) stay until then.
    """
    global _resting, _was_on
    if rows < LONG:
        yield
        return
    with _lock:
        if _resting == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            if _resting == 0 and _was_on:
                gc.enable()
