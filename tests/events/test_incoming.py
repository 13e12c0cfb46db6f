from datetime import UTC, datetime, timedelta

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
        incoming.finish(row, [], new_events=3, verdict=None, now=NOW)
    assert incoming.lock(number) is None
    assert incoming.waiting(10) == []
    assert (row.state, row.new_events, row.verdict) == ("done", 3, "")
    with transaction():
        assert incoming.replay(row.public_id) == number
        assert incoming.replay("unknown") is None
    assert incoming.waiting(10) == [number]


def test_what_cannot_be_read_is_tried_again_after_growing_pauses() -> None:
    number = received()
    assert number is not None
    now = NOW
    for attempt, pause in enumerate(incoming.PAUSES, start=1):
        fail(number, attempt, now)
        now += pause
        assert incoming.waiting(10) == []
        assert incoming.due(10, now=now - timedelta(seconds=1)) == []
        assert incoming.due(10, now=now) == [number]
    fail(number, incoming.MAX_ATTEMPTS, now)
    assert incoming.waiting(10) == incoming.due(10, now=now + timedelta(days=9)) == []
    assert (stored(number).state, Reason.unpack(stored(number).verdict)) == ("failed", BROKEN)
    with transaction():
        assert incoming.replay(stored(number).public_id) == number
    assert incoming.waiting(10) == [number]
    assert stored(number).attempts == 0


def test_a_fault_of_twenty_minutes_uses_up_no_more_than_three_attempts() -> None:
    tried_at = [sum(incoming.PAUSES[:n], timedelta(0)) for n in range(incoming.MAX_ATTEMPTS)]
    assert sum(at <= timedelta(minutes=20) for at in tried_at) <= 3
    assert sorted(incoming.PAUSES) == list(incoming.PAUSES)


def test_an_attempt_that_two_jobs_made_at_once_counts_once() -> None:
    number = received()
    assert number is not None
    fail(number, 1, NOW)
    with transaction():
        assert not incoming.fail(number, BROKEN, attempt=1, now=NOW)
    assert stored(number).attempts == 1


def fail(number: int, attempt: int, now: datetime) -> None:
    with transaction():
        assert incoming.fail(number, BROKEN, attempt=attempt, now=now)
    assert stored(number).attempts == attempt


def test_equal_bytes_through_the_same_way_are_equal() -> None:
    assert incoming.digest("email", 1, b"a") == incoming.digest("email", 1, b"a")
    others = {incoming.digest("email", 2, b"a"), incoming.digest("webhook", 1, b"a")}
    assert incoming.digest("email", 1, b"a") not in others
