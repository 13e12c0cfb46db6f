"""The clock: one at a time, starts what is due, outlives outages."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.jobs.models import Lease
from campaigns.jobs.queues import connect
from campaigns.jobs.schedule import Clock, hold_lease
from campaigns.sending.models import Campaign
from tests.factories import a_campaign, a_list, a_sender
from tests.jobs.test_queues import waiting


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


def test_only_one_clock_works_at_a_time(app: Flask) -> None:
    assert hold_lease("a")
    assert not hold_lease("b")
    assert hold_lease("a")


def test_another_clock_takes_over_when_the_lease_runs_out(app: Flask) -> None:
    hold_lease("a")
    with transaction():
        db.session.execute(sa.update(Lease).values(until=utcnow() - timedelta(seconds=1)))
    assert hold_lease("b")
    assert not hold_lease("a")


def test_a_clock_that_leaves_lets_another_work_at_once(app: Flask) -> None:
    clock = Clock(app)
    clock.beat()
    assert not hold_lease("other")
    clock.leave()
    assert hold_lease("other")


def test_a_due_campaign_is_started_and_rung_for(app: Flask, settings: Settings) -> None:
    with transaction():
        campaign = a_campaign(
            a_list(), sender=a_sender(), status="scheduled",
            scheduled_at=utcnow() - timedelta(seconds=1),
        )  # fmt: skip
    Clock(app).beat()
    db.session.rollback()
    assert db.session.scalars(sa.select(Campaign.status)).all() == ["preparing"]
    rung = waiting(connect(settings.redis_url), "send")
    assert rung == [("campaigns.jobs.send.expand", [campaign.id])]


def test_the_sweep_rings_for_a_campaign_whose_ring_was_lost(app: Flask, settings: Settings) -> None:
    with transaction():
        campaign = a_campaign(a_list(), sender=a_sender(), status="sending")
    Clock(app).beat()
    rung = waiting(connect(settings.redis_url), "send")
    assert rung == [("campaigns.jobs.send.send", [campaign.id])]
