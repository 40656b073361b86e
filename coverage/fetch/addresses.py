"""Publishers' addresses: data that staff can edit, read and checked here.

A source has a template of its address, the hosts it may redirect to, its edition, licence and credit, size limits and
what its files must look like. Nothing of it stands in code.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coverage.errors import InputError

PACKAGED: Final = Path(__file__).with_name("addresses.toml")

Content = Literal["zip", "dem-png", "hgt-gz", "csv", "opencellid"]
_FIELD = re.compile(r"\{([a-z_]+)\}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Politeness(_Table):
    """How the publishers' servers are treated. Seconds, except ``attempts``."""

    interval_s: Annotated[float, Field(ge=0)] = 1.0
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    file_seconds: Annotated[float, Field(gt=0)] = 3600.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 6
    backoff_s: Annotated[float, Field(ge=0)] = 2.0
    backoff_max_s: Annotated[float, Field(ge=0)] = 120.0
    retry_after_max_s: Annotated[float, Field(ge=0)] = 900.0


class ByHand(_Table):
    """Edition, licence and credit of files that staff download themselves."""

    layer: str
    edition: str
    licence: str
    credit: str
    options: dict[str, Any] = Field(default_factory=dict)


class Source(_Table):
    """One publisher's product."""

    layer: str
    format: str
    url: str
    file: str = ""
    """Name in the layer's folder; "" = the last part of the address."""
    hosts: Annotated[list[str], Field(min_length=1)]
    content: Content
    edition: str
    licence: str
    credit: str
    interval_s: Annotated[float, Field(ge=0)] | None = None
    typical_bytes: Annotated[int, Field(ge=0)]
    max_bytes: Annotated[int, Field(gt=0)]
    variants: dict[str, dict[str, str]] = Field(default_factory=dict)
    default_variant: str = ""
    may_be_absent_below_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    zoom: Annotated[int, Field(ge=1, le=18)] | None = None
    margin_m: Annotated[float, Field(ge=0, le=50_000)] = 0.0
    options: dict[str, Any] = Field(default_factory=dict)

    def address(self, values: Mapping[str, str], *, variant: str = "") -> str:
        """The address with every name filled in but ``{token}``, which is filled in only as the request leaves.

        Raises InputError "address-field-unknown" for a name that nothing fills.
        """
        chosen = self._variant(variant)
        return self._fill(chosen.get("url", self.url), values, chosen)

    def file_name(self, values: Mapping[str, str], *, variant: str = "") -> str:
        """Name of the file in the layer's folder, with "/" between parts."""
        if self.file:
            return self._fill(self.file, values, self._variant(variant))
        return urlsplit(self.address(values, variant=variant)).path.rsplit("/", 1)[-1]

    def variant_values(self, variant: str = "") -> dict[str, str]:
        """The variant's own table."""
        return dict(self._variant(variant))

    def _variant(self, name: str) -> Mapping[str, str]:
        if not self.variants:
            return {}
        chosen = name or self.default_variant
        if chosen not in self.variants:
            raise InputError(
                "variant-unknown",
                f"層 {self.layer} に「{chosen}」はありません。{'・'.join(self.variants)} から選んでください。",
                f"The layer {self.layer} has no '{chosen}'; choose one of {', '.join(self.variants)}.",
            )
        return self.variants[chosen]

    def _fill(self, template: str, values: Mapping[str, str], chosen: Mapping[str, str]) -> str:
        digits = re.sub(r"[^0-9]", "", self.edition)
        known = {"edition": digits[:8], "edition_year": digits[:4], **chosen, **values}

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name == "token":
                return match[0]
            if name not in known:
                raise InputError(
                    "address-field-unknown",
                    f"住所「{template}」の {{{name}}} に入れる値がありません。addresses.toml の綴りを確かめてください。",
                    f"Nothing fills {{{name}}} in the address '{template}'; check its spelling in addresses.toml.",
                )
            return known[name]

        return _FIELD.sub(value, template)


class AddressBook(_Table):
    """The whole of ``addresses.toml``."""

    politeness: Politeness = Politeness()
    sources: dict[str, Source]
    by_hand: dict[str, ByHand] = Field(default_factory=dict)

    def source(self, name: str) -> Source:
        """The source of a name. Raises InputError "source-missing"."""
        if name not in self.sources:
            raise InputError(
                "source-missing",
                f"addresses.toml に公表元「{name}」がありません。配布物の addresses.toml から写してください。",
                f"addresses.toml has no source '{name}'; copy it from the addresses.toml of the package.",
            )
        return self.sources[name]


def load_addresses(path: Path | None = None) -> AddressBook:
    """The packaged addresses, or an edited copy.

    Raises InputError: "addresses-missing", "addresses-broken" (not TOML, or a key is wrong), "address-insecure" (an
    address without https, or on a host that its own ``hosts`` lack).
    """
    place = path or PACKAGED
    try:
        document = tomllib.loads(place.read_text(encoding="utf-8-sig"))
        book = AddressBook.model_validate(document)
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(
            "addresses-missing",
            f"公表元の住所のファイル「{place.name}」を読めません（{type(problem).__name__}）。場所と文字コード（UTF-8）を確かめてください。",
            f"The file of addresses '{place.name}' cannot be read ({type(problem).__name__}); check its place and that it is UTF-8.",
        ) from None
    except tomllib.TOMLDecodeError as problem:
        raise _broken(place, str(problem)) from None
    except ValidationError as problem:
        first = problem.errors()[0]
        raise _broken(place, f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}") from None
    for name, source in book.sources.items():
        for template in [source.url, *(v["url"] for v in source.variants.values() if "url" in v)]:
            _check_address(name, template, source.hosts)
    return book


def _check_address(name: str, template: str, hosts: list[str]) -> None:
    parts = urlsplit(template)
    if not allowed(template, hosts):
        raise InputError(
            "address-insecure",
            f"公表元「{name}」の住所「{template}」は使えません。https で始まり、ホスト {parts.hostname or ''} が hosts に"
            "あることを確かめてください。",
            f"The address '{template}' of '{name}' cannot be used; it must begin with https and its host "
            f"{parts.hostname or ''} must be listed in hosts.",
        )


def allowed(url: str, hosts: list[str] | tuple[str, ...]) -> bool:
    """Whether an address is on one of ``hosts`` by https (http only on this machine itself)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    return secure and host in hosts and parts.username is None


def _broken(place: Path, reason: str) -> InputError:
    return InputError(
        "addresses-broken",
        f"公表元の住所のファイル「{place.name}」に誤りがあります（{reason}）。直すか、配布物の addresses.toml に戻してください。",
        f"The file of addresses '{place.name}' is wrong ({reason}); correct it or go back to the packaged addresses.toml.",
    )
