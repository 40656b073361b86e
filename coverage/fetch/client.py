"""A polite HTTP client: one request at a time, a pause between two to one host, resume, retries with back-off.

Only the standard library. Redirects are followed by hand, to the publisher's own hosts alone. What arrives goes to a
``.part`` file beside a note of its validators, so that the next call resumes where this one ended.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, Final, Literal
from urllib.parse import urljoin, urlsplit

from coverage import __version__
from coverage.errors import CoverageGapError, InputError, PublisherError
from coverage.fetch.addresses import Politeness, allowed
from coverage.fetch.catalogue import disk_error

CHUNK: Final = 64 * 1024
MAX_REDIRECTS: Final = 5
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE: Final = frozenset({404, 410})


@dataclass(frozen=True)
class Wanted:
    """One file to fetch. ``address`` may hold ``{token}``; only ``address`` is ever shown or stored."""

    address: str
    part: Path
    hosts: tuple[str, ...]
    max_bytes: int
    interval_s: float
    secret: str = ""
    etag: str = ""
    last_modified: str = ""
    """Validators of the copy at hand; with one of them the request is conditional."""
    may_be_absent: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""

    @property
    def file_name(self) -> str:
        """What people know the file by."""
        return urlsplit(self.address).path.rpartition("/")[2] or self.host


@dataclass(frozen=True)
class Answer:
    """What the publisher said; the bytes of a "new" file lie in ``Wanted.part``."""

    kind: Literal["new", "unchanged", "absent"]
    etag: str = ""
    last_modified: str = ""


class _AgainError(Exception):
    """Worth another try; ``wait_s`` is what the publisher asked for."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Hands redirects over unread: the address in them is judged here before anybody takes it apart."""

    def http_error_302(self, *_: Any, **__: Any) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class Client:
    """Downloads files one after another; not for use by several threads."""

    def __init__(
        self,
        politeness: Politeness,
        *,
        contact: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        watch: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``contact`` stands in the User-Agent. ``watch`` is called with the name of each step that reached the disk."""
        if contact is not None and not (contact.isascii() and contact.isprintable()):
            raise InputError(
                "contact-wrong",
                "環境変数 COVERAGE_GAP_CONTACT は、英数字のメールアドレスか URL にしてください。",
                "COVERAGE_GAP_CONTACT must be a mail address or URL in ASCII.",
            )
        self._rules = politeness
        self._agent = f"coverage-gap-planner/{__version__}" + (f" (+{contact})" if contact else "")
        self._sleep, self._clock, self._jitter, self._watch = sleep, clock, jitter, watch
        self._next: dict[str, float] = {}
        # Proxies are those of the system (https_proxy); certificates are always verified.
        self._opener = urllib.request.build_opener(_NoRedirect())
        self.requests = 0

    def download(self, want: Wanted) -> Answer:
        """Fetch one file, resuming its ``.part``.

        Raises PublisherError: "publisher-unavailable" (no success after all tries), "publisher-busy" (asks for a long
        pause), "publisher-moved" (404, 410, or a redirect elsewhere), "publisher-refused" (any other refusal),
        "publisher-certificate", "publisher-too-large"; StorageError "layers-disk" where the file cannot be written.
        """
        idle = total = 0
        while True:
            before = _size(want.part)
            try:
                return self._once(want)
            except _AgainError as problem:
                total += 1
                idle = 0 if _size(want.part) > before else idle + 1
                if idle >= self._rules.attempts or total >= 10 * self._rules.attempts:
                    raise _unavailable(want, problem.reason) from None
                self._sleep(self._pause(idle, problem.wait_s, want))
            except CoverageGapError:
                raise
            except OSError as problem:
                raise disk_error(want.file_name, problem) from None

    def _pause(self, idle: int, asked: float | None, want: Wanted) -> float:
        own = min(self._rules.backoff_max_s, self._rules.backoff_s * 2.0 ** max(0, idle - 1)) * (0.5 + self._jitter())
        if asked is None:
            return own
        if asked > self._rules.retry_after_max_s:
            raise PublisherError(
                "publisher-busy",
                f"公表元 {want.host} が {asked:,.0f} 秒待つよう求めています。その後でもう一度 fetch してください（続きから始まります）。",
                f"The publisher {want.host} asks to wait {asked:,.0f} seconds; fetch again after that (it resumes).",
            )
        return asked + own * 0.1

    def _once(self, want: Wanted) -> Answer:
        url = want.address.replace("{token}", want.secret)
        headers = {"User-Agent": self._agent, "Accept-Encoding": "identity", "Accept": "*/*"}
        note = _note(want)
        start = _size(want.part)
        if start and note:
            headers["Range"] = f"bytes={start}-"
            headers["If-Range"] = note.get("etag") or note["last_modified"]
        elif start:
            _forget(want.part)
            start = 0
        if not start:
            if want.etag:
                headers["If-None-Match"] = want.etag
            if want.last_modified:
                headers["If-Modified-Since"] = want.last_modified
        began = self._clock()
        for _ in range(MAX_REDIRECTS + 1):
            response = self._open(url, headers, want)
            status = int(response.status)
            with response:
                if status in (301, 302, 303, 307, 308):
                    url = _redirected(url, response.headers.get("Location", ""), want)
                    continue
                if status == 304 and not start:
                    return Answer("unchanged", want.etag, want.last_modified)
                if status in _GONE:
                    _forget(want.part)
                    if want.may_be_absent:
                        return Answer("absent")
                    raise _moved(want, "")
                if status == 416:
                    _forget(want.part)
                    raise _AgainError("the part did not fit (416)")
                if status in _BUSY:
                    raise _AgainError(f"HTTP {status}", _retry_after(response.headers.get("Retry-After")))
                if status not in (200, 206):
                    raise _refused(want, status)
                return self._receive(response, want, start, began)
        raise _refused(want, 310)

    def _open(self, url: str, headers: dict[str, str], want: Wanted) -> Any:
        host = urlsplit(url).netloc
        wait = self._next.get(host, 0.0) - self._clock()
        if wait > 0:
            self._sleep(wait)
        self.requests += 1
        try:
            return self._opener.open(urllib.request.Request(url, headers=headers), timeout=self._rules.timeout_s)
        except urllib.error.HTTPError as answer:
            return answer
        except urllib.error.URLError as problem:
            if isinstance(problem.reason, ssl.SSLCertVerificationError):
                raise PublisherError(
                    "publisher-certificate",
                    f"公表元 {want.host} の証明書を確かめられません。日時の設定と、庁内の証明書（プロキシ）を確かめてください。",
                    f"The certificate of {want.host} cannot be verified; check the clock and your proxy's certificate.",
                ) from None
            # The reason of a proxy or of a name service may quote the address; its type says enough.
            raise _AgainError(_plain(problem.reason)) from None
        except (TimeoutError, ConnectionError, http.client.HTTPException) as problem:
            raise _AgainError(_plain(problem)) from None
        finally:
            self._next[host] = self._clock() + want.interval_s

    def _receive(self, response: Any, want: Wanted, start: int, began: float) -> Answer:
        headers = response.headers
        etag, modified = headers.get("ETag", "").strip(), headers.get("Last-Modified", "").strip()
        resumed = response.status == 206
        if resumed and not _continues(headers.get("Content-Range", ""), start):
            _forget(want.part)
            raise _AgainError("the answer does not continue the part")
        length = headers.get("Content-Length", "")
        expected = (start if resumed else 0) + int(length) if length.isdigit() else None
        if expected is not None and expected > want.max_bytes:
            raise _too_large(want)
        want.part.parent.mkdir(parents=True, exist_ok=True)
        with want.part.open("ab" if resumed else "wb") as out:
            if not resumed:
                # The part is empty before its note says what it is going to be, never the other way round.
                _write_note(want, etag, modified)
            self._copy(response, out, want, start if resumed else 0, began)
            out.flush()
            os.fsync(out.fileno())
        if expected is not None and _size(want.part) != expected:
            raise _AgainError(f"the answer ended after {_size(want.part):,} of {expected:,} bytes")
        return Answer("new", etag, modified)

    def _copy(self, response: Any, out: IO[bytes], want: Wanted, size: int, began: float) -> None:
        while True:
            try:
                # read1 hands over what has come; read would hold a slow answer back for a whole chunk.
                chunk = response.read1(CHUNK)
            except (TimeoutError, ConnectionError, http.client.HTTPException, ssl.SSLError) as problem:
                raise _AgainError(_plain(problem)) from None
            if not chunk:
                return
            size += len(chunk)
            if size > want.max_bytes:
                raise _too_large(want)
            out.write(chunk)
            self._watch("chunk")
            if self._clock() - began > self._rules.file_seconds:
                raise _AgainError(f"slower than {self._rules.file_seconds:.0f} s")


def forget_part(part: Path) -> None:
    """Remove an unfinished download and its note."""
    _forget(part)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _note(want: Wanted) -> dict[str, str]:
    """The validators of the part, {} where it is of another address or has none strong enough to resume."""
    try:
        note = json.loads(_note_path(want.part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(note, dict) or note.get("address") != want.address:
        return {}
    strong = str(note.get("etag", ""))
    if strong.startswith("W/"):
        strong = ""
    found = {"etag": strong, "last_modified": str(note.get("last_modified", ""))}
    return found if any(found.values()) else {}


def _write_note(want: Wanted, etag: str, modified: str) -> None:
    note = {"address": want.address, "etag": etag, "last_modified": modified}
    _note_path(want.part).write_text(json.dumps(note), encoding="utf-8")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)


def _redirected(url: str, location: str, want: Wanted) -> str:
    try:
        target = urljoin(url, location)
        host = urlsplit(target).hostname or "?"
    except ValueError:
        target, host = "", "?"
    if not allowed(target, want.hosts):
        raise _moved(want, host)
    return target


def _continues(content_range: str, start: int) -> bool:
    unit, _, rest = content_range.strip().partition(" ")
    return unit == "bytes" and rest.split("-", 1)[0].strip() == str(start)


def _retry_after(value: str | None) -> float | None:
    if not value:
        return None
    if value.strip().isdigit():
        return float(value.strip())
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _plain(problem: object) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return type(problem).__name__


def _unavailable(want: Wanted, reason: str) -> PublisherError:
    return PublisherError(
        "publisher-unavailable",
        f"公表元 {want.host} から「{want.address}」を取得できません（{reason}）。インターネット接続とプロキシを確かめ、"
        "時間をおいてもう一度 fetch してください（続きから始まります）。",
        f"'{want.address}' cannot be fetched from {want.host} ({reason}); check the connection and the proxy and fetch "
        "again later (it resumes).",
    )


def _moved(want: Wanted, to_host: str) -> PublisherError:
    where_ja = f"許していないホスト「{to_host}」へ転送されました" if to_host else "ありません"
    where_en = f"is redirected to the host '{to_host}', which is not allowed" if to_host else "does not exist"
    return PublisherError(
        "publisher-moved",
        f"公表元の住所「{want.address}」は{where_ja}。公表元のページで今の住所を確かめ、addresses.toml の写しを直してください。",
        f"The publisher's address '{want.address}' {where_en}; look up the present address and correct your copy of "
        "addresses.toml.",
    )


def _refused(want: Wanted, status: int) -> PublisherError:
    return PublisherError(
        "publisher-refused",
        f"公表元 {want.host} が「{want.address}」を断りました（HTTP {status}）。利用条件・トークン・住所を確かめてください。",
        f"The publisher {want.host} refused '{want.address}' (HTTP {status}); check its terms, the token and the address.",
    )


def _too_large(want: Wanted) -> PublisherError:
    _forget(want.part)
    return PublisherError(
        "publisher-too-large",
        f"「{want.address}」は上限 {want.max_bytes:,} バイトを超えます。住所を確かめ、正しければ addresses.toml の max_bytes を"
        "大きくしてください。",
        f"'{want.address}' is over the limit of {want.max_bytes:,} bytes; check the address and, if it is right, raise "
        "max_bytes in addresses.toml.",
    )
