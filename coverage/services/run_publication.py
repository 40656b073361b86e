"""A published run as the store keeps it: the bytes that were made public, and the values printed in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from coverage.domain.region import CountingConfig
from coverage.runs.folder import CHECKSUMS
from coverage.runs.publication_history import Publication as Shown
from coverage.runs.result import RunResult
from coverage.services.home import ledger_seq
from coverage.services.journal import ENTERED
from coverage.store.protocol import Actor, Store

if TYPE_CHECKING:
    from coverage.store.records import Publication

RUN_SUBJECT = "run"


def keep_publication(
    store: Store,
    run: RunResult,
    *,
    published_on: date,
    actor: Actor,
    shown: Sequence[Shown] | None = (),
) -> Publication | None:
    """Record ``run`` as published; None for a run that was not computed from this store's ledger.

    One publication has one record, however often it had to be tried: a record that was written before the process died,
    or of the run that is public at this moment, is given back. A run that comes back after another one was public is a
    publication of its own. ``shown``: what was public so far, oldest first; None where that cannot be read, then a
    record is written in any case.

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
    if "awaited" in run.meta:
        parameters["awaited"] = sorted(run.meta["awaited"])
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
    document = json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False).encode(
        "utf-8"
    )
    standing = _standing(store, run, document, shown)
    if standing is not None:
        return standing
    return store.publish(
        RUN_SUBJECT,
        document,
        media_type="application/json",
        values=values,
        published_on=published_on,
        by=actor,
        as_of_tx=seq,
        run_id=run.run_id,
        parameters=parameters,
    )


def _standing(
    store: Store, run: RunResult, document: bytes, shown: Sequence[Shown] | None
) -> Publication | None:
    """The newest record, where it is of these bytes and no other run was public since."""
    newest = next(iter(store.publications(subject=RUN_SUBJECT)), None)
    if newest is None or shown is None:
        return None
    if (newest.run_id, newest.content_sha256) != (run.run_id, hashlib.sha256(document).hexdigest()):
        return None
    if not shown or shown[-1].run_id == run.run_id:
        return newest
    # Another run is public: either this record's publication was cut off before it showed, or it is over.
    was_public = any(_is_of(publication, newest) for publication in shown)
    return None if was_public else newest


def _is_of(publication: Shown, record: Publication) -> bool:
    if publication.record:
        return publication.record == record.publication_id
    # An earlier release did not name the record.
    return publication.run_id == record.run_id and publication.on == record.published_on.isoformat()
