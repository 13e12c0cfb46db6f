from datetime import UTC, datetime

import pytest

from campaigns.db import db, transaction
from campaigns.events import incoming
from campaigns.events.models import Incoming
from campaigns.reason import Reason

pytestmark = pytest.mark.usefixtures("app")
NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
BROKEN = Reason("legacy.text", {"text": "broken"})


def received(body: bytes = b"{}", *, dedupe: str = "1") -> int | None:
    with transaction():
        return incoming.receive(
            channel="webhook", source="postmark", body=body, dedupe=dedupe, now=NOW
        )


def stored(incoming_id: int | None) -> Incoming:
    row = db.session.get(Incoming, incoming_id, populate_existing=True)
    assert row is not None
    return row


def test_what_came_in_is_stored_once_and_waits() -> None:
    first = received()
    assert first is not None
    assert received() is None
    second = received(dedupe="2")
    assert incoming.waiting(10) == [first, second]
    assert incoming.waiting(10, after=first) == [second]
    assert (stored(first).body, stored(first).size) == (b"{}", 2)


def test_what_is_too_large_is_cut_and_says_how_large_it_was() -> None:
    row = stored(received(b"x" * (incoming.MAX_BYTES + 1)))
    assert (len(row.body), row.size) == (incoming.MAX_BYTES, incoming.MAX_BYTES + 1)


def test_what_was_read_does_not_wait_until_it_is_replayed() -> None:
    number = received()
    assert number is not None
    with transaction():
        row = incoming.lock(number)
        assert row is not None
        incoming.finish(row, new_events=3, verdict=None, now=NOW)
    assert incoming.lock(number) is None
    assert incoming.waiting(10) == []
    assert (row.state, row.new_events, row.verdict) == ("done", 3, "")
    with transaction():
        assert incoming.replay(row.public_id) == number
        assert incoming.replay("unknown") is None
    assert incoming.waiting(10) == [number]


def test_what_cannot_be_read_waits_for_a_person_after_five_attempts() -> None:
    number = received()
    assert number is not None
    for attempt in range(1, incoming.MAX_ATTEMPTS + 1):
        assert incoming.waiting(10) == [number]
        with transaction():
            assert incoming.fail(number, BROKEN, now=NOW)
        assert stored(number).attempts == attempt
    with transaction():
        assert not incoming.fail(number, BROKEN, now=NOW)
    assert incoming.waiting(10) == []
    assert Reason.unpack(stored(number).verdict) == BROKEN
    with transaction():
        assert incoming.replay(stored(number).public_id) == number
    assert stored(number).attempts == 0


def test_equal_bytes_through_the_same_way_are_equal() -> None:
    assert incoming.digest("email", 1, b"a") == incoming.digest("email", 1, b"a")
    others = {incoming.digest("email", 2, b"a"), incoming.digest("webhook", 1, b"a")}
    assert incoming.digest("email", 1, b"a") not in others
