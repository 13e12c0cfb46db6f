"""When a campaign is sent, and what happens to a missed time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from campaigns.campaign import lifecycle, schedule
from campaigns.campaign.local_time import DayWindow
from campaigns.campaign.schedule import SendPlan
from campaigns.db import transaction
from tests.factories import a_campaign, a_list, a_sender
from tests.readback import fresh_campaign

NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
OVERDUE = timedelta(hours=2)
PLAN = SendPlan(
    at=NOW + timedelta(hours=8),
    zone="Europe/Berlin",
    local_at=datetime.fromisoformat("2026-03-29T09:00"),
    hours=DayWindow(8, 20),
    spread_seconds=3600,
)


def _campaign(**values: Any) -> int:
    with transaction():
        return a_campaign(a_list(), sender=a_sender(), **values).id


def _scheduled(at: datetime) -> int:
    return _campaign(status="scheduled", scheduled_at=at)


def test_a_launch_stores_its_plan(app: Flask) -> None:
    campaign_id = _campaign()
    with transaction():
        assert schedule.launch(campaign_id, PLAN, undo_seconds=10, now=NOW)
    found = fresh_campaign(campaign_id)
    assert found.status == "scheduled"
    assert found.scheduled_at == PLAN.at
    assert schedule.plan_of(found) == PLAN


def test_a_new_launch_replaces_the_old_plan(app: Flask) -> None:
    campaign_id = _campaign()
    with transaction():
        schedule.launch(campaign_id, PLAN, undo_seconds=10, now=NOW)
        lifecycle.back_to_draft(campaign_id, now=NOW)
        assert schedule.launch(campaign_id, SendPlan(), undo_seconds=0, now=NOW)
    found = fresh_campaign(campaign_id)
    assert found.status == "preparing"
    assert (found.local_at, found.hours_until, found.spread_seconds) == ("", 24, 0)


def test_only_a_draft_is_launched(app: Flask) -> None:
    campaign_id = _campaign(status="sending")
    with transaction():
        assert not schedule.launch(campaign_id, PLAN, undo_seconds=0, now=NOW)
    assert fresh_campaign(campaign_id).local_at == ""


@pytest.mark.parametrize(("late", "is_started"), [(0, True), (119, True), (121, False)])
def test_a_time_missed_by_too_much_asks(app: Flask, late: int, is_started: bool) -> None:
    campaign_id = _scheduled(NOW - timedelta(minutes=late))
    assert schedule.is_anything_due(now=NOW)
    with transaction():
        asked = schedule.ask(overdue=OVERDUE, now=NOW)
        started = lifecycle.start_due(overdue=OVERDUE, now=NOW)
    assert (asked, started) == (([], [campaign_id]) if is_started else ([campaign_id], []))
    assert [found.id for found in schedule.asked()] == asked


def test_a_question_remains_until_it_is_answered(app: Flask) -> None:
    campaign_id = _scheduled(NOW - timedelta(days=1))
    with transaction():
        schedule.ask(overdue=OVERDUE, now=NOW)
    for hours in (0, 1, 1000):
        later = NOW + timedelta(hours=hours)
        assert not schedule.is_anything_due(now=later)
        with transaction():
            assert schedule.ask(overdue=OVERDUE, now=later) == []
            assert lifecycle.start_due(overdue=OVERDUE, now=later) == []
    # Not even if the limit is raised, or the wall clock set back to before the time.
    with transaction():
        assert lifecycle.start_due(overdue=timedelta(days=9), now=NOW) == []
        assert lifecycle.start_due(overdue=OVERDUE, now=NOW - timedelta(hours=23)) == []
    assert fresh_campaign(campaign_id).status == "scheduled"


def test_the_answer_may_be_to_send_now(app: Flask) -> None:
    campaign_id = _scheduled(NOW - timedelta(days=1))
    with transaction():
        schedule.ask(overdue=OVERDUE, now=NOW)
        assert schedule.send_now(campaign_id, undo_seconds=10, now=NOW)
        assert lifecycle.start_due(overdue=OVERDUE, now=NOW) == []
    assert fresh_campaign(campaign_id).is_undo_window
    with transaction():
        started = lifecycle.start_due(overdue=OVERDUE, now=NOW + timedelta(seconds=10))
    assert started == [campaign_id]


def test_without_a_question_there_is_no_answer(app: Flask) -> None:
    campaign_id = _scheduled(NOW + timedelta(days=1))
    with transaction():
        assert not schedule.send_now(campaign_id, undo_seconds=0, now=NOW)
    assert fresh_campaign(campaign_id).scheduled_at == NOW + timedelta(days=1)


def test_the_answer_may_be_a_new_time(app: Flask) -> None:
    campaign_id = _scheduled(NOW - timedelta(days=1))
    with transaction():
        schedule.ask(overdue=OVERDUE, now=NOW)
        assert schedule.move(campaign_id, SendPlan(at=NOW + OVERDUE, zone="UTC"), now=NOW)
    found = fresh_campaign(campaign_id)
    assert (found.scheduled_at, found.asked_at) == (NOW + OVERDUE, None)


def test_the_answer_may_be_not_to_send(app: Flask) -> None:
    campaign_id = _scheduled(NOW - timedelta(days=1))
    with transaction():
        schedule.ask(overdue=OVERDUE, now=NOW)
        assert lifecycle.back_to_draft(campaign_id, now=NOW)
    found = fresh_campaign(campaign_id)
    assert (found.status, found.asked_at) == ("draft", None)


@pytest.mark.parametrize("status", ["draft", "preparing", "sending", "sent"])
def test_only_a_scheduled_campaign_can_be_rescheduled(app: Flask, status: str) -> None:
    campaign_id = _campaign(status=status)
    with transaction():
        assert not schedule.move(campaign_id, SendPlan(at=NOW), now=NOW)
        assert not schedule.send_now(campaign_id, undo_seconds=0, now=NOW)
    assert fresh_campaign(campaign_id).status == status


def test_a_campaign_rescheduled_at_the_last_second_is_not_started(app: Flask) -> None:
    campaign_id = _scheduled(NOW)
    with transaction():
        schedule.move(campaign_id, SendPlan(at=NOW + OVERDUE), now=NOW)
        assert not lifecycle._start(
            campaign_id, ("scheduled",), NOW, *lifecycle._is_due(NOW, OVERDUE)
        )
    assert fresh_campaign(campaign_id).status == "scheduled"


def test_setting_the_wall_clock_back_starts_nothing_again(app: Flask) -> None:
    campaign_id = _scheduled(NOW)
    with transaction():
        assert lifecycle.start_due(overdue=OVERDUE, now=NOW) == [campaign_id]
    for jump in (timedelta(hours=-3), timedelta(0), timedelta(hours=1)):
        with transaction():
            assert lifecycle.start_due(overdue=OVERDUE, now=NOW + jump) == []
            assert schedule.ask(overdue=OVERDUE, now=NOW + jump) == []
