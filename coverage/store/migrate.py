"""Numbered plain-SQL migrations, each in one transaction. Both adapters have the same numbers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from coverage.errors import StorageError
from coverage.store.canonical import sha256_hex

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of ``migrations`` or ``postgis_migrations``."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return sha256_hex(self.sql)


@cache
def migrations(folder: str) -> tuple[Migration, ...]:
    """The migrations of an adapter, numbered 1, 2, 3 … without a gap."""
    found = []
    for entry in files("coverage.store").joinpath(folder).iterdir():
        match = _NAME.match(entry.name)
        if match:
            # A checkout on Windows may have CRLF; the digest must not depend on it.
            text = entry.read_text(encoding="utf-8").replace("\r\n", "\n")
            found.append(Migration(int(match[1]), entry.name, text))
    found.sort(key=lambda m: m.number)
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise RuntimeError(f"migrations in {folder} are not numbered 1, 2, 3 …")
    return tuple(found)


def latest_version(folder: str) -> int:
    return migrations(folder)[-1].number


def pending(folder: str, applied: Mapping[int, str], *, label: str) -> tuple[Migration, ...]:
    """The migrations that a database still lacks.

    ``applied``: {number: SHA-256} from its table schema_migration. Raises StorageError when the database is newer than
    this software, or was made by other migrations of the same numbers.
    """
    known = migrations(folder)
    if applied and max(applied) > known[-1].number:
        raise StorageError(
            "schema-too-new",
            f"{label} は新しい版のソフト（スキーマ {max(applied)}）で作られています。"
            f"この版が扱えるのは {known[-1].number} までです。ソフトを更新してください。",
            f"{label} was made by newer software (schema {max(applied)}); this one knows up to {known[-1].number}. "
            "Update the software.",
        )
    for migration in known:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise StorageError(
                "schema-differs",
                f"{label} のスキーマ {migration.number} は、このソフトのものと違います。"
                "作ったときと同じ版のソフトで開くか、バックアップから復元してください。",
                f"Schema {migration.number} of {label} is not the one of this software; open it with the version that "
                "made it, or restore a backup.",
            )
    return tuple(m for m in known if m.number not in applied)


def statements(sql: str) -> Iterator[str]:
    """The statements of a file one by one (a trigger's body holds semicolons of its own)."""
    gathered = ""
    for line in sql.splitlines(keepends=True):
        gathered += line
        if sqlite3.complete_statement(gathered):
            yield gathered
            gathered = ""
    if gathered.strip() and not all(part.startswith("--") for part in gathered.strip().splitlines()):
        raise RuntimeError(f"a migration ends inside a statement: {gathered.strip()[:60]}")


def guards(folder: str, version: int) -> Sequence[str]:
    """Names of the triggers that the migrations up to ``version`` put against changes."""
    text = "\n".join(m.sql for m in migrations(folder) if m.number <= version)
    return re.findall(r"^CREATE TRIGGER (\w+)", text, flags=re.MULTILINE)
