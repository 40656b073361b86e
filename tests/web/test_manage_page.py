"""管理 as Streamlit runs it: who sees which section, and what each does."""

from __future__ import annotations

import shutil
import time
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from coverage.services import accounts, backups
from coverage.services.access import Principal, Role
from coverage.services.context import AppContext
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.store.events import Kind
from coverage.store.protocol import Actor

from .page_words import words_of

MAIN = Path(__file__).resolve().parents[2] / "coverage" / "web" / "main.py"
SAMPLE = Path(__file__).resolve().parents[2] / "data"
ADMIN = Principal("sato", Role.ADMIN)
BY = Actor("sato", "admin")


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import manage

    frame.render(frame.open_view(), manage.show, without_run=manage.show_without_run)


def _open(section: str = "", *, lang: str | None = None, role: str | None = None) -> AppTest:
    test = AppTest.from_function(_script, default_timeout=30)
    if section:
        test.query_params["section"] = section
    if lang is not None:
        test.query_params["lang"] = lang
    if role is not None:
        test.session_state["role"] = role
    return test.run()


def _sections(test: AppTest) -> list[str]:
    return [option.content for option in test.get("button_group")[0].proto.options]


@pytest.fixture
def home(runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(runs_folder, tmp_path / "runs")
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(SAMPLE))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that began with the sample's tables and has one administrator; to be copied."""
    path = tmp_path_factory.mktemp("begun") / "ledger.sqlite"
    context = AppContext(SAMPLE, path.parent, store_url=str(path))
    load_tables_into_store(context, ADMIN)
    with open_context_store(context) as store:
        accounts.set_account(store, "sato", role="admin", note="<b>情報</b>", principal=ADMIN)
    return path


@pytest.fixture
def ledger(home: Path, begun: Path) -> AppContext:
    shutil.copy(begun, home / "ledger.sqlite")
    return AppContext(SAMPLE, home / "runs", store_url=str(home / "ledger.sqlite"))


def _users(context: AppContext) -> dict[str, str]:
    with open_context_store(context) as store:
        return {
            a.user.user_id: a.user.role if a.user.active else "off"
            for a in accounts.accounts(store, principal=ADMIN)
        }


# who sees what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "municipality"])
def test_those_without_the_right_are_told_why(ledger: AppContext, role: str) -> None:
    words = words_of(_open("audit", role=role))
    assert "この画面は管理者が使えます" in words
    assert "sato" not in words


def test_a_planner_sees_the_computing_only(ledger: AppContext) -> None:
    test = _open("users", role="planner")
    assert _sections(test) == ["計算"]
    assert "<p>計算を扱います。変更はすべて監査記録に残ります。</p>" in words_of(test), (
        "the lead names what is offered"
    )
    assert "利用者（" not in words_of(test)


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("section", ["users", "settings", "runs", "layers", "audit", "backup"])
def test_every_section_runs_for_an_administrator(ledger: AppContext, section: str, lang: str) -> None:
    test = _open(section, lang=lang)
    assert not test.exception
    words = words_of(test)
    assert "サーバーで問題" not in words
    assert "went wrong" not in words
    assert test.query_params["section"] in (section, [section])


def test_without_a_ledger_the_sections_that_need_one_say_where_it_begins(home: Path) -> None:
    for section in ("users", "settings", "audit", "backup"):
        assert "「アップロード」の画面で始めると" in words_of(_open(section))
    assert "公開中の計算に使ったレイヤー" in words_of(_open("layers"))


def test_before_the_first_run_an_administrator_gets_to_the_page(
    ledger: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(tmp_path / "none"))
    words = words_of(_open("users"))
    assert "まだ計算結果がありません" in words
    assert "利用者（1 人）" in words
    assert "公開中の計算がまだありません" in words_of(_open("layers"))


def test_the_page_is_offered_in_the_navigation_to_those_who_may(ledger: AppContext) -> None:
    test = AppTest.from_file(str(MAIN), default_timeout=30).run()
    assert not test.exception


# users -------------------------------------------------------------------------------------------------------


def test_a_user_is_added_changed_taken_away_and_taken_back(ledger: AppContext) -> None:
    test = _open("users")
    assert "&lt;b&gt;情報&lt;/b&gt;" in words_of(test)
    test.text_input(key="account-id--0").input("suzuki")
    test.selectbox(key="account-role--0").select("planner")
    test.button(key="FormSubmitter:account--0-追加する").click().run()
    assert "「suzuki」を「計画担当」として保存しました" in words_of(test)
    assert _users(ledger)["suzuki"] == "planner"

    test.selectbox(key="account-which").select("suzuki").run()
    test.selectbox(key="account-role-suzuki-1").select("viewer")
    test.button(key="FormSubmitter:account-suzuki-1-変更を保存").click().run()
    assert _users(ledger)["suzuki"] == "viewer"
    test.button(key="account-undo-suzuki").click().run()
    assert _users(ledger)["suzuki"] == "planner"

    test.button(key="account-off-suzuki").click().run()
    assert "「suzuki」は閲覧だけになります" in words_of(test)
    assert _users(ledger)["suzuki"] == "planner"
    test.button(key="account-off-suzuki-no").click().run()
    test.button(key="account-off-suzuki").click().run()
    test.button(key="account-off-suzuki-yes").click().run()
    assert _users(ledger)["suzuki"] == "off"


def test_the_last_administrator_cannot_be_removed(ledger: AppContext) -> None:
    test = _open("users")
    test.selectbox(key="account-which").select("sato").run()
    test.button(key="account-off-sato").click().run()
    test.button(key="account-off-sato-yes").click().run()
    assert "最後の管理者です" in words_of(test)
    assert _users(ledger) == {"sato": "admin"}


def test_an_administrator_who_was_overtaken_is_told_by_whom_and_sees_the_new_values(
    ledger: AppContext,
) -> None:
    with open_context_store(ledger) as store:
        accounts.set_account(store, "suzuki", role="viewer", principal=ADMIN)
    test = _open("users")
    test.selectbox(key="account-which").select("suzuki").run()
    with open_context_store(ledger) as store:
        accounts.set_account(store, "suzuki", role="planner", principal=Principal("kato", Role.ADMIN))
    test.selectbox(key="account-role-suzuki-1").select("admin")
    test.button(key="FormSubmitter:account-suzuki-1-変更を保存").click().run()
    words = words_of(test)
    assert "kato さんが" in words
    assert "viewer→planner" in words
    assert _users(ledger)["suzuki"] == "planner"
    assert test.selectbox(key="account-role-suzuki-2").value == "planner"


def test_a_tokens_secret_is_shown_once_and_a_revoked_token_opens_nothing(ledger: AppContext) -> None:
    test = _open("users")
    test.text_input(key="token-label").input("帆影市 QGIS")
    test.button(key="FormSubmitter:token-issue-閲覧トークンを発行する").click().run()
    secret = test.get("code")[0].value
    assert secret.startswith("cgp_")
    test.button(key="token-kept").click().run()
    assert secret not in words_of(test)
    assert secret not in words_of(_open("users"))
    with open_context_store(ledger) as store:
        token = store.token(secret)
        assert token is not None
    test.button(key=f"token-revoke-{token.token_id}").click().run()
    test.button(key=f"token-revoke-{token.token_id}-yes").click().run()
    assert "取り消しました" in words_of(test)
    with open_context_store(ledger) as store:
        assert store.token(secret) is None


# rules -------------------------------------------------------------------------------------------------------


def test_a_rule_is_corrected_with_a_reason_and_taken_back(ledger: AppContext) -> None:
    test = _open("settings")
    test.selectbox(key="rule-which").select("reading.40604").run()
    test.selectbox(key="rule-value-reading.40604-0").select("from-left")
    submit = "FormSubmitter:rule-reading.40604-0-この値にする"
    test.button(key=submit).click().run()
    assert "理由が空か" in words_of(test)
    test.selectbox(key="rule-value-reading.40604-0").select("from-left")
    test.text_input(key="rule-note-reading.40604-0").input("原本で確かめた")
    test.button(key=submit).click().run()
    words = words_of(test)
    assert "指標 40604 の表の読み方」を直しました" in words
    assert "左から順に読む" in words
    assert "原本で確かめた" in words
    test.text_input(key="rule-back-reading.40604").input("誤り").run()
    test.button(key="rule-take-back-reading.40604").click().run()
    test.button(key="rule-take-back-reading.40604-yes").click().run()
    assert "ファイルの値に戻しました" in words_of(test)
    with open_context_store(ledger) as store:
        assert store.records(Kind.SETTING) == ()


def test_a_number_that_is_none_is_refused_in_words(ledger: AppContext) -> None:
    test = _open("settings")
    test.selectbox(key="rule-which").select("counting.achievement_cap").run()
    test.text_input(key="rule-value-counting.achievement_cap-0").input("一")
    test.text_input(key="rule-note-counting.achievement_cap-0").input("試し")
    test.button(key="FormSubmitter:rule-counting.achievement_cap-0-この値にする").click().run()
    assert "achievement_cap の値は使えません" in words_of(test)


def test_secrets_of_the_environment_are_not_shown(
    ledger: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_OPENCELLID_TOKEN", "geheim-123")
    words = words_of(_open("settings"))
    assert "COVERAGE_GAP_OPENCELLID_TOKEN" in words
    assert "geheim-123" not in words


# audit and backup --------------------------------------------------------------------------------------------


def _change_a_date(context: AppContext) -> str:
    with open_context_store(context) as store:
        held = next(v for v in store.versioned(Kind.SITE_OPERATOR) if v.record.site_id == "MH-0001")
        store.put(
            Kind.SITE_OPERATOR, {"in_service_date": date(2008, 3, 31)}, by=Actor("suzuki", "admin"),
            expected_version=held.version, key=held.key, reason="=免許の写しによる",
        )  # fmt: skip
        return str(held.key)


def test_who_changed_a_date_is_found_by_the_sites_number_and_one_click_on_the_column(
    ledger: AppContext,
) -> None:
    _change_a_date(ledger)
    test = _open("audit")
    test.text_input(key="audit-text").input("MH-0001")
    test.button(key="FormSubmitter:audit-search-探す").click().run()
    words = words_of(test)
    assert "供用開始日 2007-10-25 → 2008-03-31" in words
    assert "=免許の写しによる" in words
    test.get("button_group")[1].set_value("in_service_date").run()
    words = words_of(test)
    rows = words.split("<tbody>")[1].split("</tr>")
    assert "suzuki" in rows[0]
    assert "2007-10-25 → 2008-03-31" in rows[0]


def test_a_search_without_a_hit_says_what_to_do(ledger: AppContext) -> None:
    test = _open("audit")
    test.text_input(key="audit-text").input("ない番号")
    test.button(key="FormSubmitter:audit-search-探す").click().run()
    assert "あてはまる記録はありません" in words_of(test)


def _until(test: AppTest, words: str) -> str:
    deadline = time.monotonic() + 40
    while words not in (said := words_of(test)):
        assert time.monotonic() < deadline, said
        time.sleep(0.3)
        test.run()
    return said


def test_the_trail_is_verified_in_the_background_and_its_head_is_shown(ledger: AppContext) -> None:
    test = _open("audit")
    test.button(key="upkeep-verify").click().run()
    said = _until(test, "異常なし")
    with open_context_store(ledger) as store:
        head = store.head()
    assert f"{head.seq}:{head.hash}" in said
    test.button(key="upkeep-dismiss-verify").click().run()
    assert "異常なし" not in words_of(test)


def test_a_backup_is_taken_listed_and_the_command_to_restore_it_is_named(ledger: AppContext) -> None:
    test = _open("backup")
    assert "バックアップがまだありません" in words_of(test)
    test.button(key="upkeep-backup").click().run()
    said = _until(test, "読み直して検証しました")
    assert "0 日前" in said
    assert "coverage-gap db restore" in said
    assert "--force" in said


def test_the_servers_own_folder_is_named_in_words(
    ledger: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup lies beside the ledger; where that is the folder of the server, its name would be a mere dot."""
    assert "保存先：サーバーを起動したフォルダー　" in words_of(_open("backup"))
    beside = tmp_path / "backups"
    monkeypatch.setenv("COVERAGE_GAP_BACKUPS", str(beside))
    assert f"保存先：{backups.place_of(ledger).told}　" in words_of(_open("backup"))
    assert backups.place_of(ledger).told.name == "backups"
