"""From the stream into the database: no event is lost or recorded twice."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from redis import Redis
from redis.exceptions import ConnectionError as RedisAwayError

from campaigns.campaign.models import Delivery
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.events.record import record
from campaigns.events.tracking import clicked, opened
from campaigns.jobs import ingest as ingest_job
from campaigns.jobs import runtime, stream
from campaigns.jobs.ingest import ingest
from campaigns.jobs.stream import EventStream
from tests.conftest import settings_for_tests
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(database_url: str, tmp_path: Path, redis_url: str) -> Settings:
    return settings_for_tests(tmp_path, database_url=database_url, redis_url=redis_url)


@pytest.fixture
def delivery(app: Flask) -> Delivery:
    runtime.use(app)
    with transaction():
        news = a_list()
        return a_delivery(a_campaign(news), a_subscriber("alice@example.org", news))


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


def count() -> int:
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count(Event.id))) or 0


def fill(delivery: Delivery, links: int) -> None:
    for number in range(links):
        assert stream.event_stream().add(clicked(delivery.id, number, at=NOON, user_agent="é"))


def test_waiting_events_are_recorded_and_leave_the_stream(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_job, "SLICE_SECONDS", 60.0)  # however busy the machine is
    fill(delivery, 1_201)
    ingest()
    assert count() == 1_201
    assert stream.length() == 0
    stored = db.session.get_one(Delivery, delivery.id, populate_existing=True)
    assert stored.first_clicked_at == NOON


def test_an_empty_stream_is_fine(delivery: Delivery) -> None:
    ingest()
    ingest()
    assert stream.length() == 0


def test_events_of_a_killed_worker_are_recorded_by_the_next(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(delivery, 3)
    stream.event_stream().open_group()
    taken = stream.event_stream().read(10)
    assert len(taken) == 3
    ingest()
    assert count() == 0  # it may still be working
    monkeypatch.setattr(ingest_job, "DEAD_AFTER_SECONDS", 0)
    ingest()
    assert count() == 3
    assert stream.length() == 0


def test_a_worker_killed_between_commit_and_acknowledgement_counts_nothing_twice(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(delivery, 3)
    stream.event_stream().open_group()
    events = [event for _, event in stream.event_stream().read(10) if event]
    with transaction():
        record(events, now=NOON)
    monkeypatch.setattr(ingest_job, "DEAD_AFTER_SECONDS", 0)
    ingest()
    assert count() == 3
    assert stream.length() == 0


def test_an_unreadable_event_does_not_delay_the_rest(delivery: Delivery, redis: Redis) -> None:
    for text in ("", "nonsense", "[]", "{}", '{"kind":"opened","at":"x"}', "1"):
        redis.xadd(stream.KEY, {"event": text})
    redis.xadd(stream.KEY, {"other": "field"})
    fill(delivery, 1)
    ingest()
    assert count() == 1
    assert stream.length() == 0


def test_events_of_deleted_campaigns_leave_the_stream_too(delivery: Delivery) -> None:
    stream.event_stream().add(opened(delivery.id + 5, at=NOON))
    ingest()
    assert count() == 0
    assert stream.length() == 0


def test_events_stay_in_the_stream_when_the_database_fails(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(delivery, 2)
    with db.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE event RENAME TO event_away"))
    try:
        with pytest.raises(sa.exc.DatabaseError):
            ingest()
        assert stream.length() == 2
    finally:
        with db.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE event_away RENAME TO event"))
    monkeypatch.setattr(ingest_job, "DEAD_AFTER_SECONDS", 0)
    ingest()
    assert count() == 2


def test_a_long_stream_is_processed_in_slices_that_queue_the_next(
    delivery: Delivery, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_job, "SLICE_SECONDS", 0.0)
    fill(delivery, ingest_job.BATCH + 1)
    ingest()
    assert count() == ingest_job.BATCH
    assert redis.llen("rq:queue:background") == 1


def test_an_unavailable_redis_is_not_tried_again_for_a_while() -> None:
    away = EventStream("redis://127.0.0.1:1/0")
    event = opened(1, at=NOON)
    assert away.add(event) is False
    assert away.add(event) is False
    assert away.length() == 0
    with pytest.raises(RedisAwayError):
        away.open_group()
