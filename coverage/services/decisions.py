"""An upload handed in, accepted or taken back beside the page that asked for it.

The page looks at it and is free meanwhile; whoever leaves it finds the outcome on coming back. A decision is a person's
word: it cannot be cancelled, goes on when its page is closed, and is in the ledger whole or not at all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coverage.errors import CoverageGapError, StorageError
from coverage.services.beside import Beside
from coverage.store.protocol import ImportReceipt

_LOG: Final = logging.getLogger(__name__)


@dataclass
class Decision(Beside):
    """How far it is: ``receipt`` once it is in the ledger, ``problem`` where it is not."""

    receipt: ImportReceipt | None = None
    problem: CoverageGapError | None = None

    def result(self) -> ImportReceipt:
        """The receipt of an ended decision; raises what went wrong."""
        if self.problem is not None:
            raise self.problem
        assert self.receipt is not None
        return self.receipt


def decide(work: Callable[[], ImportReceipt]) -> Decision:
    """Begin ``work``, which returns after the commit is on disk: one of the use cases of ``upload_jobs``."""
    decision = Decision()
    threading.Thread(target=_run, args=(decision, work), name="upload-decision", daemon=True).start()
    return decision


def _run(decision: Decision, work: Callable[[], ImportReceipt]) -> None:
    try:
        decision.receipt = work()
    except CoverageGapError as problem:
        decision.problem = problem
    except Exception:
        # Nobody else would hear of it: the thread ends here.
        _LOG.exception("a decision on an upload failed")
        decision.problem = StorageError(
            "decision-failed",
            "記録の途中で問題が起きました。「承認」でこの一覧の状態を確かめてからやり直し、続くときは管理者に知らせてください。",
            "Something went wrong while this was recorded; look at the list's state on the page for acceptance before trying "
            "again, and tell an administrator if it persists.",
        )
    finally:
        decision._ended.set()
