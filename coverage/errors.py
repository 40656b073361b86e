"""Every error that a person can cause, with one sentence in Japanese and one in English.

    CoverageGapError
    ├── InputError              what was typed, uploaded or configured is wrong
    │   ├── FileFormatError     a file is not what it claims to be, or ends early
    │   ├── RegionError         region.toml or a layer it names is wrong or missing
    │   └── OutsideTerrainError a mast or path lies outside the terrain or on a hole in it
    ├── NotFoundError           no such run, municipality, year, site
    ├── ConflictError           somebody else changed it first, or the state forbids it
    ├── PermissionDeniedError   the role does not allow it
    ├── PublisherError          a publisher of layers does not answer, has moved, or sends something else
    ├── StorageError            disk full, read-only, database damaged or locked for good
    └── EnvironmentProblemError the installation itself is wrong

A sentence says what, where and what to do. ``code`` is stable: programs and tests match on it, never on the text.
"""

from __future__ import annotations

from typing import ClassVar


class CoverageGapError(Exception):
    """Base of all errors meant for people. Caught once, at the edge (command line, route, page)."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, code: str, ja: str, en: str) -> None:
        """``code`` is kebab-case and stable; ``ja`` and ``en`` are one sentence each."""
        super().__init__(f"{ja} / {en}")
        self.code = code
        self.ja = ja
        self.en = en

    def __reduce__(self) -> tuple[type[CoverageGapError], tuple[str, str, str]]:
        # The default would pickle the one joined string, and the error would be lost on its way out of a worker.
        return (type(self), (self.code, self.ja, self.en))

    def text(self, lang: str) -> str:
        """The sentence in ``lang`` ("ja" or "en")."""
        return self.en if lang == "en" else self.ja

    def as_dict(self) -> dict[str, str]:
        """For ``--json`` and HTTP bodies."""
        return {"code": self.code, "ja": self.ja, "en": self.en}


class InputError(CoverageGapError, ValueError):
    exit_code = 2
    http_status = 400


class FileFormatError(InputError):
    http_status = 422


class RegionError(InputError):
    http_status = 500


class OutsideTerrainError(InputError):
    http_status = 422


class NotFoundError(CoverageGapError, LookupError):
    exit_code = 3
    http_status = 404


class ConflictError(CoverageGapError):
    exit_code = 4
    http_status = 409


class PermissionDeniedError(CoverageGapError):
    exit_code = 5
    http_status = 403


class StorageError(CoverageGapError):
    exit_code = 6
    http_status = 503


class EnvironmentProblemError(CoverageGapError):
    exit_code = 7


class PublisherError(CoverageGapError):
    exit_code = 8
    http_status = 502
