"""How large an upload may be in every direction (upload contract §3.2). Settable down, never up past these."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """``wall_s`` and ``memory_bytes`` bound the child process; the rest is checked before and while parsing."""

    upload_bytes: int = 50 * MIB
    unpacked_bytes: int = 200 * MIB
    ratio: int = 200
    """Unpacked ÷ packed over a whole archive."""
    entries: int = 200
    rows: int = 200_000
    columns: int = 256
    cell_characters: int = 10_000
    depth: int = 64
    """Nesting of JSON and XML."""
    wall_s: float = 50.0
    """Of the contract's 60 s; the rest is for starting and ending processes on a busy machine."""
    memory_bytes: int = 1536 * MIB
    name_characters: int = 200


DEFAULT_LIMITS = Limits()
