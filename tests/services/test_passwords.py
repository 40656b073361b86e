"""The file of users and passwords: what is written, what is refused, and that it changes whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from coverage.errors import ConflictError, EnvironmentProblemError, InputError, NotFoundError, StorageError
from coverage.services import passwords
from coverage.services.passwords import PasswordBook, PasswordHash, read_passwords, set_password

GOOD = "尾鷲の海は青い ということ"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX")


@pytest.fixture(autouse=True)
def _light_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_N", 2**14)
    monkeypatch.setattr(passwords, "_P", 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "users.txt"
    set_password(path, "keikaku", GOOD)
    return path


def test_a_password_fits_and_no_other_does(file: Path) -> None:
    held = read_passwords(file)["keikaku"]
    assert held.fits(GOOD)
    for wrong in ("", GOOD + " ", GOOD[:-1], "x" * 10_000):
        assert not held.fits(wrong)


def test_the_hash_is_what_the_document_says() -> None:
    """RFC 7914 §12, third vector: N = 16384, r = 8, p = 1; here the first 32 of its 64 bytes."""
    held = PasswordHash(
        2**14,
        8,
        1,
        b"SodiumChloride",
        bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"),
    )
    assert held.fits("pleaseletmein")


def test_the_same_password_twice_has_two_hashes() -> None:
    assert str(PasswordHash.of(GOOD)) != str(PasswordHash.of(GOOD))


def test_a_letter_of_two_code_points_is_the_same_letter() -> None:
    assert PasswordHash.of("か\u3099っこうのひろば12").fits("がっこうのひろば12")


@pytest.mark.parametrize("password", ["", "short", "x" * 9, "x" * 257])
def test_a_password_too_short_or_too_long_is_refused_and_nothing_written(
    tmp_path: Path, password: str
) -> None:
    with pytest.raises(InputError) as caught:
        set_password(tmp_path / "users.txt", "keikaku", password)
    assert caught.value.code == "password-length"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("user_id", ["", "a:b", "#a", " a", "a ", "a\nb", "a\x00", "x" * 101])
def test_a_user_id_that_would_break_the_file_is_refused(tmp_path: Path, user_id: str) -> None:
    with pytest.raises(InputError) as caught:
        set_password(tmp_path / "users.txt", user_id, GOOD)
    assert caught.value.code == "user-id-invalid"


def test_other_users_and_comments_stay(file: Path) -> None:
    with file.open("a", encoding="utf-8") as more:
        more.write("# 地域情報課\n\n")
    before = read_passwords(file)["keikaku"]
    assert set_password(file, "kanri", GOOD) is False
    assert set_password(file, "kanri", GOOD + "!") is True
    assert read_passwords(file)["keikaku"] == before
    assert "# 地域情報課" in file.read_text(encoding="utf-8")
    set_password(file, "keikaku", None)
    assert list(read_passwords(file)) == ["kanri"]


def test_taking_out_somebody_who_is_not_there_is_said(file: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        set_password(file, "dareka", None)
    assert caught.value.code == "user-not-found"


@posix_only
def test_the_file_is_for_its_owner_only(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(EnvironmentProblemError) as caught:
        read_passwords(file)
    assert caught.value.code == "basic-file-shared"


@posix_only
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_changed_by_root_stays_the_servers_own(file: Path) -> None:
    os.chown(file, 12345, 12345)
    set_password(file, "kanri", GOOD)
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12345)


@pytest.mark.parametrize(
    "line",
    [
        "kanri",
        "kanri:",
        "kanri:geheim",
        "kanri:scrypt$2$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
        "kanri:scrypt$16384$8$1$AAAA$" + "A" * 43 + "=",
        "kanri:scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA",
        "kanri:scrypt$16384$8$1$***$***",
        "kanri:scrypt$1073741824$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
        ":scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
        "keikaku:scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 43 + "=",
    ],
)
def test_a_wrong_line_is_named_by_number_and_not_repeated(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8") as more:
        more.write(line + "\n")
    with pytest.raises(EnvironmentProblemError) as caught:
        read_passwords(file)
    assert caught.value.code == "basic-file-line"
    assert "2 行目" in caught.value.ja
    assert "Line 2" in caught.value.en
    assert "scrypt" not in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_missing_file_and_one_that_is_no_text_are_said(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "nowhere", tmp_path / "noise"):
        with pytest.raises(EnvironmentProblemError) as caught:
            read_passwords(path)
        assert caught.value.code == "basic-file-unreadable"


def test_two_changes_at_once_do_not_lose_one(file: Path) -> None:
    part = file.with_name(file.name + ".part")
    part.touch()
    content = file.read_bytes()
    with pytest.raises(ConflictError) as caught:
        set_password(file, "kanri", GOOD)
    assert caught.value.code == "basic-file-busy"
    assert file.read_bytes() == content


def test_a_change_that_cannot_be_flushed_leaves_the_old_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    content = file.read_bytes()
    monkeypatch.setattr(passwords.os, "fsync", full)
    with pytest.raises(StorageError) as caught:
        set_password(file, "kanri", GOOD)
    assert caught.value.code == "basic-file-not-written"
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    assert file.read_bytes() == content


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        set_password(tmp_path / "no" / "users.txt", "kanri", GOOD)
    assert caught.value.code == "basic-file-not-written"


def test_a_running_server_remembers_and_forgets_with_the_file(file: Path) -> None:
    book = PasswordBook(file)
    assert not book.remembers("keikaku", GOOD)
    assert book.fits("keikaku", GOOD)
    assert book.remembers("keikaku", GOOD)
    assert not book.remembers("keikaku", GOOD + "x")
    assert not book.remembers("kanri", GOOD)
    set_password(file, "kanri", GOOD + "kanri")
    assert book.remembers("keikaku", GOOD), "another user's line changes nothing"
    set_password(file, "keikaku", GOOD + "neu")
    assert not book.remembers("keikaku", GOOD)
    assert not book.fits("keikaku", GOOD)
    assert book.fits("keikaku", GOOD + "neu")
    set_password(file, "keikaku", None)
    assert not book.remembers("keikaku", GOOD + "neu")
    assert not book.fits("keikaku", GOOD + "neu")


def test_a_stranger_takes_a_hash_too_and_is_nobody(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = PasswordBook(file)
    computed: list[str] = []
    real = passwords._scrypt
    monkeypatch.setattr(
        passwords, "_scrypt", lambda plain, *rest: (computed.append(plain), real(plain, *rest))[1]
    )
    assert not book.fits("dareka", GOOD)
    assert computed == [GOOD]


def test_a_file_that_becomes_unusable_lets_nobody_in(file: Path) -> None:
    book = PasswordBook(file)
    assert book.fits("keikaku", GOOD)
    file.write_text("keikaku:geheim\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(EnvironmentProblemError):
            book.remembers("keikaku", GOOD)
    file.unlink()
    with pytest.raises(EnvironmentProblemError):
        book.fits("keikaku", GOOD)


def test_a_file_without_users_does_not_start_a_server(tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    path.write_text("# まだ\n", encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(EnvironmentProblemError) as caught:
        PasswordBook(path)
    assert caught.value.code == "basic-file-empty"
