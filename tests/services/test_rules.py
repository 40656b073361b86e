"""Rules corrected in the ledger: they win over the files, need a reason, reach every count, and can be taken back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import InputError, NotFoundError, PermissionDeniedError
from coverage.services import figures, home, rules
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store, region_of
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import Actor, EditConflictError

SAMPLE = Path(__file__).resolve().parents[2] / "data"
ADMIN = Principal("sato", Role.ADMIN)
FUNDING = ["国補助", "県単独", "事業者自主", "インフラシェア"]


@pytest.fixture
def context(tmp_path: Path) -> AppContext:
    region = tmp_path / "region"
    shutil.copytree(SAMPLE, region, ignore=shutil.ignore_patterns("mie"))
    made = AppContext(region, tmp_path / "runs", store_url=str(tmp_path / "ledger.sqlite"))
    load_tables_into_store(made, ADMIN)
    return made


def _fresh(context: AppContext) -> AppContext:
    """A later visit: nothing is remembered in it."""
    return AppContext(context.region_folder, context.runs_folder, store_url=context.store_url)


def _rule(context: AppContext, name: str) -> rules.Rule:
    with open_context_store(context) as store:
        return next(r for r in rules.rules(context, store, principal=ADMIN) if r.name == name)


def _correct(
    context: AppContext, name: str, value: Any, *, note: str = "決裁による", by: Principal = ADMIN
) -> None:
    version = _rule(context, name).version
    with open_context_store(context) as store:
        rules.correct_rule(context, store, name, value, note=note, expected_version=version, principal=by)


def _total(context: AppContext) -> int | None:
    return figures.count_series(context).years[-1].total


def test_every_rule_is_offered_with_the_files_value(context: AppContext) -> None:
    with open_context_store(context) as store:
        held = {r.name: r for r in rules.rules(context, store, principal=ADMIN)}
    assert list(held) == [*(f"counting.{key}" for key in rules.COUNTING), "reading.40604"]
    assert held["counting.funding"].in_force == ["国補助", "県単独"]
    assert held["reading.40604"].in_force == "by-position"
    assert not any(r.corrected for r in held.values())


@pytest.mark.parametrize(
    "principal",
    [Principal("a", Role.PLANNER), Principal("b", Role.VIEWER), ANONYMOUS],
    ids=lambda p: p.user_id,
)
def test_nobody_but_an_administrator_corrects_a_rule(context: AppContext, principal: Principal) -> None:
    with open_context_store(context) as store:
        with pytest.raises(PermissionDeniedError):
            rules.correct_rule(
                context, store, "counting.funding", FUNDING, note="x", expected_version=0, principal=principal
            )
        with pytest.raises(PermissionDeniedError):
            rules.take_back_rule(
                store, "counting.funding", reason="x", expected_version=0, principal=principal
            )


def test_a_correction_moves_the_count_the_preview_and_the_next_run_and_taking_it_back_restores_them(
    context: AppContext,
) -> None:
    before = _total(context)
    _correct(context, "counting.funding", FUNDING)
    later = _fresh(context)
    assert later.config.counting.funding == FUNDING
    assert later.file_config.counting.funding == ["国補助", "県単独"]
    assert region_of(later).region.config.counting.funding == FUNDING
    widened = _total(later)
    assert before is not None
    assert widened is not None
    assert widened > before
    held = _rule(later, "counting.funding")
    assert (held.corrected, held.note, held.from_file) == (True, "決裁による", ["国補助", "県単独"])
    with open_context_store(later) as store:
        rules.take_back_rule(
            store, "counting.funding", reason="取りやめ", expected_version=held.version, principal=ADMIN
        )
        history = rules.rule_history(store, "counting.funding", principal=ADMIN)
    assert _total(_fresh(context)) == before
    assert [(h.deleted, h.reason) for h in history] == [(True, "取りやめ"), (False, "決裁による")]


def test_a_rule_taken_back_can_be_corrected_again(context: AppContext) -> None:
    for value in (0.9, 0.8):
        _correct(context, "counting.achievement_cap", value)
        held = _rule(context, "counting.achievement_cap")
        assert held.in_force == value
        with open_context_store(context) as store:
            rules.take_back_rule(store, held.name, reason="x", expected_version=held.version, principal=ADMIN)
    assert not _rule(context, "counting.achievement_cap").corrected


def test_another_reading_of_the_sheet_moves_the_targets(context: AppContext) -> None:
    def targets(visit: AppContext) -> dict[int, Any]:
        rows = figures.indicator_figures(visit)["table"]["rows"]
        row = next(r for r in rows if r["code"] == "40604")
        return {int(c["fiscal_year"]): c["target"] for c in row["cells"]}

    assert targets(context)[2016] == 71
    _correct(context, "reading.40604", "from-left")
    assert targets(_fresh(context))[2016] == 72


def test_a_reading_or_a_name_that_does_not_exist_is_refused(context: AppContext) -> None:
    for name, value in (
        ("reading.40604", "upside-down"), ("reading.99999", "from-left"), ("counting.indicator", "40601"),
        ("funding", FUNDING), ("anything", 1),
    ):  # fmt: skip
        with open_context_store(context) as store, pytest.raises(NotFoundError):
            rules.correct_rule(context, store, name, value, note="x", expected_version=0, principal=ADMIN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counting.funding", []),
        ("counting.funding", ["寄付"]),
        ("counting.purpose", []),
        ("counting.achievement_cap", 0),
        ("counting.achievement_cap", "一"),
        ("counting.lower_is_better", "sometimes"),
        ("counting.achievement_classes", []),
        ("counting.achievement_classes", [0.7, 0.85]),
        ("counting.achievement_classes", [1.0, 0.9, 0.8, 0.7]),
        ("counting.achievement_classes", [1.0, "半分"]),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_nothing_changes(
    context: AppContext, name: str, value: Any
) -> None:
    with open_context_store(context) as store:
        before = store.head()
        with pytest.raises(InputError) as caught:
            rules.correct_rule(context, store, name, value, note="x", expected_version=0, principal=ADMIN)
        assert caught.value.code == "setting-invalid"
        assert store.head() == before


def test_a_correction_needs_a_reason(context: AppContext) -> None:
    with pytest.raises(InputError) as caught:
        _correct(context, "counting.achievement_cap", None, note="  ")
    assert caught.value.code == "text-missing"


def test_no_cap_is_a_value_of_its_own(context: AppContext) -> None:
    _correct(context, "counting.achievement_cap", None)
    assert _fresh(context).config.counting.achievement_cap is None


def test_the_second_of_two_administrators_is_told_who_was_faster(context: AppContext) -> None:
    _correct(context, "counting.achievement_cap", 0.9)
    with open_context_store(context) as store, pytest.raises(EditConflictError) as caught:
        rules.correct_rule(
            context, store, "counting.achievement_cap", 0.8, note="x", expected_version=0,
            principal=Principal("kato", Role.ADMIN),
        )  # fmt: skip
    assert caught.value.actor == "sato"


def test_a_correction_that_this_release_does_not_understand_is_an_error_that_names_it(
    context: AppContext,
) -> None:
    with open_context_store(context) as store:
        store.put(
            Kind.SETTING, {"name": "counting.funding", "value": ["寄付"], "note": ""}, by=Actor("x", "admin"),
            expected_version=0,
        )  # fmt: skip
    with pytest.raises(InputError, match=r"funding"):
        _ = _fresh(context).config
    # The page that mends it does not read the rules in force.
    assert _rule(_fresh(context), "counting.funding").in_force == ["寄付"]


def test_without_a_ledger_the_files_rule(tmp_path: Path) -> None:
    assert AppContext(SAMPLE, tmp_path).config.counting.funding == ["国補助", "県単独"]
    nowhere = AppContext(SAMPLE, tmp_path, store_url=str(tmp_path / "none.sqlite"))
    assert nowhere.config.counting.funding == ["国補助", "県単独"]
    assert not (tmp_path / "none.sqlite").exists()


def test_a_correction_makes_the_published_run_old(context: AppContext) -> None:
    with open_context_store(context) as store:
        row = store.audit(after_seq=store.head().seq - 1)[0]
    assert row.action == "ledger.load"
    _correct(context, "counting.achievement_cap", 0.9)
    with open_context_store(context) as store:
        assert home._writes_ledger(store.audit(after_seq=row.seq)[0])


def test_sites_from_the_ledger_keep_the_licence_and_credit_of_their_layer(context: AppContext) -> None:
    (sites,) = [record for record in region_of(context).region.layers if record.layer == "sites"]
    stated = context.config.layers.sites
    assert sites.format == "store"
    assert sites.credit
    assert (sites.licence, sites.credit) == (stated.licence, stated.credit)
