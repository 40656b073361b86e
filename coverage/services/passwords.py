"""``auth = basic-file``: users and password hashes in one file, for an office without a directory.

One line a user, ``USER:scrypt$N$R$P$SALT$HASH`` (docs/deployment.md): the work factors of scrypt (RFC 7914) in decimal,
salt and hash in Base64. Empty lines and lines that begin with ``#`` are kept. The file says who somebody is; what that
person may do stands in the ledger's users. On systems that know file modes it must be readable by its owner alone.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from coverage.errors import ConflictError, EnvironmentProblemError, InputError, NotFoundError, StorageError
from coverage.store.canonical import one_line

MINIMUM_CHARACTERS: Final = 10
_LONGEST: Final = 256
_N: Final = 2**15
_R: Final = 8
_P: Final = 3
"""Work factors of new hashes: 32 MiB, and long enough to make guessing dear."""
_HASH_BYTES: Final = 32
_KEPT: Final = 2000


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A salted scrypt hash and its work factors."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> PasswordHash:
        """A new hash with a new salt. InputError for a password that is too short or too long."""
        plain = _normal(password)
        if not MINIMUM_CHARACTERS <= len(plain) <= _LONGEST:
            raise InputError(
                "password-length",
                f"パスワードは {MINIMUM_CHARACTERS}〜{_LONGEST} 文字にしてください。",
                f"A password has {MINIMUM_CHARACTERS} to {_LONGEST} characters; choose another one.",
            )
        salt = secrets.token_bytes(16)
        return cls(_N, _R, _P, salt, _scrypt(plain, salt, _N, _R, _P))

    @classmethod
    def parse(cls, text: str) -> PasswordHash:
        """ValueError for anything that :meth:`__str__` would not have written."""
        name, n, r, p, salt, digest = text.split("$")
        found = cls(int(n), int(r), int(p), _bytes(salt), _bytes(digest))
        sound = (
            name == "scrypt"
            and 2**14 <= found.n <= 2**18
            and found.n & (found.n - 1) == 0
            and 1 <= found.r <= 16
            and 1 <= found.p <= 8
            and len(found.salt) >= 16
            and len(found.digest) == _HASH_BYTES
        )
        if not sound:
            raise ValueError(name)
        return found

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(part).decode("ascii") for part in (self.salt, self.digest))
        return f"scrypt${self.n}${self.r}${self.p}${salt}${digest}"

    def fits(self, password: str) -> bool:
        """Whether ``password`` has this hash; the comparison takes the same time whatever differs."""
        plain = _normal(password)[: _LONGEST + 1]
        return hmac.compare_digest(_scrypt(plain, self.salt, self.n, self.r, self.p), self.digest)


def read_passwords(path: Path) -> dict[str, PasswordHash]:
    """Hash by user id.

    Raises EnvironmentProblemError: the file is missing or unreadable, readable by others, or a line is wrong. The
    sentence names the line and never its content.
    """
    try:
        shared = os.name != "nt" and path.stat().st_mode & 0o077
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise EnvironmentProblemError(
            "basic-file-unreadable",
            "利用者とパスワードのファイル（COVERAGE_GAP_BASIC_FILE）を読めません。場所と権利を確かめてください。",
            "The file of users and passwords (COVERAGE_GAP_BASIC_FILE) cannot be read; check the place and the rights.",
        ) from None
    if shared:
        raise EnvironmentProblemError(
            "basic-file-shared",
            "利用者とパスワードのファイルを他の利用者も読めます。chmod 600 にしてください。",
            "The file of users and passwords can be read by others; set its mode to 600.",
        )
    found: dict[str, PasswordHash] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user_id, _, text = line.partition(":")
        try:
            held = PasswordHash.parse(text.strip())
        except ValueError:  # also binascii.Error
            held = None
        if held is None or not _is_user_id(user_id) or user_id in found:
            raise EnvironmentProblemError(
                "basic-file-line",
                f"利用者とパスワードのファイルの {number} 行目が正しくないか、利用者が重なっています。"
                "coverage-gap db password で作り直してください。",
                f"Line {number} of the file of users and passwords is wrong or names a user twice; make it anew with "
                "'coverage-gap db password'.",
            )
        found[user_id] = held
    return found


def set_password(path: Path, user_id: str, password: str | None) -> bool:
    """Give ``user_id`` a password, or with None take the user out; the file changes as a whole or not at all.

    Returns whether the user was in the file before. Raises InputError (user id, length), NotFoundError (nobody to take
    out), ConflictError (somebody else is changing it), StorageError (it cannot be written).
    """
    if not _is_user_id(user_id):
        raise InputError(
            "user-id-invalid",
            "利用者 ID は 1〜100 文字で、コロン・空白だけ・制御文字・先頭の # は使えません。直してください。",
            "A user id has 1 to 100 characters, no colon, no control character, no space at its ends and no leading #; correct it.",
        )
    entry = None if password is None else f"{user_id}:{PasswordHash.of(password)}"
    target = path.resolve()
    known = user_id in (read_passwords(target) if target.is_file() else {})
    if entry is None and not known:
        raise NotFoundError(
            "user-not-found",
            f"利用者「{one_line(user_id, limit=40)}」はこのファイルにありません。",
            f'The user "{one_line(user_id, limit=40)}" is not in this file.',
        )
    part = target.with_name(target.name + ".part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConflictError(
            "basic-file-busy",
            f"ほかの人がパスワードのファイルを変更中です。だれも変更していなければ {part.name} を消してやり直してください。",
            f"Somebody else is changing the password file; if nobody is, delete {part.name} and try again.",
        ) from None
    except OSError as error:
        raise _not_written(error) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join([*_other_lines(target, user_id), *([entry] if entry else [])]) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _keep_owner(target, part)
        os.replace(part, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise _not_written(error) from error
    return known


class PasswordBook:
    """The file for a running server: read again when it changes, and a password that fitted remembered in memory.

    What is remembered is a keyed digest that dies with the process, and counts only while the user's line in the file
    is the one it was checked against: a changed password or a removed user is out at the next request.
    """

    def __init__(self, path: Path) -> None:
        """Raises EnvironmentProblemError as :func:`read_passwords`, and for a file without users."""
        self._path = path
        self._lock = Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._held: dict[str, PasswordHash] = {}
        self._fitted: dict[bytes, PasswordHash] = {}
        self._key = secrets.token_bytes(32)
        self._nobody = PasswordHash(_N, _R, _P, secrets.token_bytes(16), bytes(_HASH_BYTES))
        if not self._current():
            raise EnvironmentProblemError(
                "basic-file-empty",
                "利用者とパスワードのファイルに利用者がいません。coverage-gap db password 利用者ID で加えてください。",
                "The file of users and passwords has no user; add one with 'coverage-gap db password USER'.",
            )

    def remembers(self, user_id: str, password: str) -> bool:
        """Whether this password has fitted before; answers at once, so that guessing does not hold users up."""
        held = self._current().get(user_id)
        with self._lock:
            return held is not None and self._fitted.get(self._mark(user_id, password)) == held

    def fits(self, user_id: str, password: str) -> bool:
        """Whether the password is the user's. An unknown user costs as much time as a wrong password."""
        held = self._current().get(user_id)
        if not (held or self._nobody).fits(password) or held is None:
            return False
        with self._lock:
            if len(self._fitted) >= _KEPT:
                self._fitted.clear()
            self._fitted[self._mark(user_id, password)] = held
        return True

    def _mark(self, user_id: str, password: str) -> bytes:
        text = f"{user_id}\0{_normal(password)}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()

    def _current(self) -> dict[str, PasswordHash]:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = None  # reading says why
        with self._lock:
            if stamp is None or stamp != self._stamp:
                self._held = {}
                self._stamp = None
                self._held = read_passwords(self._path)
                self._stamp = stamp
            return self._held


def _scrypt(plain: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    secret = plain.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=_HASH_BYTES)


def _normal(password: str) -> str:
    # RFC 7617 asks for NFC: the same password typed on another keyboard has the same bytes.
    return unicodedata.normalize("NFC", password)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


def _is_user_id(user_id: str) -> bool:
    plain = user_id.isprintable() and user_id == user_id.strip() and not user_id.startswith("#")
    return plain and ":" not in user_id and 1 <= len(user_id) <= 100


def _other_lines(path: Path, user_id: str) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("#") or line.partition(":")[0] != user_id]


def _keep_owner(old: Path, new: Path) -> None:
    """A file changed by root stays the server's own, which is to read it."""
    if sys.platform != "win32" and old.is_file():
        status = old.stat()
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, status.st_uid, status.st_gid)


def _not_written(error: OSError) -> StorageError:
    reason = error.strerror or type(error).__name__
    return StorageError(
        "basic-file-not-written",
        f"利用者とパスワードのファイルを書き込めません（{reason}）。フォルダーの権利と空きを確かめてください。",
        f"The file of users and passwords cannot be written ({reason}); check the folder's rights and free space.",
    )
