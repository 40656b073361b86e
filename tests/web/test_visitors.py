"""Who asks, from the headers of a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coverage.errors import EnvironmentProblemError, PermissionDeniedError
from coverage.services.access import ANONYMOUS, Action, Object, Resource, Role, allowed
from coverage.settings import Settings
from coverage.store.locate import open_store
from coverage.store.protocol import Actor
from coverage.web import visitors
from coverage.web.visitors import check_auth, page_visitor, principal_for

ADMIN = Actor("kanri", "admin")
PROXY = Settings(auth="proxy-header", user_header="X-Remote-User")


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A ledger with two users and a read token; yields the token's secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COVERAGE_GAP_STORE", "")
    visitors._seen.clear()
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        store.set_user("keikaku", role="planner", by=ADMIN, expected_version=0)
        store.set_user("mukashi", role="admin", active=False, by=ADMIN, expected_version=0)
        issued, _ = store.issue_token("QGIS", role="municipality", municipality_codes=("99201",), by=ADMIN)
    yield issued
    visitors._seen.clear()


def test_on_this_machine_alone_the_user_has_every_role() -> None:
    principal = principal_for({}, Settings(auth="local"))
    assert principal.role is Role.ADMIN
    assert not principal.read_only


def test_without_authentication_everybody_only_looks() -> None:
    settings = Settings(auth="none-readonly")
    assert principal_for({"x-remote-user": "keikaku"}, settings) is ANONYMOUS


def test_the_proxys_user_has_the_role_that_the_store_gives(secret: str) -> None:
    principal = principal_for({"x-remote-user": "keikaku"}, PROXY)
    assert principal.user_id == "keikaku"
    assert principal.role is Role.PLANNER
    assert principal_for({}, PROXY) is ANONYMOUS


@pytest.mark.parametrize("user", ["dareka", "mukashi", "keikaku2"])
def test_a_stranger_or_a_closed_account_is_refused(secret: str, user: str) -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        principal_for({"x-remote-user": user}, PROXY)
    assert caught.value.code == "user-unknown"


def test_whom_the_office_names_without_a_role_is_a_guest_on_the_pages_and_may_file(secret: str) -> None:
    for headers, settings in (
        ({"x-remote-user": "dareka"}, PROXY),
        ({visitors.LOGIN_HEADER: visitors.login_word("dareka")}, BASIC),
    ):
        found = page_visitor(headers, settings)
        assert (found.user_id, found.role, found.read_only) == ("dareka", Role.VIEWER, False)
        assert allowed(found, Action.FILE, Resource(Object.CHALLENGE, "99201"))
        assert not allowed(found, Action.ANSWER, Resource(Object.CHALLENGE, "99201"))
    assert page_visitor({"x-remote-user": "keikaku"}, PROXY).role is Role.PLANNER


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-remote-user": "mukashi"},
        {"x-remote-user": "a" * 201},
        {"x-remote-user": "da\tre\u202eka"},
        {"authorization": "Bearer guessed"},
    ],
)
def test_the_nameless_and_those_whose_role_was_taken_away_only_look(
    secret: str, headers: dict[str, str]
) -> None:
    assert page_visitor(headers, PROXY) is ANONYMOUS


def test_where_anybody_looks_nobody_files_and_a_login_that_was_passed_by_is_refused(secret: str) -> None:
    assert page_visitor({"x-remote-user": "dareka"}, Settings(auth="none-readonly")) is ANONYMOUS
    with pytest.raises(EnvironmentProblemError):
        page_visitor({"x-remote-user": "dareka"}, BASIC)


def test_without_a_ledger_there_is_nothing_to_file_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COVERAGE_GAP_STORE", "")
    visitors._seen.clear()
    assert page_visitor({"x-remote-user": "dareka"}, PROXY) is ANONYMOUS
    visitors._seen.clear()


def test_a_read_token_reads_for_its_municipality_and_nothing_else(secret: str) -> None:
    principal = principal_for({"authorization": f"Bearer {secret}"}, PROXY)
    assert principal.role is Role.MUNICIPALITY
    assert principal.municipality_codes == {"99201"}
    assert principal.read_only
    with pytest.raises(PermissionDeniedError) as caught:
        principal_for({"authorization": "Bearer guessed"}, PROXY)
    assert caught.value.code == "token-unknown"


def test_modes_without_files_of_their_own_need_nothing_at_the_start() -> None:
    for auth in ("local", "proxy-header", "none-readonly"):
        check_auth(Settings(auth=auth))


def test_a_password_file_that_is_missing_is_refused_at_the_start(tmp_path: Path) -> None:
    for settings, code in (
        (Settings(auth="basic-file"), "basic-file-unset"),
        (Settings(auth="basic-file", basic_file=tmp_path / "nowhere"), "basic-file-unreadable"),
    ):
        with pytest.raises(EnvironmentProblemError) as caught:
            check_auth(settings)
        assert caught.value.code == code


BASIC = Settings(auth="basic-file")


def test_our_own_login_names_the_user_and_nobody_else_can(secret: str) -> None:
    principal = principal_for({visitors.LOGIN_HEADER: visitors.login_word("keikaku")}, BASIC)
    assert (principal.user_id, principal.role) == ("keikaku", Role.PLANNER)
    assert principal_for({visitors.LOGIN_HEADER: visitors.login_word("")}, BASIC) is ANONYMOUS
    with pytest.raises(PermissionDeniedError):
        principal_for({visitors.LOGIN_HEADER: visitors.login_word("dareka")}, BASIC)
    for word in ("", "keikaku", " keikaku", "0" * 64 + " keikaku", "\u3042 keikaku"):
        for more in ({}, {"authorization": f"Bearer {secret}"}, {"x-remote-user": "keikaku"}):
            with pytest.raises(EnvironmentProblemError) as caught:
                principal_for({visitors.LOGIN_HEADER: word, **more}, BASIC)
            assert caught.value.code == "login-not-in-front"


def test_the_word_of_our_own_login_means_nothing_to_other_modes(secret: str) -> None:
    word = {visitors.LOGIN_HEADER: visitors.login_word("keikaku")}
    assert principal_for(word, PROXY) is ANONYMOUS
    assert principal_for(word, Settings(auth="none-readonly")) is ANONYMOUS
