"""Every file of the kit gets the verdict, the codes and the values that the contract gives it, and no file does harm."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import kit
from kit import CANARY, CASES, Case

from coverage.errors import CoverageGapError
from coverage.uploads.child import work
from coverage.uploads.limits import DEFAULT_LIMITS
from coverage.uploads.quarantine import quarantine
from coverage.uploads.report import Report, rejection


@pytest.fixture(scope="module")
def canary_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("server") / "secret.csv"
    path.write_text(f"site_id,lat,lon\n{CANARY},34.5,136.5\n", encoding="utf-8")
    return path


def placed(case: Case, folder: Path, secret: Path) -> Path:
    """The case on disk, its placeholders filled in."""
    data = case.content()
    for mark, text in (("{canaryfile}", str(secret)), ("{canaryuri}", secret.as_uri()), ("{canary}", "http://127.0.0.1:9/canary")):
        data = data.replace(mark.encode(), text.encode())
    path = folder / "file"
    path.write_bytes(data)
    return path


def report_in_process(path: Path, case: Case, kind: str = "sites") -> Report:
    """The way of a file without the child: quarantine, census, parser, checks."""
    try:
        with quarantine(path, case.client, DEFAULT_LIMITS) as held:
            job = {
                "path": str(held.path), "label": held.label, "format": held.format, "kind": kind,
                "limits": dataclasses.asdict(DEFAULT_LIMITS), "answers": case.answers, "operators": None, "region": None,
            }  # fmt: skip
            report = Report.from_dict(json.loads(json.dumps(work(job), allow_nan=False)))
            report.understood |= {"file": held.label}
            return report
    except CoverageGapError as error:
        return rejection(error.code, error.ja, error.en)


def judge(case: Case, report: Report) -> None:
    """The contract's word on a report."""
    out = report.as_dict()
    named = [r["code"] for key in ("errors", "warnings", "notices") for r in out[key]]
    assert report.verdict in case.verdicts, (report.verdict, named, [r["message"] for r in out["errors"][:3]])
    assert set(case.codes) <= set(named), named
    if report.verdict == "reject":
        assert out["errors"]
        assert out["rows"] == []
        assert out["rows_ok"] == 0
    if case.rows_ok is not None:
        assert out["rows_ok"] == case.rows_ok
    by_row = {row["row"]: row for row in out["rows"]}
    for number, wanted in case.rows.items():
        for key, value in wanted.items():
            got = by_row[number][key]
            assert got == (pytest.approx(value, abs=2e-5) if isinstance(value, float) else value), (key, got)
    for key in ("errors", "warnings"):
        for remark in out[key]:
            assert remark["message"]
            assert remark["message_en"]
            assert "\n" not in remark["code"]
    assert CANARY not in json.dumps(out, ensure_ascii=False)


def test_the_kit_is_large_and_its_names_differ():
    assert len(CASES) >= 210
    assert len({c.name for c in CASES}) == len(CASES)


# The rest, in the real child, is the business of test_sandbox.py.
CHEAP = [c for c in CASES if not (c.hostile and callable(c.data))]


@pytest.mark.parametrize("case", CHEAP, ids=lambda c: c.name[:70].encode("ascii", "backslashreplace").decode())
def test_the_contract_holds(case: Case, tmp_path: Path, canary_file: Path):
    path = placed(case, tmp_path, canary_file)
    begun = time.process_time()
    report = report_in_process(path, case)
    assert time.process_time() - begun < 30
    judge(case, report)
    assert kit.CANARY not in str(report)
