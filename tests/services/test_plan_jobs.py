"""Plans made by a process of their own: watched, cancelled, and honest about how they ended."""

from __future__ import annotations

import time

import pytest

from coverage.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError
from coverage.services import plan_jobs
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.plan_ground import PlanRequest

PLANNER = Principal("plan", Role.PLANNER)
ONE = PlanRequest(sites=1, budget_yen=10_000_000, max_candidates=4, time_limit_s=5.0, alternatives=0)


@pytest.fixture
def context(tmp_path):
    return AppContext(region_folder=tmp_path / "region", runs_folder=tmp_path / "runs")


def _ended(job_id):
    for _ in range(600):
        state = plan_jobs.job_state(job_id)
        if state.state != "running":
            return state
        time.sleep(0.1)
    raise AssertionError("the job did not end in a minute")


def test_the_commands_own_sentence_says_why_a_job_failed(context):
    job = plan_jobs.start_plan(context, ONE, principal=PLANNER)
    state = _ended(job)
    assert state.state == "failed"
    assert "coverage-gap run --publish" in state.ja
    plan_jobs.forget_plan(job)
    with pytest.raises(NotFoundError):
        plan_jobs.job_state(job)
    assert list((context.runs_folder / "plans").iterdir()) == []


@pytest.fixture
def sleepers(monkeypatch):
    """Jobs that never end by themselves."""
    import sys

    monkeypatch.setattr(plan_jobs, "_command", lambda *_: [sys.executable, "-c", "import time; time.sleep(120)"])
    started = []
    yield started
    for job in started:
        plan_jobs.cancel_plan(job, principal=PLANNER)
        plan_jobs.forget_plan(job)


def test_cancelling_ends_the_process_and_strangers_may_not(context, sleepers):
    job = plan_jobs.start_plan(context, ONE, principal=PLANNER)
    sleepers.append(job)
    assert plan_jobs.job_state(job).state == "running"
    with pytest.raises(NotFoundError):
        plan_jobs.cancel_plan(job, principal=Principal("other", Role.PLANNER))
    plan_jobs.cancel_plan(job, principal=PLANNER)
    assert plan_jobs.job_state(job).state == "cancelled"
    plan_jobs.cancel_plan(job, principal=PLANNER)


def test_a_server_makes_two_plans_at_once_and_no_more(context, sleepers):
    for _ in range(plan_jobs.AT_ONCE):
        sleepers.append(plan_jobs.start_plan(context, ONE, principal=PLANNER))
    with pytest.raises(ConflictError, match="being made right now"):
        plan_jobs.start_plan(context, ONE, principal=PLANNER)


def test_who_may_not_compute_and_what_cannot_be_meant_start_nothing(context):
    with pytest.raises(PermissionDeniedError):
        plan_jobs.start_plan(context, ONE, principal=Principal("guest", Role.VIEWER))
    with pytest.raises(InputError):
        plan_jobs.start_plan(context, PlanRequest(budget_yen=-1), principal=PLANNER)
    assert not context.runs_folder.exists()


def test_a_store_with_a_password_never_stands_on_the_command_line(context):
    from dataclasses import replace

    own = replace(context, store_url="postgresql://planner:secret@host/ledger")
    request = PlanRequest(year_budgets=((2020, 1), (2021, 2)), sites=3, operator="alpha", pareto="")
    words = plan_jobs._command(own, request, context.runs_folder)
    assert "secret" not in " ".join(words)
    assert "--years=2020=1,2021=2" in words
    assert "--sites=3" in words
    assert plan_jobs._environment(own)["COVERAGE_GAP_STORE"].endswith("@host/ledger")
