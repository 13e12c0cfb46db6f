"""The clock: one works at a time, starts what is due and survives outages."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.fields import changes
from campaigns.campaign import series
from campaigns.campaign.models import Campaign, CampaignSeries, Delivery
from campaigns.campaign.recurrence import Recurrence
from campaigns.campaign.schedule import SendPlan
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.engine.redis_connection import connect
from campaigns.jobs.clock import (
    ClockProcess,
    advance_series,
    explain_waves,
    hold_back,
    hold_lease,
    start_due,
)
from campaigns.jobs.models import Lease
from tests.english import in_english
from tests.factories import (
    a_campaign,
    a_delivery,
    a_field,
    a_list,
    a_segment,
    a_sender,
    a_subscriber,
)
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


def test_a_lease_from_a_wall_clock_that_was_ahead_is_taken_over(app: Flask) -> None:
    hold_lease("a")
    with transaction():
        db.session.execute(sa.update(Lease).values(until=utcnow() + timedelta(days=1)))
    assert hold_lease("b")


def test_a_clock_that_stops_lets_another_start_immediately(app: Flask) -> None:
    clock = ClockProcess(app)
    clock.beat()
    assert not hold_lease("other")
    clock.leave()
    assert hold_lease("other")


def test_a_due_campaign_is_started_and_its_job_queued(app: Flask, settings: Settings) -> None:
    with transaction():
        campaign = a_campaign(
            a_list(), sender=a_sender(), status="scheduled",
            scheduled_at=utcnow() - timedelta(seconds=1),
        )  # fmt: skip
    ClockProcess(app).beat()
    db.session.rollback()
    assert db.session.scalars(sa.select(Campaign.status)).all() == ["preparing"]
    rung = waiting(connect(settings.redis_url), "send")
    assert rung == [("campaigns.jobs.send.expand", [campaign.id])]


def test_the_sweep_queues_a_lost_job_again(app: Flask, settings: Settings) -> None:
    with transaction():
        a_campaign(a_list(), sender=a_sender(), status="sending")
    ClockProcess(app).beat()
    rung = waiting(connect(settings.redis_url), "send")
    assert rung == [("campaigns.jobs.send.send", [])]


def _states() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Campaign.status).order_by(Campaign.id)))


def test_after_a_long_downtime_an_owner_decides_whether_to_send(
    app: Flask, settings: Settings
) -> None:
    with transaction():
        save_workspace(overdue_minutes=60)
        for minutes in (59, 61):
            at = utcnow() - timedelta(minutes=minutes)
            a_campaign(status="scheduled", scheduled_at=at)
    start_due()
    start_due()
    assert _states() == ["preparing", "scheduled"]
    asked = sa.select(Campaign.status).where(Campaign.asked_at.is_not(None))
    assert db.session.scalars(asked).all() == ["scheduled"]
    assert len(waiting(connect(settings.redis_url), "send")) == 1


def test_two_clocks_at_once_start_a_campaign_once(app: Flask, settings: Settings) -> None:
    """The lease prevents this; without the lease, the guarded UPDATE does."""
    with transaction():
        campaign = a_campaign(a_list(), sender=a_sender(), status="scheduled")
        campaign.scheduled_at = utcnow()
    _at_once(app, start_due)
    assert _states() == ["preparing"]
    assert waiting(connect(settings.redis_url), "send") == [
        ("campaigns.jobs.send.expand", [campaign.id])
    ]


def _series(**values: Any) -> CampaignSeries:
    with transaction():
        save_workspace(postal_address="12 Quay Street")
        news = a_list()
        a_subscriber("alice@example.org", news)
        template = a_campaign(news, sender=a_sender(), subject="What is new", **values)
        soon = (utcnow() + timedelta(hours=2)).replace(tzinfo=None)
        first = soon.replace(second=0, microsecond=0)
        return series.create(
            template.id, Recurrence("daily"), first, SendPlan(zone="UTC"), now=utcnow()
        )


def test_the_next_occurrence_of_a_series_is_created_and_scheduled(app: Flask) -> None:
    _series()
    ClockProcess(app).beat()
    assert _states() == ["draft", "scheduled"]
    made = db.session.scalars(sa.select(Campaign).where(Campaign.status == "scheduled")).one()
    assert made.scheduled_at is not None
    assert timedelta(hours=1) < made.scheduled_at - utcnow() < timedelta(hours=2)


def test_an_occurrence_waits_while_the_values_that_its_segment_compares_are_moved(
    app: Flask,
) -> None:
    with transaction():
        field = a_field("City")
        rule = {"kind": "field", "key": "city", "op": "is_not", "values": ["Ulm"]}
        segments = (a_segment("Elsewhere", rule),)
    _series(segments=segments)
    with transaction():
        moving = changes.start_rename(field, "town", now=utcnow()).id
    advance_series()
    assert _states() == ["draft"]
    with transaction():
        changes.carry_on(moving, now=utcnow())
    advance_series()
    assert _states() == ["draft", "scheduled"]


def test_two_clocks_at_once_create_an_occurrence_once(app: Flask) -> None:
    _series()
    _at_once(app, advance_series)
    assert _states() == ["draft", "scheduled"]


def test_an_occurrence_that_cannot_be_sent_becomes_a_draft_that_says_why(app: Flask) -> None:
    _series(source="{% if %}")
    ClockProcess(app).beat()
    assert _states() == ["draft", "draft"]
    reasons = db.session.scalars(sa.select(Campaign.status_reason).order_by(Campaign.id)).all()
    assert reasons[0] == ""
    assert in_english(reasons[1]).startswith("This campaign was not scheduled. Content: ")


def test_a_failing_series_delays_nothing_else(app: Flask) -> None:
    broken = _series()
    with transaction():
        db.session.execute(sa.update(CampaignSeries).values(zone="Mars/Olympus"))
        a_campaign(status="scheduled", scheduled_at=utcnow())
    ClockProcess(app).beat()
    assert _states() == ["draft", "preparing"]
    again = db.session.get_one(CampaignSeries, broken.id, populate_existing=True).next_run_at
    assert again is not None
    assert again > utcnow()


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_the_clock_postpones_deliveries_outside_the_sending_hours(
    app: Flask, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.jobs.clock.HELD_AT_ONCE", at_once)
    hour = utcnow().hour
    hours = (0, hour) if hour else (2, 24)  # the hours have ended, or begin much later
    with transaction():
        news = a_list()
        campaign = a_campaign(
            news, sender=a_sender(), status="sending", hours_from=hours[0], hours_until=hours[1]
        )
        for name in ("alice", "bob", "carol"):
            a_delivery(campaign, a_subscriber(f"{name}@example.org", news))
    hold_back("this clock")
    times = list(db.session.scalars(sa.select(Delivery.not_before)))
    assert len(times) == 3
    assert all(at is not None and at > utcnow() for at in times)


def test_between_two_waves_a_campaign_says_what_it_is_waiting_for(app: Flask) -> None:
    with transaction():
        news = a_list()
        campaign = a_campaign(
            news, sender=a_sender(), status="sending", local_at="2026-03-29T09:00"
        )
        at = datetime(2100, 3, 29, 7, 30, tzinfo=UTC)
        a_delivery(campaign, a_subscriber("alice@example.org", news), not_before=at)
    explain_waves()
    found = db.session.get_one(Campaign, campaign.id, populate_existing=True)
    assert in_english(found.status_reason) == (
        "1 recipient waits for the time in their time zone."
        " The next email is sent at 29 Mar 2100, 07:30."
    )


def _at_once(app: Flask, work: Callable[[], None], threads: int = 4) -> None:
    """Do the same work in several threads that start together."""
    gate = threading.Barrier(threads)
    problems: list[BaseException] = []

    def one() -> None:
        with app.app_context():
            gate.wait()
            try:
                work()
            except Exception as error:  # noqa: BLE001 handed to the test
                problems.append(error)
            finally:
                db.session.remove()

    runners = [threading.Thread(target=one) for _ in range(threads)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert problems == []
