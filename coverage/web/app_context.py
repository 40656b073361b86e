"""The context that pages and routes share: settings of the environment, and the ledger file that was begun here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from coverage.services.context import AppContext
from coverage.services.stores import DEFAULT_STORE

if TYPE_CHECKING:
    from coverage.store.protocol import Store


def web_context() -> AppContext:
    """Settings of the environment. Without a store in them, ``ledger.sqlite`` in the working folder is one as soon as
    it exists: the commands use the same file."""
    context = AppContext.from_settings()
    if context.store_url is None and Path(DEFAULT_STORE).is_file():
        return dataclasses.replace(context, store_url=str(Path(DEFAULT_STORE).resolve()))
    return context


@contextmanager
def open_ledger(context: AppContext) -> Iterator[Store]:
    """The ledger's store, for a ``with`` block. Only where :func:`has_ledger`."""
    from coverage.services.stores import open_context_store

    with open_context_store(context) as store:
        yield store


def has_ledger(context: AppContext) -> bool:
    """Whether the ledger is in a store already; without one the region's CSV tables are the ledger."""
    return context.store_url is not None
