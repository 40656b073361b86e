"""What the store keeps beside the ledger itself: people, settings, uploads, challenges, runs, publications.

Each record ends with ``recorded_at``: when it became known (UTC, aware). It is filled in on reading and ignored on
writing; the store alone says when something was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class ImportState(StrEnum):
    """Where an upload stands. Every change of it is an event with an actor."""

    STAGED = "staged"
    """Stored and waiting for an administrator; nothing in the ledger has changed."""
    ACCEPTED = "accepted"
    RETURNED = "returned"
    """Sent back by an administrator with a reason."""
    WITHDRAWN = "withdrawn"
    """Taken back by the one who sent it."""
    UNDONE = "undone"
    """Was accepted, then taken out of the ledger again as a whole."""


class ChallengeState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Merger:
    """A municipal merger: records under ``old_code`` are read as ``new_code`` (five-digit JIS X 0402 codes)."""

    old_code: str
    new_code: str
    merged_on: date | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A value an administrator may correct without touching code. ``value`` is any JSON value."""

    name: str
    value: Any
    note: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A role given to the id that the proxy or the identity provider states; no other personal data is kept.

    ``municipality_codes`` binds the role ``municipality`` to five-digit JIS codes.
    """

    user_id: str
    role: str
    municipality_codes: tuple[str, ...] = ()
    active: bool = True
    note: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A read token for curl and QGIS. Only the SHA-256 of the secret is kept; the secret is shown once."""

    token_id: str
    token_sha256: str
    label: str
    role: str
    municipality_codes: tuple[str, ...] = ()
    expires_on: date | None = None
    revoked: bool = False
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """「ここは圏外」: somebody says that a point or a district has no signal, and staff answer."""

    challenge_id: str
    municipality_code: str
    observed_on: date
    note: str
    filed_by: str
    district_id: str | None = None
    lat: float | None = None
    lon: float | None = None
    operator: str | None = None
    state: ChallengeState = ChallengeState.OPEN
    answer: str = ""
    answered_by: str | None = None
    answered_on: date | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """One upload: the file's digest, what was understood, where it stands. The bytes are read with ``import_file``."""

    import_id: str
    table_name: str
    """Which table of product rule §2 the file was read as: sites, districts, site-districts, actuals, …"""
    file_name: str
    file_sha256: str
    file_bytes: int
    records_sha256: str
    state: ImportState
    submitted_by: str
    report: Mapping[str, Any] = field(default_factory=dict)
    """Verdict, warnings and errors of the upload pipeline, as it printed them."""
    mapping: Mapping[str, Any] = field(default_factory=dict)
    """The answers a person gave: axes, sheet, datum, columns."""
    applies_from: date | None = None
    """The day from which its rows hold, where the uploader named one."""
    base_tx: int = 0
    """Head of the audit chain that the difference was shown against."""
    idempotency_key: str | None = None
    decided_by: str | None = None
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    """How many records are new, changed and unchanged, by kind."""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """An edition of an input layer that was put in use."""

    layer: str
    edition: str
    digest: str
    licence: str = ""
    credit: str = ""
    files: tuple[tuple[str, str], ...] = ()
    """(file name, SHA-256) in reading order."""
    estimated: bool = False
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the store knows it; its results lie in the runs folder under ``run_id``."""

    run_id: str
    digest: str
    region_id: str
    as_of_tx: int
    """Head of the audit chain that the run's ledger was read at."""
    valid_on: date | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """What was made public, as bytes, with the values printed in it and the events they were computed from."""

    publication_id: str
    subject: str
    """What it is: "count", "indicators", "run", …"""
    published_on: date
    media_type: str
    content_sha256: str
    content_bytes: int
    values: Mapping[str, Any]
    """The printed values under stable names; ``verify_publication`` computes the same names again."""
    as_of_tx: int
    valid_on: date | None = None
    run_id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured signal level, outdoors, per carrier (RSRP)."""

    measurement_id: str
    lat: float
    lon: float
    measured_on: date
    operator: str
    rsrp_dbm: float
    frequency_mhz: float | None = None
    height_m: float | None = None
    device: str = ""
    source: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named plan. ``content`` is the plan file's JSON; every saving is a version of its own."""

    name: str
    content: Mapping[str, Any]
    note: str = ""
    recorded_at: datetime | None = None
