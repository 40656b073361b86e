"""What a page says, as Streamlit's own test of a script sees it; and an office of the tiny region for pages that write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.web.app_context import web_context

PROJECT = Path(__file__).resolve().parents[2]
ADMIN = Principal("管理 花子", Role.ADMIN)


def words_of(test: AppTest) -> str:
    """Everything that is read on the page, widgets aside."""
    parts = [element.proto.body for element in test.get("html")]
    parts += [str(e.value) for kind in ("caption", "subheader", "markdown", "code") for e in test.get(kind)]
    return "\n".join(parts)


@contextmanager
def tiny_office(tiny: ModuleType, root: Path) -> Iterator[AppContext]:
    """The tiny region below ``root`` with its ledger in a store, in the settings of the environment; nothing computed."""
    tiny.write_tiny_region(root / "region")
    context = AppContext(root / "region", root / "runs", store_url=str(root / "ledger.sqlite"))
    load_tables_into_store(context, ADMIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COVERAGE_GAP_AUTH", "local")
        patch.setenv("COVERAGE_GAP_REGION", str(context.region_folder))
        patch.setenv("COVERAGE_GAP_RUNS", str(context.runs_folder))
        patch.setenv("COVERAGE_GAP_STORE", str(context.store_url))
        patch.delenv("COVERAGE_GAP_LAYERS", raising=False)
        yield context


def sample_ledger(runs: Path, root: Path, patch: pytest.MonkeyPatch) -> None:
    """The shipped sample with its ledger in a store below ``root``, and ``runs``, in the settings of the environment."""
    for name, value in (("RUNS", runs), ("REGION", PROJECT / "data"), ("STORE", root / "ledger.sqlite")):
        patch.setenv(f"COVERAGE_GAP_{name}", str(value))
    load_tables_into_store(web_context(), ADMIN)


def opened(test: AppTest, *, lang: str | None = None, role: str | None = None) -> AppTest:
    """``test`` after its first run, which neither failed nor apologised."""
    if lang is not None:
        test.query_params["lang"] = lang
    if role is not None:
        test.session_state["role"] = role
    test.run()
    assert not test.exception
    assert "サーバーで問題" not in words_of(test)
    return test
