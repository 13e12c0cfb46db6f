"""Stored posts and emails: how long they are kept, and that they name nobody who was erased."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from campaigns.audience import suppressions
from campaigns.audience.models import LiftedSuppression, Suppression
from campaigns.db import db, transaction
from campaigns.events import incoming
from campaigns.events.incoming import Channel
from campaigns.events.models import BodyErasure, Event, Incoming
from campaigns.privacy import erasure, stored_bodies
from tests.events.test_consequences import a_sent, about, applied, delivery

pytestmark = pytest.mark.usefixtures("app")
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def received(
    body: bytes, days_ago: float = 0, *, state: str = "done", channel: Channel = "webhook"
) -> int:
    with transaction():
        number = incoming.receive(
            channel=channel,
            source="postmark",
            body=body,
            dedupe=incoming.digest(channel, None, body + str(days_ago).encode()),
            now=NOW - timedelta(days=days_ago),
        )
        assert number
        db.session.execute(sa.update(Incoming).where(Incoming.id == number).values(state=state))
    return number


def stored() -> dict[int, bytes]:
    db.session.rollback()
    return dict(iter(db.session.execute(sa.select(Incoming.id, Incoming.body))))


def test_bodies_are_deleted_after_a_month_and_evidence_after_a_year() -> None:
    received(b"old", 31)
    received(b"very old", 366)
    new, waiting = received(b"new", 29), received(b"waiting", 31, state="waiting")
    evidence, old_evidence = received(b"evidence", 364), received(b"old evidence", 366)
    with transaction():
        db.session.execute(
            sa.update(Incoming)
            .where(Incoming.id.in_((evidence, old_evidence)))
            .values(is_evidence=True)
        )
    with transaction():
        stored_bodies.delete(stored_bodies.overdue(NOW), now=NOW)
    assert sorted(stored()) == sorted([new, waiting, evidence])


def carried_on(slices: int = 5) -> None:
    for _ in range(slices):
        with transaction():
            stored_bodies.carry_on()


def erased(delivery_id: int) -> None:
    with transaction():
        erasure.erase([delivery(delivery_id).subscriber_id or 0])
    carried_on()


@pytest.mark.parametrize(
    "form",
    [
        b"p0@news.example",
        b"P0@News.Example",
        b"p0%40news.example",
        b"p0\\u0040news.example",
        b"bounce-p0=news.example@relay.example",
        b"p0=40news.example",
    ],
)
def test_erasure_removes_the_address_from_all_bodies(form: bytes) -> None:
    [number] = a_sent()
    before = received(b'[{"email":"' + form + b'"},{"email":"p1@news.example"},"' + form + b'"]')
    erased(number)
    body = stored()[before]
    assert b"news.example" in body, "the other person stays"
    assert b"p0" not in body.lower()


def test_a_body_with_very_many_addresses_takes_little_time() -> None:
    [person] = a_sent()
    number = received(b"p0@news.example," * 120_000)
    begun = time.process_time()
    erased(person)
    assert time.process_time() - begun < 10
    assert stored()[number] == b"xxxxxxxxxxxxxxx," * 120_000


def test_erasure_empties_emails_about_the_person_and_the_words_of_servers() -> None:
    [number] = a_sent()
    applied(about(number, reply="550 p0@news.example unknown"))
    with transaction():
        body = {"channel": "email", "state": "done", "body": b"cDBAbmV3cw=="}
        db.session.execute(sa.update(Incoming).values(**body))
    erased(number)
    assert list(stored().values()) == [b""]
    assert db.session.scalars(sa.select(Event.detail)).all() == [""]
    found = db.session.scalars(sa.select(Suppression)).one()
    assert (found.address_normal, found.note) == ("p0@news.example", "")


def test_erasure_waits_for_a_body_that_no_job_has_read() -> None:
    [number] = a_sent()
    waiting = received(b"p0@news.example", state="waiting")
    with transaction():
        erasure.erase([delivery(number).subscriber_id or 0])
    carried_on()
    assert stored()[waiting] == b"p0@news.example"
    with transaction():
        db.session.execute(sa.update(Incoming).values(state="done"))
    carried_on()
    assert not stored_bodies.is_any_left()
    assert stored()[waiting] == b"x" * 15


def test_large_bodies_are_searched_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    [number] = a_sent()
    ids = [received(b"p0@news.example" + bytes([65 + n]) * 60) for n in range(5)]
    monkeypatch.setattr(stored_bodies, "SLICE_BYTES", 160)
    with transaction():
        erasure.erase([delivery(number).subscriber_id or 0])
    carried_on(1)
    assert db.session.scalar(sa.select(BodyErasure.position)) == ids[1]
    carried_on()
    assert not stored_bodies.is_any_left()
    assert not any(b"p0@" in body for body in stored().values())


def test_erasure_forgets_reverted_suppressions() -> None:
    [number] = a_sent()
    applied(about(number))
    with transaction():
        suppressions.lift("p0@news.example", by="owner@example.org", now=NOW)
    erased(number)
    assert db.session.scalars(sa.select(LiftedSuppression)).all() == []
