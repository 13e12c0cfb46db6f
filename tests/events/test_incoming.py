from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from campaigns.db import db, transaction
from campaigns.events import incoming
from campaigns.events.bounces import mime
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
    assert incoming.waiting(1) == [first]
    assert (stored(first).body, stored(first).size) == (b"{}", 2)


def test_what_is_too_large_is_cut_and_says_how_large_it_was() -> None:
    row = stored(received(b"x" * (incoming.MAX_BYTES + 1)))
    assert (len(row.body), row.size) == (incoming.MAX_BYTES, incoming.MAX_BYTES + 1)


def an_email(name: str, *, endpoint_id: int | None = 1, size: int = 9) -> int:
    with transaction():
        number = incoming.receive(
            channel="email",
            source="imap",
            body=b"x" * size,
            dedupe=name,
            now=NOW,
            endpoint_id=endpoint_id,
        )
    assert number is not None
    return number


def finish(number: int, verdict: Reason | None) -> None:
    with transaction():
        row = incoming.lock(number)
        assert row is not None
        incoming.finish(row, [], new_events=0, verdict=verdict, now=NOW)


def test_of_an_email_as_much_is_kept_as_is_read_of_it() -> None:
    row = stored(an_email("1", size=mime.MAX_BYTES + 9))
    assert (len(row.body), row.size) == (mime.MAX_BYTES, mime.MAX_BYTES + 9)
    finish(row.id, Reason("incoming.known"))
    assert len(stored(row.id).body) == mime.MAX_BYTES
    strange = an_email("2", size=mime.MAX_BYTES)
    finish(strange, incoming.NO_TOKEN)
    assert len(stored(strange).body) == incoming.MAX_STRANGE_BYTES


@pytest.mark.parametrize("endpoint_id", [1, None])
def test_emails_without_a_token_are_kept_until_newer_ones_have_come_the_same_way(
    endpoint_id: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_STRANGE", 3)
    known = an_email("known", endpoint_id=endpoint_id)
    finish(known, Reason("incoming.known"))
    other = an_email("other", endpoint_id=2)
    finish(other, incoming.NO_TOKEN)
    numbers = [an_email(str(number), endpoint_id=endpoint_id) for number in range(6)]
    for number in numbers[:5]:
        finish(number, incoming.NO_TOKEN)
    left = list(db.session.scalars(sa.select(Incoming.id).order_by(Incoming.id)))
    assert left == [known, other, *numbers[2:]]


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
    for pause in incoming.PAUSES:
        fail(number, now)
        now += pause
        assert incoming.waiting(10) == []
        assert incoming.due(10, now=now - timedelta(seconds=1)) == []
        assert incoming.due(10, now=now) == [number]
    fail(number, now)
    assert incoming.waiting(10) == incoming.due(10, now=now + timedelta(days=9)) == []
    assert (stored(number).state, Reason.unpack(stored(number).verdict)) == ("failed", BROKEN)
    with transaction():
        assert incoming.replay(stored(number).public_id) == number
    assert incoming.waiting(10) == [number]
    assert stored(number).attempts == 0


def fail(number: int, now: datetime) -> None:
    with transaction():
        [attempt] = incoming.claim(number, now=now)
        incoming.fail(attempt, BROKEN, now=now)


def test_an_attempt_counts_before_it_begins_and_nobody_else_makes_it_meanwhile() -> None:
    numbers = [received(dedupe=name) for name in "abc"]
    with transaction():
        found = incoming.claim_new(2, now=NOW)
        assert [one.id for one in found] == numbers[:2]
        assert incoming.claim_due(now=NOW) == incoming.claim(found[0].id, now=NOW) == []
        assert [one.id for one in incoming.claim_new(2, now=NOW)] == numbers[2:]
    assert [stored(number).attempts for number in numbers] == [1, 1, 1]


def test_what_was_claimed_and_not_read_is_claimed_alone_the_next_time() -> None:
    numbers = [received(dedupe=name) for name in "ab"]
    later = NOW + incoming.PAUSES[0]
    with transaction():
        incoming.claim_new(2, now=NOW)
        again = [*incoming.claim_due(now=later), *incoming.claim_due(now=later)]
        assert incoming.claim_due(now=later) == []
    assert [(one.id, one.number) for one in again] == [(number, 2) for number in numbers]


def test_a_claim_that_is_given_back_counts_no_attempt() -> None:
    first = received()
    later = NOW + incoming.PAUSES[0]
    with transaction():
        incoming.release(incoming.claim_new(9, now=NOW), now=NOW)
        assert incoming.waiting(9) == [first]
        slow = incoming.claim_new(9, now=NOW)
        incoming.release(incoming.claim_due(now=later), now=later)
        assert incoming.due(9, now=later) == [first]
        incoming.claim_due(now=later)
        incoming.release(slow, now=later)
    assert stored(first).attempts == 2, "the claim of another job stays"


def test_a_failure_is_noted_only_by_the_job_that_made_the_attempt() -> None:
    number = received()
    assert number is not None
    last = NOW + sum(incoming.PAUSES, timedelta(0))
    with transaction():
        [slow] = incoming.claim(number, now=NOW)
        incoming.claim(number, now=last)
        incoming.fail(slow, BROKEN, now=last)
    assert stored(number).verdict == ""


def test_a_fault_of_twenty_minutes_uses_up_no_more_than_three_attempts() -> None:
    tried_at = [sum(incoming.PAUSES[:n], timedelta(0)) for n in range(incoming.MAX_ATTEMPTS)]
    assert sum(at <= timedelta(minutes=20) for at in tried_at) <= 3
    assert sorted(incoming.PAUSES) == list(incoming.PAUSES)


def test_equal_bytes_through_the_same_way_are_equal() -> None:
    assert incoming.digest("email", 1, b"a") == incoming.digest("email", 1, b"a")
    others = {incoming.digest("email", 2, b"a"), incoming.digest("webhook", 1, b"a")}
    assert incoming.digest("email", 1, b"a") not in others
