"""Every role × action × object cell, judged at the service layer (goal S7)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from coverage.domain.ledger import Ledger, Site, Status
from coverage.errors import PermissionDeniedError
from coverage.services.access import (
    ANONYMOUS,
    Action,
    Object,
    Principal,
    Resource,
    Role,
    allowed,
    authorise,
    import_resource,
    principal_of_token,
    principal_of_user,
)
from coverage.services.imports import accept_import, hand_in
from coverage.store.events import change_of
from coverage.store.locate import open_store
from coverage.store.records import ImportRecord, ImportState, ReadToken, User
from coverage.uploads.report import Report

# One line an object: which actions each role may do. "*" = everywhere, "c" = own municipality, "o" = own objects.
# What is not written here is forbidden. Written out by hand from product rule "Roles", not made from the code.
EXPECTED = """
object             viewer            municipality                        planner                                             admin
map                view* download*   view* download*                     view* download*                                     view* download*
indicators         view* download*   view* download*                     view* download*                                     view* download*
summary            view* download*   view* download*                     view* download*                                     view* download*
site               view* download*   view* download*                     view* download*                                     view* download* edit*
planned-site       -                 viewc downloadc                     view* download* edit*                               view* download* edit*
district           view* download*   view* download* confirmc            view* download*                                     view* download* edit* confirm*
actual             view* download*   view* download*                     view* download*                                     view* download* edit*
measurement        -                 -                                   view* download*                                     view* download* edit*
challenge          view* file*       view* downloadc filec               view* download* file* answer*                       view* download* file* answer*
distinct-question  -                 -                                   view* download* answer*                             view* download* answer*
import             -                 -                                   view* download* upload* submit* withdrawo undoo     view* download* upload* submit* withdrawo undo* accept* return*
run                -                 -                                   view* download* compute*                            view* download* compute* publish*
published-run      view* download*   view* download*                     view* download*                                     view* download*
scenario           -                 -                                   view* download* edit* compute*                      view* download* edit* compute*
journal            -                 -                                   view* download*                                     view* download* edit*
publication        view* download*   view* download*                     view* download*                                     view* download* publish* verify*
dataset            view* download*   view* download*                     view* download*                                     view* download* manage*
setting            -                 -                                   view* download*                                     view* download* manage*
user               -                 -                                   -                                                   view* download* manage*
token              -                 -                                   -                                                   view* download* manage*
audit              -                 -                                   -                                                   view* download* verify*
backup             -                 -                                   -                                                   download* manage* restore*
"""


def _expected() -> dict[tuple[Role, Action, Object], str]:
    lines = EXPECTED.strip().splitlines()
    header = lines[0]
    starts = [header.index(name) for name in ("viewer", "municipality", "planner", "admin")]
    cells = {}
    for line in lines[1:]:
        kind = Object(line.split()[0])
        for role, (start, end) in zip(Role, itertools.pairwise([*starts, len(line) + 1]), strict=True):
            for word in line[start:end].split():
                if word != "-":
                    cells[role, Action(word[:-1]), kind] = word[-1]
    return cells


CELLS = _expected()
ALL_CELLS = list(itertools.product(Role, Action, Object))
OWN_CODE, OTHER_CODE = "24201", "24202"


def _principal(role: Role) -> Principal:
    codes = frozenset({OWN_CODE}) if role is Role.MUNICIPALITY else frozenset()
    return Principal("yamada", role, codes)


def test_the_table_names_every_object() -> None:
    assert {line.split()[0] for line in EXPECTED.strip().splitlines()[1:]} == {o.value for o in Object}


@pytest.mark.parametrize("role", list(Role))
def test_every_cell_of_a_role_is_as_the_table_says(role: Role) -> None:
    principal = _principal(role)
    wrong = []
    for action, kind in itertools.product(Action, Object):
        reach = CELLS.get((role, action, kind))
        for code, owner in itertools.product((OWN_CODE, OTHER_CODE, None), ("yamada", "suzuki", None)):
            expected = {
                None: False,
                "*": True,
                "c": code == OWN_CODE,
                "o": owner == "yamada",
            }[reach]
            resource = Resource(kind, municipality_code=code, owner=owner)
            if allowed(principal, action, resource) is not expected:
                wrong.append((action, kind, code, owner))
    assert wrong == []


def test_the_table_has_a_word_on_all_cells() -> None:
    assert len(ALL_CELLS) == len(Role) * len(Action) * len(Object) == 4 * 17 * 22
    assert set(CELLS) <= set(ALL_CELLS)


@pytest.mark.parametrize(("action", "kind"), list(itertools.product(Action, Object)))
def test_an_anonymous_visitor_and_a_token_only_look_and_take(action: Action, kind: Object) -> None:
    token = principal_of_token(ReadToken("T1", "0" * 64, "QGIS", "municipality", (OWN_CODE,)))
    for principal in (ANONYMOUS, token, Principal("x", Role.ADMIN, read_only=True)):
        if action not in (Action.VIEW, Action.DOWNLOAD):
            assert not allowed(principal, action, Resource(kind, OWN_CODE, principal.user_id))
    for planned in (Object.PLANNED_SITE,):
        assert not allowed(ANONYMOUS, Action.VIEW, Resource(planned, OWN_CODE))
        assert allowed(token, Action.DOWNLOAD, Resource(planned, OWN_CODE))
        assert not allowed(token, Action.DOWNLOAD, Resource(planned, OTHER_CODE))


def test_the_refusal_says_what_was_refused_in_both_languages() -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        authorise(_principal(Role.VIEWER), Action.ACCEPT, Resource(Object.IMPORT))
    assert caught.value.code == "permission-denied"
    assert "取込の承認" in caught.value.ja
    assert "accept this import" in caught.value.en
    assert (caught.value.exit_code, caught.value.http_status) == (5, 403)


def test_a_permitted_action_passes_in_silence() -> None:
    assert authorise(_principal(Role.ADMIN), Action.ACCEPT, Resource(Object.IMPORT)) is None


def test_a_planner_cannot_put_a_site_into_service_past_the_acceptance(tmp_path: Path) -> None:
    """Sites come into the ledger by imports alone, and an import waits for an administrator."""
    planned = Site("S-1", "谷", OWN_CODE, 34.5, 136.5, Status.PLANNED)
    serving = replace(planned, status=Status.IN_SERVICE)
    file = tmp_path / "sites.csv"
    file.write_text("site_id", encoding="utf-8")
    report = Report(understood={"file": "sites.csv"})
    planner, admin = _principal(Role.PLANNER), _principal(Role.ADMIN)
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        store.load_ledger(Ledger(sites=(planned,)), by=admin.actor, source="見本")

        def status() -> Status:
            return store.ledger().sites[0].status

        changes = [change_of(serving, row=0)]
        with pytest.raises(PermissionDeniedError):
            hand_in(store, file, report, changes, kind="sites", principal=planner, accept=True)
        receipt = hand_in(store, file, report, changes, kind="sites", principal=planner)
        with pytest.raises(PermissionDeniedError):
            accept_import(store, receipt.import_id, principal=planner)
        assert status() is Status.PLANNED
        accept_import(store, receipt.import_id, principal=admin)
        assert status() is Status.IN_SERVICE


def test_a_planner_undoes_own_imports_and_nobody_elses() -> None:
    def imported(by: str) -> ImportRecord:
        return ImportRecord("1", "sites", "a.csv", "0" * 64, 1, "0" * 64, ImportState.ACCEPTED, by)

    planner = _principal(Role.PLANNER)
    assert allowed(planner, Action.UNDO, import_resource(imported("yamada")))
    assert not allowed(planner, Action.UNDO, import_resource(imported("suzuki")))
    assert allowed(_principal(Role.ADMIN), Action.UNDO, import_resource(imported("suzuki")))
    assert not allowed(_principal(Role.ADMIN), Action.WITHDRAW, import_resource(imported("suzuki")))


def test_a_user_without_a_role_here_is_nobody() -> None:
    user = User("sato", "municipality", (OWN_CODE,))
    assert principal_of_user(None, user_id="sato") is None
    assert principal_of_user(User("sato", "admin", active=False), user_id="sato") is None
    assert principal_of_user(user, user_id="kato") is None
    found = principal_of_user(user, user_id="sato")
    assert found == Principal("sato", Role.MUNICIPALITY, frozenset({OWN_CODE}))
    assert found is not None
    assert (found.actor.user_id, found.actor.role) == ("sato", "municipality")
