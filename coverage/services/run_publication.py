"""A published run as the store keeps it: the bytes that were made public, and the values printed in them."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from coverage.domain.region import CountingConfig
from coverage.runs.folder import CHECKSUMS
from coverage.runs.result import RunResult
from coverage.services.home import ledger_seq
from coverage.services.journal import ENTERED
from coverage.store.protocol import Actor, Store

if TYPE_CHECKING:
    from coverage.store.records import Publication

RUN_SUBJECT = "run"


def keep_publication(store: Store, run: RunResult, *, published_on: date, actor: Actor) -> Publication | None:
    """Record ``run`` as published; None for a run that was not computed from this store's ledger.

    The bytes are the run's count and policy sheet, as its pages and reports print them, with the checksums of all its
    files. :func:`coverage.services.journal.verify_publication` computes the printed values again from the rows of the
    chain that the run had read. Years without a value are not among them.
    """
    seq = ledger_seq(run)
    if seq is None or seq > store.head().seq:
        return None
    rule = CountingConfig.model_validate(run.meta["parameters"]["counting"])
    years = [int(year["fiscal_year"]) for year in run.count["years"] if year["total"] is not None]
    parameters: dict[str, Any] = {"counting": rule.model_dump(mode="json"), "fiscal_years": years}
    values: dict[str, Any] = {
        f"count/{y['fiscal_year']}": y["total"] for y in run.count["years"] if y["total"] is not None
    }
    table = run.indicators["table"]
    if table is not None:
        parameters["sheet"] = run.indicators["sheet"]
        values |= {
            f"actual/{row['code']}/{cell['fiscal_year']}": float(cell["actual"])
            for row in table["rows"]
            for cell in row["cells"]
            if cell["actual"] is not None and cell["actual_source"] in ENTERED
        }
    content = {
        "run_id": run.run_id,
        "count": run.count,
        "indicators": run.indicators,
        "sha256sums": (run.folder / CHECKSUMS).read_text(encoding="utf-8").splitlines(),
    }
    return store.publish(
        RUN_SUBJECT,
        json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False).encode("utf-8"),
        media_type="application/json",
        values=values,
        published_on=published_on,
        by=actor,
        as_of_tx=seq,
        run_id=run.run_id,
        parameters=parameters,
    )
