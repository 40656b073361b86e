"""The polite client against publishers that misbehave."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import InputError, PublisherError
from coverage.fetch.addresses import Politeness
from coverage.fetch.client import Answer, Client, Wanted

DATA = bytes(range(256)) * 2000  # 512 kB: several chunks
RULES = Politeness(interval_s=0, timeout_s=2, file_seconds=20, attempts=3, backoff_s=2.0, backoff_max_s=8.0, retry_after_max_s=60)


class Waits:
    """Stands in for time.sleep: remembers, does not wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(waits: Waits) -> Client:
    return Client(RULES, contact="gis@example.jp", sleep=waits, jitter=lambda: 0.5)


@pytest.fixture
def want(publishers: Any, tmp_path: Path) -> Callable[..., Wanted]:
    publishers.documents["/file.zip"] = DATA

    def make(path: str = "/file.zip", **more: Any) -> Wanted:
        given = {
            "address": publishers.base + path,
            "part": tmp_path / "file.part",
            "hosts": ("127.0.0.1",),
            "max_bytes": 10_000_000,
            "interval_s": 0.0,
        }
        return Wanted(**(given | more))

    return make


def test_a_file_arrives_whole_and_the_publisher_learns_who_asks(publishers: Any, client: Client, want: Any) -> None:
    answer = client.download(want())
    assert answer.kind == "new"
    assert answer.etag
    assert want().part.read_bytes() == DATA
    agent = publishers.seen[0].headers["user-agent"]
    assert agent.startswith("coverage-gap-planner/")
    assert "(+gis@example.jp)" in agent


def test_contact_cannot_smuggle_a_header() -> None:
    with pytest.raises(InputError) as caught:
        Client(RULES, contact="a@b\r\nX-Evil: 1")
    assert caught.value.code == "contact-wrong"


def test_a_copy_at_hand_is_not_sent_again(publishers: Any, client: Client, want: Any) -> None:
    tag = client.download(want()).etag
    want().part.unlink()
    assert client.download(want(etag=tag)) == Answer("unchanged", tag, "")
    assert publishers.seen[-1].headers["if-none-match"] == tag
    assert not want().part.exists()


def test_changed_since_brings_the_new_bytes(publishers: Any, client: Client, want: Any) -> None:
    tag = client.download(want()).etag
    want().part.unlink()
    publishers.documents["/file.zip"] = DATA[::-1]
    answer = client.download(want(etag=tag))
    assert answer.kind == "new"
    assert answer.etag != tag
    assert want().part.read_bytes() == DATA[::-1]


def test_a_truncated_answer_is_continued_from_where_it_ended(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    publishers.tricks["/file.zip"].extend([fake.truncated(0.4)])
    assert client.download(want()).kind == "new"
    assert want().part.read_bytes() == DATA
    assert publishers.seen[1].headers["range"] == f"bytes={int(len(DATA) * 0.4)}-"


def test_a_file_that_changed_between_two_tries_is_never_mixed(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    publishers.tricks["/file.zip"].extend([fake.truncated(0.4)])

    def changed(handler: Any, data: bytes) -> bool:
        publishers.documents["/file.zip"] = DATA[::-1]
        handler.document(DATA[::-1])
        return True

    publishers.tricks["/file.zip"].append(changed)
    client.download(want())
    assert want().part.read_bytes() == DATA[::-1]


def test_without_validators_a_broken_download_begins_anew(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    publishers.validators = False
    publishers.tricks["/file.zip"].extend([fake.truncated(0.4)])
    client.download(want())
    assert want().part.read_bytes() == DATA
    assert "range" not in publishers.seen[1].headers


def test_the_part_of_another_address_is_not_continued(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    publishers.documents["/other.zip"] = DATA[::-1]
    publishers.always["/file.zip"] = fake.truncated(0.4)
    publishers.validators = True
    with pytest.raises(PublisherError):
        client.download(want())
    client.download(want("/other.zip"))
    assert want().part.read_bytes() == DATA[::-1]


def test_too_many_requests_waits_as_long_as_asked(publishers: Any, fake: Any, client: Client, want: Any, waits: Waits) -> None:
    publishers.tricks["/file.zip"].append(fake.status(429, Retry_After="7"))
    assert client.download(want()).kind == "new"
    assert waits.seconds[0] >= 7


def test_a_retry_after_given_as_a_date_is_honoured(publishers: Any, fake: Any, client: Client, want: Any, waits: Waits) -> None:
    from email.utils import formatdate

    publishers.tricks["/file.zip"].append(fake.status(503, Retry_After=formatdate(time.time() + 20, usegmt=True)))
    client.download(want())
    assert 15 <= waits.seconds[0] <= 25


def test_a_pause_of_an_hour_ends_the_call_with_a_sentence(publishers: Any, fake: Any, client: Client, want: Any, waits: Waits) -> None:
    publishers.tricks["/file.zip"].append(fake.status(429, Retry_After="3600"))
    with pytest.raises(PublisherError, match="3,600") as caught:
        client.download(want())
    assert caught.value.code == "publisher-busy"
    assert waits.seconds == []


def test_back_off_doubles_and_gives_up(publishers: Any, fake: Any, client: Client, want: Any, waits: Waits) -> None:
    publishers.always["/file.zip"] = fake.status(500)
    with pytest.raises(PublisherError) as caught:
        client.download(want())
    assert caught.value.code == "publisher-unavailable"
    assert "HTTP 500" in caught.value.en
    assert waits.seconds == [2.0, 4.0]
    assert len(publishers.seen) == 3


def test_progress_starts_the_tries_anew(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    slices = deque_of_parts(fake, len(DATA), 8)
    publishers.tricks["/file.zip"].extend(slices)
    client.download(want())
    assert want().part.read_bytes() == DATA
    assert len(publishers.seen) == 9


def deque_of_parts(fake: Any, size: int, parts: int) -> list[Any]:
    """Answers that each send one more part of the file, honouring Range, and break off."""
    step = size // (parts + 1)

    def one(handler: Any, data: bytes) -> bool:
        start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()[:16]}"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.reply(206 if start else 200, data[start : start + step], headers, claim=len(data) - start)
        return True

    return [one] * parts


def test_silence_is_a_time_out_and_is_tried_again(publishers: Any, fake: Any, want: Any, waits: Waits) -> None:
    publishers.tricks["/file.zip"].append(fake.silent(1.0))
    hasty = Client(RULES.model_copy(update={"timeout_s": 0.3}), sleep=waits)
    assert hasty.download(want()).kind == "new"
    assert len(publishers.seen) == 2


def test_nobody_listening_is_one_sentence(want: Any, client: Client, tmp_path: Path) -> None:
    closed = want()
    with pytest.raises(PublisherError) as caught:
        client.download(Wanted("http://127.0.0.1:9/x.zip", closed.part, ("127.0.0.1",), 10, 0.0))
    assert caught.value.code == "publisher-unavailable"


def test_a_redirect_within_the_publisher_is_followed(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    publishers.tricks["/old.zip"].append(fake.status(301, Location="/file.zip"))
    assert client.download(want("/old.zip")).kind == "new"
    assert want().part.read_bytes() == DATA


@pytest.mark.parametrize("target", ["http://example.com/file.zip", "https://127.0.0.1.example.com/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "//[bad"])
def test_a_redirect_elsewhere_is_refused_unfollowed(publishers: Any, fake: Any, client: Client, want: Any, target: str) -> None:
    publishers.tricks["/old.zip"].append(fake.status(302, Location=target))
    with pytest.raises(PublisherError) as caught:
        client.download(want("/old.zip"))
    assert caught.value.code == "publisher-moved"
    assert len(publishers.seen) == 1


def test_a_redirect_in_a_circle_ends(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    publishers.always["/round.zip"] = fake.status(302, Location="/round.zip")
    with pytest.raises(PublisherError) as caught:
        client.download(want("/round.zip"))
    assert caught.value.code == "publisher-refused"
    assert len(publishers.seen) == 6


def test_gone_is_an_error_unless_it_may_be(client: Client, want: Any) -> None:
    with pytest.raises(PublisherError) as caught:
        client.download(want("/nowhere.png"))
    assert caught.value.code == "publisher-moved"
    assert client.download(want("/nowhere.png", may_be_absent=True)).kind == "absent"


def test_a_refusal_is_not_tried_again(publishers: Any, fake: Any, client: Client, want: Any) -> None:
    publishers.always["/file.zip"] = fake.status(403)
    with pytest.raises(PublisherError) as caught:
        client.download(want())
    assert caught.value.code == "publisher-refused"
    assert len(publishers.seen) == 1


def test_the_size_limit_holds_for_what_is_promised_and_for_what_comes(publishers: Any, client: Client, want: Any) -> None:
    with pytest.raises(PublisherError) as caught:
        client.download(want(max_bytes=1000))
    assert caught.value.code == "publisher-too-large"

    def endless(handler: Any, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        for _ in range(200):
            handler.wfile.write(b"x" * 65536)
        return True

    publishers.tricks["/file.zip"].append(endless)
    with pytest.raises(PublisherError) as caught:
        client.download(want(max_bytes=300_000))
    assert caught.value.code == "publisher-too-large"
    assert not want().part.exists()


def test_a_token_goes_to_the_publisher_and_nowhere_else(publishers: Any, client: Client, want: Any, tmp_path: Path) -> None:
    publishers.documents["/list?token=s3cret&x=1"] = DATA
    wanted = want("/list?token={token}&x=1", secret="s3cret")
    client.download(wanted)
    assert publishers.seen[0].path == "/list?token=s3cret&x=1"
    notes = "".join(p.read_text(encoding="utf-8") for p in tmp_path.rglob("*.json"))
    assert "s3cret" not in notes
    publishers.always["/list?token=wrong&x=1"] = lambda handler, data: handler.reply(403, b"") or True
    with pytest.raises(PublisherError) as caught:
        client.download(want("/list?token={token}&x=1", secret="wrong", part=tmp_path / "b.part"))
    assert "wrong" not in str(caught.value)


def test_one_host_is_asked_at_its_own_pace(publishers: Any, want: Any, tmp_path: Path) -> None:
    own = Client(RULES)
    for number in range(4):
        own.download(want(part=tmp_path / f"{number}.part", interval_s=0.15))
    gaps = [b.at - a.at for a, b in zip(publishers.seen, publishers.seen[1:], strict=False)]
    assert min(gaps) >= 0.13
    assert publishers.most_at_once == 1
