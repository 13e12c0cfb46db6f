"""Scoring in the background: the sweep asks for it once a night, and it continues until done."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.events import scores
from campaigns.events.models import EngagementRun, EngagementScore
from campaigns.jobs import engagement, runtime, sweep
from tests.conftest import settings_for_tests
from tests.factories import a_campaign, a_delivery, a_subscriber

JOB = "campaigns.jobs.engagement.carry_on"


@pytest.fixture
def settings(database_url: str, tmp_path: Path, redis_url: str) -> Settings:
    return settings_for_tests(tmp_path, database_url=database_url, redis_url=redis_url)


def rings(settings: Settings) -> int:
    """Count the jobs that wait, and take them off the lane."""
    with Redis.from_url(settings.redis_url) as redis:
        queue = Queue("background", connection=redis, serializer=JSONSerializer)
        found = [job.func_name for job in queue.jobs]
        queue.empty()  # type: ignore[no-untyped-call]
        return found.count(JOB)


def test_everyone_is_scored_in_slices_and_then_no_more_is_asked_for(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.use(app)
    monkeypatch.setattr(scores, "SLICE", 1)
    with transaction():
        issues = [a_campaign(status="sent", started_at=utcnow()) for _ in range(3)]
        for name in ("ann", "bob"):
            person = a_subscriber(f"{name}@example.org")
            for issue in issues:
                a_delivery(issue, person, status="sent", sent_at=utcnow())
    sweep.ring_for_open_work()
    assert rings(settings) == 1
    monkeypatch.setattr(engagement, "SLICE_SECONDS", 0.0)
    engagement.carry_on()
    assert rings(settings) == 1, "there is more"
    monkeypatch.setattr(engagement, "SLICE_SECONDS", 60.0)
    engagement.carry_on()
    assert rings(settings) == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(EngagementScore)) == 2
    assert db.session.scalar(sa.select(EngagementRun.finished_at)) is not None
    sweep.ring_for_open_work()
    assert rings(settings) == 0
